//! A row of a conversation: a message in its bubble, or something else that happened, under its day where that begins.

use amanat_client::api::{Change, ChangeView, Line, MemberChange, MessageBody, MessageState, MessageView};
use amanat_primitives::Timestamp;
use amanat_ui::{
    badge, bidi,
    button::{self, Kind},
    direction::Direction,
    sign::{Sign, sign},
    surface,
    text::{Role, coloured, muted, plain},
    theme::{radius, space},
};
use iced::{
    Alignment, Element, Fill,
    widget::{column, container, row, space as gap},
};

use super::{Deed, Message, NO_COPY_FROM, Shown, State, keys::is_editable, same_day};
use crate::{
    screens::{Context, document_card},
    thumbnail::kept::Kept,
};

/// A bubble's greatest width, in logical pixels.
const WIDTH: f32 = 560.0;
/// Lines of a message that are laid out by their own direction.
const PARAGRAPHS: usize = 200;
/// Characters of a name.
const NAME: usize = 60;
/// Characters of a quote.
const QUOTE: usize = 160;
/// On the button that opens what can be done.
const MORE: &str = "…";
/// A tick's size.
const TICK: f32 = 11.0;
/// What can be said in a reaction: what is sent, and the key of its word.
const REACTIONS: [(&str, &str); 3] =
    [("noted", "reaction-noted"), ("agreed", "reaction-agreed"), ("thanks", "reaction-thanks")];
/// Characters of a reaction of another kind.
const REACTION: usize = 12;

/// How a line looks, behind another one.
pub(super) fn view<'a>(
    line: &'a Line,
    before: Option<&'a Line>,
    shown: Shown<'a>,
    context: Context<'a>,
) -> Element<'a, Message> {
    let at = |line: &Line| match line {
        Line::Message(message) => message.at,
        Line::Change(change) => change.at,
    };
    let new_day = before.is_none_or(|before| !same_day(at(before), at(line)));
    let mut parts = column![].padding([space::XS / 2.0, space::L]);
    if new_day {
        parts = parts.push(day(at(line), context));
    }
    let line = match line {
        Line::Message(message) => {
            let same = |before: &Line| matches!(before, Line::Message(before) if before.from == message.from);
            bubble(message, new_day || !before.is_some_and(same), shown, context)
        }
        Line::Change(change) => centred(muted(changed(change, context), Role::Caption, context.look)),
    };
    parts.push(line).into()
}

/// A day's name: whoever presses it goes to another one.
fn day<'a>(at: Timestamp, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, now } = context;
    let name = muted(words.day(at, now), Role::Caption, look);
    let chip = button::over(name, Kind::Secondary, Some(Message::Day(at)), look);
    container(centred(chip)).padding([space::M, 0.0]).into()
}

fn centred<'a>(content: impl Into<Element<'a, Message>>) -> Element<'a, Message> {
    container(content).center_x(Fill).padding([space::XS, 0.0]).into()
}

fn changed(change: &ChangeView, context: Context<'_>) -> String {
    let words = context.words;
    let by = bidi::defuse(&change.by.name, NAME);
    match &change.change {
        Change::Title(title) => {
            words.with("change-title", &[("by", by.into()), ("title", bidi::defuse(title, QUOTE).into())])
        }
        Change::Member { whom, change, .. } => {
            let key = match change {
                MemberChange::Added => "change-added",
                MemberChange::Removed => "change-removed",
                MemberChange::Left => "change-left",
                MemberChange::Moderator => "change-moderator",
                MemberChange::NotModerator => "change-not-moderator",
                MemberChange::DeviceAdded => "change-device-added",
                MemberChange::DeviceRemoved => "change-device-removed",
                MemberChange::AddedAgain => "change-added-again",
            };
            words.with(key, &[("by", by.into()), ("whom", bidi::defuse(&whom.name, NAME).into())])
        }
    }
}

