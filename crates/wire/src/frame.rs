//! Link frames (protocol-spec/04-link, section 5): a message cut into frames of five sizes, and put together again.
//!
//! One *message* (opaque bytes, 1 to [`MAX_MESSAGE`]) becomes one frame or several; each frame's plaintext is exactly
//! one of [`FRAME_SIZES`], so that an observer learns one of five sizes and a count:
//!
//! ```text
//! struct {
//!     uint8  flags;               // bit 0: more frames of this message follow; the others are 0
//!     uint16 length;              // 1 .. size - 3
//!     opaque payload[length];
//!     opaque zeros[size - 3 - length];
//! } Frame;
//! ```
//!
//! A message has exactly one form: every frame but the last is full and of the largest size, the last is of the
//! smallest size that holds it. Nothing here reads a socket or a clock; `net` seals each frame with Noise.

/// Longest message in bytes: 1 MiB of body and 64 KiB for what stands around it.
pub const MAX_MESSAGE: usize = crate::limits::MESSAGE;

/// The sizes of a frame's plaintext in bytes. The largest, with Noise's tag of 16, is Noise's own limit of 65,535.
pub const FRAME_SIZES: [usize; 5] = [256, 1_024, 4_096, 16_384, MAX_FRAME];

/// The largest frame's plaintext in bytes.
pub const MAX_FRAME: usize = 65_519;

/// Bytes of flags and length before a frame's payload.
const HEADER: usize = 3;

/// Payload of a full frame in bytes.
const MAX_PAYLOAD: usize = MAX_FRAME - HEADER;

/// Flag: more frames of this message follow.
const MORE: u8 = 1;

/// Why a message cannot be cut, or why frames do not make a message. After any but the first two, which are the
/// caller's, the sender of the frames does not keep to the protocol and the link must be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The caller gave an empty message.
    #[error("a message has at least one byte")]
    EmptyMessage,
    /// The caller gave a message above [`MAX_MESSAGE`].
    #[error("a message has at most {MAX_MESSAGE} bytes")]
    MessageTooLong,
    /// A frame is of none of the five sizes.
    #[error("a frame is of none of the allowed sizes")]
    Size,
    /// A reserved flag is set.
    #[error("a frame sets a reserved flag")]
    Flags,
    /// A frame's length is zero or more than the frame holds.
    #[error("a frame's length does not fit the frame")]
    Length,
    /// A frame is not of the one size that its content must have.
    #[error("a frame is larger than its content, or not full though more follow")]
    NotCanonical,
    /// Padding is not zero.
    #[error("a frame's padding is not zero")]
    Padding,
    /// The frames add up to more than [`MAX_MESSAGE`].
    #[error("frames add up to more than {MAX_MESSAGE} bytes")]
    Overlong,
}

/// The smallest frame that holds `payload` bytes; `None` above the largest.
fn smallest_frame(payload: usize) -> Option<usize> {
    FRAME_SIZES.into_iter().find(|size| payload + HEADER <= *size)
}

/// Cuts one message into frames, copying each byte once.
#[derive(Debug)]
pub struct FrameWriter<'a> {
    rest: &'a [u8],
}

impl<'a> FrameWriter<'a> {
    /// Begins with `message`, of 1 to [`MAX_MESSAGE`] bytes.
    ///
    /// # Errors
    /// [`FrameError::EmptyMessage`] and [`FrameError::MessageTooLong`].
    pub fn new(message: &'a [u8]) -> Result<Self, FrameError> {
        match message.len() {
            0 => Err(FrameError::EmptyMessage),
            // [LINK-14]
            1..=MAX_MESSAGE => Ok(Self { rest: message }),
            _ => Err(FrameError::MessageTooLong),
        }
    }

    /// Size of the next frame's plaintext in bytes; `None` when the message is done.
    #[must_use]
    pub fn next_size(&self) -> Option<usize> {
        if self.rest.is_empty() { None } else { Some(smallest_frame(self.rest.len()).unwrap_or(MAX_FRAME)) }
    }

    /// Writes the next frame's plaintext to the front of `scratch` and gives that part of it; `None` when the message
    /// is done.
    pub fn write_next<'s>(&mut self, scratch: &'s mut [u8; MAX_FRAME]) -> Option<&'s [u8]> {
        let size = self.next_size()?;
        // [LINK-12] [LINK-13]: the smallest size that holds the rest, else a full frame of the largest.
        let (payload, rest) = self.rest.split_at_checked(MAX_PAYLOAD).unwrap_or((self.rest, &[]));
        self.rest = rest;
        let flags = if rest.is_empty() { 0 } else { MORE };
        let [high, low] = u16::try_from(payload.len()).ok()?.to_be_bytes();
        let frame = scratch.get_mut(..size)?;
        let (header, body) = frame.split_at_mut_checked(HEADER)?;
        header.copy_from_slice(&[flags, high, low]);
        let (content, padding) = body.split_at_mut_checked(payload.len())?;
        content.copy_from_slice(payload);
        padding.fill(0);
        Some(frame)
    }
}

