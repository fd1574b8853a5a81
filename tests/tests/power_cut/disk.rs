//! The disk that loses power: builds the shim, runs a writer on it, and lays out what is left.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{OnceLock, mpsc},
    time::{Duration, Instant},
};

use amanat_tests::extent::seed;

use crate::writer::Job;

const SECTOR: usize = 512;
/// A writer that has not ended by then waits for something that does not come.
const HANGS_AFTER: Duration = Duration::from_secs(120);

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
        let seed = seed();
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
    live: PathBuf,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let live = dir.path().join("live");
        fs::create_dir(&live).unwrap();
        Self { dir, live }
    }

    /// Around a folder that is there already, with what is in it.
    pub(crate) fn around(live: PathBuf) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), live }
    }

    /// The folder that writers write in, and in which what a cut leaves behind is laid out.
    pub(crate) fn live(&self) -> PathBuf {
        self.live.clone()
    }

    /// What was synced of it.
    pub(crate) fn shadow(&self) -> PathBuf {
        self.dir.path().join("shadow")
    }

    /// Runs a writer on the folder, with faults, until it ends or, some time after its first line, is killed. Gives
    /// the lines that it printed.
    pub(crate) fn write(&mut self, job: Job, faults: &[(&str, &str)], kill_after: Option<Duration>) -> Vec<String> {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["the_writer", "--exact", "--nocapture", "--test-threads=1"])
            .env("CUT_JOB", job.to_string())
            .envs(self.preload())
            .envs(faults.iter().copied())
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
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > HANGS_AFTER {
                drop(child.kill());
                panic!("the writer did not end: {:?}", reader.join().unwrap());
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let lines = reader.join().unwrap();
        assert!(kill_after.is_some() || status.success(), "the writer failed: {status}, {lines:?}");
        lines
    }

    /// An empty shadow, and the variables with which a program keeps it.
    pub(crate) fn preload(&self) -> Vec<(&'static str, OsString)> {
        drop(fs::remove_dir_all(self.shadow()));
        fs::create_dir(self.shadow()).unwrap();
        vec![
            ("CUT_ROOT", self.live().into()),
            ("CUT_SHADOW", self.shadow().into()),
            ("LD_PRELOAD", shim().as_os_str().to_owned()),
        ]
    }

    /// Lays out what the cut leaves behind, in place of what was there.
    pub(crate) fn lose_power(&mut self, cut: Cut, random: &mut Random) {
        let (live, shadow, next) = (self.live(), self.shadow(), self.dir.path().join("next"));
        let mut numbers = HashMap::new();
        for line in fs::read_to_string(shadow.join("inodes")).unwrap().lines() {
            let (number, inode) = line.split_once(' ').unwrap();
            numbers.insert(inode.parse().unwrap(), number.parse().unwrap());
        }
        Layout { shadow, numbers, laid: HashMap::new(), cut, random }.folder(&live, "", &next);
        fs::remove_dir_all(&live).unwrap();
        fs::rename(next, live).unwrap();
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

/// Lays out what is left of a disk.
struct Layout<'a> {
    shadow: PathBuf,
    /// The number of a live file, by its inode.
    numbers: HashMap<u64, u64>,
    /// Where a file lies already: it may have two names.
    laid: HashMap<u64, PathBuf>,
    cut: Cut,
    random: &'a mut Random,
}

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Folder,
    /// A file's number.
    File(u64),
}

impl Layout<'_> {
    /// One folder, `path` below the root ("" for the root itself).
    fn folder(&mut self, live: &Path, path: &str, target: &Path) {
        fs::create_dir(target).unwrap();
        let (synced, now) = (self.synced(path), self.now(live));
        for (name, stands_for) in self.left(synced, &now) {
            let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            let (target, is_live) = (target.join(&name), now.get(&name) == Some(&stands_for));
            let live = live.join(&name);
            match stands_for {
                Named::Folder => self.folder(&live, &below, &target),
                Named::File(number) if self.laid.contains_key(&number) => {
                    fs::hard_link(&self.laid[&number], &target).unwrap();
                }
                Named::File(number) => {
                    let safe = fs::read(self.shadow.join(format!("files/{number}"))).unwrap_or_default();
                    let left = match self.cut {
                        Cut::Torn if is_live => tear(safe, fs::read(&live).ok(), self.random),
                        Cut::Clean | Cut::Torn => safe,
                    };
                    fs::write(&target, left).unwrap();
                    // As a disk keeps it: programs refuse keys that others may read.
                    fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
                    self.laid.insert(number, target);
                }
            }
        }
    }

    /// The names that are left in a folder. A file that was renamed has one of its two names.
    fn left(&mut self, synced: BTreeMap<String, Named>, now: &BTreeMap<String, Named>) -> BTreeMap<String, Named> {
        if self.cut == Cut::Clean {
            return synced;
        }
        let mut left = BTreeMap::new();
        let names: BTreeSet<&String> = synced.keys().chain(now.keys()).collect();
        let gone_to = |was: &Named| now.iter().find(|(name, is)| was == *is && synced.get(*name) != Some(is));
        let came_from = |is: &Named| synced.iter().find(|(name, was)| is == *was && now.get(*name) != Some(was));
        for name in names {
            match (synced.get(name), now.get(name)) {
                (Some(was), Some(is)) if was == is => drop(left.insert(name.clone(), *is)),
                // Renamed, to this name or from it: as a whole or not at all, which is settled at the new name.
                (Some(was), None) if gone_to(was).is_some() => {}
                (was, Some(is)) if came_from(is).is_some() => {
                    let (old, _) = came_from(is).unwrap();
                    if self.random.coin() {
                        left.insert(name.clone(), *is);
                    } else {
                        left.insert(old.clone(), *is);
                        left.extend(was.map(|was| (name.clone(), *was)));
                    }
                }
                (was, is) => {
                    let kept = if self.random.coin() { is } else { was };
                    left.extend(kept.map(|kept| (name.clone(), *kept)));
                }
            }
        }
        left
    }

    /// A folder's names as of its last sync; one that was never synced has none that are safe.
    fn synced(&self, path: &str) -> BTreeMap<String, Named> {
        let list = if path.is_empty() { "%".to_owned() } else { path.replace('/', "%") };
        let list = fs::read_to_string(self.shadow.join("names").join(list)).unwrap_or_default();
        let read = |line: &str| match line.split_once(' ').unwrap() {
            ("d", name) => (name.to_owned(), Named::Folder),
            (_, rest) => {
                let (number, name) = rest.split_once(' ').unwrap();
                (name.to_owned(), Named::File(number.parse().unwrap()))
            }
        };
        list.lines().map(read).collect()
    }

    /// A folder's names as they were when power went.
    fn now(&self, live: &Path) -> BTreeMap<String, Named> {
        let mut now = BTreeMap::new();
        for entry in fs::read_dir(live).into_iter().flatten().flatten() {
            let (name, found) = (entry.file_name().into_string().unwrap(), fs::symlink_metadata(entry.path()).unwrap());
            let number = self.numbers.get(&found.ino()).filter(|_| found.is_file()).copied();
            let stands_for = if found.is_dir() { Some(Named::Folder) } else { number.map(Named::File) };
            now.extend(stands_for.map(|stands_for| (name, stands_for)));
        }
        now
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
