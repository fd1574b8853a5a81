//! The design system of the desktop: everything that a screen is made of, and
//! nothing that knows what it is for.
//!
//! Start with [`look`]: a [`Look`](look::Look) (tokens and direction) is handed to every view. [`theme`] holds the tokens,
//! [`fonts`] and [`bidi`] choose how a text is set, [`direction`] mirrors rows and margins, [`text`] sets text in a
//! role, and the rest are widgets. No colour, spacing or size stands in a screen; no string stands here.

pub mod badge;
pub mod bidi;
pub mod button;
pub mod choice;
pub mod dialog;
pub mod direction;
pub mod edit;
pub mod fonts;
pub mod heights;
pub mod look;
pub mod mark;
pub mod meter;
pub mod modal;
pub mod notice;
pub mod secret;
pub mod sign;
pub mod surface;
pub mod text;
pub mod theme;
pub mod toggle;

#[cfg(test)]
mod gallery;
#[cfg(test)]
mod stage;
