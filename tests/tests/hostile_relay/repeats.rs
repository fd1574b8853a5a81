//! What a relay has of commits that came to nothing: one that it refused and stores, one that was void and comes again.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use amanat_client::{
    Command, Reply,
    api::{ConversationState, Role, Target, WarningOf},
};
use amanat_identity::Tier;
use amanat_wire::{
    client::Request,
    log::{Unit, UnitKind},
    relay::{Answer, Refusal},
};

use super::{
    Seen,
    logs::template,
    loss::GOES_ON,
    staff::{HANDLES, PATIENCE, Run, Staff, sync, sync_for, warnings},
};

/// The relay keeps the founder's commits; it answers the first one so, and that others come before the later ones.
fn kept(run: &Run<'_>, first: fn(&Unit) -> Answer) -> Arc<Mutex<Vec<Unit>>> {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let (by, conversation, has) = (run.device(0), run.conversation, Arc::clone(&kept));
    run.foe().state().hooks.request = Some(Box::new(move |device, request| match request {
        Request::Append(unit) if device == by && unit.conversation == conversation && unit.kind == UnitKind::Commit => {
            let mut has = has.lock().unwrap();
            has.push(unit.clone());
            Some(if has.len() == 1 { first(unit) } else { conflict(unit) })
        }
        _ => None,
    }));
    kept
}

fn refused(_: &Unit) -> Answer {
    Answer::Refused(Refusal::NotAllowed)
}

/// Another one has come first, it says.
fn conflict(unit: &Unit) -> Answer {
    Answer::Conflict(unit.seen_commit + 1)
}

/// Waits until it has so many.
async fn until_kept(kept: &Mutex<Vec<Unit>>, count: usize) -> Unit {
    while kept.lock().unwrap().len() < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    kept.lock().unwrap()[0].clone()
}

/// The founder makes a member a moderator. Whatever is answered, the conversation says what has come of it.
async fn appoints(run: &Run<'_>, index: usize) {
    let (conversation, person) = (run.conversation, run.staff.rig.address(HANDLES[index]));
    let _ = run.person(0).engine.ask(Command::SetRole { conversation, person, moderator: true }).await;
}

/// Whether all members know of so many moderators.
async fn all_know(run: &Run<'_>, moderators: usize) -> bool {
    for index in &run.members {
        let asked = Command::Members { conversation: run.conversation };
        let Reply::Members(members) = run.person(*index).ask(asked).await else { panic!() };
        if members.iter().filter(|member| member.role == Some(Role::Moderator)).count() != moderators {
            return false;
        }
    }
    true
}

/// A commit is answered with "refused", and stored. [CONV-90]
pub(crate) async fn refused_and_stored(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let kept = kept(&run, refused);
    appoints(&run, 1).await;
    // Whoever was refused goes on, and may have another one on its way, which is lost to this one and made again.
    if seed.is_multiple_of(2) {
        run.says_and_sends(0).await;
    }
    let (by, another) = (run.device(0), seed.is_multiple_of(3));
    let stored = async {
        let unit = until_kept(&kept, if another { 2 } else { 1 }).await;
        staff.foe.be_honest();
        assert!(matches!(staff.foe.state().take(by, unit), Answer::Appended(_)));
        staff.foe.state().hint(by);
    };
    let appointed = async {
        if another {
            appoints(&run, 2).await;
        }
    };
    tokio::join!(appointed, stored);
    run.settle().await;
    assert!(all_know(&run, if another { 2 } else { 1 }).await);
    // The next commit's receipt follows.
    run.commits().await;
    run.settle().await;
    let kinds = run.kinds().await;
    assert!(kinds.is_empty(), "{kinds:?}");
    run.goes_on().await;
    run.check_complete().await;
    Seen::plain("nothing lost", "at once", GOES_ON)
}

