//! Single bits that a relay alters: of a message, of a commit, of a Welcome, whichever field a seed says; and other values of
//! fields that have few.

use amanat_client::{Command, api::ConversationState};
use amanat_primitives::{ConversationId, DeviceId, Digest, Timestamp, UnitId};
use amanat_wire::{
    Bytes,
    log::{Entry, RetentionClass, UnitKind},
    relay::{Direct, WelcomePart},
};

use super::{
    Seen,
    forgery::{alter, flipped},
    loss::{ADDED_AGAIN, GOES_ON},
    seed::Seed,
    staff::{HANDLES, Run, Staff},
};

/// Fields of an entry that is a message.
const OF_A_MESSAGE: u64 = 10;
/// Of a commit, which has a receipt too.
const OF_A_COMMIT: u64 = 11;
const OF_A_WELCOME: u64 = 7;

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap()
}

fn number(value: u64, seed: &mut Seed) -> u64 {
    value ^ (1 << seed.below(64))
}

fn device(id: DeviceId, seed: &mut Seed) -> DeviceId {
    DeviceId::from_bytes(array(&flipped(id.as_bytes(), seed)))
}

fn flip(entry: &mut Entry, field: u64, seed: &mut Seed) {
    let (kind, mut kinds) = (entry.kind, vec![UnitKind::Message, UnitKind::Commit, UnitKind::Create]);
    kinds.retain(|other| *other != kind);
    match field {
        0 => entry.position = number(entry.position, seed),
        1 => entry.kind = *seed.one_of(&kinds),
        2 => entry.stamp = Timestamp::from_millis(number(entry.stamp.as_millis(), seed)),
        3 => entry.sender = device(entry.sender, seed),
        4 => entry.unit = UnitId::from_bytes(array(&flipped(entry.unit.as_bytes(), seed))),
        5 => entry.seen_commit = number(entry.seen_commit, seed),
        6 => entry.accepted_commit = number(entry.accepted_commit, seed),
        7 => entry.body = Bytes::new(flipped(&entry.body, seed)).unwrap(),
        8 => entry.class = *seed.one_of(&[RetentionClass::Day, RetentionClass::Year]),
        9 => entry.seal = Digest::from_bytes(array(&seed.bytes(32))),
        _ => entry.receipt = Bytes::new(flipped(&entry.receipt, seed)).unwrap(),
    }
}

/// The first entry of a kind that a member gets has another bit in a field.
fn flip_first(run: &Run<'_>, victim: usize, kind: UnitKind, field: u64) {
    let mut bits = run.seed.clone();
    let mut done = false;
    alter(run, victim, move |entry| {
        if entry.kind == kind && !std::mem::replace(&mut done, true) {
            flip(entry, field, &mut bits);
        }
    });
}

/// One bit of one field of a message.
pub(crate) async fn of_a_message(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let sender = run.somebody();
    let victim = run.somebody_but(&[sender]);
    let field = seed % OF_A_MESSAGE;
    flip_first(&run, victim, UnitKind::Message, field);
    let message = run.says_and_sends(sender).await;
    run.settle_somehow().await;
    let kinds = run.kinds_of(victim).await;
    run.check().await;
    staff.foe.be_honest();
    if field < 2 {
        // It waits for what should stand there.
        assert!(!run.has(victim, message).await);
    }
    match field {
        0 => right_places(&run, victim),
        1 => run.is_shown_the_same(victim, sender).await,
        _ => {}
    }
    run.settle().await;
    let there = run.has(victim, message).await;
    let then = if field < 2 { WAITS } else { GOES_ON };
    run.goes_on().await;
    let later = run.kinds_of(victim).await;
    if !later.is_empty() {
        return Seen::shown(later, "next message", then).after(kinds, "at once");
    }
    assert!(there, "it is lost, and nothing says so");
    Seen::plain(if field == 0 { "delayed and healed" } else { "nothing lost" }, "at once", then)
}

