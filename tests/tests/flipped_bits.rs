//! One flipped bit, at a random place of every kind of file that a relay or a client keeps (protocol-spec/07-delivery,
//! sections 10 and 12; 06-document, section 6): it is found, or it makes no difference. Nothing that was acknowledged reads
//! otherwise, and nothing panics.
//!
//! 20 flips a kind of file by default, 1,000 with `AMANAT_LONG=1`. A failure prints its seed: `AMANAT_SEED=N` flips the same
//! places again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test's own functions count as tests"
)]

#[path = "flipped_bits/bits.rs"]
mod bits;
#[path = "flipped_bits/client.rs"]
mod client;
#[path = "flipped_bits/part.rs"]
mod part;
#[path = "flipped_bits/relay.rs"]
mod relay;
