//! `amanat conversations`, `amanat new` and `amanat members`.

use amanat_client::{
    Command, Event, Reply,
    api::{ConversationView, Member, MessageBody, Notice, Role},
};
use amanat_identity::Tier;

use crate::{
    context::Context,
    output::{
        json, say,
        table::{self, Cell, Table},
        time,
    },
    problem::Outcome,
    session::{Link, Session, unexpected},
};

pub(super) async fn list(context: &Context) -> Outcome {
    let mut session = Session::open(context, Link::Stay).await?;
    let outcome = all(&mut session).await;
    let views = session.close(outcome).await?;
    if context.screen.is_json() {
        return views.iter().try_for_each(|view| context.screen.object(&json::ConversationLine::from(view)));
    }
    if views.is_empty() {
        context.screen.note("No conversations yet. Write to someone: amanat send HANDLE \"...\".");
        return Ok(());
    }
    context.screen.line(table(&views).render(context.screen.width()))
}

/// Every conversation of this vault.
pub(super) async fn all(session: &mut Session) -> Outcome<Vec<ConversationView>> {
    match session.ask(Command::Conversations).await? {
        Reply::Conversations(views) => Ok(views),
        _ => Err(unexpected()),
    }
}

pub(crate) fn table(views: &[ConversationView]) -> Table {
    let mut table = Table::new(["ID", "TITLE", "TIER", "MEMBERS", "UNREAD", "LAST", ""]);
    for view in views {
        let unread =
            if view.unread == 0 { Cell::new("") } else { Cell::styled(view.unread.to_string(), table::STRONG) };
        table.row([
            Cell::new(say::short(&view.id.to_string())),
            (&view.title).into(),
            say::tier_cell(view.tier),
            if view.direct { Cell::styled("1:1", table::QUIET) } else { view.members.to_string().into() },
            unread,
            last(view).into(),
            say::conversation_state(view.state),
        ]);
    }
    table
}

fn last(view: &ConversationView) -> String {
    let Some(message) = &view.last else { return String::new() };
    let words = match &message.body {
        MessageBody::Text(text) => text.lines().next().unwrap_or_default().to_owned(),
        MessageBody::Document(document) => document.name.clone(),
        MessageBody::ReadsFromHere => "(this device reads from here on)".into(),
        MessageBody::Gone if message.deleted => "(deleted)".into(),
        MessageBody::Gone => "(expired)".into(),
        MessageBody::NeedsNewerVersion => "(needs a newer version)".into(),
    };
    format!("{} {}", time::local(message.at), crate::output::text::fit(&words, 40))
}

pub(super) async fn new(context: &Context, title: String, tier: Tier, members: &[String]) -> Outcome {
    let mut session = Session::open(context, Link::Dial).await?;
    let outcome = open(&mut session, title, tier, members).await;
    let conversation = session.close(outcome).await?;
    if context.screen.is_json() {
        return context.screen.object(&json::Sent::new(conversation, None, None));
    }
    context.screen.line(conversation)
}

async fn open(
    session: &mut Session,
    title: String,
    tier: Tier,
    members: &[String],
) -> Outcome<amanat_primitives::ConversationId> {
    let mut addresses = Vec::with_capacity(members.len());
    for member in members {
        addresses.push(session.address(member).await?);
    }
    session.settle().await?;
    let Reply::Sent { conversation, .. } = session.ask(Command::New { title, tier, members: addresses }).await? else {
        return Err(unexpected());
    };
    // Until the relay has it, the others hear nothing of it.
    let mut refused = None;
    let look = &mut |event: &Event| match event {
        Event::Notice(Notice::CreationRefused { conversation: id, failure }) if *id == conversation => {
            refused = Some(failure.clone());
        }
        _ => (),
    };
    match tokio::time::timeout(super::send::PATIENCE, session.ask_with(Command::Sync, look)).await {
        Ok(Err(problem)) if problem.status() != 1 => return Err(problem),
        // It is durable here, and goes out at the next sync.
        _ => (),
    }
    refused.map_or(Ok(conversation), |failure| Err(failure.into()))
}

pub(super) async fn members(context: &Context, conversation: &str) -> Outcome {
    let mut session = Session::open(context, Link::Stay).await?;
    let outcome = members_of(&mut session, conversation).await;
    let members = session.close(outcome).await?;
    if context.screen.is_json() {
        return members.iter().try_for_each(|member| context.screen.object(&json::MemberLine::from(member)));
    }
    let mut table = Table::new(["NAME", "ADDRESS", "POST", "CLEARANCE", "ROLE", "DEVICE", "VERIFIED"]);
    for member in &members {
        table.row([
            (&member.name).into(),
            member.address.to_string().into(),
            (&member.post).into(),
            member.clearance.map_or_else(|| "".into(), say::tier_cell),
            member.role.map(Role::name).unwrap_or_default().into(),
            Cell::new(say::short(&member.device.to_string())),
            if member.own { Cell::styled("this device", table::QUIET) } else { say::verified_cell(member.verified) },
        ]);
    }
    context.screen.line(table.render(context.screen.width()))
}

async fn members_of(session: &mut Session, conversation: &str) -> Outcome<Vec<Member>> {
    let conversation = session.conversation(conversation).await?;
    match session.ask(Command::Members { conversation }).await? {
        Reply::Members(members) => Ok(members),
        _ => Err(unexpected()),
    }
}
