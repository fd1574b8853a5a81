//! Resupply (protocol-spec/07-delivery, section 14): what this relay has taken before and lost comes back from members.
//!
//! An entry is known again by its seal, which this relay alone can make, over its place, its author and R; a commit by
//! its receipt as well, which speaks for its change of members. So it does not matter who brings it.

use std::sync::Arc;

use amanat_primitives::{ConversationId, DeviceId, Digest};
use amanat_store::relay::{Held, HeldReceipt, LostWelcomes, StoreError, Supply};
use amanat_wire::{
    Decode as _,
    client::Nothing,
    log::{CommitReceipt, UnitKind, roster_change},
    relay::{Answer, Refusal},
    resupply::{HeldEntry, Resupply, Welcomes, is_sealed},
};

use super::{Asker, NotDone};
use crate::{outbox::Ticket, shared::Shared, translate};

/// Takes entries that follow the log's head, durably; without entries, notes that the device has none.
pub(crate) fn resupply(asker: &Arc<Asker>, ticket: Ticket, resupply: Resupply) {
    let asker = Arc::clone(asker);
    tokio::spawn(async move {
        let outcome = take(&asker, resupply).await;
        asker.settle(ticket, outcome);
    });
}

async fn take(asker: &Asker, resupply: Resupply) -> Result<Answer, NotDone> {
    let Resupply { conversation, after, running, entries } = resupply;
    let shared = &asker.shared;
    let base = shared.store.log_head(conversation)?.unwrap_or((0, Digest::ZERO));
    if entries.is_empty() {
        return note_settled(asker, conversation, (after, running), base);
    }
    // It begins behind this log's end: the answer says where that is.
    if after > base.0 {
        return Ok(Answer::Resupplied(base.0));
    }
    let Ok(permit) = Arc::clone(&shared.appends).acquire_owned().await else {
        return Err(Refusal::ShuttingDown.into());
    };
    let mut held = Vec::with_capacity(entries.len());
    let mut reached = base;
    for entry in entries.into_iter().filter(|held| held.entry.position > base.0) {
        let (next, entry) = check(shared, conversation, reached, entry)?;
        held.push(entry);
        reached = next;
    }
    let (count, founded) = (held.len(), base.0 == 0);
    let head = shared.store.resupply(Supply { conversation, from: asker.id, base, entries: held }).await?;
    drop(permit);
    if head == reached.0 && count > 0 {
        tracing::info!(entries = count, "the end of a log came back");
        shared.settling.supplied(count, founded);
        look_at(shared, conversation, head)?;
    }
    Ok(Answer::Resupplied(head))
}

/// An entry for the store, if it is this relay's own and the next one; and position and R behind it.
// [DELIV-114] [DELIV-115]
fn check(
    shared: &Shared,
    conversation: ConversationId,
    (position, running): (u64, Digest),
    held: HeldEntry,
) -> Result<((u64, Digest), Held), NotDone> {
    let HeldEntry { entry, roster_add, roster_remove } = held;
    let hash = entry.ciphertext_hash();
    let next = (position.saturating_add(1), entry.running(&running));
    // One whose body has gone is no entry to give back: others may have it whole.
    let fits = entry.position == next.0 && entry.gone.is_none() && !entry.body.is_empty();
    if !fits || !is_sealed(&shared.seal_key, conversation, &entry, next.1) {
        return Err(Refusal::Malformed.into());
    }
    let receipt = match entry.kind {
        UnitKind::Message => None,
        UnitKind::Commit | UnitKind::Create => {
            let receipt = CommitReceipt::from_bytes(&entry.receipt).map_err(|_| Refusal::Malformed)?;
            let body = &receipt.body;
            let fits = body.conversation == conversation
                && body.position == entry.position
                && body.stamp == entry.stamp
                && body.commit == hash
                && body.roster == roster_change(roster_add.iter(), roster_remove.iter());
            if !fits || receipt.verify(&shared.keys.signing().verifying_key()).is_err() {
                return Err(Refusal::Malformed.into());
            }
            let (hash, previous) = (receipt.id(), receipt.body.previous);
            Some(HeldReceipt { bytes: entry.receipt.to_vec(), hash, previous })
        }
    };
    let unit = translate::held(conversation, entry, roster_add, roster_remove);
    Ok((next, Held { unit, hash, receipt }))
}

/// A device has nothing beyond a place of this log, if it has seen the same one.
// [DELIV-117]
fn note_settled(
    asker: &Asker,
    conversation: ConversationId,
    at: (u64, Digest),
    head: (u64, Digest),
) -> Result<Answer, NotDone> {
    let shared = &asker.shared;
    let roster = shared.store.roster(conversation)?.ok_or(Refusal::Unknown)?;
    if roster.readers.binary_search(&asker.id).is_err() {
        return Err(Refusal::NotAllowed.into());
    }
    if at.0 == head.0 && at.1 != head.1 {
        return Err(Refusal::Exists.into());
    }
    shared.settling.settled(conversation, asker.id, at.0);
    look_at(shared, conversation, head.0)?;
    Ok(Answer::Resupplied(head.0))
}

/// Whether a log may go on.
fn look_at(shared: &Shared, conversation: ConversationId, head: u64) -> Result<(), NotDone> {
    if !shared.settling.waits() {
        return Ok(());
    }
    let roster = shared.store.roster(conversation)?.ok_or(Refusal::Unknown)?;
    // Nobody hears from a revoked device any more.
    let waited_for: Vec<DeviceId> = roster.readers.iter().filter(|id| !is_revoked(shared, **id)).copied().collect();
    shared.settling.look_at(conversation, head, &waited_for);
    Ok(())
}

fn is_revoked(shared: &Shared, device: DeviceId) -> bool {
    let chain = shared.store.chain(device).ok().flatten();
    chain.is_some_and(|chain| shared.status.is_chain_revoked(&chain))
}

/// Queues the Welcome of a commit that came back, for those of its joiners who wait for it.
pub(crate) fn welcomes(asker: &Arc<Asker>, ticket: Ticket, welcomes: Welcomes) {
    let Welcomes { conversation, position, group_info, joiners } = welcomes;
    if group_info.is_empty() || joiners.is_empty() {
        return ticket.refuse(Refusal::Malformed);
    }
    // [DELIV-133] It is charged like the commit.
    if !asker.meter.changes(false, joiners.len(), tokio::time::Instant::now()) {
        asker.shared.counters.too_fast();
        return ticket.refuse(Refusal::TooFast);
    }
    let asker = Arc::clone(asker);
    tokio::spawn(async move {
        let lost = LostWelcomes {
            conversation,
            position,
            from: asker.id,
            shared: group_info.into_vec(),
            parts: translate::welcome_parts(joiners),
            now: asker.shared.now(),
        };
        let outcome = asker.shared.store.welcome_again(lost).await;
        let outcome = outcome.map(|()| Answer::Done(Nothing {})).map_err(|error| match error {
            StoreError::UnknownCommit => Refusal::Unknown.into(),
            error => NotDone::from(error),
        });
        asker.settle(ticket, outcome);
    });
}
