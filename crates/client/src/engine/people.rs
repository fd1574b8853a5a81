//! People (protocol-spec/03-identity, section 7): chains fetched from the relay, verified here, remembered in the vault.
//!
//! Nothing that the relay says about a person is believed: a chain becomes a [`VerifiedDevice`] or it is left out.
//! A second certificate for a grant that was seen before is refused, and so is the first from then on. [ID-18]

use std::collections::{BTreeMap, HashMap, HashSet};

use amanat_identity::{Address, Authority, DeviceChain, SafetyNumber, VerifiedDevice};
use amanat_primitives::{DeviceId, Timestamp};
use amanat_wire::{
    Bytes, Decode as _, List, Text,
    client::{People as Query, Request},
    limits,
    relay::{Answer, Chains},
};

use super::{
    Input,
    core::{Core, ReplyTo},
};
use crate::{
    Event, Failure, FailureCode, Reply,
    api::{Notice, Person, Verification},
    failure,
    rows::{ChainRow, GrantRow},
    session::{CallError, Calls},
    vault::{Batch, Scope},
};

/// Pages of the directory that one query fetches.
const PAGES: usize = 64;

/// Devices verified since the engine started.
#[derive(Default)]
pub(crate) struct People {
    known: HashMap<DeviceId, VerifiedDevice>,
}

/// A directory query's outcome, on its way to the engine.
pub(crate) struct Found {
    chains: Result<Vec<VerifiedChain>, Failure>,
    purpose: Purpose,
    reply: ReplyTo,
}

/// A chain and what it proves.
#[derive(Clone)]
pub(crate) struct VerifiedChain {
    pub(crate) device: VerifiedDevice,
    pub(crate) chain: Bytes<{ limits::CHAIN }>,
}

enum Purpose {
    List { query: String },
    Verify { address: Address, confirm: bool },
}

/// Verifies what a relay sent; what does not verify is left out and logged.
pub(crate) fn verify_all(authority: &Authority, now: Timestamp, chains: Chains) -> Vec<VerifiedChain> {
    let verify = |chain: Bytes<{ limits::CHAIN }>| {
        let parsed = DeviceChain::from_bytes(&chain).ok()?;
        match parsed.verify(authority, now, Timestamp::CLOCK_TOLERANCE) {
            Ok(device) => Some(VerifiedChain { device, chain }),
            Err(error) => {
                tracing::warn!(%error, "a chain from the directory does not verify");
                None
            }
        }
    };
    chains.chains.into_iter().filter_map(verify).collect()
}

/// All pages of a directory query, verified.
pub(crate) async fn look_up(
    calls: &Calls,
    authority: &Authority,
    now: Timestamp,
    query: &str,
) -> Result<Vec<VerifiedChain>, Failure> {
    let query = Text::new(query).map_err(|_| failure::too_large("query", "128 bytes"))?;
    let mut after = Text::default();
    let mut all = Vec::new();
    for _ in 0..PAGES {
        let request = Request::People(Query { query: query.clone(), after: after.clone() });
        let chains = expect_chains(calls.call(request).await)?;
        let more = chains.more;
        let page = verify_all(authority, now, chains);
        let last = page.last().map(|found| found.device.address().handle.as_str().to_owned());
        all.extend(page);
        match (more, last.and_then(|handle| Text::new(handle).ok())) {
            // A page that ends where the last one did would be asked for in a circle.
            (true, Some(last)) if last != after => after = last,
            _ => break,
        }
    }
    Ok(all)
}

/// Chains of devices, verified; unknown and unverifiable ones are missing.
pub(crate) async fn fetch_chains(
    calls: &Calls,
    authority: &Authority,
    now: Timestamp,
    devices: &[DeviceId],
) -> Result<Vec<VerifiedChain>, Failure> {
    let mut all = Vec::new();
    for part in devices.chunks(limits::DEVICES) {
        let list = List::new(part).map_err(|_| failure::internal("too many devices"))?;
        let chains = expect_chains(calls.call(Request::Chains(list)).await)?;
        all.extend(verify_all(authority, now, chains).into_iter().filter(|found| part.contains(&found.device.id())));
    }
    Ok(all)
}

fn expect_chains(answer: Result<Answer, CallError>) -> Result<Chains, Failure> {
    match answer {
        Ok(Answer::Chains(chains)) => Ok(chains),
        Ok(Answer::Refused(refusal)) => Err(failure::from_refusal(refusal)),
        Ok(_) => Err(failure::protocol()),
        Err(_) => Err(failure::link_closed()),
    }
}

