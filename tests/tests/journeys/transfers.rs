//! A large document over a line that is cut (protocol-spec/06-document, section 4): it goes on where it was, both ways,
//! over restarts too, and little is sent twice. 64 MiB, or 1 GiB where `AMANAT_LONG` is set.

use std::{fs, thread, time::Duration};

use amanat_tests::{
    extent::bound,
    programs::{Ended, Office, Started, contents, free_address, signal},
};
use serde_json::Value;

use crate::shapes::shaped;

const MIB: u64 = 1024 * 1024;
/// Segments that may be under way when the link is cut: what of them had not arrived is carried again.
const UNDER_WAY: u64 = 8;

/// How often a document may be carried at most: once, what the link adds (4 %), and what was under way at each cut.
fn at_most(cuts: u64, size: u64) -> f64 {
    1.04 + (cuts * UNDER_WAY * MIB) as f64 / size as f64
}

fn size() -> u64 {
    bound(64 * MIB, 1024 * MIB)
}

fn office() -> Office {
    let office = Office::behind(free_address());
    office.enrol("secretary", "secret");
    office.enrol("director", "secret");
    office
}

/// Nothing that compresses, nor repeats.
fn content(size: u64, seed: u64) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ seed;
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..size / 8).flat_map(|_| word().to_le_bytes()).collect()
}

fn text(line: &Value, field: &str) -> String {
    line[field].as_str().unwrap_or_else(|| panic!("no {field} in {line}")).to_owned()
}

/// The one document of a conversation, as `handle` lists it.
fn listed(office: &Office, handle: &str, conversation: &str) -> Value {
    let lines = office.say(handle, &["documents", conversation]);
    lines.iter().for_each(|line| shaped("documents", line));
    lines.into_iter().last().unwrap()
}

fn transfer(line: &Value) -> (String, u64) {
    (text(&line["transfer"], "state"), line["transfer"]["done"].as_u64().unwrap())
}

/// Waits until the line has carried so much.
fn until(started: &mut Started, carried: impl Fn() -> u64, bytes: u64) {
    while carried() < bytes {
        assert!(started.runs(), "it ended before the line had carried enough");
        thread::sleep(Duration::from_millis(1));
    }
}

fn ended(started: Started) -> Ended {
    started.end()
}

#[test]
fn a_document_survives_cuts_both_ways() {
    let office = office();
    let (line, size) = (office.line(), size());
    let bytes = content(size, 1);
    office.folder.write("plan.bin", &bytes);

    let before = line.up();
    line.cut_up(&[0.2, 0.5, 0.8], size);
    let send = office.by("secretary", &["send", "director", "--file", "plan.bin"]).run().ok().one();
    assert_eq!(line.cuts(), 3);
    let sent = (line.up() - before) as f64 / size as f64;
    assert!(sent <= at_most(3, size), "{sent} of the document were sent");
    let (conversation, document) = (text(&send, "conversation"), text(&send, "document"));
    assert!(listed(&office, "secretary", &conversation)["transfer"].is_null());

    office.say("director", &["sync"]);
    let before = line.down();
    line.cut_down(&[0.2, 0.5], size);
    office.say("director", &["save", &document, "--out", "copy.bin"]);
    assert_eq!(line.cuts(), 3 + 2);
    let fetched = (line.down() - before) as f64 / size as f64;
    assert!(fetched <= at_most(2, size), "{fetched} of the document were fetched");
    assert!(fs::read(office.folder.path("copy.bin")).unwrap() == bytes, "the document has changed");
    assert!(listed(&office, "director", &conversation)["transfer"].is_null());
    println!("{sent:.3} of the document sent, {fetched:.3} fetched, over 3 and 2 cuts");
}

// [DOC-18] The next link is often up before a fetch has synced its part file and says that it lost the last one.
#[test]
fn a_line_that_is_cut_again_and_again_ends_no_fetch() {
    const CUTS: u32 = 20;
    let office = office();
    let (line, size) = (office.line(), 320 * MIB);
    let bytes = content(size, 3);
    office.folder.write("plan.bin", &bytes);
    let send = office.by("secretary", &["send", "director", "--file", "plan.bin"]).run().ok().one();
    office.say("director", &["sync"]);
    let shares: Vec<f64> = (1..=CUTS).map(|cut| f64::from(cut) / f64::from(CUTS + 1)).collect();
    line.cut_down(&shares, size);
    office.say("director", &["save", &text(&send, "document"), "--out", "copy.bin"]);
    assert_eq!(line.cuts(), u64::from(CUTS));
    assert!(fs::read(office.folder.path("copy.bin")).unwrap() == bytes, "the document has changed");
}

