//! Statements (protocol-spec/07-delivery, section 7): a status statement is judged by its signatures, not by who brings
//! it, so that a new device can bring the first one from its invitation.

use std::sync::Arc;

use amanat_store::relay::StatusPut;
use amanat_wire::{
    Bytes,
    client::Nothing,
    limits,
    relay::{Answer, Refusal},
};

use super::{Asker, NotDone};
use crate::{board::NotPutUp, hello::NotVerified, outbox::Ticket};

/// Takes a status statement, durably, and tells every live link.
pub(crate) fn put(asker: &Arc<Asker>, ticket: Ticket, bytes: Bytes<{ limits::CHAIN }>) {
    let asker = Arc::clone(asker);
    tokio::spawn(async move {
        let outcome = put_status(&asker, bytes).await;
        asker.settle(ticket, outcome);
    });
}

// [DELIV-57]
async fn put_status(asker: &Asker, bytes: Bytes<{ limits::CHAIN }>) -> Result<Answer, NotDone> {
    let shared = &asker.shared;
    let now = shared.now();
    let number = shared.status.judge(&bytes, &shared.authority, now).map_err(refused)?;
    match shared.store.status_statement(number, bytes.to_vec()).await? {
        StatusPut::New | StatusPut::Same => {}
        StatusPut::Old { .. } => return Err(Refusal::OldStatement.into()),
    }
    // Durable: now it may be seen.
    if shared.status.put(bytes.clone(), &shared.authority, now).map_err(refused)? {
        tracing::info!(number, "a newer status statement");
        shared.push_status(&bytes);
    }
    Ok(Answer::Done(Nothing {}))
}

fn refused(error: NotPutUp) -> NotDone {
    tracing::debug!(%error, "a statement is refused");
    NotDone::Refused(match error {
        NotPutUp::Bytes => Refusal::Malformed,
        NotPutUp::Chain(error) => NotVerified::from(error).refusal(),
        NotPutUp::Old(_) => Refusal::OldStatement,
    })
}
