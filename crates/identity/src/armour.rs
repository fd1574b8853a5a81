//! Armour (protocol-spec/03-identity, section 11): the text form of files that people hand to each other.
//!
//! ```text
//! -----BEGIN AMANAT RELAY CARD-----
//! base64 (RFC 4648, padded), 64 characters a line, the last one shorter or equal
//! -----END AMANAT RELAY CARD-----
//! ```
//! Reading allows CR LF, and blank lines or spaces around the whole; nothing else, so that a file has one content.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use amanat_wire::limits;

use crate::invitation::INVITATION_MAX;

const COLUMNS: usize = 64;

/// What an armoured file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// An [`AuthorityCertificate`](crate::AuthorityCertificate).
    AuthorityCertificate,
    /// An officer certificate, a [`Statement`](crate::Statement).
    OfficerCertificate,
    /// An auditor certificate, a [`Statement`](crate::Statement).
    AuditorCertificate,
    /// A relay certificate beside its authority's, a [`CertifiedRelay`](crate::CertifiedRelay).
    RelayCertificate,
    /// An [`OfficerCard`](crate::OfficerCard).
    OfficerCard,
    /// An [`AuditorCard`](crate::AuditorCard).
    AuditorCard,
    /// A [`RelayCard`](crate::RelayCard).
    RelayCard,
    /// An [`Invitation`](crate::Invitation).
    Invitation,
    /// A [`SignedStatus`](crate::SignedStatus).
    Status,
    /// A [`RevocationEntry`](crate::RevocationEntry).
    Revocation,
    /// A [`Proposal`](crate::Proposal) of a revocation.
    Proposal,
    /// A grant, a [`Statement`](crate::Statement): what an officer's machine keeps of an invitation.
    Grant,
    /// A [`Renewal`](crate::Renewal), as above.
    Renewal,
    /// Secret keys in a passphrase box.
    ProtectedKey,
    /// Secret keys as they are: a relay's.
    Key,
}

impl FileKind {
    /// Every kind.
    pub const ALL: &'static [FileKind] = &[
        Self::AuthorityCertificate,
        Self::OfficerCertificate,
        Self::AuditorCertificate,
        Self::RelayCertificate,
        Self::OfficerCard,
        Self::AuditorCard,
        Self::RelayCard,
        Self::Invitation,
        Self::Status,
        Self::Revocation,
        Self::Proposal,
        Self::Grant,
        Self::Renewal,
        Self::ProtectedKey,
        Self::Key,
    ];

    /// The text between the dashes.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::AuthorityCertificate => "AMANAT AUTHORITY CERTIFICATE",
            Self::OfficerCertificate => "AMANAT OFFICER CERTIFICATE",
            Self::AuditorCertificate => "AMANAT AUDITOR CERTIFICATE",
            Self::RelayCertificate => "AMANAT RELAY CERTIFICATE",
            Self::OfficerCard => "AMANAT OFFICER CARD",
            Self::AuditorCard => "AMANAT AUDITOR CARD",
            Self::RelayCard => "AMANAT RELAY CARD",
            Self::Invitation => "AMANAT INVITATION",
            Self::Status => "AMANAT STATUS STATEMENT",
            Self::Revocation => "AMANAT REVOCATION",
            Self::Proposal => "AMANAT PROPOSED REVOCATION",
            Self::Grant => "AMANAT GRANT",
            Self::Renewal => "AMANAT RENEWAL",
            Self::ProtectedKey => "AMANAT PROTECTED KEY",
            Self::Key => "AMANAT KEY",
        }
    }

    /// The most bytes of content.
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            Self::Invitation => INVITATION_MAX,
            Self::Status | Self::Revocation | Self::Renewal | Self::RelayCertificate => 2 * limits::STATEMENT,
            _ => limits::STATEMENT,
        }
    }
}

