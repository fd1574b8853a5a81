//! Statements (protocol-spec/03-identity, section 1): the one envelope of everything that anyone signs about anyone.
//!
//! ```text
//! struct {
//!   uint8 version = 1; uint16 kind;
//!   opaque authority[32]; opaque issuer[32];      // KeyIds
//!   uint64 number; uint64 not_before; uint64 not_after;
//!   opaque body<0..15360>;
//! } Signed;
//! struct { Signed signed; uint16 count; opaque signature[64][count]; } Statement;      // 1 or 2 signatures
//! ```
//! `id = H("statement id", Signed)`. The first signature is the issuer's, under `statement`; a device certificate has
//! a second one by the key that it certifies, under `possession`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use amanat_primitives::{
    Digest, Label, StatementId, Timestamp, hash,
    sign::{Signature, SigningKey, VerifyingKey},
};
use amanat_wire::{Bytes, Decode, DecodeError, Encode, List, Reader, TooLong, Writer, limits, record};

use crate::ChainError;

/// The most bytes of a body, so that the whole statement stays within [`limits::STATEMENT`].
pub const BODY_MAX: usize = limits::STATEMENT - 1024;

/// Who holds a signing key: `H("key id", public key)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Digest);

impl KeyId {
    /// The id of the holder of `key`.
    #[must_use]
    pub fn of(key: &VerifyingKey) -> Self {
        Self(hash::digest(Label::KEY_ID, &[key.as_bytes()]))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for KeyId {
    type Err = <Digest as FromStr>::Err;

    fn from_str(hex: &str) -> Result<Self, Self::Err> {
        hex.parse().map(Self)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl Encode for KeyId {
    fn encode(&self, w: &mut Writer) {
        self.0.encode(w);
    }
}

impl Decode for KeyId {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(Digest::decode(r)?))
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $number:literal => $name:ident, $text:literal;)*) => {
        /// What a statement says. Numbers 11 (policy) and 12 (federation agreement) are reserved, and refused as unknown
        /// by this version.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum StatementKind { $($(#[$doc])* $name,)* }

        impl StatementKind {
            /// Every kind, in the order of its numbers.
            pub const ALL: &'static [StatementKind] = &[$(Self::$name),*];

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number,)* }
            }
        }

        impl fmt::Display for StatementKind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $text,)* })
            }
        }

        impl Encode for StatementKind {
            fn encode(&self, w: &mut Writer) {
                self.number().encode(w);
            }
        }

        impl Decode for StatementKind {
            // [ID-03] An unknown kind is refused, the reserved ones included.
            fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match u16::decode(r)? {
                    $($number => Ok(Self::$name),)*
                    other => Err(DecodeError::UnknownKind(other)),
                }
            }
        }
    };
}

kinds! {
    /// The root key, its domain and name; signed by itself.
    1 => AuthorityCertificate, "authority certificate";
    /// An officer's keys and powers; signed by the root.
    2 => OfficerCertificate, "officer certificate";
    /// An auditor's keys; signed by the root.
    3 => AuditorCertificate, "auditor certificate";
    /// A relay's keys and addresses; signed by the root.
    4 => RelayCertificate, "relay certificate";
    /// A person may enrol one device; signed by an officer.
    5 => Grant, "grant";
    /// A device's keys; signed by the grant's enrolment key and by the device's own.
    6 => DeviceCertificate, "device certificate";
    /// The one device certificate that a relay took for a grant; signed by the relay.
    7 => EnrolmentReceipt, "enrolment receipt";
    /// What is revoked, and until when that is known; signed by an officer.
    8 => Status, "status statement";
    /// A device, person or grant is revoked, or cleared less far; signed by an officer.
    9 => Revocation, "revocation";
    /// A grant's person and window, said anew for the same keys; signed by an officer.
    10 => Renewal, "renewal";
    /// A further device of a person is one of theirs; signed by another device of that person.
    13 => DeviceApproval, "device approval";
}

/// The envelope's version; any other is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version;

impl Encode for Version {
    fn encode(&self, w: &mut Writer) {
        1u8.encode(w);
    }
}

impl Decode for Version {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if u8::decode(r)? == 1 { Ok(Self) } else { Err(DecodeError::Invalid("version")) }
    }
}

record!(
    /// The part of a statement that is signed.
    pub struct Signed {
        /// 1.
        version: Version,
        /// What the body is.
        kind: StatementKind,
        /// Root key of the authority within which this is said.
        authority: KeyId,
        /// Holder of the key that signs.
        issuer: KeyId,
        /// The issuer's number for it: strictly increasing for status statements, else the time of issue.
        number: u64,
        /// Holds from then on.
        not_before: Timestamp,
        /// Holds until then.
        not_after: Timestamp,
        /// Encoding of the kind's body.
        body: Bytes<{ BODY_MAX }>,
    }
);

record!(
    /// A statement with its signatures, as it is sent and stored. Believe nothing in it before it is checked.
    pub struct Statement {
        /// What is signed.
        signed: Signed,
        /// The issuer's signature, and for a device certificate the device's own.
        signatures: List<Signature, 2>,
    }
);

/// A kind's body.
pub(crate) trait Body: Encode + Decode {
    /// The kind that carries it.
    const KIND: StatementKind;
}

