//! A conversation on the product's own suite, as two of its devices have it in memory.

use std::collections::BTreeMap;

use amanat_conversation::{
    Body, Conversation, Evidence, Incoming, KeyPackageMaker, Kind, NewConversation, Records, check_key_package,
};
use amanat_identity::{DeviceKeys, RevocationList, Tier, VerifiedDevice, testing::Office};
use amanat_primitives::{ConversationId, DeviceId, Digest, MessageSeed, UnitId};
use amanat_wire::{
    Bytes,
    log::{Entry, ReceiptBody, RetentionClass, UnitKind},
    relay::WelcomePart,
};
use rand_chacha::ChaCha20Rng;

use crate::paths::NOW;

/// Letters of a message: about what people write.
const TEXT: usize = 300;
const STATUS: u64 = 0;
const ID: ConversationId = ConversationId::from_bytes([9; 16]);

/// Who writes and who reads.
pub(crate) struct Group {
    devices: BTreeMap<DeviceId, VerifiedDevice>,
    author: DeviceId,
    keys: DeviceKeys,
    writer: Conversation,
    reader: Conversation,
    position: u64,
}

impl Group {
    /// Of so many devices, all there from the founding.
    pub(crate) fn new(size: usize, rng: &mut ChaCha20Rng) -> Self {
        let office = Office::new(rng, NOW);
        let (keys, _, author) = office.enrol(rng, "writer", Tier::Official, NOW);
        let mut devices = BTreeMap::from([(author.id(), author.clone())]);
        let mut joiners = Vec::new();
        for number in 1..size {
            let (keys, _, device) = office.enrol(rng, &format!("reader{number}"), Tier::Official, NOW);
            let mut packages = Records::default();
            let maker = KeyPackageMaker { device: &device, signing: keys.signing() };
            let made = maker.one_time(1, &mut packages, NOW, rng).unwrap();
            let package = check_key_package(made.first().unwrap(), &device, NOW).unwrap();
            devices.insert(device.id(), device.clone());
            joiners.push((device, packages, package));
        }
        let new = NewConversation {
            conversation: ID,
            kind: if size == 2 { Kind::Direct } else { Kind::Group },
            tier: Tier::Official,
            relay: office.relay_keys.id(),
        };
        let packages = joiners.iter().map(|(_, _, package)| package.clone()).collect();
        let created = Conversation::create(&new, &author, keys.signing(), packages, STATUS, NOW, rng).unwrap();
        let (mut writer, commit) = (created.conversation, created.commit);
        let entry = entry(1, author.id(), UnitKind::Create, commit.body.to_vec());
        take_in(&mut writer, &devices, &entry);
        let (reader, mut packages, _) = joiners.into_iter().next().unwrap();
        let own = commit.joiners.iter().find(|joiner| joiner.device == reader.id()).unwrap();
        let part = WelcomePart {
            conversation: ID,
            position: 1,
            running: entry.running(&Digest::ZERO),
            sender: author.id(),
            receipt: Bytes::default(),
            group_info: commit.group_info.clone(),
            group_secrets: own.group_secrets.clone(),
        };
        let receipt = ReceiptBody {
            conversation: ID,
            position: 1,
            commit: Digest::ZERO,
            stamp: NOW,
            roster: commit.facts.roster_change(),
            status_number: STATUS,
            previous: Digest::ZERO,
        };
        let staged = Conversation::stage_join(&part, &reader, &packages).unwrap();
        let mut joined = staged.approve(&devices, &receipt, &mut packages, Records::default()).unwrap();
        let _ = joined.take_changes();
        Self { devices, author: author.id(), keys, writer, reader: joined, position: 1 }
    }

    /// The writer's next change of its own keys, made and merged, up to what would be written.
    pub(crate) fn commit(&mut self, rng: &mut ChaCha20Rng) -> Entry {
        let commit = self.writer.self_update(self.keys.signing(), STATUS, NOW, rng).unwrap();
        let _ = self.writer.take_changes();
        self.position += 1;
        let entry = entry(self.position, self.author, UnitKind::Commit, commit.body.to_vec());
        take_in(&mut self.writer, &self.devices, &entry);
        entry
    }

    /// Takes it in at the reader's, up to what would be written.
    pub(crate) fn take_commit(&mut self, entry: &Entry) {
        take_in(&mut self.reader, &self.devices, entry);
    }

    /// The next message, up to what would be written before it leaves.
    pub(crate) fn encrypt(&mut self, rng: &mut ChaCha20Rng) -> Entry {
        let body = Body::text("x".repeat(TEXT)).unwrap();
        let content = self.writer.queue(MessageSeed::random(rng), NOW, &body).unwrap();
        let sent = self.writer.encrypt(&content, self.keys.signing(), rng).unwrap();
        let _ = self.writer.take_changes();
        self.position += 1;
        entry(self.position, self.author, UnitKind::Message, sent.body.to_vec())
    }

    /// Reads it, up to what would be written before it is shown.
    pub(crate) fn decrypt(&mut self, entry: &Entry) {
        assert!(matches!(self.reader.receive(entry).unwrap(), Incoming::Message(_)));
        let _ = self.reader.take_changes();
    }
}

fn take_in(conversation: &mut Conversation, devices: &BTreeMap<DeviceId, VerifiedDevice>, entry: &Entry) {
    let Incoming::Commit(received) = conversation.receive(entry).unwrap() else { panic!("no commit") };
    let revocations = RevocationList::default();
    let evidence = Evidence { devices, receipt: None, revocations: &revocations };
    let approved = received.approve(conversation, &evidence).unwrap();
    conversation.merge(approved).unwrap();
    let _ = conversation.take_changes();
}

fn entry(position: u64, sender: DeviceId, kind: UnitKind, body: Vec<u8>) -> Entry {
    Entry {
        position,
        kind,
        stamp: NOW,
        sender,
        unit: UnitId::from_bytes([8; 16]),
        seen_commit: 0,
        accepted_commit: 0,
        body: Bytes::new(body).unwrap(),
        gone: None,
        receipt: Bytes::default(),
        class: RetentionClass::Month,
        seal: Digest::ZERO,
    }
}
