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
//! Cut in the same way: documents at the relay, and a client with its vault, its transfers and its part files, whose relay
//! keeps its power. That the tests can see a missing sync is shown by the same writers, whose syncs are ignored.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test's own functions count as tests"
)]

#[path = "power_cut/client.rs"]
mod client;
#[path = "power_cut/disk.rs"]
mod disk;
#[path = "power_cut/documents.rs"]
mod documents;
#[path = "power_cut/programs.rs"]
mod programs;
#[path = "power_cut/turner.rs"]
mod turner;
#[path = "power_cut/writer.rs"]
mod writer;

use std::time::Duration;

use amanat_store::Health;
use amanat_tests::extent::bound;

use self::{
    client::{Office, Told},
    disk::{Bench, Cut, Random},
    documents::Documents,
    writer::{Job, Truth},
};

/// The entry of the writer's process; in a plain run of the tests it has nothing to do.
#[test]
fn the_writer() {
    if let Ok(job) = std::env::var("CUT_JOB") {
        writer::run(&job);
    }
}

/// How many cuts.
fn cuts() -> u32 {
    bound(10, 100)
}

/// Every second one is torn.
fn kind(number: u32) -> Cut {
    if number.is_multiple_of(2) { Cut::Clean } else { Cut::Torn }
}

// [DELIV-01]
#[test]
fn nothing_acknowledged_is_lost_in_a_power_cut() {
    let cuts = cuts();
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
        let cut = kind(number);
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
    let cuts = cuts();
    let mut random = Random::new();
    let mut bench = Bench::new();
    let mut turns = 0;
    for number in 0..cuts {
        let cut = kind(number);
        let life = Duration::from_millis(20 + random.below(200));
        let (last, found) = turns_before_a_cut(&mut bench, life, &[], cut, &mut random);
        println!("cut {number} ({cut:?}, seed {}) after turn {last}", random.seed);
        turns = found.unwrap();
    }
    assert!(turns > 2 * u64::from(cuts), "the writers got something done: {turns}");
}

/// [DELIV-170] Without the syncs of the slots the key that is named is not there; without those of the database the turn is not.
#[test]
fn without_our_syncs_keys_are_lost() {
    let mut random = Random::new();
    for (fault, lost) in [
        (("CUT_IGNORE_FILE", "slots"), "is not in its slot"),
        (("CUT_IGNORE_THREAD", "table writer"), "was acknowledged"),
    ] {
        let mut bench = Bench::new();
        let life = Duration::from_millis(300);
        let (before, sound) = turns_before_a_cut(&mut bench, life, &[], Cut::Clean, &mut random);
        assert!(before > 0 && sound.is_ok(), "{before} {sound:?}");
        let (after, found) = turns_before_a_cut(&mut bench, life, &[fault], Cut::Clean, &mut random);
        assert!(after > before, "keys were turned: {after}");
        assert!(found.as_ref().is_err_and(|found| found.contains(lost)), "nobody sees that {fault:?}: {found:?}");
    }
}

/// One life of a writer that turns keys. Gives the last turn that was acknowledged, and what is left of it.
fn turns_before_a_cut(
    bench: &mut Bench,
    life: Duration,
    faults: &[(&str, &str)],
    cut: Cut,
    random: &mut Random,
) -> (u64, Result<u64, String>) {
    let lines = bench.write(Job::Turn, faults, Some(life));
    let last = lines.last().and_then(|line| line.strip_prefix("turned ")).map_or(0, |turn| turn.parse().unwrap());
    bench.lose_power(cut, random);
    (last, turner::check(&bench.live().join("store"), last))
}

