//! Fetches (protocol-spec/06-document, section 6): from the relay into a part file, over as many links as it takes.

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use amanat_document::Manifest;
use amanat_primitives::{Digest, DocumentId, Timestamp};
use amanat_wire::{Bytes, Decode as _};
use tokio::sync::{mpsc, oneshot, watch};

use super::{ATTEMPTS, EVENTS, RUNNING, Running};
use crate::{
    Event, Failure, FailureCode, Reply,
    api::Direction,
    engine::core::{Core, ReplyTo, bounded, respond},
    failure,
    rows::{DocumentRow, FetchRow},
    transfer::{self, DownloadPlan, Extent, Retry, Share, Writing},
    vault::{Batch, Scope},
};

/// Seconds of a day.
const DAY: u64 = 24 * 3600;
/// How long a fetch waits for a link that was lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// A fetch that someone waits for.
pub(super) struct Fetch {
    pub(super) document: DocumentId,
    out: PathBuf,
    reply: ReplyTo,
    /// Refusals since it last came further.
    attempts: u32,
    /// Where it stood when it was last interrupted.
    reached: u64,
    /// Since when it waits for a link.
    since: Option<Timestamp>,
    /// What the link that was lost has left.
    writing: Option<Writing>,
}

impl Core {
    /// [`Command::Save`](crate::Command::Save).
    pub(crate) fn save(&mut self, document: DocumentId, out: PathBuf, reply: ReplyTo) -> Result<(), Failure> {
        let begun = self.begin_fetch(document, &out);
        self.fetch_begun(begun, document, reply)
    }

    /// [`Command::ResumeDocument`](crate::Command::ResumeDocument) of a fetch.
    pub(crate) fn resume_fetch(&mut self, document: DocumentId, reply: ReplyTo) -> Result<(), Failure> {
        let begun = match self.fetch_row(document)? {
            Some(row) => self.begin_fetch(document, &path_of(&row.out)),
            None => Err(self.no_transfer(document)),
        };
        self.fetch_begun(begun, document, reply)
    }

    fn fetch_begun(
        &mut self,
        begun: Result<PathBuf, Failure>,
        document: DocumentId,
        reply: ReplyTo,
    ) -> Result<(), Failure> {
        match begun {
            Ok(out) => {
                let fetch = Fetch { document, out, reply, attempts: 0, reached: 0, since: None, writing: None };
                self.transfers.waiting.push(fetch);
                self.start_fetches()
            }
            Err(failure) => respond(reply, Err(failure)),
        }
    }

    /// Notes durably that a document is wanted at a place, and what an earlier fetch left there.
    fn begin_fetch(&mut self, document: DocumentId, out: &Path) -> Result<PathBuf, Failure> {
        let row = self.still_here(self.document_row(document)?)?;
        if row.manifest.is_empty() {
            let failed = "the document is not sent yet, or never will be";
            return Err(Failure::new(FailureCode::NotFound, failed, "the file is on this machine: open it there"));
        }
        let out = std::path::absolute(out).map_err(|error| failure::file("find", out, &error))?;
        // One that runs keeps its record: this one's turn comes when it is over.
        if self.transfers.running(Direction::Fetching, document).is_none() {
            self.note_fetch(document, &out)?;
        }
        Ok(out)
    }

    fn note_fetch(&mut self, document: DocumentId, out: &Path) -> Result<FetchRow, Failure> {
        let known = self.fetch_row(document)?;
        let part = match (transfer::part_of(out, document), &known) {
            // The name is taken, it may be by this very document. [DOC-21]
            (Err(_), Some(row)) if row.segments > 0 && path_of(&row.out) == out => path_of(&row.part),
            (part, _) => part?,
        };
        let part_bytes = bounded(part.as_os_str().as_bytes().to_vec())?;
        let out = bounded(out.as_os_str().as_bytes().to_vec())?;
        let row = match known {
            Some(row) if row.part == part_bytes => FetchRow { out, paused: false, ..row },
            other => {
                if let Some(row) = other {
                    forget_part(&row);
                }
                FetchRow {
                    document,
                    out,
                    part: part_bytes,
                    paused: false,
                    segments: 0,
                    plain: 0,
                    digest: Digest::from_bytes([0; 32]),
                    carry: Bytes::default(),
                }
            }
        };
        self.put_fetch(&row)?;
        Ok(row)
    }

