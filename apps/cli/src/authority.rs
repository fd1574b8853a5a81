//! An authority's side (protocol-spec/03-identity, sections 5, 6, 8 and 11): what officers and the holder of the root
//! key do, in the folder that `authority init` makes.
//!
//! Each file here is one act: [`init`], [`certify`], [`invite`], [`attest`], [`revoke`]; [`folder`] knows where things lie and
//! [`keys`] how secret ones are kept. Commands and the demonstration call the same functions.

pub(crate) mod attest;
pub(crate) mod cards;
pub(crate) mod certify;
mod continuation;
pub(crate) mod cosign;
pub(crate) mod folder;
pub(crate) mod init;
pub(crate) mod invite;
pub(crate) mod keys;
mod lapsed;
pub(crate) mod publish;
pub(crate) mod renew;
pub(crate) mod revoke;
#[cfg(test)]
mod tests;

use amanat_identity::{ChainError, IssueError, NotText, armour::ArmourError};

use crate::problem::Problem;

/// A text of the command line that breaks its rule. `option` names where it was given.
pub(crate) fn not_text(option: &str, error: NotText) -> Problem {
    Problem::usage(format!("{option} is not a {}.", error.what), format!("Use {}.", error.rule))
}

/// A file handed over that is not what it should be.
pub(crate) fn armour(path: &std::path::Path, error: ArmourError) -> Problem {
    Problem::new(
        "damaged",
        format!("{} cannot be used: {error}.", path.display()),
        "Check that it is the file you mean, and ask for it again if it was damaged on its way.",
    )
}

/// Statements that are not believed. `subject` begins the sentence.
pub(crate) fn chain(subject: &str, error: ChainError) -> Problem {
    let (code, advice) = match error {
        ChainError::Expired { .. } => ("expired", "Renew it: the one who issued it signs a new one."),
        ChainError::NotYetValid { .. } => ("clock", "Set this machine's clock, then run the command again."),
        ChainError::GrantExpired { .. } => ("expired", "Ask the security officer for a new invitation."),
        ChainError::OtherAuthority { .. } | ChainError::WrongIssuer { .. } => {
            ("certificate", "Check that the files belong to the same authority.")
        }
        ChainError::BadSignature { .. } | ChainError::Malformed { .. } | ChainError::NotPossessed => {
            ("certificate", "Ask for it again, from the one who made it and in person: it was altered on its way.")
        }
        ChainError::NotEmpowered { .. } => {
            ("certificate", "Use the folder of an officer whose certificate has that power.")
        }
        ChainError::NeedsNewer { .. } => ("certificate", "Install a newer version of amanat."),
        _ => ("certificate", "Tell your security officer what this message says."),
    };
    Problem::new(code, format!("{subject}: {error}."), advice)
}

/// What is not issued.
pub(crate) fn issue(subject: &str, error: IssueError) -> Problem {
    let advice = match error {
        IssueError::Chain(error) => return chain(subject, error),
        IssueError::BadCard => "Ask for the card again, in person; make a new one if need be.",
        IssueError::OtherDomain => "Run amanat-relay init with this authority's domain.",
        IssueError::OtherKeys => "Check --authority and --root: the keys belong to another authority or officer.",
        IssueError::NoAddress => "Run amanat-relay init again, with --listen ADDR.",
        IssueError::NoRelay => "Certify one: amanat relay certify DIR/relay.card --authority A --out DIR/relay.cert.",
        IssueError::TooLong(_) => "Shorten the names.",
        IssueError::Code(_) => "Close other programs: 256 MiB are needed for a moment.",
        IssueError::SignedAlready => "Another officer must sign it.",
        IssueError::TooLasting => "Choose a shorter time.",
    };
    Problem::new("certificate", format!("{subject}: {error}."), advice)
}
