//! Further devices of a person (protocol-spec/07-delivery, section 6): who waits for an approval, and who is told.
//!
//! Nothing is stored for it: a device waits as long as it is not approved, its grant does not revoke the others, and an
//! earlier device of the same person is good. Revoking that one lets the next go first, as for a person who never had it.

use amanat_identity::{Admittance, DeviceChain, policy::LAPSE};
use amanat_primitives::{DeviceId, Timestamp};
use amanat_store::relay::{DirectPart, Listed, StoreError};
use amanat_wire::{Decode as _, Encode as _, relay::FurtherDevice};

use crate::{shared::Shared, translate};

/// Good devices of one person, the earliest first, as the chains say that were verified when they came.
struct Theirs(Vec<(Admittance, DeviceId)>);

impl Theirs {
    fn of<'a>(listed: impl IntoIterator<Item = &'a Listed>, now: Timestamp) -> Self {
        let admittance = |listed: &Listed| {
            let chain = DeviceChain::from_bytes(&listed.chain).ok()?;
            let admittance = chain.peek_admittance().ok()?;
            // As long as it is served: whoever lapsed may be renewed, and nobody takes the first place meanwhile.
            (admittance.until.after(LAPSE) >= now).then_some((admittance, listed.device))
        };
        let mut theirs: Vec<_> = listed.into_iter().filter_map(admittance).collect();
        theirs.sort_by_key(|(admittance, device)| (admittance.enrolled_at, *device));
        Self(theirs)
    }

    // [DELIV-160] The first one stands by itself; each further one must be let in.
    fn waits(&self, device: &DeviceId) -> bool {
        let place = self.0.iter().position(|(_, other)| other == device);
        place.is_some_and(|place| place > 0 && self.0.get(place).is_some_and(|(found, _)| !found.admitted))
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
