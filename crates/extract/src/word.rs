//! Word documents (protocol-spec/09-policy, section 9): paragraphs, tables and tracked changes of an OOXML
//! part; slides, charts and comments are made of the same.
//!
//! A paragraph is read as it stands: inserted text in, deleted text out. Where changes are tracked in it, it is read once
//! more as it stood before them, which is what whoever opens the document can bring back.

use crate::package::grow;
use crate::piece::{Cell, Place};
use crate::reading::{Block, Done, Reading, fail};
use crate::unreadable::Reason;
use crate::xml::{Node, Tag, Xml};
use crate::zip::Entry;

/// Elements whose text is text of the document.
const TEXTS: &[&str] = &["t", "delText", "instrText", "delInstrText", "v", "text"];
/// Attributes that a person wrote.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("docPr", &["descr", "title"]),
    ("cNvPr", &["descr", "title"]),
    ("fldSimple", &["instr"]),
    ("docVar", &["val"]),
    ("listItem", &["displayText", "value"]),
    ("hlinkClick", &["tooltip"]),
    ("hyperlink", &["tooltip"]),
    ("imagedata", &["title"]),
    ("shape", &["alt"]),
    ("textpath", &["string"]),
    ("alias", &["val"]),
];

/// Cells in a row, twice as many as a sheet can have.
pub(crate) const CELLS: usize = 32_768;

#[derive(Default)]
struct Paragraph {
    now: String,
    before: String,
    changed: bool,
}

#[derive(Default)]
struct Row {
    cells: Vec<String>,
}

struct Reader<'p, 'r, 's> {
    reading: &'r Reading<'s>,
    block: Block<'p>,
    notes: Block<'static>,
    changes: Block<'static>,
    /// A text box stands in a paragraph and holds paragraphs.
    paragraphs: Vec<Paragraph>,
    rows: Vec<Row>,
    /// The number of each open table and of its last row.
    open_tables: Vec<(u32, u32)>,
    inserted: u32,
    deleted: u32,
    collecting: bool,
    tab_stops: bool,
    /// Bytes of text that wait for their paragraph or row to end.
    waiting: usize,
}

pub(crate) fn read(reading: &Reading<'_>, entry: &Entry<'_>, place: Place<'_>, tables: &mut u32) -> Done {
    let mut xml = Xml::open(reading, entry);
    let mut reader = Reader {
        reading,
        block: Block::new(place),
        notes: Block::new(Place::Metadata),
        changes: Block::new(Place::TrackedChange),
        paragraphs: Vec::new(),
        rows: Vec::new(),
        open_tables: Vec::new(),
        inserted: 0,
        deleted: 0,
        collecting: false,
        tab_stops: false,
        waiting: 0,
    };
    while let Some(node) = xml.next()? {
        match node {
            Node::Open(tag) => reader.open(&tag, tables)?,
            Node::Close(name) => reader.close(name.as_str())?,
            Node::Text(text) if reader.collecting => reader.text(&text)?,
            Node::Text(_) => {}
        }
    }
    reader.block.flush(reading)?;
    reader.changes.flush(reading)?;
    reader.notes.flush(reading)
}

impl Reader<'_, '_, '_> {
    fn open(&mut self, tag: &Tag<'_>, tables: &mut u32) -> Done {
        match tag.name.as_str() {
            "p" => self.paragraphs.push(Paragraph::default()),
            "tbl" => {
                *tables = tables.saturating_add(1);
                self.open_tables.push((*tables, 0));
            }
            "tr" => self.rows.push(Row::default()),
            "tc" => {
                if let Some(row) = self.rows.last_mut() {
                    row.cells.push(String::new());
                }
            }
            "ins" | "moveTo" => self.inserted = self.inserted.saturating_add(1),
            "del" | "moveFrom" => self.deleted = self.deleted.saturating_add(1),
            "tabs" => self.tab_stops = true,
            "tab" | "ptab" if !self.tab_stops => self.text("\t")?,
            "br" | "cr" => self.text("\n")?,
            "noBreakHyphen" => self.text("-")?,
            name if TEXTS.contains(&name) => self.collecting = true,
            name => {
                let wanted = ATTRIBUTES.iter().find(|(element, _)| *element == name);
                for attribute in wanted.into_iter().flat_map(|(_, attributes)| attributes.iter()) {
                    self.notes.line(self.reading, &tag.attribute(attribute).unwrap_or_default())?;
                }
            }
        }
        Ok(())
    }

    fn close(&mut self, name: &str) -> Done {
        match name {
            "p" => self.end_paragraph()?,
            "tbl" => drop(self.open_tables.pop()),
            "tr" => self.end_row()?,
            "ins" | "moveTo" => self.inserted = self.inserted.saturating_sub(1),
            "del" | "moveFrom" => self.deleted = self.deleted.saturating_sub(1),
            "tabs" => self.tab_stops = false,
            name if TEXTS.contains(&name) => self.collecting = false,
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Done {
        // The values of a chart stand in no paragraph.
        let Some(paragraph) = self.paragraphs.last_mut() else {
            return self.block.line(self.reading, text);
        };
        self.waiting = self.waiting.saturating_add(text.len());
        if self.waiting > self.reading.limits.token {
            return fail(Reason::TooLarge, "a paragraph or a row of a table without end");
        }
        if self.deleted == 0 {
            grow(self.reading, &mut paragraph.now, text)?;
        }
        if self.inserted == 0 {
            grow(self.reading, &mut paragraph.before, text)?;
        }
        paragraph.changed |= self.deleted > 0 || self.inserted > 0;
        Ok(())
    }

    fn end_paragraph(&mut self) -> Done {
        let Some(paragraph) = self.paragraphs.pop() else { return Ok(()) };
        if paragraph.changed {
            self.changes.line(self.reading, &paragraph.before)?;
        }
        match self.rows.last_mut().and_then(|row| row.cells.last_mut()) {
            Some(cell) => {
                if !cell.is_empty() && !paragraph.now.is_empty() {
                    cell.push('\n');
                }
                grow(self.reading, cell, &paragraph.now)
            }
            None => {
                self.waiting = if self.paragraphs.is_empty() { 0 } else { self.waiting };
                self.block.line(self.reading, &paragraph.now)
            }
        }
    }

    fn end_row(&mut self) -> Done {
        let Some(row) = self.rows.pop() else { return Ok(()) };
        self.waiting = if self.rows.is_empty() && self.paragraphs.is_empty() { 0 } else { self.waiting };
        if row.cells.len() > CELLS {
            return fail(Reason::TooMany, "a table row without end");
        }
        let (table, number) = match self.open_tables.last_mut() {
            Some((table, rows)) => {
                *rows = rows.saturating_add(1);
                (*table, *rows)
            }
            None => (0, 0),
        };
        // What stands before the table comes before it.
        self.block.flush(self.reading)?;
        self.reading.row(Place::Table(table), number, &cells((0..).zip(row.cells.iter().map(String::as_str))))
    }
}

/// The cells that are not empty.
pub(crate) fn cells<'c>(cells: impl Iterator<Item = (u32, &'c str)>) -> Vec<Cell<'c>> {
    cells.filter(|(_, text)| !text.trim().is_empty()).map(|(column, text)| Cell { column, text }).collect()
}
