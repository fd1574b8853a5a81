//! Uploads (protocol-spec/06-document, section 4): from a queued message to a manifest in the outbox.

use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use amanat_conversation::content::{Body, ContentType};
use amanat_document::{
    ClaimedName, FileKey, Keys, Layout, Manifest, MediaType, PayloadNonce, SegmentHash, SourceStamp, safe_name,
};
use amanat_primitives::{ConversationId, Digest, DocumentId, MessageId, MessageSeed, Secret, Timestamp};
use amanat_wire::{Bytes, Decode as _, Encode as _, List, Text};
use tokio::sync::{mpsc, oneshot, watch};

use super::{ATTEMPTS, EVENTS, RUNNING, Running};
use crate::{
    Event, Failure, FailureCode, Reply,
    api::{Direction, Notice, SendOptions, Subject, Target},
    engine::{
        core::{Core, ReplyTo, answer_with, bounded, put_conversation, respond, tier_of},
        create::{Opening, Then},
        filter::Sending,
        kept::AGE,
        life::expiring,
        outgoing::{Outgoing, put_message},
    },
    failure,
    rows::{ConversationRow, DocumentRow, LifeRow, MessageRow, SegmentsRow, Stage, Upload},
    transfer::{self, Making, Retry, Share, UploadPlan},
    vault::{Batch, Scope},
};

impl Core {
    /// [`Command::SendDocument`](crate::Command::SendDocument).
    pub(crate) fn send_document(
        &mut self,
        to: Target,
        path: PathBuf,
        options: SendOptions,
        reply: ReplyTo,
    ) -> Result<(), Failure> {
        let possible = expiring(Body::Document(Bytes::default()), &options);
        if let Err(failure) = possible.and_then(|_| transfer::stamp_of(&path)) {
            return respond(reply, Err(failure));
        }
        match (self.existing(&to), to) {
            (Ok(Some(id)), _) => match self.pass_document(id, &path, &options) {
                Ok(()) => self.post_document(id, path, options, reply),
                Err(failure) => answer_with(reply, Err(failure)),
            },
            (Ok(None), Target::Person(address, tier)) => {
                self.open_conversation(Opening::direct(address, tier), Then::Document(path, options), reply)
            }
            (Ok(None), Target::Conversation(_)) => respond(reply, Err(failure::no_conversation())),
            (Err(failure), _) => respond(reply, Err(failure)),
        }
    }

    /// Lets a document's name pass the filter, or says why not.
    fn pass_document(&mut self, id: ConversationId, path: &Path, options: &SendOptions) -> Result<(), Failure> {
        self.check_can_post(id)?;
        let (name, tier) = (name_of(path), tier_of(self.conversation(id)?.row.tier));
        let sending = Sending { subject: Subject::DocumentName, text: &name, tier, conversation: Some(id) };
        self.pass(sending, &options.consent)
    }

    /// Takes a document into the vault as a message that is queued, and begins its upload.
    pub(crate) fn post_document(
        &mut self,
        id: ConversationId,
        path: PathBuf,
        options: SendOptions,
        reply: ReplyTo,
    ) -> Result<(), Failure> {
        let posted = self.draft_document(id, &path, options);
        let sent = posted.map(|(message, document)| Reply::Sent {
            conversation: id,
            message: Some(message),
            document: Some(document),
        });
        answer_with(reply, sent)?;
        self.start_uploads()
    }

