//! The writer that is killed, and the check of what was acknowledged to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use amanat_primitives::{ConversationId, DeviceId, Digest, DocumentId, StatementId, Timestamp, UnitId};
use amanat_store::{
    blobs::{BlobLimits, Blobs, Opening},
    relay::{
        Body, Entry, Limits, OnPublished, Quota, Receipt, Redeemed, Redemption, SignReceipt, Store, StoreError, Unit,
    },
};
use amanat_wire::log::{RetentionClass, UnitKind, ciphertext_hash, running_hash};

/// Conversations that keep everything.
const KEPT: u8 = 4;
/// A conversation whose entries are read and swept all the time, so that sled moves and frees pages.
const CHURN: u8 = 9;
const TASKS: u32 = 24;
const SEGMENT: u32 = 64 * 1024;
const SEGMENTS: u64 = 12;

/// What a writer does.
#[derive(Clone, Copy)]
pub(crate) enum Job {
    /// Opens the store and says whether that worked.
    Open,
    /// Turns keys until it is stopped.
    Turn,
    /// Writes until it is stopped. The number sets its units apart from other writers'.
    Write(u32),
    /// Uploads documents until it is stopped.
    Documents(u32),
    /// Lives as a client until it is stopped.
    Client(u32),
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Turn => f.write_str("turn"),
            Self::Write(number) => write!(f, "{number}"),
            Self::Documents(number) => write!(f, "documents {number}"),
            Self::Client(number) => write!(f, "client {number}"),
        }
    }
}

/// Runs in the writer's process.
pub(crate) fn run(job: &str) {
    let root = PathBuf::from(std::env::var("CUT_ROOT").unwrap());
    let dir = root.join("store");
    // The test harness has begun a line of its own.
    std::io::stdout().lock().write_all(b"\n").unwrap();
    if job == "turn" {
        return crate::turner::run(&dir, say);
    }
    if job == "open" {
        match open(&dir) {
            Ok(store) => {
                say("open works");
                store.close();
            }
            Err(error) => say(&format!("open {error:?}")),
        }
        return;
    }
    if let Some(number) = job.strip_prefix("documents ") {
        return crate::documents::run(&dir, number.parse().unwrap(), say);
    }
    if let Some(number) = job.strip_prefix("client ") {
        return crate::client::run(&root, number.parse().unwrap(), say);
    }
    let number = job.parse().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(write(&dir, number));
}

/// One line to the parent, whole or not at all.
fn say(line: &str) {
    std::io::stdout().lock().write_all(format!("> {line} .\n").as_bytes()).unwrap();
}

fn open(dir: &Path) -> Result<Store, amanat_store::OpenError> {
    let sign: SignReceipt =
        Box::new(|input| Receipt { bytes: input.commit_hash.as_bytes().to_vec(), hash: input.commit_hash });
    let published: OnPublished = Box::new(drop);
    Store::open(dir, Limits { free_floor: 0, ..Limits::default() }, sign, published)
}

async fn write(dir: &Path, number: u32) {
    let store = Arc::new(open(dir).unwrap());
    let work = Arc::new(Work { store, number, stop: AtomicBool::new(false), commit: AtomicU64::new(1) });
    for c in (0..KEPT).chain([CHURN]) {
        // There already, unless this is the first writer.
        let mut create = work.unit(UnitKind::Create, c, u32::MAX, u64::from(c));
        create.roster_add = (0..TASKS).map(|task| device(task as u8)).collect();
        match work.store.append(create).await {
            Ok(_) | Err(StoreError::Exists) => {}
            Err(error) => return stopped(&work, error),
        }
    }
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let work = work.clone();
        tasks.push(tokio::spawn(async move { work.append_all(task).await }));
    }
    tasks.push(tokio::spawn({
        let work = work.clone();
        async move { work.claim_all().await }
    }));
    tasks.push(tokio::spawn({
        let work = work.clone();
        async move { work.sweep_all().await }
    }));
    let documents = std::thread::spawn({
        let (work, dir) = (work.clone(), dir.to_owned());
        move || work.upload_all(&dir)
    });
    let mut reason = None;
    for task in tasks {
        reason = reason.or(task.await.unwrap().err());
    }
    documents.join().unwrap();
    stopped(&work, reason.unwrap());
}

