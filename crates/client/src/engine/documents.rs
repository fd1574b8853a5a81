//! Documents (protocol-spec/06-document, sections 4 to 6): which transfers run, and what the vault remembers of them.
//!
//! The transfers themselves ([`crate::transfer`]) run beside the engine; here their events become rows: the hashes of
//! segments before they leave, the manifest in the outbox once all are durable at the relay. One upload and one download
//! run at a time, the others wait their turn; an upload goes on by itself when the link is back or the program starts.

use std::{collections::HashMap, ffi::OsString, os::unix::ffi::OsStringExt as _, path::PathBuf};

use amanat_conversation::content::{Body, ContentType};
use amanat_document::{
    ClaimedName, FileKey, Keys, Layout, Manifest, MediaType, PayloadNonce, SegmentHash, SourceStamp, safe_name,
};
use amanat_primitives::{ConversationId, DocumentId, MessageId, Secret, Timestamp};
use amanat_wire::{Bytes, Decode as _, Encode as _, List, Text};
use rand_core::OsRng;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{
    Input,
    core::{Core, ReplyTo, answer_with, bounded, respond, tier_of},
    create::{Opening, Then},
    outgoing::{Outgoing, put_message},
};
pub(crate) use crate::transfer::TransferEvent;
use crate::{
    Event, Failure, FailureCode, Reply,
    api::{Progress, Target},
    failure,
    rows::{DocumentRow, MessageRow, SegmentsRow, Upload},
    transfer::{self, DownloadPlan, Retry, UploadPlan},
    vault::{Batch, Scope},
};

/// Events of one transfer that may wait.
const EVENTS: usize = 64;

/// The transfers that run, and the downloads that wait.
#[derive(Default)]
pub(crate) struct Transfers {
    upload: Option<Running>,
    download: Option<Running>,
    waiting: Vec<Fetch>,
    /// How often the uploads of a message began again because their file was edited.
    restarts: HashMap<MessageId, u32>,
    /// Uploads that failed in a way that only a person can mend; tried again when the program starts again.
    failed: Vec<DocumentId>,
}

struct Running {
    document: DocumentId,
    cancel: watch::Sender<bool>,
    task: JoinHandle<()>,
    fetch: Option<Fetch>,
}

/// A download that someone waits for.
struct Fetch {
    document: DocumentId,
    out: PathBuf,
    reply: ReplyTo,
    attempts: u32,
}

/// How often a download is begun, and an upload of a file that is being edited.
const ATTEMPTS: u32 = 3;

impl Transfers {
    /// Ends what runs; what the vault knows of it stays.
    pub(crate) async fn stop(self) {
        for running in [self.upload, self.download].into_iter().flatten() {
            // A task that has ended listens no more.
            let _ = running.cancel.send(true);
            let _ = running.task.await;
        }
    }

    /// An upload runs.
    pub(crate) fn uploading(&self) -> bool {
        self.upload.is_some()
    }
}

impl Core {
    /// [`Command::SendDocument`](crate::Command::SendDocument).
    pub(crate) fn send_document(&mut self, to: Target, path: PathBuf, reply: ReplyTo) -> Result<(), Failure> {
        if let Err(failure) = transfer::stamp_of(&path) {
            return respond(reply, Err(failure));
        }
        match (self.existing(&to), to) {
            (Ok(Some(id)), _) => self.post_document(id, path, reply),
            (Ok(None), Target::Person(address, tier)) => {
                self.open_conversation(Opening::direct(address, tier), Then::Document(path), reply)
            }
            (Ok(None), Target::Conversation(_)) => respond(reply, Err(failure::no_conversation())),
            (Err(failure), _) => respond(reply, Err(failure)),
        }
    }

    /// Takes a document into the vault as a message that is queued, and begins its upload.
    pub(crate) fn post_document(&mut self, id: ConversationId, path: PathBuf, reply: ReplyTo) -> Result<(), Failure> {
        let posted = self.draft_document(id, &path);
        let sent = posted.map(|(message, document)| Reply::Sent {
            conversation: id,
            message: Some(message),
            document: Some(document),
        });
        answer_with(reply, sent)?;
        self.start_upload()
    }

