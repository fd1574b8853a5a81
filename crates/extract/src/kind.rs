//! Kinds (protocol-spec/09-policy, section 9): what a document is, told by its bytes.
//!
//! A name is believed nowhere. It is only compared: where it claims a kind that is read in another way than the bytes
//! ask for, whoever opens the file sees something else than the filter did, and it is refused as mislabelled.

use memchr::memmem;

use crate::reading::{Done, fail};
use crate::unreadable::{Reason, Unreadable};

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// PDF.
    Pdf,
    /// Word document (OOXML).
    Docx,
    /// Excel workbook (OOXML).
    Xlsx,
    /// PowerPoint presentation (OOXML).
    Pptx,
    /// OpenDocument text.
    Odt,
    /// OpenDocument spreadsheet.
    Ods,
    /// OpenDocument presentation or drawing.
    Odp,
    /// A ZIP archive of anything.
    Zip,
    /// Plain text.
    Text,
    /// Values separated by commas, semicolons, tabs or bars.
    Csv,
    /// HTML, XML, SVG.
    Html,
    /// A mail with its attachments.
    Email,
    /// A picture: nothing to read.
    Picture,
    /// Sound or video: nothing to read.
    Media,
}

/// What the first bytes say, before a ZIP or a text is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Pdf,
    Zip,
    Ole,
    Picture,
    Media,
    Text,
    /// Known, and not read.
    Other(&'static str),
}

const PICTURES: &[&[u8]] = &[
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF87a",
    b"GIF89a",
    b"II*\0",
    b"MM\0*",
    b"8BPS",
    b"\0\0\x01\0",
    b"\xd7\xcd\xc6\x9a",
    b"\0\0\0\x0cjP  ",
    b"\xff\x0a\xff",
];
const MEDIA: &[&[u8]] =
    &[b"ID3", b"OggS", b"fLaC", b"\x1a\x45\xdf\xa3", b"#!AMR", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1", b"\xff\xf9"];
const OTHERS: &[(&[u8], &str)] = &[
    (b"{\\rtf", "an RTF document"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"MSCF", "a cabinet archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3\0", "a database"),
    (b"\0\x01\0\0Standard", "a database"),
    (b"%!PS", "a PostScript document"),
    (b"age-encryption.org/", "an encrypted file"),
    (b"-----BEGIN PGP MESSAGE", "an encrypted file"),
];
const OLE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// What the bytes are.
pub(crate) fn form(bytes: &[u8]) -> Form {
    let starts = |magic: &&[u8]| bytes.starts_with(magic);
    let at = |from: usize, what: &[u8]| bytes.get(from..).is_some_and(|rest| rest.starts_with(what));
    if bytes.starts_with(OLE) {
        return Form::Ole;
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Form::Zip;
    }
    // A PDF may begin behind a little of something else; a text that speaks of "%PDF-" further down is still a text.
    if memmem::find(bytes.get(..1024).unwrap_or(bytes), b"%PDF-").is_some_and(|at| at == 0 || has_pdf_objects(bytes)) {
        return Form::Pdf;
    }
    if PICTURES.iter().any(starts) || is_bitmap(bytes) || (at(0, b"\x01\0\0\0") && at(40, b" EMF")) {
        return Form::Picture;
    }
    if at(0, b"RIFF") {
        return if at(8, b"WEBP") { Form::Picture } else { Form::Media };
    }
    if at(4, b"ftyp") {
        let picture = [&b"heic"[..], b"heix", b"mif1", b"avif", b"hevc", b"msf1"].iter().any(|brand| at(8, brand));
        return if picture { Form::Picture } else { Form::Media };
    }
    if MEDIA.iter().any(starts) {
        return Form::Media;
    }
    match OTHERS.iter().find(|(magic, _)| bytes.starts_with(magic) && !is_word(magic, bytes)) {
        Some((_, what)) => Form::Other(what),
        None => Form::Text,
    }
}

fn has_pdf_objects(bytes: &[u8]) -> bool {
    memmem::find(bytes, b" obj").is_some() && memmem::find(bytes, b"endobj").is_some()
}

fn is_bitmap(bytes: &[u8]) -> bool {
    let size = bytes.get(2..6).and_then(|size| <[u8; 4]>::try_from(size).ok()).map(u32::from_le_bytes);
    bytes.starts_with(b"BM") && bytes.get(6..10) == Some(&[0; 4]) && size.is_some_and(|size| size > 26)
}

/// Whether a magic of letters only begins what is a text all the same.
fn is_word(magic: &[u8], bytes: &[u8]) -> bool {
    magic.iter().all(u8::is_ascii_alphanumeric)
        && bytes.iter().take(512).all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e))
}

