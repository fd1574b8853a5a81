//! Rates (protocol-spec/07-delivery, section 8): token buckets in whole numbers, with the time as an argument.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use amanat_primitives::{ConversationId, DeviceId};
use tokio::time::Instant;

/// A steady rate and what may be used at once above it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rate {
    /// Tokens a second; at least 1.
    pub(crate) per_second: u64,
    /// Tokens a full bucket holds.
    pub(crate) burst: u64,
}

/// Tokens counted in thousandths, so that a millisecond adds a whole number of them.
#[derive(Debug)]
pub(crate) struct Bucket {
    level: i64,
    last: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn full(rate: Rate, now: Instant) -> Self {
        Self { level: thousandths(rate.burst), last: now }
    }

    fn refill(&mut self, rate: Rate, now: Instant) {
        let millis = u64::try_from(now.saturating_duration_since(self.last).as_millis()).unwrap_or(u64::MAX);
        if millis == 0 {
            return;
        }
        let added = i64::try_from(millis.saturating_mul(rate.per_second)).unwrap_or(i64::MAX);
        self.level = self.level.saturating_add(added).min(thousandths(rate.burst));
        // Only whole milliseconds are spent; the rest counts next time.
        self.last = self.last.checked_add(Duration::from_millis(millis)).unwrap_or(now);
    }

    /// Takes `amount` tokens if they are all there.
    pub(crate) fn take(&mut self, rate: Rate, amount: u64, now: Instant) -> bool {
        self.refill(rate, now);
        let amount = thousandths(amount);
        let enough = self.level >= amount;
        if enough {
            self.level = self.level.saturating_sub(amount);
        }
        enough
    }

    /// Takes `amount` tokens, on credit if need be, and says how long to wait until the debt is paid.
    pub(crate) fn borrow(&mut self, rate: Rate, amount: u64, now: Instant) -> Duration {
        self.refill(rate, now);
        self.level = self.level.saturating_sub(thousandths(amount));
        let debt = u64::try_from(self.level.saturating_neg()).unwrap_or(0);
        Duration::from_millis(debt.div_ceil(rate.per_second.max(1)))
    }

    /// Gives `amount` tokens back.
    fn give_back(&mut self, rate: Rate, amount: u64) {
        self.level = self.level.saturating_add(thousandths(amount)).min(thousandths(rate.burst));
    }

    pub(crate) fn is_full(&mut self, rate: Rate, now: Instant) -> bool {
        self.refill(rate, now);
        self.level >= thousandths(rate.burst)
    }
}

fn thousandths(tokens: u64) -> i64 {
    i64::try_from(tokens.saturating_mul(1000)).unwrap_or(i64::MAX)
}

/// The rates that each device is held to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DeviceRates {
    /// Requests.
    pub(crate) requests: Rate,
    /// Bytes received.
    pub(crate) bytes: Rate,
    /// KeyPackages claimed.
    pub(crate) claims: Rate,
    /// Conversations founded, each [`HOUR`] tokens.
    pub(crate) foundings: Rate,
    /// Devices added to conversations, each [`HOUR`] tokens.
    pub(crate) additions: Rate,
    /// Commits in one conversation, each [`HOUR`] tokens.
    pub(crate) commits: Rate,
    /// Requests to be added again.
    pub(crate) again: Rate,
}

/// Tokens of one thing whose rate is so many an hour, which comes in so many a second.
const HOUR: u64 = 3600;

/// Commits of one device in one conversation: 400 at once, then one in 5 minutes. Founding a conversation of 1,500 devices
/// takes 30, and renewing keys after every 200 messages one in 5 minutes at 57,600 messages a day. Without it, one member
/// could have every commit of the others come too late, and make the tree of section 10 grow without bound.
pub(crate) const COMMITS: Rate = Rate { per_second: 12, burst: 400 * HOUR };
/// Requests of one device to be added again: a profile that was put back has fallen out of all its conversations at once.
/// Each is handed to all who are connected of a conversation.
pub(crate) const AGAIN: Rate = Rate { per_second: 1, burst: 256 };
/// Conversations of one device whose commits are counted at once; those in which it made none lately are not.
const COUNTED: usize = 4_096;

impl Rate {
    /// So many an hour; all of them may come at once.
    pub(crate) fn hourly(count: u32) -> Self {
        let count = u64::from(count);
        Self { per_second: count, burst: count * HOUR }
    }
}

/// One device's buckets.
#[derive(Debug)]
pub(crate) struct DeviceBuckets {
    requests: Bucket,
    bytes: Bucket,
    claims: Bucket,
    foundings: Bucket,
    additions: Bucket,
    again: Bucket,
    /// Those that are not full.
    commits: HashMap<ConversationId, Bucket>,
}

