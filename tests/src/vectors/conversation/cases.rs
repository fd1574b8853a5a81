//! The conversation's vectors (protocol-spec/05-conversation): credentials, facts, roles, commits, contents, histories.

use amanat_conversation::{CommitFacts, Content, ContentType, Frame, GroupFacts, Kind, LeaveProof, Roles};
use amanat_identity::{Address, SUITE_XWING, Tier};
use amanat_primitives::{ConversationId, DeviceId, Digest, Label, MessageSeed, hash};
use amanat_wire::{Bytes, Encode as _, List, client::AddAgain, log::ciphertext_hash};

use super::{
    super::forge::{
        AYESHA, BILAL, DAY, MINUTE, NOBODY, RELAY, ROOT, SECOND_DEVICE, T0, at, authority, device_id, key_id, plan,
        public, signing,
    },
    super::wire::short_log,
    Vector, vector,
};

fn conversation() -> ConversationId {
    ConversationId::from_bytes([0xc1; 16])
}

pub(in super::super) fn make() -> Vec<Vector> {
    [leaves(), facts(), roles(), validities(), commits(), contents(), bodies(), requests(), histories(), logs()]
        .concat()
}

/// With a byte put in the place of another.
fn altered(bytes: &[u8], place: usize, to: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[place] = to;
    bytes
}

fn longer(bytes: &[u8]) -> Vec<u8> {
    [bytes, &[0]].concat()
}

fn identity(domain: &str, handle: &str, device: u8) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![1], text(domain), text(handle), device_id(device).as_bytes().to_vec()].concat()
}

fn leaves() -> Vec<Vector> {
    let of = |name: &str, rules, comment: &str, identity: &[u8], key: u8, tier: u8| {
        vector("leaf_identity", &format!("leaf-{name}"), rules, comment)
            .bytes("authority", authority(ROOT, "interior.gov.pk").statement().to_bytes())
            .text("now", T0)
            .bytes("chain", plan(AYESHA, "ayesha").chain().to_bytes())
            .bytes("identity", identity)
            .bytes("signature_key", public(key).as_bytes())
            .text("tier", tier)
    };
    let good = identity("interior.gov.pk", "ayesha", AYESHA);
    let bad = |name: &str, word, comment: &str, identity: &[u8]| {
        of(name, "CONV-04", comment, identity, AYESHA, 4).refused(word)
    };
    vec![
        of("good", "CONV-04", "The identity of a leaf that is the verified device", &good, AYESHA, 4),
        bad("other-device", "other_device", "Names another device", &identity("interior.gov.pk", "ayesha", BILAL)),
        bad("other-handle", "other_address", "Names another person", &identity("interior.gov.pk", "bilal", AYESHA)),
        bad("other-domain", "other_address", "Names another ministry", &identity("finance.gov.pk", "ayesha", AYESHA)),
        of("other-key", "CONV-04", "Its signature key is not the certified one", &good, NOBODY, 4).refused("other_key"),
        of("below-tier", "CONV-05", "Cleared for secret, and the tier is top-secret", &good, AYESHA, 5)
            .refused("clearance_too_low"),
        bad("version-2", "credential", "Version 2", &altered(&good, 0, 2)),
        bad("upper-case", "credential", "A domain that is none", &altered(&good, 2, b'I')),
        bad("left-over", "credential", "A byte behind it", &longer(&good)),
        bad("cut", "credential", "Cut short", &good[..good.len() - 1]),
    ]
}

fn facts() -> Vec<Vector> {
    let facts = |kind| GroupFacts {
        version: 1,
        conversation: conversation(),
        kind,
        tier: Tier::Secret,
        policy_version: 0,
        relay: key_id(RELAY),
        suite: SUITE_XWING,
    };
    let group = facts(Kind::Group);
    let good = group.to_bytes();
    let of = |name: &str, comment: &str, bytes: &[u8]| {
        vector("group_facts", &format!("facts-{name}"), "CONV-10", comment).bytes("group_facts", bytes)
    };
    let bad = |name: &str, word, comment: &str, bytes: &[u8]| of(name, comment, bytes).refused(word);
    let newer = |change: &dyn Fn(&mut GroupFacts)| {
        let mut facts = group.clone();
        change(&mut facts);
        facts.to_bytes()
    };
    vec![
        of("group", "The facts of a group", &good),
        of("direct", "The facts of a 1:1", &facts(Kind::Direct).to_bytes()),
        bad("version-2", "newer", "Version 2", &newer(&|facts| facts.version = 2)),
        bad("policy-1", "newer", "Policy version 1", &newer(&|facts| facts.policy_version = 1)),
        bad("other-suite", "newer", "Suite 1", &newer(&|facts| facts.suite = 1)),
        bad("kind-0", "unknown_kind", "Kind 0", &altered(&good, 17, 0)),
        bad("kind-3", "unknown_kind", "Kind 3", &altered(&good, 17, 3)),
        bad("tier-0", "unknown_kind", "Tier 0", &altered(&good, 18, 0)),
        bad("tier-6", "unknown_kind", "Tier 6", &altered(&good, 18, 6)),
        bad("cut", "cut_short", "Cut short", &good[..good.len() - 1]),
        bad("left-over", "left_over", "A byte behind it", &longer(&good)),
    ]
}

