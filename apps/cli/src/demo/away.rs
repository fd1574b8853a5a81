//! Chapter 4: someone is away, and comes back.

use std::time::Instant;

use amanat_client::{Command, api::MessageState, api::Target};

use amanat_primitives::ConversationId;

use super::{Cast, DEPUTY, player::Player, tale::Tale};
use crate::{context::Context, office::Office, output::say, problem::Outcome};

/// Messages sent while the Deputy is away.
const MISSED: usize = 12;

pub(super) async fn run(
    context: &Context,
    tale: &mut Tale,
    office: &Office,
    cast: Cast,
    group: ConversationId,
) -> Outcome<Cast> {
    tale.chapter("Away, and back")?;
    let Cast { mut secretary, deputy, mut officer } = cast;
    deputy.leave().await?;
    tale.say("The Deputy Secretary's machine is off.")?;
    let mut sent = Vec::with_capacity(MISSED);
    let mut last = None;
    for number in 1..=MISSED {
        // In turns, so that the order is that of the relay's log and not of one sender.
        let (sender, receiver) =
            if number % 2 == 1 { (&mut secretary, &mut officer) } else { (&mut officer, &mut secretary) };
        let text = format!("ضلع نمبر {number}: تیاری مکمل (district {number} ready)");
        let (_, message) = sender.send(Target::Conversation(group), &text).await?;
        receiver.receives(message).await?;
        sent.push(text);
        last = Some(message);
    }
    let last = last.ok_or_else(crate::session::unexpected)?;
    officer.sees_state(last, MessageState::Accepted).await?;
    let waiting = officer.state(last) == Some(MessageState::Accepted);
    tale.check("a message that has not reached everyone shows as accepted, not as delivered", waiting, None)?;

    let begun = Instant::now();
    let mut deputy = Player::start(context, office, DEPUTY).await?;
    deputy.ask(Command::Sync).await?;
    let elapsed = begun.elapsed();
    let texts = deputy.texts(group).await?;
    let caught_up = texts.iter().skip(texts.len().saturating_sub(MISSED)).eq(&sent) && texts.len() == MISSED + 3;
    let id = group.to_string();
    let command = tale.as_person("deputy", &format!("read {} --peek", say::short(&id)));
    tale.check(&format!("back again: all {MISSED} messages, in order, each once"), caught_up, Some(command))?;
    officer.sees_state(last, MessageState::Delivered).await?;
    tale.check("their sender now sees them delivered", true, None)?;
    tale.figure("coming back: passphrase, link, 12 messages", elapsed.as_secs_f64(), "s");
    tale.by_hand()?;
    Ok(Cast { secretary, deputy, officer })
}
