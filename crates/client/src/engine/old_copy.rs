//! A vault that was put back from an older copy (protocol-spec/07-delivery, section 12): noticed before anything is
//! encrypted or applied, and never gone on with, because its MLS state has been used before.
//!
//! Over each link the relay is first asked how far this device has said that it is. A cursor beyond the vault's own
//! position, or an entry that this device has sent and does not know, means that the vault is old, or that somebody else
//! uses a copy of it. Such a conversation has fallen out: a member adds this device again. What the older copy still has
//! queued is compared with the log, so that nothing is sent a second time, and all KeyPackages are replaced.

use std::collections::{BTreeMap, BTreeSet};

use amanat_conversation::MAX_POSITION;
use amanat_primitives::{ConversationId, DeviceId, Digest};
use amanat_wire::{
    List,
    client::{Cursor, Read, Request, WhatIsNew},
    relay::{Answer, Cursors, Entries, Refusal, WelcomePart},
};

use super::{
    core::{Core, put_conversation},
    link::{Question, READ_ENTRIES},
};
use crate::{
    Event, Failure,
    api::{Alarm, MessageState, Notice},
    failure,
    rows::{ConversationRow, FOUND, OutboxRow, RolledBackRow, SiftRow, Stage, meta},
    vault::{Batch, Scope, Vault},
};

/// Logs that a relay may tell a device of: as many as the vault takes note of.
const LOGS: usize = 65_535;

/// What is left to do.
#[derive(Default)]
pub(crate) struct RolledBack {
    /// Logs to be looked through, and those that are, until a Welcome leads back in.
    logs: BTreeMap<ConversationId, SiftRow>,
    /// KeyPackages at the relay are to be replaced.
    packages: bool,
    /// Found over this link, and not noted yet.
    found: Vec<Cursor>,
    /// Logs that end before this vault, found so far.
    behind: Vec<(ConversationId, u64)>,
    /// Logs that the relay has this device in and that were left; found over this link.
    left: Vec<ConversationId>,
    /// Behind which conversation the page is that was asked for last.
    asked: Option<ConversationId>,
    /// Logs that the relay has told of over this link.
    told: usize,
    /// Logs that the relay does not give on over this link.
    stalled: BTreeSet<ConversationId>,
}

/// How the log that a Welcome leads to stands to the one that this vault knew.
pub(crate) enum Continued {
    /// It is its continuation, or there is nothing to compare. What was found in it is accepted: numbers of outbox rows.
    Yes(BTreeSet<u64>),
    /// The relay no longer gives what stands between, which was said: nothing of it counts as accepted.
    Unknown,
    /// Another log.
    Parted,
}

impl Continued {
    /// What of a queue stands in the log, and what is to be sent again.
    pub(crate) fn part_queue(&self, queue: BTreeMap<u64, OutboxRow>) -> (Vec<OutboxRow>, Vec<OutboxRow>) {
        let stands = |queued: &OutboxRow| matches!(self, Self::Yes(found) if found.contains(&queued.number));
        queue.into_values().partition(stands)
    }
}

impl RolledBack {
    /// As the vault knows it.
    pub(crate) fn load(vault: &Vault) -> Result<Self, Failure> {
        let Some(row) = vault.read::<RolledBackRow>(Scope::Meta, meta::ROLLED_BACK)? else {
            return Ok(Self::default());
        };
        let logs = row.logs.into_vec().into_iter().map(|sift| (sift.conversation, sift)).collect();
        Ok(Self { logs, packages: row.packages, ..Self::default() })
    }

    /// Its log is still to be looked through.
    pub(crate) fn contains(&self, id: &ConversationId) -> bool {
        self.logs.get(id).is_some_and(|sift| !sift.done)
    }

    /// The log before a Welcome is still to be looked through. One that is looked through for another Welcome holds up none:
    /// it is looked through up to this one's place then. [DELIV-219]
    pub(crate) fn holds_up(&self, part: &WelcomePart) -> bool {
        let for_it = |sift: &SiftRow| sift.until == 0 || sift.until == part.position;
        self.logs.get(&part.conversation).is_some_and(|sift| !sift.done && for_it(sift))
    }

