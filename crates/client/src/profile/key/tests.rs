//! The file of a vault's key (protocol-spec/07-delivery, section 12): one passphrase opens it, whatever happens meanwhile.

use std::{io::Read as _, os::unix::fs::PermissionsExt as _};

use super::*;

const WORK: WorkPolicy = WorkPolicy::FOR_TESTS;

fn fixture() -> (tempfile::TempDir, KeyFile, Secret<32>) {
    let dir = tempfile::tempdir().unwrap();
    let key = make(dir.path(), "old", &WORK, &mut OsRng).unwrap();
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
    let after = seal(&key, "new", &WORK, &mut OsRng).unwrap();
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

// [DELIV-231]
#[test]
fn a_part_that_is_the_key_itself_loses_its_name_alone() {
    let (dir, file, key) = fixture();
    // `make` was cut short between the key's name and the part's end; twice, for cleaning is done with each opening.
    for _ in 0..2 {
        fs::hard_link(path(dir.path()), dir.path().join(PART)).unwrap();
        file.clean();
        assert_eq!(names(dir.path()), ["key"]);
        assert_eq!(opens(dir.path(), "old"), Ok(*key.expose_secret()));
    }
    // Whatever else a part's name leads to is not written to, either.
    let elsewhere = tempfile::tempdir().unwrap();
    let (linked, pointed) = (elsewhere.path().join("linked"), elsewhere.path().join("pointed"));
    fs::write(&linked, "linked").unwrap();
    fs::write(&pointed, "pointed").unwrap();
    fs::hard_link(&linked, dir.path().join("key.part.01")).unwrap();
    std::os::unix::fs::symlink(&pointed, dir.path().join("key.part.02")).unwrap();
    std::os::unix::fs::symlink(path(dir.path()), dir.path().join("key.part.03")).unwrap();
    // One of its own is: whoever holds it open sees zeros.
    fs::write(dir.path().join("key.part.04"), "the sealed key").unwrap();
    let mut alone = fs::File::open(dir.path().join("key.part.04")).unwrap();
    file.clean();
    assert_eq!(names(dir.path()), ["key"]);
    assert_eq!(fs::read(&linked).unwrap(), b"linked");
    assert_eq!(fs::read(&pointed).unwrap(), b"pointed");
    let mut left = Vec::new();
    alone.read_to_end(&mut left).unwrap();
    assert_eq!(left, [0; 14]);
    assert_eq!(opens(dir.path(), "old"), Ok(*key.expose_secret()));
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

// [DELIV-231]
#[test]
fn where_a_change_cannot_be_made_durable_it_says_that_the_new_one_counts_and_spares_the_old_file() {
    let (dir, file, key) = fixture();
    let before = fs::read(path(dir.path())).unwrap();
    let spy = dir.path().join("spy");
    fs::hard_link(path(dir.path()), &spy).unwrap();
    for (kind, code) in [(io::ErrorKind::Other, FailureCode::File), (io::ErrorKind::StorageFull, FailureCode::DiskFull)]
    {
        let failure = file.change_by("old", "new", |_| Err(io::Error::from(kind))).unwrap_err();
        assert_eq!(failure.code, code);
        assert!(failure.failed.starts_with("the new passphrase counts now, but may not survive a power cut"));
        assert_eq!(opens(dir.path(), "new"), Ok(*key.expose_secret()));
        assert_eq!(opens(dir.path(), "old"), Err(FailureCode::Passphrase));
        assert_eq!(fs::read(&spy).unwrap(), before, "what a power cut may bring back");
        // As after that cut.
        fs::rename(&spy, path(dir.path())).unwrap();
        assert_eq!(opens(dir.path(), "old"), Ok(*key.expose_secret()));
        assert_eq!(names(dir.path()), ["key"]);
        fs::hard_link(path(dir.path()), &spy).unwrap();
    }
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
