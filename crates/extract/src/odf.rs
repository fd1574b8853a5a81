//! OpenDocument (protocol-spec/09-policy, section 9): texts, sheets and presentations, which are one format.
//!
//! A cell or a row that is repeated a million times is one element with a number, and is read once.

use std::collections::HashSet;

use crate::archive;
use crate::kind::Kind;
use crate::package::{grow, texts};
use crate::piece::Place;
use crate::reading::{Block, Done, Reading, fail};
use crate::sheet::number;
use crate::unreadable::Reason;
use crate::word::{CELLS, cells};
use crate::xml::{Node, Tag, Xml};
use crate::zip::{Entry, Zip};

/// Entries without text of their own, by how their paths begin.
const NOTHING: &[&str] = &[
    "mimetype",
    "META-INF/",
    "Thumbnails/",
    "Configurations2/",
    "settings.xml",
    "manifest.rdf",
    "layout-cache",
    "Fonts/",
];

pub(crate) fn read(reading: &Reading<'_>, zip: &Zip<'_>, kind: Kind) -> Done {
    if let Some(manifest) = zip.find("META-INF/manifest.xml") {
        refuse_encrypted(reading, manifest)?;
    }
    let mut tables = 0;
    for entry in zip.entries.iter().filter(|entry| !entry.is_folder()) {
        let done = match entry.file_name() {
            _ if NOTHING.iter().any(|start| entry.name.starts_with(start)) => Ok(()),
            "content.xml" => content(reading, entry, Place::Body, kind, &mut tables),
            "styles.xml" => content(reading, entry, Place::Header, kind, &mut tables),
            "meta.xml" => texts(reading, entry, Place::Metadata),
            _ => archive::read_entry(reading, entry),
        };
        reading.part(done)?;
    }
    Ok(())
}

fn refuse_encrypted(reading: &Reading<'_>, manifest: &Entry<'_>) -> Done {
    let mut xml = Xml::open(reading, manifest);
    while let Some(node) = xml.next()? {
        if let Node::Open(tag) = node
            && tag.name.as_str() == "encryption-data"
        {
            return fail(Reason::Encrypted, "an office document with a password");
        }
    }
    Ok(())
}

/// A table that is open.
struct Table {
    number: u32,
    /// Its name where it is a sheet.
    sheet: Option<(String, bool)>,
    rows: u32,
    /// The row that is open: its cells, and the column of the next one.
    cells: Vec<(u32, String)>,
    column: u32,
}

struct Reader<'p, 'r, 's> {
    reading: &'r Reading<'s>,
    kind: Kind,
    block: Block<'p>,
    comments: Block<'static>,
    changes: Block<'static>,
    notes: Block<'static>,
    /// Paragraphs that are open: one may stand in another's frame or comment.
    paragraphs: Vec<String>,
    tables: Vec<Table>,
    comment: u32,
    deleted: u32,
    value: String,
    /// Styles of tables that are not shown, and the one that is being defined.
    hidden: HashSet<String>,
    style: String,
    /// Bytes of text that wait for their paragraph or row to end.
    waiting: usize,
}

fn content(reading: &Reading<'_>, entry: &Entry<'_>, place: Place<'_>, kind: Kind, tables: &mut u32) -> Done {
    let mut xml = Xml::open(reading, entry);
    let mut reader = Reader {
        reading,
        kind,
        block: Block::new(place),
        comments: Block::new(Place::Comment),
        changes: Block::new(Place::TrackedChange),
        notes: Block::new(Place::Metadata),
        paragraphs: Vec::new(),
        tables: Vec::new(),
        comment: 0,
        deleted: 0,
        value: String::new(),
        hidden: HashSet::new(),
        style: String::new(),
        waiting: 0,
    };
    while let Some(node) = xml.next()? {
        match node {
            Node::Open(tag) => reader.open(&tag, tables)?,
            Node::Close(name) => reader.close(name.as_str())?,
            Node::Text(text) => reader.text(&text)?,
        }
    }
    reader.block.flush(reading)?;
    reader.changes.flush(reading)?;
    reader.comments.flush(reading)?;
    reader.notes.flush(reading)
}

