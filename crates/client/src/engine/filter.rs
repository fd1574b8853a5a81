//! The leak filter in front of the outbox (protocol-spec/09-policy, section 10): whatever people write is judged before it is
//! queued, by the conversation's tier, and each verdict but *allow* is on record, signed, before anybody is answered. What is
//! queued was judged; it is not judged again when it is sent.

use std::sync::OnceLock;

use amanat_conversation::content::Body;
use amanat_identity::Tier;
use amanat_policy::{
    Action, Kind, Policy, Ready, Verdict,
    document::Layout,
    find::Findings,
    record::{Count, Outcome, Record, SignedRecord, Subject},
};
use amanat_primitives::{ConversationId, Digest};
use amanat_wire::{List, Text};

use super::core::{Core, tier_of};
use crate::{
    Failure, Reply,
    api::{Consent, Judged, KindFound, PLACES, Place, RecordView, Target},
    failure,
    rows::{LastRecordRow, meta},
    vault::{Batch, Scope},
};

/// Bytes of a text that is judged while it is written: a message's.
const TEXT: usize = amanat_conversation::content::TEXT;
/// Records in one answer.
const RECORDS: usize = 10_000;

/// What is about to be sent, and where to.
#[derive(Clone, Copy)]
pub(crate) struct Sending<'a> {
    pub(crate) subject: Subject,
    pub(crate) text: &'a str,
    pub(crate) tier: Tier,
    /// None where it is opened for this.
    pub(crate) conversation: Option<ConversationId>,
}

/// The policy of this device: the built-in one. Made ready once a process.
fn policy() -> Result<&'static Ready, Failure> {
    static BUILTIN: OnceLock<Option<Ready>> = OnceLock::new();
    let ready = BUILTIN.get_or_init(|| {
        Policy::builtin().inspect_err(|error| tracing::error!(%error, "the built-in policy cannot be read")).ok()
    });
    ready.as_ref().ok_or_else(|| failure::internal("the built-in policy cannot be read"))
}

/// What stands in a text, and what is to be done about it.
fn look_at(text: &str, tier: Tier) -> Result<(Findings, Verdict), Failure> {
    let policy = policy()?;
    let found = policy.find(text, tier);
    let verdict = policy.judge(&found, tier);
    Ok((found, verdict))
}

impl Core {
    /// [`Command::Judge`](crate::Command::Judge). [POL-54]
    pub(crate) fn judge(&mut self, to: &Target, text: &str) -> Result<Reply, Failure> {
        if text.len() > TEXT {
            return Err(failure::too_large("text", "64 KiB", "shorten it, or send it as a document"));
        }
        let tier = match to {
            Target::Conversation(id) => tier_of(self.conversation(*id)?.row.tier),
            Target::Person(_, tier) => tier.unwrap_or(Tier::Official),
        };
        let (found, verdict) = look_at(text, tier)?;
        Ok(Reply::Judged(judged(tier, &found, &verdict)))
    }

    /// Lets what a conversation's member writes pass, or says why not. Either is on record before it is said. [POL-52]
    pub(crate) fn pass(&mut self, sending: Sending<'_>, consent: &Consent) -> Result<(), Failure> {
        // Before the text is looked at: that it is too long tells nothing of the verdict.
        let reason = reason_of(consent)?;
        let (found, verdict) = look_at(sending.text, sending.tier)?;
        if verdict.action == Action::Allow {
            return Ok(());
        }
        // [POL-53]
        let passed = match verdict.action {
            Action::Allow => true,
            Action::Warn => *consent != Consent::None,
            Action::Reason => !reason.is_empty(),
            Action::Approve | Action::Refuse => false,
        };
        let outcome = if passed { Outcome::Passed } else { Outcome::Stopped };
        self.put_on_record(sending, (&verdict, found.cut), outcome, reason)?;
        if passed { Ok(()) } else { Err(failure::filtered(&verdict, sending.tier)) }
    }

    /// The same of what a frame will hold, where there is anything in it to read.
    pub(crate) fn pass_body(&mut self, id: ConversationId, body: &Body, consent: &Consent) -> Result<(), Failure> {
        let tier = tier_of(self.conversation(id)?.row.tier);
        self.pass_body_in(tier, Some(id), body, consent)
    }

    /// The same, where the conversation may not be open yet.
    pub(crate) fn pass_body_in(
        &mut self,
        tier: Tier,
        conversation: Option<ConversationId>,
        body: &Body,
        consent: &Consent,
    ) -> Result<(), Failure> {
        let Some((subject, text)) = written(body) else { return Ok(()) };
        self.pass(Sending { subject, text, tier, conversation }, consent)
    }