/// Puts messages together from frames. Holds no memory between messages, and inside one at most twice what it has
/// received of it, never above [`MAX_MESSAGE`].
#[derive(Debug, Default)]
pub struct Assembler {
    message: Vec<u8>,
    broken: Option<FrameError>,
}

impl Assembler {
    /// Between messages.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the plaintext of the next frame; gives the message that it completes.
    ///
    /// # Errors
    /// All [`FrameError`]s but the first two. From then on every frame is refused with the same error.
    pub fn push(&mut self, frame: &[u8]) -> Result<Option<Vec<u8>>, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let parsed = parse(frame).and_then(|(payload, more)| {
            // [LINK-14]
            if self.message.len() + payload.len() > MAX_MESSAGE {
                Err(FrameError::Overlong)
            } else {
                Ok((payload, more))
            }
        });
        let (payload, more) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => {
                *self = Self { message: Vec::new(), broken: Some(error) };
                return Err(error);
            }
        };
        self.reserve(payload.len());
        self.message.extend_from_slice(payload);
        Ok(if more { None } else { Some(std::mem::take(&mut self.message)) })
    }

    /// Whether no message is incomplete.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.message.is_empty()
    }

    /// Doubles like `Vec` would, so that a long message is copied once, but never beyond the longest message.
    fn reserve(&mut self, more: usize) {
        let needed = self.message.len() + more;
        if needed > self.message.capacity() {
            let target = needed.max(self.message.len().saturating_mul(2)).min(MAX_MESSAGE);
            self.message.reserve_exact(target - self.message.len());
        }
    }
}

