//! `amanat warnings`: what was said unasked, as the vault keeps it (protocol-spec/json-output.md, section 3).

use amanat_client::{
    Command, Event, Reply,
    api::{Warning, WarningOf},
};

use crate::{
    context::Context,
    output::{
        json::event::WarningLine,
        say,
        table::{self, paint},
        text::plain,
        time::local,
    },
    problem::Outcome,
    session::{Link, Session, unexpected},
};

pub(super) async fn run(context: &Context, unread: bool, read: bool) -> Outcome {
    let mut session = Session::open(context, Link::Stay).await?;
    session.prints_events();
    let outcome = show(context, &mut session, unread, read).await;
    session.close(outcome).await
}

async fn show(context: &Context, session: &mut Session, unread: bool, read: bool) -> Outcome {
    let mut warnings = all(session).await?;
    warnings.retain(|warning| !(unread && warning.read));
    for warning in &warnings {
        if context.screen.is_json() {
            context.screen.object(&WarningLine::from(warning))?;
        } else {
            context.screen.line(line(warning))?;
        }
    }
    if warnings.is_empty() {
        context.screen.note(if unread { "Nothing that was not read." } else { "There are no warnings." });
    }
    // Only what has gone out to a reader counts as read.
    let shown: Vec<u64> = warnings.iter().filter(|warning| !warning.read).map(|warning| warning.id).collect();
    if read && !shown.is_empty() {
        session.ask(Command::WarningsRead { warnings: shown }).await?;
    }
    Ok(())
}

/// All that are kept.
pub(super) async fn all(session: &mut Session) -> Outcome<Vec<Warning>> {
    match session.ask(Command::Warnings).await? {
        Reply::Warnings(warnings) => Ok(warnings),
        _ => Err(unexpected()),
    }
}

fn line(warning: &Warning) -> String {
    let mark = if warning.read { String::new() } else { format!(" {}", paint("new", table::STRONG)) };
    let said = match &warning.of {
        WarningOf::Alarm { conversation, alarm } => {
            let where_ = conversation.to_string();
            format!(
                "{} {}",
                paint("ALARM", table::BAD),
                plain(&format!("{} {}", say::short(&where_), say::alarm(alarm)))
            )
        }
        WarningOf::Notice(_) => say::event(&Event::from(warning.of.clone())).unwrap_or_default(),
    };
    format!("{}{mark} {said}", paint(&local(warning.at), table::QUIET))
}
