//! Being added again (protocol-spec/05-conversation, section 5): a device that cannot follow a log any more asks by itself,
//! and any member who is there takes it out and puts it in again.

use amanat_conversation::{CheckedKeyPackage, Conversation};
use amanat_identity::Address;
use amanat_primitives::{ConversationId, DeviceId, Timestamp};
use amanat_wire::{
    Bytes,
    client::{AddAgain, Request},
    relay::Answer,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Input,
    core::Core,
    create::claim,
    membership::{Plan, Want},
    people::VerifiedChain,
};
use crate::{
    Failure,
    rows::{Stage, TrackRow},
};

/// How often a device that has fallen out asks, while it has a link.
const ASK_EVERY: Duration = Duration::from_secs(600);

/// Unknown logs of which it takes note: as many as a device may be in.
const UNKNOWN: usize = 10_000;
/// Unknown logs for which it asks at once.
const ASKED_AT_ONCE: usize = 200;

/// KeyPackages of devices that asked to be added again.
pub(crate) struct Claimed {
    conversation: ConversationId,
    device: DeviceId,
    packages: Result<Vec<CheckedKeyPackage>, Failure>,
}

impl Core {
    /// Asks to be added again, everywhere this device has fallen out. [CONV-54]
    pub(crate) fn ask_again_everywhere(&mut self) {
        let fell_out = self.conversations.values().filter(|open| open.row.stage == Stage::FellOut);
        let ids: Vec<ConversationId> = fell_out.map(|open| open.row.id).collect();
        ids.into_iter().for_each(|id| self.ask_again(id));
    }

    /// A log of which this vault knows nothing; a relay fills no memory with them.
    pub(crate) fn note_unknown(&mut self, id: ConversationId) {
        if self.unknown.len() < UNKNOWN {
            self.unknown.entry(id).or_default();
        }
    }

    /// Asks, once in a run, to be added to logs in which this device stands and of which its vault knows nothing: it was put
    /// back from an older copy. Their Welcomes have come, where there were any. [DELIV-218]
    pub(crate) fn ask_for_unknown(&mut self) {
        let Self { unknown, conversations, .. } = self;
        unknown.retain(|id, _| !conversations.contains_key(id));
        let asked = unknown.iter_mut().filter(|(_, asked)| !**asked).take(ASKED_AT_ONCE);
        let ids: Vec<ConversationId> = asked.map(|(id, asked)| (*asked = true, *id).1).collect();
        ids.into_iter().for_each(|id| self.ask_again(id));
    }

    /// Asks to be added again.
    pub(crate) fn ask_again(&mut self, id: ConversationId) {
        let Some(calls) = self.calls() else { return };
        let request = AddAgain::sign(id, self.own.id(), self.now(), self.keys.signing());
        let due = self.now().after(ASK_EVERY);
        self.look_by(id, due);
        self.runtime.spawn(async move {
            // Where it fails, it is asked again.
            if !matches!(calls.call(Request::AskAgain(request)).await, Ok(Answer::Done(_))) {
                tracing::debug!("the relay did not take a request to be added again");
            }
        });
    }

    /// Whether more than half of all people write in an epoch that has not begun here, or on another branch: then it is this
    /// device that has parted from them, whoever was right. Of two halves it is the one with the earlier commit: else both
    /// would fall out, and nobody were left to add anyone. What they send cannot be read, and could be anyone's of them: fewer
    /// say nothing. [CONV-57]
    pub(crate) fn is_parted(&self, group: &Conversation, tracks: &BTreeMap<DeviceId, TrackRow>) -> bool {
        let members = group.members();
        let people: BTreeSet<&Address> = members.iter().map(|member| &member.address).collect();
        let (mut ahead, mut latest) = (BTreeSet::new(), 0);
        for member in members.iter().filter(|member| member.address != *self.own.address()) {
            if let Some(track) = tracks.get(&member.device).filter(|track| track.beyond > 0) {
                ahead.insert(&member.address);
                latest = latest.max(track.beyond);
            }
        }
        let twice = ahead.len() * 2;
        twice > people.len() || (twice == people.len() && latest > group.accepted_commit())
    }

    /// Another device asks. Where it is a member here, and asks for itself and lately, this device sees to it in a moment,
    /// unless another member has by then. [CONV-54]
    pub(crate) fn asked_again(&mut self, asked: &AddAgain) -> Result<(), Failure> {
        let (id, device, now) = (asked.conversation, asked.device, self.now());
        let active = self.conversations.get(&id).is_some_and(|open| open.row.stage == Stage::Active);
        if !active || device == self.own.id() || !asked.counts(now) {
            return Ok(());
        }
        let members = self.group(id)?.members();
        let leaf = members.iter().find(|member| member.device == device);
        if leaf.is_none_or(|leaf| asked.verify(&leaf.signing_key).is_err()) {
            return Ok(());
        }
        let Some(open) = self.conversations.get_mut(&id) else { return Ok(()) };
        // From before it was last added, by clocks that may differ: done already. It asks anew where it was not.
        let spent = |track: &TrackRow| track.added_at.after(Timestamp::CLOCK_TOLERANCE) >= asked.at;
        if open.tracks.get(&device).is_some_and(spent) {
            return Ok(());
        }
        open.again.insert(device, asked.clone());
        self.look_soon(id);
        Ok(())
    }

    /// Claims a KeyPackage of each device that asked; whether there was one.
    pub(crate) fn see_to_again(&mut self, id: ConversationId) -> Result<bool, Failure> {
        if self.conversation(id)?.again.is_empty() {
            return Ok(false);
        }
        let (members, now) = (self.group(id)?.members(), self.now());
        let Some(open) = self.conversations.get_mut(&id) else { return Ok(false) };
        // Whoever was removed meanwhile, or asked too long ago, holds nothing else up.
        open.again.retain(|device, asked| asked.counts(now) && members.iter().any(|member| member.device == *device));
        let asked: Vec<DeviceId> = open.again.keys().copied().collect();
        let unfit = self.unfit_members(id)?;
        let (known, _) = self.known_devices(asked.into_iter().filter(|device| !unfit.contains(device)))?;
        let Some(calls) = self.calls() else { return Ok(false) };
        // A device at a time: each is a commit of its own.
        let Some(device) = known.into_values().next() else { return Ok(false) };
        let asks = device.id();
        self.spawn(async move {
            let packages = claim(&calls, now, &[VerifiedChain { device, chain: Bytes::default() }]).await;
            Input::Again(Claimed { conversation: id, device: asks, packages })
        });
        Ok(true)
    }

    /// They are there.
    pub(crate) fn again_claimed(&mut self, claimed: Claimed) -> Result<(), Failure> {
        let Claimed { conversation: id, device, packages } = claimed;
        match packages {
            Ok(packages) => {
                let again = |package| Want { plan: Plan::Again(Box::new(package)), reply: None, losses: 0 };
                self.want(id, packages.into_iter().map(again).collect())
            }
            Err(failure) => {
                tracing::warn!(code = failure.code.name(), "a device that asks cannot be added again");
                if let Some(open) = self.conversations.get_mut(&id) {
                    // It asks again. The others that ask, and what else is due, do not wait for that. [CONV-54]
                    open.again.remove(&device);
                    self.look_soon(id);
                }
                Ok(())
            }
        }
    }
}
