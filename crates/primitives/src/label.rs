//! Labels (protocol-spec/01-primitives, section 1): every hash, signature and derived key names its one purpose.

/// The purpose of a hash, signature or key. All labels of the project stand in this file, so that two that are alike
/// would be seen; each begins with `amanat/1 `, which no other protocol that shares our keys uses (MLS signs texts
/// that begin with a length and `MLS 1.0 `).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label(&'static str);

impl Label {
    /// The label's text, as it is hashed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl Label {
            // [PRIM-01]
            $($(#[$doc])* pub const $name: Label = Label(concat!("amanat/1 ", $text));)*
            /// Every label, for the test that they differ and the vectors that list them.
            pub const ALL: &'static [Label] = &[$(Label::$name),*];
        }
    };
}

labels! {
    /// Id of a statement: hash of what is signed.
    STATEMENT_ID = "statement id";
    /// Signature of an issuer over a statement.
    STATEMENT = "statement";
    /// Signature of a device's own key over its certificate, beside the enrolment key's.
    POSSESSION = "possession";
    /// Signature of a card's own key over the card, which asks for a certificate.
    CARD = "card";
    /// Id of a device: hash of its public keys.
    DEVICE_ID = "device id";
    /// Id of an authority, officer, auditor or relay key.
    KEY_ID = "key id";
    /// Enrolment secret sealed under a code that is said aloud.
    INVITATION_CODE = "invitation code";
    /// Prologue of the Noise handshake of a link.
    LINK = "link";
    /// Digest of a relay's TLS public key, which its certificate pins.
    RELAY_TLS_KEY = "relay tls key";
    /// Running hash over a conversation's log.
    RUNNING_HASH = "running hash";
    /// Hash of one log entry's ciphertext.
    CIPHERTEXT = "ciphertext";
    /// Hash of a sender's previous content frame.
    CONTENT_FRAME = "content frame";
    /// Id of a message, from its conversation, its sender and a random seed.
    MESSAGE_ID = "message id";
    /// Id of a document, from its conversation, its sender and its payload's nonce.
    DOCUMENT_ID = "document id";
    /// Relay's signature over a commit's place in the log.
    COMMIT_RECEIPT = "commit receipt";
    /// Hash of a commit's change of members, carried by its receipt.
    ROSTER_CHANGE = "roster change";
    /// Hash of a commit receipt, carried by the next one.
    COMMIT_RECEIPT_ID = "commit receipt id";
    /// Key of the relay's seals of log entries.
    ENTRY_SEAL = "entry seal";
    /// Hash of an MLS leaf as it stands in a group's tree.
    LEAF = "leaf";
    /// Signature by which a member asks to be removed from a conversation.
    LEAVE = "leave";
    /// Signature by which a device asks to be added to a conversation again.
    ADD_AGAIN = "add again";
    /// Safety number of two people.
    SAFETY_NUMBER = "safety number";
    /// Hash of one stored document segment.
    SEGMENT = "document segment";
    /// Hash that names a body kept in a file of its own.
    STORED_BODY = "stored body";
    /// Passphrase-protected key file.
    KEY_FILE = "key file";
    /// Passphrase-protected header of a vault.
    VAULT_HEADER = "vault header";
    /// Key under which a vault's values are sealed.
    VAULT_VALUES = "vault values";
    /// Key under which a vault's keys are hashed.
    VAULT_KEYS = "vault keys";
    /// Key under which the keys in a vault's slots are sealed.
    VAULT_SLOTS = "vault slots";
    /// List of revocations that a status statement names.
    REVOCATION_LIST = "revocation list";
    /// Signature of an officer over what another one's revocation says.
    COSIGNATURE = "cosignature";
    /// Prologue of the Noise message that seals a key to one reader.
    SEALED_KEY = "sealed key";
    /// Author's signature over a history file.
    HISTORY_FILE = "history file";
    /// Hash of a history file's header, to which its key is bound.
    HISTORY_HEADER = "history header";
    /// Key of a history file under a passphrase.
    HISTORY_KEY = "history key";
    /// Signature of a device over what its leak filter said.
    VERDICT = "verdict record";
    /// Hash of such a record, carried by the next one.
    VERDICT_ID = "id of a verdict record";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_differ_and_none_begins_with_another() {
        // [PRIM-01]
        for (i, a) in Label::ALL.iter().enumerate() {
            assert!(a.as_str().starts_with("amanat/1 "));
            for b in Label::ALL.iter().skip(i + 1) {
                assert_ne!(a, b);
            }
        }
    }

    #[test]
    fn every_label_stands_in_the_chapter() {
        // [PRIM-01]
        let chapter = include_str!("../../../protocol-spec/01-primitives.md");
        for label in Label::ALL {
            let row = format!("| `{}` |", label.as_str());
            assert_eq!(chapter.matches(&row).count(), 1, "add to section 1: {row} purpose |");
        }
    }

    #[test]
    fn no_labelled_text_is_one_that_mls_signs() {
        // [PRIM-08] MLS's `SignContent` begins with a length of 1, 2 or 4 bytes and the text "MLS 1.0 ".
        for label in Label::ALL {
            for length in [1, 2, 4] {
                let text = label.as_str().get(length..).unwrap();
                assert!(!text.starts_with("MLS 1.0 "), "{label:?}");
            }
        }
    }
}
