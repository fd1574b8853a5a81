//! Roles (protocol-spec/05-conversation, section 3): who may change a group, agreed by all its members because it stands
//! in the GroupContext, and what follows from it for a commit.

use std::collections::BTreeSet;

use amanat_identity::Address;
use amanat_primitives::{
    ConversationId, DeviceId, Digest, Label, hash,
    sign::{Signature, SigningKey},
};
use amanat_wire::{Decode as _, DecodeError, List, TooLong, client::AddAgain, record};
use openmls::prelude::{LeafNode, tls_codec::Serialize as _};

use crate::{Conversation, ConversationError, commit::CommitFacts, credential::LeafClaim};

const VERSION: u8 = 1;
/// Moderators of one group.
pub const MODERATORS: usize = 64;
/// People whom one commit removes because they asked to leave.
pub const LEAVES: usize = 64;

/// What a person may do in a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Made the group; says who the moderators are.
    Founder,
    /// Adds and removes people, and gives the group its title.
    Moderator,
    /// Writes.
    Member,
}

impl Role {
    /// As the command line takes and prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Founder => "founder",
            Self::Moderator => "moderator",
            Self::Member => "member",
        }
    }
}

record!(
    /// Who may change a group: people, whatever their devices.
    pub struct Roles {
        /// 1.
        version: u8,
        /// Who made it.
        founder: Address,
        /// Who was trusted with it since, in ascending order; the founder is not among them.
        moderators: List<Address, MODERATORS>,
    }
);

record!(
    /// A member's request to be removed, which entitles every other member to do so.
    pub struct LeaveProof {
        /// One of the leaver's devices.
        device: DeviceId,
        /// Its signature over the conversation and its leaf: void once the leaf is another.
        signature: Signature,
    }
);

/// Why a member may not make a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// It adds people.
    #[error("only the founder or a moderator can add members")]
    Add,
    /// It removes people who neither asked for it nor have to go.
    #[error("only the founder or a moderator can remove members")]
    Remove,
    /// A moderator removes the founder.
    #[error("a moderator cannot remove the founder")]
    RemoveFounder,
    /// It changes roles.
    #[error("only the founder can say who is a moderator")]
    Roles,
    /// It makes somebody a moderator who is no member, or changes who founded the group.
    #[error("a moderator is a member, and the founder stays the founder")]
    NoSuchRole,
}

impl Roles {
    /// Of a new group.
    pub(crate) fn founded_by(founder: Address) -> Self {
        Self { version: VERSION, founder, moderators: List::default() }
    }

    /// Reads the extension. `[CONV-46]`
    ///
    /// # Errors
    /// [`DecodeError`], also where lists are not in order.
    pub fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&newer) => return Err(DecodeError::UnknownKind(newer.into())),
            None => return Err(DecodeError::CutShort),
        }
        let roles = Self::from_bytes(bytes)?;
        let ascending = roles.moderators.iter().zip(roles.moderators.iter().skip(1)).all(|(a, b)| a < b);
        if ascending && !roles.moderators.contains(&roles.founder) {
            Ok(roles)
        } else {
            Err(DecodeError::Invalid("roles"))
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        amanat_wire::Encode::to_bytes(self)
    }

    /// A person's role, if that person is a member.
    #[must_use]
    pub fn of(&self, person: &Address) -> Role {
        if *person == self.founder {
            Role::Founder
        } else if self.moderators.contains(person) {
            Role::Moderator
        } else {
            Role::Member
        }
    }

    /// The same group with that person a moderator, or none any more. The founder stays the founder.
    ///
    /// # Errors
    /// [`TooLong`] above [`MODERATORS`].
    pub fn with(&self, person: &Address, moderator: bool) -> Result<Self, TooLong> {
        let mut moderators: BTreeSet<Address> = self.moderators.iter().cloned().collect();
        moderators.remove(person);
        if moderator && *person != self.founder {
            moderators.insert(person.clone());
        }
        Ok(Self { moderators: List::new(moderators.into_iter().collect::<Vec<_>>())?, ..self.clone() })
    }

    /// Whether nobody is left who could change the group by a role: then everybody may.
    fn deserted(&self, members: &[LeafClaim]) -> bool {
        members.iter().all(|member| self.of(&member.address) == Role::Member)
    }

    /// Whether a person may add and remove others and give the group its title.
    #[must_use]
    pub fn may_change(&self, person: &Address, members: &[LeafClaim]) -> bool {
        self.of(person) != Role::Member || self.deserted(members)
    }

    /// Whether a person may say who the moderators are.
    #[must_use]
    pub fn may_appoint(&self, person: &Address, members: &[LeafClaim]) -> bool {
        let founder_here = members.iter().any(|member| member.address == self.founder);
        match self.of(person) {
            Role::Founder => true,
            Role::Moderator => !founder_here,
            Role::Member => self.deserted(members),
        }
    }
}

