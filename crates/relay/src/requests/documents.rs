//! Documents (protocol-spec/07-delivery, section 11): segments of ciphertext, put by their sender, fetched by members of
//! the conversation.

use std::sync::Arc;

use amanat_primitives::{ConversationId, DocumentId};
use amanat_store::{
    blobs::{BlobError, Opening},
    relay::Access,
};
use amanat_wire::{
    Bytes,
    client::{GetSegment, Nothing, OpenDocument, PutSegment, Request},
    limits,
    relay::{Answer, DocumentState, Refusal},
};
use tokio::sync::mpsc;

use super::{Asker, NotDone};
use crate::outbox::Ticket;

/// Length of every segment.
const SEGMENT: u32 = 1024 * 1024;
const _: () = assert!(SEGMENT as usize == limits::BODY);
/// Requests that may wait in a lane; the link's reader waits with what comes beyond.
const WAITING: usize = 4;

/// Uploads of one link, carried out one after the other: so that a seal finds the segments that were put before it.
pub(crate) struct Lane {
    requests: mpsc::Sender<(Ticket, Request)>,
}

impl Lane {
    /// Starts a lane; it ends with the link that holds it.
    pub(crate) fn start(asker: &Arc<Asker>) -> Self {
        let (requests, mut waiting) = mpsc::channel::<(Ticket, Request)>(WAITING);
        let asker = Arc::clone(asker);
        tokio::spawn(async move {
            while let Some((ticket, request)) = waiting.recv().await {
                let asker = Arc::clone(&asker);
                // A panic there drops the ticket, which answers for itself.
                let _ = amanat_store::blocking::run(move || {
                    let outcome = carry_out(&asker, request);
                    asker.settle(ticket, outcome);
                })
                .await;
            }
        });
        Self { requests }
    }

    /// Hands a request over, waiting for room.
    pub(crate) async fn send(&self, ticket: Ticket, request: Request) {
        // A lane that has gone drops the ticket, which answers for itself.
        let _ = self.requests.send((ticket, request)).await;
    }
}

fn carry_out(asker: &Asker, request: Request) -> Result<Answer, NotDone> {
    match request {
        Request::OpenDocument(open) => begin(asker, &open),
        Request::PutSegment(put) => put_segment(asker, &put),
        Request::SealDocument(document) => seal(asker, document),
        _ => Err(Refusal::Malformed.into()),
    }
}

// [DELIV-68]
fn require_member(asker: &Asker, conversation: ConversationId) -> Result<(), NotDone> {
    match asker.shared.store.access(conversation, asker.id)? {
        Access::Member => Ok(()),
        Access::Leaving => Err(Refusal::NotAllowed.into()),
        Access::None if asker.shared.store.roster(conversation)?.is_none() => Err(Refusal::Unknown.into()),
        Access::None => Err(Refusal::NotAllowed.into()),
    }
}

// [DELIV-68]
fn require_author(asker: &Asker, document: DocumentId) -> Result<Opening, NotDone> {
    let opening = asker.shared.blobs.opening(document)?;
    if opening.author == asker.id { Ok(opening) } else { Err(Refusal::NotAllowed.into()) }
}

fn begin(asker: &Asker, open: &OpenDocument) -> Result<Answer, NotDone> {
    require_member(asker, open.conversation)?;
    let opening = Opening {
        document: open.document,
        conversation: open.conversation,
        author: asker.id,
        segments: open.segments,
        segment_len: SEGMENT,
        class: open.class,
        now: asker.shared.now(),
    };
    let held = asker.shared.blobs.begin(&opening)?;
    Ok(Answer::Document(DocumentState { held: held.prefix, sealed: held.sealed }))
}

fn put_segment(asker: &Asker, put: &PutSegment) -> Result<Answer, NotDone> {
    require_author(asker, put.document)?;
    asker.shared.blobs.put(put.document, put.index, &put.bytes)?;
    Ok(Answer::Done(Nothing {}))
}

// [DELIV-69]
fn seal(asker: &Asker, document: DocumentId) -> Result<Answer, NotDone> {
    require_author(asker, document)?;
    asker.shared.blobs.seal(document)?;
    Ok(Answer::Done(Nothing {}))
}

/// One segment of a sealed document.
pub(crate) fn get(asker: &Asker, get: &GetSegment) -> Result<Answer, NotDone> {
    let blobs = &asker.shared.blobs;
    require_member(asker, blobs.opening(get.document)?.conversation)?;
    Ok(Answer::Segment(Bytes::new(blobs.get(get.document, get.index)?)?))
}

impl From<BlobError> for NotDone {
    fn from(error: BlobError) -> Self {
        match error {
            // Segments that were received and not synced are gone after a crash: the upload is begun again, and says
            // how far it has come. The same for whoever fetches too early.
            BlobError::Unknown | BlobError::Incomplete { .. } | BlobError::NotSealed => Refusal::Unknown.into(),
            BlobError::Exists => Refusal::Exists.into(),
            BlobError::Invalid => Refusal::Malformed.into(),
            BlobError::Full => Self::NoRoom,
            BlobError::Damaged => {
                tracing::error!("a stored segment is damaged: restore the documents from a copy");
                Refusal::Failed.into()
            }
            BlobError::Fatal => Self::Store(amanat_store::relay::StoreError::Fatal),
        }
    }
}
