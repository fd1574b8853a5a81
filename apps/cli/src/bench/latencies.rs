//! Latencies of a run and their percentiles.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::problem::{Outcome, Problem};

/// The longest that can be recorded; what takes longer fails the run instead of being shortened to fit.
const LONGEST: Duration = Duration::from_secs(600);

/// Latencies, to the microsecond.
pub(super) struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    pub(super) fn new() -> Outcome<Self> {
        let longest = u64::try_from(LONGEST.as_micros()).unwrap_or(u64::MAX);
        let histogram = Histogram::new_with_bounds(1, longest, 3).map_err(|_| broken())?;
        Ok(Self(histogram))
    }

    /// One more. Never `saturating_record`: it clamps to the histogram's range without a word, so that slow messages
    /// would be reported as fast ones.
    pub(super) fn record(&mut self, latency: Duration) -> Outcome {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1);
        self.0.record(micros).map_err(|_| broken())
    }

    /// How many.
    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    /// In milliseconds; `quantile` from 0 to 1.
    pub(super) fn millis(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1000.0
    }
}

fn broken() -> Problem {
    Problem::internal("A latency could not be recorded.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::percentile;

    /// The range matters: a histogram that clamps at its first 2047 us shows 2 ms for all of the upper half here.
    #[test]
    fn percentiles_are_those_of_the_sorted_list_from_microseconds_to_minutes() {
        for step in [Duration::from_micros(1), Duration::from_micros(70), Duration::from_millis(9)] {
            let mut times: Vec<Duration> = (1..=1000).map(|number| step * number).collect();
            let mut latencies = Latencies::new().unwrap();
            times.iter().for_each(|time| latencies.record(*time).unwrap());
            assert_eq!(latencies.count(), 1000);
            for percent in [1, 50, 90, 99, 100] {
                let exact = percentile(&mut times, percent);
                let shown = latencies.millis(percent as f64 / 100.0);
                assert!((shown - exact).abs() <= exact / 500.0 + 0.001, "{step:?} p{percent}: {shown} for {exact}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_fails_instead_of_being_shortened() {
        let mut latencies = Latencies::new().unwrap();
        assert!(latencies.record(Duration::from_secs(3600)).is_err());
        assert_eq!(latencies.count(), 0);
    }
}
