//! What a vault holds, counted (protocol-spec/07-delivery, section 12): for tests that ask whether anything is left behind.

use amanat_conversation::{Records, count_key_packages};
use amanat_primitives::{DocumentId, Timestamp};
use std::collections::HashSet;

use crate::{
    Failure,
    profile::Profile,
    rows::{DocumentRow, Upload},
    vault::Scope,
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
    })
}
