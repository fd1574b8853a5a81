//! Locking: this program begins anew in place of itself, so that the process that held keys and text is gone.
//!
//! Nothing of it can be wiped in place: widgets and libraries keep copies. What the new process is given is the arguments
//! and the environment of the old one; files and locks of the old one are closed as it is replaced. Where the engine has
//! stopped by itself, the new one is told its failure's name, which is one of a list: no text goes from the one to the other.

use std::{
    env,
    ffi::OsString,
    fs, io,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use amanat_client::FailureCode;

/// This program, whatever its name leads to by now.
const SELF: &str = "/proc/self/exe";

/// The variable that says why the one before has stopped.
const WHY: &str = "AMANAT_STOPPED";

/// What may be said.
const KNOWN: [FailureCode; 12] = [
    FailureCode::Offline,
    FailureCode::RelayIdentity,
    FailureCode::Refused,
    FailureCode::Expired,
    FailureCode::Clock,
    FailureCode::Revoked,
    FailureCode::InUse,
    FailureCode::Damaged,
    FailureCode::DiskFull,
    FailureCode::File,
    FailureCode::NotApproved,
    FailureCode::Internal,
];

/// Begins anew, and says why where it had to. Where that cannot be, the process ends: what it held is gone in either case.
pub fn relock(why: Option<FailureCode>) -> ! {
    failed(&program(env::args_os(), why).exec())
}

/// Why the one before has stopped; none where it was locked, or this is the first.
#[must_use]
pub fn why() -> Option<FailureCode> {
    named(env::var_os(WHY)?.to_str()?)
}

fn named(name: &str) -> Option<FailureCode> {
    KNOWN.into_iter().find(|code| code.name() == name)
}

fn program(arguments: impl Iterator<Item = OsString>, why: Option<FailureCode>) -> Command {
    let mut arguments = arguments;
    let name = arguments.next().unwrap_or_else(|| env!("CARGO_PKG_NAME").into());
    let mut command = Command::new(path());
    command.arg0(name).args(arguments).env_remove(WHY);
    if let Some(code) = why {
        let code = if KNOWN.contains(&code) { code } else { FailureCode::Internal };
        command.env(WHY, code.name());
    }
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
        let command = program(arguments.iter().map(OsString::from), None);
        assert!(same(Path::new(command.get_program())), "the same program");
        assert_eq!(command.get_args().collect::<Vec<_>>(), arguments.get(1..).unwrap());
        assert!(!same(Path::new("/bin/sh")));
    }

    #[test]
    fn it_is_told_why_by_a_known_name_alone() {
        let told = |why| {
            let command = program(std::iter::empty(), why);
            let told = command.get_envs().find(|(name, _)| *name == WHY).unwrap().1.map(OsString::from);
            told.map(|told| told.into_string().unwrap())
        };
        assert_eq!(told(None), None, "what the one before was told is not told again");
        assert_eq!(told(Some(FailureCode::DiskFull)).as_deref(), Some("disk-full"));
        assert_eq!(told(Some(FailureCode::Ambiguous)).as_deref(), Some("internal"));
        assert!(KNOWN.into_iter().all(|code| named(code.name()) == Some(code)));
        for hostile in ["", "disk-full ", "Call +92…", "ambiguous"] {
            assert_eq!(named(hostile), None);
        }
    }
}
