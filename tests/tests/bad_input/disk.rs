//! Disks that are full or cannot be written (protocol-spec/07-delivery, section 9): said so, and nothing lost.

use std::fs;

use amanat_tests::programs::{Ended, Office, RelayProcess, contents};

use crate::mounts::Mounts;

/// Files may not grow beyond this; what is tried fails as on a full disk, but with EFBIG in the place of ENOSPC. Needs
/// no right of any kind.
fn limited(kib: u64) -> [String; 4] {
    let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"");
    ["bash".into(), "-c".into(), script, "bash".into()]
}

fn office() -> (Office, String) {
    let office = Office::new();
    office.enrol("secretary", "secret");
    office.enrol("director", "secret");
    let first = office.say("secretary", &["send", "director", "0"]).remove(0);
    office.say("director", &["sync"]);
    let conversation = first["conversation"].as_str().unwrap().to_owned();
    (office, conversation)
}

/// Refused because nothing can be written, by one of these codes.
fn refused_as(ended: &Ended, codes: &[&str]) {
    assert_eq!(ended.code, Some(1), "{ended}");
    let code = ended.json().last().unwrap()["error"].as_str().unwrap().to_owned();
    assert!(codes.contains(&&*code), "{ended}");
}

#[test]
fn a_disk_that_takes_no_more_loses_nothing() {
    let (mut office, conversation) = office();
    // A relay without room: the message waits with its sender, and goes when there is room.
    let config = office.folder.path("relay/relay.toml");
    let good = fs::read_to_string(&config).unwrap();
    fs::write(&config, good.replacen("# free_disk_mib = 1024", "free_disk_mib = 4000000000", 1)).unwrap();
    office.folder.amanat_relay(&["check", "--dir", "relay"]).failed(1).says("must stay free");
    office.stop_relay();
    office.start_relay();
    office.by("secretary", &["send", &conversation, "1"]).run().ok();
    let own = office.say("secretary", &["read", &conversation, "--peek"]);
    assert_eq!(own[1]["state"], "queued");
    // What it has, it still serves.
    office.say("director", &["sync"]);
    fs::write(&config, good).unwrap();
    office.stop_relay();
    office.start_relay();
    office.say("secretary", &["sync"]);
    office.say("director", &["sync"]);
    assert_eq!(office.texts("director", &conversation), ["0", "1"]);

    // A vault whose files cannot grow.
    let long = "لمبا پیغام ".repeat(3000);
    let size = fs::metadata(office.folder.path("secretary/vault/db")).unwrap().len();
    let mut written = 0;
    loop {
        let words = ["send", &conversation, &long, "--queue"];
        let ended = office.by("secretary", &words).under(&limited(size.div_ceil(1024))).run();
        if ended.code == Some(0) {
            written += 1;
            assert!(written < 40, "the limit does not bite");
            continue;
        }
        refused_as(&ended, &["disk-full", "damaged", "file"]);
        break;
    }
    office.say("secretary", &["sync"]);
    office.say("director", &["sync"]);
    let texts = office.texts("director", &conversation);
    assert_eq!(&texts[..2], ["0", "1"]);
    // What was refused may have reached the disk after all; what was not refused has.
    assert!((written..=written + 1).contains(&(texts.len() - 2)), "{written} {}", texts.len() - 2);
    assert!(texts[2..].iter().all(|text| *text == long));

    // A document for whose last segment there is no room: no file by its name.
    office.folder.write("annex.bin", &vec![7; 3_000_000]);
    office.say("secretary", &["send", &conversation, "--file", "annex.bin"]);
    office.say("director", &["sync"]);
    let document = office.say("director", &["documents", &conversation])[0]["id"].as_str().unwrap().to_owned();
    let save = office.by("director", &["save", &document, "--out", "annex.out"]);
    refused_as(&save.clone().under(&limited(2000)).run(), &["disk-full", "file", "too-large"]);
    assert!(!office.folder.path("annex.out").exists());
    save.run().ok();
    assert!(fs::read(office.folder.path("annex.out")).unwrap() == vec![7; 3_000_000]);
}

#[test]
fn a_full_file_system_is_said_to_be_one() {
    let (office, conversation) = office();
    let profile = office.folder.path("secretary");
    let small = "mkdir \"$0.disk\" && cp -a \"$0/.\" \"$0.disk\" && mount -t tmpfs -o size=48m tmpfs \"$0\" && cp -a \"$0.disk/.\" \"$0\"";
    let Some(mounts) = Mounts::new(small, &profile) else { return };
    let inside = mounts.inside(&office.folder.path(""));
    let by = |words: &[&str]| office.by("secretary", words).under(&inside).run();
    let shell = |script: &str| {
        let ran =
            std::process::Command::new(&inside[0]).args(&inside[1..]).args(["sh", "-c", script]).status().unwrap();
        assert!(ran.success(), "{script}");
    };
    by(&["send", &conversation, "1"]).ok();
    // Nearly full: the vault stops before the disk does. Then full to the last byte.
    for fill in
        ["head -c 20000000 /dev/zero > secretary/filler", "cat /dev/zero > secretary/filler 2>/dev/null || true"]
    {
        shell(fill);
        refused_as(&by(&["send", &conversation, "refused", "--queue"]), &["disk-full"]);
        refused_as(&by(&["send", &conversation, "refused"]), &["disk-full"]);
    }
    shell("rm secretary/filler");
    by(&["send", &conversation, "2"]).ok();
    by(&["sync"]).ok();
    office.say("director", &["sync"]);
    assert_eq!(office.texts("director", &conversation), ["0", "1", "2"]);
}

#[test]
fn a_read_only_folder_is_said_to_be_one() {
    let (mut office, conversation) = office();
    // No right is needed for this one: nobody can make a folder there.
    office.folder.amanat(&["join", "secretary.invitation", "--profile", "/proc/amanat"]).failed(1);
    office
        .folder
        .amanat_relay(&["init", "--dir", "/proc/amanat", "--listen", "127.0.0.1:7443", "--domain", "a.example"])
        .failed(1);
    let invite = office.invite("late", "secret", &["--out", "/proc/late.invitation"]);
    assert_ne!(invite.code, Some(0), "{invite}");

    let read_only = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\"";
    let profile = office.folder.path("secretary");
    let before = contents(&profile);
    if let Some(mounts) = Mounts::new(read_only, &profile) {
        let inside = mounts.inside(&office.folder.path(""));
        for words in [&["sync"][..], &["read", &conversation], &["send", &conversation, "x", "--queue"]] {
            office.by("secretary", words).under(&inside).run().refused("file");
        }
        assert!(contents(&profile) == before, "a refused command has changed the vault");
    }
    office.stop_relay();
    let dir = office.folder.path("relay");
    if let Some(mounts) = Mounts::new(read_only, &dir) {
        let inside = mounts.inside(&office.folder.path(""));
        for command in ["check", "run"] {
            let run = office.folder.program("amanat-relay", &[command, "--dir", "relay"]).under(&inside).run();
            run.failed(1).says("writ");
        }
    }
    *office.relay() = Some(RelayProcess::start(&dir, office.address));
    office.say("secretary", &["send", &conversation, "1"]);
    office.say("director", &["sync"]);
    assert_eq!(office.texts("director", &conversation), ["0", "1"]);
}
