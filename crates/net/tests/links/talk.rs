//! Sections 5 and 6: messages both ways, and how a link ends.

use std::time::Duration;

use amanat_net::LinkError;
use amanat_wire::frame::{FrameError, FrameWriter, MAX_FRAME, MAX_MESSAGE};
use tokio::{io::AsyncWriteExt, time::timeout};

use crate::world::{World, frame};

fn message(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|i| (i.wrapping_mul(31) ^ seed) as u8).collect()
}

// [LINK-02] [LINK-03] [LINK-08]
#[tokio::test]
async fn a_link_knows_both_keys_and_what_was_negotiated() {
    let world = World::new();
    let (device, relay) = world.links().await;
    assert_eq!(device.remote, world.relay.public());
    assert_eq!(relay.remote, world.device.public());
    assert_eq!(device.facts, relay.facts);
    assert_eq!((device.facts.tls, device.facts.key_exchange), ("TLS 1.3", "X25519MLKEM768"));
    assert_eq!(device.facts.cipher_suite, "TLS13_AES_256_GCM_SHA384");
    assert_eq!(device.facts.noise, "Noise_IK_25519_ChaChaPoly_BLAKE2s");
    assert_eq!(device.peer, world.address);
}

// [LINK-12] [LINK-13] [LINK-14]
#[tokio::test]
async fn messages_of_every_size_go_both_ways_at_once() {
    let world = World::new();
    let (device, relay) = world.links().await;
    let sizes = [1, 253, 254, 1_021, 1_022, 16_382, 65_516, 65_517, 300_000, MAX_MESSAGE, 7];
    let send = async |mut sender: amanat_net::LinkSender, seed| {
        for size in sizes {
            sender.send(&message(size, seed)).await.unwrap();
            sender.flush().await.unwrap();
        }
        sender.send_all((1..200).map(|size| message(size, seed))).await.unwrap();
        sender.shutdown().await.unwrap();
    };
    let receive = async |mut receiver: amanat_net::LinkReceiver, seed| {
        for size in sizes.into_iter().chain(1..200) {
            assert_eq!(receiver.recv().await.unwrap().unwrap(), message(size, seed));
        }
        assert_eq!(receiver.recv().await, Ok(None));
        assert_eq!(receiver.recv().await, Ok(None));
    };
    tokio::join!(
        send(device.sender, 1),
        receive(relay.receiver, 1),
        send(relay.sender, 2),
        receive(device.receiver, 2)
    );
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_leaves_the_link_as_it_was() {
    let world = World::new();
    let (mut device, mut relay) = world.links().await;
    let empty = device.sender.send(&[]).await;
    assert_eq!(empty, Err(LinkError::Message(FrameError::EmptyMessage)));
    let long = device.sender.send(&vec![0; MAX_MESSAGE + 1]).await;
    assert_eq!(long, Err(LinkError::Message(FrameError::MessageTooLong)));
    device.sender.send_all([b"salam"]).await.unwrap();
    assert_eq!(relay.receiver.recv().await.unwrap().unwrap(), b"salam");
}

// A cut is told from a farewell, between messages and inside one.
#[tokio::test]
async fn a_cut_connection_is_not_taken_for_a_farewell() {
    let world = World::new();
    let (mut device, mut relay) = world.links().await;
    device.sender.send_all([b"last words"]).await.unwrap();
    drop(device);
    assert_eq!(relay.receiver.recv().await.unwrap().unwrap(), b"last words");
    assert_eq!(relay.receiver.recv().await, Err(LinkError::Closed));
    assert_eq!(relay.receiver.recv().await, Err(LinkError::Closed));
}

// A future of `recv` is dropped after each piece of a message that arrives in hundreds of pieces.
#[tokio::test]
async fn receiving_may_be_given_up_at_any_time() {
    let world = World::new();
    let texts = [message(200_000, 1), message(5, 2), message(70_000, 3)];
    let (mut wire, mut scratch) = (Vec::new(), [0; MAX_FRAME]);
    let (mut raw, relay) = world
        .raw_device(async |mut raw| {
            let mut sealer = world.greet(&mut raw).await.split().0;
            for text in &texts {
                let mut frames = FrameWriter::new(text).unwrap();
                while let Some(plaintext) = frames.write_next(&mut scratch) {
                    wire.extend(frame(&mut sealer, plaintext));
                }
            }
            raw
        })
        .await;
    let mut relay = relay.unwrap();
    let (mut received, mut given_up) = (Vec::new(), 0);
    for piece in wire.chunks(997) {
        raw.write_all(piece).await.unwrap();
        raw.flush().await.unwrap();
        match timeout(Duration::ZERO, relay.receiver.recv()).await {
            Ok(message) => received.push(message.unwrap().unwrap()),
            Err(_) => given_up += 1,
        }
    }
    while received.len() < texts.len() {
        received.push(relay.receiver.recv().await.unwrap().unwrap());
    }
    assert_eq!(received, texts);
    assert!(given_up > 200, "given up {given_up} times");
}

// The rest of a message that was given up cannot be told from the next: the link ends instead.
#[tokio::test]
async fn sending_that_was_given_up_half_way_ends_the_link() {
    let world = World::new();
    let (mut device, _relay) = world.links().await;
    // Nobody reads: the buffers between fill up, and a send waits in the middle of its message.
    let large = message(MAX_MESSAGE, 0);
    while timeout(Duration::ZERO, device.sender.send(&large)).await.is_ok_and(|sent| sent.is_ok()) {}
    assert_eq!(device.sender.send(b"next").await, Err(LinkError::GivenUp));
    assert_eq!(device.sender.flush().await, Err(LinkError::GivenUp));
}

// [LINK-18]
#[tokio::test]
async fn a_peer_that_takes_nothing_is_given_up() {
    let world = World::new();
    let (mut device, _relay) = world.links().await;
    tokio::time::pause();
    let large = message(MAX_MESSAGE, 0);
    let error = loop {
        if let Err(error) = device.sender.send(&large).await {
            break error;
        }
    };
    assert_eq!(error, LinkError::Timeout);
    assert_eq!(device.sender.flush().await, Err(LinkError::Timeout));
}

// Keep-alive is the session's: between messages a link waits as long as it takes.
#[tokio::test]
async fn silence_between_messages_is_not_limited() {
    let world = World::new();
    let (mut device, mut relay) = world.links().await;
    tokio::time::pause();
    let day = Duration::from_secs(86_400);
    assert!(timeout(day, relay.receiver.recv()).await.is_err());
    tokio::time::resume();
    device.sender.send_all([b"still here"]).await.unwrap();
    assert_eq!(relay.receiver.recv().await.unwrap().unwrap(), b"still here");
}
