//! Who is connected (protocol-spec/07-delivery, section 4): a sharded table from device to its one live link.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use amanat_identity::{KeyId, Subject};
use amanat_primitives::{DeviceId, Timestamp};

use crate::outbox::Outbox;

/// Shards of the table. Ids are hashes, so their first byte spreads evenly.
const SHARDS: usize = 64;

/// Devices of a shard whose last link is remembered: their persons are told when they were last connected.
const REMEMBERED: usize = 2048;

/// The table of live links.
pub(crate) struct Live {
    shards: Vec<Mutex<Shard>>,
    /// Links of officers' machines: nothing is pushed to them, and none displaces another.
    officers: Mutex<Vec<(KeyId, Arc<Outbox>)>>,
}

/// The devices whose id begins alike.
#[derive(Default)]
struct Shard {
    linked: HashMap<DeviceId, Linked>,
    /// When links ended. In memory alone: who was there when is not to be found on a relay's disk.
    ended: HashMap<DeviceId, Timestamp>,
}

/// A device's live link, and what a revocation of it is judged by.
struct Linked {
    link: Arc<Outbox>,
    subject: Subject,
}

impl Live {
    /// Nobody is connected.
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), officers: Mutex::default() }
    }

    fn shard<R>(&self, device: &DeviceId, f: impl FnOnce(&mut Shard) -> R) -> Option<R> {
        let [first, ..] = *device.as_bytes();
        let shard = self.shards.get(usize::from(first) % SHARDS)?;
        Some(f(&mut shard.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Makes `link` the device's live link and gives back the one it displaces.
    #[must_use]
    pub(crate) fn insert(&self, subject: Subject, link: Arc<Outbox>) -> Option<Arc<Outbox>> {
        let device = subject.device;
        self.shard(&device, |shard| shard.linked.insert(device, Linked { link, subject }))
            .flatten()
            .map(|linked| linked.link)
    }

    /// Forgets `link`, unless a newer one has taken its place.
    pub(crate) fn remove(&self, device: &DeviceId, link: &Arc<Outbox>, now: Timestamp) {
        self.shard(device, |shard| {
            if shard.linked.get(device).is_some_and(|current| Arc::ptr_eq(&current.link, link)) {
                shard.linked.remove(device);
                if shard.ended.len() < REMEMBERED || shard.ended.contains_key(device) {
                    shard.ended.insert(*device, now);
                }
            }
        });
    }

    /// When a device was last connected: now, where it is; none where that is not remembered.
    pub(crate) fn seen(&self, device: &DeviceId, now: Timestamp) -> Option<Timestamp> {
        let seen = |shard: &mut Shard| match shard.linked.contains_key(device) {
            true => Some(now),
            false => shard.ended.get(device).copied(),
        };
        self.shard(device, seen).flatten()
    }

    /// The device's live link.
    pub(crate) fn find(&self, device: &DeviceId) -> Option<Arc<Outbox>> {
        self.shard(device, |shard| shard.linked.get(device).map(|linked| Arc::clone(&linked.link))).flatten()
    }

    /// The links of devices that `revoked` holds of.
    pub(crate) fn links_of(&self, revoked: impl Fn(&Subject) -> bool) -> Vec<Arc<Outbox>> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let links = shard.linked.values().filter(|linked| revoked(&linked.subject));
            found.extend(links.map(|linked| Arc::clone(&linked.link)));
        }
        found
    }

    /// The links of officers that `revoked` holds of.
    pub(crate) fn links_of_officers(&self, revoked: impl Fn(KeyId) -> bool) -> Vec<Arc<Outbox>> {
        let officers = self.officers.lock().unwrap_or_else(PoisonError::into_inner);
        officers.iter().filter(|(officer, _)| revoked(*officer)).map(|(_, link)| Arc::clone(link)).collect()
    }

    /// Adds an officer's link.
    pub(crate) fn add_officer(&self, officer: KeyId, link: Arc<Outbox>) {
        self.officers.lock().unwrap_or_else(PoisonError::into_inner).push((officer, link));
    }

    /// Forgets an officer's link.
    pub(crate) fn remove_officer(&self, link: &Arc<Outbox>) {
        let mut officers = self.officers.lock().unwrap_or_else(PoisonError::into_inner);
        officers.retain(|(_, other)| !Arc::ptr_eq(other, link));
    }

    /// Does something with every live link.
    pub(crate) fn for_each(&self, mut f: impl FnMut(&Arc<Outbox>)) {
        for shard in &self.shards {
            // Copied out first: `f` may take its time.
            let links: Vec<_> = {
                let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
                let mut links: Vec<_> = shard.linked.iter().collect();
                // In the same order each time, so that a simulation can be repeated.
                links.sort_unstable_by_key(|(device, _)| **device);
                links.into_iter().map(|(_, linked)| Arc::clone(&linked.link)).collect()
            };
            links.iter().for_each(&mut f);
        }
        let officers = self.officers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        officers.iter().map(|(_, link)| link).for_each(&mut f);
    }
}

#[cfg(test)]
mod tests {
    use amanat_identity::Tier;
    use amanat_primitives::{StatementId, sign::SigningKey};

    use super::*;

    #[test]
    fn the_newer_link_displaces_and_the_older_cannot_remove_it() {
        // [DELIV-52]
        let (live, at) = (Live::new(), Timestamp::from_secs);
        let device = DeviceId::from_bytes([7; 32]);
        let subject = Subject {
            device,
            handle: "someone".parse().unwrap(),
            grant: StatementId::from_bytes([8; 32]),
            granted_at: Timestamp::from_secs(1),
            officer: KeyId::of(&SigningKey::generate(&mut rand_core::OsRng).verifying_key()),
            granted: Tier::Secret,
            enrolled_at: Some(Timestamp::from_secs(1)),
            renewed_by: None,
            cleared_at: Timestamp::from_secs(1),
            clearance: Tier::Secret,
        };
        let (older, newer) = (Outbox::new(), Outbox::new());
        assert!(live.insert(subject.clone(), Arc::clone(&older)).is_none());
        let displaced = live.insert(subject, Arc::clone(&newer)).unwrap();
        assert!(Arc::ptr_eq(&displaced, &older));
        live.remove(&device, &older, at(2));
        assert!(Arc::ptr_eq(&live.find(&device).unwrap(), &newer));
        assert_eq!(live.seen(&device, at(3)), Some(at(3)), "it is connected now");
        live.remove(&device, &newer, at(4));
        assert!(live.find(&device).is_none());
        assert_eq!(live.seen(&device, at(5)), Some(at(4)));
        assert_eq!(live.seen(&DeviceId::from_bytes([9; 32]), at(5)), None, "it was never here");
    }
}
