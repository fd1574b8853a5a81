//! The window once it is unlocked: the inbox at the start, the conversation beside it, and what is to be seen at once above
//! both: the link, alarms and notices.

mod drafts;
mod events;
mod front;
mod listing;
mod view;

use std::time::Duration;

use amanat_client::{
    Command, Event, Reply,
    api::{LinkState, Overview},
};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;
use iced::Task;

use self::drafts::Drafts;
use super::{
    conversation, documents, files,
    inbox::{self, Trouble},
    over,
};
use crate::{
    backend::Backend,
    turn::Turn,
    wish::{Answer, Wish, carry_out},
};

/// What it shows.
pub struct State {
    inbox: inbox::State,
    conversation: Option<Box<conversation::State>>,
    /// What is written and not sent, and not in the vault yet.
    drafts: Drafts,
    link: LinkState,
    own: Option<Box<Overview>>,
    /// Dialogs, the panel of readers, warnings.
    over: over::State,
    /// To be shown as soon as it is listed, at a message.
    wanted: Option<(ConversationId, Option<u64>)>,
    /// The list is being read.
    listing: Turn,
    /// Since the machine started, as it was told last.
    moment: Duration,
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
    /// A key that leads somewhere in the conversation.
    Go(conversation::Way),
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
    /// Time has gone by.
    Due,
    /// A draft is in the vault, or not.
    Kept(ConversationId, Answer),
    /// A conversation is pinned or muted, or not.
    Arranged(Answer),
    /// The shown one is to be.
    Arrange(inbox::Arrange),
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
    /// Have a place chosen for a diagnostic file, whose name is proposed.
    PickReport(String),
}

impl State {
    /// As it is at first.
    pub fn new(backend: &dyn Backend) -> (Self, Task<Message>) {
        let mut state = Self {
            inbox: inbox::State::default(),
            conversation: None,
            drafts: Drafts::default(),
            link: LinkState::Connecting,
            own: None,
            over: over::State::default(),
            wanted: None,
            listing: Turn::default(),
            moment: Duration::ZERO,
            documents: None,
            files: files::State::default(),
        };
        let own = Task::perform(backend.ask(Command::Status), Message::Own);
        let list = state.list(backend);
        let warnings = state.over.begin_warnings(backend).map(Message::Over);
        (state, Task::batch([list, own, warnings]))
    }

    /// It is this long since the machine started.
    pub fn at(&mut self, moment: Duration) {
        self.moment = self.moment.max(moment);
        self.over.at(self.moment);
        self.files.at(self.moment);
        if let Some(open) = &mut self.conversation {
            open.at(self.moment);
        }
    }