#[test]
fn after_a_kill_only_what_was_synced_counts() {
    let office = office();
    let (line, size) = (office.line(), 64 * MIB);
    let bytes = content(size, 2);
    office.folder.write("plan.bin", &bytes);
    let before = line.up();
    let mut sending = office.by("secretary", &["send", "director", "--file", "plan.bin"]).start();
    until(&mut sending, || line.up() - before, size / 2);
    sending.kill();
    drop(sending);
    let middle = line.up();
    office.say("secretary", &["sync"]);
    assert!(line.up() - middle < size * 7 / 10, "the upload began again");
    let conversation = text(&office.say("secretary", &["conversations"])[0], "id");
    let document = text(&listed(&office, "secretary", &conversation), "id");

    office.say("director", &["sync"]);
    let before = line.down();
    let save = ["save", &document, "--out", "copy.bin"];
    let mut saving = office.by("director", &save).start();
    until(&mut saving, || line.down() - before, size * 9 / 10);
    saving.kill();
    drop(saving);
    let middle = line.down();
    office.by("director", &save).run().ok();
    assert!(line.down() - middle < size * 7 / 10, "the fetch began again");
    assert!(fs::read(office.folder.path("copy.bin")).unwrap() == bytes, "the document has changed");
}

#[test]
fn transfers_are_paused_resumed_and_cancelled() {
    let office = office();
    let (line, size) = (office.line(), 48 * MIB);
    let bytes = content(size, 3);
    office.folder.write("plan.bin", &bytes);
    office.say("secretary", &["send", "director", "hello"]);
    let conversation = text(&office.say("secretary", &["conversations"])[0], "id");

    // An upload: paused before it began, it rests whatever runs; then it goes on.
    let queued = office.say("secretary", &["send", &conversation, "--file", "plan.bin", "--queue"]).remove(0);
    let document = text(&queued, "document");
    let paused = office.say("secretary", &["documents", "pause", &document]).remove(0);
    shaped("documents", &paused);
    assert_eq!(transfer(&paused), ("paused".to_owned(), 0));
    let before = line.up();
    office.say("secretary", &["sync"]);
    assert!(line.up() - before < MIB && transfer(&listed(&office, "secretary", &conversation)).0 == "paused");
    shaped("send", &office.say("secretary", &["documents", "resume", &document])[0]);
    assert!(listed(&office, "secretary", &conversation)["transfer"].is_null());
    office.by("secretary", &["documents", "cancel", &document]).run().refused("not-found");

    // One that is cancelled is never sent, and says so; nothing else waits behind it.
    let queued = office.say("secretary", &["send", &conversation, "--file", "plan.bin", "--queue"]).remove(0);
    let other = text(&queued, "document");
    shaped("documents", &office.say("secretary", &["documents", "cancel", &other[..8]])[0]);
    let before = line.up();
    office.say("secretary", &["sync"]);
    assert!(line.up() - before < MIB);
    let read = office.say("secretary", &["read", &conversation, "--peek"]);
    assert_eq!(read.last().unwrap()["state"], "cancelled");
    assert_eq!(office.say("secretary", &["status"])[0]["queued"], 0);
    office.by("secretary", &["documents", "resume", &other]).run().refused("not-found");

    // A fetch: interrupted, then resumed to where it was going, then cancelled.
    office.say("director", &["sync"]);
    for last in ["resume", "cancel"] {
        let mut saving = office.by("director", &["save", &document, "--out", &format!("{last}.bin")]).start();
        let before = line.down();
        // More than what the sockets between may hold.
        until(&mut saving, || line.down() - before, size / 2);
        signal("INT", saving.id());
        assert_ne!(ended(saving).code, Some(0));
        let done = transfer(&listed(&office, "director", &conversation)).1;
        assert!(done > 0, "nothing was kept");
        shaped("documents", &office.say("director", &["documents", "pause", &document])[0]);
        let said = office.say("director", &["documents", last, &document]).remove(0);
        let parts =
            || contents(&office.folder.path("")).into_iter().filter(|(path, _)| path.ends_with(".part")).count();
        assert_eq!(parts(), 0);
        if last == "resume" {
            shaped("save", &said);
            assert!(fs::read(office.folder.path("resume.bin")).unwrap() == bytes);
        } else {
            assert!(!office.folder.path("cancel.bin").exists() && said["transfer"].is_null());
        }
    }
}

#[test]
fn a_file_that_is_edited_between_attempts_goes_under_a_new_key() {
    // [DOC-12] The size and the time of the last change are the same: the hashes tell.
    let office = office();
    let (line, size) = (office.line(), 24 * MIB);
    let mut bytes = content(size, 4);
    office.folder.write("plan.bin", &bytes);
    let before = line.up();
    let mut sending = office.by("secretary", &["send", "director", "--file", "plan.bin"]).start();
    until(&mut sending, || line.up() - before, size / 2);
    sending.kill();
    drop(sending);
    let conversation = text(&office.say("secretary", &["conversations"])[0], "id");
    let first = text(&listed(&office, "secretary", &conversation), "id");
    let path = office.folder.path("plan.bin");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    bytes[100] ^= 1;
    fs::write(&path, &bytes).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    office.say("secretary", &["sync"]);
    let second = text(&listed(&office, "secretary", &conversation), "id");
    assert_ne!(first, second, "one keystream would have covered two texts");
    office.say("director", &["sync"]);
    assert_eq!(text(&listed(&office, "director", &conversation), "id"), second);
    office.say("director", &["save", &second, "--out", "copy.bin"]);
    assert!(fs::read(office.folder.path("copy.bin")).unwrap() == bytes);
}
