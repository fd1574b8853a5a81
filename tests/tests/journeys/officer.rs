//! A security officer's day (protocol-spec/03-identity): an authority, a certified relay, three people enrolled, and what
//! is refused on the way.

use std::os::unix::fs::PermissionsExt as _;

use amanat_tests::programs::{DOMAIN, Folder, Office, free_address};

use crate::shapes::{all_shaped, shaped};

#[test]
fn nobody_is_invited_before_a_relay_is_certified() {
    let folder = Folder::default();
    let init = ["--json", "authority", "init", "--domain", DOMAIN, "--name", "Cabinet Office", "--out", "authority"];
    let made = folder.amanat(&init).ok().one();
    shaped("authority init", &made);
    for secret in ["authority/root.key", "authority/officer/keys"] {
        let mode = std::fs::metadata(folder.path(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    let invite = [
        "invite",
        "--authority",
        "authority",
        "--person",
        "secretary",
        "--name",
        "Private Secretary",
        "--post",
        "Secretary",
    ];
    let rest = ["--tier", "secret", "--out", "secretary.invitation"];
    folder.amanat(&[&invite[..], &rest[..]].concat()).failed(1).says("no certified relay");
    assert!(!folder.path("secretary.invitation").exists());
    // An authority is never written over.
    folder.amanat(&init).refused("exists");

    let listen = free_address().to_string();
    folder.amanat_relay(&["init", "--dir", "relay", "--listen", &listen, "--domain", DOMAIN]).ok();
    let certify =
        ["--json", "relay", "certify", "relay/relay.card", "--authority", "authority", "--out", "relay/relay.cert"];
    shaped("relay certify", &folder.amanat(&certify).ok().one());
    folder.amanat(&[&invite[..], &rest[..]].concat()).ok();
    // Where no relay can be reached, the statement waits, and the officer is told.
    let attested = folder.amanat(&["--json", "attest", "--authority", "authority"]).refused("offline");
    let line = &attested.json()[0];
    shaped("attest", line);
    assert_eq!((line["published"].as_array().unwrap().len(), line["waiting"][0].as_str()), (0, Some(&*listen)));
}

#[test]
fn three_people_are_enrolled_each_invitation_once() {
    let office = Office::new();
    for (handle, tier, more) in
        [("secretary", "secret", &[][..]), ("director", "confidential", &["--code"]), ("clerk", "official", &[])]
    {
        let invited = office.invite(handle, tier, more).ok().one();
        shaped("invite", &invited);
        assert_eq!(invited["address"].as_str().unwrap(), format!("{handle}@{DOMAIN}"));
        let join = office.by(handle, &["join", &format!("{handle}.invitation")]);
        let join = match invited["code"].as_str() {
            None => join,
            Some(code) => {
                wrong_code(&office, code);
                // People type it as they heard it.
                join.env("AMANAT_CODE", &code.to_lowercase().replace('-', " "))
            }
        };
        let joined = join.run().ok().one();
        shaped("join", &joined);
        assert_eq!(joined["clearance"], tier);
    }

    // The file is worth nothing any more: to somebody else, or once more in the same profile.
    office.by("thief", &["join", "secretary.invitation"]).run().refused("already-redeemed");
    office.by("secretary", &["join", "secretary.invitation"]).run().refused("profile-exists");
    // A thief's attempt is shown to whom the invitation was for.
    let told = office.by("secretary", &["sync"]).run().ok();
    assert!(told.err.contains("\"notice\":\"invitation-reused\""), "{told}");

    all_shaped("people", &office.say("clerk", &["people"]), 3);
    altered(&office);

    let attested = office.folder.amanat(&["--json", "attest", "--authority", "authority"]).ok().one();
    shaped("attest", &attested);
    assert_eq!(attested["published"].as_array().unwrap().len(), 1);
    let number = |line: &serde_json::Value| line["status"]["number"].as_u64().unwrap();
    let status = &office.say("clerk", &["status"])[0];
    shaped("status", status);
    assert_eq!(number(status), attested["number"].as_u64().unwrap());
}

fn wrong_code(office: &Office, code: &str) {
    let last = if code.ends_with('7') { '8' } else { '7' };
    let wrong = format!("{}{last}", &code[..code.len() - 1]);
    let join = office.by("director", &["join", "director.invitation"]);
    join.clone().env("AMANAT_CODE", &wrong).run().refused("invitation");
    // Nobody can be asked: nothing hangs.
    join.run().refused("invitation");
}

/// One character of an invitation altered, at several places: refused each time, and the unaltered one still works.
fn altered(office: &Office) {
    office.invite("auditor", "secret", &[]).ok();
    let file = office.folder.path("auditor.invitation");
    let text = std::fs::read_to_string(&file).unwrap();
    let body = text.find("\n").unwrap();
    for part in 1..8 {
        let mut bytes = text.clone().into_bytes();
        let at = body + (text.len() - body) * part / 8;
        let at = (at..).find(|at| bytes[*at].is_ascii_alphanumeric()).unwrap();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        office.folder.write("altered.invitation", &bytes);
        let refused = office.by("auditor", &["join", "altered.invitation"]).run();
        assert_eq!(refused.code, Some(1), "{refused}");
        let code = refused.one()["error"].as_str().unwrap().to_owned();
        assert!(["invitation", "certificate", "damaged"].contains(&&*code), "{refused}");
    }
    office.by("auditor", &["join", "auditor.invitation"]).run().ok();
}

#[test]
fn a_second_officer_and_an_auditor_are_certified_from_their_cards() {
    let folder = Folder::default();
    let init = ["authority", "init", "--domain", DOMAIN, "--name", "Cabinet Office", "--out", "authority"];
    folder.program("amanat", &init).env("AMANAT_ROOT_PASSPHRASE", "only for the root key").run().ok();
    // The root key is on a medium of its own, under a passphrase of its own.
    std::fs::create_dir(folder.path("safe")).unwrap();
    std::fs::rename(folder.path("authority/root.key"), folder.path("safe/root.key")).unwrap();
    for role in ["officer", "auditor"] {
        let (card, out) = (format!("{role}2/card"), format!("{role}2/certificate"));
        let made =
            folder.amanat(&["--json", role, "init", "--out", &format!("{role}2"), "--name", "Desk 2"]).ok().one();
        shaped("officer init, auditor init", &made);
        let certify = ["--json", "authority", "certify", role, &card, "--authority", "authority", "--out", &out];
        folder.amanat(&certify).refused("file");
        let certify = [&certify[..], &["--root", "safe/root.key"]].concat();
        folder.amanat(&certify).refused("passphrase");
        let certify = folder.program("amanat", &certify).env("AMANAT_ROOT_PASSPHRASE", "only for the root key");
        let certified = certify.run().ok().one();
        shaped("authority certify", &certified);
        assert_eq!((certified["role"].as_str(), certified["name"].as_str()), (Some(role), Some("Desk 2")));
    }
}
