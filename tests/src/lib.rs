//! What the whole-system tests share: an office with its relay and people, in one process and one temporary folder.
//!
//! [`Rig`] starts a real relay on loopback and enrols people through the real join; their engines are real too. Only the
//! passphrase's cost and the clock are the tests' own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test's scaffolding: what fails, fails the test

pub mod by_hand;
pub mod display;
pub mod extent;
pub mod parsers;
pub mod programs;
pub mod proxy;
pub mod vectors;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use amanat_client::{
    Command, Engine, Event, Events, Failure, Options, Reply,
    api::{ConversationState, Line, Member, MessageBody, MessageState, MessageView, Target},
    profile::{self, JoinRequest, Profile},
};
use amanat_identity::{
    Address, Tier,
    armour::{self, FileKind},
    testing::Office,
};
use amanat_primitives::{ConversationId, DeviceId, Incarnation, MessageId, Timestamp, passphrase::WorkPolicy};
use amanat_relay_core::{Config, Relay, Running, backup, folder};
use amanat_wire::Encode as _;
use proxy::Proxy;
use rand_core::OsRng;
use tempfile::TempDir;
use zeroize::Zeroizing;

/// The passphrase of everyone in a rig.
pub const PASSPHRASE: &str = "for tests only";

/// A clock that a test moves.
#[derive(Clone)]
pub struct Shift(Arc<AtomicU64>);

impl Shift {
    /// Moves it on.
    pub fn forward(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as u64, Ordering::Relaxed);
    }

    /// Sets it back; not before the real time.
    pub fn back(&self, by: Duration) {
        self.0.fetch_sub(by.as_millis() as u64, Ordering::Relaxed);
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from(std::time::SystemTime::now()).after(Duration::from_millis(self.0.load(Ordering::Relaxed)))
    }
}

/// An office in a temporary folder.
pub struct Rig {
    /// Its folder: `relay/` and one folder a person.
    pub dir: TempDir,
    /// Authority, officer, relay keys.
    pub office: Office,
    /// Everyone's clock.
    pub clock: Shift,
    relay: Option<Running>,
    incarnation: Incarnation,
}

/// A person with a running engine.
pub struct Person {
    /// The handle.
    pub handle: String,
    /// The engine.
    pub engine: Engine,
    /// What it says.
    pub events: Events,
}

impl Rig {
    /// An office whose relay runs.
    pub async fn new() -> Self {
        let address = programs::free_address();
        Self::dialled_at(address, address).await
    }

    /// An office whose relay is reached over a line of the test's.
    pub async fn behind_a_line() -> (Self, Proxy) {
        let (listen, dialled) = (programs::free_address(), programs::free_address());
        let line = Proxy::start(dialled, listen);
        (Self::dialled_at(listen, dialled).await, line)
    }

    async fn dialled_at(listen: SocketAddr, dialled: SocketAddr) -> Self {
        let mut rig = Self::at(listen, dialled);
        rig.start_relay().await;
        rig
    }

    /// An office whose relay has keys and an address, and does not run: a test takes its place.
    #[must_use]
    pub fn without_relay() -> Self {
        let address = programs::free_address();
        Self::at(address, address)
    }

    fn at(listen: SocketAddr, dialled: SocketAddr) -> Self {
        let dir = TempDir::new().unwrap();
        let clock = Shift(Arc::new(AtomicU64::new(0)));
        let office = make_office(dir.path(), clock.now(), listen, dialled);
        Self { dir, office, clock, relay: None, incarnation: Incarnation::from_bytes([0; 16]) }
    }

    /// The relay's folder.
    #[must_use]
    pub fn relay_dir(&self) -> PathBuf {
        self.dir.path().join("relay")
    }

    /// Starts the relay, at the address it always has.
    pub async fn start_relay(&mut self) {
        let config = Config::load(&self.relay_dir()).unwrap();
        let clock = self.clock.clone();
        let running = Relay::start_with_clock(config, &self.relay_dir(), Arc::new(move || clock.now())).await;
        let running = running.unwrap_or_else(|error| panic!("the relay does not start: {error}"));
        self.incarnation = running.incarnation();
        self.relay = Some(running);
    }

    /// The incarnation of the relay's store.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Stops the relay in good order.
    pub async fn stop_relay(&mut self) {
        if let Some(relay) = self.relay.take() {
            relay.shutdown().await;
        }
    }

