//! Runs of digits in a folded text (protocol-spec/09-policy, section 5): groups of digits with what separates them, so that
//! `35202-1234567-1`, `3 5 2 0 2 …` and `3520212345671` can be told from thirteen digits that have nothing to do with each
//! other.

use std::{collections::BTreeSet, ops::Range};

/// The most characters between two groups of one run.
const SEPARATORS: usize = 5;
/// The most groups in a run; what follows is another one.
const GROUPS: usize = 4096;

/// Digits that stand together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Where: bytes of the folded text.
    pub range: Range<usize>,
    /// How many digits; fewer than bytes where they are spaced one by one.
    pub digits: usize,
    /// A letter touches it, as in `a1b2`, `12ab` or `v2`: it is no number by itself, but may be a part of one.
    pub touched: bool,
}

/// Groups of digits with separators between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// In their order.
    pub groups: Vec<Group>,
    /// The same, single digits that are spaced alike (`3 5 2 0 2`) joined; empty where there are none.
    pub joined: Vec<Group>,
}

/// All runs of a folded text.
#[must_use]
pub fn runs(text: &str) -> Vec<Run> {
    let bytes = text.as_bytes();
    let mut runs: Vec<Run> = Vec::new();
    let mut at = 0;
    while let Some(start) = next_digit(bytes, at) {
        let end = end_of_digits(bytes, start);
        at = end;
        let group = Group { range: start..end, digits: end - start, touched: is_touched(text, start..end) };
        match runs.last_mut().filter(|run| follows(bytes, run, &group.range)) {
            Some(run) => run.groups.push(group),
            None => runs.push(Run { groups: vec![group], joined: Vec::new() }),
        }
    }
    runs.iter_mut().for_each(|run| join_spaced(run, bytes));
    runs
}

/// Joins single digits with the same separator between them.
fn join_spaced(run: &mut Run, bytes: &[u8]) {
    let mut joined: Vec<Group> = Vec::new();
    let mut rest = run.groups.as_slice();
    while let Some((first, behind)) = rest.split_first() {
        let between = |one: &Group, other: &Group| bytes.get(one.range.end..other.range.start).unwrap_or_default();
        let separator = behind.first().map(|second| between(first, second)).unwrap_or_default();
        let pairs = rest.iter().zip(behind);
        let single = |group: &Group| group.digits == 1 && !group.touched;
        let alike = |(one, other): &(&Group, &Group)| single(one) && single(other) && between(one, other) == separator;
        let count = pairs.take_while(alike).count() + 1;
        let (group, left) = rest.split_at(count);
        let digits = group.iter().map(|group| group.digits).sum();
        joined.push(Group {
            range: first.range.start..group.last().map_or(first.range.end, |last| last.range.end),
            digits,
            touched: group.iter().any(|group| group.touched),
        });
        rest = left;
    }
    if joined.len() < run.groups.len() {
        run.joined = joined;
    }
}

fn next_digit(bytes: &[u8], from: usize) -> Option<usize> {
    bytes.iter().skip(from).position(u8::is_ascii_digit).map(|place| from + place)
}

fn end_of_digits(bytes: &[u8], start: usize) -> usize {
    start + bytes.iter().skip(start).take_while(|byte| byte.is_ascii_digit()).count()
}

/// Letters touch it; a word of three letters or more before it is one of its own, as in `cnic35202`.
fn is_touched(text: &str, digits: Range<usize>) -> bool {
    let after = text.get(digits.end..).and_then(|rest| rest.chars().next());
    let before = text.get(..digits.start).unwrap_or_default();
    let word = before.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
    let ahead = before.len().checked_sub(word + 1).and_then(|place| before.as_bytes().get(place));
    let part = word > 0 && (word < 3 || ahead.is_some_and(u8::is_ascii_digit));
    part || after.is_some_and(|c| c.is_ascii_alphabetic())
}

