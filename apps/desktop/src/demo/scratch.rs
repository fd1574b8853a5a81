//! The demonstration's folder: for its owner alone, and removed at the end.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

/// The folder; removed when dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A new one. Named by the process, so that one that executed itself anew finds what it left and removes it.
    pub(super) fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("amanat-demo-{}", std::process::id()));
        if path.symlink_metadata().is_ok() {
            fs::remove_dir_all(&path)?;
        }
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to the platform's own cleaning of its temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}
