//! Real engines, and a relay in somebody else's hands (protocol-spec/10-threat-model, section 3): each class of what it can
//! do, many times over. The chapter's table says what must come of it and by when; this reads the table, and fails where a
//! class has no test, a test no class, or something else comes out. A seed says which attack and which traffic; engines run
//! in real time, with the system's randomness, so that a seed that failed fails again mostly, and not always.
//!
//! 20 seeds a class by default, 1,000 with `AMANAT_LONG=1`, others with `AMANAT_SEED=N` or `AMANAT_SEED=N..M`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test's own functions count as tests"
)]

#[path = "hostile_relay/documents.rs"]
mod documents;
#[path = "hostile_relay/flips.rs"]
mod flips;
#[path = "hostile_relay/floods.rs"]
mod floods;
#[path = "hostile_relay/forgery.rs"]
mod forgery;
#[path = "hostile_relay/forks.rs"]
mod forks;
#[path = "hostile_relay/honest.rs"]
mod honest;
#[path = "hostile_relay/link.rs"]
mod link;
#[path = "hostile_relay/logs.rs"]
mod logs;
#[path = "hostile_relay/loss.rs"]
mod loss;
#[path = "hostile_relay/newcomers.rs"]
mod newcomers;
#[path = "hostile_relay/order.rs"]
mod order;
#[path = "hostile_relay/relay.rs"]
mod relay;
#[path = "hostile_relay/repeats.rs"]
mod repeats;
#[path = "hostile_relay/seed.rs"]
mod seed;
#[path = "hostile_relay/service.rs"]
mod service;
#[path = "hostile_relay/staff.rs"]
mod staff;
#[path = "hostile_relay/table.rs"]
mod table;

use std::collections::BTreeSet;

use amanat_tests::extent::seeds;
use staff::Staff;

/// What has come of an attack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// What was seen by when, the moments as the table names them and in their order: kinds of alarms; or `refused`,
    /// `nothing lost`, `delayed and healed`, `frozen`. The last one is the outcome.
    pub(crate) moments: Vec<(&'static str, BTreeSet<String>)>,
    /// What became of the conversation.
    pub(crate) then: &'static str,
}

impl Seen {
    /// It was shown so.
    pub(crate) fn shown(kinds: BTreeSet<String>, by: &'static str, then: &'static str) -> Self {
        Self { moments: vec![(by, kinds)], then }
    }

    /// One of the outcomes that are no alarm.
    pub(crate) fn plain(outcome: &str, by: &'static str, then: &'static str) -> Self {
        Self::shown(BTreeSet::from([outcome.to_owned()]), by, then)
    }

    /// This was shown before.
    pub(crate) fn after(mut self, kinds: BTreeSet<String>, by: &'static str) -> Self {
        self.moments.insert(0, (by, kinds));
        self
    }
}

/// Seeds of an office, after which another one begins. A client whose link ends again and again waits longer each time, and
/// a device whose KeyPackages are handed out has a hundred, and makes new ones once a minute.
fn seeds_of_an_office(class: &str) -> u64 {
    match class {
        "forged receipt" | "forged time" | "rolled-back state" | "rolled back and gone on with" => 3,
        "acknowledged but not stored" | "withheld commit" | "forked epochs" | "two receipts" => 5,
        "flood small" | "flood huge" => 10,
        _ => 25,
    }
}

/// Seeds of a class, in which each alternative of its outcome has to come.
const SEEDS: u64 = 20;

/// Says which run has failed.
struct Failing<'a> {
    test: &'a str,
    seed: u64,
}

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { test, seed } = self;
            eprintln!("again: AMANAT_SEED={seed} cargo test -p amanat-tests --test hostile_relay {test}");
        }
    }
}

/// All seeds of a class, against what the chapter says of it.
fn run(class: &str, test: &str, attack: impl AsyncFn(&Staff, u64) -> Seen) {
    if class.starts_with("flood") && floods::ran_alone(test) {
        return;
    }
    let rows = table::classes();
    let row = rows.get(class).unwrap_or_else(|| panic!("the chapter says nothing of `{class}`"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut tally = table::Tally::default();
    let seeds = seeds(SEEDS, 1_000);
    let enough = seeds.end - seeds.start >= SEEDS;
    runtime.block_on(async {
        let mut staff = None;
        for seed in seeds {
            let _failing = Failing { test, seed };
            if staff.is_none() || seed.is_multiple_of(seeds_of_an_office(class)) {
                staff = Some(Staff::gather().await);
            }
            let staff = staff.as_ref().unwrap();
            let seen = attack(staff, seed).await;
            staff.foe.be_honest();
            tally.count(row, &seen);
        }
    });
    eprintln!("{class}: {tally}");
    if enough {
        tally.all_came(row);
    }
    runtime.shutdown_background();
}

macro_rules! classes {
    ($($class:literal => $module:ident :: $name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                run($class, stringify!($name), $module::$name);
            }
        )*

        /// The classes that have a test.
        const TESTED: &[&str] = &[$($class),*];
    };
}

classes! {
    "drop one" => loss::drop_one,
    "drop a sender's" => loss::drop_a_senders,
    "drop the tail" => loss::drop_the_tail,
    "acknowledged but not stored" => loss::acknowledged_but_not_stored,
    "withheld commit" => loss::withheld_commit,
    "withheld removal" => loss::withheld_removal,
    "withheld as expired" => forgery::withheld_as_expired,
    "refused but stored" => repeats::refused_and_stored,
    "void and repeated" => repeats::void_and_repeated,
    "replay" => order::replay,
    "duplicate" => order::duplicate,
    "reorder within tolerance" => order::reorder_within,
    "reorder beyond tolerance" => order::reorder_beyond,
    "delay across epochs" => order::delay_across_epochs,
    "redirect" => order::redirect,
    "bit flip in a message" => flips::of_a_message,
    "bit flip in a commit" => flips::of_a_commit,
    "bit flip in a Welcome" => flips::of_a_welcome,
    "truncated tag" => forgery::truncated_tag,
    "empty tag" => forgery::empty_tag,
    "forged receipt" => forgery::forged_receipt,
    "receipt out of its chain" => forgery::receipt_out_of_its_chain,
    "two receipts" => forgery::two_receipts,
    "forged time" => forgery::forged_time,
    "withheld from a newcomer" => newcomers::withheld_from_newcomer,
    "ghost device in the roster" => newcomers::ghost_device,
    "ghost leaf in a commit" => newcomers::ghost_leaf,
    "forged KeyPackage" => newcomers::forged_key_package,
    "expired KeyPackage" => newcomers::expired_key_package,
    "reused KeyPackage" => newcomers::reused_key_package,
    "exhausted KeyPackages" => newcomers::exhausted_key_packages,
    "another suite" => newcomers::another_suite,
    "old Welcome" => newcomers::old_welcome,
    "TLS downgrade" => link::tls_downgrade,
    "Noise downgrade" => link::noise_downgrade,
    "forked epochs" => forks::forked_epochs,
    "rolled-back state" => forks::rolled_back,
    "rolled back and gone on with" => forks::rolled_back_and_gone_on,
    "segments swapped" => documents::swapped,
    "segments cut" => documents::cut,
    "segments repeated" => documents::repeated,
    "flood small" => floods::small,
    "flood huge" => floods::huge,
}

#[test]
fn every_class_of_the_chapter_has_a_test_and_the_other_way_round() {
    let said: BTreeSet<String> = table::classes().into_keys().collect();
    let tested: BTreeSet<String> = TESTED.iter().map(|class| (*class).to_owned()).collect();
    assert_eq!(said, tested);
}
