//! Upload (protocol-spec/06-document, section 4): open, put every segment that the relay does not hold, seal.
//!
//! A segment goes through three places: *waiting* until its hash is durable, *sending* until the relay has answered,
//! done. Hashes are made durable several at once, while the segments before them are being sent.

use std::{collections::VecDeque, future, path::Path, pin::Pin, sync::Arc};

use amanat_document::{Cleared, Layout, LedgerError, Segment, SegmentLedger};
use amanat_primitives::{Digest, DocumentId};
use amanat_wire::{
    Bytes,
    client::{OpenDocument, PutSegment, Request},
    relay::{Answer, DocumentState, Refusal},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::spawn_blocking,
};

use super::{
    Fault, ProgressTeller, Retry, TransferEvent, UploadPlan, Window, cancelled,
    source::{self, Made, Source, Whole, edited},
};
use crate::{
    Failure, FailureCode,
    api::Direction,
    failure,
    session::{CallError, Calls},
};

/// Segments that wait or are being sent.
pub(super) const HELD: usize = 12;
/// Segments that lie ready between the thread and the async side, besides the one that is being made.
const READY: usize = 1;
/// Hashes that are worth a sync: half of what is held, so that one half is sent while the other is made and synced.
const BATCH: usize = HELD / 2;

/// Uploads a document, and says in `events` how it went.
pub(crate) async fn upload(
    plan: UploadPlan,
    calls: Calls,
    events: mpsc::Sender<TransferEvent>,
    mut cancel: watch::Receiver<bool>,
) {
    let document = plan.keys.document;
    let outcome = tokio::select! {
        biased;
        () = cancelled(&mut cancel) => None,
        outcome = run(plan, &calls, &events) => Some(outcome),
    };
    let last = match outcome {
        None => TransferEvent::Stopped { document, direction: Direction::Sending },
        Some(Ok(digest)) => TransferEvent::Uploaded { document, digest },
        Some(Err(Fault { failure, retry })) => {
            tracing::debug!(%document, code = failure.code.name(), ?retry, "an upload ended early");
            TransferEvent::UploadFailed { document, failure, retry }
        }
    };
    // Without an engine there is nobody to tell.
    let _ = events.send(last).await;
}

async fn run(plan: UploadPlan, calls: &Calls, events: &mpsc::Sender<TransferEvent>) -> Result<Digest, Fault> {
    let UploadPlan { keys, conversation, class, path, stamp, hashes, share } = plan;
    let document = keys.document;
    let path: Arc<Path> = path.into();
    let source = spawn_blocking({
        let path = Arc::clone(&path);
        move || Source::open(&path)
    });
    let (source, now) = source.await.map_err(|_| Fault::thread())?.map_err(Fault::final_one)?;
    let layout = Layout::new(stamp.size).map_err(|_| unusable_record())?;
    let recorded = hashes.len() as u64;
    let ledger = SegmentLedger::resume(document, layout, stamp, now, hashes).map_err(|e| ledger_fault(e, &path))?;
    let open = OpenDocument { document, conversation, segments: layout.segments(), class };
    let state = opened(calls.call(Request::OpenDocument(open)).await?)?;
    let held = held_segments(&state, layout, recorded)?;

    let (made, segments) = mpsc::channel(READY);
    let maker = spawn_blocking(move || source::make(source, &keys, layout, held, &made));
    let courier = Courier {
        calls,
        events,
        path: &path,
        document,
        layout,
        held,
        ledger,
        taken: 0,
        waiting: VecDeque::new(),
        sending: VecDeque::new(),
        asked: None,
        window: Window::new(share, held > 0),
        progress: ProgressTeller::new(events, document, Direction::Sending, layout),
    };
    let ledger = courier.carry(segments).await?;
    let Whole { digest, stamp } = maker.await.map_err(|_| Fault::thread())??.ok_or_else(Fault::thread)?;
    // A file that was edited behind the place where it was being read is a mix of two: it is not sealed.
    ledger.same_source(stamp).map_err(|e| ledger_fault(e, &path))?;
    if !ledger.complete() {
        return Err(Fault::thread());
    }
    match calls.call(Request::SealDocument(document)).await? {
        Answer::Done(_) => Ok(digest),
        answer => Err(put_fault(&answer)),
    }
}

