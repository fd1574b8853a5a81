//! A person's own devices (protocol-spec/07-delivery, section 6): the list that only they see, and approvals.

use std::sync::Arc;

use amanat_identity::{Approval, DeviceChain};
use amanat_primitives::{DeviceId, Timestamp};
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List,
    client::Nothing,
    limits,
    relay::{Answer, DeviceState, Refusal},
};

use super::{Asker, NotDone};
use crate::{devices, directory, hello::NotVerified, outbox::Ticket};

/// All devices of the asker's person that are not revoked, those that wait included; to one that waits, itself alone.
pub(crate) fn own(asker: &Asker) -> Result<Answer, NotDone> {
    let shared = &asker.shared;
    let mut listed = devices::beside(shared, asker.id)?;
    let waits = devices::which_pending(shared, &listed);
    if waits(&asker.id) {
        listed.retain(|other| other.device == asker.id);
    }
    let mut room = limits::MESSAGE - 4096;
    let mut states = Vec::new();
    for other in listed.into_iter().take(limits::CHAINS) {
        // [WIRE-08]
        let Some(rest) = room.checked_sub(other.chain.len().saturating_add(32)) else { break };
        room = rest;
        let seen = shared.live.seen(&other.device, shared.now());
        states.push(DeviceState { pending: waits(&other.device), chain: Bytes::new(other.chain)?, seen });
    }
    Ok(Answer::Devices(List::new(states)?))
}

/// Takes an approval into the chain of the device that it is for, durably.
pub(crate) fn approve(asker: &Arc<Asker>, ticket: Ticket, bytes: Bytes<{ limits::CHAIN }>) {
    let asker = Arc::clone(asker);
    tokio::spawn(async move {
        let outcome = put_approval(&asker, &bytes).await;
        asker.settle(ticket, outcome);
    });
}

// [DELIV-163] Judged by its signatures; the approver must be served itself.
async fn put_approval(asker: &Asker, bytes: &[u8]) -> Result<Answer, NotDone> {
    let shared = &asker.shared;
    let approval = Approval::from_bytes(bytes).map_err(|_| Refusal::Malformed)?;
    let id = approval.said().map_err(|_| Refusal::Malformed)?.device;
    let _turn = shared.status.turn.lock().await;
    let stored = shared.store.chain(id)?.ok_or(Refusal::Unknown)?;
    let mut chain = DeviceChain::from_bytes(&stored).map_err(|_| Refusal::Failed)?;
    if chain.approval.is_some() {
        // The first one counts; the device is approved either way.
        return Ok(Answer::Done(Nothing {}));
    }
    chain.approval = Some(approval);
    let device = chain
        .verify(&shared.authority, shared.now(), Timestamp::CLOCK_TOLERANCE)
        .map_err(|error| NotVerified::from(error).refusal())?;
    let approver = device.approval().ok_or(Refusal::Failed)?;
    if shared.status.is_revoked(&device.subject()) || !is_good(asker, approver)? {
        return Err(Refusal::Revoked.into());
    }
    if devices::is_pending(shared, approver)? {
        return Err(Refusal::NotApproved.into());
    }
    let bytes = chain.to_bytes();
    if bytes.len() > limits::CHAIN {
        return Err(Refusal::Full.into());
    }
    shared.store.replace_chain(id, bytes, directory::search_text(&device)).await?;
    tracing::debug!(device = %id, "a device was approved");
    devices::tell_of_approved(shared, id, shared.now()).await?;
    Ok(Answer::Done(Nothing {}))
}

/// The approver is enrolled here and not revoked.
fn is_good(asker: &Asker, approver: DeviceId) -> Result<bool, NotDone> {
    let stored = asker.shared.store.chain(approver)?;
    Ok(stored.is_some_and(|chain| !asker.shared.status.is_chain_revoked(&chain)))
}
