//! The table (protocol-spec/07-delivery, section 10): rules DELIV-01 to DELIV-06 as a caller sees them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own functions count as tests"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use amanat_store::{
    Damage, Health, OpenError,
    table::{Batch, Options, Table, TableError},
};

fn options() -> Options {
    Options { free_floor: 0, ..Options::new("test", 1) }
}

fn open(dir: &Path) -> Table {
    Table::open(dir, &options()).expect("opens")
}

fn refused(dir: &Path, options: &Options) -> OpenError {
    match Table::open(dir, options) {
        Ok(_) => panic!("must not open"),
        Err(error) => error,
    }
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = BTreeMap::new();
    for round in 0..3_u32 {
        let table = open(dir.path());
        for i in 0..200_u32 {
            let key = format!("k{}", (i * 7919 + round) % 97).into_bytes();
            if i % 5 == 4 {
                table.commit(Batch::new().delete(&key)).unwrap();
                model.remove(&key);
            } else {
                // Lengths on both sides of what is kept in one piece, so that long replaces short and the other way.
                let value = vec![i as u8; (i as usize * 131) % 20_000];
                table.commit(Batch::new().put(&key, &value)).unwrap();
                model.insert(key, value);
            }
        }
        table.close();
        assert_eq!(table.health(), Health::Closed);
        assert_eq!(table.commit(Batch::new().put(b"late", b"")), Err(TableError::Closed));
        let table = open(dir.path());
        let found: Vec<_> = table.scan(b"k").collect::<Result<_, _>>().unwrap();
        assert_eq!(found, model.clone().into_iter().collect::<Vec<_>>());
        for (key, value) in &model {
            assert_eq!(table.get(key).unwrap().as_ref(), Some(value));
        }
    }
}

/// sled puts a node above 128 KiB into a file that it never syncs. Values of every length at the limits, in patterns
/// that split and merge nodes, must not make one.
#[test]
fn no_value_makes_the_engine_write_a_file_that_it_does_not_sync() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    let mut random = 1_u64;
    let mut next = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let long_key = |n: u64| format!("{n:0>width$}", width = amanat_store::table::KEY_LIMIT).into_bytes();
    for _ in 0..150 {
        let mut batch = Batch::new();
        for _ in 0..20 {
            let key = long_key(next(300));
            match next(4) {
                0 => batch.add_delete(&key),
                1 => batch.add_put(&key, vec![7; 4_500]),
                2 => batch.add_put(&key, vec![8; 4_499]),
                _ => batch.add_put(&key, vec![9; 1 + next(30_000) as usize]),
            }
        }
        table.commit(batch).unwrap();
        let unsynced: Vec<_> = fs::read_dir(dir.path().join("blobs")).unwrap().collect();
        assert!(unsynced.is_empty(), "{unsynced:?}");
    }
}

#[test]
fn scans_are_in_order_and_paged() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    let mut batch = Batch::new();
    for i in 0..600_u32 {
        batch.add_put(&[b"a".as_slice(), &i.to_be_bytes()].concat(), i.to_be_bytes().to_vec());
        batch.add_put(&[b"b".as_slice(), &i.to_be_bytes()].concat(), Vec::new());
    }
    table.commit(batch).unwrap();
    let all: Vec<_> = table.scan(b"a").map(|item| item.unwrap().0).collect();
    assert_eq!(all.len(), 600);
    assert!(all.is_sorted());
    let page = table.scan_from(b"a", Some(&all[9]), 5).unwrap();
    assert_eq!(page.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), all[10..15].to_vec());
    assert!(table.scan_from(b"a", Some(&all[599]), 5).unwrap().is_empty());
    assert!(table.scan_from(b"a", None, 0).unwrap().is_empty());
}

#[test]
fn a_batch_is_one_change_whatever_its_size() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    let big = vec![5; 300_000];
    table.commit(Batch::new().put(b"big", &big).put(b"x", b"1").delete(b"x").put(b"y", b"2")).unwrap();
    assert_eq!(table.get(b"big").unwrap(), Some(big));
    assert_eq!(table.get(b"x").unwrap(), None);
    assert_eq!(table.get(b"y").unwrap(), Some(b"2".to_vec()));
    assert_eq!(table.commit(Batch::new().put(&[0; 300], b"")), Err(TableError::TooLong));
}

