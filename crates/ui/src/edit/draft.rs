//! What is written so far: the text, the caret, what is selected, and what it was before. Knows no fonts and no window.

use super::steps;
use crate::{bidi, direction::Direction};

/// The most that a field holds, in bytes: so that a paste cannot freeze the window.
pub const LIMIT: usize = 64 * 1024;
/// How many steps can be taken back, and how much they hold together, in bytes.
const PAST: usize = 100;
const PAST_BYTES: usize = 1024 * 1024;

/// Text as a field holds it: lines end in `\n`, and of control characters only the tab is left.
pub(super) fn clean(text: &str, most: usize) -> String {
    let mut kept = String::new();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let c = match c {
            '\r' if characters.peek() == Some(&'\n') => continue,
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{B}' | '\u{C}' => '\n',
            '\n' | '\t' => c,
            c if c.is_control() => continue,
            c => c,
        };
        if kept.len() + c.len_utf8() > most {
            break;
        }
        kept.push(c);
    }
    kept
}

/// Where the caret goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Motion {
    Left,
    Right,
    WordLeft,
    WordRight,
    Start,
    End,
}

/// What is deleted when nothing is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Before,
    After,
    WordBefore,
    WordAfter,
}

#[derive(Clone)]
struct Moment {
    text: String,
    caret: usize,
    anchor: usize,
}

/// Changes that are taken back as one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    Typing,
    Deleting,
}

/// The text of a field and everything that is done to it.
#[derive(Default)]
pub(super) struct Draft {
    text: String,
    caret: usize,
    anchor: usize,
    revision: u64,
    past: Vec<Moment>,
    future: Vec<Moment>,
    run: Option<Run>,
}

