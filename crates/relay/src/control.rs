//! Control socket (protocol-spec/07-delivery, section 13): what the machine's operator asks of the relay that runs.
//!
//! A Unix socket of mode 0600 in the relay's folder. One line is a question: `status` is answered with lines of text,
//! `backup` and `backup with-keys` with an archive. The answer ends with the connection; an archive without its end is
//! none. Absent here: anything that changes the relay.

use std::{
    io::{self, BufRead as _, BufReader, BufWriter, Write},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use amanat_identity::SignedStatus;
use amanat_primitives::Timestamp;
use amanat_wire::Decode as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _},
    net::{UnixListener, UnixStream as AsyncStream},
};

use crate::{backup, shared::Shared, storage};

/// The socket, in the relay's folder.
pub const SOCKET: &str = "control.sock";
/// The figure of `status` that counts documents which cannot be read.
const DAMAGED: &str = "documents_damaged";
/// Bytes of a question.
const QUESTION: u64 = 64;
/// The operator's program takes what it asked for at least this fast.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the socket tells of.
pub(crate) struct Desk {
    pub(crate) shared: Arc<Shared>,
    pub(crate) dir: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) since: Timestamp,
    pub(crate) certificate_until: Timestamp,
}

/// Answers until the relay stops. A relay without its socket serves all the same.
pub(crate) async fn serve(desk: Desk) {
    let path = desk.dir.join(SOCKET);
    // Another relay's it cannot be: we hold the store.
    let _ = std::fs::remove_file(&path);
    let bound = UnixListener::bind(&path).and_then(|listener| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    });
    let listener = match bound {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%error, "there is no control socket: `status` and `backup` cannot ask this relay");
            return;
        }
    };
    let desk = Arc::new(desk);
    loop {
        let accepted = tokio::select! {
            () = desk.shared.closing() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else { continue };
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            if let Err(error) = answer(&desk, stream).await {
                tracing::warn!(%error, "an operator's question was not answered to its end");
            }
        });
    }
    let _ = std::fs::remove_file(&path);
}

async fn answer(desk: &Desk, mut stream: AsyncStream) -> io::Result<()> {
    let mut line = String::new();
    let mut reader = tokio::io::BufReader::new((&mut stream).take(QUESTION));
    let read = reader.read_line(&mut line);
    // The other side sends nothing else, so nothing is lost with the reader's buffer.
    read_in_time(read).await?;
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    match line.trim() {
        "status" => (&stream).write_all(status(desk).as_bytes()),
        "backup" => archive(desk, stream, false).await,
        "backup with-keys" => archive(desk, stream, true).await,
        _ => (&stream).write_all(b"error: not a question\n"),
    }
}

async fn read_in_time(read: impl Future<Output = io::Result<usize>>) -> io::Result<usize> {
    tokio::time::timeout(Duration::from_secs(5), read).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn archive(desk: &Desk, stream: UnixStream, with_keys: bool) -> io::Result<()> {
    tracing::info!(with_keys, "a backup begins");
    let spool = backup::spool(&desk.data).map_err(io::Error::other)?;
    let spool = desk.shared.store.export(spool).await.map_err(io::Error::other)?;
    let (shared, dir) = (Arc::clone(&desk.shared), desk.dir.clone());
    let written = tokio::task::spawn_blocking(move || {
        let out = BufWriter::with_capacity(1 << 20, stream);
        backup::write(&dir, spool, &shared.blobs, with_keys, out, &mut |_| ()).map(|_| ())
    });
    tokio::select! {
        written = written => written.map_err(io::Error::other)?.map_err(io::Error::other)?,
        () = desk.shared.closing() => return Err(io::Error::other("the relay stops")),
    }
    tracing::info!("a backup is done");
    Ok(())
}

/// Seconds between two moments, in either order.
fn apart(one: Timestamp, other: Timestamp) -> u64 {
    one.since(other).max(other.since(one)).as_secs()
}

fn status(desk: &Desk) -> String {
    let (shared, now) = (&desk.shared, desk.shared.now());
    let stats = shared.stats();
    let published = shared.status.latest();
    let verified = SignedStatus::from_bytes(&published).ok();
    let verified = verified.and_then(|signed| signed.verify(&shared.authority, now).ok());
    let mut lines = vec![
        ("up_seconds", apart(now, desk.since).to_string()),
        ("links", stats.connections.to_string()),
        ("half_open", stats.half_open.to_string()),
        ("appended", stats.appended.to_string()),
        ("requests", stats.requests.to_string()),
        ("refused_too_fast", stats.too_fast.to_string()),
        ("store", format!("{:?}", shared.store.health()).to_lowercase()),
        ("syncs", stats.syncs.to_string()),
        ("last_sync_micros", stats.last_sync_micros.to_string()),
        ("resident_kib", stats.resident_kib.to_string()),
        ("documents", shared.blobs.sealed().len().to_string()),
        (DAMAGED, shared.blobs.damaged().to_string()),
        ("incarnation", shared.store.incarnation().to_string()),
        ("certificate_ends_in_seconds", desk.certificate_until.since(now).as_secs().to_string()),
    ];
    if let Some(ahead) = shared.clock_ahead() {
        lines.push(("clock_ahead_seconds", ahead.as_secs().to_string()));
    }
    if let Ok(free) = storage::free_bytes(&desk.data) {
        lines.push(("disk_free_bytes", free.to_string()));
    }
    if let Some(settling) = shared.settling.figures(now) {
        lines.push(("settling_seconds", settling.left.as_secs().to_string()));
        lines.push(("settling_conversations", settling.conversations.to_string()));
        lines.push(("entries_back", settling.entries.to_string()));
    }
    if let Some(status) = verified {
        lines.push(("status_number", status.number().to_string()));
        lines.push(("status_age_seconds", apart(now, status.this_update()).to_string()));
        lines.push(("status_lapses_in_seconds", status.next_update().since(now).as_secs().to_string()));
    }
    lines.iter().map(|(name, value)| format!("{name} {value}\n")).collect()
}

/// Asks the relay that runs on `dir`. The answer is read from the stream to its end.
///
/// # Errors
/// Where none runs, or it may not be asked by this user.
pub fn ask(dir: &Path, question: &str) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(dir.join(SOCKET))?;
    stream.write_all(question.as_bytes())?;
    stream.write_all(b"\n")?;
    Ok(stream)
}

/// How many documents the relay knows to be damaged: no backup holds them.
///
/// # Errors
/// As [`ask`].
pub fn ask_damaged(dir: &Path) -> io::Result<usize> {
    let damaged = ask_status(dir)?.into_iter().find(|(name, _)| name == DAMAGED);
    damaged.and_then(|(_, value)| value.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// What `status` is answered with: names and values, in order.
///
/// # Errors
/// As [`ask`].
pub fn ask_status(dir: &Path) -> io::Result<Vec<(String, String)>> {
    let lines = BufReader::new(ask(dir, "status")?).lines();
    lines
        .map(|line| {
            let line = line?;
            let (name, value) = line.split_once(' ').ok_or(io::ErrorKind::InvalidData)?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect()
}
