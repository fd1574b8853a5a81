//! Keys that are shredded (protocol-spec/07-delivery, section 12), step by step and with the eyes of a thief.

use std::{fs, path::PathBuf, time::Duration};

use amanat_store::slots::SLOT;
use rand_core::OsRng;

use super::*;

const CONVERSATION: ConversationId = ConversationId::from_bytes([1; 16]);
const RECORDS: Scope = Scope::GroupRecords(CONVERSATION);
const NOW: Timestamp = Timestamp::from_secs(20_000 * 24 * 3600);

/// A vault in a folder that can be looked at and copied.
struct Bench {
    dir: tempfile::TempDir,
    key: Secret<32>,
}

impl Bench {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), key: Secret::random(&mut OsRng) }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("vault")
    }

    fn open(&self) -> Vault {
        Vault::open(&self.path(), &self.key).unwrap()
    }

    fn slots(&self) -> Vec<u8> {
        fs::read(self.path().join("slots")).unwrap()
    }

    /// Everything that lies in the folder.
    fn raw(&self) -> Vec<u8> {
        let mut raw = Vec::new();
        for entry in fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                raw.extend(fs::read(path).unwrap());
            }
        }
        raw
    }
}

fn records(rows: &[(&[u8], &[u8])], turn: bool) -> Batch {
    let mut batch = Batch::default();
    rows.iter().for_each(|(key, value)| batch.put_bytes(RECORDS, key.to_vec(), value.to_vec()));
    if turn {
        batch.turn_key(CONVERSATION, None);
    }
    batch
}

fn read(vault: &Vault, scope: Scope, key: &[u8]) -> Option<Vec<u8>> {
    vault.read_bytes(scope, key).unwrap()
}

/// A row as it lies on the disk.
fn sealed(vault: &Vault, scope: Scope, key: &[u8]) -> Vec<u8> {
    vault.table.get(&vault.name(&scope.bytes(), key)).unwrap().unwrap()
}

fn holds(raw: &[u8], bytes: &[u8]) -> bool {
    raw.windows(bytes.len()).any(|window| window == bytes)
}

/// Whether any key that the folder still holds opens a row of that name.
fn opens(vault: &Vault, scope: Scope, key: &[u8], sealed: &[u8]) -> bool {
    let name = vault.name(&scope.bytes(), key);
    let number = u64::from_be_bytes(*sealed.first_chunk().unwrap());
    vault.keys().in_force().any(|key| {
        key.open(&keys::tied(&name, number), &sealed[keys::NUMBER..]).is_ok() || key.open(&name, sealed).is_ok()
    }) || vault.values.open(&name, sealed).is_ok()
}

// [DELIV-172]
#[test]
fn what_an_epoch_left_on_the_disk_is_opened_by_no_key_that_is_there() {
    let bench = Bench::new();
    let vault = bench.open();
    vault.commit(records(&[(b"secret", b"of epoch 1"), (b"tree", b"stays")], false)).unwrap();
    // A message changes a record within the epoch: the same key.
    let first = sealed(&vault, RECORDS, b"secret");
    let slot = bench.slots();
    vault.commit(records(&[(b"secret", b"of epoch 1, a message on")], false)).unwrap();
    let second = sealed(&vault, RECORDS, b"secret");
    assert_eq!((first[..8].to_vec(), bench.slots()), (second[..8].to_vec(), slot.clone()));

    vault.commit(records(&[(b"secret", b"of epoch 2")], true)).unwrap();
    assert_eq!(read(&vault, RECORDS, b"secret").unwrap(), b"of epoch 2");
    assert_eq!(read(&vault, RECORDS, b"tree").unwrap(), b"stays");
    assert_ne!(sealed(&vault, RECORDS, b"tree")[..8], first[..8], "what stays is sealed anew");
    vault.close();

    // The thief of the folder and its key finds the old rows, and nothing that opens them.
    let raw = bench.raw();
    let vault = bench.open();
    let old_key: Vec<u8> = slot.chunks(SLOT).find(|slot| slot.iter().any(|byte| *byte != 0)).unwrap()[..72].to_vec();
    assert!(!holds(&raw, &old_key), "the old slot is overwritten");
    for old in [first, second] {
        assert!(holds(&raw, &old), "the old row still lies there, or the test shows nothing");
        assert!(!opens(&vault, RECORDS, b"secret", &old));
    }
    assert!(opens(&vault, RECORDS, b"secret", &sealed(&vault, RECORDS, b"secret")));
}

