//! The status board (protocol-spec/07-delivery, section 7): the latest status statement and the revocations that it
//! names, in memory as they are in the store.

use std::sync::{PoisonError, RwLock};

use amanat_identity::{
    Acceptable, Authority, ChainError, DeviceChain, Enrolment, KeyId, NotAccepted, RevocationEntry, SignedStatus,
    StatementKind, StatusView, Subject, VerifiedEnrolment,
};
use amanat_primitives::Timestamp;
use amanat_wire::{Bytes, Decode as _, Encode as _, client::StatusUpdate, limits};

/// Bytes of a published statement, as [`SignedStatus`].
pub(crate) type Published = Bytes<{ limits::CHAIN }>;

/// The latest status statement and its list.
#[derive(Default)]
pub(crate) struct Board {
    state: RwLock<State>,
    /// Held from judging a statement until it is up: statements go up one after the other.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    view: StatusView,
    published: Published,
}

/// Why a statement is not put up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotPutUp {
    /// Its bytes are no statement, or its entries no revocations.
    #[error("the statement cannot be decoded")]
    Bytes,
    /// It does not verify.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A newer one is up, or another of the same number, or its list does not follow the one that is held.
    #[error(transparent)]
    NotAccepted(#[from] NotAccepted),
    /// It begins behind what is held.
    #[error("revocations are missing between those that are held and those that were brought")]
    Gap,
}

/// A statement that may go up: to be stored first.
pub(crate) struct Judged {
    acceptable: Acceptable,
    pub(crate) number: u64,
    /// So many entries are held.
    pub(crate) first: u32,
    /// Encodings of those that are new.
    pub(crate) revocations: Vec<Vec<u8>>,
}

impl Board {
    /// After a restart: what is stored, verified again.
    pub(crate) fn restore(
        bytes: Vec<u8>,
        revocations: &[Vec<u8>],
        authority: &Authority,
        now: Timestamp,
    ) -> Result<Self, NotPutUp> {
        let signed = SignedStatus::from_bytes(&bytes).map_err(|_| NotPutUp::Bytes)?;
        let entries = revocations.iter().map(|bytes| RevocationEntry::from_bytes(bytes));
        let entries = entries.collect::<Result<Vec<_>, _>>().map_err(|_| NotPutUp::Bytes)?;
        let view = StatusView::restore(&signed, &entries, authority, now)?;
        // One of an officer whose certificate has ended is not shown; its list stands.
        let shown = view.current().is_some();
        let published = Bytes::new(bytes).map_err(|_| NotPutUp::Bytes)?;
        let state = State { view, published: if shown { published } else { Published::default() } };
        Ok(Self { state: RwLock::new(state), ..Self::default() })
    }

    /// Checks that a statement may go up. Nothing changes.
    // [DELIV-57]
    pub(crate) fn judge(
        &self,
        update: &StatusUpdate,
        authority: &Authority,
        now: Timestamp,
    ) -> Result<Judged, NotPutUp> {
        let signed = SignedStatus::from_bytes(&update.status).map_err(|_| NotPutUp::Bytes)?;
        let status = signed.verify(authority, now)?;
        // [DELIV-203] Else an officer could stay ahead of all others, and of their own revocation.
        if status.number() > now.after(Timestamp::CLOCK_TOLERANCE).as_millis() {
            let from = Timestamp::from_millis(status.number());
            return Err(ChainError::NotYetValid { what: StatementKind::Status, from }.into());
        }
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let first = state.view.revocations().summary().count;
        let known = first.checked_sub(update.first).ok_or(NotPutUp::Gap)?;
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        let entries = update.revocations.iter().skip(known).map(|bytes| RevocationEntry::from_bytes(bytes));
        let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(|_| NotPutUp::Bytes)?;
        let number = status.number();
        let named = status.revocations().count.saturating_sub(first);
        entries.truncate(usize::try_from(named).unwrap_or(usize::MAX));
        // [ID-61] Else the next statements of the others would be older than what their list has.
        let latest = now.after(Timestamp::CLOCK_TOLERANCE);
        if let Some(from) = entries.iter().map(RevocationEntry::at).find(|at| *at > latest) {
            return Err(ChainError::NotYetValid { what: StatementKind::Revocation, from }.into());
        }
        let acceptable = state.view.judge(status, &entries, authority)?;
        let revocations = entries.iter().map(amanat_wire::Encode::to_bytes).collect();
        Ok(Judged { acceptable, number, first, revocations })
    }

    /// Puts up what was judged and has been stored. Says whether it is another statement than before.
    pub(crate) fn put(&self, judged: Judged) -> bool {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let published = Bytes::new(judged.acceptable.status().published().to_bytes()).unwrap_or_default();
        let changed = state.published != published;
        if state.view.accept(judged.acceptable) {
            state.published = published;
            return changed;
        }
        false
    }

