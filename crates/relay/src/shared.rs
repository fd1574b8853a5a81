//! What all of a relay's tasks share (protocol-spec/07-delivery, section 1).

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use amanat_identity::{Authority, RelayKeys, Statement};
use amanat_primitives::{Secret, StatementId, Timestamp};
use amanat_store::{
    blobs::Blobs,
    relay::{Store, StoreError},
};
use amanat_wire::relay::{Answer, FromRelay, Refusal};
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    admission::Admission,
    again::Again,
    board::{Board, Published},
    clock::{Clock, JumpWatch},
    live::Live,
    outbox::Outbox,
    phase::{Phase, Phases},
    rate::RateTable,
    settling::Settling,
    stats::{Counters, Stats, resident_kib},
};

/// Grants for whose reuse no second notice is due yet; beyond it the oldest is forgotten.
const NOTICES: usize = 1024;
/// One notice of a grant's reuse in this time.
const NOTICE_EVERY: Duration = Duration::from_secs(3600);

/// A warning that others can bring about is logged once in this time.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Unusual things that others can bring about as often as they like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unusual {
    /// A quota is used up, or the disk is nearly full.
    Full,
    /// A document finds no room.
    DocumentFull,
    /// A grant was presented by a second device.
    GrantReused,
    /// The clock has jumped ahead.
    ClockAhead,
    /// A receipt of this relay for a certificate that it did not take.
    ForeignReceipt,
}

/// What all tasks share.
pub(crate) struct Shared {
    pub(crate) authority: Authority,
    pub(crate) keys: RelayKeys,
    /// Under which log entries are sealed.
    pub(crate) seal_key: Secret<32>,
    pub(crate) settling: Settling,
    /// The relay's own certificate, which goes into the chains of devices that it enrols.
    pub(crate) certificate: Statement,
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) live: Live,
    pub(crate) rates: RateTable,
    pub(crate) admission: Arc<Admission>,
    pub(crate) status: Board,
    pub(crate) counters: Counters,
    pub(crate) status_file: Option<PathBuf>,
    pub(crate) clock: Clock,
    pub(crate) jumps: JumpWatch,
    pub(crate) phase: Phases,
    /// One permit for each append under way.
    pub(crate) appends: Arc<Semaphore>,
    pub(crate) notices: Mutex<HashMap<StatementId, Instant>>,
    pub(crate) again: Again,
    pub(crate) warned: Mutex<Vec<(Unusual, Instant)>>,
}

impl Shared {
    /// The relay's time.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// By how much the relay's clock has jumped ahead of what it can be. [DELIV-194]
    pub(crate) fn clock_ahead(&self) -> Option<Duration> {
        let ahead = self.jumps.ahead(self.now())?;
        if self.warn_due(Unusual::ClockAhead) {
            tracing::error!(
                seconds = ahead.as_secs(),
                "the machine's clock has jumped ahead: nothing is taken in until it is set right; if it is right now, start the relay again"
            );
        }
        Some(ahead)
    }

    /// Waits until the relay is told to stop, or fails.
    pub(crate) async fn closing(&self) {
        self.phase.until(|phase| phase != Phase::Open).await;
    }

    pub(crate) fn is_open(&self) -> bool {
        self.phase.now() == Phase::Open
    }

    /// The store cannot go on: so neither can the process.
    pub(crate) fn fail(&self) {
        if self.phase.go_on(Phase::Failed, |phase| phase != Phase::Failed) {
            tracing::error!("the store has failed; the relay stops");
        }
    }

    /// What a store's refusal is on the wire.
    pub(crate) fn refusal(&self, error: StoreError) -> Answer {
        Answer::Refused(match error {
            StoreError::Conflict { last_commit } => return Answer::Conflict(last_commit),
            StoreError::StaleEpoch { last_commit } => return Answer::StaleEpoch(last_commit),
            StoreError::Behind => Refusal::Settling,
            StoreError::NotMember => Refusal::NotAllowed,
            StoreError::Exists => Refusal::Exists,
            StoreError::UnknownConversation => Refusal::Unknown,
            StoreError::UnknownCommit | StoreError::Invalid => Refusal::Malformed,
            StoreError::Full(quota) => {
                if self.warn_due(Unusual::Full) {
                    tracing::warn!(%quota, "refused for want of room");
                }
                Refusal::Full
            }
            StoreError::Unknown => Refusal::Failed,
            StoreError::Damaged => {
                tracing::error!("a stored value is damaged: restore the store from a copy");
                Refusal::Failed
            }
            StoreError::Fatal => {
                self.fail();
                Refusal::Failed
            }
        })
    }

    /// Tells every live link of a status statement.
    pub(crate) fn push_status(&self, published: &Published) {
        let message = FromRelay::PushStatus(published.clone());
        self.live.for_each(|link| link.send(&message));
    }

    /// Ends the links of devices and officers that are revoked, and says so.
    // [DELIV-90]
    pub(crate) fn end_revoked(&self) {
        for link in self.live.links_of(|subject| self.status.is_revoked(subject)) {
            link.close(Refusal::Revoked, false);
        }
        // [DELIV-200]
        for link in self.live.links_of_officers(|officer| self.status.is_officer_revoked(officer)) {
            link.close(Refusal::OfficerRevoked, false);
        }
    }

    /// Ends every live link.
    pub(crate) fn close_links(&self, refusal: Refusal, drain: bool) {
        self.live.for_each(|link: &Arc<Outbox>| link.close(refusal, drain));
    }

    /// Whether a notice about this grant's reuse is due.
    pub(crate) fn notice_due(&self, grant: StatementId, now: Instant) -> bool {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if notices.get(&grant).is_some_and(|last| now.saturating_duration_since(*last) < NOTICE_EVERY) {
            return false;
        }
        if notices.len() >= NOTICES
            && let Some(oldest) = notices.iter().min_by_key(|(_, at)| **at).map(|(grant, _)| *grant)
        {
            notices.remove(&oldest);
        }
        notices.insert(grant, now);
        true
    }

    /// Whether to log a warning: nobody outside may fill the log.
    pub(crate) fn warn_due(&self, unusual: Unusual) -> bool {
        let now = Instant::now();
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        match warned.iter_mut().find(|(what, _)| *what == unusual) {
            Some((_, last)) if now.saturating_duration_since(*last) < WARN_EVERY => false,
            Some((_, last)) => {
                *last = now;
                true
            }
            None => {
                warned.push((unusual, now));
                true
            }
        }
    }

    /// Figures.
    pub(crate) fn stats(&self) -> Stats {
        let (links, half_open) = self.admission.count();
        let store = self.store.stats();
        Stats {
            connections: links as u64,
            half_open: half_open as u64,
            appended: store.entries,
            syncs: store.syncs,
            last_sync_micros: store.last_sync_micros,
            resident_kib: resident_kib(),
            ..self.counters.read()
        }
    }
}
