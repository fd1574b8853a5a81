//! `amanat-relay backup`, `export`, `restore`, `import`.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, IsTerminal as _, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::{Duration, Instant},
};

use amanat_relay_core::{
    backup::{self, BackupError, Into},
    control,
};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    args::{From, To},
    problem::Problem,
};

/// Progress is told this often, on a terminal.
const TOLD_EVERY: Duration = Duration::from_millis(500);

pub(crate) fn backup(to: To) -> Result<(), Problem> {
    let question = if to.with_keys { "backup with-keys" } else { "backup" };
    let mut answer = control::ask(&to.dir, question).map_err(|error| not_asked(&to.dir, &error))?;
    let dir = to.dir;
    make(&to.out, to.with_keys, move |part, mut file| {
        let mut progress = Progress::new("written");
        let mut buffer = vec![0; 1 << 20];
        let mut done = 0u64;
        loop {
            let read = answer.read(&mut buffer).map_err(|error| cannot_write(part, &error))?;
            if read == 0 {
                break;
            }
            let bytes = buffer.get(..read).unwrap_or_default();
            file.write_all(bytes).map_err(|error| cannot_write(part, &error))?;
            done = done.saturating_add(read as u64);
            progress.tell(done);
        }
        file.sync_all().map_err(|error| cannot_write(part, &error))?;
        control::ask_damaged(&dir).map_err(|error| {
            let failed = format!("the relay could not be asked whether it left damaged documents out: {error}");
            Problem::said(failed, "look whether it still runs (amanat-relay status), then try again")
        })
    })
}

pub(crate) fn export(to: To) -> Result<(), Problem> {
    let dir = to.dir;
    make(&to.out, to.with_keys, move |part, file| {
        let mut progress = Progress::new("written");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Problem::new(&error, "try again; if it lasts, look at the system's log"))?;
        let out = BufWriter::new(file);
        let written = runtime.block_on(backup::export(&dir, to.with_keys, out, &mut |done| progress.tell(done)));
        let (written, damaged) = written.map_err(refused)?;
        let file = written.into_inner().map_err(|error| cannot_write(part, error.error()))?;
        file.sync_all().map_err(|error| cannot_write(part, &error))?;
        Ok(damaged)
    })
}

pub(crate) fn restore(from: From, into: Into) -> Result<(), Problem> {
    let (dir, archive) = (from.dir, from.from);
    let shown = dir.display().to_string();
    interruptible(
        move || {
            let mut progress = Progress::new("restored");
            backup::restore(&archive, &dir, into, &mut |done| progress.tell(done)).map_err(refused)
        },
        || (),
    )?;
    say(&format!(
        "Restored into {shown}, as a new incarnation: clients will notice, and give back what is missing.\n\
         Next: put relay.key in its place if the backup was made without keys, then amanat-relay check --dir {shown}"
    ))
}

