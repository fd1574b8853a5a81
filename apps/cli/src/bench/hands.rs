//! The processes of a benchmark themselves: a relay, and a client that is told on its standard input to `send CONVERSATION
//! PATH` or to `save FOLDER`, and answers `ready`, `sent`, `saved SIZE PATH` or `failed WHY`.

use std::path::{Path, PathBuf};

use amanat_client::{
    Command, Event, Reply,
    api::{LinkState, MessageBody, MessageState, SendOptions, Target},
};
use amanat_primitives::{ConversationId, DocumentId, MessageId};
use amanat_relay_core::{Config, Relay};
use tokio::{
    sync::mpsc,
    time::{Duration, Instant},
};

use crate::{
    context::Context,
    office::relay_problem,
    output::progress::Bars,
    problem::{Outcome, Problem},
    session::{Link, Session, unexpected},
};

/// Longer than any transfer that makes sense.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Runs a relay until its input ends.
pub(super) async fn relay(context: &Context, dir: &Path) -> Outcome {
    let config = Config::load(dir).map_err(|error| relay_problem(&error, error.advice()))?;
    let running = Relay::start(config, dir).await.map_err(|error| relay_problem(&error, &error.advice()))?;
    context.screen.line("ready")?;
    let mut lines = lines();
    let mut interrupt = context.interrupt.clone();
    while interrupt.or(lines.recv()).await?.is_some() {}
    running.shutdown().await;
    Ok(())
}

/// Runs a client until its input ends.
pub(super) async fn peer(context: &Context) -> Outcome {
    let mut session = Session::open(context, Link::Dial).await?;
    let outcome = obey(context, &mut session).await;
    if let Err(problem) = &outcome {
        context.screen.line(format!("failed {}", problem.failed()))?;
    }
    session.close(outcome).await
}

async fn obey(context: &Context, session: &mut Session) -> Outcome {
    until(session, |event| matches!(event, Event::Link(LinkState::CaughtUp)).then_some(())).await?;
    context.screen.line("ready")?;
    let mut lines = lines();
    let mut interrupt = context.interrupt.clone();
    while let Some(line) = interrupt.or(lines.recv()).await? {
        match line.split_once(' ') {
            Some(("send", rest)) => {
                let (conversation, path) = rest.split_once(' ').ok_or_else(unexpected)?;
                let conversation = conversation.parse().map_err(|_| unexpected())?;
                send(session, conversation, path.into()).await?;
                context.screen.line("sent")?;
            }
            Some(("save", folder)) => {
                let (size, path) = save(session, folder.into()).await?;
                context.screen.line(format!("saved {size} {}", path.display()))?;
            }
            _ => return Err(unexpected()),
        }
    }
    Ok(())
}

async fn send(session: &mut Session, conversation: ConversationId, path: PathBuf) -> Outcome {
    let command =
        Command::SendDocument { to: Target::Conversation(conversation), path, options: SendOptions::default() };
    let mut early = Vec::new();
    let reply = session.ask_with(command, &mut |event| early.extend(accepted(event))).await?;
    let Reply::Sent { message: Some(sent), .. } = reply else { return Err(unexpected()) };
    if early.contains(&sent) {
        return Ok(());
    }
    until(session, |event| (accepted(event) == Some(sent)).then_some(())).await
}

fn accepted(event: &Event) -> Option<MessageId> {
    match event {
        Event::MessageState { message, state, .. } if *state >= MessageState::Accepted => Some(*message),
        _ => None,
    }
}

async fn save(session: &mut Session, out: PathBuf) -> Outcome<(u64, PathBuf)> {
    let document = until(session, arrived).await?;
    match session.ask(Command::Save { document, out }).await? {
        Reply::Saved { path, size } => Ok((size, path)),
        _ => Err(unexpected()),
    }
}

fn arrived(event: &Event) -> Option<DocumentId> {
    match event {
        Event::Message { message, .. } if !message.own => match &message.body {
            MessageBody::Document(document) => Some(document.id),
            _ => None,
        },
        _ => None,
    }
}

/// Waits for an event of which `look` makes something.
async fn until<T>(session: &mut Session, look: impl Fn(&Event) -> Option<T>) -> Outcome<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match session.event_before(deadline, &mut Bars::default()).await? {
            Some(Event::DocumentFailed { failure, .. }) => return Err(failure.into()),
            Some(event) => {
                if let Some(found) = look(&event) {
                    return Ok(found);
                }
            }
            None => return Err(Problem::internal("Nothing happened for an hour.")),
        }
    }
}

/// Standard input, line by line; the thread that reads it ends with the process.
fn lines() -> mpsc::Receiver<String> {
    let (tell, lines) = mpsc::channel(8);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(line) = line else { return };
            if tell.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}
