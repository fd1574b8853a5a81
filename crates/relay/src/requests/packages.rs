//! KeyPackages (protocol-spec/07-delivery, section 6): one-time ones are handed out once each, and their owner is told
//! when none was left.

use std::sync::Arc;

use amanat_primitives::DeviceId;
use amanat_store::relay::DirectPart;
use amanat_wire::{
    Bytes, List,
    client::{Nothing, PutKeyPackages},
    limits,
    relay::{Answer, ClaimedKeyPackage, Refusal},
};

use super::{Asker, NotDone};
use crate::{outbox::Ticket, translate::LAST_RESORT_USED};

/// One-time KeyPackages kept of one device.
const KEPT: u64 = 200;

/// Takes KeyPackages of the asking device itself.
pub(crate) fn put(asker: &Arc<Asker>, ticket: Ticket, put: PutKeyPackages) {
    if put.one_time.iter().chain(&put.last_resort).any(|package| package.is_empty()) {
        return ticket.refuse(Refusal::Malformed);
    }
    let asker = Arc::clone(asker);
    tokio::spawn(async move {
        let one_time = put.one_time.into_iter().map(Bytes::into_vec).collect();
        let last_resort = put.last_resort.map(Bytes::into_vec);
        let outcome = asker.shared.store.put_key_packages(asker.id, one_time, last_resort, KEPT).await;
        asker.settle(ticket, outcome.map(|()| Answer::Done(Nothing {})).map_err(NotDone::from));
    });
}

/// Removes those of the asking device: it has lost their private halves.
pub(crate) fn drop_all(asker: &Arc<Asker>, ticket: Ticket) {
    let asker = Arc::clone(asker);
    tokio::spawn(async move {
        let outcome = asker.shared.store.drop_key_packages(asker.id).await;
        asker.settle(ticket, outcome.map(|()| Answer::Done(Nothing {})).map_err(NotDone::from));
    });
}

/// Claims one KeyPackage of each device.
pub(crate) fn claim(asker: &Arc<Asker>, ticket: Ticket, devices: List<DeviceId, { limits::ADDS }>) {
    // [DELIV-60] Claims use up what others need to reach a device.
    if !asker.meter.claims(devices.len(), tokio::time::Instant::now()) {
        asker.shared.counters.too_fast();
        return ticket.refuse(Refusal::TooFast);
    }
    let asker = Arc::clone(asker);
    tokio::spawn(async move {
        let outcome = claim_all(&asker, &devices).await;
        asker.settle(ticket, outcome);
    });
}

async fn claim_all(asker: &Asker, devices: &[DeviceId]) -> Result<Answer, NotDone> {
    let shared = &asker.shared;
    let mut packages = Vec::with_capacity(devices.len());
    for device in devices {
        // [DELIV-91]
        let chain = shared.store.chain(*device)?;
        let claimed = match chain.is_some_and(|chain| shared.status.is_chain_revoked(&chain)) {
            true => None,
            false => shared.store.claim_key_package(*device).await?,
        };
        let (bytes, last_resort) = claimed.map_or((Vec::new(), false), |claimed| (claimed.bytes, claimed.last_resort));
        if last_resort {
            tell_owner(asker, *device).await;
        }
        packages.push(ClaimedKeyPackage { device: *device, key_package: Bytes::new(bytes)?, last_resort });
    }
    Ok(Answer::KeyPackages(List::new(packages)?))
}

/// Tells a device that its last-resort KeyPackage was handed out: once for each that it publishes. Its `News` counts all
/// uses, so that a notice which finds no room is not missed.
// [DELIV-58]
async fn tell_owner(asker: &Asker, device: DeviceId) {
    let shared = &asker.shared;
    let first = shared.store.key_package_count(device).is_ok_and(|count| count.last_resort_used == 1);
    if first {
        let part = DirectPart { device, kind: LAST_RESORT_USED, body: Vec::new(), with_shared: false };
        if let Err(error) = shared.store.post_direct(vec![part], None, shared.now()).await {
            tracing::warn!(%error, "a notice about a last-resort KeyPackage was not queued");
        }
    }
}
