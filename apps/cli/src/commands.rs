//! Commands (protocol-spec/json-output.md): each parses its words, asks the engine or the authority's folder, and
//! hands the answer to `output`.

use crate::{
    args::{AuthorityCommand, CardCommand, Command, RelayCommand, Role},
    bench,
    context::Context,
    demo,
    problem::Outcome,
};

mod authority;
mod completions;
mod conversations;
mod documents;
mod join;
mod officer;
pub(crate) mod people;
mod read;
mod send;
mod status;
mod sync;
mod watch;

/// Runs one command to its end.
pub(crate) async fn run(context: Context, command: Command) -> Outcome {
    match command {
        Command::Demo { keep } => demo::run(&context, keep).await,
        Command::Authority(AuthorityCommand::Init { domain, name, out }) => {
            authority::init(&context, &domain, &name, &out)
        }
        Command::Authority(AuthorityCommand::Certify { role, card, root, out }) => {
            authority::certify(&context, role, &card, &root, &out)
        }
        Command::Officer(CardCommand::Init { out, name }) => authority::card(&context, Role::Officer, &out, name),
        Command::Auditor(CardCommand::Init { out, name }) => authority::card(&context, Role::Auditor, &out, name),
        Command::Relay(RelayCommand::Certify { card, root, out, allow_public }) => {
            authority::certify_relay(&context, &card, &root, &out, allow_public)
        }
        Command::Invite(invite) => officer::invite(&context, &invite),
        Command::Attest { authority } => officer::attest(&context, &authority).await,
        Command::Join { invitation } => join::run(&context, &invitation).await,
        Command::People { query } => people::list(&context, query.unwrap_or_default()).await,
        Command::Verify { address, confirm } => people::verify(&context, &address, confirm).await,
        Command::Conversations => conversations::list(&context).await,
        Command::New { title, tier, member } => conversations::new(&context, title, tier, &member).await,
        Command::Members { conversation } => conversations::members(&context, &conversation).await,
        Command::Status => status::run(&context).await,
        Command::Send(words) => send::run(&context, words).await,
        Command::Sync { wait } => sync::run(&context, wait).await,
        Command::Read { conversation, since, peek } => read::run(&context, &conversation, since, !peek).await,
        Command::Watch => watch::run(&context).await,
        Command::Documents { transfer: Some(transfer), .. } => documents::control(&context, transfer).await,
        Command::Documents { conversation, transfer: None } => {
            documents::list(&context, &conversation.unwrap_or_default()).await
        }
        Command::Save { document, out } => documents::save(&context, &document, &out).await,
        Command::Bench(what) => bench::run(&context, what).await,
        Command::Completions { shell } => completions::run(&context, shell),
    }
}
