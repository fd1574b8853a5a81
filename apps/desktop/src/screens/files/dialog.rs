//! How the questions about files look: a card over a veil, one question at a time.

use amanat_client::{Failure, FailureCode, api::ConversationView};
use amanat_identity::Tier;
use amanat_ui::{
    badge, bidi,
    button::{self, Kind},
    edit::{self, Field},
    notice, surface,
    text::{Role, line, muted, plain},
    theme::space,
};
use iced::{
    Alignment, Element, Fill,
    widget::{Column, column, container, image::Handle, space as gap},
};

use super::{Chosen, Dialog, Message, PATH, Reader, paths};
use crate::screens::{Context, document_card, frame, inbox::tier_number};

/// A dialog's width, in logical pixels.
const WIDTH: f32 = 520.0;
/// The height of a thumbnail's box, in logical pixels.
const PICTURE: f32 = 180.0;
/// Characters of a name or a title.
const NAME: usize = 80;
/// Characters of a path.
const PATH_SHOWN: usize = 200;
/// People of one's own ministry who are named, with those of others.
const NAMED: usize = 8;
/// The height in which those of other ministries are scrolled where they are more.
const PEOPLE: f32 = 240.0;

type Parts<'a> = Column<'a, Message>;

/// How a dialog looks.
pub(super) fn view<'a>(
    dialog: &'a Dialog,
    (number, nth): (u64, Option<(usize, usize)>),
    context: Context<'a>,
) -> Element<'a, Message> {
    let go = Message::Go(number);
    match dialog {
        Dialog::Choose { to, field, failure, .. } => choose(to, field, failure.as_ref(), (nth, go), context),
        Dialog::Ask { to, file, picture, readers, sending, failure } => {
            let parts = ask(to, (file, picture.as_ref()), readers.as_deref(), nth, context);
            let word = context.words.say(if *sending { "attach-sending" } else { "attach-send" });
            let go = (!*sending && readers.is_some()).then_some(go);
            finish(parts, failure.as_ref(), vec![(word, Kind::Primary, go)], "cancel", context)
        }
        Dialog::Save { document, field, failure } => {
            let words = context.words;
            let parts = titled("save-title", context)
                .push(named(&document.name, document.tier, words.language().size(document.size), context))
                .push(path(field, go.clone(), context))
                .push(muted(words.say("save-explained"), Role::Label, context.look))
                .push(caution(words.say("save-outside"), context));
            let save = (words.say("save-save"), Kind::Primary, (!field.text().trim().is_empty()).then_some(go));
            finish(parts, failure.as_ref(), vec![browse(context), save], "cancel", context)
        }
        Dialog::Saved { path, failure } => {
            let words = context.words;
            let shown = bidi::defuse(&path.to_string_lossy(), PATH_SHOWN);
            let parts = titled("saved-title", context)
                .push(plain(words.with("saved-where", &[("path", shown.into())]), Role::Body))
                .push(caution(words.say("saved-question"), context));
            let open = (words.say("saved-open"), Kind::Secondary, Some(go));
            finish(parts, failure.as_ref(), vec![open], "close", context)
        }
        Dialog::Failed { name, sending, failure } => {
            let key = if *sending { "send-failed" } else { "save-failed" };
            let name = bidi::defuse(name, NAME);
            let parts = parts(context).push(plain(context.words.with(key, &[("name", name.into())]), Role::Heading));
            finish(parts, Some(failure), Vec::new(), "close", context)
        }
    }
}

fn choose<'a>(
    to: &'a ConversationView,
    field: &'a edit::Content,
    failure: Option<&'a Failure>,
    (nth, go): (Option<(usize, usize)>, Message),
    context: Context<'a>,
) -> Element<'a, Message> {
    let words = context.words;
    let parts = counted("attach-title", nth, context)
        .push(whom(to, context))
        .push(muted(words.say("attach-where"), Role::Label, context.look))
        .push(path(field, go.clone(), context));
    let next = (words.say("attach-next"), Kind::Primary, (!field.text().trim().is_empty()).then_some(go));
    finish(parts, failure, vec![browse(context), next], "cancel", context)
}

fn ask<'a>(
    to: &'a ConversationView,
    (file, picture): (&'a Chosen, Option<&'a Handle>),
    people: Option<&'a [Reader]>,
    nth: Option<(usize, usize)>,
    context: Context<'a>,
) -> Parts<'a> {
    counted("attach-question", nth, context)
        .push(named(&paths::name(&file.path), to.tier, context.words.language().size(file.size), context))
        .push(picture.map(|picture| document_card::picture_of(picture, Fill, PICTURE, context.look)))
        .push(whom(to, context))
        .push(readers(people, context))
}

/// A title, and which of several it is.
fn counted<'a>(key: &str, nth: Option<(usize, usize)>, context: Context<'a>) -> Parts<'a> {
    let Context { look, words, .. } = context;
    let Some((nth, all)) = nth else { return titled(key, context) };
    let count = words.with("attach-nth", &[("nth", (nth as u64).into()), ("all", (all as u64).into())]);
    let row = vec![
        plain(words.say(key), Role::Title).into(),
        gap::horizontal().into(),
        container(plain(count, Role::Label)).padding([space::XS, space::S]).style(surface::card(look)).into(),
    ];
    parts(context).push(look.direction.row(row).align_y(Alignment::Center).width(Fill))
}

