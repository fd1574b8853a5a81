//! Backup and restore (protocol-spec/07-delivery, section 13): a relay's folder to an archive, and an archive to a folder.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Write},
    path::{Component, Path, PathBuf},
};

use amanat_store::{
    OpenError,
    archive::{ArchiveError, ArchiveReader, ArchiveWriter, Record},
    blobs::{BlobError, BlobLimits, Blobs},
    relay::{Limits, Receipt, Restoring, Store, StoreError, read_spool},
};

use zeroize::Zeroizing;

use crate::{
    config::{self, Config, ConfigError},
    folder::{self, CARD_FILE, CERTIFICATE_FILE, FolderError, KEY_FILE},
};

/// What the name of a store in the making ends in, beside its place.
const RESTORING: &str = ".restoring";

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
    /// The archive's configuration puts the store elsewhere.
    #[error("the backup's relay.toml puts the store into {}, outside of {}", data.display(), dir.display())]
    Elsewhere {
        /// Where to.
        data: PathBuf,
        /// The relay's folder.
        dir: PathBuf,
    },
    /// The archive has no configuration.
    #[error("the backup holds no relay.toml")]
    NoConfig,
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
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                "look whether the path is right".into()
            }
            Self::Io { .. } => "run as the relay's user, and look whether the disk is full (df)".into(),
            Self::Occupied { .. } => {
                "restore into an empty folder; where all but the store is there, amanat-relay import".into()
            }
            Self::Elsewhere { .. } => "if that is where it should go, say so: --data-elsewhere".into(),
            Self::NoConfig => "make the folder with amanat-relay init, then amanat-relay import".into(),
        }
    }
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> BackupError + '_ {
    |source| BackupError::Io { path: path.to_owned(), source }
}

/// Writes an archive of a store at one moment to `out`: the relay's files, its rows and bodies, its sealed documents but
/// for those that [`Blobs::damaged`] counts afterwards. `told` is called with the bytes written so far. Blocking.
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
            let bytes = Zeroizing::new(fs::read(&path).map_err(io_error(&path))?);
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
        // Read through before it is begun: an archive in which segments are missing is not finished. One that its
        // retention class ends in this moment is left out, and one that is damaged, of which the operator is told.
        match blobs.check_whole(document) {
            Err(BlobError::Unknown | BlobError::Damaged) => continue,
            read => read?,
        }
        archive.add(&Record::Document(opening)).map_err(ArchiveError::Io)?;
        for index in 0..segments {
            archive.add(&Record::Segment(blobs.get(document, index)?)).map_err(ArchiveError::Io)?;
            told(archive.bytes());
        }
    }
    Ok(archive.finish().map_err(ArchiveError::Io)?)
}

/// An empty file without a name, on the store's disk.
pub(crate) fn spool(data: &Path) -> Result<File, BackupError> {
    let path = data.join("export.rows");
    let failed = io_error(&path);
    let file = folder::create_new(&path).map_err(&failed)?;
    fs::remove_file(&path).map_err(failed)?;
    Ok(file)
}

/// Writes an archive of a relay that does not run to `out`; says how many documents are damaged, and not in it.
///
/// # Errors
/// [`BackupError`].
pub async fn export<W: Write>(
    dir: &Path,
    with_keys: bool,
    out: W,
    told: &mut dyn FnMut(u64),
) -> Result<(W, usize), BackupError> {
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
    Ok((written?, blobs.damaged()))
}

/// Reads all of an archive, and says whether it is whole.
///
/// # Errors
/// [`BackupError`].
pub fn verify(archive: impl Read) -> Result<(), BackupError> {
    look_through(archive).map(|_| ())
}

type Files = Vec<(String, Zeroizing<Vec<u8>>)>;

