//! The vault (protocol-spec/07-delivery, section 12): sealed rows on disk, changed one whole batch at a time.
//!
//! A row lives in a [`Scope`] (one conversation's messages, the outbox, ...) under a key. On disk its name is two
//! keyed hashes, of the scope and of scope and key, so that the rows of a scope can be found together and neither
//! says what it is; its value is sealed with XChaCha20-Poly1305 and tied to that name, so that rows cannot be swapped.
//! A row's plaintext begins with its key, because the name does not give it back.

use std::path::Path;

use amanat_primitives::{ConversationId, Label, Secret, aead::SealKey, hash, kdf};
use amanat_store::table::{Batch as TableBatch, Options, Table};
use amanat_wire::{Bytes, Decode, Encode, Reader, Writer};
use rand_core::OsRng;
use zeroize::Zeroizing;

use crate::{Failure, failure};

/// A row's key and bytes.
type PlainRow = (Vec<u8>, Vec<u8>);

/// Which rows belong together. The number is part of the storage layout: never used for anything else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    /// Single rows: profile, keys, status statement, relay.
    Meta,
    /// OpenMLS records of this device: the private halves of its KeyPackages.
    DeviceRecords,
    /// One row a conversation.
    Conversations,
    /// OpenMLS records of one conversation.
    GroupRecords(ConversationId),
    /// One row a member device: its counters and ours towards it.
    Tracks(ConversationId),
    /// Messages by sequence.
    Messages(ConversationId),
    /// Sequence by message id.
    MessageIds(ConversationId),
    /// What waits to be sent, by number.
    Outbox,
    /// Documents by id.
    Documents,
    /// Hashes of an upload's segments by document and first number.
    Segments,
    /// Fetches that are under way, by document.
    Fetches,
    /// Verified chains by device id.
    Chains,
    /// Certificate by grant, to notice two for one.
    Grants,
    /// Addresses whose safety number was compared.
    Confirmed,
    /// Commits on their way, by conversation.
    Commits,
    /// The list of revocations, by how many stand before.
    Revocations,
    /// What happened to messages after they were sent, by sequence.
    Lives(ConversationId),
    /// Changes of messages that are not here yet, by message id.
    Waiting(ConversationId),
    /// Messages whose content will be removed, by conversation and sequence.
    Expiries,
    /// Entries of a log as they were, by position.
    Kept(ConversationId),
    /// Welcomes of one's own commits among them, by position.
    KeptWelcomes(ConversationId),
    /// How far these entries reach, by conversation.
    Tails,
}

impl Scope {
    fn bytes(self) -> Vec<u8> {
        let (number, id): (u8, Option<ConversationId>) = match self {
            Self::Meta => (1, None),
            Self::DeviceRecords => (2, None),
            Self::Conversations => (3, None),
            Self::GroupRecords(id) => (4, Some(id)),
            Self::Tracks(id) => (5, Some(id)),
            Self::Messages(id) => (7, Some(id)),
            Self::MessageIds(id) => (6, Some(id)),
            Self::Outbox => (8, None),
            Self::Documents => (9, None),
            Self::Chains => (10, None),
            Self::Grants => (11, None),
            Self::Confirmed => (12, None),
            Self::Segments => (13, None),
            Self::Commits => (14, None),
            Self::Revocations => (20, None),
            Self::Lives(id) => (30, Some(id)),
            Self::Waiting(id) => (31, Some(id)),
            Self::Expiries => (32, None),
            Self::Fetches => (15, None),
            Self::Kept(id) => (55, Some(id)),
            Self::KeptWelcomes(id) => (56, Some(id)),
            Self::Tails => (57, None),
        };
        let mut bytes = vec![number];
        bytes.extend_from_slice(id.as_ref().map_or(&[], |id| id.as_bytes().as_slice()));
        bytes
    }
}

/// Version of the vault's layout.
const FORMAT: u32 = 1;
/// Longest key of a row, in bytes (OpenMLS's are the longest).
const KEY: usize = 4096;

/// An open vault. One process holds it; [`Table`] sees to that.
pub(crate) struct Vault {
    table: Table,
    values: SealKey,
    names: Secret<32>,
}

impl Vault {
    /// Opens the vault in `dir`, or makes an empty one there, under the vault's own key.
    ///
    /// # Errors
    /// In use, damaged, disk full, no permission: each its own [`Failure`].
    pub(crate) fn open(dir: &Path, key: &Secret<32>) -> Result<Self, Failure> {
        let table = Table::open(dir, &Options::new("vault", FORMAT)).map_err(failure::from_open)?;
        let key = key.expose_secret();
        Ok(Self {
            table,
            values: SealKey::new(kdf::derive(key, &[], Label::VAULT_VALUES)),
            names: kdf::derive(key, &[], Label::VAULT_KEYS),
        })
    }

    /// One row.
    ///
    /// # Errors
    /// [`FailureCode::Damaged`](crate::FailureCode::Damaged) when it is there but does not open or decode.
    pub(crate) fn read<T: Decode>(&self, scope: Scope, key: &[u8]) -> Result<Option<T>, Failure> {
        match self.read_bytes(scope, key)? {
            Some(plain) => Ok(Some(T::from_bytes(&plain).map_err(|_| failure::damaged())?)),
            None => Ok(None),
        }
    }

