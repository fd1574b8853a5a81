//! Between the wire and the store (protocol-spec/02-wire and 07-delivery, "Storage"): the same things in two shapes. The
//! store knows nothing of the wire's direct items and the wire nothing of the store's bookkeeping.

use amanat_primitives::{ConversationId, DeviceId, Digest, Secret, Timestamp};
use amanat_store::relay::{self as store, Body, DirectKind, DirectPart, Origin};
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List, TooLong,
    client::Nothing,
    limits,
    log::{Entry, Joiner, RetentionClass, Unit, UnitKind},
    relay::{Appended, Direct, DirectItem, Entries, FurtherDevice, GrantReused, LogState, WelcomePart},
    resupply::seal,
};

/// A joiner's part of a Welcome: body is its `EncryptedGroupSecrets`, shared is the encrypted GroupInfo.
const WELCOME: DirectKind = DirectKind(1);
/// The last-resort KeyPackage was used; no body.
pub(crate) const LAST_RESORT_USED: DirectKind = DirectKind(2);
/// A [`GrantReused`].
pub(crate) const GRANT_REUSED: DirectKind = DirectKind(3);

/// A [`FurtherDevice`].
pub(crate) const FURTHER_DEVICE: DirectKind = DirectKind(25);

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
    let joiners = unit.joiners;
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
        direct: welcome_parts(joiners),
        now,
    }
}

/// Joiners' parts of a Welcome, for the store.
pub(crate) fn welcome_parts(joiners: List<Joiner, { limits::ADDS }>) -> Vec<DirectPart> {
    let part = |joiner: Joiner| DirectPart {
        device: joiner.device,
        kind: WELCOME,
        body: joiner.group_secrets.into_vec(),
        with_shared: true,
    };
    joiners.into_iter().map(part).collect()
}

/// An entry that comes back, for the store; its stamp is the clock then.
pub(crate) fn held(
    conversation: ConversationId,
    entry: Entry,
    roster_add: List<DeviceId, { limits::ADDS }>,
    roster_remove: List<DeviceId, { limits::REMOVES }>,
) -> store::Unit {
    store::Unit {
        id: entry.unit,
        conversation,
        author: entry.sender,
        kind: entry.kind,
        class: entry.class,
        seen_commit: entry.seen_commit,
        accepted_commit: entry.accepted_commit,
        body: entry.body.into_vec(),
        roster_add: roster_add.into_vec(),
        roster_remove: roster_remove.into_vec(),
        shared: None,
        direct: Vec::new(),
        now: entry.stamp,
    }
}

/// What a unit becomes, as far as its seal is over it: without body, place and stamp.
pub(crate) fn without_body(unit: &Unit, author: DeviceId) -> (ConversationId, Entry) {
    let entry = Entry {
        position: 0,
        kind: unit.kind,
        stamp: Timestamp::from_millis(0),
        sender: author,
        unit: unit.id,
        seen_commit: unit.seen_commit,
        accepted_commit: unit.accepted_commit,
        body: Bytes::default(),
        gone: None,
        receipt: Bytes::default(),
        class: if unit.kind == UnitKind::Message { unit.class } else { RetentionClass::Month },
        seal: Digest::ZERO,
    };
    (unit.conversation, entry)
}

/// The answer to an append of what becomes `entry`.
pub(crate) fn appended(
    appended: store::Appended,
    (conversation, entry): (ConversationId, Entry),
    key: &Secret<32>,
) -> Result<Appended, Unfit> {
    let store::Appended { position, stamp, running, receipt } = appended;
    let receipt = Bytes::new(receipt.unwrap_or_default())?;
    let seal = seal(key, conversation, &Entry { position, stamp, ..entry }, running);
    Ok(Appended { position, stamp, running, receipt, seal })
}

/// An entry as members read it.
pub(crate) fn entry(conversation: ConversationId, entry: store::Entry, key: &Secret<32>) -> Result<Entry, Unfit> {
    // [WIRE-09]
    let (body, gone) = match entry.body {
        Body::Kept(bytes) => (Bytes::new(bytes)?, None),
        Body::Expired(hash) => (Bytes::default(), Some(hash)),
    };
    let running = entry.running;
    let mut entry = Entry {
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
        class: entry.class,
        seal: Digest::ZERO,
    };
    entry.seal = seal(key, conversation, &entry, running);
    Ok(entry)
}

/// Bytes of an encoded entry besides body and receipt.
const ENTRY_FRAME: usize = 192;

/// Part of a log, shortened to what one message holds.
// [WIRE-08]
pub(crate) fn entries(conversation: ConversationId, read: store::Entries, key: &Secret<32>) -> Result<Entries, Unfit> {
    let mut room = limits::MESSAGE - 4096;
    let mut kept = Vec::with_capacity(read.entries.len().min(limits::ENTRIES));
    for item in read.entries.into_iter().take(limits::ENTRIES) {
        let item = entry(conversation, item, key)?;
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
        FURTHER_DEVICE => Direct::FurtherDevice(FurtherDevice::from_bytes(&item.body).map_err(|_| Unfit)?),
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
        Direct::LastResortUsed(_) | Direct::GrantReused(_) | Direct::FurtherDevice(_) => 0,
    };
    body + 256
}
