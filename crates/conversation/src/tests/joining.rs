//! The ways into a group (protocol-spec/05-conversation, sections 2 to 6): founding, add, join, re-add. Each leaf is
//! the certified device, cleared for the tier.

use std::collections::BTreeMap;

use amanat_identity::{Tier, testing::Office};
use amanat_primitives::{CryptoRngCore, DeviceId, Timestamp, sign::SigningKey};
use amanat_wire::{Bytes, client::AddAgain, log::UnitKind};
use openmls::prelude::{
    Capabilities, CredentialWithKey, Extensions, KeyPackage, Lifetime, MlsMessageOut, OpenMlsProvider as _,
    tls_codec::Serialize as _,
};

use super::world::{Disk, Member, START, World, receipt_of};
use crate::{
    Conversation, ConversationError, FactsError, JoinError, KeyPackageError, KeyPackageMaker, Kind, LeafFault,
    MembersError, Records, VoidReason, check_key_package, credential,
    key_package::Validity,
    profile::{self, COMMIT_EXTENSION, KEY_PACKAGE_VALIDITY, VALIDITY_EXTENSION},
    provider::{LeafSigner, Provider, SUITE},
    prune_key_packages,
    storage::Storage,
};
use amanat_wire::Encode as _;

fn days(days: u64) -> std::time::Duration {
    std::time::Duration::from_secs(days * 24 * 3600)
}

// [CONV-05] Founding: no member below the tier, the founder included; nothing is made.
#[test]
fn nobody_below_the_tier_is_added_by_an_honest_founder() {
    let mut w = World::new(20);
    let (mut low, mut high) = (w.enrol("low", Tier::Restricted), w.enrol("high", Tier::Secret));
    let spec = w.spec(Kind::Direct, Tier::Confidential);
    let fault = LeafFault::BelowTier { needed: Tier::Confidential, held: Tier::Restricted };
    let low_package = w.checked(&mut low);
    let made = Conversation::create(&spec, &high.device, high.keys.signing(), vec![low_package], 1, w.now, &mut w.rng);
    assert_eq!(made.err(), Some(ConversationError::CannotAdd(low.id(), fault)));
    let high_package = w.checked(&mut high);
    let made = Conversation::create(&spec, &low.device, low.keys.signing(), vec![high_package], 1, w.now, &mut w.rng);
    assert_eq!(made.err(), Some(ConversationError::CannotAdd(low.id(), fault)));
    // Nor later.
    let mut other = w.enrol("other", Tier::Secret);
    let mut third = w.enrol("third", Tier::Secret);
    w.room(Tier::Confidential, &mut high, &mut [&mut other, &mut third]);
    let low_package = w.checked(&mut low);
    let (signing, now) = (high.keys.signing(), w.now);
    let made = high.conversation.as_mut().unwrap().add(vec![low_package], signing, 1, now, &mut w.rng);
    assert_eq!(made.err(), Some(ConversationError::CannotAdd(low.id(), fault)));
}

// [CONV-05] Join: a client finds a member below the tier whoever let it in. The clearance is lowered after the founding
// here, which to the joiner looks as if a dishonest founder had added it.
#[test]
fn a_joiner_refuses_a_group_with_a_member_below_the_tier() {
    let mut w = World::new(21);
    let mut a = w.enrol("a", Tier::Secret);
    let (mut b, mut c) = (w.enrol("b", Tier::Secret), w.enrol("c", Tier::Secret));
    let commit = w.found(Tier::Secret, &mut a, &mut [&mut b, &mut c]);
    w.append_commit(a.id(), UnitKind::Create, &commit);
    let lowered = w.relabel(&c, "c", Tier::Confidential);
    let fault = LeafFault::BelowTier { needed: Tier::Secret, held: Tier::Confidential };
    let mut chains = w.chains.clone();
    chains.insert(c.id(), lowered.clone());
    assert_eq!(w.try_join(&b, &commit, &chains).err(), Some(JoinError::Member(c.id(), fault)));
    // And one that is below the tier itself refuses to join.
    c.device = lowered;
    assert_eq!(w.try_join(&c, &commit, &w.chains.clone()).err(), Some(JoinError::OwnLeaf(fault)));
    assert!(w.try_join(&b, &commit, &w.chains.clone()).is_ok());
}

