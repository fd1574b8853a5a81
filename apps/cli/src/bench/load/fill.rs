//! What waits at a relay: messages in several conversations, written by a device each, for readers that are not linked.

use std::sync::Arc;

use amanat_primitives::{ConversationId, DeviceId};
use amanat_wire::{
    Bytes,
    client::Request,
    log::UnitKind,
    relay::{Answer, FromRelay},
};
use tokio::task::JoinSet;

use super::{
    BODY, broken,
    crew::Crew,
    wire::{self, Wire},
};
use crate::{
    context::Context,
    output::progress::Count,
    problem::{Outcome, Problem},
};

/// Messages that a writer has under way.
const UNDER_WAY: u32 = 48;
/// Messages after which a writer tells how far it is.
const STEP: u32 = 500;

/// Fills `conversations` with `messages` in all, for `readers`.
pub(super) async fn fill(
    context: &Context,
    crew: &mut Crew,
    conversations: u32,
    messages: u32,
    readers: &[DeviceId],
) -> Outcome {
    let writers = crew.enrol(context, conversations).await?;
    let progress = Arc::new(Count::new(&context.screen, "filling the relay", u64::from(messages)));
    let mut tasks = JoinSet::new();
    for (writer, number) in writers.into_iter().zip(0..) {
        // The first ones write what does not divide evenly.
        let share = messages / conversations + u32::from(number < messages % conversations);
        let (readers, progress) = (readers.to_vec(), Arc::clone(&progress));
        tasks.spawn(async move {
            let mut wire = writer.link().await?;
            let (conversation, commit) = wire.found(&readers).await?;
            write(&mut wire, conversation, commit, share, &progress).await?;
            wire.end().await;
            Ok::<_, Problem>(())
        });
    }
    let mut interrupt = context.interrupt.clone();
    while let Some(done) = interrupt.or(tasks.join_next()).await? {
        done.map_err(|_| broken())??;
    }
    Ok(())
}

async fn write(wire: &mut Wire, conversation: ConversationId, commit: u64, messages: u32, progress: &Count) -> Outcome {
    let body = Bytes::new(vec![0x5a; BODY]).map_err(|_| broken())?;
    let (mut sent, mut accepted) = (0, 0);
    while accepted < messages {
        while sent < messages && sent - accepted < UNDER_WAY {
            let mut unit = wire::unit(conversation, UnitKind::Message, commit)?;
            unit.body = body.clone();
            wire.asking.put(Request::Append(unit)).await?;
            sent += 1;
        }
        wire.asking.flush().await?;
        // Half of what is under way, so that the next ones go out together too.
        let enough = if sent < messages { UNDER_WAY / 2 } else { sent - accepted };
        let until = accepted + enough;
        while accepted < until {
            if let FromRelay::Answer(answer) = wire::hear(&mut wire.hearing).await? {
                match wire::accepted(answer.answer)? {
                    Answer::Appended(_) => accepted += 1,
                    other => return Err(wire::unasked(&other)),
                }
                if accepted % STEP == 0 {
                    progress.add(u64::from(STEP));
                }
            }
        }
    }
    Ok(())
}
