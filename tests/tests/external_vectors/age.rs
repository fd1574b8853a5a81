//! age's vectors: the payload of each file through the decryptor that documents use, under the file key that the vector
//! tells; what decrypts is encrypted again and must be the same bytes.

use amanat_conversation::testing::WideCrypto;
use amanat_document::{
    FileKey, Layout, MadeSegment, PayloadDecryptor, PayloadNonce, SegmentWriter, payload, segment_buffer,
};
use amanat_primitives::{DocumentId, Secret, kdf};
use openmls::prelude::{HashType, OpenMlsCrypto as _};
use sha2::{Digest as _, Sha256};

use super::{Outcome, Reason, Tally};

/// More than any vector inflates to.
const INFLATED_MAX: usize = 64 * 1024 * 1024;

pub(crate) fn is_vector(bytes: &[u8]) -> bool {
    bytes.starts_with(b"expect: ")
}

pub(crate) fn run(bytes: &[u8]) -> Result<Tally, String> {
    let mut tally = Tally::default();
    tally.add(case(bytes)?);
    Ok(tally)
}

fn case(bytes: &[u8]) -> Result<Outcome, String> {
    let end = find(bytes, b"\n\n").ok_or("no empty line behind its header")?;
    let header = std::str::from_utf8(&bytes[..end]).map_err(|error| error.to_string())?;
    let mut vector = Vector { expect: "", digest: None, file_key: None };
    let mut file = bytes[end + 2..].to_vec();
    for line in header.lines() {
        match line.split_once(": ").ok_or("a header line without a colon")? {
            ("expect", value) => vector.expect = value,
            ("payload", value) => vector.digest = Some(unhex(value)?),
            ("file key", value) => vector.file_key = Some(unhex(value)?),
            ("compressed", "zlib") => {
                file = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(&file, INFLATED_MAX)
                    .map_err(|error| error.to_string())?;
            }
            ("identity" | "comment", _) => {}
            _ => return Ok(Outcome::LeftOut(Reason::AgeOther)),
        }
    }
    let payload = payload_of(&file);
    match (vector.expect, payload) {
        ("success", None) => Err("no payload in it".to_owned()),
        ("success" | "payload failure", Some(payload)) => {
            Ok(Outcome::of("payload", vector.check(payload).and_then(|()| vector.mac_is(&file, true))))
        }
        // A payload that ends within its nonce counts as the header's fault with age; it is the payload's with us.
        ("header failure", Some(payload)) if payload.len() < payload::NONCE_LEN => {
            Ok(Outcome::of("payload without a nonce", vector.check(payload)))
        }
        ("HMAC failure", Some(_)) => Ok(Outcome::of("header", vector.mac_is(&file, false))),
        ("header failure" | "no match", payload) => Ok(Outcome::LeftOut(vector.about_header(payload))),
        ("armor failure", _) => Ok(Outcome::LeftOut(Reason::AgeOther)),
        (other, _) => Err(format!("expects {other:?}")),
    }
}

struct Vector<'a> {
    expect: &'a str,
    digest: Option<Vec<u8>>,
    file_key: Option<Vec<u8>>,
}

impl Vector<'_> {
    fn check(&self, payload: &[u8]) -> Result<(), String> {
        let key = self.file_key.as_deref().and_then(Secret::from_slice).ok_or("no file key of 16 bytes")?;
        let key = FileKey::from_secret(key);
        let (released, opened) = open(&key, payload);
        if opened.is_ok() != (self.expect == "success") {
            return Err(format!("expected {}, was {opened:?}", self.expect));
        }
        // All that was given out must be what the vector says, also where it failed later.
        match &self.digest {
            Some(digest) if Sha256::digest(&released)[..] != digest[..] => {
                return Err(format!("{} bytes were released, not those of the vector", released.len()));
            }
            None if !released.is_empty() => return Err("bytes were released".to_owned()),
            _ => {}
        }
        if opened.is_ok() { seals_to(&key, &released, payload) } else { Ok(()) }
    }
}

impl Vector<'_> {
    /// The header's MAC, under the key that our HKDF derives; a document has none.
    fn mac_is(&self, file: &[u8], good: bool) -> Result<(), String> {
        let key = kdf::hkdf_sha256(self.file_key.as_deref().ok_or("no file key")?, &[], b"header");
        let end = find(file, b"\n---").ok_or("no line of the header's MAC")? + 4;
        let line = file[end..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        let told = data_encoding::BASE64_NOPAD
            .decode(line.strip_prefix(b" ").ok_or("no MAC")?)
            .map_err(|error| error.to_string())?;
        let made = WideCrypto::new(&[])
            .hmac(HashType::Sha2_256, key.expose_secret(), &file[..end])
            .map_err(|error| error.to_string())?;
        if (made.as_slice() == told) == good { Ok(()) } else { Err(format!("the header's MAC verifies: {}", !good)) }
    }

    /// A header that age must refuse. Where the file key is one, the payload behind it is whole nevertheless.
    fn about_header(&self, payload: Option<&[u8]>) -> Reason {
        let key = self.file_key.as_deref().and_then(Secret::from_slice);
        let opens = key.zip(payload).is_some_and(|(key, payload)| open(&FileKey::from_secret(key), payload).1.is_ok());
        if opens { Reason::AgeHeader } else { Reason::AgeStanza }
    }
}

/// What is released of a payload, and how it ends.
fn open(key: &FileKey, payload: &[u8]) -> (Vec<u8>, Result<(), String>) {
    let mut released = Vec::new();
    let Some((nonce, mut rest)) = payload.split_first_chunk() else {
        return (released, Err("no nonce".to_owned()));
    };
    let mut decryptor = PayloadDecryptor::new(key, &PayloadNonce::from_bytes(*nonce));
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(rest.len().min(payload::SEALED_CHUNK_LEN));
        match decryptor.open_chunk(&mut chunk.to_vec()) {
            Ok(opened) => released.extend_from_slice(opened.plain),
            Err(error) => return (released, Err(error.to_string())),
        }
        rest = behind;
    }
    (released, decryptor.finish().map_err(|error| error.to_string()))
}

/// Encrypts `plain` as a document under the vector's key and nonce and compares, segment by segment.
fn seals_to(key: &FileKey, plain: &[u8], payload: &[u8]) -> Result<(), String> {
    let nonce = payload.first_chunk().ok_or("no nonce")?;
    let layout = Layout::new(plain.len() as u64).map_err(|error| error.to_string())?;
    let mut writer = SegmentWriter::new(DocumentId::from_bytes([0; 16]), layout, key, PayloadNonce::from_bytes(*nonce));
    let mut made = Vec::new();
    let mut out = segment_buffer();
    let read_at = |offset: u64, buffer: &mut [u8]| {
        let start = offset as usize;
        buffer.copy_from_slice(plain.get(start..start + buffer.len()).ok_or("beyond the end")?);
        Ok::<(), &str>(())
    };
    while let Some(MadeSegment { .. }) = writer.write_next(read_at, &mut out).map_err(|error| error.to_string())? {
        made.extend_from_slice(out.as_slice());
    }
    let padding = made.split_off(layout.payload_len() as usize);
    if made != payload || padding.iter().any(|byte| *byte != 0) {
        return Err("encrypted again, it is another payload".to_owned());
    }
    Ok(())
}

/// What stands behind the line of the header's MAC.
fn payload_of(file: &[u8]) -> Option<&[u8]> {
    let mac = find(file, b"\n---")? + 1;
    let end = mac + find(&file[mac..], b"\n")?;
    Some(&file[end + 1..])
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|error| error.to_string())
}
