//! Sweeping, a full disk, damage, the lock.

use std::fs;

use amanat_primitives::Timestamp;
use amanat_store::{
    Health, OpenError,
    relay::{Body, Limits, Quota, StoreError, Swept},
};
use amanat_wire::log::{RetentionClass, UnitKind};

use crate::bench::{Bench, DAY, Open, PAGE, START, conversation, device, limits, part};

fn days(n: u64) -> Timestamp {
    Timestamp::from_millis(START.as_millis() + n * DAY)
}

async fn sweep_all(bench: &Bench, now: Timestamp) -> Swept {
    let mut total = Swept::default();
    for _ in 0..100 {
        let swept = bench.store.sweep(now, 1000).await.unwrap();
        total.entries += swept.entries;
        total.bodies += swept.bodies;
        total.direct += swept.direct;
        if !swept.more {
            return total;
        }
    }
    panic!("the sweep comes to no end");
}

/// Files of bodies. They are removed after the answer: the second flush is answered after the first one's batch is
/// done with.
async fn bodies(bench: &Bench) -> usize {
    bench.store.flush().await.unwrap();
    bench.store.flush().await.unwrap();
    fs::read_dir(bench.dir.path().join("bodies")).unwrap().count()
}

// [DELIV-16]
pub(crate) async fn what_all_have_is_forgotten(open: Open) {
    let mut bench = Bench::new(open);
    bench.create(1, &[1, 2, 3]).await;
    for i in 0..9 {
        bench.say(1, 1, 1, &[i]).await.unwrap();
    }
    let advance = async |bench: &Bench, n, position| {
        bench.store.advance(device(n), vec![(conversation(1), position)], 0).await.unwrap();
    };
    advance(&bench, 1, 10).await;
    advance(&bench, 2, 7).await;
    assert_eq!(sweep_all(&bench, START).await.entries, 0, "3 has nothing yet");
    advance(&bench, 3, 4).await;
    let head = bench.store.read(conversation(1), 0, 1, 0).unwrap();
    assert_eq!(sweep_all(&bench, START).await.entries, 4);
    let log = bench.log(1);
    assert_eq!((log[0].position, log.len()), (5, 6));
    let read = bench.store.read(conversation(1), 0, 100, usize::MAX).unwrap();
    assert_eq!((read.first_kept, read.head), (5, head.head), "the reader is told where the log begins");
    advance(&bench, 2, 10).await;
    advance(&bench, 3, 10).await;
    assert_eq!(sweep_all(&bench, START).await.entries, 6);
    let read = bench.store.read(conversation(1), 3, 100, usize::MAX).unwrap();
    assert_eq!((read.first_kept, read.head, read.entries.len()), (11, 10, 0));
    bench.reopen();
    assert_eq!(bench.say(1, 2, 1, b"").await.unwrap().position, 11, "positions go on");
    assert_eq!(bench.commit(1, 2, (1, 1), &[], &[]).await.unwrap().position, 12, "the roster outlives its commit");
    assert_eq!(bench.log(1).len(), 2);
}