/// Carries one upload's segments from the thread that makes them to the relay.
struct Courier<'a> {
    calls: &'a Calls,
    events: &'a mpsc::Sender<TransferEvent>,
    path: &'a Path,
    document: DocumentId,
    layout: Layout,
    /// The relay holds the segments below.
    held: u64,
    ledger: SegmentLedger,
    /// Segments taken over from the thread.
    taken: u64,
    waiting: VecDeque<Made>,
    sending: VecDeque<Sending>,
    asked: Option<Asked>,
    window: Window,
    progress: ProgressTeller<'a>,
}

/// A segment on its way.
struct Sending {
    index: u64,
    answer: Pin<Box<dyn Future<Output = Result<Answer, CallError>> + Send>>,
}

/// Hashes that the engine is making durable.
struct Asked {
    up_to: u64,
    durable: oneshot::Receiver<()>,
}

impl Courier<'_> {
    /// Returns when the relay has taken all segments, or when the thread makes no more: it says why itself.
    async fn carry(mut self, mut segments: mpsc::Receiver<Made>) -> Result<SegmentLedger, Fault> {
        loop {
            self.send_durable().await?;
            self.ask_durable().await?;
            let all_taken = self.taken == self.layout.segments();
            if all_taken && self.waiting.is_empty() && self.sending.is_empty() {
                return Ok(self.ledger);
            }
            let room = self.has_room();
            tokio::select! {
                made = segments.recv(), if !all_taken && room => match made {
                    Some(made) => self.take(made)?,
                    None => return Ok(self.ledger),
                },
                up_to = durable(&mut self.asked) => {
                    self.asked = None;
                    self.ledger.persisted(up_to?);
                }
                answer = first_answer(&mut self.sending) => self.answered(answer?)?,
            }
        }
    }

    fn has_room(&self) -> bool {
        self.waiting.len() + self.sending.len() < HELD
    }

    /// Notes a segment's hash, or compares it with the recorded one.
    fn take(&mut self, made: Made) -> Result<(), Fault> {
        self.ledger.offer(&made.segment).map_err(|e| ledger_fault(e, self.path))?;
        self.taken = made.segment.index().saturating_add(1);
        if made.segment.index() < self.held {
            self.progress.tell(self.taken);
        } else {
            self.waiting.push_back(made);
        }
        Ok(())
    }

    /// Sends what may be sent, in order.
    async fn send_durable(&mut self) -> Result<(), Fault> {
        while self.sending.len() < self.window.size() {
            let Some(next) = self.waiting.front() else { break };
            let cleared = match self.ledger.clear(&next.segment) {
                Ok(cleared) => cleared,
                Err(LedgerError::NotDurable) => break,
                Err(error) => return Err(ledger_fault(error, self.path)),
            };
            let bytes = self.waiting.pop_front().and_then(|made| made.bytes).ok_or_else(Fault::thread)?;
            let pending = self.calls.enqueue(put(&cleared, bytes)?).await?;
            let index = cleared.segment().index();
            self.sending.push_back(Sending { index, answer: Box::pin(pending.answer()) });
        }
        Ok(())
    }

    /// Asks for the next batch of hashes to be made durable, if it is time. One batch at a time: what is made meanwhile
    /// makes the next one larger.
    async fn ask_durable(&mut self) -> Result<(), Fault> {
        let pending = self.ledger.pending();
        let fuller_later = self.has_room() && self.taken < self.layout.segments();
        if self.asked.is_some() || pending.hashes.is_empty() || pending.hashes.len() < BATCH && fuller_later {
            return Ok(());
        }
        let (first, hashes) = (pending.first, pending.hashes.to_vec());
        let up_to = first.saturating_add(hashes.len() as u64);
        let (done, durable) = oneshot::channel();
        let event = TransferEvent::Hashes { document: self.document, first, hashes, durable: done };
        self.events.send(event).await.map_err(|_| engine_gone())?;
        self.asked = Some(Asked { up_to, durable });
        Ok(())
    }

    /// The oldest open request was answered.
    fn answered(&mut self, answer: Answer) -> Result<(), Fault> {
        let Some(sent) = self.sending.pop_front() else { return Ok(()) };
        let Answer::Done(_) = answer else { return Err(put_fault(&answer)) };
        self.window.answered();
        self.progress.tell(sent.index.saturating_add(1));
        Ok(())
    }
}

