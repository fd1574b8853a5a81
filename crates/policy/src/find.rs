//! Running the rules over a text (protocol-spec/09-policy, section 5): what was found, of which kind, and where in the
//! original it stands.
//!
//! Rules are tried in the order in which the policy has them; what one has found is no other's. A finding's value is what
//! stands there without its disguise: it counts distinct ones, and never leaves the process.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use regex::Regex;

use crate::{
    check::{self, Check},
    fold::Folded,
    rule::{Compiled, CompiledForm, Kind, Rule, RuleError},
    runs::{Grouping, Run, runs},
};

/// How far from a finding, in bytes of the folded text, a rule's words count where it does not say.
pub(crate) const NEAR: u16 = 100;
/// The most findings of one text.
pub(crate) const FINDINGS: usize = 100_000;
/// The farthest that a rule may ask for.
pub(crate) const FAR: u16 = 1_000;
/// Bytes of the longest word of a rule, folded.
pub(crate) const WORD: usize = 200;
/// What a pattern with a check has matched is looked into again if it is no longer than this.
const TRIED_AGAIN: usize = 256;

/// Something that was found.
#[derive(Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// The rule that found it.
    pub rule: String,
    /// Where it stands: bytes of the original.
    pub range: Range<usize>,
    /// What stands there, undisguised.
    pub value: String,
}

impl std::fmt::Debug for Finding {
    /// Without the value: a finding is somebody's data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Finding({} by {} at {:?})", self.kind, self.rule, self.range)
    }
}

/// What was found in a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// In their order.
    pub list: Vec<Finding>,
    /// There is more: the text counts as one that cannot be read.
    pub cut: bool,
}

/// Rules that can be run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules(Vec<Compiled>);

impl Rules {
    /// Makes a policy's rules ready; the place of the first that cannot be run, with the reason.
    pub(crate) fn compile(rules: &[Rule]) -> Result<Self, (usize, RuleError)> {
        let compiled = rules.iter().enumerate().map(|(place, rule)| rule.compile().map_err(|error| (place, error)));
        compiled.collect::<Result<_, _>>().map(Self)
    }

    /// What stands in a text, in its order. [POL-21]
    pub(crate) fn find(&self, original: &str, folded: &Folded) -> Findings {
        // Read as ones, bars may hide what they set apart, and the other way round: both are found.
        let other = folded.with_bars_for_ones();
        let mut search =
            Search { original, folded, taken: BTreeMap::new(), near: Vec::new(), found: Findings::default() };
        self.search(&mut search);
        if let Some(other) = &other {
            search.folded = other;
            self.search(&mut search);
        }
        search.found.list.sort_by_key(|finding| finding.range.start);
        search.found
    }

    fn search(&self, search: &mut Search<'_>) {
        let text = search.folded.text();
        let runs = runs(text);
        for rule in &self.0 {
            search.near = word_places(text, &rule.near);
            if search.near.is_empty() && !rule.near.is_empty() {
                continue;
            }
            match &rule.form {
                CompiledForm::Numbers { groupings, least, digits, check } => {
                    let long = runs.iter().filter(|run| run.digits() >= *least);
                    long.for_each(|run| search.numbers(rule, (groupings, digits.as_ref(), *check), run));
                }
                CompiledForm::Pattern { contains, .. } if !text.contains(contains.as_str()) => {}
                CompiledForm::Pattern { expression, check, capitals, .. } => {
                    search.pattern(rule, expression, *check, *capitals);
                }
            }
        }
    }
}

/// How many distinct values of each kind there are.
pub(crate) fn counts(findings: &[Finding]) -> BTreeMap<Kind, u32> {
    let mut values: BTreeMap<&Kind, BTreeSet<&str>> = BTreeMap::new();
    for finding in findings {
        values.entry(&finding.kind).or_default().insert(&finding.value);
    }
    values.into_iter().map(|(kind, values)| (kind.clone(), u32::try_from(values.len()).unwrap_or(u32::MAX))).collect()
}

struct Search<'a> {
    original: &'a str,
    folded: &'a Folded,
    /// Ranges of the folded text that have been found: start and end.
    taken: BTreeMap<usize, usize>,
    /// Where words of the rule that is being run stand, in their order.
    near: Vec<Range<usize>>,
    found: Findings,
}

