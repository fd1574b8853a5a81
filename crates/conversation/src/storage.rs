//! Storage (protocol-spec/05-conversation, section 9): OpenMLS's records in our [`Records`].
//!
//! Two scopes: one conversation's records, and the device's KeyPackages. A key need not name the conversation, since
//! a scope holds one. Values are in postcard, a fifth of the size of JSON; the join configuration alone is in JSON,
//! because postcard cannot read it back. What our profile does not use (stored proposals, PSKs, signature keys) is
//! refused here too, so that it cannot slip in.

use std::cell::{Cell, RefCell};

use openmls_traits::storage::{CURRENT_VERSION as V, StorageProvider, traits};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::records::Records;

/// A fault in our own storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// A record could not be encoded or read back.
    #[error("a stored record cannot be read")]
    Record,
    /// OpenMLS wanted to store what our profile does not have.
    #[error("not part of this protocol")]
    NotOurs,
    /// For tests.
    #[cfg(test)]
    #[error("injected failure")]
    Injected,
}

type Done<T> = Result<T, StorageError>;

/// The two scopes, borrowed for one operation.
pub(crate) struct Storage<'a> {
    group: Option<RefCell<&'a mut Records>>,
    device: Option<RefCell<&'a mut Records>>,
    /// The first fault, since OpenMLS folds some of them into errors that look like the peer's.
    fault: Cell<Option<StorageError>>,
}

pub(crate) const KEY_PACKAGE: &str = "key-package/";
const LEAF_KEY: &str = "leaf-key/";
const EPOCH_KEYS: &str = "epoch-keys/";

impl<'a> Storage<'a> {
    fn new(group: Option<&'a mut Records>, device: Option<&'a mut Records>) -> Self {
        Self { group: group.map(RefCell::new), device: device.map(RefCell::new), fault: Cell::new(None) }
    }
    pub(crate) fn of_group(group: &'a mut Records) -> Self {
        Self::new(Some(group), None)
    }
    pub(crate) fn of_device(device: &'a mut Records) -> Self {
        Self::new(None, Some(device))
    }
    pub(crate) fn of_both(group: &'a mut Records, device: &'a mut Records) -> Self {
        Self::new(Some(group), Some(device))
    }

    /// The first fault of this operation, if any.
    pub(crate) fn fault(&self) -> Option<StorageError> {
        self.fault.get()
    }

    fn with<T>(&self, scope: Scope, f: impl FnOnce(&mut Records) -> Done<T>) -> Done<T> {
        let records = match scope {
            Scope::Group => &self.group,
            Scope::Device => &self.device,
        };
        self.noted(records.as_ref().ok_or(StorageError::NotOurs).and_then(|records| f(&mut records.borrow_mut())))
    }

    fn noted<T>(&self, done: Done<T>) -> Done<T> {
        if let Err(fault) = &done {
            self.fault.set(self.fault.get().or(Some(*fault)));
        }
        done
    }

    /// Reads from the conversation's records.
    pub(crate) fn in_group<T, E: From<StorageError>>(&self, f: impl FnOnce(&Records) -> Result<T, E>) -> Result<T, E> {
        let group = self.group.as_ref().ok_or(StorageError::NotOurs)?;
        f(&group.borrow())
    }

    /// Writes a record of the conversation as it is.
    pub(crate) fn put(&self, key: Vec<u8>, value: impl Into<Zeroizing<Vec<u8>>>) -> Done<()> {
        self.put_in(Scope::Group, key, value)
    }
    /// Deletes a record of the conversation.
    pub(crate) fn delete(&self, key: &[u8]) -> Done<()> {
        self.delete_in(Scope::Group, key)
    }

    fn put_in(&self, scope: Scope, key: Vec<u8>, value: impl Into<Zeroizing<Vec<u8>>>) -> Done<()> {
        let value = value.into();
        self.with(scope, |records| {
            #[cfg(test)]
            fail_if_injected()?;
            records.put(key, value);
            Ok(())
        })
    }
    fn delete_in(&self, scope: Scope, key: &[u8]) -> Done<()> {
        self.with(scope, |records| {
            #[cfg(test)]
            fail_if_injected()?;
            records.delete(key);
            Ok(())
        })
    }

