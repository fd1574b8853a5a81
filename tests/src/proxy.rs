//! A line that is cut (protocol-spec/06-document, section 4), or slow one way: a TCP proxy that counts what it carries,
//! drops its connections when it has carried so much, holds back what one of them sends, and records all, where it is asked to.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

/// The proxy; it carries until the test ends.
#[derive(Clone, Default)]
pub struct Proxy(Arc<Line>);

#[derive(Default)]
struct Line {
    up: Way,
    down: Way,
    connections: AtomicUsize,
    /// The connection of which nothing goes up.
    held: Mutex<Option<usize>>,
    released: Condvar,
}

/// One direction, over all connections.
#[derive(Default)]
struct Way {
    carried: AtomicU64,
    /// Where to cut next, ascending.
    cuts: Mutex<Vec<u64>>,
    made: AtomicU64,
    /// What was carried, by connection; none where nothing is recorded.
    recorded: Mutex<Option<BTreeMap<usize, Vec<u8>>>>,
}

impl Way {
    fn record(&self, connection: usize, bytes: &[u8]) {
        if let Some(recorded) = &mut *self.recorded.lock().unwrap() {
            recorded.entry(connection).or_default().extend_from_slice(bytes);
        }
    }

    /// Whether these bytes lead to a cut.
    fn carry(&self, bytes: usize) -> bool {
        let carried = self.carried.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        let mut cuts = self.cuts.lock().unwrap();
        if cuts.first().is_some_and(|at| *at <= carried) {
            cuts.remove(0);
            self.made.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        false
    }

    fn cut_at(&self, shares: &[f64], of: u64) {
        let carried = self.carried.load(Ordering::Relaxed);
        *self.cuts.lock().unwrap() = shares.iter().map(|share| carried + (*share * of as f64) as u64).collect();
    }
}

impl Proxy {
    /// Accepts on `listen` and carries to `target`.
    #[must_use]
    pub fn start(listen: SocketAddr, target: SocketAddr) -> Self {
        let proxy = Self::default();
        let listener = TcpListener::bind(listen).unwrap();
        let line = Arc::clone(&proxy.0);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let number = line.connections.fetch_add(1, Ordering::Relaxed);
                let Ok(relay) = TcpStream::connect(target) else { continue };
                let _ = (client.set_nodelay(true), relay.set_nodelay(true));
                let (client_too, relay_too) = (client.try_clone().unwrap(), relay.try_clone().unwrap());
                let (up, down) = (Arc::clone(&line), Arc::clone(&line));
                thread::spawn(move || carry(client, relay, (&up.up, number), || up.wait(number)));
                thread::spawn(move || carry(relay_too, client_too, (&down.down, number), || ()));
            }
        });
        proxy
    }

    /// Bytes carried to the relay.
    #[must_use]
    pub fn up(&self) -> u64 {
        self.0.up.carried.load(Ordering::Relaxed)
    }

    /// Bytes carried from the relay.
    #[must_use]
    pub fn down(&self) -> u64 {
        self.0.down.carried.load(Ordering::Relaxed)
    }

    /// Cuts when these shares of `of` bytes more have gone to the relay.
    pub fn cut_up(&self, shares: &[f64], of: u64) {
        self.0.up.cut_at(shares, of);
    }

    /// Cuts when these shares of `of` bytes more have come from the relay.
    pub fn cut_down(&self, shares: &[f64], of: u64) {
        self.0.down.cut_at(shares, of);
    }

    /// Records all that is carried from now on.
    pub fn record(&self) {
        for way in [&self.0.up, &self.0.down] {
            way.recorded.lock().unwrap().get_or_insert_default();
        }
    }

    /// What was recorded: each connection's bytes to the relay, then each one's from it.
    #[must_use]
    pub fn recorded(&self) -> Vec<Vec<u8>> {
        let of = |way: &Way| way.recorded.lock().unwrap().clone().unwrap_or_default().into_values();
        of(&self.0.up).chain(of(&self.0.down)).collect()
    }

    /// Connections that were made.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.connections.load(Ordering::Relaxed)
    }

    /// Holds what the client of a connection sends, counted from 0 in the order in which they were made.
    pub fn hold(&self, connection: usize) {
        *self.0.held.lock().unwrap() = Some(connection);
    }

    /// Carries what was held.
    pub fn release(&self) {
        *self.0.held.lock().unwrap() = None;
        self.0.released.notify_all();
    }

    /// Cuts made, in both directions.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.0.up.made.load(Ordering::Relaxed) + self.0.down.made.load(Ordering::Relaxed)
    }
}

impl Line {
    fn wait(&self, connection: usize) {
        let held = self.held.lock().unwrap();
        let _free = self.released.wait_while(held, |held| *held == Some(connection)).unwrap();
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, (way, connection): (&Way, usize), wait: impl Fn()) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).unwrap_or(0);
        wait();
        way.record(connection, &buffer[..read]);
        let cut = read == 0 || to.write_all(&buffer[..read]).is_err() || way.carry(read);
        if cut {
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
            return;
        }
    }
}
