//! The relay's folder (protocol-spec/07-delivery, section 9): configuration, keys, card, certificate and store.
//!
//! ```text
//! relay.toml   the configuration                 relay.card   what the authority certifies
//! relay.key    the secret keys, mode 0600        relay.cert   what comes back: the relay's and the authority's certificate
//! data/        the store
//! ```

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use amanat_identity::{
    CertifiedRelay, Domain, KeyBytesError, KeyId, RelayAddress, RelayKeys,
    armour::{self, ArmourError, FileKind},
};
use amanat_net::{RelayTlsKey, RelayTlsKeyError};
use amanat_primitives::CryptoRngCore;
use amanat_wire::{Decode as _, DecodeError, Encode as _};
use zeroize::Zeroizing;

use crate::config::{self, Config, ConfigError};

/// The secret keys.
pub const KEY_FILE: &str = "relay.key";
/// What the authority certifies.
pub const CARD_FILE: &str = "relay.card";
/// What comes back from it.
pub const CERTIFICATE_FILE: &str = "relay.cert";
/// No file of a relay but its store is longer.
const MAX_BYTES: u64 = 256 * 1024;

/// What is wrong with the folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There are no keys.
    #[error("there are no relay keys in {}", dir.display())]
    NoKeys {
        /// The folder.
        dir: PathBuf,
    },
    /// The keys can be read by other users.
    #[error("{} can be read by other users (mode {mode:04o})", path.display())]
    KeysExposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// There is no certificate yet.
    #[error("this relay is not certified yet: {} is missing", path.display())]
    NotCertified {
        /// Where it should be.
        path: PathBuf,
    },
    /// Not the file that it should be.
    #[error("{}: {source}", path.display())]
    Armour {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ArmourError,
    },
    /// Damaged content.
    #[error("{} is damaged: {source}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: DecodeError,
    },
    /// Damaged keys.
    #[error("{}: {source}", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: KeyBytesError,
    },
    /// A TLS key that is none, or could not be made.
    #[error("the relay's TLS key: {0}")]
    TlsKey(#[from] RelayTlsKeyError),
    /// A new folder needs to be told its domain and address.
    #[error("a new relay needs a domain and an address to listen on")]
    NothingGiven,
    /// The folder is a relay's already, with another configuration.
    #[error("{} exists already and says something else", path.display())]
    OtherConfig {
        /// The configuration.
        path: PathBuf,
    },
    /// No address to put on the card.
    #[error("there is no address that clients could dial")]
    NoAddress,
}

impl FolderError {
    /// What to try.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => "look whether the path is right".into(),
            Self::Read { .. } => "run as the relay's user, or give it the right to read the folder".into(),
            Self::Write { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space on the disk".into(),
                io::ErrorKind::ReadOnlyFilesystem => "the disk is mounted read-only: mount it for writing".into(),
                _ => "run as the relay's user, or give it the right to write to the folder".into(),
            },
            Self::Config(error) => error.advice().into(),
            // New keys would make it another relay, which nobody's device knows.
            Self::NoKeys { dir } if dir.join(CERTIFICATE_FILE).exists() => {
                format!("put {KEY_FILE} back from the copy that was made when the relay was set up: {}", dir.display())
            }
            Self::NoKeys { dir } => {
                format!("make them: amanat-relay init --dir {} --listen ADDRESS:PORT --domain DOMAIN", dir.display())
            }
            Self::KeysExposed { path, .. } => format!("chmod 600 {}", path.display()),
            Self::NotCertified { path } => {
                let dir = path.parent().unwrap_or(Path::new("."));
                format!(
                    "on the authority's machine: amanat relay certify {} --authority A --out {}",
                    dir.join(CARD_FILE).display(),
                    path.display()
                )
            }
            Self::Armour { path, .. } | Self::Content { path, .. } if path.ends_with(CERTIFICATE_FILE) => {
                "copy the file again, as `amanat relay certify` wrote it".into()
            }
            Self::Armour { .. } | Self::Content { .. } | Self::Keys { .. } | Self::TlsKey(_) => {
                "put the key file back from a copy; without one, make a new relay with `amanat-relay init` in an empty folder"
                    .into()
            }
            Self::NothingGiven => "amanat-relay init --dir DIR --listen 10.0.0.5:7461 --domain interior.example".into(),
            Self::OtherConfig { path } => {
                format!("edit {}, then run init again without --listen and --domain for a new card", path.display())
            }
            Self::NoAddress => "set `advertise` in relay.toml to what clients dial".into(),
        }
    }
}

