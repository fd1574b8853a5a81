//! History files read by themselves (protocol-spec/07-delivery, section 12): for vectors, which have no vault around them.

use amanat_identity::{Authority, DeviceKeys, VerifiedDevice};
use amanat_primitives::{DeviceId, passphrase::WorkPolicy};
use amanat_wire::Encode as _;
use zeroize::Zeroizing;

use crate::{
    HistoryPassphrase,
    history::{HistoryError, Sealed},
};

/// Who made a history file, and its pieces but the last, each in its encoding.
pub struct InspectedFile {
    /// Its author.
    pub author: DeviceId,
    /// Conversations, each with its messages.
    pub conversations: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
}

/// Reads a file as this device, or with a passphrase.
///
/// # Errors
/// A word for why it is refused.
pub fn history_file(
    file: &[u8],
    authority: &Authority,
    own: (&DeviceKeys, &VerifiedDevice),
    passphrase: Option<&str>,
    work: &WorkPolicy,
) -> Result<InspectedFile, &'static str> {
    let passphrase = passphrase.map(|text| HistoryPassphrase(Zeroizing::new(text.to_owned())));
    let sealed = Sealed::read(file, authority).map_err(word)?;
    let author = sealed.author().id();
    let pieces = sealed.open(own, passphrase.as_ref(), work).map_err(word)?;
    let conversations = pieces
        .into_iter()
        .map(|(conversation, messages)| {
            (conversation.to_bytes(), messages.iter().map(amanat_wire::Encode::to_bytes).collect())
        })
        .collect();
    Ok(InspectedFile { author, conversations })
}

fn word(error: HistoryError) -> &'static str {
    match error {
        HistoryError::Damaged => "damaged",
        HistoryError::NotForThis => "not_for_this",
        HistoryError::Key => "key",
        HistoryError::Signature => "bad_signature",
        HistoryError::Author => "author",
        HistoryError::TooLarge => "too_large",
        HistoryError::Passphrase(_) => "wrong_passphrase",
    }
}
