//! The relay over loopback, with scripted wire clients (protocol-spec/07-delivery).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    missing_docs,
    reason = "tests"
)]

mod appending;
mod backups;
mod devices;
mod documents;
mod enrolling;
mod harness;
mod limits;
mod links;
mod reading;
mod restoring;
mod revoking;
mod stopping;
