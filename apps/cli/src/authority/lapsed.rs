//! Lapsed devices (protocol-spec/03-identity, section 8): whom nobody renews counts as revoked after 7 days, and an officer
//! says so, because nobody else can say it to everyone alike.

use std::time::Duration;

use amanat_identity::{
    DeviceChain, Reason, RevocationList, Target, VerifiedDevice, body::RevocationBody, policy::LAPSE,
};
use amanat_primitives::Timestamp;

use super::{invite::Desk, publish::OfficerLink};
use crate::problem::{Outcome, Problem};

/// Lapsed devices are listed as long as this officer has listed no more than so many of anything in an hour: what is
/// urgent finds room beside them. The next run goes on with the rest.
const AN_HOUR: usize = 10;
const HOUR: Duration = Duration::from_secs(3600);

/// What a relay says has lapsed, as far as it is true.
#[derive(Default)]
pub(crate) struct Lapsed {
    /// Devices that nobody has renewed.
    pub(crate) devices: Vec<VerifiedDevice>,
    /// Devices that were renewed here, whose renewal the relay refuses, and why.
    pub(crate) not_renewed: Vec<(VerifiedDevice, Problem)>,
}

impl Desk {
    /// The devices that a relay says have lapsed, each checked by its whole chain and this machine's clock. One that was
    /// renewed here is given its renewal again instead; where the relay refuses that, the rest goes on.
    // [ID-48] [DELIV-207]
    pub(super) async fn lapsed_at(&self, link: &mut OfficerLink, now: Timestamp) -> Outcome<Lapsed> {
        let mut lapsed = Lapsed::default();
        for chain in link.lapsed().await? {
            // A chain that does not verify is nobody's, and nothing to revoke.
            let Ok(device) = chain.verify(&self.authority, now, Duration::MAX) else { continue };
            if now <= device.valid_until().after(LAPSE) {
                continue;
            }
            match self.folder.renewal(device.grant())? {
                Some(renewal) if self.holds(&chain, &renewal, now) => {
                    let refused = link.renew(&renewal).await?;
                    lapsed.not_renewed.extend(refused.map(|problem| (device, problem)));
                }
                _ => lapsed.devices.push(device),
            }
        }
        Ok(lapsed)
    }

    fn holds(&self, chain: &DeviceChain, renewal: &amanat_identity::Renewal, now: Timestamp) -> bool {
        let renewed = DeviceChain { renewal: Some(renewal.clone()), ..chain.clone() };
        renewed.verify(&self.authority, now, LAPSE).is_ok()
    }

    /// Of these the ones that are to be listed now, the oldest first.
    // [ID-48]
    pub(super) fn to_list(
        &self,
        mut lapsed: Vec<VerifiedDevice>,
        list: &RevocationList,
        number: u64,
    ) -> Vec<VerifiedDevice> {
        lapsed.retain(|device| !list.standing(device, u64::MAX).is_revoked());
        lapsed.sort_by_key(|device| (device.valid_until(), device.id()));
        lapsed.dedup_by_key(|device| device.id());
        lapsed.truncate(AN_HOUR.saturating_sub(list.listed_alone(self.officer.id(), number, HOUR)));
        lapsed
    }
}

/// What is said of a lapsed device.
pub(super) fn body(device: &VerifiedDevice) -> RevocationBody {
    RevocationBody { target: Target::Device(device.id()), ceiling: None, reason: Reason::Lapsed, note: None }
}
