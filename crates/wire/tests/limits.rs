//! The limits in the code are those of the chapter (protocol-spec/02-wire, section 5), which others build to.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fs, path::Path};

use amanat_wire::{limits, log::RetentionClass};

/// Name and value of every limit in the chapter's table.
fn chapter() -> BTreeMap<String, u64> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../protocol-spec/02-wire.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once("\n## 5. Limits").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let cells: Vec<_> = section.lines().flat_map(|line| line.split('|')).map(str::trim).collect();
    let pairs = cells.windows(2).filter_map(|pair| {
        let value = pair[1].trim_end_matches(" B").replace(',', "").parse().ok()?;
        Some((pair[0].to_owned(), value))
    });
    pairs.collect()
}

// [WIRE-03]
#[test]
fn every_limit_is_the_chapter_s() {
    let code = [
        ("MESSAGE", limits::MESSAGE as u64),
        ("BODY", limits::BODY as u64),
        ("JOINER_PART", limits::JOINER_PART as u64),
        ("ADDS", limits::ADDS as u64),
        ("REMOVES", limits::REMOVES as u64),
        ("STATEMENT", limits::STATEMENT as u64),
        ("REVOCATION", limits::REVOCATION as u64),
        ("REVOCATIONS", limits::REVOCATIONS as u64),
        ("CHAIN", limits::CHAIN as u64),
        ("KEY_PACKAGE", limits::KEY_PACKAGE as u64),
        ("KEY_PACKAGES", limits::KEY_PACKAGES as u64),
        ("DEVICES", limits::DEVICES as u64),
        ("CONVERSATIONS", limits::CONVERSATIONS as u64),
        ("ENTRIES", limits::ENTRIES as u64),
        ("DIRECT_ITEMS", limits::DIRECT_ITEMS as u64),
        ("CHAINS", limits::CHAINS as u64),
        ("QUERY", limits::QUERY as u64),
        ("RECEIPT", limits::RECEIPT as u64),
        ("OPEN_REQUESTS", limits::OPEN_REQUESTS as u64),
        ("SEGMENTS", limits::SEGMENTS),
    ];
    let code: BTreeMap<_, _> = code.map(|(name, value)| (name.to_owned(), value)).into();
    assert_eq!(code, chapter());
}

#[test]
fn a_retention_class_is_so_many_days() {
    use RetentionClass as C;
    let days = [C::Day, C::Week, C::Month, C::Quarter, C::Year].map(|class| class.span().as_secs());
    assert_eq!(days, [86_400, 604_800, 2_592_000, 7_776_000, 31_536_000]);
}