// [DELIV-16]
pub(crate) async fn classes_expire_each_in_its_time(open: Open) {
    let mut bench = Bench::new(open);
    bench.create(1, &[1, 2]).await;
    let classes = [(RetentionClass::Year, 365), (RetentionClass::Day, 1), (RetentionClass::Week, 7)];
    let classes = classes.into_iter().chain([(RetentionClass::Quarter, 90), (RetentionClass::Month, 30)]);
    let mut ids = Vec::new();
    for (class, _) in classes.clone() {
        let mut unit = bench.unit(UnitKind::Message, 1, 1, &[class.number(); 5000]);
        (unit.class, unit.seen_commit) = (class, 1);
        ids.push(unit.clone());
        bench.store.append(unit).await.unwrap();
    }
    // (day, bodies left): the entry of a year holds those behind it as markers.
    let kept = |bench: &Bench| -> Vec<u64> {
        let log = bench.log(1);
        log.iter().filter(|e| matches!(e.body, Body::Kept(_))).map(|e| e.position).collect()
    };
    for (day, expected) in [
        (0, vec![1, 2, 3, 4, 5, 6]),
        (1, vec![1, 2, 4, 5, 6]),
        (6, vec![1, 2, 4, 5, 6]),
        (7, vec![1, 2, 5, 6]),
        (30, vec![2, 5]),
        (90, vec![2]),
    ] {
        sweep_all(&bench, days(day)).await;
        assert_eq!(kept(&bench), expected, "day {day}");
        bench.reopen();
    }
    let read = bench.store.read(conversation(1), 0, 100, usize::MAX).unwrap();
    assert_eq!((read.first_kept, read.entries.len()), (2, 5), "the commit went after thirty days");
    sweep_all(&bench, days(365)).await;
    let read = bench.store.read(conversation(1), 0, 100, usize::MAX).unwrap();
    assert_eq!((read.first_kept, read.entries.len()), (7, 0));
    // Ids live as long as their message.
    assert_eq!(bench.store.append(ids[0].clone()).await.unwrap().position, 7);
}

pub(crate) async fn sweeps_are_bounded(open: Open) {
    let mut bench = Bench::new(open);
    for c in 0..5 {
        bench.create(c, &[1, 2]).await;
        // A body that stays in front, so that those behind it are looked through.
        let mut unit = bench.unit(UnitKind::Message, c, 1, b"stays");
        (unit.class, unit.seen_commit) = (RetentionClass::Year, 1);
        bench.store.append(unit).await.unwrap();
        for i in 0..40 {
            bench.say(c, 1, 1, &[i]).await.unwrap();
        }
    }
    let mut calls = 0;
    let mut total = 0;
    loop {
        let swept = bench.store.sweep(days(30), 7).await.unwrap();
        assert!(swept.entries + swept.bodies <= 7, "{swept:?}");
        total += swept.entries + swept.bodies;
        calls += 1;
        if !swept.more {
            break;
        }
        assert!(calls < 500);
    }
    assert_eq!(total, 5 * 41);
    for c in 0..5 {
        assert_eq!(bench.log(c).iter().filter(|e| matches!(e.body, Body::Kept(_))).count(), 1);
    }
}

pub(crate) async fn shared_and_large_bodies_go_with_their_last_reference(open: Open) {
    let mut bench = Bench::new(open);
    let mut create = bench.create_unit(1, &[1, 2, 3]);
    create.body = vec![1; 100_000];
    create.shared = Some(vec![2; 200_000]);
    create.direct = vec![part(2, b"", true), part(3, b"", true)];
    bench.store.append(create).await.unwrap();
    // The same bytes twice are one file.
    bench.say(1, 1, 1, &vec![1; 100_000]).await.unwrap();
    assert_eq!(bodies(&bench).await, 2);
    bench.store.advance(device(2), Vec::new(), 1).await.unwrap();
    assert_eq!(bodies(&bench).await, 2);
    assert!(bench.store.news(device(3), PAGE).unwrap().direct[0].shared.is_some());
    bench.store.advance(device(3), Vec::new(), 1).await.unwrap();
    assert_eq!(bodies(&bench).await, 1);
    for n in 1..4 {
        bench.store.advance(device(n), vec![(conversation(1), 1)], 0).await.unwrap();
    }
    sweep_all(&bench, START).await;
    assert_eq!(bodies(&bench).await, 1);
    assert_eq!(bench.log(1)[0].body, Body::Kept(vec![1; 100_000]));
    sweep_all(&bench, days(31)).await;
    assert_eq!(bodies(&bench).await, 0);
    bench.reopen();
    assert!(bench.log(1).is_empty());
}

