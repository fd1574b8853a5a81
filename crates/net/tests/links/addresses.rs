//! Section 1: which addresses are bound and dialled.

use amanat_net::{DialError, RelayTlsKey, Server, dial, server::BindError};
use amanat_primitives::agree::NoiseSecret;
use rand_core::OsRng;

use crate::world::{LOOPBACK, World};

// [LINK-01]
#[tokio::test]
async fn public_addresses_are_neither_bound_nor_dialled() {
    let world = World::new();
    let key = RelayTlsKey::generate().unwrap();
    let bind = |address: &str, allow: bool| {
        Server::bind(address.parse().unwrap(), &key, NoiseSecret::generate(&mut OsRng), allow).map(|_| ())
    };
    for address in ["0.0.0.0:0", "[::]:0", "8.8.8.8:0", "[2001:4860:4860::8888]:0", "[::ffff:8.8.8.8]:0"] {
        assert!(matches!(bind(address, false), Err(BindError::NotPermitted(_))), "{address}");
    }
    assert_eq!(bind("0.0.0.0:0", true), Ok(()));
    for address in ["0.0.0.0", "8.8.8.8", "[2001:4860:4860::8888]", "[::ffff:8.8.8.8]"] {
        let mut target = world.target();
        target.addresses = vec![format!("{address}:{}", world.address.port())];
        assert!(matches!(dial(&target, &world.device).await.err(), Some(DialError::NotPermitted(_))), "{address}");
    }
}

// [LINK-01]: the flag in the relay's certificate lifts the rule ("any address" leads to this machine).
#[tokio::test]
async fn an_allowed_public_address_is_dialled() {
    let world = World::new();
    let mut target = world.target();
    target.addresses = vec![format!("0.0.0.0:{}", world.address.port())];
    target.allow_public = true;
    let (device, relay) = world.meet(&target).await;
    assert!(device.is_ok() && relay.is_ok());
}

#[tokio::test]
async fn addresses_are_tried_in_turn_and_the_most_telling_error_is_given() {
    let world = World::new();
    let mut target = world.target();
    let good = target.addresses[0].clone();
    // A port that is taken, so that nobody else gets it, but not listened on.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(LOOPBACK.parse().unwrap()).unwrap();
    let closed = socket.local_addr().unwrap();
    let hopeless = vec!["no port".to_owned(), "8.8.8.8:443".to_owned(), closed.to_string()];
    target.addresses = hopeless.iter().cloned().chain([good]).collect();
    let (device, relay) = world.meet(&target).await;
    assert!(device.is_ok() && relay.is_ok());
    target.addresses = hopeless;
    let refused = std::io::ErrorKind::ConnectionRefused;
    let error = dial(&target, &world.device).await.err();
    assert_eq!(error, Some(DialError::Unreachable { address: closed, kind: refused }));
    target.addresses = vec!["localhost".to_owned(), "127.0.0.1:99999".to_owned()];
    assert_eq!(dial(&target, &world.device).await.err(), Some(DialError::Unresolved { position: 1 }));
    target.addresses.clear();
    assert_eq!(dial(&target, &world.device).await.err(), Some(DialError::NoAddress));
}

#[tokio::test]
async fn names_are_resolved() {
    let world = World::new();
    let mut target = world.target();
    target.addresses = vec![format!("localhost:{}", world.address.port())];
    // In a task of its own, as the client engine does it.
    let identity = NoiseSecret::generate(&mut OsRng);
    let dialling = tokio::spawn(async move { dial(&target, &identity).await });
    let (device, relay) = tokio::join!(async { dialling.await.unwrap() }, world.accept());
    assert!(device.unwrap().peer.ip().is_loopback() && relay.unwrap().peer.ip().is_loopback());
}

#[tokio::test]
async fn an_address_in_use_is_said_to_be() {
    let world = World::new();
    let key = RelayTlsKey::generate().unwrap();
    let second = Server::bind(world.address, &key, NoiseSecret::generate(&mut OsRng), false).err();
    let kind = std::io::ErrorKind::AddrInUse;
    assert_eq!(second, Some(BindError::Refused { address: world.address, kind }));
}
