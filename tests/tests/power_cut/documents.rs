//! A writer of the relay's documents (protocol-spec/07-delivery, section 10), and the check of what is left of them: what
//! was said to be held is held, what was sealed can be read, and whatever was cut short can be gone on with.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use amanat_primitives::{ConversationId, DeviceId, DocumentId, Timestamp};
use amanat_store::blobs::{BlobError, BlobLimits, Blobs, Opening};
use amanat_wire::log::RetentionClass;

/// Documents that are uploaded at the same time.
const LANES: u32 = 3;

/// Uploads documents until it is stopped: some in many small segments, some in large ones, of which a sync comes by
/// itself. The number sets them apart from other writers'. Every fourth is removed when it is sealed.
pub(crate) fn run(dir: &Path, number: u32, say: impl Fn(&str) + Sync) {
    let blobs = open(dir);
    let stop = AtomicBool::new(false);
    let upload_all = |lane: u32| {
        for n in (lane..).step_by(LANES as usize) {
            let id = document(number, n);
            if stop.load(Ordering::Acquire) {
                return;
            }
            let mut done = upload(&blobs, id, &say);
            if done.is_ok() {
                say(&format!("sealed {id}"));
                if n % 4 == 3 {
                    say(&format!("deleting {id}"));
                    done = blobs.delete(id);
                }
            }
            if let Err(error) = done {
                stop.store(true, Ordering::Release);
                return say(&format!("stopped {error:?}"));
            }
        }
    };
    std::thread::scope(|scope| {
        for lane in 0..LANES {
            scope.spawn(move || upload_all(lane));
        }
    });
    say(&format!("flushed {:?}", blobs.flush()));
}

/// Puts all segments that are not held, and announces the document again from time to time: what is said to be held then
/// is durable.
fn upload(blobs: &Blobs, id: DocumentId, say: &impl Fn(&str)) -> Result<(), BlobError> {
    let opening = opening(id);
    let every = opening.segments / 3 + 1;
    blobs.begin(&opening)?;
    say(&format!("begun {id}"));
    for index in 0..opening.segments {
        blobs.put(id, index, &segment(&opening, index))?;
        if index % every == every - 1 {
            let held = if opening.segment_len < 1 << 20 { blobs.begin(&opening)? } else { blobs.held(id)? };
            say(&format!("held {id} {}", held.prefix));
        }
    }
    blobs.seal(id)
}

/// Opens the documents that are in `dir`.
pub(crate) fn open(dir: &Path) -> Blobs {
    Blobs::open(dir, BlobLimits { free_floor: 0, open_uploads: 10_000, ..BlobLimits::default() }).unwrap()
}

/// How long a document is follows from its id.
fn opening(document: DocumentId) -> Opening {
    let long = document.as_bytes()[0].is_multiple_of(4);
    Opening {
        document,
        conversation: ConversationId::from_bytes([1; 16]),
        author: DeviceId::from_bytes([2; 32]),
        segments: if long { 18 } else { 5 + u64::from(document.as_bytes()[1] % 20) },
        segment_len: if long { 1 << 20 } else { 16 << 10 },
        class: RetentionClass::Month,
        now: Timestamp::from_millis(1_000),
    }
}

fn document(number: u32, n: u32) -> DocumentId {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&n.wrapping_mul(2_654_435_761).to_be_bytes());
    id[4..8].copy_from_slice(&n.to_be_bytes());
    id[8..12].copy_from_slice(&number.to_be_bytes());
    DocumentId::from_bytes(id)
}

/// Different in each document and at each place.
fn segment(opening: &Opening, index: u64) -> Vec<u8> {
    let mut id = [0; 8];
    id.copy_from_slice(&opening.document.as_bytes()[4..12]);
    let seed = u64::from_be_bytes(id).wrapping_mul(31).wrapping_add(index).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = (0..u64::from(opening.segment_len) / 8).flat_map(|word| seed.wrapping_mul(word | 1).to_le_bytes());
    words.collect()
}

/// How far a document is, as far as anybody was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// So many segments from the first on are held; it may be removed by now.
    Held(u64),
    Sealed,
}

/// All that was ever acknowledged.
#[derive(Default)]
pub(crate) struct Documents {
    told: BTreeMap<DocumentId, Told>,
    /// Acknowledgements.
    pub(crate) count: usize,
}

impl Documents {
    pub(crate) fn add(&mut self, lines: &[String]) {
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let (id, told) = match words.as_slice() {
                ["begun" | "deleting", id] => (id, Told::Held(0)),
                ["held", id, prefix] => (id, Told::Held(prefix.parse().unwrap())),
                ["sealed", id] => (id, Told::Sealed),
                ["stopped" | "flushed", ..] => continue,
                _ => panic!("not a line: {line}"),
            };
            self.told.insert(id.parse().unwrap(), told);
            self.count += 1;
        }
    }

    /// Lists what is not as it was told. All that was begun is gone on with, by the count that the store gives now, and
    /// sealed: then it must be what it should.
    pub(crate) fn check(&mut self, dir: &Path) -> Vec<String> {
        let blobs = open(dir);
        let mut wrong = Vec::new();
        for (id, told) in &mut self.told {
            let opening = opening(*id);
            if let Told::Held(least) = *told {
                let held = blobs.begin(&opening).unwrap();
                if held.prefix < least {
                    wrong.push(format!("{id}: {least} segments were held, now {}", held.prefix));
                }
                // As a sender goes on.
                for index in held.prefix..opening.segments {
                    blobs.put(*id, index, &segment(&opening, index)).unwrap();
                }
                blobs.seal(*id).unwrap();
            }
            let bad = |index: &u64| blobs.get(*id, *index).map(|bytes| bytes == segment(&opening, *index)) != Ok(true);
            if let Some(index) = (0..opening.segments).find(bad) {
                wrong.push(format!(
                    "{id}: told {told:?}; segment {index}: {:?}",
                    blobs.get(*id, index).map(|_| "other bytes")
                ));
                // It may be gone altogether.
                let _ = blobs.delete(*id);
                *told = Told::Held(0);
            } else {
                *told = Told::Sealed;
            }
        }
        wrong
    }
}
