//! A conversation (protocol-spec/05-conversation): one MLS group with what this member knows of its log.
//!
//! Every operation is all or nothing: where it fails, the records are put back, and OpenMLS's state is loaded again from
//! them before anything else is done with it.
//! What an operation changed is taken with [`Conversation::take_changes`] and written in one batch.

use std::sync::Arc;

use amanat_identity::Tier;
use amanat_primitives::{ConversationId, CryptoRngCore, DeviceId, Digest, MessageSeed, Timestamp, sign::SigningKey};
use amanat_wire::{
    Bytes, Encode as _, limits,
    log::{Entry, ciphertext_hash},
};
use openmls::prelude::{
    GroupId, LeafNode, MlsGroup, OpenMlsProvider as _, PastEpochDeletion, tls_codec::Serialize as _,
};

use crate::{
    ConversationError,
    content::{self, Body, Content, Frame, ReceiptLine},
    credential::LeafClaim,
    group::{GroupFacts, Kind},
    hash_cache::HashCache,
    history::LogTrack,
    provider::{LeafSigner, Provider},
    records::{Changes, Records},
    remembered::{self, FRAMES, Sent},
    roles::Roles,
    state::{self, Head},
};

/// One conversation, as this device sees it.
pub struct Conversation {
    pub(crate) group: MlsGroup,
    pub(crate) records: Records,
    pub(crate) facts: GroupFacts,
    pub(crate) roles: Option<Roles>,
    pub(crate) head: Head,
    pub(crate) log: LogTrack,
    pub(crate) hashes: Arc<HashCache>,
    /// `group` could not be loaded again from the records.
    broken: bool,
    /// A commit was staged, which consumed its message key in `group` alone: the records still have it.
    group_is_ahead: bool,
}

/// A message ready to be sent.
#[derive(Debug)]
pub struct Encrypted {
    /// The MLS message.
    pub body: Bytes<{ limits::BODY }>,
    /// Its hash, by which it is recognised in the log.
    pub hash: Digest,
}

pub(crate) fn group_id(conversation: &ConversationId) -> GroupId {
    GroupId::from_slice(conversation.as_bytes())
}

impl Conversation {
    /// From its records; `None` where there are none.
    ///
    /// # Errors
    /// [`ConversationError::Storage`] or [`ConversationError::Facts`] where they are damaged.
    pub fn load(id: &ConversationId, mut records: Records) -> Result<Option<Self>, ConversationError> {
        let Some(head) = Head::load(&records)? else { return Ok(None) };
        let provider = Provider::of_group(&mut records, None);
        let Some(group) = MlsGroup::load(provider.storage(), &group_id(id))? else { return Ok(None) };
        let (facts, roles) = GroupFacts::of_context(group.public_group().group_context())?;
        let log = state::load_log(&records, &head)?;
        Ok(Some(Self {
            group,
            records,
            facts,
            roles,
            head,
            log,
            hashes: Arc::default(),
            broken: false,
            group_is_ahead: false,
        }))
    }

    /// A new one, whose own records are yet to be written.
    pub(crate) fn assemble(
        group: MlsGroup,
        mut records: Records,
        (facts, roles): (GroupFacts, Option<Roles>),
        head: Head,
        log: LogTrack,
    ) -> Self {
        head.store(&mut records);
        state::store_log(&mut records, &log);
        Self { group, records, facts, roles, head, log, hashes: Arc::default(), broken: false, group_is_ahead: false }
    }

    /// Takes what has changed since the last call, to be written in one batch.
    pub fn take_changes(&mut self) -> Changes {
        self.records.take_changes()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> ConversationId {
        self.facts.conversation
    }

    /// What it is.
    #[must_use]
    pub fn facts(&self) -> &GroupFacts {
        &self.facts
    }

    /// Who it is between.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.facts.kind
    }

