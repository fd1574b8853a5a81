//! Download (protocol-spec/06-document, section 6): fetch every segment, verify all of it, and only then let the file
//! appear.

use std::collections::VecDeque;

use amanat_document::{Manifest, ReadError, Segment, SegmentReader, Verifier};
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
    DownloadPlan, Fault, ProgressTeller, TransferEvent, WINDOW, cancelled,
    destination::{Part, Saved},
};
use crate::{Failure, FailureCode, api::Direction, session::Calls};

/// Fetched segments that wait for the writing thread, besides the open requests.
const READY: usize = 3;

/// Downloads a document, and says in `events` how it went. However it ends short of its end, no file is left.
pub(crate) async fn download(
    plan: DownloadPlan,
    calls: Calls,
    events: mpsc::Sender<TransferEvent>,
    mut cancel: watch::Receiver<bool>,
) {
    let document = plan.manifest.document;
    let last = match run(plan, &calls, &events, &mut cancel).await {
        Ok(Some(Saved { path, size })) => TransferEvent::Fetched { document, path, size },
        Ok(None) => return,
        Err(Fault { failure, retry }) => {
            tracing::debug!(%document, code = failure.code.name(), ?retry, "a download ended early");
            TransferEvent::FetchFailed { document, failure, retry }
        }
    };
    // Without an engine there is nobody to tell.
    let _ = events.send(last).await;
}

/// `None` where it was cancelled.
async fn run(
    plan: DownloadPlan,
    calls: &Calls,
    events: &mpsc::Sender<TransferEvent>,
    cancel: &mut watch::Receiver<bool>,
) -> Result<Option<Saved>, Fault> {
    let DownloadPlan { manifest, out } = plan;
    let (document, layout) = (manifest.document, manifest.layout);
    let (fetched, segments) = mpsc::channel(READY);
    let (ready, prepared) = oneshot::channel();
    // The part file lives and dies on this thread, whatever becomes of the async side.
    let saving = spawn_blocking(move || {
        let part = Part::create(&out, document)?;
        // Where nobody waits any more, the channel below is closed too.
        let _ = ready.send(());
        save(part, &manifest, segments)
    });
    let progress = ProgressTeller::new(events, document, Direction::Fetching, layout);
    let fetching = async {
        // Nothing is fetched that cannot be kept.
        if prepared.await.is_ok() { fetch(document, layout.segments(), calls, fetched, progress).await } else { Ok(()) }
    };
    let fetching = tokio::select! {
        biased;
        () = cancelled(cancel) => None,
        result = fetching => Some(result),
    };
    // Both ways the channel is closed by now, and the thread ends: with the whole document, or without.
    let saved = saving.await.map_err(|_| Fault::thread())?;
    match (fetching, saved) {
        (_, Ok(Some(saved))) => Ok(Some(saved)),
        (None, _) => Ok(None),
        (Some(Err(fault)), Ok(None)) => Err(fault),
        (Some(Ok(())), Ok(None)) => Err(Fault::thread()),
        (Some(_), Err(failure)) => Err(Fault::final_one(failure)),
    }
}

/// Asks for all segments and hands them on in order; returns early where nobody takes them any more.
async fn fetch(
    document: DocumentId,
    segments: u64,
    calls: &Calls,
    out: mpsc::Sender<Vec<u8>>,
    mut progress: ProgressTeller<'_>,
) -> Result<(), Fault> {
    let mut open = VecDeque::with_capacity(WINDOW);
    let mut asked = 0;
    for done in 1..=segments {
        while open.len() < WINDOW && asked < segments {
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
        progress.tell(done);
    }
    Ok(())
}

/// Opens, verifies and writes. Blocking. `None` where the segments end before the document does.
fn save(mut part: Part, manifest: &Manifest, mut segments: mpsc::Receiver<Vec<u8>>) -> Result<Option<Saved>, Failure> {
    let (mut reader, mut verifier) = (manifest.reader(), manifest.verifier());
    while reader.next_index() < manifest.layout.segments() {
        let Some(mut bytes) = segments.blocking_recv() else { return Ok(None) };
        let segment = bytes.as_mut_slice().try_into().map_err(|_| damaged())?;
        open(segment, &mut reader, &mut verifier, &mut part)?;
    }
    // [DOC-15]
    let verified = verifier.finish().map_err(|_| damaged())?;
    part.place(&verified).map(Some)
}

fn open(
    segment: &mut Segment,
    reader: &mut SegmentReader,
    verifier: &mut Verifier,
    part: &mut Part,
) -> Result<(), Failure> {
    let write = |plain: &[u8]| {
        verifier.update(plain);
        part.write(plain)
    };
    reader.read(segment, write).map_err(|error| match error {
        ReadError::Sink(failure) => failure,
        ReadError::Payload(_) | ReadError::Padding | ReadError::NoSuchSegment | ReadError::Broken => damaged(),
    })
}

fn damaged() -> Failure {
    Failure::new(
        FailureCode::DocumentDamaged,
        "the document is not what its sender sent; nothing was written",
        "ask the sender to send it again, and tell the IT team: the relay's copy was altered",
    )
}
