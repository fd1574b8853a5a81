//! What every command is given: where to print, which profile, and whether the user wants to stop.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use amanat_client::profile;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::{
    output::Screen,
    problem::{Outcome, Problem},
    secrets::TerminalGuard,
};

/// What every command is given.
#[derive(Clone)]
pub(crate) struct Context {
    /// Where results go.
    pub(crate) screen: Screen,
    /// The profile's folder.
    pub(crate) profile: PathBuf,
    /// Ctrl-C.
    pub(crate) interrupt: Interrupt,
}

impl Context {
    /// `profile` as on the command line.
    pub(crate) fn new(screen: Screen, profile: Option<PathBuf>, interrupt: Interrupt) -> Outcome<Self> {
        let profile = match profile {
            Some(dir) => dir,
            None => profile::default_dir().ok_or_else(|| {
                let failed = "It is not known where your profile is: HOME is not set.";
                Problem::new("no-profile", failed, "Name it: --profile DIR.")
            })?,
        };
        Ok(Self { screen, profile, interrupt })
    }
}

/// Signals this close together are one wish: `timeout` and supervisors send theirs to the process and to its group.
const ONE_PRESS: Duration = Duration::from_millis(500);

/// Ctrl-C or SIGTERM, once for a clean end, twice for an immediate one.
#[derive(Clone)]
pub(crate) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens from now on. `terminal` is given back its settings before an immediate end.
    pub(crate) fn listen(terminal: &'static TerminalGuard) -> Outcome<Self> {
        let failed = |_| Problem::internal("The program could not listen for signals.");
        let mut keyboard = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut service = signal(SignalKind::terminate()).map_err(failed)?;
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            either(&mut keyboard, &mut service).await;
            if tell.send(true).is_err() {
                return;
            }
            let first = Instant::now();
            loop {
                either(&mut keyboard, &mut service).await;
                if first.elapsed() > ONE_PRESS {
                    terminal.restore();
                    std::process::exit(130);
                }
            }
        });
        Ok(Self(told))
    }

    /// Nobody ever wants to stop.
    #[cfg(test)]
    pub(crate) fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// Returns when the user wants to stop.
    pub(crate) async fn wait(&mut self) {
        if self.0.wait_for(|stop| *stop).await.is_err() {
            // Without a listener nobody can ask.
            std::future::pending::<()>().await;
        }
    }

    /// Fails if the user wants to stop: between two steps that block.
    pub(crate) fn check(&self) -> Outcome {
        if *self.0.borrow() { Err(Problem::interrupted()) } else { Ok(()) }
    }

    /// `work`, unless the user wants to stop first.
    pub(crate) async fn or<T>(&mut self, work: impl Future<Output = T>) -> Outcome<T> {
        tokio::select! {
            done = work => Ok(done),
            () = self.wait() => Err(Problem::interrupted()),
        }
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => (),
        _ = other.recv() => (),
    }
}