    /// Writes one of OpenMLS's records of the conversation, in parts, of which only those that changed are written.
    pub(crate) fn put_parts(&self, key: &[u8], value: &[u8]) -> Done<()> {
        self.with(Scope::Group, |records| {
            #[cfg(test)]
            fail_if_injected()?;
            let count = value.len().div_ceil(PART).max(1);
            for index in 0..count {
                let part = value.get(index * PART..).unwrap_or_default();
                records.put(part_key(key, index)?, part.get(..PART).unwrap_or(part).to_vec());
            }
            delete_parts(records, key, count)
        })
    }
    pub(crate) fn delete_parts(&self, key: &[u8]) -> Done<()> {
        self.with(Scope::Group, |records| {
            #[cfg(test)]
            fail_if_injected()?;
            delete_parts(records, key, 0)
        })
    }
    pub(crate) fn get_parts(&self, key: &[u8]) -> Done<Option<Zeroizing<Vec<u8>>>> {
        self.with(Scope::Group, |records| {
            let parts = parts(records, key)?;
            if parts.is_empty() {
                return Ok(None);
            }
            let mut value = Zeroizing::new(Vec::with_capacity(length(&parts)));
            for part in parts {
                value.extend_from_slice(part);
            }
            Ok(Some(value))
        })
    }

    fn write<T: Serialize + ?Sized>(&self, key: &[u8], value: &T) -> Done<()> {
        // A record grows by a few members at a time: a quarter more than before is seldom too little.
        let before = self.with(Scope::Group, |records| Ok(length(&parts(records, key)?)))?;
        self.put_parts(key, &encode(value, before + before / 4 + PART)?)
    }
    fn read<T: DeserializeOwned>(&self, key: &[u8]) -> Done<Option<T>> {
        let read = self.get_parts(key)?.map(|value| from_postcard(&value)).transpose();
        self.noted(read)
    }
    fn read_device<T: DeserializeOwned>(&self, key: &[u8]) -> Done<Option<T>> {
        self.with(Scope::Device, |records| records.get(key).map(from_postcard).transpose())
    }
}

#[derive(Clone, Copy)]
enum Scope {
    Group,
    Device,
}

#[cfg(test)]
thread_local! {
    /// How many writes of OpenMLS's records go well before one fails; `None`: all do.
    pub(crate) static WRITES_UNTIL_FAILURE: Cell<Option<u32>> = const { Cell::new(None) };
}

#[cfg(test)]
fn fail_if_injected() -> Done<()> {
    match WRITES_UNTIL_FAILURE.get() {
        Some(0) => Err(StorageError::Injected),
        Some(left) => {
            WRITES_UNTIL_FAILURE.set(Some(left - 1));
            Ok(())
        }
        None => Ok(()),
    }
}

/// Bytes of one part of a record. OpenMLS keeps the members of past epochs in the same record as the message keys: of
/// a hundred devices several hundred KiB, of which a message changes the last two.
const PART: usize = 4096;
/// Room for the largest record that is tried: all parts that a record can have.
const LARGEST: usize = PART << 16;

fn part_key(key: &[u8], index: usize) -> Done<Vec<u8>> {
    let index = u16::try_from(index).map_err(|_| StorageError::Record)?;
    Ok([key, b"/", &index.to_be_bytes()].concat())
}
fn parts<'r>(records: &'r Records, key: &[u8]) -> Done<Vec<&'r [u8]>> {
    let mut parts = Vec::new();
    while let Some(part) = records.get(&part_key(key, parts.len())?) {
        parts.push(part);
    }
    Ok(parts)
}
fn length(parts: &[&[u8]]) -> usize {
    parts.iter().map(|part| part.len()).sum()
}
fn delete_parts(records: &mut Records, key: &[u8], from: usize) -> Done<()> {
    for index in from.. {
        let part = part_key(key, index)?;
        if records.get(&part).is_none() {
            break;
        }
        records.delete(&part);
    }
    Ok(())
}

/// Encodes into room for `expected` bytes, or twice as much until it fits: a vector that grows by itself leaves a copy of
/// secrets behind.
fn encode<T: Serialize + ?Sized>(value: &T, expected: usize) -> Done<Zeroizing<Vec<u8>>> {
    let mut size = expected;
    loop {
        let mut room = Zeroizing::new(vec![0; size]);
        match postcard::to_slice(value, &mut room).map(|used| used.len()) {
            Ok(length) => {
                room.truncate(length);
                return Ok(room);
            }
            Err(postcard::Error::SerializeBufferFull) if size < LARGEST => size = (size * 2).min(LARGEST),
            Err(_) => return Err(StorageError::Record),
        }
    }
}

