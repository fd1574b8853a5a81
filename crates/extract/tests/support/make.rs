//! Makes documents in memory, and reads them, for the tests.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::io::Write;

use amanat_extract::{Content, Flow, Limits, Piece, Summary, Unreadable, extract};
use flate2::{Compression, Crc, write::DeflateEncoder, write::ZlibEncoder};

/// What a sink was handed: entries, place, and text, or cells joined by `|`.
pub(crate) type Pieces = Vec<(String, String, String)>;

pub(crate) fn keep(pieces: &mut Pieces, piece: &Piece<'_>) {
    let text = match piece.content {
        Content::Text(text) => text.trim_end().to_owned(),
        Content::Row { number, cells } => {
            let cells: Vec<String> = cells.iter().map(|cell| format!("{}={}", cell.column, cell.text)).collect();
            format!("{number}: {}", cells.join("|"))
        }
    };
    pieces.push((piece.within.join(">"), format!("{:?}", piece.place), text));
}

pub(crate) fn read_with(name: &str, bytes: &[u8], limits: &Limits) -> (Result<Summary, Unreadable>, Pieces) {
    let mut pieces = Pieces::new();
    let result = extract(name, bytes, limits, &mut || false, &mut |piece| {
        keep(&mut pieces, &piece);
        Flow::Continue
    });
    (result, pieces)
}

pub(crate) fn read(name: &str, bytes: &[u8]) -> (Result<Summary, Unreadable>, Pieces) {
    read_with(name, bytes, &Limits::default())
}

/// All texts in a place.
pub(crate) fn texts(pieces: &Pieces, place: &str) -> String {
    pieces.iter().filter(|(_, at, _)| at == place).map(|(_, _, text)| text.as_str()).collect::<Vec<_>>().join("\n")
}

pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One line of an archive: what it claims besides its bytes.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) packed: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) flags: u16,
    pub(crate) crc: u32,
    pub(crate) size: u32,
}

pub(crate) fn line(name: &str, bytes: &[u8]) -> Line {
    let mut crc = Crc::new();
    crc.update(bytes);
    let (packed, size) = (deflate(bytes), bytes.len().try_into().unwrap());
    Line { name: name.to_owned(), packed, method: 8, flags: 0, crc: crc.sum(), size }
}

pub(crate) fn stored(name: &str, bytes: &[u8]) -> Line {
    Line { packed: bytes.to_vec(), method: 0, ..line(name, bytes) }
}

