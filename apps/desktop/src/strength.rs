//! How soon a passphrase would be guessed, and what to do about it.

use zeroize::Zeroizing;
use zxcvbn::{feedback::Warning, zxcvbn};

/// Characters that it has at least.
pub const SHORTEST: usize = 8;
/// The score that it has at least.
pub const LEAST: usize = 3;
/// Scores that there are above the lowest.
pub const MOST: usize = 4;
/// Characters that are looked at: more make it no weaker, and take time.
const LOOKED_AT: usize = 64;

/// What is weak about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Too few characters.
    Short,
    /// Among those that are tried first.
    Common,
    /// One word, or a name.
    Word,
    /// Keys beside each other.
    Keyboard,
    /// The same again, or in order.
    Pattern,
    /// A year or a date.
    Date,
    /// Nothing of the above; more words.
    More,
}

/// What is made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strength {
    /// From 0 to [`MOST`].
    pub score: usize,
    /// What is weak about it; none where it is strong enough.
    pub hint: Option<Hint>,
}

impl Strength {
    /// Of a passphrase of somebody about whom this much is known.
    #[must_use]
    pub fn of(passphrase: &str, about: &[&str]) -> Self {
        let looked_at = Zeroizing::new(passphrase.chars().take(LOOKED_AT).collect::<String>());
        let found = zxcvbn(&looked_at, about);
        let score = usize::from(u8::from(found.score()));
        let short = passphrase.chars().count() < SHORTEST;
        let hint = match found.feedback().and_then(|feedback| feedback.warning()) {
            _ if short => Some(Hint::Short),
            _ if score >= LEAST => None,
            Some(warning) => Some(hint(warning)),
            None => Some(Hint::More),
        };
        Self { score: if short { score.min(1) } else { score }, hint }
    }

    /// It may be used.
    #[must_use]
    pub fn is_enough(self) -> bool {
        self.hint.is_none()
    }
}

fn hint(warning: Warning) -> Hint {
    match warning {
        Warning::StraightRowsOfKeysAreEasyToGuess | Warning::ShortKeyboardPatternsAreEasyToGuess => Hint::Keyboard,
        Warning::RepeatsLikeAaaAreEasyToGuess
        | Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess
        | Warning::SequencesLikeAbcAreEasyToGuess => Hint::Pattern,
        Warning::ThisIsATop10Password
        | Warning::ThisIsATop100Password
        | Warning::ThisIsACommonPassword
        | Warning::ThisIsSimilarToACommonlyUsedPassword => Hint::Common,
        Warning::RecentYearsAreEasyToGuess | Warning::DatesAreOftenEasyToGuess => Hint::Date,
        Warning::AWordByItselfIsEasyToGuess
        | Warning::NamesAndSurnamesByThemselvesAreEasyToGuess
        | Warning::CommonNamesAndSurnamesAreEasyToGuess => Hint::Word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_weak_is_said() {
        for (passphrase, hint) in [
            ("k7#Qz", Hint::Short),
            ("password1", Hint::Common),
            ("qwertyuiop", Hint::Common),
            ("aaaaaaaaaaaa", Hint::Pattern),
            ("elizabeth", Hint::Word),
        ] {
            let found = Strength::of(passphrase, &[]);
            assert_eq!(found.hint, Some(hint), "{passphrase}: {found:?}");
            assert!(!found.is_enough());
        }
    }

    #[test]
    fn a_few_words_are_enough_in_both_languages_and_ones_own_name_is_not() {
        assert!(Strength::of("velvet harbour nineteen okra", &[]).is_enough());
        assert!(Strength::of("نیلا دریا سات چراغ", &[]).is_enough());
        assert!(!Strength::of("hassan.khalid", &["hassan.khalid"]).is_enough());
        assert!(Strength::of(&"long ".repeat(10_000), &[]).score <= MOST);
    }
}
