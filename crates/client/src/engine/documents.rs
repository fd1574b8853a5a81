//! Documents (protocol-spec/06-document, sections 4 to 6): which transfers run, and what the vault remembers of them.
//!
//! The transfers themselves ([`crate::transfer`]) run beside the engine; here their events become rows: the hashes of
//! segments before they leave, the manifest in the outbox once all are durable at the relay, how far a part file is
//! verified and synced. A few run at a time in each direction, the others wait their turn. An upload goes on by itself
//! when the link is back or the program starts; a fetch while someone waits for it, and else when it is asked for again.

mod control;
mod fetches;
mod uploads;

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use amanat_conversation::content::Body;
use amanat_document::Manifest;
use amanat_primitives::{ConversationId, DeviceId, DocumentId, MessageId, MessageSeed, Timestamp};
use amanat_wire::{Bytes, Decode as _, Text};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use self::fetches::Fetch;
pub(crate) use self::uploads::name_of;
use super::{
    Input,
    core::{Core, bounded},
};
pub(crate) use crate::transfer::TransferEvent;
use crate::{
    Event, Failure,
    api::{Direction, Progress},
    failure,
    rows::{DocumentRow, MessageRow, Upload},
    session::Calls,
    transfer::{Extent, Making, Retry},
    vault::Batch,
};

/// Events of one transfer that may wait.
const EVENTS: usize = 64;
/// Transfers that run at a time in each direction.
const RUNNING: usize = 3;
/// How often an upload of a file that is being edited begins again, and a fetch that the relay refuses for now.
const ATTEMPTS: u32 = 3;
/// How long after such a refusal transfers begin again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// The transfers that run, and the fetches that wait.
#[derive(Default)]
pub(crate) struct Transfers {
    uploads: Vec<Running>,
    fetches: Vec<Running>,
    /// How many run, for their shares.
    sending: Arc<AtomicUsize>,
    fetching: Arc<AtomicUsize>,
    /// Uploads between two links; at most [`RUNNING`].
    making: Vec<(DocumentId, Making)>,
    /// Fetches that someone waits for, in their order.
    waiting: Vec<Fetch>,
    /// How often the uploads of a message began again because their file was edited.
    restarts: HashMap<MessageId, u32>,
    /// Uploads that failed in a way that only a person can mend; tried again when the program starts again.
    failed: Vec<DocumentId>,
    /// The link that a transfer has lost: nothing begins over it any more.
    lost: u64,
    /// The relay refused for now: nothing begins before.
    again_at: Option<Timestamp>,
}

struct Running {
    document: DocumentId,
    /// The link over which it runs.
    link: u64,
    cancel: watch::Sender<bool>,
    /// How far a fetch's part file is kept.
    task: JoinHandle<Option<Extent>>,
    fetch: Option<Fetch>,
    /// Bytes done, as last told.
    done: u64,
}

impl Running {
    /// Tells it to stop; it says when it has.
    fn stop(&self) {
        // A task that has ended listens no more.
        let _ = self.cancel.send(true);
    }
}

impl Transfers {
    /// Ends what runs; returns how far the part files are. What the vault knows of uploads stays.
    async fn stop(self) -> Vec<(DocumentId, Extent)> {
        let mut kept = Vec::new();
        self.uploads.iter().chain(&self.fetches).for_each(Running::stop);
        for running in self.uploads.into_iter().chain(self.fetches) {
            if let Ok(Some(extent)) = running.task.await {
                kept.push((running.document, extent));
            }
        }
        kept
    }

    /// An upload runs.
    pub(crate) fn uploading(&self) -> bool {
        !self.uploads.is_empty()
    }

    /// When transfers begin again that the relay refused for now.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.again_at
    }

    fn in_direction(&mut self, direction: Direction) -> &mut Vec<Running> {
        match direction {
            Direction::Sending => &mut self.uploads,
            Direction::Fetching => &mut self.fetches,
        }
    }

    /// Forgets one that has ended.
    fn ended(&mut self, direction: Direction, document: DocumentId) -> Option<Running> {
        let list = self.in_direction(direction);
        list.iter().position(|running| running.document == document).map(|at| list.remove(at))
    }

    /// A transfer says that its link is lost. It may say so when the next link is up already. [DOC-18]
    fn lose(&mut self, link: u64) {
        self.lost = self.lost.max(link);
    }

    fn take_making(&mut self, document: DocumentId) -> Option<Making> {
        let at = self.making.iter().position(|(of, _)| *of == document)?;
        Some(self.making.remove(at).1)
    }

    fn running(&self, direction: Direction, document: DocumentId) -> Option<&Running> {
        let list = match direction {
            Direction::Sending => &self.uploads,
            Direction::Fetching => &self.fetches,
        };
        list.iter().find(|running| running.document == document)
    }
}

impl Core {
    /// After the link came up, and when it is time to begin again.
    pub(crate) fn resume_transfers(&mut self) -> Result<(), Failure> {
        if self.transfers.again_at.is_some_and(|due| due <= self.now()) {
            self.transfers.again_at = None;
        }
        self.start_uploads()?;
        self.start_fetches()
    }

    /// The link over which a transfer may begin now.
    fn transfer_calls(&self) -> Option<Calls> {
        let may = self.transfers.again_at.is_none() && self.transfers.lost != self.links;
        self.calls().filter(|_| may)
    }

    /// The relay refused for now.
    fn transfers_later(&mut self) {
        self.transfers.again_at = self.transfers.again_at.or(Some(self.now().after(AGAIN_AFTER)));
    }

