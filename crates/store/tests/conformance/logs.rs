//! Logs: positions, compare-and-set, rosters, durability.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use amanat_primitives::{Digest, Timestamp};
use amanat_store::relay::{Access, Body, Published, Receipt, ReceiptInput, StoreError};
use amanat_wire::log::{UnitKind, ciphertext_hash, roster_change, running_hash};

use crate::bench::{Bench, Open, conversation, device, limits, numbers, receipt};

// [DELIV-14]
pub(crate) async fn positions_and_running_hash(open: Open) {
    let mut bench = Bench::new(open);
    let first = bench.create(1, &[1, 2]).await;
    assert_eq!(first.position, 1);
    assert_eq!(
        first.running,
        running_hash(&Digest::ZERO, UnitKind::Create, &ciphertext_hash(b"create"), first.receipt.as_deref().unwrap())
    );
    let second = bench.say(1, 2, 1, b"salaam").await.unwrap();
    assert_eq!(second.position, 2);
    assert_eq!(second.running, running_hash(&first.running, UnitKind::Message, &ciphertext_hash(b"salaam"), &[]));
    // A clock that goes back does not take the log's stamps with it.
    bench.now = Timestamp::from_millis(5);
    let third = bench.say(1, 1, 1, b"").await.unwrap();
    assert_eq!((third.position, third.stamp), (3, second.stamp));
    bench.create(2, &[1]).await;
    assert_eq!(bench.say(2, 1, 1, b"each log counts for itself").await.unwrap().position, 2);

    let read = bench.store.read(conversation(1), 1, 1, usize::MAX).unwrap();
    assert_eq!(read.entries.len(), 1);
    assert_eq!(read.entries[0].body, Body::Kept(b"salaam".to_vec()));
    assert_eq!((read.running_before, read.head, read.first_kept), (first.running, 3, 1));
    let read = bench.store.read(conversation(1), 3, 10, usize::MAX).unwrap();
    assert_eq!((read.entries.len(), read.running_before), (0, third.running));
    let read = bench.store.read(conversation(1), 0, 10, 1).unwrap();
    assert_eq!(read.entries.len(), 1, "one entry is given whatever its size");
    assert_eq!(bench.store.read(conversation(9), 0, 1, 1), Err(StoreError::UnknownConversation));
    assert_eq!(bench.log(1).len(), 3);
}

// [DELIV-10]
pub(crate) async fn units_are_idempotent(open: Open) {
    let mut bench = Bench::new(open);
    let create = bench.create_unit(1, &[1, 2, 3]);
    let created = bench.store.append(create.clone()).await.unwrap();
    let mut commit = bench.commit_unit(1, 1, (1, 1), &[4], &[]);
    let committed = bench.store.append(commit.clone()).await.unwrap();
    // Also when the compare-and-set would refuse it by now, and in any number at once.
    assert_eq!(bench.store.append(create.clone()).await.unwrap(), created);
    assert_eq!(bench.store.append(commit.clone()).await.unwrap(), committed);
    commit.body = b"encrypted again".to_vec();
    assert_eq!(bench.store.append(commit.clone()).await.unwrap(), committed);
    let mut message = bench.unit(UnitKind::Message, 1, 2, b"once");
    message.seen_commit = 2;
    let mut tasks = Vec::new();
    for _ in 0..20 {
        let (store, message) = (bench.store.clone(), message.clone());
        tasks.push(tokio::spawn(async move { store.append(message).await.unwrap() }));
    }
    for task in tasks {
        assert_eq!(task.await.unwrap().position, 3);
    }
    commit.author = device(2);
    assert_eq!(bench.store.append(commit).await, Err(StoreError::Exists));
    bench.reopen();
    assert_eq!(bench.store.append(create).await.unwrap(), created);
    assert_eq!(bench.store.append(message).await.unwrap().position, 3);
    assert_eq!(bench.log(1).len(), 3);
}

