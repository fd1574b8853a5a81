//! Bits of a part file between two fetches: the document arrives as it was sent, or not at all.

use std::fs;

use amanat_client::{
    Command, Event, Reply,
    api::{SendOptions, Target},
};
use amanat_identity::Tier;
use amanat_tests::{Rig, copy_folder, put_back};

use crate::bits::{Flips, Outcome, files, flip};

/// More than what is synced at once, so that something of it is on record.
const SIZE: usize = 24 << 20;

// [DOC-15] [DOC-17]
#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_of_a_part_file_is_found() {
    let mut flips = Flips::new();
    let rig = Rig::new().await;
    let director = rig.person("director", Tier::Secret).await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let (conversation, _) = director.say(&rig.to("secretary", Tier::Confidential), "word").await;
    let bytes: Vec<u8> =
        (0..SIZE as u64 / 8).flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).collect();
    let path = rig.dir.path().join("plan.bin");
    fs::write(&path, &bytes).unwrap();
    let to = Target::Conversation(conversation);
    let send = Command::SendDocument { to, path, options: SendOptions::default() };
    let Reply::Sent { document: Some(document), .. } = director.ask(send).await else { panic!() };
    for _ in 0..2 {
        director.sync().await;
        secretary.sync().await;
    }
    director.engine.stop().await;

    // A fetch that is stopped behind its first sync.
    let (dir, saved) = (rig.dir.path().join("secretary"), rig.dir.path().join("saved"));
    fs::create_dir(&saved).unwrap();
    let save = || Command::Save { document, out: saved.clone() };
    let engine = secretary.engine.clone();
    let command = save();
    let fetching = tokio::spawn(async move { engine.ask(command).await });
    secretary
        .until("progress beyond a sync", |event| match event {
            Event::Progress(progress) if progress.done > 19 << 20 => Some(()),
            _ => None,
        })
        .await;
    secretary.engine.stop().await;
    assert!(fetching.await.unwrap().is_err(), "the fetch was over too soon");
    let copies = rig.dir.path().join("copies");
    copy_folder(&dir, &copies.join("secretary"));
    copy_folder(&saved, &copies.join("saved"));
    let part = files(&copies.join("saved"), |name| name.ends_with(".part"));
    for place in flips.places(&part, 1.0) {
        put_back(&copies.join("secretary"), &dir);
        put_back(&copies.join("saved"), &saved);
        let (path, at, bit) = &place;
        let path = saved.join(path.file_name().unwrap());
        // As its user's alone, as it was.
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        flip(&(path, *at, *bit));
        let secretary = rig.start("secretary").await;
        let outcome = match secretary.engine.ask(save()).await {
            Ok(Reply::Saved { path, .. }) if fs::read(&path).unwrap() != bytes => {
                Outcome::Wrong("another document was saved".into())
            }
            Ok(_) => Outcome::Harmless,
            Err(_) => Outcome::Found,
        };
        secretary.engine.stop().await;
        flips.note("part", &place, outcome);
    }
    flips.end();
}
