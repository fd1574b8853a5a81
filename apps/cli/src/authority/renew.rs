//! Renewals (protocol-spec/03-identity, section 7): another year for the devices that a person has.

use std::time::Duration;

use amanat_identity::{
    Handle, Reason, Target, Tier, VerifiedDevice,
    body::{RenewalBody, RevocationBody},
    policy::DEVICE_VALIDITY,
};
use amanat_primitives::Timestamp;

use super::{attest::Attested, invite::Desk, publish::OfficerLink};
use crate::{
    context::Interrupt,
    problem::{Outcome, Problem},
};

/// Certificates that ended so long ago are still renewed.
const LATE: Duration = Duration::from_secs(365 * 24 * 3600);
/// How long a relay may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was renewed.
pub(crate) struct Renewed {
    pub(crate) devices: Vec<VerifiedDevice>,
    pub(crate) clearance: Tier,
    pub(crate) valid_until: Timestamp,
    /// The statement that tells of a lowered clearance.
    pub(crate) lowered: Option<Attested>,
}

impl Desk {
    /// Renews every device of a person at every relay, at another clearance if one is given.
    pub(crate) async fn renew(
        &self,
        handle: &Handle,
        tier: Option<Tier>,
        interrupt: &mut Interrupt,
        now: Timestamp,
    ) -> Outcome<Renewed> {
        let mut all = Vec::new();
        for known in &self.relays {
            let renewing = tokio::time::timeout(PATIENCE, self.renew_at(&known.relay, handle, tier, now));
            let devices = interrupt.or(renewing).await?;
            all.extend(devices.unwrap_or_else(|_| Err(super::publish::no_answer("that was asked")))?);
        }
        let Some(first) = all.first() else {
            return Err(Problem::new(
                "not-found",
                format!("No relay knows a device of {handle} that is not revoked."),
                "See amanat people for the handle; somebody without a device is invited: amanat invite.",
            ));
        };
        let clearance = tier.unwrap_or(first.clearance());
        let lowers = all.iter().any(|device| device.clearance() > clearance);
        let lowered = if lowers {
            let target = Target::Person(handle.clone());
            let body = RevocationBody { target, ceiling: Some(clearance), reason: Reason::Other, note: None };
            Some(self.publish(&[body], interrupt, now).await?)
        } else {
            None
        };
        Ok(Renewed { devices: all, clearance, valid_until: now.after(DEVICE_VALIDITY), lowered })
    }

    async fn renew_at(
        &self,
        relay: &amanat_identity::VerifiedRelay,
        handle: &Handle,
        tier: Option<Tier>,
        now: Timestamp,
    ) -> Outcome<Vec<VerifiedDevice>> {
        let mut link = OfficerLink::open(relay, &self.keys, &self.officer).await?;
        let mut devices = Vec::new();
        for chain in link.chains_of(handle).await? {
            let device = chain
                .verify(&self.authority, now, LATE)
                .map_err(|error| super::chain("A device's certificate is not renewed", error))?;
            let body = RenewalBody {
                grant: device.grant(),
                name: device.name().clone(),
                post: device.post().clone(),
                clearance: tier.unwrap_or(device.clearance()),
                powers: device.powers(),
            };
            let renewal = self
                .keys
                .renew(&self.officer, &body, now, DEVICE_VALIDITY)
                .map_err(|error| super::issue("The renewal is not signed", error))?;
            link.renew(&renewal).await?;
            devices.push(device);
        }
        link.close().await;
        Ok(devices)
    }
}
