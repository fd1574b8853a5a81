//! Appending (protocol-spec/07-delivery, section 10): positions, compare-and-set, rosters, the running hash.

use std::{collections::BTreeSet, sync::Arc};

use amanat_primitives::{DeviceId, Digest, Timestamp};
use amanat_wire::log::{RetentionClass, UnitKind, roster_change, running_hash};

use super::{
    Receipt, ReceiptInput,
    bodies::INLINE,
    commits::Link,
    directory::read_status,
    error::{Quota, StoreError},
    keys,
    log::{Log, roster},
    record::{DirectRecord, EntryRecord, Place},
    resupply::HeldReceipt,
    rosters::count,
    types::{Appended, Body, DirectItem, DirectPart, Entry, Origin, Published, Unit},
    writer::{Outcome, Writer},
};
use crate::{engine::tx::Tx, error::Fault};

/// Commits are kept this long, whatever their class: whoever is away needs them to follow.
pub(crate) const COMMIT_CLASS: RetentionClass = RetentionClass::Month;
/// What an entry counts against the quota beside its body.
pub(crate) const ENTRY_BYTES: u64 = 256;

impl Writer {
    /// Appends a unit, or finds it. Says whether it is new.
    pub(crate) fn append(&mut self, tx: &mut Tx<'_>, unit: Unit, hash: Digest) -> Result<(Appended, bool), StoreError> {
        if let Some(before) = self.find(tx, &unit)? {
            return Ok((before, false)); // [DELIV-10]
        }
        self.check(&unit)?;
        match unit.kind {
            UnitKind::Create => self.create(tx, unit, hash),
            UnitKind::Commit => self.commit(tx, unit, hash),
            UnitKind::Message => self.message(tx, unit, hash),
        }
        .map(|appended| (appended, true))
    }

    /// What was appended with this id before.
    fn find(&mut self, tx: &Tx<'_>, unit: &Unit) -> Result<Option<Appended>, StoreError> {
        let Some(log) = self.log(tx, &unit.conversation)? else { return Ok(None) };
        let Some(position) = log.find(&unit.id) else { return Ok(None) };
        let stored = tx.get(&keys::entry(&unit.conversation, position))?.ok_or(Fault::Damaged)?;
        let record = EntryRecord::decode(&stored)?;
        if record.author != unit.author {
            return Err(StoreError::Exists);
        }
        let receipt = Some(record.receipt).filter(|receipt| !receipt.is_empty());
        Ok(Some(Appended { position, stamp: record.stamp, running: record.running, receipt }))
    }

    /// What can be seen from the unit alone.
    pub(crate) fn check(&self, unit: &Unit) -> Result<(), StoreError> {
        let changes = !unit.roster_add.is_empty() || !unit.roster_remove.is_empty() || !unit.direct.is_empty();
        let shape = match unit.kind {
            UnitKind::Create => unit.seen_commit == 0 && unit.accepted_commit == 0 && unit.roster_remove.is_empty(),
            UnitKind::Commit => unit.accepted_commit > 0 && unit.accepted_commit <= unit.seen_commit,
            UnitKind::Message => !changes && unit.shared.is_none(),
        };
        let sizes = unit.body.len() <= self.limits.body
            && unit.shared.as_ref().is_none_or(|shared| shared.len() <= self.limits.body)
            && unit.direct.iter().all(|part| part.body.len() <= self.limits.direct_body);
        let to_joiners = unit.direct.iter().all(|part| unit.roster_add.contains(&part.device));
        if shape && sizes && to_joiners { Ok(()) } else { Err(StoreError::Invalid) }
    }

    fn create(&mut self, tx: &mut Tx<'_>, unit: Unit, hash: Digest) -> Result<Appended, StoreError> {
        if self.log(tx, &unit.conversation)?.is_some() {
            return Err(StoreError::Exists);
        }
        self.found(tx, &unit)?;
        self.write(tx, unit, hash, None)
    }

