//! Vectors of protocol-spec/02-wire: each message once as it is taken, and what decoders must refuse.

mod cases;
mod hashes;
mod over;
mod refused;

use amanat_primitives::{ConversationId, DeviceId, Digest, Label, Secret, kdf, sign::VerifyingKey};
use amanat_wire::{
    Decode as _, Encode as _,
    client::{AddAgain, ToRelay},
    log::{CommitReceipt, Entry, roster_change},
    relay::FromRelay,
    resupply,
};

use super::{
    fields,
    judge::InWords as _,
    vector::{Inputs, Outputs, Vector, Verdict},
};

pub(super) use cases::{make, short_log};

fn vector(what: &str, name: &str, rules: &str, comment: &str) -> Vector {
    Vector::new("wire", what, name, rules, comment)
}

pub(super) fn judge(inputs: &Inputs) -> Verdict {
    let outputs = Outputs::default();
    match inputs.what.as_str() {
        "to_relay" => {
            let bytes = inputs.bytes("message");
            let message = ToRelay::from_bytes(&bytes).in_words()?;
            assert_eq!(message.to_bytes(), bytes, "one form");
            fields::of_client(&message, &bytes).done()
        }
        "from_relay" => {
            let bytes = inputs.bytes("message");
            let message = FromRelay::from_bytes(&bytes).in_words()?;
            assert_eq!(message.to_bytes(), bytes, "one form");
            fields::of_relay(&message, &bytes).done()
        }
        "commit_receipt" => {
            let receipt = CommitReceipt::from_bytes(&inputs.bytes("receipt")).in_words()?;
            receipt.verify(&VerifyingKey::from_bytes(inputs.array("relay_key"))).in_words()?;
            let body = &receipt.body;
            outputs
                .text("conversation", body.conversation)
                .text("position", body.position)
                .text("commit", body.commit)
                .text("stamp", body.stamp.as_millis())
                .text("roster", body.roster)
                .text("status_number", body.status_number)
                .text("previous", body.previous)
                .text("id", receipt.id())
                .done()
        }
        "add_again" => {
            let ask = AddAgain::from_bytes(&inputs.bytes("add_again")).in_words()?;
            ask.verify(&VerifyingKey::from_bytes(inputs.array("device_key"))).in_words()?;
            outputs
                .text("conversation", ask.conversation)
                .text("device", ask.device)
                .text("at", ask.at.as_millis())
                .done()
        }
        "running_hash" => {
            let mut running = Digest::ZERO;
            for bytes in inputs.list("entry") {
                running = Entry::from_bytes(&bytes).in_words()?.running(&running);
            }
            outputs.text("running", running).done()
        }
        "roster_change" => {
            let ids = |key| inputs.list(key).into_iter().map(|id| DeviceId::from_bytes(id.try_into().unwrap()));
            let (added, removed): (Vec<_>, Vec<_>) = (ids("added").collect(), ids("removed").collect());
            outputs.text("digest", roster_change(&added, &removed)).done()
        }
        "entry_seal" => {
            let entry = Entry::from_bytes(&inputs.bytes("entry")).in_words()?;
            let key = Secret::take(&mut inputs.array("key"));
            let conversation = ConversationId::from_bytes(inputs.array("conversation"));
            let running = Digest::from_bytes(inputs.array("running"));
            match resupply::is_sealed(&key, conversation, &entry, running) {
                true => outputs.done(),
                false => Err("does_not_open"),
            }
        }
        "entry_seal_key" => {
            let key = kdf::derive(&inputs.array::<32>("relay_signing"), &[], Label::ENTRY_SEAL);
            outputs.bytes("key", key.expose_secret()).done()
        }
        other => panic!("no {other} in wire"),
    }
}