fn stopped(work: &Work, error: StoreError) {
    say(match error {
        StoreError::Full(Quota::Disk) => "stopped full",
        StoreError::Fatal => "stopped fatal",
        _ => panic!("{error:?}"),
    });
    say(&format!("health {:?}", work.store.health()));
    // Shut, it refuses everything, reading too: it may hold what is not on disk.
    assert_eq!(work.store.read(conversation(0), 0, 1, 1), Err(error));
}

struct Work {
    store: Arc<Store>,
    number: u32,
    stop: AtomicBool,
    /// The last commit that this writer knows of in conversation 0.
    commit: AtomicU64,
}

impl Work {
    fn unit(&self, kind: UnitKind, c: u8, task: u32, n: u64) -> Unit {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&self.number.to_be_bytes());
        id[4..8].copy_from_slice(&task.to_be_bytes());
        id[8..].copy_from_slice(&n.to_be_bytes());
        let id = UnitId::from_bytes(id);
        let first = if kind == UnitKind::Create { 0 } else { 1 };
        Unit {
            id,
            conversation: conversation(c),
            author: device(if kind == UnitKind::Create { 0 } else { task as u8 }),
            kind,
            class: RetentionClass::Month,
            seen_commit: first,
            accepted_commit: first,
            body: body(&id),
            roster_add: Vec::new(),
            roster_remove: Vec::new(),
            shared: None,
            direct: Vec::new(),
            now: Timestamp::from_millis(1_000),
        }
    }

    async fn append_all(&self, task: u32) -> Result<(), StoreError> {
        for n in 0.. {
            let c = if task % 6 == 5 { CHURN } else { task as u8 % KEPT };
            let is_commit = task == 0 && n % 4 == 0;
            let mut unit = self.unit(if is_commit { UnitKind::Commit } else { UnitKind::Message }, c, task, n);
            if c == 0 {
                let last = self.commit.load(Ordering::Acquire);
                (unit.seen_commit, unit.accepted_commit) = (last, if is_commit { last } else { 0 });
            }
            let id = unit.id;
            match self.store.append(unit).await {
                Ok(appended) => {
                    if is_commit {
                        self.commit.store(appended.position, Ordering::Release);
                    }
                    say(&format!("entry {c} {} {id}", appended.position));
                }
                Err(StoreError::Conflict { last_commit } | StoreError::StaleEpoch { last_commit }) => {
                    self.commit.store(last_commit, Ordering::Release);
                }
                Err(error) => {
                    self.stop.store(true, Ordering::Release);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// KeyPackages and grants.
    async fn claim_all(&self) -> Result<(), StoreError> {
        for n in 0_u64.. {
            let package = (u64::from(self.number) << 32 | n).to_be_bytes();
            self.store.put_key_packages(device(1), vec![package.to_vec()], None, 1000).await?;
            if n % 2 == 0 {
                let claimed = self.store.claim_key_package(device(1)).await?.unwrap();
                say(&format!("claim {}", u64::from_be_bytes(claimed.bytes.try_into().unwrap())));
            }
            let redeemed = self.store.redeem(redemption(self.number, n)).await?;
            assert_eq!(redeemed, Redeemed::New);
            say(&format!("grant {} {n}", self.number));
        }
        Ok(())
    }

    async fn sweep_all(&self) -> Result<(), StoreError> {
        loop {
            let head = self.store.read(conversation(CHURN), u64::MAX, 1, 1)?.head;
            for task in 0..TASKS {
                self.store.advance(device(task as u8), vec![(conversation(CHURN), head)], 0).await?;
            }
            let swept = self.store.sweep(Timestamp::from_millis(1_000), 500).await?;
            if swept.entries > 0 {
                say(&format!("swept {head}"));
            }
        }
    }

    fn upload_all(&self, dir: &Path) {
        let Ok(blobs) = Blobs::open(dir, BlobLimits { free_floor: 0, ..BlobLimits::default() }) else { return };
        for n in 0_u32..8 {
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            let document = document(self.number, n);
            let opening = Opening {
                document,
                conversation: conversation(0),
                author: device(0),
                segments: SEGMENTS,
                segment_len: SEGMENT,
                class: RetentionClass::Month,
                now: Timestamp::from_millis(1_000),
            };
            let upload = || {
                blobs.begin(&opening)?;
                for index in 0..SEGMENTS {
                    blobs.put(document, index, &segment(&document, index))?;
                }
                blobs.seal(document)
            };
            match upload() {
                Ok(()) => say(&format!("document {document}")),
                // A full disk or the failed sync: the others say so.
                Err(_) => return,
            }
        }
    }
}

fn conversation(n: u8) -> ConversationId {
    ConversationId::from_bytes([n; 16])
}

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 32])
}

