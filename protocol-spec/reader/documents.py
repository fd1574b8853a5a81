"""Documents: payload, segments and manifest (chapter 06)."""

import re

from blake3 import blake3
from encoding import B16, B32, U8, U64, List, Opaque, Reader, Struct, Text, Version, decode, require
from primitives import H, Refused, chacha_open, hkdf
from wire import RETENTION_CLASS

CHUNK, TAG, SEGMENT = 65_536, 16, 1_048_576
LARGEST = 1_099_243_192_320

MANIFEST = Struct(version=Version(1), document=B16, name=Text(255), media_type=Opaque(127), size=U64, file_key=B16,
                  payload_nonce=B16, blake3=B32, tier=U8, caveats=List(Text(64), 16), marks=Opaque(4096), segments=U64,
                  **{"class": RETENTION_CLASS})


def chunk_count(size):
    return max(1, -(-size // CHUNK))


def payload_length(size):
    """Section 3."""
    return 16 + size + TAG * chunk_count(size)


def segment_count(size):
    return -(-payload_length(size) // SEGMENT)


def segment_hash(document, index, segment):
    """Section 3 [DOC-07]."""
    return H("document segment", document, index.to_bytes(8, "big"), segment)


def open_chunk(key, index, last, sealed):
    nonce = index.to_bytes(11, "big") + bytes([last])
    return chacha_open(key, nonce, b"", sealed)


def open_payload(file_key, payload):
    """The plaintext of a whole payload (section 2) [DOC-01 to DOC-04]."""
    reader = Reader(payload)
    key = hkdf(file_key, reader.take(16), b"payload")
    chunks = []
    while True:
        sealed = reader.take(min(CHUNK + TAG, reader.left()))
        last = len(sealed) < CHUNK + TAG
        try:
            plain = open_chunk(key, len(chunks), last, sealed)
        except Refused:
            require(not last, "does_not_open")
            plain, last = open_chunk(key, len(chunks), True, sealed), True
        require(plain or not chunks, "does_not_open", "an empty last chunk behind others")
        chunks.append(plain)
        if last:
            require(reader.left() == 0, "left_over", "bytes behind the last chunk")
            return b"".join(chunks)


def is_media_type(data):
    """Two tokens with a slash between them."""
    return re.fullmatch(rb"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", data) is not None


def check_manifest(data):
    """Section 5 [DOC-05, DOC-13]; gives its fields."""
    manifest = decode(MANIFEST, data)
    require(is_media_type(manifest["media_type"]), "invalid", "media type")
    require(manifest["size"] <= LARGEST, "too_long", "size")
    require(manifest["segments"] == segment_count(manifest["size"]), "invalid", "segments")
    return manifest


def check_document(manifest, segments):
    """Section 6: what a recipient checks before the file gets its name; gives the plaintext."""
    size = manifest["size"]
    require(len(segments) == manifest["segments"], "cut_short" if len(segments) < manifest["segments"] else "left_over")
    require(all(len(segment) == SEGMENT for segment in segments), "invalid", "length of a segment")
    stream = b"".join(segments)
    payload, padding = stream[: payload_length(size)], stream[payload_length(size) :]
    require(not any(padding), "invalid", "padding that is not zero")
    require(payload[:16] == manifest["payload_nonce"], "does_not_open", "another nonce")
    plain = open_payload(manifest["file_key"], payload)
    require(len(plain) == size and blake3(plain) == manifest["blake3"], "does_not_open", "size or hash")
    return plain
