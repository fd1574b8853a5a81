//! Staff at work: two profiles, a relay that runs, the stable `--json` keys.

use std::{fs, path::Path};

use amanat_relay_core::{Config, Relay, Running};
use serde_json::{Value, json};

use crate::{
    amanat::{PASSPHRASE, code, done, object, objects, run, run_with, text},
    authority::{CERTIFY, fixture, make_relay},
};

/// A relay within this process, as the relay's program runs it.
struct Beside {
    runtime: tokio::runtime::Runtime,
    running: Option<Running>,
}

impl Beside {
    fn start(dir: &Path) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let running = runtime.block_on(Relay::start(Config::load(dir).unwrap(), dir)).unwrap();
        Self { runtime, running: Some(running) }
    }

    fn stop(mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.shutdown());
        }
    }
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn enrol(dir: &Path, person: &str, tier: &str) {
    let file = format!("{person}.invitation");
    let invite = ["invite", "--authority", "A", "--person", person, "--name", person, "--post", "Post", "--tier", tier];
    let invite: Vec<&str> = invite.into_iter().chain(["--out", &file, "--code"]).collect();
    let invited = object(dir, &invite);
    let said = invited["code"].as_str().unwrap().to_lowercase().replace('-', " ");
    let variables = [("AMANAT_PASSPHRASE", PASSPHRASE), ("AMANAT_CODE", said.as_str())];
    let joined = run_with(dir, &variables, &["join", &file, "--profile", person, "--json"]);
    assert!(joined.status.success(), "{}", text(&joined.stdout));
    let joined: Value = serde_json::from_str(text(&joined.stdout).trim()).unwrap();
    assert_eq!(joined["address"], format!("{person}@cabinet.example"));
    assert_eq!(joined["clearance"], tier);
}

#[test]
fn two_people_exchange_a_text_and_a_document() {
    let dir = fixture();
    let dir = dir.path();
    fs::remove_dir_all(dir.join("relay")).unwrap();
    make_relay(&dir.join("relay"), &free_port());
    object(dir, &CERTIFY);
    let relay = Beside::start(&dir.join("relay"));
    let attested = object(dir, &["attest", "--authority", "A"]);
    assert_eq!(attested["published"].as_array().map(Vec::len), Some(1));
    assert_eq!(fs::read_dir(dir.join("A/outbox")).unwrap().count(), 0);
    enrol(dir, "secretary", "secret");
    enrol(dir, "clerk", "restricted");

    let people = objects(dir, &["people", "--profile", "clerk"]);
    assert_eq!(people.len(), 2);
    assert_eq!(people.iter().filter(|person| person["cached"] == false).count(), 2);
    let text = "اجلاس کل صبح دس بجے ہوگا۔";
    let sent = object(dir, &["send", "clerk", text, "--profile", "secretary"]);
    assert_eq!(keys(&sent), ["conversation", "document", "message"]);
    assert_eq!(sent["document"], Value::Null);
    let conversation = sent["conversation"].as_str().unwrap();
    let short = &conversation[..8];

    assert_eq!(object(dir, &["sync", "--profile", "clerk"]), json!({"received": 1}));
    let read = object(dir, &["read", short, "--peek", "--profile", "clerk"]);
    assert_eq!(keys(&read), ["at", "from", "id", "sequence", "state", "text"]);
    assert_eq!((&read["text"], &read["state"]), (&text.into(), &"unread".into()));
    assert_eq!(object(dir, &["read", short, "--profile", "clerk"])["state"], "unread");
    assert_eq!(object(dir, &["read", short, "--profile", "clerk"])["state"], "read");
    assert!(objects(dir, &["read", short, "--since", "1", "--profile", "clerk"]).is_empty());
    document(dir, conversation);
    refusals(dir, conversation);
    relay.stop();
    offline(dir, conversation);
    another_passphrase(dir);
}

/// The clerk's passphrase is another one from now on.
fn another_passphrase(dir: &Path) {
    let change = ["passphrase", "--profile", "clerk", "--json"];
    let by = |old, new| {
        let changed = run_with(dir, &[("AMANAT_PASSPHRASE", old), ("AMANAT_NEW_PASSPHRASE", new)], &change);
        serde_json::from_str::<Value>(text(&changed.stdout).trim()).unwrap()
    };
    assert_eq!(code(dir, &change[..3]), "passphrase", "which one is new is not said");
    assert_eq!(by("another one", "four more words")["error"], "passphrase");
    assert_eq!(by(PASSPHRASE, "short")["error"], "passphrase");
    assert_eq!(by(PASSPHRASE, "four more words"), json!({"profile": "clerk"}));
    let list = ["conversations", "--profile", "clerk", "--json"];
    assert_eq!(code(dir, &list[..3]), "passphrase");
    assert!(run_with(dir, &[("AMANAT_PASSPHRASE", "four more words")], &list).status.success());
    assert_eq!(by("four more words", PASSPHRASE), json!({"profile": "clerk"}));
    assert!(done(dir, &list[..3]).contains("secretary"));
}

