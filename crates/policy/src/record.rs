//! Records of verdicts (protocol-spec/09-policy, section 10): what the filter said of something that was about to be sent, and
//! what became of it. Kinds and counts, never content; signed by the device and chained, so that none is altered, left out
//! or put between two others unseen.

use amanat_identity::Tier;
use amanat_primitives::{
    ConversationId, DeviceId, Digest, Label, Timestamp, hash,
    sign::{BadSignature, Signature, SigningKey, VerifyingKey},
};
use amanat_wire::{Encode as _, List, Text, code, record};

use crate::{Action, Kind, document::Layout};

/// Bytes of a reason.
pub const REASON: usize = 500;
/// Kinds in one record.
pub const KINDS: usize = 64;

code!(
    /// What was about to be sent.
    pub enum Subject {
        /// A message's text.
        1 => Text,
        /// Another text for a message.
        2 => Edit,
        /// A conversation's title.
        3 => Title,
        /// A document's name.
        4 => DocumentName,
    }
);

impl Subject {
    /// As `--json` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Edit => "edit",
            Self::Title => "title",
            Self::DocumentName => "document-name",
        }
    }
}

code!(
    /// What became of it.
    pub enum Outcome {
        /// It was not taken for sending.
        0 => Stopped,
        /// It was taken, once its sender had done what the action asks for.
        1 => Passed,
    }
);

record!(
    /// Distinct values of a kind.
    pub struct Count {
        /// The kind.
        kind: Kind,
        /// At least 1.
        count: u32,
    }
);

record!(
    /// A record without its signature.
    pub struct Record {
        /// Of this layout: 1.
        layout: Layout,
        /// The device on which it was said.
        device: DeviceId,
        /// From 1, each one above the one before.
        number: u64,
        /// `H("verdict record id", SignedRecord)` of the one before; zeros in the first.
        before: Digest,
        /// When, by the device's clock.
        at: Timestamp,
        /// The policy's number.
        policy: u32,
        /// Where it was to go; none for a conversation that was not there yet.
        conversation: Option<ConversationId>,
        /// That conversation's tier: its number.
        tier: Tier,
        /// What was to be sent.
        subject: Subject,
        /// What the policy asks for.
        action: Action,
        /// Not all of it could be read.
        unread: bool,
        /// What was found, by kind.
        found: List<Count, KINDS>,
        /// What became of it.
        outcome: Outcome,
        /// What the sender gave as the reason, in his words; empty where none was asked for.
        reason: Text<REASON>,
    }
);

record!(
    /// A record as it is kept.
    pub struct SignedRecord {
        /// What is said.
        record: Record,
        /// By the device's signing key, under [`Label::VERDICT`].
        signature: Signature,
    }
);

impl Record {
    /// Signs it. [POL-50]
    #[must_use]
    pub fn sign(self, key: &SigningKey) -> SignedRecord {
        let signature = key.sign(Label::VERDICT, &self.to_bytes());
        SignedRecord { record: self, signature }
    }
}

impl SignedRecord {
    /// What the next one names.
    #[must_use]
    pub fn id(&self) -> Digest {
        hash::digest(Label::VERDICT_ID, &[&self.to_bytes()])
    }

    /// Whether the device signed it, and it stands right behind `before`, the one before it. [POL-50] [POL-51]
    ///
    /// # Errors
    /// [`BadRecord`].
    pub fn verify(&self, key: &VerifyingKey, before: Option<&SignedRecord>) -> Result<(), BadRecord> {
        key.verify(Label::VERDICT, &self.record.to_bytes(), &self.signature)?;
        let (number, id) = before.map_or((0, Digest::ZERO), |before| (before.record.number, before.id()));
        let follows = self.record.before == id && number.checked_add(1) == Some(self.record.number);
        if follows { Ok(()) } else { Err(BadRecord::Order) }
    }
}

/// Why a record does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// Another device signed it, or nobody.
    #[error("the record is not signed by this device")]
    Signature,
    /// It is not the next one.
    #[error("the record does not follow the one before it")]
    Order,
}

impl From<BadSignature> for BadRecord {
    fn from(_: BadSignature) -> Self {
        Self::Signature
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use amanat_primitives::Secret;
    use amanat_wire::Decode as _;

    use super::*;

    fn record(number: u64, before: Digest) -> Record {
        Record {
            layout: Layout,
            device: DeviceId::from_bytes([7; 32]),
            number,
            before,
            at: Timestamp::from_millis(1_790_000_000_000),
            policy: 0,
            conversation: Some(ConversationId::from_bytes([9; 16])),
            tier: Tier::Restricted,
            subject: Subject::Text,
            action: Action::Reason,
            unread: false,
            found: List::new(vec![Count { kind: "cnic".parse().unwrap(), count: 4 }]).unwrap(),
            outcome: Outcome::Passed,
            reason: Text::new("asked for by the committee".to_owned()).unwrap(),
        }
    }

    // [POL-50] [POL-51]
    #[test]
    fn a_record_is_its_devices_and_follows_the_one_before() {
        let (key, other) =
            (SigningKey::from_seed(&Secret::take(&mut [1; 32])), SigningKey::from_seed(&Secret::take(&mut [2; 32])));
        let first = record(1, Digest::ZERO).sign(&key);
        let second = record(2, first.id()).sign(&key);
        assert_eq!(SignedRecord::from_bytes(&first.to_bytes()), Ok(first.clone()));
        assert_eq!(first.verify(&key.verifying_key(), None), Ok(()));
        assert_eq!(second.verify(&key.verifying_key(), Some(&first)), Ok(()));
        assert_eq!(first.verify(&other.verifying_key(), None), Err(BadRecord::Signature));
        // One left out, one twice, one altered.
        assert_eq!(second.verify(&key.verifying_key(), None), Err(BadRecord::Order));
        assert_eq!(first.verify(&key.verifying_key(), Some(&first)), Err(BadRecord::Order));
        let mut altered = first.clone();
        altered.record.outcome = Outcome::Stopped;
        assert_eq!(altered.verify(&key.verifying_key(), None), Err(BadRecord::Signature));
        let other_first = Record { reason: Text::default(), ..record(1, Digest::ZERO) }.sign(&key);
        assert_eq!(second.verify(&key.verifying_key(), Some(&other_first)), Err(BadRecord::Order));
    }

    #[test]
    fn another_layout_is_refused() {
        let mut bytes = record(1, Digest::ZERO).to_bytes();
        *bytes.first_mut().unwrap() = 2;
        assert!(Record::from_bytes(&bytes).is_err());
    }
}
