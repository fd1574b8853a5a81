//! Rough figures, printed: `cargo test --release --test figures -- --ignored --nocapture --test-threads=1`
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

#[path = "support/make.rs"]
mod make;

use std::fmt::Write as _;
use std::time::Instant;

use amanat_extract::{Flow, Limits, extract};
use make::{docx, pages, xlsx, zip};

fn figure(name: &str, bytes: &[u8]) {
    let start = Instant::now();
    let result =
        extract(name, bytes, &Limits::default(), &mut || start.elapsed().as_secs() >= 5, &mut |_| Flow::Continue);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().to_owned();
    println!("{name}: {} bytes, {:?}, {peak}, {result:?}", bytes.len(), start.elapsed());
}

#[test]
#[ignore = "prints figures"]
fn figures() {
    let line = "(government of Pakistan 35202-1234567-1 cabinet division 0300-1234567 and further words) Tj T* ";
    let page = format!("BT /F1 10 Tf 12 TL 50 780 Td {} ET", line.repeat(55));
    figure("100-pages.pdf", &pages(&vec![page.as_str(); 100], "", "", &[]));
    let (mut rows, mut strings) = (String::new(), String::from("<sst>"));
    for n in 1..=50_000 {
        let _ = write!(rows, "<row r=\"{n}\"><c r=\"A{n}\"><v>{n}</v></c>");
        for (m, column) in ["B", "C", "D", "E", "F", "G", "H", "I", "J"].iter().enumerate() {
            let _ = write!(rows, "<c r=\"{column}{n}\" s=\"1\" t=\"s\"><v>{}</v></c>", n * 9 + m - 9);
            let _ = write!(strings, "<si><t>35202-{n:07}-{m}</t></si>");
        }
        rows += "</row>";
    }
    strings += "</sst>";
    figure("50000-rows.xlsx", &xlsx(&[("S", "visible", &rows)], &[("xl/sharedStrings.xml", &strings)]));
    drop((rows, strings));
    let body = "<w:p><w:r><w:t>a paragraph of some words and 35202-1234567-1</w:t></w:r></w:p>";
    let mut varied = String::new();
    for n in 0..50_000 {
        let _ = write!(varied, "{body}<w:p><w:t>{n}</w:t></w:p>");
    }
    figure("100000-paragraphs.docx", &docx(&varied, &[]));
    let mut text = String::new();
    for n in 0..4_000_000 {
        let _ = write!(text, "{n} 0300-1234567 ");
    }
    figure("80-mebibytes.txt", text.as_bytes());
    text.truncate(60 << 20);
    figure("60-mebibytes.zip", &zip(&[("a.txt", text.as_bytes())]));
}
