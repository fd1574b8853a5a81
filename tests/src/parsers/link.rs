//! What comes over a link (protocol-spec/02-wire, and 04-link, sections 3, 5 and 8).

use amanat_noise::{ChannelBinding, Initiator, Responder, SealedKey};
use amanat_primitives::{Digest, Secret};
use amanat_wire::{
    Bytes, Encode as _, List,
    client::{AddAgain, Cursor, Hello, Identity, NumberedRequest, Request, ToRelay},
    frame::{Assembler, FRAME_SIZES, FrameWriter, MAX_FRAME},
    limits,
    log::Unit,
    relay::{Answer, ClaimedKeyPackage, Direct, DirectItem, FromRelay, NumberedAnswer, Push, Ready},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

use super::{World, canonical, world};

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(11)
}

/// What a relay reads.
pub(super) mod to_relay {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        canonical::<ToRelay>(bytes).is_some()
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        let chain = Bytes::new(world.member.chain.to_bytes()).unwrap();
        let (device, conversation) = (world.member.device.id(), world.conversation);
        let entry = world.next(amanat_wire::log::UnitKind::Message, &world.message).unwrap();
        let unit = Unit {
            id: entry.unit,
            conversation,
            kind: entry.kind,
            class: entry.class,
            seen_commit: 1,
            accepted_commit: 1,
            body: entry.body,
            roster_add: List::new(vec![device]).unwrap(),
            roster_remove: List::default(),
            group_info: Bytes::default(),
            joiners: List::default(),
        };
        let cursors = List::new(vec![Cursor { conversation, position: 7 }]).unwrap();
        let package = Bytes::new(world.key_package.clone()).unwrap();
        let requests = [
            Request::Ping(amanat_wire::client::Nothing {}),
            Request::Append(unit),
            Request::Advance(amanat_wire::client::Advance { cursors, direct: 3 }),
            Request::PutKeyPackages(amanat_wire::client::PutKeyPackages {
                one_time: List::new(vec![package]).unwrap(),
                last_resort: None,
            }),
            Request::ClaimKeyPackages(List::new(vec![device]).unwrap()),
            Request::AskAgain(AddAgain::sign(conversation, device, world::NOW, world.member.keys.signing())),
        ];
        let hello = ToRelay::Hello(Hello { version: limits::PROTOCOL_VERSION, identity: Identity::Device(chain) });
        let numbered = (1..).zip(requests);
        let numbered = numbered.map(|(number, request)| ToRelay::Request(NumberedRequest { number, request }));
        std::iter::once(hello).chain(numbered).map(|message| message.to_bytes()).collect()
    }
}

/// What a device reads.
pub(super) mod from_relay {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        canonical::<FromRelay>(bytes).is_some()
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        let conversation = world.conversation;
        let entry = world.next(amanat_wire::log::UnitKind::Commit, &world.commit).unwrap();
        let claimed = ClaimedKeyPackage {
            device: world.member.device.id(),
            key_package: Bytes::new(world.key_package.clone()).unwrap(),
            last_resort: false,
        };
        let answers = [
            Answer::Done(amanat_wire::client::Nothing {}),
            Answer::Conflict(4),
            Answer::KeyPackages(List::new(vec![claimed]).unwrap()),
        ];
        let answers = (1..).zip(answers).map(|(number, answer)| FromRelay::Answer(NumberedAnswer { number, answer }));
        let others = [
            FromRelay::Ready(Ready {
                now: world::NOW,
                incarnation: amanat_primitives::Incarnation::from_bytes([3; 16]),
                status: Bytes::new(world.office.status(world::NOW).to_bytes()).unwrap(),
            }),
            FromRelay::Push(Push { conversation, entry }),
            FromRelay::PushDirect(DirectItem { number: 1, body: Direct::Welcome(world.welcome.clone()) }),
        ];
        answers.chain(others).map(|message| message.to_bytes()).collect()
    }
}

