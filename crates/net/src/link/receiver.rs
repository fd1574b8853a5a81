//! Receiving half of a link (protocol-spec/04-link, sections 5, 6).

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use amanat_noise::{Opener, TAG_LEN};
use amanat_wire::frame::{Assembler, FRAME_SIZES};
use tokio::{
    io::{AsyncRead, AsyncReadExt, ReadBuf, ReadHalf},
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsStream;

use super::{INCOMING, LinkError, ProtocolFault, STALLED};
use crate::socket::Socket;

/// Read at once when nothing is known of what comes; on the stack, so that an idle link holds no buffer.
const FIRST_READ: usize = 4 * 1024;

/// Content of one TLS record, and the least that is read at once in the middle of a large frame.
const RECORD: usize = 16 * 1024;

/// Receives messages. Holds nothing between messages while none arrives; inside one, what has arrived of it (doubled at
/// most) and one frame.
pub struct LinkReceiver {
    tls: ReadHalf<TlsStream<Socket>>,
    opener: Opener,
    assembler: Assembler,
    /// Received and still sealed: `input[start..]`.
    input: Vec<u8>,
    start: usize,
    /// Until when the frame or message that has begun must go on.
    deadline: Option<Instant>,
    ended: Option<Result<(), LinkError>>,
}

/// What the bytes at hand make.
enum Step {
    Message(Vec<u8>),
    Frame,
    /// So many more bytes are needed.
    More(usize),
}

impl LinkReceiver {
    pub(super) fn new(tls: ReadHalf<TlsStream<Socket>>, opener: Opener) -> Self {
        let assembler = Assembler::new();
        Self { tls, opener, assembler, input: Vec::new(), start: 0, deadline: None, ended: None }
    }

    /// The next message; `None` once the other side has said farewell between messages. Waits without limit for a
    /// message to begin, but ends the link if one that has begun makes no progress for [`STALLED`].
    ///
    /// Cancel safe: all progress is kept in `self`, so the future may be dropped at any time, as in a `select!`, and
    /// nothing is lost.
    ///
    /// # Errors
    /// Any [`LinkError`] but `Message` and `GivenUp`; the link has ended, and the same is answered from then on.
    pub async fn recv(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        if let Some(end) = self.ended {
            return end.map(|()| None);
        }
        let outcome = self.next_message().await;
        if !matches!(outcome, Ok(Some(_))) {
            self.ended = Some(outcome.as_ref().map(|_| ()).map_err(|error| *error));
            (self.input, self.assembler) = (Vec::new(), Assembler::new());
        }
        outcome
    }

    async fn next_message(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        loop {
            let needed = match self.step()? {
                Step::Message(message) => return Ok(Some(message)),
                Step::Frame => continue,
                Step::More(needed) => needed,
            };
            if self.between_messages() {
                self.deadline = None;
            } else {
                // [LINK-18]
                self.deadline.get_or_insert_with(|| Instant::now() + STALLED);
            }
            let deadline = self.deadline;
            let read = poll_fn(|cx| self.poll_more(cx, needed));
            let count = match deadline {
                Some(deadline) => timeout_at(deadline, read).await.map_err(|_| LinkError::Timeout)?,
                None => read.await,
            };
            match count {
                Ok(0) if self.between_messages() => return Ok(None),
                Ok(0) => return Err(LinkError::Closed),
                Ok(_) => {}
                Err(error) => return Err(LinkError::from_io(&error)),
            }
        }
    }

    fn between_messages(&self) -> bool {
        self.start == self.input.len() && self.assembler.is_idle()
    }

    /// Opens the frame at the front of what has been received, if it is complete.
    fn step(&mut self) -> Result<Step, LinkError> {
        let held = self.input.get(self.start..).unwrap_or_default();
        let Some((prefix, rest)) = held.split_first_chunk::<2>() else {
            return Ok(Step::More(2 - held.len()));
        };
        let length = usize::from(u16::from_be_bytes(*prefix));
        // [LINK-15]: before anything is allocated or waited for.
        if !FRAME_SIZES.iter().any(|size| size + TAG_LEN == length) {
            return Err(LinkError::Protocol(ProtocolFault::FrameLength));
        }
        let Some(sealed) = rest.get(..length) else {
            return Ok(Step::More(length - rest.len()));
        };
        let message = INCOMING.with_borrow_mut(|scratch| {
            let opened = self.opener.open(sealed, scratch);
            let frame = opened.ok().and_then(|length| scratch.get(..length)).ok_or(ProtocolFault::Seal)?;
            self.assembler.push(frame).map_err(ProtocolFault::Frame)
        });
        self.start += 2 + length;
        self.deadline = None;
        Ok(message.map_err(LinkError::Protocol)?.map_or(Step::Frame, Step::Message))
    }

    /// Reads once, into `input`; the bytes read, 0 at the end.
    fn poll_more(&mut self, cx: &mut Context<'_>, needed: usize) -> Poll<io::Result<usize>> {
        self.input.drain(..self.start);
        self.start = 0;
        // [LINK-17]
        if self.input.is_empty() && self.input.capacity() <= RECORD {
            self.input = Vec::new();
            let mut first = [0; FIRST_READ];
            let mut read = ReadBuf::new(&mut first);
            ready!(Pin::new(&mut self.tls).poll_read(cx, &mut read))?;
            self.input.extend_from_slice(read.filled());
            return Poll::Ready(Ok(self.input.len()));
        }
        // A length is only a claim: room is made for it as it comes.
        self.input.reserve(needed.min(self.input.len().max(RECORD)));
        let outcome = pin!(self.tls.read_buf(&mut self.input)).poll(cx);
        if outcome.is_pending() && self.between_messages() {
            self.input = Vec::new();
        }
        outcome
    }
}

#[cfg(test)]
impl LinkReceiver {
    pub(super) fn held(&self) -> usize {
        self.input.capacity()
    }

    pub(super) fn into_inner(self) -> ReadHalf<TlsStream<Socket>> {
        self.tls
    }
}
