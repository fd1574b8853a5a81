//! This person's devices (protocol-spec/07-delivery, section 6, and 05-conversation, section 5): which there are, which
//! wait for being approved, and how each of them comes into the conversations that the person is in.
//!
//! The relay's list only says where to look: what is approved is what the chains prove. A device of one's own that is
//! approved is added to every conversation by whichever of the others is online first, after a short random wait.

use std::collections::{BTreeMap, BTreeSet};

use amanat_conversation::{CheckedKeyPackage, LeafClaim, may_stand_beside};
use amanat_identity::{Approval, DeviceChain, DeviceCode, VerifiedDevice};
use amanat_primitives::{ConversationId, DeviceId, Timestamp};
use amanat_wire::{
    Bytes, Decode as _, Encode as _,
    client::{Nothing, Request},
    relay::{Answer, DeviceState, Refusal},
};
use std::time::Duration;

use super::{
    Input,
    core::{Core, ReplyTo, answer_with, respond, tier_of},
    create::{self, claim},
    membership::Newcomers,
    people::VerifiedChain,
};
use crate::{
    Failure, FailureCode, Reply,
    api::{Notice, OwnDevice},
    failure,
    rows::Stage,
    session::{CallError, Calls},
};

/// How often a device that waits for its approval asks whether it has come, beside being told.
const ASK_AGAIN: Duration = Duration::from_secs(30);
/// After how long devices that could not be added are tried again.
const ADD_AGAIN: Duration = Duration::from_secs(600);

/// What is known of this person's devices.
#[derive(Default)]
pub(crate) struct Devices {
    /// As the relay last listed them, this one too.
    listed: Vec<Listed>,
    /// Devices that were told of as waiting.
    told: BTreeSet<DeviceId>,
    /// This device waits itself, which was said.
    waits: bool,
}

#[derive(Clone)]
struct Listed {
    found: VerifiedChain,
    pending: bool,
    seen: Option<Timestamp>,
}

/// One conversation's devices of one's own that are to be added.
#[derive(Clone, Copy, Default)]
pub(crate) struct Further {
    /// There are some.
    pub(crate) missing: bool,
    /// Their KeyPackages are being claimed.
    pub(crate) fetching: bool,
}

/// What the relay's list is asked for.
pub(crate) enum Purpose {
    /// Nobody asked; whoever waits for a sync waits for it.
    Look,
    /// [`Command::Devices`](crate::Command::Devices).
    List(ReplyTo),
    /// [`Command::ApproveDevice`](crate::Command::ApproveDevice).
    Approve(DeviceCode, ReplyTo),
    /// Its end.
    Approved(DeviceId, ReplyTo),
}

/// The relay's list, fetched.
pub(crate) struct Found {
    purpose: Purpose,
    listed: Result<Vec<DeviceState>, Failure>,
}

async fn fetch(calls: &Calls) -> Result<Vec<DeviceState>, Failure> {
    match calls.call(Request::OwnDevices(Nothing {})).await {
        Ok(Answer::Devices(devices)) => Ok(devices.into_vec()),
        other => Err(not_answered(other)),
    }
}

fn not_answered(answer: Result<Answer, CallError>) -> Failure {
    match answer {
        Ok(Answer::Refused(refusal)) => failure::from_refusal(refusal),
        Ok(_) => failure::protocol(),
        Err(_) => failure::link_closed(),
    }
}

impl Core {
    /// Asks for the list: this device's own chain may have been renewed or approved, another may wait or be new.
    pub(crate) fn fetch_devices(&mut self, purpose: Purpose) {
        let Some(calls) = self.calls() else { return };
        if matches!(purpose, Purpose::Look) {
            self.status_fetches += 1;
        }
        self.spawn(async move {
            let listed = fetch(&calls).await;
            Input::Devices(Found { purpose, listed })
        });
    }

    /// A device that waits asks whether that is over, as soon as somebody wants to know.
    pub(crate) fn ask_whether_approved(&mut self) {
        if self.devices.waits {
            self.fetch_devices(Purpose::Look);
        }
    }

    /// [`Command::Devices`](crate::Command::Devices).
    pub(crate) fn list_devices(&mut self, reply: ReplyTo) -> Result<(), Failure> {
        if self.calls().is_some() {
            self.fetch_devices(Purpose::List(reply));
            return Ok(());
        }
        let known = self.known_own_devices()?;
        let mut devices: Vec<_> = known.iter().map(|device| self.own_device(device, false, None)).collect();
        devices.sort_by_key(|device| (device.added, device.device));
        respond(reply, Ok(Reply::Devices { devices, from_cache: true }))
    }

