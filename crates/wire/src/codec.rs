//! Codec (protocol-spec/02-wire, section 1): TLS presentation language with every limit inside the decoding call.
//!
//! Integers are big-endian; `Bytes<MAX>` is `opaque x<0..MAX>` with the length prefix that RFC 8446, section 3.4
//! gives it (1, 2, 3 or 4 bytes, by MAX); a `List<T, MAX>` is a `uint16` count and that many items; `Option` is
//! `uint8` 0 or 1 and then the value, as in RFC 9420. There is one encoding for each value and [`Decode::from_bytes`]
//! refuses any other, and anything left over. We do not use `tls_codec` here: it allocates what a length prefix claims
//! before it looks whether the bytes are there, and has no place for a limit.

use std::fmt;

use amanat_primitives::{
    ConversationId, DeviceId, Digest, DocumentId, Incarnation, MessageId, MessageSeed, StatementId, Timestamp, UnitId,
    agree::NoisePublic,
    sealing::SealingPublic,
    sign::{Signature, VerifyingKey},
};

/// Why bytes are not the encoding of a value. Carries no content of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the value does.
    #[error("cut short")]
    CutShort,
    /// Bytes are left after the value.
    #[error("bytes left over")]
    LeftOver,
    /// A length or count is above its limit.
    #[error("longer than the limit of {limit}")]
    TooLong {
        /// The limit, in bytes or items.
        limit: usize,
    },
    /// A number names no variant that this version knows.
    #[error("unknown kind {0}")]
    UnknownKind(u16),
    /// A field holds something that its type does not allow, or not in its one canonical form.
    #[error("not a valid {0}")]
    Invalid(&'static str),
}

/// A value that is longer than its field on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("longer than the limit of {limit}")]
pub struct TooLong {
    /// The limit, in bytes or items.
    pub limit: usize,
}

/// Collects encoded bytes.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The bytes collected so far.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn length(&mut self, length: usize, max: usize) {
        let bytes = (length as u64).to_be_bytes();
        // The prefix is 1 to 4 bytes, so the slice is always there.
        self.raw(bytes.get(8 - prefix_len(max)..).unwrap_or_default());
    }
}

// [WIRE-01] By the limit, not by the length: so that there is one form.
const fn prefix_len(max: usize) -> usize {
    match max {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xff_ffff => 3,
        _ => 4,
    }
}

/// Walks over bytes that are being decoded.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// At the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// [`DecodeError::CutShort`].
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.0.split_at_checked(n).ok_or(DecodeError::CutShort)?;
        self.0 = rest;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`DecodeError::CutShort`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(DecodeError::CutShort)?;
        self.0 = rest;
        Ok(*head)
    }

    /// How many bytes are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.0.len()
    }

    fn length(&mut self, max: usize) -> Result<usize, DecodeError> {
        let length = self.take(prefix_len(max))?.iter().fold(0usize, |sum, byte| (sum << 8) | usize::from(*byte));
        if length > max { Err(DecodeError::TooLong { limit: max }) } else { Ok(length) }
    }
}

/// A value with one encoding.
pub trait Encode {
    /// Appends the encoding.
    fn encode(&self, w: &mut Writer);

    /// The encoding by itself.
    fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::default();
        self.encode(&mut w);
        w.0
    }
}

/// A value that can be read back.
pub trait Decode: Sized {
    /// Reads one value and leaves `r` behind it.
    ///
    /// # Errors
    /// [`DecodeError`].
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads a value that fills `bytes` exactly. `[WIRE-02]`
    ///
    /// # Errors
    /// [`DecodeError`], also when bytes are left over.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let value = Self::decode(&mut r)?;
        if r.remaining() == 0 { Ok(value) } else { Err(DecodeError::LeftOver) }
    }
}

// [WIRE-01]
macro_rules! integers {
    ($($int:ty),*) => { $(
        impl Encode for $int {
            fn encode(&self, w: &mut Writer) {
                w.raw(&self.to_be_bytes());
            }
        }
        impl Decode for $int {
            fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self::from_be_bytes(r.array()?))
            }
        }
    )* };
}
integers!(u8, u16, u32, u64);

macro_rules! fixed {
    ($($name:ty),*) => { $(
        impl Encode for $name {
            fn encode(&self, w: &mut Writer) {
                w.raw(self.as_bytes());
            }
        }
        impl Decode for $name {
            fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self::from_bytes(r.array()?))
            }
        }
    )* };
}
fixed!(
    ConversationId,
    DeviceId,
    Digest,
    DocumentId,
    Incarnation,
    MessageId,
    MessageSeed,
    NoisePublic,
    SealingPublic,
    Signature,
    StatementId,
    UnitId,
    VerifyingKey
);

impl Encode for Timestamp {
    fn encode(&self, w: &mut Writer) {
        self.as_millis().encode(w);
    }
}
impl Decode for Timestamp {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self::from_millis(u64::decode(r)?))
    }
}

impl Encode for bool {
    fn encode(&self, w: &mut Writer) {
        u8::from(*self).encode(w);
    }
}
impl Decode for bool {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::decode(r)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Invalid("boolean")),
        }
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, w: &mut Writer) {
        self.is_some().encode(w);
        if let Some(value) = self {
            value.encode(w);
        }
    }
}
impl<T: Decode> Decode for Option<T> {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        bool::decode(r)?.then(|| T::decode(r)).transpose()
    }
}

/// `opaque x<0..MAX>`.
#[derive(Clone, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct Bytes<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> Bytes<MAX> {
    /// Takes the bytes if they fit.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, TooLong> {
        let bytes = bytes.into();
        if bytes.len() > MAX { Err(TooLong { limit: MAX }) } else { Ok(Self(bytes)) }
    }

    /// The bytes.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

