//! Upload (protocol-spec/06-document, section 4): open, put every segment that the relay does not hold, seal.
//!
//! A segment goes through three places: *waiting* until its hash is durable, *sending* until the relay has answered,
//! done. Hashes are made durable several at once, while the segments before them are being sent. What waits or is being
//! sent outlives the link, as does the thread that makes more: they are the upload's [`Making`].

use std::{collections::VecDeque, future, path::Path, pin::Pin, sync::Arc};

use amanat_document::{Cleared, Keys, Layout, LedgerError, Segment, SegmentLedger};
use amanat_primitives::{Digest, DocumentId};
use amanat_wire::{
    Bytes,
    client::{OpenDocument, PutSegment, Request},
    relay::{Answer, DocumentState, Refusal},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{JoinHandle, spawn_blocking},
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
        Some(Err((Fault { failure, retry }, making))) => {
            tracing::debug!(%document, code = failure.code.name(), ?retry, "an upload ended early");
            let making = making.filter(|_| matches!(retry, Retry::WhenLinked | Retry::Later)).map(Box::new);
            TransferEvent::UploadFailed { document, failure, retry, making }
        }
    };
    // Without an engine there is nobody to tell.
    let _ = events.send(last).await;
}

/// An upload that ended early leaves what it has made.
async fn run(
    mut plan: UploadPlan,
    calls: &Calls,
    events: &mpsc::Sender<TransferEvent>,
) -> Result<Digest, (Fault, Option<Making>)> {
    let layout = Layout::new(plan.stamp.size).map_err(|_| (unusable_record(), None))?;
    let open = OpenDocument {
        document: plan.keys.document,
        conversation: plan.conversation,
        segments: layout.segments(),
        class: plan.class,
    };
    // [DOC-20] Whether the relay has lost it is seen before the file is opened.
    if let Some(digest) = plan.posted {
        let state = calls.call(Request::OpenDocument(open.clone())).await.map_err(Fault::from).and_then(opened);
        if state.map_err(|fault| (fault, plan.making.take()))?.sealed {
            return Ok(digest);
        }
    }
    let mut left = plan.making.take();
    // Nothing is announced that cannot be read.
    let ready = match left {
        Some(_) => None,
        None => Some(Ready::of(&mut plan, layout).await.map_err(|fault| (fault, None))?),
    };
    let recorded = left.as_ref().map_or(plan.hashes.len() as u64, |making| making.ledger.durable());
    let held = async { held_segments(&opened(calls.call(Request::OpenDocument(open)).await?)?, layout, recorded) };
    let held = match held.await {
        Ok(held) => held,
        Err(fault) => return Err((fault, left)),
    };
    // [DOC-18]
    let going_on = left.take().filter(|making| making.has_all_from(held));
    let mut making = match (going_on, ready) {
        (Some(making), _) => making,
        (None, Some(ready)) => ready.begin(plan.keys, held),
        // The relay has lost what it had confirmed.
        (None, None) => Ready::of(&mut plan, layout).await.map_err(|fault| (fault, None))?.begin(plan.keys, held),
    };
    making.pass(held);
    let progress = ProgressTeller::new(events, making.document, Direction::Sending, layout);
    let window = Window::new(plan.share, held > 0);
    let mut courier = Courier { calls, events, held, making, sending: VecDeque::new(), window, progress };
    match courier.deliver().await {
        Ok(digest) => Ok(digest),
        Err(fault) => Err((fault, Some(courier.making))),
    }
}

/// A source that was opened, and what is on record of it.
struct Ready {
    source: Source,
    path: Arc<Path>,
    ledger: SegmentLedger,
    layout: Layout,
}

impl Ready {
    async fn of(plan: &mut UploadPlan, layout: Layout) -> Result<Self, Fault> {
        let path: Arc<Path> = plan.path.as_path().into();
        let source = spawn_blocking({
            let path = Arc::clone(&path);
            move || Source::open(&path)
        });
        let (source, now) = source.await.map_err(|_| Fault::thread())?.map_err(Fault::final_one)?;
        let hashes = plan.hashes.clone();
        let ledger = SegmentLedger::resume(plan.keys.document, layout, plan.stamp, now, hashes)
            .map_err(|error| ledger_fault(error, &path))?;
        Ok(Self { source, path, ledger, layout })
    }

    /// Begins to make segments, those from `held` on to be sent.
    fn begin(self, keys: Keys, held: u64) -> Making {
        let Self { source, path, ledger, layout } = self;
        let document = keys.document;
        let (made, segments) = mpsc::channel(READY);
        let maker = spawn_blocking(move || source::make(source, &keys, layout, held, &made));
        Making {
            document,
            layout,
            path,
            ledger,
            maker,
            segments,
            whole: None,
            taken: 0,
            first: held,
            unanswered: VecDeque::new(),
            asked: None,
        }
    }
}

/// The part of an upload that does not depend on the link. Whoever holds it between two links has the next one go on
/// with it; where it is dropped, its thread ends.
pub(crate) struct Making {
    document: DocumentId,
    layout: Layout,
    path: Arc<Path>,
    ledger: SegmentLedger,
    maker: JoinHandle<Result<Option<Whole>, Fault>>,
    segments: mpsc::Receiver<Made>,
    /// What the thread has come to.
    whole: Option<Whole>,
    /// Segments taken over from the thread.
    taken: u64,
    /// The thread gives the bytes of no segment below.
    first: u64,
    /// Those that wait or are being sent, without gaps.
    unanswered: VecDeque<Made>,
    asked: Option<Asked>,
}

