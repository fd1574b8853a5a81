//! What a load's runs came to, as a table or an object.

use super::relay::Spent;
use crate::{
    bench::{latencies::Latencies, median, rounded, spread},
    context::Context,
    output::{
        json,
        table::{self, Table, paint},
    },
    problem::Outcome,
    session::unexpected,
};

/// One run.
#[derive(Clone)]
pub(super) struct Measured {
    pub(super) line: json::LoadRun,
    relay_cpu_s: f64,
    generator_cpu_s: f64,
}

impl Measured {
    /// `latencies` of what `per_s` counts.
    pub(super) fn new(per_s: f64, latencies: &Latencies, spent: Spent, sync_p50_ms: f64) -> Self {
        Self {
            line: json::LoadRun {
                per_s: rounded(per_s),
                p50_ms: rounded(latencies.millis(0.5)),
                p99_ms: rounded(latencies.millis(0.99)),
                syncs_per_s: rounded(spent.syncs_per_s),
                sync_p50_ms: rounded(sync_p50_ms),
                seconds: None,
                kib_per_link: None,
            },
            relay_cpu_s: rounded(spent.relay_cpu_s),
            generator_cpu_s: rounded(spent.generator_cpu_s),
        }
    }
}

/// What a scenario is held to.
pub(super) enum Bar {
    /// At least so many a second.
    PerSecond(f64),
    /// At most so many KiB of the relay's memory for a link.
    KibPerLink(f64),
    /// At most so many seconds, the slowest run's: the first one finds what no later one does.
    Seconds(f64),
    /// The figures stand for themselves.
    None,
}

/// How a scenario is shown.
pub(super) struct Shown {
    pub(super) scenario: &'static str,
    /// What `per_s` counts, for people.
    pub(super) counted: &'static str,
    pub(super) bar: Bar,
}

/// Prints all runs, the middle one's figures for all.
pub(super) fn report(context: &Context, shown: &Shown, runs: &[Measured], relay_rss_mib: f64) -> Outcome {
    let Some(middle) = median(runs, |run| run.line.per_s) else { return Err(unexpected()) };
    if context.screen.is_json() {
        return context.screen.object(&json::Bench {
            scenario: shown.scenario,
            per_s: middle.line.per_s,
            p50_ms: middle.line.p50_ms,
            p99_ms: middle.line.p99_ms,
            relay_cpu_s: middle.relay_cpu_s,
            generator_cpu_s: middle.generator_cpu_s,
            syncs_per_s: middle.line.syncs_per_s,
            sync_p50_ms: middle.line.sync_p50_ms,
            relay_rss_mib: rounded(relay_rss_mib),
            runs: runs.iter().map(|run| run.line.clone()).collect(),
        });
    }
    let heading =
        ["RUN", shown.counted, "P50 MS", "P99 MS", "RELAY CPU S", "GENERATOR CPU S", "SYNCS/S", "FDATASYNC P50 MS"];
    let mut table = Table::new(heading);
    for (run, number) in runs.iter().zip(1..) {
        table.row([
            number.to_string().into(),
            format!("{:.0}", run.line.per_s).into(),
            format!("{:.2}", run.line.p50_ms).into(),
            format!("{:.2}", run.line.p99_ms).into(),
            format!("{:.2}", run.relay_cpu_s).into(),
            format!("{:.2}", run.generator_cpu_s).into(),
            format!("{:.0}", run.line.syncs_per_s).into(),
            format!("{:.2}", run.line.sync_p50_ms).into(),
        ]);
    }
    context.screen.line(table.render(context.screen.width()))?;
    let rates = spread(runs, |run| run.line.per_s);
    context.screen.line(format!("{rates} a second over the runs; relay resident {relay_rss_mib:.1} MiB"))?;
    let slowest = runs.iter().filter_map(|run| run.line.seconds).fold(0.0, f64::max);
    verdict(context, shown, &middle.line, slowest)
}

fn verdict(context: &Context, shown: &Shown, middle: &json::LoadRun, slowest: f64) -> Outcome {
    let (met, words) = match shown.bar {
        Bar::PerSecond(least) => (middle.per_s >= least, format!("{:.0} a second >= {least:.0}", middle.per_s)),
        Bar::KibPerLink(most) => {
            let kib = middle.kib_per_link.unwrap_or_default();
            (kib <= most, format!("{kib:.1} KiB of the relay's memory for a link <= {most:.0}"))
        }
        Bar::Seconds(most) => (slowest <= most, format!("{slowest:.2} s at most <= {most:.0} s")),
        Bar::None => return Ok(()),
    };
    let verdict = if met { paint("met", table::GOOD) } else { paint("NOT met", table::BAD) };
    context.screen.line(format!("bar: {words}: {verdict}"))
}
