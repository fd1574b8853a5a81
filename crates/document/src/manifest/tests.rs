//! The manifest's encoding, and the proof that a document is the one it describes.

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::{Keys, MAX_SIZE, VerifyError};

fn manifest() -> impl Strategy<Value = Manifest> {
    let texts = (".{0,60}", "[a-z0-9][a-z0-9.+-]{0,20}/[a-z0-9][a-z0-9.+-]{0,40}");
    let caveats = proptest::collection::vec(".{0,15}", 0..=CAVEATS_MAX);
    let rest = (proptest::collection::vec(any::<u8>(), 0..300), any::<prop::sample::Index>(), any::<u8>());
    (any::<u64>(), texts, 0..=MAX_SIZE, any::<[u8; 32]>(), caveats, rest).prop_map(
        |(seed, (name, media_type), size, digest, caveats, (marks, class, tier))| {
            let keys = Keys::any(&mut ChaCha20Rng::seed_from_u64(seed));
            let caveats: Vec<_> = caveats.into_iter().map(|text| Text::new(text).unwrap()).collect();
            Manifest {
                document: keys.document,
                name: ClaimedName(Text::new(name).unwrap()),
                media_type: MediaType::new(&media_type).unwrap(),
                layout: Layout::new(size).unwrap(),
                file_key: keys.file_key,
                nonce: keys.nonce,
                digest: Digest::from_bytes(digest),
                tier,
                caveats: List::new(caveats).unwrap(),
                marks: Bytes::new(marks).unwrap(),
                class: RetentionClass::ALL[class.index(RetentionClass::ALL.len())],
            }
        },
    )
}

fn sample() -> Manifest {
    let keys = Keys::any(&mut ChaCha20Rng::seed_from_u64(1));
    let mut hasher = amanat_primitives::hash::StreamHasher::new();
    hasher.update(b"content");
    Manifest {
        document: keys.document,
        name: ClaimedName::of(&safe_name("name.txt")),
        media_type: MediaType::unknown(),
        layout: Layout::new(7).unwrap(),
        file_key: keys.file_key,
        nonce: keys.nonce,
        digest: hasher.finish(),
        tier: 2,
        caveats: List::default(),
        marks: Bytes::default(),
        class: RetentionClass::Month,
    }
}

/// Where the fixed fields of [`sample`] begin: behind version, id, name and media type.
const SIZE_AT: usize = 1 + 16 + 1 + 8 + 1 + 24;

proptest! {
    // [DOC-13]
    #[test]
    fn a_manifest_has_one_encoding(manifest in manifest(), flip in any::<(prop::sample::Index, u8)>()) {
        let bytes = manifest.to_bytes();
        let decoded = Manifest::from_bytes(&bytes).unwrap();
        prop_assert_eq!(decoded.to_bytes(), bytes.clone());
        prop_assert_eq!(decoded.layout, manifest.layout);
        prop_assert_eq!(decoded.file_key.secret().expose_secret(), manifest.file_key.secret().expose_secret());
        for cut in 0..bytes.len() {
            prop_assert!(Manifest::from_bytes(&bytes[..cut]).is_err());
        }
        prop_assert!(Manifest::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
        let mut other = bytes.clone();
        let at = flip.0.index(other.len());
        other[at] ^= flip.1;
        if let Ok(decoded) = Manifest::from_bytes(&other) {
            prop_assert_eq!(decoded.to_bytes(), other);
        }
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let with_version = [&[MANIFEST_VERSION], bytes.as_slice()].concat();
        if let Ok(decoded) = Manifest::from_bytes(&with_version) {
            prop_assert_eq!(decoded.to_bytes(), with_version);
        }
    }
}

#[test]
fn fields_outside_their_limits_are_refused() {
    // [DOC-13]
    let good = sample().to_bytes();
    assert!(Manifest::from_bytes(&good).is_ok());
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        Manifest::from_bytes(&bad).err()
    };
    assert_eq!(with(0, &[2]), Some(DecodeError::UnknownKind(2)));
    assert_eq!(with(SIZE_AT - 24, b"APPLICATION"), Some(DecodeError::Invalid("media type")));
    assert_eq!(with(SIZE_AT, &(MAX_SIZE + 1).to_be_bytes()), Some(DecodeError::Invalid("document size")));
    assert_eq!(with(SIZE_AT, &u64::MAX.to_be_bytes()), Some(DecodeError::Invalid("document size")));
    // A size that needs two segments beside a count of one, and a count of two beside a size that needs one.
    assert_eq!(with(SIZE_AT, &(2u64 << 20).to_be_bytes()), Some(DecodeError::Invalid("number of segments")));
    let count_at = good.len() - 9;
    assert_eq!(with(count_at, &2u64.to_be_bytes()), Some(DecodeError::Invalid("number of segments")));
    assert_eq!(with(good.len() - 1, &[9]), Some(DecodeError::UnknownKind(9)));
    let too_many = with(count_at - 4, &[0, 17]);
    assert_eq!(too_many, Some(DecodeError::TooLong { limit: CAVEATS_MAX }));
    assert_eq!(with(count_at - 2, &[0x10, 0x01]), Some(DecodeError::TooLong { limit: MARKS_MAX }));
}

