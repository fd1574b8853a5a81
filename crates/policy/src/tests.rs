//! The built-in policy at work (protocol-spec/09-policy, sections 4 to 8).

use amanat_identity::Tier;

use crate::{Action, Policy, Ready};

fn builtin() -> Ready {
    Policy::builtin().unwrap_or_else(|error| panic!("{error}"))
}

fn kinds(text: &str) -> Vec<(String, String)> {
    let found = builtin().find(text, Tier::Official).list.into_iter();
    found.map(|finding| (finding.kind.to_string(), text[finding.range].to_owned())).collect()
}

// [POL-20] [POL-21]
#[test]
fn each_kind_is_found_in_its_forms() {
    for (kind, there) in [
        ("cnic", "35202-1234567-1"),
        ("cnic", "3520212345671"),
        ("cnic", "۳۵۲۰۲-۱۲۳۴۵۶۷-۱"),
        ("cnic", "3 5 2 0 2 1 2 3 4 5 6 7 1"),
        ("cnic", "35202–1234567–1"),
        ("cnic", "35202\u{200b}1234567\u{200b}1"),
        ("cnic", "35O2l-1234567-I"),
        ("nicop", "90403-1234567-1"),
        ("mobile", "0300-1234567"),
        ("mobile", "+92 300 1234567"),
        ("mobile", "00923001234567"),
        ("mobile", "(0300) 1234567"),
        ("landline", "051-9201234"),
        ("landline", "042-35761234"),
        ("landline", "+92 51 9201234"),
        ("imsi", "410011234567890"),
        ("imei", "490154203237518"),
        ("iccid", "8992001234567890128"),
        ("iban", "PK36SCBL0000001123456702"),
        ("iban", "PK36 SCBL 0000 0011 2345 6702"),
        ("iban", "РК36 SСВL 0000 0011 2345 6702"),
        ("card", "4111 1111 1111 1111"),
        ("card", "378282246310005"),
        ("vehicle", "LEA-19-1234"),
        ("email", "someone@example.com"),
        ("email", "someone (at) example [dot] com"),
        ("coordinates", "33.68441, 73.04791"),
        ("coordinates", "33°41'04\"N 73°02'52\"E"),
    ] {
        let text = format!("please see {there}, thanks");
        let found = kinds(&text);
        let expected = there.trim_start_matches(['(', '+']);
        assert_eq!(found.len(), 1, "{there}: {found:?}");
        assert_eq!(found[0].0, kind, "{there}");
        assert!(
            found[0].1.trim_start_matches(['(', '+']).starts_with(expected.trim_end_matches('"')),
            "{there}: {}",
            found[0].1
        );
    }
    for (kind, text) in [
        ("ntn", "NTN 1234567-8"),
        ("ntn", "این ٹی این: ۱۲۳۴۵۶۷-۸"),
        ("vehicle", "the car ABC 123"),
        ("passport", "passport no ab 1234567"),
        ("passport", "visa for AB1234567"),
        ("mobile", "call 300 1234567"),
        ("nicop", "NICOP 35202-1234567-1"),
    ] {
        assert_eq!(kinds(text).iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), [kind], "{text}");
    }
}

#[test]
fn what_only_looks_like_it_is_not_found() {
    for text in [
        "F.No. 4-12/2026-Admin of 29-11-2026",
        "Rs. 12,500,000 and PKR 4.5 billion",
        "UAN 111-222-333, helpline 1122, extension 4512",
        "1764412800000 and 1764412800",
        "192.168.100.200, 00:1a:2b:3c:4d:5e, 550e8400-e29b-41d4-a716-446655440000",
        "ISBN 978-0-306-40615-7",
        "4111 1111 1111 1112",
        "version 1.2.3.4567, section 144, article 19-A",
        "ROOM 12, ISO 9001, A01101",
        "keep it a secret recipe",
        "",
    ] {
        assert_eq!(kinds(text), [], "{text}");
    }
}

