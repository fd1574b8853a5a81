//! Why something is refused, in the words of protocol-spec/vectors/README.md.

use amanat_identity::{
    ChainError, InvitationError, IssueError, KeyBytesError, ListError, NotAccepted, OldStatus, armour::ArmourError,
};
use amanat_primitives::{passphrase::UnlockError, sign::BadSignature};
use amanat_wire::DecodeError;

/// The word for an error of the product.
pub(super) trait Word {
    fn word(self) -> &'static str;
}

impl Word for DecodeError {
    fn word(self) -> &'static str {
        match self {
            Self::CutShort => "cut_short",
            Self::LeftOver => "left_over",
            Self::TooLong { .. } => "too_long",
            Self::UnknownKind(_) => "unknown_kind",
            Self::Invalid(_) => "invalid",
        }
    }
}

impl Word for BadSignature {
    fn word(self) -> &'static str {
        "bad_signature"
    }
}

impl Word for ChainError {
    fn word(self) -> &'static str {
        match self {
            Self::Malformed { error, .. } => error.word(),
            Self::WrongKind { .. } => "wrong_kind",
            Self::OtherAuthority { .. } => "other_authority",
            Self::WrongIssuer { .. } => "wrong_issuer",
            Self::BadSignature { .. } => "bad_signature",
            Self::NotPossessed => "not_possessed",
            Self::NotEmpowered { .. } => "not_empowered",
            Self::Mismatch { .. } => "mismatch",
            Self::EnrolmentKeyCertified => "enrolment_key_certified",
            Self::SuiteMissing => "suite_missing",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::GrantExpired { .. } => "grant_expired",
            Self::Revoked => "revoked",
            Self::OfficerRevoked { .. } => "officer_revoked",
            Self::ClearanceTooLow { .. } => "clearance_too_low",
            Self::AlreadyRedeemed | Self::GrantReused | Self::OtherLinkKey | Self::NeedsNewer { .. } => {
                panic!("no vector shows this: {self}")
            }
        }
    }
}

impl Word for UnlockError {
    fn word(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Work => "work",
            Self::WrongPassphrase => "wrong_passphrase",
            Self::Memory => panic!("{self}"),
        }
    }
}

impl Word for InvitationError {
    fn word(self) -> &'static str {
        match self {
            Self::Damaged(error) => error.word(),
            Self::CodeNeeded => "code_needed",
            Self::WrongCode => "wrong_code",
            Self::Code(error) => error.word(),
            Self::Chain(error) => error.word(),
        }
    }
}

impl Word for IssueError {
    fn word(self) -> &'static str {
        match self {
            Self::BadCard => "bad_card",
            other => panic!("no vector shows this: {other}"),
        }
    }
}

impl Word for ListError {
    fn word(self) -> &'static str {
        match self {
            Self::Chain(error) => error.word(),
            Self::Missing { .. } => "missing",
            Self::Shorter { .. } => "shorter",
            Self::Differs => "differs",
            Self::Order => "order",
            Self::Backdated => "backdated",
            Self::Alone => "alone",
            Self::TooMany => "too_many",
        }
    }
}

impl Word for NotAccepted {
    fn word(self) -> &'static str {
        match self {
            Self::Old(OldStatus::Older { .. }) => "older",
            Self::Old(OldStatus::Conflict { .. }) => "conflict",
            Self::List(error) => error.word(),
        }
    }
}

impl Word for ArmourError {
    fn word(self) -> &'static str {
        match self {
            Self::NotArmour { .. } => "not_armour",
            Self::OtherKind { .. } => "other_kind",
            Self::CutShort => "cut_short",
            Self::Damaged { .. } => "damaged",
            Self::TooLarge { .. } => "too_large",
        }
    }
}

impl Word for KeyBytesError {
    fn word(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::OtherHolder => "other_holder",
        }
    }
}

/// A result whose error is a word.
pub(super) trait InWords<T> {
    fn in_words(self) -> Result<T, &'static str>;
}

impl<T, E: Word> InWords<T> for Result<T, E> {
    fn in_words(self) -> Result<T, &'static str> {
        self.map_err(Word::word)
    }
}
