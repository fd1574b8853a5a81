//! Configuration (protocol-spec/07-delivery, section 9): `relay.toml`, read strictly and validated whole.
//!
//! A key that is not known, missing or out of range is an error that names the file, the line and the key, and says
//! what to try. [`sample`] is the commented file that `amanat-relay init` writes and `deploy/relay.toml` repeats.

mod sample;

use std::{
    fmt, fs, io,
    net::SocketAddr,
    ops::Range,
    path::{Path, PathBuf},
};

use amanat_identity::{Domain, RelayAddress};
use serde::Deserialize;
use toml::Spanned;

pub use sample::sample;

/// Name of the configuration within a relay's folder.
pub const FILE: &str = "relay.toml";
/// No configuration is longer.
const MAX_BYTES: u64 = 64 * 1024;

/// A validated configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The authority's domain that this relay serves.
    pub domain: Domain,
    /// Addresses to listen on; port 0 takes any free one.
    pub listen: Vec<SocketAddr>,
    /// Where clients reach the relay; goes into its card. The `listen` addresses where left out.
    pub advertise: Vec<RelayAddress>,
    /// Folder of the store; relative to the relay's folder.
    pub data: PathBuf,
    /// Where to write figures every ten seconds, if anywhere; relative to the relay's folder.
    pub status_file: Option<PathBuf>,
    /// Bounds on links and rates.
    pub limits: Limits,
    /// Bounds on what is kept.
    pub quotas: Quotas,
    /// What is logged.
    pub log: Log,
}

/// Bounds on links and rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Links with a verified other side.
    pub connections: u32,
    /// Links whose other side is not verified yet.
    pub half_open: u32,
    /// The same, of one address (IPv6: one /64).
    pub half_open_per_address: u32,
    /// Handshakes a second of one address.
    pub handshakes_per_second: u32,
    /// Requests a second of one device; four seconds' worth may come at once.
    pub requests_per_second: u32,
    /// MiB a second received from one device; more is read more slowly.
    pub mib_per_second: u32,
    /// KeyPackages that one device may claim in a minute; ten minutes' worth may be claimed at once.
    pub claims_per_minute: u32,
    /// Conversations that one device may found in an hour, also at once.
    pub conversations_per_hour: u32,
    /// Devices that one device may add to conversations in an hour, also at once.
    pub additions_per_hour: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            half_open: 1024,
            half_open_per_address: 256,
            handshakes_per_second: 500,
            requests_per_second: 2000,
            mib_per_second: 512,
            claims_per_minute: 200,
            conversations_per_hour: 500,
            additions_per_hour: 5000,
        }
    }
}

/// Bounds on what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// MiB of entries kept in one conversation's log.
    pub conversation_mib: u32,
    /// GiB of documents that one device uploaded and that are still kept.
    pub device_documents_gib: u32,
    /// GiB of documents in all.
    pub documents_gib: u32,
    /// MiB that must stay free on the disk; below it nothing new is accepted.
    pub free_disk_mib: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { conversation_mib: 2048, device_documents_gib: 100, documents_gib: 1024, free_disk_mib: 1024 }
    }
}

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// From which severity on.
    pub level: Level,
    /// In which form.
    pub format: Format,
}

/// Severity of log lines. Names, addresses and ids stand in `debug` and `trace` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The relay's own faults.
    Error,
    /// And what is unusual.
    Warn,
    /// And changes of state.
    #[default]
    Info,
    /// And decisions, with ids.
    Debug,
    /// And every frame.
    Trace,
}

impl Level {
    /// The level's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// With the time, coloured on a terminal.
    #[default]
    Text,
    /// Without time and colour: the journal adds its own.
    Journal,
}

