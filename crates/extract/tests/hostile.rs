//! Hostile documents: each gives a reason, soon, and none a panic.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/make.rs"]
mod make;

use std::fmt::Write as _;

use amanat_extract::{Flow, Limits, Reason, extract};
use make::{deflate, docx, flate_stream, line, odf, pages, pdf, read, stored, stream, texts, xlsx, zip, zip_lines};
use proptest::prelude::*;

fn reason(name: &str, bytes: &[u8]) -> Reason {
    read(name, bytes).0.unwrap_err().reason
}

// [POL-42]
#[test]
fn bombs() {
    let zeros = vec![b'0'; 100 << 20];
    assert_eq!(reason("a.zip", &zip(&[("a.txt", &zeros)])), Reason::TooLarge);
    let part = format!("<w:p><w:t>{}</w:t></w:p>", "0".repeat(20 << 20));
    assert_eq!(reason("a.docx", &docx(&part, &[])), Reason::TooLarge);
    let many = "<w:p><w:t>0</w:t></w:p>".repeat(2 << 20);
    assert_eq!(reason("a.docx", &docx(&many, &[])), Reason::TooLarge);
    let objects = [
        b"<</Type/Catalog/Pages 3 0 R>>".to_vec(),
        b"<<>>".to_vec(),
        b"<</Kids[4 0 R]>>".to_vec(),
        b"<</Contents 5 0 R>>".to_vec(),
    ];
    let page = [&objects[..], &[flate_stream("", &zeros)]].concat();
    assert_eq!(reason("a.pdf", &pdf(&page)), Reason::TooLarge);
    let container = [&objects[..], &[flate_stream("/Type/ObjStm/N 1/First 4", &zeros)]].concat();
    assert_eq!(reason("a.pdf", &pdf(&container)), Reason::TooLarge);
    // Packed twice, as one bomb in another.
    let twice = make::zlib(&make::zlib(&zeros));
    let double = [&objects[..], &[stream("/Filter[/FlateDecode/FlateDecode]", &twice)]].concat();
    assert_eq!(reason("a.pdf", &pdf(&double)), Reason::TooLarge);
    let runs = [&objects[..], &[stream("/Filter/RunLengthDecode", &[129_u8; 4 << 20])]].concat();
    assert_eq!(reason("a.pdf", &pdf(&runs)), Reason::TooLarge);
}

#[test]
fn an_entry_longer_than_its_directory_says() {
    let mut entry = line("a.txt", &vec![b'0'; 100_000]);
    entry.size = 10;
    assert_eq!(reason("a.zip", &zip_lines(&[entry])), Reason::Damaged);
    let mut entry = line("a.txt", b"hello");
    entry.crc ^= 1;
    assert_eq!(reason("a.zip", &zip_lines(&[entry])), Reason::Damaged);
    let mut entry = line("a.txt", b"hello");
    entry.flags = 1;
    assert_eq!(reason("a.zip", &zip_lines(&[entry])), Reason::Encrypted);
    let mut entry = line("a.txt", b"hello");
    entry.method = 14;
    assert_eq!(reason("a.zip", &zip_lines(&[entry])), Reason::Unknown);
}

#[test]
fn too_many_and_too_deep() {
    let lines: Vec<_> = (0..10_001).map(|n| stored(&n.to_string(), b"")).collect();
    assert_eq!(reason("a.zip", &zip_lines(&lines)), Reason::TooMany);
    let mut nested = zip(&[("a.txt", b"deep")]);
    for _ in 0..3 {
        nested = zip(&[("a.zip", &nested)]);
    }
    let (result, pieces) = read("a.zip", &nested);
    result.unwrap();
    assert_eq!(texts(&pieces, "Body"), "deep");
    assert_eq!(reason("a.zip", &zip(&[("a.zip", &nested)])), Reason::TooDeep);
    let elements = "<w:p>".repeat(10_000);
    assert_eq!(reason("a.docx", &docx(&elements, &[])), Reason::TooDeep);
    let mut mail = String::from("Received: x\nMIME-Version: 1.0\n");
    for n in 0..100 {
        let _ = write!(mail, "Content-Type: multipart/mixed; boundary=b{n}x\n\n--b{n}x\n");
    }
    assert_eq!(reason("a.eml", mail.as_bytes()), Reason::TooDeep);
}

