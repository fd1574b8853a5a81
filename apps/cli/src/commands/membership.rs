//! `amanat add`, `remove`, `role`, `leave` and `title`: who is in a conversation, and what it is called.

use amanat_client::{Command, Event, Reply};
use amanat_primitives::ConversationId;

use crate::{
    context::Context,
    output::{
        json,
        table::{self, paint},
    },
    problem::Outcome,
    session::{Link, Session, unexpected},
};

/// `amanat add`.
pub(super) async fn add(context: &Context, conversation: &str, members: &[String]) -> Outcome {
    let mut session = Session::open(context, Link::Dial).await?;
    let outcome = add_in(&mut session, conversation, members).await;
    done(context, session.close(outcome).await?, "added")
}

async fn add_in(session: &mut Session, conversation: &str, members: &[String]) -> Outcome<ConversationId> {
    let conversation = session.conversation(conversation).await?;
    let mut addresses = Vec::with_capacity(members.len());
    for member in members {
        addresses.push(session.address(member).await?);
    }
    session.caught_up().await?;
    let changed = change(session, Command::Add { conversation, members: addresses }).await?;
    // The newcomers' title is still to be sent.
    sync(session).await?;
    Ok(changed)
}

/// `amanat remove`.
pub(super) async fn remove(context: &Context, conversation: &str, member: &str) -> Outcome {
    let mut session = Session::open(context, Link::Dial).await?;
    let outcome = remove_in(&mut session, conversation, member).await;
    done(context, session.close(outcome).await?, "removed")
}

async fn remove_in(session: &mut Session, conversation: &str, member: &str) -> Outcome<ConversationId> {
    let conversation = session.conversation(conversation).await?;
    let member = session.address(member).await?;
    session.caught_up().await?;
    change(session, Command::Remove { conversation, member }).await
}

/// `amanat role`.
pub(super) async fn role(context: &Context, conversation: &str, member: &str, moderator: bool) -> Outcome {
    let mut session = Session::open(context, Link::Dial).await?;
    let outcome = role_in(&mut session, conversation, member, moderator).await;
    done(context, session.close(outcome).await?, if moderator { "a moderator now" } else { "a plain member now" })
}

async fn role_in(session: &mut Session, conversation: &str, member: &str, moderator: bool) -> Outcome<ConversationId> {
    let conversation = session.conversation(conversation).await?;
    let person = session.address(member).await?;
    session.caught_up().await?;
    change(session, Command::SetRole { conversation, person, moderator }).await
}

/// `amanat leave`.
pub(super) async fn leave(context: &Context, conversation: &str) -> Outcome {
    told(context, conversation, |conversation| Command::Leave { conversation }, "left").await
}

/// `amanat title`.
pub(super) async fn title(context: &Context, conversation: &str, title: String) -> Outcome {
    told(context, conversation, |conversation| Command::Retitle { conversation, title }, "title changed").await
}

/// What the others' clients are told: queued durably, and sent now where the relay can be reached.
async fn told(
    context: &Context,
    conversation: &str,
    command: impl FnOnce(ConversationId) -> Command,
    words: &str,
) -> Outcome {
    let mut session = Session::open(context, Link::Dial).await?;
    let outcome = tell(&mut session, conversation, command).await;
    done(context, session.close(outcome).await?, words)
}

async fn tell(
    session: &mut Session,
    conversation: &str,
    command: impl FnOnce(ConversationId) -> Command,
) -> Outcome<ConversationId> {
    let conversation = session.conversation(conversation).await?;
    session.caught_up().await?;
    let changed = change(session, command(conversation)).await?;
    sync(session).await?;
    Ok(changed)
}

async fn change(session: &mut Session, command: Command) -> Outcome<ConversationId> {
    match session.ask(command).await? {
        Reply::ConversationChanged { conversation } => Ok(conversation),
        _ => Err(unexpected()),
    }
}

/// For a while; what is not sent by then goes out at the next sync.
async fn sync(session: &mut Session) -> Outcome<()> {
    let look = &mut |_: &Event| ();
    match tokio::time::timeout(super::send::PATIENCE, session.ask_with(Command::Sync, look)).await {
        Ok(Err(problem)) if problem.status() != 1 => Err(problem),
        _ => Ok(()),
    }
}

fn done(context: &Context, conversation: ConversationId, words: &str) -> Outcome {
    if context.screen.is_json() {
        return context.screen.object(&json::Changed::new(conversation));
    }
    context.screen.line(paint(words, table::GOOD))
}