/// The buckets of all devices seen lately: they outlive a link, or reconnecting would refill them.
pub(crate) struct RateTable {
    rates: DeviceRates,
    devices: Mutex<HashMap<DeviceId, Arc<Mutex<DeviceBuckets>>>>,
}

impl RateTable {
    /// An empty table.
    pub(crate) fn new(rates: DeviceRates) -> Self {
        Self { rates, devices: Mutex::default() }
    }

    /// The buckets of `device`.
    pub(crate) fn of(&self, device: DeviceId, now: Instant) -> Meter {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let buckets = devices.entry(device).or_insert_with(|| {
            Arc::new(Mutex::new(DeviceBuckets {
                requests: Bucket::full(self.rates.requests, now),
                bytes: Bucket::full(self.rates.bytes, now),
                claims: Bucket::full(self.rates.claims, now),
                foundings: Bucket::full(self.rates.foundings, now),
                additions: Bucket::full(self.rates.additions, now),
                again: Bucket::full(self.rates.again, now),
                commits: HashMap::new(),
            }))
        });
        Meter { rates: self.rates, buckets: Arc::clone(buckets) }
    }

    /// Forgets devices that are not connected and whose buckets are full again. Bounds the table by what devices can
    /// connect within one refill.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        devices.retain(|_, buckets| {
            if Arc::strong_count(buckets) > 1 {
                return true;
            }
            let mut b = buckets.lock().unwrap_or_else(PoisonError::into_inner);
            let requests = b.requests.is_full(self.rates.requests, now);
            let bytes = b.bytes.is_full(self.rates.bytes, now);
            let founding = b.foundings.is_full(self.rates.foundings, now);
            let adding = b.additions.is_full(self.rates.additions, now);
            let again = b.again.is_full(self.rates.again, now);
            b.forget_full_commits(self.rates.commits, now);
            let idle = requests && bytes && founding && adding && again && b.commits.is_empty();
            !(idle && b.claims.is_full(self.rates.claims, now))
        });
        devices.shrink_to_fit();
    }
}

impl DeviceBuckets {
    fn forget_full_commits(&mut self, rate: Rate, now: Instant) {
        self.commits.retain(|_, bucket| !bucket.is_full(rate, now));
        self.commits.shrink_to_fit();
    }
}

/// Measures one device.
pub(crate) struct Meter {
    rates: DeviceRates,
    buckets: Arc<Mutex<DeviceBuckets>>,
}

impl Meter {
    /// May it ask one more thing?
    pub(crate) fn request(&self, now: Instant) -> bool {
        let mut b = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        b.requests.take(self.rates.requests, 1, now)
    }

    /// How long to read nothing more from it, having received `bytes`.
    pub(crate) fn bytes(&self, bytes: usize, now: Instant) -> Duration {
        let mut b = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        b.bytes.borrow(self.rates.bytes, bytes as u64, now)
    }

    /// May it found a conversation, or add so many devices to one? What it does to others is charged to it alone.
    pub(crate) fn changes(&self, founds: bool, adds: usize, now: Instant) -> bool {
        let mut b = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        (adds == 0 || b.additions.take(self.rates.additions, adds as u64 * HOUR, now))
            && (!founds || b.foundings.take(self.rates.foundings, HOUR, now))
    }

    /// May it make a commit in a conversation? [DELIV-193]
    pub(crate) fn commit(&self, conversation: ConversationId, now: Instant) -> bool {
        let rate = self.rates.commits;
        let mut b = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if b.commits.len() >= COUNTED && !b.commits.contains_key(&conversation) {
            b.forget_full_commits(rate, now);
            if b.commits.len() >= COUNTED {
                return false;
            }
        }
        b.commits.entry(conversation).or_insert_with(|| Bucket::full(rate, now)).take(rate, HOUR, now)
    }

    /// A commit that came too late is not counted: losing to others again and again must not silence anyone. [DELIV-193]
    pub(crate) fn commit_lost(&self, conversation: ConversationId) {
        let mut b = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = b.commits.get_mut(&conversation) {
            bucket.give_back(self.rates.commits, HOUR);
        }
    }

    /// May it ask to be added again? [DELIV-217]
    pub(crate) fn again(&self, now: Instant) -> bool {
        let mut b = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        b.again.take(self.rates.again, 1, now)
    }