    fn draft_document(
        &mut self,
        id: ConversationId,
        path: &Path,
        options: SendOptions,
    ) -> Result<(MessageId, DocumentId), Failure> {
        self.check_can_post(id)?;
        let path = std::path::absolute(path).map_err(|error| failure::file("find", path, &error))?;
        let stamp = transfer::stamp_of(&path)?;
        Layout::new(stamp.size).map_err(|_| failure::too_large("document", "1 TiB", "send it in parts"))?;
        let keys = Keys::random(id, self.own.id(), &mut self.random());
        let seed = MessageSeed::random(&mut self.random());
        let mut row = self.conversation(id)?.row.clone();
        let message = MessageId::of(id, self.own.id(), seed);
        let body = keys.document.as_bytes().to_vec();
        let kind = if options.ask_acknowledgement { ContentType::ACKNOWLEDGE_DOCUMENT } else { ContentType::DOCUMENT };
        let message_row = self.own_message(&mut row, message, kind.0, body)?;
        let document = DocumentRow {
            id: keys.document,
            conversation: id,
            message,
            sequence: message_row.sequence,
            name: Text::new(name_of(&path)).unwrap_or_default(),
            size: stamp.size,
            tier: row.tier,
            manifest: Bytes::default(),
            upload: Upload::Running,
            path: bounded(path.into_os_string().into_vec())?,
            key: key_bytes(&keys)?,
            modified: stamp.modified.map_or(0, Timestamp::as_millis),
            seed,
        };
        let mut batch = Batch::default();
        put_message(&mut batch, id, &message_row);
        self.begin_life(&row, &message_row, options.expires_after, &mut batch);
        batch.put(Scope::Documents, document.id.as_bytes(), &document);
        put_conversation(&mut batch, &row);
        self.vault.commit(batch)?;
        self.note_expiry(id, message_row.sequence)?;
        if let Some(open) = self.conversations.get_mut(&id) {
            open.row = row;
        }
        let view = self.message_view(self.conversation(id)?, &message_row)?;
        self.emit(Event::Message { conversation: id, message: view });
        Ok((message, document.id))
    }

    /// A document is to be sent in a conversation, or to be brought to it again.
    pub(crate) fn has_uploads(&self, id: ConversationId) -> Result<bool, Failure> {
        let unsent = |row: &DocumentRow| matches!(row.upload, Upload::Running | Upload::Paused | Upload::Again);
        Ok(self.vault.scan::<DocumentRow>(Scope::Documents)?.iter().any(|row| row.conversation == id && unsent(row)))
    }

    /// Begins uploads that wait, as many as may run at a time.
    pub(crate) fn start_uploads(&mut self) -> Result<(), Failure> {
        while self.transfers.uploads.len() < RUNNING {
            let Some(calls) = self.transfer_calls() else { return Ok(()) };
            let Some(row) = self.next_upload()? else { return Ok(()) };
            let modified = (row.modified > 0).then(|| Timestamp::from_millis(row.modified));
            let hashes = self.segment_hashes(row.id)?;
            let segments = Layout::new(row.size).map_or(u64::MAX, |layout| layout.segments());
            if row.upload == Upload::Again && hashes.len() as u64 != segments {
                // [DOC-20] What left is not on record whole: the file as it is now might be another one.
                self.upload_failed(row.id, failure::internal("its segments are not on record"), Retry::Never)?;
                continue;
            }
            let plan = UploadPlan {
                posted: posted_digest(&row),
                keys: keys_of(&row)?,
                conversation: row.conversation,
                class: amanat_identity::policy::builtin(tier_of(row.tier)).retention,
                path: PathBuf::from(OsString::from_vec(row.path.to_vec())),
                stamp: SourceStamp { size: row.size, modified },
                hashes,
                making: self.transfers.take_making(row.id),
                share: Share::of(&self.transfers.sending),
            };
            let (events, said) = mpsc::channel(EVENTS);
            let (cancel, cancelled) = watch::channel(false);
            let task = self.runtime.spawn(async move {
                transfer::upload(plan, calls, events, cancelled).await;
                None
            });
            self.forward(said);
            self.transfers.uploads.push(Running {
                document: row.id,
                link: self.links,
                cancel,
                task,
                fetch: None,
                done: 0,
            });
        }
        Ok(())
    }

    /// The first upload that waits and can go on.
    fn next_upload(&self) -> Result<Option<DocumentRow>, Failure> {
        let mut rows = self.vault.scan::<DocumentRow>(Scope::Documents)?;
        rows.retain(|row| match row.upload {
            Upload::Running => !self.transfers.failed.contains(&row.id),
            // The relay may still be getting back the conversation itself.
            Upload::Again => !self.unsettled.contains(&row.conversation),
            _ => false,
        });
        rows.retain(|row| self.transfers.running(Direction::Sending, row.id).is_none());
        // A conversation that is still being created has no members who might fetch.
        rows.retain(|row| {
            let open = self.conversations.get(&row.conversation);
            // [ID-22]
            let may_send =
                |row: &ConversationRow| self.may_send(tier_of(row.tier)) && self.require_cleared(row).is_ok();
            open.is_some_and(|open| open.row.stage == Stage::Active && may_send(&open.row))
        });
        Ok(rows.into_iter().min_by_key(|row| (row.conversation, row.sequence)))
    }

