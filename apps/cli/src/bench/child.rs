//! A process of a benchmark, seen from its parent: this program again, told what to do line by line.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child as Process, ChildStdin, Command, Stdio},
    time::Duration,
};

use tokio::sync::mpsc;

use super::process::Watched;
use crate::{
    context::Interrupt,
    problem::{Outcome, Problem},
};

/// Lines that may wait.
const LINES: usize = 64;
/// How long a child may take to end by itself.
const FAREWELL: Duration = Duration::from_secs(10);

/// A child; killed if it is dropped.
pub(super) struct Child {
    process: Process,
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
}

impl Child {
    /// `amanat --profile PROFILE bench WORDS`, with the passphrase in its environment.
    pub(super) fn start(profile: &Path, passphrase: &str, words: &[&str]) -> Outcome<Self> {
        let failed = |error| Problem::file("start a process of", Path::new("amanat"), &error);
        let program = std::env::current_exe().map_err(failed)?;
        let mut process = Command::new(program)
            .arg("--profile")
            .arg(profile)
            .arg("bench")
            .args(words)
            .env("AMANAT_PASSPHRASE", passphrase)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take();
        let (tell, lines) = mpsc::channel(LINES);
        std::thread::spawn(move || {
            for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
                let Ok(line) = line else { return };
                if tell.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { process, stdin, lines })
    }

    /// For its processor time and memory.
    pub(super) fn watched(&self) -> Watched {
        Watched::new(self.process.id())
    }

    /// Tells it to do something.
    pub(super) fn tell(&mut self, line: &str) -> Outcome {
        let stdin = self.stdin.as_mut().ok_or_else(gone)?;
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).map_err(|_| gone())
    }

    /// Waits for a line that begins with `word`, and gives the rest of it.
    pub(super) async fn hears(&mut self, interrupt: &mut Interrupt, word: &str) -> Outcome<String> {
        loop {
            let line = interrupt.or(self.lines.recv()).await?.ok_or_else(gone)?;
            if let Some(rest) = line.strip_prefix(word) {
                return Ok(rest.trim().to_owned());
            }
            if let Some(failed) = line.strip_prefix("failed ") {
                return Err(Problem::new("internal", failed, "Run the benchmark again."));
            }
        }
    }

    /// Lets it end by itself: its input is closed.
    pub(super) async fn end(mut self) -> Outcome {
        drop(self.stdin.take());
        // Its output ends when it does.
        let ended = async { while self.lines.recv().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, ended).await.is_err() {
            return Err(Problem::internal("A process of the benchmark did not end."));
        }
        let status = self.process.wait().map_err(|_| gone())?;
        if status.success() { Ok(()) } else { Err(gone()) }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It has ended already, in most cases.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn gone() -> Problem {
    Problem::internal("A process of the benchmark ended before its time.")
}
