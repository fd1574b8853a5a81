//! Status statements, revocations, standing and proposals (protocol-spec/03-identity, section 8).

use amanat_identity::{
    Cosignature, ListSummary, Reason, RevocationEntry, SignedStatus, Statement, StatementKind, Target, Tier,
    body::{OfficerBody, Powers, RevocationBody, StatusBody},
    cosignature::Said,
};
use amanat_primitives::{DeviceId, Digest, Label};
use amanat_wire::{Encode as _, List};

use super::{
    super::forge::{
        AYESHA, BILAL, DAY, Draft, HOUR, MINUTE, NOBODY, OFFICER, OTHER_ROOT, ROOT, SECOND_OFFICER, T0, authority,
        device_id, key_id, officer, signing,
    },
    Vector,
    statements::judged,
    vector,
};

pub(super) fn make() -> Vec<Vector> {
    [statements(), held(), lists(), super::standing::make()].concat()
}

pub(super) fn of(target: Target) -> RevocationBody {
    RevocationBody { target, ceiling: None, reason: Reason::Lost, note: None }
}

pub(super) fn lost(device: DeviceId) -> RevocationBody {
    of(Target::Device(device))
}

pub(super) fn draft(body: RevocationBody, number: u64, from: u64, by: u8) -> Draft<RevocationBody> {
    let mut draft = Draft::new(StatementKind::Revocation, body, by, 0);
    (draft.number, draft.from, draft.until) = (number, from, u64::MAX);
    draft
}

pub(super) fn certificate(seed: u8) -> Statement {
    officer(seed, "Security Officer").statement()
}

/// By the officer, without cosignatures.
pub(super) fn entry(body: RevocationBody, number: u64, from: u64) -> RevocationEntry {
    entry_by(OFFICER, body, number, from)
}

fn entry_by(by: u8, body: RevocationBody, number: u64, from: u64) -> RevocationEntry {
    let statement = draft(body, number, from, by).statement();
    RevocationEntry { certificate: certificate(by), statement, cosignatures: List::default() }
}

/// The root's revocation of an officer.
pub(super) fn officer_entry(revoked: u8, number: u64, from: u64) -> RevocationEntry {
    let statement = draft(of(Target::Officer(key_id(revoked))), number, from, ROOT).statement();
    let certificate = authority(ROOT, "interior.gov.pk").statement();
    RevocationEntry { certificate, statement, cosignatures: List::default() }
}

fn cosigned(entry: RevocationEntry, by: u8, label: Label) -> RevocationEntry {
    let said = Said { authority: key_id(ROOT), at: entry.at(), body: entry.said().unwrap() };
    let signature = signing(by).sign(label, &said.to_bytes());
    let cosignatures = List::new(vec![Cosignature { certificate: certificate(by), signature }]).unwrap();
    entry.cosigned(cosignatures)
}

/// A status statement over these entries, by the second officer.
fn status(entries: &[RevocationEntry], number: u64) -> Draft<StatusBody> {
    let summary = entries.iter().fold(ListSummary::default(), ListSummary::with);
    let (revocation_list, revocation_count) = (summary.hash, summary.count);
    let body = StatusBody { revocation_list, revocation_count, policy_version: 0, register: None };
    let mut draft = Draft::new(StatementKind::Status, body, SECOND_OFFICER, DAY);
    draft.number = number;
    draft
}

fn signed(draft: &Draft<StatusBody>) -> SignedStatus {
    let seed = if draft.by == OFFICER { OFFICER } else { SECOND_OFFICER };
    SignedStatus { officer_certificate: certificate(seed), statement: draft.statement() }
}

/// One over the empty list that holds so long.
pub(super) fn lasting(time: u64) -> SignedStatus {
    let mut draft = status(&[], T0);
    draft.until = T0 + time;
    signed(&draft)
}

/// With a status statement of that number and its list as inputs.
pub(super) fn listed(vector: Vector, key: &str, entry_key: &str, entries: &[RevocationEntry], number: u64) -> Vector {
    vector
        .bytes(key, signed(&status(entries, number)).to_bytes())
        .list(entry_key, entries.iter().map(amanat_wire::Encode::to_bytes))
}

