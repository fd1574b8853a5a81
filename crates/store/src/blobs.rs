//! Documents as plain files (protocol-spec/07-delivery, section 10): segments of one length, in any order, synced.
//!
//! The calls block on the disk: in a task, wrap them in `spawn_blocking`. They may come from many threads at once;
//! those on one document take turns. Memory: a bit a segment of each document that is being uploaded, and one segment
//! a call.
//!
//! A document is opened, gets its segments, and is sealed; only then can it be read. Segments are synced every 16 MiB
//! and at the seal, the folder included. [`Blobs::held`] counts only what is synced: an upload that was cut goes on
//! from there.

mod files;
mod upload;

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use amanat_primitives::{ConversationId, DeviceId, DocumentId, Timestamp};
use amanat_wire::log::RetentionClass;

use self::{files::Paths, upload::Upload};
use crate::{
    OpenError,
    engine::folder::{self, Lock},
    error::is_full,
};

/// Segments are synced when this many bytes wait.
const SYNC_EVERY: u64 = 16 * 1024 * 1024;
/// An upload that is not sealed by then is given up.
const UPLOAD_SPAN: Duration = Duration::from_secs(7 * 24 * 3600);
/// Most segments of a document.
const MAX_SEGMENTS: u64 = amanat_wire::limits::SEGMENTS;

/// Announces a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opening {
    /// Chosen by the sender.
    pub document: DocumentId,
    /// Whose members may fetch it.
    pub conversation: ConversationId,
    /// Who uploads it.
    pub author: DeviceId,
    /// Number of segments, from 1.
    pub segments: u64,
    /// Bytes of each segment.
    pub segment_len: u32,
    /// How long to keep it, from now on.
    pub class: RetentionClass,
    /// The relay's clock.
    pub now: Timestamp,
}

impl Opening {
    fn bytes(&self) -> u64 {
        self.segments.saturating_mul(u64::from(self.segment_len))
    }
}

/// Quotas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobLimits {
    /// Bytes of one conversation's documents.
    pub conversation_bytes: u64,
    /// Bytes of documents that one device has uploaded.
    pub device_bytes: u64,
    /// Bytes of all documents.
    pub total_bytes: u64,
    /// Uploads that one device may have open.
    pub open_uploads: usize,
    /// Longest segment, in bytes.
    pub segment_len: u32,
    /// Refuse a document that would leave fewer free bytes on the disk than this.
    pub free_floor: u64,
}

impl Default for BlobLimits {
    fn default() -> Self {
        Self {
            conversation_bytes: 64 << 30,
            device_bytes: 128 << 30,
            total_bytes: 1 << 42,
            open_uploads: 16,
            segment_len: 1 << 20,
            free_floor: 512 << 20,
        }
    }
}

/// How far an upload has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Segments held durably, counted from 0 without gaps.
    pub prefix: u64,
    /// Segments held in all, also those not synced yet.
    pub count: u64,
    /// The document is complete and can be read.
    pub sealed: bool,
}

/// Why a document is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// The peer: there is no such document.
    #[error("there is no such document")]
    Unknown,
    /// The peer: a document of this id exists with another author, conversation or size.
    #[error("the document exists already")]
    Exists,
    /// The peer: an index or length that does not fit.
    #[error("the request does not fit the document")]
    Invalid,
    /// The peer: not all segments are there.
    #[error("segment {first_missing} is missing")]
    Incomplete {
        /// The first that is missing.
        first_missing: u64,
    },
    /// The peer: it is not sealed yet.
    #[error("the document is not complete yet")]
    NotSealed,
    /// A quota is used up, or the disk is (nearly) full.
    #[error("no room for the document")]
    Full,
    /// Us: a segment of a document does not match its checksum, or its file is missing.
    #[error("a stored document is damaged")]
    Damaged,
    /// Us: a sync or the file system failed. Stop the process; what was not acknowledged may or may not be there.
    #[error("the document store has failed")]
    Fatal,
}

/// The documents that can be read.
type Known = HashMap<DocumentId, Arc<Document>>;

/// The open document store. Shared by reference or `Arc`.
pub struct Blobs {
    documents: PathBuf,
    limits: BlobLimits,
    known: Mutex<Known>,
    /// Sealed documents whose index was damaged when the store was opened, or of which a segment was when it was read.
    damaged: Mutex<HashSet<DocumentId>>,
    failed: AtomicBool,
    _lock: Lock,
}

struct Document {
    opening: Opening,
    paths: Paths,
    state: Mutex<State>,
}

enum State {
    /// Uploading, not looked at since the store was opened.
    Unread,
    Uploading(Upload),
    Sealed,
    Deleted,
}

