//! Members come and go (protocol-spec/05-conversation, section 5, and 07-delivery, section 12): what people ask for, and
//! what has to be done without being asked.
//!
//! Each change is a [`Want`] until its commit is merged. One commit of a conversation is on its way at a time
//! (`commits`); where another member's came first, the want is tried again after a short random wait. A member who
//! asked to leave is removed by whoever looks first; a commit that was refused is followed by a good one, so that the
//! relay's roster is right again; and this device's keys are renewed daily where they were used.

use std::collections::BTreeSet;

use amanat_conversation::{CheckedKeyPackage, Kind, LeaveProof, content::Body};
use amanat_identity::{Address, VerifiedDevice};
use amanat_primitives::{ConversationId, DeviceId, Timestamp};
use amanat_wire::{limits, log::RetentionClass};
use rand_core::RngCore;
use std::time::Duration;

use super::{
    Input,
    core::{Core, ReplyTo, answer_with, respond, tier_of},
    create::{Found, gather},
    outgoing::Outgoing,
    roles::good_leaves,
};
use crate::{
    Failure, FailureCode, Reply,
    api::Consent,
    failure,
    rows::{Change, ConversationRow, Stage},
    vault::Batch,
};

/// How often this device's keys in a group are renewed where it sent or received something.
pub(crate) const RENEW_EVERY: Duration = Duration::from_secs(24 * 3600);
/// When a renewal that others found void is tried again.
pub(crate) const RENEW_AGAIN: Duration = Duration::from_secs(600);
/// And after how many messages of its own.
const RENEW_AFTER: u32 = 200;
/// Longest random wait before something is committed that every member may see to.
const JITTER: Duration = Duration::from_secs(5);
/// Longest random wait before a change that was lost to another one is tried again, times the number of losses.
const AGAIN: Duration = Duration::from_millis(300);
/// Losses in a row after which whoever asked is told.
const LOSSES: u32 = 50;

/// What a commit is to do.
#[derive(Clone)]
pub(crate) enum Plan {
    Add(Vec<CheckedKeyPackage>),
    Remove(Vec<DeviceId>),
    /// Remove a device and add the same one again.
    Again(Box<CheckedKeyPackage>),
    Appoint {
        person: Address,
        moderator: bool,
    },
    Renew,
}

/// A change that is still to be committed.
pub(crate) struct Want {
    pub(crate) plan: Plan,
    /// Whoever asked for it; nobody where it has to be done anyway.
    pub(crate) reply: Option<ReplyTo>,
    /// How often another member's commit came first.
    pub(crate) losses: u32,
}

impl Want {
    fn unasked(plan: Plan) -> Self {
        Self { plan, reply: None, losses: 0 }
    }

    /// New keys for this device, for which nobody asked.
    fn is_renewal(&self) -> bool {
        matches!(self.plan, Plan::Renew) && self.reply.is_none()
    }
}

/// People to be added, looked up and their KeyPackages claimed.
pub(crate) struct Newcomers {
    pub(crate) conversation: ConversationId,
    /// Whoever asked; nobody for one's own further devices.
    pub(crate) reply: Option<ReplyTo>,
    /// They were on record already.
    pub(crate) on_record: bool,
    pub(crate) found: Result<Found, Failure>,
}

/// When the keys of a group that this device has just come into are renewed: not by all who came together at once.
pub(crate) fn first_renewal(now: Timestamp, random: &mut impl RngCore) -> Timestamp {
    now.after(random_below(RENEW_EVERY, random))
}

fn random_below(most: Duration, random: &mut impl RngCore) -> Duration {
    let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(random.next_u64() % most)
}

impl Core {
    /// [`Command::Add`](crate::Command::Add).
    pub(crate) fn add_members(
        &mut self,
        id: ConversationId,
        members: Vec<Address>,
        reply: ReplyTo,
    ) -> Result<(), Failure> {
        if let Err(failure) = self.may_add(id, &members) {
            return answer_with(reply, Err(failure));
        }
        let except = match self.group(id) {
            Ok(group) => group.members().iter().map(|member| member.device).collect(),
            Err(failure) => return answer_with(reply, Err(failure)),
        };
        let Some(calls) = self.calls() else { return respond(reply, Err(failure::link_closed())) };
        let tier = tier_of(self.conversation(id)?.row.tier);
        let known = match self.known(&members) {
            Ok(known) => known,
            Err(failure) => return answer_with(reply, Err(failure)),
        };
        self.spawn(async move {
            let found = gather(&calls, &known, (tier, &members), &except).await;
            Input::Newcomers(Newcomers { conversation: id, reply: Some(reply), on_record: false, found })
        });
        Ok(())
    }

