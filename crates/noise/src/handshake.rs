//! Handshake (protocol-spec/04-link, section 3): IK in two messages, each step a type that the next one consumes.
//!
//! ```text
//!   <- s                      the device knows the relay's key from its certificate
//!   -> e, es, s, ss           first message, 96 bytes; the relay learns the device's key
//!   <- e, ee, se              second message, 48 bytes
//! prologue = "amanat/1 link" || uint16 version || opaque tls_exporter[32]
//! ```
//!
//! What the first message proves is weak: whoever stole the relay's static key can make one in any device's name
//! (Noise, section 7.7, payload of a first IK message). So payloads are empty, and the relay acts on nothing before a
//! frame under the finished channel has opened.

use amanat_primitives::{
    CryptoRngCore, Label, Secret,
    agree::{NoisePublic, NoiseSecret},
};
use snow::{Builder, HandshakeState, params::NoiseParams};

use crate::{Channel, NoiseError, TAG_LEN, resolver::Resolver};

/// Name of the handshake and its algorithms, which is also the first thing that both sides hash.
pub const PATTERN: &str = "Noise_IK_25519_ChaChaPoly_BLAKE2s";

/// Length of the first message in bytes: ephemeral key, sealed static key, sealed empty payload.
pub const FIRST_LEN: usize = 32 + (32 + TAG_LEN) + TAG_LEN;

/// Length of the second message in bytes: ephemeral key, sealed empty payload.
pub const SECOND_LEN: usize = 32 + TAG_LEN;

/// What a handshake is bound to: the protocol's version and the TLS connection around it.
#[derive(Clone, Copy)]
pub struct ChannelBinding {
    /// The version that both sides speak.
    pub version: u16,
    /// `tls-exporter` of the TLS connection (RFC 9266): 32 bytes that no other connection has.
    pub exporter: [u8; 32],
}

impl ChannelBinding {
    fn prologue(&self) -> Vec<u8> {
        // [LINK-07]
        [Label::LINK.as_str().as_bytes(), &self.version.to_be_bytes(), &self.exporter].concat()
    }
}

/// A device that is about to greet a relay.
pub struct Initiator(Ik);

impl Initiator {
    /// Prepares a handshake of `identity` with the relay that holds `remote`. Takes 32 bytes from `rng`.
    ///
    /// # Errors
    /// [`NoiseError::Library`].
    pub fn new(
        identity: &NoiseSecret,
        remote: &NoisePublic,
        binding: &ChannelBinding,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<Self, NoiseError> {
        Ok(Self(Ik::new(identity, Some(remote), &binding.prologue(), Secret::random(rng))?))
    }

    /// The first message.
    ///
    /// # Errors
    /// [`NoiseError::Handshake`] if the relay's key is not a usable one.
    pub fn write_first(mut self) -> Result<(AwaitingReply, [u8; FIRST_LEN]), NoiseError> {
        let message = self.0.write_empty()?;
        Ok((AwaitingReply(self.0), message))
    }
}

/// A device that has greeted a relay.
pub struct AwaitingReply(Ik);

impl AwaitingReply {
    /// Takes the relay's answer.
    ///
    /// # Errors
    /// [`NoiseError::HandshakeLength`] and [`NoiseError::Handshake`].
    pub fn read_second(mut self, message: &[u8]) -> Result<Channel, NoiseError> {
        self.0.read_empty::<SECOND_LEN>(message)?;
        self.0.finish()
    }
}

/// A relay that waits for a greeting.
pub struct Responder(Ik);

impl Responder {
    /// Prepares to be greeted as `identity`. Takes 32 bytes from `rng`.
    ///
    /// # Errors
    /// [`NoiseError::Library`].
    pub fn new(
        identity: &NoiseSecret,
        binding: &ChannelBinding,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<Self, NoiseError> {
        Ok(Self(Ik::new(identity, None, &binding.prologue(), Secret::random(rng))?))
    }

    /// Takes a device's greeting.
    ///
    /// # Errors
    /// [`NoiseError::HandshakeLength`] and [`NoiseError::Handshake`].
    pub fn read_first(mut self, message: &[u8]) -> Result<Replying, NoiseError> {
        self.0.read_empty::<FIRST_LEN>(message)?;
        Ok(Replying(self.0))
    }
}

/// A relay that has been greeted.
pub struct Replying(Ik);

impl Replying {
    /// The answer, and the channel. What the channel says of its remote is sure once its first frame has opened.
    ///
    /// # Errors
    /// [`NoiseError::Handshake`].
    pub fn write_second(mut self) -> Result<(Channel, [u8; SECOND_LEN]), NoiseError> {
        let message = self.0.write_empty()?;
        Ok((self.0.finish()?, message))
    }
}

/// Either side of the handshake; what the types above restrict to empty payloads, one order and our prologue.
pub(crate) struct Ik(HandshakeState);

impl Ik {
    /// `remote` makes it the initiator.
    pub(crate) fn new(
        identity: &NoiseSecret,
        remote: Option<&NoisePublic>,
        prologue: &[u8],
        ephemeral: Secret<32>,
    ) -> Result<Self, NoiseError> {
        let library = |_| NoiseError::Library;
        // [LINK-08]
        let pattern: NoiseParams = PATTERN.parse().map_err(library)?;
        let builder = Builder::with_resolver(pattern, Box::new(Resolver::new(ephemeral)))
            .prologue(prologue)
            .and_then(|builder| builder.local_private_key(identity.secret().expose_secret()))
            .map_err(library)?;
        let state = match remote {
            Some(remote) => builder.remote_public_key(remote.as_bytes()).and_then(Builder::build_initiator),
            None => builder.build_responder(),
        };
        Ok(Self(state.map_err(library)?))
    }

    /// Writes the next message with `payload` into `out`; the bytes written.
    pub(crate) fn write(&mut self, payload: &[u8], out: &mut [u8]) -> Result<usize, NoiseError> {
        self.0.write_message(payload, out).map_err(|_| NoiseError::Handshake)
    }

    /// Reads the next message and puts its payload into `out`; the payload's length.
    pub(crate) fn read(&mut self, message: &[u8], out: &mut [u8]) -> Result<usize, NoiseError> {
        self.0.read_message(message, out).map_err(|_| NoiseError::Handshake)
    }

    fn write_empty<const N: usize>(&mut self) -> Result<[u8; N], NoiseError> {
        let mut message = [0; N];
        // [LINK-09]
        if self.write(&[], &mut message)? == N { Ok(message) } else { Err(NoiseError::Library) }
    }

    fn read_empty<const N: usize>(&mut self, message: &[u8]) -> Result<(), NoiseError> {
        // [LINK-09]: the length leaves room for nothing but an empty payload.
        if message.len() != N {
            return Err(NoiseError::HandshakeLength);
        }
        match self.read(message, &mut [])? {
            0 => Ok(()),
            _ => Err(NoiseError::Handshake),
        }
    }

    /// Hash of all that was said, which both sides share; for test vectors.
    #[cfg(feature = "test-util")]
    pub(crate) fn handshake_hash(&self) -> Vec<u8> {
        self.0.get_handshake_hash().to_vec()
    }

    pub(crate) fn finish(self) -> Result<Channel, NoiseError> {
        let remote = self.0.get_remote_static().and_then(|key| key.try_into().ok()).ok_or(NoiseError::Library)?;
        let state = self.0.into_stateless_transport_mode().map_err(|_| NoiseError::Library)?;
        Ok(Channel::new(NoisePublic::from_bytes(remote), state))
    }
}
