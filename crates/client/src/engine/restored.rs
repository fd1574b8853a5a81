//! After a relay was restored (protocol-spec/07-delivery, section 14): which logs the relay has lost the end of, and what
//! is held back until it has it again.
//!
//! Under a new incarnation every conversation is unsettled until the relay has shown that its log reaches as far as this
//! vault, with the same running hash. A relay that goes back without saying so is found out by the position it gives to
//! something new. In an unsettled conversation nothing is encrypted, nothing at a position already passed is applied, and
//! what is queued stays queued.

use std::collections::HashSet;

use amanat_primitives::ConversationId;
use amanat_wire::{List, relay::Entries};

use super::core::Core;
use crate::{
    Event, Failure,
    api::{Alarm, Notice},
    failure,
    rows::{UnsettledRow, meta},
    vault::{Batch, Scope, Vault},
};

/// Conversations whose log the relay may have lost the end of.
#[derive(Default)]
pub(crate) struct Unsettled {
    ids: HashSet<ConversationId>,
    /// Told of over this link.
    told: HashSet<ConversationId>,
}

impl Unsettled {
    /// As the vault knows them.
    pub(crate) fn load(vault: &Vault) -> Result<Self, Failure> {
        let row = vault.read::<UnsettledRow>(Scope::Meta, meta::UNSETTLED)?;
        let ids = row.map(|row| row.conversations.iter().copied().collect()).unwrap_or_default();
        Ok(Self { ids, told: HashSet::new() })
    }

    /// Nothing may be encrypted in it.
    pub(crate) fn contains(&self, id: &ConversationId) -> bool {
        self.ids.contains(id)
    }

    fn put(&self, batch: &mut Batch) -> Result<(), Failure> {
        let conversations = List::new(self.ids.iter().copied().collect::<Vec<_>>())
            .map_err(|_| failure::internal("too many conversations after a restore"))?;
        batch.put(Scope::Meta, meta::UNSETTLED, &UnsettledRow { conversations });
        Ok(())
    }
}

impl Core {
    /// The relay has another store than before: all conversations are unsettled, in the batch that notes so. [DELIV-112]
    pub(crate) fn all_unsettled(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        self.unsettled.ids.extend(self.conversations.keys().copied());
        self.unsettled.put(batch)
    }

    /// Over a new link: looks whether the relay has what was missing.
    pub(crate) fn ask_unsettled(&mut self) {
        self.unsettled.told.clear();
        for id in self.unsettled.ids.iter().copied().collect::<Vec<_>>() {
            self.read_log(id);
        }
    }

    /// What a read of an unsettled log shows. Says whether its entries may be applied. [DELIV-112]
    pub(crate) fn settle_log(&mut self, id: ConversationId, entries: &Entries) -> Result<bool, Failure> {
        if !self.unsettled.contains(&id) {
            return Ok(true);
        }
        let position = self.conversation(id)?.row.position;
        if entries.head < position {
            self.relay_behind(id, position - entries.head)?;
            return Ok(false);
        }
        let same = entries.first_kept > position + 1 || entries.running_before == self.group(id)?.log().running();
        if !same {
            // Another branch: it is shown, and this vault's own is not given up for it.
            let sender = self.own.address().clone();
            self.emit(Event::Alarm { conversation: id, alarm: Alarm::Fork { sender, position } });
            self.freeze(id, &failure::other_branch())?;
        }
        self.unsettled.ids.remove(&id);
        let mut batch = Batch::default();
        self.unsettled.put(&mut batch)?;
        self.vault.commit(batch)?;
        Ok(same)
    }

    /// The relay's log ends before this vault's: durable, and said once over each link.
    pub(crate) fn relay_behind(&mut self, id: ConversationId, missing: u64) -> Result<(), Failure> {
        if self.unsettled.ids.insert(id) {
            let mut batch = Batch::default();
            self.unsettled.put(&mut batch)?;
            self.vault.commit(batch)?;
        }
        if self.unsettled.told.insert(id) {
            tracing::warn!(missing, "the relay has lost the end of a log");
            self.emit(Event::Notice(Notice::RelayBehind { conversation: id, missing }));
        }
        Ok(())
    }
}