fn statements() -> Vec<Vector> {
    let of = |name: &str, rules: &str, comment: &str, now: u64, status: &SignedStatus| {
        judged("status", &format!("status-{name}"), rules, comment, now).bytes("status", status.to_bytes())
    };
    let with = |change: &dyn Fn(&mut Draft<StatusBody>)| {
        let mut draft = status(&[], T0);
        change(&mut draft);
        signed(&draft)
    };
    let by_officer = |change: &dyn Fn(&mut Draft<OfficerBody>)| {
        let mut draft = officer(SECOND_OFFICER, "Security Officer");
        change(&mut draft);
        SignedStatus { officer_certificate: draft.statement(), statement: status(&[], T0).statement() }
    };
    let good = with(&|_| {});
    let bytes = good.to_bytes();
    vec![
        of("good", "ID-25", "A status statement over the empty list", T0, &good),
        of(
            "old",
            "ID-22",
            "One whose next update is long past still verifies, to be shown as expired",
            T0 + 90 * DAY,
            &good,
        ),
        of("early", "ID-06", "Not begun", T0 - 10 * MINUTE - 1, &good).refused("not_yet_valid"),
        of("31-days", "ID-24", "Holds for 31 days", T0, &with(&|draft| draft.until = T0 + 31 * DAY)),
        of(
            "too-lasting",
            "ID-24",
            "Claims to hold a millisecond longer",
            T0,
            &with(&|draft| draft.until = T0 + 31 * DAY + 1),
        )
        .refused("mismatch"),
        of(
            "number-hour-ahead",
            "ID-43",
            "Its number an hour ahead of its time",
            T0,
            &with(&|draft| draft.number = T0 + HOUR),
        ),
        of("number-ahead", "ID-43", "Its number further ahead", T0, &with(&|draft| draft.number = T0 + HOUR + 1))
            .refused("mismatch"),
        of("by-root", "ID-05", "Signed by the root", T0, &with(&|draft| draft.by = ROOT)).refused("wrong_issuer"),
        of(
            "forged",
            "ID-01",
            "Signed by nobody in the officer's name",
            T0,
            &with(&|draft| {
                (draft.by, draft.issuer) = (NOBODY, Some(key_id(SECOND_OFFICER)));
            }),
        )
        .refused("bad_signature"),
        of(
            "other-authority",
            "ID-04",
            "Within another authority",
            T0,
            &with(&|draft| draft.authority = key_id(OTHER_ROOT)),
        )
        .refused("other_authority"),
        of(
            "other-label",
            "PRIM-06",
            "Signed under another label",
            T0,
            &with(&|draft| draft.label = Label::REVOCATION_LIST),
        )
        .refused("bad_signature"),
        of(
            "without-attest",
            "ID-07",
            "By an officer without the power to attest",
            T0,
            &by_officer(&|draft| {
                draft.body.powers = Powers::from_bits(5);
            }),
        )
        .refused("not_empowered"),
        of("officer-ended", "ID-49", "Its officer's certificate has ended", T0 + 365 * DAY + 10 * MINUTE + 1, &good)
            .refused("expired"),
        of(
            "officer-not-yet",
            "ID-49",
            "Its officer's certificate began after the statement's own time",
            T0 + 2 * DAY,
            &by_officer(&|draft| {
                draft.from = T0 + DAY;
            }),
        )
        .refused("not_yet_valid"),
        judged("status", "status-cut", "WIRE-02", "Cut short", T0)
            .bytes("status", &bytes[..bytes.len() - 1])
            .refused("cut_short"),
    ]
}

