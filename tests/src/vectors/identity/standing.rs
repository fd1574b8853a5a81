//! Standing, freshness and proposals (protocol-spec/03-identity, section 8).

use amanat_identity::{
    Cosignature, DeviceChain, Proposal, Reason, Renewal, RevocationEntry, StatementKind, Target, Tier,
    body::{Powers, RenewalBody, RevocationBody},
    cosignature::Said,
    statement::Version,
};
use amanat_primitives::Label;
use amanat_wire::{Encode as _, List};

use super::{
    super::forge::{
        AYESHA, BILAL, DAY, Draft, MINUTE, OFFICER, OTHER_ROOT, ROOT, SECOND_OFFICER, T0, at, device_id, key_id,
        officer, plan, signing,
    },
    Vector,
    statements::judged,
    status::{certificate, entry, lasting, lost, of, of_person, officer_entry},
};

pub(super) fn make() -> Vec<Vector> {
    [standings(), proposals(), freshness()].concat()
}

fn standings() -> Vec<Vector> {
    let standing =
        |name: &str, rules: &str, comment: &str, entries: &[RevocationEntry], chain: &DeviceChain, as_of: u64| {
            judged("standing", &format!("standing-{name}"), rules, comment, T0 + DAY)
                .text("number", T0 + DAY)
                .list("entry", entries.iter().map(amanat_wire::Encode::to_bytes))
                .bytes("chain", chain.to_bytes())
                .text("as_of", as_of)
        };
    let chain = plan(AYESHA, "ayesha").chain();
    let of_grant = of(Target::Grant(chain.grant.id()));
    let ceiling = |tier| RevocationBody { ceiling: Some(tier), ..of_person("ayesha") };
    let late = T0 + DAY;
    let renewed = |by: u8, from: u64| {
        let body = RenewalBody {
            grant: chain.grant.id(),
            name: "عائشہ".parse().unwrap(),
            post: "Deputy Secretary".parse().unwrap(),
            clearance: Tier::TopSecret,
            powers: Powers::NONE,
        };
        let mut draft = Draft::new(StatementKind::Renewal, body, by, 365 * DAY);
        draft.from = from;
        let renewal = Renewal { officer_certificate: certificate(by), statement: draft.statement() };
        DeviceChain { renewal: Some(renewal), ..chain.clone() }
    };
    let n = T0 + 10;
    vec![
        standing("good", "ID-34", "Others are revoked", &[entry(lost(device_id(BILAL)), n, T0)], &chain, late),
        standing("none", "ID-34", "Nobody is revoked", &[], &chain, late),
        standing("device", "ID-34", "The device is revoked", &[entry(lost(device_id(AYESHA)), n, T0)], &chain, late),
        standing("grant", "ID-34", "Its grant is revoked", &[entry(of_grant, n, T0)], &chain, late),
        standing("person", "ID-33", "Its person is revoked", &[entry(of_person("ayesha"), n, T0)], &chain, late),
        standing(
            "person-before-grant",
            "ID-33",
            "Its person was revoked before the grant",
            &[entry(of_person("ayesha"), n, T0 - 1)],
            &chain,
            late,
        ),
        standing(
            "not-yet",
            "ID-33",
            "As of a number below the entry's",
            &[entry(lost(device_id(AYESHA)), n, T0)],
            &chain,
            n - 1,
        ),
        standing(
            "as-of-its-number",
            "ID-33",
            "As of the entry's own number",
            &[entry(lost(device_id(AYESHA)), n, T0)],
            &chain,
            n,
        ),
        standing(
            "first-counts",
            "ID-34",
            "Of two entries the first says why and since when",
            &[
                entry(RevocationBody { reason: Reason::Stolen, ..lost(device_id(AYESHA)) }, n, T0),
                entry(of_person("ayesha"), n + 1, T0),
            ],
            &chain,
            late,
        ),
        standing(
            "ceiling",
            "ID-34 ID-46",
            "A ceiling lowers the clearance",
            &[entry(ceiling(Tier::Restricted), n, T0)],
            &chain,
            late,
        ),
        standing(
            "ceiling-above",
            "ID-34",
            "A ceiling above the clearance raises nothing",
            &[entry(ceiling(Tier::TopSecret), n, T0)],
            &chain,
            late,
        ),
        standing(
            "ceiling-before",
            "ID-33",
            "A ceiling from before the grant",
            &[entry(ceiling(Tier::Official), n, T0 - 1)],
            &chain,
            late,
        ),
        standing(
            "ceiling-renewed",
            "ID-38",
            "A clearance that was stated after the ceiling holds",
            &[entry(ceiling(Tier::Official), n, T0)],
            &renewed(OFFICER, T0 + 5),
            late,
        ),
        standing(
            "ceiling-renewed-before",
            "ID-38",
            "A clearance that was stated before the ceiling does not",
            &[entry(ceiling(Tier::Official), n, T0 + 5)],
            &renewed(OFFICER, T0 + 5),
            late,
        ),
        standing(
            "officer",
            "ID-40",
            "The granting officer is revoked from before the relay took the device",
            &[officer_entry(OFFICER, n, T0 - 1)],
            &chain,
            late,
        ),
        standing(
            "officer-later",
            "ID-40",
            "The granting officer is revoked from then on: the device stands",
            &[officer_entry(OFFICER, n, T0)],
            &chain,
            late,
        ),
        standing(
            "renewer-revoked",
            "ID-41",
            "A renewal by an officer who is revoked raises no clearance",
            &[officer_entry(SECOND_OFFICER, n, T0)],
            &renewed(SECOND_OFFICER, T0),
            late,
        ),
        standing(
            "renewer-revoked-later",
            "ID-41",
            "As of a number below that of the revocation it does",
            &[officer_entry(SECOND_OFFICER, n, T0)],
            &renewed(SECOND_OFFICER, T0),
            n - 1,
        ),
    ]
}

