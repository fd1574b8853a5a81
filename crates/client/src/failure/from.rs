//! What the parts below report, as people meet it (protocol-spec/07-delivery, section 12). One place for each sentence.

use std::path::Path;

use amanat_conversation::{ConversationError, VoidReason};
use amanat_identity::{ChainError, Tier};
use amanat_net::{DialError, LinkError};
use amanat_primitives::passphrase::UnlockError;
use amanat_store::{OpenError, table::TableError};
use amanat_wire::relay::Refusal;

use super::{Failure, FailureCode as Code};
use crate::rows::{ConversationRow, Stage};

const TELL_IT: &str = "try again; if it comes back, tell the IT team";
const RESTORE: &str =
    "nothing was changed; enrol this device again with a new invitation, and keep the folder for the IT team";

pub(crate) fn damaged() -> Failure {
    Failure::new(Code::Damaged, "the vault is damaged: a row does not open", RESTORE)
}

pub(crate) fn internal(what: &'static str) -> Failure {
    Failure::new(Code::Internal, what, TELL_IT)
}

pub(crate) fn stopped() -> Failure {
    Failure::new(Code::Internal, "the engine has stopped", "start the program again")
}

pub(crate) fn protocol() -> Failure {
    let advice = "tell the IT team; relay and client may be of different versions";
    Failure::new(Code::Refused, "the relay does not keep to the protocol", advice)
}

pub(crate) fn silent_relay() -> Failure {
    Failure::new(Code::Offline, "the relay does not answer", "check the network; the program tries again by itself")
}

pub(crate) fn link_closed() -> Failure {
    Failure::new(Code::Offline, "the link to the relay was closed", "the program tries again by itself")
}

pub(crate) fn false_expiry() -> Failure {
    let failed = "the relay says that entries have expired that cannot have";
    Failure::new(Code::Conversation, failed, "tell the security officer; open a new conversation")
}

/// Why nothing can be sent in a conversation as it stands; `None` where it can.
pub(crate) fn of_stage(row: &ConversationRow) -> Option<Failure> {
    let (failed, advice) = match row.stage {
        Stage::Creating | Stage::Active => return None,
        Stage::Frozen => (
            "this conversation is frozen: its history does not agree with another member's",
            "tell the security officer; open a new conversation",
        ),
        Stage::Removed => {
            ("this device was removed from the conversation", "ask its founder or a moderator to add you again")
        }
        Stage::Archived => (
            "this conversation was taken in from a file, and this device is not in it",
            "it can be read; to take part ask its founder or a moderator to add you",
        ),
        Stage::Left => ("you have left this conversation", "ask its founder or a moderator to add you again"),
        Stage::Over => ("nobody else is in this conversation any more", ""),
        Stage::FellOut => (
            "this device has missed a change of members that it cannot catch up with",
            "stay online: another member's program adds this device again, and what is queued stays here; \
             `amanat leave` gives it up",
        ),
    };
    // Nobody can be added to a 1:1: another one is opened.
    let ended = matches!(row.stage, Stage::Removed | Stage::Left | Stage::Over) && !row.peer.is_empty();
    let advice = if ended { format!("`amanat send {}` opens a new one", &*row.peer) } else { advice.to_owned() };
    Some(Failure::new(Code::Conversation, failed, advice))
}

pub(crate) fn status_expired() -> Failure {
    let failed = "the authority's status statement has lapsed, and this tier sends nothing without a fresh one";
    Failure::new(Code::StatusExpired, failed, "ask the security officer to run `amanat attest`")
}

/// A relay that says "revoked" to somebody who joins.
pub(crate) fn invitation_revoked(failure: Failure) -> Failure {
    // Where an officer is, that is said already.
    if failure.failed != revoked().failed {
        return failure;
    }
    let failed = "the invitation is revoked, or the person it is for: nobody can join with it";
    Failure::new(failure.code, failed, "ask the security officer for a new invitation")
}

/// This person is cleared for less than a conversation's tier by now.
pub(crate) fn not_cleared(held: Tier, needed: Tier) -> Failure {
    let failed = format!("you are cleared up to {held}; this conversation is {needed}");
    let advice = "the other members' programs remove you from it; what is queued stays here";
    Failure::new(Code::Clearance, failed, advice)
}

/// This device is on the list of revocations.
pub(crate) fn revoked() -> Failure {
    from_refusal(Refusal::Revoked)
}

/// Somebody whose devices are all revoked.
pub(crate) fn all_revoked(address: &amanat_identity::Address) -> Failure {
    let failed = format!("{address} has only revoked devices");
    Failure::new(Code::NotFound, failed, "leave them out, or ask the security officer whether they are enrolled again")
}

/// A safety number was compared that is not the one that there is now.
pub(crate) fn other_number(address: &amanat_identity::Address) -> Failure {
    Failure::new(
        Code::NotAllowed,
        format!(
            "the number that was compared is not the safety number with {address}, or not any more: a device came or went since"
        ),
        "compare the new one with them: `amanat verify` shows it",
    )
}

/// One's own document's time was over before it was sent.
pub(crate) fn expired_unsent() -> Failure {
    Failure::new(
        Code::Gone,
        "the document's time was over before all of it was sent",
        "send it again and let it stay longer",
    )
}

