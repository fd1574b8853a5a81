//! One of a few: words beside each other, the chosen one filled and marked, so that it is not known by colour alone.

use iced::{Alignment, Element};

use crate::{
    button::{self, Kind},
    look::Look,
    sign::{Sign, sign},
    text::{Role, plain},
    theme::space,
};

/// A tick's size, in logical pixels.
const TICK: f32 = 12.0;

/// What can be chosen.
pub struct Choice<Message> {
    /// Its word.
    pub word: String,
    /// It is the one.
    pub chosen: bool,
    /// What choosing it says; none where it cannot be.
    pub press: Option<Message>,
}

/// A row of them, from the start on; it goes on in a second line where there is no room.
#[must_use]
pub fn row_of<'a, Message: Clone + 'a>(choices: Vec<Choice<Message>>, look: Look) -> Element<'a, Message> {
    look.direction.wrapped(choices.into_iter().map(|choice| option(choice, look)).collect(), space::S)
}

fn option<'a, Message: Clone + 'a>(choice: Choice<Message>, look: Look) -> Element<'a, Message> {
    let Choice { word, chosen, press } = choice;
    if !chosen {
        return button::over(plain(word, Role::Label), Kind::Secondary, press, look);
    }
    let tick = sign(Sign::Tick, TICK, look.tokens.primary.ink);
    let parts = look.direction.row(vec![tick, plain(word, Role::Label).into()]);
    button::over(parts.spacing(space::XS).align_y(Alignment::Center), Kind::Primary, press, look)
}
