//! Destination (protocol-spec/06-document, section 6): a part file under a hidden name, and the final name that it gets
//! only with the proof that all of it is verified.
//!
//! A part file outlives the download that writes it: the next one goes on behind what is verified and synced in it, after it
//! has read that again. It stands in the destination's own folder, so that it gets its name without being copied. The name is
//! given with `link`, which fails where the name is taken: a look before a `rename` would leave a moment in which
//! another file could be overwritten.

use std::{
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use amanat_document::{Manifest, Verified, Verifier};
use amanat_primitives::DocumentId;

use super::Extent;
use crate::{Failure, FailureCode, failure};

/// Bytes after which the disk begins to take what was written so far, so that little is left to wait for at the end.
const SYNC_EVERY: u64 = 16 * 1024 * 1024;
/// Bytes of a part file that are read again at once.
const REREAD: usize = 256 * 1024;
/// Names tried in a folder: `report.pdf`, `report (2).pdf` and so on.
const NUMBERED: u32 = 10_000;

/// A document that is in its place.
pub(super) struct Saved {
    pub(super) path: PathBuf,
    pub(super) size: u64,
}

/// The final name.
enum Name {
    /// The sender's, made safe; numbered if it is taken.
    Senders,
    /// This one or none.
    Exactly(PathBuf),
}

/// A file in the making, locked so that no second download of the document writes into it too.
pub(super) struct Part {
    file: File,
    path: PathBuf,
    folder: PathBuf,
    name: Name,
    early: Option<EarlySync>,
}

/// Is told how far the part file is on the disk; called on the syncing thread.
pub(super) type OnSynced = Box<dyn Fn(Extent) + Send + Sync>;

impl Part {
    /// Begins a part file for what is to become `out`, in place of any that is there.
    pub(super) fn create(out: &Path, document: DocumentId, on_synced: &Arc<OnSynced>) -> Result<Self, Failure> {
        let (folder, name) = destination(out)?;
        let path = folder.join(part_name(document));
        let file = create_locked(&path).map_err(|error| open_failure(&error, &folder, &path))?;
        Self::start(file, path, folder, name, on_synced)
    }

    /// The part file that an earlier download of what is to become `out` left, if there is one.
    pub(super) fn left(out: &Path, document: DocumentId, on_synced: &Arc<OnSynced>) -> Result<Option<Self>, Failure> {
        let (folder, name) = destination(out)?;
        let path = folder.join(part_name(document));
        match open_left(&path).map_err(|error| open_failure(&error, &folder, &path))? {
            Some(file) => Self::start(file, path, folder, name, on_synced).map(Some),
            None => Ok(None),
        }
    }

    fn start(
        file: File,
        path: PathBuf,
        folder: PathBuf,
        name: Name,
        on_synced: &Arc<OnSynced>,
    ) -> Result<Self, Failure> {
        let mut part = Self { file, path, folder, name, early: None };
        // What is on record of the file is of no use where its name is lost.
        let synced = sync_folder(&part.folder).and_then(|()| EarlySync::of(&part.file, Arc::clone(on_synced)));
        part.early = Some(synced.map_err(|error| part.write_failure(&error))?);
        Ok(part)
    }

    /// Over the next link; `false` where this is no longer the file that the next program would find.
    pub(super) fn go_on(&mut self, on_synced: &Arc<OnSynced>) -> bool {
        let ours = is_named(&self.file, &self.path) && self.file.metadata().is_ok_and(|found| is_ours_alone(&found));
        if ours {
            self.early = EarlySync::of(&self.file, Arc::clone(on_synced)).ok();
        }
        self.early.is_some()
    }

    /// Goes back to what is verified and synced, and shows it to `verifier`. `false` where the file is not what `kept`
    /// says: then both are of no further use. [DOC-17]
    pub(super) fn go_back_to(&mut self, kept: &Extent, verifier: &mut Verifier) -> Result<bool, Failure> {
        let same = self.read_again(kept, verifier).map_err(|error| failure::file("read", &self.path, &error))?;
        if !same {
            return Ok(false);
        }
        // What stands behind it was written and not synced.
        let placed = self.file.set_len(kept.plain).and_then(|()| self.file.seek(SeekFrom::Start(kept.plain)));
        placed.map_err(|error| self.write_failure(&error))?;
        Ok(true)
    }

    fn read_again(&mut self, kept: &Extent, verifier: &mut Verifier) -> io::Result<bool> {
        let mut left = kept.plain;
        let mut buffer = vec![0; REREAD];
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(REREAD).min(REREAD);
            let read = self.file.read(buffer.get_mut(..wanted).unwrap_or_default())?;
            if read == 0 {
                return Ok(false);
            }
            verifier.update(buffer.get(..read).unwrap_or_default());
            left = left.saturating_sub(read as u64);
        }
        Ok(verifier.so_far() == (kept.plain, kept.digest))
    }

    /// Appends.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| self.write_failure(&error))?;
        if let Some(early) = &mut self.early {
            early.unsynced = early.unsynced.saturating_add(bytes.len() as u64);
        }
        Ok(())
    }

    /// After a segment: has what was written sent to the disk, if that is worth a sync.
    pub(super) fn sync_early(&mut self, extent: impl FnOnce() -> Extent) {
        if let Some(early) = &mut self.early {
            early.sync(extent);
        }
    }

    /// Makes what was written durable, for the next download to go on from.
    pub(super) fn keep(&mut self) -> Result<(), Failure> {
        let early = self.early.take().map_or(Ok(()), EarlySync::finish);
        early.and_then(|()| self.file.sync_data()).map_err(|error| self.write_failure(&error))
    }

    /// Removes it. Best effort: what is left, the next download of the document into this folder takes over.
    pub(super) fn discard(self) {
        self.remove();
    }

    /// Gives what [`keep`](Self::keep) has made durable its final name, and makes that durable. Overwrites nothing.
    pub(super) fn place(self, verified: &Verified) -> Result<Saved, Failure> {
        let path = self.give_name(verified)?;
        self.remove();
        sync_folder(&self.folder).map_err(|error| failure::file("sync", &self.folder, &error))?;
        Ok(Saved { path, size: verified.size() })
    }

    fn give_name(&self, verified: &Verified) -> Result<PathBuf, Failure> {
        if let Name::Exactly(path) = &self.name {
            return match self.link_as(path) {
                Ok(()) => Ok(path.clone()),
                Err(error) => Err(failure::file("write", path, &error)),
            };
        }
        for n in 1..=NUMBERED {
            let name = if n == 1 { verified.name().clone() } else { verified.name().numbered(n) };
            let path = self.folder.join(&name);
            match self.link_as(&path) {
                Ok(()) => return Ok(path),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failure::file("write", &path, &error)),
            }
        }
        let failed = format!("{} has {NUMBERED} files of this document's name", self.folder.display());
        Err(Failure::new(FailureCode::File, failed, "choose another folder, or give the file's name"))
    }

    fn link_as(&self, path: &Path) -> io::Result<()> {
        // What was verified went through this handle; meanwhile the part's name may have been given to another file.
        if !is_named(&self.file, &self.path) {
            return Err(io::Error::new(ErrorKind::NotFound, "the part file was removed or replaced"));
        }
        match fs::hard_link(&self.path, path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
            Err(_) => rename_into_new(&self.path, path),
        }
    }

    fn write_failure(&self, error: &io::Error) -> Failure {
        if error.kind() == ErrorKind::FileTooLarge {
            let failed = format!("the disk of {} cannot hold a file this large", self.folder.display());
            return Failure::new(FailureCode::TooLarge, failed, "choose a folder on another disk");
        }
        failure::file("write to", &self.folder, error)
    }

    fn remove(&self) {
        if is_named(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Drop for Part {
    /// The lock goes with the last handle, and the syncing thread has one.
    fn drop(&mut self) {
        if let Some(early) = self.early.take() {
            // Nothing is made of what it met: what counts was synced before.
            let _ = early.finish();
        }
    }
}

/// Has what is written sent to the disk by a thread of its own while more is being written.
struct EarlySync {
    wake: SyncSender<Extent>,
    thread: JoinHandle<io::Result<()>>,
    unsynced: u64,
}

impl EarlySync {
    fn of(file: &File, on_synced: Arc<OnSynced>) -> io::Result<Self> {
        let file = file.try_clone()?;
        let (wake, woken) = sync_channel::<Extent>(1);
        let run = move || {
            while let Ok(extent) = woken.recv() {
                file.sync_data()?;
                on_synced(extent);
            }
            Ok(())
        };
        let thread = thread::Builder::new().name("early sync".into()).spawn(run)?;
        Ok(Self { wake, thread, unsynced: 0 })
    }

    fn sync(&mut self, extent: impl FnOnce() -> Extent) {
        if self.unsynced >= SYNC_EVERY && self.wake.try_send(extent()).is_ok() {
            self.unsynced = 0;
        }
    }

    /// What the early syncs met. The system reports a failed write to one sync only, which may have been one of these.
    fn finish(self) -> io::Result<()> {
        drop(self.wake);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the syncing thread has ended unexpectedly")))
    }
}

/// Folder and name, as far as they can be told before anything is fetched.
fn destination(out: &Path) -> Result<(PathBuf, Name), Failure> {
    let no_folder = |folder: &Path| {
        let failed = format!("there is no folder {}", folder.display());
        Failure::new(FailureCode::File, failed, "create it, or choose another")
    };
    match fs::metadata(out) {
        Ok(found) if found.is_dir() => return Ok((out.to_owned(), Name::Senders)),
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(failure::file("write", out, &error));
        }
        _ => {}
    }
    // A link that points nowhere takes the name too.
    if fs::symlink_metadata(out).is_ok() {
        let failed = format!("{} exists already", out.display());
        let advice = "choose another name, or move the existing file away";
        return Err(Failure::new(FailureCode::File, failed, advice));
    }
    let names_folder =
        out.as_os_str().as_encoded_bytes().last().is_none_or(|last| std::path::is_separator(char::from(*last)));
    if names_folder || out.file_name().is_none() {
        return Err(no_folder(out));
    }
    let folder = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if folder.is_dir() { Ok((folder.to_owned(), Name::Exactly(out.to_owned()))) } else { Err(no_folder(folder)) }
}

/// The document under the name that an earlier download gave it, where that one was stopped before this was on record. Only
/// what is on record as whole can have one; a part file that has no other name is still to get it. [DOC-21]
pub(super) fn already_placed(out: &Path, manifest: &Manifest, kept: Option<&Extent>) -> Option<Saved> {
    kept.filter(|kept| kept.segments == manifest.layout.segments())?;
    let name = manifest.name.safe();
    let (folder, names): (&Path, Box<dyn Iterator<Item = PathBuf>>) = if out.is_dir() {
        let numbered = (2..=NUMBERED).map(|n| out.join(name.numbered(n)));
        (out, Box::new(std::iter::once(out.join(&name)).chain(numbered)))
    } else {
        (out.parent()?, Box::new(std::iter::once(out.to_owned())))
    };
    let part = folder.join(part_name(manifest.document));
    if fs::symlink_metadata(&part).is_ok_and(|found| is_ours_alone(&found)) {
        return None;
    }
    let path = names.take_while(|path| path.exists()).find(|path| holds(path, manifest).unwrap_or(false))?;
    // Its other name, if it was stopped before that was taken away.
    let _ = remove_part(&part);
    sync_folder(folder).ok()?;
    Some(Saved { path, size: manifest.layout.size() })
}

/// Whether a file is a document.
fn holds(path: &Path, manifest: &Manifest) -> io::Result<bool> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_file() || found.len() != manifest.layout.size() {
        return Ok(false);
    }
    let (mut file, mut verifier) = (File::open(path)?, manifest.verifier());
    let mut buffer = vec![0; REREAD];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(verifier.finish().is_ok());
        }
        verifier.update(buffer.get(..read).unwrap_or_default());
    }
}