// [CONV-04] Join: certificate key other than the leaf's, another person, another ministry, an unknown device.
#[test]
fn a_joiner_checks_every_leaf_against_its_chain() {
    let mut w = World::new(22);
    let mut a = w.enrol("a", Tier::Secret);
    let (mut b, mut c) = (w.enrol("b", Tier::Secret), w.enrol("c", Tier::Secret));
    let commit = w.found(Tier::Official, &mut a, &mut [&mut b, &mut c]);
    w.append_commit(a.id(), UnitKind::Create, &commit);
    let with = |id: DeviceId, device: &amanat_identity::VerifiedDevice| {
        let mut chains = w.chains.clone();
        chains.insert(id, device.clone());
        chains
    };
    let other_key = w.enrol_clone(&c).device;
    let cases = [
        (with(c.id(), &other_key), LeafFault::OtherDevice),
        (with(c.id(), &w.relabel(&c, "d", Tier::Secret)), LeafFault::OtherAddress),
        (with(c.id(), &w.in_other_ministry(&c)), LeafFault::OtherAddress),
        (with(a.id(), &w.relabel(&a, "x", Tier::Secret)), LeafFault::OtherAddress),
    ];
    for (chains, fault) in cases {
        let refused = w.try_join(&b, &commit, &chains).err().unwrap();
        assert!(matches!(refused, JoinError::Member(_, found) if found == fault), "{refused}");
    }
    let mut missing = w.chains.clone();
    missing.remove(&c.id());
    assert_eq!(w.try_join(&b, &commit, &missing).err(), Some(JoinError::Unverified(c.id())));
    b.device = w.relabel(&b, "bb", Tier::Secret);
    assert_eq!(w.try_join(&b, &commit, &w.chains.clone()).err(), Some(JoinError::OwnLeaf(LeafFault::OtherAddress)));
}

// [CONV-04] The leaf's key is the certified key: at the KeyPackage, at founding, at join.
#[test]
fn a_leaf_with_another_key_than_the_certified_one_is_refused_everywhere() {
    let mut w = World::new(23);
    let (mut a, b) = (w.enrol("a", Tier::Secret), w.enrol("b", Tier::Secret));
    let thief = SigningKey::generate(&mut w.rng);
    // Making: neither a KeyPackage nor a conversation with another key.
    let maker = KeyPackageMaker { device: &b.device, signing: &thief };
    let made = maker.one_time(1, &mut Records::default(), w.now, &mut w.rng);
    assert_eq!(made.err(), Some(ConversationError::OtherKey));
    let spec = w.spec(Kind::Direct, Tier::Official);
    let made = Conversation::create(&spec, &a.device, &thief, vec![], 1, w.now, &mut w.rng);
    assert_eq!(made.err(), Some(ConversationError::OtherKey));
    // Checking: a KeyPackage of the right device, person and suite, signed with the thief's own key.
    let forged = w.forge(&b, &thief, |_| {});
    assert_eq!(check_key_package(&forged, &b.device, w.now).err(), Some(KeyPackageError::Leaf(LeafFault::OtherKey)));
    // Joining: a founder that checked nothing put it in.
    let mut c = w.enrol("c", Tier::Secret);
    let mut forged = crate::CheckedKeyPackage { package: w.parse(&forged), device: b.device.clone() };
    let good = w.checked(&mut c);
    let commit = w.found_unchecked(&mut a, vec![forged.clone(), good]);
    w.append_commit(a.id(), UnitKind::Create, &commit);
    let refused = w.try_join(&c, &commit, &w.chains.clone()).err();
    assert_eq!(refused, Some(JoinError::Member(b.id(), LeafFault::OtherKey)));
    // An honest founder does not get so far.
    forged.device = b.device.clone();
    let made = Conversation::create(&spec, &a.device, a.keys.signing(), vec![forged], 1, w.now, &mut w.rng);
    assert_eq!(made.err(), Some(ConversationError::CannotAdd(b.id(), LeafFault::OtherKey)));
}