    /// Opens a log with its first roster.
    pub(crate) fn found(&mut self, tx: &mut Tx<'_>, unit: &Unit) -> Result<(), StoreError> {
        let members: BTreeSet<DeviceId> = unit.roster_add.iter().copied().chain([unit.author]).collect();
        let members: Arc<[DeviceId]> = members.into_iter().collect();
        self.count_founded(tx, &unit.author, &unit.conversation)?;
        self.logs.insert(unit.conversation, Log::new());
        let link = Link { position: 1, accepted: 0, roster_at: 1, author: unit.author, stamp: unit.now };
        self.change_roster(tx, &unit.conversation, link, members)
    }

    fn commit(&mut self, tx: &mut Tx<'_>, unit: Unit, hash: Digest) -> Result<Appended, StoreError> {
        let log = self.log(tx, &unit.conversation)?.ok_or(StoreError::UnknownConversation)?;
        let last = log.commits.last()?;
        if log.readers.binary_search(&unit.author).is_err() {
            return Err(StoreError::NotMember);
        }
        // [DELIV-119]
        if unit.seen_commit > last.position {
            return Err(StoreError::Behind);
        }
        if unit.seen_commit != last.position {
            return Err(StoreError::Conflict { last_commit: last.position }); // [DELIV-11]
        }
        // A device that a settled commit has removed finds nothing here that it was in. [DELIV-191]
        let accepted = log.commits.find(unit.accepted_commit).ok_or(StoreError::UnknownCommit)?;
        let base = self.base(tx, &unit, accepted)?;
        if base.binary_search(&unit.author).is_err() {
            return Err(StoreError::NotMember);
        }
        self.follow(tx, &unit, accepted)?;
        self.write(tx, unit, hash, None)
    }

    /// The roster that a commit changes: that of the commit that it builds on.
    fn base(&mut self, tx: &Tx<'_>, unit: &Unit, accepted: Link) -> Result<Arc<[DeviceId]>, StoreError> {
        let log = self.log(tx, &unit.conversation)?.ok_or(StoreError::UnknownConversation)?;
        let (last, members) = (log.commits.last()?, log.members.clone());
        if accepted == last { Ok(members) } else { Ok(roster(tx, &unit.conversation, accepted)?) }
    }

    /// Puts a commit behind the last one, with the roster that it makes. [DELIV-13]
    pub(crate) fn follow(&mut self, tx: &mut Tx<'_>, unit: &Unit, accepted: Link) -> Result<(), StoreError> {
        let base = self.base(tx, unit, accepted)?;
        let log = self.log(tx, &unit.conversation)?.ok_or(StoreError::UnknownConversation)?;
        let position = log.head.position + 1;
        let stamp = unit.now.max(log.head.stamp);
        let mut after: BTreeSet<DeviceId> = base.iter().copied().collect();
        for device in &unit.roster_remove {
            after.remove(device);
        }
        after.extend(&unit.roster_add);
        let after: Arc<[DeviceId]> = after.into_iter().collect();
        let roster_at = if after == base { accepted.roster_at } else { position };
        let link = Link { position, accepted: accepted.position, roster_at, author: unit.author, stamp };
        self.change_roster(tx, &unit.conversation, link, after)
    }

    fn message(&mut self, tx: &mut Tx<'_>, unit: Unit, hash: Digest) -> Result<Appended, StoreError> {
        let log = self.log(tx, &unit.conversation)?.ok_or(StoreError::UnknownConversation)?;
        if log.members.binary_search(&unit.author).is_err() {
            return Err(StoreError::NotMember);
        }
        let last_commit = log.commits.last()?.position;
        // [DELIV-119] It is this log that is behind: it must not put a second entry where others have seen one.
        if unit.seen_commit > last_commit {
            return Err(StoreError::Behind);
        }
        if log.commits.are_beyond(unit.seen_commit) {
            return Err(StoreError::StaleEpoch { last_commit }); // [DELIV-12]
        }
        self.write(tx, unit, hash, None)
    }

