//! What a thief of a device's folder reads, who has its passphrase as well (protocol-spec/07-delivery, section 12, and
//! 10-threat-model, section 1): real engines, a real relay, the files that they leave, and a thief who tries everything that
//! was recorded with everything that he has. And that keys on the disk turn when they should.
//!
//! Each test holds its own control: the same thief, or the same search, finds what it should where keys were not replaced.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what fails, fails the test"
)]

#[path = "forward_secrecy/disk.rs"]
mod disk;
#[path = "forward_secrecy/sender.rs"]
mod sender;
#[path = "forward_secrecy/theft.rs"]
mod theft;
#[path = "forward_secrecy/thief.rs"]
mod thief;

use std::{collections::BTreeSet, time::Duration};

use amanat_client::{
    Command, Reply,
    api::{ConversationState, SendOptions, Target},
};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;
use amanat_tests::{Person, Rig};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The keys that someone's disk holds, as they lie there.
fn keys(rig: &Rig, handle: &str) -> BTreeSet<Vec<u8>> {
    let slots = std::fs::read(rig.dir.path().join(handle).join("vault/slots")).unwrap();
    slots.chunks(128).filter(|slot| slot.iter().any(|byte| *byte != 0)).map(<[u8]>::to_vec).collect()
}

/// How many keys went and came.
fn turned(before: &BTreeSet<Vec<u8>>, after: &BTreeSet<Vec<u8>>) -> (usize, usize) {
    (before.difference(after).count(), after.difference(before).count())
}

async fn until_members(person: &mut Person, id: ConversationId, members: usize) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let Reply::Conversations(list) = person.ask(Command::Conversations).await else { panic!() };
        let there = |view: &&amanat_client::api::ConversationView| view.id == id;
        if let Some(view) = list.iter().find(there)
            && view.state == ConversationState::Active
            && view.members == members
        {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{}: not {members} members within 30 s", person.handle);
        // Something will happen; if not, it is looked at again.
        let _ = tokio::time::timeout(Duration::from_millis(200), person.events.next()).await;
    }
}

// [DELIV-172] [DELIV-173] [CONV-24]
#[tokio::test(flavor = "multi_thread")]
async fn keys_turn_with_each_epoch_and_with_no_message() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let mut clerk = rig.person("clerk", Tier::Secret).await;
    let members = vec![format!("director@{}", rig.office.authority().domain()).parse().unwrap()];
    let new = Command::New { title: "Budget".into(), tier: Tier::Official, members };
    let Reply::Sent { conversation: id, .. } = secretary.ask(new).await else { panic!() };
    let to = Target::Conversation(id);
    secretary.say(&to, "first").await;
    director.next_message().await;
    director.sync().await;

    // Messages turn nothing.
    let before = keys(&rig, "director");
    for n in 0..10 {
        secretary.say(&to, &n.to_string()).await;
        director.next_message().await;
    }
    director.say(&to, "an answer").await;
    director.sync().await;
    assert_eq!(turned(&before, &keys(&rig, "director")), (0, 0));

    // An epoch turns the conversation's key, once.
    clerk.sync().await;
    let (before, clerks) = (keys(&rig, "director"), keys(&rig, "clerk"));
    let members = vec![format!("clerk@{}", rig.office.authority().domain()).parse().unwrap()];
    secretary.ask(Command::Add { conversation: id, members }).await;
    until_members(&mut director, id, 3).await;
    director.sync().await;
    let after = keys(&rig, "director");
    assert_eq!(turned(&before, &after), (1, 1));
    // The newcomer's KeyPackage is used up, and its conversation has a key.
    until_members(&mut clerk, id, 3).await;
    clerk.sync().await;
    assert_eq!(turned(&clerks, &keys(&rig, "clerk")), (1, 1));

    // A day later the keys of the epoch before go, though nobody writes. The renewals of that day turn it, too.
    rig.clock.forward(2 * DAY);
    secretary.say(&to, "the next day").await;
    director.next_message().await;
    director.sync().await;
    assert!(after.difference(&keys(&rig, "director")).count() >= 1);
}

// [DELIV-174]
#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_day_goes_when_it_is_over() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let (id, _) = secretary.say(&rig.to("director", Tier::Official), "stays").await;
    director.next_message().await;
    director.sync().await;
    let before = keys(&rig, "director");
    let to = Target::Conversation(id);
    let options = SendOptions { expires_after: Some(Duration::from_secs(3600)), ..SendOptions::default() };
    secretary.ask(Command::SendWith { to, text: "goes".into(), options }).await;
    director.next_message().await;
    director.sync().await;
    let with_day = keys(&rig, "director");
    assert_eq!(turned(&before, &with_day), (0, 1), "the day's key came");
    director.engine.stop().await;
    rig.clock.forward(2 * DAY);
    // Without a link nothing but time passes.
    let director = rig.start_with("director", false).await;
    let texts = director.messages(id).await;
    assert_eq!(texts.len(), 2);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while keys(&rig, "director") != before {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", turned(&before, &keys(&rig, "director")));
        director.messages(id).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
