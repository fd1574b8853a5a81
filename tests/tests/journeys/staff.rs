//! Staff at work (protocol-spec/05-conversation and 06-document): they see each other, talk at a tier in Urdu and
//! English, exchange a document, and check who is who.

use amanat_tests::programs::{Office, contents};
use serde_json::Value;

use crate::shapes::{all_shaped, known_fields, shaped, worded};

const URDU: &str = "خلاصہ منسلک ہے۔ اجلاس کل صبح ۱۰ بجے ہوگا۔";
const ENGLISH: &str = "Seen. The minister's copy goes out at noon; \"quoted\", tab\t, emoji 📎.";

fn office() -> Office {
    let office = Office::new();
    office.enrol("secretary", "secret");
    office.enrol("director", "confidential");
    office.enrol("clerk", "official");
    office
}

fn id(line: &Value, field: &str) -> String {
    let id = line[field].as_str().unwrap_or_else(|| panic!("no {field} in {line}")).to_owned();
    assert!(id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{id}");
    id
}

#[test]
fn staff_talk_at_a_tier_and_exchange_a_document() {
    let office = office();
    all_shaped("people", &office.say("secretary", &["people"]), 3);
    all_shaped("people", &office.say("secretary", &["people", "direc"]), 1);

    let sent = office.say("secretary", &["send", "director", URDU, "--tier", "confidential"]).remove(0);
    shaped("send", &sent);
    let (conversation, first) = (id(&sent, "conversation"), id(&sent, "message"));
    assert_eq!(office.say("director", &["sync"])[0]["received"], 1);
    let list = office.say("director", &["conversations"]);
    all_shaped("conversations", &list, 1);
    assert_eq!((id(&list[0], "id"), list[0]["unread"].as_u64()), (conversation.clone(), Some(1)));
    let read = office.say("director", &["read", &conversation[..8]]);
    all_shaped("read", &read, 1);
    assert_eq!((id(&read[0], "id"), read[0]["text"].as_str()), (first, Some(URDU)));

    // The answer goes to the conversation, from a pipe; then the first message is read by everyone it was for.
    office.by("director", &["send", &conversation, "-"]).input(format!("{ENGLISH}\n").as_bytes()).run().ok();
    office.say("director", &["sync"]);
    office.say("secretary", &["sync"]);
    let read = office.say("secretary", &["read", &conversation, "--since", "1"]);
    assert_eq!((read.len(), read[0]["text"].as_str(), read[0]["state"].as_str()), (1, Some(ENGLISH), Some("unread")));
    let read = office.say("secretary", &["read", &conversation, "--peek"]);
    assert_eq!((read[0]["state"].as_str(), read[1]["state"].as_str()), (Some("read"), Some("read")));

    document(&office, &conversation);
    relay_has_nothing(&office);
}

/// Several MB there and back, compared byte for byte; its name is made harmless on the way.
fn document(office: &Office, conversation: &str) {
    let content: Vec<u8> = (0..5_000_011u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    office.folder.write("annex: final\u{202e}fdp.bin", &content);
    let send = ["send", "director", "--file", "annex: final\u{202e}fdp.bin", "--tier", "confidential"];
    let sent = office.say("secretary", &send).remove(0);
    shaped("send", &sent);
    let document = id(&sent, "document");
    assert_eq!(sent["conversation"], conversation);
    office.say("director", &["sync"]);
    let list = office.say("director", &["documents", conversation]);
    all_shaped("documents", &list, 1);
    assert_eq!((id(&list[0], "id"), list[0]["size"].as_u64()), (document.clone(), Some(5_000_011)));
    let name = list[0]["name"].as_str().unwrap();
    assert!(!name.contains([':', '\u{202e}']), "{name}");
    let saved = office.say("director", &["save", &document[..8], "--out", "received.bin"]).remove(0);
    shaped("save", &saved);
    assert!(std::fs::read(office.folder.path("received.bin")).unwrap() == content, "the document has changed");
    // Nothing is written over, and into a folder it goes under its own name.
    office.by("director", &["save", &document, "--out", "received.bin"]).run().refused("file");
    std::fs::create_dir(office.folder.path("inbox")).unwrap();
    office.say("director", &["save", &document, "--out", "inbox"]);
    let inbox = contents(&office.folder.path("inbox"));
    assert!(inbox.len() == 1 && inbox[0].1 == content, "{:?}", inbox.iter().map(|(path, _)| path).collect::<Vec<_>>());
}

/// Texts, titles and names of documents stand nowhere at the relay, nor, unlocked, in a vault.
fn relay_has_nothing(office: &Office) {
    let document = std::fs::read(office.folder.path("received.bin")).unwrap();
    for place in ["relay", "secretary", "director"] {
        for (path, bytes) in contents(&office.folder.path(place)) {
            for secret in ["منسلک".as_bytes(), b"minister's copy", b"annex", &document[1_000_000..1_000_032]] {
                assert!(!bytes.windows(secret.len()).any(|part| part == secret), "{} shows it", path.display());
            }
        }
    }
}

#[test]
fn a_group_has_its_members_and_nobody_below_its_tier() {
    let office = office();
    let new = ["new", "Budget بجٹ", "--tier", "confidential", "--member"];
    office.by("secretary", &[&new[..], &["director", "clerk"]].concat()).run().refused("clearance");
    office.by("clerk", &["send", "secretary", "x", "--tier", "restricted"]).run().refused("clearance");
    office.by("secretary", &["send", "nobody", "x"]).run().refused("not-found");
    let made = office.say("secretary", &[&new[..], &["director"]].concat()).remove(0);
    shaped("new", &made);
    let conversation = id(&made, "conversation");

    all_shaped("members", &office.say("secretary", &["members", &conversation]), 2);
    office.say("secretary", &["send", &conversation[..8], "one"]);
    office.say("director", &["sync"]);
    let list = office.say("director", &["conversations"]);
    assert_eq!((list[0]["title"].as_str(), list[0]["tier"].as_str()), (Some("Budget بجٹ"), Some("confidential")));
    assert_eq!(office.texts("director", &conversation), ["one"]);

    // Both see the same safety number.
    let there = office.say("director", &["verify", "secretary"]);
    let unsaid = office.by("secretary", &["verify", "director", "--confirm"]).run().json().pop().unwrap();
    assert_eq!(unsaid["error"], "usage");
    let number = there[0]["safety_number"].as_str().unwrap();
    let other = number.chars().map(|digit| if digit == '0' { '1' } else { digit }).collect::<String>();
    let other = if other == number { number.replace('1', "2") } else { other };
    office.by("secretary", &["verify", "director", "--confirm", &other]).run().refused("not-allowed");
    let mut here = office.say("secretary", &["verify", "director", "--confirm", number]);
    shaped("verify", &here[0]);
    worded("verify", "chain", &here[0]);
    assert_eq!(here[0]["safety_number"], there[0]["safety_number"]);
    assert!(here.remove(0)["verified"].as_bool().unwrap() && !there[0]["verified"].as_bool().unwrap());
    // What others have just done counts without a sync of one's own: a new conversation, and a new role.
    let title = ["title", &conversation, "Budget 2031"];
    office.by("director", &title).run().refused("not-allowed");
    office.say("secretary", &["role", &conversation, "director", "moderator"]);
    office.say("director", &title);
    let second = id(&office.say("secretary", &[&new[..], &["director"]].concat())[0], "conversation");
    office.say("director", &["send", &second, "at once"]);
    let status = &office.say("director", &["status"])[0];
    shaped("status", status);
    worded("status", "suite", status);
}

#[test]
fn what_cannot_be_understood_is_exit_status_2_and_needs_no_passphrase() {
    let folder = amanat_tests::programs::Folder::default();
    for words in [
        &["send"][..],
        &["nonsense"],
        &["status", "--unknown"],
        &["send", "director", "x", "--tier", "ultra"],
        &["new", "t", "--tier", "secret"],
        &["sync", "--wait", "soon"],
        &["send", "director", ""],
        &["reply", "3fa94c01", " \n"],
        &["edit", "3fa94c01", ""],
    ] {
        let ended = folder.program("amanat", words).without("AMANAT_PASSPHRASE").run();
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{ended}");
        let json = folder.program("amanat", &[words, &["--json"]].concat()).without("AMANAT_PASSPHRASE").run();
        assert_eq!((json.code, json.one()["error"].as_str()), (Some(2), Some("usage")), "{json}");
    }
    for words in [&["status"][..], &["people"], &["sync"], &["read", "3fa94c01"], &["watch"]] {
        folder.amanat(&[words, &["--profile", "nowhere"]].concat()).failed(1).says("no profile");
    }
    assert_eq!(folder.amanat_relay(&["run"]).code, Some(2));
    assert!(folder.amanat(&["--help"]).ok().out.contains("amanat join"));
    assert!(folder.amanat(&["completions", "bash"]).ok().out.contains("_amanat()"));
}

#[test]
fn a_message_is_answered_corrected_acknowledged_found_and_taken_back() {
    const CHANGED: &str = "reply, react, edit, delete, ack";
    let office = office();
    let ask = ["send", "director", "--ask-ack", "--expires", "7d", "Offices close at noon."];
    let sent = office.say("secretary", &ask).remove(0);
    let (conversation, message) = (id(&sent, "conversation"), id(&sent, "message"));
    office.say("director", &["sync"]);
    office.by("director", &["edit", &message, "never"]).run().refused("not-allowed");
    office.by("director", &["ack", "0123456789abcdef"]).run().refused("not-found");
    let reply = office.say("director", &["reply", &message[..8], "Understood. سمجھ گیا"]).remove(0);
    let react = office.say("director", &["react", &message[..8], "👍"]).remove(0);
    let acked = office.say("director", &["ack", &message]).remove(0);
    for line in [&reply, &react, &acked] {
        shaped(CHANGED, line);
        assert_eq!(line["conversation"], conversation);
    }
    assert_eq!((&react["message"], &acked["message"]), (&sent["message"], &sent["message"]));
    office.say("secretary", &["sync"]);
    let read = office.say("secretary", &["read", &conversation]);
    read.iter().for_each(|line| known_fields("read", line));
    assert_eq!(read.len(), 2);
    assert_eq!(read[0]["reactions"][0]["text"], "👍");
    assert_eq!(read[0]["acknowledgement"]["by"][0], read[1]["from"]);
    assert_eq!(read[0]["acknowledgement"]["missing"].as_array().unwrap().len(), 0);
    assert!(read[0]["expires_at"].is_string());
    assert_eq!((&read[1]["reply_to"], read[1]["id"].as_str()), (&sent["message"], reply["message"].as_str()));

    // Corrected: it asks again, and is found by what it says now.
    office.say("secretary", &["edit", &message, "Offices close at ONE."]);
    office.say("director", &["sync"]);
    let found = office.say("director", &["search", "close", "one"]);
    shaped("search", &found[0]);
    known_fields("read", &found[0]["message"]);
    assert_eq!(found.len(), 1);
    let found = &found[0]["message"];
    assert!(found["edited"].is_string());
    assert_eq!(found["acknowledgement"]["missing"].as_array().unwrap().len(), 1);
    assert!(office.say("director", &["search", "noon"]).is_empty());

    shaped(CHANGED, &office.say("secretary", &["delete", &message[..10]]).remove(0));
    office.say("director", &["sync"]);
    let read = office.say("director", &["read", &conversation]);
    assert!(read[0]["text"].is_null() && read[0]["deleted"] == true && read[0]["reactions"].is_null(), "{}", read[0]);
    assert!(office.say("director", &["search", "close"]).is_empty());
}
