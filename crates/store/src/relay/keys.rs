//! Keys of the relay's one tree (protocol-spec/07-delivery, section 10): a letter, then fixed-width fields, so that the
//! order of keys is the order of logs and queues.

use amanat_primitives::{ConversationId, DeviceId, Digest, StatementId};

use crate::layout::Writer;

/// The store's incarnation.
pub(crate) const INCARNATION: &[u8] = b"mincarnation";
/// In a restored store: when its first device linked, 0 before.
pub(crate) const SETTLING: &[u8] = b"msettling";
/// The latest status statement: number, bytes.
pub(crate) const STATUS: &[u8] = b"mstatus";

pub(crate) const HEAD: u8 = b'h';
pub(crate) const DEVICE: u8 = b'D';

/// A log's [`Head`](super::record::Head).
pub(crate) fn head(conversation: &ConversationId) -> Vec<u8> {
    of_conversation(HEAD, conversation).finish()
}

/// A log's [`Commits`](super::commits::Commits).
pub(crate) fn commits(conversation: &ConversationId) -> Vec<u8> {
    of_conversation(b'c', conversation).finish()
}

/// The roster that first stood at a commit.
pub(crate) fn roster(conversation: &ConversationId, position: u64) -> Vec<u8> {
    of_conversation(b'r', conversation).u64(position).finish()
}

/// An entry.
pub(crate) fn entry(conversation: &ConversationId, position: u64) -> Vec<u8> {
    of_conversation(b'e', conversation).u64(position).finish()
}

/// All entries of a log.
pub(crate) fn entries(conversation: &ConversationId) -> Vec<u8> {
    of_conversation(b'e', conversation).finish()
}

/// The position in a key of [`entry`].
pub(crate) fn read_entry(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(17..)?.try_into().ok()?))
}

/// Ids of a log's units, a chunk of positions at a time: chunk `n` ends at position `n * CHUNK`.
pub(crate) fn units(conversation: &ConversationId, chunk: u64) -> Vec<u8> {
    of_conversation(b'u', conversation).u64(chunk).finish()
}

/// A device's cursor in a conversation.
pub(crate) fn cursor(device: &DeviceId, conversation: &ConversationId) -> Vec<u8> {
    of_device(b'd', device).raw(conversation.as_bytes()).finish()
}

/// All cursors of a device.
pub(crate) fn cursors(device: &DeviceId) -> Vec<u8> {
    of_device(b'd', device).finish()
}

/// Devices that left a conversation and have not read all up to their departure.
pub(crate) fn leaving(conversation: &ConversationId) -> Vec<u8> {
    of_conversation(b'w', conversation).finish()
}

/// Says that a device founded a conversation, in which it still is.
pub(crate) fn founded(device: &DeviceId, conversation: &ConversationId) -> Vec<u8> {
    of_device(b'f', device).raw(conversation.as_bytes()).finish()
}

/// How many direct items from one device wait for another.
pub(crate) fn waiting(device: &DeviceId, from: &DeviceId) -> Vec<u8> {
    of_device(b'a', device).raw(from.as_bytes()).finish()
}

/// A device's [`DeviceState`](super::record::DeviceState).
pub(crate) fn device(device: &DeviceId) -> Vec<u8> {
    of_device(DEVICE, device).finish()
}

/// An item of a device's direct queue.
pub(crate) fn direct(device: &DeviceId, number: u64) -> Vec<u8> {
    of_device(b'q', device).u64(number).finish()
}

/// All items of a device's direct queue.
pub(crate) fn directs(device: &DeviceId) -> Vec<u8> {
    of_device(b'q', device).finish()
}

/// Whether a key is that of a KeyPackage.
pub(crate) fn is_key_package(key: &[u8]) -> bool {
    matches!(key.first(), Some(b'k' | b'l'))
}

/// A one-time KeyPackage.
pub(crate) fn key_package(device: &DeviceId, number: u64) -> Vec<u8> {
    of_device(b'k', device).u64(number).finish()
}

/// The last-resort KeyPackage.
pub(crate) fn last_resort(device: &DeviceId) -> Vec<u8> {
    of_device(b'l', device).finish()
}

/// Bytes that are kept once and counted, by their hash.
pub(crate) fn counted(hash: &Digest) -> Vec<u8> {
    Writer::with_capacity(33).u8(b'b').raw(hash.as_bytes()).finish()
}

/// A redeemed grant.
pub(crate) fn grant(grant: &StatementId) -> Vec<u8> {
    Writer::with_capacity(33).u8(b'g').raw(grant.as_bytes()).finish()
}

/// A device's chain.
pub(crate) fn listed(device: &DeviceId) -> Vec<u8> {
    of_device(b'n', device).finish()
}

/// The directory's index. Handles contain no zero byte.
pub(crate) fn index(handle: &str, device: &DeviceId) -> Vec<u8> {
    Writer::with_capacity(handle.len() + 34).u8(b'i').raw(handle.as_bytes()).u8(0).raw(device.as_bytes()).finish()
}

/// All devices of a handle.
pub(crate) fn index_of(handle: &str) -> Vec<u8> {
    Writer::with_capacity(handle.len() + 2).u8(b'i').raw(handle.as_bytes()).u8(0).finish()
}

/// Comes after all devices of a handle, and before those of the next.
pub(crate) fn index_after(handle: &str) -> Vec<u8> {
    Writer::with_capacity(handle.len() + 2).u8(b'i').raw(handle.as_bytes()).u8(1).finish()
}

/// The whole index.
pub(crate) const INDEX: &[u8] = b"i";

/// Handle and device of an index key.
pub(crate) fn read_index(key: &[u8]) -> Option<(&str, DeviceId)> {
    let (handle, device) = key.get(1..)?.split_at_checked(key.len().checked_sub(1 + 33)?)?;
    let device: [u8; 32] = device.strip_prefix(&[0])?.try_into().ok()?;
    Some((std::str::from_utf8(handle).ok()?, DeviceId::from_bytes(device)))
}

/// An entry of the list of revocations, by how many stand before it.
pub(crate) fn revocation(place: u32) -> Vec<u8> {
    Writer::with_capacity(5).u8(b'v').raw(&place.to_be_bytes()).finish()
}

/// A statement of some kind.
pub(crate) fn statement(kind: u8, key: &[u8]) -> Vec<u8> {
    Writer::with_capacity(key.len() + 2).u8(b's').u8(kind).raw(key).finish()
}

/// The conversation in a key of [`head`].
pub(crate) fn read_head(key: &[u8]) -> Option<ConversationId> {
    Some(ConversationId::from_bytes(key.get(1..)?.try_into().ok()?))
}

/// The device in a key of [`device`].
pub(crate) fn read_device(key: &[u8]) -> Option<DeviceId> {
    Some(DeviceId::from_bytes(key.get(1..)?.try_into().ok()?))
}

/// The conversation in a key of [`cursor`].
pub(crate) fn read_cursor(key: &[u8]) -> Option<ConversationId> {
    Some(ConversationId::from_bytes(key.get(33..)?.try_into().ok()?))
}

fn of_conversation(space: u8, conversation: &ConversationId) -> Writer {
    Writer::with_capacity(33).u8(space).raw(conversation.as_bytes())
}

fn of_device(space: u8, device: &DeviceId) -> Writer {
    Writer::with_capacity(49).u8(space).raw(device.as_bytes())
}
