//! One batch in the making (protocol-spec/07-delivery, section 10): what it reads includes what it has written.

use std::collections::HashMap;

use super::Engine;
use crate::error::Fault;

/// What a batch does to a key: its new value; none removes what is stored.
type Value = Option<Vec<u8>>;

/// What a batch does, by key.
pub(crate) type Changes = HashMap<Vec<u8>, Value>;

/// A batch that is being put together by the writer.
pub(crate) struct Tx<'e> {
    engine: &'e Engine,
    pub(crate) changes: Changes,
    /// Earlier values of the keys that readers must not see before the batch is durable.
    pub(crate) earlier: HashMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
    /// What the current job has replaced, so that it can be taken back: none where the batch left the key alone.
    journal: Vec<(Vec<u8>, Option<Value>)>,
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
            Some(value) => Ok(value.clone()),
            None => self.engine.get(key),
        }
    }

    /// Stores a value.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.change(key, Some(value));
    }

    /// Removes a value.
    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.change(key, None);
    }

    /// Stores a value that [`Engine::published`] shows only once the batch is durable.
    pub(crate) fn put_guarded(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), Fault> {
        // [DELIV-02]
        if !self.earlier.contains_key(&key) {
            let earlier = self.engine.get(&key)?;
            self.earlier.insert(key.clone(), earlier);
        }
        self.put(key, value);
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
    ///
    /// Two things stay. `bytes` counts too much then, which only ends the batch sooner. `earlier` holds more keys, each with
    /// what is on disk before the batch: that is what readers are to be shown, whether the batch changes the key or not.
    pub(crate) fn undo(&mut self) {
        for (key, before) in std::mem::take(&mut self.journal).into_iter().rev() {
            match before {
                Some(value) => drop(self.changes.insert(key, value)),
                None => drop(self.changes.remove(&key)),
            }
        }
    }

    fn change(&mut self, key: Vec<u8>, value: Value) {
        self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        let before = self.changes.insert(key.clone(), value);
        self.journal.push((key, before));
    }
}
