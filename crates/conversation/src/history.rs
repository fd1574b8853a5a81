//! History (protocol-spec/05-conversation, section 8): what a member can tell about the log that the relay shows it.
//!
//! [`SenderTrack`] follows one sender's counters and hashes: what was dropped, repeated or changed. [`LogTrack`] follows
//! the running hash over all entries and compares it with what other members say inside their ciphertexts: whether they
//! were shown the same log.

mod log;
mod sender;

pub use log::{Claim, LogTrack, MAX_POSITION, NotNext, RING};
pub use sender::{Order, SenderTrack};
