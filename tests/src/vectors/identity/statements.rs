//! Texts, statements, and what the root signs (protocol-spec/03-identity, sections 1, 2, 4 and 5).

use amanat_identity::{
    OfficerChain, Powers, Statement, StatementKind, Tier,
    body::{self, ApprovalBody, AuditorBody, OfficerBody, RelayBody, RenewalBody, StatusBody},
};
use amanat_primitives::{Digest, Label};
use amanat_wire::{Encode, List};

use super::{
    super::forge::{
        AUDITOR, AYESHA, BILAL, DAY, Draft, MINUTE, NOBODY, OFFICER, OTHER_ROOT, ROOT, T0, authority, device_id,
        key_id, noise, officer, plan, public, relay, sealing, signing, with_signatures,
    },
    Vector, status, vector,
};

pub(super) fn make() -> Vec<Vector> {
    [texts(), decoded(), authorities(), officers(), auditors(), relays()].concat()
}

fn texts() -> Vec<Vector> {
    let good = |name: &str, kind: &str, text: &str| {
        let comment = format!("A good {}", kind.replace('_', " "));
        vector("text", &format!("text-{name}"), "ID-02", &comment).text("type", kind).bytes("bytes", text)
    };
    let bad = |name: &str, kind: &str, comment: &str, text: &str| {
        vector("text", &format!("bad-text-{name}"), "ID-02", comment)
            .text("type", kind)
            .bytes("bytes", text)
            .refused("invalid")
    };
    let long_label = format!("{}.pk", "a".repeat(64));
    vec![
        good("handle", "handle", "ayesha.khan-2_b"),
        good("handle-digit", "handle", "7"),
        good("domain", "domain", "interior.gov.pk"),
        good("domain-one-label", "domain", "office"),
        good("person-name", "person_name", "عائشہ خان"),
        good("person-name-joiner", "person_name", "نئے\u{200c}نام"),
        good("relay-address-name", "relay_address", "relay.interior.gov.pk:7443"),
        good("relay-address-v4", "relay_address", "10.0.0.1:1"),
        good("relay-address-v6", "relay_address", "[fd00::1]:65535"),
        good("relay-address-digits", "relay_address", "256.1.1.1:7443"),
        good("address", "address", "ayesha@interior.gov.pk"),
        good("relay-address-v4-mapped", "relay_address", "[::ffff:10.0.0.1]:7443"),
        good("person-name-joiner-last", "person_name", "نام\u{200c}"),
        bad("handle-empty", "handle", "No character", ""),
        bad("handle-upper-case", "handle", "Upper case", "Ayesha"),
        bad("handle-begins-with-dot", "handle", "Begins with a dot", ".ayesha"),
        bad("handle-65", "handle", "65 bytes", &"a".repeat(65)),
        bad("handle-not-ascii", "handle", "A letter that is not of a to z", "ayésha"),
        bad("domain-hyphen", "domain", "A label that ends with a hyphen", "interior-.gov.pk"),
        bad("domain-empty-label", "domain", "An empty label", "interior..pk"),
        bad("domain-final-dot", "domain", "A dot at the end", "interior.gov.pk."),
        bad("domain-long-label", "domain", "A label of 64 bytes", &long_label),
        bad("address-no-at", "address", "No @", "ayesha.interior.gov.pk"),
        bad("address-two-at", "address", "Two @", "ayesha@interior@gov.pk"),
        bad("person-name-line-break", "person_name", "A line break", "Ayesha\nKhan"),
        bad("person-name-override", "person_name", "A direction override, U+202E", "Ayesha\u{202e}nahK"),
        bad("person-name-isolate", "person_name", "A direction isolate, U+2066", "a\u{2066}b"),
        bad("person-name-zero-width-space", "person_name", "A zero-width space", "Aye\u{200b}sha"),
        bad("person-name-control", "person_name", "A control character, U+009B", "a\u{9b}b"),
        bad("person-name-tag", "person_name", "A tag character, U+E0041", "a\u{e0041}b"),
        bad("person-name-space-first", "person_name", "A space at the beginning", " Ayesha"),
        bad("person-name-wide-space-last", "person_name", "An ideographic space at the end", "Ayesha\u{3000}"),
        bad("person-name-129", "person_name", "129 bytes", &"x".repeat(129)),
        bad("note-257", "note", "257 bytes", &"x".repeat(257)),
        bad("relay-address-no-port", "relay_address", "No port", "10.0.0.1"),
        bad("relay-address-port-0", "relay_address", "Port 0", "10.0.0.1:0"),
        bad("relay-address-port-65536", "relay_address", "Port 65536", "10.0.0.1:65536"),
        bad("relay-address-port-leading-zero", "relay_address", "A port with a leading zero", "10.0.0.1:07443"),
        bad("relay-address-upper-case", "relay_address", "Upper case", "Relay.gov.pk:7443"),
        bad("relay-address-v6-long", "relay_address", "An IPv6 address not in its shortest form", "[fd00:0::1]:7443"),
        bad("relay-address-v6-upper", "relay_address", "An IPv6 address in upper case", "[FD00::1]:7443"),
        bad(
            "relay-address-v4-mapped-hex",
            "relay_address",
            "An IPv4-mapped address in hexadecimal",
            "[::ffff:a00:1]:7443",
        ),
        bad("relay-address-v6-zone", "relay_address", "An IPv6 address with a zone", "[fe80::1%eth0]:7443"),
        bad(
            "domain-254",
            "domain",
            "254 bytes",
            &format!("{}.{}", ["a".repeat(63).as_str(); 3].join("."), "a".repeat(62)),
        ),
        bad("person-name-no-break-space-first", "person_name", "A no-break space at the beginning", "\u{a0}Ayesha"),
        vector("text", "bad-text-not-utf8", "ID-02", "Bytes that are not UTF-8")
            .text("type", "person_name")
            .bytes("bytes", [0x41, 0xff])
            .refused("invalid"),
        bad("relay-address-v6-bare", "relay_address", "An IPv6 address without brackets", "fd00::1:7443"),
    ]
}