// [POL-41]
#[test]
fn one_bad_entry_does_not_hide_the_next() {
    let archive = zip(&[("a.pdf", b"PK\x03\x04"), ("b.bin", b"\0\x01\x02"), ("c.txt", b"35202-1234567-1")]);
    let (result, pieces) = read("a.zip", &archive);
    let why = result.unwrap_err();
    assert_eq!((why.reason, why.within), (Reason::Mislabelled, vec!["a.pdf".to_owned()]));
    assert_eq!(texts(&pieces, "Body"), "35202-1234567-1");
}

#[test]
fn cut_off_files() {
    let word = docx("<w:p><w:t>hello</w:t></w:p>", &[]);
    let file = pages(&["BT /F1 9 Tf (x) Tj ET"], "", "", &[]);
    for (name, bytes) in [("a.docx", word), ("a.pdf", file.clone())] {
        for part in 1..8 {
            let cut = &bytes[..bytes.len() * part / 8];
            let why = reason(name, cut);
            assert!(matches!(why, Reason::Truncated | Reason::Damaged), "{name} {part}: {why:?}");
        }
    }
    let at = file.windows(9).position(|window| window == b"endstream").unwrap();
    assert_eq!(reason("a.pdf", &file[..at]), Reason::Truncated);
    assert_eq!(
        reason("a.docx", &zip(&[("[Content_Types].xml", b"<T/>"), ("word/document.xml", b"<d><p>")])),
        Reason::Damaged
    );
}

// [POL-40]
#[test]
fn names_that_claim_something_else() {
    let (word, archive) = (docx("", &[]), zip(&[("a.txt", b"x")]));
    let file = pages(&["BT ET"], "", "", &[]);
    for (name, bytes) in [
        ("a.pdf", &word[..]),
        ("a.docx", &file),
        ("a.docx", &archive),
        ("a.xlsx", &word),
        ("a.txt", &archive),
        ("a.jpg", &file),
        ("a.png", b"just a text"),
        ("a.pdf", b"just a text"),
        ("a.zip", &file),
        ("a.jpg", &[b"\xff\xd8\xff\xe0 picture".to_vec(), archive.clone()].concat()),
    ] {
        assert_eq!(reason(name, bytes), Reason::Mislabelled, "{name}");
    }
    for (name, bytes) in [("a.zip", &word[..]), ("a.doc", &word), ("a", &file), ("a.b.c", &archive), ("a.md", b"text")]
    {
        read(name, bytes).0.unwrap();
    }
}

#[test]
fn pdfs_that_loop() {
    let catalog = b"<</Type/Catalog/Pages 3 0 R>>".to_vec();
    let none = b"<<>>".to_vec();
    let make = |rest: &[&[u8]]| {
        let mut objects = vec![catalog.clone(), none.clone()];
        objects.extend(rest.iter().map(|object| object.to_vec()));
        pdf(&objects)
    };
    for (what, bytes) in [
        ("a tree", make(&[b"<</Kids[4 0 R]>>", b"<</Kids[3 0 R]>>"])),
        ("a tree of itself", make(&[b"<</Kids[3 0 R 3 0 R]>>"])),
        ("references", make(&[b"4 0 R", b"3 0 R"])),
        ("no page", make(&[b"<</Kids[]>>"])),
        ("a page that is missing", make(&[b"<</Kids[9 0 R]>>"])),
        ("kids that are a loop", make(&[b"<</Kids 4 0 R>>", b"5 0 R", b"4 0 R"])),
        (
            "contents that are a loop",
            make(&[b"<</Kids[4 0 R]>>", b"<</Type/Page/Contents 5 0 R>>", b"6 0 R", b"5 0 R"]),
        ),
    ] {
        assert_eq!(reason("a.pdf", &bytes), Reason::Damaged, "{what}");
    }
    // Forms that draw themselves, and each other ten times over, ten levels deep.
    let page = "/Resources<</XObject<</X 6 0 R>>>>";
    let own = stream("/Subtype/Form/Resources<</XObject<</X 6 0 R>>>>", b"/X Do");
    assert_eq!(reason("a.pdf", &pages(&["/X Do"], "", page, &[own])), Reason::Damaged);
    let levels: Vec<Vec<u8>> = (7..17)
        .map(|next| {
            stream(&format!("/Subtype/Form/Resources<</XObject<</X {next} 0 R>>>>"), "/X Do ".repeat(10).as_bytes())
        })
        .collect();
    let why = reason("a.pdf", &pages(&["/X Do"], "", page, &levels));
    assert!(matches!(why, Reason::TooMany | Reason::Damaged), "{why:?}");
    // A length that refers to itself, and an object stream in an object stream.
    let length = make(&[b"<</Kids[4 0 R]>>", b"<</Contents 5 0 R>>", b"<</Length 5 0 R>>\nstream\nBT ET\nendstream"]);
    read("a.pdf", &length).0.unwrap();
    let packed = stream("/Type/ObjStm/N 1/First 4", b"4 0 <</Type/ObjStm/N 1/First 4/Extends 4 0 R>>");
    read("a.pdf", &make(&[b"<</Kids[5 0 R]>>", &packed, b"<</Type/Page>>"])).0.unwrap();
}

