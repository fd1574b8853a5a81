//! Link (protocol-spec/04-link, sections 5, 6): whole messages over an established connection, each direction alone.
//!
//! ```text
//! struct { uint16 length; opaque sealed[length]; }     // length: 272, 1040, 4112, 16400 or 65535
//! ```

mod receiver;
mod sender;

use std::{cell::RefCell, io, net::SocketAddr, time::Duration};

use amanat_noise::{Channel, MAX_SEALED};
use amanat_primitives::agree::NoisePublic;
use amanat_wire::frame::{FrameError, MAX_FRAME};
use tokio_rustls::TlsStream;

pub use receiver::LinkReceiver;
pub use sender::LinkSender;

use crate::socket::Socket;

/// How long a frame may be incomplete, a message wait for its next frame, or the other side take nothing of what is
/// sent. Time between messages is not limited here.
pub const STALLED: Duration = Duration::from_secs(30);

/// What was negotiated, for display; all but the suite can have one value only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkFacts {
    /// Version of TLS.
    pub tls: &'static str,
    /// Key exchange of TLS.
    pub key_exchange: &'static str,
    /// Cipher suite of TLS.
    pub cipher_suite: &'static str,
    /// Pattern and algorithms of Noise.
    pub noise: &'static str,
}

/// An established link: TLS and Noise are up.
///
/// On the relay, `remote` is a claim until [`LinkReceiver::recv`] has given a first message: whoever stole the relay's
/// keys can begin a handshake in any device's name. Until then the relay sends nothing and displaces no session.
pub struct Link {
    /// Noise static key of the other side.
    pub remote: NoisePublic,
    /// Address of the other side.
    pub peer: SocketAddr,
    /// What was negotiated.
    pub facts: LinkFacts,
    /// The sending half.
    pub sender: LinkSender,
    /// The receiving half.
    pub receiver: LinkReceiver,
}

impl Link {
    pub(crate) fn new(stream: TlsStream<Socket>, channel: Channel, facts: LinkFacts, peer: SocketAddr) -> Self {
        let remote = *channel.remote();
        let (sealer, opener) = channel.split();
        let (read, write) = tokio::io::split(stream);
        let (sender, receiver) = (LinkSender::new(write, sealer), LinkReceiver::new(read, opener));
        Self { remote, peer, facts, sender, receiver }
    }
}

/// Why a link has ended, or a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The connection is gone, perhaps in the middle of a message. Dial again.
    #[error("the connection was lost")]
    Closed,
    /// The other side stalled for [`STALLED`] in the middle of a frame or message. Dial again.
    #[error("the other side stopped in the middle of a message")]
    Timeout,
    /// The other side does not keep to the protocol, or something between alters what is sent. Dial again; if it
    /// comes back, one side has a fault or needs a newer version.
    #[error("the other side does not keep to the link's protocol: {0}")]
    Protocol(ProtocolFault),
    /// The caller's message is empty or too long; the link goes on.
    #[error("the message cannot be sent: {0}")]
    Message(FrameError),
    /// The caller gave up a `send` in the middle of a message; what follows could not be told from its rest.
    #[error("a message was given up half-way")]
    GivenUp,
}

/// How the other side departed from the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolFault {
    /// A frame's length is none of the five.
    #[error("a frame's length is not allowed")]
    FrameLength,
    /// A frame does not verify.
    #[error("a frame does not verify")]
    Seal,
    /// A frame's content breaks a rule.
    #[error("{0}")]
    Frame(FrameError),
    /// A TLS record does not verify or does not belong here.
    #[error("a TLS record is wrong")]
    Tls,
}

impl LinkError {
    fn from_io(error: &io::Error) -> Self {
        // The TLS library's own errors come wrapped as invalid data; all others are the connection's.
        if error.kind() == io::ErrorKind::InvalidData { Self::Protocol(ProtocolFault::Tls) } else { Self::Closed }
    }
}

// Room for one frame's plaintext, per thread and not per link: sealing and opening never wait, so one is enough, and an
// idle link holds none. What passes through is what the link carries, mostly ciphertext of the layer above.
thread_local! {
    static OUTGOING: RefCell<[u8; MAX_FRAME]> = const { RefCell::new([0; MAX_FRAME]) };
    static INCOMING: RefCell<[u8; MAX_SEALED]> = const { RefCell::new([0; MAX_SEALED]) };
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use amanat_primitives::agree::NoiseSecret;
    use amanat_wire::frame::MAX_MESSAGE;
    use rand_core::OsRng;

    use super::*;
    use crate::{RelayTarget, RelayTlsKey, Server, dial};

    async fn links() -> (Link, Link) {
        let key = RelayTlsKey::generate().unwrap();
        let relay = NoiseSecret::generate(&mut OsRng);
        let noise_key = relay.public();
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), &key, relay, false).unwrap();
        let addresses = vec![server.local_addr().unwrap().to_string()];
        let target = RelayTarget { addresses, tls_key: key.digest(), noise_key, allow_public: false };
        let device = NoiseSecret::generate(&mut OsRng);
        let (device, relay) = tokio::join!(dial(&target, &device), async { server.accept().await.handshake().await });
        (device.unwrap(), relay.unwrap())
    }

    // [LINK-17]: after the longest message in each direction, and a short one, no buffer is left.
    #[tokio::test]
    async fn an_idle_link_holds_no_buffers() {
        let (mut device, mut relay) = links().await;
        for length in [MAX_MESSAGE, 700] {
            let message = vec![1; length];
            let there = async {
                device.sender.send_all([&message]).await.unwrap();
                assert_eq!(device.receiver.recv().await.unwrap().unwrap(), message);
            };
            let back = async {
                let received = relay.receiver.recv().await.unwrap().unwrap();
                relay.sender.send_all([received]).await.unwrap();
            };
            tokio::join!(there, back);
        }
        for link in [device, relay] {
            let Link { mut receiver, sender, .. } = link;
            {
                let mut waiting = std::pin::pin!(receiver.recv());
                std::future::poll_fn(|cx| {
                    assert!(waiting.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                })
                .await;
            }
            assert_eq!((receiver.held(), sender.held()), (0, 0));
            assert_eq!(receiver.into_inner().unsplit(sender.into_inner()).get_ref().0.held(), 0);
        }
    }
}