fn roles() -> Vec<Vector> {
    let person = |text: &str| text.parse::<Address>().unwrap();
    let roles = |moderators: &[&str]| {
        let moderators = moderators.iter().map(|text| person(text)).collect::<Vec<_>>();
        Roles { version: 1, founder: person("ayesha@interior.gov.pk"), moderators: List::new(moderators).unwrap() }
    };
    let of = |name: &str, comment: &str, bytes: &[u8]| {
        vector("roles", &format!("roles-{name}"), "CONV-46", comment).bytes("roles", bytes)
    };
    let encoded = |moderators: &[&str]| amanat_wire::Encode::to_bytes(&roles(moderators));
    let (b, c) = ("bilal@interior.gov.pk", "chanda@interior.gov.pk");
    let good = encoded(&[b, c]);
    let count = encoded(&[]);
    let many = [&count[..count.len() - 2], &[0, 65]].concat();
    vec![
        of("good", "A founder and two moderators", &good),
        of("alone", "A founder alone", &count),
        of("same-handle", "Two of one handle, in the order of their domains", &encoded(&["bilal@a.gov.pk", b])),
        of("order", "Not in ascending order", &encoded(&[c, b])).refused("invalid"),
        of("twice", "One of them twice", &encoded(&[b, b])).refused("invalid"),
        of(
            "handle-before-domain",
            "In the order of their domains, where handles come first",
            &encoded(&["chanda@a.gov.pk", b]),
        )
        .refused("invalid"),
        of("founder", "The founder among the moderators", &encoded(&["ayesha@interior.gov.pk", b])).refused("invalid"),
        of("sixty-five", "65 moderators", &many).refused("too_long"),
        of("version-2", "Version 2", &altered(&good, 0, 2)).refused("unknown_kind"),
        of("empty", "No byte", &[]).refused("cut_short"),
        of("left-over", "A byte behind it", &longer(&good)).refused("left_over"),
    ]
}

fn validities() -> Vec<Vector> {
    let encoded = |version: u8, from: u64, until: u64| {
        [&[version], device_id(BILAL).as_bytes().as_slice(), &from.to_be_bytes(), &until.to_be_bytes()].concat()
    };
    let of = |name: &str, comment: &str, validity: &[u8], last_resort: u8, now: u64| {
        vector("validity", &format!("validity-{name}"), "CONV-20 CONV-21", comment)
            .bytes("validity", validity)
            .bytes("device", device_id(BILAL).as_bytes())
            .text("last_resort", last_resort)
            .text("at", now)
    };
    let (month, quarter) = (encoded(1, T0, T0 + 30 * DAY), encoded(1, T0, T0 + 90 * DAY));
    vec![
        of("good", "30 days", &month, 0, T0),
        of("last-resort", "90 days, of last resort", &quarter, 1, T0),
        of("too-lasting", "A millisecond more than 30 days", &encoded(1, T0, T0 + 30 * DAY + 1), 0, T0)
            .refused("too_lasting"),
        of("last-resort-too-lasting", "A millisecond more than 90 days", &encoded(1, T0, T0 + 90 * DAY + 1), 1, T0)
            .refused("too_lasting"),
        of("quarter-not-last-resort", "90 days, not of last resort", &quarter, 0, T0).refused("too_lasting"),
        of("early-tolerated", "10 minutes before it was made", &month, 0, T0 - 10 * MINUTE),
        of("early", "A millisecond more", &month, 0, T0 - 10 * MINUTE - 1).refused("not_yet_valid"),
        of("end", "At its end", &month, 0, T0 + 30 * DAY),
        of("late", "A millisecond later: no tolerance here", &month, 0, T0 + 30 * DAY + 1).refused("expired"),
        of("version-2", "Version 2", &encoded(2, T0, T0 + DAY), 0, T0).refused("unknown_kind"),
        of("cut", "Cut short", &month[..48], 0, T0).refused("cut_short"),
        of("left-over", "A byte behind it", &longer(&month), 0, T0).refused("left_over"),
        vector("validity", "validity-other-device", "CONV-20", "Of another device")
            .bytes("validity", &month)
            .bytes("device", device_id(AYESHA).as_bytes())
            .text("last_resort", 0)
            .text("at", T0)
            .refused("other_device"),
    ]
}

