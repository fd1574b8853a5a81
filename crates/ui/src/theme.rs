//! Tokens: colours, spacing, radii and sizes of type. Light, dark and high contrast differ in colours alone.
//!
//! Each pair of a ground and what is written on it has a contrast of 4.5:1 or better (WCAG 2.2, 1.4.3), high contrast of 7:1;
//! a test computes it from the tokens.

use iced::{Color, theme::Palette};

/// Distances, in logical pixels.
pub mod space {
    /// Between an icon and its word.
    pub const XS: f32 = 4.0;
    /// Between parts of one thing.
    pub const S: f32 = 8.0;
    /// Between things of one group.
    pub const M: f32 = 12.0;
    /// Inside a panel.
    pub const L: f32 = 16.0;
    /// Around a page.
    pub const XL: f32 = 24.0;
    /// Between parts of a page.
    pub const XXL: f32 = 40.0;
}

/// Corners, in logical pixels.
pub mod radius {
    /// Chips.
    pub const S: f32 = 4.0;
    /// Buttons, fields, rows.
    pub const M: f32 = 8.0;
    /// Bubbles, cards.
    pub const L: f32 = 12.0;
}

/// Which colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Appearance {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
    /// Black, white and few strong colours, with drawn edges.
    HighContrast,
}

/// A ground and what is written on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The ground.
    pub ground: Color,
    /// Text and icons on it.
    pub ink: Color,
}

/// Colours by what they are for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tokens {
    /// Which these are.
    pub appearance: Appearance,
    /// Behind messages.
    pub canvas: Color,
    /// Lists, headers, dialogs.
    pub panel: Color,
    /// Inside fields.
    pub field: Color,
    /// Hairlines and edges of fields.
    pub line: Color,
    /// A row under the pointer.
    pub hover: Color,
    /// The chosen row.
    pub selected: Color,
    /// Text.
    pub text: Color,
    /// Text of less weight: times, captions.
    pub muted: Color,
    /// Main action, links, what is chosen.
    pub primary: Pair,
    /// Around what has the keyboard.
    pub focus: Color,
    /// One's own messages.
    pub own: Pair,
    /// Others' messages.
    pub other: Pair,
    /// Something is wrong.
    pub danger: Pair,
    /// Something needs attention.
    pub caution: Pair,
    /// Something is well.
    pub good: Pair,
    /// By tier, the lowest first.
    pub tiers: [Pair; 5],
    /// Faces without a picture, by a number made from the name.
    pub faces: [Pair; 8],
}

const fn hex(rgb: u32) -> Color {
    Color {
        r: ((rgb >> 16) & 0xff) as f32 / 255.0,
        g: ((rgb >> 8) & 0xff) as f32 / 255.0,
        b: (rgb & 0xff) as f32 / 255.0,
        a: 1.0,
    }
}

const fn pair(ground: u32, ink: u32) -> Pair {
    Pair { ground: hex(ground), ink: hex(ink) }
}

/// Tier grounds are the same in all themes: a tier is known by its colour, and by its name.
const TIERS: [Pair; 5] = [
    pair(0x4A5A6A, 0xFFFFFF),
    pair(0x1D5FA8, 0xFFFFFF),
    pair(0x7A5C00, 0xFFFFFF),
    pair(0xA81E1E, 0xFFFFFF),
    pair(0x5B1A78, 0xFFFFFF),
];

const FACES: [Pair; 8] = [
    pair(0x3B6EA8, 0xFFFFFF),
    pair(0x7A4FA3, 0xFFFFFF),
    pair(0xA34F6B, 0xFFFFFF),
    pair(0x27706D, 0xFFFFFF),
    pair(0x7D621A, 0xFFFFFF),
    pair(0x5A6B2E, 0xFFFFFF),
    pair(0x9A4F28, 0xFFFFFF),
    pair(0x4A5A9C, 0xFFFFFF),
];

const LIGHT: Tokens = Tokens {
    appearance: Appearance::Light,
    canvas: hex(0xEDF1F4),
    panel: hex(0xFFFFFF),
    field: hex(0xF5F7F9),
    line: hex(0xD9E0E6),
    hover: hex(0xF0F4F6),
    selected: hex(0xE1F1E9),
    text: hex(0x17212B),
    muted: hex(0x586673),
    primary: pair(0x00703C, 0xFFFFFF),
    focus: hex(0x0B5FFF),
    own: pair(0xD6F0E0, 0x17212B),
    other: pair(0xFFFFFF, 0x17212B),
    danger: pair(0xB3261E, 0xFFFFFF),
    caution: pair(0xFFF1CC, 0x5C4300),
    good: pair(0xE1F1E9, 0x00592F),
    tiers: TIERS,
    faces: FACES,
};

const DARK: Tokens = Tokens {
    appearance: Appearance::Dark,
    canvas: hex(0x10161C),
    panel: hex(0x182028),
    field: hex(0x202A33),
    line: hex(0x303B46),
    hover: hex(0x212B35),
    selected: hex(0x17382A),
    text: hex(0xE8EDF1),
    muted: hex(0xA3B0BC),
    primary: pair(0x3FBF83, 0x06170E),
    focus: hex(0x7FB2FF),
    own: pair(0x1C4A35, 0xEAF5EF),
    other: pair(0x222C36, 0xE8EDF1),
    danger: pair(0xF2B8B5, 0x3C0A08),
    caution: pair(0x4A3A0C, 0xFFE29A),
    good: pair(0x17382A, 0x9FE3C1),
    tiers: TIERS,
    faces: FACES,
};