/// Whether a group belongs to the run before it: at most [`SEPARATORS`] characters between them, and no more than one line's
/// end, behind a dash.
fn follows(bytes: &[u8], run: &Run, group: &Range<usize>) -> bool {
    let Some(last) = run.groups.last() else { return false };
    let between = bytes.get(last.range.end..group.start).unwrap_or_default();
    let apart = between.iter().all(|byte| {
        matches!(byte, b' ' | b'\t' | b'-' | b'.' | b'/' | b'_' | b'(' | b')' | b'\n' | b'*' | b'\'' | b'+')
    });
    let line = between.iter().position(|byte| *byte == b'\n');
    let broken = line.is_some_and(|place| place == 0 || between.get(place - 1) != Some(&b'-'));
    run.groups.len() < GROUPS && !between.is_empty() && between.len() <= SEPARATORS && apart && !broken
}

/// How a rule wants the digits grouped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// Neighbouring groups of these lengths.
    Groups(Vec<usize>),
    /// A whole run of so many digits, in whatever groups, by one separator or by spaces and dashes.
    Any(usize),
}

impl Run {
    /// All of its digits.
    #[must_use]
    pub fn digits(&self) -> usize {
        self.groups.iter().map(|group| group.digits).sum()
    }
}

impl Grouping {
    /// How many digits it has.
    #[must_use]
    pub fn digits(&self) -> usize {
        match self {
            Self::Groups(lengths) => lengths.iter().sum(),
            Self::Any(digits) => *digits,
        }
    }

    /// The groups in `run`, of this folded text, that are grouped so; they may overlap.
    #[must_use]
    pub fn matches(&self, run: &Run, text: &str) -> Vec<Range<usize>> {
        match self {
            Self::Any(wanted) => {
                let whole = run.digits() == *wanted && is_one_number(run, text);
                if whole { span(&run.groups).into_iter().collect() } else { Vec::new() }
            }
            Self::Groups(lengths) => {
                let of = |groups: &[Group]| -> Vec<Range<usize>> {
                    let windows = groups.windows(lengths.len().max(1));
                    let fits = |window: &&[Group]| {
                        let alone = window.len() == 1 && window.iter().any(|group| group.touched);
                        !alone && window.iter().map(|group| group.digits).eq(lengths.iter().copied())
                    };
                    windows.filter(fits).filter_map(span).collect()
                };
                [of(&run.groups), of(&run.joined)].concat()
            }
        }
    }
}

/// Its groups are set apart alike, or by spaces and dashes: `192.168.5.4 53` is two numbers.
fn is_one_number(run: &Run, text: &str) -> bool {
    let pairs = run.groups.iter().zip(run.groups.iter().skip(1));
    let separators: BTreeSet<&str> =
        pairs.map(|(one, other)| text.get(one.range.end..other.range.start).unwrap_or_default()).collect();
    // Several spaces, or a tab, set columns apart.
    let columns = separators.iter().any(|separator| separator.contains("  ") || separator.contains('\t'));
    let touched = run.groups.iter().any(|group| group.touched);
    let trimmed: BTreeSet<&str> = separators.into_iter().map(str::trim).collect();
    !columns
        && !touched
        && !trimmed.contains("_")
        && (trimmed.len() <= 1 || trimmed.iter().all(|separator| matches!(*separator, "" | "-")))
}

fn span(groups: &[Group]) -> Option<Range<usize>> {
    Some(groups.first()?.range.start..groups.last()?.range.end)
}

/// `5-7-1`: groups of 5, 7 and 1; `13`: one of 13; `?13`: a run of 13 digits.
impl std::str::FromStr for Grouping {
    type Err = NotAGrouping;

    fn from_str(text: &str) -> Result<Self, NotAGrouping> {
        let length = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
            text.parse().ok().filter(|length| digits && (1..=LONGEST).contains(length)).ok_or(NotAGrouping)
        };
        match text.strip_prefix('?') {
            Some(rest) => length(rest).map(Self::Any),
            None => text.split('-').map(length).collect::<Result<_, _>>().map(Self::Groups),
        }
    }
}