// [CONV-06] [CONV-20]
#[test]
fn key_packages_are_checked_to_the_last_field() {
    let mut w = World::new(24);
    let (a, mut b) = (w.enrol("a", Tier::Secret), w.enrol("b", Tier::Secret));
    let good = w.package(&mut b);
    assert!(check_key_package(&good, &b.device, w.now).is_ok());
    let refused = |bytes: &[u8], device: &Member, now| check_key_package(bytes, &device.device, now).err().unwrap();
    assert_eq!(refused(&good, &a, w.now), KeyPackageError::Leaf(LeafFault::OtherDevice));
    assert_eq!(refused(&good, &b, w.now.after(days(31))), KeyPackageError::Expired { since: START.after(days(30)) });
    assert_eq!(refused(&good, &b, w.now.before(days(1))), KeyPackageError::NotYetValid { from: START });
    assert!(check_key_package(&good, &b.device, w.now.before(Timestamp::CLOCK_TOLERANCE)).is_ok());
    let mut suite = good.clone();
    suite[7] = 3;
    assert_eq!(refused(&suite, &b, w.now), KeyPackageError::OtherSuite);
    for at in (0..good.len()).step_by(7) {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        assert!(check_key_package(&flipped, &b.device, w.now).is_err(), "byte {at}");
    }
    assert_eq!(refused(&good[..good.len() - 1], &b, w.now), KeyPackageError::Malformed);
    assert_eq!(refused(&[&good[..], &[0]].concat(), &b, w.now), KeyPackageError::Malformed);
    assert_eq!(refused(&vec![0; amanat_wire::limits::KEY_PACKAGE + 1], &b, w.now), KeyPackageError::Malformed);

    let own = b.keys.signing();
    type Change = fn(&mut Forged);
    type Expected = fn(&KeyPackageError) -> bool;
    let cases: [(Change, Expected); 9] = [
        (|f| f.validity = None, |e| *e == KeyPackageError::Extensions),
        (|f| f.validity = Some(vec![1, 2, 3]), |e| matches!(e, KeyPackageError::Validity(_))),
        (|f| f.set(days(60)), |e| *e == KeyPackageError::TooLong),
        (
            |f| f.capabilities = Capabilities::new(None, Some(&[SUITE]), Some(&f.extensions()), Some(&[]), None),
            |e| *e == KeyPackageError::Leaf(LeafFault::Capabilities),
        ),
        (
            |f| f.credential.credential = openmls::prelude::BasicCredential::new(vec![1]).into(),
            |e| *e == KeyPackageError::Leaf(LeafFault::Credential),
        ),
        (|f| f.last_resort = true, |_| false),
        (|f| f.name(DeviceId::from_bytes([9; 32])), |e| *e == KeyPackageError::Leaf(LeafFault::OtherDevice)),
        (|f| f.more(0xF1FF), |e| *e == KeyPackageError::Extensions),
        (|f| f.lifetime = Lifetime::init(0, 1), |e| *e == KeyPackageError::Invalid),
    ];
    for (n, (change, expected)) in cases.into_iter().enumerate() {
        let forged = w.forge(&b, own, change);
        match check_key_package(&forged, &b.device, w.now) {
            Err(error) => assert!(expected(&error), "case {n}: {error}"),
            // A last-resort one is good, and says so.
            Ok(checked) => assert!(n == 5 && checked.last_resort(), "case {n}"),
        }
    }
}

// [CONV-22]
#[test]
fn a_one_time_key_package_opens_one_welcome_and_a_last_resort_one_more() {
    let mut w = World::new(25);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    let maker = KeyPackageMaker { device: &b.device, signing: b.keys.signing() };
    let mut records = Records::default();
    let last = maker.last_resort(&mut records, w.now, &mut w.rng).unwrap();
    b.packages.write(records.take_changes());
    let last = check_key_package(&last, &b.device, w.now).unwrap();
    assert!(last.last_resort());
    let spec = w.spec(Kind::Direct, Tier::Official);
    for _ in 0..2 {
        let made = Conversation::create(&spec, &a.device, a.keys.signing(), vec![last.clone()], 1, w.now, &mut w.rng);
        let made = made.unwrap();
        w.log.clear();
        w.append_commit(a.id(), UnitKind::Create, &made.commit);
        a.conversation = Some(made.conversation);
        a.restart();
        w.catch_up(&mut a);
        // The second is a new group under the same id: it replaces the first, records and all.
        w.join(&mut b, &made.commit);
        assert_eq!(b.packages.0.len(), 1);
        assert_eq!(a.conv().epoch_authenticator(), b.conv().epoch_authenticator());
    }
    w.log.clear();
    let commit = w.found(Tier::Official, &mut a, &mut [&mut b]);
    w.append_commit(a.id(), UnitKind::Create, &commit);
    assert_eq!(b.packages.0.len(), 2);
    w.join(&mut b, &commit);
    assert_eq!(b.packages.0.len(), 1, "the one-time one is gone");
    assert_eq!(w.try_join(&b, &commit, &w.chains.clone()).err(), Some(JoinError::NoKeyPackage));
    // Private halves go a week after their validity.
    let mut records = b.packages.read();
    assert_eq!(prune_key_packages(&mut records, w.now.after(days(96))), 0);
    assert_eq!(prune_key_packages(&mut records, w.now.after(days(98))), 1);
    assert!(records.is_empty());
}

