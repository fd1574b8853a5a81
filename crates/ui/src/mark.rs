//! Marks of rows: which one is chosen, by a bar or a tick, so that it is not known by colour alone.

use iced::{
    Alignment, Element, Fill,
    widget::{container, space as gap},
};

use crate::{
    look::Look,
    sign::{Sign, sign},
    surface,
    theme::{radius, space},
};

/// The bar's width and height, in logical pixels.
const BAR: (f32, f32) = (4.0, 32.0);
/// A tick's size, in logical pixels.
const TICK: f32 = 14.0;

/// What is in a row, behind a bar at its start where it is the chosen one.
#[must_use]
pub fn chosen<'a, Message: 'a>(
    content: impl Into<Element<'a, Message>>,
    chosen: bool,
    look: Look,
) -> Element<'a, Message> {
    let (width, height) = BAR;
    let bar: Element<'a, Message> = if chosen {
        container(gap()).width(width).height(height).style(surface::filled(look.tokens.primary, radius::S)).into()
    } else {
        gap().width(width).into()
    };
    let parts = vec![bar, container(content).width(Fill).into()];
    look.direction.row(parts).spacing(space::XS).align_y(Alignment::Center).into()
}

/// What is in a row, before a tick at its end where it is chosen.
#[must_use]
pub fn ticked<'a, Message: 'a>(
    content: impl Into<Element<'a, Message>>,
    chosen: bool,
    look: Look,
) -> Element<'a, Message> {
    let tick: Element<'a, Message> =
        if chosen { sign(Sign::Tick, TICK, look.tokens.text) } else { gap().width(TICK).into() };
    let parts = vec![container(content).width(Fill).into(), tick];
    look.direction.row(parts).spacing(space::S).align_y(Alignment::Center).into()
}
