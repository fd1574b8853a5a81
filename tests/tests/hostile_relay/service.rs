//! What a relay answers (protocol-spec/02-wire, section 4, and 07-delivery), as shortly as a test can have it: no limits,
//! no rates, nothing kept.

use amanat_primitives::{DeviceId, Digest};
use amanat_wire::{
    Bytes, Encode, List,
    client::{Advance, Nothing, Request},
    relay::{
        Answer, Chains, ClaimedKeyPackage, Cursors, DeviceState, Direct, DocumentState, Entries, FromRelay, LogState,
        News, Refusal, RevocationPage,
    },
};

use super::relay::State;

fn done() -> Answer {
    Answer::Done(Nothing {})
}

fn list<T, const MAX: usize>(items: Vec<T>) -> List<T, MAX> {
    List::new(items).unwrap()
}

/// As many as fit into a message; the others come with the next answer. [WIRE-08]
fn fitting<'a, T: Encode + Clone + 'a>(items: impl Iterator<Item = &'a T>) -> Vec<T> {
    const ROOM: usize = 512 * 1024;
    let mut room = ROOM;
    let fits = |item: &&T| {
        let first = room == ROOM;
        room -= item.to_bytes().len().min(room);
        first || room > 0
    };
    items.take_while(fits).cloned().collect()
}

impl State {
    /// Serves a request as an honest relay does.
    pub(crate) fn serve(&mut self, device: DeviceId, request: Request) -> Answer {
        match request {
            Request::News(_) => Answer::News(self.news(device)),
            Request::Append(unit) => self.append(device, unit),
            Request::Read(read) => self.read(device, &read),
            Request::Advance(advance) => self.advance(device, &advance),
            Request::PutKeyPackages(put) => {
                let packages = self.packages.entry(device).or_default();
                packages.one_time.extend(put.one_time);
                if put.last_resort.is_some() {
                    (packages.last_resort, packages.used) = (put.last_resort, 0);
                }
                done()
            }
            Request::ClaimKeyPackages(devices) => {
                Answer::KeyPackages(list(devices.iter().map(|device| self.claim(*device)).collect()))
            }
            Request::People(people) => {
                let found = self.people.values().filter(|(handle, _)| handle.contains(&*people.query));
                let chains = found.filter(|(handle, _)| **handle > *people.after).map(|(_, chain)| chain.clone());
                Answer::Chains(Chains { chains: list(chains.collect()), more: false })
            }
            Request::Chains(devices) => {
                let chains =
                    devices.iter().filter_map(|device| self.people.get(device)).map(|(_, chain)| chain.clone());
                Answer::Chains(Chains { chains: list(chains.collect()), more: false })
            }
            Request::PutStatement(update) => {
                self.take_status(update.status);
                done()
            }
            Request::Status(_) => Answer::Status(self.status.clone()),
            Request::Revocations(_) => {
                Answer::Revocations(RevocationPage { revocations: List::default(), more: false })
            }
            Request::OwnDevices(_) => self.own_devices(device),
            Request::Cursors(_) => Answer::Cursors(Cursors { logs: list(self.logs_of(device)), more: None }),
            Request::Decline(conversation) => {
                if let Some(log) = self.logs.get_mut(&conversation) {
                    log.readers.remove(&device);
                    log.views.remove(&device);
                }
                done()
            }
            Request::AskAgain(again) => {
                let readers = self.logs.get(&again.conversation).map(|log| log.readers.clone()).unwrap_or_default();
                for reader in readers.into_iter().filter(|reader| *reader != device) {
                    self.say(reader, FromRelay::PushAgain(again.clone()));
                }
                done()
            }
            Request::DropKeyPackages(_) => {
                self.packages.remove(&device);
                done()
            }
            Request::Resupply(resupply) => self.resupplied(device, resupply),
            Request::Lapsed(_) => Answer::Refused(Refusal::NotAllowed),
            Request::Ping(_) | Request::PutRenewal(_) | Request::PutApproval(_) | Request::Welcomes(_) => done(),
            Request::OpenDocument(_) | Request::PutSegment(_) | Request::SealDocument(_) | Request::GetSegment(_) => {
                self.document(request)
            }
        }
    }

