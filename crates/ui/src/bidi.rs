//! Texts from outside: which way they run, and what would deceive whoever reads them.
//!
//! The direction of a text is that of its first strong character (UAX #9, rules P2 and P3). Names that stand in a sentence are
//! isolated (U+2068, U+2069); what overrides or embeds a direction is taken out of them first, and so are control
//! characters (Unicode TR36, section 2.5).

use std::borrow::Cow;

use crate::direction::Direction;

/// Which way a text runs; none where nothing in it says so. What is isolated decides only where nothing else does.
#[must_use]
pub fn direction(text: &str) -> Option<Direction> {
    let mut depth = 0_usize;
    let outside = text.chars().find_map(|c| {
        match c {
            '\u{2066}'..='\u{2068}' => depth += 1,
            '\u{2069}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => return strong(c),
            _ => {}
        }
        None
    });
    outside.or_else(|| text.chars().find_map(strong))
}

/// Which way a character runs; none where it takes that of those around it.
pub(crate) fn strong(c: char) -> Option<Direction> {
    let rtl = matches!(c, '\u{0590}'..='\u{08FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFF}' | '\u{200F}');
    // Arabic digits and marks decide nothing.
    let neutral = matches!(c, '\u{0660}'..='\u{0669}' | '\u{06F0}'..='\u{06F9}' | '\u{064B}'..='\u{065F}' | '\u{060C}');
    match (rtl && !neutral, c.is_alphabetic() || c == '\u{200E}') {
        (true, _) => Some(Direction::Rtl),
        (false, true) if !neutral => Some(Direction::Ltr),
        _ => None,
    }
}

/// Whether a character changes the order in which others are shown.
fn reorders(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{061C}')
}

/// A name as one line that means what it shows: at most `most` characters, without what reorders, controls or is invisible,
/// and with one space where there are several.
#[must_use]
pub fn defuse(name: &str, most: usize) -> String {
    let invisible = |c: char| matches!(c, '\u{200B}' | '\u{2060}' | '\u{FEFF}' | '\u{00AD}');
    let kept = name.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let kept = kept.filter(|c| !c.is_control() && !reorders(*c) && !invisible(*c));
    // Several spaces could push what follows out of sight.
    let mut space = false;
    let kept = kept.filter(|c| !std::mem::replace(&mut space, *c == ' ') || *c != ' ');
    cut(&kept.take(most.saturating_add(1)).collect::<String>(), most).into_owned()
}

/// A text of somebody's, as it was written, without what would show it in another order.
#[must_use]
pub fn as_written(text: &str) -> String {
    text.chars().filter(|c| (*c == '\t' || *c == '\n' || !c.is_control()) && !reorders(*c)).collect()
}

/// The first `most` characters, and a sign that there is more.
#[must_use]
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default().trim_end())),
        None => Cow::Borrowed(text),
    }
}

/// A name to stand in a sentence of another direction.
#[must_use]
pub fn isolate(name: &str) -> String {
    format!("\u{2068}{name}\u{2069}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_strong_character_decides() {
        assert_eq!(direction("12 (جی) ok"), Some(Direction::Rtl));
        assert_eq!(direction("… ok جی"), Some(Direction::Ltr));
        assert_eq!(direction("۱۲، 34"), None);
        assert_eq!(direction(&format!("{}: جی", isolate("Sana"))), Some(Direction::Rtl));
        assert_eq!(direction(&isolate("Sana")), Some(Direction::Ltr));
    }

    #[test]
    fn what_deceives_is_taken_out() {
        let name = "inv\u{202E}gpj.exe\u{2069}\u{0}\u{200B}\n next";
        assert_eq!(defuse(name, 100), "invgpj.exe next");
        assert_eq!(defuse(&"a".repeat(10_000), 5), "aaaaa…");
        assert_eq!(defuse("سیکریٹری داخلہ", 100), "سیکریٹری داخلہ");
    }
}
