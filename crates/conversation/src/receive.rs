//! Receiving (protocol-spec/05-conversation, sections 5 and 7): each entry of the log, in order, becomes exactly one
//! [`Incoming`].

mod known;

use amanat_primitives::{DeviceId, Digest, MessageId};
use amanat_wire::log::{Entry, RetentionClass, UnitKind};
use openmls::{
    framing::errors::MessageDecryptionError,
    prelude::{
        ApplyUpdatePathError, MlsMessageIn, OpenMlsProvider as _, ProcessMessageError, ProcessedMessage,
        ProcessedMessageContent, Proposal, StageCommitError, StagedCommit, ValidationError,
        tls_codec::Deserialize as _,
    },
};

use crate::{
    Conversation, ConversationError,
    commit::{Approved, CommitFacts, ReceivedCommit, VoidReason},
    content::{Frame, FrameError},
    credential::{LeafClaim, device_of},
    framing::{self, ContentKind, Header, NotPrivate},
    group::GroupFacts,
    history::{Claim, Order, SenderTrack},
    profile::PAST_EPOCHS,
    provider::Provider,
    remembered,
    roles::Roles,
    state,
    storage::StorageError,
};

/// What a log entry turned out to be.
pub enum Incoming {
    /// A message of this device came back: it stands in the log.
    Own(OwnFrame),
    /// A message of another device.
    Message(Box<Message>),
    /// A commit, staged: approve and merge it, or pass over it with [`Conversation::void`]. Nothing has changed yet.
    Commit(Box<ReceivedCommit>),
    /// The relay keeps its hash alone any more: expired under its retention class, which is no attack. If it was a
    /// commit, this device has fallen out and must be added again.
    Gone {
        /// The relay kept it as short as receipts alone are kept: nobody need be told. Where it was more, its sender's next
        /// content shows a gap. `[CONV-36]`
        short: bool,
    },
    /// It breaks a rule and has been passed over; the log goes on behind it.
    Refused(Refused),
}

/// A message of this device, known by its hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnFrame {
    /// Of its ciphertext.
    pub hash: Digest,
    /// Of its content, which a relay may have twice: as it was encrypted first, and as it was when the relay said that it
    /// had not taken that.
    pub counter: u64,
}

/// A message, decrypted and authenticated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Its name: of this conversation and sender alone.
    pub id: MessageId,
    /// Who wrote it, by its leaf in the epoch in which it was written.
    pub sender: DeviceId,
    /// What it says.
    pub frame: Frame,
    /// How it stands to its sender's other messages.
    pub order: Order,
    /// Whether its sender was shown the same log.
    pub claim: Claim,
}

/// An entry that breaks a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Who wrote it, where that is certain. The relay's word for it stands in the entry.
    pub sender: Option<DeviceId>,
    /// The rule.
    pub reason: Refusal,
}

/// Why an entry is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no MLS message in its one encoding.
    #[error("not an MLS message")]
    Malformed,
    /// It is another kind of MLS message than a PrivateMessage: a PublicMessage (1), among them external commits and
    /// proposals, a Welcome (3), a GroupInfo (4) or a KeyPackage (5).
    #[error("an MLS message of a kind that has no place in the log ({0})")]
    NotPrivate(u16),
    /// It belongs to another conversation.
    #[error("a message of another conversation")]
    OtherConversation,
    /// It is a proposal outside a commit.
    #[error("a proposal outside a commit")]
    StandaloneProposal,
    /// The relay was told that it is something else.
    #[error("a message that was declared as something else")]
    OtherKind,
    /// Its epoch is over for too long, or was before this device joined.
    #[error("a message of an epoch that this device has no keys for any more")]
    TooOld,
    /// A commit on an epoch that is over: another one came first.
    #[error("a commit on an epoch that is over")]
    LateCommit,
    /// Its epoch has not begun.
    #[error("a message of an epoch that has not begun")]
    FutureEpoch,
    /// A message carries authenticated data, which only commits do.
    #[error("a message with authenticated data")]
    UnexpectedData,
    /// It is of this epoch by its number and does not decrypt, and its entry names another commit than the one that this
    /// epoch began with, by the relay's word: that of another branch of the log.
    #[error("a message of another branch of the log")]
    OtherBranch,
    /// It does not decrypt.
    #[error("a message that does not decrypt")]
    Undecryptable,
    /// Its key was used before: it is a replay.
    #[error("a message whose key was used before")]
    Replayed,
    /// It is too far behind or ahead of its sender's other messages.
    #[error("a message too far behind or ahead of its sender's others")]
    OutOfReach,
    /// Its signature does not verify, or its sender is no member.
    #[error("a message that is not signed by a member")]
    NotSigned,
    /// Its sender was a member when it was encrypted, and was removed before its place in the log, though it may have been
    /// added again.
    #[error("a message of somebody who had been removed before it")]
    NotMember,
    /// It is in this device's name but not known to be of its making: somebody else has its keys, or its state was
    /// restored from a copy. An alarm.
    #[error("a message in this device's name that this device has not sent")]
    NotOurs,
    /// A commit of this device that it has given up, and of which it keeps no more than the hash: it must be added again.
    #[error("a commit of this device that it has given up and cannot follow any more")]
    GivenUp,
    /// A commit that names proposals instead of containing them.
    #[error("a commit that refers to proposals instead of containing them")]
    ByReference,
    /// A commit whose path secret does not decrypt for this device: it must be added again.
    #[error("a commit whose secrets do not decrypt for this device")]
    PathUndecryptable,
    /// A commit that MLS does not allow.
    #[error("a commit that breaks the rules of MLS")]
    InvalidCommit,
    /// A commit whose authenticated data is malformed.
    #[error("a commit whose authenticated data is malformed")]
    CommitData,
    /// A commit that contains more than adds and removes, or a leaf that cannot be read.
    #[error("a commit that is void: {0}")]
    Void(VoidReason),
    /// The plaintext is no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// What a staged commit changes.
