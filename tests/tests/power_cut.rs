//! Power cuts, a full disk, a failed sync and a read-only folder (protocol-spec/07-delivery, section 10: crash,
//! power cut): what was acknowledged is there afterwards.
//!
//! `power-cut/shim.c`, built here with `cc`, is preloaded into a writer: this test's own executable, run again. It
//! keeps a shadow of the writer's folder that holds only what was synced. The writer prints a line for each thing that
//! was acknowledged to it. At a random moment it is killed, the shadow is laid out as the disk that a power cut leaves
//! behind, the store is opened from there, and every line printed must be true. Then the next writer goes on from it.
//!
//! Every second cut is *torn*: of what was written and not synced, a random half of the 512-byte sectors survives, and
//! of the names made or removed and not synced, a random half. Ten cuts by default, a hundred with `AMANAT_LONG=1`.
//!
//! That the test can see a missing sync is shown by the last tests: the same writer, whose syncs are ignored.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test's own functions count as tests"
)]

#[path = "power_cut/disk.rs"]
mod disk;
#[path = "power_cut/turner.rs"]
mod turner;
#[path = "power_cut/writer.rs"]
mod writer;

use std::time::Duration;

use amanat_store::Health;

use self::{
    disk::{Bench, Cut, Random},
    writer::{Job, Truth},
};

/// The entry of the writer's process; in a plain run of the tests it has nothing to do.
#[test]
fn the_writer() {
    if let Ok(job) = std::env::var("CUT_JOB") {
        writer::run(&job);
    }
}

// [DELIV-01]
#[test]
fn nothing_acknowledged_is_lost_in_a_power_cut() {
    let cuts = if std::env::var("AMANAT_LONG").is_ok_and(|long| long == "1") { 100 } else { 10 };
    let mut random = Random::new();
    let mut bench = Bench::new();
    let mut truth = Truth::default();
    let mut acknowledged = 0;
    for number in 0..cuts {
        // From time to time a new disk, so that looking through it does not take longer and longer.
        if number % 10 == 0 {
            acknowledged += truth.len();
            (bench, truth) = (Bench::new(), Truth::default());
        }
        let cut = if number % 2 == 0 { Cut::Clean } else { Cut::Torn };
        let lines = bench.write(Job::Write(number), &[], Some(Duration::from_millis(50 + random.below(500))));
        truth.add(&lines);
        bench.lose_power(cut, &mut random);
        let missing = truth.check(&bench.live().join("store"), number);
        assert!(missing.is_empty(), "cut {number} ({cut:?}, seed {}): lost {missing:?}", random.seed);
    }
    acknowledged += truth.len();
    assert!(acknowledged > 20 * cuts as usize, "the writers got something done: {acknowledged}");
    println!("{cuts} cuts, {acknowledged} acknowledgements, none lost");
}

// [DELIV-170]
#[test]
fn keys_turn_through_power_cuts() {
    let cuts = if std::env::var("AMANAT_LONG").is_ok_and(|long| long == "1") { 100 } else { 10 };
    let mut random = Random::new();
    let mut bench = Bench::new();
    let mut turns = 0;
    for number in 0..cuts {
        let cut = if number % 2 == 0 { Cut::Clean } else { Cut::Torn };
        let lines = bench.write(Job::Turn, &[], Some(Duration::from_millis(20 + random.below(200))));
        let last = lines.last().and_then(|line| line.strip_prefix("turned ")).map_or(0, |turn| turn.parse().unwrap());
        bench.lose_power(cut, &mut random);
        println!("cut {number} ({cut:?}, seed {}) after turn {last}", random.seed);
        turns = turner::check(&bench.live().join("store"), last);
    }
    assert!(turns > 2 * cuts, "the writers got something done: {turns}");
}

/// Without our syncs of the database, with sled's own left: what was acknowledged since sled's last one is lost.
#[test]
fn without_our_syncs_it_is_lost() {
    let lost = lost_in_cuts(3, &[("CUT_IGNORE_THREAD", "store writer")]);
    assert!(lost > 0, "the test does not see that syncs are missing");
}

/// With no sync of the database file at all, only `sync_file_range`.
#[test]
fn without_any_sync_of_the_database_all_is_lost() {
    let lost = lost_in_cuts(1, &[("CUT_IGNORE_FILE", "db")]);
    assert!(lost > 0, "the test does not see that syncs are missing");
}

fn lost_in_cuts(cuts: u32, faults: &[(&str, &str)]) -> usize {
    let mut random = Random::new();
    let mut lost = 0;
    for number in 0..cuts {
        let mut bench = Bench::new();
        let mut truth = Truth::default();
        let lines = bench.write(Job::Write(number), faults, Some(Duration::from_millis(300 + random.below(300))));
        truth.add(&lines);
        assert!(truth.len() > 10, "something was acknowledged");
        bench.lose_power(Cut::Clean, &mut random);
        lost += truth.check(&bench.live().join("store"), number).len();
    }
    lost
}

/// A disk that fills up in the middle of a write: a clear refusal, and all that was acknowledged is there when the
/// store is opened again; it works on.
#[test]
fn a_full_disk_loses_nothing() {
    let mut random = Random::new();
    for number in 0..3 {
        let mut bench = Bench::new();
        let mut truth = Truth::default();
        let room = (300_000 + random.below(3_000_000)).to_string();
        let lines = bench.write(Job::Write(number), &[("CUT_FULL_AFTER", &room)], None);
        assert!(lines.iter().any(|line| line == "stopped full"), "{:?}", lines.last());
        truth.add(&lines);
        let missing = truth.check(&bench.live().join("store"), number);
        assert!(missing.is_empty(), "lost {missing:?} on a full disk (seed {})", random.seed);
    }
}

/// [DELIV-03] A sync that fails shuts the store: nobody is told *accepted*, and it is never tried again.
#[test]
fn a_failed_sync_shuts_the_store() {
    let mut bench = Bench::new();
    let lines = bench.write(Job::Write(0), &[("CUT_SYNC_FAILS", "20"), ("CUT_SYNC_THREAD", "store writer")], None);
    assert!(lines.iter().any(|line| line == "stopped fatal"), "{:?}", lines.last());
    assert!(lines.contains(&format!("health {:?}", Health::Failed)), "{lines:?}");
    assert!(!bench.shadow().join("synced-again").exists(), "the store synced again after a failed sync");
}

#[test]
fn a_read_only_folder_is_said_to_be_one() {
    let mut bench = Bench::new();
    assert_eq!(bench.write(Job::Open, &[("CUT_READ_ONLY", "1")], None), ["open ReadOnly"], "a new store");
    assert_eq!(bench.write(Job::Open, &[], None), ["open works"]);
    assert_eq!(bench.write(Job::Open, &[("CUT_READ_ONLY", "1")], None), ["open ReadOnly"], "one that is there");
    assert_eq!(bench.write(Job::Open, &[], None), ["open works"]);
}
