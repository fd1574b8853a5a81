//! A folder for a demonstration or a benchmark: kept where asked for, else temporary and gone at the end.

use std::path::{Path, PathBuf};

use rand_core::{OsRng, RngCore};

use crate::{files, problem::Outcome};

/// The folder; removed when dropped, unless it is kept.
pub(crate) struct Scratch {
    path: PathBuf,
    kept: bool,
}

impl Scratch {
    /// `keep`: this new folder, which stays.
    pub(crate) fn kept(keep: &Path) -> Outcome<Self> {
        files::must_be_new(keep)?;
        files::folder(keep)?;
        let path = keep.components().collect();
        Ok(Self { path, kept: true })
    }

    /// A new folder in `parent`, or in the platform's temporary folder.
    pub(crate) fn temporary(parent: Option<&Path>) -> Outcome<Self> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
        let path = parent.join(format!("amanat-{:016x}", OsRng.next_u64()));
        files::must_be_new(&path)?;
        files::folder(&path)?;
        Ok(Self { path, kept: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// It stays at the end.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed is left to the platform's own cleaning of its temporary folder.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_stays() {
        let dir = tempfile::tempdir().unwrap();
        let temporary = Scratch::temporary(Some(dir.path())).unwrap();
        let path = temporary.path().to_owned();
        std::fs::write(path.join("x"), "x").unwrap();
        drop(temporary);
        assert!(!path.exists());
        let keep = dir.path().join("keep");
        drop(Scratch::kept(&keep).unwrap());
        assert!(keep.exists());
        assert_eq!(Scratch::kept(&keep).err().unwrap().code(), "exists");
    }
}
