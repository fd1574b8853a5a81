//! Further devices (protocol-spec/07-delivery, section 6): who waits, who is told of what, and whose approval is taken.

use amanat_identity::{Approval, Target, VerifiedDevice};
use amanat_primitives::Timestamp;
use amanat_wire::{
    Bytes, Encode as _,
    client::{Nothing, Request},
    relay::{Answer, Direct, Refusal},
};

use crate::harness::*;

fn verified(site: &Site, device: &Device) -> VerifiedDevice {
    device.chain.verify(site.office.authority(), now(), Timestamp::CLOCK_TOLERANCE).unwrap()
}

fn approval(site: &Site, by: &Device, other: &Device) -> Approval {
    by.keys.approve((&verified(site, by), &by.chain), &verified(site, other), now()).unwrap()
}

fn put(approval: &Approval) -> Request {
    Request::PutApproval(Bytes::new(approval.to_bytes()).unwrap())
}

/// What a device is told of its person's devices: how many, and how many of them wait.
async fn own(client: &mut Client) -> (usize, usize) {
    match client.ask(Request::OwnDevices(Nothing {})).await {
        Answer::Devices(devices) => (devices.len(), devices.iter().filter(|device| device.pending).count()),
        other => panic!("{other:?}"),
    }
}

/// [DELIV-160] [DELIV-162] [DELIV-163]
#[tokio::test(flavor = "multi_thread")]
async fn approvals_come_from_a_device_that_is_served() {
    let site = Site::new().await;
    let (first, mut first_link) = site.enrol("ayesha").await;
    let (second, mut second_link) = site.enrol("ayesha").await;
    let (third, mut third_link) = site.enrol("ayesha").await;
    for new in [&second, &third] {
        match first_link.pushed_direct().await.body {
            Direct::FurtherDevice(told) => assert_eq!((told.device, told.approved), (new.id(), false)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(own(&mut first_link).await, (3, 2));
    // One that waits is told of itself alone, and its approval of another counts for nothing, whoever brings it.
    assert_eq!(own(&mut second_link).await, (1, 1));
    let by_pending = approval(&site, &second, &third);
    assert_eq!(first_link.ask(put(&by_pending)).await, Answer::Refused(Refusal::NotApproved));
    assert_eq!(own(&mut third_link).await, (1, 1));
    // It is let in by one that is served.
    assert_eq!(first_link.ask(put(&approval(&site, &first, &second))).await, Answer::Done(Nothing {}));
    assert_eq!(own(&mut first_link).await, (3, 1));

    // What a revoked device has signed lets nobody in, whatever date it bears.
    let by_revoked = approval(&site, &first, &third);
    let (status, entries) = site.office.revoke(&[], &[Target::Device(first.id())], now());
    let mut officer = Client::connect(&site, site.office.officer_keys.noise(), site.officer()).await.unwrap();
    assert_eq!(officer.ask(put_status(&status, 0, &entries)).await, Answer::Done(Nothing {}));
    let mut second_link = site.connect(&second).await;
    assert_eq!(second_link.ask(put(&by_revoked)).await, Answer::Refused(Refusal::Revoked));
    // With the first one gone the second is the first, and the third still waits.
    assert_eq!(own(&mut second_link).await, (2, 1));
}
