//! After a relay was restored (protocol-spec/07-delivery, section 14): which logs the relay has lost the end of, and what
//! is held back until it has it again.
//!
//! Under a new incarnation every conversation is unsettled until the relay has shown that its log reaches as far as this
//! vault, with the same running hash. A relay that goes back without saying so is found out by the position it gives to
//! something new. In an unsettled conversation nothing is encrypted, nothing at a position already passed is applied, and
//! what is queued stays queued.
//!
//! Where the log ends before this vault, the vault's tail goes back to the relay, page by page, as far as it reaches; then
//! the Welcomes of this device's own commits, for joiners who have not had them; then the relay is told that there is no
//! more.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use amanat_primitives::{ConversationId, Digest, Timestamp};
use amanat_wire::{
    List,
    client::Request,
    relay::{Answer, Entries, Refusal},
    resupply::Resupply,
};

use super::{core::Core, link::Question};
use crate::{
    Failure,
    api::{Alarm, Notice},
    failure,
    rows::{UnsettledRow, meta},
    vault::{Batch, Scope, Vault},
};

/// How long a conversation rests that the relay holds, before it is asked again.
const REST: Duration = Duration::from_secs(5);
/// For so long after a restore a log without a Welcome is not passed over: its author may bring it back.
const WELCOMES_WAIT: Duration = Duration::from_secs(600);

/// What is brought to a relay that has lost something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bring {
    /// Entries of a log behind this position.
    Entries(ConversationId, u64),
    /// The Welcome of one's own commit.
    Welcomes(ConversationId),
    /// That there is nothing more of a log.
    Nothing(ConversationId),
    /// A newer status statement.
    Status,
}

/// Conversations whose log the relay may have lost the end of.
#[derive(Default)]
pub(crate) struct Unsettled {
    ids: BTreeSet<ConversationId>,
    /// When the relay's incarnation was first seen.
    since: Option<Timestamp>,
    /// Over this link: told to the user, ...
    told: BTreeSet<ConversationId>,
    /// ... said to be held by the relay, ...
    held: BTreeSet<ConversationId>,
    /// ... read, ...
    asked: BTreeSet<ConversationId>,
    /// ... being given back, or said to be whole, ...
    open: BTreeSet<ConversationId>,
    /// The relay is being shown a newer status statement.
    pub(crate) status_open: bool,
    /// ... and own commits whose Welcomes are still to be brought.
    welcomes: BTreeMap<ConversationId, VecDeque<u64>>,
}

impl Unsettled {
    /// As the vault knows them.
    pub(crate) fn load(vault: &Vault) -> Result<Self, Failure> {
        let Some(row) = vault.read::<UnsettledRow>(Scope::Meta, meta::UNSETTLED)? else { return Ok(Self::default()) };
        Ok(Self { ids: row.conversations.iter().copied().collect(), since: row.since, ..Self::default() })
    }

    /// Nothing may be encrypted in it.
    pub(crate) fn contains(&self, id: &ConversationId) -> bool {
        self.ids.contains(id)
    }

    /// Something is on its way back to the relay, or about to be asked.
    pub(crate) fn busy(&self) -> bool {
        self.status_open || !self.open.is_empty() || self.ids.iter().any(|id| !self.asked.contains(id))
    }

    /// Over a new link everything is asked anew.
    pub(crate) fn link_up(&mut self) {
        let (ids, since) = (std::mem::take(&mut self.ids), self.since);
        *self = Self { ids, since, ..Self::default() };
    }

    fn put(&self, batch: &mut Batch) -> Result<(), Failure> {
        let conversations = List::new(self.ids.iter().copied().collect::<Vec<_>>())
            .map_err(|_| failure::internal("too many conversations after a restore"))?;
        batch.put(Scope::Meta, meta::UNSETTLED, &UnsettledRow { conversations, since: self.since });
        Ok(())
    }
}

impl Core {
    /// The relay has another store than before: all conversations are unsettled, in the batch that notes so. [DELIV-112]
    pub(crate) fn all_unsettled(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        // What is still being created has no log that could have lost anything.
        let begun = self.conversations.values().filter(|open| open.row.position > 0).map(|open| open.row.id);
        self.unsettled.ids.extend(begun);
        self.unsettled.since = Some(self.now());
        self.unsettled.put(batch)?;
        self.documents_unsettled(batch)
    }

    /// A log whose Welcome is not here may be passed over: it is not lately that the relay was restored.
    pub(crate) fn may_pass_over(&self) -> bool {
        self.unsettled.since.is_none_or(|since| self.now() >= since.after(WELCOMES_WAIT))
    }

