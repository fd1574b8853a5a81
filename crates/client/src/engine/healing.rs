//! Setting a roster right (protocol-spec/05-conversation, section 5): a commit that changes nothing but this device's keys,
//! after one that was refused or void. Where two devices each take the other's for wrong, as a relay that withholds a removal
//! can bring about, neither would ever stop; so each of them takes longer every time.

use amanat_primitives::Timestamp;
use std::time::Duration;

/// No sooner than this after the first one.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// And never later than this: as often as the relay lets a device commit in the long run (chapter 07, section 8).
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Who has made none for this long begins anew.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);

/// Of one conversation, in this run.
#[derive(Default)]
pub(crate) struct Healing {
    /// A commit was refused or void since the last one that was accepted: the relay's roster may be wrong.
    wanted: bool,
    /// When this device made the last such commit, and how long it rests after it.
    last: Option<(Timestamp, Duration)>,
}

impl Healing {
    /// What a batch of the log says: a commit in it was `wrong`, or everything before it has been `healed`.
    pub(crate) fn take_in(&mut self, wrong: bool, healed: bool) {
        self.wanted = wrong || (self.wanted && !healed);
    }

    /// Whether one is to be made, now or later.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Whether one is to be made now.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.wanted && self.earliest(now) <= now
    }

    /// When the next one may be made, seen from `now`. [CONV-94]
    pub(crate) fn earliest(&self, now: Timestamp) -> Timestamp {
        self.counted(now).map_or(now, |(last, pause)| last.after(pause))
    }

    /// One is made now; the pause after it is twice the one before.
    pub(crate) fn made(&mut self, now: Timestamp) {
        let pause = self.counted(now).map_or(FIRST_PAUSE, |(_, pause)| (pause * 2).min(LONGEST_PAUSE));
        self.last = Some((now, pause));
    }

    /// An own commit was void: none is made for as long as that [CONV-82] says.
    pub(crate) fn rest(&mut self, now: Timestamp, pause: Duration) {
        self.last = Some((now, pause));
    }

    /// The last one, where it still counts; not where this clock was set back since.
    fn counted(&self, now: Timestamp) -> Option<(Timestamp, Duration)> {
        self.last.filter(|(last, _)| *last <= now && now.since(*last) < FORGOTTEN_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000_000);

    fn at(seconds: u64) -> Timestamp {
        START.after(Duration::from_secs(seconds))
    }

    #[test]
    fn wanted_until_a_commit_is_accepted() {
        let mut healing = Healing::default();
        assert!(!healing.is_wanted() && !healing.is_due(START));
        healing.take_in(true, false);
        assert!(healing.is_wanted() && healing.is_due(START));
        healing.take_in(false, false);
        assert!(healing.is_wanted());
        // A wrong one after the good one.
        healing.take_in(true, true);
        assert!(healing.is_wanted());
        healing.take_in(false, true);
        assert!(!healing.is_wanted() && !healing.is_due(START));
    }

    // [CONV-94]
    #[test]
    fn each_pause_is_twice_the_one_before() {
        let (mut healing, mut now) = (Healing::default(), START);
        for pause in [5, 10, 20, 40, 80, 160, 300, 300, 300] {
            healing.made(now);
            healing.take_in(true, false);
            let next = now.after(Duration::from_secs(pause));
            assert_eq!(healing.earliest(now), next);
            assert!(!healing.is_due(next.before(Duration::from_millis(1))) && healing.is_due(next));
            now = next;
        }
    }

    // [CONV-94]
    #[test]
    fn after_an_hour_it_begins_anew() {
        let mut healing = Healing::default();
        for second in 0..20 {
            healing.made(at(second));
        }
        assert_eq!(healing.earliest(at(20)), at(19 + 300));
        healing.made(at(19 + 3599));
        assert_eq!(healing.earliest(at(19 + 3599)), at(19 + 3599 + 300));
        healing.made(at(19 + 3599 + 3600));
        assert_eq!(healing.earliest(at(19 + 3599 + 3600)), at(19 + 3599 + 3605));
    }

    // [CONV-82]
    #[test]
    fn none_is_made_for_a_while_after_an_own_void_one() {
        let mut healing = Healing::default();
        healing.rest(at(0), Duration::from_secs(600));
        healing.take_in(true, false);
        assert!(!healing.is_due(at(599)) && healing.is_due(at(600)));
        healing.made(at(600));
        assert_eq!(healing.earliest(at(600)), at(600 + 300));
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nothing_up() {
        let mut healing = Healing::default();
        healing.made(at(500_000));
        healing.take_in(true, false);
        assert!(healing.is_due(at(0)));
    }
}
