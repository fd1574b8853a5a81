//! What a revocation is about (protocol-spec/03-identity, section 8), as it is named on the command line.

use std::{collections::BTreeMap, fmt, path::Path};

use amanat_identity::{Address, KeyId, OfficerCard, Statement, Subject, Target, armour::FileKind};
use amanat_primitives::{DeviceId, StatementId, Timestamp};

use super::{
    folder::{AuthorityFolder, read},
    invite::Desk,
    not_text,
    publish::OfficerLink,
    renew::{LATE, PATIENCE},
};
use crate::{
    context::Interrupt,
    problem::{Outcome, Problem},
};

/// A target in words.
pub(crate) struct Named {
    pub(crate) target: Target,
    text: String,
}

impl Named {
    /// `person`, `device`, `grant` or `officer`.
    pub(crate) fn kind(&self) -> &'static str {
        match self.target {
            Target::Person(_) => "person",
            Target::Device(_) => "device",
            Target::Grant(_) => "grant",
            Target::Officer(_) => "officer",
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An address (or a bare handle), a device id, the id of a grant (`grant:ID`, or an id that was issued here), or an
/// officer: `officer:` before the fingerprint, or before a file with the card or certificate.
pub(crate) fn target(text: &str, folder: &AuthorityFolder, own: &amanat_identity::Domain) -> Outcome<Named> {
    if let Some(officer) = text.strip_prefix("officer:") {
        let id = officer_id(officer)?;
        return Ok(Named { target: Target::Officer(id), text: id.to_string() });
    }
    let (hex, said_grant) = text.strip_prefix("grant:").map_or((text, false), |hex| (hex, true));
    if said_grant || (hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        let id: StatementId = hex.parse().map_err(|_| {
            Problem::usage(
                format!("{hex:?} is not an id."),
                "An id has 64 of 0-9 and a-f; amanat invite prints a grant's.",
            )
        })?;
        let is_grant = said_grant || folder.has_grant(id);
        let target = if is_grant { Target::Grant(id) } else { Target::Device(DeviceId::from_bytes(*id.as_bytes())) };
        return Ok(Named { target, text: hex.to_owned() });
    }
    let address = Address::parse_in(text, own).map_err(|error| not_text("What is to be revoked", error))?;
    if address.domain != *own {
        return Err(Problem::usage(
            format!("{address} belongs to another authority than this one, {own}."),
            "Ask that authority's security officer to revoke it.",
        ));
    }
    let text = address.to_string();
    Ok(Named { target: Target::Person(address.handle), text })
}

/// Shorter beginnings of a device's id are none.
const PREFIX: usize = 8;

impl Desk {
    /// Whom a revocation names, as the relays know them: a mistyped name would revoke nobody and look like a success. The
    /// beginning of a device's id stands for the one device that has a certificate and such an id. A whole id is never
    /// refused: a relay may hide whose it is, or not list it yet.
    pub(crate) async fn resolve(&self, named: Named, interrupt: &mut Interrupt, now: Timestamp) -> Outcome<Named> {
        let Target::Person(handle) = &named.target else { return Ok(named) };
        let text = handle.as_str().to_owned();
        let is_hex = text.len() >= PREFIX && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let wanted = |subject: &Subject| {
            subject.handle.as_str() == text || (is_hex && subject.device.to_string().starts_with(&text))
        };
        let query = if is_hex { "" } else { text.as_str() };
        let (mut devices, mut all_answered) = (BTreeMap::new(), true);
        for known in &self.relays {
            let asking = async {
                let mut link = OfficerLink::open(&known.relay, &self.keys, &self.officer).await?;
                let chains = link.chains(query, wanted).await?;
                link.close().await;
                Ok::<_, Problem>(chains)
            };
            match interrupt.or(tokio::time::timeout(PATIENCE, asking)).await? {
                // What a relay has made up has no certificate.
                Ok(Ok(chains)) => devices.extend(
                    chains
                        .iter()
                        .filter_map(|chain| chain.verify(&self.authority, now, LATE).ok())
                        .map(|one| (one.id(), one)),
                ),
                Ok(Err(_)) | Err(_) => all_answered = false,
            }
        }
        if devices.values().any(|device| device.address().handle.as_str() == text) {
            return Ok(named);
        }
        match (devices.keys().next(), devices.len()) {
            (Some(device), 1) => Ok(Named { target: Target::Device(*device), text: device.to_string() }),
            (None, _) if !all_answered && !is_hex => Ok(named),
            (None, _) => Err(Problem::new(
                "not-found",
                format!("No relay knows {named}: nothing is revoked."),
                "amanat people lists everyone, amanat verify ADDRESS somebody's devices with their whole ids, which are always \
                 taken. Somebody who has not joined yet is revoked by the grant (grant:ID), or with --unknown.",
            )),
            (Some(_), several) => Err(Problem::new(
                "ambiguous",
                format!("{several} devices have an id that begins with {text}: nothing is revoked."),
                "Give more of the id; amanat verify ADDRESS shows it whole.",
            )),
        }
    }
}

fn officer_id(text: &str) -> Outcome<KeyId> {
    let path = Path::new(text);
    if !path.exists() {
        return text.parse().map_err(|_| {
            Problem::usage(
                format!("{text:?} is neither an officer's fingerprint nor a file."),
                "Give the card, the certificate, or the fingerprint, which amanat verify ADDRESS shows.",
            )
        });
    }
    if let Ok(card) = read::<OfficerCard>(path, FileKind::OfficerCard, "the card") {
        return Ok(KeyId::of(&card.verify().map_err(|error| super::issue("The card cannot be used", error))?.signing));
    }
    let certificate: Statement = read(path, FileKind::OfficerCertificate, "the officer's certificate")?;
    certificate.officer_key().map_err(|error| super::chain("The certificate cannot be used", error))
}
