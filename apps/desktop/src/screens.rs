//! Screens, one file each; what belongs to one alone stands in a folder of its name.

use amanat_primitives::Timestamp;
use amanat_ui::look::Look;

use crate::words::Words;

pub mod conversation;
pub mod document_card;
pub mod documents;
pub mod files;
pub mod filter;
pub mod frame;
pub mod inbox;
pub mod new_conversation;
pub mod over;
pub mod person;
pub mod picker;
pub mod readers;
pub mod search;
pub mod security;
pub mod settings;
pub mod shell;
pub mod switcher;
pub mod unlock;
pub mod warnings;
pub mod welcome;

/// What every view is given.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Tokens and direction.
    pub look: Look,
    /// Strings.
    pub words: &'a Words,
    /// The time, for days and hours.
    pub now: Timestamp,
}