pub(crate) fn to_postcard<T: Serialize + ?Sized>(value: &T) -> Done<Zeroizing<Vec<u8>>> {
    encode(value, PART)
}
pub(crate) fn from_postcard<T: DeserializeOwned>(bytes: &[u8]) -> Done<T> {
    postcard::from_bytes(bytes).map_err(|_| StorageError::Record)
}
pub(crate) fn key_with(prefix: &str, key: &impl Serialize) -> Done<Vec<u8>> {
    // A public key or a number: no secret.
    let key = postcard::to_allocvec(key).map_err(|_| StorageError::Record)?;
    Ok([prefix.as_bytes(), &key].concat())
}
fn epoch_key(epoch: &impl Serialize, leaf: u32) -> Done<Vec<u8>> {
    key_with(EPOCH_KEYS, &(epoch, leaf))
}

/// One record of a conversation: its writer, reader and deleter.
macro_rules! group_record {
    ($key:literal, $kind:ident: $write:ident, $read:ident, $delete:ident) => {
        fn $write<G: traits::GroupId<V>, T: traits::$kind<V>>(&self, _: &G, value: &T) -> Done<()> {
            self.write($key.as_bytes(), value)
        }
        fn $read<G: traits::GroupId<V>, T: traits::$kind<V>>(&self, _: &G) -> Done<Option<T>> {
            self.read($key.as_bytes())
        }
        fn $delete<G: traits::GroupId<V>>(&self, _: &G) -> Done<()> {
            self.delete_parts($key.as_bytes())
        }
    };
}

