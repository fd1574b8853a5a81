//! Vectors of protocol-spec/04-link: frames, the Noise handshake and its channel, sealed keys.

use amanat_noise::{ChannelBinding, Initiator, NoiseError, Opener, Responder, SealedKey};
use amanat_primitives::{
    Digest, Secret,
    agree::{NoisePublic, NoiseSecret},
    sealing::SealingSecret,
};
use amanat_wire::frame::{Assembler, FrameError, FrameWriter, MAX_FRAME};

use super::{
    forge::{AYESHA, BILAL, NOBODY, RELAY, Repeated, noise, sealing, secret},
    judge::{InWords as _, Word},
    vector::{Inputs, Outputs, Vector, Verdict},
};

impl Word for FrameError {
    fn word(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Flags => "flags",
            Self::Length => "length",
            Self::NotCanonical => "not_canonical",
            Self::Padding => "padding",
            Self::EmptyMessage | Self::MessageTooLong | Self::Overlong => panic!("no vector shows this: {self}"),
        }
    }
}

impl Word for NoiseError {
    fn word(self) -> &'static str {
        match self {
            Self::HandshakeLength => "length",
            Self::Handshake | Self::Frame | Self::Sealed => "does_not_open",
            Self::Exhausted | Self::Buffer | Self::Library => panic!("no vector shows this: {self}"),
        }
    }
}

pub(super) fn judge(inputs: &Inputs) -> Verdict {
    match inputs.what.as_str() {
        "frames" => {
            let (mut assembler, mut messages) = (Assembler::new(), Vec::new());
            for frame in inputs.list("frame") {
                messages.extend(assembler.push(&frame).in_words()?);
            }
            let messages = messages.iter().map(super::vector::hex);
            Outputs::default().all("message", messages).done()
        }
        "link_first" => {
            let identity = NoiseSecret::from_secret(Secret::take(&mut inputs.array("relay_noise")));
            let ephemeral = &mut Repeated(inputs.array::<32>("relay_ephemeral")[0]);
            let relay = Responder::new(&identity, &binding(inputs), ephemeral).in_words()?;
            let (channel, second) = relay.read_first(&inputs.bytes("first")).in_words()?.write_second().in_words()?;
            let remote = *channel.remote();
            let plain = opened(channel.split().1, inputs)?;
            let outputs = Outputs::default().text("device_noise", remote).bytes("second", second);
            outputs.all("plain", plain).done()
        }
        "link_second" => {
            let identity = NoiseSecret::from_secret(Secret::take(&mut inputs.array("device_noise")));
            let ephemeral = &mut Repeated(inputs.array::<32>("device_ephemeral")[0]);
            let relay = NoisePublic::from_bytes(inputs.array("relay_public"));
            let device = Initiator::new(&identity, &relay, &binding(inputs), ephemeral).in_words()?;
            let (waiting, first) = device.write_first().in_words()?;
            let channel = waiting.read_second(&inputs.bytes("second")).in_words()?;
            let plain = opened(channel.split().1, inputs)?;
            Outputs::default().bytes("first", first).all("plain", plain).done()
        }
        "sealed_key" => {
            let reader = NoiseSecret::from_secret(Secret::take(&mut inputs.array("reader_noise")));
            let sealing = SealingSecret::from_seed(Secret::take(&mut inputs.array("reader_sealing")));
            let author = NoisePublic::from_bytes(inputs.array("author"));
            let context = Digest::from_bytes(inputs.array("context"));
            let sealed = SealedKey::from_bytes(&inputs.bytes("sealed_key")).in_words()?;
            let key = sealed.open((&reader, &sealing), &author, &context).in_words()?;
            Outputs::default().bytes("key", key.expose_secret()).done()
        }
        other => panic!("no {other} in link"),
    }
}

fn binding(inputs: &Inputs) -> ChannelBinding {
    let version = u16::try_from(inputs.number("version")).unwrap();
    ChannelBinding { version, exporter: inputs.array("exporter") }
}

fn opened(mut opener: Opener, inputs: &Inputs) -> Result<Vec<String>, &'static str> {
    let open = |sealed: Vec<u8>| {
        let mut out = vec![0; sealed.len()];
        let length = opener.open(&sealed, &mut out).in_words()?;
        Ok(super::vector::hex(&out[..length]))
    };
    inputs.list("sealed").into_iter().map(open).collect()
}

