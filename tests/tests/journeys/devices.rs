//! A person with two devices (protocol-spec/03-identity, section 6, and 05-conversation, section 5): the second joins, is
//! approved by the first, is added to the conversations, and reads from then on.

use amanat_tests::programs::Office;
use serde_json::Value;

use crate::shapes::{all_shaped, known_fields, shaped};

/// A second device of `handle`, as profile `other`; the code that it shows.
fn join_again(office: &Office, handle: &str, tier: &str, other: &str) -> String {
    std::fs::remove_file(office.folder.path(&format!("{handle}.invitation"))).unwrap();
    office.invite(handle, tier, &[]).ok();
    let joined = office.say(other, &["join", &format!("{handle}.invitation")]).remove(0);
    shaped("join", &joined);
    joined["approve"].as_str().unwrap_or_else(|| panic!("nothing to approve: {joined}")).to_owned()
}

fn texts(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["text"].as_str()).collect()
}

// [DELIV-160] [DELIV-161] [DELIV-162] [DELIV-163] [CONV-72] [CONV-73]
#[test]
fn a_second_device_is_approved_and_reads_from_then_on() {
    let office = Office::new();
    for (handle, tier) in [("secretary", "secret"), ("director", "secret")] {
        office.enrol(handle, tier);
    }
    let sent = office.say("secretary", &["send", "director", "before"]).remove(0);
    let conversation = sent["conversation"].as_str().unwrap().to_owned();
    office.say("director", &["sync"]);

    let code = join_again(&office, "secretary", "secret", "laptop");
    // Until it is approved it is served nothing, and nobody else is shown it.
    office.by("laptop", &["sync"]).run().refused("not-approved").says(&code);
    assert_eq!(office.say("director", &["people", "secretary"])[0]["devices"].as_array().unwrap().len(), 1);
    let listed = office.by("secretary", &["device", "list"]).run().ok().says("\"device-asks\"");
    // The code is read from the new device, and nowhere else.
    assert!(!listed.out.contains(&code) && !listed.err.contains(&code), "{}", listed.err);
    all_shaped("device list", &listed.json(), 2);
    let states: Vec<_> = listed.json().iter().map(|line| line["state"].as_str().unwrap().to_owned()).collect();
    assert_eq!(states, ["active", "pending"]);
    office.by("secretary", &["device", "approve", "0000-0000-0000-0000"]).run().refused("not-found");
    office.by("laptop", &["device", "approve", &code]).run().refused("not-approved");

    let approved = office.say("secretary", &["device", "approve", &code.to_lowercase()]).remove(0);
    shaped("device approve", &approved);
    office.say("secretary", &["sync"]);
    office.say("laptop", &["sync"]);
    let read = office.say("laptop", &["read", &conversation]);
    read.iter().for_each(|line| known_fields("read", line));
    assert_eq!((read.len(), read[0]["notice"].as_str()), (1, Some("reads-from-here")), "{read:?}");

    // What is encrypted before the sender has taken the change in is not for the newcomer.
    let mut told = office.by("director", &["sync"]).run().ok().err;
    told.push_str(&office.by("director", &["send", &conversation, "after"]).run().ok().err);
    office.say("laptop", &["sync"]);
    office.say("laptop", &["send", &conversation, "from the laptop"]);
    for profile in ["director", "secretary"] {
        let synced = office.by(profile, &["sync"]).run().ok().err;
        if profile == "director" {
            told.push_str(&synced);
        }
        let mut lines = office.say(profile, &["read", &conversation]);
        // Between them stands that the second device came.
        lines.retain(|line| line["kind"].is_null());
        assert_eq!(texts(&lines), ["before", "after", "from the laptop"], "{profile}");
        assert_eq!(lines[0]["from"], lines[2]["from"]);
    }
    // The others are told of the new device, once.
    assert_eq!(told.matches("\"new-device\"").count(), 1, "{told}");
    assert_eq!(texts(&office.say("laptop", &["read", &conversation])), ["after", "from the laptop"]);
    all_shaped("members", &office.say("director", &["members", &conversation]), 3);

    // What the second device opens has the first in it, too.
    let made = office.say("laptop", &["new", "Budget", "--tier", "secret", "--member", "director"]).remove(0);
    let group = made["conversation"].as_str().unwrap();
    office.say("laptop", &["send", group, "both of mine"]);
    office.say("laptop", &["sync"]);
    office.say("secretary", &["sync"]);
    office.say("director", &["sync"]);
    all_shaped("members", &office.say("director", &["members", group]), 3);
    office.say("director", &["send", group, "to both"]);
    office.say("secretary", &["sync"]);
    assert_eq!(texts(&office.say("secretary", &["read", group])).last(), Some(&"to both"));
}

