//! What a relay does to the order: the same again, another order, another place.

use amanat_wire::log::Entry;

use super::{Seen, loss::GOES_ON, staff::{Run, Staff}};

/// The last entry by somebody in a member's log.
pub fn last_of(run: &Run<'_>, victim: usize, sender: usize) -> Entry {
    let (to, by) = (run.device(victim), run.device(sender));
    let state = run.foe().state();
    let view = &state.logs[&run.conversation].views[&to];
    view.entries.iter().rev().find(|entry| entry.sender == by).unwrap().clone()
}

/// An earlier message comes again, at the end.
pub async fn replay(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let sender = run.somebody();
    let victim = run.somebody_but(&[sender]);
    run.says_and_sends(sender).await;
    let old = last_of(&run, victim, sender);
    let steps = 1 + run.seed.below(4) as usize;
    run.traffic(steps).await;
    again(&run, victim, old);
    run.settle().await;
    let kinds = run.kinds_of(victim).await;
    run.check().await;
    run.goes_on().await;
    Seen::shown(kinds, "at once", GOES_ON)
}

fn again(run: &Run<'_>, victim: usize, entry: Entry) {
    let (to, conversation) = (run.device(victim), run.conversation);
    run.foe().state().show(to, conversation, entry).unwrap();
}

/// A message comes twice in a row.
pub async fn duplicate(staff: &Staff, seed: u64) -> Seen {
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
    let kinds = run.kinds_of(victim).await;
    staff.foe.be_honest();
    run.goes_on().await;
    Seen::shown(kinds, "at once", GOES_ON)
}
