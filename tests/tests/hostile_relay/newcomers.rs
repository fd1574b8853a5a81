//! Who comes in, as a hostile relay would have it: devices and leaves that nobody certified, KeyPackages that are forged,
//! too old, used before, gone or of another suite, and Welcomes from before.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use amanat_client::{
    Command, Reply,
    api::{ConversationState, MessageState, Target},
};
use amanat_conversation::{
    CheckedKeyPackage, Conversation, KeyPackageMaker, Kind, NewConversation, OutgoingCommit, Records, check_key_package,
};
use amanat_identity::{DeviceChain, DeviceKeys, Tier, VerifiedDevice, testing::Office};
use amanat_primitives::{ConversationId, DeviceId, Timestamp};
use amanat_tests::by_hand::unit;
use amanat_wire::{
    Bytes, Decode as _, Encode as _, limits,
    log::UnitKind,
    relay::{Answer, ClaimedKeyPackage, Direct},
};
use rand_core::OsRng;

use super::{
    Seen,
    loss::{GOES_ON, keep},
    staff::{HANDLES, Run, Staff},
};

type KeyPackage = Bytes<{ limits::KEY_PACKAGE }>;

/// A device of somebody whom no engine plays.
struct Puppet {
    keys: DeviceKeys,
    chain: DeviceChain,
    own: VerifiedDevice,
}

impl Puppet {
    fn of(office: &Office, handle: &str, now: Timestamp) -> Self {
        let (keys, chain, own) = office.enrol(&mut OsRng, handle, Tier::Secret, now);
        Self { keys, chain, own }
    }

    fn key_package(&self, made: Timestamp) -> KeyPackage {
        let maker = KeyPackageMaker { device: &self.own, signing: self.keys.signing() };
        maker.one_time(1, &mut Records::default(), made, &mut OsRng).unwrap().remove(0)
    }

    fn last_resort(&self, made: Timestamp) -> KeyPackage {
        let maker = KeyPackageMaker { device: &self.own, signing: self.keys.signing() };
        maker.last_resort(&mut Records::default(), made, &mut OsRng).unwrap()
    }

    /// The directory lists it.
    fn listed(&self, staff: &Staff) {
        let chain = Bytes::new(self.chain.to_bytes()).unwrap();
        let handle = self.own.address().handle.to_string();
        staff.foe.state().people.insert(self.own.id(), (handle, chain));
    }

    fn forgotten(&self, staff: &Staff) {
        staff.foe.state().people.remove(&self.own.id());
    }
}

/// An authority that is not ours, at our domain.
fn other_office(staff: &Staff) -> Office {
    Office::new(&mut OsRng, staff.rig.clock.now())
}

/// Opens a group with somebody, which must be refused, and leaves nothing behind.
async fn is_refused(run: &Run<'_>, by: usize, handle: &str) -> String {
    let before = conversations(run, by).await;
    let members = vec![staff_address(run, handle)];
    let new = Command::New { title: "Another".into(), tier: Tier::Official, members };
    let asked = tokio::time::timeout(super::staff::PATIENCE, run.person(by).engine.ask(new));
    let refused = asked.await.expect("an answer").expect_err("refused");
    assert_eq!(conversations(run, by).await, before, "nothing stays of it");
    refused.code.name().to_owned()
}

fn staff_address(run: &Run<'_>, handle: &str) -> amanat_identity::Address {
    run.staff.rig.address(handle)
}

async fn conversations(run: &Run<'_>, by: usize) -> usize {
    let Reply::Conversations(all) = run.person(by).ask(Command::Conversations).await else { panic!() };
    all.len()
}

/// What the relay hands out for one device, instead of what that has published.
fn hand_out(run: &Run<'_>, whose: DeviceId, package: KeyPackage) {
    run.foe().state().hooks.answer = Some(Box::new(move |_, _, answer| match answer {
        Answer::KeyPackages(packages) => {
            let packages = packages.into_iter().map(|claimed| match claimed.device == whose {
                true => ClaimedKeyPackage { key_package: package.clone(), ..claimed },
                false => claimed,
            });
            Answer::KeyPackages(amanat_wire::List::new(packages.collect::<Vec<_>>()).unwrap())
        }
        answer => answer,
    }));
}

async fn refused_and_goes_on(run: &mut Run<'_>, by: usize, handle: &str) -> Seen {
    is_refused(run, by, handle).await;
    run.foe().be_honest();
    run.goes_on().await;
    run.check_complete().await;
    assert_eq!(run.kinds().await, BTreeSet::new());
    Seen::plain("refused", "at once", GOES_ON)
}

