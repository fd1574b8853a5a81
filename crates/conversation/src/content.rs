//! Content (protocol-spec/05-conversation, section 7): what stands inside the ciphertext of a message.
//!
//! The part called `fixed` is made once, when a message is queued, and never changes, so that a message encrypted again
//! is the same message. The sender's place in the log is added when it is encrypted.

mod life;

use amanat_primitives::{
    ConversationId, DeviceId, Digest, Label, MessageId, MessageSeed, Timestamp, hash, sign::Signature,
};
use amanat_wire::{Bytes, Decode, DecodeError, Encode, List, Reader, Text, TooLong, Writer, record};

pub use life::{Acknowledgement, Edit, Expiring, REACTION, Reaction, Reply};

/// The only version of content frames so far.
pub const VERSION: u8 = 1;
/// Bytes of a content's body.
pub const BODY: usize = 128 * 1024;
/// Bytes of a text.
pub const TEXT: usize = 64 * 1024;
/// Bytes of a title.
pub const TITLE: usize = 256;
/// Senders named in one receipt.
pub const RECEIPT_LINES: usize = 1024;

/// What a content's body is. Numbers that this version does not know are kept and shown as "needs a newer version".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ContentType(pub u16);

macro_rules! content_types {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        impl ContentType {
            $($(#[$doc])* pub const $name: Self = Self($number);)*
            /// Every registered type with its name.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$name, $text)),*];
        }
    };
}

// The registry. A number is given once and never reused; 0xF000 and above are for private use.
content_types! {
    /// UTF-8 text.
    TEXT = 1, "text";
    /// A document's manifest (chapter 06).
    DOCUMENT = 2, "document";
    /// What was delivered and read.
    RECEIPT = 3, "receipt";
    /// The conversation's title.
    TITLE = 4, "title";
    /// An answer to a message.
    REPLY = 5, "reply";
    /// A reaction to a message.
    REACTION = 6, "reaction";
    /// A message's new text.
    EDIT = 7, "edit";
    /// A message taken back.
    DELETE = 8, "delete";
    /// A message with a lifetime around it.
    EXPIRING = 9, "expiring";
    /// A text that asks to be acknowledged.
    ACKNOWLEDGE = 10, "acknowledgement request";
    /// An explicit acknowledgement.
    ACKNOWLEDGED = 11, "acknowledgement";
    /// Reserved: between devices of one person.
    OWN_DEVICE = 12, "own-device note";
    /// Reserved: where other shared conversations stand.
    HEADS = 13, "heads";
    /// A member asks to be removed.
    LEAVE = 14, "leave request";
    /// Reserved: a device could not process a commit and asks to be added again.
    ADD_AGAIN = 15, "request to be added again";
    /// A document that asks to be acknowledged.
    ACKNOWLEDGE_DOCUMENT = 16, "acknowledgement request of a document";
}

impl ContentType {
    /// Its body is a manifest.
    #[must_use]
    pub fn is_document(self) -> bool {
        [Self::DOCUMENT, Self::ACKNOWLEDGE_DOCUMENT].contains(&self)
    }

    /// It asks to be acknowledged.
    #[must_use]
    pub fn asks_acknowledgement(self) -> bool {
        [Self::ACKNOWLEDGE, Self::ACKNOWLEDGE_DOCUMENT].contains(&self)
    }
}

record!(
    /// The part of a frame that is fixed when the message is queued.
    pub struct Content {
        /// [`VERSION`].
        version: u8,
        /// What [`Content::id`] is made from, the same however often it is encrypted.
        seed: MessageSeed,
        /// Counts this sender's contents in this conversation: 1, 2, 3 without gaps, from when it was last added.
        counter: u64,
        /// [`Content::digest`] of this sender's content before this one; zero for the first.
        previous: Digest,
        /// Contents before this one, among those that `counter` counts, that are no receipts: receipts are kept for a day
        /// only, and whoever finds them gone knows by this that nothing else is.
        lasting: u64,
        /// The sender's clock when the message was queued.
        sent_at: Timestamp,
        /// A [`ContentType`]'s number.
        content_type: u16,
        /// As the content type says.
        body: Bytes<BODY>,
    }
);

record!(
    /// The plaintext of an application message.
    pub struct Frame {
        /// Fixed when queued.
        fixed: Content,
        /// Log position of the last entry that the sender had processed when it encrypted this.
        position: u64,
        /// The running hash R at that position.
        running: Digest,
    }
);

/// Why a decrypted message cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The sender's program is newer than this one.
    #[error("the message needs a newer version of this program (frame version {0})")]
    NewerVersion(u8),
    /// It breaks the layout of its own version.
    #[error("the message is malformed: {0}")]
    Malformed(#[from] DecodeError),
}

impl Content {
    /// The message's name, where `sender` sends it in `conversation`. [PRIM-20]
    #[must_use]
    pub fn id(&self, conversation: ConversationId, sender: DeviceId) -> MessageId {
        MessageId::of(conversation, sender, self.seed)
    }

    /// Whether it counts among [`lasting`](Self::lasting) contents.
    #[must_use]
    pub fn lasts(&self) -> bool {
        self.content_type != ContentType::RECEIPT.0
    }

    /// The hash by which the sender's next content names this one.
    #[must_use]
    pub fn digest(&self) -> Digest {
        hash::digest(Label::CONTENT_FRAME, &[&self.to_bytes()])
    }

    /// The body, read as its content type says.
    ///
    /// # Errors
    /// [`DecodeError`] where a known type's body breaks its layout.
    pub fn body(&self) -> Result<Body, DecodeError> {
        Body::read(ContentType(self.content_type), &self.body)
    }
}

impl Frame {
    /// Reads a plaintext. `[CONV-30]`
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn open(plaintext: &[u8]) -> Result<Self, FrameError> {
        match plaintext.first() {
            Some(&VERSION) => {}
            Some(&version) => return Err(FrameError::NewerVersion(version)),
            None => return Err(FrameError::Malformed(DecodeError::CutShort)),
        }
        let frame = Self::from_bytes(plaintext)?;
        if frame.fixed.counter == 0 {
            return Err(FrameError::Malformed(DecodeError::Invalid("counter")));
        }
        if frame.fixed.lasting >= frame.fixed.counter {
            return Err(FrameError::Malformed(DecodeError::Invalid("lasting")));
        }
        Ok(frame)
    }
}

record!(
    /// One sender's line of a receipt.
    pub struct ReceiptLine {
        /// Whose messages.
        device: DeviceId,
        /// `lasting` of the first content that this device took in of it: 0 where it has seen all from the start.
        begins: u64,
        /// All of that sender's contents from there up to this counter are durable here.
        delivered: u64,
        /// All up to this one have been shown; at most `delivered`.
        read: u64,
    }
);

/// A cumulative receipt: a line for each sender, in ascending order of device id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt(List<ReceiptLine, RECEIPT_LINES>);

impl Receipt {
    /// From lines in any order; of two for one sender the later counts.
    ///
    /// # Errors
    /// [`TooLong`] for more than [`RECEIPT_LINES`] senders.
    pub fn new(lines: impl IntoIterator<Item = ReceiptLine>) -> Result<Self, TooLong> {
        let by_device: std::collections::BTreeMap<_, _> = lines.into_iter().map(|line| (line.device, line)).collect();
        let clamp = |line: ReceiptLine| ReceiptLine { read: line.read.min(line.delivered), ..line };
        Ok(Self(List::new(by_device.into_values().map(clamp).collect::<Vec<_>>())?))
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[ReceiptLine] {
        &self.0
    }
}

impl Encode for Receipt {
    fn encode(&self, w: &mut Writer) {
        self.0.encode(w);
    }
}
impl Decode for Receipt {
    // [CONV-31] One line a sender, in order, nothing read that was not delivered.
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let lines = List::<ReceiptLine, RECEIPT_LINES>::decode(r)?;
        let ascending = lines.iter().zip(lines.iter().skip(1)).all(|(a, b)| a.device < b.device);
        if !ascending || lines.iter().any(|line| line.read > line.delivered) {
            return Err(DecodeError::Invalid("receipt"));
        }
        Ok(Self(lines))
    }
}

/// A content's body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// A text.
    Text(Text<TEXT>),
    /// A document's manifest, for `amanat-document` to read.
    Document(Bytes<BODY>),
    /// What was delivered and read.
    Receipt(Receipt),
    /// The conversation's title.
    Title(Text<TITLE>),
    /// Its sender asks to be removed: what [`Conversation::ask_to_leave`](crate::Conversation::ask_to_leave) signed.
    Leave(Signature),
    /// A text that answers a message.
    Reply(Reply),
    /// A reaction to a message.
    Reaction(Reaction),
    /// A message's new text.
    Edit(Edit),
    /// Take this message back.
    Delete(MessageId),
    /// A text that asks to be acknowledged.
    AskAcknowledgement(Text<TEXT>),
    /// A document's manifest, which asks to be acknowledged.
    AskDocumentAcknowledgement(Bytes<BODY>),
    /// "Read and understood."
    Acknowledgement(Acknowledgement),
    /// One of the above that goes after a while.
    Expiring(Expiring),
    /// Something this version does not know; kept as it came.
    Newer(ContentType, Bytes<BODY>),
}