impl Reader<'_, '_, '_> {
    fn open(&mut self, tag: &Tag<'_>, tables: &mut u32) -> Done {
        match tag.name.as_str() {
            "p" | "h" | "title" | "desc" => self.paragraphs.push(String::new()),
            "s" => {
                let spaces = tag.attribute("c").and_then(|count| count.parse().ok()).unwrap_or(1_usize);
                self.text(&" ".repeat(spaces.min(64)))?;
            }
            "tab" => self.text("\t")?,
            "line-break" => self.text("\n")?,
            "annotation" => self.comment = self.comment.saturating_add(1),
            "deletion" => self.deleted = self.deleted.saturating_add(1),
            "a" => self.notes.line(self.reading, &tag.attribute("href").unwrap_or_default())?,
            "style" => self.style = tag.attribute("name").unwrap_or_default(),
            "table-properties" if tag.attribute("display").as_deref() == Some("false") => {
                self.hidden.insert(std::mem::take(&mut self.style));
                if self.hidden.len() > CELLS {
                    return fail(Reason::TooMany, "too many styles");
                }
            }
            "table" => {
                *tables = tables.saturating_add(1);
                self.open_table(tag, *tables)?;
            }
            "table-cell" | "covered-table-cell" => self.open_cell(tag)?,
            "named-expression" | "named-range" => {
                for attribute in ["name", "expression", "cell-range-address"] {
                    self.notes.line(self.reading, &tag.attribute(attribute).unwrap_or_default())?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn open_table(&mut self, tag: &Tag<'_>, number: u32) -> Done {
        let name = tag.attribute("name").unwrap_or_default();
        let sheet = if self.kind == Kind::Ods && self.tables.is_empty() {
            self.notes.line(self.reading, &name)?;
            let hidden = tag.attribute("style-name").is_some_and(|style| self.hidden.contains(&style));
            Some((name, hidden))
        } else {
            None
        };
        self.block.flush(self.reading)?;
        self.tables.push(Table { number, sheet, rows: 0, cells: Vec::new(), column: 0 });
        Ok(())
    }

    fn open_cell(&mut self, tag: &Tag<'_>) -> Done {
        if let Some(formula) = tag.attribute("formula").filter(|formula| formula.contains('"')) {
            self.notes.line(self.reading, &formula)?;
        }
        self.value = ["value", "string-value", "date-value"]
            .into_iter()
            .find_map(|name| tag.attribute(name))
            .unwrap_or_default();
        let repeated = tag.attribute("number-columns-repeated").and_then(|count| count.parse().ok()).unwrap_or(1_u32);
        let Some(table) = self.tables.last_mut() else { return Ok(()) };
        if table.cells.len() > CELLS {
            return fail(Reason::TooMany, "a row of a sheet without end");
        }
        table.cells.push((table.column, String::new()));
        table.column = table.column.saturating_add(repeated.max(1));
        Ok(())
    }

    fn close(&mut self, name: &str) -> Done {
        match name {
            "p" | "h" => {
                let text = self.paragraphs.pop().unwrap_or_default();
                self.end_paragraph(&text)?;
            }
            "title" | "desc" => {
                let text = self.paragraphs.pop().unwrap_or_default();
                self.notes.line(self.reading, &text)?;
            }
            "annotation" => self.comment = self.comment.saturating_sub(1),
            "deletion" => self.deleted = self.deleted.saturating_sub(1),
            "table-cell" | "covered-table-cell" => self.end_cell()?,
            "table-row" => self.end_row()?,
            "table" => drop(self.tables.pop()),
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Done {
        if self.paragraphs.is_empty() && self.tables.iter().all(|table| table.cells.is_empty()) {
            self.waiting = 0;
        }
        match self.paragraphs.last_mut() {
            Some(_) if self.waiting > self.reading.limits.token => {
                fail(Reason::TooLarge, "a paragraph or a row of a table without end")
            }
            Some(paragraph) => {
                self.waiting = self.waiting.saturating_add(text.len());
                grow(self.reading, paragraph, text)
            }
            None => Ok(()),
        }
    }

    fn end_paragraph(&mut self, text: &str) -> Done {
        if self.comment > 0 {
            return self.comments.line(self.reading, text);
        }
        if self.deleted > 0 {
            return self.changes.line(self.reading, text);
        }
        match self.tables.last_mut().and_then(|table| table.cells.last_mut()) {
            Some((_, cell)) => {
                if !cell.is_empty() && !text.is_empty() {
                    cell.push('\n');
                }
                grow(self.reading, cell, text)
            }
            None => self.block.line(self.reading, text),
        }
    }

    /// A cell that shows its number shortened, or not at all, is read by its value.
    fn end_cell(&mut self) -> Done {
        let value = std::mem::take(&mut self.value);
        if let Some((_, cell)) = self.tables.last_mut().and_then(|table| table.cells.last_mut())
            && !value.is_empty()
            && (cell.is_empty() || cell.contains("E+") || cell.starts_with('#'))
        {
            cell.clear();
            grow(self.reading, cell, &number(&value))?;
        }
        Ok(())
    }

    fn end_row(&mut self) -> Done {
        let Some(table) = self.tables.last_mut() else { return Ok(()) };
        table.rows = table.rows.saturating_add(1);
        let place = match &table.sheet {
            Some((name, hidden)) => Place::Sheet { name, hidden: *hidden },
            None => Place::Table(table.number),
        };
        self.reading.row(
            place,
            table.rows,
            &cells(table.cells.iter().map(|(column, text)| (*column, text.as_str()))),
        )?;
        table.cells.clear();
        table.column = 0;
        Ok(())
    }
}