    fn draft_document(
        &mut self,
        id: ConversationId,
        path: &std::path::Path,
    ) -> Result<(MessageId, DocumentId), Failure> {
        self.check_can_post(id)?;
        let path = std::path::absolute(path).map_err(|error| failure::file("find", path, &error))?;
        let stamp = transfer::stamp_of(&path)?;
        Layout::new(stamp.size).map_err(|_| failure::too_large("document", "1 TiB", "send it in parts"))?;
        let keys = Keys::random(&mut OsRng);
        let mut row = self.conversation(id)?.row.clone();
        let message = MessageId::random(&mut OsRng);
        let body = keys.document.as_bytes().to_vec();
        let message_row = self.own_message(&mut row, message, ContentType::DOCUMENT.0, body)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let document = DocumentRow {
            id: keys.document,
            conversation: id,
            message,
            sequence: message_row.sequence,
            name: Text::new(safe_name(&name).as_str()).unwrap_or_default(),
            size: stamp.size,
            tier: row.tier,
            manifest: Bytes::default(),
            upload: Upload::Running,
            path: bounded(path.into_os_string().into_vec())?,
            key: key_bytes(&keys)?,
            modified: stamp.modified.map_or(0, Timestamp::as_millis),
        };
        let mut batch = Batch::default();
        put_message(&mut batch, id, &message_row);
        self.begin_life(&row, &message_row, None, &mut batch);
        batch.put(Scope::Documents, document.id.as_bytes(), &document);
        super::core::put_conversation(&mut batch, &row);
        self.vault.commit(batch)?;
        self.note_expiry(id, message_row.sequence)?;
        if let Some(open) = self.conversations.get_mut(&id) {
            open.row = row;
        }
        let view = self.message_view(self.conversation(id)?, &message_row)?;
        self.emit(Event::Message { conversation: id, message: view });
        Ok((message, document.id))
    }

    /// After the link came up.
    pub(crate) fn resume_transfers(&mut self) -> Result<(), Failure> {
        self.start_upload()?;
        self.start_download()
    }

    /// Begins the first upload that waits, unless one runs.
    fn start_upload(&mut self) -> Result<(), Failure> {
        let (None, Some(calls)) = (&self.transfers.upload, self.calls()) else { return Ok(()) };
        let mut rows = self.vault.scan::<DocumentRow>(Scope::Documents)?;
        rows.retain(|row| row.upload == Upload::Running && !self.transfers.failed.contains(&row.id));
        // A conversation that is still being created has no members who might fetch.
        rows.retain(|row| {
            let open = self.conversations.get(&row.conversation);
            // [ID-22]
            open.is_some_and(|open| {
                open.row.stage == crate::rows::Stage::Active && self.may_send(tier_of(open.row.tier))
            })
        });
        let Some(row) = rows.into_iter().min_by_key(|row| (row.conversation, row.sequence)) else { return Ok(()) };
        let keys = keys_of(&row)?;
        let modified = (row.modified > 0).then(|| Timestamp::from_millis(row.modified));
        let plan = UploadPlan {
            keys,
            conversation: row.conversation,
            class: amanat_identity::policy::builtin(tier_of(row.tier)).retention,
            path: PathBuf::from(OsString::from_vec(row.path.to_vec())),
            stamp: SourceStamp { size: row.size, modified },
            hashes: self.segment_hashes(row.id)?,
        };
        let (events, said) = mpsc::channel(EVENTS);
        let (cancel, cancelled) = watch::channel(false);
        let task = self.runtime.spawn(transfer::upload(plan, calls, events, cancelled));
        self.forward(said);
        self.transfers.upload = Some(Running { document: row.id, cancel, task, fetch: None });
        Ok(())
    }

    fn forward(&self, mut said: mpsc::Receiver<TransferEvent>) {
        let inputs = self.inputs.clone();
        self.runtime.spawn(async move {
            while let (Some(event), Some(inputs)) = (said.recv().await, inputs.upgrade()) {
                if inputs.send(Input::Transfer(event)).await.is_err() {
                    return;
                }
            }
        });
    }

    fn segment_hashes(&self, document: DocumentId) -> Result<Vec<SegmentHash>, Failure> {
        let mut hashes: Vec<SegmentHash> = Vec::new();
        while let Some(row) =
            self.vault.read::<SegmentsRow>(Scope::Segments, &segments_key(document, hashes.len() as u64))?
        {
            if row.hashes.is_empty() {
                break;
            }
            hashes.extend(row.hashes.iter().map(|digest| SegmentHash::from_digest(*digest)));
        }
        Ok(hashes)
    }