struct Changed {
    added: Vec<LeafClaim>,
    removed: Vec<DeviceId>,
    appoints: Option<Roles>,
}

/// Inside: a peer's fault or our own.
enum Stop {
    Refused(Refused),
    Ours(ConversationError),
}

impl From<ConversationError> for Stop {
    fn from(error: ConversationError) -> Self {
        Self::Ours(error)
    }
}
impl From<Refusal> for Stop {
    fn from(reason: Refusal) -> Self {
        Self::Refused(Refused { sender: None, reason })
    }
}
impl From<StorageError> for Stop {
    fn from(fault: StorageError) -> Self {
        Self::Ours(fault.into())
    }
}

fn by(sender: DeviceId, reason: Refusal) -> Stop {
    Stop::Refused(Refused { sender: Some(sender), reason })
}

impl Conversation {
    /// Takes in the next entry of the log.
    ///
    /// # Errors
    /// [`ConversationError::OutOfOrder`] where it is not the next one, [`ConversationError::Removed`], and faults of
    /// our own. Whatever a peer did wrong is [`Incoming::Refused`].
    pub fn receive(&mut self, entry: &Entry) -> Result<Incoming, ConversationError> {
        self.log.expect(entry.position)?;
        self.check_whole()?;
        if !self.is_active() {
            return Err(ConversationError::Removed);
        }
        let hash = entry.ciphertext_hash();
        match self.take_in(entry, hash) {
            Ok(incoming) => Ok(incoming),
            Err(Stop::Ours(error)) => Err(error),
            Err(Stop::Refused(refused)) => {
                self.pass_over(entry)?;
                Ok(Incoming::Refused(refused))
            }
        }
    }

    fn pass_over(&mut self, entry: &Entry) -> Result<(), ConversationError> {
        if entry.kind != UnitKind::Message {
            self.head.seen_commit = entry.position;
        }
        self.pass(entry)
    }

    fn take_in(&mut self, entry: &Entry, hash: Digest) -> Result<Incoming, Stop> {
        if let Some(known) = self.take_known(entry, hash)? {
            return Ok(known);
        }
        if entry.gone.is_some() {
            let short = entry.kind == UnitKind::Message && entry.class == RetentionClass::Day;
            if self.members().iter().any(|member| member.device == entry.sender) {
                let mut track = state::sender(&self.records, &entry.sender)?;
                track.gone(!short);
                state::put_sender(&mut self.records, &entry.sender, &track);
            }
            self.pass_over(entry)?;
            return Ok(Incoming::Gone { short });
        }
        let header = framing::header(&entry.body).map_err(|error| match error {
            NotPrivate::Malformed => Refusal::Malformed,
            NotPrivate::OtherWireFormat(format) => Refusal::NotPrivate(format),
        })?;
        self.check_header(&header, entry.kind)?;
        let taken = match header.kind {
            ContentKind::Proposal => Err(Refusal::StandaloneProposal.into()),
            ContentKind::Application => self.take_message(entry, header.epoch),
            ContentKind::Commit => self.take_commit(entry, hash, &header),
        };
        taken.map_err(|stop| match stop {
            // [CONV-57]
            Stop::Refused(Refused { sender, reason: Refusal::Undecryptable })
                if header.epoch == self.epoch() && entry.accepted_commit != self.accepted_commit() =>
            {
                Stop::Refused(Refused { sender, reason: Refusal::OtherBranch })
            }
            stop => stop,
        })
    }