impl Body {
    /// A text.
    ///
    /// # Errors
    /// [`TooLong`] above [`TEXT`] bytes.
    pub fn text(text: impl Into<String>) -> Result<Self, TooLong> {
        Ok(Self::Text(Text::new(text)?))
    }

    /// A title.
    ///
    /// # Errors
    /// [`TooLong`] above [`TITLE`] bytes.
    pub fn title(title: impl Into<String>) -> Result<Self, TooLong> {
        Ok(Self::Title(Text::new(title)?))
    }

    /// Its content type.
    #[must_use]
    pub fn content_type(&self) -> ContentType {
        match self {
            Self::Text(_) => ContentType::TEXT,
            Self::Document(_) => ContentType::DOCUMENT,
            Self::Receipt(_) => ContentType::RECEIPT,
            Self::Title(_) => ContentType::TITLE,
            Self::Leave(_) => ContentType::LEAVE,
            Self::Reply(_) => ContentType::REPLY,
            Self::Reaction(_) => ContentType::REACTION,
            Self::Edit(_) => ContentType::EDIT,
            Self::Delete(_) => ContentType::DELETE,
            Self::AskAcknowledgement(_) => ContentType::ACKNOWLEDGE,
            Self::AskDocumentAcknowledgement(_) => ContentType::ACKNOWLEDGE_DOCUMENT,
            Self::Acknowledgement(_) => ContentType::ACKNOWLEDGED,
            Self::Expiring(_) => ContentType::EXPIRING,
            Self::Newer(content_type, _) => *content_type,
        }
    }

