//! A conversation: its messages, of which only those near the view are laid out, and the composer below them. The tier stands
//! above and below, as on paper.

pub mod calendar;
mod composer;
mod keys;
mod list;
mod newcomers;
mod row;
mod sending;
mod unsent;

use std::time::Duration;

use amanat_client::{
    Command, Failure, Reply,
    api::{ConversationView, DocumentView, Line, MessageBody, MessageRef, MessageState, MessageView, Progress, Who},
};
use amanat_identity::Tier;
use amanat_primitives::{ConversationId, DocumentId, MessageId, Timestamp};
use amanat_ui::{
    badge, dialog, edit, surface,
    text::{Role, muted},
    theme::space,
};
use iced::{
    Element, Fill, Task,
    widget::{Id, column, container, operation, rule, space as gap},
};

pub use self::{keys::Way, unsent::Unsent};
use self::{
    list::List,
    newcomers::{Held, Newcomers},
};
use super::{Context, document_card, filter, inbox::tier_number};
use crate::{
    thumbnail::kept::Kept,
    wish::{Answer, Wish},
};

/// The composer's name.
pub const COMPOSER: &str = "composer";
/// Nothing is copied from this tier upward.
pub(super) const NO_COPY_FROM: Tier = Tier::Secret;

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
    newcomers: Newcomers,
    /// What is done once it is known who reads it.
    held: Option<Held>,
    filter: filter::State,
    asked: Option<Asked>,
    /// Since the machine started, as it was told last.
    moment: Duration,
    failure: Option<Failure>,
}

/// What stands over the messages until it is answered.
enum Asked {
    /// Which day?
    Day(calendar::State),
    /// Are these to read it, too?
    Newcomers {
        who: Vec<Who>,
        /// When that appeared.
        since: Duration,
    },
}

