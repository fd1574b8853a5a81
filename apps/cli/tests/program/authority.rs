//! The authority's and the officers' commands, none of which needs a relay that runs.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use amanat_relay_core::folder::{self, Wishes};
use tempfile::TempDir;

use crate::amanat::{PASSPHRASE, code, object, refused, run_with};

/// An authority with a relay's card beside it, made once and copied for each test: Argon2id takes its time.
pub(crate) fn fixture() -> TempDir {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let init = ["authority", "init", "--domain", "cabinet.example", "--name", "Cabinet Division", "--out", "A/"];
        let made = object(dir.path(), &init);
        assert_eq!(made["domain"], "cabinet.example");
        assert_eq!(made["root"], "A/root.key");
        make_relay(&dir.path().join("relay"), "127.0.0.1:1");
        dir
    });
    let copy = tempfile::tempdir().unwrap();
    for folder in ["A", "relay"] {
        let copied = Command::new("cp").arg("-a").arg(made.path().join(folder)).arg(copy.path()).status();
        assert!(copied.unwrap().success());
    }
    copy
}

/// `amanat-relay init`.
pub(crate) fn make_relay(dir: &Path, listen: &str) {
    let wishes = Wishes {
        domain: "cabinet.example".parse().unwrap(),
        listen: vec![listen.parse().unwrap()],
        advertise: Vec::new(),
    };
    folder::init(dir, Some(wishes), &mut rand_core::OsRng).unwrap();
}

pub(crate) const CERTIFY: [&str; 7] =
    ["relay", "certify", "relay/relay.card", "--authority", "A", "--out", "relay/relay.cert"];

fn invite<'a>(person: &'a str, out: &'a str) -> Vec<&'a str> {
    let mut args =
        vec!["invite", "--authority", "A", "--person", person, "--name", "Private Secretary", "--post", "Secretary"];
    args.extend(["--tier", "secret", "--out", out]);
    args
}

