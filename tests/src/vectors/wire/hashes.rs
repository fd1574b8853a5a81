//! Receipts, requests, running hashes and seals (protocol-spec/02-wire, section 3).

use amanat_primitives::{DeviceId, Digest, Label, kdf};
use amanat_wire::{
    Bytes, Encode as _,
    log::{CommitReceipt, Entry, RetentionClass, UnitKind},
};

use super::{
    super::forge::{AYESHA, BILAL, NOBODY, RELAY, T0, at, device_id, public, secret, signing},
    Vector,
    cases::{altered, ask, receipt_body, running, sealed, short_log},
    vector,
};

pub(super) fn make() -> Vec<Vector> {
    let receipt = CommitReceipt::sign(receipt_body(), &signing(RELAY));
    let good = receipt.to_bytes();
    let receipts = |name, rules, comment, key: u8, bytes: &[u8]| {
        vector("commit_receipt", name, rules, comment)
            .bytes("relay_key", public(key).as_bytes())
            .bytes("receipt", bytes)
    };
    let signed = |label| CommitReceipt {
        body: receipt_body(),
        signature: signing(RELAY).sign(label, &receipt_body().to_bytes()),
    };
    let asks = |name, comment, key: u8, bytes: &[u8]| {
        vector("add_again", name, "CONV-54", comment)
            .bytes("device_key", public(key).as_bytes())
            .bytes("add_again", bytes)
    };
    let ask = ask().to_bytes();
    let (bad, rule) = ("bad_signature", "DELIV-87");
    let roster = |name, comment, added: &[DeviceId], removed: &[DeviceId]| {
        vector("roster_change", name, "CONV-15", comment)
            .list("added", added.iter().map(DeviceId::as_bytes))
            .list("removed", removed.iter().map(DeviceId::as_bytes))
    };
    let (a, b) = (device_id(AYESHA), device_id(BILAL));
    let [founding, message, gone] = short_log();
    let run = |name, comment, entries: &[&Entry]| {
        vector("running_hash", name, "CONV-33", comment).list("entry", entries.iter().map(|entry| entry.to_bytes()))
    };
    let (mut other_receipt, mut no_receipt, mut other_kind) = (founding.clone(), founding.clone(), founding.clone());
    other_receipt.receipt = Bytes::new(good.as_slice()).unwrap();
    no_receipt.receipt = Bytes::default();
    other_kind.kind = UnitKind::Message;
    let stamped = Entry { stamp: at(T0), seal: Digest::from_bytes([7; 32]), ..message.clone() };
    let key = kdf::derive(&[RELAY; 32], &[], Label::ENTRY_SEAL);
    let seal = |name, comment, entry: &Entry, key: &[u8; 32], conversation: [u8; 16], running: Digest| {
        vector("entry_seal", name, "DELIV-114", comment)
            .bytes("key", key)
            .bytes("conversation", conversation)
            .bytes("entry", entry.to_bytes())
            .bytes("running", running.as_bytes())
    };
    let (entry, other) = (sealed(false), secret(NOBODY));
    let key = key.expose_secret();
    let changed = |change: &dyn Fn(&mut Entry)| {
        let mut entry = entry.clone();
        change(&mut entry);
        entry
    };
    let unsealed =
        |name, comment, entry: &Entry| seal(name, comment, entry, key, [0xc1; 16], running()).refused("does_not_open");
    vec![
        receipts("receipt", rule, "A commit's receipt", RELAY, &good),
        receipts("receipt-other-key", rule, "Signed by another relay", NOBODY, &good).refused(bad),
        receipts("receipt-altered-position", rule, "Its position altered", RELAY, &altered(good.clone(), 23, 4))
            .refused(bad),
        receipts("receipt-altered-roster", rule, "Its roster altered", RELAY, &altered(good.clone(), 64, 0))
            .refused(bad),
        receipts("receipt-altered-previous", rule, "Names another receipt", RELAY, &altered(good.clone(), 104, 1))
            .refused(bad),
        receipts(
            "receipt-other-label",
            "PRIM-06",
            "Signed under another label",
            RELAY,
            &signed(Label::STATEMENT).to_bytes(),
        )
        .refused(bad),
        receipts("receipt-cut", "WIRE-02", "Ends within its signature", RELAY, &good[..good.len() - 1])
            .refused("cut_short"),
        receipts("receipt-left-over", "WIRE-02", "A byte behind it", RELAY, &[good.as_slice(), &[0]].concat())
            .refused("left_over"),
        asks("add-again", "A device asks to be added again", AYESHA, &ask),
        asks("add-again-other-key", "Signed by another device", BILAL, &ask).refused(bad),
        asks("add-again-altered-time", "Its time altered", AYESHA, &altered(ask.clone(), 55, 1)).refused(bad),
        asks("add-again-altered-conversation", "For another conversation", AYESHA, &altered(ask.clone(), 0, 0))
            .refused(bad),
        asks("add-again-other-label", "Signed under another label", AYESHA, &{
            let signature = signing(AYESHA).sign(Label::LEAVE, &ask[..56]);
            [&ask[..56], signature.as_bytes()].concat()
        })
        .refused(bad),
        asks("add-again-cut", "Cut short", AYESHA, &ask[..119]).refused("cut_short"),
        run("running-hash-empty", "R of a log without entries is zero", &[]),
        run("running-hash-one", "R behind one entry", &[&founding]),
        run("running-hash-three", "R behind three entries, one of which has gone", &[&founding, &message, &gone]),
        run("running-hash-other-order", "The same entries in another order", &[&message, &founding, &gone]),
        run("running-hash-other-receipt", "The same commit with another receipt: another R", &[&other_receipt]),
        run("running-hash-no-receipt", "The same commit without a receipt: another R", &[&no_receipt]),
        run("running-hash-other-kind", "The same bytes, called a message: another R", &[&other_kind]),
        run("running-hash-other-stamp", "Stamp and seal of a message do not enter R", &[&founding, &stamped, &gone]),
        roster("roster-change", "One added, one removed", &[a], &[b]),
        roster("roster-change-order", "Both lists are hashed in ascending order", &[b, a], &[]),
        roster("roster-change-order-kept", "The same devices, given the other way round", &[a, b], &[]),
        roster("roster-change-none", "Nobody", &[], &[]),
        vector("entry_seal_key", "entry-seal-key", "DELIV-114", "The key of a relay's seals")
            .bytes("relay_signing", [RELAY; 32]),
        seal("entry-seal", "The seal of an entry", &entry, key, [0xc1; 16], running()),
        seal("entry-seal-gone", "The same seal when the body has gone", &sealed(true), key, [0xc1; 16], running()),
        seal("entry-seal-other-key", "Another relay's key", &entry, other.expose_secret(), [0xc1; 16], running())
            .refused("does_not_open"),
        seal("entry-seal-other-log", "In another log", &entry, key, [0xc2; 16], running()).refused("does_not_open"),
        seal("entry-seal-other-running", "Behind other entries", &entry, key, [0xc1; 16], Digest::ZERO)
            .refused("does_not_open"),
        unsealed("entry-seal-position", "At another position", &changed(&|entry| entry.position = 3)),
        unsealed("entry-seal-sender", "From another sender", &changed(&|entry| entry.sender = b)),
        unsealed("entry-seal-stamp", "With another stamp", &changed(&|entry| entry.stamp = at(T0))),
        unsealed("entry-seal-class", "With another class", &changed(&|entry| entry.class = RetentionClass::Day)),
    ]
}
