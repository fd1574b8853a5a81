//! Documents and files (protocol-spec/06-document; 07-delivery, sections 12 and 13; 01-primitives, section 6).

use std::{io::Cursor, path::Path};

use amanat_client::testing::{forgery, inspection};
use amanat_document::{ClaimedName, Keys, Manifest, MediaType, safe_name, segment_buffer};
use amanat_primitives::{
    Label,
    passphrase::{self, WorkPolicy},
};
use amanat_relay_core::Config;
use amanat_store::archive::{ArchiveReader, ArchiveWriter, Record};
use amanat_wire::{Bytes, Encode as _, List, log::RetentionClass};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use zeroize::Zeroizing;

use super::{World, canonical, world};

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(17)
}

const PLAIN: &[u8] = b"Minutes of the meeting";

fn keys(world: &World) -> Keys {
    Keys::random(world.conversation, world.founder.device.id(), &mut rng())
}

/// What the members are told about a document.
pub(super) mod manifest {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        canonical::<Manifest>(bytes).is_some()
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        let Keys { document, file_key, nonce } = keys(world);
        let layout = keys(world).writer(PLAIN.len() as u64).unwrap().layout();
        let manifest = Manifest {
            document,
            name: ClaimedName::of(&safe_name("minutes.txt")),
            media_type: MediaType::new("text/plain").unwrap(),
            layout,
            file_key,
            nonce,
            digest: amanat_primitives::Digest::from_bytes([1; 32]),
            tier: 1,
            caveats: List::default(),
            marks: Bytes::default(),
            class: RetentionClass::Month,
        };
        vec![manifest.to_bytes()]
    }
}

/// The first bytes of a document's only segment; the others are zero.
pub(super) mod segment {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        world::with(|world| {
            let Keys { file_key, nonce, .. } = keys(world);
            let layout = keys(world).writer(PLAIN.len() as u64).unwrap().layout();
            let mut reader = amanat_document::SegmentReader::new(layout, &file_key, nonce);
            let mut segment = segment_buffer();
            let Some(front) = segment.get_mut(..bytes.len()) else { return false };
            front.copy_from_slice(bytes);
            let mut given = Vec::new();
            let read = reader.read(&mut segment, |plain| {
                given.extend_from_slice(plain);
                Ok::<(), ()>(())
            });
            assert!(read.is_err() || given == PLAIN, "what is not the document was taken for it");
            read.is_ok()
        })
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        let mut segment = segment_buffer();
        let mut writer = keys(world).writer(PLAIN.len() as u64).unwrap();
        let read_at = |offset: u64, out: &mut [u8]| {
            out.copy_from_slice(&PLAIN[offset as usize..offset as usize + out.len()]);
            Ok::<(), ()>(())
        };
        writer.write_next(read_at, &mut segment).unwrap().unwrap();
        vec![segment[..16 + PLAIN.len() + 16].to_vec()]
    }
}

/// A name that a sender gives a document.
pub(super) mod document_name {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        let name = safe_name(text);
        let (shown, again) = (name.as_str(), safe_name(name.as_str()));
        assert_eq!(again.as_str(), shown, "a safe name stays as it is");
        assert!(!shown.is_empty() && shown != "." && shown != "..", "names a file");
        assert!(!shown.contains(['/', '\\', '\0']) && Path::new(shown).components().count() == 1, "leaves no folder");
        true
    }

    pub(in super::super) fn seeds(_: &World) -> Vec<Vec<u8>> {
        ["بجٹ.pdf", "../../etc/passwd", "CON.txt", "a\u{202e}fdp.exe", " . "]
            .map(|name| name.as_bytes().to_vec())
            .to_vec()
    }
}

/// What is kept under a passphrase.
pub(super) mod passphrase_box {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        passphrase::unlock(Label::VAULT_HEADER, b"for tests only", &WorkPolicy::FOR_TESTS, bytes).is_ok()
    }

    pub(in super::super) fn seeds(_: &World) -> Vec<Vec<u8>> {
        let key = [3; 32];
        let made = passphrase::lock(Label::VAULT_HEADER, b"for tests only", &WorkPolicy::FOR_TESTS, &key, &mut rng());
        vec![made.unwrap()]
    }
}

/// A backup of a relay's store.
pub(super) mod archive {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        let Ok(mut archive) = ArchiveReader::open(Cursor::new(bytes)) else { return false };
        loop {
            match archive.next_record() {
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    pub(in super::super) fn seeds(_: &World) -> Vec<Vec<u8>> {
        let mut archive = ArchiveWriter::begin(Vec::new()).unwrap();
        let file = Record::File { name: "relay.toml".into(), bytes: Zeroizing::new(b"domain = \"a.pk\"".to_vec()) };
        let row = Record::Row { key: b"key".to_vec(), value: b"value".to_vec() };
        for record in [file, row, Record::Body(b"a body".to_vec())] {
            archive.add(&record).unwrap();
        }
        vec![archive.finish().unwrap()]
    }
}

/// A relay's configuration.
pub(super) mod relay_config {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        Config::parse(text, Path::new("relay.toml")).is_ok()
    }

    pub(in super::super) fn seeds(_: &World) -> Vec<Vec<u8>> {
        let plain = "domain = \"interior.gov.pk\"\nlisten = [\"127.0.0.1:7443\"]\n";
        vec![plain.into(), format!("{plain}[limits]\nconnections = 100\n").into_bytes()]
    }
}

/// A history file under a passphrase.
pub(super) mod history_file {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        world::with(|world| {
            let reader = (&world.member.keys, &world.member.device);
            let (authority, work) = (world.office.authority(), WorkPolicy::FOR_TESTS);
            inspection::history_file(bytes, authority, reader, Some("for tests only"), &work).is_ok()
        })
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        let author = (&world.founder.keys, &world.founder.chain);
        vec![forgery::sealed(&[], author, "for tests only", world::NOW).unwrap()]
    }
}

/// What stands in a history file, whoever signed it.
pub(super) mod history_pieces {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        forgery::reads(bytes)
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        let said = forgery::ForgedMessage {
            id: amanat_primitives::MessageId::of(
                world.conversation,
                world.founder.device.id(),
                amanat_primitives::MessageSeed::random(&mut rng()),
            ),
            device: world.founder.device.id(),
            from: "director@interior.gov.pk".into(),
            at: world::NOW,
            content_type: 1,
            body: b"text".to_vec(),
            reactions: vec![("secretary@interior.gov.pk".into(), "+".into())],
            acknowledged: vec!["secretary@interior.gov.pk".into()],
        };
        let conversation = forgery::ForgedConversation {
            id: world.conversation,
            title: "Budget".into(),
            peer: String::new(),
            tier: 1,
            messages: vec![said],
        };
        vec![forgery::pieces(vec![conversation]).unwrap()]
    }
}
