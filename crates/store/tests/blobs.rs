//! Documents as files (protocol-spec/07-delivery, section 10).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own functions count as tests"
)]

use std::{fs, path::Path};

use amanat_primitives::{ConversationId, DeviceId, DocumentId, Timestamp};
use amanat_store::{
    OpenError,
    blobs::{BlobError, BlobLimits, Blobs, Held, Opening},
};
use amanat_wire::log::RetentionClass;

const LENGTH: u32 = 64 * 1024;
const DAY: u64 = 24 * 3600 * 1000;

fn limits() -> BlobLimits {
    BlobLimits { free_floor: 0, ..BlobLimits::default() }
}

fn open(dir: &Path) -> Blobs {
    Blobs::open(dir, limits()).unwrap()
}

fn document(n: u8) -> DocumentId {
    DocumentId::from_bytes([n; 16])
}

fn opening(n: u8, segments: u64) -> Opening {
    Opening {
        document: document(n),
        conversation: ConversationId::from_bytes([1; 16]),
        author: DeviceId::from_bytes([2; 32]),
        segments,
        segment_len: LENGTH,
        class: RetentionClass::Month,
        now: Timestamp::from_millis(0),
    }
}

fn segment(n: u64) -> Vec<u8> {
    (0..LENGTH).map(|i| (u64::from(i) * 31 + n * 7) as u8).collect()
}

#[test]
fn a_document_comes_back_whatever_the_order() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    assert_eq!(blobs.begin(&opening(1, 20)).unwrap(), Held { prefix: 0, count: 0, sealed: false });
    for i in 0..20 {
        let index = i * 7 % 20;
        blobs.put(document(1), index, &segment(index)).unwrap();
        blobs.put(document(1), index, &segment(99)).unwrap(); // already there: stays
        assert_eq!(blobs.get(document(1), index), Err(BlobError::NotSealed));
        if i == 9 {
            assert_eq!(blobs.missing(document(1), 0, 3).unwrap(), [4, 5, 6]);
            assert_eq!(blobs.seal(document(1)), Err(BlobError::Incomplete { first_missing: 4 }));
        }
    }
    blobs.seal(document(1)).unwrap();
    blobs.seal(document(1)).unwrap();
    drop(blobs);
    let blobs = open(dir.path());
    assert_eq!(blobs.held(document(1)).unwrap(), Held { prefix: 20, count: 20, sealed: true });
    for index in 0..20 {
        assert_eq!(blobs.get(document(1), index).unwrap(), segment(index));
    }
    assert_eq!(blobs.get(document(1), 20), Err(BlobError::Invalid));
    assert_eq!(blobs.opening(document(1)).unwrap(), opening(1, 20));
    blobs.delete(document(1)).unwrap();
    assert_eq!(blobs.get(document(1), 0), Err(BlobError::Unknown));
    assert_eq!(fs::read_dir(dir.path().join("documents/01")).unwrap().count(), 0);
}

// [DELIV-20]
#[test]
fn only_what_is_synced_counts_as_held() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    let each = 16 * 1024 * 1024 / u64::from(LENGTH);
    blobs.begin(&opening(1, 3 * each)).unwrap();
    for index in 0..each + 5 {
        blobs.put(document(1), index, &segment(index)).unwrap();
    }
    assert_eq!(blobs.held(document(1)).unwrap(), Held { prefix: each, count: each + 5, sealed: false });
    drop(blobs); // like a crash: nothing is written by dropping
    let blobs = open(dir.path());
    assert_eq!(blobs.begin(&opening(1, 3 * each)).unwrap().prefix, each, "it goes on from what was synced");
    for index in each..3 * each {
        blobs.put(document(1), index, &segment(index)).unwrap();
    }
    blobs.seal(document(1)).unwrap();
    for index in 0..3 * each {
        assert_eq!(blobs.get(document(1), index).unwrap(), segment(index));
    }
    blobs.begin(&opening(2, 9)).unwrap();
    blobs.put(document(2), 4, &segment(4)).unwrap();
    blobs.flush().unwrap();
    drop(blobs);
    let blobs = open(dir.path());
    assert_eq!(blobs.held(document(2)).unwrap(), Held { prefix: 0, count: 1, sealed: false });
}

