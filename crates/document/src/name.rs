//! Names (protocol-spec/06-document, section 7): what a sender calls a document, made safe for a folder and for the eye.
//!
//! The result names one file inside whatever folder it is joined to, on any of the systems that Amanat runs on, and
//! shows what it is: nothing invisible, nothing that turns the reading direction, the true extension at its end.

use std::fmt;

use amanat_wire::deceptive::{Trick, trick};

/// Bytes of a safe name; below every file system's 255, with room for a temporary file's suffix.
pub const SAFE_NAME_MAX: usize = 200;
/// Bytes of an ending, its dot included, that survives the shortening of a name.
const EXTENSION_MAX: usize = 20;
/// What a document without a usable name is called.
const NAMELESS: &str = "document";

/// A file's name that is safe to show, and to join to a folder.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SafeName(String);

impl SafeName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name for the `n`th file of this name in a folder: `report (2).pdf`.
    #[must_use]
    pub fn numbered(&self, n: u32) -> Self {
        let (stem, extension) = split_extension(&self.0);
        let number = format!(" ({n})");
        Self(fit(stem, &number, extension))
    }
}

impl fmt::Display for SafeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SafeName {
    /// Prints the length alone: names of documents do not belong into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[name of {} bytes]", self.0.len())
    }
}

impl AsRef<std::path::Path> for SafeName {
    fn as_ref(&self) -> &std::path::Path {
        self.0.as_ref()
    }
}

/// The safe form of any text; safe forms are their own. [DOC-14]
#[must_use]
pub fn safe_name(claimed: &str) -> SafeName {
    let mut name = String::with_capacity(claimed.len().min(4 * SAFE_NAME_MAX));
    for c in claimed.chars().filter(|c| !is_invisible(*c)) {
        match c {
            // Rows of spaces push an ending out of sight, so they become one.
            _ if is_blank(c) => {
                if !name.ends_with(' ') {
                    name.push(' ');
                }
            }
            _ if is_separator(c) => name.push('_'),
            _ => name.push(c),
        }
    }
    let name = name.trim_matches([' ', '.']);
    let (stem, extension) = split_extension(name);
    let reserved = if is_device(name) { "_" } else { "" };
    let name = fit(&format!("{reserved}{stem}"), "", extension);
    SafeName(if name.is_empty() { NAMELESS.to_owned() } else { name })
}

/// `stem ‖ number ‖ extension`, the stem shortened until all of it fits.
fn fit(stem: &str, number: &str, extension: &str) -> String {
    let room = SAFE_NAME_MAX.saturating_sub(number.len() + extension.len());
    let mut end = stem.len().min(room);
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    let kept = stem.get(..end).unwrap_or_default();
    // A cut can bare a dot or a space at the end, and a number brings its own space.
    let bared = extension.is_empty() || !number.is_empty() || end < stem.len();
    let kept = if bared { kept.trim_end_matches([' ', '.']) } else { kept };
    [kept, number, extension].concat()
}

/// The stem and, with its dot, the ending; no ending where it is longer than endings are. No name begins with a dot here.
fn split_extension(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if name.len() - dot <= EXTENSION_MAX => name.split_at(dot),
        _ => (name, ""),
    }
}

/// Separators and other characters that a file system gives a meaning (`:` opens an alternate stream on NTFS), and
/// those that look like a separator.
fn is_separator(c: char) -> bool {
    matches!(
        c,
        '/' | '\\'
            | ':'
            | '*'
            | '?'
            | '"'
            | '<'
            | '>'
            | '|'
            | '\u{2044}'
            | '\u{2215}'
            | '\u{2216}'
            | '\u{29f5}'
            | '\u{29f8}'
            | '\u{29f9}'
            | '\u{fe68}'
            | '\u{ff0f}'
            | '\u{ff3c}'
    )
}

/// Whatever shows nothing. The joiners go too: a name may lose a hint for its shaping, never a letter.
fn is_invisible(c: char) -> bool {
    !is_blank(c) && trick(c).is_some()
}

/// Whatever looks like a space, line ends included.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || trick(c) == Some(Trick::Filler)
}

