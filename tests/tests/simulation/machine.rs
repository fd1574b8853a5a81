//! The machines of a run: the relay's and one a person, each with a clock that may be wrong, a disk that may be full, and a
//! process that may end at any moment.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use amanat_client::{
    Command, Engine, Event, Failure, FailureCode, Options, Random, Reply,
    profile::{self, JoinRequest},
};
use amanat_net::Network;
use amanat_primitives::{Timestamp, passphrase::WorkPolicy};
use amanat_relay_core::{Clock, Config, Relay, Running, StartError, Steady};
use amanat_store::{OpenError, simulated::Disk};
use amanat_tests::PASSPHRASE;
use rand_chacha::ChaCha20Rng;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use crate::{
    network::{Line, Phone, Port},
    trace::Trace,
};

/// How often a relay is started before its folder must be free.
const ATTEMPTS: usize = 100;
/// When every run begins.
const BEGIN: u64 = 1_800_000_000;

/// True time: virtual time, and the nights that all machines slept through.
#[derive(Clone)]
pub(crate) struct Time {
    begun: Instant,
    slept: Arc<AtomicI64>,
}

impl Time {
    pub(crate) fn begin() -> Self {
        Self { begun: Instant::now(), slept: Arc::default() }
    }

    /// All machines sleep for so long.
    pub(crate) fn sleep(&self, so_long: Duration) {
        self.slept.fetch_add(so_long.as_millis() as i64, Ordering::Relaxed);
    }

    /// Since the run began.
    pub(crate) fn passed(&self) -> Duration {
        self.begun.elapsed() + Duration::from_millis(self.slept.load(Ordering::Relaxed) as u64)
    }

    /// What a right clock says.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_secs(BEGIN).after(self.passed())
    }
}

/// A machine's clock, and by how many milliseconds it is wrong.
#[derive(Clone)]
pub(crate) struct OwnClock {
    time: Time,
    wrong: Arc<AtomicI64>,
}

impl OwnClock {
    pub(crate) fn right(time: &Time) -> Self {
        Self { time: time.clone(), wrong: Arc::default() }
    }

    pub(crate) fn set_wrong_by(&self, millis: i64) {
        self.wrong.store(millis, Ordering::Relaxed);
    }

    /// By how many milliseconds it is wrong.
    pub(crate) fn wrong_by(&self) -> i64 {
        self.wrong.load(Ordering::Relaxed)
    }

    pub(crate) fn now(&self) -> Timestamp {
        let wrong = self.wrong.load(Ordering::Relaxed);
        let by = Duration::from_millis(wrong.unsigned_abs());
        if wrong < 0 { self.time.now().before(by) } else { self.time.now().after(by) }
    }
}

/// The relay's machine.
pub(crate) struct RelayMachine {
    pub(crate) clock: OwnClock,
    pub(crate) disk: Arc<Disk>,
    pub(crate) dir: PathBuf,
    port: Port,
    time: Time,
    running: Option<Running>,
}

impl RelayMachine {
    pub(crate) fn new(dir: &Path, time: &Time, port: Port) -> Self {
        let (clock, disk) = (OwnClock::right(time), Disk::under(dir));
        Self { clock, disk, dir: dir.to_owned(), port, time: time.clone(), running: None }
    }

    pub(crate) async fn start(&mut self) {
        let config = Config::load(&self.dir).unwrap();
        for _ in 0..ATTEMPTS {
            let (clock, time) = (self.clock.clone(), self.time.clone());
            let clocks: (Clock, Steady) = (Arc::new(move || clock.now()), Arc::new(move || time.passed()));
            match Relay::start_in_memory(config.clone(), &self.dir, clocks, self.port.open()).await {
                Ok(running) => {
                    self.running = Some(running);
                    return;
                }
                // Where a process would have ended, its tasks are still letting go.
                Err(StartError::Store { source: OpenError::InUse, .. }) => sleep(Duration::from_millis(100)).await,
                Err(error) => panic!("the relay does not start: {error}"),
            }
        }
        panic!("the relay does not let go of its folder");
    }

    /// Stops in good order; with the process its connections end.
    pub(crate) async fn stop(&mut self, lines: impl Iterator<Item = &Arc<Line>>) {
        self.port.close();
        if let Some(running) = self.running.take() {
            running.shutdown().await;
        }
        lines.for_each(|line| line.cut());
    }

    /// Ends at once: what is not durable is gone, and nobody hears anything more.
    pub(crate) async fn crash(&mut self, lines: impl Iterator<Item = &Arc<Line>>) {
        self.disk.lose();
        self.port.close();
        lines.for_each(|line| line.cut());
        self.stop(std::iter::empty()).await;
        let full = self.disk.is_full();
        self.disk = Disk::under(&self.dir);
        self.disk.set_full(full);
    }
}

