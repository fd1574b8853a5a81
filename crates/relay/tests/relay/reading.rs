//! News, reading, KeyPackages and the directory (protocol-spec/07-delivery, sections 5 and 6).

use std::{sync::atomic::Ordering, time::Duration};

use amanat_wire::{
    Bytes, List, Text,
    client::{AddAgain, Advance, Cursor, Nothing, People, PutKeyPackages, Read, Request, WhatIsNew},
    limits,
    log::{RetentionClass, UnitKind, ciphertext_hash},
    relay::{Answer, Direct, FromRelay, Refusal},
};

use crate::harness::*;

/// Offline while others talk: nothing lost, order kept, and what was read is not offered again.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_away_reads_the_log() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let (b, bilal) = site.enrol("bilal").await;
    drop(bilal);
    let conversation = found(&mut ayesha, &[b.id()]).await;
    let mut said = Vec::new();
    for _ in 0..20 {
        let unit = message(conversation, 1);
        ayesha.append(unit.clone()).await;
        said.push(unit);
    }
    let mut bilal = site.connect(&b).await;
    let news = bilal.news().await;
    assert_eq!(news.logs.len(), 1);
    let log = &news.logs[0];
    assert_eq!((log.conversation, log.cursor, log.head, log.first_kept), (conversation, 0, 21, 1));
    assert_eq!((news.direct.len(), news.direct[0].number, news.more_direct), (1, 1, false));
    let read = bilal.read(conversation, 0).await;
    assert_eq!((read.entries.len(), read.head, read.first_kept), (21, 21, 1));
    let mut running = read.running_before;
    for (entry, unit) in read.entries.iter().skip(1).zip(&said) {
        assert_eq!((&entry.body, entry.unit, entry.gone), (&unit.body, unit.id, None));
    }
    for entry in read.entries.iter() {
        running = entry.running(&running);
    }
    let cursors = List::new(vec![Cursor { conversation, position: 21 }]).unwrap();
    assert_eq!(bilal.ask(Request::Advance(Advance { cursors, direct: 1 })).await, Answer::Done(Nothing {}));
    // Written within 200 ms, or with the next batch: which this is.
    let last = bilal.append(message(conversation, 1)).await;
    assert_eq!(last.running, bilal.read(conversation, 21).await.entries[0].running(&running));
    let news = bilal.news().await;
    assert_eq!((news.logs.len(), news.logs[0].cursor, news.direct.len()), (1, 21, 0));
}

/// [DELIV-56]
#[tokio::test(flavor = "multi_thread")]
async fn strangers_read_nothing_and_the_removed_only_commits() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let (b, mut bilal) = site.enrol("bilal").await;
    let (_c, mut chand) = site.enrol("chand").await;
    let (d, mut dawud) = site.enrol("dawud").await;
    let conversation = found(&mut ayesha, &[b.id(), d.id()]).await;
    let before = message(conversation, 1);
    ayesha.append(before.clone()).await;
    let read = |after| Request::Read(Read { conversation, after, max_entries: 10 });
    assert_eq!(chand.ask(read(0)).await, Answer::Refused(Refusal::NotAllowed));
    let removal = ayesha.append(commit(conversation, 1, &[], &[b.id()])).await;
    assert_eq!(removal.position, 3);
    let after = message(conversation, 3);
    ayesha.append(after.clone()).await;
    // Nothing builds on the removal yet: everything up to it, and what follows without its content.
    let read_by_removed = bilal.read(conversation, 1).await;
    let seen: Vec<_> = read_by_removed.entries.iter().map(|e| (e.position, e.kind, e.body.is_empty())).collect();
    assert_eq!(seen, [(2, UnitKind::Message, false), (3, UnitKind::Commit, false), (4, UnitKind::Message, true)]);
    // [WIRE-09] The running hash can be followed all the same.
    assert_eq!(read_by_removed.entries[2].ciphertext_hash(), ciphertext_hash(&after.body));
    assert_eq!(bilal.ask(Request::Append(message(conversation, 3))).await, Answer::Refused(Refusal::NotAllowed));
    // Once another builds on it, and it was read, nothing. [DELIV-192]
    dawud.append(commit(conversation, 3, &[], &[])).await;
    assert_eq!(bilal.read(conversation, 1).await.entries.len(), 4);
    let cursors = List::new(vec![Cursor { conversation, position: 3 }]).unwrap();
    bilal.ask(Request::Advance(Advance { cursors, direct: 0 })).await;
    while bilal.ask(read(0)).await != Answer::Refused(Refusal::NotAllowed) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(bilal.ask(read(0)).await, Answer::Refused(Refusal::NotAllowed));
    assert!(bilal.news().await.logs.is_empty());
}

