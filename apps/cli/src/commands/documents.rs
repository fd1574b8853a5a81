//! `amanat documents` and `amanat save`.

use std::path::{Path, PathBuf};

use amanat_client::{Command, Reply, api::DocumentView};
use amanat_primitives::DocumentId;

use crate::{
    context::Context,
    output::{
        json, say,
        table::{Cell, Table},
    },
    problem::Outcome,
    session::{Link, Session, unexpected},
};

pub(super) async fn list(context: &Context, conversation: &str) -> Outcome {
    let mut session = Session::open(context, Link::Stay).await?;
    let outcome = documents_of(&mut session, conversation).await;
    let documents = session.close(outcome).await?;
    if context.screen.is_json() {
        return documents.iter().try_for_each(|document| context.screen.object(&json::DocumentLine::from(document)));
    }
    if documents.is_empty() {
        context.screen.note("No documents here. Fetch what is new: amanat sync.");
        return Ok(());
    }
    let mut table = Table::new(["ID", "NAME", "SIZE", "TIER", "BLAKE3"]);
    for document in &documents {
        table.row([
            Cell::new(say::short(&document.id.to_string())),
            (&document.name).into(),
            say::size(document.size).into(),
            say::tier_cell(document.tier),
            (&document.digest).into(),
        ]);
    }
    context.screen.line(table.render(context.screen.width()))
}

async fn documents_of(session: &mut Session, conversation: &str) -> Outcome<Vec<DocumentView>> {
    let conversation = session.conversation(conversation).await?;
    match session.ask(Command::Documents { conversation }).await? {
        Reply::Documents(documents) => Ok(documents),
        _ => Err(unexpected()),
    }
}

pub(super) async fn save(context: &Context, document: &str, out: &Path) -> Outcome {
    let mut session = Session::open(context, Link::Dial).await?;
    let outcome = fetch(&mut session, document, out).await;
    let (document, path, size) = session.close(outcome).await?;
    if context.screen.is_json() {
        return context.screen.object(&json::Saved {
            document: document.to_string(),
            path: path.display().to_string(),
            size,
        });
    }
    let words = format!("{} ({})", path.display(), say::size(size));
    context.screen.line(crate::output::text::plain(&words))
}

async fn fetch(session: &mut Session, document: &str, out: &Path) -> Outcome<(DocumentId, PathBuf, u64)> {
    let document = session.document(document).await?;
    session.settle().await?;
    match session.ask(Command::Save { document, out: absolute(out) }).await? {
        Reply::Saved { path, size } => Ok((document, path, size)),
        _ => Err(unexpected()),
    }
}

/// The engine need not know where the command was run.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
