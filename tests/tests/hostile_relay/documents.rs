//! What a relay does to documents: segments in another order, cut, or one in place of another.

use std::collections::BTreeMap;

use amanat_client::{Command, Reply, api::SendOptions};
use amanat_wire::{Bytes, client::Request, limits, relay::Answer};

use super::{Seen, loss::GOES_ON, seed::Seed, staff::Staff};

type Segments = BTreeMap<u64, Bytes<{ limits::BODY }>>;

/// Sends a document of three segments, has the relay change what it gives of them, and fetches it: nothing has its name
/// before the relay is honest again, and then it is what was sent.
async fn changed(staff: &Staff, seed: u64, change: impl Fn(&Segments, &mut Seed) -> Segments) -> Seen {
    let mut run = staff.run(seed).await;
    let sender = run.somebody();
    let reader = run.somebody_but(&[sender]);
    let content = run.seed.bytes(2 * 1024 * 1024 + 300_000);
    let folder = staff.rig.dir.path().join(format!("document{seed}"));
    std::fs::create_dir_all(folder.join("out")).unwrap();
    let path = folder.join("report.pdf");
    std::fs::write(&path, &content).unwrap();
    let send = Command::SendDocument { to: run.target(), path, options: SendOptions::default() };
    let Reply::Sent { message: Some(message), document: Some(document), .. } = run.person(sender).ask(send).await
    else {
        panic!()
    };
    run.said_document(sender, message);
    run.settle().await;
    let segments = staff.foe.state().documents[&document].segments.clone();
    assert_eq!(segments.len(), 3);
    let given = change(&segments, &mut run.seed);
    assert!(given != segments);
    staff.foe.state().hooks.answer = Some(Box::new(move |_, request, answer| match (request, answer) {
        (Request::GetSegment(get), Answer::Segment(_)) => Answer::Segment(given[&get.index].clone()),
        (_, answer) => answer,
    }));
    let save = || Command::Save { document, out: folder.join("out") };
    let fetched = tokio::time::timeout(super::staff::PATIENCE, run.person(reader).engine.ask(save())).await;
    let failure = fetched.expect("an answer").expect_err("refused");
    let names = names(&folder);
    assert!(names.iter().all(|name| name.ends_with(".part")), "{failure:?}: {names:?}");
    staff.foe.be_honest();
    let Reply::Saved { path, .. } = run.person(reader).ask(save()).await else { panic!() };
    assert!(std::fs::read(path).unwrap() == content);
    std::fs::remove_dir_all(folder).unwrap();
    staff.foe.state().documents.clear();
    run.goes_on().await;
    run.check_complete().await;
    Seen::plain("refused", "at once", GOES_ON)
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("out")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

fn in_order(indices: [u64; 3], segments: &Segments) -> Segments {
    (0..).zip(indices).map(|(place, index)| (place, segments[&index].clone())).collect()
}

pub(crate) async fn swapped(staff: &Staff, seed: u64) -> Seen {
    changed(staff, seed, |segments, seed| {
        in_order(*seed.one_of(&[[1, 0, 2], [0, 2, 1], [2, 1, 0], [1, 2, 0], [2, 0, 1]]), segments)
    })
    .await
}

pub(crate) async fn repeated(staff: &Staff, seed: u64) -> Seen {
    changed(staff, seed, |segments, seed| {
        in_order(*seed.one_of(&[[0, 0, 2], [0, 1, 1], [1, 1, 2], [0, 2, 2], [0, 1, 0], [0, 0, 0]]), segments)
    })
    .await
}

pub(crate) async fn cut(staff: &Staff, seed: u64) -> Seen {
    changed(staff, seed, |segments, seed| {
        let mut given = segments.clone();
        let index = seed.below(3);
        let whole = given[&index].to_vec();
        let kept = match seed.below(4) {
            0 => 0,
            1 => whole.len() - 1,
            2 => whole.len() - 16,
            _ => seed.below(whole.len() as u64) as usize,
        };
        given.insert(index, Bytes::new(&whole[..kept]).unwrap());
        given
    })
    .await
}
