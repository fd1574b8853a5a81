//! A small durable key-value table (protocol-spec/07-delivery, section 10): the client's vault stands on it.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use amanat_store::table::{Batch, Options, Table};
//!
//! let table = Table::open("vault".as_ref(), &Options::new("vault", 1))?;
//! table.commit(Batch::new().put(b"key", b"value"))?; // returns when it would survive a power cut
//! assert_eq!(table.get(b"key")?.as_deref(), Some(&b"value"[..]));
//! table.close();
//! # Ok(()) }
//! ```
//!
//! A batch is one atomic change. Many callers may commit at once: they share syncs. [`Table::get`] and the scans may
//! see a batch in the moments before it is durable; whoever tells others of what it read waits for `commit` to return.

#[cfg(feature = "test-util")]
pub mod faults;

use std::{ops::ControlFlow, path::Path, sync::Arc};

use crate::{
    Health, KeyValue, OpenError, Stats,
    engine::{
        CHECKED_FIRST, Engine, PATIENCE, Settings,
        folder::Format,
        group::{Group, Reply, Worker},
        tx::Tx,
        value::{MAX_KEY, MAX_VALUE},
    },
    error::Fault,
};

/// Longest key, in bytes.
pub const KEY_LIMIT: usize = MAX_KEY - 1;
/// Longest value, in bytes. Above 4,500 it is kept in parts; that makes no difference to the caller.
pub const VALUE_LIMIT: usize = MAX_VALUE;

/// Keys of the table's values all begin with this byte: the engine keeps the lower ones to itself.
const SPACE: u8 = b'v';

/// How to open a table.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What the table holds: one word, checked on opening.
    pub kind: &'static str,
    /// Format of the contents, from 1; a newer one found on opening is refused, an older one becomes this one.
    pub version: u32,
    /// Make the table if there is none. True unless set.
    pub create: bool,
    /// Memory for cached pages, in bytes.
    pub cache_bytes: u64,
    /// Refuse to grow when the disk has fewer free bytes than this.
    pub free_floor: u64,
    /// How many commits may wait at once; further callers wait for room.
    pub queue: usize,
}

impl Options {
    /// For a table that holds `kind`, in format `version`.
    #[must_use]
    pub const fn new(kind: &'static str, version: u32) -> Self {
        Self { kind, version, create: true, cache_bytes: 32 << 20, free_floor: 32 << 20, queue: 1024 }
    }
}

/// Why the table refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// No space. Nothing has changed, or, if [`Table::health`] says [`Health::Full`], the batch may be there once the
    /// table is opened again.
    #[error("the disk is full")]
    Full,
    /// The stored value does not match its checksum.
    #[error("a stored value is damaged")]
    Damaged,
    /// A key or value is longer than its limit.
    #[error("a key or value is too long")]
    TooLong,
    /// A sync or the engine failed. Stop the process: what was not acknowledged may or may not be there afterwards.
    #[error("the store has failed")]
    Fatal,
    /// The table was closed.
    #[error("the store was closed")]
    Closed,
}

impl From<Fault> for TableError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Full => Self::Full,
            Fault::Damaged => Self::Damaged,
            Fault::Fatal => Self::Fatal,
            Fault::Closed => Self::Closed,
        }
    }
}

/// Changes that are made together or not at all. A later change of a key replaces an earlier one.
#[derive(Default, Clone)]
pub struct Batch {
    changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores a value.
    #[must_use]
    pub fn put(mut self, key: &[u8], value: &[u8]) -> Self {
        self.add_put(key, value.to_vec());
        self
    }

    /// Removes a value.
    #[must_use]
    pub fn delete(mut self, key: &[u8]) -> Self {
        self.add_delete(key);
        self
    }

    /// [`put`](Self::put) for loops.
    pub fn add_put(&mut self, key: &[u8], value: Vec<u8>) {
        self.changes.push((own_key(key), Some(value)));
    }

    /// [`delete`](Self::delete) for loops.
    pub fn add_delete(&mut self, key: &[u8]) {
        self.changes.push((own_key(key), None));
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    fn check(&self) -> Result<(), TableError> {
        let fits = self
            .changes
            .iter()
            .all(|(key, value)| key.len() <= MAX_KEY && value.as_ref().is_none_or(|value| value.len() <= VALUE_LIMIT));
        if fits { Ok(()) } else { Err(TableError::TooLong) }
    }

    fn grows(&self) -> bool {
        self.changes.iter().any(|(_, value)| value.is_some())
    }
}

/// An open table: one handle, shared by reference or `Arc`.
pub struct Table {
    engine: Arc<Engine>,
    group: Group<Job>,
    #[cfg(feature = "test-util")]
    dir: std::path::PathBuf,
}

impl Table {
    /// Opens the table in `dir`, a folder of its own, and holds it against every other process.
    ///
    /// # Errors
    /// Each reason is its own [`OpenError`]; nothing was changed.
    pub fn open(dir: &Path, options: &Options) -> Result<Self, OpenError> {
        let engine = Engine::open(
            dir,
            Settings {
                format: Format { kind: options.kind, version: options.version },
                create: options.create,
                cache_bytes: options.cache_bytes,
                free_floor: options.free_floor,
                patience: PATIENCE,
                checked_first: CHECKED_FIRST,
            },
        )?;
        let writer = Writer { replies: Vec::new() };
        let group = Group::start("table writer", engine.clone(), writer, options.queue)?;
        Ok(Self {
            engine,
            group,
            #[cfg(feature = "test-util")]
            dir: dir.to_owned(),
        })
    }

