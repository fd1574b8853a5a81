//! What is told, and by whom (protocol-spec/07-delivery, section 12): known cases, and seeded comings and goings against
//! what each device really has.

use amanat_primitives::ConversationId;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};

use super::*;

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 32])
}

/// Whose a device is: 10 and 11 are one person's.
fn person(device: DeviceId) -> String {
    format!("person-{}", device.as_bytes()[0] / 10)
}

/// One conversation, as its author sees it.
struct Room {
    row: ConversationRow,
    tracks: BTreeMap<DeviceId, TrackRow>,
}

impl Room {
    fn with(devices: &[u8]) -> Self {
        let row = ConversationRow::new(
            ConversationId::from_bytes([1; 16]),
            1,
            crate::rows::Stage::Active,
            Timestamp::default(),
        );
        let tracks = devices.iter().map(|n| (device(*n), TrackRow::new(device(*n)))).collect();
        Self { row, tracks }
    }

    /// So many contents, which all last, stand in the log.
    fn say(&mut self, count: u64) {
        self.row.accepted += count;
        self.row.accepted_lasting += count;
    }

    fn commit(&mut self, removed: &[u8], added: &[u8]) {
        let (removed, added) = (removed.iter().map(|n| device(*n)), added.iter().map(|n| device(*n)));
        self.commit_of(removed.collect(), added.collect());
    }

    fn commit_of(&mut self, removed: Vec<DeviceId>, added: Vec<DeviceId>) {
        let stay = self.tracks.keys().filter(|device| !removed.contains(device)).copied();
        let members = stay.chain(added.iter().copied()).map(|device| (device, person(device))).collect();
        let removed = removed.into_iter().map(|device| (device, person(device))).collect();
        let devices = Devices { removed, added, members, committed_at: Timestamp::default() };
        change_devices(&mut self.row, &mut self.tracks, devices);
    }

    /// A device tells, whose first content had `begins` lasting ones before it.
    fn tell_from(&mut self, n: u8, begins: u64, delivered: u64) -> bool {
        let line = ReceiptLine { device: device(0), begins, delivered, read: delivered };
        take(self.tracks.get_mut(&device(n)).unwrap(), &line, self.row.accepted)
    }

    fn tell(&mut self, n: u8, delivered: u64) {
        let begins = self.tracks[&device(n)].base_lasting;
        assert!(self.tell_from(n, begins, delivered));
    }

    fn delivered(&self, counter: u64) -> bool {
        let told = acknowledged_by_all(&self.row, &self.tracks, counter);
        assert_eq!(told.0, told.1, "here all is read that is delivered");
        told.0
    }

    /// Which of the contents are delivered.
    fn all(&self) -> Vec<u64> {
        (1..=self.row.accepted).filter(|counter| self.delivered(*counter)).collect()
    }
}

// [DELIV-252] What was delivered stays so, and what is on its way is told by those to whom it was sent.
#[test]
fn a_newcomer_does_not_matter_for_what_was_said_before() {
    let mut room = Room::with(&[10, 20]);
    room.say(2);
    room.tell(10, 2);
    room.tell(20, 1);
    room.commit(&[], &[30]);
    assert_eq!(room.all(), [1]);
    room.tell(20, 2);
    assert_eq!(room.all(), [1, 2]);
    room.say(1);
    room.tell(10, 3);
    room.tell(20, 3);
    assert_eq!(room.all(), [1, 2]);
    room.tell(30, 3);
    assert_eq!(room.all(), [1, 2, 3]);
}

// [DELIV-250]
#[test]
fn a_device_that_is_added_again_does_not_have_what_it_missed() {
    for commits in [1, 2] {
        let mut room = Room::with(&[10, 20]);
        room.say(3);
        room.tell(20, 3);
        room.tell(10, 1);
        if commits == 1 {
            room.commit(&[10], &[10]);
        } else {
            room.commit(&[10], &[]);
            assert_eq!(room.all(), [1, 2, 3], "whoever is not there is not waited for");
            room.say(1);
            room.commit(&[], &[10]);
        }
        room.say(1);
        let last = room.row.accepted;
        room.tell(20, last);
        room.tell(10, last);
        // What was said while it was out was not sent to it.
        assert_eq!(room.all(), if commits == 1 { vec![1, 4] } else { vec![1, 4, 5] });
    }
}

