//! One JSON object on one line (protocol-spec/json-output.md, section 2), safe to print on a terminal.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::problem::{Outcome, Problem};
use amanat_wire::deceptive::is_hostile;

/// Encodes compactly, with every character that a terminal would obey as `\uXXXX`: the same value to a parser.
pub(crate) fn encode(object: &impl Serialize) -> Outcome<String> {
    let mut bytes = Vec::with_capacity(256);
    object
        .serialize(&mut Serializer::with_formatter(&mut bytes, Inert))
        .map_err(|_| Problem::internal("The output could not be encoded."))?;
    String::from_utf8(bytes).map_err(|_| Problem::internal("The output could not be encoded."))
}

struct Inert;

impl Formatter for Inert {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_hostile(*c)) {
            let (before, after) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = after.get(c.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_are_escaped_and_come_back_the_same() {
        let text = "a\u{9b}b\u{202e}c\u{1b}\n\u{e0041}d \"quoted\" اردو";
        let line = encode(&text).unwrap();
        assert_eq!(line, r#""a\u009bb\u202ec\u001b\n\udb40\udc41d \"quoted\" اردو""#);
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }
}