#[test]
fn concurrent_commits_share_syncs_and_none_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..32_u8 {
            let (table, done) = (&table, &done);
            scope.spawn(move || {
                for i in 0..20_u8 {
                    table.commit(Batch::new().put(&[thread, i], &[i])).unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(table.scan(b"").count() as u64, done.load(Ordering::Relaxed));
    assert!(table.stats().syncs < 640, "{:?}", table.stats());
}

#[tokio::test]
async fn a_blocking_commit_in_a_task_does_not_panic() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    table.commit(Batch::new().put(b"from a task", b"")).unwrap();
    assert_eq!(table.scan(b"").count(), 1);
}

// [DELIV-05]
#[test]
fn a_second_opener_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    assert!(matches!(refused(dir.path(), &options()), OpenError::InUse));
    table.commit(Batch::new().put(b"a", b"b")).unwrap();
    table.close();
    open(dir.path());
}

#[test]
fn markers_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let missing = Options { create: false, ..options() };
    assert!(matches!(refused(&dir.path().join("nothing"), &missing), OpenError::Missing));
    assert!(matches!(refused(dir.path(), &missing), OpenError::Missing));
    open(dir.path()).commit(Batch::new().put(b"a", b"b")).unwrap();
    let other = Options { free_floor: 0, ..Options::new("other", 1) };
    assert!(matches!(refused(dir.path(), &other), OpenError::Foreign));
    let newer = Options { free_floor: 0, ..Options::new("test", 2) };
    let upgraded = Table::open(dir.path(), &newer).expect("an older format is the caller's to read");
    assert_eq!(upgraded.get(b"a").unwrap().as_deref(), Some(&b"b"[..]));
    upgraded.close();
    drop(upgraded);
    assert!(matches!(refused(dir.path(), &options()), OpenError::Newer { found: 2, known: 1 }), "from now on");

    let marker = dir.path().join("format");
    let text = fs::read_to_string(&marker).unwrap();
    fs::write(&marker, text.replace("test", "tost")).unwrap();
    assert!(matches!(refused(dir.path(), &options()), OpenError::Damaged(Damage::Marker)));
    fs::remove_file(&marker).unwrap();
    assert!(matches!(refused(dir.path(), &options()), OpenError::Damaged(Damage::Marker)));

    let foreign = tempfile::tempdir().unwrap();
    fs::write(foreign.path().join("letter.txt"), "not ours").unwrap();
    assert!(matches!(refused(foreign.path(), &options()), OpenError::Foreign));

    let future = tempfile::tempdir().unwrap();
    Table::open(future.path(), &newer).unwrap().close();
    assert!(matches!(refused(future.path(), &options()), OpenError::Newer { found: 2, known: 1 }));
}

/// [DELIV-06] Whatever is cut off the database file: it opens with all that was acknowledged, or says that it is
/// damaged. It never opens with less, and never panics.
#[test]
fn a_database_that_was_cut_short_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let keys = 400_u32;
    let table = open(dir.path());
    for i in 0..keys {
        table.commit(Batch::new().put(&i.to_be_bytes(), &[3; 3000])).unwrap();
    }
    table.close();
    drop(table);
    let length = fs::metadata(dir.path().join("db")).unwrap().len();
    let mut refusals = 0;
    for part in [0, 1, 7, 20, 50, 90, 99] {
        let copy = tempfile::tempdir().unwrap();
        copy_dir(dir.path(), copy.path());
        let file = fs::OpenOptions::new().write(true).open(copy.path().join("db")).unwrap();
        file.set_len(length * part / 100).unwrap();
        match Table::open(copy.path(), &options()) {
            Err(OpenError::Damaged(_)) => refusals += 1,
            Err(error) => panic!("at {part} %: {error:?}"),
            Ok(table) => assert_eq!(table.scan(b"").filter(Result::is_ok).count() as u32, keys, "at {part} %"),
        }
    }
    assert!(refusals >= 5, "{refusals}");
    fs::remove_file(dir.path().join("db")).unwrap();
    assert!(matches!(refused(dir.path(), &options()), OpenError::Damaged(Damage::Truncated)));
}

