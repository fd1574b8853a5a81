//! Large and shared bodies (protocol-spec/07-delivery, section 10): kept once under their hash, and counted.
//!
//! A body above 60 KiB is a file `bodies/<hash>`, synced (its folder too) before the batch that refers to it. A file
//! is removed after the batch that drops the last reference; what a crash leaves over is collected at the next opening.

use std::{
    collections::HashSet,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use amanat_primitives::{Digest, Label, hash};

use super::{keys, record::Counted};
use crate::{
    OpenError,
    engine::{Engine, folder, tx::Tx},
    error::{Fault, is_full},
};

/// Bytes up to which a body stands in the database.
pub(crate) const INLINE: usize = 60 * 1024;

/// The writer's hold on the folder `bodies`.
pub(crate) struct Bodies {
    dir: PathBuf,
    /// Files were made that the folder does not durably name yet.
    unsynced: bool,
    /// Files whose last reference the current batch drops.
    doomed: HashSet<Digest>,
}

impl Bodies {
    /// Opens the folder and removes files that nothing refers to.
    pub(crate) fn open(store: &Path, engine: &Engine) -> Result<Self, OpenError> {
        let dir = store.join("bodies");
        if !dir.is_dir() {
            folder::create_dir(&dir)?;
        }
        for entry in fs::read_dir(&dir)? {
            let name = entry?.file_name();
            let hash = name.to_str().and_then(|name| name.parse::<Digest>().ok());
            // A record that cannot be read keeps its file.
            let used = hash.is_some_and(|hash| !matches!(engine.get(&keys::counted(&hash)), Ok(None)));
            if !used {
                fs::remove_file(dir.join(&name))?;
            }
        }
        Ok(Self { dir, unsynced: false, doomed: HashSet::new() })
    }

    /// Keeps `bytes` for `references` more records.
    pub(crate) fn keep(&mut self, tx: &mut Tx<'_>, bytes: &[u8], references: u32) -> Result<(Digest, u32), Fault> {
        let hash = hash::digest(Label::STORED_BODY, &[bytes]);
        let length = u32::try_from(bytes.len()).map_err(|_| Fault::Damaged)?;
        let key = keys::counted(&hash);
        let mut counted = match tx.get(&key)? {
            Some(stored) => Counted::decode(&stored)?,
            None if bytes.len() <= INLINE => Counted { references: 0, inline: Some(bytes.to_vec()) },
            None => {
                self.write(&hash, bytes)?;
                Counted { references: 0, inline: None }
            }
        };
        counted.references = counted.references.saturating_add(references);
        self.doomed.remove(&hash);
        tx.put(key, counted.encode());
        Ok((hash, length))
    }

    /// Drops one reference.
    pub(crate) fn release(&mut self, tx: &mut Tx<'_>, hash: &Digest) -> Result<(), Fault> {
        let key = keys::counted(hash);
        let Some(stored) = tx.get(&key)? else { return Err(Fault::Damaged) };
        let mut counted = Counted::decode(&stored)?;
        counted.references = counted.references.saturating_sub(1);
        if counted.references > 0 {
            tx.put(key, counted.encode());
        } else {
            if counted.inline.is_none() {
                self.doomed.insert(*hash);
            }
            tx.delete(key);
        }
        Ok(())
    }

    /// Before the batch: makes the new files' names durable. [DELIV-07]
    pub(crate) fn prepare(&mut self) -> Result<(), Fault> {
        if std::mem::take(&mut self.unsynced) {
            folder::sync_dir(&self.dir).map_err(|error| {
                tracing::error!(%error, "syncing the folder of bodies failed");
                Fault::Fatal
            })?;
        }
        Ok(())
    }

    /// After the batch: removes what it has dropped. A job that was taken back may have named a file that is still in
    /// use, so each is looked up.
    pub(crate) fn settle(&mut self, engine: &Engine) {
        for hash in self.doomed.drain() {
            let unused = matches!(engine.get(&keys::counted(&hash)), Ok(None));
            if unused && let Err(error) = fs::remove_file(self.dir.join(hash.to_string())) {
                tracing::warn!(%error, "a body that nothing refers to could not be removed");
            }
        }
    }

    pub(crate) fn write(&mut self, hash: &Digest, bytes: &[u8]) -> Result<(), Fault> {
        let path = self.dir.join(hash.to_string());
        let new = self.dir.join("new");
        let write = || -> io::Result<()> {
            let mut file = folder::open_rw(&new)?;
            file.set_len(0)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        self.unsynced = true;
        write().map_err(|error| {
            tracing::error!(%error, "a body could not be written");
            // The unit is refused; nothing refers to what was written of it.
            if is_full(&error) { Fault::Full } else { Fault::Fatal }
        })
    }
}

/// Reads a counted body for a reader; none if its last reference has gone meanwhile.
pub(crate) fn read(store: &Path, engine: &Engine, hash: &Digest, length: u32) -> Result<Option<Vec<u8>>, Fault> {
    let Some(stored) = engine.get(&keys::counted(hash))? else { return Ok(None) };
    let bytes = match Counted::decode(&stored)?.inline {
        Some(bytes) => bytes,
        None => match fs::read(store.join("bodies").join(hash.to_string())) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return if engine.get(&keys::counted(hash))?.is_none() { Ok(None) } else { Err(Fault::Damaged) };
            }
            Err(_) => return Err(Fault::Damaged),
        },
    };
    if bytes.len() as u64 != u64::from(length) || hash::digest(Label::STORED_BODY, &[&bytes]) != *hash {
        return Err(Fault::Damaged);
    }
    Ok(Some(bytes))
}
