//! The wire's vectors (protocol-spec/02-wire): the messages themselves.

use amanat_primitives::{ConversationId, Digest, DocumentId, Incarnation, Label, UnitId, kdf};
use amanat_wire::{
    Bytes, Encode as _, List, Text,
    client::{
        AddAgain, Advance, Cursor, GetSegment, Hello, Identity, Nothing, NumberedRequest, OpenDocument, People,
        PutKeyPackages, PutSegment, Read, Request, StatusUpdate, ToRelay, WhatIsNew,
    },
    log::{CommitReceipt, Entry, Joiner, ReceiptBody, RetentionClass, Unit, UnitKind, ciphertext_hash, roster_change},
    relay::{
        Answer, Appended, Chains, ClaimedKeyPackage, Cursors, DeviceState, Direct, DirectItem, DocumentState, Enrolled,
        Entries, FromRelay, FurtherDevice, GrantReused, LapsedPage, LogState, News, NumberedAnswer, Push, Ready,
        Refusal, RevocationPage, WelcomePart,
    },
    resupply::{self, HeldEntry, Resupply, Welcomes},
};

use super::{
    super::forge::{AYESHA, BILAL, NOBODY, RELAY, T0, at, device_id, signing},
    Vector, vector,
};

fn bytes<const MAX: usize>(bytes: &[u8]) -> Bytes<MAX> {
    Bytes::new(bytes).unwrap()
}

pub(super) fn conversation() -> ConversationId {
    ConversationId::from_bytes([0xc1; 16])
}

fn document() -> DocumentId {
    DocumentId::from_bytes([0xd1; 16])
}

fn unit() -> Unit {
    Unit {
        id: UnitId::from_bytes([0xa1; 16]),
        conversation: conversation(),
        kind: UnitKind::Commit,
        class: RetentionClass::Month,
        seen_commit: 7,
        accepted_commit: 5,
        body: bytes(b"a commit"),
        roster_add: List::new(vec![device_id(BILAL)]).unwrap(),
        roster_remove: List::new(vec![device_id(AYESHA)]).unwrap(),
        group_info: bytes(b"group info"),
        joiners: joiners(),
    }
}

fn joiners() -> List<Joiner, 50> {
    List::new(vec![Joiner { device: device_id(BILAL), group_secrets: bytes(b"secrets") }]).unwrap()
}

fn entry(gone: bool) -> Entry {
    let body: &[u8] = if gone { b"" } else { b"a message" };
    Entry {
        position: 2,
        kind: UnitKind::Message,
        stamp: at(T0 + 5),
        sender: device_id(AYESHA),
        unit: UnitId::from_bytes([0xa2; 16]),
        seen_commit: 1,
        accepted_commit: 1,
        body: bytes(body),
        gone: gone.then(|| ciphertext_hash(b"a message")),
        receipt: Bytes::default(),
        class: RetentionClass::Month,
        seal: Digest::ZERO,
    }
}

/// A log: the founding commit with its receipt, a message, a message whose body has gone.
pub(in super::super) fn short_log() -> [Entry; 3] {
    let receipt = CommitReceipt::sign(ReceiptBody { position: 1, ..receipt_body() }, &signing(RELAY)).to_bytes();
    let founding = Entry {
        position: 1,
        kind: UnitKind::Create,
        body: bytes(b"a commit"),
        receipt: bytes(&receipt),
        ..entry(false)
    };
    let gone = Entry { position: 3, gone: Some(ciphertext_hash(b"another")), ..entry(true) };
    [founding, entry(false), gone]
}

/// R at the first two entries of that log.
pub(super) fn running_at(position: usize) -> Digest {
    short_log().iter().take(position).fold(Digest::ZERO, |running, entry| entry.running(&running))
}

pub(super) fn running() -> Digest {
    running_at(2)
}

pub(super) fn sealed(gone: bool) -> Entry {
    let entry = entry(gone);
    let key = kdf::derive(&[RELAY; 32], &[], Label::ENTRY_SEAL);
    let seal = resupply::seal(&key, conversation(), &entry, running());
    Entry { seal, ..entry }
}

