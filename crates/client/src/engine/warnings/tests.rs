//! Warnings as the vault keeps them (protocol-spec/07-delivery, section 12).

use std::time::Duration;

use amanat_identity::Reason;
use amanat_primitives::{DeviceId, DocumentId, MessageId, Secret};
use amanat_wire::Encode as _;

use super::*;
use crate::{
    FailureCode,
    api::{MemberChange, Who},
};

const CONVERSATION: ConversationId = ConversationId::from_bytes([1; 16]);
const NOW: Timestamp = Timestamp::from_secs(1_900_000_000);
const DEVICE: DeviceId = DeviceId::from_bytes([2; 32]);

struct Bench {
    dir: tempfile::TempDir,
    key: Secret<32>,
}

impl Bench {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), key: Secret::random(&mut rand_core::OsRng) }
    }

    fn open(&self) -> Vault {
        Vault::open(self.dir.path(), &self.key).unwrap()
    }
}

fn keep(vault: &Vault, warnings: &mut Warnings, found: &[WarningOf]) {
    let mut batch = Batch::default();
    let draft = warnings.draft(found.iter().cloned(), NOW, &mut batch).unwrap();
    vault.commit(batch).unwrap();
    warnings.settle(draft);
}

fn read(vault: &Vault, warnings: &mut Warnings, read: &[u64]) {
    let mut batch = Batch::default();
    let draft = warnings.draft_read(read, &mut batch).unwrap();
    vault.commit(batch).unwrap();
    warnings.settle(draft);
}

fn alarm(position: u64) -> WarningOf {
    WarningOf::Alarm { conversation: CONVERSATION, alarm: Alarm::Receipt { position } }
}

fn notice(number: u8) -> WarningOf {
    let device = DeviceId::from_bytes([number; 32]);
    WarningOf::Notice(Notice::NewDevice { address: "clerk@cabinet.example".parse().unwrap(), device })
}

fn every_kind() -> Vec<WarningOf> {
    let sender = || "clerk@cabinet.example".parse().unwrap();
    let message = MessageId::from_bytes([3; 16]);
    let alarms = vec![
        Alarm::Gap { sender: sender(), from: 1, to: 2 },
        Alarm::Fork { sender: sender(), position: 3 },
        Alarm::Replay { sender: sender() },
        Alarm::Broken { sender: sender() },
        Alarm::NotAuthor { sender: sender(), message },
        Alarm::NotAllowed { sender: sender() },
        Alarm::Undecryptable { position: 4, sender: DEVICE },
        Alarm::VoidCommit { position: 5, sender: DEVICE },
        Alarm::Receipt { position: 6 },
        Alarm::Waiting { device: DEVICE },
        Alarm::WaitingStatus { number: 7 },
        Alarm::Excluded { position: 8 },
        Alarm::ExpiredEntries { from: 9, to: 10 },
    ];
    let failure = || Failure::new(FailureCode::Gone, "it has gone", "\u{627}".repeat(2000));
    let short = || Failure::new(FailureCode::Quota, "too much", "ask for more");
    let who = |name: &str| Who { address: sender(), name: name.into() };
    let code = amanat_identity::DeviceCode::parse("4H7KQ2M9XW0R51TZ").unwrap();
    let mut notices = vec![
        Notice::StatusExpired { since: NOW },
        Notice::RelayRestored,
        Notice::RelayBehind { conversation: CONVERSATION, missing: 1 },
        Notice::ProfileOutdated { conversations: 2 },
        Notice::RelaySettling { conversation: CONVERSATION },
        Notice::NewDevice { address: sender(), device: DEVICE },
        Notice::DeviceAsks { device: DEVICE, code },
        Notice::DeviceApproved { device: DEVICE, by: DEVICE },
        Notice::AwaitingApproval { code },
        Notice::GrantReused { address: sender() },
        Notice::Revoked { address: sender(), device: DEVICE, reason: Reason::Stolen },
        Notice::LastResortUsed,
        Notice::InvitationReused { at: NOW },
        Notice::DocumentLost { document: DocumentId::from_bytes([4; 16]), failure: short() },
        Notice::JoinRefused { conversation: CONVERSATION, failure: short() },
        Notice::CreationRefused { conversation: CONVERSATION, failure: failure() },
        Notice::ClockSkew { by: Duration::from_millis(700_001) },
    ];
    notices.extend(MemberChange::ALL.iter().map(|change| Notice::Member {
        conversation: CONVERSATION,
        by: who("Clerk"),
        whom: who("Other"),
        device: Some(DEVICE),
        change: *change,
    }));
    let alarms = alarms.into_iter().map(|alarm| WarningOf::Alarm { conversation: CONVERSATION, alarm });
    alarms.chain(notices.into_iter().map(WarningOf::Notice)).collect()
}

