//! Files that must be whole or absent (protocol-spec/03-identity, section 11): written beside, synced, then renamed.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::problem::{Outcome, Problem};

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Keys and invitations: the owner alone.
    Secret,
    /// Certificates and cards.
    Public,
}

impl Mode {
    fn bits(self) -> u32 {
        match self {
            Self::Secret => 0o600,
            Self::Public => 0o644,
        }
    }
}

/// Creates a folder of mode 0700 with all that is missing above it. One that exists stays as it is.
pub(crate) fn folder(path: &Path) -> Outcome {
    let build = || -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_folder(parent)?;
        }
        Ok(())
    };
    build().map_err(|error| Problem::file("make the folder", path, &error))
}

/// Refuses a path at which something stands, before any work is done for it.
pub(crate) fn must_be_new(path: &Path) -> Outcome {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Problem::file("look at", path, &error)),
        Ok(_) => Err(Problem::new(
            "exists",
            format!("{} exists already, and is not overwritten.", path.display()),
            "Choose another name, or move the old one away first.",
        )),
    }
}

/// Writes a new file. One that exists is never touched.
pub(crate) fn create(path: &Path, content: &[u8], mode: Mode) -> Outcome {
    must_be_new(path)?;
    let make = || -> io::Result<()> {
        let temporary = write_beside(path, content, mode)?;
        // A link, unlike a rename, fails where the name is taken meanwhile.
        let linked = fs::hard_link(&temporary, path);
        let outcome = match linked {
            // Some sticks and shares know no links; nobody else writes there at this moment.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !path.exists() => {
                fs::rename(&temporary, path)
            }
            linked => {
                fs::remove_file(&temporary)?;
                linked
            }
        };
        outcome.and_then(|()| sync_folder(parent(path)))
    };
    make().map_err(|error| Problem::file("write", path, &error))
}

/// Writes a file in the place of one that may exist.
pub(crate) fn replace(path: &Path, content: &[u8], mode: Mode) -> Outcome {
    let make = || -> io::Result<()> {
        let temporary = write_beside(path, content, mode)?;
        fs::rename(&temporary, path)?;
        sync_folder(parent(path))
    };
    make().map_err(|error| Problem::file("write", path, &error))
}

/// Removes a file; one that is gone already is fine.
pub(crate) fn remove(path: &Path) -> Outcome {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Problem::file("remove", path, &error)),
        _ => sync_folder(parent(path)).map_err(|error| Problem::file("sync", parent(path), &error)),
    }
}

/// The content of a file of at most `limit` bytes; `what` names it in the error.
pub(crate) fn read(path: &Path, limit: u64, what: &str) -> Outcome<Vec<u8>> {
    let failed = |error: io::Error| Problem::file(&format!("read {what}"), path, &error);
    let file = File::open(path).map_err(failed)?;
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > limit {
        return Err(Problem::new(
            "too-large",
            format!("{} is too large to be {what}.", path.display()),
            "Check that it is the file you mean.",
        ));
    }
    Ok(content)
}

/// Makes a rename in the folder above `path` last through a power cut.
pub(crate) fn sync_parent(path: &Path) -> Outcome {
    sync_folder(parent(path)).map_err(|error| Problem::file("sync", parent(path), &error))
}

fn write_beside(path: &Path, content: &[u8], mode: Mode) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let temporary = path.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
    // What a process of this number left behind when the power went.
    if let Err(error) = fs::remove_file(&temporary)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode.bits()).open(&temporary)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // The first error is the one that matters.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    Ok(temporary)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_exists_is_never_touched_by_create() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.key");
        create(&path, b"first", Mode::Secret).unwrap();
        assert_eq!(create(&path, b"second", Mode::Secret).unwrap_err().code(), "exists");
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // A dangling link is something too.
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/nonexistent", &link).unwrap();
        assert_eq!(create(&link, b"x", Mode::Public).unwrap_err().code(), "exists");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left beside");
    }

    #[test]
    fn replace_keeps_the_old_file_until_the_new_one_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("status");
        replace(&path, b"first", Mode::Public).unwrap();
        replace(&path, b"second", Mode::Public).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert!(replace(&dir.path().join("no/folder"), b"x", Mode::Public).is_err());
        remove(&path).unwrap();
        remove(&path).unwrap();
    }

    #[test]
    fn folders_are_for_their_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        folder(&path).unwrap();
        folder(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn reading_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("big");
        fs::write(&path, [0; 11]).unwrap();
        assert_eq!(read(&path, 10, "a card").unwrap_err().code(), "too-large");
        assert_eq!(read(&path, 11, "a card").unwrap().len(), 11);
    }
}
