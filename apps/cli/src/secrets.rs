//! Passphrases (protocol-spec/01-primitives, section 11): where they come from.
//!
//! First the variable of the purpose, then the variable's `_FILE`, then the same two of `AMANAT_PASSPHRASE`, then a
//! prompt on the terminal. Without a variable and without a terminal the command fails at once; it never waits for
//! an answer that nobody can give.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufRead as _, BufReader, IsTerminal, Read, Write as _},
    path::Path,
};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::problem::{Outcome, Problem};

/// What a passphrase opens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// A person's profile.
    Profile,
    /// An officer's or auditor's keys.
    Officer,
    /// The authority's root key.
    Root,
    /// A file of messages.
    History,
    /// A person's profile, from now on.
    New,
}

/// Longest passphrase in bytes; what is longer is a file named by mistake.
const LONGEST: u64 = 1024;
/// Shortest new passphrase, in characters.
const SHORTEST_NEW: usize = 8;
const FALLBACK: &str = "AMANAT_PASSPHRASE";

impl Purpose {
    fn variable(self) -> &'static str {
        match self {
            Self::Profile => FALLBACK,
            Self::Officer => "AMANAT_OFFICER_PASSPHRASE",
            Self::Root => "AMANAT_ROOT_PASSPHRASE",
            Self::History => "AMANAT_HISTORY_PASSPHRASE",
            Self::New => "AMANAT_NEW_PASSPHRASE",
        }
    }

    fn of(self) -> &'static str {
        match self {
            Self::Profile | Self::New => "this profile",
            Self::Officer => "the officer's keys",
            Self::Root => "the authority's root key",
            Self::History => "the history file",
        }
    }
}

/// The passphrase of something that exists.
pub(crate) fn passphrase(purpose: Purpose) -> Outcome<Zeroizing<String>> {
    if let Some(found) = from_variables(purpose, &|name| std::env::var_os(name))? {
        return Ok(found);
    }
    refuse_without_terminal(purpose)?;
    prompt(&format!("Passphrase of {}: ", purpose.of()))
}

/// The passphrase of something that is being created: asked for twice.
pub(crate) fn new_passphrase(purpose: Purpose) -> Outcome<Zeroizing<String>> {
    if let Some(found) = from_variables(purpose, &|name| std::env::var_os(name))? {
        return strong_enough(found);
    }
    refuse_without_terminal(purpose)?;
    let first = strong_enough(prompt(&format!("New passphrase for {}: ", purpose.of()))?)?;
    let second = prompt("The same once more: ")?;
    if *first != *second {
        return Err(Problem::new("passphrase", "The two passphrases differ.", "Run the command again."));
    }
    Ok(first)
}

/// The code of an invitation: `AMANAT_CODE` or a prompt. Its groups can be typed in any case.
pub(crate) fn invitation_code() -> Outcome<Zeroizing<String>> {
    if let Some(found) = variable("AMANAT_CODE", &|name| std::env::var_os(name))? {
        return Ok(found);
    }
    if !can_prompt() {
        return Err(Problem::new(
            "invitation",
            "This invitation is closed with a code, and there is no terminal to ask for it.",
            "Set AMANAT_CODE to the code that the security officer told you.",
        ));
    }
    prompt("Code of this invitation (the security officer tells you): ")
}

fn strong_enough(passphrase: Zeroizing<String>) -> Outcome<Zeroizing<String>> {
    if passphrase.chars().count() < SHORTEST_NEW {
        return Err(Problem::new(
            "passphrase",
            format!("A passphrase has at least {SHORTEST_NEW} characters."),
            "Four or more words that belong together only for you are easy to remember and hard to guess.",
        ));
    }
    Ok(passphrase)
}

fn refuse_without_terminal(purpose: Purpose) -> Outcome {
    if can_prompt() {
        return Ok(());
    }
    let name = purpose.variable();
    Err(Problem::new(
        "passphrase",
        format!("The passphrase of {} is needed, and there is no terminal to ask for it.", purpose.of()),
        format!("Set {name}, or {name}_FILE to a file that holds it."),
    ))
}

