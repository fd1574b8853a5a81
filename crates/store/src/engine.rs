//! Engine (protocol-spec/07-delivery, section 10): sled 0.34.7 under one rule, *durable means fsync has returned*.
//!
//! sled's own `flush()` is `sync_file_range` on Linux, which asks no disk to empty its cache and writes no file size:
//! in a power cut it loses writes. So each batch is applied, flushed, and then `File::sync_all()` is called on sled's
//! database file, through a handle of our own that is opened before sled writes anything, so that a write error which
//! the kernel meets in the background is reported to us too.

mod contained;
pub(crate) mod folder;
pub(crate) mod group;
mod sum;
pub(crate) mod tx;
pub(crate) mod value;
mod watch;

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io,
    ops::{Bound, ControlFlow},
    path::Path,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

pub(crate) use self::watch::PATIENCE;
use self::{
    folder::{Folder, Format},
    sum::{Progress, Sum},
    tx::{Changes, Tx},
    value::Stored,
    watch::Watch,
};
use crate::{Damage, Health, KeyValue, OpenError, Stats, error::Fault, error::is_full};

/// Key of the number of the last batch and of the sum over all rows. No other key begins with its byte, which is the lowest.
const SEQUENCE: &[u8] = &[0];
/// How often to try again when a reader looks at a split value in the moment in which it is replaced.
const READ_AGAIN: usize = 8;
/// How long an earlier handle of this process may take to let go of sled's file.
const LET_GO: Duration = Duration::from_secs(5);
/// In a database file up to this length all rows are added up before anything is read from it, in a longer one beside it.
pub(crate) const CHECKED_FIRST: u64 = 16 << 20;

const WORKING: u8 = 0;
const FULL: u8 = 1;
const FAILED: u8 = 2;
const CLOSED: u8 = 3;
const DAMAGED: u8 = 4;

/// How to open an engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) format: Format,
    pub(crate) create: bool,
    pub(crate) cache_bytes: u64,
    pub(crate) free_floor: u64,
    /// How long a batch may take before the store is given up.
    pub(crate) patience: Duration,
    /// The longest file whose rows are added up first.
    pub(crate) checked_first: u64,
}

/// An open sled database with its lock. Shared by the writer, which alone commits, and by readers.
pub(crate) struct Engine {
    db: RwLock<Option<sled::Db>>,
    folder: RwLock<Option<Folder>>,
    file: File,
    free_floor: u64,
    state: AtomicU8,
    pub(crate) watch: Arc<Watch>,
    /// Values as they were before the batch that is being made durable, for the keys that it guards.
    shadow: RwLock<HashMap<Vec<u8>, Option<Vec<u8>>>>,
    #[cfg(feature = "test-util")]
    disk: Option<std::sync::Arc<crate::simulated::Disk>>,
    sequence: AtomicU64,
    sum: Sum,
    syncs: AtomicU64,
    batches: AtomicU64,
    last_sync_micros: AtomicU64,
}

impl Engine {
    /// Opens or makes the database in `dir`.
    pub(crate) fn open(dir: &Path, settings: Settings) -> Result<Arc<Self>, OpenError> {
        let (folder, found) = Folder::open(dir, settings.format, settings.create)?;
        let watermark = folder.watermark();
        if found.is_some() {
            check_database(&folder, watermark)?;
        }
        let file = folder::open_rw(&folder.database())?;
        let db = open_sled(&folder, settings.cache_bytes)?;
        let engine = Self {
            db: RwLock::new(Some(db)),
            folder: RwLock::new(None),
            file,
            free_floor: settings.free_floor,
            state: AtomicU8::new(WORKING),
            watch: Arc::new(Watch::new(settings.patience)),
            shadow: RwLock::new(HashMap::new()),
            #[cfg(feature = "test-util")]
            disk: crate::simulated::Disk::of(dir),
            sequence: AtomicU64::new(0),
            sum: Sum::new(None, SEQUENCE),
            syncs: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            last_sync_micros: AtomicU64::new(0),
        };
        let unreadable = OpenError::Damaged(Damage::Unreadable);
        let (sequence, total) = match engine.get(SEQUENCE) {
            Ok(None) => (0, Some(0)),
            Ok(Some(bytes)) => sum::decode(&bytes).ok_or(unreadable)?,
            Err(_) => return Err(unreadable),
        };
        // sled takes a file that was cut short for one that was never longer, and opens it with what is left.
        if sequence < watermark {
            return Err(OpenError::Damaged(Damage::Truncated)); // [DELIV-06]
        }
        engine.sequence.store(sequence, Ordering::Release);
        engine.sum.lock().total = total;
        let long = engine.file.metadata()?.len() > settings.checked_first && !in_simulation();
        let checked = !long || folder.lacks_rows();
        if checked {
            engine.check_rows(&folder)?;
        }
        settle_folder(&engine.file, &folder, settings.format, found)?;
        *engine.folder.write().unwrap_or_else(PoisonError::into_inner) = Some(folder);
        let engine = Arc::new(engine);
        if !in_simulation() {
            watch::start(&engine)?;
        }
        if !checked {
            sum::start(&engine)?;
        }
        Ok(engine)
    }

