//! Wrong and later clocks (protocol-spec/03-identity): the programs under Debian's `faketime`, which shifts the time that
//! they see. No program has a clock setting of its own.

use std::process::Command;

use amanat_tests::programs::{Ended, Office, RelayProcess};

use crate::shapes::shaped;

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

/// Starts the relay again with that clock.
fn restart(office: &mut Office, clock: &[&str]) {
    // The old one first: it has the port.
    drop(office.relay().take());
    *office.relay() = Some(RelayProcess::start_under(clock, &office.folder.path("relay"), office.address));
}

fn amanat(office: &Office, clock: &[&str], words: &[&str]) -> Ended {
    office.folder.program("amanat", &[&["--json"], words].concat()).under(clock).run()
}

/// An officer who is certified then, in the first one's place.
fn another_officer(office: &Office, clock: &[&str]) {
    std::fs::remove_dir_all(office.folder.path("authority/officer")).unwrap();
    amanat(office, clock, &["officer", "init", "--out", "authority/officer"]).ok();
    let (card, certificate) = ("authority/officer/card", "authority/officer/certificate");
    let certify = ["authority", "certify", "officer", card, "--out", certificate, "--authority", "authority"];
    amanat(office, clock, &certify).ok();
}

// [ID-62]
#[test]
fn another_officer_goes_on_when_the_certificate_of_the_last_has_ended() {
    if !is_here() {
        return;
    }
    let mut office = Office::new();
    office.enrol("secretary", "secret");
    let attest = ["attest", "--authority", "authority"];
    office.folder.amanat(&["revoke", "secretary", "--reason", "lost", "--authority", "authority"]).ok();
    // The first officer's certificate is good for 525,600 minutes, and ten.
    let (last, kept, ended) = (at("+525595m"), at("+525605m"), at("+525612m"));
    restart(&mut office, &kept);
    amanat(&office, &last, &attest).ok();
    drop(office.relay().take());
    let (relay, copy) = (office.folder.path("relay"), office.folder.path("copy"));
    let copied = Command::new("cp").arg("-a").arg(&relay).arg(&copy).status().unwrap();
    assert!(copied.success());
    // At a relay that goes on showing the last statement, and at one that shows none since it has been started again.
    for clock in [&kept, &ended] {
        restart(&mut office, clock);
        another_officer(&office, &ended);
        // On a machine that has no list of its own.
        std::fs::remove_dir_all(office.folder.path("authority/revocations")).unwrap();
        std::fs::remove_file(office.folder.path("authority/status")).unwrap();
        let attested = amanat(&office, &ended, &attest).ok().one();
        assert_eq!(attested["published"].as_array().unwrap().len(), 1, "{attested}");
        let entries = std::fs::read_dir(office.folder.path("authority/revocations")).unwrap();
        assert_eq!(entries.count(), 1);
        drop(office.relay().take());
        std::fs::remove_dir_all(&relay).unwrap();
        let copied = Command::new("cp").arg("-a").arg(&copy).arg(&relay).status().unwrap();
        assert!(copied.success());
    }
}

