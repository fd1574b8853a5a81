//! External vectors (protocol-spec/01-primitives, 04-link, 05-conversation and 06-document): data that nobody on this project
//! wrote, read from the folder that the variable `AMANAT_VECTORS` names.
//!
//! Set: every file in it is read, every case that applies is run through the code that the product runs, and a line a
//! file says how many ran, passed and were left out, with the reason. A missing or empty folder, a file of unknown form,
//! a case left out without a reason and a case that fails each fail the test. Unset: it says so and passes; the
//! project's own vectors run always. Nothing here depends on how many files or cases there are.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "external_vectors/age.rs"]
mod age;
#[path = "external_vectors/ed25519.rs"]
mod ed25519;
#[path = "external_vectors/mls.rs"]
mod mls;
#[path = "external_vectors/noise.rs"]
mod noise;
#[path = "external_vectors/wycheproof.rs"]
mod wycheproof;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// Folders that must be there, each with something in it.
const FOLDERS: [&str; 5] = ["noise", "mls", "wycheproof", "cctv/age", "cctv/ed25519"];

/// Every reason for which a case is left out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    NoisePsk,
    NoisePattern,
    NoiseAgreement,
    NoiseCipher,
    NoiseHash,
    MlsSuite,
    MlsInner,
    AgeHeader,
    AgeStanza,
    AgeOther,
    MlKem,
    OtherAlgorithm,
}

impl Reason {
    const fn text(self) -> &'static str {
        match self {
            Self::NoisePsk => "a pattern with a pre-shared key that is not ours",
            Self::NoisePattern => "another handshake pattern",
            Self::NoiseAgreement => "another key agreement",
            Self::NoiseCipher => "another cipher",
            Self::NoiseHash => "another hash",
            Self::MlsSuite => "a suite that shares less with ours than 1 and 3 do",
            Self::MlsInner => {
                "a step inside OpenMLS that cannot be called from outside; the passive clients go through it"
            }
            Self::AgeHeader => {
                "the form of age's header, in whose place a document has a manifest; its payload does open"
            }
            Self::AgeStanza => "about how age's header wraps the file key, in whose place a document has a manifest",
            Self::AgeOther => "armour, passphrases or keys of the vector file that are not known here",
            Self::MlKem => {
                "X-Wing hashes its seed before ML-KEM sees it, so that no key of a vector can be given to it"
            }
            Self::OtherAlgorithm => "an algorithm that this project does not use",
        }
    }
}

/// What became of one case.
enum Outcome {
    Passed,
    Failed(String),
    LeftOut(Reason),
}

impl Outcome {
    fn of(case: impl std::fmt::Display, result: Result<(), String>) -> Self {
        match result {
            Ok(()) => Self::Passed,
            Err(why) => Self::Failed(format!("{case}: {why}")),
        }
    }
}

/// What became of one file.
#[derive(Default)]
struct Tally {
    passed: usize,
    failures: Vec<String>,
    left_out: BTreeMap<Reason, usize>,
    /// What is not looked at in the cases that ran.
    remark: Option<&'static str>,
}

impl Tally {
    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed(why) => self.failures.push(why),
            Outcome::LeftOut(reason) => *self.left_out.entry(reason).or_default() += 1,
        }
    }

    fn cases(&self) -> usize {
        self.passed + self.failures.len() + self.left_out.values().sum::<usize>()
    }
}

#[test]
fn external_vectors() {
    match std::env::var_os("AMANAT_VECTORS") {
        None => say("external vectors were left out: AMANAT_VECTORS is not set\n"),
        Some(root) => {
            let (report, problems) = run(Path::new(&root));
            say(&report);
            assert!(problems.is_empty(), "external vectors:\n{}", problems.join("\n"));
        }
    }
}

