//! A display of its own for the window (Xvfb), and somebody at its keyboard (`xdotool`): keys and clicks as from a person. What
//! is seen is the window's title; pictures are for people.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::programs::Started;

/// Nothing in the window takes as long.
const PATIENCE: Duration = Duration::from_secs(60);
/// From one sight of the cursor in a field to the next.
const BLINK: Duration = Duration::from_secs(1);
/// The first conversation of the list, in a window of the usual size.
const FIRST: [&str; 2] = ["170", "145"];

/// A display. Dropped, it is gone.
pub struct Display {
    server: Child,
    /// What `DISPLAY` is set to.
    pub name: String,
}

impl Display {
    /// Opens one of 1240 by 820.
    #[must_use]
    pub fn open() -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1240x820x24", "-nolisten", "tcp"])
            // It would else begin anew whenever its last client leaves, and `xdotool` may be that one while the window comes.
            .arg("-noreset")
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
    #[must_use]
    pub fn title(&self) -> String {
        let window = self.xdotool(&["search", "--onlyvisible", "--name", "Amanat"]);
        window.lines().last().map(|window| self.xdotool(&["getwindowname", window])).unwrap_or_default()
    }

    /// Waits until it is seen; what is never seen fails the test, and a picture is kept.
    pub fn until(&self, what: &str, seen: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !seen(self) {
            if Instant::now() > deadline {
                self.picture("desktop-failed");
                panic!("{what}: not seen; see target/desktop-failed.png. The title is {:?}", self.title());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The window has the keyboard: without a window manager nobody gives it that, and it is there before it listens.
    pub fn focus(&self) {
        self.until("the window", |display| display.title() == "Amanat");
        let window = self.xdotool(&["search", "--onlyvisible", "--name", "Amanat"]);
        self.xdotool(&["windowfocus", "--sync", &window]);
        thread::sleep(Duration::from_secs(1));
    }

    /// Types.
    pub fn write(&self, text: &str) {
        self.xdotool(&["type", "--delay", "15", text]);
    }

    /// Types a line.
    pub fn line(&self, text: &str) {
        self.write(text);
        self.key("Return");
    }

    /// Presses a key.
    pub fn key(&self, name: &str) {
        self.xdotool(&["key", name]);
    }

    /// Presses a key, and waits until something else is seen.
    pub fn key_seen(&self, name: &str) {
        let before = self.pixels();
        self.key(name);
        self.until(name, |display| display.pixels() != before);
    }

    /// Waits until everything typed was taken in and drawn: the same is seen twice, a blink of the cursor apart.
    pub fn settled(&self) {
        let (mut before, deadline) = (self.pixels(), Instant::now() + PATIENCE);
        loop {
            thread::sleep(BLINK);
            let now = self.pixels();
            if now == before {
                return;
            }
            assert!(Instant::now() < deadline, "the window changes without end");
            before = now;
        }
    }

    fn pixels(&self) -> Vec<u8> {
        let done = Command::new("xwd").args(["-root", "-silent"]).env("DISPLAY", &self.name).output();
        done.expect("xwd is there: tests/run installs it").stdout
    }

    /// Clicks on the first conversation of the list.
    pub fn open_first(&self) {
        self.xdotool(&["mousemove", FIRST[0], FIRST[1], "click", "1"]);
    }

    /// Keeps a picture under `target/`.
    pub fn picture(&self, name: &str) {
        let out = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../target/{name}.png"));
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

/// What the kernel gave a program as it began: random addresses among it. Another image in its place has others.
#[must_use]
pub fn image(program: &Started) -> Vec<u8> {
    std::fs::read(format!("/proc/{}/auxv", program.id())).unwrap()
}