/// [DELIV-134]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_declines_a_conversation_has_no_part_in_it() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let (b, mut bilal) = site.enrol("bilal").await;
    let (_c, mut chand) = site.enrol("chand").await;
    let conversation = found(&mut ayesha, &[b.id()]).await;
    assert_eq!(bilal.news().await.logs.len(), 1);
    assert_eq!(chand.ask(Request::Decline(conversation)).await, Answer::Refused(Refusal::NotAllowed));
    assert!(matches!(bilal.ask(Request::Decline(conversation)).await, Answer::Done(_)));
    ayesha.append(message(conversation, 1)).await;
    assert!(bilal.news().await.logs.is_empty());
    let read = Request::Read(Read { conversation, after: 0, max_entries: 10 });
    assert_eq!(bilal.ask(read).await, Answer::Refused(Refusal::NotAllowed));
    ayesha.append(commit(conversation, 1, &[b.id()], &[])).await;
    assert_eq!(bilal.news().await.logs.len(), 1);
}

/// [DELIV-138] Members that connect later hear no more of it, and of another's all the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_request_to_be_added_again_of_whoever_declines_is_forgotten() {
    let site = Site::new().await;
    let (a, mut ayesha) = site.enrol("ayesha").await;
    let mut others = vec![site.enrol("bilal").await, site.enrol("chand").await];
    // In the order in which they are told of.
    others.sort_by_key(|(device, _)| device.id());
    let ids = [others[0].0.id(), others[1].0.id()];
    let conversation = found(&mut ayesha, &ids).await;
    let mut asked = Vec::new();
    for (device, client) in &mut others {
        let request = AddAgain::sign(conversation, device.id(), now(), device.keys.signing());
        assert!(matches!(client.ask(Request::AskAgain(request.clone())).await, Answer::Done(_)));
        asked.push(FromRelay::PushAgain(request));
    }
    let mut ayesha = site.connect(&a).await;
    for request in &asked {
        assert_eq!(ayesha.push().await.as_ref(), Ok(request));
    }
    assert!(matches!(others[0].1.ask(Request::Decline(conversation)).await, Answer::Done(_)));
    let mut ayesha = site.connect(&a).await;
    assert_eq!(ayesha.push().await.as_ref(), Ok(&asked[1]));
}

