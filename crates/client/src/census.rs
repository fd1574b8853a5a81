//! What a vault holds, counted (protocol-spec/07-delivery, section 12): for tests that ask whether anything is left behind.

use amanat_conversation::{Records, count_key_packages};
use amanat_primitives::Timestamp;

use crate::{Failure, profile::Profile, vault::Scope};

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
    /// Rows of uploads' segments.
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
    Ok(Census {
        one_time,
        last_resort,
        outbox: rows(Scope::Outbox)?,
        commits: rows(Scope::Commits)?,
        segments: rows(Scope::Segments)?,
        fetches: rows(Scope::Fetches)?,
    })
}