const HIGH: Tokens = Tokens {
    appearance: Appearance::HighContrast,
    canvas: hex(0x000000),
    panel: hex(0x000000),
    field: hex(0x000000),
    line: hex(0xFFFFFF),
    hover: hex(0x2B2B2B),
    selected: hex(0x003B1F),
    text: hex(0xFFFFFF),
    muted: hex(0xE0E0E0),
    primary: pair(0xFFE500, 0x000000),
    focus: hex(0x00E5FF),
    own: pair(0x003B1F, 0xFFFFFF),
    other: pair(0x000000, 0xFFFFFF),
    danger: pair(0xFFD1CE, 0x000000),
    caution: pair(0xFFE500, 0x000000),
    good: pair(0x003B1F, 0xFFFFFF),
    tiers: [
        pair(0x2F3B46, 0xFFFFFF),
        pair(0x0A4080, 0xFFFFFF),
        pair(0x5A4300, 0xFFFFFF),
        pair(0x8A0F0F, 0xFFFFFF),
        pair(0x4A1063, 0xFFFFFF),
    ],
    faces: [pair(0x2B2B2B, 0xFFFFFF); 8],
};

impl Tokens {
    /// What stands out within a field: the one of caution's two colours that is seen there.
    #[must_use]
    pub const fn mark(&self) -> Color {
        match self.appearance {
            Appearance::HighContrast => self.caution.ground,
            Appearance::Light | Appearance::Dark => self.caution.ink,
        }
    }

    /// Those of an appearance.
    #[must_use]
    pub const fn of(appearance: Appearance) -> Self {
        match appearance {
            Appearance::Light => LIGHT,
            Appearance::Dark => DARK,
            Appearance::HighContrast => HIGH,
        }
    }

    /// Of a tier, by its number from 0, the lowest; what is above the highest looks like it.
    #[must_use]
    pub fn tier(&self, number: usize) -> Pair {
        let [.., highest] = self.tiers;
        self.tiers.get(number).copied().unwrap_or(highest)
    }

    /// Of somebody without a picture.
    #[must_use]
    pub fn face(&self, name: &str) -> Pair {
        let [first, ..] = self.faces;
        let sum = name.bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        self.faces.get(sum % self.faces.len()).copied().unwrap_or(first)
    }

    /// For the toolkit's own widgets.
    #[must_use]
    pub fn iced(&self) -> iced::Theme {
        let palette = Palette {
            background: self.panel,
            text: self.text,
            primary: self.primary.ground,
            success: self.good.ink,
            warning: self.caution.ink,
            danger: self.danger.ground,
        };
        iced::Theme::custom("Amanat", palette)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(color: Color) -> f32 {
        let linear = |part: f32| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
        0.2126 * linear(color.r) + 0.7152 * linear(color.g) + 0.0722 * linear(color.b)
    }

    fn contrast(one: Color, other: Color) -> f32 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn everything_written_can_be_read() {
        assert!((contrast(Color::BLACK, Color::WHITE) - 21.0).abs() < 0.01);
        for appearance in [Appearance::Light, Appearance::Dark, Appearance::HighContrast] {
            let k = Tokens::of(appearance);
            let least = if appearance == Appearance::HighContrast { 7.0 } else { 4.5 };
            let grounds = [k.canvas, k.panel, k.field, k.hover, k.selected];
            let mut pairs: Vec<(String, Color, Color)> = Vec::new();
            for (n, ground) in grounds.into_iter().enumerate() {
                pairs.push((format!("text on ground {n}"), ground, k.text));
                pairs.push((format!("muted on ground {n}"), ground, k.muted));
            }
            for (n, pair) in k.tiers.into_iter().chain(k.faces).enumerate() {
                pairs.push((format!("tier or face {n}"), pair.ground, pair.ink));
            }
            for (name, pair) in [
                ("primary", k.primary),
                ("own", k.own),
                ("other", k.other),
                ("danger", k.danger),
                ("caution", k.caution),
                ("good", k.good),
            ] {
                pairs.push((name.into(), pair.ground, pair.ink));
            }
            pairs.push(("muted on own".into(), k.own.ground, k.muted));
            pairs.push(("muted on other".into(), k.other.ground, k.muted));
            for (name, ground, ink) in pairs {
                let found = contrast(ground, ink);
                assert!(found >= least, "{appearance:?}: {name} has {found:.2}:1");
            }
            // What is written on a mark's tint.
            let (ground, mark) = (k.field, k.mark());
            let tint = |ground: f32, mark: f32| ground + (mark - ground) * 0.16;
            let tinted = Color::from_rgb(tint(ground.r, mark.r), tint(ground.g, mark.g), tint(ground.b, mark.b));
            assert!(contrast(tinted, k.text) >= least && contrast(ground, mark) >= 3.0, "{appearance:?}: mark");
            // WCAG 2.2, 1.4.11: what shows the keyboard's place.
            for ground in grounds {
                assert!(contrast(ground, k.focus) >= 3.0, "{appearance:?}: focus");
            }
        }
    }
}
