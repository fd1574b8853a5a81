//! Officers' and auditors' own keys, and the cards by which they ask to be certified (protocol-spec/03-identity,
//! section 5).

use std::path::{Path, PathBuf};

use amanat_identity::{AuditorKeys, OfficerKeys, PersonName, armour::FileKind};
use rand_core::OsRng;
use zeroize::Zeroizing;

use super::{folder::armoured, keys};
use crate::{
    args::Role,
    files::{self, Mode},
    problem::Outcome,
};

impl Role {
    /// As `--json` and sentences name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Officer => "officer",
            Self::Auditor => "auditor",
        }
    }
}

/// Makes `out/keys` and `out/card`, and says where the card is.
pub(crate) fn init(role: Role, out: &Path, name: PersonName, passphrase: &str) -> Outcome<PathBuf> {
    let (keys_path, card_path) = (out.join("keys"), out.join("card"));
    files::must_be_new(&keys_path)?;
    files::must_be_new(&card_path)?;
    let (secret, card): (Zeroizing<Vec<u8>>, Zeroizing<String>) = match role {
        Role::Officer => {
            let keys = OfficerKeys::create(&mut OsRng);
            (keys.to_secret_bytes(), armoured(FileKind::OfficerCard, &keys.card(name))?)
        }
        Role::Auditor => {
            let keys = AuditorKeys::create(&mut OsRng);
            (keys.to_secret_bytes(), armoured(FileKind::AuditorCard, &keys.card(name))?)
        }
    };
    files::folder(out)?;
    keys::save(&keys_path, &secret, passphrase)?;
    files::create(&card_path, card.as_bytes(), Mode::Public)?;
    Ok(card_path)
}
