//! Hello (protocol-spec/07-delivery, section 2): who has connected, verified before anything is sent or displaced.

use std::time::Duration;

use amanat_identity::{
    ChainError, DeviceChain, Enrolment, OfficerChain, StatementKind, VerifiedDevice, VerifiedEnrolment,
    VerifiedOfficer, policy::LAPSE,
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
                    None => match chain.verify(authority, now, LAPSE) {
                        Ok(device) => (device, bytes),
                        Err(_) => return Err(lapsed(shared, &chain, now).unwrap_or(error).into()),
                    },
                },
            };
            device.require_link_key(remote)?;
            let (device, bytes) = in_time(shared, device, bytes, now)?;
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
            // [DELIV-200]
            if shared.status.is_officer_revoked(officer.id()) {
                return Err(ChainError::OfficerRevoked { what: StatementKind::OfficerCertificate }.into());
            }
            Ok(Claim::Officer(Box::new(officer)))
        }
    }
}

/// The chain that is stored instead of one with a renewal by a revoked officer that was not brought in time: it may be
/// signed since, by whoever has the key.
// [DELIV-205]
fn in_time(
    shared: &Shared,
    device: VerifiedDevice,
    bytes: Bytes<{ limits::CHAIN }>,
    now: Timestamp,
) -> Result<(VerifiedDevice, Bytes<{ limits::CHAIN }>), ChainError> {
    if !device.subject().renewed_by.is_some_and(|officer| shared.status.is_officer_revoked(officer)) {
        return Ok((device, bytes));
    }
    let refused = ChainError::OfficerRevoked { what: StatementKind::Renewal };
    let stored = shared.store.chain(device.id()).ok().flatten().ok_or(refused)?;
    if *bytes == *stored {
        return Ok((device, bytes));
    }
    let chain = DeviceChain::from_bytes(&stored).map_err(|_| refused)?;
    let verified =
        chain.verify(&shared.authority, now, LAPSE).map_err(|_| lapsed(shared, &chain, now).unwrap_or(refused))?;
    if verified.certificate() != device.certificate() {
        return Err(refused);
    }
    Ok((verified, Bytes::new(stored).map_err(|_| refused)?))
}

/// Whether a chain that ended long ago has been revoked since, as lapsed or otherwise: that is what helps to know.
fn lapsed(shared: &Shared, chain: &DeviceChain, now: Timestamp) -> Option<ChainError> {
    let device = chain.verify(&shared.authority, now, Duration::MAX).ok()?;
    shared.status.is_revoked(&device.subject()).then_some(ChainError::Revoked)
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
                ChainError::OfficerRevoked { .. } => Refusal::OfficerRevoked,
                _ => Refusal::Identity,
            },
        }
    }
}
