//! The window that staff work in: screens over the client engine.
//!
//! Start with [`app`], which holds one screen at a time and carries out what it wishes for. A screen ([`screens`]) is a state, a
//! `Message`, an `update` that returns [`wish::Wish`]es and a `view` that lays out what is computed already; it never
//! touches its parent, the engine or the system. [`backend`] is the engine behind a trait, with [`fake`] beside it; [`words`]
//! has every string in every language, and `amanat-ui` everything that is drawn.

pub mod app;
pub mod backend;
pub mod bench;
pub mod demo;
pub mod diagnostic;
pub mod fake;
pub mod language;
pub mod screens;
pub mod settings;
pub mod strength;
pub mod system;
pub mod thumbnail;
pub mod turn;
pub mod wish;
pub mod words;
