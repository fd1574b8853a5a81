//! A relay that lists devices of its own making as a person's (protocol-spec/03-identity, section 6): what the person's
//! client believes of it.

use amanat_client::{
    Reply,
    api::{Notice, OwnDevice},
};
use amanat_identity::{DeviceChain, DeviceKeys, VerifiedDevice};
use amanat_wire::relay::DeviceState;
use rand_core::OsRng;

use super::*;

/// What `device list` says while the relay lists these, none of them as waiting.
async fn listed(person: &Person, scripted: &mut Scripted, chains: &[&DeviceChain]) -> Vec<OwnDevice> {
    let engine = person.engine.clone();
    let asked = tokio::spawn(async move { engine.ask(Command::Devices).await });
    let (number, ()) = until_request(scripted, |request| match request {
        Request::OwnDevices(_) => Ok(()),
        other => Err(other),
    })
    .await;
    let state =
        |chain: &&DeviceChain| DeviceState { chain: Bytes::new(chain.to_bytes()).unwrap(), pending: false, seen: None };
    let states: Vec<_> = chains.iter().map(state).collect();
    scripted.answer(number, Answer::Devices(List::new(states).unwrap())).await;
    match asked.await.unwrap().unwrap() {
        Reply::Devices { devices, .. } => devices,
        other => panic!("{other:?}"),
    }
}

fn approve(by: &(DeviceKeys, DeviceChain, VerifiedDevice), other: &VerifiedDevice, chain: &DeviceChain) -> DeviceChain {
    let approval = by.0.approve((&by.2, &by.1), other, Timestamp::from(std::time::SystemTime::now())).unwrap();
    DeviceChain { approval: Some(approval), ..chain.clone() }
}

// [DELIV-164] [DELIV-169] An officer and the relay enrol two devices in her name, and one of them approves the other, and hers.
#[tokio::test(flavor = "multi_thread")]
async fn devices_that_approve_each_other_wait_for_the_person() {
    let (rig, mut secretary, _, script) = after_one_message().await;
    let mut scripted = script.session().await;
    let now = rig.clock.now();
    let own = DeviceChain::from_bytes(&scripted.chain).unwrap();
    let verified = own.verify(rig.office.authority(), now, Timestamp::CLOCK_TOLERANCE).unwrap();
    let ghost = rig.office.enrol(&mut OsRng, "secretary", Tier::Secret, now);
    let (_, other_chain, other) = rig.office.enrol(&mut OsRng, "secretary", Tier::Secret, now);
    let approved = approve(&ghost, &other, &other_chain);
    let hers = approve(&ghost, &verified, &own);
    for own in [&own, &hers] {
        let devices = listed(&secretary, &mut scripted, &[own, &ghost.1, &approved]).await;
        assert_eq!(devices.len(), 3);
        for device in devices {
            assert_eq!(device.pending, !device.this, "{device:?}");
            assert!(!device.this || device.approved_by.is_none(), "{device:?}");
        }
    }
    let asks = |event: &Event| matches!(event, Event::Notice(Notice::DeviceAsks { .. })).then_some(());
    secretary.until("notice", asks).await;
}

// [DELIV-169] Also before its first conversation.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_device_is_approved_by_nobody() {
    let mut rig = Rig::new().await;
    let clerk = rig.person("clerk", Tier::Secret).await;
    clerk.sync().await;
    rig.stop_relay().await;
    let script = Script::in_place_of(&rig);
    let mut scripted = script.session().await;
    let now = rig.clock.now();
    let own = DeviceChain::from_bytes(&scripted.chain).unwrap();
    let verified = own.verify(rig.office.authority(), now, Timestamp::CLOCK_TOLERANCE).unwrap();
    let ghost = rig.office.enrol(&mut OsRng, "clerk", Tier::Secret, now);
    let hers = approve(&ghost, &verified, &own);
    for device in listed(&clerk, &mut scripted, &[&hers, &ghost.1]).await {
        assert_eq!(device.pending, !device.this, "{device:?}");
        assert_eq!(device.approved_by, None, "{device:?}");
    }
}
