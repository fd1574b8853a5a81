//! Keys that are shredded (protocol-spec/07-delivery, section 12): a conversation's MLS records, the private halves of
//! KeyPackages and what expires are sealed under keys of their own, which lie in slots that are overwritten in place.
//!
//! A new key is written to a spare slot and synced; the batch that names the slot and re-seals what stays is synced; then
//! the old slot is overwritten and synced. Opening shreds what no row names. So whatever the steps between which the power
//! goes, there is one key in force, and what was sealed under an earlier one can be opened by nobody. [DELIV-170]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use amanat_primitives::{ConversationId, Digest, Label, Secret, Timestamp, aead::SealKey, kdf};
use amanat_store::{
    slots::{SLOT, Slot, Slots},
    table::TableError,
};
use amanat_wire::{Encode as _, choice, record};
use rand_core::{OsRng, RngCore as _};
use zeroize::Zeroize as _;

/// Bytes of a key's number, before what is sealed under it.
pub(super) const NUMBER: usize = 8;
/// What expires later than this has no key of its own: so many slots at most are taken by days.
const DAYS: u64 = 400;
const DAY: u64 = 24 * 3600 * 1000;

choice!(
    /// What a key is for.
    pub(super) enum Owner: u8 {
        /// The MLS records of a conversation.
        1 => Conversation(ConversationId),
        /// The one row of this name.
        2 => Row(Digest),
        /// Contents that expire on this day, counted from 1970.
        3 => Day(u64),
    }
);

record!(
    /// Names a slot; the row's key is the owner.
    pub(super) struct SlotRow {
        /// Whose key it holds.
        owner: Owner,
        /// The slot.
        place: u32,
        /// The key's number, by which rows name it.
        number: u64,
        /// A conversation's: when keys of earlier epochs are to be forgotten.
        forget_at: Option<Timestamp>,
    }
);

/// The day key for what goes at a time; none where that is too far away.
pub(super) fn day_of(at: Timestamp, now: Timestamp) -> Option<Owner> {
    let day = at.as_millis() / DAY;
    (day <= now.as_millis() / DAY + DAYS).then_some(Owner::Day(day))
}

struct Held {
    row: SlotRow,
    key: SealKey,
}

/// The keys in force.
pub(super) struct Keys {
    file: Slots,
    wrap: SealKey,
    /// By the key's number.
    held: HashMap<u64, Held>,
    /// Number by encoded owner.
    owners: BTreeMap<Vec<u8>, u64>,
    /// Slots that hold nothing.
    free: Vec<u32>,
    /// The day on which it was last looked for days that are over.
    looked: Option<u64>,
    sweep: Option<Sweep>,
}

/// Looks, in steps, under which keys of days that are over anything is sealed.
struct Sweep {
    over: Vec<Owner>,
    used: BTreeSet<Vec<u8>>,
    /// How far all rows were looked at.
    place: Option<Vec<u8>>,
}

/// What a batch does to the keys.
#[derive(Default)]
pub(super) struct Turn {
    fresh: BTreeMap<Vec<u8>, Held>,
    retired: BTreeMap<Vec<u8>, SlotRow>,
}

impl Keys {
    /// Takes over the file and the rows that name its slots; shreds all others. [DELIV-171]
    pub(super) fn open(file: Slots, vault_key: &[u8; 32], rows: Vec<SlotRow>) -> Result<Self, TableError> {
        let wrap = SealKey::new(kdf::derive(vault_key, &[], Label::VAULT_SLOTS));
        let all = file.all()?;
        let (mut held, mut owners) = (HashMap::new(), BTreeMap::new());
        for row in rows {
            let slot = all.get(row.place as usize);
            match slot.and_then(|slot| unwrap(&wrap, &row, slot)) {
                Some(key) => {
                    owners.insert(row.owner.to_bytes(), row.number);
                    held.insert(row.number, Held { row, key });
                }
                // What it sealed shows as damaged where it is read.
                None => tracing::error!(place = row.place, "a slot does not hold the key that is named"),
            }
        }
        let named: std::collections::HashSet<u32> = held.values().map(|held| held.row.place).collect();
        let spare: Vec<(u32, &Slot)> = (0..).zip(&all).filter(|(place, _)| !named.contains(place)).collect();
        let left: Vec<u32> = spare.iter().filter(|(_, slot)| **slot != [0; SLOT]).map(|(place, _)| *place).collect();
        let free = spare.iter().rev().map(|(place, _)| *place).collect();
        let keys = Self { file, wrap, held, owners, free, looked: None, sweep: None };
        keys.shred(&left)?;
        Ok(keys)
    }

