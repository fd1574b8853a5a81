//! A link's outbox (protocol-spec/07-delivery, sections 4 and 8): what waits to be sent on one link, bounded in number
//! and bytes, in order, and empty while the link is idle.
//!
//! Answers are bounded through their requests: a request is begun only while there is room for its answer, so the
//! reader of a slow link stops reading. Pushes are bounded by dropping: a link that falls behind gets one `NewsHint`
//! once it has drained, and reads the log.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use amanat_wire::{
    Encode as _,
    client::Nothing,
    limits,
    relay::{Answer, FromRelay, NumberedAnswer, Refusal},
};
use tokio::sync::Notify;

/// Pushes that may wait on one link.
pub(crate) const PUSHES: usize = 512;
/// Bytes of pushes that may wait on one link; a single push may be larger when none waits.
pub(crate) const PUSH_BYTES: usize = 512 * 1024;
/// Bytes that the open requests of one link and their answers may hold; a single request may be larger when none is open.
pub(crate) const OPEN_BYTES: usize = 4 * limits::MESSAGE;
/// Bytes handed to the writer at a time.
const BATCH_BYTES: usize = 256 * 1024;

/// One encoded [`FromRelay`].
pub(crate) enum Outgoing {
    /// For this link alone, and how many of [`OPEN_BYTES`] it holds.
    Own(Vec<u8>),
    /// The same bytes for several links, and droppable.
    Push(Arc<[u8]>),
}

impl AsRef<[u8]> for Outgoing {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Push(bytes) => bytes,
        }
    }
}

#[derive(Default)]
struct State {
    queue: VecDeque<Outgoing>,
    /// Bytes of `Own` in the queue.
    own_bytes: usize,
    /// `Push` in the queue, and their bytes.
    pushes: usize,
    push_bytes: usize,
    /// A push was dropped; no other follows before the hint.
    behind: bool,
    /// Numbers of the open requests.
    open: Vec<u32>,
    /// Bytes reserved by them.
    reserved: usize,
    closing: Option<Closing>,
    ended: bool,
}

#[derive(Clone, Copy)]
struct Closing {
    refusal: Refusal,
    /// Waits for the answers of open requests.
    drain: bool,
    /// The writer knows.
    said: bool,
}

/// What waits to be sent on one link.
pub(crate) struct Outbox {
    state: Mutex<State>,
    /// Wakes the writer.
    filled: Notify,
    /// Wakes the reader that waits for room.
    emptied: Notify,
    /// Wakes the reader to stop.
    stopped: Notify,
}

/// What the writer does next.
pub(crate) enum Next {
    /// Send these, then ask again.
    Batch(Vec<Outgoing>),
    /// The link is closing: what follows has a time limit. Said once.
    Closing,
    /// Send this goodbye and end.
    Goodbye(Refusal),
    /// End at once.
    End,
}

/// Why a request does not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotBegun {
    /// As many are open as may be.
    TooMany,
    /// One with this number is open.
    Duplicate,
}

impl Outbox {
    /// Nothing waits.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            filled: Notify::new(),
            emptied: Notify::new(),
            stopped: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a message for this link alone.
    pub(crate) fn send(&self, message: &FromRelay) {
        self.send_encoded(message.to_bytes());
    }

    fn send_encoded(&self, bytes: Vec<u8>) {
        let mut state = self.state();
        if !state.ended {
            state.own_bytes = state.own_bytes.saturating_add(bytes.len());
            state.queue.push_back(Outgoing::Own(bytes));
            drop(state);
            self.filled.notify_one();
        }
    }

    /// Queues an encoded push, or notes that this link fell behind. Says whether it was queued.
    // [DELIV-50] [DELIV-51]
    pub(crate) fn push(&self, bytes: &Arc<[u8]>) -> bool {
        let mut state = self.state();
        if state.ended || state.closing.is_some() || state.behind {
            return false;
        }
        let full = state.pushes >= PUSHES || state.push_bytes.saturating_add(bytes.len()) > PUSH_BYTES;
        if full && state.pushes > 0 {
            state.behind = true;
            return false;
        }
        state.pushes = state.pushes.saturating_add(1);
        state.push_bytes = state.push_bytes.saturating_add(bytes.len());
        state.queue.push_back(Outgoing::Push(Arc::clone(bytes)));
        drop(state);
        self.filled.notify_one();
        true
    }

    /// Notes that something for this link exists that will not be pushed.
    pub(crate) fn hint(&self) {
        self.state().behind = true;
        self.filled.notify_one();
    }

    /// Refuses a request that was not opened.
    pub(crate) fn refuse(&self, number: u32, refusal: Refusal) {
        self.send(&FromRelay::Answer(NumberedAnswer { number, answer: Answer::Refused(refusal) }));
    }

