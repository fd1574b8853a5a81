//! `bench pairs --pairs` and `bench fanout`: senders that append without pause, or at a given rate, to conversations
//! whose members are online; a message is delivered when its push has been read, and a member's cursor follows.
//!
//! What is in flight is bounded for each conversation, so that a latency at full load means something: a sender appends
//! the next message when one has come to all members.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use amanat_net::LinkReceiver;
use amanat_primitives::ConversationId;
use amanat_wire::{
    Bytes,
    client::Request,
    log::UnitKind,
    relay::{Answer, FromRelay},
};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};

use super::{
    BODY, broken,
    crew::{Crew, Device},
    measured::Measured,
    relay::Relay,
    wire::{self, Asking, Wire},
};
use crate::{
    bench::latencies::Latencies,
    context::Context,
    problem::{Outcome, Problem},
};

/// Between the beginning of the load and of what is measured.
const WARM_UP: Duration = Duration::from_secs(1);
/// What is in flight when a load pauses has arrived after this.
const LULL: Duration = Duration::from_millis(500);
/// A member says what it has after so many messages, and when nothing came for so long.
const CURSOR_EVERY: u32 = 32;
const CURSOR_LATEST: Duration = Duration::from_millis(200);
/// A timer's own grain: later than this after it is due, a message waited for the generator or its window.
const GRAIN: Duration = Duration::from_millis(2);

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// Conversations.
    pub(crate) groups: u32,
    /// Members of each who receive.
    pub(crate) members: u32,
    pub(crate) seconds: u32,
    pub(crate) runs: u32,
    /// Messages in flight in each conversation.
    pub(crate) window: u32,
    /// Messages a second in all; as many as can be without.
    pub(crate) rate: Option<u32>,
}

/// What all links of a load share.
struct Load {
    /// Times are told since then.
    epoch: Instant,
    measuring: AtomicBool,
    delivered: AtomicU64,
    /// Microseconds from sending to delivery, while it is measured.
    latencies: Mutex<Vec<u32>>,
}

/// One conversation.
struct Group {
    conversation: ConversationId,
    commit: u64,
    members: u64,
    window: Semaphore,
    /// Deliveries to all members together.
    delivered: AtomicU64,
}

/// Runs the load: each run's figures.
pub(super) async fn run(context: &Context, relay: &Relay, wanted: Wanted) -> Outcome<Vec<Measured>> {
    let count = wanted.groups.saturating_mul(wanted.members.saturating_add(1));
    let devices = Crew::new(&relay.office)?.enrol(context, count).await?;
    let load = Arc::new(Load {
        epoch: Instant::now(),
        measuring: AtomicBool::new(false),
        delivered: AtomicU64::new(0),
        latencies: Mutex::default(),
    });
    let (gate, open) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let size = usize::try_from(wanted.members.saturating_add(1)).unwrap_or(usize::MAX);
    for (number, group) in devices.chunks(size).enumerate() {
        let pace = wanted.rate.map(|rate| Pace::new(rate, wanted.groups, number));
        context.interrupt.check()?;
        found(group, &load, wanted, pace, &open, &mut tasks).await?;
    }
    let mut interrupt = context.interrupt.clone();
    tokio::select! {
        done = measure(relay, &load, &gate, wanted) => done,
        ended = tasks.join_next() => Err(ended.and_then(|ended| ended.ok()?.err()).unwrap_or_else(broken)),
        () = interrupt.wait() => Err(Problem::interrupted()),
    }
}

/// Links the devices of a conversation, the first of which founds it and sends, and starts their tasks.
async fn found(
    devices: &[Arc<Device>],
    load: &Arc<Load>,
    wanted: Wanted,
    pace: Option<Pace>,
    open: &watch::Receiver<bool>,
    tasks: &mut JoinSet<Outcome>,
) -> Outcome {
    let (sender, members) = devices.split_first().ok_or_else(broken)?;
    let mut sender = sender.link().await?;
    let ids: Vec<_> = members.iter().map(|member| member.id()).collect();
    let (conversation, commit) = sender.found(&ids).await?;
    let group = Arc::new(Group {
        conversation,
        commit,
        members: members.len() as u64,
        window: Semaphore::new(usize::try_from(wanted.window).unwrap_or(1)),
        delivered: AtomicU64::new(0),
    });
    for member in members {
        let mut wire = member.link().await?;
        wire.ask(wire::advance(conversation, commit, u64::MAX)?).await?;
        tasks.spawn(receive(Arc::clone(load), Arc::clone(&group), wire));
    }
    let Wire { asking, hearing } = sender;
    tasks.spawn(listen(hearing));
    tasks.spawn(send(Arc::clone(load), group, asking, pace, open.clone()));
    Ok(())
}

async fn measure(relay: &Relay, load: &Load, gate: &watch::Sender<bool>, wanted: Wanted) -> Outcome<Vec<Measured>> {
    let mut done = Vec::new();
    for _ in 0..wanted.runs {
        gate.send_replace(false);
        tokio::time::sleep(LULL).await;
        let sync_p50_ms = tokio::task::block_in_place(|| relay.disk())?;
        gate.send_replace(true);
        tokio::time::sleep(WARM_UP).await;
        let (before, first) = (relay.look()?, load.delivered.load(Ordering::Relaxed));
        load.measuring.store(true, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(u64::from(wanted.seconds))).await;
        load.measuring.store(false, Ordering::Relaxed);
        let (after, last) = (relay.look()?, load.delivered.load(Ordering::Relaxed));
        let times = std::mem::take(&mut *load.latencies.lock().unwrap_or_else(PoisonError::into_inner));
        let mut latencies = Latencies::new()?;
        for micros in times {
            latencies.record(Duration::from_micros(u64::from(micros)))?;
        }
        let spent = before.until(&after);
        let per_s = last.saturating_sub(first) as f64 / spent.seconds;
        done.push(Measured::new(per_s, &latencies, spent, sync_p50_ms));
    }
    gate.send_replace(false);
    Ok(done)
}

