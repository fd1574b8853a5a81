//! Truncated stores (protocol-spec/07-delivery, section 9): said to be so, every time, and with a copy in their place all
//! is there.

use std::{fs, path::Path};

use amanat_tests::{copy_folder, programs::Office, put_back};

#[test]
fn truncated_stores_are_named_and_work_again_from_a_copy() {
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
    copy_folder(&profile, &copied);
    for (file, part) in [("vault/db", 0), ("vault/db", 2), ("vault/db", 4), ("key", 2), ("key", 0), ("vault/format", 0)]
    {
        let path = profile.join(file);
        cut(&path, part);
        // Twice: the first try must not make it look whole.
        for words in [&["read", conversation.as_str(), "--peek"][..], &["sync"]] {
            let refused = office.by("director", words).run();
            assert_eq!(refused.code, Some(1), "{file} cut to {part}/4: {refused}");
            let code = refused.one()["error"].as_str().unwrap().to_owned();
            assert_eq!(code, "damaged", "{file} cut to {part}/4: {refused}");
        }
        put_back(&copied, &profile);
    }
    assert_eq!(office.texts("director", &conversation), ["0", "1"]);

    relay_store(&mut office);
    // The vault's copy and the relay's go on together.
    office.say("secretary", &["send", &conversation, "2"]);
    office.say("director", &["sync"]);
    assert_eq!(office.texts("director", &conversation), ["0", "1", "2"]);
}

/// Cuts a file to `part` quarters of what is written in it, and by one byte more; the empty space behind it does not count.
fn cut(path: &Path, part: usize) {
    let whole = fs::read(path).unwrap();
    let written = whole.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    fs::write(path, &whole[..(written * part / 4).saturating_sub(1)]).unwrap();
}

fn relay_store(office: &mut Office) {
    office.stop_relay();
    let dir = office.folder.path("relay");
    let copied = office.folder.path("relay.copy");
    copy_folder(&dir, &copied);
    let database = dir.join("data/store/db");
    for part in [0, 2, 4] {
        cut(&database, part);
        office.folder.amanat_relay(&["run", "--dir", "relay"]).failed(1).says("damaged");
        office.folder.amanat_relay(&["run", "--dir", "relay"]).failed(1).says("damaged").says("from a copy");
        put_back(&copied, &dir);
    }
    office.start_relay();
}
