//! `amanat reply`, `react`, `edit`, `delete` and `ack`: what is done to a message after it was sent
//! (protocol-spec/json-output.md, section 3).

use amanat_client::{
    Command, FailureCode, Reply,
    api::{MessageRef, SendOptions, Target},
};

use super::{filter, send};
use crate::{
    args::{Answer, Words},
    context::Context,
    output::{
        json, say,
        table::{self, paint},
        text::plain,
    },
    problem::{Outcome, Problem, sentence},
    session::{Link, Session, unexpected},
};

/// What is done.
pub(super) enum Change {
    React(String),
    Edit(String, Answer),
    Delete,
    Acknowledge,
}

pub(super) async fn reply(context: &Context, message: &str, words: Words, options: SendOptions) -> Outcome {
    let text = send::text(context, &words.text).await?;
    let mut session = Session::open(context, send::link(words.queue)).await?;
    let outcome = answer(&mut session, message, text, options, &words).await;
    let followed = session.close(outcome).await?;
    send::show(context, &followed, words.queue)
}

async fn answer(
    session: &mut Session,
    message: &str,
    text: String,
    mut options: SendOptions,
    words: &Words,
) -> Outcome<send::Followed> {
    let to = session.message(message).await?;
    let place = Target::Conversation(to.conversation);
    options.consent = filter::consent(session, &place, &text, &words.answer).await?;
    send::post(session, Command::SendReply { to, text, options }, words.queue).await
}

pub(super) async fn edit(context: &Context, message: &str, words: Words) -> Outcome {
    let text = send::text(context, &words.text).await?;
    change(context, message, Change::Edit(text, words.answer), words.queue).await
}

pub(super) async fn change(context: &Context, message: &str, change: Change, only_queue: bool) -> Outcome {
    let link = send::link(only_queue);
    let mut session = Session::open(context, link).await?;
    let outcome = post(&mut session, message, change, link).await;
    let (changed, queued) = session.close(outcome).await?;
    if context.screen.is_json() {
        return context.screen.object(&json::Sent::new(changed.conversation, Some(changed.message), None));
    }
    let place = paint(&format!("in {}", say::short(&changed.conversation.to_string())), table::QUIET);
    match queued {
        None => context.screen.line(format!("{} {place}", paint("accepted by the relay", table::GOOD))),
        Some(why) => context.screen.line(format!("{} {place}: {}", paint("queued", table::CAUTION), plain(&why))),
    }
}

/// What was changed, and where the relay does not have it yet, why.
async fn post(
    session: &mut Session,
    message: &str,
    change: Change,
    link: Link,
) -> Outcome<(MessageRef, Option<String>)> {
    const LATER: &str = "the others learn it at the next amanat sync.";
    let message = session.message(message).await?;
    let command = match change {
        Change::React(text) => Command::React { message, text },
        Change::Edit(text, answer) => {
            let place = Target::Conversation(message.conversation);
            let consent = filter::consent(session, &place, &text, &answer).await?;
            Command::Edit { message, text, consent }
        }
        Change::Delete => Command::Delete { message },
        Change::Acknowledge => Command::Acknowledge { message },
    };
    let Reply::Changed(changed) = session.ask(command).await? else { return Err(unexpected()) };
    if link == Link::Stay {
        return Ok((changed, Some(LATER.into())));
    }
    // It is durable here and seen here; the relay gets it now, or at the next sync.
    let queued = match tokio::time::timeout(send::PATIENCE, session.ask(Command::Sync)).await {
        Ok(Ok(_)) => None,
        Ok(Err(problem)) if problem.status() != 1 => return Err(problem),
        Ok(Err(problem)) if problem.code() != FailureCode::Offline.name() => return Err(problem),
        Ok(Err(problem)) => Some(format!("{} {LATER}", sentence(problem.failed()))),
        Err(_) => Some(LATER.to_owned()),
    };
    Ok((changed, queued))
}

/// A reaction as it was typed.
pub(super) fn reaction(text: Option<String>, remove: bool) -> Outcome<Change> {
    match text.filter(|text| !text.trim().is_empty()) {
        Some(text) if !remove => Ok(Change::React(text)),
        None if remove => Ok(Change::React(String::new())),
        _ => Err(Problem::usage(
            "A reaction is a sign or a short word, or --remove to take yours back.",
            "For example: amanat react 10aa94c0 👍",
        )),
    }
}
