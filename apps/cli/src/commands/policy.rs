//! `amanat policy`: what a policy says, what it changes, and what it would change for texts that there are, before anybody
//! signs it (protocol-spec/09-policy, section 3).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use amanat_identity::Tier;
use amanat_policy::{Action, Policy, Ready, diff::diff, source};

use super::filter;
use crate::{
    args::PolicyCommand,
    commands::scan::{TEXT, action_cell, text_of},
    context::Context,
    files,
    output::{
        json,
        table::{Cell, Table},
        text::plain,
    },
    problem::{Outcome, Problem},
};

/// Texts of one simulation.
const TEXTS: usize = 100_000;
/// Folders within folders.
const DEPTH: usize = 16;

pub(super) async fn run(context: &Context, what: PolicyCommand) -> Outcome {
    match what {
        PolicyCommand::Check { file } => check(context, &file),
        PolicyCommand::Diff { file, before } => differences(context, &file, before.as_deref()),
        PolicyCommand::Records { since } => filter::records(context, since).await,
        PolicyCommand::Simulate { file, texts, tier, before } => {
            simulate(context, (before.as_deref(), &file), &texts, tier)
        }
    }
}

/// The policy of a source, or the built-in one.
pub(super) fn read(file: Option<&Path>) -> Outcome<Ready> {
    let Some(file) = file else {
        return Policy::builtin()
            .map_err(|error| Problem::internal(format!("The built-in policy is damaged: {error}.")));
    };
    let bytes = files::read(file, source::SOURCE as u64, "a policy")?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        Problem::new("policy", format!("{}, line {line}: this is not text.", file.display()), "Save it as UTF-8.")
    })?;
    Policy::from_source(&text).map_err(|error| {
        let failed = format!("{}, line {}: {}.", file.display(), error.line, plain(&error.reason));
        Problem::new("policy", failed, "Mend that line; protocol-spec/09-policy.md lists what a policy can say.")
    })
}

fn check(context: &Context, file: &Path) -> Outcome {
    let ready = read(Some(file))?;
    let policy = ready.policy();
    let changes = diff(read(None)?.policy(), policy).len();
    let line = json::PolicyChecked {
        number: policy.number,
        rules: policy.rules.len(),
        markings: policy.markings.iter().map(|marking| marking.phrases.len()).sum(),
        tables: policy.tables.len(),
        procedures: policy.procedures.len(),
        changes,
        bytes: amanat_wire::Encode::to_bytes(policy).len(),
    };
    if context.screen.is_json() {
        return context.screen.object(&line);
    }
    context.screen.line(format!(
        "Policy {} is in order: {} rules, {} markings, {} tables, {} procedures; {} bytes; {} from the built-in policy.",
        line.number,
        line.rules,
        line.markings,
        line.tables,
        line.procedures,
        line.bytes,
        crate::output::say::count(changes as u64, "difference", "differences"),
    ))
}

fn differences(context: &Context, file: &Path, before: Option<&Path>) -> Outcome {
    let found = diff(read(before)?.policy(), read(Some(file))?.policy());
    if context.screen.is_json() {
        return found.iter().try_for_each(|change| context.screen.object(&json::PolicyChange::from(change)));
    }
    if found.is_empty() {
        context.screen.note("The two say the same.");
        return Ok(());
    }
    let mut table = Table::new(["WHAT", "BEFORE", "AFTER"]);
    for change in &found {
        let said = |said: &Option<String>| Cell::new(said.as_deref().map_or("-".into(), plain));
        table.row([plain(&change.about).into(), said(&change.before), said(&change.after)]);
    }
    context.screen.line(table.render(context.screen.width()))
}

fn simulate(context: &Context, (before, after): (Option<&Path>, &Path), texts: &Path, tier: Tier) -> Outcome {
    let (before, after) = (read(before)?, read(Some(after))?);
    let mut found = Vec::new();
    list(texts, DEPTH, &mut found)?;
    found.sort();
    let (mut read, mut skipped, mut changed) = (0usize, 0usize, Vec::new());
    for path in found {
        context.interrupt.check()?;
        let bytes = files::read(&path, TEXT, "a text")?;
        let text = text_of(bytes);
        skipped += usize::from(text.is_none());
        read += usize::from(text.is_some());
        // What is no text is judged as what cannot be read.
        let action = |policy: &Ready| match &text {
            Some(text) => policy.judge(&policy.find(text, tier), tier).action,
            None => policy.unreadable(tier),
        };
        let (was, is) = (action(&before), action(&after));
        if was != is {
            changed.push((path, was, is));
        }
    }
    show(context, &changed)?;
    let summary = json::PolicySimulated { texts: read, skipped, changed: changed.len() };
    if context.screen.is_json() {
        return context.screen.object(&summary);
    }
    context.screen.note(format!(
        "{read} texts read, {skipped} files that are no texts; {} would be judged differently.",
        changed.len()
    ));
    Ok(())
}

fn show(context: &Context, changed: &[(PathBuf, Action, Action)]) -> Outcome {
    if context.screen.is_json() {
        return changed.iter().try_for_each(|(path, before, after)| {
            let file = path.display().to_string();
            context.screen.object(&json::PolicyText { file, before: before.name(), after: after.name() })
        });
    }
    if changed.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(["TEXT", "BEFORE", "AFTER"]);
    for (path, before, after) in changed {
        table.row([plain(&path.display().to_string()).into(), action_cell(*before), action_cell(*after)]);
    }
    context.screen.line(table.render(context.screen.width()))
}

/// The files in a folder, links not followed.
fn list(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Outcome {
    let failed = |error: io::Error| Problem::file("look into", folder, &error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() && depth == 0 {
            let failed = format!("There are more than {DEPTH} folders within each other in {}.", folder.display());
            return Err(Problem::new("too-large", failed, "Name a folder further down."));
        }
        if kind.is_dir() {
            list(&entry.path(), depth - 1, found)?;
        } else if kind.is_file() {
            found.push(entry.path());
        }
        if found.len() > TEXTS {
            let failed = format!("There are more than {TEXTS} files in {}.", folder.display());
            return Err(Problem::new("too-large", failed, "Name a folder with fewer."));
        }
    }
    Ok(())
}
