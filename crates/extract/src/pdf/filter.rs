//! PDF filters (protocol-spec/09-policy, section 9): how streams are packed. Those of pictures are not unpacked.

use flate2::{Decompress, FlushDecompress, Status};

use super::object::hex_bytes;
use crate::reading::{Done, Reading, fail};
use crate::unreadable::{Reason, Unreadable};

/// Bytes that are unpacked between two counts.
const STEP: usize = 32 << 10;

/// How the rows of unpacked data are laid out, for predictors.
pub(super) struct Rows {
    pub(super) predictor: u32,
    pub(super) colours: usize,
    pub(super) bits: usize,
    pub(super) columns: usize,
    pub(super) early: usize,
}

/// Unpacks; `None` where the filter is one of pictures.
pub(super) fn decode(reading: &Reading<'_>, name: &[u8], packed: &[u8], rows: &Rows) -> Done<Option<Vec<u8>>> {
    let bytes = match name {
        b"FlateDecode" | b"Fl" => predict(reading, flate(reading, packed)?, rows)?,
        b"LZWDecode" | b"LZW" => predict(reading, lzw(reading, packed, rows.early)?, rows)?,
        b"ASCIIHexDecode" | b"AHx" => hex_bytes(packed.split(|byte| *byte == b'>').next().unwrap_or_default()),
        b"ASCII85Decode" | b"A85" => {
            // A "z" stands for four bytes.
            let zeros = packed.iter().filter(|byte| **byte == b'z').count();
            let _held = reading.hold(packed.len().saturating_add(zeros.saturating_mul(4)))?;
            ascii85(packed)
        }
        b"RunLengthDecode" | b"RL" => run_length(reading, packed)?,
        // Only "Identity" can stand here in a file that is not encrypted.
        b"Crypt" => packed.to_vec(),
        _ => return Ok(None),
    };
    reading.work(packed.len())?;
    Ok(Some(bytes))
}

fn flate(reading: &Reading<'_>, packed: &[u8]) -> Done<Vec<u8>> {
    // The check sum at the end is passed over: writers get it wrong, and the length tells more.
    let zlib =
        matches!(packed, [a, b, ..] if a & 0x0f == 8 && (u32::from(*a) * 256 + u32::from(*b)).is_multiple_of(31));
    let mut rest = if zlib { packed.get(2..).unwrap_or_default() } else { packed };
    let mut inflate = Decompress::new(false);
    let mut bytes = Vec::new();
    loop {
        let (read, length) = (inflate.total_in(), bytes.len());
        bytes.reserve(STEP);
        let status = inflate.decompress_vec(rest, &mut bytes, FlushDecompress::None);
        let taken = usize::try_from(inflate.total_in().saturating_sub(read)).unwrap_or(usize::MAX);
        rest = rest.get(taken..).unwrap_or_default();
        let new = bytes.len().saturating_sub(length);
        reading.expanded(packed.len(), bytes.len() as u64, new)?;
        let _held = reading.hold(bytes.capacity())?;
        match status {
            Ok(Status::StreamEnd) => return Ok(bytes),
            Ok(_) if taken > 0 || new > 0 => {}
            // Some writers leave out the last few bits.
            Ok(_) => return Ok(bytes),
            Err(_) if bytes.is_empty() => return fail(Reason::Damaged, "a stream of the PDF cannot be inflated"),
            Err(_) => {
                reading.fault(Unreadable::new(Reason::Damaged, "a stream of the PDF is broken off"));
                return Ok(bytes);
            }
        }
    }
}

fn lzw(reading: &Reading<'_>, packed: &[u8], early: usize) -> Done<Vec<u8>> {
    let mut bytes: Vec<u8> = Vec::new();
    // Each code above 257 is a stretch of what was unpacked before.
    let mut table: Vec<(usize, usize)> = Vec::new();
    let mut last: Option<(usize, usize)> = None;
    let (mut gathered, mut count, mut width) = (0_u32, 0_u32, 9_u32);
    let mut counted = 0_usize;
    for byte in packed {
        gathered = (gathered << 8) | u32::from(*byte);
        count += 8;
        if count < width {
            continue;
        }
        count -= width;
        let code = (gathered >> count) & ((1 << width) - 1);
        let start = bytes.len();
        match code {
            256 => {
                table.clear();
                (width, last) = (9, None);
                continue;
            }
            257 => break,
            literal if literal < 256 => bytes.push(u8::try_from(literal).unwrap_or_default()),
            code => {
                let known = usize::try_from(code).ok().and_then(|code| table.get(code.checked_sub(258)?)).copied();
                // The one code that may be used before it is known: the last stretch and its own first byte.
                let Some((from, length)) = known.or(last.map(|(from, length)| (from, length + 1))) else {
                    return fail(Reason::Damaged, "a stream of the PDF cannot be unpacked");
                };
                for at in from..from.saturating_add(length) {
                    bytes.push(bytes.get(at).copied().unwrap_or_default());
                }
            }
        }
        if let Some((from, length)) = last
            && table.len() < 4096 - 258
        {
            table.push((from, length + 1));
        }
        last = Some((start, bytes.len() - start));
        width = match table.len() + 258 + early.min(1) {
            0..512 => 9,
            512..1024 => 10,
            1024..2048 => 11,
            _ => 12,
        };
        if bytes.len() - counted > STEP {
            reading.expanded(packed.len(), bytes.len() as u64, bytes.len() - counted)?;
            let _held = reading.hold(bytes.capacity())?;
            counted = bytes.len();
        }
    }
    Ok(bytes)
}

