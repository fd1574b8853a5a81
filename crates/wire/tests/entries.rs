//! Entries of a log (protocol-spec/02-wire, section 4, and 07-delivery): what a unit becomes, and what its receipt and its
//! seal hold fast.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use amanat_primitives::{
    ConversationId, DeviceId, Digest, Secret, Timestamp, UnitId,
    sign::{BadSignature, SigningKey},
};
use amanat_wire::{
    Bytes, List,
    client::Nothing,
    log::{CommitReceipt, Entry, ReceiptBody, RetentionClass, Unit, UnitKind},
    relay::{Answer, Appended},
    resupply,
};

const CONVERSATION: ConversationId = ConversationId::from_bytes([1; 16]);
const AUTHOR: DeviceId = DeviceId::from_bytes([2; 32]);
const RUNNING: Digest = Digest::from_bytes([3; 32]);

fn entry(kind: UnitKind) -> Entry {
    let unit = Unit {
        id: UnitId::from_bytes([4; 16]),
        conversation: CONVERSATION,
        kind,
        class: RetentionClass::Week,
        seen_commit: 5,
        accepted_commit: 4,
        body: Bytes::new(b"body".to_vec()).unwrap(),
        roster_add: List::default(),
        roster_remove: List::default(),
        group_info: Bytes::default(),
        joiners: List::default(),
    };
    let appended = Appended {
        position: 6,
        stamp: Timestamp::from_secs(7),
        running: RUNNING,
        receipt: Bytes::new(b"receipt".to_vec()).unwrap(),
        seal: Digest::from_bytes([8; 32]),
    };
    Entry::of_own(unit, AUTHOR, appended)
}

#[test]
fn a_message_is_kept_as_its_author_says_and_a_commit_for_a_month() {
    let message = entry(UnitKind::Message);
    assert_eq!((message.position, message.sender, &*message.body), (6, AUTHOR, &b"body"[..]));
    assert_eq!((message.seen_commit, message.accepted_commit, &*message.receipt), (5, 4, &b"receipt"[..]));
    assert_eq!(message.class, RetentionClass::Week);
    assert_eq!(entry(UnitKind::Commit).class, RetentionClass::Month);
}

// [DELIV-87]
#[test]
fn a_receipt_is_of_one_relay_and_one_entry() {
    let relay = SigningKey::from_seed(&Secret::take(&mut [1; 32]));
    let other = SigningKey::from_seed(&Secret::take(&mut [2; 32]));
    let body = ReceiptBody {
        conversation: CONVERSATION,
        position: 6,
        commit: entry(UnitKind::Commit).ciphertext_hash(),
        stamp: Timestamp::from_secs(7),
        roster: RUNNING,
        status_number: 1,
        previous: RUNNING,
    };
    let mut receipt = CommitReceipt::sign(body, &relay);
    assert_eq!(receipt.verify(&relay.verifying_key()), Ok(()));
    assert_eq!(receipt.verify(&other.verifying_key()), Err(BadSignature));
    receipt.body.position = 7;
    assert_eq!(receipt.verify(&relay.verifying_key()), Err(BadSignature));
}

// [DELIV-114]
#[test]
fn a_relay_knows_its_own_entries_by_their_seal() {
    let (key, other) = (Secret::take(&mut [9; 32]), Secret::take(&mut [10; 32]));
    let mut entry = entry(UnitKind::Message);
    entry.seal = resupply::seal(&key, CONVERSATION, &entry, RUNNING);
    assert!(resupply::is_sealed(&key, CONVERSATION, &entry, RUNNING));
    assert!(!resupply::is_sealed(&other, CONVERSATION, &entry, RUNNING));
    assert!(!resupply::is_sealed(&key, CONVERSATION, &entry, Digest::from_bytes([4; 32])));
    entry.position = 7;
    assert!(!resupply::is_sealed(&key, CONVERSATION, &entry, RUNNING));
}

#[test]
fn a_log_names_an_answer_by_its_kind() {
    assert_eq!(Answer::Done(Nothing {}).kind(), "done");
    assert_eq!(Answer::Resupplied(1).kind(), "resupplied");
}
