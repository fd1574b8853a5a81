//! More than anybody wants: many small things, or few that are as large as they may be, and larger.

use amanat_client::api::ConversationState;
use amanat_primitives::{DeviceId, Digest, UnitId};
use amanat_wire::{
    Bytes, Encode as _,
    client::Nothing,
    log::{Entry, RetentionClass, UnitKind},
    relay::{Answer, Direct, FromRelay, NumberedAnswer, Push, WelcomePart},
};

use super::{
    Seen,
    loss::GOES_ON,
    relay::Out,
    service::SEAL,
    staff::{Run, Staff},
};

/// Garbage that everybody is shown at the same place.
fn garbage(run: &mut Run<'_>, length: usize, kind: UnitKind) -> Entry {
    Entry {
        position: 0,
        kind,
        stamp: run.staff.rig.clock.now(),
        sender: DeviceId::from_bytes([1; 32]),
        unit: UnitId::from_bytes(run.seed.bytes(16).try_into().unwrap()),
        seen_commit: 1,
        accepted_commit: 1,
        body: Bytes::new(run.seed.bytes(length)).unwrap(),
        gone: None,
        receipt: Bytes::default(),
        class: RetentionClass::Month,
        seal: SEAL,
    }
}

fn shown_to_all(run: &mut Run<'_>, count: usize, length: usize) {
    for _ in 0..count {
        let entry = garbage(run, length, UnitKind::Message);
        let mut state = run.foe().state();
        for to in run.members.iter().map(|index| run.device(*index)) {
            state.show(to, run.conversation, entry.clone()).unwrap();
        }
    }
}

async fn outlived(mut run: Run<'_>) -> Seen {
    run.settle().await;
    for index in run.members.clone() {
        assert_eq!(run.stage(index).await, ConversationState::Active);
    }
    let kinds = run.kinds().await;
    run.goes_on().await;
    run.check_complete().await;
    if kinds.is_empty() {
        Seen::plain("nothing lost", "at once", GOES_ON)
    } else {
        Seen::shown(kinds, "at once", GOES_ON)
    }
}

pub(crate) async fn small(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let victim = run.somebody();
    let to = run.device(victim);
    let count = 300 + run.seed.below(300) as usize;
    match seed % 5 {
        0 => shown_to_all(&mut run, count, 64),
        1 => (0..count).for_each(|_| staff.foe.state().hint(to)),
        2 => {
            // Ahead of the log, which never has them.
            for n in 0..count as u64 {
                let entry = Entry { position: 1_000 + n, ..garbage(&mut run, 64, UnitKind::Message) };
                staff.foe.state().say(to, FromRelay::Push(Push { conversation: run.conversation, entry }));
            }
        }
        3 => {
            for _ in 0..count {
                let status = Bytes::new(run.seed.bytes(200)).unwrap();
                staff.foe.state().say(to, FromRelay::PushStatus(status));
            }
        }
        _ => {
            // Answers that nobody asked for: the link ends.
            for number in 0..count as u32 {
                let answer = Answer::Done(Nothing {});
                let number = u32::MAX - number;
                staff.foe.state().say(to, FromRelay::Answer(NumberedAnswer { number, answer }));
            }
        }
    }
    outlived(run).await
}

pub(crate) async fn huge(staff: &Staff, seed: u64) -> Seen {
    const BODY: usize = 1024 * 1024;
    let mut run = staff.run(seed).await;
    let victim = run.somebody();
    let to = run.device(victim);
    match seed % 3 {
        0 => shown_to_all(&mut run, 4, BODY),
        1 => {
            for _ in 0..4 {
                let part = WelcomePart {
                    conversation: run.conversation,
                    position: u64::from(u32::MAX),
                    running: Digest::ZERO,
                    sender: to,
                    receipt: Bytes::default(),
                    group_info: Bytes::new(run.seed.bytes(BODY)).unwrap(),
                    group_secrets: Bytes::new(run.seed.bytes(16_384)).unwrap(),
                };
                // Of a conversation that it does not know, too.
                let conversation =
                    amanat_primitives::ConversationId::from_bytes(run.seed.bytes(16).try_into().unwrap());
                let part = WelcomePart { conversation, ..part };
                staff.foe.state().hand_as_it_is(to, Direct::Welcome(part));
            }
        }
        _ => {
            // As long as a message may be, and no message; the link ends.
            let bytes = run.seed.bytes(1_114_112);
            assert!(FromRelay::NewsHint(Nothing {}).to_bytes().len() < bytes.len());
            let _ = staff.foe.state().links[&to].1.send(Out::Raw(bytes));
        }
    }
    outlived(run).await
}
