//! The real binary, run as a user or a script runs it (protocol-spec/json-output.md): what it prints, how it exits, what
//! it leaves on the disk. No terminal stands behind any of these runs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a run that does not print what it should is a failed test"
)]

#[path = "program/amanat.rs"]
mod amanat;
#[path = "program/authority.rs"]
mod authority;
#[path = "program/bench.rs"]
mod bench;
#[path = "program/office.rs"]
mod office;
#[path = "program/policy.rs"]
mod policy;
#[path = "program/usage.rs"]
mod usage;
