//! Command lines that are none, and runs that nobody can answer.

use std::time::{Duration, Instant};

use crate::amanat::{code, done, object, refused, run_with, text};

#[test]
fn what_is_not_a_command_line_exits_with_2() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for args in [
        &["frobnicate"][..],
        &["status", "--frobnicate"],
        &["invite", "--person", "x"],
        &["new", "title", "--tier", "ultra", "--member", "x"],
        &["authority", "init", "--domain", "NOT A DOMAIN", "--name", "x", "--out", "a"],
        &["authority", "init", "--domain", "a.example", "--name", " ", "--out", "a"],
    ] {
        refused(dir, 2, args);
        assert_eq!(code(dir, args), "usage", "{args:?}");
    }
    // Nothing to send: the error shows how.
    let words = refused(dir, 2, &["send", "secretary"]);
    assert!(words.contains("amanat send secretary \"...\"") && words.contains("--file PATH"), "{words}");
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 0, "nothing is made on the way");
}

#[test]
fn an_error_says_what_failed_and_on_a_second_line_what_to_try() {
    let dir = tempfile::tempdir().unwrap();
    let words = refused(dir.path(), 1, &["status"]);
    let lines: Vec<&str> = words.lines().collect();
    assert_eq!(lines.len(), 2, "{words}");
    assert!(lines[0].starts_with("error: There is no profile in ") && lines[1].starts_with("  try: Join first"));
    assert!(!words.contains('\u{1b}'), "no colour in a pipe");
    assert_eq!(code(dir.path(), &["status"]), "no-profile");
}

#[test]
fn without_a_terminal_and_a_variable_nothing_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let args = ["authority", "init", "--domain", "a.example", "--name", "A", "--out", "a"];
    let output = run_with(dir.path(), &[], &args);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("Set AMANAT_ROOT_PASSPHRASE, or AMANAT_ROOT_PASSPHRASE_FILE"));
    assert!(begun.elapsed() < Duration::from_secs(10), "it asked someone");
    // A root passphrase is no officer's.
    let output = run_with(dir.path(), &[("AMANAT_ROOT_PASSPHRASE", "long enough")], &args);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("Set AMANAT_OFFICER_PASSPHRASE"));
    assert!(!dir.path().join("a").exists());
}

#[test]
fn help_and_completions_need_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for args in [&["--help"][..], &["send", "--help"], &["authority", "certify", "--help"], &["help", "save"]] {
        assert!(done(dir.path(), args).contains("Examples:"), "{args:?}");
    }
    assert!(done(dir.path(), &["--version"]).starts_with("amanat "));
    for shell in ["bash", "zsh", "fish"] {
        assert!(done(dir.path(), &["completions", shell]).contains("amanat"));
        assert_eq!(object(dir.path(), &["completions", shell])["shell"], shell);
    }
}
