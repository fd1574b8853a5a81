//! A disk that fails, or a process that ends, at any commit of a client's vault (protocol-spec/07-delivery, section 12):
//! whatever was being done, nothing is torn. After each fault the profile is opened anew, what failed is done again as a
//! person would, and then all must agree: members, messages each way, each once, documents, and nothing left behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

#[path = "torn/documents.rs"]
mod documents;
#[path = "torn/joining.rs"]
mod joining;
#[path = "torn/members.rs"]
mod members;
#[path = "torn/messages.rs"]
mod messages;
#[path = "torn/newcomers.rs"]
mod newcomers;
#[path = "torn/world.rs"]
mod world;
