//! Who may change a conversation (protocol-spec/05-conversation, section 3): refused here by name before anything is sent,
//! and what a commit has changed, told by name.

use std::collections::BTreeSet;

use amanat_conversation::{CommitFacts, Conversation, LeafClaim, LeaveProof, Merged, Role, Roles};
use amanat_identity::Address;
use amanat_primitives::{ConversationId, DeviceId};

use super::{
    core::{Core, ReplyTo, answer_with},
    membership::{Plan, Want},
};
use crate::{
    Failure, FailureCode,
    api::{MemberChange, Notice, Who},
};

/// What a group was before a commit, for what is told of it.
pub(crate) struct Before {
    members: Vec<LeafClaim>,
    leavers: BTreeSet<Address>,
}

impl Before {
    /// Before a commit with these facts is merged.
    pub(crate) fn of(group: &Conversation, facts: &CommitFacts) -> Self {
        let leavers = facts.leaves.iter().filter_map(|proof| group.leaver(proof)).collect();
        Self { members: group.members(), leavers }
    }

    /// Whose a member's device is.
    pub(crate) fn address(&self, device: &DeviceId) -> Option<&Address> {
        self.members.iter().find(|member| member.device == *device).map(|member| &member.address)
    }
}

/// Whether a person may add and remove people in a conversation and give it its title.
pub(crate) fn may_change(group: &Conversation, person: &Address) -> bool {
    group.roles().is_none_or(|roles| roles.may_change(person, &group.members()))
}

/// Whether anybody but this person is a member, whatever further devices this person has in it.
pub(crate) fn holds_another_person(group: &Conversation, own: &Address) -> bool {
    group.members().iter().any(|member| member.address != *own)
}

/// The devices of people who asked to leave, with their requests, as far as these are good now.
pub(crate) fn good_leaves(group: &Conversation, asked: &[LeaveProof]) -> Vec<(Address, LeaveProof)> {
    asked.iter().filter_map(|proof| group.leaver(proof).map(|person| (person, proof.clone()))).collect()
}

impl Core {
    /// [`Command::SetRole`](crate::Command::SetRole).
    pub(crate) fn set_role(
        &mut self,
        id: ConversationId,
        person: &Address,
        moderator: bool,
        reply: ReplyTo,
    ) -> Result<(), Failure> {
        match self.may_set_role(id, person, moderator) {
            Ok(()) => {
                let plan = Plan::Appoint { person: person.clone(), moderator };
                self.want(id, vec![Want { plan, reply: Some(reply), losses: 0 }])
            }
            Err(failure) => answer_with(reply, Err(failure)),
        }
    }

    fn may_set_role(&mut self, id: ConversationId, person: &Address, moderator: bool) -> Result<(), Failure> {
        self.check_can_post(id)?;
        let own = self.own.address().clone();
        let group = self.group(id)?;
        let members = group.members();
        let Some(roles) = group.roles().cloned() else {
            return Err(refused("a 1:1 has no roles", "roles are for groups: open one with `amanat new`"));
        };
        if moderator && !members.iter().any(|member| member.address == *person) {
            let failed = format!("{person} is not a member");
            return Err(Failure::new(FailureCode::NotFound, failed, "list members with `amanat members CONVERSATION`"));
        }
        if roles.of(person) == Role::Founder {
            return Err(refused(&format!("{person} is the founder"), "name a member who is not the founder"));
        }
        if !roles.may_appoint(&own, &members) {
            let who = name_all([&roles.founder]);
            let failed = format!("only the founder, or moderators once the founder has left, can change roles: {who}");
            return Err(refused(&failed, "ask them"));
        }
        if roles.with(person, moderator).is_err() {
            let most = amanat_conversation::roles::MODERATORS;
            let advice = "make one of them a member first: `amanat role CONVERSATION ADDRESS member`";
            return Err(refused(&format!("a group has {most} moderators at most"), advice));
        }
        Ok(())
    }

    /// Refuses by name what the others would refuse: `what` is "add members", and the like. [CONV-47]
    pub(crate) fn require_change(&mut self, id: ConversationId, what: &str) -> Result<(), Failure> {
        let own = self.own.address().clone();
        let group = self.group(id)?;
        if may_change(group, &own) {
            return Ok(());
        }
        let members = group.members();
        let Some(roles) = group.roles() else { return Ok(()) };
        let people = std::iter::once(&roles.founder).chain(roles.moderators.iter());
        let here = people.filter(|person| members.iter().any(|member| member.address == **person));
        let who = name_all(here);
        Err(refused(&format!("only the founder or a moderator can {what}; they are {who}"), "ask one of them"))
    }

