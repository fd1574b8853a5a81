//! The built programs, run as people run them (protocol-spec/json-output, section 1): found beside the test's own
//! executable, in a folder of their own, with a bound on time, and never with anything of the caller's environment.
//!
//! [`Folder`] runs them; [`Office`] is a folder with an authority, a certified relay that runs, and people who joined.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::proxy::Proxy;

/// Opens everything that has a passphrase, unless a test says otherwise.
pub const PASSPHRASE: &str = "correct horse battery staple";
/// The domain of an [`Office`].
pub const DOMAIN: &str = "cabinet.example";
/// Nothing that a test runs takes as long, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often an exit or an open port is looked for.
const LOOK: Duration = Duration::from_millis(5);

/// Where a built program is.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().and_then(Path::parent).unwrap().join(name);
    assert!(path.exists(), "{} is not there: build the workspace first (cargo build --workspace)", path.display());
    path
}

/// A free address on loopback. Its port is not one that the system gives to outgoing connections, so that a relay that is
/// started again finds it free.
#[must_use]
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 97) as u16 * 120;
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// A temporary folder in which programs run.
pub struct Folder(TempDir);

impl Default for Folder {
    fn default() -> Self {
        Self(TempDir::new().unwrap())
    }
}

impl Folder {
    /// A path in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file in it.
    pub fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path(name), content).unwrap();
    }

    /// A program about to run in it.
    #[must_use]
    pub fn program<S: AsRef<OsStr>>(&self, name: &str, arguments: &[S]) -> Invocation {
        let mut words = vec![program(name).into_os_string()];
        words.extend(arguments.iter().map(|argument| argument.as_ref().to_owned()));
        let environment = vec![
            ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
            // A command that forgets --profile must not find anybody's.
            ("HOME".into(), self.0.path().into()),
            ("AMANAT_PASSPHRASE".into(), PASSPHRASE.into()),
        ];
        Invocation { words, dir: self.0.path().to_owned(), environment, input: Vec::new(), patience: PATIENCE }
    }

    /// Runs `amanat` to its end.
    pub fn amanat(&self, arguments: &[&str]) -> Ended {
        self.program("amanat", arguments).run()
    }

    /// Runs `amanat-relay` to its end.
    pub fn amanat_relay(&self, arguments: &[&str]) -> Ended {
        self.program("amanat-relay", arguments).run()
    }
}

/// A program about to run.
#[derive(Clone)]
pub struct Invocation {
    words: Vec<OsString>,
    dir: PathBuf,
    environment: Vec<(OsString, OsString)>,
    input: Vec<u8>,
    patience: Duration,
}

impl Invocation {
    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(set, _)| set != name);
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Takes a variable away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.environment.retain(|(set, _)| set != name);
        self
    }

    /// Gives it something to read on standard input.
    #[must_use]
    pub fn input(mut self, bytes: &[u8]) -> Self {
        self.input = bytes.to_vec();
        self
    }

    /// Runs it as the last arguments of another command, such as `faketime`.
    #[must_use]
    pub fn under<S: AsRef<OsStr>>(mut self, wrapper: &[S]) -> Self {
        self.words.splice(0..0, wrapper.iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Runs it to its end; longer than two minutes is a failure.
    #[must_use]
    pub fn run(self) -> Ended {
        self.start().end()
    }

    /// Starts it.
    #[must_use]
    pub fn start(self) -> Started {
        let line = self.words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
        let (first, rest) = self.words.split_first().unwrap();
        let mut child = Command::new(first)
            .args(rest)
            .current_dir(&self.dir)
            .env_clear()
            .envs(self.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        // Who reads nothing may have gone already.
        let _ = child.stdin.take().unwrap().write_all(&self.input);
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let reads = |mut from: Box<dyn std::io::Read + Send>| {
            thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = from.read_to_end(&mut bytes);
                bytes
            })
        };
        let readers = Some([reads(Box::new(out)), reads(Box::new(err))]);
        Started { line, child, readers, begun: Instant::now(), patience: self.patience }
    }
}

/// Collects what a program prints.
type Reader = JoinHandle<Vec<u8>>;

/// A program that runs. Dropped, it is killed.
pub struct Started {
    line: String,
    child: Child,
    readers: Option<[Reader; 2]>,
    begun: Instant,
    patience: Duration,
}

impl Started {
    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        signal("TERM", self.child.id());
    }

    /// Waits for its end.
    #[must_use]
    pub fn end(mut self) -> Ended {
        let status = wait(&mut self.child, self.begun + self.patience)
            .unwrap_or_else(|| panic!("{}: has not ended after {:?}", self.line, self.patience));
        let [out, err] = self.readers.take().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap_or_else(|_| panic!("{}: not UTF-8", self.line));
        let ended = Ended {
            line: self.line.clone(),
            code: status.code(),
            out: text(out.join().unwrap()),
            err: text(err.join().unwrap()),
            took: self.begun.elapsed(),
        };
        // Whatever is done to a program: it may refuse, it may be killed, it never panics.
        assert!(!ended.err.contains("panicked at"), "{ended}");
        ended
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that has ended.
pub struct Ended {
    line: String,
    /// Exit status; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// How long it ran.
    pub took: Duration,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, code, out, err, took } = self;
        write!(f, "{line}\nexit status {code:?} after {took:?}\n--- stdout\n{out}\n--- stderr\n{err}")
    }
}

