//! PDF character maps (protocol-spec/09-policy, section 9): what a font says its codes stand for.

use std::borrow::Cow;
use std::collections::HashMap;

use super::object::{Lexer, Object, Token};
use crate::reading::{Done, Reading, fail};
use crate::unreadable::Reason;

/// Lines of one map; there are 65,536 codes of two bytes.
const LINES: usize = 200_000;
/// Bytes that one code may stand for.
const TEXT: usize = 256;

/// A map of codes.
#[derive(Default)]
pub(super) struct CMap {
    singles: HashMap<u32, String>,
    /// First and last code, and the text of the first.
    ranges: Vec<(u32, u32, String)>,
    /// Lengths of codes, with the first and last of each.
    spaces: Vec<(usize, u32, u32)>,
}

fn code(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |code, byte| (code << 8) | u32::from(*byte))
}

fn utf16(bytes: &[u8]) -> String {
    // One byte is a letter of its own.
    if let [byte] = bytes {
        return char::from(*byte).to_string();
    }
    let units = bytes.chunks_exact(2).take(TEXT / 2).filter_map(|pair| pair.try_into().ok().map(u16::from_be_bytes));
    char::decode_utf16(units).filter_map(Result::ok).collect()
}

impl CMap {
    pub(super) fn read(reading: &Reading<'_>, bytes: &[u8]) -> Done<Self> {
        let mut map = Self::default();
        let mut lexer = Lexer::new(bytes, 0, false);
        let mut operands: Vec<Object> = Vec::new();
        let mut lines = 0;
        loop {
            let before = lexer.at;
            let token = lexer.next();
            reading.work(lexer.at.saturating_sub(before).saturating_add(16))?;
            match token {
                Token::End => break,
                Token::Object(object) => {
                    operands.push(object);
                    lines += 1;
                    if lines > 3 * LINES {
                        return fail(Reason::TooMany, "a font of the PDF has too many letters");
                    }
                    continue;
                }
                Token::Word(b"endcodespacerange") => map.spaces(&operands),
                Token::Word(b"endbfchar") => map.chars(&operands),
                Token::Word(b"endbfrange") => map.bf_ranges(&operands),
                Token::Word(_) => {}
            }
            operands.clear();
        }
        map.ranges.sort_by_key(|(first, _, _)| *first);
        Ok(map)
    }

    fn spaces(&mut self, operands: &[Object]) {
        for pair in operands.chunks_exact(2) {
            if let [Object::String(first), Object::String(last)] = pair {
                self.spaces.push((first.len().clamp(1, 4), code(first), code(last)));
            }
        }
        self.spaces.truncate(256);
    }

    fn chars(&mut self, operands: &[Object]) {
        for pair in operands.chunks_exact(2) {
            if let [Object::String(from), Object::String(to)] = pair {
                self.singles.insert(code(from), utf16(to));
            }
        }
    }

    fn bf_ranges(&mut self, operands: &[Object]) {
        for line in operands.chunks_exact(3) {
            match line {
                [Object::String(first), Object::String(last), Object::String(to)] => {
                    self.ranges.push((code(first), code(last), utf16(to)));
                }
                [Object::String(first), Object::String(_), Object::Array(texts)] => {
                    for (code, text) in (code(first)..).zip(texts) {
                        if let Object::String(text) = text {
                            self.singles.insert(code, utf16(text));
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Bytes in memory, about.
    pub(super) fn weight(&self) -> usize {
        self.singles.len().saturating_add(self.ranges.len()).saturating_mul(96)
    }

    /// The text of a code.
    pub(super) fn text(&self, code: u32) -> Option<Cow<'_, str>> {
        if let Some(text) = self.singles.get(&code) {
            return Some(Cow::Borrowed(text));
        }
        let after = self.ranges.partition_point(|(first, _, _)| *first <= code);
        let (first, last, text) = self.ranges.get(after.checked_sub(1)?)?;
        if code > *last {
            return None;
        }
        // The last letter counts up with the code.
        let mut text = text.clone();
        let letter = text.pop()?;
        text.push(char::from_u32(u32::from(letter).checked_add(code.checked_sub(*first)?)?)?);
        Some(Cow::Owned(text))
    }

    /// How many bytes the code at the start of a string has.
    pub(super) fn code_length(&self, bytes: &[u8]) -> usize {
        let fits = |(length, first, last): &&(usize, u32, u32)| {
            bytes.get(..*length).map(code).is_some_and(|code| (*first..=*last).contains(&code))
        };
        self.spaces.iter().find(fits).map_or(2, |(length, _, _)| *length)
    }
}
