//! Text from others (protocol-spec/10-threat-model, section 1): shown, never obeyed by a terminal.

use std::borrow::Cow;

use amanat_wire::deceptive::is_hostile;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// One line of text with every hostile character made visible as `\u{...}`.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len() + 16), |mut out, c| {
        match c {
            '\t' => out.push_str("    "),
            c if is_hostile(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
        out
    }))
}

/// Columns that `text` takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// `text`, cut to `columns` with an ellipsis where it is longer.
pub(crate) fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let step = c.width().unwrap_or(0);
        if used + step + 1 > columns {
            break;
        }
        used += step;
        out.push(c);
    }
    out.push('…');
    Cow::Owned(out)
}

/// Several lines of somebody's text, each made plain and broken at spaces to at most `columns` (where given).
pub(crate) fn wrap(text: &str, columns: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = plain(line);
        match columns {
            Some(columns) => wrap_line(&line, columns.max(8), &mut lines),
            None => lines.push(line.into_owned()),
        }
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

fn wrap_line(line: &str, columns: usize, lines: &mut Vec<String>) {
    let mut current = String::new();
    let mut used = 0;
    for word in line.split_inclusive(' ') {
        let bare = width(word.trim_end());
        if used > 0 && used + bare > columns {
            lines.push(std::mem::take(&mut current).trim_end().to_owned());
            used = 0;
        }
        if bare <= columns {
            current.push_str(word);
            used += width(word);
            continue;
        }
        for c in word.chars() {
            let step = c.width().unwrap_or(0);
            if used + step > columns {
                lines.push(std::mem::take(&mut current));
                used = 0;
            }
            current.push(c);
            used += step;
        }
    }
    lines.push(current.trim_end().to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_passes() {
        assert_eq!(plain("\u{1b}[2Jgone"), "\\u{1b}[2Jgone");
        assert_eq!(plain("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(plain("a\u{202e}b\u{2066}c"), "a\\u{202e}b\\u{2066}c");
        assert_eq!(plain("a\rb\nc\u{7}"), "a\\u{d}b\\u{a}c\\u{7}");
        assert_eq!(plain("tab\there"), "tab    here");
        for c in (0..=0x0010_ffff).filter_map(char::from_u32).filter(|c| c.is_control()) {
            assert!(!plain(&format!("x{c}y")).contains(c), "{c:?}");
        }
    }

    #[test]
    fn urdu_stays_as_it_was_written() {
        let text = "اجلاس کل صبح دس بجے، می\u{200c}خواہم";
        assert_eq!(plain(text), text);
        assert_eq!(width("امانت"), 5);
    }

    #[test]
    fn long_text_is_cut_by_columns_not_bytes() {
        assert_eq!(fit("امانت داری", 6), "امانت…");
        assert_eq!(fit("漢字漢字", 5), "漢字…");
        assert_eq!(fit("short", 5), "short");
    }

    #[test]
    fn wrapping_keeps_every_word_and_breaks_the_endless_ones() {
        assert_eq!(wrap("one two three", Some(8)), ["one two", "three"]);
        assert_eq!(wrap("first\n\nthird", Some(20)), ["first", "", "third"]);
        assert_eq!(wrap("abcdefghijkl", Some(8)), ["abcdefgh", "ijkl"]);
        assert_eq!(wrap("one two three", None), ["one two three"]);
        assert_eq!(wrap("", Some(8)), [""]);
    }
}
