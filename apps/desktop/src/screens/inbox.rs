//! The inbox: conversations, pinned ones first, then the latest first, with tier, unread count and last line or draft; filtered
//! by typing.
//!
//! Each row has a button beside it, reached by Tab after the row, that opens what can be done with it: pin, mute. For the
//! conversation that is shown, Ctrl+Shift+P and Ctrl+Shift+M do the same.

mod row;

use amanat_client::{Failure, api::ConversationView};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;
use amanat_ui::{
    button,
    edit::{self, Field},
    text::{Role, muted, plain},
    theme::space,
};
use iced::{
    Alignment, Element, Fill,
    widget::{column, container, scrollable, space as gap},
};

use super::{Context, frame};
use crate::wish::Wish;

/// The filter's name.
pub const FILTER: &str = "filter";
/// What it shows.
#[derive(Default)]
pub struct State {
    conversations: Vec<ConversationView>,
    chosen: Option<ConversationId>,
    filter: edit::Content,
    /// What can be done with this one is shown.
    menu: Option<ConversationId>,
    failure: Option<(Trouble, Failure)>,
}

/// What could not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Reading the list, or whose it is.
    List,
    /// Keeping what is written.
    Draft,
    /// Pinning or muting.
    Order,
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// A row was chosen.
    Choose(ConversationId),
    /// Something was typed into the filter.
    Filter(edit::Action),
    /// Enter in the filter: the first row that fits.
    First,
    /// A new conversation is wanted.
    New,
    /// To search in all conversations.
    Search,
    /// What can be done with a conversation is to be shown, or not any more.
    Menu(ConversationId),
    /// One of it.
    Arrange(ConversationId, Arrange),
}

/// What can be done with a conversation, or taken back where it is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrange {
    /// Before the others.
    Pin,
    /// Without notifications.
    Mute,
}

/// What it asks of its parent.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Show a conversation.
    Open(ConversationId),
    /// Begin another one.
    New,
    /// To search in all conversations.
    Search,
    /// Pin and mute one, or not.
    Arrange {
        /// Which.
        conversation: ConversationId,
        /// Before the others.
        pinned: bool,
        /// Without notifications.
        muted: bool,
    },
}

impl State {
    /// The engine's list.
    pub fn show(&mut self, conversations: Vec<ConversationView>) {
        self.conversations = conversations;
        self.sort();
    }

    /// Pinned ones first; both keep the engine's order.
    fn sort(&mut self) {
        self.conversations.sort_by_key(|view| !view.pinned);
    }

    /// This is written in one and not sent.
    pub fn drafted(&mut self, id: ConversationId, text: &str) {
        if let Some(view) = self.conversations.iter_mut().find(|view| view.id == id) {
            text.clone_into(&mut view.draft);
        }
    }

    /// Something could not be kept.
    pub fn failed(&mut self, trouble: Trouble, failure: Failure) {
        self.failure = Some((trouble, failure));
    }

    /// The same was done since.
    pub fn well(&mut self, trouble: Trouble) {
        self.failure.take_if(|(failed, _)| *failed == trouble);
    }

    /// All that it lists.
    #[must_use]
    pub fn all(&self) -> &[ConversationView] {
        &self.conversations
    }

    /// A conversation that it lists.
    #[must_use]
    pub fn find(&self, id: ConversationId) -> Option<&ConversationView> {
        self.conversations.iter().find(|view| view.id == id)
    }

    /// Unread messages in all conversations but muted ones.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.conversations.iter().filter(|view| !view.muted).map(|view| view.unread).sum()
    }

    /// The highest tier among all conversations.
    #[must_use]
    pub fn highest_tier(&self) -> Option<Tier> {
        self.conversations.iter().map(|view| view.tier).max()
    }

    /// This one is shown.
    pub fn choose(&mut self, id: ConversationId) {
        self.chosen = Some(id);
    }

    /// The one before or behind the one that is shown.
    #[must_use]
    pub fn beside(&self, forward: bool) -> Option<ConversationId> {
        let fitting: Vec<_> = self.fitting().map(|view| view.id).collect();
        let Some(at) = self.chosen.and_then(|id| fitting.iter().position(|one| *one == id)) else {
            return fitting.first().copied();
        };
        let next = if forward { at.checked_add(1)? } else { at.checked_sub(1)? };
        fitting.get(next).copied()
    }

    fn fitting(&self) -> impl Iterator<Item = &ConversationView> {
        let wanted = self.filter.text().trim().to_lowercase();
        self.conversations.iter().filter(move |view| view.title.to_lowercase().contains(&wanted))
    }

    /// Something happened.
    pub fn update(&mut self, message: Message) -> Vec<Wish<Message, Action>> {
        match message {
            Message::Choose(id) => {
                (self.menu, self.failure) = (None, None);
                vec![Wish::Parent(Action::Open(id))]
            }
            Message::Filter(action) => {
                self.filter.perform(action);
                Vec::new()
            }
            Message::First => {
                let first = self.fitting().next().map(|view| view.id);
                first.map(|id| Wish::Parent(Action::Open(id))).into_iter().collect()
            }
            Message::New => vec![Wish::Parent(Action::New)],
            Message::Search => vec![Wish::Parent(Action::Search)],
            Message::Menu(id) => {
                self.menu = (self.menu != Some(id)).then_some(id);
                Vec::new()
            }
            Message::Arrange(id, arrange) => self.arrange(id, arrange),
        }
    }

    /// The conversation that is shown is pinned or muted, or not any more.
    pub fn arrange_chosen(&mut self, arrange: Arrange) -> Vec<Wish<Message, Action>> {
        self.chosen.map(|id| self.arrange(id, arrange)).unwrap_or_default()
    }

    /// It is so at once; where it cannot be kept, the next list says so.
    fn arrange(&mut self, id: ConversationId, arrange: Arrange) -> Vec<Wish<Message, Action>> {
        (self.menu, self.failure) = (None, None);
        let Some(view) = self.conversations.iter_mut().find(|view| view.id == id) else { return Vec::new() };
        match arrange {
            Arrange::Pin => view.pinned = !view.pinned,
            Arrange::Mute => view.muted = !view.muted,
        }
        let action = Action::Arrange { conversation: id, pinned: view.pinned, muted: view.muted };
        self.sort();
        vec![Wish::Parent(action)]
    }

    /// How it looks.
    #[must_use]
    pub fn view<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let header = look
            .direction
            .row(vec![
                plain(words.say("inbox-title"), Role::Title).into(),
                gap::horizontal().into(),
                button::word(words.say("inbox-search"), button::Kind::Quiet, Some(Message::Search), look),
                button::word(words.say("inbox-new"), button::Kind::Secondary, Some(Message::New), look),
            ])
            .align_y(Alignment::Center);
        let placeholder = words.say("inbox-filter");
        let filter = Field { id: FILTER, placeholder, submit: Some(Message::First), several: false };
        let filter = edit::field(&self.filter, filter, Message::Filter, look);
        let mut rows: Vec<Element<'a, Message>> = self.fitting().map(|view| self.row(view, context)).collect();
        if rows.is_empty() {
            let key = if self.conversations.is_empty() { "inbox-empty" } else { "inbox-none-fits" };
            rows.push(container(muted(words.say(key), Role::Body, look)).padding(space::L).into());
        }
        let list = scrollable(column(rows).spacing(space::XS).padding([0.0, space::S])).height(Fill).width(Fill);
        let mut top = column![header, filter].spacing(space::M);
        if let Some((_, failure)) = &self.failure {
            top = top.push(frame::failure(failure, context));
        }
        column![container(top).padding(space::L), list].into()
    }
}

