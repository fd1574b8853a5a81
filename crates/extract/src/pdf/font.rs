//! PDF fonts (protocol-spec/09-policy, section 9): which letters a code stands for, and how wide they are.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use encoding_rs::{MACINTOSH, WINDOWS_1252};

use super::cmap::CMap;
use super::file::File;
use super::letters;
use super::object::{Dict, Object};
use crate::reading::{Done, Held};

/// Fonts that are kept from page to page.
const KEPT: usize = 128;
/// Bytes of them.
const WEIGHT: usize = 32 << 20;

/// The fonts of a document that were met.
#[derive(Default)]
pub(super) struct Fonts<'r>(HashMap<u32, Rc<Font<'r>>>);

impl<'r> Fonts<'r> {
    pub(super) fn get(&mut self, file: &File<'_, 'r, '_>, value: &Object) -> Done<Rc<Font<'r>>> {
        let Object::Ref(id) = value else { return Font::read(file, value).map(Rc::new) };
        if let Some(font) = self.0.get(id) {
            return Ok(font.clone());
        }
        if self.0.len() >= KEPT || self.0.values().map(|font| font.weight()).sum::<usize>() > WEIGHT {
            self.0.clear();
        }
        let font = Rc::new(Font::read(file, value)?);
        self.0.insert(*id, font.clone());
        Ok(font)
    }
}

/// How codes are told apart in a string.
enum Codes {
    /// One byte each.
    Byte,
    /// As the font's own map says, two bytes where it is silent.
    Map(CMap),
    /// UTF-16, big-endian: the code is the letter.
    Wide,
}

pub(super) struct Font<'r> {
    codes: Codes,
    /// What the font says of its letters.
    unicode: Option<CMap>,
    /// What its encoding says, for codes of one byte.
    letters: Vec<Option<Cow<'static, str>>>,
    widths: HashMap<u32, f32>,
    ranges: Vec<(u32, u32, f32)>,
    /// In thousandths of the size, as all widths.
    default: f32,
    scale: f64,
    standard: Option<letters::Standard>,
    held: Option<Held<'r>>,
}

impl<'r> Font<'r> {
    fn read(file: &File<'_, 'r, '_>, value: &Object) -> Done<Self> {
        let dict = file.dict(Some(value))?;
        let unicode = match file.stream_of(dict.get("ToUnicode"))? {
            Some(data) => Some(CMap::read(file.reading, &data.bytes)?),
            None => None,
        };
        let composite = file.resolve(dict.get("Subtype"))?.is_name("Type0");
        let mut font = Self {
            codes: Codes::Byte,
            unicode,
            letters: Vec::new(),
            widths: HashMap::new(),
            ranges: Vec::new(),
            default: 500.0,
            scale: 0.001,
            standard: None,
            held: None,
        };
        if composite {
            font.composite(file, &dict)?
        } else {
            font.simple(file, &dict)?
        }
        font.held = Some(file.reading.hold(font.weight())?);
        Ok(font)
    }

    /// Bytes in memory, about.
    fn weight(&self) -> usize {
        let map = self.unicode.as_ref().map_or(0, CMap::weight);
        let widths = self.widths.len().saturating_mul(16).saturating_add(self.ranges.len().saturating_mul(12));
        map.saturating_add(widths).saturating_add(16 << 10)
    }

    // --- fonts of one byte -------------------------------------------------------------------------------------------

    fn simple(&mut self, file: &File<'_, '_, '_>, dict: &Dict) -> Done {
        let encoding = file.resolve(dict.get("Encoding"))?;
        let (base, differences) = match &encoding {
            Object::Name(name) => (name.clone(), Vec::new()),
            Object::Dict(own) => {
                let base = match file.resolve(own.get("BaseEncoding"))? {
                    Object::Name(name) => name,
                    _ => Vec::new(),
                };
                let differences = match file.resolve(own.get("Differences"))? {
                    Object::Array(items) => items,
                    _ => Vec::new(),
                };
                (base, differences)
            }
            _ => (Vec::new(), Vec::new()),
        };
        let page = if base == b"MacRomanEncoding" { MACINTOSH } else { WINDOWS_1252 };
        self.letters = (0..=255_u8)
            .map(|code| {
                let text = page.decode_without_bom_handling(&[code]).0.into_owned();
                (code >= 32).then_some(Cow::Owned(text))
            })
            .collect();
        let mut code = 0_usize;
        for item in &differences {
            match item {
                Object::Number(number) => code = *number as usize,
                Object::Name(name) => {
                    if let Some(letter) = self.letters.get_mut(code) {
                        *letter = letters::named(&String::from_utf8_lossy(name));
                    }
                    code = code.saturating_add(1);
                }
                _ => {}
            }
        }
        self.simple_widths(file, dict)
    }

