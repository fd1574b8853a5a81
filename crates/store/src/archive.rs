//! Archive (protocol-spec/07-delivery, section 13): a relay's state as one stream of records, to be kept elsewhere.
//!
//! ```text
//! archive = "amanat relay archive\n" ‖ uint32 version ‖ record* ‖ end
//! record  = uint8 kind ‖ uint32 length ‖ payload ‖ CRC-32 of all before it in the record
//! end     = record of kind 0: uint64 number of records ‖ BLAKE3 of all bytes before this record
//! ```
//!
//! A stream without its end is no archive: so a copy that was cut short, or is still being made, is told from a whole one.

use std::{
    fmt,
    io::{self, Read, Write},
};

use amanat_primitives::{ConversationId, DeviceId, Digest, DocumentId, Timestamp, hash::StreamHasher};
use amanat_wire::log::RetentionClass;
use zeroize::Zeroizing;

use crate::{
    blobs::Opening,
    error::Fault,
    layout::{Reader as Fields, Writer as Layout},
};

const MAGIC: &[u8] = b"amanat relay archive\n";
const VERSION: u32 = 1;
/// Bytes of one record's payload: the longest stored value, and its key.
pub const RECORD_LIMIT: usize = 16 * 1024 * 1024 + 64 * 1024;
const END: u8 = 0;

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Not an archive.
    #[error("not an archive of a relay")]
    Foreign,
    /// Of a later version.
    #[error("the archive is of version {0}, which this program does not know")]
    Newer(u32),
    /// It ends before its end.
    #[error("the archive is cut short")]
    CutShort,
    /// Something in it was altered.
    #[error("the archive is damaged")]
    Damaged,
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Fault> for ArchiveError {
    fn from(_: Fault) -> Self {
        Self::Damaged
    }
}

/// One record.
#[derive(Clone, PartialEq, Eq)]
pub enum Record {
    /// A file of the relay's folder.
    File {
        /// Its name, without a folder.
        name: String,
        /// Its content; of one file, the relay's secret keys.
        bytes: Zeroizing<Vec<u8>>,
    },
    /// A row of the store.
    Row {
        /// Its key.
        key: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// A body that the store keeps as a file.
    Body(Vec<u8>),
    /// A sealed document; its segments follow, all of them and in order.
    Document(Opening),
    /// The next segment of the document.
    Segment(Vec<u8>),
}

/// What it is and how long, never its content. [DELIV-196]
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, bytes } => write!(f, "File({name:?}, {} bytes)", bytes.len()),
            Self::Row { key, value } => write!(f, "Row({} bytes, {} bytes)", key.len(), value.len()),
            Self::Body(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Self::Document(opening) => write!(f, "Document({} segments)", opening.segments),
            Self::Segment(bytes) => write!(f, "Segment({} bytes)", bytes.len()),
        }
    }
}

impl Record {
    fn encode(&self) -> (u8, Vec<u8>) {
        match self {
            Self::File { name, bytes } => {
                // Room for all of it, so that no copy of keys is left behind as it grows.
                let w = Layout::with_capacity(4 + name.len() + bytes.len());
                (1, w.string(name.as_bytes()).raw(bytes).finish())
            }
            Self::Row { key, value } => (2, Layout::default().string(key).raw(value).finish()),
            Self::Body(bytes) => (3, bytes.clone()),
            Self::Document(opening) => (4, encode_opening(opening)),
            Self::Segment(bytes) => (5, bytes.clone()),
        }
    }

    fn decode(kind: u8, mut payload: Zeroizing<Vec<u8>>) -> Result<Self, ArchiveError> {
        let mut fields = Fields::new(&payload);
        Ok(match kind {
            1 => {
                let name = String::from_utf8(fields.string()?.to_vec()).map_err(|_| ArchiveError::Damaged)?;
                Self::File { name, bytes: Zeroizing::new(fields.rest().to_vec()) }
            }
            2 => Self::Row { key: fields.string()?.to_vec(), value: fields.rest().to_vec() },
            3 => Self::Body(std::mem::take(&mut *payload)),
            4 => Self::Document(decode_opening(fields)?),
            5 => Self::Segment(std::mem::take(&mut *payload)),
            _ => return Err(ArchiveError::Damaged),
        })
    }
}

fn class(number: u8) -> Result<RetentionClass, ArchiveError> {
    RetentionClass::ALL.iter().find(|class| class.number() == number).copied().ok_or(ArchiveError::Damaged)
}

fn encode_opening(opening: &Opening) -> Vec<u8> {
    Layout::default()
        .raw(opening.document.as_bytes())
        .raw(opening.conversation.as_bytes())
        .raw(opening.author.as_bytes())
        .u64(opening.segments)
        .u32(opening.segment_len)
        .u8(opening.class.number())
        .u64(opening.now.as_millis())
        .finish()
}

fn decode_opening(mut fields: Fields<'_>) -> Result<Opening, ArchiveError> {
    let opening = Opening {
        document: DocumentId::from_bytes(fields.array()?),
        conversation: ConversationId::from_bytes(fields.array()?),
        author: DeviceId::from_bytes(fields.array()?),
        segments: fields.u64()?,
        segment_len: fields.u32()?,
        class: class(fields.u8()?)?,
        now: Timestamp::from_millis(fields.u64()?),
    };
    fields.end()?;
    Ok(opening)
}

/// Writes an archive. It is one only once [`finish`](Self::finish) has returned.
pub struct ArchiveWriter<W> {
    out: W,
    hasher: StreamHasher,
    records: u64,
    bytes: u64,
}

