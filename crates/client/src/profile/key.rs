//! The file of a vault's key (protocol-spec/07-delivery, section 12): made once, read at each start, and sealed anew when
//! the passphrase changes.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use amanat_primitives::{
    Label, Secret,
    passphrase::{self, WorkPolicy},
};
use rand_core::{CryptoRngCore, OsRng, RngCore as _};

use crate::{Failure, FailureCode, failure};

/// A key file has some 150 bytes.
const MAX: u64 = 4096;
/// How the name of one begins that is not in force yet.
const PART: &str = "key.part";

/// Where a vault's key lies, and what a passphrase costs there. Clones are of one file.
#[derive(Clone)]
pub(crate) struct KeyFile {
    dir: PathBuf,
    work: WorkPolicy,
    /// Changes go one by one.
    turn: Arc<Mutex<()>>,
}

impl KeyFile {
    /// In a profile's folder.
    pub(super) fn new(dir: &Path, work: &WorkPolicy) -> Self {
        Self { dir: dir.to_owned(), work: *work, turn: Arc::default() }
    }

    /// The profile's folder.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Removes what [`make`] or a change has left that was cut short: nobody was told that its passphrase counts. To be
    /// called by whoever holds the vault. [DELIV-231]
    pub(super) fn clean(&self) {
        let names = fs::read_dir(&self.dir).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let parts: Vec<_> = names.filter(|name| name.to_str().is_some_and(|name| name.starts_with(PART))).collect();
        for part in parts {
            if let Err(error) = self.discard(&self.dir.join(part)) {
                tracing::warn!(%error, "what a change of the passphrase has left cannot be removed");
            }
        }
    }

    /// Removes a part file. Its bytes are overwritten only where no other name has them: those that [`make`] has written
    /// are the key's own, by two names for a moment.
    fn discard(&self, part: &Path) -> io::Result<()> {
        // By a name that nobody else knows, so that no change of a client that is just ending makes it the key meanwhile.
        let taken = self.part();
        fs::rename(part, &taken)?;
        let (own, key) = (fs::symlink_metadata(&taken)?, fs::metadata(path(&self.dir))?);
        let is_key = (own.dev(), own.ino()) == (key.dev(), key.ino());
        if own.is_file() && own.nlink() == 1 && !is_key {
            overwrite(&mut fs::OpenOptions::new().write(true).open(&taken)?)?;
        }
        remove(&taken)
    }

    /// A name for what is not in force yet.
    fn part(&self) -> PathBuf {
        self.dir.join(format!("{PART}.{:016x}", OsRng.next_u64()))
    }

    /// Seals the key under another passphrase: a new file takes the place of the old one at once, whose bytes are
    /// overwritten once that is durable. Blocks for about a second. [DELIV-231]
    ///
    /// # Errors
    /// The old passphrase is wrong, or the new one empty: [`FailureCode::Passphrase`]. The folder cannot be written: then
    /// the old one counts. The folder cannot be made durable: then the new one counts, the old one may again after a power
    /// cut, and the old file's bytes stay on the disk.
    pub(crate) fn change(&self, old: &str, new: &str) -> Result<(), Failure> {
        self.change_by(old, new, sync)
    }

    fn change_by(&self, old: &str, new: &str, sync: impl Fn(&Path) -> io::Result<()>) -> Result<(), Failure> {
        if new.is_empty() {
            return Err(Failure::new(
                FailureCode::Passphrase,
                "the new passphrase is empty",
                "four or more words that belong together only for you are easy to remember and hard to guess",
            ));
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let key = read(&self.dir, old, &self.work)?;
        let boxed = seal(&key, new, &self.work, &mut OsRng)?;
        let (path, part) = (path(&self.dir), self.part());
        let put = || -> io::Result<fs::File> {
            // Opened while it has its name: that is taken away from it.
            let before = fs::OpenOptions::new().write(true).open(&path)?;
            write(&part, &boxed)?;
            fs::rename(&part, &path)?;
            Ok(before)
        };
        let mut before = put().map_err(|error| {
            // It is not in force, and is removed at the latest when the profile is next opened.
            let _ = fs::remove_file(&part);
            failure::file("write", &path, &error)
        })?;
        // Until then a power cut may bring the old file back, which must still open.
        sync(&self.dir).map_err(|error| unsettled(&path, &error))?;
        // The new one counts, whatever comes of this: a copy of the old one would open as much.
        if let Err(error) = overwrite(&mut before) {
            tracing::warn!(%error, "the file under the old passphrase could not be overwritten");
        }
        Ok(())
    }
}

/// Where the key lies.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("key")
}

/// The key, by its passphrase.
pub(super) fn read(dir: &Path, passphrase: &str, work: &WorkPolicy) -> Result<Secret<32>, Failure> {
    let path = path(dir);
    let size = fs::metadata(&path).map_err(|e| failure::file("read", &path, &e))?.len();
    let bytes = if size <= MAX { fs::read(&path).map_err(|e| failure::file("read", &path, &e))? } else { Vec::new() };
    let key =
        passphrase::unlock(Label::VAULT_HEADER, passphrase.as_bytes(), work, &bytes).map_err(failure::from_unlock)?;
    Secret::from_slice(&key).ok_or_else(failure::damaged)
}

/// Makes the key durable that an interrupted [`make`] has left: nothing may be sealed under one that a power cut takes.
pub(super) fn settle(dir: &Path) -> Result<(), Failure> {
    sync(dir).map_err(|error| failure::file("write", dir, &error))
}

/// Makes the vault's key. The file appears whole or not at all, and is never written over.
pub(super) fn make(
    dir: &Path,
    passphrase: &str,
    work: &WorkPolicy,
    random: &mut dyn CryptoRngCore,
) -> Result<Secret<32>, Failure> {
    let key = Secret::<32>::random(random);
    let boxed = seal(&key, passphrase, work, random)?;
    let (path, part) = (path(dir), dir.join(PART));
    let put = || -> io::Result<()> {
        // What an interrupted run left; and `create_new` follows no link that somebody put there.
        remove(&part)?;
        write(&part, &boxed)?;
        // Fails where another run was quicker: its key is never written over.
        fs::hard_link(&part, &path)?;
        remove(&part)?;
        sync(dir)
    };
    put().map_err(|error| failure::file("write", &path, &error))?;
    Ok(key)
}

/// The new passphrase counts, though a power cut may undo that.
fn unsettled(path: &Path, error: &io::Error) -> Failure {
    let cause = failure::file("sync the folder of", path, error);
    Failure::new(
        cause.code,
        format!("the new passphrase counts now, but may not survive a power cut: {}", cause.failed),
        "use the new passphrase, keep the old one in mind, and change it once more when the disk is sound again",
    )
}

fn seal(
    key: &Secret<32>,
    passphrase: &str,
    work: &WorkPolicy,
    random: &mut dyn CryptoRngCore,
) -> Result<Vec<u8>, Failure> {
    let (passphrase, key) = (passphrase.as_bytes(), key.expose_secret());
    passphrase::lock(Label::VAULT_HEADER, passphrase, work, key, random).map_err(failure::from_unlock)
}

/// Writes a file that was not there, durably.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

/// Removes a name, if it is there.
fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
}

/// Zeros in place of what a file holds.
fn overwrite(file: &mut fs::File) -> io::Result<()> {
    let size = usize::try_from(file.metadata()?.len().min(MAX)).unwrap_or_default();
    file.write_all(&vec![0; size])?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
