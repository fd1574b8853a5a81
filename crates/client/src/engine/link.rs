//! Following the session (protocol-spec/07-delivery, section 12): what comes up, goes down, is new, and is answered.
//!
//! When a link comes up the engine asks for `News`, takes the direct items (Welcomes) first, reads each log from its
//! cursor to its head, and then is caught up; from there on the relay pushes. A push that skips an entry, and a hint
//! that pushes were dropped, lead back to reading the log.

use amanat_primitives::ConversationId;
use amanat_wire::{
    List,
    client::{Advance, Cursor, Read, Request, WhatIsNew},
    limits,
    relay::{Answer, Entries, News, Push, Ready, Refusal},
};

use super::{
    Input,
    core::{Core, Up},
    devices::Purpose,
};
use crate::{
    Event, Failure, Reply,
    api::{LinkState, LinkView, Notice},
    rows::{RelayRow, meta},
    session::{CallError, Pending, SessionEvent},
    vault::{Batch, Scope},
};
use amanat_net::LinkFacts;
use amanat_primitives::Timestamp;
use std::{net::SocketAddr, time::Duration};

/// How long cursors are gathered before the relay is told.
const ADVANCE_AFTER: Duration = Duration::from_millis(100);
/// How long after an answer that led nowhere the relay is asked again.
const NEWS_AFTER: Duration = Duration::from_secs(1);
/// Entries asked for at once.
pub(crate) const READ_ENTRIES: u16 = 256;
/// One-time KeyPackages kept at the relay.
const KEY_PACKAGES: u16 = 20;

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    News,
    Read(ConversationId),
    Append(ConversationId, u64),
    Commit(ConversationId),
    Creation(ConversationId),
    Advance,
    KeyPackages,
    Cursors,
    DropKeyPackages,
    Bring(super::restored::Bring),
}

/// An answer to a request of the engine's own.
pub(crate) struct Answered {
    generation: u64,
    question: Question,
    answer: Result<Answer, CallError>,
}

impl Core {
    /// Handles one input.
    pub(crate) fn handle(&mut self, input: Input) -> Result<(), Failure> {
        match input {
            Input::Ask(command, reply) => self.command(command, reply),
            Input::Session(event) => self.session(event),
            Input::Answered(answered) => {
                self.answered(answered)?;
                self.pump_unsettled()
            }
            Input::Gathered(gathered) => self.gathered(gathered),
            Input::Newcomers(newcomers) => self.newcomers(newcomers),
            Input::Chains(fetched) => self.chains_fetched(fetched),
            Input::Directory(found) => self.directory_found(found),
            Input::Transfer(event) => self.transfer(event),
            Input::Devices(found) => self.devices_found(found),
            Input::Again(claimed) => self.again_claimed(claimed),
            Input::Founding(founding) => self.found_anew(founding),
            Input::Status(fetched) => self.status_fetched(fetched),
            Input::Revocations(fetched) => self.revocations_fetched(fetched),
        }
    }

    fn session(&mut self, event: SessionEvent) -> Result<(), Failure> {
        match event {
            SessionEvent::Connecting => {
                self.emit(Event::Link(LinkState::Connecting));
                Ok(())
            }
            SessionEvent::Up { peer, facts, ready, calls } => {
                self.links += 1;
                let up = Up {
                    view: view_of(peer, facts),
                    calls,
                    generation: self.links,
                    asking_news: false,
                    ask_again: false,
                    asked_after: None,
                    more_direct: None,
                    caught_up: false,
                    compared: false,
                    clocks_differ: None,
                    clocks: (ready.now, self.now()),
                };
                tracing::debug!(relay = up.view.address, link = self.links, "linked");
                self.emit(Event::Link(LinkState::Up(up.view.clone())));
                self.link = Some(up);
                self.last_failure = None;
                self.unsettled.link_up();
                self.greeted(&ready)?;
                self.fetch_devices(Purpose::Look);
                // Everything else waits for what this shows; a device that waits for its approval is refused it.
                self.ask_cursors(None);
                for (command, reply) in std::mem::take(&mut self.wait_for_link) {
                    self.command(command, reply)?;
                }
                self.resume_transfers()
            }
            SessionEvent::Down { failure, retry_in } => {
                tracing::debug!(code = failure.code.name(), ?retry_in, "no link");
                self.link_lost(&failure);
                self.emit(Event::Link(LinkState::Down { failure, retry_in }));
                Ok(())
            }
            SessionEvent::Push(push) => self.pushed(push),
            SessionEvent::PushDirect(item) => {
                self.direct.add(item);
                self.process_direct()
            }
            SessionEvent::NewsHint => {
                self.ask_news();
                Ok(())
            }
            SessionEvent::Again(asked) => self.asked_again(&asked),
            SessionEvent::Status(bytes) => self.take_status(&bytes),
        }
    }