fn proposals() -> Vec<Vector> {
    let said = |at_ms: u64| Said { authority: key_id(ROOT), at: at(at_ms), body: lost(device_id(BILAL)) };
    let sign = |by: u8, label: Label| {
        let signature = signing(by).sign(label, &said(T0).to_bytes());
        Cosignature { certificate: certificate(by), signature }
    };
    let of = |name: &str, rules: &str, comment: &str, said: Said, signed: Vec<Cosignature>| {
        let proposal = Proposal { version: Version, said, cosignatures: List::new(signed).unwrap() };
        judged("proposal", &format!("proposal-{name}"), rules, comment, T0).bytes("proposal", proposal.to_bytes())
    };
    let (one, two) = (sign(OFFICER, Label::COSIGNATURE), sign(SECOND_OFFICER, Label::COSIGNATURE));
    let mut powerless = officer(OFFICER, "Security Officer");
    powerless.body.powers = Powers::from_bits(3);
    let powerless = Cosignature { certificate: powerless.statement(), ..one.clone() };
    let other = Said { authority: key_id(OTHER_ROOT), ..said(T0) };
    vec![
        of("unsigned", "ID-45", "A proposal that nobody has signed yet", said(T0), vec![]),
        of("one", "ID-45", "Signed by one officer", said(T0), vec![one.clone()]),
        of("two", "ID-45", "Signed by two officers", said(T0), vec![one.clone(), two.clone()]),
        of("same-twice", "ID-45", "Signed twice by the same officer", said(T0), vec![one.clone(), one.clone()])
            .refused("mismatch"),
        of("other-time", "ID-45", "The signature is over another time", said(T0 + 1), vec![one.clone()])
            .refused("bad_signature"),
        of("other-label", "PRIM-06", "Signed under another label", said(T0), vec![sign(OFFICER, Label::STATEMENT)])
            .refused("bad_signature"),
        of("without-revoke", "ID-45", "By an officer without the power to revoke", said(T0), vec![powerless])
            .refused("not_empowered"),
        of("other-authority", "ID-04", "Within another authority", other, vec![]).refused("other_authority"),
    ]
}

fn freshness() -> Vec<Vector> {
    let of = |name: &str, comment: &str, tier: u8, now: u64| {
        judged("freshness", &format!("fresh-{name}"), "ID-22", comment, now)
            .bytes("status", lasting(31 * DAY).to_bytes())
            .text("tier", tier)
    };
    let tolerance = 10 * MINUTE;
    vec![
        of("official", "7 days and 10 minutes old, at official", 1, T0 + 7 * DAY + tolerance),
        of("official-old", "A millisecond more", 1, T0 + 7 * DAY + tolerance + 1),
        of("confidential", "48 hours and 10 minutes old, at confidential", 3, T0 + 2 * DAY + tolerance),
        of("confidential-old", "A millisecond more", 3, T0 + 2 * DAY + tolerance + 1),
        of("secret", "24 hours and 10 minutes old, at secret", 4, T0 + DAY + tolerance),
        of("secret-old", "A millisecond more", 4, T0 + DAY + tolerance + 1),
    ]
}
