//! Hellos and enrolment (protocol-spec/07-delivery, section 2).

use std::time::Duration;

use amanat_identity::DeviceKeys;
use amanat_wire::{
    Bytes, Decode as _, Encode as _,
    client::{Identity, Nothing, People, PutKeyPackages, Request, WhatIsNew},
    relay::{Answer, Direct, FromRelay, Refusal},
};
use rand_core::OsRng;

use crate::harness::*;

/// [DELIV-46] [DELIV-48] [ID-17]
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_redeemed_once_and_the_same_device_gets_the_same_receipt() {
    let site = Site::new().await;
    let (first, second) = (DeviceKeys::create(&mut OsRng), DeviceKeys::create(&mut OsRng));
    let mut enrolments = site.enrolments("ayesha", &[&first, &second]).into_iter();
    let (enrolment, other) = (enrolments.next().unwrap(), enrolments.next().unwrap());

    let mut client = Client::connect(&site, first.noise(), enrolling(&enrolment)).await.unwrap();
    let receipt = client.receipt.clone().unwrap();
    // Its answer was lost: it asks again.
    let again = Client::connect(&site, first.noise(), enrolling(&enrolment)).await.unwrap();
    assert_eq!(again.receipt, Some(receipt.clone()));
    assert_eq!(client.push().await.err(), Some(End::Goodbye(Refusal::Displaced)));

    // Another device with the same invitation loses, and the first one is told, once.
    let mut client = again;
    for _ in 0..2 {
        let refused = Client::connect(&site, second.noise(), enrolling(&other)).await;
        assert_eq!(refused.err(), Some(End::Goodbye(Refusal::AlreadyRedeemed)));
    }
    match client.pushed_direct().await.body {
        Direct::GrantReused(reused) => assert_eq!(reused.device, second.device_id()),
        other => panic!("{other:?}"),
    }
    let news = client.news().await;
    assert_eq!(news.direct.len(), 1);
    let device = Device { keys: first, chain: enrolment.into_chain(site.office.relay_certificate.clone(), receipt) };
    let _connected = site.connect(&device).await;
}

/// [DELIV-46] A relay that has no room for what it would record signs nothing that a device would see, and the grant is
/// as free as before.
#[tokio::test(flavor = "multi_thread")]
async fn no_receipt_leaves_before_the_enrolment_is_recorded() {
    let mut site = Site::new().await;
    let (first, second) = (DeviceKeys::create(&mut OsRng), DeviceKeys::create(&mut OsRng));
    let enrolments = site.enrolments("ayesha", &[&first, &second]);
    let room = site.config.quotas.free_disk_mib;
    site.stop().await;
    site.config.quotas.free_disk_mib = u32::MAX;
    site.start().await;
    let mut link = site.dial(first.noise()).await.unwrap();
    link.sender.send_all([hello(enrolling(&enrolments[0])).to_bytes()]).await.unwrap();
    assert_eq!(next(&mut link.receiver).await, Ok(FromRelay::Goodbye(Refusal::Full)));
    site.stop().await;
    site.config.quotas.free_disk_mib = room;
    site.start().await;
    let client = Client::connect(&site, second.noise(), enrolling(&enrolments[1])).await.unwrap();
    assert!(client.receipt.is_some());
    let refused = Client::connect(&site, first.noise(), enrolling(&enrolments[0])).await;
    assert_eq!(refused.err(), Some(End::Goodbye(Refusal::AlreadyRedeemed)));
}

