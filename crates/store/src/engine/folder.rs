//! A store's folder (protocol-spec/07-delivery, section 10): lock, format marker, watermark, and the syncing of folders.
//!
//! ```text
//! lock         held for as long as the store is open
//! format       what the folder holds; written last when it is made
//! watermark    number of the last batch known to be synced
//! missing      there where rows were found missing: the next opening looks first
//! db conf blobs snap.*      sled's
//! ```

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::{
    Damage, OpenError,
    layout::{Reader, Writer},
};

/// What a folder holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Format {
    /// One word.
    pub(crate) kind: &'static str,
    /// From 1.
    pub(crate) version: u32,
}

/// An open folder. Dropping it releases the lock.
pub(crate) struct Folder {
    dir: PathBuf,
    watermark: File,
    _lock: Lock,
}

/// A folder held against every other process, until this is dropped.
pub(crate) struct Lock(File);

impl Lock {
    /// Takes the lock file at `path`, making it if needed.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        let file = open_rw(path)?;
        // [DELIV-05]
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse,
            TryLockError::Error(error) => error.into(),
        })?;
        Ok(Self(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child process that is being started has it too until its `exec`.
        let _ = self.0.unlock();
    }
}

/// Names that a store's folder may contain; anything else in a folder without a marker means that it is somebody else's.
const OWN: [&str; 11] =
    ["lock", "format", "format.new", "watermark", "missing", "db", "conf", "blobs", "bodies", "documents", "slots"];

impl Folder {
    /// Takes the lock and reads the marker. Says which format it has; none where the store has yet to be made.
    pub(crate) fn open(dir: &Path, format: Format, create: bool) -> Result<(Self, Option<u32>), OpenError> {
        if !dir.is_dir() {
            if !create {
                return Err(OpenError::Missing);
            }
            create_dir(dir)?;
        }
        let marked = read_marker(dir, format)?;
        if marked.is_none() {
            check_own(dir)?;
            if !create && !dir.join("db").exists() {
                return Err(OpenError::Missing);
            }
        }
        let lock = Lock::take(&dir.join("lock"))?;
        // Read again: the process that held the lock may have just finished making the store.
        let marked = read_marker(dir, format)?;
        let watermark = open_rw(&dir.join("watermark"))?;
        let folder = Self { dir: dir.to_owned(), watermark, _lock: lock };
        if marked.is_none() && folder.watermark() > 0 {
            // Batches were acknowledged here, so the marker was there and is lost.
            return Err(OpenError::Damaged(Damage::Marker));
        }
        Ok((folder, marked))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// sled's one database file: what has to be synced.
    pub(crate) fn database(&self) -> PathBuf {
        self.dir.join("db")
    }

    /// Writes the marker, once everything else of a new store is durable: without it, the store does not exist. And where
    /// a store of an older format was opened: from now on it is of the newer one, which an older program leaves alone.
    pub(crate) fn write_marker(&self, format: Format) -> io::Result<()> {
        let text = marker(format.kind, format.version);
        let path = self.dir.join("format.new");
        let mut file = open_rw(&path)?;
        file.set_len(0)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        self.watermark.sync_all()?;
        fs::rename(&path, self.dir.join("format"))?;
        sync_dir(&self.dir)
    }

    /// Number of a batch that was synced. A power cut may take this note back to an earlier number, never beyond the
    /// truth: it is written after the sync, and not synced itself.
    pub(crate) fn watermark(&self) -> u64 {
        let mut bytes = [0; 12];
        if self.watermark.read_exact_at(&mut bytes, 0).is_err() {
            return 0;
        }
        let mut reader = Reader::new(&bytes);
        match (reader.u64(), reader.u32()) {
            (Ok(number), Ok(crc)) if crc == crc32fast::hash(&number.to_be_bytes()) => number,
            _ => 0,
        }
    }

    /// Notes that batch `number` is synced.
    pub(crate) fn set_watermark(&self, number: u64) -> io::Result<()> {
        let crc = crc32fast::hash(&number.to_be_bytes());
        self.watermark.write_all_at(&Writer::default().u64(number).u32(crc).finish(), 0)
    }

    /// Makes the note durable: at the end.
    pub(crate) fn sync_watermark(&self) -> io::Result<()> {
        self.watermark.sync_all()
    }

    /// Whether rows were found missing in an earlier run.
    pub(crate) fn lacks_rows(&self) -> bool {
        self.missing().exists()
    }

    fn missing(&self) -> PathBuf {
        self.dir.join("missing")
    }

    /// Notes durably that rows are missing, or that none are.
    pub(crate) fn note_rows_missing(&self, missing: bool) -> io::Result<()> {
        if missing == self.lacks_rows() {
            return Ok(());
        }
        match missing {
            true => open_rw(&self.missing())?.sync_all()?,
            false => fs::remove_file(self.missing())?,
        }
        sync_dir(&self.dir)
    }

    /// Free bytes for this process on the folder's file system.
    pub(crate) fn free_bytes(&self) -> io::Result<u64> {
        free_bytes(&self.dir)
    }
}

/// Free bytes for this process on the file system of `path`.
pub(crate) fn free_bytes(path: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Makes `dir` and what is missing above it, readable by its owner alone, and all of that durable.
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    let absolute = std::path::absolute(dir)?;
    let missing: Vec<&Path> = absolute.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(&absolute)?;
    for new in missing.into_iter().rev() {
        if let Some(parent) = new.parent() {
            sync_dir(parent)?;
        }
    }
    Ok(())
}

/// Makes what was created, renamed or removed in a folder durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Opens a file for reading and writing, making it if needed, readable by its owner alone.
pub(crate) fn open_rw(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn marker(kind: &str, version: u32) -> String {
    let text = format!("amanat-store {kind} {version}");
    let crc = crc32fast::hash(text.as_bytes());
    format!("{text} {crc:08x}\n")
}

/// The version that the marker says, if it is there; never a newer one than `format`'s.
fn read_marker(dir: &Path, format: Format) -> Result<Option<u32>, OpenError> {
    let mut text = String::new();
    match File::open(dir.join("format")) {
        Ok(file) => file.take(256).read_to_string(&mut text).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => OpenError::Damaged(Damage::Marker),
            _ => error.into(),
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let [name, kind, version, _crc] = words.as_slice() else { return Err(OpenError::Damaged(Damage::Marker)) };
    let found: u32 = version.parse().map_err(|_| OpenError::Damaged(Damage::Marker))?;
    if *name != "amanat-store" || text != marker(kind, found) {
        return Err(OpenError::Damaged(Damage::Marker));
    }
    if *kind != format.kind {
        return Err(OpenError::Foreign);
    }
    if found > format.version {
        return Err(OpenError::Newer { found, known: format.version });
    }
    Ok(Some(found))
}

fn check_own(dir: &Path) -> Result<(), OpenError> {
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let own = name.to_str().is_some_and(|name| OWN.contains(&name) || name.starts_with("snap."));
        if !own {
            return Err(OpenError::Foreign);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_released_though_a_child_in_the_making_still_has_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let lock = Lock::take(&path).unwrap();
        let inherited = lock.0.try_clone().unwrap();
        assert!(matches!(Lock::take(&path), Err(OpenError::InUse)));
        drop(lock);
        drop(Lock::take(&path).unwrap());
        drop(inherited);
    }
}
