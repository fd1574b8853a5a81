//! Commits of this device on their way (protocol-spec/05-conversation, section 5): one in a conversation at a time,
//! durable with MLS's pending state before it is sent, sent again as it is until the relay answers, and ended by being
//! found in the log, by another one that came first, or by a refusal, after which it is still known. [CONV-41] [CONV-90]

use amanat_conversation::{
    CheckedKeyPackage, Conversation, LeafClaim, MAX_POSITION, OutgoingCommit, Removal, may_stand_beside,
};
use amanat_primitives::{ConversationId, DeviceId, UnitId};
use amanat_wire::{
    Decode as _, Encode as _, List,
    client::{Nothing, Request},
    log::{Entry, RetentionClass, Unit, UnitKind},
    relay::{Answer, Appended, Refusal},
};
use rand_core::CryptoRngCore;

use super::{
    apply::{Draft, is_leave},
    core::{Core, Open, bounded, respond, tier_of},
    link::Question,
    membership::{Plan, RENEW_AGAIN, Want},
    outgoing::LONG_REST,
    roles::{good_leaves, may_change},
};
use crate::{
    Failure, FailureCode, Reply, failure,
    rows::{Change, CommitRow, Stage},
    vault::{Batch, Scope},
};

/// The row of a commit that was just made in `group`.
pub(crate) fn commit_row(
    group: &Conversation,
    kind: UnitKind,
    change: Change,
    commit: OutgoingCommit,
    random: &mut dyn CryptoRngCore,
) -> Result<CommitRow, Failure> {
    let ciphertext = commit.hash;
    let (seen_commit, accepted_commit) =
        if kind == UnitKind::Create { (0, 0) } else { (group.seen_commit(), group.accepted_commit()) };
    let unit = Unit {
        id: UnitId::random(random),
        conversation: group.id(),
        kind,
        class: RetentionClass::Month,
        seen_commit,
        accepted_commit,
        body: commit.body,
        roster_add: commit.roster_add,
        roster_remove: commit.roster_remove,
        group_info: commit.group_info,
        joiners: commit.joiners,
    };
    Ok(CommitRow { conversation: group.id(), change, request: bounded(unit.to_bytes())?, ciphertext })
}

/// How often a log is read because the relay says that it holds it.
const BELIEVED: u8 = 3;

impl Core {
    /// Sends the conversation's commit, or makes the next one that is wanted.
    pub(crate) fn pump_commit(&mut self, id: ConversationId) -> Result<(), Failure> {
        let Ok(open) = self.conversation(id) else { return Ok(()) };
        // Until the relay has the status statement that commits name, each would be void. [CONV-50]
        if self.link.is_none()
            || self.unsettled.status_open
            || open.commit_sent
            || self.resting(open)
            || !open.row.stage.follows_log()
        {
            return Ok(());
        }
        let Some(row) = open.commit.clone() else { return self.next_commit(id) };
        let creating = matches!(row.change, Change::Create(_));
        let lets_in = creating || matches!(row.change, Change::Add(_));
        // [ID-22] Nobody is let in without knowing who is revoked.
        if lets_in && !self.may_send(tier_of(open.row.tier)) || !creating && !self.is_current(id) {
            return Ok(());
        }
        if self.is_late(id)? { self.late_commit(id, row.change) } else { self.send_commit(id) }
    }

    /// Sends it as it was made.
    pub(crate) fn send_commit(&mut self, id: ConversationId) -> Result<(), Failure> {
        let Some(row) = self.conversation(id)?.commit.clone() else { return Ok(()) };
        let creating = matches!(row.change, Change::Create(_));
        let mut unit = Unit::from_bytes(&row.request).map_err(|_| failure::damaged())?;
        let group = self.group(id)?;
        if !creating && unit.seen_commit != group.seen_commit() {
            // What came first was void, so this one is still good, behind it.
            unit.seen_commit = group.seen_commit();
            unit.id = UnitId::random(&mut self.random());
            let row = CommitRow { request: bounded(unit.to_bytes())?, ..row };
            let mut batch = Batch::default();
            batch.put(Scope::Commits, id.as_bytes(), &row);
            self.commit(Some(id), batch)?;
            if let Some(open) = self.conversations.get_mut(&id) {
                open.commit = Some(row);
            }
        }
        let sent = self.ask_relay(Question::Commit(id), Request::Append(unit));
        if let Some(open) = self.conversations.get_mut(&id) {
            open.commit_sent = sent;
        }
        Ok(())
    }

