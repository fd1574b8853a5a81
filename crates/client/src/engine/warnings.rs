//! What was said unasked, kept (protocol-spec/07-delivery, section 12): each alarm and each notice is in the vault before a
//! face hears of it, so that nobody misses one who looked away, or had no face open.

use std::{
    collections::{BTreeMap, HashSet},
    mem::{Discriminant, discriminant},
};

use amanat_identity::Address;
use amanat_primitives::{ConversationId, DeviceId, Timestamp};

use super::core::Core;
use crate::{
    Event, Failure, Reply,
    api::{Alarm, MemberChange, Notice, Warning, WarningOf},
    rows::{WarningRow, meta},
    vault::{Batch, Scope, Vault},
};

/// Warnings that stay once they are read.
const READ: usize = 500;
/// Warnings in all.
const ALL: usize = 10_000;
/// Unread ones of one kind, conversation and sender, where a sender can bring about as many as it likes.
const REPEATS: usize = 2;
/// Unread ones of refused joins: anybody can add this device to any number of conversations.
const JOINS: usize = 16;

/// The warnings in the vault.
#[derive(Default)]
pub(crate) struct Warnings {
    kept: BTreeMap<u64, Warning>,
    /// The last number that was given.
    last: u64,
}

/// What a batch does to them, to be put in place when it is durable.
#[derive(Default)]
pub(crate) struct Draft {
    puts: Vec<Warning>,
    gone: Vec<u64>,
    last: u64,
}

impl Warnings {
    /// As they are on disk.
    pub(crate) fn load(vault: &Vault) -> Result<Self, Failure> {
        let rows = vault.scan::<WarningRow>(Scope::Warnings)?;
        let kept: Result<BTreeMap<_, _>, Failure> =
            rows.into_iter().map(|row| row.view().map(|warning| (warning.id, warning))).collect();
        Ok(Self { kept: kept?, last: vault.read::<u64>(Scope::Meta, meta::WARNINGS)?.unwrap_or_default() })
    }

