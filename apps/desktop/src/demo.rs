//! `amanat-desktop --demo`: an authority, its relay and three people in this process, one of whom is whoever looks at the window;
//! the other two read and answer by themselves. Real keys, real links on loopback, real vaults, in a folder that is removed at
//! the end. Nothing here is used outside the demonstration.

mod office;
mod people;
mod scratch;
mod tale;

use std::{fmt::Display, path::PathBuf};

use amanat_client::{Engine, Failure, FailureCode};
use amanat_primitives::Timestamp;
use amanat_relay_core::Running;
use tokio::signal::unix::{SignalKind, signal};

use self::{office::Office, people::Colleague, scratch::Scratch};
use crate::{
    app::{self, App},
    backend::{self, Opened},
    settings::Settings,
    system::host::Desktop,
};

/// Exit status of what was ended from outside, as shells expect.
const ENDED: i32 = 130;

/// Everything that runs behind the window.
struct Stage {
    relay: Running,
    own: Engine,
    opened: Opened,
    colleagues: Vec<Colleague>,
}

/// Sets the stage, shows the window, and clears everything away when it is closed.
///
/// # Errors
/// The stage could not be set, or there is no display.
pub fn run() -> Result<(), Failure> {
    let scratch = Scratch::new().map_err(failed("no temporary folder can be made"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(failed("no threads can be started"))?;
    runtime.spawn(leave_nothing(scratch.path().to_owned()));
    let stage = runtime.block_on(set(&scratch))?;
    let (opened, folder) = (stage.opened.clone(), scratch.path().to_owned());
    let shown = app::show(move || {
        let now = Timestamp::from(std::time::SystemTime::now());
        let (app, task) = App::with(&opened, Settings::read(&folder), now);
        (app.kept_in(folder.clone()).hosted(std::sync::Arc::new(Desktop)), task)
    });
    runtime.block_on(stage.clear());
    shown.map_err(failed("the window cannot be opened"))
}

/// Ended from the terminal or by the session, it leaves nothing behind either.
async fn leave_nothing(folder: PathBuf) {
    let Ok(mut ended) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = ended.recv() => {}
    }
    // What is still written to meanwhile is left to the platform's own cleaning of its temporary folder.
    let _ = std::fs::remove_dir_all(folder);
    std::process::exit(ENDED);
}

async fn set(scratch: &Scratch) -> Result<Stage, Failure> {
    let office = Office::found(scratch.path())?;
    let relay = office.open_relay().await?;
    let (engine, events) = office.enrol(&tale::OWN).await?;
    let mut colleagues = Vec::new();
    for person in tale::COLLEAGUES {
        let (engine, events) = office.enrol(&person).await?;
        colleagues.push(Colleague::new(person, engine, events));
    }
    tale::tell(scratch.path(), &engine, &colleagues).await?;
    colleagues.iter().for_each(Colleague::wake);
    Ok(Stage { relay, own: engine.clone(), opened: backend::opened(engine, events), colleagues })
}

impl Stage {
    async fn clear(self) {
        for colleague in self.colleagues {
            colleague.leave().await;
        }
        self.own.stop().await;
        self.relay.shutdown().await;
    }
}

/// What went wrong while the stage was set.
fn failed<E: Display>(what: &'static str) -> impl FnOnce(E) -> Failure {
    move |error| {
        Failure::new(FailureCode::Internal, format!("{what}: {error}"), "run it again; it leaves nothing behind")
    }
}

#[cfg(test)]
mod tests;
