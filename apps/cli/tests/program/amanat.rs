//! Runs the binary.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

pub(crate) const PASSPHRASE: &str = "correct horse battery staple";

/// `amanat ARGS` with these variables and no others of ours, without a terminal, in an own home.
pub(crate) fn run_with(dir: &Path, variables: &[(&str, &str)], args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_amanat"));
    command.args(args).current_dir(dir).stdin(Stdio::null()).env_clear().env("HOME", dir);
    for (name, value) in variables {
        command.env(name, value);
    }
    command.output().unwrap()
}

/// The same with one passphrase for everything.
pub(crate) fn run(dir: &Path, args: &[&str]) -> Output {
    run_with(dir, &[("AMANAT_PASSPHRASE", PASSPHRASE)], args)
}

/// Must be done; what it printed on stdout.
pub(crate) fn done(dir: &Path, args: &[&str]) -> String {
    let output = run(dir, args);
    assert!(output.status.success(), "{args:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Must be done with `--json`; the objects it printed, and nothing else.
pub(crate) fn objects(dir: &Path, args: &[&str]) -> Vec<Value> {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    done(dir, &args).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The one object.
pub(crate) fn object(dir: &Path, args: &[&str]) -> Value {
    let mut all = objects(dir, args);
    assert_eq!(all.len(), 1, "{args:?}: {all:?}");
    all.remove(0)
}

/// Must be refused with this status; what failed and what to try, as a person reads it.
pub(crate) fn refused(dir: &Path, status: i32, args: &[&str]) -> String {
    let output = run(dir, args);
    let words = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {words}");
    assert_eq!(text(&output.stdout), "", "{args:?}");
    words
}

/// Must be refused with `--json`; the code of the error, which is the last line.
pub(crate) fn code(dir: &Path, args: &[&str]) -> String {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    let output = run(dir, &args);
    assert_ne!(output.status.code(), Some(0), "{args:?}");
    let printed = text(&output.stdout);
    let last: Value = serde_json::from_str(printed.lines().last().unwrap_or_default()).unwrap();
    assert!(last["failed"].as_str().is_some_and(|words| !words.is_empty()), "{last}");
    assert!(last["try"].as_str().is_some_and(|words| !words.is_empty()), "{last}");
    last["error"].as_str().unwrap().to_owned()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