fn auditor() -> Draft<AuditorBody> {
    let body = AuditorBody {
        name: "Auditor".parse().unwrap(),
        signing: public(AUDITOR),
        noise: noise(AUDITOR + 1),
        sealing: sealing(AUDITOR + 2),
    };
    Draft::new(StatementKind::AuditorCertificate, body, ROOT, 365 * DAY)
}

/// One statement of each kind, as it has to be.
fn each_kind() -> Vec<(&'static str, Statement)> {
    let chain = plan(AYESHA, "ayesha").chain();
    let register = Some(body::RegisterHead { size: 9, root: Digest::from_bytes([0x9e; 32]) });
    let revocation_list = body::empty_revocation_list();
    let status_body = StatusBody { revocation_list, revocation_count: 0, policy_version: 0, register };
    let renewal = RenewalBody {
        grant: chain.grant.id(),
        name: "عائشہ خان".parse().unwrap(),
        post: "Deputy Secretary".parse().unwrap(),
        clearance: Tier::TopSecret,
        powers: Powers::NONE,
    };
    let approval = ApprovalBody { device: device_id(BILAL), certificate: chain.device_certificate.id() };
    let revocation = status::draft(status::lost(device_id(BILAL)), T0, T0, OFFICER);
    vec![
        ("authority", authority(ROOT, "interior.gov.pk").statement()),
        ("officer", officer(OFFICER, "Security Officer").statement()),
        ("auditor", auditor().statement()),
        ("relay", relay().statement()),
        ("grant", chain.grant),
        ("device", chain.device_certificate),
        ("receipt", chain.receipt),
        ("status", Draft::new(StatementKind::Status, status_body, OFFICER, DAY).statement()),
        ("revocation", revocation.statement()),
        ("renewal", Draft::new(StatementKind::Renewal, renewal, OFFICER, 365 * DAY).statement()),
        ("approval", Draft::new(StatementKind::DeviceApproval, approval, AYESHA, DAY).statement()),
    ]
}

