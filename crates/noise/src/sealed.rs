//! Sealed keys (protocol-spec/04-link, section 8): a fresh key for one reader, from one author, in one message.
//!
//! ```text
//! Noise_Xpsk1_25519_ChaChaPoly_BLAKE2s, payload = the key:
//!   <- s
//!   -> e, es, s, ss, psk       112 bytes
//! psk      = the secret of an X-Wing encapsulation to the reader's certified key
//! prologue = "amanat/1 sealed key" || opaque context[32]
//! struct { opaque encapsulated[1120]; opaque message[112]; } SealedKey;
//! ```
//! X shows the reader who the author is, and X-Wing keeps the key from whoever keeps the file for a quantum computer. The
//! reader could make such a message in the author's name to itself: so what lies under the key is signed as well.

use amanat_primitives::{
    CryptoRngCore, Digest, Label, Secret,
    agree::{NoisePublic, NoiseSecret},
    sealing::{SealingCiphertext, SealingPublic, SealingSecret},
};
use snow::{Builder, params::NoiseParams};

use crate::{NoiseError, TAG_LEN, resolver::Resolver};

/// Name of the pattern and its algorithms.
pub const SEALED_PATTERN: &str = "Noise_Xpsk1_25519_ChaChaPoly_BLAKE2s";
/// Bytes of the key.
const KEY: usize = 16;
/// Bytes of the Noise message: ephemeral key, sealed static key, sealed payload.
const MESSAGE: usize = 32 + (32 + TAG_LEN) + (KEY + TAG_LEN);
/// Bytes of a sealed key.
pub const SEALED_KEY_LEN: usize = SealingCiphertext::LEN + MESSAGE;

/// A key sealed to one reader.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey(Vec<u8>);

impl SealedKey {
    /// Seals `key` to the reader with these certified keys. `context` is the hash of all that it is for.
    ///
    /// # Errors
    /// [`NoiseError::Sealed`] where the reader's keys are none, [`NoiseError::Library`].
    pub fn seal(
        key: &Secret<KEY>,
        author: &NoiseSecret,
        (noise, sealing): (&NoisePublic, &SealingPublic),
        context: &Digest,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<Self, NoiseError> {
        let (encapsulated, psk) = sealing.encapsulate(rng).ok_or(NoiseError::Sealed)?;
        let message = write(author, noise, &prologue(context), &psk, Secret::random(rng), key.expose_secret())?;
        Ok(Self([encapsulated.as_bytes().as_slice(), &message].concat()))
    }

    /// Opens it as the reader.
    ///
    /// # Errors
    /// [`NoiseError::Sealed`] unless it was sealed by `author` to this reader for the same context.
    pub fn open(
        &self,
        (noise, sealing): (&NoiseSecret, &SealingSecret),
        author: &NoisePublic,
        context: &Digest,
    ) -> Result<Secret<KEY>, NoiseError> {
        let (encapsulated, message) = self.0.split_at_checked(SealingCiphertext::LEN).ok_or(NoiseError::Sealed)?;
        let encapsulated = encapsulated.try_into().map_err(|_| NoiseError::Sealed)?;
        let psk = sealing.decapsulate(&SealingCiphertext::from_bytes(encapsulated)).ok_or(NoiseError::Sealed)?;
        let (payload, remote) = read(noise, &prologue(context), &psk, message)?;
        // [ID-56]
        if remote != *author {
            return Err(NoiseError::Sealed);
        }
        Secret::from_slice(&payload).ok_or(NoiseError::Sealed)
    }

    /// As it is stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// From what was stored.
    ///
    /// # Errors
    /// [`NoiseError::Sealed`] for another length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NoiseError> {
        if bytes.len() == SEALED_KEY_LEN { Ok(Self(bytes.to_vec())) } else { Err(NoiseError::Sealed) }
    }
}

fn prologue(context: &Digest) -> Vec<u8> {
    [Label::SEALED_KEY.as_str().as_bytes(), context.as_bytes()].concat()
}

