//! Wrong and later clocks (protocol-spec/03-identity): the programs under Debian's `faketime`, which shifts the time that
//! they see. No program has a clock setting of its own.

use std::process::Command;

use amanat_tests::programs::{Office, RelayProcess};

/// The command that shifts the clock of what follows; timers keep their pace.
fn at(shift: &str) -> [&str; 5] {
    ["faketime", "--exclude-monotonic", "-m", "-f", shift]
}

/// Whether `faketime` is here. Continuous integration cannot do without it.
fn is_here() -> bool {
    let here = Command::new("faketime").arg("--version").output().is_ok_and(|output| output.status.success());
    if !here {
        assert!(std::env::var_os("CI").is_none(), "faketime is missing: tests/run installs it");
        println!("left out: faketime is not installed (apt install faketime)");
    }
    here
}

#[test]
fn invitations_and_status_statements_lapse_and_a_wrong_clock_is_named() {
    if !is_here() {
        return;
    }
    let mut office = Office::new();
    office.enrol("secretary", "secret");
    office.enrol("director", "secret");
    let first = office.say("secretary", &["send", "director", "in time", "--tier", "confidential"]).remove(0);
    let conversation = first["conversation"].as_str().unwrap().to_owned();

    // An invitation is good for seven days.
    office.invite("clerk", "official", &[]).ok();
    let join = office.by("clerk", &["join", "clerk.invitation"]);
    join.clone().under(&at("+8d")).run().refused("expired").says("ask the officer for a new one");
    // A clock an hour behind: the certificates are not valid yet, and it is the clock that is named.
    join.clone().under(&at("-1h")).run().refused("clock").says("clock");
    for words in [&["sync"][..], &["send", &conversation, "x"], &["send", "director", "x"]] {
        office.by("secretary", words).under(&at("-1h")).run().refused("clock").says("clock");
    }
    // An hour ahead: it works as far as it can, the difference is named, and nothing is begun that others would refuse.
    let ahead = office.by("director", &["sync"]).under(&at("+1h")).run().ok();
    assert!(ahead.err.contains("\"notice\":\"clock-skew\""), "{ahead}");
    office.by("director", &["send", "secretary", "x", "--tier", "restricted"]).under(&at("+1h")).run().refused("clock");
    // With the right clock all is as before.
    join.run().ok();
    office.say("director", &["send", "secretary", "on time", "--tier", "restricted"]);
    office.say("secretary", &["sync"]);

    later(&mut office, &conversation);
}

/// Three days later, for the relay as for everyone: the status statement of the first day has lapsed.
fn later(office: &mut Office, conversation: &str) {
    let later = at("+3d");
    office.stop_relay();
    *office.relay() = Some(RelayProcess::start_under(&later, &office.folder.path("relay"), office.address));
    let by = |office: &Office, words: &[&str]| office.by("secretary", words).under(&later).run();
    let lapsed = by(office, &["status"]).ok();
    assert!(lapsed.err.contains("\"notice\":\"status-expired\""), "{lapsed}");
    assert_eq!(lapsed.one()["status"]["expired"], true);
    by(office, &["send", conversation, "not now"]).refused("status-expired").says("amanat attest");
    by(office, &["send", "director", "goes", "--tier", "restricted"]).ok();
    // The officer signs a new one, and it goes on.
    office.folder.program("amanat", &["attest", "--authority", "authority"]).under(&later).run().ok();
    by(office, &["send", conversation, "now"]).ok();
    office.by("director", &["sync"]).under(&later).run().ok();
    let read = office.by("director", &["read", conversation]).under(&later).run().ok().json();
    let texts: Vec<_> = read.iter().map(|line| line["text"].as_str().unwrap()).collect();
    assert_eq!(texts.first().copied(), Some("in time"));
    assert_eq!(texts.last().copied(), Some("now"));
}
