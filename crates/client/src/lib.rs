//! The client engine (protocol-spec/07-delivery): everything a device does, behind one interface.
//!
//! Start with [`api`], the commands and events that every face uses; [`Engine`] is the handle a face holds, and
//! [`profile`] makes and opens what is on disk. Below these: `engine` owns all state in one task, `vault` and `rows` are
//! what it keeps, `session` is its link, `transfer` moves documents.

pub mod api;
mod engine;
mod failure;
mod fold;
mod history;
mod key_packages;
pub mod profile;
mod random;
pub mod rehearsal;
mod rows;
mod session;
mod show;
#[cfg(feature = "test-util")]
pub mod testing;
mod transfer;
mod vault;

pub use amanat_conversation::SUITE_NAME;
pub use amanat_store::process;
pub use api::{Command, Event, Failure, FailureCode, Reply};
pub use engine::{Clock, Engine, Events, Options};
pub use history::{FILE as HISTORY_FILE, HistoryPassphrase};
pub use random::Random;
