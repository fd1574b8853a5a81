//! Who the parsers' bytes come from (protocol-spec/03-identity): one office, two devices and their conversation, the same
//! every time.

use std::{cell::OnceCell, collections::BTreeMap};

use amanat_conversation::{
    Body, Changes, CommitFacts, Conversation, Evidence, Incoming, KeyPackageMaker, Kind, NewConversation,
    OutgoingCommit, Records, check_key_package,
};
use amanat_identity::{
    DeviceChain, DeviceKeys, ListSummary, RevocationList, StatusView, Tier, VerifiedDevice, policy, testing::Office,
};
use amanat_primitives::{ConversationId, DeviceId, Digest, MessageSeed, Timestamp, UnitId};
use amanat_wire::{
    Bytes, Encode as _,
    log::{Entry, ReceiptBody, UnitKind, ciphertext_hash, running_hash},
    relay::WelcomePart,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

use crate::by_hand;

/// When everything happens.
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A device.
pub(super) struct Party {
    pub(super) keys: DeviceKeys,
    pub(super) chain: DeviceChain,
    pub(super) device: VerifiedDevice,
}

/// The office, a founder and a member of a conversation.
pub struct World {
    pub(super) office: Office,
    pub(super) founder: Party,
    pub(super) member: Party,
    pub(super) known: BTreeMap<DeviceId, VerifiedDevice>,
    pub(super) revocations: RevocationList,
    pub(super) conversation: ConversationId,
    /// The member's records before it joins: its KeyPackages; and after.
    pub(super) packages: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) records: Vec<(Vec<u8>, Vec<u8>)>,
    /// What the founder made: a KeyPackage of the member's, the Welcome, and what stands in the log behind it.
    pub(super) key_package: Vec<u8>,
    pub(super) welcome: WelcomePart,
    pub(super) receipt: ReceiptBody,
    pub(super) commit_facts: CommitFacts,
    pub(super) content: Vec<u8>,
    pub(super) message: Vec<u8>,
    pub(super) commit: Vec<u8>,
}

thread_local! {
    static WORLD: OnceCell<World> = const { OnceCell::new() };
}

/// Asks this thread's world.
pub(super) fn with<T>(ask: impl FnOnce(&World) -> T) -> T {
    WORLD.with(|world| ask(world.get_or_init(World::new)))
}

impl World {
    /// Made from a fixed seed.
    #[must_use]
    pub fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let office = Office::new(&mut rng, NOW);
        let mut enrol = |handle| {
            let (keys, chain, device) = office.enrol(&mut rng, handle, Tier::Secret, NOW);
            Party { keys, chain, device }
        };
        let (founder, member) = (enrol("director"), enrol("secretary"));
        let known = [&founder, &member].map(|party| (party.device.id(), party.device.clone())).into_iter().collect();
        let revocations = no_revocations(&office);

        let mut packages = Records::default();
        let maker = KeyPackageMaker { device: &member.device, signing: member.keys.signing() };
        let key_package = maker.one_time(1, &mut packages, NOW, &mut rng).unwrap().remove(0).to_vec();
        let checked = check_key_package(&key_package, &member.device, NOW).unwrap();
        let conversation = ConversationId::random(&mut rng);
        let new =
            NewConversation { conversation, kind: Kind::Direct, tier: Tier::Official, relay: office.relay_keys.id() };
        let signing = founder.keys.signing();
        let created = Conversation::create(&new, &founder.device, signing, vec![checked], 1, NOW, &mut rng).unwrap();
        let (mut founding, mut group) = (created.commit, created.conversation);
        let founder_id = founder.device.id();
        let evidence = Evidence { devices: &known, receipt: None, revocations: &revocations };
        own(&mut group, &entry(1, UnitKind::Create, founder_id, &founding.body), &evidence);
        let welcome = welcome(conversation, founder_id, &mut founding);
        let receipt = receipt(&founding);

        let kept = stored(packages.take_changes());
        let mut packages = Records::load(kept.clone());
        let staged = Conversation::stage_join(&welcome, &member.device, &packages).unwrap();
        let mut joined = staged.approve(&known, &receipt, &mut packages, Records::default()).unwrap();
        let records = stored(joined.take_changes());

