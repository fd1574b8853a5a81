//! Several devices of one person (protocol-spec/07-delivery, section 6): real engines, a real relay.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

use std::time::Duration;

use amanat_client::{
    Command, Event, Reply,
    api::{ConversationState, Notice},
};
use amanat_identity::{
    Tier,
    armour::{self, FileKind},
};
use amanat_primitives::ConversationId;
use amanat_tests::{Person, Rig};
use rand_core::OsRng;

/// A second device of the secretary, approved, that has not been started yet.
async fn approved(rig: &Rig, secretary: &Person) {
    let invitation = rig.office.invite(&mut OsRng, "secretary", Tier::Secret, rig.clock.now());
    let text = armour::write(FileKind::Invitation, &invitation.to_secret_bytes()).unwrap();
    let code = rig.join("laptop", text.as_bytes()).await.unwrap().waits.expect("it waits");
    secretary.ask(Command::ApproveDevice { code }).await;
}

async fn until_state(person: &mut Person, id: ConversationId, wanted: ConversationState) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let Reply::Conversations(list) = person.ask(Command::Conversations).await else { panic!() };
        if list.iter().any(|view| view.id == id && view.state == wanted) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{}: not {wanted:?}: {list:?}", person.handle);
        let _ = tokio::time::timeout(Duration::from_millis(200), person.events.next()).await;
    }
}

// [DELIV-162] What was there before a device is not asked about by it, also where it learns of its approval with the list.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_device_asks_nothing_of_those_before_it() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    secretary.sync().await;
    approved(&rig, &secretary).await;
    let mut laptop = rig.start("laptop").await;
    laptop.sync().await;
    let Reply::Devices { devices, .. } = laptop.ask(Command::Devices).await else { panic!() };
    assert!(devices.len() == 2 && devices.iter().all(|device| !device.pending), "{devices:?}");
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(300), laptop.events.next()).await {
        assert!(!matches!(event, Event::Notice(Notice::DeviceAsks { .. })), "{event:?}");
    }
    // The one before it was asked.
    let asked = |event: &Event| matches!(event, Event::Notice(Notice::DeviceAsks { .. })).then_some(());
    secretary.until("notice", asked).await;
}

// [DELIV-137] One's own further devices are nobody to talk to.
#[tokio::test(flavor = "multi_thread")]
async fn a_1_to_1_with_own_devices_alone_is_over() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let (id, _) = secretary.say(&rig.to("director", Tier::Secret), "one").await;
    director.next_message().await;
    approved(&rig, &secretary).await;
    let mut laptop = rig.start("laptop").await;
    until_state(&mut laptop, id, ConversationState::Active).await;
    director.ask(Command::Leave { conversation: id }).await;
    for person in [&mut secretary, &mut laptop] {
        until_state(person, id, ConversationState::Over).await;
    }
    let (new, message) = laptop.say(&rig.to("director", Tier::Secret), "two").await;
    assert_ne!(new, id);
    assert_eq!(director.next_message().await.1.id, message);
}
