//! Requests to be added again (protocol-spec/07-delivery, section 5): handed to the members that are connected, and to the
//! others when they come, for as long as they may count. Kept in memory: whoever asks does so again over each link.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use amanat_primitives::{ConversationId, DeviceId, Timestamp};
use amanat_wire::{client::AddAgain, relay::FromRelay};

use crate::shared::Shared;

/// Requests that are kept; beyond it the oldest goes of the device that has the most.
const KEPT: usize = 4096;
/// Requests of one device, within [`EVERY`] and in all; beyond it its oldest goes.
const OF_ONE: usize = 256;
/// One device asks for one conversation this often at most.
const EVERY: std::time::Duration = std::time::Duration::from_secs(30);

/// Requests that may still count.
#[derive(Default)]
pub(crate) struct Again(Mutex<HashMap<(ConversationId, DeviceId), Kept>>);

struct Kept {
    asked: AddAgain,
    /// The relay's clock when it came.
    came: Timestamp,
}

impl Again {
    /// Keeps a request in place of its device's earlier one; `false` where that, or too many others of the device, came a
    /// moment ago. One device makes no room at the expense of others. [DELIV-150] [DELIV-133]
    pub(crate) fn keep(&self, asked: AddAgain, now: Timestamp) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (asked.conversation, asked.device);
        let lately = |kept: &Kept| now.since(kept.came) < EVERY;
        let own = kept.iter().filter(|((_, device), _)| *device == asked.device);
        let (of_one, lately_of_one) =
            own.fold((0, 0), |(all, late), (_, kept)| (all + 1, late + usize::from(lately(kept))));
        if lately_of_one >= OF_ONE || kept.get(&key).is_some_and(lately) {
            return false;
        }
        kept.retain(|_, kept| now.since(kept.came) < AddAgain::COUNTS);
        if of_one >= OF_ONE {
            drop_oldest_of(&mut kept, asked.device);
        } else if kept.len() >= KEPT {
            let mut counts: HashMap<DeviceId, usize> = HashMap::new();
            kept.keys().for_each(|(_, device)| *counts.entry(*device).or_default() += 1);
            if let Some((most, _)) = counts.into_iter().max_by_key(|(device, count)| (*count, *device)) {
                drop_oldest_of(&mut kept, most);
            }
        }
        kept.insert(key, Kept { asked, came: now });
        true
    }

    /// All that may still count.
    fn all(&self, now: Timestamp) -> Vec<AddAgain> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counting = kept.values().filter(|kept| now.since(kept.came) < AddAgain::COUNTS);
        counting.map(|kept| kept.asked.clone()).collect()
    }
}

fn drop_oldest_of(kept: &mut HashMap<(ConversationId, DeviceId), Kept>, device: DeviceId) {
    let own = kept.iter().filter(|((_, of), _)| *of == device);
    if let Some(oldest) = own.min_by_key(|(_, kept)| kept.came).map(|(key, _)| *key) {
        kept.remove(&oldest);
    }
}

/// Tells the members that are connected: those in the conversation's roster, now or a moment ago. Reads the store: on a
/// thread that may block.
pub(crate) fn tell(shared: &Shared, asked: &AddAgain) {
    let message = FromRelay::PushAgain(asked.clone());
    let Ok(Some(roster)) = shared.store.roster(asked.conversation) else { return };
    let others = roster.readers.iter().filter(|device| **device != asked.device);
    others.filter_map(|device| shared.live.find(device)).for_each(|link| link.send(&message));
}

/// Tells a device that has just connected. Reads the store: on a thread that may block.
pub(crate) fn tell_newly_connected(shared: &Shared, device: DeviceId) {
    let Some(link) = shared.live.find(&device) else { return };
    let concerns = |asked: &AddAgain| {
        let reads = || shared.store.log_state(device, asked.conversation).is_ok_and(|state| state.is_some());
        device != asked.device && reads()
    };
    for asked in shared.again.all(shared.now()).into_iter().filter(concerns) {
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
        let ask = |device: u8, n: u16, seconds| {
            let mut id = [0; 16];
            id[..2].copy_from_slice(&n.to_be_bytes());
            AddAgain::sign(ConversationId::from_bytes(id), DeviceId::from_bytes([device; 32]), at(seconds), &key)
        };
        assert!(again.keep(ask(1, 0, 0), at(0)));
        assert!(!again.keep(ask(1, 0, 29), at(29)), "too soon");
        assert!(again.keep(ask(1, 0, 30), at(30)));
        assert_eq!(again.all(at(31)), [ask(1, 0, 30)]);
        assert!(again.all(at(31 + 24 * 3600)).is_empty());
        // [DELIV-133] One device: its own oldest go, once they did not all come a moment ago.
        for n in 1..OF_ONE as u16 {
            assert!(again.keep(ask(1, n, 40), at(40)));
        }
        assert!(!again.keep(ask(1, 9_000, 41), at(41)), "too many at once");
        assert!(again.keep(ask(1, 9_000, 60), at(60)));
        let all = again.all(at(61));
        assert_eq!((all.len(), all.contains(&ask(1, 0, 30))), (OF_ONE, false));
        // Many: whoever has the most makes room.
        assert!(again.keep(ask(2, 0, 62), at(62)));
        for device in 3..=255 {
            for n in 0..20 {
                assert!(again.keep(ask(device, n, 70), at(70)));
            }
        }
        let all = again.all(at(71));
        assert_eq!((all.len(), all.contains(&ask(2, 0, 62))), (KEPT, true));
        let first = all.iter().filter(|asked| asked.device == DeviceId::from_bytes([1; 32])).count();
        assert!(first <= 20, "{first}");
    }
}
