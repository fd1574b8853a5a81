//! A relay is lost and comes back from a backup (protocol-spec/07-delivery, section 13).

use std::fs;

use amanat_tests::programs::{Office, contents, signal};

fn office() -> Office {
    let office = Office::new();
    office.enrol("secretary", "secret");
    office.enrol("director", "secret");
    office
}

fn id(office: &Office, handle: &str) -> String {
    office.say(handle, &["conversations"])[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_relay_that_runs_is_backed_up_and_restored() {
    // [DELIV-110] [DELIV-111]
    let mut office = office();
    let content: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    office.folder.write("plan.bin", &content);
    // The director has been there, and not since the first message.
    office.say("director", &["sync"]);
    office.say("secretary", &["send", "director", "one"]);
    let sent = office.say("secretary", &["send", "director", "--file", "plan.bin"]).remove(0);
    let document = sent["document"].as_str().unwrap().to_owned();
    let conversation = id(&office, "secretary");

    office.folder.amanat_relay(&["status", "--dir", "relay"]).ok().says("certificate ends in").says("status number");
    let backup = ["backup", "--dir", "relay", "--out", "relay.backup"];
    office.folder.amanat_relay(&backup).ok().says("Wrote and verified");
    office.folder.amanat_relay(&backup).failed(1).says("exists already");
    let export = ["export", "--dir", "relay", "--out", "other.backup"];
    office.folder.amanat_relay(&export).failed(1).says("the relay runs");

    office.stop_relay();
    office.folder.amanat_relay(&["status", "--dir", "relay"]).failed(1).says("no relay that runs");
    office.folder.amanat_relay(&["backup", "--dir", "relay", "--out", "third.backup"]).failed(1);
    office.folder.amanat_relay(&[&export[..], &["--with-keys"]].concat()).ok();
    assert!(contents(&office.folder.path("")).iter().all(|(path, _)| path.extension().is_none_or(|end| end != "part")));
    let (live, still) = (fs::read(office.folder.path("relay.backup")), fs::read(office.folder.path("other.backup")));
    let has_keys = |bytes: &[u8]| bytes.windows(9).any(|window| window == b"relay.key");
    assert!(!has_keys(&live.unwrap()) && has_keys(&still.unwrap()));

    // Nothing goes over what is there; what is damaged goes nowhere.
    let restore = ["restore", "--dir", "relay", "--from", "relay.backup"];
    office.folder.amanat_relay(&restore).failed(1).says("exists already");
    fs::rename(office.folder.path("relay"), office.folder.path("lost")).unwrap();
    let whole = fs::read(office.folder.path("relay.backup")).unwrap();
    for damage in 0..3 {
        let mut bytes = whole.clone();
        match damage {
            0 => bytes.truncate(whole.len() - 1),
            1 => bytes[whole.len() / 2] ^= 1,
            _ => bytes.truncate(whole.len() / 3),
        }
        office.folder.write("damaged.backup", &bytes);
        office.folder.amanat_relay(&["restore", "--dir", "relay", "--from", "damaged.backup"]).failed(1);
        assert!(!office.folder.path("relay/relay.toml").exists() && !office.folder.path("relay/data").exists());
    }
    office.folder.amanat_relay(&restore).ok().says("new incarnation");
    fs::copy(office.folder.path("lost/relay.key"), office.folder.path("relay/relay.key")).unwrap();
    office
        .folder
        .amanat_relay(&["import", "--dir", "relay", "--from", "relay.backup"])
        .failed(1)
        .says("exists already");
    office.start_relay();

    // Who had not been there since has everything, and who had goes on.
    office.by("director", &["sync"]).run().ok();
    assert_eq!(office.texts("director", &conversation)[0], "one");
    office.say("director", &["save", &document, "--out", "copy.bin"]);
    assert!(fs::read(office.folder.path("copy.bin")).unwrap() == content);
    office.by("secretary", &["send", &conversation, "two"]).run().ok().says("relay-restored");
    office.say("director", &["sync"]);
    assert_eq!(office.texts("director", &conversation).last().unwrap(), "two");
}

#[test]
fn an_interrupted_backup_leaves_nothing() {
    let office = office();
    let content = vec![7; 40_000_000];
    office.folder.write("plan.bin", &content);
    office.say("secretary", &["send", "director", "--file", "plan.bin"]);
    let backup = office.folder.program("amanat-relay", &["backup", "--dir", "relay", "--out", "relay.backup"]).start();
    signal("INT", backup.id());
    let ended = backup.end();
    let left = |name: &str| office.folder.path(name).exists();
    // The signal may have come before the program could take it, or after its work.
    assert!(ended.code == Some(0) || !left("relay.backup"), "{ended}");
    assert!(!left(".relay.backup.part") || ended.code.is_none(), "{ended}");
}

#[test]
fn a_damaged_document_is_left_out_of_a_backup_and_that_is_said() {
    // [DELIV-04]
    let mut office = office();
    for name in ["whole.bin", "damaged.bin"] {
        office.folder.write(name, &vec![name.len() as u8; 2_500_000]);
    }
    office.say("secretary", &["send", "director", "--file", "whole.bin"]);
    let lost = office.say("secretary", &["send", "director", "--file", "damaged.bin"]).remove(0);
    let lost = lost["document"].as_str().unwrap().to_owned();
    // In the middle: a segment after the first.
    let files = contents(&office.folder.path("relay"));
    let (path, bytes) = files.iter().find(|(path, _)| path.file_name().is_some_and(|name| *name == *lost)).unwrap();
    let mut bytes = bytes.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();

    office.folder.amanat_relay(&["status", "--dir", "relay"]).ok().says("documents damaged          0");
    let made = office.folder.amanat_relay(&["backup", "--dir", "relay", "--out", "relay.backup"]);
    made.failed(1).says("Wrote and verified").says("whole but for a document that is damaged");
    office.folder.amanat_relay(&["status", "--dir", "relay"]).ok().says("documents damaged          1");
    office.stop_relay();
    let made = office.folder.amanat_relay(&["export", "--dir", "relay", "--out", "other.backup"]);
    made.failed(1).says("whole but for a document that is damaged");

    fs::rename(office.folder.path("relay"), office.folder.path("lost")).unwrap();
    office.folder.amanat_relay(&["restore", "--dir", "relay", "--from", "relay.backup"]).ok();
    let documents = contents(&office.folder.path("relay/data/documents"));
    let sealed = documents.iter().filter(|(_, bytes)| bytes.len() > 2_500_000).count();
    assert_eq!(sealed, 1, "the other document is there");
}

/// Every file of a folder, to another.
fn copy(office: &Office, from: &str, to: &str) {
    for (path, bytes) in contents(&office.folder.path(from)) {
        let name = path.strip_prefix(office.folder.path(from)).unwrap();
        let path = office.folder.path(to).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
    }
}

/// What a relay is put back from: a backup, under a new incarnation, or a plain copy of its folder, which says nothing.
fn put_back(office: &mut Office, announced: bool) {
    office.stop_relay();
    fs::rename(office.folder.path("relay"), office.folder.path("lost")).unwrap();
    if announced {
        office.folder.amanat_relay(&["restore", "--dir", "relay", "--from", "relay.backup"]).ok();
        fs::copy(office.folder.path("lost/relay.key"), office.folder.path("relay/relay.key")).unwrap();
    } else {
        copy(office, "copied", "relay");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(office.folder.path("relay/relay.key"), mode).unwrap();
    }
    office.start_relay();
}

#[test]
fn a_relay_that_has_lost_the_end_of_a_log_is_noticed() {
    // [DELIV-112] [DELIV-113]
    for announced in [true, false] {
        let mut office = office();
        office.say("secretary", &["send", "director", "one"]);
        office.say("director", &["sync"]);
        office.say("secretary", &["sync"]);
        let conversation = id(&office, "secretary");
        if announced {
            office.folder.amanat_relay(&["backup", "--dir", "relay", "--out", "relay.backup"]).ok();
        } else {
            office.stop_relay();
            copy(&office, "relay", "copied");
            office.start_relay();
        }
        office.say("secretary", &["send", &conversation, "two"]);
        office.say("director", &["sync"]);
        put_back(&mut office, announced);

        let sent = office.by("secretary", &["send", &conversation, "three"]).run();
        let said = if announced { "relay-settling" } else { "relay-behind" };
        assert!(sent.err.contains(said) && sent.err.contains(&conversation), "{sent}");
        assert_eq!(office.texts("secretary", &conversation), ["one", "two", "three"], "nothing is rolled back");
        if !announced {
            // A plain copy takes back what its members hold, at once. [DELIV-251]
            assert_eq!(office.say("secretary", &["read", &conversation, "--peek"])[2]["state"], "accepted", "{sent}");
            // What the relay has at the place of the director's lost receipt is another entry: said with the next message.
            office.say("secretary", &["send", &conversation, "four"]);
            let told = office.by("director", &["sync"]).run();
            assert!(told.err.contains("\"fork\"") && told.err.contains("\"gap\""), "{told}");
            assert_eq!(office.texts("director", &conversation), ["one", "two", "four"]);
            continue;
        }
        let lines = office.say("secretary", &["read", &conversation, "--peek"]);
        assert_eq!(lines[2]["state"], "queued", "{lines:?}");
        let _ = office.by("secretary", &["sync"]).run();
        assert_eq!(office.say("secretary", &["read", &conversation, "--peek"])[2]["state"], "queued");
        office.by("director", &["sync"]).run().ok();
        assert_eq!(office.texts("director", &conversation), ["one", "two"]);
        // The relay has "two" back, and both have said that there is no more: all goes on.
        let status = office.folder.amanat_relay(&["status", "--dir", "relay"]).ok();
        status.says("settling conversations").says("entries back");
        office.by("secretary", &["sync"]).run().ok();
        office.by("director", &["sync"]).run().ok();
        assert_eq!(office.texts("director", &conversation), ["one", "two", "three"]);
    }
}
