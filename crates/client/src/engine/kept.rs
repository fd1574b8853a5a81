//! The tail of each log that this vault keeps as it was (protocol-spec/07-delivery, section 14), so that a restored relay
//! can be given back what it has lost: entries with their receipts and seals, and the Welcomes of one's own commits.
//!
//! A tail is without gaps and ends where the vault is. It reaches back seven days at most, which is more than lies between
//! a relay's backups, and is bounded in bytes for each conversation and in all: the oldest go first. What cannot be given
//! back (an entry whose body has gone, a commit without a good receipt) ends the tail: it begins anew behind it.

use std::{collections::BTreeMap, time::Duration};

use amanat_primitives::{ConversationId, DeviceId, Digest, Timestamp};
use amanat_wire::{
    Decode as _, List, limits,
    log::{CommitReceipt, Entry, Unit, UnitKind, roster_change},
    record,
    resupply::{HeldEntry, Resupply, Welcomes},
};

use super::core::Core;
use crate::{
    Failure, failure,
    vault::{Batch, Scope, Vault},
};

/// How far back a tail reaches.
pub(crate) const AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Bytes of one conversation's tail.
const TAIL_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes of all tails together.
const BYTES_IN_ALL: u64 = 256 * 1024 * 1024;
/// What a row counts beside what it holds.
const ROW_BYTES: usize = 512;
/// Bytes of the entries of one request; a single larger one fits the message as its unit did.
const PAGE_BYTES: usize = 768 * 1024;

record!(
    /// An entry, and R behind it.
    pub(crate) struct KeptRow {
        /// R at its position.
        running: Digest,
        /// As it is given back.
        held: HeldEntry,
    }
);

record!(
    /// A conversation's tail.
    #[derive(Copy)]
    pub(crate) struct TailRow {
        /// Whose.
        conversation: ConversationId,
        /// Position of the first entry.
        first: u64,
        /// Position of the last.
        last: u64,
        /// What its rows count.
        bytes: u64,
        /// Stamp of the first.
        since: Timestamp,
    }
);

/// All tails.
#[derive(Default)]
pub(crate) struct Kept {
    tails: BTreeMap<ConversationId, TailRow>,
    bytes: u64,
}

/// What a batch does to tails, put in place when it is durable.
#[derive(Default)]
pub(crate) struct KeptChange(Vec<(ConversationId, Option<TailRow>)>);

/// A change of members, as a commit's unit named it.
pub(crate) type RosterLists = (List<DeviceId, { limits::ADDS }>, List<DeviceId, { limits::REMOVES }>);

impl Kept {
    /// As the vault has them.
    pub(crate) fn load(vault: &Vault) -> Result<Self, Failure> {
        let tails: BTreeMap<_, _> =
            vault.scan::<TailRow>(Scope::Tails)?.into_iter().map(|row| (row.conversation, row)).collect();
        let bytes = tails.values().map(|tail| tail.bytes).sum();
        Ok(Self { tails, bytes })
    }

    /// A batch is durable.
    pub(crate) fn settle(&mut self, change: KeptChange) {
        for (id, tail) in change.0 {
            let before = match tail {
                Some(tail) => self.tails.insert(id, tail),
                None => self.tails.remove(&id),
            };
            let (before, now) = (before.map_or(0, |tail| tail.bytes), tail.map_or(0, |tail| tail.bytes));
            self.bytes = self.bytes.saturating_sub(before).saturating_add(now);
        }
    }
}

/// An entry that was applied, and what is known of it.
pub(crate) struct Applied {
    pub(crate) entry: Entry,
    pub(crate) running: Digest,
    /// Of a commit: what it changed, if its receipt says the same.
    pub(crate) lists: Option<RosterLists>,
    /// Of one's own commit: its unit.
    pub(crate) own: Option<Unit>,
}

impl Applied {
    /// What is given back of it; none where that cannot be.
    fn held(self) -> Option<(KeptRow, Option<Unit>)> {
        let Self { entry, running, lists, own } = self;
        if entry.gone.is_some() || entry.seal == Digest::ZERO {
            return None;
        }
        let (roster_add, roster_remove) = match entry.kind {
            UnitKind::Message => RosterLists::default(),
            UnitKind::Commit | UnitKind::Create => {
                let receipt = CommitReceipt::from_bytes(&entry.receipt).ok()?;
                let lists = lists.unwrap_or_default();
                let said = roster_change(lists.0.iter(), lists.1.iter());
                (said == receipt.body.roster).then_some(lists)?
            }
        };
        Some((KeptRow { running, held: HeldEntry { entry, roster_add, roster_remove } }, own))
    }
}

