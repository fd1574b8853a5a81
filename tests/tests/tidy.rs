//! Tidiness (protocol-spec/00-overview): ties the chapters, the code and the tests together, so that neither can move
//! without the others.
//!
//! Checked: a rule's id stands in its chapter, in code and in a test or vector; a vector names rules that there are, and
//! its folder is read; each module opens with a paragraph whose first line names its chapter (in `crates/`); files and
//! [functions](functions) are short and files are named for what they do; crates depend upward only, and the libraries that
//! one crate walls off are named by that crate alone; no `mod.rs`; no `unsafe`; what [documents](documents) rest on and name
//! is there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/functions.rs"]
mod functions;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Lowest first, as in README's code map.
const CRATES: &[&str] = &[
    "primitives",
    "wire",
    "identity",
    "noise",
    "conversation",
    "document",
    "policy",
    "extract",
    "store",
    "net",
    "relay",
    "client",
    "ui",
];
/// The last pure crate's place in [`CRATES`].
const PURE: usize = 8;
/// Libraries that only these crates may name.
const WALLS: &[(&str, &[&str])] = &[
    ("ed25519-dalek", &["primitives"]),
    ("x25519-dalek", &["primitives"]),
    ("x-wing", &["primitives"]),
    ("chacha20poly1305", &["primitives"]),
    ("blake3", &["primitives"]),
    ("argon2", &["primitives"]),
    ("hkdf", &["primitives"]),
    ("sha2", &["primitives"]),
    ("snow", &["noise"]),
    ("openmls", &["conversation"]),
    ("openmls_rust_crypto", &["conversation"]),
    ("openmls_traits", &["conversation"]),
    ("rustls", &["net"]),
    ("tokio-rustls", &["net"]),
    ("aws-lc-rs", &["net"]),
    ("quick-xml", &["extract"]),
    ("flate2", &["extract"]),
    ("encoding_rs", &["extract"]),
    ("regex", &["policy"]),
    ("unicode-normalization", &["policy"]),
    ("sled", &["store"]),
    ("iced", &["ui"]),
];
/// What the tests may name of them, and why.
const TESTED: &[(&str, &str)] = &[
    ("sha2", "the digest of a payload in age's vectors"),
    ("openmls", "the MLS working group's vectors, by its own interface and our provider"),
    ("openmls_traits", "the same"),
];
const PREFIXES: &[&str] = &["PRIM", "WIRE", "ID", "LINK", "CONV", "DOC", "DELIV", "POL"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn files(dir: &Path, ending: &str, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files(&path, ending, out);
        } else if name.ends_with(ending) {
            out.push(path);
        }
    }
}

fn sources() -> Vec<PathBuf> {
    let mut out = Vec::new();
    for dir in ["crates", "apps", "tests"] {
        files(&root().join(dir), ".rs", &mut out);
    }
    out.sort();
    out
}

fn is_test_file(path: &Path) -> bool {
    let relative = path.strip_prefix(root()).unwrap();
    let in_tests = relative.components().any(|part| part.as_os_str() == "tests");
    in_tests || path.file_stem().unwrap().to_string_lossy().ends_with("tests")
}

/// Ids like `[LINK-07]` in a text.
fn ids(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in text.split('[').skip(1) {
        let Some((id, _)) = part.split_once(']') else { continue };
        let Some((prefix, number)) = id.split_once('-') else { continue };
        if PREFIXES.contains(&prefix) && (2..=3).contains(&number.len()) && number.chars().all(|c| c.is_ascii_digit()) {
            found.insert(id.to_owned());
        }
    }
    found
}

/// The rules that each vector says it shows, by its path.
fn vector_rules() -> Vec<(String, Vec<String>)> {
    let root = root().join("protocol-spec/vectors");
    let mut vectors = Vec::new();
    files(&root, ".txt", &mut vectors);
    let rules = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("rule: ")).expect("a line with the rules");
        line.split(' ').filter(|id| *id != "-").map(|id| id.to_owned()).collect()
    };
    vectors.iter().map(|path| (path.strip_prefix(&root).unwrap().display().to_string(), rules(path))).collect()
}

