//! Channel (protocol-spec/04-link, section 4): the two halves of a finished handshake, for a task each.

use std::sync::Arc;

use amanat_primitives::agree::NoisePublic;
use snow::StatelessTransportState;

use crate::NoiseError;

/// Bytes that sealing adds to a frame.
pub const TAG_LEN: usize = 16;

/// Longest sealed frame in bytes: Noise's own limit.
pub const MAX_SEALED: usize = 65_535;

/// Longest frame in bytes before it is sealed.
pub const MAX_PLAINTEXT: usize = MAX_SEALED - TAG_LEN;

/// The nonce that Noise reserves (section 5.1): frames are numbered from 0 to below it.
const RESERVED_NONCE: u64 = u64::MAX;

/// A finished handshake.
pub struct Channel {
    remote: NoisePublic,
    sealer: Sealer,
    opener: Opener,
}

impl Channel {
    pub(crate) fn new(remote: NoisePublic, state: StatelessTransportState) -> Self {
        let state = Arc::new(state);
        let sealer = Sealer { state: Arc::clone(&state), nonce: 0 };
        Self { remote, sealer, opener: Opener { state, nonce: 0, broken: false } }
    }

    /// The static key of the other side. On the relay it is sure once the first frame has opened.
    #[must_use]
    pub fn remote(&self) -> &NoisePublic {
        &self.remote
    }

    /// The two directions, which share nothing that changes.
    #[must_use]
    pub fn split(self) -> (Sealer, Opener) {
        (self.sealer, self.opener)
    }
}

/// The sending half.
pub struct Sealer {
    state: Arc<StatelessTransportState>,
    nonce: u64,
}

impl Sealer {
    /// Seals `plaintext` (at most [`MAX_PLAINTEXT`] bytes) into the front of `out`; gives the bytes written, which are
    /// `plaintext.len() + TAG_LEN`. Allocates nothing.
    ///
    /// # Errors
    /// [`NoiseError::Buffer`] and [`NoiseError::Exhausted`]; the channel is as before.
    pub fn seal(&mut self, plaintext: &[u8], out: &mut [u8]) -> Result<usize, NoiseError> {
        if plaintext.len() > MAX_PLAINTEXT || out.len() < plaintext.len() + TAG_LEN {
            return Err(NoiseError::Buffer);
        }
        // [LINK-11]: a nonce is never used twice, not even after an error.
        let (nonce, next) = advance(self.nonce)?;
        self.nonce = next;
        self.state.write_message(nonce, plaintext, out).map_err(|_| NoiseError::Library)
    }
}

/// The receiving half.
pub struct Opener {
    state: Arc<StatelessTransportState>,
    nonce: u64,
    broken: bool,
}

impl Opener {
    /// Opens `sealed` into the front of `out`, which must be at least as long as `sealed`; gives the bytes written,
    /// which are `sealed.len() - TAG_LEN`. Allocates nothing. What stands in `out` after an error is not to be used.
    ///
    /// # Errors
    /// [`NoiseError::Frame`], once and for all; [`NoiseError::Buffer`] and [`NoiseError::Exhausted`].
    pub fn open(&mut self, sealed: &[u8], out: &mut [u8]) -> Result<usize, NoiseError> {
        if self.broken {
            return Err(NoiseError::Frame);
        }
        // The library allocates if `out` has no room for the tag.
        if out.len() < sealed.len() {
            return Err(NoiseError::Buffer);
        }
        let (nonce, next) = advance(self.nonce)?;
        match self.state.read_message(nonce, sealed, out) {
            Ok(length) => {
                self.nonce = next;
                Ok(length)
            }
            Err(_) => {
                // [LINK-11]: on a reliable stream a frame that does not open is an attack or a fault, never a loss.
                self.broken = true;
                Err(NoiseError::Frame)
            }
        }
    }
}

/// This frame's nonce and the next one's.
fn advance(nonce: u64) -> Result<(u64, u64), NoiseError> {
    if nonce == RESERVED_NONCE { Err(NoiseError::Exhausted) } else { Ok((nonce, nonce + 1)) }
}

#[cfg(test)]
mod tests {
    use amanat_primitives::{Secret, agree::NoiseSecret};

    use super::*;
    use crate::handshake::Ik;

    /// An initiator's sealer and its responder's opener.
    fn pair() -> (Sealer, Opener) {
        let secret = |byte: u8| Secret::take(&mut [byte; 32]);
        let (device, relay) = (NoiseSecret::from_secret(secret(1)), NoiseSecret::from_secret(secret(2)));
        let mut a = Ik::new(&device, Some(&relay.public()), b"", secret(3)).unwrap();
        let mut b = Ik::new(&relay, None, b"", secret(4)).unwrap();
        let mut message = [0; 256];
        let first = a.write(b"", &mut message).unwrap();
        b.read(&message[..first], &mut []).unwrap();
        let second = b.write(b"", &mut message).unwrap();
        a.read(&message[..second], &mut []).unwrap();
        (a.finish().unwrap().split().0, b.finish().unwrap().split().1)
    }

    // [LINK-11]
    #[test]
    fn the_last_nonce_works_and_the_reserved_one_is_refused() {
        let (mut sealer, mut opener) = pair();
        (sealer.nonce, opener.nonce) = (u64::MAX - 1, u64::MAX - 1);
        let (mut sealed, mut opened) = ([0; 64], [0; 64]);
        let length = sealer.seal(b"last", &mut sealed).unwrap();
        assert_eq!(opener.open(&sealed[..length], &mut opened), Ok(4));
        assert_eq!(sealer.seal(b"one more", &mut sealed), Err(NoiseError::Exhausted));
        assert_eq!(opener.open(&sealed[..length], &mut opened), Err(NoiseError::Exhausted));
    }
}
