//! Chains (protocol-spec/03-identity, section 7): from the pinned authority to one device, checked in one call.
//!
//! ```text
//! struct { Statement officer_certificate, grant, device_certificate, relay_certificate, receipt;
//!          optional<Renewal> renewal; optional<Approval> approval; } DeviceChain;
//! ```

use std::time::Duration;

use amanat_primitives::Timestamp;
use amanat_wire::record;

use crate::{
    Address, Approval, Authority, ChainError, Enrolment, Renewal, Statement, Subject, VerifiedDevice, VerifiedRelay,
    approval::APPROVALS,
    body::{DeviceBody, GrantBody, ReceiptBody, RenewalBody},
    enrolment::{check_device, in_time},
    keys::device_id,
    statement::{Body as _, Moment},
    verified::Device,
};

record!(
    /// Everything that makes a device one of its authority's. The authority certificate is pinned, not repeated.
    /// An officer or relay certificate may be replaced by a newer one for the same key: what they sign names the key,
    /// not the certificate. `[ID-19]`
    pub struct DeviceChain {
        /// Certificate of the officer who granted.
        officer_certificate: Statement,
        /// The grant.
        grant: Statement,
        /// The device's certificate.
        device_certificate: Statement,
        /// Certificate of the relay that took it.
        relay_certificate: Statement,
        /// That relay's receipt.
        receipt: Statement,
        /// The latest renewal.
        renewal: Option<Renewal>,
        /// By another device of the same person.
        approval: Option<Approval>,
    }
);

impl DeviceChain {
    /// Checks the whole chain for the moment `now`. `tolerance` is usually [`Timestamp::CLOCK_TOLERANCE`]; a longer
    /// one lets certificates that have lapsed pass for so long, so that they can be renewed, but
    /// never one whose window has not begun.
    ///
    /// # Errors
    /// [`ChainError`], for the first thing that is wrong from the authority downward.
    pub fn verify(
        &self,
        authority: &Authority,
        now: Timestamp,
        tolerance: Duration,
    ) -> Result<VerifiedDevice, ChainError> {
        let moment = Moment { now, early: tolerance.min(Timestamp::CLOCK_TOLERANCE), late: tolerance };
        self.verify_to(authority, moment, APPROVALS)
    }

    /// As [`verify`](Self::verify), with at most so many approvals in one another.
    pub(crate) fn verify_to(
        &self,
        authority: &Authority,
        moment: Moment,
        depth: usize,
    ) -> Result<VerifiedDevice, ChainError> {
        // [ID-37] What stands before a renewal was settled when the relay took the device.
        let taken_at = self.receipt.signed.not_before;
        let then = if self.renewal.is_some() { Moment::at(taken_at) } else { moment };
        let checker = authority.checker(then)?;
        let enrolment = self.enrolment();
        let checked = check_device(&enrolment, authority, &checker)?;
        let relay = VerifiedRelay::open(&self.relay_certificate, &checker, authority)?;
        let receipt: ReceiptBody = checker.open(&self.receipt, relay.signing_key())?;
        // [ID-15] The receipt is for this grant and this certificate.
        if receipt.grant != checked.device.grant || receipt.certificate != checked.certificate {
            return Err(ChainError::Mismatch { what: ReceiptBody::KIND });
        }
        let enrolled_at = self.receipt.signed.not_before;
        in_time(&checked.grant, enrolled_at)?;

        let device = &checked.device;
        let ends = [checked.valid_until, relay.valid_until(), self.receipt.signed.not_after];
        let mut valid_until = ends.into_iter().min().unwrap_or_default();
        let mut grant = checked.grant;
        let granted = grant.clearance;
        let mut cleared_at = self.grant.signed.not_before;
        if let Some(renewal) = &self.renewal {
            let (said, end) = renewal.open(&self.grant, &authority.checker(moment)?, authority)?;
            let RenewalBody { name, post, clearance, powers, .. } = said;
            (valid_until, cleared_at) = (end, renewal.at());
            grant = GrantBody { name, post, clearance, powers, ..grant };
        }
        let id = device_id(&device.signing, &device.noise, &device.sealing);
        let address = Address { handle: grant.handle.clone(), domain: authority.domain().clone() };
        let approvers = match &self.approval {
            Some(approval) => {
                let by = approval.open((id, checked.certificate), &address, (authority, moment), depth)?;
                [&[by.id()], by.approvers()].concat()
            }
            None => Vec::new(),
        };
        Ok(VerifiedDevice::new(Device {
            id,
            authority: authority.id(),
            address,
            approvers,
            certificate: checked.certificate,
            officer: checked.officer.id(),
            relay: relay.id(),
            granted_at: self.grant.signed.not_before,
            granted,
            renewed_by: self.renewal.as_ref().map(Renewal::officer),
            enrolled_at,
            cleared_at,
            valid_until,
            grant,
            device: checked.device,
        }))
    }

    /// What revocations are judged by, without believing it: for a chain that was verified before it was stored.
    ///
    /// # Errors
    /// [`ChainError`] where a body does not decode.
    pub fn peek_subject(&self) -> Result<Subject, ChainError> {
        let grant: GrantBody = self.grant.peek()?;
        let device: DeviceBody = self.device_certificate.peek()?;
        let granted_at = self.grant.signed.not_before;
        let (cleared_at, clearance) = match &self.renewal {
            Some(renewal) => (renewal.at(), renewal.said()?.clearance),
            None => (granted_at, grant.clearance),
        };
        Ok(Subject {
            device: device_id(&device.signing, &device.noise, &device.sealing),
            handle: grant.handle,
            grant: self.grant.id(),
            granted_at,
            officer: self.grant.signed.issuer,
            granted: grant.clearance,
            enrolled_at: Some(self.receipt.signed.not_before),
            renewed_by: self.renewal.as_ref().map(Renewal::officer),
            cleared_at,
            clearance,
        })
    }

    /// Its earliest end but for the authority's, without believing it: for a chain that was verified before it was stored.
    #[must_use]
    pub fn peek_valid_until(&self) -> Timestamp {
        let first = [&self.officer_certificate, &self.device_certificate, &self.relay_certificate, &self.receipt];
        let renewed = self.renewal.as_ref().map(|renewal| [&renewal.officer_certificate, &renewal.statement]);
        let rests_on = renewed.as_ref().map_or(&first[..], |renewed| &renewed[..]);
        rests_on.iter().map(|statement| statement.signed.not_after).min().unwrap_or_default()
    }

    /// The chain without its receipt, to present the same certificate again.
    #[must_use]
    pub fn enrolment(&self) -> Enrolment {
        Enrolment {
            officer_certificate: self.officer_certificate.clone(),
            grant: self.grant.clone(),
            device_certificate: self.device_certificate.clone(),
        }
    }
}
