//! A group of many devices, in this process and without links: what a change costs a committer and a member.

use std::{collections::BTreeMap, path::Path, time::Duration};

use amanat_conversation::{
    CheckedKeyPackage, Conversation, Evidence, Incoming, KeyPackageMaker, Kind, NewConversation, OutgoingCommit,
    Records, check_key_package,
};
use amanat_identity::{
    DeviceKeys, Invitation, Invitee, RevocationList, StatusView, Tier, VerifiedDevice, VerifiedRelay,
    armour::{self, FileKind},
};
use amanat_primitives::{ConversationId, DeviceId, Digest, Timestamp, UnitId, passphrase::WorkPolicy};
use amanat_relay_core::folder;
use amanat_wire::{
    Bytes,
    log::{Entry, ReceiptBody, RetentionClass, UnitKind},
    relay::WelcomePart,
};
use rand_core::OsRng;
use rustix::time::{ClockId, clock_gettime};

use crate::{
    authority::invite::Desk,
    files,
    office::Office,
    output::{json, time},
    problem::{Outcome, Problem},
};

/// Status number in every commit: nobody is revoked here, by no list.
const STATUS: u64 = 0;

/// A device, and the group as it has it.
struct Device {
    keys: DeviceKeys,
    verified: VerifiedDevice,
    packages: Records,
    group: Option<Conversation>,
}

/// The group's log, and who is who.
struct Hall {
    id: ConversationId,
    now: Timestamp,
    position: u64,
    running: Digest,
    devices: BTreeMap<DeviceId, VerifiedDevice>,
}

/// Measures one add, one removal and one update in a group of `size` devices in which each has committed once.
pub(super) fn measure(office: &Office, desk: &Desk, relay: &VerifiedRelay, size: u32) -> Outcome<json::GroupRun> {
    let now = time::now();
    let id = ConversationId::random(&mut OsRng);
    let mut hall = Hall { id, now, position: 0, running: Digest::ZERO, devices: BTreeMap::new() };
    let enrol = |hall: &mut Hall, number: u32| enrol(office, desk, relay, hall, number);
    let (mut committer, mut member) = (enrol(&mut hall, 0)?, enrol(&mut hall, 1)?);
    let new = NewConversation { conversation: id, kind: Kind::Group, tier: Tier::Official, relay: relay.id() };
    let first = member.package(now)?;
    let created =
        Conversation::create(&new, &committer.verified, committer.keys.signing(), vec![first], STATUS, now, &mut OsRng);
    let created = created.map_err(broken)?;
    committer.group = Some(created.conversation);
    let entry = hall.append(&committer, UnitKind::Create, &created.commit)?;
    hall.take_in(&mut committer, &entry)?;
    hall.join(&mut member, &committer, &created.commit)?;
    for number in 2..size.saturating_sub(1) {
        let mut joiner = enrol(&mut hall, number)?;
        hall.let_in(&mut committer, &mut member, &mut joiner)?;
        // Its own keys at every node above it: the group is as it is after some days.
        let (commit, _) = joiner.commits(|group, keys| group.self_update(keys.signing(), STATUS, now, &mut OsRng))?;
        let entry = hall.append(&joiner, UnitKind::Commit, &commit)?;
        hall.take_in(&mut committer, &entry)?;
        hall.take_in(&mut member, &entry)?;
    }
    let mut last = enrol(&mut hall, size.saturating_sub(1))?;
    let (add, add_received, join) = hall.let_in(&mut committer, &mut member, &mut last)?;
    let update = hall.change(&mut committer, &mut member, |group, keys| {
        group.self_update(keys.signing(), STATUS, now, &mut OsRng)
    })?;
    let gone = last.verified.id();
    let remove = hall.change(&mut committer, &mut member, |group, keys| {
        group.remove(&[gone], keys.signing(), STATUS, now, &mut OsRng)
    })?;
    Ok(json::GroupRun {
        devices: size,
        add_ms: add,
        add_received_ms: add_received,
        join_ms: join,
        remove_ms: remove.0,
        remove_received_ms: remove.1,
        update_ms: update.0,
        update_received_ms: update.1,
    })
}

impl Hall {
    fn append(&mut self, author: &Device, kind: UnitKind, commit: &OutgoingCommit) -> Outcome<Entry> {
        self.position += 1;
        let entry = Entry {
            position: self.position,
            kind,
            stamp: self.now,
            sender: author.verified.id(),
            unit: UnitId::random(&mut OsRng),
            seen_commit: 0,
            accepted_commit: 0,
            body: Bytes::new(commit.body.to_vec()).map_err(broken)?,
            gone: None,
            receipt: Bytes::default(),
            class: RetentionClass::Month,
            seal: Digest::ZERO,
        };
        self.running = entry.running(&self.running);
        Ok(entry)
    }

    fn evidence<'a>(&'a self, revocations: &'a RevocationList) -> Evidence<'a> {
        Evidence { devices: &self.devices, receipt: None, revocations }
    }

    /// Takes a commit in, up to what would be written; in milliseconds.
    fn take_in(&self, device: &mut Device, entry: &Entry) -> Outcome<f64> {
        let group = device.group.as_mut().ok_or_else(lost)?;
        let revocations = RevocationList::default();
        let begun = processor();
        let Incoming::Commit(commit) = group.receive(entry).map_err(broken)? else { return Err(lost()) };
        let approved = commit.approve(group, &self.evidence(&revocations)).map_err(broken)?;
        group.merge(approved).map_err(broken)?;
        let _ = group.take_changes();
        Ok(millis(begun))
    }