fn bubble<'a>(message: &'a MessageView, first: bool, shown: Shown<'a>, context: Context<'a>) -> Element<'a, Message> {
    let (Context { look, words, .. }, state) = (context, shown.state);
    let pair = if message.own { look.tokens.own } else { look.tokens.other };
    let mut parts = column![].spacing(space::XS).align_x(look.direction.start_items());
    if first && !message.own {
        parts = parts.push(plain(bidi::defuse(&message.name, NAME), Role::Label));
    }
    if let Some(quote) = &message.reply_to {
        let name = quote.name.as_deref().map_or_else(|| words.say("quote-unknown"), |name| bidi::defuse(name, NAME));
        let text = quote.text.as_deref().map_or_else(|| words.say("message-gone"), |text| bidi::defuse(text, QUOTE));
        let quoted = column![muted(name, Role::Caption, look), muted(text, Role::Label, look)];
        parts = parts.push(container(quoted).padding([space::XS, space::S]).style(surface::card(look)));
    }
    parts = parts.push(body(message, shown.pictures, context));
    if !message.reactions.is_empty() {
        parts = parts.push(reactions(message, context));
    }
    if let Some(asked) = &message.acknowledgement {
        let (by, all) = (asked.by.len() as u64, (asked.by.len() + asked.missing.len()) as u64);
        parts = parts.push(muted(
            words.with("acknowledged", &[("by", by.into()), ("all", all.into())]),
            Role::Caption,
            look,
        ));
        parts = parts.push(if message.own {
            gap().into()
        } else {
            button::word(
                words.say("deed-acknowledge"),
                Kind::Secondary,
                Some(Message::Do(Deed::Acknowledge, message.id)),
                look,
            )
        });
    }
    parts = parts.push(about(message, context));
    if state.menu == Some(message.id) {
        parts = parts.push(deeds(message, state, context));
    }
    let bubble = container(parts).max_width(WIDTH).padding([space::S, space::M]);
    let mut bubble = bubble.style(surface::filled(pair, radius::L));
    if state.list.is_goal(message.sequence) {
        let edge = amanat_ui::theme::Pair { ground: look.tokens.focus, ink: pair.ink };
        bubble = container(bubble).padding(2).style(surface::filled(edge, radius::L));
    }
    let row = if message.own {
        vec![container(bubble).width(Fill).align_x(look.direction.end()).into()]
    } else {
        let face = if first { badge::face(&message.name, 30.0, look) } else { gap().width(30.0).into() };
        vec![face, container(bubble).width(Fill).align_x(look.direction.start()).into()]
    };
    look.direction.row(row).spacing(space::S).into()
}

fn body<'a>(message: &'a MessageView, pictures: &'a Kept, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let said = |key: &str| muted(words.say(key), Role::Body, look).into();
    match &message.body {
        MessageBody::Text(text) => paragraphs(text),
        MessageBody::Document(document) => {
            let id = message.id;
            document_card::view(
                document,
                None,
                pictures.of(document.id),
                move |deed| Message::Document(deed, id),
                context,
            )
        }
        MessageBody::ReadsFromHere => said("message-reads-from-here"),
        MessageBody::Gone if message.deleted => said("message-deleted"),
        MessageBody::Gone => said("message-gone"),
        MessageBody::NeedsNewerVersion => said("message-newer"),
    }
}

/// What is asked before a message is taken back.
fn sure<'a>(message: &'a MessageView, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let buttons = vec![
        button::word(words.say("cancel"), Kind::Secondary, Some(Message::Menu(message.id)), look),
        button::word(words.say("delete-yes"), Kind::Danger, Some(Message::Do(Deed::Delete, message.id)), look),
    ];
    column![plain(words.say("delete-sure"), Role::Label), look.direction.wrapped(buttons, space::S)]
        .spacing(space::S)
        .align_x(look.direction.start_items())
        .into()
}