fn size_of(row: &KeptRow) -> u64 {
    let HeldEntry { entry, roster_add, roster_remove } = &row.held;
    let devices = (roster_add.len() + roster_remove.len()) * DeviceId::LEN;
    (entry.body.len() + entry.receipt.len() + devices + ROW_BYTES) as u64
}

fn size_of_welcomes(welcomes: &Welcomes) -> u64 {
    let parts: usize = welcomes.joiners.iter().map(|joiner| joiner.group_secrets.len() + DeviceId::LEN).sum();
    (welcomes.group_info.len() + parts) as u64
}

impl Core {
    /// Keeps entries that a batch applies, and lets the oldest go.
    pub(crate) fn keep_entries(
        &self,
        id: ConversationId,
        applied: Vec<Applied>,
        batch: &mut Batch,
    ) -> Result<KeptChange, Failure> {
        let before = self.kept.tails.get(&id).copied();
        let mut tail = before;
        for applied in applied {
            let position = applied.entry.position;
            let held = applied.held();
            let follows = tail.is_none_or(|tail| tail.last.checked_add(1) == Some(position));
            if !(follows && held.is_some())
                && let Some(ended) = tail.take()
            {
                self.drop_kept(id, ended.first..=ended.last, batch);
            }
            let Some((row, own)) = held else { continue };
            let mut bytes = size_of(&row);
            batch.put(Scope::Kept(id), &position.to_be_bytes(), &row);
            if let Some(unit) = own.filter(|unit| !unit.joiners.is_empty()) {
                let (group_info, joiners) = (unit.group_info, unit.joiners);
                let welcomes = Welcomes { conversation: id, position, group_info, joiners };
                bytes = bytes.saturating_add(size_of_welcomes(&welcomes));
                batch.put(Scope::KeptWelcomes(id), &position.to_be_bytes(), &welcomes);
            }
            let stamp = row.held.entry.stamp;
            let begun = TailRow { conversation: id, first: position, last: position, bytes: 0, since: stamp };
            let open = tail.get_or_insert(begun);
            open.last = position;
            open.bytes = open.bytes.saturating_add(bytes);
        }
        let tail = match tail {
            Some(tail) => self.trim(tail, before.map_or(0, |before| before.last), TAIL_BYTES, batch)?,
            None => None,
        };
        put_tail(id, tail, batch);
        let mut change = KeptChange(vec![(id, tail)]);
        self.trim_others(id, &mut change, batch)?;
        Ok(change)
    }

    /// Lets the oldest entries of a tail go while it holds too much, of those that are durable already.
    fn trim(&self, mut tail: TailRow, durable: u64, most: u64, batch: &mut Batch) -> Result<Option<TailRow>, Failure> {
        let id = tail.conversation;
        let horizon = self.now().before(AGE);
        while (tail.bytes > most || tail.since < horizon) && tail.first <= durable {
            let Some(row) = self.vault.read::<KeptRow>(Scope::Kept(id), &tail.first.to_be_bytes())? else { break };
            let welcomes = self.welcomes_of(id, tail.first)?;
            let bytes = size_of(&row).saturating_add(welcomes.as_ref().map_or(0, size_of_welcomes));
            self.drop_kept(id, tail.first..=tail.first, batch);
            if tail.first == tail.last {
                return Ok(None);
            }
            (tail.first, tail.bytes) = (tail.first + 1, tail.bytes.saturating_sub(bytes));
            if tail.first <= durable
                && let Some(next) = self.vault.read::<KeptRow>(Scope::Kept(id), &tail.first.to_be_bytes())?
            {
                tail.since = next.held.entry.stamp;
            }
        }
        Ok(Some(tail))
    }

