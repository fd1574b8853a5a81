//! State (protocol-spec/05-conversation, section 9): our own records of a conversation, beside OpenMLS's.

use amanat_primitives::{DeviceId, Digest, Timestamp};
use amanat_wire::{Decode as _, Encode as _, List, record};

use crate::{
    ConversationError,
    commit::CommitFacts,
    history::{LogTrack, RING, SenderTrack},
    profile::PAST_EPOCHS,
    records::Records,
    storage::{Storage, StorageError},
};

const VERSION: u8 = 1;
const HEAD: &[u8] = b"our-head";
const PENDING: &[u8] = b"our-pending";
const RING_PREFIX: &[u8] = b"our-ring/";
const SENDER_PREFIX: &[u8] = b"our-sender/";
/// Running hashes in one record.
const CHUNK: u64 = 64;

record!(
    /// Where this member stands.
    pub(crate) struct Head {
        version: u8,
        /// This device.
        own: DeviceId,
        /// Log position of the last entry processed.
        position: u64,
        /// Another member has agreed with what the relay said on joining.
        confirmed: bool,
        /// Position of the last commit processed or refused.
        seen_commit: u64,
        /// Position of the last commit accepted.
        accepted_commit: u64,
        /// Time in the last accepted commit.
        committed_at: Timestamp,
        /// Statement-list number in the last accepted commit.
        status_number: u64,
        /// Counter of this device's next content.
        next_counter: u64,
        /// Digest of this device's last content.
        last_content: Digest,
        /// This device's contents that are no receipts.
        lasting: u64,
        /// When the last epochs ended, by the relay's stamps, oldest first.
        ended: List<Timestamp, { PAST_EPOCHS as usize }>,
    }
);

record!(
    /// This device's commit that is not yet found in the log.
    pub(crate) struct Pending {
        /// Hash of its ciphertext.
        hash: Digest,
        /// What its authenticated data says.
        facts: CommitFacts,
    }
);

impl Head {
    pub(crate) fn new(own: DeviceId, position: u64, facts: &CommitFacts) -> Self {
        Self {
            version: VERSION,
            own,
            position,
            confirmed: position == 0,
            seen_commit: position,
            accepted_commit: position,
            committed_at: facts.committed_at,
            status_number: facts.status_number,
            next_counter: 1,
            last_content: Digest::ZERO,
            lasting: 0,
            ended: List::default(),
        }
    }

    /// Notes that an epoch has ended.
    pub(crate) fn note_end(&mut self, stamp: Timestamp) {
        let all = self.ended.iter().copied().chain([stamp]);
        let skip = (self.ended.len() + 1).saturating_sub(PAST_EPOCHS as usize);
        self.ended = List::new(all.skip(skip).collect::<Vec<_>>()).unwrap_or_default();
    }

    /// Forgets epochs that ended before `before`; returns how many are left where there were more.
    pub(crate) fn forget_ends(&mut self, before: Timestamp) -> Option<usize> {
        let left: Vec<_> = self.ended.iter().copied().filter(|ended| *ended >= before).collect();
        let count = left.len();
        if count == self.ended.len() {
            return None;
        }
        self.ended = List::new(left).unwrap_or_default();
        Some(count)
    }

    pub(crate) fn load(records: &Records) -> Result<Option<Self>, ConversationError> {
        let head = read::<Self>(records, HEAD)?;
        match &head {
            Some(head) if head.version != VERSION => Err(DAMAGED),
            _ => Ok(head),
        }
    }

    pub(crate) fn store(&self, records: &mut Records) {
        records.put(HEAD.to_vec(), self.to_bytes());
    }
}

const DAMAGED: ConversationError = ConversationError::Storage(StorageError::Record);

pub(crate) fn read<T: amanat_wire::Decode>(records: &Records, key: &[u8]) -> Result<Option<T>, ConversationError> {
    records.get(key).map(T::from_bytes).transpose().map_err(|_| DAMAGED)
}

pub(crate) fn key(prefix: &[u8], name: &[u8]) -> Vec<u8> {
    [prefix, name].concat()
}

pub(crate) fn pending(records: &Records) -> Result<Option<Pending>, ConversationError> {
    read(records, PENDING)
}
pub(crate) fn put_pending(storage: &Storage<'_>, pending: &Pending) -> Result<(), StorageError> {
    storage.put(PENDING.to_vec(), pending.to_bytes())
}
pub(crate) fn delete_pending(storage: &Storage<'_>) -> Result<(), StorageError> {
    storage.delete(PENDING)
}

