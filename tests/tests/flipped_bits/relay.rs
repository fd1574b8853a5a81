//! Bits of a relay's store: its database and the files beside it, bodies, and documents. All of it is read by what writes a
//! backup, which checks what it reads; an upload that is under way is gone on with.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use amanat_client::{
    Command, Reply,
    api::{SendOptions, Target},
};
use amanat_identity::Tier;
use amanat_primitives::{ConversationId, DeviceId, DocumentId, Timestamp};
use amanat_relay_core::backup::{self, BackupError};
use amanat_store::{
    OpenError,
    archive::{ArchiveReader, Record},
    blobs::{BlobLimits, Blobs, Opening},
};
use amanat_tests::{Rig, copy_folder, put_back};
use amanat_wire::log::RetentionClass;

use crate::bits::{Flips, Outcome, files, flip};

/// An upload that is under way, beside the documents of the office.
const SEGMENTS: u64 = 6;
const HELD: u64 = 4;

fn upload() -> Opening {
    Opening {
        document: DocumentId::from_bytes([0xee; 16]),
        conversation: ConversationId::from_bytes([1; 16]),
        author: DeviceId::from_bytes([2; 32]),
        segments: SEGMENTS,
        segment_len: 20_000,
        class: RetentionClass::Month,
        now: Timestamp::from(std::time::SystemTime::now()),
    }
}

fn segment(index: u64) -> Vec<u8> {
    (0..20_000_u64).map(|byte| (byte.wrapping_mul(2 * index + 1) >> 3) as u8).collect()
}

/// The documents of a relay, as soon as it has let go of them.
fn blobs(data: &Path) -> Blobs {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match Blobs::open(data, BlobLimits::default()) {
            Err(OpenError::InUse) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            opened => return opened.unwrap(),
        }
    }
}

/// A relay with a log, long messages, a document and an upload that is under way. It does not run any more.
async fn relay_with_history(rig: &mut Rig) {
    // Who is away: what everybody has read is not kept.
    rig.enrol("director", Tier::Secret).await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let (conversation, _) = secretary.say(&rig.to("director", Tier::Confidential), "word 0").await;
    let to = Target::Conversation(conversation);
    for number in 1..100 {
        let long = if number % 25 == 0 { 63_000 } else { number * 3 };
        secretary.say(&to, &format!("word {number} {}", "x".repeat(long))).await;
    }
    let path = rig.dir.path().join("plan.bin");
    fs::write(&path, vec![5; 1_200_000]).unwrap();
    let send = Command::SendDocument { to, path, options: SendOptions::default() };
    let Reply::Sent { .. } = secretary.ask(send).await else { panic!() };
    secretary.sync().await;
    secretary.engine.stop().await;
    rig.stop_relay().await;
    let blobs = blobs(&rig.relay_dir().join("data"));
    blobs.begin(&upload()).unwrap();
    for index in 0..HELD {
        blobs.put(upload().document, index, &segment(index)).unwrap();
    }
    assert_eq!(blobs.begin(&upload()).unwrap().prefix, HELD);
}

/// All that the relay holds, record by record, and how many documents are said to be left out.
async fn everything(dir: &Path, out: &Path) -> Result<(BTreeSet<Vec<u8>>, usize), BackupError> {
    let (_, damaged) = backup::export(dir, false, File::create(out).unwrap(), &mut |_| ()).await?;
    let mut archive = ArchiveReader::open(std::io::BufReader::new(File::open(out).unwrap())).unwrap();
    let mut records = BTreeSet::new();
    while let Some(record) = archive.next_record().unwrap() {
        records.insert(match record {
            Record::File { name, bytes } => [name.as_bytes(), &bytes].concat(),
            Record::Row { key, value } => [b"row".as_slice(), &key, b"=", &value].concat(),
            Record::Body(bytes) | Record::Segment(bytes) => bytes,
            Record::Document(opening) => format!("{opening:?}").into_bytes(),
        });
    }
    Ok((records, damaged))
}