fn ascending(seeds: &[u8]) -> Vec<DeviceId> {
    let mut devices: Vec<_> = seeds.iter().map(|seed| device_id(*seed)).collect();
    devices.sort_unstable();
    devices
}

fn commits() -> Vec<Vector> {
    let proof = |seed: u8| {
        let signature = signing(seed).sign(Label::LEAVE, b"what a leaf was");
        LeaveProof { device: device_id(seed), signature }
    };
    let ask = |seed: u8| AddAgain::sign(conversation(), device_id(seed), at(T0), &signing(seed));
    let facts = || CommitFacts {
        version: 1,
        committed_at: at(T0),
        status_number: T0,
        roster_add: List::new(ascending(&[BILAL, SECOND_DEVICE])).unwrap(),
        roster_remove: List::new(ascending(&[AYESHA, NOBODY])).unwrap(),
        leaves: List::new(vec![proof(AYESHA)]).unwrap(),
        again: List::new(vec![ask(BILAL)]).unwrap(),
    };
    let with = |change: &dyn Fn(&mut CommitFacts)| {
        let mut facts = facts();
        change(&mut facts);
        facts.to_bytes()
    };
    let of = |name: &str, comment: &str, bytes: &[u8]| {
        vector("commit_facts", &format!("commit-{name}"), "CONV-15", comment).bytes("commit_facts", bytes)
    };
    let bad = |name: &str, word, comment: &str, bytes: &[u8]| of(name, comment, bytes).refused(word);
    let reversed = |seeds: &[u8]| ascending(seeds).into_iter().rev().collect::<Vec<_>>();
    let good = with(&|_| {});
    let mut proofs = vec![proof(AYESHA), proof(BILAL)];
    proofs.sort_by_key(|proof| std::cmp::Reverse(proof.device));
    vec![
        of("good", "A commit's authenticated data", &good),
        of(
            "bare",
            "One that changes its sender's keys alone",
            &with(&|facts| {
                (facts.roster_add, facts.roster_remove) = (List::default(), List::default());
                (facts.leaves, facts.again) = (List::default(), List::default());
            }),
        ),
        of(
            "same-device",
            "A device that is removed and added in one",
            &with(&|facts| {
                facts.roster_add = List::new(vec![device_id(BILAL)]).unwrap();
                facts.roster_remove = List::new(vec![device_id(BILAL)]).unwrap();
            }),
        ),
        bad(
            "added-order",
            "invalid",
            "Added devices not in ascending order",
            &with(&|facts| {
                facts.roster_add = List::new(reversed(&[BILAL, SECOND_DEVICE])).unwrap();
            }),
        ),
        bad(
            "added-twice",
            "invalid",
            "A device added twice",
            &with(&|facts| {
                facts.roster_add = List::new(vec![device_id(BILAL); 2]).unwrap();
            }),
        ),
        bad(
            "removed-order",
            "invalid",
            "Removed devices not in ascending order",
            &with(&|facts| {
                facts.roster_remove = List::new(reversed(&[AYESHA, NOBODY])).unwrap();
            }),
        ),
        bad(
            "leaves-order",
            "invalid",
            "Proofs not in ascending order",
            &with(&|facts| facts.leaves = List::new(proofs.clone()).unwrap()),
        ),
        bad(
            "again-twice",
            "invalid",
            "A request twice",
            &with(&|facts| facts.again = List::new(vec![ask(BILAL); 2]).unwrap()),
        ),
        bad("version-2", "unknown_kind", "Version 2", &altered(&good, 0, 2)),
        bad("adds-51", "too_long", "51 devices added", &[&good[..17], &[0, 51]].concat()),
        bad("cut", "cut_short", "Cut short", &good[..good.len() - 1]),
        bad("left-over", "left_over", "A byte behind it", &longer(&good)),
    ]
}