impl Making {
    /// Whether it has, or will make, the bytes of all segments from `held` on.
    fn has_all_from(&self, held: u64) -> bool {
        let oldest = self.unanswered.front().map(|made| made.segment.index());
        held >= oldest.unwrap_or_else(|| self.taken.max(self.first))
    }

    fn all_taken(&self) -> bool {
        self.taken == self.layout.segments()
    }

    fn has_room(&self) -> bool {
        self.unanswered.len() < HELD
    }

    /// The relay has all segments below `held`.
    fn pass(&mut self, held: u64) {
        while self.unanswered.front().is_some_and(|made| made.segment.index() < held) {
            self.unanswered.pop_front();
        }
    }

    /// Once all segments were taken over, or there are no more: what the thread says of the file.
    async fn whole(&mut self) -> Result<Whole, Fault> {
        if let Some(whole) = self.whole {
            return Ok(whole);
        }
        let whole = (&mut self.maker).await.map_err(|_| Fault::thread())??.ok_or_else(Fault::thread)?;
        self.whole = Some(whole);
        Ok(whole)
    }
}

/// Carries one upload's segments from the thread that makes them to the relay, over one link.
struct Courier<'a> {
    calls: &'a Calls,
    events: &'a mpsc::Sender<TransferEvent>,
    /// The relay holds the segments below.
    held: u64,
    making: Making,
    /// Answers to be had for the first ones that are unanswered.
    sending: VecDeque<Sending>,
    window: Window,
    progress: ProgressTeller<'a>,
}

/// The answer to a segment on its way.
type Sending = Pin<Box<dyn Future<Output = Result<Answer, CallError>> + Send>>;

/// Hashes that the engine is making durable.
struct Asked {
    up_to: u64,
    durable: oneshot::Receiver<()>,
}

impl Courier<'_> {
    async fn deliver(&mut self) -> Result<Digest, Fault> {
        self.carry().await?;
        let Whole { digest, stamp } = self.making.whole().await?;
        let Making { ledger, path, document, .. } = &self.making;
        // A file that was edited behind the place where it was being read is a mix of two: it is not sealed.
        ledger.same_source(stamp).map_err(|e| ledger_fault(e, path))?;
        if !ledger.complete() {
            return Err(Fault::thread());
        }
        match self.calls.call(Request::SealDocument(*document)).await? {
            Answer::Done(_) => Ok(digest),
            answer => Err(put_fault(&answer)),
        }
    }

    /// Returns when the relay has taken all segments, or when the thread makes no more: it says why itself.
    async fn carry(&mut self) -> Result<(), Fault> {
        loop {
            self.send_durable().await?;
            self.ask_durable().await?;
            let all_taken = self.making.all_taken();
            if all_taken && self.making.unanswered.is_empty() {
                return Ok(());
            }
            let room = self.making.has_room();
            tokio::select! {
                made = self.making.segments.recv(), if !all_taken && room => match made {
                    Some(made) => self.take(made)?,
                    None => return Ok(()),
                },
                up_to = durable(&mut self.making.asked) => {
                    self.making.asked = None;
                    self.making.ledger.persisted(up_to?);
                }
                answer = first_answer(&mut self.sending) => self.answered(answer?)?,
            }
        }
    }

    /// Notes a segment's hash, or compares it with the recorded one.
    fn take(&mut self, made: Made) -> Result<(), Fault> {
        let making = &mut self.making;
        making.ledger.offer(&made.segment).map_err(|e| ledger_fault(e, &making.path))?;
        making.taken = made.segment.index().saturating_add(1);
        if made.segment.index() < self.held {
            self.progress.tell(making.taken);
        } else {
            making.unanswered.push_back(made);
        }
        Ok(())
    }

    /// Sends what may be sent, in order.
    async fn send_durable(&mut self) -> Result<(), Fault> {
        while self.sending.len() < self.window.size() {
            let Some(next) = self.making.unanswered.get(self.sending.len()) else { break };
            let cleared = match self.making.ledger.clear(&next.segment) {
                Ok(cleared) => cleared,
                Err(LedgerError::NotDurable) => break,
                Err(error) => return Err(ledger_fault(error, &self.making.path)),
            };
            // A copy: this one is sent again where the link is lost.
            let bytes = next.bytes.clone().ok_or_else(Fault::thread)?;
            let pending = self.calls.enqueue(put(&cleared, bytes)?).await?;
            self.sending.push_back(Box::pin(pending.answer()));
        }
        Ok(())
    }

    /// Asks for the next batch of hashes to be made durable, if it is time. One batch at a time: what is made meanwhile
    /// makes the next one larger.
    async fn ask_durable(&mut self) -> Result<(), Fault> {
        let making = &mut self.making;
        let pending = making.ledger.pending();
        let fuller_later = making.has_room() && !making.all_taken();
        if making.asked.is_some() || pending.hashes.is_empty() || pending.hashes.len() < BATCH && fuller_later {
            return Ok(());
        }
        let (first, hashes) = (pending.first, pending.hashes.to_vec());
        let up_to = first.saturating_add(hashes.len() as u64);
        let (done, durable) = oneshot::channel();
        let event = TransferEvent::Hashes { document: making.document, first, hashes, durable: done };
        self.events.send(event).await.map_err(|_| engine_gone())?;
        making.asked = Some(Asked { up_to, durable });
        Ok(())
    }

    /// The oldest open request was answered.
    fn answered(&mut self, answer: Answer) -> Result<(), Fault> {
        self.sending.pop_front();
        let Answer::Done(_) = answer else { return Err(put_fault(&answer)) };
        if let Some(sent) = self.making.unanswered.pop_front() {
            self.window.answered();
            self.progress.tell(sent.segment.index().saturating_add(1));
        }
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
        Some(first) => first.as_mut().await,
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
