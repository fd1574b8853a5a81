//! Separated values (protocol-spec/09-policy, section 9): the rows of a table that is a text.

use crate::piece::Place;
use crate::reading::{Done, Reading};
use crate::word::{CELLS, cells};

/// Bytes of one quoted field. Longer, its quote was none, and what follows is read as if it had not been there.
const FIELD: usize = 64 << 10;
const SEPARATORS: &[char] = &[',', ';', '\t', '|'];

/// The character between the values, where a text is a table. One that claims to be a table needs no proof.
pub(crate) fn separator(sample: &str, claimed: bool) -> Option<char> {
    let lines: Vec<&str> = sample.lines().filter(|line| !line.trim().is_empty()).take(50).collect();
    let count = |line: &str, separator: char| line.chars().filter(|c| *c == separator).count();
    if claimed {
        let most = SEPARATORS.iter().max_by_key(|s| lines.iter().map(|line| count(line, **s)).sum::<usize>());
        return most.copied();
    }
    if lines.len() < 3 {
        return None;
    }
    SEPARATORS.iter().copied().find(|separator| {
        let first = lines.first().map_or(0, |line| count(line, *separator));
        // A comma is common in a sentence.
        let least = if *separator == ',' { 2 } else { 1 };
        first >= least && lines.iter().filter(|line| count(line, *separator) == first).count() * 10 >= lines.len() * 9
    })
}

/// Rows as they come.
pub(crate) struct Rows<'r, 's> {
    reading: &'r Reading<'s>,
    separator: char,
    number: u32,
    row: Vec<String>,
    bytes: usize,
    field: String,
    quoted: bool,
    /// The last character was a quote inside a quoted field: the field's end, or half of a quote in it.
    quote: bool,
}

impl<'r, 's> Rows<'r, 's> {
    pub(crate) fn new(reading: &'r Reading<'s>, separator: char) -> Self {
        Self {
            reading,
            separator,
            number: 0,
            row: Vec::new(),
            bytes: 0,
            field: String::new(),
            quoted: false,
            quote: false,
        }
    }

    pub(crate) fn read(&mut self, piece: &str) -> Done {
        for c in piece.chars() {
            if std::mem::take(&mut self.quote) {
                if c == '"' {
                    self.push(c)?;
                    continue;
                }
                self.quoted = false;
            }
            match c {
                '"' if self.quoted => self.quote = true,
                '"' if self.field.is_empty() => self.quoted = true,
                '\n' if !self.quoted => self.end_row()?,
                '\r' if !self.quoted => {}
                c if c == self.separator && !self.quoted => self.end_field()?,
                c => self.push(c)?,
            }
        }
        Ok(())
    }

    fn push(&mut self, c: char) -> Done {
        self.field.push(c);
        if self.field.len() > FIELD {
            self.quoted = false;
            self.end_row()?;
        }
        Ok(())
    }

    fn end_field(&mut self) -> Done {
        self.bytes = self.bytes.saturating_add(self.field.len());
        self.row.push(std::mem::take(&mut self.field));
        if self.row.len() > CELLS || self.bytes > self.reading.limits.token { self.end_row() } else { Ok(()) }
    }

    fn end_row(&mut self) -> Done {
        self.row.push(std::mem::take(&mut self.field));
        self.number = self.number.saturating_add(1);
        let row = cells((0..).zip(self.row.iter().map(String::as_str)));
        let done = self.reading.row(Place::Table(1), self.number, &row);
        self.row.clear();
        self.bytes = 0;
        done
    }

    /// Hands on the last row, which no line may end.
    pub(crate) fn end(mut self) -> Done {
        self.end_row()
    }
}

#[cfg(test)]
mod tests {
    use super::separator;

    #[test]
    fn tables_are_told_from_texts() {
        for (text, expected) in [
            ("a,b,c\n1,2,3\n4,5,6\n", Some(',')),
            ("a\tb\n1\t2\n3\t4\n", Some('\t')),
            ("a;b\n1;2\n3;4\n", Some(';')),
            ("Dear all,\nplease come, today.\nYours,\n", None),
            ("one\ntwo\nthree\n", None),
        ] {
            assert_eq!(separator(text, false), expected, "{text:?}");
        }
        assert_eq!(separator("a;b", true), Some(';'));
    }
}
