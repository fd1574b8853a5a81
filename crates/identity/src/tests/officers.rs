//! Officers who are revoked: what they signed before stands, as far as they cannot say so themselves.

use super::*;
use crate::{
    Enrolment, IssueError, KeyId, ListError, ListSummary, NotAccepted, OfficerKeys, Reason, Renewal, RevocationEntry,
    SignedStatus, Standing, Target, VerifiedOfficer,
    body::{RenewalBody, RevocationBody},
    policy::{DEVICE_VALIDITY, NUMBER_AHEAD_MAX, STATUS_VALIDITY},
};

/// An office, and the officer who goes on when the first is revoked.
struct TwoOfficers {
    office: Office,
    keys: OfficerKeys,
    second: VerifiedOfficer,
}

impl TwoOfficers {
    fn new() -> Self {
        let office = Office::new(&mut rng(1), now());
        let (keys, second) = office.another_officer(&mut rng(2), now());
        Self { office, keys, second }
    }

    fn first(&self) -> KeyId {
        self.office.officer_keys.id()
    }

    /// A statement by the second officer that names the list.
    fn naming(&self, all: &[RevocationEntry], number: u64, at: Timestamp) -> SignedStatus {
        let summary = all.iter().fold(ListSummary::default(), ListSummary::with);
        self.keys.attest(&self.second, number, summary, at, STATUS_VALIDITY).unwrap()
    }

    /// Takes the statement of that number that names `all`, of which `new` are brought.
    fn take(
        &self,
        view: &mut StatusView,
        all: &[RevocationEntry],
        new: &[RevocationEntry],
        number: u64,
    ) -> Result<(), NotAccepted> {
        let status = self.naming(all, number, now()).verify(self.office.authority(), now()).unwrap();
        let acceptable = view.judge(status, new, self.office.authority())?;
        assert!(view.accept(acceptable));
        Ok(())
    }

    /// The first officer is revoked from number 20 on.
    fn revoked(&self) -> (StatusView, Vec<RevocationEntry>) {
        let entries = vec![self.office.revoke_officer(self.first(), 20, now())];
        let mut view = StatusView::new();
        self.take(&mut view, &entries, &entries, 20).unwrap();
        (view, entries)
    }
}

fn unknown() -> RevocationBody {
    let target = Target::Device(amanat_primitives::DeviceId::from_bytes([9; 32]));
    RevocationBody { target, ceiling: None, reason: Reason::Lost, note: None }
}

// [ID-39]
#[test]
fn officers_are_revoked_by_the_root_which_revokes_nobody_else() {
    let two = TwoOfficers::new();
    let (office, what) = (&two.office, StatementKind::Revocation);
    let not_theirs = IssueError::Chain(ChainError::WrongIssuer { what });
    let of_first = RevocationBody { target: Target::Officer(two.first()), ..unknown() };
    assert_eq!(two.keys.revoke(&two.second, 20, &of_first, now()).unwrap_err(), not_theirs);
    let root = &office.authority_keys;
    assert_eq!(root.revoke(office.authority(), 20, &unknown(), now()).unwrap_err(), not_theirs);
    let ceiling = RevocationBody { ceiling: Some(Tier::Official), ..of_first.clone() };
    let refused = root.revoke(office.authority(), 20, &ceiling, now()).unwrap_err();
    assert_eq!(refused, IssueError::Chain(ChainError::Mismatch { what }));
    // Nor are they believed.
    let good = office.revoke_officer(two.first(), 20, now());
    let by_officer = two.keys.revoke(&two.second, 20, &unknown(), now()).unwrap();
    let body = |body: &RevocationBody| amanat_wire::Bytes::new(body.to_bytes()).unwrap();
    let swapped = |entry: &RevocationEntry, key: &SigningKey, said: &RevocationBody| RevocationEntry {
        statement: resigned(&entry.statement, key, |signed| signed.body = body(said)),
        ..entry.clone()
    };
    let judge = |entry: RevocationEntry| {
        let mut view = StatusView::new();
        two.take(&mut view, std::slice::from_ref(&entry), std::slice::from_ref(&entry), 20)
    };
    let refused = |error: ChainError| Err(NotAccepted::List(error.into()));
    let (officer, root) = (two.keys.signing(), root.signing());
    assert_eq!(judge(swapped(&by_officer, officer, &of_first)), refused(ChainError::WrongIssuer { what }));
    assert_eq!(judge(swapped(&good, root, &unknown())), refused(ChainError::WrongIssuer { what }));
    assert_eq!(judge(swapped(&good, root, &ceiling)), refused(ChainError::Mismatch { what }));
    // In the root's name, and without its certificate.
    let issuer = good.statement.signed.issuer;
    let forged = resigned(&good.statement, officer, |signed| signed.issuer = issuer);
    let forged = RevocationEntry { statement: forged, ..good.clone() };
    assert_eq!(judge(forged), refused(ChainError::BadSignature { what }));
    let bare = RevocationEntry { certificate: two.second.statement().clone(), ..good.clone() };
    assert!(judge(bare).is_err());
    assert_eq!(judge(good), Ok(()));
}

