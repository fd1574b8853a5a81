//! The desktop client as it is built, in a window on a display of its own (Xvfb), against a real relay: a colleague's message
//! comes, it is answered by typing, and the colleague has the answer; and somebody joins, sends a document, locks and unlocks.
//! A picture of each window is kept under `target/`. Keys and clicks come from `xdotool`, as from a person; what is seen is the
//! window's title and what comes out at a colleague's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

use std::{
    thread,
    time::{Duration, Instant},
};

use amanat_tests::{
    display::{Display, image},
    programs::{Office, PASSPHRASE, Started, program},
};

/// Nothing in the window takes as long.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is chosen in the window, where it has to be strong.
const CHOSEN: &str = "seventeen lanterns beside the old canal";
fn open(office: &Office, display: &Display, more: &[&str]) -> Started {
    assert!(program("amanat-desktop").exists());
    let profile = office.folder.path("secretary");
    let runtime = office.folder.path("runtime");
    std::fs::create_dir_all(&runtime).unwrap();
    office
        .folder
        .program("amanat-desktop", &[&["--profile", profile.to_str().unwrap()], more].concat())
        .without("AMANAT_PASSPHRASE")
        .env("DISPLAY", &display.name)
        .env("XDG_RUNTIME_DIR", runtime.to_str().unwrap())
        .start()
}

/// Looks again and again, until there is what is looked for.
fn until<T>(what: &str, display: &Display, look: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        if Instant::now() > deadline {
            display.picture("desktop-failed");
            panic!("{what}: not seen; see target/desktop-failed.png");
        }
    }
}

#[test]
fn a_message_is_read_and_answered_in_the_window() {
    let office = Office::new();
    office.enrol("secretary", "secret");
    office.enrol("director", "confidential");
    let text = "خلاصہ منسلک ہے۔ Please confirm paragraph 7.";
    office.say("director", &["send", "secretary", text]);
    let display = Display::open();
    let mut desktop = open(&office, &display, &[]);
    display.focus();
    display.line(PASSPHRASE);
    display.until("the message, unread", |display| display.title() == "(1) Amanat");
    display.open_first();
    display.until("the message, read", |display| display.title() == "Amanat");
    let answer = "Confirmed as of today";
    display.line(answer);
    until("the answer", &display, || {
        office.say("director", &["sync"]);
        let conversation = office.say("director", &["conversations"])[0]["id"].as_str().unwrap().to_owned();
        let read = office.say("director", &["read", &conversation, "--peek"]);
        read.iter().any(|line| line["text"] == answer).then(|| {
            assert_eq!(read[0]["state"], "read", "that it was read was told");
        })
    });
    display.picture("desktop");
    assert!(desktop.runs());
    desktop.terminate();
}

#[test]
fn somebody_joins_sends_a_document_and_locks() {
    let office = Office::new();
    office.enrol("director", "confidential");
    office.invite("secretary", "secret", &[]).ok();
    let display = Display::open();
    let mut desktop = open(&office, &display, &["secretary.invitation"]);
    display.focus();
    // Twice: it is typed again, in the next field, once the window is there.
    display.line(CHOSEN);
    display.settled();
    display.line(CHOSEN);
    until("the secretary", &display, || {
        office.say("director", &["people", "secretary"]).first().map(|person| assert_eq!(person["name"], "secretary"))
    });
    office.say("director", &["send", "secretary", "Please send the summary."]);
    display.until("the message, unread", |display| display.title() == "(1) Amanat");
    display.open_first();
    display.until("the message, read", |display| display.title() == "Amanat");

    let content: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    office.folder.write("summary.pdf", &content);
    display.key("ctrl+o");
    thread::sleep(Duration::from_secs(1));
    display.line(office.folder.path("summary.pdf").to_str().unwrap());
    thread::sleep(Duration::from_secs(1));
    display.picture("desktop-question");
    // Past the button that cancels.
    display.key_seen("Tab");
    display.key_seen("Tab");
    display.key("Return");
    let document = until("the document", &display, || {
        office.say("director", &["sync"]);
        let conversation = office.say("director", &["conversations"])[0]["id"].as_str().unwrap().to_owned();
        let documents = office.say("director", &["documents", &conversation]);
        documents.first().map(|document| document["id"].as_str().unwrap().to_owned())
    });
    let out = office.folder.path("received.pdf");
    office.say("director", &["save", &document, "--out", out.to_str().unwrap()]);
    assert!(std::fs::read(out).unwrap() == content);
    display.picture("desktop-document");

    let before = image(&desktop);
    display.key("ctrl+l");
    // The process stays, and begins anew: nobody hears of a message until it is unlocked.
    thread::sleep(Duration::from_secs(2));
    office.say("director", &["send", "secretary", "Thank you."]);
    thread::sleep(Duration::from_secs(1));
    display.focus();
    assert_ne!(image(&desktop), before, "what held keys and text is gone: another image runs in its place");
    display.picture("desktop-locked");
    display.line(CHOSEN);
    display.until("the second message, unread", |display| display.title() == "(1) Amanat");
    assert!(desktop.runs());
    desktop.terminate();
}
