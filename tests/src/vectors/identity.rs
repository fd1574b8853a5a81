//! Vectors of protocol-spec/03-identity: statements, chains, status and revocations, cards, invitations, files.

mod chains;
mod files;
mod further;
mod standing;
mod statements;
mod status;

use amanat_identity::{
    AuditorCard, AuditorKeys, Authority, AuthorityCertificate, AuthorityKeys, CertifiedRelay, DeviceChain, DeviceKeys,
    Enrolment, Freshness, Invitation, KeyId, OfficerCard, OfficerChain, OfficerKeys, Proposal, RelayCard, RelayKeys,
    RevocationEntry, RevocationList, SafetyNumber, SignedStatus, Standing, Statement, StatusView, Tier,
    VerifiedAuditor,
    armour::{self, FileKind},
    body::empty_revocation_list,
};
use amanat_primitives::{Timestamp, hash, passphrase::WorkPolicy, sign::VerifyingKey};
use amanat_wire::{Decode as _, Encode as _};

use super::{
    forge::at,
    judge::InWords as _,
    vector::{Inputs, Outputs, Vector, Verdict},
};

pub(super) fn make() -> Vec<Vector> {
    [statements::make(), chains::make(), status::make(), files::make()].concat()
}

fn vector(what: &str, name: &str, rules: &str, comment: &str) -> Vector {
    Vector::new("identity", what, name, rules, comment)
}

fn now(inputs: &Inputs) -> Timestamp {
    at(inputs.number("now"))
}

fn authority(inputs: &Inputs) -> Result<Authority, &'static str> {
    AuthorityCertificate::from_bytes(&inputs.bytes("authority")).in_words()?.verify(now(inputs)).in_words()
}

fn entries(inputs: &Inputs, key: &str) -> Result<Vec<RevocationEntry>, &'static str> {
    inputs.list(key).iter().map(|bytes| RevocationEntry::from_bytes(bytes).in_words()).collect()
}

pub(super) fn judge(inputs: &Inputs) -> Verdict {
    match inputs.what.as_str() {
        "text" => text(inputs),
        "statement" => statement(inputs),
        "authority" => {
            let authority = authority(inputs)?;
            let outputs = Outputs::default().text("id", authority.id());
            outputs.text("domain", authority.domain()).text("name", authority.name()).done()
        }
        "officer_chain" => {
            let authority = authority(inputs)?;
            let chain = OfficerChain::from_bytes(&inputs.bytes("officer_chain")).in_words()?;
            let officer = chain.verify(&authority, now(inputs)).in_words()?;
            let outputs = Outputs::default().text("id", officer.id());
            outputs.text("name", officer.name()).text("powers", officer.powers().bits()).done()
        }
        "auditor" => auditor(inputs),
        "certified_relay" => {
            let certified = CertifiedRelay::from_bytes(&inputs.bytes("certified_relay")).in_words()?;
            let (authority, relay) = certified.verify(now(inputs)).in_words()?;
            Outputs::default()
                .text("authority_id", authority.id())
                .text("id", relay.id())
                .all("addresses", relay.addresses())
                .text("tls_key", relay.tls_key())
                .text("allow_public", u8::from(relay.allow_public()))
                .done()
        }
        "chain" => chain(inputs),
        "enrolment" => enrolment(inputs),
        "card" => card(inputs),
        "invitation" => invitation(inputs),
        "status" => status_statement(inputs),
        "standing" => standing(inputs),
        "freshness" => {
            let authority = authority(inputs)?;
            let status = SignedStatus::from_bytes(&inputs.bytes("status")).in_words()?;
            let status = status.verify(&authority, now(inputs)).in_words()?;
            let tier = Tier::from_bytes(&[u8::try_from(inputs.number("tier")).unwrap()]).in_words()?;
            let fresh = status.freshness_at(tier, now(inputs)) == Freshness::Fresh;
            Outputs::default().text("fresh", u8::from(fresh)).done()
        }
        "proposal" => {
            let authority = authority(inputs)?;
            let proposal = Proposal::from_bytes(&inputs.bytes("proposal")).in_words()?;
            let signers = proposal.verify(&authority, now(inputs)).in_words()?;
            let signers = signers.iter().map(amanat_identity::VerifiedOfficer::id);
            Outputs::default().text("id", proposal.id()).all("signer", signers).done()
        }
        "safety_number" => {
            let keys = |key| inputs.list(key).into_iter().map(|key| VerifyingKey::from_bytes(key.try_into().unwrap()));
            let (one, other): (Vec<_>, Vec<_>) = (keys("key_a").collect(), keys("key_b").collect());
            let address = |key| inputs.text(key).parse().unwrap();
            let number = SafetyNumber::between((&address("address_a"), &one), (&address("address_b"), &other));
            Outputs::default().text("number", number).done()
        }
        "file" => {
            let label = inputs.text("label");
            let kind = FileKind::ALL.iter().find(|kind| kind.label() == label).unwrap();
            let content = armour::read(*kind, &inputs.bytes("text")).in_words()?;
            Outputs::default().bytes("content", &*content).done()
        }
        "secret" => secret(inputs),
        "empty_list" => Outputs::default().text("list", empty_revocation_list()).done(),
        "relay_tls_key" => Outputs::default().text("digest", hash::tls_key_digest(&inputs.bytes("spki"))).done(),
        other => panic!("no {other} in identity"),
    }
}

