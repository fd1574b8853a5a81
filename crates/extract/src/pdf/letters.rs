//! Letters of PDF fonts (protocol-spec/09-policy, section 9): their names in encodings, the widths of the
//! fonts that every reader has, and the Arabic letters behind the shapes they take within a word.

use std::borrow::Cow;

/// Names of letters that are not their own name.
const NAMES: &[(&str, &str)] = &[
    ("space", " "),
    ("nbspace", " "),
    ("exclam", "!"),
    ("quotedbl", "\""),
    ("numbersign", "#"),
    ("dollar", "$"),
    ("percent", "%"),
    ("ampersand", "&"),
    ("quotesingle", "'"),
    ("quoteright", "'"),
    ("quoteleft", "'"),
    ("parenleft", "("),
    ("parenright", ")"),
    ("asterisk", "*"),
    ("plus", "+"),
    ("comma", ","),
    ("hyphen", "-"),
    ("minus", "-"),
    ("sfthyphen", "-"),
    ("period", "."),
    ("slash", "/"),
    ("fraction", "/"),
    ("zero", "0"),
    ("one", "1"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("colon", ":"),
    ("semicolon", ";"),
    ("less", "<"),
    ("equal", "="),
    ("greater", ">"),
    ("question", "?"),
    ("at", "@"),
    ("bracketleft", "["),
    ("backslash", "\\"),
    ("bracketright", "]"),
    ("asciicircum", "^"),
    ("underscore", "_"),
    ("grave", "`"),
    ("braceleft", "{"),
    ("bar", "|"),
    ("braceright", "}"),
    ("asciitilde", "~"),
    ("endash", "–"),
    ("emdash", "—"),
    ("quotedblleft", "“"),
    ("quotedblright", "”"),
    ("bullet", "•"),
    ("ellipsis", "…"),
    ("ff", "ff"),
    ("fi", "fi"),
    ("fl", "fl"),
    ("ffi", "ffi"),
    ("ffl", "ffl"),
    ("f_f", "ff"),
    ("f_i", "fi"),
    ("f_l", "fl"),
    ("f_f_i", "ffi"),
    ("Euro", "€"),
    ("sterling", "£"),
    ("degree", "°"),
    ("section", "§"),
    ("copyright", "©"),
    ("registered", "®"),
    ("dotlessi", "ı"),
    ("germandbls", "ß"),
    ("ae", "æ"),
    ("AE", "Æ"),
    ("oe", "œ"),
    ("OE", "Œ"),
    ("oslash", "ø"),
    ("Oslash", "Ø"),
    (".notdef", ""),
];
/// Endings of the names of accented letters, and the accent.
const ACCENTS: &[(&str, char)] = &[
    ("acute", '\u{301}'),
    ("grave", '\u{300}'),
    ("circumflex", '\u{302}'),
    ("dieresis", '\u{308}'),
    ("tilde", '\u{303}'),
    ("ring", '\u{30a}'),
    ("cedilla", '\u{327}'),
    ("caron", '\u{30c}'),
    ("macron", '\u{304}'),
];

/// The text of a letter's name; `None` where the name is only a number in its font.
pub(super) fn named(name: &str) -> Option<Cow<'static, str>> {
    // "one.oldstyle" is a one.
    let base = if name.starts_with('.') { name } else { name.split('.').next().unwrap_or(name) };
    if let Some((_, text)) = NAMES.iter().find(|(known, _)| *known == base) {
        return Some(Cow::Borrowed(text));
    }
    if base.len() == 1 && base.is_ascii() {
        return Some(Cow::Owned(base.to_owned()));
    }
    let hexadecimal = |digits: &str| {
        let code = u32::from_str_radix(digits.get(..digits.len().min(6))?, 16).ok()?;
        char::from_u32(code).map(|c| Cow::Owned(c.to_string()))
    };
    if let Some(digits) = base.strip_prefix("uni").filter(|digits| digits.len() >= 4) {
        return hexadecimal(digits.get(..4)?);
    }
    if let Some(digits) = base.strip_prefix('u').filter(|digits| (4..=6).contains(&digits.len())) {
        return hexadecimal(digits);
    }
    // Adobe's names of Arabic letters count on from the letters' codes.
    if let Some(number) = base.strip_prefix("afii57").and_then(|number| number.parse::<u32>().ok()) {
        return match number {
            388..=475 => char::from_u32(0x60c + number - 388).map(|c| Cow::Owned(c.to_string())),
            _ => None,
        };
    }
    let (accent, mark) = ACCENTS.iter().find(|(accent, _)| base.ends_with(accent))?;
    let letter = base.strip_suffix(accent).filter(|letter| letter.len() == 1)?;
    Some(Cow::Owned(format!("{letter}{mark}")))
}

/// A font that every reader has, and files need not describe.
#[derive(Clone, Copy)]
pub(super) struct Standard {
    fixed: bool,
    percent: f32,
}

