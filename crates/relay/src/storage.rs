//! The relay's store and documents (protocol-spec/07-delivery, "Storage"): how they are opened, swept and closed.

use std::{path::Path, sync::Arc, time::Duration};

use amanat_identity::{Authority, RelayKeys, revocation::ENTRIES_MAX};
use amanat_primitives::{Label, Secret, Timestamp, kdf, sign::SigningKey};
use amanat_store::{
    OpenError,
    blobs::{BlobError, BlobLimits, Blobs},
    blocking,
    relay::{Limits, OnPublished, Receipt, ReceiptInput, SignReceipt, Store},
};
use amanat_wire::{
    Encode as _,
    log::{CommitReceipt, ReceiptBody},
};

use crate::{board::Board, config::Config, push::Feed, service::StartError, shared::Shared};

/// Appends that may wait in the store at once. What is above waits in its link's reader, in order.
pub(crate) const APPENDS: usize = 4096;
/// Entries, bodies and items that one step of a sweep removes: some milliseconds of the writer's time.
const SWEEP_BUDGET: usize = 2000;
/// Documents that one sweep removes.
const SWEEP_DOCUMENTS: usize = 200;
/// The last syncs may take so long.
const CLOSE: Duration = Duration::from_secs(4);

/// Opens both below the relay's folder.
pub(crate) async fn open(
    config: &Config,
    dir: &Path,
    keys: &RelayKeys,
    feed: Arc<Feed>,
) -> Result<(Store, Blobs), StartError> {
    let path = dir.join(&config.data);
    let signing = SigningKey::from_seed(&keys.signing().to_seed());
    // [DELIV-59]
    let limits = Limits {
        conversation_bytes: u64::from(config.quotas.conversation_mib) << 20,
        free_floor: u64::from(config.quotas.free_disk_mib) << 20,
        // Room for every append, and for whatever else changes something.
        queue: 2 * APPENDS,
        ..Limits::default()
    };
    let sign: SignReceipt = Box::new(move |input| receipt(input, &signing));
    let publish: OnPublished = Box::new(move |published| feed.publish(published));
    let total = u64::from(config.quotas.documents_gib) << 30;
    let documents = BlobLimits {
        conversation_bytes: total,
        device_bytes: u64::from(config.quotas.device_documents_gib) << 30,
        total_bytes: total,
        free_floor: limits.free_floor,
        ..BlobLimits::default()
    };
    let opened = blocking::run(move || {
        let open = || -> Result<(Store, Blobs), OpenError> {
            // One folder each: either refuses what it does not know.
            let store = Store::open(&path.join("store"), limits, sign, publish)?;
            Ok((store, Blobs::open(&path, documents)?))
        };
        open().map_err(|source| StartError::Store { path: path.clone(), source })
    });
    opened.await.map_err(|_| StartError::Thread)?
}

/// The key under which log entries are sealed: it stays with the relay's other keys, also where the store is lost.
pub(crate) fn seal_key(keys: &RelayKeys) -> Secret<32> {
    kdf::derive(keys.signing().to_seed().expose_secret(), &[], Label::ENTRY_SEAL)
}

// [DELIV-55]
fn receipt(input: &ReceiptInput, key: &SigningKey) -> Receipt {
    let body = ReceiptBody {
        conversation: input.conversation,
        position: input.position,
        commit: input.commit_hash,
        stamp: input.stamp,
        roster: input.roster,
        status_number: input.status_number,
        previous: input.previous_receipt_hash,
    };
    let receipt = CommitReceipt::sign(body, key);
    Receipt { bytes: receipt.to_bytes(), hash: receipt.id() }
}

/// The latest status statement and its revocations, verified again. Without them whoever is revoked would be served:
/// a relay that cannot read them does not start.
// [DELIV-92]
pub(crate) fn restore_status(store: &Store, authority: &Authority, now: Timestamp) -> Result<Board, StartError> {
    let stored = store.latest_status().map_err(|_| StartError::Revocations)?;
    let Some((_, bytes)) = stored else { return Ok(Board::default()) };
    let most = usize::try_from(ENTRIES_MAX).unwrap_or(usize::MAX);
    let revocations = store.revocations(0, most).map_err(|_| StartError::Revocations)?;
    let board = Board::restore(bytes, &revocations, authority, now).map_err(|error| {
        tracing::error!(%error, "the stored status statement and its revocations do not verify");
        StartError::Revocations
    })?;
    if board.latest().is_empty() {
        tracing::warn!("the stored status statement has no valid officer: there is none until one is published");
    }
    Ok(board)
}

/// Removes what no retention class keeps any more, in steps that leave the writer time for others.
pub(crate) async fn sweep(shared: &Arc<Shared>, pause: Duration) {
    loop {
        match shared.store.sweep(shared.now(), SWEEP_BUDGET).await {
            Ok(swept) => {
                tracing::debug!(entries = swept.entries, bodies = swept.bodies, bytes = swept.bytes, "swept");
                if !shared.is_open() {
                    return;
                }
                if !swept.more {
                    break;
                }
            }
            Err(error) => {
                shared.refusal(error);
                return;
            }
        }
        tokio::time::sleep(pause).await;
    }
    let sweeping = Arc::clone(shared);
    let swept = blocking::run(move || sweeping.blobs.sweep(sweeping.now(), SWEEP_DOCUMENTS)).await;
    match swept {
        Ok(Ok(removed)) => tracing::debug!(removed, "documents swept"),
        Ok(Err(BlobError::Fatal)) => shared.fail(),
        Ok(Err(error)) => tracing::error!(%error, "documents cannot be swept"),
        Err(_) => {}
    }
}

/// Syncs and lets go of the folder. Says whether it worked in time.
pub(crate) async fn close(shared: &Arc<Shared>) -> bool {
    let closing = Arc::clone(shared);
    let work = async move {
        let flushed = closing.store.flush().await.is_ok();
        let closed = blocking::run(move || {
            closing.store.close();
            closing.blobs.flush().is_ok()
        });
        flushed && matches!(closed.await, Ok(true))
    };
    tokio::time::timeout(CLOSE, work).await.unwrap_or(false)
}

/// Bytes that may still be written to the disk under `path`.
pub(crate) fn free_bytes(path: &Path) -> std::io::Result<u64> {
    let stats = rustix::fs::statvfs(path)?;
    Ok(stats.f_bavail.saturating_mul(stats.f_frsize))
}
