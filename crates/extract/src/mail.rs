//! Mails (protocol-spec/09-policy, section 9): headers that people write, the text in each of its parts, and
//! attachments, each read as the document it is. Saved web pages (MHTML) are mails too.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use memchr::memmem;

use crate::piece::Place;
use crate::reading::{Done, Reading, fail};
use crate::unreadable::Reason;
use crate::{markup, plain};

/// Parts inside each other.
const DEPTH: usize = 16;
/// Bytes of a part's headers.
const HEADERS: usize = 1 << 20;
/// Bytes of an encoded word, of which standards allow 75.
const WORD: usize = 1024;
/// Headers that people write. The others are long, and full of numbers of machines.
const WRITTEN: &[&str] = &[
    "from",
    "to",
    "cc",
    "bcc",
    "reply-to",
    "sender",
    "subject",
    "comments",
    "keywords",
    "organization",
    "resent-from",
    "resent-to",
    "thread-topic",
    "content-description",
];

/// Whether a text begins like a mail.
pub(crate) fn looks_like(sample: &str) -> bool {
    let (mut lines, mut known) = (0_usize, 0_usize);
    for line in sample.lines().take(200) {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) && lines > 0 {
            continue;
        }
        let Some((name, _)) = line.split_once(':') else { return false };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return false;
        }
        lines = lines.saturating_add(1);
        let technical = ["received", "mime-version", "message-id", "return-path", "content-type", "delivered-to"];
        known = known.saturating_add(usize::from(technical.iter().any(|known| name.eq_ignore_ascii_case(known))));
    }
    known >= 1 && lines >= 2
}

pub(crate) fn read(reading: &Reading<'_>, bytes: &[u8]) -> Done {
    part(reading, bytes, 0)
}

/// The headers of a part, unfolded; and its body.
struct Headers<'a> {
    lines: Vec<(String, Cow<'a, str>)>,
    body: &'a [u8],
}

impl<'a> Headers<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        let mut lines: Vec<(String, Cow<'a, str>)> = Vec::new();
        let mut rest = bytes;
        while bytes.len().saturating_sub(rest.len()) < HEADERS && !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at.saturating_add(1));
            let (line, after) = rest.split_at(end);
            rest = after;
            let line = line.trim_ascii_end();
            if line.is_empty() {
                break;
            }
            if line.first().is_some_and(u8::is_ascii_whitespace)
                && let Some((_, value)) = lines.last_mut()
            {
                let value = value.to_mut();
                value.push(' ');
                value.push_str(&String::from_utf8_lossy(line.trim_ascii()));
            } else if let Some(colon) = memchr::memchr(b':', line) {
                let (name, value) = line.split_at(colon);
                let name = String::from_utf8_lossy(name).trim().to_ascii_lowercase();
                let value = String::from_utf8_lossy(value.get(1..).unwrap_or_default().trim_ascii());
                lines.push((name, value));
            }
        }
        Self { lines, body: rest }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.lines.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// The first word of a header, lower-cased: a media type, a disposition, an encoding.
    fn word(&self, name: &str) -> String {
        let value = self.get(name).unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// A parameter of a header: `boundary`, `charset`, `filename`, also in the forms of RFC 2231.
    fn parameter(&self, header: &str, name: &str) -> Option<String> {
        let value = self.get(header)?;
        let (mut whole, mut extended) = (String::new(), false);
        for (key, value) in parameters(value) {
            let key = key.to_ascii_lowercase();
            let Some(suffix) = key.strip_prefix(name) else { continue };
            if suffix.is_empty() || suffix.starts_with('*') {
                extended |= suffix.ends_with('*');
                whole.push_str(&value);
            }
        }
        if extended {
            let (charset, text) = match whole.splitn(3, '\'').collect::<Vec<_>>().as_slice() {
                [charset, _, text] => ((*charset).to_owned(), (*text).to_owned()),
                _ => (String::new(), whole),
            };
            let bytes = unescape(text.as_bytes(), b'%');
            return Some(charset_of(&charset, &bytes).decode(&bytes).0.into_owned());
        }
        (!whole.is_empty()).then(|| words(&whole))
    }
}

