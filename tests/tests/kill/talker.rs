//! Someone who sends numbered texts without pause, and remembers what was promised and shown.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use amanat_client::{
    Command, Event, Reply,
    api::{MessageState, Target},
};
use amanat_primitives::{ConversationId, MessageId};
use amanat_tests::Person;

/// Texts that may wait for the relay's acceptance.
const WAITING: usize = 48;
/// The longest that everything may take to be accepted after the last kill.
const PATIENCE: Duration = Duration::from_secs(120);

/// What all talkers share.
#[derive(Clone, Default)]
pub(crate) struct Talk {
    stop: Arc<AtomicBool>,
    accepted: Arc<AtomicU64>,
}

/// What one has done and seen.
#[derive(Default)]
pub(crate) struct Remembered {
    /// Texts in the order in which they were queued, with their conversation.
    pub(crate) sent: Vec<(ConversationId, String)>,
    /// Of the own ones: not known to be accepted.
    pub(crate) waiting: HashSet<MessageId>,
    /// Others' messages that were shown, in order.
    pub(crate) shown: Vec<MessageId>,
    /// Alarms; there must be none.
    pub(crate) alarms: Vec<String>,
}

impl Talk {
    /// How many messages relays have accepted.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// No more is sent; each ends once everything of his is accepted.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Talks in turn in all `conversations` until stopped, and then until all is accepted.
    pub(crate) async fn run(self, mut person: Person, conversations: Vec<ConversationId>) -> (Person, Remembered) {
        let mut memory = Remembered::default();
        loop {
            let stopped = self.stop.load(Ordering::Relaxed);
            if stopped && memory.waiting.is_empty() {
                return (person, memory);
            }
            tokio::select! {
                biased;
                event = tokio::time::timeout(PATIENCE, person.events.next()) => {
                    let event = event.unwrap_or_else(|_| panic!("{}: nothing happens any more", person.handle));
                    self.note(&mut memory, event.expect("the engine runs"));
                }
                () = std::future::ready(()), if !stopped && memory.waiting.len() < WAITING => {
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
