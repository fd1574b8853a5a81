//! What is asked of whoever joins: an invitation, then its code and a passphrase.

use amanat_identity::InvitationSummary;
use amanat_ui::{
    badge,
    bidi::defuse,
    button::{self, Kind},
    edit, meter,
    notice::{self, Kind as Notice},
    secret, surface,
    text::{Role, muted, paragraph, plain},
    theme::{Pair, radius, space},
};
use iced::{
    Alignment, Element, Fill,
    widget::{Column, column, container, rule},
};
use zeroize::Zeroizing;

use super::{AGAIN, CODE, Lacks, Message, PASSPHRASE, PATH, State, Trouble};
use crate::{
    screens::Context,
    strength::{Hint, MOST, Strength},
};

/// The card's width, in logical pixels.
pub(super) const WIDTH: f32 = 600.0;
/// Characters of a name that are shown.
const NAME: usize = 80;

/// The whole of it.
pub(super) fn view<'a>(state: &'a State, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let (title, explained) = match (&state.invitation, state.begun) {
        (_, true) => ("welcome-again", Some("welcome-again-explained")),
        (None, false) => ("welcome-title", Some("welcome-explained")),
        (Some(_), false) => ("welcome-yours", None),
    };
    let mut head = column![plain(words.say(title), Role::Title)].spacing(space::S);
    if let Some(explained) = explained {
        head = head.push(paragraph(words.say(explained), Role::Body, look.tokens.muted, look));
    }
    let parts = column![head.width(Fill).align_x(look.direction.start_items())].spacing(space::M);
    let parts = match &state.invitation {
        None => file(state, parts.spacing(space::L), context),
        Some(invitation) => secrets(state, &invitation.says, parts, context),
    };
    card(parts, context)
}

/// A card in the middle.
pub(super) fn card<'a>(parts: Column<'a, Message>, context: Context<'a>) -> Element<'a, Message> {
    let card = container(parts.width(Fill)).padding(space::XL).max_width(WIDTH).style(surface::card(context.look));
    container(card).center_x(Fill).padding(space::L).into()
}

fn failure<'a>(state: &State, parts: Column<'a, Message>, context: Context<'a>) -> Column<'a, Message> {
    let words = context.words;
    let Some((trouble, failure)) = &state.failure else { return parts };
    let (failed, advice) = match trouble {
        Trouble::Other => words.failure(failure),
        Trouble::Offline => (words.say("failed-offline"), words.say("welcome-try-offline")),
        Trouble::Code => (words.say("welcome-failed-code"), words.say("welcome-try-code")),
        Trouble::Begun => (words.say("welcome-failed-begun"), words.say("welcome-try-begun")),
        Trouble::Taken => (words.say("failed-profile-exists"), words.say("try-profile-exists")),
    };
    parts.push(notice::advice(Notice::Danger, failed, advice, Vec::new(), context.look))
}

/// Where the invitation is.
fn file<'a>(state: &'a State, parts: Column<'a, Message>, context: Context<'a>) -> Column<'a, Message> {
    let Context { look, words, .. } = context;
    let k = look.tokens;
    let word = words.say(if state.reading { "welcome-reading" } else { "welcome-pick" });
    let drop = column![
        plain(words.say("welcome-drop"), Role::Heading),
        button::word(word, Kind::Primary, (!state.reading).then_some(Message::Pick), look),
    ]
    .spacing(space::L)
    .align_x(Alignment::Center);
    let (ground, edge) = if state.hovered { (k.selected, k.primary.ground) } else { (k.field, k.line) };
    let place = container(drop).center_x(Fill).padding(space::XXL).style(surface::edged(
        Pair { ground, ink: k.text },
        edge,
        radius::L,
    ));
    let field = edit::Field { id: PATH, placeholder: String::new(), submit: Some(Message::ReadPath), several: false };
    let ready = !state.reading && !state.path.text().trim().is_empty();
    let path = vec![
        container(edit::field(&state.path, field, Message::Path, look)).width(Fill).into(),
        button::word(words.say("welcome-read"), Kind::Secondary, ready.then_some(Message::ReadPath), look),
    ];
    let path = look.direction.row(path).spacing(space::S).align_y(Alignment::Center);
    let or = muted(words.say("welcome-or-path"), Role::Label, look);
    let parts = failure(state, parts.push(place), context);
    parts.push(column![or, path].spacing(space::S).align_x(look.direction.start_items()))
}

