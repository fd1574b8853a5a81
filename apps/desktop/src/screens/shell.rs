//! The window once it is unlocked: the inbox at the start, the conversation beside it, and what is to be seen at once above
//! both: the link, alarms and notices.

use std::collections::HashMap;

use amanat_client::{
    Command, Event, Reply,
    api::{LinkState, Overview},
};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;
use amanat_ui::{
    badge,
    button::{self, Kind},
    dialog, surface,
    text::{Role, line, muted},
    theme::space,
};
use iced::{
    Alignment, Element, Fill, Task,
    widget::{column, container, responsive, rule, space as gap},
};

use super::{Context, conversation, documents, files, frame, inbox, over};
use crate::{
    backend::Backend,
    wish::{Answer, Wish, carry_out},
};

/// The inbox's width, in logical pixels.
const INBOX: f32 = 340.0;

/// The least width of a conversation beside its readers, in logical pixels.
const CONVERSATION: f32 = 360.0;

/// What it shows.
pub struct State {
    inbox: inbox::State,
    conversation: Option<Box<conversation::State>>,
    /// What is written and not sent, by conversation.
    drafts: HashMap<ConversationId, String>,
    link: LinkState,
    own: Option<Box<Overview>>,
    /// Dialogs, the panel of readers, warnings.
    over: over::State,
    /// To be shown as soon as it is listed, at a message.
    wanted: Option<(ConversationId, Option<u64>)>,
    /// The list is being read, and once more after that.
    listing: bool,
    list_again: bool,
    /// The open conversation's documents, in its place.
    documents: Option<Box<documents::State>>,
    /// What is asked about a file.
    files: files::State,
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// In the inbox.
    Inbox(inbox::Message),
    /// In the conversation.
    Conversation(ConversationId, conversation::Message),
    /// The engine says.
    Heard(Box<Event>),
    /// The list was read.
    Listed(Answer),
    /// Who am I.
    Own(Answer),
    /// To the conversation before or behind.
    Beside(bool),
    /// Over or beside the conversation.
    Over(over::Message),
    /// A dialog is wanted.
    Show(Dialog),
    /// Esc.
    Escape,
    /// Up or down in a dialog.
    Step(bool),
    /// Settings are wanted.
    Settings,
    /// To lock.
    Lock,
    /// In the list of documents.
    Documents(documents::Message),
    /// About a file.
    Files(files::Message),
    /// A document is to be sent.
    Attach,
    /// A file was dropped on the window.
    Dropped(std::path::PathBuf),
}

/// A dialog that can be opened by a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialog {
    /// A new conversation.
    New,
    /// To a conversation or a person.
    Switcher,
    /// In the conversation that is shown.
    Search,
    /// In all.
    SearchAll,
    /// This device, the link, alerts.
    Security,
}

/// What it asks of its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Lock now.
    Lock,
    /// Show the settings.
    Settings,
    /// The engine has stopped.
    Stopped(amanat_client::Failure),
    /// Of the conversation's.
    Of(conversation::Action),
    /// About a file.
    Files(files::Action),
}

impl State {
    /// As it is at first.
    pub fn new(backend: &dyn Backend) -> (Self, Task<Message>) {
        let mut state = Self {
            inbox: inbox::State::default(),
            conversation: None,
            drafts: HashMap::new(),
            link: LinkState::Connecting,
            own: None,
            over: over::State::default(),
            wanted: None,
            listing: false,
            list_again: false,
            documents: None,
            files: files::State::default(),
        };
        let own = Task::perform(backend.ask(Command::Status), Message::Own);
        let list = state.list(backend);
        (state, Task::batch([list, own]))
    }

