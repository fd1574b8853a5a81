//! This device's KeyPackages at the relay (protocol-spec/07-delivery, sections 6 and 12): topped up when few are left,
//! replaced before they end, and after the vault was put back from an older copy.

use std::time::Duration;

use amanat_primitives::Timestamp;
use amanat_wire::client::{Nothing, PutKeyPackages, Request};

use super::{core::Core, link::Question};
use crate::{
    Failure,
    rows::{KeyPackagesRow, meta},
    vault::{Batch, Scope, Vault},
};

/// KeyPackages are published, and asked to be dropped, this often at most.
const PUBLISH_EVERY: Duration = Duration::from_secs(60);
/// All of them are replaced after so long, about half of what a one-time KeyPackage is valid for: the relay hands out the
/// oldest first, and nobody adds a device by one that has ended.
const REPLACE_EVERY: Duration = Duration::from_secs(14 * 24 * 3600);

/// Where they cannot be replaced now, it is tried again after so long.
const REST: Duration = Duration::from_secs(24 * 3600);

/// What is known of the KeyPackages at the relay.
#[derive(Default)]
pub(crate) struct Packages {
    /// A request about them is open.
    pub(crate) open: bool,
    /// When some were last published.
    published_at: Option<Timestamp>,
    /// All are replaced by the request that is open.
    replaces: bool,
    /// When all are to be replaced; long ago where that is not known.
    replace_at: Timestamp,
    /// New ones, to be published as soon as the relay has dropped the old ones.
    made: Option<PutKeyPackages>,
    /// They are not replaced before.
    not_before: Timestamp,
}

impl Packages {
    /// As the vault knows them.
    pub(crate) fn load(vault: &Vault) -> Result<Self, Failure> {
        let row = vault.read::<KeyPackagesRow>(Scope::Meta, meta::KEY_PACKAGES)?;
        Ok(Self { replace_at: row.map_or(Timestamp::default(), |row| row.replace_at), ..Self::default() })
    }

    /// What was asked over it is not answered.
    pub(crate) fn link_lost(&mut self) {
        (self.open, self.replaces, self.made) = (false, false, None);
    }
}

/// Notes that the relay has new ones of both kinds, and none from before.
pub(crate) fn put_replaced(now: Timestamp, batch: &mut Batch) {
    batch.put(Scope::Meta, meta::KEY_PACKAGES, &KeyPackagesRow { replace_at: now.after(REPLACE_EVERY) });
}

impl Core {
    /// Tops up this device's KeyPackages at the relay; their private halves are durable first.
    pub(crate) fn publish_key_packages(&mut self, replace_last_resort: bool) -> Result<(), Failure> {
        let now = self.now();
        // A relay that keeps saying that there are none does not fill the vault with their private halves.
        let lately = self.packages.published_at.is_some_and(|at| now < at.after(PUBLISH_EVERY));
        if self.packages.open || lately {
            return Ok(());
        }
        self.packages.published_at = Some(now);
        let made = crate::key_packages::make(
            &self.vault,
            &self.keys,
            &self.own,
            replace_last_resort,
            now,
            &mut self.random(),
        )?;
        let Some(request) = made else { return Ok(()) };
        self.packages.open = self.ask_relay(Question::KeyPackages, Request::PutKeyPackages(request));
        Ok(())
    }

    /// When they are next to be replaced, while there is a link on which all else has been fetched.
    pub(crate) fn packages_due(&self) -> Option<Timestamp> {
        let caught_up = self.link.as_ref().is_some_and(|up| up.caught_up);
        let due = if self.rolled_back.wants_packages() { Timestamp::default() } else { self.packages.replace_at };
        (caught_up && !self.packages.open).then_some(due.max(self.packages.not_before))
    }

    /// Has the relay forget KeyPackages that will soon have ended, or whose private halves were used up since an older copy
    /// was made, or are in no vault any more. Welcomes that had come by then are taken. [DELIV-135]
    pub(crate) fn replace_packages(&mut self) -> Result<(), Failure> {
        let now = self.now();
        if self.packages_due().is_none_or(|due| due > now) {
            return Ok(());
        }
        self.packages.not_before = now.after(PUBLISH_EVERY);
        if !self.rolled_back.wants_packages() {
            let made = crate::key_packages::make(&self.vault, &self.keys, &self.own, true, now, &mut self.random())?;
            // Nothing is dropped in whose place there is nothing: somebody claims them as fast as they are made.
            let Some(made) = made.filter(|made| made.last_resort.is_some() && !made.one_time.is_empty()) else {
                tracing::warn!("KeyPackages are used up too fast to be replaced");
                self.packages.not_before = now.after(REST);
                return Ok(());
            };
            self.packages.made = Some(made);
        }
        self.packages.open = self.ask_relay(Question::DropKeyPackages, Request::DropKeyPackages(Nothing {}));
        Ok(())
    }

    /// They are gone at the relay: new ones are published. After an older copy the private halves go here, too; else
    /// somebody may just have claimed one.
    pub(crate) fn packages_dropped(&mut self) -> Result<(), Failure> {
        if self.rolled_back.wants_packages() {
            let mut batch = Batch::default();
            // A Welcome may wait for its log to be looked through.
            let named = self.direct.named_packages();
            for (key, _) in self.vault.scan_bytes(Scope::DeviceRecords)? {
                if !named.contains(&key) {
                    batch.delete(Scope::DeviceRecords, &key);
                }
            }
            self.rolled_back.packages_replaced(&mut batch)?;
            batch.put(Scope::Meta, meta::KEY_PACKAGES, &KeyPackagesRow { replace_at: Timestamp::default() });
            self.vault.commit(batch)?;
        }
        (self.packages.open, self.packages.published_at) = (false, None);
        match self.packages.made.take() {
            Some(made) => {
                self.packages.published_at = Some(self.now());
                self.packages.open = self.ask_relay(Question::KeyPackages, Request::PutKeyPackages(made));
            }
            None => self.publish_key_packages(true)?,
        }
        self.packages.replaces = self.packages.open;
        Ok(())
    }

    /// The relay has those that were published.
    pub(crate) fn packages_put(&mut self) -> Result<(), Failure> {
        self.packages.open = false;
        if std::mem::take(&mut self.packages.replaces) {
            let now = self.now();
            let mut batch = Batch::default();
            put_replaced(now, &mut batch);
            self.vault.commit(batch)?;
            self.packages.replace_at = now.after(REPLACE_EVERY);
        }
        Ok(())
    }
}
