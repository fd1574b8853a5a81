//! What a relay keeps for itself: one message, those of one sender, the last ones.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{Seen, staff::Staff};

pub const GOES_ON: &str = "goes on";

/// One message is kept from one member; everything behind it moves up.
pub async fn drop_one(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let sender = run.somebody();
    let victim = run.somebody_but(&[sender]);
    let (kept, to, by) = (Arc::new(AtomicBool::new(false)), run.device(victim), run.device(sender));
    let done = Arc::clone(&kept);
    staff.foe.state().hooks.entry = Some(Box::new(move |delivery| {
        let takes = delivery.to == to && delivery.entry.sender == by && !done.swap(true, Ordering::Relaxed);
        if takes { Vec::new() } else { vec![delivery.entry.clone()] }
    }));
    let message = run.says_and_sends(sender).await;
    run.settle().await;
    assert!(!run.has(victim, message).await);
    run.says_and_sends(sender).await;
    run.settle().await;
    let kinds = run.kinds_of(victim).await;
    run.goes_on().await;
    assert!(!run.has(victim, message).await);
    Seen::shown(kinds, "next message of its sender", GOES_ON)
}

/// Everything that one member says is kept from another one; a third one gets it.
pub async fn drop_a_senders(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let sender = run.somebody();
    let victim = run.somebody_but(&[sender]);
    let other = run.somebody_but(&[sender, victim]);
    let (to, by) = (run.device(victim), run.device(sender));
    staff.foe.state().hooks.entry = Some(Box::new(move |delivery| {
        if delivery.to == to && delivery.entry.sender == by { Vec::new() } else { vec![delivery.entry.clone()] }
    }));
    for _ in 0..1 + run.seed.below(3) {
        run.says_and_sends(sender).await;
    }
    run.says_and_sends(other).await;
    run.settle().await;
    let kinds = run.kinds_of(victim).await;
    run.check().await;
    staff.foe.be_honest();
    run.goes_on().await;
    Seen::shown(kinds, "next message of another member", GOES_ON)
}
