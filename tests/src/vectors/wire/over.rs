//! The wire's vectors (protocol-spec/02-wire, section 5): each list and each opaque at one more than its limit. The message
//! ends behind the length or count: what is too long is refused before the bytes are looked for [WIRE-03].

use super::{
    Vector,
    cases::{from_relay, to_relay},
};

// Of the chapter, not of the product.
const ADDS: Most = Most::Items(50);
const BODY: Most = Most::Bytes(1_048_576);
const CHAIN: Most = Most::Bytes(65_536);
const CHAINS: Most = Most::Items(64);
const CONVERSATIONS: Most = Most::Items(512);
const DEVICES: Most = Most::Items(64);
const DIRECT_ITEMS: Most = Most::Items(256);
const ENTRIES: Most = Most::Items(1_024);
const JOINER_PART: Most = Most::Bytes(16_384);
const KEY_PACKAGE: Most = Most::Bytes(16_384);
const KEY_PACKAGES: Most = Most::Items(100);
const QUERY: Most = Most::Bytes(128);
const RECEIPT: Most = Most::Bytes(512);
const REMOVES: Most = Most::Items(1_024);
const REVOCATION: Most = Most::Bytes(32_768);
const REVOCATIONS: Most = Most::Items(256);
const STATEMENT: Most = Most::Bytes(16_384);

/// Of what, and how many are allowed.
#[derive(Clone, Copy)]
enum Most {
    Bytes(u32),
    Items(u16),
}

impl Most {
    /// One more, in the width that the limit has.
    fn exceeded(self) -> (String, Vec<u8>) {
        match self {
            Self::Bytes(most) => {
                let width = most.ilog2() as usize / 8 + 1;
                (format!("{} bytes", most + 1), (most + 1).to_be_bytes()[4 - width..].to_vec())
            }
            Self::Items(most) => (format!("{} items", most + 1), (most + 1).to_be_bytes().to_vec()),
        }
    }
}

/// Name; what has too many; the bytes before the length.
type Place = (&'static str, &'static str, Most, Vec<u8>);

pub(super) fn make() -> Vec<Vector> {
    let of = |make: fn(&str, &str, &str, &[u8]) -> Vector, (name, what, most, before): Place| {
        let (number, length) = most.exceeded();
        let comment = format!("{what} of {number}, one above the limit");
        make(&format!("over-{name}"), "WIRE-03", &comment, &[before, length].concat()).refused("too_long")
    };
    let to = [hellos(), appends(), requests(), given_back()].concat().into_iter().map(|place| of(to_relay, place));
    let from = [messages(), pages(), answers()].concat().into_iter().map(|place| of(from_relay, place));
    to.chain(from).collect()
}

fn zeros(count: usize) -> Vec<u8> {
    vec![0; count]
}

fn request(kind: u8, before: &[&[u8]]) -> Vec<u8> {
    [&[2, 0, 0, 0, 1, kind], before.concat().as_slice()].concat()
}

fn answer(kind: u8, before: &[&[u8]]) -> Vec<u8> {
    [&[3, 0, 0, 0, 1, kind], before.concat().as_slice()].concat()
}

/// An entry up to its body's length: position; kind; stamp, sender, unit, two positions.
fn entry() -> Vec<u8> {
    [zeros(8), vec![1], zeros(8 + 32 + 16 + 16)].concat()
}

/// An entry up to its receipt's length: no body, which has not gone.
fn entry_to_receipt() -> Vec<u8> {
    [entry(), zeros(3 + 1)].concat()
}

/// A direct item up to the length of its Welcome's receipt: number, kind; conversation, position, R, sender.
fn welcome() -> Vec<u8> {
    [zeros(8), vec![1], zeros(16 + 8 + 32 + 32)].concat()
}

fn hellos() -> Vec<Place> {
    let hello = |kind: u8| vec![1, 0, 1, kind];
    vec![
        ("hello-device", "A device's hello, its chain", CHAIN, hello(1)),
        ("hello-enrolling", "A new device's hello, its enrolment", CHAIN, hello(2)),
        ("hello-officer", "An officer's hello, its chain", CHAIN, hello(3)),
    ]
}

