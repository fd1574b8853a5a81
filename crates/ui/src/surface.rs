//! Surfaces: panels, cards, dialogs and lines between them.
//!
//! No shadow is drawn: the software renderer paints it outside what clips it, and it doubles the cost of a frame.

use iced::{Border, Color, Theme, border, widget::container, widget::rule};

use crate::{
    look::Look,
    theme::{Pair, radius},
};

fn style(ground: Color, ink: Color, border: Border) -> container::Style {
    container::Style { text_color: Some(ink), background: Some(ground.into()), border, ..Default::default() }
}

/// A list, a header.
pub fn panel(look: Look) -> impl Fn(&Theme) -> container::Style {
    let k = look.tokens;
    move |_| style(k.panel, k.text, Border::default())
}

/// Behind messages.
pub fn canvas(look: Look) -> impl Fn(&Theme) -> container::Style {
    let k = look.tokens;
    move |_| style(k.canvas, k.text, Border::default())
}

/// A thing of its own, with an edge.
pub fn card(look: Look) -> impl Fn(&Theme) -> container::Style {
    let k = look.tokens;
    move |_| style(k.panel, k.text, border::rounded(radius::L).width(1).color(k.line))
}

/// A ground with its ink, and corners.
pub fn filled(pair: Pair, corners: f32) -> impl Fn(&Theme) -> container::Style {
    move |_| style(pair.ground, pair.ink, border::rounded(corners))
}

/// A ground with its ink, an edge and corners.
pub fn edged(pair: Pair, edge: Color, corners: f32) -> impl Fn(&Theme) -> container::Style {
    move |_| style(pair.ground, pair.ink, border::rounded(corners).width(1).color(edge))
}

/// Over everything else, while a dialog is open.
pub fn veil() -> impl Fn(&Theme) -> container::Style {
    |_| container::background(Color { a: 0.55, ..Color::BLACK })
}

/// A hairline.
pub fn line(look: Look) -> impl Fn(&Theme) -> rule::Style {
    let color = look.tokens.line;
    move |_| rule::Style { color, radius: 0.0.into(), fill_mode: rule::FillMode::Full, snap: true }
}