fn decoded() -> Vec<Vector> {
    let of = |name: &str, rules, comment: &str, bytes: &[u8]| {
        vector("statement", &format!("statement-{name}"), rules, comment).bytes("statement", bytes)
    };
    let mut out: Vec<_> = each_kind()
        .iter()
        .map(|(kind, statement)| of(kind, "ID-01", &format!("A statement: {kind}"), &statement.to_bytes()))
        .collect();
    let good = plan(AYESHA, "ayesha").chain().grant.to_bytes();
    let altered = |place: usize, to: u8| {
        let mut bytes = good.clone();
        bytes[place] = to;
        bytes
    };
    let bad = |name: &str, word, rules, comment: &str, bytes: &[u8]| {
        of(&format!("bad-{name}"), rules, comment, bytes).refused(word)
    };
    // Version 1, kind 2, authority 32, issuer 32, number 8, window 16, then the body's length.
    let length = 91;
    let count = good.len() - 64 - 1;
    let long = [&good[..length], &15_361u16.to_be_bytes(), &good[length + 2..]].concat();
    out.extend([
        bad("version-0", "invalid", "ID-01", "Version 0", &altered(0, 0)),
        bad("version-2", "invalid", "ID-01", "Version 2", &altered(0, 2)),
        bad("kind-0", "unknown_kind", "ID-03", "Kind 0", &altered(2, 0)),
        bad("kind-11", "unknown_kind", "ID-03", "A policy, reserved", &altered(2, 11)),
        bad("kind-12", "unknown_kind", "ID-03", "A federation agreement, reserved", &altered(2, 12)),
        bad("kind-14", "unknown_kind", "ID-03", "A kind that nobody knows", &altered(2, 14)),
        bad("kind-high", "unknown_kind", "ID-03", "Kind 0x0105", &altered(1, 1)),
        bad("cut", "cut_short", "WIRE-02", "Ends within its signature", &good[..good.len() - 1]),
        bad("left-over", "left_over", "WIRE-02", "A byte behind it", &[good.as_slice(), &[0]].concat()),
        bad("body-long", "too_long", "WIRE-03", "A body of 15,361 bytes", &long),
        bad("three-signatures", "too_long", "WIRE-03", "Three signatures", &altered(count, 3)),
        bad("signature-missing", "cut_short", "WIRE-02", "Says two signatures and has one", &altered(count, 2)),
    ]);
    out
}

pub(super) fn judged(what: &str, name: &str, rules: &str, comment: &str, now: u64) -> Vector {
    vector(what, name, rules, comment)
        .bytes("authority", authority(ROOT, "interior.gov.pk").statement().to_bytes())
        .text("now", now)
}

/// A draft with one thing changed, signed.
pub(super) fn changed<B: Encode + Clone>(draft: &Draft<B>, change: impl FnOnce(&mut Draft<B>)) -> Statement {
    let mut draft = draft.clone();
    change(&mut draft);
    draft.statement()
}

