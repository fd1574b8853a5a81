//! How far joining is, and what is left to another device.

use amanat_client::profile::Joined;
use amanat_ui::{
    bidi::defuse,
    button::{self, Kind},
    notice::{self, Kind as Notice},
    surface,
    text::{Role, coloured, paragraph, plain},
    theme::{Pair, radius, space},
};
use iced::{
    Alignment, Element, Fill,
    widget::{column, container},
};

use super::{Message, Stage, form};
use crate::screens::Context;

/// What is done, what is being done and what is to come.
pub(super) fn stages<'a>(now: Stage, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let k = look.tokens;
    let mut parts =
        column![plain(words.say("join-title"), Role::Title)].spacing(space::L).align_x(look.direction.start_items());
    for (stage, key) in Stage::ALL {
        let (pair, mark, color) = match stage.cmp(&now) {
            std::cmp::Ordering::Less => (k.primary, "✓", k.text),
            std::cmp::Ordering::Equal => (k.good, "…", k.text),
            std::cmp::Ordering::Greater => (Pair { ground: k.field, ink: k.muted }, "", k.muted),
        };
        let circle = container(plain(mark, Role::Strong)).center(space::XL).style(surface::filled(pair, space::M));
        let role = if stage == now { Role::Strong } else { Role::Body };
        let line = vec![circle.into(), coloured(words.say(key), role, color).into()];
        parts = parts.push(look.direction.row(line).spacing(space::M).align_y(Alignment::Center));
    }
    parts = parts.push(paragraph(words.say("join-wait"), Role::Label, k.muted, look));
    form::card(parts, context)
}

/// Another device of the same person is to approve this one.
pub(super) fn waits<'a>(joined: &Joined, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let k = look.tokens;
    let code = joined.waits.as_ref().map(ToString::to_string).unwrap_or_default();
    let pair = Pair { ground: k.field, ink: k.text };
    let code = container(plain(code, Role::Title)).center_x(Fill).padding(space::L).style(surface::edged(
        pair,
        k.line,
        radius::L,
    ));
    let name = words.with("join-joined", &[("name", defuse(&joined.name, 80).into())]);
    let parts = column![
        plain(words.say("join-waits"), Role::Title),
        notice::advice(Notice::Caution, name, words.say("join-waits-explained"), Vec::new(), look),
        code,
        button::word(words.say("join-open"), Kind::Primary, Some(Message::Open), look),
    ]
    .spacing(space::L)
    .align_x(look.direction.start_items());
    form::card(parts, context)
}
