//! HTML and XML texts (protocol-spec/09-policy, section 9): what is shown, what is said about it in attributes,
//! and comments. Scripts and styles are left out; nothing is run or fetched.

use memchr::{memchr, memmem};

use crate::package::grow;
use crate::piece::Place;
use crate::reading::{Block, Done, Reading, cut, fail};
use crate::unreadable::Reason;
use crate::word::{CELLS, cells};

/// Bytes of one line outside tables, before it is cut.
const LINE: usize = 64 << 10;
/// Attributes that hold text or an address.
const ATTRIBUTES: &[&str] =
    &["title", "alt", "content", "value", "placeholder", "aria-label", "label", "summary", "href"];
/// Elements within a line.
const INLINE: &[&str] = &[
    "a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "del", "em", "font", "i", "ins", "kbd", "label", "mark",
    "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "tspan", "tt", "u", "var", "wbr",
];

/// Whether a text is a page or an XML document.
pub(crate) fn looks_like(sample: &str) -> bool {
    let start: String = sample.trim_start().chars().take(32).collect::<String>().to_ascii_lowercase();
    let starts = ["<!doctype", "<html", "<?xml", "<svg", "<head", "<body", "<table", "<!--", "<div", "<p>", "<meta"];
    starts.iter().any(|tag| start.starts_with(tag))
}

#[derive(Default)]
struct Table {
    number: u32,
    rows: u32,
    row: Vec<String>,
}

struct Page<'p, 'r, 's> {
    reading: &'r Reading<'s>,
    body: Block<'p>,
    notes: Block<'static>,
    comments: Block<'static>,
    line: String,
    tables: Vec<Table>,
    count: u32,
    /// Bytes of text that wait for their row to end.
    waiting: usize,
}

/// Reads the page `text`, whose running text stands in `place`.
pub(crate) fn read(reading: &Reading<'_>, text: &str, place: Place<'_>) -> Done {
    let mut page = Page {
        reading,
        body: Block::new(place),
        notes: Block::new(Place::Metadata),
        comments: Block::new(Place::Comment),
        line: String::new(),
        tables: Vec::new(),
        count: 0,
        waiting: 0,
    };
    let mut rest = text;
    while !rest.is_empty() {
        let before = rest.len();
        rest = page.step(rest)?;
        reading.work(before.saturating_sub(rest.len()).saturating_add(16))?;
    }
    page.end_line()?;
    while !page.tables.is_empty() {
        page.end_table()?;
    }
    page.body.flush(reading)?;
    page.notes.flush(reading)?;
    page.comments.flush(reading)
}

/// What stands before `end`, and what after it; all of it where there is no end.
fn until<'t>(text: &'t str, end: &str) -> (&'t str, &'t str) {
    match memmem::find(text.as_bytes(), end.as_bytes()) {
        Some(at) => {
            let (head, tail) = text.split_at(at);
            (head, tail.get(end.len()..).unwrap_or_default())
        }
        None => (text, ""),
    }
}

