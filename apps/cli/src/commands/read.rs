//! `amanat read`: a conversation's messages, page by page so that a long one needs little memory.

use amanat_client::{Command, Reply, api::Line};
use amanat_primitives::ConversationId;

use crate::{
    context::Context,
    output::{json, messages::Scroll},
    problem::Outcome,
    session::{Link, Session, unexpected},
};

const PAGE: u32 = 500;

pub(super) async fn run(context: &Context, conversation: &str, since: u64, mark: bool) -> Outcome {
    let mut session = Session::open(context, Link::Stay).await?;
    let outcome = pages(context, &mut session, conversation, since, mark).await;
    session.close(outcome).await
}

async fn pages(context: &Context, session: &mut Session, conversation: &str, since: u64, mark: bool) -> Outcome {
    let conversation = session.conversation(conversation).await?;
    let mut scroll = Scroll::default();
    let mut above = since;
    let mut shown = 0;
    loop {
        let lines = page(session, conversation, above, mark).await?;
        for line in &lines {
            match line {
                Line::Message(message) if context.screen.is_json() => {
                    context.screen.object(&json::MessageLine::from(message.as_ref()))?;
                }
                Line::Change(change) if context.screen.is_json() => {
                    context.screen.object(&json::change::ChangeLine::from(change))?;
                }
                Line::Message(message) => context.screen.line(scroll.message(message, context.screen.width()))?,
                Line::Change(change) => context.screen.line(scroll.change(change))?,
            }
        }
        shown += lines.len();
        match lines.iter().map(Line::sequence).max() {
            Some(last) if lines.len() as u32 == PAGE => above = last,
            _ => break,
        }
    }
    if shown == 0 {
        context.screen.note("Nothing to read. Fetch what is new: amanat sync.");
    }
    Ok(())
}

async fn page(session: &mut Session, conversation: ConversationId, since: u64, mark: bool) -> Outcome<Vec<Line>> {
    match session.ask(Command::Read { conversation, since, limit: PAGE, mark }).await? {
        Reply::Lines(lines) => Ok(lines),
        _ => Err(unexpected()),
    }
}
