//! Sections 2, 5 and 6: garbage at every layer, and limits.

use amanat_net::{AcceptError, DialError, LinkError, ProtocolFault, dial};
use amanat_noise::{Sealer, TAG_LEN};
use amanat_wire::frame::{FRAME_SIZES, FrameError, FrameWriter, MAX_FRAME, MAX_MESSAGE};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::world::{LOOPBACK, RawDevice, World, frame};

/// What is not a TLS handshake, each kind once.
fn garbage() -> Vec<(&'static str, Vec<u8>)> {
    let mut random = vec![0; 100_000];
    ChaCha20Rng::seed_from_u64(1).fill_bytes(&mut random);
    let record = |kind: u8, length: u16, fill: u8| {
        let mut record = vec![kind, 3, 3];
        record.extend(length.to_be_bytes());
        record.extend(vec![fill; usize::from(length)]);
        record
    };
    vec![
        ("nothing", Vec::new()),
        ("one byte", vec![22]),
        ("web", b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n".to_vec()),
        ("shell", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        ("zeros", vec![0; 70_000]),
        ("random", random),
        ("record beyond the limit", record(22, 65_535, 1)),
        ("empty records", record(22, 0, 0).repeat(2_000)),
        ("endless handshake message", [record(22, 16_384, 0xFF)].concat().repeat(6)),
        ("application data first", record(23, 1_000, 7)),
        ("alert", record(21, 2, 2)),
        ("cut hello", vec![22, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]),
    ]
}

// [LINK-19]: bounded, typed, and the next device is served.
#[tokio::test]
async fn a_relay_refuses_garbage_and_goes_on() {
    let world = World::new();
    for (name, bytes) in garbage() {
        let client = async {
            let mut tcp = TcpStream::connect(world.address).await.unwrap();
            let _ = tcp.write_all(&bytes).await;
            let _ = tcp.shutdown().await;
            let mut answer = Vec::new();
            let _ = tcp.read_to_end(&mut answer).await;
            assert!(answer.len() < 64, "{name}: {} bytes came back", answer.len());
        };
        let (relay, ()) = tokio::join!(world.accept(), client);
        assert!(
            matches!(relay.err(), Some(AcceptError::Protocol | AcceptError::Closed | AcceptError::TlsRefused)),
            "{name}"
        );
    }
    world.links().await;
}

#[tokio::test]
async fn a_device_refuses_garbage() {
    let world = World::new();
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let target = world.target_at(listener.local_addr().unwrap());
    for (name, bytes) in garbage() {
        let relay = async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let _ = tcp.write_all(&bytes).await;
            let _ = tcp.shutdown().await;
            let _ = tcp.read_to_end(&mut Vec::new()).await;
        };
        let (device, ()) = tokio::join!(dial(&target, &world.device), relay);
        let error = device.err().unwrap();
        assert!(
            matches!(error, DialError::Protocol(_) | DialError::Closed(_) | DialError::TlsRefused(_)),
            "{name}: {error:?}"
        );
    }
}

/// What the relay's `recv` answers when a device with a good handshake then does as `act` says.
async fn after_greeting<A>(act: A) -> Result<Option<Vec<u8>>, LinkError>
where
    A: AsyncFnOnce(&mut RawDevice, &mut Sealer),
{
    let world = World::new();
    let (mut raw, relay) = world
        .raw_device(async |mut raw| {
            let mut sealer = world.greet(&mut raw).await.split().0;
            act(&mut raw, &mut sealer).await;
            let _ = raw.flush().await;
            raw
        })
        .await;
    let mut relay = relay.unwrap();
    let outcome = relay.receiver.recv().await;
    if outcome.is_err() {
        assert_eq!(relay.receiver.recv().await, outcome, "an ended link answers the same again");
    }
    let _ = raw.shutdown().await;
    outcome
}

// The helper is sound: what a correct device sends comes through it.
#[tokio::test]
async fn a_correct_frame_by_hand_is_a_message() {
    let outcome = after_greeting(async |raw, sealer| {
        let mut scratch = [0; MAX_FRAME];
        let plaintext = FrameWriter::new(b"salam").unwrap().write_next(&mut scratch).unwrap().to_vec();
        raw.write_all(&frame(sealer, &plaintext)).await.unwrap();
    });
    assert_eq!(outcome.await.unwrap().unwrap(), b"salam");
}

// [LINK-15]: refused on the two bytes alone; the rest never comes.
#[tokio::test]
async fn frames_of_other_lengths_are_refused_before_anything_is_read() {
    let allowed = FRAME_SIZES.map(|size| size + TAG_LEN);
    for length in [0, 1, 16, 256, 271, 273, 1_024, 16_401, 65_519, 65_534] {
        assert!(!allowed.contains(&length));
        let outcome = after_greeting(async |raw, _| {
            raw.write_all(&u16::try_from(length).unwrap().to_be_bytes()).await.unwrap();
        });
        assert_eq!(outcome.await, Err(LinkError::Protocol(ProtocolFault::FrameLength)), "{length}");
    }
}

// [LINK-11]: garbage of an allowed length, a frame twice, and an altered one.
#[tokio::test]
async fn frames_that_do_not_verify_end_the_link() {
    let seal = Err(LinkError::Protocol(ProtocolFault::Seal));
    let garbage = after_greeting(async |raw, _| {
        raw.write_all(&[&272u16.to_be_bytes()[..], &[0xA5; 272]].concat()).await.unwrap();
    });
    assert_eq!(garbage.await, seal);
    let altered = after_greeting(async |raw, sealer| {
        let mut bytes = frame(sealer, &[0; 256]);
        bytes[100] ^= 4;
        raw.write_all(&bytes).await.unwrap();
    });
    assert_eq!(altered.await, seal);
    let late = after_greeting(async |raw, sealer| {
        let _lost = frame(sealer, &[0; 256]);
        raw.write_all(&frame(sealer, &[0; 256])).await.unwrap();
    });
    assert_eq!(late.await, seal);
}

// [LINK-13] [LINK-14]: sealed by the right device, and still not in the one form; or without end.
#[tokio::test]
async fn frames_that_break_the_form_end_the_link() {
    let padding = after_greeting(async |raw, sealer| {
        let mut plaintext = [0; 256];
        plaintext[2] = 1;
        plaintext[255] = 1;
        raw.write_all(&frame(sealer, &plaintext)).await.unwrap();
    });
    assert_eq!(padding.await, Err(LinkError::Protocol(ProtocolFault::Frame(FrameError::Padding))));
    let endless = after_greeting(async |raw, sealer| {
        let mut plaintext = vec![1; MAX_FRAME];
        plaintext[..3].copy_from_slice(&[1, 0xFF, 0xEC]);
        // The relay may close while this is still writing.
        for _ in 0..=MAX_MESSAGE / (MAX_FRAME - 3) {
            if raw.write_all(&frame(sealer, &plaintext)).await.is_err() {
                break;
            }
        }
    });
    assert_eq!(endless.await, Err(LinkError::Protocol(ProtocolFault::Frame(FrameError::Overlong))));
}

// [LINK-18]: half a length, half a frame, and half a message.
#[tokio::test]
async fn what_has_begun_must_go_on() {
    let half_length = after_greeting(async |raw, _| {
        raw.write_all(&[1]).await.unwrap();
        raw.flush().await.unwrap();
        tokio::time::pause();
    });
    assert_eq!(half_length.await, Err(LinkError::Timeout));
    tokio::time::resume();
    let half_frame = after_greeting(async |raw, sealer| {
        let bytes = frame(sealer, &[0; 1_024]);
        raw.write_all(&bytes[..1_000]).await.unwrap();
        raw.flush().await.unwrap();
        tokio::time::pause();
    });
    assert_eq!(half_frame.await, Err(LinkError::Timeout));
    tokio::time::resume();
    let half_message = after_greeting(async |raw, sealer| {
        let mut plaintext = vec![1; MAX_FRAME];
        plaintext[..3].copy_from_slice(&[1, 0xFF, 0xEC]);
        raw.write_all(&frame(sealer, &plaintext)).await.unwrap();
        raw.flush().await.unwrap();
        tokio::time::pause();
    });
    assert_eq!(half_message.await, Err(LinkError::Timeout));
    tokio::time::resume();
}

// A connection that ends inside a frame or message is lost, not closed.
#[tokio::test]
async fn an_end_inside_a_message_is_a_loss() {
    let outcome = after_greeting(async |raw, sealer| {
        let bytes = frame(sealer, &[0; 256]);
        raw.write_all(&bytes[..200]).await.unwrap();
        raw.shutdown().await.unwrap();
    });
    assert_eq!(outcome.await, Err(LinkError::Closed));
}

// Bytes that are not TLS, slipped under a link that is up.
#[tokio::test]
async fn garbage_under_tls_ends_the_link() {
    let outcome = after_greeting(async |raw, _| {
        raw.get_mut().0.write_all(&[0x17; 500]).await.unwrap();
    });
    assert_eq!(outcome.await, Err(LinkError::Protocol(ProtocolFault::Tls)));
}