fn right_places(run: &Run<'_>, victim: usize) {
    let to = run.device(victim);
    let mut state = run.foe().state();
    let view = state.logs.get_mut(&run.conversation).unwrap().views.get_mut(&to).unwrap();
    for (position, entry) in (1..).zip(&mut view.entries) {
        entry.position = position;
    }
    state.hint(to);
}

/// One bit of one field of a commit.
pub(crate) async fn of_a_commit(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let victim = run.somebody_but(&[0]);
    let field = seed % OF_A_COMMIT;
    flip_first(&run, victim, UnitKind::Commit, field);
    run.commits().await;
    run.settle_somehow().await;
    let kinds = run.kinds_of(victim).await;
    run.check().await;
    let stage = run.stage(victim).await;
    staff.foe.be_honest();
    let then = match (field, stage) {
        (0, _) => {
            right_places(&run, victim);
            WAITS
        }
        (_, ConversationState::Waiting) => {
            run.is_shown_the_same(victim, 0).await;
            WAITS
        }
        // It has passed the commit over.
        (1, _) => {
            run.falls_out(victim).await;
            // The return takes its time, and is looked at in each fifth of these runs.
            if (seed / OF_A_COMMIT).is_multiple_of(5) {
                run.heals(victim, 0).await;
            }
            return Seen::shown(kinds, "at once", ADDED_AGAIN);
        }
        _ => GOES_ON,
    };
    run.goes_on().await;
    run.check_complete().await;
    let later = run.kinds_of(victim).await;
    if !later.is_empty() {
        return Seen::shown(later, "next message", then).after(kinds, "at once");
    }
    Seen::plain(if field == 0 { "delayed and healed" } else { "nothing lost" }, "at once", then)
}

/// What waits, and for what.
const WAITS: &str = "waits for the right one, then goes on";

fn flip_welcome(part: &mut WelcomePart, field: u64, seed: &mut Seed) {
    match field {
        0 => part.conversation = ConversationId::from_bytes(array(&flipped(part.conversation.as_bytes(), seed))),
        1 => part.position = number(part.position, seed),
        2 => part.running = Digest::from_bytes(array(&seed.bytes(32))),
        3 => part.sender = device(part.sender, seed),
        4 => part.receipt = Bytes::new(flipped(&part.receipt, seed)).unwrap(),
        5 => part.group_info = Bytes::new(flipped(&part.group_info, seed)).unwrap(),
        _ => part.group_secrets = Bytes::new(flipped(&part.group_secrets, seed)).unwrap(),
    }
}

/// One bit of one field of a Welcome.
pub(crate) async fn of_a_welcome(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run_with(seed, &[1]).await;
    let newcomer = 2;
    let (to, conversation, field) = (run.device(newcomer), run.conversation, seed % OF_A_WELCOME);
    let mut bits = run.seed.clone();
    staff.foe.state().hooks.direct = Some(Box::new(move |device, body| match body {
        Direct::Welcome(mut part) if device == to => {
            flip_welcome(&mut part, field, &mut bits);
            vec![Direct::Welcome(part)]
        }
        body => vec![body],
    }));
    let members = vec![staff.rig.address(HANDLES[newcomer])];
    run.person(0).ask(Command::Add { conversation, members: members.clone() }).await;
    run.settle_somehow().await;
    staff.foe.be_honest();
    run.reads(newcomer).await;
    let kinds = run.kinds_of(newcomer).await;
    let stage = run.stage(newcomer).await;
    if stage == ConversationState::Active {
        run.members.push(newcomer);
        run.goes_on().await;
        let later = run.kinds_of(newcomer).await;
        return match later.is_empty() {
            true => Seen::plain("nothing lost", "at once", GOES_ON),
            false => Seen::shown(later, "next message", GOES_ON).after(kinds, "at once"),
        };
    }
    // It is as if nobody had added it, until somebody does so anew.
    run.goes_on().await;
    run.person(0).ask(Command::Remove { conversation, member: members[0].clone() }).await;
    run.person(0).ask(Command::Add { conversation, members }).await;
    run.members.push(newcomer);
    run.settle().await;
    run.goes_on().await;
    Seen::shown(kinds, "at once", "is no member until added anew")
}
