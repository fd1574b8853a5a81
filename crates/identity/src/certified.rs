//! Certified relays (protocol-spec/03-identity, section 5): the one file that a relay gets back for its card.
//!
//! ```text
//! struct { Statement authority_certificate; Statement relay_certificate; } CertifiedRelay;
//! ```
//! The authority's certificate stands in it because a relay pins its authority from there; the operator puts the file
//! beside the relay's keys, as `relay.cert`.

use amanat_primitives::Timestamp;
use amanat_wire::record;

use crate::{Authority, AuthorityCertificate, ChainError, Statement, VerifiedRelay};

record!(
    /// A relay certificate with the certificate of the authority that signed it, as armoured in
    /// [`FileKind::RelayCertificate`](crate::armour::FileKind::RelayCertificate).
    pub struct CertifiedRelay {
        /// The authority, to be pinned by the relay.
        authority: AuthorityCertificate,
        /// The relay's certificate.
        certificate: Statement,
    }
);

impl CertifiedRelay {
    /// Checks both.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn verify(&self, now: Timestamp) -> Result<(Authority, VerifiedRelay), ChainError> {
        let authority = self.authority.verify(now)?;
        let relay = VerifiedRelay::verify(&self.certificate, &authority, now)?;
        Ok((authority, relay))
    }
}
