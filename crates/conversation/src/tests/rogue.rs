//! A member that follows MLS but not our profile (protocol-spec/05-conversation, section 1): every misdeed is refused
//! by its name, and changes nothing.

use amanat_identity::Tier;
use amanat_primitives::{DeviceId, sign::SigningKey};
use amanat_wire::{Encode as _, log::UnitKind};
use openmls::{
    prelude::{
        BasicCredential, Capabilities, CredentialWithKey, Extension, Extensions, ExternalSender, GroupContext,
        KeyPackage, LeafNodeIndex, LeafNodeParameters, MlsGroup, MlsGroupJoinConfig, MlsMessageBodyIn, MlsMessageIn,
        MlsMessageOut, NewSignerBundle, OpenMlsProvider, PURE_PLAINTEXT_WIRE_FORMAT_POLICY, ProposalOrRefType, Propose,
        tls_codec::{Deserialize as _, Serialize as _},
    },
    schedule::PreSharedKeyId,
};
use openmls_rust_crypto::{MemoryStorage, RustCrypto};

use super::{
    commits::{Room, room},
    world::{Member, START, World},
};
use crate::{
    ApproveError, CommitFacts, FactsError, GroupFacts, Incoming, KeyPackageError, LeafFault, MembersError, Refusal,
    VoidReason,
    conversation::group_id,
    credential, profile,
    provider::{Crypto, LeafSigner, Provider},
};

/// OpenMLS with a storage that takes everything.
#[derive(Default)]
struct Anything {
    crypto: Crypto,
    rand: RustCrypto,
    storage: MemoryStorage,
}

impl OpenMlsProvider for Anything {
    type CryptoProvider = Crypto;
    type RandProvider = RustCrypto;
    type StorageProvider = MemoryStorage;

    fn storage(&self) -> &MemoryStorage {
        &self.storage
    }
    fn crypto(&self) -> &Crypto {
        &self.crypto
    }
    fn rand(&self) -> &RustCrypto {
        &self.rand
    }
}

/// A member's group in other hands.
struct Rogue {
    group: MlsGroup,
    provider: Anything,
    signing: SigningKey,
    facts: Vec<u8>,
}

impl Rogue {
    fn new(w: &World, member: &Member) -> Self {
        let mut records = member.disk.read();
        let provider = Provider::of_group(&mut records, None);
        let group = MlsGroup::load(provider.storage(), &group_id(&w.id)).unwrap().unwrap();
        let signing = SigningKey::from_seed(&member.keys.signing().to_seed());
        Self { group, provider: Anything::default(), signing, facts: facts(w, &[], &[]) }
    }

    fn says(mut self, facts: Vec<u8>) -> Self {
        self.facts = facts;
        self
    }

    fn in_plain(mut self) -> Self {
        let config = MlsGroupJoinConfig::builder().wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY).build();
        self.group.set_configuration(&self.provider.storage, &config).unwrap();
        self
    }

    fn propose(mut self, propose: Propose) -> Vec<u8> {
        let signer = LeafSigner(&self.signing);
        let made = self.group.propose(&self.provider, &signer, propose, ProposalOrRefType::Reference);
        bytes(&made.unwrap().0)
    }

    /// A commit to proposals that it contains.
    fn commit(
        mut self,
        add: Vec<KeyPackage>,
        remove: Vec<u32>,
        context: Option<Extensions<GroupContext>>,
        leaf: LeafNodeParameters,
    ) -> Vec<u8> {
        self.group.set_aad(self.facts.clone());
        let mut builder = self.group.commit_builder().leaf_node_parameters(leaf);
        builder = builder.propose_adds(add).propose_removals(remove.into_iter().map(LeafNodeIndex::new));
        if let Some(context) = context {
            builder = builder.propose_group_context_extensions(context).unwrap();
        }
        let (rand, crypto) = (&self.provider.rand, &self.provider.crypto);
        let built = builder.load_psks(&self.provider.storage).unwrap();
        let built = built.build(rand, crypto, &LeafSigner(&self.signing), |_| true).unwrap();
        bytes(built.stage_commit(&self.provider).unwrap().commit())
    }

    fn add(self, package: KeyPackage) -> Vec<u8> {
        self.commit(vec![package], vec![], None, LeafNodeParameters::default())
    }

    fn update(self, leaf: LeafNodeParameters) -> Vec<u8> {
        self.commit(vec![], vec![], None, leaf)
    }

    fn context(self, context: Extensions<GroupContext>) -> Vec<u8> {
        self.commit(vec![], vec![], Some(context), LeafNodeParameters::default())
    }
}