#[test]
fn a_hostile_name_comes_out_safe() {
    // [DOC-14]
    let mut manifest = sample();
    manifest.name = ClaimedName(Text::new("../../\u{202e}fdp.exe").unwrap());
    let received = Manifest::from_bytes(&manifest.to_bytes()).unwrap();
    assert_eq!(received.name.safe().as_str(), "_.._fdp.exe");
    assert_eq!(format!("{:?}", received.name), "[16 bytes of text]");
    let shown = format!("{received:?}");
    assert!(
        shown.contains(&received.document.to_string()) && !shown.contains("key") && !shown.contains("exe"),
        "{shown}"
    );
    assert_eq!(Verifier::new(&received).finish().err(), Some(VerifyError::Size));
}

#[test]
fn media_types_are_plain() {
    for good in ["text/plain", "application/vnd.oasis.opendocument.text", "image/svg+xml"] {
        assert_eq!(MediaType::new(good).unwrap().as_str(), good);
    }
    let long = format!("text/{}", "x".repeat(200));
    for bad in ["", "/", "text", "text/", "/plain", "Text/plain", "text/plain; a=b", "text/pl\u{e4}in", "a/b/c", &long]
    {
        assert!(MediaType::new(bad).is_none(), "{bad}");
    }
}

#[test]
fn only_the_whole_document_is_verified() {
    // [DOC-15]
    let manifest = sample();
    let feed = |pieces: &[&[u8]]| {
        let mut verifier = manifest.verifier();
        pieces.iter().for_each(|piece| verifier.update(piece));
        verifier.finish()
    };
    let verified = feed(&[b"con", b"tent"]).unwrap();
    assert_eq!((verified.document(), verified.size()), (manifest.document, 7));
    assert_eq!(verified.name().as_str(), "name.txt");
    assert_eq!(feed(&[b"conten"]).err(), Some(VerifyError::Size));
    assert_eq!(feed(&[b"content", b"!"]).err(), Some(VerifyError::Size));
    assert_eq!(feed(&[b"Content"]).err(), Some(VerifyError::Digest));
}

#[test]
fn a_document_from_sender_to_recipient() {
    let keys = Keys::any(&mut ChaCha20Rng::seed_from_u64(2));
    let text: Vec<u8> = (0..2_500_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut writer = keys.writer(text.len() as u64).unwrap();
    let read_at = |offset: u64, plain: &mut [u8]| {
        let start = usize::try_from(offset).map_err(|_| ())?;
        plain.copy_from_slice(text.get(start..start + plain.len()).ok_or(())?);
        Ok::<(), ()>(())
    };
    let mut segments = Vec::new();
    let mut out = crate::segment_buffer();
    while writer.write_next(read_at, &mut out).unwrap().is_some() {
        segments.push(out.clone());
    }
    let mut manifest = sample();
    manifest.layout = writer.layout();
    manifest.digest = writer.plain_digest().unwrap();
    (manifest.document, manifest.file_key, manifest.nonce) = (keys.document, keys.file_key, keys.nonce);

    let received = Manifest::from_bytes(&manifest.to_bytes()).unwrap();
    let (mut reader, mut verifier) = (received.reader(), received.verifier());
    for segment in &mut segments {
        reader
            .read(segment, |plain| {
                verifier.update(plain);
                Ok::<(), ()>(())
            })
            .unwrap();
    }
    assert_eq!(verifier.finish().unwrap().size(), 2_500_000);
}

// [PRIM-20]
#[test]
fn a_manifest_is_of_one_conversation_and_sender() {
    let (conversation, sender) = (ConversationId::from_bytes([1; 16]), DeviceId::from_bytes([2; 32]));
    let mut manifest = sample();
    assert!(!manifest.is_of(conversation, sender));
    manifest.document = DocumentId::of(conversation, sender, manifest.nonce.as_bytes());
    assert!(manifest.is_of(conversation, sender));
    assert!(!manifest.is_of(ConversationId::from_bytes([3; 16]), sender));
    assert!(!manifest.is_of(conversation, DeviceId::from_bytes([3; 32])));
}

#[test]
fn a_reader_begins_at_a_segment_that_is_there() {
    let manifest = sample();
    assert!(manifest.reader_at(0, &[]).is_some() && manifest.reader_at(1, &[]).is_some());
    assert!(manifest.reader_at(0, &[1]).is_none() && manifest.reader_at(2, &[]).is_none());
}