/// A tier's place among the tokens.
#[must_use]
pub fn tier_number(tier: Tier) -> usize {
    usize::from(tier.number()).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn it_is_filtered_and_walked_through() {
        let mut state = State::default();
        state.show(fake::conversations());
        let first = state.conversations[0].id;
        assert_eq!(state.beside(true), Some(first));
        state.choose(first);
        assert_eq!(state.beside(false), None);
        assert_eq!(state.beside(true), Some(state.conversations[1].id));
        for c in "flood".chars() {
            state.update(Message::Filter(edit::Action::insert(c)));
        }
        let wishes = state.update(Message::First);
        let found = state.find(state.fitting().next().unwrap().id).unwrap();
        assert_eq!(found.title, "Flood Response Cell");
        assert!(matches!(&wishes[..], [Wish::Parent(Action::Open(id))] if *id == found.id));
    }

    #[test]
    fn last_lines_are_hidden_from_confidential_on() {
        let words = crate::words::Words::new(crate::language::Language::English);
        let look = fake::look();
        let context = Context { look, words: &words, now: fake::NOW };
        for view in fake::conversations().iter().filter(|view| words.state(view.state).is_none()) {
            let hidden = row::preview(view, false, context) == words.say("inbox-hidden");
            assert_eq!(hidden, view.tier >= Tier::Confidential, "{}", view.title);
        }
    }

    #[test]
    fn drafts_are_shown_as_far_as_the_tier_allows_and_not_beside_the_composer() {
        let words = crate::words::Words::new(crate::language::Language::English);
        let context = Context { look: fake::look(), words: &words, now: fake::NOW };
        let mut state = State::default();
        state.show(fake::conversations());
        let ids: Vec<_> = state.conversations.iter().map(|view| view.id).collect();
        ids.iter().for_each(|id| state.drafted(*id, "half\nsaid"));
        for view in state.conversations.iter().filter(|view| words.state(view.state).is_none()) {
            let (shown, open) = (row::preview(view, false, context), row::preview(view, true, context));
            assert!(shown.starts_with("Draft") && !open.contains("Draft"), "{shown}: {open}");
            assert_eq!(shown.contains("half said"), view.tier < Tier::Confidential, "{shown}");
        }
    }

    #[test]
    fn pinned_ones_stand_first_and_muted_ones_are_not_counted() {
        let mut state = State::default();
        state.show(fake::conversations());
        let (first, flood) = (state.conversations[0].id, state.conversations[3].id);
        let all = state.unread();
        let wishes = state.update(Message::Arrange(flood, Arrange::Pin));
        let pinned = Action::Arrange { conversation: flood, pinned: true, muted: false };
        assert!(matches!(&wishes[..], [Wish::Parent(action)] if *action == pinned));
        assert_eq!(state.conversations[0].id, flood);
        assert_eq!(state.conversations[1].id, first, "the others keep their order");
        assert!(state.arrange_chosen(Arrange::Mute).is_empty(), "none is shown");
        state.choose(flood);
        assert_eq!(state.arrange_chosen(Arrange::Mute).len(), 1);
        assert_eq!(state.unread(), all - 12);
        let wishes = state.update(Message::Arrange(flood, Arrange::Pin));
        let back = Action::Arrange { conversation: flood, pinned: false, muted: true };
        assert!(matches!(&wishes[..], [Wish::Parent(action)] if *action == back));
        state.show(fake::conversations());
        assert_eq!(state.conversations[0].id, first, "where it goes back to is the engine's to say");
    }
}