fn builder<'a>(
    own: &'a NoiseSecret,
    prologue: &'a [u8],
    psk: &'a Secret<32>,
    ephemeral: Secret<32>,
) -> Result<Builder<'a>, snow::Error> {
    let pattern: NoiseParams = SEALED_PATTERN.parse()?;
    Builder::with_resolver(pattern, Box::new(Resolver::new(ephemeral)))
        .prologue(prologue)?
        .psk(1, psk.expose_secret())?
        .local_private_key(own.secret().expose_secret())
}

pub(crate) fn write(
    author: &NoiseSecret,
    reader: &NoisePublic,
    prologue: &[u8],
    psk: &Secret<32>,
    ephemeral: Secret<32>,
    payload: &[u8],
) -> Result<Vec<u8>, NoiseError> {
    let builder = builder(author, prologue, psk, ephemeral).map_err(|_| NoiseError::Library)?;
    let state = builder.remote_public_key(reader.as_bytes()).and_then(Builder::build_initiator);
    let mut message = vec![0; MESSAGE - KEY + payload.len()];
    let written = state.map_err(|_| NoiseError::Library)?.write_message(payload, &mut message);
    match written {
        Ok(length) if length == message.len() => Ok(message),
        _ => Err(NoiseError::Sealed),
    }
}

/// The payload, and whose static key it came from.
pub(crate) fn read(
    reader: &NoiseSecret,
    prologue: &[u8],
    psk: &Secret<32>,
    message: &[u8],
) -> Result<(Vec<u8>, NoisePublic), NoiseError> {
    // A reader draws nothing at random in this pattern.
    let builder = builder(reader, prologue, psk, Secret::take(&mut [0; 32])).map_err(|_| NoiseError::Library)?;
    let mut state = builder.build_responder().map_err(|_| NoiseError::Library)?;
    let mut payload = vec![0; message.len()];
    let length = state.read_message(message, &mut payload).map_err(|_| NoiseError::Sealed)?;
    payload.truncate(length);
    let remote = state.get_remote_static().and_then(|key| key.try_into().ok()).ok_or(NoiseError::Library)?;
    Ok((payload, NoisePublic::from_bytes(remote)))
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    use super::*;

    struct Party {
        noise: NoiseSecret,
        sealing: SealingSecret,
    }

    impl Party {
        fn new(rng: &mut ChaCha20Rng) -> Self {
            Self { noise: NoiseSecret::from_secret(Secret::random(rng)), sealing: SealingSecret::generate(rng) }
        }
    }

    // [ID-55] [ID-56]
    #[test]
    fn a_key_opens_for_its_reader_from_its_author_for_its_purpose() {
        let rng = &mut ChaCha20Rng::seed_from_u64(5);
        let (author, reader, other) = (Party::new(rng), Party::new(rng), Party::new(rng));
        let key = Secret::random(rng);
        let (context, another) = (Digest::from_bytes([1; 32]), Digest::from_bytes([2; 32]));
        let to = (&reader.noise.public(), &reader.sealing.public());
        let sealed = SealedKey::seal(&key, &author.noise, to, &context, rng).unwrap();
        assert_eq!(sealed.as_bytes().len(), SEALED_KEY_LEN);
        let open = |sealed: &SealedKey, noise, sealing, from: &Party, context| {
            sealed.open((noise, sealing), &from.noise.public(), context).map(|key| *key.expose_secret())
        };
        let own = |sealed: &SealedKey| open(sealed, &reader.noise, &reader.sealing, &author, &context);
        assert_eq!(own(&sealed), Ok(*key.expose_secret()));
        assert!(open(&sealed, &reader.noise, &reader.sealing, &author, &another).is_err());
        assert!(open(&sealed, &reader.noise, &reader.sealing, &other, &context).is_err());
        // Either of the reader's two keys alone is not enough.
        assert!(open(&sealed, &other.noise, &reader.sealing, &author, &context).is_err());
        assert!(open(&sealed, &reader.noise, &other.sealing, &author, &context).is_err());
        for place in (0..SEALED_KEY_LEN).step_by(37) {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[place] ^= 0x10;
            assert!(own(&SealedKey::from_bytes(&bytes).unwrap()).is_err(), "byte {place}");
        }
        assert!(SealedKey::from_bytes(&sealed.as_bytes()[1..]).is_err());
    }
}
