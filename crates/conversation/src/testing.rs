//! Testing (protocol-spec/05-conversation, sections 1 and 9): what OpenMLS is given by us, for vectors that are not of our
//! profile. The cryptography and the storage are the product's; allowed besides are the suites that a caller names, and to
//! keep stored proposals and pre-shared keys, which the product refuses.

use std::{cell::RefCell, collections::BTreeMap};

use openmls::prelude::tls_codec::SecretVLBytes;
use openmls_traits::{
    OpenMlsProvider,
    crypto::OpenMlsCrypto,
    random::OpenMlsRand,
    storage::{CURRENT_VERSION as V, Entity, Key, StorageProvider, traits},
    types::{
        AeadType, Ciphersuite, CryptoError, ExporterSecret, HashType, HpkeCiphertext, HpkeConfig, HpkeKeyPair,
        KemOutput, SignatureScheme,
    },
};

use crate::{
    provider::Crypto,
    records::Records,
    storage::{Storage, StorageError, from_postcard, to_postcard},
};

/// Passes calls on to what the product has.
macro_rules! passed_on {
    ($error:ty; $($name:ident [$($generics:tt)*] ($($arg:ident: $kind:ty),*) -> $out:ty;)*) => {$(
        fn $name<$($generics)*>(&self, $($arg: $kind),*) -> Result<$out, $error> {
            self.ours.$name($($arg),*)
        }
    )*};
}

/// The product's cryptography, with the suites that a caller names.
pub struct WideCrypto {
    ours: Crypto,
    suites: Vec<Ciphersuite>,
}

impl WideCrypto {
    /// With these suites, of those that the library has.
    #[must_use]
    pub fn new(suites: &[Ciphersuite]) -> Self {
        Self { ours: Crypto::default(), suites: suites.to_vec() }
    }
}

impl OpenMlsCrypto for WideCrypto {
    fn supports(&self, suite: Ciphersuite) -> Result<(), CryptoError> {
        if self.suites.contains(&suite) { Ok(()) } else { self.ours.supports(suite) }
    }
    fn supported_ciphersuites(&self) -> Vec<Ciphersuite> {
        self.suites.clone()
    }

    passed_on! { CryptoError;
        hkdf_extract [] (hash: HashType, salt: &[u8], ikm: &[u8]) -> SecretVLBytes;
        hmac [] (hash: HashType, key: &[u8], message: &[u8]) -> SecretVLBytes;
        hkdf_expand [] (hash: HashType, prk: &[u8], info: &[u8], length: usize) -> SecretVLBytes;
        hash [] (hash: HashType, data: &[u8]) -> Vec<u8>;
        aead_encrypt [] (aead: AeadType, key: &[u8], data: &[u8], nonce: &[u8], aad: &[u8]) -> Vec<u8>;
        aead_decrypt [] (aead: AeadType, key: &[u8], data: &[u8], nonce: &[u8], aad: &[u8]) -> Vec<u8>;
        signature_key_gen [] (scheme: SignatureScheme) -> (Vec<u8>, Vec<u8>);
        verify_signature [] (scheme: SignatureScheme, data: &[u8], key: &[u8], signature: &[u8]) -> ();
        sign [] (scheme: SignatureScheme, data: &[u8], key: &[u8]) -> Vec<u8>;
        hpke_seal [] (c: HpkeConfig, key: &[u8], info: &[u8], aad: &[u8], text: &[u8]) -> HpkeCiphertext;
        hpke_open [] (c: HpkeConfig, input: &HpkeCiphertext, key: &[u8], info: &[u8], aad: &[u8]) -> Vec<u8>;
        hpke_setup_sender_and_export [] (c: HpkeConfig, key: &[u8], info: &[u8], context: &[u8], length: usize)
            -> (KemOutput, ExporterSecret);
        hpke_setup_receiver_and_export []
            (c: HpkeConfig, enc: &[u8], key: &[u8], info: &[u8], context: &[u8], length: usize) -> ExporterSecret;
        derive_hpke_keypair [] (c: HpkeConfig, ikm: &[u8]) -> HpkeKeyPair;
    }
}

/// A passive client draws nothing at random.
#[derive(Debug, thiserror::Error)]
#[error("no randomness for a passive client")]
pub struct NoRandomness;

/// Refuses.
pub struct NoRand;

impl OpenMlsRand for NoRand {
    type Error = NoRandomness;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        Err(NoRandomness)
    }
    fn random_vec(&self, _: usize) -> Result<Vec<u8>, NoRandomness> {
        Err(NoRandomness)
    }
}