fn rogue(room: &Room) -> Rogue {
    Rogue::new(&room.w, &room.a)
}

fn bytes(message: &MlsMessageOut) -> Vec<u8> {
    message.tls_serialize_detached().unwrap()
}

fn facts(w: &World, add: &[DeviceId], remove: &[DeviceId]) -> Vec<u8> {
    CommitFacts::new(w.now, 1, add.to_vec(), remove.to_vec()).unwrap().to_bytes()
}

/// Appends what a rogue made, and what `b` makes of it: a refusal at once, or a verdict.
fn verdict(room: &mut Room, body: &[u8]) -> Result<Refusal, VoidReason> {
    let kind = if body.len() > 25 && body[3] == 2 && body[29] == 1 { UnitKind::Message } else { UnitKind::Commit };
    let Room { w, a, b, .. } = room;
    let entry = w.append_as(a.id(), kind, body);
    let before = b.conv().epoch_authenticator();
    let outcome = match b.conv().receive(&entry).unwrap() {
        Incoming::Refused(refused) => Ok(refused.reason),
        Incoming::Commit(commit) => {
            assert_eq!(commit.sender(), a.id());
            let Err(ApproveError::Void(reason)) = commit.approve(b.conv(), &w.evidence()) else { panic!("approved") };
            b.conv().void(&entry).unwrap();
            Err(reason)
        }
        _ => panic!("taken"),
    };
    b.restart();
    assert_eq!(b.conv().epoch_authenticator(), before);
    assert_eq!(b.conv().log().position(), entry.position);
    outcome
}

// [CONV-13] Whatever is not a PrivateMessage.
#[test]
fn only_private_messages_have_a_place_in_the_log() {
    let mut room = room(60);
    let mut d = room.w.enrol("d", Tier::Secret);
    let commit = rogue(&room).in_plain().update(LeafNodeParameters::default());
    assert_eq!(verdict(&mut room, &commit), Ok(Refusal::NotPrivate(1)));
    let proposal = rogue(&room).in_plain().propose(Propose::Remove(2));
    assert_eq!(verdict(&mut room, &proposal), Ok(Refusal::NotPrivate(1)));
    let taken = rogue(&room);
    let info = taken.group.export_group_info(&taken.provider.crypto, &LeafSigner(&taken.signing), true).unwrap();
    assert_eq!(verdict(&mut room, &bytes(&info)), Ok(Refusal::NotPrivate(4)));
    // [CONV-17] With such a GroupInfo an outsider could make an external commit; it is refused like the rest.
    let external = external_commit(&d, &info);
    assert_eq!(verdict(&mut room, &external), Ok(Refusal::NotPrivate(1)));
    let package = room.w.package(&mut d);
    assert_eq!(verdict(&mut room, &package), Ok(Refusal::NotPrivate(5)));
    let mut taken = rogue(&room);
    let package = room.w.checked(&mut d).package;
    let (_, welcome, _) = taken.group.add_members(&taken.provider, &LeafSigner(&taken.signing), &[package]).unwrap();
    assert_eq!(verdict(&mut room, &bytes(&welcome)), Ok(Refusal::NotPrivate(3)));
    assert_eq!(verdict(&mut room, b"no MLS message"), Ok(Refusal::Malformed));
    assert_eq!(verdict(&mut room, b""), Ok(Refusal::Malformed));
}

