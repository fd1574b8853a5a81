//! Opening conversations (protocol-spec/05-conversation, sections 4 and 5): who they are with is looked up and verified, a
//! KeyPackage of each of their devices is claimed and checked, and the group is created with all of them in one commit.
//!
//! What is fetched is fetched by a task ([`gather`]); what is decided and written is decided and written by the engine.

use amanat_conversation::{
    CheckedKeyPackage, Conversation, Kind, NewConversation, check_key_package,
    content::{Body, TITLE},
};
use amanat_identity::{Address, Authority, RevocationList, Tier, VerifiedDevice};
use amanat_primitives::{ConversationId, DeviceId, Timestamp};
use amanat_wire::{
    List, Text,
    client::{Nothing, Request},
    limits,
    log::UnitKind,
    relay::Answer,
};
use std::{collections::BTreeSet, path::PathBuf};

use super::{
    Input,
    commits::commit_row,
    core::{Core, Open, ReplyTo, answer_with, put_conversation, respond},
    filter::Sending,
    membership::first_renewal,
    newcomers::put_newcomers,
    outgoing::text,
    people::{VerifiedChain, look_up},
};
use crate::{
    Command, Failure, FailureCode, Random, Reply,
    api::{Consent, SendOptions, Subject, Target},
    failure,
    rows::{Change, CommitRow, ConversationRow, Stage, TrackRow},
    session::Calls,
    vault::{Batch, Scope},
};

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
    /// A text is sent, once the filter lets it pass.
    Text(Body, Consent),
    /// A document is sent, once the filter lets its name pass.
    Document(PathBuf, SendOptions),
}

/// What a task has fetched for an opening.
pub(crate) struct Gathered {
    opening: Opening,
    then: Then,
    reply: ReplyTo,
    found: Result<Found, Failure>,
}

pub(crate) struct Found {
    pub(crate) chains: Vec<VerifiedChain>,
    pub(crate) packages: Vec<CheckedKeyPackage>,
}

impl Opening {
    /// The 1:1 with someone.
    pub(crate) fn direct(address: Address, tier: Option<Tier>) -> Self {
        Self { kind: Kind::Direct, title: None, tier: tier.unwrap_or(Tier::Official), members: vec![address] }
    }
}

