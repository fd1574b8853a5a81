//! Counts the instructions of the hot paths under valgrind, which a busy machine does not change, and compares them with
//! `pinned.txt`. `tests/counts/run` builds and calls this.
//!
//! ```text
//! amanat-counts check       fails where a path takes more than is pinned, or so much less that the pin is out of date
//! amanat-counts pin         writes pinned.txt anew
//! amanat-counts one PATH    carries one path out; what valgrind runs
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a count that cannot be made is a failed check"
)]

mod group;
mod paths;

use std::{
    collections::BTreeMap,
    env, fs,
    path::PathBuf,
    process::{Command, ExitCode},
};

/// A path may differ from its pin by so many hundredths: keys of other bytes and another C library's copying cost about
/// one, and a change that is worth looking at costs more.
const TOLERANCE: f64 = 0.05;
/// How often a path is carried out.
const TIMES: u32 = 100;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["check"] => check(),
        ["pin"] => {
            pin();
            ExitCode::SUCCESS
        }
        ["one", path] => {
            paths::prepare(path, TIMES).unwrap_or_else(|| panic!("there is no path {path}")).carry_out();
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: amanat-counts check|pin|one PATH");
            ExitCode::from(2)
        }
    }
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("pinned.txt")
}

/// Instructions that carrying `path` out once takes: what valgrind has collected inside `measured`, and nothing of what
/// leads up to it.
fn count(path: &str) -> f64 {
    let own = env::current_exe().unwrap();
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--collect-atstart=no",
            "--toggle-collect=*measured*",
        ])
        .arg(own)
        .args(["one", path])
        .output()
        .expect("valgrind is needed: apt-get install valgrind");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{path}: {words}");
    let collected = words.lines().find_map(|line| line.split_once("Collected :")).map(|(_, count)| count.trim());
    let collected: f64 = collected.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{path}: {words}"));
    assert!(collected > 0.0, "{path}: nothing was collected");
    collected / f64::from(TIMES)
}

fn pin() {
    let mut text = String::from(
        "# Instructions of each path, by `tests/counts/run --pin`: release build, x86-64 with AVX2. Lower is better.\n",
    );
    for path in paths::ALL {
        let counted = count(path);
        println!("{path:18} {counted:12.0}");
        text.push_str(&format!("{path} {counted:.0}\n"));
    }
    fs::write(file(), text).unwrap();
}

fn pinned() -> BTreeMap<String, f64> {
    let text = fs::read_to_string(file()).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(path, count)| (path.to_owned(), count.parse().unwrap()))
        .collect()
}

fn check() -> ExitCode {
    let pinned = pinned();
    let mut failed = pinned.len() != paths::ALL.len();
    println!("{:18} {:>12} {:>12} {:>8}", "PATH", "COUNTED", "PINNED", "");
    for path in paths::ALL {
        let (counted, pin) = (count(path), pinned.get(*path).copied().unwrap_or_default());
        let change = counted / pin - 1.0;
        let verdict = match change {
            change if change > TOLERANCE || !change.is_finite() => "MORE: see why, or pin it with a reason",
            change if change < -TOLERANCE => "LESS: pin it, so that it stays so",
            _ => "",
        };
        failed |= !verdict.is_empty();
        println!("{path:18} {counted:12.0} {pin:12.0} {:+7.1} % {verdict}", change * 100.0);
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