fn appends() -> Vec<Place> {
    // Id, conversation; kind, class; two positions.
    let unit = [zeros(32), vec![1, 1], zeros(16)].concat();
    let of = |before: &[u8]| request(3, &[&unit, before]);
    vec![
        ("append-body", "A unit's body", BODY, of(&[])),
        ("append-roster-add", "A unit's added devices, a list", ADDS, of(&zeros(3))),
        ("append-roster-remove", "A unit's removed devices, a list", REMOVES, of(&zeros(3 + 2))),
        ("append-group-info", "A unit's GroupInfo", BODY, of(&zeros(3 + 2 + 2))),
        ("append-joiners", "A unit's joiners, a list", ADDS, of(&zeros(3 + 2 + 2 + 3))),
        (
            "append-group-secrets",
            "A joiner's secrets",
            JOINER_PART,
            of(&[zeros(3 + 2 + 2 + 3), vec![0, 1], zeros(32)].concat()),
        ),
    ]
}

fn requests() -> Vec<Place> {
    vec![
        ("advance", "Cursors, a list", CONVERSATIONS, request(5, &[])),
        ("put-key-packages", "KeyPackages, a list", KEY_PACKAGES, request(6, &[])),
        ("put-key-packages-one", "A KeyPackage", KEY_PACKAGE, request(6, &[&[0, 1]])),
        ("put-key-packages-last", "A KeyPackage of last resort", KEY_PACKAGE, request(6, &[&[0, 0, 1]])),
        ("claim-key-packages", "Devices whose KeyPackages are claimed, a list", ADDS, request(7, &[])),
        ("people-query", "A query", QUERY, request(8, &[])),
        ("people-after", "A handle to go on from", QUERY, request(8, &[&[0]])),
        ("chains", "Devices whose chains are asked for, a list", DEVICES, request(9, &[])),
        ("put-statement", "A status statement", CHAIN, request(10, &[])),
        ("put-statement-list", "Revocations of a statement, a list", REVOCATIONS, request(10, &[&[0; 3 + 4]])),
        ("put-statement-one", "A revocation", REVOCATION, request(10, &[&[0; 3 + 4], &[0, 1]])),
        ("put-segment", "A segment", BODY, request(13, &[&[0; 16 + 8]])),
        ("put-renewal", "A renewal", CHAIN, request(21, &[])),
        ("put-approval", "An approval", CHAIN, request(25, &[])),
        ("lapsed", "A handle to go on from, of lapsed devices", QUERY, request(32, &[])),
    ]
}

fn given_back() -> Vec<Place> {
    // Conversation, position, R; how many entries.
    let resupply = |before: &[u8]| request(28, &[&[0; 16 + 8 + 32], before]);
    let held = |before: &[u8]| resupply(&[&[0, 1], before].concat());
    // No receipt; class; seal.
    let whole = [entry_to_receipt(), vec![0, 0, 1], zeros(32)].concat();
    let welcomes = |before: &[u8]| request(29, &[&[0; 16 + 8], before]);
    vec![
        ("resupply", "Entries given back, a list", ENTRIES, resupply(&[])),
        ("resupply-body", "The body of an entry given back", BODY, held(&entry())),
        ("resupply-receipt", "The receipt of an entry given back", RECEIPT, held(&entry_to_receipt())),
        ("resupply-roster-add", "An entry's added devices, a list", ADDS, held(&whole)),
        (
            "resupply-roster-remove",
            "An entry's removed devices, a list",
            REMOVES,
            held(&[whole.as_slice(), &[0, 0]].concat()),
        ),
        ("welcomes-group-info", "A Welcome's GroupInfo", BODY, welcomes(&[])),
        ("welcomes-joiners", "A Welcome's joiners, a list", ADDS, welcomes(&[0; 3])),
        (
            "welcomes-group-secrets",
            "A Welcome's secrets",
            JOINER_PART,
            welcomes(&[&[0, 0, 0, 0, 1], [0; 32].as_slice()].concat()),
        ),
    ]
}