impl Ended {
    /// It has done what it was asked.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }

    /// The objects that it printed, one a line.
    #[must_use]
    pub fn json(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{self}"));
        self.out.lines().map(parse).collect()
    }

    /// The one object that it printed.
    #[must_use]
    pub fn one(&self) -> Value {
        let mut objects = self.json();
        assert_eq!(objects.len(), 1, "{self}");
        objects.remove(0)
    }

    /// It has refused, under `--json`: exit status 1, the error's code, and both of its sentences.
    pub fn refused(self, code: &str) -> Self {
        assert_eq!(self.code, Some(1), "{self}");
        let error = self.json().pop().unwrap_or_else(|| panic!("no error object\n{self}"));
        let field = |name| error.get(name).and_then(Value::as_str).unwrap_or_default();
        assert_eq!(field("error"), code, "{self}");
        let said = |name| field(name).len() > 10 && field(name).ends_with(['.', '!', '?']);
        assert!(said("failed") && said("try"), "{self}");
        self
    }

    /// It has failed with this status, for people: a line that says what failed, and a second one with what to try.
    pub fn failed(self, status: i32) -> Self {
        assert_eq!(self.code, Some(status), "{self}");
        let lines: Vec<&str> = self.err.lines().filter(|line| !line.is_empty()).collect();
        let at =
            lines.iter().rposition(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("no error\n{self}"));
        let advised = lines.get(at + 1).and_then(|line| line.trim_start().strip_prefix("try: "));
        assert!(advised.is_some_and(|advice| advice.len() > 10), "no second line that says what to try\n{self}");
        self
    }

    /// Standard error contains a text.
    pub fn says(self, text: &str) -> Self {
        assert!(self.err.contains(text) || self.out.contains(text), "{text:?} is not said\n{self}");
        self
    }
}

/// Sends a signal by name; the shell's own `kill`, which every machine has.
pub fn signal(name: &str, id: u32) {
    let sent = Command::new("sh").args(["-c", "kill -\"$0\" \"$1\"", name, &id.to_string()]).status().unwrap();
    assert!(sent.success(), "SIG{name} could not be sent");
}

fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if Instant::now() > deadline {
            // Reported by the caller; nothing more can be done here.
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(LOOK);
    }
}

/// A relay as a process of its own. Dropped, it is killed.
pub struct RelayProcess {
    child: Child,
    log: PathBuf,
}

impl RelayProcess {
    /// Starts `amanat-relay run --dir dir` and waits until `address` accepts. What it logs is added to `dir.log`.
    #[must_use]
    pub fn start(dir: &Path, address: SocketAddr) -> Self {
        Self::start_under::<&str>(&[], dir, address)
    }