/// Somebody is added, and does not get the first that one of the others says after that. What comes then is the first of
/// this sender that it sees: so its receipts say where that began, and nothing is shown as delivered by them. What was
/// said before stays delivered. [DELIV-252]
pub(crate) async fn withheld_from_newcomer(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run_with(seed, &[1]).await;
    let (sender, newcomer) = (1, 2);
    let before = run.says_and_sends(sender).await;
    run.settle().await;
    let delivered = async |run: &Run<'_>, message| {
        matches!(run.state_of(sender, message).await, MessageState::Delivered | MessageState::Read)
    };
    assert!(delivered(&run, before).await);
    let (to, by, done) = (run.device(newcomer), run.device(sender), Arc::new(AtomicBool::new(false)));
    keep(&run, move |delivery| {
        let said = delivery.to == to && delivery.entry.sender == by && delivery.entry.kind == UnitKind::Message;
        said && !done.swap(true, Ordering::Relaxed)
    });
    let (conversation, members) = (run.conversation, vec![staff_address(&run, HANDLES[newcomer])]);
    run.person(0).ask(Command::Add { conversation, members }).await;
    run.members.push(newcomer);
    run.settle().await;
    assert!(delivered(&run, before).await, "a newcomer matters for nothing that was said before");
    let kept = run.says_and_sends(sender).await;
    run.settle_somehow().await;
    let seen = run.says_and_sends(sender).await;
    run.settle_somehow().await;
    assert!(run.has(newcomer, seen).await && !run.has(newcomer, kept).await);
    let kinds = run.kinds().await;
    run.goes_on().await;
    assert_eq!(run.state_of(sender, kept).await, MessageState::Accepted);
    Seen::shown(kinds, "next message of its sender", GOES_ON)
}

/// The directory has a device that our authority never certified, of somebody who exists or not; or the relay names one
/// as added in its receipt for a commit.
pub(crate) async fn ghost_device(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let by = run.somebody();
    let now = staff.rig.clock.now();
    match seed % 3 {
        0 => {
            let ghost = Puppet::of(&other_office(staff), "driver", now);
            ghost.listed(staff);
            let seen = refused_and_goes_on(&mut run, by, "driver").await;
            ghost.forgotten(staff);
            seen
        }
        1 => {
            // Beside a true one: that one alone is invited.
            let whom = run.somebody_but(&[by]);
            let ghost = Puppet::of(&other_office(staff), HANDLES[whom], now);
            ghost.listed(staff);
            let members = vec![staff.rig.address(HANDLES[whom])];
            let new = Command::New { title: "Another".into(), tier: Tier::Official, members };
            let Reply::Sent { conversation, .. } = run.person(by).ask(new).await else { panic!() };
            run.settle().await;
            let members = run.person(by).members(conversation).await;
            assert_eq!(members.len(), 2);
            assert!(members.iter().all(|member| member.device != ghost.own.id()));
            ghost.forgotten(staff);
            run.goes_on().await;
            assert_eq!(run.kinds().await, BTreeSet::new());
            Seen::plain("refused", "at once", GOES_ON)
        }
        _ => {
            let ghost = DeviceId::from_bytes([0x66; 32]);
            staff.foe.state().hooks.ghost = Some(ghost);
            let conversation = run.conversation;
            let retitle = Command::SetRole { conversation, person: staff.rig.address(HANDLES[1]), moderator: true };
            let failed = tokio::time::timeout(super::staff::PATIENCE, run.person(0).engine.ask(retitle)).await;
            assert!(failed.expect("an answer").is_err());
            staff.foe.be_honest();
            run.settle().await;
            for index in run.members.clone() {
                let kinds = run.kinds_of(index).await;
                assert!(kinds.contains("void-commit"), "{kinds:?}");
            }
            let kinds = run.kinds().await;
            run.goes_on().await;
            Seen::shown(kinds, "at once", GOES_ON)
        }
    }
}

/// A group that a puppet has founded with everybody, who all have joined.
struct Rogue {
    puppet: Puppet,
    group: Conversation,
}

impl Rogue {
    fn found(staff: &Staff, puppet: Puppet) -> Self {
        puppet.listed(staff);
        let now = staff.rig.clock.now();
        let new = NewConversation {
            conversation: ConversationId::random(&mut OsRng),
            kind: Kind::Group,
            tier: Tier::Official,
            relay: staff.rig.office.relay(now).id(),
        };
        let packages = staff.devices.iter().map(|device| checked(staff, *device, now)).collect();
        let signing = puppet.keys.signing();
        let created = Conversation::create(&new, &puppet.own, signing, packages, 0, now, &mut OsRng).unwrap();
        let group = created.conversation;
        let mut rogue = Self { puppet, group };
        rogue.append(staff, UnitKind::Create, created.commit);
        rogue
    }

