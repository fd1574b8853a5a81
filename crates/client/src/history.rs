//! History files (protocol-spec/07-delivery, section 12): messages in a file, for another device of the same person or
//! under a passphrase.
//!
//! ```text
//! opaque magic[8] = "amanatHI"; uint8 version = 1; Header header<..>; opaque nonce[16]; opaque chunks<..>;
//! plaintext = Piece*, the last of which is the author's signature, label "history file", over
//!             BLAKE3(header) || BLAKE3(all pieces before)
//! ```
//! The chunks are a document's payload (chapter 06, section 2) under a fresh file key. The key is sealed to the reader's
//! certified keys (chapter 04, section 8), or stands in a PassphraseBox. Nothing of a file is used before all of it has
//! been verified. What is in it: messages and manifests. What is not: keys of conversations, MLS state, contents of
//! documents.

use std::fmt;

use amanat_document::{
    FileKey, PayloadDecryptor, PayloadNonce,
    payload::{NONCE_LEN, PayloadEncryptor, SEALED_CHUNK_LEN},
};
use amanat_identity::{Authority, DeviceChain, DeviceKeys, VerifiedDevice};
use amanat_noise::SealedKey;
use amanat_primitives::{
    ConversationId, DeviceId, Digest, Label, MessageId, Secret, Timestamp,
    hash::{self, StreamHasher},
    passphrase::{self, UnlockError, WorkPolicy},
    sign::Signature,
};
use amanat_wire::{Bytes, Decode as _, Encode as _, List, Reader, Text, choice, limits, record};
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use crate::rows::{PEOPLE, Presence, ReactionRow};

const MAGIC: &[u8; 9] = b"amanatHI\x01";
/// Bytes of one file, in the clear and sealed.
pub const FILE: usize = 96 * 1024 * 1024;
/// Conversations in one file.
const CONVERSATIONS: usize = 10_000;
/// Messages in one file.
const MESSAGES: usize = 250_000;
/// Reactions and acknowledgements in one file, which take several times their bytes once they are decoded.
const SAYINGS: usize = 1_000_000;
/// Bytes of a sealed key or a PassphraseBox.
const KEY: usize = 4096;

/// A passphrase of a history file. `Debug` shows nothing of it; it is a part of a [`Command`](crate::Command), which can be
/// cloned and printed.
#[derive(Clone)]
pub struct HistoryPassphrase(pub Zeroizing<String>);

impl fmt::Debug for HistoryPassphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HistoryPassphrase")
    }
}

record!(
    /// Who made the file, for whom, and its key.
    pub(crate) struct Header {
        /// When.
        made_at: Timestamp,
        /// The author's `DeviceChain`.
        author: Bytes<{ limits::CHAIN }>,
        /// For which device; none for a file under a passphrase.
        reader: Option<DeviceId>,
        /// A `SealedKey`, or a PassphraseBox.
        key: Bytes<KEY>,
    }
);

record!(
    /// A conversation, before its messages.
    pub(crate) struct HistoryConversation {
        /// Which.
        id: ConversationId,
        /// Title; empty for a 1:1.
        title: Text<256>,
        /// The other person's address in a 1:1; empty for a group.
        peer: Text<256>,
        /// Tier's number.
        tier: u8,
    }
);

record!(
    /// A message as it is now.
    pub(crate) struct HistoryMessage {
        /// Its id.
        id: MessageId,
        /// Author's device.
        device: DeviceId,
        /// Author's address.
        from: Text<256>,
        /// Author's name.
        name: Text<128>,
        /// Author's clock.
        at: Timestamp,
        /// Content type (chapter 05).
        content_type: u16,
        /// Content; of a document its manifest; empty where it is gone.
        body: Bytes<{ limits::BODY }>,
        /// Whether its content is still there.
        presence: Presence,
        /// When it is to be removed.
        expires_at: Option<Timestamp>,
        /// When it was last edited.
        edited: Option<Timestamp>,
        /// The content that holds its last edit.
        version: Option<MessageId>,
        /// Reactions.
        reactions: List<ReactionRow, PEOPLE>,
        /// Who acknowledged it.
        acknowledged: List<Text<256>, PEOPLE>,
    }
);

choice!(
    /// A piece of the plaintext.
    pub(crate) enum Piece: u8 {
        /// What follows is this one's.
        1 => Conversation(HistoryConversation),
        /// A message.
        2 => Message(HistoryMessage),
        /// The end: the author's signature.
        3 => End(Signature),
    }
);

/// Why a history file is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HistoryError {
    /// None of ours, or cut short, or altered.
    #[error("the file is no history file, or is damaged")]
    Damaged,
    /// Made for another device, or needs a passphrase, or has none.
    #[error("the file is for another device, or of the other kind")]
    NotForThis,
    /// Its key is not for this header.
    #[error("the file's key is another one's")]
    Key,
    /// What is in it is not what its author signed.
    #[error("the file is not what its author signed")]
    Signature,
    /// Its author's certificate is not believed.
    #[error("the certificate of the device that made the file is not believed")]
    Author,
    /// It is larger than a file may be.
    #[error("there is more than one file may hold")]
    TooLarge,
    /// Its passphrase.
    #[error(transparent)]
    Passphrase(#[from] UnlockError),
}

