//! What the thief reads of what was sent before the theft, and after it.

use std::time::Duration;

use amanat_client::{Command, Reply, api::ConversationState};
use amanat_identity::Tier;
use amanat_tests::{Person, Rig};

use crate::{
    DAY,
    sender::{Recorded, Sender},
    thief::{Thief, holds},
    until_members,
};

/// Epochs before the one in force whose messages may still be read, where they ended within a day.
const PAST_EPOCHS: u64 = 5;

/// The owner, and a group that the sender has founded with her.
pub(crate) async fn founded(rig: &Rig) -> (Person, Sender) {
    let mut owner = rig.person("owner", Tier::Secret).await;
    let sender = Sender::found(rig, owner.device().await).await;
    until_members(&mut owner, sender.id(), 2).await;
    (owner, sender)
}

/// Says something that the owner receives.
pub(crate) async fn received(rig: &Rig, owner: &mut Person, sender: &mut Sender, text: &str) -> Recorded {
    let said = sender.say(text, rig.clock.now()).await;
    owner.next_message().await;
    owner.sync().await;
    said
}

/// A copy of the owner's folder; she goes on.
async fn steal(rig: &Rig, owner: Person, name: &str, sender: &Sender) -> (Person, Thief) {
    owner.engine.stop().await;
    let thief = Thief::of(rig, "owner", name, sender.id()).await;
    (rig.start("owner").await, thief)
}

/// The owner's device renews its keys, as it does when a day is over.
async fn a_day_passes(rig: &Rig, owner: &mut Person, sender: &mut Sender) {
    let epoch = sender.epoch();
    rig.clock.forward(DAY + Duration::from_secs(3600));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while sender.epoch() == epoch {
        assert!(tokio::time::Instant::now() < deadline, "the owner's device has not renewed its keys");
        owner.sync_when_linked().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        sender.sync().await;
    }
    owner.sync_when_linked().await;
}

fn bodies(recorded: &[Recorded]) -> impl Iterator<Item = &[u8]> {
    recorded.iter().map(|recorded| recorded.body.as_slice())
}

fn log(sender: &Sender) -> impl Iterator<Item = &[u8]> {
    sender.log.iter().map(|entry| &*entry.body)
}

/// What was recorded in the epochs from the first to the last of these.
fn of_epochs(recorded: &[Recorded], epochs: std::ops::RangeInclusive<u64>) -> Vec<String> {
    recorded.iter().filter(|said| epochs.contains(&said.epoch)).map(|said| said.text.clone()).collect()
}

// [CONV-24] Nothing that the owner has received. Of what she has not (the relay withheld it, somebody recorded it): what is of
// the epoch in force and of the five before it, and a day later what is of those that ended within that day.
#[tokio::test(flavor = "multi_thread")]
async fn a_thief_reads_nothing_outside_the_window_before_the_theft() {
    let rig = Rig::new().await;
    let (mut owner, mut sender) = founded(&rig).await;
    let (mut seen, mut aside) = (Vec::new(), Vec::new());
    for round in 0..9 {
        if round > 0 {
            sender.renew(rig.clock.now()).await;
            owner.sync().await;
        }
        aside.push(sender.say_aside(&format!("withheld {round}"), rig.clock.now()).await);
        seen.push(received(&rig, &mut owner, &mut sender, &format!("received {round}")).await);
    }
    let (mut owner, thief) = steal(&rig, owner, "stolen", &sender).await;
    let epoch = thief.epoch();
    assert_eq!(epoch, aside.last().unwrap().epoch, "the owner is in the sender's epoch");
    assert_eq!(thief.reads(log(&sender)), Vec::<String>::new(), "the whole log of the relay");
    assert_eq!(thief.reads(bodies(&seen)), Vec::<String>::new());
    assert_eq!(thief.reads(bodies(&aside)), of_epochs(&aside, epoch - PAST_EPOCHS..=epoch));
    // The control: there was more to be read than the window holds.
    assert!(aside[0].epoch < epoch - PAST_EPOCHS);

    // A day later the keys of those epochs are gone; that of the theft has just ended, by the owner's renewal.
    a_day_passes(&rig, &mut owner, &mut sender).await;
    let (mut owner, thief) = steal(&rig, owner, "stolen a day later", &sender).await;
    assert_eq!(thief.reads(log(&sender)), Vec::<String>::new());
    assert_eq!(thief.reads(bodies(&aside)), of_epochs(&aside, epoch..=epoch));
    // And once more.
    received(&rig, &mut owner, &mut sender, "the next day").await;
    a_day_passes(&rig, &mut owner, &mut sender).await;
    let (owner, thief) = steal(&rig, owner, "stolen two days later", &sender).await;
    assert_eq!(thief.reads(log(&sender)), Vec::<String>::new());
    assert_eq!(thief.reads(bodies(&aside)), Vec::<String>::new());
    owner.engine.stop().await;
}