/// [DELIV-10] Ids are stored in chunks: whatever the log's length when the store is closed, each is found again.
pub(crate) async fn ids_are_found_in_long_logs(open: Open) {
    let mut bench = Bench::new(open);
    let create = bench.create_unit(1, &[1, 2]);
    let mut units = vec![create.clone()];
    bench.store.append(create).await.unwrap();
    for reopen_at in [1, 62, 63, 64, 65, 127, 128, 129, 190, 300] {
        while units.len() < reopen_at {
            let mut unit = bench.unit(UnitKind::Message, 1, 1, &units.len().to_be_bytes());
            unit.seen_commit = 1;
            units.push(unit.clone());
            bench.store.append(unit).await.unwrap();
        }
        bench.reopen();
        for (at, unit) in units.iter().enumerate() {
            assert_eq!(bench.store.append(unit.clone()).await.unwrap().position, at as u64 + 1);
        }
    }
    assert_eq!(bench.log(1).len(), 300);
    // What has been swept is forgotten, what has not is not.
    for n in [1, 2] {
        bench.store.advance(device(n), vec![(conversation(1), 150)], 0).await.unwrap();
    }
    bench.store.sweep(bench.now, 1000).await.unwrap();
    bench.reopen();
    assert_eq!(bench.store.append(units[150].clone()).await.unwrap().position, 151);
    assert_eq!(bench.store.append(units[149].clone()).await.unwrap().position, 301);
}

// [DELIV-11]
pub(crate) async fn commits_compare_and_set(open: Open) {
    let mut bench = Bench::new(open);
    bench.create(1, &[1, 2, 3]).await;
    bench.say(1, 1, 1, b"between").await.unwrap();
    assert_eq!(bench.commit(1, 1, (1, 1), &[], &[]).await.unwrap().position, 3);
    assert_eq!(bench.commit(1, 2, (1, 1), &[], &[]).await, Err(StoreError::Conflict { last_commit: 3 }));
    assert_eq!(bench.commit(1, 2, (2, 1), &[], &[]).await, Err(StoreError::Conflict { last_commit: 3 }));
    bench.commit(1, 2, (3, 3), &[], &[]).await.unwrap();
    // Of many at once exactly one wins.
    let mut tasks = Vec::new();
    for author in [1, 2, 3, 1, 2, 3, 1, 2, 3] {
        let unit = bench.commit_unit(1, author, (4, 4), &[], &[]);
        let store = bench.store.clone();
        tasks.push(tokio::spawn(async move { store.append(unit).await }));
    }
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(appended) => {
                assert_eq!(appended.position, 5);
                won += 1;
            }
            Err(error) => assert_eq!(error, StoreError::Conflict { last_commit: 5 }),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(bench.log(1).len(), 5);
}

// [DELIV-12]
pub(crate) async fn messages_may_be_two_commits_behind(open: Open) {
    let mut bench = Bench::new(open);
    bench.create(1, &[1, 2]).await;
    for last in 1..4 {
        bench.commit(1, 1, (last, last), &[], &[]).await.unwrap();
    }
    assert_eq!(bench.say(1, 2, 1, b"").await, Err(StoreError::StaleEpoch { last_commit: 4 }));
    bench.say(1, 2, 2, b"two behind").await.unwrap();
    bench.say(1, 2, 4, b"up to date").await.unwrap();
}

// [DELIV-13]
pub(crate) async fn the_roster_is_that_of_the_accepted_commit_plus_the_change(open: Open) {
    let mut bench = Bench::new(open);
    bench.create(1, &[1, 2, 3]).await;
    bench.commit(1, 1, (1, 1), &[4], &[]).await.unwrap();
    assert_eq!(bench.members(1), [1, 2, 3, 4]);
    // A commit that everyone else refuses: it removes 1 and adds 9.
    bench.commit(1, 3, (2, 2), &[9], &[1]).await.unwrap();
    assert_eq!(bench.members(1), [2, 3, 4, 9]);
    assert_eq!(bench.readers(1), [1, 2, 3, 4, 9]);
    // 2 has refused it and goes on from commit 2: the change of commit 3 falls away.
    bench.commit(1, 2, (3, 2), &[5], &[]).await.unwrap();
    assert_eq!(bench.members(1), [1, 2, 3, 4, 5]);
    assert_eq!(bench.store.access(conversation(1), device(9)).unwrap(), Access::Leaving);
    bench.pass(9, 1, 4).await;
    assert_eq!(bench.say(1, 9, 4, b"").await, Err(StoreError::NotMember));
    bench.say(1, 1, 4, b"back").await.unwrap();
    // The one whom the refused commit removed may commit himself, on what he accepted.
    bench.commit(1, 3, (4, 4), &[], &[1]).await.unwrap();
    assert_eq!(bench.store.access(conversation(1), device(9)).unwrap(), Access::Leaving, "it may be back yet");
    bench.commit(1, 1, (6, 4), &[], &[3]).await.unwrap();
    assert_eq!(bench.members(1), [1, 2, 4, 5]);
    // Three of four have built on commit 4, which is without 9.
    assert_eq!(bench.store.access(conversation(1), device(9)).unwrap(), Access::None);
    // A device that is removed and added in one commit is a member.
    bench.commit(1, 1, (7, 7), &[2], &[2]).await.unwrap();
    assert_eq!(bench.members(1), [1, 2, 4, 5]);
    assert_eq!(bench.commit(1, 1, (8, 5), &[], &[]).await, Err(StoreError::UnknownCommit), "5 is a message");
}

