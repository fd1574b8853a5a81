//! Excel workbooks (protocol-spec/09-policy, section 9): every sheet row by row, hidden ones too, with the
//! values that formulas had when the workbook was saved.
//!
//! Rows are read as they stand in the file and handed on at once: how large a sheet says it is costs nothing. Only the
//! shared strings are kept. Copies of data that are easily forgotten (pivot caches, values of linked workbooks, defined
//! names, comments) are read as well.

use std::collections::HashMap;
use std::ops::Range;

use crate::package::{Part, grow, part, read_part};
use crate::piece::{Cell, Place};
use crate::reading::{Block, Done, Held, Reading, fail};
use crate::unreadable::Reason;
use crate::word::CELLS;
use crate::xml::{Node, Tag, Xml};
use crate::zip::{Entry, Zip};

/// Columns that a sheet can have.
const COLUMNS: u32 = 16_384;

pub(crate) fn read(reading: &Reading<'_>, zip: &Zip<'_>) -> Done {
    let strings = Strings::read(reading, zip)?;
    let sheets = sheets(reading, zip)?;
    let mut tables = 0;
    for entry in zip.entries.iter().filter(|entry| !entry.is_folder()) {
        let name = entry.name.to_ascii_lowercase();
        let done = if name == "xl/sharedstrings.xml" || name == "xl/workbook.xml" {
            Ok(())
        } else if name.starts_with("xl/worksheets/") && name.ends_with(".xml") {
            let sheet = sheets.get(&name);
            // A sheet that the workbook does not list is more hidden than any.
            let (title, hidden) =
                sheet.map_or((entry.name.as_str(), true), |sheet| (sheet.title.as_str(), sheet.hidden));
            read_sheet(reading, entry, Place::Sheet { name: title, hidden }, &strings)
        } else if name.starts_with("xl/pivotcache/") && part(&entry.name) != Part::Relations {
            values(reading, entry, &["v", "name", "caption"])
        } else if name.starts_with("xl/tables/") && part(&entry.name) != Part::Relations {
            values(reading, entry, &["name", "displayName", "totalsRowLabel"])
        } else {
            read_part(reading, entry, &mut tables)
        };
        reading.part(done)?;
    }
    Ok(())
}

// --- the workbook ----------------------------------------------------------------------------------------------------

struct Sheet {
    title: String,
    hidden: bool,
}

/// The sheets that the workbook lists, by the path of their part; hands on sheet and defined names.
fn sheets(reading: &Reading<'_>, zip: &Zip<'_>) -> Done<HashMap<String, Sheet>> {
    let mut sheets = HashMap::new();
    let Some(workbook) = zip.find("xl/workbook.xml") else { return Ok(sheets) };
    let mut targets = HashMap::new();
    if let Some(relations) = zip.find("xl/_rels/workbook.xml.rels") {
        let mut xml = Xml::open(reading, relations);
        while let Some(node) = xml.next()? {
            if let Node::Open(tag) = node
                && let (Some(id), Some(target)) = (tag.attribute("Id"), tag.attribute("Target"))
            {
                targets.insert(id, path(&target));
                few(reading, targets.len())?;
            }
        }
    }
    let mut xml = Xml::open(reading, workbook);
    let mut block = Block::new(Place::Metadata);
    let mut line = String::new();
    while let Some(node) = xml.next()? {
        match node {
            Node::Open(tag) if tag.name.as_str() == "sheet" => {
                let title = tag.attribute("name").unwrap_or_default();
                block.line(reading, &title)?;
                let hidden = tag.attribute("state").is_some_and(|state| state != "visible");
                if let Some(path) = tag.attribute("id").and_then(|id| targets.remove(&id)) {
                    sheets.insert(path, Sheet { title, hidden });
                    few(reading, sheets.len())?;
                }
            }
            Node::Open(tag) => {
                if tag.name.as_str() == "definedName" {
                    line.push_str(&tag.attribute("name").unwrap_or_default());
                    line.push(' ');
                }
            }
            Node::Text(text) => grow(reading, &mut line, &text)?,
            Node::Close(_) => {
                block.line(reading, &line)?;
                line.clear();
            }
        }
    }
    block.flush(reading)?;
    Ok(sheets)
}

fn few(reading: &Reading<'_>, sheets: usize) -> Done {
    if u32::try_from(sheets).is_ok_and(|sheets| sheets <= reading.limits.entries) {
        return Ok(());
    }
    fail(Reason::TooMany, "a workbook with too many sheets")
}

