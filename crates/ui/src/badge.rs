//! Small marks: tiers, counts, faces. A tier is always its name on its colour, never the colour alone.

use iced::{Element, Fill, widget::container};

use crate::{
    bidi,
    look::Look,
    surface,
    text::{Role, plain},
    theme::{radius, space},
};

/// A tier's name on its colour.
#[must_use]
pub fn tier<'a, Message: 'a>(name: impl Into<String>, number: usize, look: Look) -> Element<'a, Message> {
    chip(plain(name, Role::Mark), look.tokens.tier(number))
}

/// How many.
#[must_use]
pub fn count<'a, Message: 'a>(number: impl Into<String>, look: Look) -> Element<'a, Message> {
    container(plain(number, Role::Mark))
        .padding([1.0, space::S])
        .style(surface::filled(look.tokens.primary, radius::L))
        .into()
}

fn chip<'a, Message: 'a>(text: iced::widget::Text<'a>, pair: crate::theme::Pair) -> Element<'a, Message> {
    container(text).padding([1.0, space::S]).style(surface::filled(pair, radius::S)).into()
}

/// A tier over the whole width, above and below what is shown, as on paper.
#[must_use]
pub fn banner<'a, Message: 'a>(name: impl Into<String>, number: usize, look: Look) -> Element<'a, Message> {
    container(plain(name, Role::Mark))
        .center_x(Fill)
        .padding([space::XS, 0.0])
        .style(surface::filled(look.tokens.tier(number), 0.0))
        .into()
}

/// Somebody without a picture: the first letters of the name.
#[must_use]
pub fn face<'a, Message: 'a>(name: &str, size: f32, look: Look) -> Element<'a, Message> {
    let pair = look.tokens.face(name);
    let letters: String = if bidi::direction(name) == Some(crate::direction::Direction::Rtl) {
        name.chars().find(|c| c.is_alphabetic()).into_iter().collect()
    } else {
        name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric())).take(2).collect()
    };
    container(plain(letters, Role::Mark)).center(size).style(surface::filled(pair, size / 2.0)).into()
}
