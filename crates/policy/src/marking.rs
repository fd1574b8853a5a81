//! Classification markings (protocol-spec/09-policy, section 6): `SECRET` at the head of a letter, `Classification: Top
//! Secret`, «انتہائی خفیہ» on a line of its own; not "keep the recipe secret".
//!
//! A marking counts where it stands as one: alone on its line, behind a word that introduces it, in brackets, or at the
//! head of a line before a colon. Letters may be spaced.

use std::{collections::BTreeMap, ops::Range};

use amanat_identity::Tier;
use amanat_wire::{List, Text, record};

use crate::{
    find::{Finding, is_a_word},
    fold::Folded,
    rule::Kind,
};

/// Markings of one policy.
pub const MARKINGS: usize = 64;
/// Phrases of one marking, and words that introduce one.
pub const PHRASES: usize = 32;
/// Characters between a marking and its bracket or colon.
const GAP: usize = 8;
/// Words of what introduces one; of more, none counts.
const LABEL_WORDS: usize = 4;

record!(
    /// How a tier is written on paper.
    pub struct Marking {
        /// What may be so marked: nothing below this tier.
        tier: Tier,
        /// In any language.
        phrases: List<Text<64>, PHRASES>,
    }
);

/// Markings that can be looked for.
#[derive(Debug, Clone, Default)]
pub struct Markings {
    /// Longest first, so that `TOP SECRET` is not taken for `SECRET`: letters alone, and the tier.
    phrases: Vec<(String, Tier)>,
    /// Letters alone of what introduces a marking, ...
    labels: Vec<String>,
    /// ... and of what may stand beside one.
    beside: Vec<String>,
}

impl Markings {
    /// Makes a policy's markings ready; `labels` are words such as "classification", `beside` such as "immediate".
    #[must_use]
    pub fn new<'a>(
        markings: &[Marking],
        labels: impl IntoIterator<Item = &'a str>,
        beside: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let each = markings.iter().flat_map(|marking| {
            marking.phrases.iter().map(|phrase| (letters(Folded::new(phrase).text()), marking.tier))
        });
        let mut phrases: Vec<(String, Tier)> = each.filter(|(phrase, _)| !phrase.is_empty()).collect();
        phrases.sort_by_key(|(phrase, _)| std::cmp::Reverse(phrase.len()));
        let read = |word: &str| Some(letters(Folded::new(word).text())).filter(|word| !word.is_empty());
        let labels = labels.into_iter().filter_map(read).collect();
        let mut beside: Vec<String> = beside.into_iter().filter_map(read).collect();
        beside.sort_by_key(|word| std::cmp::Reverse(word.len()));
        Self { phrases, labels, beside }
    }

    /// The markings of more than `tier` in a text. [POL-22]
    #[must_use]
    pub fn find(&self, folded: &Folded, tier: Tier) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut start = 0;
        for line in folded.text().split('\n') {
            let here = start..start + line.len();
            start = here.end + 1;
            for (range, phrase, marked) in self.in_line(line) {
                if marked > tier {
                    let range = folded.original(here.start + range.start..here.start + range.end);
                    found.push(Finding {
                        kind: Kind::own(Kind::MARKING),
                        rule: marked.name().to_owned(),
                        range,
                        value: phrase,
                    });
                }
            }
        }
        found
    }

    /// Where in a line markings stand as such.
    fn in_line(&self, line: &str) -> Vec<(Range<usize>, String, Tier)> {
        let parts = Letters::of(line);
        if parts.text.is_empty() {
            return Vec::new();
        }
        if let Some(found) = self.alone(&parts) {
            return vec![found];
        }
        let first = line.len() - line.trim_start().len();
        let (mut found, mut taken) = (Vec::new(), BTreeMap::<usize, usize>::new());
        for (phrase, tier) in &self.phrases {
            for (at, _) in parts.text.match_indices(phrase.as_str()) {
                let range = parts.range(at..at + phrase.len());
                let free = taken.range(..range.end).next_back().is_none_or(|(_, end)| *end <= range.start);
                if free && is_a_word(line, &range) && self.stands_as_one(line, &range, first) {
                    taken.insert(range.start, range.end);
                    found.push((range, phrase.clone(), *tier));
                }
            }
        }
        found
    }

    /// Nothing but markings on the line, as in `*** SECRET ***`, `SECRET (ADDRESSEE ONLY)` or `SECRET/IMMEDIATE`.
    fn alone(&self, parts: &Letters) -> Option<(Range<usize>, String, Tier)> {
        let mut rest = parts.text.as_str();
        let mut highest: Option<(&str, Tier)> = None;
        while !rest.is_empty() {
            if let Some(behind) = self.beside.iter().find_map(|word| rest.strip_prefix(word.as_str())) {
                rest = behind;
                continue;
            }
            let (phrase, tier) = self.phrases.iter().find(|(phrase, _)| rest.starts_with(phrase.as_str()))?;
            if highest.is_none_or(|(_, before)| before < *tier) {
                highest = Some((phrase, *tier));
            }
            rest = rest.get(phrase.len()..)?;
        }
        let (phrase, tier) = highest?;
        Some((parts.range(0..parts.text.len()), phrase.to_owned(), tier))
    }

    /// One of the labels ends right before it.
    fn is_introduced(&self, before: &str) -> bool {
        let mut words = String::new();
        let last = before.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).rev();
        last.take(LABEL_WORDS).any(|word| {
            words.insert_str(0, word);
            self.labels.contains(&words)
        })
    }

    fn stands_as_one(&self, line: &str, range: &Range<usize>, first: usize) -> bool {
        let before = line.get(..range.start).unwrap_or_default();
        let after = line.get(range.end..).unwrap_or_default();
        let introduced = self.is_introduced(before);
        let opened = before.chars().rev().take(GAP).find(|c| !c.is_whitespace());
        let closed = after.chars().take(GAP).find(|c| !c.is_whitespace());
        let bracketed = matches!(
            (opened, closed),
            (Some('('), Some(')')) | (Some('['), Some(']')) | (Some('*'), Some('*')) | (Some('<'), Some('>'))
        );
        let heads = range.start == first && matches!(closed, Some(':'));
        introduced || bracketed || heads
    }
}

