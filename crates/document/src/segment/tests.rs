//! Segments from the sender to the recipient, and everything that may happen to them between the two.

use std::convert::Infallible;

use amanat_primitives::{CryptoRngCore, Secret, hash::StreamHasher};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::{
    FileKey, Keys, Layout, PayloadDecryptor, PayloadError, PayloadNonce,
    payload::{CHUNK_LEN, NONCE_LEN, SEALED_CHUNK_LEN},
};

const MIB: usize = 1024 * 1024;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn text(size: usize, rng: &mut dyn CryptoRngCore) -> Vec<u8> {
    let mut text = vec![0; size];
    rng.fill_bytes(&mut text);
    text
}

fn from(text: &[u8]) -> impl FnMut(u64, &mut [u8]) -> Result<(), Infallible> {
    |offset, plain| {
        let start = usize::try_from(offset).unwrap();
        plain.copy_from_slice(&text[start..start + plain.len()]);
        Ok(())
    }
}

fn seal(keys: &Keys, text: &[u8]) -> Vec<Box<Segment>> {
    let mut writer = keys.writer(text.len() as u64).unwrap();
    let mut segments = Vec::new();
    loop {
        let mut out = segment_buffer();
        // What was in the buffer before must not matter.
        out.fill(0xaa);
        let Some(made) = writer.write_next(from(text), &mut out).unwrap() else { break };
        assert_eq!(made.index() as usize, segments.len());
        assert_eq!(made.hash(), SegmentHash::of(keys.document, made.index(), &out));
        segments.push(out);
    }
    let mut hasher = StreamHasher::new();
    hasher.update(text);
    assert_eq!(writer.plain_digest(), Some(hasher.finish()));
    segments
}

fn open(keys: &Keys, size: u64, segments: &[Box<Segment>]) -> Result<Vec<u8>, ReadError<Infallible>> {
    let mut reader = SegmentReader::new(Layout::new(size).unwrap(), &keys.file_key, keys.nonce);
    let mut text = Vec::new();
    for segment in segments {
        reader.read(&mut segment.clone(), |plain| {
            text.extend_from_slice(plain);
            Ok(())
        })?;
    }
    Ok(text)
}

/// Opens the payload as age does, knowing nothing but the file key.
fn open_as_age(keys: &Keys, payload: &[u8]) -> Result<Vec<u8>, PayloadError> {
    let (nonce, mut chunks) = payload.split_first_chunk::<NONCE_LEN>().ok_or(PayloadError::CutShort)?;
    let mut decryptor = PayloadDecryptor::new(&keys.file_key, &PayloadNonce::from_bytes(*nonce));
    let mut text = Vec::new();
    while !chunks.is_empty() {
        let (chunk, rest) = chunks.split_at(chunks.len().min(SEALED_CHUNK_LEN));
        text.extend_from_slice(decryptor.open_chunk(&mut chunk.to_vec())?.plain);
        chunks = rest;
    }
    decryptor.finish()?;
    Ok(text)
}

fn sizes() -> Vec<usize> {
    // Around a chunk's end, around the size that fills the first segment exactly, around the second cut.
    let full = 15 * CHUNK_LEN + 65_264;
    let mut sizes = vec![0, 1, 15, 16, 17, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 2 * CHUNK_LEN];
    sizes.extend(full - 17..=full + 17);
    sizes.extend([MIB - 17, MIB - 16, MIB - 1, MIB, MIB + 1, MIB + 17, 2 * full, 3 * MIB, 5 * MIB + 12_345]);
    sizes
}

#[test]
fn every_size_comes_back() {
    // [DOC-01] [DOC-02] [DOC-06]
    let mut rng = rng(1);
    let all = text(6 * MIB, &mut rng);
    for size in sizes() {
        let keys = Keys::any(&mut rng);
        let text = &all[..size];
        let segments = seal(&keys, text);
        let layout = Layout::new(size as u64).unwrap();
        assert_eq!(segments.len() as u64, layout.segments(), "{size}");
        assert!(open(&keys, size as u64, &segments).is_ok_and(|opened| opened == text), "{size}");

        // Without the padding, the segments are age's payload.
        let mut payload = segments.iter().flat_map(|segment| segment.iter().copied()).collect::<Vec<u8>>();
        let padding = payload.split_off(layout.payload_len() as usize);
        assert!(padding.iter().all(|byte| *byte == 0));
        assert!(open_as_age(&keys, &payload).is_ok_and(|opened| opened == text), "{size}");
    }
}

