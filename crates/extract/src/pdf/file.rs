//! A PDF's objects (protocol-spec/09-policy, section 9): where each one lies.
//!
//! The bytes are gone through once. The last object of a number counts, as in a file that was saved many times. The
//! file's own table is not used: it is what a hostile or broken file gets wrong.

use std::collections::HashMap;

use memchr::memmem::{self, Finder};

use super::filter;
use super::object::{Dict, Lexer, Object, Token, is_space};
use crate::reading::{Done, Held, Reading, fail};
use crate::unreadable::Reason;

/// References that lead to references.
const HOPS: usize = 16;
/// Objects in a file.
const OBJECTS: usize = 500_000;

/// Where an object lies.
#[derive(Clone, Copy)]
enum Spot {
    /// In the file, with the bytes of its stream.
    File { at: usize, stream: Option<(usize, usize)> },
    /// In an object stream.
    Packed { container: usize, at: usize },
}

/// Bytes of an unpacked stream, counted while they are kept.
#[derive(Default)]
pub(super) struct Data<'r> {
    pub(super) bytes: Vec<u8>,
    _held: Vec<Held<'r>>,
}

pub(super) struct File<'a, 'r, 's> {
    pub(super) reading: &'r Reading<'s>,
    bytes: &'a [u8],
    /// By number: how far back in the file, and where.
    spots: HashMap<u32, (usize, Spot)>,
    /// Object streams that were found: how far back, where their dictionary and their bytes are; and what was in them.
    found: Vec<(usize, usize, (usize, usize))>,
    containers: Vec<Data<'r>>,
    pub(super) trailer: Dict,
}

impl<'a, 'r, 's> File<'a, 'r, 's> {
    pub(super) fn open(reading: &'r Reading<'s>, bytes: &'a [u8]) -> Done<Self> {
        let mut file = Self {
            reading,
            bytes,
            spots: HashMap::new(),
            found: Vec::new(),
            containers: Vec::new(),
            trailer: Dict::new(),
        };
        file.scan()?;
        if file.trailer.contains_key("Encrypt") {
            return fail(Reason::Encrypted, "a PDF with a password, or with restrictions that are set by one");
        }
        if memmem::rfind(bytes, b"%%EOF").is_none() && memmem::rfind(bytes, b"startxref").is_none() {
            return fail(Reason::Truncated, "the PDF's end is missing");
        }
        if !file.trailer.contains_key("Root") {
            return fail(Reason::Damaged, "the PDF has no trailer");
        }
        for (order, at, (start, end)) in std::mem::take(&mut file.found) {
            let Token::Object(Object::Dict(dict)) = Lexer::new(bytes, at, true).next() else { continue };
            let packed = bytes.get(start..end).unwrap_or_default();
            match file.unpack(&dict, packed) {
                Ok(Some(data)) => file.contain(order, &dict, data)?,
                Ok(None) => {}
                Err(halt) => reading.part(Err(halt))?,
            }
        }
        Ok(file)
    }

    // --- finding objects -------------------------------------------------------------------------------------------

    fn scan(&mut self) -> Done {
        let (word, stream_end) = (Finder::new(b"obj"), Finder::new(b"endstream"));
        let mut at = 0_usize;
        while let Some(found) = self.bytes.get(at..).and_then(|rest| word.find(rest)) {
            let found = at.saturating_add(found);
            self.trailers(at, found)?;
            self.reading.work(found.saturating_sub(at).saturating_add(64))?;
            let after = found.saturating_add(3);
            let Some(id) = number_before(self.bytes.get(at..found).unwrap_or_default()) else {
                at = after;
                continue;
            };
            let mut lexer = Lexer::new(self.bytes, after, true);
            let token = lexer.next();
            if lexer.is_full() {
                return fail(Reason::TooMany, "an object of the PDF has too many values");
            }
            self.reading.work(lexer.at.saturating_sub(after))?;
            at = lexer.at.max(after);
            let mut stream = None;
            if let Token::Object(Object::Dict(dict)) = &token {
                if lexer.next() == Token::Word(b"stream") {
                    let range = self.stream_range(lexer.at, dict, &stream_end)?;
                    stream = Some(range);
                    at = range.1;
                }
                self.note(found, after, dict, stream)?;
            }
            self.place(id, found, Spot::File { at: after, stream })?;
        }
        self.trailers(at, self.bytes.len())
    }