/// What a name's ending claims.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    Package(Kind),
    OldOffice,
    Form(Form),
}

fn claim(name: &str) -> Option<Claim> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "pdf" => Claim::Form(Form::Pdf),
        "docx" | "docm" | "dotx" | "dotm" => Claim::Package(Kind::Docx),
        "xlsx" | "xlsm" | "xltx" | "xltm" | "xlsb" => Claim::Package(Kind::Xlsx),
        "pptx" | "pptm" | "potx" | "ppsx" => Claim::Package(Kind::Pptx),
        "odt" | "ott" => Claim::Package(Kind::Odt),
        "ods" | "ots" => Claim::Package(Kind::Ods),
        "odp" | "odg" => Claim::Package(Kind::Odp),
        "zip" => Claim::Form(Form::Zip),
        "doc" | "xls" | "ppt" | "dot" => Claim::OldOffice,
        "msg" => Claim::Form(Form::Ole),
        "png" | "jpg" | "jpeg" | "gif" | "bmp" | "webp" | "tif" | "tiff" | "heic" | "ico" => Claim::Form(Form::Picture),
        "mp3" | "wav" | "ogg" | "oga" | "opus" | "flac" | "m4a" | "aac" | "amr" | "mp4" | "mov" | "avi" | "mkv"
        | "webm" | "3gp" => Claim::Form(Form::Media),
        "txt" | "csv" | "tsv" | "md" | "log" | "json" | "xml" | "svg" | "html" | "htm" | "eml" | "mht" | "mhtml"
        | "ics" | "vcf" => Claim::Form(Form::Text),
        _ => return None,
    })
}

fn mislabelled<T>() -> Done<T> {
    fail(Reason::Mislabelled, "its name claims another kind than its bytes are")
}

/// Compares a name with what the first bytes say. [POL-40]
pub(crate) fn check_name(name: &str, form: Form) -> Done {
    let fits = match claim(name) {
        None => true,
        // An office document with a password is an OLE file whatever its name: `ole_fault` says so.
        Some(Claim::Package(_)) => matches!(form, Form::Zip | Form::Ole),
        // Programs write HTML, CSV and RTF under these names, and office programs open them.
        Some(Claim::OldOffice) => {
            matches!(form, Form::Ole | Form::Zip | Form::Text) || form == Form::Other("an RTF document")
        }
        Some(Claim::Form(Form::Picture | Form::Media)) => matches!(form, Form::Picture | Form::Media),
        Some(Claim::Form(Form::Text)) => form == Form::Text || matches!(form, Form::Other(_)),
        Some(Claim::Form(claimed)) => claimed == form,
    };
    if fits { Ok(()) } else { mislabelled() }
}

/// Compares a name with what a ZIP has turned out to be.
pub(crate) fn check_package(name: &str, kind: Kind) -> Done {
    match claim(name) {
        Some(Claim::Package(claimed)) if claimed != kind => mislabelled(),
        Some(Claim::OldOffice) if kind == Kind::Zip => mislabelled(),
        _ => Ok(()),
    }
}

/// Whether a name claims values in columns.
pub(crate) fn claims_table(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| matches!(ending.to_ascii_lowercase().as_str(), "csv" | "tsv"))
}

/// Whether a name claims a mail.
pub(crate) fn claims_mail(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, ending)| matches!(ending.to_ascii_lowercase().as_str(), "eml" | "mht" | "mhtml"))
}

/// Why an OLE file is not read.
pub(crate) fn ole_fault(bytes: &[u8]) -> Unreadable {
    let stream = |name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        memmem::find(bytes, &wide).is_some()
    };
    if stream("EncryptedPackage") {
        return Unreadable::new(Reason::Encrypted, "an office document with a password");
    }
    let what = if stream("WordDocument") {
        "an old Word document (.doc)"
    } else if stream("Workbook") {
        "an old Excel workbook (.xls)"
    } else if stream("__properties_version1.0") {
        "an Outlook message (.msg)"
    } else {
        "an old office document"
    };
    Unreadable::new(Reason::Unknown, what)
}

/// The kind to name for a document whose reading was stopped before its kind was settled.
pub(crate) fn outermost(bytes: &[u8]) -> Kind {
    match form(bytes) {
        Form::Pdf => Kind::Pdf,
        Form::Zip => Kind::Zip,
        Form::Picture => Kind::Picture,
        Form::Media => Kind::Media,
        Form::Ole | Form::Text | Form::Other(_) => Kind::Text,
    }
}
