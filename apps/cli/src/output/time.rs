//! Times (protocol-spec/json-output.md, section 2): RFC 3339 in UTC for scripts, the local clock for people.

use amanat_primitives::Timestamp;
use jiff::{Zoned, tz::TimeZone};

/// RFC 3339, UTC.
pub(crate) fn utc(at: Timestamp) -> String {
    instant(at).map_or_else(|| "9999-12-31T23:59:59Z".to_owned(), |at| at.to_string())
}

/// `2031-05-04 14:08`, by the local clock.
pub(crate) fn local(at: Timestamp) -> String {
    zoned(at).map_or_else(|| "never".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M").to_string())
}

/// `Sunday, 4 May 2031`.
pub(crate) fn day(at: Timestamp) -> String {
    zoned(at).map_or_else(|| "never".to_owned(), |at| at.strftime("%A, %-d %B %Y").to_string())
}

/// `14:08`.
pub(crate) fn clock(at: Timestamp) -> String {
    zoned(at).map_or_else(|| "--:--".to_owned(), |at| at.strftime("%H:%M").to_string())
}

/// The wall clock of this machine.
pub(crate) fn now() -> Timestamp {
    std::time::SystemTime::now().into()
}

fn instant(at: Timestamp) -> Option<jiff::Timestamp> {
    i64::try_from(at.as_millis()).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
}

fn zoned(at: Timestamp) -> Option<Zoned> {
    instant(at).map(|at| at.to_zoned(TimeZone::system()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_get_utc() {
        assert_eq!(utc(Timestamp::from_millis(1_935_652_087_250)), "2031-05-04T09:08:07.25Z");
        assert_eq!(utc(Timestamp::from_secs(1_935_652_087)), "2031-05-04T09:08:07Z");
        assert_eq!(utc(Timestamp::FAR_FUTURE), "9999-12-31T23:59:59Z");
    }
}
