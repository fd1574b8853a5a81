//! What stands where the relay should: less TLS, other keys.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use amanat_client::{
    Event, FailureCode,
    api::{LinkState, MessageState},
};
use amanat_identity::Tier;
use amanat_net::{RelayTlsKey, Server};
use amanat_primitives::agree::NoiseSecret;
use amanat_relay_core::{Config, folder};
use amanat_tests::{Person, Rig};
use rand_core::OsRng;

use super::{Seen, loss::GOES_ON, relay::Foe, seed::Seed, staff::Staff};

/// Two people whose relay has gone for a moment.
struct Line {
    rig: Rig,
    foe: Foe,
    address: SocketAddr,
}

impl Line {
    async fn lay() -> Self {
        let rig = Rig::without_relay();
        let foe = Foe::in_place_of(&rig);
        for handle in ["secretary", "director"] {
            rig.enrol(handle, Tier::Secret).await;
        }
        foe.close().await;
        let address = Config::load(&rig.relay_dir()).unwrap().listen[0];
        Self { rig, foe, address }
    }

    /// Somebody dials what stands there; nothing comes of it but an error that names it.
    async fn dials(&self) -> Person {
        let mut secretary = self.rig.start("secretary").await;
        let down = |event: &Event| match event {
            Event::Link(LinkState::Up(_)) => panic!("linked to what is no relay"),
            Event::Link(LinkState::Down { failure, .. }) => Some(failure.code),
            _ => None,
        };
        let code = secretary.until("refusal of the link", down).await;
        assert!(matches!(code, FailureCode::RelayIdentity | FailureCode::Offline), "{code:?}");
        secretary
    }

    /// The relay is there again, and so is everything else.
    async fn goes_on(self, mut secretary: Person) -> Seen {
        self.foe.open(&self.rig);
        let mut director = self.rig.start("director").await;
        secretary.sync_when_linked().await;
        director.sync_when_linked().await;
        let (_, message) = secretary.say(&self.rig.to("director", Tier::Official), "through").await;
        director.next_message().await;
        secretary.until_state(message, MessageState::Delivered).await;
        Seen::plain("refused", "at once", GOES_ON)
    }
}

/// What answers a ClientHello, with less than was asked for.
fn answer(hello: &[u8], seed: &mut Seed, variant: u64) -> Vec<u8> {
    // Record header, handshake header, version, random; then the session id.
    let session = hello.get(43..).and_then(|rest| rest.get(1..1 + usize::from(rest[0]))).unwrap_or_default().to_vec();
    let retry: [u8; 32] = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2,
        0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
    ];
    let thirteen = [0x00, 0x2b, 0x00, 0x02, 0x03, 0x04];
    let mut share = vec![0x00, 0x33, 0x00, 0x24, 0x00, 0x1d, 0x00, 0x20];
    share.extend(seed.bytes(32));
    let (random, suite, extensions) = match variant {
        // TLS 1.2, with and without its mark of a downgrade.
        0 => (seed.bytes(32), [0xc0, 0x2f], Vec::new()),
        1 => ([seed.bytes(24), b"DOWNGRD\x01".to_vec()].concat(), [0xc0, 0x2b], Vec::new()),
        // TLS 1.3 with X25519 alone, said at once or asked for.
        2 => (seed.bytes(32), [0x13, 0x03], [&thirteen[..], &share].concat()),
        3 => (retry.to_vec(), [0x13, 0x01], [&thirteen[..], &[0x00, 0x33, 0x00, 0x02, 0x00, 0x1d]].concat()),
        // An alert: no such version.
        4 => return vec![0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46],
        _ => return seed.bytes(600),
    };
    let mut body = vec![0x03, 0x03];
    body.extend(random);
    body.push(session.len() as u8);
    body.extend(session);
    body.extend(suite);
    body.push(0);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let mut message = vec![0x02, 0x00];
    message.extend((body.len() as u16).to_be_bytes());
    message.extend(body);
    let mut record = vec![0x16, 0x03, 0x03];
    record.extend((message.len() as u16).to_be_bytes());
    record.extend(message);
    record
}

pub(crate) async fn tls_downgrade(_: &Staff, seed: u64) -> Seen {
    let line = Line::lay().await;
    let listener = TcpListener::bind(line.address).unwrap();
    listener.set_nonblocking(true).unwrap();
    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (end, count) = (Arc::clone(&over), Arc::clone(&answered));
    let gateway = std::thread::spawn(move || {
        let mut bytes = Seed::new(seed);
        while !end.load(Ordering::Relaxed) {
            let Ok((mut client, _)) = listener.accept() else {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            };
            client.set_nonblocking(false).unwrap();
            let mut hello = vec![0; 16 * 1024];
            let read = client.read(&mut hello).unwrap_or(0);
            let _ = client.write_all(&answer(&hello[..read], &mut bytes, seed % 6));
            // What a client that was taken in would say then.
            client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let more = client.read(&mut hello).unwrap_or(0);
            assert!(more < 64, "{more} bytes were sent to what is no relay");
            let _ = client.shutdown(Shutdown::Both);
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let secretary = line.dials().await;
    over.store(true, Ordering::Relaxed);
    gateway.join().unwrap();
    assert!(answered.load(Ordering::Relaxed) > 0);
    line.goes_on(secretary).await
}

pub(crate) async fn noise_downgrade(_: &Staff, seed: u64) -> Seen {
    let line = Line::lay().await;
    let keys = folder::load_keys(&line.rig.relay_dir()).unwrap();
    let own = NoiseSecret::from_secret(keys.noise().secret().duplicate());
    // The TLS key was stolen and the Noise key was not, or the other way round.
    let (tls, noise) = if seed.is_multiple_of(2) {
        (folder::tls_key(&keys).unwrap(), NoiseSecret::generate(&mut OsRng))
    } else {
        (RelayTlsKey::generate().unwrap(), own)
    };
    let server = Server::bind(line.address, &tls, noise, false).unwrap();
    let accepting = tokio::spawn(async move {
        loop {
            assert!(server.accept().await.handshake().await.is_err(), "a link to what is no relay");
        }
    });
    let secretary = line.dials().await;
    accepting.abort();
    assert!(accepting.await.unwrap_err().is_cancelled());
    line.goes_on(secretary).await
}