/// A title as it is kept: one line without tricks.
pub(crate) fn checked_title(title: &str) -> Result<String, Failure> {
    let title = crate::show::one_line(title);
    if title.is_empty() || title.len() > TITLE {
        let failed = format!("a title has 1 to {TITLE} bytes");
        return Err(Failure::new(FailureCode::TooLarge, failed, "choose another title"));
    }
    Ok(title)
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
        let title = match checked_title(&title) {
            Ok(title) => title,
            Err(failure) => return respond(reply, Err(failure)),
        };
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
        if let Some(by) = self.clocks_differ() {
            return respond(reply, Err(failure::clocks_differ(by)));
        }
        if let Err(failure) = self.pass_opening(&opening, &then) {
            return answer_with(reply, Err(failure));
        }
        let known = self.known(&opening.members)?;
        self.spawn(async move {
            let everyone = (opening.tier, opening.members.as_slice());
            let found = gather(&calls, &known, everyone, &BTreeSet::new()).await;
            Input::Gathered(Gathered { opening, then, reply, found })
        });
        Ok(())
    }

    /// Lets what a conversation is opened for pass the filter, or says why not.
    fn pass_opening(&mut self, opening: &Opening, then: &Then) -> Result<(), Failure> {
        let sending = |subject, text| Sending { subject, text, tier: opening.tier, conversation: None };
        match (then, &opening.title) {
            (Then::Nothing, None) => Ok(()),
            (Then::Nothing, Some(title)) => self.pass(sending(Subject::Title, title), &Consent::None),
            (Then::Text(body, consent), _) => self.pass_body_in(opening.tier, None, body, consent),
            (Then::Document(path, options), _) => {
                let name = super::documents::name_of(path);
                self.pass(sending(Subject::DocumentName, &name), &options.consent)
            }
        }
    }

    /// What a task needs to look people up.
    pub(crate) fn known(&self, members: &[Address]) -> Result<Known, Failure> {
        Ok(Known {
            authority: self.authority.clone(),
            now: self.now(),
            revocations: self.revocations().clone(),
            revoked: self.known_revoked(members)?,
        })
    }

    fn may_open(&self, opening: &Opening) -> Result<(), Failure> {
        self.standing(&self.own).require(opening.tier).map_err(failure::from_chain)?;
        // [ID-22] Who is let in is judged by what is known of revocations.
        if self.link.is_some() && !self.may_send(opening.tier) {
            return Err(failure::status_expired());
        }
        self.may_reach(&opening.members)
    }

    /// Refuses what cannot be asked of the relay.
    pub(crate) fn may_reach(&self, members: &[Address]) -> Result<(), Failure> {
        if members.iter().any(|address| address == self.own.address()) {
            let advice = "name the others only; you are a member anyway";
            return Err(Failure::new(FailureCode::NotFound, "that is your own address", advice));
        }
        if members.is_empty() {
            let advice = "name at least one: `--member ADDRESS`";
            return Err(Failure::new(FailureCode::NotFound, "a conversation needs other members", advice));
        }
        let foreign = members.iter().find(|address| address.domain != *self.authority.domain());
        if let Some(address) = foreign {
            let failed = format!("{address} belongs to another authority");
            return Err(Failure::new(FailureCode::NotFound, failed, "leave this person out"));
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
                    Then::Text(body, _) => self.post_passed(id, body, reply),
                    Then::Document(path, options) => self.post_document(id, path, options, reply),
                }
            }
            Err(failure) => respond(reply, Err(failure)),
        }
    }

    /// The KeyPackages of what was found, once its chains are remembered.
    pub(crate) fn believed(&mut self, found: Found) -> Result<Vec<CheckedKeyPackage>, Failure> {
        let believed = self.remember(found.chains)?;
        let trusted = |package: &CheckedKeyPackage| believed.iter().any(|device| device.id() == package.device().id());
        if !found.packages.iter().all(trusted) {
            return Err(failure::from_chain(amanat_identity::ChainError::GrantReused));
        }
        Ok(found.packages)
    }

    fn create(&mut self, opening: &Opening, found: Found) -> Result<ConversationId, Failure> {
        let packages = self.believed(found)?;
        let mut packages = super::devices::first_of_each(&[], &self.own, packages);
        // More than fit into one commit are added behind it.
        let later = packages.split_off(packages.len().min(limits::ADDS));
        let Some(relay) = self.relays.first().map(amanat_identity::VerifiedRelay::id) else {
            return Err(failure::internal("no relay is known"));
        };
        let now = self.now();
        let mut random = self.random();
        let new = NewConversation {
            conversation: ConversationId::random(&mut random),
            kind: opening.kind,
            tier: opening.tier,
            relay,
        };
        let status = self.revocations().number();
        let devices: Vec<_> = packages.iter().map(|package| package.device().id()).collect();
        let created = Conversation::create(&new, &self.own, self.keys.signing(), packages, status, now, &mut random)
            .map_err(failure::from_conversation)?;
        let peer = match opening.kind {
            Kind::Direct => opening.members.first().map(ToString::to_string).unwrap_or_default(),
            Kind::Group => String::new(),
        };
        let row = new_row(&new, peer, opening.title.clone().unwrap_or_default(), now, &mut random)?;
        let change = Change::Create(Nothing {});
        let commit = commit_row(&created.conversation, UnitKind::Create, change, created.commit, &mut random)?;
        let added: Vec<Address> = created.conversation.members().into_iter().map(|member| member.address).collect();
        let mut rest: Vec<Address> = Vec::new();
        for person in later.iter().map(|package| package.device().address()) {
            if !added.contains(person) && !rest.contains(person) {
                rest.push(person.clone());
            }
        }
        self.store_created(created.conversation, row, commit, (devices, rest))?;
        self.add_later(new.conversation, later);
        self.emit_conversation(new.conversation)?;
        Ok(new.conversation)
    }

    fn store_created(
        &mut self,
        mut group: Conversation,
        row: ConversationRow,
        commit: CommitRow,
        (devices, rest): (Vec<DeviceId>, Vec<Address>),
    ) -> Result<(), Failure> {
        let id = row.id;
        let mut batch = Batch::default();
        put_newcomers(&mut batch, id, &rest)?;
        // In the same batch: a group without its title would be everyone's but the founder's. [DELIV-181]
        let title = (!row.title.is_empty()).then(|| self.draft_title(&mut group, &row.title)).transpose()?;
        if let Some(title) = &title {
            batch.put(Scope::Outbox, &title.number.to_be_bytes(), title);
        }
        batch.records(Scope::GroupRecords(id), group.take_changes());
        batch.put(Scope::Commits, id.as_bytes(), &commit);
        put_conversation(&mut batch, &row);
        let mut open = Open::of(row);
        for device in devices {
            let track = TrackRow::new(device);
            batch.put(Scope::Tracks(id), device.as_bytes(), &track);
            open.tracks.insert(device, track);
        }
        self.vault.commit(batch)?;
        open.newcomers.set(rest);
        open.commit = Some(commit);
        open.group = Some(group);
        if let Some(title) = title {
            self.next_outbox += 1;
            open.queue.insert(title.number, title);
        }
        self.conversations.insert(id, open);
        self.look_for_further(id)
    }

    /// A conversation that the relay refused to create: nobody else knows of it, and here it is forgotten too.
    pub(crate) fn forget(&mut self, id: ConversationId, failure: Failure) -> Result<(), Failure> {
        let mut batch = Batch::default();
        let messages = [Scope::Messages(id), Scope::MessageIds(id), Scope::Lives(id), Scope::Waiting(id)];
        let own = [Scope::GroupRecords(id), Scope::Tracks(id), Scope::Blocks(id), Scope::Changes(id)];
        for scope in own.into_iter().chain(messages) {
            for (key, _) in self.vault.scan_bytes(scope)? {
                batch.delete(scope, &key);
            }
        }
        batch.end_key(id);
        batch.delete(Scope::Conversations, id.as_bytes());
        batch.delete(Scope::Commits, id.as_bytes());
        batch.delete(Scope::Newcomers, id.as_bytes());
        batch.delete(Scope::OwnTitles, id.as_bytes());
        batch.delete(Scope::Drafts, id.as_bytes());
        batch.delete(Scope::Arranged, id.as_bytes());
        if let Some(open) = self.conversations.get(&id) {
            open.queue.keys().for_each(|number| batch.delete(Scope::Outbox, &number.to_be_bytes()));
        }
        let kept = self.forget_kept(id, &mut batch);
        let warnings = self.warnings.draft_forget(id, &mut batch);
        self.vault.commit(batch)?;
        self.kept.settle(kept);
        self.warnings.settle(warnings);
        self.conversations.remove(&id);
        self.search.forget_all(id);
        self.notice(crate::api::Notice::CreationRefused { conversation: id, failure });
        Ok(())
    }
}

