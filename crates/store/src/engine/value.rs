//! Stored values (protocol-spec/07-delivery, section 10): each with a CRC, long ones in parts.
//!
//! Parts are small, 4,500 bytes, for a reason found by trial: sled 0.34 keeps up to 20 neighbouring values in one node,
//! rewrites the node as a whole, and puts a node above 128 KiB into a file that it **never syncs**. With 20 values of
//! 4,500 bytes and keys of 200 a node stays below. (A limit of 60 KiB a value, which seems enough at first, makes such
//! files after a few writes.)

use crate::{
    KeyValue,
    error::Fault,
    layout::{Reader, Writer},
};

/// Longest key.
pub(crate) const MAX_KEY: usize = 200;
/// Longest value that is kept in one piece, and length of each part of a longer one.
pub(crate) const PART: usize = 4_500;
/// Longest value.
pub(crate) const MAX_VALUE: usize = 16 * 1024 * 1024;
/// First byte of the keys of parts; no other key begins with it.
pub(crate) const PARTS: u8 = 1;

const WHOLE: u8 = 0;
const SPLIT: u8 = 1;

/// The first record of a split value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Split {
    /// Number of the batch that wrote it, so that a value's parts never overwrite its predecessor's.
    pub(crate) generation: u64,
    /// Length of the whole.
    pub(crate) length: u32,
    /// CRC of the whole.
    pub(crate) crc: u32,
}

/// A stored record, checked.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Stored<'a> {
    /// The value itself.
    Whole(&'a [u8]),
    /// Where to find it.
    Split(Split),
}

/// The CRC covers the key too: a value that turned up under another key is found.
fn crc(key: &[u8], form: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(&[form]);
    hasher.update(payload);
    hasher.finalize()
}

fn record(key: &[u8], form: u8, payload: &[u8]) -> Vec<u8> {
    Writer::with_capacity(payload.len() + 5).u8(form).u32(crc(key, form, payload)).raw(payload).finish()
}

/// A value (or part) in one piece.
pub(crate) fn whole(key: &[u8], payload: &[u8]) -> Vec<u8> {
    record(key, WHOLE, payload)
}

/// The first record of a split value, and its parts with their keys.
pub(crate) fn split(key: &[u8], payload: &[u8], generation: u64) -> (Vec<u8>, Vec<KeyValue>) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let head = Split { generation, length, crc: crc32fast::hash(payload) };
    let fields = Writer::default().u64(head.generation).u32(head.length).u32(head.crc).finish();
    let parts = payload
        .chunks(PART)
        .zip(part_keys(key, &head))
        .map(|(chunk, part_key)| {
            let stored = whole(&part_key, chunk);
            (part_key, stored)
        })
        .collect();
    (record(key, SPLIT, &fields), parts)
}

/// Keys of a split value's parts, in order.
pub(crate) fn part_keys(key: &[u8], head: &Split) -> impl Iterator<Item = Vec<u8>> {
    let count = head.length.div_ceil(PART as u32);
    let stem = Writer::with_capacity(key.len() + 13).u8(PARTS).raw(key).u64(head.generation).finish();
    (0..count).map(move |index| {
        let mut part_key = stem.clone();
        part_key.extend_from_slice(&index.to_be_bytes());
        part_key
    })
}

/// Checks a record.
pub(crate) fn read<'a>(key: &[u8], stored: &'a [u8]) -> Result<Stored<'a>, Fault> {
    let mut reader = Reader::new(stored);
    let form = reader.u8()?;
    let expected = reader.u32()?;
    let payload = reader.rest();
    if crc(key, form, payload) != expected {
        return Err(Fault::Damaged); // [DELIV-04]
    }
    match form {
        WHOLE => Ok(Stored::Whole(payload)),
        SPLIT => {
            let mut fields = Reader::new(payload);
            let head = Split { generation: fields.u64()?, length: fields.u32()?, crc: fields.u32()? };
            fields.end()?;
            Ok(Stored::Split(head))
        }
        _ => Err(Fault::Damaged),
    }
}

/// What stands first of a split value; none of one in one piece, or where the record is damaged.
pub(crate) fn split_head(key: &[u8], stored: &[u8]) -> Option<Split> {
    // The form first: most values are in one piece, and their checksum costs more.
    match stored.first() {
        Some(&SPLIT) => match read(key, stored) {
            Ok(Stored::Split(head)) => Some(head),
            Ok(Stored::Whole(_)) | Err(_) => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn a_value_reads_back_and_an_altered_one_does_not(
            key in proptest::collection::vec(any::<u8>(), 1..40),
            payload in proptest::collection::vec(any::<u8>(), 0..300),
            at in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let mut stored = whole(&key, &payload);
            prop_assert_eq!(read(&key, &stored), Ok(Stored::Whole(&payload)));
            prop_assert!(read(b"another key that is longer than forty bytes", &stored).is_err());
            let at = at.index(stored.len());
            stored[at] ^= 1 << bit;
            prop_assert_eq!(read(&key, &stored), Err(Fault::Damaged));
        }

        #[test]
        fn a_split_value_has_all_its_parts(length in PART + 1..4 * PART, generation in any::<u64>()) {
            let payload: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let (head, parts) = split(b"key", &payload, generation);
            let Ok(Stored::Split(found)) = read(b"key", &head) else { panic!("not a split value") };
            let keys: Vec<_> = part_keys(b"key", &found).collect();
            prop_assert_eq!(keys.len(), parts.len());
            let mut again = Vec::new();
            for (key, (part_key, stored)) in keys.iter().zip(&parts) {
                prop_assert_eq!(key, part_key);
                let Ok(Stored::Whole(chunk)) = read(key, stored) else { panic!("not a part") };
                again.extend_from_slice(chunk);
            }
            prop_assert_eq!(again, payload);
        }
    }
}
