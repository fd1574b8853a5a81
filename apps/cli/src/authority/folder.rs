//! Where things lie in an authority's folder (protocol-spec/03-identity, section 11).
//!
//! ```text
//! A/root.key              the root key, to be moved offline
//! A/authority.cert        public
//! A/officer/keys          the officer's keys        A/officer/card, A/officer/certificate
//! A/status                the latest status statement
//! A/revocations/N.entry   the list of revocations, in the order of N
//! A/published             how many of these a relay has, or may have
//! A/grants/ID.grant       grants that were issued here
//! A/renewals/ID.renewal   the latest renewals of grants that were signed here
//! A/relays/ID.cert        the relays that were certified
//! A/outbox/ID.status      what a relay has not been given yet
//! A/outbox/ID.proposal    a revocation that two officers must sign
//! ```

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use amanat_identity::{
    Authority, AuthorityCertificate, CertifiedRelay, KeyId, OfficerChain, Proposal, Renewal, RevocationEntry,
    SignedStatus, Statement, VerifiedOfficer, VerifiedRelay,
    armour::{self, FileKind},
};
use amanat_primitives::{StatementId, Timestamp};
use amanat_wire::{Decode, Encode};

use crate::{
    files::{self, Mode},
    problem::{Outcome, Problem},
};

/// More than any file here has.
const LIMIT: u64 = 256 * 1024;
/// A number with its line feed.
const NUMBER_LIMIT: u64 = 32;
/// More relays than any authority has; a folder with more is not one of ours.
const RELAYS: usize = 256;

/// Proposed revocations that one run looks at.
const PROPOSALS: usize = 4096;

/// An authority's folder.
#[derive(Debug, Clone)]
pub(crate) struct AuthorityFolder(PathBuf);

/// A relay that the authority remembers.
pub(crate) struct KnownRelay {
    /// Its certificate.
    pub(crate) certificate: Statement,
    /// What it says.
    pub(crate) relay: VerifiedRelay,
}

impl AuthorityFolder {
    /// Need not exist yet.
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn root_key(&self) -> PathBuf {
        self.0.join("root.key")
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.0.join("authority.cert")
    }

    pub(crate) fn officer(&self) -> PathBuf {
        self.0.join("officer")
    }

    pub(crate) fn officer_keys(&self) -> PathBuf {
        self.officer().join("keys")
    }

    pub(crate) fn officer_certificate(&self) -> PathBuf {
        self.officer().join("certificate")
    }

    fn status_path(&self) -> PathBuf {
        self.0.join("status")
    }

    fn revocation_path(&self, place: usize) -> PathBuf {
        self.0.join("revocations").join(format!("{place:06}.entry"))
    }

    fn published_path(&self) -> PathBuf {
        self.0.join("published")
    }

    fn grant_path(&self, grant: &str) -> PathBuf {
        self.0.join("grants").join(format!("{grant}.grant"))
    }

    fn relays_dir(&self) -> PathBuf {
        self.0.join("relays")
    }

    pub(crate) fn outbox(&self) -> PathBuf {
        self.0.join("outbox")
    }

    /// The authority, from its certificate.
    pub(crate) fn authority(&self, now: Timestamp) -> Outcome<Authority> {
        let path = self.certificate();
        if !path.exists() {
            return Err(Problem::new(
                "file",
                format!("{} is not an authority's folder: it has no authority.cert.", self.0.display()),
                "Name the folder that amanat authority init made: --authority A.",
            ));
        }
        let certificate: AuthorityCertificate = read(&path, FileKind::AuthorityCertificate, "the certificate")?;
        certificate.verify(now).map_err(|error| super::chain("The authority's certificate cannot be used", error))
    }

    /// The officer whose keys are here.
    pub(crate) fn verified_officer(&self, authority: &Authority, now: Timestamp) -> Outcome<VerifiedOfficer> {
        let path = self.officer_certificate();
        if !path.exists() {
            return Err(Problem::new(
                "file",
                format!("There is no officer's certificate in {}.", self.officer().display()),
                "Have officer/card certified: amanat authority certify officer CARD --authority A --out \
                 A/officer/certificate.",
            ));
        }
        let certificate = read(&path, FileKind::OfficerCertificate, "the officer's certificate")?;
        OfficerChain { certificate }
            .verify(authority, now)
            .map_err(|error| super::chain("The officer's certificate cannot be used", error))
    }

