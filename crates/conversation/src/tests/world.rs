//! An office, its people's devices, and a relay's log (protocol-spec/05-conversation), for the tests beside this file.

use std::collections::BTreeMap;

use amanat_identity::{
    DeviceKeys, ListSummary, RevocationEntry, RevocationList, StatusView, Tier, VerifiedDevice, testing::Office,
};
use amanat_primitives::{ConversationId, DeviceId, Digest, MessageSeed, Timestamp, UnitId};
use amanat_wire::{
    Bytes, Encode as _,
    log::{Entry, ReceiptBody, RetentionClass, UnitKind},
    relay::WelcomePart,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

use crate::{
    Approved, Body, Changes, CheckedKeyPackage, CommitFacts, Conversation, Evidence, Incoming, KeyPackageMaker, Kind,
    Merged, Message, NewConversation, OutgoingCommit, Records, check_key_package, profile,
};
use openmls::prelude::{Extension, Extensions, GroupContext};

pub(super) const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// What a vault holds.
#[derive(Default, Clone)]
pub(super) struct Disk(pub(super) BTreeMap<Vec<u8>, Vec<u8>>);

impl Disk {
    pub(super) fn write(&mut self, changes: Changes) {
        for key in &changes.deletes {
            assert!(self.0.remove(key).is_some() || !key.is_empty());
        }
        self.0.extend(changes.puts.into_iter().map(|(key, value)| (key, value.to_vec())));
    }

    pub(super) fn read(&self) -> Records {
        Records::load(self.0.clone())
    }
}

/// One person's device.
pub(super) struct Member {
    pub(super) keys: DeviceKeys,
    pub(super) device: VerifiedDevice,
    pub(super) packages: Disk,
    pub(super) disk: Disk,
    pub(super) conversation: Option<Conversation>,
}

impl Member {
    pub(super) fn id(&self) -> DeviceId {
        self.device.id()
    }

    pub(super) fn conv(&mut self) -> &mut Conversation {
        self.conversation.as_mut().unwrap()
    }

    /// Writes one batch and starts again from it, as after a crash.
    pub(super) fn restart(&mut self) {
        let mut conversation = self.conversation.take().unwrap();
        self.disk.write(conversation.take_changes());
        self.conversation = Conversation::load(&conversation.id(), self.disk.read()).unwrap();
        assert!(self.conversation.is_some());
    }
}

/// The office and the relay's log of one conversation.
pub(super) struct World {
    pub(super) rng: ChaCha20Rng,
    pub(super) office: Office,
    pub(super) now: Timestamp,
    pub(super) id: ConversationId,
    pub(super) log: Vec<Entry>,
    pub(super) chains: BTreeMap<DeviceId, VerifiedDevice>,
    pub(super) revocations: RevocationList,
    /// What the relay says of the next commit.
    pub(super) receipt: Option<ReceiptBody>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let office = Office::new(&mut rng, START);
        let id = ConversationId::random(&mut rng);
        let revocations = revocations(&office, 2, &[]);
        Self { rng, office, now: START, id, log: Vec::new(), chains: BTreeMap::new(), revocations, receipt: None }
    }

    pub(super) fn enrol(&mut self, handle: &str, tier: Tier) -> Member {
        let (keys, _, device) = self.office.enrol(&mut self.rng, handle, tier, self.now);
        self.chains.insert(device.id(), device.clone());
        Member { keys, device, packages: Disk::default(), disk: Disk::default(), conversation: None }
    }

    /// What members judge by.
    pub(super) fn evidence(&self) -> Evidence<'_> {
        Evidence { devices: &self.chains, receipt: self.receipt.as_ref(), revocations: &self.revocations }
    }

    /// A fresh one-time KeyPackage, as bytes; its private half is on the device's disk.
    pub(super) fn package(&mut self, member: &mut Member) -> Vec<u8> {
        let maker = KeyPackageMaker { device: &member.device, signing: member.keys.signing() };
        let mut records = member.packages.read();
        let made = maker.one_time(1, &mut records, self.now, &mut self.rng).unwrap();
        member.packages.write(records.take_changes());
        made[0].to_vec()
    }

    pub(super) fn checked(&mut self, member: &mut Member) -> CheckedKeyPackage {
        let bytes = self.package(member);
        check_key_package(&bytes, &member.device, self.now).unwrap()
    }

    pub(super) fn spec(&self, kind: Kind, tier: Tier) -> NewConversation {
        let relay = self.office.relay_keys.id();
        NewConversation { conversation: self.id, kind, tier, relay }
    }

    /// Founds a conversation; the others have not joined yet.
    pub(super) fn found(&mut self, tier: Tier, founder: &mut Member, others: &mut [&mut Member]) -> OutgoingCommit {
        let kind = if others.len() == 1 { Kind::Direct } else { Kind::Group };
        let packages = others.iter_mut().map(|member| self.checked(member)).collect();
        let spec = self.spec(kind, tier);
        let (signing, now) = (founder.keys.signing(), self.now);
        let made = Conversation::create(&spec, &founder.device, signing, packages, 1, now, &mut self.rng).unwrap();
        founder.conversation = Some(made.conversation);
        founder.restart();
        made.commit
    }

    /// Founds a conversation with everyone in it.
    pub(super) fn room(&mut self, tier: Tier, founder: &mut Member, others: &mut [&mut Member]) {
        let commit = self.found(tier, founder, others);
        self.append_commit(founder.id(), UnitKind::Create, &commit);
        self.catch_up(founder);
        for member in others {
            self.join(member, &commit);
        }
    }

    fn append(&mut self, sender: DeviceId, kind: UnitKind, body: &[u8]) -> Entry {
        let entry = Entry {
            position: self.log.len() as u64 + 1,
            kind,
            stamp: self.now,
            sender,
            unit: UnitId::random(&mut self.rng),
            seen_commit: 0,
            accepted_commit: 0,
            body: Bytes::new(body).unwrap(),
            gone: None,
            receipt: Bytes::default(),
            class: RetentionClass::Month,
            seal: Digest::ZERO,
        };
        self.log.push(entry.clone());
        entry
    }

    pub(super) fn append_commit(&mut self, sender: DeviceId, kind: UnitKind, commit: &OutgoingCommit) -> Entry {
        self.append(sender, kind, &commit.body)
    }

    pub(super) fn append_message(&mut self, sender: DeviceId, body: &[u8]) -> Entry {
        self.append(sender, UnitKind::Message, body)
    }

    pub(super) fn append_as(&mut self, sender: DeviceId, kind: UnitKind, body: &[u8]) -> Entry {
        self.append(sender, kind, body)
    }

    pub(super) fn running(&self, position: u64) -> Digest {
        let entries = self.log.iter().take(position as usize);
        entries.fold(Digest::ZERO, |running, entry| entry.running(&running))
    }

    /// What the relay gives a joiner, where its commit is the last entry.
    pub(super) fn part(&self, member: &Member, commit: &OutgoingCommit) -> WelcomePart {
        let joiner = commit.joiners.iter().find(|joiner| joiner.device == member.id()).unwrap();
        let position = self.log.len() as u64;
        WelcomePart {
            conversation: self.id,
            position,
            running: self.running(position),
            sender: self.log.last().unwrap().sender,
            receipt: Bytes::default(),
            group_info: commit.group_info.clone(),
            group_secrets: joiner.group_secrets.clone(),
        }
    }

    pub(super) fn join(&mut self, member: &mut Member, commit: &OutgoingCommit) {
        let part = self.part(member, commit);
        let mut packages = member.packages.read();
        let old = member.disk.read();
        let staged = Conversation::stage_join(&part, &member.device, &packages).unwrap();
        assert!(packages.take_changes().is_empty());
        assert!(staged.members().iter().any(|claim| claim.device == member.id()), "this device included");
        assert!(staged.members().iter().all(|claim| self.chains.contains_key(&claim.device)));
        let conversation = staged.approve(&self.chains, &receipt_of(commit, self.now), &mut packages, old).unwrap();
        member.packages.write(packages.take_changes());
        member.conversation = Some(conversation);
        member.restart();
    }

    /// Queues, encrypts and appends a text.
    pub(super) fn say(&mut self, member: &mut Member, text: &str) -> Entry {
        let body = self.encrypt(member, text);
        self.append_message(member.id(), &body)
    }

    pub(super) fn encrypt(&mut self, member: &mut Member, text: &str) -> Vec<u8> {
        let id = MessageSeed::random(&mut self.rng);
        let content = member.conv().queue(id, self.now, &Body::text(text).unwrap()).unwrap();
        member.restart();
        let signing = member.keys.signing();
        let conversation = member.conversation.as_mut().unwrap();
        let sent = conversation.encrypt(&content, signing, &mut self.rng).unwrap();
        member.restart();
        sent.body.to_vec()
    }

    /// The next entry, taken in by one member; a commit is approved and merged.
    pub(super) fn step(&mut self, member: &mut Member) -> Seen {
        let next = member.conv().log().position() as usize;
        let entry = self.log[next].clone();
        let seen = match member.conv().receive(&entry).unwrap() {
            Incoming::Own(frame) => Seen::Own(frame.hash),
            Incoming::Gone { .. } => Seen::Gone,
            Incoming::Message(message) => Seen::Message(*message),
            Incoming::Refused(refused) => Seen::Refused(refused),
            Incoming::Commit(commit) => {
                let approved = commit.approve(member.conv(), &self.evidence()).unwrap();
                Seen::Merged(member.conv().merge(approved).unwrap())
            }
        };
        member.restart();
        seen
    }

    pub(super) fn catch_up(&mut self, member: &mut Member) -> Vec<Seen> {
        let mut seen = Vec::new();
        while (member.conv().log().position() as usize) < self.log.len() {
            seen.push(self.step(member));
        }
        seen
    }

    /// Approves the commit that stands next for this member, without merging it.
    pub(super) fn approve(&mut self, member: &mut Member) -> Result<Approved, crate::ApproveError> {
        let entry = self.log[member.conv().log().position() as usize].clone();
        let Incoming::Commit(commit) = member.conv().receive(&entry).unwrap() else { panic!("not a commit") };
        commit.approve(member.conv(), &self.evidence())
    }
}

