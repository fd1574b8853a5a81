//! Transfers (protocol-spec/06-document, sections 4 and 6): a document's way to the relay and back, as the two functions
//! [`upload`] and [`download`]. They run on the face's runtime and talk to the engine in [`TransferEvent`]s.
//!
//! Files, encryption and hashing have one blocking thread for each transfer; the async side keeps [`WINDOW`] requests
//! open and never touches a file. Segments are a mebibyte each, and each stage holds a fixed number of them, so that a
//! transfer needs the same memory whatever the document's size. Transfers of one direction [`Share`] the requests that may
//! be open. Absent here: the vault. Whoever starts a transfer keeps its record.

mod destination;
mod download;
mod source;
mod upload;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use amanat_document::{Keys, Layout, Manifest, SegmentHash, SourceStamp};
use amanat_primitives::{ConversationId, Digest, DocumentId};
use amanat_wire::{
    log::RetentionClass,
    relay::{Answer, Refusal},
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{Failure, api::Direction, failure, session::CallError};

pub(crate) use destination::{part_of, remove_part};
pub(crate) use download::{Writing, download};
pub(crate) use source::stamp_of;
pub(crate) use upload::{Making, upload};

/// Requests that the transfers of one direction keep open together: enough that the relay's disk and the link are never
/// idle, and few enough that messages need not wait long behind them.
const WINDOW: usize = 8;
/// Requests that each of them may keep open however many there are.
const LEAST: usize = 2;
/// Answers after which a transfer that was broken off keeps one request more open.
const GROWS_AFTER: usize = 16;
/// Progress is told this often at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// An upload that begins or goes on.
pub(crate) struct UploadPlan {
    /// Fresh, or those under which this very file was begun.
    pub(crate) keys: Keys,
    /// Whose members may fetch it.
    pub(crate) conversation: ConversationId,
    /// How long the relay keeps it.
    pub(crate) class: RetentionClass,
    /// The file.
    pub(crate) path: PathBuf,
    /// The file's stamp when the upload began.
    pub(crate) stamp: SourceStamp,
    /// Its plaintext's BLAKE3 where its manifest is sent already: the relay may have it whole.
    pub(crate) posted: Option<Digest>,
    /// Hashes that are durable from earlier attempts, from segment 0 on.
    pub(crate) hashes: Vec<SegmentHash>,
    /// What the last link left.
    pub(crate) making: Option<Making>,
    /// Its part of the open requests.
    pub(crate) share: Share,
}

/// A document to be fetched.
pub(crate) struct DownloadPlan {
    /// What its sender said.
    pub(crate) manifest: Manifest,
    /// An existing folder, in which it gets its sender's name made safe; or a file that must not exist yet.
    pub(crate) out: PathBuf,
    /// What an earlier attempt left in its part file.
    pub(crate) kept: Option<Extent>,
    /// The part file as the last link left it, which is still open.
    pub(crate) writing: Option<Writing>,
    /// Its part of the open requests.
    pub(crate) share: Share,
}

/// How far a part file is verified and synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Segments that are in it.
    pub(crate) segments: u64,
    /// Its bytes.
    pub(crate) plain: u64,
    /// BLAKE3 of these.
    pub(crate) digest: Digest,
    /// What has come of the chunk that lies across the last cut, sealed.
    pub(crate) carry: Vec<u8>,
}

/// One transfer's part of the requests that its direction may keep open: an even one, whoever comes and goes.
pub(crate) struct Share(Arc<AtomicUsize>);

impl Share {
    /// Of one transfer more, among those that `running` counts.
    pub(crate) fn of(running: &Arc<AtomicUsize>) -> Self {
        running.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(running))
    }

    fn window(&self) -> usize {
        (WINDOW / self.0.load(Ordering::Relaxed).max(1)).max(LEAST)
    }
}

/// How many requests one transfer keeps open. What is under way when a line is cut is carried again, and a line that was
/// cut is likely to be cut again: so a transfer that goes on begins with few, and takes one more as they are answered.
struct Window {
    share: Share,
    most: usize,
    answered: usize,
}

impl Window {
    fn new(share: Share, goes_on: bool) -> Self {
        Self { share, most: if goes_on { LEAST } else { WINDOW }, answered: 0 }
    }

    fn size(&self) -> usize {
        self.share.window().min(self.most)
    }