    /// The relays that were certified and still are, in a stable order.
    pub(crate) fn relays(&self, authority: &Authority, now: Timestamp) -> Outcome<Vec<KnownRelay>> {
        let mut found = Vec::new();
        for path in listing(&self.relays_dir(), "cert", RELAYS)? {
            let certified: CertifiedRelay = read(&path, FileKind::RelayCertificate, "a relay's certificate")?;
            // One that has lapsed is no hindrance to the others.
            if let Ok(relay) = VerifiedRelay::verify(&certified.certificate, authority, now) {
                found.push(KnownRelay { certificate: certified.certificate, relay });
            }
        }
        Ok(found)
    }

    /// Remembers a relay.
    pub(crate) fn remember(&self, certified: &CertifiedRelay, id: KeyId) -> Outcome {
        files::folder(&self.relays_dir())?;
        let text = armoured(FileKind::RelayCertificate, certified)?;
        files::replace(&self.relays_dir().join(format!("{}.cert", short(id))), text.as_bytes(), Mode::Public)
    }

    /// The latest status statement, as it was signed here.
    pub(crate) fn status(&self) -> Outcome<Option<SignedStatus>> {
        let path = self.status_path();
        if path.exists() { read(&path, FileKind::Status, "the status statement").map(Some) } else { Ok(None) }
    }

    /// Keeps the latest status statement.
    pub(crate) fn keep_status(&self, status: &SignedStatus) -> Outcome {
        files::replace(&self.status_path(), armoured(FileKind::Status, status)?.as_bytes(), Mode::Public)
    }

    /// The list of revocations, as far as it is known here.
    pub(crate) fn revocations(&self) -> Outcome<Vec<RevocationEntry>> {
        let mut entries = Vec::new();
        loop {
            let path = self.revocation_path(entries.len());
            if !path.exists() {
                return Ok(entries);
            }
            entries.push(read(&path, FileKind::Revocation, "a revocation")?);
        }
    }

    /// How many entries of the list a relay has, or may have; all where it is not known.
    pub(crate) fn published(&self) -> Outcome<usize> {
        let path = self.published_path();
        if !path.exists() {
            return Ok(usize::MAX);
        }
        let text = files::read(&path, NUMBER_LIMIT, "the number of published revocations")?;
        let number = std::str::from_utf8(&text).ok().and_then(|text| text.trim_end().parse().ok());
        number.ok_or_else(|| {
            Problem::new(
                "damaged",
                format!("{} is not a number.", path.display()),
                "Remove it: all revocations that lie here then count as published.",
            )
        })
    }

    /// Notes how many entries of the list a relay has, or may have.
    pub(crate) fn keep_published(&self, count: usize) -> Outcome {
        files::replace(&self.published_path(), format!("{count}\n").as_bytes(), Mode::Public)
    }

    /// Keeps the list, of which the first `known` entries lie here already, and no entry behind it.
    pub(crate) fn keep_revocations(&self, entries: &[RevocationEntry], known: usize) -> Outcome {
        if entries.len() > known {
            files::folder(&self.0.join("revocations"))?;
        }
        for (place, entry) in entries.iter().enumerate().skip(known) {
            let text = armoured(FileKind::Revocation, entry)?;
            files::replace(&self.revocation_path(place), text.as_bytes(), Mode::Public)?;
        }
        // The last one first: in between there is never a gap, behind which others would wait to be read again.
        let end = (entries.len()..).take_while(|place| self.revocation_path(*place).exists()).count();
        for place in (entries.len()..entries.len().saturating_add(end)).rev() {
            files::remove(&self.revocation_path(place))?;
        }
        Ok(())
    }

    /// Keeps a grant, to know later what its id names.
    pub(crate) fn keep_grant(&self, grant: &Statement) -> Outcome {
        files::folder(&self.0.join("grants"))?;
        let text = armoured(FileKind::Grant, grant)?;
        files::replace(&self.grant_path(&grant.id().to_string()), text.as_bytes(), Mode::Public)
    }

    /// Whether a grant of that id was issued here.
    pub(crate) fn has_grant(&self, id: StatementId) -> bool {
        self.grant_path(&id.to_string()).exists()
    }

