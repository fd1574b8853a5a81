//! Commits (protocol-spec/05-conversation, section 5): what a commit says in its authenticated data, and the one
//! function by which all members find it valid or void.

use std::collections::BTreeMap;

use amanat_identity::{RevocationList, Tier, VerifiedDevice};
use amanat_primitives::{ConversationId, DeviceId, Digest, Timestamp};
use amanat_wire::{
    Bytes, Decode, DecodeError, List, Reader, TooLong,
    client::AddAgain,
    limits,
    log::{Joiner, ReceiptBody, roster_change},
    record,
};
use openmls::prelude::{KeyPackage, LeafNode, Proposal, StagedCommit};

use crate::{
    Conversation,
    credential::{LeafClaim, LeafFault, check_leaf},
    further::{FurtherError, check_further},
    group::{FactsError, GroupFacts, Kind, MembersError, check_members, claimed},
    key_package::{KeyPackageError, check_added},
    roles::{Act, LEAVES, LeaveProof, NotAllowed, Roles},
    state::Head,
};

const VERSION: u8 = 1;

record!(
    /// A commit's authenticated data.
    pub struct CommitFacts {
        /// 1.
        version: u8,
        /// The committer's clock.
        committed_at: Timestamp,
        /// Number of the status statement that the committer judged by.
        status_number: u64,
        /// Devices added, in ascending order.
        roster_add: List<DeviceId, { limits::ADDS }>,
        /// Devices removed, in ascending order.
        roster_remove: List<DeviceId, { limits::REMOVES }>,
        /// Requests of people who are removed because they asked for it, ascending by device.
        leaves: List<LeaveProof, LEAVES>,
        /// Requests of devices that are removed and added because they asked for it, ascending by device.
        again: List<AddAgain, { limits::ADDS }>,
    }
);

impl CommitFacts {
    pub(crate) fn new(
        committed_at: Timestamp,
        status_number: u64,
        added: impl IntoIterator<Item = DeviceId>,
        removed: impl IntoIterator<Item = DeviceId>,
    ) -> Result<Self, TooLong> {
        let (mut added, mut removed): (Vec<_>, Vec<_>) = (added.into_iter().collect(), removed.into_iter().collect());
        added.sort_unstable();
        removed.sort_unstable();
        let (roster_add, roster_remove) = (List::new(added)?, List::new(removed)?);
        let (leaves, again) = (List::default(), List::default());
        Ok(Self { version: VERSION, committed_at, status_number, roster_add, roster_remove, leaves, again })
    }

    /// With the requests of those who asked to be added again.
    pub(crate) fn for_returning(self, again: Vec<AddAgain>) -> Result<Self, TooLong> {
        Ok(Self { again: List::new(again)?, ..self })
    }

    /// With the requests of those who asked to be removed.
    pub(crate) fn for_leavers(self, mut leaves: Vec<LeaveProof>) -> Result<Self, TooLong> {
        leaves.sort_unstable_by_key(|proof| proof.device);
        leaves.dedup_by_key(|proof| proof.device);
        Ok(Self { leaves: List::new(leaves)?, ..self })
    }

    /// The change of members as a relay's receipt names it.
    #[must_use]
    pub fn roster_change(&self) -> Digest {
        roster_change(self.roster_add.iter(), self.roster_remove.iter())
    }

    /// Reads a commit's authenticated data. `[CONV-15]`
    ///
    /// # Errors
    /// [`DecodeError`], also where lists are not in order.
    pub fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let facts = Self::decode_checked(&mut Reader::new(bytes), bytes)?;
        let ascending = |list: &[DeviceId]| list.iter().zip(list.iter().skip(1)).all(|(a, b)| a < b);
        if !ascending(&facts.roster_add) || !ascending(&facts.roster_remove) {
            return Err(DecodeError::Invalid("roster"));
        }
        let devices: Vec<_> = facts.leaves.iter().map(|proof| proof.device).collect();
        if !ascending(&devices) {
            return Err(DecodeError::Invalid("leaves"));
        }
        let devices: Vec<_> = facts.again.iter().map(|asked| asked.device).collect();
        if ascending(&devices) { Ok(facts) } else { Err(DecodeError::Invalid("requests")) }
    }

    fn decode_checked(r: &mut Reader<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        match u8::decode(r)? {
            VERSION => Self::from_bytes(bytes),
            other => Err(DecodeError::UnknownKind(other.into())),
        }
    }
}