    /// Notes that conversations are older than what was sent from here, in the batch that takes them out of use.
    pub(crate) fn note(&mut self, sifts: impl IntoIterator<Item = SiftRow>, batch: &mut Batch) -> Result<(), Failure> {
        self.logs.extend(sifts.into_iter().map(|sift| (sift.conversation, sift)));
        self.packages = true;
        self.put(batch)
    }

    /// A Welcome has led back in, in its batch.
    pub(crate) fn forget(&mut self, id: &ConversationId, batch: &mut Batch) -> Result<(), Failure> {
        if self.logs.remove(id).is_some() { self.put(batch) } else { Ok(()) }
    }

    /// KeyPackages at the relay are still to be replaced, and nothing else is to be done before that.
    pub(crate) fn wants_packages(&self) -> bool {
        // A log that is read only for a Welcome does not hold them up.
        self.packages && self.logs.values().all(|sift| sift.done || sift.until > 0)
    }

    /// They are, in the batch that says so.
    pub(crate) fn packages_replaced(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        self.packages = false;
        self.put(batch)
    }

    fn put(&self, batch: &mut Batch) -> Result<(), Failure> {
        let logs = List::new(self.logs.values().cloned().collect::<Vec<_>>())
            .map_err(|_| failure::internal("too many conversations"))?;
        batch.put(Scope::Meta, meta::ROLLED_BACK, &RolledBackRow { logs, packages: self.packages });
        Ok(())
    }
}

