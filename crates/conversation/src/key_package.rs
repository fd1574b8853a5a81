//! KeyPackages (protocol-spec/05-conversation, section 4): what a device publishes so that others can add it while it is
//! away. Each is used once, except one of last resort.

use std::time::Duration;

use amanat_identity::VerifiedDevice;
use amanat_primitives::{CryptoRngCore, DeviceId, Timestamp, sign::SigningKey};
use amanat_wire::{Bytes, Decode as _, DecodeError, Encode as _, limits, record};
use openmls::prelude::{
    Extensions, KeyPackage, KeyPackageBundle, KeyPackageRef, MlsMessageBodyIn, MlsMessageIn, MlsMessageOut,
    OpenMlsProvider as _, ProtocolVersion,
    tls_codec::{Deserialize as _, Serialize as _},
};

use crate::{
    ConversationError,
    credential::{self, LeafFault, check_leaf},
    profile::{self, KEY_PACKAGE_VALIDITY, LAST_RESORT_VALIDITY, VALIDITY_EXTENSION},
    provider::{Crypto, LeafSigner, Provider, SUITE},
    records::Records,
    storage::{KEY_PACKAGE, Storage, from_postcard},
};

record!(
    /// Our KeyPackage extension.
    pub struct Validity {
        /// 1.
        version: u8,
        /// Whose.
        device: DeviceId,
        /// When, by its clock.
        made_at: Timestamp,
        /// Not to be used later.
        not_after: Timestamp,
    }
);

