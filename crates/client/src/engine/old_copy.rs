//! A vault that was put back from an older copy (protocol-spec/07-delivery, section 12): noticed before anything is
//! encrypted or applied, and never gone on with, because its MLS state has been used before.
//!
//! Over each link the relay is first asked how far this device has said that it is. A cursor beyond the vault's own
//! position, or an entry that this device has sent and does not know, means that the vault is old, or that somebody else
//! uses a copy of it. Such a conversation has fallen out: a member adds this device again. What the older copy still has
//! queued is compared with the log, so that nothing is sent a second time, and all KeyPackages are replaced.

use std::collections::{BTreeMap, BTreeSet};

use amanat_primitives::ConversationId;
use amanat_wire::{
    List,
    client::{Cursor, Read, Request, WhatIsNew},
    relay::{Answer, Cursors, Entries, Refusal},
};

use super::{
    apply::MAX_POSITION,
    core::{Core, put_conversation},
    link::{Question, READ_ENTRIES},
};
use crate::{
    Event, Failure,
    api::{Alarm, MessageState, Notice},
    failure,
    rows::{ConversationRow, RolledBackRow, Stage, meta},
    vault::{Batch, Scope, Vault},
};

/// Logs that a relay may tell a device of: as many as the vault takes note of.
const LOGS: usize = 65_535;

/// What is left to do.
#[derive(Default)]
pub(crate) struct RolledBack {
    /// Logs to be looked through, and up to where that is done.
    logs: BTreeMap<ConversationId, u64>,
    /// KeyPackages at the relay are to be replaced.
    packages: bool,
    /// Found over this link, and not noted yet.
    found: Vec<Cursor>,
    /// Behind which conversation the page is that was asked for last.
    asked: Option<ConversationId>,
    /// Logs that the relay has told of over this link.
    told: usize,
    /// Logs that the relay does not give on over this link.
    stalled: BTreeSet<ConversationId>,
}

impl RolledBack {
    /// As the vault knows it.
    pub(crate) fn load(vault: &Vault) -> Result<Self, Failure> {
        let Some(row) = vault.read::<RolledBackRow>(Scope::Meta, meta::ROLLED_BACK)? else {
            return Ok(Self::default());
        };
        let logs = row.logs.iter().map(|log| (log.conversation, log.position)).collect();
        Ok(Self { logs, packages: row.packages, ..Self::default() })
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
            self.rolled_back.told = 0;
        }
        self.rolled_back.asked = after;
        if !self.ask_relay(Question::Cursors, Request::Cursors(WhatIsNew { after })) && self.link.is_some() {
            self.news_later();
        }
    }

    /// A page has come.
    pub(crate) fn cursors(&mut self, page: Cursors) -> Result<(), Failure> {
        // Pages go forward only, and end: a relay cannot have them asked for in a circle, nor one of them passed over.
        // [DELIV-214]
        let asked = self.rolled_back.asked;
        let mut last = asked;
        let forward =
            page.logs.iter().all(|log| last.replace(log.conversation).is_none_or(|one| one < log.conversation));
        self.rolled_back.told += page.logs.len().max(1);
        let beyond = |next: ConversationId| asked.is_none_or(|one| one < next) && last.is_none_or(|one| one <= next);
        let goes_on = page.more.is_none_or(beyond);
        if !forward || !goes_on || self.rolled_back.told > LOGS {
            self.end_link(&failure::protocol());
            return Ok(());
        }
        for log in page.logs.iter() {
            let Some(open) = self.conversations.get(&log.conversation) else {
                // [DELIV-218]
                self.unknown.entry(log.conversation).or_default();
                continue;
            };
            if open.row.stage.follows_log() && log.cursor > open.row.position {
                let position = open.row.position;
                self.rolled_back.found.push(Cursor { conversation: log.conversation, position });
            }
        }
        match page.more {
            Some(next) => {
                self.ask_cursors(Some(next));
                Ok(())
            }
            None => self.compare(),
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
        self.rolled_back.stalled.clear();
        self.read_logs_for_own()?;
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

    /// Reads all logs that are still to be looked through, as many at once as the link takes.
    pub(crate) fn read_logs_for_own(&mut self) -> Result<(), Failure> {
        if !self.compared() {
            return Ok(());
        }
        let ids: Vec<ConversationId> = self.rolled_back.logs.keys().copied().collect();
        for id in ids {
            let Some(after) = self.rolled_back.logs.get(&id).copied() else { continue };
            match self.conversations.get(&id) {
                None => self.sifted(id)?,
                Some(open) if open.reading || self.rolled_back.stalled.contains(&id) => {}
                // Where there is no room, the next answer makes some.
                Some(_) => {
                    if !self.read_for_own(id, after) {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads a log on for the entries of this device alone. Whether it was asked for.
    pub(crate) fn read_for_own(&mut self, id: ConversationId, after: u64) -> bool {
        let read = Read { conversation: id, after, max_entries: READ_ENTRIES };
        let asked = self.compared() && self.ask_relay(Question::Read(id), Request::Read(read));
        if let Some(open) = self.conversations.get_mut(&id).filter(|_| asked) {
            open.reading = true;
        }
        asked
    }

    /// What of the queue stands in the log already is not sent again. Nothing else of the log is looked at. [DELIV-179]
    pub(crate) fn sift(&mut self, id: ConversationId, entries: &Entries) -> Result<(), Failure> {
        let own = self.own.id();
        let before = self.rolled_back.logs.get(&id).copied().unwrap_or_default();
        let last = entries.entries.last().map(|entry| entry.position);
        let withheld = last.is_none() && entries.head > before && entries.first_kept <= entries.head;
        let Some(open) = self.conversations.get_mut(&id) else { return self.sifted(id) };
        open.reading = false;
        if withheld || last.is_some_and(|last| last <= before || last > MAX_POSITION) {
            return self.sift_stalled(id, before);
        }
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
        if let Some(last) = last {
            // A later run goes on here.
            self.rolled_back.logs.insert(id, last);
            self.rolled_back.put(&mut batch)?;
        }
        self.vault.commit(batch)?;
        open.row = row;
        for queued in &sent {
            open.queue.remove(&queued.number);
            self.in_flight.remove(&queued.number);
        }
        for message in sent.iter().filter_map(|queued| queued.message) {
            self.emit(Event::MessageState { conversation: id, message, state: MessageState::Accepted });
        }
        if last.is_some_and(|last| last < entries.head) { self.read_logs_for_own() } else { self.sifted(id) }
    }

    /// The relay names a head and does not give what stands before it: it is not asked in a circle, but over the next link.
    /// Until then no Welcome to the conversation is taken, for what is queued might be sent twice. [DELIV-214]
    fn sift_stalled(&mut self, id: ConversationId, after: u64) -> Result<(), Failure> {
        self.rolled_back.stalled.insert(id);
        self.emit(Event::Alarm { conversation: id, alarm: Alarm::Excluded { position: after.saturating_add(1) } });
        self.read_logs_for_own()
    }

    /// The relay refuses to give a log: what it does not have, or does not give to this device, it will not give later.
    pub(crate) fn sift_refused(&mut self, id: ConversationId, answer: &Answer) -> Result<(), Failure> {
        if matches!(answer, Answer::Refused(Refusal::Unknown | Refusal::NotAllowed)) {
            return self.sifted(id);
        }
        tracing::warn!(kind = answer.kind(), "a log cannot be looked through now");
        if let Some(open) = self.conversations.get_mut(&id) {
            open.reading = false;
        }
        // With the next news, after a while.
        self.news_later();
        Ok(())
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
        self.read_logs_for_own()?;
        self.process_direct()
    }
}
