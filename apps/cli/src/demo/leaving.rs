//! Chapter 6: a colleague comes, and a laptop is lost.

use std::time::Instant;

use amanat_client::{Command, Reply, api::Target};
use amanat_identity::{Reason, Target as Of, body::RevocationBody};
use amanat_primitives::ConversationId;

use super::{Cast, OFFICER, RELIEF, player::Player, tale::Tale, talking::address};
use crate::{
    context::Context,
    office::Office,
    output::{say, time},
    problem::Outcome,
    session::unexpected,
};

/// What the bar allows from the officer's word to the last conversation.
const BAR_SECONDS: f64 = 60.0;

/// The relief officer is enrolled and added; then the Section Officer's laptop is revoked.
pub(super) async fn run(
    context: &Context,
    tale: &mut Tale,
    office: &Office,
    cast: &mut Cast,
    group: ConversationId,
) -> Outcome<Player> {
    tale.chapter("A colleague comes, a laptop is lost")?;
    let mut relief = comes(context, tale, office, cast, group).await?;
    lost(context, tale, office, cast, &mut relief, group).await?;
    tale.by_hand()?;
    Ok(relief)
}

async fn comes(
    context: &Context,
    tale: &mut Tale,
    office: &Office,
    cast: &mut Cast,
    group: ConversationId,
) -> Outcome<Player> {
    let desk = office.desk()?;
    office.invite(&desk, &RELIEF, false)?;
    office.join(RELIEF.handle, None, office.profile(RELIEF.handle)).await?;
    let mut relief = Player::start(context, office, RELIEF).await?;
    relief.caught_up().await?;
    let add = Command::Add { conversation: group, members: vec![address(RELIEF.handle)?] };
    let Reply::ConversationChanged { .. } = cast.secretary.ask(add).await? else { return Err(unexpected()) };
    for player in [&mut cast.secretary, &mut cast.deputy, &mut cast.officer, &mut relief] {
        player.sees_members(group, 4).await?;
    }
    let (_, welcome) = cast.secretary.send(Target::Conversation(group), "خوش آمدید۔ Welcome.").await?;
    relief.receives(welcome).await?;
    let texts = relief.texts(group).await?;
    let id = group.to_string();
    let command = tale.as_person(RELIEF.handle, &format!("read {} --peek", say::short(&id)));
    let what = format!("{} was added, and reads what is written from now on, nothing from before", RELIEF.post);
    tale.check(&what, texts == ["خوش آمدید۔ Welcome."], Some(command))?;
    Ok(relief)
}

async fn lost(
    context: &Context,
    tale: &mut Tale,
    office: &Office,
    cast: &mut Cast,
    relief: &mut Player,
    group: ConversationId,
) -> Outcome {
    tale.say("The Section Officer's laptop was left in a taxi; the security officer revokes it.")?;
    let body = RevocationBody {
        target: Of::Person(OFFICER.handle.parse().map_err(|error| crate::authority::not_text("the handle", error))?),
        ceiling: None,
        reason: Reason::Lost,
        note: None,
    };
    let begun = Instant::now();
    let desk = office.desk()?;
    let attested = desk.publish(&[body], &mut context.interrupt.clone(), time::now()).await?;
    tale.check("the relay has the new list of revocations", attested.waiting.is_empty(), None)?;
    for player in [&mut cast.secretary, &mut cast.deputy, relief] {
        player.sees_members(group, 3).await?;
    }
    let elapsed = begun.elapsed().as_secs_f64();
    let id = group.to_string();
    let command = tale.as_person("secretary", &format!("members {}", say::short(&id)));
    let what = format!("the laptop has disappeared from the conversation, {elapsed:.1} s after the officer's word");
    tale.check(&what, elapsed <= BAR_SECONDS, Some(command))?;
    tale.figure("revoked laptop: from the officer's word to its removal", elapsed, "s");
    let (_, after) = cast.secretary.send(Target::Conversation(group), "Go on without it.").await?;
    for player in [&mut cast.deputy, relief] {
        player.receives(after).await?;
    }
    let kept_out = !cast.officer.texts(group).await?.iter().any(|text| text == "Go on without it.");
    tale.check("what was written after that did not reach the laptop", kept_out, None)
}