/// A row for a conversation that begins here or was joined.
pub(crate) fn new_row(
    new: &NewConversation,
    peer: String,
    title: String,
    now: Timestamp,
    random: &mut Random,
) -> Result<ConversationRow, Failure> {
    Ok(ConversationRow {
        title: Text::new(title).map_err(|_| failure::too_large("title", "256 bytes", "choose a shorter title"))?,
        peer: text(peer)?,
        latest: now,
        stamp: now,
        renew_at: first_renewal(now, random),
        ..ConversationRow::new(new.conversation, new.tier.number(), Stage::Creating, now)
    })
}

/// The command that an opening came from.
fn again(opening: Opening, then: Then) -> Option<Command> {
    let to = opening.members.first().map(|address| Target::Person(address.clone(), Some(opening.tier)));
    match then {
        Then::Nothing => Some(Command::New { title: opening.title?, tier: opening.tier, members: opening.members }),
        Then::Text(body, consent) => super::life::command_of(to?, body, consent),
        Then::Document(path, options) => Some(Command::SendDocument { to: to?, path, options }),
    }
}

/// What the engine knows when it looks people up.
pub(crate) struct Known {
    authority: Authority,
    now: Timestamp,
    revocations: RevocationList,
    /// Members of whom the vault knows revoked devices: the relay does not list these any more.
    revoked: Vec<Address>,
}

