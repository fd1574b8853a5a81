//! The hostile relay and the hostile third device (protocol-spec/10-threat-model, section 1): all that they can do at a moment.
//! The relay has everything that was ever sent, and puts whatever it likes behind what a member has: so it withholds, delays,
//! forks, reorders, repeats and redirects, and acknowledges what it does not store.

use stateright::{Model, Property};

use super::{
    Power, Setting, invariants,
    rules::{Rule, removes},
    world::{Alarms, Body, Ciphertext, Client, Content, EVERYBODY, Ghost, THIRD, Track, Verdict, World, digest},
};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Action {
    /// The relay lets a member have statement 1, which revokes the third device.
    Status(u8),
    Say(u8),
    /// The relay answers StaleEpoch, rightly or not.
    Stale(u8),
    /// The removal of who has to go, or else a renewal of one's own keys.
    Commit(u8, bool),
    /// It answers that it took the commit, whether it stores it or not.
    Appended(u8),
    /// It answers Conflict, rightly or not.
    Conflict(u8),
    /// It answers Refused to a commit. [`Power::RefuseAndStore`] alone.
    Refuse(u8),
    Third(Ciphertext),
    /// The next entry of a member's log, and whether its receipt bears it out.
    Deliver(u8, Ciphertext, bool),
}

impl Setting {
    fn client(&self, me: usize) -> Client {
        Client {
            log: Vec::new(),
            epochs: vec![0],
            members: EVERYBODY,
            accepted_status: 0,
            knows: 0,
            pending: None,
            given_up: Vec::new(),
            said: None,
            tracks: [Track::default(); 3],
            beyond: 0,
            fell_out: false,
            alarms: Alarms::default(),
            may_say: self.bounds.say[me],
            may_say_again: self.bounds.say_again[me],
            commits_made: 0,
        }
    }

    /// What the third device can make: in each epoch that it is a member of, whoever is there.
    fn third_acts(&self, world: &World, actions: &mut Vec<Action>) {
        if world.third_may == 0 {
            return;
        }
        let mut epochs: Vec<u64> = world.clients.iter().flat_map(epochs_with_third).collect();
        epochs.sort_unstable();
        epochs.dedup();
        let made = world.third_may;
        let commit = |well_formed| Body::Commit { made, removes: false, status: 0, well_formed };
        let ghost = Ghost { history: 0, readers: EVERYBODY, knew: false, removed: false };
        // It hides where it reads: what it names is the same in all logs.
        let message = |content| Body::Message { content, position: 0, running: 0, ghost };
        let first = |story| Content { counter: 1, previous: 0, story };
        let second = Content { counter: 2, previous: digest(&first(0)), story: 0 };
        for epoch in epochs {
            let mut act = |body| actions.push(Action::Third(Ciphertext { by: THIRD, epoch, body }));
            if self.bounds.third.garbage {
                act(commit(false));
            }
            if self.bounds.third.commits {
                act(commit(true));
            }
            if self.bounds.third.writes {
                [first(0), first(1), second].into_iter().for_each(|content| act(message(content)));
            }
        }
    }

    fn deliveries(&self, world: &World, me: u8, actions: &mut Vec<Action>) {
        let [a, b] = &world.clients;
        let (client, other) = if me == 0 { (a, b) } else { (b, a) };
        if client.fell_out || client.position() == self.bounds.log {
            return;
        }
        let foreign = Ciphertext { by: THIRD, epoch: 0, body: Body::Foreign };
        let foreign = (self.bounds.foreign && !client.had(&foreign)).then_some(foreign);
        for what in world.pool.iter().copied().chain(foreign) {
            if client.had(&what) && !self.may_repeat(client, &what) {
                continue;
            }
            let judged = matches!(what.body, Body::Commit { well_formed: true, .. });
            for receipt in [true, false].into_iter().filter(|receipt| judged || !receipt) {
                if !judged || self.power == Some(Power::TwoReceipts) || signs_once(client, other, &what, receipt) {
                    actions.push(Action::Deliver(me, what, receipt));
                }
            }
        }
    }

    fn may_repeat(&self, client: &Client, what: &Ciphertext) -> bool {
        let void = client.log.iter().any(|row| row.what == *what && row.verdict == Verdict::Void);
        if void && what.epoch == client.epoch() { self.power == Some(Power::RepeatVoid) } else { self.bounds.repeats }
    }
}

/// Epochs that a member has keys for and in which the third device is a member too.
fn epochs_with_third(client: &Client) -> Vec<u64> {
    let merged = client.log.iter().filter(|row| row.verdict == Verdict::Merged);
    let before = merged.take_while(|row| !removes(&row.what)).count();
    client.epochs.iter().take(before + 1).copied().collect()
}

/// Whether a receipt is the one that the other member has for the same commit behind the same entries, where it has one.
fn signs_once(client: &Client, other: &Client, what: &Ciphertext, receipt: bool) -> bool {
    let place = client.position();
    let theirs = other.log.get(usize::from(place)).filter(|row| row.what == *what);
    theirs.is_none_or(|row| row.receipt == receipt || other.entries(place) != client.entries(place))
}

impl Model for Setting {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World { pool: Vec::new(), clients: [self.client(0), self.client(1)], third_may: self.bounds.third.acts }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for me in [0, 1] {
            if self.bounds.revoked {
                actions.push(Action::Status(me));
            }
            actions.extend([Action::Say(me), Action::Stale(me), Action::Commit(me, true), Action::Commit(me, false)]);
            actions.extend([Action::Appended(me), Action::Conflict(me)]);
            if self.power == Some(Power::RefuseAndStore) {
                actions.push(Action::Refuse(me));
            }
            self.deliveries(world, me, actions);
        }
        self.third_acts(world, actions);
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        let me = match action {
            Action::Status(me)
            | Action::Say(me)
            | Action::Stale(me)
            | Action::Commit(me, _)
            | Action::Appended(me)
            | Action::Conflict(me)
            | Action::Refuse(me)
            | Action::Deliver(me, ..) => me,
            Action::Third(what) => {
                world.third_may -= 1;
                world.send(what);
                return Some(world);
            }
        };
        let client = world.clients.get_mut(usize::from(me))?;
        let sent = match action {
            Action::Status(_) if client.knows == 0 => {
                client.knows = 1;
                None
            }
            Action::Say(_) => Some(client.say(self, me)?),
            Action::Stale(_) => Some(client.say_again(self, me)?),
            Action::Commit(_, removes) => Some(client.commit(me, removes, self.bounds.commits[usize::from(me)])?),
            // [CONV-41] Its place in the log counts, not the answer.
            Action::Appended(_) if self.off == Some(Rule::MergedWhenFound) => {
                let commit = client.pending?;
                client.merge(self, &commit);
                None
            }
            Action::Conflict(_) if self.off == Some(Rule::ConflictEndsNothing) => {
                client.pending.take()?;
                None
            }
            Action::Refuse(_) => {
                client.refused(self)?;
                None
            }
            Action::Deliver(_, what, receipt) => {
                client.receive(self, me, what, receipt)?;
                None
            }
            _ => return None,
        };
        if let Some(sent) = sent {
            world.send(sent);
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        if let Some(only) = self.only {
            return invariants::all().into_iter().filter(|property| property.name == only).collect();
        }
        let happens = invariants::HAPPENS.iter().filter(|(name, _)| self.happens.contains(name));
        let sometimes = happens.map(|(name, holds)| Property::sometimes(name, *holds));
        invariants::all().into_iter().chain(sometimes).collect()
    }
}
