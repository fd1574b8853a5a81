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
