//! The disk that loses power: builds the shim, runs a writer on it, and lays out what is left.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    hash::{BuildHasher as _, RandomState},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{OnceLock, mpsc},
    time::Duration,
};

use crate::writer::Job;

const SECTOR: usize = 512;

/// How power is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cut {
    /// Nothing that was not synced is left.
    Clean,
    /// Of what was not synced, half is left: sectors and names.
    Torn,
}

/// Numbers for choosing moments and sectors. The seed is printed when a test fails.
pub(crate) struct Random {
    pub(crate) seed: u64,
    state: u64,
}

impl Random {
    pub(crate) fn new() -> Self {
        let seed = RandomState::new().hash_one(0);
        Self { seed, state: seed }
    }

    /// A number below `limit` (splitmix64).
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// A folder to write in, and its shadow.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
    round: u32,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let bench = Self { dir: tempfile::tempdir().unwrap(), round: 0 };
        fs::create_dir(bench.live()).unwrap();
        bench
    }

    /// The folder that writers write in; the store is in `store` below it.
    pub(crate) fn live(&self) -> PathBuf {
        self.dir.path().join(format!("live-{}", self.round))
    }

    /// What was synced of it.
    pub(crate) fn shadow(&self) -> PathBuf {
        self.dir.path().join("shadow")
    }

    /// Runs a writer on the folder, with faults, until it ends or, some time after its first line, is killed. Gives
    /// the lines that it printed.
    pub(crate) fn write(&mut self, job: Job, faults: &[(&str, &str)], kill_after: Option<Duration>) -> Vec<String> {
        drop(fs::remove_dir_all(self.shadow()));
        fs::create_dir(self.shadow()).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["the_writer", "--exact", "--nocapture", "--test-threads=1"])
            .env("CUT_JOB", job.to_string())
            .env("CUT_ROOT", self.live())
            .env("CUT_SHADOW", self.shadow())
            .envs(faults.iter().copied())
            .env("LD_PRELOAD", shim())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (started, first_line) = mpsc::sync_channel(1);
        let reader = std::thread::spawn(move || {
            let mut lines = Vec::new();
            for line in output.lines() {
                // A last line that the kill cut off is no line; the test harness's own lines are none either.
                if let Some(line) = line.unwrap().strip_prefix("> ").and_then(|line| line.strip_suffix(" .")) {
                    let _ = started.try_send(());
                    lines.push(line.to_owned());
                }
            }
            lines
        });
        if let Some(after) = kill_after {
            first_line.recv_timeout(Duration::from_secs(60)).expect("the writer prints something");
            // The moment of the cut: random, so there is nothing to wait for but the time.
            std::thread::sleep(after);
            child.kill().unwrap();
        }
        let status = child.wait().unwrap();
        let lines = reader.join().unwrap();
        assert!(kill_after.is_some() || status.success(), "the writer failed: {status}, {lines:?}");
        lines
    }

    /// Lays out what the cut leaves behind, and makes it the folder for what comes next.
    pub(crate) fn lose_power(&mut self, cut: Cut, random: &mut Random) {
        let (live, shadow) = (self.live(), self.shadow());
        self.round += 1;
        lay_out(&live, &shadow, "", &self.live(), cut, random);
        fs::remove_dir_all(live).unwrap();
    }
}

/// The shim, built once for all tests of this process.
fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("power-cut/shim.c");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Built under a name of this process alone: tests may run at the same time.
        let (new, target) = (folder.join(format!("power-cut-{}", std::process::id())), folder.join("power-cut.so"));
        let built = Command::new("cc")
            .args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
            .args([&new, &source])
            .args(["-ldl", "-lpthread"])
            .status()
            .expect("a C compiler is installed");
        assert!(built.success(), "the shim does not build");
        fs::rename(new, &target).unwrap();
        target
    })
}

/// One folder, `path` below the root ("" for the root itself).
fn lay_out(live: &Path, shadow: &Path, path: &str, target: &Path, cut: Cut, random: &mut Random) {
    fs::create_dir(target).unwrap();
    let list = shadow.join("names").join(if path.is_empty() { "%".to_owned() } else { path.replace('/', "%") });
    // A folder that was never synced has no names that are safe.
    let list = fs::read_to_string(list).unwrap_or_default();
    let mut synced: BTreeMap<String, Option<u64>> = BTreeMap::new();
    for line in list.lines() {
        let mut words = line.splitn(2, ' ');
        match (words.next(), words.next().unwrap()) {
            (Some("d"), name) => drop(synced.insert(name.to_owned(), None)),
            (_, rest) => {
                let (number, name) = rest.split_once(' ').unwrap();
                synced.insert(name.to_owned(), Some(number.parse().unwrap()));
            }
        }
    }
    let now: BTreeSet<String> = match fs::read_dir(live) {
        Ok(entries) => entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect(),
        Err(_) => BTreeSet::new(),
    };
    let names: BTreeSet<String> = synced.keys().cloned().chain(now.iter().cloned()).collect();
    for name in names {
        let (was_synced, is_there) = (synced.contains_key(&name), now.contains(&name));
        let left = if was_synced == is_there { true } else { was_synced != (cut == Cut::Torn && random.coin()) };
        if !left {
            continue;
        }
        let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        let (live, target) = (live.join(&name), target.join(&name));
        if synced.get(&name) == Some(&None) || live.is_dir() {
            lay_out(&live, shadow, &below, &target, cut, random);
            continue;
        }
        let number = synced.get(&name).copied().flatten();
        let safe = number.and_then(|number| fs::read(shadow.join(format!("files/{number}"))).ok()).unwrap_or_default();
        let left = match cut {
            Cut::Clean => safe,
            Cut::Torn => tear(safe, fs::read(live).ok(), random),
        };
        fs::write(target, left).unwrap();
    }
}

/// What is left of a file of which some sectors were written and not synced.
fn tear(mut safe: Vec<u8>, live: Option<Vec<u8>>, random: &mut Random) -> Vec<u8> {
    let Some(live) = live else { return safe };
    let length = if random.coin() { safe.len() } else { live.len() };
    safe.resize(length, 0);
    for (left, written) in safe.chunks_mut(SECTOR).zip(live.chunks(SECTOR)) {
        let n = left.len().min(written.len());
        if left[..n] != written[..n] && random.coin() {
            left[..n].copy_from_slice(&written[..n]);
        }
    }
    safe
}
