//! Approvals (protocol-spec/03-identity, section 6): a further device of a person is let in by another device of theirs.
//!
//! ```text
//! struct { DeviceId device; StatementId certificate; } ApprovalBody;                // kind 13, by the approver's signing key
//! struct { Statement statement; opaque approver<0..65536>; } Approval;              // approver: its DeviceChain
//! ```
//! The approver's chain stands inside, as it was when it approved: whoever has a chain can check all of it, offline and
//! without asking for another. It may hold an approval itself, so many deep; a circle cannot be written down.

use std::fmt;

use amanat_primitives::{DeviceId, StatementId, Timestamp};
use amanat_wire::{Bytes, Decode as _, Encode as _, limits, record};

use crate::{
    Authority, ChainError, DeviceChain, DeviceKeys, IssueError, Statement, VerifiedDevice,
    body::ApprovalBody,
    code::{self, ALPHABET},
    statement::{Body as _, Checker, Frame, Moment},
};

/// Approvals that may stand in one another: more devices than these are approved by an earlier one.
pub const APPROVALS: usize = 5;
/// Symbols of a [`DeviceCode`]: 80 bits.
const SYMBOLS: usize = 16;

record!(
    /// An approval with the chain of the device that approves.
    pub struct Approval {
        /// By the approver.
        statement: Statement,
        /// The approver's `DeviceChain`.
        approver: Bytes<{ limits::CHAIN }>,
    }
);

impl Approval {
    /// What it says, without believing it.
    ///
    /// # Errors
    /// [`ChainError`] where it is no approval.
    pub fn said(&self) -> Result<ApprovalBody, ChainError> {
        self.statement.peek()
    }

    /// Checks it for a device of `handle` with this certificate; who approved. `[ID-50]` `[ID-51]`
    pub(crate) fn open(
        &self,
        device: (DeviceId, StatementId),
        person: &crate::Address,
        (authority, moment): (&Authority, Moment),
        depth: usize,
    ) -> Result<VerifiedDevice, ChainError> {
        let mismatch = ChainError::Mismatch { what: ApprovalBody::KIND };
        let depth = depth.checked_sub(1).ok_or(mismatch)?;
        let chain = DeviceChain::from_bytes(&self.approver)
            .map_err(|error| ChainError::Malformed { what: ApprovalBody::KIND, error })?;
        // What has ended since it approved ends nothing: it is judged as of then.
        let then = Moment::at(self.statement.signed.not_before);
        let approver = chain.verify_to(authority, then, depth)?;
        let checker = Checker { authority: authority.id(), moment };
        let body: ApprovalBody = checker.open(&self.statement, approver.signing_key())?;
        let fits = body.device == device.0 && body.certificate == device.1;
        if !fits || approver.address() != person || approver.id() == device.0 {
            return Err(mismatch);
        }
        Ok(approver)
    }
}

impl DeviceKeys {
    /// Approves another device of the same person. `chain` is this device's own.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn approve(
        &self,
        (own, chain): (&VerifiedDevice, &DeviceChain),
        other: &VerifiedDevice,
        now: Timestamp,
    ) -> Result<Approval, IssueError> {
        if self.verifying_key() != *own.signing_key() || own.address() != other.address() || own.id() == other.id() {
            return Err(IssueError::OtherKeys);
        }
        let body = ApprovalBody { device: other.id(), certificate: other.certificate() };
        let authority = own.authority();
        let frame = Frame { authority, number: now.as_millis(), not_before: now, not_after: Timestamp::FAR_FUTURE };
        let statement = Statement::issue(frame, &body, self.signing())?;
        Ok(Approval { statement, approver: Bytes::new(chain.to_bytes())? })
    }
}

/// What two people, or one at two machines, compare before a device is approved: the beginning of its certificate's id
/// in Crockford's base 32, four groups of four. `[ID-53]`
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceCode([u8; SYMBOLS]);

impl DeviceCode {
    /// Of a certificate.
    #[must_use]
    pub fn of(certificate: StatementId) -> Self {
        let mut symbols = [0; SYMBOLS];
        let bits = certificate.as_bytes().iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
        for (i, bit) in bits.take(SYMBOLS * 5).enumerate() {
            if let Some(symbol) = symbols.get_mut(i / 5) {
                *symbol = *symbol << 1 | bit;
            }
        }
        Self(symbols)
    }

    /// As a person typed it: case, spaces and dashes do not matter, O is 0, I and L are 1.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let mut symbols = Vec::with_capacity(SYMBOLS);
        for c in typed.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let value = code::symbol(c)?;
            if symbols.len() == SYMBOLS {
                return None;
            }
            symbols.push(value);
        }
        symbols.try_into().ok().map(Self)
    }
}

impl fmt::Display for DeviceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, symbol) in self.0.iter().enumerate() {
            if i > 0 && i % 4 == 0 {
                f.write_str("-")?;
            }
            let symbol = ALPHABET.get(usize::from(*symbol)).copied().unwrap_or(b'0');
            write!(f, "{}", char::from(symbol))?;
        }
        Ok(())
    }
}

impl fmt::Debug for DeviceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceCode({self})")
    }
}

/// What a stored chain says of how its device came in, without believing it: for one that was verified before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admittance {
    /// Which device.
    pub device: DeviceId,
    /// When the relay took it.
    pub enrolled_at: Timestamp,
    /// Its certificate's end, or its renewal's.
    pub until: Timestamp,
    /// Who approved it, who approved that one, and so on.
    pub approvers: Vec<DeviceId>,
}

impl DeviceChain {
    /// How its device came in.
    ///
    /// # Errors
    /// [`ChainError`] where a body or an approver's chain does not decode, or too many approvals stand in one another.
    pub fn peek_admittance(&self) -> Result<Admittance, ChainError> {
        let malformed = |error| ChainError::Malformed { what: ApprovalBody::KIND, error };
        let mut approvers = Vec::new();
        let mut approval = self.approval.clone();
        while let Some(by) = approval {
            if approvers.len() == APPROVALS {
                return Err(ChainError::Mismatch { what: ApprovalBody::KIND });
            }
            let chain = DeviceChain::from_bytes(&by.approver).map_err(malformed)?;
            approvers.push(chain.peek_subject()?.device);
            approval = chain.approval;
        }
        let until = self.renewal.as_ref().map(|renewal| renewal.statement.signed.not_after);
        Ok(Admittance {
            device: self.peek_subject()?.device,
            enrolled_at: self.receipt.signed.not_before,
            until: until.unwrap_or(self.device_certificate.signed.not_after),
            approvers,
        })
    }
}