fn document(number: u32, n: u32) -> DocumentId {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&n.wrapping_mul(2_654_435_761).to_be_bytes());
    id[4..8].copy_from_slice(&n.to_be_bytes());
    id[8..12].copy_from_slice(&number.to_be_bytes());
    DocumentId::from_bytes(id)
}

fn segment(document: &DocumentId, index: u64) -> Vec<u8> {
    let seed = u64::from_be_bytes(document.as_bytes()[..8].try_into().unwrap()) ^ index;
    (0..SEGMENT).map(|i| (u64::from(i).wrapping_mul(seed | 1) >> 5) as u8).collect()
}

/// A unit's body follows from its id: mostly as long as a message, sometimes in parts, sometimes in a file.
fn body(id: &UnitId) -> Vec<u8> {
    let hash = ciphertext_hash(id.as_bytes());
    let length = match hash.as_bytes()[0] {
        0..=1 => 70_000,
        2..=9 => 20_000,
        10..=59 => 4_200,
        other => 256 + usize::from(other) * 4,
    };
    hash.as_bytes().iter().copied().cycle().take(length).collect()
}

fn redemption(number: u32, n: u64) -> Redemption {
    let mut grant = [0; 32];
    grant[..4].copy_from_slice(&number.to_be_bytes());
    grant[4..12].copy_from_slice(&n.to_be_bytes());
    Redemption {
        grant: StatementId::from_bytes(grant),
        device: DeviceId::from_bytes(grant),
        certificate: Digest::from_bytes(grant),
        chain: grant.repeat(50),
        handle: format!("officer-{number}-{n}"),
        search: String::new(),
        now: Timestamp::from_millis(1_000),
    }
}

/// All that was ever acknowledged.
#[derive(Default)]
pub(crate) struct Truth {
    /// By conversation and position.
    entries: BTreeMap<(u8, u64), String>,
    claims: BTreeSet<u64>,
    grants: Vec<(u32, u64)>,
    documents: Vec<DocumentId>,
}

impl Truth {
    pub(crate) fn add(&mut self, lines: &[String]) {
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["entry", c, position, unit] => {
                    let before =
                        self.entries.insert((c.parse().unwrap(), position.parse().unwrap()), (*unit).to_owned());
                    assert_eq!(before, None, "a position was given twice");
                }
                ["claim", package] => assert!(self.claims.insert(package.parse().unwrap()), "claimed twice: {package}"),
                ["grant", number, n] => self.grants.push((number.parse().unwrap(), n.parse().unwrap())),
                ["document", id] => self.documents.push(id.parse().unwrap()),
                ["swept" | "stopped" | "health", _] => {}
                _ => panic!("not a line: {line}"),
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() + self.claims.len() + self.grants.len() + self.documents.len()
    }

