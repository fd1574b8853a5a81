//! The relay's writer (protocol-spec/07-delivery, section 10): carries verbs out, one after the other, on one batch.

use std::{
    collections::HashMap,
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use amanat_primitives::{ConversationId, DeviceId, Digest, Timestamp};
use tokio::time::Instant;

use super::{
    Limits, OnPublished, SignReceipt,
    bodies::Bodies,
    directory::StatusWrite,
    error::StoreError,
    keys,
    log::Log,
    record::{DeviceState, Head},
    resupply::{LostWelcomes, Supply},
    sweep::SweepState,
    types::{Appended, Claimed, DirectPart, Expected, Published, Put, Redeemed, Redemption, StatusPut, Swept, Unit},
};
use crate::{
    OpenError,
    engine::{
        Engine,
        group::{Reply, Worker},
        tx::Tx,
    },
    error::Fault,
    recent::Recent,
};

/// Logs and devices whose state is kept in memory.
const RECENT: usize = 8_192;
/// Ids of units that are kept in memory, about 50 bytes each; looked after every so many batches.
const IDS_MAX: usize = 500_000;
const WEIGH_EVERY: u64 = 256;
/// How long cursors may wait for a batch that is written anyway.
const CURSORS_WAIT: Duration = Duration::from_millis(200);
/// Waiting cursors beyond which a batch is written at once.
const CURSORS_MAX: usize = 65_536;

/// Where the answer to a verb goes.
pub(crate) type Answer<T> = Reply<Result<T, StoreError>>;

/// A verb that changes the store.
pub(crate) enum Job {
    Append(Box<Unit>, Digest, Answer<Appended>),
    PostDirect(Vec<DirectPart>, Option<Vec<u8>>, Timestamp, Answer<()>),
    Advance(DeviceId, Vec<(ConversationId, u64)>, u64),
    Decline(DeviceId, ConversationId, Answer<()>),
    Sweep(Timestamp, usize, Answer<Swept>),
    PutKeyPackages(DeviceId, Vec<Vec<u8>>, Option<Vec<u8>>, u64, Answer<()>),
    ClaimKeyPackage(DeviceId, Answer<Option<Claimed>>),
    DropKeyPackages(DeviceId, Answer<()>),
    Redeem(Box<Redemption>, Answer<Redeemed>),
    ReplaceChain(DeviceId, Vec<u8>, String, Answer<()>),
    PutStatement(u8, Vec<u8>, Vec<u8>, Expected, Answer<Put>),
    PutStatus(StatusWrite, Answer<StatusPut>),
    Resupply(Box<Supply>, Answer<u64>),
    Welcomes(Box<LostWelcomes>, Answer<()>),
    BeginSettling(Timestamp, Answer<()>),
    Flush(Answer<()>),
    Export(File, Answer<File>),
}

/// What is released when the batch is durable, in this order.
pub(crate) enum Outcome {
    Answer(Box<dyn FnOnce(Result<(), Fault>) + Send>),
    Publish(Published),
}

/// Position and running hash of logs.
pub(crate) type Earlier = HashMap<ConversationId, (u64, Digest)>;
/// Where the logs stand on disk that a batch in progress appends to; position 0 for those that it creates.
pub(crate) type Unpublished = RwLock<Earlier>;

/// The state behind the writer thread.
pub(crate) struct Writer {
    pub(crate) dir: PathBuf,
    pub(crate) engine: Arc<Engine>,
    pub(crate) limits: Limits,
    pub(crate) sign: SignReceipt,
    pub(crate) bodies: Bodies,
    pub(crate) logs: Recent<ConversationId, Log>,
    pub(crate) devices: Recent<DeviceId, DeviceState>,
    /// Devices whose state the current job has changed in memory.
    pub(crate) touched: Vec<DeviceId>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) sweep: SweepState,
    on_published: OnPublished,
    /// Cursors that wait for a batch.
    cursors: HashMap<(DeviceId, ConversationId), u64>,
    directs: HashMap<DeviceId, u64>,
    cursors_due: Option<Instant>,
    /// Where the logs that this batch appends to stood before it.
    earlier: Earlier,
    unpublished: Arc<Unpublished>,
    settled: u64,
    appended: Arc<AtomicU64>,
}

