//! Backup and restore (protocol-spec/07-delivery, section 13): a relay's folder to an archive, and an archive to a folder.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use amanat_store::{
    OpenError,
    archive::{ArchiveError, ArchiveReader, ArchiveWriter, Record},
    blobs::{BlobError, BlobLimits, Blobs},
    relay::{Limits, Receipt, Restoring, Store, StoreError, read_spool},
};

use crate::{
    config::{self, Config, ConfigError},
    folder::{self, CARD_FILE, CERTIFICATE_FILE, FolderError, KEY_FILE},
};

/// A restore in the making, below the relay's folder.
const RESTORING: &str = "restoring";

/// Why there is no backup, or no restore.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The relay's folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store does not open.
    #[error("the store: {0}")]
    Open(#[from] OpenError),
    /// The store cannot be read or written.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    /// A document cannot be read or written.
    #[error("a document: {0}")]
    Document(#[from] BlobError),
    /// A file or folder.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is something where a restored relay would go.
    #[error("{} exists already", path.display())]
    Occupied {
        /// What.
        path: PathBuf,
    },
    /// The archive names a file that no relay has.
    #[error("the archive holds a file that is no relay's")]
    ForeignFile,
}

impl BackupError {
    /// What to try.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Archive(ArchiveError::Newer(_)) => "use the newer version of amanat-relay that wrote it".into(),
            Self::Archive(_) | Self::ForeignFile => "use another backup: nothing was changed".into(),
            Self::Folder(error) => error.advice(),
            Self::Config(error) => error.advice().into(),
            Self::Open(OpenError::InUse) => "the relay runs: amanat-relay backup asks it to write one".into(),
            Self::Open(_) | Self::Store(StoreError::Full(_)) | Self::Document(BlobError::Full) => {
                "free some space, and look at the disk (df, dmesg)".into()
            }
            Self::Store(_) | Self::Document(_) => "look at the disk and its log (dmesg); amanat-relay check".into(),
            Self::Io { .. } => "run as the relay's user, and look whether the disk is full (df)".into(),
            Self::Occupied { .. } => "restore into an empty folder, or move the old store aside first".into(),
        }
    }
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> BackupError + '_ {
    |source| BackupError::Io { path: path.to_owned(), source }
}

/// Writes an archive of a store at one moment to `out`: the relay's files, its rows and bodies, its sealed documents.
/// `told` is called with the bytes written so far. Blocking.
pub(crate) fn write<W: Write>(
    dir: &Path,
    spool: BufReader<File>,
    blobs: &Blobs,
    with_keys: bool,
    out: W,
    told: &mut dyn FnMut(u64),
) -> Result<W, BackupError> {
    let mut archive = ArchiveWriter::begin(out).map_err(ArchiveError::Io)?;
    let keys = with_keys.then_some(KEY_FILE);
    for name in [config::FILE, CARD_FILE, CERTIFICATE_FILE].into_iter().chain(keys) {
        let path = dir.join(name);
        if path.exists() {
            let bytes = fs::read(&path).map_err(io_error(&path))?;
            archive.add(&Record::File { name: name.into(), bytes }).map_err(ArchiveError::Io)?;
        }
    }
    read_spool(spool, |record| {
        archive.add(&record)?;
        told(archive.bytes());
        Ok(())
    })?;
    for opening in blobs.sealed() {
        let (document, segments) = (opening.document, opening.segments);
        // One that its retention class ends in this moment is left out whole: its first segment is read before it is
        // begun, and an archive in which later ones are missing is not finished.
        let Ok(mut segment) = blobs.get(document, 0) else { continue };
        archive.add(&Record::Document(opening)).map_err(ArchiveError::Io)?;
        for index in 0..segments {
            if index > 0 {
                segment = blobs.get(document, index)?;
            }
            archive.add(&Record::Segment(std::mem::take(&mut segment))).map_err(ArchiveError::Io)?;
            told(archive.bytes());
        }
    }
    Ok(archive.finish().map_err(ArchiveError::Io)?)
}

/// An empty file without a name, on the store's disk.
pub(crate) fn spool(data: &Path) -> Result<File, BackupError> {
    let path = data.join("export.rows");
    let failed = io_error(&path);
    let options = fs::OpenOptions::new().read(true).write(true).create(true).truncate(true).to_owned();
    let file = std::os::unix::fs::OpenOptionsExt::mode(&mut options.clone(), 0o600).open(&path).map_err(&failed)?;
    fs::remove_file(&path).map_err(failed)?;
    Ok(file)
}