    /// Makes hashes durable, and lets their segments go. [DOC-10]
    pub(super) fn keep_hashes(
        &mut self,
        document: DocumentId,
        first: u64,
        hashes: &[SegmentHash],
        durable: oneshot::Sender<()>,
    ) -> Result<(), Failure> {
        // Given up meanwhile: a dropped `durable` ends the upload.
        if !self.is_upload(document) {
            return Ok(());
        }
        let digests: Vec<_> = hashes.iter().map(|hash| hash.digest()).collect();
        let hashes = List::new(digests).map_err(|_| failure::internal("too many segment hashes at once"))?;
        let mut batch = Batch::default();
        batch.put(Scope::Segments, &segments_key(document, first), &SegmentsRow { hashes });
        self.vault.commit(batch)?;
        // The upload was stopped: the rows stay for the next attempt.
        let _ = durable.send(());
        Ok(())
    }

    pub(super) fn segment_hashes(&self, document: DocumentId) -> Result<Vec<SegmentHash>, Failure> {
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

    /// All segments are durable at the relay: the manifest goes to the members.
    pub(super) fn uploaded(&mut self, document: DocumentId, digest: Digest) -> Result<(), Failure> {
        let row = self.document_row(document)?;
        if !self.is_upload(document) {
            // It was given up or has expired in the moment in which it was done; the relay forgets it by its class.
            return Ok(());
        }
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
        let (conversation, seed) = (row.conversation, row.seed);
        let message = self
            .vault
            .read::<MessageRow>(Scope::Messages(conversation), &row.sequence.to_be_bytes())?
            .ok_or_else(failure::damaged)?;
        let life = self.life(conversation, message.sequence)?;
        let body = body_of(&message, life.as_ref(), row.tier, &bytes)?;
        let posted = DocumentRow { manifest: bounded(bytes)?, upload: Upload::Posted, key: Bytes::default(), ..row };
        let mut batch = Batch::default();
        // The hashes stay, for a relay that loses it. [DOC-20]
        batch.put(Scope::Documents, document.as_bytes(), &posted);
        self.keep_until(conversation, &message, life.as_ref(), &mut batch);
        let conversation_row = self.conversation(conversation)?.row.clone();
        let outgoing = Outgoing { body, message: Some((message, seed)), class, announce: false };
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

    /// After the relay was restored: documents of the last days that it may have lost. [DOC-20]
    pub(crate) fn documents_unsettled(&self, batch: &mut Batch) -> Result<(), Failure> {
        let since = self.now().before(AGE);
        for row in self.vault.scan::<DocumentRow>(Scope::Documents)? {
            let own = row.upload == Upload::Posted && !row.path.is_empty() && !row.manifest.is_empty();
            if own && self.message_row(row.conversation, row.sequence)?.is_some_and(|message| message.at >= since) {
                batch.put(Scope::Documents, row.id.as_bytes(), &DocumentRow { upload: Upload::Again, ..row });
            }
        }
        Ok(())
    }

    /// The relay has it, or cannot be given it.
    pub(super) fn brought_again(&mut self, row: DocumentRow, mut batch: Batch) -> Result<(), Failure> {
        batch.put(Scope::Documents, row.id.as_bytes(), &DocumentRow { upload: Upload::Posted, ..row });
        self.vault.commit(batch)
    }

    pub(super) fn upload_failed(
        &mut self,
        document: DocumentId,
        failure: Failure,
        retry: Retry,
    ) -> Result<(), Failure> {
        let again = self.document_row(document).ok().filter(|row| row.upload == Upload::Again);
        if let Some(row) = again.filter(|_| matches!(retry, Retry::UnderNewKeys | Retry::Never)) {
            let failed = format!("the relay has lost a document, and it cannot be given back: {}", failure.failed);
            let failure = Failure::new(failure.code, failed, "send it again where somebody still needs it");
            let notice = Notice::DocumentLost { document, failure };
            let mut batch = Batch::default();
            let draft = self.draft_notice(&notice, &mut batch)?;
            self.brought_again(row, batch)?;
            self.settle_notice(draft, notice);
            return self.start_uploads();
        }
        match retry {
            Retry::WhenLinked => self.start_uploads(),
            Retry::Later => {
                self.transfers_later();
                Ok(())
            }
            // Paused or given up meanwhile: it begins again when it goes on, if at all.
            Retry::UnderNewKeys if !self.goes_on(document) => self.start_uploads(),
            Retry::UnderNewKeys => self.begin_again(document),
            Retry::Never => {
                self.transfers.failed.push(document);
                self.emit(Event::DocumentFailed { document, failure });
                self.start_uploads()
            }
        }
    }

    /// The link was lost, or the relay refuses for now: the next attempt goes on with what is made. [DOC-18]
    pub(super) fn keep_making(&mut self, document: DocumentId, making: Making) -> Result<(), Failure> {
        // Paused or given up meanwhile: it needs no memory until it goes on.
        if !self.goes_on(document) {
            return Ok(());
        }
        // They are the first to go on; where one cannot, it is made again in its turn.
        if self.transfers.making.len() >= RUNNING {
            self.transfers.making.remove(0);
        }
        self.transfers.making.push((document, making));
        Ok(())
    }

    fn goes_on(&self, document: DocumentId) -> bool {
        self.document_row(document).is_ok_and(|row| matches!(row.upload, Upload::Running | Upload::Again))
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
        let keys = Keys::random(row.conversation, self.own.id(), &mut self.random());
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
            self.keep_until(id, &message, self.life(id, message.sequence)?.as_ref(), &mut batch);
        }
        self.vault.commit(batch)?;
        self.start_uploads()
    }
}

/// What the members get of a document: its manifest, as its message was begun. Its lifetime is what lies between that
/// message's time, which is also theirs, and its end. [CONV-84]
fn body_of(message: &MessageRow, life: Option<&LifeRow>, tier: u8, manifest: &[u8]) -> Result<Body, Failure> {
    let manifest = Bytes::new(manifest).map_err(|_| failure::internal("a manifest is too long"))?;
    let asks = ContentType(message.content_type).asks_acknowledgement();
    let body = if asks { Body::AskDocumentAcknowledgement(manifest) } else { Body::Document(manifest) };
    let of_tier = amanat_identity::policy::builtin(tier_of(tier)).max_lifetime;
    let lifetime = life.and_then(|life| life.expires_at).map(|at| at.since(message.at));
    let expires_after = lifetime.filter(|lifetime| Some(*lifetime) != of_tier);
    expiring(body, &SendOptions { expires_after, ..SendOptions::default() })
}

fn segments_key(document: DocumentId, first: u64) -> Vec<u8> {
    [document.as_bytes().as_slice(), &first.to_be_bytes()].concat()
}

fn key_bytes(keys: &Keys) -> Result<Bytes<32>, Failure> {
    bounded([keys.file_key.secret().expose_secret().as_slice(), keys.nonce.as_bytes()].concat())
}

/// Of a document that is brought again: what its manifest says.
fn posted_digest(row: &DocumentRow) -> Option<Digest> {
    Manifest::from_bytes(&row.manifest).ok().map(|manifest| manifest.digest)
}

fn keys_of(row: &DocumentRow) -> Result<Keys, Failure> {
    if let Ok(Manifest { document, file_key, nonce, .. }) = Manifest::from_bytes(&row.manifest) {
        return Ok(Keys { document, file_key, nonce });
    }
    let (key, nonce) = row.key.split_first_chunk::<16>().ok_or_else(failure::damaged)?;
    let nonce: [u8; 16] = nonce.try_into().map_err(|_| failure::damaged())?;
    let mut key = *key;
    Ok(Keys {
        document: row.id,
        file_key: FileKey::from_secret(Secret::take(&mut key)),
        nonce: PayloadNonce::from_bytes(nonce),
    })
}

/// The name under which a file is sent.
pub(crate) fn name_of(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    safe_name(&name).as_str().to_owned()
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
