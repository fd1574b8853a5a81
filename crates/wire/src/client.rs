//! What a client says to a relay (protocol-spec/02-wire, section 2): first a [`Hello`], then [`Request`]s, each with a
//! number that its answer repeats. Up to [`limits::OPEN_REQUESTS`] may be open at once; the relay answers each when its
//! effect is durable, and may answer them out of order.

use amanat_primitives::{
    ConversationId, DeviceId, DocumentId, Label, Timestamp,
    sign::{BadSignature, Signature, SigningKey, VerifyingKey},
};

use crate::{
    Bytes, Encode as _, List, Text, choice, limits,
    log::{RetentionClass, Unit},
    record,
    resupply::{Resupply, Welcomes},
};

choice!(
    /// A client's message on a link.
    pub enum ToRelay: u8 {
        /// The first message on every link, and only there.
        1 => Hello(Hello),
        /// All later ones.
        2 => Request(NumberedRequest),
    }
);

record!(
    /// Says who has connected. The key that Noise authenticated must be the one in the named certificate.
    pub struct Hello {
        /// [`limits::PROTOCOL_VERSION`].
        version: u16,
        /// As whom.
        identity: Identity,
    }
);

choice!(
    /// As whom a client connects.
    pub enum Identity: u8 {
        /// An enrolled device: its `DeviceChain` (chapter 03).
        1 => Device(Bytes<{ limits::CHAIN }>),
        /// A new device redeeming an invitation: an `Enrolment` (chapter 03). The answer is `Enrolled`, and the link
        /// goes on as the device's.
        2 => Enrolling(Bytes<{ limits::CHAIN }>),
        /// An officer's machine: an `OfficerChain` (chapter 03). It may publish and read statements and
        /// revocations, nothing else.
        3 => Officer(Bytes<{ limits::CHAIN }>),
    }
);

record!(
    /// A request with its number.
    pub struct NumberedRequest {
        /// Chosen by the client; no two open requests share one.
        number: u32,
        /// What is asked.
        request: Request,
    }
);

record!(
    /// Carries nothing.
    pub struct Nothing {}
);

record!(
    /// Entries of a conversation's log after a position.
    pub struct Read {
        /// Whose log.
        conversation: ConversationId,
        /// Position of the last entry the client has; 0 for none.
        after: u64,
        /// At most this many entries (the relay sends fewer where [`limits`] say so).
        max_entries: u16,
    }
);

record!(
    /// Asks what is new, a page at a time.
    pub struct WhatIsNew {
        /// Go on behind this conversation; none for the first page.
        after: Option<ConversationId>,
    }
);

record!(
    /// One conversation's cursor.
    pub struct Cursor {
        /// Which conversation.
        conversation: ConversationId,
        /// All entries up to this one are durable in the device's vault.
        position: u64,
    }
);

record!(
    /// Says what this device holds durably, so that the relay may forget it.
    pub struct Advance {
        /// Cursors; they only go forward, a lower one is ignored.
        cursors: List<Cursor, { limits::CONVERSATIONS }>,
        /// All direct items up to this number are durable; 0 for none.
        direct: u64,
    }
);

record!(
    /// New KeyPackages of this device, each an MLS `KeyPackage` as an `MLSMessage`.
    pub struct PutKeyPackages {
        /// To be handed out once each.
        one_time: List<Bytes<{ limits::KEY_PACKAGE }>, { limits::KEY_PACKAGES }>,
        /// Replaces the last-resort one.
        last_resort: Option<Bytes<{ limits::KEY_PACKAGE }>>,
    }
);

record!(
    /// A page of the directory.
    pub struct People {
        /// Part of a handle, name or post, any case; empty for everyone.
        query: Text<{ limits::QUERY }>,
        /// Continue after this handle; empty for the first page.
        after: Text<{ limits::QUERY }>,
    }
);

record!(
    /// A status statement with those entries of its list that the relay lacks.
    pub struct StatusUpdate {
        /// The `SignedStatus` (chapter 03).
        status: Bytes<{ limits::CHAIN }>,
        /// So many entries stand before the first of these.
        first: u32,
        /// `RevocationEntry`s (chapter 03), in the order of the list.
        revocations: List<Bytes<{ limits::REVOCATION }>, { limits::REVOCATIONS }>,
    }
);

record!(
    /// Announces a document before its segments.
    pub struct OpenDocument {
        /// Chosen by the sender.
        document: DocumentId,
        /// Members of this conversation may fetch it.
        conversation: ConversationId,
        /// Number of segments, 1 to [`limits::SEGMENTS`].
        segments: u64,
        /// How long to keep it.
        class: RetentionClass,
    }
);

record!(
    /// One segment of a document.
    pub struct PutSegment {
        /// Which document.
        document: DocumentId,
        /// From 0.
        index: u64,
        /// Exactly 1 MiB.
        bytes: Bytes<{ limits::BODY }>,
    }
);

record!(
    /// Asks for one segment.
    pub struct GetSegment {
        /// Which document.
        document: DocumentId,
        /// From 0.
        index: u64,
    }
);

record!(
    /// A device that cannot follow a conversation's log any more asks its members to be added again (chapter 05, section
    /// 5).
    pub struct AddAgain {
        /// Which.
        conversation: ConversationId,
        /// Who asks.
        device: DeviceId,
        /// When, by its clock.
        at: Timestamp,
        /// By the device's signing key, under [`Label::ADD_AGAIN`], over the fields before.
        signature: Signature,
    }
);

