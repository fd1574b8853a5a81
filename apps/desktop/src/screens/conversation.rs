//! A conversation: its messages, of which only those near the view are laid out, and the composer below them. The tier stands
//! above and below, as on paper.

mod list;
mod row;

use amanat_client::{
    Command, Failure, Reply,
    api::{
        ConversationView, DocumentView, Line, MessageBody, MessageRef, MessageState, MessageView, Progress,
        SendOptions, Target,
    },
};
use amanat_identity::Tier;
use amanat_primitives::{ConversationId, DocumentId, MessageId, Timestamp};
use amanat_ui::{
    badge, bidi,
    button::{self, Kind},
    edit::{self, Field},
    surface,
    text::{Role, line, muted, plain},
    theme::space,
};
use iced::{
    Alignment, Element, Fill, Task,
    widget::{Id, column, container, operation, rule, space as gap},
};

use self::list::List;
use super::{Context, document_card, inbox::tier_number};
use crate::wish::{Answer, Wish};

/// The composer's name.
pub const COMPOSER: &str = "composer";
/// Characters of a title that are shown.
const TITLE: usize = 120;
/// Nothing is copied from this tier upward.
const NO_COPY_FROM: Tier = Tier::Secret;

/// What it shows.
pub struct State {
    view: ConversationView,
    list: List,
    draft: edit::Content,
    mode: Mode,
    /// The message whose actions are open.
    menu: Option<MessageId>,
    /// Whether it is to be deleted for all is being asked.
    deleting: bool,
    failure: Option<Failure>,
}

/// What the composer does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mode {
    New,
    Reply {
        to: MessageRef,
        name: String,
        text: String,
    },
    /// With what was written before it began.
    Edit(MessageRef, String),
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// Lines were read.
    Lines {
        /// Which.
        page: u64,
        /// What came.
        answer: Answer,
    },
    /// The list was scrolled.
    Scrolled(iced::widget::scrollable::Viewport),
    /// A row is so high.
    Measured(u64, iced::Size),
    /// To the last message.
    ToEnd,
    /// Something was typed.
    Typed(edit::Action),
    /// Enter, or the button.
    Send,
    /// It is in the outbox, or not.
    Sent(String, Answer),
    /// Something was done to a message, or not.
    Done(Answer),
    /// A message's actions are opened or closed.
    Menu(MessageId),
    /// One of them.
    Do(Deed, MessageId),
    /// React to a message with a word.
    React(MessageId, String),
    /// Not to answer, not to edit.
    Cancel,
    /// The members are asked for.
    Readers,
    /// A document is to be chosen.
    Attach,
    /// All documents are wanted.
    Documents,
    /// Something is to be done with a message's document.
    Document(document_card::Deed, MessageId),
    /// It was done, or not.
    Transferred(Answer),
}

/// What can be done to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Answer it.
    Reply,
    /// Copy its text.
    Copy,
    /// Change one's own.
    Edit,
    /// Ask whether to take one's own back.
    AskDelete,
    /// Take it back.
    Delete,
    /// Say that it was read and understood.
    Acknowledge,
}

/// What it asks of its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Who reads this?
    Readers(ConversationId),
    /// Choose a file to send.
    Attach(ConversationId),
    /// Choose where to save a document.
    Save(Box<DocumentView>),
    /// Show all documents.
    Documents(ConversationId),
    /// Put a text on the clipboard.
    Copy(String),
    /// What is written and not sent.
    Draft(ConversationId, String),
    /// The list is out of date.
    Changed,
}

type Wishes = Vec<Wish<Message, Action>>;

impl State {
    /// Opens a conversation at its end, with what was written and not sent.
    #[must_use]
    pub fn open(view: ConversationView, draft: &str) -> (Self, Wishes) {
        let last = view.last.as_ref().map_or(0, |last| last.sequence);
        let mut state = Self {
            list: List::new(last),
            draft: edit::Content::with_text(draft),
            mode: Mode::New,
            menu: None,
            deleting: false,
            failure: None,
            view,
        };
        let mut wishes = state.read();
        wishes.push(Wish::Run(operation::focus(Id::new(COMPOSER))));
        wishes.push(Wish::Run(list::to_end()));
        (state, wishes)
    }

    /// Which.
    #[must_use]
    pub fn id(&self) -> ConversationId {
        self.view.id
    }

