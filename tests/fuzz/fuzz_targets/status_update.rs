//! Feeds `status_update` (tests/src/parsers.rs).
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| amanat_fuzz::feed(amanat_tests::parsers::feed::status_update, bytes));
