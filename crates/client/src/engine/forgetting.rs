//! Keys whose time is over (protocol-spec/07-delivery, section 12): of earlier epochs, where no entry comes that would have
//! them forgotten, and of days on which messages expired.

use amanat_conversation::{Conversation, profile::MAX_EPOCH_AGE};
use amanat_primitives::{ConversationId, Timestamp};

use super::core::Core;
use crate::{
    Failure,
    vault::{Batch, Scope},
};

/// When the keys of a conversation's earliest past epoch are to be forgotten.
pub(crate) fn forget_at(group: &Conversation) -> Option<Timestamp> {
    group.earliest_end().map(|ended| ended.after(MAX_EPOCH_AGE))
}

impl Core {
    /// Forgets what is due. Of earlier epochs only while the link is up and all is read: a device that was away may still
    /// be sent a message of an epoch that has ended long ago by now, but had not when it was written. [CONV-24]
    pub(crate) fn forget_due(&mut self) -> Result<(), Failure> {
        // Once a day, and not before what has expired is gone: it would keep its day's key for another day.
        if self.expiries.are_read() {
            self.vault.shred_days(self.now())?;
        }
        if self.link.as_ref().is_none_or(|up| !up.caught_up || up.asking_news) {
            return Ok(());
        }
        for id in self.vault.due_to_forget(self.now()) {
            let reading = self.conversation(id).is_ok_and(|open| open.reading || open.waiting || open.stuck);
            if !reading && self.conversation(id).is_ok() {
                self.forget_epochs(id)?;
            }
        }
        Ok(())
    }

    fn forget_epochs(&mut self, id: ConversationId) -> Result<(), Failure> {
        let before = self.now().before(MAX_EPOCH_AGE);
        let group = self.group(id)?;
        let next = match group.forget_past(before) {
            Ok(_) => forget_at(group),
            Err(error) => {
                // One conversation that cannot go on must not take the others with it: it shows when it is next used.
                tracing::warn!(%error, "keys of earlier epochs cannot be forgotten");
                None
            }
        };
        let mut batch = Batch::default();
        batch.records(Scope::GroupRecords(id), group.take_changes());
        // Also where nothing was left to forget: it is looked at again when the next epoch has ended.
        batch.turn_key(id, next);
        self.commit(Some(id), batch)
    }
}
