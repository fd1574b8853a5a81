//! ZIP (protocol-spec/09-policy, section 9): the directory of an archive, and the bytes of its entries.
//!
//! Every line of the directory is an entry, two of one name too: whoever unpacks it may see either. Entries are inflated
//! in pieces, each counted against the limits before the next.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use flate2::{Crc, Decompress, FlushDecompress, Status};
use memchr::memmem;

use crate::reading::{Done, Halt, Held, Reading, fail};
use crate::unreadable::Reason;

const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
const CENTRAL: &[u8] = b"PK\x01\x02";
const CENTRAL_LENGTH: usize = 46;
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_LENGTH: usize = 30;
const BUFFER: usize = 32 << 10;
/// Bytes of an entry's path, as long as systems allow.
const NAME: usize = 4096;

/// An archive's directory.
pub(crate) struct Zip<'a> {
    pub(crate) entries: Vec<Entry<'a>>,
}

/// One line of it.
pub(crate) struct Entry<'a> {
    /// Its path as written, `/` between folders.
    pub(crate) name: String,
    deflated: bool,
    crc: u32,
    size: u64,
    packed: &'a [u8],
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(|b| usize::from(u16::from_le_bytes(b)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

/// Where the directory lies and how long it is, in the bytes as they are.
struct Directory {
    start: usize,
    end: usize,
    /// What stands before the archive: offsets count from behind it.
    before: usize,
}

fn directory(bytes: &[u8]) -> Option<Directory> {
    let tail = bytes.len().saturating_sub(END_LENGTH + usize::from(u16::MAX));
    let end = memmem::rfind_iter(bytes.get(tail..)?, END)
        .filter_map(|at| tail.checked_add(at))
        .find(|at| bytes.len().saturating_sub(*at) >= END_LENGTH)?;
    let mut length = u64::from(u32_at(bytes, end.checked_add(12)?)?);
    let mut offset = u64::from(u32_at(bytes, end.checked_add(16)?)?);
    let mut close = end;
    // ZIP64: a locator just before, then a record with wider fields.
    if let Some(locator) = end.checked_sub(20)
        && bytes.get(locator..)?.starts_with(b"PK\x06\x07")
        && let Some(record) = memmem::rfind(bytes.get(locator.saturating_sub(1 << 16)..locator)?, b"PK\x06\x06")
    {
        close = locator.saturating_sub(1 << 16).checked_add(record)?;
        length = u64_at(bytes, close.checked_add(40)?)?;
        offset = u64_at(bytes, close.checked_add(48)?)?;
    }
    let start = close.checked_sub(usize::try_from(length).ok()?)?;
    let before = start.checked_sub(usize::try_from(offset).ok()?)?;
    Some(Directory { start, end: close, before })
}

/// Refuses a picture or a sound behind which an archive stands: whoever renames it has the archive.
pub(crate) fn refuse_appended(bytes: &[u8]) -> Done {
    match directory(bytes) {
        Some(found) if bytes.get(found.start..).is_some_and(|rest| rest.starts_with(CENTRAL)) => {
            fail(Reason::Mislabelled, "an archive stands behind the picture or sound")
        }
        _ => Ok(()),
    }
}

impl<'a> Zip<'a> {
    pub(crate) fn open(reading: &Reading<'_>, bytes: &'a [u8]) -> Done<Self> {
        let Some(directory) = directory(bytes) else {
            return fail(Reason::Truncated, "the archive's directory is missing");
        };
        let mut entries = Vec::new();
        let mut at = directory.start;
        while at < directory.end {
            reading.count_entry()?;
            let line = bytes.get(at..directory.end).unwrap_or_default();
            let Some((entry, length)) = entry(bytes, line, directory.before)? else {
                return fail(Reason::Damaged, "the archive's directory does not fit the archive");
            };
            entries.push(entry);
            at = at.saturating_add(length);
        }
        Ok(Self { entries })
    }

    /// The first entry of this path; office packages do not mind upper and lower case.
    pub(crate) fn find(&self, name: &str) -> Option<&Entry<'a>> {
        self.entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name))
    }
}

