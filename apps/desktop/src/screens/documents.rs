//! The documents of a conversation: all of them in one list, sorted and filtered, with the same things to do as on their cards.

use amanat_client::{
    Command, Failure, Reply,
    api::{ConversationView, DocumentView, Progress},
};
use amanat_primitives::{ConversationId, DocumentId};
use amanat_ui::{
    badge, bidi,
    button::{self, Kind},
    choice::{self, Choice},
    edit::{self, Field},
    notice, surface,
    text::{Role, line, muted},
    theme::space,
};
use iced::{
    Alignment, Element, Fill,
    widget::{column, container, rule, scrollable, space as gap},
};

use super::{
    Context,
    document_card::{self, Deed},
    inbox::tier_number,
};
use crate::{
    thumbnail::kept::Kept,
    wish::{Answer, Wish},
};

/// The filter's name.
pub const FILTER: &str = "documents-filter";
/// The filter's width, in logical pixels.
const FILTER_WIDTH: f32 = 260.0;
/// Characters of a title or a name.
const NAME: usize = 120;
/// Rows that are laid out: whoever looks for more types.
const SHOWN: usize = 200;

/// What the list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// When it was sent, the latest first.
    Date,
    /// Its name.
    Name,
    /// Its size, the largest first.
    Size,
}

/// Whose documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Everybody's.
    All,
    /// One's own.
    Sent,
    /// Others'.
    Received,
}

/// What it shows.
pub struct State {
    view: ConversationView,
    /// As the conversation has them, the earliest first.
    documents: Vec<DocumentView>,
    /// What fits, in its order.
    order: Vec<usize>,
    read: bool,
    sort: Sort,
    reversed: bool,
    which: Which,
    filter: edit::Content,
    failure: Option<Failure>,
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// The list was read.
    Listed(Answer),
    /// By this, or the other way round.
    Sort(Sort),
    /// These alone.
    Which(Which),
    /// Something was typed into the filter.
    Filter(edit::Action),
    /// Something is to be done with one.
    Do(Deed, DocumentId),
    /// It was done, or not.
    Done(Answer),
    /// To the conversation.
    Back,
}

/// What it asks of its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Choose where to save a document.
    Save(Box<DocumentView>),
    /// Show the conversation.
    Back,
}

type Wishes = Vec<Wish<Message, Action>>;

impl State {
    /// Those of a conversation.
    #[must_use]
    pub fn open(view: ConversationView) -> (Self, Wishes) {
        let state = Self {
            view,
            documents: Vec::new(),
            order: Vec::new(),
            read: false,
            sort: Sort::Date,
            reversed: false,
            which: Which::All,
            filter: edit::Content::new(),
            failure: None,
        };
        let wishes = state.reread();
        (state, wishes)
    }

    /// Which.
    #[must_use]
    pub fn id(&self) -> ConversationId {
        self.view.id
    }

    /// Has the list read again.
    #[must_use]
    pub fn reread(&self) -> Wishes {
        vec![Wish::ask(Command::Documents { conversation: self.id() }, Message::Listed)]
    }

    /// One has come further.
    pub fn progressed(&mut self, progress: Progress) {
        self.documents.iter_mut().any(|document| document_card::progressed(document, progress));
    }

    /// Something happened.
    pub fn update(&mut self, message: Message) -> Wishes {
        match message {
            Message::Listed(answer) => {
                self.read = true;
                match answer {
                    // An answer about another conversation, which was asked before this one was shown, says nothing here.
                    Ok(Reply::Documents(documents)) if documents.iter().any(|one| one.conversation != self.id()) => {}
                    Ok(Reply::Documents(documents)) => self.documents = documents,
                    Ok(_) => {}
                    Err(failure) => self.failure = Some(failure),
                }
            }
            Message::Sort(sort) => {
                self.reversed = self.sort == sort && !self.reversed;
                self.sort = sort;
            }
            Message::Which(which) => self.which = which,
            Message::Filter(action) => self.filter.perform(action),
            Message::Do(deed, document) => return self.deed(deed, document),
            Message::Done(answer) => {
                self.failure = answer.err().filter(|failure| failure.code != amanat_client::FailureCode::Stopped);
                return self.reread();
            }
            Message::Back => return vec![Wish::Parent(Action::Back)],
        }
        self.arrange();
        Vec::new()
    }

