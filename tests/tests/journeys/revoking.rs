//! A security officer revokes (protocol-spec/03-identity, section 8): a lost laptop, a relay that is away, two officers.

use std::fs;

use amanat_tests::programs::{DOMAIN, Office};

use crate::shapes::shaped;

const AUTHORITY: [&str; 2] = ["--authority", "authority"];

fn revoke(office: &Office, target: &str, more: &[&str]) -> amanat_tests::programs::Ended {
    let words = [&["--json", "revoke", target, "--reason", "lost"][..], &AUTHORITY, more].concat();
    office.folder.amanat(&words)
}

// [DELIV-90] [DELIV-94]
#[test]
fn a_lost_laptop_is_refused_and_told() {
    let office = Office::new();
    office.enrol("secretary", "secret");
    office.enrol("director", "secret");
    office.say("secretary", &["send", "director", "before", "--tier", "restricted"]);
    let device = office.say("director", &["status"])[0]["device"].as_str().unwrap().to_owned();
    // A name that nobody has revokes nobody, and says so.
    for nobody in ["direktor", "0123456789"] {
        revoke(&office, nobody, &[]).refused("not-found").says("nothing is revoked");
    }
    let revoked = revoke(&office, &device[..8], &["--note", "Left in a car."]).ok().one();
    shaped("revoke", &revoked);
    assert_eq!(revoked["target"], device);
    assert_eq!((&revoked["kind"], &revoked["reason"]), (&"device".into(), &"lost".into()));
    for words in [&["sync"][..], &["send", "secretary", "x"]] {
        office.by("director", words).run().refused("revoked").says("security officer");
    }
    let told = office.by("secretary", &["sync"]).run().ok();
    assert!(told.err.contains("\"notice\":\"revoked\"") && told.err.contains(&device), "{told}");
    office.by("secretary", &["send", "director", "x", "--tier", "secret"]).run().refused("not-found").says("revoked");
    // Enrolled again, he can be reached again.
    let invite =
        ["--person", "director", "--name", "Records Clerk", "--post", "Director", "--tier", "secret", "--out", "again"];
    office.folder.amanat(&[&["invite"][..], &AUTHORITY, &invite].concat()).ok();
    office.by("new", &["join", "again"]).run().ok();
    office.say("secretary", &["send", "director", "after", "--tier", "secret"]);
    // The next statement names it still.
    office.folder.amanat(&["--json", "attest", "--authority", "authority"]).ok();
    office.by("director", &["sync"]).run().refused("revoked");
}

#[test]
fn a_revocation_waits_for_a_relay_that_is_away_and_officers_continue_one_list() {
    let mut office = Office::new();
    office.enrol("secretary", "secret");
    office.enrol("director", "secret");
    // A second officer's folder, from before.
    let copied = std::process::Command::new("cp")
        .args(["-a", "authority", "second"])
        .current_dir(office.folder.path(""))
        .status();
    assert!(copied.unwrap().success());
    office.stop_relay();
    let waiting = revoke(&office, "director", &[]).refused("offline");
    let line = &waiting.json()[0];
    shaped("revoke", line);
    assert_eq!((&line["kind"], line["waiting"].as_array().unwrap().len()), (&"person".into(), 1));
    assert_eq!(line["target"], format!("director@{DOMAIN}"));
    assert!(office.folder.path("authority/revocations/000000.entry").exists());
    office.start_relay();
    // The relay does not know it yet; meanwhile the other officer revokes a grant that nobody redeemed.
    office.say("director", &["sync"]);
    let grant = office.invite("clerk", "official", &[]).ok().one()["grant"].as_str().unwrap().to_owned();
    let other = ["--json", "revoke", &format!("grant:{grant}"), "--reason", "other", "--authority", "second"];
    assert_eq!(office.folder.amanat(&other).ok().one()["kind"], "grant");
    office.by("clerk", &["join", "clerk.invitation"]).run().refused("revoked");
    // The next statement of the first brings both.
    office.folder.amanat(&["--json", "attest", "--authority", "authority"]).ok();
    office.by("director", &["sync"]).run().refused("revoked");
    office.by("clerk", &["join", "clerk.invitation"]).run().refused("revoked");
    // And the second officer, who lost the list, gets it back.
    fs::remove_dir_all(office.folder.path("second/revocations")).unwrap();
    office.folder.amanat(&["--json", "attest", "--authority", "second"]).ok();
    assert!(office.folder.path("second/revocations/000001.entry").exists());
    office.say("secretary", &["sync"]);
}