/// What [`init`] has made.
#[derive(Debug)]
pub struct Made {
    /// The card to have certified.
    pub card: PathBuf,
    /// Id of the card's key, to compare with what the authority sees.
    pub fingerprint: KeyId,
    /// The folder was new; otherwise only the card was written anew.
    pub new: bool,
}

/// What a new relay is told.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// Whose relay it will be.
    pub domain: Domain,
    /// Where it listens.
    pub listen: Vec<SocketAddr>,
    /// What clients dial; empty for the same.
    pub advertise: Vec<RelayAddress>,
}

/// Makes a relay's folder: configuration, keys and card. In a folder that has them already it writes the card anew,
/// from the configuration as it is now, and keeps the keys.
///
/// # Errors
/// [`FolderError`]; what was made stays and is used by the next try.
pub fn init(dir: &Path, wishes: Option<Wishes>, rng: &mut dyn CryptoRngCore) -> Result<Made, FolderError> {
    let config_path = dir.join(config::FILE);
    let new = !config_path.exists();
    if new {
        let wishes = wishes.as_ref().ok_or(FolderError::NothingGiven)?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(dir)
            .map_err(|source| FolderError::Write { path: dir.to_owned(), source })?;
        let text = config::sample(&wishes.domain, &wishes.listen, &wishes.advertise);
        // What is written must be what would be accepted.
        Config::parse(&text, &config_path)?;
        write(&config_path, text.as_bytes(), 0o640)?;
    }
    let config = Config::load(dir)?;
    if let Some(wishes) = wishes {
        let advertise = if wishes.advertise.is_empty() { &config.advertise } else { &wishes.advertise };
        if wishes.domain != config.domain || wishes.listen != config.listen || *advertise != config.advertise {
            return Err(FolderError::OtherConfig { path: config_path });
        }
    }
    let key_path = dir.join(KEY_FILE);
    let keys = if key_path.exists() { load_keys(dir)? } else { make_keys(&key_path, rng)? };
    if config.advertise.is_empty() {
        return Err(FolderError::NoAddress);
    }
    let card = keys.card(config.domain, config.advertise).map_err(|_| FolderError::NoAddress)?;
    let path = dir.join(CARD_FILE);
    let text = armour::write(FileKind::RelayCard, &card.to_bytes())
        .map_err(|source| FolderError::Armour { path: path.clone(), source })?;
    write(&path, text.as_bytes(), 0o644)?;
    Ok(Made { card: path, fingerprint: card.fingerprint(), new })
}

fn make_keys(path: &Path, rng: &mut dyn CryptoRngCore) -> Result<RelayKeys, FolderError> {
    let tls = RelayTlsKey::generate()?;
    let keys = RelayKeys::create(rng, tls.to_pkcs8().clone(), tls.digest())
        .map_err(|source| FolderError::Keys { path: path.to_owned(), source })?;
    let text = armour::write(FileKind::Key, &keys.to_secret_bytes())
        .map_err(|source| FolderError::Armour { path: path.to_owned(), source })?;
    write(path, text.as_bytes(), 0o600)?;
    Ok(keys)
}