/// What its rows are shown from.
#[derive(Clone, Copy)]
struct Shown<'a> {
    state: &'a State,
    pictures: &'a Kept,
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
    /// About what the leak filter says.
    Filter(filter::Message),
    /// Those who came may read it.
    SendAll,
    /// Who the members are: an answer to the question of a number.
    Members(u64, Answer),
    /// Lines were read back for the question of a number.
    Before(u64, Answer),
    /// What is asked is not to be done.
    Back,
    /// Up, where nothing is written.
    EditLast,
    /// What happened since was read.
    Since(Answer),
    /// The calendar is wanted, at a day.
    Day(Timestamp),
    /// In the calendar.
    Calendar(calendar::Message),
    /// It is in the outbox, or not.
    Sent(Unsent, Answer),
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
    /// A text that may name files was pasted.
    Pasted(String),
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
    Attach,
    /// Choose where to save a document.
    Save(Box<DocumentView>),
    /// Show all documents.
    Documents,
    /// A text that may name files was pasted.
    Pasted(String),
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
            newcomers: Newcomers::default(),
            held: None,
            filter: filter::State::default(),
            asked: None,
            moment: Duration::ZERO,
            failure: None,
            view,
        };
        let mut wishes = state.read();
        wishes.extend(state.ask_members());
        wishes.extend(state.look_over());
        wishes.push(Wish::Run(operation::focus(Id::new(COMPOSER))));
        wishes.push(Wish::Run(list::to_end()));
        (state, wishes)
    }

    /// Which.
    #[must_use]
    pub fn id(&self) -> ConversationId {
        self.view.id
    }

    /// It is this long since the machine started.
    pub fn at(&mut self, moment: Duration) {
        self.moment = self.moment.max(moment);
        self.filter.at(moment);
    }

    /// It wants to be told how time goes by.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.filter.waits()
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
    pub fn changed(&mut self, view: ConversationView) -> Wishes {
        self.view = view;
        self.look_around()
    }

    /// A message is new, or looks different.
    pub fn heard(&mut self, message: MessageView) -> Wishes {
        let (at_end, before) = (self.list.at_end(), self.list.last());
        let line = Line::Message(Box::new(message));
        self.newcomers.saw(&line);
        if !self.list.put(line) {
            return Vec::new();
        }
        let last = self.list.last();
        // What stands between was told by nobody: changes are lines, too.
        let mut wishes = if last > before + 1 { self.read_since(before) } else { self.read_marked(last - 1) };
        if at_end {
            wishes.push(Wish::Run(list::to_end()));
        }
        wishes
    }

    /// Its members or its title have changed: the lines that say so are read.
    pub fn happened(&mut self, view: ConversationView) -> Wishes {
        self.view = view;
        let mut wishes = self.look_around();
        wishes.extend(self.read_since(self.list.last()));
        wishes
    }

    fn read_since(&self, since: u64) -> Wishes {
        let read = Command::Read { conversation: self.id(), since, limit: list::PAGE as u32, mark: true };
        vec![Wish::ask(read, Message::Since)]
    }

    fn since(&mut self, lines: Vec<Line>) -> Wishes {
        let at_end = self.list.at_end();
        let more = lines.len() as u64 >= list::PAGE;
        let mut new = false;
        for line in lines {
            self.newcomers.saw(&line);
            new |= self.list.put(line);
        }
        let mut wishes = if more { self.read_since(self.list.last()) } else { Vec::new() };
        if new && at_end {
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
        let mut wishes = self.read();
        // And what came at its end meanwhile.
        wishes.extend(self.read_since(self.list.last()));
        wishes.extend(self.ask_members());
        wishes
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
        let mut wishes = self.react(message);
        wishes.extend(self.look_over());
        wishes
    }

    fn react(&mut self, message: Message) -> Wishes {
        match message {
            Message::Lines { page, answer } => self.page(page, answer),
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
                // What waits to be sent is another text by now.
                self.failure = None;
                self.hold_nothing();
                Vec::new()
            }
            Message::Send => self.send_anew(),
            Message::Filter(message) => self.in_filter(message),
            Message::SendAll => self.send_all(),
            Message::Members(turn, answer) => self.members(turn, answer),
            Message::Before(turn, answer) => self.before(turn, answer),
            Message::Back => self.back(),
            Message::EditLast => self.edit_last(),
            Message::Since(Ok(Reply::Lines(lines))) => self.since(lines),
            Message::Day(at) => self.choose_day(at),
            Message::Calendar(message) => self.in_calendar(message),
            Message::Sent(unsent, Err(failure)) => {
                self.failure = Some(failure);
                self.take_back(unsent);
                Vec::new()
            }
            Message::Sent(..) | Message::Done(Ok(_)) | Message::Since(Ok(_)) => vec![Wish::Parent(Action::Changed)],
            Message::Done(Err(failure)) | Message::Since(Err(failure)) => {
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
                self.hold_nothing();
                // What was written before a change began comes back; what answers stays.
                if let Mode::Edit(_, before) = std::mem::replace(&mut self.mode, Mode::New) {
                    self.draft = edit::Content::with_text(&before);
                }
                Vec::new()
            }
            Message::Readers => vec![Wish::Parent(Action::Readers(self.id()))],
            Message::Attach => vec![Wish::Parent(Action::Attach)],
            Message::Pasted(text) => vec![Wish::Parent(Action::Pasted(text))],
            Message::Documents => vec![Wish::Parent(Action::Documents)],
            Message::Document(deed, id) => self.document(deed, id),
            Message::Transferred(answer) => self.transferred(answer),
        }
    }

    /// A page was read, or not.
    fn page(&mut self, page: u64, answer: Answer) -> Wishes {
        let lines = match answer {
            Ok(Reply::Lines(lines)) => lines,
            answer => {
                self.list.unfilled(page);
                self.failure = answer.err();
                return Vec::new();
            }
        };
        lines.iter().for_each(|line| self.newcomers.saw(line));
        self.list.fill(page, lines);
        let mut wishes = self.scroll_to_goal();
        if self.view.unread > 0 {
            // They are read now, and the inbox counts them no more.
            wishes.push(Wish::Parent(Action::Changed));
        }
        wishes
    }

    fn deed(&mut self, deed: Deed, id: MessageId) -> Wishes {
        (self.menu, self.deleting) = (None, false);
        self.hold_nothing();
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
                let (name, before) = (view.name.clone(), self.draft());
                // What was written before a change began comes back.
                if matches!(self.mode, Mode::Edit(..)) {
                    self.draft = edit::Content::with_text(&before);
                }
                self.mode = Mode::Reply { to: message, name, text };
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
    pub fn view<'a>(&'a self, pictures: &'a Kept, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let (tier, number) = (words.tier(self.tier()), tier_number(self.tier()));
        let hairline = || rule::horizontal(1).style(surface::line(look));
        let asked = self.asked.as_ref().map(|asked| match asked {
            Asked::Day(calendar) => calendar.view(context).map(Message::Calendar),
            Asked::Newcomers { who, .. } => self.ask_about(who, context),
        });
        let shown = column![
            badge::banner(tier.clone(), number, look),
            container(self.header(context)).padding([space::M, space::L]).style(surface::panel(look)),
            hairline(),
            container(self.list.view(Shown { state: self, pictures }, context))
                .height(Fill)
                .style(surface::canvas(look)),
            hairline(),
            container(self.composer(context)).padding([space::M, space::L]).style(surface::panel(look)),
            badge::banner(tier, number, look),
        ];
        dialog::over(shown, asked)
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