impl Writer {
    pub(crate) fn open(
        dir: &Path,
        engine: Arc<Engine>,
        limits: Limits,
        sign: SignReceipt,
        on_published: OnPublished,
        unpublished: Arc<Unpublished>,
        appended: Arc<AtomicU64>,
    ) -> Result<Self, OpenError> {
        let bodies = Bodies::open(dir, &engine)?;
        Ok(Self {
            dir: dir.to_owned(),
            engine,
            limits,
            sign,
            bodies,
            logs: Recent::new(RECENT),
            devices: Recent::new(RECENT),
            touched: Vec::new(),
            outcomes: Vec::new(),
            sweep: SweepState::default(),
            on_published,
            cursors: HashMap::new(),
            directs: HashMap::new(),
            cursors_due: None,
            earlier: Earlier::new(),
            unpublished,
            settled: 0,
            appended,
        })
    }

    /// A log, loaded if need be; none if there is no such conversation.
    pub(crate) fn log(&mut self, tx: &Tx<'_>, id: &ConversationId) -> Result<Option<&mut Log>, Fault> {
        if self.logs.get(id).is_none() {
            let Some(log) = Log::load(tx, id)? else { return Ok(None) };
            self.logs.insert(*id, log);
        }
        Ok(self.logs.get(id))
    }

    /// Notes where a log stands before this batch: readers are shown that until the batch is durable. [DELIV-02]
    pub(crate) fn note_earlier(&mut self, id: &ConversationId, head: &Head) {
        self.earlier.entry(*id).or_insert((head.position, head.running));
    }

    /// What is kept of a device. Whoever changes it stores it with [`save_device`](Self::save_device).
    pub(crate) fn device(&mut self, tx: &Tx<'_>, id: &DeviceId) -> Result<&mut DeviceState, Fault> {
        self.touched.push(*id);
        if self.devices.get(id).is_none() {
            let state = match tx.get(&keys::device(id))? {
                Some(stored) => DeviceState::decode(&stored)?,
                None => DeviceState::default(),
            };
            self.devices.insert(*id, state);
        }
        self.devices.get(id).ok_or(Fault::Damaged)
    }

    pub(crate) fn save_device(&mut self, tx: &mut Tx<'_>, id: &DeviceId) -> Result<(), Fault> {
        let state = self.devices.get(id).ok_or(Fault::Damaged)?;
        tx.put_guarded(keys::device(id), state.encode())
    }

    /// Carries out a job whole or not at all, and keeps its answer until the batch is durable.
    fn carry_out<T: Send + 'static>(
        &mut self,
        tx: &mut Tx<'_>,
        reply: Answer<T>,
        job: impl FnOnce(&mut Self, &mut Tx<'_>) -> Result<T, StoreError>,
    ) -> bool {
        tx.begin();
        self.touched.clear();
        let published = self.outcomes.len();
        let result = job(self, tx);
        if let Err(error) = &result {
            tx.undo();
            self.outcomes.truncate(published);
            for device in std::mem::take(&mut self.touched) {
                self.devices.remove(&device);
            }
            if *error == StoreError::Fatal {
                self.engine.fail();
            }
        }
        let done = result.is_ok();
        // Before what is published: the author hears first that its unit is accepted.
        self.outcomes.insert(
            published,
            Outcome::Answer(Box::new(move |outcome| {
                // A refusal rests on the same batch, which may hold what it was refused for.
                reply.send(outcome.map_err(StoreError::from).and(result));
            })),
        );
        done
    }