/// A commit to be sent: its fields go into a [`amanat_wire::log::Unit`] as they are.
#[derive(Debug)]
pub struct OutgoingCommit {
    /// The MLS message.
    pub body: Bytes<{ limits::BODY }>,
    /// Hash of `body`, by which it is recognised in the log.
    pub hash: Digest,
    /// Devices added, in ascending order. The founder's own is not among them.
    pub roster_add: List<DeviceId, { limits::ADDS }>,
    /// Devices removed, in ascending order.
    pub roster_remove: List<DeviceId, { limits::REMOVES }>,
    /// The Welcome's encrypted GroupInfo; empty where nobody joins.
    pub group_info: Bytes<{ limits::BODY }>,
    /// Each joiner's part of the Welcome.
    pub joiners: List<Joiner, { limits::ADDS }>,
    /// What its authenticated data says.
    pub facts: CommitFacts,
}

/// Why a commit is void: for everyone, since this is a function of what everyone has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VoidReason {
    /// Its time is before the last commit's.
    #[error("the commit's time is before the last commit's")]
    TimeWentBack,
    /// Its time is more than ten minutes from the relay's stamp.
    #[error("the commit's time is more than ten minutes from the relay's; check that machine's clock")]
    TimeOff,
    /// It names an older status statement than the last commit did.
    #[error("the commit names an older status statement than the last one")]
    StatusWentBack,
    /// The roster change that it announces is not the one it makes.
    #[error("the commit announces another change of members than it makes")]
    RosterMismatch,
    /// It changes more than members and keys.
    #[error("the commit contains a proposal that this protocol does not allow")]
    ForbiddenProposal,
    /// The group facts after it are not whole.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// Its group facts are not the conversation's.
    #[error("the commit changes what the conversation is")]
    FactsChanged,
    /// A leaf that it adds or removes cannot be read.
    #[error("a leaf is refused: {0}")]
    Unreadable(LeafFault),
    /// Its committer's new leaf is not the same device.
    #[error("the committer's new leaf is refused: {0}")]
    OwnLeaf(LeafFault),
    /// A device that it adds is refused.
    #[error("the added device {0} is refused: {1}")]
    Added(DeviceId, KeyPackageError),
    /// Its members are not allowed together.
    #[error(transparent)]
    Members(#[from] MembersError),
    /// It adds a person's further device in another way than such devices come in.
    #[error(transparent)]
    Further(#[from] FurtherError),
    /// Its maker may not make it.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// It names a status statement that the relay did not have yet.
    #[error("the commit names a later status statement than the relay had")]
    StatusAhead,
    /// Its committer is revoked.
    #[error("the committer is revoked")]
    Revoked,
    /// It stood in the log before and was void there. `[CONV-89]`
    #[error("the commit was void before")]
    Repeated,
    /// A device that it adds is revoked, or no longer cleared for the tier.
    #[error("the added device {0} is revoked, or not cleared for the conversation's tier")]
    AddedUnfit(DeviceId),
}

impl VoidReason {
    /// Whether a later chain of one of those whom the commit concerns could say otherwise: by a renewal its clearance may
    /// be higher, by an approval it may stand beside another device. `[CONV-56]`
    #[must_use]
    pub const fn rests_on_chains(&self) -> bool {
        matches!(self, Self::Added(..) | Self::Further(_) | Self::NotAllowed(NotAllowed::Remove) | Self::AddedUnfit(_))
    }
}

/// What a commit is judged by, beside itself and the conversation.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// Chains of those whom [`ReceivedCommit::needs`] names, and of [`ReceivedCommit::concerns`] as far as they are had.
    pub devices: &'a BTreeMap<DeviceId, VerifiedDevice>,
    /// The relay's word for it, verified; none where it is missing, which is an alarm of its own.
    pub receipt: Option<&'a ReceiptBody>,
    /// Who is revoked, as far as this device knows.
    pub revocations: &'a RevocationList,
}

impl Evidence<'_> {
    /// Whether a device is revoked, or not cleared for a tier, as of a status statement. `[CONV-51]`
    fn unfit(&self, device: &DeviceId, tier: Tier, as_of: u64) -> bool {
        self.devices.get(device).is_some_and(|device| self.revocations.standing(device, as_of).require(tier).is_err())
    }
}

/// Whether a commit's time and status statement number follow the last accepted commit's and fit the relay's stamp.
/// `[CONV-16]`
///
/// # Errors
/// [`VoidReason`].
pub fn validity(facts: &CommitFacts, last: (Timestamp, u64), stamp: Timestamp) -> Result<(), VoidReason> {
    let (last_time, last_status) = last;
    if facts.committed_at < last_time {
        return Err(VoidReason::TimeWentBack);
    }
    let off = facts.committed_at.since(stamp).max(stamp.since(facts.committed_at));
    if off > Timestamp::CLOCK_TOLERANCE {
        return Err(VoidReason::TimeOff);
    }
    if facts.status_number < last_status { Err(VoidReason::StatusWentBack) } else { Ok(()) }
}

