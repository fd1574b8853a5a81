//! `amanat device transfer` and `amanat history`: messages in a file, for another device of one's own or under a
//! passphrase.

use std::path::Path;

use amanat_client::{Command, HISTORY_FILE, HistoryPassphrase, Reply, api};
use amanat_primitives::ConversationId;

use crate::{
    args::Transfer,
    context::Context,
    files::{self, Mode},
    output::{
        json, say,
        table::{self, paint},
    },
    problem::{Outcome, Problem},
    secrets::{self, Purpose},
    session::{Link, Session, unexpected},
};

/// `amanat device transfer`.
pub(super) async fn transfer(context: &Context, transfer: Transfer) -> Outcome {
    match (transfer.device, transfer.out, transfer.input) {
        (Some(device), Some(out), None) => send(context, device, &out).await,
        (None, None, Some(file)) => take(context, &file, None, false).await,
        _ => Err(Problem::usage(
            "Either a device and --out FILE, or --in FILE.",
            "See amanat device transfer --help for both halves.",
        )),
    }
}

async fn send(context: &Context, device: String, out: &Path) -> Outcome {
    files::must_be_new(out)?;
    // The new device's certificate may not be in this vault yet.
    let mut session = Session::open(context, Link::Dial).await?;
    let outcome = send_in(&mut session, device).await;
    let file = session.close(outcome).await?;
    write(context, out, &file)?;
    if !context.screen.is_json() {
        context.screen.note("Bring the file to the new device; there: amanat device transfer --in FILE.");
    }
    Ok(())
}

async fn send_in(session: &mut Session, device: String) -> Outcome<api::HistoryFile> {
    session.settle().await?;
    // Offline, it is answered from what is known.
    session.ask(Command::Devices).await?;
    session.screen().note(paint("collecting messages ...", table::QUIET));
    packed(session, Command::PackTransfer { device, conversations: Vec::new() }).await
}

/// `amanat history export`.
pub(super) async fn export(context: &Context, conversations: &[String], out: &Path) -> Outcome {
    files::must_be_new(out)?;
    let mut session = Session::open(context, Link::Stay).await?;
    let outcome = export_in(&mut session, conversations).await;
    let file = session.close(outcome).await?;
    write(context, out, &file)
}

async fn export_in(session: &mut Session, named: &[String]) -> Outcome<api::HistoryFile> {
    let mut conversations: Vec<ConversationId> = Vec::with_capacity(named.len());
    for prefix in named {
        conversations.push(session.conversation(prefix).await?);
    }
    let passphrase = HistoryPassphrase(secrets::new_passphrase(Purpose::History)?);
    session.screen().note(paint("collecting messages ...", table::QUIET));
    packed(session, Command::PackHistory { passphrase, conversations }).await
}

async fn packed(session: &mut Session, command: Command) -> Outcome<api::HistoryFile> {
    match session.ask(command).await? {
        Reply::HistoryPacked(file) => Ok(file),
        _ => Err(unexpected()),
    }
}

/// The file appears whole or not at all.
fn write(context: &Context, out: &Path, file: &api::HistoryFile) -> Outcome {
    context.interrupt.check()?;
    files::create(out, &file.bytes, Mode::Secret)?;
    let api::HistoryFile { conversations, messages, left_out, .. } = *file;
    if context.screen.is_json() {
        let out = out.display().to_string();
        return context.screen.object(&json::HistoryPacked { out, conversations, messages, left_out });
    }
    context.screen.line(format!(
        "{} {} of {}",
        paint("written:", table::GOOD),
        say::count(messages, "message", "messages"),
        say::count(conversations, "conversation", "conversations")
    ))?;
    if left_out > 0 {
        let left = say::count(left_out, "conversation is", "conversations are");
        context.screen.note(paint(&format!("{left} left out: their tier forbids it."), table::CAUTION));
    }
    Ok(())
}

/// `amanat history import`.
pub(super) async fn import(context: &Context, file: &Path, from_lost: bool) -> Outcome {
    let passphrase = HistoryPassphrase(secrets::passphrase(Purpose::History)?);
    take(context, file, Some(passphrase), from_lost).await
}

async fn take(context: &Context, file: &Path, passphrase: Option<HistoryPassphrase>, from_lost: bool) -> Outcome {
    let bytes = files::read(file, HISTORY_FILE as u64, "the history file")?;
    let mut session = Session::open(context, Link::Stay).await?;
    session.screen().note(paint("checking the file ...", table::QUIET));
    let outcome = session.ask(Command::TakeHistory { bytes, passphrase, from_lost }).await;
    let Reply::HistoryTaken(taken) = session.close(outcome).await? else { return Err(unexpected()) };
    let api::HistoryTaken { conversations, messages, known, left_out } = taken;
    if context.screen.is_json() {
        return context.screen.object(&json::HistoryTaken { conversations, messages, known, left_out });
    }
    context.screen.line(format!(
        "{} {} in {}; {known} known already",
        paint("taken in:", table::GOOD),
        say::count(messages, "message", "messages"),
        say::count(conversations, "conversation", "conversations")
    ))?;
    if left_out > 0 {
        let left = say::count(left_out, "conversation is", "conversations are");
        let words = format!("{left} left out: their tier forbids it, or this device is not in them.");
        context.screen.note(paint(&words, table::CAUTION));
    }
    Ok(())
}
