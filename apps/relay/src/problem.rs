//! What is said when something fails: what, why, and on a second line what to try.

use std::{error::Error, fmt::Write as _, io::Write as _, process::ExitCode};

use anstyle::{AnsiColor, Style};

/// A failure, in words.
#[derive(Debug)]
pub(crate) struct Problem {
    failed: String,
    advice: String,
    usage: bool,
}

impl Problem {
    /// `error` with its causes, and what to try.
    pub(crate) fn new(error: &dyn Error, advice: impl Into<String>) -> Self {
        let mut failed = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some errors repeat their cause in their own words.
            if !failed.contains(&text) {
                // Writing to a String cannot fail.
                let _ = write!(failed, ": {text}");
            }
            cause = error.source();
        }
        Self { failed, advice: advice.into(), usage: false }
    }

    /// Failed without an error value.
    pub(crate) fn said(failed: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { failed: failed.into(), advice: advice.into(), usage: false }
    }

    /// The caller used the program wrongly.
    pub(crate) fn usage(mut self) -> Self {
        self.usage = true;
        self
    }

    /// Writes it to the standard error.
    pub(crate) fn show(&self) {
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let dim = Style::new().bold();
        let mut out = anstream::stderr().lock();
        // Nobody is left to be told.
        let _ = writeln!(out, "{red}error:{red:#} {}", self.failed.trim_end());
        if !self.advice.is_empty() {
            let _ = writeln!(out, "{dim}  try:{dim:#} {}", self.advice);
        }
    }

    /// The exit status.
    pub(crate) fn status(&self) -> ExitCode {
        ExitCode::from(if self.usage { 2 } else { 1 })
    }
}
