//! Second signatures (protocol-spec/03-identity, section 8): what another officer proposes, and may not list alone.

use std::path::{Path, PathBuf};

use amanat_identity::{IssueError, Proposal, Target, armour::FileKind};
use amanat_primitives::Timestamp;

use super::{
    folder::{armoured, read},
    invite::Desk,
};
use crate::{
    files::{self, Mode},
    problem::{Outcome, Problem},
};

/// A proposal that two officers have signed.
pub(crate) struct Cosigned {
    pub(crate) file: PathBuf,
    pub(crate) proposal: Proposal,
    /// The officer who proposed it.
    pub(crate) by: String,
}

impl Desk {
    /// Signs what a file proposes, into the file, and keeps it in this folder's outbox as well: either officer's next
    /// statement brings it.
    pub(crate) fn cosign(&self, file: &Path, now: Timestamp) -> Outcome<Cosigned> {
        let refused = "The revocation is not signed";
        let proposal: Proposal = read(file, FileKind::Proposal, "the proposed revocation")?;
        let officers = proposal.verify(&self.authority, now).map_err(|error| super::chain(refused, error))?;
        let Some(by) = officers.first().map(|officer| officer.name().to_string()) else {
            let failed = format!("{} bears nobody's signature.", file.display());
            return Err(Problem::new("certificate", failed, "Take the file from the first officer's outbox."));
        };
        let proposal = self.keys.cosign(&self.officer, proposal, now).map_err(|error| match error {
            IssueError::SignedAlready => Problem::new(
                "refused",
                format!("{refused}: {error}."),
                "Where it has two signatures, amanat attest publishes it; else another officer must sign it.",
            ),
            error => super::issue(refused, error),
        })?;
        files::replace(file, armoured(FileKind::Proposal, &proposal)?.as_bytes(), Mode::Public)?;
        self.folder.keep_proposal(&proposal)?;
        Ok(Cosigned { file: file.to_owned(), proposal, by })
    }
}

/// A target's kind, and the target, as people name it.
pub(crate) fn words(target: &Target, domain: &amanat_identity::Domain) -> (&'static str, String) {
    match target {
        Target::Person(handle) => ("person", format!("{handle}@{domain}")),
        Target::Device(device) => ("device", device.to_string()),
        Target::Grant(grant) => ("grant", grant.to_string()),
        Target::Officer(officer) => ("officer", officer.to_string()),
    }
}