    /// The bytes of a stream: as long as it says, if it ends there; else up to the word that ends it.
    fn stream_range(&self, at: usize, dict: &Dict, stream_end: &Finder<'_>) -> Done<(usize, usize)> {
        let skip = match self.bytes.get(at..).unwrap_or_default() {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => 0,
        };
        let start = at.saturating_add(skip);
        if let Some(Object::Number(length)) = dict.get("Length") {
            // A float becomes the nearest length there is.
            let end = start.saturating_add(*length as usize);
            let tail = self.bytes.get(end..).unwrap_or_default();
            if tail.trim_ascii_start().starts_with(b"endstream")
                && tail.iter().take_while(|b| is_space(**b)).count() <= 4
            {
                return Ok((start, end));
            }
        }
        match self.bytes.get(start..).and_then(|rest| stream_end.find(rest)) {
            Some(length) => Ok((start, start.saturating_add(length))),
            None => fail(Reason::Truncated, "a stream of the PDF ends too early"),
        }
    }

    /// Takes in what an object says about the others.
    fn note(&mut self, order: usize, at: usize, dict: &Dict, stream: Option<(usize, usize)>) -> Done {
        let is = |name: &str| dict.get("Type").is_some_and(|kind| kind.is_name(name));
        if is("XRef") {
            self.merge(dict);
        } else if is("ObjStm")
            && let Some(range) = stream
        {
            self.found.push((order, at, range));
            if self.found.len() > OBJECTS {
                return fail(Reason::TooMany, "the PDF has too many object streams");
            }
        }
        Ok(())
    }

    fn place(&mut self, id: u32, order: usize, spot: Spot) -> Done {
        if self.spots.get(&id).is_none_or(|(known, _)| *known <= order) {
            self.spots.insert(id, (order, spot));
        }
        if self.spots.len() > OBJECTS {
            return fail(Reason::TooMany, "the PDF has too many objects");
        }
        Ok(())
    }

    fn merge(&mut self, dict: &Dict) {
        for key in ["Root", "Info", "Encrypt"] {
            if let Some(value) = dict.get(key) {
                self.trailer.insert(key.to_owned(), value.clone());
            }
        }
    }

    /// The objects in an object stream: pairs of number and place, then the objects.
    fn contain(&mut self, order: usize, dict: &Dict, data: Data<'r>) -> Done {
        let first = dict.get("First").and_then(Object::number).unwrap_or(0.0) as usize;
        let container = self.containers.len();
        let mut lexer = Lexer::new(data.bytes.get(..first).unwrap_or_default(), 0, false);
        while let (Token::Object(Object::Number(id)), Token::Object(Object::Number(at))) = (lexer.next(), lexer.next())
        {
            self.reading.work(32)?;
            self.place(id as u32, order, Spot::Packed { container, at: first.saturating_add(at as usize) })?;
        }
        self.containers.push(data);
        Ok(())
    }

    fn trailers(&mut self, from: usize, to: usize) -> Done {
        let gap = self.bytes.get(from..to).unwrap_or_default();
        let found: Vec<usize> = memmem::find_iter(gap, b"trailer").take(1000).collect();
        for at in found {
            let mut lexer = Lexer::new(self.bytes, from.saturating_add(at).saturating_add(7), true);
            if let Token::Object(Object::Dict(dict)) = lexer.next() {
                self.merge(&dict);
            }
            self.reading.work(lexer.at.saturating_sub(from))?;
        }
        Ok(())
    }

    // --- getting objects -------------------------------------------------------------------------------------------

    fn get(&self, id: u32) -> Done<Object> {
        let (bytes, at) = match self.spots.get(&id) {
            Some((_, Spot::File { at, .. })) => (self.bytes, *at),
            Some((_, Spot::Packed { container, at })) => {
                (self.containers.get(*container).map_or(&[][..], |data| data.bytes.as_slice()), *at)
            }
            None => return Ok(Object::Null),
        };
        let mut lexer = Lexer::new(bytes, at, true);
        let token = lexer.next();
        if lexer.is_full() {
            return fail(Reason::TooMany, "an object of the PDF has too many values");
        }
        self.reading.work(lexer.at.saturating_sub(at).saturating_add(64))?;
        Ok(match token {
            Token::Object(object) => object,
            Token::Word(_) | Token::End => Object::Null,
        })
    }

    /// A value, or what its reference leads to.
    pub(super) fn resolve(&self, value: Option<&Object>) -> Done<Object> {
        let mut value = match value {
            Some(Object::Ref(id)) => self.get(*id)?,
            Some(other) => return Ok(other.clone()),
            None => return Ok(Object::Null),
        };
        for _ in 0..HOPS {
            let Object::Ref(id) = value else { return Ok(value) };
            value = self.get(id)?;
        }
        fail(Reason::Damaged, "references in the PDF loop")
    }

    /// A dictionary; an empty one where there is none.
    pub(super) fn dict(&self, value: Option<&Object>) -> Done<Dict> {
        Ok(match self.resolve(value)? {
            Object::Dict(dict) => dict,
            _ => Dict::new(),
        })
    }

    /// A number, or this one.
    pub(super) fn number(&self, value: Option<&Object>, otherwise: f64) -> Done<f64> {
        Ok(self.resolve(value)?.number().unwrap_or(otherwise))
    }