    /// [`Command::Save`](crate::Command::Save).
    pub(crate) fn save(&mut self, document: DocumentId, out: PathBuf, reply: ReplyTo) -> Result<(), Failure> {
        match self.document_row(document).and_then(|row| self.still_here(row)) {
            Ok(row) if row.manifest.is_empty() => {
                let failed = "the document is still being sent";
                let failure =
                    Failure::new(FailureCode::NotFound, failed, "wait until it is sent; the file is on this machine");
                return respond(reply, Err(failure));
            }
            Ok(_) => self.transfers.waiting.push(Fetch { document, out, reply, attempts: 0 }),
            Err(failure) => return respond(reply, Err(failure)),
        }
        self.start_download()
    }

    fn start_download(&mut self) -> Result<(), Failure> {
        if self.transfers.download.is_some() || self.transfers.waiting.is_empty() {
            return Ok(());
        }
        let Some(calls) = self.calls() else { return Ok(()) };
        let fetch = self.transfers.waiting.remove(0);
        let document = fetch.document;
        let manifest = Manifest::from_bytes(&self.document_row(document)?.manifest).map_err(|_| failure::damaged())?;
        let (events, said) = mpsc::channel(EVENTS);
        let (cancel, cancelled) = watch::channel(false);
        let plan = DownloadPlan { manifest, out: fetch.out.clone() };
        let task = self.runtime.spawn(transfer::download(plan, calls, events, cancelled));
        self.forward(said);
        self.transfers.download = Some(Running { document, cancel, task, fetch: Some(fetch) });
        Ok(())
    }

    /// A document was taken back or has expired: nothing of it moves any more.
    pub(crate) fn stop_transfers_of(&mut self, document: DocumentId) -> Result<(), Failure> {
        let waiting = std::mem::take(&mut self.transfers.waiting);
        let (mut ended, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|fetch| fetch.document == document);
        self.transfers.waiting = rest;
        let of_it = |running: &mut Running| running.document == document;
        let running = [self.transfers.upload.take_if(of_it), self.transfers.download.take_if(of_it)];
        for running in running.into_iter().flatten() {
            // A task that has ended listens no more.
            let _ = running.cancel.send(true);
            ended.extend(running.fetch);
        }
        for fetch in ended {
            let _ = fetch.reply.send(Err(failure::document_gone()));
        }
        self.resume_transfers()
    }

    /// A document whose message was neither deleted nor has expired.
    fn still_here(&self, row: DocumentRow) -> Result<DocumentRow, Failure> {
        let life = self.life(row.conversation, row.sequence)?;
        let gone = life.is_some_and(|life| life.presence != crate::rows::Presence::Here);
        if gone { Err(failure::document_gone()) } else { Ok(row) }
    }

    /// What a transfer says of an upload that was stopped meanwhile.
    fn is_stale(&self, event: &TransferEvent) -> bool {
        let upload = self.transfers.upload.as_ref().map(|running| running.document);
        match event {
            TransferEvent::Hashes { document, .. }
            | TransferEvent::Uploaded { document, .. }
            | TransferEvent::UploadFailed { document, .. } => upload != Some(*document),
            _ => false,
        }
    }

    /// A transfer has come further.
    pub(crate) fn transfer(&mut self, event: TransferEvent) -> Result<(), Failure> {
        if self.is_stale(&event) {
            return Ok(());
        }
        match event {
            TransferEvent::Hashes { document, first, hashes, durable } => {
                let digests: Vec<_> = hashes.iter().map(|hash| hash.digest()).collect();
                let hashes = List::new(digests).map_err(|_| failure::internal("too many segment hashes at once"))?;
                let mut batch = Batch::default();
                batch.put(Scope::Segments, &segments_key(document, first), &SegmentsRow { hashes });
                self.vault.commit(batch)?;
                // The upload was cancelled: the rows stay for the next attempt.
                let _ = durable.send(());
                Ok(())
            }
            TransferEvent::Progress { document, direction, done, total } => {
                self.emit(Event::Progress(Progress { document, direction, done, total }));
                Ok(())
            }
            TransferEvent::Uploaded { document, digest } => {
                self.transfers.upload = None;
                self.uploaded(document, digest)?;
                self.start_upload()
            }
            TransferEvent::UploadFailed { document, failure, retry } => {
                self.transfers.upload = None;
                self.upload_failed(document, failure, retry)
            }
            TransferEvent::Fetched { document, path, size } => self.fetched(document, Ok(Reply::Saved { path, size })),
            TransferEvent::FetchFailed { document, failure, retry: Retry::WhenLinked }
                if self.fetch_again(document) =>
            {
                tracing::info!(code = failure.code.name(), "a download begins again when the link is back");
                self.start_download()
            }
            TransferEvent::FetchFailed { document, failure, .. } => {
                self.emit(Event::DocumentFailed { document, failure: failure.clone() });
                self.fetched(document, Err(failure))
            }
        }
    }

