//! The inbox: conversations, the latest first, with tier, unread count and last line; filtered by typing.

use amanat_client::api::{ConversationView, MessageBody};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;
use amanat_ui::{
    badge, button,
    edit::{self, Field},
    text::{Role, line, muted, plain},
    theme::space,
};
use iced::{
    Alignment, Element, Fill,
    widget::{column, container, scrollable, space as gap},
};

use super::Context;
use crate::wish::Wish;

/// The filter's name.
pub const FILTER: &str = "filter";
/// Characters of a title and a last line that are shown.
const SHOWN: usize = 120;
/// Last lines are shown below this tier.
const HIDDEN_FROM: Tier = Tier::Confidential;

/// What it shows.
#[derive(Default)]
pub struct State {
    conversations: Vec<ConversationView>,
    chosen: Option<ConversationId>,
    filter: edit::Content,
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
}

/// What it asks of its parent.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Show a conversation.
    Open(ConversationId),
    /// Begin another one.
    New,
}

impl State {
    /// The engine's list.
    pub fn show(&mut self, conversations: Vec<ConversationView>) {
        self.conversations = conversations;
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

    /// Unread messages in all conversations.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.conversations.iter().map(|view| view.unread).sum()
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
            Message::Choose(id) => vec![Wish::Parent(Action::Open(id))],
            Message::Filter(action) => {
                self.filter.perform(action);
                Vec::new()
            }
            Message::First => {
                let first = self.fitting().next().map(|view| view.id);
                first.map(|id| Wish::Parent(Action::Open(id))).into_iter().collect()
            }
            Message::New => vec![Wish::Parent(Action::New)],
        }
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
        let top = container(column![header, filter].spacing(space::M)).padding(space::L);
        column![top, list].into()
    }

    fn row<'a>(&'a self, view: &'a ConversationView, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, now } = context;
        let k = look.tokens;
        let number = tier_number(view.tier);
        let start = look.direction.start();
        let title = line(amanat_ui::bidi::defuse(&view.title, SHOWN), Role::Strong, k.text);
        let when = view.last.as_ref().map(|last| words.when(last.at, now)).unwrap_or_default();
        let mut below = vec![
            badge::tier(words.tier(view.tier), number, look),
            container(line(preview(view, context), Role::Label, k.muted)).width(Fill).align_x(start).into(),
        ];
        if view.unread > 0 {
            below.push(badge::count(words.language().number(view.unread), look));
        }
        let above = vec![container(title).width(Fill).align_x(start).into(), muted(when, Role::Caption, look).into()];
        let texts = column![
            look.direction.row(above).spacing(space::S).align_y(Alignment::Center),
            look.direction.row(below).spacing(space::S).align_y(Alignment::Center),
        ]
        .spacing(space::XS);
        let whole = vec![badge::face(&view.title, 40.0, look), container(texts).width(Fill).into()];
        let whole = look.direction.row(whole).spacing(space::M).align_y(Alignment::Center);
        button::row(whole, self.chosen == Some(view.id), Message::Choose(view.id), look)
    }
}

/// A tier's place among the tokens.
#[must_use]
pub fn tier_number(tier: Tier) -> usize {
    usize::from(tier.number()).saturating_sub(1)
}

/// The last line, on one line.
fn preview(view: &ConversationView, context: Context<'_>) -> String {
    let words = context.words;
    if let Some(state) = words.state(view.state) {
        return state;
    }
    let Some(last) = &view.last else { return String::new() };
    if view.tier >= HIDDEN_FROM {
        return words.say("inbox-hidden");
    }
    let text = match &last.body {
        MessageBody::Text(text) => amanat_ui::bidi::defuse(text, SHOWN),
        MessageBody::Document(document) => amanat_ui::bidi::defuse(&document.name, SHOWN),
        MessageBody::ReadsFromHere => words.say("message-reads-from-here"),
        MessageBody::Gone => words.say("message-gone"),
        MessageBody::NeedsNewerVersion => words.say("message-newer"),
    };
    if last.own {
        words.with("inbox-own", &[("text", text.into())])
    } else if view.direct {
        text
    } else {
        words.with("inbox-from", &[("name", amanat_ui::bidi::defuse(&last.name, 40).into()), ("text", text.into())])
    }
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
            let hidden = preview(view, context) == words.say("inbox-hidden");
            assert_eq!(hidden, view.tier >= Tier::Confidential, "{}", view.title);
        }
    }
}
