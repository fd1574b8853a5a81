//! Resupply (protocol-spec/07-delivery, section 14): entries that this store has lost come back as they were, and the
//! Welcomes with them; and since when a restored store waits for them.
//!
//! The caller has checked each entry's seal and receipt: what comes here was taken by this relay before. So it is not
//! judged again as an append, and not counted against its author's standing in today's roster.

use amanat_primitives::{ConversationId, DeviceId, Digest, Timestamp};
use amanat_wire::log::UnitKind;

use super::{
    Store, StoreError, keys,
    record::{DirectRecord, EntryRecord},
    types::{DirectPart, Origin, Unit},
    writer::{Job, Writer},
};
use crate::{engine::tx::Tx, error::Fault};

/// An entry as it stood in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// Its unit, without the Welcome; `now` is the entry's stamp.
    pub unit: Unit,
    /// Hash of its ciphertext.
    pub hash: Digest,
    /// Its receipt, for commits.
    pub receipt: Option<HeldReceipt>,
}

/// A commit's receipt as it was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldReceipt {
    /// As members have it.
    pub bytes: Vec<u8>,
    /// By which the next receipt names it.
    pub hash: Digest,
    /// The receipt before it, as it says.
    pub previous: Digest,
}

/// The end of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Supply {
    /// Whose log.
    pub conversation: ConversationId,
    /// Who brings it.
    pub from: DeviceId,
    /// Where the log stood when the entries were checked: position and R.
    pub base: (u64, Digest),
    /// What follows, in order.
    pub entries: Vec<Held>,
}

/// A commit's Welcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LostWelcomes {
    /// Whose log.
    pub conversation: ConversationId,
    /// The commit's position.
    pub position: u64,
    /// Who brings it.
    pub from: DeviceId,
    /// Bytes that the parts share.
    pub shared: Vec<u8>,
    /// For whom.
    pub parts: Vec<DirectPart>,
    /// The relay's clock.
    pub now: Timestamp,
}

/// Whether a store waits for what it has lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restored {
    /// It was never restored.
    No,
    /// It was, and no device has linked since.
    Untouched,
    /// It was, and the first device linked then.
    Since(Timestamp),
}

impl Store {
    /// Puts entries behind the head of their log, all or none, and says where that is then. Where the head is not
    /// `base` any more, nothing changes.
    ///
    /// # Errors
    /// [`StoreError::NotMember`] where neither the log's readers before nor after have `from` among them;
    /// [`StoreError::Invalid`] where an entry does not follow; our own faults.
    pub async fn resupply(&self, supply: Supply) -> Result<u64, StoreError> {
        self.ask(|answer| Job::Resupply(Box::new(supply), answer)).await
    }

    /// Queues a commit's Welcome again for those of its joiners who wait for it.
    ///
    /// # Errors
    /// [`StoreError::NotMember`] where the commit is another device's; [`StoreError::UnknownCommit`] where it is not
    /// there, or what follows it is not kept any more; quotas; our own faults.
    pub async fn welcome_again(&self, lost: LostWelcomes) -> Result<(), StoreError> {
        self.ask(|answer| Job::Welcomes(Box::new(lost), answer)).await
    }