/// The one place where a segment's bytes become a request, and it asks for the proof.
fn put(cleared: &Cleared, bytes: Box<Segment>) -> Result<Request, Fault> {
    let segment = cleared.segment();
    let bytes: Box<[u8]> = bytes;
    let bytes = Bytes::new(bytes).map_err(|_| Fault::thread())?;
    Ok(Request::PutSegment(PutSegment { document: segment.document(), index: segment.index(), bytes }))
}

/// Waits until the batch that was asked for is durable; for ever where none was.
async fn durable(asked: &mut Option<Asked>) -> Result<u64, Fault> {
    match asked {
        Some(asked) => (&mut asked.durable).await.map(|()| asked.up_to).map_err(|_| engine_gone()),
        None => future::pending().await,
    }
}

/// Waits for the answer to the oldest open request; for ever where none is open.
async fn first_answer(sending: &mut VecDeque<Sending>) -> Result<Answer, CallError> {
    match sending.front_mut() {
        Some(first) => first.answer.as_mut().await,
        None => future::pending().await,
    }
}

fn opened(answer: Answer) -> Result<DocumentState, Fault> {
    match answer {
        Answer::Document(state) => Ok(state),
        Answer::Refused(Refusal::Unknown) => {
            let failed = "the relay does not know the conversation";
            Err(Fault::final_one(Failure::new(FailureCode::NotFound, failed, "send the document to another one")))
        }
        Answer::Refused(Refusal::Exists) => {
            Err(Fault { retry: Retry::UnderNewKeys, ..Fault::refused(Refusal::Exists) })
        }
        answer => Err(Fault::of_answer(&answer)),
    }
}

/// How many segments the relay holds, all of which must have been sent by this device as it remembers itself.
fn held_segments(state: &DocumentState, layout: Layout, recorded: u64) -> Result<u64, Fault> {
    let held = if state.sealed { layout.segments() } else { state.held };
    if held > layout.segments() {
        return Err(Fault::protocol());
    }
    // [DOC-12] The vault came from a copy, and the file may have changed since: nothing more under these keys.
    if held > recorded { Err(unusable_record()) } else { Ok(held) }
}

fn put_fault(answer: &Answer) -> Fault {
    let retry = match answer {
        // The upload was begun too long ago and is forgotten: it can be begun again as it is.
        Answer::Refused(Refusal::Unknown) => Retry::Later,
        Answer::Refused(Refusal::Exists) => Retry::UnderNewKeys,
        _ => return Fault::of_answer(answer),
    };
    Fault { retry, ..Fault::of_answer(answer) }
}

fn ledger_fault(error: LedgerError, path: &Path) -> Fault {
    match error {
        LedgerError::Edited => edited(path),
        LedgerError::Damaged => unusable_record(),
        LedgerError::OutOfOrder | LedgerError::NotDurable => {
            Fault::final_one(failure::internal("the document's segments are out of order"))
        }
    }
}

fn unusable_record() -> Fault {
    let failed = "this device's record of the upload does not fit what was sent";
    let failure = Failure::new(FailureCode::Damaged, failed, "the document is sent again from the beginning");
    Fault { failure, retry: Retry::UnderNewKeys }
}

fn engine_gone() -> Fault {
    Fault { failure: failure::stopped(), retry: Retry::WhenLinked }
}
