//! Locking: this program begins anew in place of itself, so that the process that held keys and text is gone.
//!
//! Nothing of it can be wiped in place: widgets and libraries keep copies. What the new process is given is the arguments
//! and the environment of the old one; files and locks of the old one are closed as it is replaced.

use std::{
    env,
    ffi::OsString,
    fs, io,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

/// This program, whatever its name leads to by now.
const SELF: &str = "/proc/self/exe";

/// Begins anew. Where that cannot be, the process ends: what it held is gone in either case.
pub fn relock() -> ! {
    failed(&program(env::args_os()).exec())
}

fn program(arguments: impl Iterator<Item = OsString>) -> Command {
    let mut arguments = arguments;
    let name = arguments.next().unwrap_or_else(|| env!("CARGO_PKG_NAME").into());
    let mut command = Command::new(path());
    command.arg0(name).args(arguments);
    command
}

/// Under its own name where that is still the same file, so that lists of processes show it.
fn path() -> PathBuf {
    let named = env::current_exe().ok().filter(|path| same(path));
    named.unwrap_or_else(|| SELF.into())
}

fn same(path: &Path) -> bool {
    let id = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    id(path).is_some_and(|file| id(Path::new(SELF)) == Some(file))
}

#[allow(clippy::print_stderr)] // there is no window any more
fn failed(error: &io::Error) -> ! {
    eprintln!("It is locked, and cannot be shown again: {error}.\nStart the program again.");
    std::process::exit(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_anew_with_the_same_arguments() {
        let arguments = ["amanat-desktop", "--profile", "/data/یہاں"];
        let command = program(arguments.iter().map(OsString::from));
        assert!(same(Path::new(command.get_program())), "the same program");
        assert_eq!(command.get_args().collect::<Vec<_>>(), arguments.get(1..).unwrap());
        assert!(!same(Path::new("/bin/sh")));
    }
}