/// What becomes of one beside another that is held.
fn held() -> Vec<Vector> {
    let (first, second) = (entry(lost(device_id(BILAL)), T0, T0), entry(lost(device_id(AYESHA)), T0 + 5, T0));
    let all = [first.clone(), second.clone()];
    let beside = |name: &str,
                  rules: &str,
                  comment: &str,
                  held: &[RevocationEntry],
                  offered: &Draft<StatusBody>,
                  new: &[RevocationEntry]| {
        listed(judged("status", &format!("status-{name}"), rules, comment, T0), "held_status", "held_entry", held, T0)
            .bytes("status", signed(offered).to_bytes())
            .list("entry", new.iter().map(amanat_wire::Encode::to_bytes))
    };
    let one = std::slice::from_ref(&first);
    let with = |entries: &[RevocationEntry], number, change: &dyn Fn(&mut Draft<StatusBody>)| {
        let mut draft = status(entries, number);
        change(&mut draft);
        draft
    };
    let plain = |entries: &[RevocationEntry], number| with(entries, number, &|_| {});
    vec![
        beside("same-again", "ID-23", "The one that is held, again", one, &plain(one, T0), &[]),
        beside(
            "goes-on",
            "ID-25",
            "A higher number and one more entry",
            one,
            &plain(&all, T0 + 5),
            std::slice::from_ref(&second),
        ),
        beside("same-list", "ID-23", "A higher number over the same list", one, &plain(one, T0 + 5), &[]),
        beside("older", "ID-23", "A lower number", one, &plain(one, T0 - 1), &[]).refused("older"),
        beside(
            "conflict",
            "ID-23",
            "The same number and another id",
            one,
            &with(one, T0, &|draft| draft.until += 1),
            &[],
        )
        .refused("conflict"),
        beside("shorter", "ID-32", "A list with fewer entries", one, &plain(&[], T0 + 5), &[]).refused("shorter"),
        beside("missing", "ID-25", "An entry of the list is not there", one, &plain(&all, T0 + 5), &[])
            .refused("missing"),
        beside(
            "other-list",
            "ID-32",
            "As many entries, others",
            one,
            &plain(std::slice::from_ref(&second), T0 + 5),
            &[],
        )
        .refused("differs"),
        beside(
            "other-entry",
            "ID-63",
            "Another entry than the list has",
            one,
            &plain(&all, T0 + 5),
            &[entry(lost(device_id(NOBODY)), T0 + 5, T0)],
        )
        .refused("differs"),
        beside(
            "entry-not-above",
            "ID-31",
            "A new entry whose number is that of the statement held",
            one,
            &plain(&[first.clone(), entry(lost(device_id(AYESHA)), T0, T0)], T0 + 5),
            &[entry(lost(device_id(AYESHA)), T0, T0)],
        )
        .refused("order"),
        beside(
            "entry-above-statement",
            "ID-31",
            "A new entry whose number is above the statement's",
            one,
            &plain(&all, T0 + 4),
            std::slice::from_ref(&second),
        )
        .refused("order"),
        beside(
            "backdated",
            "ID-47",
            "More than 10 minutes before an entry that is long known",
            &[entry(lost(device_id(BILAL)), T0, T0 + 8 * MINUTE)],
            &with(&[entry(lost(device_id(BILAL)), T0, T0 + 8 * MINUTE)], T0 + 5, &|draft| draft.from = T0 - 3 * MINUTE),
            &[],
        )
        .refused("backdated"),
    ]
}

