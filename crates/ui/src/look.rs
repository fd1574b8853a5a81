//! How everything looks now: handed to every view, cheap to copy.

use crate::{direction::Direction, theme::Tokens};

/// Tokens and direction, as the person has set them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Colours of the theme.
    pub tokens: Tokens,
    /// Of the interface; a text has its own.
    pub direction: Direction,
}

impl Look {
    /// The same tokens, mirrored or not.
    #[must_use]
    pub fn new(tokens: Tokens, direction: Direction) -> Self {
        Self { tokens, direction }
    }
}