    fn put_on_record(
        &mut self,
        sending: Sending<'_>,
        (verdict, unread): (&Verdict, bool),
        outcome: Outcome,
        reason: Text<{ amanat_policy::record::REASON }>,
    ) -> Result<(), Failure> {
        let last = self.vault.read::<LastRecordRow>(Scope::Meta, meta::RECORDS)?;
        let last = last.unwrap_or(LastRecordRow { number: 0, id: Digest::ZERO });
        // What asked for the action first: nothing of it is cut off.
        let asked = verdict.because.iter().map(|(kind, _)| kind);
        let rest = verdict.counts.keys().filter(|kind| verdict.because.iter().all(|(asked, _)| asked != *kind));
        let count = |kind: &Kind| verdict.counts.get(kind).copied().unwrap_or_default();
        let found = asked.chain(rest).map(|kind| Count { kind: kind.clone(), count: count(kind) });
        let found = List::new(found.take(amanat_policy::record::KINDS).collect::<Vec<_>>())
            .map_err(|_| failure::internal("a record has too many kinds"))?;
        let record = Record {
            layout: Layout,
            device: self.own.id(),
            number: last.number + 1,
            before: last.id,
            at: self.now(),
            policy: policy()?.policy().number,
            conversation: sending.conversation,
            tier: sending.tier,
            subject: sending.subject,
            action: verdict.action,
            unread,
            found,
            outcome,
            reason,
        };
        let record = record.sign(self.keys.signing());
        let mut batch = Batch::default();
        batch.put(Scope::Records, &record.record.number.to_be_bytes(), &record);
        batch.put(Scope::Meta, meta::RECORDS, &LastRecordRow { number: record.record.number, id: record.id() });
        self.vault.commit(batch)
    }

    /// [`Command::Records`](crate::Command::Records). [POL-51]
    pub(crate) fn list_records(&self, since: u64) -> Result<Reply, Failure> {
        let mut records = self.vault.scan::<SignedRecord>(Scope::Records)?;
        records.retain(|signed| signed.record.number > since);
        records.sort_unstable_by_key(|signed| signed.record.number);
        Ok(Reply::Records(records.into_iter().take(RECORDS).map(|signed| view(signed.record)).collect()))
    }
}

/// What people read of a body, if anything.
fn written(body: &Body) -> Option<(Subject, &str)> {
    match body {
        Body::Text(text) | Body::AskAcknowledgement(text) => Some((Subject::Text, text)),
        Body::Reply(reply) => Some((Subject::Text, &reply.text)),
        Body::Reaction(reaction) => Some((Subject::Text, &reaction.text)),
        Body::Edit(edit) => Some((Subject::Edit, &edit.text)),
        Body::Title(title) => Some((Subject::Title, title)),
        Body::Expiring(expiring) => written(expiring.inner()),
        _ => None,
    }
}

/// The reason as it goes on record; empty where none was given.
fn reason_of(consent: &Consent) -> Result<Text<{ amanat_policy::record::REASON }>, Failure> {
    let Consent::Reason(reason) = consent else { return Ok(Text::default()) };
    Text::new(crate::show::one_line(reason))
        .map_err(|_| failure::too_large("reason", "500 bytes", "say it in fewer words"))
}

fn judged(tier: Tier, found: &Findings, verdict: &Verdict) -> Judged {
    let asked = |kind| verdict.because.iter().find(|(because, _)| because == kind).map_or(Action::Allow, |(_, a)| *a);
    let mut kinds: Vec<KindFound> = verdict
        .counts
        .iter()
        .map(|(kind, count)| KindFound { kind: kind.clone(), count: *count, action: asked(kind) })
        .collect();
    kinds.sort_by_key(|found| std::cmp::Reverse(found.action));
    let places = found.list.iter().take(PLACES).map(|finding| Place {
        kind: finding.kind.clone(),
        rule: finding.rule.clone(),
        range: finding.range.clone(),
    });
    Judged { tier, action: verdict.action, kinds, places: places.collect(), unread: found.cut }
}

fn view(record: Record) -> RecordView {
    RecordView {
        number: record.number,
        at: record.at,
        conversation: record.conversation,
        tier: record.tier,
        subject: record.subject,
        action: record.action,
        passed: record.outcome == Outcome::Passed,
        found: record.found.into_vec().into_iter().map(|found| (found.kind, found.count)).collect(),
        unread: record.unread,
        reason: record.reason.into_string(),
    }
}