#[test]
fn every_folder_of_vectors_is_read() {
    let root = root().join("protocol-spec/vectors");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let mut wrong = Vec::new();
    for entry in fs::read_dir(&root).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.path().is_dir() {
            continue;
        }
        if !amanat_tests::vectors::FOLDERS.contains(&name.as_str()) {
            wrong.push(format!("{name}: no test reads it"));
        }
        if !readme.contains(&format!("\n## {name}\n")) {
            wrong.push(format!("{name}: the vectors' README says nothing of it"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The chapters' texts, by name.
fn chapters() -> Vec<(String, String)> {
    let mut documents = Vec::new();
    files(&root().join("protocol-spec"), ".md", &mut documents);
    let named = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    documents.into_iter().map(named).collect()
}

/// The rules, each with its chapter: it is where a line of a list begins with its id. Whoever else names it rests on it.
fn rules() -> BTreeMap<String, Vec<String>> {
    let mut rules = BTreeMap::new();
    for (chapter, text) in chapters() {
        for line in text.lines().filter_map(|line| line.strip_prefix("- ")) {
            let line = line.trim_start_matches("**");
            for id in ids(line).into_iter().filter(|id| line.starts_with(&format!("[{id}]"))) {
                rules.entry(id).or_insert_with(Vec::new).push(chapter.clone());
            }
        }
    }
    rules
}

#[test]
fn every_rule_stands_in_chapter_code_and_test() {
    let (rules, mut code, mut tests) = (rules(), BTreeSet::new(), BTreeSet::new());
    // What this file and its parts say is about rules, and shows none.
    let own = root().join("tests/tests/tidy");
    let is_own = |path: &Path| path.with_extension("") == own || path.starts_with(&own);
    for path in sources().iter().filter(|path| !is_own(path)) {
        let text = fs::read_to_string(path).unwrap();
        let (product, test) = if is_test_file(path) {
            ("", text.as_str())
        } else {
            text.split_once("#[cfg(test)]\nmod ").unwrap_or((text.as_str(), ""))
        };
        code.extend(ids(product));
        tests.extend(ids(test));
    }
    let mut wrong = Vec::new();
    for (path, named) in vector_rules() {
        for id in named {
            if !rules.contains_key(&id) {
                wrong.push(format!("{id} stands in {path} and in no chapter"));
            }
            tests.insert(id);
        }
    }
    for (id, chapters) in &rules {
        if chapters.len() > 1 {
            wrong.push(format!("{id} is a rule more than once: {chapters:?}"));
        }
        if !code.contains(id) {
            wrong.push(format!("{id} stands in {chapters:?} and at no line of code"));
        }
        if !tests.contains(id) {
            wrong.push(format!("{id} stands in {chapters:?} and in no test"));
        }
    }
    for id in code.union(&tests).filter(|id| !rules.contains_key(*id)) {
        wrong.push(format!("{id} stands in code or a test and in no chapter"));
    }
    for (chapter, text) in chapters() {
        wrong.extend(
            ids(&text).iter().filter(|id| !rules.contains_key(*id)).map(|id| format!("{chapter}: no rule {id}")),
        );
    }
    assert!(wrong.is_empty(), "{} rules are not whole:\n{}", wrong.len(), wrong.join("\n"));
    assert!(rules.len() > 50, "the rules were not found: {}", rules.len());
}

#[test]
fn every_module_opens_with_its_chapter() {
    let mut wrong = Vec::new();
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let relative = path.strip_prefix(root()).unwrap();
        let first = text.lines().next().unwrap_or_default();
        if !first.starts_with("//! ") {
            wrong.push(format!("{}: does not open with a paragraph", relative.display()));
        }
        // The design system has no chapter: it knows nothing of the protocol.
        let has_chapter = relative.starts_with("crates") && !relative.starts_with("crates/ui");
        let crate_source = has_chapter && !is_test_file(&path);
        let opening: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        if crate_source && !opening.contains("protocol-spec/") {
            wrong.push(format!("{}: its opening names no chapter", relative.display()));
        }
        if path.file_name().unwrap() == "mod.rs" {
            wrong.push(format!("{}: `foo.rs` beside `foo/`", relative.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_short_and_named_for_what_they_do() {
    /// Lines after which a file is asking to be divided.
    const LINES: usize = 600;
    const BANNED: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager"];
    let mut wrong = Vec::new();
    for path in sources() {
        let relative = path.strip_prefix(root()).unwrap();
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        if lines > LINES {
            wrong.push(format!("{}: {lines} lines", relative.display()));
        }
        let mut names =
            relative.with_extension("").components().map(|part| part.as_os_str().to_owned()).collect::<Vec<_>>();
        names.retain(|name| BANNED.iter().any(|banned| name == banned));
        if !names.is_empty() {
            wrong.push(format!("{}: says nothing of what it does", relative.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Names under `[dependencies]` of a manifest.
fn dependencies(manifest: &Path) -> BTreeSet<String> {
    dependencies_under(manifest, &["[dependencies]"])
}

fn dependencies_under(manifest: &Path, headings: &[&str]) -> BTreeSet<String> {
    let text = fs::read_to_string(manifest).unwrap();
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with('[') {
            inside = headings.contains(&line);
        } else if inside && let Some((name, _)) = line.split_once(['.', ' ', '=']) {
            names.insert(name.to_owned());
        }
    }
    names
}

#[test]
fn crates_depend_upward_only() {
    let mut wrong = Vec::new();
    for (place, name) in CRATES.iter().enumerate() {
        let uses = dependencies(&root().join("crates").join(name).join("Cargo.toml"));
        for used in uses.iter().filter_map(|used| used.strip_prefix("amanat-")) {
            let used = if used == "relay-core" { "relay" } else { used };
            let used_place = CRATES.iter().position(|other| *other == used).expect("a known crate");
            if used_place >= place || (*name == "client" && used == "relay") {
                wrong.push(format!("{name} must not depend on {used}"));
            }
        }
        for (library, holders) in WALLS {
            if uses.contains(*library) && !holders.contains(name) {
                wrong.push(format!("{name} names {library}, which only {holders:?} may"));
            }
        }
        if place < PURE && (uses.contains("tokio") || uses.contains("tracing")) {
            wrong.push(format!("{name} is pure and names a runtime"));
        }
    }
    for app in ["cli", "relay"] {
        let uses = dependencies(&root().join("apps").join(app).join("Cargo.toml"));
        wrong.extend(WALLS.iter().filter(|(library, _)| uses.contains(*library)).map(|(l, _)| format!("{app}: {l}")));
    }
    let tests = dependencies_under(&root().join("tests/Cargo.toml"), &["[dependencies]", "[dev-dependencies]"]);
    for (library, _) in WALLS.iter().filter(|(library, _)| tests.contains(*library)) {
        if !TESTED.iter().any(|(named, _)| named == library) {
            wrong.push(format!("the tests name {library} without a reason here"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A workspace has each library once: a feature that one manifest asks for is in the programs that the tests run, and these
/// would be other programs than those that are shipped.
#[test]
fn no_manifest_asks_a_library_of_others_for_its_test_features() {
    let mut manifests = Vec::new();
    for dir in ["crates", "apps", "tests"] {
        files(&root().join(dir), "Cargo.toml", &mut manifests);
    }
    manifests.push(root().join("Cargo.toml"));
    for manifest in manifests {
        let text = fs::read_to_string(&manifest).unwrap();
        assert!(!text.contains("\"test-utils\""), "{}: `test-utils` of a library of others", manifest.display());
    }
}

#[test]
fn pure_crates_open_nothing() {
    /// What a pure crate must not call, outside its tests.
    const CALLS: &[&str] = &[
        "std::fs",
        "TcpStream",
        "UdpSocket",
        "ToSocketAddrs",
        "SystemTime::now",
        "Instant::now",
        "std::thread",
        "std::env",
        "OsRng",
    ];
    let mut wrong = Vec::new();
    for path in sources().iter().filter(|path| !is_test_file(path)) {
        let relative = path.strip_prefix(root()).unwrap();
        let pure = CRATES.iter().take(PURE).any(|name| relative.starts_with(Path::new("crates").join(name)));
        let text = fs::read_to_string(path).unwrap();
        let product = text.split_once("#[cfg(test)]\nmod ").map_or(text.as_str(), |(product, _)| product);
        for (number, line) in product.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            if pure && let Some(call) = CALLS.iter().find(|call| line.contains(**call)) {
                wrong.push(format!("{}:{}: {call}", relative.display(), number + 1));
            }
            if line.contains("unsafe ") {
                wrong.push(format!("{}:{}: unsafe", relative.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