    fn fetched(&mut self, document: DocumentId, outcome: Result<Reply, Failure>) -> Result<(), Failure> {
        if let Some(running) = self.transfers.download.take_if(|running| running.document == document)
            && let Some(fetch) = running.fetch
        {
            let _ = fetch.reply.send(outcome);
        }
        self.start_download()
    }

    /// Puts a download that lost its link back among those that wait, a few times.
    fn fetch_again(&mut self, document: DocumentId) -> bool {
        let again = self.transfers.download.take_if(|running| {
            running.document == document && running.fetch.as_ref().is_some_and(|fetch| fetch.attempts < ATTEMPTS)
        });
        let Some(mut fetch) = again.and_then(|running| running.fetch) else { return false };
        fetch.attempts += 1;
        self.transfers.waiting.insert(0, fetch);
        true
    }

    /// The relay could not be reached: whoever waits for a download learns it.
    pub(crate) fn fail_downloads(&mut self, failure: &Failure) {
        for fetch in self.transfers.waiting.drain(..) {
            let _ = fetch.reply.send(Err(failure.clone()));
        }
    }

    /// All segments are durable at the relay: the manifest goes to the members.
    fn uploaded(&mut self, document: DocumentId, digest: amanat_primitives::Digest) -> Result<(), Failure> {
        let row = self.document_row(document)?;
        let Keys { document: id, file_key, nonce } = keys_of(&row)?;
        let class = amanat_identity::policy::builtin(tier_of(row.tier)).retention;
        let name = safe_name(&row.name);
        let manifest = Manifest {
            document: id,
            name: ClaimedName::of(&name),
            media_type: media_type(name.as_str()),
            layout: Layout::new(row.size).map_err(|_| failure::too_large("document", "1 TiB", "send it in parts"))?,
            file_key,
            nonce,
            digest,
            tier: row.tier,
            caveats: List::default(),
            marks: Bytes::default(),
            class,
        };
        let bytes = manifest.to_bytes();
        let conversation = row.conversation;
        let message = self
            .vault
            .read::<MessageRow>(Scope::Messages(conversation), &row.sequence.to_be_bytes())?
            .ok_or_else(failure::damaged)?;
        let body = Body::Document(Bytes::new(bytes.clone()).map_err(|_| failure::internal("a manifest is too long"))?);
        let posted = DocumentRow { manifest: bounded(bytes)?, upload: Upload::Posted, key: Bytes::default(), ..row };
        let mut batch = Batch::default();
        batch.put(Scope::Documents, document.as_bytes(), &posted);
        self.delete_segments(document, &mut batch)?;
        let conversation_row = self.conversation(conversation)?.row.clone();
        let outgoing = Outgoing { body, message: Some(message), class, announce: false };
        self.queue(conversation, conversation_row, outgoing, batch)?;
        self.pump(conversation)
    }

    pub(crate) fn delete_segments(&self, document: DocumentId, batch: &mut Batch) -> Result<(), Failure> {
        let mut first = 0;
        while let Some(row) = self.vault.read::<SegmentsRow>(Scope::Segments, &segments_key(document, first))? {
            batch.delete(Scope::Segments, &segments_key(document, first));
            if row.hashes.is_empty() {
                break;
            }
            first += row.hashes.len() as u64;
        }
        Ok(())
    }

    fn upload_failed(&mut self, document: DocumentId, failure: Failure, retry: Retry) -> Result<(), Failure> {
        match retry {
            Retry::WhenLinked => {
                if self.link.is_some() {
                    // The relay is there but could not take it now.
                    self.rest_until(self.now().after(std::time::Duration::from_secs(5)));
                }
                Ok(())
            }
            Retry::UnderNewKeys => self.begin_again(document),
            Retry::Never => {
                self.transfers.failed.push(document);
                self.emit(Event::DocumentFailed { document, failure });
                self.start_upload()
            }
        }
    }