// [ID-40]
#[test]
fn of_a_revoked_officers_grants_those_count_that_the_relay_took_before() {
    let two = TwoOfficers::new();
    let office = &two.office;
    let (_, chain, before) = office.enrol(&mut rng(3), "ayesha", Tier::Secret, now());
    let (_, _, after) = office.enrol(&mut rng(4), "bilal", Tier::Secret, now().after(HOUR));
    let (view, _) = two.revoked();
    let good = Standing::Good { clearance: Tier::Secret };
    let list = view.revocations();
    assert_eq!(list.standing(&before, u64::MAX), good);
    assert_eq!(list.standing_of(&chain.peek_subject().unwrap(), u64::MAX), good);
    assert!(list.standing(&after, 20).is_revoked());
    assert_eq!(list.standing(&after, 19), good);
    // A grant that bears an earlier date and is redeemed now.
    let keys = DeviceKeys::create(&mut rng(5));
    let work = amanat_primitives::passphrase::WorkPolicy::STANDARD;
    let opened = office.invite(&mut rng(6), "daud", Tier::Secret, now()).open(None, &work, now()).unwrap();
    let enrolment: Enrolment = opened.redeem(&keys, now()).unwrap();
    let refused = enrolment.verify(office.authority(), now(), &view).unwrap_err();
    assert_eq!(refused, ChainError::OfficerRevoked { what: StatementKind::Grant });
    let (relay, verified) = (&office.relay_keys, enrolment.verify(office.authority(), now(), &StatusView::new()));
    let receipt = relay.receipt(&verified.unwrap(), now().after(HOUR)).unwrap();
    let late = enrolment.into_chain(office.relay_certificate.clone(), receipt);
    let late = late.verify(office.authority(), now().after(HOUR), TOLERANCE).unwrap();
    assert!(list.standing(&late, 20).is_revoked());
}

// [ID-41]
#[test]
fn a_revoked_officers_renewal_raises_no_clearance() {
    let two = TwoOfficers::new();
    let office = &two.office;
    let (_, chain, device) = office.enrol(&mut rng(3), "ayesha", Tier::Restricted, now());
    let body = |clearance| RenewalBody {
        grant: device.grant(),
        name: device.name().clone(),
        post: device.post().clone(),
        clearance,
        powers: device.powers(),
    };
    let with = |renewal: Renewal| {
        DeviceChain { renewal: Some(renewal), ..chain.clone() }.verify(office.authority(), now(), TOLERANCE).unwrap()
    };
    let of_first = |clearance| {
        with(office.officer_keys.renew(&office.officer(now()), &body(clearance), now(), DEVICE_VALIDITY).unwrap())
    };
    let of_second = with(two.keys.renew(&two.second, &body(Tier::Secret), now(), DEVICE_VALIDITY).unwrap());
    let raised = of_first(Tier::TopSecret);
    let (view, _) = two.revoked();
    let clearance = |device, as_of| view.revocations().standing(device, as_of);
    assert_eq!(clearance(&raised, 19), Standing::Good { clearance: Tier::TopSecret });
    assert_eq!(clearance(&raised, 20), Standing::Good { clearance: Tier::Restricted });
    assert_eq!(clearance(&of_second, 20), Standing::Good { clearance: Tier::Secret });
}

// [ID-42]
#[test]
fn what_a_revoked_officer_lists_counts_only_where_it_stands_before() {
    let two = TwoOfficers::new();
    let office = &two.office;
    let by_first = |number| office.officer_keys.revoke(&office.officer(now()), number, &unknown(), now()).unwrap();
    let revoked = |number| office.revoke_officer(two.first(), number, now());
    let refused = |what| Err(NotAccepted::List(ListError::Chain(ChainError::OfficerRevoked { what })));
    // Before it, also under the same number.
    let entries = [by_first(20), by_first(21), revoked(21)];
    let mut view = StatusView::new();
    two.take(&mut view, &entries, &entries, 21).unwrap();
    // Behind it, brought together or later.
    let entries = [revoked(20), by_first(20)];
    let what = StatementKind::Revocation;
    assert_eq!(two.take(&mut StatusView::new(), &entries, &entries, 20), refused(what));
    let (mut view, mut entries) = two.revoked();
    entries.push(by_first(21));
    assert_eq!(two.take(&mut view, &entries, &entries[1..], 21), refused(what));
    entries.pop();
    // The second officer's stay possible.
    entries.push(two.keys.revoke(&two.second, 21, &unknown(), now()).unwrap());
    two.take(&mut view, &entries, &entries[1..], 21).unwrap();
    // Nor does a statement of the first one count, whatever date it bears.
    let what = StatementKind::Status;
    let summary = entries.iter().fold(ListSummary::default(), ListSummary::with);
    let early = office.officer_keys.attest(&office.officer(now()), 30, summary, now(), STATUS_VALIDITY).unwrap();
    let early = early.verify(office.authority(), now()).unwrap();
    assert_eq!(view.judge(early, &[], office.authority()).map(|_| ()), refused(what));
    let own = [revoked(40)];
    let summary = own.iter().fold(ListSummary::default(), ListSummary::with);
    let naming = office.officer_keys.attest(&office.officer(now()), 40, summary, now(), STATUS_VALIDITY).unwrap();
    let naming = naming.verify(office.authority(), now()).unwrap();
    assert_eq!(StatusView::new().judge(naming, &own, office.authority()).map(|_| ()), refused(what));
}

// [ID-43]
#[test]
fn no_officer_takes_all_numbers_from_the_others() {
    let two = TwoOfficers::new();
    let highest = now().after(NUMBER_AHEAD_MAX).as_millis();
    let verify = |number| two.naming(&[], number, now()).verify(two.office.authority(), now()).map(|_| ());
    assert_eq!(verify(highest), Ok(()));
    assert_eq!(verify(highest + 1), Err(ChainError::Mismatch { what: StatementKind::Status }));
    assert!(verify(u64::MAX).is_err());
}