impl Blobs {
    /// Opens the documents in `dir` (the relay's store may be in the same folder), and holds them against every other
    /// process.
    ///
    /// # Errors
    /// Each reason is its own [`OpenError`]. A document whose index is damaged is left out, and logged.
    pub fn open(dir: &Path, limits: BlobLimits) -> Result<Self, OpenError> {
        let documents = dir.join("documents");
        if !documents.is_dir() {
            folder::create_dir(&documents)?;
        }
        let lock = Lock::take(&documents.join("lock"))?;
        let (known, damaged) = find(&documents)?;
        let (known, damaged) = (Mutex::new(known), Mutex::new(damaged));
        Ok(Self { documents, limits, known, damaged, failed: AtomicBool::new(false), _lock: lock })
    }

    /// Announces a document, durably; or finds it, when it was announced before with the same author, conversation
    /// and size, and says how far it has come.
    ///
    /// # Errors
    /// [`BlobError::Exists`], [`BlobError::Invalid`], [`BlobError::Full`].
    pub fn begin(&self, opening: &Opening) -> Result<Held, BlobError> {
        self.check()?;
        let fits = (1..=MAX_SEGMENTS).contains(&opening.segments)
            && (1..=self.limits.segment_len).contains(&opening.segment_len);
        if !fits {
            return Err(BlobError::Invalid);
        }
        let mut known = self.known();
        if let Some(document) = known.get(&opening.document).cloned() {
            drop(known);
            let same = Opening { now: document.opening.now, ..opening.clone() } == document.opening;
            if !same {
                return Err(BlobError::Exists);
            }
            // All that has come counts then, and need not be sent again.
            if let State::Uploading(upload) = &mut *document.state() {
                self.sync(upload)?;
            }
            return self.held_of(&document);
        }
        self.check_quotas(&known, opening)?;
        let paths = Paths::new(&self.documents, &opening.document);
        files::create(&self.documents, &paths, opening).map_err(|error| self.failure(&error, true))?;
        self.damaged_ones().remove(&opening.document);
        let state = Mutex::new(State::Unread);
        known.insert(opening.document, Arc::new(Document { opening: opening.clone(), paths, state }));
        Ok(Held { prefix: 0, count: 0, sealed: false })
    }

    /// Stores a segment. It is durable after the next sync: see [`held`](Self::held). One that is there already stays.
    ///
    /// # Errors
    /// [`BlobError::Unknown`], [`BlobError::Invalid`], [`BlobError::Full`].
    pub fn put(&self, document: DocumentId, index: u64, segment: &[u8]) -> Result<(), BlobError> {
        let document = self.find(&document)?;
        let opening = &document.opening;
        if index >= opening.segments || segment.len() as u64 != u64::from(opening.segment_len) {
            return Err(BlobError::Invalid);
        }
        let mut state = document.state();
        let Some(upload) = self.upload(&document, &mut state)? else { return Ok(()) };
        if upload.holds(index) {
            return Ok(());
        }
        let at = index.saturating_mul(u64::from(opening.segment_len));
        // What a failed write leaves behind is not counted, and is written again.
        upload.data.write_all_at(segment, at).map_err(|error| self.failure(&error, false))?;
        upload.note(index);
        upload.pending.push((index, files::checksum(segment)));
        if upload.pending.len() as u64 * u64::from(opening.segment_len) >= SYNC_EVERY {
            self.sync(upload)?;
        }
        Ok(())
    }

    /// How far an upload has come.
    ///
    /// # Errors
    /// [`BlobError::Unknown`].
    pub fn held(&self, document: DocumentId) -> Result<Held, BlobError> {
        let document = self.find(&document)?;
        self.held_of(&document)
    }

    /// At most `limit` segments that are missing, from `from` on.
    ///
    /// # Errors
    /// [`BlobError::Unknown`].
    pub fn missing(&self, document: DocumentId, from: u64, limit: usize) -> Result<Vec<u64>, BlobError> {
        let document = self.find(&document)?;
        let mut state = document.state();
        let Some(upload) = self.upload(&document, &mut state)? else { return Ok(Vec::new()) };
        Ok((from..document.opening.segments).filter(|index| !upload.holds(*index)).take(limit).collect())
    }

    /// Ends an upload, durably: from now on the document can be read. Again, it changes nothing.
    ///
    /// # Errors
    /// [`BlobError::Unknown`], [`BlobError::Incomplete`].
    pub fn seal(&self, document: DocumentId) -> Result<(), BlobError> {
        let document = self.find(&document)?;
        let mut state = document.state();
        let Some(upload) = self.upload(&document, &mut state)? else { return Ok(()) };
        // [DELIV-20]
        if upload.count < document.opening.segments {
            let mut missing = (0..document.opening.segments).filter(|index| !upload.holds(*index));
            return Err(BlobError::Incomplete { first_missing: missing.next().unwrap_or(0) });
        }
        let paths = &document.paths;
        self.sync(upload)?;
        fs::rename(paths.part(), paths.sealed())
            .and_then(|()| folder::sync_dir(&paths.dir))
            .map_err(|error| self.failure(&error, true))?;
        *state = State::Sealed;
        Ok(())
    }

