//! A document's progress bar: on stderr, on a terminal only.

use std::collections::HashMap;

use amanat_client::api::{Direction, Progress};
use amanat_primitives::DocumentId;
use indicatif::{ProgressBar, ProgressStyle};

use super::Screen;

/// The bars of the documents that are on their way.
#[derive(Default)]
pub(crate) struct Bars {
    shown: bool,
    bars: HashMap<DocumentId, ProgressBar>,
}

impl Bars {
    /// None are drawn where `screen` has no terminal.
    pub(crate) fn new(screen: &Screen) -> Self {
        Self { shown: screen.shows_progress(), bars: HashMap::new() }
    }

    /// Moves a document's bar.
    pub(crate) fn update(&mut self, progress: &Progress) {
        if !self.shown {
            return;
        }
        let bar = self.bars.entry(progress.document).or_insert_with(|| {
            let verb = match progress.direction {
                Direction::Sending => "sending",
                Direction::Fetching => "fetching",
            };
            let template = "{prefix} [{bar:30}] {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}";
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(progress.total).with_style(style.progress_chars("=> "));
            bar.set_prefix(verb);
            bar
        });
        bar.set_position(progress.done.min(progress.total));
    }

    /// Takes all bars off the screen.
    pub(crate) fn clear(&mut self) {
        for bar in self.bars.drain() {
            bar.1.finish_and_clear();
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Counts up to a number that is known: on stderr, on a terminal only.
pub(crate) struct Count(Option<ProgressBar>);

impl Count {
    /// What is done to each of `total`.
    pub(crate) fn new(screen: &Screen, what: &'static str, total: u64) -> Self {
        Self(screen.shows_progress().then(|| {
            let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {eta}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total).with_style(style.progress_chars("=> ")).with_prefix(what)
        }))
    }

    /// So many are done.
    pub(crate) fn set(&self, done: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(done);
        }
    }

    /// So many more are done.
    pub(crate) fn add(&self, done: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(done);
        }
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
