//! Settling (protocol-spec/07-delivery, section 14): a restored relay waits for what it has lost before anything new
//! stands in its place.
//!
//! From the first link of a device on it takes nothing new in a log for ten minutes, unless all who read that log have
//! said that they have nothing beyond it. What is said is kept in memory: a relay that is started again within the ten
//! minutes waits for the rest of them. Absent here: the entries that come back, which the store takes.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use amanat_primitives::{ConversationId, DeviceId, Timestamp};
use amanat_store::relay::{Restored, Store, StoreError};

/// How long a restored relay waits for members who are ahead of it.
const WAIT: Duration = Duration::from_secs(600);

#[derive(Default)]
struct State {
    /// Restored, and nobody has linked since.
    untouched: bool,
    /// Until when it waits.
    until: Option<Timestamp>,
    /// Who has nothing beyond which place of a log.
    settled: HashMap<ConversationId, HashMap<DeviceId, u64>>,
    /// Logs of which that holds for all readers.
    whole: HashSet<ConversationId>,
    /// Logs at the start.
    logs: u64,
    /// Entries that came back.
    entries: u64,
}

/// What a restored relay waits for.
#[derive(Default)]
pub(crate) struct Settling(Mutex<State>);

/// What the operator is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Figures {
    /// How much longer it waits.
    pub(crate) left: Duration,
    /// Logs of which not all readers have been heard.
    pub(crate) conversations: u64,
    /// Entries that came back.
    pub(crate) entries: u64,
}

impl Settling {
    /// As the store says.
    pub(crate) fn load(store: &Store, now: Timestamp) -> Result<Self, StoreError> {
        let (untouched, until) = match store.restored()? {
            Restored::No => (false, None),
            Restored::Untouched => (true, None),
            Restored::Since(since) => (false, Some(since.after(WAIT)).filter(|until| now < *until)),
        };
        let logs = if untouched || until.is_some() { store.count_logs()? } else { 0 };
        Ok(Self(Mutex::new(State { untouched, until, logs, ..State::default() })))
    }

    /// A device's hello has verified: with the first one the wait begins, durably.
    pub(crate) async fn begin(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        if !self.state().untouched {
            return Ok(());
        }
        store.begin_settling(now).await?;
        let mut state = self.state();
        if state.untouched {
            (state.untouched, state.until) = (false, Some(now.after(WAIT)));
            tracing::warn!("this relay was restored: for ten minutes members bring back what it has lost");
        }
        Ok(())
    }

    /// Whether nothing new may stand in this log yet. [DELIV-117]
    pub(crate) fn holds(&self, conversation: &ConversationId, now: Timestamp) -> bool {
        let state = self.state();
        state.until.is_some_and(|until| now < until) && !state.whole.contains(conversation)
    }

    /// Whether there is anything to wait for.
    pub(crate) fn waits(&self) -> bool {
        self.state().until.is_some()
    }

    /// A device has nothing beyond a place of a log that it reads, which may still be to come back.
    pub(crate) fn settled(&self, conversation: ConversationId, device: DeviceId, position: u64) {
        let mut state = self.state();
        if state.until.is_some() && !state.whole.contains(&conversation) {
            state.settled.entry(conversation).or_default().insert(device, position);
        }
    }

    /// Whether all whose word is waited for have none beyond the log as it stands now: then it goes on.
    pub(crate) fn look_at(&self, conversation: ConversationId, head: u64, readers: &[DeviceId]) {
        let mut state = self.state();
        let Some(settled) = state.settled.get(&conversation) else { return };
        if readers.iter().all(|reader| settled.get(reader).is_some_and(|position| *position <= head)) {
            state.settled.remove(&conversation);
            state.whole.insert(conversation);
        }
    }

    /// A log was founded here: nothing of it was lost.
    pub(crate) fn founded(&self, conversation: ConversationId) {
        let mut state = self.state();
        if state.until.is_some() && state.whole.insert(conversation) {
            state.logs = state.logs.saturating_add(1);
        }
    }

    /// Entries came back.
    pub(crate) fn supplied(&self, entries: usize, founded: bool) {
        let mut state = self.state();
        state.entries = state.entries.saturating_add(entries as u64);
        state.logs = state.logs.saturating_add(u64::from(founded));
    }

    /// None where nothing is waited for.
    pub(crate) fn figures(&self, now: Timestamp) -> Option<Figures> {
        let state = self.state();
        let until = if state.untouched { now.after(WAIT) } else { state.until? };
        let conversations = state.logs.saturating_sub(state.whole.len() as u64);
        (now < until).then(|| Figures { left: until.since(now), conversations, entries: state.entries })
    }

    /// Says once that the wait is over.
    pub(crate) fn look(&self, now: Timestamp) {
        let mut state = self.state();
        if state.until.is_some_and(|until| until <= now) {
            let (entries, unheard) = (state.entries, state.logs.saturating_sub(state.whole.len() as u64));
            tracing::warn!(entries, unheard, "the restored relay goes on: what has not come back is lost here");
            *state = State::default();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_held_until_all_its_readers_have_spoken_or_the_time_is_over() {
        // [DELIV-117]
        let now = Timestamp::from_secs(1_800_000_000);
        let state = State { until: Some(now.after(WAIT)), logs: 2, ..State::default() };
        let settling = Settling(Mutex::new(state));
        let (one, other) = (ConversationId::from_bytes([1; 16]), ConversationId::from_bytes([2; 16]));
        let readers = [DeviceId::from_bytes([1; 32]), DeviceId::from_bytes([2; 32])];
        assert!(settling.holds(&one, now));
        settling.settled(one, readers[0], 5);
        settling.settled(one, DeviceId::from_bytes([3; 32]), 5);
        settling.look_at(one, 5, &readers);
        assert!(settling.holds(&one, now));
        // Who has more than the log is heard, and waited for.
        settling.settled(one, readers[1], 6);
        settling.look_at(one, 5, &readers);
        assert!(settling.holds(&one, now));
        settling.look_at(one, 6, &readers);
        assert!(!settling.holds(&one, now) && settling.holds(&other, now));
        assert_eq!(settling.figures(now).map(|figures| figures.conversations), Some(1));
        let later = now.after(WAIT);
        assert!(!settling.holds(&other, later));
        settling.look(later);
        assert_eq!(settling.figures(later), None);
        assert!(!Settling::default().holds(&one, now));
    }
}
