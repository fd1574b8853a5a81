//! Further devices (protocol-spec/05-conversation, section 5): how another device of a person comes into a conversation
//! in which that person is already.
//!
//! By its own: one that is a member adds it, and approvals tie the two together. So nobody else, an officer with the relay
//! included, puts a device beside somebody's that reads along. A device whose grant replaces the others comes in when these
//! have been removed, as revoked ones are.

use std::collections::BTreeMap;

use amanat_identity::VerifiedDevice;
use amanat_primitives::DeviceId;

use crate::{
    commit::{ApproveError, ReceivedCommit, VoidReason},
    credential::LeafClaim,
};

/// Why a further device may not be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FurtherError {
    /// No approval ties it to that one.
    #[error("device {0} stands beside another one of its person, and no approval ties the two together")]
    NotApproved(DeviceId),
    /// Somebody else adds it.
    #[error("device {0} stands beside another one of its person, and is added by somebody else")]
    NotByOwn(DeviceId),
}

/// Whether `by`, a member, may add `device`. `[CONV-70]` `[CONV-71]`
///
/// # Errors
/// [`FurtherError`].
pub fn may_stand_beside(
    members: &[LeafClaim],
    by: &VerifiedDevice,
    device: &VerifiedDevice,
) -> Result<(), FurtherError> {
    if members.iter().all(|member| member.address != *device.address()) {
        return Ok(());
    }
    if by.address() != device.address() {
        return Err(FurtherError::NotByOwn(device.id()));
    }
    if by.is_kin_of(device) { Ok(()) } else { Err(FurtherError::NotApproved(device.id())) }
}

/// Checks what a commit adds against the members that stay. A device that it removes as well comes back, and is no
/// further one; of a person who comes with it, all devices must be tied to the first by approvals. `[CONV-70]` `[CONV-71]`
pub(crate) fn check_further(
    members: &[LeafClaim],
    commit: &ReceivedCommit,
    devices: &BTreeMap<DeviceId, VerifiedDevice>,
) -> Result<(), ApproveError> {
    let refused = |error| ApproveError::Void(VoidReason::Further(error));
    let staying: Vec<_> = members.iter().filter(|m| !commit.removed.contains(&m.device)).cloned().collect();
    let by_whom = members.iter().find(|member| member.device == commit.sender).map(|member| &member.address);
    let mut newcomers: BTreeMap<String, &VerifiedDevice> = BTreeMap::new();
    for claim in commit.added.iter().filter(|claim| !commit.removed.contains(&claim.device)) {
        let device = devices.get(&claim.device).ok_or(ApproveError::Unverified(claim.device))?;
        if staying.iter().all(|member| member.address != claim.address) {
            let first = newcomers.entry(claim.address.to_string()).or_insert(device);
            if !first.is_kin_of(device) {
                return Err(refused(FurtherError::NotApproved(claim.device)));
            }
        } else if by_whom != Some(&claim.address) {
            return Err(refused(FurtherError::NotByOwn(claim.device)));
        } else {
            let by = devices.get(&commit.sender).ok_or(ApproveError::Unverified(commit.sender))?;
            may_stand_beside(&staying, by, device).map_err(refused)?;
        }
    }
    Ok(())
}
