//! Revocations: who is refused, what is not handed out any more, and that it stays so.

use std::time::Duration;

use amanat_identity::{
    DeviceChain, ListSummary, OfficerChain, Powers, Reason, Renewal, RevocationEntry, SignedStatus, Target, Tier,
    body::{RenewalBody, RevocationBody},
    policy::{DEVICE_VALIDITY, LAPSE, STATUS_VALIDITY},
    testing::Office,
};
use amanat_primitives::Timestamp;
use amanat_relay_core::StartError;
use amanat_store::relay::{StatusPut, Store};
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List, Text,
    client::{Identity, Nothing, People, PutKeyPackages, Request},
    relay::{Answer, FromRelay, LapsedPage, Refusal},
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

/// [DELIV-92] A relay in whose store somebody has put a statement, or a list, that no officer has signed does not start: whoever
/// is revoked would be served.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_does_not_start_on_a_forged_list() {
    let mut site = Site::new().await;
    let (lost, _) = site.enrol("ayesha").await;
    let (other, _) = site.enrol("bilal").await;
    site.stop().await;
    let (status, entries) = site.office.revoke(&[], &[Target::Device(lost.id())], now());
    let mut forged = status.clone();
    forged.statement.signed.not_after = status.statement.signed.not_after.before(Duration::from_secs(1));
    let (_, of_another) = site.office.revoke(&[], &[Target::Device(other.id())], now());
    let stranger = Office::new(&mut rand_core::OsRng, now());
    let (strange, strangers) = stranger.revoke(&[], &[Target::Device(lost.id())], now());
    // An officer's statement, on a list that a stranger has signed.
    let summary = strangers.iter().fold(ListSummary::default(), ListSummary::with);
    let (officer, number) = (site.office.officer(now()), SignedStatus::next_number(None, now()));
    let signed = site.office.officer_keys.attest(&officer, number, summary, now(), STATUS_VALIDITY).unwrap();
    let cases = [
        ("no list", &status, &Vec::new()),
        ("a forged statement", &forged, &entries),
        ("a stranger's statement", &strange, &strangers),
        ("a list with another entry", &status, &of_another),
        ("a list with a stranger's entry", &signed, &strangers),
    ];
    for (number, (what, status, entries)) in (1..).zip(cases) {
        put_into_store(&site, number, status, entries).await;
        let refused = site.try_start().await;
        assert!(matches!(refused, Err(StartError::Revocations)), "{what}: {refused:?}");
    }
    put_into_store(&site, 9, &status, &entries).await;
    site.start().await;
    let refused = Client::connect(&site, lost.keys.noise(), lost.identity()).await.map(|_| ());
    assert_eq!(refused, Err(End::Goodbye(Refusal::Revoked)));
}