impl Draft {
    pub(super) fn new(text: &str) -> Self {
        let text = clean(text, LIMIT);
        let caret = text.len();
        Self { text, caret, anchor: caret, ..Self::default() }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn caret(&self) -> usize {
        self.caret
    }

    /// Grows with every change of the text.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// What is selected; empty at the caret where nothing is.
    pub(super) fn selected(&self) -> (usize, usize) {
        (self.caret.min(self.anchor), self.caret.max(self.anchor))
    }

    pub(super) fn selection(&self) -> Option<&str> {
        let (from, to) = self.selected();
        self.text.get(from..to).filter(|text| !text.is_empty())
    }

    /// The direction of the paragraph at the caret.
    fn direction(&self) -> Direction {
        let (from, to) = steps::paragraph_at(&self.text, self.caret);
        self.text.get(from..to).and_then(bidi::direction).unwrap_or_default()
    }

    /// To a place; what lies between becomes selected if asked.
    pub(super) fn go(&mut self, to: usize, select: bool) {
        self.run = None;
        self.caret = steps::floor(&self.text, to);
        if !select {
            self.anchor = self.caret;
        }
    }

    pub(super) fn select(&mut self, from: usize, to: usize) {
        self.go(from, false);
        self.go(to, true);
    }

    pub(super) fn go_by(&mut self, motion: Motion, select: bool) {
        let rtl = self.direction().is_rtl();
        let (from, to) = self.selected();
        let onward = match motion {
            Motion::Start => return self.go(0, select),
            Motion::End => return self.go(self.text.len(), select),
            Motion::Left | Motion::WordLeft => rtl,
            Motion::Right | Motion::WordRight => !rtl,
        };
        let word = matches!(motion, Motion::WordLeft | Motion::WordRight);
        let place = match (word, onward) {
            // What was selected is let go of at its side.
            (false, _) if !select && from != to => {
                if onward {
                    to
                } else {
                    from
                }
            }
            (false, true) => steps::on(&self.text, self.caret),
            (false, false) => steps::back(&self.text, self.caret),
            (true, true) => steps::word_on(&self.text, self.caret),
            (true, false) => steps::word_back(&self.text, self.caret),
        };
        self.go(place, select);
    }

    fn moment(&self) -> Moment {
        Moment { text: self.text.clone(), caret: self.caret, anchor: self.anchor }
    }

    /// Before a change: keeps what can be gone back to.
    fn remember(&mut self, run: Option<Run>) {
        self.future.clear();
        self.revision = self.revision.wrapping_add(1);
        if run.is_some() && run == self.run {
            return;
        }
        self.run = run;
        self.past.push(self.moment());
        let mut bytes: usize = self.past.iter().map(|moment| moment.text.len()).sum();
        while self.past.len() > 1 && (self.past.len() > PAST || bytes > PAST_BYTES) {
            bytes = bytes.saturating_sub(self.past.remove(0).text.len());
        }
    }

    fn replace(&mut self, from: usize, to: usize, with: &str) {
        let (from, to) = (steps::floor(&self.text, from), steps::floor(&self.text, to));
        self.text.replace_range(from..to.max(from), with);
        self.caret = from + with.len();
        self.anchor = self.caret;
    }

    /// Puts text in the place of what is selected, as much as there is room for.
    pub(super) fn insert(&mut self, text: &str, typed: bool, most: usize) {
        let (from, to) = self.selected();
        let left = self.text.len().saturating_sub(to.saturating_sub(from));
        let text = clean(text, most.min(LIMIT).saturating_sub(left));
        if text.is_empty() {
            return;
        }
        let run = (typed && from == to && !text.contains('\n')).then_some(Run::Typing);
        self.remember(run);
        self.replace(from, to, &text);
        // A word is taken back at a time.
        if text.ends_with(char::is_whitespace) {
            self.run = None;
        }
    }

    pub(super) fn delete(&mut self, reach: Reach) {
        let (mut from, mut to) = self.selected();
        let selected = from != to;
        if !selected {
            match reach {
                // Marks above and below a letter are taken off one by one.
                Reach::Before => from = steps::floor(&self.text, from.saturating_sub(1)),
                Reach::After => to = steps::on(&self.text, to),
                Reach::WordBefore => from = steps::word_back(&self.text, from),
                Reach::WordAfter => to = steps::word_on(&self.text, to),
            }
        }
        if from == to {
            return;
        }
        self.remember((!selected).then_some(Run::Deleting));
        self.replace(from, to, "");
    }

    pub(super) fn undo(&mut self) {
        if let Some(moment) = self.past.pop() {
            self.future.push(self.moment());
            self.restore(moment);
        }
    }

    pub(super) fn redo(&mut self) {
        if let Some(moment) = self.future.pop() {
            self.past.push(self.moment());
            self.restore(moment);
        }
    }

    fn restore(&mut self, moment: Moment) {
        self.run = None;
        self.revision = self.revision.wrapping_add(1);
        self.text = moment.text;
        self.caret = moment.caret;
        self.anchor = moment.anchor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Draft {
        let mut draft = Draft::new("");
        for c in text.chars() {
            draft.insert(&c.to_string(), true, LIMIT);
        }
        draft
    }

    #[test]
    fn left_is_onward_in_urdu() {
        let mut draft = typed("جی ہاں");
        draft.go_by(Motion::Left, false);
        assert_eq!(draft.caret(), draft.text().len(), "nothing lies after the end");
        draft.go_by(Motion::Right, false);
        assert_eq!(draft.caret(), "جی ہا".len());
        draft.go_by(Motion::WordRight, true);
        assert_eq!(draft.selection(), Some("ہا"));
        draft.go_by(Motion::Right, false);
        assert_eq!(draft.caret(), "جی ".len(), "let go of at the right side");

        let mut draft = typed("ab cd");
        draft.go_by(Motion::Right, false);
        draft.go_by(Motion::Left, true);
        assert_eq!(draft.selection(), Some("d"));
        draft.go_by(Motion::WordLeft, true);
        assert_eq!(draft.selection(), Some("cd"));
    }

    #[test]
    fn each_paragraph_has_its_own_left() {
        let mut draft = typed("ab\nجی");
        draft.go_by(Motion::Right, false);
        assert_eq!(draft.caret(), "ab\nج".len());
        draft.go(1, false);
        draft.go_by(Motion::Right, false);
        assert_eq!(draft.caret(), 2);
    }

    #[test]
    fn words_are_taken_back_and_put_again() {
        let mut draft = typed("one two");
        draft.undo();
        assert_eq!(draft.text(), "one ");
        draft.undo();
        assert_eq!(draft.text(), "");
        draft.undo();
        draft.redo();
        draft.redo();
        draft.redo();
        assert_eq!(draft.text(), "one two");
        draft.delete(Reach::Before);
        draft.delete(Reach::Before);
        assert_eq!(draft.text(), "one t");
        draft.undo();
        assert_eq!(draft.text(), "one two");
        draft.insert("!", true, LIMIT);
        draft.redo();
        assert_eq!(draft.text(), "one two!", "what is written anew has no future");
    }

    #[test]
    fn the_past_is_bounded() {
        let mut draft = Draft::new(&"x".repeat(LIMIT));
        for _ in 0..60 {
            draft.select(0, 1);
            draft.insert("y", false, LIMIT);
        }
        assert!(draft.past.iter().map(|moment| moment.text.len()).sum::<usize>() <= PAST_BYTES);
    }

    #[test]
    fn what_is_pasted_is_cut_and_cleaned() {
        let mut draft = Draft::new("");
        draft.insert("a\u{0}\u{1b}[1m\r\nb\tc\u{2029}\u{7f}d\re", false, LIMIT);
        assert_eq!(draft.text(), "a[1m\nb\tc\nd\ne");
        draft.select(0, draft.text().len());
        draft.insert(&"ج".repeat(LIMIT), false, LIMIT);
        assert_eq!(draft.text().len(), LIMIT);
        draft.insert("a", true, LIMIT);
        assert_eq!(draft.text().len(), LIMIT);
        draft.delete(Reach::Before);
        draft.insert("abc", true, LIMIT);
        assert!(draft.text().ends_with("جab"));
        assert_eq!(Draft::new(&"é".repeat(LIMIT)).text().len(), LIMIT);
    }

    #[test]
    fn deletion_takes_what_is_selected_or_what_is_near() {
        let mut draft = typed("مُلک ہے");
        draft.delete(Reach::WordBefore);
        assert_eq!(draft.text(), "مُلک ");
        draft.go(0, false);
        draft.delete(Reach::After);
        assert_eq!(draft.text(), "لک ");
        draft.delete(Reach::WordAfter);
        assert_eq!(draft.text(), " ");
        draft.delete(Reach::Before);
        assert_eq!(draft.text(), " ");
        draft.select(0, 1);
        draft.delete(Reach::Before);
        assert_eq!(draft.text(), "");
    }
}