// [CONV-75] Others' renewals shut nobody out; the owner's does, once and for all.
#[tokio::test(flavor = "multi_thread")]
async fn a_thief_reads_nothing_after_one_renewal_of_the_owner() {
    let rig = Rig::new().await;
    let (mut owner, mut sender) = founded(&rig).await;
    received(&rig, &mut owner, &mut sender, "before the theft").await;
    let (mut owner, thief) = steal(&rig, owner, "stolen", &sender).await;
    received(&rig, &mut owner, &mut sender, "after the theft").await;
    sender.renew(rig.clock.now()).await;
    owner.sync().await;
    received(&rig, &mut owner, &mut sender, "after another's renewal").await;
    let until_then = ["after the theft", "after another's renewal"];
    assert_eq!(thief.follows(&sender), until_then, "the thief follows where the owner renews nothing");

    a_day_passes(&rig, &mut owner, &mut sender).await;
    for round in 0..3 {
        received(&rig, &mut owner, &mut sender, &format!("after the owner's renewal {round}")).await;
        sender.renew(rig.clock.now()).await;
        owner.sync().await;
    }
    assert_eq!(thief.follows(&sender), until_then);
    // Her device has not fallen out meanwhile, and who steals it again reads again.
    let Reply::Conversations(list) = owner.ask(Command::Conversations).await else { panic!() };
    assert_eq!(list[0].state, ConversationState::Active);
    let (mut owner, again) = steal(&rig, owner, "stolen again", &sender).await;
    received(&rig, &mut owner, &mut sender, "after another theft").await;
    assert_eq!(again.follows(&sender), ["after another theft"]);
    assert_eq!(thief.follows(&sender), until_then);
    owner.engine.stop().await;
}

// [DELIV-173] The private half of a KeyPackage goes when it is used, and with it what its Welcome says.
#[tokio::test(flavor = "multi_thread")]
async fn a_thief_opens_no_welcome_that_was_used() {
    let rig = Rig::new().await;
    let owner = rig.person("owner", Tier::Secret).await;
    let id = owner.device().await;
    owner.engine.stop().await;
    let sender = Sender::found(&rig, id).await;
    let before = Thief::of(&rig, "owner", "before she joined", sender.id()).await;
    let packages = before.sealed_key_packages();
    assert!(before.opens_welcome(&sender.welcome, &sender.known[&id], &[]), "not used yet, or the test shows nothing");

    let mut owner = rig.start("owner").await;
    until_members(&mut owner, sender.id(), 2).await;
    let (owner, after) = steal(&rig, owner, "after she joined", &sender).await;
    assert!(!after.opens_welcome(&sender.welcome, &sender.known[&id], &packages));
    // One of them was used; the others are there.
    assert_eq!(after.opens(&packages), packages.len() - 1);
    assert!(before.slots.iter().filter(|slot| !after.slots.contains(slot)).all(|slot| !holds(&after.raw, slot)));
    owner.engine.stop().await;
}
