//! `amanat bench`: figures of this machine over the real link, each with its spread and what the disk itself does.

mod child;
mod document;
mod hands;
mod latencies;
mod life;
mod line;
mod load;
mod machine;
mod pairs;
mod process;

use std::path::Path;

use amanat_relay_core::control;

use crate::{
    args::BenchCommand,
    context::Context,
    problem::{Outcome, Problem},
    scratch::Scratch,
    session::unexpected,
};

/// Runs a benchmark, or one of its processes.
pub(crate) async fn run(context: &Context, what: BenchCommand) -> Outcome {
    match what {
        BenchCommand::Pairs { messages, pairs: None, runs, dir, .. } => {
            let scratch = Scratch::temporary(dir.as_deref())?;
            pairs::run(context, scratch.path(), messages.max(1), runs).await
        }
        BenchCommand::Pairs { pairs: Some(groups), seconds, window, rate, runs, dir, .. } => {
            let scratch = Scratch::temporary(dir.as_deref())?;
            let wanted = load::Stream { groups, members: 1, seconds, runs, window, rate };
            load::stream(context, scratch.path(), wanted).await
        }
        BenchCommand::Fanout { members, seconds, window, rate, runs, dir } => {
            let scratch = Scratch::temporary(dir.as_deref())?;
            let wanted = load::Stream { groups: 1, members, seconds, runs, window, rate };
            load::stream(context, scratch.path(), wanted).await
        }
        BenchCommand::Drain { messages, conversations, runs, dir } => {
            let scratch = Scratch::temporary(dir.as_deref())?;
            load::drain(context, scratch.path(), load::Drain { messages, conversations, runs }).await
        }
        BenchCommand::Idle { links, runs, dir } => {
            let scratch = Scratch::temporary(dir.as_deref())?;
            load::idle(context, scratch.path(), load::Links { links, runs }).await
        }
        BenchCommand::Storm { devices, runs, dir } => {
            let scratch = Scratch::temporary(dir.as_deref())?;
            load::storm(context, scratch.path(), load::Links { links: devices, runs }).await
        }
        BenchCommand::Start { entries, kill, runs, dir } => {
            let scratch = Scratch::temporary(dir.as_deref())?;
            load::start(context, scratch.path(), load::Start { entries, kill, runs }).await
        }
        BenchCommand::Document { size, runs, cuts, dir } => {
            let scratch = Scratch::temporary(dir.as_deref())?;
            document::run(context, scratch.path(), document::Wanted { size, runs: runs.max(1), cuts }).await
        }
        BenchCommand::Life { runs, devices, epochs, messages, dir } => {
            let scratch = Scratch::temporary(dir.as_deref())?;
            let wanted = life::Wanted { runs: runs.max(1), devices, epochs, messages };
            life::run(context, scratch.path(), wanted).await
        }
        BenchCommand::Relay { dir } => hands::relay(context, &dir).await,
        BenchCommand::Peer => hands::peer(context).await,
    }
}

/// What is said once before a benchmark begins.
fn introduce(context: &Context, dir: &Path, what: &str) {
    context.screen.note(format!("{what}\n{}", machine::describe(dir)));
    if machine::is_busy() {
        context
            .screen
            .note("Other programs keep this machine busy: its figures, the disk's above all, are not its own.");
    }
    if cfg!(debug_assertions) {
        context.screen.note("This is a debug build: its figures mean nothing. Use cargo run --release.");
    }
}

/// The run in the middle, by `by`.
fn median<R: Clone>(runs: &[R], by: impl Fn(&R) -> f64) -> Option<R> {
    let mut sorted: Vec<&R> = runs.iter().collect();
    sorted.sort_by(|one, other| by(one).total_cmp(&by(other)));
    sorted.get(sorted.len().saturating_sub(1) / 2).map(|run| (*run).clone())
}

/// `2.9 to 3.4`.
fn spread<R>(runs: &[R], by: impl Fn(&R) -> f64) -> String {
    let least = runs.iter().map(&by).fold(f64::INFINITY, f64::min);
    let most = runs.iter().map(&by).fold(0.0, f64::max);
    format!("{least:.2} to {most:.2}")
}

/// How often the relay that runs on `folder` has synced its store since it started, as it says itself.
fn syncs_of(folder: &Path) -> Outcome<u64> {
    let figures = control::ask_status(folder).map_err(|error| Problem::file("ask the relay in", folder, &error))?;
    let syncs = figures.iter().find(|(name, _)| name == "syncs").map(|(_, value)| value.parse());
    syncs.and_then(Result::ok).ok_or_else(unexpected)
}

/// Three decimals are more than a measurement has.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_ends() {
        assert_eq!(median(&[3.0, 1.0, 2.0], |x| *x), Some(2.0));
        assert_eq!(median(&[3.0, 1.0], |x| *x), Some(1.0));
        assert_eq!(median::<f64>(&[], |x| *x), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0], |x| *x), "1.00 to 3.00");
    }
}