fn log_state() -> LogState {
    LogState { conversation: conversation(), cursor: 3, head: 9, first_kept: 2 }
}

pub(super) fn receipt_body() -> ReceiptBody {
    ReceiptBody {
        conversation: conversation(),
        position: 3,
        commit: ciphertext_hash(b"a commit"),
        stamp: at(T0 + 9),
        roster: roster_change(&[device_id(BILAL)], &[device_id(AYESHA)]),
        status_number: T0,
        previous: Digest::ZERO,
    }
}

pub(super) fn ask() -> AddAgain {
    AddAgain::sign(conversation(), device_id(AYESHA), at(T0), &signing(AYESHA))
}

fn asked(request: Request) -> Vec<u8> {
    ToRelay::Request(NumberedRequest { number: 0x0102_0304, request }).to_bytes()
}

fn answered(answer: Answer) -> Vec<u8> {
    FromRelay::Answer(NumberedAnswer { number: 0x0102_0304, answer }).to_bytes()
}

pub(in super::super) fn make() -> Vec<Vector> {
    [requests(), answers(), refused(), super::hashes::make()].concat()
}

fn to_relay(name: &str, rules: &str, comment: &str, message: &[u8]) -> Vector {
    vector("to_relay", name, rules, comment).bytes("message", message)
}

fn from_relay(name: &str, rules: &str, comment: &str, message: &[u8]) -> Vector {
    vector("from_relay", name, rules, comment).bytes("message", message)
}

fn every_request() -> Vec<(&'static str, Request)> {
    let chain = || bytes(b"not looked at");
    let what = |after| WhatIsNew { after };
    let devices = || vec![device_id(AYESHA), device_id(BILAL)];
    let cursor = Cursor { conversation: conversation(), position: 4 };
    let held = |gone| HeldEntry { entry: sealed(gone), roster_add: List::default(), roster_remove: List::default() };
    let text = |text: &str| Text::new(text).unwrap();
    vec![
        ("ping", Request::Ping(Nothing {})),
        ("news-first", Request::News(what(None))),
        ("news-further", Request::News(what(Some(conversation())))),
        ("append-commit", Request::Append(unit())),
        (
            "append-message",
            Request::Append(Unit {
                kind: UnitKind::Message,
                roster_add: List::default(),
                roster_remove: List::default(),
                group_info: Bytes::default(),
                joiners: List::default(),
                ..unit()
            }),
        ),
        ("read", Request::Read(Read { conversation: conversation(), after: 8, max_entries: 64 })),
        ("advance", Request::Advance(Advance { cursors: List::new(vec![cursor]).unwrap(), direct: 6 })),
        (
            "put-key-packages",
            Request::PutKeyPackages(PutKeyPackages {
                one_time: List::new(vec![bytes(b"one"), bytes(b"two")]).unwrap(),
                last_resort: Some(bytes(b"last")),
            }),
        ),
        ("claim-key-packages", Request::ClaimKeyPackages(List::new(devices()).unwrap())),
        ("people", Request::People(People { query: text("سیکشن"), after: text("ayesha") })),
        ("chains", Request::Chains(List::new(devices()).unwrap())),
        (
            "put-statement",
            Request::PutStatement(StatusUpdate {
                status: chain(),
                first: 2,
                revocations: List::new(vec![bytes(b"an entry")]).unwrap(),
            }),
        ),
        ("status", Request::Status(Nothing {})),
        (
            "open-document",
            Request::OpenDocument(OpenDocument {
                document: document(),
                conversation: conversation(),
                segments: 3,
                class: RetentionClass::Year,
            }),
        ),
        (
            "put-segment",
            Request::PutSegment(PutSegment { document: document(), index: 2, bytes: bytes(b"not a whole segment") }),
        ),
        ("seal-document", Request::SealDocument(document())),
        ("get-segment", Request::GetSegment(GetSegment { document: document(), index: 2 })),
        ("decline", Request::Decline(conversation())),
        ("revocations", Request::Revocations(100)),
        ("put-renewal", Request::PutRenewal(chain())),
        ("ask-again", Request::AskAgain(ask())),
        ("put-approval", Request::PutApproval(chain())),
        ("own-devices", Request::OwnDevices(Nothing {})),
        (
            "resupply",
            Request::Resupply(Resupply {
                conversation: conversation(),
                after: 1,
                running: running_at(1),
                entries: List::new(vec![held(false)]).unwrap(),
            }),
        ),
        (
            "welcomes",
            Request::Welcomes(Welcomes {
                conversation: conversation(),
                position: 3,
                group_info: bytes(b"group info"),
                joiners: joiners(),
            }),
        ),
        ("cursors", Request::Cursors(what(None))),
        ("drop-key-packages", Request::DropKeyPackages(Nothing {})),
        ("lapsed", Request::Lapsed(text("ayesha"))),
    ]
}

