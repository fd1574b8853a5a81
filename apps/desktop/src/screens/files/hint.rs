//! What is shown over a conversation while files are over the window: to whom they would be sent, at which tier.

use amanat_client::api::ConversationView;
use amanat_ui::{
    badge, bidi, surface,
    text::{Role, plain},
    theme::{radius, space},
};
use iced::{
    Alignment, Element, Fill,
    widget::{column, container, stack},
};

use crate::screens::{Context, inbox::tier_number};

/// Characters of a title.
const TITLE: usize = 80;
/// The edge around the whole, in logical pixels.
const EDGE: f32 = 3.0;

/// A conversation with the hint over it, or without; it keeps its state in both cases.
pub(super) fn over<'a, M: 'a>(
    shown: Element<'a, M>,
    to: Option<&ConversationView>,
    context: Context<'a>,
) -> Element<'a, M> {
    let hint = to.map(|to| {
        let Context { look, words, .. } = context;
        let title = bidi::defuse(&to.title, TITLE);
        let texts = column![
            badge::tier(words.tier(to.tier), tier_number(to.tier), look),
            plain(words.with("drop-here", &[("title", title.into())]), Role::Title),
        ];
        let texts = texts.spacing(space::M).align_x(Alignment::Center);
        let card = container(texts).padding(space::XL).style(surface::card(look));
        let frame = container(container(card).center(Fill).style(surface::veil())).padding(EDGE);
        let edge =
            amanat_ui::theme::Pair { ground: look.tokens.tier(tier_number(to.tier)).ground, ink: look.tokens.text };
        container(frame).width(Fill).height(Fill).style(move |theme| {
            let mut style = surface::filled(edge, radius::M)(theme);
            style.border = style.border.width(EDGE).color(edge.ground);
            style.background = None;
            style
        })
    });
    stack(std::iter::once(shown).chain(hint.map(Element::from))).width(Fill).height(Fill).into()
}
