//! What was made and waits for long before it can be brought: a commit beyond the time that its stamp may be off, and a
//! message beyond the day for which others keep the keys of an epoch that has ended. Each is made anew, and nobody hears of
//! it but by what it says.

use std::time::Duration;

use amanat_client::{Command, Reply, api::Target};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;
use amanat_store::simulated;
use tokio::time::sleep;

use crate::{
    agreement,
    network::Quality,
    trace::Trace,
    world::{World, address},
};

/// Longer than a commit's time may be off.
const LONG: Duration = Duration::from_secs(15 * 60);
/// A line over which what was asked is answered after two seconds.
const SLOW: Quality = Quality { latency: Duration::from_secs(1), ..Quality::GOOD };
/// Half a second after the second answer has come over it: what was sent then is on its way.
const TWO_ANSWERS: Duration = Duration::from_millis(4_500);

/// A world in which nothing is decided by a schedule; `trouble` happens in it, and in the end everything must agree.
/// It is given the conversation that has guests, or the one that has none.
fn in_a_world(guests: bool, trouble: impl AsyncFnOnce(&mut World, ConversationId)) {
    let _simulated = simulated::enter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::found(0, Trace::begin()).await;
        let id = *world.talks.iter().find(|(_, talk)| talk.guests.is_empty() != guests).unwrap().0;
        trouble(&mut world, id).await;
        agreement::heal(&mut world).await;
        agreement::check(&mut world).await;
    });
}

fn appoint(world: &World, conversation: ConversationId) -> Command {
    let other = world.talks[&conversation].staying[1];
    Command::SetRole { conversation, person: address(&world.people[other].name), moderator: true }
}

async fn is_member(world: &World, conversation: ConversationId, number: usize) -> bool {
    let founder = &world.people[world.talks[&conversation].staying[0]];
    let Some(Ok(Reply::Members(members))) = founder.ask(Command::Members { conversation }).await else { panic!() };
    members.iter().any(|member| member.address == address(&world.people[number].name))
}

// [CONV-16] [CONV-92]
#[test]
fn a_commit_that_could_not_be_brought_in_time_is_made_anew() {
    in_a_world(false, async |world, id| {
        let founder = world.talks[&id].staying[0];
        // It does not know yet that its line is parted.
        world.people[founder].line.part(true);
        let (engine, command) = (world.people[founder].engine().unwrap().clone(), appoint(world, id));
        let asked = tokio::spawn(async move { engine.ask(command).await });
        sleep(LONG).await;
        world.calm().await;
        assert!(asked.await.unwrap().is_ok(), "whoever asked is told that it is done");
    });
}

// [CONV-92] What its maker does not know any more: whom it was to add.
#[test]
fn an_addition_that_an_earlier_run_could_not_bring_is_made_anew() {
    in_a_world(true, async |world, id| {
        let (founder, guest) = (world.talks[&id].staying[0], world.talks[&id].guests[0]);
        let name = address(&world.people[guest].name);
        world.ask_later(
            founder,
            "remove".into(),
            Command::Remove { conversation: id, member: name.clone() },
            Vec::new(),
        );
        sleep(Duration::from_secs(60)).await;
        assert!(!is_member(world, id, guest).await);
        world.people[founder].line.set_quality(SLOW);
        world.ask_later(founder, "add".into(), Command::Add { conversation: id, members: vec![name] }, Vec::new());
        sleep(TWO_ANSWERS).await;
        world.people[founder].line.part(true);
        world.people[founder].crash().await;
        sleep(LONG).await;
        world.people[founder].start();
        world.calm().await;
        assert!(is_member(world, id, guest).await, "it was durable, and is not done");
    });
}

// [CONV-92] With what was said in it meanwhile.
#[test]
fn a_conversation_that_could_not_be_founded_in_time_is_founded_anew() {
    in_a_world(false, async |world, id| {
        let (by, other) = (world.talks[&id].staying[0], world.talks[&id].staying[1]);
        world.people[by].line.set_quality(SLOW);
        let to = Target::Person(address(&world.people[other].name), Some(Tier::Restricted));
        world.ask_later(by, "hello".into(), Command::SendText { to, text: "1 hello".into() }, vec![other]);
        sleep(TWO_ANSWERS).await;
        world.people[by].line.part(true);
        sleep(Duration::from_secs(1)).await;
        let known = world.talks.len();
        world.take_opened();
        assert_eq!(world.talks.len(), known + 1, "it is durable where it was made");
        // Its queue is whole in the next run, too.
        world.people[by].crash().await;
        world.people[by].start();
        sleep(LONG).await;
    });
}

/// The same, brought by a clock that is wrong; what is made by it would be void for everyone. `founds` a
/// conversation, or adds a guest to one.
fn late_by_a_wrong_clock(founds: bool, millis: i64) {
    in_a_world(true, async |world, id| {
        let (by, other, guest) = (world.talks[&id].staying[0], world.talks[&id].staying[1], world.talks[&id].guests[0]);
        let [other_name, guest_name] = [other, guest].map(|number| address(&world.people[number].name));
        let remove = Command::Remove { conversation: id, member: guest_name.clone() };
        world.ask_later(by, "remove".into(), remove, Vec::new());
        sleep(Duration::from_secs(60)).await;
        world.people[by].line.set_quality(SLOW);
        if founds {
            let to = Target::Person(other_name, Some(Tier::Restricted));
            world.ask_later(by, "hello".into(), Command::SendText { to, text: "1 hello".into() }, vec![other]);
        } else {
            let add = Command::Add { conversation: id, members: vec![guest_name] };
            world.ask_later(by, "add".into(), add, Vec::new());
        }
        sleep(TWO_ANSWERS).await;
        world.people[by].line.part(true);
        sleep(LONG).await;
        world.take_opened();
        world.set_clock(by, millis).await;
        world.calm().await;
        // It has felt that its clock is wrong, and waits.
        sleep(Duration::from_secs(300)).await;
        assert!(founds || !is_member(world, id, guest).await, "added by a clock that is wrong");
        world.people[by].set_clock(0, true).await;
        world.calm().await;
        assert!(founds || is_member(world, id, guest).await, "it was durable, and is not done");
    });
}

/// By so much a clock is ahead.
const AHEAD: i64 = 3_600_000;
/// And by so much behind: what was made before the line parted is half a minute old by it.
const BEHIND: i64 = -870_000;

// [CONV-82] [CONV-92]
#[test]
fn a_late_commit_waits_until_a_clock_that_is_ahead_is_right() {
    late_by_a_wrong_clock(true, AHEAD);
    late_by_a_wrong_clock(false, AHEAD);
}

// [CONV-82] [CONV-92]
#[test]
fn a_late_commit_waits_until_a_clock_that_is_behind_is_right() {
    late_by_a_wrong_clock(true, BEHIND);
    late_by_a_wrong_clock(false, BEHIND);
}

// [CONV-24] [CONV-93]
#[test]
fn a_message_that_could_not_be_brought_for_a_day_is_encrypted_anew() {
    in_a_world(false, async |world, id| {
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