/// The parameters behind a header's first word.
fn parameters(value: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = value.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_start_matches([';', ' ', '\t']).trim().to_owned();
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_at(after.find(';').unwrap_or(after.len())),
        };
        found.push((name, value.trim().to_owned()));
        rest = next;
    }
    found
}

fn part(reading: &Reading<'_>, bytes: &[u8], depth: usize) -> Done {
    reading.work(bytes.len().min(HEADERS))?;
    if depth > DEPTH {
        return fail(Reason::TooDeep, "too many parts of a mail inside each other");
    }
    let headers = Headers::read(bytes);
    for name in WRITTEN {
        for (_, value) in headers.lines.iter().filter(|(known, _)| known == name) {
            reading.text(Place::Header, &words(value))?;
        }
    }
    let kind = headers.word("content-type");
    if kind.starts_with("multipart/") {
        if kind == "multipart/encrypted" {
            return fail(Reason::Encrypted, "an encrypted mail");
        }
        return match headers.parameter("content-type", "boundary") {
            Some(boundary) => parts(reading, headers.body, &boundary, depth),
            None => fail(Reason::Damaged, "a mail's parts have no boundary"),
        };
    }
    leaf(reading, &headers, &kind, depth)
}

/// The parts between the lines of a boundary, and what stands before and behind them.
fn parts(reading: &Reading<'_>, body: &[u8], boundary: &str, depth: usize) -> Done {
    let line = format!("--{boundary}");
    let mut starts = memmem::find_iter(body, line.as_bytes())
        .filter(|at| *at == 0 || body.get(at.saturating_sub(1)) == Some(&b'\n'))
        .peekable();
    if starts.peek().is_none() {
        return fail(Reason::Damaged, "a mail's parts are missing");
    }
    while let Some(start) = starts.next() {
        let from = start.saturating_add(line.len());
        let part_bytes = body.get(from..starts.peek().copied().unwrap_or(body.len())).unwrap_or_default();
        if part_bytes.starts_with(b"--") {
            break;
        }
        let begin = memchr::memchr(b'\n', part_bytes).map_or(part_bytes.len(), |at| at.saturating_add(1));
        reading.count_entry()?;
        reading.part(part(reading, part_bytes.get(begin..).unwrap_or_default(), depth.saturating_add(1)))?;
    }
    Ok(())
}

/// A part without parts: a text, or an attachment.
fn leaf(reading: &Reading<'_>, headers: &Headers<'_>, kind: &str, depth: usize) -> Done {
    if matches!(kind, "application/pkcs7-mime" | "application/x-pkcs7-mime") {
        return fail(Reason::Encrypted, "an encrypted or enveloped mail");
    }
    // A signature is numbers of no person.
    if matches!(kind, "application/pkcs7-signature" | "application/x-pkcs7-signature" | "application/pgp-signature") {
        return Ok(());
    }
    reading.work(headers.body.len())?;
    let _held = reading.hold(headers.body.len())?;
    let bytes = match headers.word("content-transfer-encoding").as_str() {
        "base64" => Cow::Owned(base64(headers.body)),
        "quoted-printable" => Cow::Owned(unescape(headers.body, b'=')),
        _ => Cow::Borrowed(headers.body),
    };
    let name = headers
        .parameter("content-disposition", "filename")
        .or_else(|| headers.parameter("content-type", "name"))
        .unwrap_or_default();
    let shown = name.is_empty() && headers.word("content-disposition") != "attachment";
    if kind == "message/rfc822" {
        return reading.inside("message", || part(reading, &bytes, depth.saturating_add(1)));
    }
    if shown && (kind.is_empty() || kind.starts_with("text/")) {
        let charset = headers.parameter("content-type", "charset").unwrap_or_default();
        let encoding = charset_of(&charset, &bytes);
        if kind == "text/html" {
            let (text, _held) = plain::decoded(reading, &bytes, encoding)?;
            return markup::read(reading, &text, Place::Body);
        }
        return plain::text(reading, &bytes, encoding, Place::Body);
    }
    reading.text(Place::Name, &name)?;
    reading.entry(if name.is_empty() { "attachment" } else { &name }, &bytes)
}

