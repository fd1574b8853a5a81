//! Downloads: whole, verified, under a safe name, or not at all.

use amanat_wire::{Decode as _, Encode as _};

use super::{
    fake_relay::{Ask, Trick},
    *,
};
use crate::FailureCode as Code;

fn part_name(desk: &Desk) -> String {
    format!(".amanat-{}.part", desk.keys().document)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_what_is_saved() {
    for size in [0, 1, MIB - 1, MIB, 15 * 65_536 + 65_264, 15 * 65_536 + 65_265, 5 * MIB, 20 * MIB + 7] {
        let desk = Desk::with(size);
        let relay = desk.sent().await;
        let out = tempfile::tempdir().unwrap();
        let (last, progress) = run_download(desk.manifest("رپورٹ.pdf"), out.path(), &relay).await;
        let TransferEvent::Fetched { path, size: told, document } = last else {
            panic!("{size}: {}", told(Some(last)))
        };
        assert_eq!((told, document), (size as u64, desk.keys().document));
        assert_eq!(path, out.path().join("رپورٹ.pdf"));
        assert!(fs::read(&path).unwrap() == fs::read(desk.path()).unwrap(), "{size}");
        assert_eq!(names(out.path()), ["رپورٹ.pdf"], "and no part file");
        assert_eq!(progress.last(), Some(&(size as u64)));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_may_come_out_of_order() {
    let desk = Desk::with(15 * MIB);
    let relay = desk.sent().await;
    relay.kept().backwards = 7;
    let out = tempfile::tempdir().unwrap();
    let (last, _) = run_download(desk.manifest("a"), &out.path().join("b"), &relay).await;
    assert!(
        matches!(&last, TransferEvent::Fetched { path, .. } if *path == out.path().join("b")),
        "{}",
        told(Some(last))
    );
    assert!(fs::read(out.path().join("b")).unwrap() == fs::read(desk.path()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_stays_in_the_folder() {
    // [DOC-14]
    let desk = Desk::with(10);
    let relay = desk.sent().await;
    let mut bytes = desk.manifest("0123456789.pdf").to_bytes();
    let at = bytes.windows(14).position(|window| window == b"0123456789.pdf").unwrap();
    bytes[at..at + 14].copy_from_slice(b"../../evil.pdf");
    let out = tempfile::tempdir().unwrap();
    let inner = out.path().join("a/b");
    fs::create_dir_all(&inner).unwrap();
    let (last, _) = run_download(Manifest::from_bytes(&bytes).unwrap(), &inner, &relay).await;
    let TransferEvent::Fetched { path, .. } = last else { panic!("{}", told(Some(last))) };
    assert_eq!(path.parent(), Some(inner.as_path()));
    assert_eq!(names(out.path()), ["a"]);
    assert_eq!(names(&inner).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_is_numbered_in_a_folder() {
    let desk = Desk::with(MIB);
    let relay = desk.sent().await;
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("r.pdf"), "mine").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", out.path().join("r (2).pdf")).unwrap();
    #[cfg(not(unix))]
    fs::write(out.path().join("r (2).pdf"), "mine").unwrap();
    for expected in ["r (3).pdf", "r (4).pdf"] {
        let (last, _) = run_download(desk.manifest("r.pdf"), out.path(), &relay).await;
        assert!(
            matches!(&last, TransferEvent::Fetched { path, .. } if path.ends_with(expected)),
            "{}",
            told(Some(last))
        );
    }
    assert_eq!(fs::read(out.path().join("r.pdf")).unwrap(), b"mine");
    assert_eq!(names(out.path()), ["r (2).pdf", "r (3).pdf", "r (4).pdf", "r.pdf"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_file_is_never_overwritten() {
    let desk = Desk::with(3 * MIB);
    let relay = desk.sent().await;
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("target");
    fs::write(&target, "mine").unwrap();
    let (last, _) = run_download(desk.manifest("a"), &target, &relay).await;
    assert_eq!(failed(Some(last)), (Code::File, Retry::Never));
    assert!(!relay.kept().asked.contains(&Ask::Get(0)), "known before anything was fetched");

    // One that appears while the document is being fetched.
    fs::remove_file(&target).unwrap();
    let appears = target.clone();
    relay.trick(Ask::Get(2), Trick::First(Box::new(move || fs::write(appears, "mine").unwrap())));
    let (last, _) = run_download(desk.manifest("a"), &target, &relay).await;
    assert_eq!(failed(Some(last)), (Code::File, Retry::Never));
    assert_eq!(fs::read(&target).unwrap(), b"mine");
    assert_eq!(names(out.path()), [part_name(&desk), "target".to_owned()], "what was fetched stays for another name");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_appears_unless_all_of_it_verifies() {
    // [DOC-15]
    let desk = Desk::with(5 * MIB + 3);
    let relay = desk.sent().await;
    let good = relay.kept().segments.clone();
    let segment = |bytes: Vec<u8>| Trick::Answer(Answer::Segment(Bytes::new(bytes).unwrap()));
    let flipped = |index: u64, byte: usize| {
        let mut bytes = good[&index].clone();
        bytes[byte] ^= 1;
        bytes
    };
    let cases = [
        (0, flipped(0, 0)),
        (0, flipped(0, 40)),
        (3, flipped(3, MIB - 1)),
        (5, flipped(5, MIB - 1)),
        (2, good[&3].clone()),
        (3, good[&2].clone()),
        (5, good[&4].clone()),
        (4, vec![0; MIB]),
        (1, good[&1][..MIB - 1].to_vec()),
        (1, Vec::new()),
    ];
    let out = tempfile::tempdir().unwrap();
    for (index, bytes) in cases {
        relay.trick(Ask::Get(index), segment(bytes));
        let (last, _) = run_download(desk.manifest("a"), out.path(), &relay).await;
        assert_eq!(failed(Some(last)), (Code::DocumentDamaged, Retry::Never), "{index}");
        assert_eq!(names(out.path()), Vec::<String>::new(), "{index}");
    }
    // All segments are the sender's, but he described another document.
    let mut manifest = desk.manifest("a");
    manifest.digest = amanat_primitives::Digest::from_bytes([0; 32]);
    let (last, _) = run_download(manifest, out.path(), &relay).await;
    assert_eq!(failed(Some(last)), (Code::DocumentDamaged, Retry::Never));
    assert_eq!(names(out.path()), Vec::<String>::new());
    let (last, _) = run_download(desk.manifest("a"), out.path(), &relay).await;
    assert!(matches!(last, TransferEvent::Fetched { .. }), "and the untouched one does");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_relay_does_not_give() {
    let desk = Desk::with(5 * MIB);
    let relay = desk.sent().await;
    let out = tempfile::tempdir().unwrap();
    let cases = [
        (Trick::Cut, Code::Offline, Retry::WhenLinked),
        (Trick::Refuse(Refusal::Unknown), Code::Gone, Retry::Never),
        (Trick::Refuse(Refusal::NotAllowed), Code::Refused, Retry::Never),
        (Trick::Refuse(Refusal::Failed), Code::Offline, Retry::Later),
        (Trick::Answer(Answer::Done(amanat_wire::client::Nothing {})), Code::Refused, Retry::Never),
    ];
    for (trick, code, retry) in cases {
        relay.trick(Ask::Get(3), trick);
        let (last, _) = run_download(desk.manifest("a"), out.path(), &relay).await;
        assert_eq!(failed(Some(last)), (code, retry));
        // What can still be completed stays.
        let left = if retry == Retry::Never { Vec::new() } else { vec![part_name(&desk)] };
        assert_eq!(names(out.path()), left);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_goes_on_where_it_was_cut() {
    // [DOC-16] At every segment, and again and again.
    let desk = Desk::with(5 * MIB + 3);
    let relay = desk.sent().await;
    let out = tempfile::tempdir().unwrap();
    let mut kept = None;
    for at in 0..6 {
        relay.kept().asked.clear();
        relay.trick(Ask::Get(at), Trick::Cut);
        let (last, progress, left) = go_on_downloading(desk.manifest("a"), out.path(), &relay, kept).await;
        assert_eq!(failed(Some(last)), (Code::Offline, Retry::WhenLinked));
        let extent = left.unwrap();
        assert_eq!(extent.segments, at);
        assert_eq!(fs::metadata(out.path().join(part_name(&desk))).unwrap().len(), extent.plain);
        let first = relay.kept().asked.first().copied();
        assert_eq!(first, Some(Ask::Get(at.saturating_sub(1))), "nothing is fetched twice");
        assert!(progress.iter().all(|done| *done <= extent.plain), "{progress:?}");
        kept = Some(extent);
    }
    // Bytes that were written and not synced before a crash do not count.
    let mut part = fs::OpenOptions::new().append(true).open(out.path().join(part_name(&desk))).unwrap();
    std::io::Write::write_all(&mut part, b"torn").unwrap();
    let (last, _, left) = go_on_downloading(desk.manifest("a"), out.path(), &relay, kept).await;
    assert!(matches!(last, TransferEvent::Fetched { .. }), "{}", told(Some(last)));
    assert!(left.is_none() && names(out.path()) == ["a"]);
    assert!(fs::read(out.path().join("a")).unwrap() == fs::read(desk.path()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_link_has_no_part_file_read_again() {
    // [DOC-19] Without a record of what is in it, only one that was held open can be gone on with.
    let desk = Desk::with(5 * MIB + 3);
    let relay = desk.sent().await;
    let out = tempfile::tempdir().unwrap();
    let part = out.path().join(part_name(&desk));
    let mut writing = None;
    for at in 0..6 {
        relay.kept().asked.clear();
        relay.trick(Ask::Get(at), Trick::Cut);
        let (last, _, left) = download_over(&relay, plan_of(desk.manifest("a"), out.path(), None, writing)).await;
        let TransferEvent::FetchFailed { retry: Retry::WhenLinked, writing: Some(left_open), .. } = last else {
            panic!("{}", told(Some(last)))
        };
        let first = relay.kept().asked.first().copied();
        assert_eq!((left.unwrap().segments, first), (at, Some(Ask::Get(at.saturating_sub(1)))));
        let (other, ..) = go_on_downloading(desk.manifest("a"), out.path(), &relay, None).await;
        assert_eq!(failed(Some(other)), (Code::InUse, Retry::Never), "nobody else writes it");
        writing = Some(*left_open);
    }
    relay.kept().asked.clear();
    let (last, _, left) = download_over(&relay, plan_of(desk.manifest("a"), out.path(), None, writing)).await;
    assert!(matches!(last, TransferEvent::Fetched { .. }), "{}", told(Some(last)));
    assert_eq!(relay.kept().asked, [Ask::Get(5)]);
    assert!(left.is_none() && !part.exists());
    assert!(fs::read(out.path().join("a")).unwrap() == fs::read(desk.path()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_file_that_is_no_longer_ours_is_not_gone_on_with() {
    // [DOC-19]
    let desk = Desk::with(5 * MIB);
    let relay = desk.sent().await;
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    let lay_open = |path: &Path| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    };
    let replace = |path: &Path| {
        fs::rename(path, path.with_file_name("other")).unwrap();
        fs::copy(path.with_file_name("other"), path).map(drop).unwrap();
    };
    let give_a_second_name = |path: &Path| fs::hard_link(path, path.with_file_name("other")).unwrap();
    let changes: [&dyn Fn(&Path); 4] = [&remove, &lay_open, &replace, &give_a_second_name];
    for (number, change) in changes.into_iter().enumerate() {
        let out = tempfile::tempdir().unwrap();
        relay.trick(Ask::Get(3), Trick::Cut);
        let (last, ..) = go_on_downloading(desk.manifest("a"), out.path(), &relay, None).await;
        let TransferEvent::FetchFailed { writing: Some(writing), .. } = last else { panic!("{}", told(Some(last))) };
        change(&out.path().join(part_name(&desk)));
        relay.kept().asked.clear();
        let plan = plan_of(desk.manifest("a"), out.path(), None, Some(*writing));
        let (last, ..) = download_over(&relay, plan).await;
        assert!(matches!(last, TransferEvent::Fetched { .. }), "{number}: {}", told(Some(last)));
        assert_eq!(relay.kept().asked.first(), Some(&Ask::Get(0)), "{number}");
        assert!(fs::read(out.path().join("a")).unwrap() == fs::read(desk.path()).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_file_that_is_not_as_it_was_left_counts_for_nothing() {
    // [DOC-17]
    let desk = Desk::with(5 * MIB);
    let relay = desk.sent().await;
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[100] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let shorten = |path: &Path| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(MIB as u64).unwrap();
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    let lay_open = |path: &Path| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    };
    let give_a_second_name = |path: &Path| fs::hard_link(path, path.with_file_name("other")).unwrap();
    let changes: [&dyn Fn(&Path); 5] = [&flip, &shorten, &remove, &lay_open, &give_a_second_name];
    for (number, change) in changes.into_iter().enumerate() {
        let out = tempfile::tempdir().unwrap();
        relay.trick(Ask::Get(3), Trick::Cut);
        let (_, _, kept) = go_on_downloading(desk.manifest("a"), out.path(), &relay, None).await;
        assert_eq!(kept.as_ref().unwrap().segments, 3);
        change(&out.path().join(part_name(&desk)));
        let other = fs::read(out.path().join("other")).ok();
        relay.kept().asked.clear();
        let (last, ..) = go_on_downloading(desk.manifest("a"), out.path(), &relay, kept).await;
        assert!(matches!(last, TransferEvent::Fetched { .. }), "{number}: {}", told(Some(last)));
        assert_eq!(relay.kept().asked.first(), Some(&Ask::Get(0)), "{number}");
        assert!(fs::read(out.path().join("a")).unwrap() == fs::read(desk.path()).unwrap());
        assert_eq!(fs::read(out.path().join("other")).ok(), other);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_of_one_direction_share_what_may_be_open() {
    let running = Arc::default();
    let mut shares = vec![Share::of(&running)];
    assert_eq!(shares[0].window(), WINDOW);
    shares.push(Share::of(&running));
    assert_eq!((shares[0].window(), shares[1].window()), (WINDOW / 2, WINDOW / 2));
    shares.extend((0..20).map(|_| Share::of(&running)));
    assert_eq!(shares[0].window(), LEAST);
    shares.truncate(1);
    assert_eq!(shares[0].window(), WINDOW);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_download_keeps_what_it_has() {
    let desk = Desk::with(5 * MIB);
    let relay = desk.sent().await;
    let out = tempfile::tempdir().unwrap();
    let (asked, ignored) = oneshot::channel();
    relay.trick(Ask::Get(2), Trick::Ignore(asked));
    let (events, mut heard) = mpsc::channel(64);
    let (stop, cancel) = watch::channel(false);
    let plan = plan_of(desk.manifest("a"), out.path(), None, None);
    let (calls, _serving) = relay.link();
    let running = tokio::spawn(download(plan, calls, events, cancel));
    ignored.await.unwrap();
    assert_eq!(names(out.path()), [part_name(&desk)], "under way");
    stop.send(true).unwrap();
    let kept = running.await.unwrap().unwrap();
    let (mut last, mut told_kept) = (None, None);
    while let Some(event) = heard.recv().await {
        match event {
            TransferEvent::Progress { .. } => {}
            TransferEvent::Kept { extent, .. } => told_kept = Some(extent),
            event => last = Some(event),
        }
    }
    assert!(matches!(last, Some(TransferEvent::Stopped { direction: Direction::Fetching, .. })), "{}", told(last));
    assert!(kept.segments <= 2 && told_kept.as_ref() == Some(&kept));
    assert_eq!(names(out.path()), [part_name(&desk)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn destinations_that_cannot_be_written() {
    let desk = Desk::with(MIB);
    let relay = desk.sent().await;
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("file"), "").unwrap();
    let missing = out.path().join("none/file");
    let slash = PathBuf::from(format!("{}/none/", out.path().display()));
    let below_file = out.path().join("file/below");
    let long = out.path().join("x".repeat(300));
    let mut cases = vec![missing, slash, below_file, long, PathBuf::new()];
    #[cfg(unix)]
    {
        let dangling = out.path().join("dangling");
        std::os::unix::fs::symlink(out.path().join("nowhere"), &dangling).unwrap();
        cases.push(dangling);
    }
    // Even the system's administrator cannot create files there.
    #[cfg(target_os = "linux")]
    cases.extend([PathBuf::from("/sys/kernel"), PathBuf::from("/sys/kernel/document")]);
    for out in cases {
        let (last, _) = run_download(desk.manifest("a"), &out, &relay).await;
        assert_eq!(failed(Some(last)), (Code::File, Retry::Never), "{}", out.display());
    }
    assert!(!relay.kept().asked.contains(&Ask::Get(0)), "nothing is fetched that cannot be kept");
    assert!(!out.path().join("nowhere").exists() && !names(out.path()).contains(&part_name(&desk)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_under_the_part_files_name() {
    let desk = Desk::with(2 * MIB);
    let relay = desk.sent().await;
    let out = tempfile::tempdir().unwrap();
    let part = out.path().join(part_name(&desk));

    // Left by a crash: replaced.
    fs::write(&part, vec![1; 3 * MIB]).unwrap();
    let (last, _) = run_download(desk.manifest("a"), out.path(), &relay).await;
    assert!(matches!(last, TransferEvent::Fetched { .. }), "{}", told(Some(last)));
    assert!(fs::read(out.path().join("a")).unwrap() == fs::read(desk.path()).unwrap());
    assert_eq!(names(out.path()), ["a"]);

    // Another download's: left alone.
    let theirs = fs::File::create(&part).unwrap();
    theirs.lock().unwrap();
    let (last, _) = run_download(desk.manifest("a"), out.path(), &relay).await;
    assert_eq!(failed(Some(last)), (Code::InUse, Retry::Never));
    assert!(part.exists());
    drop(theirs);
    fs::remove_file(&part).unwrap();

    // A link that someone laid: not followed.
    #[cfg(unix)]
    {
        let target = out.path().join("precious");
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &part).unwrap();
        let (last, _) = run_download(desk.manifest("a"), out.path(), &relay).await;
        assert_eq!(failed(Some(last)), (Code::File, Retry::Never));
        assert_eq!(fs::read(&target).unwrap(), b"precious");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_file_that_was_replaced_gets_no_name() {
    let desk = Desk::with(2 * MIB);
    let relay = desk.sent().await;
    let out = tempfile::tempdir().unwrap();
    let part = out.path().join(part_name(&desk));
    let replace = move || {
        fs::remove_file(&part).unwrap();
        fs::write(&part, "not verified").unwrap();
    };
    relay.trick(Ask::Get(1), Trick::First(Box::new(replace)));
    let (last, _) = run_download(desk.manifest("a"), out.path(), &relay).await;
    assert_eq!(failed(Some(last)).1, Retry::Never);
    assert_eq!(names(out.path()), [part_name(&desk)], "and what is not ours is not removed");
}

// [DOC-21]
#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_was_stopped_behind_the_final_name_is_over() {
    let desk = Desk::with(2 * MIB);
    let relay = desk.sent().await;
    let out = tempfile::tempdir().unwrap();
    let (named, part) = (out.path().join("a"), out.path().join(part_name(&desk)));
    let manifest = desk.manifest("a");
    let (segments, plain, digest) = (manifest.layout.segments(), manifest.layout.size(), manifest.digest);
    let whole = || Some(Extent { segments, plain, digest, carry: Vec::new() });
    let saved = |last: TransferEvent| match last {
        TransferEvent::Fetched { path, .. } => path,
        other => panic!("{}", told(Some(other))),
    };

    // Before the name was given: it is given, and nothing is fetched again.
    fs::copy(desk.path(), &part).unwrap();
    fs::set_permissions(&part, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let (last, _, _) = go_on_downloading(desk.manifest("a"), out.path(), &relay, whole()).await;
    assert_eq!(saved(last), named);
    // Behind it, with the part file's name still there, and without; into a folder, and under a name of one's own.
    for (two_names, to) in [(true, out.path()), (false, out.path()), (true, &named), (false, &named)] {
        if two_names {
            fs::hard_link(&named, &part).unwrap();
        }
        let (last, _, _) = go_on_downloading(desk.manifest("a"), to, &relay, whole()).await;
        assert_eq!(saved(last), named);
        assert_eq!(names(out.path()), ["a"]);
    }
    assert!(!relay.kept().asked.contains(&Ask::Get(0)), "something was fetched again");

    // What stands there is something else, or it is not on record that all of it was there: another file, as ever.
    fs::write(&named, vec![1; 2 * MIB]).unwrap();
    let (last, _, _) = go_on_downloading(desk.manifest("a"), out.path(), &relay, whole()).await;
    assert_eq!(saved(last), out.path().join("a (2)"));
    let (last, _) = run_download(desk.manifest("a"), out.path(), &relay).await;
    assert_eq!(saved(last), out.path().join("a (3)"));
}