    /// Looks whether the relay has what was missing: asks for those that were not asked for over this link, as many as may
    /// be open.
    pub(crate) fn pump_unsettled(&mut self) -> Result<(), Failure> {
        if self.link.is_none() {
            return Ok(());
        }
        let asked = |id: &&ConversationId| !self.unsettled.asked.contains(*id);
        for id in self.unsettled.ids.iter().filter(asked).copied().collect::<Vec<_>>() {
            let Some(open) = self.conversations.get(&id) else {
                self.unsettled.asked.insert(id);
                continue;
            };
            if !open.row.stage.follows_log() {
                // Whoever follows no more can still say that it has nothing beyond.
                self.unsettled.asked.insert(id);
                self.finish_settling(id)?;
                continue;
            }
            if open.waiting || open.stuck {
                self.unsettled.asked.insert(id);
                continue;
            }
            self.read_log(id);
            if !self.conversations.get(&id).is_some_and(|open| open.reading) {
                return Ok(());
            }
            self.unsettled.asked.insert(id);
        }
        for id in self.unsettled.welcomes.keys().copied().collect::<Vec<_>>() {
            self.bring_welcome(id)?;
        }
        Ok(())
    }

    /// What a read of a log shows. Says whether its entries may be applied. [DELIV-112]
    pub(crate) fn settle_log(&mut self, id: ConversationId, entries: &Entries) -> Result<bool, Failure> {
        let position = self.conversation(id)?.row.position;
        if entries.head < position {
            // Where they part is seen before the end, where this vault still has R of there.
            let kept = self.kept_running(id, entries.head)?;
            if kept.is_some_and(|kept| kept != entries.running_before) {
                self.other_branch(id, entries.head)?;
                return Ok(false);
            }
            self.supply(id, entries.head, entries.running_before)?;
            return Ok(false);
        }
        if !self.unsettled.contains(&id) {
            return Ok(true);
        }
        let same = entries.first_kept > position + 1 || entries.running_before == self.group(id)?.log().running();
        if !same {
            self.other_branch(id, position)?;
            return Ok(false);
        }
        let welcomes: VecDeque<u64> = self.kept_welcomes(id)?.into();
        if welcomes.is_empty() {
            self.finish_settling(id)?;
        } else {
            self.unsettled.welcomes.insert(id, welcomes);
            self.bring_welcome(id)?;
        }
        Ok(true)
    }

    /// Another branch: it is shown, and this vault's own is not given up for it.
    fn other_branch(&mut self, id: ConversationId, position: u64) -> Result<(), Failure> {
        let sender = self.own.address().clone();
        self.alarm(id, Alarm::Fork { sender, position });
        self.freeze(id, &failure::other_branch())?;
        self.unsettled.ids.remove(&id);
        self.commit_unsettled()
    }

    /// Gives the relay what follows its head, a page of it, if this vault has that. [DELIV-114]
    fn supply(&mut self, id: ConversationId, head: u64, running: Digest) -> Result<(), Failure> {
        self.note_unsettled(id)?;
        if self.unsettled.open.contains(&id) {
            return Ok(());
        }
        let missing = self.conversation(id)?.row.position.saturating_sub(head);
        let Some(page) = self.page_after(id, head, running)? else { return self.relay_behind(id, missing) };
        if self.ask_relay(Question::Bring(Bring::Entries(id, head)), Request::Resupply(page)) {
            self.unsettled.open.insert(id);
        }
        Ok(())
    }

    /// The relay has answered to what was brought.
    pub(crate) fn brought(&mut self, what: Bring, answer: Answer) -> Result<(), Failure> {
        match what {
            Bring::Entries(id, from) => self.resupplied(id, from, answer),
            Bring::Welcomes(id) => self.welcomes_answered(id, &answer),
            Bring::Nothing(id) => self.settled_answered(id),
            Bring::Status => {
                self.unsettled.status_open = false;
                self.pump_outbox()
            }
        }
    }

    /// The relay has taken a page, or not.
    fn resupplied(&mut self, id: ConversationId, from: u64, answer: Answer) -> Result<(), Failure> {
        self.unsettled.open.remove(&id);
        let position = self.conversation(id)?.row.position;
        match answer {
            Answer::Resupplied(head) if head > from && head < position => {
                let running = self.kept_running(id, head)?.unwrap_or(Digest::ZERO);
                self.supply(id, head, running)
            }
            // All of it is there: it is read once more, and settled by that.
            Answer::Resupplied(head) if head >= position => {
                tracing::info!("the relay has the end of a log back");
                self.read_log(id);
                Ok(())
            }
            answer => {
                tracing::warn!(kind = answer.kind(), "the relay does not take the end of a log back");
                self.relay_behind(id, position.saturating_sub(from))
            }
        }
    }

