//! A line that is cut (protocol-spec/06-document, section 4): between the clients of `bench document --cuts` and their
//! relay. Counts what it carries each way, and drops a connection when so much has gone by.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::problem::{Outcome, Problem};

/// Bytes moved at once.
const BLOCK: usize = 64 * 1024;

/// The line. It carries until the process ends.
#[derive(Clone)]
pub(super) struct Line {
    up: Arc<Way>,
    down: Arc<Way>,
}

/// One direction, over all connections.
#[derive(Default)]
struct Way {
    carried: AtomicU64,
    /// Where to cut next, ascending.
    cuts: Mutex<Vec<u64>>,
}

impl Way {
    /// Whether these bytes lead to a cut.
    fn carry(&self, bytes: usize) -> bool {
        let carried = self.carried.fetch_add(bytes as u64, Ordering::Relaxed).saturating_add(bytes as u64);
        let mut cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        let cut = cuts.first().is_some_and(|at| *at <= carried);
        if cut {
            cuts.remove(0);
        }
        cut
    }

    /// Orders cuts at even distances within the next `size` bytes.
    fn cut(&self, cuts: u32, size: u64) {
        let from = self.carried.load(Ordering::Relaxed);
        let step = size / u64::from(cuts.saturating_add(1));
        let at = (1..=u64::from(cuts)).map(|n| from.saturating_add(step.saturating_mul(n)));
        *self.cuts.lock().unwrap_or_else(PoisonError::into_inner) = at.collect();
    }

    fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }
}

impl Line {
    /// Accepts on `listen` and carries to `relay`.
    pub(super) fn start(listen: SocketAddr, relay: SocketAddr) -> Outcome<Self> {
        let failed = |_| Problem::internal("The line to the relay could not be laid.");
        let listener = TcpListener::bind(listen).map_err(failed)?;
        let line = Self { up: Arc::default(), down: Arc::default() };
        let (up, down) = (Arc::clone(&line.up), Arc::clone(&line.down));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(relay) = TcpStream::connect(relay) else { continue };
                let _ = (client.set_nodelay(true), relay.set_nodelay(true));
                let (Ok(client_too), Ok(relay_too)) = (client.try_clone(), relay.try_clone()) else { continue };
                let (up, down) = (Arc::clone(&up), Arc::clone(&down));
                thread::spawn(move || carry(client, relay, &up));
                thread::spawn(move || carry(relay_too, client_too, &down));
            }
        });
        Ok(line)
    }

    /// Orders so many cuts each way while `size` bytes go by.
    pub(super) fn cut(&self, cuts: u32, size: u64) {
        self.up.cut(cuts, size);
        self.down.cut(cuts, size);
    }

    /// Bytes carried to the relay and from it.
    pub(super) fn carried(&self) -> [u64; 2] {
        [self.up.carried(), self.down.carried()]
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, way: &Way) {
    let mut buffer = vec![0; BLOCK];
    loop {
        let read = from.read(&mut buffer).unwrap_or(0);
        let gone = read == 0 || to.write_all(buffer.get(..read).unwrap_or_default()).is_err();
        if gone || way.carry(read) {
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
            return;
        }
    }
}
