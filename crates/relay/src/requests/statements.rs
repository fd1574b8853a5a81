//! Statements (protocol-spec/07-delivery, section 7): a status statement is judged by its signatures, not by who brings
//! it, so that a new device can bring the first one from its invitation.

use std::sync::Arc;

use amanat_identity::{DeviceChain, ListError, NotAccepted, Renewal};
use amanat_primitives::Timestamp;
use amanat_store::relay::StatusPut;
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List,
    client::{Nothing, StatusUpdate},
    limits,
    relay::{Answer, Refusal, RevocationPage},
};

use super::{Asker, NotDone};
use crate::{board::NotPutUp, directory, hello::NotVerified, outbox::Ticket};

/// Takes a status statement and its new revocations, durably, tells every live link, and ends those that it revokes.
pub(crate) fn put(asker: &Arc<Asker>, ticket: Ticket, update: StatusUpdate) {
    let asker = Arc::clone(asker);
    tokio::spawn(async move {
        let outcome = put_status(&asker, update).await;
        asker.settle(ticket, outcome);
    });
}

// [DELIV-57]
async fn put_status(asker: &Asker, update: StatusUpdate) -> Result<Answer, NotDone> {
    let shared = &asker.shared;
    let _turn = shared.status.turn.lock().await;
    let mut judged = shared.status.judge(&update, &shared.authority, shared.now()).map_err(refused)?;
    let (number, revoked) = (judged.number, std::mem::take(&mut judged.revocations));
    let some_revoked = !revoked.is_empty();
    // [DELIV-92]
    match shared.store.status_statement(number, update.status.to_vec(), judged.first, revoked).await? {
        StatusPut::New | StatusPut::Same => {}
        StatusPut::Old { .. } => return Err(Refusal::OldStatement.into()),
    }
    // Durable: now it may be seen.
    if shared.status.put(judged) {
        tracing::info!(number, "a newer status statement");
        shared.push_status(&update.status);
    }
    if some_revoked {
        shared.end_revoked();
    }
    Ok(Answer::Done(Nothing {}))
}

/// Takes a renewal into the chain of its grant's device, durably.
pub(crate) fn renew(asker: &Arc<Asker>, ticket: Ticket, bytes: Bytes<{ limits::CHAIN }>) {
    let asker = Arc::clone(asker);
    tokio::spawn(async move {
        let outcome = put_renewal(&asker, &bytes).await;
        asker.settle(ticket, outcome);
    });
}

// [DELIV-96] Judged by its signatures, whoever brings it; an older one takes nothing back.
async fn put_renewal(asker: &Asker, bytes: &[u8]) -> Result<Answer, NotDone> {
    let shared = &asker.shared;
    // An approval of the same device may come at the same time: neither takes the other back.
    let _turn = shared.status.turn.lock().await;
    let renewal = Renewal::from_bytes(bytes).map_err(|_| Refusal::Malformed)?;
    // [DELIV-201] It may bear any date: so none is taken any more.
    if shared.status.is_officer_revoked(renewal.officer()) {
        return Err(Refusal::OfficerRevoked.into());
    }
    let grant = renewal.grant().map_err(|_| Refusal::Malformed)?;
    let id = shared.store.redeemed_by(&grant)?.ok_or(Refusal::Unknown)?;
    let stored = shared.store.chain(id)?.ok_or(Refusal::Unknown)?;
    let mut chain = DeviceChain::from_bytes(&stored).map_err(|_| Refusal::Failed)?;
    let stands_until = chain.peek_valid_until();
    match &chain.renewal {
        Some(held) if *held == renewal => return Ok(Answer::Done(Nothing {})),
        Some(held) if held.at() >= renewal.at() => return Err(Refusal::OldStatement.into()),
        _ => chain.renewal = Some(renewal),
    }
    // [DELIV-204] So one officer alone cannot cut everybody off; that takes revocations, which are limited.
    if chain.peek_valid_until() < stands_until {
        return Err(Refusal::OldStatement.into());
    }
    let device = chain
        .verify(&shared.authority, shared.now(), Timestamp::CLOCK_TOLERANCE)
        .map_err(|error| NotVerified::from(error).refusal())?;
    if shared.status.is_revoked(&device.subject()) {
        return Err(Refusal::Revoked.into());
    }
    shared.store.replace_chain(id, chain.to_bytes(), directory::search_text(&device)).await?;
    tracing::debug!(device = %id, "a device was renewed");
    Ok(Answer::Done(Nothing {}))
}

/// A page of the list of revocations.
pub(crate) fn revocations(asker: &Asker, after: u32) -> Result<Answer, NotDone> {
    let mut room = limits::BODY;
    let mut page = Vec::new();
    // One more than fits, to know whether there are more.
    let stored = asker.shared.store.revocations(after, limits::REVOCATIONS + 1)?;
    let found = stored.len();
    for revocation in stored.into_iter().take(limits::REVOCATIONS) {
        // [WIRE-08]
        let Some(rest) = room.checked_sub(revocation.len().saturating_add(4)) else { break };
        room = rest;
        page.push(Bytes::new(revocation)?);
    }
    let more = page.len() < found;
    Ok(Answer::Revocations(RevocationPage { revocations: List::new(page)?, more }))
}

fn refused(error: NotPutUp) -> NotDone {
    tracing::debug!(%error, "a statement is refused");
    NotDone::Refused(match error {
        NotPutUp::Bytes => Refusal::Malformed,
        NotPutUp::Chain(error) => NotVerified::from(error).refusal(),
        NotPutUp::NotAccepted(NotAccepted::List(ListError::Chain(error))) => NotVerified::from(error).refusal(),
        NotPutUp::NotAccepted(NotAccepted::List(ListError::Alone)) => Refusal::NotAllowed,
        NotPutUp::NotAccepted(_) | NotPutUp::Gap => Refusal::OldStatement,
    })
}
