//! Requests to be added again (protocol-spec/07-delivery, section 5): handed to the members that are connected, and to the
//! others when they come, for as long as they may count. Kept in memory: whoever asks does so again over each link.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use amanat_primitives::{ConversationId, DeviceId, Timestamp};
use amanat_wire::{client::AddAgain, relay::FromRelay};

use amanat_store::relay::StoreError;

use crate::shared::Shared;

/// Requests that are kept; beyond it the oldest goes of the device that has most.
const KEPT: usize = 4096;
/// Of one device, which may have fallen out of as many conversations at once; beyond it its own oldest goes.
const EACH: usize = 256;
/// One device asks for one conversation this often at most.
const EVERY: std::time::Duration = std::time::Duration::from_secs(30);

/// Requests that may still count. In an order of their own, so that a simulation can be repeated.
#[derive(Default)]
pub(crate) struct Again(Mutex<BTreeMap<(ConversationId, DeviceId), Kept>>);

struct Kept {
    asked: AddAgain,
    /// The relay's clock when it came.
    came: Timestamp,
}

impl Again {
    /// Keeps a request in place of its device's earlier one; `false` where that came a moment ago. [DELIV-150]
    pub(crate) fn keep(&self, asked: AddAgain, now: Timestamp) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (asked.conversation, asked.device);
        if kept.get(&key).is_some_and(|before| now.since(before.came) < EVERY) {
            return false;
        }
        kept.retain(|_, kept| now.since(kept.came) < AddAgain::COUNTS);
        // [DELIV-217] Who asks much has its own requests go, not those of others.
        let of = |device| kept.keys().filter(|(_, other)| *other == device).count();
        let over = if kept.contains_key(&key) {
            None
        } else if of(asked.device) >= EACH {
            Some(asked.device)
        } else if kept.len() >= KEPT {
            most(&kept)
        } else {
            None
        };
        if let Some(device) = over {
            let own = kept.iter().filter(|((_, other), _)| *other == device);
            if let Some(oldest) = own.min_by_key(|(_, kept)| kept.came).map(|(key, _)| *key) {
                kept.remove(&oldest);
            }
        }
        kept.insert(key, Kept { asked, came: now });
        true
    }

    /// Its device wants it no more. [DELIV-138]
    pub(crate) fn forget(&self, conversation: ConversationId, device: DeviceId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(conversation, device));
    }

    /// All that may still count.
    fn all(&self, now: Timestamp) -> Vec<AddAgain> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counting = kept.values().filter(|kept| now.since(kept.came) < AddAgain::COUNTS);
        counting.map(|kept| kept.asked.clone()).collect()
    }
}

/// The device that has most of them.
fn most(kept: &BTreeMap<(ConversationId, DeviceId), Kept>) -> Option<DeviceId> {
    let mut counts: HashMap<DeviceId, usize> = HashMap::new();
    kept.keys().for_each(|(_, device)| *counts.entry(*device).or_default() += 1);
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(device, _)| device)
}

/// Whether a device is told of a request: it is, or was a moment ago, in the conversation's roster.
fn concerns(shared: &Shared, device: DeviceId, asked: &AddAgain) -> bool {
    device != asked.device && shared.store.log_state(device, asked.conversation).is_ok_and(|state| state.is_some())
}

/// Tells the members that are connected. Reads the store, once whoever is connected: on a thread that may block.
// [DELIV-217]
pub(crate) fn tell(shared: &Shared, asked: &AddAgain) -> Result<(), StoreError> {
    let Some(roster) = shared.store.roster(asked.conversation)? else { return Ok(()) };
    let message = FromRelay::PushAgain(asked.clone());
    for device in roster.readers.iter().filter(|device| **device != asked.device) {
        if let Some(link) = shared.live.find(device) {
            link.send(&message);
        }
    }
    Ok(())
}

/// Tells a device that has just connected. Reads the store: on a thread that may block.
pub(crate) fn tell_newly_connected(shared: &Shared, device: DeviceId) {
    let Some(link) = shared.live.find(&device) else { return };
    for asked in shared.again.all(shared.now()).into_iter().filter(|asked| concerns(shared, device, asked)) {
        link.send(&FromRelay::PushAgain(asked));
    }
}

#[cfg(test)]
mod tests {
    use amanat_primitives::sign::SigningKey;

    use super::*;

    // [DELIV-150]
    #[test]
    fn requests_are_bounded_in_number_rate_and_time() {
        let (again, key) = (Again::default(), SigningKey::from_seed(&amanat_primitives::Secret::take(&mut [7; 32])));
        let at = |seconds: u64| Timestamp::from_secs(1_000_000 + seconds);
        let ask = |n: u8, seconds| {
            AddAgain::sign(ConversationId::from_bytes([n; 16]), DeviceId::from_bytes([1; 32]), at(seconds), &key)
        };
        assert!(again.keep(ask(0, 0), at(0)));
        assert!(!again.keep(ask(0, 29), at(29)), "too soon");
        assert!(again.keep(ask(0, 30), at(30)));
        assert_eq!(again.all(at(31)), [ask(0, 30)]);
        assert!(again.all(at(31 + 24 * 3600)).is_empty());
        // [DELIV-138]
        again.forget(ConversationId::from_bytes([0; 16]), DeviceId::from_bytes([1; 32]));
        assert!(again.all(at(31)).is_empty());
    }

    // [DELIV-217]
    #[test]
    fn who_asks_much_displaces_no_request_of_others() {
        let (again, key) = (Again::default(), SigningKey::from_seed(&amanat_primitives::Secret::take(&mut [7; 32])));
        let at = |seconds: u64| Timestamp::from_secs(1_000_000 + seconds);
        let ask = |device: u8, n: u64| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&n.to_be_bytes());
            AddAgain::sign(ConversationId::from_bytes(id), DeviceId::from_bytes([device; 32]), at(n), &key)
        };
        assert!(again.keep(ask(1, 0), at(0)));
        for n in 1..=2 * EACH as u64 {
            assert!(again.keep(ask(2, n), at(n)));
        }
        let all = again.all(at(200));
        assert_eq!((all.len(), all.contains(&ask(1, 0)), all.contains(&ask(2, 1))), (1 + EACH, true, false));
        // Nor do many who each ask much.
        let many = u8::try_from(KEPT / EACH).unwrap() + 2;
        for device in 3..=many {
            (0..EACH as u64).for_each(|n| assert!(again.keep(ask(device, 200 + n), at(200 + n))));
        }
        let all = again.all(at(300));
        assert_eq!((all.len(), all.contains(&ask(1, 0))), (KEPT, true));
    }
}
