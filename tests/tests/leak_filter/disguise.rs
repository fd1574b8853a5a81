//! How a value is hidden from a filter and not from its reader.

use super::{Draw, numbers::Value};

/// A disguise. All but those of letters are about digits and what stands between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Disguise {
    None,
    UrduDigits,
    ArabicDigits,
    FullWidthDigits,
    BoldDigits,
    MixedDigits,
    GroupSpaces,
    DigitSpaces,
    Dashes,
    Dots,
    Slashes,
    ZeroWidth,
    SoftHyphens,
    DirectionMarks,
    ThinSpaces,
    LettersForDigits,
    LookAlikes,
    FullWidthLetters,
    BoldLetters,
    AtDot,
    SpacedLetters,
    Tatweel,
    VowelSigns,
    ArabicLetters,
    SmallLetters,
}

use Disguise as D;

const NUMBER: [Disguise; 16] = [
    D::None,
    D::UrduDigits,
    D::ArabicDigits,
    D::FullWidthDigits,
    D::BoldDigits,
    D::MixedDigits,
    D::GroupSpaces,
    D::DigitSpaces,
    D::Dashes,
    D::Dots,
    D::Slashes,
    D::ZeroWidth,
    D::SoftHyphens,
    D::DirectionMarks,
    D::ThinSpaces,
    D::LettersForDigits,
];
// Spaces are a usual way of writing these; so are four groups with dashes.
const IBAN: [Disguise; 18] = [
    D::None,
    D::UrduDigits,
    D::ArabicDigits,
    D::FullWidthDigits,
    D::BoldDigits,
    D::MixedDigits,
    D::DigitSpaces,
    D::Dashes,
    D::Dots,
    D::Slashes,
    D::ZeroWidth,
    D::SoftHyphens,
    D::DirectionMarks,
    D::ThinSpaces,
    D::LettersForDigits,
    D::LookAlikes,
    D::FullWidthLetters,
    D::BoldLetters,
];
const PASSPORT: [Disguise; 18] = [
    D::None,
    D::UrduDigits,
    D::ArabicDigits,
    D::FullWidthDigits,
    D::BoldDigits,
    D::MixedDigits,
    D::GroupSpaces,
    D::DigitSpaces,
    D::Dashes,
    D::Slashes,
    D::ZeroWidth,
    D::SoftHyphens,
    D::DirectionMarks,
    D::ThinSpaces,
    D::LettersForDigits,
    D::LookAlikes,
    D::FullWidthLetters,
    D::BoldLetters,
];
const VEHICLE: [Disguise; 16] = [
    D::None,
    D::UrduDigits,
    D::ArabicDigits,
    D::FullWidthDigits,
    D::BoldDigits,
    D::MixedDigits,
    D::GroupSpaces,
    D::Dashes,
    D::Dots,
    D::Slashes,
    D::ZeroWidth,
    D::SoftHyphens,
    D::DirectionMarks,
    D::ThinSpaces,
    D::LettersForDigits,
    D::LookAlikes,
];
const EMAIL: [Disguise; 8] = [
    D::None,
    D::AtDot,
    D::LookAlikes,
    D::FullWidthLetters,
    D::ZeroWidth,
    D::SoftHyphens,
    D::DirectionMarks,
    D::ThinSpaces,
];
const COORDINATES: [Disguise; 10] = [
    D::None,
    D::UrduDigits,
    D::ArabicDigits,
    D::FullWidthDigits,
    D::BoldDigits,
    D::MixedDigits,
    D::ZeroWidth,
    D::SoftHyphens,
    D::DirectionMarks,
    D::ThinSpaces,
];
const TABLE: [Disguise; 12] = [
    D::None,
    D::UrduDigits,
    D::ArabicDigits,
    D::FullWidthDigits,
    D::BoldDigits,
    D::MixedDigits,
    D::GroupSpaces,
    D::Dashes,
    D::ZeroWidth,
    D::SoftHyphens,
    D::DirectionMarks,
    D::ThinSpaces,
];
const MARKING: [Disguise; 13] = [
    D::None,
    D::SpacedLetters,
    D::LookAlikes,
    D::FullWidthLetters,
    D::BoldLetters,
    D::ZeroWidth,
    D::SoftHyphens,
    D::DirectionMarks,
    D::ThinSpaces,
    D::Tatweel,
    D::VowelSigns,
    D::ArabicLetters,
    D::SmallLetters,
];