    /// Opens the request `number`, which may hold `bytes` until it is answered.
    // [DELIV-61]
    pub(crate) fn begin(self: &Arc<Self>, number: u32, bytes: usize) -> Result<Ticket, NotBegun> {
        let mut state = self.state();
        if state.open.contains(&number) {
            return Err(NotBegun::Duplicate);
        }
        if state.open.len() >= limits::OPEN_REQUESTS {
            return Err(NotBegun::TooMany);
        }
        state.open.push(number);
        state.reserved = state.reserved.saturating_add(bytes);
        Ok(Ticket { outbox: Arc::clone(self), number, bytes, answered: false })
    }

    /// Waits until a request that may hold `bytes` has room.
    // [DELIV-62]
    pub(crate) async fn room(&self, bytes: usize) {
        loop {
            {
                let state = self.state();
                let held = state.reserved.saturating_add(state.own_bytes);
                if held == 0 || held.saturating_add(bytes) <= OPEN_BYTES || state.closing.is_some() {
                    return;
                }
            }
            self.emptied.notified().await;
        }
    }

    fn answer(&self, ticket: &Ticket, answer: Answer) {
        let number = ticket.number;
        let bytes = FromRelay::Answer(NumberedAnswer { number, answer }).to_bytes();
        let mut state = self.state();
        state.open.retain(|open| *open != number);
        if state.open.is_empty() {
            state.open = Vec::new();
        }
        state.reserved = state.reserved.saturating_sub(ticket.bytes);
        if !state.ended {
            state.own_bytes = state.own_bytes.saturating_add(bytes.len());
            state.queue.push_back(Outgoing::Own(bytes));
        }
        drop(state);
        self.filled.notify_one();
        self.emptied.notify_one();
    }

    /// Ends the link with a goodbye, after what waits has been sent (pushes apart) and, with `drain`, open requests
    /// are answered. The reader stops at once.
    pub(crate) fn close(&self, refusal: Refusal, drain: bool) {
        let mut state = self.state();
        if state.closing.is_none() {
            state.closing = Some(Closing { refusal, drain, said: false });
            state.queue.retain(|item| matches!(item, Outgoing::Own(_)));
            (state.pushes, state.push_bytes, state.behind) = (0, 0, false);
        }
        drop(state);
        self.filled.notify_one();
        self.emptied.notify_one();
        self.stopped.notify_one();
    }

    /// Nothing more is sent: the other side is gone. The reader goes on until it finds that out itself, because what was
    /// received before is worth serving: the segments of an upload need not be sent again.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        state.queue = VecDeque::new();
        (state.own_bytes, state.pushes, state.push_bytes) = (0, 0, 0);
        drop(state);
        self.filled.notify_one();
        self.emptied.notify_one();
    }

    /// Waits until the link is closing. For the reader alone.
    pub(crate) async fn stopped(&self) {
        loop {
            if self.state().closing.is_some() {
                return;
            }
            self.stopped.notified().await;
        }
    }

    /// Waits for something to send. For the writer alone.
    pub(crate) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.filled.notified().await;
        }
    }

    fn take(&self) -> Option<Next> {
        let mut state = self.state();
        if state.ended {
            return Some(Next::End);
        }
        if let Some(closing) = state.closing.as_mut().filter(|closing| !closing.said) {
            closing.said = true;
            return Some(Next::Closing);
        }
        if state.queue.is_empty() {
            return match state.closing {
                Some(closing) if !closing.drain || state.open.is_empty() => Some(Next::Goodbye(closing.refusal)),
                Some(_) => None,
                // The queue has drained: now the hint, and from here on pushes again. [DELIV-51]
                None if state.behind => {
                    state.behind = false;
                    Some(Next::Batch(vec![Outgoing::Own(FromRelay::NewsHint(Nothing {}).to_bytes())]))
                }
                None => None,
            };
        }
        let mut batch = Vec::with_capacity(state.queue.len().min(64));
        let mut bytes = 0usize;
        while bytes < BATCH_BYTES {
            let Some(item) = state.queue.pop_front() else { break };
            let len = item.as_ref().len();
            bytes = bytes.saturating_add(len);
            match &item {
                Outgoing::Own(_) => state.own_bytes = state.own_bytes.saturating_sub(len),
                Outgoing::Push(_) => {
                    state.pushes = state.pushes.saturating_sub(1);
                    state.push_bytes = state.push_bytes.saturating_sub(len);
                }
            }
            batch.push(item);
        }
        if state.queue.is_empty() {
            state.queue = VecDeque::new();
        }
        drop(state);
        self.emptied.notify_one();
        Some(Next::Batch(batch))
    }
}

