//! How far a relay has come to its end (protocol-spec/07-delivery, section 9), which every task of it waits for.
//!
//! Not tokio's `watch`, which wakes those who wait in an order that it draws: here it is the order in which they came, so
//! that a simulated run can be run again.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// What the relay is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// Serving.
    Open,
    /// Told to stop.
    Closing,
    /// The store has failed: stop the process.
    Failed,
}

/// The phase, shared.
pub(crate) struct Phases {
    now: Mutex<Phase>,
    changed: Notify,
}

impl Phases {
    pub(crate) fn new() -> Self {
        Self { now: Mutex::new(Phase::Open), changed: Notify::new() }
    }

    pub(crate) fn now(&self) -> Phase {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on to `next` where `from` allows it; says whether it did. Whoever waits is woken.
    pub(crate) fn go_on(&self, next: Phase, from: impl Fn(Phase) -> bool) -> bool {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let goes = from(*now);
        if goes {
            *now = next;
        }
        drop(now);
        if goes {
            self.changed.notify_waiters();
        }
        goes
    }

    /// Waits for a phase.
    pub(crate) async fn until(&self, is: impl Fn(Phase) -> bool) {
        loop {
            // Made before the look: it is woken from here on.
            let changed = self.changed.notified();
            if is(self.now()) {
                return;
            }
            changed.await;
        }
    }
}
