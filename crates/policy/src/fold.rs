//! A text as the leak filter reads it (protocol-spec/09-policy, section 4): what a person takes for the same character
//! becomes the same, and where each byte of it stands in the original is kept, so that a finding can be shown there.
//!
//! Digits of every script become ASCII, look-alike and mathematical letters Latin, Arabic and Urdu forms of one letter one
//! letter, dashes `-`, spaces a space; what is not seen is gone; `o`, `l` and `i` among digits become 0 and 1.

use std::{collections::HashSet, ops::Range};

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// The most bytes of a text that are read.
pub const LONGEST: usize = 64 << 20;
/// A text may grow to so many bytes, whatever its length: one of a message, of ligatures alone, grows eleven times.
const MOST: usize = 1 << 20;

/// The folded text with its way back.
#[derive(Debug, Clone, Default)]
pub struct Folded {
    text: String,
    /// For each byte of `text`: where its character begins in the original, ...
    starts: Vec<u32>,
    /// ... and where it ends.
    ends: Vec<u32>,
    /// It would have become too long.
    cut: bool,
}

impl Folded {
    /// Folds `original` as far as [`LONGEST`], and as it becomes no more than four times as long, or a mebibyte. [POL-20]
    #[must_use]
    pub fn new(original: &str) -> Self {
        let mut folded = Self {
            text: String::with_capacity(original.len()),
            starts: Vec::with_capacity(original.len()),
            ends: Vec::with_capacity(original.len()),
            cut: false,
        };
        let most = original.len().min(LONGEST).saturating_mul(4).max(MOST);
        for (start, c) in original.char_indices() {
            if start >= LONGEST || folded.text.len() > most {
                folded.cut = true;
                break;
            }
            let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(start + c.len_utf8())) else { break };
            match stand_in(c) {
                StandIn::One(c) => folded.push(c, start, end),
                StandIn::Nothing => {}
                StandIn::Parts => decompose_compatible(c, |part| match stand_in(part) {
                    StandIn::One(part) => folded.push(part, start, end),
                    StandIn::Nothing => {}
                    StandIn::Parts => folded.push(part, start, end),
                }),
            }
        }
        folded.digits_for_letters();
        folded
    }

    /// The same text with `|` for 1 where a digit touches it, if it does anywhere: it may be that, or set columns apart.
    #[must_use]
    pub(crate) fn with_bars_for_ones(&self) -> Option<Self> {
        let bytes = self.text.as_bytes();
        let is_digit = |place: Option<usize>| {
            place.and_then(|place| bytes.get(place)).is_some_and(|byte| byte.is_ascii_digit() || is_doubtful(*byte))
        };
        let bar = |place: usize| {
            bytes.get(place) == Some(&b'|') && (is_digit(place.checked_sub(1)) || is_digit(Some(place + 1)))
        };
        if !(0..bytes.len()).any(bar) {
            return None;
        }
        let read = |(place, c): (usize, char)| if bar(place) { '1' } else { c };
        let text = self.text.char_indices().map(read).collect();
        let mut other = Self { text, starts: self.starts.clone(), ends: self.ends.clone(), cut: self.cut };
        other.digits_for_letters();
        Some(other)
    }

    /// Whether the text goes on behind what is read.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// What is read.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where bytes of the folded text stand in the original: on characters' bounds, whatever `range` is.
    #[must_use]
    pub fn original(&self, range: Range<usize>) -> Range<usize> {
        let end = range.end.checked_sub(1).and_then(|last| self.ends.get(last));
        match (self.starts.get(range.start), end) {
            (Some(start), Some(end)) if range.start < range.end => to_usize(*start)..to_usize(*end),
            _ => 0..0,
        }
    }

    fn push(&mut self, c: char, start: u32, end: u32) {
        for lower in c.to_lowercase() {
            self.text.push(lower);
            for _ in 0..lower.len_utf8() {
                self.starts.push(start);
                self.ends.push(end);
            }
        }
    }

    /// Letters that stand for digits among digits become these: `35O2l-I234567`, not `5 litres`.
    fn digits_for_letters(&mut self) {
        if !self.text.bytes().any(is_doubtful) {
            return;
        }
        // Where letters of other scripts stand: the first and the last byte of each.
        let others = self.text.char_indices().filter(|(_, c)| !c.is_ascii() && c.is_alphabetic());
        let touching: HashSet<usize> = others.flat_map(|(at, c)| [at, at + c.len_utf8() - 1]).collect();
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let length = bytes
                .iter()
                .skip(at)
                .take_while(|byte| byte.is_ascii_digit() || is_doubtful(**byte) || **byte == b'-')
                .count();
            if is_mostly_digits(&bytes, at..at + length, &touching) {
                let kept = letters_ahead(&bytes, at..at + length);
                for byte in bytes.iter_mut().skip(at).take(length).skip(kept).filter(|byte| is_doubtful(**byte)) {
                    *byte = if *byte == b'o' { b'0' } else { b'1' };
                }
            }
            at += length.max(1);
        }
        // ASCII was put in place of ASCII.
        self.text = String::from_utf8(bytes).unwrap_or_default();
    }
}

