//! Group facts (protocol-spec/05-conversation, section 3): what a conversation is, agreed by all its members because it
//! stands in the GroupContext that every key of the conversation is derived from.

use amanat_identity::{Address, KeyId, Tier, VerifiedDevice, policy::POLICY_VERSION};
use amanat_primitives::{ConversationId, DeviceId};
use amanat_wire::{Decode as _, DecodeError, Encode as _, code, record};
use openmls::prelude::{Extensions, GroupContext};

use crate::{
    credential::LeafClaim,
    profile::{self, GROUP_EXTENSION, ROLES_EXTENSION},
    provider::SUITE,
    roles::Roles,
};

code!(
    /// Who a conversation is between.
    pub enum Kind {
        /// Two people, each with any number of devices.
        1 => Direct,
        /// Any number of people.
        2 => Group,
    }
);

record!(
    /// What a conversation is. Fixed at its founding; this version refuses a commit that changes it.
    pub struct GroupFacts {
        /// 1.
        version: u8,
        /// Its id; the MLS group id is the same bytes.
        conversation: ConversationId,
        /// Who it is between.
        kind: Kind,
        /// No member may be cleared for less.
        tier: Tier,
        /// The policy that its commits are judged by.
        policy_version: u32,
        /// The relay that orders its log.
        relay: KeyId,
        /// The MLS suite.
        suite: u16,
    }
);

/// What is wrong with a conversation's facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// They are missing, or other extensions stand beside them.
    #[error("the group does not carry exactly the required extensions")]
    Extensions,
    /// They cannot be read.
    #[error("the group's facts are malformed: {0}")]
    Malformed(#[from] DecodeError),
    /// They are of a version, suite or policy that this program does not know.
    #[error("the group needs a newer version of this program")]
    Newer,
    /// They name another conversation than the group, or the relay, does.
    #[error("the group's facts name another conversation")]
    OtherConversation,
}

const VERSION: u8 = 1;

/// What a founder chooses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewConversation {
    /// Fresh at random.
    pub conversation: ConversationId,
    /// Who it is between.
    pub kind: Kind,
    /// Its tier.
    pub tier: Tier,
    /// The relay that orders its log.
    pub relay: KeyId,
}

impl GroupFacts {
    pub(crate) fn new(new: &NewConversation) -> Self {
        let NewConversation { conversation, kind, tier, relay } = *new;
        let suite = u16::from(SUITE);
        Self { version: VERSION, conversation, kind, tier, policy_version: POLICY_VERSION, relay, suite }
    }

    /// The GroupContext extensions of such a conversation; `roles` are those of a group.
    /// Whether this program knows its version, policy and suite.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.version == VERSION && self.policy_version == POLICY_VERSION && self.suite == u16::from(SUITE)
    }

    pub(crate) fn extensions(&self, roles: Option<&Roles>) -> Option<Extensions<GroupContext>> {
        profile::group_extensions(self.to_bytes(), roles.map(Roles::to_bytes))
    }

    /// Reads and checks a GroupContext: what the conversation is, and who may change it. `[CONV-10]` `[CONV-46]`
    pub(crate) fn of_context(context: &GroupContext) -> Result<(Self, Option<Roles>), FactsError> {
        let extensions = context.extensions();
        let ours = extensions.unknown(GROUP_EXTENSION).ok_or(FactsError::Extensions)?;
        let facts = Self::from_bytes(&ours.0)?;
        let roles = extensions.unknown(ROLES_EXTENSION).map(|roles| Roles::read(&roles.0)).transpose()?;
        let fitting = roles.is_some() == (facts.kind == Kind::Group);
        if !fitting || facts.extensions(roles.as_ref()).as_ref() != Some(extensions) {
            return Err(FactsError::Extensions);
        }
        if !facts.is_known() || context.ciphersuite() != SUITE {
            return Err(FactsError::Newer);
        }
        if context.group_id().as_slice() != facts.conversation.as_bytes() {
            return Err(FactsError::OtherConversation);
        }
        Ok((facts, roles))
    }
}

/// What is wrong with a set of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MembersError {
    /// One device stands there twice.
    #[error("device {0} is a member twice")]
    Twice(DeviceId),
    /// A direct conversation is not between two people.
    #[error("a direct conversation is between two people")]
    NotTwoPeople,
}

/// Checks what the members of a conversation must be together. `[CONV-11]` `[CONV-12]`
pub(crate) fn check_members<'a>(
    kind: Kind,
    members: impl IntoIterator<Item = (DeviceId, &'a Address)>,
) -> Result<(), MembersError> {
    let mut devices = std::collections::BTreeSet::new();
    let mut people = std::collections::BTreeSet::new();
    for (device, address) in members {
        if !devices.insert(device) {
            return Err(MembersError::Twice(device));
        }
        people.insert(address);
    }
    // One may be left when the other was removed.
    if kind == Kind::Direct && people.len() > 2 { Err(MembersError::NotTwoPeople) } else { Ok(()) }
}

/// A direct conversation is founded between two, and not by one person alone.
pub(crate) fn check_founders<'a>(
    kind: Kind,
    members: impl Iterator<Item = (DeviceId, &'a Address)> + Clone,
) -> Result<(), MembersError> {
    check_members(kind, members.clone())?;
    let mut people = members.map(|(_, address)| address);
    let founder = people.next();
    let alone = people.all(|address| Some(address) == founder);
    if kind == Kind::Direct && alone { Err(MembersError::NotTwoPeople) } else { Ok(()) }
}

pub(crate) fn claimed(claim: &LeafClaim) -> (DeviceId, &Address) {
    (claim.device, &claim.address)
}

pub(crate) fn verified(device: &VerifiedDevice) -> (DeviceId, &Address) {
    (device.id(), device.address())
}
