//! What was said unasked, kept (protocol-spec/07-delivery, section 12): each alarm and each notice is in the vault before a
//! face hears of it, so that nobody misses one who looked away, or had no face open.

use std::collections::BTreeMap;

use amanat_primitives::{ConversationId, Timestamp};

use super::core::Core;
use crate::{
    Event, Failure, Reply,
    api::{Alarm, Notice, Warning, WarningOf},
    rows::{WarningRow, meta},
    vault::{Batch, Scope, Vault},
};

/// Warnings that stay once they are read.
const READ: usize = 500;
/// Warnings in all.
const ALL: usize = 10_000;

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
            let unread = draft.puts.iter().chain(self.kept.values()).filter(|warning| !warning.read);
            let same = unread.into_iter().find(|warning| is_same(&warning.of, &of)).cloned();
            match same {
                Some(same) if same.of == of => {}
                Some(same) => {
                    draft.puts.retain(|warning| warning.id != same.id);
                    draft.puts.push(Warning { of, ..same });
                }
                None => {
                    draft.last += 1;
                    draft.puts.push(Warning { id: draft.last, at: now, read: false, of });
                }
            }
        }
        if draft.puts.is_empty() {
            return Ok(draft);
        }
        self.bound(&mut draft);
        draft.write(batch)?;
        Ok(draft)
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

    /// Lets go of what is too much, the earliest first: of what was read, then of notices, then of alarms. [DELIV-227]
    fn bound(&self, draft: &mut Draft) {
        let mut left: BTreeMap<u64, &Warning> = self.kept.iter().map(|(id, warning)| (*id, warning)).collect();
        left.extend(draft.puts.iter().map(|warning| (warning.id, warning)));
        let read: Vec<u64> = left.values().filter(|warning| warning.read).map(|warning| warning.id).collect();
        let above = left.len().saturating_sub(ALL).max(read.len().saturating_sub(READ));
        if above == 0 {
            return;
        }
        let is_alarm = |id: &u64| left.get(id).is_some_and(|warning| matches!(warning.of, WarningOf::Alarm { .. }));
        let unread = || left.values().filter(|warning| !warning.read).map(|warning| warning.id);
        let notices = unread().filter(|id| !is_alarm(id));
        let gone: Vec<u64> = read.iter().copied().chain(notices).chain(unread().filter(is_alarm)).take(above).collect();
        let of_read = gone.len().min(read.len());
        let alarms = gone.iter().skip(of_read).filter(|id| is_alarm(id)).count();
        let notices = gone.len() - of_read - alarms;
        tracing::warn!(read = of_read, notices, alarms, "old warnings are dropped");
        draft.gone.extend(gone);
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
