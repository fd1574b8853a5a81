//! Colleagues who read and answer by themselves, so that states and replies can be seen to change.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use amanat_client::{
    Command, Engine, Event, Events, Failure, Reply,
    api::{MessageBody, MessageRef, MessageView, Target},
};
use amanat_identity::Address;
use amanat_primitives::{ConversationId, Timestamp};
use amanat_ui::bidi;
use tokio::task::JoinHandle;

use super::{office::Person, tale};

/// Until a message is read.
const READS_AFTER: Duration = Duration::from_millis(1500);
/// And then until it is answered.
const ANSWERS_AFTER: Duration = Duration::from_millis(3000);

/// Somebody with a profile of their own.
pub(super) struct Colleague {
    pub(super) person: Person,
    engine: Engine,
    /// When it woke, in milliseconds since 1970.
    awake: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Colleague {
    /// Listens, and does nothing yet.
    pub(super) fn new(person: Person, engine: Engine, events: Events) -> Self {
        let awake = Arc::new(AtomicU64::new(u64::MAX));
        let task = tokio::spawn(listen(person, engine.clone(), events, Arc::clone(&awake)));
        Self { person, engine, awake, task }
    }

    /// Answers what is sent from now on.
    pub(super) fn wake(&self) {
        let now = Timestamp::from(std::time::SystemTime::now());
        self.awake.store(now.as_millis(), Ordering::Relaxed);
    }

    pub(super) async fn ask(&self, command: Command) -> Result<Reply, Failure> {
        self.engine.ask(command).await
    }

    pub(super) async fn leave(self) {
        self.task.abort();
        self.engine.stop().await;
    }
}

async fn listen(person: Person, engine: Engine, mut events: Events, awake: Arc<AtomicU64>) {
    let own = tale::OWN.address().ok();
    let answered = Arc::new(AtomicUsize::new(0));
    while let Some(event) = events.next().await {
        let Event::Message { conversation, message } = event else { continue };
        // What was said before may come late, and is part of the story.
        let new = message.at.as_millis() >= awake.load(Ordering::Relaxed);
        if new && is_from(&message, own.as_ref()) {
            let number = answered.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(answer(person, engine.clone(), conversation, message, number));
        }
    }
}

fn is_from(message: &MessageView, address: Option<&Address>) -> bool {
    address.is_some_and(|address| message.from == *address)
}

/// Reads a message, then answers it: in its language, and in a group only who speaks there.
async fn answer(person: Person, engine: Engine, conversation: ConversationId, message: MessageView, number: usize) {
    tokio::time::sleep(READS_AFTER).await;
    let read = Command::Read { conversation, since: message.sequence.saturating_sub(1), limit: 1, mark: true };
    if engine.ask(read).await.is_err() {
        return;
    }
    tokio::time::sleep(ANSWERS_AFTER).await;
    let group = members(&engine, conversation).await > 2;
    let told = match message.body {
        _ if group && !tale::speaks_in_groups(&person) => {
            let message = MessageRef { conversation, message: message.id };
            engine.ask(Command::React { message, text: tale::REACTION.into() }).await
        }
        MessageBody::Text(text) => {
            let urdu = bidi::direction(&text).is_some_and(amanat_ui::direction::Direction::is_rtl);
            say(&engine, conversation, tale::reply(urdu, number)).await
        }
        MessageBody::Document(_) => say(&engine, conversation, tale::reply_to_document(&person)).await,
        _ => return,
    };
    if let Err(failure) = told {
        tracing::warn!(code = failure.code.name(), "a colleague could not answer");
    }
}

async fn members(engine: &Engine, conversation: ConversationId) -> usize {
    match engine.ask(Command::Conversations).await {
        Ok(Reply::Conversations(views)) => {
            views.iter().find(|view| view.id == conversation).map_or(0, |view| view.members)
        }
        _ => 0,
    }
}

async fn say(engine: &Engine, conversation: ConversationId, text: &str) -> Result<Reply, Failure> {
    engine.ask(Command::SendText { to: Target::Conversation(conversation), text: text.into() }).await
}
