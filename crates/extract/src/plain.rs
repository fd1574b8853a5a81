//! Plain texts (protocol-spec/09-policy, section 9): which encoding a text is in, and whether it is really
//! a table, a page or a mail.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, WINDOWS_1256};
use memchr::memchr;

use crate::kind::{Kind, claims_mail, claims_table};
use crate::piece::Place;
use crate::reading::{Block, Done, Held, Reading, cut, fail};
use crate::unreadable::Reason;
use crate::{csv, mail, markup};

/// Bytes that are looked at to tell what a text is.
const SAMPLE: usize = 64 << 10;
/// Bytes that are decoded at a time.
const CHUNK: usize = 64 << 10;

pub(crate) fn read(reading: &Reading<'_>, name: &str, bytes: &[u8]) -> Done<Kind> {
    let encoding = encoding(bytes)?;
    let mut sample = String::new();
    decode_to(encoding, bytes.get(..SAMPLE).unwrap_or(bytes), &mut sample);
    if claims_mail(name) || mail::looks_like(&sample) {
        mail::read(reading, bytes)?;
        return Ok(Kind::Email);
    }
    if markup::looks_like(&sample) {
        let (text, _held) = decoded(reading, bytes, encoding)?;
        markup::read(reading, &text, Place::Body)?;
        return Ok(Kind::Html);
    }
    if let Some(separator) = csv::separator(&sample, claims_table(name)) {
        let mut rows = csv::Rows::new(reading, separator);
        pieces(reading, bytes, encoding, &mut |piece| rows.read(piece))?;
        rows.end()?;
        return Ok(Kind::Csv);
    }
    text(reading, bytes, encoding, Place::Body)?;
    Ok(Kind::Text)
}

/// Hands on a text in pieces that end at lines or words.
pub(crate) fn text(reading: &Reading<'_>, bytes: &[u8], encoding: &'static Encoding, place: Place<'_>) -> Done {
    let mut rest = String::new();
    let mut block = Block::new(place);
    pieces(reading, bytes, encoding, &mut |piece| {
        rest.push_str(piece);
        while rest.len() > CHUNK {
            let at = cut(&rest, CHUNK);
            reading.text(place, rest.get(..at).unwrap_or_default())?;
            rest.drain(..at);
        }
        Ok(())
    })?;
    block.line(reading, &rest)?;
    block.flush(reading)
}

/// Decodes a text and hands it on in pieces, cut anywhere.
fn pieces(
    reading: &Reading<'_>,
    bytes: &[u8],
    encoding: &'static Encoding,
    take: &mut dyn FnMut(&str) -> Done,
) -> Done {
    let mut decoder = encoding.new_decoder_with_bom_removal();
    let mut chunks = bytes.chunks(CHUNK).peekable();
    let mut text = String::new();
    while let Some(chunk) = chunks.next() {
        text.clear();
        text.reserve(decoder.max_utf8_buffer_length(chunk.len()).unwrap_or(0));
        let _ = decoder.decode_to_string(chunk, &mut text, chunks.peek().is_none());
        reading.work(chunk.len())?;
        take(&text)?;
    }
    Ok(())
}

/// A whole text; as it lies there where it is UTF-8.
pub(crate) fn decoded<'a, 'r>(
    reading: &'r Reading<'_>,
    bytes: &'a [u8],
    encoding: &'static Encoding,
) -> Done<(Cow<'a, str>, Held<'r>)> {
    reading.work(bytes.len())?;
    if encoding == UTF_8
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return Ok((Cow::Borrowed(text), reading.hold(0)?));
    }
    let held = reading.hold(bytes.len().saturating_mul(3))?;
    let mut text = String::new();
    decode_to(encoding, bytes, &mut text);
    Ok((Cow::Owned(text), held))
}

fn decode_to(encoding: &'static Encoding, bytes: &[u8], text: &mut String) {
    let mut decoder = encoding.new_decoder_with_bom_removal();
    text.reserve(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(0));
    let _ = decoder.decode_to_string(bytes, text, true);
}

/// The encoding of a text, or that it is none.
pub(crate) fn encoding(bytes: &[u8]) -> Done<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return Ok(encoding);
    }
    let sample = bytes.get(..SAMPLE).unwrap_or(bytes);
    if memchr(0, bytes).is_some() {
        return match wide(sample) {
            Some(encoding) => Ok(encoding),
            None => fail(Reason::Unknown, "not a kind of document that is read"),
        };
    }
    let control = |byte: &&u8| matches!(byte, 0x01..=0x08 | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f);
    if sample.iter().filter(control).count() > sample.len() / 100 + 2 {
        return fail(Reason::Unknown, "not a kind of document that is read");
    }
    Ok(if std::str::from_utf8(bytes).is_ok() || mostly_utf8(sample) { UTF_8 } else { code_page(sample) })
}

/// UTF-16 without a mark: every second byte is that of few alphabets.
fn wide(sample: &[u8]) -> Option<&'static Encoding> {
    let pairs = sample.len() / 2;
    let few = |at: usize| {
        let high = sample.chunks_exact(2).filter_map(|pair| pair.get(at));
        high.filter(|byte| matches!(byte, 0x00 | 0x06 | 0x20 | 0xfb | 0xfe)).count()
    };
    let most = pairs.saturating_sub(pairs / 20);
    if pairs == 0 {
        None
    } else if few(1) >= most && few(0) < pairs / 2 {
        Some(UTF_16LE)
    } else if few(0) >= most && few(1) < pairs / 2 {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// A UTF-8 text in which something was broken on its way.
fn mostly_utf8(sample: &[u8]) -> bool {
    let (mut valid, mut broken) = (0_usize, 0_usize);
    for chunk in sample.utf8_chunks() {
        valid = valid.saturating_add(chunk.valid().chars().filter(|c| !c.is_ascii()).count());
        broken = broken.saturating_add(usize::from(!chunk.invalid().is_empty()));
    }
    valid > broken.saturating_mul(4)
}

/// The code page of a text that is not UTF-8: letters of an Arabic text stand side by side, accents of a Latin one alone.
fn code_page(sample: &[u8]) -> &'static Encoding {
    let high = sample.iter().filter(|byte| !byte.is_ascii()).count();
    let beside = sample.windows(2).filter(|pair| pair.iter().all(|byte| !byte.is_ascii())).count();
    if beside > high / 2 { WINDOWS_1256 } else { WINDOWS_1252 }
}
