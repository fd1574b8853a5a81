//! The network of a run: each machine has a line to the relay, with a latency and a speed, that can be parted or cut. What
//! runs over it is TLS and Noise, as over TCP; time passes on it in virtual time alone.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use amanat_net::network::{Dialer, Dialling};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf, duplex, split},
    sync::{Notify, mpsc},
    time::{Instant, sleep, sleep_until},
};

use crate::trace::Trace;

/// Bytes that an end takes before it waits for the other one.
const WINDOW: usize = 64 * 1024;
/// Bytes that travel together.
const PACKET: usize = 16 * 1024;
/// Connections that the relay may leave waiting.
const WAITING: usize = 64;
/// Packets that are on the way at once.
const ON_THE_WAY: usize = 64;

/// A connection's end at the relay, and where it comes from.
type Arriving = (DuplexStream, SocketAddr);

/// Where the relay's connections go while it runs.
#[derive(Clone, Default)]
pub(crate) struct Port(Arc<Mutex<Option<mpsc::Sender<Arriving>>>>);

impl Port {
    /// The relay listens here from now on.
    pub(crate) fn open(&self) -> amanat_net::network::Connections {
        let (sender, connections) = mpsc::channel(WAITING);
        *self.0.lock().unwrap() = Some(sender);
        connections
    }

    /// It listens no more.
    pub(crate) fn close(&self) {
        *self.0.lock().unwrap() = None;
    }
}

/// How a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quality {
    /// One way.
    pub(crate) latency: Duration,
    /// Bytes a second.
    pub(crate) speed: u64,
}

impl Quality {
    /// A good one.
    pub(crate) const GOOD: Self = Self { latency: Duration::from_millis(5), speed: 10_000_000 };
}

#[derive(Clone, Copy)]
struct State {
    quality: Quality,
    parted: bool,
    /// Connections that were made before the last cut are gone.
    cuts: u64,
}

/// A state that can be waited for. Not tokio's `watch`, which wakes those who wait in an order that it draws: here it is
/// the order in which they came.
struct Watched {
    state: Mutex<State>,
    changed: Notify,
}

impl Watched {
    fn get(&self) -> State {
        *self.state.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_waiters();
    }

    async fn until(&self, so: impl Fn(State) -> bool) {
        loop {
            let changed = self.changed.notified();
            if so(self.get()) {
                return;
            }
            changed.await;
        }
    }
}

/// A machine's line to the relay.
pub(crate) struct Line {
    name: String,
    from: SocketAddr,
    state: Watched,
    port: Port,
    trace: Trace,
}

impl Line {
    pub(crate) fn new(name: &str, from: SocketAddr, port: Port, trace: Trace) -> Arc<Self> {
        let state = Mutex::new(State { quality: Quality::GOOD, parted: false, cuts: 0 });
        let state = Watched { state, changed: Notify::new() };
        Arc::new(Self { name: name.to_owned(), from, state, port, trace })
    }

    /// What is sent arrives only when the line is whole again.
    pub(crate) fn part(&self, parted: bool) {
        self.state.change(|state| state.parted = parted);
    }

    /// Whether it is parted.
    pub(crate) fn is_parted(&self) -> bool {
        self.state.get().parted
    }

    /// What is on the way from here on goes like this.
    pub(crate) fn set_quality(&self, quality: Quality) {
        self.state.change(|state| state.quality = quality);
    }

    /// Ends every connection over it, with what is on the way.
    pub(crate) fn cut(&self) {
        self.state.change(|state| state.cuts += 1);
    }

    fn connect(self: &Arc<Self>) -> io::Result<DuplexStream> {
        let port = self.port.0.lock().unwrap().clone().ok_or(io::ErrorKind::ConnectionRefused)?;
        let (device, near) = duplex(WINDOW);
        let (far, relay) = duplex(WINDOW);
        port.try_send((relay, self.from)).map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        let ((near_in, near_out), (far_in, far_out)) = (split(near), split(far));
        tokio::spawn(Arc::clone(self).carry("up", near_in, far_out));
        tokio::spawn(Arc::clone(self).carry("down", far_in, near_out));
        Ok(device)
    }

    /// Carries one direction until it ends or is cut.
    async fn carry(self: Arc<Self>, way: &'static str, from: ReadHalf<DuplexStream>, to: WriteHalf<DuplexStream>) {
        let cuts = self.state.get().cuts;
        let (sent, arriving) = mpsc::channel(ON_THE_WAY);
        tokio::select! {
            biased;
            () = self.state.until(|state| state.cuts > cuts) => {}
            ((), ()) = async { tokio::join!(self.take(from, sent), self.deliver(way, arriving, to)) } => {}
        }
    }

    /// Takes what is sent, packet by packet, and says when each arrives.
    async fn take(&self, mut from: ReadHalf<DuplexStream>, sent: mpsc::Sender<(Instant, Vec<u8>)>) {
        let mut free = Instant::now();
        let mut packet = vec![0; PACKET];
        loop {
            let count = from.read(&mut packet).await.unwrap_or(0);
            let Quality { latency, speed } = self.state.get().quality;
            free = free.max(Instant::now()) + Duration::from_micros(count as u64 * 1_000_000 / speed);
            // Nothing is the end.
            let bytes = packet.get(..count).unwrap_or_default().to_vec();
            if sent.send((free + latency, bytes)).await.is_err() || count == 0 {
                return;
            }
        }
    }

    /// Gives the other end what has arrived, once the line is whole.
    async fn deliver(&self, way: &str, mut on: mpsc::Receiver<(Instant, Vec<u8>)>, mut to: WriteHalf<DuplexStream>) {
        while let Some((arrives, bytes)) = on.recv().await {
            sleep_until(arrives).await;
            self.state.until(|state| !state.parted).await;
            self.trace.note(&self.name, format!("{way} {}", bytes.len()));
            let given = if bytes.is_empty() { to.shutdown().await } else { to.write_all(&bytes).await };
            if bytes.is_empty() || given.is_err() {
                return;
            }
        }
    }
}

/// Dials over a line for as long as its machine runs.
pub(crate) struct Phone {
    pub(crate) line: Arc<Line>,
    pub(crate) runs: Arc<AtomicBool>,
}

impl Dialer for Phone {
    fn dial(&self, _: SocketAddr) -> Dialling {
        let (line, runs) = (Arc::clone(&self.line), Arc::clone(&self.runs));
        Box::pin(async move {
            let latency = line.state.get().quality.latency;
            sleep(latency * 2).await;
            line.state.until(|state| !state.parted).await;
            if !runs.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::NotConnected.into());
            }
            line.connect()
        })
    }
}
