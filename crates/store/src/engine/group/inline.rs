//! A writer without a thread (protocol-spec/07-delivery, section 10): for simulations, in which each job is carried out,
//! made durable and answered within the call that brings it.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicBool, Ordering},
    mpsc::{Receiver, sync_channel},
};

use tokio::time::{Instant, sleep_until};

use super::{Engine, Message, Worker, batch};
use crate::error::Fault;

/// What the writer is to do.
enum Step<J> {
    Job(J),
    /// What was put off may be due.
    Due,
    Stop,
}

type Turn<J> = Box<dyn FnMut(Step<J>) -> Option<Instant> + Send>;

/// The writer, until it is stopped.
pub(super) struct Inline<J> {
    turn: Mutex<Option<Turn<J>>>,
    /// Somebody will look whether what was put off is due.
    awaited: AtomicBool,
}

impl<J: Send + 'static> Inline<J> {
    pub(super) fn start<W: Worker<Job = J>>(engine: Arc<Engine>, mut worker: W) -> Arc<Self> {
        let none: Receiver<Message<J>> = sync_channel(1).1;
        let turn = move |step| {
            let (job, last) = match step {
                Step::Job(job) => (Some(job), false),
                Step::Due => (None, false),
                Step::Stop => (None, true),
            };
            batch(&engine, &mut worker, &none, job, last);
            if last {
                engine.close();
            }
            worker.due()
        };
        Arc::new(Self { turn: Mutex::new(Some(Box::new(turn))), awaited: AtomicBool::new(false) })
    }

    /// Carries a job out. What it puts off is done when it is due.
    pub(super) fn take(self: &Arc<Self>, job: J) -> Result<(), Fault> {
        let due = self.step(Step::Job(job)).ok_or(Fault::Closed)?;
        if let Some(due) = due
            && !self.awaited.swap(true, Ordering::Relaxed)
        {
            tokio::spawn(wait(Arc::downgrade(self), due));
        }
        Ok(())
    }
}

impl<J> Inline<J> {
    /// Writes what was put off, syncs, and lets go of the folder.
    pub(super) fn stop(&self) {
        self.step(Step::Stop);
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn step(&self, step: Step<J>) -> Option<Option<Instant>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(|turn| turn(step))
    }
}

async fn wait<J: Send + 'static>(writer: Weak<Inline<J>>, mut due: Instant) {
    loop {
        sleep_until(due).await;
        let Some(writer) = writer.upgrade() else { return };
        match writer.step(Step::Due).flatten() {
            Some(next) => due = next,
            None => return writer.awaited.store(false, Ordering::Relaxed),
        }
    }
}
