"""History files: chapter 07, section 12, "History files"."""

from blake3 import blake3
from chain import Moment, VerifiedDevice
from documents import open_payload
from encoding import (B16, B32, B64, TIME, U8, U16, Enum, List, Opaque, Optional, Reader, Refused, Select, Struct, Text, decode,
                      require)
from link import SEALED_KEY_SIZE, open_sealed_key
from primitives import H, open_box, signature_verifies
from wire import BODY, CHAIN

MAGIC = b"amanatHI\x01"
MOST_BYTES, MOST_CONVERSATIONS, MOST_MESSAGES, MOST_SAYINGS = 96 * 1_048_576, 10_000, 250_000, 1_000_000
NONCE, FILE_KEY, SIGNATURE_PIECE = 16, 16, 65

HEADER = Struct(made_at=TIME, author=Opaque(CHAIN), reader=Optional(B32), key=Opaque(4096))
PRESENCE = Enum(1, here=1, deleted=2, expired=3)
REACTION = Struct(**{"from": Text(256)}, text=Text(32))
PIECE = Select({
    1: ("conversation", Struct(id=B16, title=Text(256), peer=Text(256), tier=U8)),
    2: ("message", Struct(
        id=B16, device=B32, **{"from": Text(256)}, name=Text(128), at=TIME, content_type=U16, body=Opaque(BODY),
        presence=PRESENCE, expires_at=Optional(TIME), edited=Optional(TIME), version=Optional(B16),
        reactions=List(REACTION, 2048), acknowledged=List(Text(256), 2048))),
})
LAST_PIECE = Select({3: ("signature", B64)})


def damaged(read, *arguments):
    """The result of `read`; whatever it refuses is damage."""
    try:
        return read(*arguments)
    except Refused as refused:
        raise Refused("damaged", str(refused)) from None


class HistoryFile:
    """A file whose header has been read and whose author has been judged as of when it was made [ID-58]."""

    def __init__(self, authority, data):
        require(len(data) <= MOST_BYTES and data[: len(MAGIC)] == MAGIC, "damaged")
        reader = Reader(data)
        reader.take(len(MAGIC))
        self.header = damaged(HEADER.read, reader)
        self.payload = reader.take(reader.left())
        require(len(self.payload) >= NONCE, "damaged", "no nonce")
        try:
            self.author = VerifiedDevice(authority, self.header["author"], Moment(self.header["made_at"]))
        except Refused as refused:
            raise Refused("author", str(refused)) from None

    def context(self):
        """What the key is bound to [ID-57]."""
        return H("history header", HEADER.write({**self.header, "key": b""}))

    def key_for(self, reader, secret):
        """The file key that is sealed to this device [ID-55, ID-56]."""
        require(self.header["reader"] == reader, "not_for_this")
        require(len(self.header["key"]) == SEALED_KEY_SIZE, "damaged", "no sealed key")
        author_noise = self.author.keys["noise"]
        try:
            return open_sealed_key(self.header["key"], self.context(), secret["noise"], secret["sealing"], author_noise)
        except Refused as refused:
            raise Refused("key", str(refused)) from None

    def key_under(self, passphrase):
        """The file key under a passphrase."""
        require(self.header["reader"] is None, "not_for_this")
        plain = open_box("history key", passphrase, self.header["key"])
        require(plain[FILE_KEY:] == self.context(), "key", "bound to another header")
        return plain[:FILE_KEY]

    def open(self, key):
        """The pieces, of which none is decoded before the signature over all of them has been checked [ID-58]."""
        plain = damaged(open_payload, key, self.payload)
        body, last = plain[:-SIGNATURE_PIECE], plain[-SIGNATURE_PIECE:]
        _, signature = damaged(decode, LAST_PIECE, last)
        signed = blake3(HEADER.write(self.header)) + blake3(body)
        require(signature_verifies(self.author.keys["signing"], "history file", signed, signature), "bad_signature")
        reader, pieces = Reader(body), []
        while reader.left():
            pieces.append(damaged(PIECE.read, reader))
        check_pieces(pieces)
        return pieces


def check_pieces(pieces):
    """A conversation stands before its messages, and there are no more than a reader takes [DELIV-220]."""
    messages = [piece for kind, piece in pieces if kind == "message"]
    require(not pieces or pieces[0][0] == "conversation", "damaged", "a message without a conversation")
    sayings = sum(len(message["reactions"]) + len(message["acknowledged"]) for message in messages)
    few = len(pieces) - len(messages) <= MOST_CONVERSATIONS and len(messages) <= MOST_MESSAGES and sayings <= MOST_SAYINGS
    require(few, "damaged", "more than a file may hold")