    /// Its tier.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.view.tier
    }

    /// What is written and not sent.
    #[must_use]
    pub fn draft(&self) -> String {
        match &self.mode {
            Mode::New | Mode::Reply { .. } => self.draft.text(),
            Mode::Edit(_, before) => before.clone(),
        }
    }

    /// Title, members or state have changed.
    pub fn changed(&mut self, view: ConversationView) {
        self.view = view;
    }

    /// A message is new, or looks different.
    pub fn heard(&mut self, message: MessageView) -> Wishes {
        let at_end = self.list.at_end();
        let new = self.list.put(Line::Message(Box::new(message)));
        if !new {
            return Vec::new();
        }
        let mut wishes = self.read_marked(self.list.last().saturating_sub(1));
        if at_end {
            wishes.push(Wish::Run(list::to_end()));
        }
        wishes
    }

    /// One's own message has come further.
    pub fn come_further(&mut self, message: MessageId, state: MessageState) {
        if let Some(view) = self.list.find_mut(message) {
            view.state = state;
        }
    }

    /// A document has come further.
    pub fn progressed(&mut self, progress: Progress) {
        if let Some(document) = self.list.document_mut(progress.document) {
            document_card::progressed(document, progress);
        }
    }

    /// A document could not go on; its name, where it is here.
    pub fn stopped(&mut self, id: DocumentId) -> Option<String> {
        let document = self.list.document_mut(id)?;
        document_card::stopped(document, id);
        Some(document.name.clone())
    }

    /// The conversation, as the list shows it.
    #[must_use]
    pub fn about(&self) -> &ConversationView {
        &self.view
    }

    /// The whole of it is read anew.
    pub fn missed(&mut self) -> Wishes {
        self.list.forget();
        self.read()
    }

    /// To the message of a sequence, which stays in view until the list is scrolled.
    pub fn jump(&mut self, sequence: u64) -> Wishes {
        self.list.aim(sequence);
        let mut wishes = self.read();
        wishes.extend(self.scroll_to_goal());
        wishes
    }

    fn scroll_to_goal(&mut self) -> Wishes {
        let Some(y) = self.list.goal_offset() else { return Vec::new() };
        let offset = operation::AbsoluteOffset { x: 0.0, y };
        vec![Wish::Run(operation::scroll_to(Id::new(list::LIST), offset))]
    }

    fn read(&mut self) -> Wishes {
        let pages = self.list.wanted();
        pages.into_iter().flat_map(|page| self.read_page(page)).collect()
    }

    fn read_page(&self, page: u64) -> Wishes {
        let (conversation, since, limit) = (self.id(), page * list::PAGE, list::PAGE as u32);
        let read = Command::Read { conversation, since, limit, mark: true };
        vec![Wish::ask(read, move |answer| Message::Lines { page, answer })]
    }

    /// Has something new marked as read.
    fn read_marked(&self, since: u64) -> Wishes {
        let read = Command::Read { conversation: self.id(), since, limit: 1, mark: true };
        vec![Wish::ask(read, Message::Done)]
    }

    /// Something happened.
    pub fn update(&mut self, message: Message) -> Wishes {
        match message {
            Message::Lines { page, answer: Ok(Reply::Lines(lines)) } => {
                self.list.fill(page, lines);
                let mut wishes = self.scroll_to_goal();
                if self.view.unread > 0 {
                    // They are read now, and the inbox counts them no more.
                    wishes.push(Wish::Parent(Action::Changed));
                }
                wishes
            }
            Message::Lines { page, answer } => {
                self.list.unfilled(page);
                self.failure = answer.err();
                Vec::new()
            }
            Message::Scrolled(viewport) => {
                self.list.scrolled(viewport);
                self.read()
            }
            Message::Measured(sequence, size) => {
                self.list.measured(sequence, size.height);
                self.scroll_to_goal()
            }
            Message::ToEnd => vec![Wish::Run(list::to_end())],
            Message::Typed(action) => {
                self.draft.perform(action);
                self.failure = None;
                Vec::new()
            }
            Message::Send => self.send(),
            Message::Sent(text, Err(failure)) => {
                self.failure = Some(failure);
                if self.draft.is_empty() {
                    self.draft = edit::Content::with_text(&text);
                }
                Vec::new()
            }
            Message::Sent(..) | Message::Done(Ok(_)) => vec![Wish::Parent(Action::Changed)],
            Message::Done(Err(failure)) => {
                self.failure = Some(failure);
                Vec::new()
            }
            Message::Menu(id) => {
                (self.menu, self.deleting) = ((self.menu != Some(id)).then_some(id), false);
                Vec::new()
            }
            Message::Do(deed, id) => self.deed(deed, id),
            Message::React(id, text) => {
                self.menu = None;
                let message = MessageRef { conversation: self.id(), message: id };
                vec![Wish::ask(Command::React { message, text }, Message::Done)]
            }
            Message::Cancel => {
                self.menu = None;
                // What was written before a change began comes back; what answers stays.
                if let Mode::Edit(_, before) = std::mem::replace(&mut self.mode, Mode::New) {
                    self.draft = edit::Content::with_text(&before);
                }
                Vec::new()
            }
            Message::Readers => vec![Wish::Parent(Action::Readers(self.id()))],
            Message::Attach => vec![Wish::Parent(Action::Attach(self.id()))],
            Message::Documents => vec![Wish::Parent(Action::Documents(self.id()))],
            Message::Document(deed, id) => self.document(deed, id),
            Message::Transferred(answer) => self.transferred(answer),
        }
    }

    fn send(&mut self) -> Wishes {
        let text = self.draft.text().trim().to_owned();
        if text.is_empty() {
            return Vec::new();
        }
        let options = SendOptions::default();
        let kept = text.clone();
        let (command, next) = match std::mem::replace(&mut self.mode, Mode::New) {
            Mode::New => (Command::SendText { to: Target::Conversation(self.id()), text }, String::new()),
            Mode::Reply { to, .. } => (Command::SendReply { to, text, options }, String::new()),
            Mode::Edit(message, before) => (Command::Edit { message, text }, before),
        };
        self.draft = edit::Content::with_text(&next);
        vec![
            Wish::ask(command, move |answer| Message::Sent(kept, answer)),
            Wish::Parent(Action::Draft(self.id(), next)),
            Wish::Run(list::to_end()),
        ]
    }

    fn deed(&mut self, deed: Deed, id: MessageId) -> Wishes {
        (self.menu, self.deleting) = (None, false);
        let message = MessageRef { conversation: self.id(), message: id };
        let Some(view) = self.list.find(id) else { return Vec::new() };
        let text = match &view.body {
            MessageBody::Text(text) => text.clone(),
            MessageBody::Document(document) => document.name.clone(),
            _ => String::new(),
        };
        let focus = || Wish::Run(operation::focus(Id::new(COMPOSER)));
        match deed {
            Deed::Reply => {
                self.mode = Mode::Reply { to: message, name: view.name.clone(), text };
                vec![focus()]
            }
            Deed::Edit => {
                let before = self.draft();
                self.draft = edit::Content::with_text(&text);
                self.mode = Mode::Edit(message, before);
                vec![focus()]
            }
            Deed::Copy if self.tier() < NO_COPY_FROM => vec![Wish::Parent(Action::Copy(text))],
            Deed::Copy => Vec::new(),
            Deed::AskDelete => {
                (self.menu, self.deleting) = (Some(id), true);
                Vec::new()
            }
            Deed::Delete => vec![Wish::ask(Command::Delete { message }, Message::Done)],
            Deed::Acknowledge => vec![Wish::ask(Command::Acknowledge { message }, Message::Done)],
        }
    }

    fn document(&mut self, deed: document_card::Deed, id: MessageId) -> Wishes {
        let Some(MessageBody::Document(view)) = self.list.find(id).map(|message| &message.body) else {
            return Vec::new();
        };
        let document = view.id;
        let command = match deed {
            document_card::Deed::Save => return vec![Wish::Parent(Action::Save(Box::new(view.clone())))],
            document_card::Deed::Pause => Command::PauseDocument { document },
            document_card::Deed::Resume => Command::ResumeDocument { document },
            document_card::Deed::Cancel => Command::CancelDocument { document },
        };
        vec![Wish::ask(command, Message::Transferred)]
    }

    fn transferred(&mut self, answer: Answer) -> Wishes {
        match answer {
            Ok(Reply::Document(view)) => {
                if let Some(document) = self.list.document_mut(view.id) {
                    *document = view;
                }
            }
            Ok(_) => {}
            // Whoever paused or cancelled it knows.
            Err(failure) if failure.code == amanat_client::FailureCode::Stopped => {}
            Err(failure) => self.failure = Some(failure),
        }
        vec![Wish::Parent(Action::Changed)]
    }

    /// How it looks.
    #[must_use]
    pub fn view<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let (tier, number) = (words.tier(self.tier()), tier_number(self.tier()));
        let hairline = || rule::horizontal(1).style(surface::line(look));
        column![
            badge::banner(tier.clone(), number, look),
            container(self.header(context)).padding([space::M, space::L]).style(surface::panel(look)),
            hairline(),
            container(self.list.view(self, context)).height(Fill).style(surface::canvas(look)),
            hairline(),
            container(self.composer(context)).padding([space::M, space::L]).style(surface::panel(look)),
            badge::banner(tier, number, look),
        ]
        .into()
    }

    fn header<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let title = bidi::defuse(&self.view.title, TITLE);
        let members = words.with("members", &[("count", (self.view.members as u64).into())]);
        let texts = column![
            line(title, Role::Heading, look.tokens.text),
            muted(words.with("conversation-about", &[("members", members.into())]), Role::Caption, look),
        ]
        .align_x(look.direction.start_items())
        .width(Fill);
        let parts = vec![
            badge::face(&self.view.title, 40.0, look),
            texts.into(),
            button::word(words.say("documents-title"), Kind::Secondary, Some(Message::Documents), look),
            button::word(words.say("conversation-readers"), Kind::Secondary, Some(Message::Readers), look),
        ];
        look.direction.row(parts).spacing(space::M).align_y(Alignment::Center).into()
    }

    fn composer<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let mut parts = column![].spacing(space::S);
        if let Some(failure) = &self.failure {
            let (failed, advice) = words.failure(failure);
            let texts = column![plain(failed, Role::Strong), plain(advice, Role::Label)];
            let notice = container(texts).padding([space::S, space::M]).width(Fill);
            parts = parts.push(notice.style(surface::filled(look.tokens.caution, amanat_ui::theme::radius::M)));
        }
        if let Some(state) = words.state(self.view.state) {
            parts = parts.push(muted(state, Role::Label, look));
        }
        let about = match &self.mode {
            Mode::New => None,
            Mode::Reply { name, text, .. } => {
                let (name, text) = (bidi::defuse(name, 40), bidi::defuse(text, TITLE));
                Some(words.with("composer-reply", &[("name", name.into()), ("text", text.into())]))
            }
            Mode::Edit(..) => Some(words.say("composer-edit")),
        };
        if let Some(about) = about {
            let cancel = button::word(words.say("cancel"), Kind::Quiet, Some(Message::Cancel), look);
            let about = container(line(about, Role::Label, look.tokens.muted)).width(Fill);
            parts = parts.push(look.direction.row(vec![about.into(), cancel]).align_y(Alignment::Center));
        }
        let field = Field {
            id: COMPOSER,
            placeholder: words.say("composer-write"),
            submit: Some(Message::Send),
            several: true,
        };
        let ready = !self.draft.text().trim().is_empty();
        let word = words.say(if matches!(self.mode, Mode::Edit(..)) { "composer-change" } else { "composer-send" });
        let row = vec![
            button::word(words.say("composer-attach"), Kind::Secondary, Some(Message::Attach), look),
            container(edit::field(&self.draft, field, Message::Typed, look)).width(Fill).into(),
            button::word(word, Kind::Primary, ready.then_some(Message::Send), look),
        ];
        parts.push(look.direction.row(row).spacing(space::S).align_y(Alignment::End)).into()
    }
}

/// Nothing is chosen.
#[must_use]
pub fn none<'a, Message: 'a>(context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let text = muted(words.say("conversation-none"), Role::Body, look);
    container(column![text, gap().height(space::L)]).center(Fill).style(surface::canvas(look)).into()
}

/// A task that gives the keyboard to the composer.
pub fn focus<M: Send + 'static>() -> Task<M> {
    operation::focus(Id::new(COMPOSER))
}

/// Whether two moments stand on one day, here.
fn same_day(one: Timestamp, other: Timestamp) -> bool {
    crate::language::zoned(one).date() == crate::language::zoned(other).date()
}
