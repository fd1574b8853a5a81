//! `bench idle` and `bench storm`: what a link costs that says nothing, and how soon all are served after an outage.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use amanat_net::backoff::Backoff;
use amanat_wire::{
    client::{Nothing, Request, WhatIsNew},
    relay::Answer,
};
use rand_core::OsRng;
use tokio::task::JoinSet;

use super::{
    broken,
    crew::{Crew, Device},
    measured::Measured,
    relay::Relay,
    wire::Wire,
};
use crate::{
    bench::{latencies::Latencies, rounded},
    context::Context,
    output::progress::Count,
    problem::{Outcome, Problem},
};

/// Handshakes under way at once, where it is not they that are measured.
const AT_ONCE: usize = 32;
/// Between the last handshake and the look at the relay's memory.
const SETTLE: Duration = Duration::from_secs(3);
/// How often a device tries, with the pauses that clients make; then the run fails.
const TRIES: u32 = 12;

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) links: u32,
    pub(crate) runs: u32,
}

/// Holds the links: the relay's memory for each of them.
pub(super) async fn idle(context: &Context, mut relay: Relay, wanted: Wanted) -> Outcome<(Relay, Vec<Measured>, f64)> {
    let devices = Crew::new(&relay.office)?.enrol(context, wanted.links).await?;
    let (mut done, mut resident) = (Vec::new(), 0.0);
    for _ in 0..wanted.runs {
        (relay, _) = relay.restart(context).await?;
        let sync_p50_ms = tokio::task::block_in_place(|| relay.disk())?;
        let idle = relay.resident_mib()?;
        let before = relay.look()?;
        let (mut links, times) = hold(context, &devices).await?;
        let spent = before.until(&relay.look()?);
        context.interrupt.clone().or(tokio::time::sleep(SETTLE)).await?;
        resident = relay.resident_mib()?;
        // They are all still there.
        for wire in &mut links {
            if !matches!(wire.ask(Request::Ping(Nothing {})).await?, Answer::Done(_)) {
                return Err(broken());
            }
        }
        let mut run = Measured::new(links.len() as f64 / spent.seconds, &latencies(&times)?, spent, sync_p50_ms);
        run.line.kib_per_link = Some(rounded((resident - idle).max(0.0) * 1024.0 / links.len() as f64));
        done.push(run);
        drop(links);
    }
    Ok((relay, done, resident))
}

/// Links all devices, some at a time; and how long each took.
async fn hold(context: &Context, devices: &[Arc<Device>]) -> Outcome<(Vec<Wire>, Vec<Duration>)> {
    let progress = Count::new(&context.screen, "linking", devices.len() as u64);
    let mut interrupt = context.interrupt.clone();
    let (mut links, mut times, mut tasks) = (Vec::new(), Vec::new(), JoinSet::new());
    let mut waiting = devices.iter();
    loop {
        while tasks.len() < AT_ONCE
            && let Some(device) = waiting.next()
        {
            let device = Arc::clone(device);
            tasks.spawn(async move {
                let begun = Instant::now();
                let wire = device.link().await?;
                Ok::<_, Problem>((wire, begun.elapsed()))
            });
        }
        let Some(linked) = interrupt.or(tasks.join_next()).await? else { return Ok((links, times)) };
        let (wire, took) = linked.map_err(|_| broken())??;
        links.push(wire);
        times.push(took);
        progress.set(links.len() as u64);
    }
}

/// All devices at once, to a relay that has just come back: each is served when it has been told what is new.
pub(super) async fn storm(context: &Context, mut relay: Relay, wanted: Wanted) -> Outcome<(Relay, Vec<Measured>, f64)> {
    let devices = Crew::new(&relay.office)?.enrol(context, wanted.links).await?;
    let (mut done, mut resident) = (Vec::new(), 0.0);
    for _ in 0..wanted.runs {
        (relay, _) = relay.restart(context).await?;
        let sync_p50_ms = tokio::task::block_in_place(|| relay.disk())?;
        let before = relay.look()?;
        let mut tasks: JoinSet<_> = devices.iter().map(|device| served(Arc::clone(device))).collect();
        let mut interrupt = context.interrupt.clone();
        let (mut links, mut times) = (Vec::new(), Vec::new());
        while let Some(linked) = interrupt.or(tasks.join_next()).await? {
            let (wire, took) = linked.map_err(|_| broken())??;
            links.push(wire);
            times.push(took);
        }
        let spent = before.until(&relay.look()?);
        resident = relay.resident_mib()?;
        let mut run = Measured::new(links.len() as f64 / spent.seconds, &latencies(&times)?, spent, sync_p50_ms);
        run.line.seconds = Some(rounded(spent.seconds));
        done.push(run);
    }
    Ok((relay, done, resident))
}

/// Links until it works and asks what is new; gives how long all of that took.
async fn served(device: Arc<Device>) -> Outcome<(Wire, Duration)> {
    let begun = Instant::now();
    let mut backoff = Backoff::new();
    for _ in 1..TRIES {
        if let Ok(wire) = once(&device).await {
            return Ok((wire, begun.elapsed()));
        }
        tokio::time::sleep(backoff.next_wait(&mut OsRng)).await;
    }
    Ok((once(&device).await?, begun.elapsed()))
}

async fn once(device: &Device) -> Outcome<Wire> {
    let mut wire = device.link().await?;
    match wire.ask(Request::News(WhatIsNew { after: None })).await? {
        Answer::News(_) => Ok(wire),
        other => Err(super::wire::unasked(&other)),
    }
}

fn latencies(times: &[Duration]) -> Outcome<Latencies> {
    let mut latencies = Latencies::new()?;
    for time in times {
        latencies.record(*time)?;
    }
    Ok(latencies)
}