// [DELIV-96] [DELIV-97] [DELIV-204] [DELIV-206]
#[test]
fn a_renewal_gives_another_year_and_another_clearance() {
    let office = Office::new();
    office.enrol("secretary", "secret");
    office.enrol("director", "secret");
    let renew = |more: &[&str]| {
        let words = [&["--json", "renew", "director", "--authority", "authority"][..], more].concat();
        office.folder.amanat(&words)
    };
    let before = office.say("director", &["status"]).remove(0);
    // No device outlives its officer's certificate: whoever renews has a later one.
    office.folder.amanat(&["officer", "init", "--out", "later", "--name", "Desk 2"]).ok();
    let certify = ["authority", "certify", "officer", "later/card", "--out", "later/certificate"];
    office.folder.amanat(&[&certify[..], &AUTHORITY].concat()).ok();
    fs::rename(office.folder.path("authority/officer"), office.folder.path("former")).unwrap();
    fs::rename(office.folder.path("later"), office.folder.path("authority/officer")).unwrap();
    shaped("renew", &renew(&[]).ok().one());
    office.say("director", &["sync"]);
    let after = office.say("director", &["status"]).remove(0);
    assert!(after["valid_until"].as_str() > before["valid_until"].as_str(), "{before} {after}");
    // A lower clearance is told to everyone with the list.
    assert_eq!(renew(&["--tier", "restricted"]).ok().one()["clearance"], "restricted");
    office.say("secretary", &["sync"]);
    office.by("secretary", &["send", "director", "x", "--tier", "secret"]).run().refused("clearance");
    office.say("secretary", &["send", "director", "x", "--tier", "restricted"]);
    // Whenever a clearance is named it is bounded, also where it is raised: the relay may hide a higher one.
    let ceilings = || fs::read_dir(office.folder.path("authority/revocations")).unwrap().count();
    assert_eq!(ceilings(), 1);
    assert_eq!(renew(&["--tier", "secret"]).ok().one()["clearance"], "secret");
    assert_eq!(ceilings(), 2);
    for more in [&[][..], &["--tier", "top-secret"]] {
        renew(more).ok();
        assert_eq!(ceilings(), 2);
    }
    // The former officer's certificate ends sooner: that takes nothing away, and is said. What bounds holds all the same.
    fs::rename(office.folder.path("authority/officer"), office.folder.path("later")).unwrap();
    fs::rename(office.folder.path("former"), office.folder.path("authority/officer")).unwrap();
    renew(&[]).refused("refused").says("certificate ends later");
    renew(&["--tier", "confidential"]).refused("refused").says("at most confidential all the same");
    office.say("secretary", &["sync"]);
    office.by("secretary", &["send", "director", "x", "--tier", "secret"]).run().refused("clearance");
    office.say("secretary", &["send", "director", "x", "--tier", "confidential"]);
    let words = ["--json", "renew", "nobody", "--authority", "authority"];
    office.folder.amanat(&words).refused("not-found");
}

#[test]
fn a_new_device_takes_the_place_of_the_others() {
    let office = Office::new();
    office.enrol("secretary", "secret");
    office.enrol("director", "secret");
    let invite =
        ["--person", "director", "--name", "Records Clerk", "--post", "Director", "--tier", "secret", "--out", "again"];
    let replaces = ["--json", "invite", "--authority", "authority", "--replaces"];
    shaped("invite", &office.folder.amanat(&[&replaces[..], &invite].concat()).ok().one());
    office.by("director", &["sync"]).run().refused("revoked");
    office.by("new", &["join", "again"]).run().ok();
    let people = office.say("secretary", &["people", "director"]);
    assert_eq!((people.len(), people[0]["devices"].as_array().unwrap().len()), (1, 1));
    office.say("secretary", &["send", "director", "after", "--tier", "secret"]);
}