fn content(counter: u64, previous: Digest, lasting: u64, content_type: u16, body: &[u8]) -> Content {
    let mut seed = [0x5e; 16];
    seed[15] = counter.to_le_bytes()[0];
    Content {
        version: 1,
        seed: MessageSeed::from_bytes(seed),
        counter,
        previous,
        lasting,
        sent_at: at(T0),
        content_type,
        body: Bytes::new(body).unwrap(),
    }
}

fn framed(name: &str, rules: &str, comment: &str, frame: &[u8]) -> Vector {
    vector("content", &format!("content-{name}"), rules, comment)
        .bytes("frame", frame)
        .bytes("conversation", conversation().as_bytes())
        .bytes("sender", device_id(AYESHA).as_bytes())
}

fn frame(fixed: Content) -> Vec<u8> {
    Frame { fixed, position: 3, running: ciphertext_hash(b"stands for R") }.to_bytes()
}

fn contents() -> Vec<Vector> {
    let of = |counter, lasting| frame(content(counter, Digest::ZERO, lasting, 1, b"salam"));
    let good = of(2, 1);
    let limit = [&good[..75], &[2, 0, 1]].concat();
    let bad = |name, word, comment, bytes: &[u8]| framed(name, "CONV-30", comment, bytes).refused(word);
    vec![
        framed("frame", "CONV-30 CONV-23", "A frame with a text", &good),
        bad("counter-0", "invalid", "Counter 0", &of(0, 0)),
        bad("lasting", "invalid", "As many lasting contents before it as its counter", &of(2, 2)),
        bad("version-2", "newer", "Version 2: nothing else of it is read", &altered(&good, 0, 2)),
        bad("version-2-bare", "newer", "Version 2, and nothing else", &[2]),
        bad("empty", "cut_short", "No byte", &[]),
        bad("cut", "cut_short", "Cut short", &good[..good.len() - 1]),
        bad("left-over", "left_over", "A byte behind it", &longer(&good)),
        bad("body-limit", "too_long", "A body of 131,073 bytes", &limit),
    ]
}