    /// Appends; what is its own, and allowed, is taken in.
    fn append(&mut self, staff: &Staff, kind: UnitKind, commit: OutgoingCommit) {
        let unit = unit(&self.group, kind, commit);
        let own = self.puppet.own.id();
        let answer = staff.foe.state().append(own, unit.clone());
        let Answer::Appended(appended) = answer else { panic!("{answer:?}") };
        let entry = amanat_wire::log::Entry::of_own(unit, own, appended);
        if let amanat_conversation::Incoming::Commit(commit) = self.group.receive(&entry).unwrap() {
            let revocations = amanat_identity::RevocationList::default();
            let known = staff.devices.iter().map(|device| (*device, verified(staff, *device))).collect();
            let evidence = amanat_conversation::Evidence { devices: &known, receipt: None, revocations: &revocations };
            if let Ok(approved) = commit.approve(&self.group, &evidence) {
                self.group.merge(approved).unwrap();
            }
        }
    }
}

fn verified(staff: &Staff, device: DeviceId) -> VerifiedDevice {
    let chain = DeviceChain::from_bytes(&staff.foe.state().people[&device].1).unwrap();
    let now = staff.rig.clock.now();
    chain.verify(staff.rig.office.authority(), now, Timestamp::CLOCK_TOLERANCE).unwrap()
}

fn checked(staff: &Staff, device: DeviceId, now: Timestamp) -> CheckedKeyPackage {
    let package = staff.foe.state().packages.get_mut(&device).unwrap().one_time.pop_front().unwrap();
    check_key_package(&package, &verified(staff, device), now).unwrap()
}

/// A member in league with the relay adds a leaf that our authority never certified.
pub(crate) async fn ghost_leaf(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let now = staff.rig.clock.now();
    let mut rogue = Rogue::found(staff, Puppet::of(&staff.rig.office, &format!("rogue{seed}"), now));
    let honest = std::mem::replace(&mut run.conversation, rogue.group.id());
    run.settle_somehow().await;
    for index in run.members.clone() {
        assert_eq!(run.stage(index).await, ConversationState::Active);
    }
    let ghost = Puppet::of(&other_office(staff), "driver", now);
    if seed.is_multiple_of(2) {
        ghost.listed(staff);
    }
    let package = check_key_package(&ghost.key_package(now), &ghost.own, now).unwrap();
    let commit = rogue.group.add(vec![package], rogue.puppet.keys.signing(), 0, now, &mut OsRng).unwrap();
    rogue.append(staff, UnitKind::Commit, commit);
    run.settle_somehow().await;
    for index in run.members.clone() {
        let members = run.person(index).members(run.conversation).await;
        assert!(members.iter().all(|member| member.device != ghost.own.id()), "{}: it is in", HANDLES[index]);
    }
    let kinds = run.kinds().await;
    ghost.forgotten(staff);
    // Other conversations go on.
    run.conversation = honest;
    staff.foe.be_honest();
    run.goes_on().await;
    Seen::shown(kinds, "at once", "waits there, all others go on")
}

/// A KeyPackage that its device did not make.
pub(crate) async fn forged_key_package(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let by = run.somebody();
    let whom = run.somebody_but(&[by]);
    let now = staff.rig.clock.now();
    let package = match seed % 3 {
        // Somebody else's, who is certified.
        0 => Puppet::of(&staff.rig.office, "driver", now).key_package(now),
        // Of a device with the same address, which is not.
        1 => Puppet::of(&other_office(staff), HANDLES[whom], now).key_package(now),
        // Its own, with a bit that is another one.
        _ => {
            let device = run.device(whom);
            let mut bytes = staff.foe.state().packages[&device].one_time[0].to_vec();
            let bit = run.seed.below(bytes.len() as u64 * 8);
            bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
            Bytes::new(bytes).unwrap()
        }
    };
    hand_out(&run, run.device(whom), package);
    refused_and_goes_on(&mut run, by, HANDLES[whom]).await
}

/// A KeyPackage that is genuine and too old.
pub(crate) async fn expired_key_package(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let by = run.somebody();
    let now = staff.rig.clock.now();
    let days = |days: u64| now.before(Duration::from_secs(days * 24 * 3600));
    let driver = Puppet::of(&staff.rig.office, "driver", now);
    driver.listed(staff);
    let package = if seed.is_multiple_of(2) {
        driver.key_package(days(31 + run.seed.below(300)))
    } else {
        driver.last_resort(days(91 + run.seed.below(300)))
    };
    hand_out(&run, driver.own.id(), package);
    let seen = refused_and_goes_on(&mut run, by, "driver").await;
    driver.forgotten(staff);
    seen
}

