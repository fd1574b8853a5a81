//! What a revocation is about (protocol-spec/03-identity, section 8), as it is named on the command line.

use std::{fmt, path::Path};

use amanat_identity::{Address, KeyId, OfficerCard, Statement, Target, armour::FileKind};
use amanat_primitives::{DeviceId, StatementId};

use super::{
    folder::{AuthorityFolder, read},
    not_text,
};
use crate::problem::{Outcome, Problem};

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