/// A commit, as far as it concerns who may make it.
pub(crate) struct Act<'a> {
    /// The group's roles before it; none in a direct conversation, whose two people may do what they like.
    pub(crate) roles: Option<&'a Roles>,
    pub(crate) members: &'a [LeafClaim],
    pub(crate) committer: DeviceId,
    pub(crate) added: &'a [LeafClaim],
    pub(crate) removed: &'a [DeviceId],
    /// The roles after it, where it names any.
    pub(crate) appoints: Option<&'a Roles>,
    /// People who asked to leave, with valid proofs.
    pub(crate) leavers: &'a BTreeSet<Address>,
    /// Devices that asked to be added again, with valid requests.
    pub(crate) returning: &'a BTreeSet<DeviceId>,
}

impl Act<'_> {
    /// Checks that its maker may make it. `unfit` says of a device whether any member may remove it. `[CONV-47]`
    pub(crate) fn check(&self, unfit: impl Fn(&DeviceId) -> bool) -> Result<(), NotAllowed> {
        let Some(roles) = self.roles else { return Ok(()) };
        let find = |device: &DeviceId| self.members.iter().find(|member| member.device == *device);
        let Some(committer) = find(&self.committer).map(|member| &member.address) else {
            return Err(NotAllowed::Add);
        };
        let may_change = roles.may_change(committer, self.members);
        let role = roles.of(committer);
        for claim in self.added {
            // [CONV-53] The same device again is nobody new, where it asked for it.
            let again = self.returns(claim) && find(&claim.device) == Some(claim);
            if !may_change && claim.address != *committer && !again {
                return Err(NotAllowed::Add);
            }
        }
        for device in self.removed {
            let Some(person) = find(device).map(|member| &member.address) else { return Err(NotAllowed::Remove) };
            let again = self.added.iter().any(|claim| self.returns(claim) && find(device) == Some(claim));
            if person == committer || again || self.leavers.contains(person) || unfit(device) {
                continue;
            }
            if !may_change {
                return Err(NotAllowed::Remove);
            }
            if role == Role::Moderator && roles.of(person) == Role::Founder {
                return Err(NotAllowed::RemoveFounder);
            }
        }
        self.appoints.map_or(Ok(()), |after| self.check_appointment(roles, after, committer))
    }

    fn returns(&self, claim: &LeafClaim) -> bool {
        self.removed.contains(&claim.device) && self.returning.contains(&claim.device)
    }

    fn check_appointment(&self, before: &Roles, after: &Roles, committer: &Address) -> Result<(), NotAllowed> {
        if !before.may_appoint(committer, self.members) {
            return Err(NotAllowed::Roles);
        }
        let new = after.moderators.iter().filter(|person| !before.moderators.contains(person));
        let staying = |person: &Address| {
            let here = |member: &&LeafClaim| !self.removed.contains(&member.device);
            self.members.iter().filter(here).chain(self.added).any(|member| member.address == *person)
        };
        if before.founder != after.founder || !new.into_iter().all(staying) {
            return Err(NotAllowed::NoSuchRole);
        }
        Ok(())
    }
}

/// What a leaver signs: the conversation, and the leaf that is void with the request.
fn leave_message(conversation: &ConversationId, leaf: &LeafNode) -> Option<Vec<u8>> {
    let leaf: Digest = hash::digest(Label::LEAF, &[&leaf.tls_serialize_detached().ok()?]);
    Some([&conversation.as_bytes()[..], leaf.as_bytes()].concat())
}

impl Conversation {
    /// Who may change it; none where it is between two people.
    #[must_use]
    pub fn roles(&self) -> Option<&Roles> {
        self.roles.as_ref()
    }

    /// Signs a request to be removed. It holds until this device renews its keys here.
    ///
    /// # Errors
    /// As for sending a message.
    pub fn ask_to_leave(&self, signing: &SigningKey) -> Result<Signature, ConversationError> {
        self.check_can_act(signing)?;
        let leaf = self.group.own_leaf_node().ok_or(ConversationError::Removed)?;
        let message = leave_message(&self.id(), leaf).ok_or(ConversationError::Library)?;
        Ok(signing.sign(Label::LEAVE, &message))
    }

    /// The person who asks to leave, if the request is good here and now. `[CONV-48]`
    #[must_use]
    pub fn leaver(&self, proof: &LeaveProof) -> Option<Address> {
        let leaf = self.leaf_of(&proof.device)?;
        let claim = LeafClaim::of_leaf(leaf).ok()?;
        let message = leave_message(&self.id(), leaf)?;
        claim.signing_key.verify(Label::LEAVE, &message, &proof.signature).ok()?;
        Some(claim.address)
    }

    /// Every device that may be removed and added by the requests in a commit's facts: each signed by the member's own
    /// key, within a day of the commit. `[CONV-53]`
    pub(crate) fn returning(&self, facts: &CommitFacts) -> BTreeSet<DeviceId> {
        let asks = |asked: &&AddAgain| {
            let claim = self.leaf_of(&asked.device).and_then(|leaf| LeafClaim::of_leaf(leaf).ok());
            asked.conversation == self.id()
                && asked.counts(facts.committed_at)
                && claim.is_some_and(|claim| asked.verify(&claim.signing_key).is_ok())
        };
        facts.again.iter().filter(asks).map(|asked| asked.device).collect()
    }

    /// Everybody who may be removed by the requests in a commit's facts.
    pub(crate) fn leavers(&self, facts: &CommitFacts) -> BTreeSet<Address> {
        facts.leaves.iter().filter_map(|proof| self.leaver(proof)).collect()
    }
}
