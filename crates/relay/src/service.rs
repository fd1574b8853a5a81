//! The running relay (protocol-spec/07-delivery, section 1): starts, accepts, sweeps, stops.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use amanat_identity::{Authority, ChainError, Domain, RelayKeys, Statement, VerifiedRelay};
use amanat_net::{RelayTlsKey, Server, server::BindError};
use amanat_primitives::{Incarnation, Timestamp, agree::NoiseSecret};
use amanat_store::{Health, OpenError};
use amanat_wire::relay::Refusal;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use crate::{
    admission::{Admission, Bounds},
    clock::{Clock, JumpWatch, Steady, system_clock, system_steady},
    config::Config,
    connection::{self, Alive},
    control,
    folder::{self, FolderError},
    live::Live,
    phase::{Phase, Phases},
    push::Feed,
    rate::{AGAIN, COMMITS, DeviceRates, Rate, RateTable},
    settling::Settling,
    shared::Shared,
    stats::{Counters, Stats},
    storage,
};

/// Open requests are answered and queues emptied for so long at a shutdown.
const DRAIN: Duration = Duration::from_secs(5);
/// Between two looks at the store's health and two status files.
const WATCH_EVERY: Duration = Duration::from_secs(10);
/// How long the status file may take to be written.
const STATUS_FILE: Duration = Duration::from_secs(10);
/// From when on a certificate's end is remarked on.
pub(crate) const CERTIFICATE_SOON: Duration = Duration::from_secs(30 * 24 * 3600);
/// Between two sweeps, and between two steps of one.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
const SWEEP_STEP: Duration = Duration::from_millis(50);

/// Why a relay does not start. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Configuration, keys or certificate file.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The certificate is not believed.
    #[error("relay.cert is not valid: {0}")]
    Certificate(#[from] ChainError),
    /// The certificate is for other keys.
    #[error("relay.cert was made for another relay's keys")]
    OtherKeys,
    /// The certificate's authority has another domain than the configuration.
    #[error("relay.cert is from the authority of {certified}, and relay.toml says {configured}")]
    OtherDomain {
        /// In the certificate.
        certified: Domain,
        /// In the configuration.
        configured: Domain,
    },
    /// The store does not open.
    #[error("the store in {}: {source}", path.display())]
    Store {
        /// Its folder.
        path: std::path::PathBuf,
        /// Why.
        source: OpenError,
    },
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A thread could not be started.
    #[error("a thread could not be started")]
    Thread,
    /// The stored status statement or its revocations.
    #[error("the stored status statement and its revocations cannot be used")]
    Revocations,
}

impl StartError {
    /// What to try.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Folder(error) => error.advice(),
            Self::Certificate(ChainError::Expired { .. }) => {
                "have relay.card certified again, or set this machine's clock".into()
            }
            Self::Certificate(ChainError::NotYetValid { .. }) => "set this machine's clock".into(),
            Self::Certificate(_) | Self::OtherKeys => {
                "have this folder's relay.card certified: amanat relay certify relay.card --authority A --out relay.cert"
                    .into()
            }
            Self::OtherDomain { .. } => {
                "write the authority's domain into relay.toml, or have the card certified by the other authority".into()
            }
            Self::Store { source, .. } => match source {
                OpenError::InUse => {
                    "another amanat-relay runs on this folder: stop it first (systemctl stop amanat-relay)".into()
                }
                OpenError::ReadOnly => "run as the relay's user, or give it the right to write to the folder".into(),
                OpenError::Full => "free some space on the disk".into(),
                OpenError::Newer { .. } => "run the newer version of amanat-relay that wrote it".into(),
                OpenError::Foreign | OpenError::Missing => "set `data` in relay.toml to the store's own folder".into(),
                OpenError::Damaged(_) => {
                    "do not run on it: restore the folder from a copy, or keep it aside and start with an empty one; clients bring back what they hold"
                        .into()
                }
                OpenError::Io(_) => "look at the system's log for errors of the disk".into(),
            },
            Self::Bind(BindError::NotPermitted(_)) => {
                "listen on a private address, or have the relay certified with --allow-public".into()
            }
            Self::Bind(BindError::Refused { .. }) => {
                "check `listen` in relay.toml: the address must be this machine's, and the port free (ss -ltn)".into()
            }
            Self::Bind(BindError::TlsKey) | Self::Thread => String::new(),
            Self::Revocations => "restore the folder from a copy; whoever is revoked must not be served".into(),
        }
    }
}

