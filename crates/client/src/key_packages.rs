//! KeyPackages of this device (protocol-spec/05-conversation, section 4): made a few at a time; their private halves are
//! durable before their public halves are published.

use amanat_conversation::{KeyPackageMaker, Records, prune_key_packages};
use amanat_identity::{DeviceKeys, VerifiedDevice};
use amanat_primitives::Timestamp;
use amanat_wire::{List, client::PutKeyPackages};
use rand_core::OsRng;

use crate::{
    Failure, failure,
    vault::{Batch, Scope, Vault},
};

/// Made at once.
const COUNT: usize = 40;

/// New KeyPackages, ready to be published; with a new last-resort one where asked.
pub(crate) fn make(
    vault: &Vault,
    keys: &DeviceKeys,
    own: &VerifiedDevice,
    last_resort: bool,
    now: Timestamp,
) -> Result<PutKeyPackages, Failure> {
    let mut records = Records::load(vault.scan_bytes(Scope::DeviceRecords)?);
    prune_key_packages(&mut records, now);
    let maker = KeyPackageMaker { device: own, signing: keys.signing() };
    let one_time = maker.one_time(COUNT, &mut records, now, &mut OsRng).map_err(failure::from_conversation)?;
    let last_resort = last_resort
        .then(|| maker.last_resort(&mut records, now, &mut OsRng))
        .transpose()
        .map_err(failure::from_conversation)?;
    let mut batch = Batch::default();
    batch.records(Scope::DeviceRecords, records.take_changes());
    vault.commit(batch)?;
    let one_time = List::new(one_time).map_err(|_| failure::internal("too many KeyPackages"))?;
    Ok(PutKeyPackages { one_time, last_resort })
}
