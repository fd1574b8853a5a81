//! One link, from the handshake to its end (protocol-spec/07-delivery, sections 2, 4 and 8).
//!
//! The handshake runs in a task of its own, so that the state it needs goes with it. What stays of an idle link are two
//! small tasks: one waits for messages, one for something to send.

use std::{sync::Arc, time::Duration};

use amanat_net::{Incoming, Link, LinkReceiver, LinkSender};
use amanat_primitives::Timestamp;
use amanat_wire::{
    Encode as _,
    relay::{Enrolled, FromRelay, Ready, Refusal},
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    admission::{Complete, HalfOpen},
    greeting::{self, Greeted, Who},
    outbox::{Next, NotBegun, Outbox},
    requests::{self, Asker, Lane},
    session::{HELLO_TIME, Session, Step},
    shared::Shared,
};

/// Held by every task of a link: when the last is dropped, a shutdown has drained.
pub(crate) type Alive = mpsc::Sender<()>;

/// A last answer and a goodbye may take so long; then the link is dropped.
const LAST_WORDS: Duration = Duration::from_secs(4);
/// The longest that a device which sends too many bytes is made to wait at a time.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Serves one connection: to be spawned. It, and what it leaves behind, holds `alive` to its end.
pub(crate) async fn serve(shared: Arc<Shared>, incoming: Incoming, half_open: HalfOpen, alive: Alive) {
    let peer = incoming.peer();
    let link = tokio::select! {
        biased;
        link = incoming.handshake() => link,
        () = half_open.dropped() => {
            shared.counters.dropped_half_open();
            return;
        }
        () = shared.closing() => return,
    };
    let mut link = match link {
        Ok(link) => link,
        Err(error) => {
            tracing::debug!(%peer, %error, "a handshake failed");
            shared.counters.failed_handshakes();
            return;
        }
    };
    let greeted = tokio::select! {
        biased;
        greeted = greet(&shared, &mut link) => greeted,
        () = half_open.dropped() => {
            shared.counters.dropped_half_open();
            return;
        }
        // Without a word: whoever it is has not spoken yet, or is not known yet.
        () = shared.closing() => return,
    };
    match greeted {
        Ok(greeted) => match half_open.complete() {
            Some(complete) => start(&shared, link, greeted, complete, alive),
            None => farewell(link.sender, Refusal::Full).await,
        },
        Err(Some(refusal)) => {
            shared.counters.refused_hellos();
            farewell(link.sender, refusal).await;
        }
        Err(None) => shared.counters.failed_handshakes(),
    }
}

/// Waits for the hello and verifies it. Until its first message has come, nothing is sent to the other side, whose key
/// anyone could have named who stole the relay's. [DELIV-44]
async fn greet(shared: &Arc<Shared>, link: &mut Link) -> Result<Greeted, Option<Refusal>> {
    let received = timeout(HELLO_TIME, link.receiver.recv()).await;
    let Ok(Ok(Some(bytes))) = received else {
        tracing::debug!(peer = %link.peer, "no hello");
        return Err(None);
    };
    match Session::Greeting.receive(&bytes) {
        Step::Greet(identity) => greeting::greet(shared, identity, &link.remote).await.map_err(Some),
        Step::End(refusal) => Err(Some(refusal)),
        Step::Serve(..) | Step::Refuse(..) => Err(Some(Refusal::Malformed)),
    }
}

async fn farewell(mut sender: LinkSender, refusal: Refusal) {
    let words = async {
        sender.send(&FromRelay::Goodbye(refusal).to_bytes()).await?;
        sender.shutdown().await
    };
    if !matches!(timeout(LAST_WORDS, words).await, Ok(Ok(()))) {
        tracing::trace!("a goodbye was not taken");
    }
}

/// Starts the two tasks of a verified link.
fn start(shared: &Arc<Shared>, link: Link, greeted: Greeted, complete: Complete, alive: Alive) {
    let outbox = Outbox::new();
    if let Some(receipt) = greeted.receipt {
        outbox.send(&FromRelay::Enrolled(Enrolled { receipt }));
    }
    let status = shared.status.latest();
    let (now, incarnation) = (shared.now(), shared.store.incarnation());
    outbox.send(&FromRelay::Ready(Ready { now, incarnation, status: status.clone() }));
    match greeted.who {
        Who::Device(subject) => {
            tracing::debug!(device = %greeted.id, peer = %link.peer, "a device is connected");
            // [DELIV-52] Only now, with its hello verified, does it displace the device's older link.
            if let Some(older) = shared.live.insert(subject.clone(), Arc::clone(&outbox)) {
                older.close(Refusal::Displaced, false);
            }
            // [DELIV-90] It may have been revoked between its hello and here.
            if shared.status.is_revoked(&subject) {
                outbox.close(Refusal::Revoked, false);
            }
        }
        Who::Officer(officer) => {
            tracing::debug!(%officer, peer = %link.peer, "an officer's machine is connected");
            shared.live.add_officer(officer, Arc::clone(&outbox));
            // [DELIV-200] As for devices.
            if shared.status.is_officer_revoked(officer) {
                outbox.close(Refusal::OfficerRevoked, false);
            }
        }
    }
    // What happened while this link was not in the table yet.
    let latest = shared.status.latest();
    if latest != status {
        outbox.send(&FromRelay::PushStatus(latest));
    }
    let (telling, id) = (Arc::clone(shared), greeted.id);
    amanat_store::blocking::start(move || crate::again::tell_newly_connected(&telling, id));
    if !shared.is_open() {
        outbox.close(Refusal::ShuttingDown, true);
    }
    let reader = Box::new(Reader {
        asker: Arc::new(Asker {
            shared: Arc::clone(shared),
            id: greeted.id,
            meter: shared.rates.of(greeted.id, Instant::now()),
        }),
        outbox: Arc::clone(&outbox),
        receiver: link.receiver,
        session: greeted.session,
        valid_until: greeted.valid_until,
        lane: None,
        _complete: complete,
        _alive: alive.clone(),
    });
    tokio::spawn(reader.run());
    tokio::spawn(write(Box::new(link.sender), outbox, alive));
}