    /// The relay cannot be gone on with over this link: it is dropped, and the session dials again.
    pub(crate) fn end_link(&mut self, failure: &Failure) {
        if let Some(up) = &self.link {
            tracing::warn!(%failure, "the link is given up");
            up.calls.end_link();
        }
        self.link_lost(failure);
    }

    fn link_lost(&mut self, failure: &Failure) {
        self.link = None;
        self.in_flight.clear();
        self.advance_open = false;
        self.packages.link_lost();
        self.direct.link_lost();
        for open in self.conversations.values_mut() {
            (open.reading, open.read_for) = (false, 0);
            open.waiting = false;
            (open.stuck, open.refreshed) = (false, 0);
            open.needs_commit = 0;
            open.needs_status = 0;
            open.commit_sent = false;
            open.ahead.clear();
            open.held.clear();
        }
        for (_, reply) in self.wait_for_link.drain(..) {
            let _ = reply.send(Err(failure.clone()));
        }
        for waiter in self.sync_waiters.drain(..) {
            let _ = waiter.reply.send(Err(failure.clone()));
        }
        self.fail_fetches(failure);
        self.last_failure = Some(failure.clone());
    }

    fn greeted(&mut self, ready: &Ready) -> Result<(), Failure> {
        let now = self.now();
        let (ahead, behind) = (ready.now.since(now), now.since(ready.now));
        if ahead.max(behind) > Timestamp::CLOCK_TOLERANCE {
            let by = ahead.max(behind);
            if let Some(up) = &mut self.link {
                up.clocks_differ = Some(by);
            }
            self.notice(Notice::ClockSkew { by });
        }
        match &self.relay_row {
            Some(row) if row.incarnation == ready.incarnation => {}
            known => {
                let restored = known.is_some();
                // Direct items of another store are counted from 1 again.
                let row = RelayRow { incarnation: ready.incarnation, direct: 0 };
                let mut batch = Batch::default();
                batch.put(Scope::Meta, meta::RELAY, &row);
                let mut warnings = None;
                if restored {
                    self.all_unsettled(&mut batch)?;
                    warnings = Some(self.draft_notice(&Notice::RelayRestored, &mut batch)?);
                }
                self.vault.commit(batch)?;
                if let Some(warnings) = warnings {
                    self.settle_notice(warnings, Notice::RelayRestored);
                }
                self.relay_row = Some(row);
                self.direct = super::direct::DirectQueue::resume(0);
            }
        }
        self.bring_status(&ready.status)?;
        if ready.status.is_empty() { Ok(()) } else { self.take_status(&ready.status) }
    }

    /// Asks the relay, and hands its answer back as an input. `false` when the link is gone or too much waits.
    pub(crate) fn ask_relay(&mut self, question: Question, request: Request) -> bool {
        let Some(up) = &self.link else { return false };
        let generation = up.generation;
        match up.calls.start(request) {
            Ok(pending) => {
                self.spawn(answered(generation, question, pending));
                true
            }
            Err(_) => false,
        }
    }

    /// Asks what is new, unless that is being asked already.
    pub(crate) fn ask_news(&mut self) {
        self.ask_news_after(None);
    }

    pub(crate) fn ask_news_after(&mut self, after: Option<ConversationId>) {
        if !self.compared() {
            return;
        }
        if let Some(up) = self.link.as_mut().filter(|up| up.asking_news) {
            // The answer on its way may be older than what asks now.
            up.ask_again = true;
            return;
        }
        if self.ask_relay(Question::News, Request::News(WhatIsNew { after })) {
            if let Some(up) = &mut self.link {
                up.asking_news = true;
                up.ask_again &= after.is_some();
                up.asked_after = after;
            }
            self.sync_waiters.iter_mut().for_each(|waiter| waiter.asked = true);
            self.conversations.values_mut().for_each(|open| open.asked_from = open.row.position);
        }
    }