/// The relay no longer keeps a document, as its class said.
pub(crate) fn document_expired(days: u64) -> Failure {
    let failed = format!("the document has expired: the relay keeps documents of this kind for {days} days");
    Failure::new(Code::Gone, failed, "ask the sender to send it again")
}

/// The relay has lost a document, or hides it.
pub(crate) fn document_lost() -> Failure {
    Failure::new(
        Code::Gone,
        "the relay does not have the document, although its time is not over",
        "ask the sender to send it again, and tell the IT team",
    )
}

/// The document's message was deleted, or has expired.
pub(crate) fn document_gone() -> Failure {
    Failure::new(
        Code::Gone,
        "the document was deleted by its sender, or its time is over",
        "ask the sender to send it again",
    )
}

pub(crate) fn other_branch() -> Failure {
    let failed = "the relay's log is another than the one that this device has seen";
    Failure::new(Code::Conversation, failed, "tell the security officer; open a new conversation")
}

pub(crate) fn no_conversation() -> Failure {
    Failure::new(Code::NotFound, "there is no such conversation", "list them with `amanat conversations`")
}

pub(crate) fn too_large(what: &str, limit: &str, advice: &str) -> Failure {
    Failure::new(Code::TooLarge, format!("the {what} is longer than {limit}"), advice)
}

pub(crate) fn file(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
    use std::io::ErrorKind as Kind;
    let advice = match error.kind() {
        Kind::NotFound => "check the path",
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => "check the permissions of the file and its folder",
        Kind::AlreadyExists => "choose another name, or move the existing one away",
        Kind::StorageFull | Kind::QuotaExceeded => "make room on the disk and try again",
        _ => "check the disk and the path",
    };
    let code =
        if matches!(error.kind(), Kind::StorageFull | Kind::QuotaExceeded) { Code::DiskFull } else { Code::File };
    Failure::new(code, format!("cannot {doing} {}: {error}", path.display()), advice)
}

pub(crate) fn from_open(error: OpenError) -> Failure {
    let failed = format!("the vault cannot be opened: {error}");
    match error {
        OpenError::InUse => Failure::new(
            Code::InUse,
            "another process has this profile open",
            "close the other program (`amanat watch`, the desktop) or wait until it is done",
        ),
        OpenError::ReadOnly => Failure::new(
            Code::File,
            failed,
            "check the permissions of the profile's folder and that its disk is writable",
        ),
        OpenError::Full => Failure::new(Code::DiskFull, failed, "make room on the disk and try again"),
        OpenError::Missing => {
            Failure::new(Code::NoProfile, failed, "join with an invitation: `amanat join INVITATION --profile DIR`")
        }
        OpenError::Foreign => Failure::new(Code::File, failed, "choose an empty folder for the profile"),
        OpenError::Newer { .. } => Failure::new(Code::Damaged, failed, "use the version of this program that wrote it"),
        OpenError::Damaged(_) => Failure::new(Code::Damaged, failed, RESTORE),
        OpenError::Io(error) => {
            Failure::new(Code::File, format!("the vault cannot be opened: {error}"), "check the disk and try again")
        }
    }
}

pub(crate) fn from_table(error: TableError) -> Failure {
    match error {
        TableError::Full => {
            Failure::new(Code::DiskFull, "the disk is full", "make room on the disk and try again; nothing is lost")
        }
        TableError::Damaged => damaged(),
        TableError::TooLong => internal("a row is too long for the vault"),
        TableError::Fatal => Failure::new(
            Code::Damaged,
            "the disk refused to keep what was written",
            "check the disk, then start the program again; what was acknowledged is kept",
        ),
        TableError::Closed => stopped(),
    }
}

pub(crate) fn from_unlock(error: UnlockError) -> Failure {
    match error {
        UnlockError::WrongPassphrase => {
            Failure::new(Code::Passphrase, "wrong passphrase", "try again; there is no way to recover a forgotten one")
        }
        UnlockError::Damaged | UnlockError::Work => {
            Failure::new(Code::Damaged, format!("the profile's key file cannot be used: {error}"), RESTORE)
        }
        UnlockError::Memory => Failure::new(
            Code::Internal,
            error.to_string(),
            "close other programs: 256 MiB are needed for half a second",
        ),
    }
}

pub(crate) fn from_dial(error: DialError) -> Failure {
    let failed = error.to_string();
    match error {
        DialError::NoAddress | DialError::NotPermitted(_) => Failure::new(
            Code::RelayIdentity,
            failed,
            "ask the IT team to have the relay certified for the address at which it listens",
        ),
        DialError::Unresolved { .. } => Failure::new(
            Code::Offline,
            failed,
            "check the network and its name service; the program tries again by itself",
        ),
        DialError::Unreachable { .. } | DialError::Timeout(_) | DialError::Closed(_) => Failure::new(
            Code::Offline,
            failed,
            "check the network, and with the IT team that the relay runs; the program tries again by itself",
        ),
        DialError::Protocol(_) | DialError::TlsRefused(_) | DialError::NoiseRefused(_) => Failure::new(
            Code::RelayIdentity,
            failed,
            "tell the IT team: the relay's certificate may be out of date, or something stands in between",
        ),
        DialError::WrongTlsKey(_) => Failure::new(
            Code::RelayIdentity,
            failed,
            "tell the security officer; nothing was sent over this connection",
        ),
        DialError::Library => internal("a cryptographic library refuses its parameters"),
    }
}

