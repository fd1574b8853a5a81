//! The relay's store (protocol-spec/07-delivery, section 10): logs, rosters, cursors, direct queues, KeyPackages, directory.
//!
//! About nine verbs. Those that change something are `async`: they queue a job for the one writer thread and return
//! when it is **durable**; many callers share each sync. Those that read are plain functions, answer in the caller's
//! thread from memory or the page cache (tens of microseconds a page), and show only what is durable.
//!
//! - [`append`](Store::append) a unit: one atomic change of log, roster and direct queues, idempotent by its id;
//! - [`read`](Store::read) a log, [`advance`](Store::advance) cursors, ask for [`news`](Store::news);
//! - [`put`](Store::put_key_packages) and [`claim`](Store::claim_key_package) KeyPackages;
//! - [`redeem`](Store::redeem) grants, store statements, list [`people`](Store::people);
//! - [`sweep`](Store::sweep) away what all have or whose time is up.
//!
//! One conversation is one log; its bodies are stored once, and nothing is written per recipient.

mod append;
mod bodies;
mod commits;
mod directory;
mod error;
mod export;
mod keys;
mod log;
mod packages;
mod reads;
mod record;
mod resupply;
mod rosters;
mod sweep;
mod types;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use amanat_primitives::{ConversationId, DeviceId, Digest, Incarnation, Timestamp};
use amanat_wire::log::ciphertext_hash;

use self::{
    directory::StatusWrite,
    writer::{Answer, Job, Unpublished, Writer},
};
pub use self::{
    directory::{HANDLE_LIMIT, SEARCH_LIMIT},
    error::{Quota, StoreError},
    export::{Restoring, read_spool},
    resupply::{Held, HeldReceipt, LostWelcomes, Restored, Supply},
    types::{
        Access, Appended, Body, Claimed, DirectItem, DirectKind, DirectPart, Entries, Entry, Expected, KeyPackageCount,
        Listed, LogState, News, NewsPage, Origin, People, Published, Put, Redeemed, Redemption, Roster, StatusPut,
        Swept, Unit,
    },
};
use crate::{
    Damage, Health, OpenError, Stats,
    engine::{CHECKED_FIRST, Engine, PATIENCE, Settings, folder::Format, group::Group, tx::Tx},
};

/// Format of the relay's store.
const FORMAT: Format = Format { kind: "relay", version: 2 };

/// Quotas and sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one body, or of a unit's shared bytes.
    pub body: usize,
    /// Bytes of one direct item.
    pub direct_body: usize,
    /// Bytes of one KeyPackage.
    pub key_package: usize,
    /// Bytes of one device's chain.
    pub chain: usize,
    /// Bytes of one statement.
    pub statement: usize,
    /// Devices in one roster.
    pub roster: usize,
    /// Bytes kept of one conversation; each entry counts 256 beside its body.
    pub conversation_bytes: u64,
    /// Conversations that one device founded and still is in.
    pub conversations_per_device: u32,
    /// Direct items of one device that wait for another.
    pub direct_items_of_one: u32,
    /// Direct items that wait for one device, beyond which the relay queues none of its own.
    pub direct_items: u64,
    /// Waiting jobs; further callers wait for room.
    pub queue: usize,
    /// Memory for cached pages, in bytes.
    pub cache_bytes: u64,
    /// Refuse to grow when the disk has fewer free bytes than this.
    pub free_floor: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: amanat_wire::limits::BODY,
            direct_body: amanat_wire::limits::JOINER_PART,
            key_package: amanat_wire::limits::KEY_PACKAGE,
            chain: amanat_wire::limits::CHAIN,
            statement: amanat_wire::limits::CHAIN,
            roster: 1_500,
            conversation_bytes: 1 << 30,
            conversations_per_device: 10_000,
            direct_items_of_one: 256,
            direct_items: 10_000,
            queue: 4_096,
            cache_bytes: 64 << 20,
            free_floor: 256 << 20,
        }
    }
}

/// What a commit's receipt is made over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiptInput {
    /// Whose log.
    pub conversation: ConversationId,
    /// The commit's position.
    pub position: u64,
    /// Hash of its ciphertext.
    pub commit_hash: Digest,
    /// Its stamp.
    pub stamp: Timestamp,
    /// [`roster_change`](amanat_wire::log::roster_change) of its unit.
    pub roster: Digest,
    /// Number of the latest status statement in the store; 0 for none.
    pub status_number: u64,
    /// [`Receipt::hash`] of the log's previous commit; zero for the first.
    pub previous_receipt_hash: Digest,
}

