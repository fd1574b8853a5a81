//! Messages are searched for, in one conversation or in all; a hit leads to its place.

use amanat_client::{
    Command, Failure, Reply,
    api::{ConversationView, Hit, MessageBody},
};
use amanat_primitives::ConversationId;
use amanat_ui::{
    badge, bidi, button,
    edit::{self, Field},
    surface,
    text::{Role, line, muted},
    theme::{Pair, radius, space},
};
use iced::{
    Alignment, Element, Fill,
    widget::{Id, column, container, operation},
};

use super::{Context, frame, frame::Dialog, inbox::tier_number, person};
use crate::wish::{Answer, Wish};

/// The field's name.
pub const FIELD: &str = "search";
/// Hits that are asked for and shown.
const LIMIT: u32 = 50;
/// The edge of the chosen hit, in logical pixels.
const EDGE: f32 = 2.0;
/// Characters of a message, a title.
const TEXT: usize = 140;

/// What it shows.
pub struct State {
    /// In this one alone.
    within: Option<ConversationId>,
    conversations: Vec<ConversationView>,
    field: edit::Content,
    at: usize,
    hits: Vec<Hit>,
    waiting: bool,
    asked: String,
    failure: Option<Failure>,
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// Something was typed.
    Typed(edit::Action),
    /// An answer.
    Found(Answer),
    /// Up or down.
    Move(bool),
    /// Enter.
    Enter,
    /// A hit was pressed.
    Choose(ConversationId, u64),
    /// Enough.
    Close,
}

/// What it asks of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Show the message of a sequence in a conversation.
    Jump(ConversationId, u64),
    /// Close this.
    Close,
}

type Wishes = Vec<Wish<Message, Action>>;

impl State {
    /// In one conversation, or in all.
    #[must_use]
    pub fn open(within: Option<ConversationId>, conversations: Vec<ConversationView>) -> (Self, Wishes) {
        let field = edit::Content::new();
        let (hits, asked, failure) = (Vec::new(), String::new(), None);
        let state = Self { within, conversations, field, at: 0, hits, waiting: true, asked, failure };
        // An empty search begins to prepare what the next one needs.
        let prepare = Command::Search { query: String::new(), conversation: None, limit: 1 };
        let wishes = vec![Wish::Run(operation::focus(Id::new(FIELD))), Wish::ask(prepare, Message::Found)];
        (state, wishes)
    }

    fn ask(&mut self) -> Wishes {
        let query = self.field.text().trim().to_owned();
        if self.waiting || query == self.asked {
            return Vec::new();
        }
        self.asked.clone_from(&query);
        if query.is_empty() {
            self.hits.clear();
            return Vec::new();
        }
        self.waiting = true;
        vec![Wish::ask(Command::Search { query, conversation: self.within, limit: LIMIT }, Message::Found)]
    }

    /// Something happened.
    pub fn update(&mut self, message: Message) -> Wishes {
        match message {
            Message::Typed(action) => {
                self.field.perform(action);
                self.at = 0;
                self.ask()
            }
            Message::Found(answer) => {
                self.waiting = false;
                self.failure = None;
                match answer {
                    Ok(Reply::Hits(hits)) => self.hits = hits,
                    answer => self.failure = answer.err(),
                }
                self.ask()
            }
            Message::Move(down) => {
                let last = self.hits.len().saturating_sub(1);
                self.at = if down { (self.at + 1).min(last) } else { self.at.saturating_sub(1) };
                vec![Wish::Run(frame::to_row(self.at, last))]
            }
            Message::Enter => match self.hits.get(self.at) {
                Some(hit) => vec![Wish::Parent(Action::Jump(hit.conversation, hit.message.sequence))],
                None => Vec::new(),
            },
            Message::Choose(conversation, sequence) => vec![Wish::Parent(Action::Jump(conversation, sequence))],
            Message::Close => vec![Wish::Parent(Action::Close)],
        }
    }

