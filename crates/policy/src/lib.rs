//! Policy (protocol-spec/09-policy): what the authority has laid down for each tier, and the leak filter that works by it.
//!
//! Start with [`document`], the policy as it is signed, and [`source`], as an officer writes it. [`filter`] says what a text
//! holds that its conversation is not for: [`fold`] takes the disguise off, [`find`] runs the policy's rules ([`rule`]),
//! [`marking`] and [`table`] look for what no rule can say, and [`verdict`] makes one action of it; [`record`] is what is kept
//! of that. Pure: texts come in as arguments, and nothing that was found goes anywhere.

pub mod check;
pub mod diff;
pub mod document;
pub mod filter;
pub mod find;
pub mod fold;
pub mod marking;
pub mod record;
pub mod rule;
pub mod runs;
pub mod source;
pub mod table;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
pub mod verdict;

pub use document::{Policy, PolicyError, Ready};
pub use find::Finding;
pub use rule::Kind;
pub use source::SourceError;
pub use verdict::{Action, Verdict};
