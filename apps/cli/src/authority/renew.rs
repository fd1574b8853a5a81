//! Renewals (protocol-spec/03-identity, section 7): another year for the devices that a person has.

use std::time::Duration;

use amanat_identity::{
    Handle, Reason, Target, Tier, VerifiedDevice,
    body::{RenewalBody, RevocationBody},
    policy::DEVICE_VALIDITY,
};
use amanat_primitives::Timestamp;

use super::{
    attest::{Attested, address},
    invite::Desk,
    publish::OfficerLink,
};
use crate::{
    context::Interrupt,
    output::time::local,
    problem::{Outcome, Problem},
};

/// Certificates that ended so long ago are still renewed, and still say whose a device is.
pub(super) const LATE: Duration = Duration::from_secs(365 * 24 * 3600);
/// How long a relay may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What was renewed.
pub(crate) struct Renewed {
    pub(crate) devices: Vec<VerifiedDevice>,
    /// The one that was named; else that of the first device, where there is one.
    pub(crate) clearance: Option<Tier>,
    pub(crate) valid_until: Timestamp,
    /// The officer's own certificate ends before the renewal would.
    pub(crate) is_short: bool,
    /// The statement with the ceiling of a clearance that was named.
    pub(crate) ceiling: Option<Attested>,
    /// Why other devices of the person were not, or not at every relay.
    pub(crate) undone: Vec<Problem>,
}

impl Desk {
    /// Renews every device of a person at every relay, at another clearance if one is given.
    // [DELIV-206] What a relay shows may be from before a renewal that raised the clearance, and it may show nothing at
    // all: the ceiling does not rest on it, and comes first. Of top-secret there is nothing above.
    pub(crate) async fn renew(
        &self,
        handle: &Handle,
        tier: Option<Tier>,
        interrupt: &mut Interrupt,
        now: Timestamp,
    ) -> Outcome<Renewed> {
        let ceiling = match tier {
            Some(tier) if tier < Tier::TopSecret => {
                let target = Target::Person(handle.clone());
                let body = RevocationBody { target, ceiling: Some(tier), reason: Reason::Other, note: None };
                Some(self.publish(&[body], interrupt, now).await?)
            }
            _ => None,
        };
        let (mut devices, mut clearance, mut refused, mut undone) = (Vec::new(), tier, None, Vec::new());
        for known in &self.relays {
            let mut asked = Vec::new();
            let renewing = tokio::time::timeout(PATIENCE, self.renew_at(&known.relay, handle, tier, now, &mut asked));
            let answered = interrupt.or(renewing).await?;
            for (device, problem) in asked {
                clearance = clearance.or(Some(device.clearance()));
                match problem {
                    None => devices.push(device),
                    Some(problem) => refused = refused.or(Some(problem)),
                }
            }
            let address = address(known);
            if let Err(problem) = answered.unwrap_or_else(|_| Err(super::publish::no_answer(&address))) {
                let failed = format!("At the relay at {address} not everything is renewed. {}", problem.failed());
                undone.push(Problem::new(problem.code(), failed, problem.advice()));
            }
        }
        undone.extend(refused);
        if devices.is_empty() && undone.is_empty() {
            undone.push(Problem::new(
                "not-found",
                format!("No relay knows a device of {handle} that is not revoked, as lapsed or otherwise."),
                "See amanat people for the handle; somebody without a device gets a new invitation: amanat invite.",
            ));
        }
        let valid_until = self.renewed_until(now);
        let is_short = valid_until < now.after(DEVICE_VALIDITY);
        Ok(Renewed { devices, clearance, valid_until, is_short, ceiling, undone })
    }

    /// What an officer signs ends with the officer's certificate. [ID-37]
    fn renewed_until(&self, now: Timestamp) -> Timestamp {
        now.after(DEVICE_VALIDITY).min(self.officer.valid_until()).min(self.authority.valid_until())
    }

    /// Renews the person's devices at one relay; `asked` is those so far, each with why it is not renewed, if it is not.
    async fn renew_at(
        &self,
        relay: &amanat_identity::VerifiedRelay,
        handle: &Handle,
        tier: Option<Tier>,
        now: Timestamp,
        asked: &mut Vec<(VerifiedDevice, Option<Problem>)>,
    ) -> Outcome {
        let mut link = OfficerLink::open(relay, &self.keys, &self.officer).await?;
        for chain in link.chains_of(handle).await? {
            let device = chain
                .verify(&self.authority, now, LATE)
                .map_err(|error| super::chain("A device's certificate is not renewed", error))?;
            if device.valid_until() > self.renewed_until(now) {
                let problem = self.ends_later(&device, now);
                asked.push((device, Some(problem)));
                continue;
            }
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
            self.folder.keep_renewal(device.grant(), &renewal)?;
            let refused = link.renew(&renewal).await?;
            asked.push((device, refused));
        }
        link.close().await;
        Ok(())
    }

    /// What the relay would refuse is not signed: it would take the place of a better one that is kept here.
    // [DELIV-204]
    fn ends_later(&self, device: &VerifiedDevice, now: Timestamp) -> Problem {
        let failed = format!(
            "Device {} is not renewed: its certificate lasts until {}, and a renewal by this officer until {} only.",
            device.id(),
            local(device.valid_until()),
            local(self.renewed_until(now)),
        );
        Problem::new(
            "refused",
            failed,
            "Renew it with an officer whose certificate ends later: certify one for another year (amanat officer init, \
             amanat authority certify officer).",
        )
    }
}