    /// Opens the store and lists what is not there. What is there must be right.
    pub(crate) fn check(&self, dir: &Path, number: u32) -> Vec<String> {
        let store = match open(dir) {
            Ok(store) => store,
            Err(error) => return vec![format!("everything: {error:?}")],
        };
        let mut missing = Vec::new();
        let mut logs: BTreeMap<u8, (u64, BTreeMap<u64, Entry>)> = BTreeMap::new();
        for c in (0..KEPT).chain([CHURN]) {
            match log(&store, conversation(c)) {
                Ok(log) => drop(logs.insert(c, log)),
                Err(error) => missing.push(format!("log {c}: {error:?}")),
            }
        }
        for ((c, position), unit) in &self.entries {
            let Some((first_kept, log)) = logs.get(c) else { continue };
            match log.get(position) {
                Some(entry) => assert_eq!(entry.unit.to_string(), *unit, "another unit at {c}/{position}"),
                None if *c == CHURN && position < first_kept => {}
                None => missing.push(format!("entry {c}/{position}")),
            }
        }
        for (number, n) in &self.grants {
            match store.chain(redemption(*number, *n).device) {
                Ok(Some(chain)) => assert_eq!(chain, redemption(*number, *n).chain),
                other => missing.push(format!("grant {number}/{n}: {other:?}")),
            }
        }
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            // The next package is one that nobody was given.
            if let Ok(Some(claimed)) = store.claim_key_package(device(1)).await {
                let package = u64::from_be_bytes(claimed.bytes.try_into().unwrap());
                if self.claims.contains(&package) {
                    missing.push(format!("claim {package}"));
                }
            }
            // Asked again, a unit is where it was; and the store works.
            if let Some(((c, position), unit)) = self.entries.iter().next_back().filter(|_| missing.is_empty()) {
                let (_, log) = &logs[c];
                if let Some(entry) = log.get(position) {
                    let work = Work {
                        store: Arc::new(open_again(store, dir)),
                        number: number + 1_000_000,
                        stop: AtomicBool::new(false),
                        commit: AtomicU64::new(1),
                    };
                    let mut again = work.unit(UnitKind::Message, *c, 0, 0);
                    (again.id, again.author) = (unit.parse().unwrap(), entry.author);
                    assert_eq!(work.store.append(again).await.unwrap().position, *position);
                    let new = work.unit(UnitKind::Message, 1, 1, 0);
                    let appended = work.store.append(new).await.unwrap();
                    assert_eq!(appended.position, logs[&1].1.keys().next_back().unwrap() + 1);
                    work.store.close();
                    return;
                }
            }
            store.close();
        });
        let blobs = Blobs::open(dir, BlobLimits::default()).unwrap();
        for document in &self.documents {
            for index in 0..SEGMENTS {
                match blobs.get(*document, index) {
                    Ok(bytes) => assert!(bytes == segment(document, index), "wrong bytes in document {document}"),
                    Err(error) => missing.push(format!("document {document}/{index}: {error:?}")),
                }
            }
        }
        missing
    }
}

/// A clean restart on top of the cut.
fn open_again(store: Store, dir: &Path) -> Store {
    store.close();
    open(dir).unwrap()
}

/// All that is kept of a log, with its running hash checked.
fn log(store: &Store, conversation: ConversationId) -> Result<(u64, BTreeMap<u64, Entry>), StoreError> {
    let mut entries = BTreeMap::new();
    let mut after = 0;
    let mut running = None;
    loop {
        let page = match store.read(conversation, after, 500, 1 << 22) {
            Ok(page) => page,
            Err(StoreError::UnknownConversation) => return Ok((1, entries)),
            Err(error) => return Err(error),
        };
        let mut previous = running.unwrap_or(page.running_before);
        assert_eq!(previous, page.running_before);
        for entry in page.entries {
            let Body::Kept(bytes) = &entry.body else { panic!("nothing expires here") };
            assert!(*bytes == body(&entry.unit), "wrong bytes at {}", entry.position);
            let receipt = entry.receipt.as_deref().unwrap_or_default();
            previous = running_hash(&previous, entry.kind, &ciphertext_hash(bytes), receipt);
            assert_eq!(entry.running, previous);
            after = entry.position;
            entries.insert(entry.position, entry);
        }
        running = Some(previous);
        if after >= page.head || page.first_kept > page.head {
            return Ok((page.first_kept, entries));
        }
    }
}
