//! Office documents: what a person wrote in them is read, wherever it stands.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/make.rs"]
mod make;

use amanat_extract::{Kind, Reason};
use make::{docx, odf, read, texts, xlsx, zip};

fn run(text: &str) -> String {
    format!("<w:r><w:t>{text}</w:t></w:r>")
}

fn paragraph(runs: &str) -> String {
    format!("<w:p>{runs}</w:p>")
}

#[test]
fn word_body_is_joined_across_runs() {
    let body =
        paragraph(&(run("CNIC 35202-12") + &run("34567-1") + "<w:r><w:noBreakHyphen/></w:r>" + &run("a &amp; b&#48;")));
    let (result, pieces) = read("a.docx", &docx(&body, &[]));
    assert_eq!(result.unwrap().kind, Kind::Docx);
    assert_eq!(texts(&pieces, "Body"), "CNIC 35202-1234567-1-a & b0");
}

#[test]
fn word_changes_comments_headers_notes_properties() {
    let body = paragraph(
        &(run("now ")
            + "<w:del w:id=\"1\"><w:r><w:delText>0300-1234567</w:delText></w:r></w:del>"
            + "<w:ins w:id=\"2\"><w:r><w:t>0300-7654321</w:t></w:r></w:ins>"),
    );
    let part = |text: &str| format!("<w:x>{}</w:x>", paragraph(&run(text)));
    let more = [
        ("word/header1.xml", part("in the header")),
        ("word/footer2.xml", part("in the footer")),
        ("word/footnotes.xml", part("in a footnote")),
        ("word/comments.xml", part("in a comment")),
        ("docProps/core.xml", "<p><dc:title>the title</dc:title></p>".to_owned()),
        (
            "word/_rels/document.xml.rels",
            "<R><Relationship TargetMode=\"External\" Target=\"mailto:a@b.gov.pk\"/></R>".to_owned(),
        ),
    ];
    let more: Vec<(&str, &str)> = more.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let (result, pieces) = read("a.docx", &docx(&body, &more));
    result.unwrap();
    assert_eq!(texts(&pieces, "Body"), "now 0300-7654321\nin a footnote");
    assert_eq!(texts(&pieces, "TrackedChange"), "now 0300-1234567");
    assert_eq!(texts(&pieces, "Header"), "in the header\nin the footer");
    assert_eq!(texts(&pieces, "Comment"), "in a comment");
    assert_eq!(texts(&pieces, "Metadata"), "the title\nmailto:a@b.gov.pk");
}

#[test]
fn word_tables_come_as_rows_and_boxes_as_text() {
    let cell = |text: &str| format!("<w:tc>{}</w:tc>", paragraph(&run(text)));
    let table = format!(
        "<w:tbl><w:tr>{}{}</w:tr><w:tr>{}{}</w:tr></w:tbl>",
        cell("Name"),
        cell("CNIC"),
        cell(""),
        cell("35202")
    );
    let boxed = paragraph(
        &(run("outer")
            + "<w:r><w:pict><w:txbxContent>"
            + &paragraph(&run("inner"))
            + "</w:txbxContent></w:pict></w:r>"),
    );
    let (result, pieces) = read("a.docx", &docx(&(paragraph(&run("before")) + &table + &boxed), &[]));
    assert_eq!(result.unwrap().rows, 2);
    assert_eq!(texts(&pieces, "Table(1)"), "1: 0=Name|1=CNIC\n2: 1=35202");
    assert_eq!(texts(&pieces, "Body"), "before\ninner\nouter");
}

#[test]
fn workbook_sheets_hidden_ones_too() {
    let strings = "<sst><si><t>Ali</t></si><si><r><t>352</t></r><r><t>02</t></r></si></sst>";
    let rows = "<row r=\"3\"><c r=\"B3\" t=\"s\"><v>0</v></c><c t=\"s\"><v>1</v></c>\
                <c r=\"XFD3\"><f>CONCATENATE(\"0300\",A1)</f><v>3.001234567E9</v></c></row>\
                <row r=\"1048576\"><c r=\"A1048576\" t=\"inlineStr\"><is><t>last</t></is></c></row>";
    let hidden = "<row r=\"1\"><c r=\"A1\" t=\"str\"><v>secret</v></c></row>";
    let bytes = xlsx(
        &[("Open", "visible", rows), ("Behind", "hidden", hidden), ("Far behind", "veryHidden", hidden)],
        &[
            ("xl/sharedStrings.xml", strings),
            ("xl/comments1.xml", "<comments><comment><text><t>a remark</t></text></comment></comments>"),
            ("xl/worksheets/orphan.xml", "<worksheet><sheetData><row><c><v>42</v></c></row></sheetData></worksheet>"),
            ("xl/pivotCache/pivotCacheDefinition1.xml", "<d><s v=\"35202-1111111-1\"/></d>"),
        ],
    );
    let (result, pieces) = read("a.xlsx", &bytes);
    assert_eq!(result.unwrap().kind, Kind::Xlsx);
    let open = "Sheet { name: \"Open\", hidden: false }";
    assert_eq!(texts(&pieces, open), "3: 1=Ali|2=35202|16383=3001234567\n1048576: 0=last\nCONCATENATE(\"0300\",A1)");
    assert_eq!(texts(&pieces, "Sheet { name: \"Behind\", hidden: true }"), "1: 0=secret");
    assert_eq!(texts(&pieces, "Sheet { name: \"Far behind\", hidden: true }"), "1: 0=secret");
    assert_eq!(texts(&pieces, "Sheet { name: \"xl/worksheets/orphan.xml\", hidden: true }"), "1: 0=42");
    assert_eq!(texts(&pieces, "Comment"), "a remark");
    let metadata = texts(&pieces, "Metadata");
    assert!(metadata.contains("Far behind") && metadata.contains("Minister \"35202-9999999-9\""), "{metadata}");
    assert!(metadata.contains("35202-1111111-1"), "{metadata}");
}

