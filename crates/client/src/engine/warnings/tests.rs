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

// [DELIV-227]
#[test]
fn what_was_read_goes_first_and_alarms_last() {
    let bench = Bench::new();
    let vault = bench.open();
    let mut warnings = Warnings::default();
    let alarms: Vec<WarningOf> = (0..ALL as u64 - 3).map(alarm).collect();
    keep(&vault, &mut warnings, &[notice(1), notice(2)]);
    keep(&vault, &mut warnings, &alarms);
    keep(&vault, &mut warnings, &[notice(3)]);
    assert_eq!(warnings.kept.len(), ALL);
    // The earliest read one goes, also where it is the latest of all.
    read(&vault, &mut warnings, &[2]);
    keep(&vault, &mut warnings, &[notice(4)]);
    assert!(!warnings.kept.contains_key(&2) && warnings.kept.contains_key(&1));
    // Then notices, the earliest first; an alarm only when nothing else is left.
    keep(&vault, &mut warnings, &[alarm(90_000), alarm(90_001), alarm(90_002)]);
    let left =
        |warnings: &Warnings| warnings.kept.values().filter(|kept| matches!(kept.of, WarningOf::Notice(_))).count();
    assert_eq!((left(&warnings), warnings.kept.len()), (0, ALL));
    assert!(warnings.kept.contains_key(&3));
    keep(&vault, &mut warnings, &[alarm(90_003)]);
    assert!(!warnings.kept.contains_key(&3) && warnings.kept.contains_key(&4) && warnings.kept.len() == ALL);

    let all: Vec<u64> = warnings.kept.keys().copied().collect();
    read(&vault, &mut warnings, &all);
    assert_eq!(warnings.kept.keys().copied().collect::<Vec<_>>(), all[ALL - READ..]);
    assert_eq!(Warnings::load(&vault).unwrap().kept, warnings.kept);
}
