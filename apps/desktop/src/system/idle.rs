//! Nobody is there: time since the last key, click, touch or move of the pointer, and after how much of it the window locks.
//!
//! Each such event notes the time and nothing more, so that a moving pointer draws nothing; whoever wants to know looks now
//! and then. Time is counted since the machine started and runs on while it sleeps.
//!
//! The ceiling is built in ([`ceiling`]): no policy of the authority says anything about it yet. Once one does, it takes the
//! place of these minutes; a person can only ever set less.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use amanat_identity::Tier;
use rustix::time::{ClockId, clock_gettime};

use crate::settings::LOCK_AFTER;

/// How often one looks.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Milliseconds from the machine's start to the last event.
static SEEN: AtomicU64 = AtomicU64::new(0);

/// Minutes that are allowed; none before anything is open.
static ALLOWED: AtomicU32 = AtomicU32::new(0);

/// Since the machine started, its sleep counted.
#[must_use]
pub fn now() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Somebody is there.
pub fn touch() {
    SEEN.store(u64::try_from(now().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// So many minutes are allowed from now on.
pub fn allow(minutes: u32) {
    ALLOWED.store(minutes, Ordering::Relaxed);
}

/// An event of the window; counts where a person made it. Whether it came too late: whoever opens a laptop that has slept
/// past its time is not the one who left it, and nothing counts before it was locked.
pub fn saw(event: &iced::Event) -> bool {
    use iced::Event::{InputMethod, Keyboard, Mouse, Touch};
    let somebody = matches!(event, Keyboard(_) | Mouse(_) | Touch(_) | InputMethod(_));
    let minutes = ALLOWED.load(Ordering::Relaxed);
    if somebody && minutes > 0 && is_over(seen(), now(), minutes) {
        return true;
    }
    if somebody {
        touch();
    }
    false
}

/// When somebody was there last.
#[must_use]
pub fn seen() -> Duration {
    Duration::from_millis(SEEN.load(Ordering::Relaxed))
}

/// Whether it is to lock: nobody was there for so many minutes.
#[must_use]
pub fn is_over(seen: Duration, now: Duration, minutes: u32) -> bool {
    now.saturating_sub(seen) >= Duration::from_secs(u64::from(minutes) * 60)
}

/// The longest time that may be set, in minutes, by the highest tier among the conversations. Built in until a policy says it.
#[must_use]
pub fn ceiling(highest: Option<Tier>) -> u32 {
    let [_, shorter, short, longest] = LOCK_AFTER;
    match highest {
        None | Some(Tier::Official | Tier::Restricted) => longest,
        Some(Tier::Confidential) => short,
        Some(Tier::Secret | Tier::TopSecret) => shorter,
    }
}

#[cfg(test)]
mod tests {
    use iced::{Event, keyboard, window};

    use super::*;

    #[test]
    fn it_is_over_after_the_minutes_and_not_before() {
        let seen = Duration::from_secs(1000);
        assert!(!is_over(seen, seen + Duration::from_secs(119), 2));
        assert!(is_over(seen, seen + Duration::from_secs(120), 2));
        assert!(!is_over(seen, Duration::ZERO, 2), "a clock that stands behind locks nothing");
    }

    #[test]
    fn the_higher_the_tier_the_sooner() {
        let tiers = [Tier::Official, Tier::Restricted, Tier::Confidential, Tier::Secret, Tier::TopSecret];
        let minutes: Vec<_> = tiers.into_iter().map(|tier| ceiling(Some(tier))).collect();
        assert!(minutes.is_sorted_by(|one, next| one >= next));
        assert_eq!((ceiling(None), ceiling(Some(Tier::TopSecret))), (15, 5));
    }

    #[test]
    fn what_a_person_does_counts_and_what_the_window_does_not() {
        let before = seen();
        saw(&Event::Window(window::Event::Focused));
        assert_eq!(seen(), before);
        saw(&Event::Keyboard(keyboard::Event::ModifiersChanged(keyboard::Modifiers::SHIFT)));
        assert!(seen() > before && seen() <= now());
        // Whoever comes when it should have been locked does not count.
        let key = Event::Keyboard(keyboard::Event::ModifiersChanged(keyboard::Modifiers::SHIFT));
        SEEN.store(0, Ordering::Relaxed);
        allow(2);
        assert!(now() > Duration::from_secs(120) && saw(&key) && seen() == Duration::ZERO);
        allow(0);
        assert!(!saw(&key) && seen() > Duration::ZERO);
    }
}