// [POL-20] [POL-21] What stands around a number does not hide it.
#[test]
fn neighbours_hide_nothing() {
    for (text, expected) in [
        ("CNIC 35202-1234567-1 (2 copies)", &["cnic"][..]),
        ("1. 35202-1234567-1 2. 35202-1234567-3 3. 35202-7654321-5", &["cnic", "cnic", "cnic"]),
        ("35202-1234567-1  5  Lahore", &["cnic"]),
        ("35202-1234567-1@a.pk", &["cnic"]),
        ("|35202-1234567-1|0300-1234567|", &["cnic", "mobile"]),
        ("card 2026 4111 1111 1111 1111", &["card"]),
        ("35202_1234567_1 and _35202-1234567-3_", &["cnic", "cnic"]),
        ("ID35202-1234567-1x", &["cnic"]),
        ("IBANPK36SCBL0000001123456702", &["iban"]),
        ("35202-1234567-1\r0300-1234567\r", &["cnic", "mobile"]),
        ("35202\t1234567\t1", &["cnic"]),
        ("35\x00202\u{7f}-1234567-1", &["cnic"]),
        ("«35O2l-1234567-1»✅", &["cnic"]),
        ("PP#AB1234567", &["passport"]),
        ("car BSA-123", &["vehicle"]),
        ("CNIC 9040312345671", &["cnic"]),
        ("0092 300 1234567 / 0092 301 1234567", &["mobile", "mobile"]),
        ("+92 (0)300 1234567", &["mobile"]),
        ("35\u{8f0}202-1234567-1", &["cnic"]),
        ("SECRET  Copy No. 3 of 10", &["marking"]),
    ] {
        let found = kinds(text);
        assert_eq!(found.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), expected, "{text}: {found:?}");
    }
}

// [POL-32]
#[test]
fn more_than_is_read_counts_as_unreadable() {
    let policy = builtin();
    let many = "a@b.pk ".repeat(100_001);
    let found = policy.find(&many, Tier::Official);
    assert!(found.cut && found.list.len() == 100_000);
    assert_eq!(policy.judge(&found, Tier::Official).action, policy.unreadable(Tier::Official));
    let grown = policy.find(&"\u{fdfa}".repeat(100_000), Tier::Secret);
    assert!(grown.cut);
    assert_eq!(policy.judge(&grown, Tier::Secret).action, Action::Approve);
}

// [POL-20] [POL-22] A message is read to its end, whatever it grows to.
#[test]
fn nothing_hides_behind_what_grows() {
    let policy = builtin();
    let text = format!("{}\nSECRET\nThe visit is on Monday.", "\u{fdfa}".repeat(21_000));
    let found = policy.find(&text, Tier::Official);
    assert!(!found.cut);
    assert_eq!(policy.judge(&found, Tier::Official).action, Action::Refuse);
}

// [POL-42] Hostile texts take no longer than others of their length.
#[test]
fn time_is_linear() {
    let policy = builtin();
    let took = |text: &str| {
        let begun = std::time::Instant::now();
        drop(policy.find(text, Tier::Official));
        begun.elapsed()
    };
    for piece in [
        "pk",
        "1 ",
        "a@",
        "1.1111,",
        "o1",
        "(at)",
        "a at b dot ",
        "1,2\n",
        "(secret)",
        " secret",
        "cnic ",
        "3520212345671 cnic ",
    ] {
        let text = piece.repeat(400_000 / piece.len());
        let time = took(&text);
        assert!(time < std::time::Duration::from_secs(20), "{piece}: {time:?}");
    }
}

// [POL-30] [POL-31]
#[test]
fn tiers_act_by_count() {
    let policy = builtin();
    let card = |n: usize| format!("35202-12345{n:02}-1");
    let text = |count: usize| (10..10 + count).map(card).collect::<Vec<_>>().join(", ");
    let judge = |count: usize, tier: Tier| policy.judge(&policy.find(&text(count), tier), tier).action;
    assert_eq!(judge(0, Tier::Official), Action::Allow);
    assert_eq!(judge(1, Tier::Official), Action::Warn);
    assert_eq!(judge(3, Tier::Official), Action::Reason);
    assert_eq!(judge(10, Tier::Official), Action::Approve);
    assert_eq!(judge(10, Tier::TopSecret), Action::Allow);
    assert_eq!(policy.unreadable(Tier::Official), Action::Reason);
}