/// When a sender sends.
struct Pace {
    every: Duration,
    due: Duration,
}

impl Pace {
    /// The share of one of `groups`, which begin one after the other.
    fn new(rate: u32, groups: u32, number: usize) -> Self {
        let every = Duration::from_secs_f64(f64::from(groups) / f64::from(rate.max(1)));
        Self { every, due: every.mul_f64(number as f64 / f64::from(groups.max(1))) }
    }
}

/// Sends while the gate is open.
async fn send(
    load: Arc<Load>,
    group: Arc<Group>,
    mut asking: Asking,
    pace: Option<Pace>,
    mut open: watch::Receiver<bool>,
) -> Outcome {
    loop {
        if open.wait_for(|open| *open).await.is_err() {
            return Ok(());
        }
        match &pace {
            None => {
                let first = group.window.acquire().await.map_err(|_| broken())?;
                // What has room goes out with one write.
                let mut count = 1;
                while let Ok(next) = group.window.try_acquire() {
                    next.forget();
                    count += 1;
                }
                first.forget();
                for _ in 0..count {
                    put(&load, &group, &mut asking, Instant::now()).await?;
                }
                asking.flush().await?;
            }
            Some(pace) => paced(&load, &group, &mut asking, pace, &open).await?,
        }
    }
}

/// Sends at a pace until the gate closes.
async fn paced(load: &Load, group: &Group, asking: &mut Asking, pace: &Pace, open: &watch::Receiver<bool>) -> Outcome {
    let mut due = Instant::now() + pace.due;
    while *open.borrow() {
        tokio::time::sleep_until(due.into()).await;
        let stamp = Instant::now().min(due + GRAIN);
        group.window.acquire().await.map_err(|_| broken())?.forget();
        put(load, group, asking, stamp).await?;
        asking.flush().await?;
        due += pace.every;
    }
    Ok(())
}

async fn put(load: &Load, group: &Group, asking: &mut Asking, stamp: Instant) -> Outcome {
    let mut body = vec![0x5a; BODY];
    let micros = u64::try_from(stamp.saturating_duration_since(load.epoch).as_micros()).unwrap_or(u64::MAX);
    body.splice(..8, micros.to_be_bytes());
    let mut unit = wire::unit(group.conversation, UnitKind::Message, group.commit)?;
    unit.body = Bytes::new(body).map_err(|_| broken())?;
    asking.put(Request::Append(unit)).await?;
    Ok(())
}

/// A sender's other half: every message must have been accepted.
async fn listen(mut hearing: LinkReceiver) -> Outcome {
    loop {
        if let FromRelay::Answer(answer) = wire::hear(&mut hearing).await? {
            match wire::accepted(answer.answer)? {
                Answer::Appended(_) => {}
                other => return Err(wire::unasked(&other)),
            }
        }
    }
}

/// A member: takes what is pushed, and says so.
async fn receive(load: Arc<Load>, group: Arc<Group>, wire: Wire) -> Outcome {
    let Wire { mut asking, mut hearing } = wire;
    let (mut position, mut unsaid) = (group.commit, 0);
    loop {
        let heard = match unsaid {
            0 => Some(wire::hear(&mut hearing).await?),
            _ => tokio::time::timeout(CURSOR_LATEST, wire::hear(&mut hearing)).await.ok().transpose()?,
        };
        let quiet = heard.is_none();
        match heard {
            // What was appended before it linked may still come by.
            Some(FromRelay::Push(push)) if push.entry.position <= group.commit => {}
            Some(FromRelay::Push(push)) => {
                if push.entry.position != position + 1 {
                    return Err(Problem::internal("A message was pushed out of order."));
                }
                position = push.entry.position;
                unsaid += 1;
                load.arrived(&push.entry.body, &group)?;
            }
            Some(FromRelay::NewsHint(_)) => {
                let failed = "A device fell behind the relay's pushes.";
                return Err(Problem::new("relay", failed, "Let less be in flight: a smaller --window."));
            }
            Some(FromRelay::Answer(answer)) => {
                wire::accepted(answer.answer)?;
            }
            Some(_) | None => {}
        }
        if unsaid >= CURSOR_EVERY || (unsaid > 0 && quiet) {
            asking.put(wire::advance(group.conversation, position, 0)?).await?;
            asking.flush().await?;
            unsaid = 0;
        }
    }
}

impl Load {
    /// A message has come to one member.
    fn arrived(&self, body: &[u8], group: &Group) -> Outcome {
        self.delivered.fetch_add(1, Ordering::Relaxed);
        if self.measuring.load(Ordering::Relaxed) {
            let sent = body.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes)).ok_or_else(broken)?;
            let now = u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX);
            let micros = u32::try_from(now.saturating_sub(sent)).unwrap_or(u32::MAX);
            self.latencies.lock().unwrap_or_else(PoisonError::into_inner).push(micros);
        }
        let delivered = group.delivered.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        if delivered.is_multiple_of(group.members) {
            group.window.add_permits(1);
        }
        Ok(())
    }
}
