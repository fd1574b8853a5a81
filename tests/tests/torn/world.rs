//! Three people whose disks can fail, and what must hold after each fault.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use amanat_client::{
    Command, Engine, Event, Failure, Options, Reply,
    api::{ConversationState, ConversationView, MessageBody, MessageState, Notice, Target},
    profile,
    testing::census::{Census, census},
};
use amanat_identity::{Address, Tier};
use amanat_primitives::{ConversationId, passphrase::WorkPolicy};
use amanat_store::table::faults::{self, Fault, Plan};
use amanat_tests::{PASSPHRASE, Person, Rig};

pub(crate) const SECRETARY: &str = "secretary";
pub(crate) const DIRECTOR: &str = "director";
pub(crate) const CLERK: &str = "clerk";
pub(crate) const ALL: [&str; 3] = [SECRETARY, DIRECTOR, CLERK];

const PATIENCE: Duration = Duration::from_secs(30);

/// What can go wrong with a commit. A full disk leaves everything as it was; a sync that fails, like a process that ends,
/// leaves the batch there or not.
pub(crate) const FAULTS: [Fault; 3] = [Fault::Full, Fault::Before, Fault::After];

pub(crate) struct World {
    pub(crate) rig: Rig,
    people: BTreeMap<&'static str, Person>,
    /// Numbers the rounds, to name what is made in each.
    pub(crate) round: u32,
}

/// Something that people do, with a fault in it.
pub(crate) trait Operation {
    /// What is there before all rounds.
    async fn begin(&mut self, _: &mut World) {}
    /// What must be there before a round; without a fault.
    async fn prepare(&mut self, world: &mut World);
    /// Does it, up to the end of all that follows from it. Fails where somebody's engine does.
    async fn run(&mut self, world: &World) -> Result<(), Failure>;
    /// Does again what a person would who was told of a failure, or saw none, and looks whether it is done. What was
    /// replied to as done must be.
    async fn again(&mut self, world: &World, told: &Result<(), Failure>, fault: Fault);
    /// What all must agree on at the end.
    async fn check(&mut self, world: &mut World);
}

impl World {
    pub(crate) async fn new() -> Self {
        let rig = Rig::new().await;
        let mut people = BTreeMap::new();
        for handle in ALL {
            people.insert(handle, rig.person(handle, Tier::Secret).await);
        }
        Self { rig, people, round: 0 }
    }

    pub(crate) fn person(&self, handle: &str) -> &Person {
        &self.people[handle]
    }

    pub(crate) fn address(&self, handle: &str) -> Address {
        self.rig.address(handle)
    }

    pub(crate) fn vault(&self, handle: &str) -> PathBuf {
        self.rig.dir.path().join(handle).join("vault")
    }

    /// A group that all of them have, with nothing under way.
    pub(crate) async fn group(&mut self, founder: &str, members: &[&str]) -> ConversationId {
        let title = format!("group {}", self.round);
        let addresses = members.iter().map(|handle| self.address(handle)).collect();
        let new = Command::New { title, tier: Tier::Official, members: addresses };
        let Reply::Sent { conversation, .. } = self.person(founder).ask(new).await else { panic!() };
        self.person(founder).sync().await;
        for handle in members {
            self.person(handle).sync().await;
        }
        conversation
    }

    pub(crate) async fn conversations(&self, handle: &str) -> Vec<ConversationView> {
        let Reply::Conversations(list) = self.person(handle).ask(Command::Conversations).await else { panic!() };
        list
    }

    pub(crate) async fn state(&self, handle: &str, id: ConversationId) -> Option<ConversationState> {
        self.conversations(handle).await.into_iter().find(|view| view.id == id).map(|view| view.state)
    }

    pub(crate) async fn members(&self, handle: &str, conversation: ConversationId) -> BTreeSet<String> {
        let Reply::Members(members) = self.person(handle).ask(Command::Members { conversation }).await else {
            panic!()
        };
        let handles: BTreeSet<_> = members.iter().map(|member| member.address.handle.as_str().to_owned()).collect();
        assert_eq!(handles.len(), members.len(), "{handle}: a member twice: {members:?}");
        handles
    }

    /// Ends a person's engine, whatever its state, counts what its vault holds, and starts it anew.
    pub(crate) async fn restart(&mut self, handle: &'static str) -> Census {
        self.people.remove(handle).unwrap().engine.stop().await;
        let (dir, now) = (self.rig.dir.path().join(handle), self.rig.clock.now());
        let opened = tokio::task::spawn_blocking(move || {
            let profile = profile::open_at(&dir, PASSPHRASE, &WorkPolicy::FOR_TESTS, now)?;
            let census = census(&profile, now)?;
            Ok::<_, Failure>((profile, census))
        });
        let (profile, census) = opened.await.unwrap().unwrap_or_else(|error| panic!("{handle}: {error:?}"));
        let clock = self.rig.clock.clone();
        let options = Options { connect: true, clock: Arc::new(move || clock.now()), ..Options::default() };
        let (engine, events) = Engine::start(profile, options);
        self.people.insert(handle, Person { handle: handle.to_owned(), engine, events });
        census
    }