// [CONV-35] [CONV-42] What a group of the same id left behind is gone after a re-join.
#[test]
fn rejoining_replaces_every_record() {
    let mut w = World::new(26);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b]);
    w.say(&mut a, "old");
    w.catch_up(&mut b);
    w.say(&mut b, "content 1 of b");
    w.encrypt(&mut b, "never seen again");
    w.catch_up(&mut a);
    let old: Vec<_> = b.disk.0.clone().into_iter().collect();
    let package = w.checked(&mut b);
    let (signing, now) = (a.keys.signing(), w.now);
    let asked = AddAgain::sign(w.id, b.id(), now, b.keys.signing());
    let commit = a.conversation.as_mut().unwrap().add_again(package, asked, signing, 1, now, &mut w.rng).unwrap();
    a.restart();
    w.append_commit(a.id(), UnitKind::Commit, &commit);
    w.catch_up(&mut a);
    w.join(&mut b, &commit);
    // The first body that b had sent is unknown to it now, and no record is left as it was.
    assert!(b.disk.0.keys().all(|key| !key.starts_with(b"our-sent/")));
    let kept = old.iter().filter(|(key, value)| b.disk.0.get(key) == Some(value));
    let kept: Vec<_> = kept.map(|(key, _)| String::from_utf8_lossy(&key[..key.len() - 3]).into_owned()).collect();
    assert!(kept.iter().all(|key| ["config", "state", "own-leaf", "resumption"].contains(&key.as_str())), "{kept:?}");
    w.say(&mut a, "welcome back");
    assert_eq!(w.step(&mut b).text(), "welcome back");
    w.say(&mut b, "thanks");
    let seen = w.catch_up(&mut a);
    assert_eq!((seen[1].text().as_str(), seen[1].message().order), ("thanks", crate::Order::InOrder));
}