/// A relay before it runs.
pub struct Relay;

/// Keys and certificate of a folder, checked against each other.
pub(crate) struct Credentials {
    pub(crate) keys: RelayKeys,
    pub(crate) authority: Authority,
    pub(crate) relay: VerifiedRelay,
    pub(crate) certificate: Statement,
}

/// Reads keys and certificate and checks that they belong together and to the configuration.
pub(crate) fn credentials(config: &Config, dir: &Path, now: Timestamp) -> Result<Credentials, StartError> {
    let keys = folder::load_keys(dir)?;
    let certified = folder::load_certificate(dir)?;
    let (authority, relay) = certified.verify(now)?;
    // The digest in the key file is as old as the file: the certificate must be for the TLS key itself.
    if relay.require_keys(&keys).is_err() || relay.tls_key() != folder::tls_key(&keys)?.digest() {
        return Err(StartError::OtherKeys);
    }
    if *authority.domain() != config.domain {
        let (certified, configured) = (authority.domain().clone(), config.domain.clone());
        return Err(StartError::OtherDomain { certified, configured });
    }
    Ok(Credentials { keys, authority, relay, certificate: certified.certificate })
}

impl Relay {
    /// Starts a relay on the folder `dir`, within the current tokio runtime. When this returns it accepts connections.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: Config, dir: &Path) -> Result<Running, StartError> {
        Self::start_with_clocks(config, dir, system_clock(), system_steady()).await
    }

    /// As [`start`](Self::start), with another clock, which is believed whatever it says: for tests of what takes days.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_with_clock(config: Config, dir: &Path, clock: Clock) -> Result<Running, StartError> {
        let same = Arc::clone(&clock);
        let steady: Steady = Arc::new(move || same().since(Timestamp::from_millis(0)));
        Self::start_with_clocks(config, dir, clock, steady).await
    }

    /// As [`start`](Self::start), with other clocks: for tests of one that jumps.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_with_clocks(
        config: Config,
        dir: &Path,
        clock: Clock,
        steady: Steady,
    ) -> Result<Running, StartError> {
        Self::start_on(config, dir, (clock, steady), Server::bind).await
    }

    /// As [`start`](Self::start), in a simulation: links come through `connections`, whatever the configuration says.
    ///
    /// # Errors
    /// [`StartError`].
    #[cfg(feature = "test-util")]
    pub async fn start_in_memory(
        mut config: Config,
        dir: &Path,
        clocks: (Clock, Steady),
        connections: amanat_net::network::Connections,
    ) -> Result<Running, StartError> {
        config.listen.truncate(1);
        let mut connections = Some(connections);
        let listen = |_, key: &RelayTlsKey, noise, _| {
            let connections = connections.take().unwrap_or_else(|| mpsc::channel(1).1);
            Server::in_memory(connections, key, noise)
        };
        Self::start_on(config, dir, clocks, listen).await
    }

    async fn start_on(
        config: Config,
        dir: &Path,
        (clock, steady): (Clock, Steady),
        mut listen: impl FnMut(SocketAddr, &RelayTlsKey, NoiseSecret, bool) -> Result<Server, BindError>,
    ) -> Result<Running, StartError> {
        let Credentials { keys, authority, relay, certificate } = credentials(&config, dir, clock())?;
        if relay.valid_until() < clock().after(CERTIFICATE_SOON) {
            tracing::warn!("the relay's certificate ends within 30 days: have relay.card certified again");
        }
        let tls = folder::tls_key(&keys)?;
        let feed = Arc::new(Feed::default());
        let (store, blobs) = storage::open(&config, dir, &keys, Arc::clone(&feed)).await?;
        let noise = || NoiseSecret::from_secret(keys.noise().secret().duplicate());
        let servers = config
            .listen
            .iter()
            .map(|address| listen(*address, &tls, noise(), relay.allow_public()))
            .collect::<Result<Vec<_>, _>>()?;
        let addresses: Vec<SocketAddr> = servers.iter().filter_map(|server| server.local_addr().ok()).collect();
        let shared = Arc::new(Shared {
            status: storage::restore_status(&store, &authority, clock())?,
            seal_key: storage::seal_key(&keys),
            settling: Settling::load(&store, clock()).map_err(|_| StartError::Revocations)?,
            authority,
            keys,
            certificate,
            store,
            blobs,
            live: Live::new(),
            rates: RateTable::new(device_rates(&config)),
            admission: Admission::new(bounds(&config)),
            counters: Counters::default(),
            status_file: config.status_file.as_ref().map(|path| dir.join(path)),
            jumps: JumpWatch::start(clock(), steady),
            clock,
            phase: Phases::new(),
            appends: Arc::new(Semaphore::new(storage::APPENDS)),
            notices: Mutex::new(HashMap::new()),
            again: Default::default(),
            warned: Mutex::default(),
        });
        let (alive, drained) = mpsc::channel(1);
        let mut tasks: Vec<JoinHandle<()>> = Vec::new();
        for server in servers {
            tasks.push(tokio::spawn(accept(Arc::clone(&shared), server, alive.clone())));
        }
        tasks.push(tokio::spawn(feed.run(Arc::clone(&shared))));
        tasks.push(tokio::spawn(sweep(Arc::clone(&shared))));
        tasks.push(tokio::spawn(watch_over(Arc::clone(&shared))));
        tasks.push(tokio::spawn(control::serve(control::Desk {
            shared: Arc::clone(&shared),
            dir: dir.to_owned(),
            data: dir.join(&config.data),
            since: shared.now(),
            certificate_until: relay.valid_until(),
        })));
        drop(alive);
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            listen = %List(&addresses),
            incarnation = %shared.store.incarnation(),
            "the relay accepts connections"
        );
        Ok(Running { shared, addresses, tasks, drained })
    }
}