    /// Writes a backup of the relay, which runs again afterwards.
    pub async fn back_up(&mut self) {
        self.stop_relay().await;
        let file = std::fs::File::create(self.dir.path().join("relay.backup")).unwrap();
        backup::export(&self.relay_dir(), false, file, &mut |_| ()).await.unwrap();
        self.start_relay().await;
    }

    /// Loses the relay's store, and restores the backup; it runs afterwards.
    pub async fn restore(&mut self) {
        self.stop_relay().await;
        let (dir, archive) = (self.relay_dir(), self.dir.path().join("relay.backup"));
        let data = dir.join(Config::load(&dir).unwrap().data);
        std::fs::remove_dir_all(data).unwrap();
        let restored = tokio::task::spawn_blocking(move || {
            backup::restore(&archive, &dir, backup::Into::Prepared, &mut |_| ()).map_err(|error| error.to_string())
        });
        restored.await.unwrap().unwrap();
        self.start_relay().await;
    }

    /// Enrols someone; the profile is there afterwards, no engine runs.
    pub async fn enrol(&self, handle: &str, tier: Tier) {
        let invitation = self.office.invite(&mut OsRng, handle, tier, self.clock.now());
        let text = armour::write(FileKind::Invitation, &invitation.to_secret_bytes()).unwrap();
        self.join(handle, text.as_bytes()).await.unwrap_or_else(|error| panic!("{handle} cannot join: {error:?}"));
    }

    /// Joins with an invitation.
    pub async fn join(&self, handle: &str, invitation: &[u8]) -> Result<profile::Joined, Failure> {
        let request = JoinRequest {
            dir: self.dir.path().join(handle),
            invitation: invitation.to_vec(),
            code: None,
            passphrase: Zeroizing::new(PASSPHRASE.into()),
            work: WorkPolicy::FOR_TESTS,
        };
        profile::join_at(request, self.clock.now(), |_| {}).await
    }

    /// Opens someone's profile, on which no engine runs.
    pub async fn profile(&self, handle: &str) -> Profile {
        let (dir, now) = (self.dir.path().join(handle), self.clock.now());
        let profile =
            tokio::task::spawn_blocking(move || profile::open_at(&dir, PASSPHRASE, &WorkPolicy::FOR_TESTS, now));
        profile.await.unwrap().unwrap_or_else(|error| panic!("{handle} does not open: {error:?}"))
    }

    /// Opens someone's profile and starts the engine.
    pub async fn start(&self, handle: &str) -> Person {
        self.start_with(handle, true).await
    }

    /// The same, without a link where `connect` is false.
    pub async fn start_with(&self, handle: &str, connect: bool) -> Person {
        let profile = self.profile(handle).await;
        let clock = self.clock.clone();
        let (engine, events) =
            Engine::start(profile, Options { connect, clock: Arc::new(move || clock.now()), ..Options::default() });
        Person { handle: handle.to_owned(), engine, events }
    }

    /// Enrols and starts.
    pub async fn person(&self, handle: &str, tier: Tier) -> Person {
        self.enrol(handle, tier).await;
        self.start(handle).await
    }

    /// Someone's address.
    #[must_use]
    pub fn address(&self, handle: &str) -> Address {
        format!("{handle}@{}", self.office.authority().domain()).parse().unwrap()
    }

    /// Someone's address as a target at a tier.
    #[must_use]
    pub fn to(&self, handle: &str, tier: Tier) -> Target {
        Target::Person(self.address(handle), Some(tier))
    }

    /// A group "Budget" that someone founds with others.
    pub async fn group(&self, founder: &Person, members: &[&str], tier: Tier) -> ConversationId {
        let members = members.iter().map(|handle| self.address(handle)).collect();
        match founder.ask(Command::New { title: "Budget".into(), tier, members }).await {
            Reply::Sent { conversation, .. } => conversation,
            other => panic!("{other:?}"),
        }
    }
}

/// Copies a folder with everything in it.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else if path.is_file() {
            // With its mode: a relay's keys must stay private.
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Puts a copy back in the place of what is there.
pub fn put_back(copied: &Path, to: &Path) {
    std::fs::remove_dir_all(to).unwrap();
    copy_folder(copied, to);
}

