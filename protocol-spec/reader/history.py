"""History files: chapter 07, section 12."""

from blake3 import blake3
from encoding import B16, B32, B64, TIME, U8, U16, Enum, List, Opaque, Optional, Reader, Select, Struct, Text, decode, require
from documents import open_payload
from link import open_sealed_key
from primitives import H, open_box, signature_verifies
from wire import BODY, CHAIN

MAGIC = b"amanatHI\x01"
MOST_BYTES, MOST_CONVERSATIONS, MOST_MESSAGES, MOST_SAYINGS = 96 * 1_048_576, 10_000, 250_000, 1_000_000
SIGNATURE_PIECE = 65

HEADER = Struct(made_at=TIME, author=Opaque(CHAIN), reader=Optional(B32), key=Opaque(4096))
PRESENCE = Enum(1, here=1, deleted=2, expired=3)
REACTION = Struct(**{"from": Text(256)}, text=Text(32))
PIECE = Select({
    1: ("conversation", Struct(id=B16, title=Text(256), peer=Text(256), tier=U8)),
    2: ("message", Struct(
        id=B16, device=B32, **{"from": Text(256)}, name=Text(128), at=TIME, content_type=U16, body=Opaque(BODY),
        presence=PRESENCE, expires_at=Optional(TIME), edited=Optional(TIME), version=Optional(B16),
        reactions=List(REACTION, 2048), acknowledged=List(Text(256), 2048))),
    3: ("signature", B64),
})


class HistoryFile:
    """A file whose header has been read; its content opens with a key."""

    def __init__(self, data):
        require(len(data) <= MOST_BYTES, "too_large")
        require(data[: len(MAGIC)] == MAGIC, "damaged")
        reader = Reader(data)
        reader.take(len(MAGIC))
        self.header = HEADER.read(reader)
        self.payload = reader.take(reader.left())

    def context(self):
        """What the key is bound to [ID-57]."""
        return H("history header", HEADER.write({**self.header, "key": b""}))

    def key_for(self, noise_secret, sealing_seed, author_noise):
        """The file key, sealed to a reader."""
        return open_sealed_key(self.header["key"], self.context(), noise_secret, sealing_seed, author_noise)

    def key_under(self, passphrase):
        """The file key, under a passphrase."""
        plain = open_box("history key", passphrase, self.header["key"])
        require(plain[16:] == self.context(), "does_not_open", "key of another header")
        return plain[:16]

    def open(self, key, author_signing):
        """The pieces, of which none is decoded before the signature over all of them [ID-58, DELIV-220]."""
        plain = open_payload(key, self.payload)
        require(len(plain) >= SIGNATURE_PIECE, "cut_short")
        body, last = plain[:-SIGNATURE_PIECE], plain[-SIGNATURE_PIECE:]
        _, signature = decode(Select({3: PIECE.cases[3]}), last)
        signed = blake3(HEADER.write(self.header)) + blake3(body)
        require(signature_verifies(author_signing, "history file", signed, signature), "bad_signature")
        reader, pieces = Reader(body), []
        while reader.left():
            pieces.append(PIECE.read(reader))
        self.check_pieces(pieces)
        return pieces

    @staticmethod
    def check_pieces(pieces):
        """A conversation stands before its messages, and there are not more than a reader takes."""
        messages = [piece for name, piece in pieces if name == "message"]
        require(not any(name == "signature" for name, _ in pieces), "invalid", "a signature among the pieces")
        require(not pieces or pieces[0][0] == "conversation", "invalid", "a message without a conversation")
        require(len(pieces) - len(messages) <= MOST_CONVERSATIONS, "too_large")
        require(len(messages) <= MOST_MESSAGES, "too_large")
        sayings = sum(len(message["reactions"]) + len(message["acknowledged"]) for message in messages)
        require(sayings <= MOST_SAYINGS, "too_large")
