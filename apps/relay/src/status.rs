//! `amanat-relay status`.

use std::{io::Write as _, path::Path};

use amanat_relay_core::control;

use crate::{backup::not_asked, problem::Problem};

pub(crate) fn status(dir: &Path) -> Result<(), Problem> {
    let lines = control::ask_status(dir).map_err(|error| not_asked(dir, &error))?;
    let mut out = anstream::stdout().lock();
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
    use super::words;

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
