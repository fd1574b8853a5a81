//! What stands over and beside a conversation: dialogs, the panel of readers, and warnings. One dialog at a time.

use std::time::Duration;

use amanat_client::{
    Event,
    api::{ConversationView, Notice, Overview, Person},
};
use amanat_primitives::ConversationId;
use amanat_ui::{
    bidi,
    button::{self, Kind},
    surface,
    text::{Role, plain},
    theme::space,
};
use iced::{
    Alignment, Element, Fill, Task,
    widget::{column, container},
};

use super::{Context, frame::Dialog, new_conversation, person, readers, search, security, switcher, warnings};
use crate::{
    backend::Backend,
    wish::{Wish, carry_out},
};

/// The panel's width, in logical pixels.
pub const PANEL: f32 = 360.0;

/// Other conversations whose warnings are named at once: the rest of the window stays in reach.
const ELSEWHERE: usize = 2;

/// What it shows.
#[derive(Default)]
pub struct State {
    dialog: Option<Open>,
    readers: Option<Box<readers::State>>,
    warnings: warnings::State,
}

enum Open {
    New(Box<new_conversation::State>),
    Security(Box<security::State>),
    Switcher(Box<switcher::State>),
    Search(Box<search::State>),
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// In the dialog of a new conversation.
    New(new_conversation::Message),
    /// In the panel of readers.
    Readers(readers::Message),
    /// In the dialog about security.
    Security(security::Message),
    /// In the switcher.
    Switcher(switcher::Message),
    /// In the search.
    Search(search::Message),
    /// In a banner.
    Warnings(warnings::Message),
}

/// What it asks of its parent.
#[derive(Clone, PartialEq, Eq)]
pub enum Action {
    /// Show a conversation, at the message of a sequence.
    Open(ConversationId, Option<u64>),
    /// Begin one with somebody.
    With(Box<Person>),
    /// The list is out of date.
    Changed,
    /// Have a place chosen for a diagnostic file, whose name is proposed.
    PickReport(String),
}

type Done = (Task<Message>, Vec<Action>);

impl State {
    /// Whose device this is.
    pub fn belongs_to(&mut self, own: &Overview, backend: &dyn Backend) -> Task<Message> {
        carry_out(self.warnings.belongs_to(own.address.clone()), backend, Message::Warnings).0
    }

    /// What the vault has of warnings is read.
    pub fn begin_warnings(&mut self, backend: &dyn Backend) -> Task<Message> {
        carry_out(self.warnings.begin(), backend, Message::Warnings).0
    }

    /// It is this long since the machine started.
    pub fn at(&mut self, moment: Duration) {
        self.warnings.at(moment);
        if let Some(Open::New(state)) = &mut self.dialog {
            state.at(moment);
        }
    }

    /// It wants to be told how time goes by.
    #[must_use]
    pub fn waits(&self) -> bool {
        matches!(&self.dialog, Some(Open::New(state)) if state.waits())
    }

    /// This conversation is shown, or none.
    pub fn sighted(&mut self, shown: Option<ConversationId>) {
        self.warnings.sighted(shown);
    }

    /// A new conversation, with somebody or nobody chosen.
    pub fn begin(
        &mut self,
        own: &Overview,
        conversations: &[ConversationView],
        with: Option<Person>,
        backend: &dyn Backend,
    ) -> Task<Message> {
        let (state, wishes) = new_conversation::State::open(own, conversations, with);
        self.dialog = Some(Open::New(Box::new(state)));
        carry_out(wishes, backend, Message::New).0
    }

    /// The switcher.
    pub fn switch(&mut self, conversations: &[ConversationView], backend: &dyn Backend) -> Task<Message> {
        let (state, wishes) = switcher::State::open(conversations);
        self.dialog = Some(Open::Switcher(Box::new(state)));
        carry_out(wishes, backend, Message::Switcher).0
    }

    /// The search, in one conversation or in all.
    pub fn search(
        &mut self,
        within: Option<ConversationId>,
        conversations: &[ConversationView],
        backend: &dyn Backend,
    ) -> Task<Message> {
        let (state, wishes) = search::State::open(within, conversations.to_vec());
        self.dialog = Some(Open::Search(Box::new(state)));
        carry_out(wishes, backend, Message::Search).0
    }

    /// Security.
    pub fn secure(&mut self, backend: &dyn Backend) -> Task<Message> {
        let (state, wishes) = security::State::open(self.warnings.counts());
        self.dialog = Some(Open::Security(Box::new(state)));
        carry_out(wishes, backend, Message::Security).0
    }

