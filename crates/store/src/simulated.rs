//! What a simulation does to this crate (protocol-spec/07-delivery, section 10): everything happens on its one thread, in
//! its turn, so that a run can be repeated; and each machine has a disk that can be full, or be taken away.
//!
//! A thread that has [`enter`]ed a simulation gets stores that write within the call, and no threads for what blocks
//! ([`blocking`](crate::blocking)). It is compiled for tests alone.

use std::{
    cell::RefCell,
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

type Disks = Vec<(PathBuf, Arc<Disk>)>;

thread_local! {
    static HERE: RefCell<Option<Disks>> = const { RefCell::new(None) };
}

/// The simulation that this thread is in; it leaves when this is dropped.
pub struct Entered(PhantomData<*const ()>);

/// Enters a simulation. Stores that are opened on this thread from here on belong to it.
#[must_use]
pub fn enter() -> Entered {
    HERE.with_borrow_mut(|disks| *disks = Some(Disks::new()));
    Entered(PhantomData)
}

impl Drop for Entered {
    fn drop(&mut self) {
        HERE.with_borrow_mut(|disks| *disks = None);
    }
}

/// Whether this thread is in a simulation.
#[must_use]
pub fn here() -> bool {
    HERE.with_borrow(Option::is_some)
}

/// A machine's disk.
#[derive(Debug, Default)]
pub struct Disk {
    full: AtomicBool,
    lost: AtomicBool,
    batches: AtomicU64,
}

impl Disk {
    /// Puts a new disk under `dir`: stores below it that are opened from here on are on it.
    #[must_use]
    pub fn under(dir: &Path) -> Arc<Self> {
        let disk = Arc::new(Self::default());
        HERE.with_borrow_mut(|disks| {
            if let Some(disks) = disks {
                disks.retain(|(other, _)| other != dir);
                disks.push((dir.to_owned(), Arc::clone(&disk)));
            }
        });
        disk
    }

    /// The disk on which `dir` is.
    pub(crate) fn of(dir: &Path) -> Option<Arc<Self>> {
        HERE.with_borrow(|disks| {
            let disks = disks.as_ref()?;
            disks.iter().find(|(root, _)| dir.starts_with(root)).map(|(_, disk)| Arc::clone(disk))
        })
    }

    /// It is nearly full, or has room again.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    /// The machine stops at this moment: no batch of its stores is made durable any more.
    pub fn lose(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    /// Batches made durable so far.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Whether it is nearly full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    pub(crate) fn note_batch(&self) {
        self.batches.fetch_add(1, Ordering::Relaxed);
    }
}