    /// [`Command::ApproveDevice`](crate::Command::ApproveDevice).
    pub(crate) fn approve_device(&mut self, code: DeviceCode, reply: ReplyTo) -> Result<(), Failure> {
        self.fetch_devices(Purpose::Approve(code, reply));
        Ok(())
    }

    /// The list is here.
    pub(crate) fn devices_found(&mut self, found: Found) -> Result<(), Failure> {
        let Found { purpose, listed } = found;
        if matches!(purpose, Purpose::Look) {
            self.status_fetches = self.status_fetches.saturating_sub(1);
        }
        let taken = match listed {
            Ok(listed) => self.take_devices(listed),
            // What cannot be had now is asked for over the next link.
            Err(failure) => Err(failure),
        };
        match (purpose, taken) {
            (Purpose::Look, Err(failure)) if failure.code == FailureCode::Damaged => Err(failure),
            (Purpose::Look, _) => Ok(()),
            (Purpose::List(reply) | Purpose::Approve(_, reply), Err(failure)) => answer_with(reply, Err(failure)),
            (Purpose::List(reply), Ok(())) => {
                let listed = self.devices.listed.iter();
                let devices = listed.map(|one| self.own_device(&one.found.device, one.pending, one.seen)).collect();
                respond(reply, Ok(Reply::Devices { devices, from_cache: false }))
            }
            (Purpose::Approve(code, reply), Ok(())) => self.sign_approval(code, reply),
            (Purpose::Approved(device, reply), _) => respond(reply, Ok(Reply::DeviceApproved { device })),
        }
    }

    /// Takes the list in: chains are verified and remembered, what is new is said, conversations are looked at.
    fn take_devices(&mut self, listed: Vec<DeviceState>) -> Result<(), Failure> {
        let now = self.now();
        let verify = |state: DeviceState| {
            let chain = DeviceChain::from_bytes(&state.chain).ok()?;
            let device = chain.verify(&self.authority, now, Timestamp::CLOCK_TOLERANCE).ok()?;
            // [DELIV-164] Only this person's, whatever the relay lists.
            let found = VerifiedChain { device, chain: state.chain };
            let theirs = found.device.address() == self.own.address();
            theirs.then_some(Listed { pending: state.pending, found, seen: state.seen })
        };
        let mut listed: Vec<Listed> = listed.into_iter().filter_map(verify).collect();
        listed.sort_by_key(|one| (one.found.device.enrolled_at(), one.found.device.id()));
        let mut waits = false;
        // Before the others are judged: an approval that has just come ties this device to them.
        if let Some(this) = listed.iter_mut().find(|one| one.found.device.id() == self.own.id()) {
            waits = this.pending;
            self.own_chain_fetched(this.found.clone())?;
            this.found = VerifiedChain { device: self.own.clone(), chain: self.chain.clone() };
        }
        // One that no approval ties to this one waits, whatever the relay says, and whoever else approved it.
        listed.iter_mut().for_each(|one| one.pending |= !one.found.device.is_kin_of(&self.own));
        let others: Vec<_> = listed.iter().filter(|one| one.found.device.id() != self.own.id()).cloned().collect();
        for other in &others {
            self.say_of_device(other)?;
        }
        // Who waits is nobody yet.
        let served = others.into_iter().filter(|one| !one.pending);
        let believed = self.remember(served.map(|one| one.found).collect())?;
        listed.retain(|one| {
            let id = one.found.device.id();
            one.pending || id == self.own.id() || believed.iter().any(|device| device.id() == id)
        });
        self.devices.listed = listed;
        if waits {
            self.wait_for_approval();
        } else if std::mem::take(&mut self.devices.waits) {
            // Refused before: all begins now.
            self.ask_cursors(None);
        }
        self.look_for_further_everywhere()
    }

    /// Says once what is new of another device of this person.
    fn say_of_device(&mut self, other: &Listed) -> Result<(), Failure> {
        let device = &other.found.device;
        if other.pending {
            // Those that were there before this one are not its to approve. [DELIV-162]
            let newer = device.enrolled_at() > self.own.enrolled_at();
            if newer && !self.devices.waits && self.devices.told.insert(device.id()) {
                self.notice(Notice::DeviceAsks { device: device.id(), code: device.code() });
            }
            return Ok(());
        }
        let known = self.known_device(device.id())?.is_some_and(|before| before.approval().is_some());
        if let Some(by) = device.approval().filter(|by| *by != self.own.id())
            && !known
            && device.enrolled_at() > self.own.enrolled_at()
        {
            self.notice(Notice::DeviceApproved { device: device.id(), by });
        }
        Ok(())
    }

