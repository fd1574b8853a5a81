//! Making commits (protocol-spec/05-conversation, sections 4 and 5): founding a conversation, and changing its members.

use amanat_identity::VerifiedDevice;
use amanat_primitives::{ConversationId, CryptoRngCore, DeviceId, Timestamp, sign::SigningKey};
use amanat_wire::{
    Bytes, Encode as _, List,
    client::AddAgain,
    limits,
    log::{Joiner, ciphertext_hash},
};
use openmls::prelude::{
    CommitMessageBundle, Extension, Extensions, GroupContext, LeafNodeIndex, MlsGroup, OpenMlsProvider as _,
    tls_codec::Serialize as _,
};

use crate::{
    Conversation, ConversationError,
    commit::{CommitFacts, OutgoingCommit},
    conversation::group_id,
    credential::{self, LeafClaim, check_leaf},
    framing,
    group::{GroupFacts, Kind, NewConversation, check_founders, check_members, claimed, verified},
    history::{LogTrack, SenderTrack},
    key_package::{CheckedKeyPackage, check_added, reference},
    profile::{self, COMMIT_EXTENSION},
    provider::{LeafSigner, Provider, SUITE},
    records::Records,
    remembered,
    roles::{Act, LeaveProof, Roles},
    state::{self, Head, Pending},
};

/// A new conversation and the commit that opens it. Write its changes, and the commit into the outbox, before sending.
pub struct Created {
    /// The conversation; it can be written in once its commit is found accepted.
    pub conversation: Conversation,
    /// To be appended as `Create`.
    pub commit: OutgoingCommit,
}

/// What one commit does.
#[derive(Default)]
struct Change {
    add: Vec<CheckedKeyPackage>,
    remove: Vec<(LeafNodeIndex, DeviceId)>,
    /// Renew the committer's own keys, where nothing else makes that happen.
    renew: bool,
    appoint: Option<Roles>,
    leaves: Vec<LeaveProof>,
    again: Vec<AddAgain>,
    unfit: Vec<DeviceId>,
}

/// Whom to remove, and by what right where the remover's role is not enough.
#[derive(Default)]
pub struct Removal {
    /// Devices.
    pub devices: Vec<DeviceId>,
    /// Requests of those among them who asked for it.
    pub leaves: Vec<LeaveProof>,
    /// Those among them who are revoked, or no longer cleared for the tier.
    pub unfit: Vec<DeviceId>,
}

impl From<&[DeviceId]> for Removal {
    fn from(devices: &[DeviceId]) -> Self {
        Self { devices: devices.to_vec(), ..Self::default() }
    }
}
impl<const N: usize> From<&[DeviceId; N]> for Removal {
    fn from(devices: &[DeviceId; N]) -> Self {
        devices.as_slice().into()
    }
}

/// Who commits, by what and when.
struct Committer<'a> {
    signing: &'a SigningKey,
    status_number: u64,
    now: Timestamp,
}

