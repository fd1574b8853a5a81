//! Chains (protocol-spec/03-identity, sections 6 and 7): whole, renewed, approved, and broken at each of their links.

use amanat_identity::{DeviceChain, Powers, Tier, body::GrantBody};
use amanat_primitives::{Digest, Label};
use amanat_wire::{Bytes, Encode as _, List};

use super::{
    super::forge::{
        AYESHA, BILAL, DAY, Draft, ENROLMENT, MINUTE, NOBODY, OFFICER, OTHER_ROOT, Plan, RELAY, SECOND_OFFICER, T0, at,
        authority, device_id, key_id, plan, public, with_signatures,
    },
    Vector,
    statements::judged,
    status::{self, entry, listed},
    vector,
};

pub(super) fn make() -> Vec<Vector> {
    [plain(), broken(), super::further::make(), enrolments()].concat()
}

pub(super) fn ayesha() -> Plan {
    plan(AYESHA, "ayesha")
}

pub(super) fn of(name: &str, rules: &str, comment: &str, now: u64, chain: &DeviceChain) -> Vector {
    judged("chain", &format!("chain-{name}"), rules, comment, now).bytes("chain", chain.to_bytes())
}

/// The chain with one thing of its plan changed.
fn with(change: impl FnOnce(&mut Plan)) -> DeviceChain {
    ayesha().with(change).chain()
}

fn plain() -> Vec<Vector> {
    let good = ayesha().chain();
    let bytes = good.to_bytes();
    let end = T0 + 365 * DAY;
    let raw = |name: &str, rules, comment: &str, bytes: &[u8]| {
        judged("chain", &format!("chain-{name}"), rules, comment, T0).bytes("chain", bytes)
    };
    let mut optional = bytes.clone();
    let place = optional.len() - 2;
    optional[place] = 2;
    vec![
        of("good", "ID-01", "A device's whole chain", T0, &good),
        of("bilal", "ID-01", "Another person's", T0, &plan(BILAL, "bilal").chain()),
        of("late-tolerated", "ID-06", "10 minutes after it has ended", end + 10 * MINUTE, &good),
        of(
            "late",
            "ID-06",
            "A millisecond later: the officer's certificate is the first that has ended",
            end + 10 * MINUTE + 1,
            &good,
        )
        .refused("expired"),
        of("early", "ID-06", "More than 10 minutes before it begins", T0 - 10 * MINUTE - 1, &good)
            .refused("not_yet_valid"),
        of("lapsed-tolerated", "ID-06", "With 30 days of tolerance, a week after its end", end + 7 * DAY, &good)
            .text("tolerance", 30 * DAY),
        of(
            "tolerance-not-before",
            "ID-06",
            "No tolerance reaches further than 10 minutes before the beginning",
            T0 - DAY,
            &good,
        )
        .text("tolerance", 30 * DAY)
        .refused("not_yet_valid"),
        of(
            "officer-renewed",
            "ID-19",
            "A later certificate of the same officer in its place",
            T0 + DAY,
            &with(|plan| {
                (plan.officer.from, plan.officer.until) = (T0 + DAY, T0 + 900 * DAY);
            }),
        ),
        raw("left-over", "WIRE-02", "A byte behind it", &[bytes.as_slice(), &[0]].concat()).refused("left_over"),
        raw("cut", "WIRE-02", "Without its last byte", &bytes[..bytes.len() - 1]).refused("cut_short"),
        raw("optional-2", "WIRE-02", "An optional that begins with 2", &optional).refused("invalid"),
    ]
}

