//! What a relay keeps for itself: one message, those of one sender, the last ones, what it said it had stored, a commit.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use amanat_client::{
    Command,
    api::{ConversationState, MessageState},
};
use amanat_primitives::DeviceId;
use amanat_wire::{
    Bytes,
    client::Request,
    log::{Entry, UnitKind, running_hash},
    relay::{Answer, Appended},
};

use super::{
    Seen,
    relay::Delivery,
    service::SEAL,
    staff::{HANDLES, PATIENT_ROUNDS, Run, Staff},
};

pub(crate) const GOES_ON: &str = "goes on";
pub(crate) const ADDED_AGAIN: &str = "falls out, is added again";

/// Keeps what `kept` says, and lets all else pass.
pub(crate) fn keep(run: &Run<'_>, mut kept: impl FnMut(&Delivery<'_>) -> bool + Send + 'static) {
    let conversation = run.conversation;
    run.foe().state().hooks.entry = Some(Box::new(move |delivery| {
        if delivery.conversation == conversation && kept(delivery) { Vec::new() } else { vec![delivery.entry.clone()] }
    }));
}

/// One message is kept from one member; everything behind it moves up.
pub(crate) async fn drop_one(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let sender = run.somebody();
    let victim = run.somebody_but(&[sender]);
    let (done, to, by) = (Arc::new(AtomicBool::new(false)), run.device(victim), run.device(sender));
    keep(&run, move |delivery| delivery.to == to && delivery.entry.sender == by && !done.swap(true, Ordering::Relaxed));
    let message = run.says_and_sends(sender).await;
    run.settle().await;
    assert!(!run.has(victim, message).await);
    run.says_and_sends(sender).await;
    run.settle().await;
    let kinds = run.kinds_of(victim).await;
    assert!(kinds.contains("gap"), "{kinds:?}");
    run.goes_on().await;
    assert!(!run.has(victim, message).await);
    Seen::shown(kinds, "next message of its sender", GOES_ON)
}

/// Everything that one member says is kept from another one; a third one gets it.
pub(crate) async fn drop_a_senders(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let sender = run.somebody();
    let victim = run.somebody_but(&[sender]);
    let other = run.somebody_but(&[sender, victim]);
    let (to, by) = (run.device(victim), run.device(sender));
    keep(&run, move |delivery| delivery.to == to && delivery.entry.sender == by);
    for _ in 0..1 + run.seed.below(3) {
        run.says_and_sends(sender).await;
    }
    run.settle().await;
    run.says_and_sends(other).await;
    run.settle().await;
    let kinds = run.kinds_of(victim).await;
    run.check().await;
    staff.foe.be_honest();
    run.goes_on().await;
    Seen::shown(kinds, "next message of another member", GOES_ON)
}

/// The last messages of everybody are kept from everybody else. Until another one comes, nothing shows but that they are
/// not delivered.
pub(crate) async fn drop_the_tail(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    keep(&run, |_| true);
    let mut kept = Vec::new();
    for _ in 0..1 + run.seed.below(3) {
        let by = run.somebody();
        kept.push((by, run.says_and_sends(by).await));
    }
    run.settle().await;
    for (by, message) in &kept {
        assert_eq!(run.state_of(*by, *message).await, MessageState::Accepted);
    }
    assert_eq!(run.kinds().await, BTreeSet::new());
    staff.foe.be_honest();
    let by = kept[0].0;
    run.says_and_sends(by).await;
    run.settle().await;
    let mut kinds = BTreeSet::new();
    for index in run.members.clone().into_iter().filter(|index| *index != by) {
        let theirs = run.kinds_of(index).await;
        assert!(theirs.contains("gap"), "{}: {theirs:?}", HANDLES[index]);
        kinds.extend(theirs);
    }
    run.goes_on().await;
    Seen::shown(kinds, "next message of its sender", GOES_ON)
}