#[test]
fn what_is_missing_empty_unknown_or_wrong_fails() {
    let root = tempfile::tempdir().unwrap();
    let problems = |folder: &Path| run(folder).1;
    assert!(!problems(&root.path().join("absent")).is_empty());
    assert_eq!(
        problems(root.path()).len(),
        FOLDERS.len() + 2,
        "an empty folder, all of those required are missing, and nothing is run"
    );
    for folder in FOLDERS {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    assert_eq!(problems(root.path()).len(), FOLDERS.len() + 1, "all are empty, and nothing is run");
    for folder in FOLDERS {
        fs::write(
            root.path().join(folder).join("one.json"),
            r#"{"vectors": [{"protocol_name": "Noise_NN_448_AESGCM_SHA512"}]}"#,
        )
        .unwrap();
    }
    assert_eq!(problems(root.path()), ["not one case was run"], "what is left out is no reason to pass");
    let write = |name: &str, content: &[u8]| fs::write(root.path().join("wycheproof").join(name), content).unwrap();
    write("not_text", b"\xff\x00");
    write("no_cases.json", br#"{"vectors": []}"#);
    write("no_name.json", br#"{"vectors": [{}]}"#);
    write("mls.json", br#"[{"cipher_suite": 1, "psk_secret": "00", "psks": []}, {"cipher_suite": 1}]"#);
    write(
        "no_signature.json",
        br#"{"algorithm": "EDDSA", "numberOfTests": 1, "testGroups": [{
            "publicKey": {"pk": "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"},
            "tests": [{"tcId": 1, "msg": "", "sig": "00", "result": "valid"}]}]}"#,
    );
    write("cut.json", br#"{"algorithm": "EDDSA", "numberOfTests": 1, "testGroups": []}"#);
    write("result.json", br#"{"algorithm": "EDDSA", "testGroups": [{"tests": [{"tcId": 1, "result": "new"}]}]}"#);
    write("age", b"expect: success\npayload: 00\n\nage-encryption.org/v1\n--- mac\n0123456789abcdef");
    // What failed did run.
    assert_eq!(problems(root.path()).len(), 8);
}

/// Runs everything under `root`; returns a line a file, and what is wrong.
fn run(root: &Path) -> (String, Vec<String>) {
    let mut report = String::new();
    let mut problems = Vec::new();
    let mut files = Vec::new();
    list(root, &mut files, &mut problems);
    for folder in FOLDERS {
        if !root.join(folder).is_dir() {
            problems.push(format!("{folder}: the folder is missing"));
        }
    }
    let (mut ran, mut left_out) = (0, 0);
    for file in files {
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        match fs::read(&file).map_err(|error| error.to_string()).and_then(|bytes| read(&file, &bytes)) {
            Err(why) => problems.push(format!("{name}: not read: {why}")),
            Ok(None) => {}
            Ok(Some(tally)) => {
                if tally.cases() == 0 {
                    problems.push(format!("{name}: no cases in it"));
                }
                ran += tally.passed + tally.failures.len();
                left_out += tally.left_out.values().sum::<usize>();
                report.push_str(&line(&name, &tally));
                problems.extend(tally.failures.iter().map(|why| format!("{name}: {why}")));
            }
        }
    }
    if ran == 0 {
        problems.push("not one case was run".to_owned());
    }
    let _ = writeln!(report, "external vectors: {ran} ran, {left_out} left out, {} problems", problems.len());
    (report, problems)
}

/// All files below `folder`, in order.
fn list(folder: &Path, files: &mut Vec<PathBuf>, problems: &mut Vec<String>) {
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect());
    let mut entries: Vec<PathBuf> = match entries {
        Ok(entries) => entries,
        Err(error) => return problems.push(format!("{}: {error}", folder.display())),
    };
    entries.sort();
    if entries.is_empty() {
        problems.push(format!("{}: the folder is empty", folder.display()));
    }
    for entry in entries {
        if entry.is_dir() { list(&entry, files, problems) } else { files.push(entry) }
    }
}

/// Knows a file by its content, so that further sets need no list here. `None` for a text about vectors.
fn read(file: &Path, bytes: &[u8]) -> Result<Option<Tally>, String> {
    if file.extension().is_some_and(|extension| extension == "md") {
        return Ok(None);
    }
    if age::is_vector(bytes) {
        return age::run(bytes).map(Some);
    }
    let json: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if json.get("testGroups").is_some() {
        return wycheproof::run(&json).map(Some);
    }
    if let Some(vectors) = json.get("vectors").and_then(Value::as_array) {
        return noise::run(vectors).map(Some);
    }
    let cases = json.as_array().ok_or("of no known form")?;
    if ed25519::is_vectors(cases) {
        return ed25519::run(cases).map(Some);
    }
    if mls::is_vectors(cases) {
        return mls::run(cases).map(Some);
    }
    Err("of no known form".to_owned())
}

fn line(name: &str, tally: &Tally) -> String {
    let failed = tally.failures.len();
    let mut line = format!("{name}: {} ran, {} passed", tally.passed + failed, tally.passed);
    if failed > 0 {
        let _ = write!(line, ", {failed} FAILED");
    }
    for (reason, cases) in &tally.left_out {
        let _ = write!(line, ", {cases} left out ({})", reason.text());
    }
    if let Some(remark) = tally.remark {
        let _ = write!(line, "; {remark}");
    }
    line.push('\n');
    line
}

/// Prints even where the test passes: `println!` would be captured.
fn say(text: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), text.as_bytes());
}

/// The hexadecimal text under `key`.
fn hex(case: &Value, key: &str) -> Result<Vec<u8>, String> {
    let text = case.get(key).and_then(Value::as_str).ok_or_else(|| format!("no {key}"))?;
    data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|error| format!("{key}: {error}"))
}