fn broken() -> Vec<Vector> {
    let good = ayesha().chain();
    let bad = |name: &str, word, rules, comment: &str, chain: &DeviceChain| {
        of(&format!("bad-{name}"), rules, comment, T0, chain).refused(word)
    };
    let other = |change: &dyn Fn(&mut DeviceChain)| {
        let mut chain = good.clone();
        change(&mut chain);
        chain
    };
    let signatures = &good.device_certificate.signatures;
    let swapped = with_signatures(&good.device_certificate, &[signatures[1], signatures[0]]);
    let alone = with_signatures(&good.device_certificate, &[signatures[0]]);
    let two = with_signatures(&good.grant, &[good.grant.signatures[0], good.grant.signatures[0]]);
    // Of order 4: whoever is named as its holder could "sign" with it.
    let small = amanat_primitives::sign::VerifyingKey::from_bytes([0; 32]);
    let altered = other(&|chain| {
        let mut body = chain.grant.signed.body.to_vec();
        body[2] ^= 1; // a letter of the handle
        chain.grant.signed.body = Bytes::new(body).unwrap();
    });
    vec![
        bad(
            "officer-by-officer",
            "wrong_issuer",
            "ID-05",
            "An officer certified by an officer",
            &with(|plan| plan.officer.by = OFFICER),
        ),
        bad(
            "officer-other-authority",
            "other_authority",
            "ID-04",
            "The officer of another authority",
            &with(|plan| {
                (plan.officer.by, plan.officer.authority) = (OTHER_ROOT, key_id(OTHER_ROOT));
            }),
        ),
        bad(
            "officer-expired",
            "expired",
            "ID-06",
            "The officer's certificate has ended",
            &with(|plan| {
                (plan.officer.from, plan.officer.until) = (T0 - 9 * DAY, T0 - DAY);
            }),
        ),
        bad(
            "officer-without-enrol",
            "not_empowered",
            "ID-07",
            "An officer without the power to enrol",
            &with(|plan| {
                plan.officer.body.powers = Powers::from_bits(6);
            }),
        ),
        bad("grant-by-root", "wrong_issuer", "ID-05", "The root grants", &with(|plan| plan.grant.by = 0x01)),
        bad(
            "grant-by-other-officer",
            "wrong_issuer",
            "ID-05",
            "Another officer than the one whose certificate stands there grants",
            &with(|plan| plan.grant.by = SECOND_OFFICER),
        ),
        bad(
            "grant-forged",
            "bad_signature",
            "ID-01",
            "Signed by nobody in the officer's name",
            &with(|plan| {
                (plan.grant.by, plan.grant.issuer) = (NOBODY, Some(key_id(OFFICER)));
            }),
        ),
        bad(
            "grant-other-authority",
            "other_authority",
            "ID-04",
            "Within another authority",
            &with(|plan| {
                plan.grant.authority = key_id(OTHER_ROOT);
            }),
        ),
        bad(
            "grant-other-label",
            "bad_signature",
            "PRIM-06",
            "Signed under another label",
            &with(|plan| {
                plan.grant.label = Label::POSSESSION;
            }),
        ),
        bad(
            "grant-expired",
            "expired",
            "ID-06",
            "Its window is over",
            &with(|plan| {
                (plan.grant.from, plan.grant.until) = (T0 - 2 * DAY, T0 - DAY);
            }),
        ),
        bad(
            "grant-not-yet",
            "not_yet_valid",
            "ID-06",
            "Its window has not begun",
            &with(|plan| plan.grant.from = T0 + DAY),
        ),
        bad("grant-altered", "bad_signature", "ID-01", "A letter of the handle altered", &altered),
        bad(
            "grant-clearance-raised",
            "bad_signature",
            "ID-01",
            "The clearance raised behind the officer's back",
            &other(&|chain| {
                let body = GrantBody { clearance: Tier::TopSecret, ..ayesha().grant.body };
                chain.grant.signed.body = Bytes::new(body.to_bytes()).unwrap();
            }),
        ),
        bad(
            "grant-two-signatures",
            "bad_signature",
            "ID-01",
            "Two signatures",
            &other(&|chain| chain.grant = two.clone()),
        ),
        bad(
            "grant-unsigned",
            "bad_signature",
            "ID-01",
            "No signature",
            &other(&|chain| {
                chain.grant = with_signatures(&chain.grant, &[]);
            }),
        ),
        bad("grant-tier-6", "unknown_kind", "ID-02", "A clearance of 6, signed by the officer", &{
            // A body that no type of ours can hold: made from bytes.
            let mut plan = ayesha();
            let bytes = plan.grant.body.to_bytes();
            let place = bytes.len() - 32 - 1 - 8 - 2 - 1;
            let mut raw = bytes.clone();
            raw[place] = 6;
            let grant = Draft::new(plan.grant.kind, Raw(raw), OFFICER, 365 * DAY).statement();
            plan.linked = false;
            plan.device.body.grant = grant.id();
            let mut chain = plan.chain();
            chain.grant = grant;
            chain
        }),
        bad(
            "device-other-enrolment-key",
            "wrong_issuer",
            "ID-05",
            "Signed by another key than the grant's",
            &with(|plan| plan.device.by = NOBODY),
        ),
        bad(
            "device-forged",
            "bad_signature",
            "ID-01",
            "Signed by nobody in the enrolment key's name",
            &with(|plan| {
                (plan.device.by, plan.device.issuer) = (NOBODY, Some(key_id(ENROLMENT)));
            }),
        ),
        bad(
            "device-one-signature",
            "not_possessed",
            "ID-08",
            "Without the signature of its own key",
            &other(&|chain| {
                chain.device_certificate = alone.clone();
            }),
        ),
        bad(
            "device-possession-other-key",
            "not_possessed",
            "ID-08",
            "The second signature is another key's",
            &with(|plan| {
                plan.possession.0 = NOBODY;
            }),
        ),
        bad(
            "device-possession-other-label",
            "not_possessed",
            "ID-08 PRIM-06",
            "The second signature is under the first one's label",
            &with(|plan| plan.possession.1 = Label::STATEMENT),
        ),
        bad(
            "device-signatures-swapped",
            "bad_signature",
            "ID-08",
            "Its signatures the other way round",
            &other(&|chain| {
                chain.device_certificate = swapped.clone();
            }),
        ),
        bad(
            "device-other-grant",
            "mismatch",
            "ID-11",
            "It names another grant",
            &with(|plan| {
                plan.linked = false;
                plan.device.body.grant = Digest::from_bytes([9; 32]).into();
            }),
        ),
        bad(
            "device-longer-window",
            "mismatch",
            "ID-11",
            "Its window is longer than the grant's",
            &with(|plan| plan.device.until += 1),
        ),
        bad(
            "device-earlier-window",
            "mismatch",
            "ID-11",
            "Its window begins before the grant's",
            &with(|plan| plan.device.from -= 1),
        ),
        bad(
            "device-is-enrolment-key",
            "enrolment_key_certified",
            "ID-12",
            "It certifies the enrolment key",
            &with(|plan| {
                plan.device.body.signing = public(ENROLMENT);
                plan.possession.0 = ENROLMENT;
            }),
        ),
        bad(
            "device-without-suite",
            "suite_missing",
            "ID-13",
            "Suite 0x004D is missing",
            &with(|plan| {
                plan.device.body.suites = List::new(vec![1, 3]).unwrap();
            }),
        ),
        bad(
            "device-small-order-key",
            "not_possessed",
            "PRIM-07",
            "A signing key of small order",
            &with(|plan| {
                plan.device.body.signing = small;
            }),
        ),
        of(
            "device-more-suites",
            "ID-13",
            "More suites, 0x004D among them",
            T0,
            &with(|plan| {
                plan.device.body.suites = List::new(vec![1, 0x4d]).unwrap();
            }),
        ),
        of(
            "device-other-number",
            "ID-11",
            "Its number is not compared with the grant's",
            T0,
            &with(|plan| plan.device.number = 1),
        ),
        bad(
            "relay-by-officer",
            "wrong_issuer",
            "ID-05",
            "The relay certified by an officer",
            &with(|plan| plan.relay.by = OFFICER),
        ),
        bad(
            "relay-expired",
            "expired",
            "ID-06",
            "The relay's certificate has ended",
            &with(|plan| {
                (plan.relay.from, plan.relay.until) = (T0 - 2 * DAY, T0 - DAY);
            }),
        ),
        bad(
            "receipt-by-officer",
            "wrong_issuer",
            "ID-05",
            "The officer signs the receipt",
            &with(|plan| plan.receipt.by = OFFICER),
        ),
        bad(
            "receipt-forged",
            "bad_signature",
            "ID-01",
            "Signed by nobody in the relay's name",
            &with(|plan| {
                (plan.receipt.by, plan.receipt.issuer) = (NOBODY, Some(key_id(RELAY)));
            }),
        ),
        bad(
            "receipt-other-grant",
            "mismatch",
            "ID-15",
            "The receipt of another device",
            &other(&|chain| {
                chain.receipt = plan(BILAL, "bilal").chain().receipt;
            }),
        ),
        bad(
            "receipt-other-certificate",
            "mismatch",
            "ID-15 ID-17",
            "The grant's receipt for another certificate: it was redeemed before",
            &other(&|chain| {
                let another = ayesha().with(|plan| plan.device.body.noise = plan.officer.body.noise).chain();
                chain.receipt = another.receipt;
            }),
        ),
        bad("receipt-too-late", "grant_expired", "ID-14", "Taken more than 10 minutes after redeem_by", &{
            let plan = ayesha().with(|plan| plan.grant.body.redeem_by = at(T0 - 10 * MINUTE - 1));
            plan.chain()
        }),
        of(
            "receipt-late-tolerated",
            "ID-14",
            "Taken 10 minutes after redeem_by",
            T0,
            &with(|plan| {
                plan.grant.body.redeem_by = at(T0 - 10 * MINUTE);
            }),
        ),
        bad(
            "receipt-in-grants-place",
            "wrong_kind",
            "ID-05",
            "A receipt where the grant should stand",
            &other(&|chain| {
                chain.grant = chain.receipt.clone();
            }),
        ),
        vector("chain", "chain-bad-pinned-other", "ID-04", "Against another authority that is pinned")
            .bytes("authority", authority(OTHER_ROOT, "finance.gov.pk").statement().to_bytes())
            .text("now", T0)
            .bytes("chain", good.to_bytes())
            .refused("other_authority"),
    ]
}

