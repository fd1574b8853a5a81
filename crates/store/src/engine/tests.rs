//! What a batch does to rows that are there: those of split values, and those that cannot be read.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Engine, PATIENCE, Settings, folder::Format, tx::Tx, value};
use crate::{OpenError, error::Fault};

pub(super) fn open(dir: &Path, checked_first: u64) -> Result<Arc<Engine>, OpenError> {
    let format = Format { kind: "test", version: 1 };
    let settings =
        Settings { format, create: true, cache_bytes: 1 << 20, free_floor: 0, patience: PATIENCE, checked_first };
    Engine::open(dir, settings)
}

fn commit(engine: &Engine, key: &[u8], value: Option<&[u8]>) -> Result<(), Fault> {
    let mut tx = Tx::new(engine);
    match value {
        Some(value) => tx.put(key.to_vec(), value.to_vec()),
        None => tx.delete(key.to_vec()),
    }
    engine.commit(tx)
}

fn parts(engine: &Engine) -> usize {
    let mut parts = 0;
    let counted = engine.scan(&[value::PARTS], None, |_, _| {
        parts += 1;
        std::ops::ControlFlow::Continue(())
    });
    counted.unwrap();
    parts
}

#[test]
fn the_parts_of_a_value_go_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("store");
    let engine = open(&dir, u64::MAX).unwrap();
    let (two, three) = (vec![2; 2 * value::PART], vec![3; 2 * value::PART + 1]);
    let steps: [(Option<&[u8]>, usize); 5] =
        [(Some(&two), 2), (Some(b"new"), 0), (Some(&three), 3), (Some(&two), 2), (None, 0)];
    for (value, left) in steps {
        commit(&engine, b"key", value).unwrap();
        assert_eq!(engine.get(b"key").unwrap().as_deref(), value);
        assert_eq!(parts(&engine), left);
    }
    // Of what was put and replaced within one batch nothing is stored.
    let mut tx = Tx::new(&engine);
    tx.put(b"key".to_vec(), two.clone());
    tx.put(b"key".to_vec(), b"new".to_vec());
    engine.commit(tx).unwrap();
    assert_eq!(parts(&engine), 0);
    engine.require_rows().unwrap();
    engine.close();
    // [DELIV-09] And the sum over the rows is of those that are left.
    let engine = open(&dir, u64::MAX).unwrap();
    engine.require_rows().unwrap();
    assert_eq!(parts(&engine), 0);
    engine.close();
}

/// A value whose first record is damaged is replaced all the same. Its parts stay: nothing says which they are.
#[test]
fn a_damaged_value_can_be_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir.path().join("store"), u64::MAX).unwrap();
    commit(&engine, b"key", Some(&vec![2; 2 * value::PART])).unwrap();
    engine
        .read(|db| {
            let mut head = db.get(b"key").unwrap().unwrap().to_vec();
            *head.last_mut().unwrap() ^= 1;
            db.insert(b"key", head).unwrap();
            Ok(())
        })
        .unwrap();
    assert_eq!(engine.get(b"key"), Err(Fault::Damaged));
    commit(&engine, b"key", Some(b"new")).unwrap();
    assert_eq!(engine.get(b"key").unwrap().as_deref(), Some(&b"new"[..]));
    assert_eq!((parts(&engine), engine.check()), (2, Ok(())));
}

/// A batch that meets rows which cannot be read is refused, and the store stays open.
#[test]
fn a_batch_on_a_page_that_cannot_be_read_is_refused_alone() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let engine = open(&whole, u64::MAX).unwrap();
    let keys = || (0..300_u16).map(u16::to_be_bytes);
    for key in keys() {
        commit(&engine, &[b"k", &key[..]].concat(), Some(&[7; 1000])).unwrap();
    }
    engine.close();
    let bytes = sound(&whole);
    let mut met = 0;
    for place in 1..20 {
        let copy = dir.path().join(place.to_string());
        copy_dir(&whole, &copy);
        let mut bytes = bytes.clone();
        let at = bytes.len() / 20 * place;
        bytes[at..at + 64].iter_mut().for_each(|byte| *byte ^= 0x55);
        fs::write(copy.join("db"), bytes).unwrap();
        // Without the first look at all rows, which would find that some have gone.
        let Ok(engine) = open(&copy, 0) else { continue };
        let unread = |key: &[u8; 2]| engine.get(&[b"k", &key[..]].concat()) == Err(Fault::Damaged);
        let Some(key) = keys().find(unread) else { continue };
        if engine.check().is_err() {
            continue;
        }
        let refused = commit(&engine, &[b"k", &key[..]].concat(), Some(b"new"));
        assert_eq!((refused, engine.check()), (Err(Fault::Damaged), Ok(())), "place {place}");
        met += 1;
    }
    assert!(met > 0, "no place was found");
}

/// The database file, once sled's own threads have let go of it.
fn sound(dir: &Path) -> Vec<u8> {
    let until = Instant::now() + Duration::from_secs(10);
    while sled::Config::new().path(dir).open().is_err() {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::read(dir.join("db")).unwrap()
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