    /// The readers of a conversation, or not any more.
    pub fn readers(&mut self, view: &ConversationView, own: Option<&Overview>, backend: &dyn Backend) -> Task<Message> {
        if self.readers.take().is_some_and(|open| open.id() == view.id) {
            return Task::none();
        }
        let domain = own.map(|own| own.address.domain.clone());
        let (state, wishes) = readers::State::open(view.clone(), domain);
        self.readers = Some(Box::new(state));
        carry_out(wishes, backend, Message::Readers).0
    }

    /// Another conversation is shown, or the one that is shown has changed.
    pub fn shown(&mut self, view: &ConversationView, own: Option<&Overview>, backend: &dyn Backend) -> Task<Message> {
        match &mut self.readers {
            Some(open) if open.id() == view.id => {
                let wishes = open.changed(view.clone());
                carry_out(wishes, backend, Message::Readers).0
            }
            Some(_) => self.readers(view, own, backend),
            None => Task::none(),
        }
    }

    /// The engine says something.
    pub fn heard(&mut self, event: &Event, backend: &dyn Backend) -> Task<Message> {
        let warned = carry_out(self.warnings.heard(event), backend, Message::Warnings).0;
        let Event::Notice(notice) = event else { return warned };
        let people = matches!(notice, Notice::NewDevice { .. } | Notice::Member { .. } | Notice::Revoked { .. });
        let read = match (&self.dialog, &self.readers) {
            (Some(Open::Security(state)), _) => carry_out(state.read(), backend, Message::Security).0,
            (_, Some(readers)) if people => carry_out(readers.read(), backend, Message::Readers).0,
            _ => Task::none(),
        };
        Task::batch([warned, read])
    }