    // --- streams -----------------------------------------------------------------------------------------------------

    /// The bytes of a stream; `None` where there is none, or it is a picture.
    pub(super) fn stream_of(&self, value: Option<&Object>) -> Done<Option<Data<'r>>> {
        let Some(Object::Ref(mut id)) = value.cloned() else { return Ok(None) };
        for _ in 0..HOPS {
            match self.get(id)? {
                Object::Ref(next) => id = next,
                Object::Dict(dict) => return self.stream(id, &dict),
                _ => return Ok(None),
            }
        }
        fail(Reason::Damaged, "references in the PDF loop")
    }

    /// The bytes of the stream of this number, whose dictionary is at hand.
    pub(super) fn stream(&self, id: u32, dict: &Dict) -> Done<Option<Data<'r>>> {
        match self.spots.get(&id) {
            Some((_, Spot::File { stream: Some((start, end)), .. })) => {
                self.unpack(dict, self.bytes.get(*start..*end).unwrap_or_default())
            }
            _ => Ok(None),
        }
    }

    fn unpack(&self, dict: &Dict, packed: &[u8]) -> Done<Option<Data<'r>>> {
        let list = |value: Object| match value {
            Object::Array(items) => items,
            Object::Null => Vec::new(),
            other => vec![other],
        };
        let filters = list(self.resolve(dict.get("Filter").or_else(|| dict.get("F")))?);
        let parameters = list(self.resolve(dict.get("DecodeParms").or_else(|| dict.get("DP")))?);
        if filters.len() > 8 {
            return fail(Reason::TooDeep, "a stream of the PDF is packed too often");
        }
        let mut data = Data { bytes: Vec::new(), _held: vec![self.reading.hold(packed.len())?] };
        if filters.is_empty() {
            data.bytes = packed.to_vec();
        }
        for (n, filter) in filters.iter().enumerate() {
            let Object::Name(name) = self.resolve(Some(filter))? else { return Ok(None) };
            let parameters = self.dict(parameters.get(n))?;
            let parameter = |key: &str, otherwise: f64| self.number(parameters.get(key), otherwise);
            let row = filter::Rows {
                predictor: parameter("Predictor", 1.0)? as u32,
                colours: parameter("Colors", 1.0)? as usize,
                bits: parameter("BitsPerComponent", 8.0)? as usize,
                columns: parameter("Columns", 1.0)? as usize,
                early: parameter("EarlyChange", 1.0)? as usize,
            };
            let from = if n == 0 { packed } else { &data.bytes };
            match filter::decode(self.reading, &name, from, &row)? {
                Some(bytes) => {
                    data._held = vec![self.reading.hold(bytes.len())?];
                    data.bytes = bytes;
                }
                None => return Ok(None),
            }
        }
        Ok(Some(data))
    }

    /// The operators of a page: one stream, or several that continue each other.
    pub(super) fn contents(&self, value: Option<&Object>) -> Done<Data<'r>> {
        let Object::Array(parts) = self.resolve(value)? else {
            return Ok(self.stream_of(value)?.unwrap_or_default());
        };
        let mut whole = Data::default();
        for part in &parts {
            if let Some(part) = self.stream_of(Some(part))? {
                whole._held.push(self.reading.hold(part.bytes.len())?);
                whole.bytes.extend_from_slice(&part.bytes);
                whole.bytes.push(b'\n');
            }
        }
        Ok(whole)
    }
}

/// The object number in `12 0 ` at the end of these bytes.
fn number_before(bytes: &[u8]) -> Option<u32> {
    let tail = bytes.get(bytes.len().saturating_sub(40)..)?;
    let strip = |bytes: &[u8], wanted: fn(u8) -> bool| -> (usize, usize) {
        let end = bytes.len();
        let start = bytes.iter().rposition(|byte| !wanted(*byte)).map_or(0, |at| at.saturating_add(1));
        (start, end)
    };
    let space = |byte: u8| is_space(byte);
    let (end, _) = strip(tail, space);
    let (generation, _) = strip(tail.get(..end)?, |byte| byte.is_ascii_digit());
    let (middle, _) = strip(tail.get(..generation)?, space);
    let (start, _) = strip(tail.get(..middle)?, |byte| byte.is_ascii_digit());
    if generation == end || middle == generation {
        return None;
    }
    std::str::from_utf8(tail.get(start..middle)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::number_before;

    #[test]
    fn numbers_of_objects() {
        for (text, number) in
            [("12 0 ", Some(12)), ("x\n7 0\r\n", Some(7)), ("end", None), ("12 ", None), ("", None), ("a 5 0", Some(5))]
        {
            assert_eq!(number_before(text.as_bytes()), number, "{text:?}");
        }
    }
}