pub(crate) fn zip_lines(lines: &[Line]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for line in lines {
        let offset: u32 = out.len().try_into().unwrap();
        let (packed, name): (u32, u16) = (line.packed.len().try_into().unwrap(), line.name.len().try_into().unwrap());
        let mut common = Vec::new();
        for field in [20, line.flags, line.method, 0, 0] {
            common.extend(field.to_le_bytes());
        }
        for field in [line.crc, packed, line.size] {
            common.extend(field.to_le_bytes());
        }
        common.extend(name.to_le_bytes());
        common.extend(0_u16.to_le_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(line.name.as_bytes());
        out.extend(&line.packed);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(line.name.as_bytes());
    }
    let (start, length): (u32, u32) = (out.len().try_into().unwrap(), directory.len().try_into().unwrap());
    let count = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

pub(crate) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    zip_lines(&entries.iter().map(|(name, bytes)| line(name, bytes)).collect::<Vec<_>>())
}

const WORD: &str = "xmlns:w=\"urn:w\" xmlns:r=\"urn:r\"";

/// A Word document of one body, and further parts.
pub(crate) fn docx(body: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let document = format!("<?xml version=\"1.0\"?><w:document {WORD}><w:body>{body}</w:body></w:document>");
    let mut entries: Vec<(&str, &[u8])> =
        vec![("[Content_Types].xml", b"<Types/>"), ("word/document.xml", document.as_bytes())];
    entries.extend(more.iter().map(|(name, text)| (*name, text.as_bytes())));
    zip(&entries)
}

/// A workbook of sheets (name, state, rows of XML).
pub(crate) fn xlsx(sheets: &[(&str, &str, &str)], more: &[(&str, &str)]) -> Vec<u8> {
    let (mut list, mut relations) = (String::new(), String::new());
    let mut parts = Vec::new();
    for (n, (name, state, rows)) in sheets.iter().enumerate() {
        list += &format!("<sheet name=\"{name}\" state=\"{state}\" r:id=\"rId{n}\"/>");
        relations += &format!("<Relationship Id=\"rId{n}\" Target=\"worksheets/sheet{n}.xml\"/>");
        parts.push((
            format!("xl/worksheets/sheet{n}.xml"),
            format!("<worksheet><dimension ref=\"A1:XFD1048576\"/><sheetData>{rows}</sheetData></worksheet>"),
        ));
    }
    let workbook = format!(
        "<workbook xmlns:r=\"urn:r\"><sheets>{list}</sheets><definedNames>\
         <definedName name=\"Minister\">\"35202-9999999-9\"</definedName></definedNames></workbook>"
    );
    let relations = format!("<Relationships>{relations}</Relationships>");
    let mut entries: Vec<(&str, &[u8])> = vec![
        ("[Content_Types].xml", b"<Types/>"),
        ("xl/workbook.xml", workbook.as_bytes()),
        ("xl/_rels/workbook.xml.rels", relations.as_bytes()),
    ];
    entries.extend(parts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())));
    entries.extend(more.iter().map(|(name, text)| (*name, text.as_bytes())));
    zip(&entries)
}

/// An OpenDocument file with this content.
pub(crate) fn odf(kind: &str, content: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut lines = vec![stored("mimetype", format!("application/vnd.oasis.opendocument.{kind}").as_bytes())];
    lines.push(line("content.xml", format!("<office:document-content>{content}</office:document-content>").as_bytes()));
    lines.extend(more.iter().map(|(name, text)| line(name, text.as_bytes())));
    zip_lines(&lines)
}

/// A PDF of numbered objects, whose first is the catalog.
pub(crate) fn pdf(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    for (n, object) in (1..).zip(objects) {
        out.extend(format!("{n} 0 obj\n").as_bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    out.extend(b"trailer\n<</Root 1 0 R/Info 2 0 R>>\nstartxref\n0\n%%EOF\n");
    out
}

pub(crate) fn stream(dict: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = format!("<<{dict}/Length {}>>\nstream\n", bytes.len()).into_bytes();
    out.extend(bytes);
    out.extend(b"\nendstream");
    out
}

pub(crate) fn flate_stream(dict: &str, bytes: &[u8]) -> Vec<u8> {
    stream(&format!("{dict}/Filter/FlateDecode"), &zlib(bytes))
}

/// A PDF with one page for each text of operators; more objects follow from number `3 + 2 * pages` on.
pub(crate) fn pages(contents: &[&str], catalog: &str, page: &str, more: &[Vec<u8>]) -> Vec<u8> {
    let kids: Vec<String> = (0..contents.len()).map(|n| format!("{} 0 R", 4 + 2 * n)).collect();
    let mut objects = vec![
        format!("<</Type/Catalog/Pages 3 0 R{catalog}>>").into_bytes(),
        b"<</Title(Secret title)/Author<FEFF06A9>>>".to_vec(),
        format!(
            "<</Type/Pages/Kids[{}]/Count {}/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
            kids.join(" "),
            kids.len()
        )
        .into_bytes(),
    ];
    for (n, content) in contents.iter().enumerate() {
        objects.push(format!("<</Type/Page/Parent 3 0 R/Contents {} 0 R{page}>>", 5 + 2 * n).into_bytes());
        objects.push(flate_stream("", content.as_bytes()));
    }
    objects.extend_from_slice(more);
    pdf(&objects)
}
