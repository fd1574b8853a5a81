//! The vault (protocol-spec/07-delivery, section 12): sealed rows on disk, changed one whole batch at a time.
//!
//! A row lives in a [`Scope`] (one conversation's messages, the outbox, ...) under a key. On disk its name is two
//! keyed hashes, of the scope and of scope and key, so that the rows of a scope can be found together and neither
//! says what it is; its value is sealed with XChaCha20-Poly1305 and tied to that name, so that rows cannot be swapped.
//! A row's plaintext begins with its key, because the name does not give it back. What must be gone when it is replaced
//! is sealed under keys that are shredded ([`keys`]).

mod keys;
#[cfg(feature = "test-util")]
mod loot;

use std::{
    collections::{BTreeMap, HashMap, HashSet, btree_map::Entry},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use amanat_primitives::{ConversationId, Digest, Label, Secret, Timestamp, aead::SealKey, hash, kdf};
use amanat_store::{
    Health,
    slots::Slots,
    table::{Batch as TableBatch, Options, Table, TableError},
};
use amanat_wire::{Bytes, Decode, Encode, Reader, Writer};
use rand_core::OsRng;
use zeroize::Zeroizing;

use self::keys::{Keys, Owner, SlotRow, Turn};
use crate::{Failure, failure, rows::block_of};

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
    /// Folded texts for searching, by number of the block.
    Blocks(ConversationId),
    /// Ranges of messages that came from a file, by their first sequence.
    Imported(ConversationId),
    /// What has changed of a conversation, by sequence.
    Changes(ConversationId),
    /// People who are still to be added, by conversation.
    Newcomers,
    /// Conversations whose title this device has set.
    OwnTitles,
    /// Slots that hold keys, by what these are for.
    Slots,
    /// Entries of a log as they were, by position.
    Kept(ConversationId),
    /// Welcomes of one's own commits among them, by position.
    KeptWelcomes(ConversationId),
    /// How far these entries reach, by conversation.
    Tails,
    /// Alarms and notices, by number.
    Warnings,
    /// What is written and not sent, by conversation.
    Drafts,
    /// How people want the list, by conversation.
    Arranged,
    /// What the leak filter said, by number.
    Records,
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
            Self::Changes(id) => (40, Some(id)),
            Self::Newcomers => (41, None),
            Self::OwnTitles => (42, None),
            Self::Imported(id) => (45, Some(id)),
            Self::Blocks(id) => (46, Some(id)),
            Self::Fetches => (15, None),
            Self::Slots => (50, None),
            Self::Kept(id) => (55, Some(id)),
            Self::KeptWelcomes(id) => (56, Some(id)),
            Self::Tails => (57, None),
            Self::Warnings => (60, None),
            Self::Drafts => (61, None),
            Self::Arranged => (62, None),
            Self::Records => (65, None),
        };
        let mut bytes = vec![number];
        bytes.extend_from_slice(id.as_ref().map_or(&[], |id| id.as_bytes().as_slice()));
        bytes
    }
}

/// Version of the vault's layout. The first had no slots: such a vault gets them as its rows are written again. The second
/// had no blocks: a program that knows of none must not change messages beside them. The third had no sum over its rows.
const FORMAT: u32 = 4;
/// Longest key of a row, in bytes (OpenMLS's are the longest).
const KEY: usize = 4096;

/// Rows that one step looks at for keys of days that are over.
const SWEEP: usize = 1024;

/// An open vault. One process holds it; [`Table`] sees to that.
pub(crate) struct Vault {
    table: Table,
    values: SealKey,
    names: Secret<32>,
    keys: Mutex<Keys>,
}