/// A relation's target as the path of an entry, lower-cased.
fn path(target: &str) -> String {
    let target = target.trim_start_matches("./").to_ascii_lowercase();
    match target.strip_prefix('/') {
        Some(absolute) => absolute.to_owned(),
        None => format!("xl/{target}"),
    }
}

/// The values that a part keeps in attributes, and its texts.
fn values(reading: &Reading<'_>, entry: &Entry<'_>, attributes: &[&str]) -> Done {
    let mut xml = Xml::open(reading, entry);
    let mut block = Block::new(Place::Metadata);
    while let Some(node) = xml.next()? {
        match node {
            Node::Open(tag) => {
                for attribute in attributes {
                    if let Some(value) = tag.attribute(attribute) {
                        block.line(reading, &number(&value))?;
                    }
                }
            }
            Node::Text(text) => block.line(reading, &text)?,
            Node::Close(_) => {}
        }
    }
    block.flush(reading)
}

// --- shared strings --------------------------------------------------------------------------------------------------

/// The texts that cells refer to by number.
struct Strings<'r> {
    text: String,
    ends: Vec<u32>,
    _held: Vec<Held<'r>>,
}

impl<'r> Strings<'r> {
    fn read(reading: &'r Reading<'_>, zip: &Zip<'_>) -> Done<Self> {
        let mut strings = Self { text: String::new(), ends: Vec::new(), _held: Vec::new() };
        let Some(entry) = zip.find("xl/sharedStrings.xml") else { return Ok(strings) };
        let mut xml = Xml::open(reading, entry);
        let (mut collecting, mut counted) = (false, 0);
        while let Some(node) = xml.next()? {
            match node {
                Node::Open(tag) => collecting |= tag.name.as_str() == "t",
                Node::Text(text) if collecting => strings.text.push_str(&text),
                Node::Text(_) => {}
                Node::Close(name) => {
                    collecting &= name.as_str() != "t";
                    if name.as_str() == "si" {
                        let Ok(end) = u32::try_from(strings.text.len()) else {
                            return fail(Reason::TooLarge, "too many shared strings");
                        };
                        strings.ends.push(end);
                    }
                }
            }
            // Counted a mebibyte at a time, twice over, as buffers grow by doubling.
            let size = strings.text.len().saturating_add(strings.ends.len().saturating_mul(4));
            if size > counted {
                strings._held.push(reading.hold(2 << 20)?);
                counted = counted.saturating_add(1 << 20);
            }
        }
        Ok(strings)
    }

    fn get(&self, number: usize) -> &str {
        let start = number.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let Some(end) = self.ends.get(number) else { return "" };
        usize::try_from(start)
            .ok()
            .zip(usize::try_from(*end).ok())
            .and_then(|(start, end)| self.text.get(start..end))
            .unwrap_or("")
    }
}

// --- a sheet ---------------------------------------------------------------------------------------------------------

/// Where a cell's text is.
enum Value {
    Shared(usize),
    Own(Range<usize>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    Value,
    Inline,
    Formula,
    Header,
}

struct Rows<'p, 'r, 's> {
    reading: &'r Reading<'s>,
    place: Place<'p>,
    strings: &'r Strings<'r>,
    number: u32,
    cells: Vec<(u32, Value)>,
    text: String,
    /// The cell that is open: its column, its type, and its value as written.
    column: u32,
    kind: String,
    value: String,
    formula: String,
    within: Within,
    formulas: Block<'p>,
    others: Block<'static>,
    headers: Block<'static>,
}

fn read_sheet(reading: &Reading<'_>, entry: &Entry<'_>, place: Place<'_>, strings: &Strings<'_>) -> Done {
    let mut xml = Xml::open(reading, entry);
    let mut rows = Rows {
        reading,
        place,
        strings,
        number: 0,
        cells: Vec::new(),
        text: String::new(),
        column: 0,
        kind: String::new(),
        value: String::new(),
        formula: String::new(),
        within: Within::Nothing,
        formulas: Block::new(place),
        others: Block::new(Place::Metadata),
        headers: Block::new(Place::Header),
    };
    while let Some(node) = xml.next()? {
        match node {
            Node::Open(tag) => rows.open(&tag),
            Node::Close(name) => rows.close(name.as_str())?,
            Node::Text(text) => rows.text(&text)?,
        }
    }
    rows.formulas.flush(reading)?;
    rows.others.flush(reading)?;
    rows.headers.flush(reading)
}