    /// A request was answered.
    fn answered(&mut self) {
        self.answered += 1;
        if self.answered.is_multiple_of(GROWS_AFTER) {
            self.most = (self.most + 1).min(WINDOW);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a transfer tells the engine. `Stopped`, `Uploaded`, `UploadFailed`, `Fetched` and `FetchFailed` are the last.
pub(crate) enum TransferEvent {
    /// Make these hashes durable, then say so: no segment leaves before. A dropped `durable` ends the upload.
    Hashes {
        /// Which.
        document: DocumentId,
        /// Number of the first one's segment.
        first: u64,
        /// In order; at most [`upload::HELD`].
        hashes: Vec<SegmentHash>,
        /// To be used when the sync has returned.
        durable: oneshot::Sender<()>,
    },
    /// Dropped where the engine's queue is full.
    Progress {
        /// Which.
        document: DocumentId,
        /// Which way.
        direction: Direction,
        /// Bytes of the document that the relay has taken, or that were fetched.
        done: u64,
        /// The document's bytes.
        total: u64,
    },
    /// A part file is verified and synced this far. A download that ends early says so a last time before it ends,
    /// unless it has removed the file.
    Kept {
        /// Which.
        document: DocumentId,
        /// How far.
        extent: Extent,
        /// Of all of a document: to be used when this is durable; it gets its name then. Dropped, it ends the download.
        durable: Option<oneshot::Sender<()>>,
    },
    /// It was told to stop, and has.
    Stopped {
        /// Which.
        document: DocumentId,
        /// Which way.
        direction: Direction,
    },
    /// All segments are durable at the relay.
    Uploaded {
        /// Which.
        document: DocumentId,
        /// BLAKE3 of what was encrypted.
        digest: Digest,
    },
    /// The upload ended early.
    UploadFailed {
        /// Which.
        document: DocumentId,
        /// Why.
        failure: Failure,
        /// And now?
        retry: Retry,
        /// For the next link to go on with.
        making: Option<Box<Making>>,
    },
    /// Verified, synced, and under its final name.
    Fetched {
        /// Which.
        document: DocumentId,
        /// The file.
        path: PathBuf,
        /// Its bytes.
        size: u64,
    },
    /// The download ended early. Nothing stands under the final name.
    FetchFailed {
        /// Which.
        document: DocumentId,
        /// Why.
        failure: Failure,
        /// And now?
        retry: Retry,
        /// For the next link to go on with.
        writing: Option<Box<Writing>>,
    },
}

/// When a transfer that failed may be started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// As it is, over the next link: this one was lost.
    WhenLinked,
    /// As it is, after a while.
    Later,
    /// From the beginning, with fresh [`Keys`] and a new stamp, so that no keystream covers two texts.
    UnderNewKeys,
    /// Only when a person has seen to the cause and asks again.
    Never,
}

/// Why a transfer ended early.
#[derive(Debug)]
struct Fault {
    failure: Failure,
    retry: Retry,
}

impl Fault {
    fn final_one(failure: Failure) -> Self {
        Self { failure, retry: Retry::Never }
    }

    /// The relay answered something else than was asked.
    fn protocol() -> Self {
        Self::final_one(failure::protocol())
    }

    /// A blocking thread ended without a result.
    fn thread() -> Self {
        Self::final_one(failure::internal("a transfer's thread has ended unexpectedly"))
    }

    fn refused(refusal: Refusal) -> Self {
        let retry = match refusal {
            Refusal::TooFast | Refusal::Failed | Refusal::ShuttingDown => Retry::Later,
            _ => Retry::Never,
        };
        Self { failure: failure::from_refusal(refusal), retry }
    }

    /// Of an answer that is not the one that belongs to the request.
    fn of_answer(answer: &Answer) -> Self {
        match answer {
            Answer::Refused(refusal) => Self::refused(*refusal),
            _ => Self::protocol(),
        }
    }
}

impl From<CallError> for Fault {
    fn from(_: CallError) -> Self {
        Self { failure: failure::link_closed(), retry: Retry::WhenLinked }
    }
}

/// Tells how far one transfer is, not too often.
struct ProgressTeller<'a> {
    events: &'a mpsc::Sender<TransferEvent>,
    document: DocumentId,
    direction: Direction,
    layout: Layout,
    last: Option<Instant>,
}

impl<'a> ProgressTeller<'a> {
    fn new(
        events: &'a mpsc::Sender<TransferEvent>,
        document: DocumentId,
        direction: Direction,
        layout: Layout,
    ) -> Self {
        Self { events, document, direction, layout, last: None }
    }

    /// All segments below `segments` are done.
    fn tell(&mut self, segments: u64) {
        let total = self.layout.size();
        let all = segments >= self.layout.segments();
        let done = if all { total } else { self.layout.plain_range(segments).start };
        if !all && self.last.is_some_and(|last| last.elapsed() < PROGRESS_EVERY) {
            return;
        }
        self.last = Some(Instant::now());
        let (document, direction) = (self.document, self.direction);
        // Whoever reads too slowly for this one gets a later one.
        let _ = self.events.try_send(TransferEvent::Progress { document, direction, done, total });
    }
}

/// Returns when the transfer is to stop; also when nobody is left who could say so.
async fn cancelled(cancel: &mut watch::Receiver<bool>) {
    let _ = cancel.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests;