fn external_commit(outsider: &Member, info: &MlsMessageOut) -> Vec<u8> {
    let MlsMessageBodyIn::GroupInfo(info) = MlsMessageIn::tls_deserialize_exact(bytes(info)).unwrap().extract() else {
        panic!("no GroupInfo")
    };
    let provider = Anything::default();
    let signer = LeafSigner(outsider.keys.signing());
    let builder = openmls::prelude::ExternalCommitBuilder::new().skip_lifetime_validation();
    let built = builder.build_group(&provider, info, credential::own(&outsider.device)).unwrap();
    let leaf = LeafNodeParameters::builder().with_capabilities(profile::capabilities()).build();
    let built = built.leaf_node_parameters(leaf).load_psks(&provider.storage).unwrap();
    let built = built.build(&provider.rand, &provider.crypto, &signer, |_| true).unwrap();
    bytes(built.finalize(&provider).unwrap().1.commit())
}

// [CONV-14] Proposals stand in commits, by value, and only add and remove.
#[test]
fn only_adds_and_removes_inside_commits() {
    let mut room = room(61);
    let mut d = room.w.enrol("d", Tier::Secret);
    let package = room.w.checked(&mut d).package;
    for propose in [Propose::Remove(2), Propose::Add(package), Propose::Update(LeafNodeParameters::default())] {
        let proposal = rogue(&room).propose(propose);
        assert_eq!(verdict(&mut room, &proposal), Ok(Refusal::StandaloneProposal));
    }
    let mut taken = rogue(&room);
    taken
        .group
        .propose(&taken.provider, &LeafSigner(&taken.signing), Propose::Remove(2), ProposalOrRefType::Reference)
        .unwrap();
    taken.group.set_aad(facts(&room.w, &[], &[room.c.id()]));
    let (commit, ..) = taken.group.commit_to_pending_proposals(&taken.provider, &LeafSigner(&taken.signing)).unwrap();
    assert_eq!(verdict(&mut room, &bytes(&commit)), Ok(Refusal::ByReference));

    let mut taken = rogue(&room);
    let psk = PreSharedKeyId::external(b"id".to_vec(), vec![7; 32]);
    psk.store(&taken.provider, &[1; 32]).unwrap();
    let value = ProposalOrRefType::Proposal;
    taken.group.propose(&taken.provider, &LeafSigner(&taken.signing), Propose::PreSharedKey(psk), value).unwrap();
    taken.group.set_aad(facts(&room.w, &[], &[]));
    let (commit, ..) = taken.group.commit_to_pending_proposals(&taken.provider, &LeafSigner(&taken.signing)).unwrap();
    assert_eq!(verdict(&mut room, &bytes(&commit)), Ok(Refusal::InvalidCommit));

    // A change of what the conversation is, and external senders let in.
    let mut changed = room.b.conv().facts().clone();
    changed.tier = Tier::Official;
    let commit = rogue(&room).context(changed.extensions(room.b.conv().roles()).unwrap());
    assert_eq!(verdict(&mut room, &commit), Err(VoidReason::FactsChanged));
    let facts_now = room.b.conv().facts().clone();
    let mut senders = facts_now.extensions(room.b.conv().roles()).unwrap();
    let CredentialWithKey { credential, signature_key } = credential::own(&d.device);
    senders.add(Extension::ExternalSenders(vec![ExternalSender::new(signature_key, credential)])).unwrap();
    let commit = rogue(&room).context(senders);
    assert_eq!(verdict(&mut room, &commit), Ok(Refusal::Void(VoidReason::Facts(FactsError::Extensions))));
}

// [CONV-13] The relay orders by what an entry is declared as, so it must be that.
#[test]
fn an_entry_is_what_it_was_declared_as() {
    let mut room = room(68);
    let commit = rogue(&room).update(LeafNodeParameters::default());
    let Room { w, a, b, .. } = &mut room;
    let own = w.encrypt(b, "own");
    for (body, kind) in
        [(&commit, UnitKind::Message), (&commit, UnitKind::Create), (&own, UnitKind::Commit), (&own, UnitKind::Create)]
    {
        let entry = w.append_as(a.id(), kind, body);
        let Ok(Incoming::Refused(refused)) = b.conv().receive(&entry) else { panic!() };
        assert_eq!(refused.reason, Refusal::OtherKind);
    }
    let signing = SigningKey::from_seed(&b.keys.signing().to_seed());
    let made = b.conv().self_update(&signing, 1, w.now, &mut rand_core::OsRng).unwrap();
    let entry = w.append_as(b.id(), UnitKind::Message, &made.body);
    let Ok(Incoming::Refused(refused)) = b.conv().receive(&entry) else { panic!() };
    assert_eq!(refused.reason, Refusal::OtherKind);
}

