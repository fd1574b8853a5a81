//! Sending (protocol-spec/07-delivery, section 12): a message is durable in the outbox before anyone is told, encrypted
//! when it is sent, and stays in the outbox until its place in the log is in the vault.
//!
//! A content frame's fixed part (id, counter, hash of the frame before) is made when it is queued; where the link is up
//! it is encrypted in the same batch. The ciphertext and the MLS state that it used up are one batch, and the same
//! bytes under the same unit id are sent until the relay has answered; so a crash or a lost link repeats nothing.
//! A frame is encrypted again where the relay says `StaleEpoch`, and where it has waited for long (`late`).

use amanat_conversation::{
    Conversation, MAX_POSITION,
    content::{Body, Content},
};
use amanat_identity::Address;
use amanat_primitives::{ConversationId, Digest, MessageId, MessageSeed, UnitId};
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List, Text,
    client::Request,
    log::{Entry, RetentionClass, Unit, UnitKind},
    relay::{Answer, Appended, Refusal},
};

use super::{
    core::{Core, Open, ReplyTo, answer_with, bounded, put_conversation, respond, tier_of},
    create::{Opening, Then},
    link::Question,
};
use crate::{
    Event, Failure, FailureCode, Reply,
    api::{Consent, Target},
    failure,
    rows::{ConversationRow, MessageRow, OutboxRow, Stage},
    vault::{Batch, Scope},
};

/// Appends of one conversation that may be open at once.
const IN_FLIGHT: usize = 32;
/// How long after the relay asked to slow down the outbox rests.
const REST: std::time::Duration = std::time::Duration::from_secs(1);

/// The same, where asking soon again would be of no use.
pub(crate) const LONG_REST: std::time::Duration = std::time::Duration::from_secs(30);

/// Something to be sent.
pub(crate) struct Outgoing {
    pub(crate) body: Body,
    /// The message that a person sees, written in the same batch, and the seed of its id; none for receipts and titles.
    pub(crate) message: Option<(MessageRow, MessageSeed)>,
    pub(crate) class: RetentionClass,
    /// Tell faces of the message; not for a document, whose message they know.
    pub(crate) announce: bool,
}

impl Core {
    /// [`Command::SendText`](crate::Command::SendText).
    pub(crate) fn send_text(&mut self, to: Target, text: String, reply: ReplyTo) -> Result<(), Failure> {
        if let Err(failure) = check_text(&text) {
            return respond(reply, Err(failure));
        }
        match Body::text(text) {
            Ok(body) => self.send_body(to, body, Consent::None, reply),
            Err(_) => respond(reply, Err(failure::too_large("text", "64 KiB", "shorten it, or send it as a document"))),
        }
    }

    /// Queues a message for whom it is for.
    pub(crate) fn send_body(
        &mut self,
        to: Target,
        body: Body,
        consent: Consent,
        reply: ReplyTo,
    ) -> Result<(), Failure> {
        match self.existing(&to) {
            Ok(Some(id)) => self.post_text(id, body, &consent, reply),
            Ok(None) => self.open_direct(to, Then::Text(body, consent), reply),
            Err(failure) => respond(reply, Err(failure)),
        }
    }

    /// The conversation that a target names, if it exists; the 1:1 with someone may not.
    pub(crate) fn existing(&mut self, to: &Target) -> Result<Option<ConversationId>, Failure> {
        match to {
            Target::Conversation(id) => self.conversation(*id).map(|open| Some(open.row.id)),
            Target::Person(address, tier) => {
                let tier = tier.unwrap_or(amanat_identity::Tier::Official);
                self.direct_with(address, tier)
            }
        }
    }