    /// Begins fetches that wait, as many as may run at a time.
    pub(super) fn start_fetches(&mut self) -> Result<(), Failure> {
        while self.transfers.fetches.len() < RUNNING {
            let Some(calls) = self.transfer_calls() else { return Ok(()) };
            // Two fetches of one document come one after the other.
            let next = self
                .transfers
                .waiting
                .iter()
                .position(|fetch| self.transfers.running(Direction::Fetching, fetch.document).is_none());
            let Some(mut fetch) = next.map(|at| self.transfers.waiting.remove(at)) else { return Ok(()) };
            let document = fetch.document;
            let row = match self.note_fetch(document, &fetch.out) {
                Ok(row) => row,
                Err(failure) => {
                    let _ = fetch.reply.send(Err(failure));
                    continue;
                }
            };
            let DocumentRow { manifest, .. } = self.document_row(document)?;
            let plan = DownloadPlan {
                manifest: Manifest::from_bytes(&manifest).map_err(|_| failure::damaged())?,
                out: fetch.out.clone(),
                kept: (row.segments > 0).then(|| extent_of(&row)),
                writing: fetch.writing.take(),
                share: Share::of(&self.transfers.fetching),
            };
            let (events, said) = mpsc::channel(EVENTS);
            let (cancel, cancelled) = watch::channel(false);
            let task = self.runtime.spawn(transfer::download(plan, calls, events, cancelled));
            self.forward(said);
            let running = Running { document, link: self.links, cancel, task, fetch: Some(fetch), done: row.plain };
            self.transfers.fetches.push(running);
        }
        Ok(())
    }

    /// Notes how far a part file is, and says so to whoever waits for that. [DOC-16] [DOC-21]
    pub(super) fn keep_extent(
        &mut self,
        document: DocumentId,
        extent: Extent,
        durable: Option<oneshot::Sender<()>>,
    ) -> Result<(), Failure> {
        let Some(row) = self.fetch_row(document)? else { return Ok(()) };
        let carry = bounded(extent.carry)?;
        let row = FetchRow { segments: extent.segments, plain: extent.plain, digest: extent.digest, carry, ..row };
        self.put_fetch(&row)?;
        if let Some(durable) = durable {
            // A download that was stopped meanwhile is gone on with later.
            let _ = durable.send(());
        }
        Ok(())
    }

    pub(super) fn fetched(&mut self, document: DocumentId, path: PathBuf, size: u64) -> Result<(), Failure> {
        self.delete_fetch(document)?;
        self.end_fetch(document, Ok(Reply::Saved { path, size }));
        self.start_fetches()
    }

    /// It was told to stop: paused, or given up.
    pub(super) fn fetch_stopped(&mut self, document: DocumentId) -> Result<(), Failure> {
        let paused = match self.fetch_row(document)? {
            Some(row) if row.paused => true,
            Some(row) => {
                forget_part(&row);
                self.delete_fetch(document)?;
                false
            }
            None => false,
        };
        self.end_fetch(document, Err(stopped(document, paused)));
        self.start_fetches()
    }

    pub(super) fn fetch_failed(
        &mut self,
        document: DocumentId,
        failure: Failure,
        retry: Retry,
        writing: Option<Writing>,
    ) -> Result<(), Failure> {
        match retry {
            Retry::WhenLinked => {
                let link = self.transfers.running(Direction::Fetching, document).map(|running| running.link);
                self.transfers.lose(link.unwrap_or_default());
            }
            Retry::Later => self.transfers_later(),
            Retry::UnderNewKeys | Retry::Never => {}
        }
        let row = self.fetch_row(document)?;
        let rests = row.as_ref().is_none_or(|row| row.paused);
        if matches!(retry, Retry::WhenLinked | Retry::Later) && !rests && self.fetch_again(document, retry, writing) {
            tracing::info!(code = failure.code.name(), "a fetch was interrupted and will go on");
            return self.start_fetches();
        }
        // What can never be completed was removed.
        if row.is_some_and(|row| !path_of(&row.part).exists()) {
            self.delete_fetch(document)?;
        }
        let failure = if failure.code == FailureCode::Gone { self.why_gone(document)? } else { failure };
        self.emit(Event::DocumentFailed { document, failure: failure.clone() });
        self.end_fetch(document, Err(failure));
        self.start_fetches()
    }

    /// Why the relay does not have a document: its class has ended since it was sent, or it should still be there.
    /// [DELIV-212]
    fn why_gone(&self, document: DocumentId) -> Result<Failure, Failure> {
        let row = self.document_row(document)?;
        let message = self.message_row(row.conversation, row.sequence)?;
        let (Some(message), Ok(manifest)) = (message, Manifest::from_bytes(&row.manifest)) else {
            return Ok(failure::document_gone());
        };
        let span = manifest.class.span();
        let over = message.at.after(span) <= self.now();
        Ok(if over { failure::document_expired(span.as_secs() / DAY) } else { failure::document_lost() })
    }

