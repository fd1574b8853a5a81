//! Steps through a text: by what a reader takes for one character, and by words (UAX #29, as the toolkit's own fields have it).
//!
//! Only a stretch around the place is looked at, so that a step costs the same in a long text.

use iced::widget::text_input::Value;

/// Looked at for one character; nothing that is typed is longer.
const NEAR: usize = 128;
/// Looked at for one word.
const WORD: usize = 1024;

/// The nearest place at or before `at` where a character begins.
pub(super) fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at = at.saturating_sub(1);
    }
    at
}

fn before(text: &str, at: usize, most: usize) -> &str {
    let at = floor(text, at);
    let from = floor(text, at.saturating_sub(most));
    text.get(from..at).unwrap_or_default()
}

fn after(text: &str, at: usize, most: usize) -> &str {
    let at = floor(text, at);
    let to = floor(text, at.saturating_add(most));
    text.get(at..to).unwrap_or_default()
}

/// One character back.
pub(super) fn back(text: &str, at: usize) -> usize {
    let value = Value::new(before(text, at, NEAR));
    let last = value.select(value.len().saturating_sub(1), value.len()).to_string();
    floor(text, at).saturating_sub(last.len())
}

/// One character on.
pub(super) fn on(text: &str, at: usize) -> usize {
    floor(text, at) + Value::new(after(text, at, NEAR)).until(1).to_string().len()
}

/// To where the word before begins.
pub(super) fn word_back(text: &str, at: usize) -> usize {
    let near = before(text, at, WORD);
    let value = Value::new(near);
    let kept = value.until(value.previous_start_of_word(value.len())).to_string().len();
    floor(text, at).saturating_sub(near.len().saturating_sub(kept))
}

/// To where the word after ends.
pub(super) fn word_on(text: &str, at: usize) -> usize {
    let value = Value::new(after(text, at, WORD));
    floor(text, at) + value.until(value.next_end_of_word(0)).to_string().len()
}

/// The word at a place.
pub(super) fn word_at(text: &str, at: usize) -> (usize, usize) {
    let end = word_on(text, at);
    (word_back(text, end), end)
}

/// The paragraph at a place, without its end.
pub(super) fn paragraph_at(text: &str, at: usize) -> (usize, usize) {
    let at = floor(text, at);
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let end = text.get(at..).and_then(|after| after.find('\n')).map_or(text.len(), |end| at + end);
    (start, end)
}

/// Where the characters of a piece of text begin, and where the last ends.
pub(super) fn places(text: &str) -> Vec<usize> {
    let value = Value::new(text);
    let mut at = 0;
    let mut places = vec![0];
    for n in 0..value.len() {
        at += value.select(n, n + 1).to_string().len();
        places.push(at);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_go_with_their_letter_and_words_are_words() {
        let text = "مُلک e\u{301}t";
        assert_eq!(on(text, 0), "مُ".len());
        assert_eq!(back(text, "مُ".len()), 0);
        assert_eq!(on(text, "مُلک ".len()), "مُلک e\u{301}".len());
        assert_eq!(word_on(text, 0), "مُلک".len());
        assert_eq!(word_back(text, text.len()), "مُلک ".len());
        assert_eq!(word_at(text, 4), (0, "مُلک".len()));
        assert_eq!(places("مُل"), [0, 4, 6]);
        assert_eq!(back("", 0), 0);
        assert_eq!(on("a", 9), 1);
        assert_eq!(paragraph_at("a\nbc\nd", 3), (2, 4));
    }
}