fn vector(what: &str, name: &str, rules: &str, comment: &str) -> Vector {
    Vector::new("link", what, name, rules, comment)
}

pub(super) fn make() -> Vec<Vector> {
    [frames(), handshakes(), sealed_keys()].concat()
}

fn cut(message: &[u8]) -> Vec<Vec<u8>> {
    let (mut writer, mut scratch, mut frames) = (FrameWriter::new(message).unwrap(), [0; MAX_FRAME], Vec::new());
    while let Some(frame) = writer.write_next(&mut scratch) {
        frames.push(frame.to_vec());
    }
    frames
}

fn frames() -> Vec<Vector> {
    let of = |name: &str, rules, comment: &str, frames: &[Vec<u8>]| {
        vector("frames", &format!("frame-{name}"), rules, comment).list("frame", frames)
    };
    let whole = |name, comment, length: usize| {
        let message: Vec<u8> = (0..=255u8).cycle().take(length).collect();
        of(name, "LINK-13", comment, &cut(&message))
    };
    let good = cut(b"salam").remove(0);
    let altered = |changes: &[(usize, u8)]| {
        let mut frame = good.clone();
        changes.iter().for_each(|(place, to)| frame[*place] = *to);
        vec![frame]
    };
    let sized = |size: usize| {
        let mut frame = good.clone();
        frame.resize(size, 0);
        vec![frame]
    };
    let mut not_full = good.clone();
    not_full.resize(MAX_FRAME, 0);
    not_full[0] = 1;
    let bad = |name, word, rules, comment, frames: &[Vec<u8>]| of(name, rules, comment, frames).refused(word);
    vec![
        whole("one-byte", "A message of one byte", 1),
        whole("smallest-full", "253 bytes fill the smallest frame", 253),
        whole("second-size", "254 bytes take the next size", 254),
        whole("third-size", "1,022 bytes", 1_022),
        whole("fourth-size", "4,094 bytes", 4_094),
        whole("two-frames", "65,517 bytes: a full frame of the largest size, and one of the smallest", 65_517),
        of("two-messages", "LINK-13", "Two messages, one after the other", &[cut(b"salam"), cut(b"again")].concat()),
        bad("size-255", "size", "LINK-12", "A frame of 255 bytes", &sized(255)),
        bad("size-257", "size", "LINK-12", "A frame of 257 bytes", &sized(257)),
        bad("size-0", "size", "LINK-12", "A frame of no byte", &sized(0)),
        bad("flag", "flags", "LINK-13", "A reserved flag", &altered(&[(0, 2)])),
        bad("flag-high", "flags", "LINK-13", "The highest flag", &altered(&[(0, 0x80)])),
        bad("empty", "length", "LINK-13", "A frame of a length of 0", &altered(&[(2, 0)])),
        bad("length-254", "length", "LINK-13", "A length that does not fit the frame", &altered(&[(2, 254)])),
        bad(
            "more-not-full",
            "not_canonical",
            "LINK-13",
            "More follow, and it is not of the largest size",
            &altered(&[(0, 1)]),
        ),
        bad("larger", "not_canonical", "LINK-13", "In a larger frame than it needs", &sized(1024)),
        bad("largest-not-full", "not_canonical", "LINK-13", "More follow, and it is not full", &[not_full]),
        bad("padding", "padding", "LINK-13", "Padding that is not zero", &altered(&[(8, 1)])),
        bad("padding-last", "padding", "LINK-13", "Its last byte is not zero", &altered(&[(255, 0x80)])),
    ]
}

const EXPORTER: [u8; 32] = [0xe7; 32];
const DEVICE_EPHEMERAL: u8 = 0xde;
const RELAY_EPHEMERAL: u8 = 0xae;

/// Both halves of a handshake under such a prologue, and two sealed frames in each direction.
struct Link {
    first: Vec<u8>,
    second: Vec<u8>,
    to_relay: Vec<Vec<u8>>,
    to_device: Vec<Vec<u8>>,
}