/// Why a text is not the armoured file that it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArmourError {
    /// There is no `-----BEGIN AMANAT ...-----` at its start.
    #[error("this is not an Amanat file: it does not begin with -----BEGIN {}-----", expected.label())]
    NotArmour {
        /// What was expected.
        expected: FileKind,
    },
    /// It is an Amanat file of another kind.
    #[error("this file is an {}, and an {} is needed", found.label(), expected.label())]
    OtherKind {
        /// What was expected.
        expected: FileKind,
        /// What it is.
        found: FileKind,
    },
    /// Its last line is missing.
    #[error("the file is cut short: its END line is missing")]
    CutShort,
    /// A line that is not 64 characters of base64, or something before or after.
    #[error("the file is damaged at line {line}")]
    Damaged {
        /// From 1.
        line: usize,
    },
    /// More than its kind allows.
    #[error("the file is larger than {limit} bytes of content")]
    TooLarge {
        /// The limit, in bytes of content.
        limit: usize,
    },
}

/// Armours `content`. `[ID-27]`
///
/// # Errors
/// [`ArmourError::TooLarge`].
pub fn write(kind: FileKind, content: &[u8]) -> Result<Zeroizing<String>, ArmourError> {
    if content.len() > kind.limit() {
        return Err(ArmourError::TooLarge { limit: kind.limit() });
    }
    let label = kind.label();
    // The whole room at once, since the content may be secret.
    let mut text = Zeroizing::new(String::with_capacity(text_limit(kind)));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    for chunk in content.chunks(COLUMNS / 4 * 3) {
        BASE64.encode_append(chunk, &mut text);
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    Ok(text)
}

/// Upper bound of a text of this kind: four characters for three bytes, line ends, first and last line, some blanks.
fn text_limit(kind: FileKind) -> usize {
    let lines = kind.limit() / 48 + 1;
    lines * (COLUMNS + 2) + 512
}

/// The content of an armoured file. `[ID-27]`
///
/// # Errors
/// [`ArmourError`].
pub fn read(kind: FileKind, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, ArmourError> {
    let too_large = ArmourError::TooLarge { limit: kind.limit() };
    if text.len() > text_limit(kind) {
        return Err(too_large);
    }
    let blank_before = text.iter().take_while(|byte| byte.is_ascii_whitespace()).filter(|byte| **byte == b'\n').count();
    let mut lines = text
        .trim_ascii()
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .zip(blank_before + 1..);
    let (first, _) = lines.next().unwrap_or_default();
    match label_of(first, b"-----BEGIN ") {
        Some(found) if found == kind => {}
        Some(found) => return Err(ArmourError::OtherKind { expected: kind, found }),
        None => return Err(ArmourError::NotArmour { expected: kind }),
    }
    let mut content = Zeroizing::new(Vec::with_capacity(kind.limit() + COLUMNS));
    let mut short = None;
    for (text, line) in lines.by_ref() {
        if label_of(text, b"-----END ") == Some(kind) {
            return match lines.next() {
                None if content.len() > kind.limit() => Err(too_large),
                None => Ok(content),
                Some((_, line)) => Err(ArmourError::Damaged { line }),
            };
        }
        // Only the last line may be shorter than the others.
        if short.is_some() || text.is_empty() || text.len() > COLUMNS {
            return Err(ArmourError::Damaged { line: short.unwrap_or(line) });
        }
        short = (text.len() < COLUMNS || text.ends_with(b"=")).then_some(line);
        let bytes = Zeroizing::new(BASE64.decode(text).map_err(|_| ArmourError::Damaged { line })?);
        content.extend_from_slice(&bytes);
    }
    Err(ArmourError::CutShort)
}

fn label_of(line: &[u8], prefix: &[u8]) -> Option<FileKind> {
    let label = line.strip_prefix(prefix)?.strip_suffix(b"-----")?;
    FileKind::ALL.iter().copied().find(|kind| kind.label().as_bytes() == label)
}
