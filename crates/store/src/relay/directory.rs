//! The directory (protocol-spec/07-delivery, section 10): grants, chains, statements.

use amanat_primitives::DeviceId;

use super::{
    error::StoreError,
    keys,
    record::{GrantRecord, ListedRecord},
    types::{Expected, Put, Redeemed, Redemption, StatusPut},
    writer::Writer,
};
use crate::{
    engine::tx::Tx,
    engine::value::MAX_KEY,
    error::Fault,
    layout::{Reader, Writer as Layout},
};

/// Longest handle, in bytes.
pub const HANDLE_LIMIT: usize = 128;
/// Longest text that searches look into, in bytes.
pub const SEARCH_LIMIT: usize = 1024;

/// A status statement to be stored with the revocations that are new in its list.
pub(crate) struct StatusWrite {
    pub(crate) number: u64,
    pub(crate) bytes: Vec<u8>,
    /// So many are stored before these.
    pub(crate) first: u32,
    pub(crate) revocations: Vec<Vec<u8>>,
}

impl Writer {
    /// One certificate for each grant, the first. [DELIV-18] [ID-17]
    pub(crate) fn redeem(&mut self, tx: &mut Tx<'_>, redemption: Redemption) -> Result<Redeemed, StoreError> {
        let Redemption { grant, device, certificate, chain, handle, search, now } = redemption;
        // A control character would break the index's order.
        let fits = !handle.is_empty() && handle.len() <= HANDLE_LIMIT && !handle.contains(char::is_control);
        if !fits || search.len() > SEARCH_LIMIT || chain.len() > self.limits.chain {
            return Err(StoreError::Invalid);
        }
        if let Some(stored) = tx.get(&keys::grant(&grant))? {
            let first = GrantRecord::decode(&stored)?;
            let same = first.device == device && first.certificate == certificate;
            return Ok(if same {
                Redeemed::Same { at: first.at }
            } else {
                Redeemed::Used { device: first.device, certificate: first.certificate, at: first.at }
            });
        }
        let record = GrantRecord { device, certificate, at: now };
        tx.put_guarded(keys::grant(&grant), record.encode())?;
        // A renewed device has a chain already, perhaps under another handle.
        if let Some(stored) = tx.get(&keys::listed(&device))? {
            let before = ListedRecord::decode(&stored)?;
            if before.handle != handle {
                tx.delete(keys::index(&before.handle, &device));
            }
        }
        tx.put(keys::index(&handle, &device), search.into_bytes());
        tx.put_guarded(keys::listed(&device), ListedRecord { handle, chain }.encode())?;
        Ok(Redeemed::New)
    }

    /// A renewed device's chain, under the handle that it has.
    pub(crate) fn replace_chain(
        &mut self,
        tx: &mut Tx<'_>,
        device: &DeviceId,
        chain: Vec<u8>,
        search: String,
    ) -> Result<(), StoreError> {
        if search.len() > SEARCH_LIMIT || chain.len() > self.limits.chain {
            return Err(StoreError::Invalid);
        }
        let Some(stored) = tx.get(&keys::listed(device))? else { return Ok(()) };
        let ListedRecord { handle, .. } = ListedRecord::decode(&stored)?;
        tx.put(keys::index(&handle, device), search.into_bytes());
        tx.put_guarded(keys::listed(device), ListedRecord { handle, chain }.encode())?;
        Ok(())
    }

    pub(crate) fn put_statement(
        &mut self,
        tx: &mut Tx<'_>,
        kind: u8,
        key: &[u8],
        bytes: Vec<u8>,
        expected: Expected,
    ) -> Result<Put, StoreError> {
        if key.len() + 2 > MAX_KEY || bytes.len() > self.limits.statement {
            return Err(StoreError::Invalid);
        }
        let key = keys::statement(kind, key);
        let stored = tx.get(&key)?;
        if stored.as_ref() == Some(&bytes) {
            return Ok(Put::Same);
        }
        let matches = match (&expected, &stored) {
            (Expected::Anything, _) | (Expected::Absent, None) => true,
            (Expected::Exactly(before), Some(stored)) => before == stored,
            _ => false,
        };
        if !matches {
            return Ok(Put::Different(stored.unwrap_or_default()));
        }
        tx.put_guarded(key, bytes)?;
        Ok(Put::New)
    }

    /// Numbers never go down. [DELIV-19]
    pub(crate) fn put_status(&mut self, tx: &mut Tx<'_>, status: StatusWrite) -> Result<StatusPut, StoreError> {
        let StatusWrite { number, bytes, first, revocations } = status;
        if revocations.iter().chain([&bytes]).any(|bytes| bytes.len() > self.limits.statement) {
            return Err(StoreError::Invalid);
        }
        if let Some(stored) = tx.get(keys::STATUS)? {
            let (latest, before) = read_status(&stored)?;
            if number == latest && before == bytes {
                return Ok(StatusPut::Same);
            }
            if number <= latest {
                return Ok(StatusPut::Old { latest });
            }
        }
        let value = Layout::with_capacity(bytes.len() + 8).u64(number).raw(&bytes).finish();
        tx.put_guarded(keys::STATUS.to_vec(), value)?;
        for (place, revocation) in (first..).zip(revocations) {
            tx.put_guarded(keys::revocation(place), revocation)?;
        }
        Ok(StatusPut::New)
    }
}

/// Number and bytes of a stored status statement.
pub(crate) fn read_status(stored: &[u8]) -> Result<(u64, &[u8]), Fault> {
    let mut reader = Reader::new(stored);
    Ok((reader.u64()?, reader.rest()))
}
