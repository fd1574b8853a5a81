//! Logs as a hostile relay keeps them (protocol-spec/07-delivery, section 3): one for each device, each with its own
//! order, running hash and receipts, all signed with the relay's own key.

use std::collections::{BTreeMap, BTreeSet};

use amanat_primitives::{ConversationId, DeviceId, Digest, Timestamp, UnitId};
use amanat_wire::{
    Bytes, Decode as _, Encode as _,
    log::{CommitReceipt, Entry, ReceiptBody, Unit, UnitKind, roster_change},
    relay::{Answer, Appended, Direct, FromRelay, Push, Refusal, WelcomePart},
};

use super::{
    relay::{Delivery, State},
    service::SEAL,
};

/// A conversation.
#[derive(Default, Clone)]
pub(crate) struct Log {
    /// What each device is shown.
    pub(crate) views: BTreeMap<DeviceId, View>,
    /// Who is served.
    pub(crate) readers: BTreeSet<DeviceId>,
    /// What was answered to each unit.
    pub(crate) answered: BTreeMap<UnitId, Appended>,
    /// What each commit changes, by its unit.
    pub(crate) changes: BTreeMap<UnitId, Digest>,
    /// The last stamp.
    pub(crate) stamp: Timestamp,
}

/// A log as one device is shown it.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) entries: Vec<Entry>,
    /// R at each position, from 1.
    pub(crate) running: Vec<Digest>,
    pub(crate) cursor: u64,
    /// The id of the last commit's receipt.
    pub(crate) receipt: Digest,
}

impl Default for View {
    fn default() -> Self {
        Self { entries: Vec::new(), running: Vec::new(), cursor: 0, receipt: Digest::ZERO }
    }
}

impl View {
    pub(crate) fn head(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(crate) fn running_at(&self, position: u64) -> Digest {
        let index = (position as usize).checked_sub(1);
        index.and_then(|index| self.running.get(index)).copied().unwrap_or(Digest::ZERO)
    }

    fn last_commit(&self) -> u64 {
        let commit = self.entries.iter().rev().find(|entry| entry.kind != UnitKind::Message);
        commit.map_or(0, |entry| entry.position)
    }

    fn commits_after(&self, position: u64) -> usize {
        let is_later = |entry: &&Entry| entry.position > position && entry.kind != UnitKind::Message;
        self.entries.iter().filter(is_later).count()
    }

    /// Puts an entry at the end, as it is.
    pub(crate) fn put(&mut self, entry: Entry) {
        self.running.push(entry.running(&self.running_at(self.head())));
        if let Ok(receipt) = CommitReceipt::from_bytes(&entry.receipt) {
            self.receipt = receipt.id();
        }
        self.entries.push(entry);
    }

    /// Forgets what stands behind a position.
    pub(crate) fn cut_back(&mut self, to: u64) {
        self.entries.truncate(to as usize);
        self.running.truncate(to as usize);
        self.cursor = self.cursor.min(to);
        let receipts = self.entries.iter().rev().filter_map(|entry| CommitReceipt::from_bytes(&entry.receipt).ok());
        self.receipt = receipts.map(|receipt| receipt.id()).next().unwrap_or(Digest::ZERO);
    }
}

impl State {
    /// Appends a unit, and shows it to everybody who may read.
    pub(crate) fn append(&mut self, from: DeviceId, unit: Unit) -> Answer {
        let id = unit.conversation;
        let create = unit.kind == UnitKind::Create;
        let log = self.logs.entry(id).or_default();
        if let Some(answered) = log.answered.get(&unit.id) {
            return Answer::Appended(answered.clone());
        }
        if create && !log.views.is_empty() {
            return Answer::Refused(Refusal::Exists);
        }
        if create {
            log.readers.insert(from);
            log.views.insert(from, View::default());
        }
        let Some(view) = log.views.get(&from).filter(|_| log.readers.contains(&from)) else {
            return Answer::Refused(Refusal::NotAllowed);
        };
        match unit.kind {
            UnitKind::Commit if unit.seen_commit != view.last_commit() => return Answer::Conflict(view.last_commit()),
            UnitKind::Message if view.commits_after(unit.seen_commit) > 2 => {
                return Answer::StaleEpoch(view.last_commit());
            }
            _ => {}
        }
        self.take(from, unit)
    }