    /// Notes cursors, at most up to what there is now. [DELIV-15]
    fn put_cursors_off(&mut self, tx: &Tx<'_>, device: DeviceId, cursors: Vec<(ConversationId, u64)>, direct: u64) {
        for (conversation, position) in cursors {
            let Ok(Some(log)) = self.log(tx, &conversation) else { continue };
            let position = position.min(log.head.position);
            if log.readers.binary_search(&device).is_ok() {
                let waiting = self.cursors.entry((device, conversation)).or_default();
                *waiting = position.max(*waiting);
            }
        }
        let direct = self.device(tx, &device).map_or(0, |state| direct.min(state.direct_next - 1));
        if direct > 0 {
            let waiting = self.directs.entry(device).or_default();
            *waiting = direct.max(*waiting);
        }
        if self.cursors_due.is_none() && !(self.cursors.is_empty() && self.directs.is_empty()) {
            self.cursors_due = Some(Instant::now() + CURSORS_WAIT);
        }
        if self.cursors.len() + self.directs.len() >= CURSORS_MAX {
            self.cursors_due = Some(Instant::now());
        }
    }

    /// A device's cursor, also one that waits.
    pub(crate) fn cursor(&self, tx: &Tx<'_>, device: &DeviceId, id: &ConversationId) -> Result<u64, Fault> {
        let stored = tx.get(&keys::cursor(device, id))?;
        let stored = stored.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
        Ok(stored.max(self.cursors.get(&(*device, *id)).copied().unwrap_or_default()))
    }

    /// Writes the cursors that wait. They only go forward. [DELIV-15]
    fn write_cursors(&mut self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        self.cursors_due = None;
        for ((device, conversation), position) in std::mem::take(&mut self.cursors) {
            let key = keys::cursor(&device, &conversation);
            let Some(stored) = tx.get(&key)? else { continue };
            let current = u64::from_be_bytes(stored.try_into().map_err(|_| Fault::Damaged)?);
            if position > current {
                tx.put(key, position.to_be_bytes().to_vec());
                self.sweep.touch(conversation);
                self.has_read(tx, &device, &conversation, position)?;
            }
        }
        for (device, up_to) in std::mem::take(&mut self.directs) {
            self.drop_directs(tx, &device, up_to, usize::MAX)?;
        }
        Ok(())
    }
}

impl Writer {
    /// Jobs about devices and statements, not about logs.
    fn take_people(&mut self, job: Job, tx: &mut Tx<'_>, room: Result<(), StoreError>) {
        match job {
            Job::PutKeyPackages(device, one_time, last_resort, max, reply) => {
                self.carry_out(tx, reply, |writer, tx| {
                    room?;
                    writer.put_key_packages(tx, &device, one_time, last_resort, max)
                });
            }
            Job::ClaimKeyPackage(device, reply) => {
                self.carry_out(tx, reply, |writer, tx| Ok(writer.claim_key_package(tx, &device)?));
            }
            Job::DropKeyPackages(device, reply) => {
                self.carry_out(tx, reply, |writer, tx| Ok(writer.drop_key_packages(tx, &device)?));
            }
            Job::Redeem(redemption, reply) => {
                self.carry_out(tx, reply, |writer, tx| {
                    room?;
                    writer.redeem(tx, *redemption)
                });
            }
            Job::PutStatement(kind, key, bytes, expected, reply) => {
                self.carry_out(tx, reply, |writer, tx| {
                    room?;
                    writer.put_statement(tx, kind, &key, bytes, expected)
                });
            }
            Job::ReplaceChain(device, chain, search, reply) => {
                self.carry_out(tx, reply, |writer, tx| {
                    room?;
                    writer.replace_chain(tx, &device, chain, search)
                });
            }
            Job::PutStatus(status, reply) => {
                self.carry_out(tx, reply, |writer, tx| {
                    room?;
                    writer.put_status(tx, status)
                });
            }
            Job::Welcomes(lost, reply) => {
                self.carry_out(tx, reply, |writer, tx| {
                    room?;
                    writer.welcome_again(tx, *lost)
                });
            }
            Job::BeginSettling(now, reply) => {
                self.carry_out(tx, reply, |writer, tx| writer.begin_settling(tx, now));
            }
            // [`take`](Worker::take) has carried these out.
            Job::Append(..)
            | Job::Resupply(..)
            | Job::PostDirect(..)
            | Job::Advance(..)
            | Job::Decline(..)
            | Job::Sweep(..)
            | Job::Flush(_)
            | Job::Export(..) => {}
        }
    }
}