fn text(inputs: &Inputs) -> Verdict {
    let bytes = inputs.bytes("bytes");
    let text = std::str::from_utf8(&bytes).map_err(|_| "invalid")?;
    let good = match inputs.text("type") {
        "handle" => text.parse::<amanat_identity::Handle>().is_ok(),
        "domain" => text.parse::<amanat_identity::Domain>().is_ok(),
        "address" => text.parse::<amanat_identity::Address>().is_ok(),
        "person_name" => text.parse::<amanat_identity::PersonName>().is_ok(),
        "note" => text.parse::<amanat_identity::revocation::Note>().is_ok(),
        "relay_address" => text.parse::<amanat_identity::RelayAddress>().is_ok(),
        other => panic!("no text {other}"),
    };
    if good { Outputs::default().done() } else { Err("invalid") }
}

fn statement(inputs: &Inputs) -> Verdict {
    let bytes = inputs.bytes("statement");
    let statement = Statement::from_bytes(&bytes).in_words()?;
    assert_eq!(statement.to_bytes(), bytes, "one form");
    let signed = &statement.signed;
    Outputs::default()
        .text("id", statement.id())
        .text("kind", signed.kind.number())
        .text("authority", signed.authority)
        .text("issuer", signed.issuer)
        .text("number", signed.number)
        .text("not_before", signed.not_before.as_millis())
        .text("not_after", signed.not_after.as_millis())
        .bytes("body", &*signed.body)
        .text("signatures", statement.signatures.len())
        .done()
}

fn auditor(inputs: &Inputs) -> Verdict {
    let authority = authority(inputs)?;
    let certificate = Statement::from_bytes(&inputs.bytes("certificate")).in_words()?;
    let auditor = VerifiedAuditor::verify(&certificate, &authority, now(inputs)).in_words()?;
    Outputs::default().text("id", auditor.id()).text("name", auditor.name()).done()
}

fn chain(inputs: &Inputs) -> Verdict {
    let authority = authority(inputs)?;
    let chain = DeviceChain::from_bytes(&inputs.bytes("chain")).in_words()?;
    let tolerance = inputs
        .find("tolerance")
        .map_or(Timestamp::CLOCK_TOLERANCE, |text| std::time::Duration::from_millis(text.parse().unwrap()));
    let device = chain.verify(&authority, now(inputs), tolerance).in_words()?;
    Outputs::default()
        .text("device", device.id())
        .text("certificate", device.certificate())
        .text("grant", device.grant())
        .text("officer", device.officer())
        .text("relay", device.relay())
        .text("address", device.address())
        .text("name", device.name())
        .text("post", device.post())
        .text("clearance", device.clearance().number())
        .text("enrolled_at", device.enrolled_at().as_millis())
        .text("cleared_at", device.subject().cleared_at.as_millis())
        .text("valid_until", device.valid_until().as_millis())
        .text("code", device.code())
        .all("approver", device.approval())
        .done()
}

