//! How an officer writes a policy (protocol-spec/09-policy, section 3): TOML, in which everything that is not said is as in
//! the built-in policy. What is wrong is told with its line.
//!
//! The parts of the source are in [`parts`]; this module reads them, fills them up, and makes the document of them.

mod parts;

use std::{collections::BTreeSet, ops::Range};

use amanat_identity::Tier;
use amanat_wire::{List, Text};
use toml::Spanned;

use crate::{
    document::{Layout, Policy, PolicyError, Procedure, Question, Ready, TierPolicy, Words},
    find::NEAR,
    marking::{Marking, read},
    rule::{Form, Kind, Numbers, Pattern, Rule},
    table::TableShape,
};
use parts::{Source, SourceProcedure, SourceRule, SourceTable, SourceTier, SourceWords};

/// The most bytes of a source.
pub const SOURCE: usize = 4 << 20;

/// The built-in policy, as an officer would write it.
pub const BUILTIN: &str = include_str!("builtin.toml");

/// What is wrong with a source, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct SourceError {
    /// From 1.
    pub line: usize,
    /// For people.
    pub reason: String,
}

/// What a part of a source gives, or the bytes that are wrong with a reason.
type Part<T> = Result<T, (Range<usize>, String)>;

impl Policy {
    /// The policy in force until an authority signs one of its own: number 0.
    ///
    /// # Errors
    /// None where this program is whole; its text is read as any other.
    pub fn builtin() -> Result<Ready, SourceError> {
        parse(BUILTIN, None)
    }

    /// Reads a source. What it does not say is as in the built-in policy; rules, markings, tables and procedures of its own
    /// come before those, or in their place where it says `builtin = false`. [POL-05]
    ///
    /// # Errors
    /// [`SourceError`], with the line.
    pub fn from_source(source: &str) -> Result<Ready, SourceError> {
        let base = Self::builtin()?;
        parse(source, Some(base.policy()))
    }
}

fn parse(text: &str, base: Option<&Policy>) -> Result<Ready, SourceError> {
    if text.len() > SOURCE {
        return Err(SourceError { line: 1, reason: format!("the source is longer than {SOURCE} bytes") });
    }
    let at = |range: Range<usize>, reason: String| {
        let line = text.get(..range.start).map_or(1, |before| before.matches('\n').count() + 1);
        SourceError { line, reason }
    };
    let source: Source =
        toml::from_str(text).map_err(|error| at(error.span().unwrap_or(0..0), error.message().replace('\n', ", ")))?;
    let places: Vec<Range<usize>> = source.rule.iter().map(Spanned::span).collect();
    let policy = policy_of(source, base).map_err(|(range, reason)| at(range, reason))?;
    // What cannot be run is refused where it stands.
    policy.ready().map_err(|error| match error {
        PolicyError::Rule { place, name, error } => {
            at(places.get(place).cloned().unwrap_or(0..0), format!("rule {name:?}: {error}"))
        }
        error => at(0..0, error.to_string()),
    })
}