/// Whom it is for, and what is to be chosen.
fn secrets<'a>(
    state: &'a State,
    says: &InvitationSummary,
    parts: Column<'a, Message>,
    context: Context<'a>,
) -> Column<'a, Message> {
    let Context { look, words, .. } = context;
    let mut parts = parts.push(invitation(says, context));
    if says.replaces {
        let (what, advice) = (words.say("welcome-replaces"), words.say("welcome-replaces-try"));
        parts = parts.push(notice::advice(Notice::Caution, what, advice, Vec::new(), look));
    }
    if says.needs_code {
        let field = edit::Field {
            id: CODE,
            placeholder: String::new(),
            submit: Some(Message::Next(PASSPHRASE)),
            several: false,
        };
        let name = muted(words.say("welcome-code"), Role::Label, look);
        let code = edit::field(&state.code, field, Message::Code, look);
        parts = parts.push(column![name, code].spacing(space::XS).align_x(look.direction.start_items()));
    }
    let (name, enter) = if state.begun {
        ("welcome-passphrase-before", Message::Join)
    } else {
        ("welcome-passphrase", Message::Next(AGAIN))
    };
    let typed = |text| Message::Passphrase(Zeroizing::new(text));
    parts = parts.push(secret::named(PASSPHRASE, words.say(name), &state.passphrase, Some(typed), enter, look));
    if !state.begun {
        parts = parts.push(strength(state.strength, context));
        let typed = |text| Message::Again(Zeroizing::new(text));
        let name = words.say("welcome-passphrase-again");
        parts = parts.push(secret::named(AGAIN, name, &state.again, Some(typed), Message::Join, look));
    }
    let parts = failure(state, parts, context);
    parts.push(actions(state.lacks(), context))
}

fn invitation<'a>(says: &InvitationSummary, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, now } = context;
    let start = look.direction.start();
    let name = says.name.to_string();
    let texts = column![
        plain(defuse(&name, NAME), Role::Heading),
        plain(defuse(says.post.as_str(), NAME), Role::Body),
        muted(defuse(&says.address.to_string(), NAME), Role::Label, look),
    ]
    .align_x(look.direction.start_items());
    let tier = badge::tier(words.tier(says.clearance), says.clearance as usize, look);
    let who = vec![
        badge::face(&name, space::XXL, look),
        container(texts).width(Fill).align_x(start).into(),
        column![muted(words.say("welcome-cleared"), Role::Caption, look), tier]
            .spacing(space::XS)
            .align_x(look.direction.end_items())
            .into(),
    ];
    let fact = |key: &str, value: String| -> Element<'a, Message> {
        let parts = vec![
            container(muted(words.say(key), Role::Label, look)).width(iced::FillPortion(1)).align_x(start).into(),
            container(plain(value, Role::Label)).width(iced::FillPortion(2)).align_x(start).into(),
        ];
        look.direction.row(parts).spacing(space::M).align_y(Alignment::Center).into()
    };
    let authority = format!("{} ({})", defuse(says.authority.as_str(), NAME), says.address.domain);
    let facts = column![
        look.direction.row(who).spacing(space::M).align_y(Alignment::Center),
        rule::horizontal(1).style(surface::line(look)),
        fact("welcome-authority", authority),
        fact("welcome-officer", defuse(says.officer.as_str(), NAME)),
        fact("welcome-redeem-by", words.day(says.redeem_by, now)),
    ]
    .spacing(space::S);
    let pair = Pair { ground: look.tokens.field, ink: look.tokens.text };
    container(facts).padding(space::L).width(Fill).style(surface::edged(pair, look.tokens.line, radius::L)).into()
}

fn strength<'a>(strength: Option<Strength>, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let (filled, of, enough, key) = judged(strength);
    let said = paragraph(words.say(key), Role::Label, look.tokens.muted, look);
    column![meter::parts(filled, of, enough, look), said].spacing(space::XS).into()
}

/// How a strength is shown: so many parts of so many, whether that is enough, and what is said about it.
pub(in crate::screens) fn judged(strength: Option<Strength>) -> (usize, usize, bool, &'static str) {
    let (filled, key) = match strength {
        None => (0, "strength-none"),
        Some(Strength { score, hint }) => match hint {
            None if score >= MOST => (score, "strength-very-good"),
            None => (score, "strength-good"),
            Some(hint) => (score.max(1), hint_key(hint)),
        },
    };
    (filled, MOST, strength.is_some_and(Strength::is_enough), key)
}

fn hint_key(hint: Hint) -> &'static str {
    match hint {
        Hint::Short => "strength-short",
        Hint::Common => "strength-common",
        Hint::Word => "strength-word",
        Hint::Keyboard => "strength-keyboard",
        Hint::Pattern => "strength-pattern",
        Hint::Date => "strength-date",
        Hint::More => "strength-more",
    }
}

fn actions<'a>(lacks: Option<Lacks>, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let key = match lacks {
        None => "welcome-ready",
        Some(Lacks::Code) => "welcome-lacks-code",
        Some(Lacks::Passphrase) => "welcome-lacks-passphrase",
        Some(Lacks::Stronger) => "welcome-lacks-stronger",
        Some(Lacks::Again) => "welcome-lacks-again",
        Some(Lacks::Same) => "welcome-lacks-same",
    };
    let ready = lacks.is_none().then_some(Message::Join);
    let parts = vec![
        button::word(words.say("welcome-join"), Kind::Primary, ready, look),
        button::word(words.say("welcome-another"), Kind::Secondary, Some(Message::Another), look),
        container(muted(words.say(key), Role::Label, look)).width(Fill).align_x(look.direction.start()).into(),
    ];
    look.direction.row(parts).spacing(space::M).align_y(Alignment::Center).into()
}