#[test]
fn misfits_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    blobs.begin(&opening(1, 4)).unwrap();
    assert_eq!(blobs.begin(&opening(1, 5)), Err(BlobError::Exists));
    let other = Opening { author: DeviceId::from_bytes([9; 32]), ..opening(1, 4) };
    assert_eq!(blobs.begin(&other), Err(BlobError::Exists));
    assert_eq!(blobs.begin(&opening(2, 0)), Err(BlobError::Invalid));
    assert_eq!(blobs.begin(&opening(2, u64::MAX)), Err(BlobError::Invalid));
    assert_eq!(blobs.begin(&Opening { segment_len: u32::MAX, ..opening(2, 1) }), Err(BlobError::Invalid));
    assert_eq!(blobs.put(document(1), 4, &segment(4)), Err(BlobError::Invalid));
    assert_eq!(blobs.put(document(1), 0, &segment(0)[1..]), Err(BlobError::Invalid));
    assert_eq!(blobs.put(document(9), 0, &segment(0)), Err(BlobError::Unknown));
    assert_eq!(blobs.held(document(9)), Err(BlobError::Unknown));
    assert!(matches!(Blobs::open(dir.path(), limits()), Err(OpenError::InUse)));
}

#[test]
fn quotas() {
    let dir = tempfile::tempdir().unwrap();
    let size = u64::from(LENGTH) * 4;
    let tight = BlobLimits {
        conversation_bytes: 2 * size,
        device_bytes: 3 * size,
        total_bytes: 4 * size,
        open_uploads: 5,
        ..limits()
    };
    let blobs = Blobs::open(dir.path(), tight).unwrap();
    let at = |n, conversation: u8, author: u8| Opening {
        conversation: ConversationId::from_bytes([conversation; 16]),
        author: DeviceId::from_bytes([author; 32]),
        ..opening(n, 4)
    };
    blobs.begin(&at(1, 1, 1)).unwrap();
    blobs.begin(&at(2, 1, 1)).unwrap();
    assert_eq!(blobs.begin(&at(3, 1, 2)), Err(BlobError::Full), "the conversation's");
    blobs.begin(&at(3, 2, 1)).unwrap();
    assert_eq!(blobs.begin(&at(4, 3, 1)), Err(BlobError::Full), "the device's");
    blobs.begin(&at(4, 3, 2)).unwrap();
    assert_eq!(blobs.begin(&at(5, 4, 3)), Err(BlobError::Full), "everyone's");
    blobs.delete(document(1)).unwrap();
    blobs.begin(&at(5, 4, 3)).unwrap();
    drop(blobs);
    let blobs = Blobs::open(dir.path(), BlobLimits { open_uploads: 1, ..limits() }).unwrap();
    assert_eq!(blobs.begin(&at(6, 9, 2)), Err(BlobError::Full), "uploads open, counted after reopening too");
    drop(blobs);
    let blobs = Blobs::open(dir.path(), BlobLimits { free_floor: u64::MAX, ..limits() }).unwrap();
    assert_eq!(blobs.begin(&at(6, 9, 2)), Err(BlobError::Full), "the disk's");
}

#[test]
fn sweeping() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    for (n, class, seal) in [
        (1, RetentionClass::Day, true),
        (2, RetentionClass::Month, true),
        (3, RetentionClass::Year, false),
        (4, RetentionClass::Day, false),
    ] {
        blobs.begin(&Opening { class, ..opening(n, 1) }).unwrap();
        blobs.put(document(n), 0, &segment(0)).unwrap();
        if seal {
            blobs.seal(document(n)).unwrap();
        }
    }
    let sweep = |days: u64| blobs.sweep(Timestamp::from_millis(days * DAY), 10).unwrap();
    assert_eq!(sweep(0), 0);
    assert_eq!(sweep(1), 2);
    assert_eq!(sweep(6), 0);
    assert_eq!(sweep(7), 1, "an upload that was given up");
    assert_eq!(blobs.get(document(2), 0).unwrap(), segment(0));
    assert_eq!(sweep(30), 1);
    assert_eq!(blobs.get(document(2), 0), Err(BlobError::Unknown));
}