/// The product's storage of one conversation and one device; beside it, in memory, what our profile does not have.
pub struct WideStorage<'a> {
    ours: Storage<'a>,
    proposals: RefCell<BTreeMap<Vec<u8>, Vec<u8>>>,
    psks: RefCell<BTreeMap<Vec<u8>, Vec<u8>>>,
}

type Done<T> = Result<T, StorageError>;

impl StorageProvider<V> for WideStorage<'_> {
    type Error = StorageError;

    passed_on! { StorageError;
        write_tree [G: traits::GroupId<V>, T: traits::TreeSync<V>] (g: &G, v: &T) -> ();
        tree [G: traits::GroupId<V>, T: traits::TreeSync<V>] (g: &G) -> Option<T>;
        delete_tree [G: traits::GroupId<V>] (g: &G) -> ();
        write_context [G: traits::GroupId<V>, T: traits::GroupContext<V>] (g: &G, v: &T) -> ();
        group_context [G: traits::GroupId<V>, T: traits::GroupContext<V>] (g: &G) -> Option<T>;
        delete_context [G: traits::GroupId<V>] (g: &G) -> ();
        write_interim_transcript_hash [G: traits::GroupId<V>, T: traits::InterimTranscriptHash<V>] (g: &G, v: &T) -> ();
        interim_transcript_hash [G: traits::GroupId<V>, T: traits::InterimTranscriptHash<V>] (g: &G) -> Option<T>;
        delete_interim_transcript_hash [G: traits::GroupId<V>] (g: &G) -> ();
        write_confirmation_tag [G: traits::GroupId<V>, T: traits::ConfirmationTag<V>] (g: &G, v: &T) -> ();
        confirmation_tag [G: traits::GroupId<V>, T: traits::ConfirmationTag<V>] (g: &G) -> Option<T>;
        delete_confirmation_tag [G: traits::GroupId<V>] (g: &G) -> ();
        write_message_secrets [G: traits::GroupId<V>, T: traits::MessageSecrets<V>] (g: &G, v: &T) -> ();
        message_secrets [G: traits::GroupId<V>, T: traits::MessageSecrets<V>] (g: &G) -> Option<T>;
        delete_message_secrets [G: traits::GroupId<V>] (g: &G) -> ();
        write_resumption_psk_store [G: traits::GroupId<V>, T: traits::ResumptionPskStore<V>] (g: &G, v: &T) -> ();
        resumption_psk_store [G: traits::GroupId<V>, T: traits::ResumptionPskStore<V>] (g: &G) -> Option<T>;
        delete_all_resumption_psk_secrets [G: traits::GroupId<V>] (g: &G) -> ();
        write_own_leaf_index [G: traits::GroupId<V>, T: traits::LeafNodeIndex<V>] (g: &G, v: &T) -> ();
        own_leaf_index [G: traits::GroupId<V>, T: traits::LeafNodeIndex<V>] (g: &G) -> Option<T>;
        delete_own_leaf_index [G: traits::GroupId<V>] (g: &G) -> ();
        write_group_epoch_secrets [G: traits::GroupId<V>, T: traits::GroupEpochSecrets<V>] (g: &G, v: &T) -> ();
        group_epoch_secrets [G: traits::GroupId<V>, T: traits::GroupEpochSecrets<V>] (g: &G) -> Option<T>;
        delete_group_epoch_secrets [G: traits::GroupId<V>] (g: &G) -> ();
        write_group_state [T: traits::GroupState<V>, G: traits::GroupId<V>] (g: &G, v: &T) -> ();
        group_state [T: traits::GroupState<V>, G: traits::GroupId<V>] (g: &G) -> Option<T>;
        delete_group_state [G: traits::GroupId<V>] (g: &G) -> ();
        write_mls_join_config [G: traits::GroupId<V>, T: traits::MlsGroupJoinConfig<V>] (g: &G, v: &T) -> ();
        mls_group_join_config [G: traits::GroupId<V>, T: traits::MlsGroupJoinConfig<V>] (g: &G) -> Option<T>;
        delete_group_config [G: traits::GroupId<V>] (g: &G) -> ();
        write_encryption_epoch_key_pairs [G: traits::GroupId<V>, E: traits::EpochKey<V>, K: traits::HpkeKeyPair<V>]
            (g: &G, epoch: &E, leaf: u32, pairs: &[K]) -> ();
        encryption_epoch_key_pairs [G: traits::GroupId<V>, E: traits::EpochKey<V>, K: traits::HpkeKeyPair<V>]
            (g: &G, epoch: &E, leaf: u32) -> Vec<K>;
        delete_encryption_epoch_key_pairs [G: traits::GroupId<V>, E: traits::EpochKey<V>]
            (g: &G, epoch: &E, leaf: u32) -> ();
        write_encryption_key_pair [E: traits::EncryptionKey<V>, K: traits::HpkeKeyPair<V>] (key: &E, pair: &K) -> ();
        encryption_key_pair [K: traits::HpkeKeyPair<V>, E: traits::EncryptionKey<V>] (key: &E) -> Option<K>;
        delete_encryption_key_pair [E: traits::EncryptionKey<V>] (key: &E) -> ();
        write_key_package [R: traits::HashReference<V>, K: traits::KeyPackage<V>] (id: &R, value: &K) -> ();
        key_package [R: traits::HashReference<V>, K: traits::KeyPackage<V>] (id: &R) -> Option<K>;
        delete_key_package [R: traits::HashReference<V>] (id: &R) -> ();
        append_own_leaf_node [G: traits::GroupId<V>, L: traits::LeafNode<V>] (g: &G, leaf: &L) -> ();
        own_leaf_nodes [G: traits::GroupId<V>, L: traits::LeafNode<V>] (g: &G) -> Vec<L>;
        delete_own_leaf_nodes [G: traits::GroupId<V>] (g: &G) -> ();
        write_signature_key_pair [S: traits::SignaturePublicKey<V>, K: traits::SignatureKeyPair<V>]
            (key: &S, pair: &K) -> ();
        signature_key_pair [S: traits::SignaturePublicKey<V>, K: traits::SignatureKeyPair<V>] (key: &S) -> Option<K>;
        delete_signature_key_pair [S: traits::SignaturePublicKey<V>] (key: &S) -> ();
    }

    fn queue_proposal<G: traits::GroupId<V>, R: traits::ProposalRef<V>, Q: traits::QueuedProposal<V>>(
        &self,
        _: &G,
        id: &R,
        proposal: &Q,
    ) -> Done<()> {
        put(&self.proposals, id, proposal)
    }
    fn queued_proposal_refs<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(&self, _: &G) -> Done<Vec<R>> {
        self.proposals.borrow().keys().map(|key| from_postcard(key)).collect()
    }
    fn queued_proposals<G: traits::GroupId<V>, R: traits::ProposalRef<V>, Q: traits::QueuedProposal<V>>(
        &self,
        _: &G,
    ) -> Done<Vec<(R, Q)>> {
        self.proposals.borrow().iter().map(|(key, value)| Ok((from_postcard(key)?, from_postcard(value)?))).collect()
    }
    fn remove_proposal<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(&self, _: &G, id: &R) -> Done<()> {
        self.proposals.borrow_mut().remove(to_postcard(id)?.as_slice());
        Ok(())
    }
    fn clear_proposal_queue<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(&self, _: &G) -> Done<()> {
        self.proposals.borrow_mut().clear();
        Ok(())
    }
    fn write_psk<I: traits::PskId<V>, P: traits::PskBundle<V>>(&self, id: &I, psk: &P) -> Done<()> {
        put(&self.psks, id, psk)
    }
    fn psk<P: traits::PskBundle<V>, I: traits::PskId<V>>(&self, id: &I) -> Done<Option<P>> {
        self.psks.borrow().get(to_postcard(id)?.as_slice()).map(|psk| from_postcard(psk)).transpose()
    }
    fn delete_psk<I: traits::PskId<V>>(&self, id: &I) -> Done<()> {
        self.psks.borrow_mut().remove(to_postcard(id)?.as_slice());
        Ok(())
    }
}