    /// Its tier.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.facts.tier
    }

    /// The MLS epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.group.epoch().as_u64()
    }

    /// Whether this device is still a member.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.group.is_active()
    }

    /// The devices that are members, this one included. All were verified when they were added.
    #[must_use]
    pub fn members(&self) -> Vec<LeafClaim> {
        self.group.treesync().full_leaves().filter_map(|(_, leaf)| LeafClaim::of_leaf(leaf).ok()).collect()
    }

    /// A value that members of the same epoch share and nobody else knows (RFC 9420, section 8.7).
    #[must_use]
    pub fn epoch_authenticator(&self) -> Vec<u8> {
        self.group.epoch_authenticator().as_slice().to_vec()
    }

    /// The log, as this member sees it.
    #[must_use]
    pub fn log(&self) -> &LogTrack {
        &self.log
    }

    /// Position of the last commit that was processed or refused, for a request to append.
    #[must_use]
    pub fn seen_commit(&self) -> u64 {
        self.head.seen_commit
    }

    /// Position of the last commit that was accepted, for a request to append.
    #[must_use]
    pub fn accepted_commit(&self) -> u64 {
        self.head.accepted_commit
    }

    /// What a receipt says to `sender`: from where on this device takes in its contents, the highest counter up to which
    /// nothing is missing, and, no higher, that up to which they are `read`.
    ///
    /// # Errors
    /// [`ConversationError::Storage`].
    pub fn receipt_line(&self, sender: DeviceId, read: u64) -> Result<ReceiptLine, ConversationError> {
        let track = state::sender(&self.records, &sender)?;
        let delivered = track.contiguous();
        Ok(ReceiptLine { device: sender, begins: track.begins(), delivered, read: read.min(delivered) })
    }

    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    pub(crate) fn leaf_of(&self, device: &DeviceId) -> Option<&LeafNode> {
        let mut leaves = self.group.treesync().full_leaves().map(|(_, leaf)| leaf);
        leaves.find(|leaf| LeafClaim::of_leaf(leaf).is_ok_and(|claim| claim.device == *device))
    }

    /// Runs one operation on OpenMLS: all or nothing. `[CONV-40]`
    pub(crate) fn transact<T, E: From<ConversationError>>(
        &mut self,
        rng: Option<&mut dyn CryptoRngCore>,
        operation: impl FnOnce(&mut MlsGroup, &Provider<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.reload_if_ahead()?;
        self.transact_as_staged(rng, operation)
    }

    /// The same, on the state that staging left, to merge a commit: of the one that was staged, or of an own one. What
    /// staging consumed is a handshake key of the epoch that ends with it.
    pub(crate) fn transact_as_staged<T, E: From<ConversationError>>(
        &mut self,
        rng: Option<&mut dyn CryptoRngCore>,
        operation: impl FnOnce(&mut MlsGroup, &Provider<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.check_whole()?;
        self.records.begin();
        // The trait object's lifetime is shortened here, which does not happen by itself inside an `Option`.
        let rng = rng.map(|rng| rng as &mut dyn CryptoRngCore);
        let result = operation(&mut self.group, &Provider::of_group(&mut self.records, rng).with_hashes(&self.hashes));
        match result {
            Ok(done) => {
                self.records.keep();
                self.group_is_ahead = false;
                Ok(done)
            }
            Err(error) => {
                self.undo()?;
                Err(error)
            }
        }
    }

    pub(crate) fn check_whole(&self) -> Result<(), ConversationError> {
        if self.broken { Err(ConversationError::Broken) } else { Ok(()) }
    }

    /// Puts the records back and OpenMLS's state with them.
    fn undo(&mut self) -> Result<(), ConversationError> {
        self.records.undo();
        self.reload()
    }

    /// Runs what consumes a message key and changes nothing else, and puts the records back. Of a large group OpenMLS's
    /// state is slow to load, and a commit that was staged is nearly always merged next: it is loaded again only before
    /// another operation. `[CONV-40]`
    pub(crate) fn try_on_group<T>(
        &mut self,
        operation: impl FnOnce(&mut MlsGroup, &Provider<'_>) -> T,
    ) -> Result<T, ConversationError> {
        self.reload_if_ahead()?;
        self.records.begin();
        self.group_is_ahead = true;
        self.hashes.begin_commit();
        let result = operation(&mut self.group, &Provider::of_group(&mut self.records, None).with_hashes(&self.hashes));
        self.records.undo();
        Ok(result)
    }

    /// A staged commit that was not merged next: its message key is there again.
    fn reload_if_ahead(&mut self) -> Result<(), ConversationError> {
        self.check_whole()?;
        if self.group_is_ahead { self.reload() } else { Ok(()) }
    }

    fn reload(&mut self) -> Result<(), ConversationError> {
        self.broken = true;
        let provider = Provider::of_group(&mut self.records, None);
        let group = MlsGroup::load(provider.storage(), &group_id(&self.facts.conversation))?;
        self.group = group.ok_or(ConversationError::Broken)?;
        (self.broken, self.group_is_ahead) = (false, false);
        Ok(())
    }

    /// Passes over the next log entry, whatever it was.
    pub(crate) fn pass(&mut self, entry: &Entry) -> Result<(), ConversationError> {
        self.pass_to(entry.position, entry.running(&self.log.running()))
    }

    /// The same, where R at the next position is known.
    pub(crate) fn pass_to(&mut self, position: u64, running: Digest) -> Result<(), ConversationError> {
        self.log.advance_to(position, running)?;
        state::store_log(&mut self.records, &self.log);
        self.store_head();
        Ok(())
    }

    pub(crate) fn store_head(&mut self) {
        self.head.position = self.log.position();
        self.head.confirmed = self.log.confirmed();
        self.head.store(&mut self.records);
    }

    /// Goes on behind entries that the relay no longer has: at `position`, where R was `running` as the relay says.
    /// Never goes back. `told` where a person is told of it; else these can only have been receipts, if the relay is
    /// honest, and the next content of each sender shows whether they were. `[CONV-36]`
    ///
    /// # Errors
    /// Faults of our own.
    pub fn jump(&mut self, position: u64, running: Digest, told: bool) -> Result<(), ConversationError> {
        if position <= self.log.position() {
            return Ok(());
        }
        self.log.jump(position, running);
        state::all_gone(&mut self.records, told)?;
        state::clear_log(&mut self.records);
        state::store_log(&mut self.records, &self.log);
        self.store_head();
        Ok(())
    }

    /// Fixes a new content of this device: its counter, and the hash of the one before. It is this content from now
    /// on, however often it is encrypted.
    ///
    /// # Errors
    /// [`ConversationError::TooLong`].
    pub fn queue(&mut self, seed: MessageSeed, sent_at: Timestamp, body: &Body) -> Result<Content, ConversationError> {
        let content = Content {
            version: content::VERSION,
            seed,
            counter: self.head.next_counter,
            previous: self.head.last_content,
            lasting: self.head.lasting,
            sent_at,
            content_type: body.content_type().0,
            body: body.to_body()?,
        };
        self.head.next_counter += 1;
        self.head.lasting += u64::from(content.lasts());
        self.head.last_content = content.digest();
        self.store_head();
        Ok(content)
    }

    /// Encrypts a content for the members of now, with this device's place in the log. Write the changes before the
    /// message leaves: its key is used up. `[CONV-23]`
    ///
    /// # Errors
    /// [`ConversationError::CommitPending`] while a commit of this device is on its way,
    /// [`ConversationError::TooManyUnseen`], and faults of our own.
    pub fn encrypt(
        &mut self,
        content: &Content,
        signing: &SigningKey,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<Encrypted, ConversationError> {
        self.check_can_act(signing)?;
        if remembered::unseen(&self.records) >= FRAMES {
            return Err(ConversationError::TooManyUnseen);
        }
        let frame = Frame { fixed: content.clone(), position: self.log.position(), running: self.log.running() };
        let plaintext = zeroize::Zeroizing::new(frame.to_bytes());
        self.transact(Some(rng), |group, provider| {
            let failed = |_| ConversationError::of(provider.storage());
            let message = group.create_message(provider, &LeafSigner(signing), &plaintext).map_err(failed)?;
            let body = message.tls_serialize_detached().map_err(|_| ConversationError::Library)?;
            let hash = ciphertext_hash(&body);
            let sent = Sent { epoch: group.epoch().as_u64(), counter: content.counter };
            provider.storage().put(remembered::sent_key(&hash), sent.to_bytes())?;
            // OpenMLS folds a failed write into its own errors here; none may be missed.
            provider.storage().fault().map_or(Ok(()), |fault| Err(ConversationError::Storage(fault)))?;
            Ok(Encrypted { body: Bytes::new(body)?, hash })
        })
    }

    /// Refuses to act as a former member, beside an own commit, or with another key than the leaf's.
    pub(crate) fn check_can_act(&self, signing: &SigningKey) -> Result<(), ConversationError> {
        if !self.is_active() {
            return Err(ConversationError::Removed);
        }
        if self.group.pending_commit().is_some() {
            return Err(ConversationError::CommitPending);
        }
        let leaf = self.group.own_leaf_node().ok_or(ConversationError::Removed)?;
        // [CONV-04]
        if leaf.signature_key().as_slice() != signing.verifying_key().as_bytes() {
            return Err(ConversationError::OtherKey);
        }
        Ok(())
    }

    /// Whether an entry is this device's own: a frame, the commit that is on its way, or one that was given up.
    ///
    /// # Errors
    /// [`ConversationError::Storage`] where a record does not read.
    pub fn is_own(&self, entry: &Entry) -> Result<bool, ConversationError> {
        let hash = entry.ciphertext_hash();
        Ok(remembered::sent(&self.records, &hash)?.is_some()
            || remembered::has_come(&self.records, &hash)
            || state::pending(&self.records)?.is_some_and(|pending| pending.hash == hash)
            || remembered::is_given_up(&self.records, &hash)?)
    }

    /// The content of an own frame is encrypted anew, because the relay says that it did not take this one. It is known all
    /// the same if it comes. `[CONV-91]`
    pub fn set_aside(&mut self, hash: &Digest) {
        remembered::set_aside(&mut self.records, hash);
    }

    /// When the earliest epoch ended whose message keys are still here, by the relay's stamps.
    #[must_use]
    pub fn earliest_end(&self) -> Option<Timestamp> {
        self.head.ended.first().copied()
    }

    /// Deletes the message keys of epochs that ended before `before`, by the relay's stamps. Whether there were any.
    ///
    /// # Errors
    /// [`ConversationError::Storage`].
    pub fn forget_past(&mut self, before: Timestamp) -> Result<bool, ConversationError> {
        let mut head = self.head.clone();
        let Some(left) = head.forget_ends(before) else { return Ok(false) };
        // OpenMLS would judge by when an epoch began, on the system's clock; so it is told how many to keep.
        let keep = PastEpochDeletion::before_timestamp(std::time::UNIX_EPOCH).max_past_epochs(left);
        self.transact(None, |group, provider| {
            let done = group.delete_past_epoch_secrets(provider, keep);
            done.map_err(|_| ConversationError::of(provider.storage()))
        })?;
        self.head = head;
        self.store_head();
        Ok(true)
    }
}