/// The disguises of a kind, [`Disguise::None`] first.
pub(crate) fn of(kind: &str) -> &'static [Disguise] {
    match kind {
        "cnic" | "nicop" | "mobile" | "landline" | "imsi" | "imei" | "iccid" | "card" | "ntn" => &NUMBER,
        "passport" => &PASSPORT,
        "iban" => &IBAN,
        "vehicle" => &VEHICLE,
        "email" => &EMAIL,
        "coordinates" => &COORDINATES,
        "table" => &TABLE,
        "marking" => &MARKING,
        _ => &[],
    }
}

impl Disguise {
    /// The name that a message carries.
    pub(crate) fn name(self) -> &'static str {
        match self {
            D::None => "none",
            D::UrduDigits => "urdu-digits",
            D::ArabicDigits => "arabic-digits",
            D::FullWidthDigits => "full-width-digits",
            D::BoldDigits => "bold-digits",
            D::MixedDigits => "mixed-digits",
            D::GroupSpaces => "group-spaces",
            D::DigitSpaces => "digit-spaces",
            D::Dashes => "dashes",
            D::Dots => "dots",
            D::Slashes => "slashes",
            D::ZeroWidth => "zero-width",
            D::SoftHyphens => "soft-hyphens",
            D::DirectionMarks => "direction-marks",
            D::ThinSpaces => "thin-spaces",
            D::LettersForDigits => "letters-for-digits",
            D::LookAlikes => "look-alikes",
            D::FullWidthLetters => "full-width-letters",
            D::BoldLetters => "bold-letters",
            D::AtDot => "at-dot",
            D::SpacedLetters => "spaced-letters",
            D::Tatweel => "tatweel",
            D::VowelSigns => "vowel-signs",
            D::ArabicLetters => "arabic-letters",
            D::SmallLetters => "small-letters",
        }
    }

    /// Whether it changes digits wherever they stand, so that in a table all cells are written with it.
    pub(crate) fn is_of_digits(self) -> bool {
        matches!(self, D::UrduDigits | D::ArabicDigits | D::FullWidthDigits | D::BoldDigits | D::MixedDigits)
    }
}

/// The value, disguised. `None` where the disguise changes nothing: this value has no 0 for an O, or is usually written so.
pub(crate) fn value(draw: &mut Draw, value: &Value, disguise: Disguise) -> Option<String> {
    let plain = value.plain();
    let join = |between: &str| value.groups.join(between);
    let written = match disguise {
        D::None => return Some(plain),
        D::GroupSpaces => join(" "),
        D::Dashes => join(&draw.pick(&DASHES).to_string()),
        D::Dots => join("."),
        D::Slashes => join("/"),
        D::ThinSpaces if value.between == "@" => {
            let space = draw.pick(&SPACES);
            join(&format!("{space}@{space}"))
        }
        D::ThinSpaces => join(&format!("{}{}", value.between.trim_matches([' ', '-']), draw.pick(&SPACES))),
        D::DigitSpaces => {
            let between = draw.pick(&["  ", " ", " - "]);
            value.groups.iter().map(|group| spaced(group)).collect::<Vec<_>>().join(between)
        }
        D::LettersForDigits => letters_for_digits(draw, &plain),
        D::AtDot => at_dot(draw, &value.groups),
        _ => text(draw, &plain, disguise),
    };
    (written != plain).then_some(written)
}