impl Worker for Writer {
    type Job = Job;

    fn take(&mut self, job: Job, tx: &mut Tx<'_>, full: bool) {
        let room = if full { Err(StoreError::from(Fault::Full)) } else { Ok(()) };
        match job {
            Job::Append(unit, hash, reply) => {
                let conversation = unit.conversation;
                let mut new = false;
                let done = self.carry_out(tx, reply, |writer, tx| {
                    room?;
                    let (appended, is_new) = writer.append(tx, *unit, hash)?;
                    new = is_new;
                    Ok(appended)
                });
                if !done {
                    self.logs.remove(&conversation);
                } else if new {
                    self.appended.fetch_add(1, Ordering::Relaxed);
                }
            }
            Job::Resupply(supply, reply) => {
                let conversation = supply.conversation;
                let done = self.carry_out(tx, reply, |writer, tx| {
                    room?;
                    writer.resupply(tx, *supply)
                });
                if !done {
                    self.logs.remove(&conversation);
                }
            }
            Job::PostDirect(parts, shared, now, reply) => {
                self.carry_out(tx, reply, |writer, tx| {
                    room?;
                    writer.post(tx, parts, shared.as_deref(), None, now)
                });
            }
            Job::Advance(device, cursors, direct) => self.put_cursors_off(tx, device, cursors, direct),
            Job::Decline(device, conversation, reply) => {
                let done = self.carry_out(tx, reply, |writer, tx| writer.decline(tx, &device, &conversation));
                if !done {
                    self.logs.remove(&conversation);
                }
            }
            Job::Sweep(now, budget, reply) => {
                // Cursors first: what they release can go in the same call.
                let written = self.write_cursors(tx);
                let done = self.carry_out(tx, reply, |writer, tx| {
                    written?;
                    Ok(writer.sweep(tx, now, budget)?)
                });
                if !done {
                    // Heads in memory may be ahead of what was taken back.
                    self.logs = Recent::new(RECENT);
                }
            }
            Job::Flush(reply) => {
                let written = self.write_cursors(tx);
                self.carry_out(tx, reply, |_, _| Ok(written?));
            }
            Job::Export(spool, reply) => {
                self.carry_out(tx, reply, |writer, _| Ok(writer.export(spool)?));
            }
            other => self.take_people(other, tx, room),
        }
    }

    fn due(&self) -> Option<Instant> {
        self.cursors_due
    }

    fn take_put_off(&mut self, tx: &mut Tx<'_>, last: bool) {
        // They ride on a batch that is written anyway, or cause one when they have waited long enough.
        let due = self.cursors_due.is_some_and(|due| due <= Instant::now());
        if (due || last || !tx.is_empty())
            && let Err(fault) = self.write_cursors(tx)
        {
            // Cursors that are lost are given again by their devices.
            tracing::warn!(?fault, "cursors could not be written");
        }
    }

    fn prepare(&mut self) -> Result<(), Fault> {
        *self.unpublished.write().unwrap_or_else(PoisonError::into_inner) = std::mem::take(&mut self.earlier);
        self.bodies.prepare()
    }

    fn settle(&mut self, outcome: Result<(), Fault>) {
        // The jobs of a batch that is not on disk have been carried out in memory: nothing may rest on that.
        let outcome = outcome.or_else(|_| {
            self.engine.fail();
            self.engine.check()
        });
        self.earlier.clear();
        if outcome.is_ok() {
            self.unpublished.write().unwrap_or_else(PoisonError::into_inner).clear();
        }
        for item in self.outcomes.drain(..) {
            match item {
                Outcome::Answer(answer) => answer(outcome),
                Outcome::Publish(published) if outcome.is_ok() => (self.on_published)(published),
                Outcome::Publish(_) => {}
            }
        }
        if outcome.is_ok() {
            self.bodies.settle(&self.engine);
        }
        self.settled += 1;
        if self.settled.is_multiple_of(WEIGH_EVERY) {
            self.logs.lighten(IDS_MAX, Log::weight);
        }
    }
}