fn authorities() -> Vec<Vector> {
    let good = authority(ROOT, "interior.gov.pk");
    let of = |name: &str, rules, comment: &str, statement: &Statement, now: u64| {
        vector("authority", &format!("authority-{name}"), rules, comment)
            .bytes("authority", statement.to_bytes())
            .text("now", now)
    };
    let statement = good.statement();
    let by_another = changed(&good, |draft| draft.by = NOBODY);
    let another_id = changed(&good, |draft| draft.authority = key_id(OTHER_ROOT));
    let another_issuer = changed(&good, |draft| draft.issuer = Some(key_id(OTHER_ROOT)));
    let other_label = changed(&good, |draft| draft.label = Label::CARD);
    let forged = changed(&good, |draft| (draft.by, draft.issuer) = (NOBODY, Some(key_id(ROOT))));
    let end = T0 + 7300 * DAY;
    let two = with_signatures(&statement, &[statement.signatures[0], statement.signatures[0]]);
    // The first letter of the domain in upper case, signed again as it is.
    let mut signed = statement.signed.to_bytes();
    signed[94] = b'I';
    let signature = signing(ROOT).sign(Label::STATEMENT, &signed);
    let bad_domain = [signed.as_slice(), &[0, 1], signature.as_bytes()].concat();
    vec![
        of("good", "ID-04", "An authority certificate at its beginning", &statement, T0),
        of("early-tolerated", "ID-06", "10 minutes before its beginning", &statement, T0 - 10 * MINUTE),
        of("early", "ID-06", "A millisecond more than 10 minutes before", &statement, T0 - 10 * MINUTE - 1)
            .refused("not_yet_valid"),
        of("late-tolerated", "ID-06", "10 minutes after its end", &statement, end + 10 * MINUTE),
        of("late", "ID-06", "A millisecond more than 10 minutes after its end", &statement, end + 10 * MINUTE + 1)
            .refused("expired"),
        of("other-signer", "ID-04", "Signed by another key than the one in its body", &by_another, T0)
            .refused("wrong_issuer"),
        of("forged", "ID-01", "Signed by another key in the root's name", &forged, T0).refused("bad_signature"),
        of("other-authority", "ID-04", "Names another authority", &another_id, T0).refused("other_authority"),
        of("other-issuer", "ID-04", "Names another issuer", &another_issuer, T0).refused("wrong_issuer"),
        of("other-label", "PRIM-06", "Signed under the label of cards", &other_label, T0).refused("bad_signature"),
        of("unsigned", "ID-01", "No signature", &with_signatures(&statement, &[]), T0).refused("bad_signature"),
        of("two-signatures", "ID-01", "Two signatures where one has to be", &two, T0).refused("bad_signature"),
        of("other-kind", "ID-05", "A relay certificate in its place", &relay().statement(), T0).refused("wrong_kind"),
        vector("authority", "authority-bad-domain", "ID-02", "A domain with an upper-case letter")
            .bytes("authority", bad_domain)
            .text("now", T0)
            .refused("invalid"),
    ]
}

fn officers() -> Vec<Vector> {
    let good = officer(OFFICER, "Security Officer");
    let of = |name: &str, rules, comment: &str, certificate: Statement, now: u64| {
        judged("officer_chain", &format!("officer-{name}"), rules, comment, now)
            .bytes("officer_chain", OfficerChain { certificate }.to_bytes())
    };
    let with = |change: &dyn Fn(&mut Draft<OfficerBody>)| changed(&good, change);
    let end = T0 + 365 * DAY;
    vec![
        of("good", "ID-05", "An officer certificate", good.statement(), T0),
        of(
            "powers-unknown",
            "ID-07",
            "A power that this version does not know",
            with(&|draft| draft.body.powers = Powers::from_bits(0x8001)),
            T0,
        ),
        of("late", "ID-06", "After its end", good.statement(), end + 10 * MINUTE + 1).refused("expired"),
        of("early", "ID-06", "Not begun", with(&|draft| draft.from = T0 + DAY), T0).refused("not_yet_valid"),
        of("by-officer", "ID-05", "Issued by an officer", with(&|draft| draft.by = OFFICER), T0)
            .refused("wrong_issuer"),
        of(
            "forged",
            "ID-01",
            "Signed by an officer in the root's name",
            with(&|draft| (draft.by, draft.issuer) = (OFFICER, Some(key_id(ROOT)))),
            T0,
        )
        .refused("bad_signature"),
        of(
            "other-root",
            "ID-04",
            "Of another authority",
            with(&|draft| (draft.by, draft.authority) = (OTHER_ROOT, key_id(OTHER_ROOT))),
            T0,
        )
        .refused("other_authority"),
        of("other-label", "PRIM-06", "Signed under another label", with(&|draft| draft.label = Label::COSIGNATURE), T0)
            .refused("bad_signature"),
        of("relay-in-its-place", "ID-05", "A relay certificate in its place", relay().statement(), T0)
            .refused("wrong_kind"),
    ]
}