fn document(dir: &Path, conversation: &str) {
    let content: Vec<u8> = (0..3_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(dir.join("report.bin"), &content).unwrap();
    let sent = object(dir, &["send", conversation, "--file", "report.bin", "--profile", "secretary"]);
    let id = sent["document"].as_str().unwrap();
    assert_eq!(object(dir, &["sync", "--wait", "10", "--profile", "clerk"]), json!({"received": 1}));
    let listed = object(dir, &["documents", conversation, "--profile", "clerk"]);
    let expected = json!({"id": id, "name": "report.bin", "size": content.len(), "tier": "official", "transfer": null});
    assert_eq!(listed, expected);
    fs::create_dir(dir.join("out")).unwrap();
    let saved = object(dir, &["save", &id[..8], "--out", "out", "--profile", "clerk"]);
    assert_eq!(keys(&saved), ["document", "path", "size"]);
    assert_eq!(fs::read(dir.join("out/report.bin")).unwrap(), content);
    assert_eq!(fs::read(saved["path"].as_str().unwrap()).unwrap(), content);
}

fn refusals(dir: &Path, conversation: &str) {
    let members = objects(dir, &["members", conversation, "--profile", "clerk"]);
    assert_eq!(members.len(), 2);
    assert_eq!(keys(&members[0]), ["address", "clearance", "device", "name", "post", "role", "verified"]);
    let above = ["new", "Above", "--tier", "secret", "--member", "clerk", "--profile", "secretary"];
    assert_eq!(code(dir, &above), "clearance");
    assert_eq!(code(dir, &["read", "ffffffff", "--profile", "clerk"]), "not-found");
    assert_eq!(code(dir, &["read", "Budget", "--profile", "clerk"]), "usage");
    assert_eq!(code(dir, &["join", "clerk.invitation", "--profile", "clerk"]), "invitation");
    let wrong =
        run_with(dir, &[("AMANAT_PASSPHRASE", "another one")], &["conversations", "--profile", "clerk", "--json"]);
    let wrong: Value = serde_json::from_str(text(&wrong.stdout).trim()).unwrap();
    assert_eq!(wrong["error"], "passphrase");
    let theirs = object(dir, &["verify", "clerk", "--profile", "secretary"]);
    assert_eq!(code(dir, &["verify", "secretary", "--profile", "clerk", "--confirm"]), "usage");
    assert_eq!(code(dir, &["verify", "secretary", "--profile", "clerk", "--confirm", "12345"]), "not-allowed");
    let number: Vec<&str> = theirs["safety_number"].as_str().unwrap().split(' ').collect();
    let confirm = [&["verify", "secretary", "--profile", "clerk", "--confirm"], &number[..]].concat();
    let verified = object(dir, &confirm);
    assert_eq!(verified["verified"], true);
    assert_eq!((&theirs["safety_number"], &theirs["verified"]), (&verified["safety_number"], &false.into()));
    assert_eq!(object(dir, &["status", "--profile", "clerk"])["warnings"], 0);
    assert!(objects(dir, &["warnings", "--unread", "--read", "--profile", "clerk"]).is_empty());
    assert_eq!(object(dir, &["status", "--profile", "clerk"])["link"]["key_exchange"], "X25519MLKEM768");
}

/// The relay is down.
fn offline(dir: &Path, conversation: &str) {
    assert_eq!(code(dir, &["sync", "--profile", "secretary"]), "offline");
    let queued = run(dir, &["send", conversation, "--queue", "for later", "--profile", "secretary"]);
    assert!(queued.status.success());
    assert!(text(&queued.stdout).contains("queued"));
    let last = objects(dir, &["read", conversation, "--profile", "secretary"]).pop().unwrap();
    assert_eq!((&last["text"], &last["state"]), (&"for later".into(), &"queued".into()));
    assert!(done(dir, &["conversations", "--profile", "clerk"]).contains("secretary"));
    let attested = run(dir, &["attest", "--authority", "A"]);
    assert_eq!(attested.status.code(), Some(1));
    assert!(text(&attested.stderr).contains("waits in A/outbox"));
}