#[test]
fn a_payload_that_another_program_made_opens() {
    // [DOC-01] Computed with Python's `hmac` and OpenSSL: file key 00 01 .. 0f, nonce 10 11 .. 1f.
    let key = FileKey::from_secret(Secret::take(&mut std::array::from_fn(|i| i as u8)));
    let keys = Keys {
        document: DocumentId::from_bytes([0; 16]),
        file_key: key,
        nonce: PayloadNonce::from_bytes(std::array::from_fn(|i| 16 + i as u8)),
    };
    let sealed: [u8; 22] = [
        0xc4, 0xd4, 0x5e, 0xb0, 0x53, 0xaa, 0x5f, 0x0b, 0x13, 0x83, 0xc3, 0xd8, 0x27, 0x1a, 0x8a, 0xb4, 0x03, 0xc7,
        0x69, 0x9d, 0x31, 0x20,
    ];
    let segment = seal(&keys, b"Amanat").remove(0);
    assert_eq!(segment[..16], keys.nonce.as_bytes()[..]);
    assert_eq!(segment[16..16 + sealed.len()], sealed);
    assert!(segment[16 + sealed.len()..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_segment_made_again_is_the_same() {
    // [DOC-08]
    let mut rng = rng(2);
    let keys = Keys::any(&mut rng);
    let text = text(5 * MIB, &mut rng);
    let segments = seal(&keys, &text);
    // Another attempt, another writer, whatever the buffer held: the same bytes under the same hashes.
    assert!(seal(&keys, &text) == segments);
    let mut writer = keys.writer(text.len() as u64).unwrap();
    let mut out = segment_buffer();
    while writer.write_next(from(&text), &mut out).unwrap().is_some() {}
    assert_eq!(writer.write_next(from(&text), &mut out), Ok(None));
    assert!(writer.plain_digest().is_some());
}

#[test]
fn in_order_each_byte_is_read_once() {
    let mut rng = rng(3);
    let keys = Keys::any(&mut rng);
    let size = 3 * MIB + 5;
    let mut expected = 0;
    let mut writer = keys.writer(size as u64).unwrap();
    let mut out = segment_buffer();
    let mut read_at = |offset: u64, plain: &mut [u8]| {
        assert_eq!(offset, expected);
        assert!(plain.len() <= CHUNK_LEN);
        expected += plain.len() as u64;
        Ok::<(), Infallible>(())
    };
    while writer.write_next(&mut read_at, &mut out).unwrap().is_some() {}
    assert_eq!(expected, size as u64);
}

#[test]
fn a_failed_read_ends_the_writer() {
    let keys = Keys::any(&mut rng(4));
    let mut writer = keys.writer(3 * MIB as u64).unwrap();
    let mut out = segment_buffer();
    let fail = |offset: u64, _: &mut [u8]| if offset > 2_000_000 { Err("disk") } else { Ok(()) };
    assert!(writer.write_next(fail, &mut out).is_ok());
    assert_eq!(writer.write_next(fail, &mut out), Err(WriteError::Source("disk")));
    assert_eq!(writer.write_next(fail, &mut out), Err(WriteError::Broken));
    assert_eq!(writer.plain_digest(), None);
}

#[test]
fn swapped_dropped_doubled_and_foreign_segments_are_found() {
    // [DOC-03] [DOC-04] [DOC-09]
    let mut rng = rng(5);
    let keys = Keys::any(&mut rng);
    let other = Keys::any(&mut rng);
    let text = text(4 * MIB + 99, &mut rng);
    let size = text.len() as u64;
    let good = seal(&keys, &text);
    assert_eq!(open(&keys, size, &good).unwrap(), text);
    for i in 0..good.len() {
        for j in 0..good.len() {
            if i != j {
                let mut bad = good.clone();
                bad.swap(i, j);
                assert!(open(&keys, size, &bad).is_err(), "{i} and {j} swapped");
                let mut bad = good.clone();
                bad[i] = good[j].clone();
                assert!(open(&keys, size, &bad).is_err(), "{j} in place of {i}");
            }
        }
        let mut bad = good.clone();
        bad.remove(i);
        // Dropping the last is seen by the count; the bytes before it are right.
        let opened = open(&keys, size, &bad);
        assert!(opened.is_err() || i + 1 == good.len() && opened.unwrap().len() < text.len(), "{i} dropped");
        let mut bad = good.clone();
        bad.insert(i, good[i].clone());
        assert!(open(&keys, size, &bad).is_err(), "{i} doubled");
        let mut bad = good.clone();
        bad[i] = seal(&other, &text)[i].clone();
        assert!(open(&keys, size, &bad).is_err(), "{i} from another upload of the same text");
    }
    let wrong_nonce = Keys { document: keys.document, file_key: keys.file_key.duplicate(), nonce: other.nonce };
    assert_eq!(open(&wrong_nonce, size, &good), Err(ReadError::Payload(PayloadError::Altered)));
    let wrong_key = Keys { document: keys.document, file_key: other.file_key.duplicate(), nonce: keys.nonce };
    assert_eq!(open(&wrong_key, size, &good), Err(ReadError::Payload(PayloadError::Altered)));
}

#[test]
fn a_size_other_than_the_senders_is_found() {
    // [DOC-09] One that moves the last chunk's end, and those that move whole chunks.
    let mut rng = rng(6);
    let keys = Keys::any(&mut rng);
    for size in [1usize, 100, CHUNK_LEN, 2 * CHUNK_LEN, MIB, 2 * MIB + 1] {
        let good = seal(&keys, &text(size, &mut rng));
        let size = size as i64;
        for change in [-65_536, -1, 1, 16, 65_535, 65_536, 65_552] {
            let Ok(claimed) = u64::try_from(size + change) else { continue };
            let segments = Layout::new(claimed).unwrap().segments() as usize;
            let opened = open(&keys, claimed, &good[..segments.min(good.len())]);
            assert!(
                opened.is_err() || segments > good.len() && opened.unwrap().len() as i64 <= size,
                "{size} claimed as {claimed}"
            );
        }
    }
}

#[test]
fn a_full_inner_chunk_cannot_stand_as_the_last() {
    // [DOC-04] [DOC-09] The first chunk of two, as if the document ended there.
    let mut rng = rng(7);
    let keys = Keys::any(&mut rng);
    let mut segment = seal(&keys, &text(2 * CHUNK_LEN, &mut rng)).remove(0);
    segment[NONCE_LEN + SEALED_CHUNK_LEN..].fill(0);
    let opened = open(&keys, CHUNK_LEN as u64, &[segment]);
    assert_eq!(opened, Err(ReadError::Payload(PayloadError::CutShort)));
}

#[test]
fn an_empty_last_chunk_is_refused_behind_others() {
    // [DOC-03]
    let mut rng = rng(8);
    let keys = Keys::any(&mut rng);
    let sealer = crate::payload::ChunkSealer::new(&keys.file_key, &keys.nonce);
    let mut first = vec![0; SEALED_CHUNK_LEN];
    sealer.seal(0, false, &mut first);
    let mut empty = vec![0; 16];
    sealer.seal(1, true, &mut empty);
    let payload = [keys.nonce.as_bytes().as_slice(), &first, &empty].concat();
    assert_eq!(open_as_age(&keys, &payload), Err(PayloadError::EmptyLastChunk));
    sealer.seal(0, true, &mut empty);
    assert_eq!(open_as_age(&keys, &[keys.nonce.as_bytes().as_slice(), &empty].concat()).as_deref(), Ok(&[][..]));
    assert_eq!(open_as_age(&keys, keys.nonce.as_bytes()), Err(PayloadError::CutShort));
    // [DOC-04]
    let trailing = [keys.nonce.as_bytes().as_slice(), &empty, &empty].concat();
    assert_eq!(open_as_age(&keys, &trailing), Err(PayloadError::Altered));
    let mut first = vec![0; SEALED_CHUNK_LEN];
    sealer.seal(0, true, &mut first);
    let trailing = [keys.nonce.as_bytes().as_slice(), &first, &empty].concat();
    assert_eq!(open_as_age(&keys, &trailing), Err(PayloadError::Trailing));
}

#[test]
fn a_refused_reader_stays_refused() {
    let mut rng = rng(9);
    let keys = Keys::any(&mut rng);
    let mut good = seal(&keys, &text(2 * MIB, &mut rng));
    let mut reader = SegmentReader::new(Layout::new(2 * MIB as u64).unwrap(), &keys.file_key, keys.nonce);
    let sink = |_: &[u8]| Ok::<(), Infallible>(());
    let mut bad = good[0].clone();
    bad[MIB / 2] ^= 1;
    assert_eq!(reader.read(&mut bad, sink), Err(ReadError::Payload(PayloadError::Altered)));
    assert_eq!(reader.read(&mut good[0], sink), Err(ReadError::Broken));
    assert_eq!(reader.next_index(), 0);
}

#[test]
fn reading_goes_on_at_any_cut() {
    let mut rng = rng(10);
    let keys = Keys::any(&mut rng);
    let text = text(4 * MIB + 321, &mut rng);
    let layout = Layout::new(text.len() as u64).unwrap();
    let good = seal(&keys, &text);
    let mut first = SegmentReader::new(layout, &keys.file_key, keys.nonce);
    for index in 0..=good.len() {
        let (next, carry) = (index as u64, first.carried().to_vec());
        let resume = |carry: &[u8]| SegmentReader::resume(layout, &keys.file_key, keys.nonce, next, carry);
        let mut reader = resume(&carry).unwrap();
        assert_eq!(reader.plain_offset(), first.plain_offset());
        let from = reader.plain_offset() as usize;
        let mut rest = Vec::new();
        for segment in &good[index..] {
            let keep = |plain: &[u8]| {
                rest.extend_from_slice(plain);
                Ok::<(), Infallible>(())
            };
            reader.read(&mut segment.clone(), keep).unwrap();
        }
        assert!(rest == text[from..], "before segment {index}");
        assert_eq!(reader.next_index(), layout.segments());
        let past_the_end = reader.read(&mut good[0].clone(), |_| Ok::<(), Infallible>(()));
        assert_eq!(past_the_end, Err(ReadError::NoSuchSegment));
        // A record that does not fit is refused; one whose bytes were changed does not open.
        assert!(resume(&[&carry[..], &[0]].concat()).is_none());
        if !carry.is_empty() {
            let mut changed = carry.clone();
            changed[0] ^= 1;
            assert!(resume(&carry[1..]).is_none());
            let opened = resume(&changed).unwrap().read(&mut good[index].clone(), |_| Ok::<(), Infallible>(()));
            assert_eq!(opened, Err(ReadError::Payload(PayloadError::Altered)));
        }
        if let Some(segment) = good.get(index) {
            first.read(&mut segment.clone(), |_| Ok::<(), Infallible>(())).unwrap();
        }
    }
    let beyond = good.len() as u64 + 1;
    assert!(SegmentReader::resume(layout, &keys.file_key, keys.nonce, beyond, &[]).is_none());
}

#[test]
fn a_cut_on_a_chunks_end_and_the_largest_document() {
    // Segment 256 begins with a chunk; the other places are the far end of the largest document.
    let keys = Keys::any(&mut rng(11));
    let zeros = |_: u64, plain: &mut [u8]| {
        plain.fill(0);
        Ok::<(), Infallible>(())
    };
    for (size, at) in [(300 * MIB as u64, 255), (crate::MAX_SIZE, 255), (crate::MAX_SIZE, 1_048_574)] {
        let layout = Layout::new(size).unwrap();
        let mut writer = keys.writer(size).unwrap();
        writer.next = at;
        let (mut previous, mut segment) = (segment_buffer(), segment_buffer());
        writer.write_next(zeros, &mut previous).unwrap();
        writer.write_next(zeros, &mut segment).unwrap();
        let cut = layout.segment(at + 1).start - layout.chunk_payload(layout.chunks_in(at + 1).start).start;
        let carry = &previous[MIB - cut as usize..];
        let mut reader = SegmentReader::resume(layout, &keys.file_key, keys.nonce, at + 1, carry).unwrap();
        assert_eq!(reader.carried().is_empty(), at == 255);
        let mut seen = 0;
        let count = |plain: &[u8]| {
            assert!(plain.iter().all(|byte| *byte == 0));
            seen += plain.len() as u64;
            Ok::<(), Infallible>(())
        };
        let from = reader.plain_offset();
        reader.read(&mut segment, count).unwrap();
        assert_eq!(from + seen, reader.plain_offset());
        assert_eq!(reader.plain_offset() == size, at + 2 == layout.segments());
    }
}

#[test]
fn segment_hashes_differ_by_document_place_and_content() {
    // [DOC-07]
    let (a, b) = (DocumentId::from_bytes([1; 16]), DocumentId::from_bytes([2; 16]));
    let mut bytes = segment_buffer();
    let hash = SegmentHash::of(a, 0, &bytes);
    assert_ne!(hash, SegmentHash::of(b, 0, &bytes));
    assert_ne!(hash, SegmentHash::of(a, 1, &bytes));
    bytes[MIB - 1] = 1;
    assert_ne!(hash, SegmentHash::of(a, 0, &bytes));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_flipped_bit_is_found(seed in any::<u64>(), size in 0..3 * MIB, at in any::<prop::sample::Index>(), bit in 0..8u32) {
        // [DOC-06] Payload and padding alike.
        let mut rng = rng(seed);
        let keys = Keys::any(&mut rng);
        let text = text(size, &mut rng);
        let mut segments = seal(&keys, &text);
        let at = at.index(segments.len() * MIB);
        segments[at / MIB][at % MIB] ^= 1u8 << bit;
        prop_assert!(open(&keys, size as u64, &segments).is_err());
        segments[at / MIB][at % MIB] ^= 1u8 << bit;
        prop_assert!(open(&keys, size as u64, &segments).is_ok_and(|opened| opened == text));
    }
}
