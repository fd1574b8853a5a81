//! The file of a vault's key (protocol-spec/07-delivery, section 12): made once, read at each start, and sealed anew when
//! the passphrase changes.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use amanat_primitives::{
    Label, Secret,
    passphrase::{self, WorkPolicy},
};
use rand_core::{OsRng, RngCore as _};

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

    /// Removes what a change has left that was cut short: nobody was told that its passphrase counts. To be called by
    /// whoever holds the vault.
    pub(super) fn clean(&self) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let is_part = entry.file_name().to_str().is_some_and(|name| name.starts_with(PART));
            if is_part && let Err(error) = overwritten(&entry.path()).and_then(|()| fs::remove_file(entry.path())) {
                tracing::warn!(%error, "what a change of the passphrase has left cannot be removed");
            }
        }
    }

    /// Seals the key under another passphrase: a new file takes the place of the old one at once, whose bytes are then
    /// overwritten. Blocks for about a second. [DELIV-231]
    ///
    /// # Errors
    /// The old passphrase is wrong, or the new one empty: [`FailureCode::Passphrase`]. The folder cannot be written: then
    /// the old one counts.
    pub(crate) fn change(&self, old: &str, new: &str) -> Result<(), Failure> {
        if new.is_empty() {
            return Err(Failure::new(
                FailureCode::Passphrase,
                "the new passphrase is empty",
                "four or more words that belong together only for you are easy to remember and hard to guess",
            ));
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let key = read(&self.dir, old, &self.work)?;
        let boxed = seal(&key, new, &self.work)?;
        let (path, part) = (path(&self.dir), self.dir.join(format!("{PART}.{:016x}", OsRng.next_u64())));
        let put = || -> io::Result<fs::File> {
            // Opened while it has its name: that is taken away from it.
            let before = fs::OpenOptions::new().write(true).open(&path)?;
            write(&part, &boxed)?;
            fs::rename(&part, &path)?;
            sync(&self.dir)?;
            Ok(before)
        };
        let mut before = put().map_err(|error| {
            // It is not in force, and is removed at the latest when the profile is next opened.
            let _ = fs::remove_file(&part);
            failure::file("write", &path, &error)
        })?;
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

/// Makes the vault's key. The file appears whole or not at all, and is never written over.
pub(super) fn make(dir: &Path, passphrase: &str, work: &WorkPolicy) -> Result<Secret<32>, Failure> {
    let key = Secret::<32>::random(&mut OsRng);
    let boxed = seal(&key, passphrase, work)?;
    let (path, part) = (path(dir), dir.join(PART));
    let put = || -> io::Result<()> {
        // What an interrupted run left; and `create_new` follows no link that somebody put there.
        fs::remove_file(&part).or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
        write(&part, &boxed)?;
        // Fails where another run was quicker: its key is never written over.
        fs::hard_link(&part, &path)?;
        fs::remove_file(&part)?;
        sync(dir)
    };
    put().map_err(|error| failure::file("write", &path, &error))?;
    Ok(key)
}

fn seal(key: &Secret<32>, passphrase: &str, work: &WorkPolicy) -> Result<Vec<u8>, Failure> {
    let (passphrase, key) = (passphrase.as_bytes(), key.expose_secret());
    passphrase::lock(Label::VAULT_HEADER, passphrase, work, key, &mut OsRng).map_err(failure::from_unlock)
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

fn overwritten(path: &Path) -> io::Result<()> {
    overwrite(&mut fs::OpenOptions::new().write(true).open(path)?)
}

/// Zeros in place of what a file holds.
fn overwrite(file: &mut fs::File) -> io::Result<()> {
    let size = usize::try_from(file.metadata()?.len().min(MAX)).unwrap_or_default();
    file.write_all(&vec![0; size])?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
