//! The session with the relay (protocol-spec/07-delivery, section 12): dials, says hello, and then carries
//! requests and answers until the link ends; dials again with backoff and jitter for as long as the engine runs.
//!
//! [`Calls`] is the way to ask: from the engine, which must not wait ([`Calls::start`]), and from transfers, which do
//! ([`Calls::call`]). Requests are sent in the order they were started. When a link ends, what was open fails with
//! [`CallError::LinkLost`]; whether it was carried out is then unknown, and whoever asked asks again with the same id.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use amanat_net::{LinkFacts, LinkReceiver, LinkSender, Network, RelayTarget, backoff::Backoff};
use amanat_primitives::agree::NoiseSecret;
use amanat_wire::{
    Bytes, Decode as _, Encode as _,
    client::{AddAgain, Hello, Identity, Nothing, NumberedRequest, Request, ToRelay},
    limits,
    relay::{Answer, DirectItem, FromRelay, Push, Ready},
};
use tokio::{
    sync::{Notify, Semaphore, mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};

use crate::{Failure, FailureCode, Random, failure};

/// A link that has been silent this long is asked whether it is still there.
const PING_AFTER: Duration = Duration::from_secs(30);
/// A link that has been silent this long is given up. [DELIV-84]
const DEAD_AFTER: Duration = Duration::from_secs(45);
/// A session that lasted this long makes the next wait short again,
const STABLE: Duration = Duration::from_secs(10);
/// and so does one over which requests and their answers of so many bytes went: a segment. A line that is cut again and
/// again is taken up at once, and a relay that greets and closes is not dialled four times a second. [DELIV-184]
const CARRIED: u64 = 1024 * 1024;
/// A link that can no longer be written to is read for so long.
const LAST_READS: Duration = Duration::from_secs(1);
/// The relay must answer a hello within this time.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// The link ended, or there is none.
    #[error("the link to the relay was lost")]
    LinkLost,
    /// Too many requests wait already.
    #[error("too many requests wait")]
    Busy,
}

struct Call {
    request: Request,
    answer: oneshot::Sender<Answer>,
}

/// A request that was sent.
struct Asked {
    /// Its length.
    bytes: usize,
    answer: oneshot::Sender<Answer>,
}

/// A request that was started.
pub(crate) struct Pending(oneshot::Receiver<Answer>);

impl Pending {
    /// Waits for the answer.
    pub(crate) async fn answer(self) -> Result<Answer, CallError> {
        self.0.await.map_err(|_| CallError::LinkLost)
    }
}

/// Asks the relay over the link that is up at the moment; every link has its own `Calls`.
#[derive(Clone)]
pub(crate) struct Calls {
    requests: mpsc::Sender<Call>,
    end: Arc<Notify>,
}

impl Calls {
    fn new(requests: mpsc::Sender<Call>) -> Self {
        Self { requests, end: Arc::default() }
    }

    /// Ends the link: the relay does not keep to the protocol. The session dials again, later each time.
    pub(crate) fn end_link(&self) {
        self.end.notify_one();
    }

    /// Starts a request without waiting.
    pub(crate) fn start(&self, request: Request) -> Result<Pending, CallError> {
        let (answer, pending) = oneshot::channel();
        self.requests.try_send(Call { request, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CallError::Busy,
            mpsc::error::TrySendError::Closed(_) => CallError::LinkLost,
        })?;
        Ok(Pending(pending))
    }

    /// Starts a request, waiting for room in the queue.
    pub(crate) async fn enqueue(&self, request: Request) -> Result<Pending, CallError> {
        let (answer, pending) = oneshot::channel();
        self.requests.send(Call { request, answer }).await.map_err(|_| CallError::LinkLost)?;
        Ok(Pending(pending))
    }

    /// Asks and waits for the answer.
    pub(crate) async fn call(&self, request: Request) -> Result<Answer, CallError> {
        self.enqueue(request).await?.answer().await
    }

    /// A link whose far end is a test.
    #[cfg(test)]
    pub(crate) fn pair() -> (Self, FarEnd) {
        let (calls, requests) = mpsc::channel(limits::OPEN_REQUESTS);
        (Self::new(calls), FarEnd(requests))
    }
}

/// Plays the relay in a test. The link is lost when it is dropped.
#[cfg(test)]
pub(crate) struct FarEnd(mpsc::Receiver<Call>);

#[cfg(test)]
impl FarEnd {
    /// The next request and where its answer goes.
    pub(crate) async fn next(&mut self) -> Option<(Request, oneshot::Sender<Answer>)> {
        self.0.recv().await.map(|call| (call.request, call.answer))
    }
}

/// What the session tells the engine.
pub(crate) enum SessionEvent {
    /// Dialling.
    Connecting,
    /// The hello was accepted.
    Up {
        /// Where the relay answered.
        peer: SocketAddr,
        /// What was negotiated.
        facts: LinkFacts,
        /// The relay's greeting.
        ready: Ready,
        /// Asks over this link.
        calls: Calls,
    },
    /// The link ended or could not be made.
    Down {
        /// Why.
        failure: Failure,
        /// Until the next try.
        retry_in: Duration,
    },
    /// A log entry.
    Push(Push),
    /// A direct item.
    PushDirect(DirectItem),
    /// Something is new.
    NewsHint,
    /// A status statement.
    Status(Vec<u8>),
    /// A device asks to be added again.
    Again(AddAgain),
}

