//! A file of places that are overwritten where they lie (protocol-spec/07-delivery, section 12: keys that are shredded).
//!
//! sled is a log: what a batch replaces or removes stays on the disk until its segment is used again. What has to be
//! *gone* stands here instead, in places of one size that do not cross a sector. The caller writes, calls
//! [`Slots::sync`], and only then rests something on it.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{OpenError, engine::folder, error::is_full, table::TableError};

/// Bytes of a place: four lie in a sector of 512.
pub const SLOT: usize = 128;
/// Most places that a file has: 8 MiB.
pub const SLOTS: u32 = 65_536;
/// So many are added at once.
const GROWTH: u32 = 64;

/// What a place holds.
pub type Slot = [u8; SLOT];

/// An open file of places. Whoever holds the folder's table holds it too; it never shrinks.
pub struct Slots {
    file: File,
    failed: AtomicBool,
}

impl Slots {
    /// Opens the file `slots` in `dir`, or makes an empty one there.
    ///
    /// # Errors
    /// What the operating system reports.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join("slots");
        let new = !path.exists();
        let file = folder::open_rw(&path)?;
        if new {
            file.sync_all()?;
            folder::sync_dir(dir)?;
        }
        Ok(Self { file, failed: AtomicBool::new(false) })
    }

    /// All whole places, in order. What a crash left of growing is none.
    ///
    /// # Errors
    /// [`TableError::Fatal`] where the file cannot be read.
    pub fn all(&self) -> Result<Vec<Slot>, TableError> {
        let count = self.count().map_err(|error| self.fault(&error))?;
        let mut slots = vec![[0; SLOT]; count as usize];
        for (number, slot) in (0..).zip(&mut slots) {
            self.file.read_exact_at(slot, place(number)).map_err(|error| self.fault(&error))?;
        }
        Ok(slots)
    }

    /// Adds empty places; the numbers of the new ones. Not durable before [`sync`](Self::sync).
    ///
    /// # Errors
    /// [`TableError::Full`] beyond [`SLOTS`], or where the disk has no room.
    pub fn grow(&self) -> Result<std::ops::Range<u32>, TableError> {
        let count = self.count().map_err(|error| self.fault(&error))?;
        let end = count.saturating_add(GROWTH).min(SLOTS);
        if end == count {
            return Err(TableError::Full);
        }
        for number in count..end {
            // Written, not only counted: a place must not meet a full disk when it is used.
            self.write(number, &[0; SLOT])?;
        }
        Ok(count..end)
    }

    /// Overwrites a place. Not durable before [`sync`](Self::sync).
    ///
    /// # Errors
    /// [`TableError::Full`], [`TableError::Fatal`].
    pub fn write(&self, number: u32, slot: &Slot) -> Result<(), TableError> {
        self.check()?;
        self.file.write_all_at(slot, place(number)).map_err(|error| match is_full(&error) {
            true => TableError::Full,
            false => self.fault(&error),
        })
    }

    /// Makes all that was written durable.
    ///
    /// # Errors
    /// [`TableError::Fatal`], also for all that follows: a sync that failed is never tried again.
    pub fn sync(&self) -> Result<(), TableError> {
        self.check()?;
        // [DELIV-170] [DELIV-03]
        self.file.sync_data().map_err(|error| self.fault(&error))
    }

    fn count(&self) -> io::Result<u32> {
        let whole = self.file.metadata()?.len() / SLOT as u64;
        Ok(u32::try_from(whole).unwrap_or(SLOTS).min(SLOTS))
    }

    /// Refuses once a write or sync has failed.
    ///
    /// # Errors
    /// [`TableError::Fatal`].
    pub fn check(&self) -> Result<(), TableError> {
        if self.failed.load(Ordering::Acquire) { Err(TableError::Fatal) } else { Ok(()) }
    }

    fn fault(&self, error: &io::Error) -> TableError {
        tracing::error!(%error, "the file of keys fails; nothing more is written to it");
        self.failed.store(true, Ordering::Release);
        TableError::Fatal
    }
}

fn place(number: u32) -> u64 {
    u64::from(number) * SLOT as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overwritten_is_gone_from_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let slots = Slots::open(dir.path()).unwrap();
        assert!(slots.all().unwrap().is_empty());
        assert_eq!(slots.grow().unwrap(), 0..64);
        slots.write(3, &[7; SLOT]).unwrap();
        slots.sync().unwrap();
        drop(slots);
        let slots = Slots::open(dir.path()).unwrap();
        let all = slots.all().unwrap();
        assert_eq!((all.len(), all[3], all[2]), (64, [7; SLOT], [0; SLOT]));
        slots.write(3, &[0; SLOT]).unwrap();
        slots.sync().unwrap();
        assert!(std::fs::read(dir.path().join("slots")).unwrap().iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_file_cut_short_has_the_whole_places_and_grows_to_its_bound() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("slots"), vec![1; 2 * SLOT + 5]).unwrap();
        let slots = Slots::open(dir.path()).unwrap();
        assert_eq!(slots.all().unwrap().len(), 2);
        while slots.grow().is_ok() {}
        assert_eq!(slots.all().unwrap().len(), SLOTS as usize);
        assert_eq!(slots.grow(), Err(TableError::Full));
    }
}