    pub(crate) fn may_add(&mut self, id: ConversationId, members: &[Address]) -> Result<(), Failure> {
        self.check_can_post(id)?;
        if self.group(id)?.kind() == Kind::Direct {
            let advice = "open a group with `amanat new`";
            return Err(Failure::new(FailureCode::Conversation, "a 1:1 stays between two people", advice));
        }
        self.may_reach(members)?;
        // One's own devices are one's own to add.
        self.require_change(id, "add members")
    }

    /// Newcomers were found: they are added, at most as many in one commit as fit.
    pub(crate) fn newcomers(&mut self, newcomers: Newcomers) -> Result<(), Failure> {
        let Newcomers { conversation: id, mut reply, on_record, found } = newcomers;
        if on_record {
            self.newcomers_looked_up(id);
        } else if let (None, Some(open)) = (&reply, self.conversations.get_mut(&id)) {
            open.further.fetching = false;
        }
        let packages = match found.and_then(|found| self.believed(found)).and_then(|all| self.fitting(id, all)) {
            Ok(packages) if packages.is_empty() => Err(everyone_is_in()),
            packages => packages,
        };
        match packages {
            Ok(packages) => {
                if packages.len() > limits::ADDS && !on_record {
                    // Before the first of their commits is made. [DELIV-213]
                    let people = packages.iter().map(|package| package.device().address().clone()).collect();
                    self.record_newcomers(id, people)?;
                }
                let mut wants = in_commits(packages);
                if let Some(last) = wants.last_mut() {
                    last.reply = reply.take();
                }
                self.want(id, wants)
            }
            Err(failure) => match reply {
                Some(reply) => answer_with(reply, Err(failure)),
                None if on_record => self.newcomers_failed(id, &failure),
                None => {
                    self.further_failed(id);
                    Ok(())
                }
            },
        }
    }

    /// The rest of a group that is too large for one commit.
    pub(crate) fn add_later(&mut self, id: ConversationId, packages: Vec<CheckedKeyPackage>) {
        if let Some(open) = self.conversations.get_mut(&id) {
            open.wants.extend(in_commits(packages));
        }
    }

    /// [`Command::Remove`](crate::Command::Remove).
    pub(crate) fn remove_member(
        &mut self,
        id: ConversationId,
        member: &Address,
        reply: ReplyTo,
    ) -> Result<(), Failure> {
        match self.devices_to_remove(id, member) {
            Ok(devices) => {
                let plan = Plan::Remove(devices);
                self.want(id, vec![Want { plan, reply: Some(reply), losses: 0 }])
            }
            Err(failure) => answer_with(reply, Err(failure)),
        }
    }

    fn devices_to_remove(&mut self, id: ConversationId, member: &Address) -> Result<Vec<DeviceId>, Failure> {
        self.check_can_post(id)?;
        if member == self.own.address() {
            let failed = "that is your own address";
            return Err(Failure::new(FailureCode::NotFound, failed, "leave with `amanat leave CONVERSATION`"));
        }
        let devices = self.leaves_of(id, member)?;
        if devices.is_empty() {
            let failed = format!("{member} is not a member");
            return Err(Failure::new(FailureCode::NotFound, failed, "list members with `amanat members CONVERSATION`"));
        }
        let unfit = self.unfit_members(id)?;
        let asked = self.asked_to_leave(id)?;
        let asked = good_leaves(self.group(id)?, &asked).into_iter().any(|(person, _)| person == *member);
        let excused = asked || devices.iter().all(|device| unfit.contains(device));
        self.require_removal(id, member, excused)?;
        Ok(devices)
    }

    fn leaves_of(&mut self, id: ConversationId, person: &Address) -> Result<Vec<DeviceId>, Failure> {
        let members = self.group(id)?.members();
        Ok(members.iter().filter(|member| member.address == *person).map(|member| member.device).collect())
    }

