//! Vectors of protocol-spec/05-conversation: what Amanat puts into MLS's own structures, contents, and the history of a
//! sender.

mod cases;

use amanat_conversation::{
    Body, Claim, CommitFacts, Content, Frame, GroupFacts, KeyPackageError, LeafClaim, LeafFault, LogTrack, Order,
    ReceiptLine, Roles, SenderTrack, Validity, content::FrameError,
};
use amanat_identity::{AuthorityCertificate, DeviceChain, Tier};
use amanat_primitives::{
    ConversationId, DeviceId, Digest, Label, Timestamp, hash,
    sign::{Signature, VerifyingKey},
};
use amanat_wire::{Decode, Encode, log::Entry};

use super::{
    forge::at,
    judge::{InWords as _, Word},
    vector::{Inputs, Outputs, Vector, Verdict, hex},
};

pub(super) use cases::make;

impl Word for FrameError {
    fn word(self) -> &'static str {
        match self {
            Self::NewerVersion(_) => "newer",
            Self::Malformed(error) => error.word(),
        }
    }
}

impl Word for LeafFault {
    fn word(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::OtherDevice => "other_device",
            Self::OtherAddress => "other_address",
            Self::OtherKey => "other_key",
            Self::BelowTier { .. } => "clearance_too_low",
            Self::OtherSuite | Self::Capabilities => panic!("no vector shows this: {self}"),
        }
    }
}

impl Word for KeyPackageError {
    fn word(self) -> &'static str {
        match self {
            Self::Validity(error) => error.word(),
            Self::Leaf(fault) => fault.word(),
            Self::TooLong => "too_lasting",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::Expired { .. } => "expired",
            other => panic!("no vector shows this: {other}"),
        }
    }
}

fn vector(what: &str, name: &str, rules: &str, comment: &str) -> Vector {
    Vector::new("conversation", what, name, rules, comment)
}

pub(super) fn judge(inputs: &Inputs) -> Verdict {
    match inputs.what.as_str() {
        "leaf_identity" => leaf(inputs),
        "group_facts" => {
            let facts: GroupFacts = one_form(&inputs.bytes("group_facts"))?;
            if !facts.is_known() {
                return Err("newer");
            }
            Outputs::default()
                .text("conversation", facts.conversation)
                .text("kind", facts.kind.number())
                .text("tier", facts.tier.number())
                .text("policy_version", facts.policy_version)
                .text("relay", facts.relay)
                .text("suite", facts.suite)
                .done()
        }
        "roles" => {
            let roles = Roles::read(&inputs.bytes("roles")).in_words()?;
            Outputs::default().text("founder", &roles.founder).all("moderator", roles.moderators.iter()).done()
        }
        "validity" => {
            let validity: Validity = one_form(&inputs.bytes("validity"))?;
            let device = DeviceId::from_bytes(inputs.array("device"));
            validity.check(device, inputs.number("last_resort") == 1, at(inputs.number("at"))).in_words()?;
            let (from, until) = (validity.made_at.as_millis(), validity.not_after.as_millis());
            Outputs::default().text("made_at", from).text("not_after", until).done()
        }
        "commit_facts" => commit_facts(inputs),
        "content" => content(inputs),
        "leave" => {
            let leaf = hash::digest(Label::LEAF, &[&inputs.bytes("leaf")]);
            let signed = [inputs.bytes("conversation").as_slice(), leaf.as_bytes()].concat();
            let signature = Signature::from_bytes(inputs.array("signature"));
            VerifyingKey::from_bytes(inputs.array("device_key"))
                .verify(Label::LEAVE, &signed, &signature)
                .in_words()?;
            Outputs::default().text("leaf_hash", leaf).done()
        }
        "sender_track" => {
            let mut track = SenderTrack::from_start();
            let verdicts = inputs.list("content").into_iter().map(|bytes| {
                Ok(match track.observe(&one_form::<Content>(&bytes)?) {
                    Order::InOrder => "in_order".to_owned(),
                    Order::Gap { from, to } => format!("gap {from} {to}"),
                    Order::Expired => "expired".to_owned(),
                    Order::Late => "late".to_owned(),
                    Order::Replay => "replay".to_owned(),
                    Order::Broken => "broken".to_owned(),
                })
            });
            let verdicts = verdicts.collect::<Result<Vec<_>, &'static str>>()?;
            Outputs::default().all("verdict", verdicts).text("contiguous", track.contiguous()).done()
        }
        "log_track" => {
            let mut track = LogTrack::from_start();
            for entry in inputs.list("entry") {
                track.advance(&one_form::<Entry>(&entry)?).unwrap();
            }
            let verdict = match track.check(inputs.number("position"), &Digest::from_bytes(inputs.array("running"))) {
                Claim::Agree => "agree",
                Claim::TooOld => "too_old",
                Claim::Ahead => "ahead",
                Claim::Fork => "fork",
            };
            Outputs::default().text("verdict", verdict).done()
        }
        other => panic!("no {other} in conversation"),
    }
}