fn requests() -> Vec<Vector> {
    let hello = |identity| ToRelay::Hello(Hello { version: 1, identity }).to_bytes();
    let chain = || bytes(b"a chain");
    let mut out = vec![
        to_relay("hello-device", "WIRE-01", "A device's hello", &hello(Identity::Device(chain()))),
        to_relay("hello-enrolling", "WIRE-01", "A new device's hello", &hello(Identity::Enrolling(chain()))),
        to_relay("hello-officer", "WIRE-01", "An officer's hello", &hello(Identity::Officer(chain()))),
        to_relay(
            "hello-other-version",
            "WIRE-01",
            "A hello of version 2 decodes: it is answered with Goodbye(Version)",
            &ToRelay::Hello(Hello { version: 2, identity: Identity::Device(chain()) }).to_bytes(),
        ),
    ];
    out.extend(every_request().into_iter().map(|(name, request)| {
        let comment = format!("The request {}", name.replace('-', " "));
        to_relay(&format!("request-{name}"), "WIRE-01", &comment, &asked(request))
    }));
    out
}

fn every_answer() -> Vec<(&'static str, Answer)> {
    let chain = || bytes(b"not looked at");
    let welcome = WelcomePart {
        conversation: conversation(),
        position: 3,
        running: running(),
        sender: device_id(AYESHA),
        receipt: bytes(b"a receipt"),
        group_info: bytes(b"group info"),
        group_secrets: bytes(b"secrets"),
    };
    let directs = [
        Direct::Welcome(welcome),
        Direct::LastResortUsed(Nothing {}),
        Direct::GrantReused(GrantReused { device: device_id(NOBODY), at: at(T0) }),
        Direct::FurtherDevice(FurtherDevice { device: device_id(BILAL), approved: true }),
    ];
    let direct: Vec<_> = (1..).zip(directs).map(|(number, body)| DirectItem { number, body }).collect();
    let logs = || List::new(vec![log_state()]).unwrap();
    vec![
        ("done", Answer::Done(Nothing {})),
        ("conflict", Answer::Conflict(9)),
        ("stale-epoch", Answer::StaleEpoch(8)),
        (
            "appended",
            Answer::Appended(Appended {
                position: 3,
                stamp: at(T0 + 9),
                running: running(),
                receipt: bytes(&CommitReceipt::sign(receipt_body(), &signing(RELAY)).to_bytes()),
                seal: Digest::from_bytes([0x5e; 32]),
            }),
        ),
        (
            "news",
            Answer::News(News {
                logs: logs(),
                direct: List::new(direct).unwrap(),
                more_logs: Some(conversation()),
                more_direct: true,
                key_packages: 12,
                last_resort_used: 1,
            }),
        ),
        (
            "entries",
            Answer::Entries(Entries {
                entries: List::new(vec![sealed(false), sealed(true)]).unwrap(),
                running_before: running(),
                head: 9,
                first_kept: 2,
            }),
        ),
        (
            "key-packages",
            Answer::KeyPackages(
                List::new(vec![ClaimedKeyPackage {
                    device: device_id(BILAL),
                    key_package: bytes(b"a KeyPackage"),
                    last_resort: false,
                }])
                .unwrap(),
            ),
        ),
        ("chains", Answer::Chains(Chains { chains: List::new(vec![chain()]).unwrap(), more: true })),
        ("status", Answer::Status(Bytes::default())),
        ("document", Answer::Document(DocumentState { held: 2, sealed: false })),
        ("segment", Answer::Segment(bytes(b"a segment"))),
        (
            "revocations",
            Answer::Revocations(RevocationPage {
                revocations: List::new(vec![bytes(b"an entry")]).unwrap(),
                more: false,
            }),
        ),
        (
            "devices",
            Answer::Devices(
                List::new(vec![
                    DeviceState { chain: chain(), pending: false, seen: Some(at(T0)) },
                    DeviceState { chain: chain(), pending: true, seen: None },
                ])
                .unwrap(),
            ),
        ),
        ("resupplied", Answer::Resupplied(9)),
        ("cursors", Answer::Cursors(Cursors { logs: logs(), more: None })),
        (
            "lapsed",
            Answer::Lapsed(LapsedPage {
                chains: List::new(vec![chain()]).unwrap(),
                more: Some(Text::new("ayesha").unwrap()),
            }),
        ),
    ]
}

