//! Entries that came before their turn (protocol-spec/07-delivery, section 12): held until what is missing before them is
//! there.

use std::collections::BTreeMap;

use amanat_primitives::Digest;
use amanat_wire::{
    limits,
    log::{Entry, UnitKind},
};

/// Entries of one log that came before their turn, bounded in number and bytes.
#[derive(Default)]
pub(crate) struct Ahead {
    entries: BTreeMap<u64, Entry>,
    bytes: usize,
}

/// Bytes of pushed entries that one conversation may hold; what is beyond is read from the log when its turn comes.
const AHEAD_BYTES: usize = 4 * 1024 * 1024;

impl Ahead {
    /// Holds an entry. One's own, whose answer is awaited, is always held.
    pub(crate) fn insert(&mut self, entry: Entry) {
        self.bytes += entry.body.len();
        if let Some(before) = self.entries.insert(entry.position, entry) {
            self.bytes -= before.body.len();
        }
    }

    /// Lets the last ones go while there are too many.
    pub(crate) fn trim(&mut self) {
        while self.entries.len() > limits::ENTRIES || self.bytes > AHEAD_BYTES {
            match self.entries.pop_last() {
                Some((_, entry)) => self.bytes -= entry.body.len(),
                None => return,
            }
        }
    }

    /// Takes the entry at a position.
    pub(crate) fn take(&mut self, position: u64) -> Option<Entry> {
        self.entries.remove(&position).inspect(|entry| self.bytes -= entry.body.len())
    }

    /// Whether it holds the entry at a position.
    pub(crate) fn holds(&self, position: u64) -> bool {
        self.entries.contains_key(&position)
    }

    /// Keeps those that `keep` says.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        self.entries.retain(|_, entry| keep(entry));
        self.bytes = self.entries.values().map(|entry| entry.body.len()).sum();
    }

    /// Holds none any more.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether it holds the commit of this ciphertext.
    pub(crate) fn holds_commit(&self, ciphertext: &Digest) -> bool {
        let mut commits = self.entries.values().filter(|entry| entry.kind != UnitKind::Message);
        commits.any(|entry| entry.ciphertext_hash() == *ciphertext)
    }

    /// Bytes of all that it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it holds none.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use amanat_primitives::{DeviceId, Timestamp, UnitId};
    use amanat_wire::{
        Bytes,
        log::{RetentionClass, ciphertext_hash},
    };

    use super::*;

    fn entry(position: u64, kind: UnitKind, body: &[u8]) -> Entry {
        Entry {
            position,
            kind,
            stamp: Timestamp::default(),
            sender: DeviceId::from_bytes([1; 32]),
            unit: UnitId::from_bytes([2; 16]),
            seen_commit: 0,
            accepted_commit: 0,
            class: RetentionClass::Day,
            body: Bytes::new(body.to_vec()).unwrap(),
            receipt: Bytes::default(),
            seal: Digest::ZERO,
            gone: None,
        }
    }

    #[test]
    fn a_commit_that_was_answered_is_told_from_what_else_is_held() {
        let mut ahead = Ahead::default();
        let hash = ciphertext_hash(b"commit");
        assert!(!ahead.holds_commit(&hash));
        ahead.insert(entry(5, UnitKind::Message, b"commit"));
        ahead.insert(entry(6, UnitKind::Commit, b"another"));
        assert!(!ahead.holds_commit(&hash), "a message, and somebody else's commit");
        ahead.insert(entry(7, UnitKind::Commit, b"commit"));
        assert!(ahead.holds_commit(&hash) && ahead.bytes() == 6 + 7 + 6);
        assert!(ahead.take(7).is_some() && !ahead.holds_commit(&hash));
    }
}
