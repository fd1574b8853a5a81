//! The desktop around the window, behind a trait so that screens can be driven without one: file dialogs through the portal,
//! a saved file opened by its program, notifications.
//!
//! No call here blocks the window: each runs on a thread of its own. Where there is no portal, a dialog gives nothing, and the
//! window's own field for a path is there instead.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use amanat_client::{Failure, FailureCode};
use iced::futures::channel::oneshot;

use super::{
    idle,
    notify::{self, Notification},
};
use crate::{
    backend::Later,
    thumbnail::{self, Thumbnail},
};

/// What the window asks of the desktop.
pub trait Host: Send + Sync {
    /// A file that somebody chooses; none where nobody does, or nothing can ask.
    fn pick(&self) -> Later<Option<PathBuf>>;

    /// Where somebody wants a file of this name.
    fn save_as(&self, folder: PathBuf, name: String) -> Later<Option<PathBuf>>;

    /// The size of a file that can be sent.
    fn look_at(&self, path: PathBuf) -> Later<Result<u64, Failure>>;

    /// Opens a file with the program that the desktop has for it.
    fn open(&self, path: PathBuf) -> Later<Result<(), Failure>>;

    /// Shows a notification; that there is nothing to show it is no failure.
    fn notify(&self, notification: Notification) -> Later<()>;

    /// Where files are saved if nobody says otherwise.
    fn downloads(&self) -> PathBuf;

    /// Since the machine started, its sleep counted.
    fn moment(&self) -> Duration;

    /// The thumbnail of an image; none where there is none to be had.
    fn thumbnail(&self, _: PathBuf) -> Later<Option<Thumbnail>> {
        Box::pin(async { None })
    }
}

/// The desktop that this program runs in.
pub struct Desktop;

impl Host for Desktop {
    fn pick(&self) -> Later<Option<PathBuf>> {
        Box::pin(async { rfd::AsyncFileDialog::new().pick_file().await.map(|file| file.path().to_owned()) })
    }

    fn save_as(&self, folder: PathBuf, name: String) -> Later<Option<PathBuf>> {
        let dialog = rfd::AsyncFileDialog::new().set_directory(folder).set_file_name(name);
        Box::pin(async { dialog.save_file().await.map(|file| file.path().to_owned()) })
    }

    fn look_at(&self, path: PathBuf) -> Later<Result<u64, Failure>> {
        on_thread(move || look_at(&path))
    }

    fn open(&self, path: PathBuf) -> Later<Result<(), Failure>> {
        on_thread(move || open(&path))
    }

    fn notify(&self, notification: Notification) -> Later<()> {
        let shown = on_thread(move || {
            notify::show(&notification);
            Ok(())
        });
        Box::pin(async { shown.await.unwrap_or_default() })
    }

    fn downloads(&self) -> PathBuf {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let folder = home.join("Downloads");
        if folder.is_dir() { folder } else { home }
    }

    fn moment(&self) -> Duration {
        idle::now()
    }

    fn thumbnail(&self, path: PathBuf) -> Later<Option<Thumbnail>> {
        Box::pin(async move { thumbnail::of_file(&std::env::current_exe().ok()?, &path).await })
    }
}

/// No desktop: for tests and figures. Files are there all the same.
pub struct Nothing;

impl Host for Nothing {
    fn pick(&self) -> Later<Option<PathBuf>> {
        Box::pin(async { None })
    }

    fn save_as(&self, _: PathBuf, _: String) -> Later<Option<PathBuf>> {
        Box::pin(async { None })
    }

    fn look_at(&self, path: PathBuf) -> Later<Result<u64, Failure>> {
        Box::pin(async move { look_at(&path) })
    }

    fn open(&self, _: PathBuf) -> Later<Result<(), Failure>> {
        Box::pin(async { Err(no_program()) })
    }

    fn notify(&self, _: Notification) -> Later<()> {
        Box::pin(async {})
    }

    fn downloads(&self) -> PathBuf {
        PathBuf::from("/home/secretary/Downloads")
    }

    /// Time goes by as it is told.
    fn moment(&self) -> Duration {
        Duration::ZERO
    }
}

fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Later<Result<T, Failure>> {
    let (tell, told) = oneshot::channel();
    // Whoever asked may be gone.
    std::thread::spawn(move || tell.send(work()).is_ok());
    Box::pin(async { told.await.unwrap_or_else(|_| Err(no_program())) })
}

fn look_at(path: &Path) -> Result<u64, Failure> {
    let meta = fs::metadata(path).map_err(|error| unusable(&error))?;
    if !meta.is_file() {
        return Err(Failure::new(
            FailureCode::File,
            "this is a folder, not a file",
            "choose a file; pack a folder first",
        ));
    }
    fs::File::open(path).map_err(|error| unusable(&error))?;
    Ok(meta.len())
}

fn unusable(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::new(FailureCode::File, "there is no such file", "check its name and folder")
        }
        io::ErrorKind::PermissionDenied => {
            Failure::new(FailureCode::File, "you may not read this file", "ask whoever owns it")
        }
        _ => Failure::new(FailureCode::File, "the file cannot be read", "see whether its disk is in order"),
    }
}

/// Kinds of files that are opened by the desktop; another could be a program, or a page that calls home.
const OPENED: [&str; 16] = [
    "pdf", "txt", "csv", "png", "jpg", "jpeg", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "odp", "rtf",
];

fn open(path: &Path) -> Result<(), Failure> {
    let kind = path.extension().and_then(|kind| kind.to_str()).map(str::to_ascii_lowercase);
    if !kind.is_some_and(|kind| OPENED.contains(&kind.as_str())) {
        return Err(no_program());
    }
    let mut opener = Command::new("xdg-open");
    opener.arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = opener.status().map_err(|_| no_program())?;
    if status.success() { Ok(()) } else { Err(no_program()) }
}

fn no_program() -> Failure {
    let advice = "open it from its folder with a program of your choice";
    Failure::new(FailureCode::File, "this kind of file is not opened from here", advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_can_be_read_are_sent() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("سمری.pdf");
        fs::write(&file, "1234").unwrap();
        assert_eq!(look_at(&file).ok(), Some(4));
        assert!(look_at(dir.path()).unwrap_err().failed.contains("folder"));
        assert!(look_at(&dir.path().join("none")).unwrap_err().failed.contains("no such"));
    }
}
