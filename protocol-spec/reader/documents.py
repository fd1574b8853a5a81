"""Documents: payload, segments and manifest (chapter 06)."""

import re

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from blake3 import blake3
from encoding import B16, B32, U8, U64, List, Opaque, Reader, Struct, Text, Version, decode, require
from primitives import H, Refused, chacha_open, hkdf
from wire import RETENTION_CLASS

CHUNK, TAG, SEGMENT = 65_536, 16, 1_048_576
LARGEST = 1_099_243_192_320

MANIFEST = Struct(version=Version(1, "unknown_kind"), document=B16, name=Text(255), media_type=Opaque(127), size=U64, file_key=B16,
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


def chunk_nonce(index, last):
    return index.to_bytes(11, "big") + bytes([last])


def open_chunk(key, index, last, sealed):
    try:
        return chacha_open(key, chunk_nonce(index, last), b"", sealed)
    except Refused:
        raise Refused("altered", f"chunk {index}") from None


def open_payload(file_key, payload):
    """The plaintext of a whole payload (section 2) [DOC-01 to DOC-04]."""
    reader = Reader(payload)
    key = hkdf(file_key, reader.take(16), b"payload")
    chunks = []
    while True:
        require(reader.left(), "cut_short", "no last chunk")
        sealed = reader.take(min(CHUNK + TAG, reader.left()))
        last = len(sealed) < CHUNK + TAG
        try:
            plain = open_chunk(key, len(chunks), last, sealed)
        except Refused:
            require(not last, "altered")
            plain, last = open_chunk(key, len(chunks), True, sealed), True
        require(plain or not chunks, "empty_last_chunk", "an empty last chunk behind others")
        chunks.append(plain)
        if last:
            require(reader.left() == 0, "left_over", "bytes behind the last chunk")
            return b"".join(chunks)


def make_payload(file_key, nonce, plain):
    """The payload of a plaintext."""
    cipher, count = ChaCha20Poly1305(hkdf(file_key, nonce, b"payload")), chunk_count(len(plain))
    parts = (plain[i * CHUNK : (i + 1) * CHUNK] for i in range(count))
    return nonce + b"".join(cipher.encrypt(chunk_nonce(i, i == count - 1), part, b"") for i, part in enumerate(parts))


def make_segments(payload):
    """Section 3: the last one is filled up with zeros."""
    return [filled(payload[at : at + SEGMENT]) for at in range(0, len(payload), SEGMENT)]


def filled(segment):
    return segment.ljust(SEGMENT, b"\0")


def is_media_type(data):
    """Two tokens with a slash between them."""
    return re.fullmatch(rb"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", data) is not None


def check_manifest(data):
    """Section 5 [DOC-05, DOC-13]; gives its fields."""
    manifest = decode(MANIFEST, data)
    require(is_media_type(manifest["media_type"]), "invalid", "media type")
    require(manifest["size"] <= LARGEST, "invalid", "size")
    require(manifest["segments"] == segment_count(manifest["size"]), "invalid", "segments")
    return manifest


def check_document(manifest, segments):
    """Section 6: what a recipient checks before the file gets its name; gives the plaintext."""
    size = manifest["size"]
    require(len(segments) == manifest["segments"], "cut_short" if len(segments) < manifest["segments"] else "left_over")
    stream = b"".join(segments)
    payload, padding = stream[: payload_length(size)], stream[payload_length(size) :]
    require(not any(padding), "padding")
    require(payload[:16] == manifest["payload_nonce"], "altered", "another nonce")
    plain = open_payload(manifest["file_key"], payload)
    require(blake3(plain) == manifest["blake3"], "digest")
    return plain
