//! Noise (protocol-spec/04-link, section 3): the inner, mutually authenticated channel of a link.
//!
//! `Noise_IK_25519_ChaChaPoly_BLAKE2s` (revision 34, <https://noiseprotocol.org/noise.html>) with empty payloads, over
//! a prologue that binds it to the TLS connection around it. Read [`handshake`] first: each step is a type that the
//! next one consumes, [`Initiator`] -> [`AwaitingReply`] -> [`Channel`] on the device and [`Responder`] -> [`Replying`]
//! -> [`Channel`] on the relay; then [`channel`], whose two halves seal and open frames.
//!
//! Pure: bytes and randomness come in as arguments. A handshake takes exactly 32 bytes from its generator, the
//! ephemeral key; the Noise library's own generator is never asked. This is the only crate that names that library.
//! Absent: sockets, a clock, handshake payloads, rekeying (a link ends long before its 2^64 nonces), fallback patterns.

pub mod channel;
pub mod handshake;
mod resolver;
pub mod sealed;
#[cfg(feature = "test-util")]
pub mod testing;

pub use channel::{Channel, MAX_PLAINTEXT, MAX_SEALED, Opener, Sealer, TAG_LEN};
pub use handshake::{AwaitingReply, ChannelBinding, FIRST_LEN, Initiator, PATTERN, Replying, Responder, SECOND_LEN};
pub use sealed::{SEALED_KEY_LEN, SealedKey};

/// Why a handshake or a frame is refused. The peer must be told nothing more than that the link is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoiseError {
    /// The peer's handshake message has another length than the pattern with an empty payload gives it.
    #[error("a handshake message has the wrong length")]
    HandshakeLength,
    /// The peer's handshake message does not verify: another key, another TLS connection, altered, or out of order.
    #[error("the handshake does not verify")]
    Handshake,
    /// A frame does not verify: altered, replayed, lost or out of order. The channel opens nothing after it.
    #[error("a frame does not verify")]
    Frame,
    /// All nonces of this direction are used. (Not reached by an honest peer.)
    #[error("the channel is used up")]
    Exhausted,
    /// The caller's buffer does not hold the result, or its frame is above [`MAX_PLAINTEXT`].
    #[error("the frame does not fit the buffer")]
    Buffer,
    /// A sealed key does not open: another reader's, another author's, altered, or for something else.
    #[error("the sealed key does not open")]
    Sealed,
    /// The Noise library refuses its own parameters. (A fault of this program.)
    #[error("the Noise library refuses its parameters")]
    Library,
}
