//! A document's files (protocol-spec/07-delivery, section 10): the index with its checksums, and the segments.
//!
//! ```text
//! documents/ab/<id>.index     512 bytes of header, then a CRC-32 for each segment, 0 where there is none yet
//! documents/ab/<id>.part      the segments while they are uploaded, each at its place
//! documents/ab/<id>           the same, once sealed
//! ```
//!
//! A checksum is written after its segment was synced, so that what the index counts is on disk. Checksums are four
//! bytes on a four-byte boundary: a power cut leaves each of them whole, old or new.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use amanat_primitives::{ConversationId, DeviceId, DocumentId, Timestamp};
use amanat_wire::log::RetentionClass;

use super::Opening;
use crate::{
    engine::folder,
    error::Fault,
    layout::{Reader, Writer},
};

const HEADER: usize = 512;
const MAGIC: &[u8; 8] = b"amanatd1";

/// Paths of one document.
#[derive(Clone)]
pub(crate) struct Paths {
    pub(crate) dir: PathBuf,
    name: String,
}

impl Paths {
    pub(crate) fn new(documents: &Path, document: &DocumentId) -> Self {
        let name = document.to_string();
        Self { dir: documents.join(name.get(..2).unwrap_or_default()), name }
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.dir.join(format!("{}.index", self.name))
    }

    pub(crate) fn part(&self) -> PathBuf {
        self.dir.join(format!("{}.part", self.name))
    }

    pub(crate) fn sealed(&self) -> PathBuf {
        self.dir.join(&self.name)
    }
}

fn encode(opening: &Opening) -> Vec<u8> {
    let mut header = Writer::with_capacity(HEADER)
        .raw(MAGIC)
        .raw(opening.document.as_bytes())
        .raw(opening.conversation.as_bytes())
        .raw(opening.author.as_bytes())
        .u64(opening.segments)
        .u32(opening.segment_len)
        .u8(opening.class.number())
        .u64(opening.now.as_millis())
        .finish();
    header.resize(HEADER - 4, 0);
    let crc = crc32fast::hash(&header);
    Writer::with_capacity(HEADER).raw(&header).u32(crc).finish()
}

fn decode(header: &[u8]) -> Result<Opening, Fault> {
    let (fields, crc) = header.split_at_checked(HEADER - 4).ok_or(Fault::Damaged)?;
    if crc32fast::hash(fields).to_be_bytes() != crc {
        return Err(Fault::Damaged);
    }
    let mut r = Reader::new(fields);
    if r.array::<8>()? != *MAGIC {
        return Err(Fault::Damaged);
    }
    let document = DocumentId::from_bytes(r.array()?);
    let conversation = ConversationId::from_bytes(r.array()?);
    let author = DeviceId::from_bytes(r.array()?);
    let (segments, segment_len, class) = (r.u64()?, r.u32()?, r.u8()?);
    Ok(Opening {
        document,
        conversation,
        author,
        segments,
        segment_len,
        class: *RetentionClass::ALL.iter().find(|c| c.number() == class).ok_or(Fault::Damaged)?,
        now: Timestamp::from_millis(r.u64()?),
    })
}

/// Makes a document's index, durably, its folder's name included.
pub(crate) fn create(documents: &Path, paths: &Paths, opening: &Opening) -> io::Result<()> {
    if !paths.dir.is_dir() {
        folder::create_dir(&paths.dir)?;
        folder::sync_dir(documents)?;
    }
    // What is left of one whose index was damaged is not counted in this one's.
    for left in [paths.part(), paths.sealed()] {
        if left.exists() {
            fs::remove_file(left)?;
            folder::sync_dir(&paths.dir)?;
        }
    }
    let new = paths.dir.join(format!("{}.new", paths.name));
    let mut file = folder::open_rw(&new)?;
    file.set_len(0)?;
    file.write_all(&encode(opening))?;
    file.set_len(HEADER as u64 + opening.segments.saturating_mul(4))?;
    file.sync_all()?;
    fs::rename(&new, paths.index())?;
    folder::sync_dir(&paths.dir)
}

/// Reads an index's header.
pub(crate) fn read_header(path: &Path) -> io::Result<Result<Opening, Fault>> {
    let mut header = vec![0; HEADER];
    match File::open(path)?.read_exact_at(&mut header, 0) {
        Ok(()) => Ok(decode(&header)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Err(Fault::Damaged)),
        Err(error) => Err(error),
    }
}

/// A segment's checksum; never 0, which stands for "none yet".
pub(crate) fn checksum(segment: &[u8]) -> u32 {
    crc32fast::hash(segment).max(1)
}

/// Which segments an index counts, from the first.
pub(crate) fn read_checksums(index: &File, segments: u64, mut each: impl FnMut(u64)) -> io::Result<()> {
    const AT_ONCE: u64 = 16 * 1024;
    let mut from = 0;
    while from < segments {
        let count = AT_ONCE.min(segments - from);
        let mut bytes = vec![0; usize::try_from(count * 4).unwrap_or(0)];
        index.read_exact_at(&mut bytes, HEADER as u64 + from * 4)?;
        for (number, crc) in (from..).zip(bytes.chunks_exact(4)) {
            if crc != [0; 4] {
                each(number);
            }
        }
        from += count;
    }
    Ok(())
}

/// Makes an index count no segment, durably.
pub(crate) fn clear_checksums(index: &File, segments: u64) -> io::Result<()> {
    let mut counted = Vec::new();
    read_checksums(index, segments, |number| counted.push(number))?;
    if counted.is_empty() {
        return Ok(());
    }
    for number in counted {
        write_checksum(index, number, 0)?;
    }
    index.sync_all()
}

pub(crate) fn read_checksum(index: &File, number: u64) -> io::Result<u32> {
    let mut crc = [0; 4];
    index.read_exact_at(&mut crc, HEADER as u64 + number * 4)?;
    Ok(u32::from_be_bytes(crc))
}

pub(crate) fn write_checksum(index: &File, number: u64, crc: u32) -> io::Result<()> {
    index.write_all_at(&crc.to_be_bytes(), HEADER as u64 + number * 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn headers((document, conversation, author) in any::<([u8; 16], [u8; 16], [u8; 32])>(),
                   segments in any::<u64>(), segment_len in any::<u32>(), class in 0_usize..5, now in any::<u64>(),
                   at in 0..HEADER, bit in 0_u8..8) {
            let opening = Opening {
                document: DocumentId::from_bytes(document), conversation: ConversationId::from_bytes(conversation),
                author: DeviceId::from_bytes(author), segments, segment_len, class: RetentionClass::ALL[class],
                now: Timestamp::from_millis(now),
            };
            let mut header = encode(&opening);
            prop_assert_eq!(decode(&header), Ok(opening));
            header[at] ^= 1 << bit;
            prop_assert_eq!(decode(&header), Err(Fault::Damaged));
            prop_assert_eq!(decode(&header[..at]), Err(Fault::Damaged));
        }
    }
}
