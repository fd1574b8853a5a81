//! Codecs: one encoding for each value, and an error, never a panic, for everything else.

use std::fmt::Debug;

use amanat_primitives::{Digest, StatementId, agree::NoisePublic, sealing::SealingPublic, sign::VerifyingKey};
use amanat_wire::{Bytes, Decode, DecodeError, Encode};
use proptest::prelude::*;

use super::*;
use crate::{
    AuditorCard, AuthorityCertificate, AuthorityKeys, Enrolment, Invitation, OfficerCard, OfficerChain, OfficerKeys,
    Reason, RelayCard, RelayKeys, RevocationEntry, SignedStatus, Target,
    armour::{self, ArmourError, FileKind},
    body::{
        AuditorBody, AuthorityBody, DeviceBody, GrantBody, OfficerBody, Powers, ReceiptBody, RegisterHead, RelayBody,
        RevocationBody, StatusBody,
    },
    statement::Version,
};

/// Cut, lengthened or with one byte changed, no other value and no second encoding of this one appears.
fn one_encoding<T: Encode + Decode + PartialEq + Debug>(value: &T, at: prop::sample::Index, mask: u8) {
    let bytes = value.to_bytes();
    assert_eq!(T::from_bytes(&bytes).as_ref(), Ok(value));
    let step = bytes.len() / 64 + 1;
    for cut in (0..bytes.len()).step_by(step) {
        assert!(T::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(T::from_bytes(&longer), Err(DecodeError::LeftOver));
    let mut other = bytes;
    let at = at.index(other.len());
    other[at] ^= mask;
    if let Ok(decoded) = T::from_bytes(&other) {
        assert_eq!(decoded.to_bytes(), other);
    }
}

fn text<T: std::str::FromStr + Debug>(pattern: &'static str) -> impl Strategy<Value = T> {
    pattern.prop_filter_map("breaks the rule", |text| text.parse().ok())
}

fn key() -> impl Strategy<Value = VerifyingKey> {
    any::<[u8; 32]>().prop_map(VerifyingKey::from_bytes)
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_bytes)
}

fn id() -> impl Strategy<Value = StatementId> {
    digest().prop_map(StatementId::from)
}

fn keys() -> impl Strategy<Value = (VerifyingKey, NoisePublic, SealingPublic)> {
    (key(), any::<[u8; 32]>(), any::<u8>())
        .prop_map(|(key, noise, fill)| (key, NoisePublic::from_bytes(noise), SealingPublic::from_bytes([fill; 1216])))
}

fn grant() -> impl Strategy<Value = GrantBody> {
    let who = (text("[a-z0-9][a-z0-9._-]{0,40}"), text(".{1,30}"), text(".{1,30}"));
    let rest = (0usize..5, any::<u16>(), any::<u64>(), key(), any::<bool>());
    (who, rest).prop_map(|((handle, name, post), (tier, powers, redeem_by, enrolment_key, replaces))| GrantBody {
        handle,
        name,
        post,
        clearance: Tier::ALL[tier],
        powers: Powers::from_bits(powers),
        redeem_by: Timestamp::from_millis(redeem_by),
        enrolment_key,
        replaces,
    })
}

fn relay() -> impl Strategy<Value = RelayBody> {
    let addresses = proptest::collection::vec(text("10\\.0\\.[0-9]{1,2}\\.[0-9]:[1-9][0-9]{0,3}"), 0..8);
    (addresses, keys(), digest(), any::<bool>()).prop_map(|(addresses, keys, tls_key, allow_public)| RelayBody {
        addresses: List::new(addresses).unwrap(),
        signing: keys.0,
        noise: keys.1,
        tls_key,
        allow_public,
    })
}

fn device() -> impl Strategy<Value = DeviceBody> {
    (id(), keys(), proptest::collection::vec(any::<u16>(), 0..8)).prop_map(|(grant, keys, suites)| DeviceBody {
        grant,
        signing: keys.0,
        noise: keys.1,
        sealing: keys.2,
        suites: List::new(suites).unwrap(),
    })
}

fn status() -> impl Strategy<Value = StatusBody> {
    let head = proptest::option::of((any::<u64>(), digest()).prop_map(|(size, root)| RegisterHead { size, root }));
    (digest(), any::<u32>(), any::<u32>(), head).prop_map(
        |(revocation_list, revocation_count, policy_version, register)| StatusBody {
            revocation_list,
            revocation_count,
            policy_version,
            register,
        },
    )
}

fn statement() -> impl Strategy<Value = Statement> {
    let head = (0..StatementKind::ALL.len(), any::<[u8; 32]>(), any::<[u8; 32]>(), any::<[u64; 3]>());
    let body = proptest::collection::vec(any::<u8>(), 0..300);
    let signatures = proptest::collection::vec(any::<[u8; 32]>(), 0..3);
    (head, body, signatures).prop_map(|((kind, authority, issuer, numbers), body, signatures)| Statement {
        signed: Signed {
            version: Version,
            kind: StatementKind::ALL[kind],
            authority: KeyId::from_bytes(&authority).unwrap(),
            issuer: KeyId::from_bytes(&issuer).unwrap(),
            number: numbers[0],
            not_before: Timestamp::from_millis(numbers[1]),
            not_after: Timestamp::from_millis(numbers[2]),
            body: Bytes::new(body).unwrap(),
        },
        signatures: List::new(
            signatures
                .iter()
                .map(|half| Signature::from_bytes([*half, *half].concat().try_into().unwrap()))
                .collect::<Vec<_>>(),
        )
        .unwrap(),
    })
}

// [ID-27]
#[test]
fn an_invitation_file_may_hold_more_than_others() {
    let content = vec![7; FileKind::Grant.limit() + 1];
    let text = armour::write(FileKind::Invitation, &content).unwrap();
    assert_eq!(*armour::read(FileKind::Invitation, text.as_bytes()).unwrap(), content);
    assert!(armour::write(FileKind::Grant, &content).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn statements(value in statement(), at: prop::sample::Index, mask: u8) {
        one_encoding(&value, at, mask);
        one_encoding(&OfficerChain { certificate: value.clone() }, at, mask);
        let more = value.clone();
        one_encoding(&RevocationEntry { certificate: more.clone(), statement: more.clone(), cosignatures: List::default() }, at, mask);
        one_encoding(&SignedStatus { officer_certificate: more, statement: value }, at, mask);
    }

    #[test]
    fn chains(all in proptest::array::uniform5(statement()), at: prop::sample::Index, mask: u8) {
        let [officer_certificate, grant, device_certificate, relay_certificate, receipt] = all;
        let enrolment = Enrolment { officer_certificate, grant, device_certificate };
        one_encoding(&enrolment, at, mask);
        one_encoding(&enrolment.into_chain(relay_certificate, receipt), at, mask);
    }

    #[test]
    fn grants(value in grant(), at: prop::sample::Index, mask: u8) {
        one_encoding(&value, at, mask);
    }

    #[test]
    fn relays(value in relay(), at: prop::sample::Index, mask: u8) {
        one_encoding(&value, at, mask);
    }

    #[test]
    fn devices(value in device(), at: prop::sample::Index, mask: u8) {
        one_encoding(&value, at, mask);
    }

    #[test]
    fn statuses(value in status(), at: prop::sample::Index, mask: u8) {
        one_encoding(&value, at, mask);
    }

    #[test]
    fn staff(name in text(".{1,30}"), keys in keys(), powers: u16, at: prop::sample::Index, mask: u8) {
        let (signing, noise, sealing) = keys;
        let powers = Powers::from_bits(powers);
        let auditor = AuditorBody { name, signing, noise, sealing };
        one_encoding(&auditor, at, mask);
        let AuditorBody { name, .. } = auditor;
        one_encoding(&OfficerBody { name, signing, noise, sealing, powers }, at, mask);
    }

    #[test]
    fn small_ones(
        domain in text("[a-z]{1,20}\\.[a-z]{1,20}"), name in text(".{1,30}"), key in key(), ids in (id(), id()),
        number: u64, at: prop::sample::Index, mask: u8,
    ) {
        one_encoding(&AuthorityBody { domain, name, key }, at, mask);
        one_encoding(&ReceiptBody { grant: ids.0, certificate: ids.1 }, at, mask);
        let target = match number % 3 {
            0 => Target::Device(amanat_primitives::DeviceId::from_bytes(*ids.0.as_bytes())),
            1 => Target::Person("ayesha".parse().unwrap()),
            _ => Target::Grant(ids.0),
        };
        let reason = Reason::ALL[usize::from(mask) % Reason::ALL.len()];
        let (ceiling, note) = ((mask > 99).then_some(Tier::Secret), (mask > 99).then(|| "a note".parse().unwrap()));
        one_encoding(&RevocationBody { target, ceiling, reason, note }, at, mask);
    }

    // Every parser of outside bytes, on bytes that are anything.
    #[test]
    fn anything(bytes in proptest::collection::vec(any::<u8>(), 0..2000), typed in ".{0,60}") {
        let _ = Statement::from_bytes(&bytes);
        let _ = DeviceChain::from_bytes(&bytes);
        let _ = AuthorityCertificate::from_bytes(&bytes).map(|certificate| certificate.verify(now()));
        let _ = Invitation::from_secret_bytes(&bytes).map(|invitation| invitation.summary(now()));
        let _ = OfficerCard::from_bytes(&bytes).map(|card| card.verify().cloned());
        let _ = AuditorCard::from_bytes(&bytes).map(|card| card.verify().cloned());
        let _ = RelayCard::from_bytes(&bytes).map(|card| card.verify().cloned());
        let _ = AuthorityKeys::from_secret_bytes(&bytes);
        let _ = OfficerKeys::from_secret_bytes(&bytes);
        let _ = RelayKeys::from_secret_bytes(&bytes);
        for kind in FileKind::ALL {
            let _ = armour::read(*kind, &bytes);
        }
        let _ = crate::InvitationCode::parse(&typed);
        let _ = typed.parse::<crate::Address>();
        let _ = typed.parse::<crate::RelayAddress>();
        let _ = typed.parse::<Tier>();
    }

    // [ID-27]
    #[test]
    fn armoured(content in proptest::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index, mask: u8) {
        let kind = FileKind::Invitation;
        let text = armour::write(kind, &content).unwrap();
        assert_eq!(*armour::read(kind, text.as_bytes()).unwrap(), content);
        assert!(text.lines().all(|line| line.len() <= 64));
        let crlf = format!("\r\n {}\r\n", text.replace('\n', "\r\n"));
        assert_eq!(*armour::read(kind, crlf.as_bytes()).unwrap(), content);
        let mut altered = text.as_bytes().to_vec();
        let at = at.index(altered.len());
        altered[at] ^= mask;
        // What still reads as the same content differs in blanks alone.
        if armour::read(kind, &altered).is_ok_and(|read| *read == content) {
            let strip = |bytes: &[u8]| bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect::<Vec<_>>();
            assert_eq!(strip(&altered), strip(text.as_bytes()));
        }
    }
}

// [ID-03]
#[test]
fn reserved_and_unknown_kinds_are_refused() {
    for number in [0, 11, 12, 14, 0xffff] {
        assert_eq!(StatementKind::from_bytes(&u16::to_be_bytes(number)), Err(DecodeError::UnknownKind(number)));
    }
    for kind in StatementKind::ALL {
        assert_eq!(StatementKind::from_bytes(&kind.number().to_be_bytes()), Ok(*kind));
    }
    assert_eq!(
        StatementKind::ALL.iter().map(|kind| kind.number()).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13]
    );
    assert_eq!(Version::from_bytes(&[2]), Err(DecodeError::Invalid("version")));
}

// [ID-27]
#[test]
fn malformed_armour_is_told_apart() {
    let kind = FileKind::RelayCard;
    let text = armour::write(kind, &[7; 100]).unwrap().to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "two full lines and a short one between first and last");
    assert_eq!((lines[0], lines[1].len()), ("-----BEGIN AMANAT RELAY CARD-----", 64));
    let read = |text: &str| armour::read(kind, text.as_bytes()).map(|content| content.len());
    assert_eq!(read(&text), Ok(100));
    assert_eq!(read(&format!("\n\n  {text}\n \n")), Ok(100));

    assert_eq!(read(""), Err(ArmourError::NotArmour { expected: kind }));
    assert_eq!(read(&text[1..]), Err(ArmourError::NotArmour { expected: kind }));
    assert_eq!(read(&text.replace("AMANAT", "OTHER")), Err(ArmourError::NotArmour { expected: kind }));
    assert_eq!(read(&format!("Dear officer,\n{text}")), Err(ArmourError::NotArmour { expected: kind }));
    let found = FileKind::OfficerCard;
    let other = armour::write(found, &[7]).unwrap();
    assert_eq!(read(&other), Err(ArmourError::OtherKind { expected: kind, found }));
    assert_eq!(read(&lines[..4].join("\n")), Err(ArmourError::CutShort));
    assert_eq!(read(lines[0]), Err(ArmourError::CutShort));

    let damaged = |line| Err(ArmourError::Damaged { line });
    assert_eq!(read(&format!("{text}more")), damaged(6));
    let with = |at: usize, line: &str| {
        let mut lines = lines.clone();
        lines[at] = line;
        read(&lines.join("\n"))
    };
    assert_eq!(with(1, &lines[1].replace('B', "*")), damaged(2));
    assert_eq!(with(1, &format!("{} ", lines[1])), damaged(2));
    assert_eq!(with(1, &lines[1][..60]), damaged(2), "only the last line may be short");
    assert_eq!(with(2, ""), damaged(3));
    assert_eq!(with(3, &lines[3].replace('=', "")), damaged(4), "padding is part of the one form");
    assert_eq!(with(4, "-----END AMANAT OFFICER CARD-----"), damaged(4));
    // Bits beyond the last byte must be zero: `Bw==` is 0x07, `Bx==` would be it again.
    assert!(BASE64_TAIL.iter().all(|tail| with(3, tail).is_err()));

    let limit = kind.limit();
    assert!(armour::write(kind, &vec![0; limit]).is_ok());
    assert_eq!(armour::write(kind, &vec![0; limit + 1]).err(), Some(ArmourError::TooLarge { limit }));
    assert_eq!(read(&"\n".repeat(1 << 20)), Err(ArmourError::TooLarge { limit }));
    let full = armour::write(kind, &vec![0; limit]).unwrap();
    assert_eq!(read(&full), Ok(limit));
    let line = "A".repeat(64);
    let over = full.replacen(&line, &format!("{line}\n{line}"), 1);
    assert_eq!(read(&over), Err(ArmourError::TooLarge { limit }));
}

const BASE64_TAIL: [&str; 3] = ["Bx==", "B===", "===="];
