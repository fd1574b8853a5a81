//! The end of a batch of entries (protocol-spec/07-delivery, section 12): it is written, taken into memory, shown, and only
//! then acted upon, so that nothing is shown or done that a power cut could take back.

use amanat_conversation::Conversation;
use amanat_primitives::DeviceId;
use amanat_wire::client::Nothing;
use std::collections::{BTreeMap, VecDeque};

use super::Draft;
use crate::{
    Event, Failure, Reply,
    api::{Alarm, MessageState, Notice, WarningOf},
    engine::{
        commits::end,
        core::{Core, Open, put_conversation},
        life::Lives,
        membership::Want,
        warnings,
    },
    rows::{ConversationRow, SiftRow, Stage, TrackRow},
    vault::Scope,
};

/// What a batch has replaced in a conversation.
struct Replaced {
    row: ConversationRow,
    tracks: BTreeMap<DeviceId, TrackRow>,
    /// This device followed the log, and does no more.
    ended: bool,
    /// Its members are to be looked through.
    look: bool,
    /// Wishes that nobody need carry out any more.
    wants: VecDeque<Want>,
}

impl Core {
    /// Makes a draft durable, and then visible.
    pub(super) fn finish(&mut self, mut draft: Draft, group: Conversation) -> Result<(), Failure> {
        let id = draft.id;
        // What the batch is filled from, and shown from once it is durable.
        let lives = std::mem::take(&mut draft.lives);
        let warnings = self.fill_batch(&mut draft, &lives, &group)?;
        // [DELIV-88] Nothing below happens before this has returned. The group was taken out of its place: a failed
        // commit leaves it out, to be loaded again.
        self.vault.commit(std::mem::take(&mut draft.batch))?;
        self.kept.settle(std::mem::take(&mut draft.kept));
        self.warnings.settle(warnings);
        let Some(replaced) = self.take_into_memory(&mut draft, group)? else { return Ok(()) };
        self.show(&mut draft)?;
        for want in replaced.wants {
            end(want, Ok(Reply::ConversationChanged { conversation: id }))?;
        }
        if draft.leave_again {
            self.leave_again(id)?;
        }
        if draft.changed {
            self.judge_members(id)?;
            self.look_for_further(id)?;
        }
        self.lives_changed(id, &lives)?;
        if draft.acknowledged {
            self.emit_states(id, &Open { tracks: replaced.tracks, ..Open::of(replaced.row) })?;
        }
        if draft.owes_receipt {
            self.receipt_later(id);
        }
        if replaced.look {
            self.look_soon(id);
        }
        self.act_on(draft, replaced.ended)?;
        // A Welcome may have waited for this log.
        self.process_direct()
    }

    /// Puts all that the draft changes into its batch.
    fn fill_batch(
        &mut self,
        draft: &mut Draft,
        lives: &Lives,
        group: &Conversation,
    ) -> Result<warnings::Draft, Failure> {
        let id = draft.id;
        for message in &mut draft.messages {
            *message = lives.message(message.sequence).unwrap_or(message).clone();
        }
        self.write_lives(id, lives, &mut draft.batch)?;
        put_conversation(&mut draft.batch, &draft.row);
        match draft.own_title {
            Some(true) => draft.batch.put(Scope::OwnTitles, id.as_bytes(), &Nothing {}),
            Some(false) => draft.batch.delete(Scope::OwnTitles, id.as_bytes()),
            None => {}
        }
        for track in draft.changed_tracks.iter().filter_map(|device| draft.tracks.get(device)) {
            draft.batch.put(Scope::Tracks(id), track.device.as_bytes(), track);
        }
        for queued in &draft.sent {
            draft.batch.delete(Scope::Outbox, &queued.number.to_be_bytes());
        }
        if draft.rolled_back {
            let before = draft.before();
            let running = group.log().running_at(before);
            self.rolled_back.note([SiftRow::new(id, before, running)], &mut draft.batch)?;
            tracing::warn!("the vault is older than what was sent from it");
            draft.notices.push(Notice::ProfileOutdated { conversations: 1 });
        }
        if let Some(title) = &draft.title {
            draft.batch.put(Scope::Outbox, &title.number.to_be_bytes(), title);
        }
        let alarms = draft.alarms.iter().cloned().chain(draft.lacks.map(|device| Alarm::Waiting { device }));
        let alarms = alarms.map(|alarm| WarningOf::Alarm { conversation: id, alarm });
        let notices = draft.notices.iter().cloned().map(WarningOf::Notice);
        self.warnings.draft(alarms.chain(notices), self.now(), &mut draft.batch)
    }

