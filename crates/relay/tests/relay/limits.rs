//! Limits (protocol-spec/07-delivery, section 8).

use amanat_relay_core::config::{Limits, Quotas};
use amanat_wire::{
    Bytes, List,
    client::{Nothing, Request},
    relay::{Answer, Refusal},
};

use crate::harness::*;

/// [DELIV-60] Too fast is refused, nothing is lost, and reconnecting does not help.
#[tokio::test(flavor = "multi_thread")]
async fn requests_have_a_rate() {
    let limits = Limits { requests_per_second: 5, ..Limits::default() };
    let site = Site::with(limits, small_quotas()).await;
    let (device, mut ayesha) = site.enrol("ayesha").await;
    let mut too_fast = 0;
    for _ in 0..60 {
        match ayesha.ask(Request::Ping(Nothing {})).await {
            Answer::Done(_) => {}
            Answer::Refused(Refusal::TooFast) => too_fast += 1,
            other => panic!("{other:?}"),
        }
    }
    // Twenty at once and five a second; sixty round trips on loopback take far less than the 8 s that would allow all.
    assert!(too_fast > 0);
    let mut again = site.connect(&device).await;
    let mut answers = Vec::new();
    for _ in 0..25 {
        answers.push(again.ask(Request::Ping(Nothing {})).await);
    }
    assert!(answers.contains(&Answer::Refused(Refusal::TooFast)));
    assert!(site.running().stats().too_fast > too_fast);
}

/// [DELIV-60]
#[tokio::test(flavor = "multi_thread")]
async fn claims_have_a_rate() {
    let limits = Limits { claims_per_minute: 10, ..Limits::default() };
    let site = Site::with(limits, small_quotas()).await;
    let (a, mut ayesha) = site.enrol("ayesha").await;
    let claim = || Request::ClaimKeyPackages(List::new(vec![a.id(); 50]).unwrap());
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(ayesha.ask(claim()).await);
    }
    assert!(matches!(answers[..], [Answer::KeyPackages(_), Answer::KeyPackages(_), Answer::Refused(Refusal::TooFast)]));
}

/// [DELIV-133]
#[tokio::test(flavor = "multi_thread")]
async fn foundings_and_additions_have_a_rate_of_who_makes_them() {
    let limits = Limits { conversations_per_hour: 10, additions_per_hour: 50, ..Limits::default() };
    let site = Site::with(limits, small_quotas()).await;
    let (a, mut ayesha) = site.enrol("ayesha").await;
    let (b, mut bilal) = site.enrol("bilal").await;
    for _ in 0..10 {
        found(&mut ayesha, &[b.id()]).await;
    }
    let conversation = found(&mut bilal, &[a.id()]).await;
    let create = amanat_wire::log::Unit {
        conversation: amanat_primitives::ConversationId::from_bytes([9; 16]),
        kind: amanat_wire::log::UnitKind::Create,
        seen_commit: 0,
        accepted_commit: 0,
        ..message(conversation, 1)
    };
    assert_eq!(ayesha.ask(Request::Append(create)).await, Answer::Refused(Refusal::TooFast));
    let mut added = Vec::new();
    for n in 0..45 {
        added.push(site.enrol(&format!("clerk{n}")).await.0.id());
    }
    let add = commit(conversation, 1, &added, &[]);
    assert_eq!(ayesha.ask(Request::Append(add.clone())).await, Answer::Refused(Refusal::TooFast));
    assert!(matches!(bilal.ask(Request::Append(add)).await, Answer::Appended(_)));
}

/// [DELIV-193] However fast a member commits, the others come to theirs; and losing to it costs them nothing.
#[tokio::test(flavor = "multi_thread")]
async fn commits_have_a_rate_in_each_conversation() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let (b, mut bilal) = site.enrol("bilal").await;
    let conversation = found(&mut ayesha, &[b.id()]).await;
    let mut last = 1;
    for _ in 0..400 {
        last = bilal.append(commit(conversation, last, &[], &[])).await.position;
        assert!(matches!(ayesha.ask(Request::Append(commit(conversation, 1, &[], &[]))).await, Answer::Conflict(_)));
    }
    let more = commit(conversation, last, &[], &[]);
    assert_eq!(bilal.ask(Request::Append(more)).await, Answer::Refused(Refusal::TooFast));
    bilal.append(message(conversation, last)).await;
    let elsewhere = found(&mut bilal, &[]).await;
    bilal.append(commit(elsewhere, 1, &[], &[])).await;
    ayesha.append(commit(conversation, last, &[], &[])).await;
}

