//! The program as an operator meets it: exit statuses, messages, signals (protocol-spec/07-delivery, section 9).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Instant, SystemTime},
};

use amanat_identity::{
    CertifiedRelay,
    armour::{self, FileKind},
    testing::Office,
};
use amanat_relay_core::folder;
use amanat_wire::Encode as _;
use rand_core::OsRng;

fn relay(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_amanat-relay")).args(args).env_remove("AMANAT_LOG").output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A folder on a free port, not certified yet.
fn made() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let at = dir.path().to_str().unwrap();
    let output = relay(&["init", "--dir", at, "--listen", &address, "--domain", "interior.example"]);
    assert!(output.status.success(), "{}", stderr(&output));
    (dir, address)
}

fn certify(dir: &Path, address: &str) {
    let keys = folder::load_keys(dir).unwrap();
    let office = Office::with_relay(&mut OsRng, SystemTime::now().into(), "interior.example", keys, &[address]);
    let authority = office.authority().certificate().clone();
    let certified = CertifiedRelay { authority, certificate: office.relay_certificate.clone() };
    let text = armour::write(FileKind::RelayCertificate, &certified.to_bytes()).unwrap();
    fs::write(dir.join(folder::CERTIFICATE_FILE), text.as_bytes()).unwrap();
    // The disk of whoever runs this may be fuller than a relay's should be.
    let path = dir.join("relay.toml");
    let text = fs::read_to_string(&path).unwrap().replace("# free_disk_mib = 1024", "free_disk_mib = 64");
    fs::write(path, text).unwrap();
}

/// A relay that runs, and what it has said so far.
fn run(dir: &Path) -> (Child, BufReader<std::process::ChildStderr>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_amanat-relay"))
        .args(["run", "--dir", dir.to_str().unwrap()])
        .env_remove("AMANAT_LOG")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("accepts connections") {
        assert_ne!(log.read_line(&mut said).unwrap(), 0, "{said}");
    }
    (child, log, said)
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn help_shows_examples_and_wrong_usage_exits_2() {
    let help = relay(&["init", "--help"]);
    assert!(help.status.success());
    assert!(String::from_utf8(help.stdout).unwrap().contains("Examples:"));
    for args in [&["fly"][..], &["run"], &["init", "--dir", "/nonexistent/relay"]] {
        assert_eq!(relay(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn a_relay_that_is_not_certified_names_the_command() {
    let (dir, _) = made();
    let at = dir.path().to_str().unwrap();
    for command in ["run", "check"] {
        let output = relay(&[command, "--dir", at]);
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output) + &String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("not certified") && said.contains("amanat relay certify"), "{said}");
    }
}

#[test]
fn a_mistake_in_the_configuration_is_named_with_its_line() {
    let (dir, _) = made();
    let path = dir.path().join("relay.toml");
    let text = fs::read_to_string(&path).unwrap().replace("[limits]", "[limits]\nspeed = 5");
    fs::write(&path, &text).unwrap();
    let output = relay(&["run", "--dir", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let line = text.lines().position(|line| line == "speed = 5").unwrap() + 1;
    let said = stderr(&output);
    assert!(said.contains(&format!("relay.toml, line {line}: unknown field `speed`")), "{said}");
    assert!(said.contains("try:"), "{said}");
}

/// [DELIV-53]
#[test]
fn it_runs_refuses_a_second_one_and_stops_on_a_signal() {
    let (dir, address) = made();
    certify(dir.path(), &address);
    let at = dir.path().to_str().unwrap();
    let checked = relay(&["check", "--dir", at]);
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stdout));
    for name in ["-TERM", "-INT"] {
        let (mut child, mut log, said) = run(dir.path());
        assert!(said.contains(&address) && said.contains("incarnation"), "{said}");
        let second = relay(&["run", "--dir", at]);
        assert_eq!(second.status.code(), Some(1));
        assert!(stderr(&second).contains("another amanat-relay runs on this folder"), "{}", stderr(&second));
        let start = Instant::now();
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert!(start.elapsed().as_secs() < 10);
        let mut rest = String::new();
        log.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("has stopped"), "{rest}");
    }
}

#[test]
fn status_is_one_object_for_monitoring() {
    let (dir, address) = made();
    certify(dir.path(), &address);
    let ask = || relay(&["status", "--dir", dir.path().to_str().unwrap(), "--json"]);
    let stopped = ask();
    assert_eq!((stopped.status.code(), stopped.stdout.len()), (Some(1), 0));
    assert!(stderr(&stopped).contains("try:"), "{}", stderr(&stopped));
    let (mut child, _log, _) = run(dir.path());
    let answered = ask();
    signal(&child, "-TERM");
    child.wait().unwrap();
    assert!(answered.status.success(), "{}", stderr(&answered));
    let text = String::from_utf8(answered.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    let status: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&status["store"], &status["links"]), (&"working".into(), &0.into()), "{text}");
    assert!(status["certificate_ends_in_seconds"].as_u64().unwrap() > 0, "{text}");
    assert!(status["incarnation"].is_string() && status["status_number"].is_null(), "{text}");
}
