//! Texts in every encoding, tables, pages and mails.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/make.rs"]
mod make;

use amanat_extract::{Flow, Kind, Limits, Reason, extract};
use make::{read, texts, zip};

const URDU: &str = "شناختی کارڈ نمبر 35202-1234567-1 ہے";

fn wide(text: &str, big: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

#[test]
fn encodings() {
    let arabic = encoding_rs::WINDOWS_1256.encode("كتاب الوزير 0300-1234567").0.into_owned();
    let latin = encoding_rs::WINDOWS_1252.encode("the Minister’s café, 0300-1234567").0.into_owned();
    let mut broken = URDU.as_bytes().to_vec();
    broken.push(0xff);
    for (bytes, expected) in [
        (URDU.as_bytes().to_vec(), URDU),
        ([b"\xef\xbb\xbf", URDU.as_bytes()].concat(), URDU),
        ([b"\xff\xfe".to_vec(), wide(URDU, false)].concat(), URDU),
        ([b"\xfe\xff".to_vec(), wide(URDU, true)].concat(), URDU),
        (wide(URDU, false), URDU),
        (wide("CNIC 35202", true), "CNIC 35202"),
        (arabic, "كتاب الوزير 0300-1234567"),
        (latin, "the Minister’s café, 0300-1234567"),
        (broken, &format!("{URDU}\u{fffd}")),
    ] {
        let (result, pieces) = read("a.txt", &bytes);
        assert_eq!(result.unwrap().kind, Kind::Text);
        assert_eq!(texts(&pieces, "Body"), expected);
    }
    assert_eq!(read("a.txt", b"").0.unwrap().kind, Kind::Text);
}

#[test]
fn long_texts_are_cut_between_words() {
    let text = "0300-1234567 ".repeat(50_000);
    let (result, pieces) = read("a.txt", text.as_bytes());
    result.unwrap();
    assert!(pieces.len() > 5);
    assert!(pieces.iter().all(|(_, _, text)| text.starts_with("0300") && text.ends_with("4567")));
}

#[test]
fn separated_values() {
    let (result, pieces) = read("a.csv", "Name,CNIC\r\n\"Khan, \"\"Ali\"\"\",35202\r\n,\"two\nlines\"".as_bytes());
    assert_eq!(result.unwrap().kind, Kind::Csv);
    assert_eq!(texts(&pieces, "Table(1)"), "1: 0=Name|1=CNIC\n2: 0=Khan, \"Ali\"|1=35202\n3: 1=two\nlines");
    let (result, pieces) = read("list", "a;b\n1;2\n3;4\n".as_bytes());
    assert_eq!(result.unwrap().kind, Kind::Csv);
    assert_eq!(texts(&pieces, "Table(1)"), "1: 0=a|1=b\n2: 0=1|1=2\n3: 0=3|1=4");
    let open = format!("a,b\n\"never closed,{}", "1,2\n".repeat(40_000));
    let (result, pieces) = read("a.csv", open.as_bytes());
    result.unwrap();
    assert!(pieces.len() > 10_000);
}

#[test]
fn pages_of_html() {
    let page = "<!DOCTYPE html><html><head><title>T</title><meta name=d content='described'>\
        <script>var x = '<b>0300</b>';</script><style>p{}</style></head><body><!-- said aside -->\
        <p>CNIC <b>35202</b>-1234567<br>next &amp; line</p><img alt=\"a chart\" src='x'>\
        <table><tr><td>Ali<td>1<tr><td></td><td>2</td></tr></table>a < b</body></html>";
    let (result, pieces) = read("a.html", page.as_bytes());
    assert_eq!(result.unwrap().kind, Kind::Html);
    assert_eq!(texts(&pieces, "Body"), "T\nCNIC 35202-1234567\nnext & line\na < b");
    assert_eq!(texts(&pieces, "Table(1)"), "1: 0=Ali|1=1\n2: 1=2");
    assert_eq!(texts(&pieces, "Comment").trim(), "said aside");
    assert_eq!(texts(&pieces, "Metadata"), "described\na chart");
    // What web sites offer as a workbook.
    assert_eq!(read("report.xls", page.as_bytes()).0.unwrap().kind, Kind::Html);
}

#[test]
fn mails_and_what_is_attached() {
    let inner = zip(&[("cnic.txt", b"42101-1234567-3")]);
    let attached = data_encoding(&inner);
    let mail = format!(
        "Received: by x\r\nFrom: =?UTF-8?B?2qnYp9io24zZhtuB?= <a@b.gov.pk>\r\nSubject: folded\r\n over lines\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"B 1\"\r\n\r\npreamble\r\n--B 1\r\n\
         Content-Type: text/plain; charset=windows-1256\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
         =DF=CA=C7=C8 352=\r\n02\r\n--B 1\r\nContent-Type: text/html\r\n\r\n<p>shown</p>\r\n--B 1\r\n\
         Content-Type: application/octet-stream\r\n\
         Content-Disposition: attachment; filename*=UTF-8''%D9%81%D8%A7%D8%A6%D9%84.zip\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{attached}\r\n--B 1\r\nContent-Type: message/rfc822\r\n\r\n\
         Subject: forwarded\r\n\r\nolder text\r\n--B 1--\r\n"
    );
    let (result, pieces) = read("a.eml", mail.as_bytes());
    assert_eq!(result.unwrap().kind, Kind::Email);
    assert_eq!(texts(&pieces, "Header"), "کابینہ <a@b.gov.pk>\nfolded over lines\nforwarded");
    assert_eq!(texts(&pieces, "Name"), "فائل.zip\ncnic.txt");
    assert_eq!(texts(&pieces, "Body"), "كتاب 35202\nshown\n42101-1234567-3\nolder text");
    assert!(pieces.iter().any(|(within, _, text)| within == "فائل.zip>cnic.txt" && text == "42101-1234567-3"));
}

/// Base64 in lines.
fn data_encoding(bytes: &[u8]) -> String {
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let value =
            chunk.iter().fold(0_usize, |value, byte| value << 8 | usize::from(*byte)) << (8 * (3 - chunk.len()));
        for n in 0..4 {
            text.push(if n <= chunk.len() { alphabet[(value >> (18 - 6 * n)) & 63] } else { '=' });
        }
        if text.len() % 78 == 76 {
            text.push_str("\r\n");
        }
    }
    text
}

#[test]
fn pictures_have_no_text() {
    for (name, bytes) in [("a.png", &b"\x89PNG\r\n\x1a\n\0\0"[..]), ("a.jpg", b"\xff\xd8\xff\xe0"), ("a", b"GIF89a")] {
        let (result, pieces) = read(name, bytes);
        assert_eq!(result.unwrap().kind, Kind::Picture);
        assert!(pieces.is_empty());
    }
    assert_eq!(read("a.mp3", b"ID3\x03\0").0.unwrap().kind, Kind::Media);
}

#[test]
fn what_is_not_read_is_told() {
    for bytes in
        [&b"7z\xbc\xaf\x27\x1c\0\x04"[..], b"{\\rtf1 text}", b"\x7fELF\x02\0", b"\x1f\x8b\x08\0", b"\x01\x02\0\x03\x04"]
    {
        assert_eq!(read("a", bytes).0.unwrap_err().reason, Reason::Unknown);
    }
}

#[test]
fn a_sink_can_stop() {
    let mut seen = 0;
    let bytes = "x ".repeat(200_000);
    let result = extract("a.txt", bytes.as_bytes(), &Limits::default(), &mut || false, &mut |_| {
        seen += 1;
        Flow::Stop
    });
    assert_eq!((result.unwrap().complete, seen), (false, 1));
}