fn run_length(reading: &Reading<'_>, packed: &[u8]) -> Done<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = packed;
    let mut counted = 0_usize;
    while let Some((length, after)) = rest.split_first() {
        match usize::from(*length) {
            128 => break,
            length @ 0..128 => {
                let (literal, next) = after.split_at(after.len().min(length + 1));
                bytes.extend_from_slice(literal);
                rest = next;
            }
            length => {
                let Some((byte, next)) = after.split_first() else { break };
                bytes.resize(bytes.len().saturating_add(257 - length), *byte);
                rest = next;
            }
        }
        if bytes.len() - counted > STEP {
            reading.expanded(packed.len(), bytes.len() as u64, bytes.len() - counted)?;
            let _held = reading.hold(bytes.capacity())?;
            counted = bytes.len();
        }
    }
    Ok(bytes)
}

fn ascii85(packed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut group: Vec<u32> = Vec::new();
    for byte in packed {
        match byte {
            b'!'..=b'u' => group.push(u32::from(byte - b'!')),
            b'z' if group.is_empty() => bytes.extend([0; 4]),
            b'~' => break,
            _ => continue,
        }
        if group.len() == 5 {
            bytes.extend(group85(&group));
            group.clear();
        }
    }
    if group.len() > 1 {
        let kept = group.len() - 1;
        group.resize(5, 84);
        bytes.extend(group85(&group).into_iter().take(kept));
    }
    bytes
}

fn group85(group: &[u32]) -> [u8; 4] {
    group.iter().fold(0_u32, |value, digit| value.wrapping_mul(85).wrapping_add(*digit)).to_be_bytes()
}

/// Undoes the prediction of bytes from those before and above them.
fn predict(reading: &Reading<'_>, bytes: Vec<u8>, rows: &Rows) -> Done<Vec<u8>> {
    let _held = reading.hold(bytes.len().saturating_mul(2))?;
    let colours = rows.colours.clamp(1, 32);
    let pixel = (colours * rows.bits.clamp(1, 16)).div_ceil(8);
    let length = (rows.columns.clamp(1, 1 << 20) * colours * rows.bits.clamp(1, 16)).div_ceil(8);
    Ok(match rows.predictor {
        2 if rows.bits == 8 => {
            let mut bytes = bytes;
            for row in bytes.chunks_mut(length) {
                for at in pixel..row.len() {
                    let left = row.get(at - pixel).copied().unwrap_or_default();
                    if let Some(byte) = row.get_mut(at) {
                        *byte = byte.wrapping_add(left);
                    }
                }
            }
            bytes
        }
        10.. => png(&bytes, length, pixel),
        _ => bytes,
    })
}

fn png(bytes: &[u8], length: usize, pixel: usize) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut above = vec![0_u8; length];
    for packed in bytes.chunks(length + 1) {
        let Some((method, packed)) = packed.split_first() else { break };
        let mut row: Vec<u8> = Vec::with_capacity(length);
        for (at, byte) in packed.iter().enumerate() {
            let before = |row: &[u8]| at.checked_sub(pixel).and_then(|at| row.get(at)).copied().unwrap_or_default();
            let (left, up, corner) = (before(&row), above.get(at).copied().unwrap_or_default(), before(&above));
            let predicted = match method {
                1 => left,
                2 => up,
                3 => u8::try_from((u16::from(left) + u16::from(up)) / 2).unwrap_or_default(),
                4 => paeth(left, up, corner),
                _ => 0,
            };
            row.push(byte.wrapping_add(predicted));
        }
        out.extend_from_slice(&row);
        row.resize(length, 0);
        above = row;
    }
    out
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let estimate = i16::from(left) + i16::from(up) - i16::from(corner);
    let distance = |byte: u8| (estimate - i16::from(byte)).abs();
    if distance(left) <= distance(up) && distance(left) <= distance(corner) {
        left
    } else if distance(up) <= distance(corner) {
        up
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Rows, ascii85, decode, lzw, predict, run_length};
    use crate::limits::Limits;
    use crate::piece::Flow;
    use crate::reading::Reading;

    #[test]
    fn filters() {
        let limits = Limits::default();
        let (mut clock, mut sink) = (|| false, |_: crate::piece::Piece<'_>| Flow::Continue);
        let reading = Reading::new(&limits, 1 << 20, &mut clock, &mut sink);
        assert_eq!(ascii85(b"87cURD]i,\"Ebo80~>"), b"Hello World!");
        assert_eq!(run_length(&reading, &[2, b'a', b'b', b'c', 254, b'x', 128, 9]).unwrap(), b"abcxxx");
        // The specification's own example.
        let packed = [0x80, 0x0b, 0x60, 0x50, 0x22, 0x0c, 0x0c, 0x85, 0x01];
        assert_eq!(lzw(&reading, &packed, 1).unwrap(), [45, 45, 45, 45, 45, 65, 45, 45, 45, 66]);
        let rows = Rows { predictor: 12, colours: 1, bits: 8, columns: 3, early: 1 };
        assert_eq!(predict(&reading, vec![2, 1, 2, 3, 2, 1, 1, 1], &rows).unwrap(), [1, 2, 3, 2, 3, 4]);
        assert!(decode(&reading, b"DCTDecode", b"", &rows).unwrap().is_none());
    }
}
