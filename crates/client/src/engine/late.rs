//! What was made long before it can be brought (protocol-spec/05-conversation, sections 5 and 8). A commit whose time the relay's
//! stamp would be too far from by now is void for everyone: it is given up and made anew, as is one that founds a
//! conversation. A message under an epoch that has ended long ago is encrypted anew: others may have forgotten its keys.

use amanat_conversation::{CheckedKeyPackage, Content};
use amanat_primitives::{ConversationId, DeviceId, Timestamp, UnitId};
use amanat_wire::{
    Bytes, Decode as _,
    client::{Nothing, Read, Request},
    log::{Unit, UnitKind},
    relay::{Answer, Refusal},
};
use std::time::Duration;

use super::{
    Input,
    commits::commit_row,
    core::{Core, tier_of},
    create::claim,
    devices::first_of_each,
    link::Question,
    people::VerifiedChain,
};
use crate::{
    Failure, FailureCode, failure,
    rows::{Change, OutboxRow},
    vault::{Batch, Scope},
};

/// How old a commit may be, by the relay's clock, when it is sent: two minutes less than what its stamp may be off. So long
/// may what was sent be on its way, before the relay gives a silent link up (after 100 s).
const LATE_COMMIT: Duration = Duration::from_secs(8 * 60);
/// A commit that is younger by this machine's clock is not made anew: the next one would be no better. It is sent, but for a
/// clock that is known to be wrong: then it waits.
const FRESH_COMMIT: Duration = Duration::from_secs(60);
/// How long it takes until a conversation that could not be founded anew is tried again.
const FOUND_AGAIN: Duration = Duration::from_secs(600);
/// How long after it was written a message is sent only as what holds now: far less than others keep an epoch's keys.
const LATE_MESSAGE: Duration = Duration::from_secs(3600);

/// KeyPackages of those with whom a conversation is to be founded after all.
pub(crate) struct Founding {
    conversation: ConversationId,
    /// Number of the link that they were asked for over.
    link: u64,
    packages: Result<Vec<CheckedKeyPackage>, Failure>,
}

impl Core {
    /// Whether the commit on its way would be void by its time, and another one would not. [CONV-92]
    pub(crate) fn is_late(&mut self, id: ConversationId) -> Result<bool, Failure> {
        let Some((relay, own)) = self.link.as_ref().map(|up| up.clocks) else { return Ok(false) };
        let now = self.now();
        // One of the two is zero: `since` does not go below.
        let relays_now = now.after(relay.since(own)).before(own.since(relay));
        let wrong = self.clocks_differ().is_some();
        let made = self.group(id)?.pending_since().map_err(failure::from_conversation)?;
        let late = |made: Timestamp| {
            // By a clock that was ahead and is right again, or not.
            let early = made.since(relays_now) > LATE_COMMIT;
            early || relays_now.since(made) > LATE_COMMIT && (wrong || now.since(made) > FRESH_COMMIT)
        };
        Ok(made.is_some_and(late))
    }

    /// What becomes of a late commit. [CONV-92]
    pub(crate) fn late_commit(&mut self, id: ConversationId, change: Change) -> Result<(), Failure> {
        // Another one would be void as well. It stays, until the clocks agree. [CONV-82]
        if let Some(by) = self.clocks_differ() {
            self.change_failed(id, &failure::clocks_differ(by));
            self.again_later(id);
            return Ok(());
        }
        match change {
            Change::Create(_) => {
                self.ask_for_creation(id);
                Ok(())
            }
            change => self.make_commit_anew(id, change),
        }
    }

    /// Gives a late commit up, and wants what it was for once more, as where another one came first. Whom an earlier run was
    /// to appoint is said nowhere: whoever asked was not told that it is done, and asks again. This device is
    /// current, so that the relay has not stored it; should it all the same, it is still known. [CONV-90]
    fn make_commit_anew(&mut self, id: ConversationId, change: Change) -> Result<(), Failure> {
        tracing::debug!(conversation = %id, "a commit is too old to be brought and is made anew");
        if let Change::Add(devices) = &change
            && self.conversation(id)?.doing.is_none()
        {
            // An earlier run made it, and nothing else says who was to be added. [DELIV-213] Who is in and was to be added
            // again is no newcomer, and asks again.
            let members: Vec<_> = self.group(id)?.members().into_iter().map(|member| member.device).collect();
            let new = devices.iter().copied().filter(|device| !members.contains(device));
            let (known, _) = self.known_devices(new)?;
            let others = known.into_values().map(|device| device.address().clone());
            let others: Vec<_> = others.filter(|address| address != self.own.address()).collect();
            self.record_newcomers(id, others)?;
        }
        // The one that takes its place is written in the batch that forgets it, and at once: a removal is not lost with the
        // process.
        self.take_commit_back(id)?;
        self.change_lost(id, change);
        if let Some(open) = self.conversations.get_mut(&id) {
            open.rest = None;
        }
        self.pump_commit(id)?;
        if self.conversation(id)?.commit.is_none() { self.write_without_commit(id) } else { Ok(()) }
    }

    /// The same for one that founds a conversation. There is no log to be read where the relay does not have it: so it is asked
    /// whether there is one. [CONV-92]
    pub(crate) fn ask_for_creation(&mut self, id: ConversationId) {
        let read = Read { conversation: id, after: 0, max_entries: 1 };
        let sent = self.ask_relay(Question::Creation(id), Request::Read(read));
        if let Some(open) = self.conversations.get_mut(&id) {
            open.commit_sent = sent;
        }
    }