    /// Its bytes.
    ///
    /// # Errors
    /// [`TooLong`] above [`BODY`]: of the known types, only where a lifetime is put around a document of that size.
    pub fn to_body(&self) -> Result<Bytes<BODY>, TooLong> {
        match self {
            Self::Text(text) | Self::AskAcknowledgement(text) => Bytes::new(text.as_bytes()),
            Self::Title(title) => Bytes::new(title.as_bytes()),
            Self::Receipt(receipt) => Bytes::new(receipt.to_bytes()),
            Self::Leave(signature) => Bytes::new(signature.to_bytes()),
            Self::Reply(reply) => Bytes::new(reply.to_bytes()),
            Self::Reaction(reaction) => Bytes::new(reaction.to_bytes()),
            Self::Edit(edit) => Bytes::new(edit.to_bytes()),
            Self::Delete(message) => Bytes::new(message.to_bytes()),
            Self::Acknowledgement(acknowledgement) => Bytes::new(acknowledgement.to_bytes()),
            Self::Expiring(expiring) => expiring.to_body(),
            Self::Document(bytes) | Self::AskDocumentAcknowledgement(bytes) | Self::Newer(_, bytes) => {
                Ok(bytes.clone())
            }
        }
    }

    /// The body of a content of this type.
    ///
    /// # Errors
    /// [`DecodeError`] where a known type's body breaks its layout.
    pub fn read(content_type: ContentType, body: &[u8]) -> Result<Self, DecodeError> {
        let text = |what| std::str::from_utf8(body).map_err(|_| DecodeError::Invalid(what));
        let too_long = |TooLong { limit }| DecodeError::TooLong { limit };
        match content_type {
            ContentType::TEXT => Self::text(text("text")?).map_err(too_long),
            ContentType::TITLE => Self::title(text("title")?).map_err(too_long),
            ContentType::RECEIPT => Ok(Self::Receipt(Receipt::from_bytes(body)?)),
            ContentType::REPLY => Ok(Self::Reply(Reply::from_bytes(body)?)),
            ContentType::REACTION => Ok(Self::Reaction(Reaction::from_bytes(body)?)),
            ContentType::EDIT => Ok(Self::Edit(Edit::from_bytes(body)?)),
            ContentType::DELETE => Ok(Self::Delete(<MessageId as Decode>::from_bytes(body)?)),
            ContentType::ACKNOWLEDGE => {
                Ok(Self::AskAcknowledgement(Text::new(text("acknowledgement request")?).map_err(too_long)?))
            }
            ContentType::ACKNOWLEDGED => Ok(Self::Acknowledgement(Acknowledgement::from_bytes(body)?)),
            ContentType::EXPIRING => Ok(Self::Expiring(Expiring::read(body)?)),
            ContentType::DOCUMENT => Ok(Self::Document(Bytes::new(body).map_err(too_long)?)),
            ContentType::ACKNOWLEDGE_DOCUMENT => {
                Ok(Self::AskDocumentAcknowledgement(Bytes::new(body).map_err(too_long)?))
            }
            ContentType::LEAVE => Ok(Self::Leave(<Signature as Decode>::from_bytes(body)?)),
            newer => Ok(Self::Newer(newer, Bytes::new(body).map_err(too_long)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body() -> impl Strategy<Value = Body> {
        let line = (any::<[u8; 32]>(), any::<[u64; 3]>()).prop_map(|(device, [begins, delivered, read])| ReceiptLine {
            begins,
            device: DeviceId::from_bytes(device),
            delivered,
            read,
        });
        prop_oneof![
            ".{0,80}".prop_map(|text| Body::text(text).unwrap()),
            ".{0,20}".prop_map(|title| Body::title(title).unwrap()),
            proptest::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| Body::Document(Bytes::new(bytes).unwrap())),
            proptest::collection::vec(line, 0..6).prop_map(|lines| Body::Receipt(Receipt::new(lines).unwrap())),
            (0xF000u16.., proptest::collection::vec(any::<u8>(), 0..50))
                .prop_map(|(number, bytes)| Body::Newer(ContentType(number), Bytes::new(bytes).unwrap())),
        ]
    }

    fn frame() -> impl Strategy<Value = Frame> {
        (any::<([u8; 16], [u8; 32], u64, u64, [u8; 32])>(), 1u64.., body()).prop_map(|(random, counter, body)| Frame {
            fixed: Content {
                version: VERSION,
                seed: MessageSeed::from_bytes(random.0),
                counter,
                previous: Digest::from_bytes(random.1),
                lasting: counter - 1,
                sent_at: Timestamp::from_millis(random.2),
                content_type: body.content_type().0,
                body: body.to_body().unwrap(),
            },
            position: random.3,
            running: Digest::from_bytes(random.4),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        // [CONV-30]
        #[test]
        fn a_frame_has_one_encoding(frame in frame(), flip in any::<(prop::sample::Index, u8)>()) {
            let bytes = frame.to_bytes();
            prop_assert_eq!(Frame::open(&bytes).unwrap(), frame.clone());
            let body = frame.fixed.body().unwrap();
            prop_assert_eq!(body.to_body().unwrap(), frame.fixed.body.clone());
            for cut in 0..bytes.len() {
                prop_assert!(Frame::open(&bytes[..cut]).is_err());
            }
            prop_assert!(Frame::open(&[bytes.as_slice(), &[0]].concat()).is_err());
            let mut other = bytes.clone();
            let at = flip.0.index(other.len());
            other[at] ^= flip.1;
            if let Ok(read) = Frame::open(&other) {
                prop_assert_eq!(read.to_bytes(), other.clone());
                // The digest covers the fixed part and nothing else.
                prop_assert_eq!(read.fixed.digest() == frame.fixed.digest(), read.fixed == frame.fixed);
            }
        }
    }

    // [CONV-30]
    #[test]
    fn a_newer_version_and_a_zero_counter_are_refused_by_name() {
        assert_eq!(Frame::open(&[2, 9, 9]), Err(FrameError::NewerVersion(2)));
        assert_eq!(Frame::open(&[]), Err(FrameError::Malformed(DecodeError::CutShort)));
        let content = Content {
            version: VERSION,
            seed: MessageSeed::from_bytes([1; 16]),
            counter: 0,
            previous: Digest::ZERO,
            lasting: 0,
            sent_at: Timestamp::default(),
            content_type: 1,
            body: Bytes::default(),
        };
        let opened = |counter, lasting| {
            let fixed = Content { counter, lasting, ..content.clone() };
            Frame::open(&Frame { fixed, position: 0, running: Digest::ZERO }.to_bytes()).map(drop)
        };
        assert_eq!(opened(0, 0), Err(FrameError::Malformed(DecodeError::Invalid("counter"))));
        assert_eq!(opened(2, 2), Err(FrameError::Malformed(DecodeError::Invalid("lasting"))));
        assert_eq!(opened(2, 1), Ok(()));
    }

    // [CONV-31]
    #[test]
    fn receipts_are_sorted_single_and_honest() {
        let line =
            |n: u8, delivered, read| ReceiptLine { device: DeviceId::from_bytes([n; 32]), begins: 7, delivered, read };
        let receipt = Receipt::new([line(2, 5, 9), line(1, 1, 0), line(2, 6, 9)]).unwrap();
        assert_eq!(receipt.lines(), [line(1, 1, 0), line(2, 6, 6)]);
        for bad in [vec![line(2, 1, 1), line(1, 1, 1)], vec![line(1, 1, 1), line(1, 2, 2)], vec![line(1, 1, 2)]] {
            let bytes = List::<ReceiptLine, 9>::new(bad).unwrap().to_bytes();
            assert_eq!(Receipt::from_bytes(&bytes), Err(DecodeError::Invalid("receipt")));
        }
    }

    #[test]
    fn each_number_of_the_registry_is_given_once() {
        for (i, (a, name)) in ContentType::ALL.iter().enumerate() {
            assert!(ContentType::ALL.iter().skip(i + 1).all(|(b, other)| a != b && name != other));
            assert!(a.0 < 0xF000);
        }
    }

    #[test]
    fn limits_of_bodies_are_kept() {
        assert!(Body::text("x".repeat(TEXT)).is_ok());
        assert_eq!(Body::text("x".repeat(TEXT + 1)), Err(TooLong { limit: TEXT }));
        assert!(Body::read(ContentType::TEXT, &vec![b'x'; TEXT + 1]).is_err());
        assert!(Body::read(ContentType::TITLE, &[b'x'; TITLE + 1]).is_err());
        assert_eq!(Body::read(ContentType::TEXT, &[0xff]), Err(DecodeError::Invalid("text")));
    }
}
