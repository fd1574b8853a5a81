//! No plaintext where there must be none (protocol-spec/10-threat-model, section 1): 1,000 canaries are put wherever content
//! can be, through the built programs, and looked for where only ciphertext may be: on the relay's disk, in its backup, in
//! its memory, in all logs at their most talkative, in every byte on the line, on the disk of locked clients, and in the
//! memory of the window that was locked. Raw, as UTF-16, in base64 at each alignment, in hex.
//!
//! The line is what a proxy between clients and relay records. Names and posts of people are no canaries: the directory is
//! the relay's to know; nor are notes of revocations, which are public. What a command is given as an argument or in its
//! environment stands in its process while it runs, and no longer.
//!
//! Its controls: the canaries are planted in every encoding in each kind of place and found there; the recipient reads them;
//! the unlocked window's memory holds them; relay and line show what they may show.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

#[path = "no_plaintext/canaries.rs"]
mod canaries;
#[path = "no_plaintext/search.rs"]
mod search;
#[path = "no_plaintext/staff.rs"]
mod staff;
#[path = "no_plaintext/window.rs"]
mod window;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use amanat_tests::display::Display;
use canaries::{ALL, Canaries, Put};
use search::{Found, Search};
use staff::Staff;

#[test]
fn no_canary_is_where_no_plaintext_may_be() {
    let canaries = Canaries::new();
    let _seed = Seed(canaries.seed);
    let mut staff = Staff::new(&canaries);
    // The codes of invitations are the product's to choose; they are looked for as well.
    let search = Search::new(&[&canaries.all[..], &staff.codes.borrow()].concat());
    let own = search.in_memory(std::process::id()).unwrap();
    assert!(own == search.everything(), "what this process holds is found in its memory");
    assert!(own.len() > 6 * ALL, "Latin ones are the same in both alphabets of base64");
    let large = search.strings(&search.in_bytes(&canaries.large()), "utf-8");
    assert_eq!(large.len(), canaries.of(Put::Large).len());
    let right = right_to_read_memory();

    let talk = staff.talk();
    relay_memory("that holds the messages", right, &mut staff, &search);
    staff.answer(&talk);
    staff.show(&talk);
    if right && there_is_a_display() {
        let display = Display::open();
        let mut desktop = window::open(&staff, &display);
        window::use_and_lock(&display, &mut desktop, &staff, &search);
        // Its disk while it is locked.
        let found = search.in_folder(&staff.office.folder.path(""));
        assert!(found.is_empty(), "{}", named(&search, &found));
        desktop.terminate();
        staff.logged(desktop.end());
        staff.hear(&talk);
    }
    relay_memory("that has delivered them", right, &mut staff, &search);
    let backup = ["backup", "--dir", "relay", "--out", "relay.backup"];
    staff.office.folder.amanat_relay(&backup).ok().says("Wrote and verified");
    line(&staff, &search);
    staff.office.stop_relay();
    staff.queue(&talk);
    nothing_in("the logs of the clients", &search, &search.in_lines(staff.logs.borrow().as_bytes()));
    disks(&staff, &search);
    plant_in_files(&staff, &search);
    plant_on_the_line(&staff, &search);
}

/// All that relay and clients have written, logs, backup, keys and temporary files among it.
fn disks(staff: &Staff, search: &Search) {
    let folder = &staff.office.folder;
    let found = search.in_folder(&folder.path(""));
    assert!(found.is_empty(), "{}", named(search, &found));
    let log = fs::read_to_string(folder.path("relay.log")).unwrap();
    assert!(log.contains("DEBUG") && staff.logs.borrow().contains("DEBUG"), "the logs are not at their most talkative");
    assert!(fs::metadata(folder.path("relay.backup")).unwrap().len() > 4 << 20, "the backup holds the document");
}