/// Puts a statement and its list into the store of a relay that does not run, past all that the relay asks of them.
async fn put_into_store(site: &Site, number: u64, status: &SignedStatus, entries: &[RevocationEntry]) {
    let dir = site.dir.path().join(&site.config.data).join("store");
    let store = Store::open(&dir, Default::default(), Box::new(|_| unreachable!()), Box::new(|_| ())).unwrap();
    let entries = entries.iter().map(|entry| entry.to_bytes()).collect();
    assert_eq!(store.status_statement(number, status.to_bytes(), 0, entries).await, Ok(StatusPut::New));
    store.close();
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

const TWO_YEARS: Duration = Duration::from_secs(730 * 24 * 3600);

fn renewal(site: &Site, device: &Device, clearance: Tier, later: Duration) -> Renewal {
    renewal_for(site, device, clearance, now().after(later), TWO_YEARS)
}

fn renewal_for(site: &Site, device: &Device, clearance: Tier, at: Timestamp, validity: Duration) -> Renewal {
    let verified = device.chain.verify(site.office.authority(), now(), Duration::from_secs(600)).unwrap();
    let (name, post) = (verified.name().clone(), "Another Post".parse().unwrap());
    let body = RenewalBody { grant: verified.grant(), name, post, clearance, powers: verified.powers() };
    // By an officer whose new certificate outlasts the one that granted.
    let office = &site.office;
    let card = office.officer_keys.card("Test Officer".parse().unwrap());
    let root = &office.authority_keys;
    let certificate = root.certify_officer(office.authority(), &card, Powers::OFFICER, now(), TWO_YEARS).unwrap();
    let officer = OfficerChain { certificate }.verify(office.authority(), now()).unwrap();
    office.officer_keys.renew(&officer, &body, at, validity).unwrap()
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

/// [DELIV-200] [DELIV-201] A revoked officer's link ends at once; what the officer signed and nobody has brought yet is
/// not taken, and what another officer signs is.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_officer_is_cut_off() {
    let site = Site::new().await;
    let (device, mut link) = site.enrol("ayesha").await;
    let keys = amanat_identity::DeviceKeys::create(&mut rand_core::OsRng);
    let enrolment = site.enrolments("bilal", &[&keys]).remove(0);
    let mut first = officer(&site).await;
    let (second_keys, second) = site.office.another_officer(&mut rand_core::OsRng, now());
    let chain = OfficerChain { certificate: second.statement().clone() };
    let identity = Identity::Officer(Bytes::new(chain.to_bytes()).unwrap());
    let mut other = Client::connect(&site, second_keys.noise(), identity).await.unwrap();
    let number = SignedStatus::next_number(None, now());
    let entries = [site.office.revoke_officer(site.office.officer_keys.id(), number, now())];
    let summary = entries.iter().fold(ListSummary::default(), ListSummary::with);
    let status = second_keys.attest(&second, number, summary, now(), STATUS_VALIDITY).unwrap();
    // Not by the officer whom it is about.
    let own = site.office.officer_keys.attest(&site.office.officer(now()), number, summary, now(), STATUS_VALIDITY);
    assert_eq!(first.ask(put_status(&own.unwrap(), 0, &entries)).await, Answer::Refused(Refusal::OfficerRevoked));
    assert_eq!(other.ask(put_status(&status, 0, &entries)).await, Answer::Done(Nothing {}));
    assert_eq!(first.end().await, End::Goodbye(Refusal::OfficerRevoked));
    let again = Client::connect(&site, site.office.officer_keys.noise(), site.officer()).await.map(|_| ());
    assert_eq!(again, Err(End::Goodbye(Refusal::OfficerRevoked)));
    let refused = Client::connect(&site, keys.noise(), enrolling(&enrolment)).await.map(|_| ());
    assert_eq!(refused, Err(End::Goodbye(Refusal::OfficerRevoked)));
    let put =
        Request::PutRenewal(Bytes::new(renewal(&site, &device, Tier::Official, Duration::ZERO).to_bytes()).unwrap());
    assert_eq!(other.ask(put).await, Answer::Refused(Refusal::OfficerRevoked));
    // Whoever was enrolled before stays.
    assert_eq!(link.ask(Request::Ping(Nothing {})).await, Answer::Done(Nothing {}));
}

/// [DELIV-204] Nobody is cut off by a short renewal, whether of a grant or of a renewal.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_does_not_end_sooner_than_what_stands() {
    let site = Site::new().await;
    let (device, mut link) = site.enrol("ayesha").await;
    let mut officer = officer(&site).await;
    let put = |later, validity| {
        let renewal = renewal_for(&site, &device, Tier::Official, now().after(Duration::from_secs(later)), validity);
        Request::PutRenewal(Bytes::new(renewal.to_bytes()).unwrap())
    };
    let minute = Duration::from_secs(60);
    assert_eq!(officer.ask(put(0, minute)).await, Answer::Refused(Refusal::OldStatement));
    let year_and_a_half = Duration::from_secs(540 * 24 * 3600);
    assert_eq!(officer.ask(put(1, year_and_a_half)).await, Answer::Done(Nothing {}));
    for shorter in [minute, DEVICE_VALIDITY] {
        assert_eq!(officer.ask(put(2, shorter)).await, Answer::Refused(Refusal::OldStatement));
    }
    assert_eq!(officer.ask(put(2, year_and_a_half)).await, Answer::Done(Nothing {}));
    assert_eq!(link.ask(Request::Ping(Nothing {})).await, Answer::Done(Nothing {}));
    // The device is served long after.
    drop((link, officer));
    site.ahead.store(500 * 24 * 3600 * 1000, std::sync::atomic::Ordering::SeqCst);
    drop(site.connect(&device).await);
}

/// Puts up a second officer's statement that revokes the first one.
async fn revoke_first_officer(site: &Site) {
    let (keys, second) = site.office.another_officer(&mut rand_core::OsRng, now());
    let chain = OfficerChain { certificate: second.statement().clone() };
    let identity = Identity::Officer(Bytes::new(chain.to_bytes()).unwrap());
    let mut link = Client::connect(site, keys.noise(), identity).await.unwrap();
    let number = SignedStatus::next_number(None, now());
    let entries = [site.office.revoke_officer(site.office.officer_keys.id(), number, now())];
    let summary = entries.iter().fold(ListSummary::default(), ListSummary::with);
    let status = keys.attest(&second, number, summary, now(), STATUS_VALIDITY).unwrap();
    assert_eq!(link.ask(put_status(&status, 0, &entries)).await, Answer::Done(Nothing {}));
}

