//! History files that no honest device makes (protocol-spec/07-delivery, section 12): for tests of what is believed of one.

use amanat_identity::{DeviceChain, DeviceKeys};
use amanat_primitives::{ConversationId, DeviceId, MessageId, Timestamp, passphrase::WorkPolicy};
use amanat_wire::{Bytes, Encode as _, List, Text, TooLong, limits};
use zeroize::Zeroizing;

use crate::{
    HistoryPassphrase,
    history::{self, Audience, HistoryConversation, HistoryMessage, Piece},
    profile::Profile,
    rows::{Presence, ReactionRow},
};

/// A conversation in such a file.
pub struct ForgedConversation {
    /// Which.
    pub id: ConversationId,
    /// Its title.
    pub title: String,
    /// The other person's address.
    pub peer: String,
    /// Tier's number.
    pub tier: u8,
    /// What was said in it.
    pub messages: Vec<ForgedMessage>,
}

/// A message in it.
#[derive(Clone)]
pub struct ForgedMessage {
    /// Its id.
    pub id: MessageId,
    /// Its author's device.
    pub device: DeviceId,
    /// Its author's address.
    pub from: String,
    /// When.
    pub at: Timestamp,
    /// A content type's number.
    pub content_type: u16,
    /// The content.
    pub body: Vec<u8>,
    /// By whom, and what.
    pub reactions: Vec<(String, String)>,
    /// By whom.
    pub acknowledged: Vec<String>,
}

/// A file under a passphrase that this profile's device signs; none where something is longer than its field.
pub fn forge(
    profile: &Profile,
    passphrase: &str,
    now: Timestamp,
    conversations: Vec<ForgedConversation>,
) -> Option<Vec<u8>> {
    let author = (&profile.keys, &profile.chain);
    seal(&pieces(conversations)?, author, passphrase, &WorkPolicy::STANDARD, now)
}

/// The pieces of such a file, without the author's signature.
pub fn pieces(conversations: Vec<ForgedConversation>) -> Option<Vec<u8>> {
    let mut pieces = Vec::new();
    for said in conversations {
        pieces.extend_from_slice(&encoded(said).ok()?);
    }
    Some(pieces)
}

/// A file of these pieces, under a passphrase that costs nothing.
pub fn sealed(
    pieces: &[u8],
    (keys, chain): (&DeviceKeys, &DeviceChain),
    passphrase: &str,
    now: Timestamp,
) -> Option<Vec<u8>> {
    let chain = Bytes::new(chain.to_bytes()).ok()?;
    seal(pieces, (keys, &chain), passphrase, &WorkPolicy::FOR_TESTS, now)
}

fn seal(
    pieces: &[u8],
    author: (&DeviceKeys, &Bytes<{ limits::CHAIN }>),
    passphrase: &str,
    work: &WorkPolicy,
    now: Timestamp,
) -> Option<Vec<u8>> {
    let passphrase = HistoryPassphrase(Zeroizing::new(passphrase.to_owned()));
    let pieces = Zeroizing::new(pieces.to_vec());
    history::seal(pieces, author, &Audience::Passphrase(&passphrase), (work, now), &mut rand_core::OsRng).ok()
}

/// Whether these are the pieces of a file, whoever signed them.
pub fn reads(pieces: &[u8]) -> bool {
    history::decode_pieces(pieces).is_ok()
}

fn encoded(said: ForgedConversation) -> Result<Vec<u8>, TooLong> {
    let ForgedConversation { id, title, peer, tier, messages } = said;
    let conversation = HistoryConversation { id, title: Text::new(title)?, peer: Text::new(peer)?, tier };
    let mut out = Piece::Conversation(conversation).to_bytes();
    for said in messages {
        let reaction =
            |(from, text): (String, String)| Ok(ReactionRow { from: Text::new(from)?, text: Text::new(text)? });
        let reactions: Vec<_> = said.reactions.into_iter().map(reaction).collect::<Result<_, TooLong>>()?;
        let acknowledged: Vec<_> = said.acknowledged.into_iter().map(Text::new).collect::<Result<_, TooLong>>()?;
        let message = HistoryMessage {
            id: said.id,
            device: said.device,
            from: Text::new(said.from)?,
            name: Text::new("Somebody")?,
            at: said.at,
            content_type: said.content_type,
            body: Bytes::new(said.body)?,
            presence: Presence::Here,
            expires_at: None,
            edited: None,
            version: None,
            reactions: List::new(reactions)?,
            acknowledged: List::new(acknowledged)?,
        };
        out.extend_from_slice(&Piece::Message(message).to_bytes());
    }
    Ok(out)
}