/// Any text, disguised letter by letter; as it is, for a disguise that is about groups.
pub(crate) fn text(draw: &mut Draw, plain: &str, disguise: Disguise) -> String {
    match disguise {
        D::UrduDigits | D::ArabicDigits if plain.contains('.') && draw.one_in(3) => {
            digits(draw, &plain.replace('.', "\u{66b}"), disguise)
        }
        disguise if disguise.is_of_digits() => digits(draw, plain, disguise),
        D::ZeroWidth => inside(draw, plain, &['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}']),
        D::SoftHyphens => inside(draw, plain, &['\u{ad}']),
        D::Tatweel => inside_word(draw, plain, &['\u{640}']),
        D::VowelSigns => inside_word(draw, plain, &['\u{64e}', '\u{64f}', '\u{650}', '\u{651}']),
        D::DirectionMarks => {
            let (before, after) = draw.pick(&[
                ("\u{200e}", "\u{200e}"),
                ("\u{200f}", "\u{200f}"),
                ("\u{202a}", "\u{202c}"),
                ("\u{202d}", "\u{202c}"),
                ("\u{2066}", "\u{2069}"),
                ("\u{2068}", "\u{2069}"),
            ]);
            let within = if draw.one_in(2) { inside(draw, plain, &['\u{200e}']) } else { plain.to_owned() };
            format!("{before}{within}{after}")
        }
        D::LookAlikes => look_alikes(draw, plain),
        D::FullWidthLetters => plain.chars().map(|c| if c == ' ' { c } else { moved(c, '!', '~', 0xff01) }).collect(),
        D::BoldLetters => plain.chars().map(|c| moved(moved(c, 'A', 'Z', 0x1d400), 'a', 'z', 0x1d41a)).collect(),
        D::SpacedLetters => plain.split(' ').map(spaced).collect::<Vec<_>>().join("   "),
        D::ThinSpaces => plain.replace(' ', &draw.pick(&SPACES).to_string()),
        D::ArabicLetters => plain.replace('ی', "ي").replace('ہ', "ه").replace('ک', "ك"),
        D::SmallLetters => plain.to_lowercase(),
        _ => plain.to_owned(),
    }
}

const DASHES: [char; 10] = [
    '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2015}', '\u{2212}', '\u{fe58}', '\u{fe63}',
    '\u{ff0d}',
];
const SPACES: [char; 7] = ['\u{a0}', '\u{2009}', '\u{202f}', '\u{2007}', '\u{200a}', '\u{2002}', '\u{3000}'];

/// The character moved to another alphabet that begins at `start`, if it is one of `first` to `last`.
fn moved(c: char, first: char, last: char, start: u32) -> char {
    if (first..=last).contains(&c) { char::from_u32(start + u32::from(c) - u32::from(first)).unwrap_or(c) } else { c }
}

/// The text with all its digits in another script.
pub(crate) fn digits(draw: &mut Draw, plain: &str, disguise: Disguise) -> String {
    let scripts = [0x30, 0x6f0, 0x660, 0xff10, 0x1d7ce];
    // Two neighbours of a mixed number are of two scripts.
    let mut at = draw.below(scripts.len());
    plain
        .chars()
        .map(|c| {
            at = (at + 1 + draw.below(scripts.len() - 1)) % scripts.len();
            let script = match disguise {
                D::UrduDigits => 0x6f0,
                D::ArabicDigits => 0x660,
                D::FullWidthDigits => 0xff10,
                D::BoldDigits => 0x1d7ce,
                _ => scripts[at],
            };
            moved(c, '0', '9', script)
        })
        .collect()
}

fn spaced(group: &str) -> String {
    group.chars().filter(|c| *c != ' ').map(String::from).collect::<Vec<_>>().join(" ")
}

/// One to three of these between characters.
fn inside(draw: &mut Draw, plain: &str, what: &[char]) -> String {
    let mut chars: Vec<char> = plain.chars().collect();
    for _ in 0..draw.between(1, 3) {
        chars.insert(1 + draw.below(chars.len().saturating_sub(1)), draw.pick(what));
    }
    chars.into_iter().collect()
}

