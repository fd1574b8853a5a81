//! Packages (protocol-spec/09-policy, section 9): what a ZIP is by the entries in it, and which part of an
//! office document is read how.

use crate::kind::{Kind, check_package};
use crate::piece::Place;
use crate::reading::{Block, Done, Reading, fail};
use crate::unreadable::Reason;
use crate::xml::{Node, Xml};
use crate::zip::{Entry, Zip};
use crate::{archive, odf, sheet, word};

pub(crate) fn read(reading: &Reading<'_>, name: &str, bytes: &[u8]) -> Done<Kind> {
    let zip = Zip::open(reading, bytes)?;
    let kind = kind(reading, &zip)?;
    check_package(name, kind)?;
    match kind {
        Kind::Docx | Kind::Pptx => office(reading, &zip)?,
        Kind::Xlsx => sheet::read(reading, &zip)?,
        Kind::Odt | Kind::Ods | Kind::Odp => odf::read(reading, &zip, kind)?,
        _ => archive::read(reading, &zip)?,
    }
    Ok(kind)
}

fn kind(reading: &Reading<'_>, zip: &Zip<'_>) -> Done<Kind> {
    let has = |folder: &str| zip.entries.iter().any(|entry| entry.name.starts_with(folder));
    if zip.find("[Content_Types].xml").is_some() {
        if zip.find("xl/workbook.bin").is_some() {
            return fail(Reason::Unknown, "a binary workbook (.xlsb)");
        }
        let found = [("word/", Kind::Docx), ("xl/", Kind::Xlsx), ("ppt/", Kind::Pptx)];
        return Ok(found.into_iter().find(|(folder, _)| has(folder)).map_or(Kind::Zip, |(_, kind)| kind));
    }
    let Some(entry) = zip.entries.first().filter(|entry| entry.name == "mimetype") else { return Ok(Kind::Zip) };
    let (mimetype, _held) = entry.bytes(reading)?;
    let Some(format) = mimetype.strip_prefix(b"application/vnd.oasis.opendocument.") else { return Ok(Kind::Zip) };
    Ok(if format.starts_with(b"text") {
        Kind::Odt
    } else if format.starts_with(b"spreadsheet") {
        Kind::Ods
    } else {
        Kind::Odp
    })
}

/// How a part of an OOXML package is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// Paragraphs of text.
    Paragraphs(Place<'a>),
    /// Every text of it.
    Texts(Place<'a>),
    /// Links out of the document.
    Relations,
    /// Nothing in it that a person wrote: looks, fonts, printers' settings, programs.
    Nothing,
    /// A document of its own.
    Embedded,
}

/// Parts without text of their own, by how their names begin.
const NOTHING: &[&str] = &[
    "[Content_Types].xml",
    "word/styles",
    "word/theme/",
    "word/fontTable.xml",
    "word/fonts/",
    "word/webSettings.xml",
    "word/numbering.xml",
    "word/vbaProject",
    "word/activeX/",
    "xl/styles.xml",
    "xl/theme/",
    "xl/calcChain.xml",
    "xl/printerSettings/",
    "xl/vbaProject",
    "xl/activeX/",
    "xl/ctrlProps/",
    "xl/metadata.xml",
    "ppt/theme/",
    "ppt/presProps.xml",
    "ppt/viewProps.xml",
    "ppt/tableStyles.xml",
    "ppt/fonts/",
    "ppt/vbaProject",
    "ppt/printerSettings/",
];

/// How the part of this name is read.
pub(crate) fn part(name: &str) -> Part<'static> {
    let xml = name.ends_with(".xml") || name.ends_with(".vml");
    let file = name.rsplit('/').next().unwrap_or_default();
    if name.ends_with(".rels") {
        Part::Relations
    } else if NOTHING.iter().any(|start| name.starts_with(start)) {
        Part::Nothing
    } else if !xml {
        Part::Embedded
    } else if name.starts_with("docProps/") || name.starts_with("customXml/") {
        Part::Texts(Place::Metadata)
    } else if file.starts_with("header") || file.starts_with("footer") {
        Part::Paragraphs(Place::Header)
    } else if file.starts_with("comment") || name.starts_with("ppt/comments/") {
        Part::Paragraphs(Place::Comment)
    } else if let Some(number) = file.strip_prefix("slide").and_then(|rest| rest.strip_suffix(".xml")?.parse().ok()) {
        Part::Paragraphs(Place::Page(number))
    } else if name.starts_with("word/") || name.starts_with("ppt/") || name.starts_with("xl/") {
        Part::Paragraphs(Place::Body)
    } else {
        Part::Texts(Place::Metadata)
    }
}

/// A Word document or a presentation: each part in turn.
fn office(reading: &Reading<'_>, zip: &Zip<'_>) -> Done {
    let mut tables = 0;
    for entry in zip.entries.iter().filter(|entry| !entry.is_folder()) {
        reading.part(read_part(reading, entry, &mut tables))?;
    }
    Ok(())
}

pub(crate) fn read_part(reading: &Reading<'_>, entry: &Entry<'_>, tables: &mut u32) -> Done {
    match part(&entry.name) {
        Part::Paragraphs(place) => word::read(reading, entry, place, tables),
        Part::Texts(place) => texts(reading, entry, place),
        Part::Relations => relations(reading, entry),
        Part::Nothing => Ok(()),
        Part::Embedded => archive::read_entry(reading, entry),
    }
}

/// Every text of a part, one element's a line, `vt:lpwstr` of properties among them.
pub(crate) fn texts(reading: &Reading<'_>, entry: &Entry<'_>, place: Place<'_>) -> Done {
    let mut xml = Xml::open(reading, entry);
    let mut block = Block::new(place);
    let mut line = String::new();
    while let Some(node) = xml.next()? {
        match node {
            Node::Text(text) => grow(reading, &mut line, &text)?,
            Node::Open(_) | Node::Close(_) => {
                block.line(reading, &line)?;
                line.clear();
            }
        }
    }
    block.line(reading, &line)?;
    block.flush(reading)
}

/// The targets of links that lead out of the document: addresses, numbers, files.
fn relations(reading: &Reading<'_>, entry: &Entry<'_>) -> Done {
    let mut xml = Xml::open(reading, entry);
    let mut block = Block::new(Place::Metadata);
    while let Some(node) = xml.next()? {
        if let Node::Open(tag) = node
            && tag.attribute("TargetMode").as_deref() == Some("External")
            && let Some(target) = tag.attribute("Target")
        {
            block.line(reading, &target)?;
        }
    }
    block.flush(reading)
}

/// Adds to a text that is gathered in memory, up to the limit of one token.
pub(crate) fn grow(reading: &Reading<'_>, text: &mut String, more: &str) -> Done {
    if text.len().saturating_add(more.len()) > reading.limits.token {
        return fail(Reason::TooLarge, "a paragraph or a cell without end");
    }
    text.push_str(more);
    Ok(())
}
