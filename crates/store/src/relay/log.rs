//! A log in the writer's memory (protocol-spec/07-delivery, section 10), and how little of it is written per entry.
//!
//! An insertion into sled costs about as much as everything else about an append, so an append makes one: the entry.
//! The rest follows from the entries. The head is stored at every 64th position, at each commit and by each sweep;
//! loading it reads the few entries after it. Unit ids are stored 64 at a time, when their chunk is full.

use std::{collections::HashMap, sync::Arc};

use amanat_primitives::{ConversationId, DeviceId, UnitId};
use amanat_wire::log::UnitKind;

use super::{
    append::ENTRY_BYTES,
    commits::{Commits, Link},
    keys,
    record::{EntryRecord, Head, Leaving, Place, decode_devices, decode_leaving},
};
use crate::{engine::tx::Tx, error::Fault};

/// Entries between two stored heads, and ids in a chunk.
pub(crate) const CHUNK: u64 = 64;
/// Entries of a log whose ids are remembered, and with which a repeated unit is found. [DELIV-10]
const WINDOW: u64 = 65_536;

/// A log as the writer keeps it in memory.
pub(crate) struct Log {
    pub(crate) head: Head,
    pub(crate) commits: Commits,
    /// Roster of the last commit, sorted.
    pub(crate) members: Arc<[DeviceId]>,
    /// And of the commit that it builds on, and those who are leaving, sorted.
    pub(crate) readers: Arc<[DeviceId]>,
    /// Who is in neither roster, and has not read all that it may or may still come back.
    pub(crate) leaving: Vec<Leaving>,
    /// Where the unit of each id stands.
    ids: HashMap<UnitId, u64>,
    /// Ids of the chunk that is not full yet, in order.
    tail: Vec<UnitId>,
    /// Position at which the head was stored last.
    stored: u64,
}

impl Log {
    /// Before its first entry.
    pub(crate) fn new() -> Self {
        Self {
            head: Head::EMPTY,
            commits: Commits::default(),
            members: Arc::new([]),
            readers: Arc::new([]),
            leaving: Vec::new(),
            ids: HashMap::new(),
            tail: Vec::new(),
            stored: 0,
        }
    }

    /// Loads a log; none if there is no such conversation.
    pub(crate) fn load(tx: &Tx<'_>, id: &ConversationId) -> Result<Option<Self>, Fault> {
        let Some(stored) = tx.get(&keys::head(id))? else { return Ok(None) };
        let head = Head::decode(&stored)?;
        let commits = Commits::decode(&tx.get(&keys::commits(id))?.ok_or(Fault::Damaged)?)?;
        let last = commits.last()?;
        let members = roster(tx, id, last)?;
        let leaving = tx.get(&keys::leaving(id))?.map_or_else(|| Ok(Vec::new()), |stored| decode_leaving(&stored))?;
        let readers = with_leaving(&readers(tx, id, &commits, last, &members)?, &leaving);
        let stored = head.position;
        let mut log = Self { head, commits, members, readers, leaving, ids: HashMap::new(), tail: Vec::new(), stored };
        log.load_entries(tx, id)?;
        log.load_ids(tx, id)?;
        Ok(Some(log))
    }

    /// Where the unit with an id stands.
    pub(crate) fn find(&self, unit: &UnitId) -> Option<u64> {
        self.ids.get(unit).copied()
    }

    /// What this log weighs in memory: its ids.
    pub(crate) fn weight(&self) -> usize {
        self.ids.len()
    }

    /// Notes the entry at the head, and stores what its position calls for.
    pub(crate) fn note(&mut self, tx: &mut Tx<'_>, id: &ConversationId, kind: UnitKind, unit: UnitId) {
        let position = self.head.position;
        self.ids.insert(unit, position);
        self.tail.push(unit);
        let full = position.is_multiple_of(CHUNK);
        if full {
            let ids = self.tail.iter().flat_map(|unit| *unit.as_bytes()).collect();
            tx.put(keys::units(id, position / CHUNK), ids);
            self.tail.clear();
        }
        if full || kind != UnitKind::Message {
            self.store_head(tx, id);
        }
    }

    pub(crate) fn store_head(&mut self, tx: &mut Tx<'_>, id: &ConversationId) {
        self.stored = self.head.position;
        tx.put(keys::head(id), self.head.encode());
    }

    /// Whether entries were appended since the head was stored.
    pub(crate) fn is_ahead(&self) -> bool {
        self.stored < self.head.position
    }

