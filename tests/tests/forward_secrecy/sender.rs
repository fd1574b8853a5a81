//! A member whose client is the test's own: real MLS over a real link. Who remembers every ciphertext, and makes some that
//! never reach the owner, as if the relay had kept them back and somebody had recorded them.

use std::collections::BTreeMap;

use amanat_conversation::{
    Body, Changes, Conversation, Evidence, Incoming, Kind, NewConversation, OutgoingCommit, Records, check_key_package,
};
use amanat_identity::{
    Authority, DeviceChain, DeviceKeys, RevocationList, SignedStatus, StatusView, Tier, VerifiedDevice,
};
use amanat_primitives::{ConversationId, DeviceId, Digest, MessageSeed, Timestamp, UnitId};
use amanat_tests::{Rig, Shift, by_hand::Line};
use amanat_wire::{
    Bytes, Decode as _, List,
    client::{Nothing, Read, Request},
    log::{Entry, RetentionClass, Unit, UnitKind},
    relay::{Answer, WelcomePart},
};
use rand_core::OsRng;

/// A ciphertext that somebody has recorded.
pub(crate) struct Recorded {
    pub(crate) epoch: u64,
    pub(crate) text: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Sender {
    keys: DeviceKeys,
    line: Line,
    group: Conversation,
    /// The group's records, as a vault would hold them.
    disk: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) known: BTreeMap<DeviceId, VerifiedDevice>,
    /// Of the last commit.
    status: u64,
    authority: Authority,
    clock: Shift,
    /// Who is revoked, as far as the relay tells.
    pub(crate) revocations: RevocationList,
    /// The relay's log, from its beginning.
    pub(crate) log: Vec<Entry>,
    /// The owner's Welcome, as the relay hands it out.
    pub(crate) welcome: WelcomePart,
}

impl Sender {
    /// Founds a group with the device of somebody who is enrolled.
    pub(crate) async fn found(rig: &Rig, other: DeviceId) -> Self {
        let now = rig.clock.now();
        let (keys, chain, own) = rig.office.enrol(&mut OsRng, "sender", Tier::Secret, now);
        let relay = rig.office.relay(now);
        let mut line = Line::connect(rig, &keys, &chain).await;
        let chains = line.ask(Request::Chains(List::new(vec![other]).unwrap())).await;
        let Answer::Chains(chains) = chains else { panic!() };
        let chain = DeviceChain::from_bytes(&chains.chains[0]).unwrap();
        let device = chain.verify(rig.office.authority(), now, Timestamp::CLOCK_TOLERANCE).unwrap();
        let claimed = line.ask(Request::ClaimKeyPackages(List::new(vec![other]).unwrap())).await;
        let Answer::KeyPackages(claimed) = claimed else { panic!() };
        let package = check_key_package(&claimed[0].key_package, &device, now).unwrap();
        let conversation = ConversationId::random(&mut OsRng);
        let new = NewConversation { conversation, kind: Kind::Group, tier: Tier::Official, relay: relay.id() };
        let made = Conversation::create(&new, &own, keys.signing(), vec![package], 0, now, &mut OsRng).unwrap();
        let known = BTreeMap::from([(other, device), (own.id(), own.clone())]);
        let (group, disk) = (made.conversation, BTreeMap::new());
        let welcome = WelcomePart {
            conversation,
            position: 1,
            running: Digest::ZERO,
            sender: own.id(),
            receipt: Bytes::default(),
            group_info: made.commit.group_info.clone(),
            group_secrets: made.commit.joiners[0].group_secrets.clone(),
        };
        let mut sender = Self {
            keys,
            line,
            group,
            disk,
            known,
            status: 0,
            authority: rig.office.authority().clone(),
            clock: rig.clock.clone(),
            revocations: RevocationList::default(),
            log: Vec::new(),
            welcome,
        };
        sender.append(UnitKind::Create, made.commit.body.to_vec(), Some(made.commit)).await;
        // Which the relay's receipt enters.
        sender.welcome.running = sender.group.log().running();
        sender
    }

    pub(crate) fn id(&self) -> ConversationId {
        self.group.id()
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.group.epoch()
    }

    /// Says something to the owner.
    pub(crate) async fn say(&mut self, text: &str, now: Timestamp) -> Recorded {
        self.sync().await;
        let body = encrypt(&mut self.group, &self.keys, text, now);
        self.append(UnitKind::Message, body.clone(), None).await;
        Recorded { epoch: self.group.epoch(), text: text.to_owned(), body }
    }