/// A commit that was received and staged. It has changed nothing yet; receiving its entry again is harmless.
pub struct ReceivedCommit {
    pub(crate) conversation: ConversationId,
    pub(crate) epoch: u64,
    pub(crate) position: u64,
    pub(crate) stamp: Timestamp,
    pub(crate) hash: Digest,
    /// R at its position.
    pub(crate) running: Digest,
    pub(crate) sender: DeviceId,
    pub(crate) facts: CommitFacts,
    pub(crate) added: Vec<LeafClaim>,
    pub(crate) removed: Vec<DeviceId>,
    /// The roles after it, where it names any.
    pub(crate) appoints: Option<Roles>,
    /// Of this device's making, which judged it when it made it.
    pub(crate) own: bool,
    /// `None` for this device's own pending commit.
    pub(crate) staged: Option<Box<StagedCommit>>,
}

/// A commit that may be merged.
pub struct Approved(pub(crate) ReceivedCommit);

/// Why a commit is not approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApproveError {
    /// The chain of a device that it adds is not among the given ones: fetch and verify it, then receive the entry
    /// again.
    #[error("the chain of device {0} is needed first")]
    Unverified(DeviceId),
    /// The commit was judged by a later status statement than this device has: fetch it and its list, then receive the
    /// entry again.
    #[error("status statement {0} is needed first")]
    NeedsStatus(u64),
    /// It is void for everyone: pass over it and name its sender.
    #[error("the commit is void: {0}")]
    Void(#[from] VoidReason),
}

impl ReceivedCommit {
    /// Whether it is this device's own.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// What is still to be judged of what it makes of the group.
    fn unjudged(&self) -> Option<&StagedCommit> {
        self.staged.as_deref().filter(|_| !self.own)
    }

    /// Who committed.
    #[must_use]
    pub fn sender(&self) -> DeviceId {
        self.sender
    }

    /// The devices whose standing counts, and whose chains must be verified before [`approve`](Self::approve): whoever is
    /// added, the committer, because it may add a device from which it descends [CONV-70], and whoever is removed.
    #[must_use]
    pub fn concerns(&self) -> Vec<DeviceId> {
        let added = self.added.iter().map(|claim| claim.device);
        added.chain([self.sender]).chain(self.removed.iter().copied()).collect()
    }

    /// Whom it adds, as their leaves say.
    #[must_use]
    pub fn added(&self) -> &[LeafClaim] {
        &self.added
    }

    /// Whom it removes.
    #[must_use]
    pub fn removed(&self) -> &[DeviceId] {
        &self.removed
    }

    /// What its authenticated data says.
    #[must_use]
    pub fn facts(&self) -> &CommitFacts {
        &self.facts
    }

    /// The roles after it, where it changes them.
    #[must_use]
    pub fn appoints(&self) -> Option<&Roles> {
        self.appoints.as_ref()
    }

    /// Judges it. The verdict depends on the commit, the conversation, the relay's receipt, the chains of the devices that
    /// it concerns and the list of revocations up to the number that it names alone, so that all members come to the same
    /// one. `[CONV-16]`
    ///
    /// # Errors
    /// [`ApproveError`].
    pub fn approve(self, conversation: &Conversation, evidence: &Evidence<'_>) -> Result<Approved, ApproveError> {
        let Head { committed_at, status_number, .. } = *conversation.head();
        validity(&self.facts, (committed_at, status_number), self.stamp)?;
        // [CONV-50]
        if evidence.receipt.is_some_and(|receipt| self.facts.status_number > receipt.status_number) {
            return Err(VoidReason::StatusAhead.into());
        }
        self.check_roster(evidence.receipt.map(|receipt| receipt.roster))?;
        let members = conversation.members();
        let staying = members.iter().filter(|member| !self.removed.contains(&member.device));
        check_members(conversation.kind(), staying.chain(&self.added).map(claimed)).map_err(VoidReason::Members)?;
        if let Some(staged) = self.unjudged() {
            self.check_staged(staged, conversation)?;
        }
        self.check_act(conversation, &members, evidence)?;
        if let Some(staged) = self.unjudged() {
            for queued in staged.add_proposals() {
                self.check_add(queued.add_proposal().key_package(), conversation.tier(), evidence.devices)?;
            }
        }
        check_further(&members, &self, evidence.devices)?;
        // [CONV-51]
        let as_of = self.facts.status_number;
        match self.added.iter().find(|claim| evidence.unfit(&claim.device, conversation.tier(), as_of)) {
            Some(claim) => Err(VoidReason::AddedUnfit(claim.device).into()),
            None => Ok(Approved(self)),
        }
    }