/// A commit's receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// As members get it.
    pub bytes: Vec<u8>,
    /// By which the next receipt names it.
    pub hash: Digest,
}

/// Makes receipts. Called on the writer thread: it should take microseconds, and must not call the store.
pub type SignReceipt = Box<dyn Fn(&ReceiptInput) -> Receipt + Send>;
/// Is told what has become durable, in the order of each log and queue. Called on the writer thread: it must not
/// block, nor call the store's verbs.
pub type OnPublished = Box<dyn Fn(Published) + Send>;

/// An open relay store: one handle, shared by reference or `Arc`.
pub struct Store {
    dir: PathBuf,
    engine: Arc<Engine>,
    group: Group<Job>,
    incarnation: Incarnation,
    unpublished: Arc<Unpublished>,
    appended: Arc<AtomicU64>,
}

impl Store {
    /// Opens or makes the store in `dir`, a folder of its own, and holds it against every other process.
    ///
    /// # Errors
    /// Each reason is its own [`OpenError`]; nothing was changed.
    pub fn open(
        dir: &Path,
        limits: Limits,
        sign_receipt: SignReceipt,
        on_published: OnPublished,
    ) -> Result<Self, OpenError> {
        let engine = Engine::open(dir, settings(limits))?;
        let incarnation = incarnation(&engine)?;
        let appended = Arc::new(AtomicU64::new(0));
        let unpublished = Arc::new(Unpublished::default());
        let writer = Writer::open(
            dir,
            engine.clone(),
            limits,
            sign_receipt,
            on_published,
            unpublished.clone(),
            appended.clone(),
        )?;
        let group = Group::start("store writer", engine.clone(), writer, limits.queue)?;
        Ok(Self { dir: dir.to_owned(), engine, group, incarnation, unpublished, appended })
    }

