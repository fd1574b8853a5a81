//! Links (protocol-spec/04-link): TLS and Noise over TCP, between a device and its relay.
//!
//! A device calls [`dial`], a relay binds a [`Server`]; both get a [`Link`], whose two halves send and receive whole
//! messages of up to 1 MiB and 64 KiB. [`tls`] says what TLS may negotiate and pins the relay's key; [`address`] says
//! which addresses may be used at all; [`backoff`] spaces attempts; [`network`] is TCP, or what a simulation has in its
//! place. This is the only crate that names rustls.
//!
//! Absent: requests, answers and keep-alive (sessions do those), plain-text connections, certificate authorities,
//! tickets and early data, any fallback to less.

pub mod address;
pub mod backoff;
pub mod dial;
mod greet;
pub mod link;
pub mod network;
pub mod server;
mod socket;
pub mod tls;

pub use dial::{DialError, RelayTarget, dial, dial_over};
pub use link::{Link, LinkError, LinkFacts, LinkReceiver, LinkSender, ProtocolFault};
pub use network::Network;
pub use server::{AcceptError, Incoming, Server};
pub use tls::{RelayTlsKey, RelayTlsKeyError};