/// [DELIV-194] A clock that jumps ahead stamps nothing, and ends nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_ahead_is_not_believed() {
    let mut site = Site::new().await;
    let (a, mut ayesha) = site.enrol("ayesha").await;
    let conversation = found(&mut ayesha, &[]).await;
    let before = ayesha.append(message(conversation, 1)).await.stamp;
    site.jumped.store(24 * 3600 * 1000, std::sync::atomic::Ordering::SeqCst);
    let refused = Answer::Refused(Refusal::Failed);
    assert_eq!(ayesha.ask(Request::Append(message(conversation, 1))).await, refused);
    assert_eq!(ayesha.ask(Request::Append(commit(conversation, 1, &[], &[]))).await, refused);
    let dir = site.dir.path().to_owned();
    let asked = tokio::task::spawn_blocking(move || amanat_relay_core::control::ask_status(&dir));
    let status = asked.await.unwrap().unwrap();
    let said = status.iter().find(|(name, _)| name == "clock_ahead_seconds").map(|(_, value)| value.as_str());
    assert!(matches!(said, Some("86399" | "86400")), "{said:?}");
    site.jumped.store(0, std::sync::atomic::Ordering::SeqCst);
    let after = ayesha.append(commit(conversation, 1, &[], &[])).await.stamp;
    assert!(after.since(before) < PATIENCE);
    // An operator who finds it right starts the relay again.
    site.jumped.store(24 * 3600 * 1000, std::sync::atomic::Ordering::SeqCst);
    drop(ayesha);
    assert!(site.stop().await);
    site.start().await;
    site.connect(&a).await.append(message(conversation, 2)).await;
}

/// [DELIV-59]
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_has_a_quota() {
    let quotas = Quotas { conversation_mib: 8, ..small_quotas() };
    let site = Site::with(Limits::default(), quotas).await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let conversation = found(&mut ayesha, &[]).await;
    let mut appended = 0;
    loop {
        let mut unit = message(conversation, 1);
        unit.body = Bytes::new(vec![1; 1024 * 1024]).unwrap();
        match ayesha.ask(Request::Append(unit)).await {
            Answer::Appended(_) => appended += 1,
            Answer::Refused(Refusal::Full) => break,
            other => panic!("{other:?}"),
        }
        assert!(appended < 8);
    }
    // Another conversation has its own.
    let other = found(&mut ayesha, &[]).await;
    ayesha.append(message(other, 1)).await;
}

/// [DELIV-61] [DELIV-62] A client that asks more than may be open, for more than a link may hold, and reads nothing
/// meanwhile, is served in the end all the same.
#[tokio::test(flavor = "multi_thread")]
async fn open_requests_are_bounded_in_number_and_bytes() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let conversation = found(&mut ayesha, &[]).await;
    for _ in 0..3 {
        let mut unit = message(conversation, 1);
        unit.body = Bytes::new(vec![1; 900 * 1024]).unwrap();
        ayesha.append(unit).await;
    }
    let read = |after| Request::Read(amanat_wire::client::Read { conversation, after, max_entries: 1 });
    let mut numbers = Vec::new();
    for i in 0..60 {
        numbers.push(ayesha.start(read(1 + i % 3)).await);
    }
    ayesha.sender.flush().await.unwrap();
    for number in numbers {
        match ayesha.answer(number).await.unwrap() {
            Answer::Entries(entries) => assert_eq!(entries.entries.len(), 1),
            other => panic!("{other:?}"),
        }
    }
}

/// [DELIV-63]
#[tokio::test(flavor = "multi_thread")]
async fn half_open_links_do_not_keep_others_out() {
    let limits = Limits { half_open: 16, half_open_per_address: 8, ..Limits::default() };
    let site = Site::with(limits, small_quotas()).await;
    let mut idle = Vec::new();
    for _ in 0..40 {
        idle.push(tokio::net::TcpStream::connect(site.running().addresses()[0]).await.unwrap());
    }
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    assert_eq!(ayesha.ask(Request::Ping(Nothing {})).await, Answer::Done(Nothing {}));
    let stats = site.running().stats();
    assert!(stats.dropped_half_open >= 30 && stats.half_open <= 8, "{stats:?}");
}

/// [DELIV-63]
#[tokio::test(flavor = "multi_thread")]
async fn links_are_bounded() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let site = Site::with(limits, small_quotas()).await;
    let (_a, ayesha) = site.enrol("ayesha").await;
    let (b, _bilal) = site.enrol("bilal").await;
    let mut full = tokio::net::TcpStream::connect(site.running().addresses()[0]).await.unwrap();
    let mut byte = [0];
    // Turned away before the handshake.
    let read = tokio::io::AsyncReadExt::read(&mut full, &mut byte).await;
    assert!(matches!(read, Ok(0) | Err(_)));
    assert_eq!(site.running().stats().turned_away, 1);
    // When one goes, there is room.
    ayesha.sender.shutdown().await.unwrap();
    drop(ayesha.receiver);
    while site.running().stats().connections > 1 {
        tokio::task::yield_now().await;
    }
    let _bilal = site.connect(&b).await;
}