/// The longest group, and the longest run of which a grouping can speak.
const LONGEST: usize = 40;

/// A text that is no grouping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a grouping is digits such as \"5-7-1\", or \"?13\" for 13 digits in any groups; each of 1 to 40")]
pub struct NotAGrouping;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn groups(text: &str) -> Vec<Vec<&str>> {
        runs(text).into_iter().map(|run| run.groups.into_iter().map(|group| &text[group.range]).collect()).collect()
    }

    #[test]
    fn what_belongs_together() {
        assert_eq!(groups("35202-1234567-1"), [vec!["35202", "1234567", "1"]]);
        assert_eq!(groups("cnic35202 - 1234567"), [vec!["35202", "1234567"]]);
        assert_eq!(groups("35202-\n1234567"), [vec!["35202", "1234567"]]);
        assert_eq!(groups("35202\n1234567"), [vec!["35202"], vec!["1234567"]]);
        assert_eq!(groups("1, 2; 3      4"), [vec!["1"], vec!["2"], vec!["3"], vec!["4"]]);
        let joined = |text: &str| -> Vec<String> {
            runs(text)[0].joined.iter().map(|group| text[group.range.clone()].to_owned()).collect()
        };
        assert_eq!(joined("3 5 2 0 2 - 1 2 3"), ["3 5 2 0 2", "1 2 3"]);
        assert_eq!(joined("1-2 3 44"), ["1-2", "3", "44"]);
        assert!(joined("12 34").is_empty());
        assert!(["a1b2", "12ab", "v2", "x9"].iter().all(|text| runs(text)[0].groups[0].touched));
        assert!(["cnic35", "۔35", "_35_", "35"].iter().all(|text| !runs(text)[0].groups[0].touched));
        assert_eq!(groups("شناختی35202"), [vec!["35202"]]);
        assert_eq!(groups(""), Vec::<Vec<&str>>::new());
    }

    #[test]
    fn groupings_are_found_in_runs() {
        let found = |grouping: &str, text: &str| -> Vec<String> {
            let grouping: Grouping = grouping.parse().unwrap();
            runs(text).iter().flat_map(|run| grouping.matches(run, text)).map(|range| text[range].to_owned()).collect()
        };
        assert_eq!(found("5-7-1", "35202-1234567-1"), ["35202-1234567-1"]);
        assert_eq!(found("5-7-1", "35202 1234567 1 35202 1234567 2"), ["35202 1234567 1", "35202 1234567 2"]);
        assert_eq!(found("13", "3520212345671 3520212345672"), ["3520212345671", "3520212345672"]);
        assert_eq!(found("?13", "3 5 2 0 2 1 2 3 4 5 6 7 1"), ["3 5 2 0 2 1 2 3 4 5 6 7 1"]);
        assert_eq!(found("?13", "3 5 2 0 2 1 2 3 4 5 6 7 1 9"), Vec::<String>::new());
        assert_eq!(found("?13", "2. 192.168.5.245 53"), Vec::<String>::new());
        assert_eq!(found("?13", "35 202-123456 711 1"), Vec::<String>::new());
        assert_eq!(found("?13", "111  103  107  91   98"), Vec::<String>::new());
        assert_eq!(found("?13", "35 202-12345 671"), ["35 202-12345 671"]);
        assert_eq!(found("2-2", "11 22 33"), ["11 22", "22 33"]);
        assert_eq!(found("5-7-1", "35202-1234567-1 2"), ["35202-1234567-1"]);
        assert_eq!(found("5-7-1", "id35202-1234567-1x"), ["35202-1234567-1"]);
        assert_eq!(found("5-7-1", "35202_1234567_1"), ["35202_1234567_1"]);
        assert_eq!(found("13", "id3520212345671"), Vec::<String>::new());
        for wrong in ["", "5-", "0", "41", "+5", "05", "?", "x", "5--7", "-5"] {
            assert_eq!(wrong.parse::<Grouping>(), Err(NotAGrouping), "{wrong}");
        }
    }
}
