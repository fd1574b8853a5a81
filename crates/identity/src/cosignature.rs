//! Second signatures (protocol-spec/03-identity, section 8): what one officer may not list alone.
//!
//! ```text
//! struct { KeyId authority; Time at; RevocationBody body; } Said;
//! struct { Statement certificate; Signature signature; } Cosignature;                // over Said, label "cosignature"
//! struct { uint8 version = 1; Said said; Cosignature cosignatures[n]<2>; } Proposal;
//! ```
//! What is signed has no number: an officer's machine gives the revocation one when it publishes it, and signs it then.

use amanat_primitives::{Digest, Label, Timestamp, hash, sign::Signature};
use amanat_wire::{Encode as _, List, record};

use crate::{
    Authority, ChainError, IssueError, KeyId, OfficerKeys, Powers, Statement, VerifiedOfficer,
    body::RevocationBody,
    statement::{Body as _, Moment, Version},
};

/// Signatures under one proposal.
pub const COSIGNATURES: usize = 2;

record!(
    /// What a revocation says, whatever its number.
    pub struct Said {
        /// Within which authority.
        authority: KeyId,
        /// Its `not_before`.
        at: Timestamp,
        /// What.
        body: RevocationBody,
    }
);

record!(
    /// An officer's signature over what a revocation says.
    pub struct Cosignature {
        /// The officer's certificate.
        certificate: Statement,
        /// Under `cosignature`.
        signature: Signature,
    }
);

record!(
    /// A revocation that two officers must sign, on its way between them.
    pub struct Proposal {
        /// 1.
        version: Version,
        /// What they sign.
        said: Said,
        /// By whom so far.
        cosignatures: List<Cosignature, COSIGNATURES>,
    }
);

impl Said {
    /// The same whoever has signed, and under whatever number.
    pub(crate) fn id(&self) -> Digest {
        hash::digest(Label::COSIGNATURE, &[&self.to_bytes()])
    }
}

impl Cosignature {
    /// Checks it as of when the revocation was listed, or is going to be: the officer may have become one since it was
    /// proposed, and no date of theirs is believed. `[ID-45]`
    pub(crate) fn open(
        &self,
        said: &Said,
        authority: &Authority,
        at: Timestamp,
    ) -> Result<VerifiedOfficer, ChainError> {
        let checker = authority.checker(Moment::at(at))?;
        let officer = VerifiedOfficer::open(&self.certificate, &checker, authority)?;
        officer.require(Powers::REVOKE, RevocationBody::KIND)?;
        officer
            .signing_key()
            .verify(Label::COSIGNATURE, &said.to_bytes(), &self.signature)
            .map_err(|_| ChainError::BadSignature { what: RevocationBody::KIND })?;
        Ok(officer)
    }
}

impl Proposal {
    /// What nobody has signed yet.
    #[must_use]
    pub fn new(authority: &Authority, body: RevocationBody, at: Timestamp) -> Self {
        let said = Said { authority: authority.id(), at, body };
        Self { version: Version, said, cosignatures: List::default() }
    }

    /// Checks it; who has signed.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn verify(&self, authority: &Authority, now: Timestamp) -> Result<Vec<VerifiedOfficer>, ChainError> {
        let what = RevocationBody::KIND;
        if self.said.authority != authority.id() {
            return Err(ChainError::OtherAuthority { what });
        }
        let opened = self.cosignatures.iter().map(|cosignature| cosignature.open(&self.said, authority, now));
        let officers = opened.collect::<Result<Vec<_>, _>>()?;
        match officers.as_slice() {
            [first, second] if first.id() == second.id() => Err(ChainError::Mismatch { what }),
            _ => Ok(officers),
        }
    }

    /// Nobody else needs to sign.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.cosignatures.len() == COSIGNATURES
    }

    /// What it is known by between two officers' machines: the same whoever has signed.
    #[must_use]
    pub fn id(&self) -> Digest {
        self.said.id()
    }
}

impl OfficerKeys {
    /// Adds this officer's signature to a proposal, their own or another's.
    ///
    /// # Errors
    /// [`IssueError::SignedAlready`] where it has this officer's, or needs no more.
    pub fn cosign(
        &self,
        officer: &VerifiedOfficer,
        proposal: Proposal,
        now: Timestamp,
    ) -> Result<Proposal, IssueError> {
        self.require_own(officer, Powers::REVOKE, RevocationBody::KIND, now)?;
        let before = proposal.verify(officer.authority(), now)?;
        if proposal.is_complete() || before.iter().any(|other| other.id() == self.id()) {
            return Err(IssueError::SignedAlready);
        }
        let signature = self.signing().sign(Label::COSIGNATURE, &proposal.said.to_bytes());
        let mut cosignatures = proposal.cosignatures.into_vec();
        cosignatures.push(Cosignature { certificate: officer.statement().clone(), signature });
        let cosignatures = List::new(cosignatures)?;
        Ok(Proposal { cosignatures, ..proposal })
    }
}