fn link(device: u8, relay_seen: u8, version: u16, exporter: [u8; 32]) -> Option<Link> {
    let binding = ChannelBinding { version, exporter };
    let (own, relay) = (NoiseSecret::from_secret(secret(device)), NoiseSecret::from_secret(secret(RELAY + 1)));
    let device = Initiator::new(&own, &noise(relay_seen), &binding, &mut Repeated(DEVICE_EPHEMERAL)).ok()?;
    let relay = Responder::new(&relay, &binding, &mut Repeated(RELAY_EPHEMERAL)).ok()?;
    let (waiting, first) = device.write_first().ok()?;
    let Ok(relay) = relay.read_first(&first) else {
        return Some(Link { first: first.to_vec(), second: vec![], to_relay: vec![], to_device: vec![] });
    };
    let (relay, second) = relay.write_second().ok()?;
    let device = waiting.read_second(&second).ok()?;
    let (mut out, mut back) = (device.split().0, relay.split().0);
    let seal = |sealer: &mut amanat_noise::Sealer, plain: &[u8]| {
        let mut sealed = vec![0; plain.len() + 16];
        sealer.seal(plain, &mut sealed).unwrap();
        sealed
    };
    let to_relay = vec![seal(&mut out, b"one"), seal(&mut out, b"two")];
    let to_device = vec![seal(&mut back, b"three"), seal(&mut back, b"four")];
    Some(Link { first: first.to_vec(), second: second.to_vec(), to_relay, to_device })
}

fn handshakes() -> Vec<Vector> {
    let good = link(AYESHA + 1, RELAY + 1, 1, EXPORTER).unwrap();
    let bound = |vector: Vector, exporter: [u8; 32]| vector.text("version", 1).bytes("exporter", exporter);
    let first = |name: &str, rules, comment: &str, first: &[u8], sealed: &[Vec<u8>]| {
        let vector = vector("link_first", &format!("first-{name}"), rules, comment)
            .bytes("relay_noise", [RELAY + 1; 32])
            .bytes("relay_ephemeral", [RELAY_EPHEMERAL; 32]);
        bound(vector, EXPORTER).bytes("first", first).list("sealed", sealed)
    };
    let second = |name: &str, rules, comment: &str, relay: u8, second: &[u8], sealed: &[Vec<u8>]| {
        let vector = vector("link_second", &format!("second-{name}"), rules, comment)
            .bytes("device_noise", [AYESHA + 1; 32])
            .bytes("device_ephemeral", [DEVICE_EPHEMERAL; 32])
            .bytes("relay_public", noise(relay).as_bytes());
        bound(vector, EXPORTER).bytes("second", second).list("sealed", sealed)
    };
    let altered = |bytes: &[u8], place: usize| {
        let mut bytes = bytes.to_vec();
        bytes[place] ^= 1;
        bytes
    };
    let no = "does_not_open";
    let other_key = link(AYESHA + 1, NOBODY, 1, EXPORTER).unwrap().first;
    let other_link = link(AYESHA + 1, RELAY + 1, 1, [0xe8; 32]).unwrap();
    let other_version = link(AYESHA + 1, RELAY + 1, 2, EXPORTER).unwrap().first;
    let zero = [&[0; 32], &good.first[32..]].concat();
    let swapped: Vec<_> = good.to_relay.iter().rev().cloned().collect();
    let (f, s) = (&good.first, &good.second);
    vec![
        first("good", "LINK-07 LINK-08", "A device's greeting, and the first frames of its channel", f, &good.to_relay),
        first(
            "other-device",
            "LINK-08",
            "Another device's",
            &link(BILAL + 1, RELAY + 1, 1, EXPORTER).unwrap().first,
            &[],
        ),
        first("other-relay", "LINK-08", "Meant for another relay's key", &other_key, &[]).refused(no),
        first("other-link", "LINK-07", "Made on another TLS connection", &other_link.first, &[]).refused(no),
        first("other-version", "LINK-07", "Made for version 2", &other_version, &[]).refused(no),
        first("altered-ephemeral", "LINK-08", "Its ephemeral key altered", &altered(f, 0), &[]).refused(no),
        first("altered-static", "LINK-08", "Its static key altered", &altered(f, 40), &[]).refused(no),
        first("altered-tag", "LINK-08", "Its last tag altered", &altered(f, 95), &[]).refused(no),
        first("ephemeral-zero", "LINK-10", "An ephemeral key of zero: the agreement is all zero", &zero, &[])
            .refused(no),
        first("short", "LINK-09", "95 bytes", &f[..95], &[]).refused("length"),
        first("payload", "LINK-09", "97 bytes: there is a payload", &[f.as_slice(), &[0]].concat(), &[])
            .refused("length"),
        first("frames-swapped", "LINK-11", "The two frames the other way round", f, &swapped).refused(no),
        first(
            "frame-twice",
            "LINK-11",
            "A frame that comes twice",
            f,
            &[good.to_relay[0].clone(), good.to_relay[0].clone()],
        )
        .refused(no),
        first("frame-altered", "LINK-11", "A frame altered in a bit", f, &[altered(&good.to_relay[0], 1)]).refused(no),
        first("frame-reflected", "LINK-11", "A frame of the other direction", f, &[good.to_device[0].clone()])
            .refused(no),
        second(
            "good",
            "LINK-08",
            "A relay's answer, and the first frames of its channel",
            RELAY + 1,
            s,
            &good.to_device,
        ),
        second("other-relay", "LINK-08", "The device knows another key of the relay", NOBODY, s, &[]).refused(no),
        second("other-link", "LINK-07", "The answer of another TLS connection", RELAY + 1, &other_link.second, &[])
            .refused(no),
        second("altered-ephemeral", "LINK-08", "Its ephemeral key altered", RELAY + 1, &altered(s, 3), &[]).refused(no),
        second("altered-tag", "LINK-08", "Its tag altered", RELAY + 1, &altered(s, 47), &[]).refused(no),
        second("ephemeral-zero", "LINK-10", "An ephemeral key of zero", RELAY + 1, &[&[0; 32], &s[32..]].concat(), &[])
            .refused(no),
        second("short", "LINK-09", "47 bytes", RELAY + 1, &s[..47], &[]).refused("length"),
        second("frame-missing", "LINK-11", "The first frame is missing", RELAY + 1, s, &good.to_device[1..])
            .refused(no),
    ]
}