    /// As published; empty where there has been none.
    pub(crate) fn latest(&self) -> Published {
        self.state.read().unwrap_or_else(PoisonError::into_inner).published.clone()
    }

    /// Whether something is revoked, by all that is known.
    pub(crate) fn is_revoked(&self, subject: &Subject) -> bool {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.view.revocations().standing_of(subject, u64::MAX).is_revoked()
    }

    /// Whether an officer is revoked, by all that is known.
    pub(crate) fn is_officer_revoked(&self, officer: KeyId) -> bool {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.view.revocations().is_officer_revoked(officer, u64::MAX)
    }

    /// Whether a stored chain's device is revoked. One that cannot be read is left to whoever verifies it.
    pub(crate) fn is_chain_revoked(&self, chain: &[u8]) -> bool {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let list = state.view.revocations();
        if list.summary().count == 0 {
            return false;
        }
        let subject = DeviceChain::from_bytes(chain).ok().and_then(|chain| chain.peek_subject().ok());
        subject.is_some_and(|subject| list.standing_of(&subject, u64::MAX).is_revoked())
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
    use amanat_identity::{ListSummary, OldStatus, Reason, Target, body::RevocationBody, testing::Office};
    use amanat_wire::List;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    use super::*;

    fn bytes(status: &SignedStatus) -> StatusUpdate {
        StatusUpdate { status: Bytes::new(status.to_bytes()).unwrap(), first: 0, revocations: List::default() }
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
        let refusal = |update: &StatusUpdate| board.judge(update, authority, later).map(|_| ()).unwrap_err();
        assert!(board.put(board.judge(&first, authority, now).unwrap()));
        assert!(!board.put(board.judge(&first, authority, now).unwrap()));
        let judged = board.judge(&second, authority, later).unwrap();
        assert_eq!(board.latest(), first.status);
        assert!(board.put(judged));
        assert!(matches!(refusal(&first), NotPutUp::NotAccepted(NotAccepted::Old(OldStatus::Older { .. }))));
        assert_eq!(board.latest(), second.status);
        let other = Office::new(&mut rng, now);
        let foreign = bytes(&other.status(later.after(std::time::Duration::from_secs(60))));
        assert!(matches!(refusal(&foreign), NotPutUp::Chain(_)));
        let nonsense = StatusUpdate { status: Bytes::new(vec![1, 2, 3]).unwrap(), ..first.clone() };
        assert_eq!(refusal(&nonsense), NotPutUp::Bytes);
        assert_eq!(refusal(&StatusUpdate { first: 1, ..second }), NotPutUp::Gap);
    }

    #[test]
    fn no_revocation_is_far_ahead_of_the_relays_clock() {
        // [ID-61]
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let now = Timestamp::from_secs(1_800_000_000);
        let office = Office::new(&mut rng, now);
        let latest = now.after(Timestamp::CLOCK_TOLERANCE);
        let judge = |at: Timestamp| {
            let number = latest.as_millis();
            let target = Target::Device(amanat_primitives::DeviceId::from_bytes([9; 32]));
            let body = RevocationBody { target, ceiling: None, reason: Reason::Lost, note: None };
            let entry = office.officer_keys.revoke(&office.officer(now), number, &body, at).unwrap();
            let (officer, validity) = (office.officer(now), std::time::Duration::from_secs(3600));
            let summary = ListSummary::default().with(&entry);
            let signed = office.officer_keys.attest(&officer, number, summary, latest, validity).unwrap();
            let revocations = List::new(vec![Bytes::new(entry.to_bytes()).unwrap()]).unwrap();
            let update = StatusUpdate { revocations, ..bytes(&signed) };
            Board::default().judge(&update, office.authority(), now).map(|_| ())
        };
        assert_eq!(judge(latest), Ok(()));
        let from = latest.after(std::time::Duration::from_millis(1));
        let what = StatementKind::Revocation;
        assert_eq!(judge(from), Err(NotPutUp::Chain(ChainError::NotYetValid { what, from })));
    }

    #[test]
    fn no_number_is_far_ahead_of_the_relays_clock() {
        // [DELIV-203]
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let now = Timestamp::from_secs(1_800_000_000);
        let office = Office::new(&mut rng, now);
        let judge = |number| {
            let (officer, validity) = (office.officer(now), std::time::Duration::from_secs(3600));
            let signed = office.officer_keys.attest(&officer, number, ListSummary::default(), now, validity).unwrap();
            Board::default().judge(&bytes(&signed), office.authority(), now).map(|judged| judged.number)
        };
        let highest = now.after(Timestamp::CLOCK_TOLERANCE).as_millis();
        assert_eq!(judge(highest), Ok(highest));
        assert!(matches!(judge(highest + 1), Err(NotPutUp::Chain(ChainError::NotYetValid { .. }))));
    }
}
