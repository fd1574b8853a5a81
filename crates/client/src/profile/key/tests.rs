//! The file of a vault's key (protocol-spec/07-delivery, section 12): one passphrase opens it, whatever happens meanwhile.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::*;

const WORK: WorkPolicy = WorkPolicy::FOR_TESTS;

fn fixture() -> (tempfile::TempDir, KeyFile, Secret<32>) {
    let dir = tempfile::tempdir().unwrap();
    let key = make(dir.path(), "old", &WORK).unwrap();
    let file = KeyFile::new(dir.path(), &WORK);
    (dir, file, key)
}

fn opens(dir: &Path, passphrase: &str) -> Result<[u8; 32], FailureCode> {
    read(dir, passphrase, &WORK).map(|key| *key.expose_secret()).map_err(|failure| failure.code)
}

fn names(dir: &Path) -> Vec<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

// [DELIV-231]
#[test]
fn the_new_passphrase_opens_the_same_key_and_the_old_one_nothing() {
    let (dir, file, key) = fixture();
    // What else knows the old file sees what is left of it.
    let spy = dir.path().join("spy");
    fs::hard_link(path(dir.path()), &spy).unwrap();
    let refused = |old, new| file.change(old, new).unwrap_err().code;
    assert_eq!(refused("wrong", "new"), FailureCode::Passphrase);
    assert_eq!(refused("old", ""), FailureCode::Passphrase);
    assert_eq!(opens(dir.path(), "old"), Ok(*key.expose_secret()));
    file.change("old", "new").unwrap();
    assert_eq!(opens(dir.path(), "new"), Ok(*key.expose_secret()));
    assert_eq!(opens(dir.path(), "old"), Err(FailureCode::Passphrase));
    assert_eq!(fs::metadata(path(dir.path())).unwrap().permissions().mode() & 0o777, 0o600);
    let left = fs::read(&spy).unwrap();
    assert!(left.len() > 100 && left.iter().all(|byte| *byte == 0), "the old bytes are overwritten");
    fs::remove_file(spy).unwrap();
    assert_eq!(names(dir.path()), ["key"]);
    file.change("new", "old").unwrap();
    assert_eq!(opens(dir.path(), "old"), Ok(*key.expose_secret()));
}

// [DELIV-231]: the steps are the part file, its name, and the old file's bytes.
#[test]
fn wherever_a_change_is_cut_short_one_passphrase_opens() {
    let (dir, file, key) = fixture();
    let before = fs::read(path(dir.path())).unwrap();
    let after = seal(&key, "new", &WORK).unwrap();
    // Part of the new file, or all of it, under its first name.
    for written in [0, 40, after.len()] {
        fs::write(dir.path().join("key.part.00aa"), &after[..written]).unwrap();
        assert_eq!(opens(dir.path(), "old"), Ok(*key.expose_secret()), "{written}");
        assert_eq!(opens(dir.path(), "new"), Err(FailureCode::Passphrase), "{written}");
        KeyFile::new(dir.path(), &WORK).clean();
        assert_eq!(names(dir.path()), ["key"]);
        assert_eq!(fs::read(path(dir.path())).unwrap(), before);
        file.change("old", "new").unwrap();
        file.change("new", "old").unwrap();
        fs::write(path(dir.path()), &before).unwrap();
    }
    // It has its name: the old file has none any more.
    fs::write(dir.path().join("key.part.00aa"), &after).unwrap();
    fs::rename(dir.path().join("key.part.00aa"), path(dir.path())).unwrap();
    assert_eq!(opens(dir.path(), "new"), Ok(*key.expose_secret()));
    assert_eq!(opens(dir.path(), "old"), Err(FailureCode::Passphrase));
}

#[test]
fn where_the_folder_cannot_be_written_the_old_passphrase_counts() {
    let (dir, file, key) = fixture();
    if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        // Nothing is forbidden to root: its part file cannot be made where there is no folder.
        let gone = KeyFile::new(&dir.path().join("gone"), &WORK);
        assert_eq!(gone.change("old", "new").unwrap_err().code, FailureCode::File);
        return;
    }
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o500)).unwrap();
    assert_eq!(file.change("old", "new").unwrap_err().code, FailureCode::File);
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(opens(dir.path(), "old"), Ok(*key.expose_secret()));
    assert_eq!(names(dir.path()), ["key"]);
}

#[test]
fn changes_at_one_time_go_one_by_one() {
    let (dir, file, key) = fixture();
    let changes: Vec<_> = (0..8)
        .map(|number| {
            let file = file.clone();
            std::thread::spawn(move || file.change("old", &format!("new {number}")).is_ok())
        })
        .collect();
    let done: Vec<bool> = changes.into_iter().map(|change| change.join().unwrap()).collect();
    assert_eq!(done.iter().filter(|done| **done).count(), 1, "after the first the old passphrase is wrong");
    let number = done.iter().position(|done| *done).unwrap();
    assert_eq!(opens(dir.path(), &format!("new {number}")), Ok(*key.expose_secret()));
    assert_eq!(names(dir.path()), ["key"]);
}
