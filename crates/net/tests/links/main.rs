//! Links over loopback, and everything that must not become one (protocol-spec/04-link).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod addresses;
mod handshakes;
mod hostile;
mod outer;
mod talk;
mod world;
