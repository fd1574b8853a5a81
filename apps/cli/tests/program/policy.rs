//! `amanat scan` and `amanat policy`: what they print, and that neither needs a profile nor leaves anything behind.

use std::fs;

use crate::amanat::{done, object, refused};

#[test]
fn a_text_is_judged_by_its_tier_and_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let letter = "Subject: three cards\n\nCNIC 35202-1234567-1\nCNIC ۳۵۲۰۲-۱۲۳۴۵۶۸-۱ and 35202 1234569 1\n";
    fs::write(dir.path().join("letter.txt"), letter).unwrap();
    let words = done(dir.path(), &["scan", "letter.txt", "--tier", "official"]);
    assert!(words.contains("cnic") && words.contains("3, 4") && words.contains("Verdict: reason"), "{words}");
    assert!(!words.contains("1234567"), "{words}");
    let judged = object(dir.path(), &["scan", "letter.txt", "--tier", "official"]);
    assert_eq!(judged["verdict"], "reason");
    assert_eq!(judged["findings"][0]["kind"], "cnic");
    assert_eq!(judged["findings"][0]["count"], 3);
    let judged = object(dir.path(), &["scan", "letter.txt", "--tier", "secret"]);
    assert_eq!(judged["verdict"], "allow");
    fs::write(dir.path().join("picture.png"), [0x89, b'P', b'N', b'G', 0xff]).unwrap();
    let judged = object(dir.path(), &["scan", "picture.png", "--tier", "secret"]);
    assert_eq!((&judged["verdict"], &judged["action"]), (&"unreadable".into(), &"approve".into()));
    refused(dir.path(), 1, &["scan", "missing.txt", "--tier", "official"]);
    refused(dir.path(), 2, &["scan", "letter.txt"]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

// [POL-05] [POL-07]
#[test]
fn a_policy_is_checked_compared_and_tried() {
    let dir = tempfile::tempdir().unwrap();
    let policy = "number = 7\n\n[tier.official.filter]\ncnic = { refuse = 1 }\n";
    fs::write(dir.path().join("policy.toml"), policy).unwrap();
    assert!(done(dir.path(), &["policy", "check", "policy.toml"]).contains("Policy 7 is in order"));
    let words = done(dir.path(), &["policy", "diff", "policy.toml"]);
    assert!(words.contains("tier.official.filter.cnic") && words.contains("refuse from 1"), "{words}");
    let texts = dir.path().join("letters/2031");
    fs::create_dir_all(&texts).unwrap();
    fs::write(texts.join("one.txt"), "CNIC 35202-1234567-1").unwrap();
    fs::write(texts.join("two.txt"), "nothing in it").unwrap();
    fs::write(texts.join("three.bin"), [0xff, 0xfe, 0xff]).unwrap();
    let words = ["--json", "policy", "simulate", "policy.toml", "--texts", "letters", "--tier", "official"];
    let lines = done(dir.path(), &words);
    assert_eq!(
        lines.trim(),
        "{\"file\":\"letters/2031/one.txt\",\"before\":\"warn\",\"after\":\"refuse\"}\n{\"texts\":2,\"skipped\":1,\"changed\":1}"
    );
    fs::write(dir.path().join("policy.toml"), "number = 7\n[tier.secret]\ncopi = true\n").unwrap();
    let words = refused(dir.path(), 1, &["policy", "check", "policy.toml"]);
    assert!(words.contains("policy.toml, line 3: unknown field `copi`"), "{words}");
}
