//! Extraction (protocol-spec/09-policy, section 9): the text in a document's bytes, as the leak filter reads it.
//!
//! Start with [`extract`]. What a document is, is told by its bytes (`kind`); one module reads each kind (`pdf`,
//! `word`, `sheet`, `odf`, `plain`, `csv`, `markup`, `mail`, `archive`), and all of them go through
//! `reading`, which holds what a document may cost ([`Limits`]) and hands every piece of text to the caller's sink.
//! Pure: the bytes and the clock come in as arguments, nothing is kept. It is meant for a confined child process, whose
//! parent limits memory and time once more; the limits here let it say *why* a document was not read.
//!
//! Absent on purpose: nothing is drawn, run, fetched or decrypted, and no letter is recognised in a picture. What cannot
//! be read in full is [`Unreadable`] and never passes for empty.

mod archive;
mod csv;
mod kind;
mod limits;
mod mail;
mod markup;
mod odf;
mod package;
mod pdf;
mod piece;
mod plain;
mod reading;
mod sheet;
mod unreadable;
mod word;
mod xml;
mod zip;

pub use kind::Kind;
pub use limits::Limits;
pub use piece::{Cell, Content, Flow, Piece, Place};
pub use unreadable::{Reason, Unreadable};

use reading::{Done, Halt, Reading};

/// What was read of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The outermost document's kind.
    pub kind: Kind,
    /// False where the sink asked to stop before the end.
    pub complete: bool,
    /// Bytes of text handed to the sink.
    pub text: u64,
    /// Rows of tables and sheets handed to the sink.
    pub rows: u64,
    /// Pages of PDF files, at any depth.
    pub pages: u32,
    /// Entries of archives and packages, attachments and embedded files, at any depth.
    pub entries: u32,
    /// Pictures, sound and video among them (or the document itself), in which there is no text to read.
    pub pictures: u32,
}

/// Reads the document `bytes` that goes by the file name `name`, handing its text to `sink` piece by piece.
///
/// `out_of_time` says whether the time is over; it is asked about once for every 64 KiB of work, and no step between takes
/// longer than going once through the file. Pieces that came before an
/// error are valid, and may well hold what the filter looks for: the caller counts them and treats the document as
/// unreadable besides [POL-41]. An entry that cannot be read does not keep the ones after it from being read.
pub fn extract(
    name: &str,
    bytes: &[u8],
    limits: &Limits,
    out_of_time: &mut dyn FnMut() -> bool,
    sink: &mut dyn FnMut(Piece<'_>) -> Flow,
) -> Result<Summary, Unreadable> {
    let reading = Reading::new(limits, bytes.len(), out_of_time, sink);
    let kind = reading.check_time().and_then(|()| document(&reading, name, bytes));
    let (kind, complete) = match kind {
        Ok(kind) => (kind, true),
        Err(Halt::Stopped) => (kind::outermost(bytes), false),
        Err(Halt::Unreadable(why)) => return Err(why),
    };
    match reading.first_fault() {
        Some(fault) if complete => Err(fault),
        _ => Ok(reading.summary(kind, complete)),
    }
}

/// One document at any depth.
fn document(reading: &Reading<'_>, name: &str, bytes: &[u8]) -> Done<Kind> {
    let form = kind::form(bytes);
    kind::check_name(name, form)?;
    let structured = !matches!(form, kind::Form::Text | kind::Form::Picture | kind::Form::Media);
    let limit = if structured { reading.limits.structured_input } else { reading.limits.plain_input };
    if bytes.len() > limit {
        return Err(Unreadable::new(Reason::TooLarge, format!("{} bytes, at most {limit}", bytes.len())).into());
    }
    match form {
        kind::Form::Pdf => pdf::read(reading, bytes).map(|()| Kind::Pdf),
        kind::Form::Zip => package::read(reading, name, bytes),
        kind::Form::Text => plain::read(reading, name, bytes),
        kind::Form::Picture => {
            zip::refuse_appended(bytes)?;
            reading.count_picture();
            Ok(Kind::Picture)
        }
        kind::Form::Media => {
            zip::refuse_appended(bytes)?;
            reading.count_picture();
            Ok(Kind::Media)
        }
        kind::Form::Ole => Err(kind::ole_fault(bytes).into()),
        kind::Form::Other(what) => Err(Unreadable::new(Reason::Unknown, what).into()),
    }
}