    /// Lets whoever waits for a fetch know how it ended.
    fn end_fetch(&mut self, document: DocumentId, outcome: Result<Reply, Failure>) {
        let running = self.transfers.ended(Direction::Fetching, document);
        if let Some(fetch) = running.and_then(|running| running.fetch) {
            let _ = fetch.reply.send(outcome);
        }
    }

    /// Puts a fetch that was interrupted back among those that wait; `false` where it gets nowhere.
    fn fetch_again(&mut self, document: DocumentId, retry: Retry, writing: Option<Writing>) -> bool {
        let now = self.now();
        let list = &mut self.transfers.fetches;
        let Some(at) = list.iter().position(|running| running.document == document) else { return false };
        let Some(running) = list.get_mut(at) else { return false };
        let done = running.done;
        let Some(fetch) = running.fetch.as_mut() else { return false };
        if done > fetch.reached {
            (fetch.reached, fetch.attempts, fetch.since) = (done, 0, None);
        }
        if retry == Retry::Later {
            fetch.attempts += 1;
            if fetch.attempts >= ATTEMPTS {
                return false;
            }
        } else {
            fetch.since = fetch.since.or(Some(now));
        }
        if let Some(mut fetch) = list.remove(at).fetch {
            fetch.writing = writing;
            self.transfers.waiting.insert(0, fetch);
        }
        true
    }

    /// The relay could not be reached: whoever has waited long enough for a fetch learns it. What is fetched is kept.
    pub(crate) fn fail_fetches(&mut self, failure: &Failure) {
        let now = self.now();
        let mut waiting = Vec::new();
        for mut fetch in std::mem::take(&mut self.transfers.waiting) {
            if now.since(*fetch.since.get_or_insert(now)) < PATIENCE {
                waiting.push(fetch);
            } else {
                let _ = fetch.reply.send(Err(failure.clone()));
            }
        }
        self.transfers.waiting = waiting;
    }

    /// Takes a fetch that waits back.
    pub(super) fn stop_waiting(&mut self, document: DocumentId, paused: bool) {
        self.refuse_waiting(document, &stopped(document, paused));
    }

    /// A document whose message was neither deleted nor has expired.
    fn still_here(&self, row: DocumentRow) -> Result<DocumentRow, Failure> {
        let life = self.life(row.conversation, row.sequence)?;
        let gone = life.is_some_and(|life| life.presence != crate::rows::Presence::Here);
        if gone { Err(failure::document_gone()) } else { Ok(row) }
    }

    /// Whoever waits for a document learns why it will not come.
    pub(super) fn refuse_waiting(&mut self, document: DocumentId, why: &Failure) {
        let (stopping, waiting): (Vec<Fetch>, Vec<Fetch>) =
            std::mem::take(&mut self.transfers.waiting).into_iter().partition(|fetch| fetch.document == document);
        self.transfers.waiting = waiting;
        for fetch in stopping {
            let _ = fetch.reply.send(Err(why.clone()));
        }
    }

    pub(super) fn fetch_row(&self, document: DocumentId) -> Result<Option<FetchRow>, Failure> {
        self.vault.read(Scope::Fetches, document.as_bytes())
    }

    pub(super) fn put_fetch(&mut self, row: &FetchRow) -> Result<(), Failure> {
        let mut batch = Batch::default();
        batch.put(Scope::Fetches, row.document.as_bytes(), row);
        self.vault.commit(batch)
    }

    pub(super) fn delete_fetch(&mut self, document: DocumentId) -> Result<(), Failure> {
        let mut batch = Batch::default();
        batch.delete(Scope::Fetches, document.as_bytes());
        self.vault.commit(batch)
    }
}

/// Removes the part file of a fetch that is given up. Best effort: a later one into the same folder takes its place.
pub(super) fn forget_part(row: &FetchRow) {
    if let Err(error) = transfer::remove_part(&path_of(&row.part)) {
        tracing::debug!(%error, "a part file could not be removed");
    }
}

pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

fn extent_of(row: &FetchRow) -> Extent {
    Extent { segments: row.segments, plain: row.plain, digest: row.digest, carry: row.carry.to_vec() }
}

fn stopped(document: DocumentId, paused: bool) -> Failure {
    if paused {
        let advice = format!("go on with `amanat documents resume {document}`");
        return Failure::new(FailureCode::Stopped, "the document's transfer was paused", advice);
    }
    Failure::new(
        FailureCode::Stopped,
        "the document's transfer was cancelled",
        "save it again if it is wanted after all",
    )
}