    /// Those of `found` that are not there, unread, yet, with the batch that brings them about. [DELIV-226]
    pub(crate) fn draft(
        &self,
        found: impl IntoIterator<Item = WarningOf>,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<Draft, Failure> {
        let mut draft = Draft { last: self.last, ..Draft::default() };
        for of in found {
            self.add(&mut draft, of, now);
        }
        if draft.puts.is_empty() {
            return Ok(draft);
        }
        self.bound(&mut draft);
        draft.write(batch)?;
        Ok(draft)
    }

    /// One more, unless it says nothing new. [DELIV-226]
    fn add(&self, draft: &mut Draft, of: WarningOf, now: Timestamp) {
        let same = self.unread(draft).find(|warning| is_same(&warning.of, &of)).cloned();
        if let Some(same) = same {
            if same.of != of {
                draft.puts.retain(|warning| warning.id != same.id);
                draft.puts.push(Warning { of, ..same });
            }
            return;
        }
        let is_join = |of: &WarningOf| matches!(of, WarningOf::Notice(Notice::JoinRefused { .. }));
        if is_join(&of) && self.unread(draft).filter(|warning| is_join(&warning.of)).count() >= JOINS {
            return;
        }
        // The first stays; what has come since makes way, under another number, for nobody has read this one.
        if let Some(from) = source(&of).filter(|_| is_merged(&of)) {
            let repeated = self.unread(draft).filter(|warning| source(&warning.of) == Some(from));
            let mut ids: Vec<u64> = repeated.map(|warning| warning.id).collect();
            ids.sort_unstable();
            let gone = ids.split_off(ids.len().min(REPEATS - 1));
            draft.puts.retain(|warning| !gone.contains(&warning.id));
            draft.gone.extend(gone.into_iter().filter(|id| self.kept.contains_key(id)));
        }
        draft.last += 1;
        draft.puts.push(Warning { id: draft.last, at: now, read: false, of });
    }

    /// Those that nobody has read; of a state that has gone on the latest first.
    fn unread<'a>(&'a self, draft: &'a Draft) -> impl Iterator<Item = &'a Warning> {
        let kept = self.kept.values().filter(|warning| !draft.gone.contains(&warning.id));
        draft.puts.iter().chain(kept).filter(|warning| !warning.read)
    }

    /// Somebody has read these.
    fn draft_read(&self, read: &[u64], batch: &mut Batch) -> Result<Draft, Failure> {
        let unread = read.iter().filter_map(|id| self.kept.get(id)).filter(|warning| !warning.read);
        let puts = unread.map(|warning| Warning { read: true, ..warning.clone() }).collect();
        let mut draft = Draft { puts, gone: Vec::new(), last: self.last };
        self.bound(&mut draft);
        draft.write(batch)?;
        Ok(draft)
    }

    /// All that speak of a conversation which is forgotten.
    pub(crate) fn draft_forget(&self, id: ConversationId, batch: &mut Batch) -> Draft {
        let of = |warning: &&Warning| conversation_of(&warning.of) == Some(id);
        let gone: Vec<u64> = self.kept.values().filter(of).map(|warning| warning.id).collect();
        gone.iter().for_each(|id| batch.delete(Scope::Warnings, &id.to_be_bytes()));
        Draft { puts: Vec::new(), gone, last: self.last }
    }

    /// Lets go of what is too much: what weighs least, the earliest first. [DELIV-227]
    fn bound(&self, draft: &mut Draft) {
        let mut left: BTreeMap<u64, &Warning> = self.kept.iter().map(|(id, warning)| (*id, warning)).collect();
        left.extend(draft.puts.iter().map(|warning| (warning.id, warning)));
        left.retain(|id, _| !draft.gone.contains(id));
        let read = left.values().filter(|warning| warning.read).count();
        let above = left.len().saturating_sub(ALL).max(read.saturating_sub(READ));
        if above == 0 {
            return;
        }
        let mut seen = HashSet::new();
        let weighed = left.values().map(|warning| {
            let repeats = !warning.read && source(&warning.of).is_some_and(|source| !seen.insert(source));
            (weight(warning, repeats), warning.id)
        });
        let mut weighed: Vec<(u8, u64)> = weighed.collect();
        weighed.sort_unstable();
        weighed.truncate(above);
        let of_read = above.min(read);
        let unread = above - of_read;
        tracing::warn!(read = of_read, unread, "old warnings are dropped");
        draft.gone.extend(weighed.into_iter().map(|(_, id)| id));
    }

    /// What a draft says is on disk.
    pub(crate) fn settle(&mut self, draft: Draft) {
        self.last = draft.last;
        self.kept.extend(draft.puts.into_iter().map(|warning| (warning.id, warning)));
        for id in draft.gone {
            self.kept.remove(&id);
        }
    }
}

impl Draft {
    fn write(&self, batch: &mut Batch) -> Result<(), Failure> {
        for warning in &self.puts {
            batch.put(Scope::Warnings, &warning.id.to_be_bytes(), &WarningRow::of(warning)?);
        }
        for id in &self.gone {
            batch.delete(Scope::Warnings, &id.to_be_bytes());
        }
        batch.put(Scope::Meta, meta::WARNINGS, &self.last);
        Ok(())
    }
}

impl Core {
    /// Keeps what is to be said, in a batch of its own, and says it. Where the disk takes it no more it is said all the
    /// same, and the client stops for that reason.
    pub(crate) fn warn(&mut self, of: WarningOf) {
        let mut batch = Batch::default();
        let kept = self.warnings.draft([of.clone()], self.now(), &mut batch);
        match kept.and_then(|draft| self.vault.commit(batch).map(|()| draft)) {
            Ok(draft) => self.warnings.settle(draft),
            Err(failure) => tracing::error!(code = failure.code.name(), "a warning could not be kept"),
        }
        self.emit(Event::from(of));
    }

    /// Something is wrong with a conversation.
    pub(crate) fn alarm(&mut self, conversation: ConversationId, alarm: Alarm) {
        self.warn(WarningOf::Alarm { conversation, alarm });
    }

    /// Something needs attention.
    pub(crate) fn notice(&mut self, notice: Notice) {
        self.warn(WarningOf::Notice(notice));
    }

    /// Puts it into the batch that brings it about.
    pub(crate) fn draft_notice(&self, notice: &Notice, batch: &mut Batch) -> Result<Draft, Failure> {
        self.warnings.draft([WarningOf::Notice(notice.clone())], self.now(), batch)
    }

    /// Says what that batch has kept.
    pub(crate) fn settle_notice(&mut self, draft: Draft, notice: Notice) {
        self.warnings.settle(draft);
        self.emit(Event::Notice(notice));
    }

