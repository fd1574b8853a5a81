//! What a relay does to the order: the same again, another order, later, in another place.

use std::sync::{Arc, Mutex};

use amanat_client::api::ConversationState;
use amanat_wire::log::Entry;

use super::{
    Seen,
    loss::last,
    staff::{Run, Staff},
};

fn again(run: &Run<'_>, victim: usize, entry: Entry) {
    let (to, conversation) = (run.device(victim), run.conversation);
    run.foe().state().show(to, conversation, entry).unwrap();
}

/// An earlier message comes again, at the end: to another member, or to its author. [CONV-91]
pub(crate) async fn replay(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let sender = run.somebody();
    let victim = if seed % 4 == 3 { sender } else { run.somebody_but(&[sender]) };
    run.says_and_sends(sender).await;
    let (to, by) = (run.device(victim), run.device(sender));
    let old = last(&run, to, |entry| entry.sender == by);
    let steps = 1 + run.seed.below(4) as usize;
    run.traffic(steps).await;
    again(&run, victim, old);
    run.foe().state().hint(to);
    run.settle().await;
    assert_eq!(run.stage(victim).await, ConversationState::Active);
    run.check().await;
    run.shown_and_goes_on(victim).await
}

/// A message comes twice in a row.
pub(crate) async fn duplicate(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let sender = run.somebody();
    let victim = run.somebody_but(&[sender]);
    let (to, by) = (run.device(victim), run.device(sender));
    staff.foe.state().hooks.entry = Some(Box::new(move |delivery| {
        let times = if delivery.to == to && delivery.entry.sender == by { 2 } else { 1 };
        vec![delivery.entry.clone(); times]
    }));
    run.says_and_sends(sender).await;
    run.settle().await;
    staff.foe.be_honest();
    run.shown_and_goes_on(victim).await
}

/// Keeps what one member says from another one for a while; what was kept can be taken from there.
fn hold(run: &Run<'_>, sender: usize, victim: usize) -> Arc<Mutex<Vec<Entry>>> {
    let held = Arc::new(Mutex::new(Vec::new()));
    let (kept, to, by) = (Arc::clone(&held), run.device(victim), run.device(sender));
    let conversation = run.conversation;
    run.foe().state().hooks.entry = Some(Box::new(move |delivery| {
        if delivery.conversation == conversation && delivery.to == to && delivery.entry.sender == by {
            kept.lock().unwrap().push(delivery.entry.clone());
            return Vec::new();
        }
        vec![delivery.entry.clone()]
    }));
    held
}

/// A few messages of one member come in another order.
pub(crate) async fn reorder_within(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let sender = run.somebody();
    let victim = run.somebody_but(&[sender]);
    let held = hold(&run, sender, victim);
    let messages = 2 + run.seed.below(6) as usize;
    let mut said = Vec::new();
    for _ in 0..messages {
        said.push(run.says_and_sends(sender).await);
    }
    let mut entries = std::mem::take(&mut *held.lock().unwrap());
    let by = 1 + run.seed.below(entries.len() as u64 - 1) as usize;
    entries.rotate_left(by);
    staff.foe.be_honest();
    entries.into_iter().for_each(|entry| again(&run, victim, entry));
    run.settle().await;
    for message in said {
        assert!(run.has(victim, message).await, "what comes late is shown");
    }
    run.ordered = false;
    run.shown_and_goes_on(victim).await
}

/// A message comes when more than 64 later ones of its sender are there.
pub(crate) async fn reorder_beyond(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let sender = run.somebody();
    let victim = run.somebody_but(&[sender]);
    let held = hold(&run, sender, victim);
    let late = run.says_and_sends(sender).await;
    staff.foe.be_honest();
    for _ in 0..66 + run.seed.below(8) {
        run.says(sender).await;
    }
    run.settle().await;
    let entries = std::mem::take(&mut *held.lock().unwrap());
    entries.into_iter().for_each(|entry| again(&run, victim, entry));
    run.settle().await;
    assert!(!run.has(victim, late).await);
    run.shown_and_goes_on(victim).await
}

/// A message comes some epochs later.
pub(crate) async fn delay_across_epochs(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let sender = run.somebody_but(&[0]);
    let victim = run.somebody_but(&[sender]);
    let held = hold(&run, sender, victim);
    let late = run.says_and_sends(sender).await;
    staff.foe.be_honest();
    let epochs = *run.seed.one_of(&[1, 2, 5, 6, 7]);
    for _ in 0..epochs {
        run.commits().await;
        run.settle().await;
    }
    let entries = std::mem::take(&mut *held.lock().unwrap());
    entries.into_iter().for_each(|entry| again(&run, victim, entry));
    run.settle().await;
    assert_eq!(run.has(victim, late).await, epochs <= 5, "after {epochs} epochs");
    run.ordered = false;
    run.shown_and_goes_on(victim).await
}

/// A message comes in another conversation of the same people.
pub(crate) async fn redirect(staff: &Staff, seed: u64) -> Seen {
    let mut one = staff.run(seed).await;
    let mut other = staff.run(seed + 1_000_000).await;
    let sender = one.somebody();
    let victim = one.somebody_but(&[sender]);
    let elsewhere = hold(&one, sender, victim);
    one.says_and_sends(sender).await;
    let entries = std::mem::take(&mut *elsewhere.lock().unwrap());
    staff.foe.be_honest();
    entries.into_iter().for_each(|entry| again(&other, victim, entry));
    other.settle().await;
    other.check().await;
    let seen = other.shown_and_goes_on(victim).await;
    // Where it belongs it is missing.
    one.says_and_sends(sender).await;
    one.settle().await;
    let missing = one.kinds_of(victim).await;
    assert!(missing.contains("gap"), "{missing:?}");
    seen
}