fn mode(path: PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Changes one character in the middle of an armoured file to another of the same alphabet.
fn alter(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let middle = lines.len() / 2;
    let swapped = if lines[middle].as_bytes()[20] == b'A' { "B" } else { "A" };
    lines[middle].replace_range(20..21, swapped);
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

#[test]
fn what_init_makes_is_for_its_owner_and_never_overwritten() {
    let dir = fixture();
    let dir = dir.path();
    assert_eq!(mode(dir.join("A")), 0o700);
    assert_eq!(mode(dir.join("A/officer")), 0o700);
    assert_eq!(mode(dir.join("A/root.key")), 0o600);
    assert_eq!(mode(dir.join("A/officer/keys")), 0o600);
    for public in ["A/authority.cert", "A/officer/certificate", "A/officer/card", "A/status"] {
        assert!(fs::read_to_string(dir.join(public)).unwrap().starts_with("-----BEGIN AMANAT "), "{public}");
    }
    let key = fs::read(dir.join("A/root.key")).unwrap();
    let again = ["authority", "init", "--domain", "b.example", "--name", "B", "--out", "A"];
    assert_eq!(code(dir, &again), "exists");
    assert_eq!(fs::read(dir.join("A/root.key")).unwrap(), key);
    let names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "nothing half-made is left: {names:?}");
}

#[test]
fn an_officers_card_is_certified_with_the_root_key_wherever_it_is() {
    let dir = fixture();
    let dir = dir.path();
    let made = object(dir, &["officer", "init", "--out", "desk2", "--name", "دوسرا افسر"]);
    assert_eq!(made["card"], "desk2/card");
    assert_eq!(mode(dir.join("desk2/keys")), 0o600);
    assert_eq!(code(dir, &["officer", "init", "--out", "desk2"]), "exists");
    // The key is moved offline; without it the command says how to name it.
    fs::rename(dir.join("A/root.key"), dir.join("stick.key")).unwrap();
    let certify = ["authority", "certify", "officer", "desk2/card", "--authority", "A", "--out", "desk2/certificate"];
    assert!(refused(dir, 1, &certify).contains("--root FILE"));
    let with_root: Vec<&str> = certify.iter().copied().chain(["--root", "stick.key"]).collect();
    let certified = object(dir, &with_root);
    assert_eq!(certified["name"], "دوسرا افسر");
    assert_eq!(code(dir, &with_root), "exists");
    // A wrong passphrase is told from a damaged key.
    let other: Vec<&str> =
        with_root.iter().map(|word| if *word == "desk2/certificate" { "c2" } else { *word }).collect();
    let output = run_with(dir, &[("AMANAT_ROOT_PASSPHRASE", "something else")], &other);
    let words = crate::amanat::text(&output.stderr);
    assert!(output.status.code() == Some(1) && words.contains("wrong passphrase"), "{words}");
    assert!(!dir.join("c2").exists());
    alter(&dir.join("stick.key"));
    assert_eq!(code(dir, &other), "damaged");
}

#[test]
fn cards_that_are_cut_altered_or_of_another_kind_are_refused() {
    let dir = fixture();
    let dir = dir.path();
    let card = fs::read(dir.join("A/officer/card")).unwrap();
    let certify = |card: &str, role: &str| {
        refused(dir, 1, &["authority", "certify", role, card, "--authority", "A", "--out", "certificate"])
    };
    let lines: Vec<&str> = std::str::from_utf8(&card).unwrap().lines().collect();
    fs::write(dir.join("cut"), lines[..lines.len() - 1].join("\n")).unwrap();
    assert!(certify("cut", "officer").contains("cut short"));
    fs::write(dir.join("cut"), &card[..card.len() / 2]).unwrap();
    assert!(certify("cut", "officer").contains("damaged"));
    fs::write(dir.join("empty"), b"").unwrap();
    assert!(certify("empty", "officer").contains("not an Amanat file"));
    fs::write(dir.join("altered"), &card).unwrap();
    alter(&dir.join("altered"));
    assert!(certify("altered", "officer").contains("card"));
    assert!(certify("A/officer/card", "auditor").contains("AMANAT OFFICER CARD"));
    assert!(certify("relay/relay.card", "officer").contains("AMANAT RELAY CARD"));
    fs::write(dir.join("huge"), vec![b'A'; 1 << 20]).unwrap();
    assert!(certify("huge", "officer").contains("too large"));
    assert!(!dir.join("certificate").exists());
}

#[test]
fn an_invitation_needs_a_relay_and_is_written_once() {
    let dir = fixture();
    let dir = dir.path();
    let words = refused(dir, 1, &invite("secretary", "i"));
    assert!(words.contains("no certified relay") && words.contains("amanat relay certify"), "{words}");
    let certified = object(dir, &CERTIFY);
    assert_eq!(certified["addresses"][0], "127.0.0.1:1");
    assert_eq!(certified["public"], false);
    assert_eq!(fs::read_dir(dir.join("A/relays")).unwrap().count(), 1, "the authority remembers it");

    let plain = object(dir, &invite("secretary", "plain.invitation"));
    assert_eq!((&plain["address"], &plain["code"]), (&"secretary@cabinet.example".into(), &serde_json::Value::Null));
    assert_eq!(mode(dir.join("plain.invitation")), 0o600);
    assert_eq!(code(dir, &invite("secretary", "plain.invitation")), "exists");
    assert_eq!(code(dir, &invite("Secretary", "other")), "usage");
    assert_eq!(code(dir, &invite("secretary@other.example", "other")), "usage");

    let mut with_code = invite("clerk", "coded.invitation");
    with_code.push("--code");
    let coded = object(dir, &with_code);
    let said = coded["code"].as_str().unwrap();
    assert_eq!(said.split('-').map(str::len).collect::<Vec<_>>(), [4; 6]);
    // Whoever has the file alone cannot join, and is told so at once.
    assert_eq!(code(dir, &["join", "coded.invitation", "--profile", "p"]), "invitation");
    assert!(!dir.join("p").exists());
}

#[test]
fn altered_certificates_and_invitations_are_refused() {
    let dir = fixture();
    let dir = dir.path();
    object(dir, &CERTIFY);
    object(dir, &invite("secretary", "i"));
    alter(&dir.join("i"));
    let joined = code(dir, &["join", "i", "--profile", "p"]);
    assert!(joined == "certificate" || joined == "invitation", "{joined}");
    alter(&dir.join("A/officer/certificate"));
    let words = refused(dir, 1, &invite("clerk", "j"));
    assert!(words.contains("officer"), "{words}");
    alter(&dir.join("A/authority.cert"));
    refused(dir, 1, &invite("clerk", "j"));
    assert!(!dir.join("j").exists());
    assert_eq!(
        code(
            dir,
            &[
                "invite",
                "--authority",
                "relay",
                "--person",
                "x",
                "--name",
                "x",
                "--post",
                "x",
                "--tier",
                "secret",
                "--out",
                "j"
            ]
        ),
        "file"
    );
}

#[test]
fn an_unreachable_relay_leaves_the_statement_in_the_outbox() {
    let dir = fixture();
    let dir = dir.path();
    assert!(refused(dir, 1, &["attest", "--authority", "A"]).contains("no certified relay"));
    object(dir, &CERTIFY);
    let before = fs::read(dir.join("A/status")).unwrap();
    // Nothing listens on port 1.
    assert_eq!(code(dir, &["attest", "--authority", "A"]), "offline");
    assert_ne!(fs::read(dir.join("A/status")).unwrap(), before, "it is signed and kept");
    assert_eq!(fs::read_dir(dir.join("A/outbox")).unwrap().count(), 1);
    assert_eq!(code(dir, &["attest", "--authority", "A"]), "offline");
    assert_eq!(fs::read_dir(dir.join("A/outbox")).unwrap().count(), 1, "a newer one takes its place");
}

#[test]
fn passphrases_come_from_files_too_and_new_ones_are_not_short() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("pass"), format!("{PASSPHRASE}\n")).unwrap();
    let file = [("AMANAT_OFFICER_PASSPHRASE_FILE", "pass"), ("AMANAT_PASSPHRASE", "not this one")];
    assert!(run_with(dir, &file, &["auditor", "init", "--out", "audit"]).status.success());
    let output = run_with(dir, &[("AMANAT_OFFICER_PASSPHRASE", "short")], &["auditor", "init", "--out", "audit2"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!dir.join("audit2").exists());
}