    /// May it claim so many KeyPackages?
    pub(crate) fn claims(&self, count: usize, now: Instant) -> bool {
        let mut b = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        b.claims.take(self.rates.claims, count as u64, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 20 };

    #[test]
    fn a_burst_and_then_the_steady_rate() {
        // [DELIV-60]
        let start = Instant::now();
        let mut bucket = Bucket::full(RATE, start);
        assert_eq!((0..100).filter(|_| bucket.take(RATE, 1, start)).count(), 20);
        let later = start + Duration::from_millis(950);
        assert_eq!((0..100).filter(|_| bucket.take(RATE, 1, later)).count(), 9);
        // The half token of 950 ms is not lost.
        assert!(bucket.take(RATE, 1, start + Duration::from_millis(1000)));
        assert!(!bucket.take(RATE, 1, start + Duration::from_millis(1000)));
    }

    #[test]
    fn many_small_steps_add_up_to_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::full(RATE, start);
        assert!(bucket.take(RATE, 20, start));
        let taken =
            (1..=10_000u64).filter(|step| bucket.take(RATE, 1, start + Duration::from_micros(step * 500))).count();
        assert_eq!(taken, 50);
    }

    #[test]
    fn a_debt_says_how_long_to_wait() {
        let start = Instant::now();
        let mut bucket = Bucket::full(RATE, start);
        assert_eq!(bucket.borrow(RATE, 20, start), Duration::ZERO);
        assert_eq!(bucket.borrow(RATE, 5, start), Duration::from_millis(500));
        assert_eq!(bucket.borrow(RATE, 0, start + Duration::from_millis(500)), Duration::ZERO);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let start = Instant::now() + Duration::from_secs(10);
        let mut bucket = Bucket::full(RATE, start);
        assert!(bucket.take(RATE, 20, start));
        assert!(!bucket.take(RATE, 1, start - Duration::from_secs(5)));
    }

    fn rates() -> DeviceRates {
        DeviceRates {
            requests: RATE,
            bytes: RATE,
            claims: RATE,
            foundings: Rate::hourly(2),
            additions: Rate::hourly(5),
            commits: COMMITS,
            again: AGAIN,
        }
    }

    #[test]
    fn requests_to_be_added_again_are_counted_for_each_device() {
        // [DELIV-217]
        let (table, start) = (RateTable::new(rates()), Instant::now());
        let [one, other] = [1, 2].map(|device| table.of(DeviceId::from_bytes([device; 32]), start));
        assert_eq!((0..1_000).filter(|_| one.again(start)).count(), 256);
        assert!(other.again(start));
        assert_eq!((0..1_000).filter(|_| one.again(start + Duration::from_secs(7))).count(), 7);
        drop(one);
        table.sweep(start + Duration::from_secs(60));
        let later = start + Duration::from_secs(60);
        let one = table.of(DeviceId::from_bytes([1; 32]), later);
        assert_eq!((0..1_000).filter(|_| one.again(later)).count(), 53, "it is remembered without a link");
    }

    #[test]
    fn reconnecting_does_not_refill_and_the_table_is_swept() {
        // [DELIV-60]
        let table = RateTable::new(rates());
        let start = Instant::now();
        let device = DeviceId::from_bytes([1; 32]);
        let meter = table.of(device, start);
        assert_eq!((0..100).filter(|_| meter.request(start)).count(), 20);
        drop(meter);
        table.sweep(start);
        assert!(!table.of(device, start).request(start));
        table.sweep(start + Duration::from_secs(3));
        assert!(table.devices.lock().unwrap().is_empty());
    }

    #[test]
    fn commits_are_counted_for_each_conversation() {
        // [DELIV-193]
        let (table, start) = (RateTable::new(rates()), Instant::now());
        let meter = table.of(DeviceId::from_bytes([1; 32]), start);
        let of = |n: u16| {
            let [high, low] = n.to_be_bytes();
            ConversationId::from_bytes([high, low, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        };
        assert_eq!((0..500).filter(|_| meter.commit(of(1), start)).count(), 400);
        assert!(meter.commit(of(2), start), "another conversation");
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..300).filter(|_| meter.commit(of(1), later)).count(), 12);
        meter.commit_lost(of(1));
        assert!(meter.commit(of(1), later) && !meter.commit(of(1), later));
        // What is counted is bounded, and forgotten when it is full again.
        assert_eq!((10..5_000).filter(|n| meter.commit(of(*n), later)).count(), COUNTED - 2 + 1, "2 is full again");
        drop(meter);
        table.sweep(later + Duration::from_secs(600));
        assert_eq!(table.devices.lock().unwrap().len(), 1, "1 is not full yet");
        table.sweep(later + Duration::from_secs(48 * 3600));
        assert!(table.devices.lock().unwrap().is_empty());
    }
}
