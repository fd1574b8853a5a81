//! What was made and waits for long: it is brought late as it was made. Two holes that the simulation found and that are not
//! mended; the schedules keep clear of them (`schedule::Bounds`, and nights with nothing on the way). Each of these tests
//! fails until its hole is closed.

use std::time::Duration;

use amanat_client::Command;
use amanat_primitives::ConversationId;
use amanat_store::simulated;
use tokio::time::sleep;

use crate::{
    agreement,
    trace::Trace,
    world::{World, address},
};

/// A world in which nothing is decided by a schedule; `trouble` happens in it, and in the end everything must agree.
fn in_a_world(trouble: impl AsyncFnOnce(&mut World, ConversationId)) {
    let _simulated = simulated::enter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::found(0, Trace::begin()).await;
        // The one of everybody.
        let id = *world.talks.iter().find(|(_, talk)| talk.guests.is_empty()).unwrap().0;
        trouble(&mut world, id).await;
        agreement::heal(&mut world).await;
        agreement::check(&mut world).await;
    });
}

fn appoint(world: &World, conversation: ConversationId) -> Command {
    let other = world.talks[&conversation].staying[1];
    Command::SetRole { conversation, person: address(&world.people[other].name), moderator: true }
}

// [CONV-16]
#[test]
#[ignore = "a commit that cannot be brought within ten minutes is brought later as it is: void for all, who are told of it"]
fn a_commit_that_could_not_be_brought_in_time_is_made_anew() {
    in_a_world(async |world, id| {
        let founder = world.talks[&id].staying[0];
        // It does not know yet that its line is parted.
        world.people[founder].line.part(true);
        world.ask_later(founder, "appoint".into(), appoint(world, id), Vec::new());
        sleep(Duration::from_secs(15 * 60)).await;
    });
}

// [CONV-24]
#[test]
#[ignore = "a message that waits over a day is brought as it was encrypted: others have forgotten the keys of its epoch"]
fn a_message_that_could_not_be_brought_for_a_day_is_encrypted_anew() {
    in_a_world(async |world, id| {
        let (founder, by) = (world.talks[&id].staying[0], world.talks[&id].staying[2]);
        world.people[by].line.part(true);
        world.say(by, id, "1 late".into(), "1 late").await;
        sleep(Duration::from_secs(120)).await;
        world.ask_later(founder, "appoint".into(), appoint(world, id), Vec::new());
        sleep(Duration::from_secs(120)).await;
        world.time.sleep(Duration::from_secs(30 * 3600));
        sleep(Duration::from_secs(300)).await;
    });
}
