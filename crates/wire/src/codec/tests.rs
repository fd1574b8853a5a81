//! The codec's rules: one encoding a value, limits, numbers that mean one thing.

use super::*;
use crate::relay::Refusal;
use proptest::prelude::*;

record!(
    /// For the tests.
    struct Sample {
        /// A number.
        number: u32,
        /// Short bytes.
        short: Bytes<10>,
        /// Long bytes.
        long: Bytes<70_000>,
        /// Text.
        text: Text<300>,
        /// Items.
        items: List<u16, 5>,
        /// Perhaps a value.
        perhaps: Option<bool>,
    }
);

fn sample() -> impl Strategy<Value = Sample> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..=10);
    let long = proptest::collection::vec(any::<u8>(), 0..200);
    let items = proptest::collection::vec(any::<u16>(), 0..=5);
    (any::<u32>(), bytes, long, ".{0,40}", items, any::<Option<bool>>()).prop_map(
        |(number, short, long, text, items, perhaps)| Sample {
            number,
            short: Bytes::new(short).unwrap(),
            long: Bytes::new(long).unwrap(),
            text: Text::new(text).unwrap(),
            items: List::new(items).unwrap(),
            perhaps,
        },
    )
}

proptest! {
    // [WIRE-02] One encoding a value: what decodes encodes to the same bytes; cut or lengthened it is refused.
    #[test]
    fn a_value_has_one_encoding(value in sample(), flip in any::<(prop::sample::Index, u8)>()) {
        let bytes = value.to_bytes();
        prop_assert_eq!(Sample::from_bytes(&bytes).unwrap(), value);
        for cut in 0..bytes.len() {
            prop_assert!(Sample::from_bytes(&bytes[..cut]).is_err());
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        prop_assert_eq!(Sample::from_bytes(&longer), Err(DecodeError::LeftOver));
        let mut other = bytes.clone();
        let at = flip.0.index(other.len());
        other[at] ^= flip.1;
        if let Ok(decoded) = Sample::from_bytes(&other) {
            prop_assert_eq!(decoded.to_bytes(), other);
        }
    }
}

choice!(
    /// For the tests.
    enum Kinds: u8 {
        /// One.
        1 => One(u16),
    }
);
#[test]
fn integers_and_lengths_are_big_endian_and_a_length_follows_its_limit() {
    // [WIRE-01]
    let sample = Sample {
        number: 0x0102_0304,
        short: Bytes::new(vec![5]).unwrap(),
        long: Bytes::new(vec![6]).unwrap(),
        text: Text::new("a").unwrap(),
        items: List::new(vec![0x0708]).unwrap(),
        perhaps: Some(true),
    };
    let bytes = [1, 2, 3, 4, 1, 5, 0, 0, 1, 6, 0, 1, b'a', 0, 1, 7, 8, 1, 1];
    assert_eq!(sample.to_bytes(), bytes);
    assert_eq!(Sample::from_bytes(&bytes), Ok(sample));
}

#[test]
fn unknown_numbers_are_refused() {
    // [WIRE-04]
    assert_eq!(Kinds::from_bytes(&[1, 0, 9]), Ok(Kinds::One(9)));
    assert_eq!(Kinds::from_bytes(&[2, 0, 9]), Err(DecodeError::UnknownKind(2)));
    assert_eq!(Refusal::from_bytes(&[16]), Ok(Refusal::OldStatement));
    assert_eq!(Refusal::from_bytes(&[0]), Err(DecodeError::UnknownKind(0)));
}

#[test]
fn limits_are_kept() {
    // [WIRE-03]
    assert_eq!(Bytes::<3>::new(vec![0; 4]), Err(TooLong { limit: 3 }));
    assert_eq!(Bytes::<3>::from_bytes(&[4, 0, 0, 0, 0]), Err(DecodeError::TooLong { limit: 3 }));
    assert_eq!(Bytes::<0x100_0000>::from_bytes(&[0x01, 0, 0, 0]), Err(DecodeError::CutShort));
    assert_eq!(List::<u8, 2>::from_bytes(&[0, 3, 1, 2, 3]), Err(DecodeError::TooLong { limit: 2 }));
    assert_eq!(Text::<8>::from_bytes(&[1, 0xff]), Err(DecodeError::Invalid("text")));
    assert_eq!(bool::from_bytes(&[2]), Err(DecodeError::Invalid("boolean")));
}

#[test]
fn a_field_reads_as_what_it_holds_and_a_log_shows_its_length_alone() {
    let list: List<u16, 3> = List::new(vec![7, 8]).unwrap();
    assert_eq!(list[..], [7, 8]);
    assert_eq!(list.clone().into_iter().collect::<Vec<u16>>(), [7, 8]);
    assert_eq!(list.into_vec(), [7, 8]);
    let bytes: Bytes<6> = Bytes::new(b"secret".to_vec()).unwrap();
    assert_eq!(bytes[..], *b"secret");
    assert_eq!(format!("{bytes:?}"), "[6 bytes]");
    assert_eq!(bytes.into_vec(), b"secret");
    let text: Text<6> = Text::new("secret").unwrap();
    assert_eq!(&*text, "secret");
    assert_eq!(format!("{text:?}"), "[6 bytes of text]");
    assert_eq!(text.into_string(), "secret");
}

#[test]
fn a_time_is_its_milliseconds() {
    let time = Timestamp::from_millis(0x0102);
    let mut writer = Writer::default();
    time.encode(&mut writer);
    assert_eq!(writer.into_bytes(), [0, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(Timestamp::from_bytes(&time.to_bytes()), Ok(time));
}