impl Vault {
    /// Opens the vault in `dir`, or makes an empty one there, under the vault's own key.
    ///
    /// # Errors
    /// In use, damaged, disk full, no permission: each its own [`Failure`].
    pub(crate) fn open(dir: &Path, key: &Secret<32>) -> Result<Self, Failure> {
        let table = Table::open(dir, &Options::new("vault", FORMAT)).map_err(failure::from_open)?;
        let slots = Slots::open(dir).map_err(failure::from_open)?;
        let key = key.expose_secret();
        let values = SealKey::new(kdf::derive(key, &[], Label::VAULT_VALUES));
        let names = kdf::derive(key, &[], Label::VAULT_KEYS);
        let mut rows = Vec::new();
        for row in table.scan(&prefix(&names, &Scope::Slots.bytes())) {
            let (name, sealed) = row.map_err(failure::from_table)?;
            let (_, plain) = open_plain(&values, &name, &sealed)?;
            rows.push(SlotRow::from_bytes(&plain).map_err(|_| failure::damaged())?);
        }
        let keys = Keys::open(slots, key, rows).map_err(failure::from_table)?;
        Ok(Self { table, values, names, keys: Mutex::new(keys) })
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

    /// The next rows of a scope, decoded, at most `limit`, in no particular order; `place` is where it goes on. Fewer than
    /// `limit` are the last ones.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn scan_on<T: Decode>(
        &self,
        scope: Scope,
        place: &mut Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Vec<T>, Failure> {
        let page = self.table.scan_from(&self.prefix(&scope.bytes()), place.as_deref(), limit);
        let page = page.map_err(failure::from_table)?;
        if let Some((name, _)) = page.last() {
            *place = Some(name.clone());
        }
        let plain = page.iter().map(|(name, sealed)| self.open_row(name, sealed));
        plain.map(|row| T::from_bytes(&row?.1).map_err(|_| failure::damaged())).collect()
    }

    /// Makes all changes of `batch` durable, or none. Returns when fsync has.
    ///
    /// # Errors
    /// Disk full leaves everything as it was; after a failed sync the vault refuses all further work.
    pub(crate) fn commit(&self, batch: Batch) -> Result<(), Failure> {
        if batch.changes.is_empty() && batch.turns.is_empty() && batch.ended.is_empty() {
            return Ok(());
        }
        let mut keys = self.keys();
        keys.check().map_err(failure::from_table)?;
        let mut turn = Turn::default();
        let out = self.seal(batch, &mut keys, &mut turn).and_then(|mut out| {
            self.put_slots(&turn, &mut out);
            keys.write(&turn).map_err(failure::from_table)?;
            Ok(out)
        });
        let committed = out.map(|out| self.table.commit(out));
        match committed {
            Ok(Ok(())) => {
                keys.turned(turn);
                Ok(())
            }
            Ok(Err(error)) => {
                // Where the table has shut itself, the batch may be there when it is next opened.
                if self.table.health() == Health::Working {
                    keys.failed(turn);
                }
                Err(failure::from_table(error))
            }
            Err(failure) => {
                keys.failed(turn);
                Err(failure)
            }
        }
    }

    /// Shreds the keys of days that are over and under which nothing is sealed any more, once a day: a step of it, while
    /// [`is_sweeping`](Self::is_sweeping).
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub(crate) fn shred_days(&self, now: Timestamp) -> Result<(), Failure> {
        let mut keys = self.keys();
        let Some(place) = keys.sweeping(now) else { return Ok(()) };
        // Whatever a row may still need is kept: a message that waits to be sent outlives its day.
        let rows = self.table.scan_from(&[], place.as_deref(), SWEEP).map_err(failure::from_table)?;
        let place = rows.last().filter(|_| rows.len() == SWEEP).map(|(name, _)| name.clone());
        let Some(unused) = keys.swept(rows.iter().map(|(_, sealed)| sealed.as_slice()), place) else { return Ok(()) };
        drop(keys);
        let mut batch = Batch::default();
        batch.ended.extend(unused);
        self.commit(batch)
    }

    /// Whether keys of days that are over are still being looked for.
    pub(crate) fn is_sweeping(&self) -> bool {
        self.keys().is_sweeping()
    }

    /// Conversations in which keys of earlier epochs are to be forgotten by now.
    pub(crate) fn due_to_forget(&self, now: Timestamp) -> Vec<ConversationId> {
        self.keys().due(now)
    }

    /// Whether it still works: after a failed sync, of the table or of the slots, it does nothing more until it is opened
    /// again. [DELIV-182]
    ///
    /// # Errors
    /// What commits and reads fail with from then on.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.table.health() {
            Health::Working => self.keys().check().map_err(failure::from_table),
            Health::Full => Err(failure::from_table(TableError::Full)),
            Health::Failed => Err(failure::from_table(TableError::Fatal)),
            Health::Damaged => Err(failure::from_table(TableError::Damaged)),
            Health::Closed => Err(failure::from_table(TableError::Closed)),
        }
    }

    /// Ends all work and gives the folder free.
    pub(crate) fn close(self) {
        self.table.close();
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All changes of a batch, sealed each under the key that it belongs to.
    fn seal(&self, batch: Batch, keys: &mut Keys, turn: &mut Turn) -> Result<TableBatch, Failure> {
        let Batch { changes, turns, ended, until, outbox_until } = batch;
        let until: HashMap<[u8; 32], Option<Owner>> =
            until.into_iter().map(|(scope, key, day)| (self.name(&scope.bytes(), &key), day)).collect();
        let mut out = TableBatch::new();
        let mut last: BTreeMap<[u8; 32], Change> = BTreeMap::new();
        let mut records: HashMap<ConversationId, HashSet<[u8; 32]>> = HashMap::new();
        for change in changes {
            let name = self.name(&change.scope.bytes(), &change.key);
            if let Scope::GroupRecords(id) = change.scope {
                records.entry(id).or_default().insert(name);
            }
            last.insert(name, change);
        }
        for owner in &ended {
            keys.retire(turn, owner);
        }
        // [DELIV-172] What stays as it was is sealed anew with what changed, also where there was no key yet.
        for id in records.keys().copied().chain(turns.keys().copied()).collect::<HashSet<_>>() {
            let owner = Owner::Conversation(id);
            let wanted = turns.get(&id).copied();
            if ended.contains(&owner) || wanted.is_none() && keys.has(&owner) {
                continue;
            }
            keys.renew(turn, &owner, wanted.flatten()).map_err(failure::from_table)?;
            for row in self.table.scan(&prefix(&self.names, &Scope::GroupRecords(id).bytes())) {
                let (name, sealed) = row.map_err(failure::from_table)?;
                let name: [u8; 32] = name.try_into().map_err(|_| failure::damaged())?;
                if let Entry::Vacant(stays) = last.entry(name) {
                    let (key, plain) = self.open_with(keys, &name, &sealed)?;
                    let value = Some(Zeroizing::new(plain));
                    stays.insert(Change { scope: Scope::GroupRecords(id), key, value });
                }
            }
        }
        self.drop_blocks(&mut last)?;
        for (name, change) in last {
            let queued = outbox_until.clone().filter(|_| change.scope == Scope::Outbox);
            let day = until.get(&name).cloned().or(queued.map(Some));
            let owner = self.owner(keys, &name, &change, day)?;
            let Some(plain) = change.value else {
                if matches!(change.scope, Scope::DeviceRecords | Scope::Drafts) {
                    keys.retire(turn, &Owner::Row(Digest::from_bytes(name)));
                }
                out.add_delete(&name);
                continue;
            };
            let plain = with_key(change.key, &plain)?;
            let sealed = match owner {
                None => self.values.seal(&name, &plain, &mut OsRng),
                Some(owner) => {
                    // [DELIV-173] [DELIV-228]
                    if matches!(owner, Owner::Row(_)) {
                        keys.renew(turn, &owner, None).map_err(failure::from_table)?;
                    }
                    let (number, key) = keys.seal_for(turn, &owner).map_err(failure::from_table)?;
                    let sealed = key.seal(&keys::tied(&name, number), &plain, &mut OsRng);
                    [number.to_be_bytes().as_slice(), &sealed].concat()
                }
            };
            out.add_put(&name, sealed);
        }
        Ok(out)
    }

    /// What writes or removes a message's row removes the block that may hold its text. [DELIV-104]
    fn drop_blocks(&self, last: &mut BTreeMap<[u8; 32], Change>) -> Result<(), Failure> {
        let mut blocks = BTreeMap::new();
        for change in last.values() {
            let (Scope::Messages(id), Some(sequence)) = (change.scope, change.key.first_chunk::<8>()) else { continue };
            let (scope, key) = (Scope::Blocks(id), block_of(u64::from_be_bytes(*sequence)).to_be_bytes().to_vec());
            blocks.insert(self.name(&scope.bytes(), &key), Change { scope, key, value: None });
        }
        for (name, gone) in blocks {
            // Where messages come there is none yet.
            if last.contains_key(&name) || self.table.get(&name).map_err(failure::from_table)?.is_some() {
                last.insert(name, gone);
            }
        }
        Ok(())
    }

    /// Whose key a row is sealed under; none for the vault's own. What said nothing of its end stays under the key of the
    /// day that it was under.
    fn owner(
        &self,
        keys: &Keys,
        name: &[u8; 32],
        change: &Change,
        day: Option<Option<Owner>>,
    ) -> Result<Option<Owner>, Failure> {
        match (change.scope, day) {
            _ if change.value.is_none() => Ok(None),
            (Scope::GroupRecords(id), _) => Ok(Some(Owner::Conversation(id))),
            (Scope::DeviceRecords | Scope::Drafts, _) => Ok(Some(Owner::Row(Digest::from_bytes(*name)))),
            (_, Some(day)) => Ok(day),
            (Scope::Messages(_) | Scope::Documents | Scope::Outbox, None) => {
                let before = self.table.get(name).map_err(failure::from_table)?;
                Ok(before.and_then(|sealed| keys.sealing(&sealed).map(|(owner, _)| owner.clone())))
            }
            _ => Ok(None),
        }
    }

    fn put_slots(&self, turn: &Turn, out: &mut TableBatch) {
        let (puts, deletes) = turn.rows();
        let scope = Scope::Slots.bytes();
        for row in puts {
            let key = row.owner.to_bytes();
            let name = self.name(&scope, &key);
            let mut w = Writer::default();
            Bytes::<KEY>::new(key).unwrap_or_default().encode(&mut w);
            row.encode(&mut w);
            out.add_put(&name, self.values.seal(&name, &w.into_bytes(), &mut OsRng));
        }
        for key in deletes {
            out.add_delete(&self.name(&scope, &key));
        }
    }

    fn open_row(&self, name: &[u8], sealed: &[u8]) -> Result<PlainRow, Failure> {
        self.open_with(&self.keys(), name, sealed)
    }

    fn open_with(&self, keys: &Keys, name: &[u8], sealed: &[u8]) -> Result<PlainRow, Failure> {
        match (keys.sealing(sealed), sealed.split_first_chunk::<{ keys::NUMBER }>()) {
            (Some((_, key)), Some((number, rest))) => {
                let tied = keys::tied(name, u64::from_be_bytes(*number));
                split(key.open(&tied, rest).map_err(|_| failure::damaged())?)
            }
            _ => open_plain(&self.values, name, sealed),
        }
    }

    fn prefix(&self, scope: &[u8]) -> [u8; 16] {
        prefix(&self.names, scope)
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

fn open_plain(values: &SealKey, name: &[u8], sealed: &[u8]) -> Result<PlainRow, Failure> {
    split(values.open(name, sealed).map_err(|_| failure::damaged())?)
}

fn with_key(key: Vec<u8>, plain: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut w = Writer::default();
    Bytes::<KEY>::new(key).map_err(|_| failure::internal("a row's key is too long"))?.encode(&mut w);
    w.raw(plain);
    Ok(Zeroizing::new(w.into_bytes()))
}

/// A row's key and its bytes, which stay where they are: no second copy is left in memory.
fn split(mut plain: Vec<u8>) -> Result<PlainRow, Failure> {
    let mut r = Reader::new(&plain);
    let key = Bytes::<KEY>::decode(&mut r).map_err(|_| failure::damaged())?;
    let before = plain.len() - r.remaining();
    plain.drain(..before);
    Ok((key.into_vec(), plain))
}

fn prefix(names: &Secret<32>, scope: &[u8]) -> [u8; 16] {
    first_half(&hash::keyed(names, scope))
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
    /// Conversations whose records get a new key, and when keys of earlier epochs are to be forgotten.
    turns: HashMap<ConversationId, Option<Timestamp>>,
    /// Keys that go.
    ended: Vec<Owner>,
    /// Under which day's key a row is sealed; none for one that stays.
    until: Vec<(Scope, Vec<u8>, Option<Owner>)>,
    /// Under which day's key the rest of what is queued here is sealed.
    outbox_until: Option<Owner>,
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

    /// What this batch writes of a row goes at a time, or stays where there is none. [DELIV-174]
    pub(crate) fn expires(&mut self, scope: Scope, key: &[u8], at: Option<Timestamp>, now: Timestamp) {
        self.until.push((scope, key.to_vec(), at.and_then(|at| keys::day_of(at, now))));
    }

    /// What this batch puts into the outbox goes at a time.
    pub(crate) fn queue_expires(&mut self, at: Option<Timestamp>, now: Timestamp) {
        self.outbox_until = at.and_then(|at| keys::day_of(at, now)).or(self.outbox_until.take());
    }

    /// A conversation's records get a new key, because its epoch changed or keys of an earlier one were forgotten; the
    /// next is due at `forget_at`. [DELIV-172]
    pub(crate) fn turn_key(&mut self, id: ConversationId, forget_at: Option<Timestamp>) {
        self.turns.insert(id, forget_at);
    }

    /// A conversation's records go.
    pub(crate) fn end_key(&mut self, id: ConversationId) {
        self.ended.push(Owner::Conversation(id));
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

#[cfg(test)]
mod tests;
