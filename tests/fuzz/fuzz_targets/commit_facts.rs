//! Feeds `commit_facts` (tests/src/parsers.rs).
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (amanat_tests::parsers::named("commit_facts").feed)(bytes);
});