fn policy_of(source: Source, base: Option<&Policy>) -> Part<Policy> {
    // Its own first: what an office says of its own papers is tried before what holds for the country.
    let base = base.filter(|_| source.builtin);
    let tiers = Tier::ALL.iter().enumerate().map(|(place, tier)| {
        let before = base.and_then(|base| base.tiers.get(place));
        let said = source.tier.get(tier.name());
        tier_of(*tier, said, before)
    });
    let tiers: Vec<TierPolicy> = tiers.collect::<Part<_>>()?;
    if let Some(unknown) = source.tier.keys().find(|name| name.get_ref().parse::<Tier>().is_err()) {
        return Err((
            unknown.span(),
            format!(
                "{:?} is no tier; they are official, restricted, confidential, secret and top-secret",
                unknown.get_ref()
            ),
        ));
    }
    let mut rules: Vec<Rule> = source.rule.iter().map(rule_of).collect::<Part<_>>()?;
    let mut markings =
        source.marking.iter().map(|marking| marking.get_ref().read(marking.span())).collect::<Part<Vec<_>>>()?;
    let mut labels: Vec<Text<64>> = source.marking_labels.iter().map(text).collect::<Part<_>>()?;
    let mut beside: Vec<Text<64>> = source.marking_beside.iter().map(text).collect::<Part<_>>()?;
    let mut tables: Vec<TableShape> = source.table.iter().map(table_of).collect::<Part<_>>()?;
    let mut procedures: Vec<Procedure> = source.procedure.iter().map(procedure_of).collect::<Part<_>>()?;
    once(source.rule.iter().map(|rule| &rule.get_ref().name))?;
    once(source.table.iter().map(|table| &table.get_ref().name))?;
    once(source.procedure.iter().map(|procedure| &procedure.get_ref().id))?;
    if let Some(base) = base {
        before(&mut rules, &base.rules, |rule| &rule.name);
        markings = with_built_in(markings, base);
        labels.extend(base.labels.iter().cloned());
        beside.extend(base.beside.iter().cloned());
        before(&mut tables, &base.tables, |table| &table.name);
        before(&mut procedures, &base.procedures, |procedure| &procedure.id);
    }
    known_kinds(&source, &rules)?;
    Ok(Policy {
        layout: Layout,
        number: source.number,
        tiers: list(tiers, 0..0, "tiers")?,
        rules: list(rules, 0..0, "rules")?,
        markings: list(markings, 0..0, "markings")?,
        labels: list(labels, 0..0, "words that introduce a marking")?,
        beside: list(beside, 0..0, "words beside a marking")?,
        tables: list(tables, 0..0, "tables")?,
        procedures: list(procedures, 0..0, "procedures")?,
    })
}

/// A name that is there once.
fn once<'a>(names: impl Iterator<Item = &'a Spanned<String>>) -> Part<()> {
    let mut seen = BTreeSet::new();
    let twice = names.into_iter().find(|name| !seen.insert(name.get_ref()));
    twice.map_or(Ok(()), |name| Err((name.span(), format!("{:?} is there twice", name.get_ref()))))
}

/// Puts the built-in ones behind a source's own, but for those whose name the source has.
fn before<T: Clone>(own: &mut Vec<T>, base: &[T], name: impl Fn(&T) -> &str) {
    let kept: Vec<T> = base.iter().filter(|item| !own.iter().any(|other| name(other) == name(item))).cloned().collect();
    own.extend(kept);
}

/// The built-in markings behind a source's own, without the phrases that the source has.
fn with_built_in(mut own: Vec<Marking>, base: &Policy) -> Vec<Marking> {
    let said: BTreeSet<String> =
        own.iter().flat_map(|marking| marking.phrases.iter()).map(|phrase| read(phrase)).collect();
    for marking in base.markings.iter() {
        let kept: Vec<_> = marking.phrases.iter().filter(|phrase| !said.contains(&read(phrase))).cloned().collect();
        // Fewer than there were: they fit.
        own.extend(List::new(kept).ok().map(|phrases| Marking { tier: marking.tier, phrases }));
    }
    own
}

/// A filter's steps are about kinds that something finds.
fn known_kinds(source: &Source, rules: &[Rule]) -> Part<()> {
    for tier in source.tier.values() {
        for name in tier.get_ref().kinds() {
            let known = rules.iter().any(|rule| rule.kind.as_str() == name.get_ref());
            if !known && ![Kind::TABLE, Kind::MARKING, Kind::PASTED].contains(&name.get_ref().as_str()) {
                return Err((name.span(), format!("no rule finds {:?}", name.get_ref())));
            }
        }
    }
    Ok(())
}

fn tier_of(tier: Tier, said: Option<&Spanned<SourceTier>>, before: Option<&TierPolicy>) -> Part<TierPolicy> {
    match (said, before) {
        (Some(said), _) => said.get_ref().read(said.span(), before),
        (None, Some(before)) => Ok(before.clone()),
        (None, None) => Err((0..0, format!("[tier.{tier}] is missing, and nothing is taken from the built-in policy"))),
    }
}