    /// Who may do this, and the list of revocations as of the number that the commit names. `[CONV-47]` `[CONV-51]`
    fn check_act(
        &self,
        conversation: &Conversation,
        members: &[LeafClaim],
        evidence: &Evidence<'_>,
    ) -> Result<(), ApproveError> {
        let act = Act {
            roles: conversation.roles(),
            members,
            committer: self.sender,
            added: &self.added,
            removed: &self.removed,
            appoints: self.appoints.as_ref(),
            leavers: &conversation.leavers(&self.facts),
            returning: &conversation.returning(&self.facts),
        };
        // What nobody could be entitled to by a revocation needs no list.
        act.check(|_| true).map_err(VoidReason::NotAllowed)?;
        let (tier, as_of) = (conversation.tier(), self.facts.status_number);
        if !evidence.revocations.reaches(as_of) {
            return Err(ApproveError::NeedsStatus(as_of));
        }
        let (at, list) = (self.facts.committed_at, evidence.revocations);
        let has_to_go = |device: &DeviceId| {
            let known = evidence.devices.get(device);
            known.is_some_and(|device| list.standing_when(&device.subject(), as_of, at).require(tier).is_err())
        };
        act.check(has_to_go).map_err(VoidReason::NotAllowed)?;
        let revoked = |device: &VerifiedDevice| evidence.revocations.standing(device, as_of).is_revoked();
        if evidence.devices.get(&self.sender).is_some_and(revoked) {
            return Err(VoidReason::Revoked.into());
        }
        Ok(())
    }

    // [CONV-15]
    fn check_roster(&self, relays: Option<Digest>) -> Result<(), VoidReason> {
        let mut added: Vec<_> = self.added.iter().map(|claim| claim.device).collect();
        let mut removed = self.removed.clone();
        added.sort_unstable();
        removed.sort_unstable();
        let same = added == *self.facts.roster_add && removed == *self.facts.roster_remove;
        let same = same && relays.is_none_or(|relays| relays == self.facts.roster_change());
        if same { Ok(()) } else { Err(VoidReason::RosterMismatch) }
    }

    fn check_staged(&self, staged: &StagedCommit, conversation: &Conversation) -> Result<(), VoidReason> {
        // [CONV-14] Adds, removes and a group's roles, nothing else.
        let allowed = |proposal: &Proposal| match proposal {
            Proposal::Add(_) | Proposal::Remove(_) => true,
            Proposal::GroupContextExtensions(_) => conversation.kind() == Kind::Group,
            _ => false,
        };
        if staged.queued_proposals().any(|queued| !allowed(queued.proposal())) {
            return Err(VoidReason::ForbiddenProposal);
        }
        // [CONV-10]
        let (facts, _) = GroupFacts::of_context(staged.group_context()).map_err(VoidReason::Facts)?;
        if facts != *conversation.facts() {
            return Err(VoidReason::FactsChanged);
        }
        if let Some(leaf) = staged.update_path_leaf_node() {
            let old = conversation.leaf_of(&self.sender);
            check_new_leaf(leaf, old).map_err(VoidReason::OwnLeaf)?;
        }
        Ok(())
    }

    // [CONV-04] [CONV-05] [CONV-20] [CONV-21]
    fn check_add(
        &self,
        package: &KeyPackage,
        tier: Tier,
        devices: &BTreeMap<DeviceId, VerifiedDevice>,
    ) -> Result<(), ApproveError> {
        // `added` was read from the same leaves when the commit was received.
        let claim = LeafClaim::of_leaf(package.leaf_node()).map_err(|_| VoidReason::RosterMismatch)?;
        let device = devices.get(&claim.device).ok_or(ApproveError::Unverified(claim.device))?;
        let refused = |error| VoidReason::Added(claim.device, error);
        check_leaf(package.leaf_node(), device, Some(tier)).map_err(|fault| refused(fault.into()))?;
        check_added(package, device, self.facts.committed_at).map_err(refused)?;
        Ok(())
    }
}

/// An update may renew a leaf's encryption key and nothing else. `[CONV-07]`
fn check_new_leaf(new: &LeafNode, old: Option<&LeafNode>) -> Result<(), LeafFault> {
    let old = old.ok_or(LeafFault::OtherDevice)?;
    if new.credential() != old.credential() {
        return Err(LeafFault::Credential);
    }
    if new.signature_key() != old.signature_key() {
        return Err(LeafFault::OtherKey);
    }
    if new.capabilities() != old.capabilities() || new.extensions() != old.extensions() {
        return Err(LeafFault::Capabilities);
    }
    Ok(())
}
