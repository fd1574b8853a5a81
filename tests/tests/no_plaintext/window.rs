//! The secretary at the window: unlocked, its memory holds what is on the screen; locked, it holds nothing of it.

use std::{
    thread,
    time::{Duration, Instant},
};

use amanat_tests::{
    display::{Display, image},
    programs::Started,
};

use crate::{
    canaries::{Canaries, Put},
    nothing_in,
    search::{Found, Search},
    staff::{SECRETARY, Staff},
};

/// Nothing takes as long.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn open(staff: &Staff, display: &Display) -> Started {
    let path = |name| staff.office.folder.path(name).to_str().unwrap().to_owned();
    let profile = path(SECRETARY.0);
    let program = staff.office.folder.program("amanat-desktop", &["--profile", &profile]);
    let program = program.without("AMANAT_PASSPHRASE").env("DISPLAY", &display.name).env("TMPDIR", &path("tmp"));
    program.env("XDG_RUNTIME_DIR", &path("runtime")).env("AMANAT_LOG", "trace").env("RUST_LOG", "trace").start()
}

/// Looks until all canaries of these places are in its memory; what was found.
fn until_in_memory(puts: &[Put], desktop: &Started, search: &Search) -> Found {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = search.in_memory(desktop.id()).unwrap();
        let strings = search.strings(&found, "utf-8");
        if puts.iter().all(|put| Canaries::range(*put).all(|index| strings.contains(&index))) {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "not all of {puts:?} are in the unlocked window's memory: {}",
            search.named(&found)
        );
        thread::sleep(Duration::from_millis(200));
    }
}

/// Ctrl+L, until the process holds another image that shows its window.
fn lock(display: &Display, desktop: &Started) {
    let before = image(desktop);
    display.key("ctrl+l");
    let deadline = Instant::now() + PATIENCE;
    while image(desktop) == before {
        assert!(Instant::now() < deadline, "it does not lock");
        thread::sleep(Duration::from_millis(50));
    }
    display.focus();
}

/// A message is read, one is sent, one is begun; then it is locked.
pub(crate) fn use_and_lock(display: &Display, desktop: &mut Started, staff: &Staff, search: &Search) {
    let passphrase = staff.canaries.word(SECRETARY.1);
    display.focus();
    display.line(&passphrase);
    display.until("the message, unread", |display| display.title().starts_with('('));
    display.open_first();
    display.until("the message, read", |display| display.title() == "Amanat");
    display.line(&staff.canaries.text(Put::Typed));
    // What is typed next is not to be taken for more of it.
    thread::sleep(Duration::from_secs(1));
    display.write(&staff.canaries.text(Put::Draft));
    let found = until_in_memory(&[Put::Shown, Put::Typed, Put::Draft], desktop, search);
    // The passphrase was typed a letter at a time, and each text on the way is overwritten.
    let found = search.any(&found);
    assert!(
        !Canaries::range(SECRETARY.1).any(|index| found.contains(&index)),
        "the passphrase is in the unlocked window's memory"
    );
    display.picture("no-plaintext-unlocked");
    lock(display, desktop);
    display.picture("no-plaintext-locked");
    nothing_in("the locked window's memory", search, &search.in_memory(desktop.id()).unwrap());
    assert!(desktop.runs());
}