    /// A change by the committer, taken in by both: what it costs each.
    fn change(
        &mut self,
        committer: &mut Device,
        member: &mut Device,
        make: impl FnOnce(&mut Conversation, &DeviceKeys) -> Result<OutgoingCommit, amanat_conversation::ConversationError>,
    ) -> Outcome<(f64, f64)> {
        let (commit, made) = committer.commits(make)?;
        let entry = self.append(committer, UnitKind::Commit, &commit)?;
        let merged = self.take_in(committer, &entry)?;
        Ok((super::rounded(made + merged), super::rounded(self.take_in(member, &entry)?)))
    }

    /// Adds a device, which joins: what it costs the committer, the member and the joiner.
    fn let_in(&mut self, committer: &mut Device, member: &mut Device, joiner: &mut Device) -> Outcome<(f64, f64, f64)> {
        let (package, now) = (joiner.package(self.now)?, self.now);
        let (commit, made) =
            committer.commits(|group, keys| group.add(vec![package], keys.signing(), STATUS, now, &mut OsRng))?;
        let entry = self.append(committer, UnitKind::Commit, &commit)?;
        let merged = self.take_in(committer, &entry)?;
        let received = self.take_in(member, &entry)?;
        let joined = self.join(joiner, committer, &commit)?;
        Ok((super::rounded(made + merged), super::rounded(received), super::rounded(joined)))
    }

    fn join(&self, joiner: &mut Device, inviter: &Device, commit: &OutgoingCommit) -> Outcome<f64> {
        let own = commit.joiners.iter().find(|joined| joined.device == joiner.verified.id()).ok_or_else(lost)?;
        let part = WelcomePart {
            conversation: self.id,
            position: self.position,
            running: self.running,
            sender: inviter.verified.id(),
            receipt: Bytes::default(),
            group_info: commit.group_info.clone(),
            group_secrets: own.group_secrets.clone(),
        };
        let receipt = ReceiptBody {
            conversation: self.id,
            position: self.position,
            commit: Digest::ZERO,
            stamp: self.now,
            roster: commit.facts.roster_change(),
            status_number: STATUS,
            previous: Digest::ZERO,
        };
        let begun = processor();
        let staged = Conversation::stage_join(&part, &joiner.verified, &joiner.packages).map_err(broken)?;
        let old = Records::default();
        let mut group = staged.approve(&self.devices, &receipt, &mut joiner.packages, old).map_err(broken)?;
        let _ = group.take_changes();
        joiner.group = Some(group);
        Ok(millis(begun))
    }
}

impl Device {
    fn package(&mut self, now: Timestamp) -> Outcome<CheckedKeyPackage> {
        let maker = KeyPackageMaker { device: &self.verified, signing: self.keys.signing() };
        let made = maker.one_time(1, &mut self.packages, now, &mut OsRng).map_err(broken)?;
        check_key_package(made.first().ok_or_else(lost)?, &self.verified, now).map_err(broken)
    }

    /// Makes a commit, up to what would be written; with its milliseconds.
    fn commits(
        &mut self,
        make: impl FnOnce(&mut Conversation, &DeviceKeys) -> Result<OutgoingCommit, amanat_conversation::ConversationError>,
    ) -> Outcome<(OutgoingCommit, f64)> {
        let group = self.group.as_mut().ok_or_else(lost)?;
        let begun = processor();
        let commit = make(group, &self.keys).map_err(broken)?;
        let _ = group.take_changes();
        Ok((commit, millis(begun)))
    }
}

/// A person with one device, by an invitation and the relay's receipt, as a join has it.
fn enrol(office: &Office, desk: &Desk, relay: &VerifiedRelay, hall: &mut Hall, number: u32) -> Outcome<Device> {
    let handle = format!("member{number}");
    let path = office.invitation(&format!("{handle}-{}", hall.id));
    let invitee = Invitee {
        handle: handle.parse().map_err(broken)?,
        name: format!("Member {number}").parse().map_err(broken)?,
        post: "Benchmark".parse().map_err(broken)?,
        clearance: Tier::Official,
        replaces: false,
    };
    let now = hall.now;
    desk.invite(invitee, false, &path, now)?;
    let keys = DeviceKeys::create(&mut OsRng);
    let device = read(&path)?.open(None, &WorkPolicy::STANDARD, now).map_err(broken)?;
    let certificate = device.relay_certificates().first().cloned().ok_or_else(lost)?;
    let enrolment = device.redeem(&keys, now).map_err(broken)?;
    let checked = enrolment.verify(&desk.authority, now, &StatusView::new()).map_err(broken)?;
    let relay_keys = folder::load_keys(&office.relay()).map_err(broken)?;
    debug_assert_eq!(relay_keys.id(), relay.id());
    let receipt = relay_keys.receipt(&checked, now).map_err(broken)?;
    let chain = enrolment.into_chain(certificate, receipt);
    let verified = chain.verify(&desk.authority, now, Timestamp::CLOCK_TOLERANCE).map_err(broken)?;
    hall.devices.insert(verified.id(), verified.clone());
    let packages = Records::default();
    Ok(Device { keys, verified, packages, group: None })
}

fn read(path: &Path) -> Outcome<Invitation> {
    let text = files::read(path, 256 * 1024, "the invitation")?;
    let bytes = armour::read(FileKind::Invitation, &text).map_err(broken)?;
    Invitation::from_secret_bytes(&bytes).map_err(broken)
}

fn millis(begun: Duration) -> f64 {
    processor().saturating_sub(begun).as_secs_f64() * 1000.0
}

/// What this thread has had of the processor so far: other programs do not count.
fn processor() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn broken(error: impl std::fmt::Display) -> Problem {
    Problem::internal(format!("The group could not be made: {error}."))
}

fn lost() -> Problem {
    Problem::internal("The group is not as it should be.")
}