// [ID-48] [DELIV-202]
#[test]
fn whom_nobody_renews_is_revoked_as_lapsed() {
    if !is_here() {
        return;
    }
    let mut office = Office::new();
    for handle in ["secretary", "director"] {
        office.enrol(handle, "secret");
    }
    let words = ["new", "Budget", "--tier", "official", "--member", "director"];
    let group = office.say("secretary", &words).remove(0)["conversation"].as_str().unwrap().to_owned();
    office.say("director", &["sync"]);
    // Five days after their end one of the two is renewed, by an officer who is certified then.
    let late = at("+370d");
    restart(&mut office, &late);
    another_officer(&office, &late);
    let attest = ["attest", "--authority", "authority"];
    let attested = amanat(&office, &late, &attest).ok().one();
    assert_eq!(attested["lapsed"].as_array().unwrap().len(), 0, "{attested}");
    amanat(&office, &late, &["renew", "secretary", "--authority", "authority"]).ok();
    office.by("secretary", &["sync"]).under(&late).run().ok();
    // Ten days later the other one counts as revoked.
    let later = at("+380d");
    restart(&mut office, &later);
    office.by("director", &["sync"]).under(&later).run().refused("expired").says("renew");
    let attested = amanat(&office, &later, &attest).ok().one();
    shaped("attest", &attested);
    assert_eq!(attested["lapsed"].as_array().unwrap().len(), 1, "{attested}");
    assert_eq!(amanat(&office, &later, &attest).ok().one()["lapsed"].as_array().unwrap().len(), 0);
    office.by("director", &["sync"]).under(&later).run().refused("revoked").says("new invitation");
    let renew = ["renew", "director", "--authority", "authority"];
    amanat(&office, &later, &renew).refused("not-found").says("new invitation");
    // And leaves the conversation, as whoever is revoked does.
    let told = office.by("secretary", &["sync", "--wait", "20"]).under(&later).run().ok();
    assert!(told.err.contains("lapsed"), "{told}");
    office.by("secretary", &["send", &group, "alone"]).under(&later).run().ok();
    let members = office.by("secretary", &["members", &group]).under(&later).run().ok().json();
    assert_eq!(members.len(), 1, "{members:?}");
}

/// What a shell would do with files of the folder.
fn shell(office: &Office, words: &[&str]) {
    assert!(Command::new(words[0]).args(&words[1..]).current_dir(office.folder.path("")).status().unwrap().success());
}

// [DELIV-207]
#[test]
fn a_renewal_that_a_restored_relay_refuses_does_not_stop_the_rest() {
    if !is_here() {
        return;
    }
    let mut office = Office::new();
    for handle in ["secretary", "director"] {
        office.enrol(handle, "secret");
    }
    let late = at("+370d");
    let amanat = |office: &Office, words: &[&str]| {
        office.folder.program("amanat", &[&["--json"], words].concat()).under(&late).run()
    };
    office.stop_relay();
    shell(&office, &["cp", "-a", "relay", "copy"]);
    let start = |office: &mut Office| {
        *office.relay() = Some(RelayProcess::start_under(&late, &office.folder.path("relay"), office.address));
    };
    start(&mut office);
    // Two officers are certified in the second year; one renews the secretary, and is revoked by the other.
    shell(&office, &["rm", "-r", "authority/officer"]);
    for name in ["authority/officer", "other"] {
        amanat(&office, &["officer", "init", "--out", name, "--name", name]).ok();
        let (card, certificate) = (format!("{name}/card"), format!("{name}/certificate"));
        let certify = ["authority", "certify", "officer", &card, "--out", &certificate, "--authority", "authority"];
        amanat(&office, &certify).ok();
    }
    amanat(&office, &["renew", "secretary", "--authority", "authority"]).ok();
    drop(office.relay().take());
    shell(&office, &["mv", "authority/officer", "former"]);
    shell(&office, &["mv", "other", "authority/officer"]);
    shell(&office, &["rm", "-r", "relay"]);
    shell(&office, &["mv", "copy", "relay"]);
    start(&mut office);
    let revoke = ["revoke", "officer:former/card", "--reason", "left", "--root", "authority/root.key"];
    amanat(&office, &[&revoke[..], &["--authority", "authority"]].concat()).ok();
    // The relay has lost the renewal and does not take it any more; it gets the statement, with who has lapsed.
    let later = at("+380d");
    drop(office.relay().take());
    *office.relay() = Some(RelayProcess::start_under(&later, &office.folder.path("relay"), office.address));
    let attest = ["--json", "attest", "--authority", "authority"];
    let attested = office.folder.program("amanat", &attest).under(&later).run().ok().one();
    let counts = ["lapsed", "not_renewed", "published", "waiting"].map(|name| attested[name].as_array().unwrap().len());
    assert_eq!(counts, [1, 1, 1, 0], "{attested}");
}
