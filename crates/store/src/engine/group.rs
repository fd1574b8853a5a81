//! Group commit (protocol-spec/07-delivery, section 10): one writer thread, whose callers share each sync.
//!
//! Jobs wait in a bounded queue. The writer takes all that wait (up to a limit), lets the [`Worker`] turn them into one
//! batch, makes that durable, and only then has their answers released. While it syncs, the next jobs gather.

#[cfg(feature = "test-util")]
mod inline;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot},
    time::Instant,
};

use super::{Engine, tx::Tx};
use crate::error::Fault;

/// Most jobs in one batch: enough for 1024 waiting callers to share a sync.
const BATCH_JOBS: usize = 2_048;
/// A batch that has grown to this size takes no further job. Far below the least free space that is kept.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// How long a blocking caller naps while the queue is full, or while the writer ends.
const NAP: Duration = Duration::from_millis(1);
/// How often a blocked caller looks whether the writer was given up.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the writer thread does with jobs.
pub(crate) trait Worker: Send + 'static {
    /// A request, with where its answer goes.
    type Job: Send + 'static;

    /// Carries a job out on the batch. `full`: the disk is nearly full, so only jobs that free space may add to it.
    fn take(&mut self, job: Self::Job, tx: &mut Tx<'_>, full: bool);

    /// When work that was put off has to be done at the latest.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Adds work that was put off: to a batch that is about to be written, because it is due, or because this is the
    /// `last` batch.
    fn take_put_off(&mut self, _tx: &mut Tx<'_>, _last: bool) {}

    /// Makes durable what the batch refers to outside the database.
    fn prepare(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    /// Releases the answers of all jobs since the last call: the batch is durable, or not.
    fn settle(&mut self, outcome: Result<(), Fault>);
}

enum Message<J> {
    Job(J, OwnedSemaphorePermit),
    Stop,
}

/// Where a writer's answer goes.
pub(crate) enum Reply<T> {
    /// To a task.
    Task(oneshot::Sender<T>),
    /// To a blocked thread.
    Thread(SyncSender<T>),
}

impl<T> Reply<T> {
    /// Answers. A caller that has gone away is no fault.
    pub(crate) fn send(self, answer: T) {
        match self {
            Self::Task(sender) => drop(sender.send(answer)),
            Self::Thread(sender) => drop(sender.send(answer)),
        }
    }
}

/// The caller's side of the writer thread.
pub(crate) struct Group<J> {
    engine: Arc<Engine>,
    queue: SyncSender<Message<J>>,
    permits: Arc<Semaphore>,
    thread: Mutex<Option<JoinHandle<()>>>,
    closed: AtomicBool,
    /// In a simulation, in place of the thread.
    #[cfg(feature = "test-util")]
    inline: Option<Arc<inline::Inline<J>>>,
}

impl<J: Send + 'static> Group<J> {
    /// Starts the writer with room for `length` waiting jobs.
    pub(crate) fn start<W: Worker<Job = J>>(
        name: &str,
        engine: Arc<Engine>,
        worker: W,
        length: usize,
    ) -> std::io::Result<Self> {
        // One more than there are permits, for `Stop`: so a send with a permit never blocks.
        let length = length.clamp(1, Semaphore::MAX_PERMITS.min(1 << 20));
        let (queue, jobs) = sync_channel(length + 1);
        #[cfg(feature = "test-util")]
        if crate::simulated::here() {
            let inline = Some(inline::Inline::start(engine.clone(), worker));
            let permits = Arc::new(Semaphore::new(length));
            return Ok(Self {
                engine,
                queue,
                permits,
                thread: Mutex::new(None),
                closed: AtomicBool::new(false),
                inline,
            });
        }
        let writers = engine.clone();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let ran = catch_unwind(AssertUnwindSafe(|| run(&writers, worker, &jobs)));
            if ran.is_err() {
                tracing::error!("the store's writer failed; the store is shut");
                writers.fail();
            }
        })?;
        Ok(Self {
            engine,
            queue,
            permits: Arc::new(Semaphore::new(length)),
            thread: Mutex::new(Some(thread)),
            closed: AtomicBool::new(false),
            #[cfg(feature = "test-util")]
            inline: None,
        })
    }

    /// Queues a job, waiting for room.
    pub(crate) async fn send(&self, job: J) -> Result<(), Fault> {
        #[cfg(feature = "test-util")]
        if let Some(inline) = &self.inline {
            return inline.take(job);
        }
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| Fault::Closed)?;
        self.queue.try_send(Message::Job(job, permit)).map_err(|_| Fault::Closed)
    }

    /// Queues a job from a thread that may block. It may be one of an async runtime: nothing here panics there.
    pub(crate) fn send_blocking(&self, job: J) -> Result<(), Fault> {
        #[cfg(feature = "test-util")]
        if let Some(inline) = &self.inline {
            return inline.take(job);
        }
        loop {
            match self.permits.clone().try_acquire_owned() {
                Ok(permit) => return self.queue.try_send(Message::Job(job, permit)).map_err(|_| Fault::Closed),
                Err(TryAcquireError::Closed) => return Err(Fault::Closed),
                Err(TryAcquireError::NoPermits) if self.engine.watch.is_stuck() => return Err(Fault::Closed),
                Err(TryAcquireError::NoPermits) => std::thread::sleep(NAP),
            }
        }
    }

    /// Queues a job and waits for its answer. [`Fault::Closed`]: the writer stopped before it answered.
    pub(crate) async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> J) -> Result<T, Fault> {
        let (reply, answer) = oneshot::channel();
        self.send(job(Reply::Task(reply))).await?;
        answer.await.map_err(|_| Fault::Closed)
    }

    /// The same from a thread that may block.
    pub(crate) fn ask_blocking<T>(&self, job: impl FnOnce(Reply<T>) -> J) -> Result<T, Fault> {
        let (reply, answer) = sync_channel(1);
        self.send_blocking(job(Reply::Thread(reply)))?;
        loop {
            match answer.recv_timeout(LOOK_EVERY) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) if !self.engine.watch.is_stuck() => {}
                Err(_) => return Err(Fault::Closed),
            }
        }
    }

    /// Takes no more jobs, carries out those that wait, and ends the thread.
    pub(crate) fn stop(&self) {
        #[cfg(feature = "test-util")]
        if let Some(inline) = &self.inline {
            return inline.stop();
        }
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.permits.close();
            // Fails only when the thread has already gone.
            drop(self.queue.send(Message::Stop));
        }
        join(&self.engine, self.thread.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Waits for the writer, unless it is the writer itself that lets go of the store, or it will never end. [DELIV-08]
fn join(engine: &Engine, thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread
        && thread.thread().id() != std::thread::current().id()
    {
        while !thread.is_finished() {
            if engine.watch.is_stuck() {
                return;
            }
            std::thread::sleep(NAP);
        }
        drop(thread.join());
    }
}

impl<J> Drop for Group<J> {
    fn drop(&mut self) {
        #[cfg(feature = "test-util")]
        if let Some(inline) = &self.inline {
            return inline.stop();
        }
        self.permits.close();
        drop(self.queue.try_send(Message::Stop));
        join(&self.engine, self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take());
    }
}

fn run<W: Worker>(engine: &Engine, mut worker: W, jobs: &Receiver<Message<W::Job>>) {
    loop {
        let (first, stop) = match wait(jobs, worker.due()) {
            Wait::Job(job) => (Some(job), false),
            Wait::Due => (None, false),
            Wait::Stop => (None, true),
        };
        let stop = batch(engine, &mut worker, jobs, first, stop) || stop;
        if stop {
            // Permits are closed: what is still in the queue came before.
            while let Ok(message) = jobs.try_recv() {
                if let Message::Job(job, _permit) = message {
                    batch(engine, &mut worker, jobs, Some(job), false);
                }
            }
            batch(engine, &mut worker, jobs, None, true);
            engine.close();
            return;
        }
    }
}

enum Wait<J> {
    Job(J),
    Due,
    Stop,
}

fn wait<J>(jobs: &Receiver<Message<J>>, due: Option<Instant>) -> Wait<J> {
    let received = match due {
        None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
        Some(due) => jobs.recv_timeout(due.saturating_duration_since(Instant::now())),
    };
    match received {
        Ok(Message::Job(job, _permit)) => Wait::Job(job),
        Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => Wait::Stop,
        Err(RecvTimeoutError::Timeout) => Wait::Due,
    }
}

/// One batch from taking to settling. Says whether to stop after it.
fn batch<W: Worker>(
    engine: &Engine,
    worker: &mut W,
    jobs: &Receiver<Message<W::Job>>,
    mut next: Option<W::Job>,
    last: bool,
) -> bool {
    let _watched = engine.watch.begin();
    let mut tx = Tx::new(engine);
    let full = engine.is_nearly_full();
    let mut taken = 0;
    let mut stop = false;
    while let Some(job) = next.take() {
        worker.take(job, &mut tx, full);
        taken += 1;
        if taken >= BATCH_JOBS || tx.bytes() >= BATCH_BYTES {
            break;
        }
        match jobs.try_recv() {
            Ok(Message::Job(job, _permit)) => next = Some(job),
            Ok(Message::Stop) => stop = true,
            Err(_) => {}
        }
    }
    worker.take_put_off(&mut tx, last);
    let outcome = if tx.is_empty() { engine.check() } else { prepare(engine, worker).and_then(|()| engine.commit(tx)) };
    worker.settle(outcome);
    stop
}

fn prepare<W: Worker>(engine: &Engine, worker: &mut W) -> Result<(), Fault> {
    // Jobs of this batch have been carried out in the worker's memory: it cannot go on without the batch.
    worker.prepare().inspect_err(|_| engine.fail())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Settings, folder::Format};

    /// A writer whose disk never answers.
    struct Hangs(Vec<Reply<Result<(), Fault>>>);

    impl Worker for Hangs {
        type Job = Reply<Result<(), Fault>>;

        fn take(&mut self, reply: Self::Job, tx: &mut Tx<'_>, _full: bool) {
            self.0.push(reply);
            tx.put(vec![2], vec![1]);
        }

        fn prepare(&mut self) -> Result<(), Fault> {
            loop {
                std::thread::park();
            }
        }

        fn settle(&mut self, _outcome: Result<(), Fault>) {}
    }

    // [DELIV-08]
    #[test]
    fn a_disk_that_never_answers_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings {
            format: Format { kind: "test", version: 1 },
            create: true,
            cache_bytes: 1 << 20,
            free_floor: 0,
            patience: Duration::from_millis(200),
            checked_first: 0,
        };
        let engine = Engine::open(&dir.path().join("store"), settings).unwrap();
        let group = Group::start("hanging writer", engine.clone(), Hangs(Vec::new()), 8).unwrap();
        assert_eq!(engine.check(), Ok(()));
        let waiting = std::time::Instant::now();
        assert_eq!(group.ask_blocking(|reply| reply).map(drop), Err(Fault::Closed));
        assert_eq!(engine.check(), Err(Fault::Fatal));
        // Nor does anybody wait for room in its queue.
        let asked = (0..20).find_map(|_| group.send_blocking(Reply::Thread(sync_channel(1).0)).err());
        assert_eq!(asked, Some(Fault::Closed));
        group.stop();
        drop(group);
        assert!(waiting.elapsed() < Duration::from_secs(5));
    }
}
