//! What a relay's powers come to at the product's own conversations (protocol-spec/05-conversation, sections 5 and 8).

use std::{collections::BTreeMap, time::Duration};

use amanat_conversation::{
    Body, CheckedKeyPackage, Claim, Conversation, Evidence, Incoming, KeyPackageMaker, Kind, NewConversation,
    OutgoingCommit, Records, Refusal, VoidReason, check_key_package,
};
use amanat_identity::{DeviceKeys, RevocationList, Tier, VerifiedDevice, testing::Office};
use amanat_primitives::{ConversationId, DeviceId, Digest, MessageSeed, Timestamp};
use amanat_tests::by_hand::entry;
use amanat_wire::{
    Bytes,
    log::{ReceiptBody, UnitKind},
    relay::WelcomePart,
};
use rand_core::OsRng;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
/// A stamp that is too far from a commit's time.
const OFF: Duration = Duration::from_secs(3_600);

struct Device {
    keys: DeviceKeys,
    own: VerifiedDevice,
    packages: Records,
}

struct Member {
    device: Device,
    group: Conversation,
}

#[derive(Debug, PartialEq)]
enum Took {
    Own,
    Merged,
    Void,
    Message(Claim),
    Refused(Refusal),
}

struct Room {
    chains: BTreeMap<DeviceId, VerifiedDevice>,
    a: Member,
    b: Member,
}

impl Device {
    fn enrol(office: &Office, handle: &str) -> Self {
        let (keys, _, own) = office.enrol(&mut OsRng, handle, Tier::Secret, NOW);
        Self { keys, own, packages: Records::default() }
    }

    fn package(&mut self) -> CheckedKeyPackage {
        let maker = KeyPackageMaker { device: &self.own, signing: self.keys.signing() };
        let made = maker.one_time(1, &mut self.packages, NOW, &mut OsRng).unwrap();
        check_key_package(&made[0], &self.own, NOW).unwrap()
    }
}

impl Member {
    fn id(&self) -> DeviceId {
        self.device.own.id()
    }

    fn renew(&mut self) -> OutgoingCommit {
        self.group.self_update(self.device.keys.signing(), 0, NOW, &mut OsRng).unwrap()
    }

    fn say(&mut self) -> Vec<u8> {
        let content = self.group.queue(MessageSeed::random(&mut OsRng), NOW, &Body::text("words").unwrap()).unwrap();
        self.group.encrypt(&content, self.device.keys.signing(), &mut OsRng).unwrap().body.to_vec()
    }

    /// The next entry of its log, whatever the relay says of who sent it.
    fn take(
        &mut self,
        chains: &BTreeMap<DeviceId, VerifiedDevice>,
        kind: UnitKind,
        body: &[u8],
        stamp: Timestamp,
    ) -> Took {
        let position = self.group.log().position() + 1;
        let mut entry = entry(position, kind, self.id(), body, stamp);
        if kind != UnitKind::Message {
            // Of a receipt its stamp alone, which makes it another one.
            entry.receipt = Bytes::new(stamp.as_millis().to_be_bytes().to_vec()).unwrap();
        }
        let revocations = RevocationList::default();
        match self.group.receive(&entry).unwrap() {
            Incoming::Own(_) => Took::Own,
            Incoming::Message(message) => Took::Message(message.claim),
            Incoming::Refused(refused) => Took::Refused(refused.reason),
            Incoming::Gone { .. } => panic!("nothing has expired"),
            Incoming::Commit(commit) => {
                let evidence = Evidence { devices: chains, receipt: None, revocations: &revocations };
                match commit.approve(&self.group, &evidence) {
                    Ok(approved) => {
                        self.group.merge(approved).unwrap();
                        Took::Merged
                    }
                    Err(_) => {
                        self.group.void(&entry).unwrap();
                        Took::Void
                    }
                }
            }
        }
    }
}

/// Two members who have joined, and a third who says nothing.
fn room() -> Room {
    let office = Office::new(&mut OsRng, NOW);
    let [a, mut b, mut c] = ["a", "b", "c"].map(|handle| Device::enrol(&office, handle));
    let chains = [&a, &b, &c].map(|device| (device.own.id(), device.own.clone())).into_iter().collect();
    let conversation = ConversationId::random(&mut OsRng);
    let new = NewConversation { conversation, kind: Kind::Group, tier: Tier::Official, relay: office.relay_keys.id() };
    let packages = vec![b.package(), c.package()];
    let made = Conversation::create(&new, &a.own, a.keys.signing(), packages, 0, NOW, &mut OsRng).unwrap();
    let mut a = Member { device: a, group: made.conversation };
    assert_eq!(a.take(&chains, UnitKind::Create, &made.commit.body, NOW), Took::Merged);
    let group = join(&mut b, &a, &made.commit, &chains);
    Room { chains, a, b: Member { device: b, group } }
}

