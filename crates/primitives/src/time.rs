//! Time (protocol-spec/01-primitives, section 10): always given as an argument, in milliseconds since 1970 (UTC).

use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// How far two clocks may differ before a statement is refused.
    pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(600);
    /// Later than any time this protocol names.
    pub const FAR_FUTURE: Timestamp = Timestamp(u64::MAX);

    /// From milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// In milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// [PRIM-12] `self + span`, at most [`FAR_FUTURE`](Self::FAR_FUTURE).
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// `self - span`, at least 1970.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl From<std::time::SystemTime> for Timestamp {
    /// A clock set before 1970 reads as 1970, which every validity check then refuses.
    fn from(time: std::time::SystemTime) -> Self {
        let since = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stop_at_their_ends() {
        // [PRIM-12]
        let day = Duration::from_secs(86_400);
        assert_eq!(Timestamp::from_secs(1).after(day), Timestamp::from_millis(86_401_000));
        assert_eq!(Timestamp::FAR_FUTURE.after(day), Timestamp::FAR_FUTURE);
        assert_eq!(Timestamp::from_secs(1).after(Duration::MAX), Timestamp::FAR_FUTURE);
        assert_eq!(Timestamp::from_secs(1).before(day), Timestamp::from_millis(0));
        assert_eq!(Timestamp::from_secs(1).since(Timestamp::FAR_FUTURE), Duration::ZERO);
        assert_eq!(Timestamp::from_secs(u64::MAX), Timestamp::FAR_FUTURE);
        assert_eq!(Timestamp::from_secs(86_401).before(day), Timestamp::from_secs(1));
        assert_eq!(Timestamp::from_secs(86_401).since(Timestamp::from_secs(1)), day);
        assert_eq!(Timestamp::from_secs(7).as_millis(), 7_000);
        assert_eq!(Timestamp::from(std::time::UNIX_EPOCH + day), Timestamp::from_secs(86_400));
        let before_1970 = std::time::UNIX_EPOCH - day;
        assert_eq!(Timestamp::from(before_1970), Timestamp::from_millis(0));
    }
}