#[test]
fn what_the_tiers_allow_only_tightens_upward() {
    let policy = builtin();
    for pair in Tier::ALL.windows(2) {
        let (low, high) = (policy.tier(pair[0]).unwrap(), policy.tier(pair[1]).unwrap());
        let allows =
            |tier: &crate::document::TierPolicy| [tier.copy, tier.save, tier.print, tier.forward, tier.external];
        for (high, low) in allows(high).into_iter().zip(allows(low)) {
            assert!(high <= low, "{}", pair[1]);
        }
        assert!(high.idle_lock < low.idle_lock && high.offline <= low.offline && high.notification <= low.notification);
        assert!(
            high.saves.day <= low.saves.day && high.unreadable >= low.unreadable && high.recipient >= low.recipient
        );
    }
}

// [POL-03] [POL-05] [POL-06]
#[test]
fn a_source_that_is_wrong_is_refused_with_its_line() {
    let read = |source: &str| Policy::from_source(source);
    for (source, line, reason) in [
        ("number = 1\ncolour = 2\n", 2, "unknown field `colour`"),
        ("number = 1\n[tier.secret]\ncopi = true\n", 3, "unknown field `copi`"),
        ("number = 1\n[tier.cosmic]\ncopy = true\n", 2, "is no tier"),
        ("number = 1\n[tier.secret]\nidle_lock = \"soon\"\n", 3, "is no span of time"),
        ("number = 1\n[tier.secret.filter]\ncnic = { stop = 1 }\n", 3, "an action is"),
        ("number = 1\n[tier.secret.filter]\ncnic = { warn = 0 }\n", 3, "a count begins at 1"),
        (
            "number = 1\n\n[[rule]]\nname = \"x\"\nkind = \"x\"\npattern = '(a)\\1'\n",
            3,
            "backreferences are not supported",
        ),
        ("number = 1\n[[rule]]\nname = \"x\"\nkind = \"x\"\npattern = '(?:(?:a{99}){99}){99}'\n", 2, "too large"),
        ("number = 1\n[[rule]]\nname = \"x\"\nkind = \"x\"\nnumbers = [\"5-x\"]\n", 2, "a grouping is digits"),
        ("number = 1\n[[rule]]\nname = \"x\"\nkind = \"x\"\n", 2, "either `numbers` or `pattern`"),
        ("number = 1\n[[rule]]\nname = \"x\"\nkind = \"X\"\npattern = 'a'\n", 4, "a kind is"),
        (
            "number = 1\n[[table]]\nname = \"x\"\ncolumns = [[\"phone\"], [\"colour\"]]\nrows = 5\n",
            4,
            "is no kind of column",
        ),
        (
            "number = 1\n[[rule]]\nname = \"x\"\nkind = \"x\"\npattern = 'a'\n[[rule]]\nname = \"x\"\nkind = \"x\"\npattern = 'a'\n",
            7,
            "is there twice",
        ),
        ("number = 1\n[tier.secret.filter]\ncnics = { refuse = 1 }\n", 3, "no rule finds"),
        ("number = -1\n", 1, "invalid value"),
        ("number 1\n", 1, ""),
        ("builtin = false\nnumber = 1\n", 1, "[tier.official] is missing"),
    ] {
        let error = read(source).expect_err(source);
        assert_eq!(error.line, line, "{source}: {error}");
        assert!(error.reason.contains(reason), "{source}: {error}");
    }
}

// [POL-01] [POL-05]
#[test]
fn what_a_source_does_not_say_is_as_it_was() {
    let source = "number = 7\n[tier.secret]\ncopy = true\n[tier.secret.filter]\ncnic = { refuse = 1 }\n[[rule]]\nname = \"file number\"\nkind = \"file\"\npattern = 'f\\.no'\n";
    let (builtin, policy) = (builtin(), Policy::from_source(source).unwrap().policy().clone());
    assert_eq!((policy.number, policy.rules.len()), (7, builtin.policy().rules.len() + 1));
    let (before, after) = (builtin.tier(Tier::Secret).unwrap(), policy.tiers.get(3).unwrap());
    assert!(after.copy && !before.copy);
    assert_eq!(after.saves, before.saves);
    let steps: Vec<_> = after.thresholds.iter().filter(|threshold| threshold.kind.as_str() == "cnic").collect();
    assert_eq!((steps.len(), steps[0].count, steps[0].action), (1, 1, Action::Refuse));
    let bytes = amanat_wire::Encode::to_bytes(&policy);
    assert_eq!(Policy::read(&bytes).unwrap().policy(), &policy);
    assert!(Policy::read(&bytes[..bytes.len() - 1]).is_err());
    assert!(bytes.len() < 32 * 1024, "{}", bytes.len());
}
