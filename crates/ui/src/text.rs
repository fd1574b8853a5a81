//! Text in a role: size, weight and colour come from the role, the typeface from the text's own direction.
//!
//! A line of right-to-left text must not be given an alignment: iced 0.14.0 then draws it outside its box (mended after it by
//! iced #3293). Lines align themselves by their direction; a box around them stands at the start or the end.

mod line;

use iced::{Color, Element, font::Weight, widget};

pub use self::line::line;
use crate::{fonts, look::Look};

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Of a page.
    Title,
    /// Of a part of a page, a conversation.
    Heading,
    /// What people write, and what is explained.
    Body,
    /// The same, to stand out: names, what to press.
    Strong,
    /// Beside the body: what a field is, what a row adds.
    Label,
    /// Times, states, counts.
    Caption,
    /// In chips and banners.
    Mark,
}

impl Role {
    /// Size in logical pixels.
    #[must_use]
    pub const fn size(self) -> f32 {
        match self {
            Self::Title => 22.0,
            Self::Heading => 16.0,
            Self::Body | Self::Strong => 14.5,
            Self::Label => 13.0,
            Self::Caption => 11.5,
            Self::Mark => 11.0,
        }
    }

    /// Weight.
    #[must_use]
    pub const fn weight(self) -> Weight {
        match self {
            Self::Title | Self::Heading | Self::Mark => Weight::Semibold,
            Self::Strong => Weight::Medium,
            Self::Body | Self::Label | Self::Caption => Weight::Normal,
        }
    }
}

/// Text that inherits its colour from what it stands in.
#[must_use]
pub fn plain<'a>(content: impl Into<String>, role: Role) -> widget::Text<'a> {
    let content = content.into();
    let face = fonts::face(&content, role.size(), role.weight());
    widget::text(content)
        .size(role.size())
        .font(face.font)
        .line_height(widget::text::LineHeight::Relative(face.line_height))
        .shaping(widget::text::Shaping::Advanced)
}

/// Text in a colour.
#[must_use]
pub fn coloured<'a>(content: impl Into<String>, role: Role, color: Color) -> widget::Text<'a> {
    plain(content, role).color(color)
}

/// Text of the weight of a caption, whatever its size.
#[must_use]
pub fn muted<'a>(content: impl Into<String>, role: Role, look: Look) -> widget::Text<'a> {
    coloured(content, role, look.tokens.muted)
}

/// Text of several lines over the whole width, from the start on: lines of either direction align in the width that they
/// need, so what they stand in does the rest.
#[must_use]
pub fn paragraph<'a, Message: 'a>(
    content: impl Into<String>,
    role: Role,
    color: Color,
    look: Look,
) -> Element<'a, Message> {
    widget::container(coloured(content, role, color)).width(iced::Fill).align_x(look.direction.start()).into()
}
