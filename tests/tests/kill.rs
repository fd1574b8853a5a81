//! SIGKILL at random moments (protocol-spec/07-delivery, section 12): the relay under load, and clients in the middle of
//! their work. What was promised is there afterwards, once and in its order, and nobody is shown anything twice.
//!
//! Ten kills of each kind by default, a hundred with `AMANAT_LONG=1`. The moments are random; what must hold is not. A test
//! that fails prints its seed: with `AMANAT_SEED=N` it draws the same moments.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test's own functions count as tests"
)]

#[path = "kill/client.rs"]
mod client;
#[path = "kill/command.rs"]
mod command;
#[path = "kill/documents.rs"]
mod documents;
#[path = "kill/relay.rs"]
mod relay;
#[path = "kill/talker.rs"]
mod talker;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use amanat_client::api::{MessageBody, MessageView};
use amanat_tests::{
    Person,
    extent::{self, bound},
    programs::Invocation,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};

/// How many kills.
fn rounds() -> usize {
    bound(10, 100)
}

/// Syncs; longer than a minute is a failure.
async fn sync(person: &Person) {
    let synced = tokio::time::timeout(Duration::from_secs(60), person.sync()).await;
    synced.unwrap_or_else(|_| panic!("{}: sync does not end", person.handle));
}

/// The moments of a test's kills. The seed fixes what is drawn: how much must have been done before each kill, and how long it
/// then waits, in microseconds or as a part of the time that the work took when it was left alone. It does not fix how far the
/// programs have come by then: that is up to the machine. So the same seed cuts at about the same places, and no more.
struct Moments {
    seed: u64,
    random: ChaCha20Rng,
}

impl Moments {
    /// As `AMANAT_SEED` says, or drawn.
    fn new() -> Self {
        let seed = extent::seed();
        Self { seed, random: ChaCha20Rng::seed_from_u64(seed) }
    }

    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.random.next_u64() % bound
    }

    /// A part of a span.
    fn within(&mut self, span: Duration) -> Duration {
        span.mul_f64(f64::from(self.random.next_u32()) / f64::from(u32::MAX))
    }
}

impl Drop for Moments {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("again with AMANAT_SEED={}", self.seed);
        }
    }
}

/// Runs it, and kills it after a while. Whether it was done before.
fn interrupted(run: Invocation, after: Duration) -> bool {
    let mut running = run.start();
    // A random moment, not a wait for anything.
    std::thread::sleep(after);
    running.kill();
    let ended = running.end();
    assert!(ended.code.is_none() || ended.code == Some(0), "{ended}");
    ended.code == Some(0)
}

/// Texts by sender's handle, in the order of this vault; each id and each sequence stands there once.
fn by_sender(messages: &[MessageView]) -> BTreeMap<String, Vec<String>> {
    let ids: BTreeSet<_> = messages.iter().map(|message| message.id).collect();
    assert_eq!(ids.len(), messages.len(), "a message stands there twice");
    assert!(messages.is_sorted_by(|one, next| one.sequence < next.sequence), "a sequence was used twice");
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in messages {
        let MessageBody::Text(text) = &message.body else { panic!("{:?}", message.body) };
        found.entry(message.from.handle.to_string()).or_default().push(text.clone());
    }
    found
}
