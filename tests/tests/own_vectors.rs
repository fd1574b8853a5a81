//! The project's own vectors (protocol-spec/vectors/README.md): the files are what `make-vectors` makes, none more and
//! none less, and each comes to what it says when it is read from its file alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // what fails, fails the test

use std::{collections::BTreeMap, fs, path::Path};

use amanat_tests::vectors;

/// The files, by path.
fn files() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol-spec/vectors");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(&root).unwrap() {
        let folder = entry.unwrap();
        if !folder.path().is_dir() {
            continue;
        }
        for file in fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            let name = format!("{}/{}", folder.file_name().display(), file.file_name().display());
            found.insert(name, fs::read_to_string(file.path()).unwrap());
        }
    }
    found
}

#[test]
fn the_files_are_what_is_made() {
    let mut files = files();
    let mut wrong = Vec::new();
    for vector in vectors::all() {
        match files.remove(&vector.path()) {
            None => wrong.push(format!("{} is missing", vector.path())),
            Some(file) if file != vector.file() => wrong.push(format!("{} is another", vector.path())),
            Some(_) => {}
        }
    }
    wrong.extend(files.keys().map(|path| format!("{path} is made by nobody")));
    assert!(wrong.is_empty(), "run `cargo run -p amanat-tests --bin make-vectors`:\n{}", wrong.join("\n"));
}

#[test]
fn each_file_comes_to_what_it_says() {
    let files = files();
    let mut wrong = Vec::new();
    for (path, file) in &files {
        let (folder, _) = path.split_once('/').unwrap();
        if let Err(difference) = vectors::check(folder, file) {
            wrong.push(format!("{path}: {difference}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files.len() >= 200, "vectors were not found: {}", files.len());
}
