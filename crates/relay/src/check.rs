//! Checking a relay's folder (protocol-spec/07-delivery, section 9): all that would keep it from running, said at once
//! and before it matters. Changes nothing.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use amanat_net::address::permitted;
use amanat_primitives::Timestamp;

use crate::{
    config::Config,
    folder::{self, FolderError},
    service::{CERTIFICATE_SOON, Credentials, StartError, credentials},
};

/// How a thing was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// In order.
    Good,
    /// Works, and should be looked at; with what to try.
    Remark(String),
    /// Would keep the relay from running; with what to try.
    Bad(String),
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was checked.
    pub what: &'static str,
    /// What was found.
    pub found: String,
    /// How it is.
    pub verdict: Verdict,
}

impl Finding {
    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, found: found.into(), verdict: Verdict::Good }
    }

    fn remark(what: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what, found: found.into(), verdict: Verdict::Remark(advice.into()) }
    }

    fn bad(what: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what, found: found.into(), verdict: Verdict::Bad(advice.into()) }
    }

    fn folder(what: &'static str, error: &FolderError) -> Self {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        let cause = if error.to_string().contains(cause.trim_start_matches(": ")) { String::new() } else { cause };
        Self::bad(what, format!("{error}{cause}"), error.advice())
    }
}

/// Checks the folder `dir` at `now`.
#[must_use]
pub fn check(dir: &Path, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let config = match Config::load(dir) {
        Ok(config) => config,
        Err(error) => {
            findings.push(Finding::folder("configuration", &error.into()));
            return findings;
        }
    };
    findings.push(Finding::good("configuration", format!("relay of {}", config.domain)));
    match folder::load_keys(dir) {
        Ok(keys) => findings.push(Finding::good("keys", format!("fingerprint {}", keys.id()))),
        Err(error) => findings.push(Finding::folder("keys", &error)),
    }
    let allow_public = match credentials(&config, dir, now) {
        Ok(credentials) => {
            certificate(&config, &credentials, now, &mut findings);
            credentials.relay.allow_public()
        }
        // Said above.
        Err(StartError::Folder(
            FolderError::NoKeys { .. } | FolderError::KeysExposed { .. } | FolderError::Keys { .. },
        )) => false,
        Err(error) => {
            findings.push(Finding::bad("certificate", error.to_string(), error.advice()));
            false
        }
    };
    store(&config, dir, &mut findings);
    for address in &config.listen {
        findings.push(listens(*address, allow_public));
    }
    findings
}

fn certificate(config: &Config, credentials: &Credentials, now: Timestamp, findings: &mut Vec<Finding>) {
    let relay = &credentials.relay;
    let days = relay.valid_until().since(now).as_secs() / 86_400;
    if relay.valid_until() < now.after(CERTIFICATE_SOON) {
        let advice = "have relay.card certified again: amanat relay certify relay.card --authority A --out relay.cert";
        findings.push(Finding::remark("certificate", format!("ends in {days} days"), advice));
    } else {
        findings.push(Finding::good("certificate", format!("valid, for {days} more days")));
    }
    if relay.addresses() != config.advertise.as_slice() {
        let list = |items: &[amanat_identity::RelayAddress]| {
            items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        findings.push(Finding::remark(
            "addresses",
            format!("clients dial {}, and relay.toml says {}", list(relay.addresses()), list(&config.advertise)),
            "run amanat-relay init again for a new card, and have it certified",
        ));
    }
}

fn store(config: &Config, dir: &Path, findings: &mut Vec<Finding>) {
    let data = dir.join(&config.data);
    let place = if data.exists() { data.as_path() } else { dir };
    let writable =
        fs::metadata(place).is_ok_and(|found| found.permissions().mode() & 0o200 != 0) && tempfile_in(place).is_ok();
    if !writable {
        findings.push(Finding::bad(
            "store",
            format!("{} cannot be written to", place.display()),
            "run as the relay's user, or give it the right to write to the folder",
        ));
        return;
    }
    match crate::storage::free_bytes(place) {
        Ok(free) => {
            let (free, floor) = (free >> 20, u64::from(config.quotas.free_disk_mib));
            let found = format!("{free} MiB free");
            findings.push(if free < floor {
                Finding::bad("disk", format!("{found}, and {floor} must stay free"), "free some space, or move `data`")
            } else if free < floor.saturating_mul(4) {
                Finding::remark("disk", found, "free some space before it runs short")
            } else {
                Finding::good("disk", found)
            });
        }
        Err(error) => findings.push(Finding::bad("disk", error.to_string(), "look at the disk under the folder")),
    }
}

/// Writes and removes an empty file.
fn tempfile_in(dir: &Path) -> std::io::Result<()> {
    let path = dir.join(".amanat-check");
    folder::create_new(&path)?;
    fs::remove_file(path)
}

fn listens(address: SocketAddr, allow_public: bool) -> Finding {
    if !allow_public && !permitted(address.ip()) {
        return Finding::bad(
            "address",
            format!("{} is not a private address, and the certificate does not allow a public one", address.ip()),
            "listen on a private address, or have the relay certified with --allow-public",
        );
    }
    match TcpListener::bind(address) {
        Ok(_) => Finding::good("address", format!("{address} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Finding::remark(
            "address",
            format!("something listens on {address} already"),
            "fine if it is this relay; otherwise choose another port in relay.toml",
        ),
        Err(error) => Finding::bad(
            "address",
            format!("{address}: {error}"),
            "write an address of this machine into `listen` (ip address)",
        ),
    }
}