fn join(
    joiner: &mut Device,
    founder: &Member,
    commit: &OutgoingCommit,
    chains: &BTreeMap<DeviceId, VerifiedDevice>,
) -> Conversation {
    let mine = commit.joiners.iter().find(|part| part.device == joiner.own.id()).unwrap();
    let part = WelcomePart {
        conversation: founder.group.id(),
        position: 1,
        running: founder.group.log().running(),
        sender: founder.id(),
        receipt: Bytes::default(),
        group_info: commit.group_info.clone(),
        group_secrets: mine.group_secrets.clone(),
    };
    let receipt = ReceiptBody {
        conversation: founder.group.id(),
        position: 1,
        commit: commit.hash,
        stamp: NOW,
        roster: commit.facts.roster_change(),
        status_number: 0,
        previous: Digest::ZERO,
    };
    let staged = Conversation::stage_join(&part, &joiner.own, &joiner.packages).unwrap();
    staged.approve(chains, &receipt, &mut joiner.packages, Records::default()).unwrap()
}

impl Room {
    fn has_one_log(&self) -> bool {
        let (a, b) = (&self.a.group, &self.b.group);
        (a.log().position(), a.log().running()) == (b.log().position(), b.log().running())
    }

    fn has_one_key(&self) -> bool {
        self.a.group.epoch_authenticator() == self.b.group.epoch_authenticator()
    }

    /// Both take a commit of one and read the other.
    fn goes_on(&mut self) {
        assert!(self.has_one_log() && self.has_one_key());
        let commit = self.a.renew();
        for member in [&mut self.a, &mut self.b] {
            assert_eq!(member.take(&self.chains, UnitKind::Commit, &commit.body, NOW), Took::Merged);
        }
        let said = self.b.say();
        assert_eq!(self.a.take(&self.chains, UnitKind::Message, &said, NOW), Took::Message(Claim::Agree));
        assert_eq!(self.b.take(&self.chains, UnitKind::Message, &said, NOW), Took::Own);
        assert!(self.has_one_log() && self.has_one_key());
    }
}

// The model's `TwoReceipts`. [CONV-33] [CONV-34]
#[test]
fn two_receipts_for_one_commit_are_two_logs() {
    let mut room = room();
    let commit = room.a.renew();
    assert_eq!(room.a.take(&room.chains, UnitKind::Commit, &commit.body, NOW), Took::Merged);
    assert_eq!(room.b.take(&room.chains, UnitKind::Commit, &commit.body, NOW.after(OFF)), Took::Void);
    assert_ne!(room.a.group.log().running(), room.b.group.log().running());
    // One of them reads the other and is told of the fork; the other reads nothing.
    let said = room.b.say();
    assert_eq!(room.a.take(&room.chains, UnitKind::Message, &said, NOW), Took::Message(Claim::Fork));
    assert_eq!(room.b.take(&room.chains, UnitKind::Message, &said, NOW), Took::Own);
    let said = room.a.say();
    assert_eq!(room.b.take(&room.chains, UnitKind::Message, &said, NOW), Took::Refused(Refusal::FutureEpoch));
    // Nor does either take a commit of the other's any more.
    assert_eq!(room.a.take(&room.chains, UnitKind::Message, &said, NOW), Took::Own);
    let commit = room.b.renew();
    assert_eq!(room.a.take(&room.chains, UnitKind::Commit, &commit.body, NOW), Took::Refused(Refusal::LateCommit));
}

// The model's `RepeatVoid`. [CONV-89]
#[test]
fn a_commit_that_was_void_is_void_for_all_when_it_is_repeated() {
    let mut room = room();
    let commit = room.a.renew();
    for member in [&mut room.a, &mut room.b] {
        assert_eq!(member.take(&room.chains, UnitKind::Commit, &commit.body, NOW.after(OFF)), Took::Void);
    }
    let again = Took::Refused(Refusal::Void(VoidReason::Repeated));
    for member in [&mut room.b, &mut room.a] {
        assert_eq!(member.take(&room.chains, UnitKind::Commit, &commit.body, NOW), again);
    }
    room.goes_on();
}

// The model's `RefuseAndStore`. [CONV-90]
#[test]
fn a_commit_that_was_given_up_when_it_was_refused_is_merged_by_all() {
    let mut room = room();
    let commit = room.a.renew();
    // What the engine does when the relay answers Refused(NotAllowed).
    room.a.group.drop_pending_commit().unwrap();
    for member in [&mut room.b, &mut room.a] {
        assert_eq!(member.take(&room.chains, UnitKind::Commit, &commit.body, NOW), Took::Merged);
    }
    room.goes_on();
}

// A relay repeats in each search of the model's `contents`. [CONV-91]
#[test]
fn an_own_message_that_is_repeated_is_a_replay_for_its_author_too() {
    let mut room = room();
    let said = room.a.say();
    assert_eq!(room.a.take(&room.chains, UnitKind::Message, &said, NOW), Took::Own);
    assert_eq!(room.b.take(&room.chains, UnitKind::Message, &said, NOW), Took::Message(Claim::Agree));
    for member in [&mut room.b, &mut room.a] {
        let again = member.take(&room.chains, UnitKind::Message, &said, NOW);
        assert_eq!(again, Took::Refused(Refusal::Replayed));
    }
    room.goes_on();
}