const VERSION: u8 = 1;
/// How long private halves are kept after their validity, for a Welcome that comes late.
const KEPT_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// Why a KeyPackage is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyPackageError {
    /// The bytes are no KeyPackage.
    #[error("the key package is malformed")]
    Malformed,
    /// It is for another suite.
    #[error("the key package is for another suite")]
    OtherSuite,
    /// A signature, key or lifetime in it is invalid.
    #[error("the key package does not verify")]
    Invalid,
    /// Its leaf is not the device.
    #[error(transparent)]
    Leaf(#[from] LeafFault),
    /// It carries no validity of ours, or other extensions beside it.
    #[error("the key package does not carry exactly the required extensions")]
    Extensions,
    /// Its validity cannot be read.
    #[error("the key package's validity is malformed: {0}")]
    Validity(#[from] DecodeError),
    /// Its validity is longer than allowed.
    #[error("the key package claims to be valid for too long")]
    TooLong,
    /// It is not valid yet.
    #[error("the key package is valid only from a later time; check this machine's clock")]
    NotYetValid {
        /// From when.
        from: Timestamp,
    },
    /// It is no longer valid.
    #[error("the key package has expired")]
    Expired {
        /// Since when.
        since: Timestamp,
    },
}

/// A KeyPackage that was checked against its device's chain.
#[derive(Clone)]
pub struct CheckedKeyPackage {
    pub(crate) package: KeyPackage,
    pub(crate) device: VerifiedDevice,
}

impl CheckedKeyPackage {
    /// Whose it is.
    #[must_use]
    pub fn device(&self) -> &VerifiedDevice {
        &self.device
    }

    /// Whether others may have used it too.
    #[must_use]
    pub fn last_resort(&self) -> bool {
        self.package.last_resort()
    }
}

/// Checks a KeyPackage as the relay handed it over. `[CONV-20]`
///
/// # Errors
/// [`KeyPackageError`].
pub fn check_key_package(
    bytes: &[u8],
    device: &VerifiedDevice,
    now: Timestamp,
) -> Result<CheckedKeyPackage, KeyPackageError> {
    if bytes.len() > limits::KEY_PACKAGE {
        return Err(KeyPackageError::Malformed);
    }
    let message = MlsMessageIn::tls_deserialize_exact(bytes).map_err(|_| KeyPackageError::Malformed)?;
    let MlsMessageBodyIn::KeyPackage(unverified) = message.extract() else { return Err(KeyPackageError::Malformed) };
    let suite_at = bytes.get(6..8).ok_or(KeyPackageError::Malformed)?;
    // [CONV-01] Before any signature is checked under a suite that is not ours.
    if suite_at != u16::from(SUITE).to_be_bytes() {
        return Err(KeyPackageError::OtherSuite);
    }
    let package =
        unverified.validate(&Crypto::default(), ProtocolVersion::Mls10).map_err(|_| KeyPackageError::Invalid)?;
    check_added(&package, device, now)?;
    Ok(CheckedKeyPackage { package, device: device.clone() })
}

/// Checks a KeyPackage whose signatures were verified, at the time at which it is used. Of a commit's Add that is the
/// time in the commit, so that all members judge alike. `[CONV-20]` `[CONV-21]`
pub(crate) fn check_added(package: &KeyPackage, device: &VerifiedDevice, at: Timestamp) -> Result<(), KeyPackageError> {
    if package.ciphersuite() != SUITE {
        return Err(KeyPackageError::OtherSuite);
    }
    check_leaf(package.leaf_node(), device, None)?;
    check_validity(package, device.id(), at)
}

/// Checks our extension alone.
pub(crate) fn check_validity(package: &KeyPackage, device: DeviceId, at: Timestamp) -> Result<(), KeyPackageError> {
    let extensions = package.extensions();
    let ours = extensions.unknown(VALIDITY_EXTENSION).ok_or(KeyPackageError::Extensions)?;
    let last_resort = package.last_resort();
    if extensions.iter().count() != 1 + usize::from(last_resort) {
        return Err(KeyPackageError::Extensions);
    }
    Validity::from_bytes(&ours.0)?.check(device, last_resort, at)
}

impl Validity {
    /// Whether a KeyPackage of `device` with this extension may be used at a time. `[CONV-20]`
    ///
    /// # Errors
    /// [`KeyPackageError`].
    pub fn check(&self, device: DeviceId, last_resort: bool, at: Timestamp) -> Result<(), KeyPackageError> {
        let Self { version, device: named, made_at, not_after } = *self;
        if version != VERSION {
            return Err(KeyPackageError::Validity(DecodeError::UnknownKind(version.into())));
        }
        if named != device {
            return Err(KeyPackageError::Leaf(LeafFault::OtherDevice));
        }
        let longest = if last_resort { LAST_RESORT_VALIDITY } else { KEY_PACKAGE_VALIDITY };
        if not_after > made_at.after(longest) {
            return Err(KeyPackageError::TooLong);
        }
        if made_at > at.after(Timestamp::CLOCK_TOLERANCE) {
            return Err(KeyPackageError::NotYetValid { from: made_at });
        }
        if at > not_after {
            return Err(KeyPackageError::Expired { since: not_after });
        }
        Ok(())
    }
}

/// Makes a device's KeyPackages. Their private halves go into the device's own [`Records`], to be made durable before
/// the public ones are published.
pub struct KeyPackageMaker<'a> {
    /// The device, with its chain.
    pub device: &'a VerifiedDevice,
    /// Its certified key.
    pub signing: &'a SigningKey,
}

