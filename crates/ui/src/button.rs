//! Buttons by what they mean. All can be reached by Tab and pressed by Enter or Space.

pub(crate) mod press;
#[cfg(test)]
mod tests;

use iced::{
    Border, Color, Element, Theme, border,
    widget::{self, Id, button::Status},
};

use press::{Press, Ring};

use crate::{
    look::Look,
    text::{Role, plain},
    theme::{Pair, radius, space},
};

/// What a button means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The one thing to do here.
    Primary,
    /// Something else that can be done.
    Secondary,
    /// As above, without an edge: in headers and rows.
    Quiet,
    /// Cannot be taken back.
    Danger,
}

/// A button with a word on it; without a message it cannot be pressed.
#[must_use]
pub fn word<'a, Message: Clone + 'a>(
    word: impl Into<String>,
    kind: Kind,
    press: Option<Message>,
    look: Look,
) -> Element<'a, Message> {
    over(plain(word, Role::Strong), kind, press, look)
}

/// The same, to be given the keyboard by its id.
#[must_use]
pub fn word_as<'a, Message: Clone + 'a>(
    id: impl Into<Id>,
    word: impl Into<String>,
    kind: Kind,
    press: Option<Message>,
    look: Look,
) -> Element<'a, Message> {
    over_as(id, plain(word, Role::Strong), kind, press, look)
}

/// A button around anything.
#[must_use]
pub fn over<'a, Message: Clone + 'a>(
    content: impl Into<Element<'a, Message>>,
    kind: Kind,
    press: Option<Message>,
    look: Look,
) -> Element<'a, Message> {
    pressed(content, kind, press, look).into()
}

/// The same, to be given the keyboard by its id.
#[must_use]
pub fn over_as<'a, Message: Clone + 'a>(
    id: impl Into<Id>,
    content: impl Into<Element<'a, Message>>,
    kind: Kind,
    press: Option<Message>,
    look: Look,
) -> Element<'a, Message> {
    pressed(content, kind, press, look).id(id).into()
}

fn pressed<'a, Message: Clone + 'a>(
    content: impl Into<Element<'a, Message>>,
    kind: Kind,
    press: Option<Message>,
    look: Look,
) -> Press<'a, Message> {
    let padding = if kind == Kind::Quiet { [space::XS, space::S] } else { [space::S, space::L] };
    let button = widget::button(content).padding(padding).on_press_maybe(press.clone()).style(style(kind, look));
    Press::new(button, press, look.tokens.focus, radius::M)
}

/// A row of a list over its whole width, chosen or not.
#[must_use]
pub fn row<'a, Message: Clone + 'a>(
    content: impl Into<Element<'a, Message>>,
    chosen: bool,
    press: Message,
    look: Look,
) -> Element<'a, Message> {
    let k = look.tokens;
    let style = move |_: &Theme, status: Status| {
        let ground = match (chosen, status) {
            (true, _) => k.selected,
            (false, Status::Hovered | Status::Pressed) => k.hover,
            (false, _) => Color::TRANSPARENT,
        };
        filled(Pair { ground, ink: k.text }, border::rounded(radius::M))
    };
    let button = widget::button(content).padding(space::S).width(iced::Fill).on_press(press.clone()).style(style);
    Press::new(button, Some(press), k.focus, radius::M).ring(Ring::Inside).into()
}

fn filled(pair: Pair, border: Border) -> widget::button::Style {
    widget::button::Style { background: Some(pair.ground.into()), text_color: pair.ink, border, ..Default::default() }
}

pub(crate) fn style(kind: Kind, look: Look) -> impl Fn(&Theme, Status) -> widget::button::Style {
    let k = look.tokens;
    move |_, status| {
        let edge = border::rounded(radius::M).width(1);
        let over = matches!(status, Status::Hovered | Status::Pressed);
        let ground = if over { k.hover } else { k.panel };
        let quiet = if over { k.hover } else { Color::TRANSPARENT };
        let style = match kind {
            Kind::Primary => filled(k.primary, edge.color(k.primary.ground)),
            Kind::Danger => filled(k.danger, edge.color(k.danger.ground)),
            Kind::Secondary => filled(Pair { ground, ink: k.text }, edge.color(k.line)),
            Kind::Quiet => filled(Pair { ground: quiet, ink: k.text }, border::rounded(radius::M)),
        };
        match status {
            Status::Disabled => filled(Pair { ground: k.field, ink: k.muted }, edge.color(k.line)),
            _ => style,
        }
    }
}