    fn answered(&mut self, answered: Answered) -> Result<(), Failure> {
        // An answer over a link that is gone says nothing about this one.
        if self.link.as_ref().is_none_or(|up| up.generation != answered.generation) {
            return Ok(());
        }
        match (answered.question, answered.answer) {
            (_, Err(_)) => Ok(()),
            (Question::News, Ok(Answer::News(news))) => self.news(news),
            (Question::Read(id), Ok(Answer::Entries(entries))) if self.rolled_back.contains(&id) => {
                self.sift(id, &entries)
            }
            (Question::Read(id), Ok(Answer::Entries(entries))) => self.entries(id, entries),
            (Question::Append(id, number), Ok(answer)) => self.append_answered(id, number, answer),
            (Question::Commit(id), Ok(answer)) => self.commit_answered(id, answer),
            (Question::Creation(id), Ok(answer)) => self.creation_looked_up(id, answer),
            (Question::Advance, Ok(_)) => {
                self.advance_open = false;
                // What became due meanwhile.
                self.send_due_advance();
                Ok(())
            }
            (Question::Cursors, Ok(Answer::Cursors(page))) => self.cursors(page),
            (Question::DropKeyPackages, Ok(Answer::Done(_))) => self.packages_dropped(),
            (Question::KeyPackages, Ok(Answer::Done(_))) => self.packages_put(),
            (Question::Read(id), Ok(answer)) if self.rolled_back.contains(&id) => self.sift_refused(id, &answer),
            (Question::Read(id), Ok(Answer::Refused(refusal @ (Refusal::Unknown | Refusal::NotAllowed))))
                if self.unsettled.contains(&id) =>
            {
                self.clear_question(Question::Read(id));
                self.relay_lacks(id, refusal == Refusal::Unknown)
            }
            (question, Ok(Answer::Refused(Refusal::NotApproved))) => {
                self.clear_question(question);
                self.wait_for_approval();
                Ok(())
            }
            (Question::Cursors, Ok(_)) => self.cursors_unknown(),
            (Question::Bring(what), Ok(answer)) => self.brought(what, answer),
            (question, Ok(answer)) => {
                tracing::warn!(?question, kind = answer.kind(), "the relay refused, or its answer does not fit");
                self.clear_question(question);
                self.news_later();
                Ok(())
            }
        }
    }

    fn clear_question(&mut self, question: Question) {
        match question {
            Question::News => {
                if let Some(up) = &mut self.link {
                    up.asking_news = false;
                }
            }
            Question::Read(id) => {
                if let Some(open) = self.conversations.get_mut(&id) {
                    open.reading = false;
                }
            }
            Question::DropKeyPackages | Question::KeyPackages => self.packages.open = false,
            _ => {}
        }
    }

    fn news(&mut self, news: News) -> Result<(), Failure> {
        let taken = self.taken;
        let mut asked_after = None;
        if let Some(up) = &mut self.link {
            up.asking_news = false;
            up.more_direct = news.more_direct.then_some(taken);
            asked_after = up.asked_after;
        }
        let (more_logs, more_direct) = (news.more_logs, news.more_direct);
        for item in news.direct {
            self.direct.add(item);
        }
        self.process_direct()?;
        let may_pass_over = self.may_pass_over();
        for log in news.logs.iter() {
            match self.conversations.get_mut(&log.conversation) {
                Some(open) if open.row.position < log.head => self.read_log(log.conversation),
                // It has lost the end of the log: the read shows where it stands. What was appended or pushed since the
                // question may stand behind the answer's head. [DELIV-183]
                Some(open) if open.asked_from > log.head => self.read_log(log.conversation),
                // The vault is ahead of the relay's cursor: the last run ended before it could say so.
                Some(open) => {
                    open.advance_due |= open.row.position > log.cursor;
                }
                // Its Welcome is on the way, or never was: then it is passed over. [DELIV-140]
                None if more_direct || self.direct.busy() || !may_pass_over => {}
                None => {
                    self.foreign.push(Cursor { conversation: log.conversation, position: log.head });
                    self.note_unknown(log.conversation);
                }
            }
        }
        if !more_direct && !self.direct.busy() {
            self.decline_left();
            if may_pass_over {
                self.ask_for_unknown();
            }
        }
        if !self.foreign.is_empty() {
            self.advance_later(None);
        }
        if news.key_packages < KEY_PACKAGES || news.last_resort_used > 0 {
            self.publish_key_packages(news.last_resort_used > 0)?;
        }
        match more_logs {
            // Pages go forward only: a relay cannot have them asked for in a circle.
            Some(next) if asked_after.is_none_or(|before| before < next) => self.ask_news_after(Some(next)),
            Some(_) => self.news_later(),
            None if self.link.as_ref().is_some_and(|up| up.ask_again) => self.ask_news(),
            None => {}
        }
        // What was queued meanwhile waited for this answer: it may have told of commits.
        self.pump_outbox()
    }

    /// Reads a log from this vault's position on, unless that is under way.
    pub(crate) fn read_log(&mut self, id: ConversationId) {
        self.read_log_for(id, 0);
    }

