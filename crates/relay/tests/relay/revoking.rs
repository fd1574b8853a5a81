//! Revocations: who is refused, what is not handed out any more, and that it stays so.

use std::time::Duration;

use amanat_identity::{
    DeviceChain, OfficerChain, Powers, Renewal, RevocationEntry, SignedStatus, Target, Tier, body::RenewalBody,
};
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List, Text,
    client::{Nothing, People, PutKeyPackages, Request},
    relay::{Answer, FromRelay, Refusal},
};

use crate::harness::*;

async fn officer(site: &Site) -> Client {
    Client::connect(site, site.office.officer_keys.noise(), site.officer()).await.unwrap()
}

/// Publishes a revocation of `target` behind those before.
async fn revoke(site: &Site, before: &[RevocationEntry], target: Target) -> (SignedStatus, Vec<RevocationEntry>) {
    let (status, entries) = site.office.revoke(before, &[target], now());
    let answer = officer(site).await.ask(put_status(&status, before.len(), &entries)).await;
    assert_eq!(answer, Answer::Done(Nothing {}));
    (status, entries)
}

fn people() -> Request {
    Request::People(People { query: Text::default(), after: Text::default() })
}

async fn chains(client: &mut Client, request: Request) -> usize {
    match client.ask(request).await {
        Answer::Chains(chains) => chains.chains.len(),
        other => panic!("{other:?}"),
    }
}

async fn list(client: &mut Client, after: u32) -> Vec<RevocationEntry> {
    match client.ask(Request::Revocations(after)).await {
        Answer::Revocations(page) => {
            assert!(!page.more);
            page.revocations.iter().map(|bytes| RevocationEntry::from_bytes(bytes).unwrap()).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// [DELIV-90] [DELIV-92] A revoked device is cut off at once, and refused from then on, also after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_device_is_cut_off_and_stays_out() {
    let mut site = Site::new().await;
    let (lost, link) = site.enrol("ayesha").await;
    let (other, mut others_link) = site.enrol("bilal").await;
    let (status, entries) = revoke(&site, &[], Target::Device(lost.id())).await;
    assert_eq!(link.end().await, End::Goodbye(Refusal::Revoked));
    match others_link.push().await.unwrap() {
        FromRelay::PushStatus(bytes) => assert_eq!(*bytes, *status.to_bytes()),
        other => panic!("{other:?}"),
    }
    let connect = async |site: &Site| Client::connect(site, lost.keys.noise(), lost.identity()).await.map(|_| ());
    assert_eq!(connect(&site).await, Err(End::Goodbye(Refusal::Revoked)));
    assert_eq!(list(&mut others_link, 0).await, entries);
    assert_eq!(list(&mut others_link, 1).await, []);
    drop(others_link);
    site.stop().await;
    site.start().await;
    assert_eq!(connect(&site).await, Err(End::Goodbye(Refusal::Revoked)));
    let mut others_link = site.connect(&other).await;
    assert_eq!(*others_link.ready.status, *status.to_bytes());
    assert_eq!(list(&mut others_link, 0).await, entries);
    // By the person too, and the list goes on where it was.
    let (_, entries) = revoke(&site, &entries, Target::Person("bilal".parse().unwrap())).await;
    assert_eq!(others_link.end().await, End::Goodbye(Refusal::Revoked));
    assert_eq!(list(&mut officer(&site).await, 0).await, entries);
}

/// [DELIV-91] Nobody new is led to a revoked device; what it wrote can still be verified.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_device_is_not_handed_out() {
    let site = Site::new().await;
    let (lost, mut lost_link) = site.enrol("ayesha").await;
    let (_, mut client) = site.enrol("bilal").await;
    let packages = PutKeyPackages {
        one_time: List::new([Bytes::new(vec![1; 64]).unwrap()]).unwrap(),
        last_resort: Some(Bytes::new(vec![2; 64]).unwrap()),
    };
    assert_eq!(lost_link.ask(Request::PutKeyPackages(packages)).await, Answer::Done(Nothing {}));
    assert_eq!(chains(&mut client, people()).await, 2);
    revoke(&site, &[], Target::Person("ayesha".parse().unwrap())).await;
    assert_eq!(chains(&mut client, people()).await, 1);
    let one = || List::new([lost.id()]).unwrap();
    assert_eq!(chains(&mut client, Request::Chains(one())).await, 1);
    match client.ask(Request::ClaimKeyPackages(List::new([lost.id()]).unwrap())).await {
        Answer::KeyPackages(packages) => assert!(packages.iter().all(|package| package.key_package.is_empty())),
        other => panic!("{other:?}"),
    }
}

/// [DELIV-90] A grant that was revoked before it was redeemed is not redeemed any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_grant_enrols_nobody() {
    let site = Site::new().await;
    let keys = amanat_identity::DeviceKeys::create(&mut rand_core::OsRng);
    let enrolment = site.enrolments("ayesha", &[&keys]).remove(0);
    revoke(&site, &[], Target::Grant(enrolment.grant_id())).await;
    let refused = Client::connect(&site, keys.noise(), enrolling(&enrolment)).await.map(|_| ());
    assert_eq!(refused, Err(End::Goodbye(Refusal::Revoked)));
}

