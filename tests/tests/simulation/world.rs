//! The world of a run: an office with a relay and some people, who have all joined and found each other.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use amanat_client::{Command, FailureCode, Reply, api::Target};
use amanat_identity::{
    Address, Tier,
    armour::{self, FileKind},
    testing::Office,
};
use amanat_primitives::{ConversationId, MessageId};
use amanat_relay_core::folder;
use amanat_wire::Encode as _;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::{
    draw::Draw,
    machine::{Machine, RelayMachine, Time},
    network::{Port, Quality},
    trace::Trace,
};

const DOMAIN: &str = "interior.gov.pk";
/// How often it is looked whether all is calm.
const CALM_ROUNDS: usize = 12;
/// By so much a clock and the relay's may differ before that is said: a little less than ten minutes, for what passes on
/// the line.
const HEARD_WITHOUT_A_WORD: i64 = 590_000;
const RELAY: &str = "10.0.0.1:7443";
const NAMES: [&str; 6] = ["amira", "bilal", "chand", "daud", "erum", "farah"];

/// A text that an engine took to be sent: it is durable there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Promise {
    pub(crate) by: usize,
    pub(crate) message: MessageId,
}

/// A conversation of the run.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    /// Who is in it from the first to the last; the founder is the first of them.
    pub(crate) staying: Vec<usize>,
    /// Who may come and go.
    pub(crate) guests: Vec<usize>,
    pub(crate) promised: Vec<Promise>,
}

/// A conversation that was opened while the run went on.
#[derive(Debug)]
struct Opened {
    conversation: ConversationId,
    message: Option<MessageId>,
    staying: Vec<usize>,
}

/// Everything of a run.
pub(crate) struct World {
    pub(crate) time: Time,
    pub(crate) trace: Trace,
    pub(crate) relay: RelayMachine,
    pub(crate) people: Vec<Machine>,
    pub(crate) talks: BTreeMap<ConversationId, Talk>,
    /// Some clock was wrong by more than members hear without a word.
    pub(crate) clocks_differed: bool,
    opened: Arc<Mutex<Vec<Opened>>>,
    // Gone when the run is over.
    _dir: TempDir,
}

impl World {
    /// An office of as many people as the seed says; all are linked, and in two conversations.
    pub(crate) async fn found(seed: u64, trace: Trace) -> Self {
        let dir = folder_in_memory();
        let (time, port) = (Time::begin(), Port::default());
        let mut draw = Draw::of(seed, "office");
        let relay_dir = dir.path().join("relay");
        std::fs::create_dir(&relay_dir).unwrap();
        let mut relay = RelayMachine::new(&relay_dir, &time, port.clone());
        let office = make_office(&relay_dir, &time, &mut draw);
        relay.start().await;
        let count = 4 + draw.below(3) as usize;
        let mut people = Vec::new();
        for (number, name) in (1..).zip(&NAMES[..count]) {
            let mut stream = Draw::of(seed, name);
            let machine = dir.path().join(name);
            let mut person = Machine::new(name, number, &machine, &time, stream.generator(), port.clone(), &trace);
            let invitation = office.invite(&mut draw.generator(), name, Tier::Secret, time.now());
            person
                .join(armour::write(FileKind::Invitation, &invitation.to_secret_bytes()).unwrap().as_bytes().to_vec())
                .await;
            person.start();
            people.push(person);
        }
        let mut world = Self {
            time,
            trace,
            relay,
            people,
            talks: BTreeMap::new(),
            clocks_differed: false,
            opened: Arc::default(),
            _dir: dir,
        };
        world.meet(&mut draw).await;
        world
    }

    /// Founds the conversations: one of everybody, and one of which some are guests.
    async fn meet(&mut self, draw: &mut Draw) {
        let everybody: Vec<usize> = (0..self.people.len()).collect();
        for guests in [0, 2] {
            let founder = draw.below(self.people.len() as u64) as usize;
            let mut others: Vec<usize> = everybody.iter().copied().filter(|number| *number != founder).collect();
            let guests = others.split_off(others.len() - guests);
            let members = others.iter().chain(&guests).map(|number| address(&self.people[*number].name)).collect();
            let new = Command::New { title: "Budget".into(), tier: Tier::Restricted, members };
            let reply = self.people[founder].ask(new).await.expect("an engine runs");
            let Ok(Reply::Sent { conversation, .. }) = reply else { panic!("{reply:?}") };
            let staying = std::iter::once(founder).chain(others).collect();
            self.talks.insert(conversation, Talk { staying, guests, promised: Vec::new() });
        }
        sleep(Duration::from_secs(30)).await;
    }

    /// Has somebody say something, and notes it where the engine took it.
    pub(crate) async fn say(&mut self, by: usize, conversation: ConversationId, text: String, what: &str) {
        let to = Target::Conversation(conversation);
        let Some(reply) = self.people[by].ask(Command::SendText { to, text }).await else { return };
        let name = self.people[by].name.clone();
        match reply {
            Ok(Reply::Sent { message: Some(message), .. }) => {
                self.trace.note(&name, format!("says {what}: {message}"));
                if let Some(talk) = self.talks.get_mut(&conversation) {
                    talk.promised.push(Promise { by, message });
                }
            }
            Ok(other) => panic!("{other:?}"),
            Err(failure) => self.trace.note(&name, format!("cannot say {what}: {}", failure.code.name())),
        }
    }