    /// A value, if there is one.
    ///
    /// # Errors
    /// [`TableError::Damaged`] if it does not match its checksum.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
        Ok(self.engine.get(&own_key(key))?)
    }

    /// All keys that begin with `prefix`, with their values, in key order. It reads a page of 256 at a time.
    pub fn scan(&self, prefix: &[u8]) -> impl Iterator<Item = Result<KeyValue, TableError>> {
        Scan { table: self, prefix: prefix.to_vec(), after: None, page: Vec::new().into_iter(), done: false }
    }

    /// At most `limit` keys that begin with `prefix` and come after `after_key`, with their values, in key order.
    ///
    /// # Errors
    /// [`TableError::Damaged`] if a value on the way does not match its checksum.
    pub fn scan_from(
        &self,
        prefix: &[u8],
        after_key: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<KeyValue>, TableError> {
        let mut page = Vec::new();
        if limit == 0 {
            return Ok(page);
        }
        let after = after_key.map(own_key);
        self.engine.scan(&own_key(prefix), after.as_deref(), |key, value| {
            page.push((key.get(1..).unwrap_or_default().to_vec(), value));
            if page.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(page)
    }

    /// Makes a batch durable. Blocks for about one sync.
    ///
    /// # Errors
    /// See [`TableError`]; on any but `Fatal` (and `Full` with [`Health::Full`]) nothing has changed.
    pub fn commit(&self, batch: Batch) -> Result<(), TableError> {
        batch.check()?;
        #[cfg(feature = "test-util")]
        let batch = self.meet_fault(batch)?;
        self.carry_out(batch)
    }

    fn carry_out(&self, batch: Batch) -> Result<(), TableError> {
        // A writer that is gone has been closed, or has failed.
        let answer = self.group.ask_blocking(|reply| Job { batch, reply });
        answer.unwrap_or_else(|fault| Err(self.engine.check().err().unwrap_or(fault).into()))
    }

    /// Whether the table still works.
    #[must_use]
    pub fn health(&self) -> Health {
        self.engine.health()
    }

    /// What the table has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let stats = self.engine.stats();
        Stats { entries: stats.batches, ..stats }
    }

    /// Carries out what is queued, syncs, and lets go of the folder. Dropping the table does the same.
    pub fn close(&self) {
        self.group.stop();
    }
}

struct Scan<'t> {
    table: &'t Table,
    prefix: Vec<u8>,
    after: Option<Vec<u8>>,
    page: std::vec::IntoIter<KeyValue>,
    done: bool,
}

impl Iterator for Scan<'_> {
    type Item = Result<KeyValue, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        const PAGE: usize = 256;
        if let Some(item) = self.page.next() {
            return Some(Ok(item));
        }
        if self.done {
            return None;
        }
        match self.table.scan_from(&self.prefix, self.after.as_deref(), PAGE) {
            Ok(page) => {
                self.done = page.len() < PAGE;
                self.after = page.last().map(|(key, _)| key.clone()).or(self.after.take());
                self.page = page.into_iter();
                self.page.next().map(Ok)
            }
            Err(error) => {
                self.done = true;
                Some(Err(error))
            }
        }
    }
}

fn own_key(key: &[u8]) -> Vec<u8> {
    let mut own = Vec::with_capacity(key.len() + 1);
    own.push(SPACE);
    own.extend_from_slice(key);
    own
}

struct Job {
    batch: Batch,
    reply: Answer,
}

type Answer = Reply<Result<(), TableError>>;

struct Writer {
    /// With what each commit came to by itself.
    replies: Vec<(Answer, Result<(), Fault>)>,
}

impl Worker for Writer {
    type Job = Job;

    fn take(&mut self, job: Job, tx: &mut Tx<'_>, full: bool) {
        if full && job.batch.grows() {
            self.replies.push((job.reply, Err(Fault::Full)));
            return;
        }
        for (key, value) in job.batch.changes {
            match value {
                Some(value) => tx.put(key, value),
                None => tx.delete(key),
            }
        }
        self.replies.push((job.reply, Ok(())));
    }

    fn settle(&mut self, outcome: Result<(), Fault>) {
        for (reply, own) in self.replies.drain(..) {
            reply.send(own.and(outcome).map_err(Into::into));
        }
    }
}