/// A message is answered with "accepted" and stored nowhere.
pub(crate) async fn acknowledged_but_not_stored(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let sender = run.somebody();
    let (by, conversation) = (run.device(sender), run.conversation);
    let view = staff.foe.state().logs[&conversation].views[&by].clone();
    let stamp = staff.rig.clock.now();
    staff.foe.state().hooks.request = Some(Box::new(move |device, request| match request {
        Request::Append(unit) if device == by && unit.conversation == conversation => {
            let hash = amanat_wire::log::ciphertext_hash(&unit.body);
            let running = running_hash(&view.running_at(view.head()), unit.kind, &hash, &[]);
            let position = view.head() + 1;
            Some(Answer::Appended(Appended { position, stamp, running, receipt: Bytes::default(), seal: SEAL }))
        }
        _ => None,
    }));
    let message = run.says(sender).await;
    while run.state_of(sender, message).await == MessageState::Queued {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    staff.foe.be_honest();
    // It has the log as it is, or somebody writes first.
    let other = run.somebody_but(&[sender]);
    let first = run.seed.below(2) == 0;
    if first {
        run.says_and_sends(other).await;
    }
    run.settle_somehow().await;
    if !first {
        run.links_again(sender).await;
        run.goes_on().await;
        run.check_complete().await;
        return Seen::plain("delayed and healed", "next message", GOES_ON);
    }
    run.says(sender).await;
    run.settle_somehow().await;
    let kinds = run.kinds().await;
    run.check().await;
    assert_eq!(run.stage(sender).await, ConversationState::Active);
    run.goes_on().await;
    Seen::shown(kinds, "next message", GOES_ON)
}

/// A member does not get a commit. Once it is there again, nothing that it missed is shown as delivered. [DELIV-250]
pub(crate) async fn withheld_commit(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let victim = run.somebody_but(&[0]);
    let other = run.somebody_but(&[0, victim]);
    let to = run.device(victim);
    let mut done = false;
    keep(&run, move |delivery| {
        delivery.to == to && delivery.entry.kind == UnitKind::Commit && !std::mem::replace(&mut done, true)
    });
    run.commits().await;
    run.settle().await;
    run.says_and_sends(0).await;
    run.reads(victim).await;
    let first = run.kinds_of(victim).await;
    run.says_and_sends(other).await;
    run.settle_somehow().await;
    assert!(run.fell_out(victim).await, "{:?}", run.warned(victim).await);
    run.added_again(victim).await;
    // That the log is another one is told by the way back into it, with the first that a device says there by itself.
    let mut kinds = run.kinds_of(victim).await;
    for _ in 0..PATIENT_ROUNDS {
        if kinds.contains("fork") {
            break;
        }
        staff.rig.clock.forward(std::time::Duration::from_secs(1));
        run.settle_somehow().await;
        kinds = run.kinds_of(victim).await;
    }
    run.check().await;
    if seed.is_multiple_of(5) {
        run.heals(victim, 0).await;
    }
    Seen::shown(kinds, "when it is added again", ADDED_AGAIN).after(first, "next message")
}

/// A member is removed, and another one is not told.
pub(crate) async fn withheld_removal(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let victim = run.somebody_but(&[0]);
    let removed = run.somebody_but(&[0, victim]);
    let (to, conversation) = (run.device(victim), run.conversation);
    keep(&run, move |delivery| delivery.to == to && delivery.entry.kind == UnitKind::Commit);
    let member = staff.rig.address(HANDLES[removed]);
    run.person(0).ask(Command::Remove { conversation, member }).await;
    run.members.retain(|index| *index != removed);
    run.settle().await;
    assert_eq!(run.stage(removed).await, ConversationState::Removed);
    let mut before = BTreeSet::new();
    for _ in 0..2 {
        run.says_and_sends(0).await;
        run.settle_somehow().await;
        // Whoever was removed writes nothing any more, and so nobody can be told apart from a member who says what is wrong.
        assert_eq!(run.stage(victim).await, ConversationState::Active);
        let places = run.undecryptable(victim).await;
        assert!(places.last() > before.last(), "not shown again: {places:?}");
        before = places;
    }
    let kinds = run.kinds_of(victim).await;
    run.check().await;
    staff.foe.be_honest();
    // It takes one of the two others for the one who has parted, and stays; whoever leaves can be added again.
    run.leaves(victim).await;
    let members = vec![staff.rig.address(HANDLES[victim])];
    run.person(0).ask(Command::Add { conversation, members }).await;
    run.members.push(victim);
    run.settle().await;
    run.goes_on().await;
    Seen::shown(
        kinds,
        "next message of who removed",
        "shown again with each message, until it leaves and is added again",
    )
}

/// The last entry of a kind in a member's log.
pub(crate) fn last(run: &Run<'_>, of: DeviceId, wanted: impl Fn(&Entry) -> bool) -> Entry {
    let state = run.foe().state();
    let view = &state.logs[&run.conversation].views[&of];
    view.entries.iter().rev().find(|entry| wanted(entry)).unwrap().clone()
}
