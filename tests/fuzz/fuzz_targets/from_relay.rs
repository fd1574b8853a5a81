//! Feeds `from_relay` (tests/src/parsers.rs).
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (amanat_tests::parsers::named("from_relay").feed)(bytes);
});
