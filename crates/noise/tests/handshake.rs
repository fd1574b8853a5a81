//! Two parties without a socket, and what stands between them trying everything (protocol-spec/04-link, sections 3, 4).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use amanat_noise::{
    AwaitingReply, Channel, ChannelBinding, FIRST_LEN, Initiator, NoiseError, Opener, Replying, Responder, SECOND_LEN,
    Sealer, TAG_LEN,
};
use amanat_primitives::agree::{NoisePublic, NoiseSecret};
use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

const BINDING: ChannelBinding = ChannelBinding { version: 1, exporter: [0xE0; 32] };

struct World {
    rng: ChaCha20Rng,
    device: NoiseSecret,
    relay: NoiseSecret,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let (device, relay) = (NoiseSecret::generate(&mut rng), NoiseSecret::generate(&mut rng));
        Self { rng, device, relay }
    }

    fn greet(&mut self, remote: &NoisePublic, binding: &ChannelBinding) -> (AwaitingReply, [u8; FIRST_LEN]) {
        Initiator::new(&self.device, remote, binding, &mut self.rng).unwrap().write_first().unwrap()
    }

    fn greet_relay(&mut self) -> (AwaitingReply, [u8; FIRST_LEN]) {
        let relay = self.relay.public();
        self.greet(&relay, &BINDING)
    }

    fn read(&mut self, first: &[u8], binding: &ChannelBinding) -> Result<Replying, NoiseError> {
        Responder::new(&self.relay, binding, &mut self.rng).unwrap().read_first(first)
    }

    fn channels(&mut self) -> (Channel, Channel) {
        let (waiting, first) = self.greet_relay();
        let (relay, second) = self.read(&first, &BINDING).unwrap().write_second().unwrap();
        (waiting.read_second(&second).unwrap(), relay)
    }
}

fn seal(sealer: &mut Sealer, plaintext: &[u8]) -> Vec<u8> {
    let mut out = vec![0; plaintext.len() + TAG_LEN];
    let length = sealer.seal(plaintext, &mut out).unwrap();
    assert_eq!(length, out.len());
    out
}

fn open(opener: &mut Opener, sealed: &[u8]) -> Result<Vec<u8>, NoiseError> {
    let mut out = vec![0; sealed.len()];
    let length = opener.open(sealed, &mut out)?;
    out.truncate(length);
    Ok(out)
}

// [LINK-08] [LINK-11]
#[test]
fn both_sides_know_each_other_and_talk_both_ways() {
    let mut world = World::new(1);
    let (device, relay) = world.channels();
    assert_eq!(*device.remote(), world.relay.public());
    assert_eq!(*relay.remote(), world.device.public());
    let ((mut d_seal, mut d_open), (mut r_seal, mut r_open)) = (device.split(), relay.split());
    for size in [0, 1, 256, 1_024, 65_519] {
        let text = vec![size as u8; size];
        assert_eq!(open(&mut r_open, &seal(&mut d_seal, &text)).unwrap(), text);
        assert_eq!(open(&mut d_open, &seal(&mut r_seal, &text)).unwrap(), text);
    }
    let over = vec![0; 65_520];
    assert_eq!(d_seal.seal(&over, &mut vec![0; 70_000]), Err(NoiseError::Buffer));
    assert_eq!(d_seal.seal(b"text", &mut [0; 19]), Err(NoiseError::Buffer));
    let sealed = seal(&mut d_seal, b"after refusals");
    assert_eq!(r_open.open(&sealed, &mut [0; 8]), Err(NoiseError::Buffer));
    assert_eq!(open(&mut r_open, &sealed).unwrap(), b"after refusals");
}

// The caller's randomness is all the randomness there is.
#[test]
fn one_seed_gives_one_handshake() {
    let transcript = |seed| {
        let mut world = World::new(seed);
        let (_, first) = world.greet_relay();
        let (channel, second) = world.read(&first, &BINDING).unwrap().write_second().unwrap();
        (first, second, seal(&mut channel.split().0, b"frame"))
    };
    assert_eq!(transcript(7), transcript(7));
    assert_ne!(transcript(7).0, transcript(8).0);
}

