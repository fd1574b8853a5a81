//! Writes the test vectors of protocol-spec/vectors/ anew, and takes away files that no vector is made for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // what fails, fails the command

use std::{fs, path::Path};

use amanat_tests::vectors;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol-spec/vectors");
    let made = vectors::all();
    for folder in vectors::FOLDERS {
        let dir = root.join(folder);
        fs::create_dir_all(&dir).unwrap();
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let known = made.iter().any(|vector| root.join(vector.path()) == path);
            if !known {
                fs::remove_file(path).unwrap();
            }
        }
    }
    for vector in &made {
        fs::write(root.join(vector.path()), vector.file()).unwrap();
    }
    println!("{} vectors", made.len());
}