/// Socket addresses as one field of a log line.
struct List<'a>(&'a [SocketAddr]);

impl std::fmt::Display for List<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().enumerate().try_for_each(|(i, address)| {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{address}")
        })
    }
}

fn device_rates(config: &Config) -> DeviceRates {
    let limits = config.limits;
    let (requests, bytes) = (u64::from(limits.requests_per_second), u64::from(limits.mib_per_second) << 20);
    let claims = u64::from(limits.claims_per_minute);
    DeviceRates {
        requests: Rate { per_second: requests, burst: requests.saturating_mul(4) },
        bytes: Rate { per_second: bytes, burst: bytes },
        // A founder of a large conversation claims hundreds at once.
        claims: Rate { per_second: claims.div_ceil(60), burst: claims.saturating_mul(10) },
        foundings: Rate::hourly(limits.conversations_per_hour),
        additions: Rate::hourly(limits.additions_per_hour),
        commits: COMMITS,
        again: AGAIN,
    }
}

fn bounds(config: &Config) -> Bounds {
    let limits = config.limits;
    let size = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let handshakes = u64::from(limits.handshakes_per_second);
    Bounds {
        links: size(limits.connections),
        half_open: size(limits.half_open),
        half_open_per_address: size(limits.half_open_per_address),
        handshakes: Rate { per_second: handshakes, burst: handshakes.saturating_mul(4) },
    }
}