/// A second officer's folder: own keys, and what is public of the first.
fn second_officer(office: &Office) {
    office.folder.amanat(&["officer", "init", "--out", "second/officer", "--name", "Desk 2"]).ok();
    for public in ["authority.cert", "relays"] {
        let (from, to) = (format!("authority/{public}"), format!("second/{public}"));
        let mut copy = std::process::Command::new("cp");
        assert!(copy.args(["-a", &from, &to]).current_dir(office.folder.path("")).status().unwrap().success());
    }
    let certify = ["authority", "certify", "officer", "second/officer/card", "--out", "second/officer/certificate"];
    office.folder.amanat(&[&certify[..], &AUTHORITY].concat()).ok();
}

// [DELIV-200] [DELIV-201]
#[test]
fn an_officer_is_revoked_and_another_goes_on() {
    let office = Office::new();
    office.enrol("secretary", "secret");
    office.invite("clerk", "official", &[]).ok();
    second_officer(&office);
    let officer = "officer:authority/officer/card";
    let words = ["--json", "revoke", officer, "--reason", "compromised", "--root", "authority/root.key", "--authority"];
    let revoke = |folder: &str| office.folder.amanat(&[&words[..], &[folder]].concat());
    revoke("authority").refused("refused").says("another officer's folder");
    let no_root = ["--json", "revoke", officer, "--reason", "compromised", "--authority", "second"];
    office.folder.amanat(&no_root).refused("file").says("--root");
    let revoked = revoke("second").ok().one();
    shaped("revoke", &revoked);
    assert_eq!((&revoked["kind"], &revoked["reason"]), (&"officer".into(), &"compromised".into()));
    // An invitation that nobody has redeemed yet is worth nothing any more, and says so.
    office.by("clerk", &["join", "clerk.invitation"]).run().refused("revoked").says("another security officer");
    office.folder.amanat(&["--json", "attest", "--authority", "authority"]).refused("refused").says("another officer");
    // Whoever was enrolled before stays, and the second officer goes on.
    office.say("secretary", &["sync"]);
    office.folder.amanat(&["--json", "attest", "--authority", "second"]).ok();
    let invite = ["--person", "clerk", "--name", "C. Khan", "--post", "Clerk", "--tier", "secret", "--out", "anew"];
    office.folder.amanat(&[&["invite", "--authority", "second"][..], &invite].concat()).ok();
    office.by("new", &["join", "anew"]).run().ok();
    office.say("secretary", &["send", "clerk", "welcome", "--tier", "secret"]);
}

// [ID-44] [ID-45]
#[test]
fn the_21st_revocation_in_an_hour_takes_two_officers() {
    let office = Office::new();
    office.enrol("secretary", "secret");
    office.enrol("director", "secret");
    second_officer(&office);
    for place in 0..20 {
        revoke(&office, &format!("{place:064x}"), &[]).ok();
    }
    let refused = revoke(&office, "director", &[]).refused("needs-cosign").says("amanat cosign");
    let line = &refused.json()[0];
    shaped("revoke", line);
    let file = line["needs_cosign"][0].as_str().unwrap().to_owned();
    office.say("director", &["sync"]);
    // One signature is not enough, however often it is given.
    let cosign = |folder: &str| office.folder.amanat(&["--json", "cosign", &file, "--authority", folder]);
    cosign("authority").refused("refused").says("another officer");
    office.folder.amanat(&["--json", "attest", "--authority", "authority"]).ok();
    office.say("director", &["sync"]);
    let signed = cosign("second").ok().one();
    shaped("cosign", &signed);
    assert_eq!(signed["target"], format!("director@{DOMAIN}"));
    office.say("director", &["sync"]);
    // Either officer publishes it, once.
    office.folder.amanat(&["--json", "attest", "--authority", "second"]).ok();
    office.by("director", &["sync"]).run().refused("revoked");
    office.folder.amanat(&["--json", "attest", "--authority", "authority"]).ok();
    assert!(!office.folder.path(&file).exists());
    let entries = fs::read_dir(office.folder.path("authority/revocations")).unwrap().count();
    assert_eq!(entries, 21);
    office.say("secretary", &["sync"]);
}
