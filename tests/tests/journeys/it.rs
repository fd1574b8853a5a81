//! An IT team's relay (protocol-spec/07-delivery, section 9): made, checked, certified, run and stopped.

use std::{
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use amanat_tests::programs::{DOMAIN, Folder, RelayProcess, free_address};

#[test]
fn a_relay_runs_on_a_fresh_machine_within_two_minutes_and_stops_cleanly() {
    let folder = Folder::default();
    let (address, begun) = (free_address(), Instant::now());
    let listen = address.to_string();
    let init = ["init", "--dir", "relay", "--listen", &listen, "--domain", DOMAIN];
    let made = folder.amanat_relay(&init).ok();
    assert!(made.out.contains("amanat relay certify relay/relay.card"), "{made}");
    let mode = std::fs::metadata(folder.path("relay/relay.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // Before it is certified, both commands say so, and who can help.
    let check = folder.amanat_relay(&["check", "--dir", "relay"]).failed(1).says("not certified yet");
    assert!(check.out.contains("try: on the authority's machine: amanat relay certify"), "{check}");
    folder.amanat_relay(&["run", "--dir", "relay"]).failed(1).says("not certified yet").says("amanat relay certify");

    let authority = ["authority", "init", "--domain", DOMAIN, "--name", "Cabinet Office", "--out", "authority"];
    folder.amanat(&authority).ok();
    let certify = ["relay", "certify", "relay/relay.card", "--authority", "authority", "--out", "relay/relay.cert"];
    folder.amanat(&certify).ok();
    let check = folder.amanat_relay(&["check", "--dir", "relay"]).ok();
    assert!(check.out.lines().all(|line| line.starts_with("ok ") || line.starts_with("note ")), "{check}");

    for _ in 0..2 {
        let relay = RelayProcess::start(&folder.path("relay"), address);
        let log = relay.log();
        assert_eq!(relay.terminate(), Some(0), "{log}");
    }
    // The journey's own bound, authority and second start included.
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
    let log = std::fs::read_to_string(folder.path("relay.log")).unwrap();
    assert_eq!(log.matches("the relay has stopped").count(), 2, "{log}");
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");

    // `init` again keeps the keys, and so the certificate stays good.
    let key = std::fs::read(folder.path("relay/relay.key")).unwrap();
    folder.amanat_relay(&["init", "--dir", "relay"]).ok();
    assert_eq!(std::fs::read(folder.path("relay/relay.key")).unwrap(), key);
    folder.amanat_relay(&["check", "--dir", "relay"]).ok();
    folder.amanat_relay(&["init", "--dir", "relay", "--listen", "127.0.0.1:1", "--domain", DOMAIN]).failed(1);
    folder.amanat_relay(&["init", "--dir", "other"]).failed(2).says("needs a domain");
}