/// Has a file made under a name of its own, verified, and only then given its name. `work` says how many documents are
/// damaged, and not in it.
fn make(
    out: &Path,
    with_keys: bool,
    work: impl FnOnce(&Path, File) -> Result<usize, Problem> + Send + 'static,
) -> Result<(), Problem> {
    let out = if out.is_dir() { out.join("amanat-relay.backup") } else { out.to_owned() };
    if out.exists() {
        let failed = format!("{} exists already", out.display());
        return Err(Problem::said(failed, "choose another name, or move it away"));
    }
    let mut name = OsString::from(".");
    name.push(out.file_name().unwrap_or_default());
    name.push(".part");
    let part = out.with_file_name(name);
    let (making, unfinished, final_name) = (part.clone(), part.clone(), out.clone());
    // Made before it can be interrupted, so that nothing makes it after it was removed.
    let file = create(&part)?;
    let finish = move || {
        let damaged = work(&making, file)?;
        let made = File::open(&making).map_err(|error| cannot_write(&making, &error))?;
        backup::verify(BufReader::new(made)).map_err(|error| {
            let error = match error {
                BackupError::Archive(_) => "the relay stopped, or could not write all of it",
                _ => "the backup does not verify",
            };
            Problem::said(error, "look at the relay's log and at both disks (df), then try again")
        })?;
        fs::rename(&making, &final_name).map_err(|error| cannot_write(&final_name, &error))?;
        let folder = final_name.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| cannot_write(folder, &error))?;
        Ok(damaged)
    };
    let remove = move || {
        let _ = fs::remove_file(&unfinished);
    };
    let damaged = interruptible(finish, remove)?;
    let size = fs::metadata(&out).map_or(0, |found| found.len());
    let keys = if with_keys {
        "It holds the relay's secret keys: keep it as you keep relay.key."
    } else {
        "The relay's keys are not in it: keep a copy of relay.key apart."
    };
    say(&format!("Wrote and verified {} ({} MiB). {keys}", out.display(), size.div_ceil(1 << 20)))?;
    if damaged == 0 {
        return Ok(());
    }
    // What was acknowledged is not missing in a backup without a word. [DELIV-04]
    let documents =
        if damaged == 1 { "a document that is".to_owned() } else { format!("{damaged} documents that are") };
    let failed = format!("{} is whole but for {documents} damaged on the relay's disk", out.display());
    Err(Problem::said(failed, "keep earlier backups, and look at the disk (dmesg) and the relay's log"))
}

/// Runs `work` until it ends or the operator interrupts it; `clean` follows where it was not done.
fn interruptible<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    clean: impl FnOnce(),
) -> Result<T, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::new(&error, "raise the limit of processes (ulimit -u)"))?;
    let outcome = runtime.block_on(async {
        let no_signals = |error: io::Error| Problem::new(&error, "try again; if it lasts, look at the system's log");
        let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
        let interrupted = || Err(Problem::said("interrupted: nothing was left half-written", "run it again"));
        tokio::select! {
            done = tokio::task::spawn_blocking(work) => {
                done.unwrap_or_else(|_| Err(Problem::said("the work ended unexpectedly", "try again; if it lasts, report it as CONTRIBUTING.md says")))
            }
            _ = interrupt.recv() => interrupted(),
            _ = terminate.recv() => interrupted(),
        }
    });
    // Not waited for: the process ends with what is half done, which has no final name.
    runtime.shutdown_background();
    if outcome.is_err() {
        clean();
    }
    outcome
}

/// Readable by this user alone: it may hold keys, and always holds who talks to whom.
fn create(part: &Path) -> Result<File, Problem> {
    let _ = fs::remove_file(part);
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part);
    created.map_err(|error| cannot_write(part, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> Problem {
    let failed = format!("cannot write {}: {error}", path.display());
    Problem::said(failed, "choose a folder that this user may write to, on a disk with room (df)")
}

fn refused(error: BackupError) -> Problem {
    Problem::new(&error, error.advice())
}

/// That no relay answers.
pub(crate) fn not_asked(dir: &Path, error: &io::Error) -> Problem {
    let failed = format!("no relay that runs on {} can be asked: {error}", dir.display());
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => "run as the relay's user (sudo -u amanat-relay)".to_owned(),
        _ => format!(
            "start it (amanat-relay run), or, where it is to stay stopped: amanat-relay export --dir {}",
            dir.display()
        ),
    };
    Problem::said(failed, advice)
}

fn say(text: &str) -> Result<(), Problem> {
    writeln!(anstream::stdout(), "{text}")
        .map_err(|error| Problem::new(&error, "give the program somewhere to write to"))
}

/// How much is done, on a terminal.
struct Progress {
    verb: &'static str,
    shown: bool,
    last: Instant,
}

impl Progress {
    fn new(verb: &'static str) -> Self {
        Self { verb, shown: io::stderr().is_terminal(), last: Instant::now() }
    }

    fn tell(&mut self, bytes: u64) {
        if self.shown && self.last.elapsed() >= TOLD_EVERY {
            self.last = Instant::now();
            let _ = write!(io::stderr(), "\r{} {} MiB", self.verb, bytes >> 20);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}
