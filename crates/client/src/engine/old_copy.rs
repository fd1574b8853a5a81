//! A vault that was put back from an older copy (protocol-spec/07-delivery, section 12): noticed before anything is
//! encrypted or applied, and never gone on with, because its MLS state has been used before.
//!
//! Over each link the relay is first asked how far this device has said that it is. A cursor beyond the vault's own
//! position, or an entry that this device has sent and does not know, means that the vault is old, or that somebody else
//! uses a copy of it. Such a conversation has fallen out: a member adds this device again. What the older copy still has
//! queued is compared with the log, so that nothing is sent a second time, and all KeyPackages are replaced.

use std::collections::BTreeMap;

use amanat_primitives::ConversationId;
use amanat_wire::{
    List,
    client::{Cursor, Read, Request, WhatIsNew},
    relay::{Cursors, Entries},
};

use super::{
    core::{Core, put_conversation},
    link::{Question, READ_ENTRIES},
};
use crate::{
    Event, Failure,
    api::{MessageState, Notice},
    failure,
    rows::{ConversationRow, RolledBackRow, Stage, meta},
    vault::{Batch, Scope, Vault},
};

/// What is left to do.
#[derive(Default)]
pub(crate) struct RolledBack {
    /// Logs to be looked through, and up to where that is done.
    logs: BTreeMap<ConversationId, u64>,
    /// KeyPackages at the relay are to be replaced.
    packages: bool,
    /// Found over this link, and not noted yet.
    found: Vec<Cursor>,
}

impl RolledBack {
    /// As the vault knows it.
    pub(crate) fn load(vault: &Vault) -> Result<Self, Failure> {
        let Some(row) = vault.read::<RolledBackRow>(Scope::Meta, meta::ROLLED_BACK)? else {
            return Ok(Self::default());
        };
        let logs = row.logs.iter().map(|log| (log.conversation, log.position)).collect();
        Ok(Self { logs, packages: row.packages, found: Vec::new() })
    }

    /// Its log is still to be looked through.
    pub(crate) fn contains(&self, id: &ConversationId) -> bool {
        self.logs.contains_key(id)
    }

    /// Notes that a conversation is older than what was sent from here, in the batch that takes it out of use.
    pub(crate) fn note(&mut self, log: Cursor, batch: &mut Batch) -> Result<(), Failure> {
        self.logs.insert(log.conversation, log.position);
        self.packages = true;
        self.put(batch)
    }

    /// KeyPackages at the relay are still to be replaced, and nothing else is to be done before that.
    pub(crate) fn wants_packages(&self) -> bool {
        self.packages && self.logs.is_empty()
    }

    /// They are, in the batch that says so.
    pub(crate) fn packages_replaced(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        self.packages = false;
        self.put(batch)
    }

    fn put(&self, batch: &mut Batch) -> Result<(), Failure> {
        let logs = self
            .logs
            .iter()
            .map(|(conversation, position)| Cursor { conversation: *conversation, position: *position });
        let logs = List::new(logs.collect::<Vec<_>>()).map_err(|_| failure::internal("too many conversations"))?;
        batch.put(Scope::Meta, meta::ROLLED_BACK, &RolledBackRow { logs, packages: self.packages });
        Ok(())
    }
}

impl Core {
    /// Whether this link has shown how old the vault is. [DELIV-177]
    pub(crate) fn compared(&self) -> bool {
        self.link.as_ref().is_some_and(|up| up.compared)
    }

    /// Asks how far the relay knows this device to be, a page at a time.
    pub(crate) fn ask_cursors(&mut self, after: Option<ConversationId>) {
        if after.is_none() {
            self.rolled_back.found.clear();
        }
        self.ask_relay(Question::Cursors, Request::Cursors(WhatIsNew { after }));
    }

    /// A page has come.
    pub(crate) fn cursors(&mut self, page: Cursors) -> Result<(), Failure> {
        let last = page.logs.iter().map(|log| log.conversation).max();
        for log in page.logs.iter() {
            let Some(open) = self.conversations.get(&log.conversation) else { continue };
            if open.row.stage.follows_log() && log.cursor > open.row.position {
                let position = open.row.position;
                self.rolled_back.found.push(Cursor { conversation: log.conversation, position });
            }
        }
        match page.more {
            // Pages go forward only: a relay cannot have them asked for in a circle.
            Some(next) if last.is_some_and(|last| last <= next) => {
                self.ask_cursors(Some(next));
                Ok(())
            }
            _ => self.compare(),
        }
    }

