//! Rules of the leak filter (protocol-spec/09-policy, section 5): data that a policy carries, one for each form in which
//! something of a kind is written, and what they become to be run.
//!
//! A rule is either about numbers ([`Numbers`]: groups of digits) or about characters ([`Pattern`]: a regular expression).
//! Both are read on the folded text. Expressions are finite automata (no look-around, no references back): each is run in
//! time linear in the text, and one that would become too large is refused.

use amanat_wire::{Decode, DecodeError, Encode, List, Reader, Text, Writer, choice, record};
use regex::{Regex, RegexBuilder};

use crate::{
    check::Check,
    find::{FAR, WORD},
    fold::Folded,
    runs::Grouping,
};

/// Rules of one policy.
pub const RULES: usize = 256;
/// Words of one rule.
pub const WORDS: usize = 64;
/// Bytes of a compiled expression.
const EXPRESSION_SIZE: usize = 1 << 20;
/// Brackets within brackets of an expression.
const EXPRESSION_DEPTH: u32 = 32;

/// What is looked for: `cnic`, `iban`, ...: 1 to 24 lower-case letters, digits and dashes, a letter first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(String);

impl Kind {
    /// The most bytes of a kind's name.
    pub const MAX: usize = 24;
    /// A table of persons' data.
    pub const TABLE: &'static str = "table";
    /// A classification marking above the conversation's tier.
    pub const MARKING: &'static str = "marking";
    /// Text from a conversation of a higher tier; nothing finds it yet.
    pub(crate) const PASTED: &'static str = "pasted";

    /// One that the filter itself knows.
    pub(crate) fn own(name: &'static str) -> Self {
        Self(name.to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that is no kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a kind is 1 to 24 lower-case letters, digits and dashes, a letter first")]
pub struct NotAKind;

impl std::str::FromStr for Kind {
    type Err = NotAKind;

    fn from_str(text: &str) -> Result<Self, NotAKind> {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let starts = text.chars().next().is_some_and(|c| c.is_ascii_lowercase());
        if starts && text.len() <= Self::MAX && text.chars().all(good) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAKind)
        }
    }
}

impl Encode for Kind {
    fn encode(&self, w: &mut Writer) {
        // Never too long: it was parsed.
        Text::<{ Self::MAX }>::new(self.0.as_str()).unwrap_or_default().encode(w);
    }
}

impl Decode for Kind {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Text::<{ Self::MAX }>::decode(r)?.parse().map_err(|_| DecodeError::Invalid("kind"))
    }
}

record!(
    /// One form in which something of a kind is written.
    pub struct Rule {
        /// Unique within a policy; people see it beside a finding.
        name: Text<48>,
        /// What it finds.
        kind: Kind,
        /// The form.
        form: Form,
        /// One of these must stand near; none: the form alone tells.
        near: List<Text<48>, WORDS>,
        /// How near, in bytes of the folded text.
        within: u16,
        /// What begins with one of these is something else.
        except: List<Text<48>, WORDS>,
    }
);

choice!(
    /// The form of what a rule finds.
    pub enum Form: u8 {
        /// Groups of digits.
        1 => Numbers(Numbers),
        /// Characters.
        2 => Pattern(Pattern),
    }
);

record!(
    /// Digits, as they are grouped.
    pub struct Numbers {
        /// [`Grouping`]s; one of them.
        groupings: List<Text<32>, 32>,
        /// A regular expression for all of the digits alone; empty: any.
        digits: Text<512>,
        /// And this.
        check: Check,
    }
);

record!(
    /// Characters of the folded text.
    pub struct Pattern {
        /// A regular expression.
        expression: Text<1024>,
        /// For what it matches.
        check: Check,
        /// The letters in it are capitals in the original.
        capitals: bool,
        /// What a text has to contain for the expression to be tried, which costs more; empty: nothing.
        contains: Text<16>,
    }
);

/// Why a rule cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Its expression is none, or asks for what no automaton can do.
    #[error("{0}")]
    Expression(String),
    /// Its expression would become larger than a mebibyte.
    #[error("the expression is too large when it is compiled; repeat less")]
    TooLarge,
    /// A grouping is none.
    #[error(transparent)]
    Grouping(#[from] crate::runs::NotAGrouping),
    /// No grouping, or an expression that matches nothing at all.
    #[error(
        "the rule would match everywhere or nowhere: it needs groups of digits, or an expression that matches characters"
    )]
    Empty,
    /// A check that its form does not have.
    #[error("numbers have the check luhn or none; globe needs an expression with two groups, the degrees")]
    Check,
    /// A word of which nothing is left.
    #[error("{0:?} is no word: nothing of it can be seen, or it is too long")]
    Word(String),
    /// Words would count from too far.
    #[error("`within` is at most {FAR} bytes")]
    Far,
}

/// A rule that can be run.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) form: CompiledForm,
    /// Folded.
    pub(crate) near: Vec<String>,
    pub(crate) within: usize,
    /// Folded.
    pub(crate) except: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum CompiledForm {
    Numbers { groupings: Vec<Grouping>, least: usize, digits: Option<Regex>, check: Check },
    Pattern { expression: Regex, check: Check, capitals: bool, contains: String },
}

