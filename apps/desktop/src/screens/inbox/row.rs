//! A row of the inbox, and what can be done with it.

use amanat_client::api::{ConversationView, MessageBody};
use amanat_identity::Tier;
use amanat_ui::{
    badge, bidi, button, mark,
    sign::{Sign, sign},
    text::{Role, line, muted, plain},
    theme::space,
};
use iced::{
    Alignment, Element, Fill,
    widget::{column, container},
};

use super::{Arrange, Message, State, tier_number};
use crate::screens::Context;

/// Characters of a title and a last line that are shown.
const SHOWN: usize = 120;
/// Last lines are shown below this tier.
const HIDDEN_FROM: Tier = Tier::Confidential;
/// Size of the signs of a row, in logical pixels.
const SIGN: f32 = 14.0;

impl State {
    pub(super) fn row<'a>(&'a self, view: &'a ConversationView, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, now } = context;
        let k = look.tokens;
        let number = tier_number(view.tier);
        let chosen = self.chosen == Some(view.id);
        let start = look.direction.start();
        let title = line(bidi::defuse(&view.title, SHOWN), Role::Strong, k.text);
        let when = view.last.as_ref().map(|last| words.when(last.at, now)).unwrap_or_default();
        let mut below = vec![
            badge::tier(words.tier(view.tier), number, look),
            container(line(preview(view, chosen, context), Role::Label, k.muted)).width(Fill).align_x(start).into(),
        ];
        if view.unread > 0 {
            below.push(badge::count(words.language().number(view.unread), look));
        }
        let mut above = vec![container(title).width(Fill).align_x(start).into()];
        if view.pinned {
            above.push(sign(Sign::Pin, SIGN, k.muted));
        }
        if view.muted {
            above.push(sign(Sign::Silent, SIGN, k.muted));
        }
        above.push(muted(when, Role::Caption, look).into());
        let texts = column![
            look.direction.row(above).spacing(space::S).align_y(Alignment::Center),
            look.direction.row(below).spacing(space::S).align_y(Alignment::Center),
        ]
        .spacing(space::XS);
        let whole = vec![badge::face(&view.title, 40.0, look), container(texts).width(Fill).into()];
        let whole = look.direction.row(whole).spacing(space::M).align_y(Alignment::Center);
        let whole = mark::chosen(whole, chosen, look);
        let whole = container(button::row(whole, chosen, Message::Choose(view.id), look)).width(Fill);
        let open = self.menu == Some(view.id);
        let word = plain(words.say(if open { "inbox-menu-close" } else { "inbox-menu" }), Role::Strong);
        let menu = button::over(word, button::Kind::Quiet, Some(Message::Menu(view.id)), look);
        let row = look.direction.row(vec![whole.into(), menu]).align_y(Alignment::Center);
        column![row].push(open.then(|| deeds(view, context))).spacing(space::XS).into()
    }
}

/// What can be done with a conversation.
fn deeds<'a>(view: &ConversationView, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let deed = |arrange, on: bool, keys: (&str, &str)| {
        let word = plain(words.say(if on { keys.1 } else { keys.0 }), Role::Label);
        button::over(word, button::Kind::Secondary, Some(Message::Arrange(view.id, arrange)), look)
    };
    let deeds = vec![
        deed(Arrange::Pin, view.pinned, ("inbox-pin", "inbox-unpin")),
        deed(Arrange::Mute, view.muted, ("inbox-mute", "inbox-unmute")),
    ];
    container(look.direction.wrapped(deeds, space::S))
        .width(Fill)
        .align_x(look.direction.start())
        .padding([0.0, space::S])
        .into()
}

/// What is written and not sent, where it is not shown already, or the last line; on one line.
pub(super) fn preview(view: &ConversationView, shown: bool, context: Context<'_>) -> String {
    let words = context.words;
    if let Some(state) = words.state(view.state) {
        return state;
    }
    if !view.draft.is_empty() && !shown {
        if view.tier >= HIDDEN_FROM {
            return words.say("inbox-draft-hidden");
        }
        let text = bidi::defuse(&view.draft, SHOWN);
        return words.with("inbox-draft", &[("text", text.into())]);
    }
    let Some(last) = &view.last else { return String::new() };
    if view.tier >= HIDDEN_FROM {
        return words.say("inbox-hidden");
    }
    let text = match &last.body {
        MessageBody::Text(text) => bidi::defuse(text, SHOWN),
        MessageBody::Document(document) => bidi::defuse(&document.name, SHOWN),
        MessageBody::ReadsFromHere => words.say("message-reads-from-here"),
        MessageBody::Gone => words.say("message-gone"),
        MessageBody::NeedsNewerVersion => words.say("message-newer"),
    };
    if last.own {
        words.with("inbox-own", &[("text", text.into())])
    } else if view.direct {
        text
    } else {
        words.with("inbox-from", &[("name", bidi::defuse(&last.name, 40).into()), ("text", text.into())])
    }
}