// [CONV-18] A Welcome that needs a pre-shared key, though everything else about it is right.
#[test]
fn a_welcome_needs_no_pre_shared_key() {
    let mut room = room(69);
    let mut d = room.w.enrol("d", Tier::Secret);
    for with_psk in [true, false] {
        let package = room.w.checked(&mut d).package;
        let mut taken = rogue(&room);
        if with_psk {
            let psk = PreSharedKeyId::external(b"id".to_vec(), vec![7; 32]);
            psk.store(&taken.provider, &[1; 32]).unwrap();
            let value = ProposalOrRefType::Proposal;
            taken
                .group
                .propose(&taken.provider, &LeafSigner(&taken.signing), Propose::PreSharedKey(psk), value)
                .unwrap();
        }
        let said = facts(&room.w, &[d.id()], &[]);
        taken.group.set_aad(said.clone());
        let builder = taken.group.commit_builder().consume_proposal_store(true).propose_adds([package]);
        let builder = builder.load_psks(&taken.provider.storage).unwrap();
        let for_joiners = [profile::private_extension(profile::COMMIT_EXTENSION, said)];
        let builder = builder.create_group_info_with_extensions(for_joiners).unwrap();
        let (rand, crypto) = (&taken.provider.rand, &taken.provider.crypto);
        let built = builder.build(rand, crypto, &LeafSigner(&taken.signing), |_| true).unwrap();
        let welcome = built.stage_commit(&taken.provider).unwrap().into_welcome().unwrap();
        let welcome = welcome.tls_serialize_detached().unwrap();
        let parts = crate::framing::split_welcome(&welcome).unwrap();
        let part = amanat_wire::relay::WelcomePart {
            conversation: room.w.id,
            position: 2,
            running: amanat_primitives::Digest::ZERO,
            sender: room.a.id(),
            receipt: amanat_wire::Bytes::default(),
            group_info: amanat_wire::Bytes::new(parts.encrypted_group_info).unwrap(),
            group_secrets: amanat_wire::Bytes::new(parts.secrets[0].1).unwrap(),
        };
        let staged = crate::Conversation::stage_join(&part, &d.device, &d.packages.read());
        assert_eq!(staged.err(), with_psk.then_some(crate::JoinError::Invalid));
    }
}

// [CONV-15]
#[test]
fn a_commit_announces_what_it_does() {
    let mut room = room(62);
    let mut d = room.w.enrol("d", Tier::Secret);
    let package = room.w.checked(&mut d).package;
    let (c_id, d_id) = (room.c.id(), d.id());
    for said in [vec![], vec![9], facts(&room.w, &[], &[])[..40.min(facts(&room.w, &[], &[]).len() - 1)].to_vec()] {
        let commit = rogue(&room).says(said).update(LeafNodeParameters::default());
        assert_eq!(verdict(&mut room, &commit), Ok(Refusal::CommitData));
    }
    let unsorted = {
        let mut both = CommitFacts::new(room.w.now, 1, [], [c_id, d_id]).unwrap();
        let mut list: Vec<_> = both.roster_remove.to_vec();
        list.reverse();
        both.roster_remove = amanat_wire::List::new(list).unwrap();
        both.to_bytes()
    };
    let commit = rogue(&room).says(unsorted).update(LeafNodeParameters::default());
    assert_eq!(verdict(&mut room, &commit), Ok(Refusal::CommitData));
    let none = LeafNodeParameters::default;
    let cases = [
        (facts(&room.w, &[], &[]), vec![package.clone()], vec![]),
        (facts(&room.w, &[c_id], &[]), vec![package.clone()], vec![]),
        (facts(&room.w, &[d_id], &[c_id]), vec![package.clone()], vec![]),
        (facts(&room.w, &[], &[]), vec![], vec![2]),
        (facts(&room.w, &[], &[room.b.id()]), vec![], vec![2]),
        (facts(&room.w, &[d_id], &[]), vec![], vec![]),
    ];
    for (said, add, remove) in cases {
        let commit = rogue(&room).says(said).commit(add, remove, None, none());
        assert_eq!(verdict(&mut room, &commit), Err(VoidReason::RosterMismatch));
    }
}