// [DELIV-13]
pub(crate) async fn a_removed_device_reads_commits_until_one_builds_on_its_removal(open: Open) {
    let mut bench = Bench::new(open);
    bench.create(1, &[1, 2, 3]).await;
    bench.commit(1, 1, (1, 1), &[], &[3]).await.unwrap();
    let access = |bench: &Bench| bench.store.access(conversation(1), device(3)).unwrap();
    assert_eq!(access(&bench), Access::Leaving);
    assert_eq!(bench.say(1, 3, 2, b"").await, Err(StoreError::NotMember));
    let state = bench.store.log_state(device(3), conversation(1)).unwrap().unwrap();
    assert_eq!(state.head, 2, "it learns of the commit that removes it");
    bench.reopen();
    assert_eq!(access(&bench), Access::Leaving);
    bench.say(1, 1, 2, b"a message does not settle it").await.unwrap();
    assert_eq!(access(&bench), Access::Leaving);
    bench.pass(3, 1, 3).await;
    bench.commit(1, 2, (2, 2), &[], &[]).await.unwrap();
    assert_eq!(access(&bench), Access::None);
    assert_eq!(bench.store.log_state(device(3), conversation(1)).unwrap(), None);
    assert_eq!(bench.commit(1, 3, (4, 1), &[], &[]).await, Err(StoreError::NotMember));
}

// [DELIV-132]: a member's commits, which are garbage to everyone else, cut nobody off from what came before them.
pub(crate) async fn whoever_drops_out_reads_up_to_there_whatever_follows(open: Open) {
    let mut bench = Bench::new(open);
    bench.create(1, &[1, 2, 3]).await;
    bench.say(1, 1, 1, b"not fetched yet").await.unwrap();
    bench.commit(1, 3, (1, 1), &[], &[1, 2]).await.unwrap();
    bench.commit(1, 3, (3, 3), &[], &[]).await.unwrap();
    bench.commit(1, 3, (4, 4), &[], &[]).await.unwrap();
    bench.reopen();
    assert_eq!((bench.members(1), bench.readers(1)), (vec![3], vec![1, 2, 3]));
    let roster = |bench: &Bench| bench.store.roster(conversation(1)).unwrap().unwrap();
    assert_eq!(roster(&bench).reads_until(&device(2)), Some(3));
    bench.store.advance(device(3), vec![(conversation(1), 5)], 0).await.unwrap();
    bench.store.sweep(bench.now, 100).await.unwrap();
    assert_eq!(bench.log(1).len(), 5, "kept for those who have not read it");
    bench.pass(2, 1, 2).await;
    assert_eq!(roster(&bench).reads_until(&device(2)), Some(3));
    bench.pass(2, 1, 3).await;
    // One author has said so alone: it reads commits until others have, or a month is over. [DELIV-192]
    assert_eq!((roster(&bench).reads_until(&device(2)), bench.readers(1)), (Some(3), vec![1, 2, 3]));
    bench.now = bench.now.after(std::time::Duration::from_millis(31 * crate::bench::DAY));
    bench.store.sweep(bench.now, 100).await.unwrap();
    assert_eq!((roster(&bench).reads_until(&device(2)), bench.readers(1)), (None, vec![3]));
    assert_eq!(bench.store.log_state(device(2), conversation(1)).unwrap(), None);
    // Added again, it is an ordinary member and goes on from where it was.
    bench.commit(1, 3, (5, 5), &[1], &[]).await.unwrap();
    assert_eq!(roster(&bench).reads_until(&device(1)), Some(u64::MAX));
    assert!(roster(&bench).leaving.is_empty());
    // What nobody has any more is waited for by nobody.
    bench.commit(1, 3, (6, 6), &[], &[1]).await.unwrap();
    bench.commit(1, 3, (7, 7), &[], &[]).await.unwrap();
    assert_eq!(roster(&bench).leaving, [(device(1), 7)]);
    bench.now = bench.now.after(std::time::Duration::from_millis(40 * crate::bench::DAY));
    bench.store.sweep(bench.now, 100).await.unwrap();
    assert!(roster(&bench).leaving.is_empty());
}

