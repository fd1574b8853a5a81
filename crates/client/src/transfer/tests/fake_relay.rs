//! A relay in memory behind [`Calls`]. It keeps what it is sent and checks the one rule that only it can see: nothing
//! arrives whose hash is not durable at the sender.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use amanat_document::{SEGMENT_LEN, Segment, SegmentHash};
use amanat_primitives::DocumentId;
use amanat_wire::{
    Bytes,
    client::{GetSegment, Nothing, PutSegment, Request},
    relay::{Answer, DocumentState, Refusal},
};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::session::{Calls, FarEnd};

/// A request, as tests name it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Ask {
    Open,
    Put(u64),
    Seal,
    Get(u64),
}

/// What it does instead of answering.
pub(super) enum Trick {
    Refuse(Refusal),
    Answer(Answer),
    /// Lose the link.
    Cut,
    /// Do something, then answer.
    First(Box<dyn FnOnce() + Send>),
    /// Never answer, but say that it was asked.
    Ignore(oneshot::Sender<()>),
}

#[derive(Default)]
pub(super) struct Kept {
    pub(super) segments: BTreeMap<u64, Vec<u8>>,
    pub(super) announced: u64,
    pub(super) sealed: bool,
    /// Hashes that the sender has made durable.
    pub(super) durable: Vec<SegmentHash>,
    /// All requests, in order.
    pub(super) asked: Vec<Ask>,
    /// What no sender may do.
    pub(super) offences: Vec<String>,
    pub(super) tricks: HashMap<Ask, Trick>,
    /// Answers this many requests at once, the last first.
    pub(super) backwards: usize,
}

#[derive(Clone, Default)]
pub(super) struct FakeRelay(Arc<Mutex<Kept>>);

impl FakeRelay {
    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap()
    }

    pub(super) fn trick(&self, ask: Ask, trick: Trick) {
        self.kept().tricks.insert(ask, trick);
    }

    pub(super) fn puts(&self) -> Vec<u64> {
        self.kept().asked.iter().filter_map(|ask| if let Ask::Put(index) = ask { Some(*index) } else { None }).collect()
    }

    /// A new link to it; the task ends when all that was asked over it has been served.
    pub(super) fn link(&self) -> (Calls, JoinHandle<()>) {
        let (calls, far) = Calls::pair();
        (calls, tokio::spawn(self.clone().serve(far)))
    }

    async fn serve(self, mut far: FarEnd) {
        let mut ignored = Vec::new();
        let mut held_back = Vec::new();
        while let Some((request, reply)) = far.next().await {
            let ask = name(&request);
            let trick = {
                let mut kept = self.kept();
                kept.asked.push(ask);
                kept.tricks.remove(&ask)
            };
            let answer = match trick {
                Some(Trick::Cut) => return,
                Some(Trick::Refuse(refusal)) => Answer::Refused(refusal),
                Some(Trick::Answer(answer)) => answer,
                Some(Trick::Ignore(asked)) => {
                    let _ = asked.send(());
                    ignored.push(reply);
                    continue;
                }
                Some(Trick::First(first)) => {
                    first();
                    self.kept().carry_out(request)
                }
                None => self.kept().carry_out(request),
            };
            held_back.push((reply, answer));
            if held_back.len() > self.kept().backwards || matches!(ask, Ask::Open | Ask::Seal) {
                held_back.drain(..).rev().for_each(|(reply, answer)| {
                    let _ = reply.send(answer);
                });
            }
        }
    }
}

impl Kept {
    fn carry_out(&mut self, request: Request) -> Answer {
        match request {
            Request::OpenDocument(open) => {
                self.announced = open.segments;
                let held = (0u64..).zip(self.segments.keys()).take_while(|(n, index)| n == *index).count() as u64;
                Answer::Document(DocumentState { held, sealed: self.sealed })
            }
            Request::PutSegment(put) => self.put(put),
            Request::SealDocument(_) if self.segments.len() as u64 == self.announced => {
                self.sealed = true;
                Answer::Done(Nothing {})
            }
            Request::GetSegment(GetSegment { index, .. }) => match self.segments.get(&index) {
                Some(bytes) => Answer::Segment(Bytes::new(bytes.clone()).unwrap()),
                None => Answer::Refused(Refusal::Unknown),
            },
            _ => Answer::Refused(Refusal::Malformed),
        }
    }

    fn put(&mut self, put: PutSegment) -> Answer {
        let PutSegment { document, index, bytes } = put;
        let bytes = bytes.into_vec();
        if hash_of(document, index, &bytes) != self.durable.get(index as usize).copied() {
            self.offences.push(format!("segment {index} left before its hash was durable"));
        }
        if self.sealed || self.segments.get(&index).is_some_and(|before| *before != bytes) {
            self.offences.push(format!("segment {index} came again with other bytes"));
        }
        self.segments.insert(index, bytes);
        Answer::Done(Nothing {})
    }
}

fn hash_of(document: DocumentId, index: u64, bytes: &[u8]) -> Option<SegmentHash> {
    assert_eq!(bytes.len(), SEGMENT_LEN);
    let segment: &Segment = bytes.try_into().ok()?;
    Some(SegmentHash::of(document, index, segment))
}

fn name(request: &Request) -> Ask {
    match request {
        Request::OpenDocument(_) => Ask::Open,
        Request::PutSegment(put) => Ask::Put(put.index),
        Request::SealDocument(_) => Ask::Seal,
        Request::GetSegment(get) => Ask::Get(get.index),
        other => panic!("a transfer does not ask {other:?}"),
    }
}
