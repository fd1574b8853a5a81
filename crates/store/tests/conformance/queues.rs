//! Direct queues, cursors, news, KeyPackages, quotas.

use std::collections::BTreeSet;

use amanat_store::relay::{DirectKind, KeyPackageCount, Limits, NewsPage, Quota, StoreError};

use crate::bench::{Bench, Open, PAGE, conversation, device, limits, part};

pub(crate) async fn direct_items_share_their_body(open: Open) {
    let mut bench = Bench::new(open);
    for (c, length) in [(1, 30_000), (2, 300_000)] {
        let mut create = bench.create_unit(c, &[1, 2, 3, 4]);
        create.shared = Some(vec![c; length]);
        create.direct = vec![part(2, b"for two", true), part(3, b"for three", true), part(4, b"alone", false)];
        let appended = bench.store.append(create.clone()).await.unwrap();
        // Again: no second item.
        bench.store.append(create).await.unwrap();
        for reopened in [false, true] {
            let item = bench.store.news(device(3), PAGE).unwrap().direct.pop().unwrap();
            assert_eq!((item.number, item.kind), (u64::from(c), DirectKind(1)));
            assert_eq!(item.body, b"for three");
            assert_eq!(item.shared.as_deref(), Some(&vec![c; length]));
            let origin = item.origin.unwrap();
            assert_eq!((origin.conversation, origin.author, origin.position), (conversation(c), device(1), 1));
            assert_eq!((origin.running, origin.receipt), (appended.running, appended.receipt.clone()));
            if !reopened {
                bench.reopen();
            }
        }
        assert_eq!(bench.store.news(device(4), PAGE).unwrap().direct.pop().unwrap().shared, None);
    }
    bench.store.post_direct(vec![part(2, b"a notice", false)], None, bench.now).await.unwrap();
    let items = bench.store.news(device(2), PAGE).unwrap().direct;
    assert_eq!(items.iter().map(|item| item.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((items[2].body.as_slice(), &items[2].origin), (&b"a notice"[..], &None));
    bench.store.advance(device(2), Vec::new(), 2).await.unwrap();
    bench.store.flush().await.unwrap();
    assert_eq!(bench.store.news(device(2), PAGE).unwrap().direct, items[2..]);
    // The other's items are untouched.
    assert_eq!(bench.store.news(device(3), PAGE).unwrap().direct.len(), 2);
}

// [DELIV-15]
pub(crate) async fn cursors_only_go_forward(open: Open) {
    let mut bench = Bench::new(open);
    bench.create(1, &[1, 2]).await;
    for _ in 0..9 {
        bench.say(1, 1, 1, b"").await.unwrap();
    }
    let cursor = |bench: &Bench, n| bench.store.log_state(device(n), conversation(1)).unwrap().map(|s| s.cursor);
    assert_eq!(cursor(&bench, 2), Some(0));
    for (given, expected) in [(5, 5), (3, 5), (7, 7), (1000, 10), (0, 10)] {
        bench.store.advance(device(2), vec![(conversation(1), given)], 0).await.unwrap();
        bench.store.flush().await.unwrap();
        assert_eq!(cursor(&bench, 2), Some(expected));
    }
    // Not one's own: ignored.
    bench.store.advance(device(3), vec![(conversation(1), 5), (conversation(8), 1)], 0).await.unwrap();
    bench.store.flush().await.unwrap();
    assert_eq!(cursor(&bench, 3), None);
    assert_eq!(cursor(&bench, 1), Some(0));
    // A joiner begins just before the commit that adds it.
    bench.commit(1, 1, (1, 1), &[3], &[]).await.unwrap();
    assert_eq!(cursor(&bench, 3), Some(10));
    // Put off, it is written without anybody's asking.
    bench.store.advance(device(1), vec![(conversation(1), 4)], 0).await.unwrap();
    let mut waited = 0;
    while cursor(&bench, 1) != Some(4) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        waited += 1;
        assert!(waited < 1000, "the cursor is written on its own");
    }
    bench.store.advance(device(1), vec![(conversation(1), 6)], 0).await.unwrap();
    bench.reopen();
    assert_eq!(cursor(&bench, 1), Some(6), "closing writes what was put off");
}

pub(crate) async fn news_is_paged(open: Open) {
    let mut bench = Bench::new(open);
    for c in 0..30 {
        bench.create(c, &[1, 2]).await;
    }
    for i in 0..20 {
        bench.store.post_direct(vec![part(2, &[i; 100], false)], None, bench.now).await.unwrap();
    }
    bench.store.advance(device(2), vec![(conversation(4), 1), (conversation(29), 1)], 0).await.unwrap();
    bench.store.flush().await.unwrap();
    let mut page = NewsPage { logs: 7, direct: 6, direct_bytes: 10_000, ..PAGE };
    let mut logs = Vec::new();
    let mut pages = 0;
    loop {
        let news = bench.store.news(device(2), page).unwrap();
        assert!(news.logs.len() <= 7);
        logs.extend(news.logs.iter().map(|state| state.conversation.as_bytes()[0]));
        pages += 1;
        assert_eq!(news.direct.len(), 6);
        assert!(news.more_direct);
        match news.more_logs {
            Some(after) => page.after = Some(after),
            None => break,
        }
    }
    assert_eq!(pages, 4);
    assert_eq!(logs, (0..29).filter(|n| *n != 4).collect::<Vec<u8>>());
    let news = bench.store.news(device(2), NewsPage { direct_after: 15, ..page }).unwrap();
    assert_eq!(news.direct.iter().map(|item| item.number).collect::<Vec<_>>(), [16, 17, 18, 19, 20]);
    assert!(!news.more_direct);
    let news = bench.store.news(device(2), NewsPage { direct_bytes: 250, ..page }).unwrap();
    assert_eq!(news.direct.len(), 2);
    assert_eq!(bench.store.news(device(9), PAGE).unwrap(), Default::default());
}

// [DELIV-17]
pub(crate) async fn key_packages_are_handed_out_once(open: Open) {
    let mut bench = Bench::new(open);
    assert_eq!(bench.store.claim_key_package(device(1)).await.unwrap(), None);
    let packages: Vec<Vec<u8>> = (0..60_u8).map(|i| vec![i; 2663]).collect();
    bench.store.put_key_packages(device(1), packages.clone(), Some(vec![99; 2663]), 100).await.unwrap();
    assert_eq!(
        bench.store.put_key_packages(device(1), packages.clone(), None, 100).await,
        Err(StoreError::Full(Quota::KeyPackages))
    );
    let mut tasks = Vec::new();
    for _ in 0..50 {
        let store = bench.store.clone();
        tasks.push(tokio::spawn(async move { store.claim_key_package(device(1)).await.unwrap().unwrap() }));
    }
    let mut claimed = BTreeSet::new();
    for task in tasks {
        let package = task.await.unwrap();
        assert!(!package.last_resort);
        assert!(claimed.insert(package.bytes), "handed out twice");
    }
    bench.reopen();
    for _ in 0..10 {
        assert!(claimed.insert(bench.store.claim_key_package(device(1)).await.unwrap().unwrap().bytes));
    }
    assert_eq!(claimed.len(), 60);
    for used in 1..3 {
        let package = bench.store.claim_key_package(device(1)).await.unwrap().unwrap();
        assert!(package.last_resort);
        assert_eq!(package.bytes, vec![99; 2663]);
        let count = bench.store.key_package_count(device(1)).unwrap();
        assert_eq!(count, KeyPackageCount { one_time: 0, last_resort: true, last_resort_used: used });
    }
    bench.reopen();
    assert_eq!(bench.store.key_package_count(device(1)).unwrap().last_resort_used, 2);
    bench.store.put_key_packages(device(1), packages, Some(vec![98]), 100).await.unwrap();
    let count = bench.store.key_package_count(device(1)).unwrap();
    assert_eq!(count, KeyPackageCount { one_time: 60, last_resort: true, last_resort_used: 0 });
    bench.store.drop_key_packages(device(1)).await.unwrap();
    assert_eq!(bench.store.claim_key_package(device(1)).await.unwrap(), None);
    assert_eq!(
        bench.store.put_key_packages(device(1), vec![vec![0; 100_000]], None, 100).await,
        Err(StoreError::Invalid)
    );
}

pub(crate) async fn quotas(open: Open) {
    let mut bench = Bench::with(
        open,
        Limits {
            conversation_bytes: 10_000,
            conversations_per_device: 3,
            direct_items: 2,
            direct_items_of_one: 2,
            roster: 4,
            ..limits()
        },
    );
    bench.create(1, &[1, 2]).await;
    for _ in 0..7 {
        bench.say(1, 1, 1, &[0; 1000]).await.unwrap();
    }
    assert_eq!(bench.say(1, 1, 1, &[0; 1000]).await, Err(StoreError::Full(Quota::ConversationBytes)));
    // Room is made by reading.
    for n in [1, 2] {
        bench.store.advance(device(n), vec![(conversation(1), 8)], 0).await.unwrap();
    }
    bench.store.sweep(bench.now, 100).await.unwrap();
    assert_eq!(bench.say(1, 1, 1, &[0; 1000]).await.unwrap().position, 9);

    bench.create(2, &[1, 3]).await;
    bench.create(3, &[1]).await;
    bench.create(8, &[2, 1]).await; // [DELIV-133] that 1 has used its share up is nothing to 2
    let fourth = bench.create_unit(4, &[1, 2]);
    assert_eq!(bench.store.append(fourth).await, Err(StoreError::Full(Quota::Conversations)));
    assert_eq!(bench.store.roster(conversation(4)).unwrap(), None);
    assert_eq!(bench.commit(3, 1, (1, 1), &[2, 3, 4, 5], &[]).await, Err(StoreError::Full(Quota::Roster)));
    // 2 has room for two more: what others founded took none of it.
    bench.create(5, &[2]).await;
    bench.create(6, &[2]).await;
    // Leaving makes room.
    bench.commit(2, 3, (1, 1), &[], &[1]).await.unwrap();
    bench.store.decline(device(1), conversation(2)).await.unwrap();
    bench.create(7, &[1]).await;

    // [DELIV-133] Welcomes that wait count against who sent them.
    let mut welcomes = bench.create_unit(9, &[3, 7]);
    welcomes.direct = vec![part(7, b"", false), part(7, b"", false)];
    bench.store.append(welcomes.clone()).await.unwrap();
    (welcomes.id, welcomes.conversation) = (amanat_primitives::UnitId::from_bytes([0xee; 16]), conversation(10));
    assert_eq!(bench.store.append(welcomes.clone()).await, Err(StoreError::Full(Quota::DirectItems)));
    welcomes.author = device(4);
    bench.store.append(welcomes.clone()).await.unwrap();
    bench.store.advance(device(7), Vec::new(), 2).await.unwrap();
    bench.store.flush().await.unwrap();
    (welcomes.id, welcomes.conversation) = (amanat_primitives::UnitId::from_bytes([0xef; 16]), conversation(11));
    welcomes.author = device(3);
    bench.store.append(welcomes).await.unwrap();

    let notice = |n| vec![part(n, b"", false)];
    bench.store.post_direct(notice(9), None, bench.now).await.unwrap();
    bench.store.post_direct(notice(9), None, bench.now).await.unwrap();
    let both = vec![part(8, b"", false), part(9, b"", false)];
    assert_eq!(
        bench.store.post_direct(both, None, bench.now).await,
        Err(StoreError::Full(Quota::DirectItems)),
        "whole or not at all"
    );
    assert!(bench.store.news(device(8), PAGE).unwrap().direct.is_empty());
    bench.store.advance(device(9), Vec::new(), 1).await.unwrap();
    bench.store.flush().await.unwrap();
    bench.store.post_direct(notice(9), None, bench.now).await.unwrap();
    assert_eq!(bench.store.news(device(9), PAGE).unwrap().direct[1].number, 3);
}