// [DELIV-170] [DELIV-171]
#[test]
fn a_crash_between_any_two_steps_leaves_one_key_in_force() {
    let bench = Bench::new();
    let vault = bench.open();
    vault.commit(records(&[(b"secret", b"old"), (b"tree", b"stays")], false)).unwrap();
    vault.close();
    let (database, before) = (fs::read(bench.path().join("db")).unwrap(), bench.slots());
    let vault = bench.open();
    vault.commit(records(&[(b"secret", b"new")], true)).unwrap();
    vault.close();
    let (turned, after) = (fs::read(bench.path().join("db")).unwrap(), bench.slots());
    let old = (0..).zip(before.chunks(SLOT)).find(|(_, slot)| **slot != [0; SLOT]).unwrap().0;
    let new = (0..).zip(after.chunks(SLOT)).find(|(_, slot)| **slot != [0; SLOT]).unwrap().0;
    assert_ne!(old, new);
    let place = |number: usize| number * SLOT..(number + 1) * SLOT;
    let mut both = before.clone();
    both[place(new)].copy_from_slice(&after[place(new)]);
    let mut torn = before.clone();
    torn[new * SLOT..new * SLOT + 40].copy_from_slice(&after[new * SLOT..new * SLOT + 40]);
    let mut half_shredded = both.clone();
    half_shredded[old * SLOT..old * SLOT + 50].fill(0);
    let cases = [
        ("before all", &database, &before, "old"),
        ("the new slot is torn", &database, &torn, "old"),
        ("the new slot is there", &database, &both, "old"),
        ("the batch is durable", &turned, &both, "new"),
        ("the old slot is half overwritten", &turned, &half_shredded, "new"),
        ("after all", &turned, &after, "new"),
    ];
    for (step, database, slots, expected) in cases {
        for name in fs::read_dir(bench.path()).unwrap().map(|entry| entry.unwrap().file_name()) {
            // What sled keeps beside its database speaks of the later one.
            if name.to_str().unwrap().starts_with("snap.") || name == "watermark" {
                fs::remove_file(bench.path().join(name)).unwrap();
            }
        }
        fs::write(bench.path().join("db"), database).unwrap();
        fs::write(bench.path().join("slots"), slots).unwrap();
        let vault = bench.open();
        assert_eq!(read(&vault, RECORDS, b"secret").unwrap(), expected.as_bytes(), "{step}");
        assert_eq!(read(&vault, RECORDS, b"tree").unwrap(), b"stays", "{step}");
        let left = if expected == "old" { old } else { new };
        let slots = bench.slots();
        let full: Vec<usize> =
            (0..).zip(slots.chunks(SLOT)).filter(|(_, slot)| **slot != [0; SLOT]).map(|(n, _)| n).collect();
        assert_eq!(full, [left], "{step}: opening shreds what nothing names");
        // And it goes on.
        vault.commit(records(&[(b"secret", b"next")], true)).unwrap();
        assert_eq!(read(&vault, RECORDS, b"secret").unwrap(), b"next", "{step}");
        vault.close();
    }
}