// [DELIV-20]
#[test]
fn documents_at_the_relay_survive_power_cuts() {
    let mut random = Random::new();
    let mut bench = Bench::new();
    let mut told = Documents::default();
    let mut acknowledged = 0;
    for number in 0..cuts() {
        if number % 10 == 0 {
            acknowledged += told.count;
            (bench, told) = (Bench::new(), Documents::default());
        }
        let cut = kind(number);
        let life = Duration::from_millis(50 + random.below(400));
        told.add(&bench.write(Job::Documents(number), &[], Some(life)));
        bench.lose_power(cut, &mut random);
        let wrong = told.check(&bench.live().join("store"));
        assert!(wrong.is_empty(), "cut {number} ({cut:?}, seed {}): {wrong:#?}", random.seed);
    }
    acknowledged += told.count;
    assert!(acknowledged > 5 * cuts() as usize, "the writers got something done: {acknowledged}");
    println!("{} cuts, {acknowledged} acknowledgements, none lost", cuts());
}

/// Without the syncs of segments, of indexes, or of the folders, what was said of documents is not true.
#[test]
fn without_our_syncs_documents_are_lost() {
    let mut random = Random::new();
    for ignored in ["*.part", "*.index", "[0-9a-f][0-9a-f]"] {
        let mut bench = Bench::new();
        let mut told = Documents::default();
        let life = Duration::from_millis(300 + random.below(200));
        told.add(&bench.write(Job::Documents(0), &[("CUT_IGNORE_FILE", ignored)], Some(life)));
        bench.lose_power(Cut::Clean, &mut random);
        assert!(!told.check(&bench.live().join("store")).is_empty(), "nobody sees that {ignored} is not synced");
    }
}

/// [DELIV-03] [DELIV-20] A sync of a document that fails shuts the store of documents. It is not tried again, at the end
/// neither, and nothing counts that it was to make durable.
#[test]
fn a_failed_sync_of_a_document_is_not_tried_again() {
    let mut random = Random::new();
    for (file, nth) in [("*.part", 2), ("*.index", 3), ("*.new", 2), ("[0-9a-f][0-9a-f]/", 4)] {
        let mut bench = Bench::new();
        let mut told = Documents::default();
        let nth = (nth + random.below(8)).to_string();
        let lines = bench.write(Job::Documents(0), &[("CUT_SYNC_FAILS", &nth), ("CUT_SYNC_FILE", file)], None);
        assert!(lines.iter().any(|line| line == "stopped Fatal"), "{file}: {lines:?}");
        assert!(lines.iter().any(|line| line == "flushed Err(Fatal)"), "{file}: {lines:?}");
        assert!(!bench.shadow().join("synced-again").exists(), "{file} was synced again after a failed sync");
        told.add(&lines);
        bench.lose_power(Cut::Clean, &mut random);
        let wrong = told.check(&bench.live().join("store"));
        assert!(wrong.is_empty(), "{file} (the {nth}th, seed {}): {wrong:#?}", random.seed);
    }
}

// [DELIV-01] [DELIV-88] [DELIV-228] [DELIV-231]
#[tokio::test(flavor = "multi_thread")]
async fn a_client_keeps_what_it_was_told_through_power_cuts() {
    let lost = client_cuts(cuts(), None, &[]).await;
    assert_eq!(lost, [""; 0]);
}

// [DOC-10] [DOC-16] [DOC-17]
#[tokio::test(flavor = "multi_thread")]
async fn a_clients_documents_survive_power_cuts() {
    let lost = client_cuts(cuts(), Some(20 << 20), &[]).await;
    assert_eq!(lost, [""; 0]);
}

/// The same clients, of whose syncs those do nothing by which we make the vault durable, or those of part files. The vault's
/// database has syncs of its own library left: where such a one came last, nothing is lost, and another life has to show it.
#[tokio::test(flavor = "multi_thread")]
async fn without_our_syncs_a_client_loses_it() {
    let mut seen = false;
    for _ in 0..5 {
        // A profile of which more is missing than the check can list stops the check.
        let cut = tokio::spawn(client_cuts(1, None, &[("CUT_IGNORE_THREAD", "table writer")])).await;
        println!("{cut:?}");
        seen = cut.map_or_else(|stopped| stopped.is_panic(), |lost| !lost.is_empty());
        if seen {
            break;
        }
    }
    assert!(seen, "nobody sees that the vault is not synced");
    let lost = client_cuts(1, Some(2 << 20), &[("CUT_IGNORE_FILE", "*.part")]).await;
    assert!(lost.iter().any(|line| line.contains("not what was sent")), "part files are not synced: {lost:?}");
}