    /// Puts in memory what is now on disk. None where the conversation is not open any more.
    fn take_into_memory(&mut self, draft: &mut Draft, group: Conversation) -> Result<Option<Replaced>, Failure> {
        let (id, now) = (draft.id, self.now());
        let Some(open) = self.conversations.get_mut(&id) else { return Ok(None) };
        self.taken += 1;
        let ended = !draft.row.stage.follows_log() && draft.row.stage != open.row.stage;
        let row = std::mem::replace(&mut open.row, draft.row.clone());
        let tracks = std::mem::replace(&mut open.tracks, std::mem::take(&mut draft.tracks));
        if group.seen_commit() >= open.needs_commit {
            open.needs_commit = 0;
        }
        open.group = Some(group);
        for queued in &draft.sent {
            open.queue.remove(&queued.number);
            open.held.remove(&queued.number);
            self.in_flight.remove(&queued.number);
        }
        if let Some(title) = draft.title.take() {
            self.next_outbox += 1;
            open.queue.insert(title.number, title);
        }
        if let Some(people) = draft.newcomers.take() {
            open.newcomers.set(people);
        }
        if draft.committed || draft.lost {
            open.commit = None;
            open.commit_sent = false;
        }
        // To remove the other person is all that anybody can have asked for in a 1:1.
        let wants = if open.row.stage == Stage::Over { std::mem::take(&mut open.wants) } else { VecDeque::new() };
        open.healing.take_in(draft.wrong_roster, draft.healed);
        open.waiting = !draft.missing.is_empty() || draft.needs_status > 0;
        open.needs_status = draft.needs_status;
        open.stuck |= draft.stands_still();
        for device in &draft.added {
            // [CONV-54] Another member has seen to it.
            open.again.remove(device);
        }
        let look = draft.leaver || open.healing.is_wanted() || !open.again.is_empty();
        open.excluded = draft.excluded;
        self.received += draft.messages.len() as u64;
        draft.displaced.iter().for_each(|sequence| self.search.forget(id, *sequence, now));
        draft.displaced_documents.iter().try_for_each(|document| self.stop_transfers_of(*document))?;
        Ok(Some(Replaced { row, tracks, ended, look, wants }))
    }

    /// Says what has come.
    fn show(&mut self, draft: &mut Draft) -> Result<(), Failure> {
        let id = draft.id;
        for message in draft.sent.iter().filter_map(|queued| queued.message) {
            self.emit(Event::MessageState { conversation: id, message, state: MessageState::Accepted });
        }
        for row in &draft.messages {
            let view = self.message_view(self.conversation(id)?, row)?;
            self.emit(Event::Message { conversation: id, message: view });
        }
        for alarm in std::mem::take(&mut draft.alarms) {
            tracing::warn!(kind = alarm.kind(), "a conversation needs attention");
            self.emit(Event::Alarm { conversation: id, alarm });
        }
        for notice in std::mem::take(&mut draft.notices) {
            self.emit(Event::Notice(notice));
        }
        Ok(())
    }

    /// Begins what follows from a batch. `ended` as [`Replaced`] says.
    fn act_on(&mut self, draft: Draft, ended: bool) -> Result<(), Failure> {
        let id = draft.id;
        self.look_for_renewal(id);
        self.advance_later(Some(id));
        if draft.created || ended || draft.changed {
            self.emit_conversation(id)?;
        }
        if draft.created {
            // Where another first commit was refused.
            if let Some(open) = self.conversations.get_mut(&id) {
                open.rest = None;
            }
            self.resume_transfers()?;
        }
        if draft.rolled_back {
            self.read_for_own(id, draft.before());
        }
        let stands_still = draft.stands_still();
        if !draft.missing.is_empty() {
            self.fetch_missing(id, draft.missing);
        }
        if let Some(device) = draft.lacks {
            self.emit(Event::Alarm { conversation: id, alarm: Alarm::Waiting { device } });
        }
        if stands_still {
            self.emit_conversation(id)?;
        }
        if draft.needs_status > 0 {
            self.fetch_status(id);
        }
        if ended {
            if self.conversation(id).is_ok_and(|open| open.row.stage == Stage::FellOut) {
                self.ask_again(id);
            }
            // So that the relay ends the membership at once, whoever commits next.
            self.decline(id);
        }
        Ok(())
    }
}

impl Draft {
    /// The position before the batch's last entry.
    fn before(&self) -> u64 {
        self.row.position.saturating_sub(1)
    }

    /// The next entry cannot be judged, and nothing that this device can fetch will help.
    fn stands_still(&self) -> bool {
        self.lacks.is_some() || self.receipt_wrong
    }
}