// [DELIV-170]
#[test]
fn a_batch_that_fails_leaves_the_old_key_in_force() {
    let bench = Bench::new();
    let vault = bench.open();
    vault.commit(records(&[(b"secret", b"old")], false)).unwrap();
    let before = sealed(&vault, RECORDS, b"secret");
    let mut batch = records(&[(b"secret", b"new")], true);
    batch.put_bytes(Scope::Meta, b"too long".to_vec(), vec![0; amanat_store::table::VALUE_LIMIT + 1]);
    assert!(vault.commit(batch).is_err());
    assert_eq!(sealed(&vault, RECORDS, b"secret"), before);
    assert_eq!(read(&vault, RECORDS, b"secret").unwrap(), b"old");
    vault.commit(records(&[(b"more", b"under the old key")], false)).unwrap();
    vault.close();
    let vault = bench.open();
    assert_eq!(read(&vault, RECORDS, b"secret").unwrap(), b"old");
    assert_eq!(read(&vault, RECORDS, b"more").unwrap(), b"under the old key");
}

// [DELIV-228]
#[test]
fn a_draft_that_was_replaced_or_emptied_is_opened_by_nobody() {
    let bench = Bench::new();
    let vault = bench.open();
    let put = |text: Option<&[u8]>| {
        let mut batch = Batch::default();
        match text {
            Some(text) => batch.put_bytes(Scope::Drafts, CONVERSATION.as_bytes().to_vec(), text.to_vec()),
            None => batch.delete(Scope::Drafts, CONVERSATION.as_bytes()),
        }
        vault.commit(batch).unwrap();
    };
    put(Some(b"the minister said"));
    let first = sealed(&vault, Scope::Drafts, CONVERSATION.as_bytes());
    put(Some(b"nothing of the kind"));
    let second = sealed(&vault, Scope::Drafts, CONVERSATION.as_bytes());
    assert_eq!(read(&vault, Scope::Drafts, CONVERSATION.as_bytes()).unwrap(), b"nothing of the kind");
    assert!(!opens(&vault, Scope::Drafts, CONVERSATION.as_bytes(), &first));
    assert!(opens(&vault, Scope::Drafts, CONVERSATION.as_bytes(), &second));
    put(None);
    vault.close();
    let raw = bench.raw();
    assert!(holds(&raw, &first) && holds(&raw, &second), "they still lie there, or the test shows nothing");
    let vault = bench.open();
    assert_eq!(read(&vault, Scope::Drafts, CONVERSATION.as_bytes()), None);
    assert!([first, second].iter().all(|old| !opens(&vault, Scope::Drafts, CONVERSATION.as_bytes(), old)));
    assert!(bench.slots().iter().all(|byte| *byte == 0), "no slot is left over");
}

// [DELIV-173]
#[test]
fn a_key_package_that_was_used_is_opened_by_nobody() {
    let bench = Bench::new();
    let vault = bench.open();
    let mut batch = Batch::default();
    for key in [b"one", b"two"] {
        batch.put_bytes(Scope::DeviceRecords, key.to_vec(), [b"private half of ", &key[..]].concat());
    }
    vault.commit(batch).unwrap();
    let (one, two) = (sealed(&vault, Scope::DeviceRecords, b"one"), sealed(&vault, Scope::DeviceRecords, b"two"));
    assert_ne!(one[..8], two[..8], "each has its own");
    let mut batch = Batch::default();
    batch.delete(Scope::DeviceRecords, b"one");
    vault.commit(batch).unwrap();
    vault.close();
    assert!(holds(&bench.raw(), &one));
    let vault = bench.open();
    assert!(!opens(&vault, Scope::DeviceRecords, b"one", &one));
    assert_eq!(read(&vault, Scope::DeviceRecords, b"two").unwrap(), b"private half of two");
    assert_eq!(vault.scan_bytes(Scope::DeviceRecords).unwrap().len(), 1);
}

