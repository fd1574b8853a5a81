//! Uploads: nothing leaves before its hash is durable, and an edited file begins anew.

use std::{fs::OpenOptions, io::Write as _, time::SystemTime};

use super::{
    super::upload::HELD,
    fake_relay::{Ask, Trick},
    *,
};
use crate::FailureCode as Code;

/// More segments than an upload holds, so that it cannot have read the whole file when the first batch is asked for.
const LONG: usize = (HELD + 6) * MIB;

fn never() -> impl FnMut(u64) -> bool {
    |_| panic!("nothing new was to be made durable")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_segment_goes_once_in_order_and_is_sealed() {
    for size in [0, 1, MIB - 1, MIB, 15 * 65_536 + 65_264, 15 * 65_536 + 65_265, LONG + 1] {
        let desk = Desk::with(size);
        let relay = FakeRelay::default();
        let (last, progress) = run_upload(desk.plan(&relay), &relay, |_| true).await;
        let Some(TransferEvent::Uploaded { digest, document }) = last else { panic!("{size}: {}", told(last)) };
        assert_eq!((digest, document), (desk.manifest("x").digest, desk.keys().document));
        let segments = Layout::new(size as u64).unwrap().segments();
        assert_eq!(relay.puts(), (0..segments).collect::<Vec<_>>(), "{size}");
        let kept = relay.kept();
        assert!(kept.sealed && kept.announced == segments && kept.durable.len() as u64 == segments);
        assert_eq!(progress.last(), Some(&(size as u64)));
        assert!(progress.is_sorted());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_before_its_hash_is_durable() {
    // [DOC-10] The engine goes away instead of keeping the first batch, or the third.
    let desk = Desk::with(LONG);
    for kept in [0, 2] {
        let relay = FakeRelay::default();
        let (last, _) = run_upload(desk.plan(&relay), &relay, |batch| batch < kept).await;
        assert_eq!(failed(last), (Code::Internal, Retry::WhenLinked));
        let (sent, durable) = (relay.puts().len(), relay.kept().durable.len());
        assert!(sent <= durable && durable < LONG / MIB, "{sent} sent, {durable} durable");
        assert_eq!(durable == 0, kept == 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_link_costs_only_what_was_on_its_way() {
    // [DOC-08] [DOC-11]
    let desk = Desk::with(LONG);
    let segments = Layout::new(LONG as u64).unwrap().segments();
    for at in [Ask::Open, Ask::Put(0), Ask::Put(7), Ask::Put(segments - 1), Ask::Seal] {
        let relay = FakeRelay::default();
        relay.trick(at, Trick::Cut);
        let (last, _) = run_upload(desk.plan(&relay), &relay, |_| true).await;
        assert_eq!(failed(last), (Code::Offline, Retry::WhenLinked), "{at:?}");
        let held = relay.kept().segments.len();
        let before = relay.puts().len();
        let (last, progress) = run_upload(desk.plan(&relay), &relay, |_| true).await;
        assert!(matches!(last, Some(TransferEvent::Uploaded { digest, .. }) if digest == desk.manifest("x").digest));
        assert_eq!(relay.puts()[before..], (held as u64..segments).collect::<Vec<_>>(), "{at:?}");
        assert!(relay.kept().sealed && progress.is_sorted());
    }
}

fn left_by(last: Option<TransferEvent>) -> Making {
    match last {
        Some(TransferEvent::UploadFailed { retry: Retry::WhenLinked | Retry::Later, making: Some(making), .. }) => {
            *making
        }
        other => panic!("nothing is left: {}", told(other)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_link_has_nothing_made_again() {
    // [DOC-18] Cut at every place of one upload. The file has lost its name: it cannot be read a second time.
    let desk = Desk::with(LONG);
    let relay = FakeRelay::default();
    let digest = desk.manifest("x").digest;
    let segments = Layout::new(LONG as u64).unwrap().segments();
    let mut making = None;
    let cuts = (0..segments).map(Ask::Put).chain([Ask::Open, Ask::Seal, Ask::Seal]);
    for (number, at) in cuts.enumerate() {
        relay.trick(at, Trick::Cut);
        let held = relay.kept().segments.len() as u64;
        let before = relay.puts().len();
        let plan = UploadPlan { making, ..desk.plan(&relay) };
        let (last, progress) = run_upload(plan, &relay, |_| true).await;
        making = Some(left_by(last));
        assert!(relay.puts().get(before).is_none_or(|first| *first == held), "{at:?}");
        assert!(progress.is_sorted());
        if number == 0 {
            fs::remove_file(desk.path()).unwrap();
        }
    }
    let before = relay.puts().len();
    let (last, _) = run_upload(UploadPlan { making, ..desk.plan(&relay) }, &relay, never()).await;
    let Some(TransferEvent::Uploaded { digest: sent, .. }) = last else { panic!("{}", told(last)) };
    assert_eq!((sent, relay.puts().len()), (digest, before));
    assert!(relay.kept().sealed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_lost_what_it_confirmed_has_it_made_again() {
    // [DOC-18] [DOC-08] Also where it has forgotten the upload altogether.
    let desk = Desk::with(LONG);
    for (at, trick) in [(Ask::Put(9), Trick::Cut), (Ask::Put(9), Trick::Refuse(Refusal::Unknown))] {
        let relay = FakeRelay::default();
        relay.trick(at, trick);
        let (last, _) = run_upload(desk.plan(&relay), &relay, |_| true).await;
        let making = Some(left_by(last));
        let first = std::mem::take(&mut relay.kept().segments);
        let (last, _) = run_upload(UploadPlan { making, ..desk.plan(&relay) }, &relay, |_| true).await;
        assert!(matches!(last, Some(TransferEvent::Uploaded { digest, .. }) if digest == desk.manifest("x").digest));
        let kept = relay.kept();
        assert!(first.iter().all(|(index, bytes)| kept.segments.get(index) == Some(bytes)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_edited_while_the_link_is_away_is_not_sealed() {
    // [DOC-12] [DOC-18]
    let desk = Desk::with(LONG + HELD * MIB);
    let relay = FakeRelay::default();
    relay.trick(Ask::Put(1), Trick::Cut);
    let (last, _) = run_upload(desk.plan(&relay), &relay, |_| true).await;
    let making = Some(left_by(last));
    let mut content = fs::read(desk.path()).unwrap();
    content[LONG + HELD * MIB - 1] ^= 1;
    fs::write(desk.path(), content).unwrap();
    let later = SystemTime::now() + std::time::Duration::from_secs(5);
    OpenOptions::new().write(true).open(desk.path()).unwrap().set_modified(later).unwrap();
    let (last, _) = run_upload(UploadPlan { making, ..desk.plan(&relay) }, &relay, |_| true).await;
    assert_eq!(failed(last), (Code::File, Retry::UnderNewKeys));
    assert!(!relay.kept().sealed && !relay.kept().asked.contains(&Ask::Seal));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_seals_answer_was_lost_is_only_checked() {
    let desk = Desk::with(3 * MIB);
    let relay = desk.sent().await;
    let before = relay.puts().len();
    let (last, _) = run_upload(desk.plan(&relay), &relay, never()).await;
    assert!(matches!(last, Some(TransferEvent::Uploaded { digest, .. }) if digest == desk.manifest("x").digest));
    assert_eq!(relay.puts().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_lost_its_copy_gets_the_same_bytes() {
    // [DOC-08]
    let desk = Desk::with(3 * MIB);
    let relay = desk.sent().await;
    let first = std::mem::take(&mut relay.kept().segments);
    relay.kept().sealed = false;
    let (last, _) = run_upload(desk.plan(&relay), &relay, never()).await;
    assert!(matches!(last, Some(TransferEvent::Uploaded { .. })));
    assert!(relay.kept().segments == first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_edited_between_attempts_needs_new_keys() {
    // [DOC-12]
    for (edit, keep_stamp) in [(0, true), (2 * MIB, true), (LONG - 1, true), (0, false)] {
        let desk = Desk::with(LONG);
        let relay = FakeRelay::default();
        relay.trick(Ask::Seal, Trick::Cut);
        let (last, _) = run_upload(desk.plan(&relay), &relay, |_| true).await;
        assert_eq!(failed(last).1, Retry::WhenLinked);
        let asked = relay.kept().asked.len();

        let modified = fs::metadata(desk.path()).unwrap().modified().unwrap();
        let mut content = fs::read(desk.path()).unwrap();
        content[edit] ^= 1;
        fs::write(desk.path(), content).unwrap();
        let later = modified + std::time::Duration::from_secs(5);
        let file = OpenOptions::new().write(true).open(desk.path()).unwrap();
        file.set_modified(if keep_stamp { modified } else { later }).unwrap();

        let (last, _) = run_upload(desk.plan(&relay), &relay, never()).await;
        assert_eq!(failed(last), (Code::File, Retry::UnderNewKeys), "{edit}");
        let after = relay.kept().asked.len();
        assert_eq!(after - asked, usize::from(keep_stamp), "only the open, and not even that with another stamp");
        assert!(!relay.kept().sealed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_edited_while_it_is_read_is_not_sealed() {
    // [DOC-12]
    for longer in [true, false] {
        let desk = Desk::with(LONG);
        let relay = FakeRelay::default();
        let path = desk.path();
        let edit = move |batch| {
            if batch == 0 {
                let mut file = OpenOptions::new().append(longer).write(true).open(&path).unwrap();
                if longer { file.write_all(b"more").unwrap() } else { file.set_len(MIB as u64).unwrap() }
            }
            true
        };
        let (last, _) = run_upload(desk.plan(&relay), &relay, edit).await;
        assert_eq!(failed(last), (Code::File, Retry::UnderNewKeys));
        assert!(!relay.kept().sealed && !relay.kept().asked.contains(&Ask::Seal));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_to_do() {
    let desk = Desk::with(3 * MIB);
    let cases = [
        (Ask::Open, Refusal::Unknown, Code::NotFound, Retry::Never),
        (Ask::Open, Refusal::NotAllowed, Code::Refused, Retry::Never),
        (Ask::Open, Refusal::Exists, Code::Refused, Retry::UnderNewKeys),
        (Ask::Open, Refusal::Full, Code::Quota, Retry::Never),
        (Ask::Open, Refusal::TooFast, Code::Refused, Retry::Later),
        (Ask::Put(1), Refusal::Full, Code::Quota, Retry::Never),
        (Ask::Put(1), Refusal::Unknown, Code::Gone, Retry::Later),
        (Ask::Put(1), Refusal::Exists, Code::Refused, Retry::UnderNewKeys),
        (Ask::Put(1), Refusal::Failed, Code::Offline, Retry::Later),
        (Ask::Put(1), Refusal::Revoked, Code::Revoked, Retry::Never),
        (Ask::Seal, Refusal::ShuttingDown, Code::Offline, Retry::Later),
        (Ask::Seal, Refusal::Full, Code::Quota, Retry::Never),
    ];
    for (at, refusal, code, retry) in cases {
        let relay = FakeRelay::default();
        relay.trick(at, Trick::Refuse(refusal));
        let (last, _) = run_upload(desk.plan(&relay), &relay, |_| true).await;
        assert_eq!(failed(last), (code, retry), "{at:?} {refusal:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_holds_what_was_never_sent() {
    // [DOC-12] A vault restored from a copy has forgotten hashes; and what no layout allows is against the protocol.
    let desk = Desk::with(3 * MIB);
    let cases = [
        (1, false, Code::Damaged, Retry::UnderNewKeys),
        (0, true, Code::Damaged, Retry::UnderNewKeys),
        (99, false, Code::Refused, Retry::Never),
    ];
    for (held, sealed, code, retry) in cases {
        let relay = FakeRelay::default();
        relay.trick(Ask::Open, Trick::Answer(Answer::Document(amanat_wire::relay::DocumentState { held, sealed })));
        let (last, _) = run_upload(desk.plan(&relay), &relay, never()).await;
        assert_eq!(failed(last), (code, retry), "{held}");
        assert!(relay.puts().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_upload_says_so_last() {
    let desk = Desk::with(LONG);
    let relay = FakeRelay::default();
    let (asked, ignored) = oneshot::channel();
    relay.trick(Ask::Put(2), Trick::Ignore(asked));
    let (events, mut told) = mpsc::channel(64);
    let (stop, cancel) = watch::channel(false);
    let (calls, _serving) = relay.link();
    let running = tokio::spawn(upload(desk.plan(&relay), calls, events, cancel));
    let engine = tokio::spawn(async move {
        let mut last = None;
        while let Some(event) = told.recv().await {
            match event {
                TransferEvent::Hashes { durable, .. } => drop(durable.send(())),
                TransferEvent::Progress { .. } => {}
                event => last = Some(event),
            }
        }
        last
    });
    ignored.await.unwrap();
    stop.send(true).unwrap();
    running.await.unwrap();
    let last = engine.await.unwrap();
    assert!(
        matches!(last, Some(TransferEvent::Stopped { direction: Direction::Sending, .. })),
        "{}",
        super::told(last)
    );
    assert!(!relay.kept().sealed);
}

#[test]
fn only_plain_files_have_a_stamp() {
    let desk = Desk::with(7);
    let modified = fs::metadata(desk.path()).unwrap().modified().unwrap();
    assert_eq!(desk.stamp, SourceStamp { size: 7, modified: Some(Timestamp::from(modified)) });
    assert!(modified <= SystemTime::now());
    for odd in
        [desk.folder.path().to_owned(), desk.path().join("below"), desk.folder.path().join("none"), "/dev/null".into()]
    {
        let failure = stamp_of(&odd).unwrap_err();
        assert_eq!(failure.code, Code::File, "{}", odd.display());
        assert!(failure.failed.contains(odd.to_str().unwrap()));
    }
    let huge = desk.folder.path().join("huge");
    fs::File::create(&huge).unwrap().set_len(amanat_document::MAX_SIZE + 1).unwrap();
    assert_eq!(stamp_of(&huge).unwrap_err().code, Code::TooLarge);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_is_not_announced() {
    let desk = Desk::with(7);
    let relay = FakeRelay::default();
    fs::remove_file(desk.path()).unwrap();
    let (last, _) = run_upload(desk.plan(&relay), &relay, never()).await;
    assert_eq!(failed(last), (Code::File, Retry::Never));
    assert!(relay.kept().asked.is_empty());
}