fn make_office(dir: &Path, now: Timestamp, listen: SocketAddr, dialled: SocketAddr) -> Office {
    let relay_dir = dir.join("relay");
    let domain = "interior.gov.pk";
    let wishes = folder::Wishes { domain: domain.parse().unwrap(), listen: vec![listen], advertise: Vec::new() };
    folder::init(&relay_dir, Some(wishes), &mut OsRng).unwrap();
    let keys = folder::load_keys(&relay_dir).unwrap();
    let office = Office::with_relay(&mut OsRng, now, domain, keys, &[&dialled.to_string()]);
    let certificate = armour::write(FileKind::RelayCertificate, &office.certified_relay().to_bytes()).unwrap();
    std::fs::write(relay_dir.join("relay.cert"), certificate.as_bytes()).unwrap();
    office
}

impl Person {
    /// Asks, and expects a reply.
    pub async fn ask(&self, command: Command) -> Reply {
        let what = format!("{command:?}");
        self.engine.ask(command).await.unwrap_or_else(|error| panic!("{}: {what}: {error:?}", self.handle))
    }

    /// The device that this program is.
    pub async fn device(&self) -> DeviceId {
        match self.ask(Command::Status).await {
            Reply::Status(overview) => overview.device,
            other => panic!("{other:?}"),
        }
    }

    /// Sends a text; the conversation and the message.
    pub async fn say(&self, to: &Target, text: &str) -> (ConversationId, MessageId) {
        match self.ask(Command::SendText { to: to.clone(), text: text.into() }).await {
            Reply::Sent { conversation, message: Some(message), .. } => (conversation, message),
            other => panic!("{other:?}"),
        }
    }

    /// Syncs until caught up.
    pub async fn sync(&self) {
        self.ask(Command::Sync).await;
    }

    /// Syncs as soon as there is a link again.
    pub async fn sync_when_linked(&self) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while let Err(error) = self.engine.ask(Command::Sync).await {
            assert!(tokio::time::Instant::now() < deadline, "{}: {error:?}", self.handle);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Where a conversation stands.
    ///
    /// # Panics
    /// If the vault has no such conversation.
    pub async fn state_of(&self, id: ConversationId) -> ConversationState {
        let Reply::Conversations(all) = self.ask(Command::Conversations).await else { panic!("not a list") };
        all.into_iter().find(|view| view.id == id).expect("the conversation").state
    }

    /// The members of a conversation.
    ///
    /// # Panics
    /// If the engine refuses.
    pub async fn members(&self, conversation: ConversationId) -> Vec<Member> {
        let Reply::Members(members) = self.ask(Command::Members { conversation }).await else { panic!("not members") };
        members
    }

    /// All messages of a conversation, without marking them.
    pub async fn messages(&self, conversation: ConversationId) -> Vec<MessageView> {
        let read = Command::Read { conversation, since: 0, limit: u32::MAX, mark: false };
        match self.ask(read).await {
            Reply::Lines(lines) => lines.into_iter().filter_map(Line::into_message).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// Their texts.
    pub async fn texts(&self, conversation: ConversationId) -> Vec<String> {
        let text = |message: MessageView| match message.body {
            MessageBody::Text(text) => text,
            other => panic!("{other:?}"),
        };
        self.messages(conversation).await.into_iter().map(text).collect()
    }

    /// Waits for an event that `wanted` recognises.
    pub async fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        let found = tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                let event = self.events.next().await.expect("the engine runs");
                if let Event::Stopped(failure) = &event {
                    panic!("{failure:?}");
                }
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        });
        found.await.unwrap_or_else(|_| panic!("{}: no {what} within 30 s", self.handle))
    }

    /// Waits until a message has reached a state.
    pub async fn until_state(&mut self, message: MessageId, wanted: MessageState) {
        self.until(wanted.name(), |event| match event {
            Event::MessageState { message: id, state, .. } if *id == message && *state >= wanted => Some(()),
            _ => None,
        })
        .await;
    }

    /// Waits for the next message of others.
    pub async fn next_message(&mut self) -> (ConversationId, MessageView) {
        self.until("message", |event| match event {
            Event::Message { conversation, message } if !message.own => Some((*conversation, message.clone())),
            _ => None,
        })
        .await
    }
}