/// A content of each type, and what is none.
fn bodies() -> Vec<Vector> {
    let of = |name: &str, rules, comment: &str, content_type: ContentType, body: &[u8]| {
        framed(name, rules, comment, &frame(content(2, Digest::ZERO, 1, content_type.0, body)))
    };
    let id = [0x1d; 16];
    let at_id = |rest: &[u8]| [&id, rest].concat();
    let line = |seed: u8, delivered: u64, read: u64| {
        let counts = [3_u64, delivered, read].map(u64::to_be_bytes).concat();
        [device_id(seed).as_bytes().as_slice(), &counts].concat()
    };
    let mut sorted = [(AYESHA, device_id(AYESHA)), (BILAL, device_id(BILAL))];
    sorted.sort_by_key(|(_, id)| *id);
    let [(low, _), (high, _)] = sorted;
    let receipt =
        |lines: &[Vec<u8>]| [&u16::try_from(lines.len()).unwrap().to_be_bytes(), lines.concat().as_slice()].concat();
    let expiring = |seconds: u32, content_type: u16, body: &[u8]| {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [seconds.to_be_bytes().as_slice(), &content_type.to_be_bytes(), &length[1..], body].concat()
    };
    let text = "خلاصہ".as_bytes();
    let (c31, c60) = ("CONV-31", "CONV-60");
    type T = ContentType;
    vec![
        of("text", "CONV-30", "A text", T::TEXT, text),
        of("text-empty", "CONV-30", "An empty text", T::TEXT, b""),
        of("document", "CONV-30", "A document: its manifest is judged by chapter 06", T::DOCUMENT, b"a manifest"),
        of("receipt", c31, "A receipt", T::RECEIPT, &receipt(&[line(low, 5, 4), line(high, 2, 0)])),
        of("receipt-empty", c31, "A receipt without lines", T::RECEIPT, &receipt(&[])),
        of("title", "CONV-49", "A title", T::TITLE, text),
        of("reply", "CONV-30", "A reply", T::REPLY, &at_id(&[&[0, 0, 10], text].concat())),
        of("reaction", "CONV-64", "A reaction", T::REACTION, &at_id(&[&[4], "👍".as_bytes()].concat())),
        of("reaction-taken-back", "CONV-64", "A reaction is taken back", T::REACTION, &at_id(&[0])),
        of("edit", "CONV-61", "An edit", T::EDIT, &at_id(&[&[0, 0, 10], text].concat())),
        of("delete", "CONV-62", "A delete", T::DELETE, &id),
        of("expiring", c60, "A text that expires after an hour", T::EXPIRING, &expiring(3600, 1, text)),
        of(
            "expiring-reply",
            c60,
            "A reply that expires",
            T::EXPIRING,
            &expiring(1, 5, &at_id(&[&[0, 0, 10], text].concat())),
        ),
        of("acknowledgement-request", "CONV-65", "A text that asks to be acknowledged", T::ACKNOWLEDGE, text),
        of("acknowledgement", "CONV-68", "An acknowledgement", T::ACKNOWLEDGED, &at_id(&[0x1e; 16])),
        of(
            "document-acknowledgement-request",
            "CONV-65",
            "A document that asks for it",
            T::ACKNOWLEDGE_DOCUMENT,
            b"a manifest",
        ),
        of("leave", "CONV-48", "A request to leave", T::LEAVE, &[0x51; 64]),
        of("reserved", "CONV-30", "A reserved type is kept, and needs a newer version", T::HEADS, b"whatever"),
        of("private-use", "CONV-30", "A type of private use", ContentType(0xf001), b"whatever"),
        of("text-not-utf8", "CONV-30", "A text that is not UTF-8", T::TEXT, &[0xff]).refused("invalid"),
        of("title-257", "CONV-30", "A title of 257 bytes", T::TITLE, &[b'x'; 257]).refused("too_long"),
        of(
            "receipt-order",
            c31,
            "Lines not in ascending order",
            T::RECEIPT,
            &receipt(&[line(high, 1, 1), line(low, 1, 1)]),
        )
        .refused("invalid"),
        of("receipt-twice", c31, "Two lines of a device", T::RECEIPT, &receipt(&[line(low, 1, 1), line(low, 2, 1)]))
            .refused("invalid"),
        of("receipt-read-undelivered", c31, "More read than delivered", T::RECEIPT, &receipt(&[line(low, 1, 2)]))
            .refused("invalid"),
        of("receipt-1025", c31, "1,025 lines", T::RECEIPT, &[4, 1]).refused("too_long"),
        of("receipt-cut", c31, "A line is missing", T::RECEIPT, &[0, 1]).refused("cut_short"),
        of("reaction-33", "CONV-30", "A reaction of 33 bytes", T::REACTION, &at_id(&[33])).refused("too_long"),
        of("reply-cut", "CONV-30", "A reply without its text", T::REPLY, &id).refused("cut_short"),
        of("edit-65537", "CONV-30", "An edit of 65,537 bytes", T::EDIT, &at_id(&[1, 0, 1])).refused("too_long"),
        of("delete-long", "CONV-30", "A delete with a byte behind it", T::DELETE, &longer(&id)).refused("left_over"),
        of(
            "acknowledgement-cut",
            "CONV-68",
            "An acknowledgement that does not name what was read",
            T::ACKNOWLEDGED,
            &id,
        )
        .refused("cut_short"),
        of("leave-cut", "CONV-30", "A request to leave without all of its signature", T::LEAVE, &[0x51; 63])
            .refused("cut_short"),
        of("expiring-at-once", c60, "A lifetime of 0 s", T::EXPIRING, &expiring(0, 1, text)).refused("invalid"),
        of(
            "expiring-expiring",
            c60,
            "A lifetime within a lifetime",
            T::EXPIRING,
            &expiring(60, 9, &expiring(60, 1, text)),
        )
        .refused("invalid"),
        of("expiring-receipt", c60, "A receipt that expires", T::EXPIRING, &expiring(60, 3, &[0, 0]))
            .refused("invalid"),
        of("expiring-unknown", c60, "An unknown type that expires", T::EXPIRING, &expiring(60, 999, b""))
            .refused("invalid"),
        of("expiring-left-over", c60, "A byte behind it", T::EXPIRING, &longer(&expiring(60, 1, text)))
            .refused("invalid"),
    ]
}