impl Standard {
    pub(super) fn of(name: &str) -> Self {
        let percent = if name.contains("Times") { 0.91 } else { 1.0 };
        Self { fixed: name.contains("Courier"), percent }
    }

    /// The width of a letter in thousandths, near enough to tell a space from none.
    pub(super) fn width(self, code: u32) -> f32 {
        if self.fixed {
            return 600.0;
        }
        let narrow = usize::try_from(code).ok().and_then(|code| HELVETICA.get(code.checked_sub(32)?));
        f32::from(narrow.copied().unwrap_or(556)) * self.percent
    }
}

/// Widths in Helvetica, from the space to the tilde.
const HELVETICA: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
];

/// First shape, number of shapes, and the letter.
const SHAPES: &[(u32, u32, char)] = &[
    (0xfb50, 2, 'ٱ'),
    (0xfb56, 4, 'پ'),
    (0xfb66, 4, 'ٹ'),
    (0xfb7a, 4, 'چ'),
    (0xfb88, 2, 'ڈ'),
    (0xfb8a, 2, 'ژ'),
    (0xfb8c, 2, 'ڑ'),
    (0xfb8e, 4, 'ک'),
    (0xfb92, 4, 'گ'),
    (0xfb9e, 2, 'ں'),
    (0xfba0, 4, 'ڻ'),
    (0xfba4, 2, 'ۀ'),
    (0xfba6, 4, 'ہ'),
    (0xfbaa, 4, 'ھ'),
    (0xfbae, 2, 'ے'),
    (0xfbb0, 2, 'ۓ'),
    (0xfbfc, 4, 'ی'),
    (0xfe80, 1, 'ء'),
    (0xfe81, 2, 'آ'),
    (0xfe83, 2, 'أ'),
    (0xfe85, 2, 'ؤ'),
    (0xfe87, 2, 'إ'),
    (0xfe89, 4, 'ئ'),
    (0xfe8d, 2, 'ا'),
    (0xfe8f, 4, 'ب'),
    (0xfe93, 2, 'ة'),
    (0xfe95, 4, 'ت'),
    (0xfe99, 4, 'ث'),
    (0xfe9d, 4, 'ج'),
    (0xfea1, 4, 'ح'),
    (0xfea5, 4, 'خ'),
    (0xfea9, 2, 'د'),
    (0xfeab, 2, 'ذ'),
    (0xfead, 2, 'ر'),
    (0xfeaf, 2, 'ز'),
    (0xfeb1, 4, 'س'),
    (0xfeb5, 4, 'ش'),
    (0xfeb9, 4, 'ص'),
    (0xfebd, 4, 'ض'),
    (0xfec1, 4, 'ط'),
    (0xfec5, 4, 'ظ'),
    (0xfec9, 4, 'ع'),
    (0xfecd, 4, 'غ'),
    (0xfed1, 4, 'ف'),
    (0xfed5, 4, 'ق'),
    (0xfed9, 4, 'ك'),
    (0xfedd, 4, 'ل'),
    (0xfee1, 4, 'م'),
    (0xfee5, 4, 'ن'),
    (0xfee9, 4, 'ه'),
    (0xfeed, 2, 'و'),
    (0xfeef, 2, 'ى'),
    (0xfef1, 4, 'ي'),
];

/// The letter behind one of its shapes.
pub(super) fn letter(c: char) -> char {
    let code = u32::from(c);
    if code < 0xfb50 {
        return c;
    }
    let shape = SHAPES.iter().find(|(first, count, _)| (*first..first.saturating_add(*count)).contains(&code));
    shape.map_or(c, |(_, _, letter)| *letter)
}

/// Lam and alef, which share one shape.
pub(super) fn two_letters(c: char) -> Option<&'static str> {
    match c {
        '\u{fef5}' | '\u{fef6}' => Some("لآ"),
        '\u{fef7}' | '\u{fef8}' => Some("لأ"),
        '\u{fef9}' | '\u{fefa}' => Some("لإ"),
        '\u{fefb}' | '\u{fefc}' => Some("لا"),
        _ => None,
    }
}

/// Whether a letter is written from right to left. Digits are not, in any script.
pub(super) fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{65f}' | '\u{66b}'..='\u{6ef}' | '\u{6fa}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::{letter, named};

    #[test]
    fn names_of_letters() {
        for (name, text) in [
            ("seven", Some("7")),
            ("A", Some("A")),
            ("uni06A9", Some("ک")),
            ("u1F600", Some("😀")),
            ("one.tnum", Some("1")),
            ("eacute", Some("e\u{301}")),
            ("afii57415", Some("ا")),
            ("g37", None),
            ("cid_1234", None),
        ] {
            assert_eq!(named(name).as_deref(), text, "{name}");
        }
    }

    #[test]
    fn shapes_of_letters() {
        assert_eq!(['ﮎ', 'ﺎ', 'ﯽ', 'ﮩ', 'x'].map(letter), ['ک', 'ا', 'ی', 'ہ', 'x']);
    }
}