/// Looks everyone up, checks standing and clearances, claims and checks a KeyPackage of each device that is not in
/// `except`.
pub(crate) async fn gather(
    calls: &Calls,
    known: &Known,
    (tier, members): (Tier, &[Address]),
    except: &BTreeSet<DeviceId>,
) -> Result<Found, Failure> {
    let Known { authority, now, revocations, revoked } = known;
    let mut chains: Vec<VerifiedChain> = Vec::new();
    let mut asked = BTreeSet::new();
    for address in members.iter().filter(|address| asked.insert(address.to_string())) {
        let mut found = look_up(calls, authority, *now, address.handle.as_str()).await?;
        found.retain(|found| found.device.address() == address);
        let listed = found.len();
        // [DELIV-95]
        found.retain(|found| !revocations.standing(&found.device, u64::MAX).is_revoked());
        if found.is_empty() && (listed > 0 || revoked.contains(address)) {
            return Err(failure::all_revoked(address));
        }
        let before = chains.len();
        chains.extend(found);
        if chains.len() == before {
            let failed = format!("there is nobody with the address {address}");
            return Err(Failure::new(FailureCode::NotFound, failed, "list people with `amanat people`"));
        }
    }
    for VerifiedChain { device, .. } in &chains {
        if let Err(error) = revocations.standing(device, u64::MAX).require(tier) {
            let failed = format!("{} ({}) is {error}", device.name(), device.address());
            return Err(Failure::new(FailureCode::Clearance, failed, "choose a lower tier, or leave this person out"));
        }
    }
    chains.retain(|found| !except.contains(&found.device.id()));
    let mut packages = Vec::new();
    for part in chains.chunks(limits::ADDS) {
        packages.extend(claim(calls, *now, part).await?);
    }
    Ok(Found { chains, packages })
}

/// The same, one after the other: whoever cannot be added is left out. Fails where the relay cannot be asked.
pub(crate) async fn gather_each(
    calls: &Calls,
    known: &Known,
    (tier, members): (Tier, &[Address]),
    except: &BTreeSet<DeviceId>,
) -> Result<Found, Failure> {
    let mut all = Found { chains: Vec::new(), packages: Vec::new() };
    for person in members {
        match gather(calls, known, (tier, std::slice::from_ref(person)), except).await {
            Ok(found) => {
                all.chains.extend(found.chains);
                all.packages.extend(found.packages);
            }
            Err(failure) if failure.code == FailureCode::Offline => return Err(failure),
            Err(failure) => tracing::warn!(code = failure.code.name(), "somebody cannot be added"),
        }
    }
    Ok(all)
}

/// Claims and checks a KeyPackage of each device.
pub(crate) async fn claim(
    calls: &Calls,
    now: Timestamp,
    chains: &[VerifiedChain],
) -> Result<Vec<CheckedKeyPackage>, Failure> {
    let devices: Vec<_> = chains.iter().map(|found| found.device.id()).collect();
    let list = List::<_, { limits::ADDS }>::new(devices).map_err(|_| failure::internal("too many devices at once"))?;
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
