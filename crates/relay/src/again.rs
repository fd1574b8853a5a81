//! Requests to be added again (protocol-spec/07-delivery, section 5): handed to the members that are connected, and to the
//! others when they come, for as long as they may count. Kept in memory: whoever asks does so again over each link.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use amanat_primitives::{ConversationId, DeviceId, Timestamp};
use amanat_wire::{client::AddAgain, relay::FromRelay};

use crate::shared::Shared;

/// Requests that are kept; beyond it the oldest goes.
const KEPT: usize = 4096;
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
    /// Keeps a request in place of its device's earlier one; `false` where that came a moment ago. [DELIV-150]
    pub(crate) fn keep(&self, asked: AddAgain, now: Timestamp) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (asked.conversation, asked.device);
        if kept.get(&key).is_some_and(|before| now.since(before.came) < EVERY) {
            return false;
        }
        kept.retain(|_, kept| now.since(kept.came) < AddAgain::COUNTS);
        if kept.len() >= KEPT
            && let Some(oldest) = kept.iter().min_by_key(|(_, kept)| kept.came).map(|(key, _)| *key)
        {
            kept.remove(&oldest);
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

/// Whether a device is told of a request: it is, or was a moment ago, in the conversation's roster.
fn concerns(shared: &Shared, device: DeviceId, asked: &AddAgain) -> bool {
    device != asked.device && shared.store.log_state(device, asked.conversation).is_ok_and(|state| state.is_some())
}

/// Tells the members that are connected. Reads the store: on a thread that may block.
pub(crate) fn tell(shared: &Shared, asked: &AddAgain) {
    let message = FromRelay::PushAgain(asked.clone());
    shared.live.for_each_device(|device, link| {
        if concerns(shared, device, asked) {
            link.send(&message);
        }
    });
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
        let ask = |n: u16, seconds| {
            let mut id = [0; 16];
            id[..2].copy_from_slice(&n.to_be_bytes());
            AddAgain::sign(ConversationId::from_bytes(id), DeviceId::from_bytes([1; 32]), at(seconds), &key)
        };
        assert!(again.keep(ask(0, 0), at(0)));
        assert!(!again.keep(ask(0, 29), at(29)), "too soon");
        assert!(again.keep(ask(0, 30), at(30)));
        assert_eq!(again.all(at(31)), [ask(0, 30)]);
        assert!(again.all(at(31 + 24 * 3600)).is_empty());
        for n in 1..=KEPT as u16 {
            assert!(again.keep(ask(n, 40), at(40)));
        }
        let all = again.all(at(41));
        assert_eq!((all.len(), all.contains(&ask(0, 30))), (KEPT, false));
    }
}
