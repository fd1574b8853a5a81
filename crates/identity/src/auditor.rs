//! Auditors (protocol-spec/03-identity, sections 1, 4 and 5): whose certificates the root signs beside those of officers.
//!
//! They have no powers: what they read is a register that is not there yet (protocol-spec/10-threat-model, section 4).
//! Here is what their certificate has to be, so that whoever is shown one need not invent it.

use std::fmt;

use amanat_primitives::Timestamp;

use crate::{Authority, ChainError, KeyId, PersonName, Statement, body::AuditorBody, statement::Moment};

/// An auditor whose certificate was checked.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedAuditor {
    body: AuditorBody,
    id: KeyId,
    valid_until: Timestamp,
}

impl VerifiedAuditor {
    /// Checks an auditor certificate: the root's, of this authority, within its window. `[ID-05]`
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn verify(certificate: &Statement, authority: &Authority, now: Timestamp) -> Result<Self, ChainError> {
        let body: AuditorBody = authority.checker(Moment::at(now))?.open(certificate, authority.key())?;
        Ok(Self { id: KeyId::of(&body.signing), valid_until: certificate.signed.not_after, body })
    }

    /// Id of the auditor's signing key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The auditor's name.
    #[must_use]
    pub fn name(&self) -> &PersonName {
        &self.body.name
    }

    /// The end of the certificate.
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        self.valid_until
    }
}

impl fmt::Debug for VerifiedAuditor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedAuditor({})", self.id)
    }
}