        let text = Body::text("Budget, پہلا مسودہ").unwrap();
        let queued = group.queue(MessageSeed::random(&mut rng), NOW, &text).unwrap();
        let message = group.encrypt(&queued, signing, &mut rng).unwrap().body.to_vec();
        let content = plaintext(&mut joined, &entry(2, UnitKind::Message, founder_id, &message));
        own(&mut group, &entry(2, UnitKind::Message, founder_id, &message), &evidence);
        let commit = group.self_update(signing, 1, NOW, &mut rng).unwrap();

        Self {
            conversation,
            packages: kept,
            records,
            key_package,
            welcome,
            receipt,
            commit_facts: commit.facts.clone(),
            content,
            message,
            commit: commit.body.to_vec(),
            office,
            founder,
            member,
            known,
            revocations,
        }
    }

    /// The member's conversation, as its vault holds it.
    pub(super) fn joined(&self) -> Conversation {
        let records = Records::load(self.records.clone());
        Conversation::load(&self.conversation, records).unwrap().unwrap()
    }

    /// What a member judges commits by.
    pub(super) fn evidence(&self) -> Evidence<'_> {
        Evidence { devices: &self.known, receipt: None, revocations: &self.revocations }
    }

    /// The next entry of the log, with that body.
    pub(super) fn next(&self, kind: UnitKind, body: &[u8]) -> Option<Entry> {
        Bytes::<{ amanat_wire::limits::BODY }>::new(body).ok()?;
        Some(entry(2, kind, self.founder.device.id(), body))
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Takes in one's own entry, as its maker does when it stands in the log.
fn own(group: &mut Conversation, entry: &Entry, evidence: &Evidence<'_>) {
    match group.receive(entry).unwrap() {
        Incoming::Own(_) => {}
        Incoming::Commit(commit) => {
            let approved = commit.approve(group, evidence).unwrap();
            group.merge(approved).unwrap();
        }
        Incoming::Message(_) | Incoming::Gone { .. } | Incoming::Refused(_) => panic!("one's own entry is known again"),
    }
}

fn plaintext(joined: &mut Conversation, message: &Entry) -> Vec<u8> {
    let Ok(Incoming::Message(message)) = joined.receive(message) else { panic!("the member reads it") };
    message.frame.to_bytes()
}

fn stored(changes: Changes) -> Vec<(Vec<u8>, Vec<u8>)> {
    changes.puts.into_iter().map(|(key, value)| (key, value.to_vec())).collect()
}

fn entry(position: u64, kind: UnitKind, sender: DeviceId, body: &[u8]) -> Entry {
    // Not at random: the same every time.
    Entry { unit: UnitId::from_bytes([position as u8; 16]), ..by_hand::entry(position, kind, sender, body, NOW) }
}

fn welcome(conversation: ConversationId, sender: DeviceId, commit: &mut OutgoingCommit) -> WelcomePart {
    WelcomePart {
        conversation,
        position: 1,
        running: running_hash(&Digest::ZERO, UnitKind::Create, &ciphertext_hash(&commit.body), &[]),
        sender,
        receipt: Bytes::default(),
        group_info: commit.group_info.clone(),
        group_secrets: commit.joiners.first().unwrap().group_secrets.clone(),
    }
}

fn receipt(commit: &OutgoingCommit) -> ReceiptBody {
    ReceiptBody {
        conversation: ConversationId::from_bytes([0; 16]),
        position: 0,
        commit: Digest::ZERO,
        stamp: NOW,
        roster: commit.facts.roster_change(),
        status_number: commit.facts.status_number,
        previous: Digest::ZERO,
    }
}

fn no_revocations(office: &Office) -> RevocationList {
    let officer = office.officer(NOW);
    let signed = office.officer_keys.attest(&officer, 2, ListSummary::default(), NOW, policy::STATUS_VALIDITY).unwrap();
    let mut view = StatusView::new();
    let acceptable = view.judge(signed.verify(office.authority(), NOW).unwrap(), &[], office.authority()).unwrap();
    assert!(view.accept(acceptable));
    view.revocations().clone()
}