    fn simple_widths(&mut self, file: &File<'_, '_, '_>, dict: &Dict) -> Done {
        let first = file.number(dict.get("FirstChar"), 0.0)? as u32;
        if let Object::Array(widths) = file.resolve(dict.get("Widths"))? {
            for (code, width) in (first..).zip(&widths) {
                if let Object::Number(width) = file.resolve(Some(width))? {
                    self.widths.insert(code, width as f32);
                }
            }
        } else if let Object::Name(name) = file.resolve(dict.get("BaseFont"))? {
            self.standard = Some(letters::Standard::of(&String::from_utf8_lossy(&name)));
        }
        // The letters of a Type 3 font are drawn on a grid of its own.
        if file.resolve(dict.get("Subtype"))?.is_name("Type3")
            && let Object::Array(matrix) = file.resolve(dict.get("FontMatrix"))?
        {
            self.scale = matrix.first().and_then(Object::number).unwrap_or(0.001).abs();
        }
        Ok(())
    }

    // --- fonts of more bytes -----------------------------------------------------------------------------------------

    fn composite(&mut self, file: &File<'_, '_, '_>, dict: &Dict) -> Done {
        self.codes = match file.resolve(dict.get("Encoding"))? {
            Object::Name(name) if name.windows(4).any(|part| part == b"UCS2" || part == b"UTF1") => Codes::Wide,
            Object::Name(_) => Codes::Map(CMap::default()),
            _ => match file.stream_of(dict.get("Encoding"))? {
                Some(data) => Codes::Map(CMap::read(file.reading, &data.bytes)?),
                None => Codes::Map(CMap::default()),
            },
        };
        self.default = 1000.0;
        let Object::Array(descendants) = file.resolve(dict.get("DescendantFonts"))? else { return Ok(()) };
        let descendant = file.dict(descendants.first())?;
        self.default = file.number(descendant.get("DW"), 1000.0)? as f32;
        let Object::Array(items) = file.resolve(descendant.get("W"))? else { return Ok(()) };
        // Either `first [widths]`, or `first last width`.
        let mut items = items.iter();
        while let Some(first) = items.next() {
            let first = file.number(Some(first), 0.0)? as u32;
            match file.resolve(items.next())? {
                Object::Array(widths) => {
                    for (code, width) in (first..).zip(&widths) {
                        self.widths.insert(code, file.number(Some(width), 0.0)? as f32);
                    }
                }
                Object::Number(last) => {
                    let width = file.number(items.next(), 0.0)? as f32;
                    self.ranges.push((first, last as u32, width));
                }
                _ => {}
            }
            file.reading.work(32)?;
        }
        self.ranges.sort_unstable_by_key(|(first, _, _)| *first);
        Ok(())
    }

    // --- codes -------------------------------------------------------------------------------------------------------

    /// The code at the start of a string, and its length.
    pub(super) fn next_code(&self, bytes: &[u8]) -> Option<(u32, usize)> {
        let length = match &self.codes {
            Codes::Byte => 1,
            Codes::Wide => 2,
            Codes::Map(map) => map.code_length(bytes),
        };
        if bytes.is_empty() {
            return None;
        }
        let code = bytes.iter().take(length).fold(0_u32, |code, byte| (code << 8) | u32::from(*byte));
        Some((code, length.min(bytes.len())))
    }

    /// In units of the font's size.
    pub(super) fn width(&self, code: u32) -> f64 {
        let range = || {
            let after = self.ranges.partition_point(|(first, _, _)| *first <= code);
            let (_, last, width) = self.ranges.get(after.checked_sub(1)?)?;
            (code <= *last).then_some(*width)
        };
        let standard = || self.standard.map(|standard| standard.width(code));
        let width = self.widths.get(&code).copied().or_else(range).or_else(standard).unwrap_or(self.default);
        f64::from(width) * self.scale
    }

    /// The letters of a code; `None` where the font does not say.
    pub(super) fn text(&self, code: u32, length: usize) -> Option<Cow<'_, str>> {
        if let Some(text) = self.unicode.as_ref().and_then(|map| map.text(code)) {
            // Some writers map what they do not know to zero.
            return (text != "\0").then_some(text);
        }
        match &self.codes {
            Codes::Wide => char::from_u32(code).map(|c| Cow::Owned(c.to_string())),
            // Two bytes are the number of a drawing in the font.
            Codes::Map(_) => None,
            Codes::Byte if length == 1 => {
                let letter = self.letters.get(usize::try_from(code).ok()?)?.as_deref();
                // What an encoding leaves out is not shown either, below the space.
                letter.map(Cow::Borrowed).or((code < 32 && self.unicode.is_some()).then_some(Cow::Borrowed("")))
            }
            Codes::Byte => None,
        }
    }
}