impl StorageProvider<V> for Storage<'_> {
    type Error = StorageError;

    group_record!("tree", TreeSync: write_tree, tree, delete_tree);
    group_record!("context", GroupContext: write_context, group_context, delete_context);
    group_record!("interim", InterimTranscriptHash: write_interim_transcript_hash, interim_transcript_hash,
        delete_interim_transcript_hash);
    group_record!("confirmation", ConfirmationTag: write_confirmation_tag, confirmation_tag, delete_confirmation_tag);
    group_record!("message-secrets", MessageSecrets: write_message_secrets, message_secrets, delete_message_secrets);
    group_record!("resumption", ResumptionPskStore: write_resumption_psk_store, resumption_psk_store,
        delete_all_resumption_psk_secrets);
    group_record!("own-leaf", LeafNodeIndex: write_own_leaf_index, own_leaf_index, delete_own_leaf_index);
    group_record!("epoch-secrets", GroupEpochSecrets: write_group_epoch_secrets, group_epoch_secrets,
        delete_group_epoch_secrets);

    fn write_group_state<T: traits::GroupState<V>, G: traits::GroupId<V>>(&self, _: &G, value: &T) -> Done<()> {
        self.write(b"state", value)
    }
    fn group_state<T: traits::GroupState<V>, G: traits::GroupId<V>>(&self, _: &G) -> Done<Option<T>> {
        self.read(b"state")
    }
    fn delete_group_state<G: traits::GroupId<V>>(&self, _: &G) -> Done<()> {
        self.delete_parts(b"state")
    }

    fn write_mls_join_config<G: traits::GroupId<V>, T: traits::MlsGroupJoinConfig<V>>(
        &self,
        _: &G,
        value: &T,
    ) -> Done<()> {
        self.put_parts(b"config", &serde_json::to_vec(value).map_err(|_| StorageError::Record)?)
    }
    fn mls_group_join_config<G: traits::GroupId<V>, T: traits::MlsGroupJoinConfig<V>>(&self, _: &G) -> Done<Option<T>> {
        let read = |json: Zeroizing<Vec<u8>>| serde_json::from_slice(&json).map_err(|_| StorageError::Record);
        let value = self.get_parts(b"config")?.map(read).transpose();
        self.noted(value)
    }
    fn delete_group_config<G: traits::GroupId<V>>(&self, _: &G) -> Done<()> {
        self.delete_parts(b"config")
    }

    fn write_encryption_epoch_key_pairs<G: traits::GroupId<V>, E: traits::EpochKey<V>, K: traits::HpkeKeyPair<V>>(
        &self,
        _: &G,
        epoch: &E,
        leaf: u32,
        pairs: &[K],
    ) -> Done<()> {
        self.write(&epoch_key(epoch, leaf)?, pairs)
    }
    fn encryption_epoch_key_pairs<G: traits::GroupId<V>, E: traits::EpochKey<V>, K: traits::HpkeKeyPair<V>>(
        &self,
        _: &G,
        epoch: &E,
        leaf: u32,
    ) -> Done<Vec<K>> {
        Ok(self.read(&epoch_key(epoch, leaf)?)?.unwrap_or_default())
    }
    fn delete_encryption_epoch_key_pairs<G: traits::GroupId<V>, E: traits::EpochKey<V>>(
        &self,
        _: &G,
        epoch: &E,
        leaf: u32,
    ) -> Done<()> {
        self.delete_parts(&epoch_key(epoch, leaf)?)
    }

    fn write_encryption_key_pair<E: traits::EncryptionKey<V>, K: traits::HpkeKeyPair<V>>(
        &self,
        public: &E,
        pair: &K,
    ) -> Done<()> {
        self.write(&key_with(LEAF_KEY, public)?, pair)
    }
    fn encryption_key_pair<K: traits::HpkeKeyPair<V>, E: traits::EncryptionKey<V>>(
        &self,
        public: &E,
    ) -> Done<Option<K>> {
        self.read(&key_with(LEAF_KEY, public)?)
    }
    fn delete_encryption_key_pair<E: traits::EncryptionKey<V>>(&self, public: &E) -> Done<()> {
        self.delete_parts(&key_with(LEAF_KEY, public)?)
    }

    // The device's scope.

    fn write_key_package<R: traits::HashReference<V>, K: traits::KeyPackage<V>>(&self, id: &R, value: &K) -> Done<()> {
        self.put_in(Scope::Device, key_with(KEY_PACKAGE, id)?, to_postcard(value)?)
    }
    fn key_package<R: traits::HashReference<V>, K: traits::KeyPackage<V>>(&self, id: &R) -> Done<Option<K>> {
        self.read_device(&key_with(KEY_PACKAGE, id)?)
    }
    fn delete_key_package<R: traits::HashReference<V>>(&self, id: &R) -> Done<()> {
        self.delete_in(Scope::Device, &key_with(KEY_PACKAGE, id)?)
    }

    // What the profile does not have. [CONV-14]

    fn queue_proposal<G: traits::GroupId<V>, R: traits::ProposalRef<V>, Q: traits::QueuedProposal<V>>(
        &self,
        _: &G,
        _: &R,
        _: &Q,
    ) -> Done<()> {
        Err(StorageError::NotOurs)
    }
    fn queued_proposal_refs<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(&self, _: &G) -> Done<Vec<R>> {
        Ok(Vec::new())
    }
    fn queued_proposals<G: traits::GroupId<V>, R: traits::ProposalRef<V>, Q: traits::QueuedProposal<V>>(
        &self,
        _: &G,
    ) -> Done<Vec<(R, Q)>> {
        Ok(Vec::new())
    }
    fn remove_proposal<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(&self, _: &G, _: &R) -> Done<()> {
        Ok(())
    }
    fn clear_proposal_queue<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(&self, _: &G) -> Done<()> {
        Ok(())
    }
    fn append_own_leaf_node<G: traits::GroupId<V>, L: traits::LeafNode<V>>(&self, _: &G, _: &L) -> Done<()> {
        Err(StorageError::NotOurs)
    }
    fn own_leaf_nodes<G: traits::GroupId<V>, L: traits::LeafNode<V>>(&self, _: &G) -> Done<Vec<L>> {
        Ok(Vec::new())
    }
    fn delete_own_leaf_nodes<G: traits::GroupId<V>>(&self, _: &G) -> Done<()> {
        Ok(())
    }
    fn write_psk<I: traits::PskId<V>, P: traits::PskBundle<V>>(&self, _: &I, _: &P) -> Done<()> {
        Err(StorageError::NotOurs)
    }
    fn psk<P: traits::PskBundle<V>, I: traits::PskId<V>>(&self, _: &I) -> Done<Option<P>> {
        Ok(None)
    }
    fn delete_psk<I: traits::PskId<V>>(&self, _: &I) -> Done<()> {
        Ok(())
    }
    fn write_signature_key_pair<S: traits::SignaturePublicKey<V>, K: traits::SignatureKeyPair<V>>(
        &self,
        _: &S,
        _: &K,
    ) -> Done<()> {
        Err(StorageError::NotOurs)
    }
    fn signature_key_pair<S: traits::SignaturePublicKey<V>, K: traits::SignatureKeyPair<V>>(
        &self,
        _: &S,
    ) -> Done<Option<K>> {
        Ok(None)
    }
    fn delete_signature_key_pair<S: traits::SignaturePublicKey<V>>(&self, _: &S) -> Done<()> {
        Ok(())
    }
}