// [CONV-04] [CONV-05] [CONV-20] [CONV-21] Add: each member checks who is let in.
#[test]
fn an_added_device_is_checked_by_every_member() {
    let mut room = room(63);
    let adds = |room: &Room, id| rogue(room).says(facts(&room.w, &[id], &[]));
    let mut low = room.w.enrol("low", Tier::Official);
    let package = room.w.checked(&mut low).package;
    let fault = LeafFault::BelowTier { needed: Tier::Secret, held: Tier::Official };
    let commit = adds(&room, low.id()).add(package);
    assert_eq!(verdict(&mut room, &commit), Err(VoidReason::Added(low.id(), fault.into())));

    let mut d = room.w.enrol("d", Tier::Secret);
    let thief = SigningKey::generate(&mut room.w.rng);
    let forged = room.w.forge(&d, &thief, |_| {});
    let commit = adds(&room, d.id()).add(room.w.parse(&forged));
    assert_eq!(verdict(&mut room, &commit), Err(VoidReason::Added(d.id(), LeafFault::OtherKey.into())));

    let package = room.w.checked(&mut d).package;
    let other = room.w.in_other_ministry(&d);
    let known = room.w.chains.insert(d.id(), other).unwrap();
    let commit = adds(&room, d.id()).add(package.clone());
    assert_eq!(verdict(&mut room, &commit), Err(VoidReason::Added(d.id(), LeafFault::OtherAddress.into())));
    room.w.chains.insert(d.id(), known);

    let signing = SigningKey::from_seed(&d.keys.signing().to_seed());
    let bare = room.w.forge(&d, &signing, |forged| forged.validity = None);
    let commit = adds(&room, d.id()).add(room.w.parse(&bare));
    assert_eq!(verdict(&mut room, &commit), Err(VoidReason::Added(d.id(), KeyPackageError::Extensions)));

    // Judged by the time in the commit, whatever this machine's clock says.
    room.w.now = START.after(std::time::Duration::from_secs(31 * 24 * 3600));
    let commit = adds(&room, d.id()).add(package);
    let expired = KeyPackageError::Expired { since: START.after(profile::KEY_PACKAGE_VALIDITY) };
    assert_eq!(verdict(&mut room, &commit), Err(VoidReason::Added(d.id(), expired)));
    // A second leaf for a device that is a member: MLS refuses the same key, we refuse the same name.
    let second = room.w.forge(&room.c, &thief, |_| {});
    let commit = adds(&room, room.c.id()).add(room.w.parse(&second));
    let twice = VoidReason::Members(MembersError::Twice(room.c.id()));
    assert_eq!(verdict(&mut room, &commit), Err(twice));
}

