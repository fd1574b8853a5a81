//! The grant ledger (protocol-spec/03-identity, section 6): one certificate for one grant, as the relay that enrols
//! and as everyone who meets devices later.

use std::collections::BTreeMap;

use amanat_primitives::StatementId;
use amanat_wire::record;

use crate::{ChainError, VerifiedDevice, VerifiedEnrolment};

record!(
    /// What is known about a grant, as it is stored.
    pub struct GrantUse {
        /// The grant.
        grant: StatementId,
        /// The first certificate that was seen for it.
        certificate: StatementId,
        /// Another one was seen: neither is believed.
        reused: bool,
    }
);

/// How a relay meets an enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redemption {
    /// The grant was not redeemed before: record it, then sign the receipt.
    First,
    /// The same certificate again, after a lost answer: give the recorded receipt again.
    Again,
}

impl Redemption {
    /// Judges an enrolment by the certificate that was taken for its grant before, if any. `[ID-17]`
    ///
    /// # Errors
    /// [`ChainError::AlreadyRedeemed`] where that is another one: the loser is refused, the first device alarmed.
    pub fn judge(taken: Option<StatementId>, enrolment: &VerifiedEnrolment) -> Result<Self, ChainError> {
        match taken {
            None => Ok(Self::First),
            Some(certificate) if certificate == enrolment.certificate() => Ok(Self::Again),
            Some(_) => Err(ChainError::AlreadyRedeemed),
        }
    }
}

/// Which certificate was seen for each grant. One entry for each verified device: as large as the directory.
#[derive(Default, Clone, Debug)]
pub struct GrantLedger(BTreeMap<StatementId, (StatementId, bool)>);

impl GrantLedger {
    /// Knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As stored.
    pub fn restore(uses: impl IntoIterator<Item = GrantUse>) -> Self {
        Self(uses.into_iter().map(|used| (used.grant, (used.certificate, used.reused))).collect())
    }

    /// Takes notice of a device. To be called for every chain that was verified, before it is relied on; what
    /// [`used`](Self::used) says about its grant is then to be stored. `[ID-18]`
    ///
    /// # Errors
    /// [`ChainError::GrantReused`] for a second certificate of the grant, and from then on for the first one too.
    pub fn observe(&mut self, device: &VerifiedDevice) -> Result<(), ChainError> {
        let (first, reused) = self.0.entry(device.grant()).or_insert((device.certificate(), false));
        *reused |= *first != device.certificate();
        if *reused { Err(ChainError::GrantReused) } else { Ok(()) }
    }

    /// As [`Redemption::judge`], by what this ledger holds; records a first redemption.
    ///
    /// # Errors
    /// [`ChainError::AlreadyRedeemed`].
    pub fn redeem(&mut self, enrolment: &VerifiedEnrolment) -> Result<Redemption, ChainError> {
        let taken = self.0.get(&enrolment.grant()).map(|(certificate, _)| *certificate);
        let redemption = Redemption::judge(taken, enrolment)?;
        self.0.entry(enrolment.grant()).or_insert((enrolment.certificate(), false));
        Ok(redemption)
    }

    /// What is known about a grant.
    #[must_use]
    pub fn used(&self, grant: &StatementId) -> Option<GrantUse> {
        let (certificate, reused) = *self.0.get(grant)?;
        Some(GrantUse { grant: *grant, certificate, reused })
    }
}
