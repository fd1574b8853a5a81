//! What a client says (protocol-spec/02-wire, section 2): the hellos, and each request once.

use amanat_wire::{
    Bytes, Encode as _, List, Text,
    client::{
        Advance, Cursor, GetSegment, Hello, Identity, Nothing, NumberedRequest, OpenDocument, People, PutKeyPackages,
        PutSegment, Read, Request, StatusUpdate, ToRelay, WhatIsNew,
    },
    log::{RetentionClass, Unit, UnitKind},
    resupply::{HeldEntry, Resupply, Welcomes},
};

use super::{
    super::super::forge::{AYESHA, BILAL, device_id},
    Good, ask, bytes, conversation, document, joiners, running_at, sealed, unit,
};

/// Version and identity, and behind them the chain.
fn hello(name: &str, is: &str, version: u16, identity: fn(Bytes<65_536>) -> Identity) -> Good {
    let message = ToRelay::Hello(Hello { version, identity: identity(bytes(b"a chain")) }).to_bytes();
    Good { what: "to_relay", name: format!("hello-{name}"), rules: "WIRE-01", is: is.to_owned(), message, head: 4 }
}

pub(in super::super) fn asked(request: Request) -> Vec<u8> {
    ToRelay::Request(NumberedRequest { number: 0x0102_0304, request }).to_bytes()
}

pub(super) fn good() -> Vec<Good> {
    let mut out = vec![
        hello("device", "A device's hello", 1, Identity::Device),
        hello("enrolling", "A new device's hello", 1, Identity::Enrolling),
        hello("officer", "An officer's hello", 1, Identity::Officer),
    ];
    let requests = [of_logs(), of_devices(), of_officers(), of_documents(), of_lost_logs()].concat();
    out.extend(requests.into_iter().map(|(name, request)| Good {
        what: "to_relay",
        name: format!("request-{name}"),
        rules: "WIRE-01",
        is: format!("The request {}", name.replace('-', " ")),
        message: asked(request),
        head: 6,
    }));
    out
}

pub(super) fn of_another_version() -> Good {
    let is = "A hello of version 2 decodes: it is answered with Goodbye(Version)";
    hello("other-version", is, 2, Identity::Device)
}

type Named = (&'static str, Request);

fn text(text: &str) -> Text<128> {
    Text::new(text).unwrap()
}

fn what(after: Option<amanat_primitives::ConversationId>) -> WhatIsNew {
    WhatIsNew { after }
}

fn of_logs() -> Vec<Named> {
    let cursor = Cursor { conversation: conversation(), position: 4 };
    let message = Unit {
        kind: UnitKind::Message,
        roster_add: List::default(),
        roster_remove: List::default(),
        group_info: Bytes::default(),
        joiners: List::default(),
        ..unit()
    };
    vec![
        ("ping", Request::Ping(Nothing {})),
        ("news-first", Request::News(what(None))),
        ("news-further", Request::News(what(Some(conversation())))),
        ("append-commit", Request::Append(unit())),
        ("append-message", Request::Append(message)),
        ("read", Request::Read(Read { conversation: conversation(), after: 8, max_entries: 64 })),
        ("advance", Request::Advance(Advance { cursors: List::new(vec![cursor]).unwrap(), direct: 6 })),
        ("cursors", Request::Cursors(what(None))),
        ("decline", Request::Decline(conversation())),
        ("ask-again", Request::AskAgain(ask())),
    ]
}

fn of_devices() -> Vec<Named> {
    let devices = || vec![device_id(AYESHA), device_id(BILAL)];
    let packages = PutKeyPackages {
        one_time: List::new(vec![bytes(b"one"), bytes(b"two")]).unwrap(),
        last_resort: Some(bytes(b"last")),
    };
    vec![
        ("put-key-packages", Request::PutKeyPackages(packages)),
        ("claim-key-packages", Request::ClaimKeyPackages(List::new(devices()).unwrap())),
        ("drop-key-packages", Request::DropKeyPackages(Nothing {})),
        ("people", Request::People(People { query: text("سیکشن"), after: text("ayesha") })),
        ("chains", Request::Chains(List::new(devices()).unwrap())),
        ("own-devices", Request::OwnDevices(Nothing {})),
        ("put-approval", Request::PutApproval(bytes(b"not looked at"))),
    ]
}

fn of_officers() -> Vec<Named> {
    let update = StatusUpdate {
        status: bytes(b"not looked at"),
        first: 2,
        revocations: List::new(vec![bytes(b"an entry")]).unwrap(),
    };
    vec![
        ("put-statement", Request::PutStatement(update)),
        ("status", Request::Status(Nothing {})),
        ("revocations", Request::Revocations(100)),
        ("put-renewal", Request::PutRenewal(bytes(b"not looked at"))),
        ("lapsed", Request::Lapsed(text("ayesha"))),
    ]
}

fn of_documents() -> Vec<Named> {
    let (document, class) = (document(), RetentionClass::Year);
    let open = OpenDocument { document, conversation: conversation(), segments: 3, class };
    let put = PutSegment { document, index: 2, bytes: bytes(b"not a whole segment") };
    vec![
        ("open-document", Request::OpenDocument(open)),
        ("put-segment", Request::PutSegment(put)),
        ("seal-document", Request::SealDocument(document)),
        ("get-segment", Request::GetSegment(GetSegment { document, index: 2 })),
    ]
}

fn of_lost_logs() -> Vec<Named> {
    let held = HeldEntry { entry: sealed(false), roster_add: List::default(), roster_remove: List::default() };
    let resupply = Resupply {
        conversation: conversation(),
        after: 1,
        running: running_at(1),
        entries: List::new(vec![held]).unwrap(),
    };
    let welcomes =
        Welcomes { conversation: conversation(), position: 3, group_info: bytes(b"group info"), joiners: joiners() };
    vec![("resupply", Request::Resupply(resupply)), ("welcomes", Request::Welcomes(welcomes))]
}