pub(crate) async fn unanswered_direct_items_expire(open: Open) {
    let mut bench = Bench::new(open);
    for day in [0, 1, 2] {
        bench.store.post_direct(vec![part(7, &[day as u8], false)], None, days(day)).await.unwrap();
    }
    assert_eq!(sweep_all(&bench, days(89)).await.direct, 0);
    assert_eq!(sweep_all(&bench, days(91)).await.direct, 2);
    bench.reopen();
    let left = bench.store.news(device(7), PAGE).unwrap().direct;
    assert_eq!((left.len(), left[0].number), (1, 3));
}

pub(crate) async fn a_full_disk_refuses_growth_only(open: Open) {
    let mut bench = Bench::new(open);
    bench.create(1, &[1, 2]).await;
    bench.say(1, 1, 1, b"before").await.unwrap();
    bench.store.put_key_packages(device(1), vec![vec![1]], None, 10).await.unwrap();
    bench.reopen_with(Limits { free_floor: u64::MAX, ..limits() });
    let full = StoreError::Full(Quota::Disk);
    assert_eq!(bench.say(1, 1, 1, b"now").await, Err(full));
    assert_eq!(bench.store.put_key_packages(device(1), vec![vec![2]], None, 10).await, Err(full));
    assert_eq!(bench.store.health(), Health::Working);
    assert_eq!(bench.log(1).len(), 2);
    // Reading, claiming and sweeping go on.
    assert!(bench.store.claim_key_package(device(1)).await.unwrap().is_some());
    for n in [1, 2] {
        bench.store.advance(device(n), vec![(conversation(1), 2)], 0).await.unwrap();
    }
    assert_eq!(bench.store.sweep(START, 100).await.unwrap().entries, 2);
    bench.reopen_with(limits());
    assert_eq!(bench.say(1, 1, 1, b"room again").await.unwrap().position, 3);
}

// [DELIV-04]
pub(crate) async fn a_damaged_entry_is_found(open: Open) {
    let mut bench = Bench::new(open);
    bench.create(1, &[1, 2]).await;
    bench.create(2, &[1, 2]).await;
    for _ in 0..3 {
        bench.say(1, 1, 1, b"sound").await.unwrap();
    }
    bench.store.close();
    {
        let db = loop {
            // The store's background threads may still be letting go of the file.
            match sled::open(bench.dir.path()) {
                Ok(db) => break db,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let key = [b"e".as_slice(), conversation(1).as_bytes(), &3_u64.to_be_bytes()].concat();
        let mut value = db.get(&key).unwrap().unwrap().to_vec();
        *value.last_mut().unwrap() ^= 1;
        db.insert(key, value).unwrap();
        db.flush().unwrap();
    }
    bench.reopen();
    assert_eq!(bench.store.read(conversation(1), 0, 100, usize::MAX), Err(StoreError::Damaged));
    assert_eq!(bench.store.read(conversation(1), 0, 2, usize::MAX).unwrap().entries.len(), 2, "up to it, all is well");
    assert_eq!(
        bench.store.read(conversation(1), 3, 9, usize::MAX),
        Err(StoreError::Damaged),
        "R before it is not known"
    );
    assert_eq!(bench.log(2).len(), 1);
    // The sweep does not stumble over it.
    for n in [1, 2] {
        bench.store.advance(device(n), vec![(conversation(1), 4), (conversation(2), 1)], 0).await.unwrap();
    }
    assert_eq!(sweep_all(&bench, START).await.entries, 3);
    bench.say(1, 1, 1, b"goes on").await.unwrap();
}

// [DELIV-05]
pub(crate) async fn one_process_at_a_time(open: Open) {
    let bench = Bench::new(open);
    assert!(matches!(bench.try_open(), Err(OpenError::InUse)));
    bench.store.close();
    assert_eq!(bench.store.health(), Health::Closed);
    assert_eq!(bench.store.flush().await, Err(StoreError::Unknown));
    let again = bench.try_open().unwrap();
    assert!(matches!(bench.try_open(), Err(OpenError::InUse)));
    drop(again);
    bench.try_open().unwrap();
}