// [DELIV-174]
#[test]
fn what_expired_is_opened_by_nobody_when_its_day_is_over() {
    let bench = Bench::new();
    let vault = bench.open();
    let scope = Scope::Messages(CONVERSATION);
    let day = Duration::from_secs(24 * 3600);
    let mut batch = Batch::default();
    for (key, at) in [(b"a", Some(NOW)), (b"b", Some(NOW.after(day))), (b"c", None)] {
        batch.put_bytes(scope, key.to_vec(), b"content".to_vec());
        batch.expires(scope, key, at, NOW);
    }
    batch.put_bytes(Scope::Outbox, b"a".to_vec(), b"content".to_vec());
    batch.queue_expires(Some(NOW), NOW);
    vault.commit(batch).unwrap();
    let old = sealed(&vault, scope, b"a");
    // Written again for another reason, it stays under its day's key.
    let mut batch = Batch::default();
    batch.put_bytes(scope, b"a".to_vec(), b"content again".to_vec());
    vault.commit(batch).unwrap();
    assert_eq!(sealed(&vault, scope, b"a")[..8], old[..8]);
    let mut batch = Batch::default();
    batch.put_bytes(scope, b"a".to_vec(), b"expired".to_vec());
    batch.expires(scope, b"a", None, NOW);
    vault.commit(batch).unwrap();
    vault.shred_days(NOW).unwrap();
    assert!(opens(&vault, scope, b"a", &old), "the day is not over");
    // The message still waits to be sent: nothing that is needed is lost.
    vault.shred_days(NOW.after(day)).unwrap();
    assert!(opens(&vault, scope, b"a", &old));
    assert_eq!(read(&vault, Scope::Outbox, b"a").unwrap(), b"content");
    let mut batch = Batch::default();
    batch.delete(Scope::Outbox, b"a");
    vault.commit(batch).unwrap();
    vault.close();
    let vault = bench.open();
    vault.shred_days(NOW.after(day)).unwrap();
    vault.close();
    assert!(holds(&bench.raw(), &old));
    let vault = bench.open();
    assert!(!opens(&vault, scope, b"a", &old));
    for (key, content) in [(b"a", &b"expired"[..]), (b"b", b"content"), (b"c", b"content")] {
        assert_eq!(read(&vault, scope, key).unwrap(), content);
    }
}

// [DELIV-174]
#[test]
fn a_day_that_is_used_while_it_is_looked_for_stays() {
    let (bench, day) = (Bench::new(), Duration::from_secs(24 * 3600));
    let vault = bench.open();
    let scope = Scope::Messages(CONVERSATION);
    let mut batch = Batch::default();
    for number in 0..SWEEP as u32 + 100 {
        batch.put_bytes(scope, number.to_be_bytes().to_vec(), b"stays".to_vec());
    }
    batch.put_bytes(Scope::Outbox, b"a".to_vec(), b"waits".to_vec());
    batch.queue_expires(Some(NOW), NOW);
    vault.commit(batch).unwrap();
    let mut batch = Batch::default();
    batch.delete(Scope::Outbox, b"a");
    vault.commit(batch).unwrap();
    let later = NOW.after(day);
    vault.shred_days(later).unwrap();
    assert!(vault.is_sweeping());
    // Where it was looked already.
    let (last, _) = vault.table.scan(&[]).nth(SWEEP - 1).unwrap().unwrap();
    let name = |key: &[u8]| vault.name(&scope.bytes(), key);
    let key = (0..9_999u64).map(u64::to_be_bytes).find(|key| name(key).as_slice() < last.as_slice()).unwrap();
    let mut batch = Batch::default();
    batch.put_bytes(scope, key.to_vec(), b"content".to_vec());
    batch.expires(scope, &key, Some(NOW), later);
    vault.commit(batch).unwrap();
    while vault.is_sweeping() {
        vault.shred_days(later).unwrap();
    }
    assert_eq!(read(&vault, scope, &key).unwrap(), b"content");
    let mut batch = Batch::default();
    batch.delete(scope, &key);
    vault.commit(batch).unwrap();
    vault.shred_days(later.after(day)).unwrap();
    while vault.is_sweeping() {
        vault.shred_days(later.after(day)).unwrap();
    }
    assert!(bench.slots().iter().all(|byte| *byte == 0));
}

