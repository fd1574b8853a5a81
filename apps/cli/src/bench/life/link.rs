//! Over a real relay: a device that missed many epochs catches up, and a revoked one disappears.

use std::time::Instant;

use amanat_client::{Command, Reply, api::Target};
use amanat_identity::{Reason, Target as Of, Tier, body::RevocationBody};
use amanat_primitives::ConversationId;
use tokio::time::{Duration, sleep};

use crate::{
    authority::invite::Desk,
    bench::{
        pairs::{RECIPIENT, SENDER},
        rounded,
    },
    context::Context,
    office::{Office, Staff},
    output::{json, time},
    problem::{Outcome, Problem},
    session::{Link, Session, unexpected},
};

/// Who comes and goes.
pub(super) const GUEST: Staff = Staff { handle: "guest", name: "Guest", post: "Benchmark", clearance: Tier::Official };

/// No change takes longer unless something is broken.
const PATIENCE: Duration = Duration::from_secs(120);

/// The sender changes members `epochs` times while the recipient is away; the recipient comes back. Then the guest is
/// revoked while both are there.
pub(super) async fn measure(
    context: &Context,
    office: &Office,
    desk: &Desk,
    epochs: u32,
) -> Outcome<(json::SecondsRun, json::SecondsRun)> {
    let start = |handle: &'static str| async move {
        Session::start(context, &office.profile(handle), office.passphrase(), Link::Dial).await
    };
    let (mut sender, mut guest) = (start(SENDER.handle).await?, start(GUEST.handle).await?);
    let group = found(&mut sender).await?;
    guest.ask(Command::Sync).await?;
    let mut recipient = start(RECIPIENT.handle).await?;
    recipient.ask(Command::Sync).await?;
    recipient.close(Ok(())).await?;
    let member = sender.address(GUEST.handle).await?;
    for number in 0..epochs {
        let command = if number % 2 == 0 {
            Command::Remove { conversation: group, member: member.clone() }
        } else {
            Command::Add { conversation: group, members: vec![member.clone()] }
        };
        sender.ask(command).await?;
        if number % 2 == 1 {
            guest.ask(Command::Sync).await?;
        }
    }
    if epochs % 2 == 1 {
        sender.ask(Command::Add { conversation: group, members: vec![member] }).await?;
    }
    sender.ask(Command::SendText { to: Target::Conversation(group), text: "last".into() }).await?;
    sender.ask(Command::Sync).await?;

    // The passphrase is not part of it.
    let mut recipient = start(RECIPIENT.handle).await?;
    let begun = Instant::now();
    recipient.ask(Command::Sync).await?;
    let caught_up = begun.elapsed().as_secs_f64();
    if members(&mut recipient, group).await? != 3 {
        return Err(unexpected());
    }

    let body = RevocationBody {
        target: Of::Person(GUEST.handle.parse().map_err(|error| crate::authority::not_text("the handle", error))?),
        ceiling: None,
        reason: Reason::Lost,
        note: None,
    };
    let begun = Instant::now();
    desk.publish(&[body], &mut context.interrupt.clone(), time::now()).await?;
    for session in [&mut sender, &mut recipient] {
        while members(session, group).await? != 2 {
            if begun.elapsed() > PATIENCE {
                return Err(Problem::internal("A revoked device was not removed."));
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
    let removed = begun.elapsed().as_secs_f64();
    for session in [sender, recipient] {
        session.close(Ok(())).await?;
    }
    // It was revoked in the middle of what it did.
    let _ = guest.close(Ok(())).await;
    Ok((json::SecondsRun { seconds: rounded(removed) }, json::SecondsRun { seconds: rounded(caught_up) }))
}

async fn found(sender: &mut Session) -> Outcome<ConversationId> {
    let members = vec![sender.address(RECIPIENT.handle).await?, sender.address(GUEST.handle).await?];
    let new = Command::New { title: "Benchmark".into(), tier: Tier::Official, members };
    let Reply::Sent { conversation, .. } = sender.ask(new).await? else { return Err(unexpected()) };
    sender.ask(Command::Sync).await?;
    Ok(conversation)
}

async fn members(session: &mut Session, conversation: ConversationId) -> Outcome<usize> {
    match session.ask(Command::Members { conversation }).await? {
        Reply::Members(members) => Ok(members.len()),
        _ => Err(unexpected()),
    }
}