fn messages() -> Vec<Place> {
    let push = |before: &[u8]| [&[4], zeros(16).as_slice(), before].concat();
    let direct = |before: &[u8]| [&[5], welcome().as_slice(), before].concat();
    vec![
        ("ready", "A status statement at the beginning of a link", CHAIN, [vec![1], zeros(8 + 16)].concat()),
        ("enrolled", "A receipt of enrolment", STATEMENT, vec![2]),
        ("push-body", "The body of an entry that is pushed", BODY, push(&entry())),
        ("push-receipt", "The receipt of an entry that is pushed", RECEIPT, push(&entry_to_receipt())),
        ("push-direct-receipt", "The receipt in a Welcome", RECEIPT, direct(&[])),
        ("push-direct-group-info", "The GroupInfo in a Welcome", BODY, direct(&[0; 2])),
        ("push-direct-group-secrets", "The secrets in a Welcome", JOINER_PART, direct(&[0; 2 + 3])),
        ("push-status", "A status statement that is pushed", CHAIN, vec![7]),
    ]
}

/// Answers whose lists go on.
fn pages() -> Vec<Place> {
    let direct = |before: &[u8]| answer(6, &[&[0, 0, 0, 1], &welcome(), before]);
    vec![
        ("answer-news-logs", "Logs of which there is news, a list", CONVERSATIONS, answer(6, &[])),
        ("answer-news-direct", "Direct items, a list", DIRECT_ITEMS, answer(6, &[&[0, 0]])),
        ("answer-news-receipt", "The receipt in a Welcome of which there is news", RECEIPT, direct(&[])),
        ("answer-news-group-info", "The GroupInfo in a Welcome of which there is news", BODY, direct(&[0; 2])),
        (
            "answer-news-group-secrets",
            "The secrets in a Welcome of which there is news",
            JOINER_PART,
            direct(&[0; 2 + 3]),
        ),
        ("answer-entries", "Entries of a log, a list", ENTRIES, answer(7, &[])),
        ("answer-chains", "Chains, a list", CHAINS, answer(9, &[])),
        ("answer-chains-one", "A chain", CHAIN, answer(9, &[&[0, 1]])),
        ("answer-revocations", "A page of revocations, a list", REVOCATIONS, answer(20, &[])),
        ("answer-revocations-one", "A revocation in an answer", REVOCATION, answer(20, &[&[0, 1]])),
        ("answer-cursors", "Logs with their cursors, a list", CONVERSATIONS, answer(30, &[])),
        ("answer-lapsed", "Chains of lapsed devices, a list", CHAINS, answer(32, &[])),
        ("answer-lapsed-one", "The chain of a lapsed device", CHAIN, answer(32, &[&[0, 1]])),
        ("answer-lapsed-more", "A handle behind which there are more lapsed devices", QUERY, answer(32, &[&[0, 0, 1]])),
    ]
}

fn answers() -> Vec<Place> {
    let of_entry = |before: &[u8]| answer(7, &[&[0, 1], before]);
    vec![
        ("answer-appended-receipt", "The receipt of a commit", RECEIPT, answer(5, &[&[0; 8 + 8 + 32]])),
        ("answer-entries-body", "The body of an entry", BODY, of_entry(&entry())),
        ("answer-entries-receipt", "The receipt of an entry", RECEIPT, of_entry(&entry_to_receipt())),
        ("answer-key-packages", "KeyPackages in an answer, a list", ADDS, answer(8, &[])),
        ("answer-key-packages-one", "A KeyPackage in an answer", KEY_PACKAGE, answer(8, &[&[0, 1], &[0; 32]])),
        ("answer-status", "A status statement in an answer", CHAIN, answer(10, &[])),
        ("answer-segment", "A segment in an answer", BODY, answer(12, &[])),
        ("answer-devices", "A person's devices, a list", CHAINS, answer(25, &[])),
        ("answer-devices-one", "The chain of a person's device", CHAIN, answer(25, &[&[0, 1]])),
    ]
}