/// Each paragraph by its own direction, at its own side. Beyond so many the rest stands in one: each costs a widget.
fn paragraphs<'a>(text: &'a str) -> Element<'a, Message> {
    let shown = |paragraph: &'a str| -> Element<'a, Message> {
        let clean = bidi::as_written(paragraph);
        let rtl = bidi::direction(&clean) == Some(Direction::Rtl);
        let text = plain(clean, Role::Body);
        if rtl { container(text).align_x(iced::alignment::Horizontal::Right).into() } else { text.into() }
    };
    let rest = text.match_indices('\n').nth(PARAGRAPHS).map_or(text.len(), |(at, _)| at);
    let (first, rest) = text.split_at_checked(rest).unwrap_or((text, ""));
    let rest = Some(rest.trim_start_matches('\n')).filter(|rest| !rest.is_empty());
    if text.contains('\n') { column(first.lines().chain(rest).map(shown)).into() } else { shown(text) }
}

fn reactions<'a>(message: &'a MessageView, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let mut counted: Vec<(&str, u64)> = Vec::new();
    for (_, text) in &message.reactions {
        match counted.iter_mut().find(|(known, _)| known == text) {
            Some((_, count)) => *count += 1,
            None => counted.push((text, 1)),
        }
    }
    let chip = |(text, count): (&str, u64)| -> Element<'a, Message> {
        let known = REACTIONS.iter().find(|(code, _)| *code == text);
        let word = known.map_or_else(|| bidi::defuse(text, REACTION), |(_, key)| words.say(key));
        let text = words.with("reaction", &[("word", word.into()), ("count", count.into())]);
        container(plain(text, Role::Caption)).padding([1.0, space::S]).style(surface::card(look)).into()
    };
    look.direction.row(counted.into_iter().map(chip).collect()).spacing(space::XS).into()
}

/// The time, how far it is, and the button that opens what can be done.
fn about<'a>(message: &'a MessageView, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let mut parts: Vec<Element<'a, Message>> =
        vec![muted(words.language().time(message.at), Role::Caption, look).into()];
    if message.edited.is_some() {
        parts.push(muted(words.say("message-edited"), Role::Caption, look).into());
    }
    if message.imported {
        parts.push(muted(words.say("message-imported"), Role::Caption, look).into());
    }
    if message.own {
        let key = match message.state {
            MessageState::Queued | MessageState::Unread => "state-of-queued",
            MessageState::Accepted => "state-of-accepted",
            MessageState::Delivered => "state-of-delivered",
            MessageState::Read => "state-of-read",
            MessageState::Expired => "state-of-expired",
            MessageState::Cancelled => "state-of-cancelled",
        };
        let read = message.state == MessageState::Read;
        let color = if read { look.tokens.own.ink } else { look.tokens.muted };
        let ticks = match message.state {
            MessageState::Accepted => 1,
            MessageState::Delivered | MessageState::Read => 2,
            _ => 0,
        };
        let ticks: Vec<Element<'a, Message>> = (0..ticks).map(|_| sign(Sign::Tick, TICK, color)).collect();
        parts.push(row(ticks).into());
        parts.push(coloured(words.say(key), Role::Caption, color).into());
    }
    let more = plain(MORE, Role::Caption);
    parts.push(button::over(more, Kind::Quiet, Some(Message::Menu(message.id)), look));
    look.direction.row(parts).spacing(space::S).align_y(Alignment::Center).into()
}

/// What can be done to a message.
fn deeds<'a>(message: &'a MessageView, state: &'a State, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let text = matches!(message.body, MessageBody::Text(_));
    if state.deleting {
        return sure(message, context);
    }
    let mut deeds = vec![("deed-reply", Deed::Reply)];
    if text && state.tier() < NO_COPY_FROM {
        deeds.push(("deed-copy", Deed::Copy));
    }
    if is_editable(message) {
        deeds.push(("deed-edit", Deed::Edit));
    }
    if message.own && !message.deleted {
        deeds.push(("deed-delete", Deed::AskDelete));
    }
    let word = |word: String, press| button::word(word, Kind::Secondary, Some(press), look);
    let mut buttons: Vec<Element<'a, Message>> =
        deeds.into_iter().map(|(key, deed)| word(words.say(key), Message::Do(deed, message.id))).collect();
    if !message.own {
        let react = |(code, key): (&str, &str)| word(words.say(key), Message::React(message.id, code.to_owned()));
        buttons.extend(REACTIONS.map(react));
    }
    look.direction.wrapped(buttons, space::XS)
}
