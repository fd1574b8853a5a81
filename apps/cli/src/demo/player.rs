//! One of the demonstration's people: a profile, its running engine, and what has been seen so far.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use amanat_client::{
    Command, Event, Reply,
    api::{ConversationView, Line, LinkState, LinkView, MessageBody, MessageState, MessageView, SendOptions, Target},
};
use amanat_primitives::{ConversationId, DocumentId, MessageId};
use tokio::time::Instant;

use crate::{
    context::Context,
    office::{Office, Staff},
    output::{messages::Scroll, progress::Bars},
    problem::{Outcome, Problem},
    session::{Link, Session, unexpected},
};

/// How long anything may take here before the demonstration gives up.
const PATIENCE: Duration = Duration::from_secs(20);
/// A terminal's usual width, less what stands around.
const COLUMNS: usize = 76;

/// One of the people.
pub(super) struct Player {
    pub(super) staff: Staff,
    session: Session,
    seen: Seen,
}

/// What the engine has told.
#[derive(Default)]
struct Seen {
    messages: HashSet<MessageId>,
    states: HashMap<MessageId, MessageState>,
    /// How many members a conversation has.
    members: HashMap<ConversationId, usize>,
    link: Option<LinkView>,
    caught_up: bool,
}

impl Seen {
    fn note(&mut self, event: &Event) {
        match event {
            Event::Message { message, .. } => {
                self.messages.insert(message.id);
            }
            Event::MessageState { message, state, .. } => {
                self.states.insert(*message, *state);
            }
            Event::Conversation(view) => {
                self.members.insert(view.id, view.members);
            }
            Event::Link(LinkState::Up(view)) => self.link = Some(view.clone()),
            Event::Link(LinkState::CaughtUp) => self.caught_up = true,
            _ => (),
        }
    }
}

impl Player {
    /// Opens the profile and connects.
    pub(super) async fn start(context: &Context, office: &Office, staff: Staff) -> Outcome<Self> {
        let session = Session::start(context, &office.profile(staff.handle), office.passphrase(), Link::Dial).await?;
        Ok(Self { staff, session, seen: Seen::default() })
    }

    /// Stops the engine: the person goes offline.
    pub(super) async fn leave(self) -> Outcome {
        self.session.close(Ok(())).await
    }

    pub(super) async fn ask(&mut self, command: Command) -> Outcome<Reply> {
        let seen = &mut self.seen;
        self.session.ask_with(command, &mut |event| seen.note(event)).await
    }

    /// Waits for events until `done` says so.
    async fn until(&mut self, what: &str, done: impl Fn(&Seen) -> bool) -> Outcome {
        let deadline = Instant::now() + PATIENCE;
        while !done(&self.seen) {
            match self.session.event_before(deadline, &mut Bars::default()).await? {
                Some(event) => self.seen.note(&event),
                None => {
                    return Err(Problem::new(
                        "internal",
                        format!("{} waited {} s in vain: {what}.", self.staff.post, PATIENCE.as_secs()),
                        "Run it again; AMANAT_LOG=debug says what the engine does.",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Waits until the link is up and everything the relay has is here.
    pub(super) async fn caught_up(&mut self) -> Outcome<LinkView> {
        self.until("to be connected", |seen| seen.caught_up && seen.link.is_some()).await?;
        self.seen.link.clone().ok_or_else(unexpected)
    }

    /// Waits until a message is here.
    pub(super) async fn receives(&mut self, message: MessageId) -> Outcome {
        self.until("for a message", |seen| seen.messages.contains(&message)).await
    }

    /// Waits until a conversation has so many members.
    pub(super) async fn sees_members(&mut self, conversation: ConversationId, members: usize) -> Outcome {
        self.until("for a change of members", |seen| seen.members.get(&conversation) == Some(&members)).await
    }

    /// Waits until one's own message has come this far.
    pub(super) async fn sees_state(&mut self, message: MessageId, state: MessageState) -> Outcome {
        self.until("for a receipt", |seen| seen.states.get(&message).is_some_and(|now| *now >= state)).await
    }

    /// How far one's own message has come, as far as is known here.
    pub(super) fn state(&self, message: MessageId) -> Option<MessageState> {
        self.seen.states.get(&message).copied()
    }

    /// Sends a text.
    pub(super) async fn send(&mut self, to: Target, text: &str) -> Outcome<(ConversationId, MessageId)> {
        match self.ask(Command::SendText { to, text: text.to_owned() }).await? {
            Reply::Sent { conversation, message: Some(message), .. } => Ok((conversation, message)),
            _ => Err(unexpected()),
        }
    }

    /// Sends a document.
    pub(super) async fn send_file(
        &mut self,
        to: ConversationId,
        path: std::path::PathBuf,
    ) -> Outcome<(MessageId, DocumentId)> {
        match self
            .ask(Command::SendDocument { to: Target::Conversation(to), path, options: SendOptions::default() })
            .await?
        {
            Reply::Sent { message: Some(message), document: Some(document), .. } => Ok((message, document)),
            _ => Err(unexpected()),
        }
    }

    /// All messages of a conversation.
    pub(super) async fn read(&mut self, conversation: ConversationId) -> Outcome<Vec<MessageView>> {
        match self.ask(Command::Read { conversation, since: 0, limit: 1000, mark: true }).await? {
            Reply::Lines(lines) => Ok(lines.into_iter().filter_map(Line::into_message).collect()),
            _ => Err(unexpected()),
        }
    }

    /// The texts of a conversation, in order.
    pub(super) async fn texts(&mut self, conversation: ConversationId) -> Outcome<Vec<String>> {
        let messages = self.read(conversation).await?;
        let text = |message: MessageView| match message.body {
            MessageBody::Text(text) => Some(text),
            _ => None,
        };
        Ok(messages.into_iter().filter_map(text).collect())
    }

    /// A conversation as `amanat read` shows it.
    pub(super) async fn screen_of(&mut self, conversation: ConversationId) -> Outcome<String> {
        let mut scroll = Scroll::default();
        let messages = self.read(conversation).await?;
        let lines: Vec<String> = messages.iter().map(|message| scroll.message(message, Some(COLUMNS))).collect();
        Ok(lines.join("\n"))
    }

    /// All conversations.
    pub(super) async fn conversations(&mut self) -> Outcome<Vec<ConversationView>> {
        match self.ask(Command::Conversations).await? {
            Reply::Conversations(views) => Ok(views),
            _ => Err(unexpected()),
        }
    }
}
