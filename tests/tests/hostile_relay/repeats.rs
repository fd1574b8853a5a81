//! What a relay has of commits that came to nothing: one that it refused and stores, one that was void and comes again.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use amanat_wire::{
    client::Request,
    log::{Unit, UnitKind},
    relay::{Answer, Refusal},
};

use super::{
    Seen,
    logs::template,
    loss::GOES_ON,
    staff::{Run, Staff},
};

/// The relay keeps the next commit of the founder, and answers so to all of them.
fn kept(run: &Run<'_>, answer: fn(&Unit) -> Answer) -> Arc<Mutex<Option<Unit>>> {
    let kept = Arc::new(Mutex::new(None));
    let (by, conversation, has) = (run.device(0), run.conversation, Arc::clone(&kept));
    run.foe().state().hooks.request = Some(Box::new(move |device, request| match request {
        Request::Append(unit) if device == by && unit.conversation == conversation && unit.kind == UnitKind::Commit => {
            has.lock().unwrap().get_or_insert_with(|| unit.clone());
            Some(answer(unit))
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

/// A commit is answered with "refused", and stored. [CONV-90]
pub(crate) async fn refused_and_stored(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let kept = kept(&run, refused);
    run.commits_over_a_line().await;
    let unit = kept.lock().unwrap().take().unwrap();
    // Whoever was refused goes on, and may make another one, which is refused as well.
    if seed.is_multiple_of(2) {
        run.says_and_sends(0).await;
    }
    if seed.is_multiple_of(3) {
        run.commits_over_a_line().await;
    }
    staff.foe.be_honest();
    let by = run.device(0);
    assert!(matches!(staff.foe.state().take(by, unit), Answer::Appended(_)));
    staff.foe.state().hint(by);
    run.settle().await;
    // The next commit's receipt follows this one's.
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
        let unit = loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if let Some(unit) = kept.lock().unwrap().take() {
                break unit;
            }
        };
        foe.be_honest();
        for stamp in [now.after(Duration::from_secs(11 * 60)), now] {
            for to in &readers {
                foe.state().show(*to, conversation, template(&unit, by, stamp)).unwrap();
            }
        }
        foe.state().hint(by);
    };
    tokio::join!(run.commits_over_a_line(), stored);
    run.settle().await;
    let kinds = run.kinds().await;
    run.commits().await;
    run.settle().await;
    assert_eq!(run.kinds().await, kinds, "the next commit's receipt follows");
    run.goes_on().await;
    run.check_complete().await;
    Seen::shown(kinds, "at once", GOES_ON)
}