/// [DELIV-92] A status statement is put up with the whole list that it names, or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_statement_without_its_list_is_refused() {
    let site = Site::new().await;
    let (lost, mut link) = site.enrol("ayesha").await;
    let mut officer = officer(&site).await;
    let earlier = now().before(Duration::from_secs(60));
    let target = Target::Device(lost.id());
    let (status, entries) = site.office.revoke(&[], &[target.clone(), target], now());
    for bad in [put_status(&status, 0, &[]), put_status(&status, 0, &entries[..1]), put_status(&status, 1, &entries)] {
        assert_eq!(officer.ask(bad).await, Answer::Refused(Refusal::OldStatement));
    }
    let mut forged = entries.clone();
    forged[0].statement.signed.not_after = now();
    assert_eq!(officer.ask(put_status(&status, 0, &forged)).await, Answer::Refused(Refusal::OldStatement));
    assert_eq!(link.ask(Request::Ping(Nothing {})).await, Answer::Done(Nothing {}));
    assert_eq!(list(&mut officer, 0).await, []);
    // Another officer's statement that does not know the list cannot take it back.
    assert_eq!(officer.ask(put_status(&status, 0, &entries)).await, Answer::Done(Nothing {}));
    let later = site.office.status(now().after(Duration::from_secs(5)));
    assert_eq!(officer.ask(put_status(&later, 0, &[])).await, Answer::Refused(Refusal::OldStatement));
    assert_eq!(
        officer.ask(put_status(&site.office.status(earlier), 0, &[])).await,
        Answer::Refused(Refusal::OldStatement)
    );
    assert_eq!(link.end().await, End::Goodbye(Refusal::Revoked));
}

fn renewal(site: &Site, device: &Device, clearance: Tier, later: Duration) -> Renewal {
    let at = now().after(later);
    let verified = device.chain.verify(site.office.authority(), now(), Duration::from_secs(600)).unwrap();
    let (name, post) = (verified.name().clone(), "Another Post".parse().unwrap());
    let body = RenewalBody { grant: verified.grant(), name, post, clearance, powers: verified.powers() };
    // By an officer whose new certificate outlasts the one that granted.
    let (office, two_years) = (&site.office, Duration::from_secs(730 * 24 * 3600));
    let card = office.officer_keys.card("Test Officer".parse().unwrap());
    let root = &office.authority_keys;
    let certificate = root.certify_officer(office.authority(), &card, Powers::OFFICER, now(), two_years).unwrap();
    let officer = OfficerChain { certificate }.verify(office.authority(), now()).unwrap();
    office.officer_keys.renew(&officer, &body, at, two_years).unwrap()
}

/// [DELIV-96] [DELIV-97] A renewal goes into the chain; the device is served with the one that it has.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_device_is_served_and_listed_anew() {
    let mut site = Site::new().await;
    let (device, mut link) = site.enrol("ayesha").await;
    let mut officer = officer(&site).await;
    let put = |renewal: &Renewal| Request::PutRenewal(Bytes::new(renewal.to_bytes()).unwrap());
    let (older, newer) = (renewal(&site, &device, Tier::Official, Duration::ZERO), {
        renewal(&site, &device, Tier::Confidential, Duration::from_secs(60))
    });
    assert_eq!(officer.ask(put(&newer)).await, Answer::Done(Nothing {}));
    assert_eq!(officer.ask(put(&newer)).await, Answer::Done(Nothing {}));
    assert_eq!(officer.ask(put(&older)).await, Answer::Refused(Refusal::OldStatement));
    assert_eq!(
        officer.ask(Request::PutRenewal(Bytes::new(vec![1]).unwrap())).await,
        Answer::Refused(Refusal::Malformed)
    );
    let mut forged = newer.clone();
    forged.statement.signed.not_before = now().after(Duration::from_secs(120));
    assert_eq!(officer.ask(put(&forged)).await, Answer::Refused(Refusal::Identity));
    let request = Request::People(People { query: Text::new("another post").unwrap(), after: Text::default() });
    let Answer::Chains(found) = link.ask(request).await else { panic!() };
    assert_eq!(DeviceChain::from_bytes(&found.chains[0]).unwrap().renewal, Some(newer));
    // The device has its old chain still, and that has ended.
    drop((link, officer));
    site.stop().await;
    site.start().await;
    drop(site.connect(&device).await);
    site.ahead.store(400 * 24 * 3600 * 1000, std::sync::atomic::Ordering::SeqCst);
    drop(site.connect(&device).await);
}