    /// A dialog is open, or a question.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.dialog.is_some() || self.readers.as_ref().is_some_and(|readers| readers.asks())
    }

    /// Esc: what stands uppermost is closed; whether there was anything.
    pub fn close(&mut self, backend: &dyn Backend) -> bool {
        match (&mut self.dialog, &mut self.readers) {
            // No means the question first, then the dialog.
            (Some(Open::New(_)), _) => {
                let _ = self.update(Message::New(new_conversation::Message::Back), backend);
            }
            // What is under way there has its answer first.
            (Some(Open::Security(state)), _) if state.is_busy() => {}
            (Some(_), _) => self.dialog = None,
            (None, Some(readers)) if readers.asks() => {
                let _ = readers.update(readers::Message::Back);
            }
            (None, Some(_)) => self.readers = None,
            (None, None) => return false,
        }
        true
    }

    /// Up or down.
    pub fn step(&mut self, down: bool, backend: &dyn Backend) -> Task<Message> {
        let message = match &self.dialog {
            Some(Open::Switcher(_)) => Message::Switcher(switcher::Message::Move(down)),
            Some(Open::Search(_)) => Message::Search(search::Message::Move(down)),
            _ => return Task::none(),
        };
        self.update(message, backend).0
    }

    /// Something happened.
    pub fn update(&mut self, message: Message, backend: &dyn Backend) -> Done {
        match (message, &mut self.dialog) {
            (Message::New(message), Some(Open::New(state))) => {
                let wishes = state.update(message);
                self.carried(wishes, Message::New, backend, |action| match action {
                    new_conversation::Action::Open(id) => Some(Action::Open(id, None)),
                    new_conversation::Action::Close => None,
                })
            }
            (Message::Security(message), Some(Open::Security(state))) => {
                let (task, left) = carry_out(state.update(message), backend, Message::Security);
                let mut actions = Vec::new();
                for action in left {
                    match action {
                        security::Action::Close => self.dialog = None,
                        security::Action::Pick(name) => actions.push(Action::PickReport(name)),
                    }
                }
                (task, actions)
            }
            (Message::Switcher(message), Some(Open::Switcher(state))) => {
                let wishes = state.update(message);
                self.carried(wishes, Message::Switcher, backend, |action| match action {
                    switcher::Action::Open(id) => Some(Action::Open(id, None)),
                    switcher::Action::With(person) => Some(Action::With(person)),
                    switcher::Action::Close => None,
                })
            }
            (Message::Search(message), Some(Open::Search(state))) => {
                let wishes = state.update(message);
                self.carried(wishes, Message::Search, backend, |action| match action {
                    search::Action::Jump(id, sequence) => Some(Action::Open(id, Some(sequence))),
                    search::Action::Close => None,
                })
            }
            (Message::Readers(message), _) => self.in_readers(message, backend),
            (Message::Warnings(message), _) => {
                let (task, left) = carry_out(self.warnings.update(message), backend, Message::Warnings);
                (task, left.into_iter().map(|warnings::Action::Open(id)| Action::Open(id, None)).collect())
            }
            // An answer to what is closed by now.
            _ => (Task::none(), Vec::new()),
        }
    }

    /// Carries out what a dialog wishes for; whatever it asks of its parent closes it.
    fn carried<M: Send + 'static, A>(
        &mut self,
        wishes: Vec<Wish<M, A>>,
        wrap: impl Fn(M) -> Message + Clone + Send + 'static,
        backend: &dyn Backend,
        to_parent: impl Fn(A) -> Option<Action>,
    ) -> Done {
        let (task, left) = carry_out(wishes, backend, wrap);
        if !left.is_empty() {
            self.dialog = None;
        }
        (task, left.into_iter().filter_map(to_parent).collect())
    }

    fn in_readers(&mut self, message: readers::Message, backend: &dyn Backend) -> Done {
        let Some(readers) = &mut self.readers else { return (Task::none(), Vec::new()) };
        let (task, left) = carry_out(readers.update(message), backend, Message::Readers);
        let mut actions = Vec::new();
        for action in left {
            match action {
                readers::Action::Close => self.readers = None,
                readers::Action::Changed => actions.push(Action::Changed),
            }
        }
        (task, actions)
    }

    /// The dialog that is open.
    #[must_use]
    pub fn dialog<'a>(&'a self, context: Context<'a>) -> Option<Dialog<'a, Message>> {
        match &self.dialog {
            Some(Open::New(state)) => Some(lifted(state.view(context), Message::New)),
            Some(Open::Security(state)) => {
                Some(lifted(state.view(self.warnings.said(context), context), Message::Security))
            }
            Some(Open::Switcher(state)) => Some(lifted(state.view(context), Message::Switcher)),
            Some(Open::Search(state)) => Some(lifted(state.view(context), Message::Search)),
            None => {
                let dialog = self.readers.as_ref()?.dialog(context)?;
                Some(lifted(dialog, Message::Readers))
            }
        }
    }

    /// There is a panel beside the conversation.
    #[must_use]
    pub fn has_panel(&self) -> bool {
        self.readers.is_some()
    }

    /// The panel beside the conversation; nothing where there is none.
    #[must_use]
    pub fn panel<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        match &self.readers {
            Some(readers) => readers.view(&self.warnings, context).map(Message::Readers),
            None => column![].into(),
        }
    }

    /// Warnings of the conversation that is shown.
    #[must_use]
    pub fn banners<'a>(&'a self, shown: ConversationId, context: Context<'a>) -> Element<'a, Message> {
        let banners = self.warnings.banners(Some(shown), context);
        column(banners.into_iter().map(|banner| banner.map(Message::Warnings))).into()
    }

    /// What is to be seen whatever is shown: notices, and where else there are warnings.
    #[must_use]
    pub fn above<'a>(
        &'a self,
        shown: Option<ConversationId>,
        conversations: &[ConversationView],
        context: Context<'a>,
    ) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let mut banners: Vec<Element<'a, Message>> =
            self.warnings.banners(None, context).into_iter().map(|banner| banner.map(Message::Warnings)).collect();
        banners.extend(self.warnings.trouble(context).map(|said| said.map(Message::Warnings)));
        let elsewhere = self.warnings.elsewhere(shown);
        for id in elsewhere.iter().copied().take(ELSEWHERE) {
            let title = conversations.iter().find(|view| view.id == id).map_or("", |view| &view.title);
            let text = words.with("warnings-elsewhere", &[("title", bidi::defuse(title, person::NAME).into())]);
            let show = Message::Warnings(warnings::Message::Open(id));
            let parts = vec![
                container(plain(text, Role::Strong)).width(Fill).align_x(look.direction.start()).into(),
                button::word(words.say("warnings-show"), Kind::Secondary, Some(show), look),
            ];
            let row = look.direction.row(parts).spacing(space::M).align_y(Alignment::Center);
            let banner = container(row).width(Fill).padding([space::XS, space::L]);
            banners.push(banner.style(surface::filled(look.tokens.caution, 0.0)).into());
        }
        banners.extend(warnings::more_follow(elsewhere.len().saturating_sub(ELSEWHERE), context));
        column(banners).into()
    }
}

fn lifted<'a, M: 'a>(dialog: Dialog<'a, M>, wrap: impl Fn(M) -> Message + Copy + 'a) -> Dialog<'a, Message> {
    Dialog {
        title: dialog.title,
        content: dialog.content.map(wrap),
        buttons: dialog.buttons.into_iter().map(|button| button.map(wrap)).collect(),
        close: dialog.close.map(wrap),
    }
}