// [LINK-08]
#[test]
fn a_wrong_static_key_is_refused_on_both_sides() {
    let mut world = World::new(2);
    let stranger = NoiseSecret::generate(&mut world.rng);
    // The device expects another relay: this relay cannot read the greeting.
    let (_, to_stranger) = world.greet(&stranger.public(), &BINDING);
    assert_eq!(world.read(&to_stranger, &BINDING).err(), Some(NoiseError::Handshake));
    // An impostor cannot read a greeting to the relay; one that it could read does not answer this one.
    let (waiting, first) = world.greet_relay();
    let impostor = |rng: &mut ChaCha20Rng| Responder::new(&stranger, &BINDING, rng).unwrap();
    assert_eq!(impostor(&mut world.rng).read_first(&first).err(), Some(NoiseError::Handshake));
    let (_, second) = impostor(&mut world.rng).read_first(&to_stranger).unwrap().write_second().unwrap();
    assert_eq!(waiting.read_second(&second).err(), Some(NoiseError::Handshake));
}

// [LINK-07]
#[test]
fn another_version_or_tls_connection_is_refused() {
    let mut world = World::new(3);
    let relay = world.relay.public();
    let mut exporter = BINDING.exporter;
    exporter[31] ^= 1;
    for other in [ChannelBinding { version: 2, ..BINDING }, ChannelBinding { exporter, ..BINDING }] {
        let (_, first) = world.greet(&relay, &other);
        assert_eq!(world.read(&first, &BINDING).err(), Some(NoiseError::Handshake));
    }
}

// [LINK-07]: a recorded greeting on a new connection, and a recorded answer to a new greeting.
#[test]
fn replayed_handshake_messages_are_refused() {
    let mut world = World::new(4);
    let (_, first) = world.greet_relay();
    let (channel, second) = world.read(&first, &BINDING).unwrap().write_second().unwrap();
    let later = ChannelBinding { exporter: [0xE1; 32], ..BINDING };
    assert_eq!(world.read(&first, &later).err(), Some(NoiseError::Handshake));
    let (waiting, _) = world.greet_relay();
    assert_eq!(waiting.read_second(&second).err(), Some(NoiseError::Handshake));
    // Were the greeting replayed within its own connection, the relay's fresh key would still give another channel.
    let (again, _) = world.read(&first, &BINDING).unwrap().write_second().unwrap();
    let (mut recorded, mut fresh) = (channel.split().0, again.split().0);
    assert_ne!(seal(&mut recorded, b"x"), seal(&mut fresh, b"x"));
}

// [LINK-09]
#[test]
fn reflected_and_swapped_messages_are_refused() {
    let mut world = World::new(5);
    let (waiting, first) = world.greet_relay();
    assert_eq!(waiting.read_second(&first).err(), Some(NoiseError::HandshakeLength));
    let (waiting, first) = world.greet_relay();
    assert_eq!(waiting.read_second(&first[..SECOND_LEN]).err(), Some(NoiseError::Handshake));
    let (_, second) = world.read(&first, &BINDING).unwrap().write_second().unwrap();
    assert_eq!(world.read(&second, &BINDING).err(), Some(NoiseError::HandshakeLength));
    // A greeting sent back to its own author does not verify as one to the author.
    let myself = Responder::new(&world.device, &BINDING, &mut world.rng).unwrap();
    assert_eq!(myself.read_first(&first).err(), Some(NoiseError::Handshake));
}

