//! This device's KeyPackages at the relay (protocol-spec/07-delivery, sections 6 and 12): topped up when few are left, and
//! replaced after the vault was put back from an older copy.

use std::time::Duration;

use amanat_wire::client::{Nothing, Request};

use super::{core::Core, link::Question};
use crate::{
    Failure,
    vault::{Batch, Scope},
};

/// KeyPackages are published this often at most.
const PUBLISH_EVERY: Duration = Duration::from_secs(60);

impl Core {
    /// Tops up this device's KeyPackages at the relay; their private halves are durable first.
    pub(crate) fn publish_key_packages(&mut self, replace_last_resort: bool) -> Result<(), Failure> {
        let now = self.now();
        // A relay that keeps saying that there are none does not fill the vault with their private halves.
        let lately = self.published_at.is_some_and(|at| now < at.after(PUBLISH_EVERY));
        if self.key_packages_open || lately {
            return Ok(());
        }
        self.published_at = Some(now);
        let made = crate::key_packages::make(&self.vault, &self.keys, &self.own, replace_last_resort, now)?;
        let Some(request) = made else { return Ok(()) };
        self.key_packages_open = self.ask_relay(Question::KeyPackages, Request::PutKeyPackages(request));
        Ok(())
    }

    /// Has the relay forget KeyPackages whose private halves were used up since an older copy was made, or are in no vault
    /// any more. Welcomes that had come by then are taken.
    pub(crate) fn replace_packages(&mut self) {
        if self.rolled_back.wants_packages() && !self.key_packages_open {
            self.key_packages_open = self.ask_relay(Question::DropKeyPackages, Request::DropKeyPackages(Nothing {}));
        }
    }

    /// They are gone at the relay: their private halves go here, and new ones are published.
    pub(crate) fn packages_dropped(&mut self) -> Result<(), Failure> {
        let mut batch = Batch::default();
        for (key, _) in self.vault.scan_bytes(Scope::DeviceRecords)? {
            batch.delete(Scope::DeviceRecords, &key);
        }
        self.rolled_back.packages_replaced(&mut batch)?;
        self.vault.commit(batch)?;
        (self.key_packages_open, self.published_at) = (false, None);
        self.publish_key_packages(true)
    }
}
