//! What has to hold in every state, whatever relay and third device do, named by the rules that it rests on; and what has to
//! happen in some, so that it is not held by nothing happening.

use stateright::Property;

use super::{
    Setting, honest,
    rules::removes,
    world::{Body, Ciphertext, Client, Content, Row, THIRD, Verdict, World, digest},
};

pub(crate) const AGREE: &str =
    "[CONV-33] [CONV-16] members at one position with one running hash have one epoch and one roster";
pub(crate) const EVIDENCE: &str = "[CONV-16] who have the same entries and receipts find the same commits valid";
pub(crate) const OWN: &str = "[CONV-19] [CONV-41] an own commit that others merged is merged by its author, once";
pub(crate) const COPY: &str =
    "[CONV-19] [CONV-90] [CONV-91] what a device has made is its own once, and never taken for a copy's";
pub(crate) const REVOKED: &str = "[CONV-45] nothing is encrypted to a device that is known to be revoked";
pub(crate) const REMOVED: &str = "[CONV-41] a removed device has no key of what is encrypted after its removal";
pub(crate) const SILENCED: &str = "[CONV-81] nothing is taken from a device behind its removal";
pub(crate) const STANDING: &str =
    "[CONV-50] [CONV-51] no commit is merged of a device that the last accepted one's statement revokes";
pub(crate) const ORDER: &str =
    "[CONV-32] [DELIV-82] a content is taken in once and in its sender's order, or with an alarm";
pub(crate) const DROPPED: &str = "[CONV-32] a dropped content is noticed at its sender's next";
pub(crate) const FORK: &str = "[CONV-34] a fork is noticed when either reads a message of the other";
pub(crate) const GETS_ON: &str =
    "[DELIV-11] [CONV-16] garbage stops nobody: with an honest relay every member gets a commit in";

pub(crate) fn all() -> Vec<Property<Setting>> {
    vec![
        Property::always(AGREE, |setting, world| {
            let running = |client: &Client, position| client.running(setting, position);
            agree(world, &running)
        }),
        Property::always(EVIDENCE, |_, world| {
            let evidence = |client: &Client, position: u8| {
                let rows = client.log.iter().take(position.into());
                rows.fold(0, |all, row| digest(&(all, row.what, row.receipt)))
            };
            agree(world, &evidence)
        }),
        Property::always(OWN, own_commits_are_merged_once),
        Property::always(COPY, |_, world| each(world, own_is_known_once)),
        Property::always(REVOKED, |_, world| {
            honest_messages(world).all(|ghost| !(ghost.knew && ghost.readers & (1 << THIRD) != 0))
        }),
        Property::always(REMOVED, |_, world| {
            honest_messages(world).all(|ghost| !(ghost.removed && ghost.readers & (1 << THIRD) != 0))
        }),
        Property::always(SILENCED, |_, world| {
            let taken = |row: &Row| row.what.by == THIRD && row.verdict == Verdict::Taken;
            each(world, |client| !behind_removal(client).any(taken))
        }),
        Property::always(STANDING, |_, world| each(world, merges_nothing_of_the_revoked)),
        Property::always(ORDER, |_, world| each(world, |client| (0..=THIRD).all(|by| in_order(client, by)))),
        Property::always(DROPPED, |_, world| each(world, |client| (0..=THIRD).all(|by| none_is_missing(client, by)))),
        Property::always(FORK, forks_are_noticed),
        Property::always(GETS_ON, |setting, world| {
            !honest::is_one_log(setting, world) || honest::gets_on(setting, world)
        }),
    ]
}