/// Why a configuration is not used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is longer than any configuration.
    #[error("{} is longer than {MAX_BYTES} bytes", path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
    },
    /// It is not TOML, or a key is unknown, missing or of the wrong type.
    #[error("{}, line {line}: {}", path.display(), error.message())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        error: Box<toml::de::Error>,
    },
    /// A value is out of its range.
    #[error("{}, line {line}: `{key}` {problem}", path.display())]
    Value {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// What is wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Not a domain.
    Domain,
    /// A list without items.
    Empty,
    /// More items than the limit.
    TooMany(usize),
    /// Not `host:port`.
    HostPort,
    /// An address that stands for all of a machine's addresses.
    Unspecified,
    /// Has an item that clients could not dial.
    NotDialled,
    /// Below the least value that works.
    Below(u32),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain => f.write_str("is not a domain such as \"interior.example\""),
            Self::Empty => f.write_str("is empty"),
            Self::TooMany(limit) => write!(f, "has more than {limit} items"),
            Self::HostPort => f.write_str("has an item that is not \"address:port\""),
            Self::Unspecified => f.write_str("names every address of the machine instead of a private one"),
            Self::NotDialled => f.write_str("has an item that clients could not dial"),
            Self::Below(least) => write!(f, "is below {least}"),
        }
    }
}

impl ConfigError {
    /// What to try.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "make the folder with `amanat-relay init`, or name it with --dir"
            }
            Self::Read { .. } => "run as the relay's user, or give it the right to read the file",
            Self::TooLong { .. } | Self::Syntax { .. } => {
                "compare the file with a fresh one: `amanat-relay init --dir /tmp/fresh ...` writes every key with its meaning"
            }
            Self::Value { problem, .. } => match problem {
                Problem::Domain => "write the domain that was given to `amanat authority init`",
                Problem::Empty => "name at least one address, such as \"10.0.0.5:7461\"",
                Problem::TooMany(_) => "remove some items",
                Problem::HostPort => "write an address and a port, such as \"10.0.0.5:7461\" or \"[fd00::5]:7461\"",
                Problem::Unspecified => "name the private address itself, such as \"10.0.0.5:7461\"",
                Problem::NotDialled => {
                    "set `advertise` to what clients dial: a lower-case name or an address, and a port above 0, such as \"10.0.0.5:7461\""
                }
                Problem::Below(_) => "raise it, or delete the line for the default",
            },
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    domain: Spanned<String>,
    listen: Spanned<Vec<String>>,
    advertise: Option<Spanned<Vec<String>>>,
    #[serde(default = "default_data")]
    data: PathBuf,
    status_file: Option<PathBuf>,
    limits: Option<Spanned<Limits>>,
    quotas: Option<Spanned<Quotas>>,
    #[serde(default)]
    log: Log,
}

fn default_data() -> PathBuf {
    PathBuf::from("data")
}

/// Addresses in one list.
pub const ADDRESSES: usize = 8;

impl Config {
    /// For a relay at `listen`, everything else by default.
    #[must_use]
    pub fn new(domain: Domain, listen: Vec<SocketAddr>) -> Self {
        let advertise = listen.iter().filter_map(|address| address.to_string().parse().ok()).collect();
        Self {
            domain,
            listen,
            advertise,
            data: default_data(),
            status_file: None,
            limits: Limits::default(),
            quotas: Quotas::default(),
            log: Log::default(),
        }
    }