// [CONV-11] [CONV-12]
#[test]
fn direct_conversations_are_between_two_and_nobody_is_there_twice() {
    let mut w = World::new(27);
    let (a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    let mut c = w.enrol("c", Tier::Official);
    let spec = w.spec(Kind::Direct, Tier::Official);
    let (b1, b2, c1) = (w.checked(&mut b), w.checked(&mut b), w.checked(&mut c));
    let mut found = |members| {
        let made = Conversation::create(&spec, &a.device, a.keys.signing(), members, 1, w.now, &mut w.rng);
        made.err()
    };
    let refused = |error| Some(ConversationError::Members(error));
    assert_eq!(found(vec![]), refused(MembersError::NotTwoPeople));
    assert_eq!(found(vec![b1.clone(), c1]), refused(MembersError::NotTwoPeople));
    assert_eq!(found(vec![b1.clone(), b2]), refused(MembersError::Twice(b.id())));
    assert_eq!(found(vec![b1]), None);
}

// [CONV-16] [CONV-21] A joiner judges the commit that added it like everyone else.
#[test]
fn a_commit_far_from_the_stamp_or_an_expired_key_package_is_refused_by_the_joiner() {
    let mut w = World::new(28);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    let commit = w.found(Tier::Official, &mut a, &mut [&mut b]);
    w.append_commit(a.id(), UnitKind::Create, &commit);
    w.now = START.after(Timestamp::CLOCK_TOLERANCE);
    assert!(w.try_join(&b, &commit, &w.chains.clone()).is_ok());
    for off in [days(1), Timestamp::CLOCK_TOLERANCE + std::time::Duration::from_millis(1)] {
        for now in [START.after(off), START.before(off)] {
            w.now = now;
            let refused = w.try_join(&b, &commit, &w.chains.clone()).err();
            assert_eq!(refused, Some(JoinError::Void(VoidReason::TimeOff)));
        }
    }
    // A dishonest founder uses a KeyPackage after its time.
    w.now = START;
    let package = w.checked(&mut b);
    w.now = START.after(days(31));
    let late = Conversation::create(
        &w.spec(Kind::Direct, Tier::Official),
        &a.device,
        a.keys.signing(),
        vec![package.clone()],
        1,
        w.now,
        &mut w.rng,
    );
    let expired = KeyPackageError::Expired { since: START.after(days(30)) };
    assert_eq!(late.err(), Some(ConversationError::CannotAddPackage(b.id(), expired)));
    let commit = w.found_unchecked(&mut a, vec![package]);
    w.log.clear();
    w.append_commit(a.id(), UnitKind::Create, &commit);
    assert_eq!(w.try_join(&b, &commit, &w.chains.clone()).err(), Some(JoinError::KeyPackage(expired)));
}

#[test]
fn parts_of_two_welcomes_do_not_make_one() {
    let mut w = World::new(29);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    let first = w.found(Tier::Official, &mut a, &mut [&mut b]);
    let second = w.found(Tier::Official, &mut a, &mut [&mut b]);
    w.append_commit(a.id(), UnitKind::Create, &first);
    let packages = b.packages.read();
    let stage = |part: &amanat_wire::relay::WelcomePart| Conversation::stage_join(part, &b.device, &packages).err();
    let good = w.part(&b, &first);
    assert_eq!(stage(&good), None);
    let mixed = amanat_wire::relay::WelcomePart { group_info: second.group_info.clone(), ..good.clone() };
    assert_eq!(stage(&mixed), Some(JoinError::Undecryptable));
    let mut elsewhere = good.clone();
    elsewhere.conversation = amanat_primitives::ConversationId::from_bytes([9; 16]);
    assert_eq!(stage(&elsewhere), Some(JoinError::OtherConversation));
    // [DELIV-219] Nor at a place that no log reaches.
    for position in [0, crate::MAX_POSITION + 1, u64::MAX] {
        let nowhere = amanat_wire::relay::WelcomePart { position, ..good.clone() };
        assert_eq!(stage(&nowhere), Some(JoinError::Malformed));
    }
    let empty = amanat_wire::relay::WelcomePart { group_secrets: Bytes::default(), ..good.clone() };
    assert_eq!(stage(&empty), Some(JoinError::Malformed));
    let twice = [&good.group_secrets[..], &good.group_secrets[..]].concat();
    let twice = amanat_wire::relay::WelcomePart { group_secrets: Bytes::new(twice).unwrap(), ..good };
    assert_eq!(stage(&twice), Some(JoinError::Malformed));
}

// [CONV-10] A group without our facts, or with more than them, is none of ours.
#[test]
fn a_group_whose_context_is_not_ours_is_refused() {
    let mut w = World::new(30);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    type Change = fn(&mut crate::GroupFacts);
    let cases: [(Change, JoinError); 3] = [
        (|facts| facts.policy_version = 9, JoinError::Facts(FactsError::Newer)),
        (|facts| facts.version = 2, JoinError::Facts(FactsError::Newer)),
        (
            |facts| facts.conversation = amanat_primitives::ConversationId::from_bytes([5; 16]),
            JoinError::Facts(FactsError::OtherConversation),
        ),
    ];
    for (change, expected) in cases {
        let package = w.checked(&mut b);
        let commit = w.found_with(&mut a, vec![package], change);
        w.log.clear();
        w.append_commit(a.id(), UnitKind::Create, &commit);
        assert_eq!(w.try_join(&b, &commit, &w.chains.clone()).err(), Some(expected));
    }
    // Facts that are not required of all, facts beside others, and no facts.
    let facts = crate::GroupFacts::new(&w.spec(Kind::Group, Tier::Official));
    let ours = || profile::private_extension(profile::GROUP_EXTENSION, facts.to_bytes());
    let roles = crate::Roles::founded_by(a.device.address().clone());
    let mut more = facts.extensions(Some(&roles)).unwrap();
    more.add(profile::private_extension(COMMIT_EXTENSION, vec![1])).unwrap();
    for context in [Extensions::single(ours()).unwrap(), more, Extensions::default()] {
        let package = w.checked(&mut b);
        let commit = w.found_as(&mut a, vec![package], context, None);
        w.log.clear();
        w.append_commit(a.id(), UnitKind::Create, &commit);
        let refused = w.try_join(&b, &commit, &w.chains.clone()).err();
        assert_eq!(refused, Some(JoinError::Facts(FactsError::Extensions)));
    }
}

// [CONV-17] A GroupInfo carries the tree and the commit's facts, and nothing else; and the facts name the joiner.
#[test]
fn a_welcome_with_other_extensions_is_refused() {
    let mut w = World::new(31);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    let facts = crate::GroupFacts::new(&w.spec(Kind::Group, Tier::Official));
    let roles = crate::Roles::founded_by(a.device.address().clone());
    let says = |added: &[DeviceId]| {
        let commit = crate::CommitFacts::new(START, 1, added.to_vec(), []).unwrap();
        profile::private_extension(COMMIT_EXTENSION, commit.to_bytes())
    };
    let void = JoinError::Void(VoidReason::RosterMismatch);
    let cases = [
        (vec![], JoinError::Extensions),
        (vec![profile::private_extension(COMMIT_EXTENSION, vec![1, 2])], JoinError::Extensions),
        (vec![says(&[b.id()]), profile::private_extension(0xF1FF, vec![])], JoinError::Extensions),
        (vec![profile::private_extension(0xF1FF, vec![])], JoinError::Extensions),
        (vec![says(&[])], void),
        (vec![says(&[a.id()])], void),
    ];
    for (extensions, expected) in cases {
        let package = w.checked(&mut b);
        let commit = w.found_as(&mut a, vec![package], facts.extensions(Some(&roles)).unwrap(), Some(extensions));
        w.log.clear();
        w.append_commit(a.id(), UnitKind::Create, &commit);
        assert_eq!(w.try_join(&b, &commit, &w.chains.clone()).err(), Some(expected));
    }
}

/// What a forger may choose in a KeyPackage.
pub(super) struct Forged {
    pub(super) validity: Option<Vec<u8>>,
    device: DeviceId,
    now: Timestamp,
    capabilities: Capabilities,
    credential: CredentialWithKey,
    last_resort: bool,
    lifetime: Lifetime,
    more: Option<u16>,
}

impl Forged {
    fn set(&mut self, span: std::time::Duration) {
        let Self { device, now, .. } = *self;
        let validity = Validity { version: 1, device, made_at: now, not_after: now.after(span) };
        self.validity = Some(validity.to_bytes());
    }

    fn name(&mut self, device: DeviceId) {
        self.device = device;
        self.set(KEY_PACKAGE_VALIDITY);
    }

    /// One more extension, and the capability for it.
    fn more(&mut self, number: u16) {
        let more = [openmls::prelude::ExtensionType::Unknown(number)];
        let extensions = [profile::capabilities().extensions(), &more].concat();
        self.capabilities = Capabilities::new(None, Some(&[SUITE]), Some(&extensions), Some(&[]), None);
        self.more = Some(number);
    }

    fn extensions(&self) -> [openmls::prelude::ExtensionType; 1] {
        [openmls::prelude::ExtensionType::Unknown(VALIDITY_EXTENSION)]
    }
}

impl World {
    fn try_join(
        &self,
        member: &Member,
        commit: &crate::OutgoingCommit,
        chains: &BTreeMap<DeviceId, amanat_identity::VerifiedDevice>,
    ) -> Result<Conversation, JoinError> {
        let mut packages = member.packages.read();
        let staged = Conversation::stage_join(&self.part(member, commit), &member.device, &packages)?;
        let done = staged.approve(chains, &receipt_of(commit, self.now), &mut packages, Records::default());
        assert_eq!(done.is_err(), packages.take_changes().is_empty());
        done
    }

    /// The same keys certified for another handle or clearance.
    fn relabel(&self, member: &Member, handle: &str, tier: Tier) -> amanat_identity::VerifiedDevice {
        self.certify(&self.office, member, handle, tier)
    }

    pub(super) fn in_other_ministry(&self, member: &Member) -> amanat_identity::VerifiedDevice {
        let mut rng = self.rng.clone();
        let tls = amanat_primitives::Digest::from_bytes([1; 32]);
        let keys = amanat_identity::RelayKeys::create(&mut rng, zeroize::Zeroizing::new(vec![1; 48]), tls).unwrap();
        let office = Office::with_relay(&mut rng, START, "finance.gov.pk", keys, &["127.0.0.1:7444"]);
        self.certify(&office, member, member.device.address().handle.as_str(), Tier::Secret)
    }

    fn certify(&self, office: &Office, member: &Member, handle: &str, tier: Tier) -> amanat_identity::VerifiedDevice {
        let mut rng = self.rng.clone();
        let work = amanat_primitives::passphrase::WorkPolicy::STANDARD;
        let invitation = office.invite(&mut rng, handle, tier, self.now);
        let enrolment = invitation.open(None, &work, self.now).unwrap().redeem(&member.keys, self.now).unwrap();
        let verified = enrolment.verify(office.authority(), self.now, &amanat_identity::StatusView::new()).unwrap();
        let receipt = office.relay_keys.receipt(&verified, self.now).unwrap();
        let chain = enrolment.into_chain(office.relay_certificate.clone(), receipt);
        chain.verify(office.authority(), self.now, Timestamp::CLOCK_TOLERANCE).unwrap()
    }

    /// Another device of the same person.
    fn enrol_clone(&self, member: &Member) -> Member {
        let mut rng = self.rng.clone();
        let handle = member.device.address().handle.as_str();
        let (keys, _, device) = self.office.enrol(&mut rng, handle, Tier::Secret, self.now);
        Member { keys, device, packages: Disk::default(), disk: Disk::default(), conversation: None }
    }

    /// A KeyPackage as a forger makes it: valid MLS, with whatever content.
    pub(super) fn forge(&mut self, member: &Member, signing: &SigningKey, change: impl FnOnce(&mut Forged)) -> Vec<u8> {
        let mut credential = credential::own(&member.device);
        credential.signature_key = signing.verifying_key().as_bytes().to_vec().into();
        let mut forged = Forged {
            validity: None,
            device: member.id(),
            now: self.now,
            capabilities: profile::capabilities(),
            credential,
            last_resort: false,
            lifetime: profile::lifetime(),
            more: None,
        };
        forged.set(KEY_PACKAGE_VALIDITY);
        change(&mut forged);
        let mut records = Records::default();
        let rng: &mut dyn CryptoRngCore = &mut self.rng;
        let provider = Provider::new(Storage::of_device(&mut records), Some(rng));
        let validity = forged.validity.map(|bytes| profile::private_extension(VALIDITY_EXTENSION, bytes));
        let more = forged.more.map(|number| profile::private_extension(number, vec![]));
        let extensions = validity.into_iter().chain(more).collect();
        let mut builder = KeyPackage::builder()
            .key_package_lifetime(forged.lifetime)
            .key_package_extensions(Extensions::from_vec(extensions).unwrap())
            .leaf_node_capabilities(forged.capabilities);
        if forged.last_resort {
            builder = builder.mark_as_last_resort();
        }
        let bundle = builder.build(SUITE, &provider, &LeafSigner(signing), forged.credential).unwrap();
        MlsMessageOut::from(bundle.into_key_package()).tls_serialize_detached().unwrap()
    }

    pub(super) fn parse(&self, bytes: &[u8]) -> KeyPackage {
        use openmls::prelude::{MlsMessageBodyIn, MlsMessageIn, ProtocolVersion, tls_codec::Deserialize as _};
        let MlsMessageBodyIn::KeyPackage(unverified) = MlsMessageIn::tls_deserialize_exact(bytes).unwrap().extract()
        else {
            panic!("not a KeyPackage")
        };
        let mut records = Records::default();
        let provider = Provider::new(Storage::of_device(&mut records), None);
        unverified.validate(provider.crypto(), ProtocolVersion::Mls10).unwrap()
    }
}