    /// This device is not served until another one approves it: said once, and to whoever waits for a sync.
    pub(crate) fn wait_for_approval(&mut self) {
        if !std::mem::replace(&mut self.devices.waits, true) {
            self.notice(Notice::AwaitingApproval { code: self.own.code() });
        }
        let refused = failure::from_refusal(Refusal::NotApproved);
        let advice = format!("compare the code and, on that device, run `amanat device approve {}`", self.own.code());
        for waiter in self.sync_waiters.drain(..) {
            let _ = waiter.reply.send(Err(Failure::new(refused.code, refused.failed.clone(), advice.clone())));
        }
        self.news_at = self.news_at.or(Some(self.now().after(ASK_AGAIN)));
    }

    fn sign_approval(&mut self, code: DeviceCode, reply: ReplyTo) -> Result<(), Failure> {
        if self.devices.waits {
            return respond(reply, Err(failure::from_refusal(Refusal::NotApproved)));
        }
        let waiting = self.devices.listed.iter().find(|one| one.found.device.code() == code);
        let Some(other) = waiting.filter(|one| one.pending).map(|one| one.found.device.clone()) else {
            let failed = match waiting {
                Some(_) => "the device with this code does not wait for an approval",
                None => "no device of yours has this code",
            };
            let advice = "compare the code with the one that the new device shows; `amanat device list` lists yours";
            return respond(reply, Err(Failure::new(FailureCode::NotFound, failed, advice)));
        };
        let approval = match self.approval_of(&other) {
            Ok(approval) => approval,
            Err(failure) => return answer_with(reply, Err(failure)),
        };
        let Some(calls) = self.calls() else { return respond(reply, Err(failure::link_closed())) };
        let device = other.id();
        self.spawn(async move {
            let put = match Bytes::new(approval.to_bytes()) {
                Ok(bytes) => calls.call(Request::PutApproval(bytes)).await,
                Err(_) => Ok(Answer::Refused(Refusal::Full)),
            };
            let (purpose, listed) = match put {
                Ok(Answer::Done(_)) => (Purpose::Approved(device, reply), fetch(&calls).await),
                other => (Purpose::List(reply), Err(not_answered(other))),
            };
            Input::Devices(Found { purpose, listed })
        });
        Ok(())
    }

    fn approval_of(&self, other: &VerifiedDevice) -> Result<Approval, Failure> {
        let chain = DeviceChain::from_bytes(&self.chain).map_err(|_| failure::damaged())?;
        self.keys
            .approve((&self.own, &chain), other, self.now())
            .map_err(|_| failure::internal("the approval cannot be signed"))
    }

    fn own_device(&self, device: &VerifiedDevice, pending: bool, seen: Option<Timestamp>) -> OwnDevice {
        OwnDevice {
            device: device.id(),
            this: device.id() == self.own.id(),
            added: device.enrolled_at(),
            approved_by: device.approval(),
            pending,
            code: device.code(),
            seen,
            valid_until: device.valid_until(),
        }
    }

    pub(crate) fn known_own_devices(&mut self) -> Result<Vec<VerifiedDevice>, Failure> {
        let address = self.own.address().clone();
        let mut known = self.devices_of(&address)?;
        known.retain(|device| device.id() != self.own.id() && !self.standing(device).is_revoked());
        known.push(self.own.clone());
        Ok(known)
    }

    fn look_for_further_everywhere(&mut self) -> Result<(), Failure> {
        let ids: Vec<ConversationId> = self.conversations.keys().copied().collect();
        ids.into_iter().try_for_each(|id| self.look_for_further(id))
    }

    /// After members or own devices have changed: sees whether one of these is to be added. [CONV-72]
    pub(crate) fn look_for_further(&mut self, id: ConversationId) -> Result<(), Failure> {
        let missing = self.lacks_own(id)?;
        let Some(open) = self.conversations.get_mut(&id) else { return Ok(()) };
        let before = std::mem::replace(&mut open.further.missing, missing);
        if missing && !before {
            self.look_soon(id);
        }
        Ok(())
    }