fn auditors() -> Vec<Vector> {
    let good = auditor();
    let of = |name: &str, rules, comment: &str, certificate: Statement, now: u64| {
        judged("auditor", &format!("auditor-{name}"), rules, comment, now).bytes("certificate", certificate.to_bytes())
    };
    let with = |change: &dyn Fn(&mut Draft<AuditorBody>)| changed(&good, change);
    let end = T0 + 365 * DAY + 10 * MINUTE;
    let forged = with(&|draft| (draft.by, draft.issuer) = (OFFICER, Some(key_id(ROOT))));
    let other_root = with(&|draft| (draft.by, draft.authority) = (OTHER_ROOT, key_id(OTHER_ROOT)));
    let officer = officer(OFFICER, "Security Officer").statement();
    // An officer's certificate says one thing more, its powers.
    let mut says_more = officer.signed.clone();
    says_more.kind = StatementKind::AuditorCertificate;
    let signature = signing(ROOT).sign(Label::STATEMENT, &says_more.to_bytes());
    let says_more = Statement { signed: says_more, signatures: List::new(vec![signature]).unwrap() };
    let unsigned = with_signatures(&good.statement(), &[]);
    vec![
        of("good", "ID-05", "An auditor certificate", good.statement(), T0),
        of("late-tolerated", "ID-06", "10 minutes after its end", good.statement(), end),
        of("late", "ID-06", "A millisecond more", good.statement(), end + 1).refused("expired"),
        of("early", "ID-06", "Not begun", with(&|draft| draft.from = T0 + DAY), T0).refused("not_yet_valid"),
        of("by-officer", "ID-05", "Issued by an officer", with(&|draft| draft.by = OFFICER), T0)
            .refused("wrong_issuer"),
        of("by-itself", "ID-05", "Issued by the auditor", with(&|draft| draft.by = AUDITOR), T0)
            .refused("wrong_issuer"),
        of("forged", "ID-01", "Signed by an officer in the root's name", forged, T0).refused("bad_signature"),
        of("other-root", "ID-04", "Of another authority", other_root, T0).refused("other_authority"),
        of("other-label", "PRIM-06", "Signed under the label of cards", with(&|draft| draft.label = Label::CARD), T0)
            .refused("bad_signature"),
        of("unsigned", "ID-01", "No signature", unsigned, T0).refused("bad_signature"),
        of("officer-in-its-place", "ID-05", "An officer certificate in its place", officer, T0).refused("wrong_kind"),
        of("with-powers", "WIRE-02", "With an officer's powers behind its keys", says_more, T0).refused("left_over"),
    ]
}

fn relays() -> Vec<Vector> {
    let of = |name: &str, rules, comment: &str, certificate: Statement| {
        let root = authority(ROOT, "interior.gov.pk").statement();
        vector("certified_relay", &format!("relay-{name}"), rules, comment)
            .bytes("certified_relay", [root.to_bytes(), certificate.to_bytes()].concat())
            .text("now", T0)
    };
    let with = |change: &dyn Fn(&mut Draft<RelayBody>)| changed(&relay(), change);
    let public = with(&|draft| {
        let addresses = ["relay.interior.gov.pk:7443", "[2001:db8::1]:7443"].map(|text| text.parse().unwrap());
        draft.body.addresses = List::new(addresses.to_vec()).unwrap();
        draft.body.allow_public = true;
    });
    let other_root = with(&|draft| (draft.by, draft.authority) = (OTHER_ROOT, key_id(OTHER_ROOT)));
    let forged = with(&|draft| (draft.by, draft.issuer) = (NOBODY, Some(key_id(ROOT))));
    vec![
        of("good", "ID-05", "A relay certificate beside its authority's", relay().statement()),
        of("public", "LINK-01", "One that may be at a public address", public),
        of(
            "no-address",
            "ID-05",
            "A relay certificate without an address",
            with(&|draft| draft.body.addresses = List::default()),
        )
        .refused("mismatch"),
        of("by-officer", "ID-05", "Issued by an officer", with(&|draft| draft.by = OFFICER)).refused("wrong_issuer"),
        of("other-root", "ID-04", "The certificate of another authority's relay", other_root)
            .refused("other_authority"),
        of(
            "expired",
            "ID-06",
            "Its window is over",
            with(&|draft| (draft.from, draft.until) = (T0 - 2 * DAY, T0 - DAY)),
        )
        .refused("expired"),
        of("forged", "ID-01", "Signed by nobody in the root's name", forged).refused("bad_signature"),
    ]
}