    /// [`Command::Leave`](crate::Command::Leave): asks the others, who remove this person's devices.
    pub(crate) fn leave(&mut self, id: ConversationId, reply: ReplyTo) -> Result<(), Failure> {
        if self.conversation(id).is_ok_and(|open| open.row.stage == Stage::FellOut) {
            let left = self.leave_unheard(id);
            return answer_with(reply, left.map(|()| Reply::ConversationChanged { conversation: id }));
        }
        match self.check_can_post(id).and_then(|()| self.request_to_leave(id)) {
            Ok(body) => self.tell_members(id, body, reply),
            Err(failure) => answer_with(reply, Err(failure)),
        }
    }

    fn request_to_leave(&mut self, id: ConversationId) -> Result<Body, Failure> {
        let keys = std::sync::Arc::clone(&self.keys);
        self.group(id)?.ask_to_leave(keys.signing()).map(Body::Leave).map_err(failure::from_conversation)
    }

    /// A request of this device came too late: its keys were renewed before it stood in the log. It is made again.
    pub(crate) fn leave_again(&mut self, id: ConversationId) -> Result<(), Failure> {
        let body = self.request_to_leave(id)?;
        self.queue_unread(id, body)
    }

    /// Requests to leave, as they came.
    pub(crate) fn asked_to_leave(&self, id: ConversationId) -> Result<Vec<LeaveProof>, Failure> {
        let tracks = self.conversation(id)?.tracks.values();
        let proofs = tracks.filter_map(|track| Some(LeaveProof { device: track.device, signature: track.leaving? }));
        Ok(proofs.collect())
    }

    /// [`Command::Retitle`](crate::Command::Retitle).
    pub(crate) fn retitle(&mut self, id: ConversationId, title: &str, reply: ReplyTo) -> Result<(), Failure> {
        let direct = self.conversation(id).is_ok_and(|open| !open.row.peer.is_empty());
        if direct {
            let failed = "a 1:1 has the other's name for its title";
            return respond(reply, Err(Failure::new(FailureCode::Conversation, failed, "open a group with a title")));
        }
        if let Err(failure) = self.require_change(id, "change the title") {
            return answer_with(reply, Err(failure));
        }
        match super::create::checked_title(title)
            .and_then(|title| Body::title(title).map_err(|_| failure::internal("a title is longer than its field")))
        {
            Ok(body) => match self.pass_body(id, &body, &Consent::None) {
                Ok(()) => self.tell_members(id, body, reply),
                Err(failure) => answer_with(reply, Err(failure)),
            },
            Err(failure) => respond(reply, Err(failure)),
        }
    }

    /// Queues something that members' clients act on and nobody reads.
    fn tell_members(&mut self, id: ConversationId, body: Body, reply: ReplyTo) -> Result<(), Failure> {
        let told = self.check_can_post(id).and_then(|()| self.queue_unread(id, body));
        answer_with(reply, told.map(|()| Reply::ConversationChanged { conversation: id }))?;
        self.pump(id)
    }

    fn queue_unread(&mut self, id: ConversationId, body: Body) -> Result<(), Failure> {
        let row = self.conversation(id)?.row.clone();
        let outgoing = Outgoing { body, message: None, class: RetentionClass::Month, announce: false };
        self.queue(id, row, outgoing, Batch::default())
    }

    pub(crate) fn want(&mut self, id: ConversationId, wants: Vec<Want>) -> Result<(), Failure> {
        if let Some(open) = self.conversations.get_mut(&id) {
            open.wants.extend(wants);
        }
        self.pump(id)
    }

    /// A change is made: whoever asked is told.
    pub(crate) fn change_done(&mut self, id: ConversationId) -> Result<(), Failure> {
        let want = self.conversations.get_mut(&id).and_then(|open| open.doing.take());
        match want.and_then(|want| want.reply) {
            Some(reply) => respond(reply, Ok(Reply::ConversationChanged { conversation: id })),
            None => Ok(()),
        }
    }

    /// Every member would find a commit void by the time in it: nothing is made until the clock is right. [CONV-82]
    pub(crate) fn wait_for_clock(&mut self, id: ConversationId, by: Duration) {
        let later = self.now().after(RENEW_AGAIN);
        let Some(open) = self.conversations.get_mut(&id) else { return };
        let wants = std::mem::take(&mut open.wants);
        for want in wants {
            match want.reply {
                Some(reply) => {
                    let _ = reply.send(Err(failure::clocks_differ(by)));
                }
                None => self.look_by(id, later),
            }
        }
    }

