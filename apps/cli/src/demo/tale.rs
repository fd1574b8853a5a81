//! How the demonstration speaks: chapters, what each party sees, checks that were really made, figures.

use std::path::Path;

use crate::{
    output::{
        Screen, json,
        table::{self, Cell, Table, paint},
    },
    problem::{Outcome, Problem},
};

/// The demonstration's voice, and its tally.
pub(super) struct Tale {
    screen: Screen,
    dir: String,
    kept: bool,
    program: String,
    chapter: String,
    chapters: usize,
    commands: Vec<String>,
    passed: usize,
    failed: Vec<String>,
    figures: Vec<(String, f64, &'static str)>,
}

impl Tale {
    /// `kept`: the folder stays, so the commands can be run.
    pub(super) fn new(screen: Screen, dir: &Path, kept: bool) -> Self {
        Self {
            screen,
            dir: dir.display().to_string(),
            kept,
            program: program(),
            chapter: String::new(),
            chapters: 0,
            commands: Vec::new(),
            passed: 0,
            failed: Vec::new(),
            figures: Vec::new(),
        }
    }

    /// Begins a chapter.
    pub(super) fn chapter(&mut self, title: &str) -> Outcome {
        self.chapters += 1;
        self.chapter = title.to_owned();
        self.screen.line(format!("\n{}", paint(&format!("{}. {title}", self.chapters), table::STRONG)))
    }

    /// Says something.
    pub(super) fn say(&self, words: &str) -> Outcome {
        self.screen.line(format!("   {words}"))
    }

    /// Shows what someone sees: lines that are already plain.
    pub(super) fn show(&self, whose: &str, lines: &str) -> Outcome {
        self.screen.line(format!("   {}", paint(&format!("┌ {whose}"), table::QUIET)))?;
        for line in lines.lines() {
            self.screen.line(format!("   {} {line}", paint("│", table::QUIET)))?;
        }
        Ok(())
    }

    /// Tells how a check came out; `command` makes it by hand.
    pub(super) fn check(&mut self, what: &str, ok: bool, command: Option<String>) -> Outcome {
        if ok {
            self.passed += 1;
        } else {
            self.failed.push(what.to_owned());
        }
        if self.screen.is_json() {
            return self.screen.object(&json::DemoCheck {
                chapter: self.chapter.clone(),
                check: what.to_owned(),
                ok,
                command,
            });
        }
        self.commands.extend(command);
        let mark = if ok { paint("✓", table::GOOD) } else { paint("✗ NOT SO:", table::BAD) };
        self.screen.line(format!("   {mark} {what}"))
    }

    /// Prints the commands that make this chapter's checks by hand.
    pub(super) fn by_hand(&mut self) -> Outcome {
        if self.commands.is_empty() {
            return Ok(());
        }
        let head = if self.kept { "Check it yourself:" } else { "Check it yourself (with --keep DIR):" };
        self.screen.line(format!("   {}", paint(head, table::QUIET)))?;
        for command in std::mem::take(&mut self.commands) {
            self.screen.line(format!("     {}", paint(&command, table::QUIET)))?;
        }
        Ok(())
    }

    /// A command of this program for one of the demonstration's people.
    pub(super) fn as_person(&self, handle: &str, words: &str) -> String {
        let Self { dir, program, .. } = self;
        format!("AMANAT_PASSPHRASE_FILE={dir}/passphrase {program} --profile {dir}/people/{handle} {words}")
    }

    /// A path in the demonstration's folder.
    pub(super) fn path(&self, below: &str) -> String {
        format!("{}/{below}", self.dir)
    }

    /// Keeps a figure for the end.
    pub(super) fn figure(&mut self, what: &str, value: f64, unit: &'static str) {
        self.figures.push((what.to_owned(), value, unit));
    }

    /// The figures, and whether all of it checked out.
    pub(super) fn end(self) -> Outcome {
        if self.screen.is_json() {
            for (figure, value, unit) in self.figures {
                self.screen.object(&json::DemoFigure { figure, value: (value * 1000.0).round() / 1000.0, unit })?;
            }
        } else {
            let mut table = Table::new(["MEASURED IN THIS RUN", "", ""]);
            for (what, value, unit) in &self.figures {
                table.row([what.into(), Cell::new(format!("{:>9}", number(*value))), (*unit).into()]);
            }
            self.screen.line(format!("\n{}", table.render(self.screen.width())))?;
        }
        let all = self.passed + self.failed.len();
        if self.failed.is_empty() && self.passed > 0 {
            let words = format!("All {all} checks passed.");
            return self.screen.line(format!("\n{}", paint(&words, table::GOOD)));
        }
        Err(Problem::new(
            "internal",
            format!("{} of {all} checks failed: {}.", self.failed.len(), self.failed.join("; ")),
            "Run amanat demo --keep DIR and look at what is there; AMANAT_LOG=debug says more.",
        ))
    }
}

/// Three digits that matter.
fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// This program as it was called, so that the commands can be copied.
fn program() -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    let called = called.to_string_lossy();
    if called.contains('/') { called.into_owned() } else { "amanat".into() }
}