/// Bytes written over the database file: an error or the right value, never a panic, never a wrong value.
#[test]
fn a_database_with_altered_bytes_shows_no_wrong_value() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    for i in 0..300_u32 {
        table.commit(Batch::new().put(&i.to_be_bytes(), &[i as u8; 1000])).unwrap();
    }
    table.close();
    drop(table);
    let length = fs::metadata(dir.path().join("db")).unwrap().len() as usize;
    for round in 0..12_usize {
        let copy = tempfile::tempdir().unwrap();
        copy_dir(dir.path(), copy.path());
        let mut bytes = fs::read(copy.path().join("db")).unwrap();
        let at = (length / 13) * (round + 1) + round * 37;
        let end = (at + if round % 2 == 0 { 1 } else { 600 }).min(bytes.len());
        for byte in &mut bytes[at..end] {
            *byte ^= 0x55;
        }
        fs::write(copy.path().join("db"), bytes).unwrap();
        if let Ok(table) = Table::open(copy.path(), &options()) {
            for i in 0..300_u32 {
                if let Ok(Some(value)) = table.get(&i.to_be_bytes()) {
                    assert_eq!(value, [i as u8; 1000], "round {round}");
                }
            }
        }
    }
}

/// [DELIV-04] A value that the engine hands over altered is found by its CRC.
#[test]
fn a_damaged_value_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    table.commit(Batch::new().put(b"short", b"value").put(b"long", &[7; 20_000]).put(b"well", b"kept")).unwrap();
    table.close();
    drop(table);
    alter_values(dir.path(), |key| key != b"vwell");
    let table = open(dir.path());
    assert_eq!(table.get(b"short"), Err(TableError::Damaged));
    assert_eq!(table.get(b"long"), Err(TableError::Damaged));
    assert_eq!(table.get(b"well").unwrap().as_deref(), Some(&b"kept"[..]));
    assert_eq!(table.scan(b"l").next(), Some(Err(TableError::Damaged)));
}

#[test]
fn near_a_full_disk_it_refuses_to_grow_but_not_to_shrink() {
    let dir = tempfile::tempdir().unwrap();
    let table = open(dir.path());
    table.commit(Batch::new().put(b"a", b"b")).unwrap();
    table.close();
    drop(table);
    let table = Table::open(dir.path(), &Options { free_floor: u64::MAX, ..options() }).unwrap();
    assert_eq!(table.commit(Batch::new().put(b"c", b"d")), Err(TableError::Full));
    assert_eq!(table.health(), Health::Working);
    assert_eq!(table.get(b"c").unwrap(), None);
    table.commit(Batch::new().delete(b"a")).unwrap();
    assert_eq!(table.get(b"a").unwrap(), None);
}

/// Only where the system enforces it: a superuser may write anywhere. (The whole-system tests show it for all.)
#[test]
fn a_read_only_folder_is_said_to_be_one() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let enforced = fs::write(dir.path().join("probe"), "").is_err();
    if enforced {
        assert!(matches!(refused(dir.path(), &options()), OpenError::ReadOnly));
    } else {
        fs::remove_file(dir.path().join("probe")).unwrap();
    }
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

fn copy_dir(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Flips a bit in each stored value that `which` names, behind the table's back.
fn alter_values(dir: &Path, which: impl Fn(&[u8]) -> bool) {
    let db = loop {
        // The table's background threads may still be letting go of the file.
        match sled::open(dir) {
            Ok(db) => break db,
            Err(_) => std::thread::yield_now(),
        }
    };
    for item in db.iter() {
        let (key, value) = item.unwrap();
        if key[0] != 0 && which(&key) {
            let mut altered = value.to_vec();
            *altered.last_mut().unwrap() ^= 1;
            db.insert(key, altered).unwrap();
        }
    }
    db.flush().unwrap();
}