/// The control: what is planted in any of the files is found there.
fn plant_in_files(staff: &Staff, search: &Search) {
    let folder = &staff.office.folder;
    let planted = ["relay.log", "relay.backup", "relay/planted", "relay/data/planted", "secretary/vault/planted"];
    let planted = [&planted[..], &["director/vault/slots", "secretary.history", "tmp/planted"]].concat();
    for name in &planted {
        let mut file = fs::File::options().create(true).append(true).open(folder.path(name)).unwrap();
        file.write_all(&search.planted()).unwrap();
    }
    let found = search.in_folder(&folder.path(""));
    assert_eq!(found.len(), planted.len(), "{}", named(search, &found));
    assert!(found.values().all(|found| *found == search.everything()));
}

/// The memory of the relay's process, which shows what the relay may know.
fn relay_memory(which: &str, right: bool, staff: &mut Staff, search: &Search) {
    if !right {
        return;
    }
    let process = staff.office.relay().as_ref().unwrap().id();
    nothing_in(&format!("the memory of the relay {which}"), search, &search.in_memory(process).unwrap());
    let known = Search::new(&["Cabinet Division".to_owned()]);
    assert!(!known.in_memory(process).unwrap().is_empty(), "the directory's posts are in the relay's memory");
}

/// All bytes that went over the line.
fn line(staff: &Staff, search: &Search) {
    let line = staff.office.line();
    let recorded = line.recorded();
    nothing_in("what went over the line", search, &on_the_line(staff, search));
    let protocol = Search::new(&["amanat/1".to_owned()]);
    let hellos = recorded.iter().filter(|bytes| !protocol.in_bytes(bytes).is_empty()).count();
    let links = line.connections();
    assert!(links > 20 && hellos == links, "each link's first words are recorded: {hellos} of {links}");
    let carried: usize = recorded.iter().map(Vec::len).sum();
    // And what came for somebody who had gone.
    assert!(carried as u64 >= line.up() + line.down(), "all of it is recorded");
    assert!(carried > 7 << 20, "the document went up and down");
}

fn on_the_line(staff: &Staff, search: &Search) -> Found {
    staff.office.line().recorded().iter().flat_map(|bytes| search.in_bytes(bytes)).collect()
}

/// The control: what goes over the line in the open is found. Somebody who takes all of it listens in the relay's place.
fn plant_on_the_line(staff: &Staff, search: &Search) {
    let taker = TcpListener::bind(staff.office.address).unwrap();
    thread::spawn(move || io::copy(&mut taker.accept().unwrap().0, &mut io::sink()));
    TcpStream::connect(staff.line).unwrap().write_all(&search.planted()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while on_the_line(staff, search) != search.everything() {
        assert!(Instant::now() < deadline, "what was planted is not found on the line");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Nothing is found; or what, and in which encodings.
pub(crate) fn nothing_in(place: &str, search: &Search, found: &Found) {
    assert!(found.is_empty(), "{place}: {}", search.named(found));
}

fn named(search: &Search, found: &BTreeMap<PathBuf, Found>) -> String {
    let line = |(path, found): (&PathBuf, &Found)| format!("{}: {}\n", path.display(), search.named(found));
    found.iter().map(line).collect()
}

/// Whether the memory of programs can be read that keep themselves from being traced: who may trace any (CAP_SYS_PTRACE).
fn right_to_read_memory() -> bool {
    const SYS_PTRACE: u32 = 19;
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let rights = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    let may = u64::from_str_radix(rights.trim(), 16).unwrap() >> SYS_PTRACE & 1 == 1;
    may || left_out("the memory of relay and window", "this is not root")
}

fn there_is_a_display() -> bool {
    let runs = |name: &str, word: &str| {
        let silent = Command::new(name).arg(word).stdout(Stdio::null()).stderr(Stdio::null()).status();
        silent.is_ok()
    };
    runs("Xvfb", "-help") && runs("xdotool", "version") || left_out("the window", "Xvfb and xdotool are not here")
}

/// Says so plainly; where `CI` is set nothing may be left out.
fn left_out(what: &str, why: &str) -> bool {
    assert!(std::env::var_os("CI").is_none(), "{what} cannot be looked at: {why}");
    // Also where a test that passes prints nothing.
    let _ = writeln!(std::io::stderr().lock(), "{what}: LEFT OUT, {why}");
    false
}

/// Says the seed when the test fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("again with AMANAT_SEED={}", self.0);
        }
    }
}