fn from_variables(
    purpose: Purpose,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Outcome<Option<Zeroizing<String>>> {
    if let Some(found) = variable(purpose.variable(), environment)? {
        return Ok(Some(found));
    }
    if matches!(purpose, Purpose::Profile | Purpose::New) { Ok(None) } else { variable(FALLBACK, environment) }
}

fn variable(name: &str, environment: &dyn Fn(&str) -> Option<OsString>) -> Outcome<Option<Zeroizing<String>>> {
    let set = |name: &str| environment(name).filter(|value| !value.is_empty());
    if let Some(value) = set(name) {
        let text = value.into_string().map_err(|_| {
            Problem::new("passphrase", format!("{name} is not UTF-8."), "Set it to text, or use its _FILE form.")
        })?;
        return Ok(Some(Zeroizing::new(text)));
    }
    match set(&format!("{name}_FILE")) {
        Some(path) => first_line(Path::new(&path)).map(Some),
        None => Ok(None),
    }
}

/// The file's first line, without its end.
fn first_line(path: &Path) -> Outcome<Zeroizing<String>> {
    let file = File::open(path).map_err(|error| Problem::file("read the passphrase file", path, &error))?;
    let mut text = Zeroizing::new(String::with_capacity(LONGEST as usize + 1));
    file.take(LONGEST + 1)
        .read_to_string(&mut text)
        .map_err(|error| Problem::file("read the passphrase file", path, &error))?;
    let line = text.lines().next().unwrap_or_default();
    if text.len() as u64 > LONGEST || line.is_empty() {
        return Err(Problem::new(
            "passphrase",
            format!("{} does not hold a passphrase: its first line is empty, or it is too long.", path.display()),
            "Write the passphrase, and nothing else, into that file.",
        ));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

/// Asks on the terminal; no line, or any but a yes, is a no. Blocks.
pub(crate) fn says_yes(question: &str) -> Outcome<bool> {
    Ok(is_yes(&line(&format!("{question} [y/N]"))?))
}

/// Asks for a line on the terminal, without the spaces around it; empty where there is none. Blocks.
pub(crate) fn line(question: &str) -> Outcome<String> {
    let failed = |error: io::Error| Problem::file("ask on", Path::new("/dev/tty"), &error);
    let mut terminal = File::options().read(true).write(true).open("/dev/tty").map_err(failed)?;
    write!(terminal, "{question} ").and_then(|()| terminal.flush()).map_err(failed)?;
    let mut answer = String::new();
    BufReader::new(terminal.take(LONGEST)).read_line(&mut answer).map_err(failed)?;
    Ok(answer.trim().to_owned())
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Somebody can answer: a terminal stands behind stdin or stderr.
pub(crate) fn can_prompt() -> bool {
    (io::stdin().is_terminal() || io::stderr().is_terminal()) && File::open("/dev/tty").is_ok()
}

fn prompt(text: &str) -> Outcome<Zeroizing<String>> {
    match rpassword::prompt_password(text) {
        Ok(answer) => Ok(Zeroizing::new(answer)),
        Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof) => {
            Err(Problem::interrupted())
        }
        Err(error) => Err(Problem::file("ask on", Path::new("/dev/tty"), &error)),
    }
}

/// The terminal's settings as they were when the program began, so that one that ends in the middle of a prompt
/// gives the terminal its echo back.
pub(crate) struct TerminalGuard(Option<(File, Termios)>);

impl TerminalGuard {
    /// Remembers the settings, where there is a terminal.
    pub(crate) fn new() -> Self {
        let saved = File::open("/dev/tty").ok().and_then(|tty| {
            let settings = tcgetattr(&tty).ok()?;
            Some((tty, settings))
        });
        Self(saved)
    }

    /// Puts them back.
    pub(crate) fn restore(&self) {
        if let Some((tty, settings)) = &self.0 {
            // Nothing can be done about a terminal that has gone.
            let _ = tcsetattr(tty, OptionalActions::Now, settings);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn found(purpose: Purpose, set: &[(&str, &str)]) -> Option<String> {
        let map: HashMap<String, OsString> = set.iter().map(|(k, v)| ((*k).to_owned(), OsString::from(v))).collect();
        from_variables(purpose, &|name| map.get(name).cloned()).unwrap().map(|text| text.to_string())
    }

    #[test]
    fn the_own_variable_wins_then_its_file_then_the_general_one() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "from a file\nsecond line").unwrap();
        let path = file.path().to_str().unwrap();
        let general = ("AMANAT_PASSPHRASE", "general");
        let own = ("AMANAT_ROOT_PASSPHRASE", "own");
        let own_file = ("AMANAT_ROOT_PASSPHRASE_FILE", path);
        assert_eq!(found(Purpose::Root, &[general, own, own_file]).unwrap(), "own");
        assert_eq!(found(Purpose::Root, &[general, own_file]).unwrap(), "from a file");
        assert_eq!(found(Purpose::Root, &[general]).unwrap(), "general");
        assert_eq!(found(Purpose::Root, &[("AMANAT_PASSPHRASE_FILE", path)]).unwrap(), "from a file");
        assert_eq!(found(Purpose::Root, &[]), None);
        assert_eq!(found(Purpose::Root, &[general, ("AMANAT_ROOT_PASSPHRASE", "")]).unwrap(), "general");
        // A profile is never opened with an officer's passphrase.
        assert_eq!(found(Purpose::Profile, &[("AMANAT_OFFICER_PASSPHRASE", "own")]), None);
        assert_eq!(found(Purpose::Profile, &[general]).unwrap(), "general");
        // A new one is never the old one by mistake.
        assert_eq!(found(Purpose::New, &[general]), None);
        assert_eq!(found(Purpose::New, &[general, ("AMANAT_NEW_PASSPHRASE", "another")]).unwrap(), "another");
    }

    #[test]
    fn empty_and_overlong_files_are_refused() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(first_line(file.path()).unwrap_err().code(), "passphrase");
        file.write_all(&[b'x'; 1025]).unwrap();
        assert_eq!(first_line(file.path()).unwrap_err().code(), "passphrase");
        assert_eq!(first_line(Path::new("/nonexistent/file")).unwrap_err().code(), "file");
    }

    #[test]
    fn only_a_yes_is_one() {
        assert!(["y\n", "Yes\n", " y"].into_iter().all(is_yes));
        assert!(!["", "\n", "n\n", "no\n", "yesterday\n"].into_iter().any(is_yes));
    }

    #[test]
    fn short_new_passphrases_are_refused() {
        assert!(strong_enough(Zeroizing::new("1234567".into())).is_err());
        assert!(strong_enough(Zeroizing::new("خفیہ جملہ".into())).is_ok());
    }
}