fn enrolment(inputs: &Inputs) -> Verdict {
    let authority = authority(inputs)?;
    let enrolment = Enrolment::from_bytes(&inputs.bytes("enrolment")).in_words()?;
    let view = match inputs.find("held_status") {
        None => StatusView::new(),
        Some(_) => held(inputs, &authority)?,
    };
    let verified = enrolment.verify(&authority, now(inputs), &view).in_words()?;
    Outputs::default()
        .text("device", verified.device())
        .text("certificate", verified.certificate())
        .text("grant", verified.grant())
        .text("address", verified.address())
        .text("clearance", verified.clearance().number())
        .done()
}

fn held(inputs: &Inputs, authority: &Authority) -> Result<StatusView, &'static str> {
    let status = SignedStatus::from_bytes(&inputs.bytes("held_status")).in_words()?;
    StatusView::restore(&status, &entries(inputs, "held_entry")?, authority, now(inputs)).in_words()
}

fn card(inputs: &Inputs) -> Verdict {
    let bytes = inputs.bytes("card");
    let id = match inputs.number("kind") {
        2 => {
            let card = OfficerCard::from_bytes(&bytes).in_words()?;
            card.verify().in_words()?;
            card.fingerprint()
        }
        3 => {
            let card = AuditorCard::from_bytes(&bytes).in_words()?;
            card.verify().in_words()?;
            card.fingerprint()
        }
        _ => {
            let card = RelayCard::from_bytes(&bytes).in_words()?;
            card.verify().in_words()?;
            card.fingerprint()
        }
    };
    Outputs::default().text("key_id", id).done()
}

fn invitation(inputs: &Inputs) -> Verdict {
    let invitation = Invitation::from_secret_bytes(&inputs.bytes("invitation")).in_words()?;
    let summary = invitation.summary(now(inputs)).in_words()?;
    let grant = invitation.grant().clone();
    invitation.open(inputs.find("code"), &WorkPolicy::STANDARD, now(inputs)).in_words()?;
    Outputs::default()
        .text("authority_id", summary.authority_id)
        .text("address", summary.address)
        .text("clearance", summary.clearance.number())
        .text("redeem_by", summary.redeem_by.as_millis())
        .text("grant", grant.id())
        .done()
}

fn status_statement(inputs: &Inputs) -> Verdict {
    let authority = authority(inputs)?;
    let view = match inputs.find("held_status") {
        None => StatusView::new(),
        Some(_) => held(inputs, &authority)?,
    };
    let status = SignedStatus::from_bytes(&inputs.bytes("status")).in_words()?;
    let status = status.verify(&authority, now(inputs)).in_words()?;
    let acceptable = view.judge(status, &entries(inputs, "entry")?, &authority).in_words()?;
    let status = acceptable.status();
    Outputs::default()
        .text("number", status.number())
        .text("id", status.id())
        .text("officer", status.officer())
        .text("this_update", status.this_update().as_millis())
        .text("next_update", status.next_update().as_millis())
        .text("count", status.revocations().count)
        .text("list", status.revocations().hash)
        .done()
}

fn standing(inputs: &Inputs) -> Verdict {
    let authority = authority(inputs)?;
    let chain = DeviceChain::from_bytes(&inputs.bytes("chain")).in_words()?;
    let device = chain.verify(&authority, now(inputs), Timestamp::CLOCK_TOLERANCE).in_words()?;
    let list = RevocationList::of(&entries(inputs, "entry")?, &authority, inputs.number("number"), now(inputs));
    let outputs = Outputs::default();
    match list.in_words()?.standing(&device, inputs.number("as_of")) {
        Standing::Good { clearance } => outputs.text("standing", "good").text("clearance", clearance.number()).done(),
        Standing::Revoked { reason, number, .. } => {
            outputs.text("standing", "revoked").text("reason", reason.number()).text("since_number", number).done()
        }
    }
}

fn secret(inputs: &Inputs) -> Verdict {
    let bytes = inputs.bytes("secret");
    let id: Result<KeyId, _> = match inputs.number("holder") {
        1 => AuthorityKeys::from_secret_bytes(&bytes).map(|keys| keys.id()),
        2 => OfficerKeys::from_secret_bytes(&bytes).map(|keys| keys.id()),
        3 => AuditorKeys::from_secret_bytes(&bytes).map(|keys| keys.id()),
        4 => RelayKeys::from_secret_bytes(&bytes).map(|keys| keys.id()),
        _ => DeviceKeys::from_secret_bytes(&bytes).map(|keys| KeyId::of(&keys.verifying_key())),
    };
    Outputs::default().text("key_id", id.in_words()?).done()
}
