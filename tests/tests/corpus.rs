//! The fuzzers' corpus, replayed (protocol-spec/02-wire, section 1): every input that fuzzing has found worth keeping goes
//! through its parser again, in a plain build.
//!
//! `tests/fuzz` holds the fuzzing targets and says how to run them. With `AMANAT_CORPUS=write` what honest parties make is
//! written into the corpus, for a parser that is new.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use amanat_tests::parsers::{self, World};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn names(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

// [WIRE-02] [WIRE-03]
#[test]
fn nothing_in_the_corpus_harms_a_parser() {
    for parser in parsers::ALL {
        let folder = fuzz().join("corpus").join(parser.name);
        let (mut taken, mut refused) = (0, 0);
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            // Whoever looks for the input that ends a test finds its name.
            let fed = std::panic::catch_unwind(|| (parser.feed)(&bytes));
            let fed = fed.unwrap_or_else(|_| panic!("{} fails on {}", parser.name, path.display()));
            if fed { taken += 1 } else { refused += 1 }
        }
        println!("{:<20} {taken:>5} taken {refused:>5} refused", parser.name);
        assert!(taken > 0, "{}: its corpus holds nothing that it takes", parser.name);
    }
}

#[test]
fn honest_inputs_are_taken() {
    let world = World::new();
    for parser in parsers::ALL {
        let folder = fuzz().join("corpus").join(parser.name);
        let seeds = (parser.seeds)(&world);
        assert!(!seeds.is_empty(), "{}: nothing to begin with", parser.name);
        if std::env::var("AMANAT_CORPUS").is_ok_and(|value| value == "write") {
            fs::create_dir_all(&folder).unwrap();
            for (number, seed) in seeds.iter().enumerate() {
                fs::write(folder.join(format!("honest-{number}")), seed).unwrap();
            }
        }
        let taken = seeds.iter().filter(|seed| (parser.feed)(seed)).count();
        assert!(taken > 0, "{}: refuses all that honest parties make", parser.name);
    }
}

#[test]
fn every_parser_has_a_target_and_a_corpus() {
    let parsers: BTreeSet<_> = parsers::ALL.iter().map(|parser| parser.name.to_owned()).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), parsers);
    assert_eq!(names(&fuzz().join("corpus")), parsers);
}
