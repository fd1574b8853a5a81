//! Paths as people write them and as file managers put them on the clipboard: with or without quotation marks, or as `file:`
//! URIs (RFC 8089).

use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use amanat_ui::edit;

/// Files that are named at once.
const MOST: usize = 33;
/// How a URI of a file begins.
const FILE: &str = "file://";
/// What some file managers put before the files that were copied or cut.
const HEADS: [&str; 3] = ["x-special/nautilus-clipboard", "copy", "cut"];

/// What a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// Files, and nothing else could be meant.
    Uris(Vec<PathBuf>),
    /// Files, if there are such.
    Paths(Vec<PathBuf>),
}

/// The files that a text names, each on a line of its own; none where anything else is in it.
#[must_use]
pub fn named(text: &str) -> Option<Named> {
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).take(MOST + HEADS.len()).collect();
    let files: Vec<&str> = lines.iter().copied().skip_while(|line| HEADS.contains(line)).collect();
    if files.is_empty() || files.len() > MOST {
        return None;
    }
    if let Some(uris) = files.iter().map(|line| of_uri(line)).collect::<Option<Vec<_>>>() {
        return Some(Named::Uris(uris));
    }
    // A line that stands before paths is no file manager's.
    if files.len() < lines.len() {
        return None;
    }
    let path = |line: &&str| (line.len() > 1 && line.starts_with('/')).then(|| PathBuf::from(line));
    files.iter().map(path).collect::<Option<Vec<_>>>().map(Named::Paths)
}

/// The path of a `file:` URI of this machine.
fn of_uri(line: &str) -> Option<PathBuf> {
    let rest = line.strip_prefix(FILE)?;
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    rest.starts_with('/').then(|| PathBuf::from(OsString::from_vec(decoded(rest))))
}

/// Without percent signs (RFC 3986, section 2.1); one that begins no two digits stands for itself.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit = |n: usize| after.get(n).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.extend(u8::try_from(high * 16 + low));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// What was written into a field, as a path.
#[must_use]
pub fn path_of(text: &str) -> Option<PathBuf> {
    let text = text.trim().trim_matches(['\'', '"']);
    of_uri(text).or_else(|| (!text.is_empty()).then(|| PathBuf::from(text)))
}

/// A field with a path in it.
pub(super) fn path_field(path: &Path) -> edit::Content {
    edit::Content::with_text(&path.to_string_lossy())
}

/// A file's name.
#[must_use]
pub fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_they_are_copied() {
        assert_eq!(path_of(" '/tmp/a b.pdf'\n"), Some("/tmp/a b.pdf".into()));
        assert_eq!(path_of("file:///tmp/a%20b"), Some("/tmp/a b".into()));
        assert_eq!(path_of("/tmp/a%20b"), Some("/tmp/a%20b".into()), "a path is as it is");
        assert_eq!(path_of("  "), None);
    }

    #[test]
    fn files_are_known_on_the_clipboard_and_texts_are_not() {
        let uris = |files: &[&str]| Some(Named::Uris(files.iter().map(PathBuf::from).collect()));
        assert_eq!(named("file:///a%D8%A7%2\r\nfile://localhost/b\r\n"), uris(&["/aا%2", "/b"]));
        assert_eq!(named("x-special/nautilus-clipboard\ncopy\nfile:///a\n"), uris(&["/a"]));
        assert_eq!(named(" /a b \n/c\n"), Some(Named::Paths(vec!["/a b".into(), "/c".into()])));
        for text in ["", "copy", "/", "copy\n/a", "see file:///a", "/a\nand so on", "file://server/a", "https://a/b"] {
            assert_eq!(named(text), None, "{text}");
        }
        assert_eq!(named(&"/a\n".repeat(MOST + 1)), None, "that is a list, not a choice");
    }
}
