//! How the questions about files look: a card over a veil, one question at a time.

use amanat_client::{Failure, api::ConversationView};
use amanat_identity::Tier;
use amanat_ui::{
    badge, bidi,
    button::{self, Kind},
    edit::{self, Field},
    surface,
    text::{Role, muted, plain},
    theme::{radius, space},
};
use iced::{
    Alignment, Element, Fill,
    widget::{Column, column, container, space as gap},
};

use super::{Chosen, Dialog, Message, PATH};
use crate::screens::{Context, document_card, inbox::tier_number};

/// A dialog's width, in logical pixels.
const WIDTH: f32 = 520.0;
/// Characters of a name or a title.
const NAME: usize = 80;
/// Characters of a path.
const PATH_SHOWN: usize = 200;
/// People who are named.
const NAMED: usize = 8;

type Parts<'a> = Column<'a, Message>;

/// How a dialog looks.
pub(super) fn view<'a>(dialog: &'a Dialog, waiting: usize, context: Context<'a>) -> Element<'a, Message> {
    match dialog {
        Dialog::Choose { to, field, failure } => choose(to, field, failure.as_ref(), context),
        Dialog::Ask { to, file, names, sending, failure } => {
            let parts = ask(to, file, names.as_deref(), waiting, context);
            let word = context.words.say(if *sending { "attach-sending" } else { "attach-send" });
            let go = (!*sending && names.is_some()).then_some(Message::Go);
            finish(parts, failure.as_ref(), vec![(word, Kind::Primary, go)], "cancel", context)
        }
        Dialog::Save { document, field, failure } => {
            let words = context.words;
            let parts = titled("save-title", context)
                .push(named(&document.name, document.tier, words.language().size(document.size), context))
                .push(path(field, context))
                .push(muted(words.say("save-explained"), Role::Label, context.look))
                .push(caution(words.say("save-outside"), context));
            let save =
                (words.say("save-save"), Kind::Primary, (!field.text().trim().is_empty()).then_some(Message::Go));
            finish(parts, failure.as_ref(), vec![browse(context), save], "cancel", context)
        }
        Dialog::Saved { path, failure } => {
            let words = context.words;
            let shown = bidi::defuse(&path.to_string_lossy(), PATH_SHOWN);
            let parts = titled("saved-title", context)
                .push(plain(words.with("saved-where", &[("path", shown.into())]), Role::Body))
                .push(caution(words.say("saved-question"), context));
            let open = (words.say("saved-open"), Kind::Secondary, Some(Message::Go));
            finish(parts, failure.as_ref(), vec![open], "files-close", context)
        }
        Dialog::Failed { name, sending, failure } => {
            let key = if *sending { "send-failed" } else { "save-failed" };
            let name = bidi::defuse(name, NAME);
            let parts = parts(context).push(plain(context.words.with(key, &[("name", name.into())]), Role::Heading));
            finish(parts, Some(failure), Vec::new(), "files-close", context)
        }
    }
}

fn choose<'a>(
    to: &'a ConversationView,
    field: &'a edit::Content,
    failure: Option<&'a Failure>,
    context: Context<'a>,
) -> Element<'a, Message> {
    let words = context.words;
    let parts = titled("attach-title", context)
        .push(whom(to, context))
        .push(muted(words.say("attach-where"), Role::Label, context.look))
        .push(path(field, context));
    let next = (words.say("attach-next"), Kind::Primary, (!field.text().trim().is_empty()).then_some(Message::Go));
    finish(parts, failure, vec![browse(context), next], "cancel", context)
}

fn ask<'a>(
    to: &'a ConversationView,
    file: &'a Chosen,
    names: Option<&'a [String]>,
    waiting: usize,
    context: Context<'a>,
) -> Parts<'a> {
    let Context { look, words, .. } = context;
    let name = file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut parts = titled("attach-question", context)
        .push(named(&name, to.tier, words.language().size(file.size), context))
        .push(whom(to, context))
        .push(readers(names, context));
    if waiting > 0 {
        parts =
            parts.push(muted(words.with("attach-waiting", &[("count", (waiting as u64).into())]), Role::Label, look));
    }
    parts
}

/// Who will have it: each name in its own box, so that names of both directions stand beside each other.
fn readers<'a>(names: Option<&'a [String]>, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let Some(names) = names else { return muted(words.say("attach-people-reading"), Role::Label, look).into() };
    let chip = |name: String| -> Element<'a, Message> {
        container(plain(name, Role::Label)).padding([space::XS, space::S]).style(surface::card(look)).into()
    };
    let mut chips: Vec<_> = names.iter().take(NAMED).map(|name| chip(bidi::defuse(name, NAME))).collect();
    if let Some(more) = names.len().checked_sub(NAMED).filter(|more| *more > 0) {
        chips.push(chip(words.with("attach-more", &[("count", (more as u64).into())])));
    }
    let chips = look.direction.wrapped(chips, space::XS);
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
    let texts = column![plain(bidi::defuse(name, NAME), Role::Strong), muted(size, Role::Caption, look)];
    let texts = texts.align_x(look.direction.start_items());
    let row = vec![document_card::ending(name, tier_number(tier), context), container(texts).into()];
    let row = look.direction.row(row).spacing(space::M).align_y(Alignment::Center);
    container(row).padding(space::M).style(surface::card(look)).into()
}

fn path<'a>(content: &'a edit::Content, context: Context<'a>) -> Element<'a, Message> {
    let placeholder = context.words.say("attach-path");
    let field = Field { id: PATH, placeholder, submit: Some(Message::Go), several: false };
    edit::field(content, field, Message::Typed, context.look)
}

fn caution<'a>(text: String, context: Context<'a>) -> Element<'a, Message> {
    let notice = container(plain(text, Role::Label)).padding([space::S, space::M]).width(Fill);
    let notice = notice.align_x(context.look.direction.start());
    notice.style(surface::filled(context.look.tokens.caution, radius::M)).into()
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
        let texts = column![plain(failed, Role::Strong), plain(advice, Role::Label)];
        let texts = texts.align_x(look.direction.start_items()).width(Fill);
        let notice = container(texts).padding([space::S, space::M]).width(Fill);
        parts = parts.push(notice.style(surface::filled(look.tokens.danger, radius::M)));
    }
    let close = words.say(close);
    let mut row: Vec<Element<'a, Message>> = vec![gap::horizontal().into()];
    row.push(button::word(close, Kind::Quiet, Some(Message::Close), look));
    row.extend(buttons.into_iter().map(|(word, kind, press)| button::word(word, kind, press, look)));
    parts = parts.push(look.direction.row(row).spacing(space::S).align_y(Alignment::Center));
    container(parts).padding(space::XL).max_width(WIDTH).style(surface::card(look)).into()
}