/// Writes what [`LogTrack::advance`] or a new track changed: the chunk of the last position, and no more than
/// [`RING`] positions.
pub(crate) fn store_log(records: &mut Records, log: &LogTrack) {
    let first = log.position + 1 - log.ring.len() as u64;
    let from = first.max(log.position / CHUNK * CHUNK);
    let chunk: Vec<Digest> = log.ring.iter().skip((from - first) as usize).copied().collect();
    let mut value = from.to_bytes();
    // A chunk is never longer than its limit, since it begins at a multiple of it.
    if let Ok(chunk) = List::<Digest, { CHUNK as usize }>::new(chunk) {
        value.extend(chunk.to_bytes());
    }
    records.put(key(RING_PREFIX, &(from / CHUNK).to_be_bytes()), value);
    if let Some(old) = (first / CHUNK).checked_sub(1) {
        records.delete(&key(RING_PREFIX, &old.to_be_bytes()));
    }
}

/// Forgets all positions; the next [`store_log`] begins anew.
pub(crate) fn clear_log(records: &mut Records) {
    for key in records.keys(RING_PREFIX).map(<[u8]>::to_vec).collect::<Vec<_>>() {
        records.delete(&key);
    }
}

pub(crate) fn load_log(records: &Records, head: &Head) -> Result<LogTrack, ConversationError> {
    let mut ring = std::collections::VecDeque::new();
    let mut next = None;
    for key in records.keys(RING_PREFIX) {
        let value = records.get(key).ok_or(DAMAGED)?;
        let (from, list) = value.split_at_checked(8).ok_or(DAMAGED)?;
        let from = u64::from_bytes(from).map_err(|_| DAMAGED)?;
        let chunk = List::<Digest, { CHUNK as usize }>::from_bytes(list).map_err(|_| DAMAGED)?;
        if next.is_some_and(|next| next != from) {
            return Err(DAMAGED);
        }
        next = Some(from + chunk.len() as u64);
        ring.extend(chunk);
    }
    if ring.is_empty() || next != Some(head.position + 1) {
        return Err(DAMAGED);
    }
    while ring.len() > RING {
        ring.pop_front();
    }
    Ok(LogTrack { position: head.position, confirmed: head.confirmed, ring })
}

pub(crate) fn sender(records: &Records, device: &DeviceId) -> Result<SenderTrack, ConversationError> {
    let track = read(records, &key(SENDER_PREFIX, device.as_bytes()))?;
    Ok(track.unwrap_or_else(SenderTrack::from_start))
}
pub(crate) fn put_sender(records: &mut Records, device: &DeviceId, track: &SenderTrack) {
    records.put(key(SENDER_PREFIX, device.as_bytes()), track.to_bytes());
}

/// Whatever comes next of a sender may come behind entries that had expired.
pub(crate) fn all_gone(records: &mut Records, told: bool) -> Result<(), ConversationError> {
    let keys: Vec<Vec<u8>> = records.keys(SENDER_PREFIX).map(<[u8]>::to_vec).collect();
    for key in keys {
        let Some(mut track) = read::<SenderTrack>(records, &key)? else { continue };
        track.all_gone(told);
        records.put(key, track.to_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> CommitFacts {
        CommitFacts::new(Timestamp::from_secs(1), 0, [], []).unwrap()
    }

    // The ring is the same after any number of steps, read back from the records of each step.
    #[test]
    fn the_log_survives_a_reload_at_every_position() {
        for start in [0, 1, 63, 64, 200] {
            let mut records = Records::default();
            let mut log = if start == 0 { LogTrack::from_start() } else { LogTrack::joined(start, Digest::ZERO) };
            let mut head = Head::new(DeviceId::from_bytes([1; 32]), start, &facts());
            store_log(&mut records, &log);
            for step in 1..=(RING as u64 + 300) {
                log.advance_to(start + step, amanat_wire::log::ciphertext_hash(&step.to_be_bytes())).unwrap();
                store_log(&mut records, &log);
                head.position = log.position();
                if step % 97 == 0 || step < 70 {
                    let read = load_log(&records, &head).unwrap();
                    // Up to a chunk more than the ring stands in the records.
                    assert_eq!(read, log, "start {start}, step {step}");
                }
            }
            assert!(records.keys(RING_PREFIX).count() <= RING / CHUNK as usize + 2);
            head.position += 1;
            assert!(load_log(&records, &head).is_err());
        }
    }
}