    /// The relay does not say. Nothing is read or sent before it does: to go on would be to guess.
    pub(crate) fn cursors_unknown(&mut self) -> Result<(), Failure> {
        tracing::warn!("the relay does not say how far this device is; it is asked again");
        self.news_later();
        Ok(())
    }

    /// All pages have come: what is older here than there falls out, and the rest goes on.
    fn compare(&mut self) -> Result<(), Failure> {
        let found = std::mem::take(&mut self.rolled_back.found);
        if !found.is_empty() {
            self.roll_back(found)?;
        }
        if let Some(up) = &mut self.link {
            up.compared = true;
        }
        for (id, after) in self.rolled_back.logs.clone() {
            self.read_for_own(id, after);
        }
        self.pump_unsettled()?;
        self.ask_again_everywhere();
        self.ask_news();
        self.pump_outbox()
    }

    /// Takes conversations out of use. [DELIV-178]
    fn roll_back(&mut self, found: Vec<Cursor>) -> Result<(), Failure> {
        let mut batch = Batch::default();
        let mut rows = Vec::new();
        for log in &found {
            let row = ConversationRow { stage: Stage::FellOut, ..self.conversation(log.conversation)?.row.clone() };
            put_conversation(&mut batch, &row);
            batch.delete(Scope::Commits, log.conversation.as_bytes());
            self.rolled_back.note(log.clone(), &mut batch)?;
            rows.push(row);
        }
        self.vault.commit(batch)?;
        for row in rows {
            let id = row.id;
            if let Some(open) = self.conversations.get_mut(&id) {
                open.row = row;
                open.group = None;
                open.commit = None;
                open.ahead.clear();
            }
            let view = self.conversation_view(id)?;
            self.emit(Event::Conversation(view));
        }
        self.say_rolled_back(found.len());
        Ok(())
    }

    /// Tells the user.
    pub(crate) fn say_rolled_back(&self, conversations: usize) {
        tracing::warn!(conversations, "the vault is older than what was sent from it");
        self.emit(Event::Notice(Notice::ProfileOutdated { conversations: conversations as u64 }));
    }

    /// Reads a log on for the entries of this device alone.
    pub(crate) fn read_for_own(&mut self, id: ConversationId, after: u64) {
        let read = Read { conversation: id, after, max_entries: READ_ENTRIES };
        if self.compared()
            && self.ask_relay(Question::Read(id), Request::Read(read))
            && let Some(open) = self.conversations.get_mut(&id)
        {
            open.reading = true;
        }
    }

    /// What of the queue stands in the log already is not sent again. Nothing else of the log is looked at. [DELIV-179]
    pub(crate) fn sift(&mut self, id: ConversationId, entries: &Entries) -> Result<(), Failure> {
        let own = self.own.id();
        let Some(open) = self.conversations.get_mut(&id) else { return self.sifted(id) };
        open.reading = false;
        let mut row = open.row.clone();
        let mut sent = Vec::new();
        for entry in entries.entries.iter().filter(|entry| entry.sender == own) {
            let hash = entry.ciphertext_hash();
            // By its id, which stays the same however often it is encrypted: which ciphertext it was is not known here.
            sent.extend(open.queue.values().find(|row| row.unit == entry.unit || row.ciphertext == hash).cloned());
        }
        let mut batch = Batch::default();
        for queued in &sent {
            row.accepted = row.accepted.max(queued.counter);
            batch.delete(Scope::Outbox, &queued.number.to_be_bytes());
        }
        put_conversation(&mut batch, &row);
        self.vault.commit(batch)?;
        open.row = row;
        for queued in &sent {
            open.queue.remove(&queued.number);
            self.in_flight.remove(&queued.number);
        }
        for message in sent.iter().filter_map(|queued| queued.message) {
            self.emit(Event::MessageState { conversation: id, message, state: MessageState::Accepted });
        }
        match entries.entries.last().map(|entry| entry.position) {
            Some(last) if last < entries.head => {
                self.rolled_back.logs.insert(id, last);
                self.read_for_own(id, last);
                Ok(())
            }
            _ => self.sifted(id),
        }
    }

    /// A log has been looked through, or cannot be: a Welcome to it may be taken now.
    pub(crate) fn sifted(&mut self, id: ConversationId) -> Result<(), Failure> {
        if let Some(open) = self.conversations.get_mut(&id) {
            open.reading = false;
        }
        self.rolled_back.logs.remove(&id);
        let mut batch = Batch::default();
        self.rolled_back.put(&mut batch)?;
        self.vault.commit(batch)?;
        self.process_direct()
    }
}
