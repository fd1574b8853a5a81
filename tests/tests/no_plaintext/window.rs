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
    search::Search,
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

/// Looks until these are in its memory: where one is, it was copied and drawn, and wherever it lies the search finds it.
fn until_in_memory(put: Put, desktop: &Started, search: &Search) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = search.strings(&search.in_memory(desktop.id()).unwrap(), "utf-8");

        if found.into_iter().any(|index| Canaries::place(index) == Some(put)) {
            return;
        }
        assert!(Instant::now() < deadline, "{put:?} is not in the memory of the unlocked window");
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

/// A message is read, one is sent, one is begun; then it is locked, twice.
pub(crate) fn use_and_lock(display: &Display, desktop: &mut Started, staff: &Staff, search: &Search) {
    let passphrase = staff.canaries.word(SECRETARY.1);
    display.focus();
    display.line(&passphrase);
    display.until("the message, unread", |display| display.title().starts_with('('));
    display.open_first();
    display.until("the message, read", |display| display.title() == "Amanat");
    display.line(&staff.canaries.text(Put::Typed));
    display.write(&staff.canaries.text(Put::Draft));
    for put in [Put::Shown, Put::Typed, Put::Draft] {
        until_in_memory(put, desktop, search);
    }
    display.picture("no-plaintext-unlocked");
    lock(display, desktop);
    display.picture("no-plaintext-locked");
    nothing_in("the locked window's memory", search, &search.in_memory(desktop.id()).unwrap());

    // What was begun is still there: it came from the vault, in which nothing of it can be read.
    display.line(&passphrase);
    until_in_memory(Put::Draft, desktop, search);
    lock(display, desktop);
    nothing_in("the memory of the window that was locked again", search, &search.in_memory(desktop.id()).unwrap());
    assert!(desktop.runs());
}
