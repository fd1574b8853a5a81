//! Typefaces, embedded: Inter for Latin; Noto Nastaliq Urdu for Urdu from 14 px on, Noto Naskh Arabic below that, where
//! Nastaliq cannot be read. All under the SIL Open Font License (`fonts/`).
//!
//! A text has one face, chosen by its direction. Nastaliq lines stand 2.2 times their size apart: its words climb, and a
//! smaller box would clip them.

use iced::{Font, font::Weight};

use crate::{bidi, direction::Direction};

/// What is loaded at the start.
pub const FONTS: [&[u8]; 6] = [
    include_bytes!("../fonts/Inter_400Regular.ttf"),
    include_bytes!("../fonts/Inter_500Medium.ttf"),
    include_bytes!("../fonts/Inter_600SemiBold.ttf"),
    include_bytes!("../fonts/NotoNastaliqUrdu_400Regular.ttf"),
    include_bytes!("../fonts/NotoNastaliqUrdu_600SemiBold.ttf"),
    include_bytes!("../fonts/NotoNaskhArabic_400Regular.ttf"),
];

/// For Latin, digits and signs.
pub const LATIN: Font = Font::with_name("Inter");
const NASTALIQ: Font = Font::with_name("Noto Nastaliq Urdu");
const NASKH: Font = Font::with_name("Noto Naskh Arabic");

/// Below this size, in pixels, Urdu is set in Naskh.
const NASTALIQ_FROM: f32 = 14.0;

/// How a text is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Face {
    /// The font, with its weight.
    pub font: Font,
    /// Lines stand so many times the size apart.
    pub line_height: f32,
}

/// The face for a text of a size in pixels.
#[must_use]
pub fn face(text: &str, size: f32, weight: Weight) -> Face {
    // Inter has no Urdu digits; the other faces have Latin letters.
    let urdu_digits = text.contains(|c| matches!(c, '\u{06F0}'..='\u{06F9}'));
    let direction = if urdu_digits { Direction::Rtl } else { bidi::direction(text).unwrap_or_default() };
    face_for(direction, size, weight)
}

/// The face for a direction.
#[must_use]
pub fn face_for(direction: Direction, size: f32, weight: Weight) -> Face {
    match (direction, size < NASTALIQ_FROM) {
        (Direction::Ltr, _) => Face { font: Font { weight, ..LATIN }, line_height: 1.4 },
        (Direction::Rtl, true) => Face { font: NASKH, line_height: 1.6 },
        (Direction::Rtl, false) => {
            // There is no medium: what is to stand out a little does so by more.
            let weight = if weight == Weight::Normal { Weight::Normal } else { Weight::Semibold };
            Face { font: Font { weight, ..NASTALIQ }, line_height: 2.2 }
        }
    }
}
