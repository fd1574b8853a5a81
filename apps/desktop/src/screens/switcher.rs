//! To a conversation or a person by typing a part of the name: arrows choose, Enter opens.

use amanat_client::{
    Command, Reply,
    api::{ConversationView, Person},
};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;
use amanat_ui::{
    badge, bidi, button,
    edit::{self, Field},
    mark,
    text::{Role, line, muted},
    theme::space,
};
use iced::{
    Alignment, Element, Fill,
    widget::{Id, column, container, operation},
};

use super::{
    Context, frame,
    frame::Dialog,
    inbox::tier_number,
    person::{self, Shown},
};
use crate::{
    turn::Turn,
    wish::{Answer, Wish},
};

/// The field's name.
pub const FIELD: &str = "switcher";
/// Conversations that are listed.
const SHOWN: usize = 5;
/// People that are listed.
const PEOPLE: usize = 3;
/// Characters of a title that are shown.
const TITLE: usize = 100;

/// What it shows.
pub struct State {
    field: edit::Content,
    /// The row that Enter opens.
    at: usize,
    conversations: Vec<(ConversationId, String, Tier)>,
    people: Vec<Person>,
    asking: Turn,
    /// What was asked last.
    asked: String,
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
    /// A row was pressed.
    Choose(Choice),
    /// Not at all.
    Close,
}

/// A row.
#[derive(Clone, PartialEq, Eq)]
pub enum Choice {
    /// A conversation.
    Conversation(ConversationId),
    /// Somebody to write to.
    Person(Box<Person>),
}

/// What it asks of its parent.
pub enum Action {
    /// Show a conversation.
    Open(ConversationId),
    /// Write to somebody.
    With(Box<Person>),
    /// Close this.
    Close,
}

type Wishes = Vec<Wish<Message, Action>>;

impl State {
    /// Over these conversations.
    #[must_use]
    pub fn open(conversations: &[ConversationView]) -> (Self, Wishes) {
        let conversations = conversations.iter().map(|view| (view.id, view.title.clone(), view.tier)).collect();
        let (field, people, asked) = (edit::Content::new(), Vec::new(), String::new());
        let state = Self { field, at: 0, conversations, people, asking: Turn::default(), asked };
        (state, vec![Wish::Run(operation::focus(Id::new(FIELD)))])
    }

    fn wanted(&self) -> String {
        self.field.text().trim().to_lowercase()
    }

    fn ask(&mut self) -> Wishes {
        let query = self.wanted();
        if query == self.asked {
            return Vec::new();
        }
        self.asked.clone_from(&query);
        if query.is_empty() {
            self.people.clear();
            return Vec::new();
        }
        if self.asking.ask() { self.question() } else { Vec::new() }
    }

    fn question(&self) -> Wishes {
        vec![Wish::ask(Command::People { query: self.asked.clone() }, Message::Found)]
    }

    fn choices(&self) -> Vec<Choice> {
        let wanted = self.wanted();
        let titles = self.conversations.iter().filter(|(_, title, _)| title.to_lowercase().contains(&wanted));
        let titles = titles.take(SHOWN).map(|(id, ..)| Choice::Conversation(*id));
        let people = self.people.iter().filter(|_| !wanted.is_empty()).take(PEOPLE);
        titles.chain(people.map(|person| Choice::Person(Box::new(person.clone())))).collect()
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
                if self.asking.answered() {
                    return self.question();
                }
                if let Ok(Reply::People { people, .. }) = answer {
                    self.people = people;
                }
                Vec::new()
            }
            Message::Move(down) => {
                let last = self.choices().len().saturating_sub(1);
                self.at = if down { (self.at + 1).min(last) } else { self.at.saturating_sub(1) };
                Vec::new()
            }
            Message::Enter => match self.choices().into_iter().nth(self.at) {
                Some(choice) => chosen(choice),
                None => Vec::new(),
            },
            Message::Choose(choice) => chosen(choice),
            Message::Close => vec![Wish::Parent(Action::Close)],
        }
    }

    /// How it looks.
    #[must_use]
    pub fn view<'a>(&'a self, context: Context<'a>) -> Dialog<'a, Message> {
        let Context { look, words, .. } = context;
        let placeholder = words.say("switcher-field");
        let field = Field { id: FIELD, placeholder, submit: Some(Message::Enter), several: false };
        let field = edit::field(&self.field, field, Message::Typed, look);
        let mut rows: Vec<Element<'a, Message>> = Vec::new();
        for (n, choice) in self.choices().into_iter().enumerate() {
            let shown = match &choice {
                Choice::Conversation(id) => self.conversation(*id, context),
                Choice::Person(person) => {
                    let found = self.people.iter().find(|one| one.address == person.address);
                    found.map(|person| person::row(&Shown::of(person), context))
                }
            };
            let chosen = n == self.at;
            let row = |shown| button::row(mark::chosen(shown, chosen, look), chosen, Message::Choose(choice), look);
            rows.extend(shown.map(row));
        }
        if rows.is_empty() {
            rows.push(container(muted(words.say("switcher-none"), Role::Body, look)).padding(space::M).into());
        }
        let list = column(rows).spacing(space::XS).width(Fill);
        let hint = muted(words.say("switcher-hint"), Role::Caption, look);
        let content = frame::stacked(vec![field, list.into(), hint.into()], look).spacing(space::M).into();
        Dialog { title: words.say("switcher-title"), content, buttons: Vec::new(), close: Some(Message::Close) }
    }

    fn conversation<'a>(&'a self, id: ConversationId, context: Context<'a>) -> Option<Element<'a, Message>> {
        let Context { look, words, .. } = context;
        let (_, title, tier) = self.conversations.iter().find(|(one, ..)| *one == id)?;
        let name = line(bidi::defuse(title, TITLE), Role::Strong, look.tokens.text);
        let parts = vec![
            badge::face(title, 32.0, look),
            container(name).width(Fill).align_x(look.direction.start()).into(),
            badge::tier(words.tier(*tier), tier_number(*tier), look),
        ];
        Some(look.direction.row(parts).spacing(space::M).align_y(Alignment::Center).into())
    }
}

fn chosen(choice: Choice) -> Wishes {
    vec![Wish::Parent(match choice {
        Choice::Conversation(id) => Action::Open(id),
        Choice::Person(person) => Action::With(person),
    })]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn arrows_choose_and_enter_opens() {
        let conversations = fake::conversations();
        let (mut state, _) = State::open(&conversations);
        state.update(Message::Move(false));
        state.update(Message::Move(true));
        let wishes = state.update(Message::Enter);
        let second = conversations[1].id;
        assert!(matches!(&wishes[..], [Wish::Parent(Action::Open(id))] if *id == second));
        for _ in 0..100 {
            state.update(Message::Move(true));
        }
        assert_eq!(state.at, SHOWN - 1);
    }

    #[test]
    fn people_stand_behind_conversations() {
        let (mut state, _) = State::open(&fake::conversations());
        state.field = edit::Content::with_text("sana");
        let wishes = state.ask();
        assert!(matches!(&wishes[..], [Wish::Ask(Command::People { .. }, _)]));
        assert!(state.ask().is_empty());
        let people = fake::people().into_iter().filter(|person| person.name == "Sana Tariq").collect();
        state.update(Message::Found(Ok(Reply::People { people, from_cache: false })));
        let wishes = state.update(Message::Enter);
        assert!(matches!(&wishes[..], [Wish::Parent(Action::With(person))] if person.name == "Sana Tariq"));
    }
}
