//! PDF objects (protocol-spec/09-policy, section 9): numbers, strings, names, arrays and dictionaries, read
//! from bytes of a file, an object stream or a page.

use std::collections::BTreeMap;

/// Values in one object, which takes 32 bytes for each.
const VALUES: usize = 1_000_000;
/// Arrays and dictionaries inside each other.
const DEPTH: usize = 64;

/// A dictionary, keyed by names.
pub(super) type Dict = BTreeMap<String, Object>;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object {
    /// Also what is not understood: `true`, `null`, an object that is missing.
    Null,
    Number(f64),
    String(Vec<u8>),
    Name(Vec<u8>),
    Array(Vec<Object>),
    Dict(Dict),
    Ref(u32),
}

impl Object {
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn is_name(&self, name: &str) -> bool {
        matches!(self, Self::Name(own) if own == name.as_bytes())
    }
}

/// What comes next in the bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    Object(Object),
    /// A word that is no object: an operator, `obj`, `stream`.
    Word(&'a [u8]),
    End,
}

/// Reads one token after the other.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    /// Whether `1 0 R` is one object: not so among operators.
    references: bool,
    values: usize,
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

impl<'a> Lexer<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize, references: bool) -> Self {
        Self { bytes, at, references, values: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn forward(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    /// Whether an object had more values than are read.
    pub(super) fn is_full(&self) -> bool {
        self.values > VALUES
    }

    /// The next token, its values counted afresh.
    pub(super) fn next(&mut self) -> Token<'a> {
        self.values = 0;
        self.token(0)
    }

    fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if is_space(byte) {
                self.forward(1);
            } else if byte == b'%' {
                let line = memchr::memchr2(b'\n', b'\r', self.rest());
                self.forward(line.unwrap_or(self.rest().len()));
            } else {
                break;
            }
        }
    }

    fn token(&mut self, depth: usize) -> Token<'a> {
        self.skip_space();
        self.values = self.values.saturating_add(1);
        let Some(byte) = self.peek() else { return Token::End };
        if self.is_full() {
            return Token::End;
        }
        match byte {
            b'(' => Token::Object(Object::String(self.literal())),
            b'<' if self.rest().starts_with(b"<<") && depth < DEPTH => Token::Object(self.dict(depth)),
            b'<' if !self.rest().starts_with(b"<<") => Token::Object(Object::String(self.hex())),
            b'[' if depth < DEPTH => Token::Object(self.array(depth)),
            b'/' => Token::Object(Object::Name(self.name())),
            b'+' | b'-' | b'.' | b'0'..=b'9' => self.number(),
            _ if is_delimiter(byte) => {
                let length = if self.rest().starts_with(b">>") || self.rest().starts_with(b"<<") { 2 } else { 1 };
                self.word(length)
            }
            _ => {
                let length = self.rest().iter().take_while(|byte| !is_space(**byte) && !is_delimiter(**byte)).count();
                match self.word(length) {
                    Token::Word(b"true" | b"false" | b"null") => Token::Object(Object::Null),
                    word => word,
                }
            }
        }
    }

    fn word(&mut self, length: usize) -> Token<'a> {
        let word = self.rest().get(..length).unwrap_or_default();
        self.forward(length.max(1));
        Token::Word(word)
    }

    fn number(&mut self) -> Token<'a> {
        let length = self.rest().iter().take_while(|byte| matches!(byte, b'+' | b'-' | b'.' | b'0'..=b'9')).count();
        let digits = self.rest().get(..length.min(64)).unwrap_or_default();
        self.forward(length.max(1));
        let number: Option<f64> = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        let number = number.unwrap_or(0.0);
        if self.references
            && let Some(end) = reference_end(self.rest())
            && let Ok(id) = std::str::from_utf8(digits).unwrap_or_default().parse()
        {
            self.forward(end);
            return Token::Object(Object::Ref(id));
        }
        Token::Object(Object::Number(number))
    }

    fn name(&mut self) -> Vec<u8> {
        self.forward(1);
        let mut name = Vec::new();
        while let Some(byte) = self.peek().filter(|byte| !is_space(*byte) && !is_delimiter(*byte)) {
            self.forward(1);
            let escaped = (byte == b'#').then(|| self.rest().get(..2).and_then(hex_byte)).flatten();
            if escaped.is_some() {
                self.forward(2);
            }
            name.push(escaped.unwrap_or(byte));
        }
        name
    }

    fn literal(&mut self) -> Vec<u8> {
        self.forward(1);
        let mut text = Vec::new();
        let mut open = 0_usize;
        while let Some(byte) = self.peek() {
            self.forward(1);
            match byte {
                b'(' => {
                    open = open.saturating_add(1);
                    text.push(byte);
                }
                b')' if open == 0 => break,
                b')' => {
                    open = open.saturating_sub(1);
                    text.push(byte);
                }
                b'\\' => self.escape(&mut text),
                _ => text.push(byte),
            }
        }
        text
    }

    fn escape(&mut self, text: &mut Vec<u8>) {
        let Some(byte) = self.peek() else { return };
        self.forward(1);
        match byte {
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'b' => text.push(8),
            b'f' => text.push(12),
            b'\n' => {}
            b'\r' => {
                if self.peek() == Some(b'\n') {
                    self.forward(1);
                }
            }
            b'0'..=b'7' => {
                let mut value = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.peek() else { break };
                    self.forward(1);
                    value = value * 8 + u32::from(digit - b'0');
                }
                text.push(u8::try_from(value & 0xff).unwrap_or_default());
            }
            other => text.push(other),
        }
    }

    fn hex(&mut self) -> Vec<u8> {
        self.forward(1);
        let length = memchr::memchr(b'>', self.rest()).unwrap_or(self.rest().len());
        let text = self.rest().get(..length).unwrap_or_default();
        self.forward(length.saturating_add(1));
        hex_bytes(text)
    }

    fn array(&mut self, depth: usize) -> Object {
        self.forward(1);
        let mut items = Vec::new();
        loop {
            match self.token(depth + 1) {
                Token::Object(object) => items.push(object),
                Token::Word(b"]") | Token::End => break,
                // An array that is not closed ends with the object.
                Token::Word(b"endobj" | b"obj" | b"stream" | b"endstream") => break,
                Token::Word(_) => {}
            }
        }
        Object::Array(items)
    }

    fn dict(&mut self, depth: usize) -> Object {
        self.forward(2);
        let mut dict = Dict::new();
        loop {
            let key = match self.token(depth + 1) {
                Token::Object(Object::Name(name)) => name,
                Token::Word(b">>") | Token::End => break,
                Token::Word(b"endobj" | b"obj" | b"stream" | b"endstream") => break,
                Token::Object(_) | Token::Word(_) => continue,
            };
            match self.token(depth + 1) {
                Token::Object(object) => dict.insert(String::from_utf8_lossy(&key).into_owned(), object),
                Token::Word(b">>" | b"endobj") | Token::End => break,
                Token::Word(_) => None,
            };
        }
        Object::Dict(dict)
    }
}

