//! Sending half of a link (protocol-spec/04-link, sections 5, 6).

use std::future::Future;
use std::{io, time::Duration};

use amanat_noise::{Sealer, TAG_LEN};
use amanat_wire::frame::FrameWriter;
use tokio::{
    io::{AsyncWriteExt, WriteHalf},
    time::timeout,
};
use tokio_rustls::TlsStream;

use super::{LinkError, OUTGOING, STALLED};
use crate::socket::Socket;

/// Sealed bytes that wait here before they are written: two of the largest frames.
const HIGH_WATER: usize = 128 * 1024;

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// Sends messages. Holds at most 192 KiB, and nothing after [`flush`](Self::flush).
pub struct LinkSender {
    tls: WriteHalf<TlsStream<Socket>>,
    sealer: Sealer,
    out: Vec<u8>,
    written: usize,
    inside_message: bool,
    ended: Option<LinkError>,
}

impl LinkSender {
    pub(super) fn new(tls: WriteHalf<TlsStream<Socket>>, sealer: Sealer) -> Self {
        Self { tls, sealer, out: Vec::new(), written: 0, inside_message: false, ended: None }
    }

    /// Seals `message` (1 byte to `wire::frame::MAX_MESSAGE`) and keeps what fits in the buffer, writing what does not.
    /// Call [`flush`](Self::flush) when no further message is at hand.
    ///
    /// Dropping the future of a message that fits one frame sends all of it or nothing; of a longer one, it may end
    /// the link with [`LinkError::GivenUp`].
    ///
    /// # Errors
    /// [`LinkError::Message`], after which the link goes on; any other error has ended it.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), LinkError> {
        self.usable()?;
        let mut frames = FrameWriter::new(message).map_err(LinkError::Message)?;
        while frames.next_size().is_some() {
            if self.out.len() >= HIGH_WATER {
                self.write_out().await?;
            }
            self.seal_next(&mut frames)?;
            self.inside_message = frames.next_size().is_some();
        }
        Ok(())
    }

    /// Hands all that was sent to the operating system, and lets go of the buffer. May be dropped and called again.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub async fn flush(&mut self) -> Result<(), LinkError> {
        self.usable()?;
        self.write_out().await?;
        let flushed = progress(self.tls.flush()).await;
        self.note(flushed)?;
        // [LINK-17]
        self.out = Vec::new();
        Ok(())
    }

    /// Sends `messages` and flushes.
    ///
    /// # Errors
    /// As for [`send`](Self::send); the messages before a refused one are sent, but perhaps not flushed.
    pub async fn send_all<M: AsRef<[u8]>>(&mut self, messages: impl IntoIterator<Item = M>) -> Result<(), LinkError> {
        for message in messages {
            self.send(message.as_ref()).await?;
        }
        self.flush().await
    }

    /// Flushes and says farewell, so that the other side's `recv` gives `None`; waits at most 5 s. A link that is
    /// dropped without this looks cut to the other side.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub async fn shutdown(mut self) -> Result<(), LinkError> {
        let farewell = async {
            self.flush().await?;
            self.tls.shutdown().await.map_err(|error| LinkError::from_io(&error))
        };
        timeout(FAREWELL, farewell).await.unwrap_or(Err(LinkError::Timeout))
    }

    fn usable(&mut self) -> Result<(), LinkError> {
        if self.inside_message {
            self.ended.get_or_insert(LinkError::GivenUp);
        }
        self.ended.map_or(Ok(()), Err)
    }

    /// Seals the next frame at the end of `out`.
    fn seal_next(&mut self, frames: &mut FrameWriter<'_>) -> Result<(), LinkError> {
        let sealed = OUTGOING.with_borrow_mut(|scratch| {
            let frame = frames.write_next(scratch)?;
            let length = u16::try_from(frame.len() + TAG_LEN).ok()?;
            let begin = self.out.len() + 2;
            self.out.reserve_exact(2 + usize::from(length));
            self.out.extend_from_slice(&length.to_be_bytes());
            self.out.resize(begin + usize::from(length), 0);
            self.sealer.seal(frame, self.out.get_mut(begin..)?).ok()
        });
        // Only the last nonce can bring this about, after 2^64 frames; the link ends and a new one has new keys.
        self.note(sealed.map(|_| ()).ok_or(LinkError::Closed))
    }

    async fn write_out(&mut self) -> Result<(), LinkError> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match progress(self.tls.write(rest)).await {
                Ok(0) => return self.note(Err(LinkError::Closed)),
                Ok(count) => self.written += count,
                Err(error) => return self.note(Err(error)),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    fn note(&mut self, result: Result<(), LinkError>) -> Result<(), LinkError> {
        if let Err(error) = result {
            self.ended = Some(error);
            self.out = Vec::new();
            self.written = 0;
        }
        result
    }
}

/// Ends what makes no progress.
async fn progress<T>(work: impl Future<Output = io::Result<T>>) -> Result<T, LinkError> {
    // [LINK-18]
    match timeout(STALLED, work).await {
        Ok(result) => result.map_err(|error| LinkError::from_io(&error)),
        Err(_) => Err(LinkError::Timeout),
    }
}

#[cfg(test)]
impl LinkSender {
    pub(super) fn held(&self) -> usize {
        self.out.capacity()
    }

    pub(super) fn into_inner(self) -> WriteHalf<TlsStream<Socket>> {
        self.tls
    }
}