    /// The file was edited while it was being sent: everything of the old attempt goes, and a new one begins under a new
    /// id and key. [DOC-12]
    fn begin_again(&mut self, document: DocumentId) -> Result<(), Failure> {
        let row = self.document_row(document)?;
        let restarts = self.transfers.restarts.entry(row.message).or_default();
        *restarts += 1;
        if *restarts > ATTEMPTS {
            let failed = "the file keeps changing while it is being sent";
            let failure = Failure::new(FailureCode::File, failed, "close the program that writes it, or send a copy");
            return self.upload_failed(document, failure, Retry::Never);
        }
        let path = PathBuf::from(OsString::from_vec(row.path.to_vec()));
        let stamp = match transfer::stamp_of(&path) {
            Ok(stamp) => stamp,
            Err(failure) => return self.upload_failed(document, failure, Retry::Never),
        };
        let keys = Keys::random(&mut OsRng);
        let mut batch = Batch::default();
        self.delete_segments(document, &mut batch)?;
        batch.delete(Scope::Documents, document.as_bytes());
        let key = key_bytes(&keys)?;
        let modified = stamp.modified.map_or(0, Timestamp::as_millis);
        let new = DocumentRow { id: keys.document, key, size: stamp.size, modified, ..row };
        batch.put(Scope::Documents, new.id.as_bytes(), &new);
        let id = new.conversation;
        if let Some(message) = self.vault.read::<MessageRow>(Scope::Messages(id), &new.sequence.to_be_bytes())? {
            let message = MessageRow { body: bounded(new.id.as_bytes().to_vec())?, ..message };
            put_message(&mut batch, id, &message);
        }
        self.vault.commit(batch)?;
        self.start_upload()
    }
}

/// A message that came: where it is a document, the document's row; fills in the message's body.
pub(crate) fn received(
    conversation: ConversationId,
    tier: u8,
    message: &mut MessageRow,
    body: &Body,
) -> Result<Option<DocumentRow>, Failure> {
    let Body::Document(bytes) = body else {
        message.body = match body {
            Body::Document(_) => Bytes::default(),
            other => bounded(other.to_body().map_err(|_| failure::internal("a body is too long"))?.into_vec())?,
        };
        return Ok(None);
    };
    let Ok(manifest) = Manifest::from_bytes(bytes) else {
        // Shown as something that a newer version may understand.
        message.content_type = u16::MAX;
        return Ok(None);
    };
    message.body = bounded(manifest.document.as_bytes().to_vec())?;
    Ok(Some(DocumentRow {
        id: manifest.document,
        conversation,
        message: message.id,
        sequence: message.sequence,
        name: Text::new(manifest.name.safe().as_str()).unwrap_or_default(),
        size: manifest.layout.size(),
        // A sender cannot make a document less than the conversation it is in.
        tier: manifest.tier.max(tier),
        manifest: bounded(bytes.to_vec())?,
        upload: Upload::None,
        path: Bytes::default(),
        key: Bytes::default(),
        modified: 0,
    }))
}

fn segments_key(document: DocumentId, first: u64) -> Vec<u8> {
    [document.as_bytes().as_slice(), &first.to_be_bytes()].concat()
}

fn key_bytes(keys: &Keys) -> Result<Bytes<32>, Failure> {
    bounded([keys.file_key.secret().expose_secret().as_slice(), keys.nonce.as_bytes()].concat())
}

fn keys_of(row: &DocumentRow) -> Result<Keys, Failure> {
    let (key, nonce) = row.key.split_first_chunk::<16>().ok_or_else(failure::damaged)?;
    let nonce: [u8; 16] = nonce.try_into().map_err(|_| failure::damaged())?;
    let mut key = *key;
    Ok(Keys {
        document: row.id,
        file_key: FileKey::from_secret(Secret::take(&mut key)),
        nonce: PayloadNonce::from_bytes(nonce),
    })
}

/// What a name's ending says; shown to people, never acted upon.
fn media_type(name: &str) -> MediaType {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let known = match ending.as_deref() {
        Some("pdf") => "application/pdf",
        Some("txt" | "md") => "text/plain",
        Some("csv") => "text/csv",
        Some("html" | "htm") => "text/html",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Some("odt") => "application/vnd.oasis.opendocument.text",
        Some("ods") => "application/vnd.oasis.opendocument.spreadsheet",
        Some("zip") => "application/zip",
        _ => return MediaType::unknown(),
    };
    MediaType::new(known).unwrap_or_else(MediaType::unknown)
}
