//! What the leak filter says of what is about to be sent, and how its sender answers: by flags, or on the terminal; and what
//! went on record (protocol-spec/09-policy, section 10).

use amanat_client::{
    Command, Reply,
    api::{Action, Consent, Judged, RecordView, Target, kind_words},
};

use super::scan::action_cell;
use crate::{
    args::Answer,
    context::Context,
    output::{
        json, say,
        table::{self, Table, paint},
        text::plain,
        time::local,
    },
    problem::{Outcome, Problem},
    secrets,
    session::{Link, Session, unexpected},
};

/// How a text is answered for: as the flags say; without any, as somebody says who is shown what was found. Where nobody can
/// be asked, not at all, and the engine says what is lacking.
pub(super) async fn consent(session: &mut Session, to: &Target, text: &str, answer: &Answer) -> Outcome<Consent> {
    let given = answer.consent();
    if given != Consent::None || session.screen().is_json() || !secrets::can_prompt() {
        return Ok(given);
    }
    let judged = Command::Judge { to: to.clone(), text: text.to_owned() };
    let Reply::Judged(judged) = session.ask(judged).await? else { return Err(unexpected()) };
    if !matches!(judged.action, Action::Warn | Action::Reason) {
        return Ok(Consent::None);
    }
    session.screen().note(found(&judged, text));
    let wants_reason = judged.action == Action::Reason;
    let asked = tokio::task::spawn_blocking(move || ask(wants_reason));
    let answered = session.interrupt().or(asked).await?;
    let answered = answered.map_err(|_| Problem::internal("The answer could not be read."))??;
    // Who says no is told by the engine, which puts it on record.
    Ok(answered.unwrap_or_default())
}

/// Asks on the terminal. Blocks.
fn ask(wants_reason: bool) -> Outcome<Option<Consent>> {
    if !wants_reason {
        return Ok(secrets::says_yes("Send it all the same?")?.then_some(Consent::Seen));
    }
    let reason = secrets::line("Why it has to be sent, for the record (nothing: it is not sent):")?;
    Ok((!reason.is_empty()).then_some(Consent::Reason(reason)))
}

/// What was found, and the first of it as it stands there.
fn found(judged: &Judged, text: &str) -> String {
    let kinds = judged.kinds.iter().filter(|kind| kind.action > Action::Allow);
    let mut words: Vec<String> = kinds.clone().map(|found| kind_words(&found.kind, found.count)).collect();
    if judged.unread {
        words.push("more than is read".to_owned());
    }
    let mut said = format!("Not for a conversation at {}: {}.", judged.tier, plain(&words.join(", ")));
    let asked: Vec<_> = kinds.map(|found| &found.kind).collect();
    for place in judged.places.iter().filter(|place| asked.contains(&&place.kind)).take(6) {
        let there: String = text.get(place.range.clone()).unwrap_or_default().chars().take(60).collect();
        said.push_str(&format!(
            "\n  {}  {}",
            paint(&plain(&there), table::CAUTION),
            paint(&plain(&place.rule), table::QUIET)
        ));
    }
    said
}

/// `amanat policy records`.
pub(super) async fn records(context: &Context, since: u64) -> Outcome {
    let mut session = Session::open(context, Link::Stay).await?;
    let outcome = session.ask(Command::Records { since }).await;
    let Reply::Records(records) = session.close(outcome).await? else { return Err(unexpected()) };
    if context.screen.is_json() {
        return records.iter().try_for_each(|record| context.screen.object(&json::PolicyRecord::from(record)));
    }
    if records.is_empty() {
        context.screen.note("The leak filter has found nothing in what was to be sent from here.");
        return Ok(());
    }
    let mut rows = Table::new(["NO", "WHEN", "WHERE", "TIER", "ASKED", "OUTCOME", "FOUND", "REASON"]);
    records.iter().for_each(|record| rows.row(row(record)));
    context.screen.line(rows.render(context.screen.width()))
}

fn row(record: &RecordView) -> [table::Cell; 8] {
    let place = record.conversation.map_or("new".to_owned(), |id| say::short(&id.to_string()).to_owned());
    let mut found: Vec<String> = record.found.iter().map(|(kind, count)| kind_words(kind, *count)).collect();
    if record.unread {
        found.push("more than is read".to_owned());
    }
    let outcome = if record.passed { ("sent", table::CAUTION) } else { ("stopped", table::GOOD) };
    [
        record.number.to_string().into(),
        local(record.at).into(),
        place.into(),
        say::tier_cell(record.tier),
        action_cell(record.action),
        table::Cell::styled(outcome.0, outcome.1),
        plain(&found.join(", ")).into(),
        plain(&record.reason).into(),
    ]
}