#[test]
fn a_vault_from_before_there_were_slots_gets_them() {
    let bench = Bench::new();
    let vault = bench.open();
    for (key, value) in [(b"secret", b"old   "), (b"tree  ", b"stays ")] {
        let name = vault.name(&RECORDS.bytes(), key);
        let plain = with_key(key.to_vec(), value).unwrap();
        let sealed = vault.values.seal(&name, &plain, &mut OsRng);
        vault.table.commit(TableBatch::new().put(&name, &sealed)).unwrap();
    }
    assert_eq!(read(&vault, RECORDS, b"secret").unwrap(), b"old   ");
    vault.commit(records(&[(b"secret", b"new")], false)).unwrap();
    assert_eq!(read(&vault, RECORDS, b"tree  ").unwrap(), b"stays ");
    assert!(vault.keys().sealing(&sealed(&vault, RECORDS, b"tree  ")).is_some());
}

// [DELIV-175]
#[test]
fn slots_are_used_again() {
    let bench = Bench::new();
    let vault = bench.open();
    for n in 0..300_u32 {
        vault.commit(records(&[(b"secret", &n.to_be_bytes())], true)).unwrap();
    }
    assert_eq!(bench.slots().len(), 64 * SLOT);
    let mut batch = Batch::default();
    batch.delete(RECORDS, b"secret");
    batch.end_key(CONVERSATION);
    vault.commit(batch).unwrap();
    assert!(bench.slots().iter().all(|byte| *byte == 0));
    vault.commit(records(&[(b"secret", b"again")], true)).unwrap();
    assert_eq!(read(&vault, RECORDS, b"secret").unwrap(), b"again");
}

// [DELIV-104]
#[test]
fn what_changes_a_message_removes_its_block() {
    let bench = Bench::new();
    let vault = bench.open();
    let (messages, blocks) = (Scope::Messages(CONVERSATION), Scope::Blocks(CONVERSATION));
    let other = Scope::Blocks(ConversationId::from_bytes([2; 16]));
    let fill = || {
        let mut batch = Batch::default();
        for (scope, number) in [(blocks, 0), (blocks, 1), (blocks, 2), (other, 1)] {
            batch.put_bytes(scope, u64::to_be_bytes(number).to_vec(), b"texts".repeat(2000));
        }
        vault.commit(batch).unwrap();
    };
    let there = || {
        let numbers = vault.scan_bytes(blocks).unwrap().into_iter().map(|(key, _)| key[7]);
        assert!(read(&vault, other, &1_u64.to_be_bytes()).is_some());
        let mut numbers: Vec<u8> = numbers.collect();
        numbers.sort_unstable();
        numbers
    };
    for (sequence, left) in [(1_u64, [1, 2]), (128, [1, 2]), (129, [0, 2]), (256, [0, 2]), (257, [0, 1])] {
        fill();
        let mut batch = Batch::default();
        batch.put_bytes(messages, sequence.to_be_bytes().to_vec(), b"content".to_vec());
        vault.commit(batch).unwrap();
        assert_eq!(there(), left, "written: {sequence}");
        fill();
        let mut batch = Batch::default();
        batch.delete(messages, &sequence.to_be_bytes());
        vault.commit(batch).unwrap();
        assert_eq!(there(), left, "removed: {sequence}");
    }
    // Whichever of both stands first in the batch.
    for first in [blocks, messages] {
        fill();
        let mut batch = Batch::default();
        for scope in [first, if first == blocks { messages } else { blocks }] {
            batch.put_bytes(scope, u64::to_be_bytes(1).to_vec(), b"content".to_vec());
        }
        batch.delete(messages, &129_u64.to_be_bytes());
        vault.commit(batch).unwrap();
        assert_eq!(there(), [2]);
    }
    // Nothing is written where there is none, and other rows of a conversation remove none.
    let mut batch = Batch::default();
    batch.put_bytes(messages, 9000_u64.to_be_bytes().to_vec(), b"content".to_vec());
    batch.put_bytes(Scope::Lives(CONVERSATION), 257_u64.to_be_bytes().to_vec(), b"life".to_vec());
    vault.commit(batch).unwrap();
    assert_eq!(there(), [2]);
}
