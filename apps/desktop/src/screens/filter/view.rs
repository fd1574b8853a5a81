//! How the strip looks.

use amanat_client::api::{Action, Judged, Kind as Found, KindFound};
use amanat_ui::{
    bidi,
    button::{self, Kind},
    edit::{self, Field},
    notice,
    theme::space,
};
use iced::{Alignment, Element, Fill, widget::container};

use super::{Message, PRESS, REASON, State, is_asked};
use crate::{screens::Context, words::Words};

/// Kinds that are named, and rules; more are counted.
const NAMED: usize = 4;
/// Characters of a rule's name.
const RULE: usize = 60;
/// Kinds that have words of their own: those of the built-in policy.
pub(super) const KINDS: [&str; 16] = [
    "cnic",
    "nicop",
    "passport",
    "mobile",
    "landline",
    "imsi",
    "imei",
    "iccid",
    "iban",
    "card",
    "ntn",
    "vehicle",
    "email",
    "coordinates",
    "table",
    "marking",
];

/// What is written there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// It changes what was sent before.
    pub changes: bool,
    /// Nothing of it goes to the clipboard.
    pub sealed: bool,
}

impl State {
    /// The strip; none where nothing was found.
    #[must_use]
    pub fn view<'a>(&'a self, manner: Manner, context: Context<'a>) -> Option<Element<'a, Message>> {
        let Context { look, words, .. } = context;
        let found = self.found.as_ref()?;
        let tier = [("tier", words.tier(found.tier).into())];
        let advice = words.with(
            match found.action {
                Action::Allow | Action::Warn => "filter-warn",
                Action::Reason => "filter-needs-reason",
                Action::Approve => "filter-approve",
                Action::Refuse => "filter-refuse",
            },
            &tier,
        );
        let kind = if self.refuses() { notice::Kind::Danger } else { notice::Kind::Caution };
        let reason = (found.action == Action::Reason).then(|| self.ask_reason(manner, context));
        let press = (found.action == Action::Warn).then(|| {
            let word = words.say(if manner.changes { "filter-change" } else { "filter-send" });
            button::word_as(PRESS, word, Kind::Secondary, Some(Message::Press), look)
        });
        let finding = notice::Finding {
            what: what(found, words),
            advice,
            source: rules(found, words),
            below: reason,
            buttons: press.into_iter().collect(),
            edged: self.pointed,
        };
        Some(notice::finding(kind, finding, look))
    }

    fn ask_reason<'a>(&'a self, manner: Manner, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let field =
            Field { id: REASON, placeholder: words.say("filter-why"), submit: Some(Message::Press), several: false };
        let field = edit::editor(&self.reason, field, Message::Reason, look).sealed(manner.sealed);
        let written = !self.reason.as_str().trim().is_empty();
        let word = words.say(if manner.changes { "filter-change-reason" } else { "filter-send-reason" });
        let row = vec![
            container(field).width(Fill).into(),
            button::word(word, Kind::Secondary, written.then_some(Message::Press), look),
        ];
        look.direction.row(row).spacing(space::S).align_y(Alignment::Center).into()
    }
}

/// What was found, with its counts, the severest first.
fn what(found: &Judged, words: &Words) -> String {
    let asked: Vec<&KindFound> = found.kinds.iter().filter(|kind| is_asked(kind.action)).collect();
    let named = asked.iter().take(NAMED).map(|found| kind_words(found.kind.as_str(), found.count, words));
    let more = asked.len().saturating_sub(NAMED) as u64;
    let more = (more > 0).then(|| words.with("filter-more", &[("count", more.into())]));
    let listed = named.chain(more).collect::<Vec<_>>().join(&words.say("filter-and"));
    let mut sentences = Vec::new();
    if !listed.is_empty() {
        sentences.push(words.with("filter-found", &[("found", listed.into())]));
    }
    if found.unread {
        sentences.push(words.say("filter-unread"));
    }
    sentences.join(" ")
}

/// So many of a kind; one that the policy alone knows by its name.
pub(super) fn kind_words(kind: &str, count: u32, words: &Words) -> String {
    let count = ("count", u64::from(count).into());
    if KINDS.contains(&kind) {
        words.with(&format!("kind-{kind}"), &[count])
    } else {
        words.with("kind-other", &[count, ("kind", bidi::defuse(kind, RULE).into())])
    }
}

/// By which rules it was found.
fn rules(found: &Judged, words: &Words) -> String {
    let asked = |kind: &Found| found.kinds.iter().any(|found| found.kind == *kind && is_asked(found.action));
    let mut rules: Vec<&str> = Vec::new();
    for place in found.places.iter().filter(|place| asked(&place.kind)) {
        if !rules.contains(&place.rule.as_str()) {
            rules.push(&place.rule);
        }
        if rules.len() == NAMED {
            break;
        }
    }
    if rules.is_empty() {
        return String::new();
    }
    let count = rules.len() as u64;
    let names: Vec<_> = rules.into_iter().map(|rule| bidi::isolate(&bidi::defuse(rule, RULE))).collect();
    let names = names.join(&words.say("filter-and"));
    words.with("filter-rules", &[("count", count.into()), ("rules", names.into())])
}