/// As whom and with which relay.
pub(crate) struct SessionPlan {
    /// The relay.
    pub(crate) target: RelayTarget,
    /// This device's Noise key.
    pub(crate) key: Arc<NoiseSecret>,
    /// The hello's identity.
    pub(crate) chain: Bytes<{ limits::CHAIN }>,
    /// Over what it is dialled.
    pub(crate) network: Network,
    /// Of the waits between two tries.
    pub(crate) random: Random,
}

/// Keeps a session until `stop` says so or the engine is gone.
pub(crate) async fn run(plan: SessionPlan, events: mpsc::Sender<SessionEvent>, mut stop: watch::Receiver<bool>) {
    let mut backoff = Backoff::new();
    loop {
        if events.send(SessionEvent::Connecting).await.is_err() {
            return;
        }
        let begun = Instant::now();
        let carried = AtomicU64::new(0);
        let ended = tokio::select! {
            biased;
            ended = one_session(&plan, &events, &carried, stop.clone()) => ended,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Err(failure) = ended else { return };
        if was_of_use(begun.elapsed(), carried.into_inner()) {
            backoff.reset();
        }
        // [DELIV-94] A revoked device is not let in again.
        if failure.code == FailureCode::Revoked {
            // Nobody is left to tell where the engine is gone.
            let _ = events.send(SessionEvent::Down { failure, retry_in: Duration::MAX }).await;
            return;
        }
        let retry_in = backoff.next_wait(&mut plan.random.clone());
        if events.send(SessionEvent::Down { failure, retry_in }).await.is_err() {
            return;
        }
        tokio::select! {
            biased;
            () = tokio::time::sleep(retry_in) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Whether a session that lasted so long, and over which so many bytes were asked and answered, makes the next wait short.
fn was_of_use(lasted: Duration, carried: u64) -> bool {
    lasted > STABLE || carried >= CARRIED
}

/// Dials, says hello and waits for the greeting. Nothing that the relay says before it is accepted. [DELIV-85]
pub(crate) async fn connect(
    network: &Network,
    target: &RelayTarget,
    key: &NoiseSecret,
    identity: Identity,
) -> Result<Connected, Failure> {
    let mut link = amanat_net::dial_over(network, target, key).await.map_err(failure::from_dial)?;
    let hello = ToRelay::Hello(Hello { version: limits::PROTOCOL_VERSION, identity });
    let greeting = async {
        link.sender.send(&hello.to_bytes()).await.map_err(failure::from_link)?;
        link.sender.flush().await.map_err(failure::from_link)?;
        let mut receipt = None;
        loop {
            match next_message(&mut link.receiver).await? {
                FromRelay::Enrolled(enrolled) if receipt.is_none() => receipt = Some(enrolled.receipt),
                FromRelay::Ready(ready) => return Ok((ready, receipt)),
                FromRelay::Goodbye(refusal) => return Err(failure::from_refusal(refusal)),
                _ => return Err(failure::protocol()),
            }
        }
    };
    let (ready, receipt) =
        tokio::time::timeout(HELLO_WITHIN, greeting).await.map_err(|_| failure::silent_relay())??;
    Ok(Connected { peer: link.peer, sender: link.sender, receiver: link.receiver, facts: link.facts, ready, receipt })
}

/// A link whose hello was accepted.
pub(crate) struct Connected {
    pub(crate) sender: LinkSender,
    pub(crate) receiver: LinkReceiver,
    pub(crate) peer: SocketAddr,
    pub(crate) facts: LinkFacts,
    pub(crate) ready: Ready,
    /// The enrolment receipt, where the hello was an enrolment.
    pub(crate) receipt: Option<Bytes<{ limits::STATEMENT }>>,
}

impl Connected {
    /// Asks one thing and waits for its answer, before a session carries requests; pushes in between are left for the
    /// session that follows to fetch.
    pub(crate) async fn ask(&mut self, request: Request) -> Result<Answer, Failure> {
        let message = ToRelay::Request(NumberedRequest { number: 0, request });
        let answer = async {
            self.sender.send(&message.to_bytes()).await.map_err(failure::from_link)?;
            self.sender.flush().await.map_err(failure::from_link)?;
            loop {
                match next_message(&mut self.receiver).await? {
                    FromRelay::Answer(answered) => return Ok(answered.answer),
                    FromRelay::Goodbye(refusal) => return Err(failure::from_refusal(refusal)),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(HELLO_WITHIN, answer).await.map_err(|_| failure::silent_relay())?
    }
}

async fn next_message(receiver: &mut LinkReceiver) -> Result<FromRelay, Failure> {
    let bytes = receiver.recv().await.map_err(failure::from_link)?.ok_or_else(failure::link_closed)?;
    FromRelay::from_bytes(&bytes).map_err(|_| failure::protocol())
}

async fn one_session(
    plan: &SessionPlan,
    events: &mpsc::Sender<SessionEvent>,
    carried: &AtomicU64,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let connected = connect(&plan.network, &plan.target, &plan.key, Identity::Device(plan.chain.clone())).await?;
    let (calls, requests) = mpsc::channel(limits::OPEN_REQUESTS);
    let calls = Calls::new(calls);
    let up =
        SessionEvent::Up { peer: connected.peer, facts: connected.facts, ready: connected.ready, calls: calls.clone() };
    if events.send(up).await.is_err() {
        return Ok(());
    }
    let (opened, open) = mpsc::channel(limits::OPEN_REQUESTS);
    let credit = Arc::new(Semaphore::new(limits::OPEN_REQUESTS));
    let writing = async {
        let failure = write(connected.sender, requests, opened, Arc::clone(&credit)).await;
        // What has arrived is read to its end: segments among it need not be fetched again.
        tokio::time::sleep(LAST_READS).await;
        failure
    };
    tokio::select! {
        biased;
        failure = writing => Err(failure),
        () = calls.end.notified() => Err(failure::protocol()),
        failure = read(connected.receiver, open, events, (&calls, &credit, carried)) => Err(failure),
        _ = stop.wait_for(|stop| *stop) => Ok(()),
    }
}

/// Sends requests as they come, as many as are there in one flush.
async fn write(
    mut sender: LinkSender,
    mut requests: mpsc::Receiver<Call>,
    opened: mpsc::Sender<(u32, Asked)>,
    credit: Arc<Semaphore>,
) -> Failure {
    let mut number = 0u32;
    loop {
        let Some(mut call) = requests.recv().await else { return failure::link_closed() };
        loop {
            // The relay refuses more open requests than this; each answer gives one credit back. [DELIV-86]
            match credit.try_acquire() {
                Ok(permit) => permit.forget(),
                Err(_) => {
                    if let Err(error) = sender.flush().await {
                        return failure::from_link(error);
                    }
                    match credit.acquire().await {
                        Ok(permit) => permit.forget(),
                        Err(_) => return failure::link_closed(),
                    }
                }
            }
            number = number.wrapping_add(1);
            let message = ToRelay::Request(NumberedRequest { number, request: call.request }).to_bytes();
            let asked = Asked { bytes: message.len(), answer: call.answer };
            if opened.send((number, asked)).await.is_err() {
                return failure::link_closed();
            }
            if let Err(error) = sender.send(&message).await {
                return failure::from_link(error);
            }
            match requests.try_recv() {
                Ok(next) => call = next,
                Err(_) => break,
            }
        }
        if let Err(error) = sender.flush().await {
            return failure::from_link(error);
        }
    }
}

/// Hands answers to whoever asked and everything else to the engine, and notices a dead link.
async fn read(
    mut receiver: LinkReceiver,
    mut opened: mpsc::Receiver<(u32, Asked)>,
    events: &mpsc::Sender<SessionEvent>,
    (calls, credit, carried): (&Calls, &Semaphore, &AtomicU64),
) -> Failure {
    let mut open: HashMap<u32, Asked> = HashMap::new();
    loop {
        let heard = Instant::now();
        let message = match timeout_at(heard + PING_AFTER, next_message(&mut receiver)).await {
            Ok(message) => message,
            Err(_) => {
                // The answer is not waited for here: any message shows that the link lives.
                let _ = calls.start(Request::Ping(Nothing {}));
                match timeout_at(heard + DEAD_AFTER, next_message(&mut receiver)).await {
                    Ok(message) => message,
                    Err(_) => return failure::silent_relay(),
                }
            }
        };
        let event = match message {
            Err(failure) => return failure,
            Ok(FromRelay::Answer(answered)) => {
                while let Ok((number, asked)) = opened.try_recv() {
                    open.insert(number, asked);
                }
                let Some(asked) = open.remove(&answered.number) else { return failure::protocol() };
                credit.add_permits(1);
                let answer_bytes = if let Answer::Segment(segment) = &answered.answer { segment.len() } else { 0 };
                carried.fetch_add((asked.bytes + answer_bytes) as u64, Ordering::Relaxed);
                // Whoever asked may have stopped waiting.
                let _ = asked.answer.send(answered.answer);
                continue;
            }
            Ok(FromRelay::Push(push)) => SessionEvent::Push(push),
            Ok(FromRelay::PushDirect(item)) => SessionEvent::PushDirect(item),
            Ok(FromRelay::NewsHint(_)) => SessionEvent::NewsHint,
            Ok(FromRelay::PushStatus(status)) => SessionEvent::Status(status.into_vec()),
            Ok(FromRelay::PushAgain(asked)) => SessionEvent::Again(asked),
            Ok(FromRelay::Goodbye(refusal)) => return failure::from_refusal(refusal),
            Ok(FromRelay::Ready(_) | FromRelay::Enrolled(_)) => return failure::protocol(),
        };
        if events.send(event).await.is_err() {
            return failure::link_closed();
        }
    }
}

#[cfg(test)]
mod tests;
