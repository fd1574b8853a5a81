//! Keys (protocol-spec/06-document, section 4): what one upload is known by and encrypted under, and how a sender's
//! vault keeps it.

use amanat_primitives::{ConversationId, CryptoRngCore, DeviceId, Digest, DocumentId, Secret, Timestamp};
use amanat_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::{
    layout::{Layout, TooLarge},
    ledger::SourceStamp,
    payload::{FileKey, PayloadNonce},
    segment::{SegmentHash, SegmentWriter},
};

/// A document's identity and keys, fresh for each upload that begins. Its encoding is secret.
pub struct Keys {
    /// Its id.
    pub document: DocumentId,
    /// Its secret.
    pub file_key: FileKey,
    /// Its payload's salt.
    pub nonce: PayloadNonce,
}

impl Keys {
    /// Fresh from `rng`, for a document that `sender` sends in `conversation`: all three, since an id, once used, belongs
    /// to the segments that the relay has under it. [DOC-12] The only way on from
    /// [`LedgerError::Edited`](crate::LedgerError::Edited).
    pub fn random(conversation: ConversationId, sender: DeviceId, rng: &mut dyn CryptoRngCore) -> Self {
        let nonce = PayloadNonce::random(rng);
        let document = DocumentId::of(conversation, sender, nonce.as_bytes());
        Self { document, file_key: FileKey::random(rng), nonce }
    }

    /// Keys of a document that nobody sends.
    #[cfg(test)]
    pub(crate) fn any(rng: &mut dyn CryptoRngCore) -> Self {
        Self::random(ConversationId::from_bytes([0; 16]), DeviceId::from_bytes([0; 32]), rng)
    }

    /// A writer at the beginning of the document.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub fn writer(&self, size: u64) -> Result<SegmentWriter, TooLarge> {
        Ok(SegmentWriter::new(self.document, Layout::new(size)?, &self.file_key, self.nonce))
    }
}

impl Encode for Keys {
    fn encode(&self, w: &mut Writer) {
        self.document.encode(w);
        self.file_key.encode(w);
        self.nonce.encode(w);
    }
}
impl Decode for Keys {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { document: Decode::decode(r)?, file_key: Decode::decode(r)?, nonce: Decode::decode(r)? })
    }
}

impl Encode for FileKey {
    fn encode(&self, w: &mut Writer) {
        w.raw(self.secret().expose_secret());
    }
}
impl Decode for FileKey {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self::from_secret(Secret::take(&mut r.array()?)))
    }
}

impl Encode for PayloadNonce {
    fn encode(&self, w: &mut Writer) {
        w.raw(self.as_bytes());
    }
}
impl Decode for PayloadNonce {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self::from_bytes(r.array()?))
    }
}

impl Encode for SegmentHash {
    fn encode(&self, w: &mut Writer) {
        self.digest().encode(w);
    }
}
impl Decode for SegmentHash {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self::from_digest(Digest::decode(r)?))
    }
}

impl Encode for SourceStamp {
    fn encode(&self, w: &mut Writer) {
        self.size.encode(w);
        self.modified.encode(w);
    }
}
impl Decode for SourceStamp {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { size: u64::decode(r)?, modified: Option::<Timestamp>::decode(r)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_core::OsRng;

    #[test]
    fn keys_are_fresh_and_come_back() {
        // [DOC-12]
        let (keys, other) = (Keys::any(&mut OsRng), Keys::any(&mut OsRng));
        assert_ne!(keys.document, other.document);
        assert_ne!(keys.nonce, other.nonce);
        assert_ne!(keys.file_key.secret().expose_secret(), other.file_key.secret().expose_secret());
        let bytes = keys.to_bytes();
        assert_eq!(bytes.len(), 48);
        assert_eq!(Keys::from_bytes(&bytes).unwrap().to_bytes(), bytes);
        assert!(Keys::from_bytes(&bytes[1..]).is_err());
        assert!(keys.writer(crate::MAX_SIZE + 1).is_err());
    }

    proptest! {
        #[test]
        fn stamps_and_hashes_come_back(size in any::<u64>(), modified in any::<Option<u64>>(), hash in any::<[u8; 32]>()) {
            let stamp = SourceStamp { size, modified: modified.map(Timestamp::from_millis) };
            prop_assert_eq!(SourceStamp::from_bytes(&stamp.to_bytes()), Ok(stamp));
            let hash = SegmentHash::from_digest(Digest::from_bytes(hash));
            prop_assert_eq!(SegmentHash::from_bytes(&hash.to_bytes()), Ok(hash));
        }
    }
}
