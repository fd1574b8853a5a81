//! The built programs are killed while they carry documents: a sender, a recipient, and the relay while it takes segments
//! (protocol-spec/06-document, sections 4 and 6). What was acknowledged arrives as it was, once, and no part file is left.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use amanat_tests::programs::{Office, contents};

use crate::{Moments, interrupted, rounds};

const MIB: usize = 1024 * 1024;

/// Nothing that repeats; different for each number.
fn content(size: usize, number: u64) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ (number + 1);
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..size / 8).flat_map(|_| word().to_le_bytes()).collect()
}

/// Two people and their conversation.
fn office() -> (Office, String) {
    let office = Office::new();
    office.enrol("secretary", "secret");
    office.enrol("director", "secret");
    let first = office.say("secretary", &["send", "director", "0"]).remove(0);
    office.say("director", &["sync"]);
    (office, first["conversation"].as_str().unwrap().to_owned())
}

/// The documents of a conversation as somebody lists them: id and name.
fn listed(office: &Office, handle: &str, conversation: &str) -> Vec<(String, String)> {
    let text = |line: &serde_json::Value, field: &str| line[field].as_str().unwrap().to_owned();
    let lines = office.say(handle, &["documents", conversation]);
    lines.iter().map(|line| (text(line, "id"), text(line, "name"))).collect()
}

/// Files whose names end like a part file's, anywhere below.
fn parts(dir: &Path) -> Vec<PathBuf> {
    let named = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "part");
    contents(dir).into_iter().map(|(path, _)| path).filter(named).collect()
}

/// Everything that the director lists is saved, is what was sent under its name, and leaves nothing behind.
fn arrive(office: &Office, conversation: &str, size: usize) -> Vec<String> {
    let mut names = Vec::new();
    for (id, name) in listed(office, "director", conversation) {
        office.say("director", &["save", &id, "--out", "copy.bin"]);
        let number: u64 = name.strip_suffix(".bin").unwrap().parse().unwrap();
        assert!(fs::read(office.folder.path("copy.bin")).unwrap() == content(size, number), "{name} has changed");
        fs::remove_file(office.folder.path("copy.bin")).unwrap();
        names.push(name);
    }
    assert_eq!(parts(&office.folder.path("")), [""; 0].map(PathBuf::from));
    names
}

// [DOC-10] [DELIV-20]
#[test]
fn a_sender_that_is_killed_sends_each_document_once() {
    const SIZE: usize = 4 * MIB;
    let mut moments = Moments::new();
    let (office, conversation) = office();
    let (mut done, mut usual) = (Vec::new(), Duration::ZERO);
    for round in 0..=rounds() as u64 {
        let name = format!("{round}.bin");
        office.folder.write(&name, &content(SIZE, round));
        let send = office.by("secretary", &["send", &conversation, "--file", &name]);
        if round == 0 {
            let begun = Instant::now();
            send.run().ok();
            usual = begun.elapsed() * 5 / 4;
            done.push(name);
        } else if interrupted(send, moments.within(usual)) {
            done.push(name);
        }
    }
    office.say("secretary", &["sync"]);
    office.say("director", &["sync"]);
    let names = arrive(&office, &conversation, SIZE);
    println!("{} kills, {} documents sent, {} of them acknowledged", rounds(), names.len(), done.len());
    assert!(done.iter().all(|name| names.contains(name)), "{done:?} {names:?}");
    let mut once = names.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), names.len(), "a document was sent twice: {names:?}");
}

// [DOC-16] [DOC-21]
#[test]
fn a_recipient_that_is_killed_saves_a_document_once() {
    const SIZE: usize = 24 * MIB;
    let mut moments = Moments::new();
    let (office, conversation) = office();
    office.folder.write("0.bin", &content(SIZE, 0));
    office.say("secretary", &["send", &conversation, "--file", "0.bin"]);
    office.say("director", &["sync"]);
    let (id, _) = listed(&office, "director", &conversation).remove(0);
    let saved = office.folder.path("saved");
    fs::create_dir(&saved).unwrap();
    let save = office.by("director", &["save", &id, "--out", "saved"]);
    let begun = Instant::now();
    save.clone().run().ok();
    let usual = begun.elapsed() * 5 / 4;
    let named = || contents(&saved).into_iter().filter(|(path, _)| path.extension().is_none_or(|end| end != "part"));
    let is_over = || office.say("director", &["documents", &conversation])[0]["transfer"].is_null();
    let (mut done, mut untold) = (1, 0);
    for _ in 0..rounds() {
        let before = named().count();
        if interrupted(save.clone(), moments.within(usual)) {
            done += 1;
        } else if named().count() > before && is_over() {
            // It was done, and killed before it could say so: the next one makes another file, as it should.
            untold += 1;
        }
    }
    // What was interrupted goes on, or ends with the file that it has named.
    save.run().ok();
    done += 1;
    let files = contents(&saved);
    println!("{} kills, {done} saved and acknowledged, {untold} not told, {} files", rounds(), files.len());
    assert!(files.iter().all(|(_, bytes)| *bytes == content(SIZE, 0)), "a file is not what was sent");
    assert_eq!(parts(&office.folder.path("")), [""; 0].map(PathBuf::from));
    assert!(is_over());
    assert_eq!(files.len(), done + untold, "one file for each time that it was saved");
}

// [DELIV-20] [DELIV-69]
#[test]
fn a_relay_that_is_killed_while_it_takes_segments_loses_none_that_counts() {
    // More than the relay takes between two syncs.
    const SIZE: usize = 18 * MIB;
    let mut moments = Moments::new();
    let (mut office, conversation) = office();
    let (mut usual, mut cut) = (Duration::ZERO, 0);
    for round in 0..=rounds() as u64 {
        let name = format!("{round}.bin");
        office.folder.write(&name, &content(SIZE, round));
        let begun = Instant::now();
        let mut sending = office.by("secretary", &["send", &conversation, "--file", &name]).start();
        if round > 0 {
            // A random moment, not a wait for anything.
            std::thread::sleep(moments.within(usual));
            cut += u32::from(sending.runs());
            office.relay().take().unwrap().kill();
            office.start_relay();
        }
        sending.end().ok();
        if round == 0 {
            usual = begun.elapsed();
        }
    }
    office.say("secretary", &["sync"]);
    office.say("director", &["sync"]);
    let names = arrive(&office, &conversation, SIZE);
    println!("{} kills, {cut} of them in the middle of a document", rounds());
    let expected: Vec<String> = (0..=rounds()).map(|round| format!("{round}.bin")).collect();
    assert_eq!(names, expected, "each document once");
    assert!(cut > 0, "no kill came in the middle of a document");
}
