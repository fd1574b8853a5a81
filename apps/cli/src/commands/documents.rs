//! `amanat documents` and `amanat save`.

use std::path::{Path, PathBuf};

use amanat_client::{
    Command, Reply,
    api::{DocumentView, TransferState, TransferView},
};
use amanat_primitives::DocumentId;

use super::send;
use crate::{
    args::TransferCommand,
    context::Context,
    output::{
        json, say,
        table::{self, Cell, Table},
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
    let mut table = Table::new(["ID", "NAME", "SIZE", "TIER", "BLAKE3", "TRANSFER"]);
    for document in &documents {
        table.row([
            Cell::new(say::short(&document.id.to_string())),
            (&document.name).into(),
            say::size(document.size).into(),
            say::tier_cell(document.tier),
            (&document.digest).into(),
            transfer_cell(document),
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
    saved(context, document, &path, size)
}

fn saved(context: &Context, document: DocumentId, path: &Path, size: u64) -> Outcome {
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

/// `documents pause|resume|cancel`.
pub(super) async fn control(context: &Context, what: TransferCommand) -> Outcome {
    let document = match what {
        TransferCommand::Resume { document } => return resume(context, &document).await,
        TransferCommand::Pause { ref document } | TransferCommand::Cancel { ref document } => document,
    };
    let mut session = Session::open(context, Link::Stay).await?;
    let outcome = stop(&mut session, document, matches!(what, TransferCommand::Pause { .. })).await;
    let view = session.close(outcome).await?;
    if context.screen.is_json() {
        return context.screen.object(&json::DocumentLine::from(&view));
    }
    let words = match view.transfer {
        Some(TransferView { state: TransferState::Paused, .. }) => "It rests. Go on with: amanat documents resume",
        Some(TransferView { state: TransferState::Cancelled, .. }) => "It is cancelled, and will not be sent:",
        _ => "It is cancelled; nothing of it is left here:",
    };
    context.screen.line(format!("{words} {}", say::short(&view.id.to_string())))
}

async fn stop(session: &mut Session, document: &str, pause: bool) -> Outcome<DocumentView> {
    let document = session.document(document).await?;
    let command = if pause { Command::PauseDocument { document } } else { Command::CancelDocument { document } };
    match session.ask(command).await? {
        Reply::Document(view) => Ok(view),
        _ => Err(unexpected()),
    }
}

/// What a resumed transfer came to.
enum Resumed {
    Saved(DocumentId, PathBuf, u64),
    Sent(send::Followed),
}

async fn resume(context: &Context, document: &str) -> Outcome {
    let mut session = Session::open(context, Link::Dial).await?;
    let outcome = go_on(&mut session, document).await;
    match session.close(outcome).await? {
        Resumed::Saved(document, path, size) => saved(context, document, &path, size),
        Resumed::Sent(followed) => send::show(context, &followed, false),
    }
}

async fn go_on(session: &mut Session, document: &str) -> Outcome<Resumed> {
    let document = session.document(document).await?;
    session.settle().await?;
    match session.ask(Command::ResumeDocument { document }).await? {
        Reply::Saved { path, size } => Ok(Resumed::Saved(document, path, size)),
        Reply::Document(view) => send::follow_document(session, &view).await.map(Resumed::Sent),
        _ => Err(unexpected()),
    }
}

/// How far a document on its way is; empty where it is not on its way.
fn transfer_cell(document: &DocumentView) -> Cell {
    let Some(transfer) = document.transfer else { return "".into() };
    let style = match transfer.state {
        TransferState::Running | TransferState::Waiting => table::QUIET,
        TransferState::Paused | TransferState::Cancelled => table::CAUTION,
        TransferState::Failed => table::BAD,
    };
    let (done, size) = (say::size(transfer.done), say::size(document.size));
    Cell::styled(format!("{} {done} of {size}, {}", transfer.direction.name(), transfer.state.name()), style)
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
