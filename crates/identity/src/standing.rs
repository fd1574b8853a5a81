//! Standing (protocol-spec/03-identity, section 8): what revocations are judged by, and what they make of a device.

use amanat_primitives::{DeviceId, StatementId, Timestamp};

use crate::{ChainError, Handle, KeyId, Reason, Target, Tier};

/// What a revocation is judged by. Cheap to keep for each link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subject {
    /// Which device.
    pub device: DeviceId,
    /// Whose.
    pub handle: Handle,
    /// By which grant.
    pub grant: StatementId,
    /// When that was issued.
    pub granted_at: Timestamp,
    /// By which officer.
    pub officer: KeyId,
    /// To what clearance.
    pub granted: Tier,
    /// When the relay took the device; none where it has not yet.
    pub enrolled_at: Option<Timestamp>,
    /// The officer of its latest renewal.
    pub renewed_by: Option<KeyId>,
    /// When its clearance was stated: by the grant, or by a renewal since.
    pub cleared_at: Timestamp,
    /// That clearance.
    pub clearance: Tier,
}

impl Subject {
    /// Whether an entry about it, its person, its grant or its officer means it.
    pub(crate) fn is_met_by(&self, target: &Target, at: Timestamp) -> bool {
        match target {
            Target::Device(_) | Target::Grant(_) => true,
            // A person is enrolled again by a later grant.
            Target::Person(_) => self.granted_at <= at,
            // [ID-40] A grant can bear any date; when the relay took it the officer does not say.
            Target::Officer(_) => self.enrolled_at.is_none_or(|taken| taken > at),
        }
    }
}

/// What the list makes of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Not revoked.
    Good {
        /// Cleared so far: the certificate's clearance, or lower.
        clearance: Tier,
    },
    /// Revoked.
    Revoked {
        /// Why.
        reason: Reason,
        /// From which status statement on.
        number: u64,
        /// When that was signed.
        at: Timestamp,
    },
}

impl Standing {
    /// Whether it is revoked.
    #[must_use]
    pub fn is_revoked(self) -> bool {
        matches!(self, Self::Revoked { .. })
    }

    /// Refuses a revoked device, and a tier above what it is still cleared for. `[ID-34]`
    ///
    /// # Errors
    /// [`ChainError::Revoked`], [`ChainError::ClearanceTooLow`].
    pub fn require(self, needed: Tier) -> Result<(), ChainError> {
        match self {
            Self::Revoked { .. } => Err(ChainError::Revoked),
            Self::Good { clearance: held } if held < needed => Err(ChainError::ClearanceTooLow { needed, held }),
            Self::Good { .. } => Ok(()),
        }
    }
}
