"""Handshake of a link and sealed keys: chapter 04, sections 3 and 8."""

from encoding import Fixed, Struct, U16, decode, require
from noise import Handshake
from primitives import xwing_decapsulate

FIRST, SECOND = 96, 48
SEALED_KEY = Struct(encapsulated=Fixed(1120), message=Fixed(112))


def prologue(exporter):
    """Section 3 [LINK-07]."""
    return b"amanat/1 link" + U16.write(1) + exporter


def framed(message):
    return U16.write(len(message)) + message


def unframed(data, size):
    """A handshake message behind its length, which is looked at first [LINK-09]."""
    require(int.from_bytes(data[:2], "big") == size, "invalid", "length of a handshake message")
    require(len(data) >= size + 2, "cut_short")
    require(len(data) == size + 2, "left_over")
    return data[2:]


def device_side(exporter, static, ephemeral, relay_public):
    return Handshake("IK", True, prologue(exporter), s=static, e=ephemeral, rs=relay_public)


def relay_side(exporter, static, ephemeral):
    return Handshake("IK", False, prologue(exporter), s=static, e=ephemeral)


def read_empty(handshake, message):
    """Payloads of the handshake are empty."""
    require(handshake.read(message) == b"", "invalid", "payload in the handshake")


def open_sealed_key(data, context, noise_secret, sealing_seed, author_noise):
    """Section 8: the key of 16 bytes that the author has sealed to the reader [ID-55, ID-56]."""
    parts = decode(SEALED_KEY, data)
    psk = xwing_decapsulate(sealing_seed, parts["encapsulated"])
    handshake = Handshake("Xpsk1", False, b"amanat/1 sealed key" + context, s=noise_secret, psk=psk)
    key = handshake.read(parts["message"])
    require(handshake.keys["rs"] == author_noise, "does_not_open", "of another author")
    return key
