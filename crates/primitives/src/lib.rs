//! Primitives (protocol-spec/01-primitives): every key, id, hash and cipher of the project as a newtype.
//!
//! Start here: [`hash`] and [`sign`] show the one way in which a hash or signature is separated by its purpose
//! ([`Label`]); [`aead`] seals what is at rest; [`passphrase`] protects key files; [`ids`] names things. This is the
//! only crate that names the libraries behind it, so that what is used, and how, can be read in one place. Nothing
//! here opens a file, reads a clock or makes its own randomness: all of that comes in as arguments.

pub mod aead;
pub mod agree;
mod fixed;
pub mod hash;
pub mod ids;
pub mod kdf;
pub mod label;
pub mod passphrase;
pub mod sealing;
pub mod secret;
pub mod sign;
pub mod time;

pub use fixed::ParseIdError;
pub use hash::Digest;
pub use ids::{ConversationId, DeviceId, DocumentId, Incarnation, MessageId, MessageSeed, StatementId, UnitId};
pub use label::Label;
pub use rand_core::CryptoRngCore;
pub use secret::Secret;
pub use time::Timestamp;