    /// Something is to be done in a moment: it wants to be told how time goes by.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.drafts.waits() || self.over.waits() || self.conversation.as_ref().is_some_and(|open| open.waits())
    }

    /// What is written and not in the vault, to be asked of the engine before it is stopped.
    #[must_use]
    pub fn unkept(&self) -> Vec<Command> {
        self.drafts.unkept()
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
        if !self.listing.ask() {
            return Task::none();
        }
        Task::perform(backend.ask(Command::Conversations), Message::Listed)
    }

    /// Something happened.
    pub fn update(&mut self, message: Message, backend: &dyn Backend) -> (Task<Message>, Vec<Action>) {
        let done = self.react(message, backend);
        self.over.sighted(self.shown());
        done
    }

    fn react(&mut self, message: Message, backend: &dyn Backend) -> (Task<Message>, Vec<Action>) {
        match message {
            Message::Inbox(message) => self.in_inbox(message, backend),
            Message::Conversation(id, message) => self.in_conversation(id, message, backend),
            Message::Heard(event) => self.heard(*event, backend),
            Message::Listed(answer) => (self.list_came(answer, backend), Vec::new()),
            Message::Own(answer) => {
                let Ok(Reply::Status(own)) = answer else { return (Task::none(), Vec::new()) };
                let task = self.over.belongs_to(&own, backend).map(Message::Over);
                self.own = Some(own);
                (task, Vec::new())
            }
            Message::Due => {
                let due = self.drafts.due(self.moment);
                (Task::batch(due.into_iter().map(|due| ask_to_keep(due, backend))), Vec::new())
            }
            Message::Kept(id, answer) => (self.kept(id, answer, backend), Vec::new()),
            Message::Arranged(answer) => {
                match answer {
                    Ok(_) => self.inbox.well(Trouble::Order),
                    Err(failure) => self.inbox.failed(Trouble::Order, failure),
                }
                (self.list(backend), Vec::new())
            }
            Message::Arrange(arrange) => {
                let wishes = self.inbox.arrange_chosen(arrange);
                self.of_inbox(wishes, backend)
            }
            Message::Beside(_) if self.asks() => (Task::none(), Vec::new()),
            Message::Beside(forward) => match self.inbox.beside(forward) {
                Some(id) => (self.open(id, backend), Vec::new()),
                None => (Task::none(), Vec::new()),
            },
            Message::Over(message) => {
                let (task, asked) = self.over.update(message, backend);
                let (mut tasks, mut actions) = (vec![task.map(Message::Over)], Vec::new());
                for action in asked {
                    let (task, left) = self.over(action, backend);
                    tasks.push(task);
                    actions.extend(left);
                }
                (Task::batch(tasks), actions)
            }
            Message::Show(dialog) => (self.show(dialog, backend), Vec::new()),
            Message::Escape if self.files.is_open() => {
                let wishes = self.files.update(files::Message::Close);
                self.of_files(wishes, backend)
            }
            Message::Escape if self.in_front() => self.with_conversation(backend, conversation::State::back),
            Message::Escape => {
                let closed = self.over.close(backend);
                let idle = !closed || self.over.is_open() || self.conversation.is_none();
                (if idle { Task::none() } else { conversation::focus() }, Vec::new())
            }
            Message::Step(down) if self.in_front() => self.go(conversation::Way::Row(down), backend),
            Message::Go(way) => self.go(way, backend),
            Message::Step(down) => (self.over.step(down, backend).map(Message::Over), Vec::new()),
            Message::Settings => (Task::none(), vec![Action::Settings]),
            Message::Lock => (Task::none(), vec![Action::Lock]),
            Message::Documents(message) => self.in_documents(message, backend),
            Message::Files(message) => {
                let wishes = self.files.update(message);
                self.of_files(wishes, backend)
            }
            Message::Attach => self.with_file(backend, |files, to| files.attach(to)),
            Message::Dropped(path) => self.dropped(path, backend),
        }
    }

    /// A dialog is open: what stands behind it stays as it is.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.files.is_open() || self.over.is_open() || self.in_front()
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
                files::Action::Insert(id, text) => {
                    let insert = conversation::Message::Typed(amanat_ui::edit::Action::insert(text));
                    tasks.push(Task::done(Message::Conversation(id, insert)));
                }
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
            conversation::Action::Attach => self.with_file(backend, |files, to| files.attach(to)),
            conversation::Action::Pasted(text) => self.with_file(backend, |files, to| files.pasted(to, text)),
            conversation::Action::Save(document) => {
                let wishes = self.files.save(*document);
                self.of_files(wishes, backend)
            }
            conversation::Action::Documents => {
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
        let wishes = open.changed(view.clone());
        let shown = self.over.shown(view, self.own.as_deref(), backend).map(Message::Over);
        let (task, _) = self.of_conversation(wishes, backend);
        Task::batch([shown, task])
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

    /// What the dialogs ask for; what is the window's to do is left.
    fn over(&mut self, action: over::Action, backend: &dyn Backend) -> (Task<Message>, Option<Action>) {
        let task = match action {
            over::Action::Open(id, sequence) => self.open_at(id, sequence, backend),
            over::Action::With(person) => match &self.own {
                Some(own) => self.over.begin(own, self.inbox.all(), Some(*person), backend).map(Message::Over),
                None => Task::none(),
            },
            over::Action::Changed => self.list(backend),
            over::Action::PickReport(name) => return (Task::none(), Some(Action::PickReport(name))),
        };
        (task, None)
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
        self.of_inbox(wishes, backend)
    }

    fn of_inbox(
        &mut self,
        wishes: Vec<Wish<inbox::Message, inbox::Action>>,
        backend: &dyn Backend,
    ) -> (Task<Message>, Vec<Action>) {
        let (task, left) = carry_out(wishes, backend, Message::Inbox);
        let mut tasks = vec![task];
        for action in left {
            match action {
                inbox::Action::Open(id) => tasks.push(self.open(id, backend)),
                inbox::Action::New => tasks.push(self.show(Dialog::New, backend)),
                inbox::Action::Search => tasks.push(self.show(Dialog::SearchAll, backend)),
                inbox::Action::Arrange { conversation, pinned, muted } => {
                    let command = Command::Arrange { conversation, pinned, muted };
                    tasks.push(Task::perform(backend.ask(command), Message::Arranged));
                }
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
                conversation::Action::Draft(id, text) => {
                    self.write(id, text);
                    tasks.push(self.keep_at_once(id, backend));
                }
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

    fn in_conversation(
        &mut self,
        id: ConversationId,
        message: conversation::Message,
        backend: &dyn Backend,
    ) -> (Task<Message>, Vec<Action>) {
        let Some(open) = self.conversation.as_mut().filter(|open| open.id() == id) else {
            // An answer to one that is not shown any more. What could not be sent there is not lost.
            if let conversation::Message::Sent(unsent, Err(_)) = message {
                self.write(id, unsent.before(&self.draft(id)));
                return (self.keep_at_once(id, backend), Vec::new());
            }
            return (Task::none(), Vec::new());
        };
        use conversation::Message::{Lines, Measured, Scrolled};
        let writes = !matches!(message, Lines { .. } | Measured(..) | Scrolled(_));
        let wishes = open.update(message);
        if writes {
            let text = open.draft();
            self.write(id, text);
        }
        self.of_conversation(wishes, backend)
    }

    /// What is written in a conversation and not sent.
    fn draft(&self, id: ConversationId) -> String {
        let listed = || self.inbox.find(id).map_or("", |view| &view.draft);
        self.drafts.text(id).unwrap_or_else(listed).to_owned()
    }

    fn write(&mut self, id: ConversationId, text: String) {
        let listed = self.inbox.find(id).map_or("", |view| &view.draft);
        self.drafts.written(id, text, listed, self.moment);
    }

    fn keep_at_once(&mut self, id: ConversationId, backend: &dyn Backend) -> Task<Message> {
        self.drafts.at_once(id).map_or_else(Task::none, |due| ask_to_keep(due, backend))
    }

    /// Shows a conversation; what was written in the one before is kept.
    pub fn open(&mut self, id: ConversationId, backend: &dyn Backend) -> Task<Message> {
        let Some(view) = self.inbox.find(id).cloned() else { return Task::none() };
        let kept = self.put_away(backend);
        let draft = self.draft(id);
        let (mut state, wishes) = conversation::State::open(view, &draft);
        state.at(self.moment);
        self.conversation = Some(Box::new(state));
        self.documents = None;
        // What was to be opened once it is listed does not push this one aside.
        self.wanted = None;
        self.inbox.choose(id);
        let (task, _) = self.of_conversation(wishes, backend);
        let shown = self.inbox.find(id).map(|view| self.over.shown(view, self.own.as_deref(), backend));
        let shown = shown.map_or_else(Task::none, |task| task.map(Message::Over));
        Task::batch([kept, task, shown, self.list(backend)])
    }

    /// The conversation is left; what was written in it is kept.
    fn put_away(&mut self, backend: &dyn Backend) -> Task<Message> {
        let Some(before) = self.conversation.take() else { return Task::none() };
        let (id, text) = (before.id(), before.draft());
        self.write(id, text);
        let text = self.draft(id);
        self.inbox.drafted(id, &text);
        self.keep_at_once(id, backend)
    }
}

fn ask_to_keep((id, command): (ConversationId, Command), backend: &dyn Backend) -> Task<Message> {
    Task::perform(backend.ask(command), move |answer| Message::Kept(id, answer))
}