impl Page<'_, '_, '_> {
    /// Reads one text, tag or comment, and returns what follows it.
    fn step<'t>(&mut self, text: &'t str) -> Done<&'t str> {
        let Some(open) = memchr(b'<', text.as_bytes()) else {
            self.text(text)?;
            return Ok("");
        };
        let (before, tag) = text.split_at(open);
        self.text(before)?;
        if let Some(comment) = tag.strip_prefix("<!--") {
            let (comment, rest) = until(comment, "-->");
            self.comments.line(self.reading, comment)?;
            return Ok(rest);
        }
        if let Some(data) = tag.strip_prefix("<![CDATA[") {
            let (data, rest) = until(data, "]]>");
            self.text(data)?;
            return Ok(rest);
        }
        let tag = tag.get(1..).unwrap_or_default();
        if !tag.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            self.text("<")?;
            return Ok(tag);
        }
        let (tag, rest) = tag.split_at(tag_length(tag));
        let rest = rest.get(1..).unwrap_or_default();
        self.tag(tag, rest)
    }

    fn text(&mut self, text: &str) -> Done {
        // Lines of the source are spaces on the page.
        let text = decode(text).replace(['\n', '\r'], " ");
        let in_table = self.tables.iter().any(|table| !table.row.is_empty());
        if in_table {
            self.waiting = self.waiting.saturating_add(text.len());
            if self.waiting > self.reading.limits.token {
                return fail(Reason::TooLarge, "a row of a table without end");
            }
        } else {
            self.waiting = 0;
        }
        self.line.push_str(&text);
        // A text of one line that is as long as a book.
        while !in_table && self.line.len() > LINE {
            let rest = self.line.split_off(cut(&self.line, LINE));
            self.body.line(self.reading, &self.line)?;
            self.line = rest;
        }
        Ok(())
    }

    fn tag<'t>(&mut self, tag: &str, rest: &'t str) -> Done<&'t str> {
        let closing = tag.starts_with('/');
        let tag = tag.trim_start_matches('/');
        let end = tag.find(|c: char| c.is_ascii_whitespace() || c == '/').unwrap_or(tag.len());
        let (name, attributes) = tag.split_at(end);
        let name: String = name.chars().take(40).collect::<String>().to_ascii_lowercase();
        if !closing {
            self.attributes(attributes)?;
            if matches!(name.as_str(), "script" | "style") && !tag.ends_with('/') {
                let lower = format!("</{name}");
                return Ok(after_raw(rest, &lower));
            }
        }
        match (name.as_str(), closing) {
            ("td" | "th", _) => {
                self.end_line()?;
                if !closing && let Some(table) = self.tables.last_mut().filter(|table| table.row.len() < CELLS) {
                    table.row.push(String::new());
                }
            }
            ("tr", _) => {
                self.end_line()?;
                self.end_row()?;
            }
            ("table", false) if self.tables.len() < self.reading.limits.nesting => {
                self.end_line()?;
                self.body.flush(self.reading)?;
                self.count = self.count.saturating_add(1);
                self.tables.push(Table { number: self.count, ..Table::default() });
            }
            ("table", true) => {
                self.end_line()?;
                self.end_table()?;
            }
            (name, _) if INLINE.contains(&name) => {}
            _ => self.end_line()?,
        }
        Ok(rest)
    }

    fn attributes(&mut self, mut rest: &str) -> Done {
        while let Some(equals) = memchr(b'=', rest.as_bytes()) {
            let (name, value) = rest.split_at(equals);
            let name = name.trim().rsplit(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
            let value = value.get(1..).unwrap_or_default().trim_start();
            let (value, after) = match value.chars().next() {
                Some('"') => until(value.get(1..).unwrap_or_default(), "\""),
                Some('\'') => until(value.get(1..).unwrap_or_default(), "'"),
                _ => value.split_at(value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len())),
            };
            if ATTRIBUTES.iter().any(|known| name.eq_ignore_ascii_case(known)) && !value.starts_with("data:") {
                self.notes.line(self.reading, &decode(value))?;
            }
            rest = after;
        }
        Ok(())
    }

    fn end_line(&mut self) -> Done {
        let line = std::mem::take(&mut self.line);
        let line = line.trim();
        match self.tables.last_mut().and_then(|table| table.row.last_mut()) {
            Some(cell) => {
                if !cell.is_empty() && !line.is_empty() {
                    cell.push('\n');
                }
                grow(self.reading, cell, line)
            }
            None => self.body.line(self.reading, line),
        }
    }

    fn end_row(&mut self) -> Done {
        let Some(table) = self.tables.last_mut().filter(|table| !table.row.is_empty()) else { return Ok(()) };
        table.rows = table.rows.saturating_add(1);
        let row = cells((0..).zip(table.row.iter().map(String::as_str)));
        let done = self.reading.row(Place::Table(table.number), table.rows, &row);
        table.row.clear();
        done
    }

    fn end_table(&mut self) -> Done {
        self.end_row()?;
        self.tables.pop();
        Ok(())
    }
}

/// Where a tag ends: at the first `>` outside quotes.
fn tag_length(tag: &str) -> usize {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
        // A quote that never ends was none.
        if at > 1 << 20 {
            break;
        }
    }
    memchr(b'>', tag.as_bytes()).unwrap_or(tag.len())
}

/// What follows a script or style.
fn after_raw<'t>(text: &'t str, end: &str) -> &'t str {
    let mut from = 0;
    while let Some(open) = text.get(from..).and_then(|rest| memmem::find(rest.as_bytes(), b"</")) {
        let at = from.saturating_add(open);
        let Some(rest) = text.get(at..) else { break };
        if rest.get(..end.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(end)) {
            return rest;
        }
        from = at.saturating_add(2);
    }
    ""
}

/// A text with its character references replaced.
pub(crate) fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr(b'&', rest.as_bytes()) {
        let (before, reference) = rest.split_at(at);
        decoded.push_str(before);
        let name = reference.get(1..).unwrap_or_default();
        let end = name.bytes().take(12).position(|byte| !byte.is_ascii_alphanumeric() && byte != b'#').unwrap_or(0);
        let (name, after) = name.split_at_checked(end).unwrap_or_default();
        match character(name) {
            Some(c) => {
                decoded.push(c);
                rest = after.strip_prefix(';').unwrap_or(after);
            }
            None => {
                decoded.push('&');
                rest = reference.get(1..).unwrap_or_default();
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" | "rsquo" => '\'',
        "lsquo" => '‘',
        "ldquo" => '“',
        "rdquo" => '”',
        "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
        "ndash" => '–',
        "mdash" => '—',
        "minus" => '-',
        "hellip" => '…',
        "middot" | "bull" => '·',
        "copy" => '©',
        "zwnj" => '\u{200c}',
        "zwj" => '\u{200d}',
        "lrm" => '\u{200e}',
        "rlm" => '\u{200f}',
        "shy" => '\u{ad}',
        "Tab" => '\t',
        "hyphen" | "dash" => '-',
        "colon" => ':',
        "period" => '.',
        "comma" => ',',
        "num" => '#',
        "plus" => '+',
        "commat" => '@',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn references_become_characters() {
        for (written, read) in [
            ("a&amp;b", "a&b"),
            ("&#48;&#x33;00", "0300"),
            ("35202&ndash;1", "35202–1"),
            ("AT&T", "AT&T"),
            ("&nosuch;", "&nosuch;"),
            ("&#xffffffff;", "&#xffffffff;"),
            ("&", "&"),
            ("&#1", "&#1"),
            ("&amp", "&amp"),
            ("&amp ok", "& ok"),
        ] {
            assert_eq!(decode(written), read, "{written}");
        }
    }
}