    // [CONV-13] [CONV-14]
    fn check_header(&self, header: &Header<'_>, kind: UnitKind) -> Result<(), Refusal> {
        if header.group != self.facts.conversation.as_bytes() {
            return Err(Refusal::OtherConversation);
        }
        let epoch = self.epoch();
        let is_commit = header.kind == ContentKind::Commit;
        match header.kind {
            ContentKind::Proposal => return Err(Refusal::StandaloneProposal),
            ContentKind::Application if !header.authenticated_data.is_empty() => return Err(Refusal::UnexpectedData),
            _ => {}
        }
        // The first entry of a log alone is a `Create`, and only its founder processes that.
        if (kind == UnitKind::Message) == is_commit || kind == UnitKind::Create {
            return Err(Refusal::OtherKind);
        }
        if header.epoch > epoch {
            return Err(Refusal::FutureEpoch);
        }
        if is_commit && header.epoch < epoch {
            return Err(Refusal::LateCommit);
        }
        // [CONV-24] Only of so many past epochs are there keys: since this device joined, and not forgotten.
        let kept = self.head.ended.len() as u64;
        if header.epoch.saturating_add(kept) < epoch { Err(Refusal::TooOld) } else { Ok(()) }
    }

    fn take_message(&mut self, entry: &Entry, epoch: u64) -> Result<Incoming, Stop> {
        let (sender, plaintext, mut track) = self.transact(None, |group, provider| {
            let processed = process(group, provider, &entry.body)?;
            let sender = sender_of(&processed)?;
            let track = provider.storage().in_group(|records| state::sender(records, &sender))?;
            match processed.into_content() {
                ProcessedMessageContent::ApplicationMessage(message) => {
                    Ok((sender, zeroize::Zeroizing::new(message.into_bytes()), track))
                }
                other => Err(unexpected_content(sender, &other)),
            }
        })?;
        // From here on the message's key is used up, whatever it says. [CONV-81]
        let left = || !self.members().iter().any(|member| member.device == sender);
        if track.is_of_earlier_membership(epoch) || epoch < self.epoch() && left() {
            return Err(by(sender, Refusal::NotMember));
        }
        let frame = match Frame::open(&plaintext) {
            Ok(frame) => frame,
            Err(error) => return Err(by(sender, error.into())),
        };
        let order = track.observe(&frame.fixed);
        state::put_sender(&mut self.records, &sender, &track);
        let claim = self.log.check(frame.position, &frame.running);
        self.pass(entry)?;
        let id = frame.fixed.id(self.id(), sender);
        Ok(Incoming::Message(Box::new(Message { id, sender, frame, order, claim })))
    }

    fn take_commit(&mut self, entry: &Entry, hash: Digest, header: &Header<'_>) -> Result<Incoming, Stop> {
        // A commit that waits for chains changes nothing.
        let (sender, staged) = self.try_on_group(|group, provider| stage(group, provider, &entry.body))??;
        let facts = CommitFacts::read(header.authenticated_data).map_err(|_| by(sender, Refusal::CommitData))?;
        let changed = self.changes_of(&staged).map_err(|reason| by(sender, Refusal::Void(reason)))?;
        Ok(Incoming::Commit(Box::new(self.received(entry, hash, (sender, facts), changed, Some(staged)))))
    }

    /// A commit of somebody else's that stands in the log, with what it changes.
    fn received(
        &self,
        entry: &Entry,
        hash: Digest,
        (sender, facts): (DeviceId, CommitFacts),
        Changed { added, removed, appoints }: Changed,
        staged: Option<Box<StagedCommit>>,
    ) -> ReceivedCommit {
        ReceivedCommit {
            conversation: self.id(),
            epoch: self.epoch(),
            position: entry.position,
            stamp: entry.stamp,
            hash,
            running: entry.running(&self.log.running()),
            sender,
            facts,
            added,
            removed,
            appoints,
            own: false,
            staged,
        }
    }