/// The relay says that a device has no KeyPackage left.
pub(crate) async fn exhausted_key_packages(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let by = run.somebody();
    let whom = run.somebody_but(&[by]);
    hand_out(&run, run.device(whom), Bytes::default());
    refused_and_goes_on(&mut run, by, HANDLES[whom]).await
}

/// A KeyPackage that names another suite.
pub(crate) async fn another_suite(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let by = run.somebody();
    let whom = run.somebody_but(&[by]);
    let device = run.device(whom);
    let mut bytes = staff.foe.state().packages[&device].one_time[0].to_vec();
    // MLSMessage: version, wire format; KeyPackage: version, suite.
    assert_eq!(bytes[6..8], [0x00, 0x4d]);
    let suite: u16 = *run.seed.one_of(&[0x0001, 0x0002, 0x0003, 0x0004, 0x0007, 0x004e, 0xf001]);
    bytes[6..8].copy_from_slice(&suite.to_be_bytes());
    hand_out(&run, device, Bytes::new(bytes).unwrap());
    refused_and_goes_on(&mut run, by, HANDLES[whom]).await
}

/// The relay hands out one KeyPackage twice.
pub(crate) async fn reused_key_package(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let whom = run.somebody();
    let (first, second) = (run.somebody_but(&[whom]), run.somebody_but(&[whom]));
    let device = run.device(whom);
    let package = staff.foe.state().packages[&device].one_time[0].clone();
    hand_out(&run, device, package);
    let one = staff.rig.group(run.person(first), &[HANDLES[whom]], Tier::Official).await;
    run.settle().await;
    let two = staff.rig.group(run.person(second), &[HANDLES[whom]], Tier::Official).await;
    run.settle().await;
    staff.foe.be_honest();
    let Reply::Conversations(joined) = run.person(whom).ask(Command::Conversations).await else { panic!() };
    assert!(joined.iter().any(|view| view.id == one));
    assert!(joined.iter().all(|view| view.id != two), "one KeyPackage has opened two Welcomes");
    // What is said there is not shown as delivered.
    let (_, message) = run.person(second).say(&Target::Conversation(two), "to nobody").await;
    run.settle().await;
    let shown = run.person(second).messages(two).await;
    let state = shown.iter().find(|view| view.id == message).unwrap().state;
    assert_eq!(state, amanat_client::api::MessageState::Accepted);
    let conversation = std::mem::replace(&mut run.conversation, two);
    let kinds = run.kinds_of(whom).await;
    run.conversation = conversation;
    run.goes_on().await;
    Seen::shown(kinds, "at once", GOES_ON)
}

/// A Welcome that was used comes again: to a member, or to somebody who has been removed since; or as if
/// it stood further on than the log goes, which nothing waits for. [DELIV-219]
pub(crate) async fn old_welcome(staff: &Staff, seed: u64) -> Seen {
    let welcomes = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = std::sync::Arc::clone(&welcomes);
    staff.foe.state().hooks.direct = Some(Box::new(move |to, body| {
        kept.lock().unwrap().push((to, body.clone()));
        vec![body]
    }));
    let mut run = staff.run(seed).await;
    staff.foe.be_honest();
    let whom = run.somebody_but(&[0]);
    let (device, conversation) = (run.device(whom), run.conversation);
    let old = welcomes.lock().unwrap().iter().find(|(to, _)| *to == device).unwrap().1.clone();
    let removed = seed.is_multiple_of(2);
    if removed {
        let member = staff.rig.address(HANDLES[whom]);
        run.person(0).ask(Command::Remove { conversation, member }).await;
        run.members.retain(|index| *index != whom);
        crate::staff::sync(run.person(whom)).await.unwrap();
    }
    // As it was, or as if it stood later in the log.
    let again = match old {
        Direct::Welcome(mut part) if run.seed.below(2) == 0 => {
            part.position += 1_000;
            Direct::Welcome(part)
        }
        old => old,
    };
    staff.foe.state().hand_as_it_is(device, again);
    crate::staff::sync_for(run.person(whom), Duration::from_millis(500)).await;
    let wanted = if removed { ConversationState::Removed } else { ConversationState::Active };
    assert_eq!(run.stage(whom).await, wanted);
    let kinds = run.kinds_of(whom).await;
    run.goes_on().await;
    if kinds.is_empty() { Seen::plain("refused", "at once", GOES_ON) } else { Seen::shown(kinds, "at once", GOES_ON) }
}