pub(crate) fn from_link(error: LinkError) -> Failure {
    Failure::new(Code::Offline, format!("the link to the relay ended: {error}"), "the program tries again by itself")
}

pub(crate) fn from_chain(error: ChainError) -> Failure {
    let code = match error {
        ChainError::Expired { .. } | ChainError::GrantExpired { .. } => Code::Expired,
        ChainError::NotYetValid { .. } => Code::Clock,
        ChainError::AlreadyRedeemed | ChainError::GrantReused => Code::AlreadyRedeemed,
        ChainError::Revoked => Code::Revoked,
        ChainError::ClearanceTooLow { .. } => Code::Clearance,
        _ => Code::Refused,
    };
    let advice = match code {
        Code::Expired => "ask the security officer to renew it, or check this machine's clock",
        Code::Clock => "set this machine's clock, then try again",
        Code::Clearance => "choose a lower tier, or leave this person out",
        _ => "tell the security officer",
    };
    Failure::new(code, error.to_string(), advice)
}

/// The relay's clock and this machine's are too far apart for a commit to be believed.
pub(crate) fn clocks_differ(by: std::time::Duration) -> Failure {
    Failure::new(
        Code::Clock,
        format!(
            "this machine's clock and the relay's differ by {} minutes, and others would not believe what is opened now",
            by.as_secs() / 60
        ),
        "set this machine's clock, then try again; if it is right, tell the IT team that the relay's is wrong",
    )
}

/// One's own commit broke the rules.
pub(crate) fn void_commit(reason: &VoidReason) -> Failure {
    let (code, advice) = match reason {
        VoidReason::TimeOff => (Code::Clock, "set this machine's clock, then try again"),
        _ => (Code::Conversation, "try again"),
    };
    Failure::new(code, format!("the change is void for everyone: {reason}"), advice)
}

pub(crate) fn from_conversation(error: ConversationError) -> Failure {
    Failure::new(Code::Conversation, error.to_string(), "tell the security officer; nothing was sent")
}

/// A refusal of the relay.
pub(crate) fn from_refusal(refusal: Refusal) -> Failure {
    let (code, failed, advice) = match refusal {
        Refusal::Version => (Code::Refused, "the relay speaks another version", "update this program, or the relay"),
        Refusal::Identity => {
            (Code::Refused, "the relay does not believe this device's certificate", "tell the security officer")
        }
        Refusal::Expired => (
            Code::Expired,
            "the relay says that a certificate or invitation is outside its time",
            "check this machine's clock; if it is right, ask the security officer to renew",
        ),
        Refusal::AlreadyRedeemed => (
            Code::AlreadyRedeemed,
            "the invitation was used before, by another device",
            "if that was not you, tell the security officer at once; ask for a new invitation",
        ),
        Refusal::Revoked => (
            Code::Revoked,
            "this device is revoked: nothing is sent or fetched any more",
            "see the security officer, who knows why and can give you a new invitation",
        ),
        Refusal::OfficerRevoked => (
            Code::Revoked,
            "the officer who signed the invitation is revoked: it is not redeemed any more",
            "ask another security officer for a new invitation",
        ),
        Refusal::NotAllowed => (Code::Refused, "the relay does not allow this", "you may no longer be a member"),
        Refusal::Unknown => {
            (Code::Gone, "the relay does not have it", "it may have expired; ask the sender to send it again")
        }
        Refusal::Exists => (Code::Refused, "the relay has it already, with other content", TELL_IT),
        Refusal::Full => (
            Code::Quota,
            "the relay has no room for it",
            "wait until others have fetched what is there, or ask the IT team for more room",
        ),
        Refusal::TooFast => (Code::Refused, "the relay asks to slow down", "try again in a minute"),
        Refusal::Malformed => (Code::Refused, "the relay does not understand this program", TELL_IT),
        Refusal::Failed => {
            (Code::Offline, "the relay has failed", "nothing is lost; the program tries again by itself")
        }
        Refusal::ShuttingDown => (Code::Offline, "the relay is shutting down", "the program tries again by itself"),
        Refusal::Displaced => (
            Code::InUse,
            "this device connected from somewhere else",
            "a profile must not be copied: if nobody else uses it, tell the security officer",
        ),
        Refusal::NotApproved => (
            Code::NotApproved,
            "this device waits for another device of yours to approve it",
            "there run `amanat device approve CODE`, with the code that `amanat device list` shows here",
        ),
        Refusal::Settling => (
            Code::Refused,
            "the relay was restored and waits for what it has lost",
            "try again in ten minutes; what is queued goes out by itself",
        ),
        Refusal::OldStatement => (Code::Refused, "the relay has a newer statement", "nothing needs to be done"),
    };
    Failure::new(code, failed, advice)
}
