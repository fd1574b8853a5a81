//! Someone who sends numbered texts without pause, and remembers what was promised and shown.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use amanat_client::{
    Command, Event, Reply,
    api::{MessageState, Target},
};
use amanat_primitives::{ConversationId, MessageId};
use amanat_tests::Person;
use tokio::sync::watch;

/// Texts that may wait for the relay's acceptance.
const WAITING: usize = 48;
/// The longest that everything may take to be accepted after the last kill.
const PATIENCE: Duration = Duration::from_secs(120);

/// What talkers are told: how many each may send in all, and that this is the end.
#[derive(Clone, Copy)]
struct Orders {
    allowed: usize,
    stop: bool,
}

/// What all talkers share.
#[derive(Clone)]
pub(crate) struct Talk {
    orders: Arc<watch::Sender<Orders>>,
    accepted: Arc<AtomicU64>,
}

/// What one has done and seen.
#[derive(Default)]
pub(crate) struct Remembered {
    /// Texts in the order in which they were queued, with their conversation.
    pub(crate) sent: Vec<(ConversationId, String)>,
    /// Of the own ones: not known to be accepted.
    waiting: HashSet<MessageId>,
    /// Others' messages that were shown, in order.
    pub(crate) shown: Vec<MessageId>,
    /// Alarms; there must be none.
    pub(crate) alarms: Vec<String>,
}

impl Talk {
    /// Each may send so many.
    pub(crate) fn new(allowed: usize) -> Self {
        Self { orders: Arc::new(watch::Sender::new(Orders { allowed, stop: false })), accepted: Arc::default() }
    }

    /// Each may send so many more.
    pub(crate) fn allow(&self, more: usize) {
        self.orders.send_modify(|orders| orders.allowed += more);
    }

    /// No more is sent; each ends once everything of his is accepted.
    pub(crate) fn stop(&self) {
        self.orders.send_modify(|orders| orders.stop = true);
    }

    /// How many messages relays have accepted.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Talks in turn in all `conversations` until stopped, and then until all is accepted.
    pub(crate) async fn run(self, mut person: Person, conversations: Vec<ConversationId>) -> (Person, Remembered) {
        let mut memory = Remembered::default();
        let mut told = self.orders.subscribe();
        loop {
            let orders = *told.borrow_and_update();
            if orders.stop {
                let rest = tokio::time::timeout(PATIENCE, self.rest(&mut person, &mut memory)).await;
                rest.unwrap_or_else(|_| panic!("{}: not all is accepted: {:?}", person.handle, memory.waiting));
                return (person, memory);
            }
            tokio::select! {
                biased;
                event = person.events.next() => self.note(&mut memory, event.expect("the engine runs")),
                changed = told.changed() => changed.unwrap(),
                () = std::future::ready(()), if memory.waiting.len() < WAITING && memory.sent.len() < orders.allowed => {
                    let conversation = conversations[memory.sent.len() % conversations.len()];
                    let text = format!("{} {}", person.handle, memory.sent.len());
                    let send = Command::SendText { to: Target::Conversation(conversation), text: text.clone() };
                    let Reply::Sent { message: Some(message), .. } = person.ask(send).await else { panic!() };
                    memory.sent.push((conversation, text));
                    memory.waiting.insert(message);
                }
            }
        }
    }

    async fn rest(&self, person: &mut Person, memory: &mut Remembered) {
        while !memory.waiting.is_empty() {
            let event = person.events.next().await;
            self.note(memory, event.expect("the engine runs"));
        }
    }

    fn note(&self, memory: &mut Remembered, event: Event) {
        match event {
            Event::MessageState { message, state, .. }
                if state >= MessageState::Accepted && memory.waiting.remove(&message) =>
            {
                self.accepted.fetch_add(1, Ordering::Relaxed);
            }
            Event::Message { message, .. } if !message.own => memory.shown.push(message.id),
            Event::Alarm { alarm, .. } => memory.alarms.push(format!("{alarm:?}")),
            Event::Missed => panic!("this test reads too slowly to know what was shown"),
            Event::Stopped(failure) => panic!("{failure:?}"),
            _ => {}
        }
    }
}
