//! Truncated and altered stores: said to be so, left as they are, and with a copy in their place all is there.

use std::fs;

use amanat_tests::programs::{Office, contents};

use crate::{copy, put_back};

#[test]
fn truncated_stores_are_named_left_alone_and_work_again_from_a_copy() {
    let mut office = Office::new();
    for handle in ["secretary", "director"] {
        office.enrol(handle, "secret");
    }
    let first = office.say("secretary", &["send", "director", "0"]).remove(0);
    let conversation = first["conversation"].as_str().unwrap().to_owned();
    office.say("secretary", &["send", &conversation, "1"]);
    office.say("director", &["sync"]);

    let profile = office.folder.path("director");
    let copied = office.folder.path("director.copy");
    copy(&profile, &copied);
    for (file, keep) in [("vault/db", 0), ("vault/db", 3), ("key", 2), ("key", 0), ("vault/format", 0)] {
        let path = profile.join(file);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() * keep / 4]).unwrap();
        let before = contents(&profile);
        let words = [&["read", conversation.as_str(), "--peek"][..], &["sync"]];
        for words in words {
            let refused = office.by("director", words).run();
            assert_eq!(refused.code, Some(1), "{file} cut to {keep}/4: {refused}");
            let code = refused.one()["error"].as_str().unwrap().to_owned();
            assert_eq!(code, "damaged", "{file} cut to {keep}/4: {refused}");
        }
        let changed = contents(&profile).iter().filter(|found| !before.contains(found)).count();
        println!("{file} cut to {keep}/4: {changed} files changed by the refused commands");
        put_back(&copied, &profile);
    }
    assert_eq!(office.texts("director", &conversation), ["0", "1"]);

    relay_store(&mut office);
    // The vault's copy and the relay's go on together.
    office.say("secretary", &["send", &conversation, "2"]);
    office.say("director", &["sync"]);
    assert_eq!(office.texts("director", &conversation), ["0", "1", "2"]);
}

fn relay_store(office: &mut Office) {
    office.stop_relay();
    let dir = office.folder.path("relay");
    let copied = office.folder.path("relay.copy");
    copy(&dir, &copied);
    let database = contents(&dir.join("data")).into_iter().find(|(path, _)| path.ends_with("db")).unwrap();
    for keep in [0, 3] {
        fs::write(&database.0, &database.1[..database.1.len() * keep / 4]).unwrap();
        office.folder.amanat_relay(&["run", "--dir", "relay"]).failed(1).says("damaged").says("from a copy");
        put_back(&copied, &dir);
    }
    office.start_relay();
}