    /// Whether this store was restored, and since when it serves.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn restored(&self) -> Result<Restored, StoreError> {
        let Some(stored) = self.engine.published(keys::SETTLING)? else { return Ok(Restored::No) };
        let millis = stored.try_into().map(u64::from_be_bytes).map_err(|_| Fault::Damaged)?;
        Ok(if millis == 0 { Restored::Untouched } else { Restored::Since(Timestamp::from_millis(millis)) })
    }

    /// The first device has linked.
    ///
    /// # Errors
    /// Our own faults.
    pub async fn begin_settling(&self, now: Timestamp) -> Result<(), StoreError> {
        self.ask(|answer| Job::BeginSettling(now, answer)).await
    }

    /// Position and R of a log's last durable entry; none where there is no such log.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn log_head(&self, conversation: ConversationId) -> Result<Option<(u64, Digest)>, StoreError> {
        Ok(self.head(&conversation)?.map(|head| (head.position, head.running)))
    }

    /// How many logs there are.
    ///
    /// # Errors
    /// Our own faults.
    pub fn count_logs(&self) -> Result<u64, StoreError> {
        let mut logs = 0;
        self.engine.scan(&[keys::HEAD], None, |_, _| {
            logs += 1;
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(logs)
    }
}

impl Writer {
    /// [`Store::resupply`].
    pub(crate) fn resupply(&mut self, tx: &mut Tx<'_>, supply: Supply) -> Result<u64, StoreError> {
        let Supply { conversation, from, base, entries } = supply;
        let log = self.log(tx, &conversation)?;
        let head = log.as_ref().map_or((0, Digest::ZERO), |log| (log.head.position, log.head.running));
        if head != base {
            return Ok(head.0);
        }
        let mut reads = log.is_some_and(|log| log.readers.binary_search(&from).is_ok());
        for held in entries {
            if held.unit.conversation != conversation {
                return Err(StoreError::Invalid);
            }
            self.take_back(tx, held)?;
            let log = self.log(tx, &conversation)?.ok_or(Fault::Damaged)?;
            reads |= log.readers.binary_search(&from).is_ok();
        }
        // [DELIV-116]
        if !reads {
            return Err(StoreError::NotMember);
        }
        Ok(self.log(tx, &conversation)?.map_or(0, |log| log.head.position))
    }

    fn take_back(&mut self, tx: &mut Tx<'_>, held: Held) -> Result<(), StoreError> {
        let Held { unit, hash, receipt } = held;
        self.check(&unit)?;
        if (unit.kind == UnitKind::Message) != receipt.is_none() {
            return Err(StoreError::Invalid);
        }
        let last_receipt = self.log(tx, &unit.conversation)?.map_or(Digest::ZERO, |log| log.head.last_receipt);
        // [DELIV-115]
        if receipt.as_ref().is_some_and(|receipt| receipt.previous != last_receipt) {
            return Err(StoreError::Invalid);
        }
        let log = self.log(tx, &unit.conversation)?;
        match (unit.kind, log) {
            (UnitKind::Create, None) => self.found(tx, &unit)?,
            (UnitKind::Commit, Some(log)) => {
                let accepted = log.commits.find(unit.accepted_commit).ok_or(StoreError::UnknownCommit)?;
                self.follow(tx, &unit, accepted)?;
            }
            (UnitKind::Message, Some(_)) => {}
            _ => return Err(StoreError::Invalid),
        }
        self.write(tx, unit, hash, receipt)?;
        Ok(())
    }

    /// [`Store::welcome_again`].
    pub(crate) fn welcome_again(&mut self, tx: &mut Tx<'_>, lost: LostWelcomes) -> Result<(), StoreError> {
        let LostWelcomes { conversation, position, from, shared, mut parts, now } = lost;
        let log = self.log(tx, &conversation)?.ok_or(StoreError::UnknownConversation)?;
        let (members, first_kept) = (log.members.clone(), log.head.first_kept);
        // A joiner reads from just behind the commit.
        if first_kept > position.saturating_add(1) {
            return Err(StoreError::UnknownCommit);
        }
        let stored = tx.get(&keys::entry(&conversation, position))?.ok_or(StoreError::UnknownCommit)?;
        let record = EntryRecord::decode(&stored)?;
        // [DELIV-118]
        if record.author != from || record.kind == UnitKind::Message {
            return Err(StoreError::NotMember);
        }
        let mut wanted = Vec::new();
        for part in parts.drain(..) {
            let member = members.binary_search(&part.device).is_ok();
            if member
                && self.cursor(tx, &part.device, &conversation)? < position
                && !self.welcome_waits(tx, &part.device, &conversation, position)?
            {
                wanted.push(part);
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let receipt = Some(record.receipt).filter(|receipt| !receipt.is_empty());
        let origin = Origin { conversation, position, running: record.running, author: from, receipt };
        self.post(tx, wanted, Some(&shared), Some(&origin), now)
    }

    /// Whether a device's queue has the Welcome of this commit.
    fn welcome_waits(
        &mut self,
        tx: &Tx<'_>,
        device: &DeviceId,
        conversation: &ConversationId,
        position: u64,
    ) -> Result<bool, Fault> {
        let state = self.device(tx, device)?;
        for number in state.direct_first..state.direct_next {
            let Some(stored) = tx.get(&keys::direct(device, number))? else { continue };
            let origin = DirectRecord::decode(&stored)?.origin;
            if origin.is_some_and(|origin| origin.conversation == *conversation && origin.position == position) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// [`Store::begin_settling`].
    pub(crate) fn begin_settling(&mut self, tx: &mut Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
        let untouched = tx.get(keys::SETTLING)?.is_some_and(|stored| stored == 0u64.to_be_bytes());
        if untouched {
            tx.put_guarded(keys::SETTLING.to_vec(), now.as_millis().max(1).to_be_bytes().to_vec())?;
        }
        Ok(())
    }
}
