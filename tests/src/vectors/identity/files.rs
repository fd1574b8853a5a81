//! Cards, invitations, safety numbers, secret keys and the text form of files (protocol-spec/03-identity, sections 5, 6,
//! 10 and 11).

use amanat_identity::{
    OfficerKeys, RelayKeys, StatementKind, armour,
    armour::FileKind,
    card::{AuditorRequest, OfficerRequest, RelayRequest},
};
use amanat_primitives::{
    Digest, Label,
    passphrase::{self, WorkPolicy},
};
use amanat_wire::{Encode, List};

use super::{
    super::forge::{
        AUDITOR, AYESHA, BILAL, DAY, ENROLMENT, MINUTE, NOBODY, OFFICER, RELAY, ROOT, Repeated, SECOND_DEVICE,
        SECOND_OFFICER, T0, TLS_KEY, authority, noise, officer, plan, public, relay, sealing, signing,
    },
    Vector, status, vector,
};

pub(super) fn make() -> Vec<Vector> {
    [cards(), invitations(), numbers(), secrets(), armoured()].concat()
}

fn secret_bytes(holder: u8, seeds: &[u8]) -> Vec<u8> {
    [1, holder].into_iter().chain(seeds.iter().flat_map(|seed| [*seed; 32])).collect()
}

fn relay_secret() -> Vec<u8> {
    [secret_bytes(4, &[RELAY, RELAY + 1, TLS_KEY]), vec![0x0c; 48]].concat()
}

/// A card as it stands on the wire, signed by this key under this label.
fn card_bytes(kind: StatementKind, request: &impl Encode, by: u8, label: Label) -> Vec<u8> {
    let signed = [vec![1], kind.to_bytes(), request.to_bytes()].concat();
    let signature = signing(by).sign(label, &signed);
    [signed.as_slice(), signature.as_bytes()].concat()
}

fn officer_request() -> OfficerRequest {
    OfficerRequest {
        name: "Security Officer".parse().unwrap(),
        signing: public(OFFICER),
        noise: noise(OFFICER + 1),
        sealing: sealing(OFFICER + 2),
    }
}

fn auditor_request() -> AuditorRequest {
    AuditorRequest {
        name: "Auditor".parse().unwrap(),
        signing: public(AUDITOR),
        noise: noise(AUDITOR + 1),
        sealing: sealing(AUDITOR + 2),
    }
}

fn relay_request() -> RelayRequest {
    RelayRequest {
        domain: "interior.gov.pk".parse().unwrap(),
        addresses: List::new(vec!["10.0.0.1:7443".parse().unwrap()]).unwrap(),
        signing: public(RELAY),
        noise: noise(RELAY + 1),
        tls_key: Digest::from_bytes([TLS_KEY; 32]),
    }
}

/// A card, read as one that asks for this kind of certificate.
fn card(name: &str, rules: &str, comment: &str, kind: u8, bytes: &[u8]) -> Vector {
    vector("card", &format!("card-{name}"), rules, comment).text("kind", kind).bytes("card", bytes)
}

fn cards() -> Vec<Vector> {
    let officer = |by, label| card_bytes(StatementKind::OfficerCertificate, &officer_request(), by, label);
    let auditor = |by, label| card_bytes(StatementKind::AuditorCertificate, &auditor_request(), by, label);
    let relay = |by, label| card_bytes(StatementKind::RelayCertificate, &relay_request(), by, label);
    let own = OfficerKeys::from_secret_bytes(&secret_bytes(2, &[OFFICER, OFFICER + 1, OFFICER + 2])).unwrap();
    assert_eq!(own.card(officer_request().name).to_bytes(), officer(OFFICER, Label::CARD));
    let mut out = officer_cards(&officer(OFFICER, Label::CARD));
    let of = |name: &str, is: &str, kind, card: &dyn Fn(u8, Label) -> Vec<u8>, owner| {
        of_each_kind(
            (name, is),
            kind,
            (&card(owner, Label::CARD), &card(NOBODY, Label::CARD), &card(owner, Label::STATEMENT)),
        )
    };
    out.extend(of("officer", "An officer's card", 2, &officer, OFFICER));
    out.extend(of("auditor", "An auditor's card", 3, &auditor, AUDITOR));
    out.extend(of("relay", "A relay's card", 4, &relay, RELAY));
    let other =
        |name: &str, comment: &str, kind, bytes: &[u8]| card(name, "ID-10", comment, kind, bytes).refused("invalid");
    out.extend([
        other("relay-as-officer", "A relay's card where an officer's is asked for", 2, &relay(RELAY, Label::CARD)),
        other(
            "officer-as-auditor",
            "An officer's card where an auditor's is asked for",
            3,
            &officer(OFFICER, Label::CARD),
        ),
        other("auditor-as-relay", "An auditor's card where a relay's is asked for", 4, &auditor(AUDITOR, Label::CARD)),
    ]);
    out
}