/// What a list may hold.
fn lists() -> Vec<Vector> {
    let of = |name: &str, rules: &str, comment: &str, number: u64, entries: &[RevocationEntry]| {
        listed(judged("status", &format!("list-{name}"), rules, comment, T0), "status", "entry", entries, number)
    };
    let late = |entries: &[RevocationEntry]| entries.to_vec();
    let good = || entry(lost(device_id(BILAL)), T0, T0);
    let changed = |change: &dyn Fn(&mut Draft<RevocationBody>)| {
        let mut draft = draft(lost(device_id(BILAL)), T0, T0, OFFICER);
        change(&mut draft);
        RevocationEntry { statement: draft.statement(), ..good() }
    };
    let powers = |bits: u16| {
        let mut draft = officer(OFFICER, "Security Officer");
        draft.body.powers = Powers::from_bits(bits);
        RevocationEntry { certificate: draft.statement(), ..good() }
    };
    let many =
        |count: u8| (0..count).map(|one| entry(lost(Digest::from_bytes([one; 32]).into()), T0, T0)).collect::<Vec<_>>();
    let with_note = RevocationBody {
        note: Some("Left in a taxi".parse().unwrap()),
        reason: Reason::Other,
        ..lost(device_id(BILAL))
    };
    let ceiling = RevocationBody { ceiling: Some(Tier::Official), ..of_person("bilal") };
    let mut officer_ceiling = officer_entry(OFFICER, T0, T0);
    officer_ceiling.statement =
        draft(RevocationBody { ceiling: Some(Tier::Official), ..of_officer(OFFICER) }, T0, T0, ROOT).statement();
    let mut root_of_device = officer_entry(OFFICER, T0, T0);
    root_of_device.statement = draft(lost(device_id(BILAL)), T0, T0, ROOT).statement();
    let mut root_cosigned = cosigned(good(), SECOND_OFFICER, Label::COSIGNATURE);
    let by_root = officer_entry(NOBODY, T0, T0);
    (root_cosigned.certificate, root_cosigned.statement) = (by_root.certificate, by_root.statement);
    let twenty_first = |extra: RevocationEntry| [many(20), vec![extra]].concat();
    let twice = {
        let one = cosigned(entry(lost(device_id(BILAL)), T0, T0), SECOND_OFFICER, Label::COSIGNATURE);
        [many(20), vec![one.clone(), one]].concat()
    };
    vec![
        of("one", "ID-30", "A revocation of a device", T0, &[good()]),
        of("note", "ID-30", "With a note", T0, &[entry(with_note, T0, T0)]),
        of("ceiling", "ID-38", "A ceiling for a person", T0, &[entry(ceiling, T0, T0)]),
        of("officer", "ID-39", "The root's revocation of an officer", T0, &[officer_entry(OFFICER, T0, T0)]),
        of(
            "officer-before",
            "ID-42",
            "A revocation that stands before that of its officer",
            T0,
            &[good(), officer_entry(OFFICER, T0, T0)],
        ),
        of(
            "officer-behind",
            "ID-42",
            "A revocation that stands behind that of its officer",
            T0,
            &[officer_entry(OFFICER, T0, T0), good()],
        )
        .refused("officer_revoked"),
        of(
            "own-officer",
            "ID-42",
            "A list that has the officer of the status statement",
            T0,
            &[officer_entry(SECOND_OFFICER, T0, T0)],
        )
        .refused("officer_revoked"),
        of(
            "officer-by-officer",
            "ID-39",
            "An officer revokes an officer",
            T0,
            &[entry(of_officer(SECOND_OFFICER), T0, T0)],
        )
        .refused("wrong_issuer"),
        of("device-by-root", "ID-39", "The root revokes a device", T0, &[root_of_device]).refused("wrong_issuer"),
        of("officer-ceiling", "ID-39", "A ceiling for an officer", T0, &[officer_ceiling]).refused("mismatch"),
        of("root-cosigned", "ID-45", "The root's revocation with a cosignature", T0, &[root_cosigned])
            .refused("mismatch"),
        of("without-revoke", "ID-30", "By an officer without the power to revoke", T0, &[powers(3)])
            .refused("not_empowered"),
        of(
            "forged",
            "ID-01",
            "Signed by nobody in the officer's name",
            T0,
            &[changed(&|draft| {
                (draft.by, draft.issuer) = (NOBODY, Some(key_id(OFFICER)));
            })],
        )
        .refused("bad_signature"),
        of(
            "other-authority",
            "ID-04",
            "Within another authority",
            T0,
            &[changed(&|draft| draft.authority = key_id(OTHER_ROOT))],
        )
        .refused("other_authority"),
        of(
            "other-label",
            "PRIM-06",
            "Signed under another label",
            T0,
            &[changed(&|draft| draft.label = Label::COSIGNATURE)],
        )
        .refused("bad_signature"),
        of(
            "before-officer",
            "ID-30",
            "Of a time at which its officer's certificate had not begun",
            T0,
            &[changed(&|draft| draft.from = T0 - DAY)],
        )
        .refused("not_yet_valid"),
        of(
            "number-falls",
            "ID-31",
            "A number below that of the entry before",
            T0,
            &[entry(lost(device_id(BILAL)), T0, T0), entry(lost(device_id(AYESHA)), T0 - 1, T0)],
        )
        .refused("order"),
        of(
            "time-ahead-tolerated",
            "ID-47",
            "An entry 10 minutes ahead of the statement",
            T0,
            &[entry(lost(device_id(BILAL)), T0, T0 + 10 * MINUTE)],
        ),
        of("time-ahead", "ID-47", "A millisecond more", T0, &[entry(lost(device_id(BILAL)), T0, T0 + 10 * MINUTE + 1)])
            .refused("backdated"),
        of("twenty-alone", "ID-44", "20 entries of one officer alone in an hour", T0, &many(20)),
        of("twenty-one-alone", "ID-44", "21", T0, &many(21)).refused("alone"),
        of(
            "twenty-first-cosigned",
            "ID-45",
            "The 21st bears another officer's signature",
            T0,
            &late(&twenty_first(cosigned(good(), SECOND_OFFICER, Label::COSIGNATURE))),
        ),
        of(
            "twenty-first-cosigned-by-itself",
            "ID-45",
            "The 21st bears its own officer's signature twice",
            T0,
            &twenty_first(cosigned(good(), OFFICER, Label::COSIGNATURE)),
        )
        .refused("alone"),
        of(
            "cosignature-other-label",
            "PRIM-06",
            "A cosignature under another label",
            T0,
            &[cosigned(good(), SECOND_OFFICER, Label::STATEMENT)],
        )
        .refused("bad_signature"),
        of(
            "cosignature-of-another",
            "ID-45",
            "A cosignature over what another entry says",
            T0,
            &[good().cosigned(
                cosigned(entry(lost(device_id(AYESHA)), T0, T0), SECOND_OFFICER, Label::COSIGNATURE).cosignatures,
            )],
        )
        .refused("bad_signature"),
        of(
            "cosignature-used-twice",
            "ID-60",
            "One cosignature for two entries that say the same: the second counts as listed alone",
            T0,
            &twice,
        )
        .refused("alone"),
        of(
            "cosigner-revoked",
            "ID-45",
            "The other officer was revoked before",
            T0,
            &[vec![officer_entry(0x51, T0, T0)], twenty_first(cosigned(good(), 0x51, Label::COSIGNATURE))].concat(),
        )
        .refused("alone"),
        of("hour-over", "ID-44", "The 21st, an hour after the others by its number", T0, &hour(3_600_000)),
        of("hour-not-over", "ID-44", "A millisecond before that", T0, &hour(3_599_999)).refused("alone"),
        of(
            "cosigner-without-revoke",
            "ID-45",
            "The other officer has no power to revoke: refused, though no other signature was needed",
            T0,
            &[with_cosigner(&|officer| officer.body.powers = Powers::from_bits(3))],
        )
        .refused("not_empowered"),
        of(
            "cosigner-ended",
            "ID-45",
            "The other officer's certificate ended before the entry's number",
            T0,
            &[with_cosigner(&|officer| (officer.from, officer.until) = (T0 - 9 * DAY, T0 - DAY))],
        )
        .refused("expired"),
        vector("empty_list", "list-empty", "ID-25", "L of the list without entries"),
    ]
}

pub(super) fn of_person(handle: &str) -> RevocationBody {
    of(Target::Person(handle.parse().unwrap()))
}

/// 20 entries so long before the 21st, by their numbers.
fn hour(before: u64) -> Vec<RevocationEntry> {
    let early = (0..20).map(|one| entry(lost(Digest::from_bytes([one; 32]).into()), T0 - before, T0));
    early.chain([entry(lost(device_id(BILAL)), T0, T0)]).collect()
}

/// An entry with the cosignature of an officer whose certificate is another.
fn with_cosigner(change: &dyn Fn(&mut Draft<OfficerBody>)) -> RevocationEntry {
    let entry = cosigned(entry(lost(device_id(BILAL)), T0, T0), SECOND_OFFICER, Label::COSIGNATURE);
    let mut certificate = officer(SECOND_OFFICER, "Security Officer");
    change(&mut certificate);
    let signature = entry.cosignatures[0].signature;
    let cosignatures = vec![Cosignature { certificate: certificate.statement(), signature }];
    entry.cosigned(List::new(cosignatures).unwrap())
}

fn of_officer(seed: u8) -> RevocationBody {
    of(Target::Officer(key_id(seed)))
}
