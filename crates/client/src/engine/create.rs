//! Opening conversations (protocol-spec/05-conversation, sections 4 and 5): who they are with is looked up and verified, a
//! KeyPackage of each of their devices is claimed and checked, and the group is created with all of them in one commit.
//!
//! What is fetched is fetched by a task ([`gather`]); what is decided and written is decided and written by the engine.

use amanat_conversation::{
    CheckedKeyPackage, Conversation, Kind, NewConversation, OutgoingCommit, check_key_package, content::Body,
};
use amanat_identity::{Address, Authority, Tier, VerifiedDevice};
use amanat_primitives::{ConversationId, Digest, Timestamp, UnitId};
use amanat_wire::{
    Bytes, Encode as _, List, Text,
    client::Request,
    limits,
    log::{RetentionClass, Unit, UnitKind},
    relay::Answer,
};
use rand_core::OsRng;
use std::{collections::HashSet, path::PathBuf};

use super::{
    Input,
    core::{Core, Open, ReplyTo, bounded, put_conversation, respond},
    outgoing::{Outgoing, text},
    people::{VerifiedChain, look_up},
};
use crate::{
    Command, Event, Failure, FailureCode, Reply,
    api::Target,
    failure,
    rows::{ConversationRow, OutboxRow, Stage, TrackRow},
    session::Calls,
    vault::{Batch, Scope},
};

/// Bytes of a title.
const TITLE: usize = 200;

/// Which conversation to open.
#[derive(Clone)]
pub(crate) struct Opening {
    kind: Kind,
    title: Option<String>,
    tier: Tier,
    members: Vec<Address>,
}

/// What happens once it is open.
pub(crate) enum Then {
    /// Only the id is wanted.
    Nothing,
    /// A text is sent.
    Text(Body),
    /// A document is sent.
    Document(PathBuf),
}

/// What a task has fetched for an opening.
pub(crate) struct Gathered {
    opening: Opening,
    then: Then,
    reply: ReplyTo,
    found: Result<Found, Failure>,
}

struct Found {
    chains: Vec<VerifiedChain>,
    packages: Vec<CheckedKeyPackage>,
}

impl Opening {
    /// The 1:1 with someone.
    pub(crate) fn direct(address: Address, tier: Option<Tier>) -> Self {
        Self { kind: Kind::Direct, title: None, tier: tier.unwrap_or(Tier::Official), members: vec![address] }
    }
}

impl Core {
    /// [`Command::New`].
    pub(crate) fn new_group(
        &mut self,
        title: String,
        tier: Tier,
        members: Vec<Address>,
        reply: ReplyTo,
    ) -> Result<(), Failure> {
        let title = crate::show::one_line(&title);
        if title.len() > TITLE || title.is_empty() {
            let failed = format!("a title has 1 to {TITLE} bytes");
            let failure = Failure::new(FailureCode::TooLarge, failed, "choose another title");
            return respond(reply, Err(failure));
        }
        let opening = Opening { kind: Kind::Group, title: Some(title), tier, members };
        self.open_conversation(opening, Then::Nothing, reply)
    }

    /// Starts to open a conversation; needs the link.
    pub(crate) fn open_conversation(&mut self, opening: Opening, then: Then, reply: ReplyTo) -> Result<(), Failure> {
        if let Err(failure) = self.may_open(&opening) {
            return respond(reply, Err(failure));
        }
        let Some(calls) = self.calls() else {
            // The command is put together again, to be carried out when the link is up.
            if let Some(command) = again(opening, then) {
                self.needs_link(command, reply);
            }
            return Ok(());
        };
        if let Some(by) = self.link.as_ref().and_then(|up| up.clocks_differ) {
            return respond(reply, Err(failure::clocks_differ(by)));
        }
        let (authority, now) = (self.authority.clone(), self.now());
        self.spawn(async move {
            let found = gather(&calls, &authority, now, &opening).await;
            Input::Gathered(Gathered { opening, then, reply, found })
        });
        Ok(())
    }

    fn may_open(&self, opening: &Opening) -> Result<(), Failure> {
        self.own.require_clearance(opening.tier).map_err(failure::from_chain)?;
        if opening.members.iter().any(|address| address == self.own.address()) {
            let advice = "name the others only; you are a member anyway";
            return Err(Failure::new(FailureCode::NotFound, "that is your own address", advice));
        }
        if opening.members.is_empty() {
            let advice = "name at least one: `--member ADDRESS`";
            return Err(Failure::new(FailureCode::NotFound, "a conversation needs other members", advice));
        }
        let foreign = opening.members.iter().find(|address| address.domain != *self.authority.domain());
        if let Some(address) = foreign {
            let failed = format!("{address} belongs to another authority");
            return Err(Failure::new(
                FailureCode::NotFound,
                failed,
                "only people of your own ministry can be reached yet",
            ));
        }
        Ok(())
    }

