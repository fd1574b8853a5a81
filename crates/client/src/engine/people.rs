//! People (protocol-spec/03-identity, section 7): chains fetched from the relay, verified here, remembered in the vault.
//!
//! Nothing that the relay says about a person is believed: a chain becomes a [`VerifiedDevice`] or it is left out.
//! A second certificate for a grant that was seen before is refused, and so is the first from then on. [ID-18]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use amanat_identity::{Address, Authority, DeviceChain, SafetyNumber, VerifiedDevice, policy::LAPSE};
use amanat_primitives::{DeviceId, StatementId, Timestamp};
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List, Text,
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
    api::{Notice, Person, Verification, WarningOf},
    failure,
    rows::{ChainRow, ConfirmedRow, GrantRow},
    session::{CallError, Calls},
    vault::{Batch, Scope},
};

/// Pages of the directory that one query fetches.
const PAGES: usize = 64;
/// Of members, whether their chains hold now does not matter: a log that names them was right when it was written, and they
/// are members until they are removed. [CONV-58]
const EVER: Duration = Duration::from_secs(200 * 365 * 24 * 3600);

/// Who is known.
#[derive(Default)]
pub(crate) struct People {
    /// Devices verified since the engine started.
    known: BTreeMap<DeviceId, VerifiedDevice>,
    /// Devices in the vault by their address; made when it is first needed.
    of: Option<BTreeMap<Address, BTreeSet<DeviceId>>>,
}

/// A page of new chains, before it is durable.
#[derive(Default)]
struct Draft {
    batch: Batch,
    grants: BTreeMap<StatementId, GrantRow>,
    devices: Vec<VerifiedDevice>,
}

impl Draft {
    fn add(&mut self, grant: Option<GrantRow>, device: &VerifiedDevice, chain: ChainRow) {
        if let Some(row) = grant {
            self.batch.put(Scope::Grants, row.grant.as_bytes(), &row);
            self.grants.insert(row.grant, row);
        }
        self.batch.put(Scope::Chains, device.id().as_bytes(), &chain);
        self.devices.push(device.clone());
    }
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
    Verify { address: Address, compared: Option<String> },
}

/// Verifies what a relay sent; what does not verify is left out and logged. A chain may have ended `late` ago.
pub(crate) fn verify_all(authority: &Authority, now: Timestamp, late: Duration, chains: Chains) -> Vec<VerifiedChain> {
    let verify = |chain: Bytes<{ limits::CHAIN }>| {
        let parsed = DeviceChain::from_bytes(&chain).ok()?;
        match parsed.verify(authority, now, late) {
            Ok(device) => Some(VerifiedChain { device, chain }),
            Err(error) => {
                tracing::warn!(%error, "a chain from the directory does not verify");
                None
            }
        }
    };
    chains.chains.into_iter().filter_map(verify).collect()
}

/// A later chain of a device with the approval that is known already: nobody takes one away by a chain without it, nor puts
/// another one in its place. [DELIV-169]
pub(crate) fn with_approval_of(
    authority: &Authority,
    now: Timestamp,
    later: VerifiedChain,
    known: &[u8],
) -> VerifiedChain {
    let (Ok(known), Ok(mut chain)) = (DeviceChain::from_bytes(known), DeviceChain::from_bytes(&later.chain)) else {
        return later;
    };
    if chain.approval == known.approval || chain.device_certificate != known.device_certificate {
        return later;
    }
    chain.approval = known.approval;
    let joined = chain.verify(authority, now, EVER).ok();
    match joined.zip(Bytes::new(chain.to_bytes()).ok()) {
        Some((device, chain)) => VerifiedChain { device, chain },
        None => later,
    }
}

/// Of two chains of a device the one counts that was said later: renewed later, or approved.
pub(crate) fn standing_order(device: &VerifiedDevice) -> (Timestamp, bool) {
    (device.subject().cleared_at, device.approval().is_some())
}

