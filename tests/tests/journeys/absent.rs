//! Someone is away (protocol-spec/07-delivery, section 12): what was sent meanwhile is there afterwards, once, in order.

use amanat_tests::programs::Office;

#[test]
fn nothing_is_lost_or_repeated_while_the_recipient_and_the_relay_are_away() {
    let mut office = Office::new();
    for handle in ["secretary", "director", "clerk"] {
        office.enrol(handle, "restricted");
    }
    let new = ["new", "Away", "--tier", "official", "--member", "director", "clerk"];
    let conversation = office.say("secretary", &new)[0]["conversation"].as_str().unwrap().to_owned();
    office.say("clerk", &["sync"]);

    let mut expected: Vec<String> = Vec::new();
    let mut send = |office: &Office, by: &str, more: &[&str]| {
        let text = format!("{} from {by}", expected.len() + 1);
        let sent = office.say(by, &[&["send", &conversation, &text], more].concat()).remove(0);
        expected.push(text);
        sent["message"].as_str().unwrap().to_owned()
    };
    for _ in 0..3 {
        send(&office, "secretary", &[]);
        send(&office, "clerk", &[]);
    }
    // The relay goes too; what is written then waits in the vault, and is no failure.
    office.stop_relay();
    for _ in 0..3 {
        send(&office, "secretary", &["--queue"]);
    }
    let late = send(&office, "secretary", &[]);
    office.by("secretary", &["sync"]).run().refused("offline");
    let state = |line: &serde_json::Value| line["state"].as_str().unwrap_or_default().to_owned();
    // Seven of her own; of the clerk's, what had come by the last time she was connected.
    let own = office.say("secretary", &["read", &conversation, "--peek"]);
    assert_eq!((own.len(), own.last().map(state).as_deref()), (9, Some("queued")));
    assert_eq!(own.last().unwrap()["id"].as_str(), Some(&*late));
    office.start_relay();
    office.say("secretary", &["sync"]);

    let came = office.say("director", &["sync"]);
    assert_eq!(came[0]["received"].as_u64(), Some(expected.len() as u64));
    assert_eq!(office.texts("director", &conversation), expected);
    assert_eq!(office.say("director", &["sync", "--wait", "1"])[0]["received"], 0);
    assert_eq!(office.texts("director", &conversation), expected);
    office.say("clerk", &["sync"]);
    let mut clerks = office.texts("clerk", &conversation);
    clerks.sort_by_key(|text| text.split(' ').next().unwrap().parse::<u32>().unwrap());
    assert_eq!(clerks, expected);
    // All have it, and its author is told.
    office.say("secretary", &["sync"]);
    let own = office.say("secretary", &["read", &conversation, "--peek"]);
    let late = own.iter().find(|line| line["id"].as_str() == Some(&*late)).unwrap();
    assert_eq!(state(late), "delivered");
}

/// Whether a process leaves no core dump, whatever its system is set to.
fn dumps_nothing(process: u32) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let line = text.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    line.split_whitespace().skip(4).take(2).all(|limit| limit == "0")
}

// [DELIV-176]
#[test]
fn programs_that_hold_keys_leave_no_core_dump_and_end_when_told() {
    let mut office = Office::new();
    assert!(dumps_nothing(office.relay().as_ref().unwrap().id()), "the relay holds keys, too");
    office.enrol("secretary", "restricted");
    for words in [&["watch"][..], &["sync", "--wait", "300"]] {
        let mut running = office.by("secretary", words).start();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        // It has its limit before it asks for the passphrase.
        while !dumps_nothing(running.id()) {
            assert!(running.runs() && std::time::Instant::now() < deadline, "{words:?}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        // Some time in which it opens the vault and connects.
        std::thread::sleep(std::time::Duration::from_secs(3));
        assert!(running.runs(), "{words:?}");
        running.terminate();
        let asked = std::time::Instant::now();
        drop(running.end());
        assert!(asked.elapsed() < std::time::Duration::from_secs(15), "{words:?}");
    }
}