/// What is said around a body that is about to be signed.
pub(crate) struct Frame {
    pub(crate) authority: KeyId,
    pub(crate) number: u64,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

impl Frame {
    /// From `now` for `validity`, numbered by the time of issue.
    pub(crate) fn lasting(authority: KeyId, now: Timestamp, validity: Duration) -> Self {
        Self { authority, number: now.as_millis(), not_before: now, not_after: now.after(validity) }
    }
}

impl Statement {
    /// Signs `body` with `issuer`.
    pub(crate) fn issue<B: Body>(frame: Frame, body: &B, issuer: &SigningKey) -> Result<Self, TooLong> {
        let Frame { authority, number, not_before, not_after } = frame;
        let signed = Signed {
            version: Version,
            kind: B::KIND,
            authority,
            issuer: KeyId::of(&issuer.verifying_key()),
            number,
            not_before,
            not_after,
            body: Bytes::new(body.to_bytes())?,
        };
        let signature = issuer.sign(Label::STATEMENT, &signed.to_bytes());
        Ok(Self { signed, signatures: List::new(vec![signature])? })
    }

    /// Adds the signature of the key that the statement certifies.
    pub(crate) fn possessed_by(mut self, key: &SigningKey) -> Result<Self, TooLong> {
        let mut signatures = self.signatures.into_vec();
        signatures.push(key.sign(Label::POSSESSION, &self.signed.to_bytes()));
        self.signatures = List::new(signatures)?;
        Ok(self)
    }

    /// `H("statement id", Signed)`: the same whatever signatures are added or altered.
    #[must_use]
    pub fn id(&self) -> StatementId {
        hash::digest(Label::STATEMENT_ID, &[&self.signed.to_bytes()]).into()
    }

    /// What it says it is.
    #[must_use]
    pub fn kind(&self) -> StatementKind {
        self.signed.kind
    }

    /// Reads the body without believing it.
    pub(crate) fn peek<B: Body>(&self) -> Result<B, ChainError> {
        if self.signed.kind != B::KIND {
            return Err(ChainError::WrongKind { expected: B::KIND, found: self.signed.kind });
        }
        B::from_bytes(&self.signed.body).map_err(|error| ChainError::Malformed { what: B::KIND, error })
    }
}

/// The moment for which windows are judged, and how far clocks may differ.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Timestamp,
    /// Tolerated before `not_before`.
    pub(crate) early: Duration,
    /// Tolerated after `not_after`.
    pub(crate) late: Duration,
}

impl Moment {
    /// `now`, with the tolerance that holds everywhere.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self { now, early: Timestamp::CLOCK_TOLERANCE, late: Timestamp::CLOCK_TOLERANCE }
    }

    // [ID-06]
    pub(crate) fn within(&self, what: StatementKind, from: Timestamp, until: Timestamp) -> Result<(), ChainError> {
        if self.now.after(self.early) < from {
            return Err(ChainError::NotYetValid { what, from });
        }
        if self.now > until.after(self.late) {
            return Err(ChainError::Expired { what, since: until });
        }
        Ok(())
    }
}

/// Checks statements of one authority at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Checker {
    pub(crate) authority: KeyId,
    pub(crate) moment: Moment,
}

impl Checker {
    /// The body of a statement that one signer signs, once everything about its envelope has been checked.
    pub(crate) fn open<B: Body>(&self, statement: &Statement, issuer: &VerifyingKey) -> Result<B, ChainError> {
        self.check(statement, B::KIND, issuer)?;
        // [ID-01]
        let [_] = statement.signatures.as_ref() else { return Err(ChainError::BadSignature { what: B::KIND }) };
        statement.peek()
    }

    /// As [`open`](Self::open), for a body whose own key must have signed too.
    pub(crate) fn open_possessed<B: Body>(
        &self,
        statement: &Statement,
        issuer: &VerifyingKey,
        own_key: impl FnOnce(&B) -> VerifyingKey,
    ) -> Result<B, ChainError> {
        self.check(statement, B::KIND, issuer)?;
        let body = statement.peek()?;
        // [ID-08]
        let [_, possession] = statement.signatures.as_ref() else { return Err(ChainError::NotPossessed) };
        own_key(&body)
            .verify(Label::POSSESSION, &statement.signed.to_bytes(), possession)
            .map_err(|_| ChainError::NotPossessed)?;
        Ok(body)
    }

    fn check(&self, statement: &Statement, what: StatementKind, issuer: &VerifyingKey) -> Result<(), ChainError> {
        let signed = &statement.signed;
        if signed.kind != what {
            return Err(ChainError::WrongKind { expected: what, found: signed.kind });
        }
        // [ID-04]
        if signed.authority != self.authority {
            return Err(ChainError::OtherAuthority { what });
        }
        // [ID-05]
        if signed.issuer != KeyId::of(issuer) {
            return Err(ChainError::WrongIssuer { what });
        }
        // [ID-01]
        let signature = statement.signatures.first().ok_or(ChainError::BadSignature { what })?;
        issuer
            .verify(Label::STATEMENT, &signed.to_bytes(), signature)
            .map_err(|_| ChainError::BadSignature { what })?;
        self.moment.within(what, signed.not_before, signed.not_after)
    }
}
