//! What a person has set for this device, kept in a file beside the profile: nothing secret, and defaults where it is missing
//! or damaged.

use std::{fs, io, path::Path};

use amanat_ui::theme::Appearance;
use serde::{Deserialize, Serialize};

use crate::language::Language;

/// The file's name.
const FILE: &str = "desktop.toml";
/// Bytes of it that are read.
const MOST: u64 = 16 * 1024;

/// Which theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
    /// Few strong colours.
    HighContrast,
}

impl Theme {
    /// Its colours, where the system prefers dark ones or not.
    #[must_use]
    pub fn appearance(self, system_is_dark: bool) -> Appearance {
        match self {
            Self::System if system_is_dark => Appearance::Dark,
            Self::System | Self::Light => Appearance::Light,
            Self::Dark => Appearance::Dark,
            Self::HighContrast => Appearance::HighContrast,
        }
    }
}

/// Minutes without a key or a click after which it locks.
pub const LOCK_AFTER: [u32; 4] = [2, 5, 10, 15];
/// Percent of the normal size of text.
pub const TEXT_SIZES: [u32; 7] = [80, 90, 100, 115, 130, 160, 200];

/// What a person has set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Settings {
    /// Of the interface.
    pub language: Language,
    /// Colours.
    pub theme: Theme,
    /// Percent.
    pub text_size: u32,
    /// Minutes.
    pub lock_after: u32,
    /// Whose profile it is, for the unlock screen: kept when it is left.
    pub holder: Option<Holder>,
}

/// Whose profile it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Name.
    pub name: String,
    /// The authority that vouches for it.
    pub authority: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { language: Language::default(), theme: Theme::default(), text_size: 100, lock_after: 5, holder: None }
    }
}

impl Settings {
    /// Those of a profile.
    #[must_use]
    pub fn read(profile: &Path) -> Self {
        let read = || -> io::Result<String> {
            let path = profile.join(FILE);
            if fs::metadata(&path)?.len() > MOST {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            fs::read_to_string(path)
        };
        let settings: Self = read().ok().and_then(|text| toml::from_str(&text).ok()).unwrap_or_default();
        settings.bounded()
    }

    /// Keeps them for a profile.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, profile: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let (path, next) = (profile.join(FILE), profile.join(format!("{FILE}.new")));
        fs::write(&next, text)?;
        fs::rename(next, path)
    }

    fn bounded(self) -> Self {
        let [least, .., most] = TEXT_SIZES;
        let [soonest, .., latest] = LOCK_AFTER;
        Self {
            text_size: self.text_size.clamp(least, most),
            lock_after: self.lock_after.clamp(soonest, latest),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_kept_bounded_and_a_damaged_file_is_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Settings::read(dir.path()), Settings::default());
        let holder = Holder { name: "سیکریٹری داخلہ".into(), authority: "Interior Division".into() };
        let set = Settings {
            language: Language::Urdu,
            theme: Theme::HighContrast,
            text_size: 130,
            lock_after: 10,
            holder: Some(holder),
        };
        set.write(dir.path()).unwrap();
        assert_eq!(Settings::read(dir.path()), set);
        fs::write(dir.path().join(FILE), "text-size = 90000\nlock-after = 0").unwrap();
        let read = Settings::read(dir.path());
        assert_eq!((read.text_size, read.lock_after), (200, 2));
        fs::write(dir.path().join(FILE), "\u{0}").unwrap();
        assert_eq!(Settings::read(dir.path()), Settings::default());
    }
}