    /// Makes the next commit that is wanted, durably.
    fn next_commit(&mut self, id: ConversationId) -> Result<(), Failure> {
        if let Some(by) = self.clocks_differ() {
            self.wait_for_clock(id, by);
            return Ok(());
        }
        while self.is_current(id) {
            let Some(open) = self.conversations.get_mut(&id) else { return Ok(()) };
            // [CONV-48] Who has asked to leave renews no keys: the request would be void.
            if open.queue.values().any(is_leave) {
                return Ok(());
            }
            let Some(want) = open.wants.pop_front() else { return self.see_to_newcomers(id) };
            match self.make(id, &want.plan) {
                Ok(Some(row)) => {
                    if let Some(open) = self.conversations.get_mut(&id) {
                        open.commit = Some(row);
                        open.commit_full = false;
                        open.doing = Some(want);
                    }
                    return self.pump_commit(id);
                }
                // Somebody else has done it.
                Ok(None) => end(want, Ok(Reply::ConversationChanged { conversation: id }))?,
                Err(failure) if failure.code == FailureCode::Conversation => {
                    tracing::warn!(%failure, "a change of members cannot be made");
                    end(want, Err(failure))?;
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// Makes a commit and writes it with MLS's pending state; `None` where nothing is left to do.
    fn make(&mut self, id: ConversationId, plan: &Plan) -> Result<Option<CommitRow>, Failure> {
        let keys = std::sync::Arc::clone(&self.keys);
        let (now, status) = (self.now(), self.revocations().number());
        let (unfit, asked) = match plan {
            Plan::Remove(_) => (self.unfit_members(id)?, self.asked_to_leave(id)?),
            Plan::Add(_) | Plan::Again(_) | Plan::Appoint { .. } | Plan::Renew => (Vec::new(), Vec::new()),
        };
        let own = self.own.clone();
        let returning = match plan {
            Plan::Again(package) => self.conversation(id)?.again.get(&package.device().id()).cloned(),
            _ => None,
        };
        let mut random = self.random();
        let group = self.group(id)?;
        let members: Vec<_> = group.members().iter().map(|member| member.device).collect();
        let (signing, rng) = (keys.signing(), &mut random);
        let (change, commit) = match plan {
            Plan::Add(packages) => {
                let claims = group.members();
                let fits = |package: &&CheckedKeyPackage| {
                    // One's own commit is not judged when it comes back: so it is judged here.
                    !members.contains(&package.device().id())
                        && may_stand_beside(&claims, &own, package.device()).is_ok()
                };
                let new: Vec<_> = packages.iter().filter(fits).cloned().collect();
                if new.is_empty() {
                    return Ok(None);
                }
                let devices: Vec<_> = new.iter().map(|package| package.device().id()).collect();
                (Change::Add(list(devices)?), group.add(new, signing, status, now, rng))
            }
            Plan::Remove(devices) => {
                let there: Vec<_> = devices.iter().filter(|device| members.contains(device)).copied().collect();
                if there.is_empty() {
                    return Ok(None);
                }
                let leaves = good_leaves(group, &asked).into_iter().map(|(_, proof)| proof).collect();
                let removal = Removal { devices: there.clone(), leaves, unfit };
                (Change::Remove(list(there)?), group.remove(removal, signing, status, now, rng))
            }
            Plan::Again(package) => {
                let device = package.device().id();
                let Some(request) = returning.filter(|_| members.contains(&device)) else { return Ok(None) };
                let package = CheckedKeyPackage::clone(package);
                (Change::Add(list(vec![device])?), group.add_again(package, request, signing, status, now, rng))
            }
            Plan::Appoint { person, moderator } => {
                let Some(roles) = group.roles() else { return Ok(None) };
                let after = roles.with(person, *moderator).map_err(|_| failure::internal("too many moderators"))?;
                if after == *roles {
                    return Ok(None);
                }
                (Change::Appoint(Nothing {}), group.appoint(after, signing, status, now, rng))
            }
            Plan::Renew => (Change::Renew(Nothing {}), group.self_update(signing, status, now, rng)),
        };
        let commit = commit.map_err(failure::from_conversation)?;
        let row = commit_row(group, UnitKind::Commit, change, commit, &mut random)?;
        let mut batch = Batch::default();
        batch.records(Scope::GroupRecords(id), group.take_changes());
        batch.put(Scope::Commits, id.as_bytes(), &row);
        self.commit(Some(id), batch)?;
        Ok(Some(row))
    }

    /// The relay has answered.
    pub(crate) fn commit_answered(&mut self, id: ConversationId, answer: Answer) -> Result<(), Failure> {
        let Some(row) = self.conversation(id).ok().and_then(|open| open.commit.clone()) else {
            // Its entry was read from the log before the answer came.
            return self.apply_ahead(id);
        };
        let creating = matches!(row.change, Change::Create(_));
        match answer {
            Answer::Appended(appended) => {
                self.commit_accepted(id, &row, appended)?;
                self.apply_ahead(id)?;
                self.pump(id)
            }
            Answer::Conflict(position) if !creating => self.conflict(id, position),
            Answer::Refused(Refusal::Settling) => {
                if let Some(open) = self.conversations.get_mut(&id) {
                    open.commit_sent = false;
                }
                self.relay_settling(id)
            }
            // There may never be room for it, and nothing else is written here until it ends.
            Answer::Refused(Refusal::Full) if !creating && self.was_full(id) => {
                self.give_up(id, &failure::from_refusal(Refusal::Full))
            }
            // Messages need not wait for what is due again anyway.
            Answer::Refused(Refusal::TooFast) if matches!(row.change, Change::Renew(_)) => {
                self.look_by(id, self.now().after(RENEW_AGAIN));
                self.give_up(id, &failure::from_refusal(Refusal::TooFast))
            }
            Answer::Refused(Refusal::TooFast | Refusal::Full | Refusal::Failed | Refusal::ShuttingDown) => {
                self.again_later(id);
                Ok(())
            }
            // The one that was given up came after all, while it was founded anew: the log shows it, and it is merged. [CONV-90]
            // Where the log shows nothing, the relay's word is not believed for ever.
            Answer::Refused(Refusal::Exists) if creating && self.may_exist(id)? => {
                self.again_later(id);
                self.read_log(id);
                Ok(())
            }
            // The conversation never came to be: nobody has its Welcome.
            Answer::Refused(refusal) if creating => self.forget(id, failure::from_refusal(refusal)),
            Answer::Refused(refusal) => self.give_up(id, &failure::from_refusal(refusal)),
            _ => {
                tracing::warn!("the relay's answer to a commit does not fit");
                self.again_later(id);
                Ok(())
            }
        }
    }

    /// Whether the relay can hold this conversation as it was founded before.
    fn may_exist(&mut self, id: ConversationId) -> Result<bool, Failure> {
        let given_up = self.group(id)?.has_given_up().map_err(failure::from_conversation)?;
        let Some(open) = self.conversations.get_mut(&id) else { return Ok(false) };
        open.exists = open.exists.saturating_add(1);
        Ok(given_up && open.exists <= BELIEVED)
    }

    /// Whether the relay has had no room for this commit before.
    fn was_full(&mut self, id: ConversationId) -> bool {
        self.conversations.get_mut(&id).is_some_and(|open| std::mem::replace(&mut open.commit_full, true))
    }

    /// Nothing else is encrypted or committed meanwhile.
    pub(crate) fn again_later(&mut self, id: ConversationId) {
        let until = self.now().after(LONG_REST);
        if let Some(open) = self.conversations.get_mut(&id) {
            open.commit_sent = false;
        }
        self.rest_conversation(id, until);
    }

    /// The relay holds it durably, at this position: the entry takes its place among those to be applied.
    fn commit_accepted(&mut self, id: ConversationId, row: &CommitRow, appended: Appended) -> Result<(), Failure> {
        let unit = Unit::from_bytes(&row.request).map_err(|_| failure::damaged())?;
        let entry = Entry::of_own(unit, self.own.id(), appended);
        if let Some(open) = self.conversations.get_mut(&id) {
            open.ahead.insert(entry);
        }
        Ok(())
    }

    /// Another commit came first: the log is read, and shows whether this one is lost.
    fn conflict(&mut self, id: ConversationId, position: u64) -> Result<(), Failure> {
        let seen = self.group(id)?.seen_commit();
        let believable = position <= MAX_POSITION;
        let Some(open) = self.conversations.get_mut(&id) else { return Ok(()) };
        open.commit_sent = false;
        if !believable || position <= seen && unit_seen(open.commit.as_ref()) == Some(seen) {
            // The relay names a commit that this one was made behind.
            self.again_later(id);
            return Ok(());
        }
        open.needs_commit = if position > seen { open.needs_commit.max(position) } else { open.needs_commit };
        self.read_log(id);
        self.pump(id)
    }

    /// The relay will not have it, as it says. It stays known, and is merged where it is found in the log all the same, before
    /// another one is. [CONV-90]
    fn give_up(&mut self, id: ConversationId, failure: &Failure) -> Result<(), Failure> {
        self.drop_commit(id)?;
        self.change_failed(id, failure);
        self.pump(id)
    }

    /// It is on its way no more, and still known. [CONV-90]
    fn drop_commit(&mut self, id: ConversationId) -> Result<(), Failure> {
        self.take_commit_back(id)?;
        self.write_without_commit(id)
    }

    /// The same in memory alone.
    pub(crate) fn take_commit_back(&mut self, id: ConversationId) -> Result<(), Failure> {
        let group = self.group(id)?;
        if group.pending_commit().map_err(failure::from_conversation)?.is_some() {
            group.drop_pending_commit().map_err(failure::from_conversation)?;
        }
        if let Some(open) = self.conversations.get_mut(&id) {
            open.commit = None;
            open.commit_sent = false;
        }
        Ok(())
    }

    /// Writes that there is none.
    pub(crate) fn write_without_commit(&mut self, id: ConversationId) -> Result<(), Failure> {
        let mut batch = Batch::default();
        batch.records(Scope::GroupRecords(id), self.group(id)?.take_changes());
        batch.delete(Scope::Commits, id.as_bytes());
        self.commit(Some(id), batch)
    }

    /// After entries were taken in: whether the commit on its way has found its end among them. Its row goes in the same
    /// batch; what it was for is returned where it was lost.
    pub(crate) fn end_of_commit(&self, draft: &mut Draft, group: &Conversation) -> Result<Option<Change>, Failure> {
        let Some(row) = self.conversation(draft.id)?.commit.as_ref() else { return Ok(None) };
        let pending = group.pending_commit().map_err(failure::from_conversation)?;
        draft.lost = !draft.committed && pending.is_none();
        if draft.committed || draft.lost {
            draft.batch.delete(Scope::Commits, draft.id.as_bytes());
        }
        Ok(draft.lost.then(|| row.change.clone()))
    }

    /// Whether those whom an own commit has let in get the title from this device: it counts where this person may change the
    /// conversation, and for a new device of this person's. [CONV-49]
    pub(crate) fn owes_title(&self, let_in: &[DeviceId], group: &Conversation) -> bool {
        let own = self.own.address();
        let is_own = |member: &LeafClaim| member.address == *own && let_in.contains(&member.device);
        !let_in.is_empty() && (may_change(group, own) || group.members().iter().any(is_own))
    }

    /// Whether a commit is on its way or will be in a moment, as far as it can go now.
    pub(crate) fn commits_now(&self, open: &Open) -> bool {
        let current = self.is_current(open.row.id);
        // [ID-22]
        let may_let_in = self.may_send(tier_of(open.row.tier));
        let going = match (&open.commit, open.wants.front()) {
            (Some(CommitRow { change: Change::Create(_), .. }), _) => may_let_in,
            (Some(CommitRow { change: Change::Add(_), .. }), _) => current && may_let_in,
            (Some(_), _) => current,
            (None, Some(want)) => current && (may_let_in || !matches!(want.plan, Plan::Add(_) | Plan::Again(_))),
            (None, None) => current && may_let_in && !open.newcomers.is_empty(),
        };
        // A short program sees to these as well, before it ends.
        let leaving = || open.tracks.values().any(|track| track.leaving.is_some());
        let further = open.further.fetching || open.further.missing && may_let_in;
        let looks = open.unfit || open.healing.is_due(self.now()) || further || leaving() || !open.again.is_empty();
        going || (current && (open.look_at.is_some() || open.further.fetching) && looks)
    }

    /// Whether this device has all that the relay has told it of: what is made now is made on the last epoch.
    pub(crate) fn is_current(&self, id: ConversationId) -> bool {
        let Ok(open) = self.conversation(id) else { return false };
        let fetched =
            !open.reading && !open.waiting && self.link.as_ref().is_some_and(|up| up.compared && !up.asking_news);
        // [DELIV-112]
        let settled = !self.unsettled.contains(&id);
        fetched && settled && open.needs_commit == 0 && open.row.stage == Stage::Active
    }
}

fn unit_seen(row: Option<&CommitRow>) -> Option<u64> {
    row.and_then(|row| Unit::from_bytes(&row.request).ok()).map(|unit| unit.seen_commit)
}

/// Tells whoever asked for a change what became of it.
pub(crate) fn end(want: Want, outcome: Result<Reply, Failure>) -> Result<(), Failure> {
    want.reply.map_or(Ok(()), |reply| respond(reply, outcome))
}

fn list<const MAX: usize>(devices: Vec<DeviceId>) -> Result<List<DeviceId, MAX>, Failure> {
    List::new(devices).map_err(|_| failure::internal("too many devices in one commit"))
}