    /// The 1:1 with somebody that is in use. One in which that person is no more, or will not be in a moment, reaches
    /// nobody: another one is opened. [DELIV-137]
    fn direct_with(
        &mut self,
        address: &Address,
        tier: amanat_identity::Tier,
    ) -> Result<Option<ConversationId>, Failure> {
        let peer = address.to_string();
        let fits = |open: &&Open| {
            let usable = matches!(open.row.stage, Stage::Creating | Stage::Active | Stage::FellOut);
            *open.row.peer == peer && open.row.tier == tier.number() && usable
        };
        // The one that has been in use longest: nobody who opens another one draws later messages to it.
        let mut found: Vec<_> =
            self.conversations.values().filter(fits).map(|open| (open.row.since, open.row.id)).collect();
        found.sort_unstable();
        for (_, id) in found {
            if self.is_reached(id, address)? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Whether a device of a person is in a conversation to stay.
    fn is_reached(&mut self, id: ConversationId, person: &Address) -> Result<bool, Failure> {
        let (members, unfit) = (self.group(id)?.members(), self.unfit_members(id)?);
        Ok(!self.conversation(id)?.is_ending()
            && members.iter().any(|member| member.address == *person && !unfit.contains(&member.device)))
    }

    /// Queues a text that the filter lets pass, and replies.
    pub(crate) fn post_text(
        &mut self,
        id: ConversationId,
        body: Body,
        consent: &Consent,
        reply: ReplyTo,
    ) -> Result<(), Failure> {
        match self.check_can_post(id).and_then(|()| self.pass_body(id, &body, consent)) {
            Ok(()) => self.post_passed(id, body, reply),
            Err(failure) => answer_with(reply, Err(failure)),
        }
    }

    /// Queues a text that has passed the filter, and replies.
    pub(crate) fn post_passed(&mut self, id: ConversationId, body: Body, reply: ReplyTo) -> Result<(), Failure> {
        let sent = self.post(id, body);
        let sent = sent.map(|message| Reply::Sent { conversation: id, message: Some(message), document: None });
        answer_with(reply, sent)?;
        self.pump(id)
    }

    fn post(&mut self, id: ConversationId, body: Body) -> Result<MessageId, Failure> {
        self.check_can_post(id)?;
        let open = self.conversation(id)?;
        let mut row = open.row.clone();
        let seed = MessageSeed::random(&mut self.random());
        let message = MessageId::of(id, self.own.id(), seed);
        let (message_row, batch) = self.own_body(&mut row, message, &body)?;
        let sequence = message_row.sequence;
        let class = amanat_identity::policy::builtin(tier_of(row.tier)).retention;
        self.queue(id, row, Outgoing { body, message: Some((message_row, seed)), class, announce: true }, batch)?;
        self.note_expiry(id, sequence)?;
        Ok(message)
    }

    /// A row for one's own new message, with the conversation's next sequence.
    pub(crate) fn own_message(
        &self,
        row: &mut ConversationRow,
        id: MessageId,
        content_type: u16,
        body: Vec<u8>,
    ) -> Result<MessageRow, Failure> {
        let now = self.now();
        row.sequence += 1;
        row.latest = now;
        Ok(MessageRow {
            id,
            sequence: row.sequence,
            device: self.own.id(),
            from: text(self.own.address().to_string())?,
            name: text(self.own.name().as_str().to_owned())?,
            counter: 0,
            joined: 0,
            at: now,
            content_type,
            body: bounded(body)?,
            own: true,
        })
    }

    /// Refuses what could never be sent from here, and what must not be sent now.
    pub(crate) fn check_can_post(&self, id: ConversationId) -> Result<(), Failure> {
        let row = &self.conversation(id)?.row;
        if let Some(failure) = failure::of_stage(row) {
            return Err(failure);
        }
        self.require_cleared(row)?;
        // Offline it is queued: the relay may have a fresh statement when the link comes up.
        if self.link.is_some() && !self.may_send(tier_of(row.tier)) {
            return Err(failure::status_expired());
        }
        Ok(())
    }

    /// Refuses where this person is cleared for less than the tier by now, and will be removed by the others. [CONV-87]
    pub(crate) fn require_cleared(&self, row: &ConversationRow) -> Result<(), Failure> {
        let (held, needed) = (self.clearance_of(&self.own), tier_of(row.tier));
        if held < needed { Err(failure::not_cleared(held, needed)) } else { Ok(()) }
    }

    /// Puts something in the outbox, durably and together with what `batch` and `row` change; encrypts it at once where
    /// it can be sent at once.
    pub(crate) fn queue(
        &mut self,
        id: ConversationId,
        mut row: ConversationRow,
        mut outgoing: Outgoing,
        mut batch: Batch,
    ) -> Result<(), Failure> {
        if outgoing.message.is_some() {
            row.sent = row.sent.saturating_add(1);
            row.used = true;
        }
        let queued = self.draft(id, &mut outgoing, &mut batch).inspect_err(|_| self.drop_group(id))?;
        batch.put(Scope::Outbox, &queued.number.to_be_bytes(), &queued);
        put_conversation(&mut batch, &row);
        self.commit(Some(id), batch)?;
        self.next_outbox += 1;
        if let Some(open) = self.conversations.get_mut(&id) {
            open.row = row;
            open.queue.insert(queued.number, queued);
        }
        self.look_for_renewal(id);
        if let Some((message, _)) = outgoing.message.filter(|_| outgoing.announce) {
            let view = self.message_view(self.conversation(id)?, &message)?;
            self.emit(Event::Message { conversation: id, message: view });
        }
        Ok(())
    }

    /// An outbox row with its frame, and its message row with the frame's counter.
    fn draft(&mut self, id: ConversationId, outgoing: &mut Outgoing, batch: &mut Batch) -> Result<OutboxRow, Failure> {
        let message = outgoing.message.as_ref().map(|(message, _)| message.id);
        let seed = outgoing.message.as_ref().map(|(_, seed)| *seed);
        // A document's message began when its upload did: its lifetime counts from there for everyone. [CONV-84]
        let at = outgoing.message.as_ref().map_or_else(|| self.now(), |(message, _)| message.at);
        let number = self.next_outbox;
        // Only what could be sent at once: frames that are encrypted and unseen are bounded in number.
        let queue = &self.conversation(id)?.queue;
        let first = queue.len() < IN_FLIGHT && queue.values().all(|row| !row.request.is_empty());
        let mut random = self.random();
        let group = self.group(id)?;
        let seed = seed.unwrap_or_else(|| MessageSeed::random(&mut random));
        let content = group.queue(seed, at, &outgoing.body).map_err(failure::from_conversation)?;
        batch.records(Scope::GroupRecords(id), group.take_changes());
        let joined = self.conversation(id)?.row.joined;
        if let Some((message, _)) = &mut outgoing.message {
            (message.counter, message.joined) = (content.counter, joined);
            put_message(batch, id, message);
        }
        let mut queued = outbox_row((number, UnitId::random(&mut random)), id, message, outgoing.class, &content)?;
        if first && self.can_encrypt(id) {
            self.encrypt(&mut queued, batch)?;
        }
        Ok(queued)
    }

    /// An outbox row for a title, to be written with what makes it needed; encrypted when its turn comes. The group's
    /// changes are the caller's to write.
    pub(crate) fn draft_title(&self, group: &mut Conversation, title: &str) -> Result<OutboxRow, Failure> {
        let title = Body::title(title).map_err(|_| failure::internal("a title is longer than its field"))?;
        let (mut random, now) = (self.random(), self.now());
        let content = group.queue(MessageSeed::random(&mut random), now, &title).map_err(failure::from_conversation)?;
        outbox_row((self.next_outbox, UnitId::random(&mut random)), group.id(), None, RetentionClass::Month, &content)
    }

    fn can_encrypt(&self, id: ConversationId) -> bool {
        let Ok(open) = self.conversation(id) else { return false };
        let tier = tier_of(open.row.tier);
        // What is being fetched may hold commits: encrypting before it is applied would only be refused as stale.
        let free = open.commit.is_none() && !open.unfit && !open.is_ending(); // [CONV-41] [CONV-45] [DELIV-137]
        free && self.require_cleared(&open.row).is_ok() && self.is_current(id) && self.may_send(tier)
    }

    /// Encrypts a queued frame under the current epoch; the MLS changes join `batch`.
    fn encrypt(&mut self, queued: &mut OutboxRow, batch: &mut Batch) -> Result<(), Failure> {
        let content = Content::from_bytes(&queued.content).map_err(|_| failure::damaged())?;
        let (keys, mut random) = (std::sync::Arc::clone(&self.keys), self.random());
        let group = self.group(queued.conversation)?;
        let encrypted = group.encrypt(&content, keys.signing(), &mut random).map_err(failure::from_conversation)?;
        batch.records(Scope::GroupRecords(queued.conversation), group.take_changes());
        let unit = Unit {
            id: queued.unit,
            conversation: queued.conversation,
            kind: UnitKind::Message,
            class: queued.class,
            seen_commit: group.seen_commit(),
            accepted_commit: group.accepted_commit(),
            body: encrypted.body,
            roster_add: List::default(),
            roster_remove: List::default(),
            group_info: Bytes::default(),
            joiners: List::default(),
        };
        queued.request = bounded(unit.to_bytes())?;
        queued.ciphertext = encrypted.hash;
        Ok(())
    }

    /// Sends what can be sent in every conversation.
    pub(crate) fn pump_outbox(&mut self) -> Result<(), Failure> {
        let ids: Vec<ConversationId> =
            self.conversations.values().filter(|open| open.waits_to_send()).map(|open| open.row.id).collect();
        ids.into_iter().try_for_each(|id| self.pump(id))
    }

    /// Sends what can be sent in one conversation: in order, several at once.
    pub(crate) fn pump(&mut self, id: ConversationId) -> Result<(), Failure> {
        // [DELIV-109] Whom a newer list names gets nothing more, also not what was queued before.
        if !self.compared() || self.lists_open > 0 {
            return Ok(());
        }
        self.pump_commit(id)?;
        loop {
            if self.conversation(id).is_ok_and(|open| self.resting(open)) {
                return Ok(());
            }
            // What was encrypted before the relay lost the end of the log waits for that end, too. [DELIV-112]
            let Some(open) = self.conversations.get(&id).filter(|_| !self.unsettled.contains(&id)) else {
                return Ok(());
            };
            let under: Vec<u64> = open.queue.keys().filter_map(|number| self.in_flight.get(number)).copied().collect();
            let waits =
                |row: &&OutboxRow| !self.in_flight.contains_key(&row.number) && !open.held.contains(&row.number);
            let next = open.queue.values().find(waits);
            let Some(next) = next.cloned() else { return Ok(()) };
            // [DELIV-108] What follows a refused message would be taken before it, as soon as the relay takes anything.
            if under.len() >= IN_FLIGHT || open.refused && !under.is_empty() {
                return Ok(());
            }
            if next.request.is_empty() {
                if !self.can_encrypt(id) {
                    return Ok(());
                }
                match self.encrypt_queued(id, next) {
                    // One conversation that cannot encrypt now must not stop the others.
                    Err(failure) if failure.code == FailureCode::Conversation => {
                        tracing::warn!(%failure, "a message cannot be encrypted now");
                        self.rest_conversation(id, self.now().after(LONG_REST));
                        return Ok(());
                    }
                    done => done?,
                }
                continue;
            }
            // What was encrypted before a commit of one's own still goes out.
            let cleared = self.may_send(tier_of(open.row.tier)) && self.require_cleared(&open.row).is_ok();
            if !cleared || open.row.stage != Stage::Active || open.unfit || open.is_ending() {
                return Ok(());
            }
            // [DELIV-80] As it was encrypted, under the same id, until it is answered.
            let unit = Unit::from_bytes(&next.request).map_err(|_| failure::damaged())?;
            // [CONV-93]
            if self.is_late_message(&next)? {
                if !self.is_current(id) {
                    return Ok(());
                }
                if self.is_of_past_epoch(id, &unit)? {
                    self.encrypt_anew(id, next)?;
                    continue;
                }
            }
            let seen = unit.seen_commit;
            // [DELIV-108] Else the relay may refuse the one before as stale and take this one: a gap, to everybody else.
            if under.iter().any(|commit| *commit != seen)
                || !self.ask_relay(Question::Append(id, next.number), Request::Append(unit))
            {
                return Ok(());
            }
            self.in_flight.insert(next.number, seen);
        }
    }

    fn encrypt_queued(&mut self, id: ConversationId, mut queued: OutboxRow) -> Result<(), Failure> {
        let mut batch = Batch::default();
        self.encrypt(&mut queued, &mut batch)?;
        self.put_queued(id, queued, batch)
    }

    fn put_queued(&mut self, id: ConversationId, queued: OutboxRow, mut batch: Batch) -> Result<(), Failure> {
        batch.put(Scope::Outbox, &queued.number.to_be_bytes(), &queued);
        self.commit(Some(id), batch)?;
        if let Some(open) = self.conversations.get_mut(&id) {
            open.queue.insert(queued.number, queued);
        }
        Ok(())
    }

    /// The relay has answered an append.
    pub(crate) fn append_answered(&mut self, id: ConversationId, number: u64, answer: Answer) -> Result<(), Failure> {
        self.in_flight.remove(&number);
        let queued = self.conversations.get(&id).and_then(|open| open.queue.get(&number)).cloned();
        let Some(queued) = queued.filter(|queued| !queued.request.is_empty()) else {
            // Its entry was read from the log before the answer came; or this device was added again, and it goes anew.
            return self.apply_ahead(id);
        };
        if let Some(open) = self.conversations.get_mut(&id) {
            open.refused = matches!(answer, Answer::Refused(_));
        }
        match answer {
            // Behind what this vault has seen: the relay goes back without saying so, and what it took is on another
            // branch. It stays queued. [DELIV-113]
            Answer::Appended(appended) if appended.position <= self.conversation(id)?.row.position => {
                let missing = self.conversation(id)?.row.position - appended.position.saturating_sub(1);
                self.relay_behind(id, missing)
            }
            Answer::Appended(appended) => {
                self.accepted(id, &queued, appended)?;
                self.apply_ahead(id)?;
                self.pump(id)
            }
            // [DELIV-81] Encrypted too many commits ago: never entered the log, so the frame is encrypted again.
            Answer::StaleEpoch(position) => self.stale(id, queued, position),
            Answer::Refused(Refusal::Settling) => self.relay_settling(id),
            Answer::Refused(Refusal::TooFast | Refusal::Full | Refusal::Failed) => {
                self.rest_until(self.now().after(REST));
                Ok(())
            }
            Answer::Refused(refusal) => {
                self.append_refused(id, refusal);
                Ok(())
            }
            _ => {
                tracing::warn!("the relay's answer to an append does not fit");
                Ok(())
            }
        }
    }

    /// Believed only where it names a commit that this device has not seen, and then nothing is encrypted before that
    /// commit is here: a relay that says it again and again uses up no keys.
    fn stale(&mut self, id: ConversationId, queued: OutboxRow, position: u64) -> Result<(), Failure> {
        let unit = Unit::from_bytes(&queued.request).map_err(|_| failure::damaged())?;
        if position <= unit.seen_commit || position > MAX_POSITION {
            self.rest_conversation(id, self.now().after(REST));
            return Ok(());
        }
        if self.group(id)?.seen_commit() < position
            && let Some(open) = self.conversations.get_mut(&id)
        {
            open.needs_commit = open.needs_commit.max(position);
        }
        self.set_aside(id, queued)?;
        self.read_log(id);
        self.pump(id)
    }

    /// What was encrypted is not sent any more: the message is encrypted again when its turn comes.
    pub(crate) fn set_aside(&mut self, id: ConversationId, queued: OutboxRow) -> Result<(), Failure> {
        let mut batch = Batch::default();
        let group = self.group(id)?;
        // The relay may have it all the same. [CONV-91]
        group.set_aside(&queued.ciphertext);
        batch.records(Scope::GroupRecords(id), group.take_changes());
        // That it was encrypted, and may have left, stays on record: the relay knows its unit id. [DELIV-215]
        self.put_queued(id, OutboxRow { request: Bytes::default(), ..queued }, batch)
    }

    fn append_refused(&mut self, id: ConversationId, refusal: Refusal) {
        tracing::warn!(?refusal, "the relay refused an append");
        // A message stays queued, visibly: what the relay says now is no reason to lose it.
        self.rest_conversation(id, self.now().after(LONG_REST));
    }

    /// The relay holds it durably, at this position: the entry takes its place among those to be applied.
    fn accepted(&mut self, id: ConversationId, queued: &OutboxRow, appended: Appended) -> Result<(), Failure> {
        let unit = Unit::from_bytes(&queued.request).map_err(|_| failure::damaged())?;
        let own = self.own.id();
        let Some(open) = self.conversations.get_mut(&id) else { return Ok(()) };
        let entry = Entry::of_own(unit, own, appended);
        open.held.insert(queued.number);
        open.ahead.insert(entry);
        Ok(())
    }

    /// Whether anything that could be sent now is not accepted yet.
    pub(crate) fn outbox_busy(&self) -> bool {
        let busy = |open: &Open| {
            let sendable = self.can_encrypt(open.row.id) && !open.queue.is_empty();
            !self.resting(open) && (sendable || self.commits_now(open))
        };
        self.transfers.uploading() || self.conversations.values().any(busy)
    }

    /// A 1:1 conversation must be opened first.
    fn open_direct(&mut self, to: Target, then: Then, reply: ReplyTo) -> Result<(), Failure> {
        let Target::Person(address, tier) = to else { return Ok(()) };
        self.open_conversation(Opening::direct(address, tier), then, reply)
    }
}

/// Refuses a text in which there is nothing to read.
pub(crate) fn check_text(text: &str) -> Result<(), Failure> {
    if !crate::show::one_line(text).is_empty() {
        return Ok(());
    }
    let advice = "write the text; `amanat delete MESSAGE` takes a message back";
    Err(Failure::new(FailureCode::NotAllowed, "the text is empty: there is nothing to send", advice))
}

/// A frame that is queued and not encrypted yet.
fn outbox_row(
    (number, unit): (u64, UnitId),
    conversation: ConversationId,
    message: Option<MessageId>,
    class: RetentionClass,
    content: &Content,
) -> Result<OutboxRow, Failure> {
    Ok(OutboxRow {
        number,
        conversation,
        unit,
        message,
        counter: content.counter,
        class,
        content: bounded(content.to_bytes())?,
        request: Bytes::default(),
        ciphertext: Digest::ZERO,
    })
}

/// Writes a message row and the index from its id.
pub(crate) fn put_message(batch: &mut Batch, id: ConversationId, row: &MessageRow) {
    batch.put(Scope::Messages(id), &row.sequence.to_be_bytes(), row);
    batch.put(Scope::MessageIds(id), row.id.as_bytes(), &row.sequence);
}

/// A text that came from a bounded source and fits.
pub(crate) fn text<const MAX: usize>(value: String) -> Result<Text<MAX>, Failure> {
    Text::new(value).map_err(|_| failure::internal("a text is longer than its field"))
}