// [DELIV-134]
pub(crate) async fn a_device_that_declines_is_in_no_roster(open: Open) {
    let mut bench = Bench::new(open);
    bench.create(1, &[1, 2, 3]).await;
    bench.commit(1, 1, (1, 1), &[4], &[]).await.unwrap();
    assert_eq!(bench.store.decline(device(5), conversation(1)).await, Err(StoreError::NotMember));
    assert_eq!(bench.store.decline(device(2), conversation(9)).await, Err(StoreError::UnknownConversation));
    bench.store.decline(device(2), conversation(1)).await.unwrap();
    assert_eq!((bench.members(1), bench.readers(1)), (vec![1, 3, 4], vec![1, 3, 4]));
    assert_eq!(bench.store.log_state(device(2), conversation(1)).unwrap(), None);
    // No earlier roster brings it back; being added does.
    bench.commit(1, 1, (2, 1), &[], &[]).await.unwrap();
    assert_eq!(bench.members(1), [1, 3]);
    bench.reopen();
    bench.commit(1, 1, (3, 3), &[2], &[]).await.unwrap();
    assert_eq!(bench.members(1), [1, 2, 3]);
}

pub(crate) async fn refusals_change_nothing(open: Open) {
    let mut bench = Bench::with(open, amanat_store::relay::Limits { body: 1000, direct_body: 10, ..limits() });
    bench.create(1, &[1, 2]).await;
    let before = bench.log(1);
    let create = bench.create_unit(1, &[2, 3]);
    assert_eq!(bench.store.append(create).await, Err(StoreError::Exists));
    assert_eq!(bench.say(1, 3, 1, b"").await, Err(StoreError::NotMember));
    assert_eq!(bench.commit(1, 3, (1, 1), &[], &[]).await, Err(StoreError::NotMember));
    assert_eq!(bench.say(2, 1, 1, b"").await, Err(StoreError::UnknownConversation));
    assert_eq!(bench.commit(2, 1, (1, 1), &[], &[]).await, Err(StoreError::UnknownConversation));
    assert_eq!(bench.say(1, 1, 1, &[0; 1001]).await, Err(StoreError::Invalid));
    assert_eq!(bench.commit(1, 1, (1, 2), &[], &[]).await, Err(StoreError::Invalid), "accepted what it has not seen");
    assert_eq!(bench.commit(1, 1, (1, 0), &[], &[]).await, Err(StoreError::Invalid));
    let mut with_roster = bench.unit(UnitKind::Message, 1, 1, b"");
    with_roster.roster_add = vec![device(7)];
    assert_eq!(bench.store.append(with_roster).await, Err(StoreError::Invalid));
    let mut to_a_stranger = bench.commit_unit(1, 1, (1, 1), &[3], &[]);
    to_a_stranger.direct = vec![crate::bench::part(8, b"", false)];
    assert_eq!(bench.store.append(to_a_stranger.clone()).await, Err(StoreError::Invalid));
    to_a_stranger.direct = vec![crate::bench::part(3, &[0; 11], false)];
    assert_eq!(bench.store.append(to_a_stranger.clone()).await, Err(StoreError::Invalid));
    to_a_stranger.direct = vec![crate::bench::part(3, b"", true)];
    assert_eq!(bench.store.append(to_a_stranger).await, Err(StoreError::Invalid), "there is nothing to share");
    assert_eq!(bench.log(1), before);
    assert_eq!(bench.members(1), [1, 2]);
    assert_eq!(bench.store.log_state(device(3), conversation(1)).unwrap(), None);
    // And the log goes on where it stood.
    assert_eq!(bench.say(1, 1, 1, b"").await.unwrap().position, 2);
}