impl Conversation {
    /// Founds a conversation with up to 50 devices beside the founder's, in one commit.
    ///
    /// # Errors
    /// [`ConversationError`]; among them [`ConversationError::CannotAdd`] for a device below the tier, the founder's
    /// own included.
    pub fn create(
        new: &NewConversation,
        own: &VerifiedDevice,
        signing: &SigningKey,
        members: Vec<CheckedKeyPackage>,
        status_number: u64,
        now: Timestamp,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<Created, ConversationError> {
        if signing.verifying_key() != *own.signing_key() {
            return Err(ConversationError::OtherKey);
        }
        let facts = GroupFacts::new(new);
        let founders = std::iter::once(own).chain(members.iter().map(CheckedKeyPackage::device));
        check_founders(new.kind, founders.map(verified))?;
        let mut records = Records::default();
        let roles = (new.kind == Kind::Group).then(|| Roles::founded_by(own.address().clone()));
        let context = facts.extensions(roles.as_ref()).ok_or(ConversationError::Library)?;
        let group = found_group(context, new.conversation, own, signing, &mut records, rng)?;
        let claim = group.own_leaf_node().map(LeafClaim::of_leaf).and_then(Result::ok);
        let claim = claim.ok_or(ConversationError::Library)?;
        // [CONV-05]
        claim.check(own, Some(new.tier)).map_err(|fault| ConversationError::CannotAdd(own.id(), fault))?;
        let opening = CommitFacts::new(now, status_number, [], [])?;
        let head = Head::new(own.id(), 0, &opening);
        let mut conversation = Self::assemble(group, records, (facts, roles), head, LogTrack::from_start());
        let change = Change { add: members, ..Change::default() };
        let commit = conversation.commit(change, &Committer { signing, status_number, now }, rng)?;
        Ok(Created { conversation, commit })
    }

    /// Adds up to 50 devices.
    ///
    /// # Errors
    /// [`ConversationError`].
    pub fn add(
        &mut self,
        members: Vec<CheckedKeyPackage>,
        signing: &SigningKey,
        status_number: u64,
        now: Timestamp,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<OutgoingCommit, ConversationError> {
        let change = Change { add: members, ..Change::default() };
        self.commit(change, &Committer { signing, status_number, now }, rng)
    }

    /// Removes devices, all in one commit.
    ///
    /// # Errors
    /// [`ConversationError`].
    pub fn remove(
        &mut self,
        removal: impl Into<Removal>,
        signing: &SigningKey,
        status_number: u64,
        now: Timestamp,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<OutgoingCommit, ConversationError> {
        let Removal { devices, leaves, unfit } = removal.into();
        let change = Change { remove: self.leaves_of(&devices)?, leaves, unfit, ..Change::default() };
        self.commit(change, &Committer { signing, status_number, now }, rng)
    }

    /// Removes a device that fell out and adds it again, in one commit.
    ///
    /// # Errors
    /// [`ConversationError`].
    pub fn add_again(
        &mut self,
        member: CheckedKeyPackage,
        asked: AddAgain,
        signing: &SigningKey,
        status_number: u64,
        now: Timestamp,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<OutgoingCommit, ConversationError> {
        let remove = self.leaves_of(&[member.device().id()])?;
        let change = Change { add: vec![member], remove, again: vec![asked], ..Change::default() };
        self.commit(change, &Committer { signing, status_number, now }, rng)
    }

    /// Says who the moderators of a group are.
    ///
    /// # Errors
    /// [`ConversationError`].
    pub fn appoint(
        &mut self,
        roles: Roles,
        signing: &SigningKey,
        status_number: u64,
        now: Timestamp,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<OutgoingCommit, ConversationError> {
        let change = Change { appoint: Some(roles), ..Change::default() };
        self.commit(change, &Committer { signing, status_number, now }, rng)
    }

    /// Renews this device's keys, which heals the conversation after they were stolen.
    ///
    /// # Errors
    /// [`ConversationError`].
    pub fn self_update(
        &mut self,
        signing: &SigningKey,
        status_number: u64,
        now: Timestamp,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<OutgoingCommit, ConversationError> {
        self.commit(Change { renew: true, ..Change::default() }, &Committer { signing, status_number, now }, rng)
    }

    fn leaves_of(&self, devices: &[DeviceId]) -> Result<Vec<(LeafNodeIndex, DeviceId)>, ConversationError> {
        let all: std::collections::BTreeMap<_, _> = self
            .group
            .treesync()
            .full_leaves()
            .filter_map(|(index, leaf)| Some((LeafClaim::of_leaf(leaf).ok()?.device, index)))
            .collect();
        let find = |device: &DeviceId| {
            all.get(device).map(|index| (*index, *device)).ok_or(ConversationError::NotMember(*device))
        };
        devices.iter().map(find).collect()
    }

    /// Makes one commit and keeps it pending. `[CONV-41]`
    fn commit(
        &mut self,
        change: Change,
        by: &Committer<'_>,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<OutgoingCommit, ConversationError> {
        self.check_can_act(by.signing)?;
        self.check_change(&change, by.now)?;
        let added = change.add.iter().map(|member| member.device().id());
        // The time never goes back, even where this machine's clock did: such a commit would be void.
        let committed_at = by.now.max(self.head.committed_at);
        let status_number = by.status_number.max(self.head.status_number);
        let removed = change.remove.iter().map(|(_, device)| *device);
        let facts = CommitFacts::new(committed_at, status_number, added, removed)?;
        let facts = facts.for_leavers(change.leaves.clone())?.for_returning(change.again.clone())?;
        self.check_allowed(&change, &facts)?;
        let context = match &change.appoint {
            Some(roles) => Some(self.facts.extensions(Some(roles)).ok_or(ConversationError::Library)?),
            None => None,
        };
        let signer = LeafSigner(by.signing);
        self.hashes.begin_commit();
        self.transact(Some(rng), |group, provider| {
            let for_joiners = vec![profile::private_extension(COMMIT_EXTENSION, facts.to_bytes())];
            let bundle = build(group, provider, &change, context, &facts, for_joiners, &signer)?;
            provider.storage().fault().map_or(Ok(()), |fault| Err(ConversationError::Storage(fault)))?;
            let commit = outgoing(&bundle, &change, &facts)?;
            let pending = Pending { hash: commit.hash, facts };
            state::put_pending(provider.storage(), &pending)?;
            Ok(commit)
        })
    }

    fn check_change(&self, change: &Change, now: Timestamp) -> Result<(), ConversationError> {
        for member in &change.add {
            let id = member.device().id();
            // [CONV-05] [CONV-06]
            check_leaf(member.package.leaf_node(), member.device(), Some(self.tier()))
                .map_err(|fault| ConversationError::CannotAdd(id, fault))?;
            check_added(&member.package, member.device(), now)
                .map_err(|error| ConversationError::CannotAddPackage(id, error))?;
        }
        let members = self.members();
        let staying = members.iter().filter(|member| change.remove.iter().all(|(_, device)| *device != member.device));
        let joining = change.add.iter().map(|member| verified(member.device()));
        check_members(self.kind(), staying.map(claimed).chain(joining))?;
        if change.remove.iter().any(|(_, device)| *device == self.head.own) {
            return Err(ConversationError::CannotRemoveOwn);
        }
        Ok(())
    }

    /// What would be void for everyone is not made. `[CONV-47]`
    fn check_allowed(&self, change: &Change, facts: &CommitFacts) -> Result<(), ConversationError> {
        let added: Vec<_> = change.add.iter().map(|member| LeafClaim::of_leaf(member.package.leaf_node())).collect();
        let added = added.into_iter().collect::<Result<Vec<_>, _>>().map_err(|_| ConversationError::Library)?;
        let removed: Vec<_> = change.remove.iter().map(|(_, device)| *device).collect();
        let founding = self.head.accepted_commit == 0;
        let act = Act {
            roles: self.roles.as_ref().filter(|_| !founding),
            members: &self.members(),
            committer: self.head.own,
            added: &added,
            removed: &removed,
            appoints: change.appoint.as_ref(),
            leavers: &self.leavers(facts),
            returning: &self.returning(facts),
        };
        Ok(act.check(|device| change.unfit.contains(device))?)
    }

    /// Hash of this device's commit that is on its way.
    ///
    /// # Errors
    /// [`ConversationError::Storage`].
    pub fn pending_commit(&self) -> Result<Option<amanat_primitives::Digest>, ConversationError> {
        Ok(state::pending(&self.records)?.map(|pending| pending.hash))
    }

    /// The time in this device's commit that is on its way.
    ///
    /// # Errors
    /// [`ConversationError::Storage`].
    pub fn pending_since(&self) -> Result<Option<Timestamp>, ConversationError> {
        Ok(state::pending(&self.records)?.map(|pending| pending.facts.committed_at))
    }

    /// Whether this device has given up another commit in the epoch in force, which a log may hold all the same. `[CONV-90]`
    ///
    /// # Errors
    /// [`ConversationError::Storage`].
    pub fn has_given_up(&self) -> Result<bool, ConversationError> {
        remembered::has_given_up(&self.records)
    }

    /// Gives up this device's commit that is on its way. It is still known, and can still be merged, where it is found in the
    /// log before another one is: nobody can be certain of what a relay has stored. `[CONV-90]`
    ///
    /// # Errors
    /// [`ConversationError::NoCommitPending`], and faults of our own.
    pub fn drop_pending_commit(&mut self) -> Result<(), ConversationError> {
        let pending = state::pending(&self.records)?.ok_or(ConversationError::NoCommitPending)?;
        self.transact(None, |group, provider| {
            if let Some(staged) = group.pending_commit() {
                remembered::give_up(provider.storage(), pending.hash, &pending.facts, staged)?;
            }
            group.clear_pending_commit(provider.storage())?;
            Ok(state::delete_pending(provider.storage())?)
        })
    }
}

fn found_group(
    context: Extensions<GroupContext>,
    id: ConversationId,
    own: &VerifiedDevice,
    signing: &SigningKey,
    records: &mut Records,
    rng: &mut dyn CryptoRngCore,
) -> Result<MlsGroup, ConversationError> {
    let config = profile::join_config();
    let provider = Provider::of_group(records, Some(rng));
    let group = MlsGroup::builder()
        .with_group_id(group_id(&id))
        .ciphersuite(SUITE)
        .with_wire_format_policy(config.wire_format_policy())
        .padding_size(config.padding_size())
        .sender_ratchet_configuration(*config.sender_ratchet_configuration())
        .max_past_epochs(profile::PAST_EPOCHS as usize)
        .number_of_resumption_psks(0)
        .use_ratchet_tree_extension(true)
        .lifetime(profile::lifetime())
        .with_capabilities(profile::capabilities())
        .with_group_context_extensions(context)
        .build(&provider, &LeafSigner(signing), credential::own(own));
    group.map_err(|_| ConversationError::of(provider.storage()))
}

fn build(
    group: &mut MlsGroup,
    provider: &Provider<'_>,
    change: &Change,
    context: Option<Extensions<GroupContext>>,
    facts: &CommitFacts,
    for_joiners: Vec<Extension>,
    signer: &LeafSigner<'_>,
) -> Result<CommitMessageBundle, ConversationError> {
    // Whatever OpenMLS answers here, nothing was sent yet and everything is undone.
    let failed = || ConversationError::of(provider.storage());
    group.set_aad(facts.to_bytes());
    let mut builder = group.commit_builder();
    if let Some(context) = context {
        builder = builder.propose_group_context_extensions(context).map_err(|_| failed())?;
    }
    let builder = builder
        .consume_proposal_store(false)
        // [CONV-75]
        .force_self_update(change.renew)
        .propose_removals(change.remove.iter().map(|(index, _)| *index))
        .propose_adds(change.add.iter().map(|member| member.package.clone()))
        .load_psks(provider.storage())
        .map_err(|_| failed())?
        .create_group_info_with_extensions(for_joiners)
        .map_err(|_| failed())?
        // Only inside the Welcome: a GroupInfo that leaves alone would open the group to external commits.
        .create_group_info(false);
    let built = builder.build(provider.rand(), provider.crypto(), signer, |_| true).map_err(|_| failed())?;
    built.stage_commit(provider).map_err(|_| failed())
}

fn outgoing(
    bundle: &CommitMessageBundle,
    change: &Change,
    facts: &CommitFacts,
) -> Result<OutgoingCommit, ConversationError> {
    let library = |_| ConversationError::Library;
    let body = bundle.commit().tls_serialize_detached().map_err(library)?;
    let (mut group_info, mut joiners) = (Vec::new(), Vec::new());
    if let Some(welcome) = bundle.welcome() {
        let bytes = welcome.tls_serialize_detached().map_err(library)?;
        let parts = framing::split_welcome(&bytes).ok_or(ConversationError::Library)?;
        group_info = parts.encrypted_group_info.to_vec();
        for member in &change.add {
            let wanted = reference(&member.package)?;
            let find = |(reference, _): &&(&[u8], &[u8])| *reference == wanted.as_slice();
            let (_, secret) = parts.secrets.iter().find(find).ok_or(ConversationError::Library)?;
            joiners.push(Joiner { device: member.device().id(), group_secrets: Bytes::new(*secret)? });
        }
    }
    Ok(OutgoingCommit {
        hash: ciphertext_hash(&body),
        body: Bytes::new(body)?,
        roster_add: facts.roster_add.clone(),
        roster_remove: facts.roster_remove.clone(),
        group_info: Bytes::<{ limits::BODY }>::new(group_info)?,
        joiners: List::new(joiners)?,
        facts: facts.clone(),
    })
}

/// The senders' tracks of a new member: of all from the start where it was there from the founding, else from the
/// first content that it sees.
pub(crate) fn begin_tracks(records: &mut Records, members: &[LeafClaim], from_founding: bool) {
    for member in members {
        let track = if from_founding { SenderTrack::from_start() } else { SenderTrack::from_now() };
        state::put_sender(records, &member.device, &track);
    }
}

#[cfg(test)]
impl Conversation {
    /// A founder that checks nothing, for the tests that its joiners do.
    #[allow(clippy::too_many_arguments, reason = "a test's every choice")]
    pub(crate) fn create_unchecked(
        context: Extensions<GroupContext>,
        id: ConversationId,
        own: &VerifiedDevice,
        signing: &SigningKey,
        add: Vec<CheckedKeyPackage>,
        commit: &CommitFacts,
        for_joiners: Vec<Extension>,
        rng: &mut dyn CryptoRngCore,
    ) -> OutgoingCommit {
        let mut records = Records::default();
        let mut group = found_group(context, id, own, signing, &mut records, rng).unwrap();
        let provider = Provider::of_group(&mut records, Some(rng));
        let change = Change { add, ..Change::default() };
        let bundle = build(&mut group, &provider, &change, None, commit, for_joiners, &LeafSigner(signing)).unwrap();
        outgoing(&bundle, &change, commit).unwrap()
    }
}
