//! Credentials (protocol-spec/05-conversation, section 2): what stands in an MLS leaf, and that it is the certified
//! device. OpenMLS validates no credential at all; this is where it happens, at each of the four ways into a group:
//! founding, add, join and update.

use amanat_identity::{Address, Domain, Handle, Tier, VerifiedDevice};
use amanat_primitives::{DeviceId, sign::VerifyingKey};
use amanat_wire::{Decode as _, Encode as _, record};
use openmls::prelude::{BasicCredential, Credential, CredentialType, CredentialWithKey, LeafNode, Member};

use crate::{profile, provider::SUITE};

record!(
    /// The identity in an MLS basic credential.
    struct LeafIdentity {
        /// 1.
        version: u8,
        domain: Domain,
        handle: Handle,
        device: DeviceId,
    }
);

const VERSION: u8 = 1;

/// What a leaf says of itself. Only a chain makes it true.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeafClaim {
    /// Whose device.
    pub device: DeviceId,
    /// Which person.
    pub address: Address,
    /// The leaf's signature key.
    pub signing_key: VerifyingKey,
}

/// Why a leaf is not the device that it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeafFault {
    /// Its credential is none of ours.
    #[error("the credential cannot be read")]
    Credential,
    /// It names another device than the verified one.
    #[error("the leaf names another device")]
    OtherDevice,
    /// It names another person, or another authority, than the device's certificate does.
    #[error("the leaf names another person or ministry than the certificate")]
    OtherAddress,
    /// Its signature key is not the certified one.
    #[error("the leaf's key is not the certified key")]
    OtherKey,
    /// The person is not cleared for the conversation's tier.
    #[error("the person's clearance is {held}, below the conversation's tier {needed}")]
    BelowTier {
        /// The conversation's tier.
        needed: Tier,
        /// The person's clearance.
        held: Tier,
    },
    /// The certificate does not list the conversation's suite.
    #[error("the device's certificate does not list the conversation's suite")]
    OtherSuite,
    /// It does not say that it can do what this protocol needs.
    #[error("the leaf lacks required capabilities")]
    Capabilities,
}

/// The credential and key of a device's own leaves.
pub(crate) fn own(device: &VerifiedDevice) -> CredentialWithKey {
    let Address { handle, domain } = device.address().clone();
    let identity = LeafIdentity { version: VERSION, domain, handle, device: device.id() };
    CredentialWithKey {
        credential: BasicCredential::new(identity.to_bytes()).into(),
        signature_key: device.signing_key().as_bytes().to_vec().into(),
    }
}

impl LeafClaim {
    pub(crate) fn of_leaf(leaf: &LeafNode) -> Result<Self, LeafFault> {
        Self::read(leaf.credential(), leaf.signature_key().as_slice())
    }

    pub(crate) fn of_member(member: &Member) -> Result<Self, LeafFault> {
        Self::read(&member.credential, &member.signature_key)
    }

    fn read(credential: &Credential, key: &[u8]) -> Result<Self, LeafFault> {
        if credential.credential_type() != CredentialType::Basic {
            return Err(LeafFault::Credential);
        }
        Self::of_identity(credential.serialized_content(), key)
    }

    /// What the identity of a basic credential claims, for a leaf with this signature key.
    ///
    /// # Errors
    /// [`LeafFault`].
    pub fn of_identity(identity: &[u8], key: &[u8]) -> Result<Self, LeafFault> {
        let LeafIdentity { domain, handle, device, .. } = read_identity(identity)?;
        let key = key.try_into().map_err(|_| LeafFault::OtherKey)?;
        Ok(Self { device, address: Address { handle, domain }, signing_key: VerifyingKey::from_bytes(key) })
    }

    /// Checks that the leaf is that device and may be in a conversation of that tier. `[CONV-04]` `[CONV-05]`
    /// Whether it is this device, cleared for the tier.
    ///
    /// # Errors
    /// [`LeafFault`].
    pub fn check(&self, device: &VerifiedDevice, tier: Option<Tier>) -> Result<(), LeafFault> {
        if self.device != device.id() {
            return Err(LeafFault::OtherDevice);
        }
        if self.address != *device.address() {
            return Err(LeafFault::OtherAddress);
        }
        if self.signing_key != *device.signing_key() {
            return Err(LeafFault::OtherKey);
        }
        if !device.suites().contains(&u16::from(SUITE)) {
            return Err(LeafFault::OtherSuite);
        }
        match tier {
            Some(needed) if device.highest_clearance() < needed => {
                Err(LeafFault::BelowTier { needed, held: device.highest_clearance() })
            }
            _ => Ok(()),
        }
    }
}

/// The device that a credential names.
pub(crate) fn device_of(credential: &Credential) -> Option<DeviceId> {
    let identity = read_identity(credential.serialized_content()).ok()?;
    (credential.credential_type() == CredentialType::Basic).then_some(identity.device)
}

fn read_identity(bytes: &[u8]) -> Result<LeafIdentity, LeafFault> {
    let identity = LeafIdentity::from_bytes(bytes).map_err(|_| LeafFault::Credential)?;
    if identity.version == VERSION { Ok(identity) } else { Err(LeafFault::Credential) }
}

/// Checks a whole leaf: what it claims, and what it can do. `[CONV-06]`
pub(crate) fn check_leaf(leaf: &LeafNode, device: &VerifiedDevice, tier: Option<Tier>) -> Result<LeafClaim, LeafFault> {
    let claim = LeafClaim::of_leaf(leaf)?;
    claim.check(device, tier)?;
    if !profile::is_capable(leaf) {
        return Err(LeafFault::Capabilities);
    }
    // A leaf has no extensions in this version.
    if leaf.extensions().iter().next().is_some() {
        return Err(LeafFault::Capabilities);
    }
    Ok(claim)
}