impl<W: Write> ArchiveWriter<W> {
    /// Begins one.
    ///
    /// # Errors
    /// Of `out`.
    pub fn begin(out: W) -> io::Result<Self> {
        let mut archive = Self { out, hasher: StreamHasher::new(), records: 0, bytes: 0 };
        archive.put(MAGIC)?;
        archive.put(&VERSION.to_be_bytes())?;
        Ok(archive)
    }

    /// Adds a record.
    ///
    /// # Errors
    /// Of `out`; [`io::ErrorKind::InvalidInput`] above [`RECORD_LIMIT`].
    pub fn add(&mut self, record: &Record) -> io::Result<()> {
        let (kind, payload) = record.encode();
        self.frame(kind, &Zeroizing::new(payload))?;
        self.records += 1;
        Ok(())
    }

    /// Bytes written.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ends it, and gives the stream back.
    ///
    /// # Errors
    /// Of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        let end = Layout::default().u64(self.records).raw(self.hasher.finish().as_bytes()).finish();
        self.frame(END, &end)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn frame(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).ok().filter(|length| *length as usize <= RECORD_LIMIT);
        let length = length.ok_or(io::ErrorKind::InvalidInput)?;
        let head = Layout::default().u8(kind).u32(length).finish();
        let mut crc = crc32fast::Hasher::new();
        crc.update(&head);
        crc.update(payload);
        self.put(&head)?;
        self.put(payload)?;
        self.put(&crc.finalize().to_be_bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        self.out.write_all(bytes)
    }
}

/// Reads an archive, checking each record.
pub struct ArchiveReader<R> {
    from: R,
    hasher: StreamHasher,
    records: u64,
    ended: bool,
}

impl<R: Read> ArchiveReader<R> {
    /// Looks at what stands at its beginning.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn open(from: R) -> Result<Self, ArchiveError> {
        let mut archive = Self { from, hasher: StreamHasher::new(), records: 0, ended: false };
        let mut magic = [0; MAGIC.len()];
        archive.fill(&mut magic)?;
        if magic != MAGIC {
            return Err(ArchiveError::Foreign);
        }
        let mut version = [0; 4];
        archive.fill(&mut version)?;
        match u32::from_be_bytes(version) {
            VERSION => Ok(archive),
            other => Err(ArchiveError::Newer(other)),
        }
    }

    /// The next record; none at the end, which was checked then. [DELIV-110]
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn next_record(&mut self) -> Result<Option<Record>, ArchiveError> {
        if self.ended {
            return Ok(None);
        }
        let so_far = self.hasher.finish();
        let mut head = [0; 5];
        self.fill(&mut head)?;
        let [kind, length @ ..] = head;
        let length = u32::from_be_bytes(length) as usize;
        if length > RECORD_LIMIT {
            return Err(ArchiveError::Damaged);
        }
        let mut payload = Zeroizing::new(vec![0; length]);
        self.fill(&mut payload)?;
        let mut crc = [0; 4];
        self.fill(&mut crc)?;
        let mut expected = crc32fast::Hasher::new();
        expected.update(&head);
        expected.update(&payload);
        if crc != expected.finalize().to_be_bytes() {
            return Err(ArchiveError::Damaged);
        }
        if kind != END {
            self.records += 1;
            return Record::decode(kind, payload).map(Some);
        }
        let mut fields = Fields::new(&payload);
        let whole = fields.u64()? == self.records && Digest::from_bytes(fields.array()?) == so_far;
        fields.end()?;
        let nothing_follows = self.from.read(&mut [0])? == 0;
        if !whole || !nothing_follows {
            return Err(ArchiveError::Damaged);
        }
        self.ended = true;
        Ok(None)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ArchiveError> {
        self.from.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ArchiveError::CutShort,
            _ => ArchiveError::Io(error),
        })?;
        self.hasher.update(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        let opening = Opening {
            document: DocumentId::from_bytes([1; 16]),
            conversation: ConversationId::from_bytes([2; 16]),
            author: DeviceId::from_bytes([3; 32]),
            segments: 1,
            segment_len: 4,
            class: RetentionClass::Month,
            now: Timestamp::from_secs(5),
        };
        vec![
            Record::File { name: "relay.toml".into(), bytes: b"x = 1".to_vec().into() },
            Record::Row { key: b"hkey".to_vec(), value: vec![7; 100_000] },
            Record::Body(vec![9; 70_000]),
            Record::Document(opening),
            Record::Segment(b"1234".to_vec()),
        ]
    }

    fn written() -> Vec<u8> {
        let mut archive = ArchiveWriter::begin(Vec::new()).unwrap();
        records().iter().for_each(|record| archive.add(record).unwrap());
        archive.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Record>, ArchiveError> {
        let mut archive = ArchiveReader::open(bytes)?;
        let mut found = Vec::new();
        while let Some(record) = archive.next_record()? {
            found.push(record);
        }
        Ok(found)
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(read(&written()).unwrap(), records());
    }

    #[test]
    fn no_content_is_shown() {
        // [DELIV-196]
        let keys = Record::File { name: "relay.key".into(), bytes: b"secret".to_vec().into() };
        assert_eq!(format!("{keys:?}"), "File(\"relay.key\", 6 bytes)");
    }

    #[test]
    fn what_is_cut_short_or_altered_is_refused() {
        // [DELIV-110] At every length, every byte of the heads and the end, and some of the rest.
        let good = written();
        for length in (0..200).chain((200..good.len()).step_by(997)).chain(good.len() - 60..good.len()) {
            assert!(matches!(read(&good[..length]), Err(ArchiveError::CutShort)), "{length}");
        }
        for at in (0..200).chain((200..good.len()).step_by(997)).chain(good.len() - 60..good.len()) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(read(&bad).is_err(), "{at}");
        }
        assert!(read(&[&good[..], &[0]].concat()).is_err());
        assert!(matches!(read(b"something else that is long enough"), Err(ArchiveError::Foreign)));
    }
}
