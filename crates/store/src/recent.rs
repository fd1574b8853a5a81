//! A bounded memory of recently used state (protocol-spec/07-delivery, section 10): the writer's heads and queues.

use std::{collections::HashMap, hash::Hash};

/// At most `capacity` values; when it overflows, the half that was used least recently goes, so that the cost of
/// forgetting is spread over many insertions.
pub(crate) struct Recent<K, V> {
    capacity: usize,
    clock: u64,
    entries: HashMap<K, (u64, V)>,
}

impl<K: Eq + Hash + Copy, V> Recent<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(2), clock: 0, entries: HashMap::new() }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        self.clock += 1;
        let (used, value) = self.entries.get_mut(key)?;
        *used = self.clock;
        Some(value)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.clock += 1;
        self.entries.insert(key, (self.clock, value));
        if self.entries.len() > self.capacity {
            self.forget_half();
        }
    }

    /// Forgets what was used least recently until the rest weighs at most `most` (or one is left).
    pub(crate) fn lighten(&mut self, most: usize, weigh: impl Fn(&V) -> usize) {
        while self.entries.len() > 1 && self.entries.values().map(|(_, value)| weigh(value)).sum::<usize>() > most {
            self.forget_half();
        }
    }

    fn forget_half(&mut self) {
        let mut ages: Vec<u64> = self.entries.values().map(|(used, _)| *used).collect();
        let middle = ages.len() / 2;
        let (_, &mut median, _) = ages.select_nth_unstable(middle);
        self.entries.retain(|_, (used, _)| *used >= median);
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.entries.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_used_last() {
        let mut recent = Recent::new(8);
        for i in 0..100_u32 {
            recent.insert(i, i);
            assert!(recent.get(&i).is_some(), "the newest stays");
            if i > 0 {
                recent.get(&0);
            }
            assert!(recent.entries.len() <= 8);
        }
        assert!(recent.get(&0).is_some(), "what is used stays");
        assert!(recent.get(&50).is_none());
        recent.lighten(3, |_| 1);
        assert!(recent.entries.len() <= 3 && recent.get(&0).is_some());
        recent.lighten(0, |_| 1);
        assert_eq!(recent.entries.len(), 1);
    }
}