    /// Unread messages, for the window's title.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.inbox.unread()
    }

    /// The highest tier among the conversations.
    #[must_use]
    pub fn highest_tier(&self) -> Option<Tier> {
        self.inbox.highest_tier()
    }

    /// Whose profile it is.
    #[must_use]
    pub fn own(&self) -> Option<&Overview> {
        self.own.as_deref()
    }

    fn list(&mut self, backend: &dyn Backend) -> Task<Message> {
        if self.listing {
            self.list_again = true;
            return Task::none();
        }
        self.listing = true;
        Task::perform(backend.ask(Command::Conversations), Message::Listed)
    }

    /// Something happened.
    pub fn update(&mut self, message: Message, backend: &dyn Backend) -> (Task<Message>, Vec<Action>) {
        match message {
            Message::Inbox(message) => self.in_inbox(message, backend),
            Message::Conversation(id, message) => {
                let Some(open) = self.conversation.as_mut().filter(|open| open.id() == id) else {
                    // An answer to one that is not shown any more. What could not be sent there is not lost.
                    if let conversation::Message::Sent(text, Err(_)) = message {
                        self.keep_draft(id, text);
                    }
                    return (Task::none(), Vec::new());
                };
                let wishes = open.update(message);
                self.of_conversation(wishes, backend)
            }
            Message::Heard(event) => self.heard(*event, backend),
            Message::Listed(answer) => {
                self.listing = false;
                if let Ok(Reply::Conversations(list)) = answer {
                    self.inbox.show(list);
                }
                let task = self.listed(backend);
                let again = std::mem::take(&mut self.list_again);
                let again = if again { self.list(backend) } else { Task::none() };
                (Task::batch([task, again]), Vec::new())
            }
            Message::Own(answer) => {
                if let Ok(Reply::Status(own)) = answer {
                    self.over.belongs_to(&own);
                    self.own = Some(own);
                }
                (Task::none(), Vec::new())
            }
            Message::Beside(_) if self.asks() => (Task::none(), Vec::new()),
            Message::Beside(forward) => match self.inbox.beside(forward) {
                Some(id) => (self.open(id, backend), Vec::new()),
                None => (Task::none(), Vec::new()),
            },
            Message::Over(message) => {
                let (task, actions) = self.over.update(message, backend);
                let tasks = actions.into_iter().map(|action| self.over(action, backend)).collect::<Vec<_>>();
                (Task::batch([task.map(Message::Over)].into_iter().chain(tasks)), Vec::new())
            }
            Message::Show(dialog) => (self.show(dialog, backend), Vec::new()),
            Message::Escape if self.files.is_open() => {
                let wishes = self.files.update(files::Message::Close);
                self.of_files(wishes, backend)
            }
            Message::Escape => {
                let closed = self.over.close(backend);
                let idle = !closed || self.over.is_open() || self.conversation.is_none();
                (if idle { Task::none() } else { conversation::focus() }, Vec::new())
            }
            Message::Step(down) => (self.over.step(down, backend).map(Message::Over), Vec::new()),
            Message::Settings => (Task::none(), vec![Action::Settings]),
            Message::Lock => (Task::none(), vec![Action::Lock]),
            Message::Documents(message) => self.in_documents(message, backend),
            Message::Files(message) => {
                let wishes = self.files.update(message);
                self.of_files(wishes, backend)
            }
            Message::Attach => self.with_file(backend, |files, to| files.attach(to)),
            Message::Dropped(path) => self.with_file(backend, |files, to| files.dropped(to, path)),
        }
    }

    /// A dialog is open: what stands behind it stays as it is.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.files.is_open() || self.over.is_open()
    }

    /// Where files are saved if nobody says otherwise.
    pub fn save_into(&mut self, folder: std::path::PathBuf) {
        self.files.save_into(folder);
    }

    /// Which conversation is shown.
    #[must_use]
    pub fn shown(&self) -> Option<ConversationId> {
        self.conversation.as_ref().map(|open| open.id())
    }

    /// A conversation that is listed.
    #[must_use]
    pub fn find(&self, id: ConversationId) -> Option<&amanat_client::api::ConversationView> {
        self.inbox.find(id)
    }

    /// Asks about a file for the open conversation.
    fn with_file(
        &mut self,
        backend: &dyn Backend,
        ask: impl FnOnce(
            &mut files::State,
            amanat_client::api::ConversationView,
        ) -> Vec<Wish<files::Message, files::Action>>,
    ) -> (Task<Message>, Vec<Action>) {
        let Some(to) = self.conversation.as_ref().map(|open| open.about().clone()) else {
            return (Task::none(), Vec::new());
        };
        let wishes = ask(&mut self.files, to);
        self.of_files(wishes, backend)
    }

    fn of_files(
        &mut self,
        wishes: Vec<Wish<files::Message, files::Action>>,
        backend: &dyn Backend,
    ) -> (Task<Message>, Vec<Action>) {
        let (task, left) = carry_out(wishes, backend, Message::Files);
        let (mut tasks, mut actions) = (vec![task], Vec::new());
        for action in left {
            match action {
                files::Action::Changed => tasks.push(self.reread_documents(backend)),
                action => actions.push(Action::Files(action)),
            }
        }
        (Task::batch(tasks), actions)
    }

    fn reread_documents(&self, backend: &dyn Backend) -> Task<Message> {
        let wishes = self.documents.as_ref().map(|open| open.reread()).unwrap_or_default();
        carry_out(wishes, backend, Message::Documents).0
    }

    fn in_documents(&mut self, message: documents::Message, backend: &dyn Backend) -> (Task<Message>, Vec<Action>) {
        let Some(open) = &mut self.documents else { return (Task::none(), Vec::new()) };
        let wishes = open.update(message);
        let (task, left) = carry_out(wishes, backend, Message::Documents);
        let (mut tasks, mut actions) = (vec![task], Vec::new());
        for action in left {
            match action {
                documents::Action::Back => {
                    self.documents = None;
                    tasks.extend(self.shown().map(|id| self.open(id, backend)));
                }
                documents::Action::Save(document) => {
                    let wishes = self.files.save(*document);
                    let (task, mut more) = self.of_files(wishes, backend);
                    tasks.push(task);
                    actions.append(&mut more);
                }
            }
        }
        (Task::batch(tasks), actions)
    }

    /// What the conversation asks about documents; what it asks else is left.
    fn documents_of(&mut self, action: conversation::Action, backend: &dyn Backend) -> (Task<Message>, Vec<Action>) {
        match action {
            conversation::Action::Attach(_) => self.with_file(backend, |files, to| files.attach(to)),
            conversation::Action::Save(document) => {
                let wishes = self.files.save(*document);
                self.of_files(wishes, backend)
            }
            conversation::Action::Documents(_) => {
                let Some(view) = self.conversation.as_ref().map(|open| open.about().clone()) else {
                    return (Task::none(), Vec::new());
                };
                let (state, wishes) = documents::State::open(view);
                self.documents = Some(Box::new(state));
                (carry_out(wishes, backend, Message::Documents).0, Vec::new())
            }
            action => (Task::none(), vec![Action::Of(action)]),
        }
    }

    /// The list is there: what is shown is as it says, and what was wanted is shown.
    fn listed(&mut self, backend: &dyn Backend) -> Task<Message> {
        if let Some((id, sequence)) = self.wanted
            && self.inbox.find(id).is_some()
        {
            self.wanted = None;
            return self.open_at(id, sequence, backend);
        }
        let Some(open) = &mut self.conversation else { return Task::none() };
        let Some(view) = self.inbox.find(open.id()) else { return Task::none() };
        open.changed(view.clone());
        self.over.shown(view, self.own.as_deref(), backend).map(Message::Over)
    }

    /// A dialog is wanted.
    fn show(&mut self, dialog: Dialog, backend: &dyn Backend) -> Task<Message> {
        let all = self.inbox.all();
        let shown = self.conversation.as_ref().map(|open| open.id());
        let task = match (dialog, &self.own) {
            (Dialog::New, Some(own)) => self.over.begin(own, all, None, backend),
            (Dialog::New, None) => Task::none(),
            (Dialog::Switcher, _) => self.over.switch(all, backend),
            (Dialog::Search, _) => self.over.search(shown, all, backend),
            (Dialog::SearchAll, _) => self.over.search(None, all, backend),
            (Dialog::Security, _) => self.over.secure(backend),
        };
        task.map(Message::Over)
    }

    /// What the dialogs ask for.
    fn over(&mut self, action: over::Action, backend: &dyn Backend) -> Task<Message> {
        match action {
            over::Action::Open(id, sequence) => self.open_at(id, sequence, backend),
            over::Action::With(person) => {
                let Some(own) = &self.own else { return Task::none() };
                self.over.begin(own, self.inbox.all(), Some(*person), backend).map(Message::Over)
            }
            over::Action::Changed => self.list(backend),
        }
    }

    /// Shows a conversation at a message; one that is not listed yet as soon as it is.
    fn open_at(&mut self, id: ConversationId, sequence: Option<u64>, backend: &dyn Backend) -> Task<Message> {
        if self.inbox.find(id).is_none() {
            self.wanted = Some((id, sequence));
            return self.list(backend);
        }
        let here = self.conversation.as_ref().is_some_and(|open| open.id() == id);
        let opened = if here { Task::none() } else { self.open(id, backend) };
        let wishes = match (&mut self.conversation, sequence) {
            (Some(open), Some(sequence)) => open.jump(sequence),
            _ => Vec::new(),
        };
        let (jumped, _) = self.of_conversation(wishes, backend);
        Task::batch([opened, jumped])
    }

    fn in_inbox(&mut self, message: inbox::Message, backend: &dyn Backend) -> (Task<Message>, Vec<Action>) {
        let wishes = self.inbox.update(message);
        let (task, left) = carry_out(wishes, backend, Message::Inbox);
        let mut tasks = vec![task];
        for action in left {
            match action {
                inbox::Action::Open(id) => tasks.push(self.open(id, backend)),
                inbox::Action::New => tasks.push(self.show(Dialog::New, backend)),
            }
        }
        (Task::batch(tasks), Vec::new())
    }

    fn of_conversation(
        &mut self,
        wishes: Vec<Wish<conversation::Message, conversation::Action>>,
        backend: &dyn Backend,
    ) -> (Task<Message>, Vec<Action>) {
        let Some(id) = self.shown() else { return (Task::none(), Vec::new()) };
        let (task, left) = carry_out(wishes, backend, move |message| Message::Conversation(id, message));
        let (mut tasks, mut actions) = (vec![task], Vec::new());
        for action in left {
            match action {
                conversation::Action::Draft(id, text) => self.keep_draft(id, text),
                conversation::Action::Changed => tasks.push(self.list(backend)),
                conversation::Action::Readers(id) => {
                    if let Some(view) = self.inbox.find(id) {
                        tasks.push(self.over.readers(view, self.own.as_deref(), backend).map(Message::Over));
                    }
                }
                action => {
                    let (task, mut more) = self.documents_of(action, backend);
                    tasks.push(task);
                    actions.append(&mut more);
                }
            }
        }
        (Task::batch(tasks), actions)
    }

    fn keep_draft(&mut self, id: ConversationId, text: String) {
        if text.trim().is_empty() {
            self.drafts.remove(&id);
        } else {
            self.drafts.insert(id, text);
        }
    }

    /// Shows a conversation; what was written in the one before is kept.
    pub fn open(&mut self, id: ConversationId, backend: &dyn Backend) -> Task<Message> {
        let Some(view) = self.inbox.find(id).cloned() else { return Task::none() };
        if let Some(before) = self.conversation.take() {
            self.keep_draft(before.id(), before.draft());
        }
        let draft = self.drafts.get(&id).cloned().unwrap_or_default();
        let (state, wishes) = conversation::State::open(view, &draft);
        self.conversation = Some(Box::new(state));
        self.documents = None;
        // What was to be opened once it is listed does not push this one aside.
        self.wanted = None;
        self.inbox.choose(id);
        let (task, _) = self.of_conversation(wishes, backend);
        let shown = self.inbox.find(id).map(|view| self.over.shown(view, self.own.as_deref(), backend));
        let shown = shown.map_or_else(Task::none, |task| task.map(Message::Over));
        Task::batch([task, shown, self.list(backend)])
    }

    fn heard(&mut self, event: Event, backend: &dyn Backend) -> (Task<Message>, Vec<Action>) {
        let over = self.over.heard(&event, backend).map(Message::Over);
        let mut open = self.conversation.take();
        let here = |id: &ConversationId| open.as_ref().is_some_and(|open| open.id() == *id);
        let mut wishes = Vec::new();
        let mut listed = true;
        let mut actions = Vec::new();
        match event {
            Event::Message { conversation, message } | Event::MessageChanged { conversation, message }
                if here(&conversation) =>
            {
                wishes = open.as_mut().map(|open| open.heard(message)).unwrap_or_default();
            }
            Event::MessageState { conversation, message, state } if here(&conversation) => {
                if let Some(open) = &mut open {
                    open.come_further(message, state);
                }
            }
            Event::Missed => wishes = open.as_mut().map(|open| open.missed()).unwrap_or_default(),
            Event::Link(state) => {
                self.link = state;
                listed = matches!(self.link, LinkState::CaughtUp);
            }
            Event::Stopped(failure) => actions.push(Action::Stopped(failure)),
            Event::Progress(progress) => {
                listed = false;
                if let Some(open) = &mut open {
                    open.progressed(progress);
                }
                if let Some(documents) = &mut self.documents {
                    documents.progressed(progress);
                }
            }
            Event::DocumentFailed { document, failure } => {
                let name = open.as_mut().and_then(|open| open.stopped(document));
                if failure.code != amanat_client::FailureCode::Stopped {
                    self.files.failed(name.unwrap_or_default(), true, failure);
                }
            }
            _ => {}
        }
        self.conversation = open;
        let (task, mut left) = self.of_conversation(wishes, backend);
        actions.append(&mut left);
        let list = if listed { self.list(backend) } else { Task::none() };
        (Task::batch([task, list, over]), actions)
    }

    /// How it looks.
    #[must_use]
    pub fn view<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let look = context.look;
        let hairline = || rule::vertical(1).style(surface::line(look));
        let list = container(self.inbox.view(context).map(Message::Inbox)).height(Fill);
        let side = column![list, rule::horizontal(1).style(surface::line(look)), self.foot(context)];
        let side = container(side).width(INBOX).height(Fill).style(surface::panel(look));
        let parts = vec![side.into(), hairline().into(), self.main(context)];
        let shown = self.conversation.as_ref().map(|open| open.id());
        let above = self.over.above(shown, self.inbox.all(), context).map(Message::Over);
        let whole = column![above, look.direction.row(parts).height(Fill)];
        let whole = frame::over(whole.into(), self.over.dialog(context), Message::Over, context);
        dialog::over(whole, self.files.view(context).map(|question| question.map(Message::Files)))
    }

    /// The conversation, under its warnings, beside its readers.
    fn main<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let look = context.look;
        if let Some(documents) = &self.documents {
            let banners = self.shown().map(|id| self.over.banners(id, context).map(Message::Over));
            let documents = container(documents.view(context).map(Message::Documents)).height(Fill);
            return column![].push(banners).push(documents).width(Fill).into();
        }
        let Some(open) = &self.conversation else {
            return container(conversation::none(context)).width(Fill).into();
        };
        let shown = move || {
            let banners = self.over.banners(open.id(), context).map(Message::Over);
            let id = open.id();
            let conversation = open.view(context).map(move |message| Message::Conversation(id, message));
            column![banners, container(conversation).height(Fill)]
        };
        if !self.over.has_panel() {
            return container(shown()).width(Fill).into();
        }
        let both = responsive(move |size| {
            let panel = self.over.panel(context).map(Message::Over);
            if size.width < over::PANEL + CONVERSATION {
                let banners = self.over.banners(open.id(), context).map(Message::Over);
                return column![banners, container(panel).height(Fill)].into();
            }
            let line = rule::vertical(1).style(surface::line(look));
            let parts =
                vec![container(shown()).width(Fill).into(), line.into(), container(panel).width(over::PANEL).into()];
            look.direction.row(parts).into()
        });
        both.into()
    }

    /// Who am I, and how is the link.
    fn foot<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let key = match &self.link {
            LinkState::Connecting => "link-connecting",
            LinkState::Up(_) => "link-up",
            LinkState::CaughtUp => "link-caught-up",
            LinkState::Down { .. } => "link-down",
        };
        let name = self.own.as_ref().map(|own| own.name.clone()).unwrap_or_default();
        let texts = column![
            line(amanat_ui::bidi::defuse(&name, 60), Role::Strong, look.tokens.text),
            muted(words.say(key), Role::Caption, look),
        ];
        let texts = texts.align_x(look.direction.start_items()).width(Fill);
        let who = vec![badge::face(&name, 34.0, look), container(texts).width(Fill).into()];
        let security = Message::Show(Dialog::Security);
        let buttons = vec![
            button::word(words.say("security-open"), Kind::Quiet, Some(security), look),
            gap::horizontal().into(),
            button::word(words.say("settings"), Kind::Quiet, Some(Message::Settings), look),
            button::word(words.say("lock"), Kind::Quiet, Some(Message::Lock), look),
        ];
        let who = look.direction.row(who).spacing(space::S).align_y(Alignment::Center);
        let buttons = look.direction.row(buttons).spacing(space::S).align_y(Alignment::Center);
        container(column![who, buttons].spacing(space::S)).padding(space::M).into()
    }
}
