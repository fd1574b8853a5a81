//! What happens in a run, step by step as its seed says: people talk and change who is in a conversation, while lines part,
//! machines stop, disks run full and clocks are wrong.

use std::{collections::BTreeSet, time::Duration};

use amanat_client::{Command, api::Target};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;
use tokio::time::{Instant, sleep};

use crate::{
    draw::Draw,
    network::Quality,
    world::{World, address},
};

/// Longest pause between two steps.
const PAUSE: Duration = Duration::from_secs(60);
/// Steps of a run.
const STEPS: u64 = 60;
/// Beyond ten minutes: what a machine says then is another rule's business.
const BEYOND: i64 = 40 * 60_000;
/// By how many milliseconds the relay's clock may be wrong.
const RELAY_WRONG: u64 = 120_000;

/// How long the world is out of order at a time: seldom calm, a third of the runs, or often.
const SELDOM_CALM: Duration = Duration::from_secs(900);
const OFTEN_CALM: Duration = Duration::from_secs(120);
/// By how many milliseconds a clock is wrong against the relay's at most: with the 100 s for which the relay takes what was
/// on a parted line, less than ten minutes. A commit beyond is void, which all are told of.
const WRONG: i64 = 450_000;

/// Who runs a schedule.
pub(crate) struct Schedule {
    draw: Draw,
    trouble: Duration,
    said: u64,
    /// Who has opened a conversation with whom.
    greeted: BTreeSet<(usize, usize)>,
}

impl Schedule {
    pub(crate) fn of(seed: u64) -> Self {
        let trouble = if seed % 3 == 2 { SELDOM_CALM } else { OFTEN_CALM };
        Self { draw: Draw::of(seed, "schedule"), trouble, said: 0, greeted: BTreeSet::new() }
    }

    /// Runs all steps; between two times of trouble is a time of calm. Nights come then, and in the middle of trouble.
    pub(crate) async fn run(&mut self, world: &mut World) {
        world.relay.clock.set_wrong_by(self.draw.below(2 * RELAY_WRONG) as i64 - RELAY_WRONG as i64);
        let mut since = Instant::now();
        for _ in 0..STEPS {
            self.step(world).await;
            sleep(self.draw.moment(PAUSE)).await;
            world.revive().await;
            world.take_opened();
            if since.elapsed() > self.trouble {
                world.calm().await;
                since = Instant::now();
                if self.draw.once_in(3) {
                    self.night(world);
                }
            }
            if self.draw.once_in(30) {
                self.night(world);
            }
        }
    }

    async fn step(&mut self, world: &mut World) {
        match self.draw.below(20) {
            0..=7 => self.talk(world).await,
            8 | 9 => self.change_members(world),
            10 => self.read(world).await,
            11 => self.open(world),
            12 | 13 => self.part_or_cut(world),
            14 => self.slow_down(world),
            15 => self.set_clock(world).await,
            16 | 17 => self.restart_person(world).await,
            18 => self.restart_relay(world).await,
            _ => self.fill_disk(world),
        }
    }

    /// A pause in which a machine is off.
    fn off(&mut self) -> Duration {
        self.draw.moment(self.trouble / 3)
    }

    fn someone(&mut self, world: &World) -> usize {
        self.draw.below(world.people.len() as u64) as usize
    }

    fn somewhere(&mut self, world: &World) -> ConversationId {
        let ids: Vec<_> = world.talks.keys().copied().collect();
        *self.draw.one_of(&ids).unwrap()
    }

    async fn talk(&mut self, world: &mut World) {
        let (by, conversation) = (self.someone(world), self.somewhere(world));
        for _ in 0..=self.draw.below(4) {
            self.said += 1;
            let length = self.draw.one_of(&[1, 40, 2_000, 20_000]).copied().unwrap_or(1);
            let text = format!("{} {}", self.said, "x".repeat(length));
            let name = if length > 40 { format!("{} and {length} bytes", self.said) } else { text.clone() };
            world.say(by, conversation, text, &name).await;
        }
    }

    /// A founder adds a guest, removes one, or appoints; a guest leaves.
    fn change_members(&mut self, world: &World) {
        let conversation = self.somewhere(world);
        let talk = &world.talks[&conversation];
        let (founder, guests) = (talk.staying[0], talk.guests.clone());
        let Some(guest) = self.draw.one_of(&guests).copied() else {
            let other = *self.draw.one_of(&talk.staying[1..]).unwrap();
            let (person, moderator) = (address(&world.people[other].name), self.draw.once_in(2));
            let what = format!("{} is {}a moderator", world.people[other].name, if moderator { "" } else { "not " });
            return world.ask_later(founder, what, Command::SetRole { conversation, person, moderator }, Vec::new());
        };
        let name = &world.people[guest].name;
        match self.draw.below(5) {
            0 | 1 => {
                let command = Command::Add { conversation, members: vec![address(name)] };
                world.ask_later(founder, format!("add {name}"), command, Vec::new());
            }
            2 | 3 => {
                let command = Command::Remove { conversation, member: address(name) };
                world.ask_later(founder, format!("remove {name}"), command, Vec::new());
            }
            _ => world.ask_later(guest, "leave".into(), Command::Leave { conversation }, Vec::new()),
        }
    }

