//! The wire's vectors (protocol-spec/02-wire): what a decoder must refuse for another reason than its end or a limit.
//! What is damaged at its end stands in [`cases`](super::cases), what is above a limit in [`over`](super::over).

use amanat_wire::{
    Encode as _,
    client::{Hello, Identity, Nothing, Request, ToRelay, WhatIsNew},
    relay::{Answer, DocumentState, FromRelay, Refusal},
};

use super::{
    Vector,
    cases::{altered, answered, asked, bytes, from_relay, to_relay, unit},
};

pub(super) fn make() -> Vec<Vector> {
    [kinds_to_relay(), lengths_to_relay(), texts(), from_relays()].concat()
}

fn to(name: &str, word: &'static str, rules: &str, comment: &str, message: &[u8]) -> Vector {
    to_relay(&format!("bad-{name}"), rules, comment, message).refused(word)
}

fn numbered(request: u8, rest: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 1, request], rest].concat()
}

fn kinds_to_relay() -> Vec<Vector> {
    let ping = asked(Request::Ping(Nothing {}));
    let commit = asked(Request::Append(unit()));
    let hello = ToRelay::Hello(Hello { version: 1, identity: Identity::Device(bytes(b"a chain")) }).to_bytes();
    // Places in the commit: 6 bytes before the unit; id, conversation; kind; class.
    let (kind, class) = (6 + 32, 6 + 33);
    let of = |name: &str, comment: &str, (good, place, number): (&Vec<u8>, usize, u8)| {
        to(name, "unknown_kind", "WIRE-04", comment, &altered(good.clone(), place, number))
    };
    vec![
        of("kind-0", "A client's message of kind 0", (&ping, 0, 0)),
        of("kind-3", "A client's message of kind 3", (&ping, 0, 3)),
        of("request-0", "A request of kind 0", (&ping, 5, 0)),
        of("request-17", "A request of kind 17", (&ping, 5, 17)),
        of("request-255", "A request of kind 255", (&ping, 5, 255)),
        of("hello-identity-0", "An identity of kind 0", (&hello, 3, 0)),
        of("hello-identity-4", "An identity of kind 4", (&hello, 3, 4)),
        of("unit-kind-0", "A unit of kind 0", (&commit, kind, 0)),
        of("unit-kind-4", "A unit of kind 4", (&commit, kind, 4)),
        of("class-0", "Retention class 0", (&commit, class, 0)),
        of("class-6", "Retention class 6", (&commit, class, 6)),
    ]
}

fn lengths_to_relay() -> Vec<Vector> {
    let commit = asked(Request::Append(unit()));
    let news = asked(Request::News(WhatIsNew { after: None }));
    // 6 bytes before the unit; id, conversation, kind, class; two positions.
    let body = 6 + 34 + 16;
    vec![
        to("empty", "cut_short", "WIRE-02", "No byte", &[]),
        to("number-cut", "cut_short", "WIRE-02", "Ends within the number", &news[..3]),
        to("request-none", "cut_short", "WIRE-02", "Ends behind the number", &news[..5]),
        to(
            "body-says-more",
            "cut_short",
            "WIRE-03",
            "A body of the greatest length that is not there",
            &[&commit[..body], &[0x10, 0, 0, 1, 2, 3]].concat(),
        ),
        to("optional-2", "invalid", "WIRE-02", "An optional that begins with 2", &altered(news, 6, 2)),
        to("claim-count-says-more", "cut_short", "WIRE-03", "50 devices that are not there", &numbered(7, &[0, 50])),
    ]
}

fn texts() -> Vec<Vector> {
    let people = |text: &[u8]| numbered(8, &[text, &[0]].concat());
    vec![
        to("query-not-utf8", "invalid", "WIRE-02", "A query that is not UTF-8", &people(&[2, 0xc3, 0x28])),
        to("query-overlong-utf8", "invalid", "WIRE-02", "A slash in two bytes of UTF-8", &people(&[2, 0xc0, 0xaf])),
        to("query-surrogate", "invalid", "WIRE-02", "A surrogate in UTF-8", &people(&[3, 0xed, 0xa0, 0x80])),
        to(
            "length-in-two-bytes",
            "left_over",
            "WIRE-01",
            "A query's length in two bytes, where its limit takes one",
            &[people(&[0, 2]).as_slice(), b"ab"].concat(),
        ),
        to(
            "after-not-utf8",
            "invalid",
            "WIRE-02",
            "A place to go on from that is not UTF-8",
            &numbered(8, &[0, 1, 0xff]),
        ),
        to(
            "lapsed-not-utf8",
            "invalid",
            "WIRE-02",
            "Lapsed devices from behind a handle that is not UTF-8",
            &numbered(32, &[1, 0xff]),
        ),
    ]
}

fn from_relays() -> Vec<Vector> {
    let from = |name: &str, word, rules, comment: &str, message: &[u8]| {
        from_relay(&format!("bad-{name}"), rules, comment, message).refused(word)
    };
    let answer = |kind: u8, rest: &[u8]| [&[3, 0, 0, 0, 1, kind], rest].concat();
    let goodbye = FromRelay::Goodbye(Refusal::Version).to_bytes();
    let document = answered(Answer::Document(DocumentState { held: 2, sealed: false }));
    let last = document.len() - 1;
    vec![
        from("relay-empty", "cut_short", "WIRE-02", "No byte from a relay", &[]),
        from("relay-kind-0", "unknown_kind", "WIRE-04", "A relay's message of kind 0", &[0]),
        from("relay-kind-10", "unknown_kind", "WIRE-04", "A relay's message of kind 10", &[10]),
        from("answer-none", "cut_short", "WIRE-02", "An answer that ends behind its number", &[3, 0, 0, 0, 1]),
        from("answer-0", "unknown_kind", "WIRE-04", "An answer of kind 0", &answer(0, &[])),
        from("answer-13", "unknown_kind", "WIRE-04", "An answer of kind 13", &answer(13, &[])),
        from("refusal-0", "unknown_kind", "WIRE-04", "Goodbye with code 0", &altered(goodbye.clone(), 1, 0)),
        from(
            "refusal-15",
            "unknown_kind",
            "WIRE-04",
            "Goodbye with code 15, which is not used again",
            &altered(goodbye, 1, 15),
        ),
        from("bool-2", "invalid", "WIRE-02", "A bool of 2", &altered(document.clone(), last, 2)),
        from("bool-255", "invalid", "WIRE-02", "A bool of 255", &altered(document, last, 255)),
        from("direct-kind-4", "unknown_kind", "WIRE-04", "A direct item of kind 4", &[5, 0, 0, 0, 0, 0, 0, 0, 1, 4]),
        from(
            "lapsed-more-not-utf8",
            "invalid",
            "WIRE-02",
            "Lapsed devices, more of them behind a handle that is not UTF-8",
            &answer(32, &[0, 0, 1, 1, 0xff]),
        ),
        from(
            "appended-without-seal",
            "cut_short",
            "WIRE-02",
            "An answer without its seal",
            &[answer(5, &[0; 48]).as_slice(), &[0, 0]].concat(),
        ),
    ]
}