fn requests() -> Vec<Vector> {
    let leaf = b"stands for a LeafNode in its TLS encoding".as_slice();
    let signed = [conversation().as_bytes().as_slice(), hash::digest(Label::LEAF, &[leaf]).as_bytes()].concat();
    let of = |name: &str, rules, comment: &str, leaf: &[u8], conversation: [u8; 16], by: u8, label: Label| {
        vector("leave", &format!("leave-{name}"), rules, comment)
            .bytes("device_key", public(AYESHA).as_bytes())
            .bytes("conversation", conversation)
            .bytes("leaf", leaf)
            .bytes("signature", signing(by).sign(label, &signed).as_bytes())
    };
    let (rule, bad) = ("CONV-48", "bad_signature");
    vec![
        of("good", rule, "A request to leave", leaf, [0xc1; 16], AYESHA, Label::LEAVE),
        of(
            "other-leaf",
            rule,
            "Its author's leaf is another by now",
            b"another leaf",
            [0xc1; 16],
            AYESHA,
            Label::LEAVE,
        )
        .refused(bad),
        of("other-conversation", rule, "For another conversation", leaf, [0xc2; 16], AYESHA, Label::LEAVE).refused(bad),
        of("other-key", rule, "Signed by another device", leaf, [0xc1; 16], BILAL, Label::LEAVE).refused(bad),
        of("other-label", "PRIM-06", "Signed under another label", leaf, [0xc1; 16], AYESHA, Label::ADD_AGAIN)
            .refused(bad),
    ]
}

fn histories() -> Vec<Vector> {
    // Five texts of one sender, each naming the one before.
    let mut chain = vec![content(1, Digest::ZERO, 0, 1, b"1")];
    for counter in 2..=5u64 {
        let before = chain[chain.len() - 1].digest();
        chain.push(content(counter, before, counter - 1, 1, counter.to_string().as_bytes()));
    }
    let of = |name: &str, comment: &str, contents: &[&Content]| {
        let contents = contents.iter().map(|content| content.to_bytes());
        vector("sender_track", &format!("sender-{name}"), "CONV-32", comment).list("content", contents)
    };
    let [a, b, c, d, e] = [&chain[0], &chain[1], &chain[2], &chain[3], &chain[4]];
    let other_before = Content { previous: Digest::from_bytes([9; 32]), ..c.clone() };
    let other_count = Content { lasting: 1, ..c.clone() };
    let counts_too_many = Content { lasting: 4, ..d.clone() };
    let other_second = Content { body: Bytes::new(b"other".as_slice()).unwrap(), ..b.clone() };
    let begins_later = Content { previous: Digest::ZERO, ..b.clone() };
    vec![
        of("in-order", "Contents in order", &[a, b, c]),
        of("gap", "Two are missing", &[a, d, e]),
        of("late", "One that was missing comes late", &[a, c, b, d]),
        of("late-of-two", "Of two that are missing the later one comes first", &[a, d, c, b, e]),
        of("replay", "One comes again", &[a, b, b, c]),
        of("first-missing", "The first one is missing", &[b, c]),
        of("other-before", "The next one names another content before it", &[a, b, &other_before]),
        of("lasting-fewer", "The next one counts fewer lasting contents than there were", &[a, b, &other_count]),
        of("lasting-more", "One behind a gap counts more than are missing", &[a, b, &counts_too_many]),
        of("late-other", "What comes late is not what its neighbour names", &[a, c, &other_second]),
        of("late-begins", "What comes late names nothing before it", &[a, c, &begins_later]),
    ]
}

/// What another member's frame says of R, against a log of three entries.
fn logs() -> Vec<Vector> {
    let entries = short_log();
    let mut running = vec![Digest::ZERO];
    for entry in &entries {
        running.push(entry.running(&running[running.len() - 1]));
    }
    let of = |name: &str, comment: &str, position: u64, running: Digest| {
        vector("log_track", &format!("log-{name}"), "CONV-34", comment)
            .list("entry", entries.iter().map(|entry| entry.to_bytes()))
            .text("position", position)
            .bytes("running", running.as_bytes())
    };
    vec![
        of("agrees", "The same R at the last position", 3, running[3]),
        of("agrees-earlier", "The same R at an earlier position", 1, running[1]),
        of("agrees-at-start", "The same R before the first entry", 0, running[0]),
        of("fork", "Another R", 3, Digest::from_bytes([9; 32])),
        of("fork-earlier", "R of another position", 2, running[3]),
        of("ahead", "A position that this member has not reached", 4, running[3]),
    ]
}
