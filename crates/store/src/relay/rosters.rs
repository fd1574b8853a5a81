//! Rosters in force (protocol-spec/07-delivery, section 10): who reads a log, how long those who leave may go on, and
//! what is charged to whom.
//!
//! What a device does to others counts against itself alone: conversations against their founder, waiting Welcomes
//! against who sent them. Otherwise anybody could make anybody unreachable by using up their share. [DELIV-133]

use std::{collections::BTreeSet, sync::Arc};

use amanat_primitives::{ConversationId, DeviceId};

use super::{
    commits::Link,
    error::{Quota, StoreError},
    keys,
    log::{Log, readers, roster, with_leaving},
    record::{Leaving, decode_devices, encode_devices, encode_leaving},
    writer::Writer,
};
use crate::{engine::tx::Tx, error::Fault};

impl Writer {
    /// Puts a commit in its place, and its roster in force: cursors for who is new, none for who has gone for good.
    pub(crate) fn change_roster(
        &mut self,
        tx: &mut Tx<'_>,
        id: &ConversationId,
        link: Link,
        members: Arc<[DeviceId]>,
    ) -> Result<(), StoreError> {
        if members.len() > self.limits.roster {
            return Err(StoreError::Full(Quota::Roster));
        }
        if link.roster_at == link.position {
            tx.put(keys::roster(id, link.position), encode_devices(&members));
        }
        let log = self.log(tx, id)?.ok_or(Fault::Damaged)?;
        let last = log.commits.last().map_or(0, |last| last.position);
        log.commits.push(link);
        let settled = settle(tx, id, log, link)?;
        let current = readers(tx, id, &log.commits, link, &members)?;
        tx.put_guarded(keys::commits(id), log.commits.encode())?;
        let before = log.readers.clone();
        let leaving = self.leaving_now(tx, id, link, last, &current, &settled)?;
        let readers = with_leaving(&current, &leaving);
        let log = self.log(tx, id)?.ok_or(Fault::Damaged)?;
        if leaving != log.leaving {
            tx.put_guarded(keys::leaving(id), encode_leaving(&leaving))?;
        }
        (log.leaving, log.members, log.readers) = (leaving, members, readers.clone());
        for device in readers.iter().filter(|device| before.binary_search(device).is_err()) {
            // From just before this commit, whose receipt and running hash the newcomer needs.
            tx.put(keys::cursor(device, id), (link.position - 1).to_be_bytes().to_vec());
        }
        for device in before.iter().filter(|device| readers.binary_search(device).is_err()) {
            self.let_go(tx, device, id)?;
        }
        Ok(())
    }

    /// Who is leaving, now that a commit stands after `last`; `current` are those who read anyway. [DELIV-132]
    fn leaving_now(
        &mut self,
        tx: &Tx<'_>,
        id: &ConversationId,
        link: Link,
        last: u64,
        current: &[DeviceId],
        settled: &Settled,
    ) -> Result<Vec<Leaving>, StoreError> {
        let most = self.limits.roster;
        let log = self.log(tx, id)?.ok_or(Fault::Damaged)?;
        let is_settled = |device: &DeviceId| settled.roster.binary_search(device).is_ok();
        let mut leaving = log.leaving.clone();
        leaving.retain(|left| current.binary_search(&left.device).is_err());
        // Places for those of the settled roster cannot be used up by adding others.
        let mut others = leaving.iter().filter(|left| !is_settled(&left.device)).count();
        for device in log.readers.iter().filter(|device| current.binary_search(device).is_err()) {
            let known = log.leaving.iter().any(|left| left.device == *device);
            if known || (!is_settled(device) && others >= most) {
                continue;
            }
            others += usize::from(!is_settled(device));
            let until = if log.members.binary_search(device).is_ok() { link.position } else { last };
            leaving.push(Leaving { device: *device, until, settles: until });
        }
        let commits = log.commits.clone();
        let root = commits.root()?.position;
        let mut kept = Vec::with_capacity(leaving.len());
        for mut left in leaving {
            let forgotten = left.settles > settled.before && commits.find(left.settles).is_none();
            if forgotten && !settled.passed.contains(&left.settles) {
                // It stood on a branch that counts no more: that this device has gone is yet to be settled.
                left.settles = link.position;
            }
            if left.settles > root || self.cursor(tx, &left.device, id)? < left.until {
                kept.push(left);
            }
        }
        Ok(kept)
    }

    /// Takes a device that asks for it out of a conversation: out of every roster that is remembered, so that no commit
    /// brings it back but one that adds it. [DELIV-134]
    pub(crate) fn decline(
        &mut self,
        tx: &mut Tx<'_>,
        device: &DeviceId,
        id: &ConversationId,
    ) -> Result<(), StoreError> {
        let log = self.log(tx, id)?.ok_or(StoreError::UnknownConversation)?;
        if log.readers.binary_search(device).is_err() {
            return Err(StoreError::NotMember);
        }
        let without = |devices: &[DeviceId]| devices.iter().filter(|other| *other != device).copied().collect();
        let rosters: BTreeSet<u64> = log.commits.links.iter().map(|link| link.roster_at).collect();
        (log.members, log.readers) = (without(&log.members), without(&log.readers));
        let leaving = log.leaving.len();
        log.leaving.retain(|left| left.device != *device);
        if log.leaving.len() != leaving {
            tx.put_guarded(keys::leaving(id), encode_leaving(&log.leaving))?;
        }
        for at in rosters {
            let stored = tx.get(&keys::roster(id, at))?.ok_or(Fault::Damaged)?;
            let devices = decode_devices(&stored)?;
            if devices.binary_search(device).is_ok() {
                let devices = without(&devices);
                tx.put(keys::roster(id, at), encode_devices(&devices));
            }
        }
        self.let_go(tx, device, id)?;
        self.sweep.touch(*id);
        Ok(())
    }