    /// Everything needed is there: the group is made, durable before its commit is sent.
    pub(crate) fn gathered(&mut self, gathered: Gathered) -> Result<(), Failure> {
        let Gathered { opening, then, reply, found } = gathered;
        let created = found.and_then(|found| self.create(&opening, found));
        match created {
            Ok(id) => {
                self.pump(id)?;
                match then {
                    Then::Nothing => {
                        let sent = Reply::Sent { conversation: id, message: None, document: None };
                        respond(reply, Ok(sent))
                    }
                    Then::Text(body) => self.post_text(id, body, reply),
                    Then::Document(path) => self.post_document(id, path, reply),
                }
            }
            Err(failure) => respond(reply, Err(failure)),
        }
    }

    fn create(&mut self, opening: &Opening, found: Found) -> Result<ConversationId, Failure> {
        let believed = self.remember(found.chains)?;
        let trusted = |package: &CheckedKeyPackage| believed.iter().any(|device| device.id() == package.device().id());
        if !found.packages.iter().all(trusted) {
            return Err(failure::from_chain(amanat_identity::ChainError::GrantReused));
        }
        let Some(relay) = self.relays.first().map(amanat_identity::VerifiedRelay::id) else {
            return Err(failure::internal("no relay is known"));
        };
        let now = self.now();
        let new = NewConversation {
            conversation: ConversationId::random(&mut OsRng),
            kind: opening.kind,
            tier: opening.tier,
            relay,
        };
        let status = self.status.number().unwrap_or(0);
        let devices: Vec<_> = found.packages.iter().map(|package| package.device().id()).collect();
        let created =
            Conversation::create(&new, &self.own, self.keys.signing(), found.packages, status, now, &mut OsRng)
                .map_err(failure::from_conversation)?;
        let peer = match opening.kind {
            Kind::Direct => opening.members.first().map(ToString::to_string).unwrap_or_default(),
            Kind::Group => String::new(),
        };
        let row = new_row(&new, peer, opening.title.clone().unwrap_or_default(), now)?;
        let queued = self.creation_row(new.conversation, created.commit)?;
        self.store_created(created.conversation, row, queued, devices)?;
        if let Some(title) = &opening.title {
            let title = Body::title(title.as_str()).map_err(|_| failure::too_large("title", "200 bytes"))?;
            let row = self.conversation(new.conversation)?.row.clone();
            let outgoing = Outgoing { body: title, message: None, class: RetentionClass::Month, announce: false };
            self.queue(new.conversation, row, outgoing, Batch::default())?;
        }
        let view = self.conversation_view(new.conversation)?;
        self.emit(Event::Conversation(view));
        Ok(new.conversation)
    }

    fn creation_row(&self, id: ConversationId, commit: OutgoingCommit) -> Result<OutboxRow, Failure> {
        let ciphertext = commit.hash;
        let unit = Unit {
            id: UnitId::random(&mut OsRng),
            conversation: id,
            kind: UnitKind::Create,
            class: RetentionClass::Month,
            seen_commit: 0,
            accepted_commit: 0,
            body: commit.body,
            roster_add: commit.roster_add,
            roster_remove: commit.roster_remove,
            group_info: commit.group_info,
            joiners: commit.joiners,
        };
        Ok(OutboxRow {
            number: self.next_outbox,
            conversation: id,
            unit: unit.id,
            message: None,
            counter: 0,
            class: unit.class,
            content: Bytes::default(),
            request: bounded(unit.to_bytes())?,
            ciphertext,
        })
    }

    fn store_created(
        &mut self,
        mut group: Conversation,
        row: ConversationRow,
        queued: OutboxRow,
        devices: Vec<amanat_primitives::DeviceId>,
    ) -> Result<(), Failure> {
        let id = row.id;
        let mut batch = Batch::default();
        batch.records(Scope::GroupRecords(id), group.take_changes());
        batch.put(Scope::Outbox, &queued.number.to_be_bytes(), &queued);
        put_conversation(&mut batch, &row);
        let mut open = Open::of(row);
        for device in devices {
            let track = TrackRow::new(device);
            batch.put(Scope::Tracks(id), device.as_bytes(), &track);
            open.tracks.insert(device, track);
        }
        self.vault.commit(batch)?;
        self.next_outbox += 1;
        open.queue.insert(queued.number, queued);
        open.group = Some(group);
        self.conversations.insert(id, open);
        Ok(())
    }