    /// Writes the entry and all that comes with it. One that comes back brings its receipt, and its stamp in `now`.
    pub(crate) fn write(
        &mut self,
        tx: &mut Tx<'_>,
        unit: Unit,
        hash: Digest,
        held: Option<HeldReceipt>,
    ) -> Result<Appended, StoreError> {
        let log = self.logs.get(&unit.conversation).ok_or(Fault::Damaged)?;
        let earlier = log.head.clone();
        let is_commit = unit.kind != UnitKind::Message;
        let position = earlier.position + 1;
        let stamp = unit.now.max(earlier.stamp);
        let recipients = if is_commit { log.readers.clone() } else { log.members.clone() };
        if earlier.kept_bytes + unit.body.len() as u64 + ENTRY_BYTES > self.limits.conversation_bytes {
            return Err(StoreError::Full(Quota::ConversationBytes));
        }
        let receipt = match held {
            Some(held) => Some(Receipt { bytes: held.bytes, hash: held.hash }),
            None if is_commit => Some(self.receipt(tx, &unit, hash, position, stamp, earlier.last_receipt)?),
            None => None,
        };
        let (receipt, receipt_hash) = receipt.map(|receipt| (receipt.bytes, receipt.hash)).unzip();
        // [DELIV-14]
        let running = running_hash(&earlier.running, unit.kind, &hash, receipt.as_deref().unwrap_or_default());
        let mut body = unit.body;
        let place = self.place(tx, &mut body)?;
        let record = EntryRecord {
            kind: unit.kind,
            class: if is_commit { COMMIT_CLASS } else { unit.class },
            stamp,
            author: unit.author,
            unit: unit.id,
            seen_commit: unit.seen_commit,
            accepted_commit: unit.accepted_commit,
            running,
            receipt: receipt.clone().unwrap_or_default(),
            place,
        };
        tx.put(keys::entry(&unit.conversation, position), record.encode());
        let log = self.logs.get(&unit.conversation).ok_or(Fault::Damaged)?;
        log.head.follow(position, &record);
        log.head.last_receipt = receipt_hash.unwrap_or(earlier.last_receipt);
        log.note(tx, &unit.conversation, unit.kind, unit.id);
        self.note_earlier(&unit.conversation, &earlier);
        let entry = Arc::new(published(position, record, body));
        self.outcomes.push(Outcome::Publish(Published::Entry { conversation: unit.conversation, entry, recipients }));
        if !unit.direct.is_empty() {
            let origin = Origin {
                conversation: unit.conversation,
                position,
                running,
                author: unit.author,
                receipt: receipt.clone(),
            };
            self.post(tx, unit.direct, unit.shared.as_deref(), Some(&origin), stamp)?;
        }
        Ok(Appended { position, stamp, running, receipt })
    }

    /// The receipt of a commit that is given `position`.
    fn receipt(
        &self,
        tx: &Tx<'_>,
        unit: &Unit,
        commit_hash: Digest,
        position: u64,
        stamp: Timestamp,
        previous_receipt_hash: Digest,
    ) -> Result<Receipt, Fault> {
        let status_number = match tx.get(keys::STATUS)? {
            Some(stored) => read_status(&stored)?.0,
            None => 0,
        };
        Ok((self.sign)(&ReceiptInput {
            conversation: unit.conversation,
            position,
            commit_hash,
            stamp,
            roster: roster_change(&unit.roster_add, &unit.roster_remove),
            status_number,
            previous_receipt_hash,
        }))
    }

    /// Where an entry's body is kept. One that goes into the entry's record is taken, others are left to be shown.
    fn place(&mut self, tx: &mut Tx<'_>, body: &mut Vec<u8>) -> Result<Place, Fault> {
        if body.len() <= INLINE {
            return Ok(Place::Inline(std::mem::take(body)));
        }
        let (hash, length) = self.bodies.keep(tx, body, 1)?;
        Ok(Place::Counted(hash, length))
    }

