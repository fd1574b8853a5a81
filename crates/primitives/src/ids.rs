//! Ids (protocol-spec/01-primitives, section 2): one type for each kind of thing that has a name on the wire.

use rand_core::CryptoRngCore;

use crate::{Digest, Label, fixed::fixed_bytes, hash::digest};

fixed_bytes!(
    /// A device: hash of its public keys (chapter 03).
    DeviceId,
    32
);
fixed_bytes!(
    /// A signed statement: hash of what is signed (chapter 03).
    StatementId,
    32
);
fixed_bytes!(
    /// A conversation, chosen at random by its founder (chapter 05).
    ConversationId,
    16
);
fixed_bytes!(
    /// What a message's id is made from: chosen at random by its sender, kept when it is encrypted again (chapter 05).
    MessageSeed,
    16
);
fixed_bytes!(
    /// A message, by its conversation, its sender and a seed (section 2).
    MessageId,
    16
);
fixed_bytes!(
    /// A document, by its conversation, its sender and its payload nonce (section 2).
    DocumentId,
    16
);
fixed_bytes!(
    /// One append to a conversation's log, so that a repeated request has no second effect (chapter 07).
    UnitId,
    16
);
fixed_bytes!(
    /// A relay's store, from its creation or restoration on (chapter 07).
    Incarnation,
    16
);

macro_rules! random_ids {
    ($($name:ident),*) => { $(
        impl $name {
            /// A fresh random id.
            pub fn random(rng: &mut dyn CryptoRngCore) -> Self {
                let mut bytes = [0; Self::LEN];
                rng.fill_bytes(&mut bytes);
                Self::from_bytes(bytes)
            }
        }
    )* };
}
random_ids!(ConversationId, MessageSeed, UnitId, Incarnation);

/// The id of something that a device sends in a conversation: nobody can send anything under the id of another's, or of
/// something in another conversation. [PRIM-20]
fn sent(label: Label, conversation: ConversationId, sender: DeviceId, seed: &[u8; 16]) -> [u8; 16] {
    let digest = digest(label, &[conversation.as_bytes(), sender.as_bytes(), seed]);
    let mut id = [0; 16];
    id.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
    id
}

impl MessageId {
    /// The message that `sender` made from `seed` in `conversation`.
    #[must_use]
    pub fn of(conversation: ConversationId, sender: DeviceId, seed: MessageSeed) -> Self {
        Self::from_bytes(sent(Label::MESSAGE_ID, conversation, sender, seed.as_bytes()))
    }
}

impl DocumentId {
    /// The document that `sender` encrypts under this payload nonce for `conversation`.
    #[must_use]
    pub fn of(conversation: ConversationId, sender: DeviceId, nonce: &[u8; 16]) -> Self {
        Self::from_bytes(sent(Label::DOCUMENT_ID, conversation, sender, nonce))
    }
}

macro_rules! hashed_ids {
    ($($name:ident),*) => { $(
        impl From<Digest> for $name {
            fn from(digest: Digest) -> Self {
                Self::from_bytes(*digest.as_bytes())
            }
        }
    )* };
}
hashed_ids!(DeviceId, StatementId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_has_the_id_of_its_place_and_sender_alone() {
        // [PRIM-20]
        let (conversation, other) = (ConversationId::from_bytes([1; 16]), ConversationId::from_bytes([2; 16]));
        let (sender, thief) = (DeviceId::from_bytes([3; 32]), DeviceId::from_bytes([4; 32]));
        let seed = MessageSeed::from_bytes([5; 16]);
        let id = MessageId::of(conversation, sender, seed);
        assert_eq!(id, MessageId::of(conversation, sender, seed));
        assert_ne!(id, MessageId::of(other, sender, seed));
        assert_ne!(id, MessageId::of(conversation, thief, seed));
        assert_ne!(id.as_bytes(), DocumentId::of(conversation, sender, seed.as_bytes()).as_bytes());
    }

    #[test]
    fn an_id_has_one_text() {
        // [PRIM-04]
        let id = UnitId::from_bytes([0xab; 16]);
        let text = id.to_string();
        assert_eq!(text, "ab".repeat(16));
        assert_eq!(text.parse(), Ok(id));
        let refused = Err(crate::ParseIdError { expected: 32 });
        for bad in ["", &text[1..], &text[2..], &text.to_uppercase(), &format!("{text}ab"), &format!(" {text}"), "é"] {
            assert_eq!(bad.parse::<UnitId>(), refused, "{bad}");
        }
    }
}
