//! Download (protocol-spec/06-document, section 6): fetch every segment, verify all of it, and only then let the file
//! appear.

use std::{collections::VecDeque, ops::Range, path::Path, sync::Arc};

use amanat_document::{Manifest, ReadError, Segment, SegmentReader, Verified, Verifier};
use amanat_primitives::DocumentId;
use amanat_wire::{
    client::{GetSegment, Request},
    relay::Answer,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::spawn_blocking,
};

use super::{
    DownloadPlan, Extent, Fault, ProgressTeller, Retry, TransferEvent, WINDOW, Window, cancelled,
    destination::{OnSynced, Part, Saved, already_placed},
};
use crate::{Failure, FailureCode, api::Direction, session::Calls};

/// Fetched segments that wait for the writing thread, besides the open requests.
const READY: usize = 3;

/// Downloads a document, and says in `events` how it went. Until all of it is verified it stands in a part file alone,
/// which is kept for the next attempt where that could go on. Returns how far it is kept.
pub(crate) async fn download(
    plan: DownloadPlan,
    calls: Calls,
    events: mpsc::Sender<TransferEvent>,
    mut cancel: watch::Receiver<bool>,
) -> Option<Extent> {
    let document = plan.manifest.document;
    let ended = run(plan, &calls, &events, &mut cancel).await;
    let kept = ended.kept.clone();
    if let Some(extent) = ended.kept {
        // Without an engine there is nobody to tell, here and below.
        let _ = events.send(TransferEvent::Kept { document, extent, durable: None }).await;
    }
    let last = match ended.outcome {
        Ok(Some(Saved { path, size })) => TransferEvent::Fetched { document, path, size },
        Ok(None) => TransferEvent::Stopped { document, direction: Direction::Fetching },
        Err(Fault { failure, retry }) => {
            tracing::debug!(%document, code = failure.code.name(), ?retry, "a download ended early");
            TransferEvent::FetchFailed { document, failure, retry, writing: ended.writing }
        }
    };
    let _ = events.send(last).await;
    kept
}

/// How a download ended.
struct Ended {
    /// `None` where it was told to stop.
    outcome: Result<Option<Saved>, Fault>,
    /// What the part file holds, where it was kept.
    kept: Option<Extent>,
    /// The part file itself, where the next link goes on with it.
    writing: Option<Box<Writing>>,
}

/// What the writing thread came to.
enum Written {
    /// An earlier download had given it its name.
    Placed(Saved),
    /// All of it is verified and synced.
    Whole(Box<Whole>, Extent),
    /// The segments ended before the document did.
    Partly(Box<Writing>, Extent),
}

