//! The engine (protocol-spec/07-delivery): one task that owns the vault and all protocol state.
//!
//! [`Engine::start`] gives the task a thread of its own, because a commit blocks until fsync returns; links and
//! transfers run on the face's runtime and talk to it through one bounded queue of [`Input`]s. Data flows one way:
//! an input is handled, what it changes is committed as one batch, and only then do its effects (requests, events,
//! replies) go out. What it takes from outside, time, random numbers and the network, [`Options`] names; in a simulation
//! (`tests/tests/simulation.rs`) it is a task among others, on the one thread that there is. The parts:
//! - `core` holds the state, `command` hands commands on, `link` follows the session, `apply` takes log entries in.
//! - `outgoing` sends, `late` sees to what has waited for long, `receipts` tells senders, `life` and `changes` are what
//!   happens to messages afterwards.
//! - `create` and `join` open conversations, `decline` refuses them; `membership`, `newcomers` and `commits` change who is
//!   in them, `roles` says who may, `again` brings back who fell out.
//! - `queries` and `search` answer from the vault, `history` packs and takes it, `warnings` keeps what was said, `desk`
//!   what is written and not sent.
//! - `people` knows others' devices and `devices` one's own, `status` who is revoked; `packages` are one's KeyPackages.
//! - `documents` moves files, `forgetting` lets go of keys whose time is over.
//! - `restored`, `kept` and `old_copy` notice a relay or a vault that was put back from a copy, and mend it.

mod acknowledged;
mod again;
mod apply;
mod changes;
mod command;
mod commits;
mod core;
mod create;
mod decline;
mod desk;
mod devices;
mod direct;
mod documents;
mod filter;
mod forgetting;
mod healing;
mod history;
mod join;
mod kept;
mod late;
mod life;
mod link;
mod membership;
mod newcomers;
mod old_copy;
mod outgoing;
pub(crate) mod packages;
mod people;
mod queries;
mod receipts;
mod restored;
mod roles;
mod search;
mod status;
mod warnings;

use std::{sync::Arc, time::Duration};

use amanat_net::Network;
use amanat_primitives::Timestamp;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use self::core::Core;
pub(crate) use self::core::{Open, bounded, put_conversation, target_of};
pub(crate) use self::newcomers::OnRecord;
pub(crate) use self::outgoing::put_message;
use crate::{
    Command, Event, Failure, Random, Reply, failure,
    profile::Profile,
    session::{self, SessionEvent},
};

/// Inputs that may wait for the engine.
const INPUTS: usize = 1024;
/// Events that may wait for a face before it misses the oldest.
const EVENTS: usize = 4096;

/// How long the engine sleeps at most: a machine that was suspended must not miss what is due by the clock.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Tells the time. The system's, but for tests.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How an engine runs.
#[derive(Clone)]
pub struct Options {
    /// Dial the relay. Without it the engine works offline on the vault alone.
    pub connect: bool,
    /// Tells the time.
    pub clock: Clock,
    /// Where random numbers come from.
    pub random: Random,
    /// Over what the relay is dialled.
    pub network: Network,
}

impl Default for Options {
    fn default() -> Self {
        let clock = Arc::new(|| Timestamp::from(std::time::SystemTime::now()));
        Self { connect: true, clock, random: Random::default(), network: Network::default() }
    }
}

/// A face's handle to a running engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inputs: mpsc::Sender<Input>,
    stop: Arc<watch::Sender<bool>>,
    stopped: watch::Receiver<bool>,
}

/// Events for one face.
pub struct Events(broadcast::Receiver<Event>);

/// What the engine's task handles.
pub(crate) enum Input {
    /// A face asks.
    Ask(Command, oneshot::Sender<Result<Reply, Failure>>),
    /// The session says.
    Session(SessionEvent),
    /// An answer to a request of the engine's own.
    Answered(link::Answered),
    /// What was needed to open a conversation has been fetched.
    Gathered(create::Gathered),
    /// People to be added have been looked up.
    Newcomers(membership::Newcomers),
    /// Chains that a join waits for have been fetched.
    Chains(join::Fetched),
    /// The directory has answered.
    Directory(people::Found),
    /// A transfer has come further.
    Transfer(documents::TransferEvent),
    /// Revocations have been fetched.
    Revocations(status::FetchedRevocations),
    /// The relay has listed this person's devices.
    Devices(devices::Found),
    /// KeyPackages of devices that asked to be added again.
    Again(again::Claimed),
    /// The same of those with whom a conversation is founded anew.
    Founding(late::Founding),
    /// A status statement was fetched for a log that waits.
    Status(status::FetchedStatus),
}

