//! What a conversation's members read (protocol-spec/05-conversation).

use amanat_conversation::{Body, CommitFacts, ContentType, Conversation, Frame, Incoming, Records, check_key_package};
use amanat_wire::{Encode as _, log::UnitKind, relay::WelcomePart};

use super::{World, canonical, world};

/// The next entry of a log; the first byte says whether as a message or as a commit.
pub(super) mod entry {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        let Some((kind, body)) = bytes.split_first() else { return false };
        let kind = if kind % 2 == 0 { UnitKind::Message } else { UnitKind::Commit };
        world::with(|world| {
            let Some(entry) = world.next(kind, body) else { return false };
            let mut conversation = world.joined();
            match conversation.receive(&entry).unwrap() {
                Incoming::Message(_) => true,
                Incoming::Commit(commit) => {
                    let Ok(approved) = commit.approve(&conversation, &world.evidence()) else { return false };
                    conversation.merge(approved).unwrap();
                    true
                }
                Incoming::Own(_) | Incoming::Gone { .. } | Incoming::Refused(_) => false,
            }
        })
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        vec![[&[0], &world.message[..]].concat(), [&[1], &world.commit[..]].concat()]
    }
}

/// A KeyPackage as a relay hands it over.
pub(super) mod key_package {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        world::with(|world| check_key_package(bytes, &world.member.device, world::NOW).is_ok())
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        vec![world.key_package.clone()]
    }
}

/// A Welcome: the joiner's part, as the relay delivers it.
pub(super) mod welcome {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        let Some(part) = canonical::<WelcomePart>(bytes) else { return false };
        world::with(|world| {
            let mut packages = Records::load(world.packages.clone());
            let Ok(staged) = Conversation::stage_join(&part, &world.member.device, &packages) else { return false };
            staged.approve(&world.known, &world.receipt, &mut packages, Records::default()).is_ok()
        })
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        vec![world.welcome.to_bytes()]
    }
}

/// A message's plaintext, and its content by its type.
pub(super) mod content {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        // A body by itself, so that every type is reached without a frame around it.
        let read = bytes.split_first().is_some_and(|(content_type, body)| {
            Body::read(ContentType(u16::from(*content_type)), body).is_ok_and(|read| {
                let again = read.to_body().unwrap();
                assert!(Body::read(read.content_type(), &again).is_ok(), "what was read can be written and read");
                true
            })
        });
        let framed = Frame::open(bytes).is_ok_and(|frame| {
            assert_eq!(frame.to_bytes(), bytes, "two encodings of one frame");
            frame.fixed.body().is_ok()
        });
        read || framed
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        vec![world.content.clone(), b"\x01text".to_vec(), b"\x04title".to_vec()]
    }
}

/// A commit's authenticated data.
pub(super) mod commit_facts {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        canonical::<CommitFacts>(bytes).is_some()
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        vec![world.commit_facts.to_bytes()]
    }
}