async fn run(
    plan: DownloadPlan,
    calls: &Calls,
    events: &mpsc::Sender<TransferEvent>,
    cancel: &mut watch::Receiver<bool>,
) -> Ended {
    let DownloadPlan { manifest, out, kept, writing, share } = plan;
    let (document, layout) = (manifest.document, manifest.layout);
    let (fetched, segments) = mpsc::channel(READY);
    let (ready, prepared) = oneshot::channel();
    let told = events.clone();
    // The part file is written on this thread, whatever becomes of the async side.
    let saving = spawn_blocking(move || {
        let on_synced = move |extent| {
            // Dropped where the engine's queue is full: a later one says more.
            let _ = told.try_send(TransferEvent::Kept { document, extent, durable: None });
        };
        let on_synced: Arc<OnSynced> = Arc::new(Box::new(on_synced));
        let writing = match writing.and_then(|writing| writing.go_on(&on_synced)) {
            Some(writing) => writing,
            None => match already_placed(&out, &manifest, kept.as_ref()) {
                Some(saved) => return Ok(Written::Placed(saved)),
                None => Writing::begin(&out, &manifest, kept.as_ref(), &on_synced)?,
            },
        };
        // Where nobody waits any more, the channel below is closed too.
        let _ = ready.send(writing.reader.next_index());
        writing.run(&manifest, segments)
    });
    let progress = ProgressTeller::new(events, document, Direction::Fetching, layout);
    let fetching = async {
        // Nothing is fetched that cannot be kept.
        match prepared.await {
            Ok(first) => {
                fetch(document, first..layout.segments(), calls, fetched, progress, Window::new(share, first > 0)).await
            }
            Err(_) => Ok(()),
        }
    };
    let fetching = tokio::select! {
        biased;
        () = cancelled(cancel) => None,
        result = fetching => Some(result),
    };
    // Both ways the channel is closed by now, and the thread ends: with the whole document, or without.
    let outcome = match (fetching, saving.await) {
        (_, Err(_)) => Err(Fault::thread()),
        (_, Ok(Ok(Written::Placed(saved)))) => Ok(Some(saved)),
        (_, Ok(Ok(Written::Whole(whole, extent)))) => return finish(*whole, extent, document, events, cancel).await,
        (_, Ok(Err(failure))) => Err(Fault::final_one(failure)),
        (None, Ok(Ok(Written::Partly(_, extent)))) => {
            return Ended { outcome: Ok(None), kept: Some(extent), writing: None };
        }
        (Some(fetching), Ok(Ok(Written::Partly(writing, extent)))) => {
            let fault = fetching.err().unwrap_or_else(Fault::thread);
            if matches!(fault.retry, Retry::WhenLinked | Retry::Later) {
                return Ended { outcome: Err(fault), kept: Some(extent), writing: Some(writing) };
            }
            // What the relay will not give cannot be completed. A thread that ended has nothing to remove.
            let _ = spawn_blocking(move || writing.part.discard()).await;
            Err(fault)
        }
    };
    Ended { outcome, kept: None, writing: None }
}

/// Has it noted that all of it is there, and gives it its name: in this order, so that a download which is stopped in
/// between is known to be over. [DOC-21]
async fn finish(
    whole: Whole,
    extent: Extent,
    document: DocumentId,
    events: &mpsc::Sender<TransferEvent>,
    cancel: &mut watch::Receiver<bool>,
) -> Ended {
    let (done, durable) = oneshot::channel();
    let noting = async {
        let event = TransferEvent::Kept { document, extent: extent.clone(), durable: Some(done) };
        events.send(event).await.is_ok() && durable.await.is_ok()
    };
    let noted = tokio::select! {
        biased;
        () = cancelled(cancel) => false,
        noted = noting => noted,
    };
    if !noted {
        return Ended { outcome: Ok(None), kept: Some(extent), writing: None };
    }
    let placed = spawn_blocking(move || whole.part.place(&whole.verified)).await;
    let outcome = placed.map_err(|_| Fault::thread()).and_then(|placed| placed.map_err(Fault::final_one));
    Ended { outcome: outcome.map(Some), kept: None, writing: None }
}

/// Asks for segments and hands them on in order; returns early where nobody takes them any more.
async fn fetch(
    document: DocumentId,
    segments: Range<u64>,
    calls: &Calls,
    out: mpsc::Sender<Vec<u8>>,
    mut progress: ProgressTeller<'_>,
    mut window: Window,
) -> Result<(), Fault> {
    let mut open = VecDeque::with_capacity(WINDOW);
    let mut asked = segments.start;
    progress.tell(asked);
    for index in segments.clone() {
        while open.len() < window.size() && asked < segments.end {
            open.push_back(calls.enqueue(Request::GetSegment(GetSegment { document, index: asked })).await?);
            asked += 1;
        }
        let Some(pending) = open.pop_front() else { return Err(Fault::thread()) };
        let bytes = match pending.answer().await? {
            Answer::Segment(bytes) => bytes.into_vec(),
            answer => return Err(Fault::of_answer(&answer)),
        };
        if out.send(bytes).await.is_err() {
            return Ok(());
        }
        window.answered();
        progress.tell(index + 1);
    }
    Ok(())
}