/// The list that a status statement of that number names.
pub(super) fn revocations(office: &Office, number: u64, entries: &[RevocationEntry]) -> RevocationList {
    let summary = entries.iter().fold(ListSummary::default(), ListSummary::with);
    let validity = amanat_identity::policy::STATUS_VALIDITY;
    let signed = office.officer_keys.attest(&office.officer(START), number, summary, START, validity).unwrap();
    let mut view = StatusView::new();
    let status = signed.verify(office.authority(), START).unwrap();
    let acceptable = view.judge(status, entries, office.authority()).unwrap();
    assert!(view.accept(acceptable));
    view.revocations().clone()
}

/// The relay's word for a commit, as far as a joiner looks at it.
pub(super) fn receipt_of(commit: &OutgoingCommit, stamp: Timestamp) -> ReceiptBody {
    let (roster, commit_status) = (commit.facts.roster_change(), commit.facts.status_number);
    let [commit, previous] = [Digest::ZERO; 2];
    ReceiptBody {
        conversation: ConversationId::from_bytes([0; 16]),
        position: 0,
        commit,
        stamp,
        roster,
        status_number: commit_status,
        previous,
    }
}

/// What a step showed.
#[derive(Debug, PartialEq)]
pub(super) enum Seen {
    Own(Digest),
    Gone,
    Message(Message),
    Merged(Merged),
    Refused(crate::Refused),
}