/// What has to be so of a card of whatever kind: good, by another key, under another label.
fn of_each_kind(
    (name, is): (&str, &str),
    kind: u8,
    (good, by_other, other_label): (&[u8], &[u8], &[u8]),
) -> Vec<Vector> {
    let bad = |how: &str, says: &str, word, rules: &str, bytes: &[u8]| {
        card(&format!("{name}-{how}"), rules, &format!("{is}, {says}"), kind, bytes).refused(word)
    };
    // The first letter of the name, or of the domain, behind version, kind and a length.
    let mut altered = good.to_vec();
    altered[4] ^= 1;
    vec![
        card(name, "ID-10", is, kind, good),
        bad("other-key", "signed by another key than the one in it", "bad_card", "ID-10", by_other),
        bad("other-label", "signed under another label", "bad_card", "ID-10", other_label),
        bad("altered", "a letter of its name altered", "bad_card", "ID-10", &altered),
        bad("cut", "cut short", "cut_short", "WIRE-02", &good[..good.len() - 1]),
        bad("left-over", "and a byte behind it", "left_over", "WIRE-02", &[good, &[0]].concat()),
    ]
}

fn officer_cards(good: &[u8]) -> Vec<Vector> {
    let mut altered = good.to_vec();
    altered[good.len() - 1] ^= 1;
    vec![
        card("altered-signature", "ID-10", "The signature altered", 2, &altered).refused("bad_card"),
        card("unknown-kind", "ID-03", "A card of kind 0x0200", 2, &[&[1, 2, 0], &good[3..]].concat())
            .refused("unknown_kind"),
        card("version-2", "ID-10", "Version 2", 2, &[&[2], &good[1..]].concat()).refused("invalid"),
    ]
}

fn invitations() -> Vec<Vector> {
    const CODE: &str = "K7QF-2M9X-0123-4567-89AB-CDEF";
    let head = |grant: &[u8]| {
        [
            &[1],
            authority(ROOT, "interior.gov.pk").statement().to_bytes().as_slice(),
            &officer(OFFICER, "Security Officer").statement().to_bytes(),
            grant,
        ]
        .concat()
    };
    let chain = plan(AYESHA, "ayesha").chain();
    let grant = chain.grant.to_bytes();
    let relays = [vec![0, 1], relay().statement().to_bytes()].concat();
    let plain = |seed: u8| [vec![0], vec![0], vec![seed; 32]].concat(); // no status, form 0
    let good = [head(&grant), relays.clone(), plain(ENROLMENT)].concat();
    let of = |name: &str, rules, comment: &str, now: u64, bytes: &[u8]| {
        vector("invitation", &format!("invitation-{name}"), rules, comment).bytes("invitation", bytes).text("now", now)
    };
    let code: String = CODE.chars().filter(|c| *c != '-').collect();
    let locked = passphrase::lock(
        Label::INVITATION_CODE,
        code.as_bytes(),
        &WorkPolicy::STANDARD,
        &[ENROLMENT; 32],
        &mut Repeated(0x5c),
    );
    let locked = locked.unwrap();
    let length = u16::try_from(locked.len()).unwrap().to_be_bytes();
    let under_code = [head(&grant), relays.clone(), vec![0, 1], length.to_vec(), locked].concat();
    let status = status_bytes();
    let with_status = [head(&grant), relays.clone(), vec![1], status.clone(), vec![0], vec![ENROLMENT; 32]].concat();
    let mut bad_status = with_status.clone();
    let place = bad_status.len() - 33 - 1;
    bad_status[place] ^= 1;
    let altered = {
        let mut bytes = good.clone();
        let place = head(&[]).len() + 100; // in the grant's body
        bytes[place] ^= 1;
        bytes
    };
    let by_second = plan(AYESHA, "ayesha").with(|plan| plan.grant.by = SECOND_OFFICER).chain().grant.to_bytes();
    vec![
        of("plain", "ID-16", "An invitation whose secret is plain", T0, &good),
        of("status", "ID-28", "With a status statement", T0, &with_status),
        of(
            "status-lapsed",
            "ID-28",
            "Its status statement's officer ends with the authority's other statements: the next update alone is past",
            T0 + 3 * DAY,
            &with_status,
        ),
        of("status-altered", "ID-28", "Its status statement altered", T0, &bad_status).refused("bad_signature"),
        of("code", "ID-16", "Under a code, typed as it is shown", T0, &under_code).text("code", CODE),
        of("code-sloppy", "ID-16", "The code as people type it", T0, &under_code)
            .text("code", "k7qf 2m9x o1L3 4567-89ab cdef".replace("o1L3", "oi23")),
        of("code-wrong", "ID-16", "Another code", T0, &under_code)
            .text("code", "K7QF-2M9X-0123-4567-89AB-CDEG")
            .refused("wrong_code"),
        of("code-short", "ID-16", "A code of 23 symbols", T0, &under_code)
            .text("code", "K7QF-2M9X-0123-4567-89AB-CDE")
            .refused("wrong_code"),
        of("code-with-u", "ID-16", "A code with U, which is no symbol", T0, &under_code)
            .text("code", "U7QF-2M9X-0123-4567-89AB-CDEF")
            .refused("wrong_code"),
        of("code-needed", "ID-16", "No code", T0, &under_code).refused("code_needed"),
        of(
            "other-secret",
            "ID-16",
            "The secret of another key",
            T0,
            &[head(&grant), relays.clone(), plain(NOBODY)].concat(),
        )
        .refused("mismatch"),
        of("redeem-by-tolerated", "ID-14", "10 minutes after redeem_by", T0 + 7 * DAY + 10 * MINUTE, &good),
        of("too-late", "ID-14", "A millisecond more", T0 + 7 * DAY + 10 * MINUTE + 1, &good).refused("grant_expired"),
        of("grant-altered", "ID-28", "The grant altered", T0, &altered).refused("bad_signature"),
        of(
            "other-officer",
            "ID-28",
            "The grant of another officer",
            T0,
            &[head(&by_second), relays.clone(), plain(ENROLMENT)].concat(),
        )
        .refused("wrong_issuer"),
        of("no-relay", "ID-28", "No relay", T0, &[head(&grant), vec![0, 0], plain(ENROLMENT)].concat())
            .refused("invalid"),
        of("nine-relays", "WIRE-03", "Nine relays", T0, &[head(&grant), vec![0, 9], plain(ENROLMENT)].concat())
            .refused("too_long"),
        of(
            "form-2",
            "WIRE-04",
            "A secret of form 2",
            T0,
            &[head(&grant), relays.clone(), vec![0, 2], vec![0; 32]].concat(),
        )
        .refused("unknown_kind"),
        of("version-0", "WIRE-02", "Version 0", T0, &[&[0], &good[1..]].concat()).refused("invalid"),
        of("left-over", "WIRE-02", "A byte behind it", T0, &[good.as_slice(), &[0]].concat()).refused("left_over"),
        of("cut", "WIRE-02", "Cut short", T0, &good[..good.len() - 1]).refused("cut_short"),
    ]
}