fn to_usize(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

fn is_doubtful(byte: u8) -> bool {
    matches!(byte, b'o' | b'l' | b'i')
}

/// Two letters before seven digits are a passport's.
fn letters_ahead(bytes: &[u8], token: Range<usize>) -> usize {
    let token_length = token.len();
    let letters = bytes.get(token).unwrap_or_default().iter().take_while(|byte| is_doubtful(**byte)).count();
    if letters == 2 && token_length == 9 { letters } else { 0 }
}

/// At least half of the characters are digits, two at least, and no word touches them.
fn is_mostly_digits(bytes: &[u8], token: Range<usize>, others: &HashSet<usize>) -> bool {
    let characters: Vec<u8> =
        bytes.get(token.clone()).unwrap_or_default().iter().copied().filter(|byte| *byte != b'-').collect();
    let digits = characters.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_letter = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_alphabetic) || others.contains(&place);
    // A dash sets it apart from a word before it.
    let dashed = bytes.get(token.start) == Some(&b'-');
    let touched = !dashed && token.start.checked_sub(1).is_some_and(is_letter) || is_letter(token.end);
    digits >= 2 && digits * 2 >= characters.len() && !touched
}

/// What a character becomes.
enum StandIn {
    One(char),
    Nothing,
    /// What its compatibility decomposition becomes, or itself (UAX #15).
    Parts,
}

fn stand_in(c: char) -> StandIn {
    if c.is_ascii() {
        return match c {
            '\r' | '\u{b}' | '\u{c}' => StandIn::One('\n'),
            '\t' | '\n' => StandIn::One(c),
            c if c.is_ascii_control() => StandIn::Nothing,
            c => StandIn::One(c.to_ascii_lowercase()),
        };
    }
    // Most of an Urdu text, at once.
    if is_plain_urdu(c) {
        return StandIn::One(urdu(c).unwrap_or(c));
    }
    if is_unseen(c) || is_combining_mark(c) || c.is_control() && c != '\u{85}' {
        return StandIn::Nothing;
    }
    let same = digit(c).or_else(|| punctuation(c)).or_else(|| urdu(c)).or_else(|| latin(c));
    same.map_or(StandIn::Parts, StandIn::One)
}

/// Letters of Urdu and Arabic.
fn is_plain_urdu(c: char) -> bool {
    matches!(c, '\u{621}'..='\u{63a}' | '\u{641}'..='\u{64a}' | '\u{671}'..='\u{6d3}')
}

/// Joiners, direction marks, soft hyphen, tatweel, fillers, variation selectors, tags, marks above and below.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{640}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        | '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e8}'
        | '\u{6ea}'..='\u{6ed}')
}

/// Where the decimal digits of a script begin (Unicode, general category Nd), as far as the decomposition does not give ASCII.
const ZEROS: [u32; 19] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0xf20, 0x1040,
    0x17e0, 0x1810, 0x1946,
];

fn digit(c: char) -> Option<char> {
    let code = u32::from(c);
    let value = match code {
        // Digits in black and in sans-serif circles, which are symbols without a decomposition.
        0x2776..=0x277e => code - 0x2775,
        0x2780..=0x2788 => code - 0x277f,
        0x278a..=0x2792 => code - 0x2789,
        0x24ff => 0,
        _ => ZEROS.iter().map(|zero| code.wrapping_sub(*zero)).find(|value| *value < 10)?,
    };
    char::from_digit(value, 10)
}

fn punctuation(c: char) -> Option<char> {
    Some(match c {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{2800}' | '\u{3000}' => ' ',
        '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        '\u{58a}'
        | '\u{5be}'
        | '\u{2010}'..='\u{2015}'
        | '\u{2043}'
        | '\u{207b}'
        | '\u{208b}'
        | '\u{2212}'
        | '\u{2796}'
        | '\u{2e3a}'
        | '\u{2e3b}'
        | '\u{301c}'
        | '\u{3030}'
        | '\u{30fc}'
        | '\u{fe31}'
        | '\u{fe32}'
        | '\u{fe58}'
        | '\u{fe63}'
        | '\u{ff0d}' => '-',
        '\u{66b}' | '\u{6d4}' | '\u{b7}' | '\u{2022}' | '\u{2024}' | '\u{2219}' | '\u{3002}' | '\u{30fb}'
        | '\u{ff61}' => '.',
        '\u{ba}' | '\u{2da}' => '°',
        '\u{60c}' | '\u{66c}' => ',',
        '\u{61b}' => ';',
        '\u{589}' | '\u{2236}' | '\u{a789}' => ':',
        '\u{2044}' | '\u{2215}' | '\u{29f8}' => '/',
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' | '\u{2b9}' | '\u{2bc}' => '\'',
        '\u{201c}' | '\u{201d}' | '\u{2033}' | '\u{2ba}' => '"',
        _ => return None,
    })
}

