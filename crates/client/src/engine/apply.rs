//! Taking log entries in (protocol-spec/07-delivery, section 12, and 05-conversation): up to 64 entries become one batch
//! with the MLS state, the messages and the cursor; only then are they shown, receipts owed, and the relay told.
//!
//! An entry that does not decrypt, a void commit, a gap or a fork never stops the log: it is passed over and shown as an
//! [`Alarm`]. Only chains that are missing, or a status statement, make a conversation wait, until they are fetched; and a commit
//! for which the relay's receipt is not right, until it gives the right one.

mod commits;
mod finish;
mod gone;
mod messages;
mod refused;

use amanat_conversation::{
    Content, Conversation, Incoming, LeaveProof,
    content::{Body, ContentType},
    profile::MAX_EPOCH_AGE,
};
use amanat_identity::Address;
use amanat_primitives::{ConversationId, DeviceId, DocumentId, Timestamp};
use amanat_wire::{
    Decode as _, Text,
    client::Nothing,
    log::{Entry, ReceiptBody, UnitKind},
};

use super::{
    changes::{keep_change, keep_notice},
    core::Core,
    kept::{Applied, KeptChange, RosterLists, own_unit},
    life::Lives,
    roles::may_change,
};
use crate::{
    Failure, FailureCode,
    api::{Alarm, MemberChange, Notice, Who},
    failure,
    rows::{ChangeOf, ConversationRow, MessageRow, OutboxRow, Stage, TrackRow},
    vault::{Batch, Scope},
};
use std::collections::{BTreeMap, BTreeSet};

/// Entries that become one batch.
const BATCH: usize = 64;

/// What a batch of entries changes, before it is durable.
pub(crate) struct Draft {
    pub(crate) id: ConversationId,
    row: ConversationRow,
    tracks: BTreeMap<DeviceId, TrackRow>,
    changed_tracks: Vec<DeviceId>,
    pub(crate) batch: Batch,
    /// New messages, as rows.
    messages: Vec<MessageRow>,
    /// Outbox rows whose entry was found.
    sent: Vec<OutboxRow>,
    alarms: Vec<Alarm>,
    /// Others' frames that people see came.
    owes_receipt: bool,
    /// Receipts moved the state of own messages.
    acknowledged: bool,
    /// Messages that are new or change, as the batch leaves them.
    lives: Lives,
    /// Documents named by new messages.
    documents: BTreeSet<DocumentId>,
    /// Sequences of messages from files that have come from the log.
    displaced: Vec<u64>,
    /// Documents of which a file said another manifest.
    displaced_documents: Vec<DocumentId>,
    /// The relay withholds the entry at this position; 0 for none.
    excluded: u64,
    /// Someone must be fetched before the next entry.
    missing: Vec<DeviceId>,
    /// Someone who was asked for, without whom the next entry cannot be judged.
    lacks: Option<DeviceId>,
    /// The conversation came to be.
    created: bool,
    /// One's own commit was merged.
    pub(crate) committed: bool,
    /// One's own commit was lost to another one, or void.
    pub(crate) lost: bool,
    /// One's own commit is void, and why.
    void_own: Option<Failure>,
    /// A commit was refused or void: the relay's roster may be wrong.
    wrong_roster: bool,
    /// A commit was accepted: it is right again.
    healed: bool,
    /// A member has asked to leave.
    leaver: bool,
    /// This device's request to leave was void.
    leave_again: bool,
    /// What a list shows of it changed: title, members or roles.
    changed: bool,
    /// This device has sent what this vault does not know.
    rolled_back: bool,
    /// The title, queued for those whom one's own commit has added, or who came again by somebody whose title does not count.
    title: Option<OutboxRow>,
    /// Whether the title that counts now was set by this device, where that changed.
    own_title: Option<bool>,
    /// A device was added again by somebody whose title does not count.
    lacks_title: bool,
    /// Whom one's own commits have let in.
    let_in: Vec<DeviceId>,
    /// What the commit just applied changed, as its author said it to the relay.
    lists: Option<RosterLists>,
    /// What is kept of the log.
    kept: KeptChange,
    /// Devices that were added.
    added: Vec<DeviceId>,
    /// Who is still to be added, where that changed.
    pub(crate) newcomers: Option<Vec<Address>>,
    /// What commits have changed, by name.
    notices: Vec<Notice>,
    /// The status statement without which the next commit cannot be judged; 0 for none.
    needs_status: u64,
    /// The relay's receipt for the next entry is not right.
    receipt_wrong: bool,
}