/// One to three of these after letters that are followed by one to which they join.
fn inside_word(draw: &mut Draw, plain: &str, what: &[char]) -> String {
    let letters: Vec<char> = plain.chars().collect();
    let joins = |at: usize| {
        let next = letters.get(at + 1).is_some_and(|next| *next != ' ');
        next && !matches!(letters[at], ' ' | 'ا' | 'د' | 'ر' | 'ز' | 'و' | 'ے' | 'ۂ')
    };
    let places: Vec<usize> = (0..letters.len()).filter(|at| joins(*at)).collect();
    let chosen: Vec<usize> = (0..draw.between(1, 3)).map(|_| draw.pick(&places)).collect();
    let mark = draw.pick(what);
    let mut marked = String::new();
    for (at, letter) in letters.iter().enumerate() {
        marked.push(*letter);
        if chosen.contains(&at) {
            marked.push(mark);
        }
    }
    marked
}

/// O for 0 and l or I for 1, at least once if there is any.
fn letters_for_digits(draw: &mut Draw, plain: &str) -> String {
    let count = plain.chars().filter(|c| matches!(c, '0' | '1')).count();
    let sure = draw.below(count);
    let mut at = 0;
    plain
        .chars()
        .map(|c| {
            let letter = match c {
                '0' => draw.pick(&['O', 'O', 'o']),
                '1' => draw.pick(&['l', 'I', 'l', '|']),
                _ => return c,
            };
            at += 1;
            if at == sure + 1 || draw.percent(40) { letter } else { c }
        })
        .collect()
}

/// Latin letters and those of Cyrillic and Greek that look the same.
pub(crate) const LOOK_ALIKES: [(char, &str); 28] = [
    ('A', "АΑ"),
    ('B', "ВΒ"),
    ('C', "С"),
    ('E', "ЕΕ"),
    ('H', "НΗ"),
    ('I', "ІΙ"),
    ('J', "Ј"),
    ('K', "КΚ"),
    ('M', "МΜ"),
    ('N', "Ν"),
    ('O', "ОΟ"),
    ('P', "РΡ"),
    ('S', "Ѕ"),
    ('T', "ТΤ"),
    ('X', "ХΧ"),
    ('Y', "ҮΥ"),
    ('Z', "Ζ"),
    ('a', "а"),
    ('c', "с"),
    ('e', "е"),
    ('i', "і"),
    ('j', "ј"),
    ('o', "оο"),
    ('p', "рρ"),
    ('s', "ѕ"),
    ('x', "х"),
    ('y', "у"),
    ('h', "һ"),
];

/// Look-alikes for more than half of the letters that have one; the first of them always.
fn look_alikes(draw: &mut Draw, plain: &str) -> String {
    let mut sure = true;
    plain
        .chars()
        .map(|c| {
            let Some((_, others)) = LOOK_ALIKES.iter().find(|(latin, _)| *latin == c) else { return c };
            let others: Vec<char> = others.chars().collect();
            let other = draw.pick(&others);
            if std::mem::take(&mut sure) || draw.percent(60) { other } else { c }
        })
        .collect()
}

/// An address with words for its at sign, and mostly for its dots.
fn at_dot(draw: &mut Draw, groups: &[String]) -> String {
    let (at, dot) = draw.pick(&[
        ("(at)", "(dot)"),
        (" (at) ", " (dot) "),
        ("[at]", "[dot]"),
        (" [at] ", " [dot] "),
        ("(AT)", "(DOT)"),
        (" at ", " dot "),
        ("(at)", "."),
        ("[at]", "."),
    ]);
    let domain = groups.last().map(|domain| domain.replace('.', dot)).unwrap_or_default();
    format!("{}{at}{domain}", groups.first().map_or("", String::as_str))
}