    fn changes_of(&self, staged: &StagedCommit) -> Result<Changed, VoidReason> {
        let mut added = Vec::new();
        for queued in staged.add_proposals() {
            let leaf = queued.add_proposal().key_package().leaf_node();
            added.push(LeafClaim::of_leaf(leaf).map_err(VoidReason::Unreadable)?);
        }
        let mut removed = Vec::new();
        for queued in staged.remove_proposals() {
            let leaf = self.group.public_group().leaf(queued.remove_proposal().removed());
            let claim = leaf.ok_or(VoidReason::RosterMismatch).map(LeafClaim::of_leaf)?;
            removed.push(claim.map_err(VoidReason::Unreadable)?.device);
        }
        let mut proposals = staged.queued_proposals();
        let appoints = if proposals.any(|queued| matches!(queued.proposal(), Proposal::GroupContextExtensions(_))) {
            GroupFacts::of_context(staged.group_context()).map_err(VoidReason::Facts)?.1
        } else {
            None
        };
        Ok(Changed { added, removed, appoints })
    }

    /// Merges an approved commit, and passes over its entry.
    ///
    /// # Errors
    /// [`ConversationError::Elsewhere`] where the commit is not one of this conversation as it stands, and faults of
    /// our own.
    pub fn merge(&mut self, approved: Approved) -> Result<Merged, ConversationError> {
        let Approved(commit) = approved;
        if commit.conversation != self.id() || commit.epoch != self.epoch() {
            return Err(ConversationError::Elsewhere);
        }
        self.log.expect(commit.position)?;
        let own = commit.is_own();
        let awaited = state::pending(&self.records)?.is_some_and(|pending| pending.hash == commit.hash);
        if commit.staged.is_none() != awaited {
            return Err(ConversationError::Elsewhere);
        }
        let staged = commit.staged;
        self.transact_as_staged(None, |group, provider| {
            match staged {
                Some(staged) => group
                    .merge_staged_commit(provider, *staged)
                    .map_err(|_| ConversationError::of(provider.storage()))?,
                None => {
                    group.merge_pending_commit(provider).map_err(|_| ConversationError::of(provider.storage()))?;
                }
            }
            // Whichever was merged: a pending one is merged or lost now. [CONV-41]
            state::delete_pending(provider.storage())?;
            remembered::forget_commits(provider.storage())
        })?;
        let epoch = self.epoch();
        for claim in &commit.added {
            // [CONV-35] Counters begin anew with each addition.
            state::put_sender(&mut self.records, &claim.device, &SenderTrack::from_epoch(epoch));
        }
        let oldest = self.epoch().saturating_sub(PAST_EPOCHS);
        remembered::forget_frames_before(&mut self.records, oldest);
        self.head.seen_commit = commit.position;
        self.head.accepted_commit = commit.position;
        self.head.committed_at = commit.facts.committed_at;
        self.head.status_number = commit.facts.status_number;
        self.head.note_end(commit.stamp);
        self.pass_to(commit.position, commit.running)?;
        let self_removed = !self.is_active();
        let before = self.roles.clone();
        if commit.appoints.is_some() {
            self.roles = commit.appoints;
        }
        let roles = before.filter(|before| self.roles.as_ref() != Some(before));
        let ReceivedCommit { sender, added, removed, .. } = commit;
        Ok(Merged { own, awaited, by: sender, added, removed, roles, self_removed })
    }

    /// Passes over the next entry without applying it: an invalid commit. It is void for good; if it is this device's own,
    /// it is given up. `[CONV-89]`
    ///
    /// # Errors
    /// [`ConversationError::OutOfOrder`] where it is not the next one, and faults of our own.
    pub fn void(&mut self, entry: &Entry) -> Result<(), ConversationError> {
        self.log.expect(entry.position)?;
        let hash = entry.ciphertext_hash();
        remembered::note_void(&mut self.records, hash)?;
        if self.pending_commit()?.is_some_and(|pending| pending == hash) {
            self.drop_pending_commit()?;
        }
        self.pass_over(entry)
    }
}

/// What a merged commit changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merged {
    /// It was this device's own.
    pub own: bool,
    /// It was the one that was on its way, and not one that this device had given up before.
    pub awaited: bool,
    /// Whose it was.
    pub by: DeviceId,
    /// Who was added.
    pub added: Vec<LeafClaim>,
    /// Who was removed.
    pub removed: Vec<DeviceId>,
    /// The roles before it, where it has changed them.
    pub roles: Option<Roles>,
    /// This device was removed: the conversation can be read but no longer written in.
    pub self_removed: bool,
}