    /// Queues direct items.
    pub(crate) fn post(
        &mut self,
        tx: &mut Tx<'_>,
        parts: Vec<DirectPart>,
        shared: Option<&[u8]>,
        origin: Option<&Origin>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sharing = parts.iter().filter(|part| part.with_shared).count();
        let kept = match shared {
            Some(bytes) if sharing > 0 => {
                Some(self.bodies.keep(tx, bytes, u32::try_from(sharing).map_err(|_| StoreError::Invalid)?)?)
            }
            Some(_) => None,
            None if sharing > 0 => return Err(StoreError::Invalid),
            None => None,
        };
        let shared = shared.filter(|_| sharing > 0).map(|bytes| Arc::new(bytes.to_vec()));
        for part in parts {
            if part.body.len() > self.limits.direct_body {
                return Err(StoreError::Invalid);
            }
            let most = self.limits.direct_items;
            if let Some(origin) = origin {
                self.count_waiting(tx, &part.device, &origin.author)?;
            }
            let state = self.device(tx, &part.device)?;
            if origin.is_none() && state.direct_next - state.direct_first >= most {
                return Err(StoreError::Full(Quota::DirectItems));
            }
            let number = state.direct_next;
            state.direct_next += 1;
            self.save_device(tx, &part.device)?;
            let record = DirectRecord {
                kind: part.kind,
                stamp: now,
                origin: origin.cloned(),
                shared: kept.filter(|_| part.with_shared),
                body: part.body,
            };
            tx.put(keys::direct(&part.device, number), record.encode());
            let item = DirectItem {
                number,
                kind: record.kind,
                stamp: now,
                origin: record.origin,
                body: record.body,
                shared: shared.clone().filter(|_| part.with_shared),
            };
            self.outcomes.push(Outcome::Publish(Published::Direct { device: part.device, item: Arc::new(item) }));
        }
        Ok(())
    }

    /// Removes a device's direct items up to `up_to`, at most `budget`. Says how many.
    pub(crate) fn drop_directs(
        &mut self,
        tx: &mut Tx<'_>,
        device: &DeviceId,
        up_to: u64,
        budget: usize,
    ) -> Result<u64, Fault> {
        let state = self.device(tx, device)?;
        let first = state.direct_first;
        let end = state.direct_next.min(up_to.saturating_add(1)).min(first.saturating_add(budget as u64));
        if end <= first {
            return Ok(0);
        }
        state.direct_first = end;
        self.save_device(tx, device)?;
        for number in first..end {
            let key = keys::direct(device, number);
            let (shared, origin) = match tx.get(&key).map(|stored| stored.map(|bytes| DirectRecord::decode(&bytes))) {
                Ok(Some(Ok(record))) => (record.shared, record.origin),
                // A damaged item must not stand in the way of the queue; at worst its shared bytes stay.
                Ok(Some(Err(_)) | None) | Err(Fault::Damaged) => (None, None),
                Err(fault) => return Err(fault),
            };
            if let Some((hash, _)) = shared
                && self.bodies.release(tx, &hash).is_err()
            {
                tracing::warn!("shared bytes of a direct item could not be released");
            }
            if let Some(origin) = origin {
                let key = keys::waiting(device, &origin.author);
                match count(tx, &key)?.saturating_sub(1) {
                    0 => tx.delete(key),
                    left => tx.put(key, left.to_be_bytes().to_vec()),
                }
            }
            tx.delete(key);
        }
        Ok(end - first)
    }
}

fn published(position: u64, record: EntryRecord, body: Vec<u8>) -> Entry {
    let body = match record.place {
        Place::Inline(bytes) => bytes,
        Place::Counted(..) | Place::Gone(_) => body,
    };
    Entry {
        position,
        kind: record.kind,
        class: record.class,
        stamp: record.stamp,
        author: record.author,
        unit: record.unit,
        seen_commit: record.seen_commit,
        accepted_commit: record.accepted_commit,
        running: record.running,
        receipt: Some(record.receipt).filter(|receipt| !receipt.is_empty()),
        body: Body::Kept(body),
    }
}
