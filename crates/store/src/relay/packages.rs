//! KeyPackages (protocol-spec/07-delivery, section 10): one-time ones are handed out once, durably, before the answer.

use amanat_primitives::DeviceId;

use super::{
    error::{Quota, StoreError},
    keys,
    types::Claimed,
    writer::Writer,
};
use crate::{engine::tx::Tx, error::Fault};

impl Writer {
    pub(crate) fn put_key_packages(
        &mut self,
        tx: &mut Tx<'_>,
        device: &DeviceId,
        one_time: Vec<Vec<u8>>,
        last_resort: Option<Vec<u8>>,
        max: u64,
    ) -> Result<(), StoreError> {
        let longest = self.limits.key_package;
        if one_time.iter().chain(&last_resort).any(|package| package.is_empty() || package.len() > longest) {
            return Err(StoreError::Invalid);
        }
        let state = self.device(tx, device)?;
        if state.packages_next - state.packages_first + one_time.len() as u64 > max {
            return Err(StoreError::Full(Quota::KeyPackages));
        }
        let first = state.packages_next;
        state.packages_next += one_time.len() as u64;
        if last_resort.is_some() {
            state.has_last_resort = true;
            state.last_resort_used = 0;
        }
        self.save_device(tx, device)?;
        for (number, package) in (first..).zip(one_time) {
            tx.put(keys::key_package(device, number), package);
        }
        if let Some(package) = last_resort {
            tx.put(keys::last_resort(device), package);
        }
        Ok(())
    }

    /// The next one-time package, or else the last-resort one. [DELIV-17]
    pub(crate) fn claim_key_package(&mut self, tx: &mut Tx<'_>, device: &DeviceId) -> Result<Option<Claimed>, Fault> {
        let state = self.device(tx, device)?;
        if state.packages_first < state.packages_next {
            let key = keys::key_package(device, state.packages_first);
            state.packages_first += 1;
            self.save_device(tx, device)?;
            let bytes = tx.get(&key)?.ok_or(Fault::Damaged)?;
            tx.delete(key);
            return Ok(Some(Claimed { bytes, last_resort: false }));
        }
        if !state.has_last_resort {
            return Ok(None);
        }
        state.last_resort_used = state.last_resort_used.saturating_add(1);
        self.save_device(tx, device)?;
        let bytes = tx.get(&keys::last_resort(device))?.ok_or(Fault::Damaged)?;
        Ok(Some(Claimed { bytes, last_resort: true }))
    }

    /// Removes all packages of a device: it was revoked, or begins anew.
    pub(crate) fn drop_key_packages(&mut self, tx: &mut Tx<'_>, device: &DeviceId) -> Result<(), Fault> {
        let state = self.device(tx, device)?;
        let numbers = state.packages_first..state.packages_next;
        state.packages_first = state.packages_next;
        state.has_last_resort = false;
        self.save_device(tx, device)?;
        for number in numbers {
            tx.delete(keys::key_package(device, number));
        }
        tx.delete(keys::last_resort(device));
        Ok(())
    }
}
