//! What a thief of the folder who knows its passphrase has (protocol-spec/07-delivery, section 12, and 10-threat-model): all
//! rows, as they lie there, and every key.

use amanat_primitives::aead::SealKey;

use super::{PlainRow, Scope, Vault, keys, split};
use crate::{Failure, failure};

/// A row's name, and what lies there.
type SealedRow = (Vec<u8>, Vec<u8>);

impl Vault {
    /// The rows of a scope, sealed as they lie on the disk: name and bytes.
    pub(crate) fn sealed_rows(&self, scope: Scope) -> Result<Vec<SealedRow>, Failure> {
        let prefix = self.prefix(&scope.bytes());
        self.table.scan(&prefix).map(|row| row.map_err(failure::from_table)).collect()
    }

    /// A row, opened by whichever of all the keys opens it: what stands in it is its key and its bytes.
    pub(crate) fn open_by_any_key(&self, name: &[u8], sealed: &[u8]) -> Option<PlainRow> {
        let slots = self.keys();
        let tied = |key: &SealKey| {
            let (number, rest) = sealed.split_first_chunk::<{ keys::NUMBER }>()?;
            key.open(&keys::tied(name, u64::from_be_bytes(*number)), rest).ok()
        };
        let opened = slots.in_force().find_map(|key| tied(key).or_else(|| key.open(name, sealed).ok()));
        split(opened.or_else(|| self.values.open(name, sealed).ok())?).ok()
    }

    /// Every key that lies in a slot, itself.
    pub(crate) fn keys_in_slots(&self) -> Vec<[u8; 32]> {
        self.keys().in_force().map(|key| *key.expose_secret()).collect()
    }
}
