//! A relay and four to six real engines in one thread and in virtual time, under whatever a seed says: lines that part, are
//! slow or are cut, clocks that are wrong, disks that are full, relay and clients that stop at any moment, while people talk
//! and change who is in a conversation. In the end the world is healed, and everything must agree (`agreement`).
//!
//! A seed replays the same, in another process too: what happens is recorded with its virtual time (`trace`), and the
//! record is the same. What makes that so stands in the product's hands under the feature `test-util` of its crates: choices
//! and waking are in a fixed order; random numbers, clocks and the network are given to the engine; on a thread that has
//! entered a simulation (`amanat_store::simulated`) a store writes within the call, and nothing runs on other threads. What
//! OpenMLS, TLS and Noise draw by themselves, and the vault's nonces, is not the seed's: it decides nothing, and no line of the
//! record has it.
//!
//! Simulated: the relay and its store, engines and vaults, joining, TLS and Noise, messages, receipts, changes of members and
//! roles, renewals of keys, 1:1s and groups that are opened in the middle of it; parted, cut and slow lines, clocks that are
//! wrong by up to 40 minutes, restarts and crashes of either side, disks that are full. Not: documents, several devices of a
//! person, revocations, lifetimes, a relay that is restored or hostile, batches torn in the middle (`torn` and `power_cut` do
//! that), more than one thread.
//!
//! 24 seeds by default, 1,000 with `AMANAT_LONG=1`, others with `AMANAT_SEED=N` or `N..M`; `AMANAT_FOLLOW=1` prints the record.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test's own functions count as tests"
)]

#[path = "simulation/agreement.rs"]
mod agreement;
#[path = "simulation/draw.rs"]
mod draw;
#[path = "simulation/machine.rs"]
mod machine;
#[path = "simulation/network.rs"]
mod network;
#[path = "simulation/schedule.rs"]
mod schedule;
#[path = "simulation/trace.rs"]
mod trace;
#[path = "simulation/waiting.rs"]
mod waiting;
#[path = "simulation/world.rs"]
mod world;

use std::process::Command;

use amanat_store::simulated;
use amanat_tests::extent::seeds;

use self::{
    schedule::Schedule,
    trace::{Trace, digest},
    world::World,
};

/// Says which run has failed.
struct Failing(u64);

impl Drop for Failing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("again: AMANAT_SEED={} cargo test -p amanat-tests --test simulation everything", self.0);
        }
    }
}

/// Runs a seed from its beginning to its end. Gives the record.
fn run(seed: u64) -> Vec<String> {
    let _failing = Failing(seed);
    let _simulated = simulated::enter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let trace = Trace::begin();
        let mut world = World::found(seed, trace.clone()).await;
        Schedule::of(seed).run(&mut world).await;
        agreement::heal(&mut world).await;
        agreement::check(&mut world).await;
        world.relay.stop(std::iter::empty()).await;
        trace.lines()
    })
}

#[test]
fn everything_agrees_when_the_world_is_healed() {
    for seed in seeds(24, 1_000) {
        let begun = std::time::Instant::now();
        let lines = run(seed);
        println!("seed {seed}: {} lines, {} in {:?}", lines.len(), digest(&lines), begun.elapsed());
    }
}

/// Seeds in which somebody was warned without a reason, or of which the tests asked too much: frames of before a newcomer was
/// added [CONV-24], an appointment that waited too long [CONV-92], a receipt that its author could not find again [CONV-93].
#[test]
fn what_was_found_is_not_found_again() {
    for seed in [62, 189, 348, 350, 663, 665] {
        run(seed);
    }
}

/// The first line in which two records differ.
fn differ(one: &[String], other: &[String]) -> Option<String> {
    let at = (0..one.len().max(other.len())).find(|at| one.get(*at) != other.get(*at))?;
    Some(format!("line {at}: {:?} and {:?}", one.get(at), other.get(at)))
}

#[test]
fn a_seed_replays_the_same() {
    let seed = seeds(24, 1_000).start;
    let (once, twice) = (run(seed), run(seed));
    assert_eq!(differ(&once, &twice), None, "seed {seed} does not replay");
    // Or the record would say nothing.
    assert_ne!(digest(&once), digest(&run(seed + 1)));
    // In a process of its own, with random keys of its own for every hash map.
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "everything_agrees_when_the_world_is_healed", "--nocapture"])
        .env("AMANAT_SEED", seed.to_string())
        .env_remove("AMANAT_FOLLOW")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&other.stdout);
    assert!(said.contains(&digest(&once)), "another process runs seed {seed} otherwise: {said}");
}