    /// How it looks.
    #[must_use]
    pub fn view<'a>(&'a self, context: Context<'a>) -> Dialog<'a, Message> {
        let Context { look, words, .. } = context;
        let placeholder = words.say("search-field");
        let field = Field { id: FIELD, placeholder, submit: Some(Message::Enter), several: false };
        let mut parts = vec![edit::field(&self.field, field, Message::Typed, look)];
        if let Some(failure) = &self.failure {
            parts.push(frame::failure(failure, context));
        }
        let rows: Vec<_> = self.hits.iter().enumerate().map(|(n, hit)| self.hit(hit, n == self.at, context)).collect();
        let hint = match (rows.is_empty(), self.waiting, self.asked.is_empty()) {
            (false, ..) => "switcher-hint",
            (true, true, _) => "search-busy",
            (true, false, true) => "search-hint",
            (true, false, false) => "search-none",
        };
        parts.push(column(rows).spacing(space::XS).width(Fill).into());
        parts.push(muted(words.say(hint), Role::Caption, look).into());
        let title = match self.within.and_then(|id| self.conversation(id)) {
            Some(view) => words.with("search-within", &[("title", bidi::defuse(&view.title, TEXT / 2).into())]),
            None => words.say("search-title"),
        };
        let content = frame::stacked(parts, look).spacing(space::M).into();
        Dialog { title, content, buttons: Vec::new(), close: Some(Message::Close) }
    }

    fn conversation(&self, id: ConversationId) -> Option<&ConversationView> {
        self.conversations.iter().find(|view| view.id == id)
    }

    fn hit<'a>(&'a self, hit: &'a Hit, chosen: bool, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, now } = context;
        let k = look.tokens;
        let message = &hit.message;
        let text = match &message.body {
            MessageBody::Text(text) => bidi::defuse(text, TEXT),
            MessageBody::Document(document) => bidi::defuse(&document.name, TEXT),
            _ => String::new(),
        };
        let name = line(bidi::defuse(&message.name, person::NAME), Role::Strong, k.text);
        let above = vec![
            container(name).width(Fill).align_x(look.direction.start()).into(),
            muted(words.day(message.at, now), Role::Caption, look).into(),
            muted(words.language().time(message.at), Role::Caption, look).into(),
        ];
        let mut texts = column![
            look.direction.row(above).spacing(space::S).align_y(Alignment::Center),
            line(text, Role::Body, k.text),
        ]
        .align_x(look.direction.start_items())
        .width(Fill);
        if let (None, Some(view)) = (self.within, self.conversation(hit.conversation)) {
            let place = vec![
                badge::tier(words.tier(view.tier), tier_number(view.tier), look),
                line(bidi::defuse(&view.title, TEXT), Role::Caption, k.muted),
            ];
            texts = texts.push(look.direction.row(place).spacing(space::S).align_y(Alignment::Center));
        }
        let press = Message::Choose(hit.conversation, message.sequence);
        // The chosen one is within an edge, so that it is not known by colour alone.
        let edge = if chosen { k.focus } else { iced::Color::TRANSPARENT };
        let ground = Pair { ground: k.panel, ink: k.text };
        let row = container(button::row(texts, chosen, press, look)).padding(EDGE);
        row.style(move |theme| {
            let mut style = surface::edged(ground, edge, radius::M)(theme);
            style.border = style.border.width(EDGE);
            style
        })
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn one_conversation_alone_is_searched_where_one_is_named() {
        let conversations = fake::conversations();
        let one = conversations[0].id;
        let (mut state, wishes) = State::open(Some(one), conversations.clone());
        assert!(
            wishes.iter().any(|wish| matches!(wish, Wish::Ask(Command::Search { query, .. }, _) if query.is_empty()))
        );
        state.field = edit::Content::with_text("summary");
        let wishes = state.update(Message::Found(Ok(Reply::Hits(Vec::new()))));
        let [Wish::Ask(Command::Search { query, conversation, .. }, _)] = &wishes[..] else { panic!() };
        assert_eq!((query.as_str(), *conversation), ("summary", Some(one)));
        let hits = [7, 13].map(|number| fake::hit(one, number).unwrap()).into();
        state.update(Message::Found(Ok(Reply::Hits(hits))));
        state.update(Message::Move(true));
        let wishes = state.update(Message::Enter);
        assert!(matches!(&wishes[..], [Wish::Parent(Action::Jump(id, 13))] if *id == one));

        let (mut state, _) = State::open(None, conversations);
        state.field = edit::Content::with_text("summary");
        let wishes = state.update(Message::Found(Ok(Reply::Hits(Vec::new()))));
        assert!(matches!(&wishes[..], [Wish::Ask(Command::Search { conversation: None, .. }, _)]));
    }
}
