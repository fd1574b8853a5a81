//! `amanat-relay check`.

use std::{io::Write as _, path::Path, time::SystemTime};

use amanat_relay_core::check::{Verdict, check as findings};
use anstyle::{AnsiColor, Style};

use crate::problem::Problem;

pub(crate) fn check(dir: &Path) -> Result<(), Problem> {
    let findings = findings(dir, SystemTime::now().into());
    let colour = |colour: AnsiColor| Style::new().bold().fg_color(Some(colour.into()));
    let mut out = anstream::stdout().lock();
    let mut bad = 0usize;
    for finding in &findings {
        let (style, word, advice) = match &finding.verdict {
            Verdict::Good => (colour(AnsiColor::Green), "ok", None),
            Verdict::Remark(advice) => (colour(AnsiColor::Yellow), "note", Some(advice)),
            Verdict::Bad(advice) => {
                bad += 1;
                (colour(AnsiColor::Red), "bad", Some(advice))
            }
        };
        // A reader that went away is told nothing more; the exit status remains.
        let _ = writeln!(out, "{style}{word:<5}{style:#} {:<14} {}", finding.what, finding.found);
        if let Some(advice) = advice {
            let _ = writeln!(out, "      {:<14} try: {advice}", "");
        }
    }
    match bad {
        0 => Ok(()),
        1 => Err(Problem::said("one thing keeps the relay from running", "what stands beside it above")),
        n => Err(Problem::said(format!("{n} things keep the relay from running"), "what stands beside them above")),
    }
}