fn sealed_keys() -> Vec<Vector> {
    let context = Digest::from_bytes([0xc0; 32]);
    let key = Secret::take(&mut [0x4b; 16]);
    let author = NoiseSecret::from_secret(secret(AYESHA + 1));
    let to = (&noise(BILAL + 1), &sealing(BILAL + 2));
    let sealed = SealedKey::seal(&key, &author, to, &context, &mut Repeated(0x77)).unwrap();
    let bytes = sealed.as_bytes();
    let of = |name: &str, rules, comment: &str, reader: u8, author: u8, context: [u8; 32], bytes: &[u8]| {
        vector("sealed_key", &format!("sealed-key-{name}"), rules, comment)
            .bytes("reader_noise", [reader + 1; 32])
            .bytes("reader_sealing", [reader + 2; 32])
            .bytes("author", noise(author + 1).as_bytes())
            .bytes("context", context)
            .bytes("sealed_key", bytes)
    };
    let altered = |place: usize| {
        let mut bytes = bytes.to_vec();
        bytes[place] ^= 1;
        bytes
    };
    let mut zero = bytes.to_vec();
    zero[1088..1120].fill(0);
    let good = [0xc0; 32];
    let no = |vector: Vector| vector.refused("does_not_open");
    vec![
        of(
            "good",
            "ID-55 ID-56",
            "A key sealed by Ayesha's device to Bilal's; randomness 77 repeated",
            BILAL,
            AYESHA,
            good,
            bytes,
        ),
        no(of("other-reader", "ID-55", "Another reader", AYESHA, AYESHA, good, bytes)),
        no(of(
            "other-author",
            "ID-56",
            "Not from the author whose certificate stands with it",
            BILAL,
            BILAL,
            good,
            bytes,
        )),
        no(of("other-context", "ID-57", "Bound to something else", BILAL, AYESHA, [0xc1; 32], bytes)),
        no(of(
            "altered-encapsulated",
            "ID-55",
            "The X-Wing ciphertext altered: another secret",
            BILAL,
            AYESHA,
            good,
            &altered(9),
        )),
        no(of("x25519-zero", "ID-55", "The X25519 half is zero", BILAL, AYESHA, good, &zero)),
        no(of("altered-message", "ID-56", "The Noise message altered", BILAL, AYESHA, good, &altered(1120))),
        no(of("altered-tag", "ID-56", "Its last tag altered", BILAL, AYESHA, good, &altered(1231))),
        no(of("cut", "ID-55", "Cut short", BILAL, AYESHA, good, &bytes[..1231])),
    ]
}
