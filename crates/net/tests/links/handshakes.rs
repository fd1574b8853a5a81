//! Section 3: what Noise refuses, though TLS is right.

use std::{sync::Arc, time::Duration};

use amanat_net::{AcceptError, DialError, dial};
use amanat_noise::{FIRST_LEN, Initiator, TAG_LEN};
use amanat_primitives::agree::NoiseSecret;
use rand_core::OsRng;
use rustls::crypto::aws_lc_rs as provider;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use crate::world::{LOOPBACK, World, binding_of, connect_raw, raw_client, raw_server, read_prefixed, send_prefixed};

// [LINK-08]
#[tokio::test]
async fn a_wrong_noise_key_is_refused_on_both_sides() {
    let world = World::new();
    let mut target = world.target();
    target.noise_key = NoiseSecret::generate(&mut OsRng).public();
    let (device, relay) = world.meet(&target).await;
    assert_eq!(device.err(), Some(DialError::NoiseRefused(world.address)));
    assert_eq!(relay.err(), Some(AcceptError::NoiseRefused));
}

// [LINK-07]: the same bytes that were good on one connection are refused on the next.
#[tokio::test]
async fn a_replayed_greeting_is_refused_on_a_new_connection() {
    let world = World::new();
    let greeting = |raw: &crate::world::RawDevice| {
        let binding = binding_of(raw.get_ref().1);
        Initiator::new(&world.device, &world.relay.public(), &binding, &mut OsRng).unwrap().write_first().unwrap().1
    };
    let (recorded, relay) = world
        .raw_device(async |mut raw| {
            let first = greeting(&raw);
            send_prefixed(&mut raw, &first).await;
            read_prefixed(&mut raw).await;
            first
        })
        .await;
    assert_eq!(relay.unwrap().remote, world.device.public());
    let (answer, relay) = world
        .raw_device(async |mut raw| {
            send_prefixed(&mut raw, &recorded).await;
            let mut answer = Vec::new();
            let _ = timeout(Duration::from_secs(5), raw.read_to_end(&mut answer)).await;
            answer
        })
        .await;
    assert_eq!(relay.err(), Some(AcceptError::NoiseRefused));
    assert!(answer.is_empty(), "a refused device is told nothing");
}

// [LINK-07]: a gateway with the relay's stolen TLS key, which passes every byte on between its two connections.
#[tokio::test]
async fn a_stolen_tls_key_does_not_let_a_gateway_stand_between() {
    let world = World::new();
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let target = world.target_at(listener.local_addr().unwrap());
    let hybrid = provider::kx_group::X25519MLKEM768;
    let gateway = async {
        let (tcp, _) = listener.accept().await.unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(raw_server(&world.tls_key, hybrid)));
        let mut inside = acceptor.accept(tcp).await.unwrap();
        let tcp = TcpStream::connect(world.address).await.unwrap();
        let mut outside = connect_raw(tcp, raw_client(hybrid)).await.unwrap();
        let _ = copy_bidirectional(&mut inside, &mut outside).await;
    };
    let both = async { tokio::join!(dial(&target, &world.device), world.accept()) };
    let (device, relay) = tokio::select! {
        both = both => both,
        () = async { gateway.await; std::future::pending().await } => unreachable!(),
    };
    assert!(matches!(device.err(), Some(DialError::NoiseRefused(_))));
    assert_eq!(relay.err(), Some(AcceptError::NoiseRefused));
}

// [LINK-09]: everything that could stand where the relay's answer should.
#[tokio::test]
async fn reflected_early_and_foreign_answers_are_refused() {
    type Answer = fn(&World, &crate::world::RawRelay, Vec<u8>) -> Vec<u8>;
    let prefixed = |message: &[u8]| [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat();
    let answers: [(&str, Answer); 5] = [
        ("reflected", |_, _, first| first),
        ("reflected in part", |_, _, first| first[..48].to_vec()),
        ("a frame instead", |_, _, _| vec![0; 256 + TAG_LEN]),
        ("nothing but a length", |_, _, _| Vec::new()),
        ("altered", |world, raw, first| {
            let (_, mut second) = world.answer(raw, &first);
            second[47] ^= 1;
            second.to_vec()
        }),
    ];
    for (name, answer) in answers {
        let world = World::new();
        let (device, ()) = world
            .raw_relay(async |mut raw| {
                let first = read_prefixed(&mut raw).await;
                let answer = prefixed(&answer(&world, &raw, first));
                raw.write_all(&answer).await.unwrap();
                raw.flush().await.unwrap();
                let _ = raw.read_u8().await; // until the device has gone
            })
            .await;
        assert!(matches!(device.err(), Some(DialError::NoiseRefused(_))), "{name}");
    }
}

// [LINK-16]: a relay that pushes before the device has even greeted it.
#[tokio::test]
async fn data_before_the_handshake_has_finished_is_refused() {
    let world = World::new();
    let (device, ()) = world
        .raw_relay(async |mut raw| {
            send_prefixed(&mut raw, &[7; 256 + TAG_LEN]).await;
            let first = read_prefixed(&mut raw).await;
            let (_, second) = world.answer(&raw, &first);
            let _ = raw.write_all(&second).await;
            let _ = raw.flush().await;
            let _ = raw.read_u8().await;
        })
        .await;
    assert!(matches!(device.err(), Some(DialError::NoiseRefused(_))));
}

// [LINK-16]: a device that sends a frame before the relay has answered; the relay answers nothing.
#[tokio::test]
async fn a_device_that_does_not_wait_is_refused() {
    let world = World::new();
    let (_, relay) = world
        .raw_device(async |mut raw| {
            send_prefixed(&mut raw, &[7; 256 + TAG_LEN]).await;
            let _ = raw.read_u8().await;
        })
        .await;
    assert_eq!(relay.err(), Some(AcceptError::NoiseRefused));
}

// [LINK-09]
#[tokio::test]
async fn greetings_of_any_other_form_are_refused() {
    let mut forms: Vec<Vec<u8>> = vec![vec![0; FIRST_LEN], vec![0xFF; FIRST_LEN], Vec::new()];
    forms.extend([FIRST_LEN - 1, FIRST_LEN + 1, 48, 65_535].map(|length| vec![9; length]));
    for form in forms {
        let world = World::new();
        let (answer, relay) = world
            .raw_device(async |mut raw| {
                send_prefixed(&mut raw, &form).await;
                let mut answer = Vec::new();
                let _ = raw.read_to_end(&mut answer).await;
                answer
            })
            .await;
        assert_eq!(relay.err(), Some(AcceptError::NoiseRefused), "{} bytes", form.len());
        assert!(answer.is_empty());
    }
}

// [LINK-19]: whoever opens a connection and is silent, before TLS and after it.
#[tokio::test]
async fn silence_in_a_handshake_is_ended() {
    let world = World::new();
    let _tcp = TcpStream::connect(world.address).await.unwrap();
    let incoming = world.server.accept().await;
    tokio::time::pause();
    assert_eq!(incoming.handshake().await.err(), Some(AcceptError::Timeout));
    tokio::time::resume();

    let (_, relay) = world
        .raw_device(async |mut raw| {
            tokio::time::pause();
            raw.read_u8().await.unwrap_err()
        })
        .await;
    assert_eq!(relay.err(), Some(AcceptError::Timeout));
    tokio::time::resume();

    let (device, ()) = world
        .raw_relay(async |mut raw| {
            tokio::time::pause();
            let _ = read_prefixed(&mut raw).await;
            let _ = raw.read_u8().await;
        })
        .await;
    assert!(matches!(device.err(), Some(DialError::Timeout(_))));
}
