//! Ids (protocol-spec/01-primitives, section 2): one type for each kind of thing that has a name on the wire.

use rand_core::CryptoRngCore;

use crate::{Digest, fixed::fixed_bytes};

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
    /// A message, chosen at random by its sender and kept when it is encrypted again (chapter 05).
    MessageId,
    16
);
fixed_bytes!(
    /// A document, chosen at random by its sender (chapter 06).
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
random_ids!(ConversationId, MessageId, DocumentId, UnitId, Incarnation);

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
