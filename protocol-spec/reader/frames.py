"""The channel's frames and messages: chapter 04, sections 4 and 5."""

from encoding import require

SIZES = (256, 1024, 4096, 16384, 65519)
LARGEST = SIZES[-1]
MOST = 1_114_112


def smallest_size(payload):
    """The smallest frame that holds so many bytes."""
    return next(size for size in SIZES if payload <= size - 3)


def open_frame(plain):
    """One frame's plaintext; gives its payload and whether more frames of the message follow [LINK-12, LINK-13]."""
    require(len(plain) in SIZES, "size", f"a frame of {len(plain)} bytes")
    flags, length, rest = plain[0], int.from_bytes(plain[1:3], "big"), plain[3:]
    require(flags in (0, 1), "flags", str(flags))
    require(1 <= length <= len(rest), "length", str(length))
    if flags:
        require(length == LARGEST - 3, "not_canonical", "a frame that is not full before another")
    else:
        require(len(plain) == smallest_size(length), "not_canonical", "a larger frame than needed")
    require(not any(rest[length:]), "padding")
    return rest[:length], flags == 1


def join_frames(plains):
    """The messages that these frames make, one after the other [LINK-14]."""
    messages, begun = [], b""
    for plain in plains:
        payload, more = open_frame(plain)
        begun += payload
        require(len(begun) <= MOST, "too_long")
        if not more:
            messages.append(begun)
            begun = b""
    require(not begun, "cut_short", "the last frame says that more follow")
    return messages