    /// A conversation that the relay refused to create: nobody else knows of it, and here it is forgotten too.
    pub(crate) fn forget(&mut self, id: ConversationId, failure: Failure) -> Result<(), Failure> {
        let mut batch = Batch::default();
        let messages = [Scope::Messages(id), Scope::MessageIds(id), Scope::Lives(id), Scope::Waiting(id)];
        for scope in [Scope::GroupRecords(id), Scope::Tracks(id)].into_iter().chain(messages) {
            for (key, _) in self.vault.scan_bytes(scope)? {
                batch.delete(scope, &key);
            }
        }
        batch.delete(Scope::Conversations, id.as_bytes());
        if let Some(open) = self.conversations.get(&id) {
            open.queue.keys().for_each(|number| batch.delete(Scope::Outbox, &number.to_be_bytes()));
        }
        self.vault.commit(batch)?;
        self.conversations.remove(&id);
        self.emit(Event::Notice(crate::api::Notice::CreationRefused { conversation: id, failure }));
        Ok(())
    }
}

/// A row for a conversation that begins here or was joined.
pub(crate) fn new_row(
    new: &NewConversation,
    peer: String,
    title: String,
    now: Timestamp,
) -> Result<ConversationRow, Failure> {
    Ok(ConversationRow {
        id: new.conversation,
        title: Text::new(title).map_err(|_| failure::too_large("title", "200 bytes"))?,
        peer: text(peer)?,
        tier: new.tier.number(),
        stage: Stage::Creating,
        since: now,
        sequence: 0,
        read: 0,
        unread: 0,
        latest: now,
        accepted: 0,
        position: 0,
        joined: 0,
        stamp: now,
        receipt: Digest::ZERO,
    })
}

/// The command that an opening came from.
fn again(opening: Opening, then: Then) -> Option<Command> {
    let to = opening.members.first().map(|address| Target::Person(address.clone(), Some(opening.tier)));
    match then {
        Then::Nothing => Some(Command::New { title: opening.title?, tier: opening.tier, members: opening.members }),
        Then::Text(body) => super::life::command_of(to?, body),
        Then::Document(path) => Some(Command::SendDocument { to: to?, path }),
    }
}

/// Looks everyone up, checks clearances, claims and checks a KeyPackage of each device.
async fn gather(calls: &Calls, authority: &Authority, now: Timestamp, opening: &Opening) -> Result<Found, Failure> {
    let mut chains: Vec<VerifiedChain> = Vec::new();
    let mut asked = HashSet::new();
    for address in opening.members.iter().filter(|address| asked.insert(address.to_string())) {
        let found = look_up(calls, authority, now, address.handle.as_str()).await?;
        let before = chains.len();
        chains.extend(found.into_iter().filter(|found| found.device.address() == address));
        if chains.len() == before {
            let failed = format!("there is nobody with the address {address}");
            return Err(Failure::new(FailureCode::NotFound, failed, "list people with `amanat people`"));
        }
    }
    for VerifiedChain { device, .. } in &chains {
        if let Err(error) = device.require_clearance(opening.tier) {
            let failed = format!("{} ({}) is {error}", device.name(), device.address());
            return Err(Failure::new(FailureCode::Clearance, failed, "choose a lower tier, or leave this person out"));
        }
    }
    let packages = claim(calls, now, &chains).await?;
    Ok(Found { chains, packages })
}

async fn claim(calls: &Calls, now: Timestamp, chains: &[VerifiedChain]) -> Result<Vec<CheckedKeyPackage>, Failure> {
    let devices: Vec<_> = chains.iter().map(|found| found.device.id()).collect();
    let list = List::<_, { limits::ADDS }>::new(devices).map_err(|_| {
        let advice = "open it with fewer people; more can be added later";
        Failure::new(FailureCode::TooLarge, format!("more than {} devices at once", limits::ADDS), advice)
    })?;
    let claimed = match calls.call(Request::ClaimKeyPackages(list)).await {
        Ok(Answer::KeyPackages(claimed)) => claimed,
        Ok(Answer::Refused(refusal)) => return Err(failure::from_refusal(refusal)),
        Ok(_) => return Err(failure::protocol()),
        Err(_) => return Err(failure::link_closed()),
    };
    let mut packages = Vec::new();
    for VerifiedChain { device, .. } in chains {
        let package = claimed.iter().find(|claimed| claimed.device == device.id());
        // A missing KeyPackage is an error, never a reason to leave a device or the suite out. [DELIV-89]
        let Some(package) = package.filter(|package| !package.key_package.is_empty()) else {
            return Err(no_key_package(device, "has published no KeyPackage"));
        };
        let checked = check_key_package(&package.key_package, device, now)
            .map_err(|error| no_key_package(device, &format!("has a KeyPackage that is refused: {error}")))?;
        packages.push(checked);
    }
    Ok(packages)
}

fn no_key_package(device: &VerifiedDevice, what: &str) -> Failure {
    let failed = format!("a device of {} ({}) {what}", device.name(), device.address());
    Failure::new(FailureCode::NoKeyPackage, failed, "ask them to run `amanat sync` once, then try again")
}