/// A name and when it happens.
type Happening = (&'static str, fn(&Setting, &World) -> bool);

pub(crate) const FORKED: &str = "the log is forked";
pub(crate) const FORK_NOTICED: &str = "[CONV-34] a fork is noticed";
pub(crate) const GAP_NOTICED: &str = "[CONV-32] a gap is noticed";
pub(crate) const STORIES_NOTICED: &str = "[CONV-32] two stories are noticed";
pub(crate) const TAKEN_ONCE: &str = "[DELIV-82] a content comes twice and is taken once";
pub(crate) const OWN_VOID: &str = "[CONV-16] an own commit is void, and another one is merged by both";
pub(crate) const RACE: &str = "[CONV-41] a race is lost, and won at the second try";
pub(crate) const GARBAGE: &str = "[DELIV-11] garbage is passed over by both, and a commit behind it merged by both";
pub(crate) const REMOVAL: &str = "[CONV-45] a removal is complete at both";
pub(crate) const READ_BEHIND: &str = "[CONV-45] a message is read behind a removal";
pub(crate) const REFUSED: &str = "[CONV-81] a device that was removed is refused";
pub(crate) const FELL_OUT: &str = "[CONV-57] a device falls out";
pub(crate) const VOID_AGAIN: &str = "[CONV-89] a void commit comes again with a good receipt and is void at both";
pub(crate) const REFUSED_KEPT: &str = "[CONV-90] a commit that was refused is merged by both";
pub(crate) const OWN_AGAIN: &str = "[CONV-91] an own message comes again and is refused";

/// What has to happen somewhere.
pub(crate) const HAPPENS: &[Happening] = &[
    (FORKED, |_, world| {
        let [a, b] = &world.clients;
        a.log.iter().zip(&b.log).any(|(a, b)| a.what != b.what)
    }),
    (FORK_NOTICED, |_, world| any(world, |_, client| client.alarms.fork)),
    (GAP_NOTICED, |_, world| any(world, |_, client| client.alarms.gap)),
    (STORIES_NOTICED, |_, world| any(world, |_, client| client.alarms.broken)),
    (TAKEN_ONCE, |_, world| any(world, |_, client| client.log.iter().any(|row| row.verdict == Verdict::Again))),
    (OWN_VOID, |_, world| {
        let [a, b] = &world.clients;
        a.log == b.log && any(world, |me, client| own(me, client, Verdict::Void) && own(me, client, Verdict::Merged))
    }),
    (RACE, |_, world| {
        let [a, b] = &world.clients;
        a.epochs == b.epochs
            && any(world, |me, client| {
                let mut merged = client.log.iter().filter(|row| is_merged(row));
                merged.next().is_some_and(|row| row.what.by != me)
                    && merged.any(|row| row.what.by == me)
                    && client.log.iter().any(|row| row.what.by == me && row.verdict == Verdict::Late)
            })
    }),
    (GARBAGE, |_, world| {
        let [a, b] = &world.clients;
        let after = |client: &Client| {
            let mut behind = client.log.iter().skip_while(|row| row.verdict != Verdict::Void || row.what.by != THIRD);
            behind.any(|row| is_merged(row) && row.what.by != THIRD)
        };
        after(a) && after(b) && a.epochs == b.epochs
    }),
    (REMOVAL, |_, world| each(world, |client| !client.has_third())),
    (READ_BEHIND, |_, world| {
        let taken = |row: &Row| row.verdict == Verdict::Taken;
        any(world, |_, client| behind_removal(client).any(taken))
    }),
    (REFUSED, |_, world| {
        let refused = |row: &Row| row.what.by == THIRD && row.verdict == Verdict::Refused;
        any(world, |_, client| behind_removal(client).any(refused))
    }),
    (FELL_OUT, |_, world| any(world, |_, client| client.fell_out)),
    (VOID_AGAIN, |_, world| {
        let [a, b] = &world.clients;
        let void = |row: &Row| row.verdict == Verdict::Void && row.what.by != THIRD;
        let again =
            |row: &Row| row.receipt && void(row) && a.log.iter().any(|other| !other.receipt && other.what == row.what);
        a.log == b.log && a.log.iter().any(again)
    }),
    (REFUSED_KEPT, |_, world| {
        let [a, b] = &world.clients;
        // Nothing but a refusal lets a member write while a commit of its own is on its way.
        let wrote_before = |me: u8, place: usize| {
            let behind = a.log.iter().skip(place + 1);
            let epoch = a.log.get(place).map(|row| row.what.epoch);
            behind
                .into_iter()
                .any(|row| row.what.by == me && row.verdict == Verdict::Late && Some(row.what.epoch) == epoch)
        };
        a.log == b.log
            && a.log.iter().enumerate().any(|(place, row)| is_merged(row) && wrote_before(row.what.by, place))
    }),
    (OWN_AGAIN, |_, world| any(world, |me, client| own(me, client, Verdict::Refused))),
];

fn own(me: u8, client: &Client, verdict: Verdict) -> bool {
    client.log.iter().any(|row| row.what.by == me && row.verdict == verdict)
}

/// The removal of the third device, and what stands behind it.
fn behind_removal(client: &Client) -> impl Iterator<Item = &Row> {
    client.log.iter().skip_while(|row| !(is_merged(row) && removes(&row.what)))
}

fn any(world: &World, holds: impl Fn(u8, &Client) -> bool) -> bool {
    (0_u8..).zip(&world.clients).any(|(me, client)| holds(me, client))
}

fn is_merged(row: &Row) -> bool {
    row.verdict == Verdict::Merged
}

fn each(world: &World, holds: impl Fn(&Client) -> bool) -> bool {
    world.clients.iter().all(holds)
}

fn honest_messages(world: &World) -> impl Iterator<Item = super::world::Ghost> {
    world.pool.iter().filter(|what| what.by != THIRD).filter_map(|what| match what.body {
        Body::Message { ghost, .. } => Some(ghost),
        _ => None,
    })
}

/// What a log has come to at a position: the commits that were merged.
fn merged_at(client: &Client, position: u8) -> Vec<Ciphertext> {
    client.log.iter().take(position.into()).filter(|row| is_merged(row)).map(|row| row.what).collect()
}

/// Where a measure of both logs is the same, so is what they have come to; epoch and members too, where they stand there now.
fn agree(world: &World, measure: &dyn Fn(&Client, u8) -> u64) -> bool {
    let [a, b] = &world.clients;
    let shared = a.position().min(b.position());
    let same = |position: u8| measure(a, position) == measure(b, position);
    let there = (1..=shared).filter(|position| same(*position));
    let logs = there.into_iter().all(|position| merged_at(a, position) == merged_at(b, position));
    let both = a.position() == b.position() && same(shared);
    logs && (!both || (a.epochs == b.epochs && a.members == b.members))
}

/// [CONV-41]
fn own_commits_are_merged_once(setting: &Setting, world: &World) -> bool {
    let [a, b] = &world.clients;
    let kept = |me: u8, client: &Client, other: &Client| {
        let shared = client.position().min(other.position());
        if client.running(setting, shared) != other.running(setting, shared) {
            return true;
        }
        merged_at(other, shared).iter().filter(|what| what.by == me).all(|what| client.epochs.contains(&digest(what)))
    };
    let once = |client: &Client| {
        let mut epochs = client.epochs.clone();
        epochs.sort_unstable();
        epochs.windows(2).all(|two| two[0] != two[1])
    };
    kept(0, a, b) && kept(1, b, a) && once(a) && once(b)
}

/// [CONV-19] [CONV-91]
fn own_is_known_once(client: &Client) -> bool {
    let own = |row: &&Row| row.verdict == Verdict::Own;
    let once = |row: &Row| client.log.iter().filter(own).filter(|other| other.what == row.what).count() == 1;
    client.log.iter().all(|row| row.verdict != Verdict::NotOurs) && client.log.iter().filter(own).all(once)
}

fn merges_nothing_of_the_revoked(client: &Client) -> bool {
    let mut named = 0;
    client.log.iter().filter(|row| is_merged(row)).all(|row| {
        let Body::Commit { status, .. } = row.what.body else { return false };
        let stands = row.what.by != THIRD || named.max(status) == 0;
        named = named.max(status);
        stands
    })
}

fn taken(client: &Client, by: u8) -> impl Iterator<Item = Content> {
    let rows = client.log.iter().filter(move |row| row.what.by == by && row.verdict == Verdict::Taken);
    rows.filter_map(|row| match row.what.body {
        Body::Message { content, .. } => Some(content),
        _ => None,
    })
}

fn in_order(client: &Client, by: u8) -> bool {
    let mut last = 0;
    let ascending = taken(client, by).all(|content| std::mem::replace(&mut last, content.counter) < content.counter);
    ascending || client.alarms.gap || client.alarms.broken
}

fn none_is_missing(client: &Client, by: u8) -> bool {
    let highest = taken(client, by).map(|content| content.counter).max().unwrap_or_default();
    (1..highest).all(|counter| client.alarms.gap || taken(client, by).any(|content| content.counter == counter))
}

/// By all entries that the sender had processed and what they had come to, whatever entered its running hash.
fn forks_are_noticed(_: &Setting, world: &World) -> bool {
    each(world, |client| {
        let read = client.log.iter().filter(|row| row.what.by != THIRD);
        let mut read = read.filter(|row| matches!(row.verdict, Verdict::Taken | Verdict::Again));
        client.alarms.fork
            || read.all(|row| match row.what.body {
                Body::Message { position, ghost, .. } => {
                    position <= client.position() && client.history(position) == ghost.history
                }
                _ => true,
            })
    })
}
