//! Officers' machines before a relay that shows what it likes, and at whatever time.

use std::{path::Path, time::Duration};

use amanat_identity::{
    Reason, RevocationEntry, StatusView, Target, Tier, body::RevocationBody, policy::STATUS_VALIDITY,
};
use amanat_primitives::{DeviceId, StatementId, Timestamp};
use amanat_wire::Encode as _;
use rand_core::OsRng;

use super::{
    attest::Attested,
    continuation::{Local, NotFollowed},
    folder::{AuthorityFolder, KnownRelay},
    invite::Desk,
    lapsed::Lapsed,
    publish::{FETCHED, Held, take_page},
};
use crate::context::Interrupt;

mod relay;

use relay::{Relay, summary};

const START: Timestamp = Timestamp::from_secs(1_900_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// An officer's machine with that folder; its officer is certified at `since`.
fn desk(relay: &Relay, folder: &Path, since: Timestamp) -> Desk {
    let (keys, officer) = relay.office.another_officer(&mut OsRng, since);
    std::fs::create_dir_all(folder).unwrap();
    let known = KnownRelay { certificate: relay.office.relay_certificate.clone(), relay: relay.office.relay(START) };
    let authority = relay.office.authority().clone();
    Desk { folder: AuthorityFolder::new(folder), authority, officer, keys, relays: vec![known], root: None }
}

fn of(target: Target) -> RevocationBody {
    RevocationBody { target, ceiling: None, reason: Reason::Lost, note: None }
}

fn device(which: u8) -> RevocationBody {
    of(Target::Device(DeviceId::from_bytes([which; 32])))
}

impl Desk {
    async fn publish_at(&self, bodies: &[RevocationBody], now: Timestamp) -> Attested {
        self.publish(bodies, &mut Interrupt::never(), now).await.unwrap()
    }

    fn list(&self) -> Vec<RevocationEntry> {
        self.folder.revocations().unwrap()
    }

    /// The view of whoever has had this machine's list all along.
    fn view(&self, now: Timestamp) -> StatusView {
        let mut view = StatusView::new();
        let status = self.folder.status().unwrap().unwrap().verify_then(&self.authority, now).unwrap();
        let acceptable = view.judge(status, &self.list(), &self.authority).unwrap();
        assert!(view.accept(acceptable));
        view
    }

    /// Whether whoever has `view` takes what lies here.
    fn is_taken_by(&self, view: &StatusView, now: Timestamp) -> bool {
        let status = self.folder.status().unwrap().unwrap().verify(&self.authority, now).unwrap();
        let known = view.revocations().summary().count as usize;
        view.judge(status, self.list().get(known..).unwrap_or_default(), &self.authority).is_ok()
    }
}

fn problem(attested: &Attested) -> Option<String> {
    attested.waiting.first().map(|(_, problem)| problem.failed().to_owned())
}

// [ID-62] [ID-64] [ID-65]
#[tokio::test]
async fn a_relay_that_shows_no_statement_and_a_cut_list_makes_no_other_list() {
    let (relay, folder) = (Relay::start(START), tempfile::tempdir().unwrap());
    let former = desk(&relay, folder.path(), START);
    for which in 0..3 {
        former.publish_at(&[device(which)], START.after(MINUTE * u32::from(which))).await;
    }
    let (list, view) = (former.list(), former.view(START.after(DAY)));
    let late = START.after(366 * DAY);
    let next = desk(&relay, folder.path(), late.before(DAY));
    {
        let mut shown = relay.shown();
        shown.now = late;
        shown.status = None;
        shown.entries.truncate(1);
    }
    let attested = next.publish_at(&[], late).await;
    assert_eq!((problem(&attested), attested.needs_second.len()), (None, 0));
    assert_eq!((next.list(), relay.shown().entries.clone()), (list.clone(), list.clone()));
    assert!(next.is_taken_by(&view, late));
    // What a former officer's key has made since is not taken over, whether it shows a statement for it or none.
    let then = START.after(364 * DAY);
    let forged = former.keys.revoke(&former.officer, then.as_millis(), &device(9), then).unwrap();
    let longer = [list.clone(), vec![forged]].concat();
    let (keys, officer) = (&former.keys, &former.officer);
    let backdated = keys.attest(officer, then.as_millis(), summary(&longer), then, STATUS_VALIDITY).unwrap();
    for status in [None, Some(backdated.clone())] {
        (relay.shown().status, relay.shown().entries) = (status, longer.clone());
        let attested = next.publish_at(&[], late.after(MINUTE)).await;
        assert!(problem(&attested).unwrap().contains("nobody has signed for"), "{:?}", problem(&attested));
        assert_eq!(next.list(), list);
    }
    // A machine that has nothing of its own takes what there is.
    for status in [None, Some(backdated)] {
        (relay.shown().status, relay.shown().entries) = (status, longer.clone());
        let empty = tempfile::tempdir().unwrap();
        let new = desk(&relay, empty.path(), late.before(DAY));
        assert_eq!(problem(&new.publish_at(&[], late.after(2 * MINUTE)).await), None);
        assert_eq!(new.list(), longer);
    }
}

// [ID-65]
#[tokio::test]
async fn where_an_officer_of_today_vouches_for_less_a_longer_list_is_left() {
    let (relay, folder) = (Relay::start(START), tempfile::tempdir().unwrap());
    let desk = desk(&relay, folder.path(), START);
    desk.publish_at(&[device(0), device(1)], START).await;
    let entries = desk.list();
    let held = |count: usize, is_vouched| {
        let entries = entries[..count].to_vec();
        Held { number: START.as_millis() - 1, entries, is_vouched, lapsed: Lapsed::default() }
    };
    let goes_on = |local: Local, relays: [Held; 2]| {
        let relays = relays.each_ref();
        let (continued, refused) = local.continued(&relays, &desk.authority, START).unwrap();
        (continued.entries.len(), refused)
    };
    let new = || Local { entries: Vec::new(), published: 0, is_new: true };
    let unvouched = Some(NotFollowed::Unvouched);
    assert_eq!(goes_on(new(), [held(1, true), held(2, false)]), (1, vec![None, unvouched]));
    assert_eq!(goes_on(new(), [held(1, false), held(2, false)]), (2, vec![None, None]));
    assert_eq!(goes_on(new(), [held(0, true), held(2, true)]), (2, vec![None, None]));
    let old = Local { is_new: false, ..new() };
    assert_eq!(goes_on(old, [held(0, false), held(2, false)]), (0, vec![None, unvouched]));
}

// [ID-67]
#[tokio::test]
async fn no_relay_makes_the_machine_fetch_without_end() {
    let (relay, folder) = (Relay::start(START), tempfile::tempdir().unwrap());
    let desk = desk(&relay, folder.path(), START);
    desk.publish_at(&[device(0), device(1), device(2)], START).await;
    let pages: Vec<_> = desk.list().iter().map(RevocationEntry::to_bytes).collect();
    let take = |mut room: usize, count| {
        let mut entries = Vec::new();
        let taken = take_page(&mut entries, pages.iter().map(Vec::as_slice), count, &mut room);
        taken.map(|any| (any, entries.len(), room)).map_err(|problem| problem.code())
    };
    let size: usize = pages.iter().map(Vec::len).sum();
    assert_eq!(take(size, 3), Ok((true, 3, 0)));
    assert_eq!(take(size - 1, 3), Err("too-large"));
    assert_eq!(take(size, 2), Ok((true, 2, pages[2].len())));
    assert_eq!(take(size, 0), Ok((false, 0, size)));
    // A list whose entries one officer each has signed fits.
    let most = amanat_identity::revocation::ENTRIES_MAX as usize;
    assert!(pages.iter().all(|entry| entry.len() * most < FETCHED));
}

// [ID-64] [ID-66]
#[tokio::test]
async fn what_a_relay_has_had_is_not_signed_again_and_what_none_has_had_is() {
    let (relay, folders) = (Relay::start(START), tempfile::tempdir().unwrap());
    let [first, second] = ["first", "second"].map(|name| desk(&relay, &folders.path().join(name), START));
    let at = |minutes: u32| START.after(MINUTE * minutes);
    first.publish_at(&[device(0)], at(0)).await;
    second.publish_at(&[], at(1)).await;
    // Neither a relay that is away nor one that refuses has had it.
    relay.shown().is_away = true;
    assert!(problem(&first.publish_at(&[device(1), device(2)], at(2)).await).is_some());
    (relay.shown().is_away, relay.shown().refuses) = (false, true);
    assert!(problem(&first.publish_at(&[], at(3)).await).is_some());
    assert_eq!(first.list().len(), 3);
    relay.shown().refuses = false;
    second.publish_at(&[device(3)], at(4)).await;
    let before = relay.shown().entries.clone();
    let view = second.view(at(4));
    assert_eq!(problem(&first.publish_at(&[], at(5)).await), None);
    let list = first.list();
    assert_eq!((&list[..2], list.len()), (&before[..], 4));
    assert!(list[2..].iter().all(|entry| entry.number() == at(5).as_millis() && entry.at() == at(2)));
    assert!(first.is_taken_by(&view, at(5)));
    // Now it has: an officer who goes on with what was before that is not followed, nor does anything change here.
    let kept = first.list();
    relay.shown().entries.truncate(2);
    relay.shown().status = second.folder.status().unwrap();
    second.publish_at(&[device(4)], at(6)).await;
    let attested = first.publish_at(&[], at(7)).await;
    assert!(problem(&attested).unwrap().contains("lacks or changes"), "{:?}", problem(&attested));
    assert_eq!((first.list(), attested.needs_second.len()), (kept.clone(), 0));
    assert_eq!(relay.shown().entries.len(), 3);
    // The same where the relay's list is only shorter, but newer than what it lacks.
    relay.shown().entries.truncate(2);
    let (keys, officer) = (&second.keys, &second.officer);
    let number = at(8).as_millis();
    let shorter = keys.attest(officer, number, summary(&before), at(8), STATUS_VALIDITY).unwrap();
    relay.shown().status = Some(shorter);
    let attested = first.publish_at(&[], at(9)).await;
    assert!(problem(&attested).unwrap().contains("lacks or changes"), "{:?}", problem(&attested));
    assert_eq!(first.list(), kept);
    // One that was restored from a copy, where nobody has gone on, gets all of it as it was.
    relay.shown().status = None;
    assert_eq!(problem(&first.publish_at(&[], at(10)).await), None);
    assert_eq!(relay.shown().entries, kept);
}

// [ID-64]
#[tokio::test]
async fn what_a_relay_may_have_taken_counts_as_taken() {
    let (relay, folder) = (Relay::start(START), tempfile::tempdir().unwrap());
    let desk = desk(&relay, folder.path(), START);
    assert_eq!(desk.folder.published().unwrap(), usize::MAX);
    relay.shown().is_away = true;
    desk.publish_at(&[device(0)], START).await;
    assert_eq!(desk.folder.published().unwrap(), 0);
    (relay.shown().refuses, relay.shown().is_away) = (true, false);
    desk.publish_at(&[], START.after(MINUTE)).await;
    assert_eq!(desk.folder.published().unwrap(), 0);
    (relay.shown().refuses, relay.shown().hangs_up) = (false, true);
    assert!(problem(&desk.publish_at(&[], START.after(MINUTE)).await).is_some());
    assert_eq!((desk.folder.published().unwrap(), relay.shown().entries.len()), (1, 1));
    relay.shown().hangs_up = false;
    assert_eq!(problem(&desk.publish_at(&[], START.after(MINUTE)).await), None);
    assert_eq!(desk.folder.published().unwrap(), 1);
    // No older list takes the place of a longer one, and nothing of it is left behind a shorter one.
    let list = desk.list();
    let longer = [list.clone(), list.clone(), list.clone()].concat();
    desk.folder.keep_revocations(&longer, 1).unwrap();
    assert_eq!(desk.list(), longer);
    desk.folder.keep_revocations(&list, 1).unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("revocations")).unwrap().count(), 1);
}