// [LINK-09]: every position, every length.
#[test]
fn altered_truncated_and_extended_messages_are_refused() {
    let mut world = World::new(6);
    let (_, first) = world.greet_relay();
    for at in 0..FIRST_LEN {
        let mut altered = first;
        altered[at] ^= 0x80 >> (at % 8);
        assert_eq!(world.read(&altered, &BINDING).err(), Some(NoiseError::Handshake), "byte {at}");
    }
    // The top bit of an X25519 key has no part in the agreement (RFC 7748), but Noise hashes it.
    let mut altered = first;
    altered[31] ^= 0x80;
    assert_eq!(world.read(&altered, &BINDING).err(), Some(NoiseError::Handshake));
    for length in 0..FIRST_LEN {
        assert_eq!(world.read(&first[..length], &BINDING).err(), Some(NoiseError::HandshakeLength));
    }
    assert_eq!(world.read(&[&first[..], b"payload"].concat(), &BINDING).err(), Some(NoiseError::HandshakeLength));
    for at in 0..SECOND_LEN {
        let (waiting, first) = world.greet_relay();
        let (_, mut second) = world.read(&first, &BINDING).unwrap().write_second().unwrap();
        second[at] ^= 1;
        assert_eq!(waiting.read_second(&second).err(), Some(NoiseError::Handshake), "byte {at}");
    }
    for length in (0..SECOND_LEN).chain([SECOND_LEN + 1, FIRST_LEN]) {
        let (waiting, first) = world.greet_relay();
        let (_, second) = world.read(&first, &BINDING).unwrap().write_second().unwrap();
        let mut message = second.to_vec();
        message.resize(length, 0);
        assert_eq!(waiting.read_second(&message).err(), Some(NoiseError::HandshakeLength));
    }
}

// [LINK-10]: all-zero results of the key agreement, from each side.
#[test]
fn keys_of_small_order_are_refused() {
    let mut world = World::new(9);
    let mut one = [0; 32];
    one[0] = 1;
    for point in [[0; 32], one] {
        let bad = NoisePublic::from_bytes(point);
        let greeting = Initiator::new(&world.device, &bad, &BINDING, &mut world.rng).unwrap();
        assert_eq!(greeting.write_first().err(), Some(NoiseError::Handshake));
        let (waiting, _) = world.greet_relay();
        let mut second = [0; SECOND_LEN];
        second[..32].copy_from_slice(&point);
        assert_eq!(waiting.read_second(&second).err(), Some(NoiseError::Handshake));
    }
}

// [LINK-11]: frames that come before their time, twice, out of order, altered or from the other direction.
#[test]
fn frames_out_of_place_end_the_channel() {
    let mut world = World::new(10);
    // Transport data where the second message should be.
    let (early, _) = world.channels();
    let frame = seal(&mut early.split().0, &[0; SECOND_LEN - TAG_LEN]);
    let (waiting, _) = world.greet_relay();
    assert_eq!(waiting.read_second(&frame).err(), Some(NoiseError::Handshake));

    type Mischief = fn(&[Vec<u8>; 3]) -> Vec<u8>;
    let mischief: [Mischief; 5] = [
        |sent| sent[0].clone(), // replayed
        |sent| sent[2].clone(), // one lost
        |sent| [&sent[1][..], &[0]].concat(),
        |sent| sent[1][..sent[1].len() - 1].to_vec(),
        |_| Vec::new(),
    ];
    for act in mischief {
        let (device, relay) = world.channels();
        let ((mut sealer, _), (_, mut opener)) = (device.split(), relay.split());
        let sent = [b"1", b"2", b"3"].map(|text| seal(&mut sealer, text));
        open(&mut opener, &sent[0]).unwrap();
        assert_eq!(open(&mut opener, &act(&sent)), Err(NoiseError::Frame));
        assert_eq!(open(&mut opener, &sent[1]), Err(NoiseError::Frame), "nothing opens after a failure");
    }
    // Reflected: the two directions have keys of their own.
    let (device, _) = world.channels();
    let (mut sealer, mut opener) = device.split();
    assert_eq!(open(&mut opener, &seal(&mut sealer, b"mine")), Err(NoiseError::Frame));
}

// [LINK-11]
#[test]
fn every_altered_byte_of_a_frame_is_found() {
    let mut world = World::new(11);
    for at in 0..32 + TAG_LEN {
        let (device, relay) = world.channels();
        let mut frame = seal(&mut device.split().0, &[7; 32]);
        frame[at] ^= 1;
        assert_eq!(open(&mut relay.split().1, &frame), Err(NoiseError::Frame), "byte {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // [LINK-09] [LINK-11]: no bytes of a stranger make a handshake or a frame.
    #[test]
    fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut world = World::new(12);
        prop_assert!(world.read(&bytes, &BINDING).is_err());
        let (waiting, _) = world.greet_relay();
        prop_assert!(waiting.read_second(&bytes).is_err());
        let (device, _) = world.channels();
        prop_assert_eq!(open(&mut device.split().1, &bytes), Err(NoiseError::Frame));
    }
}