/// [DELIV-205] What a revoked officer's key has renewed counts where it was brought in time; a device does not bring it.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_does_not_renew_itself_with_a_revoked_officers_key() {
    let site = Site::new().await;
    let (forger, link) = site.enrol("ayesha").await;
    let (honest, _) = site.enrol("bilal").await;
    let connect =
        async |device: &Device| Client::connect(&site, device.keys.noise(), device.identity()).await.map(|_| ());
    let with = |device: &Device, renewal: &Renewal| {
        let chain = DeviceChain { renewal: Some(renewal.clone()), ..device.chain.clone() };
        Identity::Device(Bytes::new(chain.to_bytes()).unwrap())
    };
    // Brought while the officer was one.
    let brought = renewal(&site, &honest, Tier::Official, Duration::ZERO);
    let mut first = officer(&site).await;
    let put = Request::PutRenewal(Bytes::new(brought.to_bytes()).unwrap());
    assert_eq!(first.ask(put).await, Answer::Done(Nothing {}));
    revoke_first_officer(&site).await;
    drop(link);
    let own = renewal(&site, &forger, Tier::Official, Duration::ZERO);
    let by_own = async || Client::connect(&site, forger.keys.noise(), with(&forger, &own)).await.map(|_| ());
    let by_brought = async || Client::connect(&site, honest.keys.noise(), with(&honest, &brought)).await.map(|_| ());
    // Until it lapses it is served by what is stored.
    assert_eq!((by_own().await, by_brought().await), (Ok(()), Ok(())));
    let lapsed = LAPSE + DEVICE_VALIDITY + Duration::from_secs(3600);
    site.ahead.store(u64::try_from(lapsed.as_millis()).unwrap(), std::sync::atomic::Ordering::SeqCst);
    assert_eq!(connect(&forger).await, Err(End::Goodbye(Refusal::Expired)));
    assert_eq!(by_own().await, Err(End::Goodbye(Refusal::OfficerRevoked)));
    assert_eq!(by_brought().await, Ok(()));
}

/// [DELIV-202] Officers are told of devices that have lapsed, until these are revoked; nobody else is.
#[tokio::test(flavor = "multi_thread")]
async fn officers_learn_who_has_lapsed() {
    let site = Site::new().await;
    let (device, mut link) = site.enrol("ayesha").await;
    let (renewed, _) = site.enrol("bilal").await;
    let later = now().after(LAPSE + DEVICE_VALIDITY + Duration::from_secs(3600));
    let mut first = officer(&site).await;
    let renewal = renewal(&site, &renewed, Tier::Official, Duration::ZERO);
    let put = Request::PutRenewal(Bytes::new(renewal.to_bytes()).unwrap());
    assert_eq!(first.ask(put).await, Answer::Done(Nothing {}));
    let ask = || Request::Lapsed(Text::default());
    let none = LapsedPage { chains: List::default(), more: None };
    assert_eq!(link.ask(ask()).await, Answer::Refused(Refusal::NotAllowed));
    assert_eq!(first.ask(ask()).await, Answer::Lapsed(none.clone()));
    // A year later the first officer's certificate has ended as well.
    site.ahead.store(later.as_millis() - now().as_millis(), std::sync::atomic::Ordering::SeqCst);
    let (keys, second) = site.office.another_officer(&mut rand_core::OsRng, later);
    let chain = OfficerChain { certificate: second.statement().clone() };
    let identity = Identity::Officer(Bytes::new(chain.to_bytes()).unwrap());
    let mut other = Client::connect(&site, keys.noise(), identity).await.unwrap();
    let chains = List::new([Bytes::new(device.chain.to_bytes()).unwrap()]).unwrap();
    assert_eq!(other.ask(ask()).await, Answer::Lapsed(LapsedPage { chains, more: None }));
    let gone = Client::connect(&site, device.keys.noise(), device.identity()).await.map(|_| ());
    assert_eq!(gone, Err(End::Goodbye(Refusal::Expired)));
    let (target, number) = (Target::Device(device.id()), SignedStatus::next_number(None, later));
    let body = RevocationBody { target, ceiling: None, reason: Reason::Lapsed, note: None };
    let entries = [keys.revoke(&second, number, &body, later).unwrap()];
    let summary = entries.iter().fold(ListSummary::default(), ListSummary::with);
    let status = keys.attest(&second, number, summary, later, STATUS_VALIDITY).unwrap();
    assert_eq!(other.ask(put_status(&status, 0, &entries)).await, Answer::Done(Nothing {}));
    assert_eq!(other.ask(ask()).await, Answer::Lapsed(none));
    let gone = Client::connect(&site, device.keys.noise(), device.identity()).await.map(|_| ());
    assert_eq!(gone, Err(End::Goodbye(Refusal::Revoked)));
}
