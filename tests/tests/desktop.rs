//! The desktop client as it is built, in a window on a display of its own (Xvfb), against a real relay: a colleague's message
//! comes, it is answered by typing, and the colleague has the answer. A picture of the window is kept as
//! `target/desktop.png`. Keys and clicks come from `xdotool`, as from a person; what is seen is the window's title.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use amanat_tests::programs::{Office, PASSPHRASE, Started, program};

/// Nothing in the window takes as long.
const PATIENCE: Duration = Duration::from_secs(60);
/// The first conversation of the list, in a window of the usual size.
const FIRST: [&str; 2] = ["170", "145"];

/// A display. Dropped, it is gone.
struct Display {
    server: Child,
    name: String,
}

impl Display {
    fn open() -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1240x820x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is there: tests/run installs it");
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { server, name: format!(":{}", line.trim()) }
    }

    /// Runs `xdotool`; what it printed.
    fn xdotool(&self, words: &[&str]) -> String {
        let done = Command::new("xdotool").args(words).env("DISPLAY", &self.name).output();
        String::from_utf8(done.expect("xdotool is there: tests/run installs it").stdout).unwrap().trim().to_owned()
    }

    /// The title of the one window.
    fn title(&self) -> String {
        let window = self.xdotool(&["search", "--onlyvisible", "--name", "Amanat"]);
        window.lines().last().map(|window| self.xdotool(&["getwindowname", window])).unwrap_or_default()
    }

    fn until(&self, what: &str, seen: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !seen(self) {
            if Instant::now() > deadline {
                self.picture();
                panic!("{what}: not seen; see target/desktop.png. The title is {:?}", self.title());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn picture(&self) {
        let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/desktop.png");
        let line = "xwd -root -silent | xwdtopnm 2>/dev/null | pnmtopng 2>/dev/null >\"$0\"";
        let done = Command::new("sh").args(["-c", line]).arg(out).env("DISPLAY", &self.name).status().unwrap();
        assert!(done.success(), "no picture: tests/run installs x11-apps and netpbm");
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn open(office: &Office, display: &Display) -> Started {
    assert!(program("amanat-desktop").exists());
    let profile = office.folder.path("secretary");
    let runtime = office.folder.path("runtime");
    std::fs::create_dir_all(&runtime).unwrap();
    office
        .folder
        .program("amanat-desktop", &["--profile".as_ref(), profile.as_os_str()])
        .without("AMANAT_PASSPHRASE")
        .env("DISPLAY", &display.name)
        .env("XDG_RUNTIME_DIR", runtime.to_str().unwrap())
        .start()
}

#[test]
fn a_message_is_read_and_answered_in_the_window() {
    let office = Office::new();
    office.enrol("secretary", "secret");
    office.enrol("director", "confidential");
    let text = "خلاصہ منسلک ہے۔ Please confirm paragraph 7.";
    office.say("director", &["send", "secretary", text]);
    let display = Display::open();
    let mut desktop = open(&office, &display);
    display.until("the unlock screen", |display| display.title() == "Amanat");
    // Without a window manager nobody gives it the keyboard; and it is there before it listens.
    let window = display.xdotool(&["search", "--onlyvisible", "--name", "Amanat"]);
    display.xdotool(&["windowfocus", "--sync", &window]);
    thread::sleep(Duration::from_secs(1));
    display.xdotool(&["type", "--delay", "15", PASSPHRASE]);
    display.xdotool(&["key", "Return"]);
    display.until("the message, unread", |display| display.title() == "(1) Amanat");
    display.xdotool(&["mousemove", FIRST[0], FIRST[1], "click", "1"]);
    display.until("the message, read", |display| display.title() == "Amanat");
    let answer = "Confirmed as of today";
    display.xdotool(&["type", "--delay", "15", answer]);
    display.xdotool(&["key", "Return"]);
    let deadline = Instant::now() + PATIENCE;
    loop {
        office.say("director", &["sync"]);
        let conversation = office.say("director", &["conversations"])[0]["id"].as_str().unwrap().to_owned();
        let read = office.say("director", &["read", &conversation, "--peek"]);
        if read.iter().any(|line| line["text"] == answer) {
            assert_eq!(read[0]["state"], "read", "that it was read was told");
            break;
        }
        assert!(Instant::now() < deadline, "the answer has not come: {read:?}");
    }
    display.picture();
    assert!(desktop.runs());
    desktop.terminate();
}
