//! The conversation log (protocol-spec/02-wire, section 3, and 07-delivery): one ordered list a conversation, the same
//! for all its members.

use amanat_primitives::{
    ConversationId, DeviceId, Digest, Label, Timestamp, UnitId, hash,
    sign::{BadSignature, Signature, SigningKey, VerifyingKey},
};

use crate::{Bytes, Encode as _, List, code, limits, record};

code!(
    /// What a log entry is.
    pub enum UnitKind {
        /// An MLS application message.
        1 => Message,
        /// An MLS commit on an existing conversation.
        2 => Commit,
        /// The commit with which a founder opens a conversation.
        3 => Create,
    }
);

code!(
    /// How long the relay keeps an entry or document that a member has not fetched. Chosen by the client; it says
    /// nothing about the tier.
    pub enum RetentionClass {
        /// A day: receipts and the like.
        1 => Day,
        /// A week.
        2 => Week,
        /// Thirty days: the default.
        3 => Month,
        /// Ninety days.
        4 => Quarter,
        /// A year.
        5 => Year,
    }
);

impl RetentionClass {
    /// The time kept.
    #[must_use]
    pub fn span(self) -> std::time::Duration {
        let days = match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
            Self::Quarter => 90,
            Self::Year => 365,
        };
        std::time::Duration::from_secs(days * 24 * 3600)
    }
}

record!(
    /// One joiner's part of a Welcome: the MLS `EncryptedGroupSecrets`.
    pub struct Joiner {
        /// Whom it is for.
        device: DeviceId,
        /// Its `EncryptedGroupSecrets`, TLS-encoded as in RFC 9420, section 12.4.3.1.
        group_secrets: Bytes<{ limits::JOINER_PART }>,
    }
);

record!(
    /// A request to append to a conversation's log: one atomic change.
    pub struct Unit {
        /// Makes the request idempotent: the same id again has no second effect.
        id: UnitId,
        /// Whose log.
        conversation: ConversationId,
        /// What it is.
        kind: UnitKind,
        /// How long to keep it.
        class: RetentionClass,
        /// Position of the last commit that the sender processed or refused; 0 for `Create`.
        seen_commit: u64,
        /// Position of the last commit that the sender accepted; 0 for `Create`.
        accepted_commit: u64,
        /// The MLS message.
        body: Bytes<{ limits::BODY }>,
        /// Devices that a commit adds.
        roster_add: List<DeviceId, { limits::ADDS }>,
        /// Devices that a commit removes.
        roster_remove: List<DeviceId, { limits::REMOVES }>,
        /// The Welcome's encrypted GroupInfo, shared by all joiners; empty where there is none.
        group_info: Bytes<{ limits::BODY }>,
        /// Each joiner's part of the Welcome.
        joiners: List<Joiner, { limits::ADDS }>,
    }
);

record!(
    /// An entry of a conversation's log, as members read it.
    pub struct Entry {
        /// From 1, without gaps.
        position: u64,
        /// What it is.
        kind: UnitKind,
        /// The relay's time of appending; never goes back within a log.
        stamp: Timestamp,
        /// The device that appended it, as the relay says; MLS says who wrote it.
        sender: DeviceId,
        /// The request's id.
        unit: UnitId,
        /// As in the request.
        seen_commit: u64,
        /// As in the request.
        accepted_commit: u64,
        /// The MLS message.
        body: Bytes<{ limits::BODY }>,
        /// Hash of the body, where that has gone under its retention class; `body` is then empty. [WIRE-09]
        gone: Option<Digest>,
        /// A commit's [`CommitReceipt`]; empty for a message.
        receipt: Bytes<{ limits::RECEIPT }>,
        /// How long the relay keeps it.
        class: RetentionClass,
        /// The relay's [`seal`](crate::resupply::seal): by it, it knows the entry again as its own.
        seal: Digest,
    }
);