/// A line's letters, with where each byte of them stands in the line.
struct Letters {
    text: String,
    places: Vec<usize>,
}

impl Letters {
    fn of(line: &str) -> Self {
        let mut letters = Self { text: String::new(), places: Vec::new() };
        for (place, c) in line.char_indices().filter(|(_, c)| c.is_alphabetic()) {
            letters.text.push(c);
            letters.places.extend((0..c.len_utf8()).map(|byte| place + byte));
        }
        letters
    }

    /// The line's bytes from the first letter of a range to its last.
    fn range(&self, range: Range<usize>) -> Range<usize> {
        let last = range.end.checked_sub(1).and_then(|last| self.places.get(last));
        match (self.places.get(range.start), last) {
            (Some(first), Some(last)) => *first..last + 1,
            _ => 0..0,
        }
    }
}

/// A phrase as it is compared: the letters of the folded text alone.
pub(crate) fn read(phrase: &str) -> String {
    letters(Folded::new(phrase).text())
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphabetic()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn markings() -> Markings {
        let marking = |tier, phrases: &[&str]| Marking {
            tier,
            phrases: List::new(phrases.iter().map(|phrase| Text::new(*phrase).unwrap()).collect::<Vec<_>>()).unwrap(),
        };
        let all = [
            marking(Tier::Restricted, &["RESTRICTED", "محدود"]),
            marking(Tier::Confidential, &["CONFIDENTIAL", "ADDRESSEE ONLY", "صیغۂ راز"]),
            marking(Tier::Secret, &["SECRET", "خفیہ"]),
            marking(Tier::TopSecret, &["TOP SECRET", "انتہائی خفیہ"]),
        ];
        Markings::new(&all, ["classification", "marked", "درجہ بندی"], ["immediate", "فوری"])
    }

    fn found(text: &str, tier: Tier) -> Vec<(String, Tier)> {
        let folded = Folded::new(text);
        let found = markings().find(&folded, tier).into_iter();
        found.map(|finding| (text[finding.range].to_owned(), finding.rule.parse().unwrap())).collect()
    }

    // [POL-22]
    #[test]
    fn a_marking_counts_where_it_stands_as_one() {
        for (text, there, tier) in [
            ("SECRET\nDear sir", "SECRET", Tier::Secret),
            ("*** TOP SECRET ***", "TOP SECRET", Tier::TopSecret),
            ("S E C R E T", "S E C R E T", Tier::Secret),
            ("-- Т О Р  ЅЕСRЕТ --", "Т О Р  ЅЕСRЕТ", Tier::TopSecret),
            ("Classification: Secret, copy 2 of 5", "Secret", Tier::Secret),
            ("the note is marked TOP SECRET and numbered", "TOP SECRET", Tier::TopSecret),
            ("the annex (CONFIDENTIAL) follows", "CONFIDENTIAL", Tier::Confidential),
            ("Restricted: for the cell alone", "Restricted", Tier::Restricted),
            ("انتہائی خفیہ", "انتہائی خفیہ", Tier::TopSecret),
            ("درجہ بندی: خُفیہ", "خُفیہ", Tier::Secret),
            ("SECRET/IMMEDIATE", "SECRET/IMMEDIATE", Tier::Secret),
            ("خفیہ / فوری", "خفیہ / فوری", Tier::Secret),
            ("صیغہ راز", "صیغہ راز", Tier::Confidential),
            ("CONFIDENTIAL (ADDRESSEE ONLY)", "CONFIDENTIAL (ADDRESSEE ONLY", Tier::Confidential),
        ] {
            assert_eq!(found(text, Tier::Official), [(there.to_owned(), tier)], "{text}");
        }
        for text in [
            "keep the recipe secret",
            "Confidential reports of staff are due on Friday",
            "the car park has restricted access, it is no secret",
            "secretary: please call",
            "immediate",
            "SECRET BALLOT",
            "خفیہ ووٹ ہوگا",
            "the secretariat (secretaries)",
            "",
            "---",
        ] {
            assert_eq!(found(text, Tier::Official), [], "{text}");
        }
    }

    #[test]
    fn what_the_conversation_is_for_is_no_finding() {
        assert_eq!(found("SECRET", Tier::Secret), []);
        assert_eq!(found("TOP SECRET", Tier::Secret).len(), 1);
    }
}