impl Search<'_> {
    fn numbers(
        &mut self,
        rule: &Compiled,
        (groupings, digits, check): (&[Grouping], Option<&Regex>, Check),
        run: &Run,
    ) {
        for range in groupings.iter().flat_map(|grouping| grouping.matches(run, self.folded.text())) {
            let value = digits_of(self.read(&range));
            let fits = digits.is_none_or(|digits| digits.is_match(&value));
            if fits && (check != Check::Luhn || check::luhn(&value)) {
                self.take(rule, range, value);
            }
        }
    }

    fn pattern(&mut self, rule: &Compiled, expression: &Regex, check: Check, capitals: bool) {
        let text = self.folded.text();
        let mut from = 0;
        while let Some(matched) = text.get(from..).and_then(|_| expression.find_at(text, from)) {
            let checked = match check {
                Check::Iban => self.iban(matched.range()),
                Check::Globe if !is_on_the_globe(expression, matched.as_str()) => None,
                Check::Luhn if !check::luhn(&digits_of(matched.as_str())) => None,
                Check::None | Check::Luhn | Check::Globe => Some(matched.range()),
            };
            let good = checked.filter(|range| !range.is_empty() && (!capitals || self.in_capitals(range)));
            let taken = good.filter(|range| {
                let kept = |c: &char| c.is_alphanumeric() || matches!(c, '@' | '.' | ',');
                let value = self.read(range).chars().filter(kept).collect();
                self.take(rule, range.clone(), value)
            });
            from = match taken {
                Some(range) => range.end,
                // Something else may begin within it. What is long is not tried twice, so that the time stays linear.
                None if matched.len() <= TRIED_AGAIN => matched.start() + first_char(text, matched.start()),
                None => matched.end(),
            };
        }
    }

    fn read(&self, range: &Range<usize>) -> &str {
        self.folded.text().get(range.clone()).unwrap_or_default()
    }

    /// The IBAN with which the range begins, whatever separates its characters.
    fn iban(&self, range: Range<usize>) -> Option<Range<usize>> {
        let part = self.read(&range);
        let counts = |c: &char| c.is_ascii_alphanumeric() || *c == '|';
        let characters: String = part.chars().filter(counts).collect();
        let length = check::iban(&characters)?;
        let (last, _) = part.char_indices().filter(|(_, c)| counts(c)).nth(length - 1)?;
        Some(range.start..range.start + last + 1)
    }

    fn in_capitals(&self, range: &Range<usize>) -> bool {
        // Not those that were read as digits.
        let letters = self.read(range).char_indices().filter(|(_, c)| c.is_alphabetic());
        letters.map(|(at, c)| range.start + at..range.start + at + c.len_utf8()).all(|letter| {
            let there = self.original.get(self.folded.original(letter)).unwrap_or_default();
            there.chars().all(|c| !c.is_lowercase())
        })
    }

    /// Takes a finding, unless it is another rule's already, or excepted, or no word of the rule stands near.
    fn take(&mut self, rule: &Compiled, range: Range<usize>, value: String) -> bool {
        let overlaps = self.taken.range(..range.end).next_back().is_some_and(|(_, end)| *end > range.start);
        let letters: String = value.chars().take_while(|c| c.is_alphabetic()).collect();
        if overlaps || rule.except.contains(&letters) || !self.is_near(rule, &range) {
            return false;
        }
        if self.found.list.len() >= FINDINGS {
            self.found.cut = true;
            return true;
        }
        self.taken.insert(range.start, range.end);
        let place = self.folded.original(range);
        self.found.list.push(Finding { kind: rule.kind.clone(), rule: rule.name.clone(), range: place, value });
        true
    }

    /// Whether one of the rule's words stands near.
    fn is_near(&self, rule: &Compiled, range: &Range<usize>) -> bool {
        let (from, until) = (range.start.saturating_sub(rule.within), range.end.saturating_add(rule.within));
        let first = self.near.partition_point(|word| word.start.saturating_add(WORD) < from);
        let mut there = self.near.iter().skip(first).take_while(|word| word.start <= until);
        rule.near.is_empty() || there.any(|word| word.end >= from)
    }
}

/// Where these words stand as words of their own, in their order; digits may touch them.
fn word_places(text: &str, words: &[String]) -> Vec<Range<usize>> {
    let each = words.iter().flat_map(|word| text.match_indices(word.as_str()));
    let ranges = each.map(|(at, found)| at..at + found.len());
    let mut places: Vec<Range<usize>> = ranges.filter(|range| is_a_word(text, range)).collect();
    places.sort_by_key(|place| place.start);
    places
}

/// It is not within a longer word: no letter touches a letter at its ends.
pub(crate) fn is_a_word(text: &str, range: &Range<usize>) -> bool {
    let word = text.get(range.clone()).unwrap_or_default();
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    let before = text.get(..range.start).and_then(|part| part.chars().next_back());
    let after = text.get(range.end..).and_then(|part| part.chars().next());
    !(is_letter(word.chars().next()) && is_letter(before) || is_letter(word.chars().next_back()) && is_letter(after))
}

fn first_char(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
}

fn digits_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The expression's first two groups are a latitude and a longitude.
fn is_on_the_globe(expression: &Regex, matched: &str) -> bool {
    let Some(groups) = expression.captures(matched) else { return false };
    let degrees = |group: usize| groups.get(group).and_then(|part| part.as_str().parse::<f64>().ok());
    let within = |group: usize, most: f64| degrees(group).is_some_and(|value| value.abs() <= most);
    within(1, 90.0) && within(2, 180.0)
}
