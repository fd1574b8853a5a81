"""The channel's frames and messages: chapter 04, sections 4 and 5."""

from encoding import Reader, require

SIZES = (256, 1024, 4096, 16384, 65519)
LARGEST = SIZES[-1]
MOST = 1_114_112
TAG = 16


def smallest_size(payload):
    """The smallest frame that holds so many bytes."""
    return next(size for size in SIZES if payload <= size - 3)


def open_frame(plain):
    """One frame's plaintext; gives its payload and whether more frames of the message follow [LINK-12, LINK-13]."""
    require(len(plain) in SIZES, "invalid", f"a frame of {len(plain)} bytes")
    reader = Reader(plain)
    flags, length = reader.integer(1), reader.integer(2)
    require(flags in (0, 1), "invalid", f"flags {flags}")
    require(1 <= length <= len(plain) - 3, "invalid", f"length {length}")
    payload = reader.take(length)
    require(not any(reader.take(reader.left())), "invalid", "padding that is not zero")
    if flags:
        require(length == LARGEST - 3, "invalid", "a frame that is not full before another")
    else:
        require(len(plain) == smallest_size(length), "invalid", "a larger frame than needed")
    return payload, bool(flags)


def join_frames(plains):
    """The message that these frames make, and no other frame behind it [LINK-14]."""
    message, more = b"", True
    for plain in plains:
        require(more, "left_over", "a frame behind the message")
        payload, more = open_frame(plain)
        message += payload
        require(len(message) <= MOST, "too_long")
    require(not more, "cut_short", "the last frame says that more follow")
    return message


def cut_message(message):
    """The one form of a message: full frames, then the smallest that holds the rest."""
    full = LARGEST - 3
    parts = [message[at : at + full] for at in range(0, len(message), full)]
    frames = []
    for place, part in enumerate(parts):
        head = bytes([place < len(parts) - 1]) + len(part).to_bytes(2, "big")
        frames.append((head + part).ljust(smallest_size(len(part)), b"\0"))
    return frames


def sealed_frames(stream):
    """The sealed frames of a stream, each behind its length, judged by that alone [LINK-15]."""
    reader, frames = Reader(stream), []
    while reader.left():
        length = reader.integer(2)
        require(length - TAG in SIZES, "invalid", f"a sealed frame of {length} bytes")
        frames.append(reader.take(length))
    return frames