/// Where ` 0 R` ends, if that is what follows a number.
fn reference_end(bytes: &[u8]) -> Option<usize> {
    let spaces = |from: usize| bytes.get(from..).unwrap_or_default().iter().take_while(|b| is_space(**b)).count();
    let first = spaces(0);
    let digits = bytes.get(first..)?.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
    let second = spaces(first.checked_add(digits)?);
    let at = first.checked_add(digits)?.checked_add(second)?;
    let after = bytes.get(at.checked_add(1)?).copied().unwrap_or(b' ');
    let found = first > 0 && digits > 0 && second > 0 && bytes.get(at) == Some(&b'R');
    (found && (is_space(after) || is_delimiter(after))).then_some(at.checked_add(1)?)
}

fn hex_byte(pair: &[u8]) -> Option<u8> {
    match pair {
        [high, low] => {
            let (high, low) = (char::from(*high).to_digit(16)?, char::from(*low).to_digit(16)?);
            u8::try_from(high * 16 + low).ok()
        }
        _ => None,
    }
}

/// Decodes hexadecimal digits; others are passed over, and a last half is filled up with 0.
pub(super) fn hex_bytes(text: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = text.iter().copied().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).filter_map(|pair| hex_byte(&[*pair.first()?, pair.get(1).copied().unwrap_or(b'0')])).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::{Lexer, Object, Token};

    fn one(text: &str) -> Object {
        match Lexer::new(text.as_bytes(), 0, true).next() {
            Token::Object(object) => object,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn objects() {
        assert_eq!(one("(a\\(b\\051 (c) \\\n\\061)"), Object::String(b"a(b) (c) 1".to_vec()));
        assert_eq!(one("<414 2 4>"), Object::String(b"AB@".to_vec()));
        assert_eq!(one("/A#20B"), Object::Name(b"A B".to_vec()));
        assert_eq!(one("12 0 R"), Object::Ref(12));
        assert_eq!(
            one("[1 0 R 2 -.5]"),
            Object::Array(vec![Object::Ref(1), Object::Number(2.0), Object::Number(-0.5)])
        );
        let Object::Dict(dict) = one("<</A 1/B[2 3]/C<</D(x)>>>>") else { panic!() };
        assert_eq!(dict.len(), 3);
    }

    #[test]
    fn what_is_not_closed_ends() {
        for text in ["[[[[", "<<<<<<", "(((", "<41", "<</A", "<</A[", "/", "12 0", "%", "[1 endobj"] {
            let mut lexer = Lexer::new(text.as_bytes(), 0, true);
            while lexer.next() != Token::End {}
        }
        let deep = "[".repeat(100_000);
        let mut lexer = Lexer::new(deep.as_bytes(), 0, true);
        while lexer.next() != Token::End {}
        let many = "[".to_owned() + &"0 ".repeat(1_100_000);
        let mut lexer = Lexer::new(many.as_bytes(), 0, true);
        let _ = lexer.next();
        assert!(lexer.is_full());
    }
}
