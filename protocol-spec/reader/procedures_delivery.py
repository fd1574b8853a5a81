"""The vectors of chapter 07."""

from chain import Authority, Moment, VerifiedDevice
from encoding import decode
from history import PIECE, HistoryFile
from procedures_primitives import passphrase_box
from statements import STAFF_SECRET, STATEMENT
from vector import lines, written


def history_file(vector):
    moment = Moment(vector.number("now"))
    authority = Authority(decode(STATEMENT, vector.bytes("authority")), moment)
    reader = VerifiedDevice(authority, vector.bytes("reader_chain"), moment)
    secret, passphrase = decode(STAFF_SECRET, vector.bytes("reader_secret")), vector.optional_text("passphrase")
    file = HistoryFile(authority, vector.bytes("file"))
    key = file.key_for(reader.device, secret) if passphrase is None else file.key_under(passphrase)
    return lines(author=file.author.device, piece=[piece_text(piece) for piece in file.open(key)])


def piece_text(piece):
    """The kind of a piece, and its encoding behind the kind."""
    encoded = PIECE.write(piece)
    return f"{encoded[0]} {written(encoded[1:])}"


PROCEDURES = {"passphrase_box": passphrase_box, "history_file": history_file}
