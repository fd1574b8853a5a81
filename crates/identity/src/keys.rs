//! Key holders (protocol-spec/03-identity, section 5): the secret halves, one type for each role.
//!
//! ```text
//! struct { uint8 version = 1; uint8 holder; opaque signing[32]; } AuthoritySecret;                       // holder 1
//! struct { uint8 version = 1; uint8 holder; opaque signing[32]; opaque noise[32]; opaque sealing[32]; }
//!                                                      OfficerSecret, AuditorSecret, DeviceSecret;       // 2, 3, 6
//! struct { uint8 version = 1; uint8 holder = 4; opaque signing[32]; opaque noise[32];
//!          opaque tls_key[32]; opaque tls_pkcs8[..]; } RelaySecret;                           // to the end, 4096 at most
//! ```
//! These are what a key file holds inside its passphrase box (a relay's: inside a file that only the relay reads).

use amanat_primitives::{
    CryptoRngCore, DeviceId, Digest, Label, Secret,
    agree::{NoisePublic, NoiseSecret},
    hash,
    sealing::{SealingPublic, SealingSecret},
    sign::{SigningKey, VerifyingKey},
};
use zeroize::Zeroizing;

use crate::KeyId;

const VERSION: u8 = 1;
/// The longest TLS key that is kept.
pub const TLS_KEY_MAX: usize = 4096;

/// Bytes that are not the secret keys they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyBytesError {
    /// Not key bytes, cut short, or too long.
    #[error("the key file's content is damaged, or of a newer version")]
    Damaged,
    /// Keys of another holder.
    #[error("the key file belongs to another kind of holder")]
    OtherHolder,
}

fn begin(holder: u8, room: usize) -> Zeroizing<Vec<u8>> {
    // The whole room at once: a vector that grows leaves copies of secrets behind.
    let mut out = Zeroizing::new(Vec::with_capacity(2 + room));
    out.extend_from_slice(&[VERSION, holder]);
    out
}

// [ID-09]
fn open(bytes: &[u8], expected: u8) -> Result<&[u8], KeyBytesError> {
    match bytes.split_first_chunk() {
        Some(([VERSION, holder], rest)) if *holder == expected => Ok(rest),
        Some(([VERSION, _], _)) => Err(KeyBytesError::OtherHolder),
        _ => Err(KeyBytesError::Damaged),
    }
}

fn next(bytes: &[u8]) -> Result<(Secret<32>, &[u8]), KeyBytesError> {
    let (head, rest) = bytes.split_at_checked(32).ok_or(KeyBytesError::Damaged)?;
    Ok((Secret::from_slice(head).ok_or(KeyBytesError::Damaged)?, rest))
}

fn all_read(bytes: &[u8]) -> Result<(), KeyBytesError> {
    if bytes.is_empty() { Ok(()) } else { Err(KeyBytesError::Damaged) }
}

/// The authority's root key. Lives offline, in a passphrase-protected file.
pub struct AuthorityKeys {
    signing: SigningKey,
}

impl AuthorityKeys {
    const HOLDER: u8 = 1;

    /// Fresh from `rng`.
    pub fn create(rng: &mut dyn CryptoRngCore) -> Self {
        Self { signing: SigningKey::generate(rng) }
    }

    pub(crate) fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// The root key's public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        self.signing.verifying_key()
    }

    /// The authority's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.verifying_key())
    }

    /// For the key file, inside its passphrase box.
    #[must_use]
    pub fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = begin(Self::HOLDER, 32);
        out.extend_from_slice(self.signing.to_seed().expose_secret());
        out
    }

    /// From the key file.
    ///
    /// # Errors
    /// [`KeyBytesError`].
    pub fn from_secret_bytes(bytes: &[u8]) -> Result<Self, KeyBytesError> {
        let (signing, rest) = next(open(bytes, Self::HOLDER)?)?;
        all_read(rest)?;
        Ok(Self { signing: SigningKey::from_seed(&signing) })
    }
}

