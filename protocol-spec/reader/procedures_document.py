"""The vectors of chapter 06."""

from blake3 import blake3
from documents import (LARGEST, SEGMENT, check_document, check_manifest, chunk_count, filled, make_payload, make_segments,
                       open_payload, payload_length, segment_count, segment_hash)
from encoding import require
from names import safe_name
from primitives import H
from vector import lines


def layout(vector):
    size = vector.number("size")
    require(size <= LARGEST, "too_long")
    length, segments = payload_length(size), segment_count(size)
    return lines(chunks=chunk_count(size), payload_length=length, segments=segments, last_length=length - (segments - 1) * SEGMENT)


def payload(vector):
    key, nonce, chunks = vector.bytes("file_key"), vector.bytes("nonce"), vector.bytes("chunks")
    return lines(plain=open_payload(key, nonce + chunks))


def hash_of_segment(vector):
    document, index = vector.bytes("document"), vector.number("index")
    return lines(hash=segment_hash(document, index, filled(vector.bytes("segment"))))


def manifest(vector):
    fields = check_manifest(vector.bytes("manifest"))
    theirs = H("document id", vector.bytes("conversation"), vector.bytes("sender"), fields["payload_nonce"])[:16]
    require(fields["document"] == theirs, "mismatch")
    return lines(document=fields["document"], safe_name=safe_name(fields["name"]).encode(),
                 media_type=fields["media_type"].decode(), **{name: fields[name] for name in (
                     "size", "file_key", "payload_nonce", "blake3", "tier")},
                 caveat=[caveat.encode() for caveat in fields["caveats"]],
                 **{name: fields[name] for name in ("marks", "segments", "class")})


def document(vector):
    segments = [filled(segment) for segment in vector.bytes_list("segment")]
    return lines(plain=check_document(check_manifest(vector.bytes("manifest")), segments))


def document_made(vector):
    key, nonce, name, size = vector.bytes("file_key"), vector.bytes("nonce"), vector.bytes("document"), vector.number("size")
    plain = bytes(i % 251 for i in range(size))
    segments = make_segments(make_payload(key, nonce, plain))
    return lines(segment_hash=[segment_hash(name, i, segment) for i, segment in enumerate(segments)], blake3=blake3(plain))


def name_made_safe(vector):
    return lines(safe=safe_name(vector.bytes("name").decode("utf-8")).encode())


PROCEDURES = {
    "layout": layout, "payload": payload, "segment_hash": hash_of_segment, "manifest": manifest, "document": document,
    "document_made": document_made, "safe_name": name_made_safe,
}