/// [WIRE-08] [WIRE-09] Retention: bodies go, their places and hashes stay while earlier entries are kept.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_body_keeps_its_place() {
    let mut site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let (b, bilal) = site.enrol("bilal").await;
    drop(bilal);
    let conversation = found(&mut ayesha, &[b.id()]).await;
    let mut short = message(conversation, 1);
    short.class = RetentionClass::Day;
    ayesha.append(message(conversation, 1)).await;
    ayesha.append(short.clone()).await;
    ayesha.append(message(conversation, 1)).await;
    drop(ayesha);
    site.stop().await;
    // The relay sweeps when it starts, and every minute.
    site.ahead.store(Duration::from_secs(2 * 24 * 3600).as_millis() as u64, Ordering::SeqCst);
    site.start().await;
    let mut bilal = site.connect(&b).await;
    let gone = loop {
        let read = bilal.read(conversation, 0).await;
        assert_eq!((read.entries.len(), read.first_kept), (4, 1));
        if read.entries[2].gone.is_some() {
            break read.entries[2].clone();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((gone.position, gone.body.is_empty()), (3, true));
    assert_eq!(gone.ciphertext_hash(), ciphertext_hash(&short.body));
}

/// [DELIV-58]
#[tokio::test(flavor = "multi_thread")]
async fn key_packages_are_handed_out_once_and_the_owner_hears_of_the_last() {
    let site = Site::new().await;
    let (a, mut ayesha) = site.enrol("ayesha").await;
    let (b, mut bilal) = site.enrol("bilal").await;
    let package = |n: u8| Bytes::new(vec![n; 500]).unwrap();
    let put =
        PutKeyPackages { one_time: List::new(vec![package(1), package(2)]).unwrap(), last_resort: Some(package(9)) };
    assert_eq!(ayesha.ask(Request::PutKeyPackages(put)).await, Answer::Done(Nothing {}));
    assert_eq!(ayesha.news().await.key_packages, 2);
    let empty = PutKeyPackages { one_time: List::new(vec![Bytes::default()]).unwrap(), last_resort: None };
    assert_eq!(ayesha.ask(Request::PutKeyPackages(empty)).await, Answer::Refused(Refusal::Malformed));
    let mut claimed = Vec::new();
    for _ in 0..4 {
        match bilal.ask(Request::ClaimKeyPackages(List::new(vec![a.id(), b.id()]).unwrap())).await {
            Answer::KeyPackages(packages) => {
                assert_eq!((packages[0].device, packages[1].device), (a.id(), b.id()));
                assert!(packages[1].key_package.is_empty(), "bilal has published none");
                claimed.push((packages[0].key_package[0], packages[0].last_resort));
            }
            other => panic!("{other:?}"),
        }
    }
    claimed.sort_unstable();
    assert_eq!(claimed, [(1, false), (2, false), (9, true), (9, true)]);
    assert_eq!(ayesha.pushed_direct().await.body, Direct::LastResortUsed(Nothing {}));
    let news = ayesha.news().await;
    assert_eq!((news.key_packages, news.last_resort_used, news.direct.len()), (0, 2, 1));
    // A new last-resort one starts the count again.
    let put = PutKeyPackages { one_time: List::default(), last_resort: Some(package(8)) };
    assert_eq!(ayesha.ask(Request::PutKeyPackages(put)).await, Answer::Done(Nothing {}));
    assert_eq!(ayesha.news().await.last_resort_used, 0);
    // All of them go when their owner says so.
    let more = PutKeyPackages { one_time: List::new(vec![package(3)]).unwrap(), last_resort: None };
    assert_eq!(ayesha.ask(Request::PutKeyPackages(more)).await, Answer::Done(Nothing {}));
    assert_eq!(ayesha.ask(Request::DropKeyPackages(Nothing {})).await, Answer::Done(Nothing {}));
    assert_eq!(ayesha.news().await.key_packages, 0);
    match bilal.ask(Request::ClaimKeyPackages(List::new(vec![a.id()]).unwrap())).await {
        Answer::KeyPackages(packages) => assert!(packages[0].key_package.is_empty()),
        other => panic!("{other:?}"),
    }
}

/// Also where nothing is new, a device is told how far it has said that it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_learns_where_it_stands_in_all_its_logs() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let (b, mut bilal) = site.enrol("bilal").await;
    let mut conversations = Vec::new();
    for _ in 0..3 {
        conversations.push(found(&mut ayesha, &[b.id()]).await);
    }
    conversations.sort_unstable();
    ayesha.append(message(conversations[1], 1)).await;
    let cursors = conversations.iter().map(|id| Cursor { conversation: *id, position: 1 }).collect::<Vec<_>>();
    bilal.ask(Request::Advance(Advance { cursors: List::new(cursors).unwrap(), direct: 0 })).await;
    // [DELIV-232] At once, though it is written later. The store gathers for 200 ms: what answers from what is written
    // alone says 0 here.
    let Answer::Cursors(page) = bilal.ask(Request::Cursors(WhatIsNew { after: None })).await else { panic!() };
    assert_eq!(page.more, None);
    let seen: Vec<_> = page.logs.iter().map(|log| (log.conversation, log.cursor, log.head)).collect();
    let expected: Vec<_> = conversations.iter().zip([1, 2, 1]).map(|(id, head)| (*id, 1, head)).collect();
    assert_eq!(seen, expected);
    let after = Some(conversations[1]);
    let Answer::Cursors(page) = bilal.ask(Request::Cursors(WhatIsNew { after })).await else { panic!() };
    assert_eq!(page.logs.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_is_searched_and_paged() {
    let site = Site::new().await;
    let (a, mut ayesha) = site.enrol("ayesha").await;
    let mut others = Vec::new();
    for i in 0..70 {
        others.push(site.enrol(&format!("person{i:02}")).await.0);
    }
    let people = |query: &str, after: &str| {
        Request::People(People { query: Text::new(query).unwrap(), after: Text::new(after).unwrap() })
    };
    let Answer::Chains(first) = ayesha.ask(people("", "")).await else { panic!() };
    assert_eq!((first.chains.len(), first.more), (limits::CHAINS, true));
    let Answer::Chains(second) = ayesha.ask(people("", "person62")).await else { panic!() };
    assert_eq!((second.chains.len(), second.more), (7, false));
    let Answer::Chains(found) = ayesha.ask(people("NAME OF AYESHA", "")).await else { panic!() };
    assert_eq!(found.chains.len(), 1);
    assert_eq!(*found.chains[0], *amanat_wire::Encode::to_bytes(&a.chain));
    // Unknown devices are left out.
    let unknown = amanat_primitives::DeviceId::from_bytes([9; 32]);
    let Answer::Chains(chains) = ayesha.ask(Request::Chains(List::new(vec![unknown, others[0].id()]).unwrap())).await
    else {
        panic!()
    };
    assert_eq!(chains.chains.len(), 1);
}

/// [DELIV-51] A device that does not read is not buffered for: it is told to read the log, and misses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_gets_a_hint_and_catches_up() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let (b, mut bilal) = site.enrol("bilal").await;
    let conversation = found(&mut ayesha, &[b.id()]).await;
    // 24 MiB: more than the sockets and the outbox hold.
    const MESSAGES: u64 = 48;
    for _ in 0..MESSAGES {
        let mut large = message(conversation, 1);
        large.body = Bytes::new(vec![3; 512 * 1024]).unwrap();
        ayesha.append(large).await;
    }
    let dropped = site.running().stats().push_dropped;
    assert!(dropped > 0, "everything fitted");
    // The other one wakes up: some pushes in order, then the hint.
    let mut position = 0;
    loop {
        match bilal.push().await.unwrap() {
            FromRelay::Push(push) => {
                assert_eq!(push.entry.position, position + 1);
                position = push.entry.position;
            }
            FromRelay::PushDirect(_) => {}
            FromRelay::NewsHint(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(position < MESSAGES + 1);
    assert_eq!(bilal.news().await.logs[0].head, MESSAGES + 1);
    while position < MESSAGES + 1 {
        for entry in bilal.read(conversation, position).await.entries {
            assert_eq!(entry.position, position + 1);
            position = entry.position;
        }
    }
    // And from here on pushes again: late ones and hints of what was read meanwhile may come before.
    let last = ayesha.append(message(conversation, 1)).await.position;
    loop {
        match bilal.push().await.unwrap() {
            FromRelay::Push(push) if push.entry.position == last => break,
            FromRelay::NewsHint(_) if !bilal.read(conversation, last - 1).await.entries.is_empty() => break,
            FromRelay::Push(_) | FromRelay::PushDirect(_) | FromRelay::NewsHint(_) => {}
            other => panic!("{other:?}"),
        }
    }
}