    /// Says something that never reaches the owner. It is the second from here on in its epoch: not the message that
    /// follows it in the log.
    pub(crate) async fn say_aside(&mut self, text: &str, now: Timestamp) -> Recorded {
        self.sync().await;
        let mut aside = Conversation::load(&self.id(), Records::load(self.disk.clone())).unwrap().unwrap();
        encrypt(&mut aside, &self.keys, "the next one stands in the log", now);
        let body = encrypt(&mut aside, &self.keys, text, now);
        Recorded { epoch: self.group.epoch(), text: text.to_owned(), body }
    }

    /// Renews its own keys.
    pub(crate) async fn renew(&mut self, now: Timestamp) {
        self.sync().await;
        let epoch = self.group.epoch();
        let commit = self.group.self_update(self.keys.signing(), self.status, now, &mut OsRng).unwrap();
        self.append(UnitKind::Commit, commit.body.to_vec(), Some(commit)).await;
        assert_eq!(self.group.epoch(), epoch + 1);
    }

    async fn append(&mut self, kind: UnitKind, body: Vec<u8>, commit: Option<OutgoingCommit>) {
        let create = kind == UnitKind::Create;
        let mut unit = Unit {
            id: UnitId::random(&mut OsRng),
            conversation: self.group.id(),
            kind,
            class: RetentionClass::Month,
            seen_commit: if create { 0 } else { self.group.seen_commit() },
            accepted_commit: if create { 0 } else { self.group.accepted_commit() },
            body: Bytes::new(body).unwrap(),
            roster_add: List::default(),
            roster_remove: List::default(),
            group_info: Bytes::default(),
            joiners: List::default(),
        };
        if let Some(commit) = commit {
            unit.roster_add = commit.roster_add;
            unit.roster_remove = commit.roster_remove;
            unit.group_info = commit.group_info;
            unit.joiners = commit.joiners;
        }
        self.keep();
        let answer = self.line.ask(Request::Append(unit)).await;
        assert!(matches!(answer, Answer::Appended(_)), "the relay does not take it");
        self.sync().await;
    }

    /// Takes in what the log has.
    pub(crate) async fn sync(&mut self) {
        loop {
            let after = self.group.log().position();
            let read = Read { conversation: self.group.id(), after, max_entries: 64 };
            let Answer::Entries(entries) = self.line.ask(Request::Read(read)).await else { panic!() };
            if entries.entries.is_empty() {
                return;
            }
            for entry in entries.entries.iter() {
                if let Incoming::Commit(commit) = self.group.receive(entry).unwrap() {
                    if commit.facts().status_number > self.status {
                        self.status = commit.facts().status_number;
                        self.revocations = self.status().await;
                    }
                    let evidence = Evidence { devices: &self.known, receipt: None, revocations: &self.revocations };
                    let approved = commit.approve(&self.group, &evidence).unwrap();
                    self.group.merge(approved).unwrap();
                }
                self.log.push(entry.clone());
                self.keep();
            }
        }
    }

    /// The list that the relay's status statement names: nobody is revoked here.
    async fn status(&mut self) -> RevocationList {
        let answer = self.line.ask(Request::Status(Nothing {})).await;
        let Answer::Status(signed) = answer else { panic!() };
        let signed = SignedStatus::from_bytes(&signed).unwrap();
        let mut view = StatusView::new();
        let status = signed.verify(&self.authority, self.clock.now()).unwrap();
        let acceptable = view.judge(status, &[], &self.authority).unwrap();
        assert!(view.accept(acceptable));
        view.revocations().clone()
    }

    fn keep(&mut self) {
        let Changes { puts, deletes } = self.group.take_changes();
        self.disk.retain(|key, _| !deletes.contains(key));
        self.disk.extend(puts.into_iter().map(|(key, value)| (key, value.to_vec())));
    }
}

fn encrypt(group: &mut Conversation, keys: &DeviceKeys, text: &str, now: Timestamp) -> Vec<u8> {
    let content = group.queue(MessageSeed::random(&mut OsRng), now, &Body::text(text).unwrap()).unwrap();
    group.encrypt(&content, keys.signing(), &mut OsRng).unwrap().body.to_vec()
}
