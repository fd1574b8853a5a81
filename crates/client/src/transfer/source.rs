//! Source (protocol-spec/06-document, sections 3 and 4): the file that is sent, read once from front to back on a
//! blocking thread and made into segments there.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use amanat_document::{
    Keys, Layout, MAX_SIZE, MadeSegment, Segment, SegmentWriter, SourceStamp, WriteError, segment_buffer,
};
use amanat_primitives::{Digest, Timestamp};
use tokio::sync::mpsc;

use super::{Fault, Retry};
use crate::{Failure, FailureCode, failure};

/// The stamp of a file that can be sent.
///
/// # Errors
/// [`FailureCode::File`] for what is no plain file or cannot be read, [`FailureCode::TooLarge`].
pub(crate) fn stamp_of(path: &Path) -> Result<SourceStamp, Failure> {
    Source::open(path).map(|(_, stamp)| stamp)
}

/// A file open for reading, and how far it has been read.
pub(super) struct Source {
    file: File,
    path: PathBuf,
    position: u64,
}

impl Source {
    /// Opens a plain file, and says what it is at this moment.
    pub(super) fn open(path: &Path) -> Result<(Self, SourceStamp), Failure> {
        let unreadable = |error| failure::file("read", path, &error);
        // Looked at before it is opened: opening a pipe would wait for its other end.
        plain(path, &fs::metadata(path).map_err(unreadable)?)?;
        let file = File::open(path).map_err(unreadable)?;
        let found = file.metadata().map_err(unreadable)?;
        plain(path, &found)?;
        if Layout::new(found.len()).is_err() {
            let failed = format!("{} is larger than {} GiB", path.display(), MAX_SIZE / (1024 * 1024 * 1024));
            return Err(Failure::new(FailureCode::TooLarge, failed, "send it in parts"));
        }
        Ok((Self { file, path: path.to_owned(), position: 0 }, stamp(&found)))
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if offset != self.position {
            self.file.seek(SeekFrom::Start(offset))?;
        }
        self.file.read_exact(buffer)?;
        self.position = offset.saturating_add(buffer.len() as u64);
        Ok(())
    }

    fn fault(&self, error: &io::Error) -> Fault {
        // It was this long when its stamp was taken.
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return edited(&self.path);
        }
        Fault::final_one(failure::file("read", &self.path, error))
    }
}

/// The file is not what it was when the upload began.
pub(super) fn edited(path: &Path) -> Fault {
    let failed = format!("{} was changed while it was being sent", path.display());
    let advice = "it is sent again from the beginning; leave it as it is until then";
    Fault { failure: Failure::new(FailureCode::File, failed, advice), retry: Retry::UnderNewKeys }
}

fn plain(path: &Path, found: &Metadata) -> Result<(), Failure> {
    let (what, advice) = if found.is_file() {
        return Ok(());
    } else if found.is_dir() {
        ("a folder", "pack it into one file (zip, tar) and send that")
    } else {
        ("not a plain file", "copy its content into a file and send that")
    };
    Err(Failure::new(FailureCode::File, format!("{} is {what}", path.display()), advice))
}

fn stamp(found: &Metadata) -> SourceStamp {
    SourceStamp { size: found.len(), modified: found.modified().ok().map(Timestamp::from) }
}

/// A segment, and its bytes where the relay does not have them yet.
pub(super) struct Made {
    pub(super) segment: MadeSegment,
    pub(super) bytes: Option<Box<Segment>>,
}

/// What a file was, once all of it was read.
#[derive(Clone, Copy)]
pub(super) struct Whole {
    pub(super) digest: Digest,
    /// The file's stamp after its last byte was read.
    pub(super) stamp: SourceStamp,
}

/// Makes all segments, in order, and hands them over as fast as they are taken. Blocking. `None` when nobody takes
/// them any more.
pub(super) fn make(
    mut source: Source,
    keys: &Keys,
    layout: Layout,
    held: u64,
    out: &mpsc::Sender<Made>,
) -> Result<Option<Whole>, Fault> {
    let mut writer = SegmentWriter::new(keys.document, layout, &keys.file_key, keys.nonce);
    // [DOC-08] Every making begins at the file's first byte under the upload's one key and nonce. What the relay has is
    // made only to be compared with its recorded hash, so one buffer does for all of it.
    let mut scratch = segment_buffer();
    loop {
        let is_held = writer.next_index() < held;
        let mut fresh = (!is_held).then(segment_buffer);
        let buffer = fresh.as_deref_mut().unwrap_or(&mut scratch);
        let made = writer.write_next(|offset, plain| source.read_at(offset, plain), buffer);
        let segment = match made {
            Ok(Some(segment)) => segment,
            Ok(None) => break,
            Err(WriteError::Source(error)) => return Err(source.fault(&error)),
            Err(WriteError::Broken) => return Err(out_of_step()),
        };
        if out.blocking_send(Made { segment, bytes: fresh }).is_err() {
            return Ok(None);
        }
    }
    let found = source.file.metadata().map_err(|error| source.fault(&error))?;
    let digest = writer.plain_digest().ok_or_else(out_of_step)?;
    Ok(Some(Whole { digest, stamp: stamp(&found) }))
}

fn out_of_step() -> Fault {
    Fault::final_one(failure::internal("the document's segments are out of step"))
}