    pub(crate) async fn sync_all(&self, handles: &[&str]) {
        for handle in handles {
            let synced = tokio::time::timeout(PATIENCE, self.person(handle).sync()).await;
            synced.unwrap_or_else(|_| panic!("{handle} does not get through with its sync"));
        }
    }

    /// All members have the conversation open, with the same members, and a message of each reaches the others once.
    pub(crate) async fn agree(&mut self, id: ConversationId, handles: &[&'static str]) {
        self.sync_all(handles).await;
        self.sync_all(handles).await;
        let expected: BTreeSet<String> = handles.iter().map(|handle| (*handle).to_owned()).collect();
        for handle in handles {
            assert_eq!(self.state(handle, id).await, Some(ConversationState::Active), "{handle}");
            assert_eq!(self.members(handle, id).await, expected, "as {handle} has it");
        }
        let mut texts = Vec::new();
        for handle in handles {
            let text = format!("{handle}, round {}", self.round);
            self.person(handle).say(&Target::Conversation(id), &text).await;
            texts.push(text);
        }
        for _ in 0..3 {
            self.sync_all(handles).await;
        }
        for handle in handles {
            let messages = self.person(handle).messages(id).await;
            let ids: BTreeSet<_> = messages.iter().map(|message| message.id).collect();
            assert_eq!(ids.len(), messages.len(), "{handle}: a message twice");
            for text in &texts {
                let wanted = MessageBody::Text(text.clone());
                let found: Vec<_> = messages.iter().filter(|message| message.body == wanted).collect();
                assert_eq!(found.len(), 1, "{handle}: {text}");
                assert!(!found[0].own || found[0].state >= MessageState::Delivered, "{handle}: {:?}", found[0]);
            }
        }
        self.nothing_alarming();
    }

    /// Nobody was told that anything is wrong with a conversation.
    fn nothing_alarming(&mut self) {
        for (handle, person) in &mut self.people {
            while let Some(Some(event)) = futures_now(person.events.next()) {
                // Who came and went is nothing wrong.
                let member = matches!(event, Event::Notice(Notice::Member { .. }));
                let wrong = matches!(event, Event::Alarm { .. } | Event::Notice(_) | Event::Missed | Event::Stopped(_));
                let wrong = wrong && !member;
                assert!(!wrong, "{handle}: {event:?}");
            }
        }
    }

    /// An engine whose disk has failed ends by itself.
    pub(crate) async fn ends(&self, handle: &str) {
        let ended = tokio::time::timeout(PATIENCE, async {
            while self.person(handle).engine.ask(Command::Status).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        ended.await.unwrap_or_else(|_| panic!("{handle} goes on with a disk that has failed"));
    }
}

/// What a future has at once.
fn futures_now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}

/// Runs an operation with each fault at each commit of one person's vault, until it ends without having met it. In each
/// round this person is put into `joins` conversations by others.
// [DELIV-180] [DELIV-182]
pub(crate) async fn at_every_commit(victim: &'static str, joins: usize, mut operation: impl Operation) {
    let mut world = World::new().await;
    let mut met_once = false;
    operation.begin(&mut world).await;
    let mut kept = world.restart(victim).await.one_time;
    for fault in FAULTS {
        for nth in 1.. {
            world.round += 1;
            // KeyPackages are published once a minute at most.
            world.rig.clock.forward(Duration::from_secs(61));
            operation.prepare(&mut world).await;
            let plan: Plan = faults::plan(&world.vault(victim), fault, nth);
            let ran = tokio::time::timeout(PATIENCE, operation.run(&world)).await;
            let told = ran.unwrap_or_else(|_| panic!("{victim}, {fault:?} at {nth}: it does not end"));
            let met = plan.met();
            drop(plan);
            if met && fault != Fault::Full {
                world.ends(victim).await;
            }
            world.restart(victim).await;
            world.sync_all(&ALL).await;
            operation.again(&world, &told, fault).await;
            operation.check(&mut world).await;
            let census = world.restart(victim).await;
            let left = (census.outbox, census.commits, census.segments, census.fetches, census.newcomers);
            assert_eq!(left, (0, 0, 0, 0, 0), "{victim}, {fault:?} at {nth}: {census:?}");
            // Each joining uses up one KeyPackage, whose private half goes with it; others are made in forties.
            assert_eq!((census.one_time + joins) % 40, kept % 40, "{victim}, {fault:?} at {nth}: {census:?}");
            kept = census.one_time;
            if !met {
                assert!(told.is_ok(), "{victim}, {fault:?} at {nth}: {told:?}");
                break;
            }
            met_once = true;
        }
    }
    assert!(met_once, "nothing was ever committed");
}