    /// It has said.
    pub(crate) fn creation_looked_up(&mut self, id: ConversationId, answer: Answer) -> Result<(), Failure> {
        if self.conversation(id).map_or(true, |open| open.commit.is_none()) {
            return Ok(());
        }
        if !self.is_late(id)? {
            return self.send_commit(id);
        }
        match answer {
            // Under the same id it gets the answer that it got first. [DELIV-10] Another's is refused.
            Answer::Entries(_) | Answer::Refused(Refusal::NotAllowed) => self.send_commit(id),
            Answer::Refused(Refusal::Unknown) => self.claim_for_creation(id),
            _ => {
                self.again_later(id);
                Ok(())
            }
        }
    }

    fn claim_for_creation(&mut self, id: ConversationId) -> Result<(), Failure> {
        let open = self.conversation(id)?;
        let (tier, devices) = (tier_of(open.row.tier), open.tracks.keys().copied().collect::<Vec<DeviceId>>());
        let (mut known, _) = self.known_devices(devices)?;
        known.retain(|_, device| self.standing(device).require(tier).is_ok());
        if known.is_empty() {
            return self.forget(id, nobody_left());
        }
        let Some(calls) = self.calls() else { return Ok(()) };
        let now = self.now();
        let link = self.links;
        let chains: Vec<_> =
            known.into_values().map(|device| VerifiedChain { device, chain: Bytes::default() }).collect();
        self.spawn(async move {
            Input::Founding(Founding { conversation: id, link, packages: claim(&calls, now, &chains).await })
        });
        Ok(())
    }

    /// With these it is founded anew: another first commit of the same group, so that what is queued in it stays as it is.
    pub(crate) fn found_anew(&mut self, founding: Founding) -> Result<(), Failure> {
        let Founding { conversation: id, link, packages } = founding;
        // Over another link it is asked for once more.
        let waits = self.conversation(id).is_ok_and(|open| open.commit.is_some() && open.commit_sent);
        if !waits || link != self.links {
            return Ok(());
        }
        let packages = match packages {
            Ok(packages) => packages,
            Err(failure) => return self.found_later(id, &failure),
        };
        match self.make_creation(id, packages) {
            Err(failure) if failure.code == FailureCode::Conversation => self.found_later(id, &failure),
            made => made.and_then(|()| self.pump(id)),
        }
    }

    /// The first one waits, as it is in the vault.
    fn found_later(&mut self, id: ConversationId, failure: &Failure) -> Result<(), Failure> {
        tracing::warn!(code = failure.code.name(), "a conversation cannot be founded anew yet");
        self.drop_group(id);
        self.again_later(id);
        // Each try uses up KeyPackages of everybody else.
        if matches!(failure.code, FailureCode::Conversation | FailureCode::NoKeyPackage) {
            self.rest_conversation(id, self.now().after(FOUND_AGAIN));
        }
        Ok(())
    }

    fn make_creation(&mut self, id: ConversationId, packages: Vec<CheckedKeyPackage>) -> Result<(), Failure> {
        let (keys, mut random) = (std::sync::Arc::clone(&self.keys), self.random());
        let (now, status) = (self.now(), self.revocations().number());
        let packages = first_of_each(&[], &self.own, packages);
        let with: Vec<_> = packages.iter().map(|package| package.device().id()).collect();
        let group = self.group(id)?;
        group.drop_pending_commit().map_err(failure::from_conversation)?;
        let commit = group.add(packages, keys.signing(), status, now, &mut random);
        let commit = commit.map_err(failure::from_conversation)?;
        let row = commit_row(group, UnitKind::Create, Change::Create(Nothing {}), commit, &mut random)?;
        let mut batch = Batch::default();
        batch.records(Scope::GroupRecords(id), group.take_changes());
        batch.put(Scope::Commits, id.as_bytes(), &row);
        // Whoever is left out is not waited for.
        let without: Vec<_> = self.conversation(id)?.tracks.keys().filter(|of| !with.contains(of)).copied().collect();
        without.iter().for_each(|device| batch.delete(Scope::Tracks(id), device.as_bytes()));
        self.commit(Some(id), batch)?;
        if let Some(open) = self.conversations.get_mut(&id) {
            (open.commit, open.commit_sent) = (Some(row), false);
            open.tracks.retain(|device, _| with.contains(device));
        }
        Ok(())
    }

    /// Whether a message was written so long ago that it is sent only where this device is current, and only as it is
    /// encrypted for the epoch in force. By its own time, off in either direction: clocks are set right. [CONV-93]
    pub(crate) fn is_late_message(&self, queued: &OutboxRow) -> Result<bool, Failure> {
        let written = Content::from_bytes(&queued.content).map_err(|_| failure::damaged())?.sent_at;
        let now = self.now();
        Ok(now.since(written).max(written.since(now)) > LATE_MESSAGE)
    }

    /// Whether a commit was accepted since a message was encrypted.
    pub(crate) fn is_of_past_epoch(&mut self, id: ConversationId, unit: &Unit) -> Result<bool, Failure> {
        Ok(self.group(id)?.accepted_commit() > unit.accepted_commit)
    }

    /// A late message is encrypted anew, as the next one that waits. Under another unit id: should the relay have taken it
    /// as it was after all, it would answer the same id as it did then, for other bytes. So both stand in the log, and the
    /// second is a replay. [CONV-91] [CONV-93]
    pub(crate) fn encrypt_anew(&mut self, id: ConversationId, queued: OutboxRow) -> Result<(), Failure> {
        let unit = UnitId::random(&mut self.random());
        self.set_aside(id, OutboxRow { unit, ..queued })
    }
}

fn nobody_left() -> Failure {
    let failed = "everybody whom it was for is revoked, or not cleared for its tier any more";
    Failure::new(FailureCode::NotFound, failed, "open another one, with others or at a lower tier")
}
