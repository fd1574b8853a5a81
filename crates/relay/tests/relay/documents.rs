//! Documents (protocol-spec/07-delivery, section 11).

use amanat_primitives::{ConversationId, DocumentId};
use amanat_relay_core::config::{Limits, Quotas};
use amanat_wire::{
    Bytes,
    client::{GetSegment, Nothing, OpenDocument, PutSegment, Request},
    limits,
    log::RetentionClass,
    relay::{Answer, DocumentState, Refusal},
};
use rand_core::{OsRng, RngCore as _};

use crate::harness::*;

/// Any id: what it is made from is the members' business.
fn document_id() -> DocumentId {
    let mut id = [0; 16];
    OsRng.fill_bytes(&mut id);
    DocumentId::from_bytes(id)
}

fn open(document: DocumentId, conversation: ConversationId, segments: u64) -> Request {
    Request::OpenDocument(OpenDocument { document, conversation, segments, class: RetentionClass::Month })
}

fn put(document: DocumentId, index: u64, length: usize) -> Request {
    let bytes = Bytes::new(vec![u8::try_from(index + 1).unwrap(); length]).unwrap();
    Request::PutSegment(PutSegment { document, index, bytes })
}

fn get(document: DocumentId, index: u64) -> Request {
    Request::GetSegment(GetSegment { document, index })
}

const DONE: Answer = Answer::Done(Nothing {});

fn state(held: u64, sealed: bool) -> Answer {
    Answer::Document(DocumentState { held, sealed })
}

fn refused(refusal: Refusal) -> Answer {
    Answer::Refused(refusal)
}

/// [DELIV-68] [DELIV-69]
#[tokio::test(flavor = "multi_thread")]
async fn a_document_goes_from_its_sender_to_members() {
    let mut site = Site::new().await;
    let (a, mut ayesha) = site.enrol("ayesha").await;
    let (b, mut bilal) = site.enrol("bilal").await;
    let (_c, mut chand) = site.enrol("chand").await;
    let conversation = found(&mut ayesha, &[b.id()]).await;
    let document = document_id();
    assert_eq!(chand.ask(open(document, conversation, 3)).await, refused(Refusal::NotAllowed));
    let nowhere = ConversationId::random(&mut OsRng);
    assert_eq!(ayesha.ask(open(document, nowhere, 3)).await, refused(Refusal::Unknown));
    assert_eq!(ayesha.ask(open(document, conversation, 0)).await, refused(Refusal::Malformed));
    assert_eq!(ayesha.ask(open(document, conversation, 3)).await, state(0, false));
    assert_eq!(bilal.ask(open(document, conversation, 3)).await, refused(Refusal::Exists));
    assert_eq!(ayesha.ask(open(document, conversation, 4)).await, refused(Refusal::Exists));

    // Only its sender may put and seal; a segment has one length.
    assert_eq!(bilal.ask(put(document, 0, limits::BODY)).await, refused(Refusal::NotAllowed));
    assert_eq!(bilal.ask(Request::SealDocument(document)).await, refused(Refusal::NotAllowed));
    assert_eq!(ayesha.ask(put(document, 0, 1000)).await, refused(Refusal::Malformed));
    assert_eq!(ayesha.ask(put(document, 3, limits::BODY)).await, refused(Refusal::Malformed));
    assert_eq!(ayesha.ask(put(document, 0, limits::BODY)).await, DONE);
    assert_eq!(ayesha.ask(Request::SealDocument(document)).await, refused(Refusal::Unknown));
    assert_eq!(bilal.ask(get(document, 0)).await, refused(Refusal::Unknown));

    // Cut here; another link goes on where it was, and a seal that was sent right behind the segments finds them.
    drop(ayesha);
    assert!(site.stop().await);
    site.start().await;
    let mut ayesha = site.connect(&a).await;
    assert_eq!(ayesha.ask(open(document, conversation, 3)).await, state(1, false));
    let mut numbers = Vec::new();
    for request in [put(document, 1, limits::BODY), put(document, 2, limits::BODY), Request::SealDocument(document)] {
        numbers.push(ayesha.start(request).await);
    }
    for number in numbers {
        assert_eq!(ayesha.answer(number).await, Ok(DONE));
    }
    assert_eq!(ayesha.ask(open(document, conversation, 3)).await, state(3, true));
    let (mut bilal, mut chand) = (site.connect(&b).await, site.connect(&_c).await);
    for index in 0..3 {
        match bilal.ask(get(document, index)).await {
            Answer::Segment(bytes) => assert!(bytes.iter().all(|byte| u64::from(*byte) == index + 1)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(bilal.ask(get(document, 3)).await, refused(Refusal::Malformed));
    assert_eq!(chand.ask(get(document, 0)).await, refused(Refusal::NotAllowed));
    assert_eq!(chand.ask(get(document_id(), 0)).await, refused(Refusal::Unknown));
    // Whoever is removed fetches nothing more.
    ayesha.append(commit(conversation, 1, &[], &[b.id()])).await;
    assert_eq!(bilal.ask(get(document, 0)).await, refused(Refusal::NotAllowed));
}

/// [DELIV-59]
#[tokio::test(flavor = "multi_thread")]
async fn documents_have_quotas() {
    let quotas = Quotas { device_documents_gib: 1, documents_gib: 1, ..small_quotas() };
    let site = Site::with(Limits::default(), quotas).await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let conversation = found(&mut ayesha, &[]).await;
    let (first, second) = (document_id(), document_id());
    assert_eq!(ayesha.ask(open(first, conversation, 1000)).await, state(0, false));
    assert_eq!(ayesha.ask(open(second, conversation, 25)).await, refused(Refusal::Full));
    assert_eq!(ayesha.ask(open(second, conversation, 24)).await, state(0, false));
}

/// [DELIV-62] Segments far beyond what a link may hold at once, all asked for before one is read.
#[tokio::test(flavor = "multi_thread")]
async fn many_segments_are_fetched_with_bounded_memory() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let conversation = found(&mut ayesha, &[]).await;
    let document = document_id();
    assert_eq!(ayesha.ask(open(document, conversation, 32)).await, state(0, false));
    for index in 0..32 {
        assert_eq!(ayesha.ask(put(document, index, limits::BODY)).await, DONE);
    }
    assert_eq!(ayesha.ask(Request::SealDocument(document)).await, DONE);
    let mut numbers = Vec::new();
    for index in 0..32 {
        numbers.push(ayesha.start(get(document, index)).await);
    }
    for number in numbers {
        assert!(matches!(ayesha.answer(number).await, Ok(Answer::Segment(_))));
    }
}