    /// Keeps a renewal, to give it to a relay again that has lost it.
    pub(crate) fn keep_renewal(&self, grant: StatementId, renewal: &Renewal) -> Outcome {
        files::folder(&self.0.join("renewals"))?;
        let text = armoured(FileKind::Renewal, renewal)?;
        files::replace(&self.renewal_path(grant), text.as_bytes(), Mode::Public)
    }

    /// The latest renewal of a grant that was signed here.
    pub(crate) fn renewal(&self, grant: StatementId) -> Outcome<Option<Renewal>> {
        let path = self.renewal_path(grant);
        if path.exists() { read(&path, FileKind::Renewal, "the renewal").map(Some) } else { Ok(None) }
    }

    fn renewal_path(&self, grant: StatementId) -> PathBuf {
        self.0.join("renewals").join(format!("{grant}.renewal"))
    }

    /// Notes that a relay is still to be given a statement; a newer one takes an older one's place.
    pub(crate) fn queue(&self, relay: KeyId, status: &SignedStatus) -> Outcome {
        files::folder(&self.outbox())?;
        files::replace(&self.outbox_entry(relay), armoured(FileKind::Status, status)?.as_bytes(), Mode::Public)
    }

    /// The relay has it.
    pub(crate) fn delivered(&self, relay: KeyId) -> Outcome {
        files::remove(&self.outbox_entry(relay))
    }

    /// Keeps a proposed revocation in the outbox; where.
    pub(crate) fn keep_proposal(&self, proposal: &Proposal) -> Outcome<PathBuf> {
        files::folder(&self.outbox())?;
        let name: String = proposal.id().to_string().chars().take(16).collect();
        let path = self.outbox().join(format!("{name}.proposal"));
        files::replace(&path, armoured(FileKind::Proposal, proposal)?.as_bytes(), Mode::Public)?;
        Ok(path)
    }

    /// The proposed revocations in the outbox, in a stable order.
    pub(crate) fn proposals(&self) -> Outcome<Vec<(PathBuf, Proposal)>> {
        let paths = listing(&self.outbox(), "proposal", PROPOSALS)?;
        paths.into_iter().map(|path| Ok((path.clone(), read(&path, FileKind::Proposal, "the revocation")?))).collect()
    }

    fn outbox_entry(&self, relay: KeyId) -> PathBuf {
        self.outbox().join(format!("{}.status", short(relay)))
    }

    /// Held while statements are numbered and signed: two at once would give two statements one number.
    pub(crate) fn lock(&self) -> Outcome<File> {
        let path = self.0.join("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| Problem::file("open", &path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Problem::new(
                "in-use",
                format!("Another command is at work in {}.", self.0.display()),
                "Wait until it has ended, then run this one again.",
            )),
            Err(TryLockError::Error(error)) => Err(Problem::file("lock", &path, &error)),
        }
    }
}

/// Files of a folder with that extension, in the order of their names; none where there is no folder.
fn listing(dir: &Path, extension: &str, most: usize) -> Outcome<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Problem::file("read", dir, &error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Problem::file("read", dir, &error))?.path();
        if path.extension().is_some_and(|found| found == extension) && paths.len() < most {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// 16 hexadecimal digits: enough to tell an authority's relays apart.
fn short(id: KeyId) -> String {
    id.to_string().chars().take(16).collect()
}

/// A value in the armour of its kind.
pub(crate) fn armoured(kind: FileKind, value: &impl Encode) -> Outcome<zeroize::Zeroizing<String>> {
    let content = zeroize::Zeroizing::new(value.to_bytes());
    armour::write(kind, &content).map_err(|_| Problem::internal("A statement came out too large."))
}

/// Reads an armoured file.
pub(crate) fn read<T: Decode>(path: &Path, kind: FileKind, what: &str) -> Outcome<T> {
    let text = zeroize::Zeroizing::new(files::read(path, LIMIT, what)?);
    let content = armour::read(kind, &text).map_err(|error| super::armour(path, error))?;
    T::from_bytes(&content).map_err(|error| {
        Problem::new(
            "damaged",
            format!("{} cannot be used: {error}.", path.display()),
            "Ask for it again: it was damaged on its way, or made by a newer version.",
        )
    })
}
