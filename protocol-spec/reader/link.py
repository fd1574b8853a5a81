"""Handshake of a link and sealed keys: chapter 04, sections 3 and 8."""

from encoding import Fixed, Struct, U16, decode, require
from noise import Handshake
from primitives import xwing_decapsulate

FIRST, SECOND = 96, 48
SEALED_KEY_SIZE = 1120 + 112
SEALED_KEY = Struct(encapsulated=Fixed(1120), message=Fixed(112))


def prologue(version, exporter):
    """Section 3 [LINK-07]."""
    return b"amanat/1 link" + U16.write(version) + exporter


def read_message(handshake, message, size):
    """A handshake message, of which the length is looked at first; its payload is empty [LINK-09]."""
    require(len(message) == size, "length", f"a handshake message of {len(message)} bytes")
    handshake.read(message)


def open_all(cipher, sealed):
    """What a channel's frames hold, from its first one on (section 4)."""
    return [cipher.open(b"", frame) for frame in sealed]


def open_sealed_key(data, context, noise_secret, sealing_seed, author_noise):
    """Section 8: the key of 16 bytes that the author has sealed to the reader [ID-55, ID-56]."""
    require(len(data) == SEALED_KEY_SIZE, "does_not_open", "length of a sealed key")
    parts = decode(SEALED_KEY, data)
    psk = xwing_decapsulate(sealing_seed, parts["encapsulated"])
    handshake = Handshake("Xpsk1", False, b"amanat/1 sealed key" + context, s=noise_secret, psk=psk)
    key = handshake.read(parts["message"])
    require(handshake.keys["rs"] == author_noise, "does_not_open", "of another author")
    return key