/// Names of Windows devices, with any ending or none.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ').to_ascii_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$") {
        return true;
    }
    stem.strip_prefix("COM")
        .or_else(|| stem.strip_prefix("LPT"))
        .is_some_and(|rest| matches!(rest, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_log_shows_the_length_of_a_name_alone() {
        assert_eq!(format!("{:?}", safe_name("report.pdf")), "[name of 10 bytes]");
    }

    #[test]
    fn names_are_made_safe() {
        // [DOC-14]
        let long_urdu = format!("{}.pdf", "دستاویز ".repeat(40));
        let long_ending = format!("a.{}", "b".repeat(300));
        for (claimed, safe) in [
            ("", "document"),
            (".", "document"),
            ("..", "document"),
            (" . . ", "document"),
            ("\u{202e}", "document"),
            ("report.pdf", "report.pdf"),
            ("رپورٹ ۲۰۲۵.pdf", "رپورٹ ۲۰۲۵.pdf"),
            ("../../etc/passwd", "_.._etc_passwd"),
            ("..\\..\\boot.ini", "_.._boot.ini"),
            ("/etc/passwd", "_etc_passwd"),
            ("C:\\x.exe", "C__x.exe"),
            ("a.txt:stream", "a.txt_stream"),
            (".bashrc", "bashrc"),
            ("a\0b", "ab"),
            ("a\nb\r\n\tc", "a b c"),
            ("name. . .", "name"),
            // Shown with an override as "annexe.pdf", with rows of spaces or soft hyphens as "invoice.pdf".
            ("ann\u{202e}fdp.exe", "annfdp.exe"),
            ("invoice.pdf                                                   .exe", "invoice.pdf .exe"),
            ("invoice.pdf\u{ad}\u{200b}.exe", "invoice.pdf.exe"),
            ("a\u{2215}b\u{ff0f}c", "a_b_c"),
            ("CON", "_CON"),
            ("con.txt", "_con.txt"),
            ("Aux .tar.gz", "_Aux .tar.gz"),
            ("LPT1.", "_LPT1"),
            ("com¹.txt", "_com¹.txt"),
            ("COM10", "COM10"),
            ("console.log", "console.log"),
        ] {
            assert_eq!(safe_name(claimed).as_str(), safe, "{claimed:?}");
        }
        let shortened = safe_name(&long_urdu);
        assert!(shortened.as_str().len() <= 200 && shortened.as_str().len() > 190);
        assert!(shortened.as_str().ends_with("دستاویز.pdf") || shortened.as_str().ends_with(".pdf"));
        assert_eq!(safe_name(&long_ending).as_str().len(), 200);
        // What the cut bares goes too.
        let bared = safe_name(&format!("{}. yyyyyyyy.pdf", "x".repeat(194)));
        assert_eq!(bared.to_string(), format!("{}.pdf", "x".repeat(194)));
    }

    #[test]
    fn numbers_stand_before_the_ending() {
        assert_eq!(safe_name("name.pdf").numbered(2).as_str(), "name (2).pdf");
        assert_eq!(safe_name("name").numbered(u32::MAX).as_str(), "name (4294967295)");
        let longest = safe_name(&format!("{}.tiff", "x".repeat(400)));
        assert_eq!(longest.numbered(11).as_str(), format!("{} (11).tiff", "x".repeat(190)));
    }

    /// Texts made of what attacks are made of, and any others.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("."),
            Just(".."),
            Just("/"),
            Just("\\"),
            Just("\0"),
            Just(" "),
            Just("CON"),
            Just("nul"),
            Just("com1"),
            Just("\u{202e}"),
            Just("\u{200b}"),
            Just("\u{ad}"),
            Just("\u{3164}"),
            Just("ب"),
            Just("😀"),
            Just("pdf"),
            Just("\r\n"),
            Just(":"),
            Just("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
            Just("_"),
        ];
        prop_oneof![
            proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat()),
            any::<String>(),
            "\\PC{0,300}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        // [DOC-14]
        #[test]
        fn a_safe_name_stays_in_its_folder(claimed in hostile(), n in 2u32..) {
            let name = safe_name(&claimed);
            for name in [&name, &name.numbered(n)] {
                let text = name.as_str();
                prop_assert!(!text.is_empty() && text.len() <= SAFE_NAME_MAX);
                let banned = ['/', '\\', '\0', ':', '\u{202e}', '\u{2066}', '\u{200f}'];
                prop_assert!(!text.contains(banned));
                prop_assert!(!text.chars().any(char::is_control));
                prop_assert!(!text.starts_with(['.', ' ']) && !text.ends_with(['.', ' ']));
                prop_assert!(!text.contains("  "));
                prop_assert!(!is_device(text));
                let parts: Vec<_> = std::path::Path::new(text).components().collect();
                prop_assert!(matches!(parts[..], [std::path::Component::Normal(part)] if part == text));
                let again = safe_name(text);
                prop_assert_eq!(again.as_str(), text);
            }
        }
    }
}
