//! Why a chain is not believed (protocol-spec/03-identity, section 9): each reason its own, with what to try.

use std::fmt;

use amanat_primitives::{Timestamp, passphrase::UnlockError};
use amanat_wire::{DecodeError, TooLong};

use crate::{StatementKind, Tier};

/// Why statements are not believed. The first groups are the sender's fault; times may be this machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Bytes that are no encoding of the statement's body.
    #[error("the {what} is malformed: {error}")]
    Malformed {
        /// Which statement.
        what: StatementKind,
        /// What is wrong with its bytes.
        error: DecodeError,
    },
    /// A statement of another kind stands in its place.
    #[error("{} {expected} was expected and {} {found} was given", article(*.expected), article(*.found))]
    WrongKind {
        /// What should stand there.
        expected: StatementKind,
        /// What stands there.
        found: StatementKind,
    },
    /// Said within another authority.
    #[error("the {what} belongs to another authority")]
    OtherAuthority {
        /// Which statement.
        what: StatementKind,
    },
    /// Signed by someone who is not entitled to.
    #[error("the {what} was not issued by the one who may issue it")]
    WrongIssuer {
        /// Which statement.
        what: StatementKind,
    },
    /// The issuer's signature does not fit: altered, or forged.
    #[error("the signature of the {what} does not verify: it was altered or forged")]
    BadSignature {
        /// Which statement.
        what: StatementKind,
    },
    /// A certificate or card without the signature of its own key.
    #[error("the certified key has not signed: whoever asked does not show that they hold it")]
    NotPossessed,
    /// The officer's certificate does not give the power to issue this.
    #[error("the officer's certificate gives no power to issue a {what}")]
    NotEmpowered {
        /// Which statement.
        what: StatementKind,
    },
    /// A link between two statements, or a promise of the one about the other, does not hold.
    #[error("the {what} does not fit the statements it stands with")]
    Mismatch {
        /// The statement that does not fit.
        what: StatementKind,
    },
    /// The device certifies the enrolment key itself, which the officer has seen.
    #[error("the device certificate certifies the invitation's one-time key, which others have seen")]
    EnrolmentKeyCertified,
    /// The suite that everyone must speak is not among the device's.
    #[error("the device certificate does not list the post-quantum suite 0x004D")]
    SuiteMissing,
    /// The window is over.
    #[error("the {what} expired on {}; if that cannot be, check this machine's clock (10 minutes are tolerated)", Utc(*.since))]
    Expired {
        /// Which statement.
        what: StatementKind,
        /// The end of its window.
        since: Timestamp,
    },
    /// The window has not begun.
    #[error("the {what} is not valid before {}; check this machine's clock (10 minutes are tolerated)", Utc(*.from))]
    NotYetValid {
        /// Which statement.
        what: StatementKind,
        /// The start of its window.
        from: Timestamp,
    },
    /// The grant was not redeemed in time.
    #[error("the invitation could be redeemed until {}; ask the officer for a new one, or check this machine's clock", Utc(*.since))]
    GrantExpired {
        /// `redeem_by`.
        since: Timestamp,
    },
    /// The relay took another device's certificate for this grant before.
    #[error("the invitation was redeemed before, by another device; if that was not yours, tell the officer at once")]
    AlreadyRedeemed,
    /// Two certificates with receipts for one grant: neither is believed.
    #[error("two devices hold a certificate for one grant; both are refused, tell the officer at once")]
    GrantReused,
    /// The grant or device is revoked.
    #[error("the device or its grant is revoked")]
    Revoked,
    /// Whoever signed it was an officer and is revoked.
    #[error("the officer who signed the {what} is revoked; another officer must sign a new one")]
    OfficerRevoked {
        /// Which statement.
        what: StatementKind,
    },
    /// Cleared, but not far enough.
    #[error("cleared up to {held}, and {needed} is needed")]
    ClearanceTooLow {
        /// The tier asked for.
        needed: Tier,
        /// The clearance in the grant.
        held: Tier,
    },
    /// The link was authenticated with another key than the certificate names.
    #[error("the link's key is not the one in the certificate")]
    OtherLinkKey,
    /// The statement uses something that this version cannot judge.
    #[error("the {what} needs a newer version of this program")]
    NeedsNewer {
        /// Which statement.
        what: StatementKind,
    },
}

/// Why a statement is not issued: the caller's fault, or what the caller was handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The card's own key has not signed it.
    #[error("the card was altered, or was not made by the one who holds its key")]
    BadCard,
    /// The relay's card is for another domain.
    #[error("the card asks for another domain than the authority's")]
    OtherDomain,
    /// These keys are not those that the given certificate names.
    #[error("these keys do not belong to the certificate they are used with")]
    OtherKeys,
    /// The relay's card names no address.
    #[error("the card names no address at which the relay listens")]
    NoAddress,
    /// An invitation needs a relay to redeem it at.
    #[error("there is no certified relay: certify one first")]
    NoRelay,
    /// A second officer has signed already, or this one has.
    #[error("it bears this officer's signature already, or those of two others")]
    SignedAlready,
    /// Too many relays, or too long a text.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// A status statement would hold longer than is allowed.
    #[error("a status statement holds 31 days at most")]
    TooLasting,
    /// The code's protection could not be computed.
    #[error("the invitation cannot be sealed under a code: {0}")]
    Code(UnlockError),
    /// What the statement would rest on is not believed itself.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

fn article(kind: StatementKind) -> &'static str {
    match kind {
        StatementKind::AuthorityCertificate
        | StatementKind::OfficerCertificate
        | StatementKind::AuditorCertificate
        | StatementKind::EnrolmentReceipt => "an",
        _ => "a",
    }
}

/// A time as people read it, in UTC, for messages of a crate that knows no time zones.
pub(crate) struct Utc(pub(crate) Timestamp);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.as_millis() / 1000;
        // Civil date of a day number, with years that begin in March so that the leap day comes last.
        let days = secs / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        write!(f, "{year}-{month:02}-{day:02} {:02}:{:02} UTC", secs / 3600 % 24, secs / 60 % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_utc() {
        // Checked against `date -u -d @N`.
        for (secs, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_735_689_599, "2024-12-31 23:59 UTC"),
            (4_107_542_399, "2100-02-28 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(Utc(Timestamp::from_secs(secs)).to_string(), text);
        }
        assert!(!Utc(Timestamp::FAR_FUTURE).to_string().is_empty());
    }

    #[test]
    fn the_clock_is_named_where_it_may_be_at_fault() {
        let late = ChainError::Expired { what: StatementKind::Grant, since: Timestamp::from_secs(0) };
        assert!(late.to_string().contains("grant expired on 1970-01-01 00:00 UTC"));
        let early = ChainError::NotYetValid { what: StatementKind::OfficerCertificate, from: Timestamp::from_secs(0) };
        assert!(early.to_string().contains("check this machine's clock"));
        let kind = ChainError::WrongKind {
            expected: StatementKind::OfficerCertificate,
            found: StatementKind::RelayCertificate,
        };
        assert_eq!(kind.to_string(), "an officer certificate was expected and a relay certificate was given");
    }
}