impl Core {
    /// Remembers chains, durably, and returns those that may be believed.
    pub(crate) fn remember(&mut self, found: Vec<VerifiedChain>) -> Result<Vec<VerifiedDevice>, Failure> {
        let verified_at = self.now();
        let mut believed: Vec<VerifiedDevice> = Vec::new();
        for VerifiedChain { device, chain } in found {
            let (grant, certificate) = (device.grant(), device.certificate());
            // A chain from before a renewal takes nothing back. [DELIV-96]
            let cleared_at = |device: &VerifiedDevice| device.subject().cleared_at;
            let before = self.known_device(device.id())?;
            if let Some(newer) = before.filter(|before| cleared_at(before) > cleared_at(&device)) {
                believed.push(newer);
                continue;
            }
            let known = self.vault.read::<GrantRow>(Scope::Grants, grant.as_bytes())?;
            match known {
                Some(row) if row.reused => continue,
                Some(row) if row.certificate != certificate => {
                    believed.retain(|other| other.grant() != grant);
                    self.refuse_grant(row, device.address())?;
                    continue;
                }
                Some(_)
                    if self.people.known.get(&device.id()).is_some_and(|k| cleared_at(k) == cleared_at(&device)) => {}
                known => {
                    let mut batch = Batch::default();
                    if known.is_none() {
                        let row = GrantRow { grant, certificate, reused: false };
                        batch.put(Scope::Grants, grant.as_bytes(), &row);
                    }
                    // A safety number that was compared does not speak for a device that came later.
                    if self.vault.read_bytes(Scope::Chains, device.id().as_bytes())?.is_none() {
                        batch.delete(Scope::Confirmed, device.address().to_string().as_bytes());
                        if self.recall_all()?.iter().any(|other| other.address() == device.address()) {
                            let (address, id) = (device.address().clone(), device.id());
                            self.emit(Event::Notice(Notice::NewDevice { address, device: id }));
                        }
                    }
                    batch.put(Scope::Chains, device.id().as_bytes(), &ChainRow { chain, verified_at });
                    self.vault.commit(batch)?;
                    self.people.known.insert(device.id(), device.clone());
                }
            }
            believed.push(device);
        }
        Ok(believed)
    }

    /// A second certificate for a grant: both devices go out of use here, for good. [ID-18]
    fn refuse_grant(&mut self, row: GrantRow, address: &Address) -> Result<(), Failure> {
        tracing::error!("two devices hold a certificate for one grant; both are refused");
        let mut batch = Batch::default();
        batch.put(Scope::Grants, row.grant.as_bytes(), &GrantRow { reused: true, ..row.clone() });
        for device in self.recall_all()?.iter().filter(|device| device.grant() == row.grant) {
            batch.delete(Scope::Chains, device.id().as_bytes());
        }
        batch.delete(Scope::Confirmed, address.to_string().as_bytes());
        self.vault.commit(batch)?;
        self.people.known.retain(|_, known| known.grant() != row.grant);
        self.emit(Event::Notice(Notice::GrantReused { address: address.clone() }));
        Ok(())
    }

    /// A device that this vault has verified, now or before.
    pub(crate) fn known_device(&mut self, id: DeviceId) -> Result<Option<VerifiedDevice>, Failure> {
        if id == self.own.id() {
            return Ok(Some(self.own.clone()));
        }
        if let Some(device) = self.people.known.get(&id) {
            return Ok(Some(device.clone()));
        }
        let Some(row) = self.vault.read::<ChainRow>(Scope::Chains, id.as_bytes())? else { return Ok(None) };
        Ok(self.recall(&row).inspect(|device| {
            self.people.known.insert(id, device.clone());
        }))
    }

    /// What a remembered chain proved when it was fetched. Whether it still holds is asked where someone is added.
    fn recall(&self, row: &ChainRow) -> Option<VerifiedDevice> {
        let chain = DeviceChain::from_bytes(&row.chain).ok()?;
        chain.verify(&self.authority, row.verified_at, Timestamp::CLOCK_TOLERANCE).ok()
    }

    fn recall_all(&self) -> Result<Vec<VerifiedDevice>, Failure> {
        let rows = self.vault.scan::<ChainRow>(Scope::Chains)?;
        Ok(rows.iter().filter_map(|row| self.recall(row)).collect())
    }

    /// Devices of some ids, as far as they are known, and those that must be fetched.
    pub(crate) fn known_devices(
        &mut self,
        ids: impl IntoIterator<Item = DeviceId>,
    ) -> Result<(BTreeMap<DeviceId, VerifiedDevice>, Vec<DeviceId>), Failure> {
        let (mut known, mut missing) = (BTreeMap::new(), Vec::new());
        for id in ids {
            match self.known_device(id)? {
                Some(device) => drop(known.insert(id, device)),
                None => missing.push(id),
            }
        }
        Ok((known, missing))
    }

    /// [`Command::People`](crate::Command::People).
    pub(crate) fn list_people(&mut self, query: String, reply: ReplyTo) -> Result<(), Failure> {
        match self.calls() {
            Some(calls) => self.query(calls, query.clone(), Purpose::List { query }, reply),
            None => {
                let devices = self.recall_all()?;
                let people = self.people_of(devices, &query)?;
                let _ = reply.send(Ok(Reply::People { people, from_cache: true }));
            }
        }
        Ok(())
    }

