//! Text from others, before it is kept as a title or name (protocol-spec/05-conversation, section 7): one line, without
//! characters that hide or reorder what is read.

use amanat_wire::deceptive::{Trick, trick};

/// Turns line ends and tabs into spaces, and drops what else is hostile.
pub(crate) fn one_line(text: &str) -> String {
    let kept = text.chars().filter_map(|c| match trick(c) {
        Some(Trick::LineBreak) => Some(' '),
        _ if c == '\t' => Some(' '),
        Some(trick) if trick.is_hostile() => None,
        _ => Some(c),
    });
    kept.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn what_hides_or_reorders_is_dropped() {
        assert_eq!(one_line(" budget\n\u{202e}2026\u{1b}[31m "), "budget 2026[31m");
        assert_eq!(one_line("بجٹ ۲۰۲۶"), "بجٹ ۲۰۲۶");
        assert_eq!(one_line("a\u{feff}b\u{2028}c\u{e0041}"), "ab c");
    }
}
