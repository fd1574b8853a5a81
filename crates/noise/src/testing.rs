//! Testing (protocol-spec/04-link, section 3): published cases of our two patterns and of key agreement, through the code
//! that links and sealed keys use. Reading the files, and saying what becomes of each case, is the runner's.
//!
//! The cases carry payloads and prologues of their own, so they enter one step below the public types, at
//! [`Ik`](crate::handshake::Ik); the ephemeral keys enter where the caller's randomness does.

use amanat_primitives::{
    Secret,
    agree::{NoisePublic, NoiseSecret},
};
use snow::{params::DHChoice, resolvers::CryptoResolver as _};

use crate::{Channel, NoiseError, handshake::Ik, resolver::Resolver, sealed};

pub use crate::sealed::SEALED_PATTERN;

/// A message as a case tells it: its payload, and the bytes that go over the line.
pub type Told = (Vec<u8>, Vec<u8>);

/// One side of a case.
pub struct Side {
    /// Its static key.
    pub identity: NoiseSecret,
    /// Its ephemeral key.
    pub ephemeral: Secret<32>,
    /// Its prologue.
    pub prologue: Vec<u8>,
}

/// In what a case went otherwise than it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Differs {
    /// A step was refused.
    #[error(transparent)]
    Refused(#[from] NoiseError),
    /// The message with this number comes out as other bytes.
    #[error("message {0} comes out as other bytes")]
    Written(usize),
    /// The message with this number is read as another payload.
    #[error("message {0} is read as another payload")]
    Read(usize),
    /// The hashes of the handshake differ.
    #[error("the hash of the handshake differs")]
    Hash,
    /// A side takes the other for somebody else.
    #[error("a side takes the other for somebody else")]
    Remote,
    /// There are too few messages for a handshake.
    #[error("too few messages for a handshake")]
    Short,
}

/// Runs a case of [`PATTERN`](crate::PATTERN), of an initiator and a responder: each message must come out as told, and be
/// read on the other side.
///
/// # Errors
/// [`Differs`].
pub fn run_link(sides: (Side, Side), messages: &[Told], hash: Option<&[u8]>) -> Result<(), Differs> {
    let (device, relay) = sides;
    let (device_key, relay_key) = (device.identity.public(), relay.identity.public());
    let mut a = Ik::new(&device.identity, Some(&relay_key), &device.prologue, device.ephemeral)?;
    let mut b = Ik::new(&relay.identity, None, &relay.prologue, relay.ephemeral)?;
    let (handshake, transport) = messages.split_at_checked(2).ok_or(Differs::Short)?;
    let (mut wire, mut opened) = (vec![0; 65_535], vec![0; 65_535]);
    for (i, told) in handshake.iter().enumerate() {
        let (from, to) = if i == 0 { (&mut a, &mut b) } else { (&mut b, &mut a) };
        let written = from.write(&told.0, &mut wire)?;
        check(wire.get(..written), &told.1, Differs::Written(i))?;
        let read = to.read(&told.1, &mut opened)?;
        check(opened.get(..read), &told.0, Differs::Read(i))?;
    }
    if a.handshake_hash() != b.handshake_hash() || hash.is_some_and(|hash| a.handshake_hash() != hash) {
        return Err(Differs::Hash);
    }
    let (a, b): (Channel, Channel) = (a.finish()?, b.finish()?);
    if (a.remote(), b.remote()) != (&relay_key, &device_key) {
        return Err(Differs::Remote);
    }
    let ((mut a_seal, mut a_open), (mut b_seal, mut b_open)) = (a.split(), b.split());
    for (i, told) in (2..).zip(transport) {
        let (sealer, opener) = if i % 2 == 0 { (&mut a_seal, &mut b_open) } else { (&mut b_seal, &mut a_open) };
        let written = sealer.seal(&told.0, &mut wire)?;
        check(wire.get(..written), &told.1, Differs::Written(i))?;
        let read = opener.open(&told.1, &mut opened)?;
        check(opened.get(..read), &told.0, Differs::Read(i))?;
    }
    Ok(())
}

/// Runs the first message of a case of [`SEALED_PATTERN`], of an author and a reader. What follows it there has no place
/// with us.
///
/// # Errors
/// [`Differs`].
pub fn run_sealed(sides: (Side, Side), psk: &Secret<32>, told: &Told) -> Result<(), Differs> {
    let (author, reader) = sides;
    let to = reader.identity.public();
    let written = sealed::write(&author.identity, &to, &author.prologue, psk, author.ephemeral, &told.0)?;
    check(Some(written.as_slice()), &told.1, Differs::Written(0))?;
    let (payload, remote) = sealed::read(&reader.identity, &reader.prologue, psk, &told.1)?;
    check(Some(payload.as_slice()), &told.0, Differs::Read(0))?;
    if remote == author.identity.public() { Ok(()) } else { Err(Differs::Remote) }
}

fn check(made: Option<&[u8]>, told: &[u8], otherwise: Differs) -> Result<(), Differs> {
    if made == Some(told) { Ok(()) } else { Err(otherwise) }
}

/// Agrees on a key as both patterns do. `[LINK-10]`
///
/// # Errors
/// [`NoiseError::Handshake`] for a key that would give the same whatever ours is.
pub fn agree(own: &NoiseSecret, remote: &NoisePublic) -> Result<[u8; 32], NoiseError> {
    let resolver = Resolver::new(Secret::take(&mut [0; 32]));
    let mut dh = resolver.resolve_dh(&DHChoice::Curve25519).ok_or(NoiseError::Library)?;
    dh.set(own.secret().expose_secret());
    let mut out = [0; 32];
    dh.dh(remote.as_bytes(), &mut out).map_err(|_| NoiseError::Handshake)?;
    Ok(out)
}
