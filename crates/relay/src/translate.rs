//! Between the wire and the store (protocol-spec/02-wire and 07-delivery, "Storage"): the same things in two shapes. The
//! store knows nothing of the wire's direct items and the wire nothing of the store's bookkeeping.

use amanat_primitives::{DeviceId, Timestamp};
use amanat_store::relay::{self as store, Body, DirectKind, DirectPart, Origin};
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List, TooLong,
    client::Nothing,
    limits,
    log::{Entry, Unit},
    relay::{Appended, Direct, DirectItem, Entries, GrantReused, LogState, WelcomePart},
};

/// A joiner's part of a Welcome: body is its `EncryptedGroupSecrets`, shared is the encrypted GroupInfo.
const WELCOME: DirectKind = DirectKind(1);
/// The last-resort KeyPackage was used; no body.
pub(crate) const LAST_RESORT_USED: DirectKind = DirectKind(2);
/// A [`GrantReused`].
pub(crate) const GRANT_REUSED: DirectKind = DirectKind(3);

/// Something stored that does not fit the wire. (Our fault: it was checked when it came.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stored value does not fit the wire")]
pub(crate) struct Unfit;

impl From<TooLong> for Unfit {
    fn from(_: TooLong) -> Self {
        Self
    }
}

/// A request to append, for the store.
pub(crate) fn unit(unit: Unit, author: DeviceId, now: Timestamp) -> store::Unit {
    let joiners = unit.joiners.into_vec();
    let group_info = unit.group_info.into_vec();
    store::Unit {
        id: unit.id,
        conversation: unit.conversation,
        author,
        kind: unit.kind,
        class: unit.class,
        seen_commit: unit.seen_commit,
        accepted_commit: unit.accepted_commit,
        body: unit.body.into_vec(),
        roster_add: unit.roster_add.into_vec(),
        roster_remove: unit.roster_remove.into_vec(),
        shared: (!group_info.is_empty()).then_some(group_info),
        direct: joiners
            .into_iter()
            .map(|joiner| DirectPart {
                device: joiner.device,
                kind: WELCOME,
                body: joiner.group_secrets.into_vec(),
                with_shared: true,
            })
            .collect(),
        now,
    }
}

/// The answer to an append.
pub(crate) fn appended(appended: store::Appended) -> Result<Appended, Unfit> {
    let receipt = Bytes::new(appended.receipt.unwrap_or_default())?;
    Ok(Appended { position: appended.position, stamp: appended.stamp, running: appended.running, receipt })
}

/// An entry as members read it.
pub(crate) fn entry(entry: store::Entry) -> Result<Entry, Unfit> {
    // [WIRE-09]
    let (body, gone) = match entry.body {
        Body::Kept(bytes) => (Bytes::new(bytes)?, None),
        Body::Expired(hash) => (Bytes::default(), Some(hash)),
    };
    Ok(Entry {
        position: entry.position,
        kind: entry.kind,
        stamp: entry.stamp,
        sender: entry.author,
        unit: entry.unit,
        seen_commit: entry.seen_commit,
        accepted_commit: entry.accepted_commit,
        body,
        gone,
        receipt: Bytes::new(entry.receipt.unwrap_or_default())?,
    })
}

/// Bytes of an encoded entry besides body and receipt.
const ENTRY_FRAME: usize = 160;

/// Part of a log, shortened to what one message holds.
// [WIRE-08]
pub(crate) fn entries(read: store::Entries) -> Result<Entries, Unfit> {
    let mut room = limits::MESSAGE - 4096;
    let mut kept = Vec::with_capacity(read.entries.len().min(limits::ENTRIES));
    for item in read.entries.into_iter().take(limits::ENTRIES) {
        let item = entry(item)?;
        let size = item.body.len() + item.receipt.len() + ENTRY_FRAME;
        let Some(rest) = room.checked_sub(size) else { break };
        room = rest;
        kept.push(item);
    }
    Ok(Entries {
        entries: List::new(kept)?,
        running_before: read.running_before,
        head: read.head,
        first_kept: read.first_kept,
    })
}

/// Where a log stands.
pub(crate) fn log_state(state: store::LogState) -> LogState {
    LogState { conversation: state.conversation, cursor: state.cursor, head: state.head, first_kept: state.first_kept }
}

/// A direct item as its device reads it.
pub(crate) fn direct(item: &store::DirectItem) -> Result<DirectItem, Unfit> {
    let body = match item.kind {
        WELCOME => {
            let Origin { conversation, position, running, author, receipt } = item.origin.clone().ok_or(Unfit)?;
            Direct::Welcome(WelcomePart {
                conversation,
                position,
                running,
                sender: author,
                receipt: Bytes::new(receipt.unwrap_or_default())?,
                group_info: Bytes::new(item.shared.as_deref().cloned().unwrap_or_default())?,
                group_secrets: Bytes::new(item.body.clone())?,
            })
        }
        LAST_RESORT_USED => Direct::LastResortUsed(Nothing {}),
        GRANT_REUSED => Direct::GrantReused(GrantReused::from_bytes(&item.body).map_err(|_| Unfit)?),
        DirectKind(_) => return Err(Unfit),
    };
    Ok(DirectItem { number: item.number, body })
}

/// The body of a [`GRANT_REUSED`] item.
pub(crate) fn grant_reused(device: DeviceId, at: Timestamp) -> Vec<u8> {
    GrantReused { device, at }.to_bytes()
}

/// Bytes that a direct item takes on the wire, at most.
pub(crate) fn direct_size(item: &DirectItem) -> usize {
    let body = match &item.body {
        Direct::Welcome(part) => part.group_info.len() + part.group_secrets.len() + part.receipt.len(),
        Direct::LastResortUsed(_) | Direct::GrantReused(_) => 0,
    };
    body + 256
}