struct Reader {
    asker: Arc<Asker>,
    outbox: Arc<Outbox>,
    receiver: LinkReceiver,
    session: Session,
    valid_until: Timestamp,
    /// Requests about documents, which are carried out one after the other.
    lane: Option<Lane>,
    _complete: Complete,
    _alive: Alive,
}

impl Reader {
    // In a box, and what serving a message takes in another: so that the task of an idle link is hardly more than its
    // waiting.
    async fn run(mut self: Box<Self>) {
        let reason = self.read().await;
        tracing::debug!(id = %self.asker.id, reason, "a link ends");
        let (live, now) = (&self.asker.shared.live, self.asker.shared.now());
        if matches!(self.session, Session::Device | Session::Pending) {
            live.remove(&self.asker.id, &self.outbox, now);
        } else {
            live.remove_officer(&self.outbox);
        }
    }

    /// Reads and serves until the link ends; says why it did.
    async fn read(&mut self) -> &'static str {
        loop {
            let received = tokio::select! {
                biased;
                () = self.outbox.stopped() => return "closed by the relay",
                received = timeout(self.session.patience(), self.receiver.recv()) => received,
            };
            let bytes = match received {
                // [DELIV-65]
                Err(_) => {
                    self.outbox.end();
                    return "silent for too long";
                }
                Ok(Ok(Some(bytes))) => bytes,
                Ok(Ok(None)) => {
                    self.outbox.end();
                    return "ended by the other side";
                }
                Ok(Err(error)) => {
                    self.outbox.end();
                    tracing::debug!(id = %self.asker.id, %error, "a link broke");
                    return "broken";
                }
            };
            let mut step = self.session.receive(&bytes);
            if matches!(step, Step::Refuse(_, Refusal::NotApproved)) && self.is_approved_now() {
                self.session = Session::Device;
                step = self.session.receive(&bytes);
            }
            if let Some(refusal) = Box::pin(self.carry_out(step, bytes.len())).await {
                self.outbox.close(refusal, false);
                return "refused";
            }
        }
    }

    /// A device that waited for it was approved since, or waits for nobody any more.
    fn is_approved_now(&self) -> bool {
        crate::devices::is_pending(&self.asker.shared, self.asker.id).is_ok_and(|pending| !pending)
    }

    /// Carries a step out; a refusal ends the link.
    async fn carry_out(&mut self, step: Step, size: usize) -> Option<Refusal> {
        let (number, request) = match step {
            Step::Serve(number, request) => (number, Ok(request)),
            Step::Refuse(number, refusal) => (number, Err(refusal)),
            Step::End(refusal) => return Some(refusal),
            Step::Greet(_) => return Some(Refusal::Malformed),
        };
        let asker = &self.asker;
        // [DELIV-66] Nobody is served beyond the end of what was verified.
        if asker.shared.now() > self.valid_until.after(Timestamp::CLOCK_TOLERANCE) {
            return Some(Refusal::Expired);
        }
        // [DELIV-60]
        let now = Instant::now();
        let in_time = asker.meter.request(now);
        let pause = asker.meter.bytes(size, now).min(LONGEST_PAUSE);
        if !pause.is_zero() {
            tokio::select! {
                biased;
                () = self.outbox.stopped() => return None,
                () = tokio::time::sleep(pause) => {}
            }
        }
        let held = size.saturating_add(request.as_ref().map_or(0, requests::room));
        self.outbox.room(held).await;
        let ticket = match self.outbox.begin(number, held) {
            Ok(ticket) => ticket,
            // [WIRE-05]
            Err(NotBegun::Duplicate) => return Some(Refusal::Malformed),
            Err(NotBegun::TooMany) => {
                asker.shared.counters.too_fast();
                self.outbox.refuse(number, Refusal::TooFast);
                return None;
            }
        };
        match request {
            Err(refusal) => ticket.refuse(refusal),
            Ok(_) if !in_time => {
                asker.shared.counters.too_fast();
                ticket.refuse(Refusal::TooFast);
            }
            Ok(request) => {
                asker.shared.counters.requests();
                requests::serve(asker, &mut self.lane, ticket, request).await;
            }
        }
        None
    }
}

/// Sends what waits until the link ends.
async fn write(mut sender: Box<LinkSender>, outbox: Arc<Outbox>, _alive: Alive) {
    let mut last_words: Option<Instant> = None;
    loop {
        let next = match last_words {
            None => outbox.next().await,
            // [DELIV-53] From the closing on there is a limit to what is waited for.
            Some(until) => timeout_at(until, outbox.next()).await.unwrap_or(Next::End),
        };
        let sent = match next {
            Next::Batch(batch) => sender.send_all(batch).await,
            Next::Goodbye(refusal) => {
                Box::pin(farewell(*sender, refusal)).await;
                break;
            }
            Next::Closing => {
                last_words = Some(Instant::now() + LAST_WORDS);
                continue;
            }
            Next::End => break,
        };
        if let Err(error) = sent {
            tracing::trace!(%error, "a link cannot be written to");
            break;
        }
    }
    outbox.end();
}
