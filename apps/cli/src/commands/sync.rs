//! `amanat sync`: everything that is new comes, everything that is queued goes.

use std::{collections::BTreeMap, time::Duration};

use amanat_client::{Command, Event, Reply};
use amanat_primitives::ConversationId;
use tokio::time::Instant;

use super::conversations;
use crate::{
    context::Context,
    output::{
        json,
        progress::Bars,
        say,
        table::{self, paint},
        text::plain,
    },
    problem::Outcome,
    session::{Link, Session, unexpected},
};

/// New messages of others, by conversation.
type Fresh = BTreeMap<ConversationId, u64>;

pub(super) async fn run(context: &Context, wait: Option<u64>) -> Outcome {
    let mut session = Session::open(context, Link::Dial).await?;
    let mut fresh = Fresh::new();
    let outcome = sync(&mut session, wait, &mut fresh).await;
    let outcome = match outcome {
        Ok(received) if !context.screen.is_json() => {
            describe(&mut session, &fresh).await.map(|lines| (received, lines))
        }
        Ok(received) => Ok((received, Vec::new())),
        Err(problem) => Err(problem),
    };
    let (received, lines) = session.close(outcome).await?;
    if context.screen.is_json() {
        return context.screen.object(&json::Synced { received });
    }
    lines.into_iter().try_for_each(|line| context.screen.line(line))
}

async fn sync(session: &mut Session, wait: Option<u64>, fresh: &mut Fresh) -> Outcome<u64> {
    let deadline = wait.and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds)));
    let mut received = once(session, fresh).await?;
    let Some(deadline) = deadline else { return Ok(received) };
    let mut bars = Bars::default();
    while received == 0 {
        let Some(event) = session.event_before(deadline, &mut bars).await? else { return Ok(received) };
        note(&event, fresh);
        let something = matches!(&event, Event::Message { message, .. } if !message.own);
        if something {
            // Whatever came with it, and the receipts for it, before the link is closed.
            received = once(session, fresh).await?;
            break;
        }
    }
    Ok(received)
}

async fn once(session: &mut Session, fresh: &mut Fresh) -> Outcome<u64> {
    match session.ask_with(Command::Sync, &mut |event| note(event, fresh)).await? {
        Reply::Synced { received } => Ok(received),
        _ => Err(unexpected()),
    }
}

fn note(event: &Event, fresh: &mut Fresh) {
    if let Event::Message { conversation, message } = event
        && !message.own
    {
        *fresh.entry(*conversation).or_default() += 1;
    }
}

async fn describe(session: &mut Session, fresh: &Fresh) -> Outcome<Vec<String>> {
    if fresh.is_empty() {
        return Ok(vec![paint("Up to date; nothing new.", table::QUIET)]);
    }
    let views = conversations::all(session).await?;
    let total: u64 = fresh.values().sum();
    let mut lines = vec![format!("{}:", say::count(total, "new message", "new messages"))];
    for view in views {
        if let Some(count) = fresh.get(&view.id) {
            lines.push(format!(
                "  {}  {} ({}): {count}",
                say::short(&view.id.to_string()),
                plain(&view.title),
                say::tier(view.tier)
            ));
        }
    }
    Ok(lines)
}