macro_rules! three_keys {
    ($(#[$doc:meta])* $name:ident, $holder:literal) => {
        $(#[$doc])*
        pub struct $name {
            signing: SigningKey,
            noise: NoiseSecret,
            sealing: SealingSecret,
        }

        impl $name {
            const HOLDER: u8 = $holder;

            /// Fresh from `rng`.
            pub fn create(rng: &mut dyn CryptoRngCore) -> Self {
                Self {
                    signing: SigningKey::generate(rng),
                    noise: NoiseSecret::generate(rng),
                    sealing: SealingSecret::generate(rng),
                }
            }

            /// The signing key.
            #[must_use]
            pub fn signing(&self) -> &SigningKey {
                &self.signing
            }

            /// The key of Noise links.
            #[must_use]
            pub fn noise(&self) -> &NoiseSecret {
                &self.noise
            }

            /// The key of sealed records.
            #[must_use]
            pub fn sealing(&self) -> &SealingSecret {
                &self.sealing
            }

            /// Public half of the signing key.
            #[must_use]
            pub fn verifying_key(&self) -> VerifyingKey {
                self.signing.verifying_key()
            }

            /// For the key file or vault, inside its sealing.
            #[must_use]
            pub fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
                let mut out = begin(Self::HOLDER, 96);
                out.extend_from_slice(self.signing.to_seed().expose_secret());
                out.extend_from_slice(self.noise.secret().expose_secret());
                out.extend_from_slice(self.sealing.seed().expose_secret());
                out
            }

            /// From the key file or vault.
            ///
            /// # Errors
            /// [`KeyBytesError`].
            pub fn from_secret_bytes(bytes: &[u8]) -> Result<Self, KeyBytesError> {
                let (signing, rest) = next(open(bytes, Self::HOLDER)?)?;
                let (noise, rest) = next(rest)?;
                let (sealing, rest) = next(rest)?;
                all_read(rest)?;
                Ok(Self {
                    signing: SigningKey::from_seed(&signing),
                    noise: NoiseSecret::from_secret(noise),
                    sealing: SealingSecret::from_seed(sealing),
                })
            }
        }
    };
}

three_keys!(
    /// A security officer's keys. Live on the officer's machine, in a passphrase-protected file.
    OfficerKeys,
    2
);
three_keys!(
    /// An auditor's keys.
    AuditorKeys,
    3
);
three_keys!(
    /// A device's keys. Made on the device, and never leave its vault.
    DeviceKeys,
    6
);

impl OfficerKeys {
    /// The officer's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.verifying_key())
    }
}

impl AuditorKeys {
    /// The auditor's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.verifying_key())
    }
}

impl DeviceKeys {
    /// The device's id: `H("device id", signing, noise, sealing)` over the public halves.
    #[must_use]
    pub fn device_id(&self) -> DeviceId {
        device_id(&self.verifying_key(), &self.noise.public(), &self.sealing.public())
    }
}

pub(crate) fn device_id(signing: &VerifyingKey, noise: &NoisePublic, sealing: &SealingPublic) -> DeviceId {
    hash::digest(Label::DEVICE_ID, &[signing.as_bytes(), noise.as_bytes(), sealing.as_bytes()]).into()
}

/// A relay's keys. Live in files of mode 0600, without a passphrase: a relay starts by itself.
pub struct RelayKeys {
    signing: SigningKey,
    noise: NoiseSecret,
    tls_key: Digest,
    tls_pkcs8: Zeroizing<Vec<u8>>,
}

impl RelayKeys {
    const HOLDER: u8 = 4;

    /// Fresh from `rng`, beside a TLS key (PKCS #8) and the [`tls_key_digest`](amanat_primitives::hash::tls_key_digest) of its
    /// public half, both made by whoever knows TLS.
    ///
    /// # Errors
    /// [`KeyBytesError::Damaged`] for a TLS key that is empty or above [`TLS_KEY_MAX`].
    pub fn create(
        rng: &mut dyn CryptoRngCore,
        tls_pkcs8: Zeroizing<Vec<u8>>,
        tls_key: Digest,
    ) -> Result<Self, KeyBytesError> {
        if tls_pkcs8.is_empty() || tls_pkcs8.len() > TLS_KEY_MAX {
            return Err(KeyBytesError::Damaged);
        }
        Ok(Self { signing: SigningKey::generate(rng), noise: NoiseSecret::generate(rng), tls_key, tls_pkcs8 })
    }

    /// Signs enrolment and commit receipts.
    #[must_use]
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// The key of Noise links.
    #[must_use]
    pub fn noise(&self) -> &NoiseSecret {
        &self.noise
    }

    /// Digest of the TLS public key.
    #[must_use]
    pub fn tls_key(&self) -> Digest {
        self.tls_key
    }

    /// The TLS key, PKCS #8.
    #[must_use]
    pub fn tls_pkcs8(&self) -> &[u8] {
        &self.tls_pkcs8
    }

