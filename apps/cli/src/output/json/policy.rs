//! What `amanat policy` and `amanat scan` print under `--json` (protocol-spec/json-output.md, section 3).

use amanat_client::api::RecordView;
use amanat_policy::diff::Difference;
use serde::Serialize;

use crate::output::time::utc;

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

/// `policy records`.
#[derive(Serialize)]
pub(crate) struct PolicyRecord<'a> {
    number: u64,
    at: String,
    conversation: Option<String>,
    tier: &'static str,
    what: &'static str,
    action: &'static str,
    outcome: &'static str,
    findings: Vec<Found<'a>>,
    unread: bool,
    reason: Option<&'a str>,
}

impl<'a> From<&'a RecordView> for PolicyRecord<'a> {
    fn from(record: &'a RecordView) -> Self {
        Self {
            number: record.number,
            at: utc(record.at),
            conversation: record.conversation.map(|id| id.to_string()),
            tier: record.tier.name(),
            what: record.subject.name(),
            action: record.action.name(),
            outcome: if record.passed { "sent" } else { "stopped" },
            findings: record.found.iter().map(|(kind, count)| Found { kind: kind.as_str(), count: *count }).collect(),
            unread: record.unread,
            reason: Some(record.reason.as_str()).filter(|reason| !reason.is_empty()),
        }
    }
}