// [DELIV-250] In one commit or two; alone with that person, nobody else could have told.
#[test]
fn a_device_that_takes_the_place_of_another_does_not_have_what_that_one_lost() {
    for others in [&[][..], &[20]] {
        for commits in [1, 2] {
            let mut room = Room::with(&[&[10], others].concat());
            room.say(2);
            room.tell(10, 1);
            others.iter().for_each(|other| room.tell(*other, 2));
            if commits == 1 {
                room.commit(&[10], &[11]);
            } else {
                room.commit(&[10], &[]);
                room.commit(&[], &[11]);
            }
            assert_eq!(room.all(), [1]);
            room.say(1);
            room.tell(11, 3);
            others.iter().for_each(|other| room.tell(*other, 3));
            assert_eq!(room.all(), [1, 3]);
        }
    }
}

// [DELIV-250]
#[test]
fn what_is_said_to_nobody_is_delivered_to_nobody() {
    let mut room = Room::with(&[10]);
    room.say(1);
    room.tell(10, 1);
    room.commit(&[10], &[]);
    room.say(1);
    assert_eq!(room.all(), [1]);
    room.commit(&[], &[20]);
    room.say(1);
    room.tell(20, 3);
    assert_eq!(room.all(), [1, 3]);
}

// [DELIV-252]
#[test]
fn what_was_kept_from_a_newcomer_is_not_told_by_it() {
    let mut room = Room::with(&[10]);
    room.say(2);
    room.tell(10, 2);
    room.commit(&[], &[20]);
    room.say(2);
    room.tell(10, 4);
    // Three stood before what it saw first, and two were said before it came.
    assert!(!room.tell_from(20, 3, 4));
    assert_eq!(room.all(), [1, 2]);
    assert!(room.tell_from(20, 2, 4));
    assert_eq!(room.all(), [1, 2, 3, 4]);
}

// [DELIV-252] As a receipt does that was queued before this device was added again: it speaks of an earlier count.
#[test]
fn what_is_not_sent_yet_is_not_told() {
    let mut room = Room::with(&[10]);
    room.say(1);
    assert!(!room.tell_from(10, 0, 2));
    room.say(1);
    assert!(room.all().is_empty());
}

/// A device in one of its memberships, and what it really has.
struct Stint {
    device: DeviceId,
    /// The counter before its first, and how many up to there last.
    base: (u64, u64),
    has: Vec<u64>,
    told: u64,
    /// Nothing reaches it any more.
    deaf: bool,
    /// The first content was kept from it.
    cheated: bool,
    here: bool,
}

/// One room with what is true of it.
struct World {
    room: Room,
    rng: ChaCha20Rng,
    stints: Vec<Stint>,
}

impl World {
    fn below(&mut self, n: u64) -> u64 {
        self.rng.next_u64() % n
    }

    fn here(&self) -> Vec<DeviceId> {
        self.stints.iter().filter(|stint| stint.here).map(|stint| stint.device).collect()
    }

    fn step(&mut self) {
        let here = self.here();
        let one = here.get(self.below(here.len().max(1) as u64) as usize).copied();
        match (self.below(9), one) {
            (0..3, _) => self.say(),
            (3..6, Some(device)) => self.tell(device),
            (6, Some(device)) => self
                .stints
                .iter_mut()
                .filter(|stint| stint.here && stint.device == device)
                .for_each(|stint| stint.deaf = true),
            (7, Some(device)) => {
                let again = [vec![], vec![device], vec![self.other()]][self.below(3) as usize].clone();
                self.commit(vec![device], again);
            }
            _ => {
                let added = self.other();
                self.commit(vec![], vec![added]);
            }
        }
    }

    /// Some device.
    fn other(&mut self) -> DeviceId {
        device(10 * (1 + self.below(3) as u8) + self.below(2) as u8)
    }

    fn say(&mut self) {
        self.room.row.accepted += 1;
        let counter = self.room.row.accepted;
        let first = |stint: &Stint| stint.cheated && counter == stint.base.0 + 1;
        // What a relay keeps back from somebody is no receipt here: of those nothing is shown.
        let lasts = self.stints.iter().any(first) || self.below(2) == 0;
        self.room.row.accepted_lasting += u64::from(lasts);
        let hear = self.stints.iter_mut().filter(|stint| stint.here && !stint.deaf && !first(stint));
        hear.for_each(|stint| stint.has.push(counter));
    }

