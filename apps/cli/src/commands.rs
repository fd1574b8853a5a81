//! Commands (protocol-spec/json-output.md): each parses its words, asks the engine or the authority's folder, and
//! hands the answer to `output`.

use amanat_client::api::SendOptions;

use crate::{
    args::{AuthorityCommand, CardCommand, Command, DeviceCommand, HistoryCommand, RelayCommand, Role, RoleName},
    bench,
    context::Context,
    demo,
    problem::Outcome,
};

mod authority;
mod completions;
mod conversations;
mod device;
mod documents;
mod filter;
mod history;
mod join;
mod life;
mod membership;
mod officer;
mod passphrase;
pub(crate) mod people;
mod policy;
mod read;
mod scan;
mod search;
mod send;
mod status;
mod sync;
mod warnings;
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
        Command::Invite(invite) => officer::invite(&context, &invite).await,
        Command::Attest { authority } => officer::attest(&context, &authority).await,
        Command::Cosign { file, authority } => officer::cosign(&context, &file, &authority),
        Command::Revoke(revoke) => officer::revoke(&context, &revoke).await,
        Command::Renew(renew) => officer::renew(&context, &renew).await,
        Command::Join { invitation } => join::run(&context, &invitation).await,
        Command::Device(DeviceCommand::List) => device::list(&context).await,
        Command::Device(DeviceCommand::Approve { code }) => device::approve(&context, &code).await,
        Command::Device(DeviceCommand::Transfer(transfer)) => history::transfer(&context, transfer).await,
        Command::History(HistoryCommand::Export { conversations, out }) => {
            history::export(&context, &conversations, &out).await
        }
        Command::History(HistoryCommand::Import { file, from_lost }) => {
            history::import(&context, &file, from_lost).await
        }
        Command::People { query } => people::list(&context, query.unwrap_or_default()).await,
        Command::Verify { address, confirm } => people::verify(&context, &address, confirm).await,
        Command::Conversations => conversations::list(&context).await,
        Command::New { title, tier, member } => conversations::new(&context, title, tier, &member).await,
        Command::Add { conversation, members } => membership::add(&context, &conversation, &members).await,
        Command::Remove { conversation, member } => membership::remove(&context, &conversation, &member).await,
        Command::Role { conversation, member, role } => {
            membership::role(&context, &conversation, &member, role == RoleName::Moderator).await
        }
        Command::Leave { conversation } => membership::leave(&context, &conversation).await,
        Command::Title { conversation, title } => membership::title(&context, &conversation, title).await,
        Command::Members { conversation } => conversations::members(&context, &conversation).await,
        Command::Status => status::run(&context).await,
        Command::Send(words) => send::run(&context, words).await,
        Command::Reply { message, words, expires } => {
            let options = SendOptions { expires_after: expires, ..SendOptions::default() };
            life::reply(&context, &message, words, options).await
        }
        Command::React { message, text, remove, queue } => {
            life::change(&context, &message, life::reaction(text, remove)?, queue).await
        }
        Command::Edit { message, words } => life::edit(&context, &message, words).await,
        Command::Delete { message, queue } => life::change(&context, &message, life::Change::Delete, queue).await,
        Command::Ack { message, queue } => life::change(&context, &message, life::Change::Acknowledge, queue).await,
        Command::Search { query, limit } => search::run(&context, &query, limit).await,
        Command::Sync { wait } => sync::run(&context, wait).await,
        Command::Read { conversation, since, peek } => read::run(&context, &conversation, since, !peek).await,
        Command::Warnings { unread, read } => warnings::run(&context, unread, read).await,
        Command::Passphrase => passphrase::run(&context).await,
        Command::Watch => watch::run(&context).await,
        Command::Documents { transfer: Some(transfer), .. } => documents::control(&context, transfer).await,
        Command::Documents { conversation, transfer: None } => {
            documents::list(&context, &conversation.unwrap_or_default()).await
        }
        Command::Save { document, out } => documents::save(&context, &document, &out).await,
        Command::Policy(what) => policy::run(&context, what).await,
        Command::Scan(words) => scan::run(&context, &words).await,
        Command::Bench(what) => bench::run(&context, what).await,
        Command::Completions { shell } => completions::run(&context, shell),
    }
}
