//! A copy of a member's state in a thief's hands (protocol-spec/05-conversation, section 1, and 10-threat-model): what it
//! reads of what was written before it was taken, and after.

use std::time::Duration;

use amanat_identity::{DeviceKeys, Tier};

use super::world::{Disk, Member, Seen, World, texts};
use crate::{Conversation, profile};

/// Everything that the disk of `member` holds, and the keys beside it.
fn steal(member: &Member, w: &World) -> Member {
    let disk = member.disk.clone();
    Member {
        keys: DeviceKeys::from_secret_bytes(&member.keys.to_secret_bytes()).unwrap(),
        device: member.device.clone(),
        packages: Disk(member.packages.0.clone()),
        conversation: Conversation::load(&w.id, disk.read()).unwrap(),
        disk,
    }
}

/// A body that the thief has recorded, put before it as if it came next. Only its log shows that it does not.
fn try_to_read(w: &mut World, thief: &mut Member, body: &[u8]) -> Option<String> {
    while (thief.conv().log().position() as usize) < w.log.len() {
        w.step(thief);
    }
    w.append_message(thief.id(), body);
    match w.step(thief) {
        seen @ Seen::Message(_) => Some(seen.text()),
        _ => None,
    }
}

fn three(w: &mut World) -> [Member; 3] {
    let mut all = ["victim", "b", "c"].map(|name| w.enrol(name, Tier::Secret));
    let [victim, b, c] = &mut all;
    w.room(Tier::Secret, victim, &mut [b, c]);
    all
}

/// What the thief reads of what comes after the theft, where `renews` then renews its keys.
fn read_after_the_theft(renews: usize) -> Vec<String> {
    let mut w = World::new(71);
    let mut members = three(&mut w);
    w.say(&mut members[1], "before the theft");
    members.iter_mut().for_each(|member| drop(w.catch_up(member)));
    let mut thief = steal(&members[0], &w);
    w.say(&mut members[1], "before the renewal");
    members.iter_mut().for_each(|member| drop(w.catch_up(member)));
    w.renew(&mut members[renews]);
    for round in 0..3 {
        members.iter_mut().for_each(|member| drop(w.catch_up(member)));
        w.say(&mut members[1], &format!("after it, {round}"));
        members.iter_mut().for_each(|member| drop(w.catch_up(member)));
        // Others' commits do not let the thief in again.
        w.renew(&mut members[2]);
    }
    // The whole log, as the relay has it.
    texts(&w.catch_up(&mut thief))
}

// [CONV-75] Others' renewals shut nobody out: without the victim's own, the thief reads on.
#[test]
fn a_thief_of_the_state_reads_nothing_after_the_victims_next_renewal() {
    assert_eq!(read_after_the_theft(0), ["before the renewal"]);
    let all = ["before the renewal", "after it, 0", "after it, 1", "after it, 2"];
    assert_eq!(read_after_the_theft(1), all);
}

// [CONV-24] Of what was written before: nothing that the victim had read, and of what it had not (the relay withheld it,
// the thief recorded it) the epoch of the theft and the five before it, or fewer where these ended a day ago.
#[test]
fn a_thief_of_the_state_reads_little_of_what_came_before() {
    let mut w = World::new(72);
    let mut members = three(&mut w);
    members.iter_mut().for_each(|member| drop(w.catch_up(member)));
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    for epoch in 0..10 {
        unread.push(w.encrypt(&mut members[2], &format!("unread in epoch {epoch}")));
        read.push(w.say(&mut members[1], "read by all").body.to_vec());
        members.iter_mut().for_each(|member| drop(w.catch_up(member)));
        w.now = w.now.after(Duration::from_secs(60));
        if epoch < 9 {
            w.renew(&mut members[1]);
            members.iter_mut().for_each(|member| drop(w.catch_up(member)));
        }
    }
    let mut thief = steal(&members[0], &w);
    let theirs = |w: &mut World, thief: &mut Member, bodies: &[Vec<u8>]| {
        bodies.iter().filter_map(|body| try_to_read(w, thief, body)).collect::<Vec<_>>()
    };
    assert!(theirs(&mut w, &mut thief, &read).is_empty());
    let window = (9 - profile::PAST_EPOCHS)..=9;
    let expected: Vec<_> = window.map(|epoch| format!("unread in epoch {epoch}")).collect();
    assert_eq!(theirs(&mut w, &mut thief, &unread), expected);

    // A day later the victim has let go of all that is over.
    let victim = &mut members[0];
    let now = w.now.after(profile::MAX_EPOCH_AGE);
    assert!(victim.conv().forget_past(now.before(profile::MAX_EPOCH_AGE)).unwrap());
    victim.restart();
    w.log.truncate(victim.conv().log().position() as usize);
    let mut thief = steal(victim, &w);
    assert_eq!(theirs(&mut w, &mut thief, &unread), ["unread in epoch 9"]);
}