/// An open request: answered exactly once, also when its handler is dropped. [WIRE-06]
pub(crate) struct Ticket {
    outbox: Arc<Outbox>,
    number: u32,
    bytes: usize,
    answered: bool,
}

impl Ticket {
    /// Answers it.
    pub(crate) fn answer(mut self, answer: Answer) {
        self.answered = true;
        self.outbox.answer(&self, answer);
    }

    /// Answers with a refusal.
    pub(crate) fn refuse(self, refusal: Refusal) {
        self.answer(Answer::Refused(refusal));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.answered {
            self.outbox.answer(self, Answer::Refused(Refusal::Failed));
        }
    }
}

#[cfg(test)]
mod tests {
    use amanat_wire::Decode as _;

    use super::*;

    fn push(text: &[u8]) -> Arc<[u8]> {
        Arc::from(text)
    }

    fn taken(outbox: &Outbox) -> Vec<Vec<u8>> {
        match outbox.take() {
            Some(Next::Batch(batch)) => batch.iter().map(|item| item.as_ref().to_vec()).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn pushes_are_bounded_and_one_hint_follows_when_drained() {
        // [DELIV-50] [DELIV-51]
        let outbox = Outbox::new();
        assert!((0..PUSHES).all(|_| outbox.push(&push(b"entry"))));
        assert!(!outbox.push(&push(b"one too many")));
        assert_eq!(taken(&outbox).len(), PUSHES);
        // Nothing is pushed between the gap and the hint, although there is room again.
        assert!(!outbox.push(&push(b"after the gap")));
        assert_eq!(taken(&outbox), vec![FromRelay::NewsHint(Nothing {}).to_bytes()]);
        assert!(outbox.take().is_none());
        assert!(outbox.push(&push(b"again")));
    }

    #[test]
    fn pushes_are_bounded_in_bytes_but_one_large_one_passes() {
        // [DELIV-50]
        let outbox = Outbox::new();
        let large = push(&vec![0; limits::BODY]);
        assert!(outbox.push(&large));
        assert!(!outbox.push(&push(b"small")));
    }

    #[test]
    fn a_request_is_answered_once_even_if_its_handler_is_lost() {
        // [DELIV-61]
        let outbox = Outbox::new();
        let ticket = outbox.begin(1, 10).unwrap();
        assert_eq!(outbox.begin(1, 10).err(), Some(NotBegun::Duplicate));
        drop(ticket);
        let sent = taken(&outbox);
        let failed = NumberedAnswer { number: 1, answer: Answer::Refused(Refusal::Failed) };
        assert_eq!(FromRelay::from_bytes(&sent[0]), Ok(FromRelay::Answer(failed)));
        let tickets: Vec<_> = (0..64).map(|number| outbox.begin(number, 1).unwrap()).collect();
        assert_eq!(outbox.begin(99, 1).err(), Some(NotBegun::TooMany));
        drop(tickets);
        assert!(outbox.begin(99, 1).is_ok());
    }

    #[tokio::test]
    async fn a_reader_waits_until_answers_were_taken() {
        // [DELIV-62]
        let outbox = Outbox::new();
        outbox.room(OPEN_BYTES * 2).await;
        let ticket = outbox.begin(1, OPEN_BYTES).unwrap();
        let waiting = tokio::spawn({
            let outbox = Arc::clone(&outbox);
            async move { outbox.room(1).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        ticket.refuse(Refusal::Unknown);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn closing_drains_answers_drops_pushes_and_says_goodbye() {
        // [DELIV-53]
        let outbox = Outbox::new();
        let ticket = outbox.begin(1, 1).unwrap();
        assert!(outbox.push(&push(b"entry")));
        outbox.close(Refusal::ShuttingDown, true);
        outbox.stopped().await;
        assert!(matches!(outbox.take(), Some(Next::Closing)));
        assert!(outbox.take().is_none());
        ticket.refuse(Refusal::Unknown);
        assert_eq!(taken(&outbox).len(), 1);
        assert!(matches!(outbox.take(), Some(Next::Goodbye(Refusal::ShuttingDown))));
        outbox.end();
        assert!(matches!(outbox.take(), Some(Next::End)));
    }

    #[test]
    fn an_idle_outbox_holds_no_buffer() {
        let outbox = Outbox::new();
        assert!(outbox.push(&push(b"entry")));
        drop(outbox.begin(1, 1).unwrap());
        assert_eq!(taken(&outbox).len(), 2);
        let state = outbox.state();
        assert_eq!((state.queue.capacity(), state.open.capacity()), (0, 0));
    }
}
