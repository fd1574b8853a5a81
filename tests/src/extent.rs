//! How far a test goes, and with which seed (tests/README.md): what the environment says of it.

use std::ops::Range;

use rand_core::{OsRng, RngCore as _};

/// More rounds and larger bounds, as `AMANAT_LONG=1` says.
#[must_use]
pub fn is_long() -> bool {
    std::env::var_os("AMANAT_LONG").is_some_and(|value| value == "1")
}

/// One of two bounds, by how long the test may take.
pub fn bound<T>(short: T, long: T) -> T {
    if is_long() { long } else { short }
}

/// As `AMANAT_SEED` says, or drawn.
///
/// # Panics
/// If it is no number.
#[must_use]
pub fn seed() -> u64 {
    std::env::var("AMANAT_SEED").map_or_else(|_| OsRng.next_u64(), |named| number(&named))
}

/// Those that `AMANAT_SEED` names, as `N` or `N..M`, or the first `short` or `long` ones.
///
/// # Panics
/// If it is neither.
#[must_use]
pub fn seeds(short: u64, long: u64) -> Range<u64> {
    match std::env::var("AMANAT_SEED") {
        Ok(named) => match named.split_once("..") {
            Some((first, end)) => number(first)..number(end),
            None => number(&named)..number(&named) + 1,
        },
        Err(_) => 0..bound(short, long),
    }
}

fn number(text: &str) -> u64 {
    text.parse().expect("AMANAT_SEED is a number, or for several seeds N..M")
}