/// All pages of a directory query, verified.
pub(crate) async fn look_up(
    calls: &Calls,
    authority: &Authority,
    now: Timestamp,
    query: &str,
) -> Result<Vec<VerifiedChain>, Failure> {
    let query =
        Text::new(query).map_err(|_| failure::too_large("query", "128 bytes", "search for less of the name"))?;
    let mut after = Text::default();
    let mut all = Vec::new();
    for _ in 0..PAGES {
        let request = Request::People(Query { query: query.clone(), after: after.clone() });
        let chains = expect_chains(calls.call(request).await)?;
        let more = chains.more;
        // [DELIV-152] Who may still be renewed is still somebody.
        let page = verify_all(authority, now, LAPSE, chains);
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
        all.extend(
            verify_all(authority, now, EVER, chains).into_iter().filter(|found| part.contains(&found.device.id())),
        );
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
        let mut draft = Draft::default();
        for mut found in found {
            let id = found.device.id();
            if self.known_device(id)?.is_some_and(|known| known.approval().is_some())
                && let Some(row) = self.vault.read::<ChainRow>(Scope::Chains, id.as_bytes())?
            {
                found = with_approval_of(&self.authority, verified_at, found, &row.chain);
            }
            let VerifiedChain { device, chain } = found;
            let (grant, certificate) = (device.grant(), device.certificate());
            // A chain from before a renewal takes nothing back. [DELIV-96]
            let before = self.known_device(device.id())?;
            if let Some(newer) = before.filter(|before| standing_order(before) > standing_order(&device)) {
                believed.push(newer);
                continue;
            }
            let known = match draft.grants.get(&grant) {
                Some(row) => Some(row.clone()),
                None => self.vault.read::<GrantRow>(Scope::Grants, grant.as_bytes())?,
            };
            match known {
                Some(row) if row.reused => continue,
                Some(row) if row.certificate != certificate => {
                    // What stands before it on this page is written first, so that it is found and refused as well.
                    self.keep(std::mem::take(&mut draft))?;
                    believed.retain(|other| other.grant() != grant);
                    self.refuse_grant(row, device.address())?;
                    continue;
                }
                Some(_) if self.people.known.get(&device.id()) == Some(&device) => {}
                Some(_) if draft.devices.contains(&device) => {}
                known => {
                    let new = known.is_none().then_some(GrantRow { grant, certificate, reused: false });
                    draft.add(new, &device, ChainRow { chain, verified_at });
                }
            }
            believed.push(device);
        }
        self.keep(draft)?;
        Ok(believed)
    }

    /// Writes a page of chains as one batch, and tells of people whom a device has joined.
    fn keep(&mut self, draft: Draft) -> Result<(), Failure> {
        if draft.devices.is_empty() {
            return Ok(());
        }
        let mut of = self.by_address()?;
        let (mut batch, mut new) = (draft.batch, Vec::new());
        for device in &draft.devices {
            let theirs = of.entry(device.address().clone()).or_default();
            let known_before = !theirs.is_empty();
            // Of one's own more is said, and earlier.
            if theirs.insert(device.id()) && known_before && device.address() != self.own.address() {
                new.push(Notice::NewDevice { address: device.address().clone(), device: device.id() });
            }
        }
        let warnings = self.warnings.draft(new.iter().cloned().map(WarningOf::Notice), self.now(), &mut batch)?;
        // Where it fails, who is known is read from the vault again.
        self.vault.commit(batch)?;
        self.people.of = Some(of);
        self.people.known.extend(draft.devices.into_iter().map(|device| (device.id(), device)));
        self.warnings.settle(warnings);
        new.into_iter().for_each(|notice| self.emit(Event::Notice(notice)));
        Ok(())
    }

    /// Takes out the devices in the vault by their address, after verifying them once. To be put back.
    fn by_address(&mut self) -> Result<BTreeMap<Address, BTreeSet<DeviceId>>, Failure> {
        if let Some(of) = self.people.of.take() {
            return Ok(of);
        }
        let mut of: BTreeMap<Address, BTreeSet<DeviceId>> = BTreeMap::new();
        for device in self.recall_all()? {
            of.entry(device.address().clone()).or_default().insert(device.id());
        }
        Ok(of)
    }

    /// Someone's devices, as far as they are known here and their certificates hold now, whoever lists them.
    pub(crate) fn devices_of(&mut self, address: &Address) -> Result<Vec<VerifiedDevice>, Failure> {
        let now = self.now();
        let mut devices = self.all_devices_of(address)?;
        devices.retain(|device| device.valid_until() > now);
        Ok(devices)
    }

    /// Someone's devices that a safety number is over: all that were ever shown here, as long as they are believed and not
    /// revoked, whoever lists them; the earliest first. [DELIV-130] [DELIV-136]
    fn devices_that_count(&mut self, address: &Address) -> Result<Vec<VerifiedDevice>, Failure> {
        let now = self.now();
        let mut devices = self.all_devices_of(address)?;
        devices.retain(|device| device.valid_until().after(LAPSE) > now && !self.standing(device).is_revoked());
        devices.sort_by_key(|device| (device.enrolled_at(), device.id()));
        Ok(devices)
    }

    /// Someone's devices that are known here, in the order of their ids.
    fn all_devices_of(&mut self, address: &Address) -> Result<Vec<VerifiedDevice>, Failure> {
        let of = self.by_address()?;
        let ids: Vec<DeviceId> = of.get(address).into_iter().flatten().copied().collect();
        self.people.of = Some(of);
        let mut devices = Vec::new();
        for id in ids {
            devices.extend(self.known_device(id)?);
        }
        Ok(devices)
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
        let notice = Notice::GrantReused { address: address.clone() };
        let draft = self.draft_notice(&notice, &mut batch)?;
        self.vault.commit(batch)?;
        self.people.known.retain(|_, known| known.grant() != row.grant);
        self.people.of = None;
        self.settle_notice(draft, notice);
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
        chain.verify(&self.authority, row.verified_at, EVER).ok()
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
            Some(calls) => self.query(calls, vec![query.clone()], Purpose::List { query }, reply),
            None => {
                let mut devices = self.recall_all()?;
                devices.retain(|device| device.valid_until().after(LAPSE) > self.now());
                let people = self.people_of(devices, &query)?;
                let _ = reply.send(Ok(Reply::People { people, from_cache: true }));
            }
        }
        Ok(())
    }

    /// [`Command::Verify`](crate::Command::Verify).
    pub(crate) fn verify(&mut self, address: Address, compared: Option<String>, reply: ReplyTo) -> Result<(), Failure> {
        match self.calls() {
            Some(calls) => {
                // One's own devices stand in the number as well.
                let handles = [&address, self.own.address()].map(|person| person.handle.as_str().to_owned());
                self.query(calls, handles.to_vec(), Purpose::Verify { address, compared }, reply);
            }
            None => drop(reply.send(self.verification(&address, compared.as_deref()))),
        }
        Ok(())
    }

    fn query(&self, calls: Calls, queries: Vec<String>, purpose: Purpose, reply: ReplyTo) {
        let (authority, now) = (self.authority.clone(), self.now());
        self.spawn(async move {
            let mut chains = Ok(Vec::new());
            for query in queries {
                let found = look_up(&calls, &authority, now, &query).await;
                chains = chains.and_then(|all: Vec<_>| found.map(|found| [all, found].concat()));
            }
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
            Purpose::Verify { address, compared } => self.verification(&address, compared.as_deref()),
        };
        let _ = found.reply.send(answer);
        Ok(())
    }

    fn people_of(&mut self, devices: Vec<VerifiedDevice>, query: &str) -> Result<Vec<Person>, Failure> {
        let query = query.to_lowercase();
        let fits = |device: &VerifiedDevice| {
            let texts = [device.address().to_string(), device.name().to_string(), device.post().to_string()];
            texts.iter().any(|text| text.to_lowercase().contains(&query))
        };
        let devices = devices.iter().filter(|device| fits(device) && !self.standing(device).is_revoked());
        let people: BTreeMap<String, Address> =
            devices.map(|device| (device.address().to_string(), device.address().clone())).collect();
        let mut listed = Vec::new();
        for address in people.values() {
            let theirs = self.devices_that_count(address)?;
            listed.extend(self.person(&theirs)?);
        }
        Ok(listed)
    }

    /// A person made of the devices that count, as the latest certificate has it; none where there are none.
    fn person(&self, devices: &[VerifiedDevice]) -> Result<Option<Person>, Failure> {
        let Some(last) = devices.last() else { return Ok(None) };
        let confirmed = self.confirmed(last.address())?;
        Ok(Some(Person {
            address: last.address().clone(),
            name: last.name().as_str().to_owned(),
            post: last.post().as_str().to_owned(),
            clearance: self.clearance_of(last),
            devices: devices.iter().map(VerifiedDevice::id).collect(),
            verified: devices.iter().all(|device| confirmed.contains(&device.id())),
        }))
    }

    /// The devices of someone for which the safety number that was compared speaks. [DELIV-130]
    fn confirmed(&self, address: &Address) -> Result<BTreeSet<DeviceId>, Failure> {
        let row = self.vault.read::<ConfirmedRow>(Scope::Confirmed, address.to_string().as_bytes())?;
        Ok(row.into_iter().flat_map(|row| row.devices.into_vec()).collect())
    }

    /// Whether a safety number was compared in which this device's key stood.
    pub(crate) fn is_confirmed(&self, device: &VerifiedDevice) -> Result<bool, Failure> {
        Ok(self.confirmed(device.address())?.contains(&device.id()))
    }

    /// The safety number with someone, and the chain of each device that stands in it.
    fn verification(&mut self, address: &Address, compared: Option<&str>) -> Result<Reply, Failure> {
        let theirs = self.devices_that_count(address)?;
        if theirs.is_empty() && !self.known_revoked(std::slice::from_ref(address))?.is_empty() {
            return Err(failure::all_revoked(address));
        }
        if theirs.is_empty() {
            return Err(Failure::new(
                FailureCode::NotFound,
                format!("there is nobody with the address {address}"),
                "list people with `amanat people`",
            ));
        }
        let keys: Vec<_> = theirs.iter().map(|device| *device.signing_key()).collect();
        let mut own_keys = vec![*self.own.signing_key()];
        let own_address = self.own.address().clone();
        own_keys.extend(self.devices_that_count(&own_address)?.iter().map(|device| *device.signing_key()));
        let number = SafetyNumber::between((&own_address, &own_keys), (address, &keys)).to_string();
        if let Some(compared) = compared {
            // What a person has compared may be another one by now. [DELIV-225]
            if digits(compared) != digits(&number) {
                return Err(failure::other_number(address));
            }
            let devices: Vec<DeviceId> = theirs.iter().map(VerifiedDevice::id).collect();
            let row = ConfirmedRow {
                number: Text::new(number.clone()).map_err(|_| failure::internal("a safety number is too long"))?,
                devices: List::new(devices).map_err(|_| failure::internal("a person has too many devices"))?,
            };
            let mut batch = Batch::default();
            batch.put(Scope::Confirmed, address.to_string().as_bytes(), &row);
            self.vault.commit(batch)?;
        }
        let person = self.person(&theirs)?.ok_or_else(|| failure::internal("a person without devices"))?;
        let chains = theirs.iter().map(|device| self.chain_in_words(device)).collect();
        Ok(Reply::Verification(Verification { person, chains, safety_number: number }))
    }

    fn chain_in_words(&self, device: &VerifiedDevice) -> Vec<String> {
        let (authority, domain) = (self.authority.name(), self.authority.domain());
        let mut chain = vec![
            format!("{authority} ({domain}) certified the officer {}", device.officer()),
            format!("the officer granted {} as {}, cleared to {}", device.name(), device.post(), device.clearance()),
            format!("the grant was redeemed once, by device {}", device.id()),
            format!("the relay {} signed the receipt", device.relay()),
        ];
        chain.extend(device.approval().map(|by| format!("the device {by} of the same person approved it")));
        chain
    }
}

/// A safety number as it is compared: however its digits are grouped.
fn digits(number: &str) -> String {
    number.split_whitespace().collect()
}
