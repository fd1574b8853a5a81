//! The same with a relay that is honest from now on: one log, compare-and-set on the last commit's position, true receipts, the
//! status statement to everybody (protocol-spec/07-delivery, sections 3, 7 and 10). Whether the members get on from a state is
//! found by going on from it.

use super::{
    Setting,
    world::{Body, Ciphertext, THIRD, Verdict, World},
};

/// Turns within which a member's commit has to be merged by all.
const TURNS: usize = 6;

/// Whether both members have the beginning of one log, and still follow it.
pub(crate) fn is_one_log(setting: &Setting, world: &World) -> bool {
    let [a, b] = &world.clients;
    let shared = a.position().min(b.position());
    let same = a.running(setting, shared) == b.running(setting, shared);
    same && !a.fell_out && !b.fell_out
}

/// Whether each member gets a commit in that both merge, and the third device is removed, though that one first puts two garbage
/// commits more before theirs. [DELIV-11] [CONV-45]
pub(crate) fn gets_on(setting: &Setting, world: &World) -> bool {
    let mut world = world.clone();
    let [a, b] = &world.clients;
    let longer = if a.position() > b.position() { a } else { b };
    let mut log: Vec<(Ciphertext, bool)> = longer.log.iter().map(|row| (row.what, row.receipt)).collect();
    world.clients.iter_mut().for_each(|client| client.knows = 1);
    if !catch_up(setting, &mut world, &log) {
        return false;
    }
    for made in [100, 101] {
        let epoch = world.clients[0].epoch();
        let garbage = Body::Commit { made, removes: false, status: 0, well_formed: false };
        log.push((Ciphertext { by: THIRD, epoch, body: garbage }, true));
    }
    let from = log.len();
    for _ in 0..TURNS {
        for me in [0_u8, 1] {
            let client = &mut world.clients[usize::from(me)];
            // Before it has read on, so that it meets a Conflict where one is due.
            let commit = client.pending.or_else(|| client.commit(me, client.unfit(), u8::MAX));
            let last = log.iter().rposition(|(what, _)| what.is_commit()).map_or(0, |place| place + 1);
            if let Some(commit) = commit.filter(|_| client.seen_commit(setting) == last) {
                log.push((commit, true));
            }
            if !catch_up(setting, &mut world, &log) {
                return false;
            }
        }
        let [a, b] = &world.clients;
        let merged = |by: u8| {
            let rows = a.log.iter().zip(&b.log).skip(from);
            let both = |verdict: Verdict| verdict == Verdict::Merged;
            rows.filter(|(a, b)| both(a.verdict) && both(b.verdict)).any(|(a, _)| a.what.by == by)
        };
        if merged(0) && merged(1) && !a.has_third() && !b.has_third() && a.epoch() == b.epoch() {
            return true;
        }
    }
    false
}

fn catch_up(setting: &Setting, world: &mut World, log: &[(Ciphertext, bool)]) -> bool {
    for (me, client) in (0_u8..).zip(&mut world.clients) {
        for (what, receipt) in log.iter().skip(client.position().into()) {
            if client.receive(setting, me, *what, *receipt).is_none() {
                return false;
            }
        }
    }
    true
}