    /// A segment of a sealed document, checked.
    ///
    /// # Errors
    /// [`BlobError::Unknown`], [`BlobError::NotSealed`], [`BlobError::Invalid`], [`BlobError::Damaged`].
    pub fn get(&self, document: DocumentId, index: u64) -> Result<Vec<u8>, BlobError> {
        let document = self.find(&document)?;
        match *document.state() {
            State::Sealed => {}
            State::Deleted => return Err(BlobError::Unknown),
            State::Unread | State::Uploading(_) => return Err(BlobError::NotSealed),
        }
        let opening = &document.opening;
        if index >= opening.segments {
            return Err(BlobError::Invalid);
        }
        let length = usize::try_from(opening.segment_len).map_err(|_| BlobError::Invalid)?;
        let read = || -> io::Result<(Vec<u8>, u32)> {
            let mut segment = vec![0; length];
            File::open(document.paths.sealed())?
                .read_exact_at(&mut segment, index.saturating_mul(u64::from(opening.segment_len)))?;
            let crc = files::read_checksum(&File::open(document.paths.index())?, index)?;
            Ok((segment, crc))
        };
        match read() {
            Ok((segment, crc)) if files::checksum(&segment) == crc => Ok(segment),
            // Deleted in this moment, or lost.
            Err(_) if matches!(*document.state(), State::Deleted) => Err(BlobError::Unknown),
            // [DELIV-04]
            Ok(_) | Err(_) => {
                if self.damaged_ones().insert(opening.document) {
                    tracing::error!(document = %opening.document, index, "a segment of a stored document is damaged");
                }
                Err(BlobError::Damaged)
            }
        }
    }