/// Frames of a link: two bytes of length, then that many bytes of one frame's plaintext, as often as there are bytes.
pub(super) mod frames {
    use super::*;

    pub(in super::super) fn feed(mut bytes: &[u8]) -> bool {
        let (mut assembler, mut taken, mut used) = (Assembler::new(), false, Vec::new());
        while let Some(([high, low], rest)) = bytes.split_first_chunk::<2>().map(|(head, rest)| (*head, rest)) {
            let length = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
            let (frame, rest) = rest.split_at(length);
            bytes = rest;
            // A short input stands for a whole frame: its padding is given.
            let size = FRAME_SIZES.into_iter().find(|size| frame.len() <= *size).unwrap_or(MAX_FRAME);
            let whole = [frame, &vec![0; size.saturating_sub(frame.len())]].concat();
            match assembler.push(&whole) {
                Ok(None) => used.push(whole),
                Ok(Some(message)) => {
                    used.push(whole);
                    assert_eq!(cut(&message), used, "two ways to cut one message");
                    (taken, used) = (true, Vec::new());
                }
                Err(_) => return taken,
            }
        }
        taken
    }

    fn cut(message: &[u8]) -> Vec<Vec<u8>> {
        let (mut writer, mut scratch, mut frames) = (FrameWriter::new(message).unwrap(), [0; MAX_FRAME], Vec::new());
        while let Some(frame) = writer.write_next(&mut scratch) {
            frames.push(frame.to_vec());
        }
        frames
    }

    pub(in super::super) fn seeds(_: &World) -> Vec<Vec<u8>> {
        let of = |message: &[u8]| {
            let frames = cut(message).into_iter();
            frames.flat_map(|frame| [&(frame.len() as u16).to_be_bytes()[..], &frame].concat()).collect()
        };
        vec![of(b"short"), of(&[7; 300]), of(&[9; 70_000])]
    }
}

/// Both messages of a handshake: the first byte says which.
pub(super) mod handshake {
    use super::*;

    fn binding() -> ChannelBinding {
        ChannelBinding { version: limits::PROTOCOL_VERSION, exporter: [5; 32] }
    }

    fn parties(world: &World) -> (Initiator, Responder) {
        let (device, relay) = (world.member.keys.noise(), world.office.relay_keys.noise());
        let initiator = Initiator::new(device, &relay.public(), &binding(), &mut rng()).unwrap();
        (initiator, Responder::new(relay, &binding(), &mut rng()).unwrap())
    }

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        let Some((which, message)) = bytes.split_first() else { return false };
        world::with(|world| {
            let (initiator, responder) = parties(world);
            if which % 2 == 0 {
                let Ok(replying) = responder.read_first(message) else { return false };
                replying.write_second().is_ok()
            } else {
                initiator.write_first().unwrap().0.read_second(message).is_ok()
            }
        })
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        let (initiator, responder) = parties(world);
        let (_, first) = initiator.write_first().unwrap();
        let (_, second) = responder.read_first(&first).unwrap().write_second().unwrap();
        vec![[&[0], &first[..]].concat(), [&[1], &second[..]].concat()]
    }
}

/// A key sealed to a reader.
pub(super) mod sealed_record {
    use super::*;

    const CONTEXT: Digest = Digest::from_bytes([6; 32]);

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        let Ok(sealed) = SealedKey::from_bytes(bytes) else { return false };
        world::with(|world| {
            let reader = (world.member.keys.noise(), world.member.keys.sealing());
            sealed.open(reader, &world.founder.keys.noise().public(), &CONTEXT).is_ok()
        })
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        let reader = (&world.member.keys.noise().public(), &world.member.keys.sealing().public());
        let key = Secret::from_slice(&[8; 16]).unwrap();
        let sealed = SealedKey::seal(&key, world.founder.keys.noise(), reader, &CONTEXT, &mut rng()).unwrap();
        vec![sealed.as_bytes().to_vec()]
    }
}
