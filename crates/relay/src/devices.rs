//! Further devices of a person (protocol-spec/07-delivery, section 6): who waits for an approval, and who is told.
//!
//! Nothing is stored for it: a device waits as long as it is not approved, its grant does not revoke the others, and an
//! earlier device of the same person is good. Revoking that one lets the next go first, as for a person who never had it.

use std::collections::HashSet;

use amanat_identity::{Admittance, DeviceChain, policy::LAPSE};
use amanat_primitives::{DeviceId, Timestamp};
use amanat_store::relay::{DirectPart, Listed, StoreError};
use amanat_wire::{Decode as _, Encode as _, relay::FurtherDevice};

use crate::{shared::Shared, translate};

/// Those of one person's devices that are served: the earliest, and each later one that approvals tie to one of them.
struct Theirs(HashSet<DeviceId>);

impl Theirs {
    /// By what the chains say that were verified when they came.
    // [DELIV-160]
    fn of<'a>(listed: impl IntoIterator<Item = &'a Listed>, now: Timestamp) -> Self {
        let admittance = |listed: &Listed| {
            let admittance = DeviceChain::from_bytes(&listed.chain).ok()?.peek_admittance().ok()?;
            // As long as it is served: whoever lapsed may be renewed, and nobody takes the first place meanwhile.
            (admittance.until.after(LAPSE) >= now).then_some(admittance)
        };
        let mut theirs: Vec<_> = listed.into_iter().filter_map(admittance).collect();
        theirs.sort_by_key(|admittance| (admittance.enrolled_at, admittance.device));
        let (mut served, mut approvers) = (HashSet::new(), HashSet::new());
        for Admittance { device, approvers: by, .. } in theirs {
            // Approved by one that is served, or by one that had approved it and is gone; or the one that approved it.
            let tied = by.iter().any(|by| served.contains(by) || approvers.contains(by)) || approvers.contains(&device);
            if served.is_empty() || tied {
                served.insert(device);
                approvers.extend(by);
            }
        }
        Self(served)
    }

    fn waits(&self, device: &DeviceId) -> bool {
        !self.0.contains(device)
    }
}

/// The devices of a device's person that are not revoked.
pub(crate) fn beside(shared: &Shared, device: DeviceId) -> Result<Vec<Listed>, StoreError> {
    let mut listed = shared.store.devices_beside(device)?;
    listed.retain(|other| !shared.status.is_chain_revoked(&other.chain));
    Ok(listed)
}

/// Whether a device waits for another one of its person to approve it.
pub(crate) fn is_pending(shared: &Shared, device: DeviceId) -> Result<bool, StoreError> {
    Ok(which_pending(shared, &beside(shared, device)?)(&device))
}

/// Which of one person's devices wait.
pub(crate) fn which_pending(shared: &Shared, listed: &[Listed]) -> impl Fn(&DeviceId) -> bool + use<> {
    let theirs = Theirs::of(listed, shared.now());
    move |device| theirs.waits(device)
}

/// Leaves out of a page of the directory who still waits. All devices of a person stand on one page.
// [DELIV-161]
pub(crate) fn retain_admitted(page: &mut Vec<Listed>, now: Timestamp) {
    let mut waiting = Vec::new();
    for person in page.chunk_by(|a, b| a.handle == b.handle).filter(|person| person.len() > 1) {
        let theirs = Theirs::of(person, now);
        waiting.extend(person.iter().map(|listed| listed.device).filter(|device| theirs.waits(device)));
    }
    page.retain(|listed| !waiting.contains(&listed.device));
}

/// Tells the person's other devices of one that was just enrolled, where it waits for one of them.
// [DELIV-162]
pub(crate) async fn tell_of_new(shared: &Shared, device: DeviceId, now: Timestamp) -> Result<(), StoreError> {
    let listed = beside(shared, device)?;
    if !which_pending(shared, &listed)(&device) {
        return Ok(());
    }
    let others = listed.into_iter().map(|listed| listed.device).filter(|other| *other != device);
    tell(shared, others, FurtherDevice { device, approved: false }, now).await
}

/// Tells all devices of a person, the new one too, that it was approved.
// [DELIV-162]
pub(crate) async fn tell_of_approved(shared: &Shared, device: DeviceId, now: Timestamp) -> Result<(), StoreError> {
    let devices = beside(shared, device)?.into_iter().map(|listed| listed.device);
    tell(shared, devices, FurtherDevice { device, approved: true }, now).await
}

async fn tell(
    shared: &Shared,
    devices: impl Iterator<Item = DeviceId>,
    told: FurtherDevice,
    now: Timestamp,
) -> Result<(), StoreError> {
    let kind = translate::FURTHER_DEVICE;
    let part = |device| DirectPart { device, kind, body: told.to_bytes(), with_shared: false };
    shared.store.post_direct(devices.map(part).collect(), None, now).await
}
