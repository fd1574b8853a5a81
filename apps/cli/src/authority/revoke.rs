//! What a revocation is about (protocol-spec/03-identity, section 8), as it is named on the command line.

use std::fmt;

use amanat_identity::{Address, Target};
use amanat_primitives::{DeviceId, StatementId};

use super::{folder::AuthorityFolder, not_text};
use crate::problem::{Outcome, Problem};

/// A target in words.
pub(crate) struct Named {
    pub(crate) target: Target,
    text: String,
}

impl Named {
    /// `person`, `device` or `grant`.
    pub(crate) fn kind(&self) -> &'static str {
        match self.target {
            Target::Person(_) => "person",
            Target::Device(_) => "device",
            Target::Grant(_) => "grant",
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An address (or a bare handle), a device id, or the id of a grant: `grant:ID`, or an id that was issued here.
pub(crate) fn target(text: &str, folder: &AuthorityFolder, own: &amanat_identity::Domain) -> Outcome<Named> {
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