    /// Where all tails together hold too much, the longest one gives way.
    fn trim_others(&self, id: ConversationId, change: &mut KeptChange, batch: &mut Batch) -> Result<(), Failure> {
        let own = change.0.first().and_then(|(_, tail)| *tail).map_or(0, |tail| tail.bytes);
        let before = self.kept.tails.get(&id).map_or(0, |tail| tail.bytes);
        let all = self.kept.bytes.saturating_sub(before).saturating_add(own);
        let Some(over) = all.checked_sub(BYTES_IN_ALL).filter(|over| *over > 0) else { return Ok(()) };
        let others = self.kept.tails.values().filter(|tail| tail.conversation != id);
        let Some(longest) = others.max_by_key(|tail| tail.bytes).copied() else { return Ok(()) };
        let tail = self.trim(longest, longest.last, longest.bytes.saturating_sub(over), batch)?;
        put_tail(longest.conversation, tail, batch);
        change.0.push((longest.conversation, tail));
        Ok(())
    }

    fn drop_kept(&self, id: ConversationId, positions: std::ops::RangeInclusive<u64>, batch: &mut Batch) {
        for position in positions {
            batch.delete(Scope::Kept(id), &position.to_be_bytes());
            batch.delete(Scope::KeptWelcomes(id), &position.to_be_bytes());
        }
    }

    /// Entries of the tail behind a position, as many as one request takes; none where the tail does not follow it.
    /// `running` is R there.
    pub(crate) fn page_after(
        &self,
        id: ConversationId,
        after: u64,
        running: Digest,
    ) -> Result<Option<Resupply>, Failure> {
        let first = after.saturating_add(1);
        let Some(tail) = self.kept.tails.get(&id).filter(|tail| tail.first <= first && first <= tail.last) else {
            return Ok(None);
        };
        let mut entries = Vec::new();
        let mut bytes = 0;
        for position in first..=tail.last {
            let row = self.vault.read::<KeptRow>(Scope::Kept(id), &position.to_be_bytes())?;
            let KeptRow { held, .. } = row.ok_or_else(failure::damaged)?;
            bytes += held.entry.body.len() + ROW_BYTES + held.roster_remove.len() * DeviceId::LEN;
            if (bytes > PAGE_BYTES && !entries.is_empty()) || entries.len() >= limits::ENTRIES {
                break;
            }
            entries.push(held);
        }
        let entries = List::new(entries).map_err(|_| failure::internal("too many entries in a page"))?;
        Ok(Some(Resupply { conversation: id, after, running, entries }))
    }

    /// R at a position, where the tail has it.
    pub(crate) fn kept_running(&self, id: ConversationId, position: u64) -> Result<Option<Digest>, Failure> {
        let within = self.kept.tails.get(&id).is_some_and(|tail| tail.first <= position && position <= tail.last);
        let row = if within { self.vault.read::<KeptRow>(Scope::Kept(id), &position.to_be_bytes())? } else { None };
        Ok(row.map(|row| row.running))
    }

    /// Positions of one's own commits whose Welcomes are kept, in order.
    pub(crate) fn kept_welcomes(&self, id: ConversationId) -> Result<Vec<u64>, Failure> {
        let rows = self.vault.scan_bytes(Scope::KeptWelcomes(id))?;
        let mut positions: Vec<u64> =
            rows.into_iter().filter_map(|(key, _)| key.try_into().ok().map(u64::from_be_bytes)).collect();
        positions.sort_unstable();
        Ok(positions)
    }

    /// The Welcome of one's own commit.
    pub(crate) fn welcomes_of(&self, id: ConversationId, position: u64) -> Result<Option<Welcomes>, Failure> {
        self.vault.read(Scope::KeptWelcomes(id), &position.to_be_bytes())
    }

    /// A conversation is forgotten: so is its tail.
    pub(crate) fn forget_kept(&self, id: ConversationId, batch: &mut Batch) -> KeptChange {
        if let Some(tail) = self.kept.tails.get(&id) {
            self.drop_kept(id, tail.first..=tail.last, batch);
        }
        put_tail(id, None, batch);
        KeptChange(vec![(id, None)])
    }
}

fn put_tail(id: ConversationId, tail: Option<TailRow>, batch: &mut Batch) {
    match tail {
        Some(tail) => batch.put(Scope::Tails, id.as_bytes(), &tail),
        None => batch.delete(Scope::Tails, id.as_bytes()),
    }
}

/// The unit of a commit of one's own, if this is its ciphertext.
pub(crate) fn own_unit(row: Option<&crate::rows::CommitRow>, entry: &Entry) -> Option<Unit> {
    let row = row.filter(|row| row.ciphertext == entry.ciphertext_hash())?;
    Unit::from_bytes(&row.request).ok()
}