    /// The store's incarnation: made when the store was.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Appends a unit to its conversation's log. Returns when the entry, the roster change and the direct items are
    /// durable; the same unit again returns the same answer and changes nothing. To drop the future does not take the
    /// unit back.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn append(&self, unit: Unit) -> Result<Appended, StoreError> {
        let hash = ciphertext_hash(&unit.body);
        self.ask(|answer| Job::Append(Box::new(unit), hash, answer)).await
    }

    /// Queues direct items that belong to no unit. Asked again, it queues them again.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Invalid`] and our own faults.
    pub async fn post_direct(
        &self,
        parts: Vec<DirectPart>,
        shared: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.ask(|answer| Job::PostDirect(parts, shared, now, answer)).await
    }

    /// Notes what a device holds: everything up to each position, and its direct items up to `direct_up_to` (0 for
    /// none). Cursors only go forward; conversations that are not the device's are ignored. It returns as soon as the
    /// note is queued: a cursor that a crash loses costs no more than sending again what the device knows already. It
    /// is written within 200 ms.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when the store is closed, [`StoreError::Fatal`].
    pub async fn advance(
        &self,
        device: DeviceId,
        cursors: Vec<(ConversationId, u64)>,
        direct_up_to: u64,
    ) -> Result<(), StoreError> {
        self.engine.check()?;
        Ok(self.group.send(Job::Advance(device, cursors, direct_up_to)).await?)
    }

    /// Takes a device out of a conversation, at its own wish.
    ///
    /// # Errors
    /// [`StoreError::UnknownConversation`], [`StoreError::NotMember`] where it is not in it; our own faults.
    pub async fn decline(&self, device: DeviceId, conversation: ConversationId) -> Result<(), StoreError> {
        self.ask(|answer| Job::Decline(device, conversation, answer)).await
    }

    /// Removes at most `budget` entries, bodies and direct items that all have, or whose time is up. Call it now and
    /// then, and again soon while it says [`Swept::more`].
    ///
    /// # Errors
    /// Our own faults.
    pub async fn sweep(&self, now: Timestamp, budget: usize) -> Result<Swept, StoreError> {
        self.ask(|answer| Job::Sweep(now, budget, answer)).await
    }

    /// Adds one-time KeyPackages to a device's and replaces its last-resort one. At most `max` one-time ones are kept.
    ///
    /// # Errors
    /// [`StoreError::Full`] if there would be more than `max`; nothing was added then.
    pub async fn put_key_packages(
        &self,
        device: DeviceId,
        one_time: Vec<Vec<u8>>,
        last_resort: Option<Vec<u8>>,
        max: u64,
    ) -> Result<(), StoreError> {
        self.ask(|answer| Job::PutKeyPackages(device, one_time, last_resort, max, answer)).await
    }

    /// Takes a KeyPackage of a device: a one-time one, which nobody gets again, or else the last-resort one, whose
    /// uses are counted. None if it has neither.
    ///
    /// # Errors
    /// Our own faults. After [`StoreError::Unknown`] a one-time package may be gone.
    pub async fn claim_key_package(&self, device: DeviceId) -> Result<Option<Claimed>, StoreError> {
        self.ask(|answer| Job::ClaimKeyPackage(device, answer)).await
    }

    /// Removes all KeyPackages of a device, so that nobody can add it any more.
    ///
    /// # Errors
    /// Our own faults.
    pub async fn drop_key_packages(&self, device: DeviceId) -> Result<(), StoreError> {
        self.ask(|answer| Job::DropKeyPackages(device, answer)).await
    }

    /// Redeems a grant: the first certificate is taken, every other refused.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a handle that is empty, too long or has control characters; our own faults.
    pub async fn redeem(&self, redemption: Redemption) -> Result<Redeemed, StoreError> {
        self.ask(|answer| Job::Redeem(Box::new(redemption), answer)).await
    }

    /// Puts a newer chain in the place of an enrolled device's; a device that is not enrolled is left as it is.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for one that is too long; our own faults.
    pub async fn replace_chain(&self, device: DeviceId, chain: Vec<u8>, search: String) -> Result<(), StoreError> {
        self.ask(|answer| Job::ReplaceChain(device, chain, search, answer)).await
    }

    /// Stores a statement of some kind (the caller's numbers) under a key of at most 198 bytes, if `expected` holds.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for one that is too long; our own faults.
    pub async fn put_statement(
        &self,
        kind: u8,
        key: Vec<u8>,
        bytes: Vec<u8>,
        expected: Expected,
    ) -> Result<Put, StoreError> {
        self.ask(|answer| Job::PutStatement(kind, key, bytes, expected, answer)).await
    }

    /// Stores a status statement and the revocations that its list has behind the first `first`, together. Numbers
    /// never go down.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for one that is too long; our own faults.
    pub async fn status_statement(
        &self,
        number: u64,
        bytes: Vec<u8>,
        first: u32,
        revocations: Vec<Vec<u8>>,
    ) -> Result<StatusPut, StoreError> {
        self.ask(|answer| Job::PutStatus(StatusWrite { number, bytes, first, revocations }, answer)).await
    }

    /// Returns when everything that was queued before is durable, waiting cursors included.
    ///
    /// # Errors
    /// Our own faults.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.ask(Job::Flush).await
    }

    /// Whether the store still works.
    #[must_use]
    pub fn health(&self) -> Health {
        self.engine.health()
    }

    /// What the store has done since it was opened.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { entries: self.appended.load(Ordering::Relaxed), ..self.engine.stats() }
    }

    /// Takes no more jobs, carries out those that are queued, syncs, ends the writer thread and lets go of the folder.
    /// It blocks for that long: call it through `spawn_blocking`, or at the very end. Dropping the store does the same.
    pub fn close(&self) {
        self.group.stop();
    }

    async fn ask<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, StoreError> {
        // A writer that is gone has been closed, or has failed.
        self.group.ask(job).await.unwrap_or_else(|fault| Err(self.engine.check().err().unwrap_or(fault).into()))
    }
}

/// How a relay's store is opened.
fn settings(limits: Limits) -> Settings {
    Settings {
        format: FORMAT,
        create: true,
        cache_bytes: limits.cache_bytes,
        free_floor: limits.free_floor,
        patience: PATIENCE,
        checked_first: CHECKED_FIRST,
    }
}

fn incarnation(engine: &Engine) -> Result<Incarnation, OpenError> {
    let damaged = |_| OpenError::Damaged(Damage::Value);
    if let Some(stored) = engine.get(keys::INCARNATION).map_err(damaged)? {
        let bytes = stored.try_into().map_err(|_| OpenError::Damaged(Damage::Value))?;
        return Ok(Incarnation::from_bytes(bytes));
    }
    // It is in a store's first batch.
    if engine.batches_ever() > 0 {
        return Err(OpenError::Damaged(Damage::Rows));
    }
    let new = Incarnation::random(&mut rand_core::OsRng);
    let mut tx = Tx::new(engine);
    tx.put(keys::INCARNATION.to_vec(), new.as_bytes().to_vec());
    engine.commit(tx).map_err(|fault| match fault {
        crate::error::Fault::Full => OpenError::Full,
        _ => OpenError::Damaged(Damage::Unreadable),
    })?;
    Ok(new)
}
