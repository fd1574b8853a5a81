//! `amanat watch`: what happens, as it happens, until Ctrl-C.

use std::collections::HashMap;

use amanat_client::Event;
use amanat_primitives::ConversationId;
use tokio::time::{Duration, Instant};

use super::conversations;
use crate::{
    context::Context,
    output::{
        json::event::EventLine,
        messages::{Scroll, title},
        progress::Bars,
        say,
        table::{self, paint},
    },
    problem::{Outcome, Problem},
    session::{Link, Session},
};

/// Only so that waiting has an end; then it begins again.
const A_WHILE: Duration = Duration::from_secs(3600);

pub(super) async fn run(context: &Context) -> Outcome {
    let mut session = Session::open(context, Link::Dial).await?;
    let outcome = watch(context, &mut session).await;
    match session.close(outcome).await {
        // Ctrl-C is how one leaves.
        Err(problem) if problem.code() == Problem::INTERRUPTED => Ok(()),
        outcome => outcome,
    }
}

async fn watch(context: &Context, session: &mut Session) -> Outcome {
    let mut shown = Shown::default();
    for view in conversations::all(session).await? {
        shown.titles.insert(view.id, title(&view));
    }
    context.screen.note(paint("Watching; Ctrl-C ends it.", table::QUIET));
    let mut bars = Bars::new(&context.screen);
    if context.screen.is_json() {
        session.prints_events();
    }
    loop {
        let Some(event) = session.event_before(Instant::now() + A_WHILE, &mut bars).await? else { continue };
        if context.screen.is_json() {
            context.screen.object(&EventLine::from(&event))?;
        } else if let Some(lines) = shown.event(&event, context.screen.width()) {
            context.screen.line(lines)?;
        }
    }
}

/// What is on the screen already, so that headings are not repeated.
#[derive(Default)]
struct Shown {
    titles: HashMap<ConversationId, String>,
    last: Option<ConversationId>,
    scroll: Scroll,
}

impl Shown {
    fn event(&mut self, event: &Event, columns: Option<usize>) -> Option<String> {
        match event {
            Event::Conversation(view) => {
                self.titles.insert(view.id, title(view));
                say::event(event)
            }
            Event::Message { conversation, message } | Event::MessageChanged { conversation, message } => {
                let lines = self.scroll.message(message, columns);
                if self.last == Some(*conversation) {
                    return Some(lines);
                }
                self.last = Some(*conversation);
                let title = self.titles.get(conversation).cloned().unwrap_or_else(|| conversation.to_string());
                Some(format!("{}\n{lines}", paint(&title, table::STRONG)))
            }
            // Printed once already, where every command prints them.
            Event::Alarm { .. } | Event::Notice(_) => None,
            _ => say::event(event),
        }
    }
}