fn put(map: &RefCell<BTreeMap<Vec<u8>, Vec<u8>>>, key: &impl Key<V>, value: &impl Entity<V>) -> Done<()> {
    map.borrow_mut().insert(to_postcard(key)?.to_vec(), to_postcard(value)?.to_vec());
    Ok(())
}

/// What OpenMLS is given for such vectors.
pub struct WideProvider<'a> {
    crypto: WideCrypto,
    storage: WideStorage<'a>,
}

impl<'a> WideProvider<'a> {
    /// Over the records of a conversation and of a device.
    pub fn new(group: &'a mut Records, device: &'a mut Records, suites: &[Ciphersuite]) -> Self {
        let ours = Storage::of_both(group, device);
        let storage = WideStorage { ours, proposals: RefCell::default(), psks: RefCell::default() };
        Self { crypto: WideCrypto::new(suites), storage }
    }
}

impl<'a> OpenMlsProvider for WideProvider<'a> {
    type CryptoProvider = WideCrypto;
    type RandProvider = NoRand;
    type StorageProvider = WideStorage<'a>;

    fn storage(&self) -> &WideStorage<'a> {
        &self.storage
    }
    fn crypto(&self) -> &WideCrypto {
        &self.crypto
    }
    fn rand(&self) -> &NoRand {
        &NoRand
    }
}
