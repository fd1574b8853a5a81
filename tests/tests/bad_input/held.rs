//! Wrong passphrases, and two processes at one folder (protocol-spec/07-delivery, sections 9 and 12).

use std::io::{BufRead as _, BufReader, Read as _};

use amanat_tests::programs::{Office, signal};

#[test]
fn a_wrong_passphrase_is_named_and_the_right_one_still_opens() {
    let office = Office::new();
    let short = office.invite("secretary", "secret", &[]).ok();
    assert_eq!(short.one()["code"], serde_json::Value::Null);
    let join = office.by("secretary", &["join", "secretary.invitation"]);
    join.clone().env("AMANAT_PASSPHRASE", "short").run().refused("passphrase");
    // Without a variable, and without a terminal to ask at, it ends at once.
    join.clone().without("AMANAT_PASSPHRASE").run().refused("passphrase").says("AMANAT_PASSPHRASE");
    join.run().ok();

    let sync = office.by("secretary", &["sync"]);
    sync.clone().env("AMANAT_PASSPHRASE", "correct horse battery stable").run().refused("passphrase");
    sync.clone().without("AMANAT_PASSPHRASE").env("AMANAT_PASSPHRASE_FILE", "nowhere").run().refused("file");
    office.folder.write("passphrase", b"wrong all the same\n");
    sync.clone().without("AMANAT_PASSPHRASE").env("AMANAT_PASSPHRASE_FILE", "passphrase").run().refused("passphrase");
    sync.run().ok();

    let wrong = "not the officer's";
    let attest = office.folder.program("amanat", &["--json", "attest", "--authority", "authority"]);
    attest.clone().env("AMANAT_OFFICER_PASSPHRASE", wrong).run().refused("passphrase");
    attest.run().ok();
    let certify = ["--json", "relay", "certify", "relay/relay.card", "--authority", "authority", "--out", "again.cert"];
    let certify = office.folder.program("amanat", &certify);
    certify.env("AMANAT_ROOT_PASSPHRASE", wrong).run().refused("passphrase");
    assert!(!office.folder.path("again.cert").exists());
}

#[test]
fn a_folder_is_one_processes_alone() {
    let mut office = Office::new();
    office.enrol("secretary", "secret");
    // A second relay on the same folder, while the first goes on.
    office.folder.amanat_relay(&["run", "--dir", "relay"]).failed(1);
    office.folder.amanat_relay(&["check", "--dir", "relay"]).ok();

    let mut watch = std::process::Command::new(amanat_tests::programs::program("amanat"))
        .args(["--json", "watch", "--profile"])
        .arg(office.folder.path("secretary"))
        .env("AMANAT_PASSPHRASE", amanat_tests::programs::PASSPHRASE)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    assert!(first.starts_with("{\"event\":"), "{first}");
    for words in [&["sync"][..], &["read", "3fa94c01"], &["send", "secretary", "x", "--queue"], &["status"]] {
        office.by("secretary", words).run().refused("in-use");
    }
    // Ctrl-C ends it in good order, and the profile is free again.
    signal("INT", watch.id());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(watch.wait().unwrap().code(), Some(0), "{rest}");
    office.say("secretary", &["status"]);

    // Killed, it leaves no lock behind either; nor does the relay.
    office.relay().take().unwrap().kill();
    office.start_relay();
    office.say("secretary", &["people"]);
}
