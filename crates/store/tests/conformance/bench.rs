//! What the suites share: a store in a folder of its own, and people who append to it.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use amanat_primitives::{ConversationId, DeviceId, Digest, Label, Timestamp, UnitId, hash};
use amanat_store::{
    OpenError,
    relay::{
        Appended, DirectKind, DirectPart, Limits, NewsPage, OnPublished, Published, Receipt, ReceiptInput, SignReceipt,
        Store, StoreError, Unit,
    },
};
use amanat_wire::log::{RetentionClass, UnitKind};

/// How an engine under test is opened.
pub(crate) type Open = fn(&Path, Limits, SignReceipt, OnPublished) -> Result<Store, OpenError>;

pub(crate) fn open_sled(
    dir: &Path,
    limits: Limits,
    sign: SignReceipt,
    published: OnPublished,
) -> Result<Store, OpenError> {
    Store::open(dir, limits, sign, published)
}

pub(crate) const DAY: u64 = 24 * 3600 * 1000;
pub(crate) const START: Timestamp = Timestamp::from_millis(1_000_000);
pub(crate) const PAGE: NewsPage =
    NewsPage { after: None, logs: 100, direct_after: 0, direct: 100, direct_bytes: 1 << 20 };

pub(crate) fn limits() -> Limits {
    Limits { free_floor: 0, ..Limits::default() }
}

pub(crate) fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 32])
}

pub(crate) fn conversation(n: u8) -> ConversationId {
    ConversationId::from_bytes([n; 16])
}

/// A receipt that can be read back, with a hash like the relay's.
pub(crate) fn receipt(input: &ReceiptInput) -> Receipt {
    let mut bytes = input.position.to_be_bytes().to_vec();
    bytes.extend_from_slice(input.conversation.as_bytes());
    bytes.extend_from_slice(input.commit_hash.as_bytes());
    bytes.extend_from_slice(input.roster.as_bytes());
    bytes.extend_from_slice(&input.status_number.to_be_bytes());
    bytes.extend_from_slice(input.previous_receipt_hash.as_bytes());
    let hash = hash::digest(Label::COMMIT_RECEIPT_ID, &[&bytes]);
    Receipt { bytes, hash }
}

pub(crate) struct Bench {
    open: Open,
    limits: Limits,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) published: Arc<Mutex<Vec<Published>>>,
    pub(crate) store: Arc<Store>,
    pub(crate) now: Timestamp,
    units: u64,
}

impl Bench {
    pub(crate) fn new(open: Open) -> Self {
        Self::with(open, limits())
    }

    pub(crate) fn with(open: Open, limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let published = Arc::new(Mutex::new(Vec::new()));
        let store = Arc::new(start(open, limits, dir.path(), &published).unwrap());
        Self { open, limits, dir, published, store, now: START, units: 0 }
    }

    pub(crate) fn reopen(&mut self) {
        self.store.close();
        self.store = Arc::new(self.try_open().unwrap());
    }

    pub(crate) fn reopen_with(&mut self, limits: Limits) {
        self.limits = limits;
        self.reopen();
    }

    pub(crate) fn try_open(&self) -> Result<Store, OpenError> {
        start(self.open, self.limits, self.dir.path(), &self.published)
    }

    pub(crate) fn unit(&mut self, kind: UnitKind, to: u8, author: u8, body: &[u8]) -> Unit {
        self.units += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.units.to_be_bytes());
        Unit {
            id: UnitId::from_bytes(id),
            conversation: conversation(to),
            author: device(author),
            kind,
            class: RetentionClass::Month,
            seen_commit: 0,
            accepted_commit: 0,
            body: body.to_vec(),
            roster_add: Vec::new(),
            roster_remove: Vec::new(),
            shared: None,
            direct: Vec::new(),
            now: self.now,
        }
    }

    pub(crate) fn create_unit(&mut self, to: u8, members: &[u8]) -> Unit {
        let mut unit = self.unit(UnitKind::Create, to, members[0], b"create");
        unit.roster_add = members[1..].iter().map(|n| device(*n)).collect();
        unit
    }

    pub(crate) async fn create(&mut self, to: u8, members: &[u8]) -> Appended {
        let unit = self.create_unit(to, members);
        self.store.append(unit).await.unwrap()
    }

    pub(crate) async fn say(&mut self, to: u8, author: u8, seen: u64, body: &[u8]) -> Result<Appended, StoreError> {
        let mut unit = self.unit(UnitKind::Message, to, author, body);
        unit.seen_commit = seen;
        self.store.append(unit).await
    }

    pub(crate) fn commit_unit(&mut self, to: u8, author: u8, at: (u64, u64), add: &[u8], remove: &[u8]) -> Unit {
        let mut unit = self.unit(UnitKind::Commit, to, author, b"commit");
        (unit.seen_commit, unit.accepted_commit) = at;
        unit.roster_add = add.iter().map(|n| device(*n)).collect();
        unit.roster_remove = remove.iter().map(|n| device(*n)).collect();
        unit
    }

    pub(crate) async fn commit(
        &mut self,
        to: u8,
        author: u8,
        at: (u64, u64),
        add: &[u8],
        remove: &[u8],
    ) -> Result<Appended, StoreError> {
        let unit = self.commit_unit(to, author, at, add, remove);
        self.store.append(unit).await
    }

    /// A device has everything up to a position.
    pub(crate) async fn pass(&self, who: u8, of: u8, position: u64) {
        self.store.advance(device(who), vec![(conversation(of), position)], 0).await.unwrap();
        self.store.flush().await.unwrap();
    }

    pub(crate) fn members(&self, of: u8) -> Vec<u8> {
        numbers(&self.store.roster(conversation(of)).unwrap().unwrap().members)
    }

    pub(crate) fn readers(&self, of: u8) -> Vec<u8> {
        numbers(&self.store.roster(conversation(of)).unwrap().unwrap().readers)
    }

    /// Everything that is kept of a log, checked against its running hash.
    pub(crate) fn log(&self, of: u8) -> Vec<amanat_store::relay::Entry> {
        use amanat_store::relay::Body;
        use amanat_wire::log::{ciphertext_hash, running_hash};
        let read = self.store.read(conversation(of), 0, 10_000, usize::MAX).unwrap();
        let mut running: Digest = read.running_before;
        for (position, entry) in (read.first_kept..).zip(&read.entries) {
            assert_eq!(entry.position, position);
            let hash = match &entry.body {
                Body::Kept(body) => ciphertext_hash(body),
                Body::Expired(hash) => *hash,
            };
            let receipt = entry.receipt.as_deref().unwrap_or_default();
            running = running_hash(&running, entry.kind, &hash, receipt);
            assert_eq!(entry.running, running);
        }
        assert_eq!(read.first_kept + read.entries.len() as u64, read.head + 1);
        read.entries
    }
}

fn start(open: Open, limits: Limits, dir: &Path, published: &Arc<Mutex<Vec<Published>>>) -> Result<Store, OpenError> {
    let published = published.clone();
    let note = move |item| published.lock().unwrap().push(item);
    open(dir, limits, Box::new(receipt), Box::new(note))
}

pub(crate) fn numbers(devices: &[DeviceId]) -> Vec<u8> {
    devices.iter().map(|device| device.as_bytes()[0]).collect()
}

pub(crate) fn part(to: u8, body: &[u8], with_shared: bool) -> DirectPart {
    DirectPart { device: device(to), kind: DirectKind(1), body: body.to_vec(), with_shared }
}
