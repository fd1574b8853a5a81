//! What the relay no longer gives (protocol-spec/07-delivery, section 12): entries that have expired, are said to have, or
//! are withheld; and conversations that are put out of use for it.

use amanat_conversation::{Conversation, MAX_POSITION};
use amanat_primitives::{ConversationId, Timestamp};
use amanat_wire::{
    log::{Entry, RetentionClass},
    relay::Entries,
};

use super::{Draft, Step};
use crate::{
    Event, Failure,
    api::{Alarm, WarningOf},
    engine::core::{Core, put_conversation, tier_of},
    failure,
    rows::{ConversationRow, Stage},
    vault::{Batch, Scope},
};

impl Core {
    /// Judges an entry of which the relay gives the hash alone. Nothing goes before its class has ended, and no class is
    /// shorter than a day: where it is too early, the relay withholds it. [DELIV-141]
    pub(super) fn judge_gone(
        &self,
        group: &Conversation,
        draft: &mut Draft,
        entry: &Entry,
    ) -> Result<Option<Step>, Failure> {
        let since = draft.row.stamp.max(entry.stamp);
        if entry.gone.is_none() || !self.too_early_to_go(since) {
            return Ok(None);
        }
        if group.is_own(entry).map_err(failure::from_conversation)? {
            return Ok(None);
        }
        if group.seen_commit() == group.accepted_commit() && self.clocks_differ().is_none() {
            return Err(failure::false_expiry());
        }
        // A refused commit may have told the relay that this device is removed, or a clock is wrong: the log waits until
        // that is set right.
        if self.conversation(draft.id)?.excluded != entry.position {
            draft.alarms.push(Alarm::Excluded { position: entry.position });
        }
        draft.excluded = entry.position;
        Ok(Some(Step::Wait))
    }

    /// Entries before the first that the relay still keeps are gone: said, and the log goes on behind them. Whether it
    /// does.
    pub(crate) fn skip_expired(&mut self, id: ConversationId, entries: &Entries) -> Result<bool, Failure> {
        let row = &self.conversation(id)?.row;
        let (position, stamp) = (row.position, row.stamp);
        if entries.first_kept <= position + 1 || entries.head <= position {
            return Ok(true);
        }
        let to = entries.first_kept - 1;
        // Nothing goes before its class has ended, and no class is shorter than a day: a relay that says otherwise, or
        // names places that its own log does not have, covers something up.
        let early = self.too_early_to_go(stamp);
        if early && self.clocks_differ().is_some() {
            self.alarm(id, Alarm::Excluded { position: to });
            return Ok(false);
        }
        if early || entries.first_kept > entries.head.saturating_add(1) || entries.head > MAX_POSITION {
            let sender = self.own.address().clone();
            self.alarm(id, Alarm::Fork { sender, position: to });
            self.freeze(id, &failure::false_expiry())?;
            return Ok(false);
        }
        // What lasts cannot have gone yet where the class of messages has not ended since: then these were receipts, and
        // nobody need be told. [CONV-36]
        let lasts = amanat_identity::policy::builtin(tier_of(row.tier)).retention;
        let told = self.now().after(Timestamp::CLOCK_TOLERANCE) >= stamp.after(lasts.span());
        let group = self.group(id)?;
        group.jump(to, entries.running_before, told).map_err(failure::from_conversation)?;
        let group_position = group.log().position();
        let changes = group.take_changes();
        let mut batch = Batch::default();
        batch.records(Scope::GroupRecords(id), changes);
        let row = ConversationRow { position: group_position, ..self.conversation(id)?.row.clone() };
        put_conversation(&mut batch, &row);
        let alarm = Alarm::ExpiredEntries { from: position + 1, to };
        let said = told.then_some(WarningOf::Alarm { conversation: id, alarm });
        let warnings = self.warnings.draft(said.clone(), self.now(), &mut batch)?;
        self.commit(Some(id), batch)?;
        self.warnings.settle(warnings);
        if let Some(open) = self.conversations.get_mut(&id) {
            open.row = row;
        }
        if let Some(said) = said {
            self.emit(Event::from(said));
        }
        Ok(true)
    }

    /// Whether what the relay stamped then cannot have expired yet, by this machine's clock and the tolerance.
    fn too_early_to_go(&self, stamp: Timestamp) -> bool {
        self.now().after(Timestamp::CLOCK_TOLERANCE) < stamp.after(RetentionClass::Day.span())
    }

    /// Puts a conversation out of use, durably and visibly; the others go on.
    pub(crate) fn freeze(&mut self, id: ConversationId, why: &Failure) -> Result<(), Failure> {
        tracing::warn!(%why, "a conversation is frozen");
        self.drop_group(id);
        let Some(open) = self.conversations.get_mut(&id) else { return Ok(()) };
        let row = ConversationRow { stage: Stage::Frozen, ..open.row.clone() };
        let mut batch = Batch::default();
        put_conversation(&mut batch, &row);
        self.vault.commit(batch)?;
        open.row = row;
        open.ahead.clear();
        self.emit_conversation(id)
    }
}
