//! The unlock screen: a passphrase, and what is wrong where it does not open.

use amanat_client::{Failure, FailureCode};
use amanat_ui::{
    badge,
    bidi::defuse,
    button::{self, Kind},
    notice::{self, Kind as Notice},
    secret, surface,
    text::{Role, line, muted, paragraph, plain},
    theme::{Pair, radius, space},
};
use iced::{
    Alignment, Element, Fill, Task,
    widget::{Id, column, container, operation, scrollable},
};
use zeroize::Zeroizing;

use super::Context;
use crate::{settings::Holder, wish::Wish};

/// The card's width, in logical pixels.
const WIDTH: f32 = 480.0;
/// Characters of a name that are shown.
const NAME: usize = 80;

/// The field's name.
pub const PASSPHRASE: &str = "passphrase";

/// What it shows.
#[derive(Default)]
pub struct State {
    passphrase: Zeroizing<String>,
    failure: Option<Failure>,
    /// Why the engine that ran before has stopped.
    why: Option<FailureCode>,
    busy: bool,
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// Something was typed.
    Typed(Zeroizing<String>),
    /// Enter, or the button.
    Submit,
}

/// What it asks of its parent.
pub enum Action {
    /// Open the profile.
    Open(Zeroizing<String>),
}

impl State {
    /// After an engine that has stopped by itself.
    #[must_use]
    pub fn after(why: FailureCode) -> Self {
        Self { why: Some(why), ..Self::default() }
    }

    /// Gives the keyboard to the field.
    pub fn focus<M: Send + 'static>() -> Task<M> {
        operation::focus(Id::new(PASSPHRASE))
    }

    /// Something happened.
    pub fn update(&mut self, message: Message) -> Vec<Wish<Message, Action>> {
        match message {
            Message::Typed(passphrase) => {
                self.passphrase = passphrase;
                self.failure = None;
                Vec::new()
            }
            Message::Submit if self.busy || self.passphrase.is_empty() => Vec::new(),
            Message::Submit => {
                self.busy = true;
                self.failure = None;
                vec![Wish::Parent(Action::Open(std::mem::take(&mut self.passphrase)))]
            }
        }
    }

    /// It did not open.
    pub fn failed(&mut self, failure: Failure) {
        self.busy = false;
        self.failure = Some(failure);
    }

    /// How it looks, where it is known or not whose profile it is.
    #[must_use]
    pub fn view<'a>(&'a self, holder: Option<&Holder>, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let typed = |text| Message::Typed(Zeroizing::new(text));
        let name = words.say("unlock-passphrase");
        let field = secret::named(PASSPHRASE, name, &self.passphrase, Some(typed), Message::Submit, look);
        let word = words.say(if self.busy { "unlock-opening" } else { "unlock-open" });
        let ready = !self.busy && !self.passphrase.is_empty();
        let mut parts = column![brand(context)].spacing(space::L).width(Fill).align_x(look.direction.start_items());
        parts = match holder {
            Some(holder) => parts.push(who(holder, context)),
            None => parts,
        };
        if let Some(code) = self.why {
            let (failed, advice) = words.code(code);
            parts = parts.push(paragraph(words.say("unlock-stopped"), Role::Strong, look.tokens.text, look));
            parts = parts.push(notice::advice(Notice::Caution, failed, advice, Vec::new(), look));
        }
        parts = parts.push(paragraph(words.say("unlock-explained"), Role::Label, look.tokens.muted, look)).push(field);
        if let Some(failure) = &self.failure {
            let (failed, advice) = words.failure(failure);
            parts = parts.push(notice::advice(Notice::Danger, failed, advice, Vec::new(), look));
        }
        parts = parts.push(button::word(word, Kind::Primary, ready.then_some(Message::Submit), look));
        let card = container(parts).padding(space::XXL).max_width(WIDTH).style(surface::card(look));
        let scrolled = scrollable(container(card).center_x(Fill).padding(space::L)).width(Fill);
        container(scrolled).center(Fill).style(surface::canvas(look)).into()
    }
}

/// The program's name, with its mark.
fn brand<'a, M: 'a>(context: Context<'a>) -> Element<'a, M> {
    let Context { look, words, .. } = context;
    let name = words.say("app-name");
    let letter: String = name.chars().take(1).collect();
    let mark = container(plain(letter, Role::Heading))
        .center(space::XXL)
        .style(surface::filled(look.tokens.primary, radius::L));
    let parts = vec![mark.into(), plain(name, Role::Title).into()];
    look.direction.row(parts).spacing(space::M).align_y(Alignment::Center).into()
}

fn who<'a>(holder: &Holder, context: Context<'a>) -> Element<'a, Message> {
    let look = context.look;
    let texts = column![
        line(defuse(&holder.name, NAME), Role::Strong, look.tokens.text),
        line(defuse(&holder.authority, NAME), Role::Label, look.tokens.muted),
    ]
    .align_x(look.direction.start_items());
    let parts = vec![
        badge::face(&holder.name, space::XXL, look),
        container(texts).width(Fill).align_x(look.direction.start()).into(),
    ];
    let row = look.direction.row(parts).spacing(space::M).align_y(Alignment::Center);
    let pair = Pair { ground: look.tokens.field, ink: look.tokens.text };
    container(row).padding(space::M).style(surface::edged(pair, look.tokens.line, radius::M)).into()
}

/// While the engine stops: to lock, or to close.
#[must_use]
pub fn leaving<'a, M: 'a>(locked: bool, context: Context<'a>) -> Element<'a, M> {
    let Context { look, words, .. } = context;
    let word = words.say(if locked { "unlock-locking" } else { "unlock-closing" });
    let parts = column![brand(context), muted(word, Role::Body, look)].spacing(space::L).align_x(Alignment::Center);
    container(parts).center(Fill).style(surface::canvas(look)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_once_and_says_what_failed() {
        let mut state = State::default();
        assert!(state.update(Message::Submit).is_empty(), "nothing was typed");
        state.update(Message::Typed(Zeroizing::new("correct horse".into())));
        let wishes = state.update(Message::Submit);
        assert!(matches!(&wishes[..], [Wish::Parent(Action::Open(typed))] if **typed == "correct horse"));
        assert!(state.update(Message::Submit).is_empty(), "it is being opened");
        assert!(state.passphrase.is_empty(), "it is not kept");
        state.failed(Failure::new(FailureCode::Passphrase, "wrong", "again"));
        state.update(Message::Typed(Zeroizing::new("x".into())));
        assert!(state.failure.is_none() && !state.busy);
    }
}