/// A process of an engine.
struct Life {
    engine: Engine,
    runs: Arc<AtomicBool>,
    /// The engine has stopped by itself, for this reason.
    stopped: Arc<std::sync::Mutex<Option<FailureCode>>>,
}

/// A person's machine.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) clock: OwnClock,
    pub(crate) disk: Arc<Disk>,
    pub(crate) line: Arc<Line>,
    pub(crate) dir: PathBuf,
    random: Random,
    trace: Trace,
    life: Option<Life>,
}

impl Machine {
    pub(crate) fn new(
        name: &str,
        number: u8,
        dir: &Path,
        time: &Time,
        random: ChaCha20Rng,
        port: Port,
        trace: &Trace,
    ) -> Self {
        let from = SocketAddr::from(([10, 0, 1, number], 40_000));
        Self {
            name: name.to_owned(),
            clock: OwnClock::right(time),
            disk: Disk::under(dir),
            line: Line::new(name, from, port, trace.clone()),
            dir: dir.to_owned(),
            random: Random::given(random),
            trace: trace.clone(),
            life: None,
        }
    }

    fn options(&self, runs: &Arc<AtomicBool>) -> Options {
        let (clock, phone) = (self.clock.clone(), Phone { line: Arc::clone(&self.line), runs: Arc::clone(runs) });
        Options {
            connect: true,
            clock: Arc::new(move || clock.now()),
            random: self.random.clone(),
            network: Network::through(Arc::new(phone)),
        }
    }

    /// Redeems an invitation.
    pub(crate) async fn join(&self, invitation: Vec<u8>) {
        let (dir, passphrase) = (self.dir.clone(), Zeroizing::new(PASSPHRASE.into()));
        let request = JoinRequest { dir, invitation, code: None, passphrase, work: WorkPolicy::FOR_TESTS };
        let options = self.options(&Arc::new(AtomicBool::new(true)));
        let joined = profile::join_with(request, &options, |_| {}).await;
        joined.unwrap_or_else(|failure| panic!("{} cannot join: {failure:?}", self.name));
    }

    /// Opens the profile, on which no engine runs.
    pub(crate) fn open(&self) -> Result<profile::Profile, Failure> {
        profile::open_at(&self.dir, PASSPHRASE, &WorkPolicy::FOR_TESTS, self.clock.now())
    }

    /// Starts the engine, if the disk lets it.
    pub(crate) fn start(&mut self) {
        let profile = match self.open() {
            Ok(profile) => profile,
            Err(failure) if failure.code == FailureCode::DiskFull => return,
            Err(failure) => panic!("{} does not open: {failure:?}", self.name),
        };
        let runs = Arc::new(AtomicBool::new(true));
        let (engine, mut events) = Engine::start(profile, self.options(&runs));
        let stopped = Arc::new(std::sync::Mutex::new(None));
        let (trace, name, why) = (self.trace.clone(), self.name.clone(), Arc::clone(&stopped));
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                trace.event(&name, &event);
                if let Event::Stopped(failure) = event {
                    *why.lock().unwrap() = Some(failure.code);
                }
            }
        });
        self.life = Some(Life { engine, runs, stopped });
    }

    pub(crate) fn engine(&self) -> Option<&Engine> {
        self.life.as_ref().map(|life| &life.engine)
    }

    /// Why the engine has stopped by itself.
    pub(crate) fn stopped(&self) -> Option<FailureCode> {
        self.life.as_ref().and_then(|life| *life.stopped.lock().unwrap())
    }

    /// Sets the clock, while the engine runs or while it is stopped for that.
    pub(crate) async fn set_clock(&mut self, millis: i64, stopped: bool) {
        let runs = self.life.is_some();
        if stopped {
            self.stop().await;
        }
        self.clock.set_wrong_by(millis);
        if stopped && runs {
            self.start();
        }
    }

    /// Stops in good order.
    pub(crate) async fn stop(&mut self) {
        if let Some(life) = self.life.take() {
            life.engine.stop().await;
            life.runs.store(false, Ordering::Relaxed);
        }
    }

    /// Ends at once: what is not durable is gone, and nobody hears anything more.
    pub(crate) async fn crash(&mut self) {
        self.disk.lose();
        if let Some(life) = &self.life {
            life.runs.store(false, Ordering::Relaxed);
        }
        self.line.cut();
        self.stop().await;
        let full = self.disk.is_full();
        self.disk = Disk::under(&self.dir);
        self.disk.set_full(full);
    }

    /// Asks; [`None`] where no engine runs.
    pub(crate) async fn ask(&self, command: Command) -> Option<Result<Reply, Failure>> {
        Some(self.engine()?.ask(command).await)
    }
}
