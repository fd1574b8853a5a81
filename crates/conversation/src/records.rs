//! Records (protocol-spec/05-conversation, section 9): the durable state of one conversation, or of a device's
//! KeyPackages, held in memory while it is worked on.
//!
//! OpenMLS writes up to a dozen records in one operation and knows no transaction; a crash between two of them would
//! tear the group. So everything is loaded into [`Records`], changed there, and taken out as one [`Changes`] that the
//! caller writes in one batch, together with its own rows.

use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

/// What to write in one batch. Keys are relative to the scope (one conversation, or the device's KeyPackages); values
/// hold secrets, may reach a few hundred KiB, and are wiped when dropped.
#[derive(Default)]
pub struct Changes {
    /// Keys with their new values.
    pub puts: Vec<(Vec<u8>, Zeroizing<Vec<u8>>)>,
    /// Keys to delete.
    pub deletes: Vec<Vec<u8>>,
}

impl Changes {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.deletes.is_empty()
    }
}

/// All records of one scope, with what has changed since they were last taken.
#[derive(Default)]
pub struct Records {
    values: BTreeMap<Vec<u8>, Zeroizing<Vec<u8>>>,
    changed: BTreeSet<Vec<u8>>,
    /// How to undo the operation that is under way.
    journal: Option<Vec<Undo>>,
}

struct Undo {
    key: Vec<u8>,
    value: Option<Zeroizing<Vec<u8>>>,
    was_changed: bool,
}

impl Records {
    /// From what is stored.
    pub fn load<V: Into<Vec<u8>>>(records: impl IntoIterator<Item = (Vec<u8>, V)>) -> Self {
        let values = records.into_iter().map(|(key, value)| (key, Zeroizing::new(value.into()))).collect();
        Self { values, ..Self::default() }
    }

    /// Whether there are no records at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Number of bytes of all keys and values.
    #[must_use]
    pub fn size(&self) -> usize {
        self.values.iter().map(|(key, value)| key.len() + value.len()).sum()
    }

    /// Takes what has changed since the last call. Write all of it in one batch; where that fails, drop these records
    /// and load them again.
    pub fn take_changes(&mut self) -> Changes {
        let mut changes = Changes::default();
        for key in std::mem::take(&mut self.changed) {
            match self.values.get(&key) {
                Some(value) => changes.puts.push((key, value.clone())),
                None => changes.deletes.push(key),
            }
        }
        changes
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.values.get(key).map(|value| value.as_slice())
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, value: impl Into<Zeroizing<Vec<u8>>>) {
        let value = value.into();
        if self.values.get(&key) == Some(&value) {
            return;
        }
        let old = self.values.insert(key.clone(), value);
        self.note(key, old);
    }

    pub(crate) fn delete(&mut self, key: &[u8]) {
        if let Some(old) = self.values.remove(key) {
            self.note(key.to_vec(), Some(old));
        }
    }

    /// Keys that begin with `prefix`, in order.
    pub(crate) fn keys(&self, prefix: &[u8]) -> impl Iterator<Item = &[u8]> {
        let all = self.values.range(prefix.to_vec()..).map(|(key, _)| key.as_slice());
        all.take_while(move |key| key.starts_with(prefix)).collect::<Vec<_>>().into_iter()
    }

    /// Deletes everything.
    pub(crate) fn clear(&mut self) {
        for key in self.values.keys().cloned().collect::<Vec<_>>() {
            self.delete(&key);
        }
    }

    fn note(&mut self, key: Vec<u8>, value: Option<Zeroizing<Vec<u8>>>) {
        let was_changed = !self.changed.insert(key.clone());
        if let Some(journal) = &mut self.journal {
            journal.push(Undo { key, value, was_changed });
        }
    }

    /// From here on, changes can be undone.
    pub(crate) fn begin(&mut self) {
        self.journal = Some(Vec::new());
    }

    /// Keeps what was changed since [`begin`](Self::begin).
    pub(crate) fn keep(&mut self) {
        self.journal = None;
    }

    /// Undoes what was changed since [`begin`](Self::begin).
    pub(crate) fn undo(&mut self) {
        for Undo { key, value, was_changed } in self.journal.take().into_iter().flatten().rev() {
            if !was_changed {
                self.changed.remove(&key);
            }
            match value {
                Some(value) => self.values.insert(key, value),
                None => self.values.remove(&key),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(changes: &Changes) -> Vec<(&[u8], &[u8])> {
        changes.puts.iter().map(|(key, value)| (key.as_slice(), value.as_slice())).collect()
    }

    #[test]
    fn changes_are_taken_once_and_only_where_something_changed() {
        let mut records = Records::load([(b"a".to_vec(), vec![1]), (b"b".to_vec(), vec![2])]);
        assert!(records.take_changes().is_empty());
        records.put(b"a".to_vec(), vec![1]);
        assert!(records.take_changes().is_empty(), "the same value again");
        records.put(b"a".to_vec(), vec![3]);
        records.put(b"c".to_vec(), vec![4]);
        records.delete(b"b");
        records.delete(b"never there");
        let changes = records.take_changes();
        assert_eq!(pairs(&changes), [(&b"a"[..], &[3][..]), (b"c", &[4])]);
        assert_eq!(changes.deletes, [b"b"]);
        assert!(records.take_changes().is_empty());
    }

    #[test]
    fn an_undone_operation_leaves_values_and_changes_as_they_were() {
        let mut records = Records::load([(b"a".to_vec(), vec![1]), (b"b".to_vec(), vec![2])]);
        records.put(b"a".to_vec(), vec![5]);
        records.begin();
        records.put(b"a".to_vec(), vec![6]);
        records.put(b"a".to_vec(), vec![7]);
        records.put(b"c".to_vec(), vec![8]);
        records.delete(b"b");
        records.undo();
        assert_eq!((records.get(b"a"), records.get(b"b"), records.get(b"c")), (Some(&[5][..]), Some(&[2][..]), None));
        let changes = records.take_changes();
        assert_eq!(pairs(&changes), [(&b"a"[..], &[5][..])]);
        assert!(changes.deletes.is_empty());
    }

    #[test]
    fn keys_are_found_by_prefix() {
        let records = Records::load([(b"x/1".to_vec(), vec![]), (b"x/2".to_vec(), vec![]), (b"y".to_vec(), vec![])]);
        assert_eq!(records.keys(b"x/").collect::<Vec<_>>(), [b"x/1", b"x/2"]);
    }
}
