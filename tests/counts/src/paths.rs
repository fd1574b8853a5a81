//! The hot paths: what a message meets on its way, each prepared before it is counted and the same in every run.

use amanat_identity::{Tier, testing::Office};
use amanat_noise::{ChannelBinding, Initiator, MAX_SEALED, Opener, Responder, Sealer, TAG_LEN};
use amanat_primitives::{
    ConversationId, DeviceId, Digest, Secret, Timestamp, UnitId, aead::SealKey, agree::NoiseSecret,
};
use amanat_wire::{
    Bytes, Decode as _, Encode as _,
    frame::{Assembler, FrameWriter, MAX_FRAME},
    log::{Entry, RetentionClass, UnitKind},
    relay::{FromRelay, Push},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

use crate::group::Group;

/// All of them.
pub(crate) const ALL: &[&str] = &[
    "entry-encode",
    "entry-decode",
    "frame-seal",
    "frame-open",
    "chain-verify",
    "value-seal",
    "value-open",
    "message-encrypt",
    "message-decrypt",
    "commit-make",
    "commit-take",
];

/// Bytes of a message's body.
const BODY: usize = 700;
/// Devices of the group whose commits are counted.
const MEMBERS: usize = 32;
/// When all of this happens.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_900_000_000);

/// A path that is ready to be carried out.
pub(crate) struct Prepared {
    times: u32,
    step: Box<dyn FnMut()>,
}

impl Prepared {
    /// Carries it out as often as was said.
    pub(crate) fn carry_out(mut self) {
        // Once beforehand: what is set up once a process is no part of it.
        (self.step)();
        measured(self.times, &mut *self.step);
    }
}

/// What valgrind collects.
#[inline(never)]
fn measured(times: u32, step: &mut dyn FnMut()) {
    for _ in 0..times {
        step();
    }
}

/// Prepares the path of that name.
pub(crate) fn prepare(path: &str, times: u32) -> Option<Prepared> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let step: Box<dyn FnMut()> = match path {
        "entry-encode" => {
            let push = push();
            Box::new(move || drop(std::hint::black_box(push.to_bytes())))
        }
        "entry-decode" => {
            let bytes = push().to_bytes();
            Box::new(move || drop(std::hint::black_box(FromRelay::from_bytes(&bytes).unwrap())))
        }
        "frame-seal" => {
            let (mut sealer, bytes, mut room) = (channel(&mut rng).0, push().to_bytes(), Room::default());
            Box::new(move || drop(std::hint::black_box(seal(&mut sealer, &bytes, &mut room))))
        }
        "frame-open" => {
            let (mut sealer, mut opener) = channel(&mut rng);
            let bytes = push().to_bytes();
            let mut room = Room::default();
            let frames: Vec<_> = (0..=times).map(|_| seal(&mut sealer, &bytes, &mut room)).collect();
            let (mut frames, mut out) = (frames.into_iter(), vec![0; MAX_SEALED]);
            Box::new(move || {
                let frame = frames.next().unwrap();
                let length = opener.open(&frame, &mut out).unwrap();
                assert!(Assembler::new().push(out.get(..length).unwrap()).unwrap().is_some());
            })
        }
        "chain-verify" => {
            let office = Office::new(&mut rng, NOW);
            let (_, chain, _) = office.enrol(&mut rng, "somebody", Tier::Secret, NOW);
            Box::new(move || drop(chain.verify(office.authority(), NOW, Timestamp::CLOCK_TOLERANCE).unwrap()))
        }
        "value-seal" => {
            let key = SealKey::new(Secret::random(&mut rng));
            Box::new(move || drop(std::hint::black_box(key.seal(b"a key of a vault", &[7; BODY], &mut rng))))
        }
        "value-open" => {
            let key = SealKey::new(Secret::random(&mut rng));
            let sealed = key.seal(b"a key of a vault", &[7; BODY], &mut rng);
            Box::new(move || drop(std::hint::black_box(key.open(b"a key of a vault", &sealed).unwrap())))
        }
        "message-encrypt" => {
            let mut group = Group::new(2, &mut rng);
            Box::new(move || drop(std::hint::black_box(group.encrypt(&mut rng))))
        }
        "message-decrypt" => {
            let mut group = Group::new(2, &mut rng);
            let entries: Vec<_> = (0..=times).map(|_| group.encrypt(&mut rng)).collect();
            let mut entries = entries.into_iter();
            Box::new(move || group.decrypt(&entries.next().unwrap()))
        }
        "commit-make" => {
            let mut group = Group::new(MEMBERS, &mut rng);
            Box::new(move || drop(std::hint::black_box(group.commit(&mut rng))))
        }
        "commit-take" => {
            let mut group = Group::new(MEMBERS, &mut rng);
            let entries: Vec<_> = (0..=times).map(|_| group.commit(&mut rng)).collect();
            let mut entries = entries.into_iter();
            Box::new(move || group.take_commit(&entries.next().unwrap()))
        }
        _ => return None,
    };
    Some(Prepared { times, step })
}

fn push() -> FromRelay {
    let conversation = ConversationId::from_bytes([1; 16]);
    let entry = Entry {
        position: 7,
        kind: UnitKind::Message,
        stamp: NOW,
        sender: DeviceId::from_bytes([2; 32]),
        unit: UnitId::from_bytes([3; 16]),
        seen_commit: 1,
        accepted_commit: 1,
        body: Bytes::new(vec![4; BODY]).unwrap(),
        gone: None,
        receipt: Bytes::default(),
        class: RetentionClass::Month,
        seal: Digest::ZERO,
    };
    FromRelay::Push(Push { conversation, entry })
}

/// A device's sealing half and the relay's opening one.
fn channel(rng: &mut ChaCha20Rng) -> (Sealer, Opener) {
    let (device, relay) = (NoiseSecret::generate(rng), NoiseSecret::generate(rng));
    let binding = ChannelBinding { version: 1, exporter: [5; 32] };
    let initiator = Initiator::new(&device, &relay.public(), &binding, rng).unwrap();
    let (waiting, first) = initiator.write_first().unwrap();
    let replying = Responder::new(&relay, &binding, rng).unwrap().read_first(&first).unwrap();
    let (at_relay, second) = replying.write_second().unwrap();
    (waiting.read_second(&second).unwrap().split().0, at_relay.split().1)
}

/// Room for one frame, which a thread has once.
struct Room(Box<[u8; MAX_FRAME]>);

impl Default for Room {
    fn default() -> Self {
        Self(Box::new([0; MAX_FRAME]))
    }
}

fn seal(sealer: &mut Sealer, message: &[u8], room: &mut Room) -> Vec<u8> {
    let mut frames = FrameWriter::new(message).unwrap();
    let frame = frames.write_next(&mut room.0).unwrap();
    let mut out = vec![0; frame.len() + TAG_LEN];
    sealer.seal(frame, &mut out).unwrap();
    assert!(frames.next_size().is_none(), "it fits one frame");
    out
}