fn status_bytes() -> Vec<u8> {
    let listed = status::listed(vector("status", "-", "-", "-"), "status", "entry", &[], T0);
    listed.input("status")
}

fn numbers() -> Vec<Vector> {
    let of = |name: &str, comment: &str, one: (&str, &[u8]), other: (&str, &[u8])| {
        let keys = |seeds: &[u8]| seeds.iter().map(|seed| *public(*seed).as_bytes()).collect::<Vec<_>>();
        vector("safety_number", &format!("safety-number-{name}"), "ID-26", comment)
            .text("address_a", one.0)
            .list("key_a", keys(one.1))
            .text("address_b", other.0)
            .list("key_b", keys(other.1))
    };
    let (ayesha, bilal) = ("ayesha@interior.gov.pk", "bilal@interior.gov.pk");
    vec![
        of("good", "The safety number of two people with a device each", (ayesha, &[AYESHA]), (bilal, &[BILAL])),
        of("other-way-round", "The same, as the other person computes it", (bilal, &[BILAL]), (ayesha, &[AYESHA])),
        of("two-devices", "One with two devices", (ayesha, &[AYESHA, SECOND_DEVICE]), (bilal, &[BILAL])),
        of(
            "two-devices-order",
            "Whatever order the keys come in, and one that comes twice",
            (ayesha, &[SECOND_DEVICE, AYESHA, AYESHA]),
            (bilal, &[BILAL]),
        ),
        of("other-key", "Another key gives another number", (ayesha, &[NOBODY]), (bilal, &[BILAL])),
        of(
            "other-address",
            "Another address gives another number",
            ("ayesha@finance.gov.pk", &[AYESHA]),
            (bilal, &[BILAL]),
        ),
        vector("relay_tls_key", "relay-tls-key", "LINK-05", "What a relay's certificate pins").bytes("spki", b"abc"),
    ]
}