    /// Refuses to remove somebody whom this person may not remove.
    pub(crate) fn require_removal(&mut self, id: ConversationId, member: &Address, unfit: bool) -> Result<(), Failure> {
        let own = self.own.address().clone();
        let group = self.group(id)?;
        let asked = group.roles().map(|roles| (roles.of(&own), roles.of(member)));
        if unfit || asked.is_none() {
            return Ok(());
        }
        self.require_change(id, "remove members")?;
        if asked == Some((Role::Moderator, Role::Founder)) {
            return Err(refused("a moderator cannot remove the founder", "ask the founder to leave"));
        }
        Ok(())
    }

    /// What is told of a commit that was merged.
    pub(crate) fn changes_by_name(
        &mut self,
        id: ConversationId,
        group: &Conversation,
        before: &Before,
        merged: &Merged,
    ) -> Result<Vec<Notice>, Failure> {
        let after = group.members();
        let staying = |person: &Address| after.iter().any(|member| member.address == *person);
        let was_here = |person: &Address| before.members.iter().any(|member| member.address == *person);
        let mut told: Vec<(Address, Option<DeviceId>, MemberChange)> = Vec::new();
        let mut tell = |person: &Address, device: Option<DeviceId>, change| {
            if !told.iter().any(|(p, d, c)| (p, *d, *c) == (person, device, change)) {
                told.push((person.clone(), device, change));
            }
        };
        for device in &merged.removed {
            let Some(person) = before.address(device) else { continue };
            let again = merged.added.iter().any(|claim| claim.device == *device);
            match (again, staying(person)) {
                (true, _) => tell(person, Some(*device), MemberChange::AddedAgain),
                (false, true) => tell(person, Some(*device), MemberChange::DeviceRemoved),
                (false, false) if before.leavers.contains(person) => tell(person, None, MemberChange::Left),
                (false, false) => tell(person, None, MemberChange::Removed),
            }
        }
        for claim in merged.added.iter().filter(|claim| !merged.removed.contains(&claim.device)) {
            match was_here(&claim.address) {
                true => tell(&claim.address, Some(claim.device), MemberChange::DeviceAdded),
                false => tell(&claim.address, None, MemberChange::Added),
            }
        }
        if let (Some(old), Some(new)) = (&merged.roles, group.roles()) {
            appointed(old, new, |person, change| tell(person, None, change));
        }
        let by = before.address(&merged.by).cloned();
        let Some(by) = by else { return Ok(Vec::new()) };
        let by = self.who(group, before, &by)?;
        let mut notices = Vec::new();
        for (person, device, change) in told {
            let whom = self.who(group, before, &person)?;
            notices.push(Notice::Member { conversation: id, by: by.clone(), whom, device, change });
        }
        Ok(notices)
    }

    /// A person with the name in the certificate of a device that this vault knows.
    fn who(&mut self, group: &Conversation, before: &Before, person: &Address) -> Result<Who, Failure> {
        let devices = group.members().into_iter().chain(before.members.iter().cloned());
        let theirs = devices.filter(|member| member.address == *person).map(|member| member.device);
        self.who_of(person, theirs.collect())
    }

    /// The same, by these devices.
    pub(crate) fn who_of(&mut self, person: &Address, devices: Vec<DeviceId>) -> Result<Who, Failure> {
        let (known, _) = self.known_devices(devices)?;
        let name = known.values().next().map_or_else(|| person.to_string(), |device| device.name().as_str().to_owned());
        Ok(Who { address: person.clone(), name })
    }
}

fn appointed(old: &Roles, new: &Roles, mut tell: impl FnMut(&Address, MemberChange)) {
    for person in new.moderators.iter().filter(|person| !old.moderators.contains(person)) {
        tell(person, MemberChange::Moderator);
    }
    for person in old.moderators.iter().filter(|person| !new.moderators.contains(person)) {
        tell(person, MemberChange::NotModerator);
    }
}

fn name_all<'a>(people: impl IntoIterator<Item = &'a Address>) -> String {
    people.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn refused(failed: &str, advice: &str) -> Failure {
    Failure::new(FailureCode::NotAllowed, failed, advice)
}