/// Writes an archive of a relay that does not run to `out`.
///
/// # Errors
/// [`BackupError`].
pub async fn export<W: Write>(
    dir: &Path,
    with_keys: bool,
    out: W,
    told: &mut dyn FnMut(u64),
) -> Result<W, BackupError> {
    let data = dir.join(Config::load(dir)?.data);
    if !data.exists() {
        return Err(io_error(&data)(io::ErrorKind::NotFound.into()));
    }
    // Nothing is appended, so nothing is signed.
    let unsigned = |_: &_| Receipt { bytes: Vec::new(), hash: amanat_primitives::Digest::ZERO };
    let store = Store::open(&data.join("store"), Limits::default(), Box::new(unsigned), Box::new(|_| ()))?;
    let blobs = Blobs::open(&data, BlobLimits::default())?;
    let exported = store.export(spool(&data)?).await;
    let written = exported.map_err(BackupError::from).and_then(|spool| write(dir, spool, &blobs, with_keys, out, told));
    store.close();
    written
}

/// Reads all of an archive, and says whether it is whole.
///
/// # Errors
/// [`BackupError`].
pub fn verify(archive: impl Read) -> Result<(), BackupError> {
    let mut archive = ArchiveReader::open(archive)?;
    let mut missing = 0u64;
    while let Some(record) = archive.next_record()? {
        missing = match record {
            Record::Document(opening) if missing == 0 => opening.segments,
            Record::Segment(_) if missing > 0 => missing - 1,
            Record::File { .. } | Record::Row { .. } | Record::Body(_) if missing == 0 => 0,
            _ => return Err(ArchiveError::Damaged.into()),
        };
    }
    if missing > 0 { Err(ArchiveError::Damaged.into()) } else { Ok(()) }
}

/// Where a restored relay goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Into {
    /// Into an empty or new folder, with the relay's own files from the archive.
    Empty,
    /// Into a relay's folder that has its configuration and no store: the archive's files are left out.
    Prepared,
}

/// Makes a relay's store from an archive, under a new incarnation. All of the archive is verified first, and nothing
/// stands under a final name before all of it is there. [DELIV-110] [DELIV-111]
///
/// # Errors
/// [`BackupError`].
pub fn restore(archive: &Path, dir: &Path, into: Into, told: &mut dyn FnMut(u64)) -> Result<(), BackupError> {
    let open = || File::open(archive).map(BufReader::new).map_err(io_error(archive));
    let data = match into {
        Into::Empty => {
            let occupied = fs::read_dir(dir)
                .is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != RESTORING)));
            if occupied {
                return Err(BackupError::Occupied { path: dir.to_owned() });
            }
            None
        }
        Into::Prepared => Some(dir.join(Config::load(dir)?.data)),
    };
    if let Some(data) = data.as_ref().filter(|data| data.exists()) {
        return Err(BackupError::Occupied { path: data.clone() });
    }
    verify(open()?)?;
    let making = dir.join(RESTORING);
    if making.exists() {
        // An earlier restore was interrupted.
        fs::remove_dir_all(&making).map_err(io_error(&making))?;
    }
    let files = build(ArchiveReader::open(open()?)?, &making, told)?;
    let data = match data {
        Some(data) => data,
        None => {
            for (name, bytes) in files {
                let mode = if name == KEY_FILE { 0o600 } else { 0o640 };
                folder::write(&dir.join(name), &bytes, mode)?;
            }
            dir.join(Config::load(dir)?.data)
        }
    };
    fs::rename(&making, &data).map_err(io_error(&data))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_error(dir))
}

type Files = Vec<(String, Vec<u8>)>;

/// Builds store and documents in `making`; gives the files of the relay's folder.
fn build<R: Read>(
    mut archive: ArchiveReader<R>,
    making: &Path,
    told: &mut dyn FnMut(u64),
) -> Result<Files, BackupError> {
    let mut store = Restoring::begin(&making.join("store"))?;
    // What was taken in once is not refused now.
    let limits = BlobLimits {
        conversation_bytes: u64::MAX,
        device_bytes: u64::MAX,
        total_bytes: u64::MAX,
        open_uploads: usize::MAX,
        ..BlobLimits::default()
    };
    let blobs = Blobs::open(making, limits)?;
    let mut files = Files::new();
    let mut document = None;
    let mut done = 0u64;
    while let Some(record) = archive.next_record()? {
        match record {
            Record::File { name, bytes } => {
                if ![config::FILE, CARD_FILE, CERTIFICATE_FILE, KEY_FILE].contains(&name.as_str()) {
                    return Err(BackupError::ForeignFile);
                }
                files.push((name, bytes));
            }
            Record::Row { key, value } => {
                done = done.saturating_add(value.len() as u64);
                store.row(key, value)?;
            }
            Record::Body(bytes) => {
                done = done.saturating_add(bytes.len() as u64);
                store.body(&bytes)?;
            }
            Record::Document(opening) => {
                blobs.begin(&opening)?;
                document = Some((opening.document, 0, opening.segments));
            }
            Record::Segment(bytes) => {
                let Some((id, index, segments)) = document.take() else { return Err(ArchiveError::Damaged.into()) };
                done = done.saturating_add(bytes.len() as u64);
                blobs.put(id, index, &bytes)?;
                let next = index + 1;
                if next == segments {
                    blobs.seal(id)?;
                } else {
                    document = Some((id, next, segments));
                }
            }
        }
        told(done);
    }
    store.finish()?;
    Ok(files)
}