impl Rows<'_, '_, '_> {
    fn open(&mut self, tag: &Tag<'_>) {
        match tag.name.as_str() {
            "row" => {
                let next = self.number.saturating_add(1);
                self.number = tag.attribute("r").and_then(|r| r.parse().ok()).unwrap_or(next);
                self.column = 0;
            }
            "c" => {
                if let Some(column) = tag.attribute("r").and_then(|r| column(&r)) {
                    self.column = column;
                }
                self.kind = tag.attribute("t").unwrap_or_default();
            }
            "v" => self.within = Within::Value,
            "t" => self.within = Within::Inline,
            "f" => self.within = Within::Formula,
            "oddHeader" | "oddFooter" | "evenHeader" | "evenFooter" | "firstHeader" | "firstFooter" => {
                self.within = Within::Header;
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) -> Done {
        match self.within {
            Within::Value | Within::Inline => grow(self.reading, &mut self.value, text),
            Within::Formula => grow(self.reading, &mut self.formula, text),
            Within::Header => self.headers.line(self.reading, text),
            Within::Nothing => self.others.line(self.reading, text),
        }
    }

    fn close(&mut self, name: &str) -> Done {
        match name {
            "c" => self.end_cell()?,
            "row" => self.end_row()?,
            "v" | "t" | "f" => self.within = Within::Nothing,
            name if name.ends_with("Header") || name.ends_with("Footer") => self.within = Within::Nothing,
            _ => {}
        }
        Ok(())
    }

    fn end_cell(&mut self) -> Done {
        // A formula may hold what its value does not show.
        if self.formula.contains('"') {
            self.formulas.line(self.reading, &self.formula)?;
        }
        self.formula.clear();
        if !self.value.is_empty() {
            let value = match self.kind.as_str() {
                "s" => Value::Shared(self.value.trim().parse().unwrap_or(usize::MAX)),
                kind => {
                    let start = self.text.len();
                    let plain = matches!(kind, "" | "n");
                    let text = if plain { number(&self.value) } else { self.value.as_str().into() };
                    grow(self.reading, &mut self.text, &text)?;
                    Value::Own(start..self.text.len())
                }
            };
            self.cells.push((self.column, value));
            if self.cells.len() > CELLS {
                return fail(Reason::TooMany, "a row of a sheet without end");
            }
        }
        self.value.clear();
        self.column = self.column.saturating_add(1);
        Ok(())
    }

    fn end_row(&mut self) -> Done {
        let cells: Vec<Cell<'_>> = self
            .cells
            .iter()
            .map(|(column, value)| {
                let text = match value {
                    Value::Shared(number) => self.strings.get(*number),
                    Value::Own(range) => self.text.get(range.clone()).unwrap_or_default(),
                };
                Cell { column: *column, text }
            })
            .filter(|cell| !cell.text.trim().is_empty())
            .collect();
        self.reading.row(self.place, self.number, &cells)?;
        self.cells.clear();
        self.text.clear();
        Ok(())
    }
}

/// The column of a cell's reference: 27 for `AB7`.
fn column(reference: &str) -> Option<u32> {
    let mut column = 0_u32;
    for letter in reference.bytes().take_while(u8::is_ascii_alphabetic) {
        let digit = u32::from(letter.to_ascii_uppercase().checked_sub(b'A')?);
        column = column.checked_mul(26)?.checked_add(digit)?.checked_add(1)?;
    }
    column.checked_sub(1).filter(|column| *column < COLUMNS)
}

/// A number as a person would write it: programs keep a long one as `3.520212345671E+12`.
pub(crate) fn number(value: &str) -> std::borrow::Cow<'_, str> {
    if value.len() < 40
        && value.contains(['e', 'E'])
        && let Ok(float) = value.trim().parse::<f64>()
        && float.fract() == 0.0
        && float.abs() < 1e18
    {
        return format!("{float:.0}").into();
    }
    value.into()
}

#[cfg(test)]
mod tests {
    use super::{column, number};

    #[test]
    fn columns_of_references() {
        for (reference, expected) in
            [("A1", Some(0)), ("Z9", Some(25)), ("AB7", Some(27)), ("XFD1", Some(16_383)), ("XFE1", None), ("7", None)]
        {
            assert_eq!(column(reference), expected, "{reference}");
        }
        assert_eq!(column("ZZZZZZZZZZZZZZZZZZ1"), None);
    }

    #[test]
    fn long_numbers_are_written_out() {
        for (kept, written) in [
            ("3.520212345671E+12", "3520212345671"),
            ("42", "42"),
            ("1.5E-3", "1.5E-3"),
            ("me", "me"),
            ("1E400", "1E400"),
        ] {
            assert_eq!(number(kept), written);
        }
    }
}