    /// A cursor has moved: whoever is leaving and has read up to its departure is gone now.
    pub(crate) fn has_read(
        &mut self,
        tx: &mut Tx<'_>,
        device: &DeviceId,
        id: &ConversationId,
        position: u64,
    ) -> Result<(), Fault> {
        let Some(log) = self.log(tx, id)? else { return Ok(()) };
        let root = log.commits.root()?.position;
        // [DELIV-192] Not before its removal is settled: it may be a member to everyone but one.
        self.end_leaving(tx, id, |left| left.device == *device && left.until <= position && left.settles <= root)
    }

    /// Ends what is left of the membership of those for whom `over` holds.
    pub(crate) fn end_leaving(
        &mut self,
        tx: &mut Tx<'_>,
        id: &ConversationId,
        over: impl Fn(&Leaving) -> bool,
    ) -> Result<(), Fault> {
        let Some(log) = self.log(tx, id)? else { return Ok(()) };
        let gone: Vec<DeviceId> = log.leaving.iter().filter(|left| over(left)).map(|left| left.device).collect();
        if gone.is_empty() {
            return Ok(());
        }
        log.leaving.retain(|left| !over(left));
        log.readers = log.readers.iter().filter(|reader| !gone.contains(reader)).copied().collect();
        tx.put_guarded(keys::leaving(id), encode_leaving(&log.leaving))?;
        gone.iter().try_for_each(|device| self.let_go(tx, device, id))
    }

    /// A device has nothing to do with a conversation any more.
    fn let_go(&mut self, tx: &mut Tx<'_>, device: &DeviceId, id: &ConversationId) -> Result<(), Fault> {
        tx.delete(keys::cursor(device, id));
        let founded = keys::founded(device, id);
        if tx.get(&founded)?.is_some() {
            tx.delete(founded);
            let state = self.device(tx, device)?;
            state.conversations = state.conversations.saturating_sub(1);
            self.save_device(tx, device)?;
        }
        Ok(())
    }

    /// Counts a conversation against its founder. [DELIV-133]
    pub(crate) fn count_founded(
        &mut self,
        tx: &mut Tx<'_>,
        founder: &DeviceId,
        id: &ConversationId,
    ) -> Result<(), StoreError> {
        let most = self.limits.conversations_per_device;
        let state = self.device(tx, founder)?;
        if state.conversations >= most {
            return Err(StoreError::Full(Quota::Conversations));
        }
        state.conversations += 1;
        self.save_device(tx, founder)?;
        tx.put(keys::founded(founder, id), Vec::new());
        Ok(())
    }

    /// Counts an item that waits for `device` against whoever sent it. [DELIV-133]
    pub(crate) fn count_waiting(
        &mut self,
        tx: &mut Tx<'_>,
        device: &DeviceId,
        from: &DeviceId,
    ) -> Result<(), StoreError> {
        let key = keys::waiting(device, from);
        let waiting = count(tx, &key)?;
        if waiting >= self.limits.direct_items_of_one {
            return Err(StoreError::Full(Quota::DirectItems));
        }
        tx.put(key, (waiting + 1).to_be_bytes().to_vec());
        Ok(())
    }
}

/// A stored count; 0 where there is none.
pub(crate) fn count(tx: &Tx<'_>, key: &[u8]) -> Result<u32, Fault> {
    let Some(stored) = tx.get(key)? else { return Ok(0) };
    stored.try_into().map(u32::from_be_bytes).map_err(|_| Fault::Damaged)
}

/// What a commit has settled.
struct Settled {
    /// Position of the commit that was settled before it.
    before: u64,
    /// Positions of those that were settled on the way to the one which is now.
    passed: Vec<u64>,
    /// The roster of the one which is now.
    roster: Arc<[DeviceId]>,
}

/// Settles what can be settled behind a commit that has just been taken in, and removes rosters that no remembered
/// commit has. [DELIV-190]
fn settle(tx: &mut Tx<'_>, id: &ConversationId, log: &mut Log, last: Link) -> Result<Settled, Fault> {
    let rosters = |log: &Log| log.commits.links.iter().map(|link| link.roster_at).collect::<BTreeSet<u64>>();
    let before = rosters(log);
    let root = log.commits.root()?;
    let mut settled = Settled { before: root.position, passed: Vec::new(), roster: roster(tx, id, root)? };
    while log.commits.settle(&settled.roster, last.stamp) {
        let root = log.commits.root()?;
        settled.passed.push(root.position);
        settled.roster = roster(tx, id, root)?;
    }
    for at in before.difference(&rosters(log)) {
        tx.delete(keys::roster(id, *at));
    }
    Ok(settled)
}
