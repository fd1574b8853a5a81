//! What goes to the terminal and to scripts (protocol-spec/json-output.md): the one place that writes.
//!
//! A command makes either JSON objects ([`json`]) or human lines (built with [`table`], [`say`], [`text`]); it never
//! writes by itself. Whatever others wrote goes through [`text::plain`] on its way here.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
};

use serde::Serialize;

use crate::problem::{Outcome, Problem};

pub(crate) mod json;
pub(crate) mod json_line;
pub(crate) mod messages;
pub(crate) mod progress;
pub(crate) mod say;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod time;

/// Where output goes, and in which of the two forms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    json: bool,
    width: Option<usize>,
}

/// Narrower than this, tables are not squeezed any further.
const NARROWEST: usize = 60;

impl Screen {
    /// `json` as on the command line.
    pub(crate) fn new(json: bool) -> Self {
        let width = rustix::termios::tcgetwinsize(io::stdout())
            .ok()
            .map(|size| usize::from(size.ws_col).max(NARROWEST))
            .filter(|_| io::stdout().is_terminal());
        Self { json, width }
    }

    /// Scripts read this run.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Columns of the terminal; `None` in a pipe, where nothing is cut.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// A progress bar would be seen.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.json && io::stderr().is_terminal()
    }

    /// One object on its line.
    pub(crate) fn object(&self, object: &impl Serialize) -> Outcome {
        let line = json_line::encode(object)?;
        write(&mut io::stdout().lock(), &line)
    }

    /// A line, or several, for people; nothing under `--json`.
    pub(crate) fn line(&self, line: impl Display) -> Outcome {
        if self.json { Ok(()) } else { write(&mut anstream::stdout().lock(), &line) }
    }

    /// Something beside the result, for people: on stderr, so that the result can be piped on.
    pub(crate) fn note(&self, note: impl Display) {
        if !self.json {
            // With stderr gone there is nobody to tell.
            let _ = write(&mut anstream::stderr().lock(), &note);
        }
    }

    /// Something that must be seen whatever the form: an alarm or a notice while a command runs. On stderr, as a line
    /// or as an object, so that the command's own output stays what the page says.
    pub(crate) fn warn(&self, line: impl Display, object: &impl Serialize) {
        let _ = match json_line::encode(object) {
            Ok(object) if self.json => write(&mut io::stderr().lock(), &object),
            _ => write(&mut anstream::stderr().lock(), &line),
        };
    }

    /// The end of a command that failed.
    pub(crate) fn problem(&self, problem: &Problem) {
        if problem.code() == Problem::READER_GONE {
            return;
        }
        if self.json {
            let _ = self.object(&json::Error::from(problem));
        } else {
            let _ = write(&mut anstream::stderr().lock(), &say::problem(problem));
        }
    }
}

fn write(to: &mut impl Write, line: &impl Display) -> Outcome {
    writeln!(to, "{line}").and_then(|()| to.flush()).map_err(|error| Problem::output(&error))
}
