//! Loads (protocol-spec/json-output.md, section 3): what a relay bears. One process is the relay; this one speaks link
//! and wire by itself for devices that it enrols, with bodies that mean nothing: neither vaults nor MLS slow it down, and
//! to the relay it is no different.

mod crew;
mod drain;
mod fill;
mod links;
mod measured;
mod relay;
mod start;
mod stream;
mod wire;

use std::path::Path;

use measured::{Bar, Shown, report};
use relay::{RAISED, Relay};

pub(super) use drain::Wanted as Drain;
pub(super) use links::Wanted as Links;
pub(super) use start::Wanted as Start;
pub(super) use stream::Wanted as Stream;

use crate::{
    context::Context,
    problem::{Outcome, Problem},
};

/// Bytes of a message's body, as in the figures that others give.
const BODY: usize = 700;

/// The bars: deliveries a second, messages a second, KiB for each link over so many, seconds.
const LEAST_PAIRS: f64 = 10_000.0;
const LEAST_FAN_OUT: f64 = 40_000.0;
const LEAST_DRAIN: f64 = 30_000.0;
const MOST_IDLE_KIB: f64 = 20.0;
const MOST_START_S: f64 = 2.0;

/// Pairs, where each conversation has one member beside the sender, or a fan-out.
pub(super) async fn stream(context: &Context, dir: &Path, wanted: Stream) -> Outcome {
    let Stream { groups, members, seconds, runs, window, rate } = wanted;
    let load = rate.map_or_else(|| format!("{window} in flight in each"), |rate| format!("{rate} a second in all"));
    let (who, scenario, least) = if members == 1 {
        (format!("{groups} pairs online"), "pairs load", LEAST_PAIRS)
    } else {
        (format!("One sender, {members} members online"), "fanout", LEAST_FAN_OUT)
    };
    introduce(context, dir, &format!("{who}; messages of {BODY} bytes, {load}; {runs} runs of {seconds} s."));
    let relay = Relay::start(context, dir).await?;
    let done = stream::run(context, &relay, wanted).await?;
    let resident = relay.resident_mib()?;
    relay.end().await?;
    let bar = if rate.is_none() { Bar::PerSecond(least) } else { Bar::None };
    report(context, &Shown { scenario, counted: "DELIVERED/S", bar }, &done, resident)
}

/// What waits for a device that was away.
pub(super) async fn drain(context: &Context, dir: &Path, wanted: Drain) -> Outcome {
    let Drain { messages, conversations, runs } = wanted;
    let what =
        format!("{messages} messages of {BODY} bytes in {conversations} conversations wait for a device; {runs} runs.");
    introduce(context, dir, &what);
    let relay = Relay::start(context, dir).await?;
    let (relay, done) = drain::run(context, relay, wanted).await?;
    let resident = relay.resident_mib()?;
    relay.end().await?;
    let shown = Shown { scenario: "drain", counted: "MESSAGES/S", bar: Bar::PerSecond(LEAST_DRAIN) };
    report(context, &shown, &done, resident)
}

/// Links that say nothing.
pub(super) async fn idle(context: &Context, dir: &Path, wanted: Links) -> Outcome {
    introduce(context, dir, &format!("{} idle links are held; {} runs.", wanted.links, wanted.runs));
    let relay = Relay::start(context, dir).await?;
    let (relay, done, resident) = links::idle(context, relay, wanted).await?;
    relay.end().await?;
    let shown = Shown { scenario: "idle", counted: "LINKED/S", bar: Bar::KibPerLink(MOST_IDLE_KIB) };
    report(context, &shown, &done, resident)
}

/// Many devices at once.
pub(super) async fn storm(context: &Context, dir: &Path, wanted: Links) -> Outcome {
    introduce(context, dir, &format!("{} devices link at once; {} runs.", wanted.links, wanted.runs));
    let relay = Relay::start(context, dir).await?;
    let (relay, done, resident) = links::storm(context, relay, wanted).await?;
    relay.end().await?;
    report(context, &Shown { scenario: "storm", counted: "SERVED/S", bar: Bar::None }, &done, resident)
}

/// A relay that starts on what it keeps.
pub(super) async fn start(context: &Context, dir: &Path, wanted: Start) -> Outcome {
    let how = if wanted.kill { "is killed and started again" } else { "is started again" };
    let Start { entries, runs, .. } = wanted;
    introduce(context, dir, &format!("A relay that keeps {entries} entries of {BODY} bytes {how}; {runs} runs."));
    let relay = Relay::start(context, dir).await?;
    let (relay, done) = start::run(context, relay, wanted).await?;
    let resident = relay.resident_mib()?;
    relay.end().await?;
    report(
        context,
        &Shown { scenario: "start", counted: "ENTRIES/S", bar: Bar::Seconds(MOST_START_S) },
        &done,
        resident,
    )
}

fn introduce(context: &Context, dir: &Path, what: &str) {
    super::introduce(context, dir, what);
    let raised = RAISED.trim_end().replace('\n', ", ");
    context.screen.note(format!("All devices have one address, so these limits of the relay are raised: {raised}."));
}

/// What cannot be, unless a side has a fault.
fn broken() -> Problem {
    Problem::internal("The relay and the benchmark do not understand each other.")
}