/// [DELIV-03] [DELIV-182] A client of whose vault a sync fails, of the database or of the keys that are shredded, ends; it
/// syncs nothing again, and what it was told is true when the disk is sound again.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_vault_fails_ends() {
    let mut random = Random::new();
    let mut bench = Bench::new();
    let office = Office::new(&bench.live()).await;
    let mut told = Told::default();
    office.secretary_syncs(&bench.live(), &mut told).await;
    for (number, (file, thread)) in (0..).zip([("db", "table writer"), ("slots", "engine"), ("slots", "engine")]) {
        let nth = (1 + random.below(12)).to_string();
        let words = told.next(&office, None);
        let faults = [("CUT_SYNC_FILE", file), ("CUT_SYNC_THREAD", thread), ("CUT_SYNC_FAILS", &nth)];
        let words: Vec<_> = words.iter().map(|(name, value)| (*name, value.as_str())).chain(faults).collect();
        let lines = tokio::task::block_in_place(|| bench.write(Job::Client(number), &words, None));
        let (ends, lines): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.starts_with("stopped"));
        let what = format!("the {nth}th sync of {file}, seed {}", random.seed);
        assert_eq!(ends.len(), 1, "{what}: {ends:?} {lines:?}");
        assert!(!bench.shadow().join("synced-again").exists(), "{what}: synced again after a failed sync");
        told.add(&lines);
        bench.lose_power(Cut::Clean, &mut random);
        let wrong = told.check(&bench.live(), &office, None).await;
        assert_eq!(wrong, [""; 0], "{what}");
    }
    office.agree(&bench.live(), &mut told, None).await;
}

/// Lives of a client, each ended by a cut. Gives what was lost, of the first cut that lost something.
async fn client_cuts(cuts: u32, size: Option<usize>, faults: &[(&str, &str)]) -> Vec<String> {
    let mut random = Random::new();
    let mut bench = Bench::new();
    let mut office = Office::new(&bench.live()).await;
    let mut told = Told::default();
    let load = match size {
        Some(size) => Some(office.load(size).await),
        None => None,
    };
    office.secretary_syncs(&bench.live(), &mut told).await;
    for number in 0..cuts {
        let cut = if cuts == 1 { Cut::Clean } else { kind(number) };
        if load.is_none() {
            office.director_writes(5).await;
        }
        let words = told.next(&office, load.as_ref());
        let words = words.iter().map(|(name, value)| (*name, value.as_str()));
        let words: Vec<_> = words.chain(faults.iter().copied()).collect();
        let (shortest, longest) = if load.is_some() { (200, 1_800) } else { (50, 450) };
        let life = Duration::from_millis(shortest + random.below(longest - shortest));
        let life = if cuts == 1 { Duration::from_secs(2) } else { life };
        let lines = tokio::task::block_in_place(|| bench.write(Job::Client(number), &words, Some(life)));
        told.add(&lines);
        bench.lose_power(cut, &mut random);
        let wrong = told.check(&bench.live(), &office, load.as_ref()).await;
        if !wrong.is_empty() {
            return [vec![format!("cut {number} ({cut:?}, seed {})", random.seed)], wrong].concat();
        }
    }
    println!("{cuts} cuts, {} acknowledgements, none lost", told.count);
    // A document takes long on a slow machine.
    let least = if load.is_some() { cuts / 2 } else { 2 * cuts };
    assert!(told.count > least as usize, "the client got something done: {}", told.count);
    office.agree(&bench.live(), &mut told, load.as_ref()).await;
    Vec::new()
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

/// [DELIV-08] A disk that fills up in the middle of a write, which sled does not tell whoever waits for it: a clear
/// refusal, and all that was acknowledged is there when the store is opened again; it works on.
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
