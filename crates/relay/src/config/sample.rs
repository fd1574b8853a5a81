//! The commented `relay.toml` (protocol-spec/07-delivery, section 9) that `amanat-relay init` writes.

use std::{fmt::Write as _, net::SocketAddr};

use amanat_identity::{Domain, RelayAddress};

/// A commented configuration with every key. `advertise` is written as given, or left to follow `listen` where empty.
#[must_use]
pub fn sample(domain: &Domain, listen: &[SocketAddr], advertise: &[RelayAddress]) -> String {
    let listen = list(listen.iter().map(ToString::to_string));
    let advertise = if advertise.is_empty() {
        format!("# advertise = {listen}")
    } else {
        format!("advertise = {}", list(advertise.iter().map(ToString::to_string)))
    };
    HEAD.replace("@DOMAIN@", &domain.to_string()).replace("@LISTEN@", &listen).replace("@ADVERTISE@", &advertise)
}

fn list(items: impl Iterator<Item = String>) -> String {
    let mut text = String::from("[");
    for (i, item) in items.enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}\"{item}\"", if i == 0 { "" } else { ", " });
    }
    text.push(']');
    text
}

const HEAD: &str = r#"# Amanat relay. `amanat-relay check --dir DIR` says whether this file and everything beside it is in order.
# A line that begins with # is off; where a key stands behind it, the value shown is the default.
# Changes take effect at the next start.

# The authority's domain that this relay serves. It stands in the relay's certificate: after a change, certify again.
domain = "@DOMAIN@"

# Addresses to listen on. Only loopback, private (10/8, 172.16/12, 192.168/16, fc00::/7) and link-local addresses are
# bound, unless the authority certified this relay with --allow-public.
listen = @LISTEN@

# Addresses that clients dial, if they differ from `listen` (behind a translating router, or a name on the private
# network). They stand in relay.card: after a change, run `amanat-relay init --dir DIR` again, which keeps the keys and
# writes a new card, and have it certified.
@ADVERTISE@

# Folder of the store, relative to this file's folder. The disk under it decides how fast messages are accepted.
# data = "data"

# Figures for monitoring, written every ten seconds in Prometheus' text format.
# status_file = "status.prom"

[limits]
# Devices connected at once.
# connections = 20000
# Connections that have not yet shown who they are: in all, and from one address (IPv6: one /64 network). When full,
# the oldest one makes way.
# half_open = 1024
# half_open_per_address = 256
# New connections a second from one address.
# handshakes_per_second = 500
# Requests a second of one device. More are refused with "too fast", after which clients wait.
# requests_per_second = 2000
# MiB a second received from one device. More is not refused but read more slowly.
# mib_per_second = 512
# KeyPackages that one device may claim in a minute: how many people it can add to conversations.
# claims_per_minute = 200
# Conversations that one device may found in an hour, and devices that it may add to conversations.
# conversations_per_hour = 500
# additions_per_hour = 5000

[quotas]
# MiB of messages kept in one conversation.
# conversation_mib = 2048
# GiB of documents kept: of one device, and in all.
# device_documents_gib = 100
# documents_gib = 1024
# MiB that stay free on the disk. Below it the relay accepts nothing new, and goes on serving what it has.
# free_disk_mib = 1024

[log]
# "error", "warn", "info", "debug" or "trace". Ids of devices and conversations appear from "debug" on; the text of a
# message or a key never.
# level = "info"
# "text" with the time, or "journal" without it (the system's journal adds its own).
# format = "text"
"#;
