//! What the root key certifies (protocol-spec/03-identity, section 5): officers, auditors and relays, from their cards.

use std::path::{Path, PathBuf};

use amanat_identity::{
    AuditorCard, Authority, AuthorityKeys, CertifiedRelay, OfficerCard, Powers, RelayCard, Statement, VerifiedRelay,
    armour::FileKind,
    policy::{OFFICER_VALIDITY, RELAY_VALIDITY},
};
use amanat_primitives::Timestamp;

use super::{
    folder::{AuthorityFolder, armoured, read},
    keys,
};
use crate::{
    args::Role,
    files::{self, Mode},
    problem::{Outcome, Problem},
};

const REFUSED: &str = "The card is not certified";

/// An authority with its root key at hand.
pub(crate) struct Root {
    folder: AuthorityFolder,
    authority: Authority,
    keys: AuthorityKeys,
}

/// A person who was certified.
pub(crate) struct CertifiedPerson {
    pub(crate) name: String,
    pub(crate) valid_until: Timestamp,
}

/// Where the root key is: the file that was named, or A/root.key.
pub(crate) fn root_key(folder: &AuthorityFolder, named: Option<&Path>) -> Outcome<PathBuf> {
    let path = named.map_or_else(|| folder.root_key(), Path::to_owned);
    if path.exists() {
        return Ok(path);
    }
    Err(Problem::new(
        "file",
        format!("The root key is not at {}.", path.display()),
        "Bring the medium that it was moved to, and name it: --root FILE.",
    ))
}

impl Root {
    /// Opens the root key. Takes about half a second.
    pub(crate) fn open(folder: AuthorityFolder, key: &Path, passphrase: &str, now: Timestamp) -> Outcome<Self> {
        let authority = folder.authority(now)?;
        let keys = keys::root(key, passphrase)?;
        if keys.id() != authority.id() {
            return Err(super::issue(REFUSED, amanat_identity::IssueError::OtherKeys));
        }
        Ok(Self { folder, authority, keys })
    }

    /// The keys themselves, to revoke an officer with.
    pub(crate) fn into_keys(self) -> AuthorityKeys {
        self.keys
    }

    /// Certifies an officer or an auditor for a year.
    pub(crate) fn person(&self, role: Role, card: &Path, out: &Path, now: Timestamp) -> Outcome<CertifiedPerson> {
        files::must_be_new(out)?;
        let (name, kind, statement) = match role {
            Role::Officer => self.officer(card, now)?,
            Role::Auditor => self.auditor(card, now)?,
        };
        files::create(out, armoured(kind, &statement)?.as_bytes(), Mode::Public)?;
        Ok(CertifiedPerson { name, valid_until: statement.signed.not_after })
    }

    fn officer(&self, path: &Path, now: Timestamp) -> Outcome<(String, FileKind, Statement)> {
        let card: OfficerCard = read(path, FileKind::OfficerCard, "the card")?;
        let name = card.verify().map_err(|error| super::issue(REFUSED, error))?.name.to_string();
        let statement = self
            .keys
            .certify_officer(&self.authority, &card, Powers::OFFICER, now, OFFICER_VALIDITY)
            .map_err(|error| super::issue(REFUSED, error))?;
        Ok((name, FileKind::OfficerCertificate, statement))
    }

    fn auditor(&self, path: &Path, now: Timestamp) -> Outcome<(String, FileKind, Statement)> {
        let card: AuditorCard = read(path, FileKind::AuditorCard, "the card")?;
        let name = card.verify().map_err(|error| super::issue(REFUSED, error))?.name.to_string();
        let statement = self
            .keys
            .certify_auditor(&self.authority, &card, now, OFFICER_VALIDITY)
            .map_err(|error| super::issue(REFUSED, error))?;
        Ok((name, FileKind::AuditorCertificate, statement))
    }

    /// Certifies a relay for two years, and remembers it in the authority's folder.
    pub(crate) fn relay(&self, card: &Path, out: &Path, allow_public: bool, now: Timestamp) -> Outcome<VerifiedRelay> {
        files::must_be_new(out)?;
        let card: RelayCard = read(card, FileKind::RelayCard, "the card")?;
        let certificate = self
            .keys
            .certify_relay(&self.authority, &card, allow_public, now, RELAY_VALIDITY)
            .map_err(|error| super::issue(REFUSED, error))?;
        let certified = CertifiedRelay { authority: self.authority.certificate().clone(), certificate };
        let (_, relay) = certified.verify(now).map_err(|error| super::chain(REFUSED, error))?;
        // Remembered first: a relay that runs and is not known here would be left out of every invitation.
        self.folder.remember(&certified, relay.id())?;
        files::create(out, armoured(FileKind::RelayCertificate, &certified)?.as_bytes(), Mode::Public)?;
        Ok(relay)
    }

    /// The authority.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }
}