fn secrets() -> Vec<Vector> {
    let of = |name: &str, comment: &str, holder: u8, bytes: &[u8]| {
        vector("secret", &format!("secret-{name}"), "ID-09", comment).text("holder", holder).bytes("secret", bytes)
    };
    let officer = secret_bytes(2, &[OFFICER, OFFICER + 1, OFFICER + 2]);
    let relay = relay_secret();
    assert!(RelayKeys::from_secret_bytes(&relay).is_ok());
    vec![
        of("root", "The root's", 1, &secret_bytes(1, &[ROOT])),
        of("officer", "An officer's", 2, &officer),
        of("auditor", "An auditor's", 3, &secret_bytes(3, &[AUDITOR, AUDITOR + 1, AUDITOR + 2])),
        of("relay", "A relay's, with a TLS key that is none", 4, &relay),
        of("device", "A device's", 6, &secret_bytes(6, &[AYESHA, AYESHA + 1, AYESHA + 2])),
        of("other-holder", "An officer's where a device's should be", 6, &officer).refused("other_holder"),
        of("version-2", "Version 2", 2, &[&[2], &officer[1..]].concat()).refused("damaged"),
        of("cut", "Cut short", 2, &officer[..97]).refused("damaged"),
        of("left-over", "A byte behind it", 2, &[officer.as_slice(), &[0]].concat()).refused("damaged"),
        of("relay-no-tls-key", "A relay's without a TLS key", 4, &relay[..98]).refused("damaged"),
        of("relay-tls-key-long", "A relay's with a TLS key of 4,097 bytes", 4, &[&relay[..98], &[0; 4097]].concat())
            .refused("damaged"),
    ]
}

fn armoured() -> Vec<Vector> {
    let content = plan(AYESHA, "ayesha").chain().grant.to_bytes();
    let kind = FileKind::Grant;
    let good = armour::write(kind, &content).unwrap().to_string();
    let of = |name: &str, rules, comment: &str, text: &str| {
        vector("file", &format!("file-{name}"), rules, comment).text("label", kind.label()).bytes("text", text)
    };
    let bad = |name: &str, word, comment: &str, text: &str| of(name, "ID-27", comment, text).refused(word);
    let lines: Vec<&str> = good.lines().collect();
    let (first, rest) = (lines[0], &lines[1..]);
    let joined = |lines: &[&str]| format!("{}\n", lines.join("\n"));
    let other = armour::write(FileKind::Invitation, &content).unwrap().to_string();
    let large = {
        let line = format!("{}\n", "A".repeat(64));
        format!("{first}\n{}{}\n", line.repeat(342), rest[rest.len() - 1])
    };
    let mut not_base64 = lines.clone();
    let odd = lines[1].replacen(&lines[1][10..11], "*", 1);
    not_base64[1] = &odd;
    vec![
        of("good", "ID-27", "A grant in its file", &good),
        of("crlf", "ID-27", "Lines that end with CR LF", &good.replace('\n', "\r\n")),
        of("white-space", "ID-27", "White space around the whole", &format!("\n \t\n{good}\n\n")),
        bad("other-kind", "other_kind", "An invitation where a grant is asked for", &other),
        bad("none", "not_armour", "Something else", "hello\n"),
        bad("empty", "not_armour", "Nothing", ""),
        bad("unknown-label", "not_armour", "A label that nobody knows", &good.replace("GRANT", "GRANTS")),
        bad("no-end", "cut_short", "The last line is missing", &joined(&lines[..lines.len() - 1])),
        bad("empty-line", "damaged", "An empty line inside", &good.replacen('\n', "\n\n", 1)),
        bad(
            "short-line-inside",
            "damaged",
            "A shorter line before the last one",
            &joined(&[&[first, "QUJD"], rest].concat()),
        ),
        bad(
            "long-line",
            "damaged",
            "A line of 68 characters",
            &joined(&[&[first, &format!("QUJD{}", lines[1])], &lines[2..]].concat()),
        ),
        bad("not-base64", "damaged", "A character that is not of base64", &joined(&not_base64)),
        bad("not-ascii", "damaged", "A letter that is not ASCII", &good.replacen(&lines[1][..2], "é", 1)),
        bad("behind", "damaged", "Something behind the last line", &format!("{good}hello\n")),
        bad(
            "space-at-line-end",
            "damaged",
            "A space at the end of a line",
            &good.replacen(lines[1], &format!("{} ", lines[1]), 1),
        ),
        bad(
            "trailing-bits",
            "damaged",
            "Bits that are set behind the last byte",
            &format!("{first}\nQUI=\n{}\n", rest[rest.len() - 1]).replace("QUI=", "QUJ="),
        ),
        bad(
            "no-padding",
            "damaged",
            "Base64 without its padding",
            &format!("{first}\nQUI\n{}\n", rest[rest.len() - 1]),
        ),
        bad("too-large", "too_large", "More content than a grant may have", &large),
    ]
}