impl KeyPackageMaker<'_> {
    /// `count` KeyPackages to be used once each, valid for 30 days.
    ///
    /// # Errors
    /// [`ConversationError`]; the store is then as before.
    pub fn one_time(
        &self,
        count: usize,
        store: &mut Records,
        now: Timestamp,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<Vec<Bytes<{ limits::KEY_PACKAGE }>>, ConversationError> {
        if count > limits::KEY_PACKAGES {
            return Err(ConversationError::TooMany { limit: limits::KEY_PACKAGES });
        }
        store.begin();
        let made = (0..count).map(|_| self.make(false, store, now, rng)).collect::<Result<Vec<_>, _>>();
        if made.is_ok() {
            store.keep()
        } else {
            store.undo()
        }
        made
    }

    /// One KeyPackage of last resort, valid for 90 days: may be handed out when all others are used up.
    ///
    /// # Errors
    /// [`ConversationError`]; the store is then as before.
    pub fn last_resort(
        &self,
        store: &mut Records,
        now: Timestamp,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<Bytes<{ limits::KEY_PACKAGE }>, ConversationError> {
        store.begin();
        let made = self.make(true, store, now, rng);
        if made.is_ok() {
            store.keep()
        } else {
            store.undo()
        }
        made
    }

    fn make(
        &self,
        last_resort: bool,
        store: &mut Records,
        now: Timestamp,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<Bytes<{ limits::KEY_PACKAGE }>, ConversationError> {
        // [CONV-04]
        if self.signing.verifying_key() != *self.device.signing_key() {
            return Err(ConversationError::OtherKey);
        }
        let longest = if last_resort { LAST_RESORT_VALIDITY } else { KEY_PACKAGE_VALIDITY };
        let validity =
            Validity { version: VERSION, device: self.device.id(), made_at: now, not_after: now.after(longest) };
        let extension = profile::private_extension(VALIDITY_EXTENSION, validity.to_bytes());
        let extensions = Extensions::single(extension).map_err(|_| ConversationError::Library)?;
        let mut builder = KeyPackage::builder()
            .key_package_lifetime(profile::lifetime())
            .key_package_extensions(extensions)
            .leaf_node_capabilities(profile::capabilities());
        if last_resort {
            builder = builder.mark_as_last_resort();
        }
        let provider = Provider::new(Storage::of_device(store), Some(rng));
        let built = builder.build(SUITE, &provider, &LeafSigner(self.signing), credential::own(self.device));
        let bundle = built.map_err(|_| ConversationError::of(provider.storage()))?;
        let bytes = MlsMessageOut::from(bundle.into_key_package()).tls_serialize_detached();
        Ok(Bytes::new(bytes.map_err(|_| ConversationError::Library)?)?)
    }
}

/// How many private halves are kept of KeyPackages that have not ended: one-time ones, and those of last resort.
#[must_use]
pub fn count_key_packages(store: &Records, now: Timestamp) -> (usize, usize) {
    let (mut one_time, mut last_resort) = (0, 0);
    for value in store.keys(KEY_PACKAGE.as_bytes()).filter_map(|key| store.get(key)) {
        let Some((bundle, _)) = kept(value).filter(|(_, validity)| validity.not_after >= now) else { continue };
        let count = if bundle.key_package().last_resort() { &mut last_resort } else { &mut one_time };
        *count += 1;
    }
    (one_time, last_resort)
}

/// A KeyPackage of this device as it is kept, and its validity.
fn kept(value: &[u8]) -> Option<(KeyPackageBundle, Validity)> {
    let bundle: KeyPackageBundle = from_postcard(value).ok()?;
    let validity = Validity::from_bytes(&bundle.key_package().extensions().unknown(VALIDITY_EXTENSION)?.0).ok()?;
    Some((bundle, validity))
}

/// Deletes the private halves of KeyPackages that ended a week ago; returns how many. No Welcome that uses them can be
/// accepted any more.
pub fn prune_key_packages(store: &mut Records, now: Timestamp) -> usize {
    let ended = |value: &[u8]| Some(kept(value)?.1.not_after.after(KEPT_AFTER) < now);
    let keys: Vec<Vec<u8>> = store.keys(KEY_PACKAGE.as_bytes()).map(<[u8]>::to_vec).collect();
    let old: Vec<_> = keys.into_iter().filter(|key| store.get(key).and_then(ended).unwrap_or(true)).collect();
    for key in &old {
        store.delete(key);
    }
    old.len()
}

/// The reference by which a Welcome names a KeyPackage.
pub(crate) fn reference(package: &KeyPackage) -> Result<KeyPackageRef, ConversationError> {
    package.hash_ref(&Crypto::default()).map_err(|_| ConversationError::Library)
}
