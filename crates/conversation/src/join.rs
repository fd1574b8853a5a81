//! Joining (protocol-spec/05-conversation, section 6): a Welcome is rebuilt from its two parts, opened, and believed
//! only when every leaf of the group was checked against its chain.

use std::{collections::BTreeMap, sync::Arc};

use amanat_identity::VerifiedDevice;
use amanat_primitives::{ConversationId, DeviceId, Timestamp};
use amanat_wire::{log::ReceiptBody, relay::WelcomePart};
use openmls::prelude::{
    ExtensionType, KeyPackageRef, ProcessedWelcome, StagedWelcome, Welcome, WelcomeError, tls_codec::Deserialize as _,
};

use crate::{
    Conversation, ConversationError,
    commit::{CommitFacts, VoidReason, validity},
    create::begin_tracks,
    credential::{LeafClaim, LeafFault},
    framing,
    group::{FactsError, GroupFacts, MembersError, check_members, claimed},
    history::{LogTrack, MAX_POSITION},
    key_package::{KeyPackageError, check_validity},
    profile::{self, COMMIT_EXTENSION},
    provider::Provider,
    records::Records,
    roles::Roles,
    state::Head,
    storage::{KEY_PACKAGE, Storage, StorageError, key_with},
};

/// Why a Welcome is refused. Nothing has changed then; the KeyPackage's private half stays until it expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// Its parts do not make up a Welcome.
    #[error("the welcome is malformed")]
    Malformed,
    /// It is for a KeyPackage that this device does not have, or no longer.
    #[error("the welcome is for a key package that this device does not have")]
    NoKeyPackage,
    /// It does not decrypt: damaged, for another suite, or put together from parts that do not belong together.
    #[error("the welcome does not decrypt")]
    Undecryptable,
    /// A signature, the ratchet tree or a tag in it is wrong, or it asks for what this protocol does not have.
    #[error("the welcome does not verify")]
    Invalid,
    /// It carries other extensions than the ratchet tree and the facts of its commit.
    #[error("the welcome does not carry exactly the required extensions")]
    Extensions,
    /// What the conversation says of itself is refused.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// It is for another conversation than the relay says.
    #[error("the welcome is for another conversation than the relay says")]
    OtherConversation,
    /// The facts of its commit are missing, malformed, or void at the relay's stamp.
    #[error("the commit that adds this device is void: {0}")]
    Void(#[from] VoidReason),
    /// This device's own KeyPackage was used outside its validity.
    #[error("this device's key package was used outside its validity: {0}")]
    KeyPackage(KeyPackageError),
    /// The leaf that this device would have is not this device.
    #[error("this device's own leaf is refused: {0}")]
    OwnLeaf(LeafFault),
    /// A leaf cannot be read.
    #[error("a member is refused: {0}")]
    Unreadable(LeafFault),
    /// A member is refused: among others one below the tier.
    #[error("member {0} is refused: {1}")]
    Member(DeviceId, LeafFault),
    /// The chain of a member is not among the given ones.
    #[error("the chain of member {0} is needed first")]
    Unverified(DeviceId),
    /// The members are not allowed together.
    #[error(transparent)]
    Members(#[from] MembersError),
    /// A fault of our own.
    #[error(transparent)]
    Ours(#[from] ConversationError),
}

impl From<StorageError> for JoinError {
    fn from(fault: StorageError) -> Self {
        Self::Ours(fault.into())
    }
}

/// A Welcome that was opened. Nothing is kept of it until it is approved.
pub struct JoinStaged {
    staged: StagedWelcome,
    facts: GroupFacts,
    roles: Option<Roles>,
    commit: CommitFacts,
    own: VerifiedDevice,
    members: Vec<LeafClaim>,
    inviter: DeviceId,
    position: u64,
    running: amanat_primitives::Digest,
    /// The one-time KeyPackage that it uses up, if it is one.
    used: Option<Vec<u8>>,
}

impl Conversation {
    /// The record of the KeyPackage that a Welcome names: of all the device's, [`stage_join`](Self::stage_join) needs
    /// this one.
    ///
    /// # Errors
    /// [`JoinError::Malformed`].
    pub fn named_key_package(part: &WelcomePart) -> Result<Vec<u8>, JoinError> {
        let reference = framing::encoded_reference(&part.group_secrets).ok_or(JoinError::Malformed)?;
        let reference = KeyPackageRef::tls_deserialize_exact(reference).map_err(|_| JoinError::Malformed)?;
        Ok(key_with(KEY_PACKAGE, &reference)?)
    }

    /// Opens a Welcome. `key_packages` are the device's; they are not changed.
    ///
    /// # Errors
    /// [`JoinError`].
    pub fn stage_join(
        part: &WelcomePart,
        own: &VerifiedDevice,
        key_packages: &Records,
    ) -> Result<JoinStaged, JoinError> {
        if part.position == 0 || part.position > MAX_POSITION {
            return Err(JoinError::Malformed);
        }
        let bytes = framing::rebuild_welcome(&part.group_info, &part.group_secrets).ok_or(JoinError::Malformed)?;
        let key = Self::named_key_package(part)?;
        let bundle = key_packages.get(&key).ok_or(JoinError::NoKeyPackage)?;
        let welcome = Welcome::tls_deserialize_exact(&bytes).map_err(|_| JoinError::Malformed)?;

        // Worked on in copies: OpenMLS deletes the KeyPackage before it knows whether the Welcome is any good.
        let mut device = Records::load([(key.clone(), bundle.to_vec())]);
        let mut group = Records::default();
        // The tree is hashed more than once here, too.
        let provider = Provider::new(Storage::of_both(&mut group, &mut device), None).with_hashes(&Arc::default());
        let config = profile::join_config();
        let fault = |error| refused(error, provider.storage_ref());
        let processed = ProcessedWelcome::new_from_welcome(&provider, &config, welcome).map_err(fault)?;
        let commit = check_group_info(&processed, &part.conversation, own)?;
        let builder = openmls::prelude::JoinBuilder::new(&provider, processed).skip_lifetime_validation();
        let staged = builder.build().map_err(fault)?;
        let used = device.get(&key).is_none().then_some(key);

        let (facts, roles) = GroupFacts::of_context(staged.group_context())?;
        let members = staged.members().map(|member| LeafClaim::of_member(&member));
        let members = members.collect::<Result<Vec<_>, _>>().map_err(JoinError::Unreadable)?;
        let inviter = staged.welcome_sender().map_err(|_| JoinError::Invalid)?;
        let inviter = LeafClaim::of_leaf(inviter).map_err(JoinError::Unreadable)?.device;
        let (own, position, running) = (own.clone(), part.position, part.running);
        Ok(JoinStaged { staged, facts, roles, commit, own, members, inviter, position, running, used })
    }
}

/// Checks what a GroupInfo carries beside the group itself, before the tree is built.
fn check_group_info(
    processed: &ProcessedWelcome,
    conversation: &ConversationId,
    own: &VerifiedDevice,
) -> Result<CommitFacts, JoinError> {
    let info = processed.unverified_group_info();
    let (facts, _) = GroupFacts::of_context(info.group_context())?;
    if facts.conversation != *conversation {
        return Err(JoinError::OtherConversation);
    }
    // [CONV-17] The ratchet tree and the commit's facts; above all no key for external commits.
    let allowed = [ExtensionType::RatchetTree, ExtensionType::Unknown(COMMIT_EXTENSION)];
    let count = info.extensions().iter().filter(|extension| allowed.contains(&extension.extension_type())).count();
    if count != allowed.len() || info.extensions().iter().count() != count {
        return Err(JoinError::Extensions);
    }
    // [CONV-18] The profile has no pre-shared keys.
    if !processed.psks().is_empty() {
        return Err(JoinError::Invalid);
    }
    let commit = info.extensions().unknown(COMMIT_EXTENSION).ok_or(JoinError::Extensions)?;
    let commit = CommitFacts::read(&commit.0).map_err(|_| JoinError::Extensions)?;
    let package = processed.own_key_package().ok_or(JoinError::NoKeyPackage)?;
    check_validity(package, own.id(), commit.committed_at).map_err(JoinError::KeyPackage)?;
    Ok(commit)
}

impl JoinStaged {
    /// What the conversation is.
    #[must_use]
    pub fn facts(&self) -> &GroupFacts {
        &self.facts
    }

    /// What the commit that adds this device says, among it the status statement that its maker judged by.
    #[must_use]
    pub fn commit(&self) -> &CommitFacts {
        &self.commit
    }

    /// Its members, this device included, as their leaves say. Their chains are needed for [`approve`](Self::approve).
    #[must_use]
    pub fn members(&self) -> &[LeafClaim] {
        &self.members
    }

    /// Who signed the Welcome.
    #[must_use]
    pub fn inviter(&self) -> DeviceId {
        self.inviter
    }

    /// Checks every leaf and makes the conversation. `receipt` is the commit's, already verified. `old`
    /// are the records of a conversation of this id that this device had before: they are replaced. Write the changes
    /// of the conversation and of `key_packages` in one batch.
    ///
    /// # Errors
    /// [`JoinError`]; `key_packages` is unchanged then.
    pub fn approve(
        self,
        devices: &BTreeMap<DeviceId, VerifiedDevice>,
        receipt: &ReceiptBody,
        key_packages: &mut Records,
        old: Records,
    ) -> Result<Conversation, JoinError> {
        self.check(devices, receipt)?;
        let Self { staged, facts, roles, commit, own, members, position, running, used, .. } = self;
        // [CONV-42] What was there before goes in the same batch.
        let mut records = old;
        records.clear();
        let provider = Provider::of_group(&mut records, None);
        let group = staged.into_group(&provider).map_err(|error| refused(error, provider.storage_ref()))?;
        begin_tracks(&mut records, &members, position == 1);
        let head = Head::new(own.id(), position, &commit);
        let log = LogTrack::joined(position, running);
        let conversation = Conversation::assemble(group, records, (facts, roles), head, log);
        if let Some(used) = used {
            // [CONV-22] A one-time KeyPackage opens one Welcome.
            key_packages.delete(&used);
        }
        Ok(conversation)
    }

    fn check(&self, devices: &BTreeMap<DeviceId, VerifiedDevice>, receipt: &ReceiptBody) -> Result<(), JoinError> {
        // [CONV-16] There is nothing before it that this device could compare with.
        validity(&self.commit, (Timestamp::default(), 0), receipt.stamp)?;
        check_members(self.facts.kind, self.members.iter().map(claimed))?;
        let mine = self.staged.own_leaf_node().ok_or(JoinError::Invalid)?;
        let mine = LeafClaim::of_leaf(mine).map_err(JoinError::OwnLeaf)?;
        mine.check(&self.own, Some(self.facts.tier)).map_err(JoinError::OwnLeaf)?;
        // [CONV-04] [CONV-05] Every leaf, whoever added it and whenever.
        for claim in self.members.iter().filter(|claim| claim.device != self.own.id()) {
            let device = devices.get(&claim.device).ok_or(JoinError::Unverified(claim.device))?;
            claim.check(device, Some(self.facts.tier)).map_err(|fault| JoinError::Member(claim.device, fault))?;
        }
        // [CONV-50]
        if self.commit.status_number > receipt.status_number {
            return Err(JoinError::Void(VoidReason::StatusAhead));
        }
        // [CONV-15]
        if !self.commit.roster_add.contains(&self.own.id()) || self.commit.roster_change() != receipt.roster {
            return Err(JoinError::Void(VoidReason::RosterMismatch));
        }
        Ok(())
    }
}

/// An error of OpenMLS as ours: storage's fault first, then what the peer did.
fn refused(error: WelcomeError<StorageError>, storage: &Storage<'_>) -> JoinError {
    if let Some(fault) = storage.fault() {
        return fault.into();
    }
    match error {
        WelcomeError::NoMatchingKeyPackage | WelcomeError::JoinerSecretNotFound => JoinError::NoKeyPackage,
        WelcomeError::GroupSecrets(_) | WelcomeError::GroupInfo(_) | WelcomeError::UnableToDecrypt => {
            JoinError::Undecryptable
        }
        _ => JoinError::Invalid,
    }
}
