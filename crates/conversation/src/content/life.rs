//! What happens to a message after it was sent (protocol-spec/05-conversation, section 7): answers, reactions, edits,
//! deletions, acknowledgements, and a lifetime around what is sent.
//!
//! These are layouts alone. Who may do what to whose message is judged where the messages are kept (rules CONV-61 to
//! CONV-69).

use amanat_primitives::MessageId;
use amanat_wire::{Bytes, Decode, DecodeError, Encode, Reader, Text, TooLong, Writer, record};

use super::{BODY, Body, ContentType, TEXT};

/// Bytes of a reaction.
pub const REACTION: usize = 32;

record!(
    /// A text that answers a message.
    pub struct Reply {
        /// The message that it answers.
        to: MessageId,
        /// What it says.
        text: Text<TEXT>,
    }
);

record!(
    /// One person's reaction to a message; it takes the place of that person's earlier one.
    pub struct Reaction {
        /// The message.
        to: MessageId,
        /// A sign or a short word; empty takes the reaction back.
        text: Text<REACTION>,
    }
);

record!(
    /// A message's new text.
    pub struct Edit {
        /// The message.
        of: MessageId,
        /// What it says from now on.
        text: Text<TEXT>,
    }
);

record!(
    /// "Read and understood."
    pub struct Acknowledgement {
        /// The message that asked.
        of: MessageId,
        /// The content that was read: the message's own id, or that of its last edit.
        version: MessageId,
    }
);

/// What is sent with a lifetime: a text, a document, a reply, or a request for acknowledgement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expiring {
    seconds: u32,
    inner: Box<Body>,
}

impl Expiring {
    /// `inner`, to be removed everywhere `seconds` after it was sent; `None` for no time at all, and for a body that
    /// is no message of its own. `[CONV-60]`
    #[must_use]
    pub fn new(seconds: u32, inner: Body) -> Option<Self> {
        (seconds > 0 && may_expire(inner.content_type())).then(|| Self { seconds, inner: Box::new(inner) })
    }

    /// How long it stays after it was sent.
    #[must_use]
    pub fn lifetime(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.seconds.into())
    }

    /// What is sent.
    #[must_use]
    pub fn inner(&self) -> &Body {
        &self.inner
    }

    /// Takes it apart.
    #[must_use]
    pub fn into_inner(self) -> Body {
        *self.inner
    }

    /// `uint32 seconds; uint16 content_type; opaque body<0..131072>`.
    pub(super) fn to_body(&self) -> Result<Bytes<BODY>, TooLong> {
        let mut w = Writer::default();
        self.seconds.encode(&mut w);
        self.inner.content_type().0.encode(&mut w);
        self.inner.to_body()?.encode(&mut w);
        Bytes::new(w.into_bytes())
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let seconds = u32::decode(&mut r)?;
        let content_type = ContentType(u16::decode(&mut r)?);
        let body = Bytes::<BODY>::decode(&mut r)?;
        if r.remaining() > 0 || !may_expire(content_type) {
            return Err(DecodeError::Invalid("expiring content"));
        }
        Self::new(seconds, Body::read(content_type, &body)?).ok_or(DecodeError::Invalid("expiring content"))
    }
}

/// Only messages of their own; above all not another lifetime.
fn may_expire(content_type: ContentType) -> bool {
    [ContentType::TEXT, ContentType::REPLY, ContentType::ACKNOWLEDGE].contains(&content_type)
        || content_type.is_document()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: MessageId = MessageId::from_bytes([7; 16]);

    fn bodies() -> Vec<Body> {
        let text = || Body::text("summary خلاصہ").unwrap();
        vec![
            Body::Reply(Reply { to: ID, text: Text::new("seen").unwrap() }),
            Body::Reaction(Reaction { to: ID, text: Text::new("👍").unwrap() }),
            Body::Reaction(Reaction { to: ID, text: Text::default() }),
            Body::Edit(Edit { of: ID, text: Text::new("corrected").unwrap() }),
            Body::Delete(ID),
            Body::AskAcknowledgement(Text::new("read this").unwrap()),
            Body::AskDocumentAcknowledgement(Bytes::new(b"a manifest".as_slice()).unwrap()),
            Body::Acknowledgement(Acknowledgement { of: ID, version: MessageId::from_bytes([8; 16]) }),
            Body::Expiring(Expiring::new(3600, text()).unwrap()),
            Body::Expiring(Expiring::new(1, Body::AskDocumentAcknowledgement(Bytes::default())).unwrap()),
        ]
    }

    #[test]
    fn each_has_one_encoding() {
        for body in bodies() {
            let bytes = body.to_body().unwrap();
            let content_type = body.content_type();
            assert_eq!(Body::read(content_type, &bytes), Ok(body.clone()));
            let longer = [&bytes[..], &[0]].concat();
            if !body.content_type().asks_acknowledgement() {
                assert!(Body::read(content_type, &longer).is_err(), "{body:?}");
                assert!(Body::read(content_type, &bytes[..bytes.len() - 1]).is_err(), "{body:?}");
            }
        }
    }

    #[test]
    fn a_reaction_is_short() {
        let long = [ID.to_bytes(), vec![REACTION as u8 + 1], vec![b'x'; REACTION + 1]].concat();
        assert_eq!(Body::read(ContentType::REACTION, &long), Err(DecodeError::TooLong { limit: REACTION }));
    }

    // [CONV-60]
    #[test]
    fn only_messages_expire_once_and_after_some_time() {
        let text = || Body::text("x").unwrap();
        assert_eq!(Expiring::new(0, text()), None);
        let inner = Expiring::new(60, text()).unwrap();
        assert_eq!(inner.lifetime(), std::time::Duration::from_secs(60));
        assert_eq!(Expiring::new(60, Body::Expiring(inner.clone())), None);
        assert_eq!(Expiring::new(60, Body::Delete(ID)), None);
        let raw = |seconds: u32, content_type: ContentType, body: &[u8]| {
            let mut w = Writer::default();
            seconds.encode(&mut w);
            content_type.0.encode(&mut w);
            Bytes::<BODY>::new(body).unwrap().encode(&mut w);
            Body::read(ContentType::EXPIRING, &w.into_bytes())
        };
        assert!(raw(60, ContentType::TEXT, b"x").is_ok());
        assert!(raw(0, ContentType::TEXT, b"x").is_err());
        assert!(raw(60, ContentType::EXPIRING, &inner.to_body().unwrap()).is_err());
        assert!(raw(60, ContentType::RECEIPT, b"\0").is_err());
        assert!(raw(60, ContentType(999), b"x").is_err());
        assert!(raw(60, ContentType::TEXT, &[0xff]).is_err());
    }
}