/// Reads the keys, and refuses them where others can read them too.
///
/// # Errors
/// [`FolderError`].
pub fn load_keys(dir: &Path) -> Result<RelayKeys, FolderError> {
    let path = dir.join(KEY_FILE);
    let mode = match fs::metadata(&path) {
        Ok(metadata) => metadata.permissions().mode() & 0o7777,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(FolderError::NoKeys { dir: dir.to_owned() });
        }
        Err(source) => return Err(FolderError::Read { path, source }),
    };
    if mode & 0o077 != 0 {
        return Err(FolderError::KeysExposed { path, mode });
    }
    let text = read(&path)?;
    let bytes =
        armour::read(FileKind::Key, &text).map_err(|source| FolderError::Armour { path: path.clone(), source })?;
    RelayKeys::from_secret_bytes(&bytes).map_err(|source| FolderError::Keys { path, source })
}

/// The TLS key among the keys.
///
/// # Errors
/// [`FolderError::TlsKey`].
pub fn tls_key(keys: &RelayKeys) -> Result<RelayTlsKey, FolderError> {
    Ok(RelayTlsKey::from_pkcs8(keys.tls_pkcs8())?)
}

/// Reads the certificate, unchecked.
///
/// # Errors
/// [`FolderError`].
pub fn load_certificate(dir: &Path) -> Result<CertifiedRelay, FolderError> {
    let path = dir.join(CERTIFICATE_FILE);
    let text = match read(&path) {
        Err(FolderError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(FolderError::NotCertified { path });
        }
        other => other?,
    };
    let bytes = armour::read(FileKind::RelayCertificate, &text)
        .map_err(|source| FolderError::Armour { path: path.clone(), source })?;
    CertifiedRelay::from_bytes(&bytes).map_err(|source| FolderError::Content { path, source })
}

/// Reads a small file whole.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, FolderError> {
    let failed = |source| FolderError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len().min(MAX_BYTES);
    // The whole room at once: a vector that grows leaves copies of secrets behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(64)));
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Writes a small file so that it is there whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FolderError> {
    let failed = |source| FolderError::Write { path: path.to_owned(), source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    // Left behind by a crash.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(failed)
}

/// Makes a file that is not there, in place of whatever is: the operator must follow no link that the relay's user made.
// [DELIV-195]
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use rand_core::OsRng;

    use super::*;

    fn wishes() -> Wishes {
        Wishes {
            domain: "interior.example".parse().unwrap(),
            listen: vec!["127.0.0.1:7461".parse().unwrap()],
            advertise: Vec::new(),
        }
    }

    #[test]
    fn a_folder_is_made_once_and_keeps_its_keys() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("relay");
        assert!(matches!(init(&dir, None, &mut OsRng), Err(FolderError::NothingGiven)));
        let made = init(&dir, Some(wishes()), &mut OsRng).unwrap();
        assert!(made.new);
        let mode = fs::metadata(dir.join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(load_keys(&dir).unwrap().id(), made.fingerprint);
        for again in [None, Some(wishes())] {
            let again = init(&dir, again, &mut OsRng).unwrap();
            assert!(!again.new && again.fingerprint == made.fingerprint);
        }
        let other = Wishes { domain: "finance.example".parse().unwrap(), ..wishes() };
        assert!(matches!(init(&dir, Some(other), &mut OsRng), Err(FolderError::OtherConfig { .. })));
    }

    #[test]
    fn exposed_missing_and_damaged_keys_are_refused_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        assert!(matches!(load_keys(dir), Err(FolderError::NoKeys { .. })));
        init(dir, Some(wishes()), &mut OsRng).unwrap();
        let path = dir.join(KEY_FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = load_keys(dir).err().unwrap();
        assert!(error.to_string().contains("0640") && error.advice().contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let text = fs::read(&path).unwrap();
        fs::write(&path, &text[..text.len() / 2]).unwrap();
        assert!(matches!(load_keys(dir), Err(FolderError::Armour { .. })));
    }

    #[test]
    fn a_missing_certificate_names_the_command_that_makes_it() {
        let dir = tempfile::tempdir().unwrap();
        let error = load_certificate(dir.path()).err().unwrap();
        assert!(error.advice().contains("amanat relay certify"));
        fs::write(dir.path().join(CERTIFICATE_FILE), "hello").unwrap();
        assert!(matches!(load_certificate(dir.path()), Err(FolderError::Armour { .. })));
    }
}
