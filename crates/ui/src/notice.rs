//! Notices over the whole width: what is wrong, what needs attention, what is well, and what can be done about it.

use iced::{
    Alignment, Element, Fill,
    widget::{Container, column, container},
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
    of_lines(kind, vec![(text.into(), Role::Body)], buttons, look).into()
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
    of_lines(kind, vec![(what.into(), Role::Strong), (advice.into(), Role::Label)], buttons, look).into()
}

/// A notice of what was found, which says what to try, from where it is known, and what can be filled in or pressed.
pub struct Finding<'a, Message> {
    /// What was found.
    pub what: String,
    /// What to try.
    pub advice: String,
    /// From where it is known, in quiet type.
    pub source: String,
    /// Below that, over the whole width.
    pub below: Option<Element<'a, Message>>,
    /// At its end.
    pub buttons: Vec<Element<'a, Message>>,
    /// With an edge: attention is called to it.
    pub edged: bool,
}

/// A notice of what was found.
#[must_use]
pub fn finding<'a, Message: 'a>(kind: Kind, finding: Finding<'a, Message>, look: Look) -> Element<'a, Message> {
    let Finding { what, advice, source, below, buttons, edged } = finding;
    let lines = vec![(what, Role::Strong), (advice, Role::Label), (source, Role::Caption)];
    let notice = framed(kind, lines, below, buttons, look);
    let pair = kind.pair(look);
    let style = move |theme: &iced::Theme| {
        let style = surface::filled(pair, radius::M)(theme);
        container::Style { border: style.border.width(2).color(if edged { pair.ink } else { pair.ground }), ..style }
    };
    notice.style(style).into()
}

fn of_lines<'a, Message: 'a>(
    kind: Kind,
    lines: Vec<(String, Role)>,
    buttons: Vec<Element<'a, Message>>,
    look: Look,
) -> Container<'a, Message> {
    let (pair, edge) = (kind.pair(look), look.tokens.line);
    framed(kind, lines, None, buttons, look).style(move |theme| {
        let mut style = surface::filled(pair, radius::M)(theme);
        style.border = style.border.width(1).color(if kind == Kind::Plain { edge } else { pair.ground });
        style
    })
}

fn framed<'a, Message: 'a>(
    kind: Kind,
    lines: Vec<(String, Role)>,
    below: Option<Element<'a, Message>>,
    buttons: Vec<Element<'a, Message>>,
    look: Look,
) -> Container<'a, Message> {
    let pair = kind.pair(look);
    let lines = lines.into_iter().filter(|(text, _)| !text.is_empty());
    let mut texts = column(lines.map(|(text, role)| paragraph(text, role, pair.ink, look)));
    if let Some(below) = below {
        texts = texts.push(container(below).padding([space::XS, 0.0]));
    }
    let texts = texts.spacing(space::XS).width(Fill);
    let mut parts = vec![disc(kind.sign(), 22.0, pair.ink, pair.ground), texts.into()];
    if !buttons.is_empty() {
        parts.push(look.direction.row(buttons).spacing(space::S).into());
    }
    let row = look.direction.row(parts).spacing(space::M).align_y(Alignment::Center);
    container(row).width(Fill).padding([space::S, space::M])
}
