//! Watch over the batch that is being made durable (protocol-spec/07-delivery, section 10). [DELIV-08]
//!
//! sled 0.34.7 can wait for ever behind a write that failed: where the thread that leaves a buffer last writes it
//! (`Log::exit_reservation`), a failure is noted, but whoever waits for that buffer is not woken. Another flush finds the
//! note and wakes all. So a thread beside the writer asks for one when a batch takes long. Where that does not help, be it
//! that a thread of sled's panicked or that the disk itself does not answer, the store is given up, so that the process
//! can end and say why, and start again.

use std::{
    io,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::Thread,
    time::{Duration, Instant},
};

use super::Engine;
use crate::error::Fault;

/// After how long the writer is nudged for the first time; then after twice as long, and so on.
const NUDGE_AFTER: Duration = Duration::from_secs(1);
/// How long a batch may take before the store is given up. A busy disk takes seconds; one that is being snapshotted can
/// take tens of them.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How much longer, where this process itself may have been stopped meanwhile.
const GRACE: Duration = Duration::from_secs(1);

/// What the writer and its watch know of each other.
pub(crate) struct Watch {
    origin: Instant,
    patience: Duration,
    /// Milliseconds from `origin` at which the batch in progress began, and one; 0: none is in progress.
    begun: AtomicU64,
    /// The watch sleeps until it is woken.
    resting: AtomicBool,
    stuck: AtomicBool,
    thread: OnceLock<Thread>,
}

/// A batch is in progress until this is dropped.
pub(crate) struct Watched<'a>(&'a Watch);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.0.begun.store(0, Ordering::SeqCst);
    }
}

impl Watch {
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            origin: Instant::now(),
            patience,
            begun: AtomicU64::new(0),
            resting: AtomicBool::new(false),
            stuck: AtomicBool::new(false),
            thread: OnceLock::new(),
        }
    }

    /// The writer begins a batch.
    pub(crate) fn begin(&self) -> Watched<'_> {
        self.begun.store(self.now() + 1, Ordering::SeqCst);
        if self.resting.load(Ordering::SeqCst) {
            self.wake();
        }
        Watched(self)
    }

    /// Whether the writer was given up: it will never answer, and nobody should wait for it.
    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Acquire)
    }

    /// Has the watch look again, and end if there is nothing left to watch.
    pub(super) fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// How long the batch in progress has taken, and when it began.
    fn in_progress(&self) -> Option<(Duration, u64)> {
        let begun = self.begun.load(Ordering::SeqCst);
        (begun != 0).then(|| (Duration::from_millis(self.now().saturating_sub(begun - 1)), begun))
    }

    /// Sleeps until a batch begins. One that began meanwhile, or ended, is looked at in the next moment.
    fn rest(&self) {
        self.resting.store(true, Ordering::SeqCst);
        if self.in_progress().is_none() {
            std::thread::park();
        }
        self.resting.store(false, Ordering::SeqCst);
    }
}

/// Starts the watch over an engine. It ends with it.
pub(crate) fn start(engine: &Arc<Engine>) -> io::Result<()> {
    let watched = Arc::downgrade(engine);
    let watch = engine.watch.clone();
    let thread = std::thread::Builder::new().name("store watch".into()).spawn(move || run(&watch, &watched))?;
    let _ = engine.watch.thread.set(thread.thread().clone());
    Ok(())
}

fn run(watch: &Watch, engine: &Weak<Engine>) {
    let first = NUDGE_AFTER.min(watch.patience / 2);
    // The batch that is being waited for, and when it is nudged next.
    let mut nudged = (0, first);
    while let Some(engine) = engine.upgrade().filter(|engine| engine.check() != Err(Fault::Closed)) {
        let Some((taken, begun)) = watch.in_progress() else {
            drop(engine);
            watch.rest();
            // Most batches end long before this, and none of them wakes the watch.
            std::thread::park_timeout(first);
            continue;
        };
        if taken >= watch.patience {
            // A process that was stopped or frozen goes on here, before the writer could.
            std::thread::sleep(GRACE.min(watch.patience));
            if watch.in_progress().is_none_or(|(_, now)| now != begun) {
                continue;
            }
            tracing::error!(seconds = taken.as_secs(), "the disk does not answer; the store is shut");
            engine.fail();
            watch.stuck.store(true, Ordering::Release);
            return;
        }
        if nudged.0 != begun {
            nudged = (begun, first);
        }
        if taken >= nudged.1 {
            nudged.1 *= 2;
            nudge(engine);
        } else {
            drop(engine);
        }
        std::thread::park_timeout((nudged.1.min(watch.patience)).saturating_sub(taken));
    }
}

/// Has sled look whether a write has failed. It may wait itself, so it is done on a thread that nobody waits for.
fn nudge(engine: Arc<Engine>) {
    tracing::warn!("a batch takes long");
    let asked = std::thread::Builder::new().name("store nudge".into()).spawn(move || engine.nudge());
    if let Err(error) = asked {
        tracing::warn!(%error, "no thread to ask the database engine");
    }
}
