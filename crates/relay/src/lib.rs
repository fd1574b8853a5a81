//! Relay (protocol-spec/07-delivery): accepts, orders, keeps and delivers what it cannot read.
//!
//! [`Relay::start`] runs one within a process; `amanat-relay` is that and a command line. A link begins in `connection`
//! (one small task that reads, one that writes), is judged by the pure `session`, greeted by `greeting`, and served
//! by `requests`; what becomes durable goes through `push` to the `outbox` of every link that may have it. Who is
//! connected stands in `live`; who may begin, and how fast, in `admission` and `rate`.
//!
//! Invariants: an answer or push happens only after the batch that it rests on is on disk; nothing is sent on a link,
//! and none displaced, before its hello has verified; every queue has a bound; an idle link holds no buffer; the relay
//! believes no statement because of who brought it.
//!
//! In a simulation (`Relay::start_in_memory`, compiled for tests alone) links come over pipes, and time is virtual: so rates
//! and pauses are counted with tokio's `Instant`.
//!
//! Absent: any key that could read, mint or alter; names, addresses and ids in the log above `debug`.

mod admission;
mod again;
pub mod backup;
mod board;
pub mod check;
mod clock;
pub mod config;
mod connection;
pub mod control;
mod devices;
mod directory;
pub mod folder;
mod greeting;
mod hello;
mod live;
mod outbox;
mod phase;
mod push;
mod rate;
mod requests;
mod service;
mod session;
mod settling;
mod shared;
mod stats;
mod storage;
mod translate;

pub use amanat_store::process;
pub use clock::{Clock, Steady};
pub use config::Config;
pub use service::{Relay, Running, StartError};
pub use stats::Stats;