/// For whom a file is made, or who reads it.
pub(crate) enum Audience<'a> {
    /// A device.
    Device(&'a VerifiedDevice),
    /// Whoever has the passphrase.
    Passphrase(&'a HistoryPassphrase),
}

/// A file whose header was read and whose author is certified. Who that is should be judged before it is opened.
pub(crate) struct Sealed<'a> {
    header: Header,
    author: VerifiedDevice,
    nonce: PayloadNonce,
    chunks: &'a [u8],
}

/// What a file holds, verified.
pub(crate) type Conversations = Vec<(HistoryConversation, Vec<HistoryMessage>)>;

/// What is in a file so far, which has limits. [DELIV-220]
#[derive(Default)]
pub(crate) struct Tally {
    conversations: usize,
    messages: usize,
    sayings: usize,
}

impl Tally {
    /// One piece more.
    pub(crate) fn add(&mut self, piece: &Piece) -> Result<(), HistoryError> {
        match piece {
            Piece::Conversation(_) => self.conversations += 1,
            Piece::Message(message) => {
                self.messages += 1;
                self.sayings += message.reactions.len() + message.acknowledged.len();
            }
            Piece::End(_) => {}
        }
        let over = self.conversations > CONVERSATIONS || self.messages > MESSAGES || self.sayings > SAYINGS;
        if over { Err(HistoryError::TooLarge) } else { Ok(()) }
    }
}

fn context(header: &Header) -> Digest {
    let bare = Header { key: Bytes::default(), ..header.clone() };
    hash::digest(Label::HISTORY_HEADER, &[&bare.to_bytes()])
}

fn to_be_signed(header: &Header, pieces: &[u8]) -> Vec<u8> {
    let digest = |bytes: &[u8]| {
        let mut hasher = StreamHasher::new();
        hasher.update(bytes);
        hasher.finish()
    };
    [*digest(&header.to_bytes()).as_bytes(), *digest(pieces).as_bytes()].concat()
}

/// Seals pieces into a file.
pub(crate) fn seal(
    pieces: Zeroizing<Vec<u8>>,
    (keys, chain): (&DeviceKeys, &Bytes<{ limits::CHAIN }>),
    audience: &Audience<'_>,
    (work, now): (&WorkPolicy, Timestamp),
    random: &mut dyn CryptoRngCore,
) -> Result<Vec<u8>, HistoryError> {
    let reader = match audience {
        Audience::Device(device) => Some(device.id()),
        Audience::Passphrase(_) => None,
    };
    let file_key = FileKey::random(random);
    let mut header = Header { made_at: now, author: chain.clone(), reader, key: Bytes::default() };
    // [ID-57] The key is bound to everything else that the header says.
    let key = match audience {
        Audience::Device(device) => {
            let to = (device.noise_key(), device.sealing_key());
            let sealed = SealedKey::seal(file_key.secret(), keys.noise(), to, &context(&header), random);
            sealed.map_err(|_| HistoryError::NotForThis)?.as_bytes().to_vec()
        }
        Audience::Passphrase(passphrase) => {
            let plain = [file_key.secret().expose_secret().as_slice(), context(&header).as_bytes()].concat();
            let plain = Zeroizing::new(plain);
            passphrase::lock(Label::HISTORY_KEY, passphrase.0.as_bytes(), work, &plain, random)?
        }
    };
    header.key = Bytes::new(key).map_err(|_| HistoryError::TooLarge)?;
    let mut plain = pieces;
    let signature = keys.signing().sign(Label::HISTORY_FILE, &to_be_signed(&header, &plain));
    plain.extend_from_slice(&Piece::End(signature).to_bytes());
    let nonce = PayloadNonce::random(random);
    let mut out = [MAGIC.as_slice(), &header.to_bytes(), nonce.as_bytes()].concat();
    PayloadEncryptor::new(&file_key, &nonce).seal_all(&plain, &mut out);
    if out.len() > FILE { Err(HistoryError::TooLarge) } else { Ok(out) }
}

impl<'a> Sealed<'a> {
    /// Reads the header, and verifies the certificate of the file's author.
    pub(crate) fn read(bytes: &'a [u8], authority: &Authority) -> Result<Self, HistoryError> {
        let damaged = HistoryError::Damaged;
        if bytes.len() > FILE {
            return Err(HistoryError::TooLarge);
        }
        let mut r = Reader::new(bytes.strip_prefix(MAGIC).ok_or(damaged)?);
        let header = Header::decode(&mut r).map_err(|_| damaged)?;
        let nonce = r.take(NONCE_LEN).ok().and_then(|nonce| nonce.try_into().ok()).ok_or(damaged)?;
        let chunks = r.take(r.remaining()).map_err(|_| damaged)?;
        let chain = DeviceChain::from_bytes(&header.author).map_err(|_| damaged)?;
        // Who made it is judged as of then.
        let author = chain.verify(authority, header.made_at, Timestamp::CLOCK_TOLERANCE);
        let author = author.map_err(|_| HistoryError::Author)?;
        Ok(Self { header, author, nonce: PayloadNonce::from_bytes(nonce), chunks })
    }

