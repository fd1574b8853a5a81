//! `amanat scan`: what the leak filter says of a text, without sending it (protocol-spec/09-policy, section 4).

use std::{io::Read as _, path::Path};

use amanat_identity::Tier;
use amanat_policy::{Action, Finding, Ready, Verdict};

use super::policy;
use crate::{
    args::Scan,
    context::Context,
    files,
    output::{
        json::{self, Found},
        table::{self, Cell, Table},
    },
    problem::{Outcome, Problem},
};

/// The longest text that is read, in bytes.
pub(super) const TEXT: u64 = 16 << 20;

pub(super) async fn run(context: &Context, words: &Scan) -> Outcome {
    let policy = policy::read(words.policy.as_deref())?;
    let bytes = match words.file.as_deref().filter(|file| *file != Path::new("-")) {
        Some(file) => files::read(file, TEXT, "a text")?,
        None => from_stdin(context).await?,
    };
    match text_of(bytes) {
        Some(text) => judge(context, &policy, words.tier, &text),
        None => unreadable(context, &policy, words.tier),
    }
}

/// Bytes as a text. A zero byte is in none: it may be one in UTF-16, or a document.
pub(super) fn text_of(bytes: Vec<u8>) -> Option<String> {
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

fn unreadable(context: &Context, policy: &Ready, tier: Tier) -> Outcome {
    let action = policy.unreadable(tier);
    if context.screen.is_json() {
        let scanned = json::Scanned { verdict: "unreadable", action: action.name(), findings: Vec::new() };
        return context.screen.object(&scanned);
    }
    context.screen.line(format!("Verdict: unreadable: this is not a text. At {tier} the policy says {action}."))
}

fn judge(context: &Context, policy: &Ready, tier: Tier, text: &str) -> Outcome {
    let found = policy.find(text, tier);
    let verdict = policy.judge(&found, tier);
    if context.screen.is_json() {
        let counts = verdict.counts.iter().map(|(kind, count)| Found { kind: kind.as_str(), count: *count });
        let name = if found.cut { "unreadable" } else { verdict.action.name() };
        let scanned = json::Scanned { verdict: name, action: verdict.action.name(), findings: counts.collect() };
        return context.screen.object(&scanned);
    }
    if found.cut {
        context.screen.note("There is more in this text than is read: it counts as unreadable besides.");
    }
    show(context, text, &found.list, &verdict)
}

fn show(context: &Context, text: &str, findings: &[Finding], verdict: &Verdict) -> Outcome {
    let breaks: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let line_of = |finding: &Finding| breaks.partition_point(|at| *at < finding.range.start) + 1;
    let mut found = Table::new(["KIND", "COUNT", "LINES", "RULES", "ACTION"]);
    for (kind, count) in &verdict.counts {
        let of_kind = || findings.iter().filter(|finding| finding.kind == *kind);
        let mut lines: Vec<usize> = of_kind().map(line_of).collect();
        lines.dedup();
        let mut rules: Vec<&str> = of_kind().map(|finding| finding.rule.as_str()).collect();
        rules.sort_unstable();
        rules.dedup();
        let because = verdict.because.iter().find(|(because, _)| because == kind);
        let action = because.map_or(Action::Allow, |(_, action)| *action);
        found.row([
            kind.to_string().into(),
            count.to_string().into(),
            shortened(&lines).into(),
            rules.join(", ").into(),
            action_cell(action),
        ]);
    }
    if !findings.is_empty() {
        context.screen.line(found.render(context.screen.width()))?;
    }
    context.screen.line(format!("Verdict: {}", say(verdict.action)))
}

fn say(action: Action) -> &'static str {
    match action {
        Action::Allow => "allow: it would be sent.",
        Action::Warn => "warn: it would be sent after one more press.",
        Action::Reason => "reason: it would be sent once a reason is given, which is recorded.",
        Action::Approve => "approve: it would be sent once a second cleared person has approved it.",
        Action::Refuse => "refuse: it would not be sent.",
    }
}

pub(super) fn action_cell(action: Action) -> Cell {
    let style = match action {
        Action::Allow => table::GOOD,
        Action::Warn | Action::Reason => table::CAUTION,
        Action::Approve | Action::Refuse => table::BAD,
    };
    Cell::styled(action.name(), style)
}

/// The first few lines, and how many more there are.
fn shortened(lines: &[usize]) -> String {
    const SHOWN: usize = 6;
    let first: Vec<String> = lines.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = lines.len().saturating_sub(SHOWN);
    if more == 0 { first.join(", ") } else { format!("{} and {more} more", first.join(", ")) }
}

async fn from_stdin(context: &Context) -> Outcome<Vec<u8>> {
    let mut interrupt = context.interrupt.clone();
    let reading = tokio::task::spawn_blocking(|| {
        let mut bytes = Vec::new();
        std::io::stdin().take(TEXT + 1).read_to_end(&mut bytes).map(|_| bytes)
    });
    let bytes = interrupt.or(reading).await?.map_err(|_| Problem::internal("Standard input could not be read."))?;
    let bytes = bytes.map_err(|error| Problem::file("read", Path::new("standard input"), &error))?;
    if bytes.len() as u64 > TEXT {
        return Err(Problem::new("too-large", "Standard input is too long.", "Scan it in parts."));
    }
    Ok(bytes)
}