#[test]
fn opendocument_text_with_changes_and_notes() {
    let content = "<text:tracked-changes><text:changed-region><text:deletion><text:p>deleted</text:p></text:deletion>\
                   </text:changed-region></text:tracked-changes>\
                   <text:h>Head</text:h><text:p>a<text:s text:c=\"2\"/>b<text:span>c</text:span>\
                   <office:annotation><text:p>note</text:p></office:annotation> d</text:p>\
                   <text:p><text:a xlink:href=\"tel:0300\">call</text:a></text:p>";
    let styles = ("styles.xml", "<s><style:header><text:p>top</text:p></style:header></s>");
    let (result, pieces) =
        read("a.odt", &odf("text", content, &[styles, ("meta.xml", "<m><dc:title>t</dc:title></m>")]));
    assert_eq!(result.unwrap().kind, Kind::Odt);
    assert_eq!(texts(&pieces, "Body"), "Head\na  bc d\ncall");
    assert_eq!(texts(&pieces, "TrackedChange"), "deleted");
    assert_eq!(texts(&pieces, "Comment"), "note");
    assert_eq!(texts(&pieces, "Header"), "top");
    assert_eq!(texts(&pieces, "Metadata"), "tel:0300\nt");
}

#[test]
fn opendocument_sheets_do_not_repeat() {
    let content = "<style:style style:name=\"ta2\"><style:table-properties table:display=\"false\"/></style:style>\
        <table:table table:name=\"S\"><table:table-row table:number-rows-repeated=\"1048576\">\
        <table:table-cell table:number-columns-repeated=\"1000\"/>\
        <table:table-cell table:number-columns-repeated=\"16000\" office:value=\"3520212345671\"><text:p>3.52E+12</text:p></table:table-cell>\
        <table:table-cell><text:p>x</text:p></table:table-cell></table:table-row></table:table>\
        <table:table table:name=\"H\" table:style-name=\"ta2\"><table:table-row><table:table-cell><text:p>y</text:p>\
        </table:table-cell></table:table-row></table:table>";
    let (result, pieces) = read("a.ods", &odf("spreadsheet", content, &[]));
    assert_eq!(result.unwrap().rows, 2);
    assert_eq!(texts(&pieces, "Sheet { name: \"S\", hidden: false }"), "1: 1000=3520212345671|17000=x");
    assert_eq!(texts(&pieces, "Sheet { name: \"H\", hidden: true }"), "1: 0=y");
}

#[test]
fn documents_within_documents_are_read() {
    let sheet = xlsx(&[("S", "visible", "<row><c t=\"str\"><v>embedded</v></c></row>")], &[]);
    let word = zip(&[
        ("[Content_Types].xml", b"<T/>"),
        ("word/document.xml", b"<d/>"),
        ("word/embeddings/book.xlsx", &sheet),
        ("word/media/image1.png", b"\x89PNG\r\n\x1a\n\0\0"),
    ]);
    let archive = zip(&[("folder/", b""), ("folder/a.docx", &word), ("notes.txt", "نوٹ".as_bytes())]);
    let (result, pieces) = read("all.zip", &archive);
    let summary = result.unwrap();
    assert_eq!((summary.kind, summary.pictures), (Kind::Zip, 1));
    let row = pieces.iter().find(|(_, _, text)| text == "1: 0=embedded").unwrap();
    assert_eq!(row.0, "folder/a.docx>word/embeddings/book.xlsx");
    assert!(pieces.iter().any(|(within, _, text)| within == "notes.txt" && text == "نوٹ"));
    assert!(texts(&pieces, "Name").contains("folder/a.docx"));
}

#[test]
fn passwords_are_told() {
    let manifest = ("META-INF/manifest.xml", "<m><manifest:encryption-data/></m>");
    assert_eq!(read("a.odt", &odf("text", "", &[manifest])).0.unwrap_err().reason, Reason::Encrypted);
    let mut ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    assert_eq!(read("a.doc", &ole).0.unwrap_err().reason, Reason::Unknown);
    ole.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(read("a.docx", &ole).0.unwrap_err().reason, Reason::Encrypted);
}
