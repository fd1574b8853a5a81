//! Files that are not what they should be (protocol-spec/03-identity and 07-delivery, section 9).

use std::{fs, os::unix::fs::PermissionsExt as _};

use amanat_tests::programs::{DOMAIN, Office, free_address};

/// What somebody may hand over in the place of a file of ours.
fn garbage(office: &Office) -> Vec<(&'static str, Vec<u8>)> {
    let invitation = fs::read(office.folder.path("secretary.invitation")).unwrap();
    let mut glued = invitation.clone();
    glued.extend_from_slice(&invitation);
    vec![
        ("empty", Vec::new()),
        ("zeros", vec![0; 5000]),
        ("not UTF-8", b"-----BEGIN AMANAT INVITATION-----\n\xff\xfe\n".to_vec()),
        ("begins only", b"-----BEGIN AMANAT INVITATION-----\n".to_vec()),
        ("empty inside", b"-----BEGIN AMANAT INVITATION-----\n-----END AMANAT INVITATION-----\n".to_vec()),
        ("another kind", fs::read(office.folder.path("authority/authority.cert")).unwrap()),
        ("cut short", invitation[..invitation.len() / 2].to_vec()),
        ("twice", glued),
        ("a long line", vec![b'A'; 300_000]),
        ("very long", vec![b'\n'; 30_000_000]),
    ]
}

#[test]
fn files_that_are_not_what_they_should_be_are_refused_and_the_right_ones_still_work() {
    let mut office = Office::new();
    office.stop_relay();
    office.invite("secretary", "secret", &[]).ok();
    for (what, bytes) in garbage(&office) {
        println!("{what}");
        office.folder.write("garbage", &bytes);
        let refused = office.by("secretary", &["join", "garbage"]).run();
        assert_eq!(refused.code, Some(1), "{refused}");
        office.folder.amanat(&["join", "garbage", "--profile", "secretary"]).failed(1);
        let certify = ["relay", "certify", "garbage", "--authority", "authority", "--out", "out"];
        office.folder.amanat(&certify).failed(1);
        let certify = ["authority", "certify", "officer", "garbage", "--authority", "authority", "--out", "out"];
        office.folder.amanat(&certify).failed(1);
    }
    office.by("secretary", &["join", "nowhere"]).run().refused("file");
    office.by("secretary", &["join", "authority"]).run().refused("file");
    assert!(!office.folder.path("secretary").exists() && !office.folder.path("out").exists());

    authority_folder(&office);
    relay_files(&office);
    relay_toml(&office);

    office.start_relay();
    office.by("secretary", &["join", "secretary.invitation"]).run().ok();
    office.say("secretary", &["people"]);
}

fn authority_folder(office: &Office) {
    let elsewhere = ["--json", "attest", "--authority", "nowhere"];
    office.folder.amanat(&elsewhere).refused("file");
    for name in ["authority/authority.cert", "authority/officer/keys", "authority/officer/certificate"] {
        let path = office.folder.path(name);
        let good = fs::read(&path).unwrap();
        for bad in [&b"garbage"[..], &good[..good.len() / 3], &[]] {
            fs::write(&path, bad).unwrap();
            let refused = office.invite("late", "secret", &[]);
            assert_eq!(refused.code, Some(1), "{name}: {refused}");
            assert!(
                ["certificate", "damaged", "file"].contains(&refused.one()["error"].as_str().unwrap()),
                "{refused}"
            );
        }
        fs::write(&path, good).unwrap();
    }
    assert!(!office.folder.path("late.invitation").exists());
}

fn relay_files(office: &Office) {
    for name in ["relay.cert", "relay.key"] {
        let path = office.folder.path("relay").join(name);
        let good = fs::read(&path).unwrap();
        for bad in
            [&b"garbage"[..], &good[..good.len() / 2], &[], &fs::read(office.folder.path("relay/relay.card")).unwrap()]
        {
            fs::write(&path, bad).unwrap();
            office.folder.amanat_relay(&["run", "--dir", "relay"]).failed(1).says(name);
            office.folder.amanat_relay(&["check", "--dir", "relay"]).failed(1).says(name);
        }
        fs::write(&path, good).unwrap();
    }
    let key = office.folder.path("relay/relay.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    office.folder.amanat_relay(&["run", "--dir", "relay"]).failed(1).says("chmod 600");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    office.folder.amanat_relay(&["check", "--dir", "relay"]).ok();
}

fn relay_toml(office: &Office) {
    let path = office.folder.path("relay/relay.toml");
    let good = fs::read_to_string(&path).unwrap();
    let broken = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let listen = format!("listen = [\"{}\"]", office.address);
    for (bad, says) in [
        (format!("{good}\nlisten_on = 5\n"), "listen_on"),
        (broken("[limits]", "[limits]\nconections = 5"), "conections"),
        (broken("# connections = 20000", "connections = \"many\""), "expected u32"),
        (broken("# free_disk_mib = 1024", "free_disk_mib = 1"), "free_disk_mib"),
        (broken("[quotas]", "[quotas"), "relay.toml"),
        (broken(DOMAIN, "other.example"), "other.example"),
        (broken(&listen, "listen = []"), "listen"),
        (broken(&listen, "listen = [\"relay\"]"), "listen"),
        (broken(&listen, "listen = [\"0.0.0.0:7443\"]"), "every address"),
        (broken(&listen, "listen = [\"8.8.8.8:7443\"]"), "8.8.8.8"),
        (String::new(), "relay.toml"),
        ("\0\0\0".into(), "relay.toml"),
        ("x".repeat(2_000_000), "relay.toml"),
    ] {
        fs::write(&path, bad).unwrap();
        office.folder.amanat_relay(&["check", "--dir", "relay"]).failed(1).says(says);
        office.folder.amanat_relay(&["run", "--dir", "relay"]).failed(1).says(says);
    }
    fs::remove_file(&path).unwrap();
    office.folder.amanat_relay(&["run", "--dir", "relay"]).failed(1).says("relay.toml");
    // Somebody else has the port.
    let taken = std::net::TcpListener::bind(free_address()).unwrap();
    let other = format!("listen = [\"{}\"]", taken.local_addr().unwrap());
    fs::write(&path, broken(&listen, &other)).unwrap();
    office.folder.amanat_relay(&["run", "--dir", "relay"]).failed(1).says(&taken.local_addr().unwrap().to_string());
    fs::write(&path, &good).unwrap();
    office.folder.amanat_relay(&["check", "--dir", "relay"]).ok();
}