pub(crate) async fn receipts_are_chained(open: Open) {
    let mut bench = Bench::new(open);
    let expect = |position, body: &[u8], stamp, roster, previous| -> Receipt {
        receipt(&ReceiptInput {
            conversation: conversation(1),
            position,
            commit_hash: ciphertext_hash(body),
            stamp,
            roster,
            status_number: 0,
            previous_receipt_hash: previous,
        })
    };
    let created = bench.create(1, &[1, 2]).await;
    let founders = [device(2)];
    let first = expect(1, b"create", created.stamp, roster_change(&founders, []), Digest::ZERO);
    assert_eq!(created.receipt, Some(first.bytes.clone()));
    assert_eq!(bench.say(1, 1, 1, b"no receipt").await.unwrap().receipt, None);
    bench.reopen();
    let committed = bench.commit(1, 1, (1, 1), &[], &[]).await.unwrap();
    let second = expect(3, b"commit", committed.stamp, roster_change(&[], &[]), first.hash);
    assert_eq!(committed.receipt, Some(second.bytes.clone()));
    let log = bench.log(1);
    assert_eq!(log[0].receipt, Some(first.bytes));
    assert_eq!(log[1].receipt, None);
    assert_eq!(log[2].receipt, Some(second.bytes));
}

/// [DELIV-01] [DELIV-02] A reader that sees an entry sees one whose batch is synced: the store's count of finished
/// batches has moved on since before it was asked for.
pub(crate) async fn nothing_is_visible_before_it_is_durable(open: Open) {
    let mut bench = Bench::new(open);
    bench.create(1, &[1, 2]).await;
    let store = bench.store.clone();
    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicU64::new(1));
    let reader = {
        let (store, stop, acknowledged) = (store.clone(), stop.clone(), acknowledged.clone());
        std::thread::spawn(move || {
            let mut early = 0_u64;
            while !stop.load(Ordering::Acquire) {
                let batches = store.stats().batches;
                let before = acknowledged.load(Ordering::Acquire);
                let head = store.read(conversation(1), u64::MAX, 1, 0).unwrap().head;
                let state = store.log_state(device(2), conversation(1)).unwrap().unwrap();
                assert!(head >= before, "what was acknowledged is visible");
                // One writer, one unit at a time: each batch is one position. (The first made the store, the second
                // the conversation.) A head beyond the finished batches is not durable.
                let finished = store.stats().batches;
                assert!(head < finished, "{head} is visible after {finished} batches");
                assert!(state.head < store.stats().batches);
                early += u64::from(finished > batches);
            }
            early
        })
    };
    for i in 0..300_u64 {
        let position = bench.say(1, 1, 1, &i.to_be_bytes()).await.unwrap().position;
        acknowledged.store(position, Ordering::Release);
    }
    stop.store(true, Ordering::Release);
    assert!(reader.join().unwrap() > 0, "the reader looked while batches were finished");
}

