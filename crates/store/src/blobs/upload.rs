//! An upload that is under way (protocol-spec/07-delivery, section 10): which segments of it are there, and which of them are
//! synced and counted.

use std::{fs::File, io};

use super::files::{self, Paths};
use crate::engine::folder;

/// What has come of a document.
pub(super) struct Upload {
    /// A bit for each segment that is there, synced or not.
    pub(super) present: Vec<u64>,
    /// How many of them.
    pub(super) count: u64,
    /// Segments synced from 0 without gaps.
    pub(super) prefix: u64,
    /// Segments not synced yet, with their checksums.
    pub(super) pending: Vec<(u64, u32)>,
    pub(super) data: File,
    pub(super) index: File,
}

impl Upload {
    /// The index counts what lies in the part file: so that one is durable by its name before anything is counted, and
    /// where it is not there, nothing is held. [DELIV-20]
    pub(super) fn open(paths: &Paths, segments: u64) -> io::Result<Self> {
        let index = folder::open_rw(&paths.index())?;
        let new = !paths.part().exists();
        if new {
            // Whatever the index counts has gone with its file.
            files::clear_checksums(&index, segments)?;
        }
        let data = folder::open_rw(&paths.part())?;
        if new {
            folder::sync_dir(&paths.dir)?;
        }
        let words = usize::try_from(segments.div_ceil(64)).unwrap_or(0);
        let index_again = index.try_clone()?;
        let mut upload = Self { present: vec![0; words], count: 0, prefix: 0, pending: Vec::new(), data, index };
        files::read_checksums(&index_again, segments, |number| upload.note(number))?;
        upload.move_prefix();
        Ok(upload)
    }

    pub(super) fn holds(&self, index: u64) -> bool {
        let word = usize::try_from(index / 64).ok().and_then(|word| self.present.get(word));
        word.is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    pub(super) fn note(&mut self, index: u64) {
        if let Some(word) = usize::try_from(index / 64).ok().and_then(|word| self.present.get_mut(word))
            && *word & (1 << (index % 64)) == 0
        {
            *word |= 1 << (index % 64);
            self.count += 1;
        }
    }

    /// Syncs the segments, then counts them in the index, and syncs that. [DELIV-20]
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.data.sync_all()?;
        for (number, crc) in &self.pending {
            files::write_checksum(&self.index, *number, *crc)?;
        }
        self.index.sync_all()?;
        self.pending.clear();
        self.move_prefix();
        Ok(())
    }

    fn move_prefix(&mut self) {
        while self.holds(self.prefix) {
            self.prefix += 1;
        }
    }
}
