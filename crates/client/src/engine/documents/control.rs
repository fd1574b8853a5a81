//! Pause, resume, cancel (protocol-spec/06-document, section 8), and what a list shows of a document's transfer.

use amanat_document::{Layout, Manifest};
use amanat_primitives::DocumentId;
use amanat_wire::{Bytes, Decode as _};

use super::fetches::forget_part;
use crate::{
    Event, Failure, FailureCode, Reply,
    api::{Direction, DocumentView, MessageState, SentView, TransferState, TransferView},
    engine::core::{Core, tier_of},
    failure,
    rows::{DocumentRow, FetchRow, MessageRow, Upload},
    vault::{Batch, Scope},
};

impl Core {
    /// One's own document that is not sent yet, and may still be.
    pub(crate) fn is_upload(&self, document: DocumentId) -> bool {
        self.document_row(document).is_ok_and(|row| matches!(row.upload, Upload::Running | Upload::Paused))
    }

    /// [`Command::PauseDocument`](crate::Command::PauseDocument).
    pub(crate) fn pause_document(&mut self, document: DocumentId) -> Result<Reply, Failure> {
        if self.is_upload(document) {
            let row = DocumentRow { upload: Upload::Paused, ..self.document_row(document)? };
            self.put_document(&row)?;
            self.stop_running(Direction::Sending, document);
        } else {
            let row = self.fetch_row(document)?.ok_or_else(|| self.no_transfer(document))?;
            self.put_fetch(&FetchRow { paused: true, ..row })?;
            self.stop_waiting(document, true);
            self.stop_running(Direction::Fetching, document);
        }
        self.reply_document(document)
    }

    /// [`Command::ResumeDocument`](crate::Command::ResumeDocument) of an upload.
    pub(crate) fn resume_upload(&mut self, document: DocumentId) -> Result<Reply, Failure> {
        let row = DocumentRow { upload: Upload::Running, ..self.document_row(document)? };
        self.put_document(&row)?;
        self.transfers.failed.retain(|failed| *failed != document);
        self.transfers.restarts.remove(&row.message);
        self.start_uploads()?;
        self.reply_document(document)
    }

    /// [`Command::CancelDocument`](crate::Command::CancelDocument).
    pub(crate) fn cancel_document(&mut self, document: DocumentId) -> Result<Reply, Failure> {
        if self.is_upload(document) {
            self.cancel_upload(document)?;
        } else {
            let row = self.fetch_row(document)?.ok_or_else(|| self.no_transfer(document))?;
            self.stop_waiting(document, false);
            if self.transfers.running(Direction::Fetching, document).is_some() {
                // Its part file goes when it has stopped.
                self.put_fetch(&FetchRow { paused: false, segments: 0, ..row })?;
                self.stop_running(Direction::Fetching, document);
            } else {
                forget_part(&row);
                self.delete_fetch(document)?;
            }
        }
        self.reply_document(document)
    }

    /// Its key goes, so that nothing can ever be sent under it; its message stays and says what became of it.
    fn cancel_upload(&mut self, document: DocumentId) -> Result<(), Failure> {
        let row = self.document_row(document)?;
        let mut batch = Batch::default();
        self.delete_segments(document, &mut batch)?;
        let row = DocumentRow { upload: Upload::Cancelled, key: Bytes::default(), ..row };
        batch.put(Scope::Documents, document.as_bytes(), &row);
        self.vault.commit(batch)?;
        self.stop_running(Direction::Sending, document);
        let (conversation, message) = (row.conversation, row.message);
        self.emit(Event::MessageState { conversation, message, state: MessageState::Cancelled });
        Ok(())
    }

    /// A document was taken back or has expired: nothing of it moves any more, and what a fetch had is thrown away.
    pub(crate) fn stop_transfers_of(&mut self, document: DocumentId) -> Result<(), Failure> {
        self.stop_running(Direction::Sending, document);
        self.refuse_waiting(document, &failure::document_gone());
        let Some(row) = self.fetch_row(document)? else { return Ok(()) };
        if self.transfers.running(Direction::Fetching, document).is_some() {
            // Its part file goes when it has stopped.
            self.put_fetch(&FetchRow { paused: false, segments: 0, ..row })?;
            self.stop_running(Direction::Fetching, document);
            return Ok(());
        }
        forget_part(&row);
        self.delete_fetch(document)
    }