#[test]
fn pdfs_without_end() {
    let start = "%PDF-1.7\n1 0 obj ";
    for (text, expected) in [
        (format!("{start}{}", "[".repeat(1 << 20)), None),
        (format!("{start}{}", "<<".repeat(1 << 20)), None),
        (format!("{start}[{}", "0 ".repeat(1 << 21)), Some(Reason::TooMany)),
        (format!("{start}({}", "(".repeat(1 << 20)), Some(Reason::Truncated)),
        ("%PDF-1.7\n".to_owned() + &"1 0 obj [ ".repeat(100_000), Some(Reason::Truncated)),
        ("%PDF-1.7\n".to_owned() + &"trailer ".repeat(100_000), Some(Reason::Truncated)),
    ] {
        let why = reason("a.pdf", text.as_bytes());
        assert!(expected.is_none_or(|expected| why == expected), "{why:?}");
    }
    let page = format!("BT {} ET", "[ ".repeat(100_000));
    read("a.pdf", &pages(&[&page], "", "", &[])).0.unwrap();
    let page = "q ".repeat(100_000) + &"1 0 0 1 0 0 cm ".repeat(10_000);
    read("a.pdf", &pages(&[&page], "", "", &[])).0.unwrap();
}

#[test]
fn sheets_without_end() {
    // The dimension claims 17 billion cells: see `xlsx`. Here one row does.
    let row = "<row r=\"1\">".to_owned() + &"<c t=\"str\"><v>x</v></c>".repeat(40_000) + "</row>";
    assert_eq!(reason("a.xlsx", &xlsx(&[("S", "visible", &row)], &[])), Reason::TooMany);
    // A mebibyte of shared text that a thousand cells refer to.
    let mut text = String::new();
    for n in 0..150_000 {
        let _ = write!(text, "{n} ");
    }
    let strings = format!("<sst><si><t>{text}</t></si></sst>");
    let cells = "<row><c t=\"s\"><v>0</v></c></row>".repeat(1000);
    let bytes = xlsx(&[("S", "visible", &cells)], &[("xl/sharedStrings.xml", &strings)]);
    assert_eq!(reason("a.xlsx", &bytes), Reason::TooLarge);
    let cells = "<table:table table:name=\"S\"><table:table-row table:number-rows-repeated=\"4000000000\">\
                 <table:table-cell table:number-columns-repeated=\"4000000000\"><text:p>x</text:p></table:table-cell>\
                 <table:table-cell table:number-columns-repeated=\"4000000000\"/></table:table-row></table:table>";
    assert_eq!(read("a.ods", &odf("spreadsheet", cells, &[])).0.unwrap().rows, 1);
    let entities = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>\
                    <document><p><r><t>&b;&b; seen</t></r></p></document>";
    let bytes = zip(&[("[Content_Types].xml", b"<T/>"), ("word/document.xml", entities.as_bytes())]);
    assert_eq!(texts(&read("a.docx", &bytes).1, "Body"), " seen");
}