impl Entry {
    /// The entry that an appended unit has become, as its author knows it from the answer.
    #[must_use]
    pub fn of_own(unit: Unit, author: DeviceId, appended: crate::relay::Appended) -> Self {
        Self {
            position: appended.position,
            kind: unit.kind,
            stamp: appended.stamp,
            sender: author,
            unit: unit.id,
            seen_commit: unit.seen_commit,
            accepted_commit: unit.accepted_commit,
            body: unit.body,
            gone: None,
            receipt: appended.receipt,
            class: if unit.kind == UnitKind::Message { unit.class } else { RetentionClass::Month },
            seal: appended.seal,
        }
    }

    /// `H(ciphertext_p)`, also where the body has gone.
    #[must_use]
    pub fn ciphertext_hash(&self) -> Digest {
        self.gone.unwrap_or_else(|| ciphertext_hash(&self.body))
    }

    /// R at this entry, behind one where it was `previous`: [`running_hash`].
    #[must_use]
    pub fn running(&self, previous: &Digest) -> Digest {
        running_hash(previous, self.kind, &self.ciphertext_hash(), &self.receipt)
    }
}

record!(
    /// What the relay signs about a commit's place in the log: two that differ for one position are proof of a fork.
    pub struct ReceiptBody {
        /// Whose log.
        conversation: ConversationId,
        /// The commit's position.
        position: u64,
        /// [`ciphertext_hash`] of the commit.
        commit: Digest,
        /// As in the entry.
        stamp: Timestamp,
        /// [`roster_change`] of the request: what the relay has made of its roster.
        roster: Digest,
        /// Number of the latest status statement that the relay had then; 0 for none.
        status_number: u64,
        /// [`CommitReceipt::id`] of the log's previous commit; zero for the first.
        previous: Digest,
    }
);

record!(
    /// A [`ReceiptBody`] with the relay's signature.
    pub struct CommitReceipt {
        /// What is signed.
        body: ReceiptBody,
        /// By the key in the relay's certificate, under [`Label::COMMIT_RECEIPT`].
        signature: Signature,
    }
);

impl CommitReceipt {
    /// Signs `body` as the relay.
    #[must_use]
    pub fn sign(body: ReceiptBody, key: &SigningKey) -> Self {
        let signature = key.sign(Label::COMMIT_RECEIPT, &body.to_bytes());
        Self { body, signature }
    }

    /// Checks the relay's signature.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, relay: &VerifyingKey) -> Result<(), BadSignature> {
        relay.verify(Label::COMMIT_RECEIPT, &self.body.to_bytes(), &self.signature)
    }

    /// Hash by which the next receipt names this one.
    #[must_use]
    pub fn id(&self) -> Digest {
        hash::digest(Label::COMMIT_RECEIPT_ID, &[&self.body.to_bytes()])
    }
}

/// `H(ciphertext_p)`: the hash of one entry's body.
#[must_use]
pub fn ciphertext_hash(body: &[u8]) -> Digest {
    hash::digest(Label::CIPHERTEXT, &[body])
}

/// `H("roster change", added, removed)`, both in ascending order, each a list of device ids: the change of a roster that
/// a commit asks of the relay and repeats in its authenticated data.
#[must_use]
pub fn roster_change<'a>(
    added: impl IntoIterator<Item = &'a DeviceId>,
    removed: impl IntoIterator<Item = &'a DeviceId>,
) -> Digest {
    let mut w = crate::Writer::default();
    let mut put = |devices: Vec<&DeviceId>| {
        w.raw(&(devices.len() as u64).to_be_bytes());
        devices.into_iter().for_each(|device| w.raw(device.as_bytes()));
    };
    for mut devices in [added.into_iter().collect::<Vec<_>>(), removed.into_iter().collect()] {
        devices.sort_unstable();
        put(devices);
    }
    hash::digest(Label::ROSTER_CHANGE, &[&w.into_bytes()])
}

/// `R_p = H(label, R_{p-1}, kind_p, H(ciphertext_p), receipt_p)`; `R_0` is zero. Kind and receipt are what members judge an
/// entry by beside its ciphertext: whoever has the same R has come to the same verdicts. `[CONV-33]`
#[must_use]
pub fn running_hash(previous: &Digest, kind: UnitKind, ciphertext: &Digest, receipt: &[u8]) -> Digest {
    hash::digest(Label::RUNNING_HASH, &[previous.as_bytes(), &kind.to_bytes(), ciphertext.as_bytes(), receipt])
}