    /// The same for the sake of a direct item; 0 for none. A read that is open already goes on for what it was begun.
    pub(crate) fn read_log_for(&mut self, id: ConversationId, item: u64) {
        let Some(open) = self.conversations.get(&id) else { return };
        if open.reading || open.waiting || open.stuck || !open.row.stage.follows_log() || !self.compared() {
            return;
        }
        let read = Read { conversation: id, after: open.row.position, max_entries: READ_ENTRIES };
        if self.ask_relay(Question::Read(id), Request::Read(read))
            && let Some(open) = self.conversations.get_mut(&id)
        {
            (open.reading, open.read_for) = (true, item);
        }
    }

    fn entries(&mut self, id: ConversationId, entries: Entries) -> Result<(), Failure> {
        let Some(open) = self.conversations.get_mut(&id) else { return Ok(()) };
        open.reading = false;
        let (before, read_for) = (open.row.position, std::mem::take(&mut open.read_for));
        self.refuse_beyond(id, read_for, entries.head)?;
        if !self.settle_log(id, &entries)? {
            return Ok(());
        }
        if !self.skip_expired(id, &entries)? {
            return Ok(());
        }
        self.apply_entries(id, entries.entries.into_vec())?;
        let unsettled = self.unsettled.contains(&id);
        let Some(open) = self.conversations.get(&id) else { return Ok(()) };
        // What was pushed after the answer may have come before it.
        let held = open.ahead.holds(open.row.position.saturating_add(1));
        let next = held && !open.waiting && !open.stuck && !unsettled;
        // Goes on while there is progress; a relay that names a head or pushes an entry and does not deliver what is
        // before it is not asked in a circle, but after a while.
        if open.row.position > before || next {
            self.apply_ahead(id)?;
            if self.conversation(id).is_ok_and(|open| open.row.position < entries.head) {
                self.read_log(id);
            }
            return Ok(());
        }
        if let Some(open) = self.conversations.get_mut(&id) {
            let own = self.own.id();
            open.ahead.retain(|entry| entry.sender == own);
        }
        self.news_later();
        // A Welcome may wait for a read that was not begun for it. One for which this was begun waits for news: a relay
        // that brings nothing is not asked in a circle. [DELIV-219]
        if read_for == 0 {
            self.process_direct()?;
        }
        self.pump(id)
    }

    /// Asks again what is new, after a while.
    pub(crate) fn news_later(&mut self) {
        self.news_at = self.news_at.or(Some(self.now().after(NEWS_AFTER)));
    }

    fn pushed(&mut self, push: Push) -> Result<(), Failure> {
        let id = push.conversation;
        if !self.compared() {
            // It is in the log, which is read when that is done.
            return Ok(());
        }
        if self.unsettled.contains(&id) {
            // The log may reach as far as this vault by now: is it the same one?
            self.read_log(id);
            return Ok(());
        }
        // Not ours yet: its Welcome is on the way, and the log is read from there.
        let Some(open) = self.conversations.get_mut(&id) else { return Ok(()) };
        if open.row.stage.follows_log() && push.entry.position > open.row.position {
            open.ahead.insert(push.entry);
            open.ahead.trim();
        }
        self.apply_ahead(id)?;
        // Nothing is counted where, as nearly always, nothing is held.
        let holds = self.conversations.get(&id).is_some_and(|open| !open.ahead.is_empty());
        if holds
            && self.holds_too_much()
            && let Some(open) = self.conversations.get_mut(&id)
        {
            // They are in the log, to be read when their turn comes.
            let own = self.own.id();
            open.ahead.retain(|entry| entry.sender == own);
        }
        Ok(())
    }

    /// Applies held entries that are next; asks for what is missing before them unless it is about to come.
    pub(crate) fn apply_ahead(&mut self, id: ConversationId) -> Result<(), Failure> {
        let unsettled = self.unsettled.contains(&id);
        let Some(open) = self.conversations.get_mut(&id) else { return Ok(()) };
        if open.reading || open.waiting || open.stuck || unsettled {
            return Ok(());
        }
        let mut next = Vec::new();
        let mut position = open.row.position;
        let first = position;
        open.ahead.retain(|entry| entry.position > first);
        // [DELIV-83]
        while let Some(entry) = open.ahead.take(position + 1) {
            position += 1;
            next.push(entry);
        }
        if !next.is_empty() {
            self.apply_entries(id, next)?;
        }
        let Some(open) = self.conversations.get(&id) else { return Ok(()) };
        // A commit whose answer has come is among what is held: nothing more of it is on the way, and what stands before
        // it need not come by itself, for a refused one may have kept that from this device.
        let answered = open.commit.as_ref().is_some_and(|commit| open.ahead.holds_commit(&commit.ciphertext));
        let own_open =
            (open.commit_sent && !answered) || open.queue.keys().any(|number| self.in_flight.contains_key(number));
        // The entry between may be one's own, whose answer is on the way.
        if !open.ahead.is_empty() && !own_open {
            self.read_log(id);
        }
        Ok(())
    }