    /// [`Command::Verify`](crate::Command::Verify).
    pub(crate) fn verify(&mut self, address: Address, confirm: bool, reply: ReplyTo) -> Result<(), Failure> {
        let handle = address.handle.as_str().to_owned();
        match self.calls() {
            Some(calls) => self.query(calls, handle, Purpose::Verify { address, confirm }, reply),
            None => {
                let devices = self.recall_all()?;
                let _ = reply.send(self.verification(&address, confirm, devices));
            }
        }
        Ok(())
    }

    fn query(&self, calls: Calls, query: String, purpose: Purpose, reply: ReplyTo) {
        let (authority, now) = (self.authority.clone(), self.now());
        self.spawn(async move {
            let chains = look_up(&calls, &authority, now, &query).await;
            Input::Directory(Found { chains, purpose, reply })
        });
    }

    /// Takes a directory query's outcome.
    pub(crate) fn directory_found(&mut self, found: Found) -> Result<(), Failure> {
        let devices = match found.chains {
            Ok(chains) => self.remember(chains)?,
            Err(failure) => {
                let _ = found.reply.send(Err(failure));
                return Ok(());
            }
        };
        let answer = match found.purpose {
            Purpose::List { query } => {
                self.people_of(devices, &query).map(|people| Reply::People { people, from_cache: false })
            }
            Purpose::Verify { address, confirm } => self.verification(&address, confirm, devices),
        };
        let _ = found.reply.send(answer);
        Ok(())
    }

    fn people_of(&self, devices: Vec<VerifiedDevice>, query: &str) -> Result<Vec<Person>, Failure> {
        let query = query.to_lowercase();
        let fits = |device: &VerifiedDevice| {
            device.address().to_string().contains(&query) || device.name().as_str().to_lowercase().contains(&query)
        };
        let mut people: BTreeMap<String, Person> = BTreeMap::new();
        for device in devices.iter().filter(|device| fits(device) && !self.standing(device).is_revoked()) {
            match people.get_mut(&device.address().to_string()) {
                Some(person) if person.devices.contains(&device.id()) => {}
                Some(person) => person.devices.push(device.id()),
                None => drop(people.insert(device.address().to_string(), self.person(device)?)),
            }
        }
        Ok(people.into_values().collect())
    }

    fn person(&self, device: &VerifiedDevice) -> Result<Person, Failure> {
        Ok(Person {
            address: device.address().clone(),
            name: device.name().as_str().to_owned(),
            post: device.post().as_str().to_owned(),
            clearance: device.clearance(),
            devices: vec![device.id()],
            verified: self.is_confirmed(device.address())?,
        })
    }

    /// Whether the safety number with someone was compared, and nothing about their devices changed since.
    pub(crate) fn is_confirmed(&self, address: &Address) -> Result<bool, Failure> {
        Ok(self.vault.read_bytes(Scope::Confirmed, address.to_string().as_bytes())?.is_some())
    }

    fn verification(
        &mut self,
        address: &Address,
        confirm: bool,
        devices: Vec<VerifiedDevice>,
    ) -> Result<Reply, Failure> {
        let mut seen = HashSet::new();
        let theirs: Vec<VerifiedDevice> =
            devices.into_iter().filter(|device| device.address() == address && seen.insert(device.id())).collect();
        let Some(first) = theirs.first() else {
            return Err(Failure::new(
                FailureCode::NotFound,
                format!("there is nobody with the address {address}"),
                "list people with `amanat people`",
            ));
        };
        let keys: Vec<_> = theirs.iter().map(|device| *device.signing_key()).collect();
        let own_keys = [*self.own.signing_key()];
        let number = SafetyNumber::between((self.own.address(), &own_keys), (address, &keys)).to_string();
        let key = address.to_string();
        // A number that was compared stands for these devices alone.
        let before = self.vault.read_bytes(Scope::Confirmed, key.as_bytes())?;
        let mut batch = Batch::default();
        if confirm {
            batch.put_bytes(Scope::Confirmed, key.as_bytes().to_vec(), number.clone().into_bytes());
        } else if before.is_some_and(|before| before != number.as_bytes()) {
            batch.delete(Scope::Confirmed, key.as_bytes());
        }
        self.vault.commit(batch)?;
        let mut person = self.person(first)?;
        person.devices = theirs.iter().map(VerifiedDevice::id).collect();
        let chain = vec![
            format!(
                "{} ({}) certified the officer {}",
                self.authority.name(),
                self.authority.domain(),
                first.officer()
            ),
            format!("the officer granted {} as {}, cleared to {}", first.name(), first.post(), first.clearance()),
            format!("the grant was redeemed once, by device {}", first.id()),
            format!("the relay {} signed the receipt", first.relay()),
        ];
        Ok(Reply::Verification(Verification { person, chain, safety_number: number }))
    }
}
