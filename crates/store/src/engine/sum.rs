//! The sum over all rows (protocol-spec/07-delivery, section 10): that none has gone. [DELIV-09]
//!
//! When sled opens a file, it goes through the log that was written since the time before. A segment of it that is damaged it
//! takes for one that was about to be used anew, and goes on with the next: rows that were durable are gone, or are again
//! what they were earlier, and nothing says so. So each batch writes, beside its number, the sum over all rows that it leaves
//! behind, and after opening they are added up. The sum is over keys and checksums, in 64 bits: it finds accidents, and is
//! no protection from somebody who writes to the file.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::Engine;
use crate::{
    error::Fault,
    layout::{Reader, Writer},
};

/// How many rows are added up while a batch has to wait.
const STEP: usize = 128;
/// And for how long at most, but for one row: a disk may be slow.
const STEP_TIME: Duration = Duration::from_millis(5);
/// How long the check gives way after each step.
const GIVE_WAY: Duration = Duration::from_micros(50);

/// What the engine knows of its rows.
pub(crate) struct Sum(Mutex<State>);

/// The sum, and how far it was checked.
pub(crate) struct State {
    /// Over all rows, as the last batch left them; none in a store that was written without sums.
    pub(crate) total: Option<u64>,
    check: Option<Check>,
    /// What came of it.
    verdict: Progress,
}

/// Rows up to and with a key have been added up.
struct Check {
    last: Vec<u8>,
    sum: u64,
}

/// How a check stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// There are more rows.
    More,
    /// All are there.
    Whole,
    /// Some are not.
    Missing,
}