    fn tell(&mut self, device: DeviceId) {
        let stint = self.stints.iter_mut().find(|stint| stint.here && stint.device == device).unwrap();
        let Some(last) = stint.has.last() else { return };
        let begins = stint.base.1 + u64::from(stint.cheated);
        stint.told = if stint.cheated { 0 } else { *last };
        let line = ReceiptLine { device, begins, delivered: *last, read: *last };
        take(self.room.tracks.get_mut(&device).unwrap(), &line, self.room.row.accepted);
    }

    fn commit(&mut self, removed: Vec<DeviceId>, added: Vec<DeviceId>) {
        let there = self.here();
        let added: Vec<_> = added.into_iter().filter(|one| removed.contains(one) || !there.contains(one)).collect();
        self.stints.iter_mut().filter(|stint| removed.contains(&stint.device)).for_each(|stint| stint.here = false);
        for device in &added {
            let base = (self.room.row.accepted, self.room.row.accepted_lasting);
            let cheated = self.below(6) == 0;
            let stint = Stint { device: *device, base, has: Vec::new(), told: 0, deaf: false, cheated, here: true };
            self.stints.push(stint);
        }
        self.room.commit_of(removed, added);
    }
}

/// Each content with the memberships that it was sent to.
fn check(world: &World, sent: &[Vec<usize>]) {
    let here = |whose: &str| world.stints.iter().any(|stint| stint.here && person(stint.device) == whose);
    let up_to = acknowledged_up_to(&world.room.row, &world.room.tracks);
    for (counter, to) in (1..).zip(sent) {
        let to: Vec<&Stint> = to.iter().map(|stint| &world.stints[*stint]).collect();
        let delivered = world.room.delivered(counter);
        if !to.is_empty() && to.iter().all(|stint| stint.told >= counter) {
            assert!(delivered, "{counter}: all have told so");
        }
        assert!(delivered || up_to.0 < counter, "{counter}: {up_to:?}");
        if !delivered {
            continue;
        }
        assert!(to.iter().any(|stint| stint.has.contains(&counter)), "{counter}: nobody has it");
        assert!(to.iter().all(|stint| !stint.here || stint.has.contains(&counter)), "{counter}: somebody has it not");
        for whose in to.iter().map(|stint| person(stint.device)).filter(|whose| here(whose)) {
            let mut theirs = to.iter().filter(|stint| person(stint.device) == whose);
            assert!(theirs.any(|stint| stint.has.contains(&counter)), "{counter}: {whose} never had it");
        }
    }
}

// [DELIV-250] [DELIV-252]
#[test]
fn nothing_is_delivered_that_is_not_there_whoever_comes_and_goes() {
    for seed in 0..3000 {
        let room = Room::with(&[10, 20]);
        let stints = [10, 20].map(|n| Stint {
            device: device(n),
            base: (0, 0),
            has: Vec::new(),
            told: 0,
            deaf: false,
            cheated: false,
            here: true,
        });
        let mut world = World { room, rng: ChaCha20Rng::seed_from_u64(seed), stints: stints.into() };
        let mut sent: Vec<Vec<usize>> = Vec::new();
        for _ in 0..40 {
            world.step();
            if world.room.row.accepted as usize > sent.len() {
                sent.push((0..world.stints.len()).filter(|stint| world.stints[*stint].here).collect());
            }
            check(&world, &sent);
        }
    }
}

// Beyond what is kept, what was lost stays lost.
#[test]
fn what_was_lost_longest_ago_is_not_forgotten() {
    let mut room = Room::with(&[10, 20]);
    for round in 0..(LOST as u64 + 10) {
        room.say(2);
        room.tell(20, 2 * round + 2);
        room.tell(10, 2 * round + 1);
        room.commit(&[10], &[10]);
    }
    assert_eq!(room.row.lost.len(), LOST);
    let lost = (1..=room.row.accepted).filter(|counter| counter.is_multiple_of(2));
    assert!(lost.into_iter().all(|counter| !room.delivered(counter)));
    assert!(room.delivered(room.row.accepted - 1));
}
