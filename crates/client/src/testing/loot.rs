//! What a thief of a profile's folder who knows its passphrase has (protocol-spec/10-threat-model, section 1): for tests that
//! measure what he reads with it.

use amanat_conversation::Records;
use amanat_primitives::ConversationId;

use crate::{Failure, profile::Profile, vault::Scope};

/// An MLS record as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRecord {
    /// The row's name.
    pub name: Vec<u8>,
    /// What lies there.
    pub sealed: Vec<u8>,
}

/// The MLS records of a conversation, opened.
///
/// # Errors
/// Damaged, where one does not open.
pub fn records(profile: &Profile, id: ConversationId) -> Result<Records, Failure> {
    Ok(Records::load(profile.vault.scan_bytes(Scope::GroupRecords(id))?))
}

/// The same, sealed.
///
/// # Errors
/// What the disk says.
pub fn sealed(profile: &Profile, id: ConversationId) -> Result<Vec<SealedRecord>, Failure> {
    of_scope(profile, Scope::GroupRecords(id))
}

fn of_scope(profile: &Profile, scope: Scope) -> Result<Vec<SealedRecord>, Failure> {
    let rows = profile.vault.sealed_rows(scope)?;
    Ok(rows.into_iter().map(|(name, sealed)| SealedRecord { name, sealed }).collect())
}

/// The private halves of KeyPackages.
///
/// # Errors
/// Damaged, where one does not open.
pub fn key_packages(profile: &Profile) -> Result<Records, Failure> {
    Ok(Records::load(profile.vault.scan_bytes(Scope::DeviceRecords)?))
}

/// The same, sealed.
///
/// # Errors
/// What the disk says.
pub fn sealed_key_packages(profile: &Profile) -> Result<Vec<SealedRecord>, Failure> {
    of_scope(profile, Scope::DeviceRecords)
}

/// A record that lay on the disk once, opened by whichever of all the keys that the folder holds opens it.
#[must_use]
pub fn open(profile: &Profile, record: &SealedRecord) -> Option<(Vec<u8>, Vec<u8>)> {
    profile.vault.open_by_any_key(&record.name, &record.sealed)
}

/// Every key that lies in a slot.
#[must_use]
pub fn keys(profile: &Profile) -> Vec<[u8; 32]> {
    profile.vault.keys_in_slots()
}