    /// Who made it, or at least whose certificate stands in it.
    pub(crate) fn author(&self) -> &VerifiedDevice {
        &self.author
    }

    /// Opens it and verifies all of it. `own` are the reader's keys and device, for a file that is sealed to a device.
    pub(crate) fn open(
        self,
        own: (&DeviceKeys, &VerifiedDevice),
        passphrase: Option<&HistoryPassphrase>,
        work: &WorkPolicy,
    ) -> Result<Conversations, HistoryError> {
        let file_key = key_of(&self.header, own, &self.author, passphrase, work)?;
        let plain = decrypt(&file_key, self.nonce, self.chunks)?;
        read_pieces(&self.header, &plain, &self.author)
    }
}

fn key_of(
    header: &Header,
    (keys, own): (&DeviceKeys, &VerifiedDevice),
    author: &VerifiedDevice,
    passphrase: Option<&HistoryPassphrase>,
    work: &WorkPolicy,
) -> Result<FileKey, HistoryError> {
    match (header.reader, passphrase) {
        (Some(reader), None) if reader == own.id() => {
            let sealed = SealedKey::from_bytes(&header.key).map_err(|_| HistoryError::Damaged)?;
            let key = sealed.open((keys.noise(), keys.sealing()), author.noise_key(), &context(header));
            // [ID-57]
            Ok(FileKey::from_secret(key.map_err(|_| HistoryError::Key)?))
        }
        (None, Some(passphrase)) => {
            let plain = passphrase::unlock(Label::HISTORY_KEY, passphrase.0.as_bytes(), work, &header.key)?;
            let (key, bound) = plain.split_at_checked(16).ok_or(HistoryError::Damaged)?;
            // [ID-57]
            if bound != context(header).as_bytes().as_slice() {
                return Err(HistoryError::Key);
            }
            Ok(FileKey::from_secret(Secret::from_slice(key).ok_or(HistoryError::Damaged)?))
        }
        _ => Err(HistoryError::NotForThis),
    }
}

fn decrypt(file_key: &FileKey, nonce: PayloadNonce, chunks: &[u8]) -> Result<Zeroizing<Vec<u8>>, HistoryError> {
    let mut decryptor = PayloadDecryptor::new(file_key, &nonce);
    let mut plain = Zeroizing::new(Vec::with_capacity(chunks.len()));
    let mut buffer = Zeroizing::new(Vec::with_capacity(SEALED_CHUNK_LEN));
    for chunk in chunks.chunks(SEALED_CHUNK_LEN) {
        buffer.clear();
        buffer.extend_from_slice(chunk);
        let opened = decryptor.open_chunk(&mut buffer).map_err(|_| HistoryError::Damaged)?;
        plain.extend_from_slice(opened.plain);
    }
    decryptor.finish().map_err(|_| HistoryError::Damaged)?;
    Ok(plain)
}

/// Bytes of the last piece.
const END: usize = 1 + 64;

// [ID-58] Nothing is decoded before the signature over all of it has been checked.
fn read_pieces(header: &Header, plain: &[u8], author: &VerifiedDevice) -> Result<Conversations, HistoryError> {
    let damaged = HistoryError::Damaged;
    let (pieces, end) = plain.split_last_chunk::<END>().ok_or(damaged)?;
    let Ok(Piece::End(signature)) = Piece::from_bytes(end) else { return Err(damaged) };
    let signed = to_be_signed(header, pieces);
    author.signing_key().verify(Label::HISTORY_FILE, &signed, &signature).map_err(|_| HistoryError::Signature)?;
    decode_pieces(pieces)
}

/// All pieces but the signature.
pub(crate) fn decode_pieces(pieces: &[u8]) -> Result<Conversations, HistoryError> {
    let damaged = HistoryError::Damaged;
    let (mut r, mut tally) = (Reader::new(pieces), Tally::default());
    let mut conversations: Conversations = Vec::new();
    while r.remaining() > 0 {
        let piece = Piece::decode(&mut r).map_err(|_| damaged)?;
        tally.add(&piece)?;
        match piece {
            Piece::Conversation(conversation) => conversations.push((conversation, Vec::new())),
            Piece::Message(message) => conversations.last_mut().ok_or(damaged)?.1.push(message),
            Piece::End(_) => return Err(damaged),
        }
    }
    Ok(conversations)
}

#[cfg(test)]
mod tests;