/// Opens, verifies and writes. Blocking. Whoever holds it between two links has the next one go on with it; where it is
/// dropped, its part file stays.
pub(crate) struct Writing {
    part: Part,
    reader: SegmentReader,
    verifier: Verifier,
}

/// A part file that only lacks its name.
struct Whole {
    part: Part,
    verified: Verified,
}

impl Writing {
    /// Over the next link, if the part file is still there: what it was given was verified, and it was held ever since, so
    /// it is not read again. [DOC-19]
    fn go_on(mut self, on_synced: &Arc<OnSynced>) -> Option<Self> {
        self.part.go_on(on_synced).then_some(self)
    }

    /// Where an earlier attempt stopped, if what it left is still what it was. [DOC-16] [DOC-17]
    fn begin(
        out: &Path,
        manifest: &Manifest,
        kept: Option<&Extent>,
        on_synced: &Arc<OnSynced>,
    ) -> Result<Self, Failure> {
        if let Some(kept) = kept.filter(|kept| kept.segments > 0)
            && let Some(reader) = manifest.reader_at(kept.segments, &kept.carry)
            && reader.plain_offset() == kept.plain
            && let Some(mut part) = Part::left(out, manifest.document, on_synced)?
        {
            let mut verifier = manifest.verifier();
            if part.go_back_to(kept, &mut verifier)? {
                return Ok(Self { part, reader, verifier });
            }
            part.discard();
            tracing::info!("a part file is not as it was left; its document is fetched from the beginning");
        }
        let part = Part::create(out, manifest.document, on_synced)?;
        Ok(Self { part, reader: manifest.reader(), verifier: manifest.verifier() })
    }

    fn run(mut self, manifest: &Manifest, mut segments: mpsc::Receiver<Vec<u8>>) -> Result<Written, Failure> {
        while self.reader.next_index() < manifest.layout.segments() {
            let Some(bytes) = segments.blocking_recv() else {
                self.part.keep()?;
                let extent = self.extent();
                return Ok(Written::Partly(Box::new(self), extent));
            };
            if let Err(failure) = self.open(bytes) {
                if failure.code == FailureCode::DocumentDamaged {
                    self.part.discard();
                }
                return Err(failure);
            }
            let Self { part, reader, verifier } = &mut self;
            part.sync_early(|| extent(reader, verifier));
        }
        let extent = self.extent();
        let Self { mut part, verifier, .. } = self;
        // [DOC-15]
        match verifier.finish() {
            Ok(verified) => {
                part.keep()?;
                Ok(Written::Whole(Box::new(Whole { part, verified }), extent))
            }
            Err(_) => {
                part.discard();
                Err(damaged())
            }
        }
    }

    fn open(&mut self, mut bytes: Vec<u8>) -> Result<(), Failure> {
        let segment: &mut Segment = bytes.as_mut_slice().try_into().map_err(|_| damaged())?;
        let Self { part, reader, verifier } = self;
        let write = |plain: &[u8]| {
            verifier.update(plain);
            part.write(plain)
        };
        reader.read(segment, write).map_err(|error| match error {
            ReadError::Sink(failure) => failure,
            ReadError::Payload(_) | ReadError::Padding | ReadError::NoSuchSegment | ReadError::Broken => damaged(),
        })
    }

    fn extent(&self) -> Extent {
        extent(&self.reader, &self.verifier)
    }
}

/// How far all that was read and written is.
fn extent(reader: &SegmentReader, verifier: &Verifier) -> Extent {
    let (plain, digest) = verifier.so_far();
    Extent { segments: reader.next_index(), plain, digest, carry: reader.carried().to_vec() }
}

fn damaged() -> Failure {
    Failure::new(
        FailureCode::DocumentDamaged,
        "the document is not what its sender sent; nothing was written",
        "ask the sender to send it again, and tell the IT team: the relay's copy was altered",
    )
}
