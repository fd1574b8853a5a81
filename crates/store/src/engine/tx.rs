//! One batch in the making (protocol-spec/07-delivery, section 10): what it reads includes what it has written.

use std::collections::HashMap;

use super::Engine;
use crate::error::Fault;

/// What may be stored under a key that is written, so that the parts of a split value are removed with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Old {
    /// Nothing, or a value in one piece.
    Whole,
    /// Anything.
    Any,
}

/// A change of one key.
#[derive(Clone)]
pub(crate) struct Change {
    /// The new value; none removes it.
    pub(crate) value: Option<Vec<u8>>,
    /// What it replaces.
    pub(crate) old: Old,
}

/// A batch that is being put together by the writer.
pub(crate) struct Tx<'e> {
    engine: &'e Engine,
    pub(crate) changes: HashMap<Vec<u8>, Change>,
    /// Earlier values of the keys that readers must not see before the batch is durable.
    pub(crate) earlier: HashMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
    /// What the current job has replaced, so that it can be taken back.
    journal: Vec<(Vec<u8>, Option<Change>)>,
}

impl<'e> Tx<'e> {
    pub(crate) fn new(engine: &'e Engine) -> Self {
        Self { engine, changes: HashMap::new(), earlier: HashMap::new(), bytes: 0, journal: Vec::new() }
    }

    /// For scans, which see what is stored, not what the batch changes.
    pub(crate) fn engine(&self) -> &'e Engine {
        self.engine
    }

    /// The value as the batch leaves it.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        match self.changes.get(key) {
            Some(change) => Ok(change.value.clone()),
            None => self.engine.get(key),
        }
    }

    /// Stores a value.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>, old: Old) {
        self.change(key, Some(value), old);
    }

    /// Removes a value.
    pub(crate) fn delete(&mut self, key: Vec<u8>, old: Old) {
        self.change(key, None, old);
    }

    /// Stores a value that [`Engine::published`] shows only once the batch is durable.
    pub(crate) fn put_guarded(&mut self, key: Vec<u8>, value: Vec<u8>, old: Old) -> Result<(), Fault> {
        // [DELIV-02]
        if !self.earlier.contains_key(&key) {
            let earlier = self.engine.get(&key)?;
            self.earlier.insert(key.clone(), earlier);
        }
        self.put(key, value, old);
        Ok(())
    }

    /// Size so far, by which the writer ends a batch.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Begins a job: what it changes can be taken back with [`undo`](Self::undo) until the next one begins.
    pub(crate) fn begin(&mut self) {
        self.journal.clear();
    }

    /// Takes back what was changed since [`begin`](Self::begin): a job is carried out whole or not at all.
    pub(crate) fn undo(&mut self) {
        for (key, change) in std::mem::take(&mut self.journal).into_iter().rev() {
            match change {
                Some(change) => drop(self.changes.insert(key, change)),
                None => drop(self.changes.remove(&key)),
            }
        }
    }

    fn change(&mut self, key: Vec<u8>, value: Option<Vec<u8>>, old: Old) {
        self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        match self.changes.entry(key) {
            // The first change knows what the disk holds; later ones only replace what it would have written.
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                let change = Change { value, old: entry.get().old };
                self.journal.push((entry.key().clone(), Some(entry.insert(change))));
            }
            std::collections::hash_map::Entry::Vacant(entry) => {
                self.journal.push((entry.key().clone(), None));
                entry.insert(Change { value, old });
            }
        }
    }
}