    fn document(&mut self, request: Request) -> Answer {
        match request {
            Request::OpenDocument(open) => {
                let document = self.documents.entry(open.document).or_default();
                Answer::Document(DocumentState { held: document.segments.len() as u64, sealed: document.sealed })
            }
            Request::PutSegment(put) => {
                self.documents.entry(put.document).or_default().segments.insert(put.index, put.bytes);
                done()
            }
            Request::SealDocument(id) => {
                self.documents.entry(id).or_default().sealed = true;
                done()
            }
            Request::GetSegment(get) => {
                let held = self.documents.get(&get.document).and_then(|document| document.segments.get(&get.index));
                held.map_or(Answer::Refused(Refusal::Unknown), |segment| Answer::Segment(segment.clone()))
            }
            _ => Answer::Refused(Refusal::Malformed),
        }
    }

    /// Takes back what a log has lost, where it follows that log's end.
    fn resupplied(&mut self, device: DeviceId, resupply: amanat_wire::resupply::Resupply) -> Answer {
        let id = resupply.conversation;
        let Some(log) = self.logs.get(&id) else { return Answer::Refused(Refusal::Unknown) };
        let readers = log.readers.clone();
        for held in resupply.entries {
            for reader in &readers {
                let view = self.logs.get_mut(&id).and_then(|log| log.views.get_mut(reader));
                if let Some(view) = view.filter(|view| view.head() + 1 == held.entry.position) {
                    view.put(held.entry.clone());
                    self.hint(*reader);
                }
            }
        }
        let head = self.logs.get(&id).and_then(|log| log.views.get(&device)).map_or(0, super::logs::View::head);
        Answer::Resupplied(head)
    }

    fn logs_of(&self, device: DeviceId) -> Vec<LogState> {
        let views = self.logs.iter().filter_map(|(id, log)| Some((*id, log.views.get(&device)?)));
        let state = |(conversation, view): (_, &super::logs::View)| LogState {
            conversation,
            cursor: view.cursor,
            head: view.head(),
            first_kept: 1,
        };
        views.map(state).take(512).collect()
    }

    fn news(&self, device: DeviceId) -> News {
        let packages = self.packages.get(&device);
        let direct = self.direct.get(&device).map(|queue| fitting(queue.items.iter().take(64)));
        let direct = direct.unwrap_or_default();
        let waiting = self.direct.get(&device).map_or(0, |queue| queue.items.len());
        News {
            logs: list(self.logs_of(device).into_iter().filter(|log| log.head > log.cursor).collect()),
            more_direct: waiting > direct.len(),
            direct: list(direct),
            more_logs: None,
            key_packages: packages.map_or(0, |packages| packages.one_time.len() as u16),
            last_resort_used: packages.map_or(0, |packages| packages.used),
        }
    }

    fn read(&self, device: DeviceId, read: &amanat_wire::client::Read) -> Answer {
        let Some(view) = self.logs.get(&read.conversation).and_then(|log| log.views.get(&device)) else {
            return Answer::Refused(Refusal::Unknown);
        };
        let asked = view.entries.iter().skip(read.after as usize).take(read.max_entries.into());
        let entries = fitting(asked);
        Answer::Entries(Entries {
            entries: list(entries),
            running_before: view.running_at(read.after.min(view.head())),
            head: view.head(),
            first_kept: 1,
        })
    }

    fn advance(&mut self, device: DeviceId, advance: &Advance) -> Answer {
        for cursor in advance.cursors.iter() {
            let log = self.logs.get_mut(&cursor.conversation);
            if let Some(view) = log.and_then(|log| log.views.get_mut(&device)) {
                view.cursor = view.cursor.max(cursor.position);
            }
        }
        if let Some(queue) = self.direct.get_mut(&device) {
            queue.items.retain(|item| item.number > advance.direct);
        }
        done()
    }

    fn claim(&mut self, device: DeviceId) -> ClaimedKeyPackage {
        let packages = self.packages.entry(device).or_default();
        if let Some(key_package) = packages.one_time.pop_front() {
            return ClaimedKeyPackage { device, key_package, last_resort: false };
        }
        let Some(key_package) = packages.last_resort.clone() else {
            return ClaimedKeyPackage { device, key_package: Bytes::default(), last_resort: false };
        };
        packages.used += 1;
        self.hand(device, Direct::LastResortUsed(Nothing {}));
        ClaimedKeyPackage { device, key_package, last_resort: true }
    }

    fn own_devices(&self, device: DeviceId) -> Answer {
        let Some((own, _)) = self.people.get(&device) else { return Answer::Refused(Refusal::Unknown) };
        let devices = self.people.values().filter(|(handle, _)| handle == own);
        let devices = devices.map(|(_, chain)| DeviceState { chain: chain.clone(), pending: false, seen: None });
        Answer::Devices(list(devices.collect()))
    }
}

/// What stands for the relay's seal of an entry, which nobody but an honest one checks.
pub(crate) const SEAL: Digest = Digest::from_bytes([5; 32]);