/// Reads one line of the directory: the entry and the line's length.
fn entry<'a>(bytes: &'a [u8], line: &'a [u8], before: usize) -> Done<Option<(Entry<'a>, usize)>> {
    let Some(fields) = fields(line) else { return Ok(None) };
    let Fields { flags, method, crc, packed, size, offset, name, length } = fields;
    if flags & 1 != 0 {
        return fail(Reason::Encrypted, "an archive with a password");
    }
    if method != 0 && method != 8 {
        return fail(Reason::Unknown, format!("compression method {method} of a ZIP archive"));
    }
    let local = usize::try_from(offset).ok().and_then(|offset| offset.checked_add(before));
    let Some(header) = local.and_then(|local| bytes.get(local..)).filter(|header| header.starts_with(LOCAL)) else {
        return Ok(None);
    };
    let (Some(local_method), Some(name_length), Some(extra)) =
        (u16_at(header, 8), u16_at(header, 26), u16_at(header, 28))
    else {
        return Ok(None);
    };
    if local_method != method {
        return fail(Reason::Damaged, "the two headers of an entry contradict each other");
    }
    let data = header.get(LOCAL_LENGTH.saturating_add(name_length).saturating_add(extra)..);
    let packed = usize::try_from(packed).ok().and_then(|length| data?.get(..length));
    let Some(packed) = packed else { return fail(Reason::Truncated, "an entry of the archive ends too early") };
    if name.len() > NAME {
        return fail(Reason::Damaged, "an entry of the archive has a name without end");
    }
    // Names are UTF-8, or in a code page of DOS, whose ASCII half is all that the filter looks for there.
    let name = String::from_utf8_lossy(name).replace('\\', "/");
    Ok(Some((Entry { name, deflated: method == 8, crc, size, packed }, length)))
}

struct Fields<'a> {
    flags: usize,
    method: usize,
    crc: u32,
    packed: u64,
    size: u64,
    offset: u64,
    name: &'a [u8],
    length: usize,
}

fn fields(line: &[u8]) -> Option<Fields<'_>> {
    if !line.starts_with(CENTRAL) {
        return None;
    }
    let (name_length, extra_length, comment_length) = (u16_at(line, 28)?, u16_at(line, 30)?, u16_at(line, 32)?);
    let name_end = CENTRAL_LENGTH.checked_add(name_length)?;
    let extra_end = name_end.checked_add(extra_length)?;
    let (small_size, small_packed, small_offset) = (u32_at(line, 24)?, u32_at(line, 20)?, u32_at(line, 42)?);
    let mut wide = wide(line.get(name_end..extra_end)?);
    // A field of all ones stands in the ZIP64 extra, in this order.
    let mut pick = |small: u32| if small == u32::MAX { wide.next() } else { Some(u64::from(small)) };
    let size = pick(small_size)?;
    let packed = pick(small_packed)?;
    let offset = pick(small_offset)?;
    Some(Fields {
        flags: u16_at(line, 8)?,
        method: u16_at(line, 10)?,
        crc: u32_at(line, 16)?,
        packed,
        size,
        offset,
        name: line.get(CENTRAL_LENGTH..name_end)?,
        length: extra_end.checked_add(comment_length)?,
    })
}

/// The 64-bit numbers of a ZIP64 extra field.
fn wide(mut extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut numbers: &[u8] = &[];
    while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let end = length.saturating_add(4);
        if id == 1 {
            numbers = extra.get(4..end).unwrap_or_default();
            break;
        }
        extra = extra.get(end..).unwrap_or_default();
    }
    numbers.chunks_exact(8).filter_map(|bytes| bytes.try_into().ok().map(u64::from_le_bytes))
}

/// The error that a reader through `io` could not carry.
pub(crate) type Why = Rc<RefCell<Option<Halt>>>;

/// The bytes of one entry as a stream: inflated, counted, and compared with their check sum at the end.
pub(crate) struct Stream<'a, 'r, 's> {
    reading: &'r Reading<'s>,
    packed: &'a [u8],
    rest: &'a [u8],
    inflate: Option<Decompress>,
    ended: bool,
    buffer: Vec<u8>,
    from: usize,
    total: u64,
    size: u64,
    expected: u32,
    crc: Crc,
    why: Why,
}

