//! `amanat-relay run`.

use std::{io::IsTerminal as _, path::Path, time::Duration};

use amanat_relay_core::{
    Relay,
    config::{Config, Format, Log},
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::problem::Problem;

/// How long reads of the store may take to end when the relay does.
const LET_GO: Duration = Duration::from_secs(5);

pub(crate) fn run(dir: &Path) -> Result<(), Problem> {
    let config = Config::load(dir).map_err(|error| Problem::new(&error, error.advice()))?;
    log(config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("amanat-relay")
        // Reads of the store, some tens of microseconds each; more threads would only wait for each other.
        .max_blocking_threads(32)
        .build()
        .map_err(|error| Problem::new(&error, "raise the limit of processes (ulimit -u)"))?;
    let outcome = runtime.block_on(serve(config, dir));
    // A read that a disk never answers is not waited for. [DELIV-08]
    runtime.shutdown_timeout(LET_GO);
    outcome
}

async fn serve(config: Config, dir: &Path) -> Result<(), Problem> {
    let no_signals = |error| {
        Problem::new(&error, "check the limits of this service (ulimit -a, systemctl status), then start it again")
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let running = Relay::start(config, dir).await.map_err(|error| Problem::new(&error, error.advice()))?;
    let failed = tokio::select! {
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
        () = running.failed() => true,
    };
    let clean = running.shutdown().await;
    if failed {
        return Err(Problem::said(
            "the store has failed; nothing that was acknowledged is lost",
            "look at the log above and at the disk (dmesg, df), then start the relay again",
        ));
    }
    if !clean {
        return Err(Problem::said(
            "the relay did not stop cleanly; nothing that was acknowledged is lost",
            "start it again, and look at the log above if it comes back",
        ));
    }
    Ok(())
}

/// Logs to the standard error. `AMANAT_LOG` overrides the level.
fn log(log: Log) {
    // Other crates speak from warnings on: what they say at lower levels is not ours to answer for.
    let level = log.level.name();
    let default =
        format!("warn,amanat_relay={level},amanat_relay_core={level},amanat_net={level},amanat_store={level}");
    let filter = EnvFilter::try_from_env("AMANAT_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match log.format {
        Format::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
        Format::Journal => builder.with_ansi(false).without_time().init(),
    }
}