fn one_form<T: Decode + Encode>(bytes: &[u8]) -> Result<T, &'static str> {
    let value = T::from_bytes(bytes).in_words()?;
    assert_eq!(value.to_bytes(), bytes, "one form");
    Ok(value)
}

fn leaf(inputs: &Inputs) -> Verdict {
    let now = at(inputs.number("now"));
    let authority = AuthorityCertificate::from_bytes(&inputs.bytes("authority")).in_words()?.verify(now).in_words()?;
    let chain = DeviceChain::from_bytes(&inputs.bytes("chain")).in_words()?;
    let device = chain.verify(&authority, now, Timestamp::CLOCK_TOLERANCE).in_words()?;
    let claim = LeafClaim::of_identity(&inputs.bytes("identity"), &inputs.bytes("signature_key")).in_words()?;
    let tier = Tier::from_bytes(&[u8::try_from(inputs.number("tier")).unwrap()]).in_words()?;
    claim.check(&device, Some(tier)).in_words()?;
    Outputs::default().text("device", claim.device).text("address", claim.address).done()
}

fn commit_facts(inputs: &Inputs) -> Verdict {
    let facts = CommitFacts::read(&inputs.bytes("commit_facts")).in_words()?;
    Outputs::default()
        .text("committed_at", facts.committed_at.as_millis())
        .text("status_number", facts.status_number)
        .all("roster_add", facts.roster_add.iter())
        .all("roster_remove", facts.roster_remove.iter())
        .all("leave", facts.leaves.iter().map(|proof| format!("{} {}", proof.device, proof.signature)))
        .all(
            "again",
            facts
                .again
                .iter()
                .map(|ask| format!("{} {} {} {}", ask.conversation, ask.device, ask.at.as_millis(), ask.signature)),
        )
        .text("roster_change", facts.roster_change())
        .done()
}

fn content(inputs: &Inputs) -> Verdict {
    let bytes = inputs.bytes("frame");
    let frame = Frame::open(&bytes).in_words()?;
    assert_eq!(frame.to_bytes(), bytes, "one form");
    let (conversation, sender) =
        (ConversationId::from_bytes(inputs.array("conversation")), inputs.array::<32>("sender"));
    let fixed = &frame.fixed;
    let body = fixed.body().in_words()?;
    let outputs = Outputs::default()
        .text("id", fixed.id(conversation, DeviceId::from_bytes(sender)))
        .text("digest", fixed.digest())
        .text("counter", fixed.counter)
        .text("previous", fixed.previous)
        .text("lasting", fixed.lasting)
        .text("sent_at", fixed.sent_at.as_millis())
        .text("content_type", fixed.content_type)
        .text("position", frame.position)
        .text("running", frame.running);
    said(&body, outputs).done()
}

fn said(body: &Body, out: Outputs) -> Outputs {
    match body {
        Body::Text(text) | Body::AskAcknowledgement(text) => out.bytes("text", text.as_bytes()),
        Body::Title(text) => out.bytes("text", text.as_bytes()),
        Body::Document(bytes) | Body::AskDocumentAcknowledgement(bytes) | Body::Newer(_, bytes) => {
            out.bytes("body", &**bytes)
        }
        Body::Receipt(receipt) => {
            let said = |line: &ReceiptLine| format!("{} {} {} {}", line.device, line.begins, line.delivered, line.read);
            out.all("line", receipt.lines().iter().map(said))
        }
        Body::Leave(signature) => out.text("signature", signature),
        Body::Reply(reply) => out.text("to", reply.to).text("text", hex(reply.text.as_bytes())),
        Body::Reaction(reaction) => out.text("to", reaction.to).text("text", hex(reaction.text.as_bytes())),
        Body::Edit(edit) => out.text("of", edit.of).text("text", hex(edit.text.as_bytes())),
        Body::Delete(message) => out.text("of", message),
        Body::Acknowledgement(said) => out.text("of", said.of).text("version", said.version),
        Body::Expiring(expiring) => {
            let out = out.text("seconds", expiring.lifetime().as_secs());
            said(expiring.inner(), out.text("inner_type", expiring.inner().content_type().0))
        }
    }
}