    fn stop_running(&mut self, direction: Direction, document: DocumentId) {
        if direction == Direction::Sending {
            self.transfers.take_making(document);
        }
        if let Some(running) = self.transfers.running(direction, document) {
            running.stop();
        }
    }

    fn put_document(&mut self, row: &DocumentRow) -> Result<(), Failure> {
        let mut batch = Batch::default();
        batch.put(Scope::Documents, row.id.as_bytes(), row);
        self.vault.commit(batch)
    }

    fn reply_document(&self, document: DocumentId) -> Result<Reply, Failure> {
        self.document_view(&self.document_row(document)?).map(Reply::Document)
    }

    /// That a document is not on its way.
    pub(super) fn no_transfer(&self, document: DocumentId) -> Failure {
        match self.document_row(document) {
            Err(failure) => failure,
            Ok(row) if matches!(row.upload, Upload::Posted | Upload::Again) => {
                Failure::new(FailureCode::NotFound, "the document is sent already", "nothing is left to be done")
            }
            Ok(row) if row.upload == Upload::Cancelled => {
                Failure::new(FailureCode::NotFound, "the document was cancelled", "send the file again")
            }
            Ok(_) => {
                let advice = "fetch it with `amanat save DOCUMENT --out PATH`";
                Failure::new(FailureCode::NotFound, "the document is not being fetched", advice)
            }
        }
    }

    /// A document as a list shows it.
    pub(crate) fn document_view(&self, row: &DocumentRow) -> Result<DocumentView, Failure> {
        let message = self.message_row(row.conversation, row.sequence)?;
        self.document_view_in(row, message.filter(|message| message.id == row.message).as_ref())
    }

    /// The same, by its message.
    pub(crate) fn document_view_in(
        &self,
        row: &DocumentRow,
        message: Option<&MessageRow>,
    ) -> Result<DocumentView, Failure> {
        let manifest = Manifest::from_bytes(&row.manifest).ok();
        let sent = message.map(|message| SentView { by: message.name.to_string(), own: message.own, at: message.at });
        Ok(DocumentView {
            id: row.id,
            conversation: row.conversation,
            message: row.message,
            name: row.name.to_string(),
            size: row.size,
            tier: tier_of(row.tier),
            digest: manifest.map_or_else(String::new, |manifest| manifest.digest.to_string()),
            transfer: self.transfer_view(row)?,
            sent,
        })
    }

    fn transfer_view(&self, row: &DocumentRow) -> Result<Option<TransferView>, Failure> {
        let state = match row.upload {
            Upload::None | Upload::Posted => return self.fetch_view(row.id),
            Upload::Again if self.transfers.running(Direction::Sending, row.id).is_none() => TransferState::Waiting,
            Upload::Again => TransferState::Running,
            Upload::Paused => TransferState::Paused,
            Upload::Cancelled => TransferState::Cancelled,
            Upload::Running if self.transfers.failed.contains(&row.id) => TransferState::Failed,
            Upload::Running if self.transfers.running(Direction::Sending, row.id).is_some() => TransferState::Running,
            Upload::Running => TransferState::Waiting,
        };
        let told = self.transfers.running(Direction::Sending, row.id).map_or(0, |running| running.done);
        let recorded = self.segment_hashes(row.id)?.len() as u64;
        let recorded = Layout::new(row.size).map_or(0, |layout| match recorded {
            all if all >= layout.segments() => row.size,
            some => layout.plain_range(some).start,
        });
        let done = if told > 0 { told } else { recorded };
        Ok(Some(TransferView { direction: Direction::Sending, state, done }))
    }

    fn fetch_view(&self, document: DocumentId) -> Result<Option<TransferView>, Failure> {
        let Some(row) = self.fetch_row(document)? else { return Ok(None) };
        let running = self.transfers.running(Direction::Fetching, document);
        let state = match running {
            _ if row.paused => TransferState::Paused,
            Some(_) => TransferState::Running,
            None => TransferState::Waiting,
        };
        let done = running.map_or(row.plain, |running| running.done.max(row.plain));
        Ok(Some(TransferView { direction: Direction::Fetching, state, done }))
    }
}