    /// [`Command::Warnings`](crate::Command::Warnings).
    pub(crate) fn list_warnings(&self) -> Result<Reply, Failure> {
        Ok(Reply::Warnings(self.warnings.kept.values().cloned().collect()))
    }

    /// [`Command::WarningsRead`](crate::Command::WarningsRead).
    pub(crate) fn warnings_read(&mut self, read: &[u64]) -> Result<Reply, Failure> {
        let mut batch = Batch::default();
        let draft = self.warnings.draft_read(read, &mut batch)?;
        self.vault.commit(batch)?;
        self.warnings.settle(draft);
        Ok(Reply::Kept)
    }
}

/// Whether two say the same: all of it, or the same state of things, which has gone on since.
fn is_same(one: &WarningOf, other: &WarningOf) -> bool {
    let (WarningOf::Notice(before), WarningOf::Notice(now)) = (one, other) else { return one == other };
    match (before, now) {
        (Notice::StatusExpired { .. }, Notice::StatusExpired { .. })
        | (Notice::ClockSkew { .. }, Notice::ClockSkew { .. }) => true,
        (Notice::RelayBehind { conversation: before, .. }, Notice::RelayBehind { conversation: now, .. }) => {
            before == now
        }
        _ => before == now,
    }
}

/// Who has brought an alarm about.
#[derive(PartialEq, Eq, Hash, Clone, Copy)]
enum Sender<'a> {
    Person(&'a Address),
    Device(DeviceId),
}

/// An alarm's conversation, kind and sender.
type Source<'a> = (ConversationId, Discriminant<Alarm>, Sender<'a>);

/// Of an alarm that a sender can bring about as often as it likes.
fn source(of: &WarningOf) -> Option<Source<'_>> {
    let WarningOf::Alarm { conversation, alarm } = of else { return None };
    let sender = match alarm {
        Alarm::Undecryptable { sender, .. } | Alarm::VoidCommit { sender, .. } => Sender::Device(*sender),
        Alarm::Gap { sender, .. }
        | Alarm::Fork { sender, .. }
        | Alarm::Replay { sender }
        | Alarm::Broken { sender }
        | Alarm::NotAuthor { sender, .. }
        | Alarm::NotAllowed { sender } => Sender::Person(sender),
        _ => return None,
    };
    Some((*conversation, discriminant(alarm), sender))
}

/// Whether the first and the latest say enough. Each gap and each fork is another one.
fn is_merged(of: &WarningOf) -> bool {
    !matches!(of, WarningOf::Alarm { alarm: Alarm::Gap { .. } | Alarm::Fork { .. }, .. })
}

/// What weighs least goes first where there are too many. A fork or a gap that repeats an unread one of the same sender is
/// no graver than anything else that a sender can bring about as often as it likes. [DELIV-227]
fn weight(warning: &Warning, repeats: bool) -> u8 {
    use MemberChange::{Added, DeviceAdded, Removed};
    let is_grave = match &warning.of {
        WarningOf::Alarm { alarm, .. } => matches!(alarm, Alarm::Fork { .. } | Alarm::Gap { .. }) && !repeats,
        WarningOf::Notice(notice) => matches!(
            notice,
            Notice::NewDevice { .. }
                | Notice::Revoked { .. }
                | Notice::GrantReused { .. }
                | Notice::DeviceApproved { .. }
        ),
    };
    let is_member =
        matches!(warning.of, WarningOf::Notice(Notice::Member { change: Added | Removed | DeviceAdded, .. }));
    match warning.read {
        true => u8::from(is_grave || is_member),
        false if is_grave => 4,
        false if is_member => 3,
        false => 2,
    }
}

/// Of which conversation it speaks.
fn conversation_of(of: &WarningOf) -> Option<ConversationId> {
    match of {
        WarningOf::Alarm { conversation, .. } => Some(*conversation),
        WarningOf::Notice(
            Notice::RelayBehind { conversation, .. }
            | Notice::RelaySettling { conversation }
            | Notice::JoinRefused { conversation, .. }
            | Notice::CreationRefused { conversation, .. }
            | Notice::Member { conversation, .. },
        ) => Some(*conversation),
        WarningOf::Notice(_) => None,
    }
}

#[cfg(test)]
mod tests;
