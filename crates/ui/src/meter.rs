//! How far something is: a bar of a few equal parts, the first ones filled.

use iced::{
    Element, Fill,
    widget::{container, space as gap},
};

use crate::{
    look::Look,
    surface,
    theme::{Pair, radius, space},
};

/// Its height, in logical pixels.
const HEIGHT: f32 = 6.0;

/// So many of so many; what is filled shows whether that is enough.
#[must_use]
pub fn parts<'a, Message: 'a>(filled: usize, of: usize, enough: bool, look: Look) -> Element<'a, Message> {
    let k = look.tokens;
    let ground = if enough { k.primary.ground } else { k.danger.ground };
    let part = |n: usize| {
        let (ground, edge) = if n < filled { (ground, ground) } else { (k.field, k.line) };
        let style = surface::edged(Pair { ground, ink: k.text }, edge, radius::S);
        container(gap()).width(Fill).height(HEIGHT).style(style).into()
    };
    look.direction.row((0..of).map(part).collect()).spacing(space::XS).into()
}
