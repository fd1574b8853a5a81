//! Hello (protocol-spec/07-delivery, section 2): who has connected, verified before anything is sent or displaced.

use amanat_identity::{
    ChainError, DeviceChain, Enrolment, OfficerChain, VerifiedDevice, VerifiedEnrolment, VerifiedOfficer, policy::LAPSE,
};
use amanat_primitives::{Timestamp, agree::NoisePublic};
use amanat_wire::{Bytes, Decode as _, client::Identity, limits, relay::Refusal};

use crate::shared::Shared;

/// A hello whose statements were verified; what the store says of them is not known yet.
pub(crate) enum Claim {
    /// A device, and its chain as it came.
    Device(VerifiedDevice, Bytes<{ limits::CHAIN }>),
    /// A device that redeems a grant.
    Enrolling(Box<VerifiedEnrolment>),
    /// An officer's machine.
    Officer(Box<VerifiedOfficer>),
}

/// Verifies what a hello says against the authority and the link's key.
// [DELIV-43]
pub(crate) fn verify(
    shared: &Shared,
    identity: Identity,
    remote: &NoisePublic,
    now: Timestamp,
) -> Result<Claim, NotVerified> {
    let authority = &shared.authority;
    match identity {
        Identity::Device(bytes) => {
            let chain = DeviceChain::from_bytes(&bytes).map_err(|_| NotVerified::Bytes)?;
            let (device, bytes) = match chain.verify(authority, now, Timestamp::CLOCK_TOLERANCE) {
                Ok(device) => (device, bytes),
                // [DELIV-97] It may have been renewed while it was away.
                Err(error) => match renewed(shared, &chain, now) {
                    Some(renewed) => renewed,
                    // [DELIV-152] Time to be renewed in; nothing else is forgiven.
                    None => (chain.verify(authority, now, LAPSE).map_err(|_| error)?, bytes),
                },
            };
            device.require_link_key(remote)?;
            // [DELIV-90] By everything on the list, whatever the number.
            if shared.status.is_revoked(&device.subject()) {
                return Err(ChainError::Revoked.into());
            }
            Ok(Claim::Device(device, bytes))
        }
        Identity::Enrolling(bytes) => {
            let enrolment = Enrolment::from_bytes(&bytes).map_err(|_| NotVerified::Bytes)?;
            let verified = shared.status.verify_enrolment(&enrolment, authority, now)?;
            verified.require_link_key(remote)?;
            Ok(Claim::Enrolling(Box::new(verified)))
        }
        Identity::Officer(bytes) => {
            let chain = OfficerChain::from_bytes(&bytes).map_err(|_| NotVerified::Bytes)?;
            let officer = chain.verify(authority, now)?;
            officer.require_link_key(remote)?;
            Ok(Claim::Officer(Box::new(officer)))
        }
    }
}

/// The stored chain of the same device certificate, where it has been renewed since and verifies.
fn renewed(shared: &Shared, chain: &DeviceChain, now: Timestamp) -> Option<(VerifiedDevice, Bytes<{ limits::CHAIN }>)> {
    let stored = shared.store.chain(chain.peek_subject().ok()?.device).ok()??;
    let newer = DeviceChain::from_bytes(&stored).ok()?;
    if newer.renewal.is_none() || newer.device_certificate != chain.device_certificate {
        return None;
    }
    let device = newer.verify(&shared.authority, now, Timestamp::CLOCK_TOLERANCE).ok()?;
    Some((device, Bytes::new(stored).ok()?))
}

/// What is wrong with a hello's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotVerified {
    /// It is no encoding of a chain.
    #[error("the identity cannot be decoded")]
    Bytes,
    /// It does not verify.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl NotVerified {
    /// What the other side is told: enough to act on, and not which signature failed.
    pub(crate) fn refusal(self) -> Refusal {
        match self {
            Self::Bytes => Refusal::Malformed,
            Self::Chain(error) => match error {
                ChainError::Expired { .. } | ChainError::NotYetValid { .. } | ChainError::GrantExpired { .. } => {
                    Refusal::Expired
                }
                ChainError::AlreadyRedeemed => Refusal::AlreadyRedeemed,
                ChainError::Revoked => Refusal::Revoked,
                _ => Refusal::Identity,
            },
        }
    }
}