    /// One row's bytes.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn read_bytes(&self, scope: Scope, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        let name = self.name(&scope.bytes(), key);
        match self.table.get(&name).map_err(failure::from_table)? {
            Some(sealed) => Ok(Some(self.open_row(&name, &sealed)?.1)),
            None => Ok(None),
        }
    }

    /// All rows of a scope as (key, bytes), in no particular order.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn scan_bytes(&self, scope: Scope) -> Result<Vec<PlainRow>, Failure> {
        let mut rows = Vec::new();
        for row in self.table.scan(&self.prefix(&scope.bytes())) {
            let (name, sealed) = row.map_err(failure::from_table)?;
            rows.push(self.open_row(&name, &sealed)?);
        }
        Ok(rows)
    }

    /// All rows of a scope, decoded, in no particular order.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn scan<T: Decode>(&self, scope: Scope) -> Result<Vec<T>, Failure> {
        let rows = self.scan_bytes(scope)?;
        rows.iter().map(|(_, plain)| T::from_bytes(plain).map_err(|_| failure::damaged())).collect()
    }

    /// Hands each row of a scope, decoded, to `take`, in no particular order; one at a time is in memory.
    ///
    /// # Errors
    /// As [`read`](Self::read), and what `take` fails with.
    pub(crate) fn for_each<T: Decode>(
        &self,
        scope: Scope,
        mut take: impl FnMut(T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for row in self.table.scan(&self.prefix(&scope.bytes())) {
            let (name, sealed) = row.map_err(failure::from_table)?;
            let (_, plain) = self.open_row(&name, &sealed)?;
            take(T::from_bytes(&plain).map_err(|_| failure::damaged())?)?;
        }
        Ok(())
    }

    /// Makes all changes of `batch` durable, or none. Returns when fsync has.
    ///
    /// # Errors
    /// Disk full leaves everything as it was; after a failed sync the vault refuses all further work.
    pub(crate) fn commit(&self, batch: Batch) -> Result<(), Failure> {
        if batch.changes.is_empty() {
            return Ok(());
        }
        let mut out = TableBatch::new();
        for change in batch.changes {
            let name = self.name(&change.scope.bytes(), &change.key);
            match change.value {
                Some(plain) => {
                    let mut w = Writer::default();
                    Bytes::<KEY>::new(change.key)
                        .map_err(|_| failure::internal("a row's key is too long"))?
                        .encode(&mut w);
                    w.raw(&plain);
                    let plain = Zeroizing::new(w.into_bytes());
                    out.add_put(&name, self.values.seal(&name, &plain, &mut OsRng));
                }
                None => out.add_delete(&name),
            }
        }
        self.table.commit(out).map_err(failure::from_table)
    }

    /// Ends all work and gives the folder free.
    pub(crate) fn close(self) {
        self.table.close();
    }

    fn open_row(&self, name: &[u8], sealed: &[u8]) -> Result<PlainRow, Failure> {
        let plain = Zeroizing::new(self.values.open(name, sealed).map_err(|_| failure::damaged())?);
        let mut r = Reader::new(&plain);
        let key = Bytes::<KEY>::decode(&mut r).map_err(|_| failure::damaged())?;
        let rest = r.take(r.remaining()).map_err(|_| failure::damaged())?;
        Ok((key.into_vec(), rest.to_vec()))
    }

    fn prefix(&self, scope: &[u8]) -> [u8; 16] {
        first_half(&hash::keyed(&self.names, scope))
    }

    fn name(&self, scope: &[u8], key: &[u8]) -> [u8; 32] {
        let full = [&[scope.len().min(255) as u8], scope, key].concat();
        let mut name = [0; 32];
        let (front, back) = name.split_at_mut(16);
        front.copy_from_slice(&self.prefix(scope));
        back.copy_from_slice(&first_half(&hash::keyed(&self.names, &full)));
        name
    }
}

fn first_half(digest: &amanat_primitives::Digest) -> [u8; 16] {
    let mut half = [0; 16];
    half.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
    half
}

struct Change {
    scope: Scope,
    key: Vec<u8>,
    value: Option<Zeroizing<Vec<u8>>>,
}

/// Changes that become durable together. A later change of a row replaces an earlier one.
#[derive(Default)]
pub(crate) struct Batch {
    changes: Vec<Change>,
}

impl Batch {
    /// Writes a row.
    pub(crate) fn put<T: Encode>(&mut self, scope: Scope, key: &[u8], row: &T) {
        self.put_bytes(scope, key.to_vec(), row.to_bytes());
    }

    /// Writes a row's bytes.
    pub(crate) fn put_bytes(&mut self, scope: Scope, key: Vec<u8>, value: Vec<u8>) {
        self.changes.push(Change { scope, key, value: Some(Zeroizing::new(value)) });
    }

    /// Removes a row.
    pub(crate) fn delete(&mut self, scope: Scope, key: &[u8]) {
        self.changes.push(Change { scope, key: key.to_vec(), value: None });
    }

    /// Adds what an MLS operation changed.
    pub(crate) fn records(&mut self, scope: Scope, changes: amanat_conversation::Changes) {
        for (key, value) in changes.puts {
            self.put_bytes(scope, key, value.to_vec());
        }
        for key in changes.deletes {
            self.delete(scope, &key);
        }
    }
}