fn rule_of(source: &Spanned<SourceRule>) -> Part<Rule> {
    let (rule, span) = (source.get_ref(), source.span());
    let wrong = |reason: &str| (span.clone(), format!("rule {:?}: {reason}", rule.name.get_ref()));
    let check = rule.check.into();
    let form = match (&rule.pattern, rule.numbers.is_empty()) {
        (Some(pattern), true) => {
            if rule.digits.is_some() {
                return Err(wrong("`digits` belongs to `numbers`, not to `pattern`"));
            }
            let contains = rule.contains.as_ref().map(text).transpose()?.unwrap_or_default();
            Form::Pattern(Pattern { expression: text(pattern)?, check, capitals: rule.capitals, contains })
        }
        (None, false) => {
            if rule.capitals || rule.contains.is_some() {
                return Err(wrong("`capitals` and `contains` belong to `pattern`, not to `numbers`"));
            }
            let groupings: Vec<Text<32>> = rule.numbers.iter().map(text).collect::<Part<_>>()?;
            let digits = rule.digits.as_ref().map(text).transpose()?.unwrap_or_default();
            Form::Numbers(Numbers { groupings: list(groupings, span.clone(), "groupings")?, digits, check })
        }
        _ => return Err(wrong("it needs either `numbers` or `pattern`")),
    };
    let kind =
        rule.kind.get_ref().parse().map_err(|error: crate::rule::NotAKind| (rule.kind.span(), error.to_string()))?;
    let near: Vec<Text<48>> = rule.near.iter().map(text).collect::<Part<_>>()?;
    let except: Vec<Text<48>> = rule.except.iter().map(text).collect::<Part<_>>()?;
    let (near, except) = (list(near, span.clone(), "words")?, list(except, span, "exceptions")?);
    Ok(Rule { name: text(&rule.name)?, kind, form, near, within: rule.within.unwrap_or(NEAR), except })
}

fn table_of(source: &Spanned<SourceTable>) -> Part<TableShape> {
    let (table, span) = (source.get_ref(), source.span());
    let columns = table.columns.iter().map(|column| {
        let cells = column
            .iter()
            .map(|cell| parts::cell(cell.get_ref()).ok_or_else(|| (cell.span(), parts::no_cell(cell.get_ref()))));
        list(cells.collect::<Part<Vec<_>>>()?, span.clone(), "kinds of a column")
    });
    let columns = columns.collect::<Part<Vec<_>>>()?;
    if columns.len() < 2 || columns.iter().any(|column| column.is_empty()) {
        return Err((span, "a table needs two columns at least, each with a kind".to_owned()));
    }
    Ok(TableShape { name: text(&table.name)?, columns: list(columns, span, "columns")?, rows: table.rows })
}

fn procedure_of(source: &Spanned<SourceProcedure>) -> Part<Procedure> {
    let (procedure, span) = (source.get_ref(), source.span());
    let tier = parts::tier(&procedure.tier)?;
    let questions = procedure.question.iter().map(|question| {
        let answers: Vec<Words> = question.answers.iter().map(words).collect::<Part<_>>()?;
        Ok(Question {
            ask: words(&question.ask)?,
            answers: list(answers, span.clone(), "answers")?,
            right: question.right,
        })
    });
    let questions = questions.collect::<Part<Vec<_>>>()?;
    Ok(Procedure {
        id: text(&procedure.id)?,
        tier,
        version: procedure.version,
        title: words(&procedure.title)?,
        body: words(&procedure.body)?,
        questions: list(questions, span, "questions")?,
    })
}

fn words(source: &SourceWords) -> Part<Words> {
    Ok(Words { en: text(&source.en)?, ur: text(&source.ur)? })
}

/// A text that is not empty and fits.
fn text<const MAX: usize>(source: &Spanned<String>) -> Part<Text<MAX>> {
    if source.get_ref().is_empty() {
        return Err((source.span(), "this is empty".to_owned()));
    }
    Text::new(source.get_ref().as_str()).map_err(|_| (source.span(), format!("this is longer than {MAX} bytes")))
}

fn list<T, const MAX: usize>(items: Vec<T>, range: Range<usize>, what: &str) -> Part<List<T, MAX>> {
    let count = items.len();
    List::new(items).map_err(|_| (range, format!("{count} {what}: {MAX} at most")))
}