/// Two devices of the secretary, and two conversations of hers with the director, one of them top-secret.
fn two_devices() -> (Office, String, String) {
    let office = Office::new();
    for handle in ["secretary", "director"] {
        office.enrol(handle, "top-secret");
    }
    let talk = ["send", "director", "first", "--tier", "confidential"];
    let sent = office.say("secretary", &talk).remove(0);
    let conversation = sent["conversation"].as_str().unwrap().to_owned();
    office.say("secretary", &["send", "director", "not for a file", "--tier", "top-secret"]);
    office.say("director", &["sync"]);
    office.say("director", &["reply", sent["message"].as_str().unwrap(), "second"]);
    office.folder.write("annex.txt", b"a document's content");
    office.say("director", &["send", &conversation, "--file", "annex.txt"]);
    office.say("director", &["react", sent["message"].as_str().unwrap(), "👍"]);
    office.say("secretary", &["sync"]);
    let code = join_again(&office, "secretary", "top-secret", "laptop");
    office.say("secretary", &["device", "approve", &code]);
    office.say("secretary", &["sync"]);
    office.say("laptop", &["sync"]);
    office.say("director", &["sync"]);
    office.say("director", &["send", &conversation, "third"]);
    office.say("laptop", &["sync"]);
    office.say("secretary", &["sync"]);
    let device = office.say("laptop", &["status"])[0]["device"].as_str().unwrap().to_owned();
    (office, conversation, device)
}

/// What a conversation shows, without numbers, times and states.
fn shown(lines: &[Value]) -> Vec<String> {
    let said = |line: &Value| {
        let text = line["text"].as_str().or(line["notice"].as_str()).unwrap_or("document");
        format!("{} {text}", line["id"].as_str().unwrap())
    };
    // Who came and went stands between the messages of one device, and not in a file.
    lines.iter().filter(|line| line["kind"].is_null()).map(said).collect()
}

// [DELIV-164] [DELIV-165] [DELIV-167] [ID-57] [ID-58]
#[test]
fn earlier_messages_come_by_a_transfer_between_own_devices() {
    const HEADING: &str = "device transfer, history export, history import";
    let (office, conversation, device) = two_devices();
    let short = ["device", "transfer", &device[..4], "--out", "moved.history"];
    office.by("secretary", &short).run().refused("not-found").says("too short");
    let packed = office.say("secretary", &["device", "transfer", &device[..10], "--out", "moved.history"]).remove(0);
    shaped(HEADING, &packed);
    assert_eq!((packed["messages"].as_u64(), packed["left_out"].as_u64()), (Some(4), Some(1)), "{packed}");
    let before = office.say("laptop", &["read", &conversation, "--peek"]);

    // On another device it opens not, altered it opens nowhere, and nothing is taken in.
    office.by("director", &["device", "transfer", "--in", "moved.history"]).run().refused("not-allowed");
    let file = std::fs::read(office.folder.path("moved.history")).unwrap();
    for place in [9, 40, file.len() / 2, file.len() - 1] {
        let mut altered = file.clone();
        altered[place] ^= 1;
        office.folder.write("altered.history", &altered);
        let refused = office.by("laptop", &["device", "transfer", "--in", "altered.history"]).run();
        assert_eq!(refused.code, Some(1), "{refused}");
    }
    office.folder.write("short.history", &file[..file.len() - 1]);
    office.by("laptop", &["device", "transfer", "--in", "short.history"]).run().refused("file");
    assert_eq!(office.say("laptop", &["read", &conversation, "--peek"]), before);

    let taken = office.say("laptop", &["device", "transfer", "--in", "moved.history"]).remove(0);
    shaped(HEADING, &taken);
    assert_eq!((taken["messages"].as_u64(), taken["known"].as_u64()), (Some(3), Some(1)), "{taken}");
    let read = office.say("laptop", &["read", &conversation]);
    read.iter().for_each(|line| known_fields("read", line));
    let there = office.say("secretary", &["read", &conversation]);
    let (here, mut there) = (shown(&read), shown(&there));
    there.insert(3, shown(&before)[0].clone());
    assert_eq!(here, there);
    assert_eq!(read[0]["reactions"][0]["text"], "👍");
    assert_eq!(read[1]["reply_to"], read[0]["id"]);
    let imported: Vec<_> = read.iter().map(|line| line["imported"] == true).collect();
    assert_eq!(imported, [true, true, true, false, false]);
    let mut sequences: Vec<u64> = read.iter().map(|line| line["sequence"].as_u64().unwrap()).collect();
    sequences.sort_unstable();
    sequences.dedup();
    assert_eq!(sequences.len(), read.len());

    // Twice changes nothing, and what came is there like everything else.
    let again = office.say("laptop", &["device", "transfer", "--in", "moved.history"]).remove(0);
    assert_eq!((again["messages"].as_u64(), again["known"].as_u64()), (Some(0), Some(4)), "{again}");
    assert_eq!(shown(&office.say("laptop", &["read", &conversation])), shown(&read));
    assert_eq!(office.say("laptop", &["search", "second"]).len(), 1);
    let document = office.say("laptop", &["documents", &conversation])[0]["id"].as_str().unwrap().to_owned();
    office.say("laptop", &["save", &document, "--out", "annex.copy"]);
    assert_eq!(std::fs::read(office.folder.path("annex.copy")).unwrap(), b"a document's content");
    office.say("laptop", &["react", read[0]["id"].as_str().unwrap(), "✓"]);
    office.say("laptop", &["send", &conversation, "fourth"]);
    office.say("secretary", &["sync"]);
    assert_eq!(texts(&office.say("secretary", &["read", &conversation])).last(), Some(&"fourth"));
}

