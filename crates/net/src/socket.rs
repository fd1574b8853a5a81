//! Socket (protocol-spec/04-link, section 6): TCP that reads ahead while much arrives, and holds nothing while idle.
//!
//! The TLS library asks for 4 KiB at a time, which would be four system calls for each of its records. Once a read
//! fills what was asked for, this reads 64 KiB at a time, until a read would wait.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

const AHEAD: usize = 64 * 1024;

/// What carries the bytes.
enum Carrier {
    Tcp(TcpStream),
    #[cfg(feature = "test-util")]
    Memory(tokio::io::DuplexStream),
}

impl Carrier {
    fn read(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(tcp) => Pin::new(tcp).poll_read(cx, out),
            #[cfg(feature = "test-util")]
            Self::Memory(memory) => Pin::new(memory).poll_read(cx, out),
        }
    }
}

/// A TCP connection without delays for small writes.
pub(crate) struct Socket {
    carrier: Carrier,
    /// Allocated while much arrives; `ahead[start..end]` is not yet asked for.
    ahead: Vec<u8>,
    start: usize,
    end: usize,
    much: bool,
}

impl Socket {
    pub(crate) fn new(tcp: TcpStream) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        Ok(Self::over(Carrier::Tcp(tcp)))
    }

    /// A connection of a simulation's.
    #[cfg(feature = "test-util")]
    pub(crate) fn in_memory(memory: tokio::io::DuplexStream) -> Self {
        Self::over(Carrier::Memory(memory))
    }

    fn over(carrier: Carrier) -> Self {
        Self { carrier, ahead: Vec::new(), start: 0, end: 0, much: false }
    }

    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.ahead.capacity()
    }

    fn serve(&mut self, out: &mut ReadBuf<'_>) {
        let held = self.ahead.get(self.start..self.end).unwrap_or_default();
        let taken = held.get(..held.len().min(out.remaining())).unwrap_or_default();
        out.put_slice(taken);
        self.start += taken.len();
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.start < this.end {
            this.serve(out);
            return Poll::Ready(Ok(()));
        }
        if !this.much {
            let before = out.filled().len();
            ready!(this.carrier.read(cx, out))?;
            this.much = out.remaining() == 0 && out.filled().len() > before;
            return Poll::Ready(Ok(()));
        }
        if this.ahead.is_empty() {
            this.ahead = vec![0; AHEAD];
        }
        let mut ahead = ReadBuf::new(&mut this.ahead);
        match this.carrier.read(cx, &mut ahead) {
            Poll::Ready(Ok(())) => {
                (this.start, this.end) = (0, ahead.filled().len());
                this.serve(out);
                Poll::Ready(Ok(()))
            }
            waiting_or_failed => {
                // [LINK-17]
                this.ahead = Vec::new();
                this.much = false;
                waiting_or_failed
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().carrier {
            Carrier::Tcp(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            #[cfg(feature = "test-util")]
            Carrier::Memory(memory) => Pin::new(memory).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().carrier {
            Carrier::Tcp(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            #[cfg(feature = "test-util")]
            Carrier::Memory(memory) => Pin::new(memory).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.carrier {
            Carrier::Tcp(tcp) => tcp.is_write_vectored(),
            #[cfg(feature = "test-util")]
            Carrier::Memory(memory) => memory.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().carrier {
            Carrier::Tcp(tcp) => Pin::new(tcp).poll_flush(cx),
            #[cfg(feature = "test-util")]
            Carrier::Memory(memory) => Pin::new(memory).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().carrier {
            Carrier::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            #[cfg(feature = "test-util")]
            Carrier::Memory(memory) => Pin::new(memory).poll_shutdown(cx),
        }
    }
}
