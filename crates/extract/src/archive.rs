//! Archives (protocol-spec/09-policy, section 9): every entry of a ZIP, each read as the document it is.

use crate::piece::Place;
use crate::reading::{Done, Reading};
use crate::zip::{Entry, Zip};

pub(crate) fn read(reading: &Reading<'_>, zip: &Zip<'_>) -> Done {
    for entry in zip.entries.iter().filter(|entry| !entry.is_folder()) {
        read_entry(reading, entry)?;
    }
    Ok(())
}

/// An entry as a document of its own, its name included.
pub(crate) fn read_entry(reading: &Reading<'_>, entry: &Entry<'_>) -> Done {
    reading.text(Place::Name, &entry.name)?;
    let bytes = entry.bytes(reading);
    match bytes {
        Ok((bytes, held)) => {
            let done = reading.entry(&entry.name, &bytes);
            drop(held);
            done
        }
        Err(halt) => reading.inside(&entry.name, || Err(halt)),
    }
}
