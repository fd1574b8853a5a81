//! The built programs on a disk of which one sync fails (protocol-spec/07-delivery, sections 9 and 12): they end with exit
//! status 1 and say why, acknowledge nothing that is not kept, and sync nothing again; on a sound disk all goes on.

use std::fs;

use amanat_tests::programs::{Ended, Office, RelayProcess};

use crate::disk::{Bench, Cut, Random};

/// A sync that fails: what is synced, by which thread, and which one of them.
struct Fault {
    file: &'static str,
    thread: Option<&'static str>,
    nth: u64,
}

const fn fault(file: &'static str, thread: Option<&'static str>, nth: u64) -> Fault {
    Fault { file, thread, nth }
}

impl Fault {
    /// The variables of a program that is to meet it in the bench's folder.
    fn variables(&self, bench: &Bench) -> Vec<(String, String)> {
        let own = [("CUT_SYNC_FILE", self.file.to_owned()), ("CUT_SYNC_FAILS", self.nth.to_string())];
        let own = own.into_iter().chain(self.thread.map(|name| ("CUT_SYNC_THREAD", name.to_owned())));
        let disk = bench.preload().into_iter().map(|(name, value)| (name, value.into_string().unwrap()));
        disk.chain(own).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// It has failed, once, and what had failed was left alone. Then what the disk holds is put in its place.
    fn met(&self, bench: &mut Bench, ended: &str) {
        let marks = bench.shadow();
        assert!(marks.join("sync-failed").exists(), "no sync of {} has failed: {ended}", self.file);
        assert!(!marks.join("synced-again").exists(), "{} was synced again after a failed sync: {ended}", self.file);
        bench.lose_power(Cut::Clean, &mut Random::new());
    }
}

/// An office of two with a conversation, in which "0" stands.
fn office() -> (Office, String) {
    let office = Office::new();
    office.enrol("secretary", "secret");
    office.enrol("director", "secret");
    let first = office.say("secretary", &["send", "director", "0"]).remove(0);
    office.say("director", &["sync"]);
    (office, first["conversation"].as_str().unwrap().to_owned())
}

/// Saves all documents of the conversation; their contents.
fn documents(office: &Office, conversation: &str) -> Vec<Vec<u8>> {
    let views = office.say("director", &["documents", conversation]);
    let save = |view: &serde_json::Value| {
        let saved = office.say("director", &["save", view["id"].as_str().unwrap(), "--out", "saved.bin"]).remove(0);
        let bytes = fs::read(saved["path"].as_str().unwrap()).unwrap();
        fs::remove_file(saved["path"].as_str().unwrap()).unwrap();
        bytes
    };
    views.iter().map(save).collect()
}

/// [DELIV-03] [DELIV-01] [DELIV-20]
#[test]
fn a_relay_whose_sync_fails_ends_and_has_acknowledged_nothing_that_is_lost() {
    let (mut office, conversation) = office();
    office.folder.write("plan.bin", &vec![7; 2_500_000]);
    let long = |round: usize| format!("{}{round}", "x".repeat(63_000));
    // The database, a body in a file of its own, and its folder; segments, their index, and their folder.
    let of_texts = [fault("db", Some("store writer"), 2), fault("new", None, 1), fault("bodies", None, 1)];
    let of_documents = [fault("*.part", None, 1), fault("*.index", None, 1), fault("[0-9a-f][0-9a-f]/", None, 2)];
    for (round, fault) in of_texts.iter().chain(&of_documents).enumerate() {
        office.stop_relay();
        let mut bench = Bench::around(office.folder.path("relay"));
        let variables = fault.variables(&bench);
        let variables = variables.iter().map(|(name, value)| format!("{name}={value}"));
        let wrapper: Vec<String> = ["env".to_owned()].into_iter().chain(variables).collect();
        let before = fs::read_to_string(office.folder.path("relay.log")).unwrap_or_default().len();
        let relay = RelayProcess::start_under(&wrapper, &bench.live(), office.address);
        let (text, words) = (long(round), ["send", &conversation, "--queue"]);
        let more = if round < of_texts.len() { vec![text.as_str()] } else { vec!["--file", "plan.bin"] };
        office.by("secretary", &[&words[..], &more].concat()).run().ok();
        // What was accepted before the disk failed is done; the rest stays queued.
        let _ = office.by("secretary", &["sync"]).run();
        let ended = relay.end();
        let log = fs::read_to_string(office.folder.path("relay.log")).unwrap()[before..].to_owned();
        assert_eq!(ended, Some(1), "{}: {log}", fault.file);
        assert!(log.contains("error: the store has failed") && log.contains("try: "), "{}: {log}", fault.file);
        assert!(!log.contains("panicked at"), "{log}");
        fault.met(&mut bench, &log);
        office.start_relay();
        office.say("secretary", &["sync"]);
    }
    office.say("director", &["sync"]);
    let texts = office.texts("director", &conversation);
    assert_eq!(office.texts("secretary", &conversation), texts);
    let long_ones: Vec<&String> = texts.iter().filter(|text| text.len() > 60_000).collect();
    assert!(long_ones.iter().copied().eq(&(0..of_texts.len()).map(long).collect::<Vec<_>>()), "each is there once");
    let documents = documents(&office, &conversation);
    assert_eq!(documents.len(), of_documents.len());
    assert!(documents.iter().all(|bytes| *bytes == vec![7; 2_500_000]));
}

/// Runs a command in whose profile (or folder) a sync fails; then the disk is sound again.
fn meets(office: &Office, fault: &Fault, folder: &str, words: &[&str]) -> Ended {
    let mut bench = Bench::around(office.folder.path(folder));
    let mut run = office.by("secretary", words).env("AMANAT_NEW_PASSPHRASE", "another one of four words");
    for (name, value) in fault.variables(&bench) {
        run = run.env(&name, &value);
    }
    let ended = run.run();
    assert_eq!(ended.code, Some(1), "{}: {ended}", fault.file);
    fault.met(&mut bench, &ended.to_string());
    ended
}

// [DELIV-03] [DELIV-182] [DELIV-231]
#[test]
fn a_client_whose_sync_fails_ends_says_so_and_goes_on_with_a_sound_disk() {
    let (office, conversation) = office();
    office.enrol("clerk", "secret");
    let (db, slots) = (Some("table writer"), None);
    let again = |words: &[&str]| office.by("secretary", words).run().ok();
    // What was only to be queued was not, and nobody was told that it was.
    meets(&office, &fault("db", db, 1), "secretary", &["send", &conversation, "1", "--queue"]).refused("damaged");
    assert_eq!(office.texts("secretary", &conversation), ["0"]);
    // Somewhere on the way to the relay.
    let nth = 2 + Random::new().below(2);
    meets(&office, &fault("db", db, nth), "secretary", &["send", &conversation, "2"]).refused("damaged");
    again(&["sync"]);
    office.say("director", &["sync"]);
    let texts = office.texts("director", &conversation);
    assert_eq!(office.texts("secretary", &conversation), texts);
    assert_eq!(texts, ["0", "2"], "it was queued before the disk failed (the {nth}th sync)");
    // Opening it.
    meets(&office, &fault("db", None, 1), "secretary", &["read", &conversation]).refused("file");
    // The keys that are shredded: a conversation is founded.
    meets(&office, &fault("slots", slots, 1), "secretary", &["send", "clerk", "a"]).refused("damaged");
    again(&["send", "clerk", "b"]);
    // The passphrase: of a file that is not kept nothing counts.
    meets(&office, &fault("key.part*", None, 1), "secretary", &["passphrase"]).refused("file");
    again(&["sync"]);
    // Where it is only the folder that cannot be synced, the new one counts; the disk may have the old one.
    meets(&office, &fault("secretary", None, 1), "secretary", &["passphrase"])
        .refused("file")
        .says("new passphrase counts now, but may not survive a power cut");
    again(&["sync"]);
    office.say("clerk", &["sync"]);
    let founded = office.say("clerk", &["conversations"]);
    let texts = office.texts("clerk", founded[0]["id"].as_str().unwrap());
    assert_eq!(texts.last().unwrap(), "b");
}

// [DELIV-03] [DOC-15] [DOC-17]
#[test]
fn a_document_whose_part_file_cannot_be_synced_is_not_saved() {
    let (office, conversation) = office();
    let bytes: Vec<u8> = (0..36 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    office.folder.write("plan.bin", &bytes);
    office.say("director", &["send", &conversation, "--file", "plan.bin"]);
    office.say("secretary", &["sync"]);
    let document = office.say("secretary", &["documents", &conversation])[0]["id"].as_str().unwrap().to_owned();
    fs::create_dir(office.folder.path("saved")).unwrap();
    let save = ["save", document.as_str(), "--out", "saved"];
    // Early, at the end, and the folder: before anything is written, and when all of it is there.
    for (file, nth) in [(".amanat-*.part", 1), (".amanat-*.part", 3), ("saved", 1)] {
        meets(&office, &fault(file, None, nth), "saved", &save).refused("file");
        assert!(!office.folder.path("saved/plan.bin").exists(), "{file}, the {nth}th");
    }
    let saved = office.say("secretary", &save).remove(0);
    assert!(fs::read(saved["path"].as_str().unwrap()).unwrap() == bytes);
    assert_eq!(fs::read_dir(office.folder.path("saved")).unwrap().count(), 1, "nothing else is left there");
}