/// What happened with one entry.
enum Step {
    Applied,
    /// What it is judged by is missing; nothing has changed.
    Wait,
}

impl Core {
    /// Applies entries that follow this vault's position; others are ignored.
    pub(crate) fn apply_entries(&mut self, id: ConversationId, entries: Vec<Entry>) -> Result<(), Failure> {
        let mut rest = entries.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BATCH));
            tracing::debug!(conversation = %id, from = now.first().map(|entry| entry.position), entries = now.len(), "entries come");
            if !self.apply_batch(id, now)? {
                return Ok(());
            }
            rest = later;
        }
        self.pump(id)
    }

    /// Whether all of them were applied, or known already.
    fn apply_batch(&mut self, id: ConversationId, entries: &[Entry]) -> Result<bool, Failure> {
        self.group(id)?;
        let open = self.conversation(id)?;
        let mut draft = Draft::of(id, open.row.clone(), open.tracks.clone());
        let group = self.conversations.get_mut(&id).and_then(|open| open.group.take());
        let Some(mut group) = group else { return Ok(false) };
        // [CONV-24] By the relay's stamp and this machine's clock, so that neither alone makes messages unreadable.
        let stamp = entries.first().map_or(draft.row.stamp, |entry| entry.stamp);
        let before = self.now().min(stamp).before(MAX_EPOCH_AGE);
        let epoch = group.epoch();
        let forgot = group.forget_past(before).map_err(failure::from_conversation)?;
        let mut applied = Vec::new();
        let done = match self.take_entries(&mut group, &mut draft, entries, &mut applied) {
            // One conversation that cannot go on must not take the others with it.
            Err(failure) if failure.code == FailureCode::Conversation => {
                self.freeze(id, &failure)?;
                return Ok(false);
            }
            done => done?,
        };
        let owes = self.owes_title(&draft.let_in, &group) || draft.lacks_title && self.set_title(&draft, &group)?;
        if owes && !draft.row.title.is_empty() {
            // In the batch that lets them in, so that they get it whatever happens then. [DELIV-181]
            draft.title = Some(self.draft_title(&mut group, &draft.row.title)?);
        }
        draft.batch.records(Scope::GroupRecords(id), group.take_changes());
        if forgot || group.epoch() != epoch {
            draft.batch.turn_key(id, super::forgetting::forget_at(&group));
        }
        if !applied.is_empty() {
            draft.kept = self.keep_entries(id, applied, &mut draft.batch)?;
        }
        let creating = draft.row.stage == Stage::Creating;
        let void_own = draft.void_own.take();
        let lost = self.end_of_commit(&mut draft, &group)?;
        let committed = draft.committed;
        self.finish(draft, group)?;
        if void_own.is_some() {
            self.rest_from_healing(id);
        }
        match (void_own, lost) {
            // Nobody joins by a void creation: it would wait here for ever.
            (Some(failure), _) if creating => {
                self.forget(id, failure)?;
                return Ok(false);
            }
            (Some(failure), Some(_)) => self.change_failed(id, &failure),
            (None, Some(change)) => self.change_lost(id, change),
            (_, None) if committed => self.change_done(id)?,
            (_, None) => {}
        }
        Ok(done)
    }

    /// Takes entries in, up to the first that is missing, must wait, or is the last for this device. Whether all were taken.
    fn take_entries(
        &mut self,
        group: &mut Conversation,
        draft: &mut Draft,
        entries: &[Entry],
        applied: &mut Vec<Applied>,
    ) -> Result<bool, Failure> {
        let known = draft.row.position;
        for entry in entries.iter().filter(|entry| entry.position > known) {
            if entry.position != draft.row.position + 1 {
                return Ok(false);
            }
            match self.apply_entry(group, draft, entry)? {
                Step::Applied => {
                    let (running, lists) = (group.log().running(), draft.lists.take());
                    let own = own_unit(self.conversation(draft.id)?.commit.as_ref(), entry);
                    applied.push(Applied { entry: entry.clone(), running, lists, own });
                    draft.row.position = entry.position;
                    draft.row.stamp = draft.row.stamp.max(entry.stamp);
                }
                Step::Wait => return Ok(false),
            }
            if !draft.row.stage.follows_log() {
                // What follows is not for this device.
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The receipts of a log are followed whatever becomes of its entries. [DELIV-87]
    fn apply_entry(&mut self, group: &mut Conversation, draft: &mut Draft, entry: &Entry) -> Result<Step, Failure> {
        if let Some(step) = self.judge_gone(group, draft, entry)? {
            return Ok(step);
        }
        if entry.kind == UnitKind::Message {
            return self.take_entry(group, draft, entry, None);
        }
        let Some(receipt) = self.receipt_of(draft.id, entry) else {
            draft.alarms.push(Alarm::Receipt { position: entry.position });
            draft.receipt_wrong = true;
            return Ok(Step::Wait);
        };
        let step = self.take_entry(group, draft, entry, Some(&receipt.body))?;
        if matches!(step, Step::Applied) {
            if receipt.body.previous != draft.row.receipt {
                draft.alarms.push(Alarm::Receipt { position: entry.position });
            }
            draft.row.receipt = receipt.id();
        }
        Ok(step)
    }

    fn take_entry(
        &mut self,
        group: &mut Conversation,
        draft: &mut Draft,
        entry: &Entry,
        receipt: Option<&ReceiptBody>,
    ) -> Result<Step, Failure> {
        match group.receive(entry).map_err(failure::from_conversation)? {
            Incoming::Own(frame) => {
                let queued = self.queued(draft, frame.counter);
                self.own_change(draft.id, &mut draft.lives, queued.as_ref())?;
                match queued {
                    Some(queued) => draft.own(group, (self.own.id(), self.own_who()), queued)?,
                    // Its content has come before, as it was encrypted another time. [CONV-91]
                    None => draft.alarms.push(Alarm::Replay { sender: self.own.address().clone() }),
                }
            }
            Incoming::Message(message) => self.apply_message(group, draft, entry, *message)?,
            Incoming::Commit(commit) => {
                let receipt = receipt.ok_or_else(|| failure::internal("a commit without a receipt"))?;
                return self.apply_commit(group, draft, entry, *commit, receipt);
            }
            Incoming::Gone { short: true } => {}
            Incoming::Gone { short: false } => {
                let (from, to) = (entry.position, entry.position);
                draft.alarms.push(Alarm::ExpiredEntries { from, to });
                if entry.kind != UnitKind::Message {
                    draft.row.stage = Stage::FellOut;
                }
            }
            Incoming::Refused(refused) => self.apply_refused(group, draft, entry, refused.reason),
        }
        Ok(Step::Applied)
    }

    /// The outbox row of an own content: by its counter, for the relay may have it as it was encrypted before, too. The unit
    /// id in an entry is the relay's word. [CONV-19] [CONV-91]
    fn queued(&self, draft: &Draft, counter: u64) -> Option<OutboxRow> {
        let open = self.conversation(draft.id).ok()?;
        let found = open.queue.values().find(|queued| queued.counter == counter)?;
        let sent = draft.sent.iter().any(|sent| sent.number == found.number);
        (!sent).then(|| found.clone())
    }

    /// Whether the title that counts was set by this device, whose person may still change the conversation. [CONV-86]
    fn set_title(&self, draft: &Draft, group: &Conversation) -> Result<bool, Failure> {
        let own = match draft.own_title {
            Some(own) => own,
            None => self.vault.read::<Nothing>(Scope::OwnTitles, draft.id.as_bytes())?.is_some(),
        };
        Ok(own && may_change(group, self.own.address()))
    }
}

/// Whether a queued message asks to leave.
pub(crate) fn is_leave(queued: &OutboxRow) -> bool {
    let content = Content::from_bytes(&queued.content);
    content.is_ok_and(|content| ContentType(content.content_type) == ContentType::LEAVE)
}

impl Draft {
    fn of(id: ConversationId, row: ConversationRow, tracks: BTreeMap<DeviceId, TrackRow>) -> Self {
        Self {
            id,
            row,
            tracks,
            changed_tracks: Vec::new(),
            batch: Batch::default(),
            messages: Vec::new(),
            sent: Vec::new(),
            alarms: Vec::new(),
            owes_receipt: false,
            acknowledged: false,
            lives: Lives::default(),
            documents: BTreeSet::new(),
            displaced: Vec::new(),
            displaced_documents: Vec::new(),
            excluded: 0,
            missing: Vec::new(),
            lacks: None,
            created: false,
            committed: false,
            lost: false,
            void_own: None,
            wrong_roster: false,
            healed: false,
            leaver: false,
            leave_again: false,
            changed: false,
            rolled_back: false,
            title: None,
            own_title: None,
            lacks_title: false,
            let_in: Vec::new(),
            lists: None,
            kept: KeptChange::default(),
            added: Vec::new(),
            newcomers: None,
            notices: Vec::new(),
            needs_status: 0,
            receipt_wrong: false,
        }
    }

    /// An entry of one's own was found in the log.
    fn own(&mut self, group: &Conversation, own: (DeviceId, Who), queued: OutboxRow) -> Result<(), Failure> {
        let content = Content::from_bytes(&queued.content).map_err(|_| failure::damaged())?;
        match content.body() {
            Ok(Body::Title(title)) => {
                self.retitle(&title, &own.1, content.sent_at)?;
                // What only this person's own devices take of it does not count.
                self.own_title = may_change(group, &own.1.address).then_some(true).or(self.own_title);
            }
            // The relay serves this device no more in a moment, and the others will remove it.
            Ok(Body::Leave(signature)) if group.leaver(&LeaveProof { device: own.0, signature }).is_some() => {
                self.row.stage = Stage::Left;
                let (whom, by, change) = (own.1.clone(), own.1, MemberChange::Left);
                let left = Notice::Member { conversation: self.id, by, whom, device: None, change };
                keep_notice(&mut self.row, &left, content.sent_at, &mut self.batch)?;
            }
            // [CONV-48]
            Ok(Body::Leave(_)) => self.leave_again = true,
            _ => {}
        }
        if queued.counter > self.row.accepted {
            self.row.accepted = queued.counter;
            self.row.accepted_lasting = content.lasting.saturating_add(u64::from(content.lasts()));
        }
        self.sent.push(queued);
        Ok(())
    }

    /// The last title in the log counts, for everyone.
    fn retitle(&mut self, title: &str, by: &Who, at: Timestamp) -> Result<(), Failure> {
        let title = crate::show::one_line(title);
        if !self.row.peer.is_empty() || title.is_empty() {
            return Ok(());
        }
        let title: Text<256> = Text::new(title).unwrap_or_default();
        if !self.row.title.is_empty() && title != self.row.title {
            keep_change(&mut self.row, by, at, ChangeOf::Title(title.clone()), &mut self.batch)?;
        }
        self.row.title = title;
        self.changed = true;
        Ok(())
    }

    fn track(&mut self, device: DeviceId) -> &mut TrackRow {
        if !self.changed_tracks.contains(&device) {
            self.changed_tracks.push(device);
        }
        self.tracks.entry(device).or_insert_with(|| TrackRow::new(device))
    }
}
