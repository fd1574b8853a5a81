//! `bench start`: from starting the relay's process, on a store that holds many entries, until it accepts connections.

use super::{crew::Crew, fill::fill, measured::Measured, relay::Relay};
use crate::{
    bench::{latencies::Latencies, rounded},
    context::Context,
    problem::Outcome,
};

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) entries: u32,
    pub(crate) runs: u32,
    /// The relay is killed before it starts again.
    pub(crate) kill: bool,
}

/// Entries of one conversation.
const LOG: u32 = 10_000;

pub(super) async fn run(context: &Context, mut relay: Relay, wanted: Wanted) -> Outcome<(Relay, Vec<Measured>)> {
    let mut crew = Crew::new(&relay.office)?;
    let reader = crew.enrol(context, 1).await?;
    let ids: Vec<_> = reader.iter().map(|reader| reader.id()).collect();
    fill(context, &mut crew, wanted.entries.div_ceil(LOG), wanted.entries, &ids).await?;
    let mut done = Vec::new();
    for _ in 0..wanted.runs {
        let sync_p50_ms = tokio::task::block_in_place(|| relay.disk())?;
        let took = if wanted.kill { relay.kill(context).await? } else { relay.restart(context).await? };
        relay = took.0;
        let mut latencies = Latencies::new()?;
        latencies.record(took.1)?;
        let seconds = took.1.as_secs_f64();
        let spent = relay.since_start(took.1)?;
        let mut run = Measured::new(f64::from(wanted.entries) / seconds, &latencies, spent, sync_p50_ms);
        run.line.seconds = Some(rounded(seconds));
        done.push(run);
    }
    Ok((relay, done))
}
