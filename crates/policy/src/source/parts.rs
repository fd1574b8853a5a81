//! The parts of a policy's source (protocol-spec/09-policy, section 3): what TOML gives, before it is checked. An unknown key
//! is refused by name.

use std::{collections::BTreeMap, ops::Range};

use amanat_identity::Tier;
use amanat_wire::log::RetentionClass;
use serde::Deserialize;
use toml::Spanned;

use super::{Part, list, text, words};
use crate::{
    check::Check,
    document::{Limit, Notification, TierPolicy},
    marking::Marking,
    rule::Kind,
    table::Cell,
    verdict::{Action, Threshold},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub(super) number: u32,
    /// What is not said is as in the built-in policy.
    #[serde(default = "yes")]
    pub(super) builtin: bool,
    #[serde(default)]
    pub(super) tier: BTreeMap<Spanned<String>, Spanned<SourceTier>>,
    #[serde(default)]
    pub(super) rule: Vec<Spanned<SourceRule>>,
    #[serde(default)]
    pub(super) marking: Vec<Spanned<SourceMarking>>,
    #[serde(default)]
    pub(super) marking_labels: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) marking_beside: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) table: Vec<Spanned<SourceTable>>,
    #[serde(default)]
    pub(super) procedure: Vec<Spanned<SourceProcedure>>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceWords {
    pub(super) en: Spanned<String>,
    pub(super) ur: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceTier {
    title: Option<SourceWords>,
    copy: Option<bool>,
    save: Option<bool>,
    print: Option<bool>,
    forward: Option<bool>,
    preview: Option<bool>,
    notification: Option<SourceNotification>,
    retention: Option<SourceRetention>,
    lifetime_days: Option<u32>,
    idle_lock: Option<Spanned<String>>,
    offline: Option<Spanned<String>>,
    stops_offline: Option<bool>,
    external: Option<bool>,
    group_size: Option<u32>,
    save_by_two: Option<bool>,
    history_by_two: Option<bool>,
    opens: Option<SourceLimit>,
    saves: Option<SourceLimit>,
    /// By kind: from how many on what is done.
    #[serde(default)]
    filter: BTreeMap<Spanned<String>, Spanned<BTreeMap<Spanned<String>, u32>>>,
    unreadable: Option<Spanned<String>>,
    recipient: Option<Spanned<String>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum SourceNotification {
    Arrival,
    Sender,
    Content,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum SourceRetention {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
struct SourceLimit {
    hour: u32,
    day: u32,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SourceCheck {
    #[default]
    None,
    Luhn,
    Iban,
    Globe,
}

impl From<SourceCheck> for Check {
    fn from(check: SourceCheck) -> Self {
        match check {
            SourceCheck::None => Self::None,
            SourceCheck::Luhn => Self::Luhn,
            SourceCheck::Iban => Self::Iban,
            SourceCheck::Globe => Self::Globe,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceRule {
    pub(super) name: Spanned<String>,
    pub(super) kind: Spanned<String>,
    #[serde(default)]
    pub(super) numbers: Vec<Spanned<String>>,
    pub(super) digits: Option<Spanned<String>>,
    pub(super) pattern: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) check: SourceCheck,
    #[serde(default)]
    pub(super) capitals: bool,
    pub(super) contains: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) near: Vec<Spanned<String>>,
    pub(super) within: Option<u16>,
    #[serde(default)]
    pub(super) except: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceMarking {
    tier: Spanned<String>,
    phrases: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceTable {
    pub(super) name: Spanned<String>,
    pub(super) columns: Vec<Vec<Spanned<String>>>,
    pub(super) rows: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceProcedure {
    pub(super) id: Spanned<String>,
    pub(super) tier: Spanned<String>,
    pub(super) version: u32,
    pub(super) title: SourceWords,
    pub(super) body: SourceWords,
    #[serde(default)]
    pub(super) question: Vec<SourceQuestion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceQuestion {
    pub(super) ask: SourceWords,
    pub(super) answers: Vec<SourceWords>,
    pub(super) right: u8,
}

impl SourceMarking {
    pub(super) fn read(&self, span: Range<usize>) -> Part<Marking> {
        let phrases = self.phrases.iter().map(text).collect::<Part<Vec<_>>>()?;
        Ok(Marking { tier: tier(&self.tier)?, phrases: list(phrases, span, "phrases")? })
    }
}

impl SourceTier {
    /// The kinds of its filter.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.filter.keys()
    }

    /// What it says, and for the rest what was `before`.
    pub(super) fn read(&self, span: Range<usize>, before: Option<&TierPolicy>) -> Part<TierPolicy> {
        let or = Or { span: &span, before };
        Ok(TierPolicy {
            title: or.else_before(self.title.as_ref().map(words).transpose()?, "title", |tier| tier.title.clone())?,
            copy: or.else_before(self.copy, "copy", |tier| tier.copy)?,
            save: or.else_before(self.save, "save", |tier| tier.save)?,
            print: or.else_before(self.print, "print", |tier| tier.print)?,
            forward: or.else_before(self.forward, "forward", |tier| tier.forward)?,
            preview: or.else_before(self.preview, "preview", |tier| tier.preview)?,
            notification: or
                .else_before(self.notification.map(notification), "notification", |tier| tier.notification)?,
            retention: or.else_before(self.retention.map(retention), "retention", |tier| tier.retention)?,
            lifetime_days: or.else_before(self.lifetime_days, "lifetime_days", |tier| tier.lifetime_days)?,
            idle_lock: or
                .else_before(self.idle_lock.as_ref().map(seconds).transpose()?, "idle_lock", |tier| tier.idle_lock)?,
            offline: or.else_before(self.offline.as_ref().map(seconds).transpose()?, "offline", |tier| tier.offline)?,
            stops_offline: or.else_before(self.stops_offline, "stops_offline", |tier| tier.stops_offline)?,
            external: or.else_before(self.external, "external", |tier| tier.external)?,
            group_size: or.else_before(self.group_size, "group_size", |tier| tier.group_size)?,
            save_by_two: or.else_before(self.save_by_two, "save_by_two", |tier| tier.save_by_two)?,
            history_by_two: or.else_before(self.history_by_two, "history_by_two", |tier| tier.history_by_two)?,
            opens: or.else_before(self.opens.map(limit), "opens", |tier| tier.opens.clone())?,
            saves: or.else_before(self.saves.map(limit), "saves", |tier| tier.saves.clone())?,
            thresholds: list(self.thresholds(before)?, span.clone(), "thresholds")?,
            unreadable: or
                .else_before(self.unreadable.as_ref().map(action).transpose()?, "unreadable", |tier| tier.unreadable)?,
            recipient: or
                .else_before(self.recipient.as_ref().map(action).transpose()?, "recipient", |tier| tier.recipient)?,
        })
    }

    /// A kind that is named here is as it is said here alone.
    fn thresholds(&self, before: Option<&TierPolicy>) -> Part<Vec<Threshold>> {
        let mut thresholds = Vec::new();
        for (name, steps) in &self.filter {
            let kind: Kind =
                name.get_ref().parse().map_err(|error: crate::rule::NotAKind| (name.span(), error.to_string()))?;
            for (step, count) in steps.get_ref() {
                if *count == 0 {
                    return Err((step.span(), "a count begins at 1".to_owned()));
                }
                thresholds.push(Threshold { kind: kind.clone(), count: *count, action: action(step)? });
            }
        }
        let said = |kind: &Kind| self.filter.keys().any(|name| name.get_ref() == kind.as_str());
        let kept = before.iter().flat_map(|tier| tier.thresholds.iter()).filter(|threshold| !said(&threshold.kind));
        thresholds.extend(kept.cloned());
        thresholds.sort_by(|a, b| (&a.kind, a.count, a.action).cmp(&(&b.kind, b.count, b.action)));
        Ok(thresholds)
    }
}

struct Or<'a> {
    span: &'a Range<usize>,
    before: Option<&'a TierPolicy>,
}

impl Or<'_> {
    fn else_before<T>(&self, said: Option<T>, name: &str, before: impl Fn(&TierPolicy) -> T) -> Part<T> {
        let missing = || (self.span.clone(), format!("`{name}` is missing"));
        said.or_else(|| self.before.map(before)).ok_or_else(missing)
    }
}

fn limit(source: SourceLimit) -> Limit {
    Limit { hour: source.hour, day: source.day }
}

fn notification(source: SourceNotification) -> Notification {
    match source {
        SourceNotification::Arrival => Notification::Arrival,
        SourceNotification::Sender => Notification::Sender,
        SourceNotification::Content => Notification::Content,
    }
}

fn retention(source: SourceRetention) -> RetentionClass {
    match source {
        SourceRetention::Day => RetentionClass::Day,
        SourceRetention::Week => RetentionClass::Week,
        SourceRetention::Month => RetentionClass::Month,
        SourceRetention::Quarter => RetentionClass::Quarter,
        SourceRetention::Year => RetentionClass::Year,
    }
}

fn action(source: &Spanned<String>) -> Part<Action> {
    source.get_ref().parse().map_err(|error: crate::verdict::NotAnAction| (source.span(), error.to_string()))
}

pub(super) fn tier(source: &Spanned<String>) -> Part<Tier> {
    source.get_ref().parse().map_err(|error: amanat_identity::tier::UnknownTier| (source.span(), error.to_string()))
}

pub(super) fn cell(name: &str) -> Option<Cell> {
    Cell::ALL.iter().copied().find(|cell| cell.name() == name)
}

pub(super) fn no_cell(name: &str) -> String {
    let all: Vec<&str> = Cell::ALL.iter().map(|cell| cell.name()).collect();
    format!("{name:?} is no kind of column; they are {}", all.join(", "))
}

/// `90s`, `15m`, `8h`, `7d`.
fn seconds(source: &Spanned<String>) -> Part<u32> {
    let text = source.get_ref();
    let unit = |text: &str| match text {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        "d" => Some(24 * 3600),
        _ => None,
    };
    let split = text.find(|c: char| !c.is_ascii_digit()).and_then(|place| text.split_at_checked(place));
    let seconds = split
        .and_then(|(count, text)| count.parse::<u32>().ok()?.checked_mul(unit(text)?))
        .filter(|seconds| *seconds > 0);
    seconds.ok_or_else(|| (source.span(), format!("{text:?} is no span of time; write 90s, 15m, 8h or 7d")))
}
