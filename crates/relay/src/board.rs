//! The status board (protocol-spec/07-delivery, section 7): the latest status statement, in memory as it is in the store.

use std::sync::{PoisonError, RwLock};

use amanat_identity::{Authority, ChainError, Enrolment, OldStatus, SignedStatus, StatusView, VerifiedEnrolment};
use amanat_primitives::{StatementId, Timestamp};
use amanat_wire::{Bytes, Decode as _, limits};

/// Bytes of a published statement, as [`SignedStatus`].
pub(crate) type Published = Bytes<{ limits::CHAIN }>;

/// The latest status statement.
#[derive(Default)]
pub(crate) struct Board {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    view: StatusView,
    published: Published,
}

/// Why a statement is not put up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotPutUp {
    /// Its bytes are no statement.
    #[error("the statement cannot be decoded")]
    Bytes,
    /// It does not verify.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A newer one is up, or another of the same number.
    #[error(transparent)]
    Old(#[from] OldStatus),
}

impl Board {
    /// Checks that `bytes` are a statement that may go up, and gives its number. Nothing changes.
    // [DELIV-57]
    pub(crate) fn judge(&self, bytes: &[u8], authority: &Authority, now: Timestamp) -> Result<u64, NotPutUp> {
        let signed = SignedStatus::from_bytes(bytes).map_err(|_| NotPutUp::Bytes)?;
        let status = signed.verify(authority, now)?;
        let number = status.number();
        let mut view = self.state.read().unwrap_or_else(PoisonError::into_inner).view.clone();
        view.accept(status)?;
        Ok(number)
    }

    /// Puts a statement up. Says whether it is another than before.
    pub(crate) fn put(&self, bytes: Published, authority: &Authority, now: Timestamp) -> Result<bool, NotPutUp> {
        let signed = SignedStatus::from_bytes(&bytes).map_err(|_| NotPutUp::Bytes)?;
        let status = signed.verify(authority, now)?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.view.accept(status)?;
        let changed = *state.published != *bytes;
        state.published = bytes;
        Ok(changed)
    }

    /// As published; empty where there has been none.
    pub(crate) fn latest(&self) -> Published {
        self.state.read().unwrap_or_else(PoisonError::into_inner).published.clone()
    }

    /// Refuses a revoked grant.
    pub(crate) fn require_not_revoked(&self, grant: &StatementId) -> Result<(), ChainError> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).view.require_not_revoked(grant)
    }

    /// Verifies an enrolment against what is known to be revoked.
    pub(crate) fn verify_enrolment(
        &self,
        enrolment: &Enrolment,
        authority: &Authority,
        now: Timestamp,
    ) -> Result<VerifiedEnrolment, ChainError> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        enrolment.verify(authority, now, &state.view)
    }
}

#[cfg(test)]
mod tests {
    use amanat_identity::testing::Office;
    use amanat_wire::Encode as _;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    use super::*;

    fn bytes(status: &SignedStatus) -> Published {
        Bytes::new(status.to_bytes()).unwrap()
    }

    #[test]
    fn numbers_only_go_up_and_another_authority_is_not_believed() {
        // [DELIV-57]
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let now = Timestamp::from_secs(1_800_000_000);
        let later = now.after(std::time::Duration::from_secs(60));
        let office = Office::new(&mut rng, now);
        let (first, second) = (bytes(&office.status(now)), bytes(&office.status(later)));
        let board = Board::default();
        let authority = office.authority();
        assert_eq!(board.put(first.clone(), authority, now), Ok(true));
        assert_eq!(board.put(first.clone(), authority, now), Ok(false));
        assert!(board.judge(&second, authority, later).is_ok());
        assert_eq!(board.latest(), first);
        assert_eq!(board.put(second.clone(), authority, later), Ok(true));
        assert!(matches!(board.put(first.clone(), authority, later), Err(NotPutUp::Old(OldStatus::Older { .. }))));
        assert!(matches!(board.judge(&first, authority, later), Err(NotPutUp::Old(_))));
        assert_eq!(board.latest(), second);
        let other = Office::new(&mut rng, now);
        let foreign = bytes(&other.status(later.after(std::time::Duration::from_secs(60))));
        assert!(matches!(board.judge(&foreign, authority, later), Err(NotPutUp::Chain(_))));
        assert_eq!(board.judge(&[1, 2, 3], authority, later), Err(NotPutUp::Bytes));
    }
}
