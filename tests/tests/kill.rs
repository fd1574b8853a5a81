//! SIGKILL at random moments (protocol-spec/07-delivery, section 12): the relay under load, and clients in the middle of
//! their work. What was promised is there afterwards, once and in its order, and nobody is shown anything twice.
//!
//! Ten kills of each kind by default, a hundred with `AMANAT_LONG=1`. The moments are random; what must hold is not.

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
use amanat_tests::Person;
use rand_core::{OsRng, RngCore as _};

/// How many kills.
fn rounds() -> usize {
    if std::env::var("AMANAT_LONG").is_ok_and(|long| long == "1") { 100 } else { 10 }
}

/// Syncs; longer than a minute is a failure.
async fn sync(person: &Person) {
    let synced = tokio::time::timeout(Duration::from_secs(60), person.sync()).await;
    synced.unwrap_or_else(|_| panic!("{}: sync does not end", person.handle));
}

/// A number below `bound`.
fn below(bound: u64) -> u64 {
    OsRng.next_u64() % bound
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
