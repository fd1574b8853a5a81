//! Feeds `papers_of_office` (tests/src/parsers.rs).
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (amanat_tests::parsers::named("papers_of_office").feed)(bytes);
});
