//! Sweeping (protocol-spec/07-delivery, section 10): forgets what all have, and what its retention class says.
//!
//! From the front of a log, entries go whole once all readers' cursors have passed them or their time is up. Behind an
//! entry that stays, one whose time is up loses its body only: its hash remains, so that the running hash can be
//! followed over it, and a reader can tell *expired* from *missing*.

use std::{collections::BTreeSet, ops::ControlFlow, time::Duration};

use amanat_primitives::{ConversationId, DeviceId, Timestamp};
use amanat_wire::log::ciphertext_hash;

use super::{
    append::ENTRY_BYTES,
    keys,
    record::{DirectRecord, EntryRecord, Head, Place},
    types::Swept,
    writer::Writer,
};
use crate::{engine::tx::Tx, error::Fault};

/// Logs or devices that one call looks at on its round through all of them.
const ROUND: usize = 256;
/// Cursors that one call reads, so that large rosters do not hold appends up.
const CURSOR_READS: usize = 4_096;
/// Logs with moved cursors that are remembered; beyond, the round finds them.
const TOUCHED: usize = 65_536;
/// How long a direct item waits for its device.
const DIRECT_SPAN: Duration = Duration::from_secs(90 * 24 * 3600);

/// Where the sweep has got to. Kept in memory: after a restart the round begins anew.
#[derive(Default)]
pub(crate) struct SweepState {
    /// Logs in which cursors have moved.
    touched: BTreeSet<ConversationId>,
    /// The last log of the round.
    log: Option<ConversationId>,
    /// The last device of the round.
    device: Option<DeviceId>,
    /// A log whose bodies are being looked through, and up to where that was done.
    middle: Option<(ConversationId, u64)>,
    /// Cursors read by this call.
    reads: usize,
    /// A round was completed since the store was opened: from then on, moved cursors are known.
    rounded: bool,
}

impl SweepState {
    pub(crate) fn touch(&mut self, conversation: ConversationId) {
        if self.touched.len() < TOUCHED {
            self.touched.insert(conversation);
        }
    }
}

impl Writer {
    /// Removes at most `budget` entries, bodies and items. [DELIV-16]
    pub(crate) fn sweep(&mut self, tx: &mut Tx<'_>, now: Timestamp, budget: usize) -> Result<Swept, Fault> {
        let mut swept = Swept::default();
        let mut budget = budget.max(1);
        self.sweep.reads = 0;
        while budget > 0
            && self.sweep.reads < CURSOR_READS
            && let Some(conversation) = self.sweep.touched.pop_first()
        {
            self.sweep_log(tx, &conversation, now, &mut budget, &mut swept)?;
            if budget == 0 {
                self.sweep.touch(conversation);
            }
        }
        self.round_of_logs(tx, now, &mut budget, &mut swept)?;
        self.round_of_devices(tx, now, &mut budget, &mut swept)?;
        swept.more |= budget == 0 || !self.sweep.touched.is_empty();
        Ok(swept)
    }

    fn round_of_logs(
        &mut self,
        tx: &mut Tx<'_>,
        now: Timestamp,
        budget: &mut usize,
        swept: &mut Swept,
    ) -> Result<(), Fault> {
        let after = self.sweep.log.map(|id| keys::head(&id));
        let page = page(tx, keys::HEAD, after, |key, value| keys::read_head(key).zip(Head::decode(value).ok()))?;
        let end = page.len() < ROUND;
        for (conversation, head) in page {
            if *budget == 0 || self.sweep.reads >= CURSOR_READS {
                swept.more = true;
                return Ok(());
            }
            if !self.sweep.rounded || now >= head.next_expiry || has_moved(tx, &conversation, &head)? {
                self.sweep_log(tx, &conversation, now, budget, swept)?;
            }
            if *budget > 0 {
                self.sweep.log = Some(conversation);
            }
        }
        swept.more |= !end;
        if end && *budget > 0 {
            self.sweep.log = None;
            self.sweep.rounded = true;
        }
        Ok(())
    }