/// Letters of Urdu and Arabic keyboards that are the same to a reader. ے and ی, ھ and ہ stay apart.
fn urdu(c: char) -> Option<char> {
    Some(match c {
        'أ' | 'إ' | 'آ' | 'ٱ' | 'ا' => 'ا',
        'ي' | 'ى' | 'ئ' | 'ی' => 'ی',
        'ك' | 'ڪ' | 'ک' => 'ک',
        'ه' | 'ة' | 'ۀ' | 'ۂ' | 'ۃ' | 'ہ' => 'ہ',
        'ؤ' | 'و' => 'و',
        'ۓ' | 'ے' => 'ے',
        _ => return None,
    })
}

/// Cyrillic, Greek and other letters that look like Latin ones.
fn latin(c: char) -> Option<char> {
    Some(match c {
        'а' | 'А' | 'α' | 'Α' | 'ɑ' => 'a',
        'В' | 'Β' | 'Ь' => 'b',
        'с' | 'С' | 'ϲ' | 'Ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'Е' | 'Ε' | 'ё' | 'Ё' => 'e',
        'ɡ' | 'Ԍ' => 'g',
        'һ' | 'Н' | 'Η' => 'h',
        'і' | 'І' | 'ι' | 'Ι' | 'ı' | 'ӏ' | 'Ӏ' | 'ǀ' | '∣' => 'i',
        'ј' | 'Ј' | 'ϳ' => 'j',
        'К' | 'к' | 'Κ' | 'κ' => 'k',
        'М' | 'Μ' => 'm',
        'Ν' => 'n',
        'о' | 'О' | 'ο' | 'Ο' | 'օ' | 'Օ' | 'ᴏ' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' => 'p',
        'ԛ' | 'Ԛ' => 'q',
        'ѕ' | 'Ѕ' => 's',
        'Т' | 'т' | 'Τ' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' | 'Ѵ' => 'v',
        'ԝ' | 'Ԝ' => 'w',
        'х' | 'Х' | 'Χ' | 'χ' => 'x',
        'у' | 'У' | 'Υ' | 'ү' | 'Ү' => 'y',
        'Ζ' => 'z',
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn folded(text: &str) -> String {
        Folded::new(text).text().to_owned()
    }

    // [POL-20]
    #[test]
    fn what_reads_the_same_is_the_same() {
        for (written, read) in [
            ("CNIC 35202-1234567-1", "cnic 35202-1234567-1"),
            ("۳۵۲۰۲-۱۲۳۴۵۶۷-۱", "35202-1234567-1"),
            ("٣٥٢٠٢‐١٢٣٤٥٦٧–١", "35202-1234567-1"),
            ("３５２０２－１", "35202-1"),
            ("𝟑𝟓𝟐𝟎𝟐", "35202"),
            ("①②③ ❹❺ ➀ ²", "123 45 1 2"),
            ("35\u{200b}20\u{ad}2\u{2060}-1", "35202-1"),
            ("35202\u{a0}1234567\u{2009}1", "35202 1234567 1"),
            ("35O2l-I234567-o", "35021-1234567-0"),
            ("O300 l234567", "0300 1234567"),
            ("346OI-O006536-3", "34601-0006536-3"),
            ("LEB-638o", "leb-6380"),
            ("OI123456l", "oi1234561"),
            ("five litres, 5 oil, isil, 5l, i5", "five litres, 5 oil, isil, 5l, i5"),
            ("РК36ЅСВL", "pk36scbl"),
            ("ΑΒ1234567", "ab1234567"),
            ("ＳＥＣＲＥＴ 𝐒𝐞𝐜𝐫𝐞𝐭 sécret", "secret secret secret"),
            ("خُفیہ كابينة", "خفیہ کابینہ"),
            ("ﺧﻔﯿﮧ", "خفیہ"),
            ("someone＠example．com", "someone@example.com"),
            ("a\nb\u{2028}c\rd\u{0}", "a\nb\nc\nd"),
            ("", ""),
        ] {
            assert_eq!(folded(written), read, "{written}");
        }
    }

    #[test]
    fn a_finding_stands_where_the_original_has_it() {
        let original = "شناختی \u{202e}۳۵\u{200b}۲۰۲ ہے";
        let folded = Folded::new(original);
        let at = folded.text().find("35202").unwrap();
        let there = folded.original(at..at + 5);
        assert_eq!(&original[there], "۳۵\u{200b}۲۰۲");
        assert_eq!(folded.original(0..0), 0..0);
        assert_eq!(folded.original(9_999..10_000), 0..0);
    }

    proptest! {
        #[test]
        fn every_range_is_on_bounds(original in "\\PC{0,60}", from in 0usize..80, len in 0usize..80) {
            let folded = Folded::new(&original);
            prop_assert_eq!(folded.starts.len(), folded.text.len());
            prop_assert!(original.get(folded.original(from..from.saturating_add(len))).is_some());
        }
    }
}
