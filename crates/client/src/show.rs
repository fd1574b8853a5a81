//! Text from others, before it is kept as a title or name (protocol-spec/05-conversation, section 7): one line, without
//! characters that hide or reorder what is read.

/// Drops control characters and the bidirectional overrides that make a text read other than it is written, and turns
/// line ends into spaces.
pub(crate) fn one_line(text: &str) -> String {
    let kept = text.chars().filter_map(|c| match c {
        '\n' | '\r' | '\t' => Some(' '),
        '\u{2028}' | '\u{2029}' => Some(' '),
        '\u{200b}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => None,
        '\u{e0000}'..='\u{e007f}' => None,
        c if c.is_control() => None,
        c => Some(c),
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