    /// Reads [`FILE`] in the relay's folder.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(dir: &Path) -> Result<Self, ConfigError> {
        let path = dir.join(FILE);
        let read = |source| ConfigError::Read { path: path.clone(), source };
        if fs::metadata(&path).map_err(read)?.len() > MAX_BYTES {
            return Err(ConfigError::TooLong { path });
        }
        let text = fs::read_to_string(&path).map_err(read)?;
        Self::parse(&text, &path)
    }

    /// Reads the text of the file at `path`.
    ///
    /// # Errors
    /// [`ConfigError`], except `Read`.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            // An error without a place is about the file as a whole: something is missing.
            line: line_of(text, error.span().map_or(text.len(), |span| span.start)),
            error: Box::new(error),
        })?;
        let value = |key: &'static str, span: Range<usize>, problem| ConfigError::Value {
            path: path.to_owned(),
            line: line_of(text, span.start),
            key,
            problem,
        };
        let domain: Domain =
            file.domain.get_ref().parse().map_err(|_| value("domain", file.domain.span(), Problem::Domain))?;
        let listen = addresses(file.listen.get_ref()).map_err(|p| value("listen", file.listen.span(), p))?;
        let (advertise, span) = match file.advertise {
            Some(list) => (list.get_ref().clone(), list.span()),
            None => (listen.iter().map(ToString::to_string).collect(), file.listen.span()),
        };
        let advertise = hosts(&advertise).map_err(|p| value("advertise", span, p))?;
        if let Some(limits) = &file.limits {
            let l = limits.get_ref();
            let least = [
                ("limits.connections", l.connections, 1),
                ("limits.half_open", l.half_open, 16),
                ("limits.half_open_per_address", l.half_open_per_address, 8),
                ("limits.handshakes_per_second", l.handshakes_per_second, 1),
                ("limits.requests_per_second", l.requests_per_second, 5),
                ("limits.mib_per_second", l.mib_per_second, 1),
                ("limits.claims_per_minute", l.claims_per_minute, 10),
                ("limits.conversations_per_hour", l.conversations_per_hour, 10),
                ("limits.additions_per_hour", l.additions_per_hour, 50),
            ];
            check_least(&least).map_err(|(key, p)| value(key, key_span(text, key, limits.span()), p))?;
        }
        if let Some(quotas) = &file.quotas {
            let q = quotas.get_ref();
            let least = [
                ("quotas.conversation_mib", q.conversation_mib, 8),
                ("quotas.device_documents_gib", q.device_documents_gib, 1),
                ("quotas.documents_gib", q.documents_gib, 1),
                ("quotas.free_disk_mib", q.free_disk_mib, 64),
            ];
            check_least(&least).map_err(|(key, p)| value(key, key_span(text, key, quotas.span()), p))?;
        }
        Ok(Self {
            domain,
            listen,
            advertise,
            data: file.data,
            status_file: file.status_file,
            limits: file.limits.map(Spanned::into_inner).unwrap_or_default(),
            quotas: file.quotas.map(Spanned::into_inner).unwrap_or_default(),
            log: file.log,
        })
    }
}

fn check_least(values: &[(&'static str, u32, u32)]) -> Result<(), (&'static str, Problem)> {
    match values.iter().find(|(_, value, least)| value < least) {
        Some((key, _, least)) => Err((key, Problem::Below(*least))),
        None => Ok(()),
    }
}

fn addresses(list: &[String]) -> Result<Vec<SocketAddr>, Problem> {
    if list.is_empty() {
        return Err(Problem::Empty);
    }
    if list.len() > ADDRESSES {
        return Err(Problem::TooMany(ADDRESSES));
    }
    list.iter()
        .map(|text| {
            let address: SocketAddr = text.parse().map_err(|_| Problem::HostPort)?;
            if address.ip().is_unspecified() { Err(Problem::Unspecified) } else { Ok(address) }
        })
        .collect()
}

/// Parses addresses that are to be advertised.
fn hosts(list: &[String]) -> Result<Vec<RelayAddress>, Problem> {
    if list.is_empty() {
        return Err(Problem::Empty);
    }
    if list.len() > ADDRESSES {
        return Err(Problem::TooMany(ADDRESSES));
    }
    list.iter().map(|text| text.parse().map_err(|_| Problem::NotDialled)).collect()
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count().saturating_add(1)
}

/// Where `table.key` stands, or else its table.
fn key_span(text: &str, key: &str, table: Range<usize>) -> Range<usize> {
    let name = key.rsplit('.').next().unwrap_or(key);
    let mut at = 0usize;
    for line in text.split_inclusive('\n') {
        let begins = line.trim_start().strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='));
        if begins && at >= table.start {
            return at..at.saturating_add(line.len());
        }
        at = at.saturating_add(line.len());
    }
    table
}

#[cfg(test)]
mod tests;
