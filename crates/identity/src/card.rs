//! Cards (protocol-spec/03-identity, section 5): what someone hands to the authority to be certified.
//!
//! ```text
//! struct { uint8 version = 1; uint16 kind; Request request; opaque signature[64]; } Card;
//! ```
//! `kind` is that of the certificate asked for; the signature is the request's own signing key's, under `card`, over
//! all that stands before it. A card shows that whoever made it holds the key. Who that is, the authority must know
//! otherwise: by receiving the card in person, or by comparing [`Card::fingerprint`].

use amanat_primitives::{
    Digest, Label,
    agree::NoisePublic,
    sealing::SealingPublic,
    sign::{Signature, SigningKey, VerifyingKey},
};
use amanat_wire::{Decode, DecodeError, Encode, List, Reader, TooLong, Writer, record};

use crate::{
    AuditorKeys, Domain, IssueError, KeyId, OfficerKeys, PersonName, RelayAddress, RelayKeys, StatementKind,
    body::RELAY_ADDRESSES, statement::Version,
};

/// What a card asks to have certified.
pub trait Request: Encode + Decode {
    /// The kind of certificate asked for.
    const KIND: StatementKind;

    /// The key that is asked for, and signs the card.
    fn signing_key(&self) -> VerifyingKey;
}

macro_rules! staff_request {
    ($(#[$doc:meta])* $name:ident, $kind:ident) => {
        record!(
            $(#[$doc])*
            pub struct $name {
                /// Who asks.
                name: PersonName,
                /// Public half of the signing key.
                signing: VerifyingKey,
                /// Public half of the Noise key.
                noise: NoisePublic,
                /// Public half of the sealing key.
                sealing: SealingPublic,
            }
        );

        impl Request for $name {
            const KIND: StatementKind = StatementKind::$kind;

            fn signing_key(&self) -> VerifyingKey {
                self.signing
            }
        }
    };
}
staff_request!(
    /// An officer's request. Its powers are the authority's to choose.
    OfficerRequest,
    OfficerCertificate
);
staff_request!(
    /// An auditor's request.
    AuditorRequest,
    AuditorCertificate
);

record!(
    /// A relay's request.
    pub struct RelayRequest {
        /// Whose relay it will be.
        domain: Domain,
        /// Where it listens.
        addresses: List<RelayAddress, RELAY_ADDRESSES>,
        /// Public half of the signing key.
        signing: VerifyingKey,
        /// Public half of the Noise key.
        noise: NoisePublic,
        /// [`tls_key_digest`](amanat_primitives::hash::tls_key_digest) of its TLS public key.
        tls_key: Digest,
    }
);

impl Request for RelayRequest {
    const KIND: StatementKind = StatementKind::RelayCertificate;

    fn signing_key(&self) -> VerifyingKey {
        self.signing
    }
}

/// A request with the signature of the key that it asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Card<R> {
    request: R,
    signature: Signature,
}

/// An officer's card.
pub type OfficerCard = Card<OfficerRequest>;
/// An auditor's card.
pub type AuditorCard = Card<AuditorRequest>;
/// A relay's card.
pub type RelayCard = Card<RelayRequest>;

impl<R: Request> Card<R> {
    fn sign(request: R, key: &SigningKey) -> Self {
        let signature = key.sign(Label::CARD, &signed_bytes(&request));
        Self { request, signature }
    }

    /// What is asked, once the card's own signature has been checked.
    ///
    /// # Errors
    /// [`IssueError::BadCard`].
    pub fn verify(&self) -> Result<&R, IssueError> {
        // [ID-10]
        let key = self.request.signing_key();
        key.verify(Label::CARD, &signed_bytes(&self.request), &self.signature).map_err(|_| IssueError::BadCard)?;
        Ok(&self.request)
    }

    /// Id of the card's key, to be compared with what its maker's machine shows.
    #[must_use]
    pub fn fingerprint(&self) -> KeyId {
        KeyId::of(&self.request.signing_key())
    }
}

fn signed_bytes<R: Request>(request: &R) -> Vec<u8> {
    [Version.to_bytes(), R::KIND.to_bytes(), request.to_bytes()].concat()
}

impl<R: Request> Encode for Card<R> {
    fn encode(&self, w: &mut Writer) {
        w.raw(&signed_bytes(&self.request));
        self.signature.encode(w);
    }
}

impl<R: Request> Decode for Card<R> {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Version::decode(r)?;
        if StatementKind::decode(r)? != R::KIND {
            return Err(DecodeError::Invalid("card of this kind"));
        }
        Ok(Self { request: R::decode(r)?, signature: Signature::decode(r)? })
    }
}

impl OfficerKeys {
    /// The card to have these keys certified by.
    #[must_use]
    pub fn card(&self, name: PersonName) -> OfficerCard {
        let request = OfficerRequest {
            name,
            signing: self.verifying_key(),
            noise: self.noise().public(),
            sealing: self.sealing().public(),
        };
        Card::sign(request, self.signing())
    }
}

impl AuditorKeys {
    /// The card to have these keys certified by.
    #[must_use]
    pub fn card(&self, name: PersonName) -> AuditorCard {
        let request = AuditorRequest {
            name,
            signing: self.verifying_key(),
            noise: self.noise().public(),
            sealing: self.sealing().public(),
        };
        Card::sign(request, self.signing())
    }
}

impl RelayKeys {
    /// The card to have these keys certified by, for the relay of `domain` at `addresses` (1 to 8).
    ///
    /// # Errors
    /// [`TooLong`] for too many addresses.
    pub fn card(&self, domain: Domain, addresses: Vec<RelayAddress>) -> Result<RelayCard, TooLong> {
        let request = RelayRequest {
            domain,
            addresses: List::new(addresses)?,
            signing: self.signing().verifying_key(),
            noise: self.noise().public(),
            tls_key: self.tls_key(),
        };
        Ok(Card::sign(request, self.signing()))
    }
}
