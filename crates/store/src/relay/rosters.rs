//! Rosters in force (protocol-spec/07-delivery, section 10): who reads a log, how long those who leave may go on, and
//! what is charged to whom.
//!
//! What a device does to others counts against itself alone: conversations against their founder, waiting Welcomes
//! against who sent them. Otherwise anybody could make anybody unreachable by using up their share. [DELIV-133]

use std::{collections::BTreeSet, sync::Arc};

use amanat_primitives::{ConversationId, DeviceId};

use super::{
    error::{Quota, StoreError},
    keys,
    log::{readers, with_leaving},
    record::{Chain, Leaving, Link, decode_devices, encode_devices, encode_leaving},
    writer::Writer,
};
use crate::{
    engine::tx::{Old, Tx},
    error::Fault,
};

impl Writer {
    /// Puts a commit into the chain, and its roster in force: cursors for who is new, none for who has gone for good.
    pub(crate) fn change_roster(
        &mut self,
        tx: &mut Tx<'_>,
        id: &ConversationId,
        link: Link,
        members: Arc<[DeviceId]>,
    ) -> Result<(), StoreError> {
        let most = self.limits.roster;
        if members.len() > most {
            return Err(StoreError::Full(Quota::Roster));
        }
        if link.roster_at == link.position {
            tx.put(keys::roster(id, link.position), encode_devices(&members), Old::Whole);
        }
        let log = self.log(tx, id)?.ok_or(Fault::Damaged)?;
        let (before, members_before) = (log.readers.clone(), log.members.clone());
        let earlier = log.leaving.clone();
        let last = log.chain.0.last().map_or(0, |last| last.position);
        log.chain.0.push(link);
        let current = readers(tx, id, &log.chain, link, &members)?;
        trim(tx, id, &mut log.chain);
        log.members = members;
        tx.put_guarded(keys::chain(id), log.chain.encode(), Old::Whole)?;
        // [DELIV-132] Whoever drops out goes on reading up to the commit that ended its membership, whatever follows:
        // or one member could cut off all others by two commits that are garbage to everyone.
        let mut leaving: Vec<Leaving> = earlier.clone();
        leaving.retain(|left| current.binary_search(&left.device).is_err());
        for device in before.iter().filter(|device| current.binary_search(device).is_err()) {
            let until = if members_before.binary_search(device).is_ok() { link.position } else { last };
            let known = leaving.iter().any(|left| left.device == *device);
            if !known && leaving.len() < most && self.cursor(tx, device, id)? < until {
                leaving.push(Leaving { device: *device, until });
            }
        }
        let readers = with_leaving(&current, &leaving);
        if leaving != earlier {
            tx.put_guarded(keys::leaving(id), encode_leaving(&leaving), Old::Any)?;
        }
        let log = self.log(tx, id)?.ok_or(Fault::Damaged)?;
        (log.leaving, log.readers) = (leaving, readers.clone());
        for device in readers.iter().filter(|device| before.binary_search(device).is_err()) {
            // From just before this commit, whose receipt and running hash the newcomer needs.
            tx.put(keys::cursor(device, id), (link.position - 1).to_be_bytes().to_vec(), Old::Whole);
        }
        for device in before.iter().filter(|device| readers.binary_search(device).is_err()) {
            self.let_go(tx, device, id)?;
        }
        Ok(())
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
        let rosters: BTreeSet<u64> = log.chain.0.iter().map(|link| link.roster_at).collect();
        (log.members, log.readers) = (without(&log.members), without(&log.readers));
        let leaving = log.leaving.len();
        log.leaving.retain(|left| left.device != *device);
        if log.leaving.len() != leaving {
            tx.put_guarded(keys::leaving(id), encode_leaving(&log.leaving), Old::Any)?;
        }
        for at in rosters {
            let stored = tx.get(&keys::roster(id, at))?.ok_or(Fault::Damaged)?;
            let devices = decode_devices(&stored)?;
            if devices.binary_search(device).is_ok() {
                let devices = without(&devices);
                tx.put(keys::roster(id, at), encode_devices(&devices), Old::Any);
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
        self.end_leaving(tx, id, |left| left.device == *device && left.until <= position)
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
        tx.put_guarded(keys::leaving(id), encode_leaving(&log.leaving), Old::Any)?;
        gone.iter().try_for_each(|device| self.let_go(tx, device, id))
    }

    /// A device has nothing to do with a conversation any more.
    fn let_go(&mut self, tx: &mut Tx<'_>, device: &DeviceId, id: &ConversationId) -> Result<(), Fault> {
        tx.delete(keys::cursor(device, id), Old::Whole);
        let founded = keys::founded(device, id);
        if tx.get(&founded)?.is_some() {
            tx.delete(founded, Old::Whole);
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
        tx.put(keys::founded(founder, id), Vec::new(), Old::Whole);
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
        tx.put(key, (waiting + 1).to_be_bytes().to_vec(), Old::Whole);
        Ok(())
    }
}

/// A stored count; 0 where there is none.
pub(crate) fn count(tx: &Tx<'_>, key: &[u8]) -> Result<u32, Fault> {
    let Some(stored) = tx.get(key)? else { return Ok(0) };
    stored.try_into().map(u32::from_be_bytes).map_err(|_| Fault::Damaged)
}

/// Forgets the oldest commits, and rosters that no remembered commit has.
fn trim(tx: &mut Tx<'_>, id: &ConversationId, chain: &mut Chain) {
    while chain.0.len() > Chain::LENGTH {
        let oldest = chain.0.remove(0);
        if !chain.0.iter().any(|link| link.roster_at == oldest.roster_at) {
            tx.delete(keys::roster(id, oldest.roster_at), Old::Any);
        }
    }
}
