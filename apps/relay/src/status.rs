//! `amanat-relay status`: for people, or as one JSON object for monitoring.

use std::{io::Write as _, path::Path};

use amanat_relay_core::control;
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::{backup::not_asked, problem::Problem};

/// Values that are texts; all others are numbers.
const TEXTS: [&str; 2] = ["store", "incarnation"];

pub(crate) fn status(dir: &Path, json: bool) -> Result<(), Problem> {
    let lines = control::ask_status(dir).map_err(|error| not_asked(dir, &error))?;
    let mut out = anstream::stdout().lock();
    if json {
        let object = object(&lines)?;
        // A reader that went away is told nothing more; the exit status remains.
        let _ = writeln!(out, "{object}");
        return Ok(());
    }
    for (name, value) in &lines {
        let (name, value) = words(name, value);
        // A reader that went away is told nothing more; the exit status remains.
        let _ = writeln!(out, "{name:<26} {value}");
    }
    if lines.iter().all(|(name, _)| name != "status_number") {
        let _ = writeln!(out, "{:<26} none: an officer runs `amanat attest`", "status statement");
    }
    Ok(())
}

/// The figures as one object, in their order.
fn object(lines: &[(String, String)]) -> Result<String, Problem> {
    serde_json::to_string(&Figures(lines)).map_err(|error| Problem::new(&error, "run it again"))
}

struct Figures<'a>(&'a [(String, String)]);

impl Serialize for Figures<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            match value.parse::<u64>() {
                Ok(number) if !TEXTS.contains(&name.as_str()) => map.serialize_entry(name, &number)?,
                _ => map.serialize_entry(name, value)?,
            }
        }
        map.end()
    }
}

/// A name and a value as a person reads them, by the unit that the name ends in.
fn words(name: &str, value: &str) -> (String, String) {
    let number = value.parse::<u64>().unwrap_or(0);
    let (stem, value) = if let Some(stem) = name.strip_suffix("_seconds") {
        (stem, span(number))
    } else if let Some(stem) = name.strip_suffix("_bytes") {
        (stem, format!("{:.1} GiB", number as f64 / f64::from(1 << 30)))
    } else if let Some(stem) = name.strip_suffix("_kib") {
        (stem, format!("{} MiB", number >> 10))
    } else if let Some(stem) = name.strip_suffix("_micros") {
        (stem, format!("{:.1} ms", number as f64 / 1000.0))
    } else {
        (name, value.to_owned())
    };
    (stem.replace('_', " "), value)
}

fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min {} s", seconds % 60),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::{object, words};

    const CHAPTER: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocol-spec/07-delivery.md"));

    /// The example in the chapter is what is printed, byte for byte.
    #[test]
    fn the_chapter_shows_the_object() {
        let lines = [
            ("up_seconds", "93784"),
            ("links", "41"),
            ("half_open", "0"),
            ("appended", "120933"),
            ("requests", "990211"),
            ("refused_too_fast", "0"),
            ("store", "working"),
            ("syncs", "60112"),
            ("last_sync_micros", "1500"),
            ("resident_kib", "73216"),
            ("documents", "212"),
            ("documents_damaged", "0"),
            ("incarnation", "12345678901234567890123456789012"),
            ("certificate_ends_in_seconds", "31017600"),
            ("clock_ahead_seconds", "7200"),
            ("disk_free_bytes", "1610612736"),
            ("settling_seconds", "540"),
            ("settling_conversations", "3"),
            ("entries_back", "17"),
            ("status_number", "1935652087250"),
            ("status_age_seconds", "3600"),
            ("status_lapses_in_seconds", "601200"),
        ];
        let lines: Vec<_> = lines.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let object = object(&lines).unwrap();
        assert!(CHAPTER.contains(&format!("```json\n{object}\n```")), "{object}");
    }

    #[test]
    fn values_are_shown_in_their_units() {
        let shown = |name, value| words(name, value).1;
        assert_eq!(words("up_seconds", "93784"), ("up".to_owned(), "1 d 2 h".to_owned()));
        assert_eq!(shown("status_age_seconds", "61"), "1 min 1 s");
        assert_eq!(shown("disk_free_bytes", "1610612736"), "1.5 GiB");
        assert_eq!(shown("last_sync_micros", "1500"), "1.5 ms");
        assert_eq!(shown("store", "working"), "working");
    }
}
