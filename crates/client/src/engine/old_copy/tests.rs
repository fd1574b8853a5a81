//! Logs of conversations that have fallen out, looked through (protocol-spec/07-delivery, section 12).

use amanat_primitives::{Timestamp, UnitId};
use amanat_wire::{
    Bytes,
    log::{Entry, RetentionClass, UnitKind},
};

use super::*;

const ID: ConversationId = ConversationId::from_bytes([1; 16]);
const OWN: DeviceId = DeviceId::from_bytes([2; 32]);
const OTHER: DeviceId = DeviceId::from_bytes([3; 32]);
const START: Digest = Digest::from_bytes([4; 32]);

fn entry(position: u64, sender: DeviceId, unit: u8) -> Entry {
    Entry {
        position,
        kind: UnitKind::Message,
        stamp: Timestamp::default(),
        sender,
        unit: UnitId::from_bytes([unit; 16]),
        seen_commit: 1,
        accepted_commit: 1,
        body: Bytes::new(vec![position as u8; 8]).unwrap(),
        gone: None,
        receipt: Bytes::default(),
        class: RetentionClass::Month,
        seal: Digest::ZERO,
    }
}

/// One that has left this vault has a ciphertext.
fn queued(number: u64, unit: u8, ciphertext: Digest) -> (u64, OutboxRow) {
    let row = OutboxRow {
        number,
        conversation: ID,
        unit: UnitId::from_bytes([unit; 16]),
        message: None,
        counter: number,
        class: RetentionClass::Month,
        content: Bytes::default(),
        request: Bytes::default(),
        ciphertext,
    };
    (number, row)
}

fn page(entries: Vec<Entry>, head: u64, first_kept: u64) -> Entries {
    Entries { entries: List::new(entries).unwrap(), running_before: Digest::from_bytes([5; 32]), head, first_kept }
}

// [DELIV-215]
#[test]
fn the_relays_word_for_a_unit_counts_only_where_the_vault_never_gave_it_away() {
    let known = entry(4, OTHER, 9);
    let other = Digest::from_bytes([7; 32]);
    let queue =
        BTreeMap::from([queued(1, 1, other), queued(2, 2, Digest::ZERO), queued(3, 3, known.ciphertext_hash())]);
    let log = vec![known, entry(5, OWN, 1), entry(6, OWN, 2)];
    let (sift, gone) = look_through(SiftRow::new(ID, 3, Some(START)), &page(log.clone(), 6, 1), OWN, &queue).unwrap();
    assert_eq!((sift.found.to_vec(), sift.position, sift.done, gone), (vec![3, 2], 6, true, None));
    let running = log.iter().fold(START, |running, entry| entry.running(&running));
    assert_eq!(sift.running, Some(running));
    // Another's entry has nobody's unit.
    let (sift, _) =
        look_through(SiftRow::new(ID, 4, None), &page(vec![entry(5, OTHER, 2)], 5, 1), OWN, &queue).unwrap();
    assert!(sift.found.is_empty());
}

// [DELIV-215] An entry whose body has gone counts by its hash.
#[test]
fn what_has_gone_is_hashed_on_and_what_is_not_kept_is_said() {
    let whole = entry(4, OTHER, 9);
    let gone = Entry { body: Bytes::default(), gone: Some(whole.ciphertext_hash()), ..whole.clone() };
    let on = |log| look_through(SiftRow::new(ID, 3, Some(START)), &page(vec![log], 4, 1), OWN, &BTreeMap::new());
    assert_eq!(on(whole), on(gone));

    // Places 4 to 7 are not kept: R is the relay's word from there on, and what was found before hangs on nothing.
    let queue = BTreeMap::from([queued(1, 1, Digest::ZERO), queued(2, 2, Digest::ZERO)]);
    let begun = SiftRow { found: List::new(vec![1]).unwrap(), ..SiftRow::new(ID, 3, Some(START)) };
    let behind = page(vec![entry(8, OWN, 2)], 8, 8);
    let (sift, said) = look_through(begun.clone(), &behind, OWN, &queue).unwrap();
    assert_eq!(said, Some(Alarm::ExpiredEntries { from: 4, to: 7 }));
    let running = behind.entries[0].running(&behind.running_before);
    assert_eq!((sift.found.to_vec(), sift.position, sift.running), (vec![2], 8, Some(running)));
    // Where that is beyond what is asked about, nothing is known of it.
    let (sift, said) = look_through(SiftRow { until: 5, ..begun }, &behind, OWN, &queue).unwrap();
    assert_eq!(said, Some(Alarm::ExpiredEntries { from: 4, to: 5 }));
    assert_eq!((sift.found.len(), sift.position, sift.running, sift.done), (0, 5, None, true));
}

// [DELIV-215] [DELIV-214]
#[test]
fn it_is_looked_through_up_to_the_place_in_question_and_without_gaps() {
    let log: Vec<Entry> = (4..=9).map(|position| entry(position, OTHER, 9)).collect();
    let up_to = SiftRow { until: 6, ..SiftRow::new(ID, 3, Some(START)) };
    let (sift, _) = look_through(up_to.clone(), &page(log.clone(), 9, 1), OWN, &BTreeMap::new()).unwrap();
    assert_eq!((sift.position, sift.done), (6, true));
    let (part, _) = look_through(up_to.clone(), &page(log[..1].to_vec(), 9, 1), OWN, &BTreeMap::new()).unwrap();
    assert_eq!((part.position, part.done), (4, false));
    let none = [
        page(log[1..].to_vec(), 9, 1),
        page(vec![log[0].clone(), log[2].clone()], 9, 1),
        page(Vec::new(), 9, 1),
        page(Vec::new(), 9, 11),
        page(Vec::new(), u64::MAX, u64::MAX),
    ];
    for page in none {
        assert_eq!(look_through(up_to.clone(), &page, OWN, &BTreeMap::new()), None);
    }
}

// [DELIV-219] The relay names no log that reaches the Welcome's place: it holds up nothing.
#[test]
fn a_log_that_ends_before_the_place_in_question_is_not_waited_for() {
    let begun = SiftRow { until: 1 << 40, ..SiftRow::new(ID, 3, Some(START)) };
    let log: Vec<Entry> = (4..=6).map(|position| entry(position, OTHER, 9)).collect();
    let queue = BTreeMap::from([queued(1, 1, log[0].ciphertext_hash())]);
    // The log goes on: not yet.
    let (sift, said) = look_through(begun.clone(), &page(log.clone(), 7, 1), OWN, &queue).unwrap();
    assert_eq!((sift.done, said), (false, None));
    // Nor where the relay once named a longer one.
    let ends =
        [(begun.clone(), page(log, 6, 1)), (sift.clone(), page(Vec::new(), 6, 1)), (sift, page(Vec::new(), 2, 1))];
    for (begun, page) in ends {
        let (sift, said) = look_through(begun, &page, OWN, &queue).unwrap();
        assert_eq!((sift.position, sift.running, sift.done), (1 << 40, None, true));
        assert_eq!(said, Some(Alarm::Excluded { position: 7 }));
    }

    let part = |position| WelcomePart {
        conversation: ID,
        position,
        running: START,
        sender: OTHER,
        receipt: Bytes::default(),
        group_info: Bytes::default(),
        group_secrets: Bytes::default(),
    };
    let mut rolled_back = RolledBack::default();
    for (until, position, holds_up) in [(0, 9, true), (9, 9, true), (8, 9, false)] {
        rolled_back.logs.insert(ID, SiftRow { until, ..SiftRow::new(ID, 3, None) });
        assert_eq!(rolled_back.holds_up(&part(position)), holds_up, "{until}");
    }
}