impl Sum {
    /// Before the check. `first` is a key that is not a row, and comes before all.
    pub(crate) fn new(total: Option<u64>, first: &[u8]) -> Self {
        let check = Some(Check { last: first.to_vec(), sum: 0 });
        Self(Mutex::new(State { total, check, verdict: Progress::More }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A row is stored in place of another, or none.
    pub(crate) fn change(&mut self, key: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) {
        let of = |stored: Option<&[u8]>| stored.map_or(0, |stored| row(key, stored));
        let (less, more) = (of(old), of(new));
        let changed = |sum: u64| sum.wrapping_sub(less).wrapping_add(more);
        self.total = self.total.map(changed);
        if let Some(check) = self.check.as_mut().filter(|check| key <= check.last.as_slice()) {
            check.sum = changed(check.sum);
        }
    }

    /// Adds up the next rows. `rows` gives those after a key, in order.
    pub(crate) fn add_up<E, K: AsRef<[u8]>, V: AsRef<[u8]>, I: Iterator<Item = Result<(K, V), E>>>(
        &mut self,
        rows: impl FnOnce(&[u8]) -> I,
    ) -> Result<Progress, E> {
        let Some(check) = &mut self.check else { return Ok(self.verdict) };
        let begun = Instant::now();
        for (count, next) in (1..).zip(rows(&check.last.clone())) {
            let (key, stored) = next?;
            check.sum = check.sum.wrapping_add(row(key.as_ref(), stored.as_ref()));
            check.last = key.as_ref().to_vec();
            if count == STEP || begun.elapsed() > STEP_TIME {
                return Ok(Progress::More);
            }
        }
        let found = check.sum;
        self.check = None;
        let whole = *self.total.get_or_insert(found) == found;
        self.verdict = if whole { Progress::Whole } else { Progress::Missing };
        Ok(self.verdict)
    }
}

/// What a row adds. Its record's own checksum, of 32 bits from its second byte on, stands for the value.
fn row(key: &[u8], stored: &[u8]) -> u64 {
    let value = stored.get(1..5).and_then(|crc| crc.try_into().ok()).map_or(0, u32::from_be_bytes);
    // Checksums are linear, and their sum would be as well: SplitMix64's last steps see to it that it is not.
    let mut mixed = (u64::from(crc32fast::hash(key)) << 32 | u64::from(value)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// What stands beside a batch: its number and, but in an older store, the sum.
pub(crate) fn encode(number: u64, total: Option<u64>) -> Vec<u8> {
    let writer = Writer::default().u64(number);
    match total {
        Some(total) => writer.u64(total).finish(),
        None => writer.finish(),
    }
}

/// Reads it.
pub(crate) fn decode(bytes: &[u8]) -> Option<(u64, Option<u64>)> {
    let mut reader = Reader::new(bytes);
    let number = reader.u64().ok()?;
    let total = if bytes.len() == 8 { None } else { Some(reader.u64().ok()?) };
    reader.end().ok()?;
    Some((number, total))
}

/// Says that a check came to no end.
pub(crate) fn warn_unread() {
    tracing::warn!("a page of the store cannot be read, so that it is not known whether all rows are there");
}

/// Checks beside other work what would take too long before it. The store is shut if rows are missing.
pub(crate) fn start(engine: &Arc<Engine>) -> io::Result<()> {
    let checked = Arc::downgrade(engine);
    let run = move || {
        while let Some(engine) = checked.upgrade() {
            match engine.add_up() {
                Ok(Progress::More) => std::thread::sleep(GIVE_WAY),
                Ok(Progress::Whole) => return,
                Ok(Progress::Missing) => return engine.rows_missing(),
                // Whoever reads that place is told.
                Err(Fault::Damaged) => return warn_unread(),
                // It was closed or shut.
                Err(_) => return,
            }
        }
    };
    std::thread::Builder::new().name("store check".into()).spawn(run).map(drop)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, ops::Bound, path::Path};

    use proptest::prelude::*;

    use super::*;
    use crate::{
        Damage, Health, OpenError,
        engine::{
            tests::open,
            tx::Tx,
            value::{self, PART},
        },
    };

    fn put(engine: &Engine, keys: std::ops::Range<u16>, length: usize) {
        let mut tx = Tx::new(engine);
        for key in keys {
            tx.put([b"k", &key.to_be_bytes()[..]].concat(), vec![7; length]);
        }
        engine.commit(tx).unwrap();
    }

    /// A store with rows of both forms, some replaced and some removed, from which `lose` has taken something.
    fn damaged(dir: &Path, lose: impl FnOnce(&sled::Db)) {
        let engine = open(dir, u64::MAX).unwrap();
        put(&engine, 0..400, 10);
        put(&engine, 390..410, PART * 2);
        put(&engine, 400..405, 3);
        let mut tx = Tx::new(&engine);
        tx.delete([b"k", &406_u16.to_be_bytes()[..]].concat());
        tx.delete(b"none".to_vec());
        engine.commit(tx).unwrap();
        engine.close();
        let db = sled_of(dir);
        lose(&db);
        db.flush().unwrap();
    }

    /// sled's own threads may still let go of the file.
    fn sled_of(dir: &Path) -> sled::Db {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            match sled::Config::new().path(dir).open() {
                Ok(db) => return db,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn row_is_gone(db: &sled::Db) {
        db.remove([b"k", &7_u16.to_be_bytes()[..]].concat()).unwrap().unwrap();
    }

    fn row_is_an_older_one(db: &sled::Db) {
        let key = [b"k", &8_u16.to_be_bytes()[..]].concat();
        db.insert(&key, value::whole(&key, &[1; 10])).unwrap().unwrap();
    }

    /// Opened, and looked at to the end beside that.
    fn looked_at(dir: &Path) -> Arc<Engine> {
        let opened = open(dir, 0).unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while opened.sum.lock().check.is_some() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        opened
    }

    // [DELIV-09]
    #[test]
    fn a_store_in_which_rows_are_missing_is_refused() {
        for lose in [row_is_gone, row_is_an_older_one] {
            let dir = tempfile::tempdir().unwrap();
            damaged(&dir.path().join("store"), lose);
            let refused = open(&dir.path().join("store"), u64::MAX).map(drop);
            assert!(matches!(refused, Err(OpenError::Damaged(Damage::Rows))), "{refused:?}");
        }
    }

    // [DELIV-09]
    #[test]
    fn a_long_store_in_which_rows_are_missing_is_shut() {
        for lose in [row_is_gone, row_is_an_older_one] {
            let dir = tempfile::tempdir().unwrap();
            damaged(&dir.path().join("store"), lose);
            let dir = dir.path().join("store");
            let engine = open(&dir, 0).unwrap();
            assert_eq!(engine.require_rows(), Err(Fault::Damaged), "nor can it be backed up");
            let until = Instant::now() + Duration::from_secs(20);
            while engine.check().is_ok() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(1));
            }
            assert_eq!((engine.check(), engine.health()), (Err(Fault::Damaged), Health::Damaged));
            engine.close();
            // From then on it is looked at first, however long it is.
            assert!(matches!(open(&dir, 0), Err(OpenError::Damaged(Damage::Rows))));
        }
    }

    #[test]
    fn a_whole_store_opens_and_is_written_to_while_it_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("store");
        damaged(&dir, |_| {});
        for round in 0..8 {
            let engine = open(&dir, if round == 4 { u64::MAX } else { 0 }).unwrap();
            put(&engine, round * 50..round * 50 + 120, 10 + usize::from(round));
            engine.close();
        }
        let engine = looked_at(&dir);
        assert_eq!(engine.check(), Ok(()));
        assert!(engine.sum.lock().check.is_none());
    }

    #[test]
    fn a_store_without_a_sum_gets_one() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("store");
        let number = |number: u64| value::whole(super::super::SEQUENCE, &encode(number, None));
        damaged(&dir, |db| drop(db.insert(super::super::SEQUENCE, number(9)).unwrap()));
        let engine = looked_at(&dir);
        put(&engine, 0..3, 5);
        engine.close();
        let db = sled_of(&dir);
        row_is_gone(&db);
        drop(db);
        assert!(matches!(open(&dir, u64::MAX), Err(OpenError::Damaged(Damage::Rows))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn changes_beside_the_check_do_not_confuse_it(
            before in 0..400_u16,
            changes in proptest::collection::vec((0..500_u16, 0..3_u8), 0..40),
            every in 1..12_usize,
            lost in proptest::option::of(0..400_u16),
        ) {
            let stored = |key: u16, value: u8| value::whole(&key.to_be_bytes(), &[value]);
            let mut rows: BTreeMap<Vec<u8>, Vec<u8>> =
                (0..before).map(|key| (key.to_be_bytes().to_vec(), stored(key, 9))).collect();
            let total = rows.iter().fold(0_u64, |sum, (key, stored)| sum.wrapping_add(row(key, stored)));
            let lost = lost.is_some_and(|key| rows.remove(&key.to_be_bytes()[..]).is_some());
            let sum = Sum::new(Some(total), &[]);
            let mut end = Progress::More;
            for (index, (key, value)) in changes.into_iter().enumerate() {
                let key_bytes = key.to_be_bytes().to_vec();
                let new = (value != 0).then(|| stored(key, value));
                sum.lock().change(&key_bytes, rows.get(&key_bytes).map(Vec::as_slice), new.as_deref());
                match new {
                    Some(new) => drop(rows.insert(key_bytes, new)),
                    None => drop(rows.remove(&key_bytes)),
                }
                if index % every == 0 && end == Progress::More {
                    end = step(&sum, &rows);
                }
            }
            while end == Progress::More {
                end = step(&sum, &rows);
            }
            prop_assert_eq!(end, if lost { Progress::Missing } else { Progress::Whole });
        }
    }

    fn step(sum: &Sum, rows: &BTreeMap<Vec<u8>, Vec<u8>>) -> Progress {
        let after = |last: &[u8]| {
            rows.range::<[u8], _>((Bound::Excluded(last), Bound::Unbounded)).map(Ok::<_, std::convert::Infallible>)
        };
        sum.lock().add_up(after).unwrap()
    }
}