    /// Brings the next Welcome of one's own commits. [DELIV-118]
    fn bring_welcome(&mut self, id: ConversationId) -> Result<(), Failure> {
        if self.unsettled.open.contains(&id) {
            return Ok(());
        }
        let Some(next) = self.unsettled.welcomes.get(&id).and_then(|left| left.front().copied()) else {
            self.unsettled.welcomes.remove(&id);
            return self.finish_settling(id);
        };
        let Some(welcomes) = self.welcomes_of(id, next)? else {
            self.welcome_brought(id);
            return self.bring_welcome(id);
        };
        if self.ask_relay(Question::Bring(Bring::Welcomes(id)), Request::Welcomes(welcomes)) {
            self.unsettled.open.insert(id);
        }
        Ok(())
    }

    fn welcome_brought(&mut self, id: ConversationId) {
        if let Some(left) = self.unsettled.welcomes.get_mut(&id) {
            left.pop_front();
        }
    }

    /// The relay has taken a Welcome, or has no use for it.
    fn welcomes_answered(&mut self, id: ConversationId, answer: &Answer) -> Result<(), Failure> {
        self.unsettled.open.remove(&id);
        match answer {
            // Over the next link.
            Answer::Refused(Refusal::TooFast | Refusal::Full | Refusal::Failed) => {
                self.unsettled.welcomes.remove(&id);
                Ok(())
            }
            _ => {
                self.welcome_brought(id);
                self.bring_welcome(id)
            }
        }
    }

    /// A conversation was joined while a restored relay may wait for the word of all who read it: whoever has just come
    /// has nothing beyond.
    pub(crate) fn joined_while_settling(&mut self, id: ConversationId) -> Result<(), Failure> {
        if self.may_pass_over() { Ok(()) } else { self.finish_settling(id) }
    }

    /// The relay's log reaches as far as this vault: durable, and said to the relay, which may wait for it. [DELIV-117]
    fn finish_settling(&mut self, id: ConversationId) -> Result<(), Failure> {
        self.unsettled.ids.remove(&id);
        self.commit_unsettled()?;
        let after = self.conversation(id)?.row.position;
        let Ok(running) = self.group(id).map(|group| group.log().running()) else { return Ok(()) };
        let nothing = Resupply { conversation: id, after, running, entries: List::default() };
        if self.ask_relay(Question::Bring(Bring::Nothing(id)), Request::Resupply(nothing)) {
            self.unsettled.open.insert(id);
        }
        Ok(())
    }

    /// The relay has heard that there is nothing more.
    fn settled_answered(&mut self, id: ConversationId) -> Result<(), Failure> {
        self.unsettled.open.remove(&id);
        // It may have been the last word that the relay waited for.
        if let Some(open) = self.conversations.get_mut(&id) {
            open.rest = None;
        }
        self.start_uploads()?;
        self.pump(id)
    }

    fn commit_unsettled(&self) -> Result<(), Failure> {
        let mut batch = Batch::default();
        self.unsettled.put(&mut batch)?;
        self.vault.commit(batch)
    }

    pub(crate) fn note_unsettled(&mut self, id: ConversationId) -> Result<(), Failure> {
        self.unsettled.asked.insert(id);
        if self.unsettled.ids.insert(id) {
            self.commit_unsettled()?;
        }
        Ok(())
    }

    /// These logs end so many entries before the vault: said once over each link, and each is asked for as soon as a
    /// request is free.
    pub(crate) fn note_behind(&mut self, behind: Vec<(ConversationId, u64)>) -> Result<(), Failure> {
        let held = self.unsettled.ids.len();
        self.unsettled.ids.extend(behind.iter().map(|(id, _)| *id));
        if self.unsettled.ids.len() > held {
            self.commit_unsettled()?;
        }
        for (id, missing) in behind {
            self.say_behind(id, missing);
        }
        Ok(())
    }

    fn say_behind(&mut self, id: ConversationId, missing: u64) {
        if self.unsettled.told.insert(id) {
            tracing::warn!(missing, "the relay has lost the end of a log");
            self.notice(Notice::RelayBehind { conversation: id, missing });
        }
    }

    /// The relay's log ends before this vault's, which cannot give it back: durable, and said once over each link.
    pub(crate) fn relay_behind(&mut self, id: ConversationId, missing: u64) -> Result<(), Failure> {
        self.note_unsettled(id)?;
        self.say_behind(id, missing);
        Ok(())
    }

    /// The relay does not have this log, or not this device in it.
    pub(crate) fn relay_lacks(&mut self, id: ConversationId, unknown: bool) -> Result<(), Failure> {
        let position = self.conversation(id)?.row.position;
        if unknown { self.supply(id, 0, Digest::ZERO) } else { self.relay_behind(id, position) }
    }

    /// The relay takes nothing new in this log yet: said once over each link, and asked again in a while. What waits to be
    /// sent keeps waiting.
    pub(crate) fn relay_settling(&mut self, id: ConversationId) -> Result<(), Failure> {
        self.rest_conversation(id, self.now().after(REST));
        if self.unsettled.held.insert(id) {
            self.notice(Notice::RelaySettling { conversation: id });
            // It may be this device that has what is missing.
            self.read_log(id);
        }
        Ok(())
    }
}