impl Seen {
    pub(super) fn message(&self) -> &Message {
        let Self::Message(message) = self else { panic!("not a message: {self:?}") };
        message
    }

    pub(super) fn text(&self) -> String {
        let Body::Text(text) = self.message().frame.fixed.body().unwrap() else { panic!("not a text") };
        text.to_string()
    }

    pub(super) fn refusal(&self) -> crate::Refusal {
        let Self::Refused(refused) = self else { panic!("not refused: {self:?}") };
        refused.reason
    }
}

pub(super) fn texts(seen: &[Seen]) -> Vec<String> {
    seen.iter().filter(|seen| matches!(seen, Seen::Message(_))).map(Seen::text).collect()
}

impl World {
    /// A commit that makes a member a moderator, appended and merged by its maker.
    pub(super) fn make_moderator(&mut self, by: &mut Member, whom: &Member) {
        let conversation = by.conversation.as_mut().unwrap();
        let roles = conversation.roles().unwrap().with(whom.device.address(), true).unwrap();
        let commit = conversation.appoint(roles, by.keys.signing(), 1, self.now, &mut self.rng).unwrap();
        by.restart();
        self.append_commit(by.id(), UnitKind::Commit, &commit);
        self.catch_up(by);
    }

    /// A self-update, appended and merged by its maker.
    pub(super) fn renew(&mut self, member: &mut Member) {
        let conversation = member.conversation.as_mut().unwrap();
        let commit = conversation.self_update(member.keys.signing(), 1, self.now, &mut self.rng).unwrap();
        member.restart();
        self.append_commit(member.id(), UnitKind::Commit, &commit);
        self.catch_up(member);
    }
}