/// A page of a log, looked through: how far that leads, and what the relay no longer gives of it. `None` where the page
/// brings nothing on.
fn look_through(
    mut sift: SiftRow,
    page: &Entries,
    own: DeviceId,
    queue: &BTreeMap<u64, OutboxRow>,
) -> Option<(SiftRow, Option<Alarm>)> {
    let before = sift.position;
    let until = if sift.until > 0 { sift.until } else { u64::MAX };
    let mut found = std::mem::take(&mut sift.found).into_vec();
    let mut gone = None;
    let not_kept = page.first_kept.saturating_sub(1);
    if not_kept > before {
        if not_kept > page.head.min(MAX_POSITION) {
            return None;
        }
        // What was found before hangs on nothing that could be compared.
        found.clear();
        sift.position = not_kept.min(until);
        sift.running = (sift.position == not_kept).then_some(page.running_before);
        gone = Some(Alarm::ExpiredEntries { from: before.saturating_add(1), to: sift.position });
    }
    for entry in page.entries.iter().take_while(|entry| entry.position <= until) {
        if entry.position > MAX_POSITION || entry.position != sift.position.saturating_add(1) {
            return None;
        }
        let hash = entry.ciphertext_hash();
        sift.position = entry.position;
        sift.running = sift.running.map(|running| entry.running(&running));
        // By its ciphertext, which R vouches for. By its unit id, which is the relay's word, only where no ciphertext of it
        // was ever made here: then the relay has that id from a later run of this device. [DELIV-215]
        let stands = |row: &&OutboxRow| match row.ciphertext == Digest::ZERO {
            true => row.unit == entry.unit && entry.sender == own,
            false => row.ciphertext == hash,
        };
        found.extend(queue.values().find(stands).map(|row| row.number));
    }
    found.truncate(FOUND);
    sift.found = List::new(found).ok()?;
    if sift.until > 0 && page.head <= sift.position && sift.position < until {
        // The log ends before the place that the Welcome names: there is nothing to compare.
        let position = sift.position.saturating_add(1);
        (sift.position, sift.running, sift.done) = (until, None, true);
        return Some((sift, Some(Alarm::Excluded { position })));
    }
    sift.done = sift.position >= if sift.until > 0 { until } else { page.head };
    (sift.done || sift.position > before).then_some((sift, gone))
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
            self.rolled_back.behind.clear();
            self.rolled_back.left.clear();
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
                self.note_unknown(log.conversation);
                continue;
            };
            if open.row.stage == Stage::Left {
                // It was left without a link, or the relay did not hear of it; or somebody has added this device again.
                self.rolled_back.left.push(log.conversation);
                continue;
            }
            if open.row.stage.follows_log() && log.cursor > open.row.position {
                let position = open.row.position;
                self.rolled_back.found.push(Cursor { conversation: log.conversation, position });
            } else if open.row.stage.follows_log() && log.head < open.row.position {
                self.rolled_back.behind.push((log.conversation, open.row.position - log.head));
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

    /// Declines what was left, now that all Welcomes have been seen: to one of these logs there may have been a new one.
    /// [DELIV-134]
    pub(crate) fn decline_left(&mut self) {
        for id in std::mem::take(&mut self.rolled_back.left) {
            self.decline(id);
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
        // Nothing is sent in these before the relay has the log's end again, whatever its incarnation. [DELIV-251]
        let behind = std::mem::take(&mut self.rolled_back.behind);
        self.note_behind(behind)?;
        self.read_logs_for_own()?;
        self.pump_unsettled()?;
        self.ask_again_everywhere();
        self.ask_news();
        self.pump_outbox()
    }

    /// Takes conversations out of use. [DELIV-178]
    fn roll_back(&mut self, found: Vec<Cursor>) -> Result<(), Failure> {
        let mut batch = Batch::default();
        let (mut rows, mut sifts) = (Vec::new(), Vec::new());
        for log in &found {
            let id = log.conversation;
            let row = ConversationRow { stage: Stage::FellOut, ..self.conversation(id)?.row.clone() };
            put_conversation(&mut batch, &row);
            batch.delete(Scope::Commits, id.as_bytes());
            sifts.push(SiftRow::new(id, log.position, self.running_at(id, log.position)?));
            rows.push(row);
        }
        self.rolled_back.note(sifts, &mut batch)?;
        let outdated = Notice::ProfileOutdated { conversations: found.len() as u64 };
        let warnings = self.draft_notice(&outdated, &mut batch)?;
        self.vault.commit(batch)?;
        for row in rows {
            let id = row.id;
            if let Some(open) = self.conversations.get_mut(&id) {
                open.row = row;
                open.group = None;
                open.commit = None;
                open.ahead.clear();
            }
            self.emit_conversation(id)?;
        }
        tracing::warn!(conversations = found.len(), "the vault is older than what was sent from it");
        self.settle_notice(warnings, outdated);
        Ok(())
    }

    /// Reads all logs that are still to be looked through, as many at once as the link takes.
    pub(crate) fn read_logs_for_own(&mut self) -> Result<(), Failure> {
        if !self.compared() {
            return Ok(());
        }
        let open = self.rolled_back.logs.values().filter(|sift| !sift.done);
        let ids: Vec<ConversationId> = open.map(|sift| sift.conversation).collect();
        for id in ids {
            let Some(after) = self.rolled_back.logs.get(&id).map(|sift| sift.position) else { continue };
            match self.conversations.get(&id) {
                None => self.end_sift(id)?,
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

    /// What of the queue stands in the log already is not sent again, once R says that it is the log which the Welcome leads
    /// to. Nothing else of the log is looked at. [DELIV-179] [DELIV-215]
    pub(crate) fn sift(&mut self, id: ConversationId, entries: &Entries) -> Result<(), Failure> {
        let own = self.own.id();
        let Some(sift) = self.rolled_back.logs.get(&id).cloned() else { return Ok(()) };
        let Some(open) = self.conversations.get_mut(&id) else { return self.end_sift(id) };
        open.reading = false;
        let after = sift.position;
        let Some((sift, gone)) = look_through(sift, entries, own, &open.queue) else {
            return self.sift_stalled(id, after);
        };
        let done = sift.done;
        // A later run goes on here.
        self.put_sift(sift)?;
        if let Some(alarm) = gone {
            self.alarm(id, alarm);
        }
        self.read_logs_for_own()?;
        if done { self.process_direct() } else { Ok(()) }
    }

    fn put_sift(&mut self, sift: SiftRow) -> Result<(), Failure> {
        self.rolled_back.logs.insert(sift.conversation, sift);
        let mut batch = Batch::default();
        self.rolled_back.put(&mut batch)?;
        self.vault.commit(batch)
    }

    /// R as this vault knows it, where it still does.
    fn running_at(&mut self, id: ConversationId, position: u64) -> Result<Option<Digest>, Failure> {
        Ok(self.group(id)?.log().running_at(position))
    }

    /// Whether a Welcome to a conversation that has fallen out leads to the log that this vault knew: R is hashed on to the
    /// Welcome's position, whose R its members confirm. `None` while that is being done. [DELIV-215]
    pub(crate) fn continues(&mut self, part: &WelcomePart) -> Result<Option<Continued>, Failure> {
        let id = part.conversation;
        let Some(open) = self.conversations.get(&id).filter(|open| open.row.stage == Stage::FellOut) else {
            return Ok(Some(Continued::Yes(BTreeSet::new())));
        };
        let position = open.row.position;
        if part.position < position {
            return Ok(Some(Continued::Parted));
        }
        let known = self.rolled_back.logs.get(&id).cloned();
        let from = known.as_ref().map_or(position, |sift| sift.from);
        let sift = match known.filter(|sift| sift.position <= part.position) {
            Some(sift) => sift,
            // It was looked through beyond that place: once more, up to there.
            None => SiftRow::new(id, from, self.running_at(id, from)?),
        };
        if sift.position < part.position {
            self.put_sift(SiftRow { until: part.position, done: false, ..sift })?;
            self.read_logs_for_own()?;
            if self.conversation(id).is_ok_and(|open| !open.reading) {
                self.news_later();
            }
            return Ok(None);
        }
        Ok(Some(match sift.running {
            Some(running) if running == part.running => Continued::Yes(sift.found.iter().copied().collect()),
            Some(_) => Continued::Parted,
            None => Continued::Unknown,
        }))
    }

    /// Tells of what was found in the log, or that the log is another one: the same conversation then goes on in its members'
    /// log, and what this device alone has seen in the other one was lost to them. [DELIV-215]
    pub(crate) fn say_continued(&mut self, part: &WelcomePart, continued: &Continued, stands: Vec<OutboxRow>) {
        let conversation = part.conversation;
        for queued in stands {
            self.in_flight.remove(&queued.number);
            if let Some(message) = queued.message {
                self.emit(Event::MessageState { conversation, message, state: MessageState::Accepted });
            }
        }
        if matches!(continued, Continued::Parted) {
            tracing::warn!("a conversation's log is another one than before");
            let (sender, position) = (self.own.address().clone(), part.position);
            self.alarm(conversation, Alarm::Fork { sender, position });
        }
    }

    /// The relay names a head and does not give what stands before it: it is not asked in a circle, but over the next link.
    /// Until then no Welcome to the conversation is taken, for what is queued might be sent twice. [DELIV-214]
    fn sift_stalled(&mut self, id: ConversationId, after: u64) -> Result<(), Failure> {
        self.rolled_back.stalled.insert(id);
        self.alarm(id, Alarm::Excluded { position: after.saturating_add(1) });
        self.read_logs_for_own()
    }

    /// The relay refuses to give a log: what it does not have, or does not give to this device, it will not give later.
    pub(crate) fn sift_refused(&mut self, id: ConversationId, answer: &Answer) -> Result<(), Failure> {
        if matches!(answer, Answer::Refused(Refusal::Unknown | Refusal::NotAllowed)) {
            return self.end_sift(id);
        }
        tracing::warn!(kind = answer.kind(), "a log cannot be looked through now");
        if let Some(open) = self.conversations.get_mut(&id) {
            open.reading = false;
        }
        // With the next news, after a while.
        self.news_later();
        Ok(())
    }

    /// A log cannot be looked through: a Welcome to it may be taken now. Where there is one, it is said that nothing can be
    /// compared.
    pub(crate) fn end_sift(&mut self, id: ConversationId) -> Result<(), Failure> {
        let sift = self.rolled_back.logs.remove(&id);
        if let (Some(open), Some(mut sift)) = (self.conversations.get_mut(&id), sift) {
            open.reading = false;
            sift.done = true;
            if sift.until > 0 {
                let position = sift.position.saturating_add(1);
                (sift.position, sift.running) = (sift.until, None);
                self.alarm(id, Alarm::Excluded { position });
            }
            self.rolled_back.logs.insert(id, sift);
        }
        let mut batch = Batch::default();
        self.rolled_back.put(&mut batch)?;
        self.vault.commit(batch)?;
        self.read_logs_for_own()?;
        self.process_direct()
    }
}

#[cfg(test)]
mod tests;