impl<const MAX: usize> std::ops::Deref for Bytes<MAX> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Bytes<MAX> {
    /// Prints the length alone: what is in a field is nobody's business in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

impl<const MAX: usize> Encode for Bytes<MAX> {
    fn encode(&self, w: &mut Writer) {
        w.length(self.0.len(), MAX);
        w.raw(&self.0);
    }
}
impl<const MAX: usize> Decode for Bytes<MAX> {
    // [WIRE-03] The limit is checked before a byte is copied, and no more is allocated than is there.
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = r.length(MAX)?;
        Ok(Self(r.take(length)?.to_vec()))
    }
}

/// UTF-8 text of at most `MAX` bytes.
#[derive(Clone, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// Takes the text if it fits.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn new(text: impl Into<String>) -> Result<Self, TooLong> {
        let text = text.into();
        if text.len() > MAX { Err(TooLong { limit: MAX }) } else { Ok(Self(text)) }
    }

    /// The text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MAX: usize> std::ops::Deref for Text<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    /// Prints the length alone, as for [`Bytes`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes of text]", self.0.len())
    }
}

impl<const MAX: usize> Encode for Text<MAX> {
    fn encode(&self, w: &mut Writer) {
        w.length(self.0.len(), MAX);
        w.raw(self.0.as_bytes());
    }
}
impl<const MAX: usize> Decode for Text<MAX> {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = r.length(MAX)?;
        let text = std::str::from_utf8(r.take(length)?).map_err(|_| DecodeError::Invalid("text"))?;
        Ok(Self(text.to_owned()))
    }
}

/// `uint16 count` and that many items, at most `MAX`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> List<T, MAX> {
    /// Takes the items if they are not too many.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn new(items: impl Into<Vec<T>>) -> Result<Self, TooLong> {
        const { assert!(MAX <= 0xffff) };
        let items = items.into();
        if items.len() > MAX { Err(TooLong { limit: MAX }) } else { Ok(Self(items)) }
    }

    /// The items.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> std::ops::Deref for List<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> IntoIterator for List<T, MAX> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: Encode, const MAX: usize> Encode for List<T, MAX> {
    fn encode(&self, w: &mut Writer) {
        w.length(self.0.len(), 0xffff);
        for item in &self.0 {
            item.encode(w);
        }
    }
}
impl<T: Decode, const MAX: usize> Decode for List<T, MAX> {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = usize::from(u16::decode(r)?);
        if count > MAX {
            return Err(DecodeError::TooLong { limit: MAX });
        }
        // Grows as items are really there: a count alone reserves nothing. [WIRE-03]
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(T::decode(r)?);
        }
        Ok(Self(items))
    }
}

/// Defines a `struct` whose encoding is its fields in order.
#[macro_export]
macro_rules! record {
    ($(#[$doc:meta])* $vis:vis struct $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        $vis struct $name { $($(#[$field_doc])* pub $field: $ty,)* }

        impl $crate::Encode for $name {
            fn encode(&self, w: &mut $crate::Writer) {
                let _ = &w;
                $($crate::Encode::encode(&self.$field, w);)*
            }
        }
        impl $crate::Decode for $name {
            fn decode(r: &mut $crate::Reader<'_>) -> Result<Self, $crate::DecodeError> {
                let _ = &r;
                Ok(Self { $($field: $crate::Decode::decode(r)?,)* })
            }
        }
    };
}

/// Defines an `enum` whose encoding is a number (`u8` or `u16`) and then the variant's one value.
#[macro_export]
macro_rules! choice {
    ($(#[$doc:meta])* $vis:vis enum $name:ident: $int:ty {
        $($(#[$variant_doc:meta])* $number:literal => $variant:ident($ty:ty),)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        $vis enum $name { $($(#[$variant_doc])* $variant($ty),)* }

        impl $crate::Encode for $name {
            fn encode(&self, w: &mut $crate::Writer) {
                match self {
                    $(Self::$variant(value) => {
                        let number: $int = $number;
                        number.encode(w);
                        value.encode(w);
                    })*
                }
            }
        }
        impl $crate::Decode for $name {
            fn decode(r: &mut $crate::Reader<'_>) -> Result<Self, $crate::DecodeError> {
                match <$int as $crate::Decode>::decode(r)? {
                    $($number => Ok(Self::$variant($crate::Decode::decode(r)?)),)*
                    // [WIRE-04]
                    other => Err($crate::DecodeError::UnknownKind(u16::from(other))),
                }
            }
        }
    };
}

/// Defines an `enum` without values, encoded as a `uint8`.
#[macro_export]
macro_rules! code {
    ($(#[$doc:meta])* $vis:vis enum $name:ident { $($(#[$variant_doc:meta])* $number:literal => $variant:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        $vis enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every value, in the order of its numbers.
            pub const ALL: &'static [$name] = &[$(Self::$variant),*];

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $number,)* }
            }
        }
        impl $crate::Encode for $name {
            fn encode(&self, w: &mut $crate::Writer) {
                self.number().encode(w);
            }
        }
        impl $crate::Decode for $name {
            fn decode(r: &mut $crate::Reader<'_>) -> Result<Self, $crate::DecodeError> {
                match <u8 as $crate::Decode>::decode(r)? {
                    $($number => Ok(Self::$variant),)*
                    // [WIRE-04]
                    other => Err($crate::DecodeError::UnknownKind(u16::from(other))),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests;