/// Who will have it: each name in its own box, so that names of both directions stand beside each other. All of other
/// ministries are named.
fn readers<'a>(people: Option<&'a [Reader]>, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let Some(people) = people else { return muted(words.say("attach-people-reading"), Role::Label, look).into() };
    let chip = |content: Element<'a, Message>| -> Element<'a, Message> {
        container(content).padding([space::XS, space::S]).style(surface::card(look)).into()
    };
    let person = |reader: &Reader| {
        let name = bidi::defuse(&reader.name, NAME);
        let Some(ministry) = &reader.ministry else { return chip(plain(name, Role::Label).into()) };
        let ministry = bidi::defuse(ministry, NAME);
        let ministry = words.with("foreign-ministry", &[("ministry", ministry.into())]);
        let texts = column![plain(name, Role::Strong), muted(ministry, Role::Label, look)];
        chip(texts.align_x(look.direction.start_items()).into())
    };
    let foreign = people.iter().filter(|reader| reader.ministry.is_some()).count();
    let named = foreign.max(NAMED);
    let mut chips: Vec<_> = people.iter().take(named).map(person).collect();
    if let Some(more) = people.len().checked_sub(named).filter(|more| *more > 0) {
        chips.push(chip(plain(words.with("attach-more", &[("count", (more as u64).into())]), Role::Label).into()));
    }
    let mut chips = look.direction.wrapped(chips, space::XS);
    if foreign > NAMED {
        chips = container(frame::scrolled(chips)).max_height(PEOPLE).into();
    }
    column![muted(words.say("attach-people"), Role::Label, look), chips]
        .spacing(space::XS)
        .width(Fill)
        .align_x(look.direction.start_items())
        .into()
}

/// To whom, at which tier.
fn whom<'a>(to: &'a ConversationView, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let title = bidi::defuse(&to.title, NAME);
    let row = vec![
        badge::tier(words.tier(to.tier), tier_number(to.tier), look),
        plain(words.with("attach-to", &[("title", title.into())]), Role::Strong).into(),
    ];
    look.direction.row(row).spacing(space::S).align_y(Alignment::Center).into()
}

fn named<'a>(name: &str, tier: Tier, size: String, context: Context<'a>) -> Element<'a, Message> {
    let look = context.look;
    let name_shown = line(bidi::defuse(name, NAME), Role::Strong, look.tokens.text);
    let texts = column![name_shown, muted(size, Role::Caption, look)];
    let texts = texts.align_x(look.direction.start_items());
    let row = vec![document_card::ending(name, tier_number(tier), context), container(texts).into()];
    let row = look.direction.row(row).spacing(space::M).align_y(Alignment::Center);
    container(row).padding(space::M).style(surface::card(look)).into()
}

fn path<'a>(content: &'a edit::Content, go: Message, context: Context<'a>) -> Element<'a, Message> {
    let placeholder = context.words.say("attach-path");
    let field = Field { id: PATH, placeholder, submit: Some(go), several: false };
    edit::field(content, field, Message::Typed, context.look)
}

fn caution<'a>(text: String, context: Context<'a>) -> Element<'a, Message> {
    notice::notice(notice::Kind::Caution, text, Vec::new(), context.look)
}

fn browse<'a>(context: Context<'a>) -> (String, Kind, Option<Message>) {
    (context.words.say("attach-browse"), Kind::Secondary, Some(Message::Browse))
}

fn parts<'a>(context: Context<'a>) -> Parts<'a> {
    column![].spacing(space::M).width(Fill).align_x(context.look.direction.start_items())
}

fn titled<'a>(key: &str, context: Context<'a>) -> Parts<'a> {
    parts(context).push(plain(context.words.say(key), Role::Title))
}

/// What went wrong, and the buttons.
fn finish<'a>(
    mut parts: Parts<'a>,
    failure: Option<&'a Failure>,
    buttons: Vec<(String, Kind, Option<Message>)>,
    close: &str,
    context: Context<'a>,
) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    if let Some(failure) = failure {
        let (failed, advice) = words.failure(failure);
        // Of a document, the leak filter reads the name.
        let filtered = failure.code == FailureCode::Filtered;
        let advice = if filtered { words.say("attach-filtered") } else { advice };
        parts = parts.push(notice::advice(notice::Kind::Danger, failed, advice, Vec::new(), look));
    }
    let close = words.say(close);
    let mut row: Vec<Element<'a, Message>> = vec![gap::horizontal().into()];
    row.push(button::word(close, Kind::Quiet, Some(Message::Close), look));
    row.extend(buttons.into_iter().map(|(word, kind, press)| button::word(word, kind, press, look)));
    parts = parts.push(look.direction.row(row).spacing(space::S).align_y(Alignment::Center));
    container(parts).padding(space::XL).max_width(WIDTH).style(surface::card(look)).into()
}
