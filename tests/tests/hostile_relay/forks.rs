//! What a relay does to the whole log: two of them, or the one from before.

use std::collections::BTreeSet;

use amanat_client::{Command, api::ConversationState};
use amanat_wire::{
    client::Request,
    log::UnitKind,
    relay::{Answer, Refusal},
};

use super::{
    Seen,
    loss::{ADDED_AGAIN, GOES_ON, keep},
    staff::{HANDLES, Run, Staff},
};

/// Two commits at one place, each shown to some; what is said then goes to everybody.
pub(crate) async fn forked_epochs(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let alone = run.somebody_but(&[0]);
    let other = run.somebody_but(&[0, alone]);
    let (conversation, own) = (run.conversation, run.device(alone));
    let role =
        |whom: usize| Command::SetRole { conversation, person: staff.rig.address(HANDLES[whom]), moderator: true };
    run.person(0).ask(role(alone)).await;
    run.settle().await;
    keep(&run, move |delivery| {
        delivery.entry.kind == UnitKind::Commit && (delivery.to == own || delivery.entry.sender == own)
    });
    run.person(0).ask(role(other)).await;
    let member = staff.rig.address(HANDLES[other]);
    run.person(alone).ask(Command::Remove { conversation, member }).await;
    staff.foe.state().logs.get_mut(&conversation).unwrap().readers.insert(run.device(other));
    staff.foe.be_honest();
    run.settle_somehow().await;
    for by in [0, other, alone] {
        run.says_and_sends(by).await;
    }
    run.settle_somehow().await;
    for index in run.members.clone() {
        let kinds = run.kinds_of(index).await;
        assert!(kinds.contains("undecryptable"), "{}: {kinds:?}", HANDLES[index]);
    }
    let kinds = run.kinds().await;
    run.check().await;
    // The next commit of the others tells the one that is alone.
    let commit = Command::SetRole { conversation, person: staff.rig.address(HANDLES[other]), moderator: false };
    run.person(0).ask(commit).await;
    for by in [0, other] {
        run.says_and_sends(by).await;
    }
    run.settle_somehow().await;
    run.check().await;
    assert!(run.fell_out(alone).await, "{:?}", run.warned(alone).await);
    // The return takes its time, and is looked at in each fifth run.
    if seed.is_multiple_of(5) {
        run.heals(alone, 0).await;
    }
    Seen::shown(kinds, "next message of the other branch", ADDED_AGAIN)
}

/// Puts everybody's log back to where it was `by` entries ago, at most to its creation.
fn put_back(run: &Run<'_>, by: u64) -> u64 {
    let mut state = run.foe().state();
    let log = state.logs.get_mut(&run.conversation).unwrap();
    let head = log.views.values().map(super::logs::View::head).min().unwrap().saturating_sub(by).max(1);
    log.views.values_mut().for_each(|view| view.cut_back(head));
    log.answered.retain(|_, answered| answered.position <= head);
    head
}

/// Everybody links anew, as to a relay that was started again.
async fn started_again(run: &Run<'_>) {
    for index in run.members.clone() {
        run.links_again(index).await;
    }
}

/// The relay's folder is an older copy of it; its incarnation is the same. [DELIV-251]
pub(crate) async fn rolled_back(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let by = 1 + run.seed.below(6);
    put_back(&run, by);
    started_again(&run).await;
    run.settle_somehow().await;
    let kinds = run.kinds().await;
    run.goes_on().await;
    run.check_complete().await;
    Seen::shown(kinds, "next link", GOES_ON)
}

/// The same; the relay takes nothing back, and somebody who has not seen more writes on.
pub(crate) async fn rolled_back_and_gone_on(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let author = run.somebody();
    let own = run.device(author);
    keep(&run, move |delivery| delivery.to == own);
    let other = run.somebody_but(&[author]);
    let kept = 1 + run.seed.below(3);
    for _ in 0..kept {
        run.says_and_sends(other).await;
    }
    run.settle().await;
    staff.foe.be_honest();
    put_back(&run, 0);
    staff.foe.state().hooks.request = Some(Box::new(|_, request| {
        matches!(request, Request::Resupply(_)).then_some(Answer::Refused(Refusal::NotAllowed))
    }));
    started_again(&run).await;
    // The author has not seen more; nothing has been said on yet.
    for index in run.members.clone() {
        let kinds = run.kinds_of(index).await;
        assert_eq!(kinds.contains("RelayBehind"), index != author, "{}: {kinds:?}", HANDLES[index]);
    }
    let at_the_link = run.kinds().await;
    for _ in 0..kept + 1 + run.seed.below(4) {
        run.says_and_sends(author).await;
    }
    run.settle_somehow().await;
    run.settle_somehow().await;
    run.check().await;
    let mut kinds = BTreeSet::new();
    for index in run.members.clone().into_iter().filter(|index| *index != author) {
        let (theirs, stage) = (run.kinds_of(index).await, run.stage(index).await);
        assert_eq!(stage, ConversationState::Frozen, "{}: {theirs:?}", HANDLES[index]);
        kinds.extend(theirs);
    }
    Seen::shown(kinds, "once the log is as long as before", "frozen for who had seen more")
        .after(at_the_link, "next link")
}