    /// Another member's commit came first: the change is tried again after a short wait, if it is still wanted then.
    pub(crate) fn change_lost(&mut self, id: ConversationId, change: Change) {
        let (now, mut random) = (self.now(), self.random());
        let Some(open) = self.conversations.get_mut(&id) else { return };
        let want = open.doing.take().or_else(|| match change {
            Change::Remove(devices) => Some(Want::unasked(Plan::Remove(devices.into_vec()))),
            Change::Renew(_) => Some(Want::unasked(Plan::Renew)),
            Change::Create(_) | Change::Add(_) | Change::Appoint(_) => None,
        });
        let Some(mut want) = want else { return };
        if want.is_renewal() && !open.healing.is_wanted() && !renewal_is_due(&open.row, now) {
            // Another one has set the roster right.
            return;
        }
        want.losses += 1;
        if want.losses > LOSSES {
            let failed = "other members change this conversation all the time";
            match want.reply {
                Some(reply) => {
                    let _ = reply.send(Err(Failure::new(FailureCode::Conversation, failed, "try again in a minute")));
                }
                None => self.look_soon(id),
            }
            return;
        }
        open.rest = Some(now.after(random_below(AGAIN * want.losses.min(10), &mut random)));
        open.wants.push_front(want);
    }

    /// A change cannot be made.
    pub(crate) fn change_failed(&mut self, id: ConversationId, failure: &Failure) {
        let Some(open) = self.conversations.get_mut(&id) else { return };
        if let Some(reply) = open.doing.take().and_then(|want| want.reply) {
            let _ = reply.send(Err(failure.clone()));
        }
    }

    /// Members who are revoked, or whose clearance no longer reaches the tier, by what is known now.
    pub(crate) fn unfit_members(&mut self, id: ConversationId) -> Result<Vec<DeviceId>, Failure> {
        let tier = tier_of(self.conversation(id)?.row.tier);
        let members: Vec<DeviceId> = self.group(id)?.members().iter().map(|member| member.device).collect();
        let (known, _) = self.known_devices(members)?;
        let own = self.own.id();
        let unfit = known.values().filter(|device| device.id() != own);
        Ok(unfit.filter(|device| self.standing(device).require(tier).is_err()).map(VerifiedDevice::id).collect())
    }

    /// After the list of revocations or the members have changed: sees whether anybody has to go, and whether that is new,
    /// which the caller shows. [CONV-45]
    pub(crate) fn judge_members(&mut self, id: ConversationId) -> Result<bool, Failure> {
        let stage = self.conversation(id)?.row.stage;
        let unfit = stage == Stage::Active && !self.unfit_members(id)?.is_empty();
        let Some(open) = self.conversations.get_mut(&id) else { return Ok(false) };
        let changed = std::mem::replace(&mut open.unfit, unfit) != unfit;
        if unfit {
            self.look_soon(id);
        }
        Ok(changed)
    }

    /// The same for all conversations.
    pub(crate) fn judge_all_members(&mut self) -> Result<(), Failure> {
        if self.revocations().summary().count == 0 {
            return Ok(());
        }
        let ids: Vec<ConversationId> = self.conversations.keys().copied().collect();
        for id in ids {
            if self.judge_members(id)? {
                self.emit_conversation(id)?;
            }
        }
        Ok(())
    }

    /// Something may have to be committed that every member may see to.
    pub(crate) fn look_soon(&mut self, id: ConversationId) {
        let due = self.now().after(random_below(JITTER, &mut self.random()));
        self.look_by(id, due);
    }

    /// This device's keys were used, perhaps: they are renewed when that is due.
    pub(crate) fn look_for_renewal(&mut self, id: ConversationId) {
        let now = self.now();
        let Some(open) = self.conversations.get(&id) else { return };
        let row = &open.row;
        if row.stage == Stage::Active && row.sent >= RENEW_AFTER {
            self.look_by(id, now);
        } else if row.stage == Stage::Active && row.used && open.look_at.is_none() {
            let due = row.renew_at.max(now.after(random_below(JITTER, &mut self.random())));
            self.look_by(id, due);
        }
    }

    /// The relay's roster is still to be set right, and this device may not do it yet. [CONV-94]
    fn look_for_healing(&mut self, id: ConversationId) {
        let now = self.now();
        let wanted = self.conversations.get(&id).filter(|open| open.healing.is_wanted());
        if let Some(due) = wanted.map(|open| open.healing.earliest(now)) {
            self.look_by(id, due);
        }
    }

