//! A file for the IT team: versions, counts and how the link is; no names, no titles, no content.

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write as _},
    path::Path,
};

use amanat_client::{Failure, FailureCode, api::Overview};

/// What is counted beside the engine's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Alarms of conversations that the vault keeps.
    pub alarms: usize,
    /// Notices that it keeps.
    pub notices: usize,
    /// Own devices.
    pub devices: usize,
}

/// The file's text.
#[must_use]
pub fn text(own: &Overview, counts: Counts) -> String {
    let mut lines = vec![
        format!("amanat-desktop {}", env!("CARGO_PKG_VERSION")),
        format!("system {} {}", std::env::consts::OS, std::env::consts::ARCH),
        format!("suite {}", own.suite),
        format!("device {}", own.device),
        format!("certificate-until-ms {}", own.valid_until.as_millis()),
    ];
    match &own.link {
        Some(link) => {
            lines.push("link up".to_owned());
            lines.push(format!("relay {}", link.address));
            lines.push(format!("tls {}", link.tls));
            lines.push(format!("key-exchange {}", link.key_exchange));
            lines.push(format!("cipher {}", link.cipher));
            lines.push(format!("noise {}", link.noise));
        }
        None => lines.push("link down".to_owned()),
    }
    if let Some(status) = &own.status {
        lines.push(format!("status {} expired {}", status.number, status.expired));
    }
    lines.push(format!("conversations {}", own.conversations));
    lines.push(format!("queued {}", own.queued));
    lines.push(format!("unread {}", own.unread));
    lines.push(format!("devices {}", counts.devices));
    lines.push(format!("alarms {}", counts.alarms));
    lines.push(format!("notices {}", counts.notices));
    lines.push(String::new());
    lines.join("\n")
}

/// Writes it to a file that does not exist yet.
///
/// # Errors
/// The file exists, or cannot be written.
pub fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure::new(FailureCode::File, "there is a file of this name already", "choose another name")
        }
        ErrorKind::StorageFull => Failure::new(FailureCode::DiskFull, "the disk is full", "free some space"),
        _ => Failure::new(FailureCode::File, "the file cannot be written", "check its folder and permissions"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn it_names_nobody_and_overwrites_nothing() {
        let own = fake::overview().unwrap();
        let text = text(&own, Counts { alarms: 1, ..Counts::default() });
        for secret in [own.name.as_str(), own.post.as_str(), own.address.handle.as_str(), own.authority.as_str()] {
            assert!(!text.contains(secret), "{secret}");
        }
        assert!(text.contains("alarms 1") && text.contains(own.suite));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.txt");
        write(&path, &text).unwrap();
        assert!(write(&path, "other").is_err());
        assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    }
}
