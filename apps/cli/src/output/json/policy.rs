//! What `amanat policy` and `amanat scan` print under `--json` (protocol-spec/json-output.md, section 3).

use amanat_policy::diff::Difference;
use serde::Serialize;

/// `scan`.
#[derive(Serialize)]
pub(crate) struct Scanned<'a> {
    pub(crate) verdict: &'static str,
    pub(crate) action: &'static str,
    pub(crate) findings: Vec<Found<'a>>,
}

/// Distinct values of one kind.
#[derive(Serialize)]
pub(crate) struct Found<'a> {
    pub(crate) kind: &'a str,
    pub(crate) count: u32,
}

/// `policy check`.
#[derive(Serialize)]
pub(crate) struct PolicyChecked {
    pub(crate) number: u32,
    pub(crate) rules: usize,
    pub(crate) markings: usize,
    pub(crate) tables: usize,
    pub(crate) procedures: usize,
    pub(crate) changes: usize,
    pub(crate) bytes: usize,
}

/// `policy diff`.
#[derive(Serialize)]
pub(crate) struct PolicyChange<'a> {
    about: &'a str,
    before: Option<&'a str>,
    after: Option<&'a str>,
}

impl<'a> From<&'a Difference> for PolicyChange<'a> {
    fn from(change: &'a Difference) -> Self {
        Self { about: &change.about, before: change.before.as_deref(), after: change.after.as_deref() }
    }
}

/// `policy simulate`: a text that would be judged otherwise, ...
#[derive(Serialize)]
pub(crate) struct PolicyText {
    pub(crate) file: String,
    pub(crate) before: &'static str,
    pub(crate) after: &'static str,
}

/// ... and the last line.
#[derive(Serialize)]
pub(crate) struct PolicySimulated {
    pub(crate) texts: usize,
    pub(crate) skipped: usize,
    pub(crate) changed: usize,
}