    /// Refuses once the slots have failed.
    pub(super) fn check(&self) -> Result<(), TableError> {
        self.file.check()
    }

    /// The key with which something begins, if it begins with a key's number.
    pub(super) fn sealing(&self, sealed: &[u8]) -> Option<(&Owner, &SealKey)> {
        let held = self.held.get(&number_of(sealed)?)?;
        Some((&held.row.owner, &held.key))
    }

    /// All keys, for tests that try them.
    #[cfg(any(test, feature = "test-util"))]
    pub(super) fn in_force(&self) -> impl Iterator<Item = &SealKey> {
        self.held.values().map(|held| &held.key)
    }

    /// Whether there is a key for this owner.
    pub(super) fn has(&self, owner: &Owner) -> bool {
        self.owners.contains_key(&owner.to_bytes())
    }

    /// Number and key under which something of this owner is sealed; a new one where there is none.
    pub(super) fn seal_for<'k>(
        &'k mut self,
        turn: &'k mut Turn,
        owner: &Owner,
    ) -> Result<(u64, &'k SealKey), TableError> {
        let name = owner.to_bytes();
        if let (Owner::Day(_), Some(sweep)) = (owner, &mut self.sweep) {
            sweep.used.insert(name.clone());
        }
        if !turn.fresh.contains_key(&name) && !self.owners.contains_key(&name) {
            self.renew(turn, owner, None)?;
        }
        match (turn.fresh.get(&name), self.owners.get(&name)) {
            (Some(held), _) => Ok((held.row.number, &held.key)),
            (None, Some(number)) => match self.held.get(number) {
                Some(held) => Ok((*number, &held.key)),
                None => Err(TableError::Damaged),
            },
            (None, None) => Err(TableError::Damaged),
        }
    }

    /// A new key takes the place of this owner's old one in this batch. [DELIV-175]
    pub(super) fn renew(
        &mut self,
        turn: &mut Turn,
        owner: &Owner,
        forget_at: Option<Timestamp>,
    ) -> Result<(), TableError> {
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                let mut new: Vec<u32> = self.file.grow()?.rev().collect();
                let place = new.pop().ok_or(TableError::Full)?;
                self.free.extend(new);
                place
            }
        };
        let row = SlotRow { owner: owner.clone(), place, number: OsRng.next_u64(), forget_at };
        let held = Held { row, key: SealKey::new(Secret::random(&mut OsRng)) };
        self.retire(turn, owner);
        turn.fresh.insert(owner.to_bytes(), held);
        Ok(())
    }

    /// This owner's key goes with this batch.
    pub(super) fn retire(&mut self, turn: &mut Turn, owner: &Owner) {
        let name = owner.to_bytes();
        if let Some(held) = turn.fresh.remove(&name) {
            self.free.push(held.row.place);
        }
        if let Some(held) = self.owners.get(&name).and_then(|number| self.held.get(number)) {
            turn.retired.insert(name, held.row.clone());
        }
    }

    /// Writes the new keys to their slots, durably, before anything names them.
    pub(super) fn write(&self, turn: &Turn) -> Result<(), TableError> {
        if turn.fresh.is_empty() {
            return Ok(());
        }
        for held in turn.fresh.values() {
            self.file.write(held.row.place, &wrapped(&self.wrap, held))?;
        }
        self.file.sync()
    }

    /// The batch is durable: the new keys are in force, the old ones are shredded.
    pub(super) fn turned(&mut self, turn: Turn) {
        let mut gone = Vec::new();
        for (name, row) in turn.retired {
            self.held.remove(&row.number);
            self.owners.remove(&name);
            gone.push(row.place);
        }
        for (name, held) in turn.fresh {
            self.owners.insert(name, held.row.number);
            self.held.insert(held.row.number, held);
        }
        match self.shred(&gone) {
            Ok(()) => self.free.extend(gone),
            // What the batch wrote stands. The slots are shredded when the vault is next opened.
            Err(error) => tracing::error!(%error, "keys that are out of use are not shredded yet"),
        }
    }

    /// Nothing of the batch has happened: the old keys stay in force.
    pub(super) fn failed(&mut self, turn: Turn) {
        let places: Vec<u32> = turn.fresh.into_values().map(|held| held.row.place).collect();
        // They open nothing; what is not overwritten now is when the slot is next used, or the vault opened.
        for place in &places {
            let _ = self.file.write(*place, &[0; SLOT]);
        }
        self.free.extend(places);
    }

    /// Conversations in which keys of earlier epochs are to be forgotten by now.
    pub(super) fn due(&self, now: Timestamp) -> Vec<ConversationId> {
        let due = |held: &&Held| held.row.forget_at.is_some_and(|at| at <= now);
        let id = |held: &Held| match held.row.owner {
            Owner::Conversation(id) => Some(id),
            _ => None,
        };
        self.held.values().filter(due).filter_map(id).collect()
    }

    /// Begins to look for days that are over, where that was not done today. Where rows are to be looked at, the one from
    /// which on.
    pub(super) fn sweeping(&mut self, now: Timestamp) -> Option<Option<Vec<u8>>> {
        let today = now.as_millis() / DAY;
        if self.looked.replace(today) != Some(today) {
            let over = |held: &&Held| matches!(held.row.owner, Owner::Day(day) if day < today);
            let over: Vec<Owner> = self.held.values().filter(over).map(|held| held.row.owner.clone()).collect();
            self.sweep = (!over.is_empty()).then(|| Sweep { over, used: BTreeSet::new(), place: None });
        }
        self.sweep.as_ref().map(|sweep| sweep.place.clone())
    }

    /// Whether rows are still to be looked at.
    pub(super) fn is_sweeping(&self) -> bool {
        self.sweep.is_some()
    }

    /// Some rows were looked at, up to `place`; where they were the last, the days under whose key nothing is.
    pub(super) fn swept<'r>(
        &mut self,
        rows: impl Iterator<Item = &'r [u8]>,
        place: Option<Vec<u8>>,
    ) -> Option<Vec<Owner>> {
        let used: Vec<Vec<u8>> = rows.filter_map(|sealed| Some(self.sealing(sealed)?.0.to_bytes())).collect();
        let sweep = self.sweep.as_mut()?;
        sweep.used.extend(used);
        if place.is_some() {
            sweep.place = place;
            return None;
        }
        let Sweep { over, used, .. } = self.sweep.take()?;
        Some(over.into_iter().filter(|owner| !used.contains(&owner.to_bytes())).collect())
    }

    fn shred(&self, places: &[u32]) -> Result<(), TableError> {
        if places.is_empty() {
            return Ok(());
        }
        for place in places {
            self.file.write(*place, &[0; SLOT])?;
        }
        self.file.sync()
    }
}

