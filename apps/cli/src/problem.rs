//! What went wrong, for people and scripts (protocol-spec/json-output.md, section 2): what failed, and what to try.

use std::{fmt, io, path::Path};

use amanat_client::Failure;

/// A command's failure: printed by `output`, never by the command itself.
#[derive(Debug)]
pub(crate) struct Problem {
    code: &'static str,
    failed: String,
    advice: String,
    status: u8,
}

/// What commands return.
pub(crate) type Outcome<T = ()> = Result<T, Problem>;

impl Problem {
    /// The reader of our output has gone: there is nobody left to tell.
    pub(crate) const READER_GONE: &'static str = "reader-gone";
    /// Ctrl-C.
    pub(crate) const INTERRUPTED: &'static str = "interrupted";

    /// Refused or failed: exit status 1.
    pub(crate) fn new(code: &'static str, failed: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { code, failed: failed.into(), advice: advice.into(), status: 1 }
    }

    /// The command line cannot be understood: exit status 2.
    pub(crate) fn usage(failed: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { code: "usage", failed: failed.into(), advice: advice.into(), status: 2 }
    }

    /// Several at once: all that failed, and what to try about the first.
    pub(crate) fn all(problems: Vec<Self>) -> Option<Self> {
        problems.into_iter().reduce(|first, next| Self { failed: format!("{} {}", first.failed, next.failed), ..first })
    }

    /// The user pressed Ctrl-C: exit status 130, as shells expect.
    pub(crate) fn interrupted() -> Self {
        Self {
            code: Self::INTERRUPTED,
            failed: "Stopped before the end, as you asked. Nothing is lost.".into(),
            advice: "Run the same command again: what was queued is still queued, what was fetched is kept.".into(),
            status: 130,
        }
    }

    /// A file or folder could not be used. `doing` completes "cannot ...".
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => "Check the path; there is nothing by that name.".to_owned(),
            io::ErrorKind::PermissionDenied => {
                "Check who owns it and its mode: ls -ld on it and its folder.".to_owned()
            }
            io::ErrorKind::AlreadyExists => "Choose another name, or move the old file away first.".to_owned(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "Free some space on that disk (df -h shows how much is left), then run the command again.".to_owned()
            }
            io::ErrorKind::ReadOnlyFilesystem => "Choose a folder on a disk that can be written.".to_owned(),
            _ => "See whether the disk and the path are in order, then run the command again.".to_owned(),
        };
        let code = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "disk-full",
            io::ErrorKind::AlreadyExists => "exists",
            _ => "file",
        };
        Self::new(code, format!("Cannot {doing} {}: {}.", path.display(), plain_io(error)), advice)
    }

    /// Our own output could not be written.
    pub(crate) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Self::READER_GONE, "", "");
        }
        Self::new(
            "file",
            format!("Cannot write the output: {}.", plain_io(error)),
            "See whether the disk it goes to is full.",
        )
    }

    /// A fault of this program.
    pub(crate) fn internal(failed: impl Into<String>) -> Self {
        Self::new(
            "internal",
            failed,
            "Run the command again; if it fails the same way, report it with the version (amanat --version).",
        )
    }

    /// As `--json` prints it; see the page.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// What failed, one sentence.
    pub(crate) fn failed(&self) -> &str {
        &self.failed
    }

    /// What to try, one sentence or two.
    pub(crate) fn advice(&self) -> &str {
        &self.advice
    }

    /// The process's exit status.
    pub(crate) fn status(&self) -> u8 {
        self.status
    }
}

/// The operating system's words without Rust's "(os error 2)", which helps nobody.
fn plain_io(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error") {
        Some(at) => text.get(..at).unwrap_or(&text).to_lowercase(),
        None => text,
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code.name(),
            failed: sentence(&failure.failed),
            advice: sentence(&failure.advice),
            status: 1,
        }
    }
}

/// The engine's words as a sentence: with a capital, unless they begin with a name or an id, and a full stop.
pub(crate) fn sentence(words: &str) -> String {
    let mut out = String::with_capacity(words.len() + 1);
    let first = words.split_whitespace().next().unwrap_or_default();
    let mut rest = words.chars();
    if first.chars().all(|c| c.is_ascii_lowercase() || matches!(c, ',' | '\'')) {
        out.extend(rest.next().map(|c| c.to_ascii_uppercase()));
    }
    out.push_str(rest.as_str());
    if !out.is_empty() && !out.ends_with(['.', '!', '?']) {
        out.push('.');
    }
    out
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.failed)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_words_become_sentences() {
        assert_eq!(sentence("there is no profile in /x"), "There is no profile in /x.");
        assert_eq!(sentence("clerk@a.example has no device"), "clerk@a.example has no device.");
        assert_eq!(sentence("Done."), "Done.");
        assert_eq!(sentence(""), "");
    }

    #[test]
    fn system_errors_read_as_sentences() {
        let problem = Problem::file("read", Path::new("x"), &io::Error::from_raw_os_error(2));
        assert_eq!(problem.failed(), "Cannot read x: no such file or directory.");
        assert_eq!((problem.code(), problem.status()), ("file", 1));
        let full = Problem::file("write", Path::new("x"), &io::Error::from_raw_os_error(28));
        assert_eq!(full.code(), "disk-full");
    }
}
