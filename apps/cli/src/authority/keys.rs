//! Secret keys in files (protocol-spec/03-identity, section 11): armour around a passphrase box.

use std::path::Path;

use amanat_identity::{
    AuthorityKeys, KeyBytesError, OfficerKeys,
    armour::{self, FileKind},
};
use amanat_primitives::{
    Label,
    passphrase::{self, UnlockError, WorkPolicy},
};
use rand_core::OsRng;
use zeroize::Zeroizing;

use crate::{
    files::{self, Mode},
    problem::{Outcome, Problem},
};

/// More than any key file has.
const LIMIT: u64 = 64 * 1024;

/// Writes secret key bytes to a new file, closed with the passphrase. Takes about half a second.
pub(crate) fn save(path: &Path, secret: &[u8], passphrase: &str) -> Outcome {
    files::must_be_new(path)?;
    let sealed = passphrase::lock(Label::KEY_FILE, passphrase.as_bytes(), &WorkPolicy::STANDARD, secret, &mut OsRng)
        .map_err(|error| locked(path, error))?;
    let text = armour::write(FileKind::ProtectedKey, &sealed).map_err(|error| super::armour(path, error))?;
    files::create(path, text.as_bytes(), Mode::Secret)
}

/// The root key.
pub(crate) fn root(path: &Path, passphrase: &str) -> Outcome<AuthorityKeys> {
    let secret = open(path, passphrase)?;
    AuthorityKeys::from_secret_bytes(&secret).map_err(|error| wrong_keys(path, error, "an authority's root key"))
}

/// An officer's keys.
pub(crate) fn officer(path: &Path, passphrase: &str) -> Outcome<OfficerKeys> {
    let secret = open(path, passphrase)?;
    OfficerKeys::from_secret_bytes(&secret).map_err(|error| wrong_keys(path, error, "an officer's keys"))
}

/// The content of a key file. Takes about half a second.
pub(crate) fn open(path: &Path, passphrase: &str) -> Outcome<Zeroizing<Vec<u8>>> {
    let text = Zeroizing::new(files::read(path, LIMIT, "the key file")?);
    let sealed = armour::read(FileKind::ProtectedKey, &text).map_err(|error| super::armour(path, error))?;
    passphrase::unlock(Label::KEY_FILE, passphrase.as_bytes(), &WorkPolicy::STANDARD, &sealed)
        .map_err(|error| locked(path, error))
}

fn locked(path: &Path, error: UnlockError) -> Problem {
    let advice = match error {
        UnlockError::WrongPassphrase => "Try again; nobody can open it without its passphrase.",
        UnlockError::Damaged | UnlockError::Work => "Use your copy of it: this file was altered, or is another one.",
        UnlockError::Memory => "Close other programs: 256 MiB are needed for a moment.",
    };
    let code = if error == UnlockError::WrongPassphrase { "passphrase" } else { "damaged" };
    Problem::new(code, format!("{} does not open: {error}.", path.display()), advice)
}

fn wrong_keys(path: &Path, error: KeyBytesError, expected: &str) -> Problem {
    Problem::new(
        "damaged",
        format!("{} does not hold {expected}: {error}.", path.display()),
        "Check that it is the file you mean.",
    )
}
