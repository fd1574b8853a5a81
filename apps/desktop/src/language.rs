//! Languages of the interface: which way it runs, its digits, and how it writes numbers, times and days.

use amanat_primitives::Timestamp;
use amanat_ui::direction::Direction;
use jiff::{Zoned, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// A language that every string exists in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Urdu.
    Urdu,
}

impl Language {
    /// All of them, each with its own name.
    pub const ALL: [(Self, &'static str); 2] = [(Self::English, "English"), (Self::Urdu, "اردو")];

    /// Which way its lines run.
    #[must_use]
    pub fn direction(self) -> Direction {
        match self {
            Self::English => Direction::Ltr,
            Self::Urdu => Direction::Rtl,
        }
    }

    /// Its tag (BCP 47).
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en-GB",
            Self::Urdu => "ur-PK",
        }
    }

    /// ASCII digits as it writes them.
    #[must_use]
    pub fn digits(self, text: &str) -> String {
        match self {
            Self::English => text.to_owned(),
            Self::Urdu => text.chars().map(urdu_digit).collect(),
        }
    }

    /// A number.
    #[must_use]
    pub fn number(self, number: u64) -> String {
        self.digits(&number.to_string())
    }

    /// A time of day, here.
    #[must_use]
    pub fn time(self, at: Timestamp) -> String {
        self.digits(&zoned(at).strftime("%H:%M").to_string())
    }

    /// A size in bytes, for people: in units of a thousand, with one digit behind the point.
    #[must_use]
    pub fn size(self, bytes: u64) -> String {
        let units = match self {
            Self::English => ["B", "KB", "MB", "GB", "TB"],
            Self::Urdu => ["بائٹ", "کے بی", "ایم بی", "جی بی", "ٹی بی"],
        };
        let (mut size, mut unit) = (bytes as f64, 0);
        // What would be written as a thousand is one of the next.
        while size >= if unit == 0 { 1000.0 } else { 999.95 } && unit + 1 < units.len() {
            size /= 1000.0;
            unit += 1;
        }
        let decimals = usize::from(unit > 0);
        let unit = units.get(unit).copied().unwrap_or_default();
        self.digits(&format!("{size:.decimals$}\u{a0}{unit}"))
    }
}

fn urdu_digit(c: char) -> char {
    c.to_digit(10).and_then(|digit| char::from_u32(0x06F0 + digit)).unwrap_or(c)
}

/// A time in this machine's zone; the earliest where it cannot be one.
#[must_use]
pub fn zoned(at: Timestamp) -> Zoned {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or_default().to_zoned(TimeZone::system())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_sizes_by_language() {
        assert_eq!(Language::Urdu.number(1204), "۱۲۰۴");
        assert_eq!(Language::English.size(999), "999\u{a0}B");
        assert_eq!(Language::English.size(1536), "1.5\u{a0}KB");
        assert_eq!(Language::English.size(999_960), "1.0\u{a0}MB");
        assert_eq!(Language::English.size(48_128_000), "48.1\u{a0}MB");
        assert_eq!(Language::Urdu.size(1 << 30), "۱.۱\u{a0}جی بی");
    }
}
