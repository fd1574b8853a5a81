//! Samples of what the officer's commands print.

use super::*;

pub(super) fn authority_objects(samples: &mut Samples) {
    samples.add(
        "authority init",
        &AuthorityMade {
            authority: "a0".repeat(32),
            domain: "cabinet.example".into(),
            name: "Cabinet Division".into(),
            certificate: "authority/authority.cert".into(),
            root: "authority/root.key".into(),
            officer_valid_until: utc(AT),
            status_number: 1_935_652_087_250,
            status_next_update: utc(AT),
        },
    );
    samples.add(
        "officer init, auditor init",
        &CardMade { role: "officer", name: "Security officer".into(), card: "desk2/card".into() },
    );
    samples.add(
        "authority certify",
        &Certified {
            role: "officer",
            name: "Security officer".into(),
            valid_until: utc(AT),
            out: "desk2/certificate".into(),
        },
    );
    samples.add(
        "relay certify",
        &RelayCertified {
            relay: "5e".repeat(32),
            domain: "cabinet.example".into(),
            addresses: vec!["10.0.0.5:7443".into()],
            public: false,
            valid_until: utc(AT),
            out: "relay/relay.cert".into(),
        },
    );
    for code in [None, Some("K7QF-2M9X-0000-1111-2222-3333".to_owned())] {
        samples.add(
            "invite",
            &Invited {
                address: person().address.to_string(),
                name: "Private Secretary".into(),
                post: "Secretary".into(),
                clearance: "secret",
                grant: "9a".repeat(32),
                redeem_by: utc(AT),
                out: "secretary.invitation".into(),
                code,
            },
        );
    }
    for lapsed in [vec![], vec![DEVICE.to_string()]] {
        let (number, next_update) = (1_935_652_087_250, utc(AT));
        let published = vec!["10.0.0.5:7443".into()];
        let (waiting, needs_cosign, not_renewed) = (vec![], vec![], vec![]);
        samples.add("attest", &Attested { number, next_update, lapsed, published, waiting, needs_cosign, not_renewed });
    }
}

pub(super) fn revocation_objects(samples: &mut Samples) {
    let relay = || vec!["10.0.0.5:7443".to_owned()];
    let number = 1_935_652_087_250;
    let (address, device) = (person().address.to_string(), DEVICE.to_string());
    for (target, kind, published, waiting, needs_cosign) in [
        (address.clone(), "person", relay(), vec![], vec![]),
        (device, "device", vec![], relay(), vec![]),
        (address.clone(), "person", relay(), vec![], vec!["A/outbox/9a3f62d1c07be845.proposal".to_owned()]),
    ] {
        samples.add("revoke", &Revoked { target, kind, reason: "lost", number, published, waiting, needs_cosign });
    }
    samples.add(
        "cosign",
        &Cosigned {
            file: "9a3f62d1c07be845.proposal".into(),
            target: address,
            kind: "person",
            reason: "lost",
            at: utc(AT),
            proposed_by: "First security officer".into(),
        },
    );
}

pub(super) fn renewal_objects(samples: &mut Samples) {
    let devices = vec![DEVICE.to_string()];
    let address = person().address.to_string();
    let (clearance, valid_until, officer_ends_first) = ("secret", utc(AT), true);
    samples.add("renew", &Renewed { address, clearance, devices, valid_until, officer_ends_first });
}