    fn round_of_devices(
        &mut self,
        tx: &mut Tx<'_>,
        now: Timestamp,
        budget: &mut usize,
        swept: &mut Swept,
    ) -> Result<(), Fault> {
        let after = self.sweep.device.map(|id| keys::device(&id));
        let page = page(tx, keys::DEVICE, after, |key, _| keys::read_device(key))?;
        let end = page.len() < ROUND;
        for device in page {
            while *budget > 0 {
                let state = self.device(tx, &device)?;
                let first = state.direct_first;
                if first >= state.direct_next {
                    break;
                }
                let stored = tx.get(&keys::direct(&device, first));
                let expired = match stored.map(|bytes| bytes.map(|bytes| DirectRecord::decode(&bytes))) {
                    Ok(Some(Ok(record))) => now >= record.stamp.after(DIRECT_SPAN),
                    Ok(Some(Err(_)) | None) | Err(Fault::Damaged) => true,
                    Err(fault) => return Err(fault),
                };
                if !expired {
                    break;
                }
                swept.direct += self.drop_directs(tx, &device, first, 1)?;
                *budget -= 1;
            }
            if *budget == 0 {
                return Ok(());
            }
            self.sweep.device = Some(device);
        }
        swept.more |= !end;
        if end {
            self.sweep.device = None;
        }
        Ok(())
    }

    fn sweep_log(
        &mut self,
        tx: &mut Tx<'_>,
        id: &ConversationId,
        now: Timestamp,
        budget: &mut usize,
        swept: &mut Swept,
    ) -> Result<(), Fault> {
        let Some(log) = self.log(tx, id)? else { return Ok(()) };
        let (before, readers) = (log.head.clone(), log.readers.clone());
        let mut passed = before.position;
        for device in readers.iter() {
            let cursor = tx.get(&keys::cursor(device, id))?;
            let cursor = cursor.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
            passed = passed.min(cursor);
        }
        self.sweep.reads += readers.len();
        let mut head = before.clone();
        self.sweep_front(tx, id, &mut head, now, passed, budget, swept)?;
        if now >= head.next_expiry {
            self.sweep_middle(tx, id, &mut head, now, budget, swept)?;
        }
        // Nothing is left for those who were leaving before what is kept, once it is decided that they have gone.
        let first_kept = head.first_kept;
        let Some(commits) = self.log(tx, id)?.map(|log| log.commits.clone()) else { return Ok(()) };
        self.end_leaving(tx, id, |left| left.until < first_kept && commits.is_decided(left.settles, now))?;
        // Stored also where nothing was swept, so that the next round need not load the log.
        if let Some(log) = self.log(tx, id)?
            && (head != before || log.is_ahead())
        {
            log.head = head;
            log.store_head(tx, id);
        }
        Ok(())
    }

    /// Removes entries from the front of a log.
    #[expect(clippy::too_many_arguments, reason = "the state of one sweep, which two functions share")]
    fn sweep_front(
        &mut self,
        tx: &mut Tx<'_>,
        id: &ConversationId,
        head: &mut Head,
        now: Timestamp,
        passed: u64,
        budget: &mut usize,
        swept: &mut Swept,
    ) -> Result<(), Fault> {
        while *budget > 0 && head.first_kept <= head.position {
            // A damaged entry stays, and what comes after it: readers are told of it.
            let Some(record) = entry(tx, id, head.first_kept)? else { break };
            if head.first_kept > passed && now < expiry(&record) {
                break;
            }
            let bytes = self.drop_body(tx, &record.place) + ENTRY_BYTES;
            tx.delete(keys::entry(id, head.first_kept));
            if let Some(log) = self.logs.get(id) {
                log.forget(tx, id, head.first_kept, &record.unit);
            }
            head.base = record.running;
            head.first_kept += 1;
            head.kept_bytes = head.kept_bytes.saturating_sub(bytes);
            swept.entries += 1;
            swept.bytes += bytes;
            *budget -= 1;
        }
        Ok(())
    }

