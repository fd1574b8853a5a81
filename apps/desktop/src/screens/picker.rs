//! People are looked for by typing and chosen. One question is on its way at a time: what was typed meanwhile is asked when
//! the answer is there, and an answer to an older question is not shown.

use std::collections::BTreeSet;

use amanat_client::{Command, Failure, Reply, api::Person};
use amanat_identity::Address;
use amanat_ui::{
    bidi,
    button::{self, Kind},
    edit::{self, Field},
    mark,
    text::{Role, muted},
    theme::space,
};
use iced::{
    Element, Fill,
    widget::{column, container},
};

use super::{
    Context, frame,
    person::{self, Shown},
};
use crate::{
    turn::Turn,
    wish::{Answer, Wish},
};

/// The field's name.
pub const QUERY: &str = "people";
/// People that are shown at once.
const SHOWN: usize = 40;
/// The list's height, in logical pixels.
const LIST: f32 = 240.0;

/// What it shows.
#[derive(Default)]
pub struct State {
    query: edit::Content,
    asking: Turn,
    people: Vec<Person>,
    from_cache: bool,
    chosen: Vec<Person>,
    /// Who cannot be chosen: oneself, those who are there already.
    barred: BTreeSet<Address>,
    failure: Option<Failure>,
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// Something was typed.
    Typed(edit::Action),
    /// An answer.
    Found(Answer),
    /// Somebody is meant, or not any more.
    Toggle(Address),
    /// Enter: the first one.
    First,
}

type Wishes = Vec<Wish<Message, ()>>;

impl State {
    /// With everybody, until something is typed.
    #[must_use]
    pub fn open(barred: BTreeSet<Address>) -> (Self, Wishes) {
        let mut state = Self { barred, ..Self::default() };
        let mut wishes = state.ask();
        wishes.push(Wish::Run(iced::widget::operation::focus(iced::widget::Id::new(QUERY))));
        (state, wishes)
    }

    /// Those who are chosen.
    #[must_use]
    pub fn chosen(&self) -> &[Person] {
        &self.chosen
    }

    /// Somebody is chosen.
    pub fn choose(&mut self, person: Person) {
        if !self.barred.contains(&person.address) && !self.chosen.iter().any(|one| one.address == person.address) {
            self.chosen.push(person);
        }
    }

    fn ask(&mut self) -> Wishes {
        if self.asking.ask() { self.question() } else { Vec::new() }
    }

    fn question(&self) -> Wishes {
        vec![Wish::ask(Command::People { query: self.query.text().trim().to_owned() }, Message::Found)]
    }

    /// Something happened.
    pub fn update(&mut self, message: Message) -> Wishes {
        match message {
            Message::Typed(action) => {
                self.query.perform(action);
                self.ask()
            }
            Message::Found(_) if self.asking.answered() => self.question(),
            Message::Found(answer) => {
                match answer {
                    Ok(Reply::People { people, from_cache }) => {
                        (self.people, self.from_cache, self.failure) = (people, from_cache, None);
                    }
                    answer => self.failure = answer.err(),
                }
                Vec::new()
            }
            Message::Toggle(address) => {
                self.toggle(&address);
                Vec::new()
            }
            // What is listed answers an earlier query.
            Message::First if self.asking.is_busy() => Vec::new(),
            Message::First => {
                let first = self.fitting().next().map(|person| person.address.clone());
                first.into_iter().for_each(|address| self.toggle(&address));
                Vec::new()
            }
        }
    }

    fn toggle(&mut self, address: &Address) {
        if self.chosen.iter().any(|one| one.address == *address) {
            self.chosen.retain(|one| one.address != *address);
        } else if let Some(person) = self.people.iter().find(|one| one.address == *address).cloned() {
            self.choose(person);
        }
    }

    fn fitting(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| !self.barred.contains(&person.address)).take(SHOWN)
    }

    /// How it looks.
    #[must_use]
    pub fn view<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let placeholder = words.say("picker-field");
        let field = Field { id: QUERY, placeholder, submit: Some(Message::First), several: false };
        let mut parts = Vec::new();
        if !self.chosen.is_empty() {
            parts.push(self.chips(context));
        }
        parts.push(edit::field(&self.query, field, Message::Typed, look));
        if let Some(failure) = &self.failure {
            parts.push(frame::failure(failure, context));
        }
        if self.from_cache {
            parts.push(muted(words.say("picker-from-cache"), Role::Caption, look).into());
        }
        let mut rows: Vec<Element<'a, Message>> = self
            .fitting()
            .map(|person| {
                let chosen = self.chosen.iter().any(|one| one.address == person.address);
                let shown = person::row(&Shown::of(person), context);
                let shown = mark::ticked(shown, chosen, look);
                button::row(shown, chosen, Message::Toggle(person.address.clone()), look)
            })
            .collect();
        if rows.is_empty() && self.failure.is_none() {
            let key = if self.asking.is_busy() { "picker-asking" } else { "picker-nobody" };
            rows.push(container(muted(words.say(key), Role::Body, look)).padding(space::M).into());
        }
        let list = frame::scrolled(column(rows).spacing(space::XS).width(Fill).into());
        parts.push(container(list).max_height(LIST).into());
        frame::stacked(parts, look).into()
    }

    fn chips<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let chip = |person: &Person| {
            let word = words.with("picker-chosen", &[("name", bidi::defuse(&person.name, person::NAME).into())]);
            let content = amanat_ui::text::plain(word, Role::Label);
            button::over(content, Kind::Secondary, Some(Message::Toggle(person.address.clone())), look)
        };
        let chips = self.chosen.iter().map(chip).collect();
        look.direction.wrapped(chips, space::S)
    }
}

/// A part's wishes, as those of what holds it.
pub fn lift<M: Send + 'static, N: Send + 'static, A>(
    wishes: PartWishes<M>,
    wrap: impl Fn(M) -> N + Clone + Send + 'static,
) -> Vec<Wish<N, A>> {
    let lifted = |wish| match wish {
        Wish::Ask(command, then) => {
            let wrap = wrap.clone();
            Some(Wish::Ask(command, Box::new(move |answer| wrap(then(answer)))))
        }
        Wish::Run(task) => Some(Wish::Run(task.map(wrap.clone()))),
        Wish::Parent(()) => None,
    };
    wishes.into_iter().filter_map(lifted).collect()
}

/// Wishes of a part that asks nothing of what holds it.
pub type PartWishes<M> = Vec<Wish<M, ()>>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn one_question_at_a_time_and_the_last_one_wins() {
        let (mut state, wishes) = State::open(BTreeSet::new());
        assert!(matches!(&wishes[0], Wish::Ask(Command::People { query }, _) if query.is_empty()));
        state.query = edit::Content::with_text("sana");
        assert!(state.ask().is_empty(), "one is on its way");
        let people = fake::people();
        let wishes = state.update(Message::Found(Ok(Reply::People { people: people.clone(), from_cache: false })));
        assert!(matches!(&wishes[..], [Wish::Ask(Command::People { query }, _)] if query == "sana"));
        assert!(state.people.is_empty(), "what was not asked last is not shown");
        state.update(Message::Found(Ok(Reply::People { people: people.clone(), from_cache: false })));
        state.update(Message::Toggle(people[0].address.clone()));
        assert_eq!(state.chosen().len(), 1);
        state.update(Message::First);
        assert!(state.chosen().is_empty(), "the first one was chosen already");
    }
}