    /// Takes a unit in, whatever stands before it.
    pub(crate) fn take(&mut self, from: DeviceId, unit: Unit) -> Answer {
        let (id, now) = (unit.conversation, self.now());
        let Some(log) = self.logs.get_mut(&id) else { return Answer::Refused(Refusal::Unknown) };
        log.stamp = log.stamp.max(now);
        let template = template(&unit, from, log.stamp);
        if unit.kind != UnitKind::Message {
            let added = unit.roster_add.iter().chain(&self.hooks.ghost);
            log.changes.insert(unit.id, roster_change(added, unit.roster_remove.iter()));
        }
        let newcomers: Vec<DeviceId> =
            unit.roster_add.iter().filter(|device| !log.readers.contains(device)).copied().collect();
        for device in &newcomers {
            // They get the log from here on.
            let mut view = log.views.get(&from).cloned().unwrap_or_default();
            view.cursor = view.head();
            log.views.insert(*device, view);
            log.readers.insert(*device);
        }
        let readers = log.readers.clone();
        for device in unit.roster_remove.iter().filter(|device| !unit.roster_add.contains(device)) {
            log.readers.remove(device);
        }
        let mut own = None;
        for to in readers {
            if to == from {
                own = self.show(to, id, template.clone());
                continue;
            }
            for entry in self.changed(&Delivery { to, conversation: id, entry: &template }) {
                self.show(to, id, entry);
            }
        }
        let Some(own) = own else { return Answer::Refused(Refusal::Failed) };
        self.welcome(from, &unit, &own);
        let running = self.logs.get(&id).and_then(|log| log.views.get(&from)).map(|view| view.running_at(own.position));
        let answered = Appended {
            position: own.position,
            stamp: own.stamp,
            running: running.unwrap_or(Digest::ZERO),
            receipt: own.receipt,
            seal: SEAL,
        };
        if let Some(log) = self.logs.get_mut(&id) {
            log.answered.insert(unit.id, answered.clone());
        }
        Answer::Appended(answered)
    }

    fn changed(&mut self, delivery: &Delivery<'_>) -> Vec<Entry> {
        match self.hooks.entry.take() {
            Some(mut hook) => {
                let entries = hook(delivery);
                self.hooks.entry = Some(hook);
                entries
            }
            None => vec![delivery.entry.clone()],
        }
    }

    /// Puts an entry at the end of a device's log, with a receipt where it is a commit, and pushes it unless it is that
    /// device's own, whose answer says it.
    pub(crate) fn show(&mut self, to: DeviceId, id: ConversationId, entry: Entry) -> Option<Entry> {
        let status_number = self.status_number;
        let log = self.logs.get_mut(&id)?;
        let change = log.changes.get(&entry.unit).copied();
        let view = log.views.get_mut(&to)?;
        let mut placed = Entry { position: view.head() + 1, ..entry };
        if placed.kind != UnitKind::Message {
            let body = ReceiptBody {
                conversation: id,
                position: placed.position,
                commit: placed.ciphertext_hash(),
                stamp: placed.stamp,
                roster: change.unwrap_or_else(|| roster_change([], [])),
                status_number,
                previous: view.receipt,
            };
            let receipt = CommitReceipt::sign(body, self.keys.signing());
            view.receipt = receipt.id();
            placed.receipt = Bytes::new(receipt.to_bytes()).ok()?;
        }
        if let Some(mut hook) = self.hooks.placed.take() {
            hook(to, id, &mut placed);
            self.hooks.placed = Some(hook);
        }
        let log = self.logs.get_mut(&id)?;
        let view = log.views.get_mut(&to)?;
        view.running.push(placed.running(&view.running_at(view.head())));
        view.entries.push(placed.clone());
        if placed.sender != to {
            self.say(to, FromRelay::Push(Push { conversation: id, entry: placed.clone() }));
        }
        Some(placed)
    }

    /// Tells a device that there is something to read.
    pub(crate) fn hint(&self, to: DeviceId) {
        self.say(to, FromRelay::NewsHint(amanat_wire::client::Nothing {}));
    }

    fn welcome(&mut self, from: DeviceId, unit: &Unit, own: &Entry) {
        for joiner in unit.joiners.iter() {
            let view = self.logs.get(&unit.conversation).and_then(|log| log.views.get(&joiner.device));
            let Some((view, entry)) = view.and_then(|view| Some((view, view.entries.last()?))) else { continue };
            let part = WelcomePart {
                conversation: unit.conversation,
                position: entry.position,
                running: view.running_at(entry.position),
                sender: from,
                receipt: if entry.receipt.is_empty() { own.receipt.clone() } else { entry.receipt.clone() },
                group_info: unit.group_info.clone(),
                group_secrets: joiner.group_secrets.clone(),
            };
            self.hand(joiner.device, Direct::Welcome(part));
        }
    }
}

/// A unit as an entry that has no place yet.
pub(crate) fn template(unit: &Unit, sender: DeviceId, stamp: Timestamp) -> Entry {
    Entry {
        position: 0,
        kind: unit.kind,
        stamp,
        sender,
        unit: unit.id,
        seen_commit: unit.seen_commit,
        accepted_commit: unit.accepted_commit,
        body: unit.body.clone(),
        gone: None,
        receipt: Bytes::default(),
        class: unit.class,
        seal: SEAL,
    }
}
