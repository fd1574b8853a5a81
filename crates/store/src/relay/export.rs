//! Export and restore (protocol-spec/07-delivery, section 13): the store's rows and bodies as records of an archive.
//!
//! The writer thread itself copies what is on disk, between two batches: nothing changes meanwhile, and no second process
//! or handle is needed. Changes wait for as long as that takes, reads do not.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Seek as _, Write as _},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use amanat_primitives::{Incarnation, Label, hash};

use super::{
    Limits, Store, StoreError, bodies::Bodies, keys, record::Counted, record::DeviceState, settings, writer::Job,
    writer::Writer,
};
use crate::{
    OpenError,
    archive::{ArchiveError, ArchiveReader, ArchiveWriter, Record},
    engine::{Engine, tx::Tx, value::PARTS},
    error::Fault,
};

/// A batch of a restore is made durable when it has grown to this size.
const BATCH: usize = 4 * 1024 * 1024;

impl Store {
    /// Writes all rows and bodies, as they are on disk at one moment, to `spool`, an empty file: an archive of its own,
    /// to be read with [`ArchiveReader`].
    ///
    /// # Errors
    /// [`StoreError::Full`] where `spool` cannot be written; our own faults.
    pub async fn export(&self, spool: File) -> Result<BufReader<File>, StoreError> {
        // Cursors that wait are written first.
        self.flush().await?;
        let spool = self.ask(|answer| Job::Export(spool, answer)).await?;
        Ok(BufReader::new(spool))
    }
}

impl Writer {
    /// What the batch in progress changes is not seen: it is not durable yet.
    pub(super) fn export(&self, spool: File) -> Result<File, Fault> {
        self.engine.require_rows()?;
        let mut archive = ArchiveWriter::begin(BufWriter::new(spool)).map_err(not_written)?;
        let mut bodies = Vec::new();
        let mut outcome = Ok(());
        self.engine.scan(&[], None, |key, value| {
            if is_engines(key) {
                return ControlFlow::Continue(());
            }
            if key.first() == Some(&b'b') && Counted::decode(&value).is_ok_and(|counted| counted.inline.is_none()) {
                bodies.push(key.get(1..).unwrap_or_default().to_vec());
            }
            outcome = archive.add(&Record::Row { key: key.to_vec(), value });
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        outcome.map_err(not_written)?;
        for hash in bodies {
            let hash = amanat_primitives::Digest::from_bytes(hash.try_into().map_err(|_| Fault::Damaged)?);
            let bytes = std::fs::read(self.dir.join("bodies").join(hash.to_string())).map_err(|_| Fault::Damaged)?;
            if hash::digest(Label::STORED_BODY, &[&bytes]) != hash {
                return Err(Fault::Damaged);
            }
            archive.add(&Record::Body(bytes)).map_err(not_written)?;
        }
        let mut spool = archive.finish().map_err(not_written)?.into_inner().map_err(|_| Fault::Full)?;
        spool.flush().and_then(|()| spool.rewind()).map_err(not_written)?;
        Ok(spool)
    }
}

/// The engine's own: its counter, and the parts of split values.
fn is_engines(key: &[u8]) -> bool {
    key.first().is_none_or(|first| *first <= PARTS)
}

fn not_written(error: std::io::Error) -> Fault {
    tracing::warn!(%error, "the export could not be written");
    Fault::Full
}

/// A store in the making, from an archive's records.
pub struct Restoring {
    dir: PathBuf,
    engine: Arc<Engine>,
    bodies: Bodies,
    rows: Vec<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
}

impl Restoring {
    /// Makes a store in `dir`, which must not be there, under a new incarnation: so that clients notice. [DELIV-111]
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn begin(dir: &Path) -> Result<Self, OpenError> {
        if dir.exists() {
            return Err(OpenError::Foreign);
        }
        let engine = Engine::open(dir, settings(Limits::default()))?;
        let bodies = Bodies::open(dir, &engine)?;
        let incarnation = Incarnation::random(&mut rand_core::OsRng);
        let rows = vec![
            (keys::INCARNATION.to_vec(), incarnation.as_bytes().to_vec()),
            (keys::SETTLING.to_vec(), 0u64.to_be_bytes().to_vec()),
        ];
        Ok(Self { dir: dir.to_owned(), engine, bodies, rows, bytes: 0 })
    }

    /// Takes a row. KeyPackages are left out: some were handed out since the backup, and would be again. [DELIV-122]
    ///
    /// # Errors
    /// Of the disk; [`StoreError::Damaged`].
    pub fn row(&mut self, key: Vec<u8>, mut value: Vec<u8>) -> Result<(), StoreError> {
        if key == keys::INCARNATION || key == keys::SETTLING || is_engines(&key) || keys::is_key_package(&key) {
            return Ok(());
        }
        if key.first() == Some(&keys::DEVICE) {
            let state = DeviceState::decode(&value)?;
            let packages_first = state.packages_next;
            // By its use its owner sees that there is to be another one.
            value = DeviceState { packages_first, has_last_resort: false, last_resort_used: 1, ..state }.encode();
        }
        self.bytes = self.bytes.saturating_add(key.len()).saturating_add(value.len());
        self.rows.push((key, value));
        if self.bytes >= BATCH { self.write() } else { Ok(()) }
    }

    /// Takes a body that is kept as a file.
    ///
    /// # Errors
    /// Of the disk.
    pub fn body(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let hash = hash::digest(Label::STORED_BODY, &[bytes]);
        self.bodies.write(&hash, bytes)?;
        Ok(())
    }

    /// Makes all of it durable and lets go of the folder.
    ///
    /// # Errors
    /// Of the disk.
    pub fn finish(mut self) -> Result<PathBuf, StoreError> {
        self.bodies.prepare()?;
        self.write()?;
        self.engine.close();
        Ok(self.dir)
    }

    fn write(&mut self) -> Result<(), StoreError> {
        let mut tx = Tx::new(&self.engine);
        for (key, value) in std::mem::take(&mut self.rows) {
            tx.put(key, value);
        }
        self.bytes = 0;
        let _watched = self.engine.watch.begin();
        self.engine.commit(tx)?;
        Ok(())
    }
}

/// The records of a store's own export.
///
/// # Errors
/// [`ArchiveError`].
pub fn read_spool(
    spool: BufReader<File>,
    mut each: impl FnMut(Record) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    let mut archive = ArchiveReader::open(spool)?;
    while let Some(record) = archive.next_record()? {
        each(record)?;
    }
    Ok(())
}
