//! KeyPackages of this device (protocol-spec/05-conversation, section 4): made a few at a time; their private halves are
//! durable before their public halves are published.

use amanat_conversation::{KeyPackageMaker, Records, count_key_packages, prune_key_packages};
use amanat_identity::{DeviceKeys, VerifiedDevice};
use amanat_primitives::Timestamp;
use amanat_wire::{List, client::PutKeyPackages};
use rand_core::CryptoRngCore;

use crate::{
    Failure, failure,
    vault::{Batch, Scope, Vault},
};

/// Made at once.
const COUNT: usize = 40;
/// Unexpired private halves that are kept at most, of one-time KeyPackages and of last-resort ones: a relay that says
/// again and again that none is left does not fill the vault.
const KEPT: usize = 400;
const KEPT_LAST_RESORT: usize = 16;

/// New KeyPackages, ready to be published; with a new last-resort one where asked, or where no one-time ones may be made
/// any more. None where nothing may be made. [DELIV-131]
pub(crate) fn make(
    vault: &Vault,
    keys: &DeviceKeys,
    own: &VerifiedDevice,
    last_resort: bool,
    now: Timestamp,
    random: &mut dyn CryptoRngCore,
) -> Result<Option<PutKeyPackages>, Failure> {
    let mut records = Records::load(vault.scan_bytes(Scope::DeviceRecords)?);
    prune_key_packages(&mut records, now);
    let maker = KeyPackageMaker { device: own, signing: keys.signing() };
    let (kept, kept_last_resort) = count_key_packages(&records, now);
    let count = COUNT.min(KEPT.saturating_sub(kept));
    let last_resort = (last_resort || count == 0) && kept_last_resort < KEPT_LAST_RESORT;
    let one_time = maker.one_time(count, &mut records, now, random).map_err(failure::from_conversation)?;
    let last_resort = last_resort
        .then(|| maker.last_resort(&mut records, now, random))
        .transpose()
        .map_err(failure::from_conversation)?;
    let mut batch = Batch::default();
    batch.records(Scope::DeviceRecords, records.take_changes());
    vault.commit(batch)?;
    let one_time = List::new(one_time).map_err(|_| failure::internal("too many KeyPackages"))?;
    let nothing = one_time.is_empty() && last_resort.is_none();
    Ok((!nothing).then_some(PutKeyPackages { one_time, last_resort }))
}

#[cfg(test)]
mod tests {
    use amanat_identity::{Tier, testing::Office};

    use rand_core::OsRng;

    use super::*;

    // [DELIV-131]
    #[test]
    fn a_relay_that_always_wants_more_does_not_fill_the_vault() {
        let now = Timestamp::from(std::time::SystemTime::now());
        let office = Office::new(&mut OsRng, now);
        let (keys, _, own) = office.enrol(&mut OsRng, "secretary", Tier::Secret, now);
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::open(&dir.path().join("vault"), &amanat_primitives::Secret::random(&mut OsRng)).unwrap();
        let made: Vec<_> = (0..40).map_while(|_| make(&vault, &keys, &own, true, now, &mut OsRng).unwrap()).collect();
        assert_eq!(made.iter().map(|put| put.one_time.len()).sum::<usize>(), KEPT);
        assert_eq!(made.iter().filter(|put| put.last_resort.is_some()).count(), KEPT_LAST_RESORT);
        // When they have ended, there is room again.
        let later = now.after(std::time::Duration::from_secs(31 * 24 * 3600));
        let put = make(&vault, &keys, &own, false, later, &mut OsRng).unwrap().unwrap();
        assert_eq!((put.one_time.len(), put.last_resort.is_some()), (COUNT, false));
    }
}