/// The encoding that a label names; where it names none, what the bytes look like.
fn charset_of(label: &str, bytes: &[u8]) -> &'static Encoding {
    let named = Encoding::for_label(label.as_bytes()).filter(|encoding| !label.is_empty() && *encoding != UTF_8);
    named.unwrap_or_else(|| plain::encoding(bytes).unwrap_or(UTF_8))
}

/// Decodes base64, and passes over what is none.
fn base64(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut gathered, mut count) = (0_u32, 0_u32);
    for byte in text {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                (gathered, count) = (0, 0);
                continue;
            }
            _ => continue,
        };
        gathered = (gathered << 6) | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((gathered >> count) & 0xff).unwrap_or_default());
        }
    }
    bytes
}

/// Decodes quoted-printable (`=`), or the escapes of RFC 2231 (`%`).
fn unescape(text: &[u8], escape: u8) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != escape {
            bytes.push(*byte);
        } else if let [high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
        {
            bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
            rest = after;
        } else if let [b'\n', after @ ..] | [b'\r', b'\n', after @ ..] = rest {
            rest = after;
        } else {
            bytes.push(*byte);
        }
    }
    bytes
}

/// A header's text with its encoded words (RFC 2047) decoded.
fn words(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, word)) = rest.split_once("=?") {
        let decoded = encoded_word(word);
        // Space between two encoded words is none.
        if !(before.trim().is_empty() && decoded.is_some() && !text.is_empty()) {
            text.push_str(before);
        }
        match decoded {
            Some((decoded, after)) => {
                text.push_str(&decoded);
                rest = after;
            }
            None => {
                text.push_str("=?");
                rest = word;
            }
        }
    }
    text.push_str(rest);
    text
}

fn encoded_word(word: &str) -> Option<(String, &str)> {
    let near = word.get(..word.floor_char_boundary(WORD))?;
    let (charset, rest) = near.split_once('?')?;
    let (method, rest) = rest.split_once('?')?;
    let (data, after) = rest.split_once("?=")?;
    let after = word.get(near.len().saturating_sub(after.len())..)?;
    let bytes = match method {
        "B" | "b" => base64(data.as_bytes()),
        "Q" | "q" => unescape(data.replace('_', " ").as_bytes(), b'='),
        _ => return None,
    };
    Some((charset_of(charset, &bytes).decode(&bytes).0.into_owned(), after))
}

#[cfg(test)]
mod tests {
    use super::{base64, looks_like, unescape, words};

    #[test]
    fn encodings_of_mail() {
        assert_eq!(base64(b"MzUyMDIt\r\nMTIzNDU2Ny0x"), b"35202-1234567-1");
        assert_eq!(base64(b"YQ==YQ=="), b"aa");
        assert_eq!(unescape(b"35202=\r\n-12=33=", b'='), b"35202-123=");
        assert_eq!(words("=?UTF-8?B?2qnYp9io24zZhtuB?= =?utf-8?Q?_31=3A?= x"), "کابینہ 31: x");
        assert_eq!(words("=?nonsense"), "=?nonsense");
    }

    #[test]
    fn mails_are_told_from_texts() {
        assert!(looks_like("Return-Path: <a@b.pk>\nSubject: x\n\nhello"));
        assert!(!looks_like("Dear Sir: hello\nMIME\n"));
        assert!(!looks_like("key: value\nother: value\n"));
    }
}