fn answers() -> Vec<Vector> {
    let ready = Ready { now: at(T0), incarnation: Incarnation::from_bytes([0x1c; 16]), status: bytes(b"a status") };
    let item = DirectItem { number: 3, body: Direct::LastResortUsed(Nothing {}) };
    let messages = [
        ("ready", FromRelay::Ready(ready)),
        ("enrolled", FromRelay::Enrolled(Enrolled { receipt: bytes(b"a receipt") })),
        ("push", FromRelay::Push(Push { conversation: conversation(), entry: sealed(false) })),
        ("push-direct", FromRelay::PushDirect(item)),
        ("news-hint", FromRelay::NewsHint(Nothing {})),
        ("push-status", FromRelay::PushStatus(bytes(b"a status"))),
        ("goodbye", FromRelay::Goodbye(Refusal::Displaced)),
        ("push-again", FromRelay::PushAgain(ask())),
    ];
    let mut out: Vec<_> = messages
        .into_iter()
        .map(|(name, message)| {
            let comment = format!("The relay's message {}", name.replace('-', " "));
            from_relay(&format!("relay-{name}"), "WIRE-01", &comment, &message.to_bytes())
        })
        .collect();
    out.extend(every_answer().into_iter().map(|(name, answer)| {
        let comment = format!("The answer {}", name.replace('-', " "));
        let rules = if name == "entries" { "WIRE-01 WIRE-09" } else { "WIRE-01" };
        from_relay(&format!("answer-{name}"), rules, &comment, &answered(answer))
    }));
    out.extend(Refusal::ALL.iter().map(|refusal| {
        let number = refusal.number();
        let comment = format!("A request is refused with code {number}");
        from_relay(&format!("answer-refused-{number:02}"), "WIRE-04", &comment, &answered(Answer::Refused(*refusal)))
    }));
    out
}

/// With a byte put in the place of another.
pub(super) fn altered(mut message: Vec<u8>, place: usize, to: u8) -> Vec<u8> {
    message[place] = to;
    message
}