    /// Tells the relay how far this vault is, a little later and for all conversations together.
    pub(crate) fn advance_later(&mut self, id: Option<ConversationId>) {
        if let Some(open) = id.and_then(|id| self.conversations.get_mut(&id)) {
            open.advance_due = true;
        }
        self.advance_at = self.advance_at.or(Some(self.now().after(ADVANCE_AFTER)));
    }

    /// Tells it now, if anything is due.
    pub(crate) fn send_due_advance(&mut self) {
        self.advance_at = None;
        if self.advance_open || self.link.is_none() {
            return;
        }
        let due = self.conversations.values().filter(|open| open.advance_due).take(limits::CONVERSATIONS);
        let cursors: Vec<Cursor> =
            due.map(|open| Cursor { conversation: open.row.id, position: open.row.position }).collect();
        let direct = self.direct.done();
        let ids: Vec<ConversationId> = cursors.iter().map(|cursor| cursor.conversation).collect();
        let room = limits::CONVERSATIONS - cursors.len();
        let foreign = self.foreign.drain(..self.foreign.len().min(room));
        let cursors: Vec<Cursor> = cursors.into_iter().chain(foreign).collect();
        if cursors.is_empty() && !self.direct.advance_due() {
            return;
        }
        let Ok(cursors) = List::new(cursors) else { return };
        if self.ask_relay(Question::Advance, Request::Advance(Advance { cursors, direct })) {
            self.advance_open = true;
            self.direct.advance_told();
            for id in ids {
                if let Some(open) = self.conversations.get_mut(&id) {
                    open.advance_due = false;
                }
            }
        }
    }

    /// After each input: does what is due, and completes what waits for everything to be done.
    pub(crate) fn settle(&mut self) -> Result<(), Failure> {
        // A stream of inputs must not keep timers from their turn.
        if self.next_timer().is_some_and(|wait| wait.is_zero()) {
            self.timer()?;
        }
        let Some(up) = &self.link else { return Ok(()) };
        let reading = self.unsettled.busy() || self.conversations.values().any(|open| open.reading || open.waiting);
        let fetched = up.compared && !up.asking_news && !reading && !self.direct.busy() && self.status_fetches == 0;
        if let (true, Some(before)) = (fetched, up.more_direct) {
            return self.fetch_more(before);
        }
        if fetched && !up.caught_up {
            if let Some(up) = &mut self.link {
                up.caught_up = true;
            }
            tracing::debug!(link = self.links, "caught up");
            self.owed_receipts_later();
            self.replace_packages()?;
            self.emit(Event::Link(LinkState::CaughtUp));
        }
        if self.sync_waiters.is_empty() || !fetched {
            return Ok(());
        }
        // What was being asked when the command came may have been answered before something new came in.
        if self.sync_waiters.iter().any(|waiter| !waiter.asked) {
            self.ask_news();
            return Ok(());
        }
        self.send_due_receipts(true)?;
        self.send_due_advance();
        if self.outbox_busy() || self.advance_open || self.advance_at.is_some() || self.packages.open {
            return Ok(());
        }
        let received = self.received;
        for waiter in self.sync_waiters.drain(..) {
            let _ = waiter.reply.send(Ok(Reply::Synced { received }));
        }
        Ok(())
    }

    /// What the relay had room to say is taken in: it is told, and then asked for the rest. A relay that always has more
    /// and gives nothing is asked once a second.
    fn fetch_more(&mut self, before: u64) -> Result<(), Failure> {
        self.send_due_advance();
        if self.advance_open || self.news_at.is_some() {
            return Ok(());
        }
        if self.taken > before {
            self.ask_news()
        } else {
            self.news_later()
        }
        Ok(())
    }
}

async fn answered(generation: u64, question: Question, pending: Pending) -> Input {
    Input::Answered(Answered { generation, question, answer: pending.answer().await })
}

fn view_of(peer: SocketAddr, facts: LinkFacts) -> LinkView {
    LinkView {
        address: peer.to_string(),
        tls: facts.tls.to_owned(),
        key_exchange: facts.key_exchange.to_owned(),
        cipher: facts.cipher_suite.to_owned(),
        noise: facts.noise.to_owned(),
    }
}