#[test]
fn the_clock_is_asked_often() {
    let body = "<w:p><w:r><w:t>a paragraph of some words</w:t></w:r></w:p>".repeat(20_000);
    let operators = "BT /F1 9 Tf 10 10 Td (some words) Tj ET ".repeat(20_000);
    let table = "a,b,c\n".repeat(200_000);
    let markup = "<p>some <b>words</b></p>".repeat(50_000);
    let archive = zip(&[("words.txt", "0300-1234567 x".repeat(100_000).as_bytes())]);
    for (name, bytes) in [
        ("a.docx", docx(&body, &[])),
        ("a.pdf", pages(&[&operators], "", "", &[])),
        ("a.csv", table.into_bytes()),
        ("a.html", markup.into_bytes()),
        ("a.zip", archive),
    ] {
        let limits = Limits { expansion: 5000, ..Limits::default() };
        let mut asked = 0_usize;
        extract(
            name,
            &bytes,
            &limits,
            &mut || {
                asked += 1;
                false
            },
            &mut |_| Flow::Continue,
        )
        .unwrap();
        assert!(asked > 10, "{name}: {asked}");
        let (mut left, mut late) = (asked / 2, 0_usize);
        let result = extract(
            name,
            &bytes,
            &limits,
            &mut || {
                late += usize::from(left == 0);
                left = left.saturating_sub(1);
                left == 0
            },
            &mut |_| Flow::Continue,
        );
        assert_eq!(result.unwrap_err().reason, Reason::OutOfTime, "{name}");
        assert!(late <= 1, "{name} went on");
    }
}

/// Documents of every kind, to be spoilt.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let word = docx("<w:p><w:r><w:t>CNIC</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>", &[]);
    let book = xlsx(&[("S", "visible", "<row><c r=\"A1\" t=\"s\"><v>0</v></c></row>")], &[]);
    let text = odf("text", "<text:p>x</text:p>", &[]);
    let unpacked =
        zip_lines(&[stored("[Content_Types].xml", b"<T/>"), stored("word/document.xml", b"<d><p><t>x</t></p></d>")]);
    let font =
        b"<</Type/Font/Subtype/Type0/Encoding/Identity-H/ToUnicode 7 0 R/DescendantFonts[<</W[3[400] 16 17 600]>>]>>";
    let map = stream("", b"begincmap 1 beginbfrange <0000> <FFFF> <0020> endbfrange endcmap");
    let file =
        pages(&["BT /F1 9 Tf [(x)-200(y)] TJ ET"], "", "/Resources<</Font<</F1 6 0 R>>>>", &[font.to_vec(), map]);
    let mail =
        b"Received: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n=?utf-8?Q?x?=\n--b--\n"
            .to_vec();
    let page = b"<html><table><tr><td title='x'>a&amp;b</td></tr></table><!-- c --><script>1</script></html>".to_vec();
    vec![
        ("a.docx", word),
        ("a.docx", unpacked),
        ("a.xlsx", book),
        ("a.odt", text.clone()),
        ("a.zip", zip(&[("a.odt", &text)])),
        ("a.pdf", file),
        ("a.eml", mail),
        ("a.html", page),
        ("a.csv", b"a,\"b\"\n1,2\n".to_vec()),
        ("a", deflate(b"anything")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn spoilt_documents_never_panic(
        which in 0..10_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
        shorten in prop::bool::weighted(0.3),
    ) {
        let (name, mut bytes) = samples().swap_remove(which);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if shorten {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = read(name, &bytes);
        let _ = read("", &bytes);
    }

    #[test]
    fn pdf_words_in_any_order_never_panic(words in prop::collection::vec(prop::sample::select(vec![
        "1 0 obj", "endobj", "<<", ">>", "[", "]", "/Kids", "/Pages", "1 0 R", "2 0 R", "stream\n", "endstream", "(", ")",
        "/Type/Page", "/Contents", "/Filter/FlateDecode", "/Length 3", "trailer", "/Root 1 0 R", "%%EOF", "<41>", "99999999999",
        "-1", "/Font", "/F1 9 Tf", "Tj", "BT", "'", "\"", "Do", "BI", "ID", "EI", "/Type/ObjStm", "/First 9", "/W", "0 0 0 0 0 0 Tm",
    ]), 0..60)) {
        let _ = read("a.pdf", format!("%PDF-1.7 {}", words.join(" ")).as_bytes());
        let _ = read("a.pdf", &pages(&[&words.join(" ")], "", "", &[]));
    }
}
