//! Statements (protocol-spec/07-delivery, section 7): a status statement is judged by its signatures, not by who brings
//! it, so that a new device can bring the first one from its invitation.

use std::sync::Arc;

use amanat_identity::{ListError, NotAccepted};
use amanat_store::relay::StatusPut;
use amanat_wire::{
    Bytes, List,
    client::{Nothing, StatusUpdate},
    limits,
    relay::{Answer, Refusal, RevocationPage},
};

use super::{Asker, NotDone};
use crate::{board::NotPutUp, hello::NotVerified, outbox::Ticket};

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
        NotPutUp::NotAccepted(_) | NotPutUp::Gap => Refusal::OldStatement,
    })
}
