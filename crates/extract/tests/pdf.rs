//! PDF files: text by page, and everything else that says something.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/make.rs"]
mod make;

use amanat_extract::{Kind, Reason};
use make::{flate_stream, pages, pdf, read, stream, texts};

#[test]
fn pages_lines_and_gaps() {
    let first = "BT /F1 12 Tf 72 700 Td (CNIC 35202-) Tj (1234567-1) Tj 0 -14 Td [(ph)-20(one)-600(0300)] TJ ET";
    // The second line is written first; a cell far to the right; a bold letter printed twice.
    let second = "BT /F1 10 Tf 72 600 Td (below) Tj ET BT /F1 10 Tf 72 650 Td (above) Tj 300 0 Td (right) Tj 0.2 0 Td (right) Tj ET";
    let (result, pieces) = read("a.pdf", &pages(&[first, second], "", "", &[]));
    let summary = result.unwrap();
    assert_eq!((summary.kind, summary.pages), (Kind::Pdf, 2));
    assert_eq!(texts(&pieces, "Page(1)"), "CNIC 35202-1234567-1\nphone 0300");
    assert_eq!(texts(&pieces, "Page(2)"), "above\tright\nbelow");
    assert_eq!(texts(&pieces, "Metadata"), "ک\nSecret title");
}

#[test]
fn urdu_through_a_map() {
    let map = "begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange \
               2 beginbfchar <0003> <FEFB> <0010> <06A90627> endbfchar \
               2 beginbfrange <0020> <0029> <06F0> <0030> <0031> [<0628> <0020>] endbfrange endcmap";
    let font = b"<</Type/Font/Subtype/Type0/Encoding/Identity-H/ToUnicode 7 0 R/DescendantFonts[<</DW 500/W[3[400] 16 17 600]>>]>>";
    // From left to right: a two, beh, lam-alef, kaf and alef in one shape.
    let content = "BT /U 10 Tf 72 700 Td <00220031003000030010> Tj ET";
    let page = "/Resources<</Font<</U 6 0 R>>>>";
    let bytes = pages(&[content], "", page, &[font.to_vec(), flate_stream("", map.as_bytes())]);
    let (result, pieces) = read("a.pdf", &bytes);
    result.unwrap();
    let text = texts(&pieces, "Page(1)");
    assert!(text.lines().any(|line| line == "کالاب ۲"), "{text}");
}

#[test]
fn fonts_that_do_not_say_are_told() {
    let font = b"<</Type/Font/Subtype/Type0/Encoding/Identity-H/DescendantFonts[<<>>]>>".to_vec();
    let page = "/Resources<</Font<</U 6 0 R>>>>";
    let content = "BT /U 10 Tf 72 700 Td <000100020003000400050006> Tj ET";
    let (result, _) = read("a.pdf", &pages(&[content], "", page, std::slice::from_ref(&font)));
    assert_eq!(result.unwrap_err().reason, Reason::Unknown);
    let bullets = "BT /U 10 Tf 72 700 Td <00010001000200010001> Tj ET";
    read("a.pdf", &pages(&[bullets], "", page, &[font])).0.unwrap();
}

#[test]
fn encodings_by_name() {
    let font = b"<</Type/Font/Subtype/Type1/Encoding<</Differences[65/zero/three/uni06A9/g77]>>>>".to_vec();
    let page = "/Resources<</Font<</U 6 0 R>>>>";
    let (result, pieces) = read("a.pdf", &pages(&["BT /U 10 Tf (AB-x) Tj ET"], "", page, &[font]));
    result.unwrap();
    assert_eq!(texts(&pieces, "Page(1)"), "03-x");
}

#[test]
fn forms_annotations_fields_bookmarks_and_files() {
    let catalog = "/Outlines<</First 8 0 R>>/AcroForm<</Fields[9 0 R]>>/Names<</EmbeddedFiles<</Names[(n) 10 0 R]>>>>";
    let page = "/Resources<</XObject<</X 6 0 R>>/Font<</F1<</Subtype/Type1>>>>>>\
                /Annots[<</Contents(a note)/A<</URI(tel:0300-1234567)>>/AP<</N 7 0 R>>>>]";
    let more = [
        stream("/Subtype/Form/Matrix[1 0 0 1 0 20]", b"BT /F1 9 Tf 10 10 Td (in a form) Tj ET"),
        stream("/Subtype/Form/Resources<</Font<</F1<</Subtype/Type1>>>>>>", b"BT /F1 9 Tf 10 500 Td (in a look) Tj ET"),
        b"<</Title(a bookmark)/Next 8 0 R>>".to_vec(),
        b"<</T(field)/V(a value)/Kids[9 0 R]>>".to_vec(),
        b"<</F(list.csv)/EF<</F 11 0 R>>>>".to_vec(),
        flate_stream("", b"name,cnic\nAli,35202-1234567-1\nB,2\n"),
    ];
    let (result, pieces) = read("a.pdf", &pages(&["/X Do /Span <</ActualText(said)>> BDC EMC"], catalog, page, &more));
    // The one bookmark is its own next.
    assert_eq!(result.unwrap_err().reason, Reason::Damaged);
    assert_eq!(texts(&pieces, "Page(1)"), "in a look\nin a form\nsaid");
    assert_eq!(texts(&pieces, "Comment"), "a note\ntel:0300-1234567");
    assert_eq!(texts(&pieces, "Body"), "field\na value");
    let more = [&more[..2], &[b"<</Title(a bookmark)>>".to_vec()], &more[3..]].concat();
    let (result, pieces) = read("a.pdf", &pages(&["/X Do"], catalog, page, &more));
    assert_eq!(result.unwrap().entries, 1);
    assert!(texts(&pieces, "Metadata").contains("a bookmark"));
    assert!(texts(&pieces, "Table(1)").contains("35202-1234567-1"));
}

#[test]
fn objects_in_streams_and_later_versions() {
    let packed = b"3 0 4 60 <</Type/Pages/Kids[4 0 R]/Count 1>>                        <</Type/Page/Contents 5 0 R/Resources<</Font<</F1<</Subtype/Type1>>>>>>>>";
    let first = packed.iter().position(|byte| *byte == b'<').unwrap();
    let header = std::str::from_utf8(&packed[..first]).unwrap();
    let second = std::str::from_utf8(&packed[first..]).unwrap().find("<</Type/Page/").unwrap();
    let fixed = header.replace("60", &second.to_string());
    let body = [fixed.as_bytes(), &packed[first..]].concat();
    let mut bytes = pdf(&[
        b"<</Type/Catalog/Pages 3 0 R>>".to_vec(),
        b"<<>>".to_vec(),
        b"null".to_vec(),
        b"null".to_vec(),
        stream("", b"BT /F1 9 Tf (old) Tj ET"),
        flate_stream(&format!("/Type/ObjStm/N 2/First {}", fixed.len()), &body),
    ]);
    let (result, pieces) = read("a.pdf", &bytes);
    result.unwrap();
    assert_eq!(texts(&pieces, "Page(1)"), "old");
    bytes.extend(b"5 0 obj\n");
    bytes.extend(stream("", b"BT /F1 9 Tf (new) Tj ET"));
    bytes.extend(b"\nendobj\ntrailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF");
    assert_eq!(texts(&read("a.pdf", &bytes).1, "Page(1)"), "new");
    bytes.extend(b"\ntrailer<</Root 1 0 R/Encrypt 9 0 R>>\n%%EOF");
    assert_eq!(read("a.pdf", &bytes).0.unwrap_err().reason, Reason::Encrypted);
}
