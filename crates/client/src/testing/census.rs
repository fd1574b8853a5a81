//! What a vault holds (protocol-spec/07-delivery, section 12): for tests that ask whether anything is left behind, and what
//! becomes of what is not as it should be.

use amanat_conversation::{Records, count_key_packages};
use amanat_policy::record::SignedRecord;
use amanat_primitives::{ConversationId, DocumentId, Timestamp};
use std::collections::HashSet;

use crate::{
    Failure,
    profile::Profile,
    rows::{DocumentRow, Upload},
    vault::{Batch, Scope},
};

/// Numbers of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Census {
    /// Private halves of one-time KeyPackages.
    pub one_time: usize,
    /// Private halves of last-resort KeyPackages.
    pub last_resort: usize,
    /// What waits to be sent.
    pub outbox: usize,
    /// Commits on their way.
    pub commits: usize,
    /// Rows of segments of what is no document that was sent.
    pub segments: usize,
    /// Fetches that are not over.
    pub fetches: usize,
    /// Conversations to which somebody is still to be added.
    pub newcomers: usize,
}

/// Counts what the vault of a profile holds.
///
/// # Errors
/// Damaged, where a row does not open.
pub fn census(profile: &Profile, now: Timestamp) -> Result<Census, Failure> {
    let rows = |scope| profile.vault.scan_bytes(scope).map(|rows| rows.len());
    let records = Records::load(profile.vault.scan_bytes(Scope::DeviceRecords)?);
    let (one_time, last_resort) = count_key_packages(&records, now);
    let sent: HashSet<DocumentId> = {
        let documents = profile.vault.scan::<DocumentRow>(Scope::Documents)?;
        documents.into_iter().filter(|row| row.upload == Upload::Posted).map(|row| row.id).collect()
    };
    let segments = profile.vault.scan_bytes(Scope::Segments)?;
    let of_sent = |key: &[u8]| key.first_chunk::<16>().is_some_and(|id| sent.contains(&DocumentId::from_bytes(*id)));
    Ok(Census {
        one_time,
        last_resort,
        outbox: rows(Scope::Outbox)?,
        commits: rows(Scope::Commits)?,
        segments: segments.iter().filter(|(key, _)| !of_sent(key)).count(),
        fetches: rows(Scope::Fetches)?,
        newcomers: rows(Scope::Newcomers)?,
    })
}

/// A row: key and bytes.
pub type Row = (Vec<u8>, Vec<u8>);

/// The rows of a conversation's blocks, opened, by their keys.
///
/// # Errors
/// Damaged, where one does not open.
pub fn blocks(profile: &Profile, id: ConversationId) -> Result<Vec<Row>, Failure> {
    let mut rows = profile.vault.scan_bytes(Scope::Blocks(id))?;
    rows.sort();
    Ok(rows)
}

/// Puts others in their place.
///
/// # Errors
/// What the disk says.
pub fn replace_blocks(profile: &Profile, id: ConversationId, rows: Vec<Row>) -> Result<(), Failure> {
    let mut batch = Batch::default();
    rows.into_iter().for_each(|(key, row)| batch.put_bytes(Scope::Blocks(id), key, row));
    profile.vault.commit(batch)
}

/// How many records of the leak filter there are, each signed by this device and in its place.
///
/// # Errors
/// Damaged, where one is not, or does not open.
pub fn records(profile: &Profile) -> Result<usize, Failure> {
    let (key, mut before) = (profile.keys.signing().verifying_key(), None);
    let mut records = profile.vault.scan::<SignedRecord>(Scope::Records)?;
    records.sort_unstable_by_key(|signed| signed.record.number);
    for signed in &records {
        signed.verify(&key, before).map_err(|_| crate::failure::damaged())?;
        before = Some(signed);
    }
    Ok(records.len())
}
