//! Which bit is flipped, what came of it, and whether anything panicked meanwhile.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, Once},
};

use amanat_tests::extent::{self, bound};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};

/// How many bits are flipped in each kind of file.
fn rounds() -> u32 {
    bound(20, 1_000)
}

/// What a flipped bit came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Something refused, and said so.
    Found,
    /// All reads as before.
    Harmless,
    /// Something reads otherwise: what.
    Wrong(String),
}

/// A folder whose files are damaged, one bit at a time.
pub(crate) struct Flips {
    seed: u64,
    random: ChaCha20Rng,
    /// What came of the flips, by kind of file.
    pub(crate) found: BTreeMap<&'static str, (u32, u32)>,
    wrong: Vec<String>,
}

impl Flips {
    pub(crate) fn new() -> Self {
        watch();
        let seed = extent::seed();
        Self { seed, random: ChaCha20Rng::seed_from_u64(seed), found: BTreeMap::new(), wrong: Vec::new() }
    }

    /// The places at which bits of a kind of file are flipped, this many times as usual: of its files, each some. Every
    /// second bit is of a byte that is not zero, since much of some files is empty.
    pub(crate) fn places(&mut self, files: &[PathBuf], share: f64) -> Vec<(PathBuf, usize, u8)> {
        let count = (f64::from(rounds()) * share).ceil() as u32;
        let mut written: BTreeMap<&PathBuf, Vec<usize>> = BTreeMap::new();
        (0..count)
            .map(|round| {
                let file = &files[self.below(files.len())];
                let bytes = fs::read(file).unwrap();
                let places =
                    written.entry(file).or_insert_with(|| (0..bytes.len()).filter(|at| bytes[*at] != 0).collect());
                let at = match round % 2 {
                    0 if !places.is_empty() => places[self.random.next_u64() as usize % places.len()],
                    _ => self.random.next_u64() as usize % bytes.len(),
                };
                (file.clone(), at, (self.random.next_u64() % 8) as u8)
            })
            .collect()
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random.next_u64() as usize % bound
    }

    /// Notes what came of a flip.
    pub(crate) fn note(&mut self, kind: &'static str, place: &(PathBuf, usize, u8), outcome: Outcome) {
        let (found, harmless) = self.found.entry(kind).or_default();
        match outcome {
            Outcome::Found => *found += 1,
            Outcome::Harmless => *harmless += 1,
            Outcome::Wrong(what) => {
                self.wrong.push(format!("{kind}, bit {} of byte {}: {what}", place.2, place.1));
            }
        }
        let panics = std::mem::take(&mut *PANICS.lock().unwrap());
        self.wrong.extend(panics.iter().map(|panic| format!("{kind}, bit {} of byte {}: {panic}", place.2, place.1)));
    }

    /// Nothing reads otherwise, and nothing has panicked.
    pub(crate) fn end(self) {
        for (kind, (found, harmless)) in &self.found {
            println!("{kind}: {found} found, {harmless} harmless");
        }
        assert!(
            self.wrong.is_empty(),
            "{} flips of AMANAT_SEED={} are not found:\n{}",
            self.wrong.len(),
            self.seed,
            self.wrong.join("\n")
        );
    }
}

/// Flips a bit where it lies.
pub(crate) fn flip((path, at, bit): &(PathBuf, usize, u8)) {
    let mut bytes = fs::read(path).unwrap();
    bytes[*at] ^= 1 << bit;
    fs::write(path, bytes).unwrap();
}

/// Files directly in a folder whose names a test likes, in order.
pub(crate) fn files(dir: &Path, named: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let liked = |path: &PathBuf| path.is_file() && named(path.file_name().unwrap().to_str().unwrap());
    let mut found: Vec<PathBuf> = entries.filter(liked).collect();
    found.sort();
    found
}

/// What has panicked. The database engine's panics that the store contains are not among them.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Notes panics, on whatever thread. To be called before a store is opened: what the store contains does not come here then.
fn watch() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current().name().unwrap_or("without a name").to_owned();
            // One of a test's own thread fails that test, and no other.
            if !thread.contains("a_flipped_bit_of") {
                PANICS.lock().unwrap().push(format!("thread {thread:?} panicked: {panic}"));
            }
            before(panic);
        }));
    });
}