impl Rule {
    /// Makes it ready to be run.
    ///
    /// # Errors
    /// [`RuleError`].
    pub(crate) fn compile(&self) -> Result<Compiled, RuleError> {
        let form = match &self.form {
            Form::Numbers(Numbers { groupings, digits, check }) => {
                let groupings: Vec<Grouping> = groupings.iter().map(|one| one.parse()).collect::<Result<_, _>>()?;
                let Some(least) = groupings.iter().map(Grouping::digits).min() else { return Err(RuleError::Empty) };
                if !matches!(check, Check::None | Check::Luhn) {
                    return Err(RuleError::Check);
                }
                // Alone first: what closes a bracket of ours is no expression.
                let whole = |digits: &str| expression(digits).and_then(|_| expression(&format!("^(?:{digits})$")));
                let digits = (!digits.is_empty()).then(|| whole(digits)).transpose()?;
                CompiledForm::Numbers { groupings, least, digits, check: *check }
            }
            Form::Pattern(Pattern { expression: text, check, capitals, contains }) => {
                let expression = expression(text)?;
                if expression.is_match("") {
                    return Err(RuleError::Empty);
                }
                if *check == Check::Globe && expression.captures_len() < 3 {
                    return Err(RuleError::Check);
                }
                let contains = Folded::new(contains).text().to_owned();
                CompiledForm::Pattern { expression, check: *check, capitals: *capitals, contains }
            }
        };
        let (near, except) = (words(&self.near)?, words(&self.except)?);
        if self.within > FAR {
            return Err(RuleError::Far);
        }
        let within = usize::from(self.within);
        Ok(Compiled { kind: self.kind.clone(), name: self.name.to_string(), form, near, within, except })
    }
}

/// Words as they stand in a folded text.
fn words(words: &[Text<48>]) -> Result<Vec<String>, RuleError> {
    let folded = words.iter().map(|word| {
        let folded = Folded::new(word).text().to_owned();
        let seen = !folded.trim().is_empty() && folded.len() <= WORD;
        if seen { Ok(folded) } else { Err(RuleError::Word(word.to_string())) }
    });
    folded.collect()
}

// [POL-06]
fn expression(text: &str) -> Result<Regex, RuleError> {
    let built = RegexBuilder::new(text)
        .size_limit(EXPRESSION_SIZE)
        .dfa_size_limit(EXPRESSION_SIZE)
        .nest_limit(EXPRESSION_DEPTH)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => RuleError::TooLarge,
        other => RuleError::Expression(last_line(&other.to_string())),
    })
}

/// The library draws the expression over several lines; what is wrong stands in the last.
fn last_line(error: &str) -> String {
    let last = error.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pattern(expression: &str) -> Rule {
        let form = Pattern {
            expression: Text::new(expression).unwrap(),
            check: Check::None,
            capitals: false,
            contains: Text::default(),
        };
        Rule {
            name: Text::new("a rule").unwrap(),
            kind: "email".parse().unwrap(),
            form: Form::Pattern(form),
            near: List::default(),
            within: 0,
            except: List::default(),
        }
    }

    // [POL-06]
    #[test]
    fn what_no_automaton_can_do_is_refused() {
        for (expression, reason) in [
            ("(a)\\1", "backreferences are not supported"),
            ("(?=a)b", "look-around, including look-ahead and look-behind, is not supported"),
            ("(a", "unclosed group"),
            ("a{2}{1000}{1000}", "too large"),
            ("(?:(?:a{100}){100}){100}", "too large"),
            ("x*", "empty"),
        ] {
            let error = pattern(expression).compile().unwrap_err();
            match reason {
                "too large" => assert_eq!(error, RuleError::TooLarge, "{expression}"),
                "empty" => assert_eq!(error, RuleError::Empty, "{expression}"),
                reason => assert_eq!(error, RuleError::Expression(reason.to_owned()), "{expression}"),
            }
        }
        let deep = format!("{}a{}", "(".repeat(40), ")".repeat(40));
        assert!(pattern(&deep).compile().is_err());
        assert!(pattern("(a+)+(?:b|c)*d").compile().is_ok());
    }

    // [POL-03]
    #[test]
    fn what_would_do_nothing_is_refused() {
        let numbers = |digits, check| {
            let groupings = List::new(vec![Text::new("13").unwrap()]).unwrap();
            let form = Form::Numbers(Numbers { groupings, digits: Text::new(digits).unwrap(), check });
            Rule { form, ..pattern("a") }.compile().map(drop)
        };
        assert_eq!(numbers("3[0-9]+", Check::Luhn), Ok(()));
        assert_eq!(numbers("3[0-9]+", Check::Iban), Err(RuleError::Check));
        assert!(matches!(numbers(")|(?:", Check::None), Err(RuleError::Expression(_))));
        let globe = |expression| {
            let (expression, contains) = (Text::new(expression).unwrap(), Text::default());
            let form = Form::Pattern(Pattern { expression, check: Check::Globe, capitals: false, contains });
            Rule { form, ..pattern("a") }.compile().map(drop)
        };
        assert_eq!((globe("(1)2"), globe("(1)(2)")), (Err(RuleError::Check), Ok(())));
        for word in ["", "\u{200b}", " "] {
            let word = || List::new(vec![Text::new(word).unwrap()]).unwrap();
            assert!(matches!(Rule { near: word(), ..pattern("a") }.compile(), Err(RuleError::Word(_))));
            assert!(matches!(Rule { except: word(), ..pattern("a") }.compile(), Err(RuleError::Word(_))));
        }
        assert_eq!(Rule { within: FAR + 1, ..pattern("a") }.compile().map(drop), Err(RuleError::Far));
    }

    #[test]
    fn kinds_are_names() {
        for good in ["cnic", "iban", "id-card2", "x"] {
            assert_eq!(good.parse::<Kind>().unwrap().as_str(), good);
        }
        for bad in ["", "CNIC", "1a", "-a", "a b", "شناختی", "abcdefghijklmnopqrstuvwxy"] {
            assert_eq!(bad.parse::<Kind>(), Err(NotAKind), "{bad}");
        }
    }
}