    /// Whether a device of one's own that may be in a conversation is not.
    fn lacks_own(&mut self, id: ConversationId) -> Result<bool, Failure> {
        Ok(!self.missing_own(id)?.is_empty())
    }

    /// One's own devices that may be in a conversation, and are not.
    fn missing_own(&mut self, id: ConversationId) -> Result<Vec<VerifiedChain>, Failure> {
        let row = &self.conversation(id)?.row;
        let (stage, tier) = (row.stage, tier_of(row.tier));
        if stage != Stage::Active || self.devices.waits || self.devices.listed.len() < 2 {
            return Ok(Vec::new());
        }
        let members = self.group(id)?.members();
        let own = members.iter().filter(|member| member.address == *self.own.address()).map(|member| member.device);
        let (own, _) = self.known_devices(own.collect::<Vec<_>>())?;
        let missing = self.devices.listed.iter().filter(|one| !one.pending).filter(|one| {
            let device = &one.found.device;
            // By every one that is there, so that nobody gets in by what one of them was made to believe.
            if !own.values().all(|member| member.is_kin_of(device)) {
                return false;
            }
            let is_in = members.iter().any(|member| member.device == device.id());
            !is_in
                && self.standing(device).require(tier).is_ok()
                && may_stand_beside(&members, &self.own, device).is_ok()
        });
        Ok(missing.map(|one| one.found.clone()).collect())
    }

    /// It is time: claims KeyPackages of one's own devices that are still missing in a conversation.
    pub(crate) fn add_further(&mut self, id: ConversationId) -> Result<(), Failure> {
        let missing = self.lacks_own(id)?;
        let Some(open) = self.conversations.get_mut(&id) else { return Ok(()) };
        open.further.missing = missing;
        if !missing || open.further.fetching || open.commit.is_some() || !open.wants.is_empty() {
            return Ok(());
        }
        let missing = self.missing_own(id)?;
        let (Some(calls), now) = (self.calls(), self.now()) else { return Ok(()) };
        if let Some(open) = self.conversations.get_mut(&id) {
            open.further.fetching = true;
        }
        self.spawn(async move {
            let found = claim_each(&calls, now, missing).await;
            Input::Newcomers(Newcomers { conversation: id, reply: None, on_record: false, found })
        });
        Ok(())
    }

    /// One's own devices could not be added now.
    pub(crate) fn further_failed(&mut self, id: ConversationId) {
        let again = self.now().after(ADD_AGAIN);
        if let Some(open) = self.conversations.get_mut(&id) {
            open.further.missing = false;
        }
        self.look_by(id, again);
    }

    /// Of KeyPackages those that may be added: a person's further devices come in by their own. [CONV-70]
    pub(crate) fn fitting(
        &mut self,
        id: ConversationId,
        packages: Vec<CheckedKeyPackage>,
    ) -> Result<Vec<CheckedKeyPackage>, Failure> {
        let members = self.group(id)?.members();
        Ok(first_of_each(&members, &self.own, packages))
    }
}

/// KeyPackages of one's own devices: one that has none keeps no other one out.
async fn claim_each(calls: &Calls, now: Timestamp, chains: Vec<VerifiedChain>) -> Result<create::Found, Failure> {
    let mut packages = Vec::new();
    for one in &chains {
        match claim(calls, now, std::slice::from_ref(one)).await {
            Ok(claimed) => packages.extend(claimed),
            Err(failure) if failure.code == FailureCode::NoKeyPackage => {
                tracing::warn!(device = %one.device.id(), "an own device has no KeyPackage");
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(create::Found { chains, packages })
}

/// Leaves out devices that may not stand beside another one of their person: of a member's person those that are not one's
/// own kin, and of a newcomer's those that no approval ties to the first.
pub(crate) fn first_of_each(
    members: &[LeafClaim],
    own: &VerifiedDevice,
    mut packages: Vec<CheckedKeyPackage>,
) -> Vec<CheckedKeyPackage> {
    packages.sort_by_key(|package| package.device().enrolled_at());
    let mut firsts: BTreeMap<String, VerifiedDevice> = BTreeMap::new();
    packages.retain(|package| {
        let device = package.device();
        if members.iter().any(|member| member.address == *device.address()) {
            return may_stand_beside(members, own, device).is_ok();
        }
        firsts.entry(device.address().to_string()).or_insert_with(|| device.clone()).is_kin_of(device)
    });
    packages
}