    /// Forgets the unit of an entry that was removed from the front.
    pub(crate) fn forget(&mut self, tx: &mut Tx<'_>, id: &ConversationId, position: u64, unit: &UnitId) {
        if self.ids.get(unit) == Some(&position) {
            self.ids.remove(unit);
        }
        if position.is_multiple_of(CHUNK) {
            tx.delete(keys::units(id, position / CHUNK));
        }
    }

    /// Goes through the entries since the last full chunk, and takes the head on to the last.
    fn load_entries(&mut self, tx: &Tx<'_>, id: &ConversationId) -> Result<(), Fault> {
        let stored = self.head.position;
        let mut position = stored / CHUNK * CHUNK;
        let mut gap = false;
        loop {
            position += 1;
            let record = match tx.get(&keys::entry(id, position)).map(|found| found.map(|v| EntryRecord::decode(&v))) {
                Ok(Some(Ok(record))) => Some(record),
                Ok(None) if position > stored => break,
                // Swept, or damaged: readers are told of that.
                Ok(None | Some(Err(_))) | Err(Fault::Damaged) => None,
                Err(fault) => return Err(fault),
            };
            gap = record.is_none() && position > stored;
            let Some(record) = record else {
                self.tail.push(UnitId::from_bytes([0; UnitId::LEN]));
                continue;
            };
            if position > stored {
                self.head.follow(position, &record);
            }
            self.ids.insert(record.unit, position);
            self.tail.push(record.unit);
        }
        // A damaged last entry may hold the position that the next one would take.
        if gap { Err(Fault::Damaged) } else { Ok(()) }
    }

    fn load_ids(&mut self, tx: &Tx<'_>, id: &ConversationId) -> Result<(), Fault> {
        let first = self.head.first_kept.max(self.head.position.saturating_sub(WINDOW) + 1);
        for chunk in first.div_ceil(CHUNK)..=self.head.position / CHUNK {
            let Some(ids) = tx.get(&keys::units(id, chunk))? else { continue };
            for (position, unit) in ((chunk - 1) * CHUNK + 1..).zip(ids.chunks_exact(UnitId::LEN)) {
                if let Ok(unit) = unit.try_into()
                    && position >= first
                {
                    self.ids.insert(UnitId::from_bytes(unit), position);
                }
            }
        }
        Ok(())
    }
}

impl Head {
    /// Takes the head on to the entry after it.
    pub(crate) fn follow(&mut self, position: u64, record: &EntryRecord) {
        let body = match &record.place {
            Place::Inline(bytes) => bytes.len() as u64,
            Place::Counted(_, length) => u64::from(*length),
            Place::Gone(_) => 0,
        };
        self.position = position;
        self.running = record.running;
        self.stamp = record.stamp;
        self.kept_bytes += body + ENTRY_BYTES;
        self.next_expiry = self.next_expiry.min(record.stamp.after(record.class.span()));
    }
}

/// The roster of a commit.
pub(crate) fn roster(tx: &Tx<'_>, conversation: &ConversationId, link: Link) -> Result<Arc<[DeviceId]>, Fault> {
    let stored = tx.get(&keys::roster(conversation, link.roster_at))?.ok_or(Fault::Damaged)?;
    Ok(decode_devices(&stored)?.into())
}

/// Readers, and those who are leaving.
pub(crate) fn with_leaving(readers: &[DeviceId], leaving: &[Leaving]) -> Arc<[DeviceId]> {
    let leaving: Vec<DeviceId> = leaving.iter().map(|left| left.device).collect();
    union(readers, &leaving)
}

/// Who may read, beside those who are leaving: the members, and those in the roster that the last commit builds on.
/// [DELIV-13]
pub(crate) fn readers(
    tx: &Tx<'_>,
    conversation: &ConversationId,
    commits: &Commits,
    last: Link,
    members: &Arc<[DeviceId]>,
) -> Result<Arc<[DeviceId]>, Fault> {
    let Some(accepted) = commits.find(last.accepted) else { return Ok(members.clone()) };
    if accepted.roster_at == last.roster_at {
        return Ok(members.clone());
    }
    let before = roster(tx, conversation, accepted)?;
    Ok(union(members, &before))
}

/// Two sorted lists as one.
pub(crate) fn union(a: &[DeviceId], b: &[DeviceId]) -> Arc<[DeviceId]> {
    let mut both: Vec<DeviceId> = a.iter().chain(b).copied().collect();
    both.sort_unstable();
    both.dedup();
    both.into()
}
