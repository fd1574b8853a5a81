//! A new authority (protocol-spec/03-identity, section 5): its root key, its certificate, its first officer, and the
//! first status statement.

use std::path::{Path, PathBuf};

use amanat_identity::{
    Authority, AuthorityKeys, Domain, ListSummary, OfficeName, OfficerChain, OfficerKeys, PersonName, Powers,
    SignedStatus, VerifiedOfficer, VerifiedStatus,
    armour::FileKind,
    policy::{OFFICER_VALIDITY, STATUS_VALIDITY},
};
use amanat_primitives::Timestamp;
use rand_core::OsRng;

use super::{
    folder::{AuthorityFolder, armoured},
    keys,
};
use crate::{
    files::{self, Mode},
    problem::{Outcome, Problem},
};

/// What was made.
pub(crate) struct NewAuthority {
    pub(crate) folder: AuthorityFolder,
    pub(crate) authority: Authority,
    pub(crate) officer: VerifiedOfficer,
    pub(crate) status: VerifiedStatus,
}

/// The passphrases of a new authority.
pub(crate) struct Passphrases<'a> {
    pub(crate) root: &'a str,
    pub(crate) officer: &'a str,
}

/// Makes all of it beside, and gives it its name only when it is whole: there is never half an authority.
pub(crate) fn init(
    out: &Path,
    domain: Domain,
    name: OfficeName,
    passphrases: &Passphrases<'_>,
    now: Timestamp,
) -> Outcome<NewAuthority> {
    // Without a slash at its end, so that what is made beside does not come to lie inside.
    let out = &out.components().collect::<PathBuf>();
    files::must_be_new(out)?;
    let mut beside = out.as_os_str().to_owned();
    beside.push(format!(".{}.part", std::process::id()));
    let staging = AuthorityFolder::new(Path::new(&beside));
    files::must_be_new(staging.path())?;
    let made = fill(&staging, domain, name, passphrases, now);
    let made = made.and_then(|(authority, officer, status)| {
        std::fs::rename(staging.path(), out).map_err(|error| Problem::file("make the folder", out, &error))?;
        files::sync_parent(out)?;
        Ok(NewAuthority { folder: AuthorityFolder::new(out), authority, officer, status })
    });
    if made.is_err() {
        // The first error is the one that matters.
        let _ = std::fs::remove_dir_all(staging.path());
    }
    made
}

fn fill(
    folder: &AuthorityFolder,
    domain: Domain,
    name: OfficeName,
    passphrases: &Passphrases<'_>,
    now: Timestamp,
) -> Outcome<(Authority, VerifiedOfficer, VerifiedStatus)> {
    let failed = |error| super::issue("The authority cannot be made", error);
    let unproven = |error| super::chain("The authority cannot be made", error);
    let root = AuthorityKeys::create(&mut OsRng);
    let certificate = root.certificate(domain, name, now).map_err(failed)?;
    let authority = certificate.verify(now).map_err(unproven)?;
    let officer_keys = OfficerKeys::create(&mut OsRng);
    let card = officer_keys.card(first_officer()?);
    let officer_certificate =
        root.certify_officer(&authority, &card, Powers::OFFICER, now, OFFICER_VALIDITY).map_err(failed)?;
    let chain = OfficerChain { certificate: officer_certificate };
    let officer = chain.verify(&authority, now).map_err(unproven)?;
    let number = SignedStatus::next_number(None, now);
    let signed = officer_keys.attest(&officer, number, ListSummary::default(), now, STATUS_VALIDITY).map_err(failed)?;
    let status = signed.verify(&authority, now).map_err(unproven)?;

    files::folder(&folder.officer())?;
    keys::save(&folder.root_key(), &root.to_secret_bytes(), passphrases.root)?;
    keys::save(&folder.officer_keys(), &officer_keys.to_secret_bytes(), passphrases.officer)?;
    let certificates = [
        (folder.certificate(), armoured(FileKind::AuthorityCertificate, &certificate)?),
        (folder.officer().join("card"), armoured(FileKind::OfficerCard, &card)?),
        (folder.officer_certificate(), armoured(FileKind::OfficerCertificate, &chain.certificate)?),
    ];
    for (path, text) in certificates {
        files::create(&path, text.as_bytes(), Mode::Public)?;
    }
    folder.keep_status(&signed)?;
    Ok((authority, officer, status))
}

fn first_officer() -> Outcome<PersonName> {
    "First security officer".parse().map_err(|error| super::not_text("The officer's name", error))
}
