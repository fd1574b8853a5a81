//! Manifest (protocol-spec/06-document, section 5): what the members of a conversation are told about a document. It
//! travels in the conversation's ciphertext; whoever holds it can read the document.

use std::fmt;

use amanat_primitives::{ConversationId, DeviceId, Digest, DocumentId};
use amanat_wire::{Bytes, Decode, DecodeError, Encode, List, Reader, Text, Writer, log::RetentionClass};

use crate::{
    Verifier,
    layout::Layout,
    name::{SafeName, safe_name},
    payload::{FileKey, PayloadNonce},
    segment::SegmentReader,
};

/// Version of the manifest's encoding.
pub const MANIFEST_VERSION: u8 = 1;
/// Bytes of a document's name as its sender gave it.
pub const NAME_MAX: usize = 255;
/// Bytes of a media type.
pub const MEDIA_TYPE_MAX: usize = 127;
/// Bytes of one caveat.
pub const CAVEAT_MAX: usize = 64;
/// Caveats of one document.
pub const CAVEATS_MAX: usize = 16;
/// Bytes of the marks.
pub const MARKS_MAX: usize = 4096;

/// What the members are told. The number of segments follows from the size; on the wire it stands beside it and is
/// checked.
pub struct Manifest {
    /// The document's id, which the relay knows too.
    pub document: DocumentId,
    /// Its name as the sender gave it.
    pub name: ClaimedName,
    /// What the sender says it is. For showing only.
    pub media_type: MediaType,
    /// Its size and all that follows from it.
    pub layout: Layout,
    /// Its secret.
    pub file_key: FileKey,
    /// Its payload's salt.
    pub nonce: PayloadNonce,
    /// BLAKE3 of the plaintext, as `b3sum` prints it.
    pub digest: Digest,
    /// Its tier, as a number of the authority's policy.
    pub tier: u8,
    /// Handling caveats, to be shown with it.
    pub caveats: List<Text<CAVEAT_MAX>, CAVEATS_MAX>,
    /// Reserved for per-recipient marks; empty in this version's own manifests, carried unread.
    pub marks: Bytes<MARKS_MAX>,
    /// How long the relay keeps the segments.
    pub class: RetentionClass,
}

impl Manifest {
    /// Whether its id is that of a document which `sender` sends in `conversation`. [PRIM-20]
    #[must_use]
    pub fn is_of(&self, conversation: ConversationId, sender: DeviceId) -> bool {
        self.document == DocumentId::of(conversation, sender, self.nonce.as_bytes())
    }

    /// A reader at the first segment.
    #[must_use]
    pub fn reader(&self) -> SegmentReader {
        SegmentReader::new(self.layout, &self.file_key, self.nonce)
    }

    /// A reader that goes on where an earlier one stopped: see [`SegmentReader::resume`].
    #[must_use]
    pub fn reader_at(&self, next: u64, carry: &[u8]) -> Option<SegmentReader> {
        SegmentReader::resume(self.layout, &self.file_key, self.nonce, next, carry)
    }

    /// What is to be fed the plaintext.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        Verifier::new(self)
    }
}

impl fmt::Debug for Manifest {
    /// Prints the id alone, which the relay knows too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manifest").field("document", &self.document).finish_non_exhaustive()
    }
}

/// ```text
/// struct {
///   uint8 version = 1;
///   DocumentId document;              // opaque[16]
///   opaque name<0..255>;              // UTF-8
///   opaque media_type<0..127>;        // type "/" subtype
///   uint64 size;                      // 0..1,099,243,192,320
///   opaque file_key[16];
///   opaque payload_nonce[16];
///   opaque blake3[32];                // of the plaintext
///   uint8 tier;
///   Caveat caveats<0..16>;            // uint16 count, each opaque<0..64>, UTF-8
///   opaque marks<0..4096>;
///   uint64 segments;                  // = ceil(payload length / 1 MiB)
///   RetentionClass class;             // uint8 1..5
/// } Manifest;
/// ```
impl Encode for Manifest {
    fn encode(&self, w: &mut Writer) {
        MANIFEST_VERSION.encode(w);
        self.document.encode(w);
        self.name.0.encode(w);
        self.media_type.0.encode(w);
        self.layout.size().encode(w);
        self.file_key.encode(w);
        self.nonce.encode(w);
        self.digest.encode(w);
        self.tier.encode(w);
        self.caveats.encode(w);
        self.marks.encode(w);
        self.layout.segments().encode(w);
        self.class.encode(w);
    }
}

impl Decode for Manifest {
    // [DOC-13] Every field has its limit, and what follows from the size must agree with it.
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = u8::decode(r)?;
        if version != MANIFEST_VERSION {
            return Err(DecodeError::UnknownKind(u16::from(version)));
        }
        let document = DocumentId::decode(r)?;
        let name = ClaimedName(Text::decode(r)?);
        let media_type =
            MediaType::new(&Text::<MEDIA_TYPE_MAX>::decode(r)?).ok_or(DecodeError::Invalid("media type"))?;
        let layout = Layout::new(u64::decode(r)?).map_err(|_| DecodeError::Invalid("document size"))?;
        let file_key = FileKey::decode(r)?;
        let nonce = PayloadNonce::decode(r)?;
        let digest = Digest::decode(r)?;
        let tier = u8::decode(r)?;
        let caveats = List::decode(r)?;
        let marks = Bytes::decode(r)?;
        if u64::decode(r)? != layout.segments() {
            return Err(DecodeError::Invalid("number of segments"));
        }
        let class = RetentionClass::decode(r)?;
        Ok(Self { document, name, media_type, layout, file_key, nonce, digest, tier, caveats, marks, class })
    }
}

/// A name as its sender gave it: anything at all. Only its safe form can be had.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimedName(Text<NAME_MAX>);

impl ClaimedName {
    /// The name that this side sends.
    #[must_use]
    pub fn of(name: &SafeName) -> Self {
        // A safe name is shorter than the limit.
        Self(Text::new(name.as_str()).unwrap_or_default())
    }

    /// What may be shown and written.
    #[must_use]
    pub fn safe(&self) -> SafeName {
        safe_name(&self.0) // [DOC-14]
    }
}

impl fmt::Debug for ClaimedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A media type of RFC 6838: `type "/" subtype`, lower case, without parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MediaType(Text<MEDIA_TYPE_MAX>);

impl MediaType {
    /// What a document is whose kind is not known.
    #[must_use]
    pub fn unknown() -> Self {
        Self(Text::new("application/octet-stream").unwrap_or_default())
    }

    /// This type, if it is one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let (kind, subtype) = text.split_once('/')?;
        let token = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$&-^_.+".contains(&b))
        };
        (token(kind) && token(subtype)).then(|| Text::new(text).ok().map(Self))?
    }

    /// The type's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests;