fn process(
    group: &mut openmls::prelude::MlsGroup,
    provider: &Provider<'_>,
    body: &[u8],
) -> Result<ProcessedMessage, Stop> {
    let message = MlsMessageIn::tls_deserialize_exact(body).map_err(|_| Refusal::Malformed)?;
    let message = message.try_into_protocol_message().map_err(|_| Refusal::Malformed)?;
    let processed = group.process_message(provider, message);
    // Our own storage's fault may look like the peer's.
    if let Some(fault) = provider.storage().fault() {
        return Err(fault.into());
    }
    processed.map_err(refusal)
}

fn stage(
    group: &mut openmls::prelude::MlsGroup,
    provider: &Provider<'_>,
    body: &[u8],
) -> Result<(DeviceId, Box<StagedCommit>), Stop> {
    let processed = process(group, provider, body)?;
    let sender = sender_of(&processed)?;
    match processed.into_content() {
        ProcessedMessageContent::StagedCommitMessage(staged) => Ok((sender, staged)),
        other => Err(unexpected_content(sender, &other)),
    }
}

/// The device that sent a message, by its leaf's credential.
fn sender_of(processed: &ProcessedMessage) -> Result<DeviceId, Stop> {
    // Members' leaves were read when they were added, so this does not fail.
    device_of(processed.credential()).ok_or_else(|| Refusal::NotSigned.into())
}

fn unexpected_content(sender: DeviceId, content: &ProcessedMessageContent) -> Stop {
    let reason = match content {
        ProcessedMessageContent::OwnPrivateMessage | ProcessedMessageContent::OwnPendingCommit => Refusal::NotOurs,
        ProcessedMessageContent::ProposalMessage(_) | ProcessedMessageContent::ExternalJoinProposalMessage(_) => {
            Refusal::StandaloneProposal
        }
        ProcessedMessageContent::ApplicationMessage(_) | ProcessedMessageContent::StagedCommitMessage(_) => {
            Refusal::OtherKind
        }
    };
    // Whoever claims this device's leaf has not proved to be it.
    let sender = (reason != Refusal::NotOurs).then_some(sender);
    Stop::Refused(Refused { sender, reason })
}

fn refusal(error: ProcessMessageError<StorageError>) -> Stop {
    use ProcessMessageError as E;
    match error {
        E::LibraryError(_) => Stop::Ours(ConversationError::Library),
        E::StorageError(fault) => fault.into(),
        E::GroupStateError(_) => Stop::Ours(ConversationError::Removed),
        E::ValidationError(error) => validation_refusal(error).into(),
        E::InvalidCommit(error) => commit_refusal(&error).into(),
        E::IncompatibleWireFormat => Refusal::Malformed.into(),
        E::UnauthorizedExternalApplicationMessage
        | E::UnauthorizedExternalCommitMessage
        | E::UnsupportedProposalType => Refusal::NotSigned.into(),
    }
}

/// What the library calls its own fault in these two is refused like the rest: a member's keys and ciphertexts come to it,
/// and a log that stopped there would stop for all.
fn validation_refusal(error: ValidationError) -> Refusal {
    match error {
        // OpenMLS keeps this error's type to itself; its variants are told apart by the name they print.
        ValidationError::UnableToDecrypt(MessageDecryptionError::SecretTreeError(error)) => {
            match format!("{error:?}").as_str() {
                "SecretReuseError" => Refusal::Replayed,
                "TooDistantInThePast" | "TooDistantInTheFuture" => Refusal::OutOfReach,
                _ => Refusal::Undecryptable,
            }
        }
        ValidationError::UnableToDecrypt(_) => Refusal::Undecryptable,
        ValidationError::NoPastEpochData => Refusal::TooOld,
        ValidationError::UnknownMember | ValidationError::InvalidSignature | ValidationError::InvalidSenderType => {
            Refusal::NotSigned
        }
        _ => Refusal::InvalidCommit,
    }
}

fn commit_refusal(error: &StageCommitError) -> Refusal {
    match error {
        StageCommitError::MissingProposal => Refusal::ByReference,
        StageCommitError::OwnCommitMismatch => Refusal::NotOurs,
        StageCommitError::UpdatePathError(
            ApplyUpdatePathError::UnableToDecrypt | ApplyUpdatePathError::PathMismatch,
        )
        | StageCommitError::MissingDecryptionKey => Refusal::PathUndecryptable,
        _ => Refusal::InvalidCommit,
    }
}