    /// An own commit was void: what was wrong with it will not be right in a moment. [CONV-82]
    pub(crate) fn rest_from_healing(&mut self, id: ConversationId) {
        let now = self.now();
        if let Some(open) = self.conversations.get_mut(&id) {
            open.healing.rest(now, RENEW_AGAIN);
        }
    }

    /// Looks at `due`, or earlier.
    pub(crate) fn look_by(&mut self, id: ConversationId, due: Timestamp) {
        if let Some(open) = self.conversations.get_mut(&id) {
            open.look_at = Some(open.look_at.map_or(due, |before| before.min(due)));
        }
    }

    /// Does what is due.
    pub(crate) fn look_after_members(&mut self) -> Result<(), Failure> {
        // Without a link nothing can be done: it stays due.
        if self.link.is_none() {
            return Ok(());
        }
        let now = self.now();
        // Where this clock was set back, what was to come in a moment would be far off.
        let held_up = |open: &super::core::Open, at| open.healing.is_due(now) && at > now.after(JITTER);
        let due = |open: &&super::core::Open| open.look_at.is_some_and(|at| at <= now || held_up(open, at));
        let ids: Vec<_> = self.conversations.values().filter(due).map(|open| open.row.id).collect();
        for id in ids {
            if let Some(open) = self.conversations.get_mut(&id) {
                open.look_at = None;
            }
            if self.conversation(id)?.row.stage == Stage::FellOut {
                self.ask_again(id);
            } else if let Some(plan) = self.due_plan(id)? {
                self.want(id, vec![Want::unasked(plan)])?;
            }
            self.add_further(id)?;
        }
        Ok(())
    }

    /// All devices of the other people who asked to leave.
    fn devices_of_leavers(&mut self, id: ConversationId) -> Result<Vec<DeviceId>, Failure> {
        let (asked, own) = (self.asked_to_leave(id)?, self.own.address().clone());
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let group = self.group(id)?;
        let people = good_leaves(group, &asked).into_iter().map(|(person, _)| person).filter(|person| *person != own);
        let people: BTreeSet<Address> = people.take(amanat_conversation::roles::LEAVES).collect();
        let gone = group.members().into_iter().filter(|member| people.contains(&member.address));
        Ok(gone.map(|member| member.device).take(limits::REMOVES).collect())
    }

    /// What has to be committed now; others may have seen to it meanwhile.
    fn due_plan(&mut self, id: ConversationId) -> Result<Option<Plan>, Failure> {
        let now = self.now();
        let open = self.conversation(id)?;
        if open.row.stage != Stage::Active || open.commit.is_some() || !open.wants.is_empty() {
            return Ok(None);
        }
        let unfit = open.unfit;
        let row = &open.row;
        let heal = open.healing.is_due(now);
        let renew = heal || renewal_is_due(row, now);
        if unfit {
            let devices: Vec<DeviceId> = self.unfit_members(id)?.into_iter().take(limits::REMOVES).collect();
            return Ok((!devices.is_empty()).then_some(Plan::Remove(devices)));
        }
        let leavers = self.devices_of_leavers(id)?;
        if !leavers.is_empty() {
            return Ok(Some(Plan::Remove(leavers)));
        }
        if self.see_to_again(id)? {
            return Ok(None);
        }
        if !renew {
            self.look_for_renewal(id);
            self.look_for_healing(id);
        } else if heal && let Some(open) = self.conversations.get_mut(&id) {
            open.healing.made(now);
        }
        Ok(renew.then_some(Plan::Renew))
    }
}

/// This device's keys are to be renewed.
fn renewal_is_due(row: &ConversationRow, now: Timestamp) -> bool {
    row.sent >= RENEW_AFTER || (row.used && row.renew_at <= now)
}

/// As many to a commit as fit.
fn in_commits(packages: Vec<CheckedKeyPackage>) -> Vec<Want> {
    packages.chunks(limits::ADDS).map(|part| Want::unasked(Plan::Add(part.to_vec()))).collect()
}

fn everyone_is_in() -> Failure {
    let advice = "list members with `amanat members CONVERSATION`";
    Failure::new(FailureCode::NotFound, "all of them are members already", advice)
}
