//! Invitations (protocol-spec/03-identity, section 6), and the officer's machine that signs them.

use std::path::Path;

use amanat_identity::{
    Authority, AuthorityKeys, InvitationCode, Invitee, IssueError, OfficerKeys, SignedStatus, Statement,
    VerifiedOfficer,
    armour::{self, FileKind},
    invitation::{Protection, RELAYS},
    policy::REDEEM_WITHIN,
};
use amanat_primitives::{StatementId, Timestamp, passphrase::WorkPolicy};
use rand_core::OsRng;

use super::{
    folder::{AuthorityFolder, KnownRelay},
    keys,
};
use crate::{
    files::{self, Mode},
    problem::Outcome,
};

const REFUSED: &str = "The invitation is not written";

/// An officer's machine: the authority's folder with the officer's keys open.
pub(crate) struct Desk {
    pub(crate) folder: AuthorityFolder,
    pub(crate) authority: Authority,
    pub(crate) officer: VerifiedOfficer,
    pub(crate) keys: OfficerKeys,
    pub(crate) relays: Vec<KnownRelay>,
    /// For the revocation of an officer.
    pub(crate) root: Option<AuthorityKeys>,
}

/// What can be known before the passphrase: everything but the keys.
pub(crate) struct ClosedDesk {
    folder: AuthorityFolder,
    authority: Authority,
    officer: VerifiedOfficer,
    relays: Vec<KnownRelay>,
}

impl ClosedDesk {
    /// Reads the folder. Fails where an officer could not do anything with it.
    pub(crate) fn read(path: &Path, now: Timestamp) -> Outcome<Self> {
        let folder = AuthorityFolder::new(path);
        let authority = folder.authority(now)?;
        let officer = folder.verified_officer(&authority, now)?;
        let relays = folder.relays(&authority, now)?;
        Ok(Self { folder, authority, officer, relays })
    }

    /// Refuses a folder that knows no relay: nobody could redeem an invitation, or be told of a status.
    pub(crate) fn require_relay(&self, subject: &str) -> Outcome {
        if self.relays.is_empty() { Err(super::issue(subject, IssueError::NoRelay)) } else { Ok(()) }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &AuthorityFolder {
        &self.folder
    }

    /// The authority.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The officer whose folder it is.
    pub(crate) fn officer(&self) -> &VerifiedOfficer {
        &self.officer
    }

    /// Opens the officer's keys. Takes about half a second.
    pub(crate) fn open(self, passphrase: &str) -> Outcome<Desk> {
        let Self { folder, authority, officer, relays } = self;
        let keys = keys::officer(&folder.officer_keys(), passphrase)?;
        if keys.id() != officer.id() {
            return Err(super::issue("The officer's folder cannot be used", IssueError::OtherKeys));
        }
        Ok(Desk { folder, authority, officer, keys, relays, root: None })
    }
}

/// An invitation that was written.
pub(crate) struct Written {
    pub(crate) grant: StatementId,
    pub(crate) redeem_by: Timestamp,
    pub(crate) code: Option<InvitationCode>,
    /// The status statement in it has lapsed, or there is none.
    pub(crate) stale_status: bool,
}

impl Desk {
    /// Signs a grant and writes the invitation to a new file of mode 0600.
    pub(crate) fn invite(&self, invitee: Invitee, with_code: bool, out: &Path, now: Timestamp) -> Outcome<Written> {
        files::must_be_new(out)?;
        let status = self.current_status(now)?;
        let stale_status = status
            .as_ref()
            .is_none_or(|status| status.verify(&self.authority, now).is_ok_and(|status| now > status.next_update()));
        let relays: Vec<Statement> = self.relays.iter().take(RELAYS).map(|known| known.certificate.clone()).collect();
        let protection = if with_code { Protection::Code(&WorkPolicy::STANDARD) } else { Protection::Plain };
        let (invitation, code) = self
            .keys
            .invite(&self.officer, invitee, &relays, status, protection, now, &mut OsRng)
            .map_err(|error| super::issue(REFUSED, error))?;
        let text = armour::write(FileKind::Invitation, &invitation.to_secret_bytes())
            .map_err(|error| super::armour(out, error))?;
        self.folder.keep_grant(invitation.grant())?;
        files::create(out, text.as_bytes(), Mode::Secret)?;
        let grant = invitation.grant().id();
        Ok(Written { grant, redeem_by: now.after(REDEEM_WITHIN), code, stale_status })
    }

    /// The status statement that is kept here, unless it is not believed any more.
    fn current_status(&self, now: Timestamp) -> Outcome<Option<SignedStatus>> {
        let status = self.folder.status()?;
        Ok(status.filter(|status| status.verify(&self.authority, now).is_ok()))
    }
}