    fn deed(&self, deed: Deed, document: DocumentId) -> Wishes {
        let command = match deed {
            Deed::Save => {
                let found = self.documents.iter().find(|view| view.id == document);
                return found.map(|view| Wish::Parent(Action::Save(Box::new(view.clone())))).into_iter().collect();
            }
            Deed::Pause => Command::PauseDocument { document },
            Deed::Resume => Command::ResumeDocument { document },
            Deed::Cancel => Command::CancelDocument { document },
        };
        vec![Wish::ask(command, Message::Done)]
    }

    /// What fits, in its order: computed when something changes, not when it is drawn.
    fn arrange(&mut self) {
        let typed = self.filter.text().trim().to_lowercase();
        let own = |view: &DocumentView| view.sent.as_ref().is_some_and(|sent| sent.own);
        let fits = |view: &DocumentView| {
            let which = match self.which {
                Which::All => true,
                Which::Sent => own(view),
                Which::Received => !own(view),
            };
            which && view.name.to_lowercase().contains(&typed)
        };
        let mut order: Vec<(usize, &DocumentView)> =
            self.documents.iter().enumerate().filter(|(_, view)| fits(view)).collect();
        match self.sort {
            Sort::Date => order.reverse(),
            Sort::Name => order.sort_by_key(|(_, view)| view.name.to_lowercase()),
            Sort::Size => order.sort_by_key(|(_, view)| std::cmp::Reverse(view.size)),
        }
        if self.reversed {
            order.reverse();
        }
        self.order = order.into_iter().map(|(n, _)| n).collect();
    }

    /// How it looks.
    #[must_use]
    pub fn view<'a>(&'a self, pictures: &'a Kept, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let (tier, number) = (words.tier(self.view.tier), tier_number(self.view.tier));
        let hairline = || rule::horizontal(1).style(surface::line(look));
        let mut rows = column![].spacing(space::S).padding(space::L);
        if let Some(failure) = &self.failure {
            let (failed, advice) = words.failure(failure);
            rows = rows.push(notice::advice(notice::Kind::Danger, failed, advice, Vec::new(), look));
        }
        let shown = self.order.iter().take(SHOWN).filter_map(|n| self.documents.get(*n));
        for document in shown {
            rows = rows.push(row(document, pictures, context));
        }
        let none = match (self.read, self.documents.is_empty(), self.order.is_empty()) {
            (false, ..) => Some("documents-reading"),
            (true, true, _) => Some("documents-none"),
            (true, false, true) => Some("documents-none-fits"),
            _ => None,
        };
        if let Some(key) = none {
            let said = muted(words.say(key), Role::Body, look);
            rows = rows.push(container(said).center_x(Fill).padding(space::XXL));
        }
        column![
            badge::banner(tier.clone(), number, look),
            container(self.header(context)).padding([space::M, space::L]).style(surface::panel(look)),
            hairline(),
            container(self.tools(context)).padding([space::S, space::L]).style(surface::panel(look)),
            hairline(),
            container(scrollable(rows).width(Fill).height(Fill)).height(Fill).style(surface::canvas(look)),
            badge::banner(tier, number, look),
        ]
        .into()
    }

    fn header<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let texts = column![
            line(words.say("documents-title"), Role::Heading, look.tokens.text),
            line(bidi::defuse(&self.view.title, NAME), Role::Label, look.tokens.muted),
        ]
        .align_x(look.direction.start_items());
        let parts = vec![
            badge::face(&self.view.title, 40.0, look),
            container(texts).width(Fill).align_x(look.direction.start()).into(),
            button::word(words.say("back"), Kind::Secondary, Some(Message::Back), look),
        ];
        look.direction.row(parts).spacing(space::M).align_y(Alignment::Center).into()
    }

    /// What is shown and in which order: what is chosen is marked, not by colour alone.
    fn tools<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let which =
            [("documents-all", Which::All), ("documents-sent", Which::Sent), ("documents-received", Which::Received)];
        let sorts =
            [("documents-by-date", Sort::Date), ("documents-by-name", Sort::Name), ("documents-by-size", Sort::Size)];
        let field = Field { id: FILTER, placeholder: words.say("documents-filter"), submit: None, several: false };
        let field = container(edit::field(&self.filter, field, Message::Filter, look)).width(FILTER_WIDTH);
        let which = which.map(|(key, which)| {
            let (word, chosen) = (words.say(key), self.which == which);
            Choice { word, chosen, press: Some(Message::Which(which)) }
        });
        // Down: the latest, the largest, A before Z.
        let arrow = if self.reversed { "↑" } else { "↓" };
        let sorts = sorts.map(|(key, sort)| {
            let (mut word, chosen) = (words.say(key), self.sort == sort);
            if chosen {
                word = words.with("documents-sorted", &[("by", word.into()), ("arrow", arrow.into())]);
            }
            Choice { word, chosen, press: Some(Message::Sort(sort)) }
        });
        let parts = vec![
            field.into(),
            choice::row_of(which.into(), look),
            gap::horizontal().into(),
            choice::row_of(sorts.into(), look),
        ];
        look.direction.row(parts).spacing(space::S).align_y(Alignment::Center).into()
    }
}