impl World {
    /// The opening commit of a founder that checks nothing.
    pub(super) fn found_unchecked(&mut self, founder: &mut Member, add: Vec<CheckedKeyPackage>) -> OutgoingCommit {
        self.found_with(founder, add, |_| {})
    }

    /// The same, with facts changed.
    pub(super) fn found_with(
        &mut self,
        founder: &mut Member,
        add: Vec<CheckedKeyPackage>,
        change: impl FnOnce(&mut crate::GroupFacts),
    ) -> OutgoingCommit {
        let mut facts = crate::GroupFacts::new(&self.spec(Kind::Group, Tier::Official));
        change(&mut facts);
        let founder_is = founder.device.address().clone();
        let roles = (facts.kind == Kind::Group).then(|| crate::Roles::founded_by(founder_is));
        self.found_as(founder, add, facts.extensions(roles.as_ref()).unwrap(), None)
    }

    /// The same, with any extensions in the GroupContext and the GroupInfo.
    pub(super) fn found_as(
        &mut self,
        founder: &mut Member,
        add: Vec<CheckedKeyPackage>,
        context: Extensions<GroupContext>,
        for_joiners: Option<Vec<Extension>>,
    ) -> OutgoingCommit {
        let (device, signing) = (&founder.device, founder.keys.signing());
        let added: Vec<_> = add.iter().map(|member| member.device().id()).collect();
        let commit = CommitFacts::new(self.now, 1, added, []).unwrap();
        let honest = || vec![profile::private_extension(profile::COMMIT_EXTENSION, commit.to_bytes())];
        let for_joiners = for_joiners.unwrap_or_else(honest);
        let (id, rng) = (self.id, &mut self.rng);
        Conversation::create_unchecked(context, id, device, signing, add, &commit, for_joiners, rng)
    }
}

impl World {
    /// A self-update made by a device whose clock and list number are given.
    pub(super) fn renew_at(&mut self, member: &mut Member, now: Timestamp, status_number: u64) {
        let conversation = member.conversation.as_mut().unwrap();
        let commit = conversation.self_update(member.keys.signing(), status_number, now, &mut self.rng).unwrap();
        member.restart();
        self.append_commit(member.id(), UnitKind::Commit, &commit);
        self.catch_up(member);
    }
}