impl<'a> Entry<'a> {
    pub(crate) fn is_folder(&self) -> bool {
        self.name.ends_with('/') && self.size == 0
    }

    /// The last part of its path.
    pub(crate) fn file_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn stream<'r, 's>(&self, reading: &'r Reading<'s>) -> Stream<'a, 'r, 's> {
        Stream {
            reading,
            packed: self.packed,
            rest: self.packed,
            inflate: self.deflated.then(|| Decompress::new(false)),
            ended: false,
            buffer: Vec::new(),
            from: 0,
            total: 0,
            size: self.size,
            expected: self.crc,
            crc: Crc::new(),
            why: Why::default(),
        }
    }

    /// All of its bytes; as they lie in the archive where they are not compressed.
    pub(crate) fn bytes<'r>(&self, reading: &'r Reading<'_>) -> Done<(Cow<'a, [u8]>, Held<'r>)> {
        if !self.deflated {
            let mut crc = Crc::new();
            for piece in self.packed.chunks(BUFFER) {
                crc.update(piece);
                reading.work(piece.len())?;
            }
            if crc.sum() != self.crc {
                return fail(Reason::Damaged, "the check sum of an entry is wrong");
            }
            return Ok((Cow::Borrowed(self.packed), reading.hold(0)?));
        }
        // The size that the directory claims is held before a byte is inflated, and is no more than what may come out.
        let claimed = usize::try_from(self.size).unwrap_or(usize::MAX);
        let held = reading.hold(claimed)?;
        let mut stream = self.stream(reading);
        let mut bytes = Vec::with_capacity(claimed);
        while let piece @ [_, ..] = stream.next_piece()? {
            bytes.extend_from_slice(piece);
            let length = piece.len();
            stream.consume(length);
        }
        Ok((Cow::Owned(bytes), held))
    }
}

impl Stream<'_, '_, '_> {
    pub(crate) fn why(&self) -> Why {
        self.why.clone()
    }

    /// The bytes that come next; none at the end.
    pub(crate) fn next_piece(&mut self) -> Done<&[u8]> {
        while self.from >= self.buffer.len() && !self.ended {
            self.refill()?;
        }
        Ok(self.buffer.get(self.from..).unwrap_or_default())
    }

    fn refill(&mut self) -> Done {
        self.from = 0;
        self.buffer.clear();
        match &mut self.inflate {
            None => {
                let (piece, rest) = self.rest.split_at(self.rest.len().min(BUFFER));
                self.buffer.extend_from_slice(piece);
                self.rest = rest;
                self.ended = piece.is_empty();
            }
            Some(inflate) => {
                self.buffer.reserve(BUFFER);
                let before = inflate.total_in();
                let status = inflate.decompress_vec(self.rest, &mut self.buffer, FlushDecompress::None);
                let taken = usize::try_from(inflate.total_in().saturating_sub(before)).unwrap_or(usize::MAX);
                self.rest = self.rest.get(taken..).unwrap_or_default();
                match status {
                    Ok(Status::StreamEnd) => self.ended = true,
                    Ok(_) if taken > 0 || !self.buffer.is_empty() => {}
                    Ok(_) => return fail(Reason::Truncated, "an entry of the archive ends too early"),
                    Err(_) => return fail(Reason::Damaged, "an entry of the archive cannot be inflated"),
                }
            }
        }
        self.total = self.total.saturating_add(self.buffer.len() as u64);
        if self.total > self.size || (self.ended && self.total < self.size) {
            return fail(Reason::Damaged, "an entry is not as long as the archive's directory says");
        }
        self.crc.update(&self.buffer);
        if self.ended && self.crc.sum() != self.expected {
            return fail(Reason::Damaged, "the check sum of an entry is wrong");
        }
        self.reading.expanded(self.packed.len(), self.total, self.buffer.len())
    }
}

impl Read for Stream<'_, '_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Stream<'_, '_, '_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.from >= self.buffer.len() && !self.ended {
            if let Err(halt) = self.refill() {
                *self.why.borrow_mut() = Some(halt);
                return Err(io::Error::other("halted"));
            }
        }
        Ok(self.buffer.get(self.from..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.from = self.from.saturating_add(amount);
    }
}