/// The payload of one frame, and whether more follow.
fn parse(frame: &[u8]) -> Result<(&[u8], bool), FrameError> {
    // [LINK-12]
    if !FRAME_SIZES.contains(&frame.len()) {
        return Err(FrameError::Size);
    }
    let ([flags, high, low], body) = frame.split_first_chunk::<HEADER>().ok_or(FrameError::Size)?;
    if flags & !MORE != 0 {
        return Err(FrameError::Flags);
    }
    let more = flags & MORE != 0;
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if length == 0 {
        return Err(FrameError::Length);
    }
    let (payload, padding) = body.split_at_checked(length).ok_or(FrameError::Length)?;
    // [LINK-13]
    let canonical =
        if more { frame.len() == MAX_FRAME && padding.is_empty() } else { smallest_frame(length) == Some(frame.len()) };
    if !canonical {
        return Err(FrameError::NotCanonical);
    }
    // A fold without an early end, so that the compiler can do many bytes at a time.
    if padding.iter().fold(0, |bits, byte| bits | byte) != 0 {
        return Err(FrameError::Padding);
    }
    Ok((payload, more))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(message: &[u8]) -> Vec<Vec<u8>> {
        let mut scratch = [0xAA; MAX_FRAME];
        let mut writer = FrameWriter::new(message).unwrap();
        let mut frames = Vec::new();
        while let Some(size) = writer.next_size() {
            let frame = writer.write_next(&mut scratch).unwrap();
            assert_eq!(frame.len(), size);
            frames.push(frame.to_vec());
            scratch.fill(0xAA); // stale bytes must not show in the next frame's padding
        }
        assert!(writer.write_next(&mut scratch).is_none());
        frames
    }

    fn assemble(frames: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, FrameError> {
        let mut assembler = Assembler::new();
        let mut messages = Vec::new();
        for frame in frames {
            messages.extend(assembler.push(frame)?);
            assert!(messages.iter().all(|message| message.capacity() <= MAX_MESSAGE));
        }
        assert!(assembler.is_idle() || !frames.is_empty());
        Ok(messages)
    }

    // [LINK-12] [LINK-13] [LINK-14]: each boundary of size, on both sides.
    #[test]
    fn every_boundary_round_trips_in_the_one_form() {
        let edges = [1, 253, 254, 1_021, 1_022, 4_093, 4_094, 16_381, 16_382, 65_516, 65_517, 131_032, 131_033];
        for length in edges.into_iter().chain([1 << 20, MAX_MESSAGE - 1, MAX_MESSAGE]) {
            let message: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let frames = frames(&message);
            assert_eq!(frames.len(), length.div_ceil(MAX_PAYLOAD));
            for (i, frame) in frames.iter().enumerate() {
                let last = i + 1 == frames.len();
                assert_eq!(frame[0], u8::from(!last));
                let left = length - i * MAX_PAYLOAD;
                let size = FRAME_SIZES.into_iter().find(|s| left + 3 <= *s).unwrap_or(MAX_FRAME);
                assert_eq!(frame.len(), size);
            }
            assert_eq!(assemble(&frames).unwrap(), vec![message]);
        }
    }

    // [LINK-14]
    #[test]
    fn empty_and_overlong_messages_are_refused_on_both_sides() {
        assert_eq!(FrameWriter::new(&[]).unwrap_err(), FrameError::EmptyMessage);
        assert_eq!(FrameWriter::new(&vec![0; MAX_MESSAGE + 1]).unwrap_err(), FrameError::MessageTooLong);
        let full = frames(&vec![7; MAX_PAYLOAD + 1])[0].clone();
        let mut assembler = Assembler::new();
        for _ in 0..MAX_MESSAGE / MAX_PAYLOAD {
            assert_eq!(assembler.push(&full), Ok(None));
            assert!(assembler.message.capacity() <= MAX_MESSAGE);
            assert!(assembler.message.capacity() <= 2 * assembler.message.len());
        }
        assert_eq!(assembler.push(&full), Err(FrameError::Overlong));
        assert_eq!(assembler.message.capacity(), 0);
        assert_eq!(assembler.push(&frames(b"later")[0]), Err(FrameError::Overlong));
    }

    // [LINK-12] [LINK-13]
    #[test]
    fn each_departure_from_the_one_form_has_its_error() {
        let good = frames(b"salam").remove(0);
        let refused = |frame: Vec<u8>| Assembler::new().push(&frame).unwrap_err();
        let altered = |at: usize, to: u8| {
            let mut frame = good.clone();
            frame[at] = to;
            frame
        };
        for size in [0, 1, 255, 257, 65_518, 65_520, 65_535] {
            assert_eq!(refused(vec![0; size]), FrameError::Size);
        }
        for bit in 1..8 {
            assert_eq!(refused(altered(0, 1 << bit)), FrameError::Flags);
        }
        assert_eq!(refused(altered(2, 0)), FrameError::Length);
        assert_eq!(refused(altered(2, 254)), FrameError::Length);
        assert_eq!(refused(altered(1, 0xFF)), FrameError::Length);
        assert_eq!(refused(altered(0, MORE)), FrameError::NotCanonical);
        assert_eq!(refused(altered(8, 1)), FrameError::Padding);
        assert_eq!(refused(altered(255, 0x80)), FrameError::Padding);
        let mut twice = altered(255, 0x80);
        twice[254] = 0x80;
        assert_eq!(refused(twice), FrameError::Padding);
        // The same content in a larger frame, and a frame of the largest size that is not full though more follow.
        for size in FRAME_SIZES.into_iter().skip(1) {
            let mut larger = good.clone();
            larger.resize(size, 0);
            assert_eq!(refused(larger.clone()), FrameError::NotCanonical);
            larger[0] = MORE;
            assert_eq!(refused(larger), FrameError::NotCanonical);
        }
    }

    #[test]
    fn holds_nothing_between_messages() {
        let mut assembler = Assembler::new();
        for frame in frames(&vec![1; 200_000]) {
            let complete = assembler.push(&frame).unwrap().is_some();
            assert_eq!(assembler.is_idle(), complete);
        }
        assert!(assembler.is_idle());
        assert_eq!(assembler.message.capacity(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        // [LINK-13]: several messages on one stream.
        #[test]
        fn any_messages_round_trip(lengths in prop::collection::vec(1usize..140_000, 1..4), seed: u8) {
            let messages: Vec<Vec<u8>> =
                lengths.iter().map(|n| (0..*n).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect()).collect();
            let stream: Vec<Vec<u8>> = messages.iter().flat_map(|m| frames(m)).collect();
            prop_assert_eq!(assemble(&stream).unwrap(), messages);
        }

        // Whatever is accepted is what the writer would have written: one message, one form.
        #[test]
        fn whatever_is_accepted_is_canonical(
            size in prop::sample::select(FRAME_SIZES.to_vec()),
            flags in 0u8..4,
            length: u16,
            dirt in prop::option::of((any::<prop::sample::Index>(), 1u8..)),
        ) {
            let mut frame = vec![0; size];
            frame[0] = flags;
            frame[1..3].copy_from_slice(&length.to_be_bytes());
            if let Some((at, byte)) = dirt {
                let at = 3 + at.index(size - 3);
                frame[at] = byte;
            }
            if let Ok(Some(message)) = Assembler::new().push(&frame) {
                prop_assert_eq!(frames(&message), vec![frame]);
            }
        }
    }
}
