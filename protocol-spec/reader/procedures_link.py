"""The vectors of chapter 04."""

from frames import join_frames
from link import FIRST, SECOND, open_all, open_sealed_key, prologue, read_message
from noise import Handshake
from vector import lines


def frames(vector):
    return lines(message=join_frames(vector.bytes_list("frame")))


def link_first(vector):
    """The relay's side of a handshake."""
    secrets = {"s": vector.bytes("relay_noise"), "e": vector.bytes("relay_ephemeral")}
    first, sealed = vector.bytes("first"), vector.bytes_list("sealed")
    handshake = Handshake("IK", False, prologue(vector.number("version"), vector.bytes("exporter")), **secrets)
    read_message(handshake, first, FIRST)
    second = handshake.write(b"")
    from_device, _ = handshake.split()
    return lines(device_noise=handshake.keys["rs"], second=second, plain=open_all(from_device, sealed))


def link_second(vector):
    """The device's side."""
    keys = {"s": vector.bytes("device_noise"), "e": vector.bytes("device_ephemeral"), "rs": vector.bytes("relay_public")}
    second, sealed = vector.bytes("second"), vector.bytes_list("sealed")
    handshake = Handshake("IK", True, prologue(vector.number("version"), vector.bytes("exporter")), **keys)
    first = handshake.write(b"")
    read_message(handshake, second, SECOND)
    _, from_relay = handshake.split()
    return lines(first=first, plain=open_all(from_relay, sealed))


def sealed_key(vector):
    secrets = vector.bytes("reader_noise"), vector.bytes("reader_sealing")
    return lines(key=open_sealed_key(vector.bytes("sealed_key"), vector.bytes("context"), *secrets, vector.bytes("author")))


PROCEDURES = {"frames": frames, "link_first": link_first, "link_second": link_second, "sealed_key": sealed_key}