    /// The relay's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.signing.verifying_key())
    }

    /// For the key file.
    #[must_use]
    pub fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = begin(Self::HOLDER, 96 + self.tls_pkcs8.len());
        out.extend_from_slice(self.signing.to_seed().expose_secret());
        out.extend_from_slice(self.noise.secret().expose_secret());
        out.extend_from_slice(self.tls_key.as_bytes());
        out.extend_from_slice(&self.tls_pkcs8);
        out
    }

    /// From the key file.
    ///
    /// # Errors
    /// [`KeyBytesError`].
    pub fn from_secret_bytes(bytes: &[u8]) -> Result<Self, KeyBytesError> {
        let (signing, rest) = next(open(bytes, Self::HOLDER)?)?;
        let (noise, rest) = next(rest)?;
        let (tls_key, tls_pkcs8) = rest.split_first_chunk().ok_or(KeyBytesError::Damaged)?;
        if tls_pkcs8.is_empty() || tls_pkcs8.len() > TLS_KEY_MAX {
            return Err(KeyBytesError::Damaged);
        }
        Ok(Self {
            signing: SigningKey::from_seed(&signing),
            noise: NoiseSecret::from_secret(noise),
            tls_key: Digest::from_bytes(*tls_key),
            tls_pkcs8: Zeroizing::new(tls_pkcs8.to_vec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::OsRng;

    // [ID-09]
    #[test]
    fn keys_come_back_from_their_bytes_and_from_no_others() {
        let device = DeviceKeys::create(&mut OsRng);
        let bytes = device.to_secret_bytes();
        let again = DeviceKeys::from_secret_bytes(&bytes).unwrap();
        assert_eq!(again.device_id(), device.device_id());
        assert_eq!(OfficerKeys::from_secret_bytes(&bytes).err(), Some(KeyBytesError::OtherHolder));
        for cut in 0..bytes.len() {
            assert_eq!(DeviceKeys::from_secret_bytes(&bytes[..cut]).err(), Some(KeyBytesError::Damaged), "{cut}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(DeviceKeys::from_secret_bytes(&longer).err(), Some(KeyBytesError::Damaged));
        assert_eq!(DeviceKeys::from_secret_bytes(&[2; 98]).err(), Some(KeyBytesError::Damaged));

        let root = AuthorityKeys::create(&mut OsRng);
        assert_eq!(AuthorityKeys::from_secret_bytes(&root.to_secret_bytes()).unwrap().id(), root.id());
        let officer = OfficerKeys::create(&mut OsRng);
        assert_eq!(OfficerKeys::from_secret_bytes(&officer.to_secret_bytes()).unwrap().id(), officer.id());
        let auditor = AuditorKeys::create(&mut OsRng);
        assert_eq!(AuditorKeys::from_secret_bytes(&auditor.to_secret_bytes()).unwrap().id(), auditor.id());
    }

    /// Compiles only while the type has none of these traits: with one of them, `_` has two answers.
    macro_rules! keeps_its_secrets {
        ($($name:ident),*) => { $(
            {
                trait Several<A> {
                    fn named() {}
                }
                struct Debugs;
                struct Clones;
                struct Compares;
                impl<T: ?Sized> Several<()> for T {}
                impl<T: ?Sized + std::fmt::Debug> Several<Debugs> for T {}
                impl<T: ?Sized + Clone> Several<Clones> for T {}
                impl<T: ?Sized + PartialEq> Several<Compares> for T {}
                <$name as Several<_>>::named();
            }
        )* };
    }

    // [ID-09]
    #[test]
    fn secrets_are_neither_printed_nor_copied_nor_compared() {
        use crate::{Invitation, InvitationCode, OpenedInvitation};
        keeps_its_secrets!(
            AuthorityKeys,
            OfficerKeys,
            AuditorKeys,
            RelayKeys,
            DeviceKeys,
            Invitation,
            OpenedInvitation,
            InvitationCode
        );
    }

    #[test]
    fn a_relay_keeps_its_tls_key() {
        let relay = RelayKeys::create(&mut OsRng, Zeroizing::new(vec![7; 138]), Digest::from_bytes([8; 32])).unwrap();
        let again = RelayKeys::from_secret_bytes(&relay.to_secret_bytes()).unwrap();
        assert_eq!(again.id(), relay.id());
        assert_eq!(again.noise().public(), relay.noise().public());
        assert_eq!(again.tls_pkcs8(), [7; 138]);
        assert_eq!(again.tls_key(), relay.tls_key());
        let huge = Zeroizing::new(vec![0; TLS_KEY_MAX + 1]);
        assert_eq!(RelayKeys::create(&mut OsRng, huge, Digest::ZERO).err(), Some(KeyBytesError::Damaged));
    }
}