impl AddAgain {
    /// How long a request counts.
    pub const COUNTS: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

    /// Signs one.
    #[must_use]
    pub fn sign(conversation: ConversationId, device: DeviceId, at: Timestamp, key: &SigningKey) -> Self {
        let signature = key.sign(Label::ADD_AGAIN, &message(&conversation, &device, at));
        Self { conversation, device, at, signature }
    }

    /// Checks the device's signature.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, key: &VerifyingKey) -> Result<(), BadSignature> {
        key.verify(Label::ADD_AGAIN, &message(&self.conversation, &self.device, self.at), &self.signature)
    }

    /// Whether it is neither too old nor from the future.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        now.since(self.at) < Self::COUNTS && self.at.since(now) <= Timestamp::CLOCK_TOLERANCE
    }
}

fn message(conversation: &ConversationId, device: &DeviceId, at: Timestamp) -> Vec<u8> {
    [&conversation.as_bytes()[..], device.as_bytes(), &at.to_bytes()].concat()
}

choice!(
    /// What a client asks. Which [`crate::relay::Answer`] belongs to each is said beside it.
    pub enum Request: u8 {
        /// Is anyone there? `Done`. Sent when a link has been silent for a while.
        1 => Ping(Nothing),
        /// What is new for this device? `News`.
        2 => News(WhatIsNew),
        /// Append to a log. `Appended`.
        3 => Append(Unit),
        /// Read a log. `Entries`.
        4 => Read(Read),
        /// Move cursors. `Done`.
        5 => Advance(Advance),
        /// Publish KeyPackages. `Done`.
        6 => PutKeyPackages(PutKeyPackages),
        /// Claim one KeyPackage of each device. `KeyPackages`.
        7 => ClaimKeyPackages(List<DeviceId, { limits::ADDS }>),
        /// Look people up. `Chains`.
        8 => People(People),
        /// Chains of devices. `Chains`; unknown devices are left out.
        9 => Chains(List<DeviceId, { limits::DEVICES }>),
        /// Publish a status statement. `Done`.
        10 => PutStatement(StatusUpdate),
        /// The latest status statement. `Status`.
        11 => Status(Nothing),
        /// Begin or resume an upload. `Document`.
        12 => OpenDocument(OpenDocument),
        /// Upload a segment. `Done` once received; durable at the seal.
        13 => PutSegment(PutSegment),
        /// End an upload. `Done` once all segments are durable.
        14 => SealDocument(DocumentId),
        /// Download a segment. `Segment`.
        15 => GetSegment(GetSegment),
        /// Take this device out of a conversation's roster. `Done`.
        16 => Decline(ConversationId),
        /// Hand a request to be added again to a conversation's members. `Done`.
        22 => AskAgain(AddAgain),
        /// The list of revocations after so many entries. `Revocations`.
        20 => Revocations(u32),
        /// A `Renewal` (chapter 03) for the chain of its grant. `Done`.
        21 => PutRenewal(Bytes<{ limits::CHAIN }>),
        /// An `Approval` (chapter 03) for the chain of a device of the same person. `Done`.
        25 => PutApproval(Bytes<{ limits::CHAIN }>),
        /// All devices of this device's person, this one too. `Devices`.
        26 => OwnDevices(Nothing),
        /// Where does this device stand in all its logs? `Cursors`.
        30 => Cursors(WhatIsNew),
        /// Remove all KeyPackages of this device, the last-resort one too. `Done`.
        31 => DropKeyPackages(Nothing),
        /// Devices whose chains ended more than 7 days ago, from behind this handle: for officers. `Lapsed`.
        32 => Lapsed(Text<{ limits::QUERY }>),
        /// Give a restored relay the end of a log back, or say that there is none. `Resupplied`.
        28 => Resupply(Resupply),
        /// The Welcome of a commit of one's own, which a restored relay may have lost. `Done`.
        29 => Welcomes(Welcomes),
    }
);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use amanat_primitives::Secret;

    use super::*;

    const AT: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn asked() -> (AddAgain, VerifyingKey) {
        let key = SigningKey::from_seed(&Secret::from_slice(&[3; 32]).unwrap());
        let (conversation, device) = (ConversationId::from_bytes([1; 16]), DeviceId::from_bytes([2; 32]));
        (AddAgain::sign(conversation, device, AT, &key), key.verifying_key())
    }

    // [CONV-88]
    #[test]
    fn a_request_to_be_added_again_counts_for_a_day() {
        let (asked, _) = asked();
        assert!(asked.counts(AT) && asked.counts(AT.after(Duration::from_secs(86_399))));
        assert!(!asked.counts(AT.after(Duration::from_secs(86_400))), "too old");
        assert!(asked.counts(AT.before(Timestamp::CLOCK_TOLERANCE)), "as far as clocks differ");
        assert!(!asked.counts(AT.before(Timestamp::CLOCK_TOLERANCE + Duration::from_secs(1))), "from the future");
    }

    // [CONV-88]
    #[test]
    fn its_signature_covers_every_field() {
        let (asked, key) = asked();
        assert!(asked.verify(&key).is_ok());
        let forged = [
            AddAgain { conversation: ConversationId::from_bytes([9; 16]), ..asked.clone() },
            AddAgain { device: DeviceId::from_bytes([9; 32]), ..asked.clone() },
            AddAgain { at: AT.after(Duration::from_secs(1)), ..asked },
        ];
        assert!(forged.iter().all(|forged| forged.verify(&key).is_err()));
    }
}
