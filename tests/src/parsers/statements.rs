//! Signed statements and what carries them (protocol-spec/03-identity).

use amanat_identity::{
    Address, AuthorityCertificate, CertifiedRelay, Cosignature, DeviceChain, DeviceCode, Domain, Enrolment, Handle,
    Invitation, InvitationCode, KeyId, OfficerCard, OfficerChain, PersonName, Proposal, RelayCard, Renewal,
    RevocationEntry, RevocationList, SignedStatus, Statement, StatusView, Target, Tier, approval,
    armour::{self, FileKind},
};
use amanat_primitives::{Timestamp, passphrase::WorkPolicy};
use amanat_wire::{Encode as _, client::StatusUpdate};

use super::{World, canonical, world};

/// A device's whole chain, verified.
pub(super) mod device_chain {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        let Some(chain) = canonical::<DeviceChain>(bytes) else { return false };
        world::with(|world| chain.verify(world.office.authority(), world::NOW, Timestamp::CLOCK_TOLERANCE).is_ok())
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        vec![world.member.chain.to_bytes()]
    }
}

/// Every other statement and paper: the first byte says which.
pub(super) mod papers_of_office {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        let Some((which, bytes)) = bytes.split_first() else { return false };
        world::with(|world| {
            let (authority, now) = (world.office.authority(), world::NOW);
            match which % 11 {
                0 => canonical::<AuthorityCertificate>(bytes).is_some_and(|said| said.verify(now).is_ok()),
                1 => canonical::<OfficerChain>(bytes).is_some_and(|said| said.verify(authority, now).is_ok()),
                2 => canonical::<Enrolment>(bytes)
                    .is_some_and(|said| said.verify(authority, now, &StatusView::new()).is_ok()),
                3 => canonical::<Renewal>(bytes).is_some_and(|said| said.said().is_ok()),
                4 => canonical::<RevocationEntry>(bytes).is_some_and(|said| said.said().is_ok()),
                5 => canonical::<approval::Approval>(bytes).is_some_and(|said| said.said().is_ok()),
                6 => canonical::<Proposal>(bytes).is_some_and(|said| said.verify(authority, now).is_ok()),
                7 => canonical::<OfficerCard>(bytes).is_some_and(|said| said.verify().is_ok()),
                8 => canonical::<RelayCard>(bytes).is_some_and(|said| said.verify().is_ok()),
                9 => canonical::<CertifiedRelay>(bytes).is_some_and(|said| said.verify(now).is_ok()),
                _ => canonical::<Cosignature>(bytes).is_some() || canonical::<Statement>(bytes).is_some(),
            }
        })
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        let office = &world.office;
        let number = |which: u8, bytes: Vec<u8>| [&[which][..], &bytes].concat();
        let (_, revoked) = office.revoke(&[], &[Target::Device(world.member.device.id())], world::NOW);
        vec![
            number(1, office.officer_chain().to_bytes()),
            number(2, world.member.chain.enrolment().to_bytes()),
            number(4, revoked.first().unwrap().to_bytes()),
            number(7, office.officer_keys.card("Officer".parse().unwrap()).to_bytes()),
            number(9, office.certified_relay().to_bytes()),
            number(10, office.relay_certificate.to_bytes()),
        ]
    }
}

/// A status statement, verified and judged against none before.
pub(super) mod status_update {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        if canonical::<StatusUpdate>(bytes).is_some() {
            return true;
        }
        let Some(signed) = canonical::<SignedStatus>(bytes) else { return false };
        world::with(|world| {
            let Ok(status) = signed.verify(world.office.authority(), world::NOW) else { return false };
            StatusView::new().judge(status, &[], world.office.authority()).is_ok()
        })
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        vec![world.office.status(world::NOW).to_bytes()]
    }
}

/// A list of revocations of one entry, as an officer's machine checks it before signing.
pub(super) mod revocations {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        let Some(entry) = canonical::<RevocationEntry>(bytes) else { return false };
        let number = SignedStatus::next_number(None, world::NOW);
        world::with(|world| RevocationList::of(&[entry], world.office.authority(), number, world::NOW).is_ok())
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        let targets = [Target::Device(world.member.device.id()), Target::Device(world.founder.device.id())];
        let (_, entries) = world.office.revoke(&[], &targets, world::NOW);
        entries.iter().map(|entry| entry.to_bytes()).collect()
    }
}

/// An invitation, opened.
pub(super) mod invitation {
    use super::*;

    fn of(world: &World) -> Invitation {
        use rand_chacha::rand_core::SeedableRng as _;
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(13);
        world.office.invite(&mut rng, "clerk", Tier::Official, world::NOW)
    }

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        let Ok(invitation) = Invitation::from_secret_bytes(bytes) else { return false };
        assert_eq!(*invitation.to_secret_bytes(), bytes, "two encodings of one invitation");
        invitation.summary(world::NOW).is_ok() && invitation.open(None, &WorkPolicy::FOR_TESTS, world::NOW).is_ok()
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        vec![of(world).to_secret_bytes().to_vec()]
    }
}

/// An armoured file of any kind.
pub(super) mod armoured_file {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        FileKind::ALL.iter().any(|kind| armour::read(*kind, bytes).is_ok())
    }

    pub(in super::super) fn seeds(world: &World) -> Vec<Vec<u8>> {
        let status = world.office.status(world::NOW).to_bytes();
        vec![armour::write(FileKind::Status, &status).unwrap().as_bytes().to_vec()]
    }
}

/// What people type: addresses, names, codes, ids.
pub(super) mod typed {
    use super::*;

    pub(in super::super) fn feed(bytes: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        let own: Domain = "interior.gov.pk".parse().unwrap();
        let address = text.parse::<Address>().is_ok_and(|address| {
            assert_eq!(address.to_string().parse::<Address>().ok().as_ref(), Some(&address));
            true
        });
        let parsed = [
            Address::parse_in(text, &own).is_ok(),
            text.parse::<Handle>().is_ok(),
            text.parse::<PersonName>().is_ok(),
            text.parse::<KeyId>().is_ok(),
            text.parse::<Tier>().is_ok(),
            InvitationCode::parse(text).is_some(),
            DeviceCode::parse(text).is_some(),
        ];
        address || parsed.contains(&true)
    }

    pub(in super::super) fn seeds(_: &World) -> Vec<Vec<u8>> {
        ["secretary@interior.gov.pk", "عائشہ صدیقی", "top-secret", "7f3k-9qzd-m2xw-04hp"]
            .map(|text| text.as_bytes().to_vec())
            .to_vec()
    }
}
