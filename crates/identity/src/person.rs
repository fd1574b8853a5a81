//! Names of people, posts and offices (protocol-spec/03-identity, section 2): any script, but no character that
//! changes how the text around it reads.

use amanat_wire::deceptive;

use crate::text::ruled_text;

ruled_text!(
    /// A person's name, as the officer wrote it.
    PersonName,
    128,
    "name",
    "1 to 128 bytes without control, direction-override or invisible characters, not beginning or ending with a space",
    is_display_text
);

ruled_text!(
    /// A person's post, as the officer wrote it.
    Post,
    128,
    "post",
    "1 to 128 bytes without control, direction-override or invisible characters, not beginning or ending with a space",
    is_display_text
);

ruled_text!(
    /// An authority's name for people.
    OfficeName,
    128,
    "office name",
    "1 to 128 bytes without control, direction-override or invisible characters, not beginning or ending with a space",
    is_display_text
);

/// Urdu needs the zero-width joiners (U+200C, U+200D) and may use the plain direction marks; nothing needs the
/// embeddings, overrides and isolates with which a name can be made to read as another.
pub(crate) fn is_display_text(text: &str) -> bool {
    text.trim() == text && !text.chars().any(deceptive::is_hostile)
}

#[cfg(test)]
mod tests {
    use super::*;

    // [ID-02]
    #[test]
    fn names_in_any_script_but_without_tricks() {
        for good in ["Private Secretary", "عائشہ خان", "نئے\u{200C}نام", "Deputy Secretary (IT-II)"] {
            assert!(good.parse::<PersonName>().is_ok(), "{good}");
        }
        let long = "x".repeat(129);
        for bad in ["", " ", " a", "a ", "a\nb", "a\u{0}", "a\u{202E}b", "a\u{2066}b", "a\u{200B}b", "a\u{FEFF}", &long]
        {
            assert!(bad.parse::<PersonName>().is_err(), "{bad:?}");
            assert!(bad.parse::<Post>().is_err(), "{bad:?}");
        }
    }
}
