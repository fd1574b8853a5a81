//! Durable state (protocol-spec/07-delivery, section 10): what is acknowledged has been synced, and survives a power cut.
//!
//! Four modules, one discipline. [`table`] is a small key-value table (the client's vault stands on it, with its keys in
//! [`slots`]), [`relay`] the relay's domain store, [`blobs`] documents as plain files. Table and store share the private `engine`: sled 0.34.7 with
//! one writer thread, which applies a batch, flushes it, **fsyncs** it, and only then releases the batch's answers.
//!
//! Invariants: an effect is answered or shown only after the batch that it rests on is on disk; a sync that failed is
//! never tried again, the store refuses everything from then on; a stored value is checked against its CRC when read;
//! one process at a time; every queue has a bound. This is the only crate that names sled. In a simulation (`simulated`,
//! compiled for tests alone) the writer is no thread, and each machine has a disk of its own.

pub mod archive;
pub mod blobs;
pub mod blocking;
mod engine;
mod error;
mod layout;
pub mod process;
mod recent;
pub mod relay;
#[cfg(feature = "test-util")]
pub mod simulated;
pub mod slots;
pub mod table;

pub use error::{Damage, OpenError};

/// What a store has done since it was opened, for figures and monitoring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Syncs of the database file.
    pub syncs: u64,
    /// Batches made durable (each with one sync).
    pub batches: u64,
    /// Units appended (relay) or commits carried out (table).
    pub entries: u64,
    /// How long the last sync took, in microseconds.
    pub last_sync_micros: u64,
}

/// Whether a store still works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It works.
    Working,
    /// The disk ran full in the middle of a write. Nothing acknowledged is lost; free some space and open it again.
    Full,
    /// A sync or the engine failed: stop the process. What was not acknowledged may or may not be there afterwards.
    Failed,
    /// Rows that were stored are missing: stop the process, and restore the store from a copy.
    Damaged,
    /// It was closed.
    Closed,
}

/// A key with its value.
pub type KeyValue = (Vec<u8>, Vec<u8>);