// [ID-68]
#[tokio::test]
async fn what_is_older_than_the_officer_does_not_stop_the_statement() {
    let (relay, folders) = (Relay::start(START), tempfile::tempdir().unwrap());
    let [ours, theirs] = ["ours", "theirs"].map(|name| folders.path().join(name));
    let (former, other) = (desk(&relay, &ours, START), desk(&relay, &theirs, START));
    relay.shown().is_away = true;
    let grant = of(Target::Grant(StatementId::from_bytes([5; 32])));
    let person = of(Target::Person("ayesha".parse().unwrap()));
    former.publish_at(&[device(1), person.clone(), grant], START).await;
    relay.shown().is_away = false;
    let later = START.after(30 * DAY);
    relay.shown().now = later.after(DAY);
    other.publish_at(&[], later).await;
    // The next officer goes on in that folder.
    let next = desk(&relay, &ours, later);
    let now = later.after(DAY);
    let attested = next.publish_at(&[], now).await;
    assert_eq!((problem(&attested), attested.needs_second.len()), (None, 1));
    let listed = next.list();
    assert!(listed.iter().all(|entry| entry.at() == now), "{listed:?}");
    assert_eq!(listed.len(), 2);
    // What meets whoever was enrolled by then waits for an officer who was one then.
    other.cosign(&attested.needs_second[0], now).unwrap();
    let attested = other.publish_at(&[], now.after(MINUTE)).await;
    assert_eq!(problem(&attested), None);
    let last = other.list().pop().unwrap();
    assert_eq!((last.said().unwrap(), last.at()), (person, START));
}