fn refused() -> Vec<Vector> {
    let ping = asked(Request::Ping(Nothing {}));
    let read = asked(Request::Read(Read { conversation: conversation(), after: 8, max_entries: 64 }));
    let commit = asked(Request::Append(unit()));
    let news = asked(Request::News(WhatIsNew { after: None }));
    let people = |text: &[u8]| [&[2, 0, 0, 0, 1, 8], text, &[0]].concat();
    let numbered = |request: u8, rest: &[u8]| [&[2, 0, 0, 0, 1, request], rest].concat();
    let answer = |kind: u8, rest: &[u8]| [&[3, 0, 0, 0, 1, kind], rest].concat();
    let hello = ToRelay::Hello(Hello { version: 1, identity: Identity::Device(bytes(b"a chain")) }).to_bytes();
    let goodbye = FromRelay::Goodbye(Refusal::Version).to_bytes();
    let document = answered(Answer::Document(DocumentState { held: 2, sealed: false }));
    let segment = answered(Answer::Segment(bytes(b"a segment")));
    let to = |name: &str, word, rules, comment: &str, message: &[u8]| {
        to_relay(&format!("bad-{name}"), rules, comment, message).refused(word)
    };
    let from = |name: &str, word, rules, comment: &str, message: &[u8]| {
        from_relay(&format!("bad-{name}"), rules, comment, message).refused(word)
    };
    let longer = |message: &[u8]| [message, &[0]].concat();
    // Places in the commit: 6 bytes before the unit; id, conversation; kind; class; two positions.
    let (kind, class, body) = (6 + 32, 6 + 33, 6 + 34 + 16);
    vec![
        to("empty", "cut_short", "WIRE-02", "No byte", &[]),
        to("kind-0", "unknown_kind", "WIRE-04", "A client's message of kind 0", &altered(ping.clone(), 0, 0)),
        to("kind-3", "unknown_kind", "WIRE-04", "A client's message of kind 3", &altered(ping.clone(), 0, 3)),
        to("request-0", "unknown_kind", "WIRE-04", "A request of kind 0", &altered(ping.clone(), 5, 0)),
        to("request-17", "unknown_kind", "WIRE-04", "A request of kind 17", &altered(ping.clone(), 5, 17)),
        to("request-255", "unknown_kind", "WIRE-04", "A request of kind 255", &altered(ping.clone(), 5, 255)),
        to("ping-left-over", "left_over", "WIRE-02", "A byte behind a Ping", &longer(&ping)),
        to("read-left-over", "left_over", "WIRE-02", "A byte behind a Read", &longer(&read)),
        to("hello-left-over", "left_over", "WIRE-02", "A byte behind a hello", &longer(&hello)),
        to("number-cut", "cut_short", "WIRE-02", "Ends within the number", &ping[..3]),
        to("read-cut", "cut_short", "WIRE-02", "Ends within max_entries", &read[..read.len() - 1]),
        to("hello-cut", "cut_short", "WIRE-02", "Ends within the chain", &hello[..hello.len() - 1]),
        to("commit-cut", "cut_short", "WIRE-02", "Ends within the last joiner", &commit[..commit.len() - 1]),
        to("hello-identity-0", "unknown_kind", "WIRE-04", "An identity of kind 0", &altered(hello.clone(), 3, 0)),
        to("hello-identity-4", "unknown_kind", "WIRE-04", "An identity of kind 4", &altered(hello.clone(), 3, 4)),
        to("unit-kind-0", "unknown_kind", "WIRE-04", "A unit of kind 0", &altered(commit.clone(), kind, 0)),
        to("unit-kind-4", "unknown_kind", "WIRE-04", "A unit of kind 4", &altered(commit.clone(), kind, 4)),
        to("class-0", "unknown_kind", "WIRE-04", "Retention class 0", &altered(commit.clone(), class, 0)),
        to("class-6", "unknown_kind", "WIRE-04", "Retention class 6", &altered(commit.clone(), class, 6)),
        to(
            "body-limit",
            "too_long",
            "WIRE-03",
            "A body whose length says 1,048,577: looked at before the bytes are",
            &[&commit[..body], &[0x10, 0, 1]].concat(),
        ),
        to(
            "body-says-more",
            "cut_short",
            "WIRE-03",
            "A body of the greatest length that is not there",
            &[&commit[..body], &[0x10, 0, 0, 1, 2, 3]].concat(),
        ),
        to("optional-2", "invalid", "WIRE-02", "An optional that begins with 2", &altered(news, 6, 2)),
        to("claim-51", "too_long", "WIRE-03", "51 devices, one above ADDS", &numbered(7, &[0, 51])),
        to("claim-count-says-more", "cut_short", "WIRE-03", "50 devices that are not there", &numbered(7, &[0, 50])),
        to("chains-65", "too_long", "WIRE-03", "65 devices, one above DEVICES", &numbered(9, &[0, 65])),
        to("advance-513", "too_long", "WIRE-03", "513 cursors, one above CONVERSATIONS", &numbered(5, &[2, 1])),
        to("key-packages-101", "too_long", "WIRE-03", "101 KeyPackages, one above the limit", &numbered(6, &[0, 101])),
        to("key-package-long", "too_long", "WIRE-03", "A KeyPackage of 16,385 bytes", &numbered(6, &[0, 1, 0x40, 1])),
        to("hello-chain-long", "too_long", "WIRE-03", "A chain of 65,537 bytes", &[1, 0, 1, 1, 1, 0, 1]),
        to("query-not-utf8", "invalid", "WIRE-02", "A query that is not UTF-8", &people(&[2, 0xc3, 0x28])),
        to("query-overlong-utf8", "invalid", "WIRE-02", "A slash in two bytes of UTF-8", &people(&[2, 0xc0, 0xaf])),
        to("query-surrogate", "invalid", "WIRE-02", "A surrogate in UTF-8", &people(&[3, 0xed, 0xa0, 0x80])),
        to("query-129", "too_long", "WIRE-03", "A query of 129 bytes", &people(&[129])),
        to(
            "length-in-two-bytes",
            "left_over",
            "WIRE-01",
            "A query's length in two bytes, where its limit takes one",
            &[people(&[0, 2]).as_slice(), b"ab"].concat(),
        ),
        to(
            "revocations-257",
            "too_long",
            "WIRE-03",
            "257 revocations in a status update",
            &[numbered(10, &[0, 0, 0]).as_slice(), &[0, 0, 0, 0, 1, 1]].concat(),
        ),
        to(
            "entries-1025",
            "too_long",
            "WIRE-03",
            "1,025 entries given back",
            &[numbered(28, &[0xc1; 16]).as_slice(), &[0; 40], &[4, 1]].concat(),
        ),
        from("relay-empty", "cut_short", "WIRE-02", "No byte from a relay", &[]),
        from("relay-kind-0", "unknown_kind", "WIRE-04", "A relay's message of kind 0", &[0]),
        from("relay-kind-10", "unknown_kind", "WIRE-04", "A relay's message of kind 10", &[10]),
        from("answer-0", "unknown_kind", "WIRE-04", "An answer of kind 0", &answer(0, &[])),
        from("answer-13", "unknown_kind", "WIRE-04", "An answer of kind 13", &answer(13, &[])),
        from("refusal-0", "unknown_kind", "WIRE-04", "Goodbye with code 0", &altered(goodbye.clone(), 1, 0)),
        from(
            "refusal-15",
            "unknown_kind",
            "WIRE-04",
            "Goodbye with code 15, which is not used again",
            &altered(goodbye.clone(), 1, 15),
        ),
        from("goodbye-cut", "cut_short", "WIRE-02", "Goodbye without a code", &goodbye[..1]),
        from("goodbye-left-over", "left_over", "WIRE-02", "A byte behind a Goodbye", &longer(&goodbye)),
        from("bool-2", "invalid", "WIRE-02", "A bool of 2", &altered(document.clone(), document.len() - 1, 2)),
        from("bool-255", "invalid", "WIRE-02", "A bool of 255", &altered(document.clone(), document.len() - 1, 255)),
        from("document-cut", "cut_short", "WIRE-02", "A bool is missing", &document[..document.len() - 1]),
        from(
            "segment-cut",
            "cut_short",
            "WIRE-02",
            "A segment of fewer bytes than it says",
            &segment[..segment.len() - 1],
        ),
        from("segment-limit", "too_long", "WIRE-03", "A segment of 1,048,577 bytes", &answer(12, &[0x10, 0, 1])),
        from("answer-entries-1025", "too_long", "WIRE-03", "1,025 entries in an answer", &answer(7, &[4, 1])),
        from("answer-news-513", "too_long", "WIRE-03", "513 logs in an answer", &answer(6, &[2, 1])),
        from("answer-direct-257", "too_long", "WIRE-03", "257 direct items", &answer(6, &[0, 0, 1, 1])),
        from("direct-kind-4", "unknown_kind", "WIRE-04", "A direct item of kind 4", &[5, 0, 0, 0, 0, 0, 0, 0, 1, 4]),
        from(
            "receipt-long",
            "too_long",
            "WIRE-03",
            "A commit receipt of 513 bytes",
            &[answer(5, &[0; 48]).as_slice(), &[2, 1]].concat(),
        ),
        from(
            "appended-cut",
            "cut_short",
            "WIRE-02",
            "An answer without its seal",
            &[answer(5, &[0; 48]).as_slice(), &[0, 0]].concat(),
        ),
    ]
}
