//! The relay of a load: a process of its own that can be started again, and what it and the kernel say of it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use amanat_relay_core::config;

use crate::{
    bench::{child::Child, process::Watched, syncs_of},
    context::Context,
    disk,
    office::Office,
    problem::{Outcome, Problem},
};

/// A relay that accepts connections answers its operator by then.
const ANSWERS: Duration = Duration::from_secs(5);
const DOMAIN: &str = "load.example";

/// Limits of `relay.toml` that stand against many devices at one address, as a benchmark's are, and against filling a
/// relay fast. All others are the defaults.
pub(super) const RAISED: &str =
    "half_open_per_address = 1024\nhandshakes_per_second = 20000\nrequests_per_second = 20000\n";

/// An office and its relay, which runs.
pub(super) struct Relay {
    pub(super) office: Office,
    dir: PathBuf,
    child: Child,
}

impl Relay {
    /// Founds the office and starts its relay.
    pub(super) async fn start(context: &Context, dir: &Path) -> Outcome<Self> {
        let office = Office::new(dir, DOMAIN)?;
        office.found("Benchmark")?;
        office.make_relay()?;
        raise_limits(&office.relay())?;
        let (child, _) = run(context, dir, &office).await?;
        Ok(Self { office, dir: dir.to_owned(), child })
    }

    /// Ends the process and starts another one on the same folder; gives how long that took to accept connections.
    pub(super) async fn restart(self, context: &Context) -> Outcome<(Self, Duration)> {
        let Self { office, dir, child } = self;
        child.end().await?;
        let (child, took) = run(context, &dir, &office).await?;
        Ok((Self { office, dir, child }, took))
    }

    /// Kills the process and starts another one, as above.
    pub(super) async fn kill(self, context: &Context) -> Outcome<(Self, Duration)> {
        let Self { office, dir, child } = self;
        drop(child);
        let (child, took) = run(context, &dir, &office).await?;
        Ok((Self { office, dir, child }, took))
    }

    /// What the process has spent since it began, `ago`.
    pub(super) fn since_start(&self, ago: Duration) -> Outcome<Spent> {
        let now = self.look()?;
        let begun = Look { at: now.at.checked_sub(ago).unwrap_or(now.at), relay_cpu_s: 0.0, syncs: 0, ..now };
        Ok(begun.until(&now))
    }

    /// Ends the process.
    pub(super) async fn end(self) -> Outcome {
        self.child.end().await
    }

    /// Its memory now, in MiB.
    pub(super) fn resident_mib(&self) -> Outcome<f64> {
        self.child.watched().resident_mib()
    }

    /// Looks at the counters.
    pub(super) fn look(&self) -> Outcome<Look> {
        Ok(Look {
            at: Instant::now(),
            relay_cpu_s: self.child.watched().cpu_s()?,
            own_cpu_s: Watched::own().cpu_s()?,
            syncs: syncs_of(&self.office.relay())?,
        })
    }

    /// What the disk does while the relay is idle.
    pub(super) fn disk(&self) -> Outcome<f64> {
        Ok(disk::sync_speed(&self.dir)?.p50_ms)
    }
}

/// Counters at one moment.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) at: Instant,
    relay_cpu_s: f64,
    own_cpu_s: f64,
    syncs: u64,
}

/// What lies between two looks.
#[derive(Clone, Copy)]
pub(super) struct Spent {
    pub(super) seconds: f64,
    pub(super) relay_cpu_s: f64,
    pub(super) generator_cpu_s: f64,
    pub(super) syncs_per_s: f64,
}

impl Look {
    /// What was spent from here to `later`.
    pub(super) fn until(&self, later: &Self) -> Spent {
        let seconds = later.at.duration_since(self.at).as_secs_f64();
        Spent {
            seconds,
            relay_cpu_s: later.relay_cpu_s - self.relay_cpu_s,
            generator_cpu_s: later.own_cpu_s - self.own_cpu_s,
            syncs_per_s: later.syncs.saturating_sub(self.syncs) as f64 / seconds.max(f64::EPSILON),
        }
    }
}

async fn run(context: &Context, dir: &Path, office: &Office) -> Outcome<(Child, Duration)> {
    let folder = office.relay().display().to_string();
    let begun = Instant::now();
    let mut child = Child::start(dir, office.passphrase(), &["relay", &folder])?;
    let mut interrupt = context.interrupt.clone();
    child.hears(&mut interrupt, "ready").await?;
    let took = begun.elapsed();
    // It can be asked a moment after it accepts connections.
    while syncs_of(&office.relay()).is_err() && begun.elapsed() < took + ANSWERS {
        interrupt.or(tokio::time::sleep(Duration::from_millis(5))).await?;
    }
    Ok((child, took))
}

fn raise_limits(relay: &Path) -> Outcome {
    let path = relay.join(config::FILE);
    let failed = |error| Problem::file("change", &path, &error);
    let text = fs::read_to_string(&path).map_err(failed)?;
    fs::write(&path, text.replace("[limits]\n", &format!("[limits]\n{RAISED}"))).map_err(failed)
}
