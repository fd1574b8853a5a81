//! A model of ordering (protocol-spec/05-conversation, sections 5, 7 and 8; 07-delivery, sections 3, 7 and 10), searched
//! without a gap within its bounds: two honest members, a hostile third device that is revoked, a hostile relay.
//!
//! What is checked stands in `model/invariants.rs`, named by rules; what the members keep in `model/rules.rs`; what relay and
//! third device can do in `model/relay.rs`. A scenario is a choice of who may do what and how often. `AMANAT_LONG=1` searches
//! larger ones. Each rule that can be taken away is: the search must then find a way to break an invariant, so that these can
//! fail; but for the one of what a removed device reads, which rests on MLS alone: a commit's secrets go to whom it leaves.
//!
//! Some powers of a hostile relay are searched apart: [`Power`]. `model/product.rs` shows what comes of each at the product's own
//! conversations.
//!
//! Left out: cryptography (a ciphertext is what it says), time (a receipt bears a commit out or not), chains and clearances,
//! roles, adding and being added again (who falls out stays out), several devices of a person, joiners, receipts between
//! members, expiry, restored relays and vaults put back, the relay's rosters and its tree of commits (the hostile relay keeps
//! no roster), the chaining of receipts (the relay chains its own), limits and rates. A hash has 64 bits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test
#![allow(clippy::print_stdout)] // states explored

#[path = "model/honest.rs"]
mod honest;
#[path = "model/invariants.rs"]
mod invariants;
#[path = "model/product.rs"]
mod product;
#[path = "model/relay.rs"]
mod relay;
#[path = "model/rules.rs"]
mod rules;
#[path = "model/world.rs"]
mod world;

use std::time::Instant;

use amanat_tests::extent::{bound, is_long};
use invariants::{
    AGREE, COPY, DROPPED, EVIDENCE, FELL_OUT, FORK, FORK_NOTICED, FORKED, GAP_NOTICED, GARBAGE, GETS_ON, ORDER, OWN,
    OWN_AGAIN, OWN_VOID, RACE, READ_BEHIND, REFUSED, REFUSED_KEPT, REMOVAL, REVOKED, SILENCED, STANDING,
    STORIES_NOTICED, TAKEN_ONCE, VOID_AGAIN,
};
use rules::Rule;
use stateright::{Checker as _, Expectation, Model as _};

/// What a hostile relay can do beside what it does in each search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Power {
    /// It signs two receipts for one commit at one place: one bears it out, the other does not, so that only one member has
    /// merged the commit. R, which covers receipts, tells them apart.
    TwoReceipts,
    /// It puts a commit that was void, and that its author has given up, into the log once more, with a receipt that bears it
    /// out. [CONV-89]
    RepeatVoid,
    /// It answers Refused to a commit, which its author then gives up, and puts it into the log. [CONV-90]
    RefuseAndStore,
}

/// What the hostile third device may do, and how often.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Third {
    acts: u8,
    garbage: bool,
    commits: bool,
    writes: bool,
}

/// Who may do what, and how often.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Bounds {
    /// Entries that a member takes in, behind the founding commit.
    log: u8,
    say: [u8; 2],
    say_again: [u8; 2],
    commits: [u8; 2],
    revoked: bool,
    third: Third,
    foreign: bool,
    repeats: bool,
}

/// A search.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Setting {
    bounds: Bounds,
    /// A rule that members do not keep.
    off: Option<Rule>,
    power: Option<Power>,
    /// What has to happen somewhere.
    happens: &'static [&'static str],
    /// This invariant alone.
    only: Option<&'static str>,
}

/// Commits of both members, one of them twice, with garbage of the third device between.
fn races() -> Setting {
    let third = Third { acts: 1, garbage: true, commits: is_long(), writes: false };
    let bounds = Bounds { log: 4, commits: [2, bound(1, 2)], third, ..Bounds::default() };
    Setting { bounds, happens: &[FORKED, OWN_VOID, RACE, GARBAGE], ..Setting::default() }
}

/// The same, smaller: for the powers of a relay.
fn small_races() -> Setting {
    let bounds =
        Bounds { log: bound(3, 4), commits: [bound(1, 2), 1], third: races().bounds.third, ..Bounds::default() };
    Setting { bounds, ..Setting::default() }
}

/// Messages of both around a commit, and an entry of another conversation.
fn forks() -> Setting {
    let bounds =
        Bounds { log: bound(3, 4), say: [1, 1], commits: [1, bound(0, 1)], foreign: true, ..Bounds::default() };
    Setting { bounds, happens: &[FORKED, FORK_NOTICED], ..Setting::default() }
}

/// Two contents of one member, one of them encrypted twice, everything repeated.
fn contents() -> Setting {
    let bounds = Bounds {
        log: bound(3, 4),
        say: [2, bound(0, 1)],
        say_again: [1, 0],
        commits: [0, 1],
        repeats: true,
        ..Bounds::default()
    };
    Setting { bounds, happens: &[GAP_NOTICED, TAKEN_ONCE, OWN_AGAIN], ..Setting::default() }
}

/// A third device that tells two stories.
fn stories() -> Setting {
    let third = Third { acts: bound(2, 3), garbage: false, commits: false, writes: true };
    let bounds = Bounds { log: 3, third, repeats: true, ..Bounds::default() };
    Setting { bounds, happens: &[GAP_NOTICED, STORIES_NOTICED], ..Setting::default() }
}

/// The third device is revoked, and goes on with commits.
fn revocation() -> Setting {
    let third = Third { acts: 1, garbage: false, commits: true, writes: false };
    let bounds = Bounds { log: bound(3, 4), commits: [1, 1], revoked: true, third, ..Bounds::default() };
    Setting { bounds, happens: &[REMOVAL], ..Setting::default() }
}