// [DELIV-226]
#[test]
fn every_kind_is_there_again_after_a_restart() {
    let bench = Bench::new();
    let vault = bench.open();
    let mut warnings = Warnings::default();
    let all = every_kind();
    keep(&vault, &mut warnings, &all);
    vault.close();
    let vault = bench.open();
    let again = Warnings::load(&vault).unwrap();
    assert_eq!(again.last, all.len() as u64);
    let kept: Vec<WarningOf> = again.kept.values().map(|warning| warning.of.clone()).collect();
    // A sentence that is too long is cut between two letters.
    let cut = |of: &WarningOf| match of {
        WarningOf::Notice(Notice::CreationRefused { conversation, failure }) => {
            let failure = Failure { advice: failure.advice.chars().take(512).collect(), ..failure.clone() };
            WarningOf::Notice(Notice::CreationRefused { conversation: *conversation, failure })
        }
        of => of.clone(),
    };
    assert_eq!(kept, all.iter().map(cut).collect::<Vec<_>>());
    assert!(again.kept.values().all(|warning| !warning.read && warning.at == NOW));
    // No two kinds share a form.
    let forms: std::collections::BTreeSet<_> =
        again.kept.values().map(|warning| WarningRow::of(warning).unwrap().of.to_bytes()).collect();
    assert_eq!(forms.len(), all.len());
}