/// [DELIV-43]
#[tokio::test(flavor = "multi_thread")]
async fn the_links_key_must_be_the_certificates() {
    let site = Site::new().await;
    let (device, _client) = site.enrol("ayesha").await;
    let thief = DeviceKeys::create(&mut OsRng);
    let refused = Client::connect(&site, thief.noise(), device.identity()).await;
    assert_eq!(refused.err(), Some(End::Goodbye(Refusal::Identity)));
    let refused = Client::connect(&site, thief.noise(), site.officer()).await;
    assert_eq!(refused.err(), Some(End::Goodbye(Refusal::Identity)));
    let enrolment = site.enrolments("bilal", &[&thief]).remove(0);
    let refused = Client::connect(&site, device.keys.noise(), enrolling(&enrolment)).await;
    assert_eq!(refused.err(), Some(End::Goodbye(Refusal::Identity)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_verify_is_refused_with_a_fitting_word() {
    let mut site = Site::new().await;
    let (device, _client) = site.enrol("ayesha").await;
    let mut altered = device.chain.clone();
    altered.grant.signed.not_after = now();
    let identity = Identity::Device(Bytes::new(altered.to_bytes()).unwrap());
    let refused = Client::connect(&site, device.keys.noise(), identity).await;
    assert_eq!(refused.err(), Some(End::Goodbye(Refusal::Identity)));
    let identity = Identity::Device(Bytes::new(vec![1, 2, 3]).unwrap());
    let refused = Client::connect(&site, device.keys.noise(), identity).await;
    assert_eq!(refused.err(), Some(End::Goodbye(Refusal::Malformed)));

    // An office that the relay does not serve.
    let other = Site::new().await;
    let (foreign, _client) = other.enrol("ayesha").await;
    let refused = Client::connect(&site, foreign.keys.noise(), foreign.identity()).await;
    assert_eq!(refused.err(), Some(End::Goodbye(Refusal::Identity)));

    // [DELIV-152] A certificate that ended a few days ago can still be renewed; eight days after, it is over.
    let days = |days: u64| (days * 24 * 3600 * 1000, std::sync::atomic::Ordering::SeqCst);
    let (ahead, order) = days(365 + 3);
    site.ahead.store(ahead, order);
    let mut late = Client::connect(&site, device.keys.noise(), device.identity()).await.unwrap();
    let number = late.start(Request::Ping(Nothing {})).await;
    assert!(late.answer(number).await.is_ok());
    let (ahead, order) = days(365 + 8);
    site.ahead.store(ahead, order);
    let refused = Client::connect(&site, device.keys.noise(), device.identity()).await;
    assert_eq!(refused.err(), Some(End::Goodbye(Refusal::Expired)));

    // Two years later every certificate has ended. The relay itself would not start then.
    let two_years = Duration::from_secs(2 * 366 * 24 * 3600);
    site.ahead.store(two_years.as_millis() as u64, std::sync::atomic::Ordering::SeqCst);
    let refused = Client::connect(&site, device.keys.noise(), device.identity()).await;
    assert_eq!(refused.err(), Some(End::Goodbye(Refusal::Expired)));
    // [DELIV-66] And a link that has been up since does not outlive its chain.
    let number = late.start(Request::Ping(Nothing {})).await;
    assert_eq!(late.answer(number).await, Err(End::Goodbye(Refusal::Expired)));
    assert!(site.stop().await);
}

/// [DELIV-47] A store that was restored from an older copy takes a chain with its own receipt again.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_with_this_relays_receipt_is_recorded_again() {
    let mut site = Site::new().await;
    let (device, client) = site.enrol("ayesha").await;
    drop(client);
    site.stop().await;
    std::fs::remove_dir_all(site.dir.path().join("data")).unwrap();
    site.start().await;
    let mut client = site.connect(&device).await;
    let people = client.ask(Request::People(People { query: Default::default(), after: Default::default() })).await;
    match people {
        Answer::Chains(chains) => assert_eq!(chains.chains.len(), 1),
        other => panic!("{other:?}"),
    }
    // Another relay's receipt is not enough.
    let (mut chain, keys) = (device.chain.clone(), &device.keys);
    let elsewhere = Site::new().await;
    chain.relay_certificate = elsewhere.office.relay_certificate.clone();
    let identity = Identity::Device(Bytes::new(chain.to_bytes()).unwrap());
    let refused = Client::connect(&site, keys.noise(), identity).await;
    assert_eq!(refused.err(), Some(End::Goodbye(Refusal::Identity)));
}

/// [DELIV-45] [DELIV-57]
#[tokio::test(flavor = "multi_thread")]
async fn officers_publish_statements_and_nothing_else() {
    let site = Site::new().await;
    let (_device, mut client) = site.enrol("ayesha").await;
    assert!(client.ready.status.is_empty());
    let mut officer = Client::connect(&site, site.office.officer_keys.noise(), site.officer()).await.unwrap();
    for request in [
        Request::News(WhatIsNew { after: None }),
        Request::PutKeyPackages(PutKeyPackages { one_time: Default::default(), last_resort: None }),
        Request::Append(message(amanat_primitives::ConversationId::random(&mut OsRng), 1)),
    ] {
        assert_eq!(officer.ask(request).await, Answer::Refused(Refusal::NotAllowed));
    }
    let put = |status: &amanat_identity::SignedStatus| put_status(status, 0, &[]);
    let (older, newer) = (site.status(Duration::from_secs(60)), site.status(Duration::ZERO));
    assert_eq!(officer.ask(put(&older)).await, Answer::Done(Nothing {}));
    assert_eq!(officer.ask(put(&newer)).await, Answer::Done(Nothing {}));
    assert_eq!(officer.ask(put(&newer)).await, Answer::Done(Nothing {}));
    assert_eq!(officer.ask(put(&older)).await, Answer::Refused(Refusal::OldStatement));
    let mut forged = newer.clone();
    forged.statement.signed.number += 1;
    assert_eq!(officer.ask(put(&forged)).await, Answer::Refused(Refusal::Identity));
    // The device was told of both, each once.
    for expected in [&older, &newer] {
        match client.push().await.unwrap() {
            FromRelay::PushStatus(bytes) => {
                assert_eq!(amanat_identity::SignedStatus::from_bytes(&bytes).unwrap(), *expected);
            }
            other => panic!("{other:?}"),
        }
    }
    match client.ask(Request::Status(Nothing {})).await {
        Answer::Status(bytes) => assert_eq!(*bytes, *newer.to_bytes()),
        other => panic!("{other:?}"),
    }
    // Two machines of one officer may be connected at once.
    let _second = Client::connect(&site, site.office.officer_keys.noise(), site.officer()).await.unwrap();
    assert_eq!(officer.ask(Request::Ping(Nothing {})).await, Answer::Done(Nothing {}));
}

/// [DELIV-57] A new device brings the status statement of its invitation.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_may_bring_a_status_statement() {
    let mut site = Site::new().await;
    let (device, mut client) = site.enrol("ayesha").await;
    let status = site.status(Duration::ZERO);
    assert_eq!(client.ask(put_status(&status, 0, &[])).await, Answer::Done(Nothing {}));
    drop(client);
    site.stop().await;
    site.start().await;
    let client = site.connect(&device).await;
    assert_eq!(*client.ready.status, *status.to_bytes());
}
