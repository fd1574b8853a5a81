//! Blocks: what is found in them, and what becomes of them on the disk (protocol-spec/07-delivery, section 12).

use amanat_primitives::Timestamp;
use amanat_wire::{Bytes, Decode as _, Encode as _, List};

use super::*;

fn at(sequence: u64) -> Timestamp {
    Timestamp::from_secs(1000 + sequence)
}

/// The block `number` with these texts from its first message on; apart where they begin with `*`.
fn block(number: u64, texts: &[&str]) -> Block {
    let mut block = Block::new(number);
    let first = block.read() + 1;
    for (sequence, text) in (first..).zip(texts) {
        block.add(sequence, at(sequence), text.trim_start_matches('*'), text.starts_with('*'));
    }
    block.reaches(Block::last(number));
    block
}

fn found(block: &Block, words: &[&str]) -> Vec<u64> {
    let mut found = Vec::new();
    block.find(&Words::new(words.to_vec()), |line| {
        assert_eq!(line.at, at(line.sequence));
        found.push(line.sequence);
    });
    found
}

#[test]
fn all_words_are_found_within_one_text() {
    let block = block(0, &["the budget", "", "summary of", "budget summary, budget", "اجلاس", "budget"]);
    for (words, sequences) in [
        (vec!["budget"], vec![1, 4, 6]),
        (vec!["budget", "summary"], vec![4]),
        (vec!["summary", "budget"], vec![4]),
        (vec!["ummary"], vec![3, 4]),
        (vec!["اجلاس"], vec![5]),
        (vec!["ofbudget"], vec![]),
        (vec!["budget", "اجلاس"], vec![]),
        (vec!["\u{fffd}"], vec![]),
        (vec![], vec![]),
    ] {
        assert_eq!(found(&block, &words), sequences, "{words:?}");
    }
    assert!(found(&Block::new(3), &["budget"]).is_empty());
}

// [DELIV-105]
#[test]
fn what_is_apart_and_what_is_long_is_not_in_the_row() {
    let long = "y".repeat(BLOCK_TEXT + 1);
    let whole = block(2, &["first", "*goes away", &long, "", "last", &long[1..]]);
    let bytes = whole.row().unwrap().to_bytes();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("first") && holds("last") && holds(&long[1..]) && !holds("goes away") && !holds(&long));

    let (read, rest) = Block::of(BlockRow::from_bytes(&bytes).unwrap(), 2).unwrap();
    assert_eq!((read.is_full(), rest), (true, vec![258, 259]));
    assert_eq!(
        (found(&read, &["first"]), found(&read, &["last"]), found(&read, &["goes"])),
        (vec![257], vec![261], vec![])
    );

    assert_eq!(block(0, &["*this", "*and this"]).row(), None);
    assert!(block(0, &[]).row().is_some());
}

#[test]
fn the_largest_block_fits_its_row() {
    let text = "z".repeat(BLOCK_TEXT);
    let whole = block(7, &vec![text.as_str(); BLOCK]);
    let row = BlockRow::from_bytes(&whole.row().unwrap().to_bytes()).unwrap();
    assert_eq!(Block::of(row, 7).unwrap(), (whole, Vec::new()));
    let apart = vec![["*", &text].concat(); BLOCK - 1];
    let mut apart: Vec<&str> = apart.iter().map(String::as_str).collect();
    apart.push("stays");
    assert_eq!(block(0, &apart).row().unwrap().rest.len(), BLOCK - 1);
}

// [DELIV-106]
#[test]
fn a_row_that_is_not_well_formed_is_none() {
    let good = || block(1, &["one", "*two", "three"]).row().unwrap();
    assert!(Block::of(good(), 1).is_some());
    let lines = |change: fn(&mut Vec<BlockLine>)| {
        let mut lines = good().lines.into_vec();
        change(&mut lines);
        BlockRow { lines: List::new(lines).unwrap(), ..good() }
    };
    for bad in [
        lines(|lines| lines[0].length = 2),
        lines(|lines| lines[0].length = u16::MAX),
        lines(|lines| lines.swap(0, 1)),
        lines(|lines| lines[1].place = 0),
        lines(|lines| lines[1].place = 128),
        lines(|lines| lines.truncate(1)),
        lines(|lines| lines.push(BlockLine { place: 9, at: at(9), length: 0 })),
        BlockRow { number: 2, ..good() },
        BlockRow { rest: List::new(vec![128]).unwrap(), ..good() },
        BlockRow { texts: Bytes::new([&good().texts[..], b"x"].concat()).unwrap(), ..good() },
        BlockRow { texts: Bytes::default(), ..good() },
    ] {
        assert_eq!(Block::of(bad, 1), None);
    }
}
