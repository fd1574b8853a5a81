//! One device's side of a link, by hand (protocol-spec/02-wire, sections 2 to 4).

use amanat_net::{Link, LinkReceiver, LinkSender};
use amanat_primitives::{ConversationId, DeviceId, UnitId};
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List,
    client::{Advance, Cursor, NumberedRequest, Request, ToRelay},
    limits,
    log::{Joiner, RetentionClass, Unit, UnitKind},
    relay::{Answer, FromRelay},
};
use rand_core::OsRng;

use super::broken;
use crate::problem::{Outcome, Problem};

/// The sending half.
pub(super) struct Asking {
    sender: LinkSender,
    number: u32,
}

/// A linked device.
pub(super) struct Wire {
    pub(super) asking: Asking,
    pub(super) hearing: LinkReceiver,
}

impl Asking {
    /// Seals a request; [`flush`](Self::flush) sends it. Gives its number.
    pub(super) async fn put(&mut self, request: Request) -> Outcome<u32> {
        self.number = self.number.wrapping_add(1);
        let number = self.number;
        let bytes = ToRelay::Request(NumberedRequest { number, request }).to_bytes();
        self.sender.send(&bytes).await.map_err(lost)?;
        Ok(number)
    }

    /// Sends what was put.
    pub(super) async fn flush(&mut self) -> Outcome {
        self.sender.flush().await.map_err(lost)
    }
}

impl Wire {
    pub(super) fn new(link: Link) -> Self {
        Self { asking: Asking { sender: link.sender, number: 0 }, hearing: link.receiver }
    }

    /// Asks, and waits for the answer; what is pushed meanwhile is let go.
    pub(super) async fn ask(&mut self, request: Request) -> Outcome<Answer> {
        let number = self.asking.put(request).await?;
        self.asking.flush().await?;
        loop {
            match hear(&mut self.hearing).await? {
                FromRelay::Answer(answer) if answer.number == number => return accepted(answer.answer),
                _ => {}
            }
        }
    }

    /// Ends the link.
    pub(super) async fn end(self) {
        // The relay may have ended it before.
        let _ = self.asking.sender.shutdown().await;
    }

    /// Appends a unit.
    pub(super) async fn append(&mut self, unit: Unit) -> Outcome {
        match self.ask(Request::Append(unit)).await? {
            Answer::Appended(_) => Ok(()),
            other => Err(unasked(&other)),
        }
    }

    /// Founds a conversation with all `members` beside this device; gives it and the position of its last commit.
    pub(super) async fn found(&mut self, members: &[DeviceId]) -> Outcome<(ConversationId, u64)> {
        let conversation = ConversationId::random(&mut OsRng);
        let mut last = 0;
        for added in members.chunks(limits::ADDS) {
            let mut unit = unit(conversation, if last == 0 { UnitKind::Create } else { UnitKind::Commit }, last)?;
            unit.body = Bytes::new(vec![1; 1000]).map_err(|_| broken())?;
            unit.group_info = Bytes::new(vec![2; 1000]).map_err(|_| broken())?;
            let secrets = Bytes::new(vec![3; 1200]).map_err(|_| broken())?;
            let joiners = added.iter().map(|device| Joiner { device: *device, group_secrets: secrets.clone() });
            unit.joiners = List::new(joiners.collect::<Vec<_>>()).map_err(|_| broken())?;
            unit.roster_add = List::new(added).map_err(|_| broken())?;
            self.append(unit).await?;
            last += 1;
        }
        Ok((conversation, last))
    }
}

/// The relay's next message.
pub(super) async fn hear(hearing: &mut LinkReceiver) -> Outcome<FromRelay> {
    let bytes = hearing.recv().await.map_err(lost)?.ok_or_else(broken)?;
    match FromRelay::from_bytes(&bytes).map_err(|_| broken())? {
        FromRelay::Goodbye(refusal) => Err(refused(&format!("ended a device's link: {refusal:?}"))),
        message => Ok(message),
    }
}

/// An answer that is no refusal.
pub(super) fn accepted(answer: Answer) -> Outcome<Answer> {
    match answer {
        Answer::Refused(refusal) => Err(refused(&format!("refused a request: {refusal:?}"))),
        answer => Ok(answer),
    }
}

/// Another answer than belongs to the request.
pub(super) fn unasked(answer: &Answer) -> Problem {
    refused(&format!("answered with something else: {}", answer.kind()))
}

fn refused(words: &str) -> Problem {
    Problem::new("relay", format!("The relay {words}."), "Ask for less: fewer devices, or a lower rate.")
}

fn lost(error: amanat_net::LinkError) -> Problem {
    Problem::new("link", format!("A device's link broke: {error}."), "Run the benchmark again.")
}

/// A unit without a body.
pub(super) fn unit(conversation: ConversationId, kind: UnitKind, commit: u64) -> Outcome<Unit> {
    Ok(Unit {
        id: UnitId::random(&mut OsRng),
        conversation,
        kind,
        class: RetentionClass::Month,
        seen_commit: commit,
        accepted_commit: commit,
        body: Bytes::default(),
        roster_add: List::default(),
        roster_remove: List::default(),
        group_info: Bytes::default(),
        joiners: List::default(),
    })
}

/// Moves one cursor, and the one of direct items.
pub(super) fn advance(conversation: ConversationId, position: u64, direct: u64) -> Outcome<Request> {
    let cursors = List::new(vec![Cursor { conversation, position }]).map_err(|_| broken())?;
    Ok(Request::Advance(Advance { cursors, direct }))
}