    /// Asks for what needs the relay, without waiting for what becomes of it. `with`: who else is in a conversation that
    /// is opened by it.
    pub(crate) fn ask_later(&self, by: usize, what: String, command: Command, with: Vec<usize>) {
        let person = &self.people[by];
        let Some(engine) = person.engine().cloned() else { return };
        let (trace, name, opened) = (self.trace.clone(), person.name.clone(), Arc::clone(&self.opened));
        trace.note(&name, format!("asks: {what}"));
        tokio::spawn(async move {
            let outcome = match engine.ask(command).await {
                Err(failure) => failure.code.name().to_owned(),
                Ok(Reply::Sent { conversation, message, .. }) => {
                    let staying = std::iter::once(by).chain(with).collect();
                    opened.lock().unwrap().push(Opened { conversation, message, staying });
                    format!("in {conversation}, {message:?}")
                }
                Ok(_) => "done".to_owned(),
            };
            trace.note(&name, format!("{what}: {outcome}"));
        });
    }

    /// Takes over the conversations that were opened meanwhile.
    pub(crate) fn take_opened(&mut self) {
        for Opened { conversation, message, staying } in std::mem::take(&mut *self.opened.lock().unwrap()) {
            let by = staying[0];
            let new = || Talk { staying, ..Talk::default() };
            let talk = self.talks.entry(conversation).or_insert_with(new);
            talk.promised.extend(message.map(|message| Promise { by, message }));
        }
    }

    /// Sets someone's clock wrong. Where it then differs from the relay's by more than is heard without a word, that is
    /// felt over the next link: so the machine starts again with it.
    pub(crate) async fn set_clock(&mut self, number: usize, millis: i64) {
        let beyond = (millis - self.relay.clock.wrong_by()).abs() > HEARD_WITHOUT_A_WORD;
        self.clocks_differed |= beyond;
        let what = format!("clock wrong by {} s{}", millis / 1000, if beyond { ", and starts again" } else { "" });
        self.trace.note(&self.people[number].name, what);
        self.people[number].set_clock(millis, beyond).await;
    }

    /// Mends lines and disks, starts what has stopped, and waits until everybody has everything. Says whether that was so.
    pub(crate) async fn calm(&mut self) -> bool {
        self.trace.note("world", "calm");
        self.relay.disk.set_full(false);
        for person in &mut self.people {
            person.disk.set_full(false);
            person.line.set_quality(Quality::GOOD);
            person.line.part(false);
        }
        let mut synced = false;
        for _ in 0..CALM_ROUNDS {
            sleep(Duration::from_secs(10)).await;
            self.revive().await;
            synced = self.all_synced().await;
            if synced {
                break;
            }
        }
        synced && self.is_quiet().await
    }

    async fn all_synced(&self) -> bool {
        let mut all = true;
        for person in &self.people {
            let synced = timeout(Duration::from_secs(30), person.ask(Command::Sync)).await;
            let said = match synced {
                Ok(Some(Ok(_))) => "synced",
                Ok(Some(Err(failure))) => failure.code.name(),
                Ok(None) => "does not run",
                Err(_) => "does not end to sync",
            };
            all &= said == "synced";
            self.trace.note(&person.name, said);
        }
        all
    }

    /// Whether nothing is on any line for some seconds.
    async fn is_quiet(&self) -> bool {
        for _ in 0..CALM_ROUNDS {
            let before = self.trace.length();
            sleep(Duration::from_secs(3)).await;
            if self.trace.length() == before {
                return true;
            }
        }
        false
    }

    /// Starts again whoever stopped because the disk was full, once it has room. Nobody stops for another reason.
    pub(crate) async fn revive(&mut self) {
        for person in &mut self.people {
            if let Some(code) = person.stopped() {
                assert_eq!(code, FailureCode::DiskFull, "{} has stopped by itself", person.name);
                person.stop().await;
            }
            if person.engine().is_none() && !person.disk.is_full() {
                self.trace.note(&person.name, "starts again");
                person.start();
            }
        }
    }
}

/// Someone's address.
pub(crate) fn address(name: &str) -> Address {
    format!("{name}@{DOMAIN}").parse().unwrap()
}

/// A folder where syncing costs nothing, if there is one: what a sync keeps is the business of other tests.
fn folder_in_memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let builder = tempfile::Builder::new().prefix("amanat-").to_owned();
    if memory.is_dir() { builder.tempdir_in(memory).unwrap() } else { builder.tempdir().unwrap() }
}

fn make_office(dir: &Path, time: &Time, draw: &mut Draw) -> Office {
    let listen = vec![RELAY.parse().unwrap()];
    let wishes = folder::Wishes { domain: DOMAIN.parse().unwrap(), listen, advertise: Vec::new() };
    folder::init(dir, Some(wishes), &mut draw.generator()).unwrap();
    let keys = folder::load_keys(dir).unwrap();
    let office = Office::with_relay(&mut draw.generator(), time.now(), DOMAIN, keys, &[RELAY]);
    let certificate = armour::write(FileKind::RelayCertificate, &office.certified_relay().to_bytes()).unwrap();
    std::fs::write(dir.join("relay.cert"), certificate.as_bytes()).unwrap();
    office
}