async fn accept(shared: Arc<Shared>, server: Server, alive: Alive) {
    loop {
        let incoming = tokio::select! {
            biased;
            () = shared.closing() => return,
            incoming = server.accept() => incoming,
        };
        match shared.admission.begin(incoming.peer().ip(), Instant::now()) {
            Ok(half_open) => {
                tokio::spawn(connection::serve(Arc::clone(&shared), incoming, half_open, alive.clone()));
            }
            Err(reason) => {
                tracing::debug!(peer = %incoming.peer(), %reason, "a connection is turned away");
                shared.counters.turned_away();
            }
        }
    }
}

/// Removes what its retention class no longer keeps, a little at a time.
async fn sweep(shared: Arc<Shared>) {
    let mut ticks = interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = shared.closing() => return,
            _ = ticks.tick() => {}
        }
        let now = Instant::now();
        shared.rates.sweep(now);
        shared.admission.sweep(now);
        // [DELIV-194]
        if shared.clock_ahead().is_none() {
            storage::sweep(&shared, SWEEP_STEP).await;
        }
    }
}

/// Watches the store's health and writes the status file.
async fn watch_over(shared: Arc<Shared>) {
    let mut ticks = interval(WATCH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut full = false;
    loop {
        tokio::select! {
            biased;
            () = shared.closing() => return,
            _ = ticks.tick() => {}
        }
        shared.settling.look(shared.now());
        // Looked at often, so that small corrections do not add up to a jump.
        let _ = shared.clock_ahead();
        match shared.store.health() {
            Health::Working => full = false,
            Health::Full if !full => {
                full = true;
                tracing::error!("the disk is full: free some space and start the relay again");
                shared.fail();
            }
            Health::Full | Health::Closed => {}
            Health::Failed | Health::Damaged => shared.fail(),
        }
        if let Some(path) = shared.status_file.clone() {
            let text = shared.stats().to_prometheus();
            let written = amanat_store::blocking::run(move || folder::write(&path, text.as_bytes(), 0o644));
            // A disk that does not answer must not keep the store's health from being looked at. [DELIV-08]
            if !matches!(timeout(STATUS_FILE, written).await, Ok(Ok(Ok(())))) {
                tracing::warn!("the status file cannot be written");
            }
        }
    }
}

/// A relay that runs. Dropping it stops the relay without draining; call [`shutdown`](Self::shutdown).
pub struct Running {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    tasks: Vec<JoinHandle<()>>,
    drained: mpsc::Receiver<()>,
}

impl Running {
    /// Where it listens, in the order of the configuration; a port that was 0 is known now.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Figures since the start.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Its store's incarnation.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.shared.store.incarnation()
    }

    /// The authority that it serves.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.shared.authority
    }

    /// Waits until the relay cannot go on, which is when its store has failed. The process should end then.
    pub async fn failed(&self) {
        self.shared.phase.until(|phase| phase == Phase::Failed).await;
    }

    /// Stops: accepts nothing more, answers what is open, says goodbye, syncs. Takes 10 s at most. Says whether
    /// everything was answered and synced.
    // [DELIV-53]
    pub async fn shutdown(mut self) -> bool {
        self.shared.phase.go_on(Phase::Closing, |phase| phase == Phase::Open);
        let healthy = self.shared.phase.now() == Phase::Closing;
        self.shared.close_links(Refusal::ShuttingDown, healthy);
        let drained = timeout(DRAIN, self.drained.recv()).await.is_ok();
        if !drained {
            tracing::warn!("some links did not end in time");
        }
        let closed = storage::close(&self.shared).await;
        for task in &self.tasks {
            task.abort();
        }
        tracing::info!(drained, "the relay has stopped");
        healthy && drained && closed
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.phase.go_on(Phase::Closing, |_| true);
        self.shared.close_links(Refusal::ShuttingDown, false);
        for task in &self.tasks {
            task.abort();
        }
    }
}