fn row<'a>(document: &'a DocumentView, pictures: &'a Kept, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, now } = context;
    let under = document.sent.as_ref().map(|sent| {
        let when = words.when(sent.at, now);
        if sent.own {
            words.with("documents-sent-by-me", &[("when", when.into())])
        } else {
            let name = bidi::defuse(&sent.by, NAME);
            words.with("documents-sent-by", &[("name", name.into()), ("when", when.into())])
        }
    });
    let id = document.id;
    let card = document_card::view(document, under, pictures.of(id), move |deed| Message::Do(deed, id), context);
    container(card).padding(space::M).width(Fill).style(surface::card(look)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    fn names(state: &State) -> Vec<u64> {
        state.order.iter().filter_map(|n| state.documents.get(*n)).map(|view| view.size).collect()
    }

    #[test]
    fn it_sorts_and_filters() {
        let view = fake::conversations().swap_remove(0);
        let documents = fake::documents(view.id);
        let sizes: Vec<u64> = documents.iter().map(|view| view.size).collect();
        let (mut state, wishes) = State::open(view);
        assert!(matches!(&wishes[..], [Wish::Ask(Command::Documents { .. }, _)]));
        state.update(Message::Listed(Ok(Reply::Documents(documents.clone()))));
        assert_eq!(names(&state), sizes.iter().rev().copied().collect::<Vec<_>>(), "the latest first");
        state.update(Message::Sort(Sort::Size));
        assert!(names(&state).is_sorted_by(|one, other| one >= other));
        state.update(Message::Sort(Sort::Size));
        assert!(names(&state).is_sorted());
        state.update(Message::Which(Which::Sent));
        let sent = state.order.len();
        state.update(Message::Which(Which::Received));
        assert_eq!(sent + state.order.len(), documents.len());
        assert!(sent > 0 && !state.order.is_empty());
        state.update(Message::Which(Which::All));
        state.filter = edit::Content::with_text("CSV");
        state.update(Message::Which(Which::All));
        assert_eq!(state.order.len(), 1);
    }

    #[test]
    fn what_is_done_is_asked_and_a_failure_is_kept() {
        let view = fake::conversations().swap_remove(0);
        let documents = fake::documents(view.id);
        let id = documents[0].id;
        let (mut state, _) = State::open(view);
        state.update(Message::Listed(Ok(Reply::Documents(documents))));
        assert!(matches!(&state.update(Message::Do(Deed::Save, id))[..], [Wish::Parent(Action::Save(_))]));
        let wishes = state.update(Message::Do(Deed::Pause, id));
        assert!(matches!(&wishes[..], [Wish::Ask(Command::PauseDocument { .. }, _)]));
        state.update(Message::Done(Err(Failure::new(amanat_client::FailureCode::NotFound, "no", "again"))));
        assert!(state.failure.is_some());
    }
}