    /// Somebody reads, which tells the senders.
    async fn read(&mut self, world: &World) {
        let (by, conversation) = (self.someone(world), self.somewhere(world));
        let read = Command::Read { conversation, since: 0, limit: u32::MAX, mark: true };
        // A guest may not be in it.
        let outcome = world.people[by].ask(read).await;
        world.trace.note(&world.people[by].name, format!("reads: {}", matches!(outcome, Some(Ok(_)))));
    }

    fn part_or_cut(&mut self, world: &World) {
        let person = &world.people[self.someone(world)];
        if self.draw.once_in(3) {
            world.trace.note(&person.name, "line cut");
            return person.line.cut();
        }
        let parted = !person.line.is_parted();
        world.trace.note(&person.name, if parted { "line parted" } else { "line whole" });
        person.line.part(parted);
    }

    fn slow_down(&mut self, world: &World) {
        let person = &world.people[self.someone(world)];
        let latency = self.draw.moment(Duration::from_millis(1_500));
        let speed = *self.draw.one_of(&[2_000, 10_000, 100_000, 10_000_000]).unwrap();
        world.trace.note(&person.name, format!("line of {latency:?} and {speed} bytes a second"));
        person.line.set_quality(Quality { latency, speed });
    }

    async fn set_clock(&mut self, world: &mut World) {
        let number = self.someone(world);
        let most = if self.draw.once_in(4) { BEYOND } else { WRONG };
        let wrong = self.draw.below(2 * most as u64) as i64 - most;
        world.set_clock(number, world.relay.clock.wrong_by() + wrong).await;
    }

    /// Somebody opens a conversation: with everybody, or with one other.
    fn open(&mut self, world: &World) {
        let by = self.someone(world);
        let mut others: Vec<usize> = (0..world.people.len()).filter(|number| *number != by).collect();
        if self.draw.once_in(2) {
            let members = others.iter().map(|number| address(&world.people[*number].name)).collect();
            let new = Command::New { title: "Plans".into(), tier: Tier::Restricted, members };
            return world.ask_later(by, "a new group".into(), new, others);
        }
        let other = others.swap_remove(self.draw.below(others.len() as u64) as usize);
        // Once: what is said before the conversation is there has no order of its own.
        if !self.greeted.insert((by, other)) {
            return;
        }
        self.said += 1;
        let to = Target::Person(address(&world.people[other].name), Some(Tier::Restricted));
        let greeting = Command::SendText { to, text: format!("{} hello", self.said) };
        world.ask_later(by, format!("{} hello to {}", self.said, world.people[other].name), greeting, vec![other]);
    }

    /// All machines sleep over night, which ends their links; what waits to be brought waits on. Keys are renewed in the
    /// morning.
    fn night(&mut self, world: &World) {
        world.trace.note("world", "night");
        world.people.iter().for_each(|person| person.line.cut());
        world.time.sleep(Duration::from_secs(20 * 3600) + self.draw.moment(Duration::from_secs(8 * 3600)));
    }

    async fn restart_person(&mut self, world: &mut World) {
        let number = self.someone(world);
        let (pause, crash) = (self.off(), self.draw.once_in(2));
        // It may end in the middle of what it has just begun.
        if self.draw.once_in(2) {
            self.talk_as(world, number).await;
            sleep(self.draw.moment(Duration::from_millis(500))).await;
        }
        let person = &mut world.people[number];
        world.trace.note(&person.name, if crash { "crashes" } else { "stops" });
        if crash {
            person.crash().await
        } else {
            person.stop().await
        }
        sleep(pause).await;
        world.trace.note(&person.name, "starts");
        person.start();
    }

    async fn talk_as(&mut self, world: &mut World, by: usize) {
        let conversation = self.somewhere(world);
        self.said += 1;
        let text = format!("{} in haste", self.said);
        world.say(by, conversation, text.clone(), &text).await;
    }

    async fn restart_relay(&mut self, world: &mut World) {
        let (pause, crash) = (self.off(), self.draw.once_in(2));
        world.trace.note("relay", if crash { "crashes" } else { "stops" });
        if crash {
            world.relay.crash(world.people.iter().map(|person| &person.line)).await;
        } else {
            world.relay.stop(world.people.iter().map(|person| &person.line)).await;
        }
        sleep(pause).await;
        world.trace.note("relay", "starts");
        world.relay.start().await;
    }

    fn fill_disk(&mut self, world: &World) {
        let number = self.draw.below(world.people.len() as u64 + 1) as usize;
        let (name, disk) = match world.people.get(number) {
            Some(person) => (&*person.name, &person.disk),
            None => ("relay", &world.relay.disk),
        };
        let full = !disk.is_full();
        world.trace.note(name, if full { "disk full" } else { "disk has room" });
        disk.set_full(full);
    }
}