    /// Reads a sealed document through. Where it was damaged and somebody put a copy in its place, it counts as whole again.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn check_whole(&self, document: DocumentId) -> Result<(), BlobError> {
        for index in 0..self.find(&document)?.opening.segments {
            self.get(document, index)?;
        }
        self.damaged_ones().remove(&document);
        Ok(())
    }

    /// What a document was announced as: whose it is, and in which conversation.
    ///
    /// # Errors
    /// [`BlobError::Unknown`].
    pub fn opening(&self, document: DocumentId) -> Result<Opening, BlobError> {
        Ok(self.find(&document)?.opening.clone())
    }

    /// All documents that can be read, in no particular order.
    #[must_use]
    pub fn sealed(&self) -> Vec<Opening> {
        let documents: Vec<Arc<Document>> = self.known().values().cloned().collect();
        let sealed = documents.iter().filter(|document| matches!(*document.state(), State::Sealed));
        sealed.map(|document| document.opening.clone()).collect()
    }

    /// Sealed documents that cannot be read: their index was damaged when the store was opened, and nobody has announced
    /// them again since; or a segment was, when it was read, and not since. [DELIV-04]
    #[must_use]
    pub fn damaged(&self) -> usize {
        self.damaged_ones().len()
    }

    fn damaged_ones(&self) -> MutexGuard<'_, HashSet<DocumentId>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes a document, sealed or not.
    ///
    /// # Errors
    /// [`BlobError::Unknown`].
    pub fn delete(&self, document: DocumentId) -> Result<(), BlobError> {
        let found = self.find(&document)?;
        let mut state = found.state();
        *state = State::Deleted;
        let paths = &found.paths;
        // The index first: what a crash leaves without one is removed at the next opening.
        for path in [paths.index(), paths.part(), paths.sealed()] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(self.failure(&error, true)),
                _ => {}
            }
        }
        drop(state);
        self.damaged_ones().remove(&document);
        self.known().remove(&document);
        Ok(())
    }

    /// Removes at most `budget` documents whose class says so, or whose upload was given up a week ago. Says how many.
    ///
    /// # Errors
    /// Our own faults.
    pub fn sweep(&self, now: Timestamp, budget: usize) -> Result<usize, BlobError> {
        let documents: Vec<Arc<Document>> = self.known().values().cloned().collect();
        let mut removed = 0;
        for document in documents {
            if removed >= budget {
                break;
            }
            let sealed = matches!(*document.state(), State::Sealed);
            let opening = &document.opening;
            let span = if sealed { opening.class.span() } else { opening.class.span().min(UPLOAD_SPAN) };
            if now >= opening.now.after(span) {
                match self.delete(opening.document) {
                    Ok(()) => removed += 1,
                    Err(BlobError::Unknown) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(removed)
    }

    /// Syncs what uploads have pending. Call it at the end; the lock is released when the store is dropped.
    ///
    /// # Errors
    /// Our own faults; [`BlobError::Fatal`] where the store had failed before, and nothing is synced.
    pub fn flush(&self) -> Result<(), BlobError> {
        self.check()?;
        let documents: Vec<Arc<Document>> = self.known().values().cloned().collect();
        for document in documents {
            if let State::Uploading(upload) = &mut *document.state() {
                self.sync(upload)?;
            }
        }
        Ok(())
    }

    /// Syncs an upload whose state the caller holds; never after a sync that failed, be it in this moment on another
    /// thread. [DELIV-03]
    fn sync(&self, upload: &mut Upload) -> Result<(), BlobError> {
        self.check()?;
        upload.sync().map_err(|error| self.failure(&error, true))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, document: &DocumentId) -> Result<Arc<Document>, BlobError> {
        self.check()?;
        self.known().get(document).cloned().ok_or(BlobError::Unknown)
    }

    fn check(&self) -> Result<(), BlobError> {
        if self.failed.load(Ordering::Acquire) { Err(BlobError::Fatal) } else { Ok(()) }
    }

    fn check_quotas(&self, known: &Known, opening: &Opening) -> Result<(), BlobError> {
        let (mut total, mut of_device, mut of_conversation) = (opening.bytes(), opening.bytes(), opening.bytes());
        let mut uploads = 1;
        for document in known.values() {
            let other = &document.opening;
            total = total.saturating_add(other.bytes());
            if other.conversation == opening.conversation {
                of_conversation = of_conversation.saturating_add(other.bytes());
            }
            if other.author == opening.author {
                of_device = of_device.saturating_add(other.bytes());
                // One that is busy is being uploaded.
                uploads +=
                    usize::from(document.state.try_lock().map_or(true, |state| !matches!(*state, State::Sealed)));
            }
        }
        let free = folder::free_bytes(&self.documents).map_err(|error| self.failure(&error, true))?;
        let fits = total <= self.limits.total_bytes
            && of_device <= self.limits.device_bytes
            && of_conversation <= self.limits.conversation_bytes
            && uploads <= self.limits.open_uploads
            && free >= self.limits.free_floor.saturating_add(opening.bytes());
        if fits { Ok(()) } else { Err(BlobError::Full) }
    }

    /// The upload behind a state, read from disk if need be; none if the document is sealed.
    fn upload<'s>(&self, document: &Document, state: &'s mut State) -> Result<Option<&'s mut Upload>, BlobError> {
        if matches!(state, State::Unread) {
            let upload =
                Upload::open(&document.paths, document.opening.segments).map_err(|error| self.failure(&error, true))?;
            *state = State::Uploading(upload);
        }
        match state {
            State::Uploading(upload) => Ok(Some(upload)),
            State::Sealed => Ok(None),
            State::Unread | State::Deleted => Err(BlobError::Unknown),
        }
    }

    fn held_of(&self, document: &Document) -> Result<Held, BlobError> {
        let mut state = document.state();
        Ok(match self.upload(document, &mut state)? {
            None => Held { prefix: document.opening.segments, count: document.opening.segments, sealed: true },
            Some(upload) => Held { prefix: upload.prefix, count: upload.count, sealed: false },
        })
    }

    /// Judges an error. After a failed sync nothing more is promised; a full disk in a plain write harms nothing.
    fn failure(&self, error: &io::Error, fatal: bool) -> BlobError {
        if is_full(error) && !fatal {
            return BlobError::Full;
        }
        tracing::error!(%error, "the document store failed; it is shut");
        self.failed.store(true, Ordering::Release);
        if is_full(error) { BlobError::Full } else { BlobError::Fatal }
    }
}

impl Document {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The documents on disk, and which sealed ones have a damaged index. What has no index, or was never finished being
/// announced, is removed.
fn find(documents: &Path) -> Result<(Known, HashSet<DocumentId>), OpenError> {
    let (mut known, mut damaged) = (HashMap::new(), HashSet::new());
    for dir in fs::read_dir(documents)? {
        let dir = dir?;
        if !dir.file_type()?.is_dir() {
            continue;
        }
        for entry in fs::read_dir(dir.path())? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let stem = name.split('.').next().unwrap_or_default();
            let Ok(document) = stem.parse::<DocumentId>() else { continue };
            let paths = Paths::new(documents, &document);
            if path != paths.index() {
                if !paths.index().exists() {
                    fs::remove_file(&path)?;
                }
                continue;
            }
            match files::read_header(&path)? {
                Ok(opening) if opening.document == document => {
                    let state = if paths.sealed().exists() { State::Sealed } else { State::Unread };
                    known.insert(document, Arc::new(Document { opening, paths, state: Mutex::new(state) }));
                }
                _ => {
                    tracing::error!(index = %path.display(), "the index of a document is damaged; it is left out");
                    if paths.sealed().exists() {
                        damaged.insert(document);
                    }
                }
            }
        }
    }
    Ok((known, damaged))
}