    /// The same, as the last arguments of another command.
    #[must_use]
    pub fn start_under<S: AsRef<OsStr>>(wrapper: &[S], dir: &Path, address: SocketAddr) -> Self {
        let log = dir.with_extension("log");
        let stderr = File::options().create(true).append(true).open(&log).unwrap();
        let mut words: Vec<OsString> = wrapper.iter().map(|word| word.as_ref().to_owned()).collect();
        words.extend([program("amanat-relay").into(), "run".into(), "--dir".into(), dir.into()]);
        let (first, rest) = words.split_first().unwrap();
        let child = Command::new(first)
            .args(rest)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            // A wrapper runs the relay as its child: both are ended together, as one group.
            .process_group(0)
            .spawn()
            .unwrap();
        let mut relay = Self { child, log };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            let ended = relay.child.try_wait().unwrap();
            assert!(ended.is_none(), "the relay ended: {ended:?}\n{}", relay.log());
            assert!(Instant::now() < deadline, "the relay does not accept\n{}", relay.log());
            thread::sleep(LOOK);
        }
        relay
    }

    /// Its process id, or that of what it was started under.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that relays of this folder have logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(mut self) {
        assert!(self.child.try_wait().unwrap().is_none(), "the relay ended by itself\n{}", self.log());
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended by itself; gives the exit status.
    pub fn end(mut self) -> Option<i32> {
        let status = wait(&mut self.child, Instant::now() + PATIENCE);
        status.unwrap_or_else(|| panic!("the relay has not ended\n{}", self.log())).code()
    }

    /// SIGTERM; gives the exit status.
    pub fn terminate(mut self) -> Option<i32> {
        assert!(self.child.try_wait().unwrap().is_none(), "the relay ended by itself\n{}", self.log());
        signal("TERM", self.child.id());
        let status = wait(&mut self.child, Instant::now() + PATIENCE);
        status.unwrap_or_else(|| panic!("the relay does not stop\n{}", self.log())).code()
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        // Those that have ended by then are no longer there to be signalled.
        let _ =
            Command::new("sh").args(["-c", "kill -KILL -\"$0\" 2>/dev/null", &self.child.id().to_string()]).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An office made with the commands: authority in `authority/`, relay in `relay/`, and a profile a person.
pub struct Office {
    /// Where it all is.
    pub folder: Folder,
    /// Where the relay listens.
    pub address: SocketAddr,
    relay: Option<RelayProcess>,
    proxy: Option<Proxy>,
}

impl Default for Office {
    fn default() -> Self {
        Self::new()
    }
}

impl Office {
    /// An authority and its certified relay, which runs.
    #[must_use]
    pub fn new() -> Self {
        Self::dialled_at(free_address(), None)
    }

    /// One whose relay is dialled at another address, where the test stands in between.
    #[must_use]
    pub fn behind(proxy: SocketAddr) -> Self {
        Self::dialled_at(free_address(), Some(proxy))
    }

    fn dialled_at(address: SocketAddr, proxy: Option<SocketAddr>) -> Self {
        let folder = Folder::default();
        let init = ["authority", "init", "--domain", DOMAIN, "--name", "Cabinet Office", "--out", "authority"];
        folder.amanat(&init).ok();
        let listen = address.to_string();
        let advertise = proxy.unwrap_or(address).to_string();
        let words = ["init", "--dir", "relay", "--listen", &listen, "--advertise", &advertise, "--domain", DOMAIN];
        folder.amanat_relay(&words).ok();
        let proxy = proxy.map(|proxy| Proxy::start(proxy, address));
        let mut office = Self { folder, address, relay: None, proxy };
        office.certify_relay().ok();
        office.start_relay();
        office
    }

    /// The line to the relay, where the test stands in between.
    #[must_use]
    pub fn line(&self) -> &Proxy {
        self.proxy.as_ref().unwrap()
    }

    /// Certifies the relay.
    pub fn certify_relay(&self) -> Ended {
        let words = ["relay", "certify", "relay/relay.card", "--authority", "authority", "--out", "relay/relay.cert"];
        self.folder.amanat(&words)
    }

    /// Starts the relay.
    pub fn start_relay(&mut self) {
        self.relay = Some(RelayProcess::start(&self.folder.path("relay"), self.address));
    }

    /// Stops the relay in good order.
    pub fn stop_relay(&mut self) {
        let relay = self.relay.take().unwrap();
        let log = relay.log();
        assert_eq!(relay.terminate(), Some(0), "{log}");
    }

    /// The relay's process.
    pub fn relay(&mut self) -> &mut Option<RelayProcess> {
        &mut self.relay
    }

    /// Writes `handle.invitation`.
    pub fn invite(&self, handle: &str, tier: &str, more: &[&str]) -> Ended {
        let out = format!("{handle}.invitation");
        let words = ["--json", "invite", "--authority", "authority", "--person", handle, "--name", handle, "--post"];
        let rest = ["Cabinet Division", "--tier", tier, "--out", &out];
        self.folder.amanat(&[&words[..], &rest[..], more].concat())
    }

    /// Invites, and joins as profile `handle`.
    pub fn enrol(&self, handle: &str, tier: &str) {
        self.invite(handle, tier, &[]).ok();
        self.by(handle, &["join", &format!("{handle}.invitation")]).run().ok();
    }

    /// `amanat --json --profile handle ...`, about to run.
    #[must_use]
    pub fn by(&self, handle: &str, words: &[&str]) -> Invocation {
        self.folder.program("amanat", &[&["--json", "--profile", handle], words].concat())
    }

    /// Runs it, expects it to be done, and gives what it printed.
    pub fn say(&self, handle: &str, words: &[&str]) -> Vec<Value> {
        self.by(handle, words).run().ok().json()
    }

    /// The texts of a conversation as `handle` reads them, without marking them.
    #[must_use]
    pub fn texts(&self, handle: &str, conversation: &str) -> Vec<String> {
        let lines = self.say(handle, &["read", conversation, "--peek"]);
        let sequences: Vec<u64> = lines.iter().filter_map(|line| line["sequence"].as_u64()).collect();
        assert!(sequences.len() == lines.len() && sequences.is_sorted_by(|one, next| one < next), "{sequences:?}");
        lines.iter().map(|line| line["text"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// Every file under `dir` with its content, to see that nothing has changed.
#[must_use]
pub fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.is_file() {
                // A relay that runs has a socket there too.
                let mut bytes = Vec::new();
                File::open(&path).unwrap().read_to_end(&mut bytes).unwrap();
                found.push((path, bytes));
            }
        }
    }
    found.sort();
    found
}
