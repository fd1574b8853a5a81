//! The relay's clocks (protocol-spec/07-delivery, section 9): what the wall clock says is used only as long as it goes on
//! with the machine's.
//!
//! Stamps never go back within a log. One entry stamped a day ahead would have every commit after it be void for a day,
//! and a sweep would remove what still has its time. So while the wall clock has jumped ahead, nothing is appended and
//! nothing is swept. [DELIV-194]

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use amanat_primitives::Timestamp;

/// The relay's wall clock. Tests give another; no program does.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Time since some moment, which nobody sets.
pub type Steady = Arc<dyn Fn() -> Duration + Send + Sync>;

/// A clock may be set ahead by so much at once. Less than the 10 minutes by which members hold a stamp to be wrong.
const JUMP: Duration = Duration::from_secs(5 * 60);

/// The system's clock.
pub(crate) fn system_clock() -> Clock {
    Arc::new(|| SystemTime::now().into())
}

/// The time since the machine started, including what it slept.
pub(crate) fn system_steady() -> Steady {
    Arc::new(|| {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let part = |number: i64| u64::try_from(number).unwrap_or(0);
        Duration::from_secs(part(time.tv_sec)).saturating_add(Duration::from_nanos(part(time.tv_nsec)))
    })
}

/// Compares the wall clock with the steady one.
pub(crate) struct JumpWatch {
    steady: Steady,
    /// Both, when they agreed last.
    agreed: Mutex<(Timestamp, Duration)>,
}

impl JumpWatch {
    /// The wall clock is taken to be right at the start: nothing else says what time it is.
    pub(crate) fn start(now: Timestamp, steady: Steady) -> Self {
        let agreed = Mutex::new((now, steady()));
        Self { steady, agreed }
    }

    /// By how much the wall clock, which says `now`, has jumped ahead; none if it has not, or is back.
    pub(crate) fn ahead(&self, now: Timestamp) -> Option<Duration> {
        let passed = (self.steady)();
        let mut agreed = self.agreed.lock().unwrap_or_else(PoisonError::into_inner);
        let expected = agreed.0.after(passed.saturating_sub(agreed.1));
        let ahead = now.since(expected);
        if ahead > JUMP {
            return Some(ahead);
        }
        // Clocks drift apart and are corrected a little at a time: that adds up to no jump.
        if expected.since(now) <= JUMP {
            *agreed = (now, passed);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn a_jump_ahead_is_seen_until_the_clock_is_back() {
        // [DELIV-194]
        let seconds = Arc::new(AtomicU64::new(1000));
        let passed = Arc::clone(&seconds);
        let start = Timestamp::from_secs(1_000_000);
        let watch = JumpWatch::start(start, Arc::new(move || Duration::from_secs(passed.load(Ordering::SeqCst))));
        let at = |wall: u64, steady: u64| {
            seconds.store(1000 + steady, Ordering::SeqCst);
            watch.ahead(start.after(Duration::from_secs(wall)))
        };
        assert_eq!(at(60, 60), None);
        let day = 24 * 3600;
        assert_eq!(at(day + 120, 120), Some(Duration::from_secs(day)));
        assert_eq!(at(day + 3600, 3600), Some(Duration::from_secs(day)), "waiting does not make it right");
        assert_eq!(at(3700, 3700), None, "set right again");
        assert_eq!(at(10, 3800), None, "a clock that goes back is no jump");
        assert_eq!(at(3900, 3900), None, "nor is its coming back");
        // A clock that goes too fast is followed.
        for day in 1..100 {
            assert_eq!(at(3900 + day * 86_460, 3900 + day * 86_400), None);
        }
    }
}
