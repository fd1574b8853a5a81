//! Feeds `relay_config` (tests/src/parsers.rs).
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (amanat_tests::parsers::named("relay_config").feed)(bytes);
});