/// The secretary with a laptop, who was put out of a group before it came; the group.
fn put_out_of_a_group() -> (Office, String) {
    let office = Office::new();
    for handle in ["secretary", "director"] {
        office.enrol(handle, "top-secret");
    }
    let new = ["new", "Old committee", "--tier", "confidential", "--member", "secretary"];
    let group = office.say("director", &new).remove(0)["conversation"].as_str().unwrap().to_owned();
    office.say("director", &["send", &group, "first"]);
    office.say("director", &["send", "secretary", "not for a file", "--tier", "top-secret"]);
    office.say("secretary", &["sync"]);
    office.say("secretary", &["send", &group, "second"]);
    office.say("director", &["sync"]);
    office.say("director", &["remove", &group, "secretary"]);
    office.say("secretary", &["sync"]);
    let code = join_again(&office, "secretary", "top-secret", "laptop");
    // A file of a device that nobody has approved yet is nobody's word, and one for it says what is missing.
    office.say("laptop", &["history", "export", "--out", "none.history"]);
    let refused = office.by("secretary", &["history", "import", "none.history"]).run().refused("not-allowed");
    refused.says("not approved").says("device approve");
    office.say("secretary", &["device", "approve", &code]);
    office.say("secretary", &["sync"]);
    office.say("laptop", &["sync"]);
    (office, group)
}

fn state(office: &Office, profile: &str, conversation: &str) -> String {
    let list = office.say(profile, &["conversations"]);
    let found = list.iter().find(|line| line["id"] == conversation).unwrap_or_else(|| panic!("{list:?}"));
    found["state"].as_str().unwrap().to_owned()
}

// [DELIV-165] [DELIV-166] [DELIV-167] [DELIV-168] [DELIV-222] [DELIV-224]
#[test]
fn own_messages_go_into_a_file_under_a_passphrase_and_come_back() {
    let (office, group) = put_out_of_a_group();
    let exported = office.say("secretary", &["history", "export", "--out", "mine.history"]).remove(0);
    assert_eq!((exported["messages"].as_u64(), exported["left_out"].as_u64()), (Some(2), Some(1)), "{exported}");
    office.by("secretary", &["history", "export", "--out", "mine.history"]).run().refused("exists");
    office.by("laptop", &["history", "import", "secretary.invitation"]).run().refused("file");
    office.by("director", &["history", "import", "mine.history"]).run().refused("not-allowed");
    let import = ["history", "import", "mine.history"];
    let wrong = office.by("laptop", &import).env("AMANAT_HISTORY_PASSPHRASE", "not the right one").run();
    wrong.refused("passphrase");
    let taken = office.say("laptop", &import).remove(0);
    assert_eq!((taken["messages"].as_u64(), taken["left_out"].as_u64()), (Some(2), Some(0)), "{taken}");
    assert_eq!(state(&office, "laptop", &group), "archived");
    let read = office.say("laptop", &["read", &group]);
    read.iter().for_each(|line| known_fields("read", line));
    assert_eq!(texts(&read), ["first", "second"]);
    assert!(read.iter().all(|line| line["imported"] == true), "{read:?}");
    office.folder.amanat(&["--profile", "laptop", "read", &group]).ok().says("(from a file)");
    office.by("laptop", &["send", &group, "x", "--queue"]).run().refused("conversation");
    office.by("laptop", &["members", &group]).run().refused("conversation");
    assert_eq!(office.say("laptop", &import).remove(0)["messages"], 0);
    assert_eq!(office.say("laptop", &["search", "second"]).len(), 1);

    // Known by a file is not being in it.
    let device = office.say("laptop", &["status"])[0]["device"].as_str().unwrap().to_owned();
    office.say("secretary", &["device", "transfer", &device, "--out", "moved.history"]);
    let moved = office.say("laptop", &["device", "transfer", "--in", "moved.history"]).remove(0);
    assert_eq!((moved["known"].as_u64(), moved["left_out"].as_u64()), (Some(0), Some(1)), "{moved}");

    // It is the conversation that the device is let into afterwards.
    office.say("director", &["add", &group, "secretary"]);
    office.say("secretary", &["sync", "--wait", "10"]);
    office.say("laptop", &["sync", "--wait", "10"]);
    assert_eq!(state(&office, "laptop", &group), "active");
    let read = office.say("laptop", &["read", &group]);
    assert_eq!(texts(&read), ["first", "second"]);
    assert_eq!(read.last().unwrap()["notice"], "reads-from-here", "{read:?}");

    // A device that was replaced vouches for nothing any more.
    std::fs::remove_file(office.folder.path("secretary.invitation")).unwrap();
    office.invite("secretary", "top-secret", &["--replaces"]).ok();
    office.say("new", &["join", "secretary.invitation"]);
    office.by("new", &import).run().refused("not-allowed").says("replaced");
}