/// Reads all of an archive; gives the files of the relay's folder.
fn look_through(archive: impl Read) -> Result<Files, BackupError> {
    let mut archive = ArchiveReader::open(archive)?;
    let (mut missing, mut files) = (0u64, Files::new());
    while let Some(record) = archive.next_record()? {
        missing = match record {
            Record::Document(opening) if missing == 0 => opening.segments,
            Record::Segment(_) if missing > 0 => missing - 1,
            Record::File { name, bytes } if missing == 0 => {
                if ![config::FILE, CARD_FILE, CERTIFICATE_FILE, KEY_FILE].contains(&name.as_str()) {
                    return Err(BackupError::ForeignFile);
                }
                files.push((name, bytes));
                0
            }
            Record::Row { .. } | Record::Body(_) if missing == 0 => 0,
            _ => return Err(ArchiveError::Damaged.into()),
        };
    }
    if missing > 0 { Err(ArchiveError::Damaged.into()) } else { Ok(files) }
}

/// Where a restored relay goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Into {
    /// Into an empty or new folder, with the relay's own files from the archive.
    Empty {
        /// Also where the archive's configuration puts the store outside of it.
        elsewhere: bool,
    },
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
    let prepared = if into == Into::Prepared { Some(dir.join(Config::load(dir)?.data)) } else { None };
    let files = look_through(open()?)?;
    let data = match (into, prepared) {
        (Into::Empty { elsewhere }, _) => place(&files, dir, elsewhere)?,
        (Into::Prepared, prepared) => prepared.ok_or(BackupError::NoConfig)?,
    };
    let mut name = data.file_name().unwrap_or_default().to_owned();
    name.push(RESTORING);
    // Beside its place, so that it is renamed on one disk.
    let making = data.with_file_name(name);
    if data.symlink_metadata().is_ok() {
        return Err(BackupError::Occupied { path: data });
    }
    if into != Into::Prepared && is_occupied(dir, &making) {
        return Err(BackupError::Occupied { path: dir.to_owned() });
    }
    if making.symlink_metadata().is_ok() {
        // An earlier restore was interrupted.
        fs::remove_dir_all(&making).map_err(io_error(&making))?;
    }
    build(ArchiveReader::open(open()?)?, &making, told)?;
    if into != Into::Prepared {
        fs::create_dir_all(dir).map_err(io_error(dir))?;
        for (name, bytes) in files {
            let mode = if name == KEY_FILE { 0o600 } else { 0o640 };
            folder::write(&dir.join(name), &bytes, mode)?;
        }
    }
    fs::rename(&making, &data).map_err(io_error(&data))?;
    let parent = data.parent().unwrap_or(dir);
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(io_error(parent))
}

/// Where the archive's configuration puts the store. What wrote the archive chooses no place outside of `dir` unless the
/// operator says so. [DELIV-195]
fn place(files: &Files, dir: &Path, elsewhere: bool) -> Result<PathBuf, BackupError> {
    let (_, text) = files.iter().find(|(name, _)| name == config::FILE).ok_or(BackupError::NoConfig)?;
    let text = std::str::from_utf8(text).map_err(|_| ArchiveError::Damaged)?;
    let data = Config::parse(text, Path::new(config::FILE))?.data;
    let below = data.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let at = dir.join(&data);
    if (below && data.file_name().is_some()) || (elsewhere && at.file_name().is_some()) {
        Ok(at)
    } else {
        Err(BackupError::Elsewhere { data: at, dir: dir.to_owned() })
    }
}

/// Whether there is anything in a folder but what an earlier restore has begun at `making`.
fn is_occupied(dir: &Path, making: &Path) -> bool {
    let begun = making.strip_prefix(dir).ok().and_then(|path| path.components().next());
    let foreign = |entry: fs::DirEntry| begun.is_none_or(|begun| begun.as_os_str() != entry.file_name());
    fs::read_dir(dir).is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(foreign)))
}

/// Builds store and documents in `making`.
fn build<R: Read>(mut archive: ArchiveReader<R>, making: &Path, told: &mut dyn FnMut(u64)) -> Result<(), BackupError> {
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
    let mut document = None;
    let mut done = 0u64;
    while let Some(record) = archive.next_record()? {
        match record {
            Record::File { .. } => {}
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
    Ok(())
}