    /// Removes bodies behind the front whose time is up, and finds out when the next one's is.
    fn sweep_middle(
        &mut self,
        tx: &mut Tx<'_>,
        id: &ConversationId,
        head: &mut Head,
        now: Timestamp,
        budget: &mut usize,
        swept: &mut Swept,
    ) -> Result<(), Fault> {
        let from = match self.sweep.middle {
            Some((middle, done)) if middle == *id => head.first_kept.max(done + 1),
            _ => head.first_kept,
        };
        let mut earliest = Timestamp::FAR_FUTURE;
        for position in from..=head.position {
            if *budget == 0 {
                self.sweep.middle = Some((*id, position - 1));
                return Ok(());
            }
            *budget -= 1;
            let Some(record) = entry(tx, id, position)? else { continue };
            if matches!(record.place, Place::Gone(_)) {
                continue;
            }
            let at = expiry(&record);
            let freed = if now >= at { self.expire(tx, id, position, record)? } else { None };
            match freed {
                Some(bytes) => {
                    head.kept_bytes = head.kept_bytes.saturating_sub(bytes);
                    swept.bodies += 1;
                    swept.bytes += bytes;
                }
                None => earliest = earliest.min(at),
            }
        }
        // Begun in the middle, only part was seen: look again soon rather than too late.
        head.next_expiry = if from == head.first_kept { earliest } else { earliest.min(now.after(HOUR)) };
        self.sweep.middle = None;
        Ok(())
    }

    /// Replaces an entry's body by its hash. Gives the bytes freed; none if the body cannot be read just now.
    fn expire(
        &mut self,
        tx: &mut Tx<'_>,
        id: &ConversationId,
        position: u64,
        mut record: EntryRecord,
    ) -> Result<Option<u64>, Fault> {
        let hash = match &record.place {
            Place::Inline(bytes) => ciphertext_hash(bytes),
            Place::Counted(hash, length) => match super::bodies::read(&self.dir, &self.engine, hash, *length) {
                Ok(Some(body)) => ciphertext_hash(&body),
                Ok(None) | Err(Fault::Damaged) => return Ok(None),
                Err(fault) => return Err(fault),
            },
            Place::Gone(_) => return Ok(None),
        };
        let bytes = self.drop_body(tx, &record.place);
        record.place = Place::Gone(hash);
        tx.put(keys::entry(id, position), record.encode());
        Ok(Some(bytes))
    }

    /// Drops an entry's hold on its body. Gives the bytes that it counted.
    fn drop_body(&mut self, tx: &mut Tx<'_>, place: &Place) -> u64 {
        match place {
            Place::Inline(bytes) => bytes.len() as u64,
            Place::Counted(hash, length) => {
                if self.bodies.release(tx, hash).is_err() {
                    tracing::warn!("the body of an entry could not be released");
                }
                u64::from(*length)
            }
            Place::Gone(_) => 0,
        }
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn expiry(record: &EntryRecord) -> Timestamp {
    record.stamp.after(record.class.span())
}

/// An entry; none if it is missing or damaged.
fn entry(tx: &Tx<'_>, id: &ConversationId, position: u64) -> Result<Option<EntryRecord>, Fault> {
    let record = match tx.get(&keys::entry(id, position)) {
        Ok(Some(stored)) => EntryRecord::decode(&stored).ok(),
        Ok(None) | Err(Fault::Damaged) => None,
        Err(fault) => return Err(fault),
    };
    if record.is_none() {
        tracing::warn!("a damaged entry stands in a log");
    }
    Ok(record)
}

/// Whether a log has entries that its stored head does not tell of.
fn has_moved(tx: &Tx<'_>, id: &ConversationId, head: &Head) -> Result<bool, Fault> {
    let last = tx.engine().last(&keys::entries(id))?;
    Ok(last.and_then(|(key, _)| keys::read_entry(&key)).is_some_and(|position| position > head.position))
}

/// The next ids on a round.
fn page<T>(
    tx: &Tx<'_>,
    space: u8,
    after: Option<Vec<u8>>,
    read: impl Fn(&[u8], &[u8]) -> Option<T>,
) -> Result<Vec<T>, Fault> {
    let mut found = Vec::new();
    tx.engine().scan(&[space], after.as_deref(), |key, value| {
        found.extend(read(key, &value));
        if found.len() < ROUND { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(found)
}