/// Bytes that stand where a body does.
#[derive(Clone)]
struct Raw(Vec<u8>);

impl amanat_wire::Encode for Raw {
    fn encode(&self, w: &mut amanat_wire::Writer) {
        w.raw(&self.0);
    }
}

fn enrolments() -> Vec<Vector> {
    let of = |name: &str, rules, comment: &str, now: u64, chain: &DeviceChain| {
        judged("enrolment", &format!("enrolment-{name}"), rules, comment, now)
            .bytes("enrolment", chain.enrolment().to_bytes())
    };
    let good = ayesha().chain();
    let held = |vector: Vector, entries: &[amanat_identity::RevocationEntry]| {
        listed(vector, "held_status", "held_entry", entries, T0 + 1)
    };
    let lost = status::lost(device_id(AYESHA));
    vec![
        of("good", "ID-17", "What a new device brings to the relay", T0, &good),
        of("redeem-by-tolerated", "ID-14", "10 minutes after redeem_by", T0 + 7 * DAY + 10 * MINUTE, &good),
        of("too-late", "ID-14", "A millisecond more", T0 + 7 * DAY + 10 * MINUTE + 1, &good).refused("grant_expired"),
        of(
            "without-enrol",
            "ID-07",
            "The officer has no power to enrol",
            T0,
            &with(|plan| plan.officer.body.powers = Powers::from_bits(6)),
        )
        .refused("not_empowered"),
        of(
            "not-possessed",
            "ID-08",
            "Without the device's own signature",
            T0,
            &with(|plan| plan.possession.0 = NOBODY),
        )
        .refused("not_possessed"),
        held(of("device-revoked", "ID-34", "The device is revoked", T0, &good), &[entry(lost, T0 + 1, T0)])
            .refused("revoked"),
        held(
            of("grant-revoked", "ID-34", "The grant is revoked", T0, &good),
            &[entry(status::of(amanat_identity::Target::Grant(good.grant.id())), T0 + 1, T0)],
        )
        .refused("revoked"),
        held(
            of("officer-revoked", "ID-40", "The granting officer is revoked", T0, &good),
            &[status::officer_entry(OFFICER, T0 + 1, T0)],
        )
        .refused("officer_revoked"),
        held(
            of("person-revoked-before", "ID-33", "The person was revoked before the grant: enrolled again", T0, &good),
            &[entry(status::of(amanat_identity::Target::Person("ayesha".parse().unwrap())), T0 + 1, T0 - 1)],
        ),
    ]
}
