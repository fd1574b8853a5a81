//! The loads of `amanat bench`, with numbers so small that nothing is measured: each goes all the way, and says what it
//! should.

use serde_json::Value;

use crate::amanat::{object, refused};

fn load(scenario: &str, args: &[&str]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let printed = object(dir.path(), &[&["bench"], args].concat());
    assert_eq!(printed["scenario"], scenario);
    let all =
        ["per_s", "p50_ms", "p99_ms", "relay_cpu_s", "generator_cpu_s", "syncs_per_s", "sync_p50_ms", "relay_rss_mib"];
    for field in all {
        assert!(printed[field].is_f64(), "{field}: {printed}");
    }
    for field in ["per_s", "p50_ms", "p99_ms", "relay_rss_mib"] {
        assert!(printed[field].as_f64().unwrap() > 0.0, "{field}: {printed}");
    }
    assert!(printed["p99_ms"].as_f64() >= printed["p50_ms"].as_f64(), "{printed}");
    printed
}

#[test]
fn pairs_and_a_fan_out_are_delivered() {
    let pairs = load("pairs load", &["pairs", "--pairs", "3", "--seconds", "1", "--runs", "2"]);
    assert_eq!(pairs["runs"].as_array().unwrap().len(), 2);
    assert!(pairs["syncs_per_s"].as_f64().unwrap() > 0.0, "{pairs}");
    let paced = load("pairs load", &["pairs", "--pairs", "2", "--seconds", "2", "--runs", "1", "--rate", "20"]);
    assert!((10.0..30.0).contains(&paced["per_s"].as_f64().unwrap()), "{paced}");
    load("fanout", &["fanout", "--members", "60", "--seconds", "1", "--runs", "1"]);
}

#[test]
fn what_waits_is_read_by_a_device_in_each_run() {
    let drained = load("drain", &["drain", "--messages", "2501", "--conversations", "2", "--runs", "2"]);
    assert_eq!(drained["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn links_are_held_and_come_at_once() {
    let idle = load("idle", &["idle", "--links", "40", "--runs", "1"]);
    assert!(idle["runs"][0]["kib_per_link"].is_f64(), "{idle}");
    let storm = load("storm", &["storm", "--devices", "40", "--runs", "2"]);
    assert!(storm["runs"][1]["seconds"].as_f64().unwrap() > 0.0, "{storm}");
}

#[test]
fn a_relay_starts_on_what_it_keeps() {
    for more in [&[][..], &["--kill"]] {
        let started = load("start", &[&["start", "--entries", "300", "--runs", "1"], more].concat());
        assert!(started["runs"][0]["seconds"].as_f64().unwrap() > 0.0, "{started}");
    }
}

#[test]
fn a_folder_that_cannot_be_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a-file"), b"").unwrap();
    let words = refused(dir.path(), 1, &["bench", "storm", "--devices", "1", "--dir", "a-file"]);
    assert!(words.contains("a-file"), "{words}");
}
