//! Appending (protocol-spec/07-delivery, section 3).

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll};

use amanat_store::relay::StoreError;
use amanat_wire::{
    log::{Unit, UnitKind},
    relay::{Answer, Refusal},
};
use tokio::time::Instant;

use super::{Asker, NotDone};
use crate::{outbox::Ticket, translate};

/// Appends, in the order in which this is called for one link; the answer follows when the entry is durable.
// [DELIV-54] [DELIV-49]
pub(crate) async fn append(asker: &Arc<Asker>, ticket: Ticket, unit: Unit) {
    if !is_consistent(&unit) {
        return ticket.refuse(Refusal::Malformed);
    }
    // [DELIV-117] What is founded has nothing that could have been lost.
    if unit.kind != UnitKind::Create && asker.shared.settling.holds(&unit.conversation, asker.shared.now()) {
        return ticket.refuse(Refusal::Settling);
    }
    // [DELIV-142] A log that waits for the chain of a device that nobody has would wait for ever.
    for device in unit.roster_add.iter() {
        match asker.shared.store.chain(*device) {
            Ok(Some(_)) => {}
            Ok(None) => return ticket.refuse(Refusal::Unknown),
            Err(error) => return asker.settle(ticket, Err(error.into())),
        }
    }
    // [DELIV-194]
    if asker.shared.clock_ahead().is_some() {
        return ticket.refuse(Refusal::Failed);
    }
    // [DELIV-193]
    let commits = (unit.kind == UnitKind::Commit).then_some(unit.conversation);
    if commits.is_some_and(|conversation| !asker.meter.commit(conversation, Instant::now())) {
        asker.shared.counters.too_fast();
        return ticket.refuse(Refusal::TooFast);
    }
    // [DELIV-133]
    if !asker.meter.changes(unit.kind == UnitKind::Create, unit.roster_add.len(), Instant::now()) {
        asker.shared.counters.too_fast();
        return ticket.refuse(Refusal::TooFast);
    }
    // Fewer appends are let in than the store's queue has room for, so that none waits there and is overtaken.
    let Ok(permit) = Arc::clone(&asker.shared.appends).acquire_owned().await else {
        return ticket.refuse(Refusal::ShuttingDown);
    };
    let appending = {
        let asker = Arc::clone(asker);
        async move {
            let _permit = permit;
            let shared = &asker.shared;
            let entry = translate::without_body(&unit, asker.id);
            let founded = (unit.kind == UnitKind::Create).then_some(unit.conversation);
            let outcome = shared.store.append(translate::unit(unit, asker.id, shared.now())).await;
            if let (Ok(_), Some(conversation)) = (&outcome, founded) {
                shared.settling.founded(conversation);
            }
            if let (Err(StoreError::Conflict { .. }), Some(conversation)) = (&outcome, commits) {
                asker.meter.commit_lost(conversation);
            }
            let outcome = outcome
                .map_err(NotDone::from)
                .and_then(|appended| Ok(Answer::Appended(translate::appended(appended, entry, &shared.seal_key)?)));
            asker.settle(ticket, outcome);
        }
    };
    // The first poll queues the unit with the store, in turn; waiting for the sync is another task's business, so that
    // the link's next request is looked at meanwhile.
    let mut appending: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(appending);
    let done = poll_fn(|cx| Poll::Ready(appending.as_mut().poll(cx))).await;
    if done.is_pending() {
        tokio::spawn(appending);
    }
}

/// What the store does not know of: a Welcome has both its parts, one for each device that is added, and none but a
/// commit changes a roster.
// [DELIV-67]
fn is_consistent(unit: &Unit) -> bool {
    let commit = unit.kind != UnitKind::Message;
    let welcome = !unit.joiners.is_empty();
    !unit.body.is_empty()
        && (commit || (unit.roster_add.is_empty() && unit.roster_remove.is_empty() && !welcome))
        && welcome != unit.group_info.is_empty()
        // Nobody is put into a log without what they need to read it.
        && unit.roster_add.len() == unit.joiners.len()
        && unit.joiners.iter().all(|joiner| unit.roster_add.contains(&joiner.device))
}