// [DELIV-206]
#[tokio::test]
async fn no_relay_keeps_a_clearance_from_being_lowered() {
    let (relay, folder) = (Relay::start(START), tempfile::tempdir().unwrap());
    let desk = desk(&relay, folder.path(), START);
    let (_, chain, enrolled) = relay.office.enrol(&mut OsRng, "ayesha", Tier::Secret, START);
    let handle = "ayesha".parse().unwrap();
    let mut at = START;
    let mut lower = async || {
        at = at.after(MINUTE);
        let renewed = desk.renew(&handle, Some(Tier::Official), &mut Interrupt::never(), at).await.unwrap();
        let last = desk.list().pop().unwrap();
        let said = last.said().unwrap();
        assert_eq!((said.target, said.ceiling, last.at()), (Target::Person(handle.clone()), Some(Tier::Official), at));
        renewed
    };
    // It knows nobody; it does not answer; it shows what does not verify.
    assert_eq!(lower().await.undone[0].code(), "not-found");
    assert!(!desk.view(START.after(DAY)).revocations().standing(&enrolled, u64::MAX).is_revoked());
    relay.shown().is_away = true;
    let away = lower().await;
    assert_eq!((away.ceiling.unwrap().waiting.len(), away.undone[0].code()), (1, "offline"));
    relay.shown().is_away = false;
    let other = Relay::start(START);
    relay.shown().people = vec![other.office.enrol(&mut OsRng, "ayesha", Tier::Secret, START).1];
    let foreign = lower().await;
    assert_eq!((foreign.ceiling.unwrap().published.len(), foreign.undone.len()), (1, 1));
    // What it stands beside bears the same time.
    relay.shown().people = vec![chain];
    let done = lower().await;
    assert_eq!((done.devices.len(), done.undone.len(), done.clearance), (1, 0, Some(Tier::Official)));
}
