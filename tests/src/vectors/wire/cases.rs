//! The wire's vectors (protocol-spec/02-wire): the messages themselves, each as it is taken, and each damaged at its end.

mod answers;
mod requests;

use amanat_primitives::{ConversationId, Digest, DocumentId, Label, UnitId, kdf};
use amanat_wire::{
    Bytes, Encode as _, List,
    client::AddAgain,
    log::{CommitReceipt, Entry, Joiner, ReceiptBody, RetentionClass, Unit, UnitKind, ciphertext_hash, roster_change},
    relay::LogState,
    resupply,
};

use super::{
    super::forge::{AYESHA, BILAL, RELAY, T0, at, device_id, signing},
    Vector, vector,
};

pub(super) use answers::answered;
pub(super) use requests::asked;

pub(super) fn bytes<const MAX: usize>(bytes: &[u8]) -> Bytes<MAX> {
    Bytes::new(bytes).unwrap()
}

pub(super) fn conversation() -> ConversationId {
    ConversationId::from_bytes([0xc1; 16])
}

fn document() -> DocumentId {
    DocumentId::from_bytes([0xd1; 16])
}

pub(super) fn unit() -> Unit {
    Unit {
        id: UnitId::from_bytes([0xa1; 16]),
        conversation: conversation(),
        kind: UnitKind::Commit,
        class: RetentionClass::Month,
        seen_commit: 7,
        accepted_commit: 5,
        body: bytes(b"a commit"),
        roster_add: List::new(vec![device_id(BILAL)]).unwrap(),
        roster_remove: List::new(vec![device_id(AYESHA)]).unwrap(),
        group_info: bytes(b"group info"),
        joiners: joiners(),
    }
}

fn joiners() -> List<Joiner, 50> {
    List::new(vec![Joiner { device: device_id(BILAL), group_secrets: bytes(b"secrets") }]).unwrap()
}

fn entry(gone: bool) -> Entry {
    let body: &[u8] = if gone { b"" } else { b"a message" };
    Entry {
        position: 2,
        kind: UnitKind::Message,
        stamp: at(T0 + 5),
        sender: device_id(AYESHA),
        unit: UnitId::from_bytes([0xa2; 16]),
        seen_commit: 1,
        accepted_commit: 1,
        body: bytes(body),
        gone: gone.then(|| ciphertext_hash(b"a message")),
        receipt: Bytes::default(),
        class: RetentionClass::Month,
        seal: Digest::ZERO,
    }
}

/// A log: the founding commit with its receipt, a message, a message whose body has gone.
pub(in super::super) fn short_log() -> [Entry; 3] {
    let receipt = CommitReceipt::sign(ReceiptBody { position: 1, ..receipt_body() }, &signing(RELAY)).to_bytes();
    let founding = Entry {
        position: 1,
        kind: UnitKind::Create,
        body: bytes(b"a commit"),
        receipt: bytes(&receipt),
        ..entry(false)
    };
    let gone = Entry { position: 3, gone: Some(ciphertext_hash(b"another")), ..entry(true) };
    [founding, entry(false), gone]
}

/// R at the first two entries of that log.
pub(super) fn running_at(position: usize) -> Digest {
    short_log().iter().take(position).fold(Digest::ZERO, |running, entry| entry.running(&running))
}

pub(super) fn running() -> Digest {
    running_at(2)
}

pub(super) fn sealed(gone: bool) -> Entry {
    let entry = entry(gone);
    let key = kdf::derive(&[RELAY; 32], &[], Label::ENTRY_SEAL);
    let seal = resupply::seal(&key, conversation(), &entry, running());
    Entry { seal, ..entry }
}

fn log_state() -> LogState {
    LogState { conversation: conversation(), cursor: 3, head: 9, first_kept: 2 }
}

pub(super) fn receipt_body() -> ReceiptBody {
    ReceiptBody {
        conversation: conversation(),
        position: 3,
        commit: ciphertext_hash(b"a commit"),
        stamp: at(T0 + 9),
        roster: roster_change(&[device_id(BILAL)], &[device_id(AYESHA)]),
        status_number: T0,
        previous: Digest::ZERO,
    }
}

pub(super) fn ask() -> AddAgain {
    AddAgain::sign(conversation(), device_id(AYESHA), at(T0), &signing(AYESHA))
}

/// A message that is taken.
#[derive(Clone)]
struct Good {
    what: &'static str,
    name: String,
    rules: &'static str,
    /// What it is, as a comment begins.
    is: String,
    message: Vec<u8>,
    /// So many of its bytes say which message it is: without one of them it is none of its kind any more.
    head: usize,
}

impl Good {
    fn vector(&self) -> Vector {
        vector(self.what, &self.name, self.rules, &self.is).bytes("message", &self.message)
    }

    /// With its last byte missing, where that is not all that it says, and with one too many.
    fn damaged(&self) -> Vec<Vector> {
        let of = |name: &str, how: &str, word, message: &[u8]| {
            let (name, comment) = (format!("{}-{name}", self.name), format!("{}, {how}", self.is));
            vector(self.what, &name, "WIRE-02", &comment).bytes("message", message).refused(word)
        };
        let mut out = vec![of("left-over", "and a byte behind it", "left_over", &longer(&self.message))];
        if self.message.len() > self.head {
            let cut = &self.message[..self.message.len() - 1];
            out.push(of("cut", "without its last byte", "cut_short", cut));
        }
        out
    }
}

pub(in super::super) fn make() -> Vec<Vector> {
    let (messages, refusals) = ([requests::good(), answers::good()].concat(), answers::refusals());
    // A refusal is damaged in one way whatever its code.
    let damaged = messages.iter().chain(refusals.first()).flat_map(Good::damaged);
    let other_version = requests::of_another_version();
    let good = messages.iter().chain(&refusals).chain([&other_version]).map(Good::vector);
    let mut out: Vec<_> = good.chain(damaged).collect();
    out.extend([super::refused::make(), super::over::make(), super::hashes::make()].concat());
    out
}

pub(super) fn to_relay(name: &str, rules: &str, comment: &str, message: &[u8]) -> Vector {
    vector("to_relay", name, rules, comment).bytes("message", message)
}

pub(super) fn from_relay(name: &str, rules: &str, comment: &str, message: &[u8]) -> Vector {
    vector("from_relay", name, rules, comment).bytes("message", message)
}

/// With a byte put in the place of another.
pub(super) fn altered(mut message: Vec<u8>, place: usize, to: u8) -> Vec<u8> {
    message[place] = to;
    message
}

/// With a byte behind it.
pub(super) fn longer(message: &[u8]) -> Vec<u8> {
    [message, &[0]].concat()
}