pub(crate) async fn published_in_order_to_the_roster(open: Open) {
    let mut bench = Bench::new(open);
    let mut create = bench.create_unit(1, &[1, 2]);
    create.direct = vec![crate::bench::part(2, b"welcome", false)];
    bench.store.append(create).await.unwrap();
    let units: Vec<_> = (0..50_u8)
        .map(|i| {
            let mut unit = bench.unit(UnitKind::Message, 1, 1 + i % 2, &[i]);
            unit.seen_commit = 1;
            unit
        })
        .collect();
    let tasks: Vec<_> = units
        .into_iter()
        .map(|unit| {
            let store = bench.store.clone();
            tokio::spawn(async move { store.append(unit).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    bench.commit(1, 1, (1, 1), &[3], &[2]).await.unwrap();
    bench.say(1, 9, 1, b"refused").await.unwrap_err();
    bench.store.flush().await.unwrap();
    let published = bench.published.lock().unwrap().clone();
    assert_eq!(published.len(), 53);
    let mut position = 0;
    for item in &published {
        match item {
            Published::Entry { entry, recipients, .. } => {
                position += 1;
                assert_eq!(entry.position, position);
                let expected: &[u8] = if position == 52 { &[1, 2, 3] } else { &[1, 2] };
                assert_eq!(numbers(recipients), expected, "a commit goes to those whom it removes, too");
            }
            Published::Direct { device: to, item } => {
                assert_eq!((position, *to, item.number), (1, device(2), 1));
            }
        }
    }
    let log = bench.log(1);
    let entries = published.iter().filter_map(|item| match item {
        Published::Entry { entry, .. } => Some(entry.as_ref().clone()),
        Published::Direct { .. } => None,
    });
    assert!(entries.eq(log), "what is pushed is what is read");
}

// [DELIV-07]
pub(crate) async fn large_bodies_are_files(open: Open) {
    let mut bench = Bench::new(open);
    bench.create(1, &[1, 2]).await;
    let lengths = [4_096, 4_400, 4_500, 4_600, 20_000, 60 * 1024, 60 * 1024 + 1, 300_000, 1024 * 1024];
    for (i, length) in lengths.into_iter().enumerate() {
        bench.say(1, 1, 1, &vec![i as u8; length]).await.unwrap();
    }
    assert_eq!(bench.say(1, 1, 1, &vec![0; 1024 * 1024 + 1]).await, Err(StoreError::Invalid));
    bench.reopen();
    let log = bench.log(1);
    for (i, length) in lengths.into_iter().enumerate() {
        assert_eq!(log[i + 1].body, Body::Kept(vec![i as u8; length]));
    }
    let files: Vec<_> =
        std::fs::read_dir(bench.dir.path().join("bodies")).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(files.len(), 3);
    // What a crash left over is collected, what is used stays.
    std::fs::write(bench.dir.path().join("bodies").join("ab".repeat(32)), b"left over").unwrap();
    std::fs::write(bench.dir.path().join("bodies/new"), b"half written").unwrap();
    bench.reopen();
    assert_eq!(std::fs::read_dir(bench.dir.path().join("bodies")).unwrap().count(), 3);
    // An altered file is found.
    std::fs::write(&files[0], b"something else").unwrap();
    assert_eq!(bench.store.read(conversation(1), 0, 100, usize::MAX), Err(StoreError::Damaged));
}

pub(crate) async fn everything_is_there_after_reopening(open: Open) {
    let mut bench = Bench::new(open);
    let incarnation = bench.store.incarnation();
    for c in 1..20 {
        bench.create(c, &[1, 2, c]).await;
        for i in 0..10 {
            bench.say(c, 1, 1, &[i; 700]).await.unwrap();
        }
    }
    bench.commit(1, 2, (1, 1), &[7], &[]).await.unwrap();
    let logs: Vec<_> = (1..20).map(|c| bench.log(c)).collect();
    for _ in 0..3 {
        bench.reopen();
        assert_eq!((1..20).map(|c| bench.log(c)).collect::<Vec<_>>(), logs);
        assert_eq!(bench.members(1), [1, 2, 7]);
        assert_eq!(bench.store.incarnation(), incarnation);
    }
    assert_eq!(bench.say(1, 7, 12, b"goes on").await.unwrap().position, 13);
    assert_eq!(bench.commit(1, 7, (1, 1), &[], &[]).await, Err(StoreError::Conflict { last_commit: 12 }));
}

pub(crate) async fn settled_rosters_are_forgotten(open: Open) {
    let mut bench = Bench::new(open);
    bench.create(1, &[1, 2]).await;
    for last in 1..70_u64 {
        let (add, remove): (&[u8], &[u8]) = if last % 2 == 0 { (&[3], &[]) } else { (&[], &[3]) };
        bench.commit(1, 1 + (last % 2) as u8, (last, last), add, remove).await.unwrap();
    }
    assert_eq!(bench.commit(1, 1, (70, 65), &[], &[]).await, Err(StoreError::UnknownCommit), "both have gone on");
    bench.reopen();
    bench.commit(1, 1, (70, 69), &[], &[]).await.expect("one has");
    assert_eq!(bench.members(1), [1, 2, 3]);
}

/// [DELIV-190] [DELIV-192] However many commits a member makes that are garbage to the others, and whoever is removed
/// by them: the others go on from what they accepted last.
pub(crate) async fn garbage_does_not_end_a_conversation(open: Open) {
    let mut bench = Bench::new(open);
    bench.create(1, &[1, 2, 3]).await;
    // His last good one: nobody has built on it when the others begin.
    bench.commit(1, 3, (1, 1), &[], &[]).await.unwrap();
    bench.commit(1, 3, (2, 2), &[], &[1, 2]).await.unwrap();
    for last in 3..203 {
        bench.commit(1, 3, (last, last), &[], &[]).await.unwrap();
    }
    assert_eq!(bench.members(1), [3]);
    bench.pass(1, 1, 203).await;
    bench.pass(2, 1, 203).await;
    bench.store.sweep(bench.now, 1000).await.unwrap();
    bench.reopen();
    assert_eq!(bench.readers(1), [1, 2, 3], "who has read everything as well");
    assert_eq!(bench.store.log_state(device(2), conversation(1)).unwrap().unwrap().cursor, 203);
    bench.commit(1, 2, (203, 2), &[], &[3]).await.unwrap();
    assert_eq!(bench.members(1), [1, 2]);
    // He builds on what removed the others, or on what he was in, as long as only one of them has gone on without him.
    bench.commit(1, 3, (204, 203), &[], &[]).await.unwrap();
    bench.commit(1, 1, (205, 204), &[], &[]).await.unwrap();
    assert_eq!(bench.members(1), [1, 2]);
    for accepted in [203, 205, 3, 2, 1] {
        assert_eq!(bench.commit(1, 3, (206, accepted), &[], &[]).await, Err(StoreError::UnknownCommit));
    }
}

/// [DELIV-191] Who was removed is not let in again on what came before, once the others have gone on; whoever is still
/// in may not bring it back so either, but add it.
pub(crate) async fn a_removed_device_commits_no_more(open: Open) {
    let mut bench = Bench::new(open);
    bench.create(1, &[1, 2, 3, 4]).await;
    bench.commit(1, 1, (1, 1), &[], &[4]).await.unwrap();
    bench.commit(1, 2, (2, 2), &[], &[]).await.unwrap();
    bench.commit(1, 3, (3, 3), &[], &[]).await.unwrap();
    // It never says that it has read its removal.
    assert_eq!(bench.readers(1), [1, 2, 3, 4]);
    assert_eq!(bench.say(1, 4, 4, b"").await, Err(StoreError::NotMember));
    for accepted in 1..=4 {
        assert!(bench.commit(1, 4, (4, accepted), &[], &[1, 2, 3]).await.is_err());
    }
    assert_eq!(bench.commit(1, 3, (4, 1), &[], &[]).await, Err(StoreError::UnknownCommit));
    assert_eq!(bench.members(1), [1, 2, 3]);
    bench.pass(4, 1, 4).await;
    assert_eq!(bench.readers(1), [1, 2, 3]);
    assert_eq!(bench.commit(1, 4, (4, 1), &[], &[]).await, Err(StoreError::NotMember));
    bench.commit(1, 3, (4, 4), &[4], &[]).await.unwrap();
    bench.commit(1, 4, (5, 5), &[], &[]).await.unwrap();
    assert_eq!(bench.members(1), [1, 2, 3, 4]);
}

/// [DELIV-192] Adding others does not use up the places of those whom a garbage commit removes.
pub(crate) async fn places_of_members_who_leave_are_theirs(open: Open) {
    let limits = amanat_store::relay::Limits { roster: 4, ..limits() };
    let mut bench = Bench::with(open, limits);
    bench.create(1, &[1, 2]).await;
    let mut last = 1;
    for others in [[11, 12], [13, 14], [15, 16], [17, 18]] {
        bench.commit(1, 2, (last, 1), &others, &[]).await.unwrap();
        bench.commit(1, 2, (last + 1, 1), &[], &[]).await.unwrap();
        last += 2;
    }
    assert_eq!(bench.readers(1), [1, 2, 11, 12, 13, 14], "no more than four of them");
    bench.commit(1, 2, (last, 1), &[], &[1]).await.unwrap();
    bench.commit(1, 2, (last + 1, last + 1), &[], &[]).await.unwrap();
    bench.pass(1, 1, last + 2).await;
    bench.commit(1, 1, (last + 2, 1), &[], &[]).await.unwrap();
    assert_eq!(bench.members(1), [1, 2]);
}