impl Engine {
    /// Starts the engine of `profile`. Call within a multi-thread tokio runtime.
    #[must_use]
    pub fn start(profile: Profile, options: Options) -> (Engine, Events) {
        let (inputs, queue) = mpsc::channel(INPUTS);
        let (events, first) = broadcast::channel(EVENTS);
        let (stop, stopping) = watch::channel(false);
        let (ended, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Handle::current();
        let mut core = Core::new(profile, &options, events, inputs.downgrade(), runtime.clone());
        if core.require_own_standing().is_err() {
            core.say_revoked();
        } else if let (true, Some(plan)) = (options.connect, core.session_plan()) {
            let (sessions, mut said) = mpsc::channel(INPUTS);
            runtime.spawn(session::run(plan, sessions, stopping.clone()));
            let weak = inputs.downgrade();
            runtime.spawn(async move {
                while let (Some(event), Some(inputs)) = (said.recv().await, weak.upgrade()) {
                    if inputs.send(Input::Session(event)).await.is_err() {
                        return;
                    }
                }
            });
        } else if options.connect {
            core.say_no_relay();
        }
        let run = async move {
            run(core, queue, stopping).await;
            // Whoever waits for the end learns it here, after the vault's lock is released.
            let _ = ended.send(true);
        };
        #[cfg(feature = "test-util")]
        if amanat_store::simulated::here() {
            // In its turn, as everything there.
            runtime.spawn(run);
            return (Engine { inputs, stop: Arc::new(stop), stopped }, Events(first));
        }
        let spawned = std::thread::Builder::new().name("engine".into()).spawn(move || runtime.block_on(run));
        if let Err(error) = spawned {
            tracing::error!(%error, "the engine's thread cannot be started");
        }
        (Engine { inputs, stop: Arc::new(stop), stopped }, Events(first))
    }

    /// Asks, and waits for the reply.
    ///
    /// # Errors
    /// The command's own [`Failure`]; [`FailureCode::Internal`](crate::FailureCode::Internal) once the engine has
    /// stopped.
    pub async fn ask(&self, command: Command) -> Result<Reply, Failure> {
        let (reply, answered) = oneshot::channel();
        self.inputs.send(Input::Ask(command, reply)).await.map_err(|_| failure::stopped())?;
        answered.await.map_err(|_| failure::stopped())?
    }

    /// Stops the engine: closes the link, and returns when the vault is closed. What is queued stays queued.
    pub async fn stop(mut self) {
        // Nobody listens any more only when the engine has stopped already.
        let _ = self.stop.send(true);
        let _ = self.stopped.wait_for(|ended| *ended).await;
    }
}

impl Events {
    /// The next event; `None` once the engine has stopped. A face that reads too slowly gets [`Event::Missed`] in
    /// place of the oldest ones and should read the vault anew.
    pub async fn next(&mut self) -> Option<Event> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Event::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

async fn run(mut core: Core, mut inputs: mpsc::Receiver<Input>, mut stop: watch::Receiver<bool>) {
    let mut begun = core.begin();
    loop {
        if let Err(failure) = std::mem::replace(&mut begun, Ok(())) {
            core.emit(Event::Stopped(failure));
            break;
        }
        let wait = core.next_timer().unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
        let handled = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            input = inputs.recv() => match input {
                Some(input) => core.handle(input),
                None => break,
            },
            () = tokio::time::sleep(wait) => core.timer(),
        };
        // Whoever asked has been told; but with a disk that has failed there is no going on for anybody.
        if let Err(failure) = handled.and_then(|()| core.settle()).and_then(|()| core.vault.check()) {
            tracing::error!(code = failure.code.name(), "the engine stops");
            core.emit(Event::Stopped(failure));
            break;
        }
    }
    core.close().await;
}