// [CONV-07] Update: the committer's new leaf is the same device with the same key.
#[test]
fn an_update_renews_the_encryption_key_alone() {
    let mut room = room(64);
    let mine = credential::own(&room.a.device);
    let named = |identity: Vec<u8>| CredentialWithKey {
        credential: BasicCredential::new(identity).into(),
        signature_key: mine.signature_key.clone(),
    };
    let leaf = |credential| LeafNodeParameters::builder().with_credential_with_key(credential).build();
    for other in [
        named(vec![1]),
        CredentialWithKey { signature_key: mine.signature_key.clone(), ..credential::own(&room.b.device) },
    ] {
        let commit = rogue(&room).update(leaf(other));
        assert_eq!(verdict(&mut room, &commit), Err(VoidReason::OwnLeaf(LeafFault::Credential)));
    }
    let extensions =
        [profile::GROUP_EXTENSION, profile::ROLES_EXTENSION, 0xF1FF].map(openmls::prelude::ExtensionType::Unknown);
    let wider = Capabilities::new(None, None, Some(&extensions), Some(&[]), None);
    let commit = rogue(&room).update(LeafNodeParameters::builder().with_capabilities(wider).build());
    assert_eq!(verdict(&mut room, &commit), Err(VoidReason::OwnLeaf(LeafFault::Capabilities)));

    let thief = SigningKey::generate(&mut room.w.rng);
    let signature_key = thief.verifying_key().as_bytes().to_vec().into();
    let credential_with_key = CredentialWithKey { signature_key, ..mine };
    let mut taken = rogue(&room);
    taken.group.set_aad(taken.facts.clone());
    let bundle = NewSignerBundle { signer: &LeafSigner(&thief), credential_with_key };
    let builder = taken.group.commit_builder().load_psks(&taken.provider.storage).unwrap();
    let (rand, crypto) = (&taken.provider.rand, &taken.provider.crypto);
    let built = builder.build_with_new_signer(rand, crypto, &LeafSigner(&taken.signing), bundle, |_| true).unwrap();
    let commit = bytes(built.stage_commit(&taken.provider).unwrap().commit());
    assert_eq!(verdict(&mut room, &commit), Err(VoidReason::OwnLeaf(LeafFault::OtherKey)));
}

// [CONV-11] A third person is not let into a conversation between two.
#[test]
fn a_direct_conversation_stays_between_two() {
    let mut w = World::new(65);
    let (mut a, mut b) = (w.enrol("a", Tier::Secret), w.enrol("b", Tier::Secret));
    w.room(Tier::Secret, &mut a, &mut [&mut b]);
    let c = w.enrol("c", Tier::Secret);
    let mut room = Room { w, a, b, c };
    let package = room.w.checked(&mut room.c).package;
    let commit = Rogue::new(&room.w, &room.a).says(facts(&room.w, &[room.c.id()], &[])).add(package);
    assert_eq!(verdict(&mut room, &commit), Err(VoidReason::Members(MembersError::NotTwoPeople)));
}

// [CONV-30] A plaintext that is no frame is refused with its author's name, and its key is used up.
#[test]
fn a_plaintext_that_is_no_frame_is_refused_by_name() {
    let mut room = room(66);
    for (text, expected) in [
        (&[][..], crate::content::FrameError::Malformed(amanat_wire::DecodeError::CutShort)),
        (&[2, 1, 2, 3], crate::content::FrameError::NewerVersion(2)),
    ] {
        let mut taken = Rogue::new(&room.w, &room.a);
        let made = taken.group.create_message(&taken.provider, &LeafSigner(&taken.signing), text).unwrap();
        let entry = room.w.append_message(room.a.id(), &bytes(&made));
        let Incoming::Refused(refused) = room.b.conv().receive(&entry).unwrap() else { panic!() };
        let mut c_records = room.c.disk.read();
        let _ = c_records.take_changes();
        assert_eq!((refused.sender, refused.reason), (Some(room.a.id()), Refusal::Frame(expected)));
        // The rogue's state was a copy: the second text used the same key, so `b` starts anew.
        room.b.conversation = crate::Conversation::load(&room.w.id, room.b.disk.read()).unwrap();
        room.w.log.pop();
    }
}

// [CONV-10] The facts of a GroupContext are exactly ours.
#[test]
fn facts_are_read_back_exactly_or_not_at_all() {
    let mut room = room(67);
    let facts = room.b.conv().facts().clone();
    assert_eq!(
        GroupFacts::of_context(room.b.conv().group.public_group().group_context()).map(|(facts, _)| facts),
        Ok(facts.clone())
    );
    let mut bytes = facts.to_bytes();
    bytes.push(0);
    assert_eq!(
        <GroupFacts as amanat_wire::Decode>::from_bytes(&bytes).map_err(FactsError::from),
        Err(FactsError::Malformed(amanat_wire::DecodeError::LeftOver))
    );
}