/// Goes on with the upload as its sender would, and reads it.
fn go_on(data: &Path) -> Outcome {
    let (blobs, opening) = (blobs(data), upload());
    let outcome = (|| {
        let held = blobs.begin(&opening)?;
        for index in held.prefix..SEGMENTS {
            blobs.put(opening.document, index, &segment(index))?;
        }
        blobs.seal(opening.document)?;
        let read = |index| Ok(blobs.get(opening.document, index)? == segment(index));
        (0..SEGMENTS).map(read).collect::<Result<Vec<bool>, amanat_store::blobs::BlobError>>()
    })();
    match outcome {
        Err(_) => Outcome::Found,
        Ok(same) if same.iter().all(|same| *same) => Outcome::Harmless,
        Ok(same) => Outcome::Wrong(format!("the upload reads otherwise: {same:?}")),
    }
}

/// Whether all is read as it was; where it is not, somebody was told.
fn judge(whole: &BTreeSet<Vec<u8>>, now: Result<(BTreeSet<Vec<u8>>, usize), BackupError>) -> Outcome {
    match now {
        Err(_) => Outcome::Found,
        Ok((now, 0)) if now == *whole => Outcome::Harmless,
        // A damaged document is left out whole; the rest must be as it was.
        Ok((now, damaged)) if damaged > 0 && now.is_subset(whole) && now.len() < whole.len() => Outcome::Found,
        Ok((now, _)) => {
            let words = |record: &Vec<u8>| String::from_utf8_lossy(&record[..record.len().min(60)]).into_owned();
            let gone: Vec<_> = whole.difference(&now).map(words).take(3).collect();
            let new: Vec<_> = now.difference(whole).map(words).take(3).collect();
            Outcome::Wrong(format!("{} of {} records, gone {gone:?}, new {new:?}", now.len(), whole.len()))
        }
    }
}

// [DELIV-04] [DELIV-06]
#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_of_a_relays_store_is_found_or_harmless() {
    let mut flips = Flips::new();
    let mut rig = Rig::new().await;
    relay_with_history(&mut rig).await;
    let (dir, whole, out) = (rig.relay_dir(), rig.dir.path().join("whole"), rig.dir.path().join("archive"));
    // Read once before it is copied: the database engine makes a snapshot when it opens what is there.
    let (records, damaged) = everything(&dir, &out).await.unwrap();
    assert_eq!(damaged, 0);
    copy_folder(&dir, &whole);
    assert!(records.len() > 100);
    let fewer: BTreeSet<_> = records.iter().skip(1).cloned().collect();
    assert!(matches!(judge(&records, Ok((fewer, 0))), Outcome::Wrong(_)), "a record that is missing is seen");
    put_back(&whole, &dir);
    assert_eq!(everything(&dir, &out).await.unwrap().0, records, "the same is read twice");
    let (store, documents) = (whole.join("data/store"), whole.join("data/documents"));
    let in_store = |named: fn(&str) -> bool| files(&store, named);
    let in_documents = |named: fn(&str) -> bool| -> Vec<PathBuf> {
        let folders = fs::read_dir(&documents).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        folders.flat_map(|folder| files(&folder, named)).collect()
    };
    let kinds: [(&'static str, Vec<PathBuf>, f64); 9] = [
        ("db", in_store(|name| name == "db"), 3.0),
        ("conf", in_store(|name| name == "conf"), 1.0),
        ("snap", in_store(|name| name.starts_with("snap.")), 1.0),
        ("format", in_store(|name| name == "format"), 1.0),
        ("watermark", in_store(|name| name == "watermark"), 1.0),
        ("bodies", files(&store.join("bodies"), |_| true), 1.0),
        ("document", in_documents(|name| !name.contains('.')), 1.0),
        ("index", in_documents(|name| name.ends_with(".index")), 1.0),
        ("part", in_documents(|name| name.ends_with(".part")), 1.0),
    ];
    for (kind, files, share) in kinds {
        assert!(!files.is_empty(), "{kind}: there is no such file");
        for place in flips.places(&files, share) {
            put_back(&whole, &dir);
            let (path, at, bit) = &place;
            flip(&(dir.join(path.strip_prefix(&whole).unwrap()), *at, *bit));
            let outcome = match judge(&records, everything(&dir, &out).await) {
                Outcome::Harmless if matches!(kind, "index" | "part") => go_on(&dir.join("data")),
                outcome => outcome,
            };
            flips.note(kind, &place, outcome);
        }
    }
    let every = ["db", "bodies", "document", "part"];
    assert!(every.iter().all(|kind| flips.found[kind].0 > 0), "some are found: {:?}", flips.found);
    flips.end();
}