/// The third device is revoked, and goes on writing; so do the others.
fn silence() -> Setting {
    let third = Third { acts: 1, garbage: false, commits: false, writes: true };
    let bounds =
        Bounds { log: bound(3, 4), say: [1, 0], commits: [1, bound(0, 1)], revoked: true, third, ..Bounds::default() };
    Setting { bounds, happens: &[REMOVAL, READ_BEHIND, REFUSED], ..Setting::default() }
}

/// A commit that is withheld from one member, while the others go on.
fn withheld() -> Setting {
    let third = Third { acts: 1, garbage: false, commits: false, writes: true };
    let bounds = Bounds { log: bound(3, 4), say: [bound(1, 2), 0], commits: [1, 1], third, ..Bounds::default() };
    Setting { bounds, happens: &[FELL_OUT], ..Setting::default() }
}

/// Whether the search finds no way to break an invariant, and everything happens that has to.
fn holds(name: &str, setting: Setting) {
    let (begun, happens) = (Instant::now(), setting.happens);
    let checker = setting.checker().spawn_bfs().join();
    let (unique, depth) = (checker.unique_state_count(), checker.max_depth());
    println!("{name}: {unique} states, {depth} steps deep, {:.1} s", begun.elapsed().as_secs_f32());
    let found = checker.discoveries();
    for property in checker.model().properties() {
        let path = found.get(property.name).cloned();
        match (property.expectation, path) {
            (Expectation::Sometimes, None) => panic!("{name}: it never happens that {}", property.name),
            (Expectation::Always, Some(path)) => {
                panic!("{name}: broken: {}\n{:#?}", property.name, path.into_actions())
            }
            _ => {}
        }
    }
    assert!(happens.iter().all(|name| found.contains_key(name)), "{name}: a happening has another name");
}

/// Whether the search finds a way to break this invariant, and how.
fn breaks(name: &str, setting: Setting, only: &'static str) {
    let checker = Setting { only: Some(only), ..setting }.checker().spawn_bfs().join();
    let unique = checker.unique_state_count();
    let path = checker.discovery(only).unwrap_or_else(|| panic!("{name}: nothing breaks {only} in {unique} states"));
    println!("{name}: {only}: broken after {unique} states by {:?}", path.into_actions());
}

#[test]
fn commits_race_and_garbage_stops_nobody() {
    holds("races", races());
}

#[test]
fn a_fork_is_noticed() {
    holds("forks", forks());
}

#[test]
fn contents_are_taken_once_and_missing_ones_noticed() {
    holds("contents", contents());
}

#[test]
fn a_third_device_that_tells_two_stories_is_noticed() {
    holds("stories", stories());
}

#[test]
fn who_is_revoked_is_removed_whatever_it_commits() {
    holds("revocation", revocation());
}

#[test]
fn who_is_revoked_reads_and_says_nothing_more() {
    holds("silence", silence());
}

#[test]
fn what_is_withheld_parts_nobody_silently() {
    holds("withheld", withheld());
}

#[test]
fn each_rule_is_needed() {
    for (rule, setting, invariant) in [
        (Rule::SilentBesideRevoked, silence(), REVOKED),
        (Rule::StatusMonotonic, revocation(), STANDING),
        (Rule::AsOfTheCommit, revocation(), AGREE),
        (Rule::AsOfTheCommit, revocation(), EVIDENCE),
        (Rule::RemovedIsRefused, silence(), SILENCED),
        (Rule::MergedWhenFound, races(), AGREE),
        (Rule::ConflictEndsNothing, races(), OWN),
        (Rule::LoserGivesUp, races(), AGREE),
        (Rule::RefusedIsSeen, races(), GETS_ON),
        (Rule::Counters, contents(), DROPPED),
        (Rule::Counters, contents(), ORDER),
        (Rule::RunningCompared, forks(), FORK),
        (Rule::RefusedEntersR, forks(), FORK),
        (Rule::ReceiptEntersR, two_receipts(forks()), FORK),
        (Rule::ReceiptEntersR, two_receipts(small_races()), AGREE),
        (Rule::ReceiptEntersR, two_receipts(small_races()), GETS_ON),
        (Rule::OwnIsKnown, contents(), COPY),
    ] {
        breaks(&format!("without {rule:?}"), Setting { off: Some(rule), ..setting }, invariant);
    }
}

/// The same at a relay that signs two receipts for one commit.
fn two_receipts(setting: Setting) -> Setting {
    Setting { power: Some(Power::TwoReceipts), happens: &[], ..setting }
}

#[test]
fn two_receipts_for_one_commit_are_two_logs() {
    holds("two receipts", two_receipts(forks()));
    holds("two receipts, races", two_receipts(small_races()));
}

/// [CONV-89]
#[test]
fn a_void_commit_that_is_repeated_is_void_for_all() {
    let repeats = Setting { power: Some(Power::RepeatVoid), happens: &[VOID_AGAIN], ..small_races() };
    holds("void and repeated", repeats);
    for invariant in [EVIDENCE, OWN, COPY] {
        breaks("void and repeated", Setting { off: Some(Rule::VoidForGood), ..repeats }, invariant);
    }
}

/// [CONV-90]
#[test]
fn a_commit_that_is_refused_and_stored_is_merged_by_all() {
    let refuses = Setting { power: Some(Power::RefuseAndStore), happens: &[REFUSED_KEPT], ..small_races() };
    let bounds = Bounds { log: 3, commits: [2, 1], ..refuses.bounds };
    let refuses = Setting { bounds, ..refuses };
    holds("refused and stored", refuses);
    for invariant in [EVIDENCE, OWN, COPY] {
        breaks("refused and stored", Setting { off: Some(Rule::RefusedIsKnown), ..refuses }, invariant);
    }
}