    /// Ends all transfers; how far the part files are becomes durable.
    pub(crate) async fn stop_transfers(&mut self) {
        for (document, extent) in std::mem::take(&mut self.transfers).stop().await {
            if let Err(failure) = self.keep_extent(document, extent, None) {
                tracing::warn!(code = failure.code.name(), "how far a fetch came could not be noted");
            }
        }
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

    /// A transfer has come further.
    pub(crate) fn transfer(&mut self, event: TransferEvent) -> Result<(), Failure> {
        match event {
            TransferEvent::Hashes { document, first, hashes, durable } => {
                self.keep_hashes(document, first, &hashes, durable)
            }
            TransferEvent::Kept { document, extent, durable } => self.keep_extent(document, extent, durable),
            TransferEvent::Progress { document, direction, done, total } => {
                let list = self.transfers.in_direction(direction);
                if let Some(running) = list.iter_mut().find(|running| running.document == document) {
                    running.done = done;
                }
                self.emit(Event::Progress(Progress { document, direction, done, total }));
                Ok(())
            }
            TransferEvent::Stopped { document, direction: Direction::Sending } => {
                self.transfers.ended(Direction::Sending, document);
                self.start_uploads()
            }
            TransferEvent::Stopped { document, direction: Direction::Fetching } => self.fetch_stopped(document),
            TransferEvent::Uploaded { document, digest } => {
                self.transfers.ended(Direction::Sending, document);
                // It may have been cancelled or taken back in this moment.
                match self.document_row(document) {
                    Ok(row) if row.upload == Upload::Again => self.brought_again(row, Batch::default())?,
                    _ if self.is_upload(document) => self.uploaded(document, digest)?,
                    _ => {}
                }
                self.start_uploads()
            }
            TransferEvent::UploadFailed { document, failure, retry, making } => {
                if let Some(running) = self.transfers.ended(Direction::Sending, document)
                    && retry == Retry::WhenLinked
                {
                    self.transfers.lose(running.link);
                }
                if let Some(making) = making {
                    self.keep_making(document, *making)?;
                }
                self.upload_failed(document, failure, retry)
            }
            TransferEvent::Fetched { document, path, size } => self.fetched(document, path, size),
            TransferEvent::FetchFailed { document, failure, retry, writing } => {
                self.fetch_failed(document, failure, retry, writing.map(|writing| *writing))
            }
        }
    }
}

/// A message that came: where it is a document, the document's row; fills in the message's body.
pub(crate) fn received(
    conversation: ConversationId,
    sender: DeviceId,
    tier: u8,
    message: &mut MessageRow,
    body: &Body,
) -> Result<Option<DocumentRow>, Failure> {
    let (Body::Document(bytes) | Body::AskDocumentAcknowledgement(bytes)) = body else {
        let bytes = body.to_body().map_err(|_| failure::internal("a body is too long"))?;
        message.body = bounded(bytes.into_vec())?;
        return Ok(None);
    };
    let manifest = Manifest::from_bytes(bytes).ok().filter(|manifest| manifest.is_of(conversation, sender));
    let Some(manifest) = manifest else {
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
        // A sender cannot make a document less than the conversation it is in. [DOC-22]
        tier: manifest.tier.max(tier),
        manifest: bounded(bytes.to_vec())?,
        upload: Upload::None,
        path: Bytes::default(),
        key: Bytes::default(),
        modified: 0,
        seed: MessageSeed::from_bytes([0; 16]),
    }))
}

#[cfg(test)]
mod tests {
    use amanat_document::{ClaimedName, FileKey, Layout, MediaType, PayloadNonce, safe_name};
    use amanat_primitives::{Digest, Secret};
    use amanat_wire::{Encode as _, List, log::RetentionClass};

    use super::*;

    /// The tier at which a document is shown whose manifest says this one, in a conversation of that one.
    fn shown_at(says: u8, conversation_is: u8) -> u8 {
        let (conversation, sender) = (ConversationId::from_bytes([1; 16]), DeviceId::from_bytes([2; 32]));
        let nonce = PayloadNonce::from_bytes([3; 16]);
        let manifest = Manifest {
            document: DocumentId::of(conversation, sender, nonce.as_bytes()),
            name: ClaimedName::of(&safe_name("report.pdf")),
            media_type: MediaType::unknown(),
            layout: Layout::new(7).unwrap(),
            file_key: FileKey::from_secret(Secret::take(&mut [4; 16])),
            nonce,
            digest: Digest::ZERO,
            tier: says,
            caveats: List::default(),
            marks: Bytes::default(),
            class: RetentionClass::Month,
        };
        let mut message = MessageRow {
            id: MessageId::of(conversation, sender, MessageSeed::from_bytes([5; 16])),
            sequence: 1,
            device: sender,
            from: Text::default(),
            name: Text::default(),
            counter: 1,
            joined: 0,
            at: Timestamp::default(),
            content_type: 2,
            body: Bytes::default(),
            own: false,
        };
        let body = Body::Document(Bytes::new(manifest.to_bytes()).unwrap());
        received(conversation, sender, conversation_is, &mut message, &body).unwrap().unwrap().tier
    }

    // [DOC-22]
    #[test]
    fn a_document_is_not_shown_as_less_secret_than_its_conversation() {
        assert_eq!(shown_at(1, 4), 4);
        assert_eq!(shown_at(0, 4), 4);
        assert_eq!(shown_at(5, 4), 5);
        assert_eq!(shown_at(4, 4), 4);
    }
}