impl Turn {
    /// Rows to write and owners whose row is to be removed.
    pub(super) fn rows(&self) -> (Vec<SlotRow>, Vec<Vec<u8>>) {
        let puts = self.fresh.values().map(|held| held.row.clone()).collect();
        let deletes = self.retired.keys().filter(|name| !self.fresh.contains_key(*name)).cloned().collect();
        (puts, deletes)
    }
}

/// What a row is tied to under a key of a slot.
pub(super) fn tied(name: &[u8], number: u64) -> Vec<u8> {
    [name, &number.to_be_bytes()].concat()
}

fn number_of(sealed: &[u8]) -> Option<u64> {
    sealed.first_chunk::<NUMBER>().map(|number| u64::from_be_bytes(*number))
}

fn aad(row: &SlotRow) -> [u8; 12] {
    let mut aad = [0; 12];
    let (place, number) = aad.split_at_mut(4);
    place.copy_from_slice(&row.place.to_be_bytes());
    number.copy_from_slice(&row.number.to_be_bytes());
    aad
}

fn wrapped(wrap: &SealKey, held: &Held) -> Slot {
    let sealed = wrap.seal(&aad(&held.row), held.key.expose_secret(), &mut OsRng);
    let mut slot = [0; SLOT];
    slot.iter_mut().zip(sealed).for_each(|(to, from)| *to = from);
    slot
}

fn unwrap(wrap: &SealKey, row: &SlotRow, slot: &Slot) -> Option<SealKey> {
    let sealed = slot.get(..32 + amanat_primitives::aead::SEAL_OVERHEAD)?;
    let mut key = wrap.open(&aad(row), sealed).ok()?;
    let secret = Secret::from_slice(&key);
    key.zeroize();
    secret.map(SealKey::new)
}