// [DELIV-226]
#[test]
fn what_is_unread_already_is_kept_once() {
    let bench = Bench::new();
    let vault = bench.open();
    let mut warnings = Warnings::default();
    let skew = |millis| WarningOf::Notice(Notice::ClockSkew { by: Duration::from_millis(millis) });
    keep(&vault, &mut warnings, &[alarm(1), alarm(1), skew(700_000)]);
    keep(&vault, &mut warnings, &[alarm(1), skew(800_000)]);
    assert_eq!(warnings.kept.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(warnings.kept[&2].of, skew(800_000), "the latest of a state");
    read(&vault, &mut warnings, &[1, 77]);
    keep(&vault, &mut warnings, &[alarm(1)]);
    assert_eq!(warnings.kept.keys().copied().collect::<Vec<_>>(), [1, 2, 3], "read: it is new again");
    let again = Warnings::load(&vault).unwrap();
    assert_eq!((again.kept, again.last), (warnings.kept.clone(), 3));

    // A number is not used again, though the rows have gone.
    let mut batch = Batch::default();
    let draft = warnings.draft_forget(CONVERSATION, &mut batch);
    vault.commit(batch).unwrap();
    warnings.settle(draft);
    assert_eq!(warnings.kept.keys().copied().collect::<Vec<_>>(), [2]);
    let mut again = Warnings::load(&vault).unwrap();
    keep(&vault, &mut again, &[alarm(1)]);
    assert_eq!(again.kept.keys().copied().collect::<Vec<_>>(), [2, 4]);
}

// [DELIV-226]
#[test]
fn what_a_sender_repeats_is_kept_by_the_first_and_the_latest() {
    let bench = Bench::new();
    let vault = bench.open();
    let mut warnings = Warnings::default();
    let of = |alarm| WarningOf::Alarm { conversation: CONVERSATION, alarm };
    let dark = |position| of(Alarm::Undecryptable { position, sender: DEVICE });
    let void = |position| of(Alarm::VoidCommit { position, sender: DEVICE });
    let not_author = |name: &str, number| {
        of(Alarm::NotAuthor { sender: name.parse().unwrap(), message: MessageId::from_bytes([number; 16]) })
    };
    let kept = |warnings: &Warnings| warnings.kept.values().map(|kept| kept.of.clone()).collect::<Vec<_>>();
    // In one batch and in several.
    keep(&vault, &mut warnings, &[dark(1), dark(2), dark(3), void(4)]);
    keep(&vault, &mut warnings, &[dark(5), dark(1), dark(6)]);
    keep(&vault, &mut warnings, &[void(7)]);
    keep(&vault, &mut warnings, &[void(8)]);
    assert_eq!(kept(&warnings), [dark(1), void(4), dark(6), void(8)]);
    assert_eq!(Warnings::load(&vault).unwrap().kept, warnings.kept);
    let again = warnings.last;
    keep(&vault, &mut warnings, &[dark(1), dark(6)]);
    assert_eq!((kept(&warnings).len(), warnings.last), (4, again), "both are there");
    // Another sender, and another conversation, have their own.
    let (one, two) = ("clerk@cabinet.example", "other@cabinet.example");
    let elsewhere = WarningOf::Alarm {
        conversation: ConversationId::from_bytes([9; 16]),
        alarm: Alarm::Undecryptable { position: 1, sender: DEVICE },
    };
    let all: Vec<_> = (0..9).flat_map(|number| [not_author(one, number), not_author(two, number)]).collect();
    keep(&vault, &mut warnings, &all);
    keep(&vault, &mut warnings, &[elsewhere]);
    assert_eq!(kept(&warnings).len(), 4 + 4 + 1);
    // What was read does not count, and stays.
    read(&vault, &mut warnings, &[1]);
    keep(&vault, &mut warnings, &[dark(10)]);
    keep(&vault, &mut warnings, &[dark(11)]);
    let of_dark = kept(&warnings).into_iter().filter(|of| [1, 6, 10, 11].map(dark).contains(of));
    assert_eq!(of_dark.collect::<Vec<_>>(), [dark(1), dark(6), dark(11)]);
    // Each gap is another one.
    let gap = |from| of(Alarm::Gap { sender: one.parse().unwrap(), from, to: from });
    let before = warnings.kept.len();
    keep(&vault, &mut warnings, &[gap(1), gap(3), gap(5)]);
    assert_eq!(warnings.kept.len(), before + 3);
}

// [DELIV-226]
#[test]
fn so_many_refused_joins_are_kept_and_no_more() {
    let bench = Bench::new();
    let vault = bench.open();
    let mut warnings = Warnings::default();
    let refused = |number: u8| {
        let failure = Failure::new(FailureCode::Conversation, "refused", "ask");
        WarningOf::Notice(Notice::JoinRefused { conversation: ConversationId::from_bytes([number; 16]), failure })
    };
    let all: Vec<_> = (0..40).map(refused).collect();
    keep(&vault, &mut warnings, &all[..10]);
    keep(&vault, &mut warnings, &all);
    assert_eq!(warnings.kept.values().map(|kept| kept.of.clone()).collect::<Vec<_>>(), all[..JOINS]);
    read(&vault, &mut warnings, &[1]);
    keep(&vault, &mut warnings, &all[20..]);
    assert_eq!(warnings.kept.len(), JOINS + 1, "in the place of one that was read");
}

// [DELIV-227]
#[test]
fn a_flood_leaves_what_came_before() {
    let bench = Bench::new();
    let vault = bench.open();
    let mut warnings = Warnings::default();
    let of = |alarm| WarningOf::Alarm { conversation: CONVERSATION, alarm };
    let member = || "clerk@cabinet.example".parse().unwrap();
    let before = [of(Alarm::Fork { sender: member(), position: 1 }), notice(1)];
    let stays = |warnings: &Warnings| {
        let kept: Vec<_> = warnings.kept.values().filter(|kept| !kept.read && before.contains(&kept.of)).collect();
        assert_eq!(kept.len(), before.len());
    };
    let flood = |warnings: &mut Warnings, count: u64, of: &dyn Fn(u64) -> WarningOf| {
        for start in (0..count).step_by(2000) {
            keep(&vault, warnings, &(start..start + 2000).map(of).collect::<Vec<_>>());
        }
        stays(warnings);
    };
    keep(&vault, &mut warnings, &before);
    flood(&mut warnings, 20_000, &|position| of(Alarm::Undecryptable { position, sender: DEVICE }));
    assert_eq!(warnings.kept.len(), 4);
    // A relay can name what sender it likes, and a member leave gaps and name what head it likes.
    flood(&mut warnings, 12_000, &|position| {
        let mut sender = [5; 32];
        sender[..8].copy_from_slice(&position.to_be_bytes());
        of(Alarm::Undecryptable { position, sender: DeviceId::from_bytes(sender) })
    });
    flood(&mut warnings, 12_000, &|number| match number % 2 {
        0 => of(Alarm::Gap { sender: member(), from: 2 * number, to: 2 * number }),
        _ => of(Alarm::Fork { sender: member(), position: 2 + number }),
    });
    assert_eq!(warnings.kept.len(), ALL);
    assert_eq!(Warnings::load(&vault).unwrap().kept, warnings.kept);
}

// [DELIV-227]
#[test]
fn what_goes_first_weighs_least() {
    let warning = |of: &WarningOf, read| Warning { id: 1, at: NOW, read, of: of.clone() };
    let (mut lesser, mut members, mut grave) = (0, 0, 0);
    for of in every_kind() {
        match (weight(&warning(&of, true), false), weight(&warning(&of, false), false)) {
            (0, 2) => lesser += 1,
            (1, 3) => members += 1,
            (1, 4) => grave += 1,
            other => panic!("{other:?}: {of:?}"),
        }
    }
    assert_eq!((members, grave, lesser), (3, 6, every_kind().len() - 9));

    let bench = Bench::new();
    let vault = bench.open();
    let mut warnings = Warnings::default();
    let there = |warnings: &Warnings, ids: &[u64]| ids.iter().filter(|id| warnings.kept.contains_key(id)).count();
    let member = every_kind().into_iter().find(|of| weight(&warning(of, false), false) == 3).unwrap();
    // 1 to 3 are grave or of members and 4 to 6 are lesser ones; 1, 4 and 5 are read.
    keep(&vault, &mut warnings, &[notice(1), notice(2), member, alarm(1), alarm(2), alarm(3)]);
    read(&vault, &mut warnings, &[1, 4, 5]);
    let mut next = 100;
    let mut more = |warnings: &mut Warnings, count: usize| {
        keep(&vault, warnings, &(next..next + count as u64).map(alarm).collect::<Vec<_>>());
        next += count as u64;
    };
    more(&mut warnings, ALL - 6);
    assert_eq!(there(&warnings, &[1, 2, 3, 4, 5, 6]), 6);
    more(&mut warnings, 1);
    assert_eq!((there(&warnings, &[4]), there(&warnings, &[1, 2, 3, 5, 6])), (0, 5), "the earliest read lesser one");
    more(&mut warnings, 1);
    assert_eq!((there(&warnings, &[5]), there(&warnings, &[1, 2, 3, 6])), (0, 4));
    more(&mut warnings, 1);
    assert_eq!((there(&warnings, &[1]), there(&warnings, &[2, 3, 6])), (0, 3), "a read one, though grave");
    more(&mut warnings, 1);
    assert_eq!((there(&warnings, &[6]), there(&warnings, &[2, 3])), (0, 2));
    more(&mut warnings, 500);
    assert_eq!((there(&warnings, &[2, 3]), warnings.kept.len()), (2, ALL));
    // Unread grave ones push out what is of members only when nothing lesser is left, and each other last.
    let device = |number: u64| {
        let mut device = [8; 32];
        device[..8].copy_from_slice(&number.to_be_bytes());
        let address = "clerk@cabinet.example".parse().unwrap();
        WarningOf::Notice(Notice::NewDevice { address, device: DeviceId::from_bytes(device) })
    };
    keep(&vault, &mut warnings, &(0..ALL as u64 - 2).map(device).collect::<Vec<_>>());
    assert_eq!(there(&warnings, &[2, 3]), 2);
    keep(&vault, &mut warnings, &[device(20_000)]);
    assert_eq!((there(&warnings, &[3]), there(&warnings, &[2])), (0, 1));
    keep(&vault, &mut warnings, &[device(20_001)]);
    assert_eq!((there(&warnings, &[2]), warnings.kept.len()), (0, ALL));

    // Of read ones the latest stay, the lesser ones going first.
    let all: Vec<u64> = warnings.kept.keys().copied().collect();
    read(&vault, &mut warnings, &all);
    assert_eq!(warnings.kept.keys().copied().collect::<Vec<_>>(), all[ALL - READ..]);
    more(&mut warnings, 1);
    let last = warnings.last;
    read(&vault, &mut warnings, &[last]);
    assert!(!warnings.kept.contains_key(&last) && warnings.kept.len() == READ);
    assert_eq!(Warnings::load(&vault).unwrap().kept, warnings.kept);
}