    /// A value, checked. It may be of a batch that is not durable yet: see [`published`](Self::published).
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.read(|db| self.look_up(db, key))
    }

    /// A value as it is on disk: one that a batch in progress replaces is shown as it was before. [DELIV-02]
    pub(crate) fn published(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        // In this order: the batch notes the earlier value first, then applies the new one.
        let current = self.get(key)?;
        let shadow = self.shadow.read().unwrap_or_else(PoisonError::into_inner);
        Ok(shadow.get(key).cloned().unwrap_or(current))
    }

    /// Walks over the keys that begin with `prefix` and come after `after`, in order, until told to stop. `each` must
    /// not call the engine.
    pub(crate) fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        mut each: impl FnMut(&[u8], Vec<u8>) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        let start = after.map_or(Bound::Included(prefix), Bound::Excluded);
        self.read(|db| {
            for item in db.range::<&[u8], _>((start, Bound::Unbounded)) {
                let (key, stored) = item.map_err(|error| self.fault(&error))?;
                if !key.starts_with(prefix) {
                    break;
                }
                let payload = match value::read(&key, &stored)? {
                    Stored::Whole(payload) => Some(payload.to_vec()),
                    Stored::Split(_) => self.look_up(db, &key)?,
                };
                if let Some(payload) = payload
                    && each(&key, payload).is_break()
                {
                    break;
                }
            }
            Ok(())
        })
    }

    /// The last key that begins with `prefix`, with its value.
    pub(crate) fn last(&self, prefix: &[u8]) -> Result<Option<KeyValue>, Fault> {
        self.read(|db| {
            // It may be removed in this moment.
            for _ in 0..READ_AGAIN {
                let Some(found) = db.scan_prefix(prefix).next_back() else { return Ok(None) };
                let (key, _) = found.map_err(|error| self.fault(&error))?;
                if let Some(value) = self.look_up(db, &key)? {
                    return Ok(Some((key.to_vec(), value)));
                }
            }
            Err(Fault::Damaged)
        })
    }

    /// Makes a batch durable: apply, flush, fsync. [DELIV-01]
    pub(crate) fn commit(&self, tx: Tx<'_>) -> Result<(), Fault> {
        self.check()?;
        #[cfg(feature = "test-util")]
        self.meet_disk()?;
        let Tx { changes, earlier, .. } = tx;
        let number = self.batches_ever() + 1;
        // Where something cannot be read, nothing is changed yet: whether the store goes on is its worker's to say.
        let rows = self.rows(changes, number)?;
        *self.shadow.write().unwrap_or_else(PoisonError::into_inner) = earlier;
        let applied = self.read(|db| {
            self.apply(db, rows, number)?;
            db.flush().map_err(|error| self.fault(&error))?;
            Ok(())
        });
        if let Err(fault) = applied {
            // Memory is ahead of the disk now, even where sled only panicked: nothing more may be read or written.
            self.shut(if fault == Fault::Full { FULL } else { FAILED });
            return Err(self.check().err().unwrap_or(Fault::Fatal));
        }
        let before = Instant::now();
        if let Err(error) = self.file.sync_all() {
            // [DELIV-03] Never again: after a failed fsync the kernel may have thrown the pages away, and a second
            // one would succeed without them.
            tracing::error!(%error, "syncing the store failed; it is shut");
            self.shut(if is_full(&error) { FULL } else { FAILED });
            return Err(self.check().err().unwrap_or(Fault::Fatal));
        }
        let micros = u64::try_from(before.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last_sync_micros.store(micros, Ordering::Relaxed);
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.sequence.store(number, Ordering::Release);
        self.shadow.write().unwrap_or_else(PoisonError::into_inner).clear();
        if let Some(folder) = &*self.folder.read().unwrap_or_else(PoisonError::into_inner)
            && let Err(error) = folder.set_watermark(number)
        {
            // It only serves to notice a database that was cut short.
            tracing::warn!(%error, "the store's watermark could not be written");
        }
        Ok(())
    }

    /// Whether so little space is left that nothing should be added. sled does survive a full disk, but has to be
    /// opened again: so it is not left to come to that.
    pub(crate) fn is_nearly_full(&self) -> bool {
        #[cfg(feature = "test-util")]
        if let Some(disk) = &self.disk {
            return disk.is_full();
        }
        let folder = self.folder.read().unwrap_or_else(PoisonError::into_inner);
        folder.as_ref().and_then(|folder| folder.free_bytes().ok()).is_some_and(|free| free < self.free_floor)
    }

    /// Whether a simulated disk takes this batch.
    #[cfg(feature = "test-util")]
    fn meet_disk(&self) -> Result<(), Fault> {
        let Some(disk) = &self.disk else { return Ok(()) };
        if disk.is_lost() {
            self.shut(FAILED);
            return Err(Fault::Fatal);
        }
        disk.note_batch();
        Ok(())
    }

    /// Number of the last batch, of all that the store was given.
    pub(crate) fn batches_ever(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }

    pub(crate) fn check(&self) -> Result<(), Fault> {
        match self.state.load(Ordering::Acquire) {
            WORKING => Ok(()),
            FULL => Err(Fault::Full),
            CLOSED => Err(Fault::Closed),
            DAMAGED => Err(Fault::Damaged),
            _ => Err(Fault::Fatal),
        }
    }

    pub(crate) fn health(&self) -> Health {
        match self.state.load(Ordering::Acquire) {
            WORKING => Health::Working,
            FULL => Health::Full,
            CLOSED => Health::Closed,
            DAMAGED => Health::Damaged,
            _ => Health::Failed,
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            syncs: self.syncs.load(Ordering::Relaxed),
            batches: self.batches.load(Ordering::Relaxed),
            entries: 0,
            last_sync_micros: self.last_sync_micros.load(Ordering::Relaxed),
        }
    }

    /// A flush of which nobody awaits anything but that sled wakes who waits for a write that has failed. [DELIV-08]
    fn nudge(&self) {
        let _ = self.read(|db| db.flush().map_err(|error| self.fault(&error)));
    }

    /// Shuts the engine after a failure.
    pub(crate) fn fail(&self) {
        self.shut(FAILED);
    }

    /// Syncs a last time, lets go of the database and then of the lock.
    pub(crate) fn close(&self) {
        let _watched = self.watch.begin();
        let db = self.db.write().unwrap_or_else(PoisonError::into_inner).take();
        // sled's own threads finish here; a panic of theirs at this point changes nothing that was acknowledged.
        drop(contained::run(|| drop(db)));
        if self.check().is_ok() {
            let folder = self.folder.read().unwrap_or_else(PoisonError::into_inner);
            let synced = self.file.sync_all().and_then(|()| folder.as_ref().map_or(Ok(()), Folder::sync_watermark));
            if let Err(error) = synced {
                tracing::error!(%error, "the last sync of the store failed");
            }
        }
        self.shut(CLOSED);
        drop(self.folder.write().unwrap_or_else(PoisonError::into_inner).take());
        self.watch.wake();
    }

    fn shut(&self, state: u8) {
        // The first reason stays.
        let _ = self.state.compare_exchange(WORKING, state, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Runs sled code; a panic in it is taken for damage.
    fn read<T>(&self, action: impl FnOnce(&sled::Db) -> Result<T, Fault>) -> Result<T, Fault> {
        self.check()?;
        let guard = self.db.read().unwrap_or_else(PoisonError::into_inner);
        let db = guard.as_ref().ok_or(Fault::Closed)?;
        contained::run(|| action(db)).unwrap_or(Err(Fault::Damaged))
    }

    fn look_up(&self, db: &sled::Db, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        for _ in 0..READ_AGAIN {
            let Some(stored) = db.get(key).map_err(|error| self.fault(&error))? else { return Ok(None) };
            match value::read(key, &stored)? {
                Stored::Whole(payload) => return Ok(Some(payload.to_vec())),
                Stored::Split(head) => {
                    if let Some(payload) = self.join(db, key, &head)? {
                        return Ok(Some(payload));
                    }
                }
            }
        }
        Err(Fault::Damaged)
    }

    /// The whole of a split value; none if a part is missing because the value was replaced meanwhile.
    fn join(&self, db: &sled::Db, key: &[u8], head: &value::Split) -> Result<Option<Vec<u8>>, Fault> {
        let mut whole = Vec::with_capacity(usize::try_from(head.length).unwrap_or(0).min(value::MAX_VALUE));
        for part_key in value::part_keys(key, head) {
            let Some(stored) = db.get(&part_key).map_err(|error| self.fault(&error))? else { return Ok(None) };
            let Stored::Whole(chunk) = value::read(&part_key, &stored)? else { return Err(Fault::Damaged) };
            whole.extend_from_slice(chunk);
        }
        if whole.len() as u64 != u64::from(head.length) || crc32fast::hash(&whole) != head.crc {
            return Err(Fault::Damaged);
        }
        Ok(Some(whole))
    }

    /// The rows that a batch changes, with what is stored there. Parts of split values that it replaces or removes go too.
    fn rows(&self, changes: Changes, number: u64) -> Result<Vec<Row>, Fault> {
        self.read(|db| {
            let stored = |key: &[u8]| db.get(key).map_err(|error| self.fault(&error));
            let mut rows = Vec::with_capacity(changes.len());
            for (key, new) in records(changes, number) {
                let old = stored(&key)?;
                if let Some(head) = old.as_deref().and_then(|stored| value::split_head(&key, stored)) {
                    for key in value::part_keys(&key, &head) {
                        rows.push(Row { old: stored(&key)?, key, new: None });
                    }
                }
                rows.push(Row { key, old, new });
            }
            Ok(rows)
        })
    }

    /// Has sled take a batch, with the sum over all rows that follows from it.
    fn apply(&self, db: &sled::Db, rows: Vec<Row>, number: u64) -> Result<(), Fault> {
        let mut sum = self.sum.lock();
        let mut batch = sled::Batch::default();
        for Row { key, old, new } in rows {
            sum.change(&key, old.as_deref(), new.as_deref());
            match new {
                Some(stored) => batch.insert(key, stored),
                None => batch.remove(key),
            }
        }
        batch.insert(SEQUENCE, value::whole(SEQUENCE, &sum::encode(number, sum.total)));
        db.apply_batch(batch).map_err(|error| self.fault(&error))
    }

    /// Adds up some more rows of those that were there when the store was opened.
    fn add_up(&self) -> Result<Progress, Fault> {
        self.read(|db| {
            let after = |last: &[u8]| db.range::<&[u8], _>((Bound::Excluded(last), Bound::Unbounded));
            // Nobody has asked for these rows: what cannot be read shuts nothing.
            self.sum.lock().add_up(after).map_err(|error| {
                tracing::error!(%error, "the database engine reports an error");
                Fault::Damaged
            })
        })
    }

    /// Adds up all rows that are left to be. Whether none is missing.
    fn add_up_all(&self) -> Result<bool, Fault> {
        loop {
            match self.add_up()? {
                Progress::More => {}
                end => return Ok(end == Progress::Whole),
            }
        }
    }

    /// Adds up all rows, before anything else is done. [DELIV-09]
    fn check_rows(&self, folder: &Folder) -> Result<(), OpenError> {
        match self.add_up_all() {
            Ok(true) => Ok(folder.note_rows_missing(false)?),
            Ok(false) => Err(OpenError::Damaged(Damage::Rows)),
            // Whoever reads that place is told.
            Err(Fault::Damaged) if !folder.lacks_rows() => {
                sum::warn_unread();
                Ok(())
            }
            Err(_) => Err(OpenError::Damaged(Damage::Unreadable)),
        }
    }

    /// Shuts a store in which rows are missing, and has it checked first when it is opened the next time. [DELIV-09]
    fn rows_missing(&self) {
        tracing::error!("rows that were stored are missing; the store is shut: restore it from a copy");
        if let Some(folder) = &*self.folder.read().unwrap_or_else(PoisonError::into_inner)
            && let Err(error) = folder.note_rows_missing(true)
        {
            tracing::warn!(%error, "that could not be noted in the store's folder");
        }
        self.shut(DAMAGED);
    }

    /// Waits until all rows were looked at, and refuses where they are not all there: a copy of the rest would be whole.
    pub(crate) fn require_rows(&self) -> Result<(), Fault> {
        if self.add_up_all()? { Ok(()) } else { Err(Fault::Damaged) }
    }

    fn fault(&self, error: &sled::Error) -> Fault {
        tracing::error!(%error, "the database engine reports an error");
        match error {
            sled::Error::Io(error) if is_full(error) => {
                self.shut(FULL);
                Fault::Full
            }
            sled::Error::Corruption { .. } => Fault::Damaged,
            _ => {
                self.shut(FAILED);
                Fault::Fatal
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.watch.wake();
    }
}

/// A row that a batch changes.
struct Row {
    key: Vec<u8>,
    /// What is stored there.
    old: Option<sled::IVec>,
    /// What is to be; none removes it.
    new: Option<Vec<u8>>,
}

/// What a batch's changes are in the database, in its order. The keys of parts are this batch's alone.
fn records(changes: Changes, number: u64) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
    let mut records = BTreeMap::new();
    for (key, value) in changes {
        let record = match value {
            None => None,
            Some(payload) if payload.len() <= value::PART => Some(value::whole(&key, &payload)),
            Some(payload) => {
                let (head, parts) = value::split(&key, &payload, number);
                records.extend(parts.into_iter().map(|(part_key, part)| (part_key, Some(part))));
                Some(head)
            }
        };
        records.insert(key, record);
    }
    records
}

/// Whether there are no threads here.
fn in_simulation() -> bool {
    #[cfg(feature = "test-util")]
    return crate::simulated::here();
    #[cfg(not(feature = "test-util"))]
    return false;
}

/// Looks at the database file before sled does, for what sled would take for a new database.
fn check_database(folder: &Folder, watermark: u64) -> Result<(), OpenError> {
    match std::fs::metadata(folder.database()) {
        Ok(metadata) if metadata.len() == 0 && watermark > 0 => Err(OpenError::Damaged(Damage::Truncated)),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::Damaged(Damage::Truncated)),
        Err(error) => Err(error.into()),
    }
}

fn open_sled(folder: &Folder, cache_bytes: u64) -> Result<sled::Db, OpenError> {
    let deadline = Instant::now() + LET_GO;
    loop {
        let opened =
            contained::run(|| sled::Config::new().path(folder.dir()).cache_capacity(cache_bytes.max(1 << 20)).open());
        match opened {
            Ok(Ok(db)) => return Ok(db),
            // We hold the folder's lock, so sled's own can only be held by a dying handle of this process, whose
            // background threads have not let go yet.
            Ok(Err(sled::Error::Io(error))) if error.kind() == io::ErrorKind::Other => {
                if Instant::now() > deadline {
                    return Err(OpenError::InUse);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(Err(sled::Error::Io(error))) => return Err(error.into()),
            Ok(Err(error)) => {
                tracing::error!(%error, "the database engine cannot open its file");
                return Err(OpenError::Damaged(Damage::Unreadable));
            }
            Err(_) => return Err(OpenError::Damaged(Damage::Unreadable)),
        }
    }
}

/// Makes durable what opening has changed: recovery writes to the database and renames its snapshot. For a new store,
/// also every file's name, and last of all the marker. `found` is the version of one that was there.
fn settle_folder(file: &File, folder: &Folder, format: Format, found: Option<u32>) -> Result<(), OpenError> {
    let new = found.is_none();
    file.sync_all()?;
    if new {
        File::open(folder.dir().join("conf"))?.sync_all()?;
        folder::sync_dir(&folder.dir().join("blobs"))?;
    }
    folder::sync_dir(folder.dir())?;
    if new && let Some(parent) = std::path::absolute(folder.dir())?.parent() {
        folder::sync_dir(parent)?;
    }
    if found != Some(format.version) {
        folder.write_marker(format)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