// [DELIV-04]
#[test]
fn damage_and_left_overs() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    for n in 1..4 {
        blobs.begin(&opening(n, 3)).unwrap();
        for index in 0..3 {
            blobs.put(document(n), index, &segment(index)).unwrap();
        }
        blobs.seal(document(n)).unwrap();
    }
    drop(blobs);
    let path = |n: u8, suffix: &str| dir.path().join(format!("documents/{n:02x}/{}{suffix}", document(n)));
    let mut bytes = fs::read(path(1, "")).unwrap();
    bytes[LENGTH as usize + 5] ^= 1;
    fs::write(path(1, ""), bytes).unwrap();
    let mut index = fs::read(path(2, ".index")).unwrap();
    index[100] ^= 1;
    fs::write(path(2, ".index"), index).unwrap();
    fs::write(path(3, ""), b"cut short").unwrap();
    fs::create_dir_all(dir.path().join("documents/09")).unwrap();
    fs::write(path(9, ".part"), b"of a document that was never announced").unwrap();
    fs::write(path(9, ".new"), b"half announced").unwrap();
    let blobs = open(dir.path());
    assert_eq!(blobs.damaged(), 1);
    assert_eq!(blobs.get(document(1), 0).unwrap(), segment(0));
    assert_eq!(blobs.get(document(1), 1), Err(BlobError::Damaged));
    assert_eq!(blobs.damaged(), 2);
    assert_eq!(blobs.check_whole(document(1)), Err(BlobError::Damaged));
    // Somebody puts a copy in its place.
    let mut bytes = fs::read(path(1, "")).unwrap();
    bytes[LENGTH as usize + 5] ^= 1;
    fs::write(path(1, ""), bytes).unwrap();
    blobs.check_whole(document(1)).unwrap();
    assert_eq!(blobs.damaged(), 1);
    assert_eq!(blobs.get(document(2), 0), Err(BlobError::Unknown));
    assert_eq!(blobs.get(document(3), 1), Err(BlobError::Damaged));
    assert!(!path(9, ".part").exists() && !path(9, ".new").exists());
    assert!(path(2, "").exists(), "a damaged document is left to be looked at");
}

/// [DELIV-20] What a power cut takes of a part file's name, or somebody by hand, is not counted as held.
#[test]
fn without_its_part_file_nothing_of_an_upload_is_held() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    blobs.begin(&opening(1, 4)).unwrap();
    for index in 0..3 {
        blobs.put(document(1), index, &segment(index)).unwrap();
    }
    assert_eq!(blobs.begin(&opening(1, 4)).unwrap().prefix, 3);
    drop(blobs);
    let part = dir.path().join(format!("documents/01/{}.part", document(1)));
    fs::remove_file(&part).unwrap();
    // Twice: the first look must not make it seem to be there.
    for _ in 0..2 {
        let blobs = open(dir.path());
        assert_eq!(blobs.begin(&opening(1, 4)).unwrap(), Held { prefix: 0, count: 0, sealed: false });
    }
    let blobs = open(dir.path());
    for index in 0..4 {
        blobs.put(document(1), index, &segment(index)).unwrap();
    }
    blobs.seal(document(1)).unwrap();
    assert!((0..4).all(|index| blobs.get(document(1), index).unwrap() == segment(index)));
}

/// [DELIV-20] A document whose index was damaged is announced again: what is left of it is not the new one's.
#[test]
fn a_document_that_is_announced_again_begins_with_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    blobs.begin(&opening(1, 2)).unwrap();
    for index in 0..2 {
        blobs.put(document(1), index, &segment(index)).unwrap();
    }
    blobs.seal(document(1)).unwrap();
    drop(blobs);
    let path = dir.path().join(format!("documents/01/{}.index", document(1)));
    let mut index = fs::read(&path).unwrap();
    index[50] ^= 1;
    fs::write(&path, index).unwrap();
    for _ in 0..2 {
        let blobs = open(dir.path());
        assert_eq!(blobs.begin(&opening(1, 2)).unwrap(), Held { prefix: 0, count: 0, sealed: false });
        assert_eq!(blobs.damaged(), 0);
    }
}

#[test]
fn many_threads_on_many_documents() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path());
    std::thread::scope(|scope| {
        for n in 0..8 {
            let blobs = &blobs;
            scope.spawn(move || {
                blobs.begin(&opening(n, 40)).unwrap();
                for index in 0..40 {
                    blobs.put(document(n), index, &segment(index + u64::from(n))).unwrap();
                }
                blobs.seal(document(n)).unwrap();
                for index in 0..40 {
                    assert_eq!(blobs.get(document(n), index).unwrap(), segment(index + u64::from(n)));
                }
            });
        }
    });
}
