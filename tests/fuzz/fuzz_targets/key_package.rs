//! Feeds `key_package` (tests/src/parsers.rs).
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (amanat_tests::parsers::named("key_package").feed)(bytes);
});
