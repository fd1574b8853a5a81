//! What happens in a run, line by line with its virtual time: two runs of a seed must give the same.
//!
//! A line holds nothing that OpenMLS, TLS or Noise have drawn by themselves: ids and lengths, and no ciphertext.

use std::sync::{Arc, Mutex};

use amanat_client::{Event, api::LinkState};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

/// Characters of what an engine says that are noted.
const LONGEST: usize = 600;

/// The record of a run. Clones write to the same one.
#[derive(Clone)]
pub(crate) struct Trace {
    begun: Instant,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Trace {
    /// Begins now.
    pub(crate) fn begin() -> Self {
        Self { begun: Instant::now(), lines: Arc::default() }
    }

    /// Notes a line.
    pub(crate) fn note(&self, who: &str, what: impl std::fmt::Display) {
        let at = self.begun.elapsed();
        let line = format!("{:>6}.{:03} {who:<6} {what}", at.as_secs(), at.subsec_millis());
        if std::env::var_os("AMANAT_FOLLOW").is_some() {
            eprintln!("{line}");
        }
        self.lines.lock().unwrap().push(line);
    }

    /// Notes what an engine says.
    pub(crate) fn event(&self, who: &str, event: &Event) {
        match event {
            // A failure's text may name a folder.
            Event::Link(LinkState::Down { failure, retry_in }) => {
                self.note(who, format!("down: {}, again in {retry_in:?}", failure.code.name()));
            }
            Event::Stopped(failure) => self.note(who, format!("stopped: {}", failure.code.name())),
            event => {
                // A long text is the same from its beginning on.
                let text: String = format!("{event:?}").chars().take(LONGEST).collect();
                self.note(who, text);
            }
        }
    }

    /// How many lines there are.
    pub(crate) fn length(&self) -> usize {
        self.lines.lock().unwrap().len()
    }

    /// All lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

/// One line for all of them.
pub(crate) fn digest(lines: &[String]) -> String {
    let mut hasher = Sha256::new();
    lines.iter().for_each(|line| {
        hasher.update(line.as_bytes());
        hasher.update(b"\n");
    });
    hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
