//! `amanat search`: messages by their words, the newest first (protocol-spec/json-output.md, section 3).

use std::collections::HashMap;

use amanat_client::{Command, Reply, api::Hit};
use amanat_primitives::ConversationId;

use super::conversations;
use crate::{
    context::Context,
    output::{
        json,
        messages::{Scroll, title},
        table::{self, paint},
    },
    problem::{Outcome, Problem},
    session::{Link, Session, unexpected},
};

pub(super) async fn run(context: &Context, query: &[String], limit: u32) -> Outcome {
    let query = query.join(" ");
    if query.trim().is_empty() {
        return Err(Problem::usage("There is nothing to search for.", "For example: amanat search budget summary"));
    }
    let mut session = Session::open(context, Link::Stay).await?;
    let outcome = find(&mut session, query, limit).await;
    let (hits, titles) = session.close(outcome).await?;
    if context.screen.is_json() {
        return hits.iter().try_for_each(|hit| context.screen.object(&json::HitLine::from(hit)));
    }
    if hits.is_empty() {
        context.screen.note("Nothing found. Fetch what is new: amanat sync.");
    }
    let mut scroll = Scroll::default();
    let mut last = None;
    for hit in &hits {
        if last != Some(hit.conversation) {
            let title = titles.get(&hit.conversation).cloned().unwrap_or_else(|| hit.conversation.to_string());
            context.screen.line(paint(&title, table::STRONG))?;
            last = Some(hit.conversation);
        }
        context.screen.line(scroll.message(&hit.message, context.screen.width()))?;
    }
    Ok(())
}

async fn find(
    session: &mut Session,
    query: String,
    limit: u32,
) -> Outcome<(Vec<Hit>, HashMap<ConversationId, String>)> {
    let Reply::Hits(hits) = session.ask(Command::Search { query, conversation: None, limit }).await? else {
        return Err(unexpected());
    };
    let views = conversations::all(session).await?;
    Ok((hits, views.iter().map(|view| (view.id, title(view))).collect()))
}