/// A commit is stored with a stamp that makes it void, and once more with a good one. [CONV-89]
pub(crate) async fn void_and_repeated(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    // Its author has given it up, or has it on its way.
    let kept = kept(&run, if seed.is_multiple_of(2) { refused } else { conflict });
    let (foe, by, conversation) = (staff.foe.clone(), run.device(0), run.conversation);
    let readers: Vec<_> = run.members.iter().map(|index| run.device(*index)).collect();
    let now = staff.rig.clock.now();
    let stored = async {
        let unit = until_kept(&kept, 1).await;
        foe.be_honest();
        for stamp in [now.after(Duration::from_secs(11 * 60)), now] {
            for to in &readers {
                foe.state().show(*to, conversation, template(&unit, by, stamp)).unwrap();
            }
        }
        foe.state().hint(by);
    };
    tokio::join!(appoints(&run, 1), stored);
    run.settle().await;
    assert!(all_know(&run, 0).await);
    let kinds = run.kinds().await;
    run.commits().await;
    run.settle().await;
    assert_eq!(run.kinds().await, kinds, "the next commit's receipt follows");
    run.goes_on().await;
    run.check_complete().await;
    Seen::shown(kinds, "at once", GOES_ON)
}

/// A relay does not have a conversation that is founded; so it is founded anew, and meanwhile the first commit comes.
/// [CONV-90] [CONV-92]
#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_found_a_conversation_the_one_in_the_log_is_merged() {
    let staff = Staff::gather().await;
    let (founder, other, device) = (&staff.people[0], &staff.people[1], staff.devices[0]);
    let founding = Arc::new(Mutex::new(Vec::<Unit>::new()));
    let has = Arc::clone(&founding);
    staff.foe.state().hooks.request = Some(Box::new(move |_, request| match request {
        Request::Append(unit) if unit.kind == UnitKind::Create => {
            has.lock().unwrap().push(unit.clone());
            Some(Answer::Refused(Refusal::Failed))
        }
        _ => None,
    }));
    let id = staff.rig.group(founder, &[HANDLES[1]], Tier::Official).await;
    founder.say(&Target::Conversation(id), "the first word").await;
    let first = until_kept(&founding, 1).await;
    // Late, and still not so late that it would be void.
    staff.rig.clock.forward(Duration::from_secs(8 * 60 + 5));
    staff.foe.state().cut(device);
    let anew = async {
        let mut rest = 60;
        while founding.lock().unwrap().last().is_none_or(|unit| unit.id == first.id) {
            // It may rest for half a minute, since it was refused.
            if rest > 0 {
                rest -= 1;
                staff.rig.clock.forward(Duration::from_secs(1));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            sync_for(founder, Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, anew).await.expect("it is founded anew");
    staff.foe.be_honest();
    assert!(matches!(staff.foe.state().append(device, first), Answer::Appended(_)));
    // It has rested, and its second one is not late yet.
    staff.rig.clock.forward(Duration::from_secs(60));
    staff.foe.state().cut(device);
    let joined = async {
        let read = Command::Read { conversation: id, since: 0, limit: 1, mark: false };
        while !matches!(other.engine.ask(read.clone()).await, Ok(Reply::Lines(lines)) if !lines.is_empty()) {
            staff.rig.clock.forward(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(20)).await;
            sync(founder).await.unwrap();
            sync(other).await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, joined).await.expect("what was queued comes");
    assert_eq!(other.texts(id).await, ["the first word"]);
    other.say(&Target::Conversation(id), "the second").await;
    sync(other).await.unwrap();
    sync(founder).await.unwrap();
    assert_eq!(founder.texts(id).await, ["the first word", "the second"]);
    let Reply::Conversations(all) = founder.ask(Command::Conversations).await else { panic!() };
    assert_eq!(all.iter().map(|view| view.state).collect::<Vec<_>>(), [ConversationState::Active]);
    for person in [founder, other] {
        let alarms: Vec<_> = warnings(person).await.into_iter().map(|warning| warning.of).collect();
        assert!(!alarms.iter().any(|of| matches!(of, WarningOf::Alarm { .. })), "{alarms:?}");
    }
}
