//! Notices over the whole width: what is wrong, what needs attention, what is well, and what can be done about it.

use iced::{
    Alignment, Element, Fill,
    widget::{column, container},
};

use crate::{
    look::Look,
    sign::{Sign, disc},
    surface,
    text::{Role, paragraph},
    theme::{Pair, radius, space},
};

/// What a notice means: each has its colours and its sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something is wrong.
    Danger,
    /// Something needs attention.
    Caution,
    /// Something is well.
    Good,
    /// Something is so.
    Plain,
}

impl Kind {
    fn pair(self, look: Look) -> Pair {
        let k = look.tokens;
        match self {
            Self::Danger => k.danger,
            Self::Caution => k.caution,
            Self::Good => k.good,
            Self::Plain => Pair { ground: k.field, ink: k.text },
        }
    }

    fn sign(self) -> Sign {
        match self {
            Self::Danger => Sign::Cross,
            Self::Caution => Sign::Exclamation,
            Self::Good => Sign::Tick,
            Self::Plain => Sign::Information,
        }
    }
}

/// A notice; `buttons` are what can be done about it, the likeliest first.
#[must_use]
pub fn notice<'a, Message: 'a>(
    kind: Kind,
    text: impl Into<String>,
    buttons: Vec<Element<'a, Message>>,
    look: Look,
) -> Element<'a, Message> {
    of_lines(kind, vec![(text.into(), Role::Body)], buttons, look)
}

/// A notice of what is so, and what to try.
#[must_use]
pub fn advice<'a, Message: 'a>(
    kind: Kind,
    what: impl Into<String>,
    advice: impl Into<String>,
    buttons: Vec<Element<'a, Message>>,
    look: Look,
) -> Element<'a, Message> {
    of_lines(kind, vec![(what.into(), Role::Strong), (advice.into(), Role::Label)], buttons, look)
}

fn of_lines<'a, Message: 'a>(
    kind: Kind,
    lines: Vec<(String, Role)>,
    buttons: Vec<Element<'a, Message>>,
    look: Look,
) -> Element<'a, Message> {
    let pair = kind.pair(look);
    let edge = look.tokens.line;
    let lines = lines.into_iter().filter(|(text, _)| !text.is_empty());
    let texts = column(lines.map(|(text, role)| paragraph(text, role, pair.ink, look)));
    let texts = texts.spacing(space::XS).width(Fill);
    let mut parts = vec![disc(kind.sign(), 22.0, pair.ink, pair.ground), texts.into()];
    if !buttons.is_empty() {
        parts.push(look.direction.row(buttons).spacing(space::S).into());
    }
    container(look.direction.row(parts).spacing(space::M).align_y(Alignment::Center))
        .width(Fill)
        .padding([space::S, space::M])
        .style(move |theme| {
            let mut style = surface::filled(pair, radius::M)(theme);
            style.border = style.border.width(1).color(if kind == Kind::Plain { edge } else { pair.ground });
            style
        })
        .into()
}