/// The part file's name.
fn part_name(document: DocumentId) -> String {
    format!(".amanat-{document}.part")
}

/// Where the part file of what is to become `out` stands.
///
/// # Errors
/// What keeps `out` from being written.
pub(crate) fn part_of(out: &Path, document: DocumentId) -> Result<PathBuf, Failure> {
    Ok(destination(out)?.0.join(part_name(document)))
}

/// Removes a part file that no download writes, if it is there.
///
/// # Errors
/// [`ErrorKind::WouldBlock`] where a download writes it.
pub(crate) fn remove_part(path: &Path) -> io::Result<()> {
    match remove_stale(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn open_failure(error: &io::Error, folder: &Path, path: &Path) -> Failure {
    match error.kind() {
        ErrorKind::WouldBlock => Failure::new(
            FailureCode::InUse,
            format!("this document is being saved in {} already", folder.display()),
            "wait until that is done, or choose another folder",
        ),
        ErrorKind::AlreadyExists => failure::file("write", path, error),
        _ => failure::file("write to", folder, error),
    }
}

/// A part file that an earlier download left: this user's alone, under this name alone, and written by nobody.
fn open_left(path: &Path) -> io::Result<Option<File>> {
    match fs::symlink_metadata(path) {
        // No link is followed, and no pipe waited for.
        Ok(found) if found.is_file() => {}
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => return Ok(None),
    }
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    if !is_ours_alone(&file.metadata()?) {
        return Ok(None);
    }
    lock(&file, path)?;
    Ok(Some(file))
}

#[cfg(unix)]
fn is_ours_alone(found: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // A second name is the final one, and was the last thing that a download gave it.
    found.mode() & 0o077 == 0 && found.nlink() == 1
}

#[cfg(not(unix))]
fn is_ours_alone(_: &Metadata) -> bool {
    true
}

/// A new file that is ours alone. [`ErrorKind::WouldBlock`] where another download has it.
fn create_locked(path: &Path) -> io::Result<File> {
    let file = match create_new(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            remove_stale(path)?;
            create_new(path)?
        }
        created => created?,
    };
    lock(&file, path)?;
    Ok(file)
}

fn lock(file: &File, path: &Path) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Err(ErrorKind::WouldBlock.into()),
        // A file system without locks: it has to do without.
        Ok(()) | Err(TryLockError::Error(_)) => {}
    }
    // Another download may have removed it, or given it its final name, before it was locked.
    if is_named(file, path) { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) }
}

fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // Exclusive creation follows no link at the end of the path.
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Removes a part file that nobody is writing.
fn remove_stale(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    let file = File::open(path)?;
    match file.try_lock() {
        Ok(()) if is_named(&file, path) => fs::remove_file(path),
        Ok(()) | Err(TryLockError::WouldBlock) => Err(ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether `path` still names the open `file`.
fn is_named(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(named)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        (open.dev(), open.ino()) == (named.dev(), named.ino())
    }
    #[cfg(not(unix))]
    {
        open.is_file() && named.is_file()
    }
}

/// For file systems without links (those of USB sticks): the name is taken with an empty file that must be new, and the
/// rename replaces that one.
fn rename_into_new(part: &Path, path: &Path) -> io::Result<()> {
    drop(create_new(path)?);
    fs::rename(part, path).inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some network file systems cannot, and make names durable by themselves.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        synced => synced,
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_links_a_name_that_is_taken_is_refused_too() {
        let folder = tempfile::tempdir().unwrap();
        let (part, path) = (folder.path().join("part"), folder.path().join("path"));
        fs::write(&part, "new").unwrap();
        rename_into_new(&part, &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(!part.exists());

        fs::write(&part, "newer").unwrap();
        assert_eq!(rename_into_new(&part, &path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&path).unwrap(), fs::read(&part).unwrap()), (b"new".to_vec(), b"newer".to_vec()));

        // The part is gone: no empty file is left in its place.
        let other = folder.path().join("other");
        assert!(rename_into_new(&folder.path().join("none"), &other).is_err());
        assert!(!other.exists());
    }
}
